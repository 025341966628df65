/* core/base/bytes.h: a borrowed slice of memory.
 *
 * Owner:   whoever made it; the comment at each use names the owner and until when. Never freed here.
 * Errors:  none; reads outside the slice are the caller's bug (INVARIANT). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_BYTES_H
#define CORE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;
};

struct bytes bytes_of(const void *data, size_t size);
struct bytes bytes_of_text(const char *text); /* without the terminating zero */
bool bytes_equal(struct bytes a, struct bytes b);
/* From `start` to the end; empty when start is the size. start ≤ size. */
struct bytes bytes_from(struct bytes whole, size_t start);
bool bytes_starts_with(struct bytes whole, const char *prefix);

/* Fixed-width big-endian fields, as records and composite keys use them. */
void put_be16(uint8_t *at, uint16_t value);
void put_be32(uint8_t *at, uint32_t value);
void put_be64(uint8_t *at, uint64_t value);
uint16_t get_be16(const uint8_t *at);
uint32_t get_be32(const uint8_t *at);
uint64_t get_be64(const uint8_t *at);

/* Fixed-width little-endian fields, as the Qubic wire format uses them. */
void put_le16(uint8_t *at, uint16_t value);
void put_le32(uint8_t *at, uint32_t value);
void put_le64(uint8_t *at, uint64_t value);
uint16_t get_le16(const uint8_t *at);
uint32_t get_le32(const uint8_t *at);
uint64_t get_le64(const uint8_t *at);

#endif
