// SPDX-License-Identifier: Apache-2.0
#include "projections/uploads.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <string.h>

static const struct store_table UPLOADS = {"view_uploads"};

static struct view_key upload_key(struct id16 account_id, uint64_t sequence)
{
    struct view_key key = {0};
    view_key_id(&key, account_id);
    view_key_u64(&key, sequence);
    return key;
}

static void add(struct store *store, uint64_t sequence, struct id16 account_id, struct id16 id)
{
    struct view_key key = upload_key(account_id, sequence);
    view_put(store, &UPLOADS, &key, id.b, sizeof id.b);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    if (event->type->number == EVENT_UPLOAD_RECEIVED) {
        add(store, sequence, event->u.upload_received.account_id, event->stream_id);
    } else if (event->type->number == EVENT_UPLOAD_REJECTED) {
        add(store, sequence, event->u.upload_rejected.account_id, event->stream_id);
    }
}

static const struct store_table *const TABLES[] = {&UPLOADS};
const struct projection PROJECTION_UPLOADS = {
    .name = "uploads", .tables = TABLES, .table_count = 1, .apply = apply};

size_t uploads_list(struct store *store, struct id16 account_id, uint64_t before,
                    struct upload_entry *ret, size_t max)
{
    struct view_key at = upload_key(account_id, before == 0 ? UINT64_MAX : before);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_previous(store, &UPLOADS, &at, sizeof account_id.b, &value)) {
        INVARIANT(value.size == sizeof ret->upload_id.b);
        ret[count].sequence = view_key_last_u64(&at);
        memcpy(ret[count].upload_id.b, value.data, sizeof ret->upload_id.b);
        count++;
    }
    return count;
}
