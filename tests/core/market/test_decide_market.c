/* Every word of refusal of the ledger, people, machines and offers, provoked at least once: one row per word, each in a fresh
 * market. The table is compared with the words in the source, so that a new rule without a row here fails. */
// SPDX-License-Identifier: Apache-2.0
#include "core/market/billing.h"
#include "core/market/matching.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"
#include "tests/support/memory_store.h"

#include <string.h>

#define MINUTE_MS 60000

static struct command as(struct scene *s, enum command_type type, enum actor_kind kind,
                         struct id16 actor)
{
    return market_command(&s->market, type, kind, actor);
}

static void submit(struct scene *s, const struct command *command)
{
    (void)market_submit(&s->market, command);
}

static void accept(struct scene *s, const struct command *command)
{
    if (market_submit(&s->market, command) != ERR_OK) {
        fail_msg("refused: %s", s->market.err.message);
    }
}

static struct id16 quoted(struct scene *s)
{
    struct id16 upload = market_upload(&s->market, s->consumer, MINUTE_MS, MINUTE_MS);
    return market_quote(&s->market, s->consumer, upload, s->offer);
}

static struct command session(struct scene *s)
{
    struct command command = as(s, COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, (struct id16){0});
    command.u.session = (struct command_session){.identity = market_new_key(&s->market),
                                                 .account_id = market_new_id(&s->market),
                                                 .token = {.token_id = market_new_id(&s->market),
                                                           .token_hash = market_new_key(&s->market),
                                                           .scopes = SCOPE_CONSUMER}};
    return command;
}

static struct command offer(struct scene *s)
{
    struct command command = as(s, COMMAND_OFFER_PUBLISH, ACTOR_HOST, s->host);
    command.u.offer.offer_id = market_new_id(&s->market);
    command.u.offer.offer = (struct ev_offer_published){.host_id = s->host,
                                                        .device = DEVICE_CPU,
                                                        .ram_mib = 1024,
                                                        .cpu_cores = 1,
                                                        .speed_permille = 1000,
                                                        .rate = 1};
    return command;
}

static struct command operator_command(struct scene *s, enum command_type type)
{
    return as(s, type, ACTOR_OPERATOR, (struct id16){0});
}

/* ── the ledger and people ─────────────────────────────────────────────────────────────────────── */

static void not_open(struct scene *s)
{
    struct store *empty = memory_store_create();
    struct store *full = s->market.store;
    s->market.store = empty;
    struct command command = session(s);
    submit(s, &command);
    s->market.store = full;
    memory_store_destroy(empty);
}

static void unknown_command(struct scene *s)
{
    struct command command = operator_command(s, (enum command_type)999);
    submit(s, &command);
}

static void not_operator(struct scene *s)
{
    struct command command = as(s, COMMAND_TERMS_SET, ACTOR_ACCOUNT, s->consumer);
    command.u.terms = s->market.terms;
    submit(s, &command);
}

static void already_open(struct scene *s)
{
    struct command command = operator_command(s, COMMAND_LEDGER_OPEN);
    command.u.open.log_id = market_new_id(&s->market);
    submit(s, &command);
}

static void terms_invalid(struct scene *s)
{
    struct command command = operator_command(s, COMMAND_TERMS_SET);
    struct ev_failure_term none = {.ending = (enum ending)70};
    struct event_list all = s->market.terms.failure_terms;
    struct ev_failure_term twice[ENDING_NEVER_FUNDED + 1];
    assert_int_equal(all.count, ENDING_NEVER_FUNDED);
    memcpy(twice, all.items, all.count * sizeof *twice);
    twice[all.count] = twice[0];
    const struct event_list lists[] = {
        all,
        all,
        all,
        {&none, 1},
        {twice, all.count + 1},
        {all.items, all.count - 1}, /* one is left out */
        {NULL, 0},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        command.u.terms = s->market.terms;
        command.u.terms.lease_s = i == 0 ? 1 : i == 1 ? 9 : 30;
        command.u.terms.fee_bps = i == 2 ? 100 : 0; /* to nobody */
        command.u.terms.failure_terms = lists[i];
        submit(s, &command);
        assert_string_equal(s->market.word, "terms_invalid");
    }
    command.u.terms = s->market.terms;
    command.u.terms.confirmations = EVIDENCE_TICKS;
    accept(s, &command);
    command.u.terms.confirmations = EVIDENCE_TICKS - 1; /* a lock that may still vanish */
    submit(s, &command);
}

static void key_id_used(struct scene *s)
{
    struct command command = operator_command(s, COMMAND_KEY_ADD);
    command.u.key.key_id = 1;
    submit(s, &command);
}

static void retire(struct scene *s, uint64_t key_id)
{
    struct command command =
        market_command(&s->market, COMMAND_KEY_RETIRE, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.key_retire.key_id = key_id;
    submit(s, &command);
}

static void add_key(struct scene *s)
{
    struct command command = operator_command(s, COMMAND_KEY_ADD);
    command.u.key.key_id = ++s->market.key_id;
    accept(s, &command);
}

static void no_such_key(struct scene *s)
{
    retire(s, 2);
}

static void key_newest(struct scene *s)
{
    retire(s, 1);
}

static void key_retired(struct scene *s)
{
    add_key(s);
    retire(s, 1);
    assert_int_equal(s->market.err.code, ERR_OK);
    retire(s, 1);
}

static void key_in_use(struct scene *s)
{
    assert_false(id_is_zero(market_create_job(&s->market, s->consumer, quoted(s))));
    add_key(s);
    retire(s, 1);
}

static void token_invalid(struct scene *s)
{
    struct command command = session(s);
    command.u.session.token.scopes = SCOPE_ALL + 1;
    submit(s, &command);
}

static void token_expired(struct scene *s)
{
    struct command command = session(s);
    command.u.session.token.expires_at = s->market.now;
    submit(s, &command);
}

static void token_exists(struct scene *s)
{
    struct command command = session(s);
    accept(s, &command);
    submit(s, &command);
}

static void identity_invalid(struct scene *s)
{
    struct command command = session(s);
    command.u.session.identity = (struct key32){{0}};
    submit(s, &command);
}

static void token_for(struct scene *s, struct id16 account)
{
    struct command command = as(s, COMMAND_TOKEN_ISSUE, ACTOR_ACCOUNT, s->consumer);
    command.u.token.account_id = account;
    command.u.token.token = session(s).u.session.token;
    submit(s, &command);
}

static void no_such_account(struct scene *s)
{
    token_for(s, market_new_id(&s->market));
    assert_string_equal(s->market.word, "no_such_account");
    (void)market_enrol(&s->market, market_new_id(&s->market));
    assert_string_equal(s->market.word, "no_such_account");
    (void)market_upload(&s->market, market_new_id(&s->market), MINUTE_MS, MINUTE_MS);
}

static void account_exists(struct scene *s)
{
    struct command command = session(s);
    command.u.session.account_id = s->consumer; /* of another identity */
    submit(s, &command);
}

static void upload_exists(struct scene *s)
{
    struct command command = as(s, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, s->provider);
    command.u.upload.upload_id = market_upload(&s->market, s->consumer, MINUTE_MS, MINUTE_MS);
    command.u.upload.upload.size = 1;
    submit(s, &command);
    assert_string_equal(s->market.word, "upload_exists");
    struct command rejection = as(s, COMMAND_UPLOAD_REJECT, ACTOR_ACCOUNT, s->provider);
    rejection.u.upload_reject.upload_id = command.u.upload.upload_id;
    submit(s, &rejection);
}

static void quote_exists(struct scene *s)
{
    struct id16 quote = quoted(s);
    assert_false(id_is_zero(market_create_job(&s->market, s->consumer, quote)));
    struct command command = as(s, COMMAND_QUOTE_ISSUE, ACTOR_ACCOUNT, s->consumer);
    command.u.quote = (struct command_quote){
        .quote_id = quote, .upload_id = s->market.uploads.ids[0], .offer_id = s->offer};
    submit(s, &command); /* it would be unused again */
}

static void not_yours(struct scene *s)
{
    token_for(s, s->provider);
}

static void revoke(struct scene *s, size_t token)
{
    struct command command =
        as(s, COMMAND_TOKEN_REVOKE, ACTOR_ACCOUNT, s->market.token_accounts.ids[0]);
    command.u.token_revoke.account_id = command.actor_id;
    command.u.token_revoke.token_id = s->market.tokens.ids[token];
    submit(s, &command);
}

static void no_such_token(struct scene *s)
{
    revoke(s, 1); /* the other one's */
}

static void token_revoked(struct scene *s)
{
    revoke(s, 0);
    revoke(s, 0);
}

/* ── codes for machines ────────────────────────────────────────────────────────────────────────── */

static struct command exchange(struct scene *s)
{
    struct command command = as(s, COMMAND_CODE_EXCHANGE, ACTOR_ACCOUNT, (struct id16){0});
    command.u.exchange = market_code(&s->market, s->provider);
    return command;
}

static void code_unknown(struct scene *s)
{
    struct command command = exchange(s);
    struct command wrong = command;
    wrong.u.exchange.code_hash.b[31] ^= 1;
    submit(s, &wrong);
    assert_string_equal(s->market.word, "code_unknown");
    /* What it was exchanged for is no code, and a token of another sort never was one. */
    accept(s, &command);
    wrong = exchange(s);
    wrong.u.exchange.code_hash = session(s).u.session.token.token_hash;
    submit(s, &wrong);
}

static void code_used(struct scene *s)
{
    struct command command = exchange(s);
    struct command second = command;
    second.command_id = market_new_id(&s->market);
    second.u.exchange.token = exchange(s).u.exchange.token;
    accept(s, &command);
    submit(s, &second);
}

static void code_expired(struct scene *s)
{
    struct command command = exchange(s);
    struct token_row row;
    assert_true(state_token(s->market.store, command.u.exchange.code_hash, &row));
    s->market.now = row.expires_at;
    submit(s, &command);
}

static void code_gives_no_wider_token(struct scene *s)
{
    struct command command = exchange(s);
    command.u.exchange.token.scopes = SCOPE_ENROL | SCOPE_PROVIDER;
    submit(s, &command);
}

/* ── uploads, machines, offers, quotes ─────────────────────────────────────────────────────────── */

static void upload_of(struct scene *s, uint64_t size)
{
    struct command command = as(s, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, s->consumer);
    command.u.upload.upload_id = market_new_id(&s->market);
    command.u.upload.upload.size = size;
    submit(s, &command);
}

static void upload_empty(struct scene *s)
{
    upload_of(s, 0);
}

static void upload_too_large(struct scene *s)
{
    upload_of(s, s->market.terms.upload_max + 1);
}

static void analyse(struct scene *s, struct id16 upload, uint64_t p50, uint64_t p90)
{
    struct command command = as(s, COMMAND_ANALYSIS_COMPLETE, ACTOR_LEDGER, (struct id16){0});
    command.u.analysis.upload_id = upload;
    command.u.analysis.analysis.device = DEVICE_CPU;
    command.u.analysis.analysis.kind = UPLOAD_PYTHON;
    command.u.analysis.analysis.reference_p50_ms = p50;
    command.u.analysis.analysis.reference_p90_ms = p90;
    submit(s, &command);
}

static void no_such_upload(struct scene *s)
{
    analyse(s, market_new_id(&s->market), 1, 1);
    assert_string_equal(s->market.word, "no_such_upload");
    (void)market_quote(&s->market, s->provider, market_upload(&s->market, s->consumer, 1000, 1000),
                       s->offer);
}

static void already_analysed(struct scene *s)
{
    analyse(s, market_upload(&s->market, s->consumer, 1000, 1000), 1, 1);
}

static struct id16 raw_upload(struct scene *s)
{
    upload_of(s, 10);
    struct bytes key;
    struct bytes value;
    struct id16 id;
    assert_true(
        store_seek_before(s->market.store, &STATE_UPLOADS, (struct bytes){0}, &key, &value));
    memcpy(id.b, key.data, sizeof id.b);
    return id;
}

static void analysis_invalid(struct scene *s)
{
    struct command command = as(s, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, s->consumer);
    command.u.upload.upload_id = market_new_id(&s->market);
    command.u.upload.upload.size = 1;
    command.u.upload.analysed = true;
    submit(s, &command); /* neither is written without the other */
    assert_string_equal(s->market.word, "analysis_invalid");
    analyse(s, raw_upload(s), 2, 1);
}

static const struct ev_analysis_overridden GOOD = {.job_type = JOB_TYPE_MNIST,
                                                   .device = DEVICE_CPU,
                                                   .vram_mib = 256,
                                                   .tflops_milli = 50,
                                                   .ram_mib = 64,
                                                   .storage_mib = 100,
                                                   .reference_p50_ms = 60000,
                                                   .reference_p90_ms = 90000};

static void override(struct scene *s, struct id16 upload, const struct ev_analysis_overridden *said)
{
    struct command command = as(s, COMMAND_ANALYSIS_OVERRIDE, ACTOR_ACCOUNT, s->consumer);
    command.u.override = (struct command_override){.upload_id = upload, .override = *said};
    submit(s, &command);
}

static void override_invalid(struct scene *s)
{
    struct id16 upload = market_upload(&s->market, s->consumer, 1000, 1000);
    struct ev_analysis_overridden bad[10] = {GOOD, GOOD, GOOD, GOOD, GOOD,
                                             GOOD, GOOD, GOOD, GOOD, GOOD};
    bad[0].job_type = (enum job_type)99;
    bad[1].device = (enum device)0;
    bad[2].gpus = 1;
    bad[3].device = DEVICE_GPU;
    bad[4].ram_mib = 0;
    bad[5].storage_mib = UINT64_MAX;
    bad[6].compute_capability = 1001;
    bad[7].reference_p50_ms = bad[7].reference_p90_ms + 1;
    bad[8].reference_p90_ms = UINT64_MAX;
    bad[9].driver = UINT64_C(1000000000);
    static const char *const words[] = {
        "job_type",           "device", "gpus",   "gpus",  "ram_mib", "storage",
        "compute_capability", "p50_ms", "p90_ms", "driver"};
    for (size_t i = 0; i < 10; i++) {
        override(s, upload, &bad[i]);
        assert_string_equal(s->market.word, "override_invalid");
        assert_non_null(strstr(s->market.err.message, words[i]));
    }
}

static void precondition_failed(struct scene *s)
{
    struct upload_row row;
    struct id16 upload = market_upload(&s->market, s->consumer, 1000, 1000);
    struct ev_analysis_overridden said = GOOD;
    assert_true(state_upload(s->market.store, upload, &row));
    struct command command = as(s, COMMAND_ANALYSIS_OVERRIDE, ACTOR_ACCOUNT, s->consumer);
    command.u.override = (struct command_override){
        .upload_id = upload, .if_sequence = row.analysis_sequence, .override = said};
    submit(s, &command);
    assert_int_equal(s->market.err.code, ERR_OK);
    command.command_id = market_new_id(&s->market);
    submit(s, &command); /* it is not the analysis any more that it would be over */
    assert_string_equal(s->market.word, "precondition_failed");
    command = as(s, COMMAND_WEBHOOK_CREATE, ACTOR_ACCOUNT, s->consumer);
    command.u.webhook = (struct command_webhook){.account_id = s->consumer,
                                                 .webhook_id = market_new_id(&s->market),
                                                 .created = {.scopes = SCOPE_CONSUMER,
                                                             .url = bytes_of_text("https://a.b"),
                                                             .topics = bytes_of_text("all")}};
    submit(s, &command);
    for (int i = 0; i < 2; i++) { /* the second one has seen the first secret as well */
        command.type = COMMAND_WEBHOOK_ROTATE;
        command.command_id = market_new_id(&s->market);
        command.u.webhook.if_version = 1;
        submit(s, &command);
        assert_int_equal(s->market.err.code, i == 0 ? ERR_OK : ERR_CONFLICT);
    }
}

/* P4's figures, said otherwise: the quote is for what the owner said, the analysis stays as it was. */
static void an_override_is_what_counts(void **state)
{
    (void)state;
    struct scene *s = scene_open(&(struct scene_options){0});
    struct upload_row before;
    struct upload_row row;
    struct quote_row quote;
    struct id16 upload = market_upload(&s->market, s->consumer, 1000, 2000);
    assert_true(state_upload(s->market.store, upload, &before));
    assert_ptr_equal(upload_needs(&before), &before.needs);
    override(s, upload, &GOOD);
    assert_int_equal(s->market.err.code, ERR_OK);
    assert_true(state_upload(s->market.store, upload, &row));
    assert_memory_equal(&row.needs, &before.needs, sizeof row.needs);
    assert_int_equal(row.job_type, before.job_type);
    assert_int_equal(upload_needs(&row)->reference_p90_ms, 90000);
    assert_int_equal(upload_job_type(&row), JOB_TYPE_MNIST);
    struct id16 id = market_quote(&s->market, s->consumer, upload, s->offer);
    assert_true(state_quote(s->market.store, id, &quote));
    struct candidate candidate = {.online = true};
    assert_true(state_offer(s->market.store, s->offer, &candidate.offer));
    struct match match;
    match_candidate(&row.overridden, &candidate, s->market.now, &match);
    int64_t cap = 0;
    assert_true(billing_cap(match.p90_ms, candidate.offer.rate, s->market.terms.margin_bps,
                            s->market.terms.lock_min, &cap));
    assert_int_equal(quote.cap, cap);

    struct ev_analysis_overridden large = GOOD;
    large.ram_mib = UINT64_C(1) << 40; /* no machine has that */
    override(s, upload, &large);
    (void)market_quote(&s->market, s->consumer, upload, s->offer);
    assert_string_equal(s->market.word, "offer_insufficient");
    override(s, upload, &GOOD); /* the last one counts */
    (void)market_quote(&s->market, s->consumer, upload, s->offer);
    assert_int_equal(s->market.err.code, ERR_OK);
    scene_close(s);
}

/* What is understood and cannot be run yet is refused before anybody pays, with what can be. */
static void kind_not_runnable(struct scene *s)
{
    for (uint32_t kind = UPLOAD_COMPOSE; kind <= UPLOAD_DATASET; kind++) {
        s->market.upload_kind = (enum upload_kind)kind;
        (void)market_quote(&s->market, s->consumer,
                           market_upload(&s->market, s->consumer, 1000, 1000), s->offer);
        assert_string_equal(s->market.word, "kind_not_runnable");
        assert_non_null(strstr(s->market.err.message, enum_word(&upload_kind_words, kind)));
        assert_non_null(
            strstr(s->market.err.message, "today they run: python, notebook, bundle, dockerfile"));
    }
    s->market.upload_kind = 0;
}

static void not_analysed(struct scene *s)
{
    (void)market_quote(&s->market, s->consumer, raw_upload(s), s->offer);
}

static void no_such_host(struct scene *s)
{
    (void)market_host_offline(&s->market, market_new_id(&s->market));
    assert_string_equal(s->market.word, "no_such_host");
    (void)market_host_online(&s->market, market_new_id(&s->market));
}

static void host_exists(struct scene *s)
{
    struct command command = as(s, COMMAND_HOST_ENROL, ACTOR_ACCOUNT, s->provider);
    command.u.host.host_id = s->host;
    submit(s, &command);
}

static void host_offline(struct scene *s)
{
    assert_int_equal(market_host_offline(&s->market, s->host), ERR_OK);
    (void)quoted(s);
    assert_string_equal(s->market.word, "host_offline");
    (void)market_host_offline(&s->market, s->host);
}

static void offer_exists(struct scene *s)
{
    struct command command = offer(s);
    accept(s, &command);
    submit(s, &command);
}

static void rate_invalid(struct scene *s)
{
    struct command command = offer(s);
    command.u.offer.offer.rate = AMOUNT_MAX + 1;
    submit(s, &command);
}

static void offer_invalid(struct scene *s)
{
    struct command command = offer(s);
    command.u.offer.offer.gpus = 1; /* a CPU offer */
    submit(s, &command);
}

static void model_invalid(struct scene *s)
{
    static const char LONG[OFFER_MODEL_MAX + 1] = {'x'};
    struct command command = offer(s);
    command.u.offer.offer.model = bytes_of(LONG, sizeof LONG);
    submit(s, &command);
}

static void driver_invalid(struct scene *s)
{
    struct command command = offer(s);
    command.u.offer.offer.driver = bytes_of_text("535.183.01-server");
    submit(s, &command);
}

static void withdraw(struct scene *s, struct id16 offer_id);

/* Of the machine, then of all of its provider's; what is withdrawn makes room, and a limit that was lowered takes nothing away. */
static void too_many_offers(struct scene *s)
{
    struct command command = offer(s);
    struct id16 first = command.u.offer.offer_id;
    accept(s, &command);
    struct id16 other = market_enrol(&s->market, s->provider);
    for (int i = 0; i < 2; i++) {
        command = offer(s);
        command.u.offer.host_offers_max = i == 0 ? 2 : 0; /* the scene's and the first */
        command.u.offer.account_offers_max = i == 0 ? 0 : 2;
        command.u.offer.offer.host_id = i == 0 ? s->host : other;
        command.actor_id = command.u.offer.offer.host_id;
        submit(s, &command);
        assert_string_equal(s->market.word, "too_many_offers");
        withdraw(s, first);
        accept(s, &command);
        first = command.u.offer.offer_id;
        s->host = command.u.offer.offer.host_id;
    }
    command = offer(s);
    command.u.offer.host_offers_max = 1;
    submit(s, &command);
}

static void withdraw(struct scene *s, struct id16 offer_id)
{
    struct command command = as(s, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, s->host);
    command.u.offer_withdraw.offer_id = offer_id;
    submit(s, &command);
}

static void no_such_offer(struct scene *s)
{
    withdraw(s, market_new_id(&s->market));
    assert_string_equal(s->market.word, "no_such_offer");
    withdraw(s, s->offer);
    (void)quoted(s);
}

static void offer_withdrawn(struct scene *s)
{
    withdraw(s, s->offer);
    withdraw(s, s->offer);
}

static void offer_insufficient(struct scene *s)
{
    struct command command = offer(s);
    command.u.offer.offer.ram_mib = 1;
    accept(s, &command);
    struct id16 upload = market_upload(&s->market, s->consumer, 1000, 1000);
    (void)market_quote(&s->market, s->consumer, upload, command.u.offer.offer_id);
}

static void network_not_allowed(struct scene *s)
{
    s->market.wants_network = true;
    (void)quoted(s);
}

static void not_on_machine(struct scene *s)
{
    struct id16 quote = quoted(s);
    s->market.item.b[0] = 1;
    (void)market_create_job(&s->market, s->consumer, quote);
}

static void price_too_large(struct scene *s)
{
    struct command command = offer(s);
    command.u.offer.offer.rate = AMOUNT_MAX;
    command.u.offer.offer.storage_mib = 1 << 20;
    accept(s, &command);
    struct id16 upload = market_upload(&s->market, s->consumer, 3600000, 3600000);
    (void)market_quote(&s->market, s->consumer, upload, command.u.offer.offer_id);
}

/* ── the table ── */

#define ROW(word, code)                                                                            \
    {                                                                                              \
#word, code, word                                                                          \
    }
static const struct refusal ROWS[] = {
    ROW(not_open, ERR_CONFLICT),
    ROW(unknown_command, ERR_INTERNAL),
    ROW(not_operator, ERR_DENIED),
    ROW(already_open, ERR_CONFLICT),
    ROW(terms_invalid, ERR_INVALID),
    ROW(key_id_used, ERR_CONFLICT),
    ROW(no_such_key, ERR_NOT_FOUND),
    ROW(key_newest, ERR_CONFLICT),
    ROW(key_retired, ERR_CONFLICT),
    ROW(key_in_use, ERR_CONFLICT),
    ROW(token_invalid, ERR_INVALID),
    ROW(token_expired, ERR_INVALID),
    ROW(token_exists, ERR_CONFLICT),
    ROW(identity_invalid, ERR_INVALID),
    ROW(no_such_account, ERR_NOT_FOUND),
    ROW(not_yours, ERR_DENIED),
    ROW(account_exists, ERR_CONFLICT),
    ROW(upload_exists, ERR_CONFLICT),
    ROW(quote_exists, ERR_CONFLICT),
    ROW(no_such_token, ERR_NOT_FOUND),
    ROW(token_revoked, ERR_CONFLICT),
    ROW(upload_empty, ERR_INVALID),
    ROW(upload_too_large, ERR_TOO_LARGE),
    ROW(no_such_upload, ERR_NOT_FOUND),
    ROW(already_analysed, ERR_CONFLICT),
    ROW(analysis_invalid, ERR_INTERNAL),
    ROW(not_analysed, ERR_CONFLICT),
    ROW(no_such_host, ERR_NOT_FOUND),
    ROW(host_exists, ERR_CONFLICT),
    ROW(host_offline, ERR_CONFLICT),
    ROW(offer_exists, ERR_CONFLICT),
    ROW(rate_invalid, ERR_INVALID),
    ROW(offer_invalid, ERR_INVALID),
    ROW(model_invalid, ERR_INVALID),
    ROW(driver_invalid, ERR_INVALID),
    ROW(no_such_offer, ERR_NOT_FOUND),
    ROW(offer_withdrawn, ERR_CONFLICT),
    ROW(kind_not_runnable, ERR_CONFLICT),
    ROW(precondition_failed, ERR_CONFLICT),
    ROW(override_invalid, ERR_INVALID),
    ROW(offer_insufficient, ERR_CONFLICT),
    ROW(price_too_large, ERR_OVERFLOW),
    ROW(too_many_offers, ERR_CONFLICT),
    ROW(code_unknown, ERR_NOT_FOUND),
    ROW(code_used, ERR_CONFLICT),
    ROW(code_expired, ERR_CONFLICT),
    {"code_too_wide", ERR_DENIED, code_gives_no_wider_token},
    {"network_not_allowed", ERR_CONFLICT, network_not_allowed},
    {"not_on_machine", ERR_CONFLICT, not_on_machine},
};

static void every_refusal_is_provoked(void **state)
{
    (void)state;
    refusals_provoke(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void no_rule_lacks_its_row(void **state)
{
    (void)state;
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide.c");
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_account.c");
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_market.c");
}

/* Terms that could be set once are facts: their logs are replayed as they were. */
static void terms_of_fewer_confirmations_in_a_log_are_what_they_were(void **state)
{
    (void)state;
    struct scene *s = scene_open(&(struct scene_options){0});
    struct ledger_row ledger;
    struct event event = {.type = event_type_find(EVENT_TERMS_SET, 1),
                          .command_id = market_new_id(&s->market),
                          .u.terms_set = s->market.terms};
    event.u.terms_set.confirmations = 1;
    market_evolve(s->market.store, s->market.sequence, &event);
    assert_int_equal(store_check(s->market.store, NULL), ERR_OK);
    assert_true(state_ledger(s->market.store, &ledger));
    assert_int_equal(ledger.confirmations, 1);
    struct id16 job = market_create_job(&s->market, s->consumer, quoted(s));
    struct command lock = market_lock_of(&s->market, job);
    accept(s, &lock);
    assert_int_equal(market_confirm(&s->market, job), ERR_OK);
    struct job_row row;
    assert_true(state_job(s->market.store, job, &row));
    assert_int_equal(row.status, JOB_QUEUED);
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_provoked),
        cmocka_unit_test(no_rule_lacks_its_row),
        cmocka_unit_test(an_override_is_what_counts),
        cmocka_unit_test(terms_of_fewer_confirmations_in_a_log_are_what_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
