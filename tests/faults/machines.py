# SPDX-License-Identifier: Apache-2.0
"""The programs that are killed: chain, server and worker on ports that stay the same, each started again on what it left.

With `power`, tallyd and tally-devchain run under the shim (power.c), which loses what they did not sync."""
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

from oracle import must
from tally_harness import BIN, Chain, Client, LOCAL, Process, SOURCE, wait_until

TERMS = {"heartbeat_s": 1, "lease_s": 3, "start_within_s": 5, "lock_wait_s": 60, "queue_max_s": 20, "fee_bps": 500}
SHIM = os.path.join(os.path.dirname(BIN), "tests", "faults", "libpower.so")


class Died(Exception):
    """A program lost power while it started."""


class Started(Process):
    """A Process with an environment of its own, which may lose power before it is ready."""

    def __init__(self, arguments, environment):
        self.arguments = arguments
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        line = self.child.stdout.readline().decode()
        if "listening on http://" not in line:
            self.child.wait(30)
            self.child.stdout.close()
            text = "%s said %r, status %d: %s" % (arguments[0], line, self.child.returncode, self.trace())
            must(self.child.returncode == -signal.SIGKILL, "did not start: %s", text)
            raise Died(text)
        self.port = int(line.rsplit(":", 1)[1])


class StartedChain(Chain):
    def __init__(self, folder, port, tick_ms, environment):
        Started.__init__(self, [BIN + "/tally-devchain", "--data", folder, "--tick-ms", str(tick_ms), "--port", str(port)],
                         environment)
        self.client = Client(self.port)
        self.url = "http://%s:%d" % (LOCAL, self.port)


def free_port(rng):
    """Outside of the ports that outgoing connections get: a client that connects to a dead server must not find itself."""
    while True:
        port = rng.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((LOCAL, port))
                return port
            except OSError:
                continue


class Power:
    """What the shim needs to know, for one program."""

    def __init__(self, folder, root, name):
        self.root, self.lie = root, False
        self.state = "%s/%s" % (folder, name)
        self.report = "%s/%s.report" % (folder, name)
        self.boot = "%s/%s.boot" % (folder, name)
        self.losses = 0
        self.new_boot()

    def new_boot(self):
        with open(self.boot, "w") as file:
            file.write("%s\n" % uuid.uuid4())

    def environment(self, at=0, seed=0):
        return dict(os.environ, LD_PRELOAD=SHIM, TALLY_POWER_ROOT=self.root, TALLY_POWER_STATE=self.state,
                    TALLY_POWER_REPORT=self.report, TALLY_POWER_BOOT_ID=self.boot, TALLY_POWER_AT=str(at),
                    TALLY_POWER_SEED=str(seed), **({"TALLY_POWER_LIE": "1"} if self.lie else {}))

    def lines(self):
        if not os.path.exists(self.report):
            return []
        with open(self.report) as file:
            return file.read().splitlines()

    def lost(self):
        """After the process died: wait until the disk is what it is now. What was lost, or None for a plain kill."""
        losing = self.state + ".losing"
        if os.path.exists(losing):
            wait_until(lambda: not os.path.exists(losing), "the end of a power failure", 30, 0.002)
        if len(self.lines()) == self.losses:
            return None
        self.losses = len(self.lines())
        self.new_boot()
        return dict(word.split("=") for word in self.lines()[-1].split()[1:])


class Machines:
    def __init__(self, seed, tick_ms=20, poll_ms=20, power=False, fee_identity=None):
        self.rng = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="tally-faults-")
        self.tick_ms, self.poll_ms = tick_ms, poll_ms
        self.disk = self.folder + "/disk"
        self.data = self.disk + "/data"
        self.chain_disk = self.folder + "/chain-disk"
        self.ports = [free_port(self.rng), free_port(self.rng)]
        self.server = self.chain = self.worker = None
        self.worker_state = self.folder + "/worker"
        self.kept_traces = []
        self.planned = 0
        os.mkdir(self.disk)
        os.mkdir(self.chain_disk)
        os.mkdir(self.folder + "/power")
        self.passphrase = self.folder + "/passphrase"
        with open(os.open(self.passphrase, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("a passphrase for tests\n")
        self.power = Power(self.folder + "/power", self.disk, "tallyd") if power else None
        self.chain_power = Power(self.folder + "/power", self.chain_disk, "chain") if power else None
        self.terms = dict(TERMS, fee_identity=fee_identity)

    def init(self):
        sets = [text for pair in self.terms.items() for text in ("--set", "%s=%s" % pair)]
        done = subprocess.run([BIN + "/tallyd", "init", *self.common(), "--network", "local", *sets], capture_output=True,
                              timeout=60, env=self.power.environment() if self.power else None)
        must(done.returncode == 0, "init: %s", done.stderr)

    def common(self):
        return ["--data", self.data, "--passphrase-file", self.passphrase]

    # ── start ──

    def start_chain(self, at=0, seed=0):
        environment = self.chain_power.environment(at, seed) if self.chain_power else None
        self.chain = StartedChain(self.chain_disk + "/chain", self.ports[1], self.tick_ms, environment)

    def start_server(self, at=0, seed=0):
        """Until it takes writes; Died if it loses power before."""
        environment = self.power.environment(at, seed) if self.power else None
        url = "http://%s:%d" % (LOCAL, self.ports[1])
        self.server = None
        self.server = server = Started(
            [BIN + "/tallyd", "run", *self.common(), "--port", str(self.ports[0]), "--poll-ms", str(self.poll_ms),
             "--views-copy-every", "300", "--qubic-live-url", url + "/live/v1", "--qubic-query-url", url + "/query/v1"], environment)
        end = time.monotonic() + 20
        while True:
            try:
                ready = self.client().get("/readyz", timeout=5).json
                must(ready["ledger"]["writable"], "read only: %s", ready)
                if ready["ledger"]["head"] > 0:
                    return
            except (OSError, ValueError, http.client.HTTPException):
                if server.child.poll() is not None:
                    must(server.child.returncode == -signal.SIGKILL, "tallyd ended with %s: %s", server.child.returncode,
                         server.trace()[-3000:])
                    raise Died("lost power while it started") from None
            must(time.monotonic() < end, "tallyd takes no writes: %s", server.trace()[-3000:])
            time.sleep(0.005)

    def start_worker(self, server_url=None, token=None, rate=3600000):
        if server_url is not None:
            done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", server_url, "--name", "real", "--state",
                                   self.worker_state], input=token.encode() + b"\n", capture_output=True, timeout=60)
            must(done.returncode == 0, "enrol: %s", done.stderr)
        with open(self.folder + "/worker.trace", "ab") as trace:
            self.worker = subprocess.Popen([BIN + "/tally-worker", "run", "--state", self.worker_state, "--rate", str(rate)],
                                           stdout=trace, stderr=trace)

    # ── kill ──

    @staticmethod
    def end(process):
        """kill -9; true if it was alive until then."""
        alive = process.child.poll() is None
        if alive:
            process.child.kill()
        process.child.wait(30)
        if not process.child.stdout.closed:
            process.child.stdout.close()
        return alive

    def kill(self, name):
        if name == "worker":
            must(self.worker.poll() is None, "the worker ended by itself with %s", self.worker.returncode)
            self.worker.kill()
            self.worker.wait(30)
            return
        process = getattr(self, name)
        must(self.end(process), "%s ended by itself with %s: %s", name, process.child.returncode, process.trace()[-4000:])
        self.keep_trace(process)

    def keep_trace(self, process):
        self.kept_traces = self.kept_traces[-5:] + [process.trace()[-8000:]]
        process.errors.close()

    # ── looking ──

    def client(self, token=None):
        return Client(self.ports[0], token)

    def operator(self):
        with open(self.data + "/operator.token") as file:
            return self.client(file.read().strip())

    def audit(self):
        """verify, replay and the second implementation; beside the running server."""
        for command in ([BIN + "/tally", "verify", "--data", self.data, "--json"],
                        [BIN + "/tally", "replay", "--data", self.data, "--json"],
                        ["/usr/bin/python3", SOURCE + "/tools/checker.py", self.data]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            must(done.returncode == 0, "%s: %s %s", " ".join(command), done.stdout[-2000:], done.stderr[-2000:])

    def replay_equals(self):
        done = subprocess.run([BIN + "/tally", "replay", "--data", self.data, "--json"], capture_output=True, text=True,
                              timeout=300)
        must(done.returncode == 0 and '"equal":true' in done.stdout, "the views are not those of the log: %s %s",
             done.stdout, done.stderr)

    def close(self, keep=False):
        if self.worker is not None and self.worker.poll() is None:
            self.worker.terminate()  # leaves no control group behind
            try:
                self.worker.wait(20)
            except subprocess.TimeoutExpired:
                self.worker.kill()
                self.worker.wait(30)
        for process in (self.server, self.chain):
            if process is not None:
                self.end(process)
                if not process.errors.closed:
                    process.errors.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
