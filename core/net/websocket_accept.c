/* The server's half of the opening handshake (RFC 6455 §4.2). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/http_conn.h"
#include "core/net/http_problem.h"
#include "core/net/websocket_core.h"

#include <string.h>

static enum err_code refuse(struct http_request *request, int status, enum err_code code,
                            const char *detail, struct err *err)
{
    struct buf body;
    buf_init(&body, 4096);
    http_problem_append(&body, status, "websocket_refused", detail, http_request_id(request));
    /* RFC 9110 §15.5.22 wants Upgrade with 426; RFC 6455 §4.2.2 the version. */
    const struct http_field headers[] = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
    http_respond(request, &(struct http_response){
                              .status = status,
                              .content_type = HTTP_PROBLEM_TYPE,
                              .headers = headers,
                              .header_count = status == 426 ? 2 : 0,
                              .body = buf_bytes(&body),
                          });
    buf_deinit(&body);
    return err_set(err, code, "%s", detail);
}

static bool key_is_good(const char *key)
{
    struct buf raw;
    buf_init(&raw, 64);
    bool ok =
        key != NULL && base64_decode(bytes_of_text(key), &raw, NULL) == ERR_OK && raw.size == 16;
    buf_deinit(&raw);
    return ok;
}

/* The first of ours that the peer offers. False: it offers none of them. */
static bool choose_protocol(const struct http_head *head,
                            const struct websocket_accept_options *options, const char **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < options->protocol_count; i++) {
        if (http_head_lists(head, "sec-websocket-protocol", options->protocols[i])) {
            *ret = options->protocols[i];
            return true;
        }
    }
    return options->protocol_count == 0;
}

static enum err_code check(struct http_request *request,
                           const struct websocket_accept_options *options,
                           const char **ret_protocol, struct err *err)
{
    const struct http_head *head = http_request_head(request);
    if (!http_head_lists(head, "connection", "upgrade") ||
        !http_head_lists(head, "upgrade", "websocket")) {
        return refuse(request, 426, ERR_INVALID, "this address speaks WebSocket: send an upgrade",
                      err);
    }
    if (head->method != HTTP_GET || head->version_minor < 1 || http_head_has_body(head)) {
        return refuse(request, 400, ERR_INVALID, "a WebSocket begins with GET, HTTP/1.1, no body",
                      err);
    }
    const char *version = http_head_header(head, "sec-websocket-version");
    if (version == NULL || strcmp(version, "13") != 0) {
        return refuse(request, 426, ERR_INVALID, "the accepted Sec-WebSocket-Version is 13", err);
    }
    if (http_head_header_count(head, "sec-websocket-key") != 1 ||
        !key_is_good(http_head_header(head, "sec-websocket-key"))) {
        return refuse(request, 400, ERR_INVALID,
                      "Sec-WebSocket-Key must be 16 bytes in base64, once", err);
    }
    const char *origin = http_head_header(head, "origin");
    if (origin != NULL && options->origin_allowed != NULL &&
        !options->origin_allowed(options->origin_ctx, origin)) {
        return refuse(request, 403, ERR_DENIED, "pages of this origin may not connect", err);
    }
    if (!choose_protocol(head, options, ret_protocol)) {
        return refuse(request, 400, ERR_INVALID,
                      "none of the offered Sec-WebSocket-Protocols is spoken here", err);
    }
    return ERR_OK;
}

static void ignore_closed(void *ctx)
{
    (void)ctx;
}

enum err_code websocket_accept(struct http_request *request,
                               const struct websocket_accept_options *options,
                               const struct websocket_callbacks *callbacks,
                               struct websocket **ret_websocket, const char **ret_protocol,
                               struct err *err)
{
    const char *protocol = NULL;
    enum err_code code = check(request, options, &protocol, err);
    if (code != ERR_OK) {
        return code;
    }
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_accept_value(http_head_header(http_request_head(request), "sec-websocket-key"),
                           accept);
    struct buf answer;
    buf_init(&answer, 4096);
    buf_printf(&answer,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               accept);
    if (protocol != NULL) {
        buf_printf(&answer, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    }
    http_respond_append_extra(request, &answer);
    buf_append_text(&answer, "\r\n");
    if (answer.failed) {
        buf_deinit(&answer);
        return refuse(request, 503, ERR_NOMEM, "no memory for a WebSocket", err);
    }
    struct stream *stream = NULL;
    struct bytes early = {0};
    http_request_take_over(request, &stream, &early);
    struct websocket *websocket = websocket_attach(stream_tcp(stream)->loop, stream, true,
                                                   &options->limits, callbacks, early);
    if (websocket == NULL) {
        buf_deinit(&answer);
        stream_set_owner(stream, (struct stream_owner){.on_closed = ignore_closed});
        stream_close(stream);
        return err_set(err, ERR_NOMEM, "no memory for a WebSocket");
    }
    (void)stream_write(stream, buf_bytes(&answer)); /* a broken stream shows in reading */
    buf_deinit(&answer);
    *ret_websocket = websocket;
    if (ret_protocol != NULL) {
        *ret_protocol = protocol;
    }
    return ERR_OK;
}
