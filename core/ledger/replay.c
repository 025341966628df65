// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/replay.h"

#include "core/base/arena.h"
#include "core/base/invariant.h"
#include "core/ledger/ledger.h"
#include "core/log/log_reader.h"
#include "core/market/evolve.h"
#include "core/market/state.h"

#define TABLES_MAX 96
/* Bounds the dirty pages of one transaction. */
#define EVENTS_PER_TRANSACTION 20000

enum err_code replay_open_views(const struct views_options *options,
                                const struct projection_list *projections, struct views **ret,
                                struct err *err)
{
    const struct store_table *tables[TABLES_MAX];
    struct views_options all = *options;
    size_t count = 0;
    for (size_t i = 0; i < STATE_TABLE_COUNT; i++) {
        tables[count++] = STATE_TABLES[i];
    }
    for (size_t i = 0; i < projections->count; i++) {
        const struct projection *projection = projections->items[i];
        for (size_t t = 0; t < projection->table_count; t++) {
            if (count == TABLES_MAX) {
                return err_set(err, ERR_TOO_LARGE, "more than %d tables", TABLES_MAX);
            }
            tables[count++] = projection->tables[t];
        }
    }
    all.tables = tables;
    all.table_count = count;
    return views_open(&all, ret, err);
}

void replay_apply(const struct projection_list *projections, struct store *store, uint64_t sequence,
                  const struct event *event)
{
    market_evolve(store, sequence, event);
    for (size_t i = 0; i < projections->count; i++) {
        projections->items[i]->apply(store, sequence, event);
    }
}

enum err_code replay_root_at(struct event_log *log, uint64_t size, struct key32 *ret,
                             struct err *err)
{
    struct log_reader *reader;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code == ERR_OK) {
        struct merkle_source nodes = log_reader_nodes(reader);
        code = merkle_source_root(&nodes, size, ret, err);
        log_reader_close(reader);
    }
    return code;
}

static enum err_code apply_range(const struct replay *replay, uint64_t from, uint64_t to,
                                 struct err *err)
{
    struct log_reader *reader = NULL;
    struct store *store = NULL;
    struct arena arena;
    arena_init(&arena, (size_t)16 << 20);
    enum err_code code = views_begin(replay->views, &store, err);
    if (code == ERR_OK) {
        code = log_reader_open(replay->log, &reader, err);
    }
    for (uint64_t sequence = from; sequence <= to && code == ERR_OK; sequence++) {
        struct bytes record = {0};
        struct event event;
        arena_clear(&arena);
        code = log_reader_record(reader, sequence, &record, err);
        if (code == ERR_OK) {
            code = record_decode(record, &arena, &event, err);
        }
        if (code == ERR_OK) {
            replay_apply(&replay->projections, store, sequence, &event);
            code = store_check(store, err);
        }
        if (code != ERR_OK) {
            err_context(err, "replay of record %llu", (unsigned long long)sequence);
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    struct views_position position = {
        .sequence = to, .log_id = replay->log_id, .version = VIEWS_VERSION};
    if (code == ERR_OK) {
        code = replay_root_at(replay->log, to, &position.root, err);
    }
    if (code != ERR_OK) {
        views_abort(replay->views);
        return code;
    }
    return views_commit(replay->views, &position, err);
}

enum err_code replay_run(const struct replay *replay, uint64_t from, struct err *err)
{
    enum err_code code = ERR_OK;
    while (code == ERR_OK && from < replay->to) {
        uint64_t to =
            replay->to - from > EVENTS_PER_TRANSACTION ? from + EVENTS_PER_TRANSACTION : replay->to;
        code = apply_range(replay, from + 1, to, err);
        from = to;
        if (code == ERR_OK && replay->progress != NULL) {
            replay->progress(replay->ctx, to, replay->to);
        }
    }
    return code;
}
