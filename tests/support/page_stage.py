# SPDX-License-Identifier: Apache-2.0
"""A world with the page in it, and scripts that play there in a real browser (web/app/tests/browser, web/app/show).

A script is told where everything is by its environment, and asks its world for what a page cannot do (Control). Needs a build with
TALLY_PAGE=ON."""
import http.server
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading

from tally_harness import BIN, SOURCE, World, wait_until

PAGE = os.path.join(os.path.dirname(BIN), "web/page")
RATE = 3600000  # QUBIC an hour: one a millisecond


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Control(http.server.BaseHTTPRequestHandler):
    """What a browser's script may ask of its world."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = getattr(self, "ask_" + request.pop("ask"))(**request)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask_balance(self, identity):
        return self.server.stage.world.chain.balance(identity)

    def ask_stop(self):
        return self.server.stage.world.server.stop(signal.SIGKILL)

    def ask_start(self):
        self.server.stage.world.start()

    def log_message(self, *_):
        pass


class Stage:
    """Chain, server and page, and maria, who has a machine. `leave`: what is undone at the end, last first."""

    def __init__(self, leave, tick_ms=50, control=Control, worker=True, lease_s=60):
        self.leave = leave
        self.world = World(page=PAGE, faucet=True, tick_ms=tick_ms, poll_ms=25, port=free_port(), terms={"lease_s": lease_s})
        leave(self.world.close)
        self.url = "http://127.0.0.1:%d" % self.world.server.port
        self.maria = self.world.person("maria")
        self.token, self.state = self.world.folder + "/maria.token", self.world.folder + "/worker"
        with open(os.open(self.token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.maria.token)
        if worker:
            self.enrol()
            self.start_worker()
        self.control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), control)
        self.control.stage = self
        leave(self.control.server_close)
        leave(self.control.shutdown)
        threading.Thread(target=self.control.serve_forever, daemon=True).start()

    def enrol(self, name="maria-rig"):
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", self.url, "--name", name, "--state", self.state, "--token-file", self.token],
                              check=True, capture_output=True, timeout=60)
        return done.stdout.decode() + done.stderr.decode()

    def start_worker(self):
        worker = subprocess.Popen([BIN + "/tally-worker", "run", "--server", self.url, "--state", self.state, "--rate", str(RATE)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.leave(worker.wait)
        self.leave(worker.terminate)
        wait_until(lambda: any(offer["online"] for offer in self.maria.ok("GET", "/v1/offers")["items"]), "the worker's offer", 90)

    def play(self, script, *flags, **environment):
        """Starts node on a script of web/app, to be finished."""
        self.said = tempfile.TemporaryFile()
        self.leave(self.said.close)
        environment = dict(os.environ, TALLY_URL=self.url, TALLY_CONTROL="http://127.0.0.1:%d" % self.control.server_port,
                           TALLY_PROVIDER_TOKEN=self.maria.token, NO_COLOR="1", **environment)
        self.script = subprocess.Popen([SOURCE + "/tools/page", "run", "node", *flags, SOURCE + "/web/app/" + script],
                                       env=environment, stdout=self.said, stderr=subprocess.STDOUT)
        self.leave(self.script.wait)
        self.leave(self.script.terminate)
        return self

    def finish(self, seconds=280):
        """The script's exit status, and what it said."""
        status = self.script.wait(seconds)
        self.said.seek(0)
        return status, self.said.read().decode(errors="replace")
