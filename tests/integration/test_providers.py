# SPDX-License-Identifier: Apache-2.0
"""What is told of a provider and its offers' place (R9.7), and totals that open into their events (R9.1, R10.6)."""
import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World, wait_until  # noqa: E402


class Providers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world = World()
        cls.addClassCleanup(world.close)
        cls.alice = world.person("alice", money=10**10, scopes=["consumer"])
        cls.maria, cls.otto = (world.person(name, scopes=["provider"]) for name in ("maria", "otto"))
        cls.rig = world.host(cls.maria, rate=3600000)
        cls.wrecks = [world.host(cls.otto, "wreck %d" % i, rate=rate) for i, rate in enumerate((3600001, 3600000, 9 * 10**6, 2 * 10**6))]
        cls.other = world.host(cls.otto, "other", model="another CPU", rate=1000)
        cls.jobs = []
        for stars in (5, 2):
            job = cls.alice.queued_job(cls.rig)
            cls.rig.claim_and_start(job)
            time.sleep(0.005)  # some milliseconds are used and paid
            cls.rig.end(job, worker_ms=10**6)
            cls.jobs.append(cls.alice.wait_for(job, lambda now: now["settled"]))
            cls.alice.ok("POST", "/v1/jobs/%s/rating" % job["id"], {"stars": stars})

    def refused(self, answer, status, code, *words):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        for word in words:
            self.assertIn(word, answer.json["detail"])

    def test_a_provider_is_known_by_what_it_did(self):
        shown = self.alice.ok("GET", "/v1/providers/" + self.maria.account_id)
        own = self.maria.ok("GET", "/v1/earnings")
        for name in ("jobs_completed", "jobs_ended", "ratings", "stars"):
            self.assertEqual(shown[name], own[name])
        self.assertEqual((shown["ratings"], shown["stars"], shown["machines"], shown["machines_online"], shown["offers"]), (2, 7, 1, 1, 1))
        self.assertEqual(self.alice.ok("GET", "/v1/providers/" + self.otto.account_id)["offers"], 5)
        self.refused(self.alice.get("/v1/providers/" + self.alice.account_id), 404, "no_such_provider")

    def test_offers_are_listed_by_what_they_are_and_how_their_machine_is(self):
        gpus = self.world.host(self.world.person("gina", scopes=["provider"]), "gpus", device="gpu", model="NVIDIA A10", gpus=1, vram_mib=24000)
        busy = self.alice.queued_job(self.wrecks[0])
        self.wrecks[0].claim_and_start(busy)
        whoever = self.world.client()

        def listed(query):
            items, after = [], ""
            while after is not None:
                page = whoever.ok("GET", "/v1/offers?limit=2%s%s" % (query, after))
                items += page["items"]
                after = "&after=" + page["next"] if page["next"] else None
            return items
        for query, wanted in (("", lambda o: True), ("&device=gpu", lambda o: o["device"] == "gpu"), ("&device=cpu", lambda o: o["device"] == "cpu"),
                              ("&busy=true", lambda o: o["busy"]), ("&busy=false&device=cpu", lambda o: not o["busy"] and o["device"] == "cpu"),
                              ("&online=true", lambda o: o["online"]), ("&online=false", lambda o: not o["online"])):
            def same(query=query, wanted=wanted):
                return listed(query) == [offer for offer in listed("") if wanted(offer)]
            wait_until(same, "the offers of '%s', while machines come and go" % query)
        self.assertEqual([offer["id"] for offer in listed("&device=gpu")], [gpus.offer["id"]])
        self.assertEqual([offer["id"] for offer in listed("&busy=true")], [self.wrecks[0].offer["id"]])
        for query in ("device=tpu", "online=maybe", "busy=1"):
            self.refused(whoever.get("/v1/offers?" + query), 422, "filter_invalid", "is one of")
        self.wrecks[0].end(busy, worker_ms=1)
        self.alice.wait_for(busy, lambda now: now["settled"])

    def test_an_offer_stands_among_those_of_its_kind(self):
        place = lambda item: (item["offer"]["rate"], item["rank"], item["alike"], item["cheapest"], item["middle"])
        # 2,000,000  3,600,000 twice  3,600,001  9,000,000
        self.assertEqual([place(item) for item in self.maria.ok("GET", "/v1/offers/standing")["items"]],
                         [(3600000, 2, 5, 2 * 10**6, 3600000)])
        self.assertEqual([place(item) for item in self.otto.ok("GET", "/v1/offers/standing")["items"]],
                         [(3600001, 4, 5, 2 * 10**6, 3600000), (3600000, 2, 5, 2 * 10**6, 3600000), (9 * 10**6, 5, 5, 2 * 10**6, 3600000),
                          (2 * 10**6, 1, 5, 2 * 10**6, 3600000), (1000, 1, 1, 1000, 1000)])
        first = self.otto.ok("GET", "/v1/offers/standing")["items"][0]
        self.assertEqual(self.otto.ok("GET", "/v1/offers/standing?after=%d" % (2**62))["items"], [])
        self.assertIn(first["offer"]["id"], [offer["id"] for offer in self.alice.ok("GET", "/v1/offers")["items"]])

    def test_whoever_asks_at_once_is_told_the_same_and_who_goes_harms_nobody(self):
        path = "/v1/offers/standing"
        wanted = self.otto.ok("GET", path)
        told = []

        def ask():
            with socket.create_connection(("127.0.0.1", self.world.server.port)) as gone:
                gone.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (path, self.otto.token)).encode())
            told.append(self.otto.get(path))
        askers = [threading.Thread(target=ask) for _ in range(32)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        self.assertEqual(len(told), 32)
        for answer in told:
            if answer.status != 200:  # more than are let wait
                self.refused(answer, 503, "busy")
            else:
                self.assertEqual(answer.json, wanted)
        self.assertEqual(self.otto.ok("GET", path), wanted)

    def test_a_total_opens_into_the_events_that_it_is_the_sum_of(self):
        statement = "/v1/accounts/%s/statement" % self.maria.account_id
        earned = self.maria.ok("GET", "/v1/earnings")
        lines = self.maria.ok("GET", statement + "?type=payout.confirmed")["items"]
        self.assertEqual([line["amount"] for line in lines], [job["payout"] for job in reversed(self.jobs)])
        self.assertEqual((earned["total"], sum(day["amount"] for day in earned["by_day"])), (sum(line["amount"] for line in lines),) * 2)
        newest, oldest = lines
        listed = lambda query: [line["sequence"] for line in self.maria.ok("GET", statement + query)["items"]]
        self.assertEqual(listed("?from=" + newest["at"]), [newest["sequence"]])
        self.assertEqual(listed("?until=" + newest["at"]), [oldest["sequence"]])
        self.assertEqual(listed("?from=%s&until=%s&type=payout.confirmed" % (oldest["at"], newest["at"])), [oldest["sequence"]])
        self.assertEqual(listed("?type=refund.confirmed"), [])
        page = self.maria.ok("GET", statement + "?limit=1&type=payout.confirmed")
        self.assertEqual(page["next"], newest["sequence"])
        self.assertEqual(self.maria.ok("GET", statement + "?limit=1&before=%d" % page["next"]), {"items": [oldest], "next": None})
        self.refused(self.maria.get(statement + "?type=payout"), 422, "filter_invalid", "payout.confirmed")
        self.refused(self.maria.get(statement + "?from=yesterday"), 422, "filter_invalid", "from")

    def test_a_quote_is_shown_again_with_its_job(self):
        job = self.jobs[0]
        upload = self.alice.upload()
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.rig.offer["id"]})
        self.assertEqual(self.alice.ok("GET", "/v1/quotes/" + quote["id"]), {**quote, "job_id": None})
        self.assertEqual(self.alice.ok("GET", "/v1/quotes/" + job["quote_id"])["job_id"], job["id"])
        self.refused(self.alice.get("/v1/quotes/" + job["id"]), 404, "no_such_quote")


if __name__ == "__main__":
    unittest.main()
