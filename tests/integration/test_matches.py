#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Matching over HTTP with more than a thousand offers (R3, R17): classes and reasons, orders, the best three, pages; recorded, and computed again
from the log by `tally replay --explain`."""
import hashlib
import http.client
import json
import os
import random
import struct
import subprocess
import sys
import threading
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/support")
from tally_harness import BIN, LOCAL, Host, World  # noqa: E402

OFFERS = 1200
ORDERS = ("value", "price", "performance", "availability")
CLASSES = ("recommended", "compatible", "borderline", "insufficient")
GPU_JOB = b"import torch\nmodel = torch.nn.Linear(10, 10).cuda()\nfor epoch in range(3):\n    model(torch.rand(4, 10).cuda())\n"
HAVE = {"python": "3.11.2", "torch": "2.1.0", "nbclient": "0.7.4"}


def offers_of(seed):
    """GPU offers, among them every kind of unsuitable one."""
    dice = random.Random(seed)
    for number in range(OFFERS):
        device = "cpu" if dice.random() < 0.1 else "gpu"
        gpu = {"gpus": dice.choice((1, 1, 2)), "vram_mib": dice.choice((0, 2048, 6144, 8192, 12288, 24576)),
               "tflops_milli": dice.randrange(0, 90000), "compute_capability": dice.choice((0, 61, 75, 86, 89)),
               "driver": dice.choice(("", "470.57.02", "525.60.13", "550.54.14"))}
        yield {"device": device, "model": "machine %d" % dice.randrange(40), "ram_mib": dice.randrange(4096, 65536),
               "storage_mib": dice.randrange(10000, 200000), "cpu_cores": 8, "speed_permille": dice.randrange(100, 3000),
               "rate": dice.randrange(1000, 5000000), "network_allowed": number % 3 == 0, "packages": HAVE, **(gpu if device == "gpu" else {})}


class Matches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"lease_s": 600}, options=("--offers-per-machine", "0", "--offers-per-provider", "0"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice")
        cls.maria = cls.world.person("maria")
        cls.hosts = [Host(cls.maria, "rig %d" % i) for i in range(6)]
        cls.silent = cls.maria.ok("POST", "/v1/workers/enrol", {"host_name": "silent", "software": "harness"})["host_id"]
        cls.failures = []
        todo = list(enumerate(offers_of(7)))
        threads = [threading.Thread(target=cls.publish, args=(todo[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not cls.failures, cls.failures[0]
        cls.upload = cls.alice.upload(GPU_JOB, "train.py")

    @classmethod
    def publish(cls, offers):
        connection = http.client.HTTPConnection(LOCAL, cls.maria.port, timeout=60)
        for i, offer in offers:
            host = cls.silent if i % 20 == 0 else cls.hosts[i % 6].host_id
            connection.request("POST", "/v1/offers", json.dumps({"host_id": host, **offer}),
                               {"Authorization": "Bearer " + cls.maria.token, "Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read()
            if response.status != 201:
                cls.failures.append(body)
        connection.close()

    def look(self, query="", upload=None):
        return self.alice.ok("GET", "/v1/matches?upload_id=%s%s" % ((upload or self.upload)["id"], query))

    def whole(self, order, upload=None):
        entries, after = [], "0"
        while after is not None:
            page = self.look("&order=%s&limit=500&after=%s" % (order, after), upload)
            entries += page["ranking"]
            after = page["next"]
        return entries, page

    def explain(self, *more):
        done = subprocess.run([BIN + "/tally", "replay", "--data", self.world.data, "--explain", *more],
                              capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    # ── what is shown ──

    def test_every_offer_has_a_class_reasons_a_time_and_a_cost(self):  # R3.1 – R3.4, R3.6, R3.7, P7, P9
        entries, page = self.whole("value")
        self.assertGreater(len(entries), OFFERS)
        self.assertEqual(len(entries), page["offer_count"])
        self.assertEqual(len({entry["offer_id"] for entry in entries}), len(entries))
        self.assertEqual([entry["rank"] for entry in entries], list(range(1, len(entries) + 1)))
        counted = {fit: sum(entry["fit"] == fit for entry in entries) for fit in CLASSES}
        self.assertEqual(page["classes"], counted)
        self.assertTrue(all(counted.values()), counted)
        for entry in entries:
            with self.subTest(entry=entry):
                worst = max(CLASSES.index(reason["fit"]) for reason in entry["reasons"])
                self.assertEqual(CLASSES[worst], entry["fit"])
                self.assertTrue(entry["why"])
                self.assertGreaterEqual(entry["p90_ms"], entry["p50_ms"])
                expected = -(-entry["p50_ms"] * entry["offer"]["rate"] // 3600000)
                self.assertEqual(entry["cost"], max(expected, 1))
                self.assertGreaterEqual(entry["cap"], entry["cost"])
                if entry["fit"] == "insufficient":
                    failed = [reason["text"] for reason in entry["reasons"] if reason["fit"] == "insufficient"]
                    self.assertEqual(entry["why"], "; ".join(failed))
        self.assertTrue(any(";" in entry["why"] for entry in entries if entry["fit"] == "insufficient"))

    def test_why_not_is_counted_by_reason(self):  # R3.4
        page = self.look("&limit=1")
        self.assertEqual(sum(reason["count"] for reason in page["not_suitable"]), page["classes"]["insufficient"])
        by_check = {reason["check"]: reason for reason in page["not_suitable"]}
        self.assertEqual(by_check["online"]["count"], OFFERS // 20)
        self.assertEqual(by_check["online"]["text"], "offline")
        self.assertRegex(by_check["vram"]["text"], r"^needs [0-9.]+ GiB of GPU memory, has 2 GiB( to [0-9.]+ GiB)?$")
        counts = [reason["count"] for reason in page["not_suitable"]]
        self.assertEqual(counts, sorted(counts, reverse=True))

    def test_an_older_driver_than_the_jobs_cuda_needs_is_told_and_not_sold(self):  # R3.1, R3.4
        cells = ["!pip install torch==2.1.0+cu121\n", GPU_JOB.decode()]
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}
        upload = self.alice.upload(json.dumps(book).encode(), "train.ipynb")
        self.assertEqual((upload["analysis"]["requirements"]["cuda"], upload["analysis"]["requirements"]["driver"]), ("12.1", "525.60.13"))
        claims = [item for item in upload["analysis"]["evidence"] if "CUDA 12.1" in item["claim"]]
        self.assertEqual([item["words"] for item in claims], ["!pip install torch==2.1.0+cu121"])
        entries, page = self.whole("value", upload)
        self.assertEqual(page["needs"]["driver"], "525.60.13")
        fits = {"": "borderline", "470.57.02": "insufficient", "525.60.13": "recommended", "550.54.14": "recommended"}
        told = {entry["offer"]["driver"]: reason for entry in entries if entry["offer"]["device"] == "gpu"
                for reason in entry["reasons"] if reason["check"] == "driver"}
        self.assertEqual({driver: reason["fit"] for driver, reason in told.items()}, fits)
        self.assertEqual(told["470.57.02"]["text"], "needs driver 525.60.13, has 470.57.02")
        alone = next(entry for entry in entries if entry["why"] == told["470.57.02"]["text"])
        question = {"upload_id": upload["id"], "offer_id": alone["offer_id"]}
        refused = self.alice.post("/v1/quotes", question)
        self.assertEqual((refused.status, refused.json["code"]), (409, "offer_insufficient"))
        self.assertIn("needs driver 525.60.13, has 470.57.02", refused.json["detail"])
        path = "/v1/analyses/%s/override" % upload["id"]
        bad = self.alice.post(path, {"driver": "the newest"})
        self.assertEqual((bad.status, bad.json["errors"][0]["pointer"]), (422, "/driver"))
        self.assertEqual(self.alice.ok("POST", path, {"driver": "470"})["effective"]["driver"], "470.00")
        self.assertEqual(self.alice.post("/v1/quotes", question).status, 201)
        self.assertEqual(self.alice.ok("POST", path, {"driver": ""}, headers={"If-Match": "*"})["effective"]["driver"], "")
        self.assertFalse([reason for entry in self.whole("value", upload)[0] for reason in entry["reasons"] if reason["check"] == "driver"])

    def test_orders_and_pages(self):  # R3.5, P8
        def price(entry):
            return entry["cost"], entry["p50_ms"], entry["offer_id"]

        def time(entry):
            return entry["p50_ms"], entry["cost"], entry["offer_id"]
        default = self.look("&limit=500")["ranking"]
        for order in ORDERS:
            entries, page = self.whole(order)
            self.assertEqual(page["order"], order)
            fitting = [entry for entry in entries if entry["fit"] != "insufficient"]
            self.assertEqual(entries[:len(fitting)], fitting)  # what cannot be had comes last
            if order == "value":
                self.assertEqual(default, entries[:500])
                scores = [entry["score"] for entry in fitting]
                self.assertEqual(scores, sorted(scores, reverse=True))
                self.assertEqual((scores[0], entries[-1]["score"]), (100, 0))
            if order == "price":
                self.assertEqual(fitting, sorted(fitting, key=price))
            if order == "performance":
                self.assertEqual(fitting, sorted(fitting, key=time))
        self.assertEqual(self.look("&after=1000000")["ranking"], [])

    def test_the_best_three_stand_side_by_side(self):  # R3.8
        best = self.look()["best"]
        self.assertEqual([one["picked_as"] for one in best], ["best_value", "fastest", "cheapest"])
        self.assertEqual(len({one["match"]["offer_id"] for one in best}), 3)
        self.assertEqual(sorted(title for one in best for title in one["best_at"]), ["best_value", "cheapest", "fastest"])
        by_time, _ = self.whole("performance")
        by_price, _ = self.whole("price")
        value = best[0]["match"]["offer_id"]
        self.assertEqual(best[1]["match"]["offer_id"], next(e["offer_id"] for e in by_time if e["offer_id"] != value))
        self.assertEqual(best[2]["match"]["offer_id"], next(
            e["offer_id"] for e in by_price if e["offer_id"] not in (value, best[1]["match"]["offer_id"])))

    def test_a_machine_with_a_job_says_so_and_comes_later_by_availability(self):
        busy = self.world.host(self.maria, "busy rig", rate=1)
        self.world.chain.fund(self.alice.identity, 10 ** 9)
        job = self.alice.queued_job(busy)
        cpu = self.alice.upload()

        def entry():
            entries, _ = self.whole("availability", cpu)
            mine = next(e for e in entries if e["offer_id"] == busy.offer["id"])
            return mine, {reason["check"]: reason for reason in mine["reasons"]}
        mine, reasons = entry()
        self.assertEqual((reasons["queue"]["fit"], reasons["queue"]["text"]),
                         ("compatible", "the machine is free, 1 waits for it"))
        busy.claim_and_start(job)
        mine, reasons = entry()
        self.assertEqual(reasons["queue"]["text"], "the machine has a job")
        self.assertGreater(mine["rank"], 100)
        busy.end(job, ending="host_fault", reason="sandbox_failed")
        mine, reasons = entry()
        self.assertEqual(reasons["queue"]["text"], "the machine is free")
        self.assertEqual((reasons["reliability"]["fit"], reasons["reliability"]["text"]),
                         ("compatible", "lost 1 of 1 job"))

    def test_what_is_insufficient_cannot_be_quoted_and_what_is_not_told_can(self):  # R3.3, R3.4
        entries, _ = self.whole("value")
        online = [entry for entry in entries if entry["offer"]["online"]]
        worst = next(entry for entry in online if entry["fit"] == "insufficient" and "; " in entry["why"])
        answer = self.alice.post("/v1/quotes", {"upload_id": self.upload["id"], "offer_id": worst["offer_id"]})
        self.assertEqual((answer.status, answer.json["code"]), (409, "offer_insufficient"))
        self.assertEqual(answer.json["detail"], "this machine does not fit: " + worst["why"])
        silent = next(entry for entry in online if entry["fit"] == "borderline" and "does not say how much" in entry["why"])
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": self.upload["id"], "offer_id": silent["offer_id"]})
        self.assertEqual((quote["p50_ms"], quote["p90_ms"], quote["cap"]), (silent["p50_ms"], silent["p90_ms"], silent["cap"]))

    def test_a_job_that_asks_for_a_network_gets_it_only_where_the_offer_allows_one(self):  # R11, R3.3, R3.4
        plain = {entry["offer_id"]: entry for entry in self.whole("value")[0]}
        page, after = [], "0"
        while after is not None:
            part = self.look("&network=true&limit=500&after=%s" % after)
            page, after = page + part["ranking"], part["next"]
        self.assertIs(part["needs"]["network"], True)
        self.assertIs(self.look("&network=false")["needs"]["network"], False)
        for entry in page:
            before = plain[entry["offer_id"]]
            self.assertEqual((entry["p50_ms"], entry["p90_ms"], entry["cost"], entry["cap"]), (before["p50_ms"], before["p90_ms"], before["cost"], before["cap"]))
            if entry["offer"]["network_allowed"]:
                self.assertEqual(entry["fit"], before["fit"])
            else:
                self.assertEqual(entry["fit"], "insufficient")
                self.assertIn("needs a network, gives jobs none", entry["why"])
        self.assertGreater(sum(reason["count"] for reason in part["not_suitable"] if reason["check"] == "network"), 100)
        bad = self.alice.get("/v1/matches?upload_id=%s&network=1" % self.upload["id"])
        self.assertEqual((bad.status, bad.json["code"]), (422, "network_invalid"))
        recorded = self.alice.ok("POST", "/v1/matches?limit=1", {"upload_id": self.upload["id"], "network": True})
        status, out, errors = self.explain("--json", recorded["id"])
        self.assertEqual((status, json.loads(out)["equal"]), (0, True), errors)
        self.assertIn(", a network", self.explain(recorded["id"])[1])

    def test_a_job_with_a_network_is_refused_sold_and_given_out_by_what_was_allowed(self):  # R11
        self.world.chain.fund(self.alice.identity, 10 ** 9)
        closed, open_rig = self.world.host(self.maria, "closed rig"), self.world.host(self.maria, "open rig", network_allowed=True)
        self.assertEqual((closed.offer["network_allowed"], open_rig.offer["network_allowed"]), (False, True))
        upload, asking = self.alice.upload(), {"network": True}
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": closed.offer["id"], "settings": {"network": False}})
        for path, body in (("/v1/quotes", {"upload_id": upload["id"], "offer_id": closed.offer["id"], "settings": asking}),
                           ("/v1/jobs", {"quote_id": quote["id"], "settings": asking})):
            refused = self.alice.post(path, body)
            self.assertEqual((refused.status, refused.json["code"]), (409, "network_not_allowed"))
        bad = self.alice.post("/v1/jobs", {"quote_id": quote["id"], "settings": {"network": "yes"}})
        self.assertEqual((bad.status, bad.json["errors"][0]["pointer"]), (422, "/settings/network"))
        job = self.alice.queued_job(open_rig, settings=asking)
        self.assertEqual([self.alice.ok("GET", "/v1/jobs/" + each["id"])["network"] for each in (job, self.alice.job(open_rig.offer["id"]))], [True, False])
        self.assertEqual(open_rig.post("/v1/workers/claim", {"wait_s": 0}).status, 204)  # a worker that was started without
        order = open_rig.ok("POST", "/v1/workers/claim", {"wait_s": 25, "network": True})
        self.assertEqual((order["job"]["id"], order["job"]["settings"]), (job["id"], asking))

    # ── what is recorded ──

    def test_a_recorded_match_is_computed_again_from_the_log(self):  # R3.5, R16.1
        first = self.alice.ok("POST", "/v1/matches?order=price&limit=3", {"upload_id": self.upload["id"]})
        self.assertEqual(len(first["ranking"]), 3)
        self.maria.ok("POST", "/v1/offers", {"host_id": self.hosts[0].host_id, **Host.OFFER, "rate": 1})  # the market goes on
        second = self.alice.ok("POST", "/v1/matches", {"upload_id": self.upload["id"]})
        self.assertNotEqual(first["digest"], second["digest"])
        for match, more in ((first, [first["id"]]), (second, [])):
            status, out, errors = self.explain("--json", *more)
            self.assertEqual(status, 0, errors)
            said = json.loads(out)
            self.assertEqual((said["match"], said["equal"], said["difference"]), (match["id"], True, None))
            self.assertEqual((said["recorded"], said["computed"]), (match["digest"],) * 2)
            self.assertEqual(said["computed_at"], match["computed_at"])
        status, out, errors = self.explain(first["id"])
        self.assertEqual(status, 0, errors)
        self.assertIn("equal: the ranking follows from the log", out)
        best = first["best"][0]["match"]
        line = next(line for line in out.splitlines() if best["offer_id"] in line)
        self.assertIn(best["why"], line)

    def test_a_match_of_an_overridden_upload_is_computed_again_too(self):  # R2, R16.1
        upload = self.alice.upload(b"import torch\nfrom torchvision import datasets\nd = datasets.MNIST('x')\n", "again.py")
        before = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"]})
        self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"p50_ms": 1, "p90_ms": 1, "vram_mib": 1})
        after = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"]})
        self.assertNotEqual(before["digest"], after["digest"])
        for entry in after["ranking"]:
            if entry["fit"] != "insufficient":  # however short it is called, a lock is the minimum and a cost above zero
                self.assertGreaterEqual((entry["p50_ms"], entry["cost"]), (1, 1))
                self.assertGreaterEqual(entry["cap"], self.alice.ok("GET", "/v1/terms")["terms"]["lock_min"])
        for match in (before, after):  # the first by the needs that counted then
            status, out, errors = self.explain("--json", match["id"])
            self.assertEqual(status, 0, errors)
            self.assertTrue(json.loads(out)["equal"])

    def test_the_digest_is_of_the_rows_that_the_page_documents(self):  # docs/matching.md
        match = self.alice.ok("POST", "/v1/matches", {"upload_id": self.upload["id"]})
        entries, page = self.whole("value")
        self.assertEqual(page["offer_count"], match["offer_count"])
        digest = hashlib.sha256()
        for entry in entries:
            digest.update(uuid.UUID(entry["offer_id"]).bytes + struct.pack(
                ">B4Q", 1 + CLASSES.index(entry["fit"]), entry["score"], entry["p50_ms"], entry["p90_ms"],
                2 ** 63 - 1 if entry["cost"] is None else entry["cost"]))
        self.assertEqual(digest.hexdigest(), match["digest"])

    def test_a_repeated_request_is_answered_with_what_was_recorded(self):
        body, key = {"upload_id": self.upload["id"]}, {"Idempotency-Key": "once"}
        first = self.alice.ok("POST", "/v1/matches", body, headers=key)
        self.maria.ok("POST", "/v1/offers", {"host_id": self.hosts[1].host_id, **Host.OFFER})
        again = self.alice.post("/v1/matches", body, headers=key)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        again = again.json
        for name in ("id", "upload_id", "computed_at", "offer_count", "digest", "algorithm_version"):
            self.assertEqual(again[name], first[name], name)
        self.assertEqual([entry["offer_id"] for entry in again["ranking"]],
                         [entry["offer_id"] for entry in first["ranking"][:16]])

    def test_only_post_writes(self):
        head = self.world.head()
        self.look()
        self.assertEqual(self.world.head(), head)
        self.alice.ok("POST", "/v1/matches", {"upload_id": self.upload["id"]})
        self.assertEqual(self.world.head(), head + 1)

    # ── bad input ──

    def test_bad_questions_are_told_what_would_be_accepted(self):
        def problem(answer):
            return answer.status, answer.json["code"], answer.json["detail"]
        path = "/v1/matches?upload_id=" + self.upload["id"]
        status, code, detail = problem(self.alice.get(path + "&order=colour"))
        self.assertEqual((status, code), (422, "filter_invalid"))
        self.assertIn("value, price, performance, availability", detail)
        self.assertEqual(problem(self.alice.get(path + "&limit=501"))[:2], (422, "limit_invalid"))
        self.assertEqual(problem(self.alice.get(path + "&after=-1"))[:2], (422, "cursor_invalid"))
        self.assertEqual(problem(self.alice.get("/v1/matches"))[:2], (422, "upload_id_invalid"))
        self.assertEqual(problem(self.maria.get(path))[:2], (404, "no_such_upload"))
        self.assertEqual(self.alice.get(path, token=False).status, 401)
        for arguments, status, text in ((("019234aa",), 2, "tally replay:"), ((self.upload["id"],), 1, "no match")):
            code, _, errors = self.explain(*arguments)
            self.assertEqual(code, status)
            self.assertIn(text, errors)
        done = subprocess.run([BIN + "/tally", "replay", "--data", self.world.data, self.upload["id"]],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is only expected after --explain", done.stderr)


if __name__ == "__main__":
    unittest.main()
