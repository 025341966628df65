# SPDX-License-Identifier: Apache-2.0
"""What was measured: the last seconds of it, and windows that say the same as the samples they are made of (R7.3, R8.1, P23)."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402

SEED = int(os.environ.get("TALLY_TEST_SEED", "20261125"))
GAUGES = ("cpu_permille", "ram_mib", "ram_total_mib", "gpu_permille", "vram_mib", "vram_total_mib", "temperature_c", "power_mw")


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("seed %d" % SEED)
        draw = random.Random(SEED)
        cls.world = World()
        cls.alice = cls.world.person("alice", money=10**10)
        cls.host = cls.world.host(cls.world.person("maria"))
        cls.job = cls.alice.queued_job(cls.host)
        cls.host.claim_and_start(cls.job)
        cls.samples = []
        for _ in range(40):  # an hour and more, in steps of 2 to 8 s
            report = []
            for _ in range(20):
                at = (cls.samples[-1]["at_ms"] if cls.samples else 0) + draw.randrange(2000, 8000)
                cls.samples.append({"at_ms": at, **{name: draw.randrange(1000) for name in GAUGES}})
                report.append(cls.samples[-1])
            cls.host.ok("POST", cls.host.path(cls.job, "metrics"), {"samples": report})

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def get(self, query):
        return self.alice.ok("GET", "/v1/jobs/%s/metrics?%s" % (self.job["id"], query))

    def windows(self, query):
        items, after = [], 0
        while after is not None:
            page = self.get("%s&after=%d" % (query, after))
            items += page["items"]
            after = page["next"]
        return items

    def test_the_last_minute_is_the_last_minute(self):
        for seconds in (1, 60, 300):
            border = self.samples[-1]["at_ms"] - seconds * 1000
            wanted = [sample["at_ms"] for sample in self.samples if sample["at_ms"] > border]
            self.assertEqual([item["at_ms"] for item in self.get("last_s=%d" % seconds)["items"]], wanted)

    def test_windows_are_made_of_their_samples_over_all_pages(self):
        for seconds, limit in ((10, 500), (60, 7), (600, 3), (3600, 1), (1, 100)):
            wanted = {}
            for number, sample in enumerate(self.samples, 1):
                wanted.setdefault(sample["at_ms"] // (seconds * 1000), []).append((number, sample))
            got = self.windows("window_s=%d&limit=%d" % (seconds, limit))
            self.assertEqual(len(got), len(wanted), seconds)
            for window, (index, members) in zip(got, sorted(wanted.items())):
                self.assertEqual((window["from_ms"], window["until_ms"]), (index * seconds * 1000, (index + 1) * seconds * 1000))
                self.assertEqual((window["first"], window["last"], window["samples"]), (members[0][0], members[-1][0], len(members)))
                for name in GAUGES:
                    values = [sample[name] for _, sample in members]
                    self.assertEqual(window[name], {"average": sum(values) // len(values), "most": max(values)}, name)

    def test_without_either_it_is_sample_by_sample(self):
        self.assertEqual([item["number"] for item in self.get("limit=3")["items"]], [798, 799, 800])
        page = self.get("limit=3&after=5")
        self.assertEqual(([item["number"] for item in page["items"]], page["next"]), ([6, 7, 8], 8))
        self.assertEqual({name: page["items"][0][name] for name in GAUGES}, {name: self.samples[5][name] for name in GAUGES})

    def test_what_cannot_be_asked_is_refused_by_name(self):
        for query, word in (("last_s=0", "last_s"), ("window_s=3601", "window_s"), ("window_s=x", "window_s"),
                            ("last_s=60&window_s=10", "last_s"), ("last_s=60&after=1", "last_s")):
            answer = self.alice.get("/v1/jobs/%s/metrics?%s" % (self.job["id"], query))
            self.assertEqual((answer.status, answer.json["code"]), (422, "parameter_invalid"), query)
            self.assertIn(word, answer.json["detail"])


if __name__ == "__main__":
    unittest.main()
