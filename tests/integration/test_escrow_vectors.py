# SPDX-License-Identifier: Apache-2.0
"""Keys of escrows and anchoring, and payloads, computed again from docs/record-format.md, sections 7 and 8, alone: KangarooTwelve, FourQ and the
derivation are written here a second time, slowly, and compared with tests/data/settlement-vectors.json, which the C code
is held to as well. Those vectors must never change.

    test_escrow_vectors.py            check
    test_escrow_vectors.py --print    print the file's content (to add a vector, never to change one)"""

import json
import os
import struct
import sys

SOURCE = os.environ.get("TALLY_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "..", ".."))
PATH = os.path.join(SOURCE, "tests", "data", "settlement-vectors.json")

# ---- KT128 (RFC 9861) for inputs of one chunk ----


def rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & (2**64 - 1) if n else x


def round_constants():
    """The 24 constants of Keccak-f[1600], from the LFSR of FIPS 202."""
    state, constants = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            if state & 1:
                constant |= 1 << (2**j - 1)
            state <<= 1
            if state & 0x100:
                state ^= 0x171
        constants.append(constant)
    return constants


def keccak_p12(lanes):
    for constant in round_constants()[12:]:
        c = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lanes[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, current = 1, 0, lanes[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], rotate(current, (t + 1) * (t + 2) // 2 % 64)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & (2**64 - 1) & row[(x + 2) % 5])
        lanes[0][0] ^= constant
    return lanes


def k12(message, size):
    assert len(message) < 8192
    data = bytearray(message) + b"\0\x07"  # no customization, last chunk
    data += bytes(-len(data) % 168)
    data[-1] ^= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for block in range(0, len(data), 168):
        for i in range(21):
            lanes[i % 5][i // 5] ^= struct.unpack_from("<Q", data, block + 8 * i)[0]
        lanes = keccak_p12(lanes)
    output = b""
    while True:
        output += b"".join(struct.pack("<Q", lanes[i % 5][i // 5]) for i in range(21))
        if len(output) >= size:
            return output[:size]
        lanes = keccak_p12(lanes)


# ---- FourQ: a seed's public key ----

P = 2**127 - 1
D = (0xE40000000000000142, 0x5E472F846657E0FCB3821488F1FC0C8D)
G = ((0x1A3472237C2FB305286592AD7B3833AA, 0x1E1F553F2878AA9C96869FB360AC77F6),
     (0x0E3FEE9BA120785AB924A2462BCBB287, 0x6E1C4AF8630E024249A7C344844C8B5C))
ORDER = 0x0029CBC14E5E0A72F05397829CBC14E5DFBD004DFE0F79992FB2540EC7768CE7


def mul(a, b):
    return ((a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P)


def add(a, b):
    return ((a[0] + b[0]) % P, (a[1] + b[1]) % P)


def sub(a, b):
    return ((a[0] - b[0]) % P, (a[1] - b[1]) % P)


def inverse(a):
    n = pow(a[0] * a[0] + a[1] * a[1], P - 2, P)
    return (a[0] * n % P, -a[1] * n % P)


def point_add(a, b):
    """-x² + y² = 1 + d·x²·y², affine and complete."""
    cross = mul(D, mul(mul(a[0], b[0]), mul(a[1], b[1])))
    x = mul(add(mul(a[0], b[1]), mul(a[1], b[0])), inverse(add((1, 0), cross)))
    y = mul(add(mul(a[1], b[1]), mul(a[0], b[0])), inverse(sub((1, 0), cross)))
    return x, y


def public_key(seed):
    subseed = k12(bytes(ord(c) - ord("a") for c in seed), 32)
    scalar = int.from_bytes(k12(subseed, 32), "little") % ORDER
    result, power = ((0, 0), (1, 0)), G
    while scalar:
        if scalar & 1:
            result = point_add(result, power)
        power = point_add(power, power)
        scalar >>= 1
    x, y = result
    sign = (x[0] if x[0] else x[1]) >> 126
    return y[0].to_bytes(16, "little") + (y[1] | sign << 127).to_bytes(16, "little")


def identity(key):
    text = ""
    for i in range(4):
        value = struct.unpack_from("<Q", key, 8 * i)[0]
        for _ in range(14):
            text += chr(ord("A") + value % 26)
            value //= 26
    check = int.from_bytes(k12(key, 3), "little") & 0x3FFFF
    for _ in range(4):
        text += chr(ord("A") + check % 26)
        check //= 26
    return text


# ---- docs/record-format.md, sections 7 and 8 ----


def derived_seed(row, label, tail):
    stream = k12(row["operatorSeed"].encode() + label + bytes([row["network"]]) + bytes.fromhex(row["logId"]) +
                 struct.pack(">Q", row["keyId"]) + tail, 512)
    return "".join(chr(ord("a") + b % 26) for b in stream if b < 234)[:55]


def payload(row):
    return (b"TLY1" + bytes([row["kind"], 0, 0, 0]) + bytes.fromhex(row["logId"]) + bytes.fromhex(row["jobId"]) +
            bytes.fromhex(row["escrowId"]) + bytes.fromhex(row["quoteId"]) + bytes.fromhex(row["subject"]))


def inputs():
    """What is fed in; everything else in the file follows from it."""
    rows = [("a" * 55, 3, "00" * 16, 1, "00" * 16),
            ("a" * 55, 3, "00" * 16, 1, "00" * 15 + "01"),
            ("wfzqkcxmplovnjhtgyrbsduaeiqwfzqkcxmplovnjhtgyrbsduaeiqw", 1, "0193a0b1c2d37e4f8011223344556677", 1,
             "0193a0b1c2d47a5b9c8d7e6f50413223"),
            ("z" * 55, 2, "ff" * 16, 2**64 - 1, "fe" * 16)]
    escrows = [dict(zip(("operatorSeed", "network", "logId", "keyId", "escrowId"), row)) for row in rows]
    ids = {"logId": "000102030405060708090a0b0c0d0e0f", "jobId": "101112131415161718191a1b1c1d1e1f",
           "escrowId": "202122232425262728292a2b2c2d2e2f"}
    payloads = [dict(ids, kind=1, quoteId="303132333435363738393a3b3c3d3e3f", subject="a5" * 32)]
    payloads += [dict(ids, kind=kind, quoteId="00" * 16, subject="00" * 32) for kind in (2, 3, 4)]
    payloads += [dict(ids, kind=kind, quoteId="00" * 16, subject="c3" * 32) for kind in (5, 6)]
    anchors = [{name: row[name] for name in row if name != "escrowId"} for row in escrows[1:]]
    return escrows, anchors, payloads


def compute(escrows, anchors, payloads):
    for row in escrows:
        row["seed"] = derived_seed(row, b"tallystick escrow v1", bytes.fromhex(row["escrowId"]))
    for row in anchors:
        row["seed"] = derived_seed(row, b"tallystick anchor v1", b"")
    for row in escrows + anchors:
        row["publicKey"] = public_key(row["seed"]).hex()
        row["identity"] = identity(bytes.fromhex(row["publicKey"]))
        row["keyId"] = str(row["keyId"])
    for row in payloads:
        row["bytes"] = payload(row).hex()
    return {"note": "Computed by tests/integration/test_escrow_vectors.py from docs/record-format.md. Never change a row.",
            "escrows": escrows, "anchors": anchors, "payloads": payloads}


def main():
    again = compute(*inputs())
    if "--print" in sys.argv:
        print(json.dumps(again, indent=1))
        return
    with open(PATH, encoding="utf-8") as file:
        stored = json.load(file)
    passed = failed = 0
    for name in ("escrows", "anchors", "payloads"):
        assert len(stored[name]) == len(again[name]) > 0, name
        for number, (one, other) in enumerate(zip(stored[name], again[name])):
            if one == other:
                passed += 1
            else:
                failed += 1
                print(f"{name}[{number}]: the file says {one}, computed {other}")
    # A public vector of the network, so that this file does not only agree with itself.
    assert identity(public_key("a" * 55)) == "BZBQFLLBNCXEMGLOBHUVFTLUPLVCPQUASSILFABOFFBCADQSSUPNWLZBQEXK"
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
