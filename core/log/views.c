// SPDX-License-Identifier: Apache-2.0
#include "core/log/views.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/log/damage.h"
#include "core/log/lmdb_err.h"
#include "core/log/room.h"
#include "core/log/row_buffer.h"
#include "core/log/views_copy.h"
#include "core/log/views_transaction.h"

#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT (UINT64_C(512) << 30)
#define READERS_MAX_DEFAULT 512
#define ROOM_FOR_BATCH ((uint64_t)2 << 20)
#define VIEWS_LOOK_CLOSER                                                                          \
    900 /* per mille of the map that was ever used: count what is free of it */
static char POSITION_KEY[] = "p"; /* not const: LMDB takes no const pointers */
#define POSITION_SIZE (8 + 32 + 16 + 8)
/* Rows of the running write transaction; when there are more, they go into the trees earlier. */
#define ROWS_SIZE_MAX ((size_t)48 << 20)

struct views {
    struct views_options options;
    char folder[PATH_MAX];
    char state_path[PATH_MAX];
    MDB_env *env;
    struct views_tables tables;
    MDB_dbi position;
    bool dirty; /* the state file says so */
    atomic_bool damaged;
    pthread_mutex_t state_mutex; /* of the state file */
    bool distrusted;             /* there is none, and none may be written */
    struct damage_watch watch;
    struct room room;
    struct transaction write;
    struct row_buffer rows;       /* the write transaction's */
    atomic_uint_fast64_t changes; /* odd: snapshots may be of before or of behind the next change */
};

struct views_snapshot {
    struct transaction transaction;
    struct views_position position;
};

/* ── whether the files can be trusted ──────────────────────────────────────────────────────────── */

static void read_boot_id(char ret[VIEWS_BOOT_ID_SIZE + 1])
{
    struct buf text;
    buf_init(&text, 64);
    memset(ret, '0', VIEWS_BOOT_ID_SIZE);
    ret[VIEWS_BOOT_ID_SIZE] = '\0';
    if (file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == ERR_OK &&
        text.size >= VIEWS_BOOT_ID_SIZE) {
        memcpy(ret, text.data, VIEWS_BOOT_ID_SIZE);
    }
    buf_deinit(&text);
}

/* "<boot id> dirty\n" or "<boot id> clean\n". */
static enum err_code write_state(struct views *views, bool dirty, struct err *err)
{
    char boot[VIEWS_BOOT_ID_SIZE + 1];
    char text[64];
    read_boot_id(boot);
    (void)snprintf(text, sizeof text, "%s %s\n", boot, dirty ? "dirty" : "clean");
    (void)pthread_mutex_lock(&views->state_mutex);
    enum err_code code = views->distrusted
                             ? ERR_OK
                             : file_write_atomic(views->state_path, bytes_of_text(text), 0600, err);
    (void)pthread_mutex_unlock(&views->state_mutex);
    if (code == ERR_OK) {
        views->dirty = dirty;
    }
    return code;
}

bool views_are_damaged(const struct views *views)
{
    return atomic_load(&views->damaged);
}

/* Taking files away needs no room. The copy may be what brought the damage, or have been made of it. */
void views_distrust(struct views *views)
{
    struct err err;
    (void)pthread_mutex_lock(&views->state_mutex);
    if (!views->options.read_only && !views->distrusted) {
        views->distrusted = true;
        views_copy_remove(views->folder);
        (void)unlink(views->state_path);
        if (dir_sync_of(views->state_path, &err) != ERR_OK) {
            trace_err(TRACE_ERROR, "views.distrust", &err);
        }
        trace(TRACE_ERROR, "views.damaged",
              "folder=\"%s\" next=\"they are rebuilt from the log, without their copy\"",
              views->folder);
    }
    (void)pthread_mutex_unlock(&views->state_mutex);
}

static void distrust_cb(void *views)
{
    views_distrust(views);
}

bool views_state_parse(struct bytes text, const char boot[VIEWS_BOOT_ID_SIZE + 1],
                       struct views_state *ret)
{
    if (text.size != VIEWS_BOOT_ID_SIZE + 7) {
        return false;
    }
    bool is_clean = memcmp(text.data + VIEWS_BOOT_ID_SIZE, " clean\n", 7) == 0;
    bool is_dirty = memcmp(text.data + VIEWS_BOOT_ID_SIZE, " dirty\n", 7) == 0;
    if (!is_clean && !is_dirty) {
        return false;
    }
    bool same_boot = memcmp(text.data, boot, VIEWS_BOOT_ID_SIZE) == 0;
    *ret = (struct views_state){.is_dirty = is_dirty, .is_trusted = same_boot || is_clean};
    return true;
}

/* NULL, or why not, and whether that leaves the copy good. */
static const char *reason_to_distrust(struct views *views, bool *ret_copy)
{
    char boot[VIEWS_BOOT_ID_SIZE + 1];
    struct buf text;
    struct views_state state = {0};
    const char *reason = "no views.state: damaged when they were last open, or new";
    *ret_copy = false;
    read_boot_id(boot);
    buf_init(&text, 64);
    if (file_read(views->state_path, &text, NULL) == ERR_OK &&
        views_state_parse(buf_bytes(&text), boot, &state)) {
        /* Of files that are thrown away the next write says so, of this boot. */
        views->dirty = state.is_dirty && state.is_trusted;
        reason = state.is_trusted ? NULL : "no clean close in an earlier boot";
        *ret_copy = true;
    }
    buf_deinit(&text);
    return reason;
}

/* true if there were any. */
static bool remove_files(struct views *views)
{
    bool removed = false;
    static const char *const NAMES[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char path[PATH_MAX];
        if (path_join(path, sizeof path, views->folder, NAMES[i], NULL) == ERR_OK) {
            removed |= unlink(path) == 0;
        }
    }
    return removed;
}

/* Files that cannot be trusted give way to the copy, or to nothing. Without a state nothing vouches for the copy: its writer may have been just about to
 * finish it when damage was found. */
static void begin_anew(struct views *views, const char *reason, bool with_copy)
{
    struct err err;
    if (remove_files(views)) {
        trace(TRACE_WARN, "views.discarded", "reason=\"%s\"", reason);
    }
    if (!with_copy) {
        views_copy_remove(views->folder);
        return;
    }
    enum err_code code = views_copy_restore(views->folder, &err);
    if (code == ERR_OK) {
        trace(TRACE_INFO, "views.restored", "from=\"%s.copy\"", views->folder);
    } else if (code != ERR_NOT_FOUND) {
        trace_err(TRACE_WARN, "views.copy_unusable", &err);
    }
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────────── */

static int open_tables(struct views *views)
{
    unsigned flags = views->options.read_only ? 0 : MDB_CREATE;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(views->env, NULL, views->options.read_only ? MDB_RDONLY : 0, &txn);
    for (size_t i = 0; i < views->tables.count && rc == 0; i++) {
        rc = mdb_dbi_open(txn, views->tables.list[i]->name, flags, &views->tables.handles[i]);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "position", flags, &views->position);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static enum err_code open_env(struct views *views, struct err *err)
{
    const struct views_options *options = &views->options;
    int rc = mdb_env_create(&views->env);
    if (rc == 0) {
        rc = damage_watch(views->env, &views->watch);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(views->env, VIEWS_TABLES_MAX + 1);
    }
    if (rc == 0) {
        rc = mdb_env_set_mapsize(views->env,
                                 options->map_size != 0 ? options->map_size : MAP_SIZE_DEFAULT);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(views->env, options->readers_max != 0 ? options->readers_max
                                                                          : READERS_MAX_DEFAULT);
    }
    if (rc == 0) {
        rc = mdb_env_open(
            views->env, views->folder,
            MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC | (options->read_only ? MDB_RDONLY : 0U), 0600);
    }
    if (rc == 0) {
        rc = views_check_length(views->env);
    }
    if (rc == 0) {
        rc = open_tables(views);
    }
    if (rc != 0) {
        enum err_code const code =
            rc == MDB_NOTFOUND /* which has no words of its own; only who may not write meets it */
                ? err_set(err, ERR_CONFLICT,
                          "the views are of another version, with other tables; start the server "
                          "of this version once")
                : err_from_mdb(err, rc, "open the views");
        if (views->env != NULL) {
            mdb_env_close(views->env);
            views->env = NULL;
        }
        return code;
    }
    return ERR_OK;
}

static void free_views(struct views *views)
{
    row_buffer_deinit(&views->rows);
    (void)pthread_mutex_destroy(&views->state_mutex);
    free(views);
}

enum err_code views_open(const struct views_options *options, struct views **ret, struct err *err)
{
    struct views *views = calloc(1, sizeof *views);
    if (views == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to open the views");
    }
    views->options = *options;
    views_tables_init(&views->tables, options->tables, options->table_count);
    views->tables.damaged = &views->damaged;
    views->watch = (struct damage_watch){.what = "the views", .found = distrust_cb, .ctx = views};
    (void)pthread_mutex_init(&views->state_mutex, NULL);
    row_buffer_init(&views->rows, ROWS_SIZE_MAX);
    enum err_code code = ERR_OK;
    int size = snprintf(views->folder, sizeof views->folder, "%s", options->folder);
    int state_size =
        snprintf(views->state_path, sizeof views->state_path, "%s.state", options->folder);
    if (size < 0 || state_size < 0 || (size_t)state_size >= sizeof views->state_path) {
        code = err_set(err, ERR_TOO_LARGE, "path too long: %s", options->folder);
    }
    if (code == ERR_OK && !options->read_only) {
        code = dir_create(views->folder, 0700, err);
        bool copy = false;
        const char *reason = code == ERR_OK ? reason_to_distrust(views, &copy) : NULL;
        if (reason != NULL) {
            begin_anew(views, reason, copy);
        }
    }
    if (code == ERR_OK) {
        code = open_env(views, err);
    }
    if (code == ERR_CORRUPT && !options->read_only) {
        trace(TRACE_WARN, "views.discarded", "reason=\"damaged\"");
        code = views_reset(views, err);
    }
    if (code != ERR_OK) {
        free_views(views);
        return code;
    }
    *ret = views;
    return ERR_OK;
}

void views_close(struct views *views)
{
    if (views == NULL) {
        return;
    }
    struct err err;
    views_abort(views);
    if (views->env == NULL) { /* a reset that failed: there is nothing to keep */
        free_views(views);
        return;
    }
    if (views_are_damaged(views)) {
        views_distrust(views);
    } else if (!views->options.read_only) {
        int rc = mdb_env_sync(views->env, 1);
        if (rc != 0 || write_state(views, false, &err) != ERR_OK) {
            trace(TRACE_WARN, "views.left_dirty", "rc=%d", rc);
        }
    }
    mdb_env_close(views->env);
    free_views(views);
}

enum err_code views_reset(struct views *views, struct err *err)
{
    views_abort(views);
    bool const distrusted = views->distrusted;
    if (!views->dirty && !distrusted) { /* or a power failure could leave half of new files behind
                                           the word "clean" */
        enum err_code code = write_state(views, true, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (views->env != NULL) {
        mdb_env_close(views->env);
        views->env = NULL;
    }
    atomic_fetch_add(&views->changes, 2); /* nobody reads meanwhile */
    (void)remove_files(views);
    views->room = (struct room){0};
    atomic_store(&views->damaged, false);
    if (distrusted) { /* only now: what was damaged is gone */
        views->distrusted = false;
        enum err_code code = write_state(views, true, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return open_env(views, err);
}

/* ── writing ───────────────────────────────────────────────────────────────────────────────────── */

enum err_code views_begin(struct views *views, struct store **ret, struct err *err)
{
    INVARIANT(views->write.txn == NULL);
    enum err_code code = ERR_OK;
    if (!views->dirty) {
        code = write_state(views, true, err);
    }
    if (code == ERR_OK) { /* before the log has the batch: later its answers would have to wait */
        code = room_keep(&views->room, views->env, ROOM_FOR_BATCH, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    int rc = transaction_begin(&views->write, views->env, &views->tables, &views->rows);
    if (rc != 0) {
        return transaction_err(&views->tables, err, rc, "begin writing views");
    }
    *ret = &views->write.store;
    return ERR_OK;
}

static void position_encode(const struct views_position *position, uint8_t ret[POSITION_SIZE])
{
    put_be64(ret, position->sequence);
    memcpy(ret + 8, position->root.b, 32);
    memcpy(ret + 40, position->log_id.b, 16);
    put_be64(ret + 56, position->version);
}

static int position_read(MDB_txn *txn, MDB_dbi table, struct views_position *ret)
{
    MDB_val key = {1, POSITION_KEY};
    MDB_val value;
    int rc = mdb_get(txn, table, &key, &value);
    *ret = (struct views_position){0};
    if (rc == MDB_NOTFOUND) {
        return 0;
    }
    if (rc == 0 && value.mv_size != POSITION_SIZE) {
        return MDB_CORRUPTED;
    }
    if (rc == 0) {
        const uint8_t *at = value.mv_data;
        ret->sequence = get_be64(at);
        memcpy(ret->root.b, at + 8, 32);
        memcpy(ret->log_id.b, at + 40, 16);
        ret->version = get_be64(at + 56);
    }
    return rc;
}

enum err_code views_flush(struct views *views, struct err *err)
{
    struct transaction *t = &views->write;
    INVARIANT(t->txn != NULL);
    enum err_code code = store_check(&t->store, err);
    return code == ERR_OK ? transaction_flush(t, err) : code;
}

enum err_code views_commit(struct views *views, const struct views_position *position,
                           struct err *err)
{
    struct transaction *t = &views->write;
    enum err_code code = views_flush(views, err);
    if (code != ERR_OK) {
        transaction_abort(t);
        return code;
    }
    uint8_t stored[POSITION_SIZE];
    position_encode(position, stored);
    MDB_val key = {1, POSITION_KEY};
    MDB_val value = {sizeof stored, stored};
    int rc = mdb_put(t->txn, views->position, &key, &value, 0);
    if (rc != 0) {
        transaction_abort(t);
        return transaction_err(&views->tables, err, rc, "store the views' position");
    }
    transaction_end(t);
    atomic_fetch_add(&views->changes, 1);
    rc = mdb_txn_commit(t->txn);
    atomic_fetch_add(&views->changes, 1);
    t->txn = NULL;
    if (rc == EIO && room_is_short(views->env)) {
        rc = ENOSPC;
    }
    return transaction_err(&views->tables, err, rc, "commit the views");
}

void views_abort(struct views *views)
{
    transaction_abort(&views->write);
}

enum err_code views_read_position(struct views *views, struct views_position *ret, struct err *err)
{
    struct views_snapshot *snapshot = NULL;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code == ERR_OK) {
        INVARIANT(snapshot != NULL);
        *ret = snapshot->position;
        views_snapshot_close(snapshot);
    }
    return code;
}

/* Pages that were given back and are in the file still. They are listed in LMDB's own table 0: transaction → count, numbers. */
static uint64_t free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, 0, &cursor) != 0) {
        return 0;
    }
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t count = 0;
        if (value.mv_size >= sizeof count) {
            memcpy(&count, value.mv_data, sizeof count);
        }
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

unsigned views_fill_permille(struct views *views)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn = NULL;
    if (views->env == NULL || mdb_env_info(views->env, &info) != 0 ||
        mdb_env_stat(views->env, &stat) != 0) {
        return 1000;
    }
    uint64_t const pages = info.me_mapsize / stat.ms_psize;
    uint64_t used = info.me_last_pgno + 1;
    if (used * 1000 / pages >= VIEWS_LOOK_CLOSER &&
        mdb_txn_begin(views->env, NULL, MDB_RDONLY, &txn) == 0) {
        uint64_t const unused = free_pages(txn);
        used -= unused < used ? unused : used;
        mdb_txn_abort(txn);
    }
    return (unsigned)(used * 1000 / pages);
}

enum err_code views_readers(struct views *views, struct readers *ret, struct err *err)
{
    return readers_look(views->env, ret, err);
}

uint64_t views_size(struct views *views)
{
    MDB_envinfo info;
    MDB_stat stat;
    return views->env == NULL || mdb_env_info(views->env, &info) != 0 ||
                   mdb_env_stat(views->env, &stat) != 0
               ? 0
               : (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

enum err_code views_copy(struct views *views, struct err *err)
{
    enum err_code code = views_copy_write(views->env, views->folder, err);
    if (code == ERR_CORRUPT) {
        atomic_store(&views->damaged, true);
    }
    return code;
}

static void remove_copy_cb(void *ctx)
{
    const struct views *views = ctx;
    views_copy_remove(views->folder);
}

uint64_t views_copied_at(struct views *views)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi table;
    struct views_position position = {0};
    struct damage_watch watch = {
        .what = "the copy of the views", .found = remove_copy_cb, .ctx = views};
    if (views_copy_open(views->folder, &watch, &env, NULL) != ERR_OK) {
        return 0;
    }
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0) {
        if (mdb_dbi_open(txn, "position", 0, &table) == 0) {
            (void)position_read(txn, table, &position);
        }
        mdb_txn_abort(txn);
    }
    mdb_env_close(env);
    return position.sequence;
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────────── */

uint64_t views_changes(struct views *views)
{
    atomic_thread_fence(memory_order_acquire); /* behind the snapshot that was opened before */
    uint64_t changes = atomic_load(&views->changes);
    return changes % 2 == 0 ? changes + 2 : 0;
}

enum err_code views_snapshot_open(struct views *views, struct views_snapshot **ret, struct err *err)
{
    if (views->env == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "the views could not be made anew");
    }
    struct views_snapshot *snapshot = malloc(sizeof *snapshot);
    if (snapshot == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a snapshot");
    }
    int rc = transaction_begin(&snapshot->transaction, views->env, &views->tables, NULL);
    if (rc == 0) {
        rc = position_read(snapshot->transaction.txn, views->position, &snapshot->position);
    }
    if (rc != 0) {
        transaction_abort(&snapshot->transaction);
        free(snapshot);
        return transaction_err(&views->tables, err, rc, "read the views");
    }
    *ret = snapshot;
    return ERR_OK;
}

void views_snapshot_close(struct views_snapshot *snapshot)
{
    if (snapshot != NULL) {
        transaction_abort(&snapshot->transaction);
        free(snapshot);
    }
}

struct store *views_snapshot_store(struct views_snapshot *snapshot)
{
    return &snapshot->transaction.store;
}

const struct views_position *views_snapshot_position(const struct views_snapshot *snapshot)
{
    return &snapshot->position;
}

static void hash_value(struct sha256 *hash, const MDB_val *value)
{
    uint8_t size[8];
    put_be64(size, value->mv_size);
    sha256_update(hash, bytes_of(size, sizeof size));
    sha256_update(hash, bytes_of(value->mv_data, value->mv_size));
}

enum err_code views_snapshot_digest(struct views_snapshot *snapshot, struct key32 *ret,
                                    struct err *err)
{
    const struct views_tables *tables = snapshot->transaction.tables;
    enum err_code code = ERR_OK;
    struct sha256 *hash = sha256_create();
    if (hash == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to hash the views");
    }
    for (size_t i = 0; i < tables->count && code == ERR_OK; i++) {
        MDB_cursor *cursor = NULL;
        MDB_val key;
        MDB_val value;
        sha256_update(hash, bytes_of_text(tables->list[i]->name));
        int rc = transaction_cursor(&snapshot->transaction, i, &cursor);
        MDB_cursor_op step = MDB_FIRST; /* the cursor may have been used before */
        while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, step)) == 0) {
            hash_value(hash, &key);
            hash_value(hash, &value);
            step = MDB_NEXT;
        }
        code = rc == MDB_NOTFOUND ? ERR_OK : transaction_err(tables, err, rc, "read the views");
    }
    if (code == ERR_OK) {
        *ret = sha256_final(hash);
    }
    sha256_destroy(hash);
    return code;
}

enum err_code views_digest(struct views *views, struct key32 *ret, struct err *err)
{
    struct views_snapshot *snapshot = NULL;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code == ERR_OK) {
        INVARIANT(snapshot != NULL);
        code = views_snapshot_digest(snapshot, ret, err);
        views_snapshot_close(snapshot);
    }
    return code;
}
