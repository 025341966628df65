/* core/settlement/settlement_internal.h: what the files of core/settlement share. All of it belongs to the settlement thread,
 * except `status` (under `mutex`), `stopping` and what is constant after start. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_SETTLEMENT_INTERNAL_H
#define CORE_SETTLEMENT_SETTLEMENT_INTERNAL_H

#include "core/base/time.h"
#include "core/log/log_reader.h"
#include "core/market/state.h"
#include "core/qubic/client.h"
#include "core/settlement/settlement.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

/* By the first leg that is open, the ledger's order: what is owed for a job, what somebody sent in vain, dust. */
enum leg_class { LEG_CLASS_JOB, LEG_CLASS_RETURN, LEG_CLASS_DUST, LEG_CLASSES };

struct anchoring {
    uint64_t from;    /* records under the newest anchor … */
    uint64_t counted; /* … and how far was counted behind it … */
    uint64_t others;  /* … what is no anchor */
    bool in_flight;
    struct qubic_transaction tx;
    struct checkpoint checkpoint;
    uint32_t again_from; /* tick before which nothing is tried, after trouble */
};

struct trouble {
    struct id16 escrow_id;
    char message[ERR_MESSAGE_MAX];
};

struct trouble_list {
    size_t count;
    struct trouble items[SETTLEMENT_TROUBLES_MAX];
};

/* Called for each transaction of a list. */
typedef enum err_code chain_transaction_cb(void *ctx, const struct qubic_archived_transaction *tx,
                                           struct err *err);

/* A question to the chain, from asking to its answer. */
struct waiting {
    uv_loop_t *loop;
    bool answered;
    enum err_code code;
    struct err err;
    struct qubic_rpc_error rpc;
    void (*take)(struct waiting *, const struct qubic_answer *); /* copies what is wanted */
    union {
        struct qubic_tick_info *tick_info;
        struct qubic_processed_tick *processed;
        struct qubic_balance *balance;
        struct qubic_archived_transaction *transaction;
        struct {
            chain_transaction_cb *each;
            void *ctx;
            /* of an identity's list: */
            uint32_t valid_for_tick;
            uint32_t oldest; /* tick of all pages so far */
            size_t count;    /* in this page */
        } list;
        struct {
            const struct key32 *hash;
            bool has;
            bool empty;
        } tick_data;
    } u;
};

enum ahead_kind { AHEAD_FREE, AHEAD_BALANCE, AHEAD_TRANSACTION, AHEAD_IDENTITY, AHEAD_SENT };

/* A question asked before its answer is wanted, or a transaction sent. */
struct ahead {
    enum ahead_kind kind;
    struct key32 key;      /* identity or hash */
    struct id16 escrow_id; /* of what was sent */
    struct qubic_call *call;
    struct waiting waiting;
    union {
        struct qubic_balance balance;
        struct qubic_archived_transaction transaction;
    } answer;
};

/* In flight at once, two for each of a window; how many a second is the client's rate. */
#define WALK_WINDOW 16
#define AHEAD_MAX (2 * WALK_WINDOW)

struct settlement {
    struct settlement_options options;
    struct operator_key keys[OPERATOR_KEYS_MAX];
    bool
        key_good[OPERATOR_KEYS_MAX]; /* gives the check identity in the log; constant after start */
    size_t key_count;
    uint64_t
        newest_key_id; /* of the log; 0: its key is not loaded, or wrong. Constant after start */
    char live_url[512];
    char query_url[512];
    char second_live_url[512];
    char cursor_path[512];
    pthread_t thread;
    atomic_bool stopping;

    uv_loop_t loop;
    uv_async_t wake_loop; /* ends the wait for an answer when stopping */
    struct http_client *http;
    struct qubic_client *client;
    struct qubic_client *second; /* of second_live_url; NULL: none */

    uint32_t cursor; /* last tick read whole; never ahead of what the ledger was told */
    uint32_t cursor_saved;
    int64_t cursor_saved_at;
    uint64_t generation;
    bool observing; /* the log was restored, and not resumed since: as the round began */
    uint32_t
        reread_from; /* what the lost part may have signed is on the chain by then, or never; 0: not known */
    struct id16 reread_at;  /* where the walk over all escrows stands */
    uint64_t reread_unread; /* in this walk so far */
    bool reread_over;       /* a walk met none that was still to be read */
    uint32_t tick;
    uint32_t
        tick_before; /* in the round before, 0 after trouble: bytes are sent once a tick, not once a round */
    uint32_t processed;
    uint32_t heard_tick; /* the newest that was heard: `tick`, or one of later in this round … */
    int64_t tick_at;     /* … and when */
    size_t locks_from;   /* where the next walk begins: after the one that timed out in the last */
    size_t escrows_from;
    size_t legs_from[LEG_CLASSES];
    struct ahead ahead[AHEAD_MAX];
    struct err sent_err;  /* the last trouble of what was sent since chain_ahead_end */
    uint64_t questions;   /* asked since the start */
    int64_t tick_seen_at; /* for measuring the length of a tick */
    uint32_t tick_seen;
    struct anchoring anchoring;

    pthread_mutex_t mutex;
    pthread_cond_t wake; /* ends the pause between rounds when stopping */
    struct settlement_status status;
    struct trouble_list troubles; /* of the last round */
    struct settlement_surplus surplus[SETTLEMENT_SURPLUS_MAX];
    size_t surplus_count;
    struct trouble_list troubles_now; /* of this one; not under the mutex */
};

/* chain.c: a question to the chain, waited for. Slices in the answer live until the next question. */
MUST_CHECK enum err_code chain_tick_info(struct settlement *s, struct qubic_tick_info *ret,
                                         struct err *err);
MUST_CHECK enum err_code chain_processed_tick(struct settlement *s,
                                              struct qubic_processed_tick *ret, struct err *err);
MUST_CHECK enum err_code chain_balance(struct settlement *s, const struct key32 *identity,
                                       struct qubic_balance *ret, struct err *err);
/* By the second live service, which must be there. */
MUST_CHECK enum err_code chain_second_balance(struct settlement *s, const struct key32 *identity,
                                              struct qubic_balance *ret, struct err *err);
/* What a balance must say. */
typedef enum err_code balance_check(const void *ctx, const struct qubic_balance *balance,
                                    struct err *err);
/* The first live service's balance; it must pass, and so must the second one's if there is one: an archive and a live service of one operator may be wrong
 * together. */
MUST_CHECK enum err_code chain_balance_checked(struct settlement *s, const struct key32 *identity,
                                               balance_check *check, const void *ctx,
                                               struct qubic_balance *ret, struct err *err);
MUST_CHECK enum err_code chain_broadcast(struct settlement *s, const struct qubic_transaction *tx,
                                         struct err *err);
/* ERR_NOT_FOUND: the archive says it has no such transaction. The signature is checked. */
MUST_CHECK enum err_code chain_transaction(struct settlement *s, const struct key32 *hash,
                                           struct qubic_archived_transaction *ret, struct err *err);

/* `ret_next`: the tick to read next: tick + 1, or past a skipped stretch. */
MUST_CHECK enum err_code chain_tick(struct settlement *s, uint32_t tick, chain_transaction_cb *each,
                                    void *ctx, uint32_t *ret_next, struct err *err);
/* All that came to or went from an identity in these ticks, newest first, page by page; now and then one twice. ERR_UNAVAILABLE if the archive's
 * list does not reach `tick_to`. */
MUST_CHECK enum err_code chain_identity(struct settlement *s, const struct key32 *identity,
                                        uint32_t tick_from, uint32_t tick_to,
                                        chain_transaction_cb *each, void *ctx, struct err *err);
/* Whether the tick's data lists the hash; an empty or skipped tick lists nothing. */
MUST_CHECK enum err_code chain_tick_has(struct settlement *s, uint32_t tick,
                                        const struct key32 *hash, bool *ret_has, bool *ret_empty,
                                        struct err *err);

/* chain_ahead.c */
/* The answer is for who asks the same next, until chain_ahead_end. */
void chain_ahead_balance(struct settlement *s, const struct key32 *identity);
void chain_ahead_transaction(struct settlement *s, const struct key32 *hash);
/* `each` is called when the answer comes. */
void chain_ahead_identity(struct settlement *s, const struct key32 *identity, uint32_t tick_from,
                          uint32_t tick_to, chain_transaction_cb *each, void *ctx);
/* Does not wait for the answer. Sent too late is no trouble: whether it ran is seen by the evidence. */
MUST_CHECK enum err_code chain_send(struct settlement *s, struct id16 escrow_id,
                                    const struct qubic_transaction *tx, struct err *err);
/* Wait for what was sent, the last trouble of it is returned and noted for its escrow; forget what was asked ahead. */
MUST_CHECK enum err_code chain_ahead_end(struct settlement *s, struct err *err);

/* Through `count` things, a window at once, for so long that what a round heard at its begin is still good for the parts that come after it. */
#define WALK_NS (2 * NS_PER_S)
struct walk {
    size_t count;
    uint64_t questions_max; /* ends after the window in which so many were asked; 0: no limit */
    void *ctx;
    void (*ahead)(struct settlement *s, void *ctx, size_t index); /* what the step will ask first */
    enum err_code (*step)(struct settlement *s, void *ctx, size_t index, struct err *err);
};
/* The last trouble; the others were tried all the same. `from`: where to begin, and the next time: behind where it ended. */
MUST_CHECK enum err_code settlement_walk(struct settlement *s, const struct walk *walk,
                                         size_t *from, struct err *err);

/* log_back.c: from the newest event to the first, those of these types, ended by 0; until `each` says that it is enough. */
typedef bool log_back_cb(void *ctx, const struct event *event);
MUST_CHECK enum err_code log_back(struct settlement *s, const enum event_type_number *types,
                                  log_back_cb *each, void *ctx, struct err *err);

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
/* keys.c */
/* Which keys are good. ERR_CONFLICT, with the reason, if the newest is not. */
MUST_CHECK enum err_code settlement_check_keys(struct settlement *s, struct err *err);
/* The good key of this id; NULL: there is none. */
const struct operator_key *settlement_key(const struct settlement *s, uint64_t key_id);
/* The log and network all keys are of. */
const struct operator_key *settlement_any_key(const struct settlement *s);
/* Retire what has no escrow open. */
MUST_CHECK enum err_code settle_keys(struct settlement *s, struct err *err);
/* trouble.c */
void trouble_note(struct settlement *s, struct id16 escrow_id, const struct err *err);
/* What was noted since the last time is what is told from now on. */
void trouble_publish(struct settlement *s);
/* 0: nothing too much there (any more). */
void surplus_note(struct settlement *s, struct id16 escrow_id, int64_t amount, uint32_t tick);
/* holds.c */
/* What the ledger says is at an escrow's identity. */
int64_t settlement_holds(struct store *store, struct id16 escrow_id);
/* … and must be there, whatever is under way. */
int64_t settlement_must_hold(struct store *store, struct id16 escrow_id,
                             const struct escrow_row *escrow);
/* How many payments the ledger knows to have left it. */
MUST_CHECK enum err_code settlement_paid_out(struct settlement *s, struct id16 escrow_id,
                                             uint64_t *ret, struct err *err);
/* legs.c */
MUST_CHECK enum err_code settle_legs(struct settlement *s, struct err *err);
/* reread.c: after a restore. */
MUST_CHECK enum err_code settle_reread(struct settlement *s, struct err *err);
/* Tell the ledger all that went out of this escrow's identity. */
MUST_CHECK enum err_code reread_escrow(struct settlement *s, struct id16 escrow_id,
                                       const struct escrow_row *escrow, struct err *err);
/* How many payments out of it the archive lists, and how many of them are legs by their payload. */
MUST_CHECK enum err_code reread_count(struct settlement *s, struct id16 escrow_id,
                                      const struct escrow_row *escrow, size_t *ret,
                                      size_t *ret_legs, struct err *err);
/* Something went out that the log did not know of: take it for the leg that it paid, or say that nothing more leaves (ERR_CONFLICT). */
MUST_CHECK enum err_code settle_found(struct settlement *s, struct id16 escrow_id,
                                      const struct escrow_row *escrow, struct err *err);

/* checkpoint.c: the newest signed one in this snapshot; size 0: there is none yet. */
MUST_CHECK enum err_code settlement_checkpoint(struct settlement *s, struct log_reader *reader,
                                               struct checkpoint *ret, struct err *err);
/* anchor.c: one step. Never fails: what it waits for is in the status. */
void settle_anchor(struct settlement *s);
bool anchor_is_on(const struct anchor_rule *rule);
/* `others`: events since the newest anchor that are none themselves (counted at least as far as the rule needs); `since_ns`: time since then. */
bool anchor_is_due(const struct anchor_rule *rule, uint64_t others, int64_t since_ns);

/* The network's tick: the round's, asked again only if it may have changed since. */
MUST_CHECK enum err_code settlement_tick_now(struct settlement *s, uint32_t *ret, struct err *err);
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
    STEP_ANCHOR = 7, /* escrow id zero; number: the size */
    STEP_KEY_RETIRE = 8,
    STEP_REREAD = 9, /* number: the generation */
};
/* submit.c */
struct id16 settlement_command_id(enum settlement_step step, struct id16 escrow_id,
                                  struct key32 tx_id, uint64_t number);
/* Submit a command of settlement's and wait. Refusals of class conflict are answers: the ledger knows better. */
MUST_CHECK enum err_code settlement_submit(struct settlement *s, struct command *command,
                                           struct ledger_answer *ret, struct err *err);
bool settlement_stopping(struct settlement *s);

#endif
