/* Offers, matches and quotes. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/list.h"
#include "api/route.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/market/matching.h"
#include "projections/marketplace.h"

#include <stdlib.h>
#include <string.h>

#define RANKING_KEPT 16

static json_t *json_of_offer(const struct market_entry *entry)
{
    const struct offer_view *offer = &entry->offer;
    return json_pack(
        "{s:o,s:o,s:o,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b}", "id",
        json_of_id(entry->offer_id), "provider_id", json_of_id(offer->account_id), "host_id",
        json_of_id(offer->host_id), "device", enum_word(&device_words, (uint32_t)offer->device),
        "model", json_of_text(bytes_of(offer->model, offer->model_size)), "gpus",
        (json_int_t)offer->gpus, "vram_mib", (json_int_t)offer->vram_mib, "tflops_milli",
        (json_int_t)offer->tflops_milli, "ram_mib", (json_int_t)offer->ram_mib, "storage_mib",
        (json_int_t)offer->storage_mib, "compute_capability", (json_int_t)offer->compute_capability,
        "cpu_cores", (json_int_t)offer->cpu_cores, "speed_permille",
        (json_int_t)offer->speed_permille, "rate", (json_int_t)offer->rate, "online", entry->online,
        "busy", entry->busy);
}

/* Without a token, so each page costs little: strangers may ask as often as they like. */
static void list_offers(struct call *call)
{
    struct reading reading;
    struct market_entry entries[64];
    struct id16 after;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_after_id(call, &after) || !reading_open(&reading, call)) {
        return;
    }
    json_t *items = json_array();
    size_t got = 1;
    while (got > 0 && limit > 0) {
        got = marketplace_by_id(reading.store, after, entries, limit < 64 ? limit : 64);
        for (size_t i = 0; i < got; i++) {
            (void)json_array_append_new(items, json_of_offer(&entries[i]));
            after = entries[i].offer_id;
        }
        limit -= got;
    }
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         limit == 0 ? json_of_id(after) : json_null()));
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
    reading_close(&reading);
    if (!found) { /* a repeated request whose offer was withdrawn since */
        call_reply(call, 200, json_pack("{s:o,s:b}", "id", json_of_id(id), "withdrawn", 1));
        return;
    }
    call_reply(call, 201, json_of_offer(&entry));
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
        .cpu_cores = fields_u64(&fields, "cpu_cores", 1, 65536),
        .speed_permille = fields_u64(&fields, "speed_permille", 1, 1000000),
        .rate = fields_amount(&fields, "rate", 1),
    };
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_OFFER_PUBLISH);
    call->command.u.offer.offer_id = id_new(time_wall_ns());
    call->command.u.offer.offer = offer;
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

/* ── matching: a snapshot is ranked outside the writer; the event keeps the best of it ──────────── */

struct ranking {
    struct id16 upload_id;
    struct match *matches;
    size_t count;
};

static bool rank_all(struct reading *reading, const struct requirements *needs, struct ranking *ret)
{
    struct market_entry entries[64];
    struct id16 after = {0};
    size_t capacity = 0;
    size_t got;
    while ((got = marketplace_by_id(reading->store, after, entries, 64)) > 0) {
        for (size_t i = 0; i < got; i++) {
            struct offer_row offer;
            if (ret->count == capacity) {
                capacity = capacity == 0 ? 64 : capacity * 2;
                struct match *grown = realloc(ret->matches, capacity * sizeof *grown);
                if (grown == NULL) {
                    return false;
                }
                ret->matches = grown;
            }
            if (state_offer(reading->store, entries[i].offer_id, &offer)) {
                struct match *match = &ret->matches[ret->count++];
                match_offer(needs, &offer, entries[i].online, match);
                match->offer_id = entries[i].offer_id;
            }
        }
        after = entries[got - 1].offer_id;
    }
    match_rank(ret->matches, ret->count);
    return true;
}

/* SHA-256 over (offer id, fit, score, p50, p90, cost) of every match in order. */
static struct key32 ranking_digest(const struct ranking *ranking)
{
    struct sha256 *hash = sha256_create();
    struct key32 digest = {0};
    for (size_t i = 0; hash != NULL && i < ranking->count; i++) {
        const struct match *match = &ranking->matches[i];
        uint8_t row[16 + 1 + 4 * 8];
        memcpy(row, match->offer_id.b, 16);
        row[16] = (uint8_t)match->fit;
        put_be64(row + 17, match->score);
        put_be64(row + 25, match->p50_ms);
        put_be64(row + 33, match->p90_ms);
        put_be64(row + 41, (uint64_t)match->cost);
        sha256_update(hash, bytes_of(row, sizeof row));
    }
    if (hash != NULL) {
        digest = sha256_final(hash);
    }
    sha256_destroy(hash);
    return digest;
}

static json_t *json_of_ranking(struct reading *reading, const struct ranking *ranking)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ranking->count; i++) {
        const struct match *match = &ranking->matches[i];
        struct market_entry entry;
        json_t *offer = marketplace_get(reading->store, match->offer_id, &entry)
                            ? json_of_offer(&entry)
                            : json_null();
        (void)json_array_append_new(
            list,
            json_pack("{s:o,s:s,s:I,s:I,s:I,s:I,s:s,s:o}", "offer_id", json_of_id(match->offer_id),
                      "fit", enum_word(&fit_words, (uint32_t)match->fit), "score",
                      (json_int_t)match->score, "p50_ms", (json_int_t)match->p50_ms, "p90_ms",
                      (json_int_t)match->p90_ms, "cost", (json_int_t)match->cost, "why", match->why,
                      "offer", offer));
    }
    return list;
}

/* Where the ranking waits for the event to be durable: in the body, which is freed with the call however that ends. */
#define RANKING_KEY "ranking of this call"

static void match_answered(struct call *call)
{
    struct id16 id;
    if (!call_made_id(call, &id)) {
        return;
    }
    call_reply(call, 201,
               json_pack("{s:o,s:o,s:O}", "id", json_of_id(id), "upload_id",
                         json_of_id(call->command.u.match.match.upload_id), "ranking",
                         json_object_get(call->body, RANKING_KEY)));
}

static bool fill_match(struct call *call, const struct ranking *ranking, uint64_t computed_at)
{
    size_t kept = ranking->count < RANKING_KEPT ? ranking->count : RANKING_KEPT;
    struct ev_rank *items = arena_alloc_array(&call->arena, kept, sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < kept; i++) {
        const struct match *match = &ranking->matches[i];
        items[i] = (struct ev_rank){.offer_id = match->offer_id,
                                    .fit = match->fit,
                                    .score = match->score,
                                    .p50_ms = match->p50_ms,
                                    .p90_ms = match->p90_ms,
                                    .cost = match->cost};
    }
    call->command.u.match =
        (struct command_match){.match_id = id_new(time_wall_ns()),
                               .match = {.upload_id = ranking->upload_id,
                                         .computed_at = computed_at,
                                         .algorithm_version = MATCHING_VERSION,
                                         .table_version = 1,
                                         .offer_count = ranking->count,
                                         .ranking_digest = ranking_digest(ranking),
                                         .ranking = {.items = items, .count = kept}}};
    return true;
}

static void match(struct call *call)
{
    struct reading reading;
    struct upload_row upload;
    struct fields fields = fields_of(call);
    struct ranking ranking = {.upload_id = fields_id(&fields, "upload_id")};
    if (!fields_good(&fields) || !reading_open(&reading, call)) {
        return;
    }
    bool known = state_upload(reading.store, ranking.upload_id, &upload) &&
                 id_equal(upload.account_id, call->principal.account_id) &&
                 upload.analysis_sequence != 0;
    bool good = known && rank_all(&reading, &upload.needs, &ranking);
    good = good &&
           json_object_set_new(call->body, RANKING_KEY, json_of_ranking(&reading, &ranking)) == 0;
    uint64_t computed_at = views_snapshot_position(reading.snapshot)->sequence;
    reading_close(&reading);
    call_command(call, COMMAND_MATCH_RECORD);
    good = good && fill_match(call, &ranking, computed_at);
    free(ranking.matches);
    if (!known) {
        call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
    } else if (!good) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
    } else {
        call_submit(call, CLASS_CONSUMER, match_answered);
    }
}

/* ── quotes ────────────────────────────────────────────────────────────────────────────────────── */

static void quote_answered(struct call *call)
{
    struct reading reading;
    struct event event;
    struct id16 id;
    if (!call_made_id(call, &id) || !reading_open(&reading, call)) {
        return;
    }
    bool found = reading_event(&reading, call->answer.first, &event);
    const struct ev_quote_issued *quote = &event.u.quote_issued;
    json_t *json =
        !found
            ? NULL
            : json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "id",
                        json_of_id(id), "upload_id", json_of_id(quote->upload_id), "offer_id",
                        json_of_id(quote->offer_id), "provider_id", json_of_id(quote->provider_id),
                        "host_id", json_of_id(quote->host_id), "rate", (json_int_t)quote->rate,
                        "p50_ms", (json_int_t)quote->p50_ms, "p90_ms", (json_int_t)quote->p90_ms,
                        "margin_bps", (json_int_t)quote->margin_bps, "fee_bps",
                        (json_int_t)quote->fee_bps, "cap", (json_int_t)quote->cap, "limit_ms",
                        (json_int_t)quote->limit_ms, "expires_at", json_of_time(quote->expires_at));
    reading_close(&reading);
    call_reply(call, 201, json);
}

static void quote(struct call *call)
{
    struct fields fields = fields_of(call);
    struct command_quote quote = {
        .quote_id = id_new(time_wall_ns()),
        .upload_id = fields_id(&fields, "upload_id"),
        .offer_id = fields_id(&fields, "offer_id"),
        .match_id = fields_optional_id(&fields, "match_id"),
    };
    if (!fields_good(&fields)) {
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
    {HTTP_POST, "/v1/matches", SCOPE_CONSUMER, BODY_JSON, match},
    {HTTP_POST, "/v1/quotes", SCOPE_CONSUMER, BODY_JSON, quote},
};
const struct route_table ROUTES_MARKET = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
