/* FourQ against the project's vectors, and against a slow and plain second implementation. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"
#include "core/crypto/fourq_table.h"
#include "core/crypto/k12.h"
#include "tests/support/fourq_reference.h"
#include "tests/support/qubic_vectors.h"

static struct fourq_scalar scalar_of(const json_t *row, const char *field)
{
    uint8_t bytes[32];
    struct fourq_scalar scalar;
    vector_hex(row, field, bytes, sizeof bytes);
    fourq_scalar_load(bytes, &scalar);
    return scalar;
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

static struct fp2 fast_element(struct ref_fp2 a)
{
    return (struct fp2){.re = a.re, .im = a.im};
}

static struct fourq_point fast_point(struct ref_point p)
{
    struct ref_point const affine = ref_affine(p);
    return (struct fourq_point){.x = fast_element(affine.x),
                                .y = fast_element(affine.y),
                                .z = {1, 0},
                                .t = fast_element(affine.t)};
}

static void assert_same_point(const struct fourq_point *fast, struct ref_point plain)
{
    struct key32 encoded;
    struct key32 const expected = ref_encode(plain);
    fourq_encode(fast, &encoded);
    assert_memory_equal(encoded.b, expected.b, 32);
}

static void assert_entry(const struct fourq_entry *entry, struct ref_point plain)
{
    struct ref_point const p = ref_affine(plain);
    struct ref_fp2 const dt = ref_mul(ref_d, p.t);
    assert_true(fp2_equal(entry->sum, fast_element(ref_add(p.y, p.x))));
    assert_true(fp2_equal(entry->difference, fast_element(ref_sub(p.y, p.x))));
    assert_true(fp2_equal(entry->dt2, fast_element(ref_add(dt, dt))));
}

static struct ref_point doubled(struct ref_point p, int times)
{
    for (int i = 0; i < times; i++) {
        p = ref_point_add(p, p);
    }
    return p;
}

static void tables_hold_the_multiples_they_say(void **state)
{
    (void)state;
    struct ref_point base = ref_generator();
    for (size_t row = 0; row < FOURQ_TABLE_ROWS; row++) {
        struct ref_point multiple = base;
        for (size_t column = 0; column < FOURQ_TABLE_COLUMNS; column++) {
            assert_entry(&fourq_table[row][column], multiple);
            multiple = ref_point_add(multiple, base);
        }
        base = doubled(base, 8);
    }
    base = ref_generator();
    for (size_t row = 0; row < FOURQ_ODD_ROWS; row++) {
        struct ref_point multiple = base;
        for (size_t column = 0; column < FOURQ_ODD_COLUMNS; column++) {
            assert_entry(&fourq_odd_multiples[row][column], multiple);
            multiple = ref_point_add(multiple, doubled(base, 1));
        }
        base = doubled(base, FOURQ_ODD_ROW_BITS);
    }
}

static struct fourq_scalar pseudo_random(uint32_t seed)
{
    uint8_t bytes[4];
    put_le32(bytes, seed);
    struct key32 hash = k12_digest(bytes_of(bytes, sizeof bytes));
    struct fourq_scalar scalar;
    fourq_scalar_load(hash.b, &scalar);
    return scalar;
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
        struct fourq_scalar difference;
        fourq_scalar_sub_mul(&a, &b, &c, &difference);
        assert_true(fourq_scalar_is_reduced_public(&difference));
        fourq_mul_base(&b, &bg);
        fourq_mul_double_public(&difference, &c, &bg, &left);
        fourq_mul_base(&a, &right);
        fourq_encode(&left, &left_key);
        fourq_encode(&right, &right_key);
        assert_memory_equal(left_key.b, right_key.b, 32);
        struct fourq_scalar same;
        fourq_scalar_sub_mul(&a, &zero, &c, &same);
        struct fourq_scalar reduced;
        fourq_scalar_reduce(&a, &reduced);
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
    struct fourq_scalar zero;
    fourq_scalar_reduce(&order, &zero);
    assert_true((zero.words[0] | zero.words[1] | zero.words[2] | zero.words[3]) == 0);
    struct fourq_point point;
    fourq_mul_base(&order, &point);
    assert_true(fourq_is_neutral_public(&point));
}

/* The field's numbers lie in [0, p] and carries run between two words: so the ends, and where words end. */
static const u128 corners[] = {
    0,
    1,
    2,
    UINT64_MAX,
    FP(1, 0),
    FP(1, 0xFFFFFFFFFFFFFFFF),
    FP(0x3FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF),
    FP(0x4000000000000000, 0),
    FP(0x7FFFFFFFFFFFFFFF, 0),
    FP(0x7FFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF),
    FP_P - 1,
    FP_P,
};
#define CORNERS (sizeof corners / sizeof *corners)

static void assert_element(struct fp2 fast, struct ref_fp2 plain)
{
    assert_true(fast.re <= FP_P && fast.im <= FP_P);
    assert_true(fp_canonical(fast.re) == plain.re);
    assert_true(fp_canonical(fast.im) == plain.im);
}

static struct ref_fp2 plain_element(struct fp2 a)
{
    return (struct ref_fp2){a.re % FP_P, a.im % FP_P};
}

static void the_field_holds_at_its_corners(void **state)
{
    (void)state;
    for (size_t i = 0; i < CORNERS * CORNERS; i++) {
        struct fp2 const a = {corners[i / CORNERS], corners[i % CORNERS]};
        struct ref_fp2 const plain_a = plain_element(a);
        assert_element(fp2_square(a), ref_mul(plain_a, plain_a));
        assert_element(fp2_neg(a), ref_neg(plain_a));
        for (size_t j = 0; j < CORNERS * CORNERS; j++) {
            struct fp2 const b = {corners[j / CORNERS], corners[j % CORNERS]};
            struct ref_fp2 const plain_b = plain_element(b);
            assert_element(fp2_mul(a, b), ref_mul(plain_a, plain_b));
            assert_element(fp2_add(a, b), ref_add(plain_a, plain_b));
            assert_element(fp2_sub(a, b), ref_sub(plain_a, plain_b));
        }
        if (!fp2_is_zero(a)) {
            assert_element(fp2_inverse(a), ref_inverse(plain_a));
        }
    }
}

/* Unreduced as well: the plain code does not reduce. */
static const struct fourq_scalar edges[] = {
    {{0}},
    {{1}},
    {{2}},
    {{15}},
    {{16}},
    {{UINT64_MAX}},
    {{0, 1}},
    {{UINT64_MAX >> 2}}, /* a whole piece of k */
    {{UINT64_C(1) << 62}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
    {{0, 0, 0, UINT64_C(1) << 63}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x0029CBC14E5E0A71}},
    {{0x2FB2540EC7768CE5, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}}, /* r - 2 */
    {{0x2FB2540EC7768CE6, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}},
    {{0x2FB2540EC7768CE7, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}},
    {{0x2FB2540EC7768CE8, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}},
    {{0x97D92A0763BB4673, 0xEFDE8026FF07BCCC, 0x7829CBC14E5E0A72, 0x0014E5E0A72F0539}}, /* r / 2 */
    {{0x97D92A0763BB4674, 0xEFDE8026FF07BCCC, 0x7829CBC14E5E0A72, 0x0014E5E0A72F0539}},
};
#define EDGES (sizeof edges / sizeof *edges)

static struct fourq_scalar interesting(size_t i)
{
    return i < EDGES ? edges[i] : pseudo_random((uint32_t)i + 2000000);
}

static void multiples_of_the_generator_are_the_plain_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < EDGES + 60; i++) {
        struct fourq_scalar const k = interesting(i);
        struct fourq_point fast;
        fourq_mul_base(&k, &fast);
        assert_same_point(&fast, ref_point_mul(k.words, ref_generator()));
    }
}

/* Every pair of edges, and random ones: so also l = 0, a sum that is neutral, P = G and P = -G. */
static void sums_of_two_multiples_are_the_plain_ones(void **state)
{
    (void)state;
    struct ref_point const other = ref_point_mul(interesting(1000).words, ref_generator());
    struct ref_point points[3] = {ref_generator(), ref_generator(), other};
    points[1].x = ref_neg(points[1].x);
    points[1].t = ref_neg(points[1].t);
    struct ref_point base_multiples[EDGES];
    for (size_t i = 0; i < EDGES; i++) {
        base_multiples[i] = ref_point_mul(edges[i].words, ref_generator());
    }
    for (size_t which = 0; which < 3; which++) {
        struct fourq_point const point = fast_point(points[which]);
        for (size_t j = 0; j < EDGES; j++) {
            struct ref_point const multiple = ref_point_mul(edges[j].words, points[which]);
            for (size_t i = 0; i < EDGES; i++) {
                struct fourq_point fast;
                fourq_mul_double_public(&edges[i], &edges[j], &point, &fast);
                assert_same_point(&fast, ref_point_add(base_multiples[i], multiple));
            }
        }
    }
    for (size_t i = 0; i < 60; i++) {
        struct ref_point const p = ref_point_mul(interesting(3 * i + 100).words, ref_generator());
        struct fourq_scalar const k = interesting(3 * i + 101);
        struct fourq_scalar const l = interesting(3 * i + 102);
        struct fourq_point const point = fast_point(p);
        struct fourq_point fast;
        fourq_mul_double_public(&k, &l, &point, &fast);
        assert_same_point(&fast, ref_point_add(ref_point_mul(k.words, ref_generator()),
                                               ref_point_mul(l.words, p)));
    }
}

/* phi, psi and phi psi / 4 multiply by the published eigenvalues; a scalar cut in four is the scalar again. */
static void endomorphisms_and_cuts_fit_together(void **state)
{
    (void)state;
    static const struct fourq_scalar eigenvalues[4] = {
        {{1}},
        {{0xCDF0E63CE8997864, 0x24874F0B5E4DAA9B, 0x83C18F03C13D7376, 0x0006D9069DC876C8}},
        {{0x5DC7F2B7CDFD2A88, 0xCB3688CA09EF0E88, 0x8C4C2510AB53B51E, 0x0018C47535351926}},
        {{0xD07876957F1FFD22, 0xEA893B14DC6314AC, 0x389CCDBDD4BD3E37, 0x001AE256B279DD97}},
    };
    for (size_t i = 0; i < EDGES + 20; i++) {
        struct fourq_scalar const k = interesting(i + EDGES);
        struct ref_point const p = ref_point_mul(k.words, ref_generator());
        struct fourq_point const point = fast_point(p);
        struct fourq_point image[4];
        struct ref_point plain[4];
        fourq_endomorphisms_public(&point, image);
        for (size_t j = 0; j < 4; j++) {
            plain[j] = ref_point_mul(eigenvalues[j].words, p);
            assert_same_point(&image[j], plain[j]);
            assert_true(
                fp2_equal(fp2_mul(image[j].t, image[j].z), fp2_mul(image[j].x, image[j].y)));
        }
        struct fourq_scalar const whole = interesting(i);
        struct fourq_scalar l;
        fourq_scalar_reduce(&whole, &l);
        int64_t cut[4];
        struct ref_point sum = ref_neutral();
        fourq_scalar_cut_public(&l, cut);
        for (size_t j = 0; j < 4; j++) {
            uint64_t const size[4] = {cut[j] < 0 ? 0 - (uint64_t)cut[j] : (uint64_t)cut[j]};
            assert_true(size[0] < UINT64_C(1) << 62);
            struct ref_point part = ref_point_mul(size, plain[j]);
            if (cut[j] < 0) {
                part.x = ref_neg(part.x);
                part.t = ref_neg(part.t);
            }
            sum = ref_point_add(sum, part);
        }
        struct key32 const left = ref_encode(sum);
        struct key32 const right = ref_encode(ref_point_mul(l.words, p));
        assert_memory_equal(left.b, right.b, 32);
    }
}

/* Some point of the curve, of any order. */
static struct ref_point curve_point(uint32_t *seed)
{
    struct ref_point point;
    struct key32 key;
    do {
        struct fourq_scalar const random = pseudo_random(3000000 + (*seed)++);
        fourq_scalar_store(&random, key.b);
        key.b[15] &= 0x7F;
    } while (!ref_decode(key, &point));
    return point;
}

#define TORSION 392

/* All points whose order divides 392, by closing the set under additions of r * (some point). */
static void torsion_points(struct ref_point ret[TORSION])
{
    size_t count = 1;
    uint32_t seed = 0;
    ret[0] = ref_neutral();
    while (count < TORSION) {
        struct ref_point const step = ref_affine(ref_point_mul(ref_order, curve_point(&seed)));
        struct ref_point multiple = step;
        size_t const before = count;
        for (;;) {
            bool known = false;
            for (size_t i = 0; i < before && !known; i++) {
                known = ref_equal(ret[i].x, multiple.x) && ref_equal(ret[i].y, multiple.y);
            }
            if (known) {
                break;
            }
            for (size_t i = 0; i < before; i++) {
                assert_true(count < TORSION);
                ret[count++] = ref_affine(ref_point_add(ret[i], multiple));
            }
            multiple = ref_affine(ref_point_add(multiple, step));
        }
    }
}

/* The pairings are homomorphisms, so a point of order r plus each of the 392 points of low order is every case
 * there is: exactly one of them may pass. The points of low order by themselves are where the formulas degenerate. */
static void of_all_low_order_parts_only_none_passes(void **state)
{
    (void)state;
    static struct ref_point torsion[TORSION];
    torsion_points(torsion);
    for (size_t round = 0; round < 4; round++) {
        struct ref_point const p = ref_point_mul(interesting(500 + round).words, ref_generator());
        for (size_t i = 0; i < TORSION; i++) {
            struct fourq_point const low = fast_point(torsion[i]);
            struct fourq_point const mixed = fast_point(ref_point_add(p, torsion[i]));
            assert_false(fourq_has_order_r_public(&low));
            assert_int_equal(fourq_has_order_r_public(&mixed), i == 0);
        }
    }
}

/* The same 392 cases for the multiplication that the network does, and for the question whether nothing but low order
 * is there. The network's numbers are held against the plain ones of tests/support. */
static void keys_of_mixed_order_are_multiplied_in_the_networks_way(void **state)
{
    (void)state;
    static struct ref_point torsion[TORSION];
    torsion_points(torsion);
    size_t unlike_plain = 0;
    for (uint32_t i = 0; i < TORSION; i++) {
        struct fourq_scalar const k = interesting(2000 + i);
        struct fourq_scalar const l = i % 2 == 0 ? pseudo_random(i) : interesting(i / 2);
        struct ref_point const p = ref_point_mul(pseudo_random(i + 7).words, ref_generator());
        struct ref_point const mixed = ref_point_add(p, torsion[i]);
        struct fourq_point const fast_low = fast_point(torsion[i]);
        struct fourq_point const fast = fast_point(mixed);
        assert_true(fourq_has_low_order_public(&fast_low));
        assert_false(fourq_has_low_order_public(&fast));
        struct fourq_point product;
        struct key32 encoded;
        fourq_mul_double_mixed_public(&k, &l, &fast, &product);
        fourq_encode(&product, &encoded);
        struct ref_point const of_k = ref_point_mul(k.words, ref_generator());
        struct key32 const expected =
            ref_encode(ref_point_add(of_k, ref_network_mul(l.words, mixed)));
        struct key32 const plain = ref_encode(ref_point_add(of_k, ref_point_mul(l.words, mixed)));
        assert_memory_equal(encoded.b, expected.b, 32);
        unlike_plain += memcmp(expected.b, plain.b, 32) != 0;
        if (i == 0) { /* order r: there the network's way is no other */
            assert_memory_equal(expected.b, plain.b, 32);
        }
    }
    assert_true(unlike_plain > TORSION * 3 / 4);
}

/* Points from the whole curve times divisors of 392, so that each part of the group is sometimes left over. */
static void order_r_is_what_the_plain_multiple_says(void **state)
{
    (void)state;
    static const uint64_t factors[] = {1, 2, 4, 7, 8, 28, 49, 56, 98, 196, 392, 784};
    uint32_t seed = 100000;
    int passed = 0;
    for (size_t i = 0; i < 120; i++) {
        uint64_t const factor[4] = {factors[i % (sizeof factors / sizeof *factors)]};
        struct ref_point const p = ref_point_mul(factor, curve_point(&seed));
        struct fourq_point const fast = fast_point(p);
        bool const expected = ref_is_neutral(ref_point_mul(ref_order, p)) && !ref_is_neutral(p);
        assert_int_equal(fourq_has_order_r_public(&fast), expected);
        passed += expected;
    }
    assert_in_range(passed, 20, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_match),
        cmocka_unit_test(the_field_holds_at_its_corners),
        cmocka_unit_test(tables_hold_the_multiples_they_say),
        cmocka_unit_test(multiples_of_the_generator_are_the_plain_ones),
        cmocka_unit_test(sums_of_two_multiples_are_the_plain_ones),
        cmocka_unit_test(endomorphisms_and_cuts_fit_together),
        cmocka_unit_test(of_all_low_order_parts_only_none_passes),
        cmocka_unit_test(keys_of_mixed_order_are_multiplied_in_the_networks_way),
        cmocka_unit_test(order_r_is_what_the_plain_multiple_says),
        cmocka_unit_test(scalar_arithmetic_agrees_with_the_group),
        cmocka_unit_test(encodings_survive_a_round_trip),
        cmocka_unit_test(scalars_at_the_order_reduce_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
