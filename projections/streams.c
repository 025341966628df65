// SPDX-License-Identifier: Apache-2.0
#include "projections/streams.h"

#include "projections/sequence_list.h"
#include "projections/view_rows.h"

static void add(struct store *store, enum stream_kind kind, struct id16 id, uint64_t sequence)
{
    if (id_is_zero(id) && kind != STREAM_LEDGER) {
        return; /* nobody: an operator's token, a host not said */
    }
    sequence_list_add(store, kind, id, sequence);
}

/* Turns of a job are told to its host; what it reported itself is not told back. */
static struct id16 host_of_turn(const struct event *event)
{
    switch (event->type->number) {
    case EVENT_JOB_ASSIGNED:
        return event->u.job_assigned.host_id;
    case EVENT_JOB_RELEASED:
        return event->u.job_released.host_id;
    case EVENT_JOB_STARTED:
        return event->u.job_started.host_id;
    default:
        return (struct id16){0};
    }
}

static void add_job(struct store *store, uint64_t sequence, const struct event *event,
                    struct id16 job_id)
{
    struct job_row job;
    if (!view_job_row(store, job_id, &job)) {
        return;
    }
    add(store, STREAM_JOB, job_id, sequence);
    add(store, STREAM_ACCOUNT, job.account_id, sequence);
    add(store, STREAM_ACCOUNT, job.provider_id, sequence);
    add(store, STREAM_HOST, host_of_turn(event), sequence);
    if ((event->type->number == EVENT_JOB_COMPLETED || event->type->number == EVENT_JOB_FAILED ||
         event->type->number == EVENT_JOB_CANCELLED) &&
        job.attempt > 0) {
        /* Also if it had not started: the host that was to start it must hear of the end. */
        add(store, STREAM_HOST, job.host_id, sequence);
    }
}

static void add_upload(struct store *store, uint64_t sequence, struct id16 upload_id)
{
    struct upload_row upload;
    if (!state_upload(store, upload_id, &upload)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown upload");
        return;
    }
    add(store, STREAM_ACCOUNT, upload.account_id, sequence);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct id16 job_id;
    add(store, event->type->stream_kind, event->stream_id, sequence);
    if (view_job_of(event, &job_id)) {
        add_job(store, sequence, event, job_id);
        return;
    }
    switch (event->type->number) {
    case EVENT_UPLOAD_RECEIVED:
        add(store, STREAM_ACCOUNT, event->u.upload_received.account_id, sequence);
        break;
    case EVENT_UPLOAD_REJECTED:
        add(store, STREAM_ACCOUNT, event->u.upload_rejected.account_id, sequence);
        break;
    case EVENT_ANALYSIS_COMPLETED:
    case EVENT_ANALYSIS_OVERRIDDEN:
    case EVENT_WORKLOAD_SIZED:
    case EVENT_UPLOAD_ERASED:
        add_upload(store, sequence, event->stream_id);
        break;
    case EVENT_PROVIDER_ENROLLED:
        add(store, STREAM_ACCOUNT, event->u.provider_enrolled.account_id, sequence);
        break;
    case EVENT_PROVIDER_ONLINE:
        add(store, STREAM_ACCOUNT, event->u.provider_online.account_id, sequence);
        break;
    case EVENT_PROVIDER_OFFLINE:
        add(store, STREAM_ACCOUNT, event->u.provider_offline.account_id, sequence);
        break;
    case EVENT_HOST_BENCHMARKED:
        add(store, STREAM_ACCOUNT, event->u.host_benchmarked.account_id, sequence);
        break;
    case EVENT_OFFER_PUBLISHED:
        add(store, STREAM_ACCOUNT, event->u.offer_published.account_id, sequence);
        add(store, STREAM_HOST, event->u.offer_published.host_id, sequence);
        break;
    case EVENT_OFFER_WITHDRAWN:
        add(store, STREAM_ACCOUNT, event->u.offer_withdrawn.account_id, sequence);
        add(store, STREAM_HOST, event->u.offer_withdrawn.host_id, sequence);
        break;
    case EVENT_MATCH_COMPUTED:
        add(store, STREAM_ACCOUNT, event->u.match_computed.account_id, sequence);
        break;
    case EVENT_QUOTE_ISSUED:
        add(store, STREAM_ACCOUNT, event->u.quote_issued.account_id, sequence);
        add(store, STREAM_ACCOUNT, event->u.quote_issued.provider_id, sequence);
        break;
    case EVENT_RECONCILIATION_RECORDED:
        add(store, STREAM_ACCOUNT, event->u.reconciliation_recorded.provider_id, sequence);
        break;
    default: /* the ledger's own, and an account's: its own stream says it all */
        break;
    }
}

static const struct store_table *const TABLES[] = {&SEQUENCE_ROWS, &SEQUENCE_TAILS};
const struct projection PROJECTION_STREAMS = {
    .name = "streams", .tables = TABLES, .table_count = 2, .apply = apply};

size_t streams_after(struct store *store, enum stream_kind kind, struct id16 id, uint64_t after,
                     uint64_t *ret, size_t max)
{
    return sequence_list_after(store, kind, id, after, ret, max);
}

uint64_t streams_last(struct store *store, enum stream_kind kind, struct id16 id)
{
    return sequence_list_last(store, kind, id);
}

bool streams_has(struct store *store, enum stream_kind kind, struct id16 id, uint64_t sequence)
{
    return sequence_list_has(store, kind, id, sequence);
}

bool streams_concerns(struct store *store, struct id16 account_id, uint64_t sequence)
{
    return streams_has(store, STREAM_ACCOUNT, account_id, sequence);
}
