/* Uploads in pieces, that go on where they were broken off (docs/decisions/0021).
 *
 *     POST …/resumable ─ PATCH, from the offset that GET or HEAD says, as often as need be ─ POST …/{id}/complete ─ 201, as an upload in one request
 *
 * Once:    completing is a command whose id is made from the unfinished upload's. So the log knows what became of it, whenever and however often it is asked
 *          for, and the unfinished one is removed only when the log has it. */
// SPDX-License-Identifier: Apache-2.0
#include "api/resumable.h"
#include "api/fields.h"
#include "api/route.h"
#include "api/storage_limit.h"
#include "api/upload_json.h"
#include "api/upload_receive.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/net/http_problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEDIA_TYPE_MAX 100
#define HEADERS_MAX 5

/* ── answers ───────────────────────────────────────────────────────────────────────────────────── */

struct offsets {
    uint64_t offset;
    uint64_t size;
    bool is_complete;
};

/* As it is: neither tagged nor kept by caches. */
static void reply_with_offset(struct call *call, int status, const char *type, struct bytes body,
                              struct offsets offsets)
{
    char offset[24];
    char size[24];
    char location[64];
    char id[ID_TEXT_SIZE];
    struct http_field headers[HEADERS_MAX];
    size_t count = 0;
    (void)snprintf(offset, sizeof offset, "%" PRIu64, offsets.offset);
    (void)snprintf(size, sizeof size, "%" PRIu64, offsets.size);
    id_format(call->id, id);
    (void)snprintf(location, sizeof location, "/v1/uploads/resumable/%s", id);
    headers[count++] = (struct http_field){"Upload-Offset", offset};
    headers[count++] = (struct http_field){"Upload-Length", size};
    headers[count++] = (struct http_field){"Upload-Complete", offsets.is_complete ? "?1" : "?0"};
    headers[count++] = (struct http_field){"Cache-Control", "no-store"};
    if (status == 201) {
        headers[count++] = (struct http_field){"Location", location};
    }
    call_respond(call, &(struct http_response){.status = status,
                                               .content_type = type,
                                               .headers = headers,
                                               .header_count = count,
                                               .body = body});
}

static struct offsets offsets_of(const struct partial *partial)
{
    return (struct offsets){.offset = partial->offset, .size = partial->size};
}

/* A problem that also says where to go on. */
static void refuse(struct call *call, const struct partial *partial, int status, const char *code,
                   const char *detail)
{
    struct buf body;
    buf_init(&body, 4096);
    http_problem_append(&body, status, code, detail, http_request_id(call->request));
    reply_with_offset(call, status, HTTP_PROBLEM_TYPE, buf_bytes(&body), offsets_of(partial));
    buf_deinit(&body);
}

static void reply_json(struct call *call, int status, json_t *json, struct offsets offsets)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    reply_with_offset(call, status, "application/json", bytes_of_text(text), offsets);
    free(text);
}

static void reply_partial(struct call *call, int status, const struct partial *partial)
{
    reply_json(call, status, upload_json_of_partial(partial), offsets_of(partial));
}

static void reply_missing(struct call *call)
{
    call_problem(call, 404, "no_such_upload", "you have no such unfinished upload");
}

static void reply_mismatch(struct call *call)
{
    call_problem(call, 422, "idempotency_mismatch",
                 "this Idempotency-Key was used for another upload");
}

/* ── which one ─────────────────────────────────────────────────────────────────────────────────── */

/* The caller's, or NULL. */
static struct partial *own(const struct call *call, struct id16 id)
{
    struct partial *partial = partials_find(call->api->partials, id);
    return partial != NULL && id_equal(partial->account_id, call->principal.account_id) ? partial
                                                                                        : NULL;
}

/* The command that completes an unfinished upload: forever, for it is in the log. */
static struct id16 completing_command(const struct call *call, struct id16 id)
{
    static const char PREFIX[] = "tallystick resumable upload v1\n";
    uint8_t named[sizeof PREFIX - 1 + 32];
    struct id16 command_id;
    memcpy(named, PREFIX, sizeof PREFIX - 1);
    memcpy(named + sizeof PREFIX - 1, call->principal.account_id.b, 16);
    memcpy(named + sizeof PREFIX - 1 + 16, id.b, 16);
    struct key32 digest = sha256_of(bytes_of(named, sizeof named));
    memcpy(command_id.b, digest.b, sizeof command_id.b);
    return command_id;
}

enum completed { NOT_COMPLETED, COMPLETED, CALL_IS_GONE };

/* Whether the log has it; then call->answer is that of the command and `ret` the upload. */
static enum completed find_completed(struct call *call, struct id16 id, struct id16 *ret)
{
    struct reading reading;
    struct event event;
    uint64_t first = 0;
    uint64_t count = 0;
    if (!reading_open(&reading, call)) {
        return CALL_IS_GONE;
    }
    bool found = state_command(reading.store, completing_command(call, id), &first, &count) &&
                 reading_event(&reading, first, &event);
    reading_close(&reading);
    if (!found) {
        return NOT_COMPLETED;
    }
    *ret = event.stream_id;
    call->answer =
        (struct ledger_answer){.first = first, .last = first + count - 1, .replayed = true};
    return COMPLETED;
}

/* `wanted`: what a repeated request asks for; NULL: nothing is compared. */
static void reply_completed(struct call *call, struct id16 upload_id, int status,
                            const struct partial *wanted)
{
    struct reading reading;
    struct upload_facts facts;
    json_t *json = NULL;
    uint64_t size = 0;
    bool is_same = true;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (upload_read(&reading, upload_id, &facts)) {
        struct bytes const name = facts.is_rejected ? facts.received.u.upload_rejected.file_name
                                                    : facts.received.u.upload_received.file_name;
        size = facts.row.size;
        is_same = wanted == NULL || wanted->size == size; /* the name of a bundle is our own */
        json = json_pack("{s:o,s:o,s:I,s:I,s:n,s:o}", "id", json_of_id(call->id), "file_name",
                         json_of_text(name), "size", (json_int_t)size, "offset", (json_int_t)size,
                         "expires_at", "upload_id", json_of_id(upload_id));
    }
    reading_close(&reading);
    if (json == NULL) {
        reply_missing(call);
    } else if (!is_same) {
        json_decref(json);
        reply_mismatch(call);
    } else {
        reply_json(call, status, json,
                   (struct offsets){.offset = size, .size = size, .is_complete = true});
    }
}

static void get_resumable(struct call *call)
{
    struct id16 upload_id;
    switch (find_completed(call, call->id, &upload_id)) {
    case CALL_IS_GONE:
        return;
    case COMPLETED:
        reply_completed(call, upload_id, 200, NULL);
        return;
    case NOT_COMPLETED:
        break;
    }
    const struct partial *partial = own(call, call->id);
    if (partial == NULL) {
        reply_missing(call);
    } else {
        reply_partial(call, 200, partial);
    }
}

/* ── beginning ─────────────────────────────────────────────────────────────────────────────────── */

bool resumable_is_writable(struct call *call)
{
    const char *read_only = ledger_read_only_reason(call->api->ledger);
    if (read_only != NULL) {
        call_problem(call, 503, "read_only", "nothing can be written now: %s", read_only);
    }
    return read_only == NULL;
}

/* What is said before anything is taken. False: the problem was sent. */
static bool takes_writes(struct call *call)
{
    if (!resumable_is_writable(call)) {
        return false;
    }
    if (ledger_disk_is_nearly_full(call->api->ledger)) {
        call_problem(call, 507, "disk_full",
                     "the disk is nearly full; what was sent so far is kept, try again later");
    } else {
        return true;
    }
    return false;
}

static void created_cb(void *ctx, struct partial *partial, enum err_code code,
                       const struct err *err)
{
    struct call *call = ctx;
    call->awaiting = false;
    if (call->request == NULL) {
        call_free(call);
    } else if (code == ERR_FULL) {
        call_problem(call, 507, "disk_full", "the disk is full; try again later");
    } else if (code != ERR_OK) {
        call_refuse(call, err);
    } else {
        reply_partial(call, 201, partial);
    }
}

/* A request with the same Idempotency-Key made it. */
static void reply_made_before(struct call *call, const struct partial *partial,
                              const struct partial *wanted)
{
    if (partial->size != wanted->size || strcmp(partial->file_name, wanted->file_name) != 0 ||
        strcmp(partial->media_type, wanted->media_type) != 0 ||
        strcmp(partial->entry, wanted->entry) != 0) {
        reply_mismatch(call);
    } else {
        http_request_add_header(call->request, "Idempotent-Replayed", "true");
        reply_partial(call, 201, partial);
    }
}

static bool read_upload_max(struct call *call, uint64_t *ret)
{
    struct reading reading;
    struct ledger_row ledger = {0};
    if (!reading_open(&reading, call)) {
        return false;
    }
    (void)state_ledger(reading.store, &ledger);
    reading_close(&reading);
    *ret = ledger.upload_max;
    return true;
}

static char *text_of(struct call *call, struct bytes text)
{
    return arena_text(&call->arena, text);
}

static void post_resumable(struct call *call)
{
    struct fields fields = fields_of(call);
    struct partial wanted = {.account_id = call->principal.account_id};
    struct bytes const sent = fields_text(&fields, "file_name", 1, BLOB_BODY_NAME_MAX);
    wanted.size = fields_u64(&fields, "size", 1, INT64_MAX);
    wanted.media_type = text_of(call, fields_optional_text(&fields, "media_type", MEDIA_TYPE_MAX));
    wanted.entry = text_of(call, fields_optional_text(&fields, "entry", BLOB_BODY_ENTRY_MAX));
    if (!fields_good(&fields) || !takes_writes(call)) {
        return;
    }
    struct bytes name;
    uint64_t size_max;
    struct err err = {0};
    wanted.file_name = text_of(call, sent);
    if (wanted.file_name == NULL || wanted.media_type == NULL || wanted.entry == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    if (!file_name_of(wanted.file_name, &name)) {
        call_problem(call, 422, "file_name",
                     "file_name has 1 to %d bytes of UTF-8 without control characters",
                     BLOB_BODY_NAME_MAX);
        return;
    }
    wanted.file_name = text_of(call, name);
    if (!read_upload_max(call, &size_max)) {
        return;
    }
    if (wanted.size > size_max) {
        call_problem(call, 413, "upload_too_large", "a file has at most %" PRIu64 " bytes",
                     size_max);
        return;
    }
    call_command(call, COMMAND_UPLOAD_RECEIVE); /* for its id: the same for the same key */
    wanted.id = call->command.command_id;
    call->id = wanted.id;
    struct id16 upload_id;
    switch (find_completed(call, wanted.id, &upload_id)) {
    case CALL_IS_GONE:
        return;
    case COMPLETED:
        http_request_add_header(call->request, "Idempotent-Replayed", "true");
        reply_completed(call, upload_id, 201, &wanted);
        return;
    case NOT_COMPLETED:
        break;
    }
    const struct partial *before = own(call, wanted.id);
    if (before != NULL) {
        reply_made_before(call, before, &wanted);
        return;
    }
    struct reading reading;
    if (!reading_open(&reading, call) || !storage_has_room(&reading, wanted.size)) {
        return;
    }
    reading_close(&reading);
    enum err_code code = partials_create(call->api->partials, &wanted, created_cb, call, &err);
    if (code != ERR_OK) {
        call_refuse(call, &err);
    } else {
        call->awaiting = true;
    }
}

/* ── a piece ───────────────────────────────────────────────────────────────────────────────────── */

struct sending {
    struct call *call;
    struct partial_writer *writer; /* NULL once it is finishing */
    uint64_t left;                 /* bytes that may still come */
    bool paused;
    bool too_long;
};

static void finish_piece(struct sending *sending)
{
    struct partial_writer *writer = sending->writer;
    sending->writer = NULL;
    sending->call->awaiting = true;
    partial_writer_finish(writer);
}

static void room_cb(void *ctx)
{
    struct sending *sending = ctx;
    if (sending->paused && sending->writer != NULL && sending->call->request != NULL) {
        sending->paused = false;
        http_request_resume(sending->call->request);
    }
}

static void piece_done_cb(void *ctx, struct partial *partial, enum err_code code,
                          const struct err *err)
{
    struct sending *sending = ctx;
    struct call *call = sending->call;
    sending->writer = NULL;
    call->awaiting = false;
    call->on_abort = NULL;
    if (call->request == NULL) {
        call_free(call);
    } else if (code == ERR_FULL) {
        refuse(call, partial, 507, "disk_full",
               "the disk is full; what Upload-Offset says is kept, go on from there later");
    } else if (code != ERR_OK) {
        call_refuse(call, err);
    } else if (sending->too_long) {
        refuse(call, partial, 413, "piece_too_long", "the piece goes past the upload's size");
    } else {
        reply_partial(call, 200, partial);
    }
}

/* The sender has gone: what came is kept. */
static void abort_cb(struct call *call)
{
    struct sending *sending = call->state;
    finish_piece(sending);
}

static void data_cb(void *ctx, struct http_request *request, struct bytes bytes)
{
    struct sending *sending = ctx;
    if (sending->writer == NULL) {
        return;
    }
    sending->too_long = bytes.size > sending->left;
    if (sending->too_long) {
        http_request_pause(request);
        finish_piece(sending);
        return;
    }
    sending->left -= bytes.size;
    if (!partial_writer_write(sending->writer, bytes) && !sending->paused) {
        sending->paused = true;
        http_request_pause(request);
    }
}

static void end_cb(void *ctx, struct http_request *request)
{
    struct sending *sending = ctx;
    (void)request;
    if (sending->writer != NULL) {
        finish_piece(sending);
    }
}

static bool is_piece(const char *type)
{
    static const char *const TYPES[] = {"application/partial-upload", "application/octet-stream"};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        size_t size = strlen(TYPES[i]);
        if (type != NULL && strncasecmp(type, TYPES[i], size) == 0 &&
            (type[size] == '\0' || type[size] == ';' || type[size] == ' ')) {
            return true;
        }
    }
    return false;
}

/* Whether this request may write to it now. */
static bool check_piece(struct call *call, const struct partial *partial, bool of_running_job)
{
    const struct http_head *head = http_request_head(call->request);
    const char *text = http_head_header(head, "upload-offset");
    uint64_t offset;
    char detail[160];
    if (partial->is_busy) {
        refuse(call, partial, 409, "upload_busy",
               "another request sends to this upload or completes it; ask for its offset again");
    } else if (!is_piece(http_head_header(head, "content-type"))) {
        call_problem(call, 415, "media_type",
                     "a piece is application/partial-upload or application/octet-stream");
    } else if (text == NULL || u64_parse(bytes_of_text(text), &offset, NULL) != ERR_OK) {
        call_problem(call, 422, "upload_offset_missing",
                     "Upload-Offset says at which byte the piece begins, as GET does");
    } else if (offset != partial->offset) {
        (void)snprintf(detail, sizeof detail, "the next piece begins at byte %" PRIu64,
                       partial->offset);
        refuse(call, partial, 409, "upload_offset", detail);
    } else if (head->content_length > 0 &&
               (uint64_t)head->content_length > partial->size - partial->offset) {
        (void)snprintf(detail, sizeof detail,
                       "the upload has %" PRIu64 " bytes, %" PRIu64 " are missing", partial->size,
                       partial->size - partial->offset);
        refuse(call, partial, 413, "piece_too_long", detail);
    } else {
        return of_running_job ? resumable_is_writable(call) : takes_writes(call);
    }
    return false;
}

void resumable_read_piece(struct call *call, struct partial *partial, bool of_running_job)
{
    struct err err = {0};
    if (!check_piece(call, partial, of_running_job)) {
        return;
    }
    struct sending *sending = arena_alloc(&call->arena, sizeof *sending);
    if (sending == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *sending = (struct sending){.call = call, .left = partial->size - partial->offset};
    const struct partial_piece piece = {
        .ctx = sending, .on_room = room_cb, .on_done = piece_done_cb};
    if (partial_writer_create(call->api->partials, partial, &piece, &sending->writer, &err) !=
        ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    call->state = sending;
    call->on_abort = abort_cb;
    const struct http_body_stream stream = {.on_data = data_cb, .on_end = end_cb, .ctx = sending};
    http_request_stream_body(call->request, &stream);
}

static void patch_resumable(struct call *call)
{
    struct partial *partial = own(call, call->id);
    if (partial == NULL) {
        reply_missing(call);
    } else {
        resumable_read_piece(call, partial, false);
    }
}

/* ── the end ───────────────────────────────────────────────────────────────────────────────────── */

struct completing {
    struct upload_receive receive; /* first: it is call->state */
    struct partial *partial;
    bool has_digest;
    struct key32 digest; /* that the sender expects */
};

/* However the call ends: taken by the log, or as it was. */
static void give_back(struct call *call)
{
    struct completing *completing = call->state;
    if (call->answer.code == ERR_OK && call->answer.last != 0) {
        partials_remove(call->api->partials, completing->partial);
    } else {
        completing->partial->is_busy = false;
    }
}

static enum err_code inspect(struct blob_body *body, struct blob_inspection *inspection,
                             struct err *err)
{
    const struct completing *completing = (const struct completing *)body;
    char hex[65];
    if (completing->has_digest && !key_equal(completing->digest, inspection->blob.digest)) {
        hex_encode(bytes_of(inspection->blob.digest.b, sizeof inspection->blob.digest.b), hex);
        return err_set(err, ERR_INVALID,
                       "digest_mismatch: what was received has the SHA-256 %s; delete the upload "
                       "and send it again",
                       hex);
    }
    return upload_analyse(body, inspection, err);
}

/* `ret_has`: whether one was said. False: the problem was sent. */
static bool read_digest(struct call *call, bool *ret_has, struct key32 *ret)
{
    struct fields fields = fields_of(call);
    struct bytes const hex = fields_optional_text(&fields, "digest", 64);
    if (!fields_good(&fields)) {
        return false;
    }
    *ret_has = hex.data != NULL;
    if (*ret_has && hex_decode(hex, ret->b, sizeof ret->b, NULL) != ERR_OK) {
        call_problem(call, 422, "parameter_invalid", "digest is a SHA-256 in 64 hex digits");
        return false;
    }
    return true;
}

static void complete(struct call *call, struct partial *partial, const struct key32 *digest)
{
    char path[PATH_MAX];
    struct completing *completing = arena_alloc(&call->arena, sizeof *completing);
    if (completing == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    upload_receive_init(&completing->receive, call, partial->size);
    completing->partial = partial;
    completing->has_digest = digest != NULL;
    completing->digest = digest != NULL ? *digest : (struct key32){0};
    completing->receive.command_id = completing_command(call, partial->id);
    struct blob_body *body = &completing->receive.body;
    body->inspect = inspect;
    body->size = partial->size;
    body->file_name = arena_copy(&call->arena, bytes_of_text(partial->file_name));
    body->media_type = arena_copy(&call->arena, bytes_of_text(partial->media_type));
    body->entry = arena_copy(&call->arena, bytes_of_text(partial->entry));
    partial->is_busy = true;
    call->state = completing;
    call->on_free = give_back;
    partial_path(call->api->partials, partial, path);
    blob_body_take(body, path);
}

static void post_complete(struct call *call)
{
    struct id16 upload_id;
    struct key32 digest;
    bool has_digest;
    char detail[160];
    if (!read_digest(call, &has_digest, &digest)) {
        return;
    }
    switch (find_completed(call, call->id, &upload_id)) {
    case CALL_IS_GONE:
        return;
    case COMPLETED:
        call->id = upload_id;
        upload_reply(call, 201);
        return;
    case NOT_COMPLETED:
        break;
    }
    struct partial *partial = own(call, call->id);
    if (partial == NULL) {
        reply_missing(call);
    } else if (partial->is_busy) {
        refuse(call, partial, 409, "upload_busy",
               "another request sends to this upload or completes it; ask for its offset again");
    } else if (partial->offset < partial->size) {
        (void)snprintf(detail, sizeof detail, "%" PRIu64 " of %" PRIu64 " bytes are here",
                       partial->offset, partial->size);
        refuse(call, partial, 409, "upload_incomplete", detail);
    } else if (takes_writes(call)) {
        complete(call, partial, has_digest ? &digest : NULL);
    }
}

static void delete_resumable(struct call *call)
{
    struct partial *partial = own(call, call->id);
    if (partial == NULL) {
        reply_missing(call);
    } else if (partial->is_busy) {
        refuse(call, partial, 409, "upload_busy",
               "another request sends to this upload or completes it; ask for its offset again");
    } else {
        partials_remove(call->api->partials, partial);
        call_respond(call, &(struct http_response){.status = 204});
    }
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/uploads/resumable", SCOPE_CONSUMER, BODY_JSON, post_resumable},
    {HTTP_GET, "/v1/uploads/resumable/{id}", SCOPE_CONSUMER, BODY_NONE, get_resumable},
    {HTTP_PATCH, "/v1/uploads/resumable/{id}", SCOPE_CONSUMER, BODY_STREAM, patch_resumable},
    {HTTP_DELETE, "/v1/uploads/resumable/{id}", SCOPE_CONSUMER, BODY_NONE, delete_resumable},
    {HTTP_POST, "/v1/uploads/resumable/{id}/complete", SCOPE_CONSUMER, BODY_JSON, post_complete},
};
const struct route_table ROUTES_RESUMABLE = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
