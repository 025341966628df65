// SPDX-License-Identifier: Apache-2.0
#include "api/job_json.h"

#include "api/erasure.h"
#include "core/base/text.h"
#include "core/settlement/payload.h"
#include "projections/jobs.h"

#include <string.h>

static const char *const ESCROW_WORDS[] = {
    [ESCROW_REQUESTED] = "requested", [ESCROW_OBSERVED] = "observed", [ESCROW_LOCKED] = "locked",
    [ESCROW_SETTLED] = "settled",     [ESCROW_CLOSED] = "closed",
};

static const char *const LEG_WORDS[] = {
    [LEG_REFUND] = "refund", [LEG_PAYOUT] = "payout", [LEG_FEE] = "fee", [LEG_RETURN] = "return"};

const char *leg_kind_word(uint64_t kind)
{
    return LEG_WORDS[kind];
}

/* The file of a bundle that starts it: what the job's settings say, else what the analysis found; null if neither does. */
static json_t *json_of_entry(struct reading *reading, const struct upload_row *upload,
                             const json_t *settings)
{
    json_t *entry = json_incref(json_object_get(settings, "entry"));
    struct event analysed;
    if (entry == NULL && upload->analysis_sequence != 0 &&
        reading_event(reading, upload->analysis_sequence, &analysed) &&
        analysed.type->number == EVENT_ANALYSIS_COMPLETED) {
        struct bytes const detail = analysed.u.analysis_completed.detail;
        json_t *found = json_loadb((const char *)detail.data, detail.size, 0, NULL);
        entry = json_incref(json_object_get(found, "entry"));
        json_decref(found);
    }
    return entry == NULL ? json_null() : entry;
}

json_t *json_of_assignment(struct reading *reading, struct id16 job_id, const struct job_row *job)
{
    struct event created;
    struct upload_row upload;
    struct ledger_row ledger;
    if (!reading_event(reading, job->created_sequence, &created) ||
        !state_upload(reading->store, job->upload_id, &upload) ||
        !state_ledger(reading->store, &ledger)) {
        return NULL;
    }
    const struct ev_job_created *facts = &created.u.job_created;
    json_t *settings =
        json_loadb((const char *)facts->settings.data, facts->settings.size, 0, NULL);
    return json_pack(
        "{s:{s:o,s:s?,s:o,s:o,s:I,s:o,s:o,s:I,s:I,s:o},s:{s:I,s:I,s:I}}", "job", "id",
        json_of_id(job_id), "kind", enum_word(&upload_kind_words, (uint32_t)upload.kind), "entry",
        json_of_entry(reading, &upload, settings), "file_name", json_of_text(facts->file_name),
        "input_size", (json_int_t)upload.size, "input_digest", json_of_hash(facts->input_digest),
        "settings", settings == NULL ? json_object() : settings, "limit_ms",
        (json_int_t)job->limit_ms, "attempt", (json_int_t)job->attempt, "start_by",
        json_of_time(job->start_by), "terms", "heartbeat_s", (json_int_t)ledger.heartbeat_s,
        "lease_s", (json_int_t)ledger.lease_s, "batch_max", (json_int_t)ledger.batch_max);
}

/* What the consumer's lock transaction must carry. */
static json_t *json_of_lock_input(struct reading *reading, struct id16 escrow_id,
                                  const struct escrow_row *escrow)
{
    struct payload payload = {
        .kind = PAYLOAD_LOCK,
        .log_id = reading->api->log_id,
        .job_id = escrow->job_id,
        .escrow_id = escrow_id,
        .quote_id = escrow->quote_id,
        .subject = escrow->provider_identity,
    };
    uint8_t bytes[PAYLOAD_SIZE];
    char hex[PAYLOAD_SIZE * 2 + 1];
    payload_encode(&payload, bytes);
    hex_encode(bytes_of(bytes, sizeof bytes), hex);
    return json_string(hex);
}

/* How long it is until `tick` is processed, by the length of a tick as settlement measured it; null while that is unknown. */
static json_t *json_of_wait(struct reading *reading, uint64_t tick)
{
    struct settlement_status chain;
    if (reading->is_past) {
        return json_null();
    }
    settlement_status(reading->api->settlement, &chain);
    if (chain.tick_ms == 0 || chain.processed == 0) {
        return json_null();
    }
    uint64_t ticks = tick > chain.processed ? tick - chain.processed : 0;
    return json_integer((json_int_t)ticks * chain.tick_ms);
}

json_t *json_of_escrow(struct reading *reading, struct id16 escrow_id)
{
    struct escrow_row escrow;
    struct ledger_row ledger;
    if (!state_escrow(reading->store, escrow_id, &escrow) ||
        !state_ledger(reading->store, &ledger)) {
        return json_null();
    }
    return json_pack("{s:o,s:o,s:I,s:I,s:i,s:o,s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:b,s:I}", "id",
                     json_of_id(escrow_id), "identity", json_of_identity(escrow.identity), "amount",
                     (json_int_t)escrow.amount, "last_tick", (json_int_t)escrow.last_tick,
                     "input_type", PAYLOAD_INPUT_TYPE, "input",
                     json_of_lock_input(reading, escrow_id, &escrow), "status",
                     ESCROW_WORDS[escrow.status], "confirmations", (json_int_t)escrow.confirmations,
                     "required", (json_int_t)ledger.confirmations, "expected_ms",
                     escrow.status == ESCROW_OBSERVED
                         ? json_of_wait(reading, escrow.lock_tick + ledger.confirmations)
                         : json_null(),
                     "lock_transaction", json_of_transaction(escrow.lock_tx), "consumer_identity",
                     json_of_identity(escrow.consumer_identity), "provider_identity",
                     json_of_identity(escrow.provider_identity), "shortfall", escrow.shortfall != 0,
                     "key_id", (json_int_t)escrow.key_id);
}

json_t *json_of_legs(struct reading *reading, struct id16 job_id)
{
    struct job_leg_view legs[16];
    size_t skip = 0;
    size_t count;
    json_t *list = json_array();
    while ((count = jobs_get_legs(reading->store, job_id, skip, legs, 16)) > 0 && skip < 256) {
        for (size_t i = 0; i < count; i++) {
            const struct job_leg_view *leg = &legs[i];
            (void)json_array_append_new(
                list, json_pack("{s:s,s:I,s:s,s:o,s:o,s:I,s:I,s:o,s:o}", "kind",
                                LEG_WORDS[leg->kind], "amount", (json_int_t)leg->amount, "status",
                                enum_word(&job_leg_status_words, (uint32_t)leg->status), "tx_id",
                                json_of_transaction(leg->tx_id), "destination",
                                json_of_identity(leg->destination), "attempt",
                                (json_int_t)leg->attempt, "tick", (json_int_t)leg->tick, "deposit",
                                json_of_transaction(leg->deposit_tx), "expected_ms",
                                leg->status == JOB_LEG_SIGNED
                                    ? json_of_wait(reading, leg->tick + EVIDENCE_TICKS)
                                    : json_null()));
        }
        skip += count;
    }
    return list;
}

static json_t *json_of_word(const struct enum_words *words, uint64_t number)
{
    const char *word = enum_word(words, (uint32_t)number);
    return number == 0 || word == NULL ? json_null() : json_string(word);
}

/* Of the settings, what else is asked for when its files are missed, or other than expected. */
static void add_settings(json_t *json, struct bytes text)
{
    json_t *settings = json_loadb((const char *)text.data, text.size, 0, NULL);
    json_t *folder = json_object_get(settings, "results");
    json_t *image = json_object_get(settings, "image");
    if (folder != NULL) {
        (void)json_object_set(json, "results_folder", folder);
    }
    if (image != NULL) {
        (void)json_object_set(json, "image", image);
    }
    json_decref(settings);
}

/* Fields from private parts; absent when erased. */
static void add_private(struct reading *reading, json_t *json, const struct job_view *view,
                        const struct job_progress_view *progress)
{
    struct event event;
    if (reading_event(reading, view->created_sequence, &event)) {
        struct bytes const name = event.u.job_created.file_name;
        if (name.size > 0) {
            (void)json_object_set_new(json, "file_name", json_of_text(name));
        }
        add_settings(json, event.u.job_created.settings);
    }
    if (reading_event(reading, progress->sequence, &event)) {
        (void)json_object_set_new(json, "operation",
                                  json_of_text(event.u.job_progressed.operation));
    }
    if (reading_event(reading, view->end_sequence, &event)) {
        (void)json_object_set_new(json, "detail", json_of_text(event.u.job_completed.detail));
    }
}

json_t *json_of_job(struct reading *reading, struct id16 job_id, bool with_private)
{
    struct job_view view;
    struct job_progress_view progress;
    if (!jobs_get(reading->store, job_id, &view)) {
        return NULL;
    }
    jobs_get_progress(reading->store, job_id, &progress);
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:b}", "id", json_of_id(job_id),
        "status", json_of_word(&job_view_status_words, view.status), "ending",
        json_of_word(&ending_words, view.ending), "reason",
        json_of_word(&end_reason_words, view.reason), "fault",
        json_of_word(&fault_words, view.fault), "account_id", json_of_id(view.account_id),
        "provider_id", json_of_id(view.provider_id), "host_id", json_of_id(view.host_id),
        "upload_id", json_of_id(view.upload_id), "offer_id", json_of_id(view.offer_id), "quote_id",
        json_of_id(view.quote_id), "rate", (json_int_t)view.rate, "cap", (json_int_t)view.cap,
        "limit_ms", (json_int_t)view.limit_ms, "network", (int)(view.network != 0));
    json_t *rest = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:b,s:I}", "used_ms",
        (json_int_t)(view.ended_at != 0 ? view.used_ms : progress.used_ms), "gross",
        (json_int_t)view.gross, "fee", (json_int_t)view.fee, "payout", (json_int_t)view.payout,
        "refund", (json_int_t)view.refund, "permille", (json_int_t)progress.permille, "exit_status",
        (json_int_t)view.exit_status, "signal", (json_int_t)view.signal, "attempt",
        (json_int_t)view.attempt, "results", (json_int_t)view.results, "stars",
        (json_int_t)view.stars, "created_at", json_of_time(view.created_at), "queued_at",
        json_of_time(view.queued_at), "assigned_at", json_of_time(view.assigned_at), "started_at",
        json_of_time(view.started_at), "ended_at", json_of_time(view.ended_at), "settled",
        jobs_is_settled(&view), "sequence", (json_int_t)view.sequence);
    (void)json_object_update_new(json, rest);
    if (with_private) {
        add_private(reading, json, &view, &progress);
    }
    /* Private parts are joined as they are now, also to what was then. */
    json_t *erasure = reading->is_past ? json_null() : json_of_erasure(reading, STREAM_JOB, job_id);
    json_t *erased_at = json_object_get(erasure, "erased_at");
    (void)json_object_set(json, "erased_at", erased_at == NULL ? erasure : erased_at);
    json_decref(erasure);
    (void)json_object_set_new(json, "escrow", json_of_escrow(reading, view.escrow_id));
    (void)json_object_set_new(json, "legs", json_of_legs(reading, job_id));
    return json;
}
