/* Offers and quotes. */
// SPDX-License-Identifier: Apache-2.0
#include "api/asked_work.h"
#include "api/fields.h"
#include "api/job_settings.h"
#include "api/list.h"
#include "api/offer_json.h"
#include "api/offer_stock.h"
#include "api/presence.h"
#include "api/route.h"
#include "core/base/time.h"
#include "projections/marketplace.h"
#include "projections/streams.h"

#include <stdlib.h>
#include <string.h>

/* Without a token, so each page costs little: strangers may ask as often as they like. */
#define LOOKED_AT_MAX 1000 /* of a page that filters; `next` goes on from there */

static const char *const TRUTH_WORDS[] = {NULL, "true", "false"};
static const struct enum_words truth_words = {"truth", TRUTH_WORDS, 3};

struct offers_wanted { /* 0: any */
    uint32_t device;
    uint32_t online;
    uint32_t busy;
};

static bool is_wanted(const struct offers_wanted *wanted, const struct market_entry *entry)
{
    return (wanted->device == 0 || wanted->device == (uint32_t)entry->offer.device) &&
           (wanted->online == 0 || (wanted->online == 1) == entry->online) &&
           (wanted->busy == 0 || (wanted->busy == 1) == entry->busy);
}

/* Whether there may be more behind `after`, which moves to the last one that was looked at. */
static bool append_offers(struct reading *reading, const struct offers_wanted *wanted, size_t limit,
                          struct id16 *after, json_t *items)
{
    struct market_entry entries[64];
    size_t looked_at = 0;
    size_t got = 1;
    while (got > 0) {
        got = marketplace_by_id(reading->store, *after, entries, limit < 64 ? limit : 64);
        for (size_t i = 0; i < got; i++) {
            *after = entries[i].offer_id;
            if (is_wanted(wanted, &entries[i])) {
                (void)json_array_append_new(items, json_of_offer(reading, &entries[i]));
            }
            if (json_array_size(items) == limit || ++looked_at == LOOKED_AT_MAX) {
                return true;
            }
        }
    }
    return false;
}

static void list_offers(struct call *call)
{
    struct reading reading;
    struct offers_wanted wanted;
    struct id16 after;
    size_t const limit = list_limit(call);
    if (limit == 0 || !list_after_id(call, &after) ||
        !list_word(call, "device", &device_words, &wanted.device) ||
        !list_word(call, "online", &truth_words, &wanted.online) ||
        !list_word(call, "busy", &truth_words, &wanted.busy) || !reading_open(&reading, call)) {
        return;
    }
    json_t *items = json_array();
    bool const more = append_offers(&reading, &wanted, limit, &after, items);
    reading_close(&reading);
    call_reply(
        call, 200,
        json_pack("{s:o,s:o}", "items", items, "next", more ? json_of_id(after) : json_null()));
}

/* ── publishing ────────────────────────────────────────────────────────────────────────────────── */

static void offer_answered(struct call *call)
{
    struct reading reading;
    struct market_entry entry;
    struct id16 id;
    if (!call_made_id(call, &id) || !reading_open(&reading, call)) {
        return;
    }
    bool found = marketplace_get(reading.store, id, &entry);
    json_t *json = found ? json_of_offer(&reading, &entry) : NULL;
    reading_close(&reading);
    if (!found) { /* a repeated request whose offer was withdrawn since */
        call_reply(call, 200, json_pack("{s:o,s:b}", "id", json_of_id(id), "withdrawn", 1));
        return;
    }
    call_reply(call, 201, json);
}

static void publish(struct call *call)
{
    const uint64_t big = UINT64_C(1) << 40;
    struct fields fields = fields_of(call);
    struct ev_offer_published offer = {
        .host_id = fields_id(&fields, "host_id"),
        .device = (enum device)fields_word(&fields, "device", &device_words),
        .model = fields_text(&fields, "model", 1, 120),
        .gpus = fields_optional_u64(&fields, "gpus", 0, 1024, 0),
        .vram_mib = fields_optional_u64(&fields, "vram_mib", 0, big, 0),
        .tflops_milli = fields_optional_u64(&fields, "tflops_milli", 0, big, 0),
        .ram_mib = fields_u64(&fields, "ram_mib", 1, big),
        .storage_mib = fields_u64(&fields, "storage_mib", 1, big),
        .compute_capability = fields_optional_u64(&fields, "compute_capability", 0, 1000, 0),
        .driver = fields_optional_text(&fields, "driver", 30),
        .cpu_cores = fields_u64(&fields, "cpu_cores", 1, 65536),
        .speed_permille = fields_u64(&fields, "speed_permille", 1, 1000000),
        .rate = fields_amount(&fields, "rate", 1),
        .network_allowed = fields_optional_bool(&fields, "network_allowed"),
    };
    offer_stock_read(&fields, &offer);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_OFFER_PUBLISH);
    call->command.u.offer.offer_id = id_new(time_wall_ns());
    call->command.u.offer.offer = offer;
    call->command.u.offer.host_offers_max = call->api->options.offers_per_machine;
    call->command.u.offer.account_offers_max = call->api->options.offers_per_provider;
    call_submit(call, CLASS_CONSUMER, offer_answered);
}

static void withdrawn(struct call *call)
{
    call_reply(call, 200, json_pack("{s:o,s:b}", "id", json_of_id(call->id), "withdrawn", 1));
}

static void withdraw(struct call *call)
{
    struct fields fields = fields_of(call);
    struct bytes detail = fields_optional_text(&fields, "reason", 500);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_OFFER_WITHDRAW);
    call->command.u.offer_withdraw.offer_id = call->id;
    call->command.u.offer_withdraw.detail = detail;
    call_submit(call, CLASS_CONSUMER, withdrawn);
}

/* ── quotes ────────────────────────────────────────────────────────────────────────────────────── */

/* The key to which secrets for this machine are sealed; null when it enrolled without one. */
static json_t *json_of_sealing_key(struct reading *reading, struct id16 host_id)
{
    uint64_t first;
    struct event enrolled;
    if (streams_after(reading->store, STREAM_HOST, host_id, 0, &first, 1) == 0 ||
        !reading_event(reading, first, &enrolled) ||
        enrolled.type->number != EVENT_PROVIDER_ENROLLED ||
        key_is_zero(enrolled.u.provider_enrolled.sealing_key)) {
        return json_null();
    }
    return json_of_hash(enrolled.u.provider_enrolled.sealing_key);
}

/* An empty list when they said nothing of the time, or what they said was erased. */
static json_t *json_of_said(struct bytes text)
{
    json_t *said = json_loadb((const char *)text.data, text.size, 0, NULL);
    return said == NULL ? json_array() : said;
}

static json_t *json_of_quote(struct reading *reading, struct id16 id,
                             const struct ev_quote_issued *quote)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "id",
                     json_of_id(id), "sealing_key", json_of_sealing_key(reading, quote->host_id),
                     "upload_id", json_of_id(quote->upload_id), "offer_id",
                     json_of_id(quote->offer_id), "provider_id", json_of_id(quote->provider_id),
                     "host_id", json_of_id(quote->host_id), "rate", (json_int_t)quote->rate,
                     "p50_ms", (json_int_t)quote->p50_ms, "p90_ms", (json_int_t)quote->p90_ms,
                     "margin_bps", (json_int_t)quote->margin_bps, "fee_bps",
                     (json_int_t)quote->fee_bps, "cap", (json_int_t)quote->cap, "limit_ms",
                     (json_int_t)quote->limit_ms, "expires_at", json_of_time(quote->expires_at),
                     "settings", json_of_said(quote->settings));
}

static void quote_answered(struct call *call)
{
    struct reading reading;
    struct event event;
    struct id16 id;
    if (!call_made_id(call, &id) || !reading_open(&reading, call)) {
        return;
    }
    json_t *json = reading_event(&reading, call->answer.first, &event)
                       ? json_of_quote(&reading, id, &event.u.quote_issued)
                       : NULL;
    reading_close(&reading);
    call_reply(call, 201, json);
}

/* As it was issued; the job that took it is beside it. */
static void get_quote(struct call *call)
{
    struct reading reading;
    struct event event;
    struct quote_row row;
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (state_quote(reading.store, call->id, &row) &&
        id_equal(row.account_id, call->principal.account_id) &&
        reading_event(&reading, row.issued_sequence, &event)) {
        json = json_of_quote(&reading, call->id, &event.u.quote_issued);
        (void)json_object_set_new(json, "job_id", json_of_id(row.job_id));
    }
    reading_close(&reading);
    if (json == NULL) {
        call_problem(call, 404, "no_such_quote", "you have no such quote");
    } else {
        call_reply(call, 200, json);
    }
}

/* Few machines run containers, and a job for one that does not would lie in the queue with its money. Other kinds nearly all of them run. */
static bool machine_runs(struct call *call, const json_t *settings,
                         const struct command_quote *quote)
{
    struct reading reading;
    struct upload_row upload;
    struct offer_row offer;
    if (!reading_open(&reading, call)) {
        return false;
    }
    bool const is_mine = state_upload(reading.store, quote->upload_id, &upload) &&
                         id_equal(upload.account_id, call->principal.account_id);
    bool const asks = is_mine && upload.kind == UPLOAD_DOCKERFILE &&
                      state_offer(reading.store, quote->offer_id, &offer);
    reading_close(&reading);
    if (is_mine && !job_settings_suit(call, settings, upload.kind)) {
        return false;
    }
    if (asks &&
        (presence_kinds(call->api->presence, offer.host_id) >> UPLOAD_DOCKERFILE & 1) == 0) {
        call_problem(call, 409, "kind_not_runnable",
                     "this machine does not run containers: its worker has not said so; take one "
                     "whose provider has podman");
        return false;
    }
    return true;
}

#define SAID_MAX 16384 /* some forty parameters, of the dozen that there are */

/* With settings that say how much there is to do, the quote is for that much; what must lie on the machine is as they say, too. */
static bool read_settings(struct call *call, json_t *settings, struct command_quote *quote)
{
    struct reading reading;
    struct upload_row upload;
    json_t *said = NULL;
    if (!reading_open(&reading, call)) {
        return false;
    }
    bool found = asked_upload(&reading, call->principal.account_id, quote->upload_id, NULL,
                              settings, &upload, &said);
    if (found) {
        quote->item = asked_item(&reading, &upload, settings);
    }
    reading_close(&reading);
    bool fits = true;
    if (found && json_array_size(said) > 0) { /* of an upload of somebody else decide will speak */
        const struct workload workload = estimate_workload_of(&upload);
        char *text = json_dumps(said, JSON_COMPACT);
        fits = text == NULL || strlen(text) <= SAID_MAX;
        quote->settings = arena_copy(&call->arena, bytes_of_text(text == NULL ? "" : text));
        free(text);
        quote->workload = (struct ev_workload_sized){
            .task = bytes_of_text(workload.task == 0 ? "" : ESTIMATE_TASKS[workload.task].name),
            .work_micro = workload.work_micro,
            .start_ms = workload.start_ms,
            .assumed = workload.assumed,
            .is_like = workload.is_like};
        quote->reference_p50_ms = workload.p50_ms;
        quote->reference_p90_ms = workload.p90_ms;
    }
    json_decref(said);
    if (!fits) {
        call_problem(
            call, 422, "settings_too_long",
            "what the settings say of the time has at most %d bytes as the quote keeps it: "
            "say each parameter once",
            SAID_MAX);
    }
    return fits;
}

/* A minute to thirty days: whoever wants less has a price nobody can tell from nothing, and nobody's machine is there for longer. */
#define QUOTE_LIMIT_MIN 60000
#define QUOTE_LIMIT_MAX UINT64_C(2592000000)

static void quote(struct call *call)
{
    struct fields fields = fields_of(call);
    struct command_quote quote = {
        .quote_id = id_new(time_wall_ns()),
        .upload_id = fields_id(&fields, "upload_id"),
        .offer_id = fields_id(&fields, "offer_id"),
        .match_id = fields_optional_id(&fields, "match_id"),
        .limit_ms = fields_optional_u64(&fields, "limit_ms", QUOTE_LIMIT_MIN, QUOTE_LIMIT_MAX, 0),
    };
    json_t *settings = fields_optional_object(&fields, "settings");
    if (settings != NULL) {
        job_settings_check(&fields, settings);
        quote.network = job_settings_network(settings);
    }
    if (!fields_good(&fields) || !read_settings(call, settings, &quote) ||
        !machine_runs(call, settings, &quote)) {
        return;
    }
    call_command(call, COMMAND_QUOTE_ISSUE);
    call->command.u.quote = quote;
    call_submit(call, CLASS_CONSUMER, quote_answered);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/offers", ROUTE_PUBLIC, BODY_NONE, list_offers},
    {HTTP_POST, "/v1/offers", SCOPE_WORKER | SCOPE_PROVIDER, BODY_JSON, publish},
    {HTTP_POST, "/v1/offers/{id}/withdraw", SCOPE_WORKER | SCOPE_PROVIDER, BODY_JSON, withdraw},
    {HTTP_POST, "/v1/quotes", SCOPE_CONSUMER, BODY_JSON, quote},
    {HTTP_GET, "/v1/quotes/{id}", SCOPE_CONSUMER, BODY_NONE, get_quote},
};
const struct route_table ROUTES_MARKET = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
