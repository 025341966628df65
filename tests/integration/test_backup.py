# SPDX-License-Identifier: Apache-2.0
"""tally backup: taken beside a server at work, grown by what is new, refused where it would lose something, and served in the place of what was lost."""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, World, wait_until  # noqa: E402

MONEY = 10**9


def files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)


class Backup(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.data = self.world.data
        self.to = self.world.folder + "/copies/backup"

    def backup(self, *more, data=None, to=None, status=0):
        done = subprocess.run([BIN + "/tally", "backup", "--data", data or self.data, "--to", to or self.to, *more],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout) if "--json" in more else done.stdout + done.stderr

    def verify(self, data):
        done = subprocess.run([BIN + "/tally", "verify", "--json", "--data", data], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def blobs(self, data):
        return [name for name in files(data + "/blobs") if len(os.path.basename(name)) == 64]

    def a_paid_job(self, alice, rig):
        job = alice.queued_job(rig)
        rig.claim_and_start(job)
        rig.end(job, worker_ms=100)
        return alice.wait_for(job, lambda now: now["settled"])

    def test_a_backup_of_a_server_at_work_is_served_in_its_place(self):
        alice, maria = self.world.person("alice", MONEY), self.world.person("maria")
        rig = self.world.host(maria)
        wait_until(lambda: self.world.chain.balance(alice.identity) == MONEY, "the faucet's money")
        job = self.a_paid_job(alice, rig)
        first = self.backup("--json")
        self.assertEqual((first["ok"], first["before"], first["missing"]), (True, 0, 0))
        self.assertEqual(first["copied"], len(self.blobs(self.data)))
        self.assertEqual(self.verify(self.to)["root"], first["root"])

        alice.upload(b"print('another one')\n", "later.py")
        second = self.backup("--json")
        self.assertEqual((second["before"], second["copied"]), (first["size"], 1))
        self.assertGreater(second["size"], first["size"])
        self.assertIn("0 were copied now", self.backup())
        self.assertEqual(self.blobs(self.to), self.blobs(self.data))
        for name in ("keys.sealed", *("blobs/" + blob for blob in self.blobs(self.data))):
            with open(os.path.join(self.data, name), "rb") as one, open(os.path.join(self.to, name), "rb") as other:
                self.assertEqual(one.read(), other.read(), name)
            self.assertEqual(os.stat(os.path.join(self.to, name)).st_mode & 0o777, 0o600)
        self.assertFalse([name for name in files(self.to) if name.endswith(".new") or "log.new" in name])

        self.assertEqual(self.world.server.stop(), 0)
        self.world.server.errors.close()
        last = self.backup("--json")  # of all there is, and without a server
        shutil.rmtree(self.data)
        shutil.copytree(self.to, self.data)
        self.world.start()
        alice.port = self.world.server.port
        self.assertEqual(self.world.client().get("/readyz").status, 200)
        again = alice.get("/v1/jobs/" + job["id"]).json
        self.assertEqual(again["legs"], job["legs"])
        self.assertEqual(len(job["legs"]), 2)
        self.assertGreater(self.world.head(), last["size"])  # ledger.started: it is written to

    def test_what_would_lose_something_is_refused(self):
        alice = self.world.person("alice")
        alice.upload(b"print(1)\n", "one.py")
        first = self.backup("--json")
        old = self.world.folder + "/old"
        shutil.copytree(self.to, old)
        alice.upload(b"print(2)\n", "two.py")
        second = self.backup("--json")

        answer = self.backup("--json", data=old, status=1)  # older over newer
        self.assertEqual(answer["code"], "conflict")
        self.assertIn("holds %d records, more than the %d" % (second["size"], first["size"]), answer["detail"])
        self.assertEqual(self.verify(self.to)["size"], second["size"])

        with World() as other:
            self.assertIn("is a backup of another ledger", self.backup(data=other.data, to=old, status=1))
        self.assertEqual(self.verify(old)["size"], first["size"])
        self.assertIn("a server or another backup has this folder", self.backup(data=old, to=self.data, status=1))
        self.assertIn("no-such-folder", self.backup(data=self.world.folder + "/no-such-folder", to=old, status=1))

    def test_damage_is_told_and_the_backup_before_stays(self):
        alice = self.world.person("alice")
        alice.upload(b"print('damaged')\n", "one.py")
        alice.upload(b"print('lost')\n", "two.py")
        one, two = sorted(self.blobs(self.data), key=lambda name: os.stat(self.data + "/blobs/" + name).st_size, reverse=True)
        with open(self.data + "/blobs/" + one, "r+b") as file:
            file.write(b"PRINT")
        answer = self.backup("--json", status=1)
        self.assertEqual(answer["code"], "corrupt")
        self.assertIn(os.path.basename(one), answer["detail"])
        self.assertFalse(os.path.exists(self.to + "/log/data.mdb"))
        self.assertFalse(os.path.exists(self.to + "/blobs/" + one))

        with open(self.data + "/blobs/" + one, "r+b") as file:
            file.write(b"print")
        os.rename(self.data + "/blobs/" + two, self.world.folder + "/aside")
        self.assertIn("NOT whole: 1 files that the log names", self.backup(status=1))
        os.rename(self.world.folder + "/aside", self.data + "/blobs/" + two)
        self.assertEqual(self.backup("--json")["copied"], 1)  # the rest was there

    def test_killed_anywhere_the_next_one_ends_it(self):
        alice = self.world.person("alice")
        for number in range(20):
            alice.upload(b"print(%d)\n" % number, "%d.py" % number)
        self.backup()
        for number in range(20, 40):
            alice.upload(b"print(%d)\n" % number, "%d.py" % number)
        before = self.verify(self.to)
        count = len(files(self.to))
        command = [BIN + "/tally", "backup", "--data", self.data, "--to", self.to]
        for more in (0, 1, 3, 10, 19, 20, 21):  # killed when so many files more are there
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: running.poll() is not None or len(files(self.to)) >= count + more, "a backup that gets on")
            running.send_signal(signal.SIGKILL)
            running.wait()
            self.assertIn(self.verify(self.to)["size"], (before["size"], self.world.head()))
        self.assertEqual(self.backup("--json")["size"], self.world.head())
        self.assertEqual(self.blobs(self.to), self.blobs(self.data))
        self.assertFalse([name for name in files(self.to) if name.endswith(".new")])


if __name__ == "__main__":
    unittest.main()
