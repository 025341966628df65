/* core/settlement/settlement_internal.h: what the files of core/settlement share. All of it belongs to the settlement thread,
 * except `status` (under `mutex`), `stopping` and what is constant after start. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_SETTLEMENT_INTERNAL_H
#define CORE_SETTLEMENT_SETTLEMENT_INTERNAL_H

#include "core/market/state.h"
#include "core/qubic/client.h"
#include "core/settlement/settlement.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct settlement {
    struct settlement_options options;
    struct operator_key operator_key;
    char live_url[512];
    char query_url[512];
    char cursor_path[512];
    pthread_t thread;
    atomic_bool stopping;
    bool
        seed_good; /* the operator's seed gives the check identity in the log; constant after start */

    uv_loop_t loop;
    uv_async_t wake_loop; /* ends the wait for an answer when stopping */
    struct http_client *http;
    struct qubic_client *client;

    uint32_t cursor; /* last tick read whole; never ahead of what the ledger was told */
    uint32_t cursor_saved;
    int64_t cursor_saved_at;
    uint64_t generation;
    bool observing; /* the log was restored, and not resumed since: as the round began */
    uint32_t
        reread_from; /* what the lost part may have signed is on the chain by then, or never; 0: not known */
    struct id16 reread_at;  /* where the walk over all escrows stands */
    uint64_t reread_unread; /* in this walk so far */
    uint32_t tick;
    uint32_t
        tick_before; /* in the round before, 0 after trouble: bytes are sent once a tick, not once a round */
    uint32_t processed;
    size_t escrows_from; /* where the next walk begins: after the one that timed out in the last */
    size_t legs_from;
    int64_t tick_seen_at; /* for measuring the length of a tick */
    uint32_t tick_seen;

    pthread_mutex_t mutex;
    pthread_cond_t wake; /* ends the pause between rounds when stopping */
    struct settlement_status status;
};

/* chain.c: a question to the chain, waited for. Slices in the answer live until the next question. */
MUST_CHECK enum err_code chain_tick_info(struct settlement *s, struct qubic_tick_info *ret,
                                         struct err *err);
MUST_CHECK enum err_code chain_processed_tick(struct settlement *s,
                                              struct qubic_processed_tick *ret, struct err *err);
MUST_CHECK enum err_code chain_balance(struct settlement *s, const struct key32 *identity,
                                       struct qubic_balance *ret, struct err *err);
MUST_CHECK enum err_code chain_broadcast(struct settlement *s, const struct qubic_transaction *tx,
                                         struct err *err);
/* ERR_NOT_FOUND: the archive says it has no such transaction. The signature is checked. */
MUST_CHECK enum err_code chain_transaction(struct settlement *s, const struct key32 *hash,
                                           struct qubic_archived_transaction *ret, struct err *err);

/* Called for each transaction of a list. */
typedef enum err_code chain_transaction_cb(void *ctx, const struct qubic_archived_transaction *tx,
                                           struct err *err);
/* `ret_next`: the tick to read next: tick + 1, or past a skipped stretch. */
MUST_CHECK enum err_code chain_tick(struct settlement *s, uint32_t tick, chain_transaction_cb *each,
                                    void *ctx, uint32_t *ret_next, struct err *err);
/* What came to or went from an identity in these ticks, newest first, at most CHAIN_IDENTITY_MAX; ERR_UNAVAILABLE if the archive's list does
 * not reach `tick_to`. */
#define CHAIN_IDENTITY_MAX 200
MUST_CHECK enum err_code chain_identity(struct settlement *s, const struct key32 *identity,
                                        uint32_t tick_from, uint32_t tick_to,
                                        chain_transaction_cb *each, void *ctx, struct err *err);
/* Whether the tick's data lists the hash; an empty or skipped tick lists nothing. */
MUST_CHECK enum err_code chain_tick_has(struct settlement *s, uint32_t tick,
                                        const struct key32 *hash, bool *ret_has, bool *ret_empty,
                                        struct err *err);

/* cursor.c: the line of the cursor file. */
struct cursor_line {
    uint64_t tick;
    struct id16 log_id;
    uint64_t generation;
    uint64_t records;
};
#define CURSOR_LINE_SIZE 128
/* false for a text that is not one such line. */
bool cursor_line_parse(struct bytes text, struct cursor_line *ret);
void cursor_line_format(const struct cursor_line *line, char ret[CURSOR_LINE_SIZE]);
/* Needs `processed`. */
MUST_CHECK enum err_code cursor_load(struct settlement *s, struct err *err);
/* Every few seconds; `now`: at once. */
void cursor_save(struct settlement *s, bool now);

/* deposits.c: ticks since the cursor, confirmations, expiries. */
MUST_CHECK enum err_code settle_deposits(struct settlement *s, struct err *err);
MUST_CHECK enum err_code settle_confirmations(struct settlement *s, struct err *err);
/* legs.c */
MUST_CHECK enum err_code settle_legs(struct settlement *s, struct err *err);
/* reread.c: after a restore. */
MUST_CHECK enum err_code settle_reread(struct settlement *s, struct err *err);
/* Tell the ledger all that went out of this escrow's identity. */
MUST_CHECK enum err_code reread_escrow(struct settlement *s, struct id16 escrow_id,
                                       const struct escrow_row *escrow, struct err *err);
/* Something went out that the log did not know of: take it for the leg that it paid, or say that nothing more leaves (ERR_CONFLICT). */
MUST_CHECK enum err_code settle_found(struct settlement *s, struct id16 escrow_id,
                                      const struct escrow_row *escrow, struct err *err);

/* Whether a tick that the live service names can be: not behind the archive, and not further ahead of it than the network takes
 * transactions. Else ERR_UNAVAILABLE: what is signed or asked for on such a word would be waited for until that tick. */
MUST_CHECK enum err_code settlement_check_tick(const struct settlement *s, uint32_t tick,
                                               struct err *err);
/* round.c: where the chain is, whether it is the log's (ERR_CONFLICT), and from where to read it: before the first round. */
MUST_CHECK enum err_code settlement_prepare(struct settlement *s, struct err *err);
/* The first trouble; the other parts were tried all the same. */
MUST_CHECK enum err_code settlement_round(struct settlement *s, struct err *err);

/* Steps of derived command ids (docs/record-format.md, section 4). Forever. */
enum settlement_step {
    STEP_DEPOSIT = 1,
    STEP_CONFIRM = 2,
    STEP_EXPIRE = 3,
    STEP_LEG_SIGN = 4,
    STEP_LEG_LOSE = 5,
    STEP_LEG_CONFIRM = 6,
    STEP_REREAD = 7,
};
/* submit.c */
struct id16 settlement_command_id(enum settlement_step step, struct id16 escrow_id,
                                  struct key32 tx_id, uint64_t number);
/* Submit a command of settlement's and wait. Refusals of class conflict are answers: the ledger knows better. */
MUST_CHECK enum err_code settlement_submit(struct settlement *s, struct command *command,
                                           struct ledger_answer *ret, struct err *err);
bool settlement_stopping(struct settlement *s);

/* Ids of rows collected from a snapshot, so that no snapshot is open while the chain is asked. */
struct id_list {
    struct id16 *ids;
    size_t count;
};

#endif
