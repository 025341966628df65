// SPDX-License-Identifier: Apache-2.0
#include "tests/support/market_stage.h"

#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_check.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 100000
#define MINUTE_MS 60000
#define LIMIT_MS 75024 /* what a cap of 2,084 QUBIC pays for */

enum { JOB_0 = 0, ESCROW_0 = 0, ENDING_0 = 0 }; /* none, for the table below */

static const struct {
    const char *name;
    const char *steps;
    uint64_t job_status;
    uint64_t ending;
    uint64_t escrow_status;
} STATES[] = {
#define STAGE_ROW(constant, name, steps, job, ending, escrow)                                      \
    {name, steps, JOB_##job, ENDING_##ending, ESCROW_##escrow},
    STAGE_STATES(STAGE_ROW)
#undef STAGE_ROW
};

static const char *const ACTORS[STAGE_ACTOR_COUNT] = {
    [BY_OWNER] = "the owner",           [BY_OTHER] = "another consumer",
    [BY_PROVIDER] = "the provider",     [BY_HOST] = "the job's machine",
    [BY_SIBLING] = "its other machine", [BY_RIVAL] = "a rival's machine",
    [BY_SETTLEMENT] = "settlement",     [BY_LEDGER] = "the ledger",
    [BY_OPERATOR] = "the operator",
};

const char *stage_state_name(enum stage_state state)
{
    return STATES[state].name;
}

const char *stage_actor_name(enum stage_actor actor)
{
    return ACTORS[actor];
}

/* ── what came ─────────────────────────────────────────────────────────────────────────────────── */

static const char *detail_of(const struct event *event)
{
    switch (event->type->number) {
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        return enum_word(&ending_words, (uint32_t)event->u.job_completed.ending);
    case EVENT_DEPOSIT_OBSERVED:
        return enum_word(&deposit_class_words, (uint32_t)event->u.deposit_observed.class);
    case EVENT_REFUND_SIGNED:
        return key_is_zero(event->u.refund_signed.deposit_tx) ? NULL : "return";
    case EVENT_REFUND_LOST:
        return key_is_zero(event->u.refund_lost.deposit_tx) ? NULL : "return";
    case EVENT_REFUND_CONFIRMED:
        return key_is_zero(event->u.refund_confirmed.deposit_tx) ? NULL : "return";
    default:
        return NULL;
    }
}

static void note_event(void *context, uint64_t sequence, const struct event *event)
{
    struct stage *stage = context;
    const char *detail = detail_of(event);
    size_t used = strlen(stage->outcome);
    (void)sequence;
    (void)snprintf(stage->outcome + used, sizeof stage->outcome - used, "%s%s%s%s",
                   used == 0 ? "" : " ", event->type->name, detail == NULL ? "" : ":",
                   detail == NULL ? "" : detail);
    market_check_postings(&stage->market, event);
    market_check_balances(&stage->market);
}

const char *stage_submit(struct stage *stage, const struct command *command)
{
    stage->outcome[0] = '\0';
    if (market_submit(&stage->market, command) != ERR_OK) {
        (void)snprintf(stage->outcome, sizeof stage->outcome, "%s", stage->market.word);
        return stage->outcome;
    }
    market_check(&stage->market);
    return stage->outcome;
}

static void accept(struct stage *stage, const struct command *command)
{
    if (market_submit(&stage->market, command) != ERR_OK) {
        fail_msg("a step to the state was refused: %s", stage->market.err.message);
    }
    market_check(&stage->market);
}

/* ── commands ──────────────────────────────────────────────────────────────────────────────────── */

struct command stage_command(struct stage *stage, enum command_type type, enum stage_actor actor)
{
    static const enum actor_kind KINDS[STAGE_ACTOR_COUNT] = {
        [BY_OWNER] = ACTOR_ACCOUNT,    [BY_OTHER] = ACTOR_ACCOUNT,
        [BY_PROVIDER] = ACTOR_ACCOUNT, [BY_HOST] = ACTOR_HOST,
        [BY_SIBLING] = ACTOR_HOST,     [BY_RIVAL] = ACTOR_HOST,
        [BY_LEDGER] = ACTOR_LEDGER,    [BY_SETTLEMENT] = ACTOR_SETTLEMENT,
        [BY_OPERATOR] = ACTOR_OPERATOR};
    return market_command(&stage->market, type, KINDS[actor], stage->actors[actor]);
}

bool stage_leg(struct stage *stage, enum leg_kind kind, struct leg_row *ret)
{
    uint8_t at[LEG_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    struct leg_row leg;
    bool found = false;
    memcpy(at, stage->escrow.b, sizeof stage->escrow.b);
    while (
        store_seek(stage->market.store, &STATE_LEGS, bytes_of(at, sizeof at), true, &key, &value) &&
        memcmp(key.data, stage->escrow.b, sizeof stage->escrow.b) == 0) {
        memcpy(at, key.data, sizeof at);
        assert_true(state_leg(stage->market.store, at, &leg));
        if (leg.kind == (uint64_t)kind) {
            *ret = leg;
            found = true;
        }
    }
    return found;
}

struct command stage_deposit(struct stage *stage, enum stage_actor actor)
{
    struct command command = stage_command(stage, COMMAND_DEPOSIT_OBSERVE, actor);
    if (!id_is_zero(stage->job)) {
        command.u.deposit = market_lock_of(&stage->market, stage->job).u.deposit;
    }
    return command;
}

/* ── steps ─────────────────────────────────────────────────────────────────────────────────────── */

static void pass(struct stage *stage, int64_t ms)
{
    stage->market.now += ms * NS_PER_MS;
}

static void deposit_step(struct stage *stage, const char *step)
{
    struct command command = stage_deposit(stage, BY_SETTLEMENT);
    struct command_deposit *deposit = &command.u.deposit;
    if (strcmp(step, "short") == 0) {
        deposit->amount--;
    } else if (strcmp(step, "over") == 0) {
        deposit->amount++;
    } else if (strcmp(step, "foreign") == 0) {
        deposit->source = market_new_key(&stage->market);
    } else if (strcmp(step, "malformed") == 0) {
        deposit->payload_ours = false;
    } else if (key_is_zero(stage->lock_tx)) {
        stage->lock_tx = deposit->tx_id;
    }
    accept(stage, &command);
}

static void leg_step(struct stage *stage, enum command_type type)
{
    struct leg_row leg;
    for (int kind = LEG_REFUND; kind <= LEG_RETURN; kind++) {
        if (!stage_leg(stage, (enum leg_kind)kind, &leg) ||
            leg.status != (type == COMMAND_LEG_SIGN ? LEG_DUE : LEG_SIGNED)) {
            continue;
        }
        struct command command = market_leg_command(&stage->market, type, stage->escrow, &leg);
        accept(stage, &command);
        return;
    }
    fail_msg("no leg to sign, lose or pay");
}

static void shortfall_step(struct stage *stage, bool is_short)
{
    struct command command = stage_command(stage, COMMAND_ESCROW_SHORTFALL, BY_SETTLEMENT);
    command.u.shortfall.escrow_id = stage->escrow;
    command.u.shortfall.shortfall = (struct ev_escrow_shortfall){
        .expected = 2084, .balance = is_short ? 2083 : 2084, .balance_tick = stage->market.tick};
    accept(stage, &command);
}

static void end_step(struct stage *stage, enum ending ending, enum end_reason reason)
{
    assert_int_equal(market_end(&stage->market, stage->actors[BY_HOST], stage->job, ending, reason,
                                INT64_C(3600000)),
                     ERR_OK);
    market_check(&stage->market);
}

static void expire_step(struct stage *stage)
{
    struct escrow_row escrow;
    struct command command = stage_command(stage, COMMAND_ESCROW_EXPIRE, BY_SETTLEMENT);
    assert_true(state_escrow(stage->market.store, stage->escrow, &escrow));
    stage->market.tick = escrow.last_tick + 3;
    command.u.confirm.escrow_id = stage->escrow;
    command.u.confirm.processed_tick = stage->market.tick;
    accept(stage, &command);
}

static void down_step(struct stage *stage)
{
    struct command command = stage_command(stage, COMMAND_LEDGER_START, BY_LEDGER);
    pass(stage, INT64_C(90000000)); /* 25 hours */
    accept(stage, &command);
    pass(stage, 1000);
}

static void chatter_step(struct stage *stage)
{
    static char text[1000];
    struct job_row job;
    memset(text, '.', sizeof text);
    for (int i = 0; i < 2; i++) {
        assert_true(state_job(stage->market.store, stage->job, &job));
        struct command command = stage_command(stage, COMMAND_JOB_OUTPUT, BY_HOST);
        command.u.output.job_id = stage->job;
        command.u.output.output = (struct ev_job_output){.source = OUTPUT_STDOUT,
                                                         .first_line = job.next_line,
                                                         .text = bytes_of(text, sizeof text)};
        accept(stage, &command);
    }
}

static void report(struct stage *stage, uint64_t used_ms)
{
    assert_int_equal(
        market_progress(&stage->market, stage->actors[BY_HOST], stage->job, 500, used_ms), ERR_OK);
}

static bool chain_step(struct stage *stage, const char *step)
{
    struct market *m = &stage->market;
    if (strcmp(step, "lock") == 0 || strcmp(step, "short") == 0 || strcmp(step, "over") == 0 ||
        strcmp(step, "foreign") == 0 || strcmp(step, "malformed") == 0) {
        deposit_step(stage, step);
    } else if (strcmp(step, "confirm") == 0) {
        assert_int_equal(market_confirm(m, stage->job), ERR_OK);
    } else if (strcmp(step, "expire") == 0) {
        expire_step(stage);
    } else if (strcmp(step, "pass_last_tick") == 0) {
        m->tick += 1000;
    } else if (strcmp(step, "sign") == 0) {
        leg_step(stage, COMMAND_LEG_SIGN);
    } else if (strcmp(step, "lose") == 0) {
        leg_step(stage, COMMAND_LEG_LOSE);
    } else if (strcmp(step, "paid") == 0) {
        leg_step(stage, COMMAND_LEG_CONFIRM);
    } else if (strcmp(step, "shortfall") == 0 || strcmp(step, "healed") == 0) {
        shortfall_step(stage, step[0] == 's');
    } else {
        return false;
    }
    return true;
}

static bool worker_step(struct stage *stage, const char *step)
{
    struct market *m = &stage->market;
    if (strcmp(step, "claim") == 0) {
        assert_int_equal(market_claim(m, stage->actors[BY_HOST]), ERR_OK);
    } else if (strcmp(step, "start") == 0) {
        assert_int_equal(market_start(m, stage->actors[BY_HOST], stage->job), ERR_OK);
    } else if (strcmp(step, "work") == 0) { /* 20 s, reported */
        pass(stage, 20000);
        report(stage, 20000);
    } else if (strcmp(step, "pass_limit") == 0) { /* and two leases, never silent */
        for (int i = 0; i < 6; i++) {
            pass(stage, 20000);
            report(stage, 20000 * (uint64_t)(i + 2));
        }
    } else if (strcmp(step, "to_limit") == 0) {
        for (int i = 0; i < 5; i++) {
            pass(stage, 20000);
            report(stage, 20000);
        }
        end_step(stage, ENDING_CAP_REACHED, REASON_PAID_LIMIT);
    } else if (strcmp(step, "complete") == 0) {
        end_step(stage, ENDING_COMPLETED, REASON_EXITED_ZERO);
    } else if (strcmp(step, "crash") == 0) {
        end_step(stage, ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO);
    } else if (strcmp(step, "fault") == 0) {
        end_step(stage, ENDING_HOST_FAULT, REASON_SANDBOX_FAILED);
    } else if (strcmp(step, "chatter") == 0) {
        chatter_step(stage);
    } else {
        return false;
    }
    return true;
}

static void create_step(struct stage *stage)
{
    struct job_row job = {0};
    stage->job = market_create_job(&stage->market, stage->actors[BY_OWNER], stage->quote);
    assert_true(state_job(stage->market.store, stage->job, &job));
    assert_int_equal(job.cap, 2084);
    assert_int_equal(job.limit_ms, LIMIT_MS);
    stage->escrow = job.escrow_id;
}

static void rate_step(struct stage *stage)
{
    struct command command = stage_command(stage, COMMAND_JOB_RATE, BY_OWNER);
    command.u.rate = (struct command_rate){.job_id = stage->job, .stars = 4};
    accept(stage, &command);
}

static void take_step(struct stage *stage, const char *step)
{
    struct market *m = &stage->market;
    if (chain_step(stage, step) || worker_step(stage, step)) {
        return;
    }
    if (strcmp(step, "create") == 0) {
        create_step(stage);
    } else if (strcmp(step, "cancel") == 0) {
        assert_int_equal(market_cancel(m, stage->actors[BY_OWNER], stage->job), ERR_OK);
    } else if (strcmp(step, "rate") == 0) {
        rate_step(stage);
    } else if (strcmp(step, "sweep") == 0) {
        assert_int_equal(market_sweep(m), ERR_OK);
    } else if (strcmp(step, "pass_queue") == 0) {
        pass(stage, INT64_C(86400000));
    } else if (strcmp(step, "pass_start") == 0) {
        pass(stage, 60000);
    } else if (strcmp(step, "pass_lease") == 0) {
        pass(stage, 30000);
    } else if (strcmp(step, "down") == 0) {
        down_step(stage);
    } else {
        fail_msg("\"%s\" is no step", step);
    }
}

/* ── open and close ────────────────────────────────────────────────────────────────────────────── */

static void furnish(struct stage *stage)
{
    struct market *m = &stage->market;
    struct id16 none = {0};
    struct command command = market_command(m, COMMAND_TERMS_SET, ACTOR_OPERATOR, none);
    m->terms.output_max = 1024; /* so that a step reaches it */
    command.u.terms = m->terms;
    accept(stage, &command);
    stage->actors[BY_OWNER] = market_sign_in(m, market_new_key(m));
    stage->actors[BY_OTHER] = market_sign_in(m, market_new_key(m));
    stage->actors[BY_PROVIDER] = market_sign_in(m, market_new_key(m));
    struct id16 rival = market_sign_in(m, market_new_key(m));
    stage->actors[BY_HOST] = market_enrol(m, stage->actors[BY_PROVIDER]);
    stage->actors[BY_SIBLING] = market_enrol(m, stage->actors[BY_PROVIDER]);
    stage->actors[BY_RIVAL] = market_enrol(m, rival);
    for (int actor = BY_HOST; actor <= BY_RIVAL; actor++) {
        assert_int_equal(market_host_online(m, stage->actors[actor]), ERR_OK);
    }
    stage->offer = market_publish(m, stage->actors[BY_HOST], RATE, 1000);
    (void)market_publish(m, stage->actors[BY_SIBLING], RATE, 1000); /* may take its jobs over */
    stage->rival_offer = market_publish(m, stage->actors[BY_RIVAL], RATE, 1000);
    stage->upload = market_upload(m, stage->actors[BY_OWNER], MINUTE_MS, MINUTE_MS);
    stage->new_upload = market_new_id(m);
    command = stage_command(stage, COMMAND_UPLOAD_RECEIVE, BY_OWNER);
    command.u.upload.upload_id = stage->new_upload;
    command.u.upload.upload = (struct ev_upload_received){.size = 7, .digest = market_new_key(m)};
    accept(stage, &command);
    stage->quote = market_quote(m, stage->actors[BY_OWNER], stage->upload, stage->offer);
    assert_false(id_is_zero(stage->quote));
}

static void check_state(struct stage *stage, enum stage_state state)
{
    struct job_row job = {0};
    struct escrow_row escrow = {0};
    (void)state_job(stage->market.store, stage->job, &job);
    (void)state_escrow(stage->market.store, stage->escrow, &escrow);
    if (job.status != STATES[state].job_status || job.ending != STATES[state].ending ||
        escrow.status != STATES[state].escrow_status) {
        fail_msg("\"%s\": its steps lead to job status %d, ending %d, escrow status %d",
                 STATES[state].name, (int)job.status, (int)job.ending, (int)escrow.status);
    }
}

struct stage *stage_open(enum stage_state state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->market.on_event = note_event;
    stage->market.context = stage;
    market_open(&stage->market, 1, memory_store_create(), 250);
    furnish(stage);
    const char *at = STATES[state].steps;
    while (*at != '\0') {
        char step[32] = {0};
        size_t size = strcspn(at, " ");
        assert_true(size < sizeof step);
        memcpy(step, at, size);
        take_step(stage, step);
        at += size + strspn(at + size, " ");
    }
    market_check(&stage->market);
    check_state(stage, state);
    return stage;
}

void stage_close(struct stage *stage)
{
    memory_store_destroy(stage->market.store);
    market_close(&stage->market);
    free(stage);
}
