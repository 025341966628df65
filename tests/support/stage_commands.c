// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stage_commands.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static struct ev_token_issued new_token(struct stage *s)
{
    return (struct ev_token_issued){.token_id = market_new_id(&s->market),
                                    .token_hash = market_new_key(&s->market),
                                    .scopes = SCOPE_CONSUMER};
}

struct command give_plain(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    if (type == COMMAND_TERMS_SET) {
        c.u.terms = s->market.terms;
    } else if (type == COMMAND_KEY_ADD) {
        c.u.key.key_id = 2;
        c.u.key.check_identity = market_new_key(&s->market);
    } else if (type == COMMAND_KEY_RETIRE) {
        c.u.key_retire.key_id = 1;
    }
    return c;
}

/* The stage's escrow's, once a newer one took its place. */
struct command give_retire_key(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct settlement_key_row row;
    if (!state_settlement_key(s->market.store, 2, &row)) {
        struct command add = give_plain(s, COMMAND_KEY_ADD, BY_OPERATOR);
        assert_int_equal(market_submit(&s->market, &add), ERR_OK);
    }
    return give_plain(s, type, actor);
}

struct command give_sign_in(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.session = (struct command_session){.identity = market_new_key(&s->market),
                                           .account_id = market_new_id(&s->market),
                                           .token = new_token(s)};
    return c;
}

struct command give_token(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor); /* always the owner's */
    if (type == COMMAND_TOKEN_ISSUE) {
        c.u.token =
            (struct command_token){.account_id = s->actors[BY_OWNER], .token = new_token(s)};
    } else if (type == COMMAND_CODE_EXCHANGE) {
        c.u.exchange = market_code(&s->market, s->actors[BY_OWNER]);
    } else {
        c.u.token_revoke = (struct command_token_revoke){.account_id = s->actors[BY_OWNER],
                                                         .token_id = s->market.tokens.ids[0]};
    }
    return c;
}

/* The owner's; all but the first are about one that there is, and to resume it, it is paused. */
struct command give_webhook(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    struct webhook_row row = {0};
    struct id16 id;
    c.u.webhook = (struct command_webhook){.account_id = s->actors[BY_OWNER],
                                           .webhook_id = market_new_id(&s->market),
                                           .created = {.scopes = SCOPE_CONSUMER,
                                                       .url = bytes_of_text("https://a.example"),
                                                       .topics = bytes_of_text("all")}};
    if (type == COMMAND_WEBHOOK_CREATE) {
        return c;
    }
    if (state_account_webhooks(s->market.store, s->actors[BY_OWNER], &id, 1) == 0) {
        struct command create = give_webhook(s, COMMAND_WEBHOOK_CREATE, BY_OWNER);
        id = create.u.webhook.webhook_id;
        assert_int_equal(market_submit(&s->market, &create), ERR_OK);
    }
    c.u.webhook.webhook_id = id;
    if (type == COMMAND_WEBHOOK_RESUME && state_webhook(s->market.store, id, &row) &&
        row.paused == 0) {
        struct command pause = stage_command(s, COMMAND_WEBHOOK_PAUSE, BY_OPERATOR);
        pause.u.webhook = c.u.webhook;
        assert_int_equal(market_submit(&s->market, &pause), ERR_OK);
    }
    return c;
}

struct command give_reconciliation(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor); /* about the stage's provider */
    c.u.reconciliation =
        (struct command_reconciliation){.token_id = s->market.tokens.ids[0],
                                        .recorded = {.provider_id = s->actors[BY_PROVIDER],
                                                     .from = 1,
                                                     .until = 2,
                                                     .report_digest = market_new_key(&s->market)}};
    return c;
}

struct command give_anchor(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.anchored = (struct ev_checkpoint_anchored){.size = 1,
                                                   .root = market_new_key(&s->market),
                                                   .tx_id = market_new_key(&s->market),
                                                   .tick = 1};
    return c;
}

struct command give_upload(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    if (type == COMMAND_UPLOAD_RECEIVE) {
        c.u.upload.upload_id = market_new_id(&s->market);
        c.u.upload.upload.size = 9;
    } else {
        c.u.upload_reject.upload_id = market_new_id(&s->market);
        c.u.upload_reject.rejected.size = 9;
        c.u.upload_reject.rejected.reason = REJECT_UNSUPPORTED;
    }
    return c;
}

struct command give_analysis(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.analysis.upload_id = s->new_upload;
    c.u.analysis.analysis = (struct ev_analysis_completed){.analyser_version = 1,
                                                           .kind = UPLOAD_PYTHON,
                                                           .job_type = JOB_TYPE_CUSTOM,
                                                           .framework = FRAMEWORK_NONE,
                                                           .device = DEVICE_CPU,
                                                           .ram_mib = 1,
                                                           .storage_mib = 1,
                                                           .reference_p50_ms = 1,
                                                           .reference_p90_ms = 1};
    return c;
}

struct command give_override(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.override.upload_id = s->upload;
    c.u.override.override =
        (struct ev_analysis_overridden){.job_type = JOB_TYPE_MNIST,
                                        .device = DEVICE_GPU,
                                        .gpus = 1,
                                        .vram_mib = 1,
                                        .tflops_milli = 1,
                                        .ram_mib = 1,
                                        .storage_mib = 1,
                                        .reference_p50_ms = 1,
                                        .reference_p90_ms = 1}; /* the least that can be */
    return c;
}

/* As the server asks for it when there is little: the first event, and that was all. */
struct command give_erase(struct stage *s, enum command_type type, enum stage_actor actor)
{
    static struct ev_erased parts[1];
    struct command c = stage_command(s, type, actor);
    struct job_row job = {0};
    struct upload_row upload = {0};
    bool const of_job = type == COMMAND_JOB_ERASE;
    (void)state_job(s->market.store, s->job, &job);
    (void)state_upload(s->market.store, s->upload, &upload);
    parts[0].sequence = of_job ? job.created_sequence + 1 : upload.received_sequence;
    c.u.erase = (struct command_erase){.id = of_job ? s->job : s->upload,
                                       .sequences = {.items = parts, .count = 1},
                                       .changes = state_storage(s->market.store,
                                                                of_job ? STREAM_JOB : STREAM_UPLOAD,
                                                                of_job ? s->job : s->upload)
                                                      .changes,
                                       .is_last = true};
    return c;
}

struct command give_analysed_upload(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_upload(s, type, actor);
    c.u.upload.analysed = true;
    c.u.upload.analysis = give_analysis(s, COMMAND_ANALYSIS_COMPLETE, actor).u.analysis.analysis;
    return c;
}

struct command give_enrol(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.host = (struct command_host){.host_id = market_new_id(&s->market),
                                     .sealing_key = market_new_key(&s->market),
                                     .token = new_token(s)};
    return c;
}

struct command give_host(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor); /* the job's machine */
    if (type == COMMAND_HOST_BENCHMARK) {
        c.u.benchmark.host_id = s->actors[BY_HOST];
        c.u.benchmark.benchmark =
            (struct ev_host_benchmarked){.benchmark_version = 1, .speed_permille = 900};
    } else {
        c.u.host.host_id = s->actors[BY_HOST];
    }
    return c;
}

struct command give_offer(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    if (type == COMMAND_OFFER_WITHDRAW) {
        c.u.offer_withdraw.offer_id = s->offer;
        return c;
    }
    c.u.offer.offer_id = market_new_id(&s->market);
    c.u.offer.offer = (struct ev_offer_published){.host_id = s->actors[BY_HOST],
                                                  .device = DEVICE_CPU,
                                                  .ram_mib = 1,
                                                  .storage_mib = 1,
                                                  .cpu_cores = 1,
                                                  .speed_permille = 1,
                                                  .rate = 1};
    return c;
}

struct command give_match(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.match.match_id = market_new_id(&s->market);
    c.u.match.match.upload_id = s->upload;
    c.u.match.match.algorithm_version = 1;
    return c;
}

struct command give_quote(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.quote = (struct command_quote){
        .quote_id = market_new_id(&s->market), .upload_id = s->upload, .offer_id = s->rival_offer};
    return c;
}

struct command give_create(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.job_create = (struct command_job_create){.job_id = market_new_id(&s->market),
                                                 .escrow_id = market_new_id(&s->market),
                                                 .quote_id = s->quote,
                                                 .escrow_identity = market_new_key(&s->market),
                                                 .key_id = 1,
                                                 .requested_tick = s->market.tick,
                                                 .last_tick = s->market.tick + 30};
    return c;
}

struct command give_job(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    if (type == COMMAND_JOB_RATE) {
        c.u.rate = (struct command_rate){.job_id = s->job, .stars = 5};
    } else {
        c.u.job = (struct command_job){.job_id = s->job, .host_id = c.actor_id};
    }
    return c;
}

struct command give_report(struct stage *s, enum command_type type, enum stage_actor actor)
{
    static struct ev_sample sample = {.at_ms = 1, .cpu_permille = 500};
    static struct command_report one;
    struct command c = stage_command(s, type, actor);
    struct job_row row = {.next_line = 1};
    (void)state_job(s->market.store, s->job, &row);
    switch ((int)type) {
    case COMMAND_JOB_PROGRESS:
        c.u.progress = (struct command_progress){s->job, {.permille = 700, .used_ms = 1}};
        break;
    case COMMAND_JOB_OUTPUT:
        c.u.output.job_id = s->job;
        c.u.output.output = (struct ev_job_output){
            .source = OUTPUT_STDERR, .first_line = row.next_line, .text = bytes_of_text("x\n")};
        break;
    case COMMAND_JOB_METRICS:
        c.u.metrics = (struct command_metrics){s->job, {.samples = {.items = &sample, .count = 1}}};
        break;
    case COMMAND_JOB_REPORTS:
        one = (struct command_report){.metrics.samples = {.items = &sample, .count = 1}};
        c.u.reports = (struct command_reports){s->job, {.items = &one, .count = 1}};
        break;
    default:
        c.u.result.job_id = s->job;
        c.u.result.result.size = 3;
        break;
    }
    return c;
}

static struct command end_as(struct stage *s, enum stage_actor actor, enum ending ending,
                             enum end_reason reason)
{
    struct command c = stage_command(s, COMMAND_JOB_END, actor);
    c.u.end.job_id = s->job;
    c.u.end.end = (struct ev_job_end){.ending = ending, .reason = reason, .worker_ms = 20000};
    return c;
}

struct command give_completed(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return end_as(s, actor, ENDING_COMPLETED, REASON_EXITED_ZERO);
}

struct command give_capped(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return end_as(s, actor, ENDING_CAP_REACHED, REASON_PAID_LIMIT);
}

struct command give_crashed(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return end_as(s, actor, ENDING_PROGRAM_FAILED, REASON_OUT_OF_MEMORY);
}

struct command give_faulted(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return end_as(s, actor, ENDING_HOST_FAULT, REASON_SANDBOX_FAILED);
}

struct command give_cancelled(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return end_as(s, actor, ENDING_CANCELLED_RUNNING, REASON_CANCELLED);
}

struct command give_lock(struct stage *s, enum command_type type, enum stage_actor actor)
{
    (void)type;
    return stage_deposit(s, actor);
}

struct command give_one_less(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    c.u.deposit.amount--;
    return c;
}

struct command give_one_more(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    c.u.deposit.amount++;
    return c;
}

struct command give_too_late(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    struct escrow_row escrow = {0};
    (void)state_escrow(s->market.store, s->escrow, &escrow);
    c.u.deposit.tick = escrow.last_tick + 1;
    return c;
}

struct command give_by_stranger(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    c.u.deposit.source = market_new_key(&s->market);
    return c;
}

struct command give_to_another(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    c.u.deposit.provider = market_new_key(&s->market);
    return c;
}

struct command give_once_more(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_lock(s, type, actor);
    c.u.deposit.tx_id = s->lock_tx;
    return c;
}

struct command give_next_confirmation(struct stage *s, enum command_type type,
                                      enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    struct escrow_row escrow = {0};
    (void)state_escrow(s->market.store, s->escrow, &escrow);
    c.u.confirm =
        (struct command_confirm){.escrow_id = s->escrow,
                                 .confirmations = escrow.confirmations + 1,
                                 .processed_tick = escrow.lock_tick + escrow.confirmations + 1};
    return c;
}

struct command give_a_tick_early(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_next_confirmation(s, type, actor);
    c.u.confirm.processed_tick--;
    return c;
}

struct command give_skipping_one(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_next_confirmation(s, type, actor);
    c.u.confirm.confirmations++;
    c.u.confirm.processed_tick++;
    return c;
}

struct command give_expiry(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    struct escrow_row escrow = {0};
    (void)state_escrow(s->market.store, s->escrow, &escrow);
    c.u.confirm =
        (struct command_confirm){.escrow_id = s->escrow, .processed_tick = escrow.last_tick + 3};
    return c;
}

struct command give_early_expiry(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_expiry(s, type, actor);
    c.u.confirm.processed_tick--;
    return c;
}

struct command give_less_there(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.shortfall.escrow_id = s->escrow;
    c.u.shortfall.shortfall =
        (struct ev_escrow_shortfall){.expected = 2084, .balance = 2083, .balance_tick = 1};
    return c;
}

struct command give_all_there(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_less_there(s, type, actor);
    c.u.shortfall.shortfall.balance = 2084;
    return c;
}

struct command give_restore(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.restore = (struct ev_ledger_restored){
        .generation = 2, .parent_size = 1, .parent_root = market_new_key(&s->market)};
    return c;
}

struct command give_resume(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.resume.generation = 1;
    return c;
}

struct command give_reread(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = stage_command(s, type, actor);
    c.u.reread = (struct command_reread){
        .escrow_id = s->escrow, .generation = 1, .processed_tick = s->market.tick};
    return c;
}

static struct command leg_of(struct stage *s, enum command_type type, enum stage_actor actor,
                             enum leg_kind kind)
{
    struct leg_row leg = {.kind = kind};
    bool found = stage_leg(s, kind, &leg);
    struct command given = market_leg_command(&s->market, type, s->escrow, &leg);
    struct command c = stage_command(s, type, actor);
    c.u.leg = given.u.leg;
    assert_true(found || key_is_zero(c.u.leg.deposit_tx));
    return c;
}

struct command give_refund(struct stage *s, enum command_type type, enum stage_actor actor)
{
    return leg_of(s, type, actor, LEG_REFUND);
}

struct command give_payout(struct stage *s, enum command_type type, enum stage_actor actor)
{
    return leg_of(s, type, actor, LEG_PAYOUT);
}

struct command give_fee(struct stage *s, enum command_type type, enum stage_actor actor)
{
    return leg_of(s, type, actor, LEG_FEE);
}

struct command give_giving_back(struct stage *s, enum command_type type, enum stage_actor actor)
{
    return leg_of(s, type, actor, LEG_RETURN);
}

struct command give_wrong_amount(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_refund(s, type, actor);
    c.u.leg.u.signing.amount++;
    return c;
}

struct command give_wrong_attempt(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_refund(s, type, actor);
    c.u.leg.u.signing.attempt++;
    return c;
}

struct command give_money_left(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_refund(s, type, actor);
    c.u.leg.u.lost.outgoing_count++;
    return c;
}

struct command give_two_on_top(struct stage *s, enum command_type type, enum stage_actor actor)
{
    struct command c = give_refund(s, type, actor);
    if (type == COMMAND_LEG_LOSE) {
        c.u.leg.u.lost.processed_tick--;
    } else {
        c.u.leg.u.confirmed.processed_tick--;
    }
    return c;
}
