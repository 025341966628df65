/* The peer of append.c: the same tables, keys, bytes, flags and batch sizes, and nothing else: no queue, no rules, no hashes. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/bytes.h"
#include "core/base/time.h"
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAP_SIZE ((size_t)64 << 30)
/* host.benchmarked as tools/bench/append.c writes it. */
#define RECORD_SIZE 130
#define PRIVATE_SIZE 126
#define ROW_KEY_SIZE 16
#define ROW_SIZE 48

struct bare {
    MDB_env *log;
    MDB_env *views;
    MDB_dbi records;
    MDB_dbi private_parts;
    MDB_dbi rows;
    uint64_t sequence;
};

static int open_env(MDB_env **ret, const char *dir, const char *name, unsigned flags)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)mkdir(path, 0700);
    int rc = mdb_env_create(ret);
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(*ret, 8);
    }
    if (rc == 0) {
        rc = mdb_env_set_mapsize(*ret, MAP_SIZE);
    }
    return rc == 0 ? mdb_env_open(*ret, path, MDB_NOTLS | MDB_NORDAHEAD | flags, 0600) : rc;
}

static int open_tables(struct bare *bare)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(bare->log, NULL, 0, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "records", MDB_CREATE | MDB_INTEGERKEY, &bare->records);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "private", MDB_CREATE | MDB_INTEGERKEY, &bare->private_parts);
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(bare->views, NULL, 0, &txn);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "rows", MDB_CREATE, &bare->rows);
    }
    return rc == 0 ? mdb_txn_commit(txn) : rc;
}

static int put(MDB_txn *txn, MDB_dbi table, void *key, size_t key_size, void *value, size_t size,
               unsigned flags)
{
    MDB_val k = {.mv_size = key_size, .mv_data = key};
    MDB_val v = {.mv_size = size, .mv_data = value};
    return mdb_put(txn, table, &k, &v, flags);
}

static int batch(struct bare *bare, uint64_t count)
{
    uint8_t record[RECORD_SIZE] = {0};
    uint8_t part[PRIVATE_SIZE] = {0};
    uint8_t key[ROW_KEY_SIZE] = {0};
    uint8_t row[ROW_SIZE] = {0};
    MDB_txn *log;
    MDB_txn *views;
    int rc = mdb_txn_begin(bare->views, NULL, 0, &views);
    if (rc == 0) {
        rc = mdb_txn_begin(bare->log, NULL, 0, &log);
    }
    for (uint64_t i = 0; i < count && rc == 0; i++) {
        uint64_t sequence = ++bare->sequence;
        put_be64(record, sequence);
        put_be64(part, sequence);
        put_be64(row, sequence);
        put_be64(key, sequence % BENCH_STREAMS * UINT64_C(0x9E3779B97F4A7C15));
        rc = put(log, bare->records, &sequence, sizeof sequence, record, sizeof record, MDB_APPEND);
        if (rc == 0) {
            rc = put(log, bare->private_parts, &sequence, sizeof sequence, part, sizeof part,
                     MDB_APPEND);
        }
        if (rc == 0) {
            rc = put(views, bare->rows, key, sizeof key, row, sizeof row, 0);
        }
    }
    if (rc == 0) {
        rc = mdb_txn_commit(log);
    }
    return rc == 0 ? mdb_txn_commit(views) : rc;
}

enum err_code bench_bare(const struct bench_options *options, struct err *err)
{
    struct bare bare = {0};
    (void)mkdir(options->dir, 0700);
    int rc = open_env(&bare.log, options->dir, "log", 0);
    if (rc == 0) {
        rc = open_env(&bare.views, options->dir, "views", MDB_NOSYNC);
    }
    if (rc == 0) {
        rc = open_tables(&bare);
    }
    int64_t start = time_mono_ns();
    int64_t end = start + (int64_t)options->seconds * NS_PER_S;
    while (rc == 0 && time_mono_ns() < end) {
        rc = batch(&bare, options->in_flight);
    }
    double seconds = (double)(time_mono_ns() - start) / (double)NS_PER_S;
    if (rc != 0) {
        return err_set(err, ERR_IO, "bare LMDB: %s", mdb_strerror(rc));
    }
    printf("{\"rate\":%.0f,\"events\":%" PRIu64 ",\"per_batch\":%" PRIu64 "}\n",
           (double)bare.sequence / seconds, bare.sequence, options->in_flight);
    return ERR_OK;
}
