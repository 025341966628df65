/* Each rule stands where its command is, in the order a reader of the design would ask. Nothing is fast here. The file is long because it is one thing that
 * can be read from top to bottom beside the design: people and uploads, machines, quotes and jobs, workers, the sweeper, the chain. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000
#define SWEPT_MAX 16 /* jobs that one sweep ends */

struct naive_ledger *naive_create(enum naive_error error)
{
    struct naive_ledger *n = calloc(1, sizeof *n);
    INVARIANT(n != NULL);
    n->error = error;
    return n;
}

void naive_destroy(struct naive_ledger *naive)
{
    free(naive);
}

static bool no(struct naive_ledger *n, const char *word)
{
    (void)snprintf(n->word, sizeof n->word, "%s", word);
    return false;
}

/* ── finding and adding ────────────────────────────────────────────────────────────────────────── */

/* `find_x` gives the row or NULL, `add_x` a new, zeroed one. */
#define DEFINE_ROWS(name, rows, row_count, id_field)                                               \
    static struct naive_##name *find_##name(struct naive_ledger *n, struct id16 wanted)            \
    {                                                                                              \
        for (size_t i = 0; i < n->row_count; i++) {                                                \
            if (id_equal(n->rows[i].id_field, wanted)) {                                           \
                return &n->rows[i];                                                                \
            }                                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
    static struct naive_##name *add_##name(struct naive_ledger *n, struct id16 new_id)             \
    {                                                                                              \
        INVARIANT(n->row_count < NAIVE_THINGS_MAX);                                                \
        struct naive_##name *row = &n->rows[n->row_count++];                                       \
        row->id_field = new_id;                                                                    \
        return row;                                                                                \
    }
DEFINE_ROWS(account, accounts, account_count, id)
DEFINE_ROWS(token, tokens, token_count, id)
DEFINE_ROWS(host, hosts, host_count, id)
DEFINE_ROWS(upload, uploads, upload_count, id)
DEFINE_ROWS(offer, offers, offer_count, id)
DEFINE_ROWS(quote, quotes, quote_count, id)
DEFINE_ROWS(job, jobs, job_count, id)

static struct naive_job *find_escrow(struct naive_ledger *n, struct id16 escrow_id)
{
    for (size_t i = 0; i < n->job_count; i++) {
        if (id_equal(n->jobs[i].escrow_id, escrow_id)) {
            return &n->jobs[i];
        }
    }
    return NULL;
}

static size_t index_of(const struct naive_ledger *n, const struct naive_job *job)
{
    return (size_t)(job - n->jobs);
}

static const struct naive_quote *quote_of(const struct naive_ledger *n, const struct naive_job *job)
{
    return &n->quotes[job->quote];
}

static bool by_operator(const struct command *c)
{
    return c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER;
}

static bool by_account(const struct command *c, struct id16 account_id)
{
    return c->actor_kind == ACTOR_ACCOUNT && id_equal(c->actor_id, account_id);
}

static bool by_owner_of(const struct command *c, const struct naive_host *host)
{
    return c->actor_kind == ACTOR_HOST ? id_equal(c->actor_id, host->id)
                                       : by_account(c, host->account_id);
}

static int64_t lease(const struct naive_ledger *n)
{
    return (int64_t)n->terms.lease_s * NS_PER_S;
}

/* ── money ─────────────────────────────────────────────────────────────────────────────────────── */

static void put(struct naive_ledger *n, enum naive_place place, struct key32 subject,
                enum leg_kind leg, int64_t amount)
{
    struct naive_balance *row = NULL;
    if (amount == 0) {
        return;
    }
    for (size_t i = 0; i < n->balance_count && row == NULL; i++) {
        struct naive_balance *b = &n->balances[i];
        if (b->place == place && b->leg == leg && key_equal(b->subject, subject)) {
            row = b;
        }
    }
    if (row == NULL) {
        INVARIANT(n->balance_count < NAIVE_ROWS_MAX);
        row = &n->balances[n->balance_count++];
        row->place = place;
        row->subject = subject;
        row->leg = leg;
    }
    row->amount += amount;
    row->changed = true;
}

static struct key32 escrow_subject(const struct naive_job *job)
{
    struct key32 subject = {0};
    memcpy(subject.b, job->escrow_id.b, sizeof job->escrow_id.b);
    return subject;
}

static void add_leg(struct naive_ledger *n, const struct naive_job *job, enum leg_kind kind,
                    struct key32 deposit_tx, struct key32 destination, int64_t amount)
{
    if (amount == 0) {
        return; /* done without a transaction */
    }
    INVARIANT(n->leg_count < NAIVE_ROWS_MAX);
    n->legs[n->leg_count++] = (struct naive_leg){.job = index_of(n, job),
                                                 .kind = kind,
                                                 .status = LEG_DUE,
                                                 .deposit_tx = deposit_tx,
                                                 .dust = amount < n->terms.lock_min,
                                                 .destination = destination,
                                                 .amount = amount};
}

static void bill(const struct naive_ledger *n, struct naive_job *job)
{
    const struct naive_quote *quote = quote_of(n, job);
    if (!quote->paid[job->ending]) {
        job->refund = quote->cap;
        return;
    }
    i128 gross = (i128)job->used_ms * quote->rate / HOUR_MS;
    if (n->error == NAIVE_BILLS_ONE_MORE && job->used_ms > 0) {
        gross++;
    }
    job->gross = gross > quote->cap ? quote->cap : (int64_t)gross;
    i128 fee = (i128)job->gross * (int64_t)quote->fee_bps;
    if (n->error == NAIVE_FEE_ROUNDED_UP) {
        fee += 9999;
    }
    job->fee = (int64_t)(fee / 10000);
    job->payout = job->gross - job->fee;
    job->refund = quote->cap - job->gross;
}

/* One event ends a job and decides about its money: for the time until it was last heard of, or what the worker says if that is less. */
static void end_job(struct naive_ledger *n, struct naive_job *job, enum ending ending,
                    uint64_t bound_ms, int64_t heard_at)
{
    const struct naive_quote *quote = quote_of(n, job);
    struct key32 none = {0};
    struct naive_account *consumer = find_account(n, job->account_id);
    struct naive_host *host = find_host(n, job->host_id);
    if (job->status == JOB_RUNNING) {
        uint64_t ledger_ms = (uint64_t)((heard_at - job->started_at) / NS_PER_MS);
        job->used_ms = least_of(least_of(bound_ms, ledger_ms), quote->limit_ms);
        consumer->started++;
        consumer->refunded += ending == ENDING_PROGRAM_FAILED ? 1 : 0;
    }
    if (job->status == JOB_RUNNING || job->status == JOB_ASSIGNED) {
        host->job_id = (struct id16){0};
    }
    job->status = JOB_ENDED;
    job->ending = ending;
    job->changed = true;
    if (job->escrow_status != ESCROW_LOCKED) { /* a lock that was seen goes back whole */
        if (job->escrow_status == ESCROW_OBSERVED) {
            add_leg(n, job, LEG_RETURN, job->lock_tx, job->consumer_identity, quote->cap);
        }
        job->escrow_status = ESCROW_CLOSED;
        return;
    }
    bill(n, job);
    struct key32 subject = escrow_subject(job);
    put(n, NAIVE_ESCROW, subject, 0, -quote->cap);
    put(n, NAIVE_PAYABLE, subject, LEG_REFUND, job->refund);
    put(n, NAIVE_PAYABLE, subject, LEG_PAYOUT, job->payout);
    put(n, NAIVE_PAYABLE, subject, LEG_FEE, job->fee);
    add_leg(n, job, LEG_REFUND, none, job->consumer_identity, job->refund);
    add_leg(n, job, LEG_PAYOUT, none, job->provider_identity, job->payout);
    add_leg(n, job, LEG_FEE, none, quote->fee_identity, job->fee);
    job->escrow_status = ESCROW_SETTLED;
}

/* ── the ledger, people, uploads ───────────────────────────────────────────────────────────────── */

static bool set_terms(struct naive_ledger *n, const struct ev_terms_set *terms)
{
    const struct ev_failure_term *items = terms->failure_terms.items;
    n->terms = *terms;
    memset(n->paid, 0, sizeof n->paid);
    for (size_t i = 0; i < terms->failure_terms.count; i++) {
        n->paid[items[i].ending] |= items[i].provider_paid;
    }
    return true;
}

static bool ledger(struct naive_ledger *n, const struct command *c, int64_t now)
{
    if (!by_operator(c)) {
        return no(n, "not the operator");
    }
    switch ((int)c->type) {
    case COMMAND_LEDGER_OPEN:
        if (n->open) {
            return no(n, "already open");
        }
        n->open = true;
        n->generation = c->u.open.generation;
        return true;
    case COMMAND_LEDGER_START:
        n->started_at = now;
        return true;
    case COMMAND_TERMS_SET:
        return set_terms(n, &c->u.terms);
    default:
        if (c->u.key.key_id <= n->key_id) {
            return no(n, "key id used");
        }
        n->key_id = c->u.key.key_id;
        n->keys |= UINT64_C(1) << n->key_id;
        return true;
    }
}

static bool new_token(struct naive_ledger *n, const struct ev_token_issued *token,
                      struct id16 account_id, int64_t now)
{
    for (size_t i = 0; i < n->token_count; i++) {
        if (key_equal(n->tokens[i].hash, token->token_hash) ||
            id_equal(n->tokens[i].id, token->token_id)) {
            return no(n, "token exists");
        }
    }
    if (token->scopes == 0 || (token->expires_at != 0 && token->expires_at <= now)) {
        return no(n, "token invalid");
    }
    struct naive_token *row = add_token(n, token->token_id);
    row->hash = token->token_hash;
    row->account_id = account_id;
    row->scopes = token->scopes;
    row->expires_at = token->expires_at;
    return true;
}

static bool people(struct naive_ledger *n, const struct command *c, int64_t now)
{
    if (c->type == COMMAND_SESSION_OPEN) {
        const struct command_session *s = &c->u.session;
        for (size_t i = 0; i < n->account_count; i++) {
            if (key_equal(n->accounts[i].identity, s->identity)) {
                return new_token(n, &s->token, n->accounts[i].id, now);
            }
        }
        if (find_account(n, s->account_id) != NULL) {
            return no(n, "account exists");
        }
        if (!new_token(n, &s->token, s->account_id, now)) {
            return false;
        }
        add_account(n, s->account_id)->identity = s->identity;
        return true;
    }
    if (c->type == COMMAND_TOKEN_ISSUE) {
        struct id16 account_id = c->u.token.account_id;
        if (!by_operator(c) && !by_account(c, account_id)) {
            return no(n, "not yours");
        }
        if (!id_is_zero(account_id) && find_account(n, account_id) == NULL) {
            return no(n, "no such account");
        }
        return new_token(n, &c->u.token.token, account_id, now);
    }
    struct naive_token *token = find_token(n, c->u.token_revoke.token_id);
    if (token == NULL || !id_equal(token->account_id, c->u.token_revoke.account_id) ||
        !(by_operator(c) || by_account(c, token->account_id)) || token->revoked) {
        return no(n, "no such token");
    }
    token->revoked = true;
    return true;
}

static bool uploads(struct naive_ledger *n, const struct command *c)
{
    bool received = c->type == COMMAND_UPLOAD_RECEIVE;
    if (c->type == COMMAND_ANALYSIS_COMPLETE) {
        struct naive_upload *upload = find_upload(n, c->u.analysis.upload_id);
        if (!by_operator(c) || upload == NULL || upload->rejected || upload->p90_ms != 0 ||
            upload->erased) {
            return no(n, "nothing to analyse");
        }
        naive_analysed(upload, &c->u.analysis.analysis);
        return true;
    }
    struct id16 upload_id = received ? c->u.upload.upload_id : c->u.upload_reject.upload_id;
    if (c->actor_kind != ACTOR_ACCOUNT || find_account(n, c->actor_id) == NULL) {
        return no(n, "no such account");
    }
    if (find_upload(n, upload_id) != NULL) {
        return no(n, "upload exists");
    }
    if (received &&
        (c->u.upload.upload.size == 0 || c->u.upload.upload.size > n->terms.upload_max ||
         naive_is_full(n, c->actor_id, c->u.upload.upload.size, c->u.upload.storage_max))) {
        return no(n, "too large");
    }
    struct naive_upload *upload = add_upload(n, upload_id);
    upload->account_id = c->actor_id;
    upload->rejected = !received;
    upload->size = received ? c->u.upload.upload.size : 0;
    if (received && c->u.upload.analysed) {
        naive_analysed(upload, &c->u.upload.analysis);
    }
    return true;
}

/* ── machines and offers ───────────────────────────────────────────────────────────────────────── */

static bool enrol(struct naive_ledger *n, const struct command *c, int64_t now)
{
    if (c->actor_kind != ACTOR_ACCOUNT || find_account(n, c->actor_id) == NULL) {
        return no(n, "no such account");
    }
    if (find_host(n, c->u.host.host_id) != NULL) {
        return no(n, "host exists");
    }
    if (!new_token(n, &c->u.host.token, c->actor_id, now)) {
        return false;
    }
    add_host(n, c->u.host.host_id)->account_id = c->actor_id;
    return true;
}

static bool machines(struct naive_ledger *n, const struct command *c)
{
    if (c->type == COMMAND_OFFER_WITHDRAW) {
        struct naive_offer *offer = find_offer(n, c->u.offer_withdraw.offer_id);
        if (offer == NULL || !by_owner_of(c, find_host(n, offer->host_id)) || offer->withdrawn) {
            return no(n, "no such offer");
        }
        offer->withdrawn = true;
        return true;
    }
    struct naive_host *host =
        find_host(n, c->type == COMMAND_OFFER_PUBLISH    ? c->u.offer.offer.host_id
                     : c->type == COMMAND_HOST_BENCHMARK ? c->u.benchmark.host_id
                                                         : c->u.host.host_id);
    bool server = c->type == COMMAND_HOST_OFFLINE && by_operator(c);
    if (host == NULL || (!server && !by_owner_of(c, host))) {
        return no(n, "no such host");
    }
    if (c->type == COMMAND_HOST_OFFLINE && !host->online) {
        return no(n, "offline already");
    }
    if (c->type == COMMAND_HOST_ONLINE || c->type == COMMAND_HOST_OFFLINE) {
        host->online = c->type == COMMAND_HOST_ONLINE;
    }
    if (c->type == COMMAND_OFFER_PUBLISH) {
        if (find_offer(n, c->u.offer.offer_id) != NULL || naive_offers_full(n, host, &c->u.offer)) {
            return no(n, "offer exists, or too many");
        }
        naive_published(add_offer(n, c->u.offer.offer_id), host, &c->u.offer.offer);
    }
    return true;
}

/* ── quotes and jobs ───────────────────────────────────────────────────────────────────────────── */

static bool own_upload(struct naive_ledger *n, const struct command *c, struct id16 upload_id)
{
    const struct naive_upload *upload = find_upload(n, upload_id);
    return upload != NULL && by_account(c, upload->account_id) && upload->p90_ms != 0 &&
           !upload->erased;
}

static bool quote(struct naive_ledger *n, const struct command *c, int64_t now)
{
    const struct command_quote *q = &c->u.quote;
    if (!own_upload(n, c, q->upload_id)) {
        return no(n, "no such upload");
    }
    uint64_t kind = find_upload(n, q->upload_id)->kind;
    if (kind != UPLOAD_PYTHON && kind != UPLOAD_NOTEBOOK && kind != UPLOAD_BUNDLE &&
        kind != UPLOAD_DOCKERFILE) {
        return no(n, "not runnable");
    }
    const struct naive_offer *offer = find_offer(n, q->offer_id);
    if (offer == NULL || offer->withdrawn || !find_host(n, offer->host_id)->online) {
        return no(n, "no such offer");
    }
    if ((q->network && !offer->network) ||
        !naive_fits(offer, find_upload(n, q->upload_id)->packages, q->item)) {
        return no(n, "lacks what it needs");
    }
    if (find_quote(n, q->quote_id) != NULL) {
        return no(n, "quote exists");
    }
    i128 p90_ms = naive_p90(find_upload(n, q->upload_id), offer);
    i128 hundredth = (i128)HOUR_MS * 10000; /* of a percent, of an hour */
    i128 time_ms = q->limit_ms != 0 ? (i128)q->limit_ms : p90_ms;
    int64_t margin = q->limit_ms != 0 ? 0 : (int64_t)n->terms.margin_bps;
    i128 cap = (time_ms * offer->rate * (10000 + margin) + hundredth - 1) / hundredth;
    cap = cap < n->terms.lock_min ? n->terms.lock_min : cap;
    if (cap > INT64_C(1000000000000000)) {
        return no(n, "too dear");
    }
    struct naive_quote *row = add_quote(n, q->quote_id);
    row->account_id = c->actor_id;
    row->offer_id = offer->id;
    row->provider_id = offer->account_id;
    row->host_id = offer->host_id;
    row->upload_id = q->upload_id;
    memcpy(row->packages, find_upload(n, q->upload_id)->packages, sizeof row->packages);
    row->rate = offer->rate;
    row->cap = (int64_t)cap;
    row->limit_ms = least_of((uint64_t)(cap * HOUR_MS / offer->rate), UINT64_C(3155760000000));
    row->fee_bps = n->terms.fee_bps;
    row->fee_identity = n->terms.fee_identity;
    memcpy(row->paid, n->paid, sizeof row->paid);
    row->expires_at = now + (int64_t)n->terms.quote_valid_s * NS_PER_S;
    return true;
}

static bool create(struct naive_ledger *n, const struct command *c, int64_t now)
{
    const struct command_job_create *j = &c->u.job_create;
    struct naive_quote *row = find_quote(n, j->quote_id);
    if (row == NULL || !by_account(c, row->account_id)) {
        return no(n, "no such quote");
    }
    if (row->used || now >= row->expires_at || find_offer(n, row->offer_id)->withdrawn) {
        return no(n, "quote is over");
    }
    if ((j->network && !find_offer(n, row->offer_id)->network) ||
        !naive_has_item(find_offer(n, row->offer_id), j->item)) {
        return no(n, "lacks what it needs");
    }
    if (n->key_id == 0 || j->key_id != n->key_id || j->requested_tick == 0 ||
        j->last_tick <= j->requested_tick) {
        return no(n, "no settlement");
    }
    for (size_t i = 0; i < n->job_count; i++) {
        if (key_equal(n->jobs[i].escrow_identity, j->escrow_identity)) {
            return no(n, "identity used");
        }
    }
    if (find_job(n, j->job_id) != NULL || find_escrow(n, j->escrow_id) != NULL) {
        return no(n, "job exists");
    }
    const struct naive_account *consumer = find_account(n, row->account_id);
    if (consumer->refunded >= 20 && consumer->refunded * 5 > consumer->started * 4) {
        for (size_t i = 0; i < n->job_count; i++) { /* limited, not shut out: one an hour */
            if (id_equal(n->jobs[i].account_id, consumer->id) &&
                now < n->jobs[i].created_at + 60 * 60 * NS_PER_S) {
                return no(n, "too many refunds");
            }
        }
    }
    if (naive_unpaid(n, consumer->id) >= 64 || find_upload(n, row->upload_id)->erased ||
        naive_is_full(n, consumer->id, 0, j->storage_max)) {
        return no(n, "unpaid, erased or full");
    }
    struct naive_job *job = add_job(n, j->job_id);
    job->changed = true;
    job->quote = (size_t)(row - n->quotes);
    job->account_id = row->account_id;
    job->host_id = row->host_id;
    job->status = JOB_AWAITING_LOCK;
    job->created_at = now;
    job->next_line = 1;
    job->network = j->network;
    job->item = j->item;
    job->escrow_id = j->escrow_id;
    job->escrow_identity = j->escrow_identity;
    job->consumer_identity = consumer->identity;
    job->provider_identity = find_account(n, row->provider_id)->identity;
    job->escrow_status = ESCROW_REQUESTED;
    job->last_tick = j->last_tick;
    job->key_id = j->key_id;
    job->generation = n->generation;
    row->used = true;
    return true;
}

/* Silent for a lease; our own downtime does not count. */
static bool is_lost(const struct naive_ledger *n, const struct naive_job *job, int64_t now)
{
    int64_t late = n->error == NAIVE_LEASE_A_MILLI_LATE ? NS_PER_MS : 0;
    return now >= later_of(job->heard_at, n->started_at) + lease(n) + late;
}

static bool consumer(struct naive_ledger *n, const struct command *c, int64_t now)
{
    bool cancel = c->type == COMMAND_JOB_CANCEL;
    struct naive_job *job = find_job(n, cancel ? c->u.job.job_id : c->u.rate.job_id);
    if (job == NULL || !by_account(c, job->account_id)) {
        return no(n, "no such job");
    }
    if (!cancel) {
        if (job->status != JOB_ENDED || job->started_at == 0 || job->stars != 0 || job->erased ||
            c->u.rate.stars < 1 || c->u.rate.stars > 5) {
            return no(n, "not ratable");
        }
        job->stars = c->u.rate.stars;
        job->changed = true;
        return true;
    }
    if (job->status == JOB_ENDED) {
        return no(n, "ended");
    }
    end_job(n, job,
            job->status != JOB_RUNNING ? ENDING_CANCELLED_BEFORE_START
            : is_lost(n, job, now)     ? ENDING_WORKER_LOST
                                       : ENDING_CANCELLED_RUNNING,
            UINT64_MAX, job->heard_at);
    return true;
}

/* ── workers ───────────────────────────────────────────────────────────────────────────────────── */

/* A job moves only to a machine that is on offer at the same rate and fast enough. Nobody has over 64 offers here. */
static bool is_let_alike(struct naive_ledger *n, const struct naive_host *host,
                         const struct naive_job *job)
{
    const struct naive_quote *bought = quote_of(n, job);
    const struct naive_upload *upload = find_upload(n, bought->upload_id);
    i128 there = naive_p90(upload, find_offer(n, bought->offer_id));
    for (size_t i = 0; i < n->offer_count; i++) {
        const struct naive_offer *offer = &n->offers[i];
        i128 here = naive_p90(upload, offer);
        if (id_equal(offer->host_id, host->id) && !offer->withdrawn &&
            offer->rate == bought->rate && (offer->network || !job->network) &&
            naive_fits(offer, bought->packages, job->item) &&
            (here <= (i128)bought->limit_ms || here <= there)) {
            return true;
        }
    }
    return false;
}

static bool claim(struct naive_ledger *n, const struct command *c, int64_t now)
{
    struct naive_host *host = c->actor_kind == ACTOR_HOST ? find_host(n, c->actor_id) : NULL;
    if (host == NULL || !id_is_zero(host->job_id)) {
        return no(n, "not free");
    }
    for (size_t i = 0; i < n->job_count; i++) { /* first come, first served */
        struct naive_job *job = &n->jobs[i];
        bool ours =
            id_equal(quote_of(n, job)->provider_id, host->account_id) &&
            (id_equal(job->host_id, host->id) || (job->attempt > 0 && is_let_alike(n, host, job)));
        const struct naive_upload *upload = find_upload(n, quote_of(n, job)->upload_id);
        bool runs = c->u.job.kinds == 0 || (c->u.job.kinds & (UINT64_C(1) << upload->kind)) != 0;
        runs = runs && (c->u.job.network || !job->network) && naive_host_fits(n, host->id, job);
        if (job->status == JOB_QUEUED && ours && runs) {
            job->status = JOB_ASSIGNED;
            job->host_id = host->id;
            job->attempt++;
            job->start_by = now + (int64_t)n->terms.start_within_s * NS_PER_S;
            job->changed = true;
            host->job_id = job->id;
            return true;
        }
    }
    return no(n, "no job");
}

static bool start(struct naive_ledger *n, const struct command *c, int64_t now)
{
    struct naive_job *job = find_job(n, c->u.job.job_id);
    if (job == NULL || c->actor_kind != ACTOR_HOST || !id_equal(job->host_id, c->actor_id) ||
        job->status != JOB_ASSIGNED) {
        return no(n, "not assigned");
    }
    job->status = JOB_RUNNING;
    job->started_at = job->heard_at = now;
    job->changed = true;
    return true;
}

static bool worker_end(struct naive_ledger *n, struct naive_job *job, const struct ev_job_end *end,
                       int64_t now)
{
    enum {
        DONE = ENDING_COMPLETED,
        CAP = ENDING_CAP_REACHED,
        BAD = ENDING_PROGRAM_FAILED,
        HOST = ENDING_HOST_FAULT
    };
    /* Each reason's one ending, by the number it has forever: 1 exited_zero … 20 kind_not_runnable. */
    static const int MAY[] = {0,    DONE, BAD,  BAD, BAD, CAP, 0,   0,   0,    0,   HOST,
                              HOST, 0,    HOST, BAD, BAD, BAD, BAD, BAD, HOST, HOST};
    bool may = end->reason != 0 && (size_t)end->reason < sizeof MAY / sizeof MAY[0] &&
               MAY[end->reason] == (int)end->ending;
    if (end->ending == ENDING_COMPLETED && (end->exit_status != 0 || end->signal != 0)) {
        may = false;
    }
    if (!may || end->exit_status > 255 || end->signal > 64) {
        return no(n, "ending");
    }
    end_job(n, job, end->ending, end->worker_ms, now);
    return true;
}

static bool report(struct naive_ledger *n, const struct command *c, int64_t now)
{
    struct naive_job *job = find_job(n, c->type == COMMAND_JOB_PROGRESS   ? c->u.progress.job_id
                                        : c->type == COMMAND_JOB_OUTPUT   ? c->u.output.job_id
                                        : c->type == COMMAND_JOB_METRICS  ? c->u.metrics.job_id
                                        : c->type == COMMAND_JOB_REPORTS  ? c->u.reports.job_id
                                        : c->type == COMMAND_RESULT_STORE ? c->u.result.job_id
                                                                          : c->u.end.job_id);
    if (job == NULL || c->actor_kind != ACTOR_HOST || !id_equal(job->host_id, c->actor_id) ||
        job->status != JOB_RUNNING) {
        return no(n, "not running");
    }
    if (is_lost(n, job, now)) {
        return no(n, "lost");
    }
    switch ((int)c->type) {
    case COMMAND_JOB_PROGRESS:
        if (c->u.progress.progress.permille > 1000) {
            return no(n, "permille");
        }
        if (job->reported_ms < c->u.progress.progress.used_ms) {
            job->reported_ms = c->u.progress.progress.used_ms;
        }
        break;
    case COMMAND_JOB_OUTPUT:
        if (!naive_output(n, job, &c->u.output.output)) {
            return no(n, "output");
        }
        break;
    case COMMAND_JOB_METRICS:
        if (c->u.metrics.metrics.samples.count < 1 || c->u.metrics.metrics.samples.count > 64) {
            return no(n, "samples");
        }
        break;
    case COMMAND_JOB_REPORTS:
        if (!naive_reports(n, job, &c->u.reports)) {
            return no(n, "one of several reports");
        }
        break;
    case COMMAND_RESULT_STORE:
        if (job->results >= 1000) {
            return no(n, "results");
        }
        job->results++;
        job->results_size += c->u.result.result.size;
        break;
    default:
        return worker_end(n, job, &c->u.end.end, now);
    }
    job->heard_at = now;
    job->changed = true;
    return true;
}

/* ── the sweeper ───────────────────────────────────────────────────────────────────────────────── */

/* When the job's time is over, as far as that is known now; 0: it waits for nobody. */
static int64_t due_at(const struct naive_ledger *n, const struct naive_job *job)
{
    int64_t limit = (int64_t)quote_of(n, job)->limit_ms * NS_PER_MS;
    int64_t late = n->error == NAIVE_LEASE_A_MILLI_LATE ? NS_PER_MS : 0;
    int64_t lost;
    int64_t over;
    switch (job->status) {
    case JOB_QUEUED:
        return later_of(job->queued_at + (int64_t)n->terms.queue_max_s * NS_PER_S,
                        n->started_at + lease(n));
    case JOB_ASSIGNED:
        return later_of(job->start_by, n->started_at + lease(n));
    case JOB_RUNNING:
        lost = later_of(job->heard_at, n->started_at) + lease(n) + late;
        over = later_of(job->started_at + limit, n->started_at) + 2 * lease(n);
        return lost < over ? lost : over;
    case JOB_AWAITING_LOCK:
    case JOB_ENDED:
        break;
    }
    return 0;
}

static void sweep_job(struct naive_ledger *n, struct naive_job *job, int64_t now)
{
    if (job->status == JOB_RUNNING) {
        end_job(n, job, is_lost(n, job, now) ? ENDING_WORKER_LOST : ENDING_CAP_REACHED, UINT64_MAX,
                job->heard_at);
    } else if (job->status == JOB_ASSIGNED && job->attempt < 3) {
        find_host(n, job->host_id)->job_id = (struct id16){0};
        job->status = JOB_QUEUED;
        job->changed = true;
    } else {
        end_job(n, job, ENDING_NO_WORKER, 0, 0);
    }
}

static bool sweep(struct naive_ledger *n, const struct command *c, int64_t now)
{
    size_t swept = 0;
    if (!by_operator(c)) {
        return no(n, "not the operator");
    }
    bool due[NAIVE_THINGS_MAX] = {false}; /* before the sweep: a released job waits for the next */
    for (size_t i = 0; i < n->job_count; i++) {
        int64_t at = due_at(n, &n->jobs[i]);
        due[i] = at != 0 && now >= at;
    }
    for (size_t i = 0; i < n->job_count; i++) {
        if (due[i]) {
            sweep_job(n, &n->jobs[i], now);
            swept++;
        }
    }
    INVARIANT(swept <= SWEPT_MAX); /* otherwise it mattered which came first */
    return swept > 0 || no(n, "nothing due");
}

/* ── the chain ─────────────────────────────────────────────────────────────────────────────────── */

static enum deposit_class class_of(const struct naive_ledger *n, const struct command_deposit *d,
                                   const struct naive_job *job)
{
    const struct naive_quote *row = quote_of(n, job);
    if (!key_equal(d->source, job->consumer_identity)) {
        return DEPOSIT_FOREIGN;
    }
    if (!d->payload_ours || !id_equal(d->job_id, job->id) ||
        !id_equal(d->payload_escrow_id, job->escrow_id) || !id_equal(d->quote_id, row->id) ||
        !key_equal(d->provider, job->provider_identity)) {
        return DEPOSIT_MALFORMED;
    }
    if (!key_is_zero(job->lock_tx) && job->escrow_status != ESCROW_CLOSED) {
        return n->error == NAIVE_DUPLICATE_IS_LOCK && job->escrow_status == ESCROW_OBSERVED
                   ? DEPOSIT_LOCK
                   : DEPOSIT_DUPLICATE;
    }
    if (job->escrow_status == ESCROW_CLOSED || d->tick > job->last_tick) {
        return DEPOSIT_LATE;
    }
    return d->amount == row->cap  ? DEPOSIT_LOCK
           : d->amount < row->cap ? DEPOSIT_SHORT
                                  : DEPOSIT_OVER;
}

static bool deposit(struct naive_ledger *n, struct naive_job *job, const struct command_deposit *d)
{
    int64_t held = 0;
    for (size_t i = 0; i < n->balance_count; i++) {
        const struct naive_balance *b = &n->balances[i];
        held +=
            b->place == NAIVE_HELD && key_equal(b->subject, escrow_subject(job)) ? b->amount : 0;
    }
    for (size_t i = 0; i < n->deposit_count; i++) {
        if (key_equal(n->deposits[i].tx_id, d->tx_id)) {
            return no(n, "seen before");
        }
    }
    if (d->amount <= 0 || d->tick == 0 || key_is_zero(d->tx_id)) {
        return no(n, "no deposit");
    }
    if (d->amount > INT64_C(1000000000000000) - held) {
        return no(n, "more than there is");
    }
    INVARIANT(n->deposit_count < NAIVE_ROWS_MAX);
    enum deposit_class class = class_of(n, d, job);
    n->deposits[n->deposit_count++] = (struct naive_deposit){.tx_id = d->tx_id, .class = class};
    put(n, NAIVE_WALLET, d->source, 0, -d->amount);
    put(n, NAIVE_HELD, escrow_subject(job), 0, d->amount);
    job->changed = true;
    if (class == DEPOSIT_LOCK) {
        job->escrow_status = ESCROW_OBSERVED;
        job->lock_tx = d->tx_id;
        job->lock_tick = d->tick;
        job->confirmations = 0;
    } else {
        add_leg(n, job, LEG_RETURN, d->tx_id, d->source, d->amount);
    }
    return true;
}

static bool confirm(struct naive_ledger *n, struct naive_job *job, const struct command_confirm *c,
                    int64_t now)
{
    if (job->escrow_status != ESCROW_OBSERVED || c->confirmations != job->confirmations + 1 ||
        c->processed_tick < job->lock_tick + c->confirmations) {
        return no(n, "not next");
    }
    job->confirmations++;
    job->changed = true;
    if (job->confirmations >= n->terms.confirmations) {
        int64_t amount = quote_of(n, job)->cap;
        put(n, NAIVE_HELD, escrow_subject(job), 0, -amount);
        put(n, NAIVE_ESCROW, escrow_subject(job), 0, amount);
        job->escrow_status = ESCROW_LOCKED;
        job->status = JOB_QUEUED;
        job->queued_at = now;
    }
    return true;
}

static bool escrow(struct naive_ledger *n, const struct command *c, int64_t now)
{
    struct naive_job *job =
        find_escrow(n, c->type == COMMAND_DEPOSIT_OBSERVE    ? c->u.deposit.escrow_id
                       : c->type == COMMAND_ESCROW_SHORTFALL ? c->u.shortfall.escrow_id
                                                             : c->u.confirm.escrow_id);
    if (c->actor_kind != ACTOR_SETTLEMENT || job == NULL) {
        return no(n, "no such escrow");
    }
    bool is_short = c->u.shortfall.shortfall.balance < c->u.shortfall.shortfall.expected;
    switch ((int)c->type) {
    case COMMAND_DEPOSIT_OBSERVE:
        return deposit(n, job, &c->u.deposit);
    case COMMAND_ESCROW_CONFIRM:
        return confirm(n, job, &c->u.confirm, now);
    case COMMAND_ESCROW_EXPIRE:
        if (n->observing || job->generation != n->generation ||
            job->escrow_status != ESCROW_REQUESTED ||
            c->u.confirm.processed_tick < job->last_tick + 3) {
            return no(n, "not waiting");
        }
        end_job(n, job, ENDING_NEVER_FUNDED, 0, 0);
        return true;
    default:
        if (is_short == job->shortfall) {
            return no(n, "nothing new");
        }
        job->shortfall = is_short;
        job->changed = true;
        return true;
    }
}

static bool pay(struct naive_ledger *n, struct naive_leg *leg, const struct ev_leg_confirmed *p)
{
    struct key32 subject = escrow_subject(&n->jobs[leg->job]);
    struct key32 none = {0};
    if (leg->status != LEG_SIGNED || p->attempt != leg->attempt ||
        !key_equal(p->tx_id, leg->tx_id) || p->tick != leg->tick || p->amount != leg->amount ||
        !key_equal(p->destination, leg->destination) || p->processed_tick < leg->tick + 3) {
        return no(n, "not in flight");
    }
    leg->status = LEG_CONFIRMED;
    put(n, leg->kind == LEG_RETURN ? NAIVE_HELD : NAIVE_PAYABLE, subject,
        leg->kind == LEG_RETURN ? 0 : leg->kind, -leg->amount);
    put(n, leg->kind == LEG_FEE ? NAIVE_FEES : NAIVE_WALLET,
        leg->kind == LEG_FEE ? none : leg->destination, 0, leg->amount);
    return true;
}

static bool legs(struct naive_ledger *n, const struct command *c)
{
    const struct naive_job *job = find_escrow(n, c->u.leg.escrow_id);
    if (c->actor_kind != ACTOR_SETTLEMENT || job == NULL) {
        return no(n, "no such escrow");
    }
    for (size_t i = 0; i < n->leg_count; i++) {
        struct naive_leg *leg = &n->legs[i];
        if (leg->job == index_of(n, job) && leg->kind == c->u.leg.kind &&
            key_equal(leg->deposit_tx, c->u.leg.deposit_tx)) {
            n->jobs[leg->job].changed = true;
            if (c->type == COMMAND_LEG_CONFIRM) {
                return pay(n, leg, &c->u.leg.u.confirmed);
            }
            const char *why = c->type == COMMAND_LEG_SIGN ? naive_sign(n, leg, &c->u.leg.u.signing)
                                                          : naive_lose(n, leg, &c->u.leg.u.lost);
            return why == NULL || no(n, why);
        }
    }
    return no(n, "no such leg");
}

/* ── which command is whose ────────────────────────────────────────────────────────────────────── */

bool naive_give(struct naive_ledger *n, const struct command *c, int64_t now)
{
    n->word[0] = '\0';
    if (!n->open && c->type != COMMAND_LEDGER_OPEN) {
        return no(n, "not open");
    }
    switch (c->type) {
    case COMMAND_LEDGER_OPEN:
    case COMMAND_LEDGER_START:
    case COMMAND_TERMS_SET:
    case COMMAND_KEY_ADD:
        return ledger(n, c, now);
    case COMMAND_KEY_RETIRE:
        return naive_retire(n, c) || no(n, "key not to be retired");
    case COMMAND_LEDGER_RESTORE:
    case COMMAND_SETTLEMENT_RESUME:
    case COMMAND_ESCROW_REREAD:
        return naive_restore(n, c) == NULL || no(n, "not restored so");
    case COMMAND_SWEEP:
        return sweep(n, c, now);
    case COMMAND_SESSION_OPEN:
    case COMMAND_TOKEN_ISSUE:
    case COMMAND_TOKEN_REVOKE:
        return people(n, c, now);
    case COMMAND_WEBHOOK_CREATE:
    case COMMAND_WEBHOOK_DELETE:
    case COMMAND_WEBHOOK_ROTATE:
    case COMMAND_WEBHOOK_PAUSE:
    case COMMAND_WEBHOOK_RESUME:
        return naive_webhook(n, c) || no(n, "not their webhook");
    case COMMAND_UPLOAD_RECEIVE:
    case COMMAND_UPLOAD_REJECT:
    case COMMAND_ANALYSIS_COMPLETE:
        return uploads(n, c);
    case COMMAND_CODE_EXCHANGE:
        return naive_code(n, &c->u.exchange, now) || no(n, "no good code");
    case COMMAND_ANALYSIS_OVERRIDE:
        return naive_override(n, c) || no(n, "not to be overridden so");
    case COMMAND_UPLOAD_ERASE:
    case COMMAND_JOB_ERASE:
        return naive_erase(n, c) || no(n, "not to be erased");
    case COMMAND_HOST_ENROL:
        return enrol(n, c, now);
    case COMMAND_HOST_ONLINE:
    case COMMAND_HOST_OFFLINE:
    case COMMAND_HOST_BENCHMARK:
    case COMMAND_OFFER_PUBLISH:
    case COMMAND_OFFER_WITHDRAW:
        return machines(n, c);
    case COMMAND_MATCH_RECORD:
        return own_upload(n, c, c->u.match.match.upload_id) || no(n, "no such upload");
    case COMMAND_QUOTE_ISSUE:
        return quote(n, c, now);
    case COMMAND_JOB_CREATE:
        return create(n, c, now);
    case COMMAND_JOB_CANCEL:
    case COMMAND_JOB_RATE:
        return consumer(n, c, now);
    case COMMAND_JOB_CLAIM:
        return claim(n, c, now);
    case COMMAND_JOB_START:
        return start(n, c, now);
    case COMMAND_JOB_PROGRESS:
    case COMMAND_JOB_OUTPUT:
    case COMMAND_JOB_METRICS:
    case COMMAND_JOB_REPORTS:
    case COMMAND_RESULT_STORE:
    case COMMAND_JOB_END:
        return report(n, c, now);
    case COMMAND_DEPOSIT_OBSERVE:
    case COMMAND_ESCROW_CONFIRM:
    case COMMAND_ESCROW_EXPIRE:
    case COMMAND_ESCROW_SHORTFALL:
        return escrow(n, c, now);
    case COMMAND_LEG_SIGN:
    case COMMAND_LEG_LOSE:
    case COMMAND_LEG_CONFIRM:
        return legs(n, c);
    case COMMAND_RECONCILIATION_RECORD:
        return naive_audit(n, c, now) || no(n, "no auditor or nothing recorded");
    case COMMAND_CHECKPOINT_ANCHOR:
        return naive_anchor(n, c) || no(n, "no newer anchor");
    }
    return no(n, "no such command");
}
