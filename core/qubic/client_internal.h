/* core/qubic/client_internal.h: what the files of client.h share.
 *
 *     ask ─▶ WAITING ── its time has come, breaker closed ──▶ SENT ── answered, refused ────────────▶ on_answer
 *               ▲                                              │ may pass, and time is left
 *               └──────────────── backoff ─────────────────────┘
 *            DONE: an answer that must wait for the next turn: known already, breaker open, could not be sent */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_CLIENT_INTERNAL_H
#define CORE_QUBIC_CLIENT_INTERNAL_H

#include "core/qubic/balance_cache.h"
#include "core/qubic/client.h"
#include "core/qubic/pace.h"

enum service { SERVICE_LIVE, SERVICE_QUERY, SERVICE_COUNT };

enum question {
    ASK_TICK_INFO,
    ASK_BALANCE,
    ASK_BROADCAST,
    ASK_PROCESSED_TICK,
    ASK_TRANSACTION,
    ASK_TRANSACTIONS_FOR_TICK,
    ASK_TICK_DATA,
    ASK_IDENTITY_TRANSACTIONS,
};

enum call_state { CALL_WAITING, CALL_SENT, CALL_DONE };

struct qubic_client {
    struct qubic_io io;
    char *urls[SERVICE_COUNT];
    char *ca_file;
    uint32_t timeout_ms;
    uint32_t deadline_ms;
    uint32_t attempts_max;
    struct rate rate;
    struct backoff backoff;
    struct breaker breakers[SERVICE_COUNT];
    struct balance_cache *balances; /* NULL until one is to be remembered */
    struct qubic_call *first;       /* in the order they were asked */
    struct qubic_call *last;
};

struct qubic_call {
    struct qubic_client *client;
    struct qubic_call *previous;
    struct qubic_call *next;
    struct qubic_listener listener;
    enum question question;
    enum service service;
    struct key32 key; /* the identity or hash that the answer must be about */
    struct qubic_identity_query query;
    uint32_t tick;
    bool may_be_known; /* a balance for showing */

    struct buf url;
    struct buf body; /* empty: GET */
    enum call_state state;
    void *sent; /* of the io, while SENT */
    bool is_probe;
    uint32_t attempts;
    int64_t due_ms; /* while WAITING */
    int64_t deadline_ms;
    struct qubic_answer answer; /* while DONE; without slices */
};

/* client_flow.c. Takes `body`. `question` has what is particular to it. */
MUST_CHECK enum err_code qubic_client_ask(struct qubic_client *client,
                                          const struct qubic_call *question, const char *path,
                                          struct buf *body, struct qubic_call **ret_call,
                                          struct err *err);

/* client_answer.c: ERR_INVALID if the body cannot be read, ERR_UNAVAILABLE if it answers something else. */
enum err_code qubic_answer_read(const struct qubic_call *call, struct bytes body,
                                struct arena *arena, struct qubic_answer *ret);
/* Of any status but 200. */
enum err_code qubic_answer_read_error(const struct qubic_call *call,
                                      const struct http_call_result *result,
                                      struct qubic_answer *ret);

/* http_io.c: HTTP, and a timer on its loop. */
MUST_CHECK enum err_code http_io_create(struct http_client *http, struct qubic_io *ret,
                                        struct err *err);

#endif
