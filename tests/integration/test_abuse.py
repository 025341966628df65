# SPDX-License-Identifier: Apache-2.0
"""What people and operators do wrong, on purpose or not, and what must go on in spite of it."""
import http.client
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, LOCAL, SCRIPT, Host, World  # noqa: E402

MONEY = 10**9


def memory_kib(process):
    """Its own, without what it maps."""
    with open("/proc/%d/status" % process.child.pid) as file:
        return int(next(line for line in file if line.startswith("RssAnon")).split()[1])


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(options=("--offers-per-machine", "200", "--offers-per-provider", "250"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", MONEY)
        cls.maria = cls.world.person("maria")
        cls.host = cls.world.host(cls.maria)
        cls.upload = cls.alice.upload()

    def quote_request(self, **more):
        return {"upload_id": self.upload["id"], "offer_id": self.host.offer["id"], **more}

    def test_a_second_server_does_not_harm_the_first(self):
        done = subprocess.run([BIN + "/tallyd", "run", *self.world.common(), "--port", "0"],
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"another process", done.stderr)
        self.alice.ok("POST", "/v1/quotes", self.quote_request())

    def test_connections_that_do_not_fit_are_refused_at_the_start(self):
        def limited():
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))
        with World() as world:
            self.assertEqual(world.server.stop(), 0)
            world.server.errors.close()
            run = [BIN + "/tallyd", "run", *world.common(), "--port", "0", "--qubic-live-url", world.chain.url + "/live/v1",
                   "--qubic-query-url", world.chain.url + "/query/v1"]
            done = subprocess.run(run, capture_output=True, text=True, timeout=30, preexec_fn=limited)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("--connections-max 4096: at most 4096 files and connections may be open here, 4352 are wanted", done.stderr)
            with subprocess.Popen([*run, "--connections-max", "3840"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  preexec_fn=limited) as child:
                self.assertIn(b"listening", child.stdout.readline())
                with open("/proc/%d/limits" % child.pid) as limits:
                    self.assertRegex(limits.read(), r"Max open files +4096 +4096 ")
                child.terminate()
            self.assertEqual(child.returncode, 0)
            world.start()

    def test_who_did_too_much_is_told_how_long_to_wait(self):
        """One in an hour: "Retry-After: 1" would be asked 3,600 times."""
        bob = self.world.person("bob", MONEY)
        host = self.world.host(self.maria, "another rig")
        upload = bob.upload()
        for _ in range(20):
            job = bob.queued_job(host)
            host.claim_and_start(job)
            host.end(job, "program_failed", "exited_nonzero", exit_status=1)
        quote = bob.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": host.offer["id"]})
        refused = bob.post("/v1/jobs", {"quote_id": quote["id"]})
        self.assertEqual((refused.status, refused.json["code"]), (429, "too_many_refunds"), refused)
        self.assertIn(int(refused.headers["Retry-After"]), range(3500, 3601))
        self.assertIn("the next in %s s" % refused.headers["Retry-After"], refused.json["detail"])

    def test_asking_for_challenges_keeps_nobody_from_signing_in(self):
        asking = http.client.HTTPConnection(LOCAL, self.world.server.port)
        for _ in range(5000):
            asking.request("POST", "/v1/auth/challenge", b"{}", {"Content-Type": "application/json"})
            answer = asking.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        asking.close()
        self.world.person("bob")

    def test_a_challenge_is_ours_and_signs_in_once(self):
        bob = self.world.person("bob")
        challenge = bob.ok("POST", "/v1/auth/challenge", {})
        request = {"identity": bob.identity, "nonce": challenge["nonce"], "scopes": ["consumer"],
                   "signature": bob.sign(bob.sign_in_text(challenge))}
        self.assertEqual(bob.post("/v1/auth/session", {**request, "signature": "00" * 64}).json["code"],
                         "signature_wrong")
        bob.ok("POST", "/v1/auth/session", request)
        self.assertEqual(bob.post("/v1/auth/session", request).json["code"], "nonce_unknown")
        for nonce in ("00" * 16, "ff" * 16, "%08x" % (int(time.time()) + 200) + challenge["nonce"][8:]):
            forged = {**challenge, "nonce": nonce}
            answer = bob.post("/v1/auth/session", {**request, "nonce": nonce,
                                                   "signature": bob.sign(bob.sign_in_text(forged))})
            self.assertEqual((answer.status, answer.json["code"]), (401, "nonce_unknown"))

    def test_a_key_that_cannot_be_used_is_refused_not_ignored(self):
        for key in ("k" * 129, '""', ""):
            answer = self.alice.post("/v1/quotes", self.quote_request(), headers={"Idempotency-Key": key})
            self.assertEqual((answer.status, answer.json["code"]), (400, "idempotency_key_invalid"))
        ids = {self.alice.ok("POST", "/v1/quotes", self.quote_request(),
                             headers={"Idempotency-Key": key})["id"] for key in ("k" * 128, '"%s"' % ("k" * 128))}
        self.assertEqual(len(ids), 1)

    def test_settings_that_say_the_time_over_and_over_are_refused_before_the_log(self):
        """Each quote is kept for ever, and its price is what it says: not a page of it."""
        head = self.world.head()
        answer = self.alice.post("/v1/quotes", self.quote_request(settings={"arguments": ["--model=" + "m" * 190] * 64}))
        self.assertEqual((answer.status, answer.json["code"]), (422, "settings_too_long"), answer)
        self.assertEqual(self.world.head(), head)
        self.alice.ok("POST", "/v1/quotes", self.quote_request(settings={"arguments": ["--epochs=5", "--model=" + "m" * 190]}))

    def test_an_unknown_field_is_refused_however_it_is_spelt(self):
        for name in ("x", "x" * 59 + "é", "é" * 300):
            answer = self.alice.post("/v1/quotes", self.quote_request(**{name: 1}))
            self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"))

    def test_a_key_stands_for_one_content_of_a_result(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        key = {"Idempotency-Key": "first"}
        path = self.host.path(job, "results/out.txt")
        first = self.host.request("PUT", path, b"one", key)
        again = self.host.request("PUT", path, b"one", key)
        self.assertEqual((first.status, again.status), (200, 200))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        other = self.host.request("PUT", path, b"two", key)
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_mismatch"))
        self.host.end(job)
        self.assertEqual(self.alice.get("/v1/jobs/%s/results/out.txt" % job["id"]).body, b"one")

    def test_live_offers_are_limited_by_machine_and_by_provider(self):
        """R3, R17: every ranking goes through all live offers. What is withdrawn makes room; the limits are told."""
        with World(options=("--offers-per-machine", "2", "--offers-per-provider", "3")) as world:
            maria, otto = world.person("maria"), world.person("otto")
            one, two = Host(maria, "one"), Host(maria, "two")
            terms = world.client().ok("GET", "/v1/terms")["terms"]
            self.assertEqual((terms["offers_per_machine_max"], terms["offers_per_provider_max"]), (2, 3))
            second = maria.ok("POST", "/v1/offers", {"host_id": one.host_id, **Host.OFFER})
            for host, words in ((one, "one may have at most 2"), (two, "a provider may have at most 3")):
                full = maria.post("/v1/offers", {"host_id": host.host_id, **Host.OFFER})
                self.assertEqual((full.status, full.json["code"]), (409, "too_many_offers"))
                self.assertIn(words, full.json["detail"])
            Host(otto, "other")  # somebody else's count for themselves
            maria.ok("POST", "/v1/offers/%s/withdraw" % second["id"], {})
            maria.ok("POST", "/v1/offers", {"host_id": two.host_id, **Host.OFFER})

    def test_matches_that_nobody_waits_for_leave_nothing_behind(self):
        for _ in range(100):
            self.maria.ok("POST", "/v1/offers", {"host_id": self.host.host_id, **Host.OFFER})
        body = json.dumps({"upload_id": self.upload["id"]}).encode()
        request = ("POST /v1/matches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                   (self.alice.token, len(body))).encode() + body

        def ask_and_leave(count):
            for _ in range(count):
                peer = socket.create_connection((LOCAL, self.world.server.port))
                peer.sendall(request)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                time.sleep(0.001)
                peer.close()
            self.alice.ok("POST", "/v1/matches", json.loads(body))

        grown = []
        for _ in range(30):  # an allocator keeps what it likes; what leaks, leaks every round: some 30 MiB
            before = memory_kib(self.world.server)
            ask_and_leave(300)  # each ranking is some 100 KiB
            grown.append(memory_kib(self.world.server) - before)
            if sum(growth < 8192 for growth in grown) == 3:
                return
        self.fail("memory grew by 8 MiB or more in nearly every round of 300: %s KiB" % grown)


if __name__ == "__main__":
    unittest.main()
