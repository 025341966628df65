#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generated jobs through the real server, chain and worker, four at a time: P37 (started in time), P38 (reported in time), P39 (reports are whole), P40 (results
before the end), and each is paid what it is worth. A job is a few steps drawn from a seed, which is printed; TALLY_SEED=n runs the same ones again, TALLY_JOBS=n
others in number. What a loaded machine makes slow is judged by how long a Python takes to start there at the same moment."""
import glob
import hashlib
import os
import random
import subprocess
import sys
import time
import unittest
from datetime import datetime

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from tally_harness import BIN, World, wait_until  # noqa: E402

SLOTS = 4
JOBS = int(os.environ.get("TALLY_JOBS") or 40)
HEARTBEAT_S = 1
RATE = 3600000  # a QUBIC a millisecond
REPORTS = ("job.started", "job.progressed", "job.output", "metric.sampled", "job.completed", "job.failed")
HELPERS = """import os, signal, sys, time
def result(name, seed, size):
    import hashlib
    path = os.environ['TALLY_RESULTS'] + '/' + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(hashlib.shake_128(str(seed).encode()).digest(size))
"""


class Made:
    """A program, and what is to come of it."""

    def __init__(self, rng):
        self.rng, self.source = rng, [HELPERS]
        self.streams = {"stdout": [], "stderr": []}
        self.all_known = {"stdout", "stderr"}
        self.said = None  # the last progress of its own
        self.operation = ""
        self.results = {}
        self.exit, self.signal, self.reason = 0, 0, "exited_zero"
        how = rng.choice((self.protocol, self.bar, self.sleep))  # a sleeper's progress goes by its time
        for _ in range(rng.randint(1, 6)):
            rng.choice((self.sleep, self.print, self.print, self.result, how))()
        if rng.random() < 0.35:
            rng.choice((self.leave, self.throw, self.die))()

    def add(self, line):
        self.source.append(line + "\n")

    def sleep(self):
        self.add("time.sleep(%.2f)" % (self.rng.random() ** 3 * 3.5))

    def print(self):
        stream = self.rng.choice(("stdout", "stderr"))
        first, count, width = len(self.streams[stream]), self.rng.randint(1, 400), self.rng.randint(0, 120)
        self.streams[stream] += ["%d %s" % (first + i, "x" * width) for i in range(count)]
        self.add("for i in range(%d): print('%%d %%s' %% (%d + i, 'x' * %d), file=sys.%s, flush=%s)" % (count, first, width, stream,
                                                                                                  self.rng.random() < 0.5))

    def protocol(self):
        for _ in range(self.rng.randint(1, 5)):
            self.said = self.rng.randint(0, 1000)
            self.operation = "step %d of %s" % (self.said, self.rng.choice(("it", "näher", "三")))
            self.add("print('::tally progress=%.3f operation=\"%s\"', flush=True)" % (self.said / 1000, self.operation))

    def bar(self):
        """As tqdm writes it to a file that is no terminal."""
        total = self.rng.randint(2, 30)
        self.said, self.operation = 1000, None
        self.add("for i in range(%d): sys.stderr.write('\\r%%3d%%%%|     | %%d/%d [00:01<00:01, 9.00it/s]' %% ((i + 1) * 100 // %d, i + 1)); sys.stderr.flush()"
                 % (total, total, total))
        self.add("sys.stderr.write('\\n'); sys.stderr.flush()")
        self.all_known.discard("stderr")  # a bar is shown as it ends up, and not line by line

    def result(self):
        name = self.rng.choice(("", "deep/", "a b/ü/")) + "file-%d.bin" % len(self.results)
        seed, size = self.rng.getrandbits(32), int(self.rng.random() ** 4 * 400000)
        self.results[name] = hashlib.shake_128(str(seed).encode()).digest(size)
        self.add("result(%r, %d, %d)" % (name, seed, size))

    def leave(self):
        self.exit, self.reason = self.rng.randint(1, 100), "exited_nonzero"
        self.add("sys.exit(%d)" % self.exit)

    def throw(self):
        self.exit, self.reason = 1, "exited_nonzero"
        self.add("raise ValueError('made to fail')")
        self.all_known.discard("stderr")  # and its traceback

    def die(self):
        self.signal, self.reason = self.rng.choice((6, 9, 15)), "killed_by_signal"
        self.exit = 128 + self.signal  # as a shell says it
        self.add("sys.stdout.flush(); sys.stderr.flush(); os.kill(os.getpid(), %d)" % self.signal)

    def text(self):
        return "".join(self.source).encode()


def seconds_of(event):
    whole, _, fraction = event["time"].rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float("0." + (fraction or "0"))


class Generated(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("TALLY_SEED") or random.SystemRandom().getrandbits(32))
        print("TALLY_SEED=%d TALLY_JOBS=%d" % (self.seed, JOBS), flush=True)
        self.slowness = 1.0
        self.world = World(terms={"heartbeat_s": HEARTBEAT_S, "lease_s": 120})
        self.addCleanup(self.world.close)
        self.maria, self.alice = self.world.person("maria"), self.world.person("alice", 10**11)
        folder = self.world.folder
        os.chmod(folder, 0o755)
        os.mkdir(folder + "/dev")
        for name in ["nvidiactl", "nvidia-uvm", *("nvidia%d" % i for i in range(SLOTS))]:
            with open(folder + "/dev/" + name, "w"):
                pass
        with open(folder + "/gpus", "w") as file:
            for i in range(SLOTS):
                file.write("GPU-%d %d 89 16384 2520 ok 42 100 24564 61 250500 40 2400 4 0 NVIDIA GeForce RTX 4090\n" % (i, i))
        self.flags = ["--state", folder + "/rig", "--nvml", BIN + "/../lib/libtally_test_nvml.so", "--device-folder", folder + "/dev"]
        code = self.maria.ok("POST", "/v1/workers/codes", {})["code"]
        environment = {**os.environ, "TALLY_TEST_NVML": folder + "/gpus"}
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", "http://127.0.0.1:%d" % self.world.server.port, "--code", code, *self.flags],
                              capture_output=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        trace = open(folder + "/trace", "w")
        self.addCleanup(trace.close)
        worker = subprocess.Popen([BIN + "/tally-worker", "run", "--rate", str(RATE), "--ram-mib", "4096", *self.flags], stdout=trace, stderr=trace,
                                  env=environment)
        self.addCleanup(lambda: (worker.terminate(), worker.wait(60)))

    def look_at_the_machine(self):
        """How slow it is now, by what takes some 20 ms on an idle one."""
        begun = time.monotonic()
        subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
        self.slowness = max(self.slowness, (time.monotonic() - begun) / 0.1)

    def events(self, job):
        found, after = [], 0
        while after is not None:
            page = self.alice.ok("GET", "/v1/jobs/%s/events?limit=500&after=%d" % (job["id"], after))
            found += page["items"]
            after = page["next"]
        return found

    def output(self, job, source):
        lines, after = [], 0
        while after is not None:
            page = self.alice.ok("GET", "/v1/jobs/%s/output?limit=500&after=%d" % (job["id"], after))
            for item in page["items"]:
                if item["source"] == source:
                    lines += item["text"].splitlines()
            after = page["next"]
        return lines

    def check_times(self, events):
        """P37, P38: started within 5 s of its assignment, by the first machine that had it; and never silent for 10 s."""
        types = [event["type"] for event in events]
        self.assertEqual((types.count("job.assigned"), types.count("job.started"), types.count("job.released")), (1, 1, 0))
        self.assertLess(types.index("job.assigned"), types.index("job.started"))
        said = [event for event in events if event["type"] in REPORTS]
        assigned = next(event for event in events if event["type"] == "job.assigned")
        self.assertLess(seconds_of(said[0]) - seconds_of(assigned), 5 * self.slowness)
        gaps = [seconds_of(event) - seconds_of(before) for before, event in zip(said, said[1:])]
        self.assertLess(max(gaps), 10 * self.slowness)

    def check_reports(self, made, events):
        """P39"""
        permilles = []
        for event in events:
            data = event["data"]
            if event["type"] == "job.progressed":
                permilles.append(data["permille"])
                self.assertTrue(0 <= data["permille"] <= 1000 and data["operation"], data)
            elif event["type"] == "metric.sampled":
                for sample in data["samples"]:
                    self.assertEqual([sample[name] for name in ("gpu_permille", "vram_mib", "vram_total_mib", "temperature_c", "power_mw", "fan_percent",
                                                                "sm_clock_mhz", "memory_clock_mhz")], [420, 100, 24564, 61, 250500, 40, 2400, 12000])
                    self.assertGreater(sample["ram_total_mib"], 0)
        if made.said is not None and made.operation is not None:
            last = [event["data"] for event in events if event["type"] == "job.progressed" and event["data"]["operation"] != "storing results"][-1]
            self.assertEqual((last["permille"], last["operation"]), (made.said, made.operation))
        elif made.said is not None:
            self.assertIn(1000, permilles)

    def check_results(self, made, job, events):
        """P40: all of them, byte for byte, and before the end was told; none of a program that failed."""
        numbers = {kind: [int(event["id"]) for event in events if event["type"] == kind] for kind in ("result.stored", "job.completed", "job.failed")}
        self.assertLess(max(numbers["result.stored"]), (numbers["job.completed"] + numbers["job.failed"])[0])
        failed = made.reason != "exited_zero"
        wanted = {"output.log"} | (set() if failed else set(made.results))
        self.assertEqual(len(numbers["result.stored"]), len(wanted))
        if failed:
            self.assertEqual(self.alice.get("/v1/jobs/%s/results" % job["id"]).json["code"], "results_withheld")
            return
        items = {item["name"]: item for item in self.alice.ok("GET", "/v1/jobs/%s/results" % job["id"])["items"]}
        self.assertEqual(set(items), wanted)
        for name, content in made.results.items():
            self.assertEqual((items[name]["size"], items[name]["digest"]), (len(content), hashlib.sha256(content).hexdigest()), name)

    def check_silent(self, job):
        """P38: a program that says nothing is reported at each heartbeat all the same; it goes on until that was seen three times."""
        wait_until(lambda: [event["type"] for event in self.events(job)].count("job.progressed") >= 3, "three reports of a silent job", 240)
        (folder,) = glob.glob(self.world.folder + "/rig/**/scratch/" + job["id"], recursive=True)
        with open(folder + "/job/go", "w"):
            pass

    def check(self, made, job):
        failed = made.reason != "exited_zero"
        self.assertEqual((job["ending"], job["reason"]), ("program_failed" if failed else "completed", made.reason), job)
        paid = 0 if failed else min(job["used_ms"] * job["rate"] // 3600000, job["cap"])
        self.assertEqual((job["payout"], job["refund"]), (paid, job["cap"] - paid))
        events = self.events(job)
        end = next(event["data"] for event in events if event["type"] in ("job.completed", "job.failed"))
        self.assertEqual((end["exit_status"], end["signal"]), (made.exit, made.signal))
        self.check_times(events)
        self.check_reports(made, events)
        self.check_results(made, job, events)
        for stream in made.all_known:
            self.assertEqual(self.output(job, stream), made.streams[stream], stream)

    def test_P37_P38_P39_P40_generated_jobs_are_started_reported_and_stored(self):
        rng = random.Random(self.seed)
        offers = wait_until(lambda: (lambda items: items if len(items) == SLOTS and all(offer["online"] for offer in items) else None)(
            self.alice.ok("GET", "/v1/offers")["items"]), "all slots on offer", 60)
        silent = self.alice.job(offers[0]["id"], content=b"import os, time\nwhile not os.path.exists('/job/go'): time.sleep(0.05)\n")
        self.alice.lock(silent)
        jobs = []
        for i in range(JOBS):
            made = Made(rng)
            job = self.alice.job(offers[i % SLOTS]["id"], content=made.text(), name="job-%d.py" % i)
            self.alice.lock(job)
            jobs.append((made, job))
            self.look_at_the_machine()

        self.check_silent(silent)

        def all_settled():
            self.look_at_the_machine()
            now = {job["id"]: job for job in self.alice.ok("GET", "/v1/jobs?limit=500")["items"]}
            return now if all(job["settled"] for job in now.values()) else None
        settled = wait_until(all_settled, "all jobs are settled", 600, pause=0.2)
        for i, (made, job) in enumerate(jobs):
            with self.subTest("job %d of TALLY_SEED=%d" % (i, self.seed), program=made.text().decode()):
                self.check(made, settled[job["id"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
