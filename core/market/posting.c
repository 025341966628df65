// SPDX-License-Identifier: Apache-2.0
#include "core/market/posting.h"

#include "core/base/invariant.h"

#include <string.h>

void account_key(enum account_kind kind, struct bytes subject, enum leg_kind leg,
                 uint8_t ret[ACCOUNT_KEY_SIZE])
{
    INVARIANT(subject.size <= 32);
    memset(ret, 0, ACCOUNT_KEY_SIZE);
    ret[0] = (uint8_t)kind;
    if (subject.size > 0) {
        memcpy(ret + 1, subject.data, subject.size);
    }
    ret[33] = (uint8_t)leg;
}

bool account_may_be_negative(const uint8_t account[ACCOUNT_KEY_SIZE])
{
    return account[0] == ACCOUNT_WALLET || account[0] == ACCOUNT_UNEXPLAINED;
}

struct postings {
    struct posting *list;
    size_t count;
};

static void add(struct postings *postings, enum account_kind kind, struct bytes subject,
                enum leg_kind leg, int64_t amount)
{
    if (amount == 0) {
        return;
    }
    INVARIANT(postings->count < POSTINGS_MAX);
    struct posting *posting = &postings->list[postings->count++];
    account_key(kind, subject, leg, posting->account);
    posting->amount = amount;
}

static void add_confirmed(struct postings *postings, const struct event *event,
                          const struct ev_leg_confirmed *confirmed, enum leg_kind leg)
{
    struct bytes escrow = id_key(&event->stream_id);
    if (key_is_zero(confirmed->deposit_tx)) {
        add(postings, ACCOUNT_PAYABLE, escrow, leg, -confirmed->amount);
    } else {
        add(postings, ACCOUNT_HELD, escrow, 0, -confirmed->amount);
    }
    if (leg == LEG_FEE) {
        add(postings, ACCOUNT_FEES, (struct bytes){0}, 0, confirmed->amount);
    } else {
        add(postings, ACCOUNT_WALLET, hash_key(&confirmed->destination), 0, confirmed->amount);
    }
}

size_t postings_of(const struct event *event, struct posting ret[POSTINGS_MAX])
{
    struct postings postings = {.list = ret};
    struct bytes escrow = id_key(&event->stream_id);
    switch (event->type->number) {
    case EVENT_DEPOSIT_OBSERVED:
        add(&postings, ACCOUNT_WALLET, hash_key(&event->u.deposit_observed.source), 0,
            -event->u.deposit_observed.amount);
        add(&postings, ACCOUNT_HELD, escrow, 0, event->u.deposit_observed.amount);
        break;
    case EVENT_ESCROW_LOCKED:
        add(&postings, ACCOUNT_HELD, escrow, 0, -event->u.escrow_locked.amount);
        add(&postings, ACCOUNT_ESCROW, escrow, 0, event->u.escrow_locked.amount);
        break;
    case EVENT_ESCROW_SETTLED:
        add(&postings, ACCOUNT_ESCROW, escrow, 0, -event->u.escrow_settled.locked);
        add(&postings, ACCOUNT_PAYABLE, escrow, LEG_REFUND, event->u.escrow_settled.refund);
        add(&postings, ACCOUNT_PAYABLE, escrow, LEG_PAYOUT, event->u.escrow_settled.payout);
        add(&postings, ACCOUNT_PAYABLE, escrow, LEG_FEE, event->u.escrow_settled.fee);
        break;
    case EVENT_PAYOUT_CONFIRMED:
        add_confirmed(&postings, event, &event->u.payout_confirmed, LEG_PAYOUT);
        break;
    case EVENT_REFUND_CONFIRMED:
        add_confirmed(&postings, event, &event->u.refund_confirmed, LEG_REFUND);
        break;
    case EVENT_FEE_CONFIRMED:
        add_confirmed(&postings, event, &event->u.fee_confirmed, LEG_FEE);
        break;
    default:
        break;
    }
    return postings.count;
}

int64_t state_balance(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE])
{
    int64_t balance = 0;
    (void)store_get_row(store, &STATE_BALANCES, bytes_of(account, ACCOUNT_KEY_SIZE), &balance,
                        sizeof balance);
    return balance;
}
