#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a machine says of itself, and what it is given then: kinds of files, an entry point, its own measurements."""
import http.client
import io
import json
import os
import sys
import unittest
import zipfile

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from tally_harness import LOCAL, World  # noqa: E402


class Claims(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.maria = cls.world.person("maria")
        cls.host = cls.world.host(cls.maria, images=["probe:1", "probe:2"])
        cls.alice = cls.world.person("alice", 10**9)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def claim(self, **body):
        return self.host.post("/v1/workers/claim", {"wait_s": 0, **body})

    def test_a_machine_is_given_only_what_it_can_run(self):  # R11
        job = self.alice.queued_job(self.host, settings={"entry": "src/train.py", "results": "out/model"})
        self.assertEqual(self.claim(kinds=["notebook", "bundle"]).status, 204)
        self.assertEqual(self.claim(kinds=["a_word_of_a_later_version"]).status, 204)
        claimed = self.claim(kinds=["notebook", "python"])
        self.assertEqual((claimed.status, claimed.json["job"]["id"]), (200, job["id"]))
        self.assertEqual((claimed.json["job"]["kind"], claimed.json["job"]["settings"]),
                         ("python", {"entry": "src/train.py", "results": "out/model"}))
        self.host.start(job)
        self.host.end(job, ending="host_fault", reason="kind_not_runnable", worker_ms=0)
        ended = self.alice.wait_for(job, lambda now: now["status"] == "failed")
        self.assertEqual((ended["fault"], ended["reason"], ended["gross"]), ("provider", "kind_not_runnable", 0))
        self.assertEqual((ended["results_folder"], "image" in ended), ("out/model", False))
        seen = self.world.operator().ok("GET", "/v1/jobs/" + job["id"])  # private, as its name is
        self.assertEqual((seen["id"], "file_name" in seen, "results_folder" in seen), (job["id"], False, False))

    def test_a_container_is_quoted_for_a_machine_that_said_it_runs_them_and_for_no_other(self):  # R11
        upload = self.alice.upload(b"FROM localhost/probe:1\n", "Dockerfile")
        wanted = {"upload_id": upload["id"], "offer_id": self.host.offer["id"]}
        self.claim(kinds=["python", "bundle"])
        answer = self.alice.post("/v1/quotes", wanted)
        self.assertEqual((answer.status, answer.json["code"]), (409, "kind_not_runnable"))
        self.assertIn("does not run containers", answer.json["detail"])
        self.claim(kinds=["python", "dockerfile"])
        for image in ("", "--root=/etc", "a b", "scratch", 7, "x" * 256):  # R4.4: as in a Dockerfile
            answer = self.alice.post("/v1/quotes", {**wanted, "settings": {"image": image}})
            self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"), image)
            self.assertEqual(answer.json["errors"][0]["pointer"], "/settings/image")
        named = {"image": "localhost/probe:2"}
        script = {"upload_id": self.alice.upload()["id"], "offer_id": self.host.offer["id"]}
        for path, body in (("/v1/quotes", script), ("/v1/jobs", {"quote_id": self.alice.ok("POST", "/v1/quotes", script)["id"]})):
            answer = self.alice.post(path, {**body, "settings": named})
            self.assertEqual((answer.status, answer.json["code"]), (409, "image_not_used"))
        job = self.alice.queued_job(self.host, content=b"FROM localhost/probe:1\n", name="Dockerfile", quote_settings=named, settings=named)
        self.assertEqual(self.claim(kinds=["python"]).status, 204)
        claimed = self.claim(kinds=["python", "dockerfile"]).json["job"]
        self.assertEqual((claimed["id"], claimed["kind"], claimed["file_name"]), (job["id"], "dockerfile", "Dockerfile"))
        self.assertEqual(claimed["settings"], named)
        created = next(event for event in self.alice.ok("GET", "/v1/jobs/%s/events" % job["id"])["items"] if event["type"] == "job.created")
        self.assertEqual(self.alice.ok("GET", "/v1/jobs/" + job["id"])["image"], named["image"])
        self.assertTrue(created["data"]["other_work"])  # R12.1: in another image it may take another time
        self.host.start(job)
        self.host.end(job, worker_ms=0)
        self.alice.wait_for(job, lambda now: now["status"] == "completed")

    def test_the_entry_of_a_bundle_comes_with_it(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("job/train.py", "import helper\n")
            archive.writestr("job/helper.py", "x = 1\n")
        for settings, entry in ((None, "job/train.py"), ({"entry": "job/helper.py"}, "job/helper.py")):
            job = self.alice.queued_job(self.host, content=out.getvalue(), name="job.zip", settings=settings)
            claimed = self.claim(kinds=["bundle"]).json["job"]
            self.assertEqual((claimed["id"], claimed["kind"], claimed["entry"]), (job["id"], "bundle", entry))
            self.host.start(job)
            self.host.end(job, worker_ms=0)
            self.alice.wait_for(job, lambda now: now["status"] == "completed")

    def waiting(self, host):
        """A connection on which the machine waits for a job."""
        connection = http.client.HTTPConnection(LOCAL, self.world.server.port, timeout=120)
        connection.request("POST", "/v1/workers/claim", json.dumps({"wait_s": 55}),
                           {"Authorization": "Bearer " + host.token, "Content-Type": "application/json"})
        self.addCleanup(connection.close)
        return connection

    def paid_job(self, host):
        """Taken by whoever waits for it before anybody sees it queued."""
        job = self.alice.job(host.offer["id"])
        self.alice.lock(job)
        return job

    def refusals(self):
        text = self.world.client().get("/metrics").body.decode()
        return next(int(line.split(" ")[1]) for line in text.splitlines() if line.startswith("tally_refusals_total "))

    def test_a_machine_that_asks_anew_waits_once(self):  # R11
        first, second = self.waiting(self.host), None
        for _ in range(3):
            second = self.waiting(self.host)
            self.assertEqual(first.getresponse().status, 204)
            first = second
        job = self.paid_job(self.host)
        answer = second.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["job"]["id"]), (200, job["id"]))
        self.host.start(job)
        self.host.end(job, worker_ms=0)

    def test_what_others_do_costs_a_claim_that_cannot_be_served_nothing(self):  # R11: or whoever lets claims wait slows everybody's writes
        idle = [self.world.host(self.maria, "idle %d" % i) for i in range(10)]
        upload = self.alice.upload()
        for host in idle:
            self.waiting(host)
        job = self.alice.queued_job(self.host)  # which is for none of them
        before = self.refusals()
        for _ in range(100):
            self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"ram_mib": 1000}, headers={"If-Match": "*"})
        self.assertLess(self.refusals() - before, 500)  # it were 1000, and one a second of the sweeper
        waits = self.waiting(idle[3])  # refused by now, and still there for what is its own
        mine = self.paid_job(idle[3])
        answer = waits.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["job"]["id"]), (200, mine["id"]))
        for host, own in ((idle[3], mine), (self.host, self.claim().json["job"])):
            host.start(own)
            host.end(own, worker_ms=0)

    def test_kinds_that_are_no_words_are_refused(self):
        for kinds in ([], "python", [1], ["python"] * 33):
            answer = self.claim(kinds=kinds)
            self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"), kinds)

    def test_a_longest_run_is_locked_and_no_more(self):  # R4.4
        wanted = {"upload_id": self.alice.upload()["id"], "offer_id": self.host.offer["id"]}
        estimated = self.alice.ok("POST", "/v1/quotes", wanted)
        for limit in (0, 59999, 2592000001, "60000", 1.5):
            answer = self.alice.post("/v1/quotes", {**wanted, "limit_ms": limit})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "/limit_ms"), limit)
        for limit in (60000, 7200000):
            quote = self.alice.ok("POST", "/v1/quotes", {**wanted, "limit_ms": limit})
            self.assertEqual((quote["p90_ms"], quote["margin_bps"]), (estimated["p90_ms"], 0))
            self.assertEqual(quote["cap"], max(-(-limit * quote["rate"] // 3600000), self.alice.ok("GET", "/v1/terms")["terms"]["lock_min"]))
            self.assertGreaterEqual(quote["limit_ms"], limit)

    def test_an_entry_and_the_folder_of_results_are_paths_inside_the_jobs(self):
        """R4.4: what the worker would not take is refused before a machine is kept busy by it."""
        upload = self.alice.upload()
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.host.offer["id"]})
        for path in ("", "../x.py", "/etc/passwd", 7, "a//b", "a/./b", "a\\b", "a\nb", "x" * 201):
            for name in ("entry", "results"):
                answer = self.alice.post("/v1/jobs", {"quote_id": quote["id"], "settings": {name: path}})
                self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"), path)
                self.assertEqual(answer.json["errors"][0]["pointer"], "/settings/" + name)

    def test_what_a_machine_measured_of_itself_is_an_event(self):
        body = {"benchmark_version": 1, "speed_permille": 870, "detail": "memory 12 GB/s"}
        self.assertEqual(self.host.ok("POST", "/v1/workers/benchmark", body), {})
        events = self.maria.ok("GET", "/v1/events?limit=500")["items"]
        found = [event["data"] for event in events if event["type"] == "host.benchmarked"]
        self.assertEqual([(data["speed_permille"], data["benchmark_version"], data["detail"]) for data in found],
                         [(870, 1, "memory 12 GB/s")])
        self.assertEqual(self.alice.post("/v1/workers/benchmark", body).status, 403)
        self.assertEqual(self.host.post("/v1/workers/benchmark", {**body, "speed_permille": 0}).status, 422)


if __name__ == "__main__":
    unittest.main()
