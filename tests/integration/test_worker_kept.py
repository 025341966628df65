#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker has still to say when the server is away, when it is killed itself, and when its disk is full: it waits on disk, arrives in order and
once, and the meter and the end are never lost. R11.2, R11.4, R11.5."""
import glob
import os
import re
import resource
import shutil
import sys
import unittest
import uuid

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import WorkerFixture, programs  # noqa: E402

# Says that it is up, and goes on when it is told to.
UP = ("import os, sys, time\nprint('up', flush=True)\n"
      "while not os.path.exists('/job/go'): time.sleep(0.02)\n")
RESULTS = "".join("open(os.environ['TALLY_RESULTS'] + '/%d', 'w').write('result %d')\n" % (i, i) for i in range(3))


class Kept(WorkerFixture):
    def prepare(self):
        self.server.lease_s = 600
        self.server.batch_max = 16384

    def up(self, source):
        job = self.add(UP + source, limit_ms=600000)
        worker = self.run_worker()
        self.started_writing(job)
        return job, worker

    def go(self, job):
        with open("%s/scratch/%s/job/go" % (self.state, job.id), "w"):
            pass

    def killed(self, worker):
        worker.kill()
        worker.wait()
        self.assertTrue(self.server.wait(lambda: not programs()))

    def spool_size(self, job):
        return os.path.getsize("%s/scratch/%s/reports" % (self.state, job.id))

    def test_output_waits_on_disk_and_the_program_waits_for_nobody(self):
        job, _ = self.up("for i in range(80000): print('line %08d' % i, 'x' * 60)\nprint('over', file=sys.stderr)\n")
        self.server.stop()
        self.go(job)
        self.traced("job.program_ended")
        self.assertGreater(self.spool_size(job), 5 << 20)
        self.server.start()
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assertEqual(job.text("stdout").splitlines(), ["up", *("line %08d %s" % (i, "x" * 60) for i in range(80000))])
        self.assertEqual(job.text("stderr"), "over\n")
        self.assertGreater(max(self.server.several), 8)  # what waited came many batches to a request
        self.assert_clean()

    def several_after_being_away(self):
        """Whether the server was told several batches in a request."""
        job, _ = self.up("for i in range(6000): print('line %08d' % i, 'x' * 60)\n")
        self.server.stop()
        self.server.swallow.add("reports")
        self.go(job)
        self.traced("job.program_ended")
        self.server.start()
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assertEqual(job.text("stdout").splitlines(), ["up", *("line %08d %s" % (i, "x" * 60) for i in range(6000))])
        return self.server.several != []

    def test_a_lost_answer_to_several_batches_costs_no_line_and_doubles_none(self):
        self.assertTrue(self.several_after_being_away())

    def test_a_server_that_is_older_than_several_batches_gets_them_one_by_one(self):
        self.server.is_old = True
        self.assertFalse(self.several_after_being_away())

    def read_with_gaps(self, job, program):
        """How far its output goes, each line in its place, kept or missing: behind a gap a smaller batch may have found room."""
        at = 0
        for stream, line in job.output:
            if stream == "stdout":
                self.assertEqual(line, program[at])
                at += 1
            else:
                gap = re.fullmatch(r"\[(\d+) lines missing: disk full\]", line)
                self.assertIsNotNone(gap, line)
                at += int(gap[1])
        return at

    def test_a_job_that_ended_is_told_through_a_full_disk_and_two_kills(self):
        job = self.add(UP + RESULTS + "for i in range(20000): print('line %08d' % i)\nprint('::tally progress=1 operation=\"done\"')\n",
                       limit_ms=600000, results="of/my/choice")  # R4.4: known to the next worker, too
        self.server.swallow.add("metrics")  # taken, but the worker does not know
        self.server.slow_uploads = True  # they last for a report that they go on
        worker = self.run_worker()
        self.started_writing(job)
        self.assertTrue(self.server.wait(lambda: not self.server.swallow, 60))
        self.server.stop()
        # No file of the worker may grow: what a full disk means to it. (That it is not killed for it is its parent's doing.)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (self.spool_size(job) + 50000,) * 2)
        self.go(job)
        self.traced("job.program_ended")
        self.killed(worker)
        self.server.swallow.add("1")
        self.server.start()
        worker = self.run_worker()
        self.assertTrue(self.server.wait(lambda: "1" in job.results, 60))
        self.killed(worker)
        job.results["0"] = b"stored once"
        worker = self.run_worker("--once-jobs", "1")
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["exit_status"]), ("completed", "exited_zero", 0), end)
        self.assertGreater(end["worker_ms"], 500)  # the first sample was taken then
        self.assertEqual(self.read_with_gaps(job, ["up", *("line %08d" % i for i in range(20000))]), 20001)
        self.assertIn("lines missing", job.text("stderr"))
        self.assertEqual([job.results[name] for name in "012"], [b"stored once", b"result 1", b"result 2"])
        self.assertTrue(job.results["output.log"].startswith(b"up\nline 00000000\n"))
        self.assertEqual(job.progress[-1]["permille"], 1000)
        times = [sample["at_ms"] for sample in job.samples]
        self.assertEqual(times, sorted(set(times)))
        self.assertGreater(len(times), 0)
        # which was not one of its own jobs
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")
        self.assertEqual(worker.wait(60), 0)
        self.assert_clean()

    def test_a_job_that_was_killed_with_its_worker_brings_what_was_written_until_then(self):
        job, worker = self.up("for i in range(1000): print(i, flush=True)\ntime.sleep(600)\n")
        self.server.stop()
        before = self.spool_size(job)
        self.go(job)
        self.assertTrue(self.server.wait(lambda: self.spool_size(job) > before + 3000, 60))
        self.killed(worker)
        self.server.start()
        worker = self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "worker_stopped"), end)
        said = job.text("stdout").split()
        self.assertEqual(said, ["up", *map(str, range(len(said) - 1))])
        self.assertGreater(len(said), 100)
        self.assert_clean()
        # reports that cannot be read
        job = self.add(UP)
        self.started_writing(job)
        self.killed(worker)
        (path,) = glob.glob(self.state + "/scratch/*/reports")
        with open(path, "r+b") as file:
            file.truncate(100)
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["worker_ms"]), ("host_fault", "worker_stopped", 0), end)
        self.assert_clean()

    def test_of_several_left_over_folders_each_says_its_own(self):
        """The files of jobs that had ended are still there: what runs is told as it was, whichever comes first in the folder."""
        job, worker = self.up("for i in range(100): print(i, flush=True)\ntime.sleep(600)\n")
        self.go(job)
        self.assertTrue(self.server.wait(lambda: len(job.output) > 100 and any(said["used_ms"] > 0 for said in job.progress), 60))
        self.killed(worker)
        mine = self.state + "/scratch/" + job.id
        for _ in range(12):  # of jobs that the server knows nothing of any more
            shutil.copytree(mine, self.state + "/scratch/" + str(uuid.uuid4()))
            if os.listdir(self.state + "/scratch")[0] != job.id:
                break
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "worker_stopped"), end)
        self.assertGreater(end["worker_ms"], 0)  # by its own meter
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main(verbosity=2)
