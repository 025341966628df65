/* Matches: a snapshot of the market is ranked outside the writer. GET only shows it; POST makes it an event, which keeps the best of it and a digest of all.
 * Sentences are made for the page that is shown, however many offers there are. */
// SPDX-License-Identifier: Apache-2.0
#include "api/asked_work.h"
#include "api/fields.h"
#include "api/job_settings.h"
#include "api/list.h"
#include "api/offer_json.h"
#include "api/offer_stock.h"
#include "api/route.h"
#include "core/base/job_rules.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "projections/matchmaking.h"

#include <string.h>

#define RANKING_KEPT 16
#define WHY_MAX 2048

struct asked {
    struct id16 upload_id;
    enum match_order order;
    bool network;      /* the job is to have one */
    const char *image; /* and to run in this one; NULL: as it says itself */
    json_t *settings;  /* both, and arguments; NULL: there are no others */
    uint64_t after;    /* how many of the ranking are left out in front */
    size_t limit;
};

/* The parameters of both methods; false: the problem was sent. */
static bool read_asked(struct call *call, struct asked *ret)
{
    uint32_t order = 0;
    ret->limit = list_limit(call);
    if (ret->limit == 0 || !list_cursor(call, "after", &ret->after) ||
        !list_word(call, "order", &match_order_words, &order)) {
        return false;
    }
    ret->order = order == 0 ? MATCH_BY_VALUE : (enum match_order)order;
    return true;
}

/* Of GET, in its query; POST has it in its body. */
static bool read_network(struct call *call, bool *ret)
{
    const char *text = http_head_param(http_request_head(call->request), "network");
    if (text != NULL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        call_problem(call, 422, "network_invalid",
                     "network is true, for offers that give jobs one, or false");
        return false;
    }
    *ret = text != NULL && strcmp(text, "true") == 0;
    return true;
}

/* Likewise. */
static bool read_image(struct call *call, const char **ret)
{
    *ret = http_head_param(http_request_head(call->request), "image");
    if (*ret != NULL && !job_image_name_is_good(*ret)) {
        call_problem(call, 422, "image_invalid",
                     "image is the name of a container image, as in ?image=python:3.11-slim: at "
                     "most %d letters, digits and ._-/:@, no - first",
                     JOB_IMAGE_NAME_MAX);
        return false;
    }
    return true;
}

/* ── what is shown ─────────────────────────────────────────────────────────────────────────────── */

static json_t *json_of_amount(int64_t amount)
{
    return amount == INT64_MAX ? json_null() : json_integer(amount);
}

static json_t *json_of_reasons(const struct ranking *ranking, const struct candidate *candidate,
                               struct buf *text)
{
    json_t *list = json_array();
    for (int i = 0; i < MATCH_CHECKS; i++) {
        enum match_check check = (enum match_check)i;
        enum fit fit = match_check(ranking->needs, candidate, ranking->now, check);
        if (fit == 0) {
            continue;
        }
        buf_clear(text);
        match_reason(ranking->needs, candidate, ranking->now, check, text);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s}", "check", match_check_name(check), "fit",
                            enum_word(&fit_words, (uint32_t)fit), "text", buf_text(text)));
    }
    return list;
}

/* What a quote of it would hold back, as terms are now. */
static int64_t cap_of(struct store *store, const struct match *match, int64_t rate)
{
    struct ledger_row ledger;
    int64_t cap;
    return state_ledger(store, &ledger) &&
                   billing_cap(match->p90_ms, rate, ledger.margin_bps, ledger.lock_min, &cap)
               ? cap
               : INT64_MAX;
}

static json_t *json_of_match(struct reading *reading, const struct ranking *ranking, size_t at)
{
    const struct match *match = &ranking->matches[at];
    const struct candidate *candidate = &ranking->candidates[match->index];
    struct market_entry entry;
    struct buf text;
    buf_init(&text, WHY_MAX);
    json_t *reasons = json_of_reasons(ranking, candidate, &text);
    json_t *offer = marketplace_get(reading->store, candidate->offer_id, &entry)
                        ? json_of_offer(reading, &entry)
                        : json_null();
    buf_clear(&text);
    match_why(ranking->needs, candidate, ranking->now, &text);
    json_t *json = json_pack("{s:I,s:o,s:s,s:i,s:o,s:o,s:o,s:o,s:s,s:o,s:o}", "rank",
                             (json_int_t)at + 1, "offer_id", json_of_id(candidate->offer_id), "fit",
                             enum_word(&fit_words, match->fit), "score", (int)match->score,
                             "p50_ms", json_of_u64(match->p50_ms), "p90_ms",
                             json_of_u64(match->p90_ms), "cost", json_of_amount(match->cost), "cap",
                             json_of_amount(cap_of(reading->store, match, candidate->offer.rate)),
                             "why", buf_text(&text), "reasons", reasons, "offer", offer);
    buf_deinit(&text);
    return json;
}

static json_t *json_of_classes(const struct ranking *ranking)
{
    json_t *json = json_object();
    for (uint32_t fit = FIT_RECOMMENDED; fit <= FIT_INSUFFICIENT; fit++) {
        (void)json_object_set_new(json, enum_word(&fit_words, fit),
                                  json_of_u64(ranking->classes[fit]));
    }
    return json;
}

/* "needs 10 GiB of GPU memory, has 8 GiB: 9", the most frequent first. */
static json_t *json_of_not_suitable(const struct ranking *ranking)
{
    json_t *list = json_array();
    bool told[MATCH_HARD] = {false};
    struct buf text;
    buf_init(&text, WHY_MAX);
    for (;;) {
        int most = -1;
        for (int i = 0; i < MATCH_HARD; i++) {
            if (!told[i] && ranking->failures[i].count > 0 &&
                (most < 0 || ranking->failures[i].count > ranking->failures[most].count)) {
                most = i;
            }
        }
        if (most < 0) {
            break;
        }
        const struct match_failures *failures = &ranking->failures[most];
        told[most] = true;
        buf_clear(&text);
        match_why_not(ranking->needs, (enum match_check)most, failures->has_min, failures->has_max,
                      &text);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I,s:s}", "check", match_check_name((enum match_check)most),
                            "count", (json_int_t)failures->count, "text", buf_text(&text)));
    }
    buf_deinit(&text);
    return list;
}

static json_t *json_of_best(struct reading *reading, const struct ranking *ranking)
{
    static const char *const TITLES[MATCH_PICKS] = {"best_value", "fastest", "cheapest"};
    json_t *list = json_array();
    for (size_t i = 0; i < ranking->pick_count; i++) {
        const struct match_pick *pick = &ranking->picks[i];
        bool const best[MATCH_PICKS] = {pick->best_value, pick->fastest, pick->cheapest};
        json_t *best_at = json_array();
        for (size_t title = 0; title < MATCH_PICKS; title++) {
            if (best[title]) {
                (void)json_array_append_new(best_at, json_string(TITLES[title]));
            }
        }
        (void)json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "picked_as", TITLES[i],
                                                    "best_at", best_at, "match",
                                                    json_of_match(reading, ranking, pick->at)));
    }
    return list;
}

static json_t *json_of_needs(const struct requirements *needs)
{
    return json_pack(
        "{s:s?,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:s?}", "device",
        enum_word(&device_words, (uint32_t)needs->device), "gpus", json_of_u64(needs->gpus),
        "vram_mib", json_of_u64(needs->vram_mib), "tflops_milli", json_of_u64(needs->tflops_milli),
        "ram_mib", json_of_u64(needs->ram_mib), "storage_mib", json_of_u64(needs->storage_mib),
        "compute_capability", json_of_u64(needs->compute_capability), "driver",
        json_of_driver(needs->driver), "reference_p50_ms", json_of_u64(needs->reference_p50_ms),
        "reference_p90_ms", json_of_u64(needs->reference_p90_ms), "network",
        (int)(needs->network != 0), "packages", json_of_packages(needs->packages), "item",
        needs->item_kind == 0             ? NULL
        : needs->item_kind == STOCK_IMAGE ? "image"
                                          : "model");
}

static json_t *json_of_page(struct reading *reading, const struct ranking *ranking,
                            const struct asked *asked, json_t **ret_next)
{
    json_t *list = json_array();
    size_t at = asked->after < ranking->count ? (size_t)asked->after : ranking->count;
    size_t end = ranking->count - at > asked->limit ? at + asked->limit : ranking->count;
    for (; at < end; at++) {
        (void)json_array_append_new(list, json_of_match(reading, ranking, at));
    }
    *ret_next = end < ranking->count ? json_of_u64(end) : json_null();
    return list;
}

/* Sorts the ranking as it was asked for: what stands by value is read before. */
static json_t *json_of_matchmaking(struct reading *reading, struct ranking *ranking,
                                   const struct asked *asked, uint64_t computed_at)
{
    json_t *next;
    json_t *best = json_of_best(reading, ranking);
    if (asked->order != MATCH_BY_VALUE) {
        ranking_sort(ranking, asked->order);
    }
    json_t *page = json_of_page(reading, ranking, asked, &next);
    return json_pack("{s:o,s:o,s:i,s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "upload_id",
                     json_of_id(asked->upload_id), "computed_at", json_of_u64(computed_at),
                     "algorithm_version", MATCHING_VERSION, "table_version", MATCHING_TABLE_VERSION,
                     "order", enum_word(&match_order_words, (uint32_t)asked->order), "offer_count",
                     json_of_u64(ranking->count), "needs", json_of_needs(ranking->needs), "classes",
                     json_of_classes(ranking), "not_suitable", json_of_not_suitable(ranking),
                     "best", best, "ranking", page, "next", next);
}

/* ── computing it ──────────────────────────────────────────────────────────────────────────────── */

/* The market against the upload, as the snapshot has both; the read problem is in the call, or false with its problem sent. */
static bool make(struct reading *reading, const struct asked *asked, struct matchmaking *ret)
{
    struct call *call = reading->call;
    struct upload_row upload;
    struct event last;
    struct err err = {0};
    if (!state_upload(reading->store, asked->upload_id, &upload) ||
        !id_equal(upload.account_id, call->principal.account_id) || upload.analysis_sequence == 0) {
        reading_close(reading);
        call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
        return false;
    }
    /* The ledger's own time, so that whoever computes it again has the same. */
    int64_t now =
        reading_event(reading, views_snapshot_position(reading->snapshot)->sequence, &last)
            ? last.time
            : 0;
    json_t *settings =
        asked->settings != NULL
            ? json_incref(asked->settings)
            : json_pack("{s:b,s:s*}", "network", (int)asked->network, "image", asked->image);
    struct id16 const item = asked_item(reading, &upload, settings);
    bool const suits = asked->image == NULL || upload.kind == UPLOAD_DOCKERFILE;
    if (!suits) {
        reading_close(reading);
        (void)job_settings_suit(call, settings, upload.kind);
        json_decref(settings);
        return false;
    }
    json_decref(settings);
    struct requirements const needs = upload_needs_as(&upload, item, asked->network);
    if (matchmaking_create(reading->store, &upload, &needs, now, ret, &err) != ERR_OK) {
        reading_close(reading);
        call_refuse(call, &err);
        return false;
    }
    return true;
}

static void show(struct call *call)
{
    struct reading reading;
    struct matchmaking made = {0};
    struct asked asked = {0};
    const char *text = http_head_param(http_request_head(call->request), "upload_id");
    if (text == NULL || id_parse(bytes_of_text(text), &asked.upload_id, NULL) != ERR_OK) {
        call_problem(call, 422, "upload_id_invalid",
                     "upload_id is the id of an upload, like ?upload_id=<id>&order=price");
        return;
    }
    if (!read_asked(call, &asked) || !read_network(call, &asked.network) ||
        !read_image(call, &asked.image) || !reading_open(&reading, call) ||
        !make(&reading, &asked, &made)) {
        return;
    }
    json_t *json = json_of_matchmaking(&reading, &made.ranking, &asked,
                                       views_snapshot_position(reading.snapshot)->sequence);
    reading_close(&reading);
    matchmaking_destroy(&made);
    call_reply(call, 200, json);
}

/* ── recording it ──────────────────────────────────────────────────────────────────────────────── */

/* Where the answer waits for the event to be durable: in the body, which is freed with the call however that ends. */
#define ANSWER_KEY "answer to this call"

/* What was recorded, for a repeated request: not what was computed for it again. */
static json_t *json_of_recorded(const struct ev_match_computed *match)
{
    json_t *list = json_array();
    for (size_t i = 0; i < match->ranking.count; i++) {
        const struct ev_rank *rank = (const struct ev_rank *)match->ranking.items + i;
        (void)json_array_append_new(
            list,
            json_pack("{s:I,s:o,s:s?,s:o,s:o,s:o,s:o}", "rank", (json_int_t)i + 1, "offer_id",
                      json_of_id(rank->offer_id), "fit", enum_word(&fit_words, (uint32_t)rank->fit),
                      "score", json_of_u64(rank->score), "p50_ms", json_of_u64(rank->p50_ms),
                      "p90_ms", json_of_u64(rank->p90_ms), "cost", json_of_amount(rank->cost)));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "upload_id", json_of_id(match->upload_id),
                     "computed_at", json_of_u64(match->computed_at), "algorithm_version",
                     json_of_u64(match->algorithm_version), "table_version",
                     json_of_u64(match->table_version), "offer_count",
                     json_of_u64(match->offer_count), "digest", json_of_hash(match->ranking_digest),
                     "ranking", list);
}

static void recorded(struct call *call)
{
    struct reading reading;
    struct event event;
    struct id16 id;
    if (!call_made_id(call, &id)) {
        return;
    }
    json_t *json = json_incref(json_object_get(call->body, ANSWER_KEY));
    if (call->answer.replayed) {
        json_decref(json);
        if (!reading_open(&reading, call)) {
            return;
        }
        json = reading_event(&reading, call->answer.first, &event)
                   ? json_of_recorded(&event.u.match_computed)
                   : NULL;
        reading_close(&reading);
    }
    (void)json_object_set_new(json, "id", json_of_id(id));
    call_reply(call, 201, json);
}

static bool fill_command(struct call *call, const struct asked *asked,
                         const struct ranking *ranking, uint64_t computed_at, struct err *err)
{
    size_t kept = ranking->count < RANKING_KEPT ? ranking->count : RANKING_KEPT;
    struct ev_rank *items = arena_alloc_array(&call->arena, RANKING_KEPT, sizeof *items);
    struct key32 digest;
    if (items == NULL) {
        return err_set(err, ERR_NOMEM, "no memory; try again") == ERR_OK;
    }
    if (matchmaking_digest(ranking, &digest, err) != ERR_OK) {
        return false;
    }
    for (size_t i = 0; i < kept; i++) {
        const struct match *match = &ranking->matches[i];
        items[i] = (struct ev_rank){.offer_id = ranking->candidates[match->index].offer_id,
                                    .fit = (enum fit)match->fit,
                                    .score = match->score,
                                    .p50_ms = match->p50_ms,
                                    .p90_ms = match->p90_ms,
                                    .cost = match->cost};
    }
    call->command.u.match =
        (struct command_match){.match_id = id_new(time_wall_ns()),
                               .match = {.upload_id = asked->upload_id,
                                         .wants_network = asked->network,
                                         .item = ranking->needs->item,
                                         .computed_at = computed_at,
                                         .algorithm_version = MATCHING_VERSION,
                                         .table_version = MATCHING_TABLE_VERSION,
                                         .offer_count = ranking->count,
                                         .ranking_digest = digest,
                                         .ranking = {.items = items, .count = kept}}};
    return true;
}

static void record(struct call *call)
{
    struct reading reading;
    struct matchmaking made = {0};
    struct asked asked = {0};
    struct err err = {0};
    struct fields fields = fields_of(call);
    asked.upload_id = fields_id(&fields, "upload_id");
    asked.network = fields_optional_bool(&fields, "network");
    struct bytes const image = fields_optional_text(&fields, "image", JOB_IMAGE_NAME_MAX);
    if (image.size > 0) {
        asked.image = arena_text(&call->arena, image);
        if (asked.image == NULL || !job_image_name_is_good(asked.image)) {
            fields_error(&fields, "image",
                         "is the name of a container image, as in python:3.11-slim: at most %d "
                         "letters, digits and ._-/:@, no - first",
                         JOB_IMAGE_NAME_MAX);
        }
    }
    asked.settings = fields_optional_object(&fields, "settings");
    if (asked.settings != NULL) {
        job_settings_check(&fields, asked.settings);
        if (asked.network || asked.image != NULL) {
            fields_error(&fields, "settings", "has network and image in it: say them there alone");
        }
        asked.network = job_settings_network(asked.settings);
        asked.image = json_string_value(json_object_get(asked.settings, "image"));
    }
    if (!fields_good(&fields) || !read_asked(call, &asked) || !reading_open(&reading, call) ||
        !make(&reading, &asked, &made)) {
        return;
    }
    uint64_t computed_at = views_snapshot_position(reading.snapshot)->sequence;
    call_command(call, COMMAND_MATCH_RECORD);
    bool good = fill_command(call, &asked, &made.ranking, computed_at, &err);
    if (good) {
        json_t *json = json_of_matchmaking(&reading, &made.ranking, &asked, computed_at);
        (void)json_object_set_new(json, "digest",
                                  json_of_hash(call->command.u.match.match.ranking_digest));
        good = json_object_set_new(call->body, ANSWER_KEY, json) == 0;
    }
    reading_close(&reading);
    matchmaking_destroy(&made);
    if (good) {
        call_submit(call, CLASS_CONSUMER, recorded);
    } else if (err.code != ERR_OK) {
        call_refuse(call, &err);
    } else {
        call_problem(call, 503, "no_memory", "out of memory; try again");
    }
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/matches", SCOPE_CONSUMER, BODY_NONE, show},
    {HTTP_POST, "/v1/matches", SCOPE_CONSUMER, BODY_JSON, record},
};
const struct route_table ROUTES_MATCHES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
