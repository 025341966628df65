/* Result files in pieces, that go on where they were broken off: for what is too large to be sent again from its beginning.
 *
 *     POST …/results/{name} with size and digest ─┬─ {"offset"}: PATCH from there, as often as need be, and POST again
 *                                                 └─ {"stored"}: all of it is here, hashed, and in the log
 *
 * Which:   an unfinished file is named by the first 16 bytes of SHA-256("tallystick result in pieces v1\n" ‖ host ‖ job ‖ attempt u64 big-endian ‖ digest ‖
 *          size u64 big-endian ‖ name): so what was sent of one content is never the beginning of another. The command that stores it has the same id,
 *          forever, and the log answers whether it is stored, whenever and however often that is asked.
 * Room:    a machine sends one file after the other, so beginning one drops what it left of another. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/partials.h"
#include "api/presence.h"
#include "api/results.h"
#include "api/resumable.h"
#include "api/route.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"

#include <inttypes.h>
#include <string.h>

struct declared { /* in the call's arena; what the machine says of the file */
    struct blob_body body;
    struct result_room room;
    struct partial *partial;
    struct key32 digest;
    uint64_t size;
    struct id16 id;
};

static void reply(struct call *call, const struct declared *file, uint64_t offset, bool stored)
{
    call_reply(call, 200,
               json_pack("{s:b,s:I,s:I,s:o}", "stored", stored, "offset", (json_int_t)offset,
                         "size", (json_int_t)file->size, "digest", json_of_hash(file->digest)));
}

static struct id16 name_of(const struct call *call, uint64_t attempt, const struct declared *file)
{
    uint8_t numbers[16];
    struct id16 id;
    struct sha256 *hash = sha256_create();
    if (hash == NULL) {
        return (struct id16){0};
    }
    put_be64(numbers, attempt);
    put_be64(numbers + 8, file->size);
    sha256_update(hash, bytes_of_text("tallystick result in pieces v1\n"));
    sha256_update(hash, bytes_of(call->principal.host_id.b, sizeof id.b));
    sha256_update(hash, bytes_of(call->id.b, sizeof id.b));
    sha256_update(hash, bytes_of(numbers, 8));
    sha256_update(hash, bytes_of(file->digest.b, sizeof file->digest.b));
    sha256_update(hash, bytes_of(numbers + 8, 8));
    sha256_update(hash, bytes_of_text(call->rest));
    struct key32 const found = sha256_final(hash);
    sha256_destroy(hash);
    memcpy(id.b, found.b, sizeof id.b);
    return id;
}

/* The machine's own, or NULL. */
static struct partial *find(const struct call *call, struct id16 id)
{
    struct partial *partial = partials_find(call->api->partials, id);
    return partial != NULL && id_equal(partial->account_id, call->principal.host_id) ? partial
                                                                                     : NULL;
}

/* ── the end ───────────────────────────────────────────────────────────────────────────────────── */

static void stored(struct call *call)
{
    const struct declared *file = call->state;
    reply(call, file, file->size, true);
}

/* However the call ends: taken by the log, or as it was. */
static void give_back(struct call *call)
{
    const struct declared *file = call->state;
    results_give_back(call, &file->room);
    if (call->answer.code == ERR_OK && call->answer.last != 0) {
        partials_remove(call->api->partials, file->partial);
    } else {
        file->partial->is_busy = false;
    }
}

static enum err_code inspect(struct blob_body *body, struct blob_inspection *inspection,
                             struct err *err)
{
    const struct declared *file = (const struct declared *)body;
    return key_equal(file->digest, inspection->blob.digest)
               ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "digest_mismatch: what was received has another SHA-256; send the whole "
                         "file with PUT");
}

static void blob_refused(struct blob_body *body, const struct blob *blob, const struct err *err)
{
    (void)blob;
    call_refuse(body->call, err);
}

static void blob_made(struct blob_body *body, const struct blob *blob)
{
    const struct declared *file = (const struct declared *)body;
    results_command(body, blob);
    body->call->command.command_id = file->id;
    body->call->command.fingerprint = (struct key32){0}; /* it stands for this content alone */
    call_submit(body->call, CLASS_REPORT, stored);
}

static void complete(struct call *call, struct declared *file, uint64_t stored_before)
{
    char path[PATH_MAX];
    if (!results_promise(call, &file->room, stored_before, file->size)) {
        return;
    }
    file->body = (struct blob_body){
        .call = call,
        .size = file->size,
        .size_max = file->size,
        .too_large = "result_too_large",
        .inspect = inspect,
        .on_blob = blob_made,
        .on_refused = blob_refused,
        .file_name = bytes_of_text(call->rest),
    };
    file->partial->is_busy = true;
    call->state = file;
    call->on_free = give_back;
    partial_path(call->api->partials, file->partial, path);
    blob_body_take(&file->body, path);
}

/* ── the beginning ─────────────────────────────────────────────────────────────────────────────── */

static void created_cb(void *ctx, struct partial *partial, enum err_code code,
                       const struct err *err)
{
    struct call *call = ctx;
    (void)partial;
    call->awaiting = false;
    if (call->request == NULL) {
        call_free(call);
    } else if (code != ERR_OK) {
        call_refuse(call, err);
    } else {
        reply(call, call->state, 0, false);
    }
}

static void drop_others(struct call *call)
{
    struct partial *at = partials_first(call->api->partials);
    while (at != NULL) {
        struct partial *next = at->next;
        if (id_equal(at->account_id, call->principal.host_id) && !at->is_busy) {
            partials_remove(call->api->partials, at);
        }
        at = next;
    }
}

static void begin(struct call *call, struct declared *file)
{
    static char none[] = "";
    char job_id[ID_TEXT_SIZE];
    struct err err = {0};
    char *name = arena_text(&call->arena, bytes_of_text(call->rest));
    struct partial const wanted = {.id = file->id,
                                   .account_id = call->principal.host_id,
                                   .size = file->size,
                                   .file_name = name,
                                   .media_type = none,
                                   .entry = job_id};
    id_format(call->id, job_id);
    if (name == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    if (!resumable_is_writable(call)) {
        return;
    }
    drop_others(call);
    call->state = file;
    enum err_code const code =
        partials_create(call->api->partials, &wanted, created_cb, call, &err);
    if (code == ERR_OK) {
        call->awaiting = true;
    } else if (code == ERR_BUSY) { /* not 503: whole it can be sent at once */
        call_problem(call, 409, "no_room_for_pieces",
                     "there is no room for unfinished files now; send the whole file with PUT");
    } else {
        call_refuse(call, &err);
    }
}

static bool check_size(struct call *call, const struct declared *file,
                       const struct result_facts *facts)
{
    uint64_t const left =
        facts->stored < JOB_RESULTS_SIZE_MAX ? JOB_RESULTS_SIZE_MAX - facts->stored : 0;
    if (file->size > facts->file_max) {
        call_problem(call, 413, "result_too_large", "a file has at most %" PRIu64 " bytes",
                     facts->file_max);
    } else if (file->size > left) {
        call_problem(call, 413, "results_too_large",
                     "a job's result files have at most %" PRIu64 " bytes together; %" PRIu64
                     " are left",
                     JOB_RESULTS_SIZE_MAX, left);
    } else {
        return true;
    }
    return false;
}

static void declare(struct call *call)
{
    struct reading reading;
    struct result_facts facts;
    uint64_t first;
    uint64_t count;
    struct fields fields = fields_of(call);
    struct declared *file = arena_alloc(&call->arena, sizeof *file);
    if (file == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *file = (struct declared){0};
    file->size = fields_u64(&fields, "size", 1, INT64_MAX);
    fields_hex(&fields, "digest", file->digest.b, sizeof file->digest.b);
    if (!fields_good(&fields) || !results_begin(call, &reading, &facts)) {
        return;
    }
    file->id = name_of(call, facts.attempt, file);
    bool const is_stored = state_command(reading.store, file->id, &first, &count);
    reading_close(&reading);
    presence_heard(call->api->presence, call->principal.host_id);
    file->partial = find(call, file->id);
    if (id_is_zero(file->id)) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
    } else if (is_stored) {
        reply(call, file, file->size, true);
    } else if (file->partial == NULL) {
        if (check_size(call, file, &facts)) {
            begin(call, file);
        }
    } else if (file->partial->is_busy) {
        call_problem(call, 429, "results_on_their_way",
                     "another request sends this file; ask again when it has ended");
    } else if (file->partial->offset < file->size) {
        reply(call, file, file->partial->offset, false);
    } else {
        complete(call, file, facts.stored);
    }
}

/* ── a piece ───────────────────────────────────────────────────────────────────────────────────── */

/* Of the one file that the machine has begun under this name. */
static void send_piece(struct call *call)
{
    struct reading reading;
    struct result_facts facts;
    char job_id[ID_TEXT_SIZE];
    if (!results_begin(call, &reading, &facts)) {
        return;
    }
    reading_close(&reading);
    id_format(call->id, job_id);
    presence_heard(call->api->presence, call->principal.host_id);
    for (struct partial *at = partials_first(call->api->partials); at != NULL; at = at->next) {
        if (id_equal(at->account_id, call->principal.host_id) &&
            strcmp(at->file_name, call->rest) == 0 && strcmp(at->entry, job_id) == 0) {
            resumable_read_piece(call, at, true);
            return;
        }
    }
    call_problem(call, 409, "result_not_begun",
                 "say size and digest of the file first, by POST; its answer says where to go on");
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/workers/jobs/{id}/results/{tail}", SCOPE_WORKER, BODY_JSON, declare},
    {HTTP_PATCH, "/v1/workers/jobs/{id}/results/{tail}", SCOPE_WORKER, BODY_STREAM, send_piece},
};
const struct route_table ROUTES_RESULT_PIECES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
