/* What an escrow's identity holds, what it must hold on the chain, and what has left it: by the ledger. */
// SPDX-License-Identifier: Apache-2.0
#include "core/market/posting.h"
#include "core/settlement/settlement_internal.h"

#include <string.h>

static int64_t balance_of(struct store *store, enum account_kind kind, struct id16 escrow_id,
                          enum leg_kind leg)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    account_key(kind, id_key(&escrow_id), leg, key);
    return state_balance(store, key);
}

int64_t settlement_holds(struct store *store, struct id16 escrow_id)
{
    return balance_of(store, ACCOUNT_HELD, escrow_id, 0) +
           balance_of(store, ACCOUNT_ESCROW, escrow_id, 0) +
           balance_of(store, ACCOUNT_PAYABLE, escrow_id, LEG_REFUND) +
           balance_of(store, ACCOUNT_PAYABLE, escrow_id, LEG_PAYOUT) +
           balance_of(store, ACCOUNT_PAYABLE, escrow_id, LEG_FEE);
}

/* Less what may have left: the leg in flight, and what the chain shows that the log did not know. */
int64_t settlement_must_hold(struct store *store, struct id16 escrow_id,
                             const struct escrow_row *escrow)
{
    int64_t amount = settlement_holds(store, escrow_id);
    uint8_t key[LEG_KEY_SIZE];
    struct leg_row leg;
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes found_key;
    struct bytes value;
    leg_key(escrow_id, (enum leg_kind)escrow->flight_kind, escrow->flight_deposit, key);
    if (escrow->in_flight != 0 && state_leg(store, key, &leg)) {
        amount -= leg.amount;
    }
    memcpy(at, escrow_id.b, sizeof escrow_id.b);
    while (store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &found_key, &value) &&
           memcmp(found_key.data, escrow_id.b, sizeof escrow_id.b) == 0) {
        struct found_row found;
        struct key32 tx_id;
        memcpy(at, found_key.data, sizeof at);
        memcpy(tx_id.b, at + sizeof escrow_id.b, sizeof tx_id.b);
        if (state_found(store, escrow_id, tx_id, &found) && found.taken == 0) {
            amount -= found.amount;
        }
    }
    return amount;
}

enum err_code settlement_paid_out(struct settlement *s, struct id16 escrow_id, uint64_t *ret,
                                  struct err *err)
{
    struct views_snapshot *snapshot;
    struct bytes key;
    struct bytes value;
    uint8_t at[LEG_KEY_SIZE] = {0};
    uint64_t count = 0;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    memcpy(at, escrow_id.b, sizeof escrow_id.b);
    while (store_seek(store, &STATE_LEGS, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, sizeof escrow_id.b) == 0) {
        struct leg_row leg;
        memcpy(at, key.data, sizeof at);
        count += state_leg(store, at, &leg) && leg.status == LEG_CONFIRMED ? 1 : 0;
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    if (code == ERR_OK) {
        *ret = count;
    }
    return code;
}
