// SPDX-License-Identifier: Apache-2.0
#include "core/log/lmdb_err.h"

#include <errno.h>
#include <lmdb.h>

enum err_code err_from_mdb_at(struct err *err, int rc, const char *what, const char *file, int line)
{
    enum err_code code = ERR_IO;
    switch (rc) {
    case 0:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_DBS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        code = ERR_FULL;
        break;
    case MDB_READERS_FULL:
        code = ERR_BUSY;
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        code = ERR_CORRUPT;
        break;
    case MDB_PANIC:
        code = ERR_IO;
        break;
    case ENOMEM:
        code = ERR_NOMEM;
        break;
    case ENOENT:
        code = ERR_NOT_FOUND;
        break;
    case EINVAL:
    case MDB_BAD_TXN:
    case MDB_BAD_VALSIZE:
    case MDB_KEYEXIST:
        code = ERR_INTERNAL;
        break;
    default:
        break;
    }
    return err_set_at(err, code, rc, file, line, "%s: %s", what, mdb_strerror(rc));
}
