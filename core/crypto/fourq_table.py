#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes core/crypto/fourq_table.c: python3 core/crypto/fourq_table.py > core/crypto/fourq_table.c"""

P = 2**127 - 1
D = (0x00000000000000E40000000000000142, 0x5E472F846657E0FCB3821488F1FC0C8D)
G = (
    (0x1A3472237C2FB305286592AD7B3833AA, 0x1E1F553F2878AA9C96869FB360AC77F6),
    (0x0E3FEE9BA120785AB924A2462BCBB287, 0x6E1C4AF8630E024249A7C344844C8B5C),
)
ROWS, COLUMNS = 31, 8


def add(a, b):
    return ((a[0] + b[0]) % P, (a[1] + b[1]) % P)


def sub(a, b):
    return ((a[0] - b[0]) % P, (a[1] - b[1]) % P)


def mul(a, b):
    return ((a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P)


def inverse(a):
    scale = pow(a[0] * a[0] + a[1] * a[1], P - 2, P)
    return (a[0] * scale % P, -a[1] * scale % P)


def point_add(p, q):
    """The affine law of -x^2 + y^2 = 1 + d x^2 y^2; complete, so it also doubles."""
    cross = mul(D, mul(mul(p[0], q[0]), mul(p[1], q[1])))
    x = mul(add(mul(p[0], q[1]), mul(q[0], p[1])), inverse(add((1, 0), cross)))
    y = mul(add(mul(p[1], q[1]), mul(p[0], q[0])), inverse(sub((1, 0), cross)))
    return (x, y)


def element(a):
    halves = [(part >> 64, part & (2**64 - 1)) for part in a]
    return "{" + ", ".join("FP(0x%016X, 0x%016X)" % half for half in halves) + "}"


print("/* core/crypto/fourq_table.c: written by fourq_table.py; do not edit. */")
print("// SPDX-License-Identifier: Apache-2.0")
print('#include "core/crypto/fourq_table.h"\n')
print("// clang-format off")
print("const struct fourq_entry fourq_table[FOURQ_TABLE_ROWS][FOURQ_TABLE_COLUMNS] = {")
base = G
for row in range(ROWS):
    print("    {")
    point = base
    for column in range(COLUMNS):
        x, y = point
        t = mul(add(D, D), mul(x, y))
        print("        {%s,\n         %s,\n         %s}," % (element(add(y, x)), element(sub(y, x)), element(t)))
        point = point_add(point, base)
    print("    },")
    for _ in range(8):
        base = point_add(base, base)
print("};")
print("// clang-format on")
