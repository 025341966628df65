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
    world = None

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = getattr(self, "ask_" + request.pop("ask"))(**request)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask_balance(self, identity):
        return self.world.chain.balance(identity)

    def ask_stop(self):
        return self.world.server.stop(signal.SIGKILL)

    def ask_start(self):
        self.world.start()

    def log_message(self, *_):
        pass


@unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
class InChromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(page=PAGE, faucet=True, tick_ms=50, poll_ms=25, port=free_port(), terms={"lease_s": 60})
        cls.addClassCleanup(cls.world.close)
        cls.url = "http://127.0.0.1:%d" % cls.world.server.port
        cls.maria = cls.world.person("maria")
        cls.start_worker()
        Control.world = cls.world
        cls.control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
        cls.addClassCleanup(cls.control.server_close)
        cls.addClassCleanup(cls.control.shutdown)
        threading.Thread(target=cls.control.serve_forever, daemon=True).start()

    @classmethod
    def start_worker(cls):
        token, state = cls.world.folder + "/maria.token", cls.world.folder + "/worker"
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(cls.maria.token)
        subprocess.run([BIN + "/tally-worker", "enrol", "--server", cls.url, "--name", "maria-rig", "--state", state, "--token-file", token],
                       check=True, capture_output=True, timeout=60)
        trace = tempfile.TemporaryFile()
        cls.addClassCleanup(trace.close)
        worker = subprocess.Popen([BIN + "/tally-worker", "run", "--server", cls.url, "--state", state, "--rate", str(RATE)],
                                  stdout=subprocess.DEVNULL, stderr=trace)
        cls.addClassCleanup(worker.wait)
        cls.addClassCleanup(worker.terminate)
        wait_until(lambda: any(offer["online"] for offer in cls.maria.ok("GET", "/v1/offers")["items"]), "the worker's offer", 90)

    def run_script(self, name):
        environment = dict(os.environ, TALLY_URL=self.url, TALLY_CONTROL="http://127.0.0.1:%d" % self.control.server_port,
                           TALLY_PROVIDER_TOKEN=self.maria.token, NO_COLOR="1")
        done = subprocess.run([SOURCE + "/tools/page", "run", "node", "--test-reporter=tap", SOURCE + "/web/app/tests/browser/" + name],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280)
        if done.returncode != 0:
            print(done.stdout)
            print("── tallyd's trace ──\n" + self.world.server.trace()[-3000:])
        self.assertEqual(done.returncode, 0)
        self.assertTrue(re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), "no test ran:\n" + done.stdout)

    def test_from_a_dropped_file_to_the_last_unit(self):
        self.run_script("flow.mjs")

    def test_every_page_is_for_everybody(self):
        self.run_script("pages.mjs")


if __name__ == "__main__":
    unittest.main()
