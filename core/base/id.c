// SPDX-License-Identifier: Apache-2.0
#include "core/base/id.h"

#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"

#include <string.h>

struct id16 id_new(int64_t wall_ns)
{
    struct id16 id;
    uint8_t ms[8];
    rng_bytes(id.b, sizeof id.b);
    put_be64(ms, (uint64_t)(wall_ns / NS_PER_MS));
    memcpy(id.b, ms + 2, 6);
    id.b[6] = (uint8_t)(0x70U | (id.b[6] & 0x0FU));
    id.b[8] = (uint8_t)(0x80U | (id.b[8] & 0x3FU));
    return id;
}

bool id_equal(struct id16 a, struct id16 b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool id_is_zero(struct id16 id)
{
    return id_equal(id, (struct id16){0});
}

bool key_equal(struct key32 a, struct key32 b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool key_is_zero(struct key32 key)
{
    return key_equal(key, (struct key32){0});
}

/* Bytes in each hyphen-separated group. */
static const size_t GROUPS[] = {4, 2, 2, 2, 6};

void id_format(struct id16 id, char ret_text[ID_TEXT_SIZE])
{
    char hex[33];
    hex_encode(bytes_of(id.b, sizeof id.b), hex);
    char *at = ret_text;
    const char *from = hex;
    for (size_t i = 0; i < sizeof GROUPS / sizeof *GROUPS; i++) {
        if (i > 0) {
            *at++ = '-';
        }
        memcpy(at, from, GROUPS[i] * 2);
        at += GROUPS[i] * 2;
        from += GROUPS[i] * 2;
    }
    *at = '\0';
}

/* Unlike hex_decode not in constant time: an id is no secret, and every request has one. */
static int digit(uint8_t byte)
{
    uint8_t const small = byte | 0x20;
    return byte >= '0' && byte <= '9'     ? byte - '0'
           : small >= 'a' && small <= 'f' ? small - 'a' + 10
                                          : -1;
}

static bool group_decode(const uint8_t *from, size_t size, uint8_t *ret)
{
    for (size_t i = 0; i < size; i++) {
        int const high = digit(from[2 * i]);
        int const low = digit(from[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

enum err_code id_parse(struct bytes text, struct id16 *ret, struct err *err)
{
    struct id16 id;
    if (text.size != ID_TEXT_SIZE - 1) {
        goto invalid;
    }
    const uint8_t *from = text.data;
    uint8_t *at = id.b;
    for (size_t i = 0; i < sizeof GROUPS / sizeof *GROUPS; i++) {
        if (i > 0 && *from++ != '-') {
            goto invalid;
        }
        if (!group_decode(from, GROUPS[i], at)) {
            goto invalid;
        }
        from += GROUPS[i] * 2;
        at += GROUPS[i];
    }
    *ret = id;
    return ERR_OK;
invalid:
    return err_set(err, ERR_INVALID, "not an id like 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60");
}
