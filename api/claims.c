// SPDX-License-Identifier: Apache-2.0
#include "api/claims.h"

#include "api/call.h"
#include "api/job_json.h"
#include "core/base/time.h"
#include "projections/streams.h"

#include <stdlib.h>
#include <string.h>

struct claims {
    struct api *api;
    struct call *waiting; /* linked by call->next */
    bool closing;
};

struct claim { /* call->state */
    int64_t deadline;
    uint64_t kinds;
    bool network;
    uint64_t seen; /* the last of its provider's events when the writer was asked; 0: it was not */
};

struct claims *claims_create(struct api *api)
{
    struct claims *claims = calloc(1, sizeof *claims);
    if (claims != NULL) {
        claims->api = api;
    }
    return claims;
}

void claims_destroy(struct claims *claims)
{
    free(claims);
}

static void unlink_call(struct claims *claims, struct call *call)
{
    for (struct call **at = &claims->waiting; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            call->next = NULL;
            return;
        }
    }
}

static void gone_cb(struct call *call)
{
    unlink_call(call->api->claims, call);
    call_free(call);
}

static void reply_none(struct call *call)
{
    call_reply_text(call, 204, NULL, (struct bytes){0});
}

static void enlist(struct claims *claims, struct call *call)
{
    if (claims->closing || call->request == NULL) {
        reply_none(call);
        return;
    }
    call->on_abort = gone_cb;
    call->next = claims->waiting;
    claims->waiting = call;
}

/* The job a host has been given and not started: its claim's answer may have been lost. */
static bool reply_assigned(struct call *call, struct id16 host_id)
{
    struct reading reading;
    struct host_row host;
    struct job_row job;
    if (!reading_open(&reading, call)) {
        return true;
    }
    bool assigned = state_host(reading.store, host_id, &host) && !id_is_zero(host.job_id) &&
                    state_job(reading.store, host.job_id, &job) && job.status == JOB_ASSIGNED;
    json_t *json = assigned ? json_of_assignment(&reading, host.job_id, &job) : NULL;
    reading_close(&reading);
    if (assigned) {
        call_reply(call, 200, json);
    }
    return assigned;
}

static void claimed_cb(struct call *call)
{
    if (!reply_assigned(call, call->principal.host_id)) {
        call_problem(call, 409, "job_gone", "the job was taken back; claim again");
    }
}

static struct call *waiting_of(const struct claims *claims, struct id16 host_id)
{
    struct call *call = claims->waiting;
    while (call != NULL && !id_equal(call->principal.host_id, host_id)) {
        call = call->next;
    }
    return call;
}

/* Nothing for this host after all, or somebody else was faster: wait on, unless the host has asked anew meanwhile. */
static void refused(struct call *call)
{
    if (waiting_of(call->api->claims, call->principal.host_id) != NULL) {
        reply_none(call);
    } else {
        enlist(call->api->claims, call);
    }
}

static void submit(struct call *call)
{
    const struct claim *claim = call->state;
    call->command = (struct command){
        .type = COMMAND_JOB_CLAIM,
        .command_id = id_new(time_wall_ns()),
        .actor_kind = ACTOR_HOST,
        .actor_id = call->principal.host_id,
    };
    call->command.u.job.kinds = claim->kinds;
    call->command.u.job.network = claim->network;
    call->on_abort = NULL;
    call_submit_or(call, CLASS_REPORT, claimed_cb, refused);
}

/* Whether the host's provider has anything queued, and something happened since the writer was asked; `decide` says whether it is for this host. */
static bool may_have_job(struct claims *claims, const struct call *call)
{
    struct claim *claim = call->state;
    struct views_snapshot *snapshot;
    struct host_row host;
    bool found = false;
    struct bytes key;
    struct bytes value;
    if (views_snapshot_open(ledger_views(claims->api->ledger), &snapshot, NULL) != ERR_OK) {
        return false;
    }
    struct store *store = views_snapshot_store(snapshot);
    if (state_host(store, call->principal.host_id, &host) && id_is_zero(host.job_id) &&
        streams_last(store, STREAM_ACCOUNT, host.account_id) > claim->seen &&
        store_seek(store, &STATE_QUEUE, bytes_of(host.account_id.b, 16), true, &key, &value)) {
        found = key.size >= 16 && memcmp(key.data, host.account_id.b, 16) == 0;
        claim->seen = found ? streams_last(store, STREAM_ACCOUNT, host.account_id) : claim->seen;
    }
    views_snapshot_close(snapshot);
    return found;
}

void claims_wait(struct claims *claims, struct call *call, int64_t deadline, uint64_t kinds,
                 bool network)
{
    struct claim *claim = arena_alloc(&call->arena, sizeof *claim);
    if (claim == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *claim = (struct claim){.deadline = deadline, .kinds = kinds, .network = network};
    call->state = claim;
    struct call *older = waiting_of(claims, call->principal.host_id);
    if (older != NULL) { /* nobody reads its answer any more, or somebody opens many */
        unlink_call(claims, older);
        reply_none(older);
    }
    if (reply_assigned(call, call->principal.host_id)) {
        return;
    }
    if (may_have_job(claims, call)) {
        submit(call);
    } else {
        enlist(claims, call);
    }
}

void claims_retry(struct claims *claims)
{
    struct call *list = claims->waiting;
    claims->waiting = NULL;
    while (list != NULL) {
        struct call *call = list;
        list = call->next;
        call->next = NULL;
        if (may_have_job(claims, call)) {
            submit(call);
        } else {
            enlist(claims, call);
        }
    }
}

static void release_until(struct claims *claims, int64_t now)
{
    struct call *list = claims->waiting;
    claims->waiting = NULL;
    while (list != NULL) {
        struct call *call = list;
        const struct claim *claim = call->state;
        list = call->next;
        call->next = NULL;
        if (claim->deadline <= now) {
            reply_none(call);
        } else {
            enlist(claims, call);
        }
    }
}

void claims_expire(struct claims *claims)
{
    release_until(claims, time_mono_ns());
}

void claims_release(struct claims *claims)
{
    claims->closing = true;
    release_until(claims, INT64_MAX);
}

bool claims_has_host(const struct claims *claims, struct id16 host_id)
{
    return waiting_of(claims, host_id) != NULL;
}
