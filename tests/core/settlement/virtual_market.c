// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_market.h"

#include "core/settlement/payload.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_OPEN_MAX 60
#define CALM_EVERY 70 /* steps … */
#define CALM_FOR 60   /* … in which an anchor may come to its end */
#define JOBS_PER_CONSUMER 8
#define WINDOW 45       /* ticks in which a lock is good */
#define HIDDEN_STEPS 90 /* without an old key, of each third rotation's */

/* ── people ────────────────────────────────────────────────────────────────────────────────────── */

void virtual_fund(struct virtual_market *m, struct key32 key, int64_t amount)
{
    uint32_t tick;
    assert_int_equal(chain_credit(network_chain(m->world.network), &key, amount, &tick, NULL),
                     ERR_OK);
}

struct key32 virtual_anchor_identity(const struct virtual_market *m, uint64_t key_id)
{
    struct qubic_keys keys;
    anchor_keys_derive(&m->world.operator_keys[key_id - 1], &keys);
    return keys.public_key;
}

/* The newest key's. One is enough: it is never spent. */
void virtual_fund_anchors(struct virtual_market *m)
{
    virtual_fund(m, virtual_anchor_identity(m, m->world.key_id), 1);
}

void virtual_join(struct virtual_market *m, struct party *ret, int64_t funds)
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
        virtual_fund(m, ret->keys.public_key, funds);
    }
}

static void upload(struct virtual_market *m, struct party *who)
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

static void open_host(struct virtual_market *m, struct host *host, struct party *provider)
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

void virtual_market_open(struct virtual_market *m)
{
    virtual_join(m, &m->stranger, FUNDS);
    virtual_join(m, &m->thief, 0);
    for (size_t i = 0; i < PROVIDERS; i++) {
        virtual_join(m, &m->providers[i], 0);
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

static void write_payload(struct virtual_market *m, const struct job *job, struct payment *payment)
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
static void plan_payments(struct virtual_market *m, struct job *job)
{
    struct virtual_world *w = &m->world;
    const struct qubic_keys *own = &job->consumer->keys;
    uint64_t roll = virtual_below(w, 100);
    uint32_t now = virtual_now_tick(w);
    if (roll >= 12 || m->orderly) { /* the rest never pays */
        struct payment *lock = add_payment(job, own, job->identity, job->cap);
        roll = m->orderly ? 16 : roll;
        lock->last_tick = roll >= 16 ? job->last_tick : UINT32_MAX;
        lock->from_tick = roll >= 16 ? 0 : job->last_tick + 1; /* late */
        write_payload(m, job, lock);
    }
    job->thief_comes = roll >= 88;
    if (m->orderly || job->thief_comes || !virtual_chance(w, 250)) {
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
        virtual_fund(m, job->identity, job->gifts);
        return;
    }
    more->from_tick = now + (uint32_t)virtual_below(w, 2 * WINDOW);
}

/* Whether it is on the chain with its money. */
static bool arrived(struct virtual_market *m, const struct payment *payment)
{
    struct key32 hash = qubic_transaction_hash(&payment->tx);
    struct chain *chain = network_chain(m->world.network);
    uint32_t index = payment->sent ? chain_find(chain, &hash) : CHAIN_NONE;
    return index != CHAIN_NONE && chain_archived(chain, index).money_flew;
}

static void pay(struct virtual_market *m, struct payment *payment)
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

void virtual_pay(struct virtual_market *m, const struct qubic_keys *from,
                 struct qubic_transaction *tx)
{
    enum chain_admission admission;
    assert_int_equal(qubic_transaction_sign(tx, from, NULL), ERR_OK);
    assert_int_equal(network_submit(m->world.network, tx, &admission, NULL), ERR_OK);
    assert_int_equal(admission, CHAIN_WAITING);
}

void virtual_dust(struct virtual_market *m, struct key32 destination, uint32_t tick, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qubic_transaction tx = {
            .destination = destination, .amount = 1, .tick = tick, .input_size = 8};
        put_be64(tx.input, m->dust++);
        virtual_pay(m, &m->stranger.keys, &tx);
    }
}

/* The escrow's own key takes money out, as only who has the operator's seed can; it comes back without a transaction, so that the ledger's
 * figure is right again. Only while nothing can have been signed for the escrow. */
static void steal(struct virtual_market *m, struct job *job, const struct escrow_row *escrow)
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

static void bring_back(struct virtual_market *m, struct job *job)
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
        virtual_fund(m, job->identity, job->theft.tx.amount);
        job->theft.over = true;
    }
}

/* ── jobs ──────────────────────────────────────────────────────────────────────────────────────── */

static struct party *any_consumer(struct virtual_market *m)
{
    if (m->consumer_count * JOBS_PER_CONSUMER <= m->job_count) {
        assert_true(m->consumer_count < sizeof m->consumers / sizeof *m->consumers);
        struct party *consumer = &m->consumers[m->consumer_count++];
        virtual_join(m, consumer, FUNDS);
        upload(m, consumer);
    }
    return &m->consumers[m->consumer_count - 1];
}

void virtual_create_job(struct virtual_market *m)
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
        virtual_join(m, &m->consumers[m->consumer_count - 1], FUNDS);
        upload(m, &m->consumers[m->consumer_count - 1]);
        return;
    }
    plan_payments(m, job);
    m->job_count++;
    m->jobs_open++;
}

bool virtual_nothing_to_come(const struct job *job)
{
    bool over = !job->theft.sent || job->theft.over;
    for (size_t i = 0; i < job->payment_count; i++) {
        over = over && job->payments[i].over;
    }
    return over;
}

static void step_job(struct virtual_market *m, struct job *job)
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
    } else if (row.status != JOB_ENDED && !m->orderly && virtual_chance(w, 4)) {
        struct command c =
            virtual_command(w, COMMAND_JOB_CANCEL, ACTOR_ACCOUNT, job->consumer->account_id);
        c.u.job.job_id = job->job_id;
        (void)virtual_submit(w, &c, NULL);
    }
    bool ended = row.status == JOB_ENDED &&
                 (escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED) &&
                 escrow.legs_open == 0;
    if (ended && virtual_nothing_to_come(job)) {
        job->over = true;
        m->jobs_open--;
        m->endings[row.ending]++;
    }
}

/* ── machines ──────────────────────────────────────────────────────────────────────────────────── */

static enum job_status status_of(struct virtual_market *m, struct host *host)
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

static void report(struct virtual_market *m, struct host *host)
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
        size_t which = m->orderly ? 0 : virtual_below(w, 3);
        c = virtual_command(w, COMMAND_JOB_END, ACTOR_HOST, host->host_id);
        c.u.end.job_id = host->job_id;
        c.u.end.end = (struct ev_job_end){.ending = ENDS[which].ending,
                                          .reason = ENDS[which].reason,
                                          .worker_ms = 1000 + virtual_below(w, 40000),
                                          .exit_status = which == 2 ? 1 : 0};
    }
    (void)virtual_submit(w, &c, NULL);
}

static void step_host(struct virtual_market *m, struct host *host)
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
        host->silent = !m->orderly && virtual_chance(w, 60);
        break;
    default:
        report(m, host);
        host->silent = !m->orderly && virtual_chance(w, 15);
        host->wait = 1 + (unsigned)virtual_below(w, 6);
        break;
    }
}

/* ── the run ───────────────────────────────────────────────────────────────────────────────────── */

static void sweep(struct virtual_market *m)
{
    struct command c = virtual_command(&m->world, COMMAND_SWEEP, ACTOR_LEDGER, (struct id16){0});
    (void)virtual_submit(&m->world, &c, NULL);
}

/* Evenly over the run; each time tried until it is done. After every third the key that most escrows are of is missing for a while, or another seed
 * is in its place. */
static void step_keys(struct virtual_market *m)
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
    virtual_fund_anchors(m);
    if (m->rotations % 3 == 0) {
        virtual_hide_key(w, w->key_id - 1, m->rotations % 2 == 0);
        m->hidden_for = HIDDEN_STEPS;
    }
}

void virtual_market_act(struct virtual_market *m, uint64_t number)
{
    if (!m->orderly) {
        step_keys(m);
    }
    if (m->job_count < m->jobs_wanted && m->jobs_open < JOBS_OPEN_MAX &&
        virtual_chance(&m->world, 700)) {
        virtual_create_job(m);
    }
    for (size_t i = 0; i < m->job_count; i++) {
        if (!m->jobs[i].over) {
            step_job(m, &m->jobs[i]);
        }
    }
    for (size_t i = 0; i < HOSTS && !m->rest; i++) {
        step_host(m, &m->hosts[i]);
    }
    if (number % 3 == 0) {
        sweep(m);
    }
}

void virtual_market_step(struct virtual_market *m, uint64_t number)
{
    m->world.calm = number % CALM_EVERY < CALM_FOR;
    virtual_tick(&m->world);
    virtual_market_act(m, number);
    virtual_round(&m->world);
}

void virtual_tell_open(struct virtual_market *m)
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
                      job->thief_comes, job->payment_count, virtual_nothing_to_come(job));
    }
    struct err err = {0};
    if (m->world.settlement != NULL && m->world.prepared) {
        enum err_code code = settlement_round(m->world.settlement, &err);
        print_message("settlement: %d %s\n", (int)code, err.message);
    }
}

int64_t virtual_ledger_balance(struct virtual_market *m, enum account_kind kind,
                               struct bytes subject, enum leg_kind leg)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    struct views_snapshot *snapshot;
    account_key(kind, subject, leg, key);
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    int64_t balance = state_balance(views_snapshot_store(snapshot), key);
    views_snapshot_close(snapshot);
    return balance;
}

int64_t virtual_chain_balance(struct virtual_market *m, struct key32 key)
{
    return chain_identity_balance(network_chain(m->world.network), &key).balance;
}
