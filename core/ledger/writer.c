/* The writer: one thread, one batch at a time.
 *
 *     take ─▶ for each command: seen before? replay : decide → encode → evolve, project   (views transaction)
 *          ─▶ append to the log, synced ─▶ commit views ─▶ answer all
 *
 * A command that meets an internal error is answered 500, the transaction is dropped, and the batch runs again without it. If the
 * log takes the batch but the views do not, the callers are answered as accepted and the views catch up from the log before the
 * next command, waiting for room if the disk is full. A sync of the log that fails ends the process: what is on the disk is unknown then. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/ledger/ledger_internal.h"
#include "core/log/log_reader.h"
#include "core/market/decide.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECKPOINT_INTERVAL_NS NS_PER_S
#define READERS_INTERVAL_NS (2 * NS_PER_S)
#define IDLE_MS 200
#define ROOM_POLL_S 1
#define SALTS 256
/* Per mille of the views' map past which nothing is taken: a commit needs a few pages more than its rows, and when the map has none left after the log has the
 * batch, the writer would wait for room that never comes. */
#define VIEWS_FILL_MAX 980

struct
    entry_place { /* where a record lies in ledger->records; pointers come at the end, the buffer moves */
    size_t record_at;
    size_t record_size;
    size_t private_at;
    size_t private_size;
};

struct batch {
    struct ledger *ledger;
    struct queued_command commands[BATCH_COMMANDS_MAX];
    struct ledger_answer answers[BATCH_COMMANDS_MAX];
    bool answered[BATCH_COMMANDS_MAX]; /* settled in an earlier run of this batch */
    size_t count;

    struct store *store;
    int64_t now;
    uint64_t first; /* sequence of the batch's first record */
    size_t entry_count;
    size_t entry_capacity;
    struct entry_place *entries; /* in the arena */
    uint8_t salts[SALTS][PRIVATE_SALT_SIZE];
    size_t salts_left;
};

/* ── one command ───────────────────────────────────────────────────────────────────────────────── */

static enum err_code grow_entries(struct batch *batch, struct err *err)
{
    if (batch->entry_count < batch->entry_capacity) {
        return ERR_OK;
    }
    size_t capacity = batch->entry_capacity == 0 ? 256 : batch->entry_capacity * 2;
    struct entry_place *entries =
        arena_alloc_array(&batch->ledger->arena, capacity, sizeof *entries);
    if (entries == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the batch");
    }
    if (batch->entry_count > 0) {
        memcpy(entries, batch->entries, batch->entry_count * sizeof *entries);
    }
    batch->entries = entries;
    batch->entry_capacity = capacity;
    return ERR_OK;
}

/* Random bytes are asked for by the page: a system call for each event was a tenth of the writer's time. A salt is used up by the
 * part it is stored with, so no two parts have the same. */
static const uint8_t *next_salt(struct batch *batch)
{
    if (batch->salts_left == 0) {
        rng_bytes(batch->salts, sizeof batch->salts);
        batch->salts_left = SALTS;
    }
    return batch->salts[batch->salts_left - 1];
}

/* Private part and record of an event, behind the others of the batch. */
static enum err_code encode_event(struct batch *batch, struct event *event, struct err *err)
{
    struct ledger *ledger = batch->ledger;
    enum err_code code = grow_entries(batch, err);
    if (code != ERR_OK) {
        return code;
    }
    struct entry_place *place = &batch->entries[batch->entry_count];
    place->private_at = ledger->records.size;
    buf_append(&ledger->records, next_salt(batch), PRIVATE_SALT_SIZE);
    code = private_encode(event, &ledger->records, err);
    if (code != ERR_OK) {
        return code;
    }
    place->private_size = ledger->records.size - place->private_at;
    if (place->private_size == PRIVATE_SALT_SIZE) { /* nothing private */
        ledger->records.size = place->private_at;
        place->private_size = 0;
    } else {
        batch->salts_left--;
        event->private_digest =
            sha256_of(bytes_of(ledger->records.data + place->private_at, place->private_size));
    }
    place->record_at = ledger->records.size;
    code = record_encode(event, &ledger->records, err);
    if (code != ERR_OK) {
        return code;
    }
    place->record_size = ledger->records.size - place->record_at;
    batch->entry_count++;
    return ERR_OK;
}

/* All of them, or none is in the batch. */
static enum err_code encode_events(struct batch *batch, const struct decision *decision,
                                   struct err *err)
{
    struct buf *records = &batch->ledger->records;
    size_t const size = records->size;
    size_t const entry_count = batch->entry_count;
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < decision->count && code == ERR_OK; i++) {
        code = encode_event(batch, decision->events[i], err);
    }
    if (code != ERR_OK) {
        records->size = size;
        batch->entry_count = entry_count;
    }
    return code;
}

/* Evolve and project what is encoded. */
static enum err_code apply_events(struct batch *batch, const struct decision *decision,
                                  struct err *err)
{
    uint64_t const first = batch->first + batch->entry_count - decision->count;
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < decision->count && code == ERR_OK; i++) {
        ledger_apply(batch->ledger, batch->store, first + i, decision->events[i]);
        code = store_check(batch->store, err);
    }
    return code;
}

/* Whether this is the request that was accepted under this id: in this batch, or in the log. */
static enum err_code same_request(struct batch *batch, size_t index, uint64_t first, bool *ret,
                                  struct err *err)
{
    const struct command *command = batch->commands[index].command;
    if (key_is_zero(command->fingerprint)) {
        *ret = true;
        return ERR_OK;
    }
    for (size_t i = 0; i < index; i++) {
        if (!batch->answered[i] && batch->answers[i].code == ERR_OK &&
            id_equal(batch->commands[i].command->command_id, command->command_id)) {
            *ret = key_equal(batch->commands[i].command->fingerprint, command->fingerprint);
            return ERR_OK;
        }
    }
    struct log_reader *reader;
    struct bytes record = {0};
    struct bytes part;
    struct arena arena;
    struct event event;
    enum err_code code = log_reader_open(batch->ledger->log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    arena_init(&arena, 1 << 20);
    code = log_reader_record(reader, first, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, err);
    }
    if (code == ERR_OK) {
        *ret = true; /* an erased private part cannot contradict */
        if (log_reader_private(reader, first, &part) && part.size > PRIVATE_SALT_SIZE) {
            code = private_decode(bytes_from(part, PRIVATE_SALT_SIZE), &arena, &event, err);
            *ret = code != ERR_OK || key_equal(event.fingerprint, command->fingerprint);
        }
    }
    arena_deinit(&arena);
    log_reader_close(reader);
    return code;
}

/* true: the command was accepted before, and is answered; or it cannot be known whether it was. */
static bool replay(struct batch *batch, size_t index)
{
    struct ledger_answer *answer = &batch->answers[index];
    uint64_t first;
    uint64_t count;
    bool same = true;
    if (!state_command(batch->store, batch->commands[index].command->command_id, &first, &count)) {
        return false;
    }
    answer->code = same_request(batch, index, first, &same, &answer->err);
    if (answer->code != ERR_OK) {
        return true;
    }
    if (!same) {
        answer->code = err_set(&answer->err, ERR_CONFLICT,
                               "idempotency_mismatch: this key was used with another request");
        return true;
    }
    answer->first = first;
    answer->last = first + count - 1;
    answer->replayed = true;
    return true;
}

/* A failure that is not a refusal: the views transaction cannot be used any more. */
static bool breaks_batch(const struct batch *batch, enum err_code code)
{
    return code == ERR_INTERNAL || code == ERR_CORRUPT || code == ERR_NOMEM || code == ERR_IO ||
           code == ERR_FULL || batch->store->err.code != ERR_OK || batch->ledger->records.failed;
}

/* false: the batch has to run again without this command. */
static bool run_command(struct batch *batch, size_t index)
{
    struct ledger_answer *answer = &batch->answers[index];
    const struct command *command = batch->commands[index].command;
    *answer = (struct ledger_answer){0};
    if (replay(batch, index)) {
        return true;
    }
    struct decision decision = {.arena = &batch->ledger->arena};
    enum err_code code = market_decide(batch->store, command, batch->now, &decision, &answer->err);
    if (code == ERR_OK) {
        INVARIANT(decision.count > 0);
        answer->first = batch->first + batch->entry_count;
        decision.events[0]->fingerprint = command->fingerprint;
        code = encode_events(batch, &decision, &answer->err);
        answer->last = batch->first + batch->entry_count - 1;
        if (code == ERR_OK) {
            code = apply_events(batch, &decision, &answer->err);
        }
    }
    if (batch->store->err.code !=
        ERR_OK) { /* what could not be read looks as if it were not there */
        code = store_check(batch->store, &answer->err);
    }
    answer->code = code;
    if (code == ERR_OK) {
        return true;
    }
    /* Refused by decide, or with a field that cannot be encoded: nothing was touched. Running all again would be paid for by everybody. */
    return !breaks_batch(batch, code);
}

/* ── one batch ─────────────────────────────────────────────────────────────────────────────────── */

static void refuse_all(struct batch *batch, enum err_code code, const struct err *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->answered[i]) {
            batch->answers[i] = (struct ledger_answer){.code = code, .err = *err};
        }
    }
}

static int64_t look_at_clocks(struct ledger *ledger)
{
    int64_t const wall = ledger->options.wall_ns();
    int64_t const set = ledger_clock_read(&ledger->clock, wall, ledger->options.mono_ns());
    int64_t const behind = wall - ledger->clock.now;
    atomic_store(&ledger->clock_behind_ns, behind);
    if (set != 0) {
        atomic_fetch_add(&ledger->clock_steps, 1);
        trace(TRACE_WARN, "clock.was_set", "by_ms=%lld ledger_behind_ms=%lld",
              (long long)(set / NS_PER_MS), (long long)(behind / NS_PER_MS));
    }
    return ledger->clock.now;
}

/* false: a command was taken out; run again. */
static bool run_commands(struct batch *batch)
{
    struct ledger *ledger = batch->ledger;
    batch->now = look_at_clocks(ledger);
    batch->first = event_log_size(ledger->log) + 1;
    batch->entry_count = 0;
    batch->entry_capacity = 0;
    batch->entries = NULL;
    arena_clear(&ledger->arena);
    buf_clear(&ledger->records);
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->answered[i] && !run_command(batch, i)) {
            /* A text that cannot be encoded is the caller's; anything else is ours. */
            trace_err(batch->answers[i].code == ERR_INVALID ? TRACE_DEBUG : TRACE_ERROR,
                      "command.failed", &batch->answers[i].err);
            batch->answered[i] = true;
            return false;
        }
    }
    return true;
}

struct views_position ledger_position(const struct ledger *ledger)
{
    return (struct views_position){
        .sequence = event_log_size(ledger->log),
        .root = event_log_root(ledger->log),
        .log_id = ledger->log_id,
        .version = VIEWS_VERSION,
    };
}

void ledger_end_if_broken(enum err_code code, const struct err *err)
{
    if (code == ERR_IO || code == ERR_CORRUPT) {
        trace_err(TRACE_ERROR, "log.write_failed", err);
        IMPOSSIBLE(
            "the log could not be written or synced: ending the process, the log is opened anew");
    }
}

static enum err_code append(struct batch *batch, struct err *err)
{
    struct ledger *ledger = batch->ledger;
    struct log_entry *entries =
        arena_alloc_array(&ledger->arena, batch->entry_count, sizeof *entries);
    if (entries == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the batch");
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        const struct entry_place *place = &batch->entries[i];
        entries[i].record = bytes_of(ledger->records.data + place->record_at, place->record_size);
        entries[i].private_part =
            bytes_of(ledger->records.data + place->private_at, place->private_size);
    }
    uint64_t first;
    enum err_code code = event_log_append(ledger->log, entries, batch->entry_count, &first, err);
    ledger_end_if_broken(code, err);
    INVARIANT(code != ERR_OK || first == batch->first);
    return code;
}

/* Whoever met it: a row that was read wrong is a wrong decision, so nothing more is answered. */
static void end_if_views_damaged(struct ledger *ledger)
{
    if (views_are_damaged(ledger->views)) {
        views_distrust(ledger->views);
        IMPOSSIBLE("the views are damaged: ending the process, they are rebuilt from the log");
    }
}

/* The views up to the log, however long the disk is full: what is in the log was accepted, and dying would only move the wait to
 * the next start, where nobody can read. False: the ledger is being closed; they catch up at the next start. */
static bool follow_log(struct ledger *ledger)
{
    const struct timespec pause = {.tv_sec = ROOM_POLL_S};
    struct err err = {0};
    bool told = false;
    ledger_end_copy(ledger); /* catching up may make the views anew */
    for (;;) {
        enum err_code code = ledger_catch_up(ledger, &err);
        atomic_store(&ledger->waiting_for_room, code == ERR_FULL);
        if (code == ERR_OK) {
            return true;
        }
        if (code != ERR_FULL) {
            trace_err(TRACE_ERROR, "views.catch_up_failed", &err);
            end_if_views_damaged(ledger);
            IMPOSSIBLE("the views do not follow the log: ending the process, they are rebuilt");
        }
        if (!told) {
            trace_err(TRACE_ERROR, "views.wait_for_room", &err);
            told = true;
        }
        if (atomic_load(&ledger->closing)) {
            return false;
        }
        ledger_look_for_room(ledger);
        (void)nanosleep(&pause, NULL);
    }
}

static void commit(struct batch *batch)
{
    struct ledger *ledger = batch->ledger;
    struct err err = {0};
    enum err_code code = views_flush(ledger->views, &err);
    if (code == ERR_OK) {
        code = append(batch, &err);
    }
    if (code != ERR_OK) {
        views_abort(ledger->views);
        refuse_all(batch, code, &err);
        return;
    }
    if (batch->first == 1 && ledger_read_identity(ledger, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "log.identity", &err); /* again before the first checkpoint */
    }
    struct views_position position = ledger_position(ledger);
    code = views_commit(ledger->views, &position, &err);
    if (code != ERR_OK) {
        trace_err(TRACE_ERROR, "views.commit_failed", &err);
        ledger->views_behind = !follow_log(ledger);
    }
    atomic_store(&ledger->head, event_log_size(ledger->log));
}

static void run_batch(struct batch *batch)
{
    struct ledger *ledger = batch->ledger;
    struct err err = {0};
    memset(batch->answered, 0, sizeof batch->answered);
    if (ledger->views_behind) {
        enum err_code code =
            err_set(&err, ERR_UNAVAILABLE, "stopping: the ledger takes no more commands");
        refuse_all(batch, code, &err);
        return;
    }
    if (views_fill_permille(ledger->views) >= VIEWS_FILL_MAX) {
        refuse_all(batch, err_set(&err, ERR_FULL, "log_full: the views' map is full; reads go on"),
                   &err);
        return;
    }
    for (;;) {
        enum err_code code = views_begin(ledger->views, &batch->store, &err);
        if (code != ERR_OK) {
            refuse_all(batch, code, &err);
            return;
        }
        if (run_commands(batch)) {
            break;
        }
        views_abort(ledger->views);
    }
    if (batch->entry_count > 0) {
        commit(batch);
    } else {
        views_abort(ledger->views);
    }
}

static void answer_all(struct batch *batch)
{
    struct ledger *ledger = batch->ledger;
    uint64_t refusals = 0;
    if (batch->entry_count > 0 && ledger->options.on_commit != NULL) {
        ledger->options.on_commit(ledger->options.on_commit_ctx, atomic_load(&ledger->head));
    }

    for (size_t i = 0; i < batch->count; i++) {
        refusals += batch->answers[i].code != ERR_OK ? 1 : 0;
        batch->commands[i].answer(batch->commands[i].ctx, &batch->answers[i]);
    }
    atomic_fetch_add(&ledger->batches, 1);
    atomic_fetch_add(&ledger->commands, batch->count);
    atomic_fetch_add(&ledger->refusals, refusals);
}

static void maybe_checkpoint(struct ledger *ledger)
{
    struct err err = {0};
    int64_t now = time_mono_ns();
    if (now - ledger->checkpoint_at_ns < CHECKPOINT_INTERVAL_NS) {
        return;
    }
    ledger->checkpoint_at_ns = now;
    bool const failing = ledger_checkpoint(ledger, &err) != ERR_OK;
    if (failing !=
        atomic_exchange(&ledger->checkpoint_failing, failing)) { /* once, not every second */
        if (failing) {
            trace_err(TRACE_ERROR, "checkpoint.failed", &err);
        } else {
            trace(TRACE_INFO, "checkpoint.signed_again", "records=%llu",
                  (unsigned long long)atomic_load(&ledger->checkpoint_size));
        }
    }
}

static void clear(struct ledger *ledger, const char *where, const struct readers *readers)
{
    if (readers->cleared > 0) {
        atomic_fetch_add(&ledger->readers_cleared, readers->cleared);
        trace(TRACE_WARN, "readers.cleared", "of=%s count=%u", where, readers->cleared);
    }
}

/* A reader that was killed would keep pages from being used again until a map is full. */
static void maybe_look_at_readers(struct ledger *ledger)
{
    struct err err = {0};
    struct readers log = {0};
    struct readers views = {0};
    int64_t now = time_mono_ns();
    if (ledger->readers_at_ns != 0 && now - ledger->readers_at_ns < READERS_INTERVAL_NS) {
        return;
    }
    ledger->readers_at_ns = now;
    if (event_log_readers(ledger->log, &log, &err) != ERR_OK ||
        views_readers(ledger->views, &views, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "readers.unknown", &err);
        return;
    }
    clear(ledger, "log", &log);
    clear(ledger, "views", &views);
    atomic_store(&ledger->log_readers, log.count);
    atomic_store(&ledger->log_reader_lag, log.lag);
    atomic_store(&ledger->views_readers, views.count);
    atomic_store(&ledger->views_reader_lag, views.lag);
}

struct batch *batch_create(struct ledger *ledger)
{
    struct batch *batch = calloc(1, sizeof *batch); /* too large for the stack */
    if (batch != NULL) {
        batch->ledger = ledger;
    }
    return batch;
}

void *writer_main(void *arg)
{
    struct ledger *ledger = arg;
    struct batch *batch = ledger->batch;
    bool stopped = false;
    while (!stopped || batch->count > 0) {
        batch->count = command_queue_take(ledger->queue, batch->commands, BATCH_COMMANDS_MAX,
                                          IDLE_MS, &stopped);
        batch->entry_count = 0;
        if (batch->count > 0) {
            run_batch(batch);
            end_if_views_damaged(ledger);
            answer_all(batch);
        } else {
            (void)look_at_clocks(ledger); /* a step is told when it is made */
            end_if_views_damaged(ledger);
        }
        ledger_look_for_room(ledger);
        ledger_copy_views(ledger);
        maybe_checkpoint(ledger);
        maybe_look_at_readers(ledger);
    }
    return NULL;
}
