/* tools/tally/escrow_look.h: one escrow's identity on the chain, beside what the book says about it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ESCROW_LOOK_H
#define TOOLS_TALLY_ESCROW_LOOK_H

#include "tools/tally/chain_payments.h"

struct escrow_look {
    struct qubic_balance balance;
    struct payments payments; /* both sides; escrow_look_deinit */
    int64_t
        unread; /* deposits on the chain that the ledger does not have: the server returns them when it reads them */
    int64_t
        unknown; /* gone from it by transactions that the ledger does not have: sweeps, or theft */
    const struct ledger_payment *
        missing; /* the first one that the ledger calls observed or confirmed and that the chain does not show to have moved; NULL: none. Part of `payments` */
    size_t missing_count;
    int64_t
        spare; /* balance less what the ledger holds there and less `unread`; below 0: something is missing, or in flight */
};

/* ERR_UNAVAILABLE when balance, list and ledger do not yet speak of the same ticks: ask again. */
MUST_CHECK enum err_code escrow_look(const struct book *book, const struct book_escrow *escrow,
                                     struct chain_reader *chain, struct escrow_look *ret,
                                     struct err *err);
void escrow_look_deinit(struct escrow_look *look);
/* What the ledger says about a transaction of this escrow; NULL: nothing. */
const struct ledger_payment *escrow_look_ledger(const struct escrow_look *look,
                                                const struct key32 *tx_id);
const struct chain_payment *escrow_look_chain(const struct escrow_look *look,
                                              const struct key32 *tx_id);

#endif
