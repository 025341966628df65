/* How many offers may be live at once, said once more. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

uint64_t naive_live_offers(const struct naive_ledger *n, struct id16 host_or_account)
{
    uint64_t live = 0;
    for (size_t i = 0; i < n->offer_count; i++) {
        const struct naive_offer *offer = &n->offers[i];
        live += !offer->withdrawn && (id_equal(offer->host_id, host_or_account) ||
                                      id_equal(offer->account_id, host_or_account));
    }
    return live;
}

bool naive_offers_full(const struct naive_ledger *n, const struct naive_host *host,
                       const struct command_offer *said)
{
    const uint64_t of_host = said->host_offers_max;
    const uint64_t of_account = said->account_offers_max;
    return (of_host > 0 && naive_live_offers(n, host->id) >= of_host) ||
           (of_account > 0 && naive_live_offers(n, host->account_id) >= of_account);
}
