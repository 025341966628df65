#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files between machines and people, and the money lists: who gets which, when, and what a hostile machine is refused."""
import hashlib
import http.client
import os
import socket
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, SCRIPT, Answer, World, wait_until  # noqa: E402

NOBODY = "01a20bd9-adf5-7db6-8d56-d07e88fec5a4"


def answer_on(peer):
    response = http.client.HTTPResponse(peer)
    response.begin()
    return Answer(response)


class Results(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"upload_max": 1 << 20})
        cls.alice = cls.world.person("alice", money=10**10)
        cls.bob = cls.world.person("bob")
        cls.other = cls.world.host(cls.bob, "other")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        self.maria = self.world.person("maria " + self.id().split("_", 2)[2])  # a provider of this test's own
        self.host = self.world.host(self.maria)

    def running(self, **more):
        job = self.alice.queued_job(self.host, **more)
        self.host.claim_and_start(job)
        return job

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)

    def test_the_input_goes_to_the_machine_that_has_the_job_alone(self):
        job = self.alice.queued_job(self.host)
        path = self.host.path(job, "input")
        self.refused(self.host.get(path), 404, "no_such_job")
        self.host.claim_and_start(job)
        answer = self.host.get(path)
        self.assertEqual((answer.status, answer.body), (200, SCRIPT))
        self.assertEqual(int(answer.headers["Content-Length"]), len(SCRIPT))
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.refused(self.other.get(path), 404, "no_such_job")
        self.refused(self.alice.get(path), 403, "scope_missing")
        self.refused(self.host.get("/v1/workers/jobs/%s/input" % NOBODY), 404, "no_such_job")
        self.host.end(job)
        self.refused(self.host.get(path), 409, "job_ended")

    def test_results_come_back_byte_for_byte_after_a_paid_end(self):
        job = self.running()
        big = os.urandom(1 << 20)
        stored = self.host.result(job, "model/weights ü.bin", big)
        self.assertEqual(stored, {"size": len(big), "digest": hashlib.sha256(big).hexdigest()})
        self.host.result(job, "metrics.json", b"{}")
        self.host.result(job, "metrics.json", b'{"accuracy":0.97}')
        self.host.result(job, "empty", b"")
        listing = "/v1/jobs/%s/results" % job["id"]
        self.refused(self.alice.get(listing), 403, "results_withheld")
        self.assertEqual(len(self.maria.ok("GET", listing)["items"]), 3)
        self.host.end(job)
        items = self.alice.ok("GET", listing)["items"]
        self.assertEqual([(item["name"], item["size"]) for item in items],
                         [("model/weights ü.bin", len(big)), ("metrics.json", 17), ("empty", 0)])
        self.assertEqual(self.alice.ok("GET", "/v1/jobs/" + job["id"])["status"], "completed")
        for item in items:
            answer = self.alice.get(listing + "/" + urllib.parse.quote(item["name"]))
            self.assertEqual(hashlib.sha256(answer.body).hexdigest(), item["digest"])
            self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
            self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment; "))
            self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        self.assertIn("filename=\"weights___.bin\"; filename*=UTF-8''weights%20%C3%BC.bin",
                      self.alice.get(listing + "/" + urllib.parse.quote(items[0]["name"])).headers["Content-Disposition"])
        self.refused(self.alice.get(listing + "/nothing"), 404, "no_such_result")
        self.refused(self.bob.get(listing), 404, "no_such_job")
        self.refused(self.bob.get(listing + "/metrics.json"), 404, "no_such_job")
        self.refused(self.host.request("PUT", self.host.path(job, "results/late"), b"x"), 409, "job_ended")

    def test_a_failed_program_s_files_are_withheld_and_its_output_is_not(self):
        job = self.running()
        self.host.output(job, 1, "Traceback: KeyError\n", "stderr")
        self.host.result(job, "model.bin", b"weights")
        self.host.end(job, "program_failed", "exited_nonzero", exit_status=1)
        listing = "/v1/jobs/%s/results" % job["id"]
        for path in (listing, listing + "/model.bin"):
            self.refused(self.alice.get(path), 403, "results_withheld")
        output = self.alice.ok("GET", "/v1/jobs/%s/output" % job["id"])["items"]
        self.assertEqual(output[0]["text"], "Traceback: KeyError\n")
        settled = self.alice.wait_for(job, lambda now: now["settled"])
        self.assertEqual((settled["payout"], settled["refund"]), (0, settled["cap"]))

    def test_bad_names_sizes_and_machines_store_nothing(self):
        job = self.running()
        head = self.world.head()
        put = lambda name, body=b"x", who=self.host: who.request("PUT", self.host.path(job, "results/" + name), body)
        for name in ("a//b", "a/", "x" * 201):
            self.refused(put(name), 422, "result_name")
        for name in ("..", "a/../b", "%2e%2e/b", "./a", "a/%2e", "%0A", "a%7F", "a%5Cb"):
            self.assertEqual(put(name).status, 400, name)
        self.refused(put("a%2Fb"), 400, "bad_target")
        self.refused(put("ok", who=self.other), 404, "no_such_job")
        self.refused(put("ok", who=self.alice), 403, "scope_missing")
        self.refused(put("ok", b"x" * ((1 << 20) + 1)), 413, "result_too_large")
        waiting = self.alice.job(self.host.offer["id"])
        self.refused(self.host.request("PUT", self.host.path(waiting, "results/x"), b"x"), 404, "no_such_job")
        events = self.world.operator().ok("GET", "/v1/events?after=%d&limit=500" % head)["items"]
        self.assertNotIn("result.stored", [event["type"] for event in events])
        self.host.end(job)

    def blobs_become(self, wanted):
        wait_until(lambda: not self.world.blobs("new") and not self.world.blobs("tmp"), "every blob is settled")
        self.assertEqual(self.world.blobs(), sorted(wanted))

    def test_files_that_were_refused_leave_no_blob(self):
        job = self.running()
        before = self.world.blobs()
        path = self.host.path(job, "results/x")
        answers = [self.host.request("PUT", path, b"version %d" % i, {"Idempotency-Key": "one"}) for i in range(20)]
        self.assertEqual([answer.status for answer in answers], [200] + [422] * 19)
        kept = before + [hashlib.sha256(b"version 0").hexdigest()]
        self.blobs_become(kept)
        # the job ends while a file of it is on its way
        with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
            peer.sendall(("PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 10\r\n\r\n12345"
                          % (path, self.host.token)).encode())
            wait_until(lambda: self.world.blobs("tmp"), "it has begun")
            self.host.end(job)
            peer.sendall(b"67890")
            self.refused(answer_on(peer), 409, "job_ended")
        self.blobs_become(kept)
        self.world.server.stop()
        self.world.start()
        for who in (self.alice, self.bob, self.maria, self.host, self.other):
            who.port = self.world.server.port
        self.blobs_become(kept)
        self.assertEqual(self.alice.get("/v1/jobs/%s/results/x" % job["id"]).body, b"version 0")

    def test_earnings_and_transactions_say_what_the_chain_says(self):
        before = self.maria.ok("GET", "/v1/earnings")
        balance = self.world.chain.balance(self.maria.identity)
        job = self.running()
        running = self.maria.ok("GET", "/v1/earnings")["active"]
        self.assertEqual([entry["job_id"] for entry in running], [job["id"]])
        self.host.end(job, worker_ms=10**6)
        job = self.alice.wait_for(job, lambda now: now["settled"])
        after = self.maria.ok("GET", "/v1/earnings")
        self.assertEqual(after["total"] - before["total"], job["payout"])
        self.assertEqual(self.world.chain.balance(self.maria.identity) - balance, job["payout"])
        self.assertEqual((after["pending"], after["active"]), (0, []))
        self.assertEqual(after["jobs_completed"] - before["jobs_completed"], 1)
        self.assertEqual(sum(day["amount"] for day in after["by_day"]), after["month"])
        self.assertEqual((len(after["by_day"]), after["by_day"][-1]["amount"]), (30, after["today"]))
        mine = [entry for entry in self.alice.ok("GET", "/v1/transactions")["items"] if entry["job_id"] == job["id"]]
        self.assertEqual({entry["kind"]: (entry["amount"], entry["direction"], entry["status"]) for entry in mine},
                         {"lock": (job["cap"], "out", "confirmed"), "refund": (job["refund"], "in", "confirmed")})
        paid = self.maria.ok("GET", "/v1/transactions?kind=payout&status=confirmed&limit=1")
        self.assertEqual(paid["items"][0]["amount"], job["payout"])
        self.assertEqual(paid["items"][0]["identity"], job["escrow"]["identity"])
        kinds = {entry["kind"] for entry in self.world.operator().ok("GET", "/v1/transactions?limit=500")["items"]}
        self.assertTrue({"lock", "payout", "refund"} <= kinds, kinds)
        self.assertEqual(self.bob.ok("GET", "/v1/transactions"), {"items": [], "next": None})
        pages, before_cursor = [], ""
        while True:
            page = self.alice.ok("GET", "/v1/transactions?limit=1" + before_cursor)
            pages += page["items"]
            if page["next"] is None:
                break
            before_cursor = "&before=%d" % page["next"]
        self.assertEqual(pages, self.alice.ok("GET", "/v1/transactions?limit=500")["items"])
        for query, code in (("limit=0", "limit_invalid"), ("before=x", "cursor_invalid"), ("kind=gift", "filter_invalid"),
                            ("status=7", "filter_invalid"), ("from=yesterday", "filter_invalid")):
            self.refused(self.alice.get("/v1/transactions?" + query), 422, code)
        self.assertEqual(self.alice.get("/v1/earnings", token=False).status, 401)
        self.assertEqual(self.host.get("/v1/earnings").status, 403)

    def test_R9_7_machines_say_what_they_are_doing_and_did(self):
        def mine(**more):
            return {machine["host_id"]: machine for machine in self.maria.ok("GET", "/v1/workers", **more)["items"]}
        before = mine()[self.host.host_id]
        self.assertEqual((before["name"], before["online"], before["job_id"], before["measured_at"]), ("rig", True, None, None))
        job = self.running()
        self.host.ok("POST", "/v1/workers/benchmark", {"benchmark_version": 1, "speed_permille": 900, "detail": "ok memory: 1"})
        self.assertEqual(mine()[self.host.host_id]["job_id"], job["id"])
        self.host.end(job)
        after = mine()[self.host.host_id]
        self.assertEqual((after["job_id"], after["done"], after["lost"]), (None, before["done"] + 1, before["lost"]))
        self.assertIsNotNone(after["measured_at"])
        self.assertLessEqual(after["online_ms"], after["possible_ms"])
        late = self.maria.ok("POST", "/v1/workers/enrol", {"host_name": "attic", "software": "none"})["host_id"]
        self.assertEqual([(machine["name"], machine["online"]) for machine in mine().values() if machine["host_id"] == late], [("attic", False)])
        first = self.maria.ok("GET", "/v1/workers?limit=1")
        rest = self.maria.ok("GET", "/v1/workers?after=" + first["next"])
        self.assertEqual([machine["host_id"] for machine in first["items"] + rest["items"]], list(mine()))
        self.assertIsNone(rest["next"])
        self.assertEqual([machine["name"] for machine in self.bob.ok("GET", "/v1/workers")["items"]], ["other"])
        self.assertEqual(self.alice.get("/v1/workers", token=False).status, 401)


class Room(unittest.TestCase):
    """With files as large as they are by default: none of them is sent."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.alice = cls.world.person("alice", money=10**10)
        cls.host = cls.world.host(cls.world.person("bob"))

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def announce(self, job, name, length):
        """A file that begins: its open connection if it may go on, otherwise the answer."""
        peer = socket.create_connection((LOCAL, self.world.server.port), timeout=20)
        size = "Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length
        peer.sendall(("PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\n%s\r\n\r\n"
                      % (self.host.path(job, "results/" + name), self.host.token, size)).encode())
        if peer.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 100":
            return peer, None
        with peer:
            return None, answer_on(peer)

    def test_files_sent_side_by_side_share_the_room_that_is_left(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        peers, refusals = [], []
        try:
            for i in range(6):
                peer, answer = self.announce(job, "f%d" % i, 450 << 20)
                (peers if peer else refusals).append(peer or answer)
            self.assertEqual((len(peers), len(refusals)), (4, 2))
            for answer in refusals:
                self.assertEqual((answer.status, answer.json["code"]), (429, "results_on_their_way"), answer)
                self.assertIn(str(1800 << 20), answer.json["detail"], "what is promised")
            peer, answer = self.announce(job, "chunks", None)
            self.assertIsNone(answer, "what is left is enough to begin with")
            peers.append(peer)
            self.assertEqual(self.announce(job, "more", None)[1].status, 429)
            self.host.result(job, "small", b"")
            peers.pop(0).close()

            def again():
                peer, _ = self.announce(job, "again", 450 << 20)
                peers.extend([peer] if peer else [])
                return peer is not None
            wait_until(again, "what was promised to a peer that left is there again")
        finally:
            for peer in peers:
                peer.close()
        wait_until(lambda: not self.world.blobs("tmp"), "nothing is left of them")
        self.host.end(job)


if __name__ == "__main__":
    unittest.main()
