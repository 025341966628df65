/* core/net/http_client.h: HTTP requests to others, on a libuv loop.
 *
 * Shape:   http_client_send starts one request; its done_cb is called exactly once from the loop, unless it was
 *          cancelled first. Bodies come from memory or a file and go to memory, a file or a callback.
 * Thread:  everything on the loop's thread; http_fetch on any thread (it runs a loop of its own).
 * Rules:   http and https only, certificates verified, redirects and proxies of the environment not followed.
 * Errors:  ERR_INVALID (URL), ERR_DENIED (may_connect said no), ERR_UNAVAILABLE (not found, refused, cut, certificate), ERR_TIMEOUT (the effect is
 *          unknown), ERR_TOO_LARGE (answer over its limit), ERR_IO (the file), ERR_NOMEM. An HTTP status is never an
 *          error: 404 and 500 are ERR_OK with that status.
 * Source:  libcurl multi_socket interface. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_CLIENT_H
#define CORE_NET_HTTP_CLIENT_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/net/http_head.h"

#include <uv.h>

struct sockaddr;
struct http_client;
struct http_call; /* one request in flight */

/* A part of a multipart/form-data body: text from memory, or a file streamed from its path. */
struct http_form_part {
    const char *name;
    const char *file_name;    /* NULL: a plain field */
    const char *content_type; /* NULL: none */
    struct bytes content;     /* copied; unless */
    const char *path;         /* not NULL: streamed from this file */
};

struct http_call_options {
    const char *method; /* NULL: GET */
    const char *url;
    const struct http_field *headers; /* copied */
    size_t header_count;

    /* The body: at most one of these. */
    struct bytes body; /* copied; `body.data` NULL: none */
    bool upload;       /* the next two are set */
    int upload_fd; /* borrowed until done or cancelled; read from upload_offset on, the position is not moved */
    uint64_t upload_size; /* exactly so many bytes */
    uint64_t upload_offset;
    const struct http_form_part *form; /* copied */
    size_t form_count;

    uint64_t connect_timeout_ms; /* [10,000] */
    uint64_t total_timeout_ms;   /* [60,000]; UINT64_MAX: none, for long transfers */
    uint64_t idle_timeout_s;     /* [30] without a byte either way; UINT64_MAX: none */

    size_t
        response_size_max; /* [4 MiB] kept in memory; for callbacks and files the limit is transfer_size_max */
    uint64_t transfer_size_max; /* 0: none */
    /* Pieces of a 2xx body as they come, instead of keeping them; other bodies are kept. Return false to give up
     * (ERR_IO). Do not call the client from here except http_call_cancel. */
    bool (*on_data)(void *ctx, struct bytes piece);
    bool download; /* write a 2xx body to download_fd (borrowed) as well */
    int download_fd;

    const char *ca_file; /* NULL: the system's certificates */
    /* NULL, or asked (with `ctx`) for each address before it is connected to: what the URL's name led to, not what it says. false:
     * ERR_DENIED, if no other address is left. A client keeps connections for later calls, so all its calls must have the same rule. */
    bool (*may_connect)(void *ctx, const struct sockaddr *address);
};

/* Borrowed for the call of done_cb. */
struct http_call_result {
    enum err_code code; /* ERR_OK: there is an answer */
    int status;
    const struct http_field *headers; /* names in lower case */
    size_t header_count;
    struct bytes body;    /* zero-terminated behind its end */
    uint64_t transferred; /* bytes of the body, wherever they went */
    struct err err;
};
/* Value of a header (any case), NULL if there is none. */
const char *http_call_header(const struct http_call_result *result, const char *name);

typedef void (*http_call_cb)(void *ctx, const struct http_call_result *result);

MUST_CHECK enum err_code http_client_create(uv_loop_t *loop, struct http_client **ret_client,
                                            struct err *err);
uv_loop_t *http_client_loop(const struct http_client *client);
typedef void (*http_client_closed_cb)(void *ctx);
/* Cancel all calls (no done_cb), free when the loop has closed the handles, then `on_closed` (may be NULL). */
void http_client_close(struct http_client *client, http_client_closed_cb on_closed, void *ctx);

/* Start a call. `ctx` is given to on_data and on_done. `ret_call` may be NULL; it is valid until on_done is called.
 * May be called from an on_done, never from an on_data.
 * Errors here (bad URL, no memory): on_done is not called. */
MUST_CHECK enum err_code http_client_send(struct http_client *client,
                                          const struct http_call_options *options,
                                          http_call_cb on_done, void *ctx,
                                          struct http_call **ret_call, struct err *err);
/* Stop it; no callback of it is called any more. Whether the other side has acted is unknown. */
void http_call_cancel(struct http_call *call);

/* For command-line tools: one request, waited for. The body is appended to `ret_body` (may be NULL). Returns ERR_OK
 * with `*ret_status`, or the error as above. */
MUST_CHECK enum err_code http_fetch(const struct http_call_options *options, void *on_data_ctx,
                                    int *ret_status, struct buf *ret_body, struct err *err);

#endif
