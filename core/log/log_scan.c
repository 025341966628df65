/* A ring of chunks: each thread takes the next one that is free, fills it, and marks it ready; the caller takes them in order and frees
 * each when it asks for the next. */
// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_scan.h"

#include "core/base/arena.h"
#include "core/base/invariant.h"
#include "core/crypto/sha256.h"
#include "core/event/codec.h"
#include "core/log/log_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 64
#define SLOTS_A_THREAD 4

struct slot {
    struct log_chunk chunk;
    bool ready;
};

struct log_scan {
    struct event_log *log;
    uint64_t size;
    uint64_t chunk_count;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t taken;    /* chunks that a thread has begun */
    uint64_t returned; /* chunks that the caller is done with */
    bool holding;      /* the caller has chunk `returned` */
    bool stopping;
    struct slot *slots;
    size_t slot_count;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
};

/* ── one chunk ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code remember(struct sequences *sequences, uint64_t sequence, struct err *err)
{
    if (sequences->count == sequences->capacity) {
        size_t capacity = sequences->capacity == 0 ? 64 : sequences->capacity * 2;
        uint64_t *list = realloc(sequences->list, capacity * sizeof *list);
        if (list == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a list of records");
        }
        sequences->list = list;
        sequences->capacity = capacity;
    }
    sequences->list[sequences->count++] = sequence;
    return ERR_OK;
}

static enum err_code check_private(struct log_chunk *chunk, struct log_reader *reader,
                                   uint64_t sequence, struct event *event, struct arena *arena)
{
    struct bytes part;
    bool stored = log_reader_private(reader, sequence, &part);
    enum err_code code = log_reader_check(reader, &chunk->err);
    if (code != ERR_OK) {
        err_context(&chunk->err, "the private part of record %llu", (unsigned long long)sequence);
        return code;
    }
    if (key_is_zero(event->private_digest)) {
        return stored ? err_set(&chunk->err, ERR_CORRUPT,
                                "record %llu names no private part but has one",
                                (unsigned long long)sequence)
                      : ERR_OK;
    }
    if (!stored) {
        return remember(&chunk->missing, sequence, &chunk->err);
    }
    if (part.size <= PRIVATE_SALT_SIZE || !key_equal(sha256_of(part), event->private_digest)) {
        return err_set(&chunk->err, ERR_CORRUPT,
                       "the private part of record %llu does not match its digest",
                       (unsigned long long)sequence);
    }
    chunk->private_parts++;
    return private_decode(bytes_from(part, PRIVATE_SALT_SIZE), arena, event, &chunk->err);
}

/* What the event says about the log itself. */
static enum err_code check_place(struct log_chunk *chunk, uint64_t sequence,
                                 const struct event *event)
{
    bool opens = event->type->number == EVENT_LEDGER_OPENED;
    if (sequence == 1 && !opens) {
        return err_set(&chunk->err, ERR_CORRUPT, "record 1 is not ledger.opened");
    }
    if (sequence > 1 && opens) {
        return err_set(&chunk->err, ERR_CORRUPT, "record %llu opens the ledger a second time",
                       (unsigned long long)sequence);
    }
    if (sequence == chunk->first) {
        chunk->first_time = event->time;
    } else if (event->time < chunk->last_time) {
        return err_set(&chunk->err, ERR_CORRUPT, "record %llu is older than the one before it",
                       (unsigned long long)sequence);
    }
    chunk->last_time = event->time;
    if (event->type->number == EVENT_LEDGER_RESTORED) {
        if (chunk->generation_count == LOG_CHUNK_GENERATIONS_MAX) {
            return err_set(&chunk->err, ERR_CORRUPT, "over %d restores near record %llu",
                           LOG_CHUNK_GENERATIONS_MAX, (unsigned long long)sequence);
        }
        chunk->generations[chunk->generation_count++] =
            (struct log_generation){.sequence = sequence,
                                    .number = event->u.ledger_restored.generation,
                                    .parent_size = event->u.ledger_restored.parent_size,
                                    .parent_root = event->u.ledger_restored.parent_root};
    }
    if (event->type->number == EVENT_CHECKPOINT_ANCHORED) {
        return remember(&chunk->anchors, sequence, &chunk->err);
    }
    if (event->type->number == EVENT_PRIVATE_ERASED) {
        const struct event_list *list = &event->u.private_erased.sequences;
        const struct ev_erased *erased = list->items;
        for (size_t i = 0; i < list->count; i++) {
            enum err_code code = remember(&chunk->erased, erased[i].sequence, &chunk->err);
            if (code != ERR_OK) {
                return code;
            }
        }
    }
    return ERR_OK;
}

static enum err_code check_record(struct log_chunk *chunk, struct log_reader *reader,
                                  uint64_t sequence, struct arena *arena)
{
    struct bytes record;
    struct event event;
    arena_clear(arena);
    enum err_code code = log_reader_record(reader, sequence, &record, &chunk->err);
    if (code != ERR_OK) {
        return code;
    }
    chunk->leaves[sequence - chunk->first] = merkle_leaf(record);
    code = record_decode(record, arena, &event, &chunk->err);
    if (code != ERR_OK) {
        err_context(&chunk->err, "record %llu", (unsigned long long)sequence);
        return code;
    }
    code = check_place(chunk, sequence, &event);
    return code == ERR_OK ? check_private(chunk, reader, sequence, &event, arena) : code;
}

static void fill(struct log_scan *scan, uint64_t number, struct log_chunk *chunk,
                 struct arena *arena)
{
    struct log_reader *reader = NULL;
    uint64_t left = scan->size - number * LOG_CHUNK;
    chunk->first = number * LOG_CHUNK + 1;
    chunk->count = left < LOG_CHUNK ? (size_t)left : LOG_CHUNK;
    chunk->private_parts = 0;
    chunk->generation_count = 0;
    chunk->missing.count = 0;
    chunk->erased.count = 0;
    chunk->anchors.count = 0;
    chunk->err.code = ERR_OK;
    /* A snapshot for each chunk: none stays open long. Records are the same in all of them. */
    chunk->code = log_reader_open(scan->log, &reader, &chunk->err);
    for (uint64_t i = 0; i < chunk->count && chunk->code == ERR_OK; i++) {
        chunk->code = check_record(chunk, reader, chunk->first + i, arena);
    }
    log_reader_close(reader);
}

/* ── the ring ──────────────────────────────────────────────────────────────────────────────────── */

static void *scan_main(void *arg)
{
    struct log_scan *scan = arg;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    (void)pthread_mutex_lock(&scan->mutex);
    while (!scan->stopping && scan->taken < scan->chunk_count) {
        if (scan->taken - scan->returned == scan->slot_count) {
            (void)pthread_cond_wait(&scan->changed, &scan->mutex);
            continue;
        }
        uint64_t number = scan->taken++;
        struct slot *slot = &scan->slots[number % scan->slot_count];
        INVARIANT(!slot->ready);
        (void)pthread_mutex_unlock(&scan->mutex);
        fill(scan, number, &slot->chunk, &arena);
        (void)pthread_mutex_lock(&scan->mutex);
        slot->ready = true;
        (void)pthread_cond_broadcast(&scan->changed);
    }
    (void)pthread_mutex_unlock(&scan->mutex);
    arena_deinit(&arena);
    return NULL;
}

static unsigned processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

enum err_code log_scan_start(struct event_log *log, uint64_t size, unsigned threads,
                             struct log_scan **ret, struct err *err)
{
    struct log_scan *scan = calloc(1, sizeof *scan);
    unsigned wanted = threads == 0 ? processors() : threads > THREADS_MAX ? THREADS_MAX : threads;
    if (scan != NULL) {
        scan->slot_count = (size_t)wanted * SLOTS_A_THREAD;
        scan->slots = calloc(scan->slot_count, sizeof *scan->slots);
    }
    if (scan == NULL || scan->slots == NULL) {
        free(scan);
        return err_set(err, ERR_NOMEM, "no memory to read the log");
    }
    scan->log = log;
    scan->size = size;
    scan->chunk_count = size / LOG_CHUNK + (size % LOG_CHUNK > 0 ? 1 : 0);
    (void)pthread_mutex_init(&scan->mutex, NULL);
    (void)pthread_cond_init(&scan->changed, NULL);
    while (scan->thread_count < wanted &&
           pthread_create(&scan->threads[scan->thread_count], NULL, scan_main, scan) == 0) {
        scan->thread_count++;
    }
    if (scan->thread_count == 0) {
        log_scan_stop(scan);
        return err_set(err, ERR_NOMEM, "no thread to read the log");
    }
    *ret = scan;
    return ERR_OK;
}

const struct log_chunk *log_scan_next(struct log_scan *scan)
{
    const struct log_chunk *chunk = NULL;
    (void)pthread_mutex_lock(&scan->mutex);
    if (scan->holding) {
        scan->slots[scan->returned % scan->slot_count].ready = false;
        scan->returned++;
        scan->holding = false;
        (void)pthread_cond_broadcast(&scan->changed);
    }
    if (scan->returned < scan->chunk_count) {
        struct slot *slot = &scan->slots[scan->returned % scan->slot_count];
        while (!slot->ready) {
            (void)pthread_cond_wait(&scan->changed, &scan->mutex);
        }
        scan->holding = true;
        chunk = &slot->chunk;
    }
    (void)pthread_mutex_unlock(&scan->mutex);
    return chunk;
}

void log_scan_stop(struct log_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&scan->mutex);
    scan->stopping = true;
    (void)pthread_cond_broadcast(&scan->changed);
    (void)pthread_mutex_unlock(&scan->mutex);
    for (unsigned i = 0; i < scan->thread_count; i++) {
        (void)pthread_join(scan->threads[i], NULL);
    }
    for (size_t i = 0; i < scan->slot_count; i++) {
        free(scan->slots[i].chunk.missing.list);
        free(scan->slots[i].chunk.erased.list);
        free(scan->slots[i].chunk.anchors.list);
    }
    (void)pthread_cond_destroy(&scan->changed);
    (void)pthread_mutex_destroy(&scan->mutex);
    free(scan->slots);
    free(scan);
}
