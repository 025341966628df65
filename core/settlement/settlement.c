// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/settlement.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/event/codec.h"
#include "core/log/log_reader.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS_DEFAULT 500
#define TIMEOUT_MS_DEFAULT 5000
#define SLEEP_STEP_MS 20

bool settlement_stopping(struct settlement *s)
{
    return atomic_load(&s->stopping);
}

struct id16 settlement_command_id(enum settlement_step step, struct id16 escrow_id,
                                  struct key32 tx_id, uint64_t number)
{
    static const char LABEL[] = "tallystick settlement v1";
    uint8_t tail[1 + 16 + 32 + 8] = {(uint8_t)step};
    memcpy(tail + 1, escrow_id.b, 16);
    memcpy(tail + 17, tx_id.b, 32);
    put_be64(tail + 49, number);
    struct key32 digest = sha256_of_two(bytes_of_text(LABEL), bytes_of(tail, sizeof tail));
    struct id16 id;
    memcpy(id.b, digest.b, sizeof id.b);
    return id;
}

enum err_code settlement_submit(struct settlement *s, struct command *command,
                                struct ledger_answer *ret, struct err *err)
{
    command->actor_kind = ACTOR_SETTLEMENT;
    *ret = ledger_submit_wait(s->options.ledger, command, CLASS_SETTLEMENT);
    if (ret->code == ERR_OK || ret->code == ERR_CONFLICT) {
        if (ret->code != ERR_OK) {
            trace(TRACE_DEBUG, "settlement.refused", "message=\"%s\"", ret->err.message);
        }
        return ERR_OK;
    }
    *err = ret->err;
    return ret->code;
}

/* ── the cursor ────────────────────────────────────────────────────────────────────────────────── */

/* Where to start reading without a cursor: before the oldest escrow that still waits for its lock. */
static uint32_t oldest_open_tick(struct settlement *s, uint32_t otherwise)
{
    struct views_snapshot *snapshot;
    uint32_t oldest = otherwise;
    uint8_t at[16] = {0};
    struct bytes key;
    struct bytes value;
    if (views_snapshot_open(ledger_views(s->options.ledger), &snapshot, NULL) != ERR_OK) {
        return 1;
    }
    struct store *store = views_snapshot_store(snapshot);
    while (store_seek(store, &STATE_ESCROWS_OPEN, bytes_of(at, sizeof at), true, &key, &value)) {
        struct id16 id;
        struct escrow_row escrow;
        memcpy(at, key.data, sizeof at);
        memcpy(id.b, at, sizeof at);
        if (state_escrow(store, id, &escrow) && escrow.requested_tick < oldest) {
            oldest = (uint32_t)escrow.requested_tick;
        }
    }
    views_snapshot_close(snapshot);
    return oldest;
}

/* The cursor only saves reading: what was observed twice is refused by the ledger. It is never ahead of what was read. */
static void load_cursor(struct settlement *s)
{
    struct buf text;
    uint64_t tick = 0;
    buf_init(&text, 32);
    if (file_read(s->cursor_path, &text, NULL) == ERR_OK &&
        u64_parse(bytes_of(text.data, text.size > 0 ? text.size - 1 : 0), &tick, NULL) == ERR_OK &&
        tick <= s->processed) {
        s->cursor = (uint32_t)tick;
    } else {
        s->cursor = oldest_open_tick(s, s->processed);
    }
    s->cursor_saved = s->cursor;
    buf_deinit(&text);
}

static void save_cursor(struct settlement *s)
{
    char text[16];
    struct err err = {0};
    if (s->cursor == s->cursor_saved) {
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRIu32 "\n", s->cursor);
    if (file_write_atomic(s->cursor_path, bytes_of_text(text), 0600, &err) == ERR_OK) {
        s->cursor_saved = s->cursor;
    } else {
        trace_err(TRACE_WARN, "cursor.not_saved", &err);
    }
}

/* ── is this the right chain? ──────────────────────────────────────────────────────────────────── */

/* The newest transaction that the log calls confirmed. */
static bool newest_confirmed(struct settlement *s, struct key32 *ret_tx)
{
    struct log_reader *reader;
    struct arena arena;
    bool found = false;
    if (log_reader_open(ledger_log(s->options.ledger), &reader, NULL) != ERR_OK) {
        return false;
    }
    arena_init(&arena, 1 << 20);
    for (uint64_t at = log_reader_size(reader); at > 0 && !found; at--) {
        struct bytes record;
        struct record_header header;
        struct event event;
        if (log_reader_record(reader, at, &record, NULL) != ERR_OK ||
            record_header_decode(record, &header, NULL) != ERR_OK) {
            break;
        }
        bool leg = header.type == EVENT_PAYOUT_CONFIRMED || header.type == EVENT_REFUND_CONFIRMED ||
                   header.type == EVENT_FEE_CONFIRMED;
        if (!leg && header.type != EVENT_ESCROW_LOCKED) {
            continue;
        }
        arena_clear(&arena);
        if (record_decode(record, &arena, &event, NULL) == ERR_OK) {
            *ret_tx = leg ? event.u.payout_confirmed.tx_id : event.u.escrow_locked.tx_id;
            found = true;
        }
    }
    arena_deinit(&arena);
    log_reader_close(reader);
    return found;
}

static enum err_code check_chain(struct settlement *s, struct err *err)
{
    struct key32 tx;
    struct qubic_archived_transaction unused;
    if (!newest_confirmed(s, &tx)) {
        return ERR_OK;
    }
    enum err_code code = chain_transaction(s, &tx, &unused, err);
    if (code == ERR_NOT_FOUND) {
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        qubic_hash_format(&tx, text);
        return err_set(err, ERR_CONFLICT,
                       "this chain does not know %.12s…, which the log calls confirmed: another "
                       "network or node?",
                       text);
    }
    return code;
}

static enum err_code check_seed(struct settlement *s, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    bool known = state_ledger(views_snapshot_store(snapshot), &ledger);
    views_snapshot_close(snapshot);
    if (!known || ledger.settlement_key_id != s->operator_key.key_id ||
        !key_equal(ledger.check_identity, operator_check_identity(&s->operator_key))) {
        return err_set(err, ERR_CONFLICT,
                       "the loaded operator seed does not give the check identity in the log");
    }
    return ERR_OK;
}

/* ── rounds ────────────────────────────────────────────────────────────────────────────────────── */

static void measure_tick(struct settlement *s, int64_t now)
{
    if (s->tick_seen == 0 || s->tick < s->tick_seen) {
        s->tick_seen = s->tick;
        s->tick_seen_at = now;
    } else if (s->tick > s->tick_seen && now - s->tick_seen_at > NS_PER_S) {
        (void)pthread_mutex_lock(&s->mutex);
        s->status.tick_ms =
            (uint32_t)((now - s->tick_seen_at) / NS_PER_MS / (s->tick - s->tick_seen));
        (void)pthread_mutex_unlock(&s->mutex);
    }
}

static enum err_code ask_where(struct settlement *s, struct err *err)
{
    struct qubic_tick_info info;
    struct qubic_processed_tick processed;
    enum err_code code = chain_tick_info(s, &info, err);
    if (code == ERR_OK) {
        code = chain_processed_tick(s, &processed, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    s->tick = info.tick;
    s->processed = processed.tick;
    int64_t now = time_mono_ns();
    measure_tick(s, now);
    (void)pthread_mutex_lock(&s->mutex);
    s->status.tick = s->tick;
    s->status.processed = s->processed;
    s->status.asked_at = now;
    s->status.chain_answers = true;
    (void)pthread_mutex_unlock(&s->mutex);
    return ERR_OK;
}

static void tell(struct settlement *s, bool on, enum err_code code, const struct err *err)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool news = code != ERR_OK && strcmp(s->status.reason, err->message) != 0;
    s->status.on = on;
    s->status.cursor = s->cursor;
    (void)snprintf(s->status.reason, sizeof s->status.reason, "%s",
                   code == ERR_OK ? "" : err->message);
    if (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT) {
        s->status.chain_answers = false;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (news) {
        trace_err(TRACE_WARN, "settlement.waits", err);
    }
}

static enum err_code run_round(struct settlement *s, struct err *err)
{
    enum err_code code = ask_where(s, err);
    if (code == ERR_OK) {
        code = settle_deposits(s, err);
    }
    if (code == ERR_OK) {
        code = settle_confirmations(s, err);
    }
    if (code == ERR_OK) {
        code = settle_legs(s, err);
    }
    return code;
}

static void pause_for(struct settlement *s, unsigned ms)
{
    for (unsigned slept = 0; slept < ms && !settlement_stopping(s); slept += SLEEP_STEP_MS) {
        (void)usleep(SLEEP_STEP_MS * 1000);
    }
}

/* Until the seed is right and the chain is ours; a chain that does not answer is asked again. */
static bool prepare(struct settlement *s)
{
    struct err err = {0};
    enum err_code code = check_seed(s, &err);
    if (code != ERR_OK) {
        tell(s, false, code, &err);
        trace_err(TRACE_ERROR, "settlement.off", &err);
        return false;
    }
    while (!settlement_stopping(s)) {
        code = ask_where(s, &err);
        if (code == ERR_OK) {
            code = check_chain(s, &err);
        }
        if (code == ERR_OK) {
            load_cursor(s);
            return true;
        }
        tell(s, false, code, &err);
        if (code == ERR_CONFLICT) {
            trace_err(TRACE_ERROR, "settlement.off", &err);
            return false;
        }
        pause_for(s, s->options.poll_ms);
    }
    return false;
}

static void *settlement_main(void *arg)
{
    struct settlement *s = arg;
    if (!prepare(s)) {
        return NULL;
    }
    trace(TRACE_INFO, "settlement.on", "tick=%" PRIu32 " cursor=%" PRIu32, s->tick, s->cursor);
    while (!settlement_stopping(s)) {
        struct err err = {0};
        enum err_code code = run_round(s, &err);
        if (settlement_stopping(s)) {
            break;
        }
        tell(s, true, code, &err);
        save_cursor(s);
        pause_for(s, s->options.poll_ms);
    }
    save_cursor(s);
    return NULL;
}

/* ── start and stop ────────────────────────────────────────────────────────────────────────────── */

static void release(struct settlement *s)
{
    qubic_client_destroy(s->client);
    if (s->http != NULL) {
        http_client_close(s->http, NULL, NULL);
    }
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0) {
    }
    INVARIANT(uv_loop_close(&s->loop) == 0);
}

static bool copy_text(char *to, size_t size, const char *from)
{
    int length = snprintf(to, size, "%s", from);
    return length >= 0 && (size_t)length < size;
}

enum err_code settlement_start(const struct settlement_options *options, struct settlement **ret,
                               struct err *err)
{
    struct settlement *s = calloc(1, sizeof *s);
    if (s == NULL || uv_loop_init(&s->loop) != 0) {
        free(s);
        return err_set(err, ERR_NOMEM, "no memory for settlement");
    }
    s->options = *options;
    s->operator_key = *options->operator_key;
    s->options.poll_ms = options->poll_ms != 0 ? options->poll_ms : POLL_MS_DEFAULT;
    (void)pthread_mutex_init(&s->mutex, NULL);
    enum err_code code = ERR_OK;
    if (!copy_text(s->live_url, sizeof s->live_url, options->live_url) ||
        !copy_text(s->query_url, sizeof s->query_url, options->query_url) ||
        !copy_text(s->cursor_path, sizeof s->cursor_path, options->cursor_path)) {
        code = err_set(err, ERR_TOO_LARGE, "a URL or path of settlement is over 511 characters");
    }
    if (code == ERR_OK) {
        code = http_client_create(&s->loop, &s->http, err);
    }
    struct qubic_client_options client_options = {
        .live_url = s->live_url,
        .query_url = s->query_url,
        .ca_file = options->ca_file,
        .timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT,
    };
    if (code == ERR_OK) {
        code = qubic_client_create(s->http, &client_options, &s->client, err);
    }
    if (code == ERR_OK && pthread_create(&s->thread, NULL, settlement_main, s) != 0) {
        code = err_set(err, ERR_NOMEM, "no memory for the settlement thread");
    }
    if (code != ERR_OK) {
        release(s);
        free(s);
        return code;
    }
    *ret = s;
    return ERR_OK;
}

void settlement_stop(struct settlement *s)
{
    if (s == NULL) {
        return;
    }
    atomic_store(&s->stopping, true);
    (void)pthread_join(s->thread, NULL);
    release(s);
    (void)pthread_mutex_destroy(&s->mutex);
    explicit_bzero(&s->operator_key, sizeof s->operator_key);
    free(s);
}

void settlement_status(struct settlement *s, struct settlement_status *ret)
{
    (void)pthread_mutex_lock(&s->mutex);
    *ret = s->status;
    (void)pthread_mutex_unlock(&s->mutex);
}

struct key32 settlement_escrow_identity(struct settlement *s, struct id16 escrow_id,
                                        uint64_t *ret_key_id)
{
    struct qubic_keys keys;
    escrow_keys_derive(&s->operator_key, escrow_id, &keys);
    struct key32 identity = keys.public_key;
    qubic_keys_wipe(&keys);
    *ret_key_id = s->operator_key.key_id;
    return identity;
}
