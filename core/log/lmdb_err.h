/* core/log/lmdb_err.h: LMDB's codes, translated once. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LMDB_ERR_H
#define CORE_LOG_LMDB_ERR_H

#include "core/base/err.h"

/* ERR_OK for 0; MDB_NOTFOUND is ERR_NOT_FOUND without a message. */
#define err_from_mdb(err, rc, what) err_from_mdb_at((err), (rc), (what), __FILE__, __LINE__)
enum err_code err_from_mdb_at(struct err *err, int rc, const char *what, const char *file,
                              int line);

#endif
