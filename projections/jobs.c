// SPDX-License-Identifier: Apache-2.0
#include "projections/jobs.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct job_view) == 7 * 16 + 30 * 8, "no padding");
static_assert(sizeof(struct job_progress_view) == 4 * 8, "no padding");
static_assert(sizeof(struct job_escrow_view) == 2 * 32 + 9 * 8, "no padding");
static_assert(sizeof(struct job_leg_view) == 3 * 32 + 6 * 8, "no padding");

static const struct store_table JOBS = {"view_jobs"};
static const struct store_table PROGRESS = {"view_job_progress"};
static const struct store_table ESCROWS = {"view_job_escrows"};
static const struct store_table LEGS = {"view_job_legs"}; /* job id ‖ kind (1) ‖ deposit hash */
static const struct store_table INDEX = {"view_job_index"};

static const char *const STATUS_WORDS[] = {NULL,      "awaiting_lock", "queued", "assigned",
                                           "running", "completed",     "failed", "cancelled"};
const struct enum_words job_view_status_words = {"job_status", STATUS_WORDS,
                                                 sizeof STATUS_WORDS / sizeof *STATUS_WORDS};

static const char *const LEG_WORDS[] = {NULL, "due", "signed", "lost", "confirmed"};
const struct enum_words job_leg_status_words = {"leg_status", LEG_WORDS,
                                                sizeof LEG_WORDS / sizeof *LEG_WORDS};

static struct view_key job_key(struct id16 job_id)
{
    struct view_key key = {0};
    view_key_id(&key, job_id);
    return key;
}

static struct view_key leg_view_key(struct id16 job_id, enum leg_kind kind, struct key32 deposit_tx)
{
    struct view_key key = job_key(job_id);
    view_key_u8(&key, (uint8_t)kind);
    view_key_bytes(&key, deposit_tx.b, sizeof deposit_tx.b);
    return key;
}

#define INDEX_PREFIX 18

static struct view_key index_key(enum jobs_role role, struct id16 party,
                                 enum job_view_status status, uint64_t created_sequence)
{
    struct view_key key = {0};
    view_key_u8(&key, (uint8_t)role);
    view_key_id(&key, role == JOBS_OF_ALL ? (struct id16){0} : party);
    view_key_u8(&key, (uint8_t)status);
    view_key_u64(&key, created_sequence);
    return key;
}

static void put_job_view(struct store *store, struct id16 job_id, const struct job_view *job)
{
    struct view_key key = job_key(job_id);
    view_put(store, &JOBS, &key, job, sizeof *job);
}

/* Put the job into the lists of `status`, or take it out. */
static void list_job(struct store *store, struct id16 job_id, const struct job_view *job,
                     enum job_view_status status, bool in)
{
    const struct {
        enum jobs_role role;
        struct id16 party;
    } lists[] = {{JOBS_OF_CONSUMER, job->account_id},
                 {JOBS_OF_PROVIDER, job->provider_id},
                 {JOBS_OF_ALL, {{0}}}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct view_key key =
            index_key(lists[i].role, lists[i].party, status, job->created_sequence);
        if (in) {
            view_put(store, &INDEX, &key, job_id.b, sizeof job_id.b);
        } else {
            view_delete(store, &INDEX, &key);
        }
    }
}

static void set_status(struct store *store, struct id16 job_id, struct job_view *job,
                       enum job_view_status status)
{
    list_job(store, job_id, job, (enum job_view_status)job->status, false);
    job->status = status;
    list_job(store, job_id, job, status, true);
}

static void create(struct store *store, uint64_t sequence, const struct event *event)
{
    const struct ev_job_created *created = &event->u.job_created;
    struct job_view job;
    memset(&job, 0, sizeof job);
    job.account_id = created->account_id;
    job.provider_id = created->provider_id;
    job.host_id = created->host_id;
    job.upload_id = created->upload_id;
    job.offer_id = created->offer_id;
    job.quote_id = created->quote_id;
    job.escrow_id = created->escrow_id;
    job.rate = created->rate;
    job.cap = created->cap;
    job.limit_ms = created->limit_ms;
    job.network = created->wants_network ? 1 : 0;
    job.status = JOB_VIEW_AWAITING_LOCK;
    job.created_at = event->time;
    job.created_sequence = sequence;
    job.sequence = sequence;
    put_job_view(store, event->stream_id, &job);
    list_job(store, event->stream_id, &job, JOB_VIEW_ANY, true);
    list_job(store, event->stream_id, &job, JOB_VIEW_AWAITING_LOCK, true);
}

static void progress(struct store *store, uint64_t sequence, const struct event *event)
{
    struct view_key key = job_key(event->stream_id);
    struct job_progress_view row = {
        .permille = event->u.job_progressed.permille,
        .used_ms = event->u.job_progressed.used_ms,
        .sequence = sequence,
        .at = event->time,
    };
    view_put(store, &PROGRESS, &key, &row, sizeof row);
}

static void end(struct store *store, uint64_t sequence, const struct event *event,
                struct job_view *job)
{
    const struct ev_job_end *ended = &event->u.job_completed;
    enum job_view_status status = event->type->number == EVENT_JOB_COMPLETED ? JOB_VIEW_COMPLETED
                                  : event->type->number == EVENT_JOB_FAILED  ? JOB_VIEW_FAILED
                                                                             : JOB_VIEW_CANCELLED;
    job->ending = ended->ending;
    job->reason = ended->reason;
    job->fault = ended->fault;
    job->exit_status = ended->exit_status;
    job->signal = ended->signal;
    job->used_ms = ended->used_ms;
    job->ended_at = event->time;
    job->end_sequence = sequence;
    set_status(store, event->stream_id, job, status);
}

static void apply_job(struct store *store, uint64_t sequence, const struct event *event,
                      struct job_view *job)
{
    struct id16 id = event->stream_id;
    switch (event->type->number) {
    case EVENT_JOB_ASSIGNED:
        job->host_id = event->u.job_assigned.host_id;
        job->attempt = event->u.job_assigned.attempt;
        job->assigned_at = event->time;
        set_status(store, id, job, JOB_VIEW_ASSIGNED);
        break;
    case EVENT_JOB_RELEASED:
        set_status(store, id, job, JOB_VIEW_QUEUED);
        break;
    case EVENT_JOB_STARTED:
        job->started_at = event->time;
        job->started_sequence = sequence;
        set_status(store, id, job, JOB_VIEW_RUNNING);
        break;
    case EVENT_RESULT_STORED:
        job->results++;
        break;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        end(store, sequence, event, job);
        break;
    case EVENT_JOB_RATED:
        job->stars = event->u.job_rated.stars;
        break;
    default:
        return; /* progress, output and metrics have their own rows */
    }
    job->sequence = sequence;
    put_job_view(store, id, job);
}

/* ── the escrow and its legs ───────────────────────────────────────────────────────────────────── */

static void open_leg(struct store *store, uint64_t sequence, struct id16 job_id,
                     struct job_view *job, const struct job_leg_view *due)
{
    if (due->amount == 0) {
        return; /* done without a transaction */
    }
    struct job_leg_view leg = *due;
    leg.status = JOB_LEG_DUE;
    leg.sequence = sequence;
    struct view_key key = leg_view_key(job_id, (enum leg_kind)leg.kind, leg.deposit_tx);
    view_put(store, &LEGS, &key, &leg, sizeof leg);
    job->legs_open++;
    job->settled_at = 0;
}

static void close_if_settled(const struct event *event, struct job_view *job)
{
    if (jobs_is_settled(job)) {
        job->settled_at = event->time;
    }
}

static void settle(struct store *store, uint64_t sequence, const struct event *event,
                   struct job_view *job)
{
    const struct ev_escrow_settled *settled = &event->u.escrow_settled;
    const struct job_leg_view legs[] = {
        {.kind = LEG_REFUND, .destination = settled->consumer_identity, .amount = settled->refund},
        {.kind = LEG_PAYOUT, .destination = settled->provider_identity, .amount = settled->payout},
        {.kind = LEG_FEE, .destination = settled->fee_identity, .amount = settled->fee},
    };
    job->gross = settled->gross;
    job->fee = settled->fee;
    job->payout = settled->payout;
    job->refund = settled->refund;
    job->decided = 1;
    for (size_t i = 0; i < sizeof legs / sizeof *legs; i++) {
        open_leg(store, sequence, settled->job_id, job, &legs[i]);
    }
    close_if_settled(event, job);
}

static void apply_leg(struct store *store, uint64_t sequence, const struct event *event,
                      struct id16 job_id, struct job_view *job, const struct view_leg *said)
{
    struct job_leg_view leg;
    struct view_key key = leg_view_key(job_id, said->kind, said->deposit_tx);
    if (!view_get(store, &LEGS, &key, &leg, sizeof leg)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown leg");
        return;
    }
    leg.attempt = said->attempt;
    leg.tick = said->tick;
    leg.tx_id = said->tx_id;
    leg.sequence = sequence;
    switch (said->step) {
    case VIEW_LEG_SIGNED:
        leg.status = JOB_LEG_SIGNED;
        break;
    case VIEW_LEG_LOST:
        leg.status = JOB_LEG_LOST;
        break;
    case VIEW_LEG_CONFIRMED:
        leg.status = JOB_LEG_CONFIRMED;
        INVARIANT(job->legs_open > 0);
        job->legs_open--;
        close_if_settled(event, job);
        break;
    }
    view_put(store, &LEGS, &key, &leg, sizeof leg);
}

static void request(struct store *store, const struct event *event)
{
    const struct ev_escrow_requested *requested = &event->u.escrow_requested;
    struct ledger_row ledger;
    struct job_escrow_view escrow;
    memset(&escrow, 0, sizeof escrow);
    escrow.identity = requested->identity;
    escrow.amount = requested->amount;
    escrow.requested_tick = requested->requested_tick;
    escrow.last_tick = requested->last_tick;
    escrow.status = ESCROW_REQUESTED;
    if (state_ledger(store, &ledger)) {
        escrow.required = ledger.confirmations;
    }
    struct view_key key = job_key(requested->job_id);
    view_put(store, &ESCROWS, &key, &escrow, sizeof escrow);
}

static void observe(struct store *store, uint64_t sequence, const struct event *event,
                    struct job_view *job, struct job_escrow_view *escrow)
{
    const struct ev_deposit_observed *observed = &event->u.deposit_observed;
    if (observed->class == DEPOSIT_LOCK) {
        escrow->status = ESCROW_OBSERVED;
        escrow->lock_tx = observed->tx_id;
        escrow->lock_tick = observed->tick;
        return;
    }
    const struct job_leg_view leg = {
        .kind = LEG_RETURN,
        .deposit_tx = observed->tx_id,
        .destination = observed->source,
        .amount = observed->amount,
    };
    open_leg(store, sequence, observed->job_id, job, &leg);
}

static void expire(struct store *store, uint64_t sequence, const struct event *event,
                   struct job_view *job, struct job_escrow_view *escrow)
{
    struct escrow_row row;
    job->decided = 1;
    if (escrow->status == ESCROW_OBSERVED && state_escrow(store, event->stream_id, &row)) {
        /* A lock without all its confirmations goes back whole. */
        const struct job_leg_view leg = {
            .kind = LEG_RETURN,
            .deposit_tx = escrow->lock_tx,
            .destination = row.consumer_identity,
            .amount = escrow->amount,
        };
        open_leg(store, sequence, event->u.escrow_expired.job_id, job, &leg);
    }
    escrow->status = ESCROW_CLOSED;
    close_if_settled(event, job);
}

static void apply_escrow(struct store *store, uint64_t sequence, const struct event *event,
                         struct id16 job_id, struct job_view *job)
{
    struct view_leg leg;
    struct job_escrow_view escrow;
    if (event->type->number == EVENT_ESCROW_REQUESTED) {
        request(store, event);
    } else if (view_leg_of(event, &leg)) {
        apply_leg(store, sequence, event, job_id, job, &leg);
    } else {
        struct view_key key = job_key(job_id);
        if (!view_get(store, &ESCROWS, &key, &escrow, sizeof escrow)) {
            store_fail(store, ERR_CORRUPT, "the log speaks of an unknown escrow");
            return;
        }
        switch (event->type->number) {
        case EVENT_DEPOSIT_OBSERVED:
            observe(store, sequence, event, job, &escrow);
            break;
        case EVENT_ESCROW_CONFIRMED:
            escrow.confirmations = event->u.escrow_confirmed.confirmations;
            escrow.required = event->u.escrow_confirmed.required;
            escrow.processed_tick = event->u.escrow_confirmed.processed_tick;
            break;
        case EVENT_ESCROW_LOCKED:
            escrow.status = ESCROW_LOCKED;
            job->queued_at = event->time;
            set_status(store, job_id, job, JOB_VIEW_QUEUED);
            break;
        case EVENT_ESCROW_EXPIRED:
            expire(store, sequence, event, job, &escrow);
            break;
        case EVENT_ESCROW_SETTLED:
            escrow.status = ESCROW_SETTLED;
            settle(store, sequence, event, job);
            break;
        case EVENT_ESCROW_SHORTFALL:
            escrow.shortfall =
                event->u.escrow_shortfall.balance < event->u.escrow_shortfall.expected;
            break;
        default:
            break;
        }
        view_put(store, &ESCROWS, &key, &escrow, sizeof escrow);
    }
    job->sequence = sequence;
    put_job_view(store, job_id, job);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct id16 job_id;
    struct job_view job;
    if (!view_job_of(event, &job_id)) {
        return;
    }
    switch (event->type->number) {
    case EVENT_JOB_CREATED:
        create(store, sequence, event);
        return;
    case EVENT_JOB_PROGRESSED:
        progress(store, sequence, event);
        return;
    case EVENT_JOB_OUTPUT:
    case EVENT_METRIC_SAMPLED:
        return;
    default:
        break;
    }
    if (!jobs_get(store, job_id, &job)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown job");
    } else if (event->type->stream_kind == STREAM_JOB) {
        apply_job(store, sequence, event, &job);
    } else {
        apply_escrow(store, sequence, event, job_id, &job);
    }
}

static const struct store_table *const TABLES[] = {&JOBS, &PROGRESS, &ESCROWS, &LEGS, &INDEX};
const struct projection PROJECTION_JOBS = {.name = "jobs",
                                           .tables = TABLES,
                                           .table_count = sizeof TABLES / sizeof *TABLES,
                                           .apply = apply};

/* ── queries ───────────────────────────────────────────────────────────────────────────────────── */

bool jobs_get(struct store *store, struct id16 job_id, struct job_view *ret)
{
    struct view_key key = job_key(job_id);
    return view_get(store, &JOBS, &key, ret, sizeof *ret);
}

void jobs_get_progress(struct store *store, struct id16 job_id, struct job_progress_view *ret)
{
    struct view_key key = job_key(job_id);
    if (!view_get(store, &PROGRESS, &key, ret, sizeof *ret)) {
        memset(ret, 0, sizeof *ret);
    }
}

bool jobs_get_escrow(struct store *store, struct id16 job_id, struct job_escrow_view *ret)
{
    struct view_key key = job_key(job_id);
    return view_get(store, &ESCROWS, &key, ret, sizeof *ret);
}

size_t jobs_get_legs(struct store *store, struct id16 job_id, size_t skip, struct job_leg_view *ret,
                     size_t max)
{
    struct view_key at = leg_view_key(job_id, 0, (struct key32){0}); /* kinds start at 1 */
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &LEGS, &at, sizeof job_id.b, &value)) {
        if (skip > 0) {
            skip--;
            continue;
        }
        INVARIANT(value.size == sizeof *ret);
        memcpy(&ret[count++], value.data, sizeof *ret);
    }
    return count;
}

bool jobs_is_settled(const struct job_view *job)
{
    return job->end_sequence != 0 && job->decided != 0 && job->legs_open == 0;
}

size_t jobs_list(struct store *store, const struct jobs_filter *filter, struct jobs_entry *ret,
                 size_t max)
{
    struct view_key at = index_key(filter->role, filter->party, filter->status,
                                   filter->before == 0 ? UINT64_MAX : filter->before);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_previous(store, &INDEX, &at, INDEX_PREFIX, &value)) {
        INVARIANT(value.size == sizeof ret->job_id.b);
        ret[count].created_sequence = view_key_last_u64(&at);
        memcpy(ret[count].job_id.b, value.data, sizeof ret->job_id.b);
        count++;
    }
    return count;
}
