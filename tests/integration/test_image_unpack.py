#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""worker/runner/unpack.py by itself: archives that are no image, by rule and by chance. The sandbox would hold them anyway; here it is the unpacking
alone, as root or not. R11, R11.4"""
import importlib.util
import io
import os
import random
import shutil
import stat
import tarfile
import tempfile
import unittest

SPEC = importlib.util.spec_from_file_location("unpack", os.environ["TALLY_SOURCE_DIR"] + "/worker/runner/unpack.py")
unpack = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(unpack)

class Unpacking(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="tally-unpack-")
        self.folder = self.root + "/in"
        with open(self.root + "/outside", "w") as file:
            file.write("untouched")

    def tearDown(self):
        shutil.rmtree(self.root)

    def archive(self, *members, **settings):
        """Each: name, content or None, and what else tarfile knows of a member."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", **settings) as archive:
            for name, content, more in members:
                info = tarfile.TarInfo(name)
                info.size = len(content or b"")
                for key, value in more.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(content) if content else None)
        return made.getvalue()

    def unpack(self, data, bytes_max=1 << 30, files_max=1000):
        shutil.rmtree(self.folder, ignore_errors=True)
        return unpack.main([self.folder, str(bytes_max), str(files_max)], io.BytesIO(data))

    def assert_nothing_left_the_folder(self):
        self.assertEqual(sorted(os.listdir(self.root)), ["in", "outside"])
        with open(self.root + "/outside") as file:
            self.assertEqual(file.read(), "untouched")
        for folder, folders, names in os.walk(self.folder):
            for name in folders + names:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                self.assertTrue(stat.S_ISLNK(mode) or stat.S_IMODE(mode) in (0o644, 0o755), (name, oct(mode)))
                self.assertTrue(stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode), name)

    def test_what_an_image_has_is_there_for_everybody_and_nothing_is_setuid(self):
        data = self.archive(
            ("./", None, {"type": tarfile.DIRTYPE}),
            ("root/", None, {"type": tarfile.DIRTYPE, "mode": 0o700}),
            ("root/secret", b"s", {"mode": 0o600, "uid": 0, "mtime": 1234567890}),
            ("bin/su", b"#!", {"mode": 0o6755, "uid": 1000}),
            ("bin/only-mine", b"#!", {"mode": 0o100}),
            ("root/again", None, {"type": tarfile.LNKTYPE, "linkname": "bin/su"}),
            ("sticky", None, {"type": tarfile.DIRTYPE, "mode": 0o1777}),
            ("l", None, {"type": tarfile.SYMTYPE, "linkname": "/root/secret"}),
            ("up", None, {"type": tarfile.SYMTYPE, "linkname": "../outside"}),
            ("lh", None, {"type": tarfile.LNKTYPE, "linkname": "up"}),
            ("dev/null", None, {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
            ("dev/sda", None, {"type": tarfile.BLKTYPE, "devmajor": 8}),
            ("pipe", None, {"type": tarfile.FIFOTYPE}),
            ("n" * 255 + "/" + "ü" * 100, b"long", {}), ("bad\udcff", b"bytes", {}))
        self.assertIsNone(self.unpack(data))
        found = {}
        for folder, folders, names in os.walk(self.folder):
            for name in folders + names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.folder)] = path
        self.assertEqual(sorted(found), sorted(["root", "root/secret", "bin", "bin/su", "bin/only-mine", "root/again", "sticky", "l", "up", "lh",
                                                "n" * 255, "n" * 255 + "/" + "ü" * 100, "bad\udcff"]))
        modes = {name: stat.S_IMODE(os.lstat(path).st_mode) for name, path in found.items() if not os.path.islink(path)}
        self.assertEqual({name for name, mode in modes.items() if mode == 0o755}, {"root", "bin", "bin/su", "bin/only-mine", "root/again", "sticky", "n" * 255})
        self.assertEqual({mode for mode in modes.values()}, {0o755, 0o644})
        self.assertEqual(os.stat(self.folder).st_mode & 0o7777, 0o755)
        self.assertEqual(os.stat(found["root/secret"]).st_mtime, 1234567890)
        self.assertEqual(os.stat(found["root/again"]).st_ino, os.stat(found["bin/su"]).st_ino)
        self.assertEqual((os.readlink(found["l"]), os.readlink(found["up"]), os.readlink(found["lh"])), ("/root/secret", "../outside", "../outside"))
        with open(found["bad\udcff"], "rb") as file:
            self.assertEqual(file.read(), b"bytes")
        self.assert_nothing_left_the_folder()

    def test_what_leads_out_or_contradicts_itself_is_refused(self):
        out = {"type": tarfile.SYMTYPE, "linkname": ".."}
        for said, *members in (
                ("leads out", ("../outside", b"x", {})), ("leads out", ("a/../../outside", b"x", {})), ("leads out", ("..", None, {"type": tarfile.DIRTYPE})),
                ("leads out", ("h", None, {"type": tarfile.LNKTYPE, "linkname": "../outside"})),
                ("leads out", ("h", None, {"type": tarfile.LNKTYPE, "linkname": "/../../etc/passwd"})),
                ("'l' is no folder", ("l", None, out), ("l/outside", b"x", {})),
                ("'l' is no folder", ("l", None, out), ("l/new", None, {"type": tarfile.DIRTYPE})),
                ("'l' is no folder", ("l", None, out), ("l/s", None, {"type": tarfile.SYMTYPE, "linkname": "x"})),
                ("'l' is no folder", ("l", None, out), ("h", None, {"type": tarfile.LNKTYPE, "linkname": "l/outside"})),
                ("No such file", ("h", None, {"type": tarfile.LNKTYPE, "linkname": self.root[1:] + "/outside"})),
                ("'f' is no folder", ("f", b"x", {}), ("f/g", b"x", {})),
                ("Not a directory", ("l", None, out), ("l", None, {"type": tarfile.DIRTYPE})),
                ("is there twice", ("l", None, {"type": tarfile.SYMTYPE, "linkname": "../outside"}), ("l", b"x", {})),
                ("is there twice", ("f", b"x", {}), ("f", b"y", {})),
                ("is there twice", ("d", None, {"type": tarfile.DIRTYPE}), ("d", b"y", {})),
                ("not known", ("f", None, {"type": b"Z"})),
                ("name too long", ("n" * 300, b"x", {}))):
            with self.subTest(said=said, member=members[-1]):
                self.assertIn(said.lower(), str(self.unpack(self.archive(*members))).lower())
                self.assert_nothing_left_the_folder()

    def test_it_takes_no_more_than_was_said(self):
        large = self.archive(("a", bytes(1 << 20), {}), ("b", bytes(1 << 20), {}))
        self.assertIsNone(self.unpack(large, 2 << 20))
        self.assertEqual(self.unpack(large, (2 << 20) - 1), "it takes more than the 1 MiB that there are for it")
        self.assertFalse(os.path.exists(self.folder + "/b"))
        many = self.archive(*((f"d/{i}", b"x", {}) for i in range(9)))
        self.assertIsNone(self.unpack(many, files_max=10))
        self.assertEqual(self.unpack(many, files_max=9), "it has more than 9 files and folders")
        self.assertEqual(self.unpack(many, 8 * 4096), "it takes more than the 0 MiB that there are for it")
        sparse = io.BytesIO()  # one that says little and is a terabyte
        with tarfile.open(fileobj=sparse, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("holes")
            info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
            archive.addfile(info)
        self.assertEqual(self.unpack(sparse.getvalue(), 1 << 30), "it takes more than the 1024 MiB that there are for it")

    def test_one_that_is_not_whole_is_refused_wherever_it_was_cut(self):
        data = self.archive(("a", b"x" * 1500, {}), ("d", None, {"type": tarfile.DIRTYPE}), ("b", b"y", {}))
        self.assertIsNone(self.unpack(data))
        whole = 512 * (1 + 3 + 1 + 1 + 1)  # and then zeros
        for size in [0, 100, 511, *range(512, whole + 513, 512)]:
            self.assertRegex(str(self.unpack(data[:size])), "not whole|unexpected end|empty file|truncated header", size)
        for nothing in (self.archive(), bytes(20480)):
            self.assertEqual(self.unpack(nothing), "there is nothing in it")
        for at in (0, 2048, 2560):  # a header that is none, with all that is behind it
            self.assertIsNotNone(self.unpack(data[:at] + b"\x01" + data[at + 1:]))

    def test_what_chance_makes_of_an_archive_stays_in_its_folder(self):
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        unpacked = 0
        bases = [self.archive(("d/f", b"x" * 700, {}), ("d/l", None, {"type": tarfile.SYMTYPE, "linkname": "../../outside"}),
                              ("h", None, {"type": tarfile.LNKTYPE, "linkname": "d/f"}), (name, b"x", {}), ("z", b"y", {}), format=tarfile.GNU_FORMAT)
                 for name in ("d/l/x", "d/m")]
        for case in range(300):
            data = bytearray(chance.choice(bases))
            block = 512 * chance.randrange(8)
            for _ in range(chance.randrange(1, 6)):
                data[block + chance.randrange(512)] = chance.choice(b"\0/.17LKxg5\xff") if chance.random() < 0.7 else chance.randrange(256)
            data[block + 148:block + 156] = b" " * 8  # its checksum made right: what is behind that is what is tried
            data[block + 148:block + 156] = b"%06o\0 " % sum(data[block:block + 512])
            with self.subTest(seed=seed, case=case):
                unpacked += self.unpack(bytes(data), 1 << 20) is None
                self.assert_nothing_left_the_folder()
        self.assertGreater(unpacked, 10, "seed %d" % seed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
