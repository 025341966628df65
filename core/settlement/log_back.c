/* The log, read backwards for the newest events of some kinds. */
// SPDX-License-Identifier: Apache-2.0
#include "core/event/codec.h"
#include "core/log/log_reader.h"
#include "core/settlement/settlement_internal.h"

static bool is_one_of(uint64_t type, const enum event_type_number *types)
{
    while (*types != 0 && *types != type) {
        types++;
    }
    return *types != 0;
}

enum err_code log_back(struct settlement *s, const enum event_type_number *types, log_back_cb *each,
                       void *ctx, struct err *err)
{
    struct log_reader *reader;
    struct arena arena;
    bool enough = false;
    enum err_code code = log_reader_open(ledger_log(s->options.ledger), &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    arena_init(&arena, 1 << 20);
    for (uint64_t at = log_reader_size(reader); at > 0 && !enough && code == ERR_OK; at--) {
        struct bytes record;
        struct record_header header = {0};
        struct event event;
        code = log_reader_record(reader, at, &record, err);
        if (code == ERR_OK) {
            code = record_header_decode(record, &header, err);
        }
        if (code == ERR_OK && is_one_of(header.type, types)) {
            arena_clear(&arena);
            code = record_decode(record, &arena, &event, err);
            enough = code == ERR_OK && each(ctx, &event);
        }
    }
    arena_deinit(&arena);
    log_reader_close(reader);
    return code;
}
