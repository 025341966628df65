/* worker/errand.h: one request, sent again with growing pauses until there is an answer.
 *
 * Shape:   SERVER_RETRY is dealt with here (0.2 s, doubling to 5 s, a little random); every other outcome, or SERVER_RETRY
 *          when the patience is over, goes to on_done, once. The request is the same each time, its idempotency key too.
 *          A file that is downloaded begins anew each time.
 * Owner:   the errand copies path, body and key; files are borrowed until it is done or cancelled. It frees itself.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_ERRAND_H
#define WORKER_ERRAND_H

#include "worker/server.h"

struct errand;

struct errand_options {
    uv_loop_t *loop;
    struct server *server;
    struct server_request request;
    bool keyed;           /* with an idempotency key of its own */
    bool once;            /* SERVER_RETRY is an outcome as others are */
    uint64_t after_ms;    /* first sent then */
    uint64_t patience_ms; /* 0: for ever */
    server_cb on_done;    /* never called from errand_start */
    void *ctx;
};

MUST_CHECK enum err_code errand_start(const struct errand_options *options,
                                      struct errand **ret_errand, struct err *err);
/* No callback any more. Accepts NULL. */
void errand_cancel(struct errand *errand);

#endif
