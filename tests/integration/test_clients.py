# SPDX-License-Identifier: Apache-2.0
"""The example clients do what a stranger's would: the whole flow against a real server and chain, the machine played by the test."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, LOCAL, SOURCE, World, tally_qubic  # noqa: E402

CLIENTS = {"client.py": sys.executable, "client.mjs": shutil.which("node") or "node"}


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.host = cls.world.host(cls.world.person("maria"))

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def play_machine(self, ending, reason):
        """Run the next job as a worker would."""
        job = self.host.claim()
        self.host.start(job)
        self.host.output(job, 1, "hello from the machine\n")
        self.host.result(job, "deep/er/ä name.txt", b"what it made\n")
        self.host.end(job, ending, reason)

    def run_client(self, name, folder, money=10**10, ending="completed", reason="exited_zero"):
        seed = (name.replace(".", "") + ending.replace("_", "")).ljust(55, "q")
        self.world.chain.fund(tally_qubic("identity", {"seed": seed})["identity"], money)
        with open(folder + "/seed", "w") as file:
            file.write(seed + "\n")
        with open(folder + "/mine.py", "w") as file:
            file.write("print('hello')\n")
        machine = threading.Thread(target=self.play_machine, args=(ending, reason))
        machine.start()
        done = subprocess.run([CLIENTS[name], SOURCE + "/examples/clients/" + name, "--server", "http://%s:%d" % (LOCAL, self.world.server.port),
                               "--seed-file", folder + "/seed", "--to", folder + "/results", "--wallet", BIN + "/tally", folder + "/mine.py"],
                              capture_output=True, text=True, timeout=100)
        machine.join()
        return done

    def test_the_whole_flow_ends_with_the_results_on_the_disk(self):
        for name in CLIENTS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                done = self.run_client(name, folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("hello from the machine\n", done.stdout)
                self.assertIn("job: completed\n", done.stdout)
                with open(folder + "/results/deep/er/ä name.txt") as file:
                    self.assertEqual(file.read(), "what it made\n")
                events = done.stdout.splitlines()[-1].split()[1:]
                for kind in ("job.created", "escrow.locked", "job.started", "job.completed", "payout.confirmed", "job.rated"):
                    self.assertIn(kind, events)

    def test_a_failed_job_is_said_and_fetches_nothing(self):
        for name in CLIENTS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                done = self.run_client(name, folder, ending="program_failed", reason="exited_nonzero")
                self.assertEqual(done.returncode, 1)
                self.assertIn("program_failed", done.stderr)
                self.assertIn("paid 0", done.stdout)
                self.assertFalse(os.path.exists(folder + "/results"))


if __name__ == "__main__":
    unittest.main()
