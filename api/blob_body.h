/* api/blob_body.h: a request's body, or the one file in its form, streamed into a blob.
 *
 *     blob_body_read ─ pieces ─▶ blob_writer ─ on the pool: hash, write, sync, inspect, name ─▶ on_blob | on_refused | a problem
 *
 * Life:    `struct blob_body` lies in the call's arena. From the body's end to the callback the call is awaiting, so it
 *          outlives its peer; a call whose peer has gone by then is freed, and neither callback comes.
 * Refused before the body is read: a length over the limit, another type. Refused on the way: more bytes than the limit, a form that is
 *          not one file. In both cases nothing stays on disk.
 * Held:    the blob is held by the call (call.h): it stays if the command that on_blob submits is accepted, and goes with the call otherwise.
 * Thread:  the loop's; `inspect` on the thread pool. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_BLOB_BODY_H
#define API_BLOB_BODY_H

#include "api/blobs.h"
#include "api/call.h"

struct multipart;

#define BLOB_BODY_NAME_MAX 200

struct blob_body {
    /* set by the caller */
    struct call *call;
    uint64_t size_max;
    const char *too_large; /* problem code; its detail names size_max */
    bool empty_allowed;
    bool form_allowed; /* multipart/form-data with one part `file` */
    enum err_code (*inspect)(struct blob_body *body, int fd, const struct blob *blob,
                             struct err *err);
    void (*on_blob)(struct blob_body *body, const struct blob *blob);
    /* What `inspect` refused; NULL if it cannot. */
    void (*on_refused)(struct blob_body *body, const struct blob *blob, const struct err *err);
    struct bytes file_name;  /* may be set before; taken from a form otherwise */
    struct bytes media_type; /* as the peer said, "" if it did not */
    void *state;
    /* its own */
    struct blob_writer *writer;
    struct multipart *parser;
    uint64_t size;
    bool in_file;
    bool has_file;
    bool paused;
    bool refused_inside;
    bool refused_by_form; /* `err` is ours, not the parser's */
};

/* Takes the call. */
void blob_body_read(struct blob_body *body);
/* The last part of a path, if it can be a file's name here: 1 to 200 bytes of UTF-8 without control characters. */
MUST_CHECK bool file_name_of(const char *path, struct bytes *ret);

#endif
