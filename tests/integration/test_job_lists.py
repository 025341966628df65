# SPDX-License-Identifier: Apache-2.0
"""Lists of jobs by date, type and state: every page holds what fits and nothing else, and the cursor leads through all of it."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402

MNIST = b"from torchvision import datasets\nimport torch\ndata = datasets.MNIST('data')\nmodel = torch.nn.Linear(784, 10)\nfor epoch in range(5):\n    pass\n"


class JobLists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"lock_min": 1})
        cls.alice = cls.world.person("alice")
        host = cls.world.host(cls.world.person("maria"), tflops_milli=10**6)
        cls.jobs = []
        for number in range(6):
            if number % 2 == 0:
                job = cls.alice.job(host.offer["id"])
            else:
                upload = cls.alice.upload(MNIST, "mnist.py")
                assert upload["analysis"]["job_type"] == "mnist", upload
                cls.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"device": "cpu"})
                quote = cls.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": host.offer["id"]})
                job = cls.alice.ok("POST", "/v1/jobs", {"quote_id": quote["id"]})
            cls.jobs.append(job)
            cls.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})  # an account has few unpaid ones
            time.sleep(0.002)  # times of the ledger differ

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def list(self, query):
        """Numbers of the jobs, over all pages of two."""
        numbers = {job["id"]: number for number, job in enumerate(self.jobs)}
        seen, before = [], ""
        while True:
            page = self.alice.ok("GET", "/v1/jobs?limit=2%s%s" % (query, before))
            self.assertLessEqual(len(page["items"]), 2)
            seen += [numbers[job["id"]] for job in page["items"]]
            if page["next"] is None:
                return seen
            before = "&before=%d" % page["next"]

    def test_without_filters_all_newest_first(self):
        self.assertEqual(self.list(""), [5, 4, 3, 2, 1, 0])

    def test_by_type(self):
        self.assertEqual(self.list("&job_type=mnist"), [5, 3, 1])
        self.assertEqual(self.list("&job_type=speech"), [])

    def test_by_date(self):
        second, fifth = self.jobs[1]["created_at"], self.jobs[4]["created_at"]
        self.assertEqual(self.list("&from=" + second), [5, 4, 3, 2, 1])
        self.assertEqual(self.list("&until=" + fifth), [3, 2, 1, 0])
        self.assertEqual(self.list("&from=%s&until=%s" % (second, fifth)), [3, 2, 1])
        self.assertEqual(self.list("&from=%s&until=%s&job_type=mnist" % (second, fifth)), [3, 1])

    def test_by_state(self):
        self.assertEqual(self.list("&status=cancelled&job_type=mnist"), [5, 3, 1])
        self.assertEqual(self.list("&status=running"), [])

    def test_what_is_no_filter_is_refused_by_name(self):
        for query, word in (("job_type=dance", "mnist"), ("from=yesterday", "2026-"), ("until=1", "2026-")):
            answer = self.alice.get("/v1/jobs?" + query)
            self.assertEqual((answer.status, answer.json["code"]), (422, "filter_invalid"), query)
            self.assertIn(word, answer.json["detail"])


if __name__ == "__main__":
    unittest.main()
