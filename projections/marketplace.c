// SPDX-License-Identifier: Apache-2.0
#include "projections/marketplace.h"

#include "core/base/driver_version.h"
#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct offer_view) == 2 * 16 + 15 * 8 + OFFER_VIEW_MODEL_MAX, "no padding");
static_assert(sizeof(struct market_host) == 2 * 16 + 6 * 8, "no padding");

/* What matching asks of an offer, as the write model has it. */
struct candidate_row {
    struct offer_row offer;
    int64_t published_at;
};
static_assert(sizeof(struct candidate_row) == sizeof(struct offer_row) + 8, "no padding");

static const struct store_table OFFERS = {"view_offers"};
static const struct store_table BY_PRICE = {"view_offers_by_price"};
static const struct store_table BY_PROVIDER = {"view_offers_by_provider"};
static const struct store_table HOSTS = {"view_hosts"};
static const struct store_table CANDIDATES = {"view_candidates"};

static struct view_key id_view_key(struct id16 id)
{
    struct view_key key = {0};
    view_key_id(&key, id);
    return key;
}

static struct view_key price_key(int64_t rate, uint64_t published_sequence)
{
    struct view_key key = {0};
    view_key_u64(&key, (uint64_t)rate); /* rates are positive */
    view_key_u64(&key, published_sequence);
    return key;
}

static struct view_key provider_key(struct id16 account_id, uint64_t published_sequence)
{
    struct view_key key = id_view_key(account_id);
    view_key_u64(&key, published_sequence);
    return key;
}

/* Longest prefix of whole characters; the text is valid UTF-8. */
static size_t cut(struct bytes text, size_t max)
{
    size_t size = text.size < max ? text.size : max;
    while (size > 0 && size < text.size && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

static struct view_key candidate_key(struct id16 host_id, struct id16 offer_id)
{
    struct view_key key = id_view_key(host_id);
    view_key_id(&key, offer_id);
    return key;
}

static void add_candidate(struct store *store, const struct event *event)
{
    struct candidate_row row = {.published_at = event->time};
    if (!state_offer(store, event->stream_id, &row.offer)) {
        store_fail(store, ERR_CORRUPT, "the write model has no such offer");
        return;
    }
    struct view_key key = candidate_key(row.offer.host_id, event->stream_id);
    view_put(store, &CANDIDATES, &key, &row, sizeof row);
}

static void publish(struct store *store, uint64_t sequence, const struct event *event)
{
    const struct ev_offer_published *published = &event->u.offer_published;
    struct offer_view offer;
    memset(&offer, 0, sizeof offer);
    offer.account_id = published->account_id;
    offer.host_id = published->host_id;
    offer.rate = published->rate;
    offer.published_at = event->time;
    offer.published_sequence = sequence;
    offer.device = published->device;
    offer.gpus = published->gpus;
    offer.vram_mib = published->vram_mib;
    offer.tflops_milli = published->tflops_milli;
    offer.ram_mib = published->ram_mib;
    offer.storage_mib = published->storage_mib;
    offer.compute_capability = published->compute_capability;
    (void)driver_version_parse(published->driver, &offer.driver);
    offer.cpu_cores = published->cpu_cores;
    offer.speed_permille = published->speed_permille;
    offer.network_allowed = published->network_allowed ? 1 : 0;
    offer.model_size = cut(published->model, sizeof offer.model);
    if (offer.model_size > 0) {
        memcpy(offer.model, published->model.data, offer.model_size);
    }
    struct view_key key = id_view_key(event->stream_id);
    struct view_key price = price_key(offer.rate, sequence);
    struct view_key provider = provider_key(offer.account_id, sequence);
    view_put(store, &OFFERS, &key, &offer, sizeof offer);
    view_put(store, &BY_PRICE, &price, event->stream_id.b, sizeof event->stream_id.b);
    view_put(store, &BY_PROVIDER, &provider, event->stream_id.b, sizeof event->stream_id.b);
    add_candidate(store, event);
}

static void withdraw(struct store *store, const struct event *event)
{
    struct offer_view offer;
    struct view_key key = id_view_key(event->stream_id);
    if (!view_get(store, &OFFERS, &key, &offer, sizeof offer)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown offer");
        return;
    }
    struct view_key price = price_key(offer.rate, offer.published_sequence);
    struct view_key provider = provider_key(offer.account_id, offer.published_sequence);
    view_delete(store, &OFFERS, &key);
    view_delete(store, &BY_PRICE, &price);
    view_delete(store, &BY_PROVIDER, &provider);
    struct view_key candidate = candidate_key(offer.host_id, event->stream_id);
    view_delete(store, &CANDIDATES, &candidate);
}

static void put_market_host(struct store *store, struct id16 host_id, const struct market_host *row)
{
    struct view_key key = id_view_key(host_id);
    view_put(store, &HOSTS, &key, row, sizeof *row);
}

static bool need_host(struct store *store, struct id16 host_id, struct market_host *ret)
{
    if (!marketplace_get_host(store, host_id, ret)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown host");
        return false;
    }
    return true;
}

static void change_host(struct store *store, const struct event *event)
{
    struct market_host host;
    if (event->type->number == EVENT_PROVIDER_ENROLLED) {
        memset(&host, 0, sizeof host);
        host.account_id = event->u.provider_enrolled.account_id;
    } else if (!need_host(store, event->stream_id, &host)) {
        return;
    }
    if (event->type->number == EVENT_PROVIDER_ONLINE) {
        if (host.online_since == 0) {
            host.online_since = event->time;
        }
        host.changed_at = event->time;
    } else if (event->type->number == EVENT_PROVIDER_OFFLINE) {
        host.online_since = 0;
        host.changed_at = event->time;
    } else if (event->type->number == EVENT_HOST_BENCHMARKED) {
        host.measured_at = event->time;
    }
    put_market_host(store, event->stream_id, &host);
}

/* ── a machine's jobs ──
 *
 *     bought: waits for the machine it was bought on ─▶ assigned to it, or to another of the provider ─▶ ended there
 *                      ▲                                    │ let lie
 *                      └────────────────────────────────────┘ */

/* One more job, or one less, waits for the machine that it was bought on. */
static void wait_on(struct store *store, const struct job_row *job, bool more)
{
    struct offer_row offer;
    struct market_host host;
    if (!state_offer(store, job->offer_id, &offer)) {
        store_fail(store, ERR_CORRUPT, "a job without its offer");
        return;
    }
    if (!need_host(store, offer.host_id, &host)) {
        return;
    }
    if (!more && host.queued == 0) {
        store_fail(store, ERR_CORRUPT, "a job leaves a queue that it is not in");
        return;
    }
    host.queued = more ? host.queued + 1 : host.queued - 1;
    put_market_host(store, offer.host_id, &host);
}

static void queue(struct store *store, const struct event *event)
{
    struct id16 job_id;
    struct job_row job;
    if (view_job_of(event, &job_id) && view_job_row(store, job_id, &job)) {
        wait_on(store, &job, true);
    }
}

static void assign(struct store *store, const struct event *event)
{
    struct market_host host;
    struct job_row job;
    if (!view_job_row(store, event->stream_id, &job)) {
        return;
    }
    wait_on(store, &job, false);
    if (need_host(store, event->u.job_assigned.host_id, &host)) {
        host.job_id = event->stream_id;
        put_market_host(store, event->u.job_assigned.host_id, &host);
    }
}

static void release(struct store *store, const struct event *event)
{
    struct market_host host;
    if (need_host(store, event->u.job_released.host_id, &host)) {
        host.job_id = (struct id16){0};
        host.lost++;
        put_market_host(store, event->u.job_released.host_id, &host);
    }
    queue(store, event);
}

static void count_end(struct market_host *host, enum ending ending)
{
    switch (ending) {
    case ENDING_COMPLETED:
    case ENDING_CAP_REACHED:
    case ENDING_PROGRAM_FAILED:
        host->done++;
        break;
    case ENDING_WORKER_LOST:
    case ENDING_HOST_FAULT:
    case ENDING_NO_WORKER: /* let lie once too often */
        host->lost++;
        break;
    case ENDING_CANCELLED_RUNNING:
    case ENDING_CANCELLED_BEFORE_START:
    case ENDING_PLATFORM_FAULT:
    case ENDING_NEVER_FUNDED:
        break;
    }
}

/* A job that ends while it waits has a host it asked for, which may be busy with another job. */
static void end(struct store *store, const struct event *event)
{
    struct job_row job;
    struct market_host host;
    if (!view_job_row(store, event->stream_id, &job) || !need_host(store, job.host_id, &host)) {
        return;
    }
    if (id_equal(host.job_id, event->stream_id)) {
        host.job_id = (struct id16){0};
        count_end(&host, event->u.job_completed.ending); /* one shape for all ends */
        put_market_host(store, job.host_id, &host);
    } else if (job.queued_at != 0) {
        wait_on(store, &job, false);
    }
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    switch (event->type->number) {
    case EVENT_OFFER_PUBLISHED:
        publish(store, sequence, event);
        break;
    case EVENT_OFFER_WITHDRAWN:
        withdraw(store, event);
        break;
    case EVENT_PROVIDER_ENROLLED:
    case EVENT_PROVIDER_ONLINE:
    case EVENT_PROVIDER_OFFLINE:
    case EVENT_HOST_BENCHMARKED:
        change_host(store, event);
        break;
    case EVENT_ESCROW_LOCKED:
        queue(store, event);
        break;
    case EVENT_JOB_ASSIGNED:
        assign(store, event);
        break;
    case EVENT_JOB_RELEASED:
        release(store, event);
        break;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        end(store, event);
        break;
    default:
        break;
    }
}

static const struct store_table *const TABLES[] = {&OFFERS, &BY_PRICE, &BY_PROVIDER, &HOSTS,
                                                   &CANDIDATES};
const struct projection PROJECTION_MARKETPLACE = {.name = "marketplace",
                                                  .tables = TABLES,
                                                  .table_count = sizeof TABLES / sizeof *TABLES,
                                                  .apply = apply};

/* ── queries ───────────────────────────────────────────────────────────────────────────────────── */

static void add_host_state(struct store *store, struct market_entry *entry)
{
    struct market_host host;
    bool known = marketplace_get_host(store, entry->offer.host_id, &host);
    entry->online = known && host.online_since != 0;
    entry->busy = known && !id_is_zero(host.job_id);
}

bool marketplace_get(struct store *store, struct id16 offer_id, struct market_entry *ret)
{
    struct view_key key = id_view_key(offer_id);
    memset(ret, 0, sizeof *ret);
    if (!view_get(store, &OFFERS, &key, &ret->offer, sizeof ret->offer)) {
        return false;
    }
    ret->offer_id = offer_id;
    add_host_state(store, ret);
    return true;
}

bool marketplace_get_host(struct store *store, struct id16 host_id, struct market_host *ret)
{
    struct view_key key = id_view_key(host_id);
    return view_get(store, &HOSTS, &key, ret, sizeof *ret);
}

static size_t walk_index(struct store *store, const struct store_table *table, struct view_key *at,
                         size_t prefix_size, struct market_entry *ret, size_t max)
{
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, table, at, prefix_size, &value)) {
        struct id16 offer_id;
        INVARIANT(value.size == sizeof offer_id.b);
        memcpy(offer_id.b, value.data, sizeof offer_id.b);
        bool found = marketplace_get(store, offer_id, &ret[count]);
        count += found ? 1 : 0;
    }
    return count;
}

size_t marketplace_by_price(struct store *store, const struct market_entry *after,
                            struct market_entry *ret, size_t max)
{
    struct view_key at = after == NULL
                             ? price_key(0, 0)
                             : price_key(after->offer.rate, after->offer.published_sequence);
    return walk_index(store, &BY_PRICE, &at, 0, ret, max);
}

size_t marketplace_of_provider(struct store *store, struct id16 account_id, uint64_t after,
                               struct market_entry *ret, size_t max)
{
    struct view_key at = provider_key(account_id, after);
    return walk_index(store, &BY_PROVIDER, &at, sizeof account_id.b, ret, max);
}

size_t marketplace_by_id(struct store *store, struct id16 after, struct market_entry *ret,
                         size_t max)
{
    struct view_key at = id_view_key(after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &OFFERS, &at, 0, &value)) {
        struct market_entry *entry = &ret[count++];
        memset(entry, 0, sizeof *entry);
        INVARIANT(value.size == sizeof entry->offer);
        memcpy(entry->offer_id.b, at.b, sizeof entry->offer_id.b);
        memcpy(&entry->offer, value.data, sizeof entry->offer);
        add_host_state(store, entry);
    }
    return count;
}

/* ── for matching ──────────────────────────────────────────────────────────────────────────────── */

static struct candidate candidate_of(struct id16 offer_id, const struct candidate_row *row,
                                     const struct market_host *host)
{
    return (struct candidate){
        .offer_id = offer_id,
        .offer = row->offer,
        .measured_at =
            row->published_at > host->measured_at ? row->published_at : host->measured_at,
        .online = host->online_since != 0,
        .busy = !id_is_zero(host->job_id),
        .queued = host->queued,
        .done = host->done,
        .lost = host->lost,
    };
}

/* Move to the host of this id; hosts and candidates come in the same order. */
static bool follow_host(struct store *store, struct view_key *at, const uint8_t id[16],
                        struct market_host *host)
{
    struct bytes value;
    while (memcmp(at->b, id, 16) != 0) {
        if (!view_next(store, &HOSTS, at, 0, &value)) {
            return false;
        }
        INVARIANT(value.size == sizeof *host);
        memcpy(host, value.data, sizeof *host);
    }
    return true;
}

enum err_code marketplace_candidates(struct store *store, struct candidate **ret, size_t *ret_count,
                                     struct err *err)
{
    struct view_key at = candidate_key((struct id16){0}, (struct id16){0});
    struct view_key host_at = id_view_key((struct id16){0});
    struct market_host host = {0};
    struct candidate *list = NULL;
    struct bytes value;
    size_t count = 0;
    size_t capacity = 0;
    while (view_next(store, &CANDIDATES, &at, 0, &value)) {
        struct candidate_row row;
        struct id16 offer_id;
        if (count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            struct candidate *grown = reallocarray(list, capacity, sizeof *grown);
            if (grown == NULL) {
                free(list);
                return err_set(err, ERR_NOMEM, "no memory for %zu offers", capacity);
            }
            list = grown;
        }
        INVARIANT(value.size == sizeof row);
        memcpy(&row, value.data, sizeof row);
        memcpy(offer_id.b, at.b + 16, sizeof offer_id.b);
        if (!follow_host(store, &host_at, at.b, &host)) {
            store_fail(store, ERR_CORRUPT, "an offer of no host");
            break;
        }
        list[count++] = candidate_of(offer_id, &row, &host);
    }
    enum err_code code = store_check(store, err);
    if (code != ERR_OK) {
        free(list);
        return code;
    }
    *ret = list;
    *ret_count = count;
    return ERR_OK;
}
