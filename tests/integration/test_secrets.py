#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing that holds a seed or a passphrase leaves a core file or lets others of its user look: seen from outside, while the program
waits for the secret. The waiting is a pipe that nobody has written to yet."""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, tally_qubic, wait_until  # noqa: E402

NOBODY = 65534
SEED = "a" * 55
SANITIZED = b"__asan_init" in open(BIN + "/tally", "rb").read()  # the search for leaks wants to look


def core_limits(pid):
    with open("/proc/%d/limits" % pid) as limits:
        return re.search(r"Max core file size\s+(\S+)\s+(\S+)", limits.read()).groups()


class Secrets(unittest.TestCase):
    def setUp(self):
        # A folder and programs that nobody reaches: a checkout may lie where only its owner may look.
        self.folder = tempfile.mkdtemp(prefix="tally-secrets-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        os.chmod(self.folder, 0o755)
        for name in ("tally", "tallyd"):
            shutil.copy(BIN + "/" + name, self.folder)
        self.home = self.folder + "/home"
        os.mkdir(self.home)
        self.pipe = self.home + "/passphrase"
        os.mkfifo(self.pipe, 0o600)
        if self.user:
            os.chown(self.home, NOBODY, NOBODY)
            os.chown(self.pipe, NOBODY, NOBODY)

    def waiting(self, *command):
        """The program as it waits for the secret; its owner is who started it, unless it hides."""
        child = subprocess.Popen([self.folder + "/" + command[0], *command[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, cwd=self.home, **self.user)

        def is_hidden():
            if child.poll() is not None:
                raise AssertionError(child.stderr.read())
            return core_limits(child.pid) == ("0", "0")
        try:
            wait_until(is_hidden, "no core file of " + " ".join(command[:2]), seconds=10)
            if not SANITIZED and (self.user or os.getuid() != 0):
                wait_until(lambda: os.stat("/proc/%d/environ" % child.pid).st_uid == 0, "%s hides its memory" % command[0], seconds=10)
        finally:
            child.kill()
            child.communicate()

    def wallet(self):
        path = self.home + "/wallet"
        passphrase = self.home + "/known"
        with open(passphrase, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
            file.write("pass\n")
        subprocess.run([BIN + "/tally", "wallet", "new", "--wallet", path, "--import", "--passphrase-file", passphrase],
                       input=SEED.encode() + b"\n", check=True, capture_output=True, timeout=60)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        if self.user:
            os.chown(path, NOBODY, NOBODY)
        return path

    def test_tallyd(self):
        for task in ("init", "run", "rotate", "restore"):
            more = ("--network", "local", "--name", "x") if task == "init" else ()
            with self.subTest(task):
                self.waiting("tallyd", task, "--data", self.home + "/data", "--passphrase-file", self.pipe, *more)

    def test_tally(self):
        wallet = self.wallet()
        script = self.home + "/x.py"
        with open(script, "w") as file:
            file.write("print(1)\n")
        for command in (("wallet", "new", "--wallet", self.home + "/new", "--passphrase-file", self.pipe),
                        ("wallet", "new", "--wallet", self.home + "/new", "--import", "--passphrase-file", self.pipe),
                        ("wallet", "show", "--wallet", wallet, "--reveal-seed", "--passphrase-file", self.pipe),
                        ("login", "--wallet", wallet, "--passphrase-file", self.pipe, "--to", self.home + "/token"),
                        ("submit", script, "--wallet", wallet, "--passphrase-file", self.pipe),
                        ("qubic", "sign")):
            with self.subTest(command):
                self.waiting("tally", *command)

    def test_the_test_would_see_it(self):
        """A program that does nothing of the kind fails: the limit here is not 0 anyway, and /proc says who owns it."""
        child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, **self.user)
        try:
            self.assertEqual(os.stat("/proc/%d/environ" % child.pid).st_uid, NOBODY if self.user else os.getuid())
        finally:
            child.communicate()

    def test_a_seed_still_works(self):
        self.assertEqual(len(tally_qubic("identity", {"seed": SEED})["identity"]), 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
