// SPDX-License-Identifier: Apache-2.0
#include "core/reconcile/reconcile.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>

const char *payment_kind_word(enum payment_kind kind)
{
    static const char *const WORDS[] = {"unknown", "deposit", "refund", "payout", "fee", "return"};
    return WORDS[kind];
}

const char *payment_state_word(enum payment_state state)
{
    static const char *const WORDS[] = {NULL, "final", "signed", "lost"};
    return WORDS[state];
}

const char *finding_word(enum finding finding)
{
    static const char *const WORDS[] = {NULL, "matched", "pending", "missing", "extra", "differs"};
    return WORDS[finding];
}

const char *witness_word(enum witness witness)
{
    return witness == WITNESS_CHAIN ? "chain" : "statement";
}

const char *reason_word(unsigned index)
{
    static const char *const WORDS[REASON_COUNT] = {"amount",    "parties",  "tick", "job",
                                                    "date",      "no_money", "lost", "twice",
                                                    "in_flight", "newer"};
    INVARIANT(index < REASON_COUNT);
    return WORDS[index];
}

/* ── sorted copies, so that nothing depends on the order of the input ──────────────────────────── */

struct side { /* one witness's payments or lines, ascending by transaction id */
    const void **rows;
    size_t count;
};

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_key(const struct key32 *a, const struct key32 *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

/* Of the same id the final one comes first, whatever else the log says about it. */
static int compare_ledger(const void *left, const void *right)
{
    const struct ledger_payment *a = *(const struct ledger_payment *const *)left;
    const struct ledger_payment *b = *(const struct ledger_payment *const *)right;
    int order = compare_key(&a->tx_id, &b->tx_id);
    order = order != 0 ? order : compare_u64((uint64_t)a->state, (uint64_t)b->state);
    return order != 0 ? order : compare_u64(a->sequence, b->sequence);
}

/* Of the same id the one that moved money comes first. */
static int compare_chain(const void *left, const void *right)
{
    const struct chain_payment *a = *(const struct chain_payment *const *)left;
    const struct chain_payment *b = *(const struct chain_payment *const *)right;
    int order = compare_key(&a->tx_id, &b->tx_id);
    return order != 0 ? order : compare_u64(b->moved, a->moved);
}

static int compare_line(const void *left, const void *right)
{
    const struct statement_line *a = *(const struct statement_line *const *)left;
    const struct statement_line *b = *(const struct statement_line *const *)right;
    int order = compare_key(&a->tx_id, &b->tx_id);
    return order != 0 ? order : compare_u64(a->line, b->line);
}

static bool side_sort(struct side *side, const void *rows, size_t count, size_t size,
                      int (*compare)(const void *, const void *))
{
    side->rows = calloc(count + 1, sizeof *side->rows);
    if (side->rows == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        side->rows[i] = (const char *)rows + i * size;
    }
    side->count = count;
    qsort(side->rows, count, sizeof *side->rows, compare);
    return true;
}

/* What all three kinds of row begin the search with. */
typedef const struct key32 *key_of(const void *row);

static const struct key32 *ledger_key(const void *row)
{
    return &((const struct ledger_payment *)row)->tx_id;
}

static const struct key32 *chain_key(const void *row)
{
    return &((const struct chain_payment *)row)->tx_id;
}

static const struct key32 *line_key(const void *row)
{
    return &((const struct statement_line *)row)->tx_id;
}

/* The first row with this id; NULL if there is none. */
static const void *side_find(const struct side *side, key_of *key, const struct key32 *id)
{
    size_t low = 0;
    size_t high = side->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(key(side->rows[middle]), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < side->count && compare_key(key(side->rows[low]), id) == 0 ? side->rows[low] : NULL;
}

static bool is_repeat(const struct side *side, key_of *key, size_t index)
{
    return index > 0 && compare_key(key(side->rows[index - 1]), key(side->rows[index])) == 0;
}

/* ── collecting ────────────────────────────────────────────────────────────────────────────────── */

struct work {
    const struct reconcile_input *input;
    struct side ledger;
    struct side chain;
    struct side statement;
    struct reconcile_result *result;
    size_t capacity;
    enum err_code code;
    struct err *err;
};

static void count_item(struct work *w, const struct reconcile_item *item)
{
    struct reconcile_totals *totals =
        item->witness == WITNESS_CHAIN ? &w->result->chain : &w->result->statement;
    switch (item->finding) {
    case FINDING_MATCHED:
        totals->matched++;
        break;
    case FINDING_PENDING:
        totals->pending++;
        return;
    case FINDING_MISSING:
        totals->missing++;
        break;
    case FINDING_EXTRA:
        totals->extra++;
        break;
    case FINDING_DIFFERS:
        totals->differing++;
        break;
    }
    if (!checked_add_i64(totals->ledger_amount, item->ledger_amount, &totals->ledger_amount) ||
        !checked_add_i64(totals->other_amount, item->other_amount, &totals->other_amount)) {
        w->code = err_set(w->err, ERR_OVERFLOW, "the amounts add up to more than 2^63 - 1 QUBIC");
    }
}

static void add(struct work *w, struct reconcile_item item)
{
    if (w->code != ERR_OK) {
        return;
    }
    INVARIANT(w->result->count < w->capacity);
    w->result->items[w->result->count++] = item;
    count_item(w, &item);
}

static bool in_period(const struct reconcile_input *input, int64_t at)
{
    return at >= input->from && at < input->until;
}

static struct reconcile_item of_ledger(enum witness witness, const struct ledger_payment *payment)
{
    return (struct reconcile_item){
        .witness = witness,
        .kind = payment->kind,
        .sequence = payment->sequence,
        .tick = payment->tick,
        .at = payment->at,
        .ledger_amount = payment->amount,
        .tx_id = payment->tx_id,
        .job_id = payment->job_id,
        .escrow_id = payment->escrow_id,
    };
}

/* ── against the chain ─────────────────────────────────────────────────────────────────────────── */

static unsigned compare_to_chain(const struct ledger_payment *ours,
                                 const struct chain_payment *theirs)
{
    unsigned reasons = ours->amount != theirs->amount ? REASON_AMOUNT : 0;
    if (!key_equal(ours->source, theirs->source) ||
        !key_equal(ours->destination, theirs->destination)) {
        reasons |= REASON_PARTIES;
    }
    return reasons | (ours->tick != theirs->tick ? REASON_TICK : 0);
}

static void ledger_to_chain(struct work *w, size_t index)
{
    const struct ledger_payment *payment = w->ledger.rows[index];
    const struct chain_payment *found = side_find(&w->chain, chain_key, &payment->tx_id);
    struct reconcile_item item = of_ledger(WITNESS_CHAIN, payment);
    if (!in_period(w->input, payment->at)) {
        return;
    }
    item.other_amount = found != NULL && found->moved ? found->amount : 0;
    if (is_repeat(&w->ledger, ledger_key, index)) {
        item.finding = FINDING_MISSING; /* told twice, and the chain can have it but once */
        item.reasons = REASON_TWICE;
        item.other_amount = 0;
    } else if (payment->state == PAYMENT_LOST) {
        if (item.other_amount == 0) {
            return; /* as it should be */
        }
        item.finding = FINDING_EXTRA;
        item.reasons = REASON_LOST;
        item.ledger_amount = 0;
    } else if (payment->state == PAYMENT_SIGNED) {
        item.reasons = item.other_amount != 0 ? compare_to_chain(payment, found) : 0;
        item.finding = item.reasons != 0 ? FINDING_DIFFERS : FINDING_PENDING;
        item.reasons |= REASON_IN_FLIGHT;
    } else if (item.other_amount == 0) {
        item.finding = FINDING_MISSING;
        item.reasons = found != NULL ? REASON_NO_MONEY : 0;
    } else {
        item.reasons = compare_to_chain(payment, found);
        item.finding = item.reasons != 0 ? FINDING_DIFFERS : FINDING_MATCHED;
    }
    add(w, item);
}

static void chain_to_ledger(struct work *w, size_t index)
{
    const struct chain_payment *payment = w->chain.rows[index];
    if (is_repeat(&w->chain, chain_key, index) || !payment->moved || payment->amount == 0 ||
        !in_period(w->input, payment->at) ||
        side_find(&w->ledger, ledger_key, &payment->tx_id) != NULL) {
        return;
    }
    bool newer = payment->tick > (payment->deposit ? w->input->ledger_tick : w->input->chain_tick);
    add(w, (struct reconcile_item){
               .witness = WITNESS_CHAIN,
               .finding = newer ? FINDING_PENDING : FINDING_EXTRA,
               .reasons = newer ? REASON_NEWER : 0,
               .tick = payment->tick,
               .at = payment->at,
               .other_amount = payment->amount,
               .tx_id = payment->tx_id,
               .job_id = payment->job_id,
               .escrow_id = payment->escrow_id,
           });
}

/* ── against the statement ─────────────────────────────────────────────────────────────────────── */

/* a + b for times, as far as int64 goes: a date at its end is as far away as any. */
static int64_t later(int64_t a, int64_t b)
{
    int64_t sum;
    return checked_add_i64(a, b, &sum) ? sum : b > 0 ? INT64_MAX : INT64_MIN;
}

static bool date_differs(const struct work *w, const struct ledger_payment *payment,
                         const struct statement_line *line)
{
    const struct chain_payment *found = side_find(&w->chain, chain_key, &payment->tx_id);
    int64_t first = found != NULL && found->at < payment->at ? found->at : payment->at;
    return later(line->until, DATE_SLACK) < first || later(line->from, -DATE_SLACK) > payment->at;
}

static void ledger_to_statement(struct work *w, size_t index)
{
    const struct ledger_payment *payment = w->ledger.rows[index];
    if (payment->kind != PAYMENT_PAYOUT || payment->state != PAYMENT_FINAL ||
        is_repeat(&w->ledger, ledger_key, index)) {
        return;
    }
    const struct statement_line *line = side_find(&w->statement, line_key, &payment->tx_id);
    struct reconcile_item item = of_ledger(WITNESS_STATEMENT, payment);
    if (line == NULL) {
        if (in_period(w->input, payment->at)) {
            item.finding = FINDING_MISSING;
            add(w, item);
        }
        return;
    }
    item.line = line->line;
    item.other_amount = line->amount;
    item.reasons = line->amount != payment->amount ? REASON_AMOUNT : 0;
    if (!id_is_zero(line->job_id) && !id_equal(line->job_id, payment->job_id)) {
        item.reasons |= REASON_JOB;
    }
    bool astray = date_differs(w, payment, line);
    item.reasons |= astray ? REASON_DATE : 0;
    item.finding = item.reasons != 0 ? FINDING_DIFFERS : FINDING_MATCHED;
    bool line_in_period = line->until >= w->input->from && line->from < w->input->until;
    if (in_period(w->input, payment->at) || (astray && line_in_period)) {
        add(w, item);
    }
}

/* Lines that no final payout of the ledger answers, and every line after the first with its id. */
static void statement_to_ledger(struct work *w, size_t index)
{
    const struct statement_line *line = w->statement.rows[index];
    const struct ledger_payment *payment = side_find(&w->ledger, ledger_key, &line->tx_id);
    bool payout = payment != NULL && payment->kind == PAYMENT_PAYOUT;
    bool repeat = is_repeat(&w->statement, line_key, index);
    bool line_in_period = line->until >= w->input->from && line->from < w->input->until;
    struct reconcile_item item = {
        .witness = WITNESS_STATEMENT,
        .finding = FINDING_EXTRA,
        .reasons = repeat ? REASON_TWICE : 0,
        .at = line->from,
        .line = line->line,
        .other_amount = line->amount,
        .tx_id = line->tx_id,
        .job_id = line->job_id,
    };
    if (payout && payment->state == PAYMENT_FINAL && !repeat) {
        return; /* ledger_to_statement has it */
    }
    if (payout) {
        struct reconcile_item known = of_ledger(WITNESS_STATEMENT, payment);
        known.finding = item.finding;
        known.reasons = item.reasons;
        known.line = item.line;
        known.other_amount = item.other_amount;
        known.ledger_amount = 0;
        item = known;
        if (!repeat && payment->state == PAYMENT_LOST) {
            item.reasons |= REASON_LOST;
        } else if (!repeat) {
            item.finding = FINDING_PENDING;
            item.reasons |= REASON_IN_FLIGHT;
            item.ledger_amount = payment->amount;
        }
    }
    /* A line about a payment the ledger has is told where the payment is, too. */
    if (line_in_period || (payout && in_period(w->input, payment->at))) {
        add(w, item);
    }
}

/* ── all of it ─────────────────────────────────────────────────────────────────────────────────── */

static int compare_item(const void *left, const void *right)
{
    const struct reconcile_item *a = left;
    const struct reconcile_item *b = right;
    int order = compare_u64((uint64_t)a->witness, (uint64_t)b->witness);
    order = order != 0 ? order : compare_i64(a->at, b->at);
    order = order != 0 ? order : compare_u64(a->sequence, b->sequence);
    order = order != 0 ? order : compare_key(&a->tx_id, &b->tx_id);
    return order != 0 ? order : compare_u64(a->line, b->line);
}

static bool prepare(struct work *w)
{
    const struct reconcile_input *in = w->input;
    size_t lines = in->has_statement ? in->statement_count : 0;
    /* Every row gives one item for each witness at most. */
    w->capacity = in->ledger_count * 2 + in->chain_count + lines + 1;
    w->result->items = calloc(w->capacity, sizeof *w->result->items);
    return w->result->items != NULL &&
           side_sort(&w->ledger, in->ledger, in->ledger_count, sizeof *in->ledger,
                     compare_ledger) &&
           side_sort(&w->chain, in->chain, in->chain_count, sizeof *in->chain, compare_chain) &&
           side_sort(&w->statement, in->statement, lines, sizeof *in->statement, compare_line);
}

enum err_code reconcile(const struct reconcile_input *input, struct reconcile_result *ret,
                        struct err *err)
{
    struct reconcile_result result = {0};
    struct work w = {.input = input, .result = &result, .err = err};
    if (!prepare(&w)) {
        w.code = err_set(err, ERR_NOMEM, "no memory for %zu payments",
                         input->ledger_count + input->chain_count);
    }
    for (size_t i = 0; i < w.ledger.count && w.code == ERR_OK; i++) {
        ledger_to_chain(&w, i);
        if (input->has_statement) {
            ledger_to_statement(&w, i);
        }
    }
    for (size_t i = 0; i < w.chain.count && w.code == ERR_OK; i++) {
        chain_to_ledger(&w, i);
    }
    for (size_t i = 0; i < w.statement.count && w.code == ERR_OK; i++) {
        statement_to_ledger(&w, i);
    }
    if (w.code == ERR_OK) {
        qsort(result.items, result.count, sizeof *result.items, compare_item);
        *ret = result;
    } else {
        free(result.items);
    }
    free(w.ledger.rows);
    free(w.chain.rows);
    free(w.statement.rows);
    return w.code;
}

void reconcile_result_deinit(struct reconcile_result *result)
{
    free(result->items);
    *result = (struct reconcile_result){0};
}

uint64_t reconcile_differences(const struct reconcile_result *result)
{
    return result->chain.missing + result->chain.extra + result->chain.differing +
           result->statement.missing + result->statement.extra + result->statement.differing;
}
