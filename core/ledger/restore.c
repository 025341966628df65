// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/restore.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/event/codec.h"
#include "core/ledger/ledger_internal.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "core/market/decide.h"

#include <stdio.h>
#include <string.h>

/* ── looking ───────────────────────────────────────────────────────────────────────────────────── */

/* Nobody can write between ledger.restored and the new generation's first checkpoint, so an unfinished restore ends the log. */
static enum err_code ends_with_restore(struct ledger *ledger, bool *ret, struct err *err)
{
    struct log_reader *reader;
    struct bytes record;
    struct record_header header = {0};
    enum err_code code = log_reader_open(ledger->log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    code = log_reader_record(reader, log_reader_size(reader), &record, err);
    if (code == ERR_OK) {
        code = record_header_decode(record, &header, err);
    }
    log_reader_close(reader);
    *ret = header.type == EVENT_LEDGER_RESTORED;
    return code;
}

static enum err_code find(struct ledger *ledger, struct restore_report *report, struct err *err)
{
    struct key32 root = {0};
    report->finding = RESTORE_NOTHING;
    if (report->copy_generation < report->generation) {
        bool unfinished = false;
        enum err_code code = ends_with_restore(ledger, &unfinished, err);
        if (code != ERR_OK) {
            return code;
        }
        report->finding = unfinished ? RESTORE_UNFINISHED : RESTORE_OTHER;
    } else if (report->copy_generation > report->generation || report->copy.size > report->size) {
        report->finding = RESTORE_BEHIND;
    } else {
        enum err_code code = replay_root_at(ledger->log, report->copy.size, &root, err);
        if (code != ERR_OK) {
            return code;
        }
        if (!key_equal(root, report->copy.root)) {
            report->finding = RESTORE_OTHER;
        }
    }
    report->next_generation =
        report->finding == RESTORE_UNFINISHED
            ? report->generation
            : 1 + (report->copy_generation > report->generation ? report->copy_generation
                                                                : report->generation);
    return ERR_OK;
}

/* `note`: the copy's bytes. */
static enum err_code look(struct ledger *ledger, struct buf *note, struct restore_report *ret,
                          struct err *err)
{
    const char *path = ledger->options.checkpoint_copy;
    struct restore_report report = {
        .size = event_log_size(ledger->log),
        .root = event_log_root(ledger->log),
        .generation = ledger->generation,
    };
    INVARIANT(!ledger->running);
    INVARIANT(ledger->has_key);
    if (report.size == 0) {
        return err_set(err, ERR_CONFLICT, "the log is empty: a backup has at least record 1");
    }
    if (path == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "without a checkpoint copy nothing says what was signed: name it");
    }
    enum err_code code = file_read(path, note, err);
    if (code == ERR_OK) {
        code =
            ledger_open_note(ledger, buf_bytes(note), &report.copy_generation, &report.copy, err);
    }
    if (code != ERR_OK) {
        err_context(err, "the checkpoint copy %.120s", path);
        return code;
    }
    int size = snprintf(report.kept, sizeof report.kept, "%s.generation-%llu", path,
                        (unsigned long long)report.copy_generation);
    if (size < 0 || (size_t)size >= sizeof report.kept) {
        return err_set(err, ERR_TOO_LARGE, "the checkpoint copy's path is too long");
    }
    code = find(ledger, &report, err);
    if (code == ERR_OK) {
        *ret = report;
    }
    return code;
}

enum err_code restore_look(struct ledger *ledger, struct restore_report *ret, struct err *err)
{
    struct buf note;
    buf_init(&note, 4096);
    enum err_code code = look(ledger, &note, ret, err);
    buf_deinit(&note);
    return code;
}

/* ── the steps ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code keep_copy(const struct restore_report *report, struct bytes note,
                               struct err *err)
{
    struct buf kept;
    struct err own = {0};
    buf_init(&kept, 4096);
    enum err_code code = file_read(report->kept, &kept, &own);
    if (code == ERR_NOT_FOUND) {
        code = file_write_atomic(report->kept, note, 0644, err);
    } else if (code != ERR_OK) {
        *err = own;
    } else if (!bytes_equal(buf_bytes(&kept), note)) {
        code = err_set(err, ERR_CONFLICT,
                       "%.150s is there already, and is another checkpoint: keep it elsewhere, "
                       "then try again",
                       report->kept);
    }
    buf_deinit(&kept);
    return code;
}

static enum err_code decide(struct ledger *ledger, const struct command *command, int64_t now,
                            struct decision *ret, struct err *err)
{
    struct store *store;
    enum err_code code = views_begin(ledger->views, &store, err);
    if (code == ERR_OK) {
        code = market_decide(store, command, now, ret, err);
        views_abort(ledger->views);
    }
    return code;
}

/* One record, by the same rules as every other, though there is no writer. */
static enum err_code append(struct ledger *ledger, const struct restore_report *report,
                            struct err *err)
{
    int64_t wall = ledger->options.wall_ns();
    int64_t now = wall > ledger->newest_time ? wall : ledger->newest_time;
    struct decision decision = {.arena = &ledger->arena};
    struct command command = {.type = COMMAND_LEDGER_RESTORE,
                              .actor_kind = ACTOR_OPERATOR,
                              .command_id = id_new(wall),
                              .u.restore = {.generation = report->next_generation,
                                            .parent_size = report->size,
                                            .parent_root = report->root}};
    uint64_t first = 0;
    arena_clear(&ledger->arena);
    buf_clear(&ledger->records);
    enum err_code code = decide(ledger, &command, now, &decision, err);
    if (code == ERR_OK) {
        INVARIANT(decision.count == 1);
        code = record_encode(decision.events[0], &ledger->records, err);
    }
    if (code == ERR_OK) {
        struct log_entry entry = {.record = buf_bytes(&ledger->records)};
        code = event_log_append(ledger->log, &entry, 1, &first, err);
    }
    INVARIANT(code != ERR_OK || first == report->size + 1);
    return code;
}

enum err_code restore_run(struct ledger *ledger, struct restore_report *ret, struct err *err)
{
    struct restore_report report = {0};
    struct buf note;
    buf_init(&note, 4096);
    enum err_code code = look(ledger, &note, &report, err);
    if (code == ERR_OK && report.finding == RESTORE_NOTHING) {
        code = err_set(err, ERR_CONFLICT,
                       "the log has all %llu records that were signed: there is nothing to restore",
                       (unsigned long long)report.copy.size);
    }
    if (code == ERR_OK) {
        code = keep_copy(&report, buf_bytes(&note), err);
    }
    if (code == ERR_OK && report.finding != RESTORE_UNFINISHED) {
        code = append(ledger, &report, err);
    }
    if (code == ERR_OK) {
        code = ledger_catch_up(ledger, err);
    }
    if (code == ERR_OK) {
        code = ledger_read_generation(ledger, err);
    }
    if (code == ERR_OK) { /* over the copy, which is kept by now; then into the log */
        INVARIANT(ledger->generation == report.next_generation);
        atomic_store(&ledger->checkpoint_size, 0);
        code = ledger_checkpoint(ledger, err);
    }
    if (code == ERR_OK) {
        *ret = report;
    }
    buf_deinit(&note);
    return code;
}
