// SPDX-License-Identifier: Apache-2.0
#include "api/rate.h"

#include "core/base/invariant.h"
#include "core/base/time.h"

#include <stdlib.h>

#define WAYS 4
#define SETS 2048

struct entry {
    uint64_t key;
    int64_t due; /* when the allowance would be full again; in the past: it is */
};

struct rates {
    int64_t step_ns; /* what one request costs */
    struct entry entries[SETS][WAYS];
};

struct rates *rates_create(uint32_t per_s)
{
    INVARIANT(per_s > 0);
    struct rates *rates = calloc(1, sizeof *rates);
    if (rates != NULL) {
        rates->step_ns = NS_PER_S / per_s;
    }
    return rates;
}

void rates_destroy(struct rates *rates)
{
    free(rates);
}

bool rates_take(struct rates *rates, uint64_t key, int64_t now_ns)
{
    struct entry *set = rates->entries[key % SETS];
    struct entry *entry = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            entry = &set[i];
            break;
        }
        if (set[i].due < entry->due) {
            entry = &set[i]; /* asked longest ago */
        }
    }
    if (entry->key != key) {
        *entry = (struct entry){.key = key};
    }
    int64_t due = (entry->due > now_ns ? entry->due : now_ns) + rates->step_ns;
    if (due - now_ns > NS_PER_S) {
        return false;
    }
    entry->due = due;
    return true;
}
