// SPDX-License-Identifier: Apache-2.0
#include "api/upload_receive.h"

#include "api/route.h"
#include "api/storage_limit.h"
#include "api/upload_json.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/net/http_problem.h"

/* ── answers ───────────────────────────────────────────────────────────────────────────────────── */

/* With the reasons of several files it is longer than other problems. */
static void reply_rejected(struct call *call, const char *reason, const char *detail)
{
    struct buf body;
    buf_init(&body, 65536);
    http_problem_append(&body, 422, reason, detail,
                        call->request == NULL ? NULL : http_request_id(call->request));
    call_reply_text(call, 422, HTTP_PROBLEM_TYPE, buf_bytes(&body));
    buf_deinit(&body);
}

void upload_reply(struct call *call, int status)
{
    struct reading reading;
    struct upload_facts facts;
    const char *detail = "";
    const char *reason = NULL;
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (upload_read(&reading, call->id, &facts)) {
        if (facts.is_rejected && call->route->method == HTTP_POST) {
            const struct ev_upload_rejected *rejected = &facts.received.u.upload_rejected;
            reason = enum_word(&reject_reason_words, rejected->reason);
            detail = arena_text(&call->arena, rejected->detail);
        } else {
            json = upload_json(&facts, call->id);
        }
    }
    reading_close(&reading);
    if (reason != NULL) {
        reply_rejected(call, reason, detail == NULL ? "" : detail);
    } else if (json == NULL) {
        call_problem(call, 404, "no_such_upload", "you have no such upload");
    } else {
        call_reply(call, status, json);
    }
}

/* ── receiving ─────────────────────────────────────────────────────────────────────────────────── */

static void reply_made(struct call *call)
{
    upload_reply(call, 201);
}

/* The upload may be an earlier request's, in a log of before both came in one command: then its analysis may have been cut off. */
static void received(struct call *call)
{
    struct reading reading;
    struct upload_row row = {0};
    const struct upload *upload = ((struct blob_body *)call->state)->state;
    if (!call_made_id(call, &call->id) || !reading_open(&reading, call)) {
        return;
    }
    bool found = state_upload(reading.store, call->id, &row);
    reading_close(&reading);
    if (!found || row.analysis_sequence != 0 || row.rejected != 0) {
        reply_made(call);
        return;
    }
    struct ledger_answer first = call->answer;
    call->command = (struct command){
        .type = COMMAND_ANALYSIS_COMPLETE,
        .command_id = id_new(time_wall_ns()),
        .actor_kind = ACTOR_LEDGER,
        .causation = first.first,
    };
    call->command.u.analysis.upload_id = call->id;
    call->command.u.analysis.analysis = upload->analysis;
    call->command.u.analysis.workload = upload->workload;
    call_submit_or(call, CLASS_CONSUMER, reply_made, reply_made);
}

/* What the fingerprint of an Idempotency-Key is over: name and content, not the form around them. */
static void fingerprint(struct call *call, const struct blob_body *body, const struct blob *blob)
{
    struct buf text;
    char hex[65];
    buf_init(&text, 4096);
    hex_encode(bytes_of(blob->digest.b, sizeof blob->digest.b), hex);
    buf_append_bytes(&text, body->file_name);
    buf_printf(&text, "\n%s", hex);
    if (body->entry.size > 0) {
        buf_append_text(&text, "\n");
        buf_append_bytes(&text, body->entry);
    }
    call->raw_body = arena_copy(&call->arena, buf_bytes(&text));
    buf_deinit(&text);
}

static void begin_command(struct blob_body *body, const struct blob *blob, enum command_type type)
{
    const struct upload_receive *receive = (const struct upload_receive *)body;
    struct call *call = body->call;
    fingerprint(call, body, blob);
    call_command(call, type);
    if (!id_is_zero(receive->command_id)) {
        call->command.command_id = receive->command_id;
        call->command.fingerprint = (struct key32){0}; /* it stands for this content alone */
    }
}

static void blob_cb(struct blob_body *body, const struct blob *blob)
{
    struct call *call = body->call;
    begin_command(body, blob, COMMAND_UPLOAD_RECEIVE);
    call->command.u.upload = (struct command_upload){
        .upload_id = id_new(time_wall_ns()),
        .upload = {.size = blob->size,
                   .file_name = body->file_name,
                   .digest = blob->digest,
                   .media_type = body->media_type},
        .analysed = true,
        .storage_max = storage_limit(call->api),
        .analysis = ((const struct upload *)body->state)->analysis,
        .workload = ((const struct upload *)body->state)->workload,
    };
    call_submit(call, CLASS_CONSUMER, received);
}

static void refused_cb(struct blob_body *body, const struct blob *blob, const struct err *err)
{
    struct call *call = body->call;
    const struct upload *upload = body->state;
    if (upload->rejected == 0) {
        call_refuse(call, err);
        return;
    }
    begin_command(body, blob, COMMAND_UPLOAD_REJECT);
    call->command.u.upload_reject = (struct command_upload_reject){
        .upload_id = id_new(time_wall_ns()),
        .rejected = {.size = blob->size,
                     .reason = upload->rejected,
                     .file_name = body->file_name,
                     .detail = upload->reason},
    };
    call_submit(call, CLASS_CONSUMER, received);
}

void upload_receive_init(struct upload_receive *receive, struct call *call, uint64_t size_max)
{
    *receive = (struct upload_receive){
        .body =
            {
                .call = call,
                .size_max = size_max,
                .too_large = "upload_too_large",
                .form_allowed = true,
                .inspect = upload_analyse,
                .is_slow = upload_is_slow,
                .on_blob = blob_cb,
                .on_refused = refused_cb,
                .state = &receive->upload,
            },
    };
}
