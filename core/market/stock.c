// SPDX-License-Identifier: Apache-2.0
#include "core/market/stock.h"

#include "core/base/software.h"
#include "core/crypto/sha256.h"

#include <stdio.h>
#include <string.h>

#define KEY_SIZE 32         /* two ids, one behind the other */
#define OFFERS_ASKED_MAX 64 /* of a host; a machine that makes more has only itself to blame */

static void key_of(struct id16 first, struct id16 second, uint8_t ret[KEY_SIZE])
{
    memcpy(ret, first.b, sizeof first.b);
    memcpy(ret + sizeof first.b, second.b, sizeof second.b);
}

struct id16 stock_item(enum stock kind, struct bytes name)
{
    char text[SOFTWARE_LIST_MAX];
    struct id16 item;
    int const size = snprintf(text, sizeof text, "%s %.*s", kind == STOCK_IMAGE ? "image" : "model",
                              (int)name.size, (const char *)name.data);
    struct key32 const digest =
        sha256_of(bytes_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
    memcpy(item.b, digest.b, sizeof item.b);
    return item;
}

static uint64_t bit_of(struct id16 item)
{
    return UINT64_C(1) << (item.b[0] % 64);
}

bool stock_may_have(const struct offer_row *offer, struct id16 item)
{
    return (offer->item_bits & bit_of(item)) != 0;
}

bool stock_has(struct store *state, struct id16 offer_id, struct id16 item)
{
    uint8_t key[KEY_SIZE];
    key_of(offer_id, item, key);
    return id_is_zero(item) || store_has(state, &STATE_STOCK, bytes_of(key, sizeof key));
}

bool stock_of_host(struct store *state, struct id16 host_id, const struct requirements *needs)
{
    uint8_t at[KEY_SIZE];
    struct bytes key;
    struct bytes value;
    key_of(host_id, (struct id16){0}, at);
    for (size_t i = 0;
         i < OFFERS_ASKED_MAX &&
         store_seek(state, &STATE_HOST_OFFERS, bytes_of(at, sizeof at), true, &key, &value) &&
         key.size == sizeof at && memcmp(key.data, host_id.b, sizeof host_id.b) == 0;
         i++) {
        struct id16 offer_id;
        struct offer_row offer;
        memcpy(at, key.data, sizeof at);
        memcpy(offer_id.b, at + 16, sizeof offer_id.b);
        if (state_offer(state, offer_id, &offer) &&
            (offer.tells_packages == 0 || (needs->packages & ~offer.packages) == 0) &&
            stock_has(state, offer_id, needs->item)) {
            return true;
        }
    }
    return false;
}

static uint64_t publish(struct store *state, struct id16 offer_id, enum stock kind,
                        struct bytes names)
{
    uint64_t bits = 0;
    struct bytes name;
    struct bytes version;
    while (software_next(&names, &name, &version)) {
        uint8_t key[KEY_SIZE];
        struct id16 const item = stock_item(kind, name);
        key_of(offer_id, item, key);
        store_put(state, &STATE_STOCK, bytes_of(key, sizeof key), bytes_of("", 0));
        bits |= bit_of(item);
    }
    return bits;
}

uint64_t stock_publish(struct store *state, struct id16 offer_id, struct bytes models,
                       struct bytes images)
{
    uint64_t const bits = publish(state, offer_id, STOCK_MODEL, models);
    return bits | publish(state, offer_id, STOCK_IMAGE, images);
}

void stock_withdraw(struct store *state, struct id16 offer_id)
{
    uint8_t at[KEY_SIZE];
    struct bytes key;
    struct bytes value;
    key_of(offer_id, (struct id16){0}, at);
    while (store_seek(state, &STATE_STOCK, bytes_of(at, sizeof at), true, &key, &value) &&
           key.size == sizeof at && memcmp(key.data, offer_id.b, sizeof offer_id.b) == 0) {
        memcpy(at, key.data, sizeof at);
        store_delete(state, &STATE_STOCK, bytes_of(at, sizeof at));
    }
}
