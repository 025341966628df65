#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R17: the page where there is much of everything, from a real server: payments, offers of a match, jobs watched at once, an hour of samples, a large file, and
a slow line (web/app/tests/browser/many.mjs).

By default as much as shows that everything is paged. With TALLY_MANY=full as much as the page is made for: 10,000 payments, 1,200 offers, 100 jobs watched at
once, 500 MB. That takes some twenty minutes, and says what it took."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from page_stage import PAGE, Control, Stage  # noqa: E402
from tally_harness import BIN, Host, wait_until  # noqa: E402

FULL = os.environ.get("TALLY_MANY") == "full"
PAYMENTS, OFFERS, WATCHED, FILE_SIZE = (10000, 1200, 100, 499 * 10**6) if FULL else (120, 130, 5, 20 * 10**6)
SAMPLES, SAMPLE_MS = 1800, 2000  # of an hour
BATCH = 200 # of one tick
TICKS_AHEAD = 60
PATIENCE_S = 1800 if FULL else 500


def together(work, items):
    """Several requests at a time."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return list(pool.map(work, items))


def signed(orders):
    """Transactions of one wallet, by one program."""
    done = subprocess.run([BIN + "/tally", "qubic", "tx"], input="".join(json.dumps(order) + "\n" for order in orders).encode(), capture_output=True, check=True, timeout=60)
    return [json.loads(line)["hex"] for line in done.stdout.splitlines()]


class Much:
    def __init__(self, stage):
        self.world = stage.world
        self.alice = self.world.person("alice", money=10**13)
        owners = [stage.maria, self.world.person("tomas")]  # a provider has at most a thousand
        self.rigs = together(lambda n: Host(owners[n // 1000], "rig-%d" % n, model="model %d" % n, rate=3600 * (1000 + n)), range(OFFERS))
        self.lines = [1] * WATCHED
        self.watched = together(self.run, self.rigs[:WATCHED])
        self.payments(self.watched[-1], PAYMENTS)
        self.sample(self.rigs[0], self.watched[0])

    def payments(self, job, count):
        """What comes to an escrow that has its lock is a payment, too, and goes back."""
        escrow = job["escrow"]
        for begun in range(0, count, BATCH):
            waiting = range(begun, min(count, begun + BATCH))
            while waiting:  # whose tick has passed meanwhile is signed for a later one
                tick = self.world.chain.tick() + TICKS_AHEAD
                sent = together(lambda text: self.alice.post("/v1/broadcast", {"transaction": text}).status, signed(
                    {"seed": self.alice.seed, "destination": escrow["identity"], "amount": str(1000 + number), "inputType": 0, "input": "", "tick": tick} for number in waiting))
                waiting = [number for number, status in zip(waiting, sent) if status != 200]
        wait_until(lambda: self.seen() >= count, "every payment", 600, 0.5)

    def seen(self):
        """Deposits that the ledger has."""
        found, before = 0, ""
        while True:
            page = self.alice.ok("GET", "/v1/transactions?kind=deposit&limit=500" + before)
            found += len(page["items"])
            if page["next"] is None:
                return found
            before = "&before=%s" % page["next"]

    def run(self, rig):
        job = self.alice.queued_job(rig)
        rig.claim_and_start(job)
        return job

    def sample(self, rig, job):
        samples = [{"at_ms": n * SAMPLE_MS, "cpu_permille": n % 1000, "ram_mib": 1000 + n, "ram_total_mib": 64000, "gpu_permille": (n * 7) % 1000, "vram_mib": 8000,
                    "vram_total_mib": 24000, "temperature_c": 60 + n % 20, "power_mw": 300000 + n} for n in range(SAMPLES)]
        for begun in range(0, SAMPLES, 60):
            rig.ok("POST", rig.path(job, "metrics"), {"samples": samples[begun:begun + 60]})


class MuchControl(Control):
    def ask_report(self):
        """A line of every job that is watched; how many each has now."""
        much = self.server.stage.much

        def report(number):
            line = much.lines[number]
            much.rigs[number].output(much.watched[number], line, "job %d line %d\n" % (number, line))
            much.lines[number] += 1
            return line
        return together(report, range(WATCHED))


@unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
class Many(unittest.TestCase):
    def test_much_of_everything_and_a_slow_line(self):
        stage = Stage(self.addCleanup, control=MuchControl, worker=False, lease_s=3600)
        stage.much = Much(stage)
        large = stage.world.folder + "/large.csv"
        row = b"0.123456789,0.987654321,cat\n"
        with open(large, "wb") as file:
            for _ in range(FILE_SIZE // (len(row) * 4096)):
                file.write(row * 4096)
        stage.play("tests/browser/many.mjs", "--test-reporter=tap", TALLY_ALICE=stage.much.alice.token, TALLY_PAYMENTS=str(PAYMENTS), TALLY_OFFERS=str(OFFERS), TALLY_SAMPLES=str(SAMPLES),
                   TALLY_WATCHED=json.dumps([job["id"] for job in stage.much.watched]), TALLY_FILE=large, TALLY_FULL="1" if FULL else "")
        status, said = stage.finish(PATIENCE_S)
        if status != 0:
            print("── tallyd's trace ──\n" + stage.world.server.trace()[-3000:])
        self.assertEqual(status, 0, said)
        self.assertTrue(re.search(r"^# pass [1-9]", said, re.MULTILINE), "no test ran:\n" + said)
        if FULL:
            print("\n".join(line for line in said.splitlines() if line.startswith("# ")))


if __name__ == "__main__":
    unittest.main()
