/* tests/core/settlement/virtual_market.h: people and machines in the virtual world: who buys, pays rightly or wrongly, steals, works, goes silent.
 *
 * Money:   a consumer and the stranger begin with FUNDS, everybody else with nothing.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_MARKET_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_MARKET_H

#include "core/market/posting.h"
#include "tests/core/settlement/virtual_world.h"

#define FUNDS INT64_C(100000000)
#define PROVIDERS 3
#define HOSTS 18
#define WAYS_MAX 4
#define ROTATIONS 60 /* of the settlement key, in a run */

struct party {
    struct qubic_keys keys;
    struct id16 account_id;
};

/* A payment that somebody tries until it is on the chain, or it is no longer worth trying. */
struct payment {
    const struct qubic_keys *from;
    struct qubic_transaction tx;
    uint32_t from_tick; /* not before */
    uint32_t last_tick; /* in no later tick */
    bool sent;
    bool over;
};

struct job {
    struct id16 job_id;
    struct id16 escrow_id;
    struct id16 quote_id;
    struct key32 identity;
    uint64_t key_id;
    struct party *consumer;
    struct party *provider;
    uint32_t last_tick;
    int64_t cap;
    struct payment payments[WAYS_MAX];
    size_t payment_count;
    bool thief_comes;
    struct payment theft;
    uint32_t brought_back; /* in this tick; 0: not stolen yet */
    int64_t gifts;         /* arrived without a transaction */
    bool over;
};

struct host {
    struct id16 host_id;
    struct id16 offer_id;
    struct party *provider;
    struct id16 job_id; /* zero: idle */
    unsigned wait;      /* seconds until it does the next thing */
    bool silent;
};

struct virtual_market {
    struct virtual_world world;
    struct party consumers[1024];
    size_t consumer_count;
    struct party providers[PROVIDERS];
    struct party stranger;
    struct party thief;
    struct host hosts[HOSTS];
    struct id16 upload_id;
    struct job *jobs;
    size_t job_count;
    size_t jobs_wanted;
    size_t jobs_open;
    uint64_t refused;
    uint64_t thefts;
    uint64_t rotations;
    unsigned hidden_for; /* more steps */
    uint64_t endings[32];
    bool
        orderly; /* everybody pays as they should, machines end what they begin, no key is rotated */
    bool rest;   /* machines do nothing */
    uint64_t dust; /* deposits so far */
};

/* The world is open. */
void virtual_market_open(struct virtual_market *m);
/* People and machines do what they do. `number`: 1, 2, 3, … */
void virtual_market_act(struct virtual_market *m, uint64_t number);
/* A second: the chain ticks, people and machines act, one round of settlement. */
void virtual_market_step(struct virtual_market *m, uint64_t number);
/* Quote and job of somebody on some machine, with the payments that are to come; may be refused, and is counted so. */
void virtual_create_job(struct virtual_market *m);
void virtual_join(struct virtual_market *m, struct party *ret, int64_t funds);
void virtual_fund(struct virtual_market *m, struct key32 key, int64_t amount);
struct key32 virtual_anchor_identity(const struct virtual_market *m, uint64_t key_id);
/* The newest key's anchoring identity. One QUBIC is enough: it is never spent. */
void virtual_fund_anchors(struct virtual_market *m);
/* Signed and taken by the network; what is dropped fails the test. */
void virtual_pay(struct virtual_market *m, const struct qubic_keys *from,
                 struct qubic_transaction *tx);
/* So many deposits of 1 QUBIC by the stranger, all in one tick. */
void virtual_dust(struct virtual_market *m, struct key32 destination, uint32_t tick, size_t count);
bool virtual_nothing_to_come(const struct job *job);
int64_t virtual_ledger_balance(struct virtual_market *m, enum account_kind kind,
                               struct bytes subject, enum leg_kind leg);
int64_t virtual_chain_balance(struct virtual_market *m, struct key32 key);
/* Prints every job that is not over, and what settlement says. */
void virtual_tell_open(struct virtual_market *m);

#endif
