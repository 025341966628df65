/* tests/support/stage_commands.h: the commands, as somebody would give them about a stage's job: right as they are, so that what is refused is refused for who
 * gives it or when. The names say which are not right. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_STAGE_COMMANDS_H
#define TESTS_SUPPORT_STAGE_COMMANDS_H

#include "tests/support/market_stage.h"

typedef struct command stage_give(struct stage *stage, enum command_type type,
                                  enum stage_actor actor);

stage_give give_plain, give_retire_key, give_sign_in, give_token, give_webhook, give_reconciliation,
    give_anchor, give_upload, give_analysis, give_override, give_analysed_upload, give_enrol,
    give_erase, give_host, give_offer, give_match, give_quote, give_create, give_job, give_report,
    give_completed, give_capped, give_crashed, give_faulted, give_cancelled, give_lock,
    give_one_less, give_one_more, give_too_late, give_by_stranger, give_to_another, give_once_more,
    give_next_confirmation, give_a_tick_early, give_skipping_one, give_expiry, give_early_expiry,
    give_less_there, give_all_there, give_restore, give_resume, give_reread, give_refund,
    give_payout, give_fee, give_giving_back, give_wrong_amount, give_wrong_attempt, give_money_left,
    give_two_on_top;

#endif
