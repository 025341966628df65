/* tools/devchain/query_api.c: the archive. Answers and errors are worded as the Query service words them. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "tools/devchain/service.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define PAGE_SIZE_DEFAULT 10
#define PAGE_SIZE_MAX 1000
#define PAGE_END_MAX 10000

/* What a transaction must be like; an unset part allows all. */
struct filter {
    bool has_source;
    bool has_destination;
    bool has_input_type;
    struct key32 source;
    struct key32 destination;
    int64_t input_type;
    int64_t amount_min;
    int64_t amount_max;
    int64_t tick_min;
    int64_t tick_max;
};

static const struct filter filter_all = {
    .amount_max = INT64_MAX, .tick_max = INT64_MAX, .amount_min = 0, .tick_min = 0};

static bool filter_matches(const struct filter *filter, const struct qubic_transaction *tx)
{
    return (!filter->has_source || key_equal(tx->source, filter->source)) &&
           (!filter->has_destination || key_equal(tx->destination, filter->destination)) &&
           (!filter->has_input_type || tx->input_type == filter->input_type) &&
           tx->amount >= filter->amount_min && tx->amount <= filter->amount_max &&
           tx->tick >= filter->tick_min && tx->tick <= filter->tick_max;
}

static struct bytes text_of(const json_t *value)
{
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
                                 : bytes_of(NULL, 0);
}

static bool read_number(const json_t *value, int64_t *ret)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = json_integer_value(value);
        return true;
    }
    return json_is_string(value) && i64_parse(text_of(value), ret, NULL) == ERR_OK && *ret >= 0;
}

/* {"source","destination","amount","inputType"} */
static bool read_filters(json_t *filters, struct filter *ret)
{
    const char *name;
    json_t *value;
    json_object_foreach(filters, name, value)
    {
        bool good = false;
        if (strcmp(name, "source") == 0) {
            good = ret->has_source =
                qubic_identity_parse(text_of(value), &ret->source, NULL) == ERR_OK;
        } else if (strcmp(name, "destination") == 0) {
            good = ret->has_destination =
                qubic_identity_parse(text_of(value), &ret->destination, NULL) == ERR_OK;
        } else if (strcmp(name, "amount") == 0) {
            good = read_number(value, &ret->amount_min);
            ret->amount_max = ret->amount_min;
        } else if (strcmp(name, "inputType") == 0) {
            good = ret->has_input_type = read_number(value, &ret->input_type);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static bool read_range(json_t *range, int64_t *min, int64_t *max)
{
    const char *name;
    json_t *value;
    json_object_foreach(range, name, value)
    {
        int64_t bound;
        if (!read_number(value, &bound)) {
            return false;
        }
        if (strcmp(name, "gte") == 0) {
            *min = bound > *min ? bound : *min;
        } else if (strcmp(name, "gt") == 0 && bound < INT64_MAX) {
            *min = bound + 1 > *min ? bound + 1 : *min;
        } else if (strcmp(name, "lte") == 0) {
            *max = bound < *max ? bound : *max;
        } else if (strcmp(name, "lt") == 0) {
            *max = bound - 1 < *max ? bound - 1 : *max;
        } else {
            return false;
        }
    }
    return true;
}

static bool read_ranges(json_t *ranges, struct filter *ret)
{
    const char *name;
    json_t *value;
    json_object_foreach(ranges, name, value)
    {
        bool good = false;
        if (strcmp(name, "amount") == 0) {
            good = read_range(value, &ret->amount_min, &ret->amount_max);
        } else if (strcmp(name, "tickNumber") == 0) {
            good = read_range(value, &ret->tick_min, &ret->tick_max);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

/* NULL after answering 400 if the body is no JSON object. */
static json_t *read_object(struct service_reply *reply, struct bytes body)
{
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size,
                              JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT, "invalid request: not JSON");
        return NULL;
    }
    return root;
}

/* The executed tick that `root` asks for; false after answering if there is none. */
static bool read_tick(struct devnet *network, struct service_reply *reply, const json_t *root,
                      uint32_t *ret)
{
    uint32_t const last = network_archived_tick(network);
    const struct chain *chain = network_chain(network);
    int64_t tick;
    if (!read_number(json_object_get(root, "tickNumber"), &tick) || tick > UINT32_MAX) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "invalid tick number: expected 0 to 4294967295");
        return false;
    }
    if (tick > last) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "invalid tick number: requested tick number %" PRId64
                      " is greater than last processed tick %" PRIu32,
                      tick, last);
        return false;
    }
    if (!chain_tick_was_executed(chain, (uint32_t)tick)) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "invalid tick number: provided tick number %" PRId64
                      " was skipped by the system, next available tick is %" PRIu32,
                      tick, chain_tick_at_least(chain, (uint32_t)tick));
        return false;
    }
    *ret = (uint32_t)tick;
    return true;
}

void query_transaction_by_hash(struct devnet *network, struct bytes body,
                               struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    struct key32 hash;
    struct err err = {0};
    json_t *root = read_object(reply, body);
    if (root == NULL) {
        return;
    }
    if (qubic_hash_parse(text_of(json_object_get(root, "hash")), &hash, &err) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT, "invalid id format: %s", err.message);
        goto out;
    }
    uint32_t const index = chain_find(chain, &hash);
    struct qubic_archived_transaction found;
    if (index != CHAIN_NONE) {
        found = chain_archived(chain, index);
    }
    if (index == CHAIN_NONE || found.transaction.tick > network_archived_tick(network)) {
        service_error(reply, QUBIC_RPC_NOT_FOUND, "transaction not found");
        goto out;
    }
    qubic_rpc_build_transaction(&reply->body, &found);
out:
    json_decref(root);
}

void query_transactions_for_tick(struct devnet *network, struct bytes body,
                                 struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    struct filter filter = filter_all;
    uint32_t tick;
    uint32_t first;
    json_t *root = read_object(reply, body);
    if (root == NULL || !read_tick(network, reply, root, &tick)) {
        json_decref(root);
        return;
    }
    if (!read_filters(json_object_get(root, "filters"), &filter) ||
        !read_ranges(json_object_get(root, "ranges"), &filter)) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "invalid filters: source, destination, amount and inputType are known");
        json_decref(root);
        return;
    }
    uint32_t const count = chain_tick_transactions(chain, tick, &first);
    buf_append_text(&reply->body, "[");
    for (uint32_t i = 0; i < count; i++) {
        struct qubic_archived_transaction const one = chain_archived(chain, first + i);
        if (filter_matches(&filter, &one.transaction)) {
            buf_append_text(&reply->body, reply->body.size > 1 ? "," : "");
            qubic_rpc_build_transaction(&reply->body, &one);
        }
    }
    buf_append_text(&reply->body, "]");
    json_decref(root);
}

void query_tick_data(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    uint32_t tick;
    uint32_t first;
    json_t *root = read_object(reply, body);
    if (root == NULL || !read_tick(network, reply, root, &tick)) {
        json_decref(root);
        return;
    }
    uint32_t const count = chain_tick_transactions(chain, tick, &first);
    struct arena arena;
    arena_init(&arena, 1U << 20);
    struct key32 *hashes = arena_alloc_array(&arena, count, sizeof *hashes);
    if (hashes == NULL) {
        service_error(reply, QUBIC_RPC_INTERNAL, "out of memory");
    } else {
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = chain_transaction_hash(chain, first + i);
        }
        struct qubic_tick_data const data = {
            .empty = count == 0,
            .tick = tick,
            .epoch = chain_tick_interval(chain, tick).epoch,
            .computor_index = tick % 676,
            .timestamp_ms = chain_tick_timestamp(chain, tick),
            .hashes = hashes,
            .hash_count = count,
        };
        qubic_rpc_build_tick_data(&reply->body, &data);
    }
    arena_deinit(&arena);
    json_decref(root);
}

struct page {
    struct key32 identity;
    struct filter include;
    struct filter exclude;
    bool excludes;
    int64_t offset;
    int64_t size;
};

/* NULL, or what is wrong. */
static const char *read_page(json_t *root, struct page *ret)
{
    json_t *exclude = json_object_get(root, "exclude");
    json_t *pagination = json_object_get(root, "pagination");
    json_t *offset = json_object_get(pagination, "offset");
    json_t *size = json_object_get(pagination, "size");
    *ret = (struct page){
        .include = filter_all, .exclude = filter_all, .size = PAGE_SIZE_DEFAULT, .offset = 0};
    if (qubic_identity_parse(text_of(json_object_get(root, "identity")), &ret->identity, NULL) !=
        ERR_OK) {
        return "invalid identity: expected 60 capital letters";
    }
    ret->excludes = json_object_size(exclude) > 0;
    if (!read_filters(json_object_get(root, "filters"), &ret->include) ||
        !read_filters(exclude, &ret->exclude)) {
        return "invalid filters: source, destination, amount and inputType are known";
    }
    if (!read_ranges(json_object_get(root, "ranges"), &ret->include)) {
        return "invalid ranges: tickNumber and amount, with gt, gte, lt and lte, are known";
    }
    if ((offset != NULL && !read_number(offset, &ret->offset)) ||
        (size != NULL && !read_number(size, &ret->size)) || ret->size == 0 ||
        ret->size > PAGE_SIZE_MAX || ret->offset > PAGE_END_MAX - ret->size) {
        return "invalid pagination: size is 1 to 1000, offset and size together at most 10000";
    }
    return NULL;
}

void query_transactions_for_identity(struct devnet *network, struct bytes body,
                                     struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    struct page page;
    json_t *root = read_object(reply, body);
    const char *wrong = root != NULL ? read_page(root, &page) : NULL;
    json_decref(root);
    if (root == NULL) {
        return;
    }
    if (wrong != NULL) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT, "%s", wrong);
        return;
    }
    struct qubic_identity_transactions answer = {.valid_for_tick = network_archived_tick(network),
                                                 .hits_from = (uint32_t)page.offset};
    struct arena arena;
    arena_init(&arena, (size_t)4 << 20);
    struct qubic_archived_transaction *items =
        arena_alloc_array(&arena, (size_t)page.size, sizeof *items);
    if (items == NULL) {
        service_error(reply, QUBIC_RPC_INTERNAL, "out of memory");
        arena_deinit(&arena);
        return;
    }
    for (uint32_t at = chain_newest_of(chain, &page.identity); at != CHAIN_NONE;
         at = chain_previous_of(chain, &page.identity, at)) {
        struct qubic_archived_transaction const one = chain_archived(chain, at);
        if (one.transaction.tick > answer.valid_for_tick ||
            !filter_matches(&page.include, &one.transaction) ||
            (page.excludes && filter_matches(&page.exclude, &one.transaction))) {
            continue;
        }
        if (answer.hits_total >= page.offset && answer.transactions.count < (size_t)page.size) {
            items[answer.transactions.count++] = one;
        }
        answer.hits_total++;
    }
    answer.transactions.items = items;
    answer.hits_size = (uint32_t)answer.transactions.count;
    qubic_rpc_build_identity_transactions(&reply->body, &answer);
    arena_deinit(&arena);
}

void query_last_processed(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    uint32_t const archived = network_archived_tick(network);
    struct qubic_tick_interval const interval =
        chain_tick_interval(network_chain(network), archived);
    struct qubic_processed_tick const tick = {
        .tick = archived,
        .epoch = interval.epoch,
        .interval_initial_tick = interval.first_tick,
        .last_log_tick = archived,
    };
    (void)body;
    qubic_rpc_build_processed_tick(&reply->body, &tick);
}

void query_intervals(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    uint32_t const archived = network_archived_tick(network);
    size_t const count = chain_interval_count(chain);
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    struct qubic_tick_interval *items = arena_alloc_array(&arena, count, sizeof *items);
    struct qubic_tick_interval_list list = {.items = items};
    (void)body;
    if (items == NULL) {
        service_error(reply, QUBIC_RPC_INTERNAL, "out of memory");
        arena_deinit(&arena);
        return;
    }
    for (size_t i = 0; i < count; i++) { /* what the archive has of it */
        struct qubic_tick_interval one = chain_interval(chain, i);
        one.last_tick = one.last_tick < archived ? one.last_tick : archived;
        if (one.last_tick >= one.first_tick) {
            items[list.count++] = one;
        }
    }
    qubic_rpc_build_tick_intervals(&reply->body, &list);
    arena_deinit(&arena);
}
