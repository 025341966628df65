/* Thousands of jobs in virtual time, under faults of the chain and crashes between any two steps of settlement; at the end every job has
 * ended, every escrow is empty, and everybody has on the chain what the ledger says.
 *
 *     core.settlement.test_random_settlement [JOBS [SEED [RUNS]]]     [3000 1 1]
 *
 * Prints how often each fault struck and each crash point was hit, and demands 50 of each (not in a short run). The same seed gives the
 * same events: the digest of the run says so. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/log/log_verify.h"
#include "core/market/posting.h"
#include "core/settlement/payload.h"
#include "tests/core/settlement/virtual_world.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FUNDS INT64_C(100000000)
#define JOBS_OPEN_MAX 60
#define PROVIDERS 3
#define HOSTS 18
#define JOBS_PER_CONSUMER 8
#define WINDOW 45 /* ticks in which a lock is good */
#define WAYS_MAX 4
#define STEPS_IDLE_MAX 6000
#ifndef JOBS_WANTED /* fewer with a sanitizer */
#define JOBS_WANTED 3000
#endif
#define HITS_MIN 50 /* of each kind, by so many jobs or more */
#define JOBS_FOR_HITS 3000
#define ROTATIONS 60    /* of the settlement key, in a run */
#define HIDDEN_STEPS 90 /* without an old key, of each third rotation's */

struct party {
    struct qubic_keys keys;
    struct id16 account_id;
};

/* A payment that somebody tries until it is on the chain, or it is no longer worth trying. */
struct payment {
    const struct qubic_keys *from;
    struct qubic_transaction tx;
    uint32_t from_tick; /* not before */
    uint32_t last_tick; /* in no later tick */
    bool sent;
    bool over;
};

struct job {
    struct id16 job_id;
    struct id16 escrow_id;
    struct id16 quote_id;
    struct key32 identity;
    uint64_t key_id;
    struct party *consumer;
    struct party *provider;
    uint32_t last_tick;
    int64_t cap;
    struct payment payments[WAYS_MAX];
    size_t payment_count;
    bool thief_comes;
    struct payment theft;
    uint32_t brought_back; /* in this tick; 0: not stolen yet */
    int64_t gifts;         /* arrived without a transaction */
    bool over;
};

struct host {
    struct id16 host_id;
    struct id16 offer_id;
    struct party *provider;
    struct id16 job_id; /* zero: idle */
    unsigned wait;      /* seconds until it does the next thing */
    bool silent;
};

struct market {
    struct virtual_world world;
    struct party consumers[1024];
    size_t consumer_count;
    struct party providers[PROVIDERS];
    struct party stranger;
    struct party thief;
    struct host hosts[HOSTS];
    struct id16 upload_id;
    struct job *jobs;
    size_t job_count;
    size_t jobs_wanted;
    size_t jobs_open;
    uint64_t refused;
    uint64_t thefts;
    uint64_t rotations;
    unsigned hidden_for; /* more steps */
    uint64_t endings[32];
};

/* ── people ────────────────────────────────────────────────────────────────────────────────────── */

static void fund(struct market *m, struct key32 key, int64_t amount)
{
    uint32_t tick;
    assert_int_equal(chain_credit(network_chain(m->world.network), &key, amount, &tick, NULL),
                     ERR_OK);
}

static struct key32 anchor_identity(const struct market *m, uint64_t key_id)
{
    struct qubic_keys keys;
    anchor_keys_derive(&m->world.operator_keys[key_id - 1], &keys);
    return keys.public_key;
}

/* The newest key's. One is enough: it is never spent. */
static void fund_anchors(struct market *m)
{
    fund(m, anchor_identity(m, m->world.key_id), 1);
}

static void join(struct market *m, struct party *ret, int64_t funds)
{
    struct virtual_world *w = &m->world;
    char seed[QUBIC_SEED_SIZE];
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (char)('a' + virtual_below(w, 26));
    }
    assert_int_equal(qubic_keys_from_seed(bytes_of(seed, sizeof seed), &ret->keys, NULL), ERR_OK);
    ret->account_id = virtual_id(w);
    struct command c = virtual_command(w, COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, ret->account_id);
    c.u.session = (struct command_session){.identity = ret->keys.public_key,
                                           .account_id = ret->account_id,
                                           .token = {.token_id = virtual_id(w),
                                                     .token_hash = virtual_key(w),
                                                     .scopes = SCOPE_CONSUMER | SCOPE_PROVIDER,
                                                     .expires_at = INT64_MAX}};
    virtual_must(w, &c);
    if (funds > 0) {
        fund(m, ret->keys.public_key, funds);
    }
}

static void upload(struct market *m, struct party *who)
{
    struct virtual_world *w = &m->world;
    struct command c = virtual_command(w, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, who->account_id);
    m->upload_id = c.u.upload.upload_id = virtual_id(w);
    c.u.upload.upload.size = 1000;
    virtual_must(w, &c);
    c = virtual_command(w, COMMAND_ANALYSIS_COMPLETE, ACTOR_LEDGER, (struct id16){0});
    c.u.analysis.upload_id = m->upload_id;
    c.u.analysis.analysis = (struct ev_analysis_completed){.analyser_version = 1,
                                                           .kind = UPLOAD_PYTHON,
                                                           .job_type = JOB_TYPE_CUSTOM,
                                                           .framework = FRAMEWORK_NONE,
                                                           .device = DEVICE_CPU,
                                                           .ram_mib = 100,
                                                           .reference_p50_ms = 20000,
                                                           .reference_p90_ms = 40000};
    virtual_must(w, &c);
}

static void open_host(struct market *m, struct host *host, struct party *provider)
{
    struct virtual_world *w = &m->world;
    *host =
        (struct host){.host_id = virtual_id(w), .offer_id = virtual_id(w), .provider = provider};
    struct command c = virtual_command(w, COMMAND_HOST_ENROL, ACTOR_ACCOUNT, provider->account_id);
    c.u.host.host_id = host->host_id;
    c.u.host.token.token_id = virtual_id(w);
    c.u.host.token.token_hash = virtual_key(w);
    virtual_must(w, &c);
    c = virtual_command(w, COMMAND_HOST_ONLINE, ACTOR_HOST, host->host_id);
    c.u.host.host_id = host->host_id;
    virtual_must(w, &c);
    c = virtual_command(w, COMMAND_OFFER_PUBLISH, ACTOR_ACCOUNT, provider->account_id);
    c.u.offer.offer_id = host->offer_id;
    c.u.offer.offer =
        (struct ev_offer_published){.host_id = host->host_id,
                                    .device = DEVICE_CPU,
                                    .ram_mib = 4096,
                                    .storage_mib = 4096,
                                    .cpu_cores = 2,
                                    .speed_permille = 1000,
                                    .rate = (int64_t)(400000 + virtual_below(w, 4000000))};
    virtual_must(w, &c);
}

static void open_market(struct market *m)
{
    join(m, &m->stranger, FUNDS);
    join(m, &m->thief, 0);
    for (size_t i = 0; i < PROVIDERS; i++) {
        join(m, &m->providers[i], 0);
    }
    for (size_t i = 0; i < HOSTS; i++) {
        open_host(m, &m->hosts[i], &m->providers[i % PROVIDERS]);
    }
}

/* ── paying ────────────────────────────────────────────────────────────────────────────────────── */

static struct payment *add_payment(struct job *job, const struct qubic_keys *from,
                                   struct key32 destination, int64_t amount)
{
    assert_true(job->payment_count < WAYS_MAX);
    struct payment *payment = &job->payments[job->payment_count++];
    *payment = (struct payment){.from = from,
                                .tx = {.destination = destination, .amount = amount},
                                .last_tick = UINT32_MAX};
    return payment;
}

static void write_payload(struct market *m, const struct job *job, struct payment *payment)
{
    struct payload payload = {.kind = PAYLOAD_LOCK,
                              .log_id = m->world.operator_keys[0].log_id,
                              .job_id = job->job_id,
                              .escrow_id = job->escrow_id,
                              .quote_id = job->quote_id,
                              .subject = job->provider->keys.public_key};
    payment->tx.input_type = PAYLOAD_INPUT_TYPE;
    payment->tx.input_size = PAYLOAD_SIZE;
    payload_encode(&payload, payment->tx.input);
}

/* Most lock as they should; what else arrives is every class of deposit there is. */
static void plan_payments(struct market *m, struct job *job)
{
    struct virtual_world *w = &m->world;
    const struct qubic_keys *own = &job->consumer->keys;
    uint64_t roll = virtual_below(w, 100);
    uint32_t now = virtual_now_tick(w);
    if (roll >= 12) { /* the rest never pays */
        struct payment *lock = add_payment(job, own, job->identity, job->cap);
        lock->last_tick = roll >= 16 ? job->last_tick : UINT32_MAX;
        lock->from_tick = roll >= 16 ? 0 : job->last_tick + 1; /* late */
        write_payload(m, job, lock);
    }
    job->thief_comes = roll >= 88;
    if (job->thief_comes || !virtual_chance(w, 250)) {
        return;
    }
    struct payment *more;
    switch (virtual_below(w, 5)) {
    case 0: /* too little, or too much */
        more = add_payment(job, own, job->identity,
                           virtual_chance(w, 500) ? job->cap - 1 : job->cap + 1);
        write_payload(m, job, more);
        break;
    case 1: /* twice */
        more = add_payment(job, own, job->identity, job->cap);
        write_payload(m, job, more);
        break;
    case 2: /* somebody else's money */
        more = add_payment(job, &m->stranger.keys, job->identity, job->cap);
        write_payload(m, job, more);
        break;
    case 3: /* no payload of ours */
        more = add_payment(job, own, job->identity, job->cap);
        break;
    default: /* without a transaction */
        job->gifts = (int64_t)(1 + virtual_below(w, 5000));
        fund(m, job->identity, job->gifts);
        return;
    }
    more->from_tick = now + (uint32_t)virtual_below(w, 2 * WINDOW);
}

/* Whether it is on the chain with its money. */
static bool arrived(struct market *m, const struct payment *payment)
{
    struct key32 hash = qubic_transaction_hash(&payment->tx);
    struct chain *chain = network_chain(m->world.network);
    uint32_t index = payment->sent ? chain_find(chain, &hash) : CHAIN_NONE;
    return index != CHAIN_NONE && chain_archived(chain, index).money_flew;
}

static void pay(struct market *m, struct payment *payment)
{
    struct virtual_world *w = &m->world;
    uint32_t now = virtual_now_tick(w);
    enum chain_admission admission;
    if (payment->over || now < payment->from_tick || (payment->sent && payment->tx.tick >= now)) {
        return;
    }
    if (arrived(m, payment)) {
        payment->over = true;
        return;
    }
    payment->tx.tick = now + 3 + (uint32_t)virtual_below(w, 5);
    if (payment->tx.tick > payment->last_tick) {
        payment->over = true;
        return;
    }
    assert_int_equal(qubic_transaction_sign(&payment->tx, payment->from, NULL), ERR_OK);
    assert_int_equal(network_submit(w->network, &payment->tx, &admission, NULL), ERR_OK);
    payment->sent = true;
}

/* The escrow's own key takes money out, as only who has the operator's seed can; it comes back without a transaction, so that the ledger's
 * figure is right again. Only while nothing can have been signed for the escrow. */
static void steal(struct market *m, struct job *job, const struct escrow_row *escrow)
{
    struct virtual_world *w = &m->world;
    struct qubic_keys keys;
    enum chain_admission admission;
    if (escrow->status != ESCROW_OBSERVED || job->theft.sent) {
        return;
    }
    job->theft.sent = true;
    job->theft.tx = (struct qubic_transaction){
        .destination = m->thief.keys.public_key, .amount = 100, .tick = virtual_now_tick(w) + 3};
    escrow_keys_derive(&w->operator_keys[job->key_id - 1], job->escrow_id, &keys);
    assert_int_equal(qubic_transaction_sign(&job->theft.tx, &keys, NULL), ERR_OK);
    assert_int_equal(network_submit(w->network, &job->theft.tx, &admission, NULL), ERR_OK);
}

static void bring_back(struct market *m, struct job *job)
{
    uint32_t now = virtual_now_tick(&m->world);
    if (!job->theft.sent || job->theft.over || now <= job->theft.tx.tick) {
        return;
    }
    if (!arrived(m, &job->theft)) {
        job->theft.over = true;
    } else if (job->brought_back == 0) {
        job->brought_back = now + 60; /* long enough to be missed */
        m->thefts++;
    } else if (now >= job->brought_back) {
        fund(m, job->identity, job->theft.tx.amount);
        job->theft.over = true;
    }
}

/* ── jobs ──────────────────────────────────────────────────────────────────────────────────────── */

static struct party *any_consumer(struct market *m)
{
    if (m->consumer_count * JOBS_PER_CONSUMER <= m->job_count) {
        assert_true(m->consumer_count < sizeof m->consumers / sizeof *m->consumers);
        struct party *consumer = &m->consumers[m->consumer_count++];
        join(m, consumer, FUNDS);
        upload(m, consumer);
    }
    return &m->consumers[m->consumer_count - 1];
}

static void create_job(struct market *m)
{
    struct virtual_world *w = &m->world;
    struct party *consumer = any_consumer(m);
    struct host *host = &m->hosts[virtual_below(w, HOSTS)];
    struct job *job = &m->jobs[m->job_count];
    struct qubic_keys keys;
    struct views_snapshot *snapshot;
    struct quote_row quote;
    *job = (struct job){.job_id = virtual_id(w),
                        .escrow_id = virtual_id(w),
                        .quote_id = virtual_id(w),
                        .consumer = consumer,
                        .provider = host->provider,
                        .last_tick = virtual_now_tick(w) + WINDOW};
    struct command c = virtual_command(w, COMMAND_QUOTE_ISSUE, ACTOR_ACCOUNT, consumer->account_id);
    c.u.quote = (struct command_quote){
        .quote_id = job->quote_id, .upload_id = m->upload_id, .offer_id = host->offer_id};
    if (virtual_submit(w, &c, NULL) != ERR_OK) {
        m->refused++;
        return;
    }
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_quote(views_snapshot_store(snapshot), job->quote_id, &quote));
    views_snapshot_close(snapshot);
    job->cap = quote.cap;
    job->key_id = w->key_id;
    escrow_keys_derive(&w->operator_keys[job->key_id - 1], job->escrow_id, &keys);
    job->identity = keys.public_key;
    w->lies.escrow = job->identity;
    c = virtual_command(w, COMMAND_JOB_CREATE, ACTOR_ACCOUNT, consumer->account_id);
    c.u.job_create = (struct command_job_create){.job_id = job->job_id,
                                                 .escrow_id = job->escrow_id,
                                                 .quote_id = job->quote_id,
                                                 .escrow_identity = job->identity,
                                                 .key_id = job->key_id,
                                                 .requested_tick = virtual_now_tick(w),
                                                 .last_tick = job->last_tick};
    if (virtual_submit(w, &c, NULL) != ERR_OK) {
        m->refused++; /* of somebody whose started jobs were refunded too often */
        m->consumer_count += m->consumer_count < sizeof m->consumers / sizeof *m->consumers - 1;
        join(m, &m->consumers[m->consumer_count - 1], FUNDS);
        upload(m, &m->consumers[m->consumer_count - 1]);
        return;
    }
    plan_payments(m, job);
    m->job_count++;
    m->jobs_open++;
}

static bool nothing_to_come(const struct job *job)
{
    bool over = !job->theft.sent || job->theft.over;
    for (size_t i = 0; i < job->payment_count; i++) {
        over = over && job->payments[i].over;
    }
    return over;
}

static void step_job(struct market *m, struct job *job)
{
    struct virtual_world *w = &m->world;
    struct views_snapshot *snapshot;
    struct escrow_row escrow = {0};
    struct job_row row = {0};
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    struct store *store = views_snapshot_store(snapshot);
    assert_true(state_escrow(store, job->escrow_id, &escrow) &&
                state_job(store, job->job_id, &row));
    views_snapshot_close(snapshot);
    for (size_t i = 0; i < job->payment_count; i++) {
        pay(m, &job->payments[i]);
    }
    if (job->thief_comes) {
        steal(m, job, &escrow);
        bring_back(m, job);
    } else if (row.status != JOB_ENDED && virtual_chance(w, 4)) {
        struct command c =
            virtual_command(w, COMMAND_JOB_CANCEL, ACTOR_ACCOUNT, job->consumer->account_id);
        c.u.job.job_id = job->job_id;
        (void)virtual_submit(w, &c, NULL);
    }
    bool ended = row.status == JOB_ENDED &&
                 (escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED) &&
                 escrow.legs_open == 0;
    if (ended && nothing_to_come(job)) {
        job->over = true;
        m->jobs_open--;
        m->endings[row.ending]++;
    }
}

/* ── machines ──────────────────────────────────────────────────────────────────────────────────── */

static enum job_status status_of(struct market *m, struct host *host)
{
    struct views_snapshot *snapshot;
    struct host_row row;
    struct job_row job = {0};
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_host(views_snapshot_store(snapshot), host->host_id, &row));
    if (!id_equal(row.job_id, host->job_id)) { /* given another, or taken away */
        host->silent = false;
        host->wait = 0;
    }
    host->job_id = row.job_id;
    bool busy = !id_is_zero(row.job_id);
    if (busy) {
        assert_true(state_job(views_snapshot_store(snapshot), row.job_id, &job));
    }
    views_snapshot_close(snapshot);
    return busy ? (enum job_status)job.status : JOB_ENDED;
}

static void report(struct market *m, struct host *host)
{
    struct virtual_world *w = &m->world;
    struct command c;
    if (virtual_chance(w, 850)) {
        c = virtual_command(w, COMMAND_JOB_PROGRESS, ACTOR_HOST, host->host_id);
        c.u.progress.job_id = host->job_id;
        c.u.progress.progress.used_ms = 1;
    } else {
        static const struct {
            enum ending ending;
            enum end_reason reason;
        } ENDS[] = {{ENDING_COMPLETED, REASON_EXITED_ZERO},
                    {ENDING_COMPLETED, REASON_EXITED_ZERO},
                    {ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO}};
        size_t which = virtual_below(w, 3);
        c = virtual_command(w, COMMAND_JOB_END, ACTOR_HOST, host->host_id);
        c.u.end.job_id = host->job_id;
        c.u.end.end = (struct ev_job_end){.ending = ENDS[which].ending,
                                          .reason = ENDS[which].reason,
                                          .worker_ms = 1000 + virtual_below(w, 40000),
                                          .exit_status = which == 2 ? 1 : 0};
    }
    (void)virtual_submit(w, &c, NULL);
}

static void step_host(struct market *m, struct host *host)
{
    struct virtual_world *w = &m->world;
    enum job_status status = status_of(m, host);
    if (host->silent || host->wait > 0) {
        host->wait -= host->wait > 0;
        return;
    }
    struct command c = virtual_command(w, COMMAND_JOB_CLAIM, ACTOR_HOST, host->host_id);
    switch ((int)status) {
    case JOB_ENDED:
        c.u.job.host_id = host->host_id;
        (void)virtual_submit(w, &c, NULL);
        host->wait = (unsigned)virtual_below(w, 4);
        break;
    case JOB_ASSIGNED:
        c.type = COMMAND_JOB_START;
        c.u.job.job_id = host->job_id;
        (void)virtual_submit(w, &c, NULL);
        host->silent = virtual_chance(w, 60);
        break;
    default:
        report(m, host);
        host->silent = virtual_chance(w, 15);
        host->wait = 1 + (unsigned)virtual_below(w, 6);
        break;
    }
}

/* ── the run ───────────────────────────────────────────────────────────────────────────────────── */

static void sweep(struct market *m)
{
    struct command c = virtual_command(&m->world, COMMAND_SWEEP, ACTOR_LEDGER, (struct id16){0});
    (void)virtual_submit(&m->world, &c, NULL);
}

/* Evenly over the run; each time tried until it is done. After every third the key that most escrows are of is missing for a while, or another seed
 * is in its place. */
static void step_keys(struct market *m)
{
    struct virtual_world *w = &m->world;
    uint64_t every = m->jobs_wanted / ROTATIONS > 5 ? m->jobs_wanted / ROTATIONS : 5;
    if (m->hidden_for > 0 && --m->hidden_for == 0) {
        virtual_hide_key(w, 0, false);
    }
    if (m->job_count / every <= m->rotations || m->rotations == ROTATIONS || m->hidden_for > 0 ||
        !virtual_rotate(w)) {
        return;
    }
    m->rotations++;
    fund_anchors(m);
    if (m->rotations % 3 == 0) {
        virtual_hide_key(w, w->key_id - 1, m->rotations % 2 == 0);
        m->hidden_for = HIDDEN_STEPS;
    }
}

static void step(struct market *m, uint64_t number)
{
    virtual_tick(&m->world);
    step_keys(m);
    if (m->job_count < m->jobs_wanted && m->jobs_open < JOBS_OPEN_MAX &&
        virtual_chance(&m->world, 700)) {
        create_job(m);
    }
    for (size_t i = 0; i < m->job_count; i++) {
        if (!m->jobs[i].over) {
            step_job(m, &m->jobs[i]);
        }
    }
    for (size_t i = 0; i < HOSTS; i++) {
        step_host(m, &m->hosts[i]);
    }
    if (number % 3 == 0) {
        sweep(m);
    }
    virtual_round(&m->world);
}

static void tell_open(struct market *m)
{
    for (size_t i = 0; i < m->job_count; i++) {
        struct job *job = &m->jobs[i];
        struct views_snapshot *snapshot;
        struct escrow_row escrow;
        if (job->over) {
            continue;
        }
        assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL),
                         ERR_OK);
        assert_true(state_escrow(views_snapshot_store(snapshot), job->escrow_id, &escrow));
        views_snapshot_close(snapshot);
        print_message("job %zu: escrow status %" PRIu64 ", legs open %" PRIu64
                      ", in flight %" PRIu64 ", shortfall %" PRIu64
                      ", thief %d, payments %zu, nothing to come %d\n",
                      i, escrow.status, escrow.legs_open, escrow.in_flight, escrow.shortfall,
                      job->thief_comes, job->payment_count, nothing_to_come(job));
    }
    struct err err = {0};
    if (m->world.settlement != NULL && m->world.prepared) {
        enum err_code code = settlement_round(m->world.settlement, &err);
        print_message("settlement: %d %s\n", (int)code, err.message);
    }
}

static bool keys_left(const struct market *m)
{
    return m->world.events[EVENT_SETTLEMENT_KEY_RETIRED] + 1 < m->world.key_id;
}

static void run(struct market *m)
{
    uint64_t number = 0;
    uint64_t end = 0;
    while (m->job_count < m->jobs_wanted || m->jobs_open > 0) {
        step(m, ++number);
        end = m->job_count < m->jobs_wanted ? number + STEPS_IDLE_MAX : end;
        if (number > end) {
            tell_open(m);
            fail_msg("%zu jobs do not come to their end", m->jobs_open);
        }
    }
    /* What came late is read and returned as well; and every key but the newest ends. */
    for (int i = 0; i < 200 || (i < STEPS_IDLE_MAX && keys_left(m)); i++) {
        step(m, ++number);
    }
}

/* ── at the end ────────────────────────────────────────────────────────────────────────────────── */

static int64_t ledger_balance(struct market *m, enum account_kind kind, struct bytes subject,
                              enum leg_kind leg)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    struct views_snapshot *snapshot;
    account_key(kind, subject, leg, key);
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    int64_t balance = state_balance(views_snapshot_store(snapshot), key);
    views_snapshot_close(snapshot);
    return balance;
}

static int64_t chain_balance_of(struct market *m, struct key32 key)
{
    return chain_identity_balance(network_chain(m->world.network), &key).balance;
}

static void check_escrow(struct market *m, const struct job *job)
{
    struct bytes escrow = id_key(&job->escrow_id);
    assert_int_equal(ledger_balance(m, ACCOUNT_HELD, escrow, 0), 0);
    assert_int_equal(ledger_balance(m, ACCOUNT_ESCROW, escrow, 0), 0);
    for (int leg = LEG_REFUND; leg <= LEG_RETURN; leg++) {
        assert_int_equal(ledger_balance(m, ACCOUNT_PAYABLE, escrow, (enum leg_kind)leg), 0);
    }
    assert_int_equal(chain_balance_of(m, job->identity), job->gifts);
}

static void check_party(struct market *m, const struct party *party, int64_t funds)
{
    assert_int_equal(chain_balance_of(m, party->keys.public_key) - funds,
                     ledger_balance(m, ACCOUNT_WALLET, hash_key(&party->keys.public_key), 0));
}

/* Every key but the newest is over, and the log says so. */
static void check_keys(struct market *m)
{
    struct views_snapshot *snapshot;
    struct settlement_key_row row;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    for (uint64_t id = 1; id <= m->world.key_id; id++) {
        assert_true(state_settlement_key(views_snapshot_store(snapshot), id, &row));
        assert_int_equal(row.escrows_open, 0);
        assert_int_equal(row.retired_sequence != 0, id < m->world.key_id);
    }
    views_snapshot_close(snapshot);
}

static void check_end(struct market *m)
{
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    for (size_t i = 0; i < m->job_count; i++) {
        check_escrow(m, &m->jobs[i]);
    }
    for (size_t i = 0; i < m->consumer_count; i++) {
        check_party(m, &m->consumers[i], FUNDS);
    }
    for (size_t i = 0; i < PROVIDERS; i++) {
        check_party(m, &m->providers[i], 0);
    }
    check_keys(m);
    check_party(m, &m->stranger, FUNDS);
    assert_int_equal(chain_balance_of(m, m->world.fee_identity),
                     ledger_balance(m, ACCOUNT_FEES, (struct bytes){0}, 0));
    for (uint64_t key_id = 1; key_id <= m->world.key_id; key_id++) {
        assert_int_equal(chain_balance_of(m, anchor_identity(m, key_id)), 1);
    }
    if (log_verify(ledger_log(m->world.ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

/* ── telling ───────────────────────────────────────────────────────────────────────────────────── */

static void demand(uint64_t hits, uint64_t least, const char *what)
{
    if (hits < least) {
        fail_msg("%s: %" PRIu64 " times, at least %" PRIu64 " were wanted", what, hits, least);
    }
}

static void tell(struct market *m, uint64_t least)
{
    struct virtual_world *w = &m->world;
    const struct network_counts *counts = network_counts(w->network);
    char digest[65];
    hex_encode(bytes_of(w->digest.b, sizeof w->digest.b), digest);
    print_message("jobs %zu (refused %" PRIu64 "), thefts %" PRIu64 ", events %" PRIu64
                  ", rounds %" PRIu64 ", crashes %" PRIu64 ", ledger opened anew %" PRIu64
                  ", tick %u\n",
                  m->job_count, m->refused, m->thefts, w->seen, w->rounds, w->crashes_all,
                  w->reopened, virtual_now_tick(w));
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        print_message("  fault %-14s %6" PRIu64 "\n", fault_plan_name((enum fault_setting)fault),
                      counts->hits[fault]);
    }
    for (int lie = 0; lie < LIES; lie++) {
        print_message("  lie   %-14s %6" PRIu64 "\n", lie_name((enum lie)lie), w->lies.told[lie]);
    }
    for (int at = 0; at < CRASH_STEPS; at++) {
        print_message("  crash %-16s before %5" PRIu64 "  after %5" PRIu64 "\n",
                      crash_step_name((enum crash_step)at), w->crashes[at][0], w->crashes[at][1]);
    }
    print_message("  legs: signed %" PRIu64 ", lost %" PRIu64 ", confirmed %" PRIu64
                  "; shortfalls %" PRIu64 "; anchors %" PRIu64 "\n  digest %s\n",
                  w->events[EVENT_PAYOUT_SIGNED] + w->events[EVENT_REFUND_SIGNED] +
                      w->events[EVENT_FEE_SIGNED],
                  w->events[EVENT_PAYOUT_LOST] + w->events[EVENT_REFUND_LOST] +
                      w->events[EVENT_FEE_LOST],
                  w->events[EVENT_PAYOUT_CONFIRMED] + w->events[EVENT_REFUND_CONFIRMED] +
                      w->events[EVENT_FEE_CONFIRMED],
                  w->events[EVENT_ESCROW_SHORTFALL], w->events[EVENT_CHECKPOINT_ANCHORED], digest);
    print_message("  keys: rotations %" PRIu64 ", cut after the seed %" PRIu64
                  ", after the event %" PRIu64 "; retired %" PRIu64
                  "; rounds that waited for a missing one %" PRIu64
                  ", legs of others signed meanwhile %" PRIu64 "\n",
                  m->rotations, w->rotations_cut[0], w->rotations_cut[1],
                  w->events[EVENT_SETTLEMENT_KEY_RETIRED], w->hidden_waits, w->hidden_signed);
    print_message("  legs signed after a pause %" PRIu64 "\n", w->spaced);
    demand(w->spaced, least, "a pause after three losses");
    demand(m->rotations, least > 0 ? ROTATIONS : 1, "rotations");
    demand(w->hidden_waits, least, "waiting for a missing key");
    demand(w->hidden_signed, least, "paying from others meanwhile");
    demand(w->rotations_cut[0], least / 10, "a rotation cut after the seed");
    demand(w->rotations_cut[1], least / 10, "a rotation cut after the event");
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        demand(counts->hits[fault], least, fault_plan_name((enum fault_setting)fault));
    }
    for (int lie = 0; lie < LIES; lie++) {
        demand(w->lies.told[lie], least, lie_name((enum lie)lie));
    }
    for (int at = 0; at < CRASH_STEPS; at++) {
        if (at == CRASH_ANCHOR) { /* hardly an anchor lives so long here; test_anchor.c has them */
            continue;
        }
        demand(w->crashes[at][0], least, crash_step_name((enum crash_step)at));
        demand(w->crashes[at][1], least, crash_step_name((enum crash_step)at));
    }
}

static struct key32 run_seed(uint64_t seed, size_t jobs, uint64_t least)
{
    struct market *m = calloc(1, sizeof *m);
    struct virtual_options options = {.seed = seed,
                                      .faults = virtual_faults(seed),
                                      .crash_permille = 30,
                                      .anchor = {.every_events = 60}};
    assert_non_null(m);
    m->jobs = calloc(jobs, sizeof *m->jobs);
    m->jobs_wanted = jobs;
    assert_non_null(m->jobs);
    print_message("seed %" PRIu64 "\n", seed);
    virtual_open(&m->world, &options);
    open_market(m);
    fund_anchors(m);
    run(m);
    check_end(m);
    tell(m, least);
    struct key32 digest = virtual_digest(&m->world);
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
    return digest;
}

/* ── put back from an old copy ─────────────────────────────────────────────────────────────────── */

static uint64_t first_seed = 1;

#define PUT_BACK_RUNS 24
#define PUT_BACK_JOBS 30
#define PUT_BACK_STEPS_MAX 8000
#define SHORT_LISTS_FOR 40

struct put_back {
    uint64_t payments; /* that left before, and of which the log then knew nothing */
    uint64_t taken;    /* of those, for a leg */
    uint64_t held;     /* escrows from which nothing more is paid */
    uint64_t refunded; /* of those, with money enough in them */
};

/* What left an escrow by its own key, with money: each leg once. */
static void check_paid_once(struct market *m, const struct job *job)
{
    struct chain *chain = network_chain(m->world.network);
    struct payload paid[64];
    size_t count = 0;
    for (uint32_t at = chain_newest_of(chain, &job->identity); at != CHAIN_NONE;
         at = chain_previous_of(chain, &job->identity, at)) {
        struct qubic_archived_transaction tx = chain_archived(chain, at);
        struct payload payload;
        if (!tx.money_flew || !key_equal(tx.transaction.source, job->identity) ||
            !payload_decode(bytes_of(tx.transaction.input, tx.transaction.input_size), &payload)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (paid[i].kind == payload.kind && key_equal(paid[i].subject, payload.subject)) {
                fail_msg("a leg of kind %d was paid twice", (int)payload.kind);
            }
        }
        assert_true(count < sizeof paid / sizeof *paid);
        paid[count++] = payload;
    }
}

static struct escrow_row escrow_row_of(struct market *m, const struct job *job, bool *ret_settled)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), job->escrow_id, &escrow));
    views_snapshot_close(snapshot);
    *ret_settled = escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED;
    return escrow;
}

static bool all_over_or_held(struct market *m)
{
    for (size_t i = 0; i < m->job_count; i++) {
        bool settled = false;
        struct escrow_row escrow = escrow_row_of(m, &m->jobs[i], &settled);
        if (!m->jobs[i].over &&
            !(settled && escrow.found_open > 0 && nothing_to_come(&m->jobs[i]))) {
            return false;
        }
    }
    return true;
}

static void count_found(struct market *m, struct put_back *counts)
{
    struct views_snapshot *snapshot;
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    struct store *store = views_snapshot_store(snapshot);
    while (store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value)) {
        struct found_row row;
        memcpy(at, key.data, sizeof at);
        memcpy(&row, value.data, sizeof row);
        counts->payments++;
        counts->taken += row.taken != 0 ? 1 : 0;
    }
    views_snapshot_close(snapshot);
}

static void check_put_back(struct market *m, struct put_back *counts)
{
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    count_found(m, counts);
    for (size_t i = 0; i < m->job_count; i++) {
        const struct job *job = &m->jobs[i];
        bool settled = false;
        check_paid_once(m, job);
        if (escrow_row_of(m, job, &settled).found_open == 0) {
            check_escrow(m, job);
        } else {
            counts->held++;
            counts->refunded += chain_balance_of(m, job->identity) >= job->cap ? 1 : 0;
        }
    }
    if (log_verify(ledger_log(m->world.ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static uint64_t signed_so_far(const struct virtual_world *w)
{
    return w->events[EVENT_PAYOUT_SIGNED] + w->events[EVENT_REFUND_SIGNED] +
           w->events[EVENT_FEE_SIGNED];
}

/* In the middle of it the ledger's folder is what it was some time ago. Some escrows are given money enough to pay all of it again. */
static void run_put_back(uint64_t seed, struct put_back *counts)
{
    struct market *m = calloc(1, sizeof *m);
    /* Until jobs have ended and were paid; or just when something was signed, so that it runs when the log knows nothing of it, and
     * nothing keeps settlement from reading the chain at once. */
    bool const at_once = seed % 2 == 0;
    struct virtual_options options = {.seed = seed,
                                      .faults = at_once ? fault_plan_none() : virtual_faults(seed),
                                      .crash_permille = at_once ? 0 : 10};
    assert_non_null(m);
    m->jobs = calloc(PUT_BACK_JOBS, sizeof *m->jobs);
    m->jobs_wanted = PUT_BACK_JOBS;
    assert_non_null(m->jobs);
    virtual_open(&m->world, &options);
    open_market(m);
    uint64_t number = 0;
    while (m->job_count < m->jobs_wanted) {
        step(m, ++number);
    }
    virtual_back_up(&m->world);
    uint64_t const before = signed_so_far(&m->world);
    uint64_t const lost = number + 20 + virtual_below(&m->world, 80);
    while (number < lost && !(at_once && signed_so_far(&m->world) > before)) {
        step(m, ++number);
    }
    virtual_put_back(&m->world);
    m->world.lies.short_lists = true;           /* no reason to believe that nothing left */
    for (size_t i = 0; i < m->job_count; i++) { /* the log has them open again, or does not */
        m->jobs[i].over = false;
        if (at_once || virtual_chance(&m->world, 500)) {
            m->jobs[i].gifts += 2 * m->jobs[i].cap;
            fund(m, m->jobs[i].identity, 2 * m->jobs[i].cap);
        }
    }
    m->jobs_open = m->job_count;
    do {
        step(m, ++number);
        m->world.lies.short_lists = m->world.lies.short_lists && number < lost + SHORT_LISTS_FOR;
        virtual_resume(&m->world);
        if (number > lost + PUT_BACK_STEPS_MAX) {
            tell_open(m);
            fail_msg("seed %" PRIu64 ": jobs do not come to their end", seed);
        }
    } while (!all_over_or_held(m) || m->world.events[EVENT_SETTLEMENT_RESUMED] == 0);
    for (int i = 0; i < 100; i++) { /* and what is held stays */
        step(m, ++number);
    }
    check_put_back(m, counts);
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
}

static void a_ledger_put_back_from_an_old_copy_pays_nothing_twice(void **state)
{
    (void)state;
    struct put_back counts = {0};
    for (uint64_t i = 0; i < PUT_BACK_RUNS; i++) {
        run_put_back(first_seed + i, &counts);
    }
    print_message("%d restores: %" PRIu64 " payments of the lost part found, %" PRIu64
                  " taken for their legs, %" PRIu64 " escrows held, %" PRIu64
                  " of them with money for all of it\n",
                  PUT_BACK_RUNS, counts.payments, counts.taken, counts.held, counts.refunded);
    demand(counts.taken, 5, "a found payment taken for its leg");
    demand(counts.held, 5, "an escrow held");
    demand(counts.refunded, 2, "an escrow held that has money enough");
}

static size_t wanted_jobs = JOBS_WANTED;
static uint64_t runs = 1;

static void every_job_ends_and_everybody_has_what_the_ledger_says(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < runs; i++) {
        (void)run_seed(first_seed + i, wanted_jobs, wanted_jobs >= JOBS_FOR_HITS ? HITS_MIN : 0);
    }
}

static void a_seed_gives_the_same_run(void **state)
{
    (void)state;
    struct key32 first = run_seed(first_seed, 40, 0);
    struct key32 again = run_seed(first_seed, 40, 0);
    assert_true(key_equal(first, again));
    assert_false(key_equal(first, run_seed(first_seed + 1, 40, 0)));
}

int main(int argc, char **argv)
{
    wanted_jobs = argc > 1 ? strtoul(argv[1], NULL, 10) : wanted_jobs;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : first_seed;
    runs = argc > 3 ? strtoull(argv[3], NULL, 10) : runs;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends_and_everybody_has_what_the_ledger_says),
        cmocka_unit_test(a_seed_gives_the_same_run),
        cmocka_unit_test(a_ledger_put_back_from_an_old_copy_pays_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
