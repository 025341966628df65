/* A log taken down: attempts become one payment, what an escrow holds is what its deposits leave, a provider is found by any of its names. */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/identity.h"
#include "core/reconcile/book.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static const struct id16 MARIA = {{0xAA}};
static const struct id16 IVAN = {{0xBB}};
static const struct id16 ESCROW = {{0xE5}};
static const struct key32 ESCROW_KEY = {{0xE6}};
static const struct key32 MARIA_KEY = {{0xA1}};

static struct event event_of(enum event_type_number type, struct id16 stream)
{
    return (struct event){.type = event_type_newest(type), .stream_id = stream, .time = 1000};
}

static void apply(struct book *book, const struct event *event)
{
    struct err err = {0};
    if (book_apply(book, book->size + 1, event, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void apply_account(struct book *book, struct id16 id, struct key32 key, const char *host)
{
    struct event event = event_of(EVENT_IDENTITY_REGISTERED, id);
    event.u.identity_registered.identity = key;
    apply(book, &event);
    event = event_of(EVENT_PROVIDER_ENROLLED, (struct id16){{1}});
    event.u.provider_enrolled.account_id = id;
    event.u.provider_enrolled.host_name = bytes_of_text(host);
    apply(book, &event);
}

static void apply_escrow(struct book *book)
{
    struct event event = event_of(EVENT_ESCROW_REQUESTED, ESCROW);
    event.u.escrow_requested = (struct ev_escrow_requested){
        .job_id = {{7}}, .identity = ESCROW_KEY, .provider_identity = MARIA_KEY, .amount = 900};
    apply(book, &event);
    event = event_of(EVENT_DEPOSIT_OBSERVED, ESCROW);
    event.u.deposit_observed = (struct ev_deposit_observed){
        .tx_id = {{1}}, .source = {{2}}, .amount = 900, .tick = 50, .class = DEPOSIT_LOCK};
    apply(book, &event);
}

static void apply_leg(struct book *book, enum event_type_number type, uint8_t tx, uint64_t attempt)
{
    struct event event = event_of(type, ESCROW);
    struct key32 tx_id = {{tx}};
    if (type == EVENT_PAYOUT_SIGNED) {
        event.u.payout_signed = (struct ev_leg_signed){.attempt = attempt,
                                                       .destination = MARIA_KEY,
                                                       .amount = 900,
                                                       .tick = 60,
                                                       .tx_id = tx_id};
    } else if (type == EVENT_PAYOUT_LOST) {
        event.u.payout_lost = (struct ev_leg_lost){.attempt = attempt,
                                                   .tx_id = tx_id,
                                                   .processed_tick = 63,
                                                   .tick_empty = true,
                                                   .balance_tick = 62};
    } else {
        event.u.payout_confirmed = (struct ev_leg_confirmed){.attempt = attempt,
                                                             .destination = MARIA_KEY,
                                                             .amount = 900,
                                                             .tick = 70,
                                                             .tx_id = tx_id,
                                                             .processed_tick = 73};
    }
    apply(book, &event);
}

static void attempts_are_followed_to_their_end(void **state)
{
    (void)state;
    struct book book = {0};
    apply_escrow(&book);
    assert_int_equal(book_escrow(&book, ESCROW)->status, BOOK_OBSERVED);
    struct event settled = event_of(EVENT_ESCROW_SETTLED, ESCROW);
    settled.u.escrow_settled.payout = 900;
    apply(&book, &settled);
    apply_leg(&book, EVENT_PAYOUT_SIGNED, 10, 1);
    assert_int_equal(book.payments[1].state, PAYMENT_SIGNED);
    apply_leg(&book, EVENT_PAYOUT_LOST, 10, 1);
    apply_leg(&book, EVENT_PAYOUT_SIGNED, 11, 2);
    assert_true(book_escrow(&book, ESCROW)->holds == 900);
    assert_false(book_escrow_is_done(book_escrow(&book, ESCROW)));
    apply_leg(&book, EVENT_PAYOUT_CONFIRMED, 11, 2);
    assert_int_equal(book.payment_count, 3); /* the deposit, the lost attempt, the paid one */
    assert_int_equal(book.payments[1].state, PAYMENT_LOST);
    assert_int_equal(book.payments[1].processed_tick, 63); /* the evidence stays */
    assert_int_equal(book.payments[1].balance_tick, 62);
    assert_true(book.payments[1].tick_was_empty);
    assert_int_equal(book.payments[2].processed_tick, 73);
    assert_int_equal(book.payments[2].state, PAYMENT_FINAL);
    assert_int_equal(book.payments[2].kind, PAYMENT_PAYOUT);
    assert_int_equal(book.payments[2].sequence, book.size);
    assert_int_equal(book.tick, 49); /* the deposit's, less one; a leg says nothing about reading */
    struct event expired = event_of(EVENT_ESCROW_EXPIRED, ESCROW);
    expired.u.escrow_expired.processed_tick = 90;
    apply(&book, &expired);
    assert_int_equal(book.tick, 90);
    assert_true(book_escrow(&book, ESCROW)->holds == 0);
    assert_true(book_escrow_is_done(book_escrow_by_identity(&book, &ESCROW_KEY)));
    book_deinit(&book);
}

static void a_confirmation_of_something_never_signed_is_taken_down(void **state)
{
    (void)state;
    struct book book = {0};
    apply_escrow(&book);
    apply_leg(&book, EVENT_PAYOUT_SIGNED, 10, 1);
    apply_leg(&book, EVENT_PAYOUT_CONFIRMED, 99, 1);
    assert_int_equal(book.payment_count, 3);
    assert_int_equal(book.payments[1].state, PAYMENT_SIGNED);
    assert_int_equal(book.payments[2].state, PAYMENT_FINAL);
    assert_false(book_escrow_is_done(book_escrow(&book, ESCROW)));
    book_deinit(&book);
}

static void an_event_of_an_unknown_escrow_is_damage(void **state)
{
    (void)state;
    struct book book = {0};
    struct err err = {0};
    struct event event = event_of(EVENT_ESCROW_LOCKED, ESCROW);
    assert_int_equal(book_apply(&book, 1, &event, &err), ERR_CORRUPT);
    book_deinit(&book);
}

static void holdings_past_int64_are_an_error(void **state)
{
    (void)state;
    struct book book = {0};
    struct err err = {0};
    apply_escrow(&book);
    struct event event = event_of(EVENT_DEPOSIT_OBSERVED, ESCROW);
    event.u.deposit_observed.amount = INT64_MAX - 899;
    assert_int_equal(book_apply(&book, book.size + 1, &event, &err), ERR_OVERFLOW);
    book_deinit(&book);
}

static void a_provider_is_found_by_each_of_its_names(void **state)
{
    (void)state;
    struct book book = {0};
    struct book_account found = {0};
    struct err err = {0};
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    apply_account(&book, MARIA, MARIA_KEY, "rig");
    apply_account(&book, IVAN, (struct key32){{0xB1}}, "box");
    id_format(MARIA, text);
    assert_int_equal(book_provider(&book, text, &found, NULL), ERR_OK);
    assert_true(id_equal(found.id, MARIA));
    qubic_identity_format(&MARIA_KEY, text);
    assert_int_equal(book_provider(&book, text, &found, NULL), ERR_OK);
    assert_true(id_equal(found.id, MARIA));
    assert_int_equal(book_provider(&book, "box", &found, NULL), ERR_OK);
    assert_true(id_equal(found.id, IVAN));
    assert_int_equal(book_provider(&book, "nobody", &found, &err), ERR_NOT_FOUND);
    assert_int_equal(book_provider(&book, "", &found, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "60 capital letters"));
    apply_account(&book, (struct id16){{0xCC}}, (struct key32){{0xC1}}, "rig");
    assert_int_equal(book_provider(&book, "rig", &found, &err), ERR_INVALID);
    book_deinit(&book);
}

static void many_escrows_are_all_found(void **state)
{
    (void)state;
    struct book book = {0};
    for (uint64_t i = 1; i <= 5000; i++) {
        struct event event = event_of(EVENT_ESCROW_REQUESTED, (struct id16){{0}});
        put_be64(event.stream_id.b, i);
        put_be64(event.u.escrow_requested.identity.b, i * 7);
        apply(&book, &event);
    }
    for (uint64_t i = 1; i <= 5000; i++) {
        struct id16 id = {{0}};
        struct key32 identity = {{0}};
        put_be64(id.b, i);
        put_be64(identity.b, i * 7);
        assert_true(book_escrow(&book, id) == &book.escrows[i - 1]);
        assert_true(book_escrow_by_identity(&book, &identity) == &book.escrows[i - 1]);
    }
    assert_null(book_escrow(&book, MARIA));
    book_deinit(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_followed_to_their_end),
        cmocka_unit_test(a_confirmation_of_something_never_signed_is_taken_down),
        cmocka_unit_test(an_event_of_an_unknown_escrow_is_damage),
        cmocka_unit_test(holdings_past_int64_are_an_error),
        cmocka_unit_test(a_provider_is_found_by_each_of_its_names),
        cmocka_unit_test(many_escrows_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
