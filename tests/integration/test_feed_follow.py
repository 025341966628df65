#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The feed as an event stream beside the WebSocket (R16.5): same events, topics by role, derived views, disconnects, stuck and idle followers."""
import json
import os
import random
import resource
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, EventStream, LOCAL, WebSocket, World, wait_until  # noqa: E402

NOBODY = "01a20bd9-adf5-7db6-8d56-d07e88fec5a4"
MARKET = {"provider.enrolled", "provider.online", "provider.offline", "host.benchmarked", "offer.published",
          "offer.withdrawn"}


def is_sanitized():
    with open(BIN + "/tallyd", "rb") as file:
        return b"__asan_init" in file.read()


class Follow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(options=("--feed-stuck-s", "1"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", money=10**10)
        cls.maria = cls.world.person("maria")
        cls.bob = cls.world.person("bob")
        cls.host = cls.world.host(cls.maria)
        cls.operator = cls.world.operator()
        cls.operator_token = cls.operator.token

    @property
    def port(self):
        return self.world.server.port

    def socket(self, who, topics=("all",), after=0, views=False):
        feed = WebSocket(self.port, "/v1/feed?token=" + who.token)
        self.assertEqual(feed.status, 101, feed.head)
        feed.send({"subscribe": {"topics": list(topics), "after": after, "views": views}})
        return feed

    def stream(self, who, topics=("all",), after=0, headers=None):
        feed = EventStream(self.port, "/v1/feed?after=%d&topics=%s&token=%s" % (after, ",".join(topics), who.token), headers)
        self.assertEqual(feed.status, 200, feed.head)
        return feed

    def replay(self, feed):
        """Up to the live marker, and closed."""
        with feed:
            messages = []
            while not (messages and "live" in messages[-1]):
                messages.append(feed.receive())
        self.assertTrue(all("event" in message for message in messages[:-1]))
        return [message["event"] for message in messages[:-1]], messages[-1]["live"]

    def metric(self, name):
        text = self.world.client().get("/metrics").body.decode()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("tally_%s " % name))

    def started_job(self):
        self.host.claim(wait_s=0)  # it is there
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        return job

    def run_job(self):
        job = self.started_job()
        self.host.output(job, 1, "secret words\n")
        self.host.end(job)
        return self.alice.wait_for(job, lambda now: now["settled"])

    # ── the same by both ways ──

    def test_both_ways_show_the_same_events_and_resume_after_the_same_sequence(self):
        self.run_job()
        for who in (self.alice, self.maria, self.bob, self.host, self.operator):
            for topics in (["all"], ["marketplace"], ["chain"], ["marketplace", "all"], ["chain", "all"]):
                one, head = self.replay(self.socket(who, topics))
                two, again = self.replay(self.stream(who, topics))
                self.assertEqual(two[:len(one)], one)
                self.assertGreaterEqual(again, head)
                middle = int(one[len(one) // 2]["id"]) if one else 0
                rest, _ = self.replay(self.stream(who, topics, 0, {"Last-Event-ID": str(middle)}))
                self.assertEqual(rest[:len(one)], [event for event in one if int(event["id"]) > middle])

    def test_an_event_stream_is_one_that_any_client_reads(self):
        feed = self.stream(self.alice)
        head = feed.head.lower()
        self.assertIn("content-type: text/event-stream", head)
        self.assertIn("cache-control: no-store", head)
        feed.receive()
        self.assertEqual(feed.last_id, 0 + int(self.replay(self.socket(self.alice))[0][0]["id"]))
        feed.close()

    def test_an_event_stream_goes_on_live(self):
        feed = self.stream(self.alice)
        while "live" not in feed.receive():
            pass
        upload = self.alice.upload(b"print(1)\n", "live.py")
        event = feed.receive()["event"]
        self.assertEqual((event["type"], event["subject"]), ("upload.received", "upload:" + upload["id"]))
        self.assertEqual(event["data"]["file_name"], "live.py")
        self.assertEqual(feed.last_id, int(event["id"]))
        feed.close()

    def test_bad_questions_are_refused_with_what_would_be_accepted(self):
        for query, status, code in (("topics=escrow:" + NOBODY, 422, "invalid"), ("topics=", 422, "invalid"),
                                    ("topics=all,", 422, "invalid"), ("topics=job:7", 422, "invalid"), ("after=x", 422, "invalid"),
                                    ("after=-1", 422, "invalid"), ("views=1", 422, "invalid"),
                                    ("after=1000000000", 422, "after_beyond_head"),
                                    ("topics=job:" + NOBODY, 404, "no_such_stream"),
                                    ("topics=provider:" + NOBODY, 404, "no_such_stream"),
                                    ("topics=" + ",".join("job:%08x-adf5-7db6-8d56-d07e88fec5a4" % i for i in range(17)), 422, "invalid")):
            answer = self.alice.get("/v1/feed?" + query, headers={"Accept": "text/event-stream"})
            self.assertEqual((answer.status, answer.json["code"]), (status, code), query)
        answer = self.alice.get("/v1/feed", headers={"Accept": "text/event-stream", "Last-Event-ID": "x"})
        self.assertEqual(answer.status, 422)
        answer = self.alice.request("HEAD", "/v1/feed", headers={"Accept": "text/event-stream"})
        self.assertEqual(answer.status, 422)
        self.assertEqual(self.world.client().get("/v1/feed", headers={"Accept": "text/event-stream"}).status, 401)

    # ── who sees what ──

    def test_topics_show_each_role_its_own(self):
        job = self.run_job()
        every, _ = self.replay(self.stream(self.operator))
        self.assertEqual([int(event["id"]) for event in every], list(range(1, len(every) + 1)))
        by_id = {event["id"]: event for event in every}
        seen = {}
        for name, who in (("alice", self.alice), ("maria", self.maria), ("bob", self.bob), ("operator", self.operator)):
            for topic in ("all", "marketplace", "chain", "provider:" + self.maria.account_id):
                seen[name, topic] = [event for event in self.replay(self.stream(who, [topic]))[0] if event["id"] in by_id]
        market = [event["id"] for event in every if event["type"] in MARKET]
        for name in ("alice", "maria", "bob", "operator"):
            self.assertEqual([event["id"] for event in seen[name, "marketplace"]], market)
        # What an offer says to itself in private stays with its owner.
        for event in seen["bob", "marketplace"]:
            self.assertEqual(event["data"], by_id[event["id"]]["data"])
        # The chain: of a job's money its two, nobody else; the operator all.
        for name in ("alice", "maria"):
            types = {event["type"] for event in seen[name, "chain"] if event["data"].get("job_id") == job["id"]}
            self.assertLessEqual({"deposit.observed", "escrow.locked", "payout.signed", "payout.confirmed"}, types)
            self.assertTrue(all(event["subject"].startswith("escrow:") for event in seen[name, "chain"]))
            ids = {event["id"] for event in seen[name, "all"]}
            self.assertTrue(all(event["id"] in ids for event in seen[name, "chain"]))
        self.assertEqual(seen["bob", "chain"], [])
        self.assertLess(len(seen["operator", "chain"]), len(every))
        # A provider: all of its side for itself and the operator, the market's facts for others, and a consumer's own dealings with it.
        topic = "provider:" + self.maria.account_id
        mine = {event["type"] for event in seen["maria", topic]}
        self.assertLessEqual({"offer.published", "job.assigned", "job.output", "payout.confirmed"}, mine)
        self.assertEqual([event["id"] for event in seen["operator", topic]], [event["id"] for event in seen["maria", topic]])
        self.assertEqual({event["type"] for event in seen["bob", topic]}, {event["type"] for event in seen["maria", topic]} & MARKET)
        self.assertIn(job["id"], str(seen["alice", topic]))
        self.assertNotIn(job["id"], str(seen["bob", topic]))
        # Private parts: the two of the job, not the operator.
        self.assertIn("secret words", str(seen["maria", topic]))
        self.assertNotIn("secret words", str(seen["operator", topic]))
        with self.socket(self.bob, ["job:" + job["id"]]) as feed:
            self.assertEqual(feed.receive()[0], 1008)

    def test_an_event_of_several_topics_comes_once(self):
        job = self.run_job()
        topics = ["all", "job:" + job["id"], "chain", "marketplace", "account:" + self.alice.account_id]
        events, _ = self.replay(self.socket(self.alice, topics))
        ids = [int(event["id"]) for event in events]
        self.assertEqual(ids, sorted(set(ids)))
        both = {event["id"] for topic in ("all", "marketplace") for event in self.replay(self.socket(self.alice, [topic]))[0]}
        self.assertLessEqual({str(i) for i in ids}, both)
        self.assertEqual(len(ids), len(both))

    # ── derived views ──

    def test_derived_views_come_marked_with_their_sequence_and_again(self):
        job = self.started_job()
        time.sleep(0.1)  # what is paid for is at most the ledger's time
        self.host.ok("POST", self.host.path(job, "progress"), {"permille": 250, "used_ms": 80, "operation": "half"})
        feeds = {"earnings": self.socket(self.maria, views=True),
                 "job": EventStream(self.port, "/v1/feed?views=true&topics=job:%s&token=%s" % (job["id"], self.alice.token))}
        for name, feed in feeds.items():
            views = []
            head = None
            while len(views) < 2:  # the first when it is live, the next within 5 s
                message = feed.receive()
                head = message.get("live", head)
                if "view" in message:
                    self.assertIsNotNone(head)
                    self.assertEqual(message["view"]["name"], name)
                    self.assertGreaterEqual(message["view"]["sequence"], head)
                    views.append(message["view"]["data"])
            feed.close()
            if name == "earnings":
                self.assertEqual([active["job_id"] for active in views[0]["jobs"]], [job["id"]])
                self.assertGreater(views[0]["running"], 0)
                self.assertEqual(views[0]["running"], views[0]["jobs"][0]["earned"])
            else:
                self.assertEqual((views[0]["job_id"], views[0]["permille"], views[0]["used_ms"]), (job["id"], 250, 80))
                shown = self.alice.ok("GET", "/v1/jobs/" + job["id"])
                self.assertEqual(views[0]["cost"], 80 * shown["rate"] // 3600000)
                self.assertEqual(views[0]["left_ms"], min(240, shown["limit_ms"] - 80))
        with self.socket(self.bob, views=True) as feed:  # another provider's account has its own, empty
            while True:
                message = feed.receive()
                if "view" in message:
                    break
            self.assertEqual((message["view"]["data"]["total"], message["view"]["data"]["jobs"]), (0, []))
        self.host.end(job)
        self.alice.wait_for(job, lambda now: now["settled"])

    # ── one rendering, any number of disconnects, bounded memory ──

    def test_an_event_is_rendered_once_for_all_who_see_the_same(self):
        feeds = [self.socket(self.operator) for _ in range(20)] + [self.stream(self.operator) for _ in range(20)]
        feeds += [self.socket(self.alice) for _ in range(20)]
        for feed in feeds:
            while "live" not in feed.receive():
                pass
        rendered, sent = self.metric("feed_events_rendered_total"), self.metric("feed_events_sent_total")
        self.alice.upload(b"print(3)\n")
        for feed in feeds:
            while feed.receive()["event"]["type"] != "analysis.completed":
                pass
            feed.close()
        self.assertEqual(self.metric("feed_events_sent_total") - sent, 2 * len(feeds))
        self.assertLessEqual(self.metric("feed_events_rendered_total") - rendered, 4)

    def test_thousands_of_disconnects_lose_and_repeat_nothing(self):
        seed = int(os.environ.get("SEED", random.randrange(10**6)))
        print("SEED=%d" % seed)
        dice = random.Random(seed)
        followers = [{"who": (self.operator, self.alice, self.bob)[i % 3], "after": 0, "seen": []} for i in range(12)]
        disconnects = 0

        def follow(follower, pieces):
            """Take up to `pieces` messages, then be gone, sometimes without a word and in the middle of one."""
            kind = dice.choice((self.socket, self.stream))
            feed = kind(follower["who"], dice.choice((["all"], ["all", "chain"])), follower["after"])
            try:
                for _ in range(pieces):
                    message = feed.receive()
                    if "event" in message:
                        follower["after"] = int(message["event"]["id"])
                        follower["seen"].append(follower["after"])
                    else:
                        break  # live
            finally:
                if dice.random() < 0.5:
                    feed.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                feed.close()

        while disconnects < (300 if is_sanitized() else 2000):
            if disconnects % 25 == 0:
                dice.choice((self.alice, self.bob)).upload(b"print(%d)\n" % disconnects)
            feed = dice.choice(followers)
            follow(feed, dice.choice((0, 1, 2, 5, 40)))
            disconnects += 1
        for follower in followers:
            rest, _ = self.replay(self.socket(follower["who"], ["all"], follower["after"]))
            follower["seen"] += [int(event["id"]) for event in rest]
        for follower in followers:
            wanted, after = [], 0  # by pages, not by the feed
            while after is not None:
                page = follower["who"].ok("GET", "/v1/events?limit=500&after=%d" % after)
                wanted += [int(event["id"]) for event in page["items"]]
                after = page["next"]
            if follower["who"] is self.operator:
                self.assertEqual(wanted, list(range(1, len(wanted) + 1)))
            self.assertEqual(follower["seen"], wanted[:len(follower["seen"])])
            self.assertGreaterEqual(len(follower["seen"]) + 2, len(wanted))  # a machine's going offline may have come since

    def test_a_stuck_follower_is_closed_with_1013_and_resumes(self):
        for i in range(40):
            self.alice.upload(b"print(%d)\n" % i, "x" * 190 + ".py")
        stuck = self.metric("feed_followers_stuck_total")
        feed = self.socket(self.alice)
        end = time.monotonic() + 60
        while self.metric("feed_followers_stuck_total") == stuck:  # again and again from the start, reading nothing
            self.assertLess(time.monotonic(), end)
            feed.send({"subscribe": {"topics": ["all"], "after": 0}})
        last = 0
        message = {}
        while isinstance(message, dict):
            if "event" in message:
                last = int(message["event"]["id"])
            message = feed.receive()
        feed.close()
        self.assertEqual(message[0], 1013)
        self.assertIn("after=", message[1])
        events, _ = self.replay(self.socket(self.alice, after=last))
        every, _ = self.replay(self.socket(self.alice))
        self.assertEqual([event for event in every if int(event["id"]) > last], events)

    def test_an_idle_follower_costs_at_most_8_kb(self):
        count = 400
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))

        def own_kib():
            with open("/proc/%d/status" % self.world.server.child.pid) as file:
                return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

        def connect(make):
            feeds = [make(self.alice) for _ in range(count)]
            for feed in feeds:
                while "live" not in feed.receive():
                    pass
            return feeds

        held = []
        for make in (self.socket, self.stream):
            held += connect(make)  # what the allocator keeps from replaying is not theirs
            before = own_kib()
            held += connect(make)
            each = (own_kib() - before) / count
            print("%s: %.1f KiB each" % (make.__name__, each))
            if not is_sanitized():
                self.assertLessEqual(each, 8)
        for feed in held:
            feed.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    unittest.main()
