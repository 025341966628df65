/* core/net/http_server.h: an HTTP/1.1 server on a libuv loop.
 *
 * Shape:   on_request is called with the head of each request, before its body is read. The handler then, now or
 *          later, does what it wants with the handle:
 *
 *            on_request ──┬─ http_request_read_body ──▶ body_cb ──┐
 *                         ├─ http_request_stream_body ▶ data_cb…, end_cb ──┤
 *                         └───────────────────────────────────────┴─▶ http_respond…            (whole answer)
 *                                                                    ├▶ http_respond_begin/write/end (streamed)
 *                                                                    ├▶ http_respond_file
 *                                                                    └▶ http_request_take_over (WebSocket)
 *
 *          Requests of one connection are handled one after another, so answers keep their order.
 * Handle:  a `struct http_request *` is alive until the answer is given whole (respond, respond_end, respond_file,
 *          take_over return) or until abort_cb has returned; after that it must not be touched. abort_cb is how a
 *          long poll learns that its peer has gone: set it before returning from on_request if the answer
 *          comes later. It is called exactly once, or never if the answer was given whole first.
 * Calls:   no callback is ever called from inside a function of this header; they all come from the loop. So a
 *          list of waiting requests can be answered in a loop.
 * Thread:  everything on the loop's thread.
 * Limits:  all in http_server_options. What breaks a limit or the protocol is answered by the server with
 *          400, 408, 413, 414, 417, 431, 501, 503 or 505 and a problem body; the handler then sees abort_cb at most.
 * Gone:    an end of file from the peer while an answer is awaited counts as the peer being gone. It is not seen
 *          while more than 64 KiB that the peer has sent wait for a paused body or behind the request.
 * Source:  RFC 9110, RFC 9112. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_SERVER_H
#define CORE_NET_HTTP_SERVER_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/net/http_head.h"

#include <uv.h>

struct http_server;
struct http_request;
struct stream;
struct tls_context;

/* Zero means the default in brackets. */
struct http_server_options {
    const char *host; /* numeric address ["127.0.0.1"] */
    uint16_t port;    /* 0: the kernel chooses, see http_server_port */
    int backlog;      /* [256] */

    size_t connections_max;          /* [1024], upgraded ones included; the next is answered 503 */
    size_t connections_per_peer_max; /* [no limit] from one address (IPv6: one /64): 503 */
    bool limits_local_peers;         /* whether that counts for addresses of this machine too */
    bool
        traces_access; /* a line for each answer: id, peer, method, path without its query, status, size, time */
    size_t head_size_max;    /* [16 KiB] request line and headers together: 431 */
    size_t target_size_max;  /* [8 KiB]: 414 */
    size_t header_count_max; /* [100]: 431 */
    size_t
        unsent_size_max; /* [1 MiB] of a connection: no new request is read, streams are refused */

    struct tls_context *tls;       /* [plain HTTP] borrowed; see http_server_set_tls */
    uint64_t handshake_timeout_ms; /* [10,000] of TLS: closed */
    uint64_t idle_timeout_ms;      /* [60,000] between requests: closed */
    uint64_t head_timeout_ms;      /* [10,000] from a head's first byte to its end: 408 */
    uint64_t body_timeout_ms; /* [30,000] a body may lag this much behind the rate below: 408 */
    uint64_t
        body_rate_min; /* [1,024] bytes a second; time the handler has paused it does not count */
    uint64_t
        write_timeout_ms; /* [30,000] without the peer taking a byte of what is unsent: closed */
    uint64_t linger_timeout_ms; /* [2,000] to read away what a refused peer still sends */
};

typedef void (*http_request_cb)(void *ctx, struct http_request *request);

/* Bind, listen, serve. `options` may be NULL; it is copied.
 * Errors: ERR_INVALID (address), ERR_UNAVAILABLE (in use, not allowed), ERR_IO, ERR_NOMEM. After an error the loop may
 * still have to close a handle: run it once more before uv_loop_close. */
MUST_CHECK enum err_code http_server_create(uv_loop_t *loop,
                                            const struct http_server_options *options,
                                            http_request_cb on_request, void *ctx,
                                            struct http_server **ret_server, struct err *err);
uint16_t http_server_port(const struct http_server *server);
size_t http_server_connection_count(const struct http_server *server);
/* Another certificate for connections from now on, of a server that has one; borrowed. The old one may be destroyed: who began with it keeps it. */
void http_server_set_tls(struct http_server *server, struct tls_context *tls);

typedef void (*http_server_closed_cb)(void *ctx);
/* Stop accepting, close idle connections, let requests in flight finish, cut whatever is left after
 * `grace_ms` (their abort_cb is called), then free the server and call `on_closed` (may be NULL). The loop must keep
 * running until then. Calling again shortens the grace; the first on_closed stays. */
void http_server_close(struct http_server *server, uint64_t grace_ms,
                       http_server_closed_cb on_closed, void *ctx);
/* True once http_server_close was called: streams that have no end of their own should end. */
bool http_server_is_closing(const struct http_server *server);

/* ---- the request ---- */

const struct http_head *http_request_head(const struct http_request *request);
/* The same for all connections from one address, of IPv6 from one /64: to count by. Another after each start. */
uint64_t http_request_peer_key(const struct http_request *request);
/* From this machine: the address says nothing about who it is, behind a proxy least of all. */
bool http_request_peer_is_local(const struct http_request *request);
/* What the answer's X-Request-Id says: the peer's own if it has sent one of 1 to 64 characters of A-Z a-z 0-9 . _ -, else made here. */
const char *http_request_id(const struct http_request *request);
/* A header of the answer, however it is given. Both texts are borrowed until then. At most four. */
void http_request_add_header(struct http_request *request, const char *name, const char *value);

/* `why`: ERR_UNAVAILABLE (peer gone, server closing), ERR_TIMEOUT, ERR_TOO_LARGE (body over its limit, answered
 * 413), ERR_INVALID (broken body, answered 400). */
typedef void (*http_abort_cb)(void *ctx, struct http_request *request, enum err_code why);
void http_request_on_abort(struct http_request *request, http_abort_cb on_abort, void *ctx);

/* `body` is borrowed for the call, and empty if the request has none. */
typedef void (*http_body_cb)(void *ctx, struct http_request *request, struct bytes body);
/* Read the whole body and call back. A longer one is answered 413 and aborted, before it is read if it says its length. */
void http_request_read_body(struct http_request *request, size_t size_max, http_body_cb on_body,
                            void *ctx);

struct http_body_stream {
    http_body_cb on_data; /* a piece, never empty */
    void (*on_end)(void *ctx, struct http_request *request);
    void *ctx;
    uint64_t size_max; /* 413 as above; 0: no limit */
};
/* Read the body piece by piece in constant memory. The answer may be given at any time, from on_data too; no
 * more pieces come after it. */
void http_request_stream_body(struct http_request *request, const struct http_body_stream *stream);
/* No pieces until resumed; the peer is held back by TCP. */
void http_request_pause(struct http_request *request);
void http_request_resume(struct http_request *request);

/* ---- the answer ---- */

struct http_response {
    int status;               /* 200..599 */
    const char *content_type; /* NULL: none */
    const struct http_field *headers;
    size_t header_count;
    struct bytes body; /* for http_respond only */
    bool close;        /* close the connection after this answer */
};

/* The whole answer; everything is copied. Date, Content-Length and Connection are added. HEAD gets no body.
 * If the request's body was not read, a short rest is read away, a long one ends the connection. A header with control
 * characters turns the answer into a 500. */
void http_respond(struct http_request *request, const struct http_response *response);
/* application/json */
void http_respond_json(struct http_request *request, int status, struct bytes json);
/* application/problem+json, see http_problem.h */
void http_respond_problem(struct http_request *request, int status, const char *code,
                          const char *detail_format, ...) PRINTF_LIKE(4, 5);

typedef void (*http_writable_cb)(void *ctx, struct http_request *request);
/* Begin an answer in pieces. `length` HTTP_LENGTH_NONE: chunked (HTTP/1.0: until the connection closes).
 * `on_writable` (may be NULL) comes soon after this and then each time what is unsent has drained below half of
 * unsent_size_max after a write was refused. */
void http_respond_begin(struct http_request *request, const struct http_response *head,
                        int64_t length, http_writable_cb on_writable, void *ctx);
/* Copy and send `piece`. ERR_BUSY, and nothing taken, while unsent_size_max or more is unsent: wait for on_writable. So
 * what is unsent is at most the limit and one piece. ERR_INVALID: over the promised length. */
MUST_CHECK enum err_code http_respond_write(struct http_request *request, struct bytes piece,
                                            struct err *err);
size_t http_respond_unsent(const struct http_request *request);
/* The end. Short of the promised length, the connection is cut so that the peer can tell. */
void http_respond_end(struct http_request *request);
/* Give up in the middle: the connection is cut. Also before anything was answered. */
void http_respond_cut(struct http_request *request);

/* Send `length` bytes of `fd` from `offset`, read on the thread pool in chunks, in constant memory. Takes `fd` and
 * closes it. The handle is consumed. A file shorter than said cuts the connection. */
void http_respond_file(struct http_request *request, const struct http_response *head, int fd,
                       uint64_t offset, uint64_t length);

/* ---- another protocol on this connection ---- */

/* Take the connection: the handle is consumed, nothing was answered. The caller sends what it likes on the
 * stream (101 first), owns it and closes it; it still counts as a connection of the server and is cut when
 * the server closes. Only for a request without a body. `ret_early`: bytes the peer has sent already, borrowed until
 * the caller returns to the loop. The stream is not reading: stream_set_owner, then stream_read. */
void http_request_take_over(struct http_request *request, struct stream **ret_stream,
                            struct bytes *ret_early);

#endif
