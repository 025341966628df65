/* tools/devchain/api.c: the services, the faucet and the faults on HTTP. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/api.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tools/devchain/fault_api.h"
#include "tools/devchain/service.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 << 10)
#define ANSWER_MAX ((size_t)64 << 10)

/* A faucet request whose tick is still to come. */
struct waiter {
    struct waiter *next;
    struct http_request *request;
    uint32_t tick;
    struct key32 identity;
    int64_t amount;
};

/* A slow answer. */
struct delayed {
    struct delayed *next;
    struct api *api;
    struct http_request *request;
    struct service_reply reply;
    uv_timer_t timer;
};

struct api {
    uv_loop_t *loop;
    struct node *node;
    struct waiter *waiters;
    struct delayed *delayed;
};

enum err_code api_create(uv_loop_t *loop, struct api **ret, struct err *err)
{
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    api->loop = loop;
    *ret = api;
    return ERR_OK;
}

void api_destroy(struct api *api)
{
    INVARIANT(api == NULL || (api->waiters == NULL && api->delayed == NULL));
    free(api);
}

void api_set_node(struct api *api, struct node *node)
{
    api->node = node;
}

static void answer(struct http_request *request, struct buf *body)
{
    INVARIANT(buf_check(body, NULL) == ERR_OK); /* small, and of our own making */
    http_respond_json(request, 200, buf_bytes(body));
    buf_deinit(body);
}

PRINTF_LIKE(3, 4)
static void answer_error(struct http_request *request, int status, const char *format, ...)
{
    char message[512];
    struct buf body;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_error(&body, status, message);
    http_respond_json(request, qubic_rpc_http_status(status), buf_bytes(&body));
    buf_deinit(&body);
}

/* ---- answers of the services ---- */

static void send_reply(struct http_request *request, const struct service_reply *reply)
{
    struct http_response response = {.status = reply->status, .content_type = reply->content_type};
    if (reply->cut && reply->cut_size > 0) {
        http_respond_begin(request, &response, (int64_t)reply->body.size, NULL, NULL);
        (void)!http_respond_write(request, bytes_of(reply->body.data, reply->cut_size), NULL);
    }
    if (reply->cut) {
        http_respond_cut(request);
        return;
    }
    response.body = buf_bytes(&reply->body);
    http_respond(request, &response);
}

static void delayed_free(uv_handle_t *handle)
{
    free(handle->data);
}

static void delayed_end(struct delayed **at)
{
    struct delayed *gone = *at;
    *at = gone->next;
    service_reply_deinit(&gone->reply);
    uv_close((uv_handle_t *)&gone->timer, delayed_free);
}

static void delay_is_over(uv_timer_t *timer)
{
    const struct delayed *delayed = timer->data;
    for (struct delayed **at = &delayed->api->delayed; *at != NULL; at = &(*at)->next) {
        if (*at == delayed) {
            send_reply(delayed->request, &delayed->reply);
            delayed_end(at);
            return;
        }
    }
}

/* Takes `reply`. */
static void send_later(struct api *api, struct http_request *request, struct service_reply *reply)
{
    struct delayed *delayed = calloc(1, sizeof *delayed);
    if (delayed == NULL) {
        service_reply_deinit(reply);
        http_respond_cut(request);
        return;
    }
    *delayed =
        (struct delayed){.next = api->delayed, .api = api, .request = request, .reply = *reply};
    api->delayed = delayed;
    int rc = uv_timer_init(api->loop, &delayed->timer);
    delayed->timer.data = delayed;
    rc = rc == 0 ? uv_timer_start(&delayed->timer, delay_is_over, reply->delay_ms, 0) : rc;
    INVARIANT(rc == 0);
}

static void serve(struct api *api, struct http_request *request, struct bytes body)
{
    const struct http_head *head = http_request_head(request);
    struct service_reply reply;
    service_ask(node_network(api->node), head->method == HTTP_POST, head->path, body, &reply);
    if (reply.delay_ms > 0) {
        send_later(api, request, &reply);
        return;
    }
    send_reply(request, &reply);
    service_reply_deinit(&reply);
}

static void serve_body(void *ctx, struct http_request *request, struct bytes body)
{
    serve(ctx, request, body);
}

/* ---- the faucet ---- */

static void faucet(void *ctx, struct http_request *request, struct bytes body)
{
    struct api *api = ctx;
    struct err err = {0};
    struct waiter *waiter = calloc(1, sizeof *waiter);
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *identity = json_object_get(root, "identity");
    const json_t *amount = json_object_get(root, "amount");
    if (waiter == NULL) {
        answer_error(request, QUBIC_RPC_INTERNAL, "out of memory");
        goto out;
    }
    if (!json_is_string(identity) ||
        qubic_identity_parse(bytes_of_text(json_string_value(identity)), &waiter->identity, &err) !=
            ERR_OK) {
        answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                     "identity: expected 60 capital letters with their checksum");
        goto out;
    }
    if (json_is_integer(amount)) {
        waiter->amount = json_integer_value(amount);
    } else if (!json_is_string(amount) || i64_parse(bytes_of_text(json_string_value(amount)),
                                                    &waiter->amount, NULL) != ERR_OK) {
        answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                     "amount: expected a whole number of QUBIC");
        goto out;
    }
    enum err_code const code = chain_credit(network_chain(node_network(api->node)),
                                            &waiter->identity, waiter->amount, &waiter->tick, &err);
    if (code != ERR_OK) {
        int const status = code == ERR_BUSY    ? QUBIC_RPC_EXHAUSTED
                           : code == ERR_NOMEM ? QUBIC_RPC_INTERNAL
                                               : QUBIC_RPC_INVALID_ARGUMENT;
        answer_error(request, status, "%s", err.message);
        goto out;
    }
    waiter->request = request;
    waiter->next = api->waiters;
    api->waiters = waiter;
    waiter = NULL;
out:
    json_decref(root);
    free(waiter);
}

void api_on_tick(void *ctx, uint32_t tick)
{
    struct api *api = ctx;
    for (struct waiter **at = &api->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        if (waiter->tick > tick) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        struct buf body;
        buf_init(&body, ANSWER_MAX);
        qubic_identity_format(&waiter->identity, text);
        buf_printf(&body, "{\"identity\":\"%s\",\"amount\":\"%" PRId64 "\",\"tick\":%" PRIu32 "}",
                   text, waiter->amount, tick); /* later than foreseen if numbers were skipped */
        answer(waiter->request, &body);
        free(waiter);
    }
}

/* ---- the faults ---- */

static void tell_faults(struct api *api, struct http_request *request)
{
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    fault_api_build(node_network(api->node), &body);
    answer(request, &body);
}

static void set_faults(void *ctx, struct http_request *request, struct bytes body)
{
    struct api *api = ctx;
    struct devnet *network = node_network(api->node);
    struct fault_plan plan = *network_plan(network);
    struct err err = {0};
    if (fault_api_parse(body, &plan, &err) != ERR_OK) {
        answer_error(request, QUBIC_RPC_INVALID_ARGUMENT, "%s", err.message);
        return;
    }
    network_set_plan(network, &plan);
    tell_faults(api, request);
}

/* ---- routes ---- */

static void request_gone(void *ctx, struct http_request *request, enum err_code why)
{
    struct api *api = ctx;
    (void)why;
    for (struct waiter **at = &api->waiters; *at != NULL; at = &(*at)->next) {
        if ((*at)->request == request) {
            struct waiter *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
    for (struct delayed **at = &api->delayed; *at != NULL; at = &(*at)->next) {
        if ((*at)->request == request) {
            delayed_end(at);
            return;
        }
    }
}

void api_on_request(void *ctx, struct http_request *request)
{
    struct api *api = ctx;
    const struct http_head *head = http_request_head(request);
    bool const get = head->method == HTTP_GET;
    bool const post = head->method == HTTP_POST;
    http_request_on_abort(request, request_gone, api);
    if (get && strcmp(head->path, "/dev/v1/faults") == 0) {
        tell_faults(api, request);
    } else if (post && strcmp(head->path, "/dev/v1/faults") == 0) {
        http_request_read_body(request, BODY_MAX, set_faults, api);
    } else if (post && strcmp(head->path, "/dev/v1/faucet") == 0) {
        http_request_read_body(request, BODY_MAX, faucet, api);
    } else if (get && service_has(false, head->path)) {
        serve(api, request, bytes_of(NULL, 0));
    } else if (post && service_has(true, head->path)) {
        http_request_read_body(request, BODY_MAX, serve_body, api);
    } else {
        answer_error(request, QUBIC_RPC_NOT_FOUND, "Not Found");
    }
}
