/* Who may leave a reconciliation or an anchor in the log, and what it must say. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"

#include <string.h>

static struct id16 give_token(struct scene *s, struct id16 account_id, uint64_t scopes,
                              int64_t expires_at)
{
    struct command command =
        market_command(&s->market, COMMAND_TOKEN_ISSUE, ACTOR_OPERATOR, (struct id16){0});
    struct id16 token_id = market_new_id(&s->market);
    command.u.token.account_id = account_id;
    command.u.token.token = (struct ev_token_issued){.token_id = token_id,
                                                     .token_hash = market_new_key(&s->market),
                                                     .scopes = scopes,
                                                     .expires_at = expires_at};
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    return token_id;
}

static struct command record(struct scene *s, enum actor_kind kind, struct id16 actor)
{
    struct command command = market_command(&s->market, COMMAND_RECONCILIATION_RECORD, kind, actor);
    command.u.reconciliation.recorded =
        (struct ev_reconciliation_recorded){.provider_id = s->provider,
                                            .from = 10,
                                            .until = 20,
                                            .matched = 7,
                                            .extra = 1,
                                            .report_digest = market_new_key(&s->market)};
    return command;
}

static void not_auditor(struct scene *s)
{
    const struct id16 tokens[] = {
        {{0}},
        give_token(s, s->consumer, SCOPE_CONSUMER | SCOPE_PROVIDER, 0),
        give_token(s, s->provider, SCOPE_AUDITOR, 0), /* another's */
        give_token(s, s->consumer, SCOPE_AUDITOR, s->market.now + NS_PER_S),
        give_token(s, s->consumer, SCOPE_AUDITOR, 0),
    };
    const size_t count = sizeof tokens / sizeof *tokens;
    struct command revoke =
        market_command(&s->market, COMMAND_TOKEN_REVOKE, ACTOR_ACCOUNT, s->consumer);
    revoke.u.token_revoke = (struct command_token_revoke){s->consumer, tokens[count - 1]};
    assert_int_equal(market_submit(&s->market, &revoke), ERR_OK);
    s->market.now += 2 * NS_PER_S; /* the fourth has expired */
    for (size_t i = 0; i < count; i++) {
        struct command command = record(s, ACTOR_ACCOUNT, s->consumer);
        command.u.reconciliation.token_id = tokens[i];
        (void)market_submit(&s->market, &command);
        assert_string_equal(s->market.word, "not_auditor");
    }
}

static void no_such_provider(struct scene *s)
{
    struct command command = record(s, ACTOR_OPERATOR, (struct id16){0});
    command.u.reconciliation.recorded.provider_id = market_new_id(&s->market);
    (void)market_submit(&s->market, &command);
}

static void reconciliation_invalid(struct scene *s)
{
    struct command command = record(s, ACTOR_OPERATOR, (struct id16){0});
    command.u.reconciliation.recorded.until = command.u.reconciliation.recorded.from;
    (void)market_submit(&s->market, &command);
    assert_string_equal(s->market.word, "reconciliation_invalid");
    command = record(s, ACTOR_OPERATOR, (struct id16){0});
    command.u.reconciliation.recorded.report_digest = (struct key32){{0}};
    (void)market_submit(&s->market, &command);
}

static struct command anchor(struct scene *s, enum actor_kind kind, uint64_t size)
{
    struct command command =
        market_command(&s->market, COMMAND_CHECKPOINT_ANCHOR, kind, (struct id16){0});
    command.u.anchored = (struct ev_checkpoint_anchored){.size = size,
                                                         .root = market_new_key(&s->market),
                                                         .tx_id = market_new_key(&s->market),
                                                         .tick = 5};
    return command;
}

static void not_settlement(struct scene *s)
{
    const enum actor_kind others[] = {ACTOR_LEDGER, ACTOR_OPERATOR, ACTOR_ACCOUNT, ACTOR_HOST};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct command command = anchor(s, others[i], 1);
        (void)market_submit(&s->market, &command);
        assert_string_equal(s->market.word, "not_settlement");
    }
}

static void anchor_invalid(struct scene *s)
{
    for (int lacking = 0; lacking < 4; lacking++) {
        struct command command = anchor(s, ACTOR_SETTLEMENT, lacking == 0 ? 0 : 7);
        command.u.anchored.tick = lacking == 1 ? 0 : command.u.anchored.tick;
        if (lacking >= 2) {
            struct key32 *key = lacking == 2 ? &command.u.anchored.root : &command.u.anchored.tx_id;
            *key = (struct key32){{0}};
        }
        (void)market_submit(&s->market, &command);
        assert_string_equal(s->market.word, "anchor_invalid");
    }
}

static void anchor_old(struct scene *s)
{
    struct command command = anchor(s, ACTOR_SETTLEMENT, 7);
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    for (uint64_t size = 6; size <= 7; size++) {
        command = anchor(s, ACTOR_SETTLEMENT, size);
        (void)market_submit(&s->market, &command);
        assert_string_equal(s->market.word, "anchor_old");
    }
}

#define ROW(word, code)                                                                            \
    {                                                                                              \
#word, code, word                                                                          \
    }
static const struct refusal ROWS[] = {
    ROW(not_auditor, ERR_DENIED),
    ROW(no_such_provider, ERR_NOT_FOUND),
    ROW(reconciliation_invalid, ERR_INVALID),
    ROW(not_settlement, ERR_DENIED),
    ROW(anchor_invalid, ERR_INVALID),
    ROW(anchor_old, ERR_CONFLICT),
};

static void every_refusal_is_provoked(void **state)
{
    (void)state;
    refusals_provoke(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void no_rule_lacks_its_row(void **state)
{
    (void)state;
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_audit.c");
}

static void an_auditors_token_is_enough(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct command command = record(s, ACTOR_ACCOUNT, s->consumer);
    command.u.reconciliation.token_id = give_token(s, s->consumer, SCOPE_AUDITOR, 0);
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    command = record(s, ACTOR_OPERATOR, (struct id16){0});
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    assert_int_equal(s->market.stats.events[EVENT_RECONCILIATION_RECORDED], 2);
    scene_close(s);
}

static void each_anchor_says_more_than_the_one_before(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct ledger_row row;
    for (uint64_t size = 7; size < 9; size++) {
        struct command command = anchor(s, ACTOR_SETTLEMENT, size);
        assert_int_equal(market_submit(&s->market, &command), ERR_OK);
        assert_true(state_ledger(s->market.store, &row));
        assert_int_equal(row.anchored_size, size);
        assert_int_equal(row.anchored_at, s->market.now);
    }
    assert_int_equal(s->market.stats.events[EVENT_CHECKPOINT_ANCHORED], 2);
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_provoked),
        cmocka_unit_test(no_rule_lacks_its_row),
        cmocka_unit_test(an_auditors_token_is_enough),
        cmocka_unit_test(each_anchor_says_more_than_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
