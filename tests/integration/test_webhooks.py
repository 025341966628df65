# SPDX-License-Identifier: Apache-2.0
"""Webhooks against receivers that are real: signed, in order, at least once under one id, to nobody who may not see it, and not into somebody's private
network (R16.5, R9, R10)."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from contract import Contract  # noqa: E402
from tally_harness import BIN, SOURCE, World, wait_until  # noqa: E402

OPTIONS = ("--webhook-retry-ms", "50", "--webhook-timeout-ms", "120000")


class Message:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.id, self.event = headers["webhook-id"], json.loads(body)
        self.type, self.sequence = self.event["type"], int(self.event["id"]) if self.event["id"].isdigit() else 0

    def is_signed(self, secret):
        """As Standard Webhooks has it: over id, timestamp and body, by any of the signatures."""
        assert secret.startswith("whsec_")
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        wanted = base64.b64encode(hmac.new(base64.b64decode(secret[6:]), signed, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest("v1," + wanted, one) for one in self.headers["webhook-signature"].split(" "))


class Receiver:
    """Takes everything, unless `answer` (message → status, headers) says otherwise."""

    def __init__(self, answer=None, port=0):
        outer, self.messages, self.paths, self.answer = self, [], [], answer

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.paths.append(self.path)

            def do_POST(self):
                outer.paths.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Message(self.headers, body)
                outer.messages.append(message)
                status, headers = (outer.answer or (lambda _: (204, {})))(message)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # whoever calls may be killed in the middle
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, condition, what):
        return wait_until(lambda: condition([m for m in self.messages]), what, 120)

    def sequences(self):
        return [m.sequence for m in list(self.messages)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def path_of(hook, end=""):
    return "/v1/webhooks/" + hook["id"] + end


class Base(unittest.TestCase):
    options = OPTIONS

    @classmethod
    def setUpClass(cls):
        cls.world = World(options=cls.options)
        cls.alice = cls.world.person("alice")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        self.hooks = []

    def tearDown(self):
        for client, hook in self.hooks:
            client.request("DELETE", path_of(hook))

    def hook(self, url, who=None, **more):
        made = (who or self.alice).ok("POST", "/v1/webhooks", {"url": url, **more})
        self.hooks.append((who or self.alice, made["webhook"]))
        return made["webhook"], made["secret"]

    def happen(self, count, who=None):
        """So many events of an account's: sequences."""
        who = who or self.alice
        answers = [who.post("/v1/auth/tokens", {"scopes": ["consumer"], "label": "zebra"}) for _ in range(count)]
        self.assertEqual({answer.status for answer in answers}, {201})
        return [int(answer.headers["Tally-Sequence"]) for answer in answers]

    def status(self, hook, who=None):
        return (who or self.alice).ok("GET", path_of(hook))

    def attempts(self, hook):
        return self.alice.ok("GET", path_of(hook, "/attempts"))["items"]

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)


class Webhooks(Base):
    def test_events_come_signed_in_order_and_as_the_feed_has_them(self):
        with Receiver() as receiver:
            hook, secret = self.hook(receiver.url, label="mine")
            self.happen(5)
            receiver.wait(lambda got: len(got) >= 6, "six messages")
            events = self.alice.ok("GET", "/v1/events?after=%d" % (hook["sequence"] - 1))["items"]
            self.assertEqual([m.event for m in receiver.messages], events)
            self.assertEqual(receiver.messages[0].type, "webhook.created")
            self.assertEqual(receiver.messages[0].event["data"]["url"], receiver.url)
            for message in receiver.messages:
                Contract.built().check_message({"event": message.event})
                self.assertTrue(message.is_signed(secret))
                self.assertEqual(message.id, "%s.1.%d" % (hook["id"], message.sequence))
                self.assertEqual(message.headers["Content-Type"], "application/cloudevents+json; charset=utf-8")
                self.assertLess(abs(int(message.headers["webhook-timestamp"]) - time.time()), 600)
                message.body += b" "
                self.assertFalse(message.is_signed(secret))
            self.assertNotIn("secret", self.status(hook))
            wait_until(lambda: self.status(hook)["cursor"] >= receiver.messages[-1].sequence, "the cursor is behind the last")
            self.assertEqual(self.status(hook)["status"], "active")

    def test_the_secret_is_shown_once_and_kept_nowhere(self):
        with Receiver() as receiver:
            request = {"url": receiver.url}
            first = self.alice.post("/v1/webhooks", request, headers={"Idempotency-Key": "once"})
            again = self.alice.post("/v1/webhooks", request, headers={"Idempotency-Key": "once"})
            self.assertEqual((first.status, again.headers["Idempotent-Replayed"]), (201, "true"))
            self.assertEqual((first.json["secret"], first.json["webhook"]["id"]), (again.json["secret"], again.json["webhook"]["id"]))
            self.hooks.append((self.alice, first.json["webhook"]))
            secret = first.json["secret"][6:].encode()
            raw = base64.b64decode(secret)
            receiver.wait(lambda got: got, "the first message")
            wait_until(lambda: os.listdir(self.world.data + "/webhooks"), "its progress is written")
            for folder, _, names in os.walk(self.world.data):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        content = file.read()
                    for form in (secret, raw, raw.hex().encode()):
                        self.assertNotIn(form, content, name)
            self.assertNotIn(secret.decode(), self.world.server.trace())

    def test_only_the_types_that_were_asked_for_come(self):
        with Receiver() as receiver:
            hook, _ = self.hook(receiver.url, types=["token.revoked"])
            token = self.alice.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"]})["token_id"]
            self.happen(3)
            self.alice.ok("POST", "/v1/auth/tokens/%s/revoke" % token, {})
            receiver.wait(lambda got: got, "the revocation")
            self.happen(2)
            head = self.world.head()
            wait_until(lambda: self.status(hook)["cursor"] >= head, "the others were passed over")
            self.assertEqual([m.type for m in receiver.messages], ["token.revoked"])

    def test_a_receiver_that_was_away_gets_everything_when_it_is_back(self):
        port = free_port()
        hook, secret = self.hook("http://127.0.0.1:%d/hook" % port)
        wanted = [hook["sequence"], *self.happen(4)]
        wait_until(lambda: len(self.attempts(hook)) >= 2, "it was tried again")
        status = self.status(hook)
        self.assertEqual((status["status"], status["cursor"]), ("failing", hook["sequence"] - 1))
        self.assertIsNotNone(status["failing_since"])
        newest = self.attempts(hook)[0]
        self.assertEqual((newest["sequence"], newest["status"], newest["good"]), (hook["sequence"], 0, False))
        self.assertNotEqual(newest["error"], "")
        with Receiver(port=port) as receiver:
            receiver.wait(lambda got: len(got) >= 5, "all of them")
            self.assertEqual(receiver.sequences(), wanted)
            self.assertGreaterEqual(int(receiver.messages[0].headers["webhook-attempt"]), 3)
            self.assertTrue(all(m.is_signed(secret) for m in receiver.messages))
            wait_until(lambda: self.status(hook)["status"] == "active", "it is active again")

    def test_what_is_not_taken_is_sent_again_before_anything_else(self):
        refused = []

        def answer(message):
            if message.type == "token.issued" and len(refused) < 3:
                refused.append(message.sequence)
                return [(500, {}), (400, {}), (302, {"Location": "/elsewhere"})][len(refused) - 1]
            return 200, {}
        with Receiver(answer) as receiver:
            hook, _ = self.hook(receiver.url)
            wanted = self.happen(3)
            receiver.wait(lambda got: len(got) >= 7, "all of them")
            self.assertEqual(receiver.sequences(), [hook["sequence"], *[wanted[0]] * 4, *wanted[1:]])
            self.assertEqual(set(receiver.paths), {"/hook"})  # no redirect was followed
            same = [m for m in receiver.messages if m.sequence == wanted[0]]
            self.assertEqual((len({m.id for m in same}), len({m.body for m in same})), (1, 1))
            self.assertEqual([m.headers["webhook-attempt"] for m in same], ["1", "2", "3", "4"])
            wait_until(lambda: len(self.attempts(hook)) == 7, "all attempts are listed")
            told = [(a["status"], a["good"]) for a in reversed(self.attempts(hook))]
            self.assertEqual(told, [(200, True), (500, False), (400, False), (302, False), (200, True), (200, True), (200, True)])

    def test_a_slow_receiver_holds_up_nobody_else(self):
        go_on = threading.Event()

        def wait_first(message):
            go_on.wait(100)
            return 200, {}
        with Receiver(wait_first) as slow, Receiver() as quick:
            hooks = [self.hook(slow.url)[0] for _ in range(3)]
            other, _ = self.hook(quick.url)
            slow.wait(lambda got: len(got) == 3, "the slow ones were called")
            wanted = self.happen(10)
            quick.wait(lambda got: len(got) >= 11, "the quick one has all")
            self.assertEqual(len(slow.messages), 3)
            go_on.set()
            slow.wait(lambda got: {m.id for m in got} >= {"%s.1.%d" % (h["id"], n) for h in hooks for n in wanted}, "the slow ones, too")

    def test_receivers_that_fail_have_places_of_their_own(self):
        go_on, failed, hung = threading.Event(), set(), []

        def fail_then_hang(message):
            if message.id not in failed:
                failed.add(message.id)
                return 500, {}
            hung.append(message.id)
            go_on.wait(100)
            return 200, {}
        with Receiver(fail_then_hang) as bad, Receiver() as good:
            for i in range(8):  # as many as fill the places of those that failed, two each
                who = self.world.person("mallory %c" % "abcdefgh"[i])
                for _ in range(6):
                    self.hook(bad.url, who, types=["webhook.created"], after=self.world.head())
            wait_until(lambda: len(hung) == 16, "the places of those that failed are taken", 120)
            self.hook(good.url)
            wanted = self.happen(10)
            good.wait(lambda got: got[-1].sequence == wanted[-1] if got else False, "the good one has all")
            self.assertEqual(len(hung), 16)
            go_on.set()

    def test_new_ones_and_tests_that_hang_take_no_place_of_one_that_answers(self):
        go_on, hung = threading.Event(), []

        def hang(message):
            hung.append(message.type)
            go_on.wait(100)
            return 200, {}
        with Receiver(hang) as bad, Receiver() as good, Receiver() as late:
            hook, _ = self.hook(good.url)
            good.wait(lambda got: got, "it answered once")
            people = [self.world.person("eve %c" % "abcdefgh"[i]) for i in range(8)]
            first = [[self.hook(bad.url, who)[0] for _ in range(6)] for who in people[:1]]
            wait_until(lambda: len(hung) == 4, "four places of an account's are taken")
            self.hook(late.url)  # another account's first delivery does not wait for them
            late.wait(lambda got: got, "a new one of somebody else's")
            for who in people[1:]:
                for _ in range(4):
                    self.hook(bad.url, who)
            wait_until(lambda: len(hung) == 32, "all places for new ones are taken", 120)
            tries = [threading.Thread(target=people[0].post, args=(path_of(each, "/test"), {})) for each in first[0][:2]]
            for each in tries:
                each.start()
            wait_until(lambda: hung.count("webhook.test") == 2, "two tests hang, too")
            self.refused(people[0].post(path_of(first[0][2], "/test"), {}), 503, "webhooks_busy")
            wanted = self.happen(10)
            good.wait(lambda got: got[-1].sequence == wanted[-1], "the one that answers has all")
            self.assertTrue(self.alice.ok("POST", path_of(hook, "/test"), {})["good"])
            self.assertEqual(hung.count("webhook.created"), 32)
            go_on.set()
            for each in tries:
                each.join()

    def passed_over(self):
        text = self.world.client().get("/metrics").body.decode()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("tally_webhook_events_passed_over_total ")))

    def test_a_filter_that_never_fits_does_not_read_each_new_event(self):
        operator = self.world.operator()
        with Receiver() as receiver:
            self.happen(30)
            hooks = [self.hook(receiver.url, operator, types=["job.rated"], after=0)[0] for _ in range(3)]
            others = [self.hook(receiver.url, operator, types=["job.rated"])[0] for _ in range(3)]

            def all_at(sequence):
                return all(self.status(hook, operator)["cursor"] >= sequence for hook in hooks + others)
            wait_until(lambda: all_at(self.world.head()), "the past was looked at, by those who asked for it")
            before = self.passed_over()
            self.assertGreater(before, 90)
            wanted = self.happen(50)
            wait_until(lambda: all_at(wanted[-1]), "what is new was passed over")
            self.assertLess(self.passed_over() - before, 50)  # not fifty for each of six
            self.assertEqual(receiver.messages, [])

    def test_an_operator_ends_a_strangers_and_nobody_else_does(self):
        with Receiver() as receiver:
            hook, _ = self.hook(receiver.url, label="mine")
            operator, bob = self.world.operator(), self.world.person("bob")
            receiver.wait(lambda got: got, "its first message")
            self.refused(bob.request("DELETE", path_of(hook)), 404, "no_such_webhook")
            self.refused(operator.get(path_of(hook)), 404, "no_such_webhook")  # where it goes is its owner's
            self.assertEqual(operator.ok("DELETE", "/v1/webhooks/" + receiver.messages[0].id.split(".")[0]), {"deleted": True})
            self.refused(self.alice.get(path_of(hook)), 404, "no_such_webhook")
            self.refused(operator.request("DELETE", path_of(hook)), 404, "no_such_webhook")
            told = self.alice.ok("GET", "/v1/events?limit=500&type=webhook.deleted&after=%d" % hook["sequence"])["items"]
            self.assertEqual([(e["data"]["webhook_id"], e["actor"]) for e in told], [(hook["id"], "operator")])

    def test_one_event_or_all_after_one_can_be_had_again(self):
        with Receiver() as receiver:
            hook, secret = self.hook(receiver.url)
            wanted = self.happen(4)
            receiver.wait(lambda got: len(got) == 5, "all of them")
            first = {m.sequence: m for m in receiver.messages}
            attempt = self.alice.ok("POST", path_of(hook, "/resend"), {"sequence": wanted[1]})
            self.assertEqual((attempt["kind"], attempt["sequence"], attempt["status"], attempt["good"]), ("resend", wanted[1], 204, True))
            again = receiver.messages[-1]
            self.assertEqual((again.id, again.body), (first[wanted[1]].id, first[wanted[1]].body))
            self.assertEqual(self.alice.ok("POST", path_of(hook, "/cursor"), {"after": wanted[1]}), {"cursor": wanted[1]})
            receiver.wait(lambda got: len(got) == 8, "the last two once more")
            self.assertEqual(receiver.sequences()[6:], wanted[2:])
            test = self.alice.ok("POST", path_of(hook, "/test"), {})
            self.assertEqual((test["kind"], test["good"]), ("test", True))
            self.assertEqual(receiver.messages[-1].type, "webhook.test")
            self.assertTrue(receiver.messages[-1].is_signed(secret))
            self.refused(self.alice.post(path_of(hook, "/resend"), {"sequence": 1}), 404, "no_such_event")  # the ledger's
            self.refused(self.alice.post(path_of(hook, "/resend"), {"sequence": 10**9}), 404, "no_such_event")
            self.refused(self.alice.post(path_of(hook, "/cursor"), {"after": 10**9}), 422, "after_beyond_head")

    def test_what_changed_since_it_was_looked_at_is_not_written_over(self):
        with Receiver() as receiver:
            hook, _ = self.hook(receiver.url)
            receiver.wait(lambda got: got, "its first message")
            wait_until(lambda: self.status(hook)["cursor"] >= hook["sequence"], "it is taken")
            seen = self.alice.get(path_of(hook)).headers["ETag"]
            rotated = self.alice.post(path_of(hook, "/rotate"), headers={"If-Match": seen, "Idempotency-Key": "rotate"})
            self.assertEqual(rotated.status, 200, rotated)
            for method, end, body in (("POST", "/rotate", {}), ("POST", "/cursor", {"after": 1}), ("DELETE", "", None)):
                self.refused(self.alice.request(method, path_of(hook, end), body, {"If-Match": seen}), 412, "precondition_failed")
            again = self.alice.post(path_of(hook, "/rotate"), headers={"If-Match": seen, "Idempotency-Key": "rotate"})
            self.assertEqual((again.status, again.json), (200, rotated.json))
            wait_until(lambda: self.status(hook)["cursor"] >= self.world.head(), "all is taken")
            cursor = self.status(hook)["cursor"]
            self.assertEqual(self.alice.ok("POST", path_of(hook, "/cursor"), {"after": cursor - 1}, headers={"If-Match": '"%d"' % cursor}), {"cursor": cursor - 1})

    def test_a_webhook_can_begin_in_the_past(self):
        after = self.world.head()
        wanted = self.happen(2)
        with Receiver() as receiver:
            self.hook(receiver.url, after=after)
            receiver.wait(lambda got: len(got) >= 3, "the past and its own making")
            self.assertEqual(receiver.sequences()[:2], wanted)
            self.refused(self.alice.post("/v1/webhooks", {"url": receiver.url, "after": 10**9}), 422, "after_beyond_head")

    def test_a_rotated_secret_signs_beside_the_old_one(self):
        with Receiver() as receiver:
            hook, old = self.hook(receiver.url)
            receiver.wait(lambda got: got, "the first message")
            rotated = self.alice.ok("POST", path_of(hook, "/rotate"), {})
            self.assertNotEqual(rotated["secret"], old)
            self.assertEqual(rotated["secret_version"], 2)
            self.happen(1)
            receiver.wait(lambda got: len(got) >= 3, "what was behind the rotation")
            self.assertFalse(receiver.messages[0].is_signed(rotated["secret"]))
            self.assertTrue(receiver.messages[-1].is_signed(rotated["secret"]))
            self.assertTrue(receiver.messages[-1].is_signed(old))
            self.alice.ok("POST", path_of(hook, "/rotate"), {})
            sequence = self.happen(1)[0]
            receiver.wait(lambda got: got[-1].sequence == sequence, "what was behind the next rotation")
            self.assertFalse(receiver.messages[-1].is_signed(old))
            self.assertTrue(receiver.messages[-1].is_signed(rotated["secret"]))

    def test_gone_pauses_at_once_and_resume_goes_on_where_it_stopped(self):
        gone = threading.Event()
        gone.set()
        with Receiver(lambda _: (410 if gone.is_set() else 200, {})) as receiver:
            hook, _ = self.hook(receiver.url, types=["token.issued"])
            wanted = self.happen(2)
            paused = wait_until(lambda: self.status(hook) if self.status(hook)["status"] == "paused" else None, "it is paused")
            self.assertIn("410", paused["paused_because"])
            events = self.alice.ok("GET", "/v1/events?after=%d" % hook["sequence"])["items"]
            told = [e for e in events if e["type"] == "webhook.paused"]
            self.assertEqual([e["data"]["webhook_id"] for e in told], [hook["id"]])
            self.assertEqual(receiver.sequences(), wanted[:1])
            self.refused(self.world.operator().post(path_of(hook, "/resume"), {}), 404, "no_such_webhook")
            gone.clear()
            self.assertEqual(self.alice.ok("POST", path_of(hook, "/resume"), {})["status"], "active")
            receiver.wait(lambda got: len(got) >= 3, "both")
            self.assertEqual(receiver.sequences(), [wanted[0], *wanted])
            self.refused(self.alice.post(path_of(hook, "/resume"), {}), 409, "webhook_not_paused")

    def test_nothing_comes_to_who_may_not_see_it(self):
        bob, operator = self.world.person("bob"), self.world.operator()
        with Receiver() as bobs, Receiver() as operators:
            self.hook(bobs.url, bob)
            theirs, _ = self.hook(operators.url, operator)
            wanted = self.happen(3)
            last = self.happen(1, bob)[0]
            bobs.wait(lambda got: got[-1].sequence == last if got else False, "bob's own")
            operators.wait(lambda got: got[-1].sequence >= last if got else False, "everything")
            self.assertFalse(set(bobs.sequences()) & set(wanted))
            self.assertTrue(set(operators.sequences()) >= {*wanted, last})
            self.assertEqual(operators.messages[0].sequence, theirs["sequence"])  # from its making on
            self.assertTrue(all(b"zebra" not in m.body for m in operators.messages))  # private, and not the operator's
            self.assertTrue(any(b"zebra" in m.body for m in bobs.messages))
            for topic in ("account:" + self.alice.account_id, "job:" + self.alice.account_id):
                self.refused(bob.post("/v1/webhooks", {"url": bobs.url, "topics": [topic]}), 404, "no_such_stream")

    def test_an_address_that_is_nobody_elses_business_is_not_called(self):
        for url in ("http://example.org/", "http://10.0.0.1/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest",
                    "https://[fd00:ec2::254]/", "https://[::ffff:10.0.0.1]/", "https://100.64.0.1/", "https://0x0a000001/", "https://169.254.43518/", "https://user:pw@example.org/",
                    "https://example.org/#x", "ftp://example.org/", "file:///etc/passwd", "example.org"):
            answer = self.alice.post("/v1/webhooks", {"url": url})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "/url"), url)

    def test_the_example_takes_what_is_signed_once_and_nothing_else(self):
        port = free_port()
        hook, secret = self.hook("http://127.0.0.1:%d/" % port)
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/secret", "w") as file:
                file.write(secret + "\n")
            example = subprocess.Popen([sys.executable, SOURCE + "/examples/clients/webhook_receiver.py", "--secret-file", folder + "/secret",
                                        "--done", folder + "/done", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                self.assertIn(b"listening", example.stdout.readline())
                wanted = [hook["sequence"], *self.happen(2)]
                wait_until(lambda: self.status(hook)["cursor"] >= wanted[-1], "all were taken")
                self.alice.ok("POST", path_of(hook, "/cursor"), {"after": wanted[0] - 1})
                wait_until(lambda: self.status(hook)["cursor"] >= wanted[-1], "all were taken again")
                self.assertTrue(self.alice.ok("POST", path_of(hook, "/test"), {})["good"])
                with open(folder + "/done") as file:
                    done = file.read().splitlines()
                self.assertEqual(done[:3], ["%s.1.%d %s" % (hook["id"], n, kind) for n, kind in
                                            zip(wanted, ["webhook.created", "token.issued", "token.issued"])])
                self.assertEqual([line.split(" ")[1] for line in done[3:]], ["webhook.test"])
                self.alice.ok("POST", path_of(hook, "/rotate"), {})
                self.alice.ok("POST", path_of(hook, "/rotate"), {})  # twice: what the example has is worth nothing
                attempt = self.alice.ok("POST", path_of(hook, "/test"), {})
                self.assertEqual((attempt["status"], attempt["good"]), (401, False))
            finally:
                example.kill()
                example.wait()
                example.stdout.close()

    def test_what_cannot_be_is_refused_by_name(self):
        good = {"url": "http://127.0.0.1:1/"}
        for more, pointer in (({"types": ["job.finished"]}, "/types"), ({"topics": ["everything"]}, "/topics"), ({"types": "job.output"}, "/types"),
                              ({"label": "x" * 101}, "/label"), ({"after": -1}, "/after"), ({"secret": "x"}, "/secret")):
            answer = self.alice.post("/v1/webhooks", {**good, **more})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer), answer)
        self.refused(self.alice.get("/v1/webhooks/" + self.alice.account_id), 404, "no_such_webhook")
        carol = self.world.person("carol")
        made = [carol.ok("POST", "/v1/webhooks", good)["webhook"] for _ in range(16)]
        self.assertEqual([hook["id"] for hook in carol.ok("GET", "/v1/webhooks")["items"]], [hook["id"] for hook in made])
        self.refused(carol.post("/v1/webhooks", good), 409, "too_many_webhooks")
        for hook in made:
            self.assertEqual(carol.ok("DELETE", path_of(hook)), {"deleted": True})
        self.assertEqual(carol.ok("GET", "/v1/webhooks")["items"], [])
        self.refused(carol.request("DELETE", path_of(made[0])), 404, "no_such_webhook")
        wait_until(lambda: not {hook["id"] for hook in made} & set(os.listdir(self.world.data + "/webhooks")), "their files are gone")


class Ends(Base):
    """The server ends in the middle; a receiver fails for good."""
    options = (*OPTIONS, "--webhook-give-up-s", "1")

    def test_killed_in_the_middle_nothing_is_lost_and_what_comes_twice_has_its_id(self):
        with Receiver() as receiver:
            hook, secret = self.hook(receiver.url)
            wanted = [hook["sequence"]]
            for round_ in range(3):
                taken = len(receiver.messages)
                wanted += self.happen(20)
                receiver.wait(lambda got: len(got) > taken + 3, "a few of them")
                self.world.server.stop(signal.SIGKILL if round_ < 2 else signal.SIGTERM)
                self.world.start()
                self.alice.port = self.world.server.port
            wanted += self.happen(1)
            receiver.wait(lambda got: {m.sequence for m in got} >= set(wanted), "all of them")
            seen = {}
            for message in receiver.messages:
                self.assertTrue(message.is_signed(secret))
                self.assertEqual(seen.setdefault(message.sequence, (message.id, message.event)), (message.id, message.event))
            self.assertEqual(len({id_ for id_, _ in seen.values()}), len(seen))
            firsts = list(dict.fromkeys(receiver.sequences()))
            self.assertEqual(firsts, sorted(firsts))  # a repetition goes back, it never leaves one out

    def test_without_its_file_it_begins_again_where_it_was_made_to(self):
        with Receiver() as receiver:
            hook, _ = self.hook(receiver.url)
            wanted = [hook["sequence"], *self.happen(2)]
            path = self.world.data + "/webhooks/" + hook["id"]
            for spoil in (os.remove, lambda path: open(path, "w").close()):
                receiver.wait(lambda got: got[-1].sequence == wanted[-1] if got else False, "all of them")
                wait_until(lambda: os.path.exists(path), "its file is written")
                self.restart(lambda spoil=spoil: (spoil(path), receiver.messages.clear()))
            receiver.wait(lambda got: got[-1].sequence == wanted[-1] if got else False, "all of them once more")
            self.assertEqual(receiver.sequences(), wanted)
            self.assertIn("webhook.progress_lost", self.world.server.trace())

    def test_files_of_webhooks_that_are_gone_are_removed_at_the_next_start(self):
        with Receiver() as receiver:
            hook, _ = self.hook(receiver.url)
            receiver.wait(lambda got: got, "its first message")
            folder = self.world.data + "/webhooks/"
            wait_until(lambda: os.path.exists(folder + hook["id"]), "its file is written")
            gone = self.alice.account_id  # an id, and no webhook's
            left = [gone, gone + ".abcdef", hook["id"] + ".abcdef"]

            def leave():
                for name in [*left, "README"]:
                    with open(folder + name, "w"):
                        pass
            self.restart(leave)
            self.assertEqual(set(os.listdir(folder)) & {hook["id"], "README", *left}, {hook["id"], "README"})

    def restart(self, meanwhile):
        self.assertEqual(self.world.server.stop(), 0, self.world.server.trace())
        meanwhile()
        self.world.start()
        self.alice.port = self.world.server.port

    def test_after_a_restore_what_is_new_comes_and_under_new_ids(self):
        data, backup = self.world.data, self.world.folder + "/backup"

        def put_back():
            shutil.move(data + "/webhooks", self.world.folder + "/newer")
            shutil.rmtree(data)
            shutil.copytree(backup, data)
            shutil.rmtree(data + "/webhooks")
            shutil.move(self.world.folder + "/newer", data + "/webhooks")  # it knows of events that the log does not know any more
            done = subprocess.run([BIN + "/tallyd", "restore", *self.world.common(), "--yes"], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
        with Receiver() as receiver:
            hook, secret = self.hook(receiver.url, types=["token.issued"])
            kept = self.happen(2)
            receiver.wait(lambda got: len(got) == 2, "both")
            self.restart(lambda: shutil.copytree(data, backup))
            lost = self.happen(4)
            receiver.wait(lambda got: len(got) == 6, "what will be lost")
            wait_until(lambda: self.status(hook)["cursor"] >= lost[-1], "the cursor is there")
            self.restart(put_back)
            new = self.happen(3)
            receiver.wait(lambda got: len(got) == 9, "what is new")
            self.assertEqual([m.id for m in receiver.messages], ["%s.%d.%d" % (hook["id"], generation, n) for generation, n in
                                                                 [(1, n) for n in kept + lost] + [(2, n) for n in new]])
            self.assertTrue(set(lost) & set(new))  # places that two events had
            self.assertTrue(all(m.is_signed(secret) for m in receiver.messages))

    def test_a_receiver_that_fails_for_long_is_paused_and_its_owner_is_told(self):
        with Receiver(lambda _: (503, {})) as receiver:
            hook, _ = self.hook(receiver.url, types=["token.issued"])
            self.happen(1)
            paused = wait_until(lambda: self.status(hook) if self.status(hook)["status"] == "paused" else None, "it is paused", 120)
            self.assertGreaterEqual(paused["failures"], 3)
            events = self.alice.ok("GET", "/v1/events?after=%d&limit=500" % hook["sequence"])["items"]
            told = [e["data"] for e in events if e["type"] == "webhook.paused" and e["data"]["webhook_id"] == hook["id"]]
            self.assertEqual([(t["failures"], t["detail"]) for t in told], [(paused["failures"], paused["paused_because"])])
            self.world.server.stop()
            tried = len(receiver.messages)
            self.world.start()
            self.alice.port = self.world.server.port
            self.assertEqual(self.status(hook)["status"], "paused")
            self.assertEqual(len(self.attempts(hook)), min(tried, 32))  # what was tried is known after a restart, too
            text = self.world.client().get("/metrics").body.decode()
            self.assertIn("\ntally_webhooks_paused 1\n", text)


class Public(Base):
    """On a log that is not of a local chain."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(options=cls.options, network="testnet")
        cls.alice = cls.world.person("alice")

    def test_a_name_that_leads_into_this_machine_is_not_followed(self):
        for url in ("http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://localhost/", "http://hook.localhost/"):
            answer = self.alice.post("/v1/webhooks", {"url": url})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "/url"), url)
        with socket.create_server(("127.0.0.1", 0)) as server:
            hook, _ = self.hook("https://hook.localhost:%d/" % server.getsockname()[1])  # by its name it could be anywhere
            attempt = self.alice.ok("POST", path_of(hook, "/test"), {})
            self.assertEqual((attempt["status"], attempt["good"]), (0, False))
            self.assertIn("not one that may be connected to", attempt["error"])
            server.setblocking(False)
            self.assertRaises(BlockingIOError, server.accept)


if __name__ == "__main__":
    unittest.main()
