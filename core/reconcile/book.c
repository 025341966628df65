// SPDX-License-Identifier: Apache-2.0
#include "core/reconcile/book.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/qubic/identity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *book_status_word(enum book_status status)
{
    static const char *const WORDS[] = {NULL,     "requested", "observed",
                                        "locked", "settled",   "closed"};
    return WORDS[status];
}

void book_deinit(struct book *book)
{
    free(book->keys);
    free(book->accounts);
    free(book->hosts);
    free(book->escrows);
    free(book->payments);
    free(book->found);
    free(book->by_id);
    free(book->by_identity);
    *book = (struct book){0};
}

/* ── lists ─────────────────────────────────────────────────────────────────────────────────────── */

/* Room for one more row behind `count`; NULL: none. */
static void *grown(void *rows, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return rows;
    }
    size_t more = *room == 0 ? 64 : *room * 2;
    void *new = reallocarray(rows, more, size);
    *room = new == NULL ? *room : more;
    return new;
}

#define GROW(list, count, room) grown((list), (count), &(room), sizeof *(list))

/* ── escrows by id and by identity ─────────────────────────────────────────────────────────────── */

/* FNV-1a: ids are random in their second half, identities throughout. An operator who crafts collisions slows its own audit. */
static size_t hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ hash >> 32);
}

static void place(uint32_t *table, size_t slots, size_t hash, size_t index)
{
    size_t slot = hash & (slots - 1);
    while (table[slot] != 0) {
        slot = (slot + 1) & (slots - 1);
    }
    table[slot] = (uint32_t)index + 1;
}

static void place_escrow(struct book *book, size_t index)
{
    const struct book_escrow *escrow = &book->escrows[index];
    place(book->by_id, book->slots, hash_of(escrow->id.b, 16), index);
    place(book->by_identity, book->slots, hash_of(escrow->identity.b, 32), index);
}

/* At most half of the slots are taken. */
static bool make_slots(struct book *book)
{
    if (book->slots >= (book->escrow_count + 1) * 2) {
        return true;
    }
    size_t slots = book->slots == 0 ? 256 : book->slots * 2;
    uint32_t *by_id = calloc(slots, sizeof *by_id);
    uint32_t *by_identity = calloc(slots, sizeof *by_identity);
    if (by_id == NULL || by_identity == NULL || slots > UINT32_MAX) {
        free(by_id);
        free(by_identity);
        return false;
    }
    free(book->by_id);
    free(book->by_identity);
    book->by_id = by_id;
    book->by_identity = by_identity;
    book->slots = slots;
    for (size_t i = 0; i < book->escrow_count; i++) {
        place_escrow(book, i);
    }
    return true;
}

const struct book_escrow *book_escrow(const struct book *book, struct id16 id)
{
    size_t slot = hash_of(id.b, 16);
    for (; book->slots > 0 && book->by_id[slot & (book->slots - 1)] != 0; slot++) {
        const struct book_escrow *escrow =
            &book->escrows[book->by_id[slot & (book->slots - 1)] - 1];
        if (id_equal(escrow->id, id)) {
            return escrow;
        }
    }
    return NULL;
}

const struct book_escrow *book_escrow_by_identity(const struct book *book,
                                                  const struct key32 *identity)
{
    size_t slot = hash_of(identity->b, 32);
    for (; book->slots > 0 && book->by_identity[slot & (book->slots - 1)] != 0; slot++) {
        const struct book_escrow *escrow =
            &book->escrows[book->by_identity[slot & (book->slots - 1)] - 1];
        if (key_equal(escrow->identity, *identity)) {
            return escrow;
        }
    }
    return NULL;
}

bool book_escrow_is_done(const struct book_escrow *escrow)
{
    return (escrow->status == BOOK_SETTLED || escrow->status == BOOK_CLOSED) &&
           escrow->holds == 0 && escrow->in_flight == 0;
}

/* ── people ────────────────────────────────────────────────────────────────────────────────────── */

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for what the log says");
}

static enum err_code add_key(struct book *book, const struct ev_settlement_key_added *added,
                             struct err *err)
{
    struct book_key *keys = GROW(book->keys, book->key_count, book->key_room);
    if (keys == NULL) {
        return no_memory(err);
    }
    book->keys = keys;
    keys[book->key_count++] =
        (struct book_key){.id = added->key_id, .check_identity = added->check_identity};
    book->key_id = added->key_id;
    return ERR_OK;
}

static void retire_key(struct book *book, uint64_t key_id)
{
    for (size_t i = 0; i < book->key_count; i++) {
        book->keys[i].retired = book->keys[i].retired || book->keys[i].id == key_id;
    }
}

const struct book_key *book_key(const struct book *book, uint64_t key_id)
{
    for (size_t i = 0; i < book->key_count; i++) {
        if (book->keys[i].id == key_id) {
            return &book->keys[i];
        }
    }
    return NULL;
}

static enum err_code add_account(struct book *book, const struct event *event, struct err *err)
{
    struct book_account *rows = GROW(book->accounts, book->account_count, book->account_room);
    if (rows == NULL) {
        return no_memory(err);
    }
    book->accounts = rows;
    rows[book->account_count++] = (struct book_account){
        .id = event->stream_id, .identity = event->u.identity_registered.identity};
    return ERR_OK;
}

static enum err_code add_host(struct book *book, const struct event *event, struct err *err)
{
    struct bytes name = event->u.provider_enrolled.host_name;
    struct book_host *rows = GROW(book->hosts, book->host_count, book->host_room);
    if (rows == NULL) {
        return no_memory(err);
    }
    book->hosts = rows;
    struct book_host *host = &rows[book->host_count++];
    *host = (struct book_host){.account_id = event->u.provider_enrolled.account_id};
    if (name.size > 0 && name.size < sizeof host->name) {
        memcpy(host->name, name.data, name.size);
    }
    return ERR_OK;
}

static const struct book_account *account(const struct book *book, struct id16 id)
{
    for (size_t i = 0; i < book->account_count; i++) {
        if (id_equal(book->accounts[i].id, id)) {
            return &book->accounts[i];
        }
    }
    return NULL;
}

static enum err_code account_by_host(const struct book *book, const char *name,
                                     const struct book_account **ret, struct err *err)
{
    const struct book_account *found = NULL;
    for (size_t i = 0; i < book->host_count; i++) {
        if (strcmp(book->hosts[i].name, name) != 0) {
            continue;
        }
        if (found != NULL && !id_equal(found->id, book->hosts[i].account_id)) {
            return err_set(err, ERR_INVALID,
                           "machines named '%.60s' belong to several providers; name one by its "
                           "account id or its identity",
                           name);
        }
        found = account(book, book->hosts[i].account_id);
    }
    *ret = found;
    return ERR_OK;
}

enum err_code book_provider(const struct book *book, const char *name, struct book_account *ret,
                            struct err *err)
{
    struct id16 id;
    struct key32 identity;
    struct bytes text = bytes_of_text(name);
    const struct book_account *found = NULL;
    enum err_code code = ERR_OK;
    if (id_parse(text, &id, NULL) == ERR_OK) {
        found = account(book, id);
    } else if (qubic_identity_parse(text, &identity, NULL) == ERR_OK) {
        for (size_t i = 0; i < book->account_count && found == NULL; i++) {
            found = key_equal(book->accounts[i].identity, identity) ? &book->accounts[i] : NULL;
        }
    } else if (text.size > 0) {
        code = account_by_host(book, name, &found, err);
    }
    if (code == ERR_OK && found != NULL) {
        *ret = *found;
    } else if (code == ERR_OK) {
        code = err_set(err, ERR_NOT_FOUND,
                       "the log has no provider '%.60s'; give an account id (a UUID), a Qubic "
                       "identity (60 capital letters) or the name of a machine",
                       name);
    }
    return code;
}

/* ── escrows and their payments ────────────────────────────────────────────────────────────────── */

/* Ticks are read in order. What is processed is no proof: reading may be behind it. */
static void saw_tick(struct book *book, uint64_t tick)
{
    book->tick = tick > book->tick ? tick : book->tick;
}

static enum err_code request(struct book *book, uint64_t sequence, const struct event *event,
                             struct err *err)
{
    const struct ev_escrow_requested *requested = &event->u.escrow_requested;
    struct book_escrow *rows = GROW(book->escrows, book->escrow_count, book->escrow_room);
    if (rows == NULL) {
        return no_memory(err);
    }
    book->escrows = rows;
    if (!make_slots(book)) {
        return no_memory(err);
    }
    rows[book->escrow_count] = (struct book_escrow){
        .id = event->stream_id,
        .job_id = requested->job_id,
        .quote_id = requested->quote_id,
        .identity = requested->identity,
        .consumer_identity = requested->consumer_identity,
        .provider_identity = requested->provider_identity,
        .key_id = requested->key_id,
        .sequence = sequence,
        .at = event->time,
        .last_tick = requested->last_tick,
        .status = BOOK_REQUESTED,
        .amount = requested->amount,
    };
    place_escrow(book, book->escrow_count++);
    return ERR_OK;
}

static enum err_code add_payment(struct book *book, const struct ledger_payment *payment,
                                 struct err *err)
{
    struct ledger_payment *rows = GROW(book->payments, book->payment_count, book->payment_room);
    if (rows == NULL) {
        return no_memory(err);
    }
    book->payments = rows;
    rows[book->payment_count++] = *payment;
    return ERR_OK;
}

static enum err_code moved(bool fits, struct err *err)
{
    return fits ? ERR_OK
                : err_set(err, ERR_OVERFLOW, "what an escrow holds leaves the range of int64");
}

static enum err_code observe(struct book *book, uint64_t sequence, const struct event *event,
                             struct book_escrow *escrow, struct err *err)
{
    const struct ev_deposit_observed *observed = &event->u.deposit_observed;
    struct ledger_payment payment = {
        .sequence = sequence,
        .at = event->time,
        .tx_id = observed->tx_id,
        .source = observed->source,
        .destination = escrow->identity,
        .amount = observed->amount,
        .tick = observed->tick,
        .job_id = escrow->job_id,
        .escrow_id = escrow->id,
        .kind = PAYMENT_DEPOSIT,
        .state = PAYMENT_FINAL,
    };
    if (observed->class == DEPOSIT_LOCK) {
        escrow->status = BOOK_OBSERVED;
    }
    saw_tick(book, observed->tick > 0 ? observed->tick - 1 : 0); /* there may be more in it */
    enum err_code code =
        moved(checked_add_i64(escrow->holds, observed->amount, &escrow->holds), err);
    return code == ERR_OK ? add_payment(book, &payment, err) : code;
}

/* ── after a restore ───────────────────────────────────────────────────────────────────────────── */

static enum err_code reread(struct book *book, const struct event *event, struct err *err)
{
    const struct event_list *list = &event->u.escrow_reread.found;
    const struct ev_found_payment *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        struct book_found *rows = GROW(book->found, book->found_count, book->found_room);
        if (rows == NULL) {
            return no_memory(err);
        }
        book->found = rows;
        rows[book->found_count++] = (struct book_found){.escrow_id = event->stream_id,
                                                        .tx_id = items[i].tx_id,
                                                        .paid_as = items[i].paid_as,
                                                        .amount = items[i].amount};
    }
    return ERR_OK;
}

const struct book_found *book_found(const struct book *book, const struct key32 *tx_id)
{
    for (size_t i = 0; i < book->found_count; i++) {
        if (key_equal(book->found[i].tx_id, *tx_id)) {
            return &book->found[i];
        }
    }
    return NULL;
}

size_t book_found_open(const struct book *book, struct id16 escrow_id)
{
    size_t count = 0;
    for (size_t i = 0; i < book->found_count; i++) {
        const struct book_found *found = &book->found[i];
        count += id_equal(found->escrow_id, escrow_id) && !found->taken &&
                         found->paid_as != PAID_OTHERWISE
                     ? 1
                     : 0;
    }
    return count;
}

static void take_found(struct book *book, struct key32 tx_id)
{
    for (size_t i = 0; i < book->found_count; i++) {
        book->found[i].taken = book->found[i].taken || key_equal(book->found[i].tx_id, tx_id);
    }
}

static enum payment_kind kind_of(uint16_t type, struct key32 deposit_tx)
{
    switch (type) {
    case EVENT_PAYOUT_SIGNED:
    case EVENT_PAYOUT_LOST:
    case EVENT_PAYOUT_CONFIRMED:
        return PAYMENT_PAYOUT;
    case EVENT_FEE_SIGNED:
    case EVENT_FEE_LOST:
    case EVENT_FEE_CONFIRMED:
        return PAYMENT_FEE;
    default:
        return key_is_zero(deposit_tx) ? PAYMENT_REFUND : PAYMENT_RETURN;
    }
}

/* What any event of a leg that names its whole payment says: signed and confirmed ones do, each in a struct of its own. */
#define PAYMENT_OF(sequence_, event_, escrow_, leg, state_)                                        \
    ((struct ledger_payment){                                                                      \
        .sequence = (sequence_),                                                                   \
        .at = (event_)->time,                                                                      \
        .tx_id = (leg)->tx_id,                                                                     \
        .source = (escrow_)->identity,                                                             \
        .destination = (leg)->destination,                                                         \
        .amount = (leg)->amount,                                                                   \
        .tick = (leg)->tick,                                                                       \
        .attempt = (leg)->attempt,                                                                 \
        .job_id = (escrow_)->job_id,                                                               \
        .escrow_id = (escrow_)->id,                                                                \
        .kind = kind_of((event_)->type->number, (leg)->deposit_tx),                                \
        .state = (state_),                                                                         \
    })

static enum err_code sign(struct book *book, uint64_t sequence, const struct event *event,
                          struct book_escrow *escrow, struct err *err)
{
    const struct ev_leg_signed *leg = &event->u.payout_signed;
    struct ledger_payment payment = PAYMENT_OF(sequence, event, escrow, leg, PAYMENT_SIGNED);
    take_found(book, leg->tx_id);
    enum err_code code = add_payment(book, &payment, err);
    escrow->in_flight = code == ERR_OK ? book->payment_count : escrow->in_flight;
    return code;
}

/* The attempt in flight if it is this one, else none: the log is taken at its word. */
static struct ledger_payment *in_flight(struct book *book, struct book_escrow *escrow,
                                        struct key32 tx_id)
{
    struct ledger_payment *payment =
        escrow->in_flight == 0 ? NULL : &book->payments[escrow->in_flight - 1];
    if (payment == NULL || !key_equal(payment->tx_id, tx_id)) {
        return NULL;
    }
    escrow->in_flight = 0;
    return payment;
}

static void lose(struct book *book, uint64_t sequence, const struct event *event,
                 struct book_escrow *escrow)
{
    struct ledger_payment *payment = in_flight(book, escrow, event->u.payout_lost.tx_id);
    if (payment != NULL) {
        payment->sequence = sequence;
        payment->at = event->time;
        payment->state = PAYMENT_LOST;
        payment->processed_tick = event->u.payout_lost.processed_tick;
        payment->balance_tick = event->u.payout_lost.balance_tick;
        payment->tick_was_empty = event->u.payout_lost.tick_empty;
        payment->no_money = event->u.payout_lost.reason == LOST_NO_MONEY_MOVED;
    }
}

static enum err_code confirm(struct book *book, uint64_t sequence, const struct event *event,
                             struct book_escrow *escrow, struct err *err)
{
    const struct ev_leg_confirmed *leg = &event->u.payout_confirmed;
    struct ledger_payment *known = in_flight(book, escrow, leg->tx_id);
    struct ledger_payment payment = PAYMENT_OF(sequence, event, escrow, leg, PAYMENT_FINAL);
    payment.processed_tick = leg->processed_tick;
    enum err_code code = moved(checked_sub_i64(escrow->holds, leg->amount, &escrow->holds), err);
    if (code == ERR_OK && known != NULL) {
        *known = payment;
    } else if (code == ERR_OK) {
        code = add_payment(book, &payment, err);
    }
    return code;
}

static void settle(struct book_escrow *escrow, uint64_t sequence, const struct event *event)
{
    const struct ev_escrow_settled *settled = &event->u.escrow_settled;
    escrow->status = BOOK_SETTLED;
    escrow->refund = settled->refund;
    escrow->payout = settled->payout;
    escrow->fee = settled->fee;
    escrow->fee_identity = settled->fee_identity;
    escrow->settled_sequence = sequence;
    escrow->settled_at = event->time;
}

static enum err_code apply_escrow(struct book *book, uint64_t sequence, const struct event *event,
                                  struct err *err)
{
    const struct book_escrow *found = book_escrow(book, event->stream_id);
    if (found == NULL) {
        return err_set(err, ERR_CORRUPT,
                       "record %" PRIu64 ": %s of an escrow that was not asked for", sequence,
                       event->type->name);
    }
    struct book_escrow *escrow = &book->escrows[found - book->escrows];
    switch (event->type->number) {
    case EVENT_DEPOSIT_OBSERVED:
        return observe(book, sequence, event, escrow, err);
    case EVENT_ESCROW_CONFIRMED:
        escrow->confirmations = event->u.escrow_confirmed.confirmations;
        return ERR_OK;
    case EVENT_ESCROW_LOCKED:
        escrow->status = BOOK_LOCKED;
        return ERR_OK;
    case EVENT_ESCROW_EXPIRED:
        escrow->status = BOOK_CLOSED;
        saw_tick(book, event->u.escrow_expired.processed_tick);
        return ERR_OK;
    case EVENT_ESCROW_SETTLED:
        settle(escrow, sequence, event);
        return ERR_OK;
    case EVENT_ESCROW_SHORTFALL:
        if (!checked_sub_i64(event->u.escrow_shortfall.expected, event->u.escrow_shortfall.balance,
                             &escrow->short_by) ||
            escrow->short_by < 0) {
            escrow->short_by = 0;
        }
        return ERR_OK;
    case EVENT_ESCROW_REREAD:
        return reread(book, event, err);
    case EVENT_PAYOUT_SIGNED:
    case EVENT_REFUND_SIGNED:
    case EVENT_FEE_SIGNED:
        return sign(book, sequence, event, escrow, err);
    case EVENT_PAYOUT_LOST:
    case EVENT_REFUND_LOST:
    case EVENT_FEE_LOST:
        lose(book, sequence, event, escrow);
        return ERR_OK;
    case EVENT_PAYOUT_CONFIRMED:
    case EVENT_REFUND_CONFIRMED:
    case EVENT_FEE_CONFIRMED:
        return confirm(book, sequence, event, escrow, err);
    default:
        return ERR_OK;
    }
}

enum err_code book_apply(struct book *book, uint64_t sequence, const struct event *event,
                         struct err *err)
{
    INVARIANT(sequence == book->size + 1);
    book->size = sequence;
    switch (event->type->number) {
    case EVENT_LEDGER_OPENED:
        book->log_id = event->u.ledger_opened.log_id;
        book->network = event->u.ledger_opened.network;
        return ERR_OK;
    case EVENT_LEDGER_RESTORED:
        book->observing = true;
        return ERR_OK;
    case EVENT_SETTLEMENT_RESUMED:
        book->observing = false;
        return ERR_OK;
    case EVENT_TERMS_SET:
        book->tick_offset = event->u.terms_set.tick_offset;
        return ERR_OK;
    case EVENT_SETTLEMENT_KEY_ADDED:
        return add_key(book, &event->u.settlement_key_added, err);
    case EVENT_SETTLEMENT_KEY_RETIRED:
        retire_key(book, event->u.settlement_key_retired.key_id);
        return ERR_OK;
    case EVENT_IDENTITY_REGISTERED:
        return add_account(book, event, err);
    case EVENT_PROVIDER_ENROLLED:
        return add_host(book, event, err);
    case EVENT_ESCROW_REQUESTED:
        return request(book, sequence, event, err);
    default:
        return event->type->stream_kind == STREAM_ESCROW ? apply_escrow(book, sequence, event, err)
                                                         : ERR_OK;
    }
}
