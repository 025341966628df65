#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two workers and one job, on the real server and chain: it runs once, and the worker that came too late says so. Between each worker and the server
stands a gate that holds back the requests that a test names, so the race is run every time and not now and then. R11.1."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from tally_harness import BIN, LOCAL, World, wait_until  # noqa: E402

RATE = 3600000
ONCE = b"print('once', flush=True)\n"


class Gate:
    """Passes requests on; one whose path ends with a word in `held` waits in `waiting` until the word is let go."""

    def __init__(self, port):
        self.port = port
        self.held, self.waiting, self.answers = set(), set(), []
        self.changed = threading.Condition()
        self.http = ThreadingHTTPServer((LOCAL, 0), Passer)
        self.http.daemon_threads = True
        self.http.gate = self
        self.url = "http://%s:%d" % (LOCAL, self.http.server_address[1])
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def hold(self, word):
        with self.changed:
            while word in self.held:
                self.waiting.add(word)
                self.changed.notify_all()
                self.changed.wait()
            self.waiting.discard(word)

    def waits(self, word, seconds=60):
        with self.changed:
            assert self.changed.wait_for(lambda: word in self.waiting, seconds), (word, self.answers)

    def let_go(self):
        with self.changed:
            self.held.clear()
            self.changed.notify_all()

    def to(self, word):
        """What was answered so far to requests of this name."""
        with self.changed:
            return [status for name, status in self.answers if name == word]

    def close(self):
        self.let_go()
        self.http.shutdown()
        self.http.server_close()


class Passer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    def pass_on(self):
        gate, word = self.server.gate, self.path.rsplit("/", 1)[-1]
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            gate.hold(word)
            server = http.client.HTTPConnection(LOCAL, gate.port, timeout=60)
            server.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name != "Host"})
            answer = server.getresponse()
            data = answer.read()
            server.close()
            with gate.changed:
                gate.answers.append((word, answer.status))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type") or "application/json")
            if answer.status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (OSError, http.client.HTTPException):  # a worker that was stopped, or a server
            self.close_connection = True

    do_GET = do_POST = do_PUT = pass_on


class Race(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"start_within_s": 5, "heartbeat_s": 2, "lease_s": 8})
        cls.maria, cls.alice = cls.world.person("maria"), cls.world.person("alice", 10**9)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        self.workers, self.gates = {}, {}

    def tearDown(self):
        for gate in self.gates.values():
            gate.let_go()
        for worker in self.workers.values():
            worker.terminate()
            worker.wait(60)
        for gate in self.gates.values():
            gate.close()

    def folder(self, name):
        return "%s/%s-%s" % (self.world.folder, self._testMethodName, name)

    def enrol(self, name):
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", "http://127.0.0.1:%d" % self.world.server.port, "--name", name,
                               "--state", self.folder(name), "--no-gpus"], input=self.maria.token.encode(), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, name, *held):
        gate = self.gates[name] = Gate(self.world.server.port)
        gate.held |= set(held)
        with open(self.folder(name) + "/trace", "a") as trace:
            self.workers[name] = subprocess.Popen(
                [BIN + "/tally-worker", "run", "--rate", str(RATE), "--state", self.folder(name), "--no-gpus", "--server", gate.url],
                stderr=trace, stdout=trace)
        return gate

    def offer(self, name):
        with open(self.folder(name) + "/worker.json") as file:
            host_id = json.load(file)["host_id"]
        return wait_until(lambda: next((offer for offer in self.maria.ok("GET", "/v1/offers?limit=500")["items"]
                                        if offer["host_id"] == host_id and offer["online"]), None), "an offer", 60)

    def traced(self, name, words):
        def look():
            with open(self.folder(name) + "/trace") as file:
                return any(all(word in line for word in words) for line in file)
        wait_until(look, "%s says %s" % (name, words), 60)

    def assert_ran_once(self, job, winner, loser):
        ended = self.alice.wait_for(job, lambda now: now["settled"], 120)
        self.assertEqual((ended["status"], ended["ending"]), ("completed", "completed"), ended)
        self.assertEqual(self.alice.get("/v1/jobs/%s/results/output.log" % job["id"]).body, b"once\n")
        events = self.alice.ok("GET", "/v1/jobs/%s/events?limit=500" % job["id"])["items"]
        self.assertEqual([event["type"] for event in events].count("job.started"), 1)
        self.assertEqual(self.gates[winner].to("start"), [200])
        self.assertIn(self.gates[loser].to("start"), ([404], [409]))
        self.assertEqual([self.gates[loser].to(word) for word in ("output", "output.log", "end")], [[], [], []])
        self.traced(loser, ["job.abandoned", job["id"], "another worker has it"])
        wait_until(lambda: not os.listdir(self.folder(loser) + "/scratch"), "the loser's folder is gone", 60)
        return events

    def test_one_identity_on_two_machines(self):
        self.enrol("first")
        first = self.start("first", "start")
        offer = self.offer("first")
        shutil.copytree(self.folder("first"), self.folder("second"))  # with its key, its token and its offer
        job = self.alice.job(offer["id"], content=ONCE)
        self.alice.lock(job)
        first.waits("start")
        second = self.start("second", "start")  # it is told of the same job, which has not been started
        second.waits("start")
        second.let_go()
        wait_until(lambda: second.to("start"), "the second starts it", 60)
        first.let_go()
        self.assert_ran_once(job, "second", "first")

    def test_a_machine_that_let_a_job_lie_and_the_one_that_took_it_over(self):
        self.enrol("slow")
        slow = self.start("slow", "start")
        offer = self.offer("slow")
        job = self.alice.job(offer["id"], content=ONCE)
        self.alice.lock(job)
        slow.waits("start")
        self.enrol("quick")
        quick = self.start("quick")
        wait_until(lambda: 200 in quick.to("start"), "the other machine has it", 60)
        slow.let_go()
        events = self.assert_ran_once(job, "quick", "slow")
        self.assertEqual([event["type"] for event in events].count("job.assigned"), 2)

    def test_a_machine_that_stood_still_bills_nobody(self):
        """As one that was suspended: what it does when it wakes up is too late, and it stops and cleans up. R11.5, R6.5."""
        self.enrol("still")
        gate = self.start("still")
        offer = self.offer("still")
        job = self.alice.job(offer["id"], content=b"import time\nprint('up', flush=True)\nwhile True: time.sleep(0.1)\n")
        self.alice.lock(job)
        self.alice.wait_for(job, lambda now: now["status"] == "running")
        paid = [self.world.chain.balance(person.identity) for person in (self.maria, self.alice)]
        try:
            self.workers["still"].send_signal(signal.SIGSTOP)
            ended = self.alice.wait_for(job, lambda now: now["settled"], 120)
        finally:
            self.workers["still"].send_signal(signal.SIGCONT)
        self.assertEqual((ended["ending"], ended["payout"], ended["refund"]), ("worker_lost", 0, ended["cap"]), ended)
        self.assertEqual([self.world.chain.balance(person.identity) for person in (self.maria, self.alice)], [paid[0], paid[1] + ended["cap"]])
        self.traced("still", ["job.abandoned", job["id"]])
        wait_until(lambda: not os.listdir(self.folder("still") + "/scratch"), "its folder is gone", 60)
        self.assertEqual(gate.to("end"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
