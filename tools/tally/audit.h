/* tools/tally/audit.h: what the commands of an auditor share: a log's records from a folder or a server, as a book.
 *
 *     --data DIR              a data directory: of a running server, a stopped one, or a copy of its log/
 *     --server URL            the public records of a server, checked against its signed checkpoint
 *     --qubic-live-url URL    [https://rpc.qubic.org/live/v1]; a log of another network needs its own
 *     --qubic-query-url URL   [https://rpc.qubic.org/query/v1]
 *
 * Trust:   from a folder the log is taken as it stands (`tally verify` proves it). From a server every record is hashed, and the tree's root must be
 *          the one in a checkpoint signed with the key of record 1; public parts are all there is, so machines have no names.
 * Errors:  ERR_CORRUPT with the record that cannot be read; what log, network and book give. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_AUDIT_H
#define TOOLS_TALLY_AUDIT_H

#include "core/reconcile/book.h"

struct audit {
    const char *data;
    const char *server;
    const char *live_url;
    const char *query_url;
};

#define AUDIT_ARGUMENTS(audit)                                                                     \
    {"--data", &(audit).data, NULL, false}, {"--server", &(audit).server, NULL, false},            \
        {"--qubic-live-url", &(audit).live_url, NULL, false},                                      \
    {                                                                                              \
        "--qubic-query-url", &(audit).query_url, NULL, false                                       \
    }

/* ERR_INVALID unless one of --data and --server is given, and a server as scheme://host:port. */
MUST_CHECK enum err_code audit_check(const struct audit *audit, struct err *err);
/* Which network record 1 names: asked before the rest is read, because the chain must be asked before that, too. */
MUST_CHECK enum err_code audit_network(const struct audit *audit, enum network *ret,
                                       struct err *err);
MUST_CHECK enum err_code audit_read_book(const struct audit *audit, bool quiet, struct book *ret,
                                         struct err *err);
/* The URLs that were left out, by the log's network. */
MUST_CHECK enum err_code audit_urls(struct audit *audit, enum network network, struct err *err);

#endif
