/* core/crypto/fourq_scalar.c: integers modulo r, the order of FourQ's subgroup, by Montgomery products.
 *
 * A product montgomery(a, b) = a * b / 2^256 modulo r is below 2r as long as one factor is below r, so one
 * conditional subtraction reduces it. No branch depends on the numbers. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"
#include "core/crypto/wipe.h"

static const struct fourq_scalar order = {
    {0x2FB2540EC7768CE7, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}};
/* 2^512 modulo r: brings a number into Montgomery form. */
static const struct fourq_scalar square_of_2_256 = {
    {0xC81DB8795FF3D621, 0x173EA5AAEA6B387D, 0x3D01B7C72136F61C, 0x0006A5F16AC8F9D3}};
static const struct fourq_scalar one = {{1, 0, 0, 0}};
/* -1 / r modulo 2^64: the last word of the 256-bit constant is all that word-wise reduction needs. */
static const uint64_t negated_inverse = 0xE12FE5F079BC3929;

void fourq_scalar_load(const uint8_t bytes[32], struct fourq_scalar *ret)
{
    for (size_t i = 0; i < 4; i++) {
        ret->words[i] = get_le64(bytes + 8 * i);
    }
}

void fourq_scalar_store(const struct fourq_scalar *scalar, uint8_t ret[32])
{
    for (size_t i = 0; i < 4; i++) {
        put_le64(ret + 8 * i, scalar->words[i]);
    }
}

/* a - b; the borrow is 1 if a < b. */
static uint64_t subtract(const struct fourq_scalar *a, const struct fourq_scalar *b,
                         struct fourq_scalar *ret)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < 4; i++) {
        u128 const difference = (u128)a->words[i] - b->words[i] - borrow;
        ret->words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
}

static void add_masked(struct fourq_scalar *a, const struct fourq_scalar *b, uint64_t mask)
{
    u128 carry = 0;
    for (size_t i = 0; i < 4; i++) {
        carry += (u128)a->words[i] + (b->words[i] & mask);
        a->words[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

bool fourq_scalar_is_reduced_public(const struct fourq_scalar *scalar)
{
    struct fourq_scalar ignored;
    return subtract(scalar, &order, &ignored) == 1;
}

/* `ret` may be a or b. */
static void montgomery(const struct fourq_scalar *a, const struct fourq_scalar *b,
                       struct fourq_scalar *ret)
{
    uint64_t t[5] = {0};
    for (size_t i = 0; i < 4; i++) {
        u128 carry = 0;
        for (size_t j = 0; j < 4; j++) {
            carry += (u128)a->words[j] * b->words[i] + t[j];
            t[j] = (uint64_t)carry;
            carry >>= 64;
        }
        u128 const top = (u128)t[4] + carry;
        uint64_t const factor = t[0] * negated_inverse;
        carry = (u128)factor * order.words[0] + t[0];
        carry >>= 64;
        for (size_t j = 1; j < 4; j++) {
            carry += (u128)factor * order.words[j] + t[j];
            t[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += top;
        t[3] = (uint64_t)carry;
        t[4] = (uint64_t)(carry >> 64);
    }
    for (size_t i = 0; i < 4; i++) {
        ret->words[i] = t[i];
    }
    uint64_t const borrow = subtract(ret, &order, ret);
    add_masked(ret, &order, 0 - borrow);
    wipe(t, sizeof t);
}

void fourq_scalar_reduce(const struct fourq_scalar *a, struct fourq_scalar *ret)
{
    montgomery(a, &square_of_2_256, ret);
    montgomery(ret, &one, ret);
}

void fourq_scalar_sub_mul(const struct fourq_scalar *a, const struct fourq_scalar *b,
                          const struct fourq_scalar *c, struct fourq_scalar *ret)
{
    struct fourq_scalar product;
    struct fourq_scalar reduced;
    montgomery(b, &square_of_2_256, &product);
    montgomery(&product, c, &product);
    fourq_scalar_reduce(a, &reduced);
    uint64_t const borrow = subtract(&reduced, &product, ret);
    add_masked(ret, &order, 0 - borrow);
    wipe(&product, sizeof product);
    wipe(&reduced, sizeof reduced);
}
