#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally-worker from outside, against a small server that keeps the API's contract: jobs that succeed, fail, hang, are cancelled,
lose the server; and a machine that is left clean each time."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

SOURCE = os.environ["TALLY_SOURCE_DIR"]
sys.path.insert(0, SOURCE + "/tests/support")
from contract_server import HEARTBEAT_S, LEASE_S, PROVIDER_TOKEN  # noqa: E402
from worker_fixture import WORKER, WorkerFixture, enrol, programs  # noqa: E402


class WorkerTest(WorkerFixture):
    # ── enrolment and offer ──

    def test_enrolment_is_private_and_happens_once(self):
        path = self.state + "/worker.json"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as file:
            self.assertNotIn(PROVIDER_TOKEN, file.read())
        again = enrol(self.server.url, self.state)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(b"enrolled already", again.stderr)

    def test_enrolment_refused_says_why(self):
        other = self.folder + "/other"
        wrong = enrol(self.server.url, other, token="wrong")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn(b"provider's token is needed", wrong.stderr)
        self.assertIn(b"http://host:port", enrol("nonsense", other).stderr)
        self.assertIn(b"1 to 100 bytes", enrol(self.server.url, other, name="").stderr)
        self.assertIn(b"one code or token", enrol(self.server.url, other, token="a b").stderr)
        self.assertFalse(os.path.exists(other + "/worker.json"))
        done = subprocess.run([WORKER, "run", "--state", other], capture_output=True, timeout=30)
        self.assertIn(b"enrol", done.stderr)
        done = subprocess.run([WORKER, "run", "--state", self.state, "--rate", "-1"], capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"expected 1 to", done.stderr)

    def test_a_server_that_moved_is_named_without_enrolling_again(self):
        with open(self.state + "/worker.json") as file:
            identity = json.load(file)
        with open(self.state + "/worker.json", "w") as file:
            json.dump({**identity, "server": "http://127.0.0.1:1"}, file)
        job = self.add(b"pass")
        worker = self.run_worker("--server", self.server.url, "--once-jobs", "1")
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assertEqual(worker.wait(60), 0)
        wrong = self.run_worker("--server", "nonsense")
        self.assertEqual(wrong.wait(60), 2)

    def test_the_machine_is_offered_once_and_anew_for_another_rate(self):
        no_rate = self.run_worker(rate=None)
        self.assertNotEqual(no_rate.wait(60), 0)
        self.add("pass")
        self.assertEqual(self.run_worker("--once-jobs", "1").wait(60), 0)
        (first, offer), = self.server.offers.items()
        self.assertEqual((offer["device"], offer["gpus"], offer["rate"]), ("cpu", 0, 1000))
        self.assertGreater(offer["ram_mib"], 0)
        self.assertGreater(offer["speed_permille"], 0)
        self.assertEqual(offer["cpu_cores"], len(os.sched_getaffinity(0)))
        self.add("pass")
        self.assertEqual(self.run_worker("--once-jobs", "1", rate=None).wait(60), 0)
        self.assertEqual(list(self.server.offers), [first])
        self.add("pass")
        self.assertEqual(self.run_worker("--once-jobs", "1", rate="2000").wait(60), 0)
        (second, offer), = self.server.offers.items()
        self.assertNotEqual(first, second)
        self.assertEqual(offer["rate"], 2000)

    def test_one_worker_per_folder_and_an_unknown_token_ends_it(self):
        first = self.run_worker()
        self.add("print(1, flush=True)")
        self.assertTrue(self.server.wait(lambda: self.server.jobs[0].end))
        second = subprocess.run([WORKER, "run", "--state", self.state], capture_output=True, timeout=30)
        self.assertIn(b"another worker", second.stderr)
        self.server.hosts.clear()
        self.assertEqual(first.wait(60), 1)

    # ── endings ──

    def test_success_brings_results_output_progress_and_metrics(self):
        job = self.add(
            "import os, sys, time\n"
            "assert sys.argv[1:-1] == ['--epochs', '5', 'two words'] and os.environ['KEY'] == 'välue'\n"
            "assert float(os.environ['TALLY_LIMIT_SECONDS']) == 60 and os.getcwd() == '/job'\n"
            "print('::tally progress=0.25 operation=\"warming up\"')\n"
            "print('one'); print('oops', file=sys.stderr); time.sleep(0.8)\n"
            "os.makedirs(os.environ['TALLY_RESULTS'] + '/sub dir/ä', exist_ok=True)\n"
            "open(os.environ['TALLY_RESULTS'] + '/sub dir/ä/50%.bin', 'wb').write(bytes(range(256)) * 4000)\n"
            "open(os.environ['TALLY_RESULTS'] + '/empty', 'w').close()\n"
            "os.symlink('/etc/passwd', os.environ['TALLY_RESULTS'] + '/link')\n"
            "until = time.monotonic() + 3.5\n"
            "while time.monotonic() < until: pass\n"
            "print('::tally progress=1')\n"
            "print('two'); sys.stdout.write('no end')\n",
            arguments=["--epochs", "5", "two words"], environment={"KEY": "välue", "TALLY_RESULTS": "/etc"})
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["exit_status"]), ("completed", "exited_zero", 0), end)
        self.assertIn("1 result file could not be stored", end["detail"])
        self.assertEqual(set(job.results), {"output.log", "sub dir/ä/50%.bin", "empty"})
        self.assertEqual(job.results["sub dir/ä/50%.bin"], bytes(range(256)) * 4000)
        self.assertEqual(job.text("stdout"), "one\ntwo\nno end\n")
        self.assertEqual(job.text("stderr"), "oops\n")
        self.assertIn(b"::tally progress=0.25", job.results["output.log"])
        self.assertEqual([line for line in job.results["output.log"].split(b"\n") if not line.startswith(b"::")],
                         [b"one", b"oops", b"two", b"no end"])
        self.assertIn((250, "warming up"), [(p["permille"], p["operation"]) for p in job.progress])
        self.assertEqual(job.progress[-1]["permille"], 1000)
        self.assertEqual([p["used_ms"] for p in job.progress], sorted(p["used_ms"] for p in job.progress))
        gaps = [b - a for a, b in zip(job.heard, job.heard[1:])]
        self.assertLess(max(gaps), HEARTBEAT_S + 1.5)
        self.assertGreaterEqual(len(job.samples), 1)
        busy = 1000 // len(os.sched_getaffinity(0))
        self.assertGreater(max(s["cpu_permille"] for s in job.samples), busy // 20)  # others may want the processors too
        self.assertGreater(max(s["ram_mib"] for s in job.samples), 0)  # the last may be of a program that has just ended
        self.assertTrue(4300 < end["worker_ms"] < 1000 * (job.ended_at - job.started_at), end)
        self.assert_clean()

    def test_a_failing_program_is_refunded_with_its_last_words(self):
        job = self.add("import os\nopen(os.environ['TALLY_RESULTS'] + '/x', 'w').write('no')\nprint('so far')\n"
                       "{}['price']\n")
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["exit_status"]), ("program_failed", "exited_nonzero", 1))
        self.assertIn("KeyError: 'price'", end["detail"])
        self.assertEqual(set(job.results), {"output.log"})
        self.assertIn(b"so far", job.results["output.log"])
        self.assertIn("KeyError", job.text("stderr"))
        self.assert_clean()

    def test_a_crash_and_too_much_memory_are_told_apart(self):
        crash = self.add("import os; os.kill(os.getpid(), 11)")
        self.run_worker()
        end = self.ended(crash)
        self.assertEqual((end["ending"], end["reason"], end["signal"]), ("program_failed", "killed_by_signal", 11))

    def test_a_hanging_program_is_stopped_at_the_paid_limit_and_keeps_its_results(self):
        job = self.add("import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                       "open(os.environ['TALLY_RESULTS'] + '/half', 'w').write('so far')\nprint('working', flush=True)\n"
                       "if os.fork() == 0: os.setsid()\nwhile True: time.sleep(60)\n", limit_ms=1500)
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["worker_ms"]), ("cap_reached", "paid_limit", 1500))
        self.assertEqual(job.results["half"], b"so far")
        self.assertLess(job.ended_at - job.started_at, 8)
        self.assert_clean()

    def test_a_program_may_use_the_moment_after_the_limit(self):
        job = self.add("import os, signal, sys, time\n"
                       "def last(*_):\n"
                       "    open(os.environ['TALLY_RESULTS'] + '/saved', 'w').write('yes'); sys.exit(0)\n"
                       "signal.signal(signal.SIGTERM, last)\ntime.sleep(60)\n", limit_ms=1000)
        self.run_worker()
        self.assertEqual(self.ended(job)["ending"], "cap_reached")
        self.assertEqual(job.results["saved"], b"yes")

    def test_a_flood_of_output_arrives_whole_and_in_order(self):
        job = self.add("import sys\nfor i in range(3000):\n"
                       "    print(i, 'x' * (i % 70), flush=i % 7 == 0)\n"
                       "    if i % 500 == 0: sys.stdout.flush(); print('mark', i, file=sys.stderr, flush=True)\n")
        self.run_worker()
        self.assertEqual(self.ended(job)["ending"], "completed")
        expected = "".join(f"{i} {'x' * (i % 70)}\n" for i in range(3000))
        self.assertEqual(job.text("stdout"), expected)
        self.assertEqual(job.text("stderr"), "".join(f"mark {i}\n" for i in range(0, 3000, 500)))
        log = job.results["output.log"].decode().splitlines(True)
        self.assertEqual("".join(line for line in log if not line.startswith("mark")), expected)

    def test_a_wrong_input_and_a_bad_order_are_the_hosts_fault(self):
        job = self.add("print('never')")
        job.digest = "0" * 64
        self.run_worker()
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "input_missing"))
        self.assertIn("SHA-256", end["detail"])
        self.assertEqual(job.output, [])
        self.assert_clean()

    def test_an_order_that_cannot_be_run_is_ended_at_once_and_not_claimed_again(self):
        jobs = [self.add("print('never')", environment={"A-B": "x"}),
                self.add("print('never')", environment={"V%d" % i: "" for i in range(255)}),
                self.add("print('never')", limit_ms=0)]
        self.run_worker()
        for job, word in zip(jobs, ("variable", "254 variables", "limit_ms")):
            end = self.ended(job, 20)
            self.assertEqual((end["ending"], end["reason"]), ("host_fault", "sandbox_failed"))
            self.assertIn("cannot run the job", end["detail"])
            self.assertIn(word, end["detail"])
            self.assertEqual(job.claims, 1)
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")
        self.assert_clean()

    # ── the disk ──

    FILL = ("import os, sys, time\n"
            "def take(name, mib):\n"
            "    fd = os.open(name, os.O_CREAT | os.O_RDWR)\n"
            "    os.posix_fallocate(fd, 0, mib << 20)\n"
            "    return fd\n")

    def test_a_program_that_takes_more_disk_than_it_may_is_stopped_and_failed_by_itself(self):
        job = self.add(self.FILL + "for i in range(12): take('f%d' % i, 8)\n"
                       "print('taken', flush=True)\ntime.sleep(60)\n")
        self.run_worker("--disk-mib", "64")
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], end["signal"]), ("program_failed", "disk_limit", 9), end)
        self.assertRegex(end["detail"], r"^its files took (9[6-9]|10\d) MiB of disk, the limit is 64 MiB; write less.*:\ntaken")
        self.assertEqual(next(iter(self.server.offers.values()))["storage_mib"], 64)
        self.assert_clean()
        # many files, hidden from their owner and deep
        job = self.add(self.FILL + "os.makedirs('a/b/c')\nfor i in range(12): take('a/b/c/%d' % i, 8)\n"
                       "os.chmod('a/b', 0)\ntime.sleep(60)\n")
        self.assertEqual(self.ended(job)["ending"], "program_failed")
        job = self.add("import os, time\nfor i in range(150):\n    os.mkdir('d'); os.chdir('d')\ntime.sleep(60)\n")
        self.assertIn("deep", self.ended(job)["detail"])
        self.assert_clean()

    def test_a_program_within_its_disk_limit_is_left_alone(self):
        job = self.add(self.FILL + "for i in range(5): take('f%d' % i, 10)\nfor i in range(4): os.link('f0', 'l%d' % i)\n"
                       "time.sleep(2)\nprint('done')\n")
        self.run_worker("--disk-mib", "64")
        self.assertEqual(self.ended(job)["ending"], "completed")

    def test_a_file_larger_than_the_disk_limit_cannot_be_made(self):
        job = self.add(self.FILL + "take('big', 80)\n")
        self.run_worker("--disk-mib", "64")
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("program_failed", "disk_limit"))
        self.assertIn("File too large", end["detail"])

    # ── the job is taken away, the server is not there ──

    def test_a_cancelled_job_is_stopped_at_once_and_the_next_one_runs(self):
        job = self.add("import time\nprint('working', flush=True)\ntime.sleep(600)\n", limit_ms=600000)
        self.run_worker()
        self.started_writing(job)
        self.server.end(job)
        self.assert_clean()
        self.assertIsNone(job.end)
        self.assertEqual(job.results, {})
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")

    def test_a_server_that_is_started_again_loses_nothing(self):
        job = self.add("import time\nfor i in range(50):\n    print(i, flush=True); time.sleep(0.1)\n")
        self.run_worker()
        self.started_writing(job)
        self.server.stop()
        time.sleep(1.5)
        self.server.start()
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assertEqual(job.text("stdout"), "".join(f"{i}\n" for i in range(50)))

    def test_lost_answers_are_asked_for_again(self):
        job = self.add("import os, time\nfor i in range(20):\n    print(i, flush=True); time.sleep(0.1)\n"
                       "open(os.environ['TALLY_RESULTS'] + '/r', 'w').write('r')\n")
        self.server.swallow |= {"start", "output", "progress", "output.log", "r", "end", "input", "claim"}
        self.run_worker()
        self.assertTrue(self.server.wait(lambda: job.end and not self.server.swallow, 60), self.server.swallow)
        self.assertEqual(job.end["ending"], "completed")
        self.assertEqual(job.text("stdout"), "".join(f"{i}\n" for i in range(20)))
        self.assertEqual(job.results["r"], b"r")

    def test_without_the_server_the_job_goes_on_for_the_lease_and_no_longer(self):
        job = self.add("import time\nprint('working', flush=True)\ntime.sleep(60)\n")
        self.run_worker()
        self.started_writing(job)
        self.server.stop()
        time.sleep(LEASE_S / 2)
        self.assertNotEqual(programs(), [])
        time.sleep(LEASE_S / 2 + 1)
        self.assert_clean()
        self.server.start()

    # ── the worker is taken away ──

    def test_a_worker_asked_to_stop_gives_its_job_back(self):
        job = self.add("import time\nprint('working', flush=True)\ntime.sleep(60)\n")
        worker = self.run_worker()
        self.started_writing(job)
        worker.terminate()
        self.assertEqual(worker.wait(60), 0)
        end = self.ended(job, 1)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "worker_stopped"))
        self.assert_clean()

    def test_a_worker_without_a_job_stops_at_once(self):
        self.server.claim_s = 600
        worker = self.run_worker()
        self.add("pass")
        self.assertTrue(self.server.wait(lambda: self.server.jobs[0].end))
        time.sleep(0.2)
        worker.send_signal(signal.SIGINT)
        self.assertEqual(worker.wait(30), 0)  # and not when somebody answers its claim, or it gives that up

    def test_after_a_crash_nothing_runs_on_and_the_next_start_cleans_up(self):
        job = self.add("import os, time\nprint('working', flush=True)\nif os.fork() == 0: os.setsid()\ntime.sleep(60)\n")
        worker = self.run_worker()
        self.started_writing(job)
        worker.kill()
        worker.wait()
        until = time.monotonic() + 60
        while programs() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(programs(), [])
        self.assertEqual(os.listdir(self.state + "/scratch"), [job.id])
        self.run_worker(rate=None)
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "worker_stopped"))
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")
        self.assert_clean()

    def test_the_examples_end_as_they_should(self):
        examples = SOURCE + "/examples/"
        jobs = {}
        for name in "hello.py", "digits-mlp.py", "missing-column.py":
            with open(examples + name) as file:
                jobs[name] = self.server.add(name, file.read(), 120000,
                                             arguments=["--epochs", "5"] if name == "digits-mlp.py" else [])
        self.run_worker()
        self.assertEqual(self.ended(jobs["hello.py"])["ending"], "completed")
        self.assertIn(b"hello from Python", jobs["hello.py"].results["hello.txt"])
        self.assertEqual(self.ended(jobs["digits-mlp.py"], 150)["ending"], "completed")
        self.assertGreaterEqual(json.loads(jobs["digits-mlp.py"].results["metrics.json"])["accuracy"], 0.9)
        self.assertEqual(self.ended(jobs["missing-column.py"])["ending"], "program_failed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
