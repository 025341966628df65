/* api/presence.h: which machines have been heard of lately. A host that is silent for a lease goes offline by an event.
 *
 * In memory only: after a restart every online host has a fresh lease, so that our downtime is nobody's fault.
 * Cost: a check looks at so many hosts and goes on from there the next time; a host is found by its id in constant time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_PRESENCE_H
#define API_PRESENCE_H

#include "api/api.h"

struct presence *presence_create(struct api *api);
void presence_destroy(struct presence *presence);
/* Any request by a worker's token. */
void presence_heard(struct presence *presence, struct id16 host_id);
/* What kinds of files it said last that it runs: bits of enum upload_kind. */
void presence_runs(struct presence *presence, struct id16 host_id, uint64_t kinds);
/* 0: it has not been heard of since the program's start. */
uint64_t presence_kinds(struct presence *presence, struct id16 host_id);
/* A worker that holds a long poll is present as long as the poll is open. */
void presence_check(struct presence *presence);

#endif
