// SPDX-License-Identifier: Apache-2.0
#include "api/in_flight.h"

#include "core/base/invariant.h"

#include <stdlib.h>

#define BUCKETS 1024

struct in_flight {
    struct in_flight_entry *buckets[BUCKETS];
};

struct in_flight *in_flight_create(void)
{
    return calloc(1, sizeof(struct in_flight));
}

void in_flight_destroy(struct in_flight *table)
{
    free(table);
}

static struct in_flight_entry **bucket_of(struct in_flight *table, struct id16 id)
{
    return &table->buckets[((unsigned)id.b[14] << 8 | id.b[15]) % BUCKETS]; /* ids are digests */
}

bool in_flight_add(struct in_flight *table, struct in_flight_entry *entry, struct id16 id)
{
    struct in_flight_entry **bucket = bucket_of(table, id);
    for (const struct in_flight_entry *other = *bucket; other != NULL; other = other->next) {
        if (id_equal(other->id, id)) {
            return false;
        }
    }
    *entry = (struct in_flight_entry){.table = table, .id = id, .next = *bucket};
    *bucket = entry;
    return true;
}

void in_flight_remove(struct in_flight_entry *entry)
{
    if (entry->table == NULL) {
        return;
    }
    struct in_flight_entry **at = bucket_of(entry->table, entry->id);
    while (*at != entry) {
        INVARIANT(*at != NULL);
        at = &(*at)->next;
    }
    *at = entry->next;
    entry->table = NULL;
}
