// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/world.h"

#include "core/base/arena.h"
#include "core/base/rng.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "core/market/terms.h"

#include <stdatomic.h>

static _Atomic int64_t passed_ns;

static int64_t world_wall_ns(void)
{
    return time_wall_ns() + atomic_load(&passed_ns);
}

void world_pass(int64_t ns)
{
    atomic_fetch_add(&passed_ns, ns);
}

static struct command command_of(enum command_type type, enum actor_kind kind, struct id16 actor)
{
    return (struct command){
        .type = type, .actor_kind = kind, .actor_id = actor, .command_id = id_new(time_wall_ns())};
}

static void submit(struct world *w, const struct command *command)
{
    struct ledger_answer answer = ledger_submit_wait(w->ledger, command, CLASS_CONSUMER);
    if (answer.code != ERR_OK) {
        fail_msg("command %d: %s", (int)command->type, answer.err.message);
    }
}

/* ── opening and closing ── */

void world_open_ledger(struct world *w)
{
    struct ledger_options options = {
        .data_dir = w->folder,
        .checkpoint_key = &w->key,
        .checkpoint_copy = w->copy,
        .map_size = UINT64_C(1) << 27,
        .wall_ns = world_wall_ns,
    };
    struct err err = {0};
    if (ledger_open(&options, &w->ledger, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

void world_close_ledger(struct world *w)
{
    ledger_close(w->ledger);
    w->ledger = NULL;
}

void world_start_settlement(struct world *w)
{
    struct settlement_options options = {
        .ledger = w->ledger,
        .operator_keys = w->operator_keys,
        .operator_key_count = w->operator_key_count,
        .live_url = w->live_url != NULL ? w->live_url : w->chain.live_url,
        .query_url = w->query_url != NULL ? w->query_url : w->chain.query_url,
        .cursor_path = w->cursor,
        .anchor = w->anchor,
        .poll_ms = 20,
        .timeout_ms = 2000,
    };
    struct err err = {0};
    if (settlement_start(&options, &w->settlement, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

void world_stop_settlement(struct world *w)
{
    settlement_stop(w->settlement);
    w->settlement = NULL;
}

static void keys_from_letter(char letter, struct qubic_keys *ret)
{
    char seed[QUBIC_SEED_SIZE];
    memset(seed, letter, sizeof seed);
    assert_int_equal(qubic_keys_from_seed(bytes_of(seed, sizeof seed), ret, NULL), ERR_OK);
}

static void first_commands(struct world *w, const struct world_options *options)
{
    struct arena arena;
    struct id16 nobody = {0};
    struct command c = command_of(COMMAND_LEDGER_OPEN, ACTOR_OPERATOR, nobody);
    arena_init(&arena, 1 << 16);
    c.u.open = (struct ev_ledger_opened){.log_id = w->operator_keys[0].log_id,
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = 1,
                                         .checkpoint_key = w->key.public_key,
                                         .settlement_key_id = w->operator_keys[0].key_id,
                                         .name = bytes_of_text("tally.test")};
    submit(w, &c);
    c = command_of(COMMAND_TERMS_SET, ACTOR_OPERATOR, nobody);
    assert_int_equal(terms_default(NETWORK_LOCAL, &arena, &c.u.terms, NULL), ERR_OK);
    c.u.terms.fee_bps = 250;
    c.u.terms.fee_identity = w->fee_identity;
    c.u.terms.tick_offset = options->tick_offset != 0 ? options->tick_offset : 5;
    c.u.terms.confirmations = options->confirmations != 0 ? options->confirmations : 3;
    submit(w, &c);
    c = command_of(COMMAND_KEY_ADD, ACTOR_OPERATOR, nobody);
    c.u.key = (struct ev_settlement_key_added){.key_id = w->operator_keys[0].key_id,
                                               .check_identity =
                                                   operator_check_identity(&w->operator_keys[0])};
    submit(w, &c);
    c = command_of(COMMAND_LEDGER_START, ACTOR_LEDGER, nobody);
    c.u.start.software = bytes_of_text("test");
    submit(w, &c);
    arena_deinit(&arena);
}

static struct id16 sign_in(struct world *w, struct key32 identity)
{
    struct id16 account_id = id_new(time_wall_ns());
    struct command c = command_of(COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, account_id);
    c.u.session.identity = identity;
    c.u.session.account_id = account_id;
    c.u.session.token.token_id = id_new(time_wall_ns());
    rng_bytes(&c.u.session.token.token_hash, 32);
    c.u.session.token.scopes = SCOPE_CONSUMER | SCOPE_PROVIDER;
    submit(w, &c);
    return account_id;
}

static void open_market(struct world *w)
{
    w->consumer_id = sign_in(w, w->consumer.public_key);
    w->provider_id = sign_in(w, w->provider.public_key);
    w->host_id = id_new(time_wall_ns());
    w->offer_id = id_new(time_wall_ns());
    w->upload_id = id_new(time_wall_ns());
    struct command c = command_of(COMMAND_HOST_ENROL, ACTOR_ACCOUNT, w->provider_id);
    c.u.host.host_id = w->host_id;
    c.u.host.token.token_id = id_new(time_wall_ns());
    rng_bytes(&c.u.host.token.token_hash, 32);
    submit(w, &c);
    c = command_of(COMMAND_HOST_ONLINE, ACTOR_HOST, w->host_id);
    c.u.host.host_id = w->host_id;
    submit(w, &c);
    c = command_of(COMMAND_OFFER_PUBLISH, ACTOR_ACCOUNT, w->provider_id);
    c.u.offer.offer_id = w->offer_id;
    c.u.offer.offer = (struct ev_offer_published){.host_id = w->host_id,
                                                  .device = DEVICE_CPU,
                                                  .ram_mib = 4096,
                                                  .storage_mib = 4096,
                                                  .cpu_cores = 2,
                                                  .speed_permille = 1000,
                                                  .rate = 3600000};
    submit(w, &c);
    c = command_of(COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, w->consumer_id);
    c.u.upload.upload_id = w->upload_id;
    c.u.upload.upload.size = 1000;
    submit(w, &c);
    c = command_of(COMMAND_ANALYSIS_COMPLETE, ACTOR_LEDGER, (struct id16){0});
    c.u.analysis.upload_id = w->upload_id;
    c.u.analysis.analysis = (struct ev_analysis_completed){.analyser_version = 1,
                                                           .kind = (enum upload_kind)1,
                                                           .job_type = JOB_TYPE_CUSTOM,
                                                           .framework = FRAMEWORK_NONE,
                                                           .device = DEVICE_CPU,
                                                           .ram_mib = 100,
                                                           .reference_p50_ms = 6000,
                                                           .reference_p90_ms = 8000};
    submit(w, &c);
}

void world_start(struct world *w, const struct world_options *options)
{
    memset(w, 0, sizeof *w);
    (void)temp_folder_create(w->folder);
    (void)snprintf(w->copy, sizeof w->copy, "%s.checkpoint", w->folder);
    (void)snprintf(w->cursor, sizeof w->cursor, "%s/cursor", w->folder);
    note_key_generate(&w->key);
    memset(w->operator_keys[0].seed, 'o', QUBIC_SEED_SIZE);
    w->operator_keys[0].network = NETWORK_LOCAL;
    w->operator_keys[0].log_id = id_new(1);
    w->operator_keys[0].key_id = 1;
    w->operator_key_count = 1;
    struct qubic_keys fee;
    keys_from_letter('c', &w->consumer);
    keys_from_letter('p', &w->provider);
    keys_from_letter('s', &w->stranger);
    keys_from_letter('f', &fee);
    w->fee_identity = fee.public_key;
    chain_process_start(&w->chain, 1000, options->min_offset != 0 ? options->min_offset : 3);
    world_open_ledger(w);
    first_commands(w, options);
    open_market(w);
    chain_faucet(&w->chain, &w->consumer.public_key, FUNDS);
    chain_faucet(&w->chain, &w->stranger.public_key, FUNDS);
    world_start_settlement(w);
}

void world_end(struct world *w)
{
    world_stop_settlement(w);
    ledger_close(w->ledger);
    chain_process_end(&w->chain);
    (void)unlink(w->copy);
    temp_folder_remove(w->folder);
}

void world_verify(struct world *w)
{
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    struct key32 before;
    struct key32 after;
    char path[128];
    world_stop_settlement(w);
    if (log_verify(ledger_log(w->ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(views_digest(ledger_views(w->ledger), &before, NULL), ERR_OK);
    world_close_ledger(w);
    (void)snprintf(path, sizeof path, "%s/views/data.mdb", w->folder);
    assert_int_equal(unlink(path), 0);
    world_open_ledger(w);
    assert_int_equal(views_digest(ledger_views(w->ledger), &after, NULL), ERR_OK);
    assert_true(key_equal(before, after));
}

/* ── doing ── */

void world_create_job(struct world *w, struct job *ret, uint32_t window)
{
    struct key32 none = {0};
    uint64_t key_id = 0;
    uint32_t now = chain_now(&w->chain);
    ret->job_id = id_new(time_wall_ns());
    ret->escrow_id = id_new(time_wall_ns());
    ret->quote_id = id_new(time_wall_ns());
    ret->identity = settlement_escrow_identity(w->settlement, ret->escrow_id, &key_id);
    ret->last_tick = now + window;
    assert_false(key_equal(ret->identity, none));
    struct command c = command_of(COMMAND_QUOTE_ISSUE, ACTOR_ACCOUNT, w->consumer_id);
    c.u.quote.quote_id = ret->quote_id;
    c.u.quote.upload_id = w->upload_id;
    c.u.quote.offer_id = w->offer_id;
    submit(w, &c);
    c = command_of(COMMAND_JOB_CREATE, ACTOR_ACCOUNT, w->consumer_id);
    c.u.job_create = (struct command_job_create){.job_id = ret->job_id,
                                                 .escrow_id = ret->escrow_id,
                                                 .quote_id = ret->quote_id,
                                                 .escrow_identity = ret->identity,
                                                 .key_id = key_id,
                                                 .requested_tick = now,
                                                 .last_tick = ret->last_tick};
    submit(w, &c);
    assert_int_equal(world_escrow(w, ret).amount, CAP);
}

struct qubic_transaction world_lock_of(struct world *w, const struct job *job)
{
    struct payload payload = {.kind = PAYLOAD_LOCK,
                              .log_id = w->operator_keys[0].log_id,
                              .job_id = job->job_id,
                              .escrow_id = job->escrow_id,
                              .quote_id = job->quote_id,
                              .subject = w->provider.public_key};
    struct qubic_transaction tx = {.destination = job->identity,
                                   .amount = CAP,
                                   .input_type = PAYLOAD_INPUT_TYPE,
                                   .input_size = PAYLOAD_SIZE};
    payload_encode(&payload, tx.input);
    return tx;
}

struct key32 world_lock(struct world *w, const struct job *job)
{
    struct qubic_transaction tx = world_lock_of(w, job);
    return chain_pay(&w->chain, &tx, &w->consumer);
}

bool world_claim(struct world *w, struct id16 *ret_job_id)
{
    struct views_snapshot *snapshot;
    struct host_row host;
    struct command c = command_of(COMMAND_JOB_CLAIM, ACTOR_HOST, w->host_id);
    if (ledger_submit_wait(w->ledger, &c, CLASS_REPORT).code != ERR_OK) {
        return false;
    }
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_host(views_snapshot_store(snapshot), w->host_id, &host));
    views_snapshot_close(snapshot);
    *ret_job_id = host.job_id;
    return true;
}

void world_run(struct world *w, struct id16 job_id, enum ending ending)
{
    bool completed = ending == ENDING_COMPLETED;
    struct command c = command_of(COMMAND_JOB_START, ACTOR_HOST, w->host_id);
    c.u.job.job_id = job_id;
    submit(w, &c);
    world_pass(10 * NS_PER_S);
    c = command_of(COMMAND_JOB_END, ACTOR_HOST, w->host_id);
    c.u.end.job_id = job_id;
    c.u.end.end =
        (struct ev_job_end){.ending = ending,
                            .reason = completed ? REASON_EXITED_ZERO : REASON_EXITED_NONZERO,
                            .worker_ms = (uint64_t)USED,
                            .exit_status = completed ? 0 : 1};
    submit(w, &c);
}

bool world_work(struct world *w, enum ending ending)
{
    struct id16 job_id;
    if (!world_claim(w, &job_id)) {
        return false;
    }
    world_run(w, job_id, ending);
    return true;
}

void world_cancel(struct world *w, const struct job *job)
{
    struct command c = command_of(COMMAND_JOB_CANCEL, ACTOR_ACCOUNT, w->consumer_id);
    c.u.job.job_id = job->job_id;
    submit(w, &c);
}

/* ── looking ── */

#define LOOK(w, store)                                                                             \
    struct views_snapshot *snapshot;                                                               \
    assert_int_equal(views_snapshot_open(ledger_views((w)->ledger), &snapshot, NULL), ERR_OK);     \
    struct store *store = views_snapshot_store(snapshot)

struct job_row world_job(struct world *w, const struct job *job)
{
    struct job_row row;
    LOOK(w, store);
    assert_true(state_job(store, job->job_id, &row));
    views_snapshot_close(snapshot);
    return row;
}

struct escrow_row world_escrow(struct world *w, const struct job *job)
{
    struct escrow_row row;
    LOOK(w, store);
    assert_true(state_escrow(store, job->escrow_id, &row));
    views_snapshot_close(snapshot);
    return row;
}

struct deposit_row world_deposit(struct world *w, const struct key32 *tx)
{
    struct deposit_row row;
    LOOK(w, store);
    if (!state_deposit(store, *tx, &row)) {
        row = (struct deposit_row){0};
    }
    views_snapshot_close(snapshot);
    return row;
}

int64_t world_balance(struct world *w, enum account_kind kind, struct bytes subject,
                      enum leg_kind leg)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    account_key(kind, subject, leg, key);
    LOOK(w, store);
    int64_t balance = state_balance(store, key);
    views_snapshot_close(snapshot);
    return balance;
}

static size_t scan(struct world *w, enum event_type_number type, struct event *ret)
{
    struct log_reader *reader;
    struct arena arena;
    struct bytes record;
    struct record_header header;
    size_t count = 0;
    arena_init(&arena, 1 << 16);
    assert_int_equal(log_reader_open(ledger_log(w->ledger), &reader, NULL), ERR_OK);
    for (uint64_t at = 1; at <= log_reader_size(reader); at++) {
        assert_int_equal(log_reader_record(reader, at, &record, NULL), ERR_OK);
        assert_int_equal(record_header_decode(record, &header, NULL), ERR_OK);
        if (header.type == type) {
            count++;
            arena_clear(&arena);
            assert_int_equal(record_decode(record, &arena, ret, NULL), ERR_OK);
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    return count;
}

size_t world_count(struct world *w, enum event_type_number type)
{
    struct event unused;
    return scan(w, type, &unused);
}

bool world_newest(struct world *w, enum event_type_number type, struct event *ret)
{
    return scan(w, type, ret) > 0;
}

bool world_done(struct world *w, const struct job *job)
{
    struct escrow_row escrow = world_escrow(w, job);
    return (escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED) &&
           escrow.legs_open == 0;
}

void world_tell(struct world *w)
{
    struct settlement_status status;
    if (w->settlement == NULL) {
        return;
    }
    settlement_status(w->settlement, &status);
    print_message("settlement: on=%d answers=%d tick=%u processed=%u cursor=%u legs=%llu: %s\n",
                  status.on, status.chain_answers, status.tick, status.processed, status.cursor,
                  (unsigned long long)status.legs_open, status.reason);
}

void world_assert_on_chain(struct world *w, const struct key32 *identity, int64_t amount)
{
    assert_int_equal(chain_balance_of(&w->chain, identity).balance, amount);
}

void world_assert_empty(struct world *w, const struct job *job, uint32_t outgoing)
{
    struct bytes escrow = id_key(&job->escrow_id);
    struct qubic_balance balance = chain_balance_of(&w->chain, &job->identity);
    assert_int_equal(balance.balance, 0);
    assert_int_equal(balance.outgoing_count, outgoing);
    assert_int_equal(world_balance(w, ACCOUNT_HELD, escrow, 0), 0);
    assert_int_equal(world_balance(w, ACCOUNT_ESCROW, escrow, 0), 0);
    for (int leg = LEG_REFUND; leg <= LEG_RETURN; leg++) {
        assert_int_equal(world_balance(w, ACCOUNT_PAYABLE, escrow, (enum leg_kind)leg), 0);
    }
}

void world_assert_gains(struct world *w, int64_t consumer, int64_t provider, int64_t fee)
{
    world_assert_on_chain(w, &w->consumer.public_key, FUNDS + consumer);
    world_assert_on_chain(w, &w->provider.public_key, provider);
    world_assert_on_chain(w, &w->fee_identity, fee);
    assert_int_equal(world_balance(w, ACCOUNT_WALLET, hash_key(&w->consumer.public_key), 0),
                     consumer);
    assert_int_equal(world_balance(w, ACCOUNT_WALLET, hash_key(&w->provider.public_key), 0),
                     provider);
    assert_int_equal(world_balance(w, ACCOUNT_FEES, (struct bytes){0}, 0), fee);
}
