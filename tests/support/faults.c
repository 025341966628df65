// SPDX-License-Identifier: Apache-2.0
#include "tests/support/faults.h"

#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

static struct {
    atomic_bool armed;
    atomic_bool fired;
    bool lasting;
    atomic_uint_fast64_t left;
    enum fault_kind kind;
    int error;
    _Atomic(const char *) where;
    atomic_int views_full;
} faults;

static void arm(enum fault_kind kind, uint64_t n, int error, bool lasting)
{
    faults.lasting = lasting;
    faults.kind = kind;
    faults.error = error;
    atomic_store(&faults.left, n);
    atomic_store(&faults.fired, false);
    atomic_store(&faults.where, "");
    atomic_store(&faults.armed, true);
}

void faults_arm(enum fault_kind kind, uint64_t n, int error)
{
    arm(kind, n, error, false);
}

void faults_arm_all(enum fault_kind kind, int error)
{
    arm(kind, 1, error, true);
}

void faults_resume(void)
{
    atomic_store(&faults.armed, true);
}

bool faults_disarm(void)
{
    atomic_store(&faults.armed, false);
    return atomic_load(&faults.fired);
}

const char *faults_where(void)
{
    return atomic_load(&faults.where);
}

void faults_fill_views(int error)
{
    atomic_store(&faults.views_full, error);
}

static bool is_of_full_views(MDB_txn *txn)
{
    unsigned flags = 0;
    return atomic_load(&faults.views_full) != 0 &&
           mdb_env_get_flags(mdb_txn_env(txn), &flags) == 0 && (flags & MDB_NOSYNC) != 0;
}

static bool fails(enum fault_kind kind, const char *where)
{
    if (!atomic_load(&faults.armed) || faults.kind != kind) {
        return false;
    }
    if (atomic_load(&faults.fired) ? !faults.lasting : atomic_fetch_sub(&faults.left, 1) != 1) {
        return false;
    }
    atomic_store(&faults.where, where);
    atomic_store(&faults.fired, true);
    return true;
}

static bool file_fails(const char *where)
{
    if (!fails(FAULT_FILE, where)) {
        return false;
    }
    errno = faults.error;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker wants these names */
#define WRAP(type, name, parameters, arguments, failing, failed)                                   \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return (failing) ? (failed) : __real_##name arguments;                                     \
    }

#define MEMORY(type, name, parameters, arguments)                                                  \
    WRAP(type, name, parameters, arguments, fails(FAULT_MEMORY, #name), NULL)
#define READS(name, parameters, arguments)                                                         \
    WRAP(int, name, parameters, arguments, fails(FAULT_MDB_READ, #name), faults.error)
#define WRITES(name, parameters, arguments)                                                        \
    WRAP(int, name, parameters, arguments, fails(FAULT_MDB_WRITE, #name), faults.error)
#define FILES(type, name, parameters, arguments)                                                   \
    WRAP(type, name, parameters, arguments, file_fails(#name), -1)

MEMORY(void *, malloc, (size_t size), (size))
MEMORY(void *, calloc, (size_t count, size_t size), (count, size))
MEMORY(void *, realloc, (void *memory, size_t size), (memory, size))

READS(mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
READS(mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **ret), (txn, dbi, ret))
READS(mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op),
      (cursor, key, data, op))
WRITES(mdb_put, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags),
       (txn, dbi, key, data, flags))
WRITES(mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
WRITES(mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *ret),
       (txn, name, flags, ret))
WRITES(mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
       (env, path, flags, mode))
WRITES(mdb_env_sync, (MDB_env * env, int force), (env, force))

int __real_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **ret);
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **ret);
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **ret)
{
    bool const reads = (flags & MDB_RDONLY) != 0;
    return fails(reads ? FAULT_MDB_READ : FAULT_MDB_WRITE, "mdb_txn_begin")
               ? faults.error
               : __real_mdb_txn_begin(env, parent, flags, ret);
}

int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (is_of_full_views(txn)) {
        mdb_txn_abort(txn);
        return atomic_load(&faults.views_full);
    }
    if (fails(FAULT_MDB_WRITE, "mdb_txn_commit")) {
        mdb_txn_abort(txn);
        return faults.error;
    }
    return __real_mdb_txn_commit(txn);
}

FILES(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
FILES(int, fsync, (int fd), (fd))
FILES(int, rename, (const char *from, const char *to), (from, to))
FILES(int, mkostemp, (char *name, int flags), (name, flags))
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (atomic_load(&faults.views_full) != 0) {
        errno = ENOSPC;
        return -1;
    }
    return file_fails("fallocate") ? -1 : __real_fallocate(fd, mode, offset, size);
}
FILES(int, mkdir, (const char *path, mode_t mode), (path, mode))
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
