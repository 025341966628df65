#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a provider tells a worker: selftest, status, pause, resume, drain, and a unit for systemd. R11"""
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import WORKER, WorkerFixture, enrol  # noqa: E402

SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(%s)\n"


class Commands(WorkerFixture):
    def test_pause_leaves_jobs_lying_until_resume(self):
        first = self.add(SLEEP % 2)
        self.run_worker()
        self.started_writing(first)
        self.assertIn("one that runs goes on", self.command("pause").stdout)
        second = self.add("print(2)")
        self.assertEqual(self.ended(first)["ending"], "completed")
        time.sleep(1.5)  # long enough to claim it, if it did
        self.assertEqual(second.claims, 0)
        self.assertIn("runs, paused", self.command("status").stdout)
        self.assertEqual(self.command("resume").returncode, 0)
        self.assertEqual(self.ended(second)["ending"], "completed")
        # and a pause outlives the worker
        self.workers[0].terminate()
        self.workers[0].wait(20)
        self.assertIn("from the next start on", self.command("pause").stdout)
        third = self.add("print(3)")
        self.run_worker()
        self.assertFalse(self.server.wait(lambda: third.claims, 2.5))
        self.assertEqual(self.command("resume").returncode, 0)
        self.assertEqual(self.ended(third)["ending"], "completed")

    def test_a_pause_drops_the_question_that_waits(self):
        self.run_worker()
        self.assertTrue(self.server.wait(lambda: self.server.kinds))
        self.assertEqual(self.command("pause").returncode, 0)
        time.sleep(0.5)
        job = self.add("print(1)")
        self.assertFalse(self.server.wait(lambda: job.end, 3))

    def test_drain_finishes_what_runs_and_stops(self):
        nothing = self.command("drain")
        self.assertEqual(nothing.returncode, 1)
        self.assertIn("nothing to drain", nothing.stderr)
        job = self.add(SLEEP % 2)
        worker = self.run_worker()
        self.started_writing(job)
        self.assertEqual(self.command("drain").returncode, 0)
        later = self.add("print(1)")
        self.assertEqual(worker.wait(60), 0)
        self.assertEqual(job.end["ending"], "completed")
        self.assertEqual(later.claims, 0)
        self.assertIn("does not run", self.command("status").stdout)
        self.run_worker()  # started on purpose, it works again
        self.assertEqual(self.ended(later)["ending"], "completed")

    def test_status_says_what_there_is(self):
        before = self.command("status").stdout
        for text in ("does not run", "answers", "offer     none", "job       none", "processor"):
            self.assertIn(text, before)
        job = self.add(SLEEP % 30)
        self.run_worker()
        self.started_writing(job)
        during = self.command("status").stdout
        for text in ("worker      runs", "1000 QUBIC per hour", job.id):
            self.assertIn(text, during)
        self.server.hosts.clear()
        self.assertIn("enrol again", self.command("status").stdout)
        done = subprocess.run([WORKER, "status", "--state", self.folder + "/none"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tally-worker enrol", done.stderr)

    def test_selftest_prints_and_publishes_what_it_measured(self):
        done = self.command("selftest")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("ok ")}
        self.assertEqual(set(lines), {"sandbox", "limits", "job-network", "kinds", "python", "models", "processor", "memory", "disk", "network"})
        for what, unit in (("memory", "MB/s"), ("disk", "MB/s"), ("network", " ms"), ("kinds", '"bundle"'), ("python", "%d.%d" % sys.version_info[:2])):
            self.assertIn(unit, lines[what])
        (benchmark,) = self.server.benchmarks
        self.assertEqual((benchmark["benchmark_version"], set(benchmark)), (1, {"benchmark_version", "speed_permille", "detail"}))
        self.assertGreater(benchmark["speed_permille"], 0)
        self.assertIn("ok memory: ", benchmark["detail"])
        self.assertRegex(benchmark["detail"], r"ok python: 3\.[0-9.]+ with ")
        self.assertEqual(sorted(os.listdir(self.state)), ["lock", "seal.key", "worker.json"])  # nothing left

    def test_selftest_says_what_is_wrong(self):
        job = self.add(SLEEP % 30)
        self.run_worker()
        self.started_writing(job)
        self.assertIn("drain it first", self.command("selftest").stderr)
        self.workers[0].terminate()
        self.workers[0].wait(20)
        self.server.hosts.clear()
        done = self.command("selftest")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL  network", done.stdout)
        self.assertIn("not published", done.stdout)
        self.assertIn("1 of the tests failed", done.stderr)

    def test_enrol_shows_what_is_offered_and_keeps_the_rate(self):
        state = self.folder + "/rated"
        done = enrol(self.server.url, state, "--rate", "7000")
        self.assertEqual(done.returncode, 0, done.stderr)
        for text in (b" cores, ", b" MiB of memory", b"jobs find Python 3.", b"no network, no container and no model", b"offered at 7000 QUBIC an hour"):
            self.assertIn(text, done.stdout)
        self.assertNotIn(b"--rate", done.stdout)
        self.state = state
        job = self.add("print(1)")
        self.run_worker("--once-jobs", "1", rate=None)
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assertEqual([offer["rate"] for offer in self.server.offers.values()], [7000])

    def test_enrol_writes_a_unit(self):
        state = self.folder + "/a 50% state"
        refused = enrol(self.server.url, state, "--systemd")
        self.assertIn(b"--systemd needs --rate", refused.stderr)
        refused = enrol(self.server.url, state, "--systemd", "--rate", "7000", "--models", state + ".nowhere")
        self.assertIn(b"--models", refused.stderr)
        self.assertFalse(os.path.exists(state + "/worker.json"), "the code is used up for nothing")
        done = enrol(self.server.url, state, "--systemd", "--rate", "7000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"systemctl enable --now", done.stdout)
        with open(state + "/tally-worker.service") as file:
            unit = file.read()
        self.assertIn('ExecStart="%s" run --state "%s/a 50%%%% state" --rate 7000\n' % (os.path.realpath(WORKER), os.path.realpath(self.folder)),
                      unit)
        self.assertIn("Delegate=yes\n", unit)
        self.assertIn("After=network-online.target\n", unit)
        self.assert_systemd_takes(state + "/tally-worker.service")

    def assert_systemd_takes(self, unit):
        verify = shutil.which("systemd-analyze")
        if verify:  # systemd's own opinion, where it is installed
            checked = subprocess.run([verify, "verify", unit], capture_output=True, text=True, timeout=60)
            self.assertNotIn("tally-worker.service:", checked.stderr)

    def test_a_unit_says_where_images_are(self):
        state = self.folder + "/other"
        words = ["--systemd", "--rate", "7000"]
        refused = enrol(self.server.url, state, *words, "--docker", self.folder + "/none", "--image", "a")
        self.assertIn(("%s/none: No such file" % self.folder).encode(), refused.stderr)
        self.assertFalse(os.path.exists(state + "/worker.json"))
        done = enrol(self.server.url, state, *words, "--docker", "/usr/bin/../bin/true", "--image", "python:3.11-slim", "--image", "ghcr.io/org/tool", name="other")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(state + "/tally-worker.service") as file:
            unit = file.read()
        self.assertIn(' --rate 7000 --docker "%s" --image python:3.11-slim --image ghcr.io/org/tool\n' % os.path.realpath("/usr/bin/true"), unit)
        self.assertIn("After=network-online.target docker.service\n", unit)
        self.assert_systemd_takes(state + "/tally-worker.service")


if __name__ == "__main__":
    unittest.main(verbosity=2)
