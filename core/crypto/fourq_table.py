#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes core/crypto/fourq_table.c: python3 core/crypto/fourq_table.py > core/crypto/fourq_table.c

Everything is computed from the curve and from the eigenvalues of its endomorphisms, with plain integers; the tests compute
all of it again with the C code, or check what it must do."""
from fractions import Fraction

P = 2**127 - 1
R = 0x0029CBC14E5E0A72F05397829CBC14E5DFBD004DFE0F79992FB2540EC7768CE7
D = (0x00000000000000E40000000000000142, 0x5E472F846657E0FCB3821488F1FC0C8D)
G = (
    (0x1A3472237C2FB305286592AD7B3833AA, 0x1E1F553F2878AA9C96869FB360AC77F6),
    (0x0E3FEE9BA120785AB924A2462BCBB287, 0x6E1C4AF8630E024249A7C344844C8B5C),
)
PHI = 0x6D9069DC876C883C18F03C13D737624874F0B5E4DAA9BCDF0E63CE8997864
PSI = 0x18C475353519268C4C2510AB53B51ECB3688CA09EF0E885DC7F2B7CDFD2A88
BOTH = PHI * PSI * pow(4, -1, R) % R  # fourq_verify.c leaves out a tau and a dual of it between them: they are times 4
COMB_ROWS, COMB_COLUMNS = 31, 8
NAF_ROWS, NAF_COLUMNS, NAF_ROW_BITS = 4, 64, 62
ONE, ZERO = (1, 0), (0, 0)
NEUTRAL = (ZERO, ONE)


def add(a, b):
    return ((a[0] + b[0]) % P, (a[1] + b[1]) % P)


def sub(a, b):
    return ((a[0] - b[0]) % P, (a[1] - b[1]) % P)


def mul(a, b):
    return ((a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P)


def times(n, a):
    return (n * a[0] % P, n * a[1] % P)


def inverse(a):
    scale = pow(a[0] * a[0] + a[1] * a[1], P - 2, P)
    return (a[0] * scale % P, -a[1] * scale % P)


def root(a):
    """A square root in GF(p^2), or None."""
    norm = pow(a[0] * a[0] + a[1] * a[1], 2**125, P)
    for sign in (1, -1):
        half = (a[0] + sign * norm) * 2**126 % P
        re = pow(half, 2**125, P)
        if re != 0:
            x = (re, a[1] * pow(2 * re, P - 2, P) % P)
            if mul(x, x) == a:
                return x
    return None


def point_add(p, q):
    """The affine law of -x^2 + y^2 = 1 + d x^2 y^2; complete, so it also doubles."""
    cross = mul(D, mul(mul(p[0], q[0]), mul(p[1], q[1])))
    x = mul(add(mul(p[0], q[1]), mul(q[0], p[1])), inverse(add(ONE, cross)))
    y = mul(add(mul(p[1], q[1]), mul(p[0], q[0])), inverse(sub(ONE, cross)))
    return (x, y)


def point_mul(n, p):
    result = NEUTRAL
    while n:
        if n & 1:
            result = point_add(result, p)
        p = point_add(p, p)
        n >>= 1
    return result


def lattice():
    """A short basis of the (a, b, c, d) with a + b PHI + c PSI + d BOTH = 0 modulo R (Lenstra, Lenstra, Lovasz)."""
    basis = [[R, 0, 0, 0], [-PHI % R, 1, 0, 0], [-PSI % R, 0, 1, 0], [-BOTH % R, 0, 0, 1]]

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b))

    def orthogonal():
        rows, factors = [], [[Fraction(0)] * 4 for _ in range(4)]
        for i in range(4):
            row = [Fraction(x) for x in basis[i]]
            for j in range(i):
                factors[i][j] = dot(basis[i], rows[j]) / dot(rows[j], rows[j])
                row = [a - factors[i][j] * b for a, b in zip(row, rows[j])]
            rows.append(row)
        return rows, factors

    k = 1
    while k < 4:
        for j in range(k - 1, -1, -1):
            whole = round(orthogonal()[1][k][j])
            basis[k] = [a - whole * b for a, b in zip(basis[k], basis[j])]
        rows, factors = orthogonal()
        if dot(rows[k], rows[k]) >= (Fraction(99, 100) - factors[k][k - 1] ** 2) * dot(rows[k - 1], rows[k - 1]):
            k += 1
        else:
            basis[k], basis[k - 1] = basis[k - 1], basis[k]
            k = max(k - 1, 1)
    return basis


def determinant(rows):
    if len(rows) == 1:
        return rows[0][0]
    return sum((-1) ** i * rows[i][0] * determinant([row[1:] for row in rows[:i] + rows[i + 1:]]) for i in range(len(rows)))


def shares(basis):
    """(1, 0, 0, 0) = sum of shares[i] * basis[i]: the first column of the cofactors, over the determinant."""
    return [Fraction((-1) ** i * determinant([row[1:] for row in basis[:i] + basis[i + 1:]]), determinant(basis)) for i in range(4)]


def torsion():
    """A point of order 8 and two of order 7 that generate all of the 392 points whose order divides 392."""
    small, sevens, eight = 0, [], None
    while eight is None or len(sevens) < 2:
        small += 1
        y2 = mul((small, 1), (small, 1))
        x = root(mul(sub(y2, ONE), inverse(add(mul(D, y2), ONE))))
        if x is None:
            continue
        point = point_mul(R, (x, (small, 1)))
        seven, candidate = point_mul(8, point), point_mul(49, point)
        if point_mul(4, candidate) != NEUTRAL and eight is None:
            eight = candidate
        if seven not in [point_mul(i, s) for s in sevens + [NEUTRAL] for i in range(7)]:
            sevens.append(seven)
    return eight, sevens


# The same curve as B v^2 = u^3 + A u^2 + u: u = (1 + y) / (1 - y), v = u / x.
A = mul(times(2, sub(D, ONE)), inverse(sub(ZERO, add(ONE, D))))
B = mul((4, 0), inverse(sub(ZERO, add(ONE, D))))


def montgomery(p):
    u = mul(add(ONE, p[1]), inverse(sub(ONE, p[1])))
    return u, mul(u, inverse(p[0]))


def line(p, q):
    """v = slope * u + offset through p and q."""
    (u, v), (u2, v2) = montgomery(p), montgomery(q)
    if p == q:
        slope = mul(add(add(times(3, mul(u, u)), times(2, mul(A, u))), ONE), inverse(times(2, mul(B, v))))
    else:
        slope = mul(sub(v2, v), inverse(sub(u2, u)))
    return slope, sub(v, mul(slope, u))


def element(a):
    halves = [(part >> 64, part & (2**64 - 1)) for part in a]
    return "{" + ", ".join("FP(0x%016X, 0x%016X)" % half for half in halves) + "}"


def elements(*all_of_them):
    return "{" + ",\n         ".join(element(a) for a in all_of_them) + "}"


def words(n, count):
    return "{" + ", ".join("UINT64_C(0x%016X)" % ((n >> (64 * i)) & (2**64 - 1)) for i in range(count)) + "}"


def entry(point):
    x, y = point
    print("        %s," % elements(add(y, x), sub(y, x), mul(times(2, D), mul(x, y))))


print("/* core/crypto/fourq_table.c: written by fourq_table.py; do not edit. */")
print("// SPDX-License-Identifier: Apache-2.0")
print('#include "core/crypto/fourq_table.h"\n')
print("// clang-format off")
print("const struct fourq_entry fourq_table[FOURQ_TABLE_ROWS][FOURQ_TABLE_COLUMNS] = {")
for row in range(COMB_ROWS):
    print("    {")
    for column in range(COMB_COLUMNS):
        entry(point_mul((column + 1) << (8 * row), G))
    print("    },")
print("};")
print("const struct fourq_entry fourq_odd_multiples[FOURQ_ODD_ROWS][FOURQ_ODD_COLUMNS] = {")
for row in range(NAF_ROWS):
    print("    {")
    for column in range(NAF_COLUMNS):
        entry(point_mul((2 * column + 1) << (NAF_ROW_BITS * row), G))
    print("    },")
print("};")
basis = lattice()
share = shares(basis)
for i in range(4):  # shares positive, so that they are plain words
    if share[i] < 0:
        basis[i], share[i] = [-x for x in basis[i]], -share[i]
assert sum(share[i] * basis[i][0] for i in range(4)) == 1
assert all(max(sum(abs(row[j]) for row in basis), 2**60) < 2**63 for j in range(4))
print("const struct fourq_lattice fourq_lattice = {")
print("    .share = {")
for i in range(4):
    print("        %s," % words(round(share[i] * 2**256), 4))
print("    },\n    .row = {")
for i in range(4):
    print("        {%s}," % ", ".join("%s0x%016X" % ("-" if x < 0 else "", abs(x)) for x in basis[i]))
print("    },\n};")
eight, sevens = torsion()
if point_add(eight, eight)[0] != (0, P - 1):  # twice the other one is (-i, 0), whose tangent is v = i * u
    eight = (sub(ZERO, eight[0]), eight[1])
assert point_add(eight, eight) == ((0, P - 1), ZERO)
print("const struct fourq_line fourq_tangent_8 = %s;" % elements(*line(eight, eight)))
print("const struct fourq_order_7 fourq_order_7[2] = {")
for seven in sevens:
    double = point_add(seven, seven)
    triple = point_add(double, seven)
    lines = [elements(*line(*pair)) for pair in ((seven, seven), (double, seven), (triple, triple))]
    print("    {.line = {%s}," % ",\n        ".join(lines))
    print("     .vertical = %s}," % elements(montgomery(double)[0], montgomery(triple)[0]))
print("};")
print("// clang-format on")
