#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, against the real server, the local chain and a real worker: from a dropped file to the last unit paid back.

Chromium is driven by web/app/tests/browser/*.mjs (Playwright); this starts what they need and does for them what a page cannot:
restart the server, look at the chain. Needs a build with TALLY_PAGE=ON."""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, SOURCE, World, wait_until  # noqa: E402

PAGE = os.path.join(os.path.dirname(BIN), "web/page")
RATE = 3600000  # QUBIC an hour: one a millisecond


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Control(http.server.BaseHTTPRequestHandler):
    """What the browser's script may ask of its world."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = getattr(self, "ask_" + request.pop("ask"))(**request)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask_balance(self, identity):
        return self.server.world.chain.balance(identity)

    def ask_stop(self):
        return self.server.world.server.stop(signal.SIGKILL)

    def ask_start(self):
        self.server.world.start()

    def log_message(self, *_):
        pass


class Stage:
    """A world with a worker, and a script in a browser that plays in it. `leave`: what is undone at the end, last first."""

    def __init__(self, script, leave):
        self.world = World(page=PAGE, faucet=True, tick_ms=50, poll_ms=25, port=free_port(), terms={"lease_s": 60})
        leave(self.world.close)
        self.url = "http://127.0.0.1:%d" % self.world.server.port
        self.maria = self.world.person("maria")
        self.start_worker(leave)
        control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
        control.world = self.world
        leave(control.server_close)
        leave(control.shutdown)
        threading.Thread(target=control.serve_forever, daemon=True).start()
        environment = dict(os.environ, TALLY_URL=self.url, TALLY_CONTROL="http://127.0.0.1:%d" % control.server_port,
                           TALLY_PROVIDER_TOKEN=self.maria.token, NO_COLOR="1")
        self.said = tempfile.TemporaryFile()
        leave(self.said.close)
        self.script = subprocess.Popen([SOURCE + "/tools/page", "run", "node", "--test-reporter=tap", SOURCE + "/web/app/tests/browser/" + script],
                                       env=environment, stdout=self.said, stderr=subprocess.STDOUT)
        leave(self.script.wait)
        leave(self.script.terminate)

    def start_worker(self, leave):
        token, state = self.world.folder + "/maria.token", self.world.folder + "/worker"
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.maria.token)
        subprocess.run([BIN + "/tally-worker", "enrol", "--server", self.url, "--name", "maria-rig", "--state", state, "--token-file", token],
                       check=True, capture_output=True, timeout=60)
        worker = subprocess.Popen([BIN + "/tally-worker", "run", "--server", self.url, "--state", state, "--rate", str(RATE)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        leave(worker.wait)
        leave(worker.terminate)
        wait_until(lambda: any(offer["online"] for offer in self.maria.ok("GET", "/v1/offers")["items"]), "the worker's offer", 90)

    def finish(self):
        """The script's exit status, and what it said."""
        status = self.script.wait(280)
        self.said.seek(0)
        return status, self.said.read().decode(errors="replace")


@unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
class InChromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Both at once, each in its own world: one waits for the chain most of the time, the other reads pages.
        cls.flow = Stage("flow.mjs", cls.addClassCleanup)
        cls.pages = Stage("pages.mjs", cls.addClassCleanup)

    def see(self, stage):
        status, said = stage.finish()
        if status != 0:
            print(said)
            print("── tallyd's trace ──\n" + stage.world.server.trace()[-3000:])
        self.assertEqual(status, 0)
        self.assertTrue(re.search(r"^# pass [1-9]", said, re.MULTILINE), "no test ran:\n" + said)

    def test_from_a_dropped_file_to_the_last_unit(self):
        self.see(self.flow)

    def test_every_page_is_for_everybody(self):
        self.see(self.pages)


if __name__ == "__main__":
    unittest.main()
