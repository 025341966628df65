/* api/in_flight.h: the Idempotency-Keys of requests that are not answered yet. A second request with the same key meanwhile is refused, not run
 * beside the first: only the first one's answer can tell what became of it.
 *
 * Owner:   an entry is part of a call and in the table until the call is freed.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_IN_FLIGHT_H
#define API_IN_FLIGHT_H

#include "core/base/id.h"

#include <stdbool.h>

struct in_flight;

struct in_flight_entry {
    struct in_flight *table; /* NULL: not in it */
    struct id16 id;
    struct in_flight_entry *next;
};

struct in_flight *in_flight_create(void); /* NULL: out of memory */
void in_flight_destroy(struct in_flight *table);
/* false: another one has this id. */
bool in_flight_add(struct in_flight *table, struct in_flight_entry *entry, struct id16 id);
void in_flight_remove(struct in_flight_entry *entry); /* fine if it is in none */

#endif
