/* tools/tally/chain_payments.h: the two sides of a comparison: what a book says about escrows, and what the chain shows of their identities.
 *
 * Owner:   the caller (payments_deinit). */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_CHAIN_PAYMENTS_H
#define TOOLS_TALLY_CHAIN_PAYMENTS_H

#include "tools/tally/audit.h"
#include "tools/tally/chain_reader.h"

struct payments {
    struct ledger_payment *ledger;
    size_t ledger_count;
    struct chain_payment *chain;
    size_t chain_count;
    size_t chain_room;
};

/* Of one provider: the payments of its escrows that were asked for before `until`, each of these identities' transactions, and what came to the
 * provider's own identity from any escrow of this log without being another provider's business that the ledger knows. One question to the chain for
 * each escrow, and one more. */
MUST_CHECK enum err_code payments_of_provider(const struct book *book,
                                              const struct book_account *provider, int64_t until,
                                              struct chain_reader *chain, struct payments *ret,
                                              struct err *err);
/* Of one escrow. `processed`: the archive's last tick. */
MUST_CHECK enum err_code payments_of_escrow(const struct book *book,
                                            const struct book_escrow *escrow, uint32_t processed,
                                            struct chain_reader *chain, struct payments *ret,
                                            struct err *err);
void payments_deinit(struct payments *payments);

#endif
