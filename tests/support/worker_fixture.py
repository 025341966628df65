# SPDX-License-Identifier: Apache-2.0
"""A tally-worker beside the contract's server, for tests that look at it from outside; after each, that nothing of it is left."""
import glob
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from contract_server import PROVIDER_TOKEN, ContractServer

WORKER = os.environ["TALLY_BIN_DIR"] + "/tally-worker"
MARK = f"tally-test-program-{os.getpid()}"  # others may run this test too


def enrol(url, state, *flags, token=PROVIDER_TOKEN, name="box"):
    return subprocess.run([WORKER, "enrol", "--server", url, "--name", name, "--state", state, *flags], input=token.encode() + b"\n",
                          capture_output=True, timeout=30)


def programs():
    """Processes of our scripts, whoever started them: they carry the mark in their arguments."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith((b"bwrap", b"python3")) and MARK.encode() in words:
            found.append(int(path.split("/")[2]))
    return found


def groups(jobs):
    return [path for job in jobs for path in glob.glob(f"/sys/fs/cgroup/**/tally-job-{job.id}", recursive=True)]


class WorkerFixture(unittest.TestCase):
    def setUp(self):
        self.server = ContractServer()
        self.folder = tempfile.mkdtemp(prefix="tally-worker-")
        self.state = self.folder + "/state"
        self.workers = []
        self.trace = open(self.folder + "/trace", "w+")
        self.flags = []  # of every command of the worker
        self.prepare()
        done = enrol(self.server.url, self.state, *self.flags)
        self.assertEqual(done.returncode, 0, done.stderr)

    def prepare(self):
        """What is to be there before the machine is enrolled."""

    def tearDown(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
                worker.wait(30)
        self.server.stop()
        left = programs(), groups(self.server.jobs)
        self.trace.seek(0)
        trace = self.trace.read()
        self.trace.close()
        shutil.rmtree(self.folder)
        self.assertEqual(left, ([], []), trace)
        self.assertEqual(self.server.broken, [], trace)

    def run_worker(self, *flags, rate="1000"):
        worker = subprocess.Popen([WORKER, "run", "--state", self.state, *(["--rate", rate] if rate else []), *self.flags, *flags],
                                  stderr=self.trace, stdout=self.trace, restore_signals=False)
        self.workers.append(worker)
        return worker

    def command(self, name, *flags, timeout=60):
        return subprocess.run([WORKER, name, "--state", self.state, *self.flags, *flags], capture_output=True, text=True, timeout=timeout)

    def add(self, content, limit_ms=60000, name="job.py", **settings):
        settings.setdefault("arguments", []).append(MARK)
        return self.server.add(name, content, limit_ms, **settings)

    def ended(self, job, timeout=180):
        if not self.server.wait(lambda: job.end is not None, timeout):
            self.trace.seek(0)
            self.fail(f"the job did not end; {job.__dict__}\n{self.trace.read()}")
        return job.end

    def started_writing(self, job):
        self.assertTrue(self.server.wait(lambda: job.output), job.__dict__)

    def traced(self, event, timeout=60):
        """Until the worker has said so."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            with open(self.folder + "/trace") as file:
                if f"event={event} " in file.read():
                    return
            time.sleep(0.02)
        self.fail(f"no {event}")

    def scratch(self):
        return [path for pattern in ("/scratch/*", "/slot-*/scratch/*") for path in glob.glob(self.state + pattern)]

    def assert_clean(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and (self.scratch() or programs()):
            time.sleep(0.05)
        self.assertEqual(self.scratch(), [])
        self.assertEqual(programs(), [])
        self.assertEqual(groups(self.server.jobs), [])
