/* tests/support/faults.h: the n-th call of a kind fails, and never the others.
 *
 * Method:  the linker's --wrap: calls from our own static libraries to malloc, LMDB and the file system come here first. Calls
 *          that shared libraries make among themselves do not.
 * Use:     CMake's tally_test_faults(target); faults_arm, the code under test, faults_disarm. Calls are counted only in between,
 *          over all threads, so that the test's own do not count.
 * Commit:  a commit that is made to fail aborts the transaction, as LMDB does. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_MEMORY,    /* malloc, calloc, realloc: NULL */
    FAULT_MDB_READ,  /* mdb_get, mdb_cursor_open, mdb_cursor_get, mdb_txn_begin for reading */
    FAULT_MDB_WRITE, /* mdb_put, mdb_del, mdb_dbi_open, mdb_env_open, mdb_env_sync, mdb_txn_begin for writing, mdb_txn_commit */
    FAULT_FILE,      /* write, fsync, rename, mkostemp, mkdir, fallocate */
};

/* The n-th call (from 1) fails with `error`: an errno, or MDB_… for the MDB kinds. */
void faults_arm(enum fault_kind kind, uint64_t n, int error);
/* Every call fails until faults_disarm. */
void faults_arm_all(enum fault_kind kind, int error);
/* Go on counting where faults_disarm stopped. */
void faults_resume(void);
/* No more faults. True if one was made since faults_arm. */
bool faults_disarm(void);
/* Until it is 0 there is no room for the views: every commit to an environment without fsync fails with this, ENOSPC or (as LMDB calls a write that came
 * out short) EIO, and fallocate with ENOSPC. */
void faults_fill_views(int error);
/* The function that failed, "" if none did. */
const char *faults_where(void);

#endif
