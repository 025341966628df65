# SPDX-License-Identifier: Apache-2.0
"""Anchoring, with whole programs: tallyd puts checkpoints on a local chain, tally verify finds them there, and finds what was changed."""
import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import unittest

import lmdb

SOURCE = os.environ["TALLY_SOURCE_DIR"]
BIN = os.environ["TALLY_BIN_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from tally_harness import World, wait_until  # noqa: E402

ANCHORED = 80


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", root_of(leaves[:split]), root_of(leaves[split:]))


def frontier_of(leaves):
    """docs/record-format.md, section 5, of a log without a full tile."""
    assert len(leaves) < 256
    frontier, end = struct.pack(">Q", len(leaves)), len(leaves)
    for height in range(8):
        if len(leaves) >> height & 1:
            frontier += root_of(leaves[end - (1 << height):end])
            end -= 1 << height
    return frontier


class Anchors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(options=("--anchor-every-events", "20"))
        cls.addClassCleanup(cls.world.close)
        cls.status_at_start = cls.anchoring()
        for number in range(10):
            cls.world.person("early bird " + "abcdefghij"[number])
        wait_until(lambda: cls.anchoring()["reason"], "anchoring lacks money")
        cls.status_without_money = cls.anchoring()
        cls.ready_without_money = cls.world.client().get("/readyz").status
        cls.identity = cls.status_at_start["identity"]
        cls.world.chain.fund(cls.identity, 1)
        wait_until(lambda: cls.anchoring()["records"] > 0, "the first anchor")
        first = cls.anchoring()["records"]
        for number in range(15):
            cls.world.person("late bird " + "abcdefghijklmno"[number], money=100 if number == 0 else 0)
        wait_until(lambda: cls.anchoring()["records"] > first, "the second anchor")
        cls.copy = cls.world.folder + "/copy"

    @classmethod
    def anchoring(cls):
        return cls.world.client().get("/readyz").json["anchoring"]

    def verify(self, *more, data=None):
        return subprocess.run([BIN + "/tally", "verify", "--data", data or self.world.data, *more], capture_output=True,
                              text=True, timeout=60)

    def asked(self, *more, data=None):
        return self.verify("--qubic-query-url", self.world.chain.url + "/query/v1", *more, data=data)

    def query(self, question, **body):
        return self.world.chain.client.ok("POST", "/query/v1/" + question, body)

    # ── what is there ──

    def test_who_has_no_money_is_told_and_nothing_else_waits(self):
        self.assertTrue(self.status_at_start["on"])
        self.assertRegex(self.identity, "^[A-Z]{60}$")
        self.assertIn(self.identity, self.status_without_money["reason"])
        self.assertEqual(self.status_without_money["records"], 0)
        self.assertEqual(self.ready_without_money, 200)
        self.assertEqual(self.anchoring()["reason"], "")

    def test_verify_finds_the_anchors_on_the_chain(self):
        done = self.asked("--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        anchors = json.loads(done.stdout)["anchors"]
        self.assertGreaterEqual(anchors["count"], 2)
        self.assertEqual(anchors["on_chain"], anchors["count"])
        self.assertEqual(anchors["identities"], [self.identity])
        self.assertGreaterEqual(anchors["newest"]["size"], self.anchoring()["records"])
        text = self.asked().stdout
        for words in ("all %d are on the chain" % anchors["count"], self.identity, "not checked: whether the chain has"):
            self.assertIn(words, text)
        self.assertEqual(self.world.chain.balance(self.identity), 1, "none is spent")

    def test_without_the_chain_verify_says_what_it_did_not_look_at(self):
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not looked for on the chain", done.stdout)
        self.assertNotIn("on_chain", json.loads(self.verify("--json").stdout)["anchors"])

    def test_the_transaction_is_the_documented_one(self):
        newest = json.loads(self.asked("--json").stdout)["anchors"]["newest"]
        tx = self.query("getTransactionByHash", hash=newest["transaction"])
        log_id = self.world.client().get("/v1/terms").json["log_id"]
        with lmdb.open(self.world.data + "/log", readonly=True, create=False, max_dbs=8) as env, env.begin() as txn:
            records = env.open_db(b"records", txn, create=False)
            leaves = [sha256(b"\0", record) for _, record in txn.cursor(db=records)]
        self.assertEqual((tx["source"], tx["destination"]), (self.identity, self.identity))
        self.assertEqual((tx["amount"], tx["inputType"], tx["tickNumber"]), ("0", 21587, newest["tick"]))
        self.assertEqual(base64.b64decode(tx["inputData"]).hex(),
                         (b"TLY1" + bytes([6, 0, 0, 0])).hex() + log_id.replace("-", "") + "00" * 48 +
                         root_of(leaves[:newest["size"]]).hex())

    def test_an_idle_ledger_anchors_nothing(self):
        before = self.world.head()
        tick = self.world.chain.tick()
        wait_until(lambda: self.world.chain.tick() > tick + 60, "a minute of a real chain")
        self.assertEqual(self.world.head(), before)

    def test_the_checker_knows_them(self):
        done = subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "tools/checker.py"), "--json", self.world.data],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreaterEqual(json.loads(done.stdout)["counts"]["anchors"], 2)

    # ── what was changed ──

    def forge(self, offset, value):
        """A copy of the log in which the last anchor's record has other bytes there, and everything else follows from that. Its sequence."""
        shutil.rmtree(self.copy, ignore_errors=True)
        os.makedirs(self.copy + "/log")
        with lmdb.open(self.world.data + "/log", readonly=True, create=False, max_dbs=8) as env:
            env.copy(self.copy + "/log")
        with lmdb.open(self.copy + "/log", create=False, max_dbs=8, map_size=1 << 30) as env:
            records, meta = env.open_db(b"records", create=False), env.open_db(b"meta", create=False)
            with env.begin(write=True) as txn:
                rows = list(txn.cursor(db=records))
                at = max(i for i, (_, record) in enumerate(rows) if struct.unpack_from(">H", record, 2)[0] == ANCHORED)
                record = bytearray(rows[at][1])
                record[offset:offset + len(value)] = value
                txn.put(rows[at][0], bytes(record), db=records)
                rows[at] = (rows[at][0], bytes(record))
                txn.put(b"frontier", frontier_of([sha256(b"\0", record) for _, record in rows]), db=meta)
                txn.delete(b"checkpoint", db=meta)
        return at + 1

    def place(self, field):
        """Where the 32 bytes of a field are in the last anchor's record."""
        with lmdb.open(self.world.data + "/log", readonly=True, create=False, max_dbs=8) as env, env.begin() as txn:
            records = env.open_db(b"records", txn, create=False)
            record = [r for _, r in txn.cursor(db=records) if struct.unpack_from(">H", r, 2)[0] == ANCHORED][-1]
        return record.index(bytes([field, 0xC4, 32]), 104) + 3

    def refused(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_root_that_is_not_the_records_is_found_without_the_chain(self):
        sequence = self.forge(self.place(2), b"x")
        self.refused(self.verify(data=self.copy), "record %d anchors a root" % sequence)
        checker = subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "tools/checker.py"), "--json", self.copy],
                                 capture_output=True, text=True, timeout=60)
        self.assertEqual((checker.returncode, json.loads(checker.stdout)["sequence"]), (1, sequence), checker.stdout)

    def test_a_transaction_that_is_not_there_is_found_on_the_chain(self):
        sequence = self.forge(self.place(3), b"x")
        self.assertEqual(self.verify(data=self.copy).returncode, 0)
        self.refused(self.asked(data=self.copy), "record %d is not on this chain" % sequence)

    def other_transaction(self):
        """The hash of a transaction of somebody else that ran, as bytes."""
        person = self.world.person("somebody else", money=50)
        tx = self.world.chain.in_time({"seed": person.seed, "destination": person.identity, "amount": "0",
                                       "inputType": 0, "input": ""}, 10, self.world.chain.broadcast)
        wait_until(lambda: self.world.chain.client.post("/query/v1/getTransactionByHash", {"hash": tx["id"]}).status == 200,
                   "another transaction")
        return hash_bytes(tx["id"])

    def test_another_transaction_is_no_anchor(self):
        sequence = self.forge(self.place(3), self.other_transaction())
        self.assertEqual(self.verify(data=self.copy).returncode, 0)
        self.refused(self.asked(data=self.copy), "record %d is wrong" % sequence, "ran in another tick")

    def test_a_chain_that_does_not_answer_is_no_proof(self):
        done = self.verify("--qubic-query-url", "http://127.0.0.1:1/query/v1")
        self.refused(done, "the log holds; the chain was asked for the anchor in record")


def hash_bytes(text):
    """The 32 bytes of a transaction's id: four little-endian numbers of 14 letters each."""
    return b"".join(struct.pack("<Q", sum((ord(c) - ord("a")) * 26**i for i, c in enumerate(text[14 * k:14 * k + 14])))
                    for k in range(4))


if __name__ == "__main__":
    unittest.main(verbosity=2)
