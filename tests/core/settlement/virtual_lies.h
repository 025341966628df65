/* tests/core/settlement/virtual_lies.h: what an archive or a node may say that is not so, beyond the faults of the local network. Each passes; each alone must
 * cost nobody anything. Thread: one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_LIES_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_LIES_H

#include "tools/devchain/service.h"

enum lie {
    LIE_HIDDEN,  /* for a while a tick's transactions are unknown by hash, and its data is empty */
    LIE_SKIPPED, /* "this tick was skipped", of one that was not */
    LIE_TICK,    /* the network is far ahead */
    LIE_PROCESSED, /* the archive is far ahead */
    LIE_STUCK,     /* for a while no question of one kind is answered */
    LIE_FORGED, /* a tick has a payment to an escrow that nobody signed, whenever it is asked for */
    LIE_BALANCE, /* more or less money, more payments out, or something that moved just now */
    LIES,
};

struct lies {
    bool all_moved;   /* while it is set: every balance is large, and something left just now */
    bool all_flew;    /* while it is set: every transaction is shown as one whose money flew */
    bool short_lists; /* while it is set: the list of an identity's transactions is empty */
    char hangs[QUBIC_IDENTITY_TEXT_SIZE]; /* a question that names this has no answer in time */
    struct key32 short_of; /* the list of this identity is always empty; zero: of none */
    uint64_t seed;
    uint64_t questions;
    struct key32 escrow; /* an escrow identity, for forgeries; zero: none yet */
    uint64_t told[LIES];
};

const char *lie_name(enum lie lie);
/* What `short_lists`, `short_of`, `hangs`, `all_flew` and `all_moved` say. */
void lies_shorten(const struct lies *lies, struct devnet *network, const char *path,
                  struct bytes body, struct service_reply *reply);
/* May change an answer that is true. */
void lies_tell(struct lies *lies, struct devnet *network, const char *path, struct bytes body,
               struct service_reply *reply);

#endif
