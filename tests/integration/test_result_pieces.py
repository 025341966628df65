#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A large result goes on where it was broken off: by a line that was cut, a server that was killed and a worker that was killed, each in the middle of it. The
bytes on the line are counted: what was there is not sent again. And the routes by themselves, with a machine that says wrong things. R11.4"""
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from tally_harness import BIN, LOCAL, World, wait_until  # noqa: E402

MIB = 1 << 20
SIZE = 40 * MIB
# Nobody compresses it, and each part of it is another.
SOURCE = b"""import hashlib, os
with open(os.environ['TALLY_RESULTS'] + '/model.bin', 'wb') as out:
    for i in range(40):
        out.write(hashlib.shake_128(b'%d' % i).digest(1 << 20))
"""


def content():
    return b"".join(hashlib.shake_128(b"%d" % i).digest(MIB) for i in range(SIZE // MIB))


class Line:
    """Between worker and server. Bytes of the file's pieces are counted as they pass on; when they are `stop_at`, the line stands still until `go`, or until it is
    cut."""

    def __init__(self, port):
        self.port, self.passed, self.stop_at = port, 0, None
        self.changed = threading.Condition()
        self.open = set()
        self.listener = socket.create_server((LOCAL, 0))
        self.url = "http://%s:%d" % self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        try:
            server = socket.create_connection((LOCAL, self.port))
        except OSError:  # it is away
            client.close()
            return
        with self.changed:
            self.open |= {client, server}
        back = threading.Thread(target=self.copy, args=(server, client, False), daemon=True)
        back.start()
        self.copy(client, server, True)
        back.join()
        with self.changed:
            self.open -= {client, server}
        client.close()
        server.close()

    def copy(self, source, target, counts):
        is_large = False
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                if counts and data.startswith((b"PATCH ", b"PUT ")):
                    is_large = b"/results/model.bin" in data.split(b"\r\n", 1)[0]
                elif counts and data.startswith((b"POST ", b"GET ")):
                    is_large = False
                if is_large:
                    with self.changed:
                        self.changed.wait_for(lambda: self.stop_at is None or self.passed < self.stop_at or source not in self.open)
                        if source not in self.open:
                            break
                        self.passed += len(data)
                        self.changed.notify_all()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def until(self, size, seconds=120):
        with self.changed:
            self.stop_at = size
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.passed >= size, seconds), (self.passed, size)

    def cut(self):
        with self.changed:
            ends, self.open = self.open, set()
            self.changed.notify_all()
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.stop_at = None
        self.listener.close()
        self.cut()


class Pieces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with socket.create_server((LOCAL, 0)) as free:
            port = free.getsockname()[1]
        cls.world = World(port=port, terms={"lease_s": 120})
        cls.maria, cls.alice = cls.world.person("maria"), cls.world.person("alice", 10**10)
        cls.rig = cls.world.host(cls.maria)  # the test plays its worker

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def run_worker(self, state, line):
        worker = subprocess.Popen([BIN + "/tally-worker", "run", "--state", state, "--rate", "3600000", "--no-gpus", "--server", line.url], stdout=self.trace,
                                  stderr=self.trace)
        self.addCleanup(lambda: (worker.terminate(), worker.wait(30)) if worker.poll() is None else None)
        return worker

    def test_what_was_sent_before_a_break_is_not_sent_again(self):
        state = self.world.folder + "/rig"
        code = self.maria.ok("POST", "/v1/workers/codes", {})["code"]
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", "http://%s:%d" % (LOCAL, self.world.port), "--state", state, "--code", code,
                               "--no-gpus"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.trace = open(self.world.folder + "/trace", "w+")
        self.addCleanup(self.trace.close)
        line = Line(self.world.port)
        self.addCleanup(line.close)
        worker = self.run_worker(state, line)
        with open(state + "/worker.json") as file:
            host_id = json.load(file)["host_id"]
        offer = wait_until(lambda: next((item for item in self.alice.ok("GET", "/v1/offers")["items"] if item["online"] and item["host_id"] == host_id), None),
                           "its offer", 60)
        job = self.alice.job(offer["id"], content=SOURCE)
        self.alice.lock(job)
        line.until(12 * MIB)
        line.cut()
        line.until(26 * MIB)
        self.world.server.stop(signal.SIGKILL)
        line.cut()
        self.world.start()
        line.until(39 * MIB)
        worker.kill()
        worker.wait()
        line.cut()
        with line.changed:
            line.stop_at = None
        self.run_worker(state, line)
        ended = self.alice.wait_for(job, lambda now: now["settled"], 180)
        self.assertEqual((ended["ending"], ended["reason"]), ("completed", "exited_zero"), ended)
        answer = self.alice.get("/v1/jobs/%s/results/model.bin" % job["id"])
        self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(content()).digest())
        events = self.alice.ok("GET", "/v1/jobs/%s/events?limit=500" % job["id"])["items"]
        self.assertEqual([event["type"] for event in events].count("result.stored"), 2)  # and output.log
        # What was on the way at a break is sent again, and of a killed server what it had
        # not synced (8 MiB) or not read. From its beginning each time, it would be 79 MiB.
        self.assertLess(line.passed, SIZE + 26 * MIB)
        self.assertGreaterEqual(line.passed, SIZE)
        self.assertEqual(os.listdir(self.world.data + "/blobs/partial"), [])

    def job(self):
        job = self.alice.queued_job(self.rig)
        self.rig.claim_and_start(job)
        self.addCleanup(lambda: self.rig.post(self.rig.path(job, "end"), {"ending": "completed", "reason": "exited_zero", "worker_ms": 1}))
        return job

    def declare(self, path, data, **more):
        return self.rig.post(path, {"size": len(data), "digest": hashlib.sha256(data).hexdigest(), **more})

    def piece(self, path, data, offset):
        return self.rig.request("PATCH", path, data, {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)})

    def assert_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)

    def test_one_file_step_by_step(self):
        job = self.job()
        path, data = self.rig.path(job, "results/deep/model.bin"), b"0123456789" * 1000
        self.assert_problem(self.piece(path, data, 0), 409, "result_not_begun")
        self.assertEqual(self.declare(path, data).json, {"stored": False, "offset": 0, "size": 10000, "digest": hashlib.sha256(data).hexdigest()})
        self.assertEqual(self.piece(path, data[:4000], 0).json["offset"], 4000)
        self.assert_problem(self.piece(path, data[:4000], 0), 409, "upload_offset")
        self.assert_problem(self.piece(path, data[4000:] + b"x", 4000), 413, "piece_too_long")
        self.assertEqual(self.declare(path, data).json["offset"], 4000)
        self.assertEqual(self.piece(path, data[4000:], 4000).status, 200)
        for _ in range(2):  # and its answer may be asked for again
            self.assertEqual(self.declare(path, data).json, {"stored": True, "offset": 10000, "size": 10000, "digest": hashlib.sha256(data).hexdigest()})
        self.rig.ok("POST", self.rig.path(job, "end"), {"ending": "completed", "reason": "exited_zero", "worker_ms": 1})
        self.alice.wait_for(job, lambda now: now["settled"])
        (item,) = self.alice.ok("GET", "/v1/jobs/%s/results" % job["id"])["items"]
        self.assertEqual((item["name"], item["size"]), ("deep/model.bin", 10000))
        self.assertEqual(self.alice.get("/v1/jobs/%s/results/deep/model.bin" % job["id"]).body, data)
        self.assert_problem(self.declare(path, data), 409, "job_ended")

    def test_another_content_begins_anew_and_a_wrong_digest_is_not_kept(self):
        job = self.job()
        path, data = self.rig.path(job, "results/a"), b"right" * 100
        self.declare(path, data)
        self.piece(path, data[:100], 0)
        self.assertEqual(self.declare(path, data[::-1]).json["offset"], 0)
        self.assertEqual(len(os.listdir(self.world.data + "/blobs/partial")), 2)  # one file: its content, and what it is
        self.assertEqual(self.piece(path, data, 0).json["offset"], 500)
        self.assert_problem(self.declare(path, data[::-1]), 422, "digest_mismatch")
        self.assertEqual(self.rig.result(job, "a", data)["size"], 500)
        stored = [event for event in self.alice.ok("GET", "/v1/jobs/%s/events?limit=500" % job["id"])["items"] if event["type"] == "result.stored"]
        self.assertEqual(len(stored), 1)
        self.declare(path, b"last")  # of another: the unfinished one goes
        self.piece(path, b"last", 0)
        self.assertTrue(self.declare(path, b"last").json["stored"])

    def test_bad_requests_say_what_would_do(self):
        job = self.job()
        path = self.rig.path(job, "results/a")
        for body, pointer in (({}, "/size"), ({"size": 0, "digest": "00" * 32}, "/size"), ({"size": 1, "digest": "00"}, "/digest"), ({"size": 1}, "/digest")):
            answer = self.rig.post(path, body)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer))
        self.assert_problem(self.rig.post(path, {"size": 1 << 40, "digest": "00" * 32}), 413, "result_too_large")
        self.assert_problem(self.rig.post(self.rig.path(job, "results/" + "x" * 201), {"size": 1, "digest": "00" * 32}), 422, "result_name")
        other = self.world.host(self.maria, "other")
        self.assert_problem(other.post(path, {"size": 1, "digest": "00" * 32}), 404, "no_such_job")


if __name__ == "__main__":
    unittest.main(verbosity=2)
