#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many jobs and their monitors, for as long as you like; then: has anything grown that the log does not explain?

    tests/soak/soak.py --bin build/release/bin [--minutes 60] [--jobs 100]

Each of --jobs machines runs one job after the other, as a worker does: claim, start, output and metrics every two seconds, progress every five, end. Each job
has a monitor: a feed on the job's topic, and now and then its page, output and metrics over REST. Once a minute tallyd is measured:
own memory (RssAnon), open descriptors, readers of both environments, pages of the log and the views that are in no table (free list).

Ends with status 0 if, between the measurements after a sixth of the time and the last ones, memory grew by less than 2 MB (or 5 %), descriptors by none that is no
connection, no reader is left, the free pages of each environment stayed below 20 % of it plus 2,000, every job was settled, and the log verifies."""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bin", default=ROOT + "/build/release/bin")
parser.add_argument("--minutes", type=float, default=60)
parser.add_argument("--jobs", type=int, default=100)
parser.add_argument("--run-seconds", type=float, default=40, help="how long a job runs")
OPTIONS = parser.parse_args()
os.environ["TALLY_BIN_DIR"] = os.path.abspath(OPTIONS.bin)
os.environ["TALLY_SOURCE_DIR"] = ROOT
sys.path.insert(0, ROOT + "/tests/support")
sys.path.insert(1, "/usr/lib/python3/dist-packages")  # python3-lmdb
import lmdb  # noqa: E402
from tally_harness import WebSocket, World  # noqa: E402

METRIC = {"cpu_permille": 870, "ram_mib": 14200, "ram_total_mib": 65536, "gpu_permille": 910, "vram_mib": 14000,
          "vram_total_mib": 24000, "temperature_c": 71, "power_mw": 312000}
errors = []
counts = {"jobs": 0, "events_seen": 0, "reports": 0, "looks": 0}
lock = threading.Lock()
stopping = threading.Event()


def count(name, number=1):
    with lock:
        counts[name] += number


def guarded(function):
    def run(*arguments):
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001
            errors.append("%s: %r" % (function.__name__, error))
            stopping.set()
    return run


def watch(alice, job):
    """A monitor: follows the job live and looks at its page."""
    with WebSocket(alice.port, "/v1/feed?token=" + alice.token, timeout=120) as feed:
        feed.send({"subscribe": {"topics": ["job:" + job["id"]], "after": 0}})
        last, looked = 0, time.monotonic()
        while True:
            message = feed.receive()
            if isinstance(message, tuple):
                raise AssertionError(message)
            if "event" not in message:
                continue
            sequence = int(message["event"]["id"])
            assert sequence > last, (sequence, last)
            last = sequence
            count("events_seen")
            if time.monotonic() - looked > 5:
                looked = time.monotonic()
                for path in ("", "/metrics?limit=60", "/output?limit=50"):
                    alice.ok("GET", "/v1/jobs/%s%s" % (job["id"], path))
                    count("looks")
            if message["event"]["type"] == "payout.confirmed":
                return


@guarded
def machine(alice, host, end):
    while not stopping.is_set() and time.monotonic() < end:
        host.claim(wait_s=0)  # heard of: it can be quoted
        job = alice.queued_job(host)
        monitor = threading.Thread(target=guarded(watch), args=(alice, job), daemon=True)
        monitor.start()
        host.claim_and_start(job)
        began, line, number = time.monotonic(), 1, 0
        while time.monotonic() - began < OPTIONS.run_seconds and not stopping.is_set():
            used = int((time.monotonic() - began) * 1000)
            host.output(job, line, "epoch %d  loss 0.2124\n" % line)
            host.ok("POST", host.path(job, "metrics"), {"samples": [{"at_ms": used, **METRIC}]})
            if number % 3 == 0:
                host.ok("POST", host.path(job, "progress"), {"permille": min(999, used // 50), "used_ms": used, "operation": "training"})
            count("reports", 2)
            line, number = line + 1, number + 1
            stopping.wait(2)
        host.result(job, "metrics.json", b'{"accuracy":0.97}')
        host.end(job, worker_ms=int((time.monotonic() - began) * 1000))
        monitor.join(120)
        assert not monitor.is_alive(), "the monitor did not see the payout"
        count("jobs")


def environment(path):
    """(pages in the file, pages in no table, readers)"""
    env = lmdb.open(path, readonly=True, lock=True, max_dbs=128, max_readers=600)
    try:
        used = 0
        with env.begin() as txn:
            names = [bytes(key) for key, _ in txn.cursor()]
            handles = [env.open_db(name, txn=txn, create=False) for name in names]
            for stat in [env.stat()] + [txn.stat(handle) for handle in handles]:
                used += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
            pages = env.info()["last_pgno"] + 1
        readers = [line for line in env.readers().splitlines()[1:] if line.split() and line.split()[-1] != "-"]
        return pages, pages - used - 2, len(readers)
    finally:
        env.close()


def measure(world):
    pid = world.server.child.pid
    with open("/proc/%d/status" % pid) as file:
        status = dict(line.split(":", 1) for line in file)
    descriptors = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)
                   if os.path.lexists("/proc/%d/fd/%s" % (pid, fd))]
    sockets = sum(target.startswith("socket:") for target in descriptors)
    log, views = environment(world.data + "/log"), environment(world.data + "/views")
    head = world.head()
    return {"head": head, "kib": int(status["RssAnon"].split()[0]), "files": len(descriptors) - sockets, "sockets": sockets,
            "log": log, "views": views, **counts}


def main():
    table = []
    with World(tick_ms=200, poll_ms=200) as world:
        alice = world.person("alice", money=10**14)
        maria = world.person("maria")
        end = time.monotonic() + OPTIONS.minutes * 60
        threads = []
        for i in range(OPTIONS.jobs):
            threads.append(threading.Thread(target=machine, args=(alice, world.host(maria, "rig %d" % i), end), daemon=True))
            threads[-1].start()
        next_look = time.monotonic() + 60
        while any(thread.is_alive() for thread in threads) and not stopping.is_set():
            time.sleep(1)
            if time.monotonic() >= next_look and time.monotonic() < end:
                next_look += 60
                table.append(measure(world))
                print(json.dumps(table[-1]), flush=True)
        for thread in threads:
            thread.join(180)
        time.sleep(3)
        last = measure(world)
        print(json.dumps(last), flush=True)
        for error in errors:
            print("error:", error)
        transactions = [entry for entry in world.operator().ok("GET", "/v1/transactions?limit=500")["items"]
                        if entry["status"] not in ("confirmed", "observed")]
        done = subprocess.run([OPTIONS.bin + "/tally", "verify", "--data", world.data], capture_output=True, text=True)
        replayed = subprocess.run([OPTIONS.bin + "/tally", "replay", "--data", world.data], capture_output=True, text=True)
        early, late = table[len(table) // 6] if table else last, table[-1] if table else last
        checks = [
            ("nobody saw an error", not errors),
            ("every payment is confirmed", not transactions),
            ("memory", late["kib"] - early["kib"] < max(2048, early["kib"] // 20)),
            ("files open", last["files"] <= early["files"]),
            ("no reader is left", last["log"][2] <= 1 and last["views"][2] <= 1),  # 1: the measurement's own
            ("free pages of the log", last["log"][1] < last["log"][0] // 5 + 2000),
            ("free pages of the views", last["views"][1] < last["views"][0] // 5 + 2000),
            ("the log verifies", done.returncode == 0),
            ("replay gives the same views", replayed.returncode == 0),
        ]
        for name, good in checks:
            print("%s %s" % ("ok  " if good else "FAIL", name))
        return 0 if all(good for _, good in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
