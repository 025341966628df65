/* tests/support/naive_compare.h: the rules and the naive ledger side by side: what both say of a command, and the first thing they say differently.
 *
 * Use:     duel_note for each event of a command, then duel_answer, which gives the command to the naive ledger and compares all that it changed;
 *          duel_compare_all now and then, for what changed and should not have.
 * Owner:   store and naive ledger are the caller's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_NAIVE_COMPARE_H
#define TESTS_SUPPORT_NAIVE_COMPARE_H

#include "core/event/codec.h"
#include "tests/support/naive_ledger.h"

#define DUEL_BILLS_MAX 32

struct said { /* by the events of one command */
    struct id16 job_id;
    struct ev_job_end end;
    struct ev_escrow_settled settled;
};

struct duel {
    struct store *store;
    struct naive_ledger *naive;
    struct said bills[DUEL_BILLS_MAX];
    size_t bill_count;
    char wrong[300]; /* "": they agree */
};

void duel_note(struct duel *d, const struct event *event);
/* `word`: of the refusal, if the rules refused. */
void duel_answer(struct duel *d, const struct command *command, int64_t now, bool accepted,
                 const char *word);
void duel_compare_all(struct duel *d);

#endif
