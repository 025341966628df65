// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_reader.h"

#include "core/base/invariant.h"
#include "core/event/codec.h"
#include "core/log/event_log_internal.h"
#include "core/log/lmdb_err.h"

#include <stdlib.h>
#include <string.h>

struct log_reader {
    struct event_log *log;
    MDB_txn *txn;
    MDB_cursor *cursor; /* over records */
    uint64_t at;        /* sequence the cursor stands on, 0: nowhere */
    uint64_t size;
    int rc; /* of the first read that failed otherwise than by finding nothing */
};

static MDB_val key_of(const void *data, size_t size)
{
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static uint64_t sequence_of(const MDB_val *key)
{
    uint64_t sequence = 0;
    if (key->mv_size == sizeof sequence) {
        memcpy(&sequence, key->mv_data, sizeof sequence);
    }
    return sequence;
}

enum err_code log_reader_open(struct event_log *log, struct log_reader **ret, struct err *err)
{
    struct log_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a log reader");
    }
    reader->log = log;
    int rc = mdb_txn_begin(log->env, NULL, MDB_RDONLY, &reader->txn);
    if (rc == 0) {
        rc = mdb_cursor_open(reader->txn, log->records, &reader->cursor);
    }
    if (rc == 0) {
        MDB_val key;
        MDB_val value;
        rc = mdb_cursor_get(reader->cursor, &key, &value, MDB_LAST);
        if (rc == 0) {
            reader->size = reader->at = sequence_of(&key);
        } else if (rc == MDB_NOTFOUND) {
            rc = 0;
        }
    }
    if (rc != 0) {
        enum err_code code = err_from_mdb(err, rc, "read the log");
        log_reader_close(reader);
        return code;
    }
    *ret = reader;
    return ERR_OK;
}

void log_reader_close(struct log_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->cursor != NULL) {
        mdb_cursor_close(reader->cursor);
    }
    if (reader->txn != NULL) {
        mdb_txn_abort(reader->txn);
    }
    free(reader);
}

uint64_t log_reader_size(const struct log_reader *reader)
{
    return reader->size;
}

enum err_code log_reader_record(struct log_reader *reader, uint64_t sequence, struct bytes *ret,
                                struct err *err)
{
    if (sequence == 0 || sequence > reader->size) {
        return err_set(err, ERR_NOT_FOUND, "sequence %llu is not in the log (1 to %llu)",
                       (unsigned long long)sequence, (unsigned long long)reader->size);
    }
    MDB_val key = key_of(&sequence, sizeof sequence);
    MDB_val value;
    bool next = reader->at != 0 && sequence == reader->at + 1;
    damage_near(sequence);
    int rc = mdb_cursor_get(reader->cursor, &key, &value, next ? MDB_NEXT : MDB_SET_KEY);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        reader->at = 0; /* after a failure all others in its transaction say only that it failed */
        enum err_code code = err_from_mdb(err, reader->rc != 0 ? reader->rc : rc, "read the log");
        err_context(err, "record %llu", (unsigned long long)sequence);
        return code;
    }
    if (rc != 0 || sequence_of(&key) != sequence) {
        reader->at = 0;
        return err_set(err, ERR_CORRUPT, "record %llu is missing from the log",
                       (unsigned long long)sequence);
    }
    reader->at = sequence;
    if (value.mv_size <= RECORD_HEADER_SIZE || value.mv_size > RECORD_SIZE_MAX) {
        return err_set(err, ERR_CORRUPT, "record %llu has %zu bytes", (unsigned long long)sequence,
                       value.mv_size);
    }
    *ret = bytes_of(value.mv_data, value.mv_size);
    return ERR_OK;
}

static bool get(struct log_reader *reader, MDB_dbi table, const void *key_data, size_t key_size,
                struct bytes *ret)
{
    MDB_val key = key_of(key_data, key_size);
    MDB_val value;
    int const rc = mdb_get(reader->txn, table, &key, &value);
    if (rc != 0) {
        reader->rc = reader->rc != 0 || rc == MDB_NOTFOUND ? reader->rc : rc;
        return false;
    }
    *ret = bytes_of(value.mv_data, value.mv_size);
    return true;
}

enum err_code log_reader_check(const struct log_reader *reader, struct err *err)
{
    return err_from_mdb(err, reader->rc, "read the log");
}

bool log_reader_private(struct log_reader *reader, uint64_t sequence, struct bytes *ret)
{
    return get(reader, reader->log->private_parts, &sequence, sizeof sequence, ret);
}

uint64_t log_reader_private_count(struct log_reader *reader)
{
    MDB_stat stat;
    return mdb_stat(reader->txn, reader->log->private_parts, &stat) == 0 ? stat.ms_entries : 0;
}

/* LMDB's table 0: transaction → count, then that many page numbers, falling. */
static bool free_list_holds(const MDB_val *value, uint64_t last_page)
{
    size_t count = 0;
    size_t before = SIZE_MAX;
    if (value->mv_size < sizeof count) {
        return false;
    }
    memcpy(&count, value->mv_data, sizeof count);
    if (count > value->mv_size / sizeof count - 1) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t page;
        memcpy(&page, (const uint8_t *)value->mv_data + (i + 1) * sizeof page, sizeof page);
        if (page < 2 || page > last_page || page >= before) {
            return false;
        }
        before = page;
    }
    return true;
}

enum err_code log_reader_check_free(struct log_reader *reader, struct err *err)
{
    MDB_envinfo info;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    bool holds = true;
    int rc = mdb_env_info(reader->log->env, &info); /* later than the snapshot: no page too few */
    if (rc == 0) {
        rc = mdb_cursor_open(reader->txn, 0, &cursor);
    }
    while (rc == 0 && holds && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        holds = free_list_holds(&value, info.me_last_pgno);
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    if (!holds || (rc != 0 && rc != MDB_NOTFOUND)) {
        return err_set_origin(
            err, ERR_CORRUPT, rc,
            "the list of the log's free pages is damaged: records can be read, but "
            "nothing can be written behind them");
    }
    return ERR_OK;
}

bool log_reader_meta(struct log_reader *reader, const char *key, struct bytes *ret)
{
    return get(reader, reader->log->meta, key, strlen(key), ret);
}

bool log_reader_checkpoint(struct log_reader *reader, struct bytes *ret)
{
    return log_reader_meta(reader, "checkpoint", ret);
}

/* ── tiles and nodes ───────────────────────────────────────────────────────────────────────────── */

static bool full_tile(struct log_reader *reader, unsigned level, uint64_t index, struct bytes *ret)
{
    uint8_t key[TILE_KEY_SIZE];
    tile_key(level, index, key);
    return get(reader, reader->log->tiles, key, sizeof key, ret) &&
           ret->size == TILE_WIDTH * sizeof(struct key32);
}

/* Fold 2^n hashes into their root, in place. */
static struct key32 fold(struct key32 *hashes, size_t count)
{
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++) {
            hashes[i] = merkle_node(hashes[2 * i], hashes[2 * i + 1]);
        }
    }
    return hashes[0];
}

/* One entry of a tile that is not full: a leaf is hashed from its record, a higher entry is the root of the full tile below. */
static enum err_code tile_entry(struct log_reader *reader, unsigned level, uint64_t index,
                                struct key32 *ret, struct err *err)
{
    if (level == 0) {
        struct bytes record = {0};
        enum err_code code = log_reader_record(reader, index + 1, &record, err);
        if (code == ERR_OK) {
            *ret = merkle_leaf(record);
        }
        return code;
    }
    struct bytes tile;
    struct key32 hashes[TILE_WIDTH];
    if (!full_tile(reader, level - 1, index, &tile)) {
        return err_set(err, ERR_CORRUPT, "tile %u/%llu is missing from the log", level - 1,
                       (unsigned long long)index);
    }
    memcpy(hashes, tile.data, sizeof hashes);
    *ret = fold(hashes, TILE_WIDTH);
    return ERR_OK;
}

enum err_code log_reader_tile(struct log_reader *reader, unsigned level, uint64_t index,
                              size_t width, struct key32 *ret_hashes, struct err *err)
{
    if (level >= TILE_LEVELS || width == 0 || width > TILE_WIDTH ||
        index > (reader->size >> (TILE_HEIGHT * level)) / TILE_WIDTH ||
        index * TILE_WIDTH + width > reader->size >> (TILE_HEIGHT * level)) {
        return err_set(err, ERR_NOT_FOUND, "there is no tile %u/%llu of width %zu in %llu records",
                       level, (unsigned long long)index, width, (unsigned long long)reader->size);
    }
    struct bytes tile;
    if (full_tile(reader, level, index, &tile)) {
        memcpy(ret_hashes, tile.data, width * sizeof(struct key32));
        return ERR_OK;
    }
    for (size_t i = 0; i < width; i++) {
        enum err_code code = tile_entry(reader, level, index * TILE_WIDTH + i, &ret_hashes[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code node_cb(void *ctx, unsigned height, uint64_t index, struct key32 *ret,
                             struct err *err)
{
    struct log_reader *reader = ctx;
    unsigned level = height / TILE_HEIGHT;
    size_t count = (size_t)1 << (height % TILE_HEIGHT);
    uint64_t first = index * count; /* entry of the level's tiles; the run lies within one tile */
    INVARIANT(first / TILE_WIDTH == (first + count - 1) / TILE_WIDTH);
    struct key32 hashes[TILE_WIDTH];
    struct bytes tile;
    if (full_tile(reader, level, first / TILE_WIDTH, &tile)) {
        memcpy(hashes, tile.data + first % TILE_WIDTH * sizeof(struct key32),
               count * sizeof(struct key32));
    } else {
        for (size_t i = 0; i < count; i++) {
            enum err_code code = tile_entry(reader, level, first + i, &hashes[i], err);
            if (code != ERR_OK) {
                return code;
            }
        }
    }
    *ret = fold(hashes, count);
    return ERR_OK;
}

struct merkle_source log_reader_nodes(struct log_reader *reader)
{
    return (struct merkle_source){.node = node_cb, .ctx = reader};
}
