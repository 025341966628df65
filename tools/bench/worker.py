# SPDX-License-Identifier: Apache-2.0
"""What tally-worker itself takes, for tools/bench/run: idle, beside a job that writes 1,000 lines a second, and beside one that writes as fast
as it can, on the real server. Its own time and memory, not the job's."""
import os
import subprocess
import sys
import tempfile
import time

LINES = b"""import time
start = time.monotonic()
for i in range(%d):
    print("line", i, "of a program that has much to say about its loss and its accuracy", flush=True)
    time.sleep(max(0, start + (i + 1) / 1000 - time.monotonic()))
"""
FLOOD = b"""import os, time
block = (b"0123456789" * 12 + b"\\n") * 541
start, written = time.monotonic(), 0
while written < %d:
    written += os.write(1, block)
print("\\nrate %%.0f" %% (written / 1e6 / (time.monotonic() - start)))
"""


class Watched:
    def __init__(self, pid):
        self.pid = pid

    def memory_mb(self, name):
        with open("/proc/%d/status" % self.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024

    def seconds(self):
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def share(self, act):
        """Part of one core while `act` runs, in percent; and what `act` gives."""
        before, start = self.seconds(), time.monotonic()
        given = act()
        return 100 * (self.seconds() - before) / (time.monotonic() - start), given


def measure(binaries, root, seconds):
    os.environ["TALLY_BIN_DIR"] = binaries
    sys.path.insert(0, root + "/tests/support")
    from tally_harness import World, wait_until
    with World() as world, tempfile.TemporaryDirectory() as folder:
        maria, alice = world.person("maria"), world.person("alice", 10**12)
        flags = ["--state", folder + "/state", "--no-gpus"]
        subprocess.run([binaries + "/tally-worker", "enrol", "--server", "http://127.0.0.1:%d" % world.server.port, "--name", "bench", *flags],
                       input=maria.token.encode(), capture_output=True, check=True)
        with open(folder + "/trace", "w") as trace:
            worker = subprocess.Popen([binaries + "/tally-worker", "run", "--rate", "3600", *flags], stderr=trace, stdout=trace)
            try:
                offer = wait_until(lambda: alice.ok("GET", "/v1/offers?limit=500")["items"], "an offer", 60)[0]
                watched = Watched(worker.pid)
                time.sleep(2)
                share, _ = watched.share(lambda: time.sleep(6 * seconds))
                print("worker: idle %.1f MB resident (%.1f MB its own), %.3f %% of a core" % (
                    watched.memory_mb("VmRSS:"), watched.memory_mb("RssAnon:"), share))

                def run(source, follow=lambda: None):
                    job = alice.job(offer["id"], content=source, name="bench.py")
                    alice.lock(job)
                    alice.wait_for(job, lambda now: now["status"] in ("running", "completed", "failed"))

                    def until_end():
                        while alice.ok("GET", "/v1/jobs/" + job["id"])["status"] == "running":
                            follow()
                            time.sleep(0.2)
                        return alice.ok("GET", "/v1/jobs/" + job["id"])
                    return watched.share(until_end)

                share, job = run(LINES % (4000 * seconds))
                print("worker: %.2f %% of a core at 1,000 lines a second and metrics every 2 s (%s, %d s)" % (
                    share, job["status"], job["used_ms"] // 1000))
                seen = []
                size = 500 * 10**6 * seconds
                share, job = run(FLOOD % size, lambda: seen.append(watched.memory_mb("RssAnon:")))
                print("worker: %.0f MB/s of output: its own memory %.1f to %.1f MB, %.0f %% of a core (%s)" % (
                    size / 1e3 / max(job["used_ms"], 1), min(seen), max(seen), share, job["status"]))
            finally:
                worker.terminate()
                worker.wait()
