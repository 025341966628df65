// SPDX-License-Identifier: Apache-2.0
#include "tests/support/market_driver.h"

#include "core/base/time.h"
#include "core/market/terms.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TIME (INT64_C(1790000000) * NS_PER_S)
#define ESCROW_TICKS 30 /* from the request to the last tick of a lock */

#define market_fail(market, ...)                                                                   \
    do {                                                                                           \
        (void)fprintf(stderr, "seed %llu, sequence %llu, command refused with \"%s\": ",           \
                      (unsigned long long)(market)->seed, (unsigned long long)(market)->sequence,  \
                      (market)->err.message);                                                      \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

/* ── randomness ────────────────────────────────────────────────────────────────────────────────── */

uint64_t market_random(struct market *market)
{
    market->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = market->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t market_below(struct market *market, uint64_t limit)
{
    return market_random(market) % limit;
}

bool market_chance(struct market *market, unsigned percent)
{
    return market_below(market, 100) < percent;
}

struct id16 market_new_id(struct market *market)
{
    struct id16 id;
    put_be64(id.b, market_random(market));
    put_be64(id.b + 8, market_random(market));
    return id;
}

struct key32 market_new_key(struct market *market)
{
    struct key32 key;
    for (size_t i = 0; i < sizeof key.b; i += 8) {
        put_be64(key.b + i, market_random(market));
    }
    return key;
}

static void remember(struct market *market, struct market_ids *things, struct id16 id)
{
    if (things->count == MARKET_THINGS_MAX) {
        market_fail(market, "more than %d things of a kind", MARKET_THINGS_MAX);
    }
    things->ids[things->count++] = id;
}

/* ── commands ──────────────────────────────────────────────────────────────────────────────────── */

struct command market_command(struct market *market, enum command_type type, enum actor_kind actor,
                              struct id16 actor_id)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.type = type;
    command.command_id = market_new_id(market);
    command.actor_kind = actor;
    command.actor_id = actor_id;
    return command;
}

/* Keep the record's bytes, and see that they decode to an event that encodes to the same. */
static void keep_record(struct market *market, struct event *event)
{
    struct buf private_part;
    struct arena arena;
    struct event decoded;
    struct buf again;
    if (market->sequence >= market->record_capacity) {
        market->record_capacity = market->record_capacity == 0 ? 256 : 2 * market->record_capacity;
        market->records =
            realloc(market->records, market->record_capacity * sizeof *market->records);
        assert_non_null(market->records);
    }
    struct buf *record = &market->records[market->sequence - 1];
    buf_init(record, RECORD_SIZE_MAX);
    buf_init(&private_part, PRIVATE_SIZE_MAX);
    buf_init(&again, RECORD_SIZE_MAX);
    arena_init(&arena, 1 << 20);
    if (private_encode(event, &private_part, &market->err) != ERR_OK) {
        market_fail(market, "%s: the private part does not encode", event->type->name);
    }
    if (private_part.size > 0) {
        memset(event->private_digest.b, 0xaa, sizeof event->private_digest.b);
    }
    if (record_encode(event, record, &market->err) != ERR_OK ||
        record_decode(buf_bytes(record), &arena, &decoded, &market->err) != ERR_OK ||
        record_encode(&decoded, &again, &market->err) != ERR_OK ||
        !bytes_equal(buf_bytes(record), buf_bytes(&again))) {
        market_fail(market, "%s: the record does not survive coding", event->type->name);
    }
    arena_deinit(&arena);
    buf_deinit(&again);
    buf_deinit(&private_part);
}

struct bytes market_record(const struct market *market, uint64_t sequence)
{
    assert_in_range(sequence, 1, market->sequence);
    return buf_bytes(&market->records[sequence - 1]);
}

static void count_event(struct market_stats *stats, const struct event *event)
{
    stats->events[event->type->number]++;
    switch (event->type->number) {
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        stats->endings[event->u.job_completed.ending]++;
        break;
    case EVENT_DEPOSIT_OBSERVED:
        stats->classes[event->u.deposit_observed.class]++;
        break;
    default:
        break;
    }
}

static void count_refusal(struct market_stats *stats, const char *word, size_t count)
{
    for (size_t i = 0; i < MARKET_WORDS_MAX; i++) {
        if (stats->refusals[i].count == 0) {
            (void)snprintf(stats->refusals[i].word, sizeof stats->refusals[i].word, "%s", word);
        }
        if (strcmp(stats->refusals[i].word, word) == 0) {
            stats->refusals[i].count += count;
            return;
        }
    }
    fail_msg("more than %d words of refusal", MARKET_WORDS_MAX);
}

static void note_refusal(struct market *market, enum err_code code, size_t writes_before)
{
    const char *colon = strstr(market->err.message, ": ");
    size_t size = colon == NULL ? 0 : (size_t)(colon - market->err.message);
    if (size == 0 || size >= sizeof market->word || market->err.code != code) {
        market_fail(market, "a refusal is \"word: sentence\"");
    }
    memcpy(market->word, market->err.message, size);
    market->word[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        if (market->word[i] != '_' && (market->word[i] < 'a' || market->word[i] > 'z')) {
            market_fail(market, "a word has small letters and _");
        }
    }
    if (memory_store_writes(market->store) != writes_before) {
        market_fail(market, "a refusal writes nothing");
    }
    count_refusal(&market->stats, market->word, 1);
}

enum err_code market_submit(struct market *market, const struct command *command)
{
    struct decision decision = {.arena = &market->arena};
    size_t writes = memory_store_writes(market->store);
    market->err = (struct err){0};
    market->word[0] = '\0';
    arena_clear(&market->arena);
    if (market->on_command != NULL) {
        market->on_command(market->context, command);
    }
    enum err_code code =
        market_decide(market->store, command, market->now, &decision, &market->err);
    if (code != ERR_OK) {
        note_refusal(market, code, writes);
        if (market->on_answer != NULL) {
            market->on_answer(market->context, command, false);
        }
        return code;
    }
    if (memory_store_writes(market->store) != writes || decision.count == 0) {
        market_fail(market, "deciding gives events and writes nothing");
    }
    market->first = market->sequence + 1;
    for (size_t i = 0; i < decision.count; i++) {
        struct event *event = decision.events[i];
        market->sequence++;
        keep_record(market, event);
        market_evolve(market->store, market->sequence, event);
        if (store_check(market->store, &market->err) != ERR_OK) {
            market_fail(market, "%s: evolve failed: %s", event->type->name, market->err.message);
        }
        count_event(&market->stats, event);
        if (market->on_event != NULL) {
            market->on_event(market->context, market->sequence, event);
        }
        if (store_check(market->store, &market->err) != ERR_OK) {
            market_fail(market, "%s: a view failed: %s", event->type->name, market->err.message);
        }
    }
    if (market->on_answer != NULL) {
        market->on_answer(market->context, command, true);
    }
    return ERR_OK;
}

/* ── open and close ────────────────────────────────────────────────────────────────────────────── */

static void must(struct market *market, const struct command *command)
{
    if (market_submit(market, command) != ERR_OK) {
        market_fail(market, "this command should have been accepted");
    }
}

void market_open(struct market *market, uint64_t seed, struct store *store, uint64_t fee_bps)
{
    market->seed = seed;
    market->random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    market->store = store;
    market->now = FIRST_TIME + (int64_t)market_below(market, 86400) * NS_PER_S;
    market->tick = 20000000;
    arena_init(&market->arena, 8 << 20);
    arena_init(&market->terms_arena, 1 << 20);
    assert_int_equal(
        terms_default(NETWORK_LOCAL, &market->terms_arena, &market->terms, &market->err), ERR_OK);
    market->terms.fee_bps = fee_bps;
    if (fee_bps > 0) {
        market->terms.fee_identity = market_new_key(market);
    }

    struct id16 none = {0};
    struct command command = market_command(market, COMMAND_LEDGER_OPEN, ACTOR_LEDGER, none);
    market->log_id = market_new_id(market);
    command.u.open = (struct ev_ledger_opened){.log_id = market->log_id,
                                               .generation = 1,
                                               .network = NETWORK_LOCAL,
                                               .record_format = RECORD_FORMAT,
                                               .checkpoint_key = market->checkpoint_key,
                                               .name = bytes_of_text("test")};
    must(market, &command);
    command = market_command(market, COMMAND_TERMS_SET, ACTOR_OPERATOR, none);
    command.u.terms = market->terms;
    must(market, &command);
    command = market_command(market, COMMAND_KEY_ADD, ACTOR_OPERATOR, none);
    command.u.key =
        (struct ev_settlement_key_added){.key_id = 1, .check_identity = market_new_key(market)};
    must(market, &command);
    market->key_id = 1;
    command = market_command(market, COMMAND_LEDGER_START, ACTOR_LEDGER, none);
    command.u.start.software = bytes_of_text("test");
    must(market, &command);
}

void market_close(struct market *market)
{
    for (uint64_t i = 0; i < market->sequence; i++) {
        buf_deinit(&market->records[i]);
    }
    free(market->records);
    arena_deinit(&market->arena);
    arena_deinit(&market->terms_arena);
}

void market_add_stats(struct market_stats *sum, const struct market_stats *stats)
{
    for (size_t i = 0; i < MARKET_TYPES_MAX; i++) {
        sum->events[i] += stats->events[i];
    }
    for (size_t i = 0; i < sizeof sum->endings / sizeof *sum->endings; i++) {
        sum->endings[i] += stats->endings[i];
    }
    for (size_t i = 0; i < sizeof sum->classes / sizeof *sum->classes; i++) {
        sum->classes[i] += stats->classes[i];
    }
    for (size_t i = 0; i < MARKET_WORDS_MAX && stats->refusals[i].count > 0; i++) {
        count_refusal(sum, stats->refusals[i].word, stats->refusals[i].count);
    }
}

/* ── people and machines ───────────────────────────────────────────────────────────────────────── */

static struct ev_token_issued new_token(struct market *market, uint64_t scopes)
{
    return (struct ev_token_issued){.token_id = market_new_id(market),
                                    .token_hash = market_new_key(market),
                                    .scopes = scopes,
                                    .expires_at = market->now + 86400 * NS_PER_S};
}

struct id16 market_sign_in(struct market *market, struct key32 identity)
{
    struct id16 account_id = {0};
    struct command command =
        market_command(market, COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, account_id);
    command.u.session = (struct command_session){
        .identity = identity,
        .account_id = market_new_id(market),
        .token = new_token(market, SCOPE_CONSUMER | SCOPE_PROVIDER),
    };
    bool known = state_account_by_identity(market->store, identity, &account_id);
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    if (!known) {
        account_id = command.u.session.account_id;
        remember(market, &market->accounts, account_id);
    }
    if (market->tokens.count < MARKET_THINGS_MAX) {
        remember(market, &market->tokens, command.u.session.token.token_id);
        remember(market, &market->token_accounts, account_id);
    }
    return account_id;
}

struct command_exchange market_code(struct market *market, struct id16 account_id)
{
    struct command issue = market_command(market, COMMAND_TOKEN_ISSUE, ACTOR_ACCOUNT, account_id);
    issue.u.token =
        (struct command_token){.account_id = account_id, .token = new_token(market, SCOPE_ENROL)};
    (void)market_submit(market, &issue);
    return (struct command_exchange){.code_hash = issue.u.token.token.token_hash,
                                     .token = new_token(market, SCOPE_ENROL)};
}

struct id16 market_enrol(struct market *market, struct id16 account_id)
{
    struct command command = market_command(market, COMMAND_HOST_ENROL, ACTOR_ACCOUNT, account_id);
    struct id16 host_id = market_new_id(market);
    command.u.host = (struct command_host){.host_id = host_id,
                                           .host_name = bytes_of_text("rack-1"),
                                           .sealing_key = market_new_key(market),
                                           .token = new_token(market, SCOPE_WORKER)};
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    remember(market, &market->hosts, host_id);
    return host_id;
}

enum err_code market_host_online(struct market *market, struct id16 host_id)
{
    struct command command = market_command(market, COMMAND_HOST_ONLINE, ACTOR_HOST, host_id);
    command.u.host.host_id = host_id;
    command.u.host.software = bytes_of_text("tally-worker 0.1");
    return market_submit(market, &command);
}

enum err_code market_host_offline(struct market *market, struct id16 host_id)
{
    struct command command =
        market_command(market, COMMAND_HOST_OFFLINE, ACTOR_LEDGER, (struct id16){0});
    command.u.host.host_id = host_id;
    return market_submit(market, &command);
}

static struct bytes text_or_none(const char *text)
{
    return bytes_of_text(text == NULL ? "" : text);
}

struct id16 market_publish(struct market *market, struct id16 host_id, int64_t rate,
                           uint64_t speed_permille)
{
    struct command command = market_command(market, COMMAND_OFFER_PUBLISH, ACTOR_HOST, host_id);
    struct id16 offer_id = market_new_id(market);
    command.u.offer.offer_id = offer_id;
    command.u.offer.host_offers_max = market->host_offers_max;
    command.u.offer.account_offers_max = market->account_offers_max;
    command.u.offer.offer = (struct ev_offer_published){
        .host_id = host_id,
        .device = DEVICE_CPU,
        .model = bytes_of_text("Processor without a graphics card"),
        .ram_mib = 65536,
        .storage_mib = 1 << 20,
        .cpu_cores = 8,
        .speed_permille = speed_permille,
        .rate = rate,
        .network_allowed = market->network_allowed,
        .packages = text_or_none(market->packages),
        .models = text_or_none(market->models),
    };
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    remember(market, &market->offers, offer_id);
    return offer_id;
}

/* ── from the upload to the job ────────────────────────────────────────────────────────────────── */

struct id16 market_upload(struct market *market, struct id16 account_id, uint64_t p50_ms,
                          uint64_t p90_ms)
{
    struct command command =
        market_command(market, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, account_id);
    struct id16 upload_id = market_new_id(market);
    command.u.upload.upload_id = upload_id;
    command.u.upload.upload = (struct ev_upload_received){
        .size = 1000, .file_name = bytes_of_text("train.py"), .digest = market_new_key(market)};
    const struct ev_analysis_completed analysis = {
        .analyser_version = 1,
        .kind = market->upload_kind != 0 ? market->upload_kind : UPLOAD_PYTHON,
        .job_type = JOB_TYPE_CUSTOM,
        .framework = FRAMEWORK_SKLEARN,
        .device = DEVICE_CPU,
        .ram_mib = 512,
        .storage_mib = 100,
        .reference_p50_ms = p50_ms,
        .reference_p90_ms = p90_ms,
        .packages = text_or_none(market->needs_packages),
    };
    const struct ev_workload_sized workload = {
        .task = bytes_of_text("mnist_5ep"), .work_micro = 1000000, .table_version = 1};
    command.u.upload.analysed = market_chance(market, 50);
    command.u.upload.analysis = analysis;
    command.u.upload.workload = workload;
    command.u.upload.storage_max = market->storage_max;
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    if (!command.u.upload.analysed) {
        command = market_command(market, COMMAND_ANALYSIS_COMPLETE, ACTOR_LEDGER, (struct id16){0});
        command.u.analysis = (struct command_analysis){upload_id, analysis, workload};
        if (market_submit(market, &command) != ERR_OK) {
            return (struct id16){0};
        }
    }
    remember(market, &market->uploads, upload_id);
    return upload_id;
}

struct id16 market_quote(struct market *market, struct id16 account_id, struct id16 upload_id,
                         struct id16 offer_id)
{
    struct command command = market_command(market, COMMAND_QUOTE_ISSUE, ACTOR_ACCOUNT, account_id);
    command.u.quote = (struct command_quote){.quote_id = market_new_id(market),
                                             .upload_id = upload_id,
                                             .offer_id = offer_id,
                                             .network = market->wants_network,
                                             .item = market->item,
                                             .limit_ms = market->limit_ms};
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    remember(market, &market->quotes, command.u.quote.quote_id);
    return command.u.quote.quote_id;
}

struct id16 market_create_job(struct market *market, struct id16 account_id, struct id16 quote_id)
{
    struct command command = market_command(market, COMMAND_JOB_CREATE, ACTOR_ACCOUNT, account_id);
    command.u.job_create = (struct command_job_create){
        .job_id = market_new_id(market),
        .escrow_id = market_new_id(market),
        .quote_id = quote_id,
        .escrow_identity = market_new_key(market),
        .key_id = market->key_id,
        .requested_tick = market->tick,
        .last_tick = market->tick + ESCROW_TICKS,
        .file_name = bytes_of_text("train.py"),
        .input_digest = market_new_key(market),
        .settings = bytes_of_text("{}"),
        .storage_max = market->storage_max,
        .other_work = market->other_work,
        .network = market->wants_network,
        .item = market->item,
    };
    if (market_submit(market, &command) != ERR_OK) {
        return (struct id16){0};
    }
    remember(market, &market->jobs, command.u.job_create.job_id);
    return command.u.job_create.job_id;
}

/* ── the lock ──────────────────────────────────────────────────────────────────────────────────── */

static void must_know(struct market *market, bool known)
{
    if (!known) {
        market_fail(market, "there is no such thing in this market");
    }
}

struct command market_lock_of(struct market *market, struct id16 job_id)
{
    struct job_row job;
    struct escrow_row escrow = {0};
    must_know(market, state_job(market->store, job_id, &job) &&
                          state_escrow(market->store, job.escrow_id, &escrow));
    struct command command =
        market_command(market, COMMAND_DEPOSIT_OBSERVE, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.deposit = (struct command_deposit){
        .escrow_id = job.escrow_id,
        .tx_id = market_new_key(market),
        .source = escrow.consumer_identity,
        .amount = escrow.amount,
        .tick = market->tick < escrow.last_tick ? market->tick : escrow.last_tick,
        .payload_ours = true,
        .job_id = job_id,
        .payload_escrow_id = job.escrow_id,
        .quote_id = job.quote_id,
        .provider = escrow.provider_identity,
    };
    return command;
}

enum err_code market_confirm(struct market *market, struct id16 job_id)
{
    struct job_row job;
    struct escrow_row escrow = {0};
    must_know(market, state_job(market->store, job_id, &job) &&
                          state_escrow(market->store, job.escrow_id, &escrow));
    struct command command =
        market_command(market, COMMAND_ESCROW_CONFIRM, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.confirm = (struct command_confirm){
        .escrow_id = job.escrow_id,
        .confirmations = escrow.confirmations + 1,
        .processed_tick = escrow.lock_tick + escrow.confirmations + 1,
    };
    if (market->tick < command.u.confirm.processed_tick) {
        market->tick = command.u.confirm.processed_tick;
    }
    return market_submit(market, &command);
}

/* ── the run ───────────────────────────────────────────────────────────────────────────────────── */

enum err_code market_claim(struct market *market, struct id16 host_id)
{
    struct command command = market_command(market, COMMAND_JOB_CLAIM, ACTOR_HOST, host_id);
    command.u.job.host_id = host_id;
    command.u.job.network = market->gives_network;
    return market_submit(market, &command);
}

enum err_code market_start(struct market *market, struct id16 host_id, struct id16 job_id)
{
    struct command command = market_command(market, COMMAND_JOB_START, ACTOR_HOST, host_id);
    command.u.job = (struct command_job){.job_id = job_id, .host_id = host_id};
    return market_submit(market, &command);
}

enum err_code market_progress(struct market *market, struct id16 host_id, struct id16 job_id,
                              uint64_t permille, uint64_t used_ms)
{
    struct command command = market_command(market, COMMAND_JOB_PROGRESS, ACTOR_HOST, host_id);
    command.u.progress.job_id = job_id;
    command.u.progress.progress = (struct ev_job_progressed){
        .permille = permille, .used_ms = used_ms, .operation = bytes_of_text("training")};
    return market_submit(market, &command);
}

enum err_code market_end(struct market *market, struct id16 host_id, struct id16 job_id,
                         enum ending ending, enum end_reason reason, uint64_t worker_ms)
{
    struct command command = market_command(market, COMMAND_JOB_END, ACTOR_HOST, host_id);
    command.u.end.job_id = job_id;
    command.u.end.end = (struct ev_job_end){.ending = ending,
                                            .reason = reason,
                                            .worker_ms = worker_ms,
                                            .exit_status = ending == ENDING_PROGRAM_FAILED ? 1 : 0,
                                            .detail = bytes_of_text("")};
    return market_submit(market, &command);
}

enum err_code market_cancel(struct market *market, struct id16 account_id, struct id16 job_id)
{
    struct command command = market_command(market, COMMAND_JOB_CANCEL, ACTOR_ACCOUNT, account_id);
    command.u.job.job_id = job_id;
    return market_submit(market, &command);
}

enum err_code market_sweep(struct market *market)
{
    struct command command = market_command(market, COMMAND_SWEEP, ACTOR_LEDGER, (struct id16){0});
    return market_submit(market, &command);
}

/* ── legs ──────────────────────────────────────────────────────────────────────────────────────── */

bool market_found(struct market *market, struct id16 escrow_id, const struct leg_row *leg,
                  struct key32 *ret_tx, struct found_row *ret)
{
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    memcpy(at, escrow_id.b, 16);
    while (store_seek(market->store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, 16) == 0) {
        memcpy(at, key.data, sizeof at);
        memcpy(ret_tx->b, at + 16, sizeof ret_tx->b);
        assert_true(state_found(market->store, escrow_id, *ret_tx, ret));
        if (ret->taken == 0 && found_is_leg(ret, leg)) {
            return true;
        }
    }
    return false;
}

struct command market_leg_command(struct market *market, enum command_type type,
                                  struct id16 escrow_id, const struct leg_row *leg)
{
    struct command command = market_command(market, type, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.leg.escrow_id = escrow_id;
    command.u.leg.kind = (enum leg_kind)leg->kind;
    command.u.leg.deposit_tx = leg->deposit_tx;
    if (type == COMMAND_LEG_SIGN) {
        command.u.leg.u.signing =
            (struct ev_leg_signed){.attempt = leg->attempt + 1,
                                   .destination = leg->destination,
                                   .amount = leg->amount,
                                   .tick = market->tick + 5,
                                   .tx_id = market_new_key(market),
                                   .transaction = bytes_of_text("the signed bytes"),
                                   .outgoing_count = leg->attempt};
        struct found_row found;
        struct key32 tx_id;
        if (market_found(market, escrow_id, leg, &tx_id, &found)) {
            command.u.leg.u.signing.tx_id = tx_id;
            command.u.leg.u.signing.tick = found.tick;
        }
        return command;
    }
    if (market->tick < leg->tick + 3) {
        market->tick = leg->tick + 3; /* time passes until there is evidence */
    }
    if (type == COMMAND_LEG_LOSE) {
        command.u.leg.u.lost = (struct ev_leg_lost){
            .attempt = leg->attempt,
            .tx_id = leg->tx_id,
            .reason = LOST_NOT_INCLUDED,
            .tick = leg->tick,
            .processed_tick = leg->tick + 3,
            .tick_empty = true,
            .balance_tick = leg->tick + 3,
            .outgoing_count = leg->outgoing_count +
                              state_found_count(market->store, escrow_id, leg->signed_sequence)};
    } else {
        command.u.leg.u.confirmed = (struct ev_leg_confirmed){.attempt = leg->attempt,
                                                              .destination = leg->destination,
                                                              .amount = leg->amount,
                                                              .tick = leg->tick,
                                                              .tx_id = leg->tx_id,
                                                              .processed_tick = leg->tick + 3};
    }
    return command;
}

/* ── whole jobs ────────────────────────────────────────────────────────────────────────────────── */

struct id16 market_queued_job(struct market *market, struct id16 consumer, struct id16 offer_id,
                              uint64_t p50_ms)
{
    struct id16 upload_id = market_upload(market, consumer, p50_ms, p50_ms);
    struct id16 quote_id = market_quote(market, consumer, upload_id, offer_id);
    struct id16 job_id = market_create_job(market, consumer, quote_id);
    if (id_is_zero(job_id)) {
        market_fail(market, "no job came about");
    }
    struct command lock = market_lock_of(market, job_id);
    must(market, &lock);
    for (uint64_t i = 0; i < market->terms.confirmations; i++) {
        if (market_confirm(market, job_id) != ERR_OK) {
            market_fail(market, "the lock was not confirmed");
        }
    }
    return job_id;
}

struct id16 market_running_job(struct market *market, struct id16 consumer, struct id16 host_id,
                               struct id16 offer_id, uint64_t p50_ms)
{
    struct id16 job_id = market_queued_job(market, consumer, offer_id, p50_ms);
    if (market_claim(market, host_id) != ERR_OK ||
        market_start(market, host_id, job_id) != ERR_OK) {
        market_fail(market, "the job did not start");
    }
    return job_id;
}
