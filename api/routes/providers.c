/* A provider as others see it, and where its own offers stand among those of the same kind. */
// SPDX-License-Identifier: Apache-2.0
#include "api/aside.h"
#include "api/list.h"
#include "api/offer_json.h"
#include "api/provider_json.h"
#include "api/route.h"
#include "core/base/time.h"
#include "projections/earnings.h"
#include "projections/marketplace.h"

#include <string.h>

#define AT_ONCE 64

/* ── a provider ────────────────────────────────────────────────────────────────────────────────── */

struct fleet {
    uint64_t machines;
    uint64_t online;
    uint64_t offers;
    int64_t since; /* the first was enrolled; 0: there is none */
};

static struct fleet fleet_of(struct store *store, struct id16 account_id, int64_t now)
{
    struct uptime_host hosts[AT_ONCE];
    struct market_entry offers[AT_ONCE];
    struct fleet fleet = {0};
    struct id16 after = {0};
    uint64_t published = 0;
    size_t count;
    while ((count = uptime_hosts(store, account_id, after, now, hosts, AT_ONCE)) > 0) {
        for (size_t i = 0; i < count; i++) {
            bool is_first = fleet.since == 0 || hosts[i].enrolled_at < fleet.since;
            fleet.machines++;
            fleet.online += hosts[i].online_since != 0 ? 1 : 0;
            fleet.since = is_first ? hosts[i].enrolled_at : fleet.since;
        }
        after = hosts[count - 1].host_id;
    }
    while ((count = marketplace_of_provider(store, account_id, published, offers, AT_ONCE)) > 0) {
        fleet.offers += count;
        published = offers[count - 1].offer.published_sequence;
    }
    return fleet;
}

static void get_provider(struct call *call)
{
    struct reading reading;
    struct earnings earnings;
    struct uptime uptime;
    int64_t now = time_wall_ns();
    if (!reading_open(&reading, call)) {
        return;
    }
    struct fleet fleet = fleet_of(reading.store, call->id, now);
    earnings_get(reading.store, call->id, now, &earnings);
    uptime_get(reading.store, call->id, now, &uptime);
    reading_close(&reading);
    if (fleet.machines == 0) {
        call_problem(call, 404, "no_such_provider", "no account with this id has a machine");
        return;
    }
    call_reply(
        call, 200,
        json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "provider_id", json_of_id(call->id),
                  "since", json_of_time(fleet.since), "machines", (json_int_t)fleet.machines,
                  "machines_online", (json_int_t)fleet.online, "offers", (json_int_t)fleet.offers,
                  "jobs_completed", (json_int_t)earnings.all.jobs_completed, "jobs_ended",
                  (json_int_t)earnings.all.jobs_ended, "ratings", (json_int_t)earnings.all.ratings,
                  "stars", (json_int_t)earnings.all.stars, "uptime", json_of_uptime(&uptime)));
}

/* ── its place among others ────────────────────────────────────────────────────────────────────── */

struct standing {
    uint64_t alike;   /* offers of this kind, with this one */
    uint64_t cheaper; /* of them, those that ask less */
    int64_t cheapest; /* rate; 0: not met yet */
    int64_t middle;   /* the lower of two */
};

static bool is_alike(const struct offer_view *a, const struct offer_view *b)
{
    return a->device == b->device && a->gpus == b->gpus && a->model_size == b->model_size &&
           memcmp(a->model, b->model, (size_t)a->model_size) == 0;
}

/* Calls back for every offer that is online, cheapest first. */
typedef void offer_cb(const struct offer_view *offer, const struct market_entry *own, size_t count,
                      struct standing *standings);

static void for_each_by_price(struct store *store, const struct market_entry *own, size_t count,
                              struct standing *standings, offer_cb *callback)
{
    struct market_entry entries[AT_ONCE];
    struct market_entry last;
    const struct market_entry *after = NULL;
    size_t got;
    while ((got = marketplace_by_price(store, after, entries, AT_ONCE)) > 0) {
        for (size_t i = 0; i < got; i++) {
            if (entries[i].online) {
                callback(&entries[i].offer, own, count, standings);
            }
        }
        last = entries[got - 1];
        after = &last;
    }
}

static void count_alike(const struct offer_view *offer, const struct market_entry *own,
                        size_t count, struct standing *standings)
{
    for (size_t i = 0; i < count; i++) {
        if (is_alike(offer, &own[i].offer)) {
            standings[i].alike++;
            standings[i].cheaper += offer->rate < own[i].offer.rate ? 1 : 0;
            standings[i].cheapest =
                standings[i].cheapest == 0 ? offer->rate : standings[i].cheapest;
        }
    }
}

/* After count_alike, with `alike` of each as what is still to come. */
static void find_middle(const struct offer_view *offer, const struct market_entry *own,
                        size_t count, struct standing *standings)
{
    for (size_t i = 0; i < count; i++) {
        if (standings[i].middle == 0 && is_alike(offer, &own[i].offer) &&
            standings[i].alike-- == 1) {
            standings[i].middle = offer->rate;
        }
    }
}

struct wanted { /* call->state */
    struct id16 provider_id;
    uint64_t after;
    size_t count;
    struct market_entry own[AT_ONCE];
    struct standing standings[AT_ONCE];
    struct standing halves[AT_ONCE];
    enum err_code code;
    struct err err;
};

/* On the pool: it goes twice through all offers that there are, and anybody may publish many. */
static void look(struct api *api, void *state)
{
    struct wanted *w = state;
    struct views_snapshot *snapshot;
    w->code = views_snapshot_open(ledger_views(api->ledger), &snapshot, &w->err);
    if (w->code != ERR_OK) {
        return;
    }
    struct store *store = views_snapshot_store(snapshot);
    w->count = marketplace_of_provider(store, w->provider_id, w->after, w->own, AT_ONCE);
    if (w->count > 0) {
        for_each_by_price(store, w->own, w->count, w->standings, count_alike);
        for (size_t i = 0; i < w->count; i++) {
            w->halves[i].alike = (w->standings[i].alike + 1) / 2;
        }
        for_each_by_price(store, w->own, w->count, w->halves, find_middle);
    }
    w->code = store_check(store, &w->err);
    views_snapshot_close(snapshot);
}

static void reply_standing(struct call *call)
{
    const struct wanted *w = call->state;
    if (w->code != ERR_OK) {
        call->read_err = w->err;
        call_reply(call, 200, json_object()); /* which read_err makes a 503 */
        return;
    }
    struct reading reading;
    if (!reading_open(&reading, call)) {
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < w->count; i++) {
        const struct standing *standing = &w->standings[i];
        bool is_there = standing->alike > 0;
        (void)json_array_append_new(
            items,
            json_pack("{s:o,s:o,s:I,s:o,s:o}", "offer", json_of_offer(&reading, &w->own[i]), "rank",
                      w->own[i].online ? json_of_u64(standing->cheaper + 1) : json_null(), "alike",
                      (json_int_t)standing->alike, "cheapest",
                      is_there ? json_integer(standing->cheapest) : json_null(), "middle",
                      is_there ? json_integer(w->halves[i].middle) : json_null()));
    }
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         w->count == AT_ONCE
                             ? json_of_u64(w->own[w->count - 1].offer.published_sequence)
                             : json_null()));
}

static void get_standing(struct call *call)
{
    uint64_t after = 0;
    if (!list_cursor(call, "after", &after)) {
        return;
    }
    struct wanted *w = arena_alloc(&call->arena, sizeof *w);
    if (w == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    memset(w, 0, sizeof *w);
    w->provider_id = call->principal.account_id;
    w->after = after;
    call->state = w;
    aside_do(call, look, reply_standing);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/providers/{id}", ROUTE_ANY, BODY_NONE, get_provider},
    {HTTP_GET, "/v1/offers/standing", SCOPE_PROVIDER, BODY_NONE, get_standing},
};
const struct route_table ROUTES_PROVIDERS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
