/* tools/devchain/key_map.h: 32-byte keys to indices, open addressing, never shrinks.
 *
 * Keys are hashes and public keys, so their first bytes serve as hash. Not made for keys that an enemy
 * chooses to collide: this is a development chain. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_KEY_MAP_H
#define TOOLS_DEVCHAIN_KEY_MAP_H

#include "core/base/err.h"
#include "core/base/id.h"

#define KEY_MAP_NONE UINT32_MAX

struct key_map {
    struct key_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void key_map_deinit(struct key_map *map);
/* KEY_MAP_NONE if the key is not there. */
uint32_t key_map_get(const struct key_map *map, const struct key32 *key);
/* The key must not be there yet. ERR_NOMEM leaves the map as it was. */
MUST_CHECK enum err_code key_map_put(struct key_map *map, const struct key32 *key, uint32_t value,
                                     struct err *err);

#endif
