/* How far the chain was read. The file is one line, `<tick> <log id, hex> <generation> <records>`, and only saves reading: what was
 * observed twice is refused by the ledger. The log itself proves some of it, too; the later of the two counts. The file must
 * never be ahead of what this log knows, or a deposit would be missed: a line of another log, of another generation, or of a
 * longer log (ours was restored from a backup) does not count. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAVE_EVERY_NS (5 * NS_PER_S)

/* Take the text before the next `end`; empty if there is no `end`. */
static struct bytes take_word(struct bytes *rest, char end)
{
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, end, rest->size) : NULL;
    if (at == NULL) {
        return bytes_of(NULL, 0);
    }
    struct bytes word = bytes_of(rest->data, (size_t)(at - rest->data));
    *rest = bytes_from(*rest, word.size + 1);
    return word;
}

bool cursor_line_parse(struct bytes text, struct cursor_line *ret)
{
    struct cursor_line line;
    struct bytes rest = text;
    if (u64_parse(take_word(&rest, ' '), &line.tick, NULL) != ERR_OK ||
        hex_decode(take_word(&rest, ' '), line.log_id.b, 16, NULL) != ERR_OK ||
        u64_parse(take_word(&rest, ' '), &line.generation, NULL) != ERR_OK ||
        u64_parse(take_word(&rest, '\n'), &line.records, NULL) != ERR_OK || rest.size != 0) {
        return false;
    }
    *ret = line;
    return true;
}

void cursor_line_format(const struct cursor_line *line, char ret[CURSOR_LINE_SIZE])
{
    char log_id[33];
    hex_encode(bytes_of(line->log_id.b, 16), log_id);
    (void)snprintf(ret, CURSOR_LINE_SIZE, "%" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", line->tick,
                   log_id, line->generation, line->records);
}

static bool read_line(const char *path, struct cursor_line *ret)
{
    struct buf text;
    buf_init(&text, 256);
    bool good = file_read(path, &text, NULL) == ERR_OK && cursor_line_parse(buf_bytes(&text), ret);
    buf_deinit(&text);
    return good;
}

/* How far the log itself proves that the chain was read, in order: everything before the newest deposit, everything up to the
 * newest expiry. Without either: before the first escrow. Without an escrow there is nothing to look for. */
static bool take_proof(void *ctx, const struct event *event)
{
    uint32_t *found = ctx;
    if (event->type->number == EVENT_ESCROW_REQUESTED) {
        *found = (uint32_t)(event->u.escrow_requested.requested_tick - 1);
        return false;
    }
    if (event->type->number == EVENT_ESCROW_EXPIRED) {
        uint64_t const processed = event->u.escrow_expired.processed_tick;
        *found = processed != 0 ? (uint32_t)processed : *found;
        return processed != 0;
    }
    *found = (uint32_t)(event->u.deposit_observed.tick - 1);
    return true;
}

static enum err_code read_by_log(struct settlement *s, uint32_t otherwise, uint32_t *ret,
                                 struct err *err)
{
    static const enum event_type_number TYPES[] = {EVENT_DEPOSIT_OBSERVED, EVENT_ESCROW_EXPIRED,
                                                   EVENT_ESCROW_REQUESTED, 0};
    uint32_t found = otherwise;
    enum err_code code = log_back(s, TYPES, take_proof, &found, err);
    if (code == ERR_OK) {
        *ret = found;
    }
    return code;
}

/* event_log_size is the writer's. */
static uint64_t records_now(struct settlement *s)
{
    struct ledger_stats stats;
    ledger_stats(s->options.ledger, &stats);
    return stats.head;
}

enum err_code cursor_load(struct settlement *s, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    struct cursor_line line;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    bool known = state_ledger(views_snapshot_store(snapshot), &ledger);
    views_snapshot_close(snapshot);
    /* Both hold, so the later one: who is started again and again may never come to save the file. */
    code = read_by_log(s, s->processed, &s->cursor, err);
    if (code == ERR_OK && known && read_line(s->cursor_path, &line) &&
        id_equal(line.log_id, ledger.log_id) && line.generation == ledger.generation &&
        line.tick <= s->processed && line.records <= records_now(s) && line.tick > s->cursor) {
        s->cursor = (uint32_t)line.tick;
    }
    s->generation = known ? ledger.generation : 0;
    s->cursor_saved = s->cursor;
    s->cursor_saved_at = s->options.mono_ns();
    return code;
}

void cursor_save(struct settlement *s, bool now)
{
    char text[CURSOR_LINE_SIZE];
    struct err err = {0};
    if (s->cursor == s->cursor_saved ||
        (!now && s->options.mono_ns() - s->cursor_saved_at < SAVE_EVERY_NS)) {
        return;
    }
    const struct cursor_line line = {.tick = s->cursor,
                                     .log_id = settlement_any_key(s)->log_id,
                                     .generation = s->generation,
                                     .records = records_now(s)};
    cursor_line_format(&line, text);
    s->cursor_saved_at = s->options.mono_ns();
    if (file_write_atomic(s->cursor_path, bytes_of_text(text), 0600, &err) == ERR_OK) {
        s->cursor_saved = s->cursor;
    } else {
        trace_err(TRACE_WARN, "cursor.not_saved", &err);
    }
}
