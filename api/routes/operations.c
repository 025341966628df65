/* Health, readiness, metrics, terms; balances and broadcasts on the chain. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed.h"
#include "api/fields.h"
#include "api/route.h"
#include "api/webhooks.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/market/terms.h"
#include "core/settlement/payload.h"

#include <inttypes.h>
#include <string.h>

static void healthz(struct call *call)
{
    call_reply(call, 200, json_pack("{s:s}", "status", "alive"));
}

static json_t *json_of_anchoring(const struct settlement_status *chain)
{
    bool on = !key_is_zero(chain->anchor_identity);
    return json_pack("{s:b,s:o,s:I,s:s}", "on", on, "identity",
                     on ? json_of_identity(chain->anchor_identity) : json_null(), "records",
                     (json_int_t)chain->anchored_size, "reason", chain->anchor_reason);
}

static json_t *json_of_missing(const struct stuck_summary *stuck)
{
    json_t *items = json_array();
    for (uint64_t i = 0; i < stuck->keys_missing && i < STUCK_KEYS_MAX; i++) {
        (void)json_array_append_new(items, json_integer((json_int_t)stuck->missing[i]));
    }
    return items;
}

#define FOUND_SHOWN_MAX 50

/* What left escrows in a part of the log that was lost, and is no leg's payment (yet). All of it is on the chain for everybody. */
static json_t *found_payments(struct call *call)
{
    struct views_snapshot *snapshot;
    struct bytes key;
    struct bytes value;
    uint8_t at[FOUND_KEY_SIZE] = {0};
    json_t *list = json_array();
    if (views_snapshot_open(ledger_views(call->api->ledger), &snapshot, NULL) != ERR_OK) {
        return list;
    }
    struct store *store = views_snapshot_store(snapshot);
    while (json_array_size(list) < FOUND_SHOWN_MAX &&
           store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value)) {
        struct id16 escrow_id;
        struct key32 tx_id;
        struct found_row row;
        memcpy(at, key.data, sizeof at);
        memcpy(escrow_id.b, at, sizeof escrow_id.b);
        memcpy(tx_id.b, at + 16, sizeof tx_id.b);
        if (state_found(store, escrow_id, tx_id, &row) && row.taken == 0) {
            (void)json_array_append_new(
                list, json_pack("{s:o,s:o,s:s,s:I,s:I,s:o}", "escrow_id", json_of_id(escrow_id),
                                "transaction_id", json_of_transaction(tx_id), "paid_as",
                                enum_word(&paid_as_words, (uint32_t)row.paid_as), "amount",
                                (json_int_t)row.amount, "tick", (json_int_t)row.tick, "destination",
                                json_of_identity(row.destination)));
        }
    }
    views_snapshot_close(snapshot);
    return list;
}

static const char *waits_for(const struct settlement_status *chain)
{
    return !chain->observing ? ""
           : chain->reread   ? "every open escrow was read again from the chain; an operator "
                               "resumes by POST /v1/settlement/resume"
                             : "the log was restored: open escrows are read again from the chain";
}

static void readyz(struct call *call)
{
    const struct stuck_summary *stuck = stuck_summary(call->api);
    struct settlement_status chain;
    struct ledger_stats stats;
    settlement_status(call->api->settlement, &chain);
    ledger_stats(call->api->ledger, &stats);
    const char *read_only = ledger_read_only_reason(call->api->ledger);
    if (read_only == NULL && stats.waiting_for_room) {
        read_only = "the disk is full; what was accepted waits for room";
    }
    const char *reason = read_only == NULL ? "" : read_only;
    if (read_only == NULL && stats.checkpoint_failing) {
        reason = "no checkpoint can be signed, so what is written is not yet vouched for: look for "
                 "checkpoint.failed in the trace (can the copy outside be written?)";
    }
    bool ready = reason[0] == '\0' && chain.on && chain.chain_answers;
    json_t *json = json_pack(
        "{s:b,s:{s:b,s:I,s:s},s:{s:b,s:b,s:i,s:i,s:s,s:I,s:o,s:o,s:b,s:s,s:I,s:i,s:o},s:o}",
        "ready", ready, "ledger", "writable", read_only == NULL, "head", (json_int_t)stats.head,
        "reason", reason, "settlement", "on", chain.on, "chain_answers", chain.chain_answers,
        "tick", (int)chain.tick, "processed", (int)chain.processed, "reason", chain.reason,
        "legs_stuck", (json_int_t)stuck->legs, "oldest_stuck_since",
        json_of_time(stuck->oldest_since), "keys_missing", json_of_missing(stuck), "observing",
        chain.observing, "waits_for", waits_for(&chain), "escrows_unread", (json_int_t)chain.unread,
        "reads_from_tick", chain.observing ? (int)chain.unread_for : 0, "found",
        found_payments(call), "anchoring", json_of_anchoring(&chain));
    call_reply(call, ready ? 200 : 503, json);
}

/* ── after a restore ───────────────────────────────────────────────────────────────────────────── */

static void resumed(struct call *call)
{
    call_reply(call, 201,
               json_pack("{s:I,s:I}", "sequence", (json_int_t)call->answer.first, "generation",
                         (json_int_t)call->command.u.resume.generation));
}

/* The generation is said, so that what was confirmed is what was looked at; so is how many escrows may stay unread. */
static void resume(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t generation = fields_u64(&fields, "generation", 2, INT64_MAX);
    uint64_t unread = fields_optional_u64(&fields, "unread", 0, INT64_MAX, 0);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_SETTLEMENT_RESUME);
    call->command.u.resume =
        (struct command_resume){.generation = generation, .unread_max = unread};
    call_submit(call, CLASS_SETTLEMENT, resumed);
}

static void metric(struct buf *buf, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    buf_printf(buf, "# HELP tally_%s %s\n# TYPE tally_%s %s\ntally_%s %" PRIu64 "\n", name, help,
               name, type, name, value);
}

static uint64_t unexplained(struct settlement *settlement)
{
    struct settlement_surplus surplus[SETTLEMENT_SURPLUS_MAX];
    size_t count = settlement_surplus(settlement, surplus);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)surplus[i].amount;
    }
    return sum;
}

static void metrics(struct call *call)
{
    struct settlement_status chain;
    struct ledger_stats stats;
    struct buf text;
    settlement_status(call->api->settlement, &chain);
    ledger_stats(call->api->ledger, &stats);
    buf_init(&text, 16384);
    metric(&text, "log_records", "gauge", "Records in the log.", stats.head);
    metric(&text, "checkpoint_records", "gauge", "Records under the last signed checkpoint.",
           stats.checkpoint_size);
    metric(&text, "checkpoint_failing", "gauge", "1 if the last checkpoint could not be signed.",
           stats.checkpoint_failing ? 1 : 0);
    metric(&text, "log_fill_permille", "gauge", "Part of the log's map in use.",
           stats.log_fill_permille);
    metric(&text, "views_fill_permille", "gauge", "Part of the views' map in use.",
           stats.views_fill_permille);
    metric(&text, "disk_nearly_full", "gauge",
           "1 if consumers, output and metrics are refused for want of room on the disk.",
           stats.disk_nearly_full ? 1 : 0);
    metric(&text, "log_readers", "gauge", "Snapshots of the log that are open, in all processes.",
           stats.log_readers);
    metric(&text, "views_readers", "gauge", "Snapshots of the views that are open.",
           stats.views_readers);
    metric(&text, "log_reader_lag", "gauge", "Commits since the oldest of them was opened.",
           stats.log_reader_lag);
    metric(&text, "views_reader_lag", "gauge", "Commits since the oldest of them was opened.",
           stats.views_reader_lag);
    metric(&text, "readers_cleared_total", "counter", "Snapshots of processes that died with one.",
           stats.readers_cleared);
    metric(&text, "clock_steps_total", "counter",
           "How often the machine's clock was set by more than a second.", stats.clock_steps);
    buf_printf(&text,
               "# HELP tally_clock_behind_ms The ledger's time behind the machine's clock.\n"
               "# TYPE tally_clock_behind_ms gauge\ntally_clock_behind_ms %" PRId64 "\n",
               stats.clock_behind_ms);
    metric(&text, "batches_total", "counter", "Batches committed or refused.", stats.batches);
    metric(&text, "commands_total", "counter", "Commands answered.", stats.commands);
    metric(&text, "refusals_total", "counter", "Commands refused.", stats.refusals);
    metric(&text, "http_connections", "gauge", "Open connections.",
           http_server_connection_count(call->api->server));
    metric(&text, "chain_tick", "gauge", "Tick of the network.", chain.tick);
    metric(&text, "chain_processed_tick", "gauge", "Last tick the archive has.", chain.processed);
    metric(&text, "chain_cursor_tick", "gauge", "Last tick that settlement has read.",
           chain.cursor);
    metric(&text, "chain_answers", "gauge", "1 if the chain answered in the last round.",
           chain.chain_answers ? 1 : 0);
    metric(&text, "settlement_on", "gauge", "1 if keys and chain are right.", chain.on ? 1 : 0);
    metric(&text, "anchored_records", "gauge", "Records under the newest anchor on the chain.",
           chain.anchored_size);
    metric(&text, "settlement_observing", "gauge",
           "1 after a restore, until an operator lets settlement resume.", chain.observing ? 1 : 0);
    metric(&text, "legs_open", "gauge", "Payments due or in flight.", chain.legs_open);
    const struct stuck_summary *stuck = stuck_summary(call->api);
    int64_t age = stuck->oldest_since == 0 ? 0 : time_wall_ns() - stuck->oldest_since;
    metric(&text, "legs_stuck", "gauge",
           "Payments that were lost three times, or are due for ten minutes.", stuck->legs);
    metric(&text, "legs_stuck_oldest_seconds", "gauge", "For how long the oldest of them is due.",
           age < 0 ? 0 : (uint64_t)(age / NS_PER_S));
    metric(&text, "settlement_keys_missing", "gauge",
           "Settlement keys that are needed and whose seed is not loaded.", stuck->keys_missing);
    metric(&text, "unexplained_qubic", "gauge",
           "QUBIC seen at escrows since the start that no transaction brought.",
           unexplained(call->api->settlement));
    struct feeds_stats feed = feeds_stats(call->api->feeds);
    metric(&text, "feed_followers", "gauge", "Connections that follow the feed.", feed.followers);
    metric(&text, "feed_followers_blocked", "gauge",
           "Of them, those that are behind because their connection is full.", feed.blocked);
    metric(&text, "feed_followers_stuck_total", "counter",
           "Followers closed because they took nothing for a while.", feed.stuck);
    metric(&text, "feed_events_rendered_total", "counter", "Events rendered for the feed.",
           feed.rendered);
    metric(&text, "feed_events_sent_total", "counter", "Events sent to followers.", feed.sent);
    struct webhooks_stats hooks = webhooks_stats(call->api->webhooks);
    metric(&text, "webhooks", "gauge", "Webhooks that there are.", hooks.live);
    metric(&text, "webhooks_paused", "gauge", "Of them, those that are paused.", hooks.paused);
    metric(&text, "webhooks_failing", "gauge", "Of the others, those whose last delivery failed.",
           hooks.failing);
    metric(&text, "webhook_attempts_total", "counter", "Deliveries that were tried.",
           hooks.attempts);
    metric(&text, "webhook_failures_total", "counter", "Of them, those that failed.",
           hooks.failures);
    metric(&text, "webhook_events_passed_over_total", "counter",
           "Events that were looked at for a webhook and not for it.", hooks.looked_at);
    static const char *const CLASSES[] = {"settlement", "report", "consumer", "bulk"};
    buf_append_text(&text, "# HELP tally_queue_length Commands waiting for the writer.\n"
                           "# TYPE tally_queue_length gauge\n");
    for (size_t i = 0; i < COMMAND_CLASSES; i++) {
        buf_printf(&text, "tally_queue_length{class=\"%s\"} %" PRIu64 "\n", CLASSES[i],
                   stats.queued[i]);
    }
    call_reply_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", buf_bytes(&text));
    buf_deinit(&text);
}

static json_t *json_of_terms(const struct ledger_row *ledger, const struct api_options *options)
{
    json_t *endings = json_array();
    for (uint32_t i = 1; i < ending_words.count; i++) {
        (void)json_array_append_new(endings, json_pack("{s:s,s:b}", "ending", ending_words.words[i],
                                                       "provider_paid",
                                                       (int)(ledger->paid_endings >> i & 1)));
    }
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:I,s:I,"
        "s:I,s:o,"
        "s:o}",
        "sequence", (json_int_t)ledger->terms_sequence, "fee_bps", (json_int_t)ledger->fee_bps,
        "margin_bps", (json_int_t)ledger->margin_bps, "lock_min", (json_int_t)ledger->lock_min,
        "quote_valid_s", (json_int_t)ledger->quote_valid_s, "lock_wait_s",
        (json_int_t)ledger->lock_wait_s, "heartbeat_s", (json_int_t)ledger->heartbeat_s, "lease_s",
        (json_int_t)ledger->lease_s, "start_within_s", (json_int_t)ledger->start_within_s,
        "queue_max_s", (json_int_t)ledger->queue_max_s, "confirmations",
        (json_int_t)ledger->confirmations, "tick_offset", (json_int_t)ledger->tick_offset,
        "output_max", (json_int_t)ledger->output_max, "upload_max", (json_int_t)ledger->upload_max,
        "batch_max", (json_int_t)ledger->batch_max, "billing_version",
        (json_int_t)ledger->billing_version, "refunds_tolerated", REFUNDS_TOLERATED,
        "refunds_permille", REFUNDS_PERMILLE, "refunded_wait_s", REFUNDED_WAIT_S, "jobs_unpaid_max",
        JOBS_UNPAID_MAX, "offers_per_machine_max", (json_int_t)options->offers_per_machine,
        "offers_per_provider_max", (json_int_t)options->offers_per_provider, "account_storage_max",
        (json_int_t)options->account_storage_mib * 1048576, "fee_identity",
        json_of_identity(ledger->fee_identity), "endings", endings);
}

static void terms(struct call *call)
{
    struct reading reading;
    struct ledger_row ledger = {0};
    struct settlement_status chain;
    if (!reading_open(&reading, call)) {
        return;
    }
    (void)state_ledger(reading.store, &ledger);
    reading_close(&reading);
    settlement_status(call->api->settlement, &chain);
    const struct api_options *options = &call->api->options;
    json_t *json = json_pack(
        "{s:s,s:s,s:o,s:s,s:o,s:{s:s,s:s,s:s?,s:i,s:i,s:i,s:b,s:b},s:{s:i,s:i}}", "origin",
        call->api->origin, "log", ledger_origin(call->api->ledger), "log_id",
        json_of_id(ledger.log_id), "network", enum_word(&network_words, (uint32_t)ledger.network),
        "terms", json_of_terms(&ledger, options), "chain", "live_url", options->qubic_live_url,
        "query_url", options->qubic_query_url, "explorer_url", options->explorer_url, "tick",
        (int)chain.tick, "tick_ms", (int)chain.tick_ms, "processed", (int)chain.processed,
        "answers", chain.chain_answers, "faucet", options->faucet_url != NULL, "payload",
        "input_type", PAYLOAD_INPUT_TYPE, "size", PAYLOAD_SIZE);
    call_reply(call, 200, json);
}

/* ── the chain ─────────────────────────────────────────────────────────────────────────────────── */

/* Answers of the chain come later; the call may have lost its peer by then. */
static void chain_failed(struct call *call, const struct qubic_answer *answer)
{
    int status = answer->code == ERR_TIMEOUT ? 504 : answer->code == ERR_INVALID ? 422 : 503;
    call_problem(call, status, answer->code == ERR_INVALID ? "chain_refused" : "chain_unavailable",
                 "%s", answer->rpc.message[0] != '\0' ? answer->rpc.message : answer->err.message);
}

static void broadcast_cb(void *ctx, const struct qubic_answer *answer)
{
    struct call *call = ctx;
    call->awaiting = false;
    if (answer->code != ERR_OK) {
        chain_failed(call, answer);
        return;
    }
    call_reply(call, 200,
               json_pack("{s:o,s:i}", "transaction_id", json_of_transaction(answer->broadcast.hash),
                         "peers", (int)answer->broadcast.peers));
}

static void broadcast(struct call *call)
{
    struct fields fields = fields_of(call);
    struct bytes hex = fields_text(&fields, "transaction", QUBIC_TRANSACTION_SIZE_MIN * 2,
                                   QUBIC_TRANSACTION_SIZE_MAX * 2);
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct qubic_transaction tx;
    struct err err = {0};
    if (hex.size % 2 != 0 ||
        (hex.size > 0 && hex_decode(hex, wire, hex.size / 2, NULL) != ERR_OK)) {
        fields_error(&fields, "transaction", "is a signed transaction in hex");
    }
    if (!fields_good(&fields)) {
        return;
    }
    if (qubic_transaction_parse(bytes_of(wire, hex.size / 2), &tx, &err) != ERR_OK ||
        !qubic_transaction_signature_is_valid(&tx)) {
        call_problem(call, 422, "transaction_invalid",
                     "not a Qubic transaction with a signature the network accepts");
        return;
    }
    call->awaiting = true;
    if (qubic_client_broadcast(call->api->qubic, &tx,
                               (struct qubic_listener){.on_answer = broadcast_cb, .ctx = call},
                               NULL, &err) != ERR_OK) {
        call->awaiting = false;
        call_refuse(call, &err);
    }
}

static void balance_cb(void *ctx, const struct qubic_answer *answer)
{
    struct call *call = ctx;
    call->awaiting = false;
    if (answer->code != ERR_OK) {
        chain_failed(call, answer);
        return;
    }
    call_reply(call, 200,
               json_pack("{s:o,s:I,s:I,s:I,s:b}", "identity",
                         json_of_identity(answer->balance.identity), "balance",
                         (json_int_t)answer->balance.balance, "tick",
                         (json_int_t)answer->balance.valid_for_tick, "age_ms",
                         (json_int_t)answer->age_ms, "stale", answer->is_stale));
}

static void balance(struct call *call)
{
    struct key32 identity;
    struct err err = {0};
    if (qubic_identity_parse(bytes_of_text(call->rest), &identity, &err) != ERR_OK) {
        call_problem(call, 422, "identity_invalid", "%s", err.message);
        return;
    }
    call->awaiting = true;
    if (qubic_client_balance_known(call->api->qubic, &identity,
                                   (struct qubic_listener){.on_answer = balance_cb, .ctx = call},
                                   NULL, &err) != ERR_OK) {
        call->awaiting = false;
        call_refuse(call, &err);
    }
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/healthz", ROUTE_PUBLIC, BODY_NONE, healthz},
    {HTTP_GET, "/readyz", ROUTE_PUBLIC, BODY_NONE, readyz},
    {HTTP_GET, "/metrics", ROUTE_PUBLIC, BODY_NONE, metrics},
    {HTTP_POST, "/v1/settlement/resume", SCOPE_OPERATOR, BODY_JSON, resume},
    {HTTP_GET, "/v1/terms", ROUTE_PUBLIC, BODY_NONE, terms},
    {HTTP_POST, "/v1/broadcast", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_JSON, broadcast},
    {HTTP_GET, "/v1/balances/{name}", ROUTE_ANY, BODY_NONE, balance},
};
const struct route_table ROUTES_OPERATIONS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
