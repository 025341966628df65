/* worker/server.h: asking the server, and what its answers mean for a worker.
 *
 * Shape:   requests with JSON bodies or files; each answer is sorted into an outcome that says what to do next.
 * Thread:  loop; server_ask_now on any thread (it waits).
 * Owner:   the reply is borrowed for the call of the callback. A callback may send, never destroy the server.
 * Source:  docs/api.md. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#include <jansson.h>
#include <uv.h>

#define SERVER_KEY_SIZE 33 /* an idempotency key: 32 hex digits and the zero */

enum server_outcome {
    SERVER_OK,      /* 2xx */
    SERVER_RETRY,   /* not reached, busy or broken: the same again later */
    SERVER_GONE,    /* the job is not this worker's any more: stop and clean up */
    SERVER_DENIED,  /* the token is not good */
    SERVER_REFUSED, /* any other 4xx: look at the code; the same again would not help */
};

struct server_reply {
    enum server_outcome outcome;
    int status;         /* 0: there was no answer */
    const char *code;   /* problem code, "" if none */
    const char *detail; /* a sentence for a person, "" if none */
    json_t *body;       /* of a 2xx answer or a problem; NULL if it is no JSON */
};

struct server_request {
    const char *method;
    const char *path;            /* "/v1/..." */
    struct bytes body;           /* JSON; copied; {NULL, 0}: none */
    const char *idempotency_key; /* NULL: none */
    bool upload;   /* send upload_size bytes of upload_fd instead, from upload_offset on */
    bool is_piece; /* and say that it begins there */
    int upload_fd;
    uint64_t upload_offset;
    uint64_t upload_size;
    bool download; /* write a 2xx body to download_fd */
    int download_fd;
    uint64_t download_max;
    uint64_t timeout_ms; /* 0: 30 s; files have none but for silence */
};

struct server;
struct server_call;
typedef void (*server_cb)(void *ctx, const struct server_reply *reply);

/* `base` without a slash at the end; both are copied. */
MUST_CHECK enum err_code server_create(uv_loop_t *loop, const char *base, const char *token,
                                       struct server **ret_server, struct err *err);
/* Calls in flight are dropped without a callback; freed when the loop has closed the handles. */
void server_close(struct server *server);

/* NULL when it could not be sent at all (out of memory); otherwise on_reply is called once unless cancelled. */
struct server_call *server_send(struct server *server, const struct server_request *request,
                                server_cb on_reply, void *ctx);
void server_cancel(struct server_call *call);

/* One request, waited for; for the command line. `token` "": without one. The reply's texts are copied into `ret_detail`. The caller decrefs
 * `*ret_body` (NULL if none). */
enum server_outcome server_ask_now(const char *base, const char *token,
                                   const struct server_request *request, json_t **ret_body,
                                   int *ret_status, char ret_detail[ERR_MESSAGE_MAX]);

void server_new_key(char ret_key[SERVER_KEY_SIZE]);
/* http(s)://host[:port] with the slashes at the end removed; ERR_INVALID otherwise. */
MUST_CHECK enum err_code server_check_base(const char *text, char *ret, size_t ret_size,
                                           struct err *err);
/* What an answer means; pure. */
enum server_outcome server_outcome_of(int status, const char *code);

#endif
