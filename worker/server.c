// SPDX-License-Identifier: Apache-2.0
#include "worker/server.h"

#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/net/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 2048
#define AUTHORIZATION_MAX 600
#define DEFAULT_TIMEOUT_MS 30000
#define SILENCE_MAX_S 30

struct server {
    struct http_client *client;
    char *base;
    char *token;
    struct server_call *calls;
};

struct server_call {
    struct server *server;
    struct server_call *next;
    struct server_call *previous;
    struct http_call *http;
    server_cb on_reply;
    void *ctx;
};

/* The request as the HTTP client wants it; the texts live as long as this. */
struct wire {
    char url[URL_MAX];
    char authorization[AUTHORIZATION_MAX];
    char offset[24];
    struct http_field headers[4];
    struct http_call_options options;
};

void server_new_key(char ret_key[SERVER_KEY_SIZE])
{
    uint8_t random[16];
    rng_bytes(random, sizeof random);
    hex_encode(bytes_of(random, sizeof random), ret_key);
}

enum err_code server_check_base(const char *text, char *ret, size_t ret_size, struct err *err)
{
    size_t const scheme = strncmp(text, "https://", 8) == 0  ? 8
                          : strncmp(text, "http://", 7) == 0 ? 7
                                                             : 0;
    size_t size = strlen(text);
    while (size > scheme && text[size - 1] == '/') {
        size--;
    }
    if (scheme == 0 || size == scheme || size >= ret_size ||
        strcspn(text, " \t\r\n?#@") < strlen(text)) {
        return err_set(err, ERR_INVALID,
                       "a server is http://host:port or https://host, not '%.80s'", text);
    }
    memcpy(ret, text, size);
    ret[size] = 0;
    return ERR_OK;
}

enum server_outcome server_outcome_of(int status, const char *code)
{
    static const char *const gone[] = {"job_ended", "lease_expired", "not_running", "no_such_job"};
    if (status >= 200 && status < 300) {
        return SERVER_OK;
    }
    if (status == 401 || status == 403) {
        return SERVER_DENIED;
    }
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        if (strcmp(code, gone[i]) == 0) {
            return SERVER_GONE;
        }
    }
    if (strcmp(code, "idempotency_in_flight") == 0) { /* our own first try, cut off on our side */
        return SERVER_RETRY;
    }
    if (status < 400 || status == 408 || status == 425 || status == 429 || status >= 500) {
        return SERVER_RETRY;
    }
    return SERVER_REFUSED;
}

static bool prepare(struct wire *wire, const char *base, const char *token,
                    const struct server_request *request)
{
    size_t count = 0;
    int const url = snprintf(wire->url, sizeof wire->url, "%s%s", base, request->path);
    int const authorization =
        snprintf(wire->authorization, sizeof wire->authorization, "Bearer %s", token);
    if (url < 0 || (size_t)url >= sizeof wire->url || authorization < 0 ||
        (size_t)authorization >= sizeof wire->authorization) {
        return false;
    }
    if (token[0] != 0) {
        wire->headers[count++] = (struct http_field){"Authorization", wire->authorization};
    }
    if (request->body.data != NULL) {
        wire->headers[count++] = (struct http_field){"Content-Type", "application/json"};
    } else if (request->upload) {
        wire->headers[count++] = (struct http_field){"Content-Type", "application/octet-stream"};
    }
    if (request->idempotency_key != NULL) {
        wire->headers[count++] = (struct http_field){"Idempotency-Key", request->idempotency_key};
    }
    if (request->is_piece) {
        (void)snprintf(wire->offset, sizeof wire->offset, "%llu",
                       (unsigned long long)request->upload_offset);
        wire->headers[count++] = (struct http_field){"Upload-Offset", wire->offset};
    }
    bool const is_file = request->upload || request->download;
    wire->options = (struct http_call_options){
        .method = request->method,
        .url = wire->url,
        .headers = wire->headers,
        .header_count = count,
        .body = request->body,
        .upload = request->upload,
        .upload_fd = request->upload_fd,
        .upload_size = request->upload_size,
        .upload_offset = request->upload_offset,
        .download = request->download,
        .download_fd = request->download_fd,
        .transfer_size_max = request->download ? request->download_max : 0,
        .total_timeout_ms = is_file                    ? UINT64_MAX
                            : request->timeout_ms != 0 ? request->timeout_ms
                                                       : DEFAULT_TIMEOUT_MS,
        .idle_timeout_s = is_file || request->timeout_ms == 0 ? SILENCE_MAX_S : UINT64_MAX,
    };
    return true;
}

/* The caller decrefs reply->body. */
static void read_reply(enum err_code code, int status, struct bytes body, const struct err *err,
                       struct server_reply *ret)
{
    *ret = (struct server_reply){.status = status, .code = "", .detail = ""};
    if (code != ERR_OK) {
        /* Our own file, or an answer over its limit, would be no better the next time. */
        ret->outcome = code == ERR_IO || code == ERR_TOO_LARGE || code == ERR_INVALID
                           ? SERVER_REFUSED
                           : SERVER_RETRY;
        ret->status = 0;
        ret->detail = err->message;
        return;
    }
    ret->body = json_loadb((const char *)body.data, body.size, JSON_ALLOW_NUL, NULL);
    const char *word = json_string_value(json_object_get(ret->body, "code"));
    const char *detail = json_string_value(json_object_get(ret->body, "detail"));
    ret->code = status >= 300 && word != NULL ? word : "";
    ret->detail = status >= 300 && detail != NULL ? detail : "";
    ret->outcome = server_outcome_of(status, ret->code);
}

enum err_code server_create(uv_loop_t *loop, const char *base, const char *token,
                            struct server **ret_server, struct err *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL || (server->base = strdup(base)) == NULL ||
        (server->token = strdup(token)) == NULL) {
        if (server != NULL) {
            free(server->base);
        }
        free(server);
        return err_set(err, ERR_NOMEM, "no memory to talk to the server");
    }
    enum err_code const code = http_client_create(loop, &server->client, err);
    if (code != ERR_OK) {
        free(server->base);
        free(server->token);
        free(server);
        return code;
    }
    *ret_server = server;
    return ERR_OK;
}

static void free_call(struct server_call *call)
{
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        call->server->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    free(call);
}

void server_close(struct server *server)
{
    if (server == NULL) {
        return;
    }
    for (struct server_call *call = server->calls; call != NULL;) {
        struct server_call *next = call->next;
        http_call_cancel(call->http);
        free(call);
        call = next;
    }
    http_client_close(server->client, NULL, NULL);
    free(server->base);
    free(server->token);
    free(server);
}

static void on_http(void *ctx, const struct http_call_result *result)
{
    struct server_call *call = ctx;
    struct server_reply reply;
    server_cb const on_reply = call->on_reply;
    void *reply_ctx = call->ctx;
    free_call(call);
    read_reply(result->code, result->status, result->body, &result->err, &reply);
    on_reply(reply_ctx, &reply);
    json_decref(reply.body);
}

struct server_call *server_send(struct server *server, const struct server_request *request,
                                server_cb on_reply, void *ctx)
{
    struct wire wire;
    struct err err = {0};
    struct server_call *call = calloc(1, sizeof *call);
    if (call == NULL || !prepare(&wire, server->base, server->token, request)) {
        free(call);
        return NULL;
    }
    call->server = server;
    call->on_reply = on_reply;
    call->ctx = ctx;
    call->next = server->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    server->calls = call;
    if (http_client_send(server->client, &wire.options, on_http, call, &call->http, &err) !=
        ERR_OK) {
        trace_err(TRACE_ERROR, "server.send", &err);
        free_call(call);
        return NULL;
    }
    return call;
}

void server_cancel(struct server_call *call)
{
    if (call != NULL) {
        http_call_cancel(call->http);
        free_call(call);
    }
}

enum server_outcome server_ask_now(const char *base, const char *token,
                                   const struct server_request *request, json_t **ret_body,
                                   int *ret_status, char ret_detail[ERR_MESSAGE_MAX])
{
    struct wire wire;
    struct err err = {0};
    struct buf body;
    struct server_reply reply;
    int status = 0;
    buf_init(&body, 1U << 20);
    enum err_code code = ERR_INVALID;
    if (prepare(&wire, base, token, request)) {
        code = http_fetch(&wire.options, NULL, &status, &body, &err);
    } else {
        (void)err_set(&err, ERR_INVALID, "the server's address or the token is too long");
    }
    read_reply(code, status, buf_bytes(&body), &err, &reply);
    (void)snprintf(ret_detail, ERR_MESSAGE_MAX, "%s", reply.detail);
    text_make_printable(ret_detail);
    *ret_status = reply.status;
    *ret_body = reply.body;
    buf_deinit(&body);
    return reply.outcome;
}
