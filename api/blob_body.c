// SPDX-License-Identifier: Apache-2.0
#include "api/blob_body.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/multipart.h"

#include <inttypes.h>
#include <string.h>

#define FORM_OVERHEAD_MAX ((uint64_t)64 << 10) /* boundaries and part headers around the file */
#define MEDIA_TYPE_MAX 100

bool file_name_of(const char *path, struct bytes *ret)
{
    const char *name = path;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\') {
            name = at + 1;
        }
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    struct bytes text = bytes_of_text(name);
    if (text.size == 0 || text.size > BLOB_BODY_NAME_MAX || !utf8_is_valid(text) ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    *ret = text;
    return true;
}

/* ── ends ──────────────────────────────────────────────────────────────────────────────────────── */

static void drop(struct blob_body *body)
{
    multipart_destroy(body->parser);
    body->parser = NULL;
    blob_writer_abandon(body->writer, NULL);
    body->writer = NULL;
}

static void refuse(struct blob_body *body, const struct err *err)
{
    drop(body);
    if (err->code == ERR_INVALID && !body->refused_by_form) {
        call_problem(body->call, 400, "form_invalid", "the form cannot be read: %s", err->message);
    } else {
        call_refuse(body->call, err);
    }
}

static void refuse_size(struct blob_body *body)
{
    drop(body);
    call_problem(body->call, 413, body->too_large, "a file has at most %" PRIu64 " bytes",
                 body->size_max);
}

static void abort_cb(struct call *call)
{
    drop(call->state);
    call_free(call);
}

static void done_cb(void *ctx, enum err_code code, const struct blob *blob, struct blob_hold *hold,
                    const struct err *err)
{
    struct blob_body *body = ctx;
    struct call *call = body->call;
    body->writer = NULL;
    call->hold = hold;
    call->awaiting = false;
    if (call->request == NULL) {
        drop(body);
        call_free(call);
    } else if (code == ERR_OK) {
        call->on_abort = NULL;
        body->on_blob(body, blob);
    } else if (body->refused_inside) {
        call->on_abort = NULL;
        body->on_refused(body, blob, err);
    } else {
        drop(body);
        call_refuse(call, err);
    }
}

/* ── the body ──────────────────────────────────────────────────────────────────────────────────── */

static void room_cb(void *ctx)
{
    struct blob_body *body = ctx;
    if (body->paused && body->call->request != NULL) {
        body->paused = false;
        http_request_resume(body->call->request);
    }
}

static enum err_code inspect_cb(void *ctx, struct blob_inspection *inspection, struct err *err)
{
    struct blob_body *body = ctx;
    if (body->inspect == NULL) {
        return ERR_OK;
    }
    enum err_code code = body->inspect(body, inspection, err);
    body->refused_inside = code != ERR_OK;
    return code;
}

static bool is_slow_cb(void *ctx)
{
    const struct blob_body *body = ctx;
    return body->is_slow != NULL && body->is_slow(body);
}

/* False: over the limit. */
static bool take(struct blob_body *body, struct bytes piece)
{
    if (piece.size > body->size_max - body->size) {
        return false;
    }
    body->size += piece.size;
    if (!blob_writer_write(body->writer, piece) && !body->paused) {
        body->paused = true;
        http_request_pause(body->call->request);
    }
    return true;
}

/* A path as browsers send it of a folder (job/train.py), or of a file by a full path, of which only the name counts. */
static bool path_of(const char *sent, struct bytes *ret)
{
    struct bytes text = bytes_of_text(sent);
    if (sent[0] == '/' || memchr(text.data, '\\', text.size) != NULL ||
        text.size > BLOB_BODY_NAME_MAX || text.size == 0) {
        return file_name_of(sent, ret);
    }
    for (const char *at = sent; *at != '\0';) {
        size_t size = strcspn(at, "/");
        if (size == 0 || (size == 1 && at[0] == '.') ||
            (size == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    *ret = text;
    struct bytes name;
    return file_name_of(sent,
                        &name); /* no control characters, UTF-8, a name behind the last slash */
}

static enum err_code begin_file(struct blob_body *body, const struct multipart_part *part,
                                struct err *err)
{
    struct bytes path;
    struct bytes name;
    if (body->part_count == BLOB_BODY_PARTS_MAX) {
        return err_set(err, ERR_INVALID, "form_field: at most %d files are one upload",
                       BLOB_BODY_PARTS_MAX);
    }
    if (part->file_name == NULL || !path_of(part->file_name, &path) ||
        !file_name_of(part->file_name, &name)) {
        return err_set(err, ERR_INVALID,
                       "file_name: the part file has a filename of 1 to %d bytes of UTF-8 without "
                       "`..`",
                       BLOB_BODY_NAME_MAX);
    }
    for (size_t i = 0; i < body->part_count; i++) {
        if (bytes_equal(body->parts[i].path, path)) {
            return err_set(err, ERR_INVALID, "file_name: two files are called %.100s",
                           part->file_name);
        }
    }
    struct bytes kept = arena_copy(&body->call->arena, path);
    body->file_name = arena_copy(&body->call->arena, name);
    if (kept.data == NULL || body->file_name.data == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a file's name");
    }
    if (part->content_type != NULL && strlen(part->content_type) <= MEDIA_TYPE_MAX) {
        body->media_type = arena_copy(&body->call->arena, bytes_of_text(part->content_type));
    }
    body->parts[body->part_count++] = (struct blob_part){.path = kept, .offset = body->size};
    body->in_file = true;
    return ERR_OK;
}

static enum err_code part_begin(void *ctx, const struct multipart_part *part, struct err *err)
{
    struct blob_body *body = ctx;
    enum err_code code = ERR_OK;
    body->refused_by_form = true;
    if (strcmp(part->name, "entry") == 0 && body->entry.size == 0) {
        body->in_entry = true;
    } else if (strcmp(part->name, "file") == 0) {
        code = begin_file(body, part, err);
    } else {
        code = err_set(err, ERR_INVALID,
                       "form_field: the form has parts named file, and at most one named entry");
    }
    body->refused_by_form = code != ERR_OK;
    return code;
}

static enum err_code part_data(void *ctx, struct bytes data, struct err *err)
{
    struct blob_body *body = ctx;
    if (body->in_entry) {
        struct buf text;
        buf_init(&text, BLOB_BODY_ENTRY_MAX);
        buf_append_bytes(&text, body->entry);
        buf_append_bytes(&text, data);
        bool good = !text.failed;
        body->entry = good ? arena_copy(&body->call->arena, buf_bytes(&text)) : body->entry;
        buf_deinit(&text);
        body->refused_by_form = !good;
        return good ? ERR_OK
                    : err_set(err, ERR_INVALID, "form_field: entry has at most %d bytes",
                              BLOB_BODY_ENTRY_MAX);
    }
    INVARIANT(body->in_file);
    return take(body, data) ? ERR_OK : err_set(err, ERR_TOO_LARGE, "over the limit");
}

static enum err_code part_end(void *ctx, struct err *err)
{
    struct blob_body *body = ctx;
    (void)err;
    if (body->in_file) {
        struct blob_part *part = &body->parts[body->part_count - 1];
        part->size = body->size - part->offset;
    }
    body->in_file = false;
    body->in_entry = false;
    return ERR_OK;
}

static void data_cb(void *ctx, struct http_request *request, struct bytes piece)
{
    struct blob_body *body = ctx;
    struct err err = {0};
    (void)request;
    if (body->parser == NULL) {
        if (!take(body, piece)) {
            refuse_size(body);
        }
        return;
    }
    enum err_code code = multipart_feed(body->parser, piece, &err);
    if (code == ERR_TOO_LARGE && body->in_file) {
        refuse_size(body);
    } else if (code != ERR_OK) {
        refuse(body, &err);
    }
}

static void end_cb(void *ctx, struct http_request *request)
{
    struct blob_body *body = ctx;
    struct err err = {0};
    (void)request;
    if (body->parser != NULL && multipart_finish(body->parser, &err) != ERR_OK) {
        refuse(body, &err);
        return;
    }
    multipart_destroy(body->parser);
    body->parser = NULL;
    if (body->form_allowed && body->parts != NULL && body->part_count == 0) {
        drop(body);
        call_problem(body->call, 422, "form_field", "the form has no part named file");
        return;
    }
    if (!body->empty_allowed && body->size == 0) {
        drop(body);
        call_problem(body->call, 422, "upload_empty", "the file is empty");
        return;
    }
    body->call->awaiting = true;
    blob_writer_finish(body->writer);
}

/* ── the start ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_type(const char *header, const char *type)
{
    size_t size = strlen(type);
    return header != NULL && strncasecmp(header, type, size) == 0 &&
           (header[size] == '\0' || header[size] == ';' || header[size] == ' ');
}

/* The parser of a form, or nothing for a raw body. False: the problem was sent. */
static bool choose_form(struct blob_body *body, const char *type)
{
    const struct multipart_callbacks callbacks = {body, part_begin, part_data, part_end};
    const struct multipart_limits limits = {.part_count_max = BLOB_BODY_PARTS_MAX + 2};
    struct err err = {0};
    if (!body->form_allowed) {
        return true; /* any type: the body is the file */
    }
    if (is_type(type, "multipart/form-data")) {
        body->parts =
            arena_alloc_array(&body->call->arena, BLOB_BODY_PARTS_MAX, sizeof *body->parts);
        if (body->parts == NULL) {
            call_problem(body->call, 503, "no_memory", "out of memory; try again");
            return false;
        }
        if (multipart_create(type, &limits, &callbacks, &body->parser, &err) != ERR_OK) {
            refuse(body, &err);
            return false;
        }
        return true;
    }
    if (!is_type(type, "application/octet-stream")) {
        call_problem(body->call, 415, "media_type",
                     "the body is multipart/form-data with parts named file, or "
                     "application/octet-stream with ?name=");
        return false;
    }
    const char *name = http_head_param(http_request_head(body->call->request), "name");
    struct bytes base;
    if (name == NULL || !file_name_of(name, &base)) {
        call_problem(body->call, 422, "file_name",
                     "?name= has 1 to %d bytes of UTF-8 without control characters",
                     BLOB_BODY_NAME_MAX);
        return false;
    }
    body->file_name = arena_copy(&body->call->arena, base);
    const char *entry = http_head_param(http_request_head(body->call->request), "entry");
    if (entry != NULL && strlen(entry) > BLOB_BODY_ENTRY_MAX) {
        call_problem(body->call, 422, "form_field", "?entry= has at most %d bytes",
                     BLOB_BODY_ENTRY_MAX);
        return false;
    }
    body->entry = bytes_of_text(entry == NULL ? "" : entry); /* borrowed from the request's head */
    body->entry = arena_copy(&body->call->arena, body->entry);
    return true;
}

static struct blob_writer_options writer_options(struct blob_body *body)
{
    struct ledger_stats stats;
    ledger_stats(body->call->api->ledger, &stats);
    return (struct blob_writer_options){.ctx = body,
                                        .log_head = stats.head,
                                        .on_room = room_cb,
                                        .inspect = inspect_cb,
                                        .is_slow = is_slow_cb,
                                        .on_done = done_cb};
}

void blob_body_read(struct blob_body *body)
{
    struct call *call = body->call;
    const struct http_head *head = http_request_head(call->request);
    if (!choose_form(body, http_head_header(head, "content-type"))) {
        return;
    }
    uint64_t overhead = body->parser != NULL ? FORM_OVERHEAD_MAX : 0;
    if (head->content_length > 0 && (uint64_t)head->content_length > body->size_max + overhead) {
        refuse_size(body);
        return;
    }
    struct blob_writer_options options = writer_options(body);
    body->writer = blob_writer_create(call->api->blobs, &options);
    if (body->writer == NULL) {
        drop(body);
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    call->state = body;
    call->on_abort = abort_cb;
    struct http_body_stream stream = {.on_data = data_cb,
                                      .on_end = end_cb,
                                      .ctx = body,
                                      .size_max =
                                          body->parser != NULL ? body->size_max + overhead : 0};
    http_request_stream_body(call->request, &stream);
}

void blob_body_take(struct blob_body *body, const char *path)
{
    struct call *call = body->call;
    struct blob_writer_options options = writer_options(body);
    body->writer = blob_writer_create_from(call->api->blobs, &options, path);
    if (body->writer == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    call->state = body;
    call->on_abort = abort_cb;
    call->awaiting = true;
    blob_writer_finish(body->writer);
}
