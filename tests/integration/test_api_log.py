#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an auditor gets over HTTP, without a token: entries, tiles, checkpoint and proofs, each checked here from RFC 9162
and C2SP alone; and what is asked for wrongly."""
import base64
import hashlib
import json
import os
import subprocess
import sys
import unittest

import lmdb

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World, wait_until  # noqa: E402


def sha256(data):
    return hashlib.sha256(data).digest()


def tree(leaves):
    """RFC 9162 §2.1.1."""
    if len(leaves) == 0:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + tree(leaves[:half]) + tree(leaves[half:]))


def root_of_inclusion(index, size, leaf, path):
    """RFC 9162 §2.1.3.2."""
    node, last, at = leaf, size - 1, index
    for sibling in path:
        assert last > 0
        if at % 2 == 1 or at == last:
            node = sha256(b"\x01" + sibling + node)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        at, last = at >> 1, last >> 1
    assert last == 0
    return node


def roots_of_consistency(first, second, first_root, path):
    """RFC 9162 §2.1.4.2."""
    path = list(path)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    at, last = first - 1, second - 1
    while at % 2 == 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        assert last > 0
        if at % 2 == 1 or at == last:
            old, new = sha256(b"\x01" + node + old), sha256(b"\x01" + node + new)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + node)
        at, last = at >> 1, last >> 1
    assert last == 0
    return old, new


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        alice = cls.world.person("alice")
        for i in range(130):  # two records each: more than one full tile
            alice.upload(b"print(%d)\n" % i)
        cls.anyone = cls.world.client()
        size = cls.world.head()
        wait_until(lambda: int(cls.checkpoint()[1]) >= size, "a checkpoint over all of it")
        cls.size = int(cls.checkpoint()[1])

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    @classmethod
    def checkpoint(cls):
        answer = cls.anyone.get("/v1/log/checkpoint")
        assert answer.status == 200, answer
        return answer.body.decode().split("\n")

    def entries(self, index, width=256):
        suffix = "" if width == 256 else ".p/%d" % width
        answer = self.anyone.get("/v1/log/tile/entries/%03d%s" % (index, suffix))
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("immutable", answer.headers["Cache-Control"])
        found, at = [], 0
        while at < len(answer.body):
            size = int.from_bytes(answer.body[at:at + 2], "big")
            found.append(answer.body[at + 2:at + 2 + size])
            at += 2 + size
        self.assertEqual((at, len(found)), (len(answer.body), width))
        return found

    def leaves(self):
        records = []
        for index in range(self.size // 256):
            records += self.entries(index)
        if self.size % 256:
            records += self.entries(self.size // 256, self.size % 256)
        return [sha256(b"\x00" + record) for record in records]

    def proof(self, query):
        answer = self.anyone.get("/v1/log/proof/" + query)
        self.assertEqual(answer.status, 200, answer)
        return [bytes.fromhex(text) for text in answer.json["hashes"]]

    def test_entries_hash_to_the_tiles_and_to_the_signed_root(self):
        leaves = self.leaves()
        self.assertGreater(len(leaves), 256)
        lines = self.checkpoint()
        self.assertEqual(lines[0], self.anyone.ok("GET", "/v1/terms")["log"])
        self.assertGreaterEqual(int(lines[1]), self.size)
        self.assertEqual(lines[3], "")
        self.assertTrue(lines[4].startswith("— %s " % lines[0]))
        if int(lines[1]) == self.size:
            self.assertEqual(base64.b64decode(lines[2]), tree(leaves))
        tile = self.anyone.get("/v1/log/tile/0/000").body
        self.assertEqual(tile, b"".join(leaves[:256]))
        part = self.anyone.get("/v1/log/tile/0/001.p/%d" % (self.size - 256)).body
        self.assertEqual(part, b"".join(leaves[256:self.size]))
        self.assertEqual(self.anyone.get("/v1/log/tile/1/000.p/1").body, tree(leaves[:256]))

    def test_the_signature_is_that_of_the_key_in_record_1(self):
        sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tools"))
        import checker
        answer = self.anyone.get("/v1/log/checkpoint")
        opened = checker.Fields(self.entries(0)[0][104:], "record 1", 1).fields
        text, _, signature = answer.body.partition(b"\n\n")
        signed = base64.b64decode(signature.decode().split(" ")[2])
        self.assertEqual(signed[:4], sha256(text.split(b"\n")[0] + b"\n\x01" + opened[6])[:4])
        self.assertTrue(checker.ed25519_verify(opened[6], text + b"\n", signed[4:]))
        self.assertFalse(checker.ed25519_verify(opened[6], text + b"\n\n", signed[4:]))

    def test_every_inclusion_proof_leads_to_the_root(self):
        leaves = self.leaves()
        for size in (1, 2, 7, 200, 256, 257, self.size):
            root = tree(leaves[:size])
            for sequence in sorted({1, 2, size // 2 + 1, size}):
                if sequence <= size:
                    path = self.proof("inclusion?sequence=%d&size=%d" % (sequence, size))
                    self.assertEqual(root_of_inclusion(sequence - 1, size, leaves[sequence - 1], path), root,
                                     (sequence, size))

    def test_every_consistency_proof_joins_two_roots(self):
        leaves = self.leaves()
        sizes = (1, 2, 3, 8, 100, 255, 256, 257, self.size)
        for first in sizes:
            for second in sizes:
                if first < second:
                    path = self.proof("consistency?from=%d&to=%d" % (first, second))
                    old, new = roots_of_consistency(first, second, tree(leaves[:first]), path)
                    self.assertEqual((old, new), (tree(leaves[:first]), tree(leaves[:second])), (first, second))
        self.assertEqual(self.proof("consistency?from=5&to=5"), [])

    def test_the_checkpoint_grows_with_the_log(self):
        before = int(self.checkpoint()[1])
        self.world.person("bob")
        wait_until(lambda: int(self.checkpoint()[1]) > before, "a newer checkpoint")

    def test_a_copy_outside_that_cannot_be_written_is_told(self):
        copy = self.world.data + ".checkpoint"
        metric = lambda: self.anyone.get("/metrics").body.decode().split("\ntally_checkpoint_failing ")[1][0]
        os.rename(copy, copy + ".kept")
        os.mkdir(copy)  # nothing can be renamed to it
        size = int(self.checkpoint()[1])
        self.world.person("carol")
        wait_until(lambda: self.anyone.get("/readyz").status == 503, "readiness ends")
        ledger = self.anyone.get("/readyz").json["ledger"]
        self.assertTrue(ledger["writable"])
        self.assertIn("no checkpoint can be signed", ledger["reason"])
        self.assertEqual(metric(), "1")
        self.assertEqual(int(self.checkpoint()[1]), size)  # what the copy has not is not shown
        os.rmdir(copy)
        wait_until(lambda: self.anyone.get("/readyz").status == 200, "readiness comes back")
        self.assertEqual(metric(), "0")
        self.assertGreater(int(self.checkpoint()[1]), size)

    def test_every_page_that_is_zeroed_is_found_and_named(self):
        """Pages that nothing refers to are the only ones that do not matter; how many those are says python3-lmdb."""
        damaged = self.world.folder + "/damaged"
        whole = self.world.folder + "/whole"
        os.makedirs(damaged + "/log")
        os.mkdir(whole)
        with lmdb.open(self.world.data + "/log", readonly=True, max_dbs=8) as env:
            env.copy(whole)
            stats = [env.stat()]
            with env.begin() as transaction:
                stats += [transaction.stat(env.open_db(name, transaction, create=False))
                          for name in (b"records", b"private", b"tiles", b"meta")]
            size, pages = stats[0]["psize"], env.info()["last_pgno"] + 1
        used = 2 + sum(stat[kind] for stat in stats for kind in ("branch_pages", "leaf_pages", "overflow_pages"))
        with open(whole + "/data.mdb", "rb") as file:
            content = file.read()
        passed = 0
        for page in range(pages):
            with open(damaged + "/log/data.mdb", "wb") as file:
                file.write(content[:page * size] + bytes(size) + content[(page + 1) * size:])
            done = subprocess.run([os.environ["TALLY_BIN_DIR"] + "/tally", "verify", "--data", damaged, "--json"],
                                  capture_output=True, text=True, timeout=60)
            said = json.loads(done.stdout)
            passed += said["ok"]
            self.assertEqual(done.returncode, 0 if said["ok"] else 1)
            if not said["ok"]:
                self.assertEqual(said["code"], "corrupt", (page, said))
                self.assertRegex(said["detail"], r"record|tile|frontier|open the log|free pages|read the log", page)
        self.assertEqual(passed, pages - used - 1)  # the list of free pages is not among the free
        self.assertGreater(passed, 0)

    def test_what_is_asked_for_wrongly(self):
        for path, status, code in (
                ("tile/0/0", 422, "tile_path"), ("tile/8/000", 422, "tile_path"), ("tile/0/x000/000", 422, "tile_path"),
                ("tile/0/000.p/0", 422, "tile_path"), ("tile/0/000.p/256", 422, "tile_path"),
                ("tile/0/000.p/01", 422, "tile_path"), ("tile/0/000/", 422, "tile_path"),
                ("tile/entries/1000", 422, "tile_path"), ("tile/x/000", 422, "tile_path"),
                ("tile/0/" + "x999/" * 9 + "999", 422, "tile_path"),
                ("tile/0/009", 404, "no_such_tile"), ("tile/0/001", 404, "no_such_tile"),
                ("tile/7/000", 404, "no_such_tile"), ("tile/entries/x001/067", 404, "no_such_tile"),
                ("tile/entries/" + "x999/" * 5 + "999", 404, "no_such_tile"),
                ("tile/7/" + "x999/" * 5 + "999.p/1", 404, "no_such_tile"),
                ("proof/inclusion", 422, "parameter_invalid"), ("proof/inclusion?sequence=1", 422, "parameter_invalid"),
                ("proof/inclusion?sequence=-1&size=3", 422, "parameter_invalid"),
                ("proof/inclusion?sequence=0&size=3", 404, "no_such_proof"),
                ("proof/inclusion?sequence=4&size=3", 404, "no_such_proof"),
                ("proof/inclusion?sequence=1&size=%d" % 10**9, 404, "no_such_proof"),
                ("proof/consistency?from=4&to=3", 404, "no_such_proof"),
                ("proof/consistency?from=a&to=3", 422, "parameter_invalid")):
            answer = self.anyone.get("/v1/log/" + path)
            self.assertEqual((answer.status, json.loads(answer.body)["code"]), (status, code), path)
        self.assertEqual(self.anyone.post("/v1/log/checkpoint").status, 405)


if __name__ == "__main__":
    unittest.main()
