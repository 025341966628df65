/* The loop: answers from the writer, commits that wake long polls and feeds, the once-a-second chores. */
// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"

#include "api/blobs.h"
#include "api/call.h"
#include "api/claims.h"
#include "api/feed.h"
#include "api/in_flight.h"
#include "api/job_answers.h"
#include "api/nonces.h"
#include "api/partials.h"
#include "api/presence.h"
#include "api/rate.h"
#include "api/route.h"
#include "api/token_rows.h"
#include "api/token_uses.h"
#include "api/webhooks.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/net/tls.h"
#include "core/qubic/sign_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 1000
#define CODES_PER_S 5 /* tried from one address */
#define STOP_GRACE_MS 3000

static void identity_name(struct key32 public_key, char ret_text[QUBIC_TEXT_SIZE])
{
    qubic_identity_format(&public_key, ret_text);
}

static void transaction_name(struct key32 hash, char ret_text[QUBIC_TEXT_SIZE])
{
    qubic_hash_format(&hash, ret_text);
}

const struct render_names API_NAMES = {.identity = identity_name, .transaction = transaction_name};

/* ── from the writer ───────────────────────────────────────────────────────────────────────────── */

void api_post_answered(struct api *api, struct call *call)
{
    (void)pthread_mutex_lock(&api->mutex);
    call->next = api->answered;
    api->answered = call;
    (void)pthread_mutex_unlock(&api->mutex);
    (void)uv_async_send(&api->wake);
}

void api_post_commit(void *ctx, uint64_t head)
{
    struct api *api = ctx;
    (void)head;
    (void)pthread_mutex_lock(&api->mutex);
    bool first = !api->committed;
    api->committed = true;
    (void)pthread_mutex_unlock(&api->mutex);
    if (first) {
        (void)uv_async_send(&api->wake);
    }
}

/* Our own errors do not say whether the log took the command. */
static enum blob_fate fate_of(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return BLOB_WANTED;
    case ERR_INVALID:
    case ERR_TOO_LARGE:
    case ERR_OVERFLOW:
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
    case ERR_DENIED:
    case ERR_BUSY:
    case ERR_UNAVAILABLE:
    case ERR_FULL:
        return BLOB_REFUSED;
    case ERR_TIMEOUT:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_NOMEM:
    case ERR_INTERNAL:
        return BLOB_UNKNOWN;
    }
    return BLOB_UNKNOWN;
}

static void finish(struct call *call)
{
    call->awaiting = false;
    enum err_code code = call->answer.code;
    blob_hold_release(call->hold, fate_of(code));
    call->hold = NULL;
    if (call->request == NULL) {
        call_free(call);
    } else if ((code == ERR_NOT_FOUND || code == ERR_CONFLICT) && call->on_refused != NULL) {
        call->answer = (struct ledger_answer){0};
        call->on_refused(call);
    } else if (code != ERR_OK) {
        call_refuse(call, &call->answer.err);
    } else {
        call->on_answered(call);
    }
}

static void wake_cb(uv_async_t *handle)
{
    struct api *api = handle->data;
    (void)pthread_mutex_lock(&api->mutex);
    struct call *newest = api->answered;
    bool committed = api->committed;
    bool again = api->sweep_again;
    api->answered = NULL;
    api->committed = false;
    (void)pthread_mutex_unlock(&api->mutex);
    struct call *oldest = NULL; /* the list is newest first */
    while (newest != NULL) {
        struct call *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct call *next = oldest->next;
        oldest->next = NULL;
        finish(oldest);
        oldest = next;
    }
    if (again) {
        api_sweep(api);
    }
    if (committed && api->claims != NULL) {
        claims_retry(api->claims);
    }
    if (committed && api->feeds != NULL) {
        feeds_commit(api->feeds);
    }
    if (committed && api->webhooks != NULL) {
        webhooks_commit(api->webhooks);
    }
}

/* ── chores ────────────────────────────────────────────────────────────────────────────────────── */

/* Each is a batch of its own, bounded; while one finds something to do, the next follows at once. */
static void swept_cb(void *ctx, const struct ledger_answer *answer)
{
    struct api *api = ctx;
    if (answer->code != ERR_OK && answer->code != ERR_NOT_FOUND) {
        trace_err(TRACE_WARN, "sweep.failed", &answer->err);
    }
    (void)pthread_mutex_lock(&api->mutex);
    api->sweeping = false;
    api->sweep_again = answer->code == ERR_OK;
    (void)pthread_mutex_unlock(&api->mutex);
    if (answer->code == ERR_OK) {
        (void)uv_async_send(&api->wake);
    }
}

void api_sweep(struct api *api)
{
    struct err err = {0};
    (void)pthread_mutex_lock(&api->mutex);
    bool busy = api->sweeping;
    api->sweeping = true;
    api->sweep_again = false;
    (void)pthread_mutex_unlock(&api->mutex);
    if (busy) {
        return;
    }
    api->sweep_command = (struct command){
        .type = COMMAND_SWEEP, .command_id = id_new(time_wall_ns()), .actor_kind = ACTOR_LEDGER};
    if (ledger_submit(api->ledger, &api->sweep_command, CLASS_SETTLEMENT, swept_cb, api, &err) !=
        ERR_OK) {
        (void)pthread_mutex_lock(&api->mutex);
        api->sweeping = false;
        (void)pthread_mutex_unlock(&api->mutex);
    }
}

static void tick_cb(uv_timer_t *timer)
{
    struct api *api = timer->data;
    api_sweep(api);
    presence_check(api->presence);
    claims_expire(api->claims);
    nonces_expire(api->nonces);
    partials_sweep(api->partials, time_wall_ns());
}

/* ── start and stop ────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_log_id(struct api *api, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    enum err_code code = views_snapshot_open(ledger_views(api->ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_ledger(views_snapshot_store(snapshot), &ledger)) {
        code = err_set(err, ERR_CONFLICT, "this log was never opened; run tallyd init first");
    } else {
        api->log_id = ledger.log_id;
    }
    views_snapshot_close(snapshot);
    return code;
}

int api_prepare(struct api *api, uv_loop_t *loop)
{
    api->wake.data = api;
    api->loop = loop;
    return pthread_mutex_init(&api->mutex, NULL) != 0 ? UV_ENOMEM
                                                      : uv_async_init(loop, &api->wake, wake_cb);
}

/* A log that takes no writes may be an older copy, without the records that name its blobs. */
static void recover_blobs(struct api *api)
{
    struct err err = {0};
    if (ledger_read_only_reason(api->ledger) == NULL &&
        blobs_recover(api->blobs, ledger_log(api->ledger), &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "blobs.not_recovered", &err); /* they wait for the next start */
    }
}

static bool create_rate(const struct api_limit *limit, unsigned fallback, struct rates **ret)
{
    unsigned per_s = limit->given ? limit->value : fallback;
    *ret = per_s == 0 ? NULL : rates_create(per_s);
    return per_s == 0 || *ret != NULL;
}

static bool create_rates(struct api *api)
{
    api->code_rates = rates_create(CODES_PER_S);
    return api->code_rates != NULL &&
           create_rate(&api->options.rate_per_token, API_RATE_PER_TOKEN, &api->token_rates) &&
           create_rate(&api->options.rate_per_address, API_RATE_PER_ADDRESS, &api->address_rates);
}

enum err_code api_start(struct api *api, struct err *err)
{
    enum err_code code = read_log_id(api, err);
    if (code != ERR_OK) {
        return code;
    }
    api->tick.data = api;
    api->nonces = nonces_create();
    api->token_uses = token_uses_create();
    api->token_rows = token_rows_create();
    api->job_answers = job_answers_create();
    api->presence = presence_create(api);
    api->claims = claims_create(api);
    api->feeds = feeds_create(api);
    api->in_flight = in_flight_create();
    if (api->nonces == NULL || api->token_uses == NULL || api->token_rows == NULL ||
        api->job_answers == NULL || api->presence == NULL || api->claims == NULL ||
        api->feeds == NULL || api->in_flight == NULL || !create_rates(api) ||
        uv_timer_init(api->loop, &api->tick) != 0 ||
        uv_timer_start(&api->tick, tick_cb, TICK_MS, TICK_MS) != 0) {
        return err_set(err, ERR_NOMEM, "no memory to start serving");
    }
    code = blobs_open(api->loop, api->options.data_dir, api->ledger, &api->blobs, err);
    if (code == ERR_OK) {
        recover_blobs(api);
        code = partials_open(api->loop, api->options.data_dir, api->ledger,
                             (uint64_t)api->options.unfinished_mib << 20, &api->partials, err);
    }
    if (code == ERR_OK) {
        code = http_client_create(api->loop, &api->http, err);
    }
    struct qubic_client_options qubic_options = {
        .live_url = api->options.qubic_live_url,
        .query_url = api->options.qubic_query_url,
        .timeout_ms = 5000,
        .deadline_ms = 8000, /* somebody waits for it */
        .requests_per_s = api->options.qubic_requests_per_s,
    };
    if (code == ERR_OK) {
        code = qubic_client_create(api->http, &qubic_options, &api->qubic, err);
    }
    if (code == ERR_OK && api->options.tls_cert != NULL) {
        code = tls_context_create(api->options.tls_cert, api->options.tls_key, &api->tls, err);
    }
    if (code == ERR_OK) {
        code = webhooks_create(api, &api->webhooks, err);
    }
    struct http_server_options server_options = {
        .tls = api->tls,
        .host = api->options.host,
        .port = api->options.port,
        .connections_max = api->options.connections_max,
        .connections_per_peer_max = api->options.connections_per_address.given
                                        ? api->options.connections_per_address.value
                                        : API_CONNECTIONS_PER_ADDRESS,
        .limits_local_peers = api->options.connections_per_address.given,
        .traces_access = api->options.traces_access,
    };
    if (code == ERR_OK) {
        code =
            http_server_create(api->loop, &server_options, route_request, api, &api->server, err);
    }
    if (code == ERR_OK) {
        const char *host = api->options.host == NULL ? "127.0.0.1" : api->options.host;
        int size = api->options.origin != NULL
                       ? snprintf(api->origin, sizeof api->origin, "%s", api->options.origin)
                       : snprintf(api->origin, sizeof api->origin, "%s://%s:%u",
                                  api->tls == NULL ? "http" : "https", host,
                                  http_server_port(api->server));
        if (size < 0 || (size_t)size >= sizeof api->origin) {
            code = err_set(err, ERR_TOO_LARGE, "an origin has at most 255 characters");
        } else { /* or nobody could sign in */
            code = qubic_sign_in_check_origin(bytes_of_text(api->origin), err);
        }
    }
    return code;
}

void api_reload_tls(struct api *api)
{
    struct tls_context *fresh;
    struct err err = {0};
    if (api->tls == NULL) {
        return;
    }
    if (tls_context_create(api->options.tls_cert, api->options.tls_key, &fresh, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "tls.not_reloaded", &err);
        return;
    }
    http_server_set_tls(api->server, fresh);
    tls_context_destroy(api->tls);
    api->tls = fresh;
    trace(TRACE_INFO, "tls.reloaded", "cert=\"%s\"", api->options.tls_cert);
}

static void server_closed_cb(void *ctx)
{
    struct api *api = ctx;
    qubic_client_destroy(api->qubic);
    http_client_close(api->http, NULL, NULL);
    uv_close((uv_handle_t *)&api->wake, NULL);
}

void api_stop(struct api *api)
{
    uv_close((uv_handle_t *)&api->tick, NULL);
    claims_release(api->claims);
    feeds_release(api->feeds);
    webhooks_release(api->webhooks);
    http_server_close(api->server, STOP_GRACE_MS, server_closed_cb, api);
}

void api_finish(struct api *api)
{
    feeds_destroy(api->feeds);
    api->feeds = NULL;
    webhooks_destroy(api->webhooks);
    api->webhooks = NULL;
    claims_destroy(api->claims);
    api->claims = NULL;
    presence_destroy(api->presence);
    api->presence = NULL;
    nonces_destroy(api->nonces);
    api->nonces = NULL;
    token_uses_destroy(api->token_uses);
    api->token_uses = NULL;
    token_rows_destroy(api->token_rows);
    api->token_rows = NULL;
    job_answers_destroy(api->job_answers);
    api->job_answers = NULL;
    tls_context_destroy(api->tls);
    api->tls = NULL;
    in_flight_destroy(api->in_flight);
    api->in_flight = NULL;
    rates_destroy(api->token_rates);
    rates_destroy(api->address_rates);
    rates_destroy(api->code_rates);
    api->token_rates = NULL;
    api->address_rates = NULL;
    api->code_rates = NULL;
    blobs_close(api->blobs);
    api->blobs = NULL;
    partials_close(api->partials);
    api->partials = NULL;
}
