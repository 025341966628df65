/* What private parts mean to the log itself: which of them name a blob, and which go.
 *
 * The table `named` (digest ‖ sequence, big-endian → nothing) is derived from private parts and is as private as they are: whether anybody still
 * names a blob cannot be asked of a view, for views know no digests, and looking through the log would take longer with every record. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"
#include "core/event/codec.h"
#include "core/log/event_log_internal.h"
#include "core/log/lmdb_err.h"
#include "core/log/log_blobs.h"

#include <string.h>

#define NAMED_KEY_SIZE (32 + 8)

static MDB_val value_of(const void *data, size_t size)
{
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static void named_key(struct key32 digest, uint64_t sequence, uint8_t ret[NAMED_KEY_SIZE])
{
    memcpy(ret, digest.b, sizeof digest.b);
    put_be64(ret + sizeof digest.b, sequence);
}

static uint16_t type_of(struct bytes record)
{
    return (uint16_t)(record.data[2] << 8 | record.data[3]);
}

bool log_type_names_blob(uint16_t type)
{
    return type == EVENT_UPLOAD_RECEIVED || type == EVENT_RESULT_STORED;
}

enum err_code log_blob_of(struct bytes record, struct bytes part, struct arena *arena,
                          struct key32 *ret, struct err *err)
{
    struct event event;
    *ret = (struct key32){0};
    if (record.size <= RECORD_HEADER_SIZE || !log_type_names_blob(type_of(record)) ||
        part.size <= PRIVATE_SALT_SIZE) {
        return ERR_OK;
    }
    arena_clear(arena);
    enum err_code code = record_decode(record, arena, &event, err);
    if (code == ERR_OK) {
        code = private_decode(bytes_from(part, PRIVATE_SALT_SIZE), arena, &event, err);
    }
    if (code == ERR_OK) {
        *ret = event.type->number == EVENT_UPLOAD_RECEIVED ? event.u.upload_received.digest
                                                           : event.u.result_stored.digest;
    }
    return code;
}

static enum err_code remember(const struct event_log *log, MDB_txn *txn, uint64_t sequence,
                              struct key32 digest, struct err *err)
{
    uint8_t bytes[NAMED_KEY_SIZE];
    named_key(digest, sequence, bytes);
    MDB_val key = value_of(bytes, sizeof bytes);
    MDB_val nothing = value_of("", 0);
    return key_is_zero(digest)
               ? ERR_OK
               : err_from_mdb(err, mdb_put(txn, log->named, &key, &nothing, 0), "name a blob");
}

/* One private part, and what says which blob it named. It may be gone already. */
static enum err_code erase_part(const struct event_log *log, MDB_txn *txn, struct arena *arena,
                                uint64_t sequence, struct err *err)
{
    uint8_t bytes[NAMED_KEY_SIZE];
    struct key32 digest;
    MDB_val record;
    MDB_val part;
    MDB_val key = value_of(&sequence, sizeof sequence);
    int rc = mdb_get(txn, log->private_parts, &key, &part);
    if (rc == MDB_NOTFOUND) {
        return ERR_OK;
    }
    if (rc == 0) {
        rc = mdb_get(txn, log->records, &key, &record);
    }
    if (rc != 0) {
        return err_from_mdb(err, rc, "read what is to be erased");
    }
    enum err_code code = log_blob_of(bytes_of(record.mv_data, record.mv_size),
                                     bytes_of(part.mv_data, part.mv_size), arena, &digest, err);
    if (code != ERR_OK) {
        return code;
    }
    rc = mdb_del(txn, log->private_parts, &key, NULL);
    if (rc == 0 && !key_is_zero(digest)) {
        named_key(digest, sequence, bytes);
        key = value_of(bytes, sizeof bytes);
        rc = mdb_del(txn, log->named, &key, NULL);
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    return err_from_mdb(err, rc, "erase a private part");
}

static enum err_code erase(const struct event_log *log, MDB_txn *txn, struct arena *arena,
                           struct bytes record, struct err *err)
{
    struct event event;
    struct arena parts;
    enum err_code code = record_decode(record, arena, &event, err);
    arena_init(&parts, LOG_BLOB_ARENA_MAX);
    const struct ev_erased *erased = event.u.private_erased.sequences.items;
    for (size_t i = 0; code == ERR_OK && i < event.u.private_erased.sequences.count; i++) {
        code = erase_part(log, txn, &parts, erased[i].sequence, err);
    }
    arena_deinit(&parts);
    return code;
}

enum err_code log_follow_entry(const struct event_log *log, MDB_txn *txn, uint64_t sequence,
                               const struct log_entry *entry, struct err *err)
{
    uint16_t const type = type_of(entry->record);
    struct key32 digest;
    struct arena arena;
    if (type != EVENT_PRIVATE_ERASED && !log_type_names_blob(type)) {
        return ERR_OK;
    }
    arena_init(&arena, LOG_BLOB_ARENA_MAX);
    enum err_code code;
    if (type == EVENT_PRIVATE_ERASED) {
        code = erase(log, txn, &arena, entry->record, err);
    } else {
        code = log_blob_of(entry->record, entry->private_part, &arena, &digest, err);
        code = code == ERR_OK ? remember(log, txn, sequence, digest, err) : code;
    }
    arena_deinit(&arena);
    return code;
}

/* Once for a log that was begun before there was this table. */
static enum err_code fill(const struct event_log *log, MDB_txn *txn, struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val record;
    struct arena arena;
    enum err_code code = ERR_OK;
    int rc = mdb_cursor_open(txn, log->records, &cursor);
    if (rc != 0) {
        return err_from_mdb(err, rc, "read the log");
    }
    arena_init(&arena, LOG_BLOB_ARENA_MAX);
    while (code == ERR_OK && (rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) == 0) {
        uint64_t sequence = 0;
        struct key32 digest;
        MDB_val part;
        struct bytes const bytes = bytes_of(record.mv_data, record.mv_size);
        if (key.mv_size != sizeof sequence || bytes.size <= RECORD_HEADER_SIZE ||
            !log_type_names_blob(type_of(bytes)) ||
            mdb_get(txn, log->private_parts, &key, &part) != 0) {
            continue; /* what is wrong with a log is verify's to say */
        }
        memcpy(&sequence, key.mv_data, sizeof sequence);
        code = log_blob_of(bytes, bytes_of(part.mv_data, part.mv_size), &arena, &digest, err);
        code = code == ERR_OK ? remember(log, txn, sequence, digest, err) : code;
    }
    arena_deinit(&arena);
    mdb_cursor_close(cursor);
    return code != ERR_OK || rc == MDB_NOTFOUND ? code : err_from_mdb(err, rc, "read the log");
}

enum err_code log_open_named(struct event_log *log, bool read_only, struct err *err)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(log->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "named", 0, &log->named);
        log->has_named = rc == 0;
        if (rc == 0) {
            return err_from_mdb(err, mdb_txn_commit(txn), "open the log's tables");
        }
        mdb_txn_abort(txn);
    }
    if (rc != MDB_NOTFOUND || read_only) {
        return rc == MDB_NOTFOUND ? ERR_OK : err_from_mdb(err, rc, "open the log's tables");
    }
    rc = mdb_txn_begin(log->env, NULL, 0, &txn);
    if (rc != 0) {
        return err_from_mdb(err, rc, "open the log's tables");
    }
    rc = mdb_dbi_open(txn, "named", MDB_CREATE, &log->named);
    enum err_code code =
        rc == 0 ? fill(log, txn, err) : err_from_mdb(err, rc, "open the log's tables");
    if (code != ERR_OK) {
        mdb_txn_abort(txn);
        return code;
    }
    log->has_named = true;
    return err_from_mdb(err, mdb_txn_commit(txn), "open the log's tables");
}

enum err_code log_is_named(struct event_log *log, struct key32 digest, bool *ret, struct err *err)
{
    uint8_t bytes[NAMED_KEY_SIZE];
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val value;
    if (!log->has_named) {
        return err_set(err, ERR_UNAVAILABLE, "this log does not say which files it names");
    }
    named_key(digest, 0, bytes);
    MDB_val key = value_of(bytes, sizeof bytes);
    int rc = mdb_txn_begin(log->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_cursor_open(txn, log->named, &cursor);
    }
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        mdb_cursor_close(cursor);
    }
    if (rc == 0 || rc == MDB_NOTFOUND) {
        *ret = rc == 0 && key.mv_size == NAMED_KEY_SIZE &&
               memcmp(key.mv_data, digest.b, sizeof digest.b) == 0;
        rc = 0;
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return err_from_mdb(err, rc, "look for a blob's name");
}
