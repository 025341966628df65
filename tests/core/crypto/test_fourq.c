/* FourQ against the project's vectors, its table against plain doubling, and its laws on random points. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"
#include "core/crypto/fourq_table.h"
#include "core/crypto/k12.h"
#include "tests/support/qubic_vectors.h"

static struct fourq_scalar scalar_of(const json_t *row, const char *field)
{
    uint8_t bytes[32];
    vector_hex(row, field, bytes, sizeof bytes);
    return fourq_scalar_load(bytes);
}

static u128 element_of(const uint8_t at[16])
{
    return ((u128)get_le64(at + 8) << 64) | get_le64(at);
}

static void check_decode(const json_t *row)
{
    struct key32 encoded;
    struct fourq_point point;
    vector_hex(row, "encodedHex", encoded.b, sizeof encoded.b);
    bool on_curve = json_is_true(json_object_get(row, "onCurve"));
    assert_int_equal(fourq_decode_public(&encoded, &point), on_curve);
    if (!on_curve) {
        return;
    }
    uint8_t x[32];
    uint8_t y[32];
    vector_hex(row, "xHex", x, sizeof x);
    vector_hex(row, "yHex", y, sizeof y);
    assert_true(fp_canonical(point.x.re) == element_of(x));
    assert_true(fp_canonical(point.x.im) == element_of(x + 16));
    assert_true(fp_canonical(point.y.re) == element_of(y));
    assert_true(fp_canonical(point.y.im) == element_of(y + 16));
    struct key32 again;
    fourq_encode(&point, &again);
    assert_memory_equal(again.b, encoded.b, 32);
}

static void vectors_match(void **state)
{
    (void)state;
    struct vectors v = vectors_open("fourq");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        const char *op = vector_text(row, "op");
        struct fourq_point result;
        struct key32 expected;
        struct key32 encoded;
        if (strcmp(op, "decode") == 0) {
            check_decode(row);
            v.checked++;
            continue;
        }
        struct fourq_scalar k = scalar_of(row, "kHex");
        if (strcmp(op, "mulBase") == 0) {
            fourq_mul_base(&k, &result);
        } else {
            assert_string_equal(op, "mulDouble(k*G+l*P)");
            struct fourq_scalar l = scalar_of(row, "lHex");
            struct key32 p;
            struct fourq_point point;
            vector_hex(row, "pHex", p.b, sizeof p.b);
            assert_true(fourq_decode_public(&p, &point));
            fourq_mul_double_public(&k, &l, &point, &result);
        }
        vector_hex(row, "resultHex", expected.b, sizeof expected.b);
        fourq_encode(&result, &encoded);
        assert_memory_equal(encoded.b, expected.b, 32);
        v.checked++;
    }
    vectors_close(&v);
}

static struct fourq_scalar power_of_256(unsigned exponent)
{
    struct fourq_scalar scalar = {{0}};
    scalar.words[exponent / 8] = UINT64_C(1) << (8 * (exponent % 8));
    return scalar;
}

/* Goal: no entry of the table is wrong. Method: variable-base multiplication, which does not use the table,
 * of the decoded generator; compare (y + x, y - x, 2dxy) through x and y. */
static void table_holds_the_multiples_it_says(void **state)
{
    (void)state;
    static const char text[] = "87b2cb2b46a224b95a7820a19bee3f0e5c8b4c8444c3a74942020e63f84a1c6e";
    struct fp2 const d = {FP(0xE4, 0x142), FP(0x5E472F846657E0FC, 0xB3821488F1FC0C8D)};
    struct key32 encoded;
    struct fourq_point generator;
    assert_int_equal(hex_decode(bytes_of_text(text), encoded.b, 32, NULL), ERR_OK);
    assert_true(fourq_decode_public(&encoded, &generator));
    struct fourq_scalar const zero = {{0}};
    for (unsigned row = 0; row < FOURQ_TABLE_ROWS; row++) {
        for (unsigned column = 0; column < FOURQ_TABLE_COLUMNS; column++) {
            struct fourq_scalar multiple = power_of_256(row);
            multiple.words[row / 8] *= column + 1;
            struct fourq_point point;
            fourq_mul_double_public(&zero, &multiple, &generator, &point);
            struct fp2 inverse = fp2_inverse(point.z);
            struct fp2 x = fp2_mul(point.x, inverse);
            struct fp2 y = fp2_mul(point.y, inverse);
            struct fp2 dt = fp2_mul(d, fp2_mul(x, y));
            const struct fourq_entry *entry = &fourq_table[row][column];
            assert_true(fp2_equal(entry->sum, fp2_add(y, x)));
            assert_true(fp2_equal(entry->difference, fp2_sub(y, x)));
            assert_true(fp2_equal(entry->dt2, fp2_add(dt, dt)));
        }
    }
}

static struct fourq_scalar pseudo_random(uint32_t seed)
{
    uint8_t bytes[4];
    put_le32(bytes, seed);
    struct key32 hash = k12_digest(bytes_of(bytes, sizeof bytes));
    return fourq_scalar_load(hash.b);
}

/* (a - b*c) * G must be a*G + (-b*c) * G however it is computed; 300 seeded triples. */
static void scalar_arithmetic_agrees_with_the_group(void **state)
{
    (void)state;
    struct fourq_scalar const zero = {{0}};
    for (uint32_t seed = 0; seed < 300; seed++) {
        struct fourq_scalar a = pseudo_random(3 * seed);
        struct fourq_scalar b = pseudo_random(3 * seed + 1);
        struct fourq_scalar c = pseudo_random(3 * seed + 2);
        struct fourq_point bg;
        struct fourq_point left;
        struct fourq_point right;
        struct key32 left_key;
        struct key32 right_key;
        /* a*G = (a - b*c)*G + c*(b*G) */
        struct fourq_scalar difference = fourq_scalar_sub_mul(&a, &b, &c);
        assert_true(fourq_scalar_is_reduced_public(&difference));
        fourq_mul_base(&b, &bg);
        fourq_mul_double_public(&difference, &c, &bg, &left);
        fourq_mul_base(&a, &right);
        fourq_encode(&left, &left_key);
        fourq_encode(&right, &right_key);
        assert_memory_equal(left_key.b, right_key.b, 32);
        assert_true(fourq_has_order_r_public(&right));
        struct fourq_scalar same = fourq_scalar_sub_mul(&a, &zero, &c);
        struct fourq_scalar reduced = fourq_scalar_reduce(&a);
        assert_memory_equal(same.words, reduced.words, 32);
    }
}

static void encodings_survive_a_round_trip(void **state)
{
    (void)state;
    int on_curve = 0;
    for (uint32_t seed = 0; seed < 1000; seed++) {
        struct key32 encoded;
        struct key32 again;
        struct fourq_point point;
        struct fourq_scalar bytes = pseudo_random(seed + 1000000);
        fourq_scalar_store(&bytes, encoded.b);
        encoded.b[15] &= 0x7F;
        if (fourq_decode_public(&encoded, &point)) {
            fourq_encode(&point, &again);
            assert_memory_equal(again.b, encoded.b, 32);
            assert_false(fourq_has_order_r_public(&point)); /* 391 of 392 points are not */
            on_curve++;
        }
        encoded.b[15] |= 0x80;
        assert_false(fourq_decode_public(&encoded, &point));
    }
    assert_in_range(on_curve, 400, 600); /* half of all y have an x */
}

static void scalars_at_the_order_reduce_to_zero(void **state)
{
    (void)state;
    struct fourq_scalar const order = {
        {0x2FB2540EC7768CE7, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}};
    struct fourq_scalar below = order;
    below.words[0]--;
    assert_false(fourq_scalar_is_reduced_public(&order));
    assert_true(fourq_scalar_is_reduced_public(&below));
    struct fourq_scalar zero = fourq_scalar_reduce(&order);
    assert_true((zero.words[0] | zero.words[1] | zero.words[2] | zero.words[3]) == 0);
    struct fourq_point point;
    fourq_mul_base(&order, &point);
    assert_true(fourq_is_neutral_public(&point));
    assert_false(fourq_has_order_r_public(&point));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_match),
        cmocka_unit_test(table_holds_the_multiples_it_says),
        cmocka_unit_test(scalar_arithmetic_agrees_with_the_group),
        cmocka_unit_test(encodings_survive_a_round_trip),
        cmocka_unit_test(scalars_at_the_order_reduce_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
