// SPDX-License-Identifier: Apache-2.0
#include "api/presence.h"

#include "api/claims.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <stdlib.h>
#include <string.h>

#define SILENT_PER_CHECK 64
#define HOSTS_PER_CHECK                                                                            \
    1024 /* anybody may enrol many, and the loop waits while they are looked at */
#define BUCKETS 4096

struct heard {
    struct heard *next;
    struct id16 host_id;
    int64_t at; /* monotonic */
    uint64_t kinds;
};

struct presence {
    struct api *api;
    struct heard *buckets[BUCKETS];
    int64_t started_at;
    uint8_t checked[16]; /* the host that was looked at last; zeros: none yet of this round */
};

struct presence *presence_create(struct api *api)
{
    struct presence *presence = calloc(1, sizeof *presence);
    if (presence != NULL) {
        presence->api = api;
        presence->started_at = time_mono_ns();
    }
    return presence;
}

void presence_destroy(struct presence *presence)
{
    for (size_t i = 0; presence != NULL && i < BUCKETS; i++) {
        while (presence->buckets[i] != NULL) {
            struct heard *heard = presence->buckets[i];
            presence->buckets[i] = heard->next;
            free(heard);
        }
    }
    free(presence);
}

static struct heard **bucket_of(struct presence *presence, struct id16 host_id)
{
    return &presence->buckets[((unsigned)host_id.b[14] << 8 | host_id.b[15]) %
                              BUCKETS]; /* ids end in random bytes */
}

static struct heard *find(struct presence *presence, struct id16 host_id)
{
    struct heard *heard = *bucket_of(presence, host_id);
    while (heard != NULL && !id_equal(heard->host_id, host_id)) {
        heard = heard->next;
    }
    return heard;
}

void presence_heard(struct presence *presence, struct id16 host_id)
{
    struct heard *heard = find(presence, host_id);
    if (heard == NULL) {
        struct heard **bucket = bucket_of(presence, host_id);
        heard = calloc(1, sizeof *heard);
        if (heard == NULL) {
            return; /* it is then judged by the start of the program */
        }
        *heard = (struct heard){.next = *bucket, .host_id = host_id};
        *bucket = heard;
    }
    heard->at = time_mono_ns();
}

void presence_runs(struct presence *presence, struct id16 host_id, uint64_t kinds)
{
    struct heard *heard = find(presence, host_id);
    if (heard != NULL) {
        heard->kinds = kinds;
    }
}

uint64_t presence_kinds(struct presence *presence, struct id16 host_id)
{
    const struct heard *heard = find(presence, host_id);
    return heard == NULL ? 0 : heard->kinds;
}

struct offline {
    struct command command;
};

static void answered_cb(void *ctx, const struct ledger_answer *answer)
{
    if (answer->code != ERR_OK && answer->code != ERR_CONFLICT) {
        trace_err(TRACE_WARN, "presence.failed", &answer->err);
    }
    free(ctx);
}

static void say_offline(struct presence *presence, struct id16 host_id)
{
    struct err err = {0};
    struct offline *offline = calloc(1, sizeof *offline);
    if (offline == NULL) {
        return;
    }
    offline->command = (struct command){.type = COMMAND_HOST_OFFLINE,
                                        .command_id = id_new(time_wall_ns()),
                                        .actor_kind = ACTOR_LEDGER};
    offline->command.u.host.host_id = host_id;
    if (ledger_submit(presence->api->ledger, &offline->command, CLASS_REPORT, answered_cb, offline,
                      &err) != ERR_OK) {
        free(offline);
    }
}

static bool is_silent(struct presence *presence, struct id16 host_id, int64_t now, int64_t lease)
{
    const struct heard *heard = find(presence, host_id);
    int64_t at = heard == NULL ? presence->started_at : heard->at;
    return now - at > lease && !claims_has_host(presence->api->claims, host_id);
}

/* Some hosts, and those behind them the next time. */
void presence_check(struct presence *presence)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    struct id16 silent[SILENT_PER_CHECK];
    size_t count = 0;
    uint8_t *at = presence->checked;
    struct bytes key;
    struct bytes value;
    int64_t now = time_mono_ns();
    if (views_snapshot_open(ledger_views(presence->api->ledger), &snapshot, NULL) != ERR_OK) {
        return;
    }
    struct store *store = views_snapshot_store(snapshot);
    if (state_ledger(store, &ledger)) {
        int64_t lease = (int64_t)ledger.lease_s * NS_PER_S;
        for (size_t i = 0; i < HOSTS_PER_CHECK && count < SILENT_PER_CHECK; i++) {
            struct host_row host;
            struct id16 id;
            if (!store_seek(store, &STATE_HOSTS, bytes_of(at, sizeof id.b), true, &key, &value)) {
                memset(at, 0, sizeof id.b);
                break;
            }
            memcpy(at, key.data, sizeof id.b);
            memcpy(id.b, at, sizeof id.b);
            if (state_host(store, id, &host) && host.online != 0 &&
                is_silent(presence, id, now, lease)) {
                silent[count++] = id;
            }
        }
    }
    views_snapshot_close(snapshot);
    for (size_t i = 0; i < count; i++) {
        say_offline(presence, silent[i]);
    }
}
