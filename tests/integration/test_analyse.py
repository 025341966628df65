#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally analyse: lines for people and programs, an error is one file's alone; and tools/corpus without and with copies."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN = os.environ["TALLY_BIN_DIR"]
SOURCE = os.environ["TALLY_SOURCE_DIR"]
TALLY = os.path.join(BIN, "tally")
SAMPLES = os.path.join(SOURCE, "tests/data/analysis")


def tally(*arguments):
    return subprocess.run([TALLY, "analyse", *arguments], capture_output=True, text=True, timeout=60)


class Analyse(unittest.TestCase):
    def test_a_line_has_the_promised_members(self):
        ran = tally("--json", os.path.join(SAMPLES, "mnist-torch.py"))
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        said = json.loads(ran.stdout)
        for name in ("path", "kind", "frameworks", "primary", "job_type", "mode", "parameters", "confidence", "requirements",
                     "evidence"):
            self.assertIn(name, said)
        self.assertEqual(set(said["confidence"]), {"value", "level"})
        self.assertLessEqual({"vram_mib", "tflops", "ram_mib", "storage_mib", "compute_capability", "gpus"},
                             set(said["requirements"]))
        self.assertEqual(said["path"], os.path.join(SAMPLES, "mnist-torch.py"))
        self.assertTrue(all(not isinstance(value, (dict, list)) for value in said["parameters"].values()))
        with open(said["path"], encoding="utf-8") as file:
            lines = file.read().splitlines()
        for item in said["evidence"]:
            if item["line"]:
                self.assertIn(item["words"], lines[item["line"] - 1])

    def test_the_words_of_a_notebook_stand_in_the_named_line(self):
        path = os.path.join(SAMPLES, "mnist-magics.ipynb")
        said = json.loads(tally("--json", path).stdout)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        shown = [item for item in said["evidence"] if item["line"]]
        self.assertGreater(len(shown), 3)
        for item in shown:
            self.assertIn(json.dumps(item["words"])[1:-1], lines[item["line"] - 1])

    def test_a_file_that_cannot_be_read_stops_no_other(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = os.path.join(folder, "model.py")
            with open(binary, "wb") as file:
                file.write(b"\x7fELF\0\0\0")
            good = os.path.join(SAMPLES, "Dockerfile")
            pipe = os.path.join(folder, "pipe.py")
            os.mkfifo(pipe)
            empty = os.path.join(folder, "empty")
            os.mkdir(empty)
            paths = ["/no/such.py", binary, empty, pipe, good]
            ran = tally("--json", *paths)
            self.assertEqual(ran.returncode, 1)
            said = [json.loads(line) for line in ran.stdout.splitlines()]
            self.assertEqual([line["path"] for line in said], paths)
            for line, words in zip(said, ("No such file", "not text", "folder", "pipe")):
                self.assertEqual(set(line), {"path", "error"})
                self.assertIn(words, line["error"])
            self.assertEqual(said[-1]["kind"], "dockerfile")
            for_people = tally("/no/such.py", good)
            self.assertEqual(for_people.returncode, 1)
            self.assertIn("/no/such.py", for_people.stderr)
            self.assertIn("framework   pytorch", for_people.stdout)
            self.assertIn("because", for_people.stdout)

    def project(self, folder):
        for name, text in {"sweep.py": "import net\nEPOCHS = 3\n", "other.py": "import jax\n", "net.py": "import torch\n",
                           "data/rows.csv": "a,b\n1,2\n", "README.md": "# it\n", ".hidden.py": "import tensorflow\n"}.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink("/etc/passwd", os.path.join(folder, "passwd.csv"))

    def test_a_folder_and_an_archive_of_it_are_the_same_job(self):
        with tempfile.TemporaryDirectory() as folder:
            self.project(os.path.join(folder, "job"))
            os.unlink(os.path.join(folder, "job/.hidden.py"))
            asked = tally("--json", os.path.join(folder, "job"))
            self.assertEqual(asked.returncode, 1)
            self.assertIn("It could be", json.loads(asked.stdout)["error"])
            said = json.loads(tally("--json", "--entry", "sweep.py", os.path.join(folder, "job")).stdout)
            self.assertEqual((said["kind"], said["entry"], said["primary"]), ("bundle", "sweep.py", "pytorch"))
            self.assertEqual(said["parameters"]["epochs"], 3)
            self.assertEqual(said["parameters"]["items"], 1)  # the link is none
            self.assertEqual(said["file_count"], 5)
            os.unlink(os.path.join(folder, "job/passwd.csv"))
            for kind in ("zip", "tar", "gztar", "bztar", "xztar"):
                archive = shutil.make_archive(os.path.join(folder, "packed"), kind, os.path.join(folder, "job"))
                packed = json.loads(tally("--json", "--entry", "sweep.py", archive).stdout)
                for name in ("kind", "entry", "primary", "job_type", "parameters", "requirements", "file_count"):
                    self.assertEqual(packed[name], said[name], (kind, name))

    def test_several_files_are_one_job_when_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            self.project(folder)
            paths = [os.path.join(folder, name) for name in ("sweep.py", "net.py", "data/rows.csv", "README.md")]
            ran = tally("--json", "--bundle", *paths)
            self.assertEqual(len(ran.stdout.splitlines()), 1)
            said = json.loads(ran.stdout)
            self.assertEqual(said["entry"], "sweep.py")
            reasons = {file["path"]: file["error"] for file in said["files"]}
            self.assertIn("supported: Python source (.py)", reasons.pop("README.md"))
            self.assertEqual(set(reasons.values()), {None})
            self.assertIn("sweep.py line 2: parameter epochs = 3", tally("--bundle", *paths).stdout)

    def test_half_a_gigabyte_is_refused_without_being_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "huge.ipynb")
            with open(path, "wb") as file:
                file.truncate(500 << 20)
            ran = tally("--json", path)
            self.assertEqual(ran.returncode, 1)
            self.assertIn("at most 67108864", json.loads(ran.stdout)["error"])

    def test_a_terminal_is_not_told_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a\x1b[2J.py")
            with open(path, "wb") as file:
                file.write(b"import torch # \x1b[2J\n")
            self.assertNotIn("\x1b", tally(path).stdout)

    def test_usage(self):
        self.assertEqual(tally().returncode, 2)
        self.assertEqual(tally("--no-such").returncode, 2)
        self.assertEqual(tally("--help").returncode, 0)
        self.assertEqual(tally("--json", "--", "--help").returncode, 1)


class Corpus(unittest.TestCase):
    def corpus(self, *arguments):
        return subprocess.run([sys.executable, os.path.join(SOURCE, "tools/corpus"), "--tally", TALLY, "--repeat", "1", *arguments],
                              capture_output=True, text=True, timeout=120)

    def test_without_copies_it_says_so(self):
        ran = self.corpus()
        self.assertEqual(ran.returncode, 2)
        self.assertIn("Nothing was measured", ran.stderr)
        with tempfile.TemporaryDirectory() as empty:
            ran = self.corpus("--mirror", empty)
            self.assertEqual(ran.returncode, 2)
            self.assertIn("none of the 275 labelled files", ran.stderr)

    def test_files_come_from_the_copies_and_are_scored(self):
        content = b"from torchvision import datasets\nparser.add_argument('--epochs', default=3)\ndatasets.MNIST('d')\n"
        with tempfile.TemporaryDirectory() as mirror:
            repo = os.path.join(mirror, "some+one/repo")
            os.makedirs(os.path.join(repo, "stable_diffusion"))
            with open(os.path.join(repo, "stable_diffusion/main.py"), "wb") as file:
                file.write(content)
            run = lambda *words: subprocess.run(["git", "-C", repo, "-c", "user.name=a", "-c", "user.email=b", *words],
                                                check=True, capture_output=True, text=True).stdout
            run("init", "-q")
            run("add", ".")
            run("commit", "-q", "-m", "x")
            with open(os.path.join(SOURCE, "tests/data/corpus-labels.tsv"), encoding="utf-8") as file:
                header = file.readline()
            row = "some/one\t%s\tstable_diffusion/main.py\tpython\tpytorch\t%s\t\t\t\tmnist\t\ttrain\tepochs=%d(argparse)\t\t%d\t%s\n"
            digest = hashlib.sha256(content).hexdigest()[:16]
            labels = os.path.join(mirror, "labels.tsv")
            with open(labels, "w", encoding="utf-8") as file:
                file.write(header)
                file.write(row % ("0" * 40, "pytorch", 3, len(content), digest))  # at HEAD, not at that commit
                file.write(row % ("0" * 40, "jax", 4, len(content), digest))
                file.write(row % ("0" * 40, "pytorch", 3, len(content), "0" * 16))  # another file now
            ran = self.corpus("--mirror", mirror, "--labels", labels, "--misses")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertRegex(ran.stdout, r"(?m)^all +2 +50\.0 +50\.0 +100\.0 +100\.0 .* 50\.0 +50\.0$")
            self.assertIn("labelled files not in the copies: 1", ran.stdout)
            self.assertIn("FRAMEWORK! some/one stable_diffusion/main.py: pytorch, label jax", ran.stdout)
            self.assertIn("epochs=4(argparse): 3", ran.stdout)


if __name__ == "__main__":
    unittest.main()
