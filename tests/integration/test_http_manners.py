#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every answer has and every client must live with: request ids, tags, gzip, CORS, limits by name, keys in flight, the access trace."""
import gzip
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import Client, EventStream, LOCAL, World, wait_until  # noqa: E402

PAGE = "https://page.example"


class Manners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(options=("--cors-origin", PAGE, "--trace-access"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", money=10**9)
        cls.host = cls.world.host(cls.world.person("maria"))
        for i in range(40):
            cls.alice.upload(b"print(%d)\n" % i)

    def connect(self):
        return socket.create_connection((LOCAL, self.world.server.port), timeout=20)

    # ── request ids ──

    def test_every_answer_names_its_request_and_problems_say_it_too(self):
        seen = set()
        for method, path, status in (("GET", "/healthz", 200), ("GET", "/v1/nothing", 404), ("POST", "/healthz", 405),
                                     ("GET", "/v1/jobs", 200), ("POST", "/v1/quotes", 422), ("GET", "/v1/feed", 426)):
            answer = self.alice.request(method, path, {} if method == "POST" else None)
            self.assertEqual(answer.status, status, answer)
            self.assertNotIn(answer.headers["X-Request-Id"], seen)
            seen.add(answer.headers["X-Request-Id"])
            if status >= 400:
                self.assertEqual(answer.json["request_id"], answer.headers["X-Request-Id"])
        with self.connect() as peer:  # not even a head
            peer.sendall(b"nonsense\r\n\r\n")
            head, body = b"".join(iter(lambda: peer.recv(65536), b"")).split(b"\r\n\r\n", 1)
            self.assertIn(b"X-Request-Id: " + json.loads(body)["request_id"].encode(), head)
        with EventStream(self.world.server.port, "/v1/feed?token=" + self.alice.token) as feed:
            self.assertIn("X-Request-Id: ", feed.head)

    def test_an_id_that_the_client_chose_is_kept_if_it_can_be_shown(self):
        for given in ("a", "Trace-1.2_3", "x" * 64):
            self.assertEqual(self.alice.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"], given)
        for given in ("", "x" * 65, "a b", 'a"b', "é".encode().decode("latin-1"), "a;b"):
            self.assertNotEqual(self.alice.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"], given)

    def test_the_access_trace_has_every_answer_and_no_secret(self):
        self.alice.get("/v1/jobs?status=queued", headers={"X-Request-Id": "traced-1"})
        with EventStream(self.world.server.port, "/v1/feed?token=" + self.alice.token, {"X-Request-Id": "traced-2"}) as feed:
            feed.receive()
        self.alice.get("/v1/a%22b", headers={"X-Request-Id": "traced-3"})
        peer = self.connect()  # one that is cut in the middle
        peer.sendall(b"POST /v1/uploads?name=cut.py HTTP/1.1\r\nHost: x\r\nX-Request-Id: traced-4\r\nAuthorization: Bearer " +
                     self.alice.token.encode() + b"\r\nContent-Length: 100\r\nContent-Type: application/octet-stream\r\n\r\nab")
        time.sleep(0.2)
        peer.close()
        lines = {}

        def complete():
            for line in self.world.server.trace().splitlines():
                match = re.search(r"event=http.access id=(traced-\d) (.*)", line)
                if match:
                    lines[match.group(1)] = match.group(2)
            return len(lines) == 4
        wait_until(complete, "four lines of the trace")
        self.assertRegex(lines["traced-1"], r'^peer=127.0.0.1 method=GET path="/v1/jobs" status=200 size=\d+ ms=\d+$')
        self.assertRegex(lines["traced-2"], r'path="/v1/feed" status=200 ')
        self.assertRegex(lines["traced-3"], r'path="/v1/a%22b" status=404 ')
        self.assertRegex(lines["traced-4"], r'method=POST path="/v1/uploads" status=0 ')
        trace = self.world.server.trace()
        self.assertNotIn(self.alice.token, trace)
        self.assertNotIn("status=queued", trace)

    # ── tags and gzip ──

    def test_a_view_that_has_not_changed_is_not_sent_again(self):
        for path in ("/v1/terms", "/v1/offers", "/v1/jobs", "/v1/events?limit=3"):
            first = self.alice.get(path)
            if path == "/v1/terms":  # the chain's ticks are in it: ask for what it was
                continue
            tag = first.headers["ETag"]
            self.assertRegex(tag, r'^W/"[0-9a-f]{32}"$')
            for known in (tag, tag[2:], '"x", ' + tag, "*"):
                again = self.alice.get(path, headers={"If-None-Match": known})
                self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag), path)
            other = self.alice.get(path, headers={"If-None-Match": '"x"'})
            self.assertEqual((other.status, other.body), (200, first.body))
        before = self.alice.get("/v1/events?limit=500").headers["ETag"]
        self.alice.upload(b"print('more')\n")
        self.assertEqual(self.alice.get("/v1/events?limit=500", headers={"If-None-Match": before}).status, 200)
        self.assertIsNone(self.alice.post("/v1/auth/challenge").headers["ETag"])
        self.assertIsNone(self.alice.get("/v1/nothing").headers["ETag"])

    def test_long_lists_come_compressed_to_who_takes_it(self):
        path = "/v1/events?limit=50"
        plain = self.alice.get(path, headers={"Accept-Encoding": "identity"})
        self.assertIsNone(plain.headers["Content-Encoding"])
        packed = self.alice.get(path, headers={"Accept-Encoding": "br, gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(packed.headers["ETag"], plain.headers["ETag"])
        for answer in (plain, packed):
            self.assertIn("Accept-Encoding", answer.headers.get_all("Vary"))
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body) // 3)
        for path, headers in (("/healthz", "gzip"), (path, "gzip;q=0")):
            self.assertIsNone(self.alice.get(path, headers={"Accept-Encoding": headers}).headers["Content-Encoding"])
        done = subprocess.run(["curl", "-sS", "--compressed", "-H", "Authorization: Bearer " + self.alice.token,
                               "http://127.0.0.1:%d%s" % (self.world.server.port, "/v1/events?limit=50")],
                              capture_output=True, check=True, timeout=30)
        self.assertEqual(done.stdout, plain.body)
        head = self.alice.request("HEAD", "/v1/events?limit=50", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((head.body, head.headers["Content-Length"]), (b"", str(len(packed.body))))

    # ── CORS ──

    def test_pages_of_a_named_origin_may_read_and_others_may_not(self):
        ask = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answer = self.alice.request("OPTIONS", "/v1/jobs", headers=ask, token=False)
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], PAGE)
        self.assertIn("POST", answer.headers["Access-Control-Allow-Methods"])
        self.assertIn("Authorization", answer.headers["Access-Control-Allow-Headers"])
        self.assertIn("Idempotency-Key", answer.headers["Access-Control-Allow-Headers"])
        answer = self.alice.request("OPTIONS", "/v1/jobs", headers={**ask, "Origin": "https://evil.example"}, token=False)
        self.assertEqual((answer.status, answer.json["code"]), (403, "origin_not_allowed"))
        self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        for path in ("/v1/jobs", "/v1/nothing", "/v1/events?limit=50"):
            answer = self.alice.get(path, headers={"Origin": PAGE})
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], PAGE)
            self.assertIn("X-Request-Id", answer.headers["Access-Control-Expose-Headers"])
            self.assertIn("Origin", answer.headers.get_all("Vary"))
            for other in ({"Origin": "https://evil.example"}, {"Origin": PAGE + ".evil.example"}, {}):
                answer = self.alice.get(path, headers=other)
                self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
                self.assertIn("Origin", answer.headers.get_all("Vary"))
        with EventStream(self.world.server.port, "/v1/feed?token=" + self.alice.token, {"Origin": PAGE}) as feed:
            self.assertIn("Access-Control-Allow-Origin: " + PAGE, feed.head)
        self.assertEqual(self.alice.request("OPTIONS", "/v1/jobs", token=False).status, 405)

    # ── a key in flight ──

    def test_a_key_that_is_in_flight_is_409_and_its_answer_comes_later(self):
        body = b"print('in flight')\n"
        head = ("POST /v1/uploads?name=slow.py HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: slow-1\r\n"
                "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % (self.alice.token, len(body))).encode()
        peer = self.connect()
        peer.sendall(head + body[:5])

        def again(key="slow-1", who=self.alice):
            return who.request("POST", "/v1/uploads?name=slow.py", body,
                               {"Content-Type": "application/octet-stream", "Idempotency-Key": key})
        answer = wait_until(lambda: (lambda a: a if a.status == 409 else None)(again()) if self.head_is_in() else None, "409")
        self.assertEqual(answer.json["code"], "idempotency_in_flight")
        self.assertEqual(again("slow-2").status, 201)  # another key
        bob = self.world.person("bob")
        self.assertEqual(again(who=bob).status, 201)  # another's key of the same name
        peer.sendall(body[5:])
        first = b""
        while b"analysis" not in first or not first.endswith(b"}"):
            first += peer.recv(65536)
        peer.close()
        self.assertIn(b" 201 ", first.split(b"\r\n")[0])
        answer = again()
        self.assertEqual((answer.status, answer.headers["Idempotent-Replayed"]), (201, "true"))
        self.assertEqual(answer.json["id"], json.loads(first.split(b"\r\n\r\n", 1)[1])["id"])
        peer = self.connect()  # one that goes away gives its key back
        peer.sendall(head.replace(b"slow-1", b"slow-3") + body[:5])
        self.head_is_in()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        wait_until(lambda: again("slow-3").status == 201, "the key is free again")

    def head_is_in(self):
        """What was sent before has been read: the loop took a whole request since."""
        return self.alice.get("/healthz").status == 200

    def test_of_many_at_once_with_one_key_one_does_it(self):
        body = json.dumps({"upload_id": self.alice.upload()["id"], "offer_id": self.host.offer["id"]}).encode()
        request = ("POST /v1/quotes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: many\r\n"
                   "Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" %
                   (self.alice.token, len(body))).encode() + body
        self.host.claim(wait_s=0)
        peers = [self.connect() for _ in range(50)]
        for peer in peers:
            peer.sendall(request)
        ids, done, refused = set(), 0, 0
        for peer in peers:
            text = b"".join(iter(lambda: peer.recv(65536), b""))
            peer.close()
            head, answer = text.split(b"\r\n\r\n", 1)
            status = int(head.split()[1])
            self.assertIn(status, (201, 409), answer)
            if status == 409:
                self.assertEqual(json.loads(answer)["code"], "idempotency_in_flight")
                refused += 1
            else:
                ids.add(json.loads(answer)["id"])
                done += b"Idempotent-Replayed" not in head
        self.assertEqual((len(ids), done), (1, 1))


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(options=("--rate-per-token", "40", "--rate-per-address", "1000", "--connections-per-address", "30",
                                   "--connections-max", "60"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice")
        cls.bob = cls.world.person("bob")

    def burst(self, request, count):
        """The answers' heads and bodies to one request sent `count` times on a connection."""
        peer = socket.create_connection((LOCAL, self.world.server.port), timeout=20)
        peer.sendall(request * (count - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        text = b"".join(iter(lambda: peer.recv(65536), b""))
        peer.close()
        return text

    def test_a_token_has_its_rate_and_another_its_own(self):
        request = b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
        wait_until(lambda: self.alice.get("/v1/jobs").status == 200, "the rate of before")
        time.sleep(1.1)
        text = self.burst(request % self.alice.token.encode(), 600)
        ok, refused = text.count(b"HTTP/1.1 200 "), text.count(b"HTTP/1.1 429 ")
        self.assertEqual(ok + refused, 600)
        self.assertGreaterEqual(ok, 40)
        self.assertGreater(refused, 0)
        self.assertEqual(text.count(b'"code":"rate_limited"'), refused)
        self.assertEqual(text.count(b"Retry-After: 1\r\n"), refused)
        self.assertEqual(self.bob.get("/v1/jobs").status, 200)
        time.sleep(1.1)
        self.assertEqual(self.alice.get("/v1/jobs").status, 200)

    def test_an_address_has_its_rate_whatever_it_asks_for(self):
        text = self.burst(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 8000)
        self.assertGreater(text.count(b"HTTP/1.1 429 "), 0)
        self.assertGreaterEqual(text.count(b"HTTP/1.1 200 "), 1)
        time.sleep(1.1)
        guesses = self.burst(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"0" * 64 + b"\r\n\r\n", 8000)
        self.assertGreater(guesses.count(b"HTTP/1.1 429 "), 0)
        time.sleep(1.1)
        self.assertEqual(self.alice.get("/healthz").status, 200)

    def test_slow_and_idle_connections_of_one_address_stop_at_their_limit_and_nobody_else(self):
        held = []
        for i in range(30):
            peer = socket.create_connection((LOCAL, self.world.server.port), timeout=20)
            peer.sendall((b"", b"GET /heal", b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\n")[i % 3])
            held.append(peer)
        with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
            text = peer.recv(65536)
            self.assertIn(b"HTTP/1.1 503 ", text)
            self.assertIn(b'"code":"too_many_connections_from_you"', text)
        other = socket.socket()  # another address of this machine
        other.bind(("127.0.0.2", 0))
        other.connect((LOCAL, self.world.server.port))
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200 ", other.recv(65536))
        other.close()
        more = []
        for i in range(30):
            peer = socket.socket()
            peer.bind(("127.0.0.%d" % (3 + i % 3), 0))
            peer.connect((LOCAL, self.world.server.port))
            more.append(peer)
        refused = b""
        for _ in range(20):  # one that an earlier test left may have been counted among the thirty
            last = socket.socket()
            last.bind(("127.0.0.9", 0))
            last.settimeout(0.3)
            last.connect((LOCAL, self.world.server.port))
            more.append(last)
            try:
                refused = last.recv(65536)
                break
            except TimeoutError:
                pass
        self.assertIn(b'"code":"too_many_connections"', refused)
        for peer in held + more:
            peer.close()
        wait_until(lambda: self.served(), "the connections are free again")

    def served(self):
        try:
            return Client(self.world.server.port).get("/healthz").status == 200
        except OSError:
            return False


class Defaults(unittest.TestCase):
    def test_without_options_there_is_no_cors_no_trace_and_no_limit_for_this_machine(self):
        with World() as world:
            answer = world.client().request("OPTIONS", "/v1/jobs", headers={
                "Origin": PAGE, "Access-Control-Request-Method": "GET"})
            self.assertEqual(answer.status, 405)
            self.assertIsNone(world.client().get("/healthz", headers={"Origin": PAGE}).headers["Access-Control-Allow-Origin"])
            peer = socket.create_connection((LOCAL, world.server.port), timeout=20)
            request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            peer.sendall(request * 1999 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            text = b"".join(iter(lambda: peer.recv(65536), b""))
            peer.close()
            self.assertEqual(text.count(b"HTTP/1.1 200 "), 2000)
            self.assertNotIn("http.access", world.server.trace())


if __name__ == "__main__":
    unittest.main()
