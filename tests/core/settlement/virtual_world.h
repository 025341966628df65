/* tests/core/settlement/virtual_world.h: ledger, settlement and local network in one thread and in time of our own.
 *
 *     ledger (real, on disk) ◀─ commands ─ settlement (real, a round by call) ─ HTTP ─▶ crash points ─▶ service_ask (tools/devchain)
 *
 * Crash:   before and after each command of settlement's and each question of its to the chain a crash may be drawn: from then on this
 *          settlement does nothing more, and another one begins, as after kill -9. "After" means: done, and the answer lost.
 * Seed:    everything drawn comes from the world's one generator, so a run can be had again from its seed; virtual_digest says whether it was.
 * Checks:  after each command the new events: what they move sums to zero, and no account is negative that may not be.
 * Seam:    settlement_submit and settlement_checkpoint are wrapped by the linker (CMakeLists.txt).
 * Thread:  one, besides the ledger's writer. One world at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_WORLD_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_WORLD_H

#include "core/ledger/ledger.h"
#include "core/settlement/settlement_internal.h"
#include "tests/core/settlement/virtual_lies.h"

#define VIRTUAL_FIRST_TICK 1000

/* Where a crash can be drawn: the questions, then the commands. */
enum crash_step {
    CRASH_TICK_INFO,
    CRASH_PROCESSED,
    CRASH_BALANCE,
    CRASH_BROADCAST,
    CRASH_TRANSACTION,
    CRASH_TICK,
    CRASH_TICK_DATA,
    CRASH_IDENTITY,
    CRASH_DEPOSIT,
    CRASH_CONFIRM,
    CRASH_EXPIRE,
    CRASH_SHORTFALL,
    CRASH_SIGN,
    CRASH_LOSE,
    CRASH_CONFIRM_LEG,
    CRASH_ANCHOR,
    CRASH_RETIRE,
    CRASH_STEPS,
};

struct virtual_options {
    uint64_t seed;
    struct fault_plan faults;
    unsigned crash_permille; /* of the steps, at first; rarer where there were many */
    struct anchor_rule anchor;
    bool honest; /* nobody tells the lies of virtual_lies.h */
    bool second; /* settlement has a second live service, which never lies */
    uint32_t
        latency_ms; /* of an answer of the chain; 0: time stands still while settlement works */
    uint32_t requests_per_s; /* of settlement's client; 0: no limit */
};

struct virtual_world {
    uint64_t random;
    char folder[64];
    char checkpoint[96];
    char cursor[96];
    struct note_key key;
    struct operator_key operator_keys[OPERATOR_KEYS_MAX];
    size_t seeds;         /* of these that keys.sealed holds */
    uint64_t key_id;      /* the newest in the log */
    uint64_t hidden_key;  /* whose seed is not loaded for a while; 0: none */
    bool hidden_is_wrong; /* and another is loaded in its place */
    uint64_t spaced;      /* legs signed after a pause, as they had been lost three times or more */
    uint64_t hidden_waits;  /* rounds that named an escrow of it as waiting */
    uint64_t hidden_signed; /* legs of other keys signed meanwhile */
    uint64_t rotations_cut
        [2]; /* rotations that ended with the seed written and no event; and with both, before anything else */
    struct ledger *ledger;
    struct devnet *network;
    struct settlement *settlement; /* NULL after a crash, until the next round */
    bool prepared;
    struct lies lies;
    bool honest;
    bool second;
    uint32_t latency_ms;
    uint32_t requests_per_s;
    uint64_t asked[CRASH_STEPS]; /* questions to the chain */
    struct key32 fee_identity;
    struct anchor_rule anchor;

    unsigned crash_permille;
    bool crashed; /* in this round */
    bool
        calm; /* what crashed often enough does not: an anchor lives for many rounds, and every crash forgets it */
    uint64_t crashes[CRASH_STEPS][2];
    uint64_t crashes_all;
    uint64_t reopened; /* of those, with a ledger opened anew */
    uint64_t rounds;
    uint64_t troubles; /* of those, with one to tell */

    uint64_t seen; /* last sequence that was checked */
    struct store *books;
    uint64_t events[512]; /* by type */
    struct key32 digest;
};

/* SplitMix64. */
uint64_t virtual_random(struct virtual_world *w);
uint64_t virtual_below(struct virtual_world *w, uint64_t count);
bool virtual_chance(struct virtual_world *w, unsigned permille);
struct id16 virtual_id(struct virtual_world *w);
struct key32 virtual_key(struct virtual_world *w);

/* Every fault of the chain, each now and then. */
struct fault_plan virtual_faults(uint64_t seed);
void virtual_open(struct virtual_world *w, const struct virtual_options *options);
void virtual_close(struct virtual_world *w);

/* A command with a new id. */
struct command virtual_command(struct virtual_world *w, enum command_type type,
                               enum actor_kind actor, struct id16 actor_id);
enum err_code virtual_submit(struct virtual_world *w, const struct command *command,
                             struct err *err);
void virtual_must(struct virtual_world *w, const struct command *command);
/* Time goes by, and the chain does not see it. */
void virtual_pass(int64_t ns);
/* Time goes by, and the chain ticks at each whole second. */
void virtual_live_on(int64_t ns);
/* A second later: what was frozen runs, or the chain stands still. */
void virtual_tick(struct virtual_world *w);
/* A copy of the ledger's folder as it is, both programs stopped; and that copy put back, restored and started again. */
void virtual_back_up(struct virtual_world *w);
void virtual_put_back(struct virtual_world *w);
/* The operator's word, that so many escrows may stay unread. */
enum err_code virtual_resume_with(struct virtual_world *w, uint64_t unread_max);
/* The operator's word, if settlement waits for it. */
void virtual_resume(struct virtual_world *w);
/* One round of settlement, which may end in a crash. */
void virtual_round(struct virtual_world *w);

/* As `tallyd rotate` does it: settlement ends, a seed is written down, then the log names its key. false: it died in between; it is to be
 * given again. */
bool virtual_rotate(struct virtual_world *w);
/* Settlement begins anew without a seed, or with another in its place; 0: with all of them. */
void virtual_hide_key(struct virtual_world *w, uint64_t key_id, bool wrong);

uint32_t virtual_now_tick(const struct virtual_world *w);
/* Over sequences, types and money of all events so far: the same for the same seed. */
struct key32 virtual_digest(const struct virtual_world *w);
const char *crash_step_name(enum crash_step step);

#endif
