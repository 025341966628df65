// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/ledger.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/ledger/ledger_internal.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define QUEUE_MAX_DEFAULT 4096
#define DISK_KEPT ((uint64_t)64 << 20)

/* ── opening ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code open_views(struct ledger *ledger, struct err *err)
{
    char path[PATH_MAX];
    struct projection_list projections = {ledger->options.projections,
                                          ledger->options.projection_count};
    struct views_options options = {
        .folder = path,
        .map_size = ledger->options.map_size * VIEWS_MAP_FACTOR,
        .read_only = ledger->options.read_only,
    };
    enum err_code code = path_join(path, sizeof path, ledger->options.data_dir, "views", err);
    return code == ERR_OK ? replay_open_views(&options, &projections, &ledger->views, err) : code;
}

enum err_code ledger_read_identity(struct ledger *ledger, struct err *err)
{
    struct log_reader *reader;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    enum err_code code = log_reader_open(ledger->log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    uint64_t size = log_reader_size(reader);
    struct bytes record;
    struct event first;
    struct record_header last;
    if (size > 0) {
        code = log_reader_record(reader, 1, &record, err);
        if (code == ERR_OK) {
            code = record_decode(record, &arena, &first, err);
        }
        if (code == ERR_OK && first.type->number != EVENT_LEDGER_OPENED) {
            code = err_set(err, ERR_CORRUPT, "record 1 is not ledger.opened");
        }
        if (code == ERR_OK) {
            ledger->log_id = first.u.ledger_opened.log_id;
            ledger->generation = first.u.ledger_opened.generation;
            code = log_origin(&first.u.ledger_opened, first.u.ledger_opened.generation,
                              ledger->origin, err);
        }
        if (code == ERR_OK) {
            code = log_reader_record(reader, size, &record, err);
        }
        if (code == ERR_OK) {
            code = record_header_decode(record, &last, err);
        }
        if (code == ERR_OK) {
            ledger->newest_time = last.time;
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    return code;
}

/* The origin without its last part: "<name>/<log id>/". */
static int origin_stem(const struct ledger *ledger)
{
    const char *slash = strrchr(ledger->origin, '/');
    return slash == NULL ? 0 : (int)(slash - ledger->origin) + 1;
}

enum err_code ledger_read_generation(struct ledger *ledger, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row row = {0};
    char origin[NOTE_NAME_MAX];
    enum err_code code = views_snapshot_open(ledger->views, &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    (void)state_ledger(views_snapshot_store(snapshot), &row);
    code = store_check(views_snapshot_store(snapshot), err);
    views_snapshot_close(snapshot);
    if (code != ERR_OK || row.generation <= ledger->generation) {
        return code;
    }
    int size = snprintf(origin, sizeof origin, "%.*s%llu", origin_stem(ledger), ledger->origin,
                        (unsigned long long)row.generation);
    if (size < 0 || (size_t)size >= sizeof origin) {
        return err_set(err, ERR_CORRUPT, "the log's origin is too long");
    }
    memcpy(ledger->origin, origin, (size_t)size + 1);
    ledger->generation = row.generation;
    return ERR_OK;
}

enum err_code ledger_open_note(const struct ledger *ledger, struct bytes note,
                               uint64_t *ret_generation, struct checkpoint *ret, struct err *err)
{
    char origin[NOTE_NAME_MAX] = "";
    size_t stem = (size_t)origin_stem(ledger);
    const uint8_t *end = note.size == 0 ? NULL : memchr(note.data, '\n', note.size);
    size_t size = end == NULL ? 0 : (size_t)(end - note.data);
    uint64_t generation = ledger->generation;
    if (size > stem && size < sizeof origin && memcmp(note.data, ledger->origin, stem) == 0 &&
        u64_parse(bytes_of(note.data + stem, size - stem), &generation, NULL) == ERR_OK) {
        memcpy(origin, note.data, size); /* else its own check says what is wrong with it */
    } else {
        memcpy(origin, ledger->origin, sizeof origin);
    }
    enum err_code code = checkpoint_open(note, origin, ledger->key.public_key, ret, err);
    if (code == ERR_OK) {
        *ret_generation = generation;
    }
    return code;
}

/* A log older than its last signed checkpoint was restored from an old copy, one that disagrees with it is another history: writing
 * to either would sign a second one. A copy that is there but says nothing may hide either, so it is not written over. */
static enum err_code check_copy(struct ledger *ledger, struct err *err)
{
    struct buf note;
    struct checkpoint copy;
    struct key32 root = {0};
    struct err unusable = {0};
    uint64_t generation = 0;
    if (ledger->options.checkpoint_copy == NULL || !ledger->has_key) {
        return ERR_OK;
    }
    buf_init(&note, 4096);
    uint64_t size = event_log_size(ledger->log);
    enum err_code code = file_read(ledger->options.checkpoint_copy, &note, &unusable);
    if (code == ERR_NOT_FOUND) {
        code = ERR_OK;
        goto out;
    }
    if (code == ERR_OK) {
        code = ledger_open_note(ledger, buf_bytes(&note), &generation, &copy, &unusable);
    }
    if (code == ERR_NOMEM) {
        code = err_set(err, ERR_NOMEM, "%s", unusable.message);
    } else if (code != ERR_OK) {
        trace_err(TRACE_ERROR, "checkpoint.copy_unusable", &unusable);
        /* Only the reason is cut when all would not fit. */
        (void)snprintf(
            ledger->read_only_reason, sizeof ledger->read_only_reason,
            "the copy of the checkpoint cannot be used (%.110s): bring it back, or, if this "
            "log is the newest there is, delete it and start again",
            unusable.message);
        code = ERR_OK;
    } else if (generation != ledger->generation) {
        (void)snprintf(ledger->read_only_reason, sizeof ledger->read_only_reason,
                       generation > ledger->generation
                           ? "generation %llu of this log has signed a checkpoint, and it is at "
                             "generation %llu: restored from an old copy?"
                           : "the checkpoint copy is of generation %llu, the log of generation "
                             "%llu: a restore was not finished",
                       (unsigned long long)generation, (unsigned long long)ledger->generation);
    } else if (copy.size > size) {
        (void)snprintf(ledger->read_only_reason, sizeof ledger->read_only_reason,
                       "the log has %llu records, but %llu were signed: restored from an old copy?",
                       (unsigned long long)size, (unsigned long long)copy.size);
    } else {
        code = replay_root_at(ledger->log, copy.size, &root, err);
        if (code == ERR_OK && !key_equal(root, copy.root)) {
            (void)snprintf(
                ledger->read_only_reason, sizeof ledger->read_only_reason,
                "the log's first %llu records are not those that were signed: another copy "
                "of this log went on after it?",
                (unsigned long long)copy.size);
        }
    }
out:
    buf_deinit(&note);
    return code;
}

static enum err_code read_checkpoint_size(struct ledger *ledger, struct err *err)
{
    struct log_reader *reader;
    struct bytes note;
    enum err_code code = log_reader_open(ledger->log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    if (ledger->has_key && log_reader_checkpoint(reader, &note)) {
        struct checkpoint checkpoint;
        uint64_t generation = 0;
        code = ledger_open_note(ledger, note, &generation, &checkpoint, err);
        if (code == ERR_OK && generation == ledger->generation) {
            atomic_store(&ledger->checkpoint_size, checkpoint.size);
        }
    }
    log_reader_close(reader);
    return code;
}

/* One writer: a second one would take the next sequence, after which the first could append nothing more. The lock is the open
 * file's, so it ends with the process however that ends. */
static enum err_code lock_folder(struct ledger *ledger, struct err *err)
{
    char path[PATH_MAX];
    const char *folder = ledger->options.data_dir;
    enum err_code code = path_join(path, sizeof path, folder, "lock", err);
    if (code == ERR_OK) {
        code = dir_create(folder, 0700, err);
    }
    return code == ERR_OK ? file_lock(path, 0600,
                                      "another process has the ledger open; stop that server first",
                                      &ledger->lock_fd, err)
                          : code;
}

/* Bring the views up to the log, and read from them which generation it is at. */
static enum err_code follow_log(struct ledger *ledger, struct err *err)
{
    enum err_code code = ledger->options.read_only ? ERR_OK : ledger_catch_up(ledger, err);
    return code == ERR_OK ? ledger_read_generation(ledger, err) : code;
}

static enum err_code open_parts(struct ledger *ledger, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = path_join(path, sizeof path, ledger->options.data_dir, "log", err);
    if (code == ERR_OK && !ledger->options.read_only) {
        code = lock_folder(ledger, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct event_log_options log_options = {
        .folder = path,
        .map_size = ledger->options.map_size,
        .create = !ledger->options.read_only,
        .read_only = ledger->options.read_only,
    };
    code = event_log_open(&log_options, &ledger->log, err);
    if (code == ERR_OK) {
        code = ledger_read_identity(ledger, err);
    }
    if (code == ERR_OK) {
        code = open_views(ledger, err);
    }
    if (code == ERR_OK) {
        code = follow_log(ledger, err);
    }
    if (code == ERR_CORRUPT && ledger->views != NULL && views_are_damaged(ledger->views)) {
        trace_err(TRACE_WARN, "views.discarded", err);
        views_distrust(ledger->views);
        code = views_reset(ledger->views, err);
        if (code == ERR_OK) {
            code = follow_log(ledger, err);
        }
    }
    if (code == ERR_OK) {
        code = read_checkpoint_size(ledger, err);
    }
    return code;
}

enum err_code ledger_open(const struct ledger_options *options, struct ledger **ret,
                          struct err *err)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the ledger");
    }
    ledger->options = *options;
    ledger->lock_fd = -1;
    if (ledger->options.wall_ns == NULL) {
        ledger->options.wall_ns = time_wall_ns;
    }
    if (ledger->options.mono_ns == NULL) {
        ledger->options.mono_ns = options->wall_ns != NULL ? options->wall_ns : time_mono_ns;
    }
    if (options->checkpoint_key != NULL) {
        ledger->key = *options->checkpoint_key;
        ledger->has_key = true;
    }
    arena_init(&ledger->arena, BATCH_BYTES_MAX);
    buf_init(&ledger->records, BATCH_BYTES_MAX);
    enum err_code code = open_parts(ledger, err);
    if (code != ERR_OK) {
        goto out;
    }
    atomic_store(&ledger->head, event_log_size(ledger->log));
    ledger->copied_at = views_copied_at(ledger->views);
    code = check_copy(ledger, err);
    if (code != ERR_OK) {
        goto out;
    }
    if (options->read_only || !ledger->has_key) {
        (void)snprintf(ledger->read_only_reason, sizeof ledger->read_only_reason,
                       "the ledger was opened for reading only");
    }
    ledger_clock_start(&ledger->clock, ledger->newest_time, ledger->options.wall_ns(),
                       ledger->options.mono_ns());
    if (ledger->read_only_reason[0] == '\0' && !options->no_writer) {
        ledger->queue =
            command_queue_create(options->queue_max != 0 ? options->queue_max : QUEUE_MAX_DEFAULT);
        ledger->batch = batch_create(ledger);
        if (ledger->queue == NULL || ledger->batch == NULL ||
            pthread_create(&ledger->thread, NULL, writer_main, ledger) != 0) {
            code = err_set(err, ERR_NOMEM, "no memory for the writer");
            goto out;
        }
        ledger->running = true;
    }
    *ret = ledger;
    ledger = NULL;
out:
    ledger_close(ledger);
    return code;
}

void ledger_begin_close(struct ledger *ledger)
{
    atomic_store(&ledger->closing, true);
}

void ledger_close(struct ledger *ledger)
{
    struct err err = {0};
    if (ledger == NULL) {
        return;
    }
    ledger_begin_close(ledger);
    if (ledger->running) {
        command_queue_stop(ledger->queue);
        (void)pthread_join(ledger->thread, NULL);
        if (ledger_checkpoint(ledger, &err) != ERR_OK) {
            trace_err(TRACE_ERROR, "checkpoint.failed", &err);
        }
    }
    ledger_end_copy(ledger);
    command_queue_destroy(ledger->queue);
    free(ledger->batch);
    views_close(ledger->views);
    event_log_close(ledger->log);
    arena_deinit(&ledger->arena);
    buf_deinit(&ledger->records);
    note_key_wipe(&ledger->key);
    if (ledger->lock_fd >= 0) {
        (void)close(ledger->lock_fd);
    }
    free(ledger);
}

/* ── submitting ────────────────────────────────────────────────────────────────────────────────── */

/* Near the end only what ends and settles jobs is taken; the rest is kept for it. The views grow faster than the log. */
static enum err_code check_room(struct ledger *ledger, enum command_class class, struct err *err)
{
    if (class < CLASS_CONSUMER) {
        return ERR_OK;
    }
    if (atomic_load(&ledger->disk_nearly_full)) {
        return err_set(err, ERR_FULL, "disk_full: the disk is nearly full; reads go on");
    }
    if (event_log_fill_permille(ledger->log) >= QUOTA_PERMILLE ||
        views_fill_permille(ledger->views) >= QUOTA_PERMILLE) {
        return err_set(err, ERR_FULL, "log_full: the log has reached its quota; reads go on");
    }
    return ERR_OK;
}

uint64_t ledger_free_room(const struct ledger *ledger)
{
    struct statvfs disk;
    if (statvfs(ledger->options.data_dir, &disk) != 0) {
        return UINT64_MAX;
    }
    uint64_t const tenth = (uint64_t)disk.f_blocks * disk.f_frsize / 10;
    uint64_t const kept = tenth < DISK_KEPT ? tenth : DISK_KEPT;
    uint64_t const available = (uint64_t)disk.f_bavail * disk.f_frsize;
    return available < kept ? 0 : available - kept;
}

void ledger_look_for_room(struct ledger *ledger)
{
    bool const nearly_full = ledger_free_room(ledger) == 0;
    if (nearly_full != atomic_exchange(&ledger->disk_nearly_full, nearly_full)) {
        trace(nearly_full ? TRACE_WARN : TRACE_INFO,
              nearly_full ? "disk.nearly_full" : "disk.has_room", "kept=%llu",
              (unsigned long long)DISK_KEPT);
    }
}

bool ledger_disk_is_nearly_full(struct ledger *ledger)
{
    ledger_look_for_room(ledger);
    return atomic_load(&ledger->disk_nearly_full);
}

enum err_code ledger_submit(struct ledger *ledger, const struct command *command,
                            enum command_class class, ledger_answer_cb *answer, void *ctx,
                            struct err *err)
{
    if (!ledger->running) {
        return err_set(err, ERR_UNAVAILABLE, "read_only: %s", ledger->read_only_reason);
    }
    enum err_code code = check_room(ledger, class, err);
    if (code != ERR_OK) {
        return code;
    }
    struct queued_command queued = {.command = command, .answer = answer, .ctx = ctx};
    return command_queue_push(ledger->queue, class, &queued, err);
}

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool answered;
    struct ledger_answer answer;
};

static void answer_cb(void *ctx, const struct ledger_answer *answer)
{
    struct waiting *waiting = ctx;
    (void)pthread_mutex_lock(&waiting->mutex);
    waiting->answer = *answer;
    waiting->answered = true;
    (void)pthread_cond_signal(&waiting->done);
    (void)pthread_mutex_unlock(&waiting->mutex);
}

struct ledger_answer ledger_submit_wait(struct ledger *ledger, const struct command *command,
                                        enum command_class class)
{
    struct waiting waiting = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    struct err err = {0};
    enum err_code code = ledger_submit(ledger, command, class, answer_cb, &waiting, &err);
    if (code != ERR_OK) {
        return (struct ledger_answer){.code = code, .err = err};
    }
    (void)pthread_mutex_lock(&waiting.mutex);
    while (!waiting.answered) {
        (void)pthread_cond_wait(&waiting.done, &waiting.mutex);
    }
    (void)pthread_mutex_unlock(&waiting.mutex);
    (void)pthread_cond_destroy(&waiting.done);
    (void)pthread_mutex_destroy(&waiting.mutex);
    return waiting.answer;
}

/* ── telling ───────────────────────────────────────────────────────────────────────────────────── */

struct event_log *ledger_log(struct ledger *ledger)
{
    return ledger->log;
}

struct views *ledger_views(struct ledger *ledger)
{
    return ledger->views;
}

const char *ledger_origin(const struct ledger *ledger)
{
    return ledger->origin;
}

const char *ledger_read_only_reason(const struct ledger *ledger)
{
    return ledger->read_only_reason[0] == '\0' ? NULL : ledger->read_only_reason;
}

void ledger_stats(struct ledger *ledger, struct ledger_stats *ret)
{
    *ret = (struct ledger_stats){
        .head = atomic_load(&ledger->head),
        .batches = atomic_load(&ledger->batches),
        .commands = atomic_load(&ledger->commands),
        .refusals = atomic_load(&ledger->refusals),
        .checkpoint_size = atomic_load(&ledger->checkpoint_size),
        .views_from = ledger->views_from,
        .log_fill_permille = event_log_fill_permille(ledger->log),
        .views_fill_permille = views_fill_permille(ledger->views),
        .waiting_for_room = atomic_load(&ledger->waiting_for_room),
        .disk_nearly_full = atomic_load(&ledger->disk_nearly_full),
        .checkpoint_failing = atomic_load(&ledger->checkpoint_failing),
        .log_readers = atomic_load(&ledger->log_readers),
        .views_readers = atomic_load(&ledger->views_readers),
        .log_reader_lag = atomic_load(&ledger->log_reader_lag),
        .views_reader_lag = atomic_load(&ledger->views_reader_lag),
        .readers_cleared = atomic_load(&ledger->readers_cleared),
        .clock_steps = atomic_load(&ledger->clock_steps),
        .clock_behind_ms = atomic_load(&ledger->clock_behind_ns) / NS_PER_MS,
    };
    if (ledger->queue != NULL) {
        command_queue_lengths(ledger->queue, ret->queued);
    }
}

/* ── the checkpoint ────────────────────────────────────────────────────────────────────────────── */

enum err_code ledger_checkpoint(struct ledger *ledger, struct err *err)
{
    struct checkpoint checkpoint = {.size = event_log_size(ledger->log)};
    if (!ledger->has_key || checkpoint.size == 0 ||
        checkpoint.size == atomic_load(&ledger->checkpoint_size)) {
        return ERR_OK;
    }
    enum err_code code = ERR_OK;
    if (ledger->origin[0] ==
        '\0') { /* it could not be read when record 1 was written; signed without, nobody could open it */
        code = ledger_read_identity(ledger, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    checkpoint.root = event_log_root(ledger->log);
    struct buf note;
    buf_init(&note, 4096);
    checkpoint_sign(&note, ledger->origin, checkpoint, &ledger->key);
    code = buf_check(&note, err);
    /* Outside first: a copy that is ahead of what we show is safe, one behind could hide a second history. */
    if (code == ERR_OK && ledger->options.checkpoint_copy != NULL) {
        code = file_write_atomic(ledger->options.checkpoint_copy, buf_bytes(&note), 0644, err);
    }
    if (code == ERR_OK) {
        code = event_log_store_checkpoint(ledger->log, buf_bytes(&note), err);
        ledger_end_if_broken(code, err);
    }
    if (code == ERR_OK) {
        atomic_store(&ledger->checkpoint_size, checkpoint.size);
    }
    buf_deinit(&note);
    return code;
}
