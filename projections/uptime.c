// SPDX-License-Identifier: Apache-2.0
#include "projections/uptime.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "projections/view_rows.h"

#include <string.h>

#define DAY_NS (INT64_C(86400) * NS_PER_S)
#define HOST_PREFIX 32 /* account ‖ host */

static const struct store_table HOSTS = {"view_uptime_hosts"};
static const struct store_table DAYS = {"view_uptime_days"};

struct host_uptime {
    int64_t enrolled_at;
    int64_t online_since; /* 0: offline */
};

static struct view_key host_key(struct id16 account_id, struct id16 host_id)
{
    struct view_key key = {0};
    view_key_id(&key, account_id);
    view_key_id(&key, host_id);
    return key;
}

/* What was online until `until` belongs to the days it was on. */
static void add_days(struct store *store, const struct view_key *host, int64_t since, int64_t until)
{
    while (since < until) {
        int64_t day = since / DAY_NS;
        int64_t end = (day + 1) * DAY_NS < until ? (day + 1) * DAY_NS : until;
        int64_t online = 0;
        struct view_key key = *host;
        view_key_u64(&key, (uint64_t)day);
        (void)view_get(store, &DAYS, &key, &online, sizeof online);
        online += end - since;
        view_put(store, &DAYS, &key, &online, sizeof online);
        since = end;
    }
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct host_uptime row = {0};
    struct view_key key;
    (void)sequence;
    switch (event->type->number) {
    case EVENT_PROVIDER_ENROLLED:
        key = host_key(event->u.provider_enrolled.account_id, event->stream_id);
        row.enrolled_at = event->time;
        view_put(store, &HOSTS, &key, &row, sizeof row);
        break;
    case EVENT_PROVIDER_ONLINE:
        key = host_key(event->u.provider_online.account_id, event->stream_id);
        if (view_get(store, &HOSTS, &key, &row, sizeof row)) {
            row.online_since = event->time;
            view_put(store, &HOSTS, &key, &row, sizeof row);
        }
        break;
    case EVENT_PROVIDER_OFFLINE:
        key = host_key(event->u.provider_offline.account_id, event->stream_id);
        if (view_get(store, &HOSTS, &key, &row, sizeof row) && row.online_since != 0) {
            add_days(store, &key, row.online_since, event->u.provider_offline.last_report_at);
            row.online_since = 0;
            view_put(store, &HOSTS, &key, &row, sizeof row);
        }
        break;
    default:
        break;
    }
}

static const struct store_table *const TABLES[] = {&HOSTS, &DAYS};
const struct projection PROJECTION_UPTIME = {
    .name = "uptime", .tables = TABLES, .table_count = 2, .apply = apply};

static int64_t days_sum(struct store *store, const struct view_key *host, int64_t first_day)
{
    struct view_key at = *host;
    struct bytes value;
    int64_t sum = 0;
    view_key_u64(&at, (uint64_t)first_day - 1); /* passed over */
    while (view_next(store, &DAYS, &at, HOST_PREFIX, &value)) {
        int64_t online;
        INVARIANT(value.size == sizeof online);
        memcpy(&online, value.data, sizeof online);
        sum += online;
    }
    return sum;
}

size_t uptime_hosts(struct store *store, struct id16 account_id, struct id16 after, int64_t now,
                    struct uptime_host *ret, size_t max)
{
    int64_t first_day = now / DAY_NS - (UPTIME_DAYS - 1);
    int64_t border = first_day * DAY_NS;
    struct view_key at = host_key(account_id, after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &HOSTS, &at, sizeof account_id.b, &value)) {
        struct host_uptime row;
        INVARIANT(value.size == sizeof row);
        memcpy(&row, value.data, sizeof row);
        int64_t online = days_sum(store, &at, first_day);
        int64_t since = row.online_since > border ? row.online_since : border;
        if (row.online_since != 0 && since < now) {
            online += now - since;
        }
        int64_t from = row.enrolled_at > border ? row.enrolled_at : border;
        ret[count] = (struct uptime_host){.enrolled_at = row.enrolled_at,
                                          .online_since = row.online_since,
                                          .online_ms = (uint64_t)(online / NS_PER_MS)};
        memcpy(ret[count].host_id.b, at.b + sizeof account_id.b, sizeof ret[count].host_id.b);
        if (from < now) {
            ret[count].possible_ms = (uint64_t)((now - from) / NS_PER_MS);
        }
        count++;
    }
    return count;
}

void uptime_get(struct store *store, struct id16 account_id, int64_t now, struct uptime *ret)
{
    struct uptime_host host = {0};
    *ret = (struct uptime){0};
    while (uptime_hosts(store, account_id, host.host_id, now, &host, 1) > 0) {
        if (host.online_ms > 0 && host.possible_ms > 0) {
            ret->hosts++;
            ret->online_ms += host.online_ms;
            ret->possible_ms += host.possible_ms;
        }
    }
}
