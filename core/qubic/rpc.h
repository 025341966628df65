/* core/qubic/rpc.h: the bodies of Qubic's Live and Query RPC, from JSON to structs and back.
 *
 * Shape:   pure functions. Both shapes that services use are read: {"tickInfo":{…}} and {…} itself, an array and
 *          {"transactions":[…]}. 64-bit numbers are decimal texts (numbers are taken too), unknown fields are
 *          ignored. Building gives the shape the services themselves give.
 * Trust:   none. Identities, hashes and base64 must be well formed, numbers in range. A transaction's wire
 *          bytes are built again from its fields, and their hash must be the one it claims, so what comes out of
 *          here cannot be another transaction. Whether its signature holds is asked separately
 *          (qubic_rpc_transaction_check), because that costs a thousand times more.
 *          What is not covered by the hash is the service's word: timestamp and money_flew.
 * Errors:  ERR_INVALID (what is wrong with the body), ERR_TOO_LARGE (arena full). Thread: any.
 * Source:  qubic-http and archive-query-service (protobuf JSON). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_RPC_H
#define CORE_QUBIC_RPC_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/id.h"
#include "core/qubic/transaction.h"

struct qubic_tick_info {
    uint32_t tick; /* the one the network works on */
    uint32_t duration;
    uint32_t epoch;
    uint32_t initial_tick; /* of the epoch */
};

struct qubic_balance {
    struct key32 identity;
    int64_t balance; /* incoming - outgoing */
    uint32_t valid_for_tick;
    uint32_t latest_incoming_tick; /* 0: never */
    uint32_t latest_outgoing_tick;
    int64_t incoming_amount;
    int64_t outgoing_amount;
    uint32_t incoming_count;
    uint32_t outgoing_count;
};

struct qubic_broadcast {
    int32_t peers; /* sent to so many; says nothing about acceptance */
    struct key32 hash;
};

struct qubic_processed_tick {
    uint32_t tick; /* the last one the archive has */
    uint32_t epoch;
    uint32_t interval_initial_tick;
    uint32_t last_log_tick;
};

struct qubic_tick_interval {
    uint32_t epoch;
    uint32_t first_tick;
    uint32_t last_tick;
};

struct qubic_tick_interval_list {
    const struct qubic_tick_interval *items;
    size_t count;
};

struct qubic_archived_transaction {
    struct qubic_transaction transaction;
    struct key32 hash; /* computed, and equal to what was claimed */
    int64_t timestamp_ms;
    bool money_flew; /* debited and credited; always false for amount 0 */
};

struct qubic_archived_list {
    const struct qubic_archived_transaction *items; /* in the arena */
    size_t count;
};

struct qubic_identity_transactions {
    uint32_t valid_for_tick;
    uint32_t hits_total;
    uint32_t hits_from;
    uint32_t hits_size;
    struct qubic_archived_list transactions; /* newest first */
};

struct qubic_tick_data {
    bool empty; /* the tick was executed without transactions; nothing else is set */
    uint32_t tick;
    uint32_t epoch;
    uint32_t computor_index;
    int64_t timestamp_ms;
    const struct key32 *hashes; /* in the arena */
    size_t hash_count;
};

/* Codes of gRPC as they stand in error bodies. */
enum qubic_rpc_status {
    QUBIC_RPC_NONE = -1, /* no readable error body: a proxy's page, cut, empty */
    QUBIC_RPC_INVALID_ARGUMENT = 3,
    QUBIC_RPC_DEADLINE = 4,
    QUBIC_RPC_NOT_FOUND = 5,
    QUBIC_RPC_EXHAUSTED = 8,
    QUBIC_RPC_PRECONDITION = 9,
    QUBIC_RPC_OUT_OF_RANGE = 11,
    QUBIC_RPC_UNIMPLEMENTED = 12,
    QUBIC_RPC_INTERNAL = 13,
    QUBIC_RPC_UNAVAILABLE = 14,
};

/* What a service means by it: one name for each of its known answers. */
enum qubic_rpc_reason {
    QUBIC_REASON_UNREADABLE, /* no error body of a service: unknown, ask again */
    QUBIC_REASON_OTHER,      /* a code or message that is not in the list */
    /* about the question */
    QUBIC_REASON_ENCODING_BAD,       /* illegal base64 */
    QUBIC_REASON_SIGNATURE_BAD,      /* does not verify */
    QUBIC_REASON_SIGNATURE_TWIN,     /* scalar not below the group's order */
    QUBIC_REASON_KEY_BAD,            /* public key or signature is no point that signs */
    QUBIC_REASON_TICK_PASSED,        /* a broadcast for a tick that is there; max_tick */
    QUBIC_REASON_TRANSACTION_BROKEN, /* the bytes are no transaction */
    QUBIC_REASON_ID_BAD,             /* no transaction id */
    QUBIC_REASON_TICK_NOT_YET,       /* beyond the archive; last_processed */
    QUBIC_REASON_TICK_SKIPPED,       /* never was; next_tick */
    QUBIC_REASON_ARGUMENT_BAD,       /* code 3 otherwise */
    QUBIC_REASON_PRECONDITION,       /* code 9 */
    QUBIC_REASON_OUT_OF_RANGE,       /* code 11 otherwise */
    QUBIC_REASON_TRANSACTION_UNKNOWN,
    QUBIC_REASON_PATH_UNKNOWN, /* code 5 otherwise */
    QUBIC_REASON_UNIMPLEMENTED,
    /* about the service */
    QUBIC_REASON_NO_PEERS, /* the broadcast reached nobody */
    QUBIC_REASON_NODE_FAILED,
    QUBIC_REASON_BUSY, /* 429, or code 8 */
    QUBIC_REASON_DEADLINE,
    QUBIC_REASON_UNAVAILABLE,
    QUBIC_REASON_COUNT,
};

struct qubic_rpc_error {
    int http_status;
    int status; /* enum qubic_rpc_status, or another code the body had */
    enum qubic_rpc_reason reason;
    char message[160];       /* printable ASCII, cut; "" without a body */
    bool tick_is_skipped;    /* the tick asked for never existed … */
    uint32_t next_tick;      /* … and this is the next that did, 0 if not said */
    bool tick_is_not_yet;    /* the tick asked for is beyond the archive's last */
    uint32_t last_processed; /* which is this, 0 if not said */
    uint32_t max_tick;       /* the network's, with QUBIC_REASON_TICK_PASSED; 0 if not said */
};

/* ---- answers ---- */

MUST_CHECK enum err_code qubic_rpc_parse_tick_info(struct bytes body, struct qubic_tick_info *ret,
                                                   struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_balance(struct bytes body, struct qubic_balance *ret,
                                                 struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_broadcast(struct bytes body, struct qubic_broadcast *ret,
                                                   struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_processed_tick(struct bytes body,
                                                        struct qubic_processed_tick *ret,
                                                        struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_tick_intervals(struct bytes body, struct arena *arena,
                                                        struct qubic_tick_interval_list *ret,
                                                        struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_transaction(struct bytes body,
                                                     struct qubic_archived_transaction *ret,
                                                     struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_transactions(struct bytes body, struct arena *arena,
                                                      struct qubic_archived_list *ret,
                                                      struct err *err);
MUST_CHECK enum err_code
qubic_rpc_parse_identity_transactions(struct bytes body, struct arena *arena,
                                      struct qubic_identity_transactions *ret, struct err *err);
MUST_CHECK enum err_code qubic_rpc_parse_tick_data(struct bytes body, struct arena *arena,
                                                   struct qubic_tick_data *ret, struct err *err);
/* Any body of a non-200 answer; never fails. */
struct qubic_rpc_error qubic_rpc_parse_error(int http_status, struct bytes body);

/* "tick_skipped": for traces and metrics. */
const char *qubic_rpc_reason_name(enum qubic_rpc_reason reason);
/* Whether the same question may be answered another time. */
bool qubic_rpc_may_pass(const struct qubic_rpc_error *error);

/* Only a readable error body with code 5 is ERR_NOT_FOUND: a proxy's 404 page proves nothing. ERR_INVALID for 3,
 * 9 and 11; everything else is ERR_UNAVAILABLE: ask again. `err` gets the message. */
enum err_code qubic_rpc_error_code(const struct qubic_rpc_error *error, struct err *err);
/* The HTTP status services give for a code. */
int qubic_rpc_http_status(int status);

/* The transaction has this hash, and a signature the network accepts. ERR_CORRUPT if not. */
MUST_CHECK enum err_code
qubic_rpc_transaction_check(const struct qubic_archived_transaction *transaction,
                            const struct key32 *hash, struct err *err);

/* ---- requests; appended to `body` ---- */

void qubic_rpc_build_broadcast_request(struct buf *body, struct bytes wire);
void qubic_rpc_build_hash_request(struct buf *body, const struct key32 *hash);
void qubic_rpc_build_tick_request(struct buf *body, uint32_t tick);
struct qubic_identity_query {
    struct key32 identity;
    uint32_t tick_from; /* inclusive */
    uint32_t tick_to;   /* inclusive */
    uint32_t offset;
    uint32_t size; /* 1 to 1,000 */
};
void qubic_rpc_build_identity_request(struct buf *body, const struct qubic_identity_query *query);

/* ---- answers, as the services write them ---- */

void qubic_rpc_build_tick_info(struct buf *body, const struct qubic_tick_info *info);
void qubic_rpc_build_balance(struct buf *body, const struct qubic_balance *balance);
void qubic_rpc_build_broadcast(struct buf *body, int32_t peers, struct bytes wire,
                               const struct key32 *hash);
void qubic_rpc_build_processed_tick(struct buf *body, const struct qubic_processed_tick *tick);
void qubic_rpc_build_tick_intervals(struct buf *body, const struct qubic_tick_interval_list *list);
void qubic_rpc_build_transaction(struct buf *body,
                                 const struct qubic_archived_transaction *transaction);
void qubic_rpc_build_transactions(struct buf *body, const struct qubic_archived_list *list);
void qubic_rpc_build_identity_transactions(struct buf *body,
                                           const struct qubic_identity_transactions *answer);
void qubic_rpc_build_tick_data(struct buf *body, const struct qubic_tick_data *data);
void qubic_rpc_build_error(struct buf *body, int status, const char *message);

#endif
