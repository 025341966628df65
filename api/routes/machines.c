/* A provider's own machines: whether each is there, what it did, for how long it was online. */
// SPDX-License-Identifier: Apache-2.0
#include "api/list.h"
#include "api/route.h"
#include "core/base/time.h"
#include "projections/marketplace.h"
#include "projections/streams.h"
#include "projections/uptime.h"

/* As it was enrolled; empty when that was erased. */
static json_t *name_of(struct reading *reading, struct id16 host_id)
{
    struct event enrolled;
    uint64_t sequence;
    bool found = streams_after(reading->store, STREAM_HOST, host_id, 0, &sequence, 1) == 1 &&
                 reading_event(reading, sequence, &enrolled) &&
                 enrolled.type->number == EVENT_PROVIDER_ENROLLED;
    return json_of_text(found ? enrolled.u.provider_enrolled.host_name : bytes_of_text(""));
}

static json_t *json_of_machine(struct reading *reading, const struct uptime_host *uptime)
{
    struct market_host host = {0};
    struct host_row row = {0};
    (void)marketplace_get_host(reading->store, uptime->host_id, &host);
    (void)state_host(reading->store, uptime->host_id, &row);
    return json_pack(
        "{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:I,s:I,s:I,s:o,s:I,s:I,s:o}", "host_id",
        json_of_id(uptime->host_id), "name", name_of(reading, uptime->host_id), "enrolled_at",
        json_of_time(uptime->enrolled_at), "online", row.online != 0, "changed_at",
        json_of_time(host.changed_at), "last_report_at", json_of_time(row.last_report_at), "job_id",
        json_of_id(row.job_id), "queued", (json_int_t)host.queued, "done", (json_int_t)host.done,
        "lost", (json_int_t)host.lost, "measured_at", json_of_time(host.measured_at), "online_ms",
        (json_int_t)uptime->online_ms, "possible_ms", (json_int_t)uptime->possible_ms, "permille",
        uptime->possible_ms == 0 ? json_null()
                                 : json_of_u64(uptime->online_ms * 1000 / uptime->possible_ms));
}

static void list_machines(struct call *call)
{
    struct reading reading;
    struct uptime_host hosts[LIST_MAX];
    struct id16 after;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_after_id(call, &after) || !reading_open(&reading, call)) {
        return;
    }
    size_t count = uptime_hosts(reading.store, call->principal.account_id, after, time_wall_ns(),
                                hosts, limit);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(items, json_of_machine(&reading, &hosts[i]));
    }
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         count == limit ? json_of_id(hosts[count - 1].host_id) : json_null()));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/workers", SCOPE_PROVIDER, BODY_NONE, list_machines},
};
const struct route_table ROUTES_MACHINES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
