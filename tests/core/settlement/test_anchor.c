/* Anchoring, in a world without clock, thread and sockets: when it is due, what stands on the chain and in the log, and that trouble with
 * it is nobody else's. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/log/log_verify.h"
#include "core/settlement/payload.h"
#include "tests/core/settlement/virtual_world.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * NS_PER_S)
#define FIRST_EVENTS 4  /* of a world that was just opened */
#define EVENTS_OF_ONE 2 /* who signs in for the first time */

static struct virtual_world *begin(struct anchor_rule rule, unsigned crash_permille)
{
    struct virtual_world *w = calloc(1, sizeof *w);
    struct virtual_options options = {.seed = 7,
                                      .faults = fault_plan_none(),
                                      .crash_permille = crash_permille,
                                      .anchor = rule,
                                      .honest = crash_permille == 0};
    assert_non_null(w);
    virtual_open(w, &options);
    return w;
}

static struct key32 anchor_identity(const struct virtual_world *w)
{
    struct qubic_keys keys;
    anchor_keys_derive(&w->operator_keys[0], &keys);
    return keys.public_key;
}

static void fund(struct virtual_world *w)
{
    uint32_t tick;
    struct key32 identity = anchor_identity(w);
    assert_int_equal(chain_credit(network_chain(w->network), &identity, 1, &tick, NULL), ERR_OK);
}

static void somebody_signs_in(struct virtual_world *w)
{
    struct id16 account_id = virtual_id(w);
    struct command c = virtual_command(w, COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, account_id);
    c.u.session = (struct command_session){.identity = virtual_key(w),
                                           .account_id = account_id,
                                           .token = {.token_id = virtual_id(w),
                                                     .token_hash = virtual_key(w),
                                                     .scopes = SCOPE_CONSUMER}};
    virtual_must(w, &c);
}

static uint64_t anchors_after(struct virtual_world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        virtual_tick(w);
        virtual_round(w);
    }
    return w->events[EVENT_CHECKPOINT_ANCHORED];
}

static enum err_code check_anchor(void *ctx, const struct log_anchor *anchor, struct err *err)
{
    struct virtual_world *w = ctx;
    struct chain *chain = network_chain(w->network);
    uint32_t index = chain_find(chain, &anchor->anchored.tx_id);
    struct payload payload = {0};
    (void)err;
    assert_int_not_equal(index, CHAIN_NONE);
    const struct qubic_archived_transaction tx = chain_archived(chain, index);
    assert_true(key_equal(tx.transaction.source, anchor_identity(w)));
    assert_true(key_equal(tx.transaction.destination, anchor_identity(w)));
    assert_int_equal(tx.transaction.amount, 0);
    assert_int_equal(tx.transaction.tick, anchor->anchored.tick);
    assert_int_equal(tx.transaction.input_type, PAYLOAD_INPUT_TYPE);
    assert_true(
        payload_decode(bytes_of(tx.transaction.input, tx.transaction.input_size), &payload));
    assert_int_equal(payload.kind, PAYLOAD_ANCHOR);
    assert_true(id_equal(payload.log_id, w->operator_keys[0].log_id));
    assert_true(id_is_zero(payload.job_id) && id_is_zero(payload.escrow_id));
    assert_true(key_equal(payload.subject, anchor->anchored.root));
    return ERR_OK;
}

/* Every anchor in the log is on the chain as docs/record-format.md has it, and cost nothing. */
static void finish(struct virtual_world *w)
{
    struct log_verify_options options = {.anchor = check_anchor, .ctx = w};
    struct log_verify_result result;
    struct err err = {0};
    const struct key32 identity = anchor_identity(w);
    if (log_verify(ledger_log(w->ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.anchors, w->events[EVENT_CHECKPOINT_ANCHORED]);
    if (result.anchors > 0) {
        assert_int_equal(chain_identity_balance(network_chain(w->network), &identity).balance, 1);
    }
    virtual_close(w);
    free(w);
}

/* ── when ──────────────────────────────────────────────────────────────────────────────────────── */

static void the_rule_needs_something_else_to_have_happened(void **state)
{
    const struct {
        struct anchor_rule rule;
        uint64_t others;
        int64_t since_ns;
        bool due;
    } rows[] = {
        {{0, 0}, 1000, 1000 * MINUTE, false},
        {{10, 0}, 9, 1000 * MINUTE, false},
        {{10, 0}, 10, 0, true},
        {{10, 0}, 11, -5, true},
        {{0, 5}, 1, 5 * MINUTE - 1, false},
        {{0, 5}, 1, 5 * MINUTE, true},
        {{0, 5}, 0, 1000 * MINUTE, false},
        {{0, 5}, 1, -1000 * MINUTE, false},
        {{10, 5}, 9, 5 * MINUTE - 1, false},
        {{10, 5}, 1, 5 * MINUTE, true},
        {{10, 5}, 10, 0, true},
        {{10, 5}, 0, INT64_MAX, false},
        {{0, UINT32_MAX}, 1, INT64_MAX, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (anchor_is_due(&rows[i].rule, rows[i].others, rows[i].since_ns) != rows[i].due) {
            fail_msg("row %zu", i);
        }
    }
}

static void so_many_events_are_anchored_and_an_anchor_is_none_of_them(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_events = 7}, 0);
    (void)state;
    fund(w);
    somebody_signs_in(w); /* 6 */
    assert_int_equal(anchors_after(w, 60), 0);
    somebody_signs_in(w); /* 8 */
    assert_int_equal(anchors_after(w, 60), 1);
    assert_int_equal(anchors_after(w, 300),
                     1); /* its own event does not go on the chain for ever */
    for (int i = 0; i < 3; i++) {
        somebody_signs_in(w);
    }
    assert_int_equal(anchors_after(w, 60), 1); /* 6 and the anchor */
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 60), 2);
    finish(w);
}

static void so_many_minutes_are_anchored_if_something_happened(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_min = 10}, 0);
    (void)state;
    fund(w);
    assert_int_equal(anchors_after(w, 60), 1); /* never before: at once */
    virtual_pass(60 * MINUTE);
    assert_int_equal(anchors_after(w, 60), 1); /* nothing happened */
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 60), 2);
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 60), 2); /* too soon */
    virtual_pass(10 * MINUTE);
    assert_int_equal(anchors_after(w, 60), 3);
    finish(w);
}

static void without_a_rule_nothing_is_anchored(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){0}, 0);
    (void)state;
    fund(w);
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 300), 0);
    finish(w);
}

/* ── trouble ───────────────────────────────────────────────────────────────────────────────────── */

static void without_money_it_waits_says_so_and_stops_nothing(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_events = 1}, 0);
    const struct key32 identity = anchor_identity(w);
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    (void)state;
    qubic_identity_format(&identity, text);
    assert_int_equal(anchors_after(w, 60), 0);
    assert_int_equal(w->troubles, 0);
    assert_non_null(strstr(w->settlement->status.anchor_reason, text));
    assert_string_equal(w->settlement->status.reason, "");
    fund(w);
    assert_int_equal(anchors_after(w, 60), 1);
    assert_string_equal(w->settlement->status.anchor_reason, "");
    assert_int_equal(w->settlement->status.anchored_size, FIRST_EVENTS);
    finish(w);
}

/* How many transactions the anchoring identity has on the chain. */
static unsigned on_chain(struct virtual_world *w)
{
    const struct key32 identity = anchor_identity(w);
    return chain_identity_balance(network_chain(w->network), &identity).outgoing_count;
}

static void a_lost_one_is_tried_anew_with_what_is_newest_then(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_events = 1}, 0);
    struct fault_plan faults = fault_plan_none();
    (void)state;
    fund(w);
    (void)anchors_after(w, 2);
    assert_true(w->settlement->anchoring.in_flight);
    const struct qubic_transaction lost = w->settlement->anchoring.tx;
    assert_int_equal(w->settlement->anchoring.checkpoint.size, FIRST_EVENTS);
    faults.settings[FAULT_EMPTY_TICK] = 1000;
    network_set_plan(w->network, &faults);
    (void)anchors_after(w, lost.tick + 2 - virtual_now_tick(w));
    faults = fault_plan_none();
    network_set_plan(w->network, &faults);
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 60), 1);
    assert_int_equal(on_chain(w), 1);
    assert_int_equal(w->settlement->status.anchored_size, FIRST_EVENTS + EVENTS_OF_ONE);
    finish(w);
}

/* What the new generation grows from may still be decided otherwise: nothing of it is published before. */
static void a_restored_log_anchors_nothing_before_an_operator_resumes_it(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_events = 1}, 0);
    (void)state;
    fund(w);
    assert_int_equal(anchors_after(w, 60), 1);
    virtual_back_up(w);
    assert_int_equal(anchors_after(w, 60), 2);
    somebody_signs_in(w);
    assert_int_equal(anchors_after(w, 60), 3);
    virtual_put_back(w);
    assert_int_equal(anchors_after(w, 60), 1);
    assert_int_equal(on_chain(w), 3);
    assert_false(w->settlement->anchoring.in_flight);
    assert_int_equal(w->settlement->status.anchored_size, FIRST_EVENTS);
    assert_true(w->settlement->status.observing && w->settlement->status.reread);
    virtual_resume(w);
    assert_int_equal(anchors_after(w, 60), 2);
    assert_int_equal(on_chain(w), 4);
    finish(w);
}

/* Crashes between any two steps, on a chain with faults and lies: some anchors are there that the log does not know, none is in the log
 * twice or without being there. */
static void a_crash_costs_at_most_an_anchor_that_nobody_knows(void **state)
{
    struct virtual_world *w = begin((struct anchor_rule){.every_events = 3}, 15);
    struct fault_plan faults = fault_plan_none();
    (void)state;
    fund(w);
    faults.seed = 7;
    faults.settings[FAULT_EMPTY_TICK] = 60;
    faults.settings[FAULT_SKIPPED_TICK] = 60;
    faults.settings[FAULT_ARCHIVE_LAG] = 100;
    faults.settings[FAULT_NOT_FOUND] = 60;
    faults.settings[FAULT_SERVER_ERROR] = 20;
    network_set_plan(w->network, &faults);
    for (int i = 0; i < 1000; i++) {
        somebody_signs_in(w);
        (void)anchors_after(w, 20);
    }
    const uint64_t *crashes = w->crashes[CRASH_ANCHOR];
    print_message("anchors %" PRIu64 ", on the chain %u, crashes %" PRIu64
                  ", before recording %" PRIu64 ", after %" PRIu64 "\n",
                  w->events[EVENT_CHECKPOINT_ANCHORED], on_chain(w), w->crashes_all, crashes[0],
                  crashes[1]);
    assert_true(crashes[0] >= 50 && crashes[1] >= 50);
    assert_true(on_chain(w) > w->events[EVENT_CHECKPOINT_ANCHORED]);
    finish(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_needs_something_else_to_have_happened),
        cmocka_unit_test(so_many_events_are_anchored_and_an_anchor_is_none_of_them),
        cmocka_unit_test(so_many_minutes_are_anchored_if_something_happened),
        cmocka_unit_test(without_a_rule_nothing_is_anchored),
        cmocka_unit_test(without_money_it_waits_says_so_and_stops_nothing),
        cmocka_unit_test(a_lost_one_is_tried_anew_with_what_is_newest_then),
        cmocka_unit_test(a_restored_log_anchors_nothing_before_an_operator_resumes_it),
        cmocka_unit_test(a_crash_costs_at_most_an_anchor_that_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
