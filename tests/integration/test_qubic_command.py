#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tally qubic` on every vector it can take, on bad lines, and with flags."""
import json
import os
import subprocess
import unittest

TALLY = os.path.join(os.environ["TALLY_BIN_DIR"], "tally")
with open(os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/data/qubic-vectors.json")) as file:
    VECTORS = json.load(file)
with open(os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/data/qubic-mixed-order.json")) as file:
    MIXED_ORDER = json.load(file)["mixedOrder"]


def run(operation, lines):
    """Lines in, parsed answers out; the stream must end with status 0."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run([TALLY, "qubic", operation], input=text.encode(), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(answers) == len(lines), (len(answers), len(lines))
    return answers


class QubicCommand(unittest.TestCase):
    def test_k12(self):
        rows = VECTORS["k12"]
        lines = []
        for row in rows:
            gen = row["gen"]
            data = bytes((i * gen["mul"] + gen["add"]) % gen["mod"] for i in range(row["len"]))
            lines.append({"input": data.hex(), "length": row["outLen"]})
        for row, answer in zip(rows, run("k12", lines)):
            self.assertEqual(answer, {"output": row["outputHex"]})

    def test_identity(self):
        rows = VECTORS["identities"]
        for row, answer in zip(rows, run("identity", [{"seed": row["seed"]} for row in rows])):
            self.assertEqual(answer, {"identity": row["identity"], "publicKey": row["publicKeyHex"]})
        for row, answer in zip(rows, run("identity", [{"identity": row["identity"]} for row in rows])):
            self.assertEqual(answer, {"publicKey": row["publicKeyHex"]})
        for row, answer in zip(rows, run("identity", [{"publicKey": row["publicKeyHex"]} for row in rows])):
            self.assertEqual(answer, {"identity": row["identity"]})
        bad = [{"identity": row["identity"]} for row in VECTORS["badIdentities"]]
        for answer in run("identity", bad):
            self.assertEqual(list(answer), ["error"])

    def test_sign_and_verify(self):
        rows = VECTORS["signatures"]
        for row, answer in zip(rows, run("sign", [{"seed": r["seed"], "digest": r["digestHex"]} for r in rows])):
            self.assertEqual(answer, {"signature": row["signatureHex"]})
        for name, expected in (("signatures", True), ("verifyNegative", False), ("verifyMixedOrder", False)):
            lines = [{"publicKey": r["publicKeyHex"], "digest": r["digestHex"], "signature": r["signatureHex"]}
                     for r in VECTORS[name]]
            self.assertEqual(run("verify", lines), [{"valid": expected}] * len(lines))

    def test_a_key_with_a_low_order_part_is_judged_as_the_network_judges(self):
        lines = [{"publicKey": r["publicKeyHex"], "digest": r["digestHex"], "signature": r["signatureHex"]} for r in MIXED_ORDER]
        self.assertEqual({r["validInQubicCore"] for r in MIXED_ORDER}, {True, False})
        self.assertEqual(run("verify", lines), [{"valid": r["validInQubicCore"]} for r in MIXED_ORDER])

    def test_transactions(self):
        for row in VECTORS["transactions"] + VECTORS["realTransactions"]:
            shown = run("tx", [{"hex": row["txHex"]}])[0]
            self.assertEqual(shown, {
                "source": row["sourceIdentity"], "destination": row["destinationIdentity"],
                "amount": row["amount"], "tick": row["tick"], "inputType": row["inputType"],
                "inputSize": row["inputSize"], "input": row["inputHex"], "signature": row["signatureHex"],
                "id": row["txHash"], "signatureValid": True})
            if "seed" in row:
                made = run("tx", [{"seed": row["seed"], "destination": row["destinationIdentity"],
                                   "amount": row["amount"], "tick": row["tick"],
                                   "inputType": row["inputType"], "input": row["inputHex"]}])[0]
                self.assertEqual(made, {"hex": row["txHex"], "id": row["txHash"]})

    def test_a_bad_line_is_answered_and_the_stream_goes_on(self):
        good = {"publicKey": "00" * 32}
        bad = ["", "   ", "{", "[]", "null", "7", '{"seed":"short"}', '{"seed":7}', '{"identity":"A","seed":"b"}',
               '{"publicKey":"00"}', '{"publicKey":"' + "zz" * 32 + '"}', '{"unknown":1}', "{}",
               '{"publicKey":"' + "00" * 32 + '"} trailing', '{"a":1,"a":1}', "\x00", "[" * 5000]
        answers = run("identity", [x for line in bad for x in (line, good)])
        for line, answer, fine in zip(bad, answers[::2], answers[1::2]):
            self.assertEqual(list(answer), ["error"], line)
            self.assertEqual(fine, {"identity": "A" * 56 + "FXIB"})
        for line in ({"hex": "00"}, {"hex": "0" * 287}, {"hex": "zz" * 144}, {"hex": "00" * 1200}, {"hex": 5},
                     {"hex": "ff" * 144}, {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": "-1", "tick": 1},
                     {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": "1000000000000001", "tick": 1},
                     {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": "1", "tick": 4294967296},
                     {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": "1"},
                     {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": "1", "tick": 1, "input": "0"},
                     {"seed": "a" * 55, "destination": "A" * 56 + "FXIB", "amount": 1.5, "tick": 1}):
            self.assertEqual(list(run("tx", [line])[0]), ["error"], line)
        for line in ({"publicKey": "00" * 31, "digest": "00" * 32, "signature": "00" * 64},
                     {"publicKey": "00" * 32, "digest": "00" * 33, "signature": "00" * 64},
                     {"publicKey": "00" * 32, "digest": "00" * 32, "signature": "0g" * 64}):
            self.assertEqual(list(run("verify", [line])[0]), ["error"], line)

    def test_no_trailing_newline_and_an_empty_stream(self):
        done = subprocess.run([TALLY, "qubic", "k12"], input=b'{"input":"","length":3}', capture_output=True, timeout=10)
        self.assertEqual(done.stdout, b'{"output":"1ac2d4"}\n')
        done = subprocess.run([TALLY, "qubic", "k12"], input=b"", capture_output=True, timeout=10)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_each_line_is_answered_before_the_next_is_sent(self):
        with subprocess.Popen([TALLY, "qubic", "k12"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            for _ in range(3):
                child.stdin.write(b'{"input":"00","length":1}\n')
                child.stdin.flush()
                self.assertTrue(child.stdout.readline().startswith(b'{"output"'))
            child.stdin.close()
            self.assertEqual(child.wait(timeout=60), 0)

    def test_flags(self):
        def flags(*arguments):
            return subprocess.run([TALLY, "qubic", *arguments], capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
        self.assertEqual(flags("k12", "--input", "", "--length", "3").stdout, b'{"output":"1ac2d4"}\n')
        self.assertEqual(flags("k12", "--input", "x").returncode, 1)
        refused = flags("identity", "--seed", "a" * 55)
        self.assertEqual((refused.returncode, refused.stdout), (2, b""))
        self.assertIn(b"standard input only", refused.stderr)
        self.assertEqual(flags("nonsense").returncode, 2)
        self.assertEqual(flags("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
