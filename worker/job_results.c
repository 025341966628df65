// SPDX-License-Identifier: Apache-2.0
#include "worker/job_results.h"

#include "core/base/id.h"
#include "core/base/trace.h"
#include "worker/background.h"
#include "worker/result_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_TEXT_MAX 1024

struct job_results {
    struct job_results_options options;
    struct scratch scratch; /* copies: the pool may still look when the job is gone */
    char job_id[ID_TEXT_SIZE];
    struct scratch_results list;
    enum err_code list_code;
    struct err list_err;
    bool cancelled;
    struct job_kept_facts *facts;
    struct result_upload *upload; /* NULL: the pool lists */
};

enum err_code job_results_path(const char *job_id, const char *name, char *ret, size_t ret_size,
                               struct err *err)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    int const head = snprintf(ret, ret_size, "/v1/workers/jobs/%s/results/", job_id);
    size_t at = head < 0 ? ret_size : (size_t)head;
    for (; *name != 0 && at + 3 < ret_size; name++) {
        if (strchr(plain, *name) != NULL) {
            ret[at++] = *name;
        } else {
            (void)snprintf(ret + at, 4, "%%%02X", (unsigned)(unsigned char)*name);
            at += 3;
        }
    }
    if (*name != 0 || at >= ret_size) {
        return err_set(err, ERR_TOO_LARGE, "a result's name is too long");
    }
    ret[at] = 0;
    return ERR_OK;
}

static void destroy(struct job_results *results)
{
    result_upload_cancel(results->upload);
    scratch_results_deinit(&results->list);
    free(results);
}

static void finish(struct job_results *results, enum server_outcome outcome)
{
    struct job_results_options const options = results->options;
    struct job_results_summary summary = {0};
    summary.outcome = outcome;
    summary.stored = results->facts->results_stored - results->facts->results_refused;
    summary.left_out = results->list.left_out + results->facts->results_refused;
    destroy(results);
    options.on_done(options.ctx, &summary);
}

static void send_next(struct job_results *results);

static void on_stored(void *ctx, const struct server_reply *reply)
{
    struct job_results *results = ctx;
    struct job_kept_facts *facts = results->facts;
    bool const is_output = facts->output_stored == 0;
    results->upload = NULL;
    if (reply->outcome == SERVER_GONE || reply->outcome == SERVER_DENIED ||
        reply->outcome == SERVER_RETRY) {
        finish(results, reply->outcome);
        return;
    }
    if (reply->outcome == SERVER_REFUSED) {
        trace(TRACE_WARN, "job.result_refused", "job=%s status=%d code=%s detail=\"%s\"",
              results->options.job_id, reply->status, reply->code, reply->detail);
        facts->results_refused += is_output ? 0 : 1;
    }
    facts->output_stored = 1;
    facts->results_stored += is_output ? 0 : 1;
    job_kept_save(results->options.kept);
    send_next(results);
}

static enum err_code open_output_log(const struct job_results *results, int *ret_fd,
                                     uint64_t *ret_size, struct err *err)
{
    struct stat about;
    int const fd = open(results->options.scratch->output_log, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        enum err_code const code = err_set_errno(err, errno, "output.log");
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)about.st_size;
    return ERR_OK;
}

/* Send one file; false when it cannot be opened or sent. */
static bool send_file(struct job_results *results, const char *name, bool is_output)
{
    char path[PATH_TEXT_MAX];
    uint64_t size = 0;
    int fd = -1;
    struct err err = {0};
    enum err_code code = job_results_path(results->options.job_id, name, path, sizeof path, &err);
    if (code == ERR_OK) {
        code = is_output ? open_output_log(results, &fd, &size, &err)
                         : scratch_open_result(results->options.scratch, name, &fd, &size, &err);
    }
    if (code == ERR_OK) {
        struct result_upload_options const options = {
            .loop = results->options.loop,
            .server = results->options.server,
            .path = path,
            .fd = fd,
            .size = size,
            .patience_ms = results->options.patience_ms,
            .on_done = on_stored,
            .ctx = results,
        };
        code = result_upload_start(&options, &results->upload, &err);
    }
    if (code != ERR_OK) {
        trace_err(TRACE_WARN, "job.result_unsent", &err);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return code == ERR_OK;
}

static void send_next(struct job_results *results)
{
    struct job_kept_facts *facts = results->facts;
    if (facts->output_stored == 0) {
        if (send_file(results, SCRATCH_OUTPUT_LOG, true)) {
            return;
        }
        facts->output_stored = 1;
    }
    for (; facts->results_stored < results->list.count; facts->results_stored++) {
        if (send_file(results, results->list.items[facts->results_stored].name, false)) {
            return;
        }
        facts->results_refused++;
    }
    finish(results, SERVER_OK);
}

static void list_work(void *ctx)
{
    struct job_results *results = ctx;
    if (!results->options.only_output) {
        results->list_code =
            scratch_list_results(results->options.scratch, &results->list, &results->list_err);
    }
}

static void list_done(void *ctx)
{
    struct job_results *results = ctx;
    if (results->cancelled) {
        destroy(results);
        return;
    }
    if (results->list_code != ERR_OK) {
        trace_err(TRACE_ERROR, "job.results_unlisted", &results->list_err);
    }
    send_next(results); /* from here on there is an upload, or it is finished */
}

enum err_code job_results_start(const struct job_results_options *options,
                                struct job_results **ret_results, struct err *err)
{
    struct job_results *results = calloc(1, sizeof *results);
    if (results == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for results");
    }
    results->options = *options;
    results->scratch = *options->scratch;
    (void)snprintf(results->job_id, sizeof results->job_id, "%s", options->job_id);
    results->options.scratch = &results->scratch;
    results->facts = &options->kept->facts;
    results->options.job_id = results->job_id;
    *ret_results = results;
    if (!background_run(options->loop, list_work, list_done, results)) {
        free(results);
        return err_set(err, ERR_NOMEM, "no memory for results");
    }
    return ERR_OK;
}

void job_results_cancel(struct job_results *results)
{
    if (results == NULL) {
        return;
    }
    if (results->upload == NULL) { /* still on the pool, which looks at it again */
        results->cancelled = true;
        return;
    }
    destroy(results);
}
