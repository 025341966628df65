/* worker/result_upload.h: one file on its way to the server, whole, or from RESULT_PIECES_FROM on so that a break costs what was on the line and no more.
 *
 *     small ─▶ PUT ─────────────────────────────────────────────────────────────▶ on_done
 *     large ─▶ hash (pool) ─▶ POST size and digest ─┬─ stored ──────────────────▶
 *                              ▲                    ├─ offset ─▶ PATCH the rest ─┐
 *                              └────────────────────┼────────────────────────────┘ whatever became of it
 *                                                   └─ refused ─▶ PUT ──────────▶
 *
 * Resumes: by what the server says it has, so after a break, a restart of the server and one of this program alike.
 * Owner:   takes `fd`; frees itself after on_done, or after result_upload_cancel.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_RESULT_UPLOAD_H
#define WORKER_RESULT_UPLOAD_H

#include "worker/server.h"

#define RESULT_PIECES_FROM (UINT64_C(8) << 20)

struct result_upload;

struct result_upload_options {
    uv_loop_t *loop;
    struct server *server;
    const char *path; /* copied */
    int fd;
    uint64_t size;
    uint64_t patience_ms; /* without an answer, or without a byte more at the server */
    server_cb on_done;    /* as for an errand: GONE, DENIED, REFUSED, OK, or RETRY: patience over */
    void *ctx;
};

/* On an error `fd` stays the caller's. */
MUST_CHECK enum err_code result_upload_start(const struct result_upload_options *options,
                                             struct result_upload **ret, struct err *err);
void result_upload_cancel(struct result_upload *upload); /* accepts NULL */

#endif
