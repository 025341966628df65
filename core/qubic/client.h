/* core/qubic/client.h: asking the Qubic network, over its Live and Query services.
 *
 * Shape:   a function for each question; `on_answer` is called exactly once, from the loop, unless the call was
 *          cancelled or the client closed first. Nothing is asked twice by itself: retries, backoff and caching are
 *          the caller's (NEEDSWORK: retries inside a rate limit, circuit breaker, balances cached 30 s).
 * Trust:   none in the service. An answer is checked against its question: identity, tick, hash; a transaction's
 *          bytes are built again and hashed, and one asked for by its hash must bear a valid signature. In lists
 *          signatures are not looked at: call qubic_rpc_transaction_check for those that matter.
 *          What the service says and nobody can check: balances, timestamps, money_flew, that something is absent.
 * Errors:  ERR_NOT_FOUND only if the service itself says that the transaction is unknown, never for a lost page;
 *          ERR_INVALID: it refused the question (`rpc` says why); ERR_TIMEOUT: unknown whether it acted; ERR_UNAVAILABLE:
 *          not reached, overloaded, not understood, or an answer to something else. For the last two, ask again.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_CLIENT_H
#define CORE_QUBIC_CLIENT_H

#include "core/net/http_client.h"
#include "core/qubic/rpc.h"

struct qubic_client;
struct qubic_call; /* one question in flight */

struct qubic_client_options {
    const char *live_url;  /* "https://rpc.qubic.org/live/v1" */
    const char *query_url; /* "https://rpc.qubic.org/query/v1" */
    const char *ca_file;   /* NULL: the system's certificates */
    uint32_t timeout_ms;   /* of one question; 0: 10,000 */
};

/* Borrowed for the call of on_answer. */
struct qubic_answer {
    enum err_code code;
    struct err err;
    struct qubic_rpc_error rpc; /* http_status 0 unless the service answered with an error */
    union {                     /* the one that was asked for, if code is ERR_OK */
        struct qubic_tick_info tick_info;
        struct qubic_balance balance;
        struct qubic_broadcast broadcast;
        struct qubic_processed_tick processed_tick;
        struct qubic_archived_transaction transaction;
        struct qubic_archived_list transactions;
        struct qubic_tick_data tick_data;
        struct qubic_identity_transactions identity_transactions;
    };
};

typedef void (*qubic_answer_cb)(void *ctx, const struct qubic_answer *answer);

/* Who is told, and where the handle for qubic_call_cancel goes (may be NULL). */
struct qubic_listener {
    qubic_answer_cb on_answer;
    void *ctx;
};

/* `http` is borrowed and outlives the client. ERR_INVALID if a URL does not begin with http:// or https://. */
MUST_CHECK enum err_code qubic_client_create(struct http_client *http,
                                             const struct qubic_client_options *options,
                                             struct qubic_client **ret, struct err *err);
/* Cancels every call; no on_answer comes any more. Accepts NULL. */
void qubic_client_destroy(struct qubic_client *client);
/* Whether a broadcast that is cancelled was sent is unknown. Not from its own on_answer. */
void qubic_call_cancel(struct qubic_call *call);

/* Errors of these functions (ERR_NOMEM, ERR_INVALID): on_answer is not called. `ret_call` may be NULL. */
MUST_CHECK enum err_code qubic_client_tick_info(struct qubic_client *client,
                                                struct qubic_listener listener,
                                                struct qubic_call **ret_call, struct err *err);
MUST_CHECK enum err_code qubic_client_balance(struct qubic_client *client,
                                              const struct key32 *identity,
                                              struct qubic_listener listener,
                                              struct qubic_call **ret_call, struct err *err);
/* `tx` is signed. ERR_OK in the answer means sent to some nodes, no more. Sending the same bytes again is safe. */
MUST_CHECK enum err_code qubic_client_broadcast(struct qubic_client *client,
                                                const struct qubic_transaction *tx,
                                                struct qubic_listener listener,
                                                struct qubic_call **ret_call, struct err *err);
MUST_CHECK enum err_code qubic_client_processed_tick(struct qubic_client *client,
                                                     struct qubic_listener listener,
                                                     struct qubic_call **ret_call, struct err *err);
MUST_CHECK enum err_code qubic_client_transaction(struct qubic_client *client,
                                                  const struct key32 *hash,
                                                  struct qubic_listener listener,
                                                  struct qubic_call **ret_call, struct err *err);
/* Everything in `tick`; ERR_INVALID with rpc.tick_is_not_yet or rpc.tick_is_skipped if there is no such tick. */
MUST_CHECK enum err_code qubic_client_transactions_for_tick(struct qubic_client *client,
                                                            uint32_t tick,
                                                            struct qubic_listener listener,
                                                            struct qubic_call **ret_call,
                                                            struct err *err);
MUST_CHECK enum err_code qubic_client_tick_data(struct qubic_client *client, uint32_t tick,
                                                struct qubic_listener listener,
                                                struct qubic_call **ret_call, struct err *err);
MUST_CHECK enum err_code qubic_client_identity_transactions(
    struct qubic_client *client, const struct qubic_identity_query *query,
    struct qubic_listener listener, struct qubic_call **ret_call, struct err *err);

#endif
