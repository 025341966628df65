/* api/upload_receive.h: a file becomes a blob, is analysed before it has a name there, and only then an event says that it was received.
 *
 *     body, or a file ─▶ blob (temporary) ─ upload_analyse on the pool ┬─ named, upload.received and analysis.completed at once ─ 201
 *                                                                      └─ removed, upload.rejected ─ 422 */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_UPLOAD_RECEIVE_H
#define API_UPLOAD_RECEIVE_H

#include "api/blob_body.h"
#include "api/upload_analysis.h"

struct upload_receive {    /* in the call's arena */
    struct blob_body body; /* first: its callbacks are given this */
    struct upload upload;
    struct id16
        command_id; /* what it is the content of; zero: the request, by its Idempotency-Key */
};

/* Next comes blob_body_read, or blob_body_take. The answer is an upload, or why it was rejected. */
void upload_receive_init(struct upload_receive *receive, struct call *call, uint64_t size_max);
/* Upload `call->id`; to a POST one that was rejected as its problem. */
void upload_reply(struct call *call, int status);

#endif
