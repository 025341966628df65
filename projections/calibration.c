// SPDX-License-Identifier: Apache-2.0
#include "projections/calibration.h"

#include "core/market/observed.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

struct counts_row {
    uint64_t finished;
    uint64_t within_p50;
    uint64_t within_p90;
};

static_assert(sizeof(struct counts_row) == 3 * 8, "no padding");

static const struct store_table CALIBRATION = {"view_calibration"};

static uint64_t ran_on(struct store *store, const struct quote_row *quote)
{
    struct offer_row offer;
    if (!state_offer(store, quote->offer_id, &offer)) {
        store_fail(store, ERR_CORRUPT, "calibration: the log speaks of an unknown offer");
        return 0;
    }
    return offer.device == DEVICE_GPU ? offer.gpu_model : CALIBRATION_CPU;
}

static void count(struct store *store, const struct quote_row *quote, uint64_t used_ms)
{
    struct counts_row row;
    struct view_key key = {0};
    view_key_u64(&key, quote->job_type);
    view_key_u64(&key, ran_on(store, quote));
    if (!view_get(store, &CALIBRATION, &key, &row, sizeof row)) {
        memset(&row, 0, sizeof row);
    }
    row.finished++;
    row.within_p50 += used_ms <= quote->p50_ms;
    row.within_p90 += used_ms <= quote->p90_ms;
    view_put(store, &CALIBRATION, &key, &row, sizeof row);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    (void)sequence;
    struct job_row job;
    struct quote_row quote;
    if (event->type->number != EVENT_JOB_COMPLETED && event->type->number != EVENT_JOB_FAILED &&
        event->type->number != EVENT_JOB_CANCELLED) {
        return;
    }
    enum ending ending = event->u.job_completed.ending;
    if (view_job_row(store, event->stream_id, &job) && job.other_work == 0 &&
        state_quote(store, job.quote_id, &quote) && observed_time_is_known(&job, &quote, ending)) {
        count(store, &quote, event->u.job_completed.used_ms);
    }
}

size_t calibration_list(struct store *store, struct calibration_entry *ret, size_t max)
{
    struct view_key at = {.size = 16};
    struct bytes value;
    size_t n = 0;
    while (n < max && view_next(store, &CALIBRATION, &at, 0, &value)) {
        struct counts_row row;
        if (value.size != sizeof row) {
            store_fail(store, ERR_CORRUPT, "calibration: a row of another size");
            break;
        }
        memcpy(&row, value.data, sizeof row);
        ret[n++] = (struct calibration_entry){.job_type = get_be64(at.b),
                                              .ran_on = get_be64(at.b + 8),
                                              .finished = row.finished,
                                              .within_p50 = row.within_p50,
                                              .within_p90 = row.within_p90};
    }
    return n;
}

static const struct store_table *const TABLES[] = {&CALIBRATION};
const struct projection PROJECTION_CALIBRATION = {"calibration", TABLES, 1, apply};
