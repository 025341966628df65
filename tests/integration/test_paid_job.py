# SPDX-License-Identifier: Apache-2.0
"""A job and its money, through the public API and on the local chain (R6, R16; P16 to P21).

Each test looks at the chain's balances, not only at what the server says."""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import LOCAL, Client, SOURCE, World, tally_qubic, wait_until  # noqa: E402

MONEY = 10**9


def settled(job):
    return job["settled"]


class Market(unittest.TestCase):
    TERMS = {}

    @classmethod
    def setUpClass(cls):
        cls.world = World(terms=cls.TERMS)
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", MONEY)
        cls.maria = cls.world.person("maria")
        cls.host = cls.world.host(cls.maria)
        wait_until(lambda: cls.world.chain.balance(cls.alice.identity) == MONEY, "the faucet's money")

    def setUp(self):
        self.before = (self.balance(self.alice), self.balance(self.maria))

    def balance(self, person):
        return self.world.chain.balance(person.identity)

    def moved(self):
        """What alice and maria have more, or less, than at the start of the test."""
        return self.balance(self.alice) - self.before[0], self.balance(self.maria) - self.before[1]

    def run_job(self, seconds=0.3, **end):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        time.sleep(seconds)
        self.host.end(job, **end)
        return self.alice.wait_for(job, settled)

    def check_log(self):
        done = subprocess.run(["/usr/bin/python3", SOURCE + "/tools/checker.py", self.world.data],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)


class Money(Market):
    def test_used_time_is_paid_and_the_rest_comes_back(self):
        job = self.run_job(worker_ms=300)
        self.assertEqual(job["status"], "completed")
        self.assertLessEqual(job["used_ms"], 300)
        self.assertEqual(job["gross"], job["used_ms"] * job["rate"] // 3600000)
        self.assertEqual(job["payout"] + job["refund"], job["cap"])
        self.assertEqual(self.moved(), (-job["payout"], job["payout"]))
        self.assertEqual(self.world.chain.balance(job["escrow"]["identity"]), 0)
        self.assertEqual([leg["kind"] for leg in job["legs"]], ["refund", "payout"])
        self.check_log()

    def test_three_confirmations_are_counted(self):
        job = self.alice.queued_job(self.host)
        events = self.alice.ok("GET", "/v1/jobs/%s/events" % job["id"])["items"]
        counts = [event["data"]["confirmations"] for event in events if event["type"] == "escrow.confirmed"]
        self.assertEqual(counts, [1, 2, 3])
        kinds = [event["type"] for event in events]
        self.assertLess(kinds.index("deposit.observed"), kinds.index("escrow.confirmed"))
        self.assertLess(kinds.index("escrow.confirmed"), kinds.index("escrow.locked"))
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.alice.wait_for(job, settled)
        self.assertEqual(self.moved(), (0, 0))

    def test_a_worker_cannot_bill_more_time_than_passed(self):
        job = self.run_job(worker_ms=36000000)
        self.assertLess(job["used_ms"], 20000)
        self.assertEqual(self.moved(), (-job["payout"], job["payout"]))

    def test_a_failed_program_costs_nothing(self):
        job = self.run_job(ending="program_failed", reason="exited_nonzero", worker_ms=300, exit_status=1)
        self.assertEqual((job["status"], job["fault"], job["gross"]), ("failed", "program", 0))
        self.assertEqual(job["refund"], job["cap"])
        self.assertEqual(self.moved(), (0, 0))

    def test_a_host_fault_costs_nothing(self):
        job = self.run_job(ending="host_fault", reason="sandbox_failed", worker_ms=300)
        self.assertEqual((job["fault"], self.moved()), ("provider", (0, 0)))

    def test_cancelling_before_the_lock_moves_nothing(self):
        job = self.alice.job(self.host.offer["id"])
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.assertTrue(self.alice.wait_for(job, settled)["status"] == "cancelled")
        self.lock_comes_back(job)

    def lock_comes_back(self, job):
        """Money that is sent anyway is returned whole."""
        self.alice.lock(job)
        wait_until(lambda: any(leg["kind"] == "return" and leg["status"] == "confirmed"
                               for leg in self.alice.ok("GET", "/v1/jobs/" + job["id"])["legs"]), "the return")
        self.assertEqual(self.moved(), (0, 0))

    def test_cancelling_while_running_pays_what_was_used(self):
        job = self.alice.queued_job(self.host)
        before = time.monotonic()
        self.host.claim_and_start(job)
        time.sleep(0.4)
        self.host.output(job, 1, "the answer\n")  # no progress was told yet; what was seen was worked for
        heard = time.monotonic() - before
        time.sleep(0.3)
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.assertEqual(self.host.post(self.host.path(job, "progress"), {"permille": 1, "used_ms": 900}).status, 409)
        job = self.alice.wait_for(job, settled)
        self.assertEqual(job["ending"], "cancelled_running")
        self.assertTrue(390 <= job["used_ms"] <= heard * 1000 + 20, (job["used_ms"], heard))
        self.assertEqual(self.moved(), (-job["payout"], job["payout"]))

    def wrong_lock(self, amount_of, sender=None):
        job = self.alice.job(self.host.offer["id"])
        (sender or self.alice).lock(job, amount=amount_of(job["escrow"]["amount"]))
        wait_until(lambda: any(leg["kind"] == "return" and leg["status"] == "confirmed"
                               for leg in self.alice.ok("GET", "/v1/jobs/" + job["id"])["legs"]), "the return")
        now = self.alice.ok("GET", "/v1/jobs/" + job["id"])
        self.assertEqual(now["status"], "awaiting_lock")
        self.assertEqual(self.moved(), (0, 0))
        events = self.alice.ok("GET", "/v1/jobs/%s/events" % job["id"])["items"]
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        return [event["data"]["class"] for event in events if event["type"] == "deposit.observed"]

    def test_a_short_lock_comes_back(self):
        self.assertEqual(self.wrong_lock(lambda amount: amount - 1), ["short"])

    def test_an_over_lock_comes_back(self):
        self.assertEqual(self.wrong_lock(lambda amount: amount + 1), ["over"])

    def test_a_strangers_lock_comes_back_to_the_stranger(self):
        bob = self.world.person("bob", MONEY)
        wait_until(lambda: self.balance(bob) == MONEY, "the faucet's money")
        self.assertEqual(self.wrong_lock(lambda amount: amount, bob), ["foreign"])
        self.assertEqual(self.balance(bob), MONEY)

    def test_a_lock_sent_twice_counts_once(self):
        job = self.alice.job(self.host.offer["id"])
        self.alice.lock(job, offset=8)
        self.alice.lock(job, offset=12)
        job = self.alice.wait_for(job, lambda now: now["status"] == "queued")
        self.alice.wait_for(job, lambda now: any(leg["kind"] == "return" and leg["status"] == "confirmed"
                                                 for leg in now["legs"]))
        self.assertEqual(self.moved(), (-job["cap"], 0))
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.alice.wait_for(job, settled)
        self.assertEqual(self.moved(), (0, 0))

    def test_a_job_ends_once(self):
        job = self.run_job(worker_ms=300)
        answer = self.host.post(self.host.path(job, "end"), {
            "ending": "completed", "reason": "exited_zero", "worker_ms": 999999})
        self.assertEqual((answer.status, answer.json["code"]), (409, "job_ended"))
        self.assertEqual(self.alice.ok("GET", "/v1/jobs/" + job["id"])["payout"], job["payout"])
        self.assertEqual(self.moved(), (-job["payout"], job["payout"]))

    def test_two_machines_that_claim_one_job(self):
        job = self.alice.queued_job(self.host)
        other = self.world.host(self.maria, "second rig")
        got = []
        threads = [threading.Thread(target=lambda h=h: got.append(h.claim(wait_s=1)))
                   for h in (self.host, other, self.host, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [claimed["id"] for claimed in got if claimed is not None]
        self.assertEqual(set(winners), {job["id"]})
        self.assertLessEqual(len(winners), 2)  # the same machine is told the same job again, no other machine
        self.assertEqual(self.alice.ok("GET", "/v1/jobs/" + job["id"])["host_id"], self.host.host_id)
        self.assertEqual(other.post(other.path(job, "start"), {}).status, 404)
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.alice.wait_for(job, settled)

    def test_kill_in_the_middle_of_everything_pays_once(self):
        job = self.alice.job(self.host.offer["id"])
        self.alice.lock(job)
        for _ in range(3):
            time.sleep(0.15)
            self.restart()
        job = self.alice.wait_for(job, lambda now: now["status"] == "queued")
        self.host.claim_and_start(job)
        self.restart()
        time.sleep(0.2)
        self.host.end(job, worker_ms=200)
        for _ in range(4):
            time.sleep(0.12)
            self.restart()
        job = self.alice.wait_for(job, settled)
        self.assertEqual(self.moved(), (-job["payout"], job["payout"]))
        self.check_log()

    def restart(self):
        """kill -9, then start again on another port."""
        self.world.server.stop(signal.SIGKILL)
        self.world.start()
        for client in (self.alice, self.maria, self.host):
            client.port = self.world.server.port

    def test_a_fingerprinted_request_is_answered_once(self):
        upload = self.alice.upload()
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.host.offer["id"]})
        key = {"Idempotency-Key": '"job-%s"' % quote["id"]}
        first = self.alice.post("/v1/jobs", {"quote_id": quote["id"]}, headers=key)
        head = self.world.head()
        again = self.alice.post("/v1/jobs", {"quote_id": quote["id"]}, headers=key)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(first.json["id"], again.json["id"])
        self.assertEqual(again.headers.get("Idempotent-Replayed"), "true")
        other = self.alice.post("/v1/jobs", {"quote_id": quote["id"], "settings": {"arguments": ["x"]}}, headers=key)
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_mismatch"))
        unkeyed = self.alice.post("/v1/jobs", {"quote_id": quote["id"]})
        self.assertEqual((unkeyed.status, unkeyed.json["code"]), (409, "quote_used"))
        self.assertEqual(self.world.head(), head)
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % first.json["id"], {})


class Fee(Market):
    @classmethod
    def setUpClass(cls):
        cls.house = tally_qubic("identity", {"seed": "house".ljust(55, "h")})["identity"]
        cls.TERMS = {"fee_bps": 1000, "fee_identity": cls.house}
        super().setUpClass()

    def test_the_fee_is_out_of_the_providers_part(self):
        job = self.run_job(worker_ms=300)
        self.assertEqual(job["fee"], job["gross"] // 10)
        self.assertGreater(job["fee"], 0)
        self.assertEqual(job["payout"], job["gross"] - job["fee"])
        self.assertEqual(self.moved(), (-job["gross"], job["payout"]))
        self.assertEqual(self.world.chain.balance(self.house), job["fee"])


class Deadlines(Market):
    TERMS = {"heartbeat_s": 1, "lease_s": 3, "start_within_s": 5}

    def test_a_lost_worker_is_not_paid(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        job = self.alice.wait_for(job, settled)
        self.assertEqual((job["ending"], job["reason"], job["fault"]), ("worker_lost", "lease_expired", "provider"))
        self.assertEqual(self.moved(), (0, 0))
        late = self.host.post(self.host.path(job, "end"), {
            "ending": "completed", "reason": "exited_zero", "worker_ms": 1000})
        self.assertEqual(late.json["code"], "job_ended")

    def test_a_job_that_is_not_started_goes_back_to_the_queue(self):
        job = self.alice.queued_job(self.host)
        self.assertEqual(self.host.claim()["attempt"], 1)
        again = wait_until(lambda: (self.host.claim(wait_s=1) or {}).get("attempt") == 2, "a second attempt")
        self.assertTrue(again)
        self.host.start(job)
        self.host.end(job, worker_ms=10)
        self.alice.wait_for(job, settled)

    def test_offers_come_in_pages(self):
        for i in range(3):
            self.maria.ok("POST", "/v1/offers", {"host_id": self.host.host_id, **self.host.OFFER})
        whole = self.alice.ok("GET", "/v1/offers?limit=500")
        self.assertIsNone(whole["next"])
        self.assertGreaterEqual(len(whole["items"]), 4)
        pages, cursor = [], ""
        while cursor is not None:
            page = self.alice.ok("GET", "/v1/offers?limit=1" + cursor)
            pages += page["items"]
            cursor = page["next"] and "&after=" + page["next"]
        self.assertEqual([offer["id"] for offer in pages], [offer["id"] for offer in whole["items"]])

    def test_a_silent_machine_goes_offline_and_cannot_be_quoted(self):
        silent = self.world.host(self.maria, "silent rig")
        offer = silent.offer["id"]
        wait_until(lambda: not next(o for o in self.alice.ok("GET", "/v1/offers?limit=500")["items"]
                                    if o["id"] == offer)["online"], "the machine to be offline", 20)
        upload = self.alice.upload()
        answer = self.alice.post("/v1/quotes", {"upload_id": upload["id"], "offer_id": offer})
        self.assertEqual((answer.status, answer.json["code"]), (409, "host_offline"))
        ranking = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"]})["ranking"]
        why = {entry["offer_id"]: (entry["fit"], entry["why"]) for entry in ranking}
        self.assertEqual(why[offer], ("insufficient", "the machine is offline"))

    def test_a_silent_machine_is_found_behind_all_that_somebody_enrolled(self):
        """Anybody may enrol many: they are looked at some at a time, so that the loop does not wait for all of them each second."""
        maria = self.world.person("maria of many")
        connection = http.client.HTTPConnection(LOCAL, self.world.server.port, timeout=60)
        for i in range(1100):
            connection.request("POST", "/v1/workers/enrol", json.dumps({"host_name": "machine %d" % i}),
                               {"Authorization": "Bearer " + maria.token, "Content-Type": "application/json"})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 201, answer.read())
            answer.read()
        connection.close()
        silent = self.world.host(maria, "the last of them")
        wait_until(lambda: maria.ok("GET", "/v1/events?type=provider.offline&stream=host:" + silent.host_id)["items"], "the machine to be offline")


class BadInput(Market):
    """A clear problem, and nothing written."""

    def refused(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        problem = answer.json
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
        self.assertEqual((problem["status"], problem["code"]), (status, code))
        self.assertTrue(problem["detail"])
        return problem

    def test_everything_wrong_is_refused_and_writes_nothing(self):
        upload = self.alice.upload()
        offer = self.host.offer["id"]
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": offer})
        mallory = self.world.person("mallory")
        job = self.alice.job(offer)
        nobody = "01890000-0000-7000-8000-000000000000"
        stranger = Client(self.world.server.port)
        head = self.world.head()
        post, offer_body = self.alice.post, {"host_id": self.host.host_id, **self.host.OFFER}
        # the body
        self.refused(post("/v1/quotes", b"{", headers={"Content-Type": "application/json"}), 400, "invalid_json")
        self.refused(post("/v1/quotes", b"[1]"), 400, "invalid_json")
        self.refused(post("/v1/quotes", b'{"a":"\xff"}'), 400, "invalid_json")
        self.refused(post("/v1/quotes", b'{"offer_id":1,"offer_id":2}'), 400, "invalid_json")
        self.refused(post("/v1/quotes", b"x", headers={"Content-Type": "text/plain"}), 415, "media_type")
        self.refused(post("/v1/quotes", b'{"x":"' + b"y" * 300000 + b'"}'), 413, "body_too_large")
        problem = self.refused(post("/v1/quotes", {"upload_id": 7, "offer_id": offer, "colour": "red"}), 422, "invalid_fields")
        self.assertEqual({error["pointer"] for error in problem["errors"]}, {"/upload_id", "/colour"})
        many = self.refused(post("/v1/quotes", {"x%d" % i: i for i in range(5000)}), 422, "invalid_fields")
        self.assertEqual(len(many["errors"]), 20)  # an answer is not longer than what was asked
        # amounts
        for rate in (0, -1, 1.5, "7", 10**15 + 1, 2**63, 10**40, True, None):
            self.refused(self.maria.post("/v1/offers", {**offer_body, "rate": rate}), *(
                (400, "invalid_json") if rate in (10**40, 2**63) else (422, "invalid_fields")))
        # things that are not there, or another's
        self.refused(post("/v1/quotes", {"upload_id": nobody, "offer_id": offer}), 404, "no_such_upload")
        self.refused(post("/v1/quotes", {"upload_id": upload["id"], "offer_id": nobody}), 404, "no_such_offer")
        self.refused(mallory.post("/v1/quotes", {"upload_id": upload["id"], "offer_id": offer}), 404, "no_such_upload")
        self.refused(mallory.post("/v1/matches", {"upload_id": upload["id"]}), 404, "no_such_upload")
        self.refused(mallory.post("/v1/jobs", {"quote_id": quote["id"]}), 404, "no_such_quote")
        self.refused(mallory.get("/v1/jobs/" + job["id"]), 404, "no_such_job")
        self.refused(mallory.get("/v1/jobs/%s/events" % job["id"]), 404, "no_such_job")
        self.refused(mallory.get("/v1/jobs/%s/output" % job["id"]), 404, "no_such_job")
        self.refused(mallory.post("/v1/jobs/%s/cancel" % job["id"]), 404, "no_such_job")
        self.refused(mallory.post("/v1/offers/%s/withdraw" % offer), 404, "no_such_host")
        self.refused(mallory.post("/v1/offers", offer_body), 404, "no_such_host")
        self.refused(self.maria.post("/v1/jobs/%s/cancel" % job["id"]), 404, "no_such_job")
        self.refused(self.alice.get("/v1/jobs/not-an-id"), 404, "no_such_id")
        self.refused(self.alice.get("/v1/nothing"), 404, "no_such_route")
        self.refused(self.alice.request("DELETE", "/v1/jobs"), 405, "method_not_allowed")
        self.refused(self.alice.get("/v1/jobs?limit=0"), 422, "limit_invalid")
        self.refused(self.alice.get("/v1/jobs?before=x"), 422, "cursor_invalid")
        self.refused(stranger.get("/v1/offers?after=7"), 422, "cursor_invalid")
        self.refused(stranger.get("/v1/offers?limit=501"), 422, "limit_invalid")
        self.refused(self.alice.get("/v1/jobs?status=lost"), 422, "status_invalid")
        # tokens and scopes
        self.refused(stranger.get("/v1/jobs"), 401, "token_missing")
        self.refused(Client(stranger.port, "0" * 64).get("/v1/jobs"), 401, "token_unknown")
        self.refused(self.host.get("/v1/jobs"), 403, "scope_missing")
        self.refused(self.alice.post("/v1/workers/claim", {}), 403, "scope_missing")
        self.refused(self.world.operator().post("/v1/jobs", {"quote_id": quote["id"]}), 403, "scope_missing")
        # a worker's reports about a job that is not its own, or not running
        for what, body in (("start", {}), ("progress", {"permille": 1, "used_ms": 1}),
                           ("output", {"source": "stdout", "first_line": 1, "text": "x"}),
                           ("metrics", {"samples": [{"at_ms": 1}]}),
                           ("end", {"ending": "completed", "reason": "exited_zero", "worker_ms": 1})):
            self.refused(self.host.post(self.host.path(job, what), body), 404, "no_such_job")
        self.refused(self.host.post(self.host.path(job, "metrics"), {"samples": []}), 422, "invalid_fields")
        self.refused(self.host.post(self.host.path(job, "metrics"), {"samples": [{"at_ms": 1, "x": 2}]}), 422, "invalid_fields")
        self.refused(post("/v1/jobs/%s/rating" % job["id"], {"stars": 5}), 409, "not_ratable")
        self.refused(post("/v1/jobs/%s/rating" % job["id"], {"stars": 6}), 422, "invalid_fields")
        # settings
        for settings in ([], {"x": 1}, {"arguments": "a"}, {"arguments": [1]}, {"environment": {"A": 1}},
                         {"environment": {"A=B": "c"}}, {"arguments": ["x" * 9000]}):
            self.refused(post("/v1/jobs", {"quote_id": quote["id"], "settings": settings}), 422, "invalid_fields")
        # what a worker could not run: it would be claimed, given back and claimed again
        many = {"V%d" % i: "" for i in range(255)}
        for environment, pointer in (({"A-B": "x"}, "/A-B"), ({"1A": "x"}, "/1A"), ({"": "x"}, "/"), ({"a/~b": "x"}, "/a~1~0b"),
                                     ({"GOOD": "x", "B\u00e4d": "x"}, "/B\u00e4d"), ({"A": 1}, "/A"), ({"A" * 257: ""}, None),
                                     (many, "")):
            answer = post("/v1/jobs", {"quote_id": quote["id"], "settings": {"environment": environment}})
            self.refused(answer, 422, "invalid_fields")
            if pointer is not None:
                self.assertEqual([error["pointer"] for error in answer.json["errors"]], ["/settings/environment" + pointer])
        # transactions
        self.refused(post("/v1/broadcast", {"transaction": "00" * 144}), 422, "transaction_invalid")
        self.refused(post("/v1/broadcast", {"transaction": "xx"}), 422, "invalid_fields")
        self.refused(self.alice.get("/v1/balances/" + self.alice.identity.lower()), 422, "identity_invalid")
        self.assertEqual(self.world.head(), head, "a refusal wrote something")
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})

    def test_sign_in_takes_only_what_the_wallet_signed(self):
        anyone = Client(self.world.server.port)
        head = self.world.head()

        def attempt(change, status, code):
            challenge = anyone.ok("POST", "/v1/auth/challenge", {})
            body = {"identity": self.alice.identity, "nonce": challenge["nonce"], "scopes": ["consumer"],
                    "signature": self.alice.sign(self.alice.sign_in_text(challenge))}
            change(body, challenge)
            self.refused(anyone.post("/v1/auth/session", body), status, code)

        attempt(lambda b, c: b.update(signature="00" * 64), 401, "signature_wrong")
        attempt(lambda b, c: b.update(identity=self.maria.identity), 401, "signature_wrong")
        attempt(lambda b, c: b.update(nonce="00" * 16), 401, "nonce_unknown")
        attempt(lambda b, c: b.update(identity="A" * 60), 422, "invalid_fields")
        attempt(lambda b, c: b.update(identity=self.alice.identity[:-1] + "A"), 422, "invalid_fields")
        attempt(lambda b, c: b.update(scopes=["operator"]), 422, "invalid_fields")
        attempt(lambda b, c: b.update(scopes=[]), 422, "invalid_fields")
        attempt(lambda b, c: b.update(signature=self.alice.sign(self.alice.sign_in_text({**c, "origin": "http://evil"}))),
                401, "signature_wrong")
        self.assertEqual(self.world.head(), head)

        challenge = anyone.ok("POST", "/v1/auth/challenge", {})
        body = {"identity": self.alice.identity, "nonce": challenge["nonce"], "scopes": ["consumer"],
                "signature": self.alice.sign(self.alice.sign_in_text(challenge))}
        session = anyone.ok("POST", "/v1/auth/session", body)
        self.refused(anyone.post("/v1/auth/session", body), 401, "nonce_unknown")  # single use
        once = Client(self.world.server.port, session["token"])
        self.assertEqual(once.ok("GET", "/v1/auth/whoami")["identity"], self.alice.identity)
        self.refused(self.maria.post("/v1/auth/tokens/%s/revoke" % session["token_id"]), 404, "no_such_token")
        once.ok("POST", "/v1/auth/tokens/%s/revoke" % session["token_id"], {})
        self.refused(once.get("/v1/auth/whoami"), 401, "token_unknown")

    def test_output_keeps_its_order(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        self.assertEqual(self.host.output(job, 1, "one\ntwo\n")["next_line"], 3)
        self.refused(self.host.post(self.host.path(job, "output"),
                                    {"source": "stdout", "first_line": 1, "text": "one\n"}), 409, "output_gap")
        self.refused(self.host.post(self.host.path(job, "output"),
                                    {"source": "stdout", "first_line": 9, "text": "x"}), 409, "output_gap")
        self.refused(self.host.post(self.host.path(job, "output"),
                                    {"source": "stdout", "first_line": 3, "text": "x" * 20000}), 413, "output_size")
        self.host.output(job, 3, "oops\n", "stderr")
        lines = [(item["source"], item["first_line"], item["text"])
                 for item in self.alice.ok("GET", "/v1/jobs/%s/output" % job["id"])["items"]]
        self.assertEqual(lines, [("stdout", 1, "one\ntwo\n"), ("stderr", 3, "oops\n")])
        self.host.end(job, worker_ms=1)
        self.alice.wait_for(job, settled)


if __name__ == "__main__":
    unittest.main()
