# SPDX-License-Identifier: Apache-2.0
"""A job, its escrow and an account as of an event (R16.1, R16.3): what was answered while the log ended there is what as_of answers later, for everybody who
may see it, and for nobody else."""
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World, wait_until  # noqa: E402

REPORTS = {"job.progressed", "job.output", "metric.sampled"}


def timeless(value):
    """Without what depends on the chain's tick at the moment of asking."""
    if isinstance(value, dict):
        return {name: timeless(item) for name, item in value.items() if name != "expected_ms"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


class AsOf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world = World()
        cls.addClassCleanup(world.close)
        cls.alice = world.person("alice", money=10**9, scopes=["consumer"])
        cls.maria = world.person("maria", scopes=["provider"])
        cls.bob = world.person("bob", scopes=["consumer"])
        cls.operator = world.operator()
        cls.rig = world.host(cls.maria)
        cls.moments = {}  # sequence → what everybody was answered while the log ended there
        cls.born = world.head()
        cls.live()
        cls.job = cls.alice.job(cls.rig.offer["id"])
        cls.path = "/v1/jobs/" + cls.job["id"]
        cls.keep()
        cls.alice.lock(cls.job)
        cls.until(lambda job: job["escrow"]["status"] != "requested")
        cls.until(lambda job: job["status"] == "queued")
        cls.rig.claim_and_start(cls.job)
        cls.keep()
        for part in range(1, 4):
            cls.rig.ok("POST", cls.rig.path(cls.job, "progress"), {"permille": part * 250, "used_ms": part, "operation": "part %d" % part})
            cls.rig.output(cls.job, part, "line\n")
            cls.rig.ok("POST", cls.rig.path(cls.job, "metrics"), {"samples": [{"at_ms": part}]})
            cls.keep()
        cls.rig.result(cls.job, "out.txt", b"out")
        cls.rig.end(cls.job, worker_ms=1)
        cls.keep()
        cls.until(lambda job: job["settled"])
        cls.alice.ok("POST", cls.path + "/rating", {"stars": 4})
        cls.keep()
        cls.alice.job(cls.rig.offer["id"])  # the log goes on without it

    @classmethod
    def live(cls):
        accounts = [who.ok("GET", "/v1/accounts/" + who.account_id) for who in (cls.alice, cls.maria)]
        return {"accounts": [{name: value for name, value in account.items() if name != "storage"} for account in accounts]}

    @classmethod
    def look(cls):
        return {"job": [who.ok("GET", cls.path) for who in (cls.alice, cls.maria, cls.operator)],
                "escrow": [who.ok("GET", cls.path + "/escrow") for who in (cls.alice, cls.maria, cls.operator)], **cls.live()}

    @classmethod
    def keep(cls):
        """What is answered now, and where the log ends: once nothing came in between."""
        def at_rest():
            before, seen = cls.world.head(), cls.look()
            return (before, seen) if cls.world.head() == before else None
        head, seen = wait_until(at_rest, "a moment without an event")
        cls.moments[head] = seen
        return seen

    @classmethod
    def until(cls, condition):
        wait_until(lambda: condition(cls.keep()["job"][0]), "the job goes on")

    def refused(self, answer, status, code, *words):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        for word in words:
            self.assertIn(word, answer.json["detail"])

    def test_as_of_a_moment_everybody_is_answered_what_they_were_then(self):
        self.assertGreaterEqual(len(self.moments), 8)
        statuses = set()
        for sequence, then in self.moments.items():
            query = "?as_of=%d" % sequence
            people = (self.alice, self.maria, self.operator)
            self.assertEqual(timeless([who.ok("GET", self.path + query) for who in people]), timeless(then["job"]))
            self.assertEqual(timeless([who.ok("GET", self.path + "/escrow" + query) for who in people]), timeless(then["escrow"]))
            self.assertEqual([who.ok("GET", "/v1/accounts/" + who.account_id + query) for who in people[:2]], then["accounts"])
            statuses.add(then["job"][0]["status"])
        self.assertEqual(statuses, {"awaiting_lock", "queued", "running", "completed"})
        self.assertIn("file_name", self.alice.ok("GET", self.path + query))
        self.assertNotIn("file_name", self.operator.ok("GET", self.path + query))

    def test_between_any_two_events_of_the_job_there_is_an_answer(self):
        moments = self.alice.ok("GET", self.path + "/timeline?reports=true")["items"]
        numbers = [self.alice.ok("GET", self.path + "?as_of=%d" % moment["sequence"]) for moment in moments]
        self.assertEqual([job["sequence"] for job, moment in zip(numbers, moments) if moment["type"] not in REPORTS],
                         [moment["sequence"] for moment in moments if moment["type"] not in REPORTS])
        self.assertEqual([job["permille"] for job in numbers], sorted(job["permille"] for job in numbers))
        self.assertIsNone(numbers[0]["escrow"])  # job.created comes before escrow.requested
        self.refused(self.alice.get(self.path + "/escrow?as_of=%d" % moments[0]["sequence"]), 404, "as_of_too_early")
        books = [sum(self.alice.ok("GET", self.path + "/escrow?as_of=%d" % moment["sequence"])["books"].values()) for moment in moments[1:]]
        self.assertEqual((books[0], max(books), books[-1]), (0, self.job["cap"], 0))

    def test_what_cannot_be_asked_is_refused_by_name(self):
        head = self.world.head()
        for path in (self.path, self.path + "/escrow", "/v1/accounts/" + self.alice.account_id):
            self.refused(self.alice.get(path + "?as_of=%d" % (head + 1000)), 422, "as_of_beyond_head", str(head))
            for bad in ("0", "-1", "soon", "", "18446744073709551616"):
                self.refused(self.alice.get(path + "?as_of=" + bad), 422, "parameter_invalid", "as_of")
        self.refused(self.alice.get(self.path + "?as_of=%d" % self.born), 404, "as_of_too_early",
                     str(self.alice.ok("GET", self.path + "/timeline")["items"][0]["sequence"]))
        self.refused(self.alice.get("/v1/accounts/%s?as_of=1" % self.alice.account_id), 404, "as_of_too_early")

    def test_the_past_of_another_is_as_closed_as_the_present(self):
        for sequence in (1, *self.moments):
            for path in ("", "/escrow"):
                self.refused(self.bob.get(self.path + path + "?as_of=%d" % sequence), 404, "no_such_job")
            self.refused(self.bob.get("/v1/accounts/%s?as_of=%d" % (self.alice.account_id, sequence)), 404, "no_such_account")
        self.refused(self.bob.get(self.path + "/timeline"), 404, "no_such_job")
        self.refused(self.bob.get("/v1/accounts/%s/statement" % self.alice.account_id), 404, "no_such_account")

    def test_the_timeline_names_every_event_in_pages(self):
        events = [(int(event["id"]), event["type"]) for event in self.alice.ok("GET", self.path + "/events?limit=500")["items"]]
        named = lambda query: [(moment["sequence"], moment["type"]) for moment in self.operator.ok("GET", self.path + "/timeline" + query)["items"]]
        self.assertEqual(named("?reports=true&limit=500"), events)
        self.assertEqual(named("?limit=500"), [event for event in events if event[1] not in REPORTS])
        pages, after = [], 0
        while after is not None:
            page = self.operator.ok("GET", self.path + "/timeline?limit=2&after=%d" % after)
            pages += [moment["sequence"] for moment in page["items"]]
            after = page["next"]
        self.assertEqual(pages, [sequence for sequence, _ in named("")])
        self.refused(self.alice.get(self.path + "/timeline?reports=yes"), 422, "parameter_invalid", "true or false")

    def test_a_statement_opens_into_its_events(self):
        for who in (self.alice, self.maria):
            account = who.ok("GET", "/v1/accounts/" + who.account_id)
            lines, before = [], 2**63
            while before is not None:
                page = who.ok("GET", "/v1/accounts/%s/statement?limit=1&before=%d" % (who.account_id, before))
                lines += page["items"]
                before = page["next"]
            self.assertEqual(account["balance"], sum(line["amount"] for line in lines))
            self.assertEqual((account["balance"], account["sequence"]), (lines[0]["balance"], lines[0]["sequence"]))
            for line in lines:
                event = who.ok("GET", "/v1/events?limit=1&after=%d" % (line["sequence"] - 1))["items"][0]
                self.assertEqual((int(event["id"]), event["type"]), (line["sequence"], line["type"]))
                self.assertEqual(line["job_id"], self.job["id"])
        self.assertEqual(self.maria.ok("GET", "/v1/earnings")["total"], account["balance"])
        self.assertEqual(self.operator.ok("GET", "/v1/accounts/" + self.maria.account_id), account)

    def test_many_at_once_wait_for_their_turn(self):
        sequence, then = list(self.moments.items())[5]
        answers = []

        def ask():
            answers.append(self.alice.ok("GET", self.path + "?as_of=%d" % sequence))

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([timeless(answer) for answer in answers], [timeless(then["job"][0])] * 24)


if __name__ == "__main__":
    unittest.main()
