// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/key_map.h"

#include "core/base/invariant.h"

#include <stdlib.h>

struct key_map_slot {
    struct key32 key;
    uint32_t value; /* KEY_MAP_NONE: free */
};

void key_map_deinit(struct key_map *map)
{
    free(map->slots);
    *map = (struct key_map){0};
}

/* Where the key is, or the free slot where it would be. */
static struct key_map_slot *find(struct key_map_slot *slots, size_t capacity,
                                 const struct key32 *key)
{
    size_t at = (size_t)(get_le64(key->b) * UINT64_C(0x9E3779B97F4A7C15) >> 16) & (capacity - 1);
    while (slots[at].value != KEY_MAP_NONE && !key_equal(slots[at].key, *key)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

uint32_t key_map_get(const struct key_map *map, const struct key32 *key)
{
    return map->capacity == 0 ? KEY_MAP_NONE : find(map->slots, map->capacity, key)->value;
}

static enum err_code grow(struct key_map *map, struct err *err)
{
    size_t const capacity = map->capacity == 0 ? 256 : map->capacity * 2;
    struct key_map_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory for %zu keys", capacity);
    }
    for (size_t i = 0; i < capacity; i++) {
        slots[i].value = KEY_MAP_NONE;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != KEY_MAP_NONE) {
            *find(slots, capacity, &map->slots[i].key) = map->slots[i];
        }
    }
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return ERR_OK;
}

enum err_code key_map_put(struct key_map *map, const struct key32 *key, uint32_t value,
                          struct err *err)
{
    INVARIANT(value != KEY_MAP_NONE);
    if (map->count * 2 >= map->capacity) {
        enum err_code const code = grow(map, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    struct key_map_slot *slot = find(map->slots, map->capacity, key);
    INVARIANT(slot->value == KEY_MAP_NONE);
    *slot = (struct key_map_slot){.key = *key, .value = value};
    map->count++;
    return ERR_OK;
}
