/* Opening, appending, committing.
 *
 * The tree is kept in memory twice: `tree` is what is committed, `next` what the running append makes of it. A failed append
 * leaves `tree` alone, so nothing has to be undone. */
// SPDX-License-Identifier: Apache-2.0
#include "core/log/event_log.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/event/codec.h"
#include "core/log/event_log_internal.h"
#include "core/log/lmdb_copy.h"
#include "core/log/lmdb_err.h"
#include "core/log/log_reader.h"

#include <stdlib.h>
#include <string.h>

#define MAP_SIZE_DEFAULT (UINT64_C(64) << 30)
#define READERS_MAX_DEFAULT 512
#define TABLES_MAX 8
#define ROOM_FOR_TREES ((uint64_t)1 << 18)

static const char META_FRONTIER[] = "frontier";
static const char META_CHECKPOINT[] = "checkpoint";

void tile_key(unsigned level, uint64_t index, uint8_t ret[TILE_KEY_SIZE])
{
    ret[0] = (uint8_t)level;
    put_be64(ret + 1, index);
}

static MDB_val value_of(const void *data, size_t size)
{
    /* LMDB takes no const, and changes neither keys nor values it is given. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code open_tables(struct event_log *log, bool create, struct err *err)
{
    MDB_txn *txn = NULL;
    unsigned flags = create ? MDB_CREATE : 0;
    int rc = mdb_txn_begin(log->env, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "records", flags | MDB_INTEGERKEY, &log->records);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "private", flags | MDB_INTEGERKEY, &log->private_parts);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "tiles", flags, &log->tiles);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "meta", flags, &log->meta);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        if (rc == MDB_NOTFOUND) {
            return err_set(err, ERR_NOT_FOUND, "there is no event log in this folder");
        }
        return err_from_mdb(err, rc, "open the log's tables");
    }
    return err_from_mdb(err, mdb_txn_commit(txn), "open the log's tables");
}

/* Frontier as stored: size u64 big-endian, then the hashes of its set bits, lowest first. */
static size_t frontier_encode(const struct merkle_frontier *frontier, uint8_t *ret)
{
    size_t size = 8;
    put_be64(ret, frontier->size);
    for (unsigned h = 0; h < MERKLE_HEIGHT_MAX; h++) {
        if (frontier->size >> h & 1) {
            memcpy(ret + size, frontier->hashes[h].b, 32);
            size += 32;
        }
    }
    return size;
}

bool frontier_decode(struct bytes stored, struct merkle_frontier *ret)
{
    struct merkle_frontier frontier = {0};
    if (stored.size < 8) {
        return false;
    }
    frontier.size = get_be64(stored.data);
    if (frontier.size >> MERKLE_HEIGHT_MAX != 0) {
        return false;
    }
    size_t size = 8;
    for (unsigned h = 0; h < MERKLE_HEIGHT_MAX; h++) {
        if (frontier.size >> h & 1) {
            if (stored.size < size + 32) {
                return false;
            }
            memcpy(frontier.hashes[h].b, stored.data + size, 32);
            size += 32;
        }
    }
    *ret = frontier;
    return size == stored.size;
}

/* The frontier from meta, the right-most partial tiles from records and full tiles. */
static enum err_code load_tree(struct event_log *log, struct err *err)
{
    struct log_reader *reader = NULL;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    uint64_t size = log_reader_size(reader);
    struct bytes stored = {0};
    if (!log_reader_meta(reader, META_FRONTIER, &stored)) {
        log->tree.frontier = (struct merkle_frontier){0};
    } else if (!frontier_decode(stored, &log->tree.frontier)) {
        code = err_set(err, ERR_CORRUPT, "the log's frontier is not in its form");
    }
    if (code == ERR_OK && log->tree.frontier.size != size) {
        code = err_set(err, ERR_CORRUPT, "the log has %llu records but a frontier of %llu",
                       (unsigned long long)size, (unsigned long long)log->tree.frontier.size);
    }
    for (unsigned level = 0; level < TILE_LEVELS && code == ERR_OK; level++) {
        uint64_t entries = size >> (TILE_HEIGHT * level);
        struct pending_tile *tile = &log->tree.pending[level];
        tile->width = entries % TILE_WIDTH;
        if (tile->width > 0) {
            code = log_reader_tile(reader, level, entries / TILE_WIDTH, tile->width, tile->hashes,
                                   err);
        }
    }
    log_reader_close(reader);
    return code;
}

enum err_code event_log_open(const struct event_log_options *options, struct event_log **ret,
                             struct err *err)
{
    enum err_code code = ERR_OK;
    struct event_log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to open the log");
    }
    log->map_size = options->map_size != 0 ? options->map_size : MAP_SIZE_DEFAULT;
    log->room.is_synced = true;
    if (options->create) {
        code = dir_create(options->folder, 0700, err);
        if (code != ERR_OK) {
            goto out;
        }
    }
    int rc = mdb_env_create(&log->env);
    if (rc == 0) {
        log->watch = (struct damage_watch){.what = "the log"};
        rc = damage_watch(log->env, &log->watch);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(log->env, TABLES_MAX);
    }
    if (rc == 0) {
        rc = mdb_env_set_mapsize(log->env, log->map_size);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(log->env, options->readers_max != 0 ? options->readers_max
                                                                        : READERS_MAX_DEFAULT);
    }
    if (rc == 0) {
        rc = mdb_env_open(log->env, options->folder,
                          MDB_NOTLS | MDB_NORDAHEAD | (options->read_only ? MDB_RDONLY : 0U), 0600);
    }
    if (rc != 0) {
        code = err_from_mdb(err, rc, "open the log");
        err_context(err, "%s", options->folder);
        goto out;
    }
    code = open_tables(log, options->create && !options->read_only, err);
    if (code == ERR_OK) {
        code = log_open_named(log, options->read_only, err);
    }
    if (code == ERR_OK) {
        code = load_tree(log, err);
    }
    if (code == ERR_OK && options->create) { /* the names of the files, then the folder's own */
        code = dir_sync(options->folder, err);
    }
    if (code == ERR_OK && options->create) {
        code = dir_sync_of(options->folder, err);
    }
    if (code == ERR_OK) {
        *ret = log;
        log = NULL;
    }
out:
    event_log_close(log);
    return code;
}

void event_log_close(struct event_log *log)
{
    if (log != NULL) {
        mdb_env_close(log->env); /* accepts NULL */
        free(log);
    }
}

uint64_t event_log_size(const struct event_log *log)
{
    return log->tree.frontier.size;
}

struct key32 event_log_root(const struct event_log *log)
{
    return merkle_root(&log->tree.frontier);
}

enum err_code event_log_readers(struct event_log *log, struct readers *ret, struct err *err)
{
    return readers_look(log->env, ret, err);
}

unsigned event_log_fill_permille(const struct event_log *log)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(log->env, &info) != 0 || mdb_env_stat(log->env, &stat) != 0) {
        return 1000;
    }
    return (unsigned)((info.me_last_pgno + 1) * stat.ms_psize * 1000 / log->map_size);
}

/* ── appending ─────────────────────────────────────────────────────────────────────────────────── */

struct append {
    struct event_log *log;
    MDB_txn *txn;
    int rc;
};

/* A perfect subtree was completed; those of height 0, 8, 16, … are the entries of tiles. */
static void complete_cb(void *ctx, unsigned height, uint64_t index, struct key32 hash)
{
    struct append *append = ctx;
    if (height % TILE_HEIGHT != 0 || append->rc != 0) {
        return;
    }
    unsigned level = height / TILE_HEIGHT;
    INVARIANT(level < TILE_LEVELS);
    struct pending_tile *tile = &append->log->next.pending[level];
    INVARIANT(tile->width == index % TILE_WIDTH);
    tile->hashes[tile->width++] = hash;
    if (tile->width == TILE_WIDTH) {
        uint8_t key_bytes[TILE_KEY_SIZE];
        tile_key(level, index / TILE_WIDTH, key_bytes);
        MDB_val key = value_of(key_bytes, sizeof key_bytes);
        MDB_val value = value_of(tile->hashes, sizeof tile->hashes);
        append->rc = mdb_put(append->txn, append->log->tiles, &key, &value, MDB_NOOVERWRITE);
        tile->width = 0;
    }
}

/* Only the used part of each tile: copying all of it would cost more than a small batch. */
static void tree_copy(struct tree *to, const struct tree *from)
{
    to->frontier = from->frontier;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        to->pending[level].width = from->pending[level].width;
        memcpy(to->pending[level].hashes, from->pending[level].hashes,
               from->pending[level].width * sizeof(struct key32));
    }
}

static int put_entry(struct append *append, uint64_t sequence, const struct log_entry *entry)
{
    MDB_val key = value_of(&sequence, sizeof sequence);
    MDB_val value = value_of(entry->record.data, entry->record.size);
    int rc = mdb_put(append->txn, append->log->records, &key, &value, MDB_APPEND);
    if (rc == 0 && entry->private_part.size > 0) {
        value = value_of(entry->private_part.data, entry->private_part.size);
        rc = mdb_put(append->txn, append->log->private_parts, &key, &value, MDB_APPEND);
    }
    if (rc == 0) {
        merkle_append(&append->log->next.frontier, merkle_leaf(entry->record), complete_cb, append);
        rc = append->rc;
    }
    return rc;
}

static int put_frontier(struct append *append)
{
    uint8_t stored[8 + MERKLE_HEIGHT_MAX * 32];
    size_t size = frontier_encode(&append->log->next.frontier, stored);
    MDB_val key = value_of(META_FRONTIER, strlen(META_FRONTIER));
    MDB_val value = value_of(stored, size);
    return mdb_put(append->txn, append->log->meta, &key, &value, 0);
}

/* The leaves of private parts that go are copied without them: an item of the list has at least 3 bytes. */
static uint64_t room_for_erasure(const struct log_entry *entry)
{
    bool erases = entry->record.data[2] == EVENT_PRIVATE_ERASED >> 8 &&
                  entry->record.data[3] == (EVENT_PRIVATE_ERASED & 0xff);
    return erases ? (entry->record.size - RECORD_HEADER_SIZE) / 3 * 4096 : 0;
}

/* More than the entries can take: each may begin pages of its own, and the trees above are copied. */
static uint64_t room_for(const struct log_entry *entries, size_t count)
{
    uint64_t bytes = ROOM_FOR_TREES;
    for (size_t i = 0; i < count; i++) {
        bytes += 2 * (entries[i].record.size + entries[i].private_part.size) + 8192;
        bytes += room_for_erasure(&entries[i]);
    }
    return bytes;
}

enum err_code event_log_append(struct event_log *log, const struct log_entry *entries, size_t count,
                               uint64_t *ret_first, struct err *err)
{
    INVARIANT(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].record.size <= RECORD_HEADER_SIZE ||
            entries[i].record.size > RECORD_SIZE_MAX) {
            return err_set(err, ERR_TOO_LARGE, "a record of %zu bytes", entries[i].record.size);
        }
    }
    uint64_t before = log->tree.frontier.size;
    struct append append = {.log = log};
    enum err_code code = room_keep(&log->room, log->env, room_for(entries, count), err);
    if (code != ERR_OK) {
        return code;
    }
    tree_copy(&log->next, &log->tree);
    int rc = mdb_txn_begin(log->env, NULL, 0, &append.txn);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = put_entry(&append, before + 1 + i, &entries[i]);
        if (rc == 0) {
            code = log_follow_entry(log, append.txn, before + 1 + i, &entries[i], err);
            if (code != ERR_OK) {
                goto out;
            }
        }
    }
    if (rc == 0) {
        rc = put_frontier(&append);
    }
    if (rc != 0) {
        code = err_from_mdb(err, rc, "append to the log");
        goto out;
    }
    INVARIANT(log->next.frontier.size == before + count);
    rc = mdb_txn_commit(append.txn);
    append.txn = NULL; /* commit frees the handle even when it fails */
    if (rc != 0) {
        code = err_from_mdb(err, rc, "commit to the log");
        goto out;
    }
    tree_copy(&log->tree, &log->next);
    *ret_first = before + 1;
out:
    if (append.txn != NULL) {
        mdb_txn_abort(append.txn);
    }
    return code;
}

enum err_code event_log_store_checkpoint(struct event_log *log, struct bytes note, struct err *err)
{
    MDB_txn *txn = NULL;
    MDB_val key = value_of(META_CHECKPOINT, strlen(META_CHECKPOINT));
    MDB_val value = value_of(note.data, note.size);
    enum err_code code = room_keep(&log->room, log->env, ROOM_FOR_TREES, err);
    if (code != ERR_OK) {
        return code;
    }
    int rc = mdb_txn_begin(log->env, NULL, 0, &txn);
    if (rc == 0) {
        rc = mdb_put(txn, log->meta, &key, &value, 0);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return err_from_mdb(err, rc, "store the checkpoint");
    }
    return err_from_mdb(err, mdb_txn_commit(txn), "store the checkpoint");
}

enum err_code event_log_copy(struct event_log *log, const char *path, struct err *err)
{
    return lmdb_copy_write(log->env, path, err);
}
