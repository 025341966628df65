// SPDX-License-Identifier: Apache-2.0
#include "core/market/evolve_internal.h"

#include <string.h>

static void count(struct store *state, int64_t more)
{
    struct ledger_row ledger;
    if (!state_ledger(state, &ledger)) {
        evolve_missing(state, "ledger");
        return;
    }
    ledger.webhooks += (uint64_t)more; /* modulo 2^64: less, if it is negative */
    store_put(state, &STATE_LEDGER, bytes_of_text("l"), bytes_of(&ledger, sizeof ledger));
}

static struct bytes account_key(struct id16 account_id, struct id16 webhook_id, uint8_t ret[32])
{
    memcpy(ret, account_id.b, 16);
    memcpy(ret + 16, webhook_id.b, 16);
    return bytes_of(ret, 32);
}

static void create(struct store *state, uint64_t sequence, const struct event *event)
{
    const struct ev_webhook_created *created = &event->u.webhook_created;
    struct webhook_row row;
    uint8_t key[32];
    memset(&row, 0, sizeof row);
    row.account_id = event->stream_id;
    row.scopes = created->scopes;
    row.after = created->after;
    row.created_sequence = sequence;
    row.secret_version = 1;
    store_put(state, &STATE_WEBHOOKS, id_key(&created->webhook_id), bytes_of(&row, sizeof row));
    store_put(state, &STATE_ACCOUNT_WEBHOOKS, account_key(row.account_id, created->webhook_id, key),
              bytes_of("", 0));
    count(state, 1);
}

/* All but webhook.created. */
static void change(struct store *state, uint64_t sequence, const struct event *event,
                   struct id16 webhook_id)
{
    struct webhook_row row;
    uint8_t key[32];
    if (!state_webhook(state, webhook_id, &row)) {
        evolve_missing(state, "webhook");
        return;
    }
    switch (event->type->number) {
    case EVENT_WEBHOOK_DELETED:
        store_delete(state, &STATE_ACCOUNT_WEBHOOKS, account_key(row.account_id, webhook_id, key));
        store_delete(state, &STATE_WEBHOOKS, id_key(&webhook_id));
        count(state, -1);
        return;
    case EVENT_WEBHOOK_ROTATED:
        row.secret_version = event->u.webhook_rotated.secret_version;
        row.rotated_at = event->time;
        break;
    case EVENT_WEBHOOK_PAUSED:
        row.paused = sequence;
        break;
    default:
        row.paused = 0;
        break;
    }
    store_put(state, &STATE_WEBHOOKS, id_key(&webhook_id), bytes_of(&row, sizeof row));
}

void evolve_webhook(struct store *state, uint64_t sequence, const struct event *event)
{
    switch (event->type->number) {
    case EVENT_WEBHOOK_CREATED:
        create(state, sequence, event);
        break;
    case EVENT_WEBHOOK_DELETED:
        change(state, sequence, event, event->u.webhook_deleted.webhook_id);
        break;
    case EVENT_WEBHOOK_ROTATED:
        change(state, sequence, event, event->u.webhook_rotated.webhook_id);
        break;
    case EVENT_WEBHOOK_PAUSED:
        change(state, sequence, event, event->u.webhook_paused.webhook_id);
        break;
    default:
        change(state, sequence, event, event->u.webhook_resumed.webhook_id);
        break;
    }
}
