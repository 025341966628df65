// SPDX-License-Identifier: Apache-2.0
#include "projections/tokens.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <string.h>

static const struct store_table TOKENS = {"view_tokens"};

static struct view_key token_key(struct id16 account_id, uint64_t sequence)
{
    struct view_key key = {0};
    view_key_id(&key, account_id);
    view_key_u64(&key, sequence);
    return key;
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    if (event->type->number == EVENT_TOKEN_ISSUED) {
        struct view_key key = token_key(event->stream_id, sequence);
        const struct key32 *hash = &event->u.token_issued.token_hash;
        view_put(store, &TOKENS, &key, hash->b, sizeof hash->b);
    }
}

static const struct store_table *const TABLES[] = {&TOKENS};
const struct projection PROJECTION_TOKENS = {
    .name = "tokens", .tables = TABLES, .table_count = 1, .apply = apply};

size_t tokens_list(struct store *store, struct id16 account_id, uint64_t before,
                   struct token_entry *ret, size_t max)
{
    struct view_key at = token_key(account_id, before == 0 ? UINT64_MAX : before);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_previous(store, &TOKENS, &at, sizeof account_id.b, &value)) {
        INVARIANT(value.size == sizeof ret->token_hash.b);
        ret[count].issued_sequence = view_key_last_u64(&at);
        memcpy(ret[count].token_hash.b, value.data, sizeof ret->token_hash.b);
        count++;
    }
    return count;
}
