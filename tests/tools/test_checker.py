#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/checker.py on logs built here from docs/record-format.md, whole and damaged in each way it should notice.

The tree is computed here by its recursive definition, not as the checker does it; Ed25519 and the tree are pinned to
published vectors as well, because signing borrows the checker's point arithmetic."""
import base64
import hashlib
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import lmdb

SOURCE = os.environ.get("TALLY_SOURCE_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
CHECKER = os.path.join(SOURCE, "tools/checker.py")
spec = importlib.util.spec_from_file_location("checker", CHECKER)
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)

LOG_ID = bytes.fromhex("0190c2f4a7b37c1d8e2f001122334455")
LOG_UUID = "0190c2f4-a7b3-7c1d-8e2f-001122334455"
SECRET = bytes(range(32))
RECORDS, TILES_FULL = 300, 1


def sha256(data):
    return hashlib.sha256(data).digest()


def key(sequence):
    return struct.pack("=Q", sequence)


# --- signing, RFC 8032 section 5.1.6 ----------------------------------------------------------------------------------
def ed25519_expand(secret):
    half = bytearray(hashlib.sha512(secret).digest())
    half[0] &= 248
    half[31] = half[31] & 127 | 64
    return int.from_bytes(half[:32], "little"), bytes(half[32:])


def ed25519_public(secret):
    return checker.point_encode(checker.point_multiply(ed25519_expand(secret)[0], checker.BASE))


def ed25519_sign(secret, message):
    scalar, prefix = ed25519_expand(secret)
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % checker.ORDER
    point = checker.point_encode(checker.point_multiply(nonce, checker.BASE))
    k = int.from_bytes(hashlib.sha512(point + ed25519_public(secret) + message).digest(), "little")
    return point + ((nonce + k * scalar) % checker.ORDER).to_bytes(32, "little")


PUBLIC = ed25519_public(SECRET)


# --- the tree, by definition ------------------------------------------------------------------------------------------
def tree_root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_root(hashes[:split]) + tree_root(hashes[split:]))


def tree_tiles(leaves):
    tiles, level = {}, 0
    while len(leaves) >= 256:
        full = [leaves[i:i + 256] for i in range(0, len(leaves) - len(leaves) % 256, 256)]
        for index, hashes in enumerate(full):
            tiles[struct.pack(">BQ", level, index)] = b"".join(hashes)
        leaves, level = [tree_root(hashes) for hashes in full], level + 1
    return tiles


def tree_frontier(leaves):
    roots, end = b"", len(leaves)
    for bit in range(end.bit_length()):
        if len(leaves) >> bit & 1:
            roots += tree_root(leaves[end - (1 << bit):end])
            end -= 1 << bit
    return struct.pack(">Q", len(leaves)) + roots


# --- the log ----------------------------------------------------------------------------------------------------------
def pack(value):
    """msgpack in its one spelling, for the sizes used here."""
    if value is True:
        return b"\xc3"
    if isinstance(value, int):
        if -32 <= value < 128:
            return struct.pack(">b", value)
        forms = ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"))
        for tag, form in forms if value > 0 else ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")):
            try:
                return bytes([tag]) + struct.pack(form, value)
            except struct.error:
                pass
    if isinstance(value, bytes):
        return (struct.pack(">BB", 0xC4, len(value)) if len(value) < 256 else struct.pack(">BH", 0xC5, len(value))) + value
    if isinstance(value, str):
        data = value.encode()
        return (bytes([0xA0 | len(data)]) if len(data) < 32 else struct.pack(">BB", 0xD9, len(data))) + data
    if isinstance(value, list):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else struct.pack(">BH", 0xDC, len(value))
        return head + b"".join(map(pack, value))
    head = bytes([0x80 | len(value)]) if len(value) < 16 else struct.pack(">BH", 0xDE, len(value))
    return head + b"".join(pack(number) + pack(field) for number, field in value.items())


def record(kind, fields, *, time, command, digest=bytes(32), stream_kind=8, actor_kind=2, actor=b"\xaa" * 16, cause=0,
           form=1, flags=0):
    body = fields if isinstance(fields, bytes) else pack(fields)
    return struct.pack(">BBHHBBqQ", form, flags, kind, 1, stream_kind, actor_kind, time, cause) + \
        b"\x55" * 16 + actor + command + digest + body


def command_id(number):
    return sha256(b"command %d" % number)[:16]


OPENED = {1: LOG_ID, 2: 1, 3: 3, 4: 1, 5: sha256(b"catalogue"), 6: PUBLIC, 7: 1, 8: "tally.example"}
FIELDS = {1: 1, 2: 127, 3: 128, 4: 255, 5: 256, 6: 65536, 7: 1 << 32, 8: -1, 9: -33, 10: -129, 11: -32769, 12: -(1 << 40),
          13: True, 14: "grüße", 15: "x" * 40, 16: b"\x01" * 16, 17: b"\x02" * 300, 18: [{1: 5}, {}, {2: [{1: True}]}],
          200: [{1: n} for n in range(1, 18)]}
OPENED_HEADER = {"stream_kind": 1, "actor_kind": 1, "actor": bytes(16)}


class Built:
    """A log in memory: change what it holds, then `write` it."""

    def __init__(self, size=RECORDS):
        self.records, self.private = {}, {}
        self.records[1] = record(1, OPENED, time=1000, command=command_id(0), **OPENED_HEADER)
        for n in range(2, size + 1):
            digest = bytes(32)
            if n % 3 == 0:
                self.private[n] = sha256(b"salt %d" % n)[:16] + pack({0: sha256(b"request"), 1: f"file {n}.py"})
                digest = sha256(self.private[n])
            fields = FIELDS if n == 7 else {1: n}
            self.records[n] = record(20, fields, time=1000 + n // 2, command=command_id(n // 2), digest=digest, cause=n - 1)
        self.checkpoint_size, self.checkpoint, self.tiles, self.meta = size - 5, None, {}, {}

    def leaves(self):
        return [sha256(b"\x00" + self.records[n]) for n in sorted(self.records)]

    def note(self, *, size=None, root=None, origin=None, signer=None, secret=SECRET, public=PUBLIC, sign=ed25519_sign):
        size = self.checkpoint_size if size is None else size
        origin = f"tally.example/{LOG_UUID}/1" if origin is None else origin
        root = tree_root(self.leaves()[:size]) if root is None else root
        text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        signed = sha256(origin.encode() + b"\n\x01" + public)[:4] + sign(secret, text.encode())
        return f"{text}\n\u2014 {signer or origin} {base64.b64encode(signed).decode()}\n".encode()

    def seal(self):
        """What follows from the records: tiles, frontier and checkpoint."""
        leaves = self.leaves()
        self.tiles = tree_tiles(leaves)
        self.meta = {b"frontier": tree_frontier(leaves), b"checkpoint": self.note()}
        return self

    def write(self, folder):
        path = os.path.join(folder, "log")
        shutil.rmtree(path, ignore_errors=True)
        with lmdb.open(path, max_dbs=4, map_size=1 << 28, sync=False) as env:
            for name, rows in (("records", self.records), ("private", self.private), ("tiles", self.tiles), ("meta", self.meta)):
                integer = name in ("records", "private")
                table = env.open_db(name.encode(), integerkey=integer)
                with env.begin(write=True, db=table) as txn:
                    for row, value in rows.items():
                        txn.put(key(row) if integer else row, value)
        return folder


class CheckerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tally-checker-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.built = Built()

    def run_checker(self, *arguments):
        return subprocess.run(["/usr/bin/python3", CHECKER, *arguments], capture_output=True, text=True, timeout=60)

    def good(self, built=None):
        (built or self.built).write(self.folder)
        done = self.run_checker("--json", self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return json.loads(done.stdout)

    def bad(self, sequence, words):
        """The log as it stands in `self.built` is refused, at this sequence, in these words."""
        self.built.write(self.folder)
        done = self.run_checker("--json", self.folder)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["ok"])
        self.assertIn(words, answer["error"])
        self.assertEqual(answer["sequence"], sequence, answer)

    def bad_record(self, words, sequence=7, fields=None, **header):
        """The same for a record that is wrong in itself, in a tree that has it as it is."""
        header = {"time": 1003, "command": command_id(3), **header}
        kind = header.pop("kind", 20)
        self.built.records[sequence] = record(kind, {1: 7} if fields is None else fields, **header)
        self.built.seal()
        self.bad(sequence, words)


class Good(CheckerTest):
    def test_log_with_everything_in_it_passes(self):
        answer = self.good(self.built.seal())
        root = tree_root(self.built.leaves()).hex()
        origin = f"tally.example/{LOG_UUID}/1"
        self.assertEqual(answer, {
            "ok": True, "size": RECORDS, "root": root, "origin": origin,
            "checkpoint": {"size": 295, "root": tree_root(self.built.leaves()[:295]).hex(), "origin": origin},
            "counts": {"records": RECORDS, "commands": RECORDS // 2 + 1, "private": 100, "erased": 0, "tiles": TILES_FULL,
                       "anchors": 0}})

    def test_text_output_names_size_root_origin_checkpoint_and_counts(self):
        self.built.seal().write(self.folder)
        done = self.run_checker(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        root = tree_root(self.built.leaves()).hex()
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()],
                         ["size", "root", "origin", "checkpoint", "counts"])
        for word in ("300", root, LOG_UUID, "checkpoint  295 ", "100 private", "0 erased", "1 tiles"):
            self.assertIn(word, done.stdout)

    def test_every_small_size_passes_with_a_checkpoint_at_every_size(self):
        for size in range(1, 12):
            built = Built(size)
            built.checkpoint_size = size // 2 + 1
            self.assertEqual(self.good(built.seal())["checkpoint"]["size"], size // 2 + 1)

    def test_second_level_of_tiles(self):
        built = Built(2)
        for n in range(3, 65536 + 300):
            built.records[n] = record(20, b"\x80", time=2000, command=command_id(2))
        built.checkpoint_size = 65536
        answer = self.good(built.seal())
        self.assertEqual(answer["counts"]["tiles"], 256 + 1 + 1)
        self.assertEqual(answer["root"], tree_root(built.leaves()).hex())
        tile = struct.pack(">BQ", 1, 0)
        built.tiles[tile] = built.tiles[tile][:-1] + b"\x00"
        self.built = built
        self.bad(65281, "entry 255 of tile 0 of level 1")

    def test_erased_private_part_is_counted(self):
        last = max(self.built.records)
        erased = record(82, {1: [{1: 9}, {1: 12}]}, time=10**9, command=command_id(10**6), stream_kind=1, actor_kind=5,
                        actor=bytes(16))
        self.built.records[last + 1] = erased
        self.built.seal()
        del self.built.private[9], self.built.private[12]
        counts = self.good()["counts"]
        self.assertEqual((counts["private"], counts["erased"]), (98, 2))

    def test_private_part_gone_without_an_event_is_refused(self):
        self.built.seal()
        del self.built.private[9]
        self.bad(9, "no private.erased names it")

    def test_log_without_checkpoint_says_so(self):
        self.built.seal()
        del self.built.meta[b"checkpoint"]
        self.assertIsNone(self.good()["checkpoint"])
        self.assertIn("checkpoint  none\n", self.run_checker(self.folder).stdout)

    def test_restored_log_has_the_new_generation(self):
        def restored(generation, size, root):
            self.built.records[280] = record(3, {1: generation, 2: size, 3: root}, time=1140, command=command_id(140), **OPENED_HEADER)
            self.built.seal()

        parent = tree_root(self.built.leaves()[:279])
        for generation, size, root, words in ((1, 279, parent, "not an integer above"), (2, 278, parent, "parent size or root"),
                                              (2, 279, sha256(parent), "parent size or root")):
            restored(generation, size, root)
            self.bad(280, words)
        restored(2, 279, parent)
        self.built.meta[b"checkpoint"] = self.built.note(origin=f"tally.example/{LOG_UUID}/2")
        self.assertEqual(self.good()["origin"], f"tally.example/{LOG_UUID}/2")
        self.built.meta[b"checkpoint"] = self.built.note()
        self.bad(295, "origin is not")
        self.built.meta[b"checkpoint"] = self.built.note(size=279)
        self.assertEqual(self.good()["checkpoint"]["origin"], f"tally.example/{LOG_UUID}/1")

    def anchor(self, size, root):
        """One more record: checkpoint.anchored."""
        last = max(self.built.records)
        self.built.records[last + 1] = record(80, {1: size, 2: root, 3: b"\x07" * 32, 4: 9}, time=10**9, stream_kind=1, actor_kind=4,
                                              actor=bytes(16), command=command_id(10**6 + last))

    def test_anchors_are_the_roots_of_records_before_them(self):
        for size in (1, 255, 256, 257, 299, 305):
            self.anchor(size, tree_root(self.built.leaves()[:size]))
        self.built.seal()
        self.assertEqual(self.good()["counts"]["anchors"], 6)

    def test_a_wrong_anchor_is_refused(self):
        leaves = self.built.leaves()
        for size, root in ((299, tree_root(leaves)), (301, tree_root(leaves)), (1 << 63, tree_root(leaves)), (299, 7)):
            self.built = Built()
            self.anchor(size, root)
            self.built.seal()
            self.bad(301, f"the anchored root of {size} records is not theirs")
        self.built = Built()
        self.anchor("299", tree_root(leaves[:299]))
        self.built.seal()
        self.bad(301, "has no size")

    def test_usage(self):
        self.assertEqual(self.run_checker().returncode, 2)
        self.assertEqual(self.run_checker("--jsn", self.folder).returncode, 2)
        done = self.run_checker(self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("has no data.mdb", done.stderr)

    def test_nothing_is_written(self):
        self.built.seal().write(self.folder)
        path = os.path.join(self.folder, "log")
        os.remove(os.path.join(path, "lock.mdb"))
        with open(os.path.join(path, "data.mdb"), "rb") as file:
            before = file.read()
        self.assertEqual(self.run_checker(self.folder).returncode, 0)
        with open(os.path.join(path, "data.mdb"), "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(os.listdir(path), ["data.mdb"])


class Damaged(CheckerTest):
    """The records are as they were written; what lies around them, or one byte in them, is not."""

    def setUp(self):
        super().setUp()
        self.built.seal()

    def test_flipped_bit_anywhere_in_a_record(self):
        for n, at in ((7, 4), (7, 30), (7, 60), (7, 106), (299, 15), (299, 104)):
            with self.subTest(sequence=n, at=at):
                whole = self.built.records[n]
                self.built.records[n] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]
                self.built.write(self.folder)
                self.assertEqual(self.run_checker(self.folder).returncode, 1)
                self.built.records[n] = whole

    def test_flipped_stream_id_is_found_by_tile_and_beyond_it_by_the_checkpoint_then_the_frontier(self):
        for n, sequence, words in ((7, 7, "entry 6 of tile 0 of level 0"), (280, 300, "frontier")):
            whole = self.built.records[n]
            self.built.records[n] = whole[:24] + b"\x56" + whole[25:]
            self.bad(sequence, words)
            self.built.records[n] = whole
        self.built.records[280] = self.built.records[280][:24] + b"\x56" + self.built.records[280][25:]
        self.built.meta[b"frontier"] = tree_frontier(self.built.leaves())
        self.bad(295, "root is not")

    def test_sentence_goes_to_stderr_without_json(self):
        del self.built.records[7]
        self.built.write(self.folder)
        done = self.run_checker(self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "sequence 7: the next record is at 8, not here\n")

    def test_dropped_records(self):
        del self.built.records[1]
        self.bad(1, "the next record is at 2")
        self.built = Built().seal()
        del self.built.records[300]
        self.bad(300, "the log ends at 299")
        del self.built.private[300]
        self.bad(299, "meta/frontier")
        self.built = Built().seal()
        self.built.records[0] = self.built.records[2]
        self.bad(1, "the next record is at 0")

    def test_cut_back_to_before_the_checkpoint(self):
        for n in range(290, 301):
            del self.built.records[n]
            self.built.private.pop(n, None)
        self.built.meta[b"frontier"] = tree_frontier(self.built.leaves())
        self.bad(289, "checkpoint is over 295 records")

    def test_empty_log_and_missing_table(self):
        self.built.records, self.built.private, self.built.tiles = {}, {}, {}
        self.bad(0, "no record 1")
        with lmdb.open(os.path.join(self.folder, "log"), max_dbs=4) as env, env.begin(write=True) as txn:
            txn.drop(env.open_db(b"tiles", txn))
        done = self.run_checker(self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be read", done.stderr)

    def test_table_without_integer_keys(self):
        path = os.path.join(self.folder, "log")
        with lmdb.open(path, max_dbs=4) as env:
            for name in (b"records", b"private", b"tiles", b"meta"):
                env.open_db(name)
        done = self.run_checker(self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("records has another kind of key", done.stderr)

    def test_private_parts(self):
        self.built.private[9] = self.built.private[12]
        self.bad(9, "does not give the record's private digest")
        self.built = Built().seal()
        self.built.private[10] = self.built.private[9]
        self.bad(10, "digest is zero")
        self.built = Built().seal()
        self.built.private[301] = self.built.private[9]
        self.bad(301, "the log ends at 300")
        self.built = Built().seal()
        self.built.private[0] = self.built.private[9]
        self.bad(0, "the log ends at 300")

    def test_tiles(self):
        tile = struct.pack(">BQ", 0, 0)
        whole = self.built.tiles[tile]
        self.built.tiles[tile] = whole[:32 * 100] + b"\x00" + whole[32 * 100 + 1:]
        self.bad(101, "entry 100 of tile 0")
        self.built.tiles[tile] = whole[:-32]
        self.bad(256, "missing or not of 8192 bytes")
        del self.built.tiles[tile]
        self.bad(256, "missing or not of 8192 bytes")
        for extra in (struct.pack(">BQ", 0, 1), struct.pack(">BQ", 1, 0), struct.pack(">BQ", 200, 0), b"\x00"):
            self.built.tiles = {tile: whole, extra: whole}
            self.bad(300, "is none of 300 records")

    def test_frontier(self):
        whole = self.built.meta[b"frontier"]
        other = struct.pack(">Q", 300) + whole[-32:] + whole[40:-32] + whole[8:40]  # largest first
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-32], whole + bytes(32), other,
                        tree_frontier(self.built.leaves()[:299]), b""):
            self.built.meta[b"frontier"] = damaged
            self.bad(300, "meta/frontier")
        del self.built.meta[b"frontier"]
        self.bad(300, "meta/frontier")

    def test_checkpoint(self):
        note, other = self.built.note, bytes(31) + b"\x07"
        root = tree_root(self.built.leaves()[:295])

        def flipped(secret, text):
            return ed25519_sign(secret, text)[:-1] + b"\x00"

        def larger_s(secret, text):
            signature = ed25519_sign(secret, text)
            return signature[:32] + (int.from_bytes(signature[32:], "little") + checker.ORDER).to_bytes(32, "little")

        for words, sequence, damaged in (
                ("more than the log has", 300, note(size=301, root=root)),
                ("root is not the log's", 294, note(size=294, root=root)),
                ("root is not the log's", 295, note(root=sha256(b"other"))),
                ("origin is not", 295, note(origin=f"tally.example/{LOG_UUID}/2")),
                ("origin is not", 295, note(origin=f"other.example/{LOG_UUID}/1")),
                ("origin is not", 295, note(signer="other.example")),
                ("key id", 295, note(secret=other, public=ed25519_public(other))),
                ("signature is not", 295, note(secret=other)),
                ("signature is not", 295, note(sign=flipped)),
                ("signature is not", 295, note(sign=larger_s)),
                ("signature is not", 295, note(sign=lambda secret, text: ed25519_sign(secret, text[:-1]))),
                ("is not origin, size", 300, note().replace(b"\n295\n", b"\n0295\n")),
                ("is not origin, size", 300, note().replace(b"\n295\n", b"\n295\nextension\n")),
                ("is not origin, size", 300, note().replace(b"\xe2\x80\x94", b"-")),
                ("is not origin, size", 300, note()[:-1]),
                ("is not origin, size", 300, note() + note().split(b"\n\n")[1]),
                ("is not origin, size", 300, b"")):
            with self.subTest(words=words, note=damaged):
                self.built.meta[b"checkpoint"] = damaged
                self.bad(sequence, words)

    def test_truncated_file(self):
        self.built.write(self.folder)
        path = os.path.join(self.folder, "log/data.mdb")
        for keep in (0, 5000, 8192, 20000, os.path.getsize(path) // 2):
            with self.subTest(keep=keep):
                self.built.write(self.folder)
                os.truncate(path, keep)
                done = self.run_checker(self.folder)
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr, "^sequence [0-9]+: ")


class WrongRecord(CheckerTest):
    """Tree and checkpoint are right for these records; one record is not one."""

    def test_header(self):
        self.bad_record("format 2", form=2)
        self.bad_record("flags 1", flags=1)
        self.bad_record("stream kind 0", stream_kind=0)
        self.bad_record("stream kind 10", stream_kind=10)
        self.bad_record("actor kind 0", actor_kind=0)
        self.bad_record("actor kind 6", actor_kind=6)
        self.bad_record("actor id", actor=bytes(16))
        self.bad_record("actor id", actor_kind=4)
        self.bad_record("causation 7", cause=7)
        self.bad_record("before the previous", time=1002)
        self.bad_record("used before", command=command_id(2))
        self.bad_record("used before", command=command_id(0))

    def test_size(self):
        self.bad_record("104 bytes", fields=b"")
        self.bad_record("65536 bytes", fields=bytes(65536 - 104))
        self.built.records[7] = self.built.records[6][:50]
        self.bad(7, "50 bytes")

    def test_ledger_opened(self):
        for words, change in (("lacks", {1: None}), ("lacks", {1: LOG_ID[:15]}), ("lacks", {4: 2}), ("lacks", {6: b"\x01" * 31}),
                              ("lacks", {8: b"tally"}), ("space", {8: "a b"}), ("space", {8: "a+b"}), ("generation", {2: None})):
            with self.subTest(change=change):
                fields = {number: value for number, value in {**OPENED, **change}.items() if value is not None}
                self.bad_record(words, sequence=1, kind=1, fields=fields, time=1000, command=command_id(0), **OPENED_HEADER)
        self.bad_record("record 1 and no other", sequence=1, kind=2, time=1000, command=command_id(0), **OPENED_HEADER)
        self.built = Built()
        self.bad_record("record 1 and no other", kind=1, fields=OPENED)

    def test_ledger_restored_without_a_generation(self):
        self.bad_record("generation", kind=3, fields=b"\x80")
        self.bad_record("generation", kind=3, fields={1: -1})
        self.bad_record("generation", kind=3, fields={1: True})

    def test_msgpack(self):
        def with_value(*data):
            return b"\x81\x01" + b"".join(data)

        for words, data in (
                ("whole is not a map", b"\x91\x01"), ("end", b"\x81\x01"), ("end", b"\x82\x01\x01"), ("end", with_value(b"\xa5four")),
                ("follow", b"\x80\x80"), ("comes after", b"\x82\x02\x01\x01\x01"), ("comes after", b"\x82\x01\x01\x01\x01"),
                ("from 1", b"\x81\x00\x01"), ("from 1", b"\x81\xff\x01"), ("from 1", b"\x81\xa1a\x01"),
                ("zero or empty", with_value(b"\x00")), ("zero or empty", with_value(b"\xa0")),
                ("zero or empty", with_value(b"\xc4\x00")), ("zero or empty", with_value(b"\x90")),
                ("is a map", with_value(b"\x81\x01\x01")), ("is a map", with_value(b"\x80")),
                ("item is not a map", with_value(b"\x91\x01")), ("zero or empty", with_value(b"\x91\x81\x01\x00")),
                ("from 1", with_value(b"\x91\x81\x00\x01")), ("comes after", with_value(b"\x91\x82\x02\x01\x01\x01")),
                ("can't decode", with_value(b"\xa2\xc3\x28")), ("can't decode", with_value(b"\xa3\xed\xa0\x80")),
                ("recursion", (b"\x81\x01\x91" * 2000) + b"\x80")):
            with self.subTest(data=data[:20]):
                self.bad_record(words, fields=data)
        for tag in (b"\xc0", b"\xc1", b"\xc2", b"\xc7\x00\x01", b"\xca" + bytes(4), b"\xcb" + bytes(8), b"\xd4\x01\x01"):
            with self.subTest(tag=tag):
                self.bad_record("msgpack tag", fields=with_value(tag))

    def test_longer_forms(self):
        longer = [b"\xcc\x7f", b"\xcd\x00\xff", b"\xce\x00\x00\xff\xff", b"\xcf" + bytes(4) + b"\xff" * 4,
                  b"\xd0\x05", b"\xd0\xe0", b"\xd1\x01\x00", b"\xd1\xff\x80", b"\xd2\xff\xff\x80\x00",
                  b"\xd3\xff\xff\xff\xff\x80\x00\x00\x00", b"\xd9\x1f" + b"x" * 31, b"\xda\x00\xff" + b"x" * 255,
                  b"\xdb\x00\x00\xff\xff" + b"x" * 65000, b"\xc5\x00\xff" + b"x" * 255, b"\xc6\x00\x00\xff\xff" + b"x" * 65000,
                  b"\xdc\x00\x0f" + b"\x80" * 15, b"\xdd\x00\x00\x00\x0f" + b"\x80" * 15, b"\xd0\x00", b"\xcc\x00"]
        for data in longer:
            with self.subTest(data=data[:8]):
                self.bad_record("shortest form", fields=b"\x81\x01" + data)
        self.bad_record("shortest form", fields=b"\xde\x00\x01\x01\x01")
        self.bad_record("shortest form", fields=b"\xdf\x00\x00\x00\x01\x01\x01")
        self.bad_record("shortest form", fields=b"\x81\xcc\x01\x01")

    def test_private_part(self):
        for words, part in (("is not a map", b"\x01"), ("32 bytes", pack({0: b"\x01" * 31})), ("32 bytes", pack({0: 5})),
                            ("zero or empty", b"\x81\x01\x00"), ("shortest", b"\x81\x01\xcc\x01"), ("from 0", b"\x81\xff\x01"),
                            ("end", b""), ("follow", pack({1: 1}) + b"\x00")):
            with self.subTest(part=part):
                self.built.private[7] = bytes(16) + part
                self.bad_record(words, digest=sha256(self.built.private[7]))
        self.built.private[7] = b"short"
        self.bad_record("end", digest=sha256(b"short"))


class Vectors(unittest.TestCase):
    def test_ed25519_of_rfc_8032(self):
        for secret, public, message, signature in (
                ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                 "d25bf5f0595bbe24655141438e7a100b"),
                ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                 "387b2eaeb4302aeeb00d291612bb0c00")):
            secret, public, message, signature = map(bytes.fromhex, (secret, public, message, signature))
            self.assertEqual(ed25519_public(secret), public)
            self.assertEqual(ed25519_sign(secret, message), signature)
            self.assertTrue(checker.ed25519_verify(public, message, signature))
            self.assertFalse(checker.ed25519_verify(public, message + b"\x00", signature))
            for at in (0, 31, 32, 63):
                flipped = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1:]
                self.assertFalse(checker.ed25519_verify(public, message, flipped))

    def test_point_that_is_none(self):
        for data in (b"\x02" + bytes(31), (checker.P + 1).to_bytes(32, "little"), b"\x01" + bytes(30) + b"\x80"):
            self.assertIsNone(checker.point_decode(data))

    def test_tree_of_rfc_6962_test_data(self):
        inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        roots = {1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                 2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                 3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                 8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}
        tree, leaves = checker.Tree(None), []
        for size, data in enumerate(inputs, 1):
            leaves.append(sha256(b"\x00" + bytes.fromhex(data)))
            tree.append(leaves[-1])
            self.assertEqual(tree.root(), tree_root(leaves))
            self.assertEqual(roots.get(size, tree.root().hex()), tree.root().hex())

    def test_checker_is_at_most_300_lines(self):
        with open(CHECKER) as file:
            self.assertLessEqual(sum(1 for _ in file), 300)


if __name__ == "__main__":
    sys.exit(unittest.main())
