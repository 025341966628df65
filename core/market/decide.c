/* The entrance to the rules: which file decides which command, and the ledger's own commands. */
// SPDX-License-Identifier: Apache-2.0
#include "core/market/decide.h"

#include "core/base/invariant.h"
#include "core/market/decide_internal.h"
#include "core/market/terms.h"

struct event *decide_event(struct deciding *d, enum event_type_number type, struct id16 stream_id)
{
    static _Thread_local struct event overflow; /* written to and dropped */
    struct decision *decision = d->decision;
    bool const fits = decision->count < DECISION_EVENTS_MAX;
    struct event *event = fits ? arena_alloc(decision->arena, sizeof *event) : NULL;
    if (event == NULL) {
        d->out_of_memory = d->out_of_memory || fits;
        decision->count = DECISION_EVENTS_MAX + 1;
        event = &overflow;
    } else {
        decision->events[decision->count++] = event;
    }
    *event = (struct event){
        .type = event_type_newest(type),
        .stream_id = stream_id,
        .actor_kind = d->command->actor_kind,
        .actor_id = d->command->actor_id,
        .time = d->now,
        .causation = d->command->causation,
        .command_id = d->command->command_id,
    };
    INVARIANT(event->type != NULL);
    return event;
}

bool decide_by_account(const struct deciding *d, struct id16 account_id)
{
    return d->command->actor_kind == ACTOR_ACCOUNT && id_equal(d->command->actor_id, account_id);
}

enum err_code decide_need_operator(struct deciding *d)
{
    if (d->command->actor_kind != ACTOR_OPERATOR && d->command->actor_kind != ACTOR_LEDGER) {
        return refuse(d, ERR_DENIED, "not_operator", "only the operator may do this");
    }
    return ERR_OK;
}

enum err_code decide_ledger(struct deciding *d)
{
    const struct command *c = d->command;
    struct id16 ledger = {0};
    enum err_code code = decide_need_operator(d);
    if (code != ERR_OK) {
        return code;
    }
    switch ((int)c->type) {
    case COMMAND_LEDGER_OPEN:
        if (!id_is_zero(d->ledger.log_id)) {
            return refuse(d, ERR_CONFLICT, "already_open", "this log was opened before");
        }
        decide_event(d, EVENT_LEDGER_OPENED, ledger)->u.ledger_opened = c->u.open;
        return ERR_OK;
    case COMMAND_LEDGER_START:
        decide_event(d, EVENT_LEDGER_STARTED, ledger)->u.ledger_started = c->u.start;
        return ERR_OK;
    case COMMAND_TERMS_SET:
        code = terms_check(&c->u.terms, d->err);
        if (code == ERR_OK) {
            decide_event(d, EVENT_TERMS_SET, ledger)->u.terms_set = c->u.terms;
        }
        return code;
    case COMMAND_KEY_ADD:
        if (c->u.key.key_id == 0 || c->u.key.key_id <= d->ledger.settlement_key_id) {
            return refuse(d, ERR_CONFLICT, "key_id_used", "a new key's id is above %llu",
                          (unsigned long long)d->ledger.settlement_key_id);
        }
        decide_event(d, EVENT_SETTLEMENT_KEY_ADDED, ledger)->u.settlement_key_added = c->u.key;
        return ERR_OK;
    default:
        IMPOSSIBLE("not a command of the ledger");
    }
}

/* Settlement says so, once it sees the last escrow's end. */
static enum err_code retire_key(struct deciding *d)
{
    uint64_t key_id = d->command->u.key_retire.key_id;
    struct settlement_key_row row;
    if (d->command->actor_kind != ACTOR_SETTLEMENT && decide_need_operator(d) != ERR_OK) {
        return ERR_DENIED;
    }
    if (decide_not_observing(d) != ERR_OK) {
        return ERR_CONFLICT; /* what was lost may have opened an escrow of it */
    }
    if (!state_settlement_key(d->state, key_id, &row)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_key", "there is no settlement key %llu",
                      (unsigned long long)key_id);
    }
    if (row.retired_sequence != 0) {
        return refuse(d, ERR_CONFLICT, "key_retired", "settlement key %llu was retired before",
                      (unsigned long long)key_id);
    }
    if (key_id == d->ledger.settlement_key_id) {
        return refuse(d, ERR_CONFLICT, "key_newest",
                      "settlement key %llu is the newest: new escrows are of it",
                      (unsigned long long)key_id);
    }
    if (row.escrows_open != 0) {
        return refuse(d, ERR_CONFLICT, "key_in_use", "settlement key %llu has %llu escrows open",
                      (unsigned long long)key_id, (unsigned long long)row.escrows_open);
    }
    decide_event(d, EVENT_SETTLEMENT_KEY_RETIRED, (struct id16){0})->u.settlement_key_retired =
        d->command->u.key_retire;
    return ERR_OK;
}

static enum err_code dispatch(struct deciding *d)
{
    switch (d->command->type) {
    case COMMAND_LEDGER_OPEN:
    case COMMAND_LEDGER_START:
    case COMMAND_TERMS_SET:
    case COMMAND_KEY_ADD:
        return decide_ledger(d);
    case COMMAND_KEY_RETIRE:
        return retire_key(d);
    case COMMAND_LEDGER_RESTORE:
    case COMMAND_SETTLEMENT_RESUME:
    case COMMAND_ESCROW_REREAD:
        return decide_restore(d);
    case COMMAND_SWEEP:
        return decide_sweep(d);
    case COMMAND_SESSION_OPEN:
    case COMMAND_TOKEN_ISSUE:
    case COMMAND_TOKEN_REVOKE:
    case COMMAND_CODE_EXCHANGE:
    case COMMAND_UPLOAD_RECEIVE:
    case COMMAND_UPLOAD_REJECT:
    case COMMAND_ANALYSIS_COMPLETE:
    case COMMAND_ANALYSIS_OVERRIDE:
        return decide_account(d);
    case COMMAND_UPLOAD_ERASE:
    case COMMAND_JOB_ERASE:
        return decide_erase(d);
    case COMMAND_WEBHOOK_CREATE:
    case COMMAND_WEBHOOK_DELETE:
    case COMMAND_WEBHOOK_ROTATE:
    case COMMAND_WEBHOOK_PAUSE:
    case COMMAND_WEBHOOK_RESUME:
        return decide_webhook(d);
    case COMMAND_HOST_ENROL:
    case COMMAND_HOST_ONLINE:
    case COMMAND_HOST_OFFLINE:
    case COMMAND_HOST_BENCHMARK:
    case COMMAND_OFFER_PUBLISH:
    case COMMAND_OFFER_WITHDRAW:
    case COMMAND_MATCH_RECORD:
    case COMMAND_QUOTE_ISSUE:
        return decide_market(d);
    case COMMAND_JOB_CREATE:
    case COMMAND_JOB_CANCEL:
    case COMMAND_JOB_RATE:
        return decide_job(d);
    case COMMAND_JOB_CLAIM:
    case COMMAND_JOB_START:
    case COMMAND_JOB_PROGRESS:
    case COMMAND_JOB_OUTPUT:
    case COMMAND_JOB_METRICS:
    case COMMAND_JOB_REPORTS:
    case COMMAND_RESULT_STORE:
    case COMMAND_JOB_END:
        return decide_report(d);
    case COMMAND_DEPOSIT_OBSERVE:
    case COMMAND_ESCROW_CONFIRM:
    case COMMAND_ESCROW_EXPIRE:
    case COMMAND_ESCROW_SHORTFALL:
    case COMMAND_LEG_SIGN:
    case COMMAND_LEG_LOSE:
    case COMMAND_LEG_CONFIRM:
        return decide_escrow(d);
    case COMMAND_RECONCILIATION_RECORD:
    case COMMAND_CHECKPOINT_ANCHOR:
        return decide_audit(d);
    }
    return refuse(d, ERR_INTERNAL, "unknown_command", "command %d", (int)d->command->type);
}

enum err_code market_decide(struct store *state, const struct command *command, int64_t now,
                            struct decision *ret, struct err *err)
{
    struct deciding d = {
        .state = state, .command = command, .now = now, .decision = ret, .err = err};
    bool opened = state_ledger(state, &d.ledger);
    if (!opened && command->type != COMMAND_LEDGER_OPEN) { /* which so is always record 1 */
        return refuse(&d, ERR_CONFLICT, "not_open", "the ledger has not been opened");
    }
    enum err_code code = dispatch(&d);
    if (code == ERR_OK && d.out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no_memory: there is no memory for the events");
    } else if (code == ERR_OK && ret->count > DECISION_EVENTS_MAX) {
        code = err_set(err, ERR_INTERNAL, "too_many_events: one command, over %d events",
                       DECISION_EVENTS_MAX);
    }
    if (code == ERR_OK) {
        code = store_check(state, err);
    }
    return code;
}
