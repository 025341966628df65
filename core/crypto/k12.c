/* core/crypto/k12.c
 *
 *   S = input || customization || length(customization), cut into chunks of 8,192 bytes S0 .. Sn
 *   one chunk:   output = TurboSHAKE128(S, 0x07)
 *   more:        output = TurboSHAKE128(S0 || 03 00*7 || CV1 .. CVn || length(n) || FF FF, 0x06)
 *                CVi    = TurboSHAKE128(Si, 0x0B, 32)
 *
 * A chunk is closed only when a byte beyond it arrives, so the same code serves one chunk and many. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"

#include "core/base/invariant.h"
#include "core/crypto/wipe.h"

#include <string.h>

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 5") /* gcc -O2 leaves the loops: three times slower */
#endif

#define RATE 168
#define CHUNK_SIZE 8192
#define CV_SIZE 32

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return (x << n) | (x >> ((64 - n) & 63));
}

/* The last 12 rounds of Keccak-f[1600]. Lane (x, y) is a[x + 5 * y]. */
static void keccak_p1600_12(uint64_t a[25])
{
    static const uint64_t constants[12] = {
        0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
        0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
        0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
    };
    for (int round = 0; round < 12; round++) {
        uint64_t c[5];
        uint64_t b[25];
        UNROLL
        for (int x = 0; x < 5; x++) {
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        }
        UNROLL
        for (int x = 0; x < 5; x++) {
            uint64_t const d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
            a[x] ^= d;
            a[x + 5] ^= d;
            a[x + 10] ^= d;
            a[x + 15] ^= d;
            a[x + 20] ^= d;
        }
        /* rho and pi, written out: b[y, 2x + 3y] = a[x, y] rotated */
        b[0] = a[0];
        b[10] = rotate(a[1], 1);
        b[20] = rotate(a[2], 62);
        b[5] = rotate(a[3], 28);
        b[15] = rotate(a[4], 27);
        b[16] = rotate(a[5], 36);
        b[1] = rotate(a[6], 44);
        b[11] = rotate(a[7], 6);
        b[21] = rotate(a[8], 55);
        b[6] = rotate(a[9], 20);
        b[7] = rotate(a[10], 3);
        b[17] = rotate(a[11], 10);
        b[2] = rotate(a[12], 43);
        b[12] = rotate(a[13], 25);
        b[22] = rotate(a[14], 39);
        b[23] = rotate(a[15], 41);
        b[8] = rotate(a[16], 45);
        b[18] = rotate(a[17], 15);
        b[3] = rotate(a[18], 21);
        b[13] = rotate(a[19], 8);
        b[14] = rotate(a[20], 18);
        b[24] = rotate(a[21], 2);
        b[9] = rotate(a[22], 61);
        b[19] = rotate(a[23], 56);
        b[4] = rotate(a[24], 14);
        UNROLL
        for (int y = 0; y < 25; y += 5) {
            UNROLL
            for (int x = 0; x < 5; x++) {
                a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
            }
        }
        a[0] ^= constants[round];
    }
}

/* Here and not get_le64, so that it becomes a plain load inside the loop. */
static inline uint64_t lane_at(const uint8_t *at)
{
    return at[0] | ((uint64_t)at[1] << 8) | ((uint64_t)at[2] << 16) | ((uint64_t)at[3] << 24) |
           ((uint64_t)at[4] << 32) | ((uint64_t)at[5] << 40) | ((uint64_t)at[6] << 48) |
           ((uint64_t)at[7] << 56);
}

static void sponge_absorb(struct k12_sponge *sponge, const uint8_t *data, size_t size)
{
    while (size > 0) {
        if (sponge->fill == RATE) {
            keccak_p1600_12(sponge->lanes);
            sponge->fill = 0;
        }
        if (sponge->fill % 8 == 0 && size >= 8) {
            size_t const room = RATE - sponge->fill;
            size_t const whole = (size < room ? size : room) / 8;
            uint64_t *lanes = &sponge->lanes[sponge->fill / 8];
            for (size_t i = 0; i < whole; i++) {
                lanes[i] ^= lane_at(data + 8 * i);
            }
            sponge->fill += 8 * whole;
            data += 8 * whole;
            size -= 8 * whole;
        } else {
            sponge->lanes[sponge->fill / 8] ^= (uint64_t)*data << (8 * (sponge->fill % 8));
            sponge->fill++;
            data++;
            size--;
        }
    }
}

/* Domain byte, padding, permutation: the sponge is ready to squeeze. */
static void sponge_turn(struct k12_sponge *sponge, uint8_t domain)
{
    sponge_absorb(sponge, &domain, 1);
    sponge->lanes[RATE / 8 - 1] ^= UINT64_C(0x80) << 56;
    keccak_p1600_12(sponge->lanes);
    sponge->fill = 0;
}

static void sponge_squeeze(struct k12_sponge *sponge, uint8_t *ret, size_t size)
{
    while (size > 0) {
        if (sponge->fill == RATE) {
            keccak_p1600_12(sponge->lanes);
            sponge->fill = 0;
        }
        uint64_t const lane = sponge->lanes[sponge->fill / 8];
        if (sponge->fill % 8 == 0 && size >= 8) {
            put_le64(ret, lane);
            sponge->fill += 8;
            ret += 8;
            size -= 8;
        } else {
            *ret = (uint8_t)(lane >> (8 * (sponge->fill % 8)));
            sponge->fill++;
            ret++;
            size--;
        }
    }
}

/* Big-endian without leading zeros, then the count of those bytes. */
static size_t length_encode(uint64_t value, uint8_t ret[9])
{
    size_t count = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        if (count > 0 || (value >> shift) != 0) {
            ret[count++] = (uint8_t)(value >> shift);
        }
    }
    ret[count] = (uint8_t)count;
    return count + 1;
}

static void leaf_close(struct k12 *k12)
{
    uint8_t cv[CV_SIZE];
    sponge_turn(&k12->leaf, 0x0B);
    sponge_squeeze(&k12->leaf, cv, sizeof cv);
    sponge_absorb(&k12->trunk, cv, sizeof cv);
    wipe(cv, sizeof cv);
}

static void chunk_next(struct k12 *k12)
{
    static const uint8_t mark[8] = {3, 0, 0, 0, 0, 0, 0, 0};
    if (k12->leaf_count == 0) {
        sponge_absorb(&k12->trunk, mark, sizeof mark);
    } else {
        leaf_close(k12);
    }
    k12->leaf = (struct k12_sponge){0};
    k12->leaf_count++;
    k12->chunk_size = 0;
}

void k12_init(struct k12 *k12)
{
    *k12 = (struct k12){0};
}

void k12_update(struct k12 *k12, struct bytes input)
{
    INVARIANT(!k12->squeezing);
    while (input.size > 0) {
        if (k12->chunk_size == CHUNK_SIZE) {
            chunk_next(k12);
        }
        size_t const room = CHUNK_SIZE - k12->chunk_size;
        size_t const size = input.size < room ? input.size : room;
        sponge_absorb(k12->leaf_count == 0 ? &k12->trunk : &k12->leaf, input.data, size);
        k12->chunk_size += size;
        input = bytes_from(input, size);
    }
}

void k12_finish(struct k12 *k12, struct bytes customization)
{
    uint8_t length[9];
    k12_update(k12, customization);
    k12_update(k12, bytes_of(length, length_encode(customization.size, length)));
    if (k12->leaf_count == 0) {
        sponge_turn(&k12->trunk, 0x07);
    } else {
        static const uint8_t end[2] = {0xFF, 0xFF};
        leaf_close(k12);
        sponge_absorb(&k12->trunk, length, length_encode(k12->leaf_count, length));
        sponge_absorb(&k12->trunk, end, sizeof end);
        sponge_turn(&k12->trunk, 0x06);
    }
    k12->squeezing = true;
}

void k12_squeeze(struct k12 *k12, uint8_t *ret, size_t size)
{
    INVARIANT(k12->squeezing);
    sponge_squeeze(&k12->trunk, ret, size);
}

void k12_final(struct k12 *k12, uint8_t *ret, size_t size)
{
    k12_finish(k12, bytes_of(NULL, 0));
    k12_squeeze(k12, ret, size);
    k12_wipe(k12);
}

void k12_wipe(struct k12 *k12)
{
    wipe(k12, sizeof *k12);
}

void k12_hash(struct bytes input, uint8_t *ret, size_t size)
{
    struct k12 k12;
    k12_init(&k12);
    k12_update(&k12, input);
    k12_final(&k12, ret, size);
}

struct key32 k12_digest(struct bytes input)
{
    struct key32 digest;
    k12_hash(input, digest.b, sizeof digest.b);
    return digest;
}
