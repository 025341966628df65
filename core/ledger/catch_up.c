/* Replay: the log into the views. At start, after a lost views environment, and after a failed views commit. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"
#include "core/ledger/ledger_internal.h"
#include "core/log/log_reader.h"
#include "core/market/evolve.h"

/* Bounds the dirty pages of one transaction. */
#define EVENTS_PER_TRANSACTION 20000

void ledger_apply(struct ledger *ledger, struct store *store, uint64_t sequence,
                  const struct event *event)
{
    market_evolve(store, sequence, event);
    for (size_t i = 0; i < ledger->options.projection_count; i++) {
        ledger->options.projections[i]->apply(store, sequence, event);
    }
}

/* Root of the log's first `size` records. */
static enum err_code root_at(struct ledger *ledger, uint64_t size, struct key32 *ret,
                             struct err *err)
{
    struct log_reader *reader;
    enum err_code code = log_reader_open(ledger->log, &reader, err);
    if (code == ERR_OK) {
        struct merkle_source nodes = log_reader_nodes(reader);
        code = merkle_source_root(&nodes, size, ret, err);
        log_reader_close(reader);
    }
    return code;
}

/* Whether the views stand on this log; if not they are thrown away. */
static enum err_code check_position(struct ledger *ledger, struct views_position *ret,
                                    struct err *err)
{
    enum err_code code = views_read_position(ledger->views, ret, err);
    if (code != ERR_OK || ret->sequence == 0) {
        return code;
    }
    struct key32 root = {0};
    bool ours = ret->version == VIEWS_VERSION && ret->sequence <= event_log_size(ledger->log);
    if (ours) {
        code = root_at(ledger, ret->sequence, &root, err);
        ours = code == ERR_OK && key_equal(root, ret->root);
    }
    if (code == ERR_OK && !ours) {
        trace(TRACE_WARN, "views.discarded", "reason=\"other log or layout\" position=%llu",
              (unsigned long long)ret->sequence);
        *ret = (struct views_position){0};
        code = views_reset(ledger->views, err);
    }
    return code;
}

static enum err_code apply_range(struct ledger *ledger, uint64_t from, uint64_t to, struct err *err)
{
    struct log_reader *reader = NULL;
    struct store *store = NULL;
    struct arena arena;
    arena_init(&arena, (size_t)16 << 20);
    enum err_code code = views_begin(ledger->views, &store, err);
    if (code == ERR_OK) {
        code = log_reader_open(ledger->log, &reader, err);
    }
    for (uint64_t sequence = from; sequence <= to && code == ERR_OK; sequence++) {
        struct bytes record;
        struct event event;
        arena_clear(&arena);
        code = log_reader_record(reader, sequence, &record, err);
        if (code == ERR_OK) {
            code = record_decode(record, &arena, &event, err);
        }
        if (code == ERR_OK) {
            ledger_apply(ledger, store, sequence, &event);
            code = store_check(store, err);
        }
        if (code != ERR_OK) {
            err_context(err, "replay of record %llu", (unsigned long long)sequence);
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    if (code != ERR_OK) {
        views_abort(ledger->views);
        return code;
    }
    struct views_position position = {
        .sequence = to, .log_id = ledger->log_id, .version = VIEWS_VERSION};
    code = root_at(ledger, to, &position.root, err);
    if (code != ERR_OK) {
        views_abort(ledger->views);
        return code;
    }
    return views_commit(ledger->views, &position, err);
}

enum err_code ledger_catch_up(struct ledger *ledger, struct err *err)
{
    struct views_position position;
    uint64_t size = event_log_size(ledger->log);
    enum err_code code = check_position(ledger, &position, err);
    if (code == ERR_OK && position.sequence < size) {
        trace(TRACE_INFO, "views.catching_up", "from=%llu to=%llu",
              (unsigned long long)position.sequence, (unsigned long long)size);
    }
    while (code == ERR_OK && position.sequence < size) {
        uint64_t to = size - position.sequence > EVENTS_PER_TRANSACTION
                          ? position.sequence + EVENTS_PER_TRANSACTION
                          : size;
        code = apply_range(ledger, position.sequence + 1, to, err);
        position.sequence = to;
    }
    return code;
}
