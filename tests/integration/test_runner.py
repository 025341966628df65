#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""worker/runner/run.py by itself: bundles that want out of their folder, by rule and by chance. The sandbox would hold them anyway; here it is the
unpacking alone."""
import importlib.util
import io
import os
import random
import shutil
import stat
import tarfile
import tempfile
import unittest
import zipfile

SPEC = importlib.util.spec_from_file_location("run", os.environ["TALLY_SOURCE_DIR"] + "/worker/runner/run.py")
run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run)


class Unpacking(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="tally-runner-")
        self.folder = self.root + "/in"
        os.mkdir(self.folder)
        with open(self.root + "/outside", "w") as file:
            file.write("untouched")

    def tearDown(self):
        shutil.rmtree(self.root)

    def archive(self, members, mode="w"):
        """`members`: (name, content or None, type, link)."""
        path = self.root + "/archive"
        with tarfile.open(path, mode) as archive:
            for name, content, kind, link in members:
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.size = kind, link, len(content or b"")
                archive.addfile(info, io.BytesIO(content) if content else None)
        return path

    def unpack(self, members):
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        return run.unpack(self.archive(members), self.folder)

    def assert_nothing_left_the_folder(self):
        self.assertEqual(sorted(os.listdir(self.root)), ["archive", "in", "outside"])
        with open(self.root + "/outside") as file:
            self.assertEqual(file.read(), "untouched")
        for folder, folders, names in os.walk(self.folder):
            for name in folders + names:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                self.assertTrue(stat.S_ISREG(mode) or stat.S_ISDIR(mode), name)
                self.assertEqual(mode & (stat.S_ISUID | stat.S_ISGID), 0)

    def test_a_name_or_link_that_leads_out_is_refused(self):
        regular = (b"x", tarfile.REGTYPE, "")
        for member in (("../outside", *regular), ("/etc/x", *regular), ("a/../../outside", *regular), ("..", *regular),
                       ("..\\outside", *regular), ("l", None, tarfile.SYMTYPE, "/etc/passwd"), ("l", None, tarfile.SYMTYPE, "../outside"),
                       ("a/l", None, tarfile.SYMTYPE, "../../outside"), ("l", None, tarfile.LNKTYPE, "../outside"),
                       ("d", None, tarfile.CHRTYPE, ""), ("d", None, tarfile.BLKTYPE, ""), ("p", None, tarfile.FIFOTYPE, ""),
                       ("l", None, tarfile.SYMTYPE, "missing")):
            with self.assertRaises(run.Problem, msg=member):
                self.unpack([("ok", *regular), member])
            self.assert_nothing_left_the_folder()

    def test_a_link_becomes_a_copy_and_a_file_is_never_written_through_one(self):
        names = self.unpack([("a/x", b"one", tarfile.REGTYPE, ""), ("a/l", None, tarfile.SYMTYPE, "x"), ("a/l", b"two", tarfile.REGTYPE, ""),
                             ("a/h", None, tarfile.LNKTYPE, "a/x")])
        self.assertEqual(names, ["a/x", "a/l", "a/l", "a/h"])
        content = {}
        for name in set(names):
            with open(os.path.join(self.folder, name), "rb") as file:
                content[name] = file.read()
        self.assertEqual(content, {"a/x": b"one", "a/l": b"two", "a/h": b"one"})
        self.assert_nothing_left_the_folder()

    def zipped(self, **files):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return out.getvalue()

    def write(self, name, content):
        with open(self.root + "/" + name, "wb") as file:
            file.write(content)
        return self.root + "/" + name

    def test_a_file_that_is_a_tar_and_a_zip_at_once_is_refused_by_either_name(self):
        for mode in ("w", "w:gz"):
            with open(self.archive([("main.py", b"print('shown')", tarfile.REGTYPE, "")], mode), "rb") as file:
                tar = file.read()
            both = tar + self.zipped(main="print('run')")
            for name, content in (("a.tar.gz", both), ("a.zip", both), ("A.ZIP", both), ("a.tar.gz", both + b"PK\5\6" + bytes(18))):
                with self.assertRaises(run.Problem, msg=name) as caught:
                    run.unpack(self.write(name, content), self.folder)
                self.assertIn("a tar and a zip at once", str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_zip_inside_a_tar_and_a_tar_inside_a_zip_are_files_like_others(self):
        inner = self.zipped(other="x")
        for mode in ("w", "w:xz"):
            path = self.archive([("main.py", b"1", tarfile.REGTYPE, ""), ("data.zip", inner, tarfile.REGTYPE, "")], mode)
            self.assertEqual(run.unpack(path, self.folder), ["main.py", "data.zip"])
            with open(path, "rb") as file:
                content = file.read()
            self.assertEqual(run.unpack(self.write("a.zip", self.zipped(tar=content)), self.folder), ["tar"])

    def test_whatever_is_in_an_archive_stays_in_its_folder(self):
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        parts = ["a", "b", "..", ".", "", "/", "c\\d", "outside", "é", "x" * 300, "\\..\\.."]
        kinds = [tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
        unpacked = 0
        for case in range(300):
            members = []
            for _ in range(chance.randint(1, 6)):
                def path():
                    return "/".join(chance.choices(parts, k=chance.randint(1, 4)) if chance.random() < 0.3
                                    else chance.choices(["a", "b", "c", "."], k=chance.randint(1, 3)))
                kind = chance.choice(kinds)
                members.append((path(), b"data" if kind == tarfile.REGTYPE else None, kind, path()))
            with self.subTest(seed=seed, case=case):
                try:
                    self.unpack(members)
                    unpacked += 1
                except run.Problem:
                    pass
                self.assert_nothing_left_the_folder()
        self.assertGreater(unpacked, 10, "seed %d" % seed)

    def test_bytes_that_are_no_archive_are_refused_with_a_sentence(self):
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        good = {}
        for mode in ("w", "w:gz", "w:xz", "w:bz2"):
            with open(self.archive([("a", b"hello" * 100, tarfile.REGTYPE, "")], mode), "rb") as file:
                good[mode] = file.read()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", "hello" * 100)
        good["zip"] = out.getvalue()
        for case in range(200):
            data = bytearray(chance.choice(list(good.values())))
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data = data[:chance.randrange(len(data))] if chance.random() < 0.5 else data
            with open(self.root + "/archive", "wb") as file:
                file.write(data)
            with self.subTest(seed=seed, case=case):
                try:
                    run.unpack(self.root + "/archive", self.folder)
                except run.Problem:
                    pass
                self.assert_nothing_left_the_folder()

    def test_an_entry_is_found_or_the_choice_is_named(self):
        for names, wanted, found in (
                (["main.py", "a.py"], "", ("", "main.py")), (["one.py", "data/x"], "", ("", "one.py")),
                (["p/train.py", "p/q/x.py"], "", ("p/", "train.py")), (["p/a.py", "p/b.py"], "p/b.py", ("p/", "b.py")),
                (["p/a.py", "p/b.py"], "./b.py", ("p/", "b.py")), (["a.ipynb"], "", ("", "a.ipynb")),
                (["src/deep/x.py", "README"], "src/deep/x.py", ("", "src/deep/x.py"))):
            self.assertEqual(run.find_entry(names, wanted), found)
        for names, wanted, says in ((["a.py", "b.py"], "", "a.py, b.py could each be it"), (["d/a.py", "x"], "", "no script at its top"),
                                    (["a.py"], "b.py", "has no 'b.py'; it has a.py")):
            with self.assertRaisesRegex(run.Problem, says):
                run.find_entry(names, wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
