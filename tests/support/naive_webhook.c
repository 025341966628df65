/* Whose webhooks are whose, how many, and which are paused. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tests/support/naive_ledger.h"

size_t naive_webhooks_of(const struct naive_ledger *n, struct id16 account_id)
{
    size_t count = 0;
    for (size_t i = 0; i < n->webhook_count; i++) {
        count += id_equal(n->webhooks[i].account_id, account_id);
    }
    return count;
}

static struct naive_webhook *find(struct naive_ledger *n, struct id16 id)
{
    for (size_t i = 0; i < n->webhook_count; i++) {
        if (id_equal(n->webhooks[i].id, id)) {
            return &n->webhooks[i];
        }
    }
    return NULL;
}

static bool may(const struct command *c, struct id16 account_id)
{
    return c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER ||
           (c->actor_kind == ACTOR_ACCOUNT && id_equal(c->actor_id, account_id));
}

static bool create(struct naive_ledger *n, const struct command_webhook *w)
{
    bool known = id_is_zero(w->account_id);
    for (size_t i = 0; i < n->account_count; i++) {
        known = known || id_equal(n->accounts[i].id, w->account_id);
    }
    if (!known || w->created.url.size == 0 || w->created.topics.size == 0 ||
        w->created.scopes == 0 || (w->created.scopes & SCOPE_WORKER) != 0 ||
        find(n, w->webhook_id) != NULL || naive_webhooks_of(n, w->account_id) == 16) {
        return false;
    }
    INVARIANT(n->webhook_count < NAIVE_THINGS_MAX);
    n->webhooks[n->webhook_count++] = (struct naive_webhook){
        .id = w->webhook_id, .account_id = w->account_id, .secret_version = 1};
    return true;
}

bool naive_webhook(struct naive_ledger *n, const struct command *c)
{
    const struct command_webhook *w = &c->u.webhook;
    if (!may(c, w->account_id)) {
        return false;
    }
    if (c->type == COMMAND_WEBHOOK_CREATE) {
        return create(n, w);
    }
    struct naive_webhook *hook = find(n, w->webhook_id);
    bool pause = c->type == COMMAND_WEBHOOK_PAUSE;
    if (hook == NULL || !id_equal(hook->account_id, w->account_id) ||
        ((pause || c->type == COMMAND_WEBHOOK_RESUME) && hook->paused == pause)) {
        return false;
    }
    if (c->type == COMMAND_WEBHOOK_DELETE) { /* nothing is left of it */
        *hook = n->webhooks[--n->webhook_count];
        return true;
    }
    hook->paused = pause || (hook->paused && c->type != COMMAND_WEBHOOK_RESUME);
    hook->secret_version += c->type == COMMAND_WEBHOOK_ROTATE ? 1 : 0;
    return true;
}
