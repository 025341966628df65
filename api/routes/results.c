/* Files on their way between machines and people: a job's input to its host, result files from it, and to whom they belong. */
// SPDX-License-Identifier: Apache-2.0
#include "api/results.h"
#include "api/blob_body.h"
#include "api/presence.h"
#include "api/route.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "projections/job_output.h"
#include "projections/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void no_job(struct call *call, const char *whose)
{
    call_problem(call, 404, "no_such_job", "%s no such job", whose);
}

/* ── a file as an answer ───────────────────────────────────────────────────────────────────────── */

/* RFC 6266: a plain name for old clients, the exact one in UTF-8. */
static void append_disposition(struct buf *buf, struct bytes name)
{
    const char *safe = "-_.";
    buf_append_text(buf, "attachment; filename=\"");
    for (size_t i = 0; i < name.size; i++) {
        char c = (char)name.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     strchr(safe, c) != NULL;
        buf_append_byte(buf, (uint8_t)(plain ? c : '_'));
    }
    buf_append_text(buf, "\"; filename*=UTF-8''");
    for (size_t i = 0; i < name.size; i++) {
        char c = (char)name.data[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr(safe, c) != NULL) {
            buf_append_byte(buf, (uint8_t)c);
        } else {
            buf_printf(buf, "%%%02X", name.data[i]);
        }
    }
}

static void reply_blob(struct call *call, struct bytes path, struct key32 digest)
{
    struct err err = {0};
    uint64_t size = 0;
    int fd = -1;
    char etag[68] = "\"";
    struct buf disposition;
    if (blobs_open_read(call->api->blobs, digest, &fd, &size, &err) != ERR_OK) {
        if (err.code == ERR_NOT_FOUND) {
            call_problem(call, 410, "file_gone",
                         "the log knows this file, but it is not stored here any more");
        } else {
            call_refuse(call, &err);
        }
        return;
    }
    struct bytes name = path;
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] == '/') {
            name = bytes_from(path, i + 1);
        }
    }
    buf_init(&disposition, 2048);
    append_disposition(&disposition, name);
    hex_encode(bytes_of(digest.b, sizeof digest.b), etag + 1);
    etag[65] = '"';
    etag[66] = '\0';
    const struct http_field headers[] = {
        {"Content-Disposition", buf_text(&disposition)},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", "sandbox; default-src 'none'"},
        {"Cache-Control", "private, no-store"},
        {"ETag", etag},
    };
    struct http_response response = {
        .status = 200,
        .content_type = "application/octet-stream",
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
    };
    struct http_request *request = call->request;
    call->request = NULL;
    http_respond_file(request, &response, fd, 0, size);
    buf_deinit(&disposition);
    call_free(call);
}

/* ── the host's side ───────────────────────────────────────────────────────────────────────────── */

/* The job this machine was given and has not ended; otherwise the problem was sent. */
static bool own_job(struct call *call, struct reading *reading, struct job_row *ret)
{
    if (!state_job(reading->store, call->id, ret) ||
        !id_equal(ret->host_id, call->principal.host_id) || ret->attempt == 0) {
        reading_close(reading);
        no_job(call, "this machine has");
        return false;
    }
    if (ret->status == JOB_ENDED) {
        const char *ending = enum_word(&ending_words, (uint32_t)ret->ending);
        reading_close(reading);
        call_problem(call, 409, "job_ended", "the job ended as %s; stop the program", ending);
        return false;
    }
    if (ret->status != JOB_ASSIGNED && ret->status != JOB_RUNNING) {
        reading_close(reading);
        no_job(call, "this machine has");
        return false;
    }
    return true;
}

static void get_input(struct call *call)
{
    struct reading reading;
    struct job_row job;
    struct event event;
    if (!reading_open(&reading, call) || !own_job(call, &reading, &job)) {
        return;
    }
    bool found = reading_event(&reading, job.created_sequence, &event);
    struct key32 digest = found ? event.u.job_created.input_digest : (struct key32){0};
    struct bytes name =
        found ? arena_copy(&call->arena, event.u.job_created.file_name) : (struct bytes){0};
    reading_close(&reading);
    presence_heard(call->api->presence, call->principal.host_id);
    if (key_is_zero(digest)) {
        call_problem(call, 410, "file_gone", "the job's file was erased");
    } else {
        reply_blob(call, name, digest);
    }
}

static void result_stored(struct call *call)
{
    const struct ev_result_stored *result = &call->command.u.result.result;
    call_reply(call, 200,
               json_pack("{s:I,s:o}", "size", (json_int_t)result->size, "digest",
                         json_of_hash(result->digest)));
}

void results_command(struct blob_body *body, const struct blob *blob)
{
    struct call *call = body->call;
    /* What an Idempotency-Key stands for: this content under this name (which is in the path). */
    call->raw_body = arena_copy(&call->arena, bytes_of(blob->digest.b, sizeof blob->digest.b));
    call_command(call, COMMAND_RESULT_STORE);
    call->command.u.result = (struct command_result){
        .job_id = call->id,
        .result = {.size = blob->size, .file_name = body->file_name, .digest = blob->digest},
    };
    presence_heard(call->api->presence, call->principal.host_id);
}

static void result_blob(struct blob_body *body, const struct blob *blob)
{
    results_command(body, blob);
    call_submit(body->call, CLASS_REPORT, result_stored);
}

/* Newest last; `ret` has room for JOB_RESULTS_MAX. */
static size_t results_of(struct reading *reading, struct id16 job_id, struct result_entry *ret,
                         uint64_t *ret_total)
{
    size_t count = job_results_list(reading->store, job_id, 0, ret, JOB_RESULTS_MAX);
    *ret_total = 0;
    for (size_t i = 0; i < count; i++) {
        *ret_total += ret[i].size;
    }
    return count;
}

struct result_upload { /* in the call's arena */
    struct blob_body body;
    struct result_room room;
};

static uint64_t room_promised(const struct api *api, struct id16 job_id)
{
    uint64_t size = 0;
    for (const struct result_room *room = api->result_rooms; room != NULL; room = room->next) {
        size += id_equal(room->job_id, job_id) ? room->size : 0;
    }
    return size;
}

void results_give_back(struct call *call, const struct result_room *room)
{
    struct result_room **at = &call->api->result_rooms;
    while (*at != room) {
        at = &(*at)->next;
    }
    *at = room->next;
}

static void give_room_back(struct call *call)
{
    const struct result_upload *upload = call->state;
    results_give_back(call, &upload->room);
}

/* Room that is stored or promised to nobody. */
static uint64_t free_room(const struct call *call, uint64_t stored)
{
    uint64_t promised = room_promised(call->api, call->id);
    uint64_t left = stored < JOB_RESULTS_SIZE_MAX ? JOB_RESULTS_SIZE_MAX - stored : 0;
    return promised < left ? left - promised : 0;
}

bool results_promise(struct call *call, struct result_room *room, uint64_t stored, uint64_t size)
{
    uint64_t left = stored < JOB_RESULTS_SIZE_MAX ? JOB_RESULTS_SIZE_MAX - stored : 0;
    if (size > left) {
        call_problem(call, 413, "results_too_large",
                     "a job's result files have at most %" PRIu64 " bytes together; %" PRIu64
                     " are left",
                     JOB_RESULTS_SIZE_MAX, left);
        return false;
    }
    if (size > free_room(call, stored)) { /* there may be room again */
        call_problem(call, 429, "results_on_their_way",
                     "of the %" PRIu64 " bytes that are left for the job's result files %" PRIu64
                     " are promised to files on their way; try again when they have come",
                     left, room_promised(call->api, call->id));
        return false;
    }
    *room = (struct result_room){.next = call->api->result_rooms, .job_id = call->id, .size = size};
    call->api->result_rooms = room;
    return true;
}

/* How large the file may get, and that much of the job's room is promised. False: the problem was sent. */
static bool take_room(struct call *call, struct result_upload *upload, uint64_t stored,
                      uint64_t file_max)
{
    int64_t length = http_request_head(call->request)->content_length;
    bool is_known = length != HTTP_LENGTH_NONE || !http_request_head(call->request)->chunked;
    uint64_t size = is_known && length > 0 ? (uint64_t)length : 0;
    upload->body.size_max = file_max;
    if (size > file_max) {
        return true; /* refused with the largest file there may be */
    }
    if (!is_known) { /* as much as it can become, but at least a byte */
        uint64_t free_now = free_room(call, stored);
        size = free_now < file_max ? free_now : file_max;
        size = size == 0 ? 1 : size;
        upload->body.size_max = size;
    }
    if (!results_promise(call, &upload->room, stored, size)) {
        return false;
    }
    call->on_free = give_room_back;
    return true;
}

bool results_begin(struct call *call, struct reading *reading, struct result_facts *ret)
{
    struct job_row job;
    struct ledger_row ledger = {0};
    struct result_entry entries[JOB_RESULTS_MAX];
    if (!job_result_name_is_good(call->rest)) {
        call_problem(call, 422, "result_name",
                     "a result's name is a relative path of at most %d bytes of UTF-8 without "
                     "empty, '.' or '..' parts, backslashes and control characters",
                     JOB_RESULT_NAME_MAX);
        return false;
    }
    if (!reading_open(reading, call) || !own_job(call, reading, &job)) {
        return false;
    }
    if (job.status != JOB_RUNNING) {
        reading_close(reading);
        call_problem(call, 409, "not_running", "the job has not been started");
        return false;
    }
    (void)state_ledger(reading->store, &ledger);
    (void)results_of(reading, call->id, entries, &ret->stored);
    ret->file_max = ledger.upload_max;
    ret->attempt = job.attempt;
    return true;
}

static void put_result(struct call *call)
{
    struct reading reading;
    struct result_facts facts;
    if (!results_begin(call, &reading, &facts)) {
        return;
    }
    reading_close(&reading);
    struct result_upload *upload = arena_alloc(&call->arena, sizeof *upload);
    if (upload == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    upload->body = (struct blob_body){
        .call = call,
        .too_large = "result_too_large",
        .empty_allowed = true,
        .on_blob = result_blob,
        .file_name = bytes_of_text(call->rest),
    };
    call->state = &upload->body; /* its first member: what both of them find there */
    if (take_room(call, upload, facts.stored, facts.file_max)) {
        blob_body_read(&upload->body);
    }
}

/* ── the people's side ─────────────────────────────────────────────────────────────────────────── */

struct result_file {
    uint64_t sequence;
    uint64_t size;
    struct key32 digest;
    struct bytes name; /* in the call's arena */
    bool replaced;     /* a later one has the same name */
};

/* Result files are given out once the job's ending was one that pays the provider. The provider has them anyway. */
static bool may_see_results(struct call *call, struct reading *reading)
{
    struct job_row job;
    struct quote_row quote;
    struct id16 account_id = call->principal.account_id;
    bool is_consumer =
        state_job(reading->store, call->id, &job) && id_equal(job.account_id, account_id);
    if (!is_consumer &&
        (!state_job(reading->store, call->id, &job) || !id_equal(job.provider_id, account_id))) {
        reading_close(reading);
        no_job(call, "you have");
        return false;
    }
    bool is_paid = job.status == JOB_ENDED && state_quote(reading->store, job.quote_id, &quote) &&
                   (quote.paid_endings >> job.ending & 1) != 0;
    if (is_paid || id_equal(job.provider_id, account_id)) {
        return true;
    }
    bool has_ended = job.status == JOB_ENDED;
    reading_close(reading);
    if (has_ended) {
        call_problem(call, 403, "results_withheld",
                     "this ending paid the provider nothing, so its result files are withheld; "
                     "the output is shown");
    } else {
        call_problem(call, 403, "results_withheld",
                     "result files are given out when the job has ended");
    }
    return false;
}

static size_t read_results(struct call *call, struct reading *reading, struct result_file **ret)
{
    struct result_entry entries[JOB_RESULTS_MAX];
    uint64_t total;
    size_t known = 0;
    size_t count = results_of(reading, call->id, entries, &total);
    struct result_file *files = arena_alloc_array(&call->arena, count, sizeof *files);
    for (size_t i = 0; files != NULL && i < count; i++) {
        struct event event;
        if (!reading_event(reading, entries[i].sequence, &event) ||
            event.u.result_stored.file_name.size == 0) {
            continue; /* erased */
        }
        files[known] = (struct result_file){
            .sequence = entries[i].sequence,
            .size = entries[i].size,
            .digest = event.u.result_stored.digest,
            .name = arena_copy(&call->arena, event.u.result_stored.file_name),
        };
        for (size_t j = 0; j < known; j++) {
            if (bytes_equal(files[j].name, files[known].name)) {
                files[j].replaced = true;
            }
        }
        known++;
    }
    *ret = files;
    return known;
}

static void list_results(struct call *call)
{
    struct reading reading;
    struct result_file *files;
    if (!reading_open(&reading, call) || !may_see_results(call, &reading)) {
        return;
    }
    size_t count = read_results(call, &reading, &files);
    reading_close(&reading);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!files[i].replaced) {
            (void)json_array_append_new(
                items, json_pack("{s:o,s:I,s:o,s:o}", "name", json_of_text(files[i].name), "size",
                                 (json_int_t)files[i].size, "digest", json_of_hash(files[i].digest),
                                 "sequence", json_of_u64(files[i].sequence)));
        }
    }
    call_reply(call, 200, json_pack("{s:o,s:n}", "items", items, "next"));
}

static void get_result(struct call *call)
{
    struct reading reading;
    struct result_file *files;
    if (!reading_open(&reading, call) || !may_see_results(call, &reading)) {
        return;
    }
    size_t count = read_results(call, &reading, &files);
    reading_close(&reading);
    for (size_t i = count; i > 0; i--) {
        if (bytes_equal(files[i - 1].name, bytes_of_text(call->rest))) {
            reply_blob(call, files[i - 1].name, files[i - 1].digest);
            return;
        }
    }
    call_problem(call, 404, "no_such_result", "the job has no result file of that name");
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/workers/jobs/{id}/input", SCOPE_WORKER, BODY_NONE, get_input},
    {HTTP_PUT, "/v1/workers/jobs/{id}/results/{tail}", SCOPE_WORKER, BODY_STREAM, put_result},
    {HTTP_GET, "/v1/jobs/{id}/results", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_NONE, list_results},
    {HTTP_GET, "/v1/jobs/{id}/results/{tail}", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_NONE,
     get_result},
};
const struct route_table ROUTES_RESULTS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
