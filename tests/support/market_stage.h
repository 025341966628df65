/* tests/support/market_stage.h: one market for each state that a job and its escrow can be in together, and everybody who may want something there.
 *
 * Shape:   a state is a name, the steps that lead there (words, see market_stage.c) and what job and escrow then say; it is compared at opening.
 *          Everything has the same small numbers: 100,000 QUBIC an hour, a cap of 2,084 QUBIC for 75.024 s, a fee of 2.5 %.
 * Checks:  after each event postings and balances, after each command the whole market (market_check.h).
 * Owner:   stage_open gives it, stage_close frees it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MARKET_STAGE_H
#define TESTS_SUPPORT_MARKET_STAGE_H

#include "tests/support/market_driver.h"

/* Steps to the states that many others begin with. */
#define STEPS_ASKED "create "
#define STEPS_SEEN STEPS_ASKED "lock "
#define STEPS_QUEUED STEPS_SEEN "confirm confirm confirm "
#define STEPS_ASSIGNED STEPS_QUEUED "claim "
#define STEPS_RUNNING STEPS_ASSIGNED "start work "
#define STEPS_DONE STEPS_RUNNING "complete "
#define STEPS_REFUNDED STEPS_DONE "sign paid "
#define STEPS_PAID STEPS_REFUNDED "sign paid "

/* V(constant, name, steps, job's status, its ending, escrow's status). 0: there is none. */
/* clang-format off */
#define STAGE_STATES(V)                                                                                                                                                   \
    V(NO_JOB, "a quote, no job", "", 0, 0, 0)                                                                                                                             \
    V(ASKED, "lock asked for", STEPS_ASKED, AWAITING_LOCK, 0, REQUESTED)                                                                                                  \
    V(ASKED_SHORT, "asked, too little came", STEPS_ASKED "short ", AWAITING_LOCK, 0, REQUESTED)                                                                           \
    V(ASKED_RETURNING, "asked, too little is on its way back", STEPS_ASKED "short sign ", AWAITING_LOCK, 0, REQUESTED)                                                    \
    V(ASKED_RETURN_LOST, "asked, the return was lost", STEPS_ASKED "short sign lose ", AWAITING_LOCK, 0, REQUESTED)                                                       \
    V(ASKED_RETURNED, "asked, too little went back", STEPS_ASKED "over sign paid ", AWAITING_LOCK, 0, REQUESTED)                                                          \
    V(ASKED_SHORTFALL, "asked, a deposit is missing on the chain", STEPS_ASKED "malformed shortfall ", AWAITING_LOCK, 0, REQUESTED)                                       \
    V(ASKED_OVERDUE, "asked, the last tick is past", STEPS_ASKED "pass_last_tick ", AWAITING_LOCK, 0, REQUESTED)                                                          \
    V(SEEN_0, "lock seen", STEPS_SEEN, AWAITING_LOCK, 0, OBSERVED)                                                                                                        \
    V(SEEN_1, "lock confirmed once", STEPS_SEEN "confirm ", AWAITING_LOCK, 0, OBSERVED)                                                                                   \
    V(SEEN_2, "lock confirmed twice", STEPS_SEEN "confirm confirm ", AWAITING_LOCK, 0, OBSERVED)                                                                          \
    V(SEEN_TWICE, "lock seen, and another", STEPS_SEEN "lock ", AWAITING_LOCK, 0, OBSERVED)                                                                               \
    V(QUEUED, "queued", STEPS_QUEUED, QUEUED, 0, LOCKED)                                                                                                                  \
    V(QUEUED_DUPLICATE, "queued, locked twice", STEPS_QUEUED "lock ", QUEUED, 0, LOCKED)                                                                                  \
    V(QUEUED_RETURNING, "queued, the duplicate is on its way back", STEPS_QUEUED "lock sign ", QUEUED, 0, LOCKED)                                                         \
    V(QUEUED_SHORTFALL, "queued, less on the chain", STEPS_QUEUED "shortfall ", QUEUED, 0, LOCKED)                                                                        \
    V(QUEUED_OVERDUE, "queued for a day", STEPS_QUEUED "pass_queue ", QUEUED, 0, LOCKED)                                                                                  \
    V(QUEUED_DOWN, "queued, we were down for a day", STEPS_QUEUED "down ", QUEUED, 0, LOCKED)                                                                             \
    V(QUEUED_AGAIN, "queued again, not started", STEPS_ASSIGNED "pass_start sweep ", QUEUED, 0, LOCKED)                                                                   \
    V(ASSIGNED, "assigned", STEPS_ASSIGNED, ASSIGNED, 0, LOCKED)                                                                                                          \
    V(ASSIGNED_OVERDUE, "assigned, not started in time", STEPS_ASSIGNED "pass_start ", ASSIGNED, 0, LOCKED)                                                               \
    V(ASSIGNED_THIRD, "assigned, not started the third time", STEPS_ASSIGNED "pass_start sweep claim pass_start sweep claim pass_start ", ASSIGNED, 0, LOCKED)            \
    V(ASSIGNED_DOWN, "assigned, we were down", STEPS_ASSIGNED "down ", ASSIGNED, 0, LOCKED)                                                                               \
    V(RUNNING, "running", STEPS_RUNNING, RUNNING, 0, LOCKED)                                                                                                              \
    V(RUNNING_SILENT, "running, silent for a lease", STEPS_RUNNING "pass_lease ", RUNNING, 0, LOCKED)                                                                     \
    V(RUNNING_OVER, "running past its paid limit", STEPS_RUNNING "pass_limit ", RUNNING, 0, LOCKED)                                                                       \
    V(RUNNING_DOWN, "running, we were down past its limit", STEPS_RUNNING "down ", RUNNING, 0, LOCKED)                                                                    \
    V(RUNNING_QUOTA, "running, output quota reached", STEPS_RUNNING "chatter ", RUNNING, 0, LOCKED)                                                                       \
    V(RUNNING_SHORTFALL, "running, less on the chain", STEPS_RUNNING "shortfall ", RUNNING, 0, LOCKED)                                                                    \
    V(RUNNING_RETURNING, "running, a foreign deposit is on its way back", STEPS_RUNNING "foreign sign ", RUNNING, 0, LOCKED)                                              \
    V(COMPLETED, "completed, refund due", STEPS_DONE, ENDED, COMPLETED, SETTLED)                                                                                          \
    V(RATED, "completed and rated", STEPS_DONE "rate ", ENDED, COMPLETED, SETTLED)                                                                                        \
    V(REFUND_SIGNED, "refund signed", STEPS_DONE "sign ", ENDED, COMPLETED, SETTLED)                                                                                      \
    V(REFUND_LOST, "refund lost", STEPS_DONE "sign lose ", ENDED, COMPLETED, SETTLED)                                                                                     \
    V(PAYOUT_DUE, "payout due", STEPS_REFUNDED, ENDED, COMPLETED, SETTLED)                                                                                                \
    V(PAYOUT_SIGNED, "payout signed", STEPS_REFUNDED "sign ", ENDED, COMPLETED, SETTLED)                                                                                  \
    V(PAYOUT_LOST, "payout lost", STEPS_REFUNDED "sign lose ", ENDED, COMPLETED, SETTLED)                                                                                 \
    V(FEE_DUE, "fee due", STEPS_PAID, ENDED, COMPLETED, SETTLED)                                                                                                          \
    V(FEE_SIGNED, "fee signed", STEPS_PAID "sign ", ENDED, COMPLETED, SETTLED)                                                                                            \
    V(FEE_LOST, "fee lost", STEPS_PAID "sign lose ", ENDED, COMPLETED, SETTLED)                                                                                           \
    V(ALL_PAID, "everything paid", STEPS_PAID "sign paid ", ENDED, COMPLETED, SETTLED)                                                                                    \
    V(ALL_PAID_DUPLICATE, "everything paid, then another lock", STEPS_PAID "sign paid lock ", ENDED, COMPLETED, SETTLED)                                                  \
    V(DONE_DUPLICATE, "refund due, and a duplicate", STEPS_DONE "lock ", ENDED, COMPLETED, SETTLED)                                                                       \
    V(DONE_RETURNING, "refund due, a foreign deposit is on its way back", STEPS_RUNNING "foreign sign complete ", ENDED, COMPLETED, SETTLED)                              \
    V(DONE_SHORTFALL, "refund due, less on the chain", STEPS_DONE "shortfall ", ENDED, COMPLETED, SETTLED)                                                                \
    V(SIGNED_SHORTFALL, "refund signed, less on the chain", STEPS_DONE "sign shortfall ", ENDED, COMPLETED, SETTLED)                                                      \
    V(HEALED, "refund due, the shortfall is over", STEPS_DONE "shortfall healed ", ENDED, COMPLETED, SETTLED)                                                             \
    V(CAP_REACHED, "stopped at the paid limit", STEPS_ASSIGNED "start to_limit ", ENDED, CAP_REACHED, SETTLED)                                                            \
    V(CAP_BY_SWEEPER, "stopped by the sweeper", STEPS_RUNNING "pass_limit sweep ", ENDED, CAP_REACHED, SETTLED)                                                           \
    V(PROGRAM_FAILED, "program failed", STEPS_RUNNING "crash ", ENDED, PROGRAM_FAILED, SETTLED)                                                                           \
    V(HOST_FAULT, "host at fault", STEPS_RUNNING "fault ", ENDED, HOST_FAULT, SETTLED)                                                                                    \
    V(WORKER_LOST, "worker lost", STEPS_RUNNING "pass_lease sweep ", ENDED, WORKER_LOST, SETTLED)                                                                         \
    V(CANCELLED_RUNNING, "cancelled while running", STEPS_RUNNING "cancel ", ENDED, CANCELLED_RUNNING, SETTLED)                                                           \
    V(CANCELLED_QUEUED, "cancelled in the queue", STEPS_QUEUED "cancel ", ENDED, CANCELLED_BEFORE_START, SETTLED)                                                         \
    V(CANCELLED_ASSIGNED, "cancelled when assigned", STEPS_ASSIGNED "cancel ", ENDED, CANCELLED_BEFORE_START, SETTLED)                                                    \
    V(NO_WORKER_CAME, "no worker in a day", STEPS_QUEUED "pass_queue sweep ", ENDED, NO_WORKER, SETTLED)                                                                  \
    V(NO_WORKER_STARTED, "never started in three attempts", STEPS_ASSIGNED "pass_start sweep claim pass_start sweep claim pass_start sweep ", ENDED, NO_WORKER, SETTLED)  \
    V(NEVER_FUNDED, "never funded", STEPS_ASKED "expire ", ENDED, NEVER_FUNDED, CLOSED)                                                                                   \
    V(NEVER_FUNDED_SHORT, "never funded, too little came", STEPS_ASKED "short expire ", ENDED, NEVER_FUNDED, CLOSED)                                                      \
    V(NEVER_FUNDED_LATE, "never funded, then a lock", STEPS_ASKED "expire lock ", ENDED, NEVER_FUNDED, CLOSED)                                                            \
    V(CANCELLED_ASKED, "cancelled before any lock", STEPS_ASKED "cancel ", ENDED, CANCELLED_BEFORE_START, CLOSED)                                                         \
    V(CANCELLED_SEEN, "cancelled when the lock was seen", STEPS_SEEN "confirm cancel ", ENDED, CANCELLED_BEFORE_START, CLOSED)                                            \
    V(CANCELLED_RETURNING, "cancelled, the lock is on its way back", STEPS_SEEN "cancel sign ", ENDED, CANCELLED_BEFORE_START, CLOSED)                                    \
    V(CANCELLED_RETURNED, "cancelled, the lock went back", STEPS_SEEN "cancel sign paid ", ENDED, CANCELLED_BEFORE_START, CLOSED)
/* clang-format on */

enum stage_state {
#define STAGE_CONSTANT(constant, name, steps, job, ending, escrow) STATE_##constant,
    STAGE_STATES(STAGE_CONSTANT)
#undef STAGE_CONSTANT
        STAGE_STATE_COUNT
};

enum stage_actor {
    BY_OWNER,    /* the consumer whose job it is */
    BY_OTHER,    /* another consumer */
    BY_PROVIDER, /* the account that the machine belongs to */
    BY_HOST,     /* the machine that the job is for */
    BY_SIBLING,  /* another machine of the same provider */
    BY_RIVAL,    /* another provider's machine */
    BY_SETTLEMENT,
    BY_LEDGER, /* the sweeper, and what else the server does by itself */
    BY_OPERATOR,
    STAGE_ACTOR_COUNT
};

struct stage {
    struct market market;
    struct id16 actors[STAGE_ACTOR_COUNT]; /* zero for the last three */
    struct id16 offer;
    struct id16 rival_offer;
    struct id16 upload;     /* the owner's, analysed */
    struct id16 new_upload; /* the owner's, not analysed */
    struct id16 quote;
    struct id16 job;    /* zero: none yet */
    struct id16 escrow; /* likewise */
    struct key32 lock_tx;
    char outcome[256]; /* of the last command */
};

struct stage *stage_open(enum stage_state state);
void stage_close(struct stage *stage);
const char *stage_state_name(enum stage_state state);
const char *stage_actor_name(enum stage_actor actor);

struct command stage_command(struct stage *stage, enum command_type type, enum stage_actor actor);
/* What came: the word of the refusal, or the events' types: "job.cancelled:cancelled_running escrow.settled". Behind the colon the ending, a deposit's class,
 * or "return" for a leg that gives a deposit back. */
const char *stage_submit(struct stage *stage, const struct command *command);
/* The leg of this kind, whatever its status; of returns the latest. */
bool stage_leg(struct stage *stage, enum leg_kind kind, struct leg_row *ret);
/* A deposit that is the right lock, to be spoilt. */
struct command stage_deposit(struct stage *stage, enum stage_actor actor);

#endif
