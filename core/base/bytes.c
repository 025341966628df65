// SPDX-License-Identifier: Apache-2.0
#include "core/base/bytes.h"

#include "core/base/invariant.h"

#include <endian.h>
#include <string.h>

struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

struct bytes bytes_from(struct bytes whole, size_t start)
{
    INVARIANT(start <= whole.size);
    if (whole.size == start) {
        return (struct bytes){0};
    }
    return (struct bytes){.data = whole.data + start, .size = whole.size - start};
}

bool bytes_starts_with(struct bytes whole, const char *prefix)
{
    size_t size = strlen(prefix);
    return whole.size >= size && memcmp(whole.data, prefix, size) == 0;
}

#define DEFINE_ENDIAN(suffix, type, to_wire, from_wire)                                            \
    void put_##suffix(uint8_t *at, type value)                                                     \
    {                                                                                              \
        type wire = to_wire(value);                                                                \
        memcpy(at, &wire, sizeof wire);                                                            \
    }                                                                                              \
    type get_##suffix(const uint8_t *at)                                                           \
    {                                                                                              \
        type wire;                                                                                 \
        memcpy(&wire, at, sizeof wire);                                                            \
        return from_wire(wire);                                                                    \
    }

DEFINE_ENDIAN(be16, uint16_t, htobe16, be16toh)
DEFINE_ENDIAN(be32, uint32_t, htobe32, be32toh)
DEFINE_ENDIAN(be64, uint64_t, htobe64, be64toh)
DEFINE_ENDIAN(le16, uint16_t, htole16, le16toh)
DEFINE_ENDIAN(le32, uint32_t, htole32, le32toh)
DEFINE_ENDIAN(le64, uint64_t, htole64, le64toh)
