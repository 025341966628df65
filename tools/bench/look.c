/* What a job's page reads, from the views of a log: facts, progress, legs, escrow, the last minute of metrics, the newest output. A snapshot for each, as
 * a request has. Twice: the pages of a hundred jobs, as people have open, and of every job in turn, which no cache of the processor holds. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/ledger/replay.h"
#include "projections/all.h"
#include "projections/job_output.h"
#include "projections/jobs.h"
#include "projections/metrics.h"
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOKS 20000
#define OPEN_PAGES 100
#define SAMPLES 30
#define LINES 50

static enum err_code all_jobs(struct views *views, struct id16 *ret, size_t *ret_count,
                              struct err *err)
{
    struct views_snapshot *snapshot;
    struct jobs_entry entries[500];
    struct jobs_filter filter = {.role = JOBS_OF_ALL};
    size_t got;
    *ret_count = 0;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    while (*ret_count < BENCH_JOBS_MAX - 500 &&
           (got = jobs_list(views_snapshot_store(snapshot), &filter, entries, 500)) > 0) {
        for (size_t i = 0; i < got; i++) {
            ret[(*ret_count)++] = entries[i].job_id;
        }
        filter.before = entries[got - 1].created_sequence;
    }
    views_snapshot_close(snapshot);
    return *ret_count > 0 ? ERR_OK : err_set(err, ERR_NOT_FOUND, "there is no job to look at");
}

static enum err_code look(struct views *views, struct id16 job_id, uint64_t *seen, struct err *err)
{
    struct views_snapshot *snapshot;
    struct job_view job;
    struct job_progress_view progress;
    struct job_leg_view legs[16];
    struct escrow_row escrow;
    struct metric_sample samples[SAMPLES];
    struct output_batch lines[LINES];
    uint64_t first;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    if (jobs_get(store, job_id, &job)) {
        jobs_get_progress(store, job_id, &progress);
        *seen += progress.permille + jobs_get_legs(store, job_id, 0, legs, 16) +
                 (state_escrow(store, job.escrow_id, &escrow) ? 1 : 0) +
                 metrics_newest(store, job_id, samples, SAMPLES, &first) +
                 job_output_list(store, job_id, 0, lines, LINES);
    }
    views_snapshot_close(snapshot);
    return ERR_OK;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median over looks at `count` of the jobs, evenly spread. */
static enum err_code look_many(struct views *views, const struct id16 *jobs, size_t step,
                               size_t count, int64_t *ret_ns, uint64_t *seen, struct err *err)
{
    int64_t *took = calloc(LOOKS, sizeof *took);
    enum err_code code = ERR_OK;
    if (took == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < LOOKS && code == ERR_OK; i++) {
        int64_t start = time_mono_ns();
        code = look(views, jobs[i * UINT64_C(7919) % count * step], seen, err);
        took[i] = time_mono_ns() - start;
    }
    if (code == ERR_OK) {
        qsort(took, LOOKS, sizeof *took, by_size);
        *ret_ns = took[LOOKS / 2];
    }
    free(took);
    return code;
}

static enum err_code look_both(struct views *views, struct id16 *jobs, struct err *err)
{
    uint64_t seen = 0;
    size_t count = 0;
    int64_t open_ns = 0;
    int64_t all_ns = 0;
    enum err_code code = all_jobs(views, jobs, &count, err);
    if (code != ERR_OK) {
        return code;
    }
    if (count < OPEN_PAGES) {
        return err_set(err, ERR_INVALID, "%d jobs at least, not %zu", OPEN_PAGES, count);
    }
    code = look_many(views, jobs, count / OPEN_PAGES, OPEN_PAGES, &open_ns, &seen, err);
    if (code == ERR_OK) {
        code = look_many(views, jobs, 1, count, &all_ns, &seen, err);
    }
    if (code == ERR_OK) {
        printf("{\"ns\":%" PRId64 ",\"all_ns\":%" PRId64 ",\"jobs\":%zu,\"seen\":%" PRIu64 "}\n",
               open_ns, all_ns, count, seen);
    }
    return code;
}

enum err_code bench_look(const struct bench_options *options, struct err *err)
{
    char folder[4096];
    struct views *views = NULL;
    struct projection_list projections = {PROJECTIONS, PROJECTION_COUNT};
    (void)snprintf(folder, sizeof folder, "%s/views", options->dir);
    struct views_options views_options = {.folder = folder, .read_only = true};
    enum err_code code = replay_open_views(&views_options, &projections, &views, err);
    struct id16 *jobs = calloc(BENCH_JOBS_MAX, sizeof *jobs);
    if (jobs == NULL && code == ERR_OK) {
        code = err_set(err, ERR_NOMEM, "out of memory");
    } else if (code == ERR_OK) {
        code = look_both(views, jobs, err);
    }
    free(jobs);
    views_close(views);
    return code;
}
