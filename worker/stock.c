// SPDX-License-Identifier: Apache-2.0
#include "worker/stock.h"

#include "core/base/text.h"
#include "core/base/trace.h"
#include "worker/container.h"
#include "worker/frameworks.h"
#include "worker/job_kind.h"
#include "worker/models.h"

#include <stdio.h>
#include <string.h>

/* Better an offer without a list than a worker that does not run: its jobs are those that need nothing of it. */
static void keep(enum err_code code, struct buf *list, const char *event, const struct err *err,
                 char ret[SOFTWARE_LIST_MAX + 1])
{
    if (code != ERR_OK) {
        trace_err(TRACE_WARN, event, err);
    }
    (void)snprintf(ret, SOFTWARE_LIST_MAX + 1, "%s", code == ERR_OK ? buf_text(list) : "");
    buf_clear(list);
}

void stock_find(const char *state, const struct machine *machine, const struct job_kinds *kinds,
                struct stock *ret)
{
    struct buf list;
    struct buf closed;
    struct err err = {0};
    buf_init(&list, SOFTWARE_LIST_MAX);
    buf_init(&closed, MODELS_CLOSED_MAX);
    *ret = (struct stock){0};
    keep(frameworks_find(state, machine, &list, &err), &list, "stock.no_packages", &err,
         ret->packages);
    if (kinds->models.folder != NULL) {
        keep(models_find(kinds->models.folder, state, machine, &list, &closed, &err), &list,
             "stock.no_models", &err, ret->models);
    }
    if (kinds->runs[JOB_KIND_CONTAINER]) {
        keep(container_images(kinds->engine, &list, &err), &list, "stock.no_images", &err,
             ret->images);
    }
    trace(TRACE_INFO, "stock.found", "packages=\"%s\" models=\"%s\" images=\"%s\"", ret->packages,
          ret->models, ret->images);
    buf_deinit(&list);
    buf_deinit(&closed);
}

bool stock_equal(const struct stock *a, const struct stock *b)
{
    return strcmp(a->packages, b->packages) == 0 && strcmp(a->models, b->models) == 0 &&
           strcmp(a->images, b->images) == 0;
}

static void add_names(const char *member, const char *list, struct buf *ret)
{
    struct bytes rest = bytes_of_text(list);
    struct bytes name;
    struct bytes none;
    const char *between = "";
    buf_printf(ret, ",\"%s\":[", member);
    while (software_next(&rest, &name, &none)) {
        buf_append_text(ret, between);
        json_append_string(ret, name);
        between = ",";
    }
    buf_append_text(ret, "]");
}

void stock_json(const struct stock *stock, struct buf *ret)
{
    if (stock->packages[0] != 0) { /* else they are not told, which is not that there are none */
        buf_append_text(ret, ",\"packages\":");
        frameworks_json(bytes_of_text(stock->packages), ret);
    }
    add_names("models", stock->models, ret);
    add_names("images", stock->images, ret);
}

void stock_words(const char *list, struct buf *ret)
{
    struct bytes rest = bytes_of_text(list);
    struct bytes name;
    struct bytes none;
    const char *between = "";
    while (software_next(&rest, &name, &none)) {
        buf_append_text(ret, between);
        buf_append_bytes(ret, name);
        between = ", ";
    }
}
