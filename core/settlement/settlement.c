// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/settlement.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/settlement/settlement_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS_DEFAULT 500
#define TIMEOUT_MS_DEFAULT 5000

bool settlement_stopping(struct settlement *s)
{
    return atomic_load(&s->stopping);
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────────── */

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
        bool off = code == ERR_CONFLICT && !on;
        trace_err(off ? TRACE_ERROR : TRACE_WARN, off ? "settlement.off" : "settlement.waits", err);
    }
}

static void pause_for(struct settlement *s, unsigned ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * NS_PER_MS;
    until.tv_sec += ns / NS_PER_S;
    until.tv_nsec = ns % NS_PER_S;
    (void)pthread_mutex_lock(&s->mutex);
    while (!settlement_stopping(s) &&
           pthread_cond_timedwait(&s->wake, &s->mutex, &until) != ETIMEDOUT) {
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

/* Until the chain answers and is ours. What does not know our transactions is asked again, too: an archive may be behind. */
static bool prepare(struct settlement *s)
{
    while (!settlement_stopping(s)) {
        struct err err = {0};
        enum err_code code = settlement_prepare(s, &err);
        if (settlement_stopping(s)) {
            break;
        }
        tell(s, code == ERR_OK, code, &err);
        if (code == ERR_OK) {
            return true;
        }
        pause_for(s, s->options.poll_ms);
    }
    return false;
}

static void *settlement_main(void *arg)
{
    struct settlement *s = arg;
    if (s->newest_key_id == 0 || !prepare(s)) {
        return NULL;
    }
    trace(TRACE_INFO, "settlement.on", "tick=%" PRIu32 " cursor=%" PRIu32, s->tick, s->cursor);
    while (!settlement_stopping(s)) {
        struct err err = {0};
        enum err_code code = settlement_round(s, &err);
        if (settlement_stopping(s)) {
            break;
        }
        tell(s, true, code, &err);
        cursor_save(s, false);
        pause_for(s, s->options.poll_ms);
    }
    cursor_save(s, true);
    return NULL;
}

/* Before the thread is there. */
static void tell_anchor_identity(struct settlement *s)
{
    struct qubic_keys keys;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    if (s->newest_key_id == 0 || !anchor_is_on(&s->options.anchor)) {
        return;
    }
    anchor_keys_derive(settlement_key(s, s->newest_key_id), &keys);
    s->status.anchor_identity = keys.public_key;
    qubic_keys_wipe(&keys);
    qubic_identity_format(&s->status.anchor_identity, text);
    trace(TRACE_INFO, "anchor.on", "identity=%s", text);
}

/* ── start and stop ────────────────────────────────────────────────────────────────────────────── */

static void release(struct settlement *s)
{
    qubic_client_destroy(s->second);
    qubic_client_destroy(s->client);
    if (s->http != NULL) {
        http_client_close(s->http, NULL, NULL);
    }
    uv_close((uv_handle_t *)&s->wake_loop, NULL);
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0) {
    }
    INVARIANT(uv_loop_close(&s->loop) == 0);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->mutex);
    explicit_bzero(s->keys, sizeof s->keys);
    free(s);
}

/* Whoever waits for an answer looks at `stopping`. */
static void woken(uv_async_t *handle)
{
    uv_stop(handle->loop);
}

static bool init_waking(struct settlement *s)
{
    pthread_condattr_t monotonic;
    if (uv_loop_init(&s->loop) != 0) {
        return false;
    }
    if (uv_async_init(&s->loop, &s->wake_loop, woken) != 0) {
        (void)uv_loop_close(&s->loop);
        return false;
    }
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&s->mutex, NULL);
    return true;
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
    if (s == NULL || !init_waking(s)) {
        free(s);
        return err_set(err, ERR_NOMEM, "no memory for settlement");
    }
    s->options = *options;
    INVARIANT(options->operator_key_count > 0 && options->operator_key_count <= OPERATOR_KEYS_MAX);
    s->key_count = options->operator_key_count;
    memcpy(s->keys, options->operator_keys, s->key_count * sizeof *s->keys);
    s->options.operator_keys = NULL; /* the caller's, and soon gone */
    s->options.mono_ns = options->mono_ns != NULL ? options->mono_ns : time_mono_ns;
    s->options.wall_ns = options->wall_ns != NULL ? options->wall_ns : time_wall_ns;
    s->options.poll_ms = options->poll_ms != 0 ? options->poll_ms : POLL_MS_DEFAULT;
    enum err_code code = ERR_OK;
    if (!copy_text(s->live_url, sizeof s->live_url, options->live_url) ||
        !copy_text(s->query_url, sizeof s->query_url, options->query_url) ||
        !copy_text(s->second_live_url, sizeof s->second_live_url,
                   options->second_live_url == NULL ? "" : options->second_live_url) ||
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
        .requests_per_s = options->requests_per_s,
    };
    if (code == ERR_OK) {
        code = qubic_client_create(s->http, &client_options, &s->client, err);
    }
    if (code == ERR_OK && options->second_live_url != NULL) {
        client_options.live_url = s->second_live_url;
        code = qubic_client_create(s->http, &client_options, &s->second, err);
    }
    if (code == ERR_OK) {
        struct err off = {0};
        tell(s, false, settlement_check_keys(s, &off), &off);
        tell_anchor_identity(s);
    }
    if (code == ERR_OK && pthread_create(&s->thread, NULL, settlement_main, s) != 0) {
        code = err_set(err, ERR_NOMEM, "no memory for the settlement thread");
    }
    if (code != ERR_OK) {
        release(s);
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
    (void)pthread_mutex_lock(&s->mutex); /* or the pause could miss it */
    atomic_store(&s->stopping, true);
    (void)pthread_cond_broadcast(&s->wake);
    (void)pthread_mutex_unlock(&s->mutex);
    (void)uv_async_send(&s->wake_loop);
    (void)pthread_join(s->thread, NULL);
    release(s);
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
    const struct operator_key *key = settlement_key(s, s->newest_key_id);
    if (key == NULL) {
        *ret_key_id = 0;
        return (struct key32){0};
    }
    escrow_keys_derive(key, escrow_id, &keys);
    struct key32 identity = keys.public_key;
    qubic_keys_wipe(&keys);
    *ret_key_id = key->key_id;
    return identity;
}
