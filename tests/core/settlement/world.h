/* tests/core/settlement/world.h: a marketplace of one consumer, one provider and one machine, on a real ledger, a real local chain
 * and the settlement between them.
 *
 * Amounts: the machine costs 1 QUBIC a millisecond, the job's estimate is 8,000 ms, so its cap is 10,000; a job that runs to its end
 *          uses 7,000 ms: fee 175 (2.5 %), provider 6,825, refund 3,000.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_WORLD_H
#define TESTS_CORE_SETTLEMENT_WORLD_H

#include "core/market/posting.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement.h"
#include "tests/support/chain_process.h"

#define FUNDS INT64_C(1000000)
#define CAP INT64_C(10000)
#define USED INT64_C(7000)
#define FEE INT64_C(175)
#define PAYOUT INT64_C(6825)
#define REFUND INT64_C(3000)

struct world {
    char folder[64];
    char copy[96];
    char cursor[96];
    struct note_key key;
    struct operator_key operator_keys[2]; /* key 1 and, once a test added it, key 2 */
    size_t operator_key_count;
    struct ledger *ledger;
    struct settlement *settlement;
    const char *live_url; /* NULL: the chain's own */
    const char *query_url;
    struct chain_process chain;
    struct qubic_keys consumer;
    struct qubic_keys provider;
    struct qubic_keys stranger;
    struct key32 fee_identity;
    struct id16 consumer_id;
    struct id16 provider_id;
    struct id16 host_id;
    struct id16 offer_id;
    struct id16 upload_id;
    struct anchor_rule anchor; /* of the next settlement that is started */
};

struct job {
    struct id16 job_id;
    struct id16 escrow_id;
    struct id16 quote_id;
    struct key32 identity;
    uint32_t last_tick;
};

struct world_options {
    unsigned min_offset;    /* of the chain; 0: 3 */
    uint64_t tick_offset;   /* of the terms; 0: 5 */
    uint64_t confirmations; /* of the terms; 0: 3 */
};

void world_start(struct world *w, const struct world_options *options);
void world_end(struct world *w);
/* The log verifies; views rebuilt from it are the same bytes. Settlement is stopped for it. */
void world_verify(struct world *w);

void world_open_ledger(struct world *w);
void world_close_ledger(struct world *w);
void world_start_settlement(struct world *w);
void world_stop_settlement(struct world *w);
/* Ledger time goes on by so much. */
void world_pass(int64_t ns);

/* Quote and job; its lock is due within `window` ticks. */
void world_create_job(struct world *w, struct job *ret, uint32_t window);
/* The lock as the consumer's wallet builds it. */
struct qubic_transaction world_lock_of(struct world *w, const struct job *job);
struct key32 world_lock(struct world *w, const struct job *job);
/* The host claims whatever job waits; false: none does. */
bool world_claim(struct world *w, struct id16 *ret_job_id);
/* It starts and ends what it claimed. */
void world_run(struct world *w, struct id16 job_id, enum ending ending);
/* Both. */
bool world_work(struct world *w, enum ending ending);
void world_cancel(struct world *w, const struct job *job);

struct job_row world_job(struct world *w, const struct job *job);
struct escrow_row world_escrow(struct world *w, const struct job *job);
struct deposit_row world_deposit(struct world *w, const struct key32 *tx); /* zero: not seen */
int64_t world_balance(struct world *w, enum account_kind kind, struct bytes subject,
                      enum leg_kind leg);
size_t world_count(struct world *w, enum event_type_number type);
/* The newest event of a type; false: none. Slices in it are gone. */
bool world_newest(struct world *w, enum event_type_number type, struct event *ret);

/* Wait (two minutes at most) for … */
#define WORLD_UNTIL(condition)                                                                     \
    do {                                                                                           \
        int64_t give_up = time_mono_ns() + 120 * NS_PER_S;                                         \
        while (!(condition)) {                                                                     \
            if (time_mono_ns() > give_up) {                                                        \
                world_tell(w);                                                                     \
                fail_msg("waited in vain for %s", #condition);                                     \
            }                                                                                      \
            (void)usleep(3000);                                                                    \
        }                                                                                          \
    } while (0)
void world_tell(struct world *w);
bool world_done(struct world *w, const struct job *job);

/* Nothing held, locked or payable for it, and nothing at its identity on the chain, after `outgoing` payments. */
void world_assert_empty(struct world *w, const struct job *job, uint32_t outgoing);
void world_assert_on_chain(struct world *w, const struct key32 *identity, int64_t amount);
/* Consumer, provider and fees have gained so much since the start. */
void world_assert_gains(struct world *w, int64_t consumer, int64_t provider, int64_t fee);

#endif
