/* api/blob_body.h: a request's body, or the files of its form, streamed into a blob.
 *
 *     blob_body_read ─ pieces ─▶ blob_writer ─ on the pool: hash, write, sync, inspect, name ─▶ on_blob | on_refused | a problem
 *     blob_body_take ─ a file ─────▲
 *
 * Life:    `struct blob_body` lies in the call's arena. From the body's end to the callback the call is awaiting, so it
 *          outlives its peer; a call whose peer has gone by then is freed, and neither callback comes.
 * Refused before the body is read: a length over the limit, another type. Refused on the way: more bytes than the limit, a form that is
 *          not one file. In both cases nothing stays on disk.
 * Several: files of a form lie in the content one behind the other, as `parts` says; what is made of that is for inspect to decide.
 * Held:    the blob is held by the call (call.h): it stays if the command that on_blob submits is accepted, and goes with the call otherwise.
 * Thread:  the loop's; `inspect` on the thread pool. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_BLOB_BODY_H
#define API_BLOB_BODY_H

#include "api/blobs.h"
#include "api/call.h"

struct multipart;

#define BLOB_BODY_NAME_MAX 200
#define BLOB_BODY_PARTS_MAX 64
#define BLOB_BODY_ENTRY_MAX 200

/* A file of a form. */
struct blob_part {
    struct bytes path; /* relative, with '/'; the last part of it is the file's name */
    uint64_t offset;   /* in the content */
    uint64_t size;
};

struct blob_body {
    /* set by the caller */
    struct call *call;
    uint64_t size_max;
    const char *too_large; /* problem code; its detail names size_max */
    bool empty_allowed;
    bool
        form_allowed; /* multipart/form-data with parts `file`, 1 to BLOB_BODY_PARTS_MAX, and a field `entry` */
    enum err_code (*inspect)(struct blob_body *body, struct blob_inspection *inspection,
                             struct err *err);
    bool (*is_slow)(const struct blob_body *body); /* will `inspect` take long? NULL: no */
    void (*on_blob)(struct blob_body *body, const struct blob *blob);
    /* What `inspect` refused; NULL if it cannot. */
    void (*on_refused)(struct blob_body *body, const struct blob *blob, const struct err *err);
    struct bytes file_name;  /* may be set before; taken from a form otherwise */
    struct bytes media_type; /* as the peer said, "" if it did not */
    void *state;
    /* what came */
    struct blob_part *parts; /* of a form */
    size_t part_count;
    struct bytes entry; /* of the field `entry`, or of ?entry=; "" if neither was sent */
    /* its own */
    struct blob_writer *writer;
    struct multipart *parser;
    uint64_t size;
    bool in_file;
    bool in_entry;
    bool paused;
    bool refused_inside;
    bool refused_by_form; /* `err` is ours, not the parser's */
};

/* Takes the call. */
void blob_body_read(struct blob_body *body);
/* The same with a content that is in the file `path` already, of body->size bytes. The request's own body was read before. */
void blob_body_take(struct blob_body *body, const char *path);
/* The last part of a path, if it can be a file's name here: 1 to 200 bytes of UTF-8 without control characters. */
MUST_CHECK bool file_name_of(const char *path, struct bytes *ret);

#endif
