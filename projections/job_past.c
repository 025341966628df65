/* Two lists of sequences, merged: the job's own, and the ledger's for the terms, which say how many confirmations a lock needs. Nothing else that an answer shows
 * depends on other events; what evolve asks of quotes, accounts and machines decides nothing in the job's own rows that they could have changed since. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/job_past.h"

#include "core/base/invariant.h"
#include "core/base/scratch_store.h"
#include "core/market/evolve.h"
#include "core/market/observed.h"
#include "projections/jobs.h"
#include "projections/streams.h"

#include <stdlib.h>

#define SEQUENCES 128
#define ROWS_SIZE_MAX ((size_t)16 << 20)
#define EVENT_SIZE_MAX ((size_t)1 << 20) /* decoded; a record is 64 KiB */
#define NONE_LEFT UINT64_MAX

struct cursor {
    enum stream_kind kind;
    struct id16 id;
    uint64_t after; /* the last one that was fetched */
    size_t count;
    size_t at;
    uint64_t sequences[SEQUENCES];
};

struct job_past {
    struct id16 job_id;
    uint64_t as_of;
    bool has_begun;
    struct cursor job;
    struct cursor ledger;
    uint64_t looked_at;
    struct store *rows;
    struct arena arena;
};

static const struct store_table *const SHARED[] = {
    &STATE_ACCOUNTS, &STATE_HOSTS, &STATE_QUOTES, &STATE_SETTLEMENT_KEYS, &STATE_OBSERVED,
};
static const struct store_table *const DROPPED[] = {&STATE_COMMANDS}; /* a row an event */

struct job_past *job_past_create(struct id16 job_id, uint64_t as_of)
{
    const struct scratch_store_options options = {
        .shared = SHARED,
        .shared_count = sizeof SHARED / sizeof *SHARED,
        .dropped = DROPPED,
        .dropped_count = sizeof DROPPED / sizeof *DROPPED,
        .size_max = ROWS_SIZE_MAX,
    };
    struct job_past *past = calloc(1, sizeof *past);
    struct store *rows = scratch_store_create(&options);
    if (past == NULL || rows == NULL) {
        scratch_store_destroy(rows);
        free(past);
        return NULL;
    }
    past->job_id = job_id;
    past->as_of = as_of;
    past->job = (struct cursor){.kind = STREAM_JOB, .id = job_id};
    past->ledger = (struct cursor){.kind = STREAM_LEDGER};
    past->rows = rows;
    arena_init(&past->arena, EVENT_SIZE_MAX);
    return past;
}

void job_past_destroy(struct job_past *past)
{
    if (past != NULL) {
        scratch_store_destroy(past->rows);
        arena_deinit(&past->arena);
        free(past);
    }
}

struct store *job_past_store(struct job_past *past)
{
    return past->rows;
}

/* If the terms are still those of when the job began, the ledger's events need not be read. */
static void begin(struct job_past *past, struct store *views)
{
    struct job_row job;
    struct ledger_row ledger;
    past->has_begun = true;
    if (state_job(views, past->job_id, &job) && state_ledger(views, &ledger) &&
        ledger.terms_sequence < job.created_sequence) {
        store_put(past->rows, &STATE_LEDGER, bytes_of_text("l"), bytes_of(&ledger, sizeof ledger));
        past->ledger.after = NONE_LEFT;
    }
}

/* Its next sequence, not taken yet; NONE_LEFT behind `as_of`. */
static uint64_t peek(struct cursor *cursor, struct store *views, uint64_t as_of)
{
    if (cursor->at == cursor->count && cursor->after != NONE_LEFT) {
        cursor->at = 0;
        cursor->count = streams_after(views, cursor->kind, cursor->id, cursor->after,
                                      cursor->sequences, SEQUENCES);
        cursor->after = cursor->count == 0 ? NONE_LEFT : cursor->sequences[cursor->count - 1];
    }
    bool is_left = cursor->at < cursor->count && cursor->sequences[cursor->at] <= as_of;
    return is_left ? cursor->sequences[cursor->at] : NONE_LEFT;
}

/* 0: there is none left. */
static uint64_t take_next(struct job_past *past, struct store *views)
{
    uint64_t of_job = peek(&past->job, views, past->as_of);
    uint64_t of_ledger = peek(&past->ledger, views, past->as_of);
    struct cursor *first = of_job < of_ledger ? &past->job : &past->ledger;
    if (of_job == NONE_LEFT && of_ledger == NONE_LEFT) {
        return 0;
    }
    return first->sequences[first->at++];
}

static enum err_code apply(struct job_past *past, uint64_t sequence, struct bytes record,
                           struct err *err)
{
    struct record_header header;
    struct event event;
    enum err_code code = record_header_decode(record, &header, err);
    if (code != ERR_OK || header.type == EVENT_JOB_OUTPUT || header.type == EVENT_METRIC_SAMPLED) {
        return code;
    }
    arena_clear(&past->arena);
    code = record_decode(record, &past->arena, &event, err);
    if (code == ERR_OK) {
        market_evolve(past->rows, sequence, &event);
        PROJECTION_JOBS.apply(past->rows, sequence, &event);
        code = store_check(past->rows, err);
    }
    return code;
}

enum err_code job_past_advance(struct job_past *past, struct store *views,
                               const struct job_past_records *records, size_t max, bool *ret_done,
                               struct err *err)
{
    enum err_code code = ERR_OK;
    bool done = false;
    scratch_store_read_under(past->rows, views);
    if (!past->has_begun) {
        begin(past, views);
    }
    for (size_t i = 0; i < max && code == ERR_OK; i++) {
        struct bytes record = {0};
        uint64_t sequence = take_next(past, views);
        code = store_check(views, err);
        done = sequence == 0;
        if (code != ERR_OK || done) {
            break;
        }
        if (past->looked_at++ == JOB_PAST_EVENTS_MAX) {
            code = err_set(err, ERR_TOO_LARGE, "there are more than %d events up to that one",
                           JOB_PAST_EVENTS_MAX);
        }
        if (code == ERR_OK) {
            code = records->read(records->ctx, sequence, &record, err);
        }
        if (code == ERR_OK) {
            code = apply(past, sequence, record, err);
        }
    }
    scratch_store_read_under(past->rows, NULL);
    if (code == ERR_OK) {
        *ret_done = done;
    }
    return code;
}
