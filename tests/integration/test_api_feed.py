#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The feed and GET /v1/events: order, replay then live, who sees what, private parts, slow and bad clients."""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import WebSocket, World  # noqa: E402

NOBODY = "01a20bd9-adf5-7db6-8d56-d07e88fec5a4"


class Feed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.alice = cls.world.person("alice", money=10**10)
        cls.maria = cls.world.person("maria")
        cls.bob = cls.world.person("bob")
        cls.host = cls.world.host(cls.maria)
        cls.operator = cls.world.operator()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def connect(self, who, **more):
        return WebSocket(self.world.server.port, "/v1/feed?token=" + who.token, **more)

    def follow(self, who, topics=("all",), after=0):
        """A socket that is live, and what was replayed."""
        feed = self.connect(who)
        self.assertEqual(feed.status, 101, feed.head)
        feed.send({"subscribe": {"topics": list(topics), "after": after}})
        events = []
        while True:
            message = feed.receive()
            if "live" in message:
                return feed, events, message["live"]
            events.append(message["event"])

    def events(self, who, query=""):
        """All pages."""
        items, after = [], 0
        while True:
            page = who.ok("GET", "/v1/events?after=%d&limit=7%s" % (after, query))
            items += page["items"]
            if page["next"] is None:
                return items
            self.assertGreater(page["next"], after)
            after = page["next"]

    def ids(self, events):
        return [int(event["id"]) for event in events]

    def run_job(self):
        job = self.alice.queued_job(self.host, settings={"arguments": ["--epochs", "5"]})
        self.host.claim_and_start(job)
        self.host.output(job, 1, "secret words\n")
        self.host.end(job)
        return self.alice.wait_for(job, lambda now: now["settled"])

    def test_a_job_is_followed_live_from_lock_to_payout_and_replays_the_same(self):
        feed, before, _ = self.follow(self.alice)
        job = self.run_job()
        live = []
        while not (live and live[-1]["type"] == "payout.confirmed"):
            live.append(feed.receive()["event"])
        feed.close()
        types = [event["type"] for event in live]
        for kind in ("upload.received", "job.created", "escrow.locked", "job.started", "job.output", "job.completed",
                     "escrow.settled", "payout.signed"):
            self.assertIn(kind, types)
        self.assertEqual(self.ids(before + live), sorted(set(self.ids(before + live))))
        again, replayed, head = self.follow(self.alice)
        again.close()
        self.assertEqual(replayed[:len(before + live)], before + live)
        self.assertGreaterEqual(head, self.ids(live)[-1])
        self.assertEqual(self.events(self.alice)[:len(before + live)], before + live)
        one, of_job, _ = self.follow(self.alice, ["job:" + job["id"]])
        one.close()
        expected = [event for event in replayed if job["id"] in (event["subject"].split(":")[1], event["data"].get("job_id"))]
        self.assertEqual(of_job, expected)
        self.assertEqual(self.events(self.alice, "&stream=job:" + job["id"]), expected)

    def test_private_parts_are_shown_to_the_two_of_a_job_and_to_nobody_else(self):
        job = self.run_job()
        query = "&stream=job:" + job["id"]
        output = {who: [event for event in self.events(who, query) if event["type"] == "job.output"]
                  for who in (self.alice, self.maria, self.operator)}
        self.assertEqual(output[self.alice][0]["data"]["text"], "secret words\n")
        self.assertEqual(output[self.maria], output[self.alice])
        self.assertNotIn("text", output[self.operator][0]["data"])
        feed, events, _ = self.follow(self.operator)
        feed.close()
        self.assertEqual(self.ids(events), list(range(1, len(events) + 1)), "the operator sees every record")
        self.assertNotIn("secret words", str(events))
        self.assertNotIn("--epochs", str(events))
        self.assertNotIn("hello.py", str(events))
        feed, events, _ = self.follow(self.bob)
        feed.close()
        self.assertNotIn(job["id"], str(events))
        for path in ("stream=job:" + job["id"], "stream=account:" + self.alice.account_id):
            self.assertEqual(self.bob.get("/v1/events?" + path).status, 404)
        self.assertEqual(self.events(self.bob, "&stream=upload:" + self.upload_of(job)), [])
        for topic in ("job:" + job["id"], "account:" + self.alice.account_id):
            with self.connect(self.bob) as feed:
                feed.send({"subscribe": {"topics": [topic]}})
                self.assertEqual(feed.receive()[0], 1008)

    def upload_of(self, job):
        created = [event for event in self.events(self.alice) if event["type"] == "job.created"
                   and event["subject"] == "job:" + job["id"]]
        return created[0]["data"]["upload_id"]

    def test_a_machine_hears_of_its_turns(self):
        job = self.run_job()
        feed, events, _ = self.follow(self.host)
        feed.close()
        mine = [event["type"] for event in events if event["subject"] == "job:" + job["id"]]
        self.assertEqual(mine, ["job.assigned", "job.started", "job.completed"])

    def test_resuming_after_a_sequence_misses_and_repeats_nothing(self):
        feed, events, head = self.follow(self.operator)
        feed.close()
        for after in (0, 1, head // 2, head - 1, head):
            feed, rest, _ = self.follow(self.operator, after=after)
            feed.close()
            self.assertEqual(rest[:head - after], events[after:])
        with self.connect(self.operator) as feed:
            feed.send({"subscribe": {"topics": ["all"], "after": 10**9}})
            self.assertEqual(feed.receive()[0], 1008)

    def test_many_follow_while_events_come(self):
        feeds = [self.follow(who)[0] for who in (self.alice, self.operator) for _ in range(20)]
        seen = [[] for _ in feeds]

        def drain(i):
            while sum(event["type"] == "analysis.completed" for event in seen[i]) < 20:
                seen[i].append(feeds[i].receive()["event"])

        threads = [threading.Thread(target=drain, args=(i,)) for i in range(len(feeds))]
        for thread in threads:
            thread.start()
        uploads = [self.alice.upload(b"print(%d)\n" % i, "n%d.py" % i)["id"] for i in range(20)]
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        wanted = [(kind, "upload:" + upload) for upload in uploads for kind in ("upload.received", "analysis.completed")]
        for events in seen:
            self.assertEqual(self.ids(events), sorted(set(self.ids(events))))
            self.assertEqual([(event["type"], event["subject"]) for event in events
                              if event["subject"].startswith("upload:")], wanted)
        for feed in feeds:
            feed.close()

    def test_a_client_that_does_not_read_costs_nothing_and_gets_all_in_the_end(self):
        for i in range(60):
            self.alice.upload(b"print(%d)\n" % i, "x" * 190 + ".py")
        with self.connect(self.alice) as feed:
            for _ in range(40):  # again and again from the start: far more than a socket holds
                feed.send({"subscribe": {"topics": ["all"], "after": 0}})
            time.sleep(0.5)
            self.assertEqual(self.alice.get("/healthz").status, 200)
            feed.send({"subscribe": {"topics": ["all"], "after": 0}})
            lives = 0
            last = []
            wanted = self.ids(self.events(self.alice))
            while last[-len(wanted):] != wanted:
                message = feed.receive()
                if "live" in message:
                    lives += 1
                else:
                    last.append(int(message["event"]["id"]))
            self.assertLessEqual(lives, 41)

    def test_bad_messages_are_told_what_would_be_accepted(self):
        for text in (b"", b"{", b"[]", b"null", b"{}", b'{"subscribe":{}}', b'{"subscribe":{"topics":[]}}',
                     b'{"subscribe":{"topics":"all"}}', b'{"subscribe":{"topics":[1]}}',
                     b'{"subscribe":{"topics":["job:x"]}}', b'{"subscribe":{"topics":["all"],"after":-1}}',
                     b'{"subscribe":{"topics":["all"],"after":"1"}}', b'{"subscribe":{"topics":["all"],"x":1}}',
                     b'{"subscribe":{"topics":["all"]},"x":1}', b'{"subscribe":{"topics":["all"],"topics":["all"]}}',
                     b'{"subscribe":{"topics":["escrow:' + NOBODY.encode() + b'"]}}'):
            with self.connect(self.alice) as feed:
                feed.send(text)
                status, reason = feed.receive()
                self.assertEqual(status, 1008, text)
                self.assertTrue("topics" in reason or "topic is" in reason or "after is" in reason, reason)
        with self.connect(self.alice) as feed:
            feed.send(b"x" * 5000)
            self.assertEqual(feed.receive()[0], 1009)
        with self.connect(self.alice) as feed:
            feed.send({"subscribe": {"topics": ["job:" + NOBODY]}})
            self.assertEqual(feed.receive()[0], 1008)

    def test_who_may_not_connect(self):
        port = self.world.server.port
        with WebSocket(port, "/v1/feed") as feed:
            self.assertEqual(feed.status, 401)
        with WebSocket(port, "/v1/feed?token=" + "0" * 64) as feed:
            self.assertEqual(feed.status, 401)
        with self.connect(self.alice, protocol="other.v1") as feed:
            self.assertEqual(feed.status, 400)
        with WebSocket(port, "/v1/feed", headers={"Authorization": "Bearer " + self.alice.token}) as feed:
            self.assertEqual(feed.status, 101)
        self.assertEqual(self.alice.get("/v1/feed").status, 426)
        self.assertEqual(self.alice.get("/v1/events", token=False).status, 401)

    def test_events_of_one_type_are_those_of_all_that_have_it(self):
        job = self.run_job()
        for who in (self.alice, self.operator):
            everything = self.events(who)
            for kind in ("job.created", "escrow.confirmed", "job.output", "ledger.opened"):
                wanted = [event for event in everything if event["type"] == kind]
                self.assertEqual(self.events(who, "&type=" + kind), wanted)
                pages, after = [], 0
                while after is not None:
                    page = who.ok("GET", "/v1/events?limit=1&type=%s&after=%d" % (kind, after))
                    self.assertLessEqual(len(page["items"]), 1)
                    pages += page["items"]
                    after = page["next"]
                self.assertEqual(pages, wanted)
        query = "&stream=job:" + job["id"]
        self.assertEqual(self.events(self.alice, query + "&type=job.started"),
                         [event for event in self.events(self.alice, query) if event["type"] == "job.started"])
        answer = self.alice.get("/v1/events?type=job.begun")
        self.assertEqual((answer.status, answer.json["code"]), (422, "filter_invalid"))

    def test_events_of_a_time_are_those_of_all_that_have_it(self):
        for who in (self.alice, self.world.operator()):
            everything, after = [], 0
            while after is not None:
                page = who.ok("GET", "/v1/events?limit=500&after=%d" % after)
                everything += page["items"]
                after = page["next"]
            times = sorted({event["time"] for event in everything})
            picked = [times[0], times[len(times) // 3], times[2 * len(times) // 3], times[-1]]
            for first in [None, *picked]:
                for last in [None, *picked]:
                    wanted = [event["id"] for event in everything if (first is None or event["time"] >= first) and (last is None or event["time"] < last)]
                    query = "".join("&%s=%s" % pair for pair in (("from", first), ("until", last)) if pair[1] is not None)
                    got, after = [], 0
                    while after is not None:
                        page = who.ok("GET", "/v1/events?limit=200&after=%d%s" % (after, query))
                        got += [event["id"] for event in page["items"]]
                        after = page["next"]
                    known = {event["id"] for event in everything}
                    self.assertEqual([id_ for id_ in got if id_ in known], wanted, query)  # others may have happened since
        refused = self.alice.get("/v1/events?from=yesterday")
        self.assertEqual((refused.status, refused.json["code"]), (422, "filter_invalid"))

    def test_bad_parameters(self):
        for query in ("after=x", "after=-1", "limit=0", "limit=501", "limit=1.5", "stream=job", "stream=job:7",
                      "stream=cat:" + NOBODY):
            answer = self.alice.get("/v1/events?" + query)
            self.assertEqual((answer.status, answer.json["code"]), (422, "parameter_invalid"), query)
        self.assertEqual(self.alice.get("/v1/events?stream=job:" + NOBODY).status, 404)

    def test_a_revoked_token_ends_its_feed_and_a_stopping_server_says_so(self):
        carol = self.world.person("carol")
        feed, _, _ = self.follow(carol)
        other, _, _ = self.follow(self.operator)
        revoked = carol.post("/v1/auth/tokens/%s/revoke" % carol.token_id)
        self.assertEqual(revoked.status, 200, revoked)
        message = {}
        while isinstance(message, dict):
            message = feed.receive()
        self.assertEqual(message[0], 1008)
        feed.close()
        self.assertEqual(self.world.server.stop(), 0)
        message = {}
        while isinstance(message, dict):
            message = other.receive()
        self.assertEqual(message[0], 1001)
        other.close()
        self.world.start()
        for who in (self.alice, self.maria, self.bob, self.host, self.operator):
            who.port = self.world.server.port
        feed, events, _ = self.follow(self.alice)
        feed.close()
        self.assertEqual(self.ids(events), sorted(self.ids(events)))


if __name__ == "__main__":
    unittest.main()
