// SPDX-License-Identifier: Apache-2.0
#include "worker/job_kept.h"

#include "core/base/file.h"
#include "worker/job_order.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static enum err_code spool_options(const char *folder, uint64_t output_max, char path[PATH_MAX],
                                   struct spool_options *ret, struct err *err)
{
    *ret = (struct spool_options){.path = path,
                                  .format = JOB_KEPT_FORMAT,
                                  .state_size = sizeof(struct job_kept_facts),
                                  .output_max = output_max};
    return path_join(path, PATH_MAX, folder, "reports", err);
}

enum err_code job_kept_create(const char *folder, const struct job_order *order,
                              uint64_t output_max, struct job_kept *ret, struct err *err)
{
    char path[PATH_MAX];
    struct spool_options options;
    enum err_code code = spool_options(folder, output_max, path, &options, err);
    if (code == ERR_OK) {
        memset(ret, 0, sizeof *ret);
        ret->facts.batch_max = order->batch_max;
        ret->facts.heartbeat_ms = order->heartbeat_ms;
        ret->facts.lease_ms = order->lease_ms;
        (void)snprintf(ret->facts.results, sizeof ret->facts.results, "%s", order->results);
        code = spool_create(&options, &ret->spool, err);
    }
    if (code == ERR_OK) {
        job_kept_save(ret);
    }
    return code;
}

enum err_code job_kept_open(struct scratch *scratch, struct job_kept *ret, struct err *err)
{
    char path[PATH_MAX];
    struct spool_options options;
    enum err_code code = spool_options(scratch->folder, SPOOL_OUTPUT_MAX, path, &options, err);
    memset(ret, 0, sizeof *ret);
    if (code == ERR_OK) {
        code = spool_open(&options, &ret->facts, &ret->spool, err);
    }
    if (code == ERR_OK) {
        code = scratch_set_results(scratch, ret->facts.results, err);
        if (code != ERR_OK) {
            job_kept_close(ret);
        }
    }
    return code;
}

void job_kept_close(struct job_kept *kept)
{
    spool_close(kept->spool);
    kept->spool = NULL;
}

void job_kept_save(struct job_kept *kept)
{
    if (kept->spool != NULL) {
        spool_save(kept->spool, &kept->facts);
    }
}

void job_kept_end(struct job_kept *kept, const struct job_verdict *verdict,
                  const struct program_end *end)
{
    struct job_kept_facts *facts = &kept->facts;
    facts->has_ended = 1;
    facts->keeps_results = verdict->keeps_results ? 1 : 0;
    facts->used_ms = end->used_ms;
    facts->exit_status = end->sandbox.exit_status;
    facts->signal = end->sandbox.signal;
    (void)snprintf(facts->ending, sizeof facts->ending, "%s", verdict->ending);
    (void)snprintf(facts->reason, sizeof facts->reason, "%s", verdict->reason);
    (void)snprintf(facts->detail, sizeof facts->detail, "%s", buf_text(&verdict->detail));
    job_kept_save(kept);
}

bool job_kept_verdict(const struct job_kept *kept, struct job_verdict *verdict,
                      struct program_end *ret_end)
{
    const struct job_kept_facts *facts = &kept->facts;
    if (facts->has_ended == 0) {
        return false;
    }
    verdict->decided = true;
    verdict->ending = facts->ending;
    verdict->reason = facts->reason;
    verdict->keeps_results = facts->keeps_results != 0;
    buf_clear(&verdict->detail);
    buf_append_text(&verdict->detail, facts->detail);
    *ret_end = (struct program_end){.used_ms = facts->used_ms};
    ret_end->sandbox.started = true;
    ret_end->sandbox.exit_status = (int)facts->exit_status;
    ret_end->sandbox.signal = (int)facts->signal;
    return true;
}
