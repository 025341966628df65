// SPDX-License-Identifier: Apache-2.0
#include "api/call.h"

#include "api/blobs.h"
#include "api/encoding.h"
#include "api/route.h"
#include "core/base/driver_version.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/net/http_problem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MAGIC 0x7A11CA11U
#define CALL_ARENA_MAX ((size_t)8 << 20)
#define REPLY_MAX ((size_t)32 << 20)
#define REAL_DIGITS 15 /* of an analysis: what a double keeps, so that 0.382 stays 0.382 */

static struct call *call_of(void *ctx)
{
    struct call *call = ctx;
    INVARIANT(call->magic == CALL_MAGIC);
    return call;
}

static void abort_cb(void *ctx, struct http_request *request, enum err_code why)
{
    struct call *call = call_of(ctx);
    (void)request;
    (void)why;
    call->request = NULL;
    if (call->awaiting) {
        return; /* the ledger still holds the command */
    }
    if (call->on_abort != NULL) {
        call->on_abort(call);
    } else {
        call_free(call);
    }
}

struct call *call_create(struct api *api, struct http_request *request, const struct route *route)
{
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    call->magic = CALL_MAGIC;
    call->api = api;
    call->request = request;
    call->route = route;
    arena_init(&call->arena, CALL_ARENA_MAX);
    http_request_on_abort(request, abort_cb, call);
    return call;
}

void call_free(struct call *call)
{
    INVARIANT(!call->awaiting);
    blob_hold_release(call->hold, BLOB_REFUSED); /* nothing was written, or it would be settled */
    if (call->on_free != NULL) {
        call->on_free(call);
    }
    in_flight_remove(&call->in_flight);
    json_decref(call->body);
    arena_deinit(&call->arena);
    call->magic = 0;
    free(call);
}

struct http_request *call_take_request(struct call *call)
{
    struct http_request *request = call->request;
    http_request_on_abort(request, NULL, NULL);
    call->request = NULL;
    call_free(call);
    return request;
}

/* ── replies ───────────────────────────────────────────────────────────────────────────────────── */

/* A view that can be asked for again: tag it, leave it out if the client has it, compress it if that pays. `known`: its tag, or NULL. */
static void encode(struct call *call, struct http_response *response, struct http_field *headers,
                   const char *known, char tag[ENCODING_TAG_SIZE], struct buf *packed)
{
    const struct http_head *head = http_request_head(call->request);
    bool reads = head->method == HTTP_GET || head->method == HTTP_HEAD;
    if (!reads || response->status != 200 || response->content_type == NULL ||
        strcmp(response->content_type, "application/json") != 0) {
        return;
    }
    if (known == NULL) {
        encoding_tag(response->body, tag);
    } else {
        memcpy(tag, known, ENCODING_TAG_SIZE);
    }
    headers[response->header_count++] = (struct http_field){"ETag", tag};
    if (encoding_tag_matches(http_head_header(head, "if-none-match"), tag)) {
        response->status = 304;
        return;
    }
    /* A strong tag is of these very bytes. */
    if (tag[0] == '"' || response->body.size < ENCODING_GZIP_MIN ||
        response->body.size > ENCODING_GZIP_MAX) {
        return;
    }
    headers[response->header_count++] = (struct http_field){"Vary", "Accept-Encoding"};
    if (encoding_takes_gzip(http_head_header(head, "accept-encoding")) &&
        encoding_gzip(response->body, packed)) {
        headers[response->header_count++] = (struct http_field){"Content-Encoding", "gzip"};
        response->body = buf_bytes(packed);
    }
}

static void send_reply(struct call *call, int status, const char *content_type, struct bytes body,
                       const char *known_tag)
{
    char sequence[24];
    char retry_after[24];
    char tag[ENCODING_TAG_SIZE];
    struct http_field headers[6];
    size_t count = 0;
    if (call->request == NULL) {
        call_free(call);
        return;
    }
    struct buf problem;
    buf_init(&problem, 4096);
    if (call->read_err.code != ERR_OK) { /* what cannot be read looks like what is not there */
        trace_err(TRACE_ERROR, "call.unreadable", &call->read_err);
        http_problem_append(&problem, 503, "unreadable",
                            "what the answer is made of cannot be read now; try again",
                            http_request_id(call->request));
        status = 503;
        content_type = HTTP_PROBLEM_TYPE;
        body = buf_bytes(&problem);
    }
    if (call->answer.last != 0) {
        (void)snprintf(sequence, sizeof sequence, "%" PRIu64, call->answer.last);
        headers[count++] = (struct http_field){"Tally-Sequence", sequence};
    }
    if (call->answer.replayed) {
        headers[count++] = (struct http_field){"Idempotent-Replayed", "true"};
    }
    /* What is busy or away may be back soon; whoever did too much is told how long it takes, or nothing. */
    unsigned const wait_s = call->retry_after_s != 0 ? call->retry_after_s : status == 503 ? 1 : 0;
    if ((status == 503 || status == 429) && wait_s != 0) {
        (void)snprintf(retry_after, sizeof retry_after, "%u", wait_s);
        headers[count++] = (struct http_field){"Retry-After", retry_after};
    }
    struct http_response response = {
        .status = status,
        .content_type = content_type,
        .headers = headers,
        .header_count = count,
        .body = body,
    };
    struct buf packed;
    buf_init(&packed, ENCODING_GZIP_MAX);
    encode(call, &response, headers, known_tag, tag, &packed);
    http_respond(call->request, &response);
    buf_deinit(&packed);
    buf_deinit(&problem);
    call_free(call);
}

char *call_json_text(json_t *json)
{
    char *text =
        json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(json);
    return text;
}

void call_reply(struct call *call, int status, json_t *json)
{
    char *text = call_json_text(json);
    if (text == NULL) {
        call_problem(call, 500, "internal", "the answer could not be rendered");
        return;
    }
    send_reply(call, status, "application/json", bytes_of_text(text), NULL);
    free(text);
}

void call_reply_text(struct call *call, int status, const char *content_type, struct bytes text)
{
    send_reply(call, status, content_type, text, NULL);
}

void call_reply_tagged(struct call *call, struct bytes json, const char *tag)
{
    send_reply(call, 200, "application/json", json, tag);
}

void call_respond(struct call *call, const struct http_response *response)
{
    struct http_request *request = call->request;
    call->request = NULL;
    http_respond(request, response);
    call_free(call);
}

void call_problem(struct call *call, int status, const char *code, const char *format, ...)
{
    char detail[512];
    struct buf body;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    buf_init(&body, 4096);
    http_problem_append(&body, status, code, detail,
                        call->request == NULL ? NULL : http_request_id(call->request));
    send_reply(call, status, HTTP_PROBLEM_TYPE, buf_bytes(&body), NULL);
    buf_deinit(&body);
}

int call_status_of(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return 200;
    case ERR_INVALID:
    case ERR_OVERFLOW:
        return 422;
    case ERR_TOO_LARGE:
        return 413;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_DENIED:
        return 403;
    case ERR_BUSY:
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    case ERR_FULL:
        return 507;
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_NOMEM:
    case ERR_INTERNAL:
        return 500;
    }
    return 500;
}

/* "quote_expired: this quote …" → code and detail. */
void call_refuse(struct call *call, const struct err *err)
{
    char word[48];
    const char *colon = strchr(err->message, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - err->message);
    int status = call_status_of(err->code);
    bool is_word = size > 0 && size < sizeof word && colon[1] == ' ' &&
                   strspn(err->message, "abcdefghijklmnopqrstuvwxyz_") == size;
    if (status == 500) {
        trace_err(TRACE_ERROR, "call.failed", err);
        call_problem(call, 500, "internal", "this is our fault; nothing was written");
        return;
    }
    if (!is_word) {
        call_problem(call, status, err_code_name(err->code), "%s", err->message);
        return;
    }
    memcpy(word, err->message, size);
    word[size] = '\0';
    if (strcmp(word, "idempotency_mismatch") == 0) {
        status = 422;
    } else if (strcmp(word, "precondition_failed") == 0) {
        status = 412;
    } else if (strcmp(word, "too_many_refunds") == 0 || strcmp(word, "too_many_unpaid") == 0 ||
               strcmp(word, "too_many_unfinished") == 0) {
        status = 429;
    }
    call->retry_after_s = err->retry_after_s;
    call_problem(call, status, word, "%s", colon + 2);
}

/* ── writing ───────────────────────────────────────────────────────────────────────────────────── */

/* The key without its optional quotes; empty if the header is missing. */
static struct bytes idempotency_key(const struct http_head *head)
{
    const char *value = http_head_header(head, "idempotency-key");
    size_t size = value == NULL ? 0 : strlen(value);
    if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        value++;
        size -= 2;
    }
    return bytes_of(value, size);
}

bool call_key_is_good(const struct http_head *head)
{
    size_t size = idempotency_key(head).size;
    return http_head_header(head, "idempotency-key") == NULL || (size > 0 && size <= CALL_KEY_MAX);
}

static enum actor_kind actor_kind_of(const struct principal *principal)
{
    bool is_operator =
        (principal->scopes & SCOPE_OPERATOR) != 0 && id_is_zero(principal->account_id);
    return !id_is_zero(principal->host_id) ? ACTOR_HOST
           : is_operator                   ? ACTOR_OPERATOR
                                           : ACTOR_ACCOUNT;
}

static struct id16 actor_id_of(const struct principal *principal)
{
    return id_is_zero(principal->host_id) ? principal->account_id : principal->host_id;
}

/* What a key stands for: one command of this actor on this route. */
static struct id16 id_of_key(const struct call *call, struct bytes key)
{
    struct id16 id;
    struct buf named;
    struct id16 actor_id = actor_id_of(&call->principal);
    buf_init(&named, 4096);
    buf_append(&named, actor_id.b, sizeof actor_id.b);
    buf_printf(&named, "%s %s\n", http_method_name(http_request_head(call->request)->method),
               call->route->pattern);
    buf_append_bytes(&named, key);
    struct key32 digest = sha256_of(buf_bytes(&named));
    memcpy(id.b, digest.b, sizeof id.b);
    buf_deinit(&named);
    return id;
}

bool call_key_take(struct call *call)
{
    const struct http_head *head = http_request_head(call->request);
    struct bytes key = idempotency_key(head);
    return key.size == 0 || head->method == HTTP_GET || head->method == HTTP_HEAD ||
           in_flight_add(call->api->in_flight, &call->in_flight, id_of_key(call, key));
}

void call_command(struct call *call, enum command_type type)
{
    struct command *command = &call->command;
    const struct http_head *head = http_request_head(call->request);
    struct bytes key = idempotency_key(head);
    *command = (struct command){.type = type, .command_id = id_new(time_wall_ns())};
    command->actor_kind = actor_kind_of(&call->principal);
    command->actor_id = actor_id_of(&call->principal);
    if (key.size == 0) {
        return;
    }
    command->command_id = id_of_key(call, key);
    struct buf line;
    buf_init(&line, 16384);
    buf_printf(&line, "%s %s\n", http_method_name(head->method), head->path);
    command->fingerprint = sha256_of_two(buf_bytes(&line), call->raw_body);
    buf_deinit(&line);
}

/* Writer thread. */
static void answer_cb(void *ctx, const struct ledger_answer *answer)
{
    struct call *call = ctx;
    call->answer = *answer;
    api_post_answered(call->api, call);
}

void call_submit(struct call *call, enum command_class class, void (*on_answered)(struct call *))
{
    call_submit_or(call, class, on_answered, NULL);
}

void call_submit_or(struct call *call, enum command_class class, void (*on_answered)(struct call *),
                    void (*on_refused)(struct call *))
{
    struct err err = {0};
    call->on_answered = on_answered;
    call->on_refused = on_refused;
    call->awaiting = true;
    enum err_code code =
        ledger_submit(call->api->ledger, &call->command, class, answer_cb, call, &err);
    if (code != ERR_OK) {
        call->awaiting = false;
        call_refuse(call, &err);
    }
}

bool call_made_id(struct call *call, struct id16 *ret)
{
    struct log_reader *reader;
    struct bytes record;
    struct record_header header;
    bool found = false;
    if (log_reader_open(ledger_log(call->api->ledger), &reader, NULL) == ERR_OK) {
        if (log_reader_record(reader, call->answer.first, &record, NULL) == ERR_OK &&
            record_header_decode(record, &header, NULL) == ERR_OK) {
            *ret = header.stream_id;
            found = true;
        }
        log_reader_close(reader);
    }
    if (!found) {
        call_problem(call, 500, "internal", "the accepted command could not be read back");
    }
    return found;
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────────── */

bool reading_open(struct reading *reading, struct call *call)
{
    struct err err = {0};
    *reading = (struct reading){.api = call->api, .call = call, .arena = &call->arena};
    /* Views first: everything they show is in the log by then. */
    enum err_code code =
        views_snapshot_open(ledger_views(call->api->ledger), &reading->snapshot, &err);
    if (code == ERR_OK) {
        code = log_reader_open(ledger_log(call->api->ledger), &reading->log, &err);
    }
    if (code != ERR_OK) {
        reading_close(reading);
        call_refuse(call, &err);
        return false;
    }
    reading->store = views_snapshot_store(reading->snapshot);
    return true;
}

void reading_close(struct reading *reading)
{
    struct err err;
    if (reading->store != NULL && store_check(reading->store, &err) != ERR_OK) {
        reading->call->read_err = err;
    }
    log_reader_close(reading->log);
    views_snapshot_close(reading->snapshot);
    reading->log = NULL;
    reading->snapshot = NULL;
    reading->store = NULL;
}

bool reading_event(struct reading *reading, uint64_t sequence, struct event *ret)
{
    struct bytes record;
    struct bytes part;
    struct err err;
    if (sequence == 0 || sequence > log_reader_size(reading->log)) {
        return false;
    }
    if (log_reader_record(reading->log, sequence, &record, &err) != ERR_OK) {
        reading->call->read_err = err;
        return false;
    }
    if (record_decode(record, reading->arena, ret, NULL) != ERR_OK) {
        return false;
    }
    if (log_reader_private(reading->log, sequence, &part) && part.size > PRIVATE_SALT_SIZE) {
        struct bytes body = bytes_from(part, PRIVATE_SALT_SIZE);
        return private_decode(body, reading->arena, ret, NULL) == ERR_OK;
    }
    return true;
}

/* ── JSON ──────────────────────────────────────────────────────────────────────────────────────── */

json_t *json_of_id(struct id16 id)
{
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    return id_is_zero(id) ? json_null() : json_string(text);
}

json_t *json_of_identity(struct key32 key)
{
    char text[QUBIC_TEXT_SIZE];
    API_NAMES.identity(key, text);
    return key_is_zero(key) ? json_null() : json_string(text);
}

json_t *json_of_transaction(struct key32 hash)
{
    char text[QUBIC_TEXT_SIZE];
    API_NAMES.transaction(hash, text);
    return key_is_zero(hash) ? json_null() : json_string(text);
}

json_t *json_of_hash(struct key32 hash)
{
    char text[65];
    hex_encode(bytes_of(hash.b, sizeof hash.b), text);
    return key_is_zero(hash) ? json_null() : json_string(text);
}

json_t *json_of_time(int64_t wall_ns)
{
    char text[TIME_TEXT_SIZE];
    time_format(wall_ns, text);
    return wall_ns == 0 ? json_null() : json_string(text);
}

json_t *json_of_text(struct bytes text)
{
    return json_stringn(text.size == 0 ? "" : (const char *)text.data, text.size);
}

json_t *json_of_driver(uint64_t version)
{
    char text[DRIVER_VERSION_TEXT_SIZE] = "";
    if (version != 0 && version <= DRIVER_VERSION_MAX) {
        driver_version_format(version, text);
    }
    return json_string(text);
}

json_t *json_of_u64(uint64_t value)
{
    return json_integer((json_int_t)value);
}
