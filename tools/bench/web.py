# SPDX-License-Identifier: Apache-2.0
"""What the page takes in Chromium, for tools/bench/run: the first load on a slow line and a slow processor, a job that reports 200 events a second, and a
million lines of output. The script in the browser is web/app/tests/browser/measure.mjs."""
import os
import sys
import threading
import time

LINES = 1000000
BATCH = 800  # lines of one report: within 16 KiB
RATE = 200


class Reports(threading.Thread):
    """A machine that reports so many events a second, until it is told to stop."""

    def __init__(self, host, job, first_line):
        super().__init__()
        self.host, self.job, self.line, self.sent = host, job, first_line, 0
        self.stopped = threading.Event()

    def run(self):
        self.start_time = time.monotonic()
        while not self.stopped.is_set():
            wait = self.sent / RATE - (time.monotonic() - self.start_time)
            if wait > 0:
                time.sleep(wait)
            if self.sent % 4 == 0:
                self.host.ok("POST", self.host.path(self.job, "metrics"), {"samples": [{
                    "at_ms": self.sent * 5, "cpu_permille": self.sent % 1000, "ram_mib": 1000 + self.sent % 3000, "ram_total_mib": 64000,
                    "gpu_permille": self.sent % 1000, "vram_mib": 8000, "vram_total_mib": 24000, "temperature_c": 60 + self.sent % 25, "power_mw": 300000}]})
            else:
                self.host.output(self.job, self.line, "step %d loss 0.%04d\n" % (self.line, self.line % 10000))
                self.line += 1
            self.sent += 1

    def stop(self):
        self.stopped.set()
        self.join()
        return self.sent / (time.monotonic() - self.start_time)


def measure(binaries, root, seconds):
    os.environ.update(TALLY_BIN_DIR=binaries, TALLY_SOURCE_DIR=root)
    sys.path.insert(0, root + "/tests/support")
    from page_stage import Control, Stage

    class BenchControl(Control):
        def ask_reports(self, on):
            stage = self.server.stage
            if on:
                stage.reports = Reports(stage.host, stage.busy, 1)
                stage.reports.start()
                return None
            return stage.reports.stop()

    undo = []
    try:
        stage = Stage(lambda act, *given: undo.append(lambda: act(*given)), tick_ms=50, control=BenchControl, worker=False)
        alice = stage.world.person("alice", money=10**12)
        stage.host, other = stage.world.host(stage.maria), stage.world.host(stage.maria, "other")
        stage.busy, long = alice.queued_job(stage.host), alice.queued_job(other)
        stage.host.claim_and_start(stage.busy)
        other.claim_and_start(long)
        for first in range(1, LINES, BATCH):
            other.output(long, first, "".join("%d loss 0.12\n" % line for line in range(first, first + BATCH)))
        stage.play("tests/browser/measure.mjs", TALLY_TOKEN=alice.token, TALLY_BUSY=stage.busy["id"], TALLY_LONG=long["id"], TALLY_LINES=str(LINES),
                   TALLY_SECONDS=str(max(seconds, 10)))
        status, said = stage.finish(600)
        print(said.strip())
        if status != 0:
            sys.exit(status)
    finally:
        for act in reversed(undo):
            act()
