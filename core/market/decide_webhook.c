/* Webhooks: who may make them and end them. What is delivered is decided nowhere: it follows from the log (api/webhooks.h). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/market/decide_internal.h"

/* What a webhook may be shown: a machine follows the feed instead. */
#define WEBHOOK_SCOPES (SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR | SCOPE_AUDITOR)

static enum err_code create(struct deciding *d)
{
    const struct command_webhook *c = &d->command->u.webhook;
    const struct ev_webhook_created *created = &c->created;
    struct id16 own[WEBHOOKS_PER_ACCOUNT_MAX];
    struct account_row account;
    struct webhook_row row;
    if (!id_is_zero(c->account_id) && !state_account(d->state, c->account_id, &account)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_account", "there is no such account");
    }
    if (!decide_may_act_for(d, c->account_id)) {
        return refuse(d, ERR_DENIED, "not_yours",
                      "a webhook can only be made for your own account");
    }
    if (id_is_zero(c->webhook_id) || created->url.size == 0 || created->topics.size == 0 ||
        created->scopes == 0 || (created->scopes & ~WEBHOOK_SCOPES) != 0) {
        return refuse(d, ERR_INVALID, "webhook_invalid",
                      "a webhook needs an id, a URL, topics, and the scopes of a person's token");
    }
    if (state_webhook(d->state, c->webhook_id, &row)) {
        return refuse(d, ERR_CONFLICT, "webhook_exists", "this webhook was made before");
    }
    if (state_account_webhooks(d->state, c->account_id, own, WEBHOOKS_PER_ACCOUNT_MAX) ==
        WEBHOOKS_PER_ACCOUNT_MAX) {
        return refuse(d, ERR_CONFLICT, "too_many_webhooks",
                      "an account has at most %d webhooks; delete one first",
                      WEBHOOKS_PER_ACCOUNT_MAX);
    }
    if (d->ledger.webhooks >= WEBHOOKS_MAX) {
        return refuse(d, ERR_BUSY, "webhooks_full", "this server keeps at most %d webhooks",
                      WEBHOOKS_MAX);
    }
    struct event *event = decide_event(d, EVENT_WEBHOOK_CREATED, c->account_id);
    event->u.webhook_created = *created;
    event->u.webhook_created.webhook_id = c->webhook_id;
    return ERR_OK;
}

static enum err_code change(struct deciding *d, const struct webhook_row *row)
{
    const struct command_webhook *c = &d->command->u.webhook;
    struct event *event;
    switch ((int)d->command->type) {
    case COMMAND_WEBHOOK_DELETE:
        event = decide_event(d, EVENT_WEBHOOK_DELETED, c->account_id);
        event->u.webhook_deleted.webhook_id = c->webhook_id;
        return ERR_OK;
    case COMMAND_WEBHOOK_ROTATE:
        if (c->if_version != 0 && c->if_version != row->secret_version) {
            return refuse(d, ERR_CONFLICT, "precondition_failed",
                          "its secret was rotated meanwhile; get it again");
        }
        event = decide_event(d, EVENT_WEBHOOK_ROTATED, c->account_id);
        event->u.webhook_rotated.webhook_id = c->webhook_id;
        event->u.webhook_rotated.secret_version = row->secret_version + 1;
        return ERR_OK;
    case COMMAND_WEBHOOK_PAUSE:
        if (row->paused != 0) {
            return refuse(d, ERR_CONFLICT, "webhook_paused", "this webhook is paused already");
        }
        event = decide_event(d, EVENT_WEBHOOK_PAUSED, c->account_id);
        event->u.webhook_paused = c->paused;
        event->u.webhook_paused.webhook_id = c->webhook_id;
        return ERR_OK;
    case COMMAND_WEBHOOK_RESUME:
        if (row->paused == 0) {
            return refuse(d, ERR_CONFLICT, "webhook_not_paused", "this webhook is not paused");
        }
        event = decide_event(d, EVENT_WEBHOOK_RESUMED, c->account_id);
        event->u.webhook_resumed.webhook_id = c->webhook_id;
        return ERR_OK;
    default:
        IMPOSSIBLE("not a command about a webhook");
    }
}

enum err_code decide_webhook(struct deciding *d)
{
    const struct command_webhook *c = &d->command->u.webhook;
    struct webhook_row row;
    if (d->command->type == COMMAND_WEBHOOK_CREATE) {
        return create(d);
    }
    if (!state_webhook(d->state, c->webhook_id, &row) || !id_equal(row.account_id, c->account_id) ||
        !decide_may_act_for(d, c->account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_webhook", "you have no such webhook");
    }
    return change(d, &row);
}
