/* core/crypto/fourq_verify.c: what only verification needs, on public values and as fast as it gets.
 *
 * k * G + l * P: l is cut into four signed numbers of at most 62 bits, l = a + b PHI + c PSI + d BOTH modulo r, where
 * PHI, PSI and BOTH are what the curve's endomorphisms phi, psi and phi psi / 4 multiply a point of order r by. k is cut into
 * four pieces of 62 bits, for which there are tables of G, 2^62 G, 2^124 G and 2^186 G. So 62 doublings serve eight
 * numbers, each in non-adjacent form: about 50 additions for P and 28 for G.
 *
 * Order r: the group is Z/r x Z/8 x Z/7 x Z/7. P lies in the subgroup of order r exactly if three pairings of P, with a point
 * of order 8 and with two of order 7, are what they are for the generator. A Tate pairing is the value at P of a
 * function given by a few lines (Miller), raised to the power (p^2 - 1) / 8 or (p^2 - 1) / 7; both
 * powers are cheap. It costs a quarter of what r * P would cost with the endomorphisms.
 *
 * Keys of mixed order (an order-r point plus a low-order one other than neutral) are multiplied as the network multiplies
 * them, which is not l * P: it cuts l in its own way, into numbers of 64 bits of which the first is odd, and the four images'
 * low-order parts add up to what they may. Plain and slow; nobody has such a key but who made it on purpose.
 *
 * Source:  Costello, Longa (IACR eprint 2015/565) for the endomorphisms and for the network's way of cutting a scalar
 * (proposition 5); Babai's rounding for ours; Koshelev, Subgroup
 * membership testing on elliptic curves via the Tate pairing (IACR eprint 2022/037). docs/decisions/0012. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq_point.h"

#include "core/base/invariant.h"

#include <string.h>

#define STREAMS 4
#define WIDTH 4 /* odd multiples P, 3P, 5P, 7P */
#define MULTIPLES (1 << (WIDTH - 2))
#define ODD_WIDTH 8 /* of the generator: FOURQ_ODD_COLUMNS is 2^6 */
#define DIGITS 64
#define ADDITIONS_MAX (STREAMS * (64 / WIDTH + 1 + 64 / ODD_WIDTH + 1))

static const struct fp2 one = {1, 0};

/* A point (X : Y : Z) of the curve that the endomorphisms pass through. */
struct middle {
    struct fp2 x;
    struct fp2 y;
    struct fp2 z;
};

static struct middle tau(const struct fourq_point *p)
{
    static const struct fp2 ct = {FP(0x1964DE2C3AFAD20C, 0x74DCD57CEBCE74C3),
                                  FP(0x000000000000000C, 0x0000000000000012)};
    struct fp2 const x2 = fp2_square(p->x);
    struct fp2 const y2 = fp2_square(p->y);
    struct fp2 const s = fp2_add(x2, y2);
    struct fp2 const f = fp2_sub(y2, x2);
    struct fp2 const z2 = fp2_square(p->z);
    return (struct middle){
        .x = fp2_mul(fp2_mul(ct, fp2_mul(p->x, p->y)), f),
        .y = fp2_mul(fp2_sub(fp2_add(z2, z2), f), s),
        .z = fp2_mul(f, s),
    };
}

static struct fourq_point tau_dual(const struct middle *m)
{
    static const struct fp2 ctd = {FP(0x4AA740EB23058652, 0x9ECAA6D9DECDF034),
                                   FP(0x7FFFFFFFFFFFFFF4, 0x0000000000000011)};
    struct fp2 const x2 = fp2_square(m->x);
    struct fp2 const y2 = fp2_square(m->y);
    struct fp2 const s = fp2_add(x2, y2);
    struct fp2 const f = fp2_sub(y2, x2);
    struct fp2 const z2 = fp2_square(m->z);
    struct fp2 const g = fp2_sub(fp2_add(z2, z2), f);
    struct fp2 const xy = fp2_mul(ctd, fp2_mul(m->x, m->y));
    return (struct fourq_point){
        .x = fp2_mul(xy, s), .y = fp2_mul(g, f), .z = fp2_mul(g, s), .t = fp2_mul(xy, f)};
}

static struct middle phi_core(const struct middle *m)
{
    static const struct fp2 c[10] = {
        {FP(0x0000000000000005, 0xFFFFFFFFFFFFFFF7), FP(0x2553A0759182C329, 0x4F65536CEF66F81A)},
        {FP(0x0000000000000005, 0x0000000000000007), FP(0x62C8CAA0C50C62CF, 0x334D90E9E28296F9)},
        {FP(0x000000000000000F, 0x0000000000000015), FP(0x78DF262B6C9B5C98, 0x2C2CB7154F1DF391)},
        {FP(0x0000000000000002, 0x0000000000000003), FP(0x5084C6491D76342A, 0x92440457A7962EA4)},
        {FP(0x0000000000000003, 0x0000000000000003), FP(0x12440457A7962EA4, 0xA1098C923AEC6855)},
        {FP(0x000000000000000A, 0x000000000000000F), FP(0x459195418A18C59E, 0x669B21D3C5052DF3)},
        {FP(0x0000000000000012, 0x0000000000000018), FP(0x0B232A8314318B3C, 0xCD3643A78A0A5BE7)},
        {FP(0x0000000000000018, 0x0000000000000023), FP(0x3963BC1C99E2EA1A, 0x66C183035F48781A)},
        {FP(0x00000000000000AA, 0x00000000000000F0), FP(0x1F529F860316CBE5, 0x44E251582B5D0EF0)},
        {FP(0x0000000000000870, 0x0000000000000BEF), FP(0x0FD52E9CFE00375B, 0x014D3E48976E2505)},
    };
    struct fp2 const y2 = fp2_square(m->y);
    struct fp2 const z2 = fp2_square(m->z);
    struct fp2 const y4 = fp2_square(y2);
    struct fp2 const z4 = fp2_square(z2);
    struct fp2 const yz = fp2_mul(m->y, m->z);
    struct fp2 const y2z2 = fp2_mul(y2, z2);
    struct fp2 const n = fp2_mul(
        fp2_sub(fp2_square(fp2_add(y2, fp2_mul(c[4], z2))), fp2_square(fp2_mul(c[3], yz))), m->z);
    struct fp2 const u = fp2_mul(
        c[0], fp2_sub(fp2_square(fp2_mul(c[1], yz)), fp2_square(fp2_add(y2, fp2_mul(c[2], z2)))));
    struct fp2 const w =
        fp2_mul(fp2_add(fp2_add(y4, fp2_mul(c[8], y2z2)), fp2_mul(c[9], z4)), m->y);
    struct fp2 const v =
        fp2_mul(c[5], fp2_mul(fp2_add(fp2_add(y4, fp2_mul(c[6], y2z2)), fp2_mul(c[7], z4)), m->z));
    return (struct middle){
        .x = fp2_conjugate(fp2_mul(m->x, fp2_mul(u, w))),
        .y = fp2_conjugate(fp2_mul(v, n)),
        .z = fp2_conjugate(fp2_mul(n, w)),
    };
}

static struct middle psi_core(const struct middle *m)
{
    static const struct fp2 q1 = {FP(0x2AF99E9A83D54A02, 0xEDF07F4767E346EF),
                                  FP(0x00000000000000DE, 0x000000000000013A)};
    static const struct fp2 q2 = {FP(0x00000000000000E4, 0x0000000000000143),
                                  FP(0x21B8D07B99A81F03, 0x4C7DEB770E03F372)};
    static const struct fp2 q3 = {FP(0x0000000000000006, 0x0000000000000009),
                                  FP(0x4CB26F161D7D6906, 0x3A6E6ABE75E73A61)};
    static const struct fp2 q4 = {FP(0x7FFFFFFFFFFFFFF9, 0xFFFFFFFFFFFFFFF6),
                                  FP(0x334D90E9E28296F9, 0xC59195418A18C59E)};
    struct fp2 const x = fp2_conjugate(m->x);
    struct fp2 const x2 = fp2_square(x);
    struct fp2 const z2 = fp2_square(fp2_conjugate(m->z));
    struct fp2 const a = fp2_mul(fp2_conjugate(m->y), fp2_add(x2, fp2_mul(q2, z2)));
    struct fp2 const b = fp2_neg(fp2_add(x2, fp2_mul(q4, z2)));
    return (struct middle){
        .x = fp2_mul(fp2_mul(q1, x), fp2_mul(z2, b)),
        .y = fp2_mul(fp2_add(x2, fp2_mul(q3, z2)), a),
        .z = fp2_mul(a, b),
    };
}

void fourq_endomorphisms_public(const struct fourq_point *p, struct fourq_point ret[4])
{
    struct middle const start = tau(p);
    struct middle const phi = phi_core(&start);
    struct middle const psi = psi_core(&start);
    struct middle const both = phi_core(&psi);
    ret[0] = *p;
    ret[1] = tau_dual(&phi);
    ret[2] = tau_dual(&psi);
    ret[3] = tau_dual(&both);
}

/* Word 4 of a * b + plus * 2^192: the low word of a * b / 2^256, rounded if `plus` is 2^63, cut off if it is 0. */
static uint64_t share_of(const struct fourq_scalar *a, const uint64_t b[4], uint64_t plus)
{
    uint64_t t[5] = {0, 0, 0, plus, 0};
    for (size_t i = 0; i < 4; i++) {
        u128 carry = 0;
        for (size_t j = 0; i + j < 5; j++) {
            carry += (j < 4 ? (u128)a->words[i] * b[j] : 0) + t[i + j];
            t[i + j] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    return t[4];
}

void fourq_scalar_cut_public(const struct fourq_scalar *l, int64_t ret[4])
{
    /* Each result is below 2^62, so it may be computed modulo 2^64. */
    uint64_t cut[STREAMS] = {l->words[0], 0, 0, 0};
    for (size_t i = 0; i < STREAMS; i++) {
        uint64_t const share = share_of(l, fourq_lattice.share[i], UINT64_C(1) << 63);
        for (size_t j = 0; j < STREAMS; j++) {
            cut[j] -= share * (uint64_t)fourq_lattice.row[i][j];
        }
    }
    for (size_t j = 0; j < STREAMS; j++) {
        ret[j] = (int64_t)cut[j];
    }
}

/* One addition: a digit of some number times what its multiples are of. */
struct addition {
    const struct fourq_entry *entry;
    const struct fp2 *z2; /* NULL: 2 */
    bool negative;
    uint8_t next; /* in the list of its bit; 0 ends it */
};

/* What is to be added at each bit. Lists, because testing eight digits a bit, most of them zero, is mostly mispredicted. */
struct schedule {
    uint8_t first[DIGITS];
    uint8_t count;
    struct addition additions[ADDITIONS_MAX + 1]; /* [0] is unused */
};

/* Non-adjacent form: odd digits below 2^(width - 1) in magnitude, at most one in any `width` bits. Exactly one of
 * `cached` and `entries` holds the odd multiples. */
static void schedule_number(struct schedule *schedule, int64_t number, unsigned width,
                            const struct fourq_cached *cached, const struct fourq_entry *entries)
{
    bool const below_zero = number < 0;
    uint64_t left = below_zero ? 0 - (uint64_t)number : (uint64_t)number;
    uint64_t const half = UINT64_C(1) << (width - 1);
    for (unsigned bit = 0; left != 0;) {
        unsigned const zeros = (unsigned)__builtin_ctzll(left);
        bit += zeros;
        left >>= zeros;
        uint64_t const low = left & (2 * half - 1);
        int64_t const digit = (int64_t)low - (int64_t)((low & half) << 1);
        uint64_t const magnitude = (uint64_t)(digit < 0 ? -digit : digit);
        left -= (uint64_t)digit;
        INVARIANT(schedule->count < ADDITIONS_MAX && bit < DIGITS);
        struct addition *addition = &schedule->additions[++schedule->count];
        addition->entry = cached != NULL ? &cached[magnitude / 2].entry : &entries[magnitude / 2];
        addition->z2 = cached != NULL ? &cached[magnitude / 2].z2 : NULL;
        addition->negative = (digit < 0) != below_zero;
        addition->next = schedule->first[bit];
        schedule->first[bit] = schedule->count;
    }
}

/* The bits [62 * piece, 62 * piece + 62) of k. */
static int64_t piece_of(const struct fourq_scalar *k, size_t piece)
{
    size_t const bit = FOURQ_ODD_ROW_BITS * piece;
    u128 const here =
        k->words[bit / 64] | ((u128)(bit / 64 < 3 ? k->words[bit / 64 + 1] : 0) << 64);
    return (int64_t)((uint64_t)(here >> (bit % 64)) & ((UINT64_C(1) << FOURQ_ODD_ROW_BITS) - 1));
}

static void multiples_of(const struct fourq_point *point, struct fourq_cached ret[MULTIPLES])
{
    struct fourq_point multiple = *point;
    point_double(&multiple, true);
    struct fourq_cached const twice = point_cache(&multiple);
    multiple = *point;
    ret[0] = point_cache(&multiple);
    for (size_t i = 1; i < MULTIPLES; i++) {
        point_add_cached(&multiple, &twice, false, true);
        ret[i] = point_cache(&multiple);
    }
}

void fourq_mul_double_public(const struct fourq_scalar *k, const struct fourq_scalar *l,
                             const struct fourq_point *point, struct fourq_point *ret)
{
    struct fourq_scalar k_reduced;
    struct fourq_scalar l_reduced;
    int64_t cut[STREAMS];
    struct fourq_point image[STREAMS];
    struct fourq_cached multiples[STREAMS][MULTIPLES];
    struct schedule schedule;
    fourq_scalar_reduce(k, &k_reduced);
    fourq_scalar_reduce(l, &l_reduced);
    fourq_scalar_cut_public(&l_reduced, cut);
    fourq_endomorphisms_public(point, image);
    memset(schedule.first, 0, sizeof schedule.first);
    schedule.count = 0;
    /* First the generator's, so that a bit's list has them last: the kind changes once at most. */
    for (size_t i = 0; i < STREAMS; i++) {
        schedule_number(&schedule, piece_of(&k_reduced, i), ODD_WIDTH, NULL,
                        fourq_odd_multiples[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        multiples_of(&image[i], multiples[i]);
        schedule_number(&schedule, cut[i], WIDTH, multiples[i], NULL);
    }
    struct fourq_point sum = fourq_neutral;
    size_t bit = DIGITS;
    while (bit > 0 && schedule.first[bit - 1] == 0) {
        bit--; /* nothing to double yet */
    }
    while (bit-- > 0) {
        unsigned next = schedule.first[bit];
        point_double(&sum, next != 0);
        while (next != 0) {
            const struct addition *addition = &schedule.additions[next];
            next = addition->next;
            struct fp2 const z2 =
                addition->z2 == NULL ? fp2_add(sum.z, sum.z) : fp2_mul(sum.z, *addition->z2);
            point_add_scaled(&sum, addition->entry, z2, addition->negative, next != 0);
        }
    }
    *ret = sum;
}

bool fourq_is_neutral_public(const struct fourq_point *point)
{
    return fp2_is_zero(point->x) && fp2_equal(point->y, point->z) && !fp2_is_zero(point->z);
}

bool fourq_has_low_order_public(const struct fourq_point *point)
{
    struct fourq_point multiple = *point;
    struct fourq_cached const once = point_cache(point);
    for (unsigned bit = 9; bit-- > 1;) { /* 392, below its highest bit; the last three are 0 */
        point_double(&multiple, true);
        if (((392U >> (bit - 1)) & 1) != 0) {
            point_add_cached(&multiple, &once, false, true);
        }
    }
    return fourq_is_neutral_public(&multiple);
}

/* l as the network cuts it, for phi, psi and psi phi: a sum that is l modulo r, but not modulo 392. Any 256-bit l; r is
 * not taken off first, and it would make a difference. */
static void cut_as_the_network(const struct fourq_scalar *l, uint64_t ret[STREAMS])
{
    static const uint64_t share[STREAMS][4] = {
        {0x259686E09D1A7D4F, 0xF75682ACE6A6BD66, 0xFC5BB5C5EA2BE5DF, 0x0000000000000007},
        {0xD1BA1D84DD627AFB, 0x2BD235580F468D8D, 0x8FD4B04CAA6C0F8A, 0x0000000000000003},
        {0x9B291A33678C203C, 0xC42BD6C965DCA902, 0xD038BF8D0BFFBAF6, 0x0000000000000000},
        {0x12E5666B77E7FDC0, 0x81CBDC3714983D82, 0x1B073877A22D8410, 0x0000000000000003},
    };
    static const uint64_t row[STREAMS][STREAMS] = {
        {0xF6F900D81F5F5E6A, 0x1363E862C22A2DA0, 0xF8BD9FCE1337FCF1, 0x084F739986B9E651},
        {0xE2B6A4157B033D2C, 0x0000000000000001, 0xFFFFFFFFFFFFFFFF, 0xDA243A43722E9830},
        {0xE85452E2DCE0FCFE, 0xFD3BDEE51C7725AF, 0x2E4D21C98927C49F, 0xF56190BB3FD13269},
        {0xEC91CBF56EF737C1, 0xCEDD20D23C1F00CE, 0x068A49F02AA8A9B5, 0x18D5087896DE0AEA},
    };
    uint64_t cut[STREAMS] = {0x72482C5251A4559C + l->words[0], 0x59F95B0ADD276F6C,
                             0x7DD2D17C4625FA78, 0x6BC57DEF56CE8877};
    for (size_t i = 0; i < STREAMS; i++) {
        uint64_t const times = share_of(l, share[i], 0);
        for (size_t j = 0; j < STREAMS; j++) {
            cut[j] += times * row[i][j];
        }
    }
    uint64_t const even = (cut[0] & 1) - 1; /* all ones if it is even */
    for (size_t j = 0; j < STREAMS; j++) {
        ret[j] = cut[j] - (even & row[STREAMS - 1][j]);
    }
}

void fourq_mul_double_mixed_public(const struct fourq_scalar *k, const struct fourq_scalar *l,
                                   const struct fourq_point *point, struct fourq_point *ret)
{
    uint64_t cut[STREAMS];
    cut_as_the_network(l, cut);
    struct middle const start = tau(point);
    struct middle const phi_middle = phi_core(&start);
    struct middle const psi_middle = psi_core(&start);
    struct fourq_point const phi = tau_dual(&phi_middle);
    struct fourq_point const psi = tau_dual(&psi_middle);
    struct middle const phi_start = tau(&phi);
    struct middle const psi_phi_middle = psi_core(&phi_start);
    struct fourq_point const psi_phi = tau_dual(&psi_phi_middle);
    struct fourq_cached const image[STREAMS] = {point_cache(point), point_cache(&phi),
                                                point_cache(&psi), point_cache(&psi_phi)};
    struct fourq_point sum = fourq_neutral;
    for (unsigned bit = 64; bit-- > 0;) {
        point_double(&sum, true);
        for (size_t j = 0; j < STREAMS; j++) {
            if (((cut[j] >> bit) & 1) != 0) {
                point_add_cached(&sum, &image[j], false, true);
            }
        }
    }
    struct fourq_point base;
    fourq_mul_base(k, &base);
    struct fourq_cached const base_cached = point_cache(&base);
    point_add_cached(&sum, &base_cached, false, true);
    *ret = sum;
}

/* What all the functions below are made of, at the point (x, y): u = top / bottom, v = top / (bottom * x). */
struct place {
    struct fp2 x;
    struct fp2 top;
    struct fp2 bottom;
    struct fp2 top_x;
    struct fp2 bottom_x;
};

/* v - slope * u - offset, times bottom * x. */
static struct fp2 line_at(const struct fourq_line *line, const struct place *at)
{
    return fp2_sub(at->top,
                   fp2_add(fp2_mul(line->slope, at->top_x), fp2_mul(line->offset, at->bottom_x)));
}

/* Two numbers side by side: the processor works on one while it waits for the other. */
struct two {
    u128 a;
    u128 b;
};

static inline struct two two_mul(struct two x, struct two y)
{
    return (struct two){fp_mul(x.a, y.a), fp_mul(x.b, y.b)};
}

/* x^(2^times) * y */
static inline struct two two_raise(struct two x, int times, struct two y)
{
    for (int i = 0; i < times; i++) {
        x = two_mul(x, x);
    }
    return two_mul(x, y);
}

/* The power (p - 1) / 7 = 2 * (1 + 8 + 8^2 + .. + 8^41); e<n> has exponent 1 + 8 + .. + 8^(n - 1). */
static struct two two_seventh(struct two x)
{
    struct two const e2 = two_raise(x, 3, x);
    struct two const e5 = two_raise(two_raise(e2, 6, e2), 3, x);
    struct two const e10 = two_raise(e5, 15, e5);
    struct two const e21 = two_raise(two_raise(e10, 30, e10), 3, x);
    struct two const e42 = two_raise(e21, 63, e21);
    return two_mul(e42, e42);
}

/* The function with a zero of order 7 at T and a pole of order 7 at the neutral point is
 *     (L1 L2)^2 L3 / (V2 V3)^2,   lines L through T, T, -2T and T, 2T, -3T and 3T, 3T, T; verticals V at 2T and 3T.
 * The lines are multiples by bottom * x, the verticals by bottom. A division is a sixth power here, as seventh
 * powers do not count. The power (p^2 - 1) / 7 = (p + 1) (p - 1) / 7 begins with the norm, so norms are enough. */
static u128 norm_with_order_7(const struct fourq_order_7 *order_7, const struct place *at)
{
    struct fp2 const lines =
        fp2_mul(line_at(&order_7->line[0], at), line_at(&order_7->line[1], at));
    struct fp2 const verticals =
        fp2_mul(fp2_sub(at->top, fp2_mul(order_7->vertical[0], at->bottom)),
                fp2_sub(at->top, fp2_mul(order_7->vertical[1], at->bottom)));
    /* (lines)^2 L3 (bottom x)^2 bottom^4 verticals^5 */
    u128 const v = fp2_norm(verticals);
    u128 const half = fp_mul(fp_mul(fp2_norm(lines), fp2_norm(at->bottom_x)),
                             fp_square(fp_mul(fp2_norm(at->bottom), v)));
    return fp_mul(fp_square(half), fp_mul(fp2_norm(line_at(&order_7->line[2], at)), v));
}

static bool pairs_with_order_7(const struct place *at)
{
    /* N(B)^((p - 1) / 7), a seventh root of one, from the B in B v^2 = u^3 + A u^2 + u */
    static const u128 of_subgroup = FP(0x6E92A4C645BBC73B, 0x682AD5F315F1CA23);
    struct two const power = two_seventh((struct two){norm_with_order_7(&fourq_order_7[0], at),
                                                      norm_with_order_7(&fourq_order_7[1], at)});
    return fp_is_zero(fp_sub(power.a, of_subgroup)) && fp_is_zero(fp_sub(power.b, of_subgroup));
}

/* The function with a zero of order 8 at T is L1^4 L2^2 / (V^4 u): tangents at T and 2T, vertical at 2T. With
 * 2T = (-i, 0) L2 is top (1 - ix) / (bottom x), and V is 2y / bottom. The power (p^2 - 1) / 8 = (p - 1) 2^124 takes
 * all of GF(p) to 1; so a division is a product with the conjugate, and what is left to ask is which multiple of
 * GF(p) the power 2^124 lies in. */
static bool pairs_with_order_8(const struct place *at, struct fp2 y)
{
    struct fp2 const second = {fp_add(1, at->x.im), fp_neg(at->x.re)}; /* 1 - ix */
    struct fp2 const x_bar = fp2_conjugate(at->x);
    struct fp2 const first = fp2_mul(line_at(&fourq_tangent_8, at), fp2_conjugate(y));
    struct fp2 const half =
        fp2_mul(fp2_mul(fp2_square(first), second), fp2_mul(fp2_square(x_bar), x_bar));
    struct fp2 value = fp2_mul(fp2_square(half), fp2_mul(at->top, fp2_conjugate(at->bottom)));
    for (int i = 0; i < 124; i++) {
        value = fp2_square(value);
    }
    return fp_is_zero(fp_sub(value.re, value.im)) && !fp_is_zero(value.re);
}

bool fourq_has_order_r_public(const struct fourq_point *point)
{
    INVARIANT(fp2_equal(point->z, one));
    struct place const at = {
        .x = point->x,
        .top = fp2_add(one, point->y),
        .bottom = fp2_sub(one, point->y),
        .top_x = fp2_mul(fp2_add(one, point->y), point->x),
        .bottom_x = fp2_mul(fp2_sub(one, point->y), point->x),
    };
    /* Where a line or its divisor vanishes the value is 0, which is no power of what is expected: those points have
     * low order, the neutral one among them. */
    return pairs_with_order_8(&at, point->y) && pairs_with_order_7(&at);
}
