// SPDX-License-Identifier: Apache-2.0
#include "projections/job_output.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct output_batch) == 6 * 8, "no padding");

static const struct store_table OUTPUT = {"view_job_output"};
static const struct store_table RESULTS = {"view_job_results"};

#define JOB_PREFIX 16

static struct view_key row_key(struct id16 job_id, uint64_t number)
{
    struct view_key key = {0};
    view_key_id(&key, job_id);
    view_key_u64(&key, number);
    return key;
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    if (event->type->number == EVENT_JOB_OUTPUT) {
        const struct ev_job_output *output = &event->u.job_output;
        struct output_batch batch = {
            .sequence = sequence,
            .first_line = output->first_line,
            .lines = output->lines,
            .size = output->size,
            .source = output->source,
            .quota_reached = output->quota_reached,
        };
        struct view_key key = row_key(event->stream_id, output->first_line);
        view_put(store, &OUTPUT, &key, &batch, sizeof batch);
    } else if (event->type->number == EVENT_RESULT_STORED) {
        struct view_key key = row_key(event->stream_id, sequence);
        view_put(store, &RESULTS, &key, &event->u.result_stored.size, sizeof(uint64_t));
    }
}

static const struct store_table *const TABLES[] = {&OUTPUT, &RESULTS};
const struct projection PROJECTION_JOB_OUTPUT = {
    .name = "job_output", .tables = TABLES, .table_count = 2, .apply = apply};

size_t job_output_list(struct store *store, struct id16 job_id, uint64_t after,
                       struct output_batch *ret, size_t max)
{
    struct bytes value;
    size_t count = 0;
    if (after >= UINT64_MAX - 1) {
        return 0;
    }
    /* Line after + 1 is in the last batch that begins at it or before. */
    struct view_key at = row_key(job_id, after + 2);
    if (!view_previous(store, &OUTPUT, &at, JOB_PREFIX, &value)) {
        at = row_key(job_id, 0);
    } else if (max > 0) {
        struct output_batch batch;
        INVARIANT(value.size == sizeof batch);
        memcpy(&batch, value.data, sizeof batch);
        if (batch.first_line + batch.lines > after + 1 || batch.quota_reached != 0) {
            ret[count++] = batch;
        }
    }
    while (count < max && view_next(store, &OUTPUT, &at, JOB_PREFIX, &value)) {
        INVARIANT(value.size == sizeof *ret);
        memcpy(&ret[count++], value.data, sizeof *ret);
    }
    return count;
}

size_t job_output_before(struct store *store, struct id16 job_id, uint64_t before,
                         struct output_batch *ret, size_t max)
{
    struct view_key at = row_key(job_id, before);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_previous(store, &OUTPUT, &at, JOB_PREFIX, &value)) {
        INVARIANT(value.size == sizeof *ret);
        memcpy(&ret[count++], value.data, sizeof *ret);
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct output_batch batch = ret[i];
        ret[i] = ret[count - 1 - i];
        ret[count - 1 - i] = batch;
    }
    return count;
}

uint64_t job_output_last_line(struct store *store, struct id16 job_id)
{
    struct output_batch batch;
    return job_output_before(store, job_id, UINT64_MAX, &batch, 1) == 0
               ? 0
               : batch.first_line + batch.lines - 1;
}

size_t job_results_list(struct store *store, struct id16 job_id, uint64_t after,
                        struct result_entry *ret, size_t max)
{
    struct view_key at = row_key(job_id, after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &RESULTS, &at, JOB_PREFIX, &value)) {
        INVARIANT(value.size == sizeof ret->size);
        ret[count].sequence = view_key_last_u64(&at);
        memcpy(&ret[count].size, value.data, sizeof ret->size);
        count++;
    }
    return count;
}
