/* What holds of the rules whatever happens: 100 random markets, checked after every event and every command against what the events themselves say.
 *
 * P16 no job runs without its lock · P18 locked money stays until the end · P19, P20 an end splits exactly what was locked · nothing is paid twice ·
 * double entry · every index of the write model says what its rows say · the same records give the same bytes. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_check.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 100
#define STEPS 800

#define check(market, condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, sequence %llu: %s", (unsigned long long)(market)->seed,           \
                     (unsigned long long)(market)->sequence, #condition);                          \
        }                                                                                          \
    } while (0)

/* What the events said, kept apart from the write model. */
struct oracle {
    struct market market;
    struct store *seen; /* which once-only things have happened */
    size_t walked;
};

static const struct store_table LOCKED = {"locked"};       /* escrow → amount */
static const struct store_table SETTLED = {"settled"};     /* escrow → split */
static const struct store_table CONFIRMED = {"confirmed"}; /* leg key → amount */
static const struct store_table SIGNED = {"signed"};       /* escrow → leg key in flight */
static const struct store_table DEPOSITS = {"deposits"};   /* hash → amount */
static const struct store_table ENDED = {"ended"};         /* job → nothing */

static void once(struct oracle *o, const struct store_table *table, struct bytes key,
                 const void *row, size_t size)
{
    if (store_has(o->seen, table, key)) {
        fail_msg("seed %llu, sequence %llu: %s twice", (unsigned long long)o->market.seed,
                 (unsigned long long)o->market.sequence, table->name);
    }
    store_put(o->seen, table, key, bytes_of(row, size));
}

static int64_t said(struct oracle *o, const struct store_table *table, struct bytes key)
{
    int64_t amount = 0;
    (void)store_get_row(o->seen, table, key, &amount, sizeof amount);
    return amount;
}

/* ── event by event ────────────────────────────────────────────────────────────────────────────── */

static void settled(struct oracle *o, const struct event *event)
{
    const struct ev_escrow_settled *s = &event->u.escrow_settled;
    struct bytes escrow = id_key(&event->stream_id);
    struct job_row job;
    struct quote_row quote;
    check(&o->market, state_job(o->market.store, s->job_id, &job));
    check(&o->market, state_quote(o->market.store, job.quote_id, &quote));
    check(&o->market, s->locked == said(o, &LOCKED, escrow)); /* it was locked, and this much */
    check(&o->market, s->locked == quote.cap);
    check(&o->market, s->fee + s->payout + s->refund == s->locked);
    check(&o->market, s->fee + s->payout == s->gross);
    check(&o->market, s->fee >= 0 && s->payout >= 0 && s->refund >= 0);
    check(&o->market, s->used_ms <= quote.limit_ms);
    check(&o->market, s->fee == 0 || !key_is_zero(s->fee_identity));
    bool paid = job.ending == ENDING_COMPLETED || job.ending == ENDING_CAP_REACHED ||
                job.ending == ENDING_CANCELLED_RUNNING;
    check(&o->market, paid || s->refund == s->locked); /* all other endings pay nobody */
    u128 charge = (u128)s->used_ms * (uint64_t)quote.rate / 3600000;
    if (charge > (uint64_t)quote.cap) {
        charge = (uint64_t)quote.cap;
    }
    check(&o->market, !paid || (uint64_t)s->gross == charge);
    check(&o->market, s->fee == s->gross * (int64_t)quote.fee_bps / 10000);
    int64_t split[3] = {s->refund, s->payout, s->fee};
    once(o, &SETTLED, escrow, split, sizeof split);
}

static void job_ended(struct oracle *o, const struct event *event)
{
    const struct ev_job_end *end = &event->u.job_completed;
    check(&o->market, end->used_ms <= end->ledger_ms);
    check(&o->market, event->actor_kind != ACTOR_HOST || end->used_ms <= end->worker_ms);
    check(&o->market, end->ending != 0 && end->fault != 0 && end->reason != 0);
    once(o, &ENDED, id_key(&event->stream_id), "", 0);
}

static void leg_signed(struct oracle *o, const struct event *event, enum leg_kind kind)
{
    const struct ev_leg_signed *s = &event->u.payout_signed;
    uint8_t key[LEG_KEY_SIZE];
    kind = key_is_zero(s->deposit_tx) ? kind : LEG_RETURN;
    leg_key(event->stream_id, kind, s->deposit_tx, key);
    /* Never again after it was confirmed, never while another is in flight. */
    check(&o->market, !store_has(o->seen, &CONFIRMED, bytes_of(key, sizeof key)));
    once(o, &SIGNED, id_key(&event->stream_id), key, sizeof key);
}

static void leg_done(struct oracle *o, const struct event *event, enum leg_kind kind,
                     struct key32 deposit_tx, int64_t confirmed)
{
    uint8_t key[LEG_KEY_SIZE];
    uint8_t in_flight[LEG_KEY_SIZE];
    kind = key_is_zero(deposit_tx) ? kind : LEG_RETURN;
    leg_key(event->stream_id, kind, deposit_tx, key);
    check(&o->market,
          store_get_row(o->seen, &SIGNED, id_key(&event->stream_id), in_flight, sizeof in_flight));
    check(&o->market, memcmp(in_flight, key, sizeof key) == 0);
    store_delete(o->seen, &SIGNED, id_key(&event->stream_id));
    if (confirmed == 0) {
        return; /* lost */
    }
    once(o, &CONFIRMED, bytes_of(key, sizeof key), &confirmed, sizeof confirmed);
    if (kind == LEG_RETURN) {
        check(&o->market, confirmed == said(o, &DEPOSITS, hash_key(&deposit_tx)));
        return;
    }
    int64_t split[3];
    check(&o->market,
          store_get_row(o->seen, &SETTLED, id_key(&event->stream_id), split, sizeof split));
    check(&o->market, confirmed == split[kind - LEG_REFUND]);
}

static void escrow_locked(struct oracle *o, const struct event *event)
{
    const struct ev_escrow_locked *locked = &event->u.escrow_locked;
    uint8_t key[LEG_KEY_SIZE];
    leg_key(event->stream_id, LEG_RETURN, locked->tx_id, key);
    check(&o->market, !store_has(o->seen, &CONFIRMED, bytes_of(key, sizeof key)));
    check(&o->market, locked->amount == said(o, &DEPOSITS, hash_key(&locked->tx_id)));
    once(o, &LOCKED, id_key(&event->stream_id), &locked->amount, sizeof locked->amount);
}

static void watch_money(struct oracle *o, const struct event *event)
{
    struct job_row job;
    switch (event->type->number) {
    case EVENT_JOB_STARTED: /* P16 */
        check(&o->market, state_job(o->market.store, event->stream_id, &job));
        check(&o->market, said(o, &LOCKED, id_key(&job.escrow_id)) == job.cap);
        break;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        job_ended(o, event);
        break;
    case EVENT_DEPOSIT_OBSERVED:
        once(o, &DEPOSITS, hash_key(&event->u.deposit_observed.tx_id),
             &event->u.deposit_observed.amount, sizeof(int64_t));
        break;
    case EVENT_ESCROW_LOCKED:
        escrow_locked(o, event);
        break;
    case EVENT_ESCROW_SETTLED:
        settled(o, event);
        break;
    default:
        break;
    }
}

static void watch(void *context, uint64_t sequence, const struct event *event)
{
    struct oracle *o = context;
    const struct ev_leg_lost *lost = &event->u.payout_lost;
    const struct ev_leg_confirmed *confirmed = &event->u.payout_confirmed;
    check(&o->market, sequence == o->market.sequence);
    switch (event->type->number) {
    case EVENT_REFUND_SIGNED:
        leg_signed(o, event, LEG_REFUND);
        break;
    case EVENT_PAYOUT_SIGNED:
        leg_signed(o, event, LEG_PAYOUT);
        break;
    case EVENT_FEE_SIGNED:
        leg_signed(o, event, LEG_FEE);
        break;
    case EVENT_REFUND_LOST:
        leg_done(o, event, LEG_REFUND, lost->deposit_tx, 0);
        break;
    case EVENT_PAYOUT_LOST:
        leg_done(o, event, LEG_PAYOUT, lost->deposit_tx, 0);
        break;
    case EVENT_FEE_LOST:
        leg_done(o, event, LEG_FEE, lost->deposit_tx, 0);
        break;
    case EVENT_REFUND_CONFIRMED:
        leg_done(o, event, LEG_REFUND, confirmed->deposit_tx, confirmed->amount);
        break;
    case EVENT_PAYOUT_CONFIRMED:
        leg_done(o, event, LEG_PAYOUT, confirmed->deposit_tx, confirmed->amount);
        break;
    case EVENT_FEE_CONFIRMED:
        leg_done(o, event, LEG_FEE, confirmed->deposit_tx, confirmed->amount);
        break;
    default:
        watch_money(o, event);
        break;
    }
}

/* ── the tests ─────────────────────────────────────────────────────────────────────────────────── */

static void replay(struct market *m)
{
    char where[200];
    struct store *again = memory_store_create();
    struct arena arena;
    struct event event;
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = 1; sequence <= m->sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        market_evolve(again, sequence, &event);
    }
    assert_int_equal(store_check(again, NULL), ERR_OK);
    if (!memory_store_equal(m->store, again, where, sizeof where)) {
        fail_msg("seed %llu: replay differs: %s", (unsigned long long)m->seed, where);
    }
    arena_deinit(&arena);
    memory_store_destroy(again);
}

static void print_stats(const struct market_stats *stats)
{
    size_t count;
    const struct event_type *types = event_types(&count);
    for (size_t i = 0; i < count; i++) {
        printf("  %-26s %zu\n", types[i].name, stats->events[types[i].number]);
    }
    for (uint32_t i = 1; i <= ENDING_NEVER_FUNDED; i++) {
        printf("  ending %-24s %zu\n", enum_word(&ending_words, i), stats->endings[i]);
    }
    for (uint32_t i = 1; i <= DEPOSIT_MALFORMED; i++) {
        printf("  deposit %-23s %zu\n", enum_word(&deposit_class_words, i), stats->classes[i]);
    }
    for (size_t i = 0; i < MARKET_WORDS_MAX && stats->refusals[i].count > 0; i++) {
        printf("  refused %-23s %zu\n", stats->refusals[i].word, stats->refusals[i].count);
    }
}

/* A generator that never gets somewhere proves nothing about it. */
static void check_coverage(const struct market_stats *stats)
{
    size_t count;
    const struct event_type *types = event_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (stats->events[types[i].number] == 0) {
            fail_msg("%s did not come about", types[i].name);
        }
    }
    for (uint32_t i = 1; i <= ENDING_NEVER_FUNDED; i++) {
        if (i != ENDING_PLATFORM_FAULT && stats->endings[i] == 0) {
            fail_msg("no job ended as %s", enum_word(&ending_words, i));
        }
    }
    for (uint32_t i = 1; i <= DEPOSIT_MALFORMED; i++) {
        if (stats->classes[i] == 0) {
            fail_msg("no deposit was %s", enum_word(&deposit_class_words, i));
        }
    }
}

static void money_is_conserved_and_nothing_is_paid_twice(void **state)
{
    (void)state;
    struct market_stats sum = {0};
    uint64_t events = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct oracle *o = calloc(1, sizeof *o);
        assert_non_null(o);
        o->seen = memory_store_create();
        o->market.on_event = watch;
        o->market.context = o;
        market_open(&o->market, seed, memory_store_create(), seed % 3 == 0 ? 0 : 250 * (seed % 9));
        for (size_t i = 0; i < STEPS; i++) {
            market_random_step(&o->market);
            market_check(&o->market);
        }
        market_drain(&o->market);
        market_check(&o->market);
        market_check_rest(&o->market);
        replay(&o->market);
        market_add_stats(&sum, &o->market.stats);
        events += o->market.sequence;
        memory_store_destroy(o->seen);
        memory_store_destroy(o->market.store);
        market_close(&o->market);
        free(o);
    }
    printf("%d markets, %llu events\n", SEEDS, (unsigned long long)events);
    print_stats(&sum);
    check_coverage(&sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_conserved_and_nothing_is_paid_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
