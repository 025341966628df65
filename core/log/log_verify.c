// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_verify.h"

#include "core/base/arena.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/event/codec.h"
#include "core/log/event_log_internal.h"
#include "core/log/lmdb_err.h"
#include "core/log/log_reader.h"
#include "core/log/log_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    struct event_log *log;
    const struct log_verify_options *options;
    struct log_reader *reader;
    struct merkle_frontier frontier;
    struct pending_tile tiles[TILE_LEVELS];
    struct checkpoint checkpoint;
    struct key32 checkpoint_root; /* as recomputed at the checkpoint's size */
    uint64_t generation;
    uint64_t checkpoint_generation; /* at the checkpoint's size */
    struct ev_ledger_opened opened; /* text copied into `name` */
    char name[NOTE_NAME_MAX];
    int64_t last_time;
    struct sequences missing; /* records whose private part is gone */
    struct sequences erased;  /* sequences that private.erased names */
    struct sequences anchors; /* records that are checkpoint.anchored */
    enum err_code code;
    struct err *err;
};

enum err_code log_origin(const struct ev_ledger_opened *opened, uint64_t generation,
                         char ret[NOTE_NAME_MAX], struct err *err)
{
    char id[ID_TEXT_SIZE];
    id_format(opened->log_id, id);
    int size = snprintf(ret, NOTE_NAME_MAX, "%.*s/%s/%llu", (int)opened->name.size,
                        (const char *)opened->name.data, id, (unsigned long long)generation);
    if (opened->name.size == 0 || size < 0 || size >= NOTE_NAME_MAX) {
        return err_set(err, ERR_INVALID, "a log's name has 1 to 120 characters");
    }
    return ERR_OK;
}

static void complete_cb(void *ctx, unsigned height, uint64_t index, struct key32 hash)
{
    struct verify *verify = ctx;
    if (height % TILE_HEIGHT != 0 || verify->code != ERR_OK) {
        return;
    }
    unsigned level = height / TILE_HEIGHT;
    struct pending_tile *tile = &verify->tiles[level];
    INVARIANT(tile->width == index % TILE_WIDTH);
    tile->hashes[tile->width++] = hash;
    if (tile->width < TILE_WIDTH) {
        return;
    }
    tile->width = 0;
    uint8_t key[TILE_KEY_SIZE];
    tile_key(level, index / TILE_WIDTH, key);
    MDB_txn *txn = NULL;
    MDB_val key_val = {sizeof key, key};
    MDB_val value;
    int rc = mdb_txn_begin(verify->log->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_get(txn, verify->log->tiles, &key_val, &value);
    }
    if (rc != 0 && rc != MDB_NOTFOUND) {
        verify->code = err_from_mdb(verify->err, rc, "read a tile");
        err_context(verify->err, "tile %u/%llu", level, (unsigned long long)(index / TILE_WIDTH));
    } else if (rc != 0 || value.mv_size != sizeof tile->hashes ||
               memcmp(value.mv_data, tile->hashes, sizeof tile->hashes) != 0) {
        verify->code = err_set(verify->err, ERR_CORRUPT, "tile %u/%llu does not match its records",
                               level, (unsigned long long)(index / TILE_WIDTH));
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
}

/* The lists grow by what a chunk found. */
static enum err_code gather(struct sequences *all, const struct sequences *more, struct err *err)
{
    if (all->count + more->count > all->capacity) {
        size_t capacity = 2 * (all->count + more->count);
        uint64_t *list = realloc(all->list, capacity * sizeof *list);
        if (list == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a list of records");
        }
        all->list = list;
        all->capacity = capacity;
    }
    if (more->count > 0) {
        memcpy(all->list + all->count, more->list, more->count * sizeof *more->list);
        all->count += more->count;
    }
    return ERR_OK;
}

static int compare_sequences(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Every private part that is gone was erased by an event that names it. */
static enum err_code check_erased(struct verify *verify)
{
    struct sequences *erased = &verify->erased;
    if (erased->count > 0) {
        qsort(erased->list, erased->count, sizeof *erased->list, compare_sequences);
    }
    for (size_t i = 0; i < verify->missing.count; i++) {
        const uint64_t *sequence = &verify->missing.list[i];
        struct bytes part;
        if (erased->count > 0 && bsearch(sequence, erased->list, erased->count, sizeof *sequence,
                                         compare_sequences) != NULL) {
            continue;
        }
        if (log_reader_private(verify->reader, *sequence, &part)) {
            return err_set(verify->err, ERR_BUSY,
                           "private parts were erased while the log was read; verify it again");
        }
        return err_set(verify->err, ERR_CORRUPT,
                       "the private part of record %llu is gone, and no event erased it",
                       (unsigned long long)*sequence);
    }
    return ERR_OK;
}

static enum err_code read_first(struct verify *verify)
{
    struct bytes record;
    struct event event;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    enum err_code code = log_reader_record(verify->reader, 1, &record, verify->err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, verify->err);
    }
    if (code == ERR_OK) {
        const struct ev_ledger_opened *opened = &event.u.ledger_opened;
        if (event.type->number != EVENT_LEDGER_OPENED || opened->name.size >= sizeof verify->name) {
            code = err_set(verify->err, ERR_CORRUPT, "record 1 is not ledger.opened");
        } else {
            verify->opened = *opened;
            memcpy(verify->name, opened->name.data, opened->name.size);
            verify->opened.name.data = (const uint8_t *)verify->name;
            verify->generation = opened->generation;
            verify->checkpoint_generation = opened->generation;
        }
    }
    arena_deinit(&arena);
    return code;
}

/* A generation says what it grows from: just these records, and no number is used twice. */
static enum err_code check_generation(struct verify *verify, const struct log_generation *g)
{
    if (g->number <= verify->generation) {
        return err_set(verify->err, ERR_CORRUPT, "record %llu goes back to generation %llu",
                       (unsigned long long)g->sequence, (unsigned long long)g->number);
    }
    if (g->parent_size != g->sequence - 1 ||
        !key_equal(g->parent_root, merkle_root(&verify->frontier))) {
        return err_set(verify->err, ERR_CORRUPT,
                       "record %llu does not grow from the records before it",
                       (unsigned long long)g->sequence);
    }
    verify->generation = g->number;
    if (g->sequence <= verify->checkpoint.size) {
        verify->checkpoint_generation = g->number;
    }
    return ERR_OK;
}

/* What needs the chunks before this one. */
static enum err_code take_chunk(struct verify *verify, const struct log_chunk *chunk,
                                struct log_verify_result *result)
{
    if (chunk->code != ERR_OK) {
        if (verify->err != NULL) {
            *verify->err = chunk->err;
        }
        return chunk->code;
    }
    if (chunk->first_time < verify->last_time) {
        return err_set(verify->err, ERR_CORRUPT, "record %llu is older than the one before it",
                       (unsigned long long)chunk->first);
    }
    verify->last_time = chunk->last_time;
    size_t generation = 0;
    for (size_t i = 0; i < chunk->count && verify->code == ERR_OK; i++) {
        if (generation < chunk->generation_count &&
            chunk->generations[generation].sequence == chunk->first + i) {
            enum err_code code = check_generation(verify, &chunk->generations[generation++]);
            if (code != ERR_OK) {
                return code;
            }
        }
        merkle_append(&verify->frontier, chunk->leaves[i], complete_cb, verify);
        if (chunk->first + i == verify->checkpoint.size) {
            verify->checkpoint_root = merkle_root(&verify->frontier);
        }
    }
    if (verify->code != ERR_OK) {
        return verify->code;
    }
    result->private_parts += chunk->private_parts;
    result->erased += chunk->missing.count;
    enum err_code code = gather(&verify->missing, &chunk->missing, verify->err);
    if (code == ERR_OK) {
        code = gather(&verify->erased, &chunk->erased, verify->err);
    }
    return code == ERR_OK ? gather(&verify->anchors, &chunk->anchors, verify->err) : code;
}

static enum err_code check_records(struct verify *verify, struct log_verify_result *result)
{
    struct log_scan *scan;
    const struct log_chunk *chunk;
    uint64_t size = log_reader_size(verify->reader);
    enum err_code code =
        log_scan_start(verify->log, size, verify->options->threads, &scan, verify->err);
    if (code != ERR_OK) {
        return code;
    }
    while (code == ERR_OK && (chunk = log_scan_next(scan)) != NULL) {
        code = take_chunk(verify, chunk, result);
        if (code == ERR_OK && verify->options->progress != NULL) {
            verify->options->progress(verify->options->ctx, chunk->first + chunk->count - 1, size);
        }
    }
    log_scan_stop(scan);
    return code;
}

/* What the note claims, unchecked: its second line. The signature is checked once record 1 has said whose it must be. */
static uint64_t claimed_size(struct bytes note)
{
    const uint8_t *line = memchr(note.data, '\n', note.size);
    uint64_t size = 0;
    if (line == NULL) {
        return 0;
    }
    struct bytes rest = bytes_from(note, (size_t)(line - note.data) + 1);
    const uint8_t *end = memchr(rest.data, '\n', rest.size);
    return end != NULL &&
                   u64_parse(bytes_of(rest.data, (size_t)(end - rest.data)), &size, NULL) == ERR_OK
               ? size
               : 0;
}

/* The stored frontier, and no private part beyond those that records name. */
static enum err_code check_tables(struct verify *verify, const struct log_verify_result *result)
{
    struct bytes stored;
    struct merkle_frontier frontier;
    if (!log_reader_meta(verify->reader, "frontier", &stored) ||
        !frontier_decode(stored, &frontier) || frontier.size != result->size ||
        !key_equal(merkle_root(&frontier), result->root)) {
        return err_set(verify->err, ERR_CORRUPT, "the stored frontier is not that of the records");
    }
    enum err_code code = log_reader_check_free(verify->reader, verify->err);
    if (code != ERR_OK) {
        return code;
    }
    if (log_reader_private_count(verify->reader) != result->private_parts) {
        return err_set(verify->err, ERR_CORRUPT, "there are private parts that no record names");
    }
    return ERR_OK;
}

static enum err_code check_checkpoint(struct verify *verify, struct bytes note,
                                      struct log_verify_result *result)
{
    struct checkpoint checkpoint;
    char origin[NOTE_NAME_MAX];
    enum err_code code =
        log_origin(&verify->opened, verify->checkpoint_generation, origin, verify->err);
    if (code == ERR_OK) {
        code =
            checkpoint_open(note, origin, verify->opened.checkpoint_key, &checkpoint, verify->err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (checkpoint.size > result->size) {
        return err_set(verify->err, ERR_CORRUPT,
                       "the log has %llu records, but a checkpoint of %llu was signed",
                       (unsigned long long)result->size, (unsigned long long)checkpoint.size);
    }
    if (!key_equal(checkpoint.root, verify->checkpoint_root)) {
        return err_set(verify->err, ERR_CORRUPT,
                       "the signed root at %llu records is not the root of these records",
                       (unsigned long long)checkpoint.size);
    }
    result->has_checkpoint = true;
    result->checkpoint = checkpoint;
    return ERR_OK;
}

/* An anchor speaks of records before it; the root of those comes from the tiles, which are known to be right by now. */
static enum err_code check_anchor(struct verify *verify, const struct log_anchor *anchor)
{
    const struct merkle_source nodes = log_reader_nodes(verify->reader);
    struct key32 root;
    if (anchor->anchored.size == 0 || anchor->anchored.size >= anchor->sequence) {
        return err_set(verify->err, ERR_CORRUPT,
                       "record %llu anchors %llu records, which were not there before it",
                       (unsigned long long)anchor->sequence,
                       (unsigned long long)anchor->anchored.size);
    }
    enum err_code code = merkle_source_root(&nodes, anchor->anchored.size, &root, verify->err);
    if (code == ERR_OK && !key_equal(root, anchor->anchored.root)) {
        code = err_set(verify->err, ERR_CORRUPT,
                       "record %llu anchors a root of %llu records that is not theirs",
                       (unsigned long long)anchor->sequence,
                       (unsigned long long)anchor->anchored.size);
    }
    return code;
}

static enum err_code check_anchors(struct verify *verify)
{
    struct arena arena;
    enum err_code code = ERR_OK;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < verify->anchors.count && code == ERR_OK; i++) {
        struct log_anchor anchor = {.sequence = verify->anchors.list[i]};
        struct bytes record;
        struct event event;
        arena_clear(&arena);
        code = log_reader_record(verify->reader, anchor.sequence, &record, verify->err);
        if (code == ERR_OK) {
            code = record_decode(record, &arena, &event, verify->err);
        }
        if (code == ERR_OK) {
            anchor.anchored = event.u.checkpoint_anchored;
            code = check_anchor(verify, &anchor);
        }
        if (code == ERR_OK && verify->options->anchor != NULL) {
            code = verify->options->anchor(verify->options->ctx, &anchor, verify->err);
        }
    }
    arena_deinit(&arena);
    return code;
}

enum err_code log_verify(struct event_log *log, const struct log_verify_options *options,
                         struct log_verify_result *ret, struct err *err)
{
    struct verify verify = {.log = log, .options = options, .err = err, .last_time = INT64_MIN};
    struct log_verify_result result = {0};
    struct bytes note = {0};
    enum err_code code = log_reader_open(log, &verify.reader, err);
    if (code != ERR_OK) {
        return code;
    }
    bool has_note = log_reader_checkpoint(verify.reader, &note);
    if (has_note) {
        verify.checkpoint.size = claimed_size(note);
    }
    if (log_reader_size(verify.reader) == 0) {
        code = err_set(err, ERR_CORRUPT, "the log is empty: record 1 is missing");
    }
    if (code == ERR_OK) {
        code = read_first(&verify);
    }
    if (code == ERR_OK) {
        code = check_records(&verify, &result);
    }
    if (code == ERR_OK) {
        result.size = verify.frontier.size;
        result.root = merkle_root(&verify.frontier);
        code = log_origin(&verify.opened, verify.generation, result.origin, err);
    }
    if (code == ERR_OK) {
        code = check_erased(&verify);
    }
    if (code == ERR_OK) {
        code = check_tables(&verify, &result);
    }
    if (code == ERR_OK) {
        result.anchors = verify.anchors.count;
        code = check_anchors(&verify);
    }
    if (code == ERR_OK && has_note) {
        code = check_checkpoint(&verify, note, &result);
    }
    if (code == ERR_OK) {
        *ret = result;
    }
    free(verify.missing.list);
    free(verify.erased.list);
    free(verify.anchors.list);
    log_reader_close(verify.reader);
    return code;
}
