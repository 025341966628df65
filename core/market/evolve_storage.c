// SPDX-License-Identifier: Apache-2.0
#include "core/market/evolve_internal.h"
#include "core/market/storage.h"

#include <assert.h>
#include <string.h>

#define KEY_SIZE (1 + 16)

static_assert(sizeof(struct storage_row) == 4 * 8, "no padding");

const struct store_table STATE_STORAGE = {"storage"};

static void make_key(enum stream_kind kind, struct id16 id, uint8_t ret[KEY_SIZE])
{
    ret[0] = (uint8_t)kind;
    memcpy(ret + 1, id.b, sizeof id.b);
}

struct storage_row state_storage(struct store *store, enum stream_kind kind, struct id16 id)
{
    struct storage_row row;
    uint8_t key[KEY_SIZE];
    make_key(kind, id, key);
    if (!store_get_row(store, &STATE_STORAGE, bytes_of(key, sizeof key), &row, sizeof row)) {
        memset(&row, 0, sizeof row);
    }
    return row;
}

static void put(struct store *state, enum stream_kind kind, struct id16 id,
                const struct storage_row *row)
{
    uint8_t key[KEY_SIZE];
    make_key(kind, id, key);
    store_put(state, &STATE_STORAGE, bytes_of(key, sizeof key), bytes_of(row, sizeof *row));
}

/* As many bytes more in this stream's row and in its account's. */
static void hold(struct store *state, enum stream_kind kind, struct id16 id, struct id16 account_id,
                 uint64_t size)
{
    struct storage_row row = state_storage(state, kind, id);
    row.bytes += size;
    put(state, kind, id, &row);
    row = state_storage(state, STREAM_ACCOUNT, account_id);
    row.bytes += size;
    put(state, STREAM_ACCOUNT, account_id, &row);
}

static void erase(struct store *state, enum stream_kind kind, uint64_t sequence,
                  const struct event *event)
{
    struct id16 const account_id = event->u.upload_erased.account_id;
    struct storage_row row = state_storage(state, kind, event->stream_id);
    struct storage_row account = state_storage(state, STREAM_ACCOUNT, account_id);
    if (row.erased != 0 || account.bytes < row.bytes) {
        evolve_missing(state, "file");
        return;
    }
    account.bytes -= row.bytes;
    put(state, STREAM_ACCOUNT, account_id, &account);
    row.bytes = 0;
    row.erased = sequence;
    put(state, kind, event->stream_id, &row);
}

static void count_job(struct store *state, struct id16 upload_id, uint64_t more)
{
    struct storage_row row = state_storage(state, STREAM_UPLOAD, upload_id);
    row.jobs_open += more; /* modulo 2^64: one less, if it is all ones */
    put(state, STREAM_UPLOAD, upload_id, &row);
}

static void count_change(struct store *state, const struct event *event)
{
    struct storage_row row = state_storage(state, event->type->stream_kind, event->stream_id);
    row.changes++;
    put(state, event->type->stream_kind, event->stream_id, &row);
}

void evolve_storage(struct store *state, uint64_t sequence, const struct event *event)
{
    struct job_row job;
    switch (event->type->number) {
    case EVENT_UPLOAD_RECEIVED:
        hold(state, STREAM_UPLOAD, event->stream_id, event->u.upload_received.account_id,
             event->u.upload_received.size);
        break;
    case EVENT_ANALYSIS_COMPLETED:
    case EVENT_ANALYSIS_OVERRIDDEN:
    case EVENT_JOB_RATED:
        count_change(state, event);
        break;
    case EVENT_UPLOAD_ERASED:
        erase(state, STREAM_UPLOAD, sequence, event);
        break;
    case EVENT_JOB_CREATED:
        count_job(state, event->u.job_created.upload_id, 1);
        break;
    case EVENT_RESULT_STORED:
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        if (!state_job(state, event->stream_id, &job)) {
            evolve_missing(state, "job");
        } else if (event->type->number == EVENT_RESULT_STORED) {
            hold(state, STREAM_JOB, event->stream_id, job.account_id, event->u.result_stored.size);
        } else {
            count_job(state, job.upload_id, UINT64_MAX);
        }
        break;
    case EVENT_JOB_ERASED:
        erase(state, STREAM_JOB, sequence, event);
        break;
    default:
        break;
    }
}
