# SPDX-License-Identifier: Apache-2.0
"""The power fails, and fails again: under the shim (power.c) tallyd and the chain lose what they did not sync, at any operation.

    power_loss.py                      25 failures, less than half a minute
    power_loss.py --losses 300         more; a new world after every 25
    power_loss.py --lie server         fsync says yes and does nothing: this must be found out (see prove.sh)

The same market and the same oracle as kill_loop.py. Besides, after each failure of the server: the views were thrown away because
another boot had left them open, and were built anew, from record 1 or from their last copy, as the log says; after a plain kill in between they were kept. See README.md."""
import argparse
import http.client
import os
import random
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from machines import Died, Machines  # noqa: E402
from market import FEE_SEED, Market  # noqa: E402
from oracle import STATES, Oracle, must  # noqa: E402
from tally_harness import tally_qubic  # noqa: E402

DISCARDED = 'event=views.discarded reason="no clean close in an earlier boot"'
RESTORED = "event=views.restored "
OPERATIONS_MAX = 2500
WORLD_LOSSES = 25


class Count:
    def __init__(self):
        self.server = self.chain = self.starting = self.plain = self.discarded = self.restored = self.kept_views = 0
        self.names = {}
        self.pages = {"kept": 0, "reverted": 0, "torn": 0, "sizes": 0, "changes": 0, "undone": 0}
        self.jobs = dict.fromkeys(STATES, 0)
        self.lines = []

    def losses(self):
        return self.server + self.chain

    def lost(self, loss, live=()):
        self.names[loss["name"]] = self.names.get(loss["name"], 0) + 1
        for name in self.pages:
            self.pages[name] += int(loss[name])
        for state in STATES:
            self.jobs[state] += 1 if state in live else 0

    def table(self):
        return "\n".join([
            "power failures   %5d: server %d (of them %d while it started), chain %d; plain kills in between %d" % (
                self.losses(), self.server, self.starting, self.chain, self.plain),
            "views            discarded and built anew %d times (%d from a copy), kept %d times (same boot)" % (
                self.discarded, self.restored, self.kept_views),
            "unsynced pages   kept %(kept)d, reverted %(reverted)d, torn %(torn)d; sizes changed %(sizes)d; changes of folders "
            "%(changes)d, of them undone %(undone)d" % self.pages,
            "failed in        " + ", ".join("%s %d" % pair for pair in sorted(self.names.items())),
            "job states       " + ", ".join("%s %d" % pair for pair in self.jobs.items())] + self.lines)


def start_server(machines, count, rng, at, after):
    """Started, with a failure planned at operation `at`; failures that come before it is ready are counted, and it starts again.

    `after` "failure": views that were written in an earlier boot must be discarded. "kill": the boot is the same, they must be
    kept. "init": it depends on how far it came. True if they were discarded."""
    while True:
        try:
            machines.start_server(at, rng.getrandbits(60))
        except Died:
            loss = machines.power.lost()
            must(loss is not None, "tallyd died while it started, and not by the shim")
            count.server += 1
            count.starting += 1
            count.lost(loss)
            after = "init" if after == "init" else "failure"
            at = plan(rng)
            continue
        discarded = DISCARDED in machines.server.trace()
        must(after == "init" or discarded == (after == "failure"), "after a %s the views were %s: %s", after,
             "discarded" if discarded else "kept", machines.server.trace())
        count.discarded += 1 if discarded else 0
        count.restored += 1 if RESTORED in machines.server.trace() else 0
        count.kept_views += 1 if after == "kill" else 0
        return discarded


def plan(rng):
    """At which operation: often soon, also while it starts; mostly in the middle of the work. 0: a plain kill instead."""
    if rng.random() < 0.12:
        return 0
    return rng.randrange(1, 60) if rng.random() < 0.25 else rng.randrange(60, OPERATIONS_MAX)


def restart(machines, count, rng, at, live=(), alive=True):
    """The server is dead, by its own or by us. True: the views were discarded when it started again."""
    loss = machines.power.lost()
    must(alive or loss is not None, "tallyd ended by itself with %s: %s", machines.server.child.returncode,
         machines.server.trace()[-3000:])
    if loss is not None:
        count.server += 1
        count.lost(loss, live)
    else:
        count.plain += 1
    machines.keep_trace(machines.server)
    return start_server(machines, count, rng, at, "kill" if loss is None else "failure")


def died(server):
    """Its connections are reset before it can be waited for."""
    try:
        server.child.wait(10)
    except subprocess.TimeoutExpired:
        return False
    return True


def one_loss(machines, market, count, rng):
    """Wait for the server to lose power; plain kill if that takes too long. Start it again, and check."""
    end = time.monotonic() + (2.5 if machines.planned > 0 else 0.1 + rng.random() * 0.4)
    while machines.server.child.poll() is None and time.monotonic() < end:
        market.check_trouble()
        if machines.chain.child.poll() is not None:
            restart_chain(machines, count, market, rng)
        time.sleep(0.01)
    live = market.oracle.live()
    alive = machines.end(machines.server)
    machines.planned = plan(rng)
    discarded = restart(machines, count, rng, machines.planned, live, alive)
    try:
        if discarded:
            machines.replay_equals()
        market.check()
    except (OSError, http.client.HTTPException, AssertionError):
        must(died(machines.server), "%s", traceback.format_exc())
        # It lost power again, under the eyes of who looked; what was not checked now is checked next time.


def restart_chain(machines, count, market, rng):
    """The chain ended: it comes back, with a failure to come."""
    must(machines.chain.child.returncode == -signal.SIGKILL, "the chain ended by itself: %s", machines.chain.trace()[-3000:])
    loss = machines.chain_power.lost()
    while True:
        if loss is not None:
            count.chain += 1
            count.lost(loss, market.oracle.live())
        if not machines.chain.errors.closed:
            machines.keep_trace(machines.chain)
        try:
            machines.start_chain(rng.randrange(1, 400), rng.getrandbits(60))
            return
        except Died:
            loss = machines.chain_power.lost()


def run_world(options, machines, count, rng, losses):
    oracle = Oracle(machines.folder + "/client.jsonl")
    machines.start_chain()
    machines.init()
    start_server(machines, count, rng, rng.randrange(1, 20), "init")  # right after init, until it is up
    market = None
    until = count.losses() + losses
    try:
        machines.end(machines.server)  # people enrol on a server that stays; what it has by then is synced or not as it is
        restart(machines, count, rng, 0)
        market = Market(machines, oracle, rng.random(), worker=False)
        market.open()
        machines.planned = 0
        machines.power.lie = options.lie == "server"  # from the next start: what init made is whole
        machines.chain_power.lie = options.lie == "chain"
        while count.losses() < until:
            if rng.random() < 0.15:
                machines.end(machines.chain)  # plainly, unless it just lost power
                restart_chain(machines, count, market, rng)
            one_loss(machines, market, count, rng)
        machines.end(machines.server)
        restart(machines, count, rng, 0)
        machines.end(machines.chain)
        machines.chain_power.lost()
        machines.start_chain()
        market.drain()
        count.lines.append("world            " + market.check_end())
    finally:
        if market is not None:
            market.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lie", choices=("server", "chain"), help="turn this one's fsync into nothing: must fail")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    rng = random.Random(options.seed)
    count = Count()
    started = time.monotonic()
    while count.losses() < options.losses:
        machines = Machines(rng.getrandbits(32), power=True,
                            fee_identity=tally_qubic("identity", {"seed": FEE_SEED})["identity"])
        try:
            run_world(options, machines, count, rng,
                      min(WORLD_LOSSES, options.losses - count.losses()))
            print("%5d failures, %4.0f s" % (count.losses(), time.monotonic() - started), flush=True)
        except BaseException:
            print("FAILED with seed %d, after %d failures; everything is kept in %s" % (
                options.seed, count.losses(), machines.folder), flush=True)
            traces = machines.kept_traces[-2:] + [p.trace() for p in (machines.server, machines.chain)
                                                  if p and not p.errors.closed]
            for trace in traces:
                print("── trace ──\n" + trace[-2500:], flush=True)
            machines.close(keep=True)
            raise
        machines.close()
    print(count.table())
    must(count.losses() < WORLD_LOSSES or count.restored > 0, "the views never began with their copy")
    print("%.2f s a failure, all worlds, their start and end included" % ((time.monotonic() - started) / count.losses()))


if __name__ == "__main__":
    main()
