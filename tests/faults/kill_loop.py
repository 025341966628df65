# SPDX-License-Identifier: Apache-2.0
"""kill -9, a thousand times: server, chain and worker are killed while many jobs are in every state of their life, and started again.

    kill_loop.py                       about forty kills, half a minute
    kill_loop.py --kills 1000 --each 20    until each job state was there in at least 20 kills, too
    kill_loop.py --seed N              the same choices (not the same timing: threads and the kernel have their own mind)

After each restart: every write that was answered with 2xx is there, the feed goes on without gap or repetition. Now and then, and
at the end: verify, replay, checker.py. At the end: each job on the chain, paid and refunded exactly once. See README.md."""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from machines import Machines  # noqa: E402
from market import FEE_SEED, Market  # noqa: E402
from oracle import STATES, Oracle, must  # noqa: E402
from tally_harness import tally_qubic, wait_until  # noqa: E402

TARGETS = ("server", "chain", "worker", "all")
WEIGHTS = {"server": 12, "chain": 4, "worker": 2, "all": 2}


class Tally:
    """What was hit: kills during which a job was in a state, by state and program."""

    def __init__(self):
        self.kills = dict.fromkeys(TARGETS, 0)
        self.hits = {state: dict.fromkeys(TARGETS, 0) for state in STATES}
        self.jobs = dict.fromkeys(STATES, 0)

    def count(self, target, live):
        self.kills[target] += 1
        for state in STATES:
            self.hits[state][target] += 1 if state in live else 0
            self.jobs[state] += live.count(state)

    def total(self, state):
        return sum(self.hits[state].values())

    def table(self):
        lines = ["%-15s" % "job state" + "".join("%9s" % t for t in TARGETS) + "%9s%9s" % ("kills", "jobs")]
        for state in STATES:
            lines.append("%-15s" % state + "".join("%9d" % self.hits[state][t] for t in TARGETS) +
                         "%9d%9d" % (self.total(state), self.jobs[state]))
        lines.append("%-15s" % "kills" + "".join("%9d" % self.kills[t] for t in TARGETS) +
                     "%9d%9d" % (sum(self.kills.values()), sum(self.jobs.values())))
        return "\n".join(lines)


def aim(market, tally, rng, worker):
    """Wait until a job is in the state that was hit least, and not for long; then a little more. The program to kill."""
    wanted = min(STATES, key=lambda state: (tally.total(state), rng.random()))
    if rng.random() < 0.7:
        market.wait(lambda: market.trouble or wanted in market.oracle.live(), 0.4)
    time.sleep(rng.random() * rng.choice((0.01, 0.05, 0.2)))
    targets = [target for target in TARGETS if worker or target != "worker"]
    return rng.choices(targets, [WEIGHTS[target] for target in targets])[0]


def kill(machines, target, rng, worker):
    names = [target] if target != "all" else ["server", "chain"] + (["worker"] if worker else [])
    rng.shuffle(names)
    for name in names:
        machines.kill(name)
    time.sleep(rng.choice((0, 0, 0.02, 0.1)))
    rng.shuffle(names)
    for name in names:
        getattr(machines, "start_" + name)()
    return names


def run(options, machines, rng):
    oracle = Oracle(machines.folder + "/client.jsonl")
    machines.start_chain()
    machines.init()
    machines.start_server()
    market = Market(machines, oracle, rng.random(), worker=not options.no_worker)
    tally = Tally()
    started = time.monotonic()
    try:
        market.open()
        while sum(tally.kills.values()) < options.kills or min(map(tally.total, STATES)) < options.each:
            market.check_trouble()
            target = aim(market, tally, rng, not options.no_worker)
            tally.count(target, oracle.live())
            number = sum(tally.kills.values())
            must(number < options.kills * 2 + 100, "some job state is hardly ever there:\n%s", tally.table())
            lives = [follower.lives for follower in market.followers]
            try:
                names = kill(machines, target, rng, not options.no_worker)
                market.check()
                if "server" in names:
                    wait_until(lambda: market.trouble or all(f.lives > n for f, n in zip(market.followers, lives)),
                               "the feeds to come back")
                if number % options.audit == 0:
                    machines.audit()
                if number % 50 == 0:
                    print("%5d kills, %4.0f s, %d jobs, %d accepted writes" % (
                        number, time.monotonic() - started, len(oracle.jobs), len(oracle.acknowledged)), flush=True)
            except BaseException:
                print("at kill %d (%s)" % (number, target), flush=True)
                raise
        seconds = time.monotonic() - started
        market.drain()
        summary = market.check_end()
    finally:
        market.stop()
    print(tally.table())
    print("%.2f s a kill. %s" % (seconds / sum(tally.kills.values()), summary))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--each", type=int, default=1, help="kills during which each job state must have been there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--audit", type=int, default=25, help="verify, replay, checker.py after this many kills")
    parser.add_argument("--no-worker", action="store_true", help="without the real tally-worker and its sandbox")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    machines = Machines(options.seed, fee_identity=tally_qubic("identity", {"seed": FEE_SEED})["identity"])
    try:
        run(options, machines, random.Random(options.seed))
    except BaseException:
        print("FAILED with seed %d; everything is kept in %s" % (options.seed, machines.folder), flush=True)
        for trace in machines.kept_traces[-2:] + [p.trace() for p in (machines.server, machines.chain) if p and not p.errors.closed]:
            print("── trace ──\n" + trace[-2500:], flush=True)
        machines.close(keep=True)
        raise
    machines.close()


if __name__ == "__main__":
    main()
