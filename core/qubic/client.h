/* core/qubic/client.h: asking the Qubic network, over its Live and Query services.
 *
 * Shape:   a function for each question; `on_answer` is called exactly once, from the loop and never from within the function
 *          that asks, unless the call was cancelled or the client destroyed first.
 * Again:   what may pass (not reached, overloaded, not understood, no answer in time) is asked again, after a wait that doubles
 *          and is drawn by half, a longer one if the service says so, until `attempts_max` or `deadline_ms`; a broadcast too: it
 *          is the same bytes. Everything that leaves keeps to `requests_per_s`. A service (Live and Query each) that failed
 *          eight times in a row is left alone for a second, doubled up to 15 while single probes fail: till then
 *          its questions are answered ERR_UNAVAILABLE at once.
 * Trust:   none in the service. An answer is checked against its question: identity, tick, hash; a transaction's
 *          bytes are built again and hashed, and one asked for by its hash must bear a valid signature. In lists
 *          signatures are not looked at: call qubic_rpc_transaction_check for those that matter.
 *          What the service says and nobody can check: balances, timestamps, money_flew, that something is absent.
 * Errors:  ERR_NOT_FOUND only if the service itself says that the transaction is unknown, never for a lost page;
 *          ERR_INVALID: it refused the question (`rpc` says why); ERR_TIMEOUT: unknown whether it acted; ERR_UNAVAILABLE:
 *          not reached, overloaded, not understood, or an answer to something else. The last attempt's error is told; one
 *          before it may have acted. So no answer to a broadcast, not even a refusal, says that it will not run.
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
    uint32_t timeout_ms;   /* of one attempt; 0: 10,000 */
    uint32_t deadline_ms;  /* of a question with all its attempts and waits; 0: three times that */
    uint32_t attempts_max; /* 0: 4 */
    uint32_t requests_per_s; /* at most 1,000, of both services together; 0: no limit */
    uint32_t burst;          /* so many at once after a rest; 0: as many as in a second */
    uint64_t jitter_seed;    /* 0: a random one */
};

/* What the client needs of the world. qubic_client_create takes HTTP and the loop's clock; a test may bring its own
 * network and time, and then no loop is needed. */
struct qubic_io {
    void *ctx; /* of all these */
    int64_t (*now_ms)(void *ctx);
    /* As http_client_send and http_call_cancel; `on_done` not from within `send`. */
    enum err_code (*send)(void *ctx, const struct http_call_options *options, http_call_cb on_done,
                          void *done_ctx, void **ret_call, struct err *err);
    void (*cancel)(void *ctx, void *call);
    /* Call qubic_client_wake(client) once after so long, in place of what was set before; negative: not at all. */
    void (*set_timer)(void *ctx, struct qubic_client *client, int64_t after_ms);
    void (*release)(void *ctx); /* the client is gone; may be NULL */
};

/* Borrowed for the call of on_answer. */
struct qubic_answer {
    enum err_code code;
    struct err err;
    struct qubic_rpc_error rpc; /* http_status 0 unless the service answered with an error */
    int64_t age_ms; /* of qubic_client_balance_known: how long ago the service said so */
    bool is_stale;  /* likewise: it could not be asked now; `rpc` and `err` say why */
    union {         /* the one that was asked for, if code is ERR_OK */
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
/* The same over `io`, which is copied. */
MUST_CHECK enum err_code qubic_client_create_on(const struct qubic_io *io,
                                                const struct qubic_client_options *options,
                                                struct qubic_client **ret, struct err *err);
/* The timer of `io` has come. */
void qubic_client_wake(struct qubic_client *client);
/* Cancels every call; no on_answer comes any more. Not from an on_answer. Accepts NULL. */
void qubic_client_destroy(struct qubic_client *client);
/* Whether a broadcast that is cancelled was sent is unknown. Not from its own on_answer. */
void qubic_call_cancel(struct qubic_call *call);

/* Errors of these functions: ERR_NOMEM, ERR_INVALID, ERR_BUSY (the rate leaves no room before the deadline); on_answer is
 * not called. `ret_call` may be NULL. */
MUST_CHECK enum err_code qubic_client_tick_info(struct qubic_client *client,
                                                struct qubic_listener listener,
                                                struct qubic_call **ret_call, struct err *err);
MUST_CHECK enum err_code qubic_client_balance(struct qubic_client *client,
                                              const struct key32 *identity,
                                              struct qubic_listener listener,
                                              struct qubic_call **ret_call, struct err *err);
#define QUBIC_BALANCE_FRESH_MS 30000
/* For showing, never for deciding: what was heard within QUBIC_BALANCE_FRESH_MS is not asked again, and when the service does
 * not answer, the last that is known is told as stale. Remembers some 1,000 identities asked for in this way. */
MUST_CHECK enum err_code qubic_client_balance_known(struct qubic_client *client,
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
