# SPDX-License-Identifier: Apache-2.0
"""What was measured: the last seconds of it, and windows that say the same as the samples they are made of (R7.3, R8.1, P23)."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402

SEED = int(os.environ.get("TALLY_TEST_SEED", "20261125"))
TROUBLES = ("gpu_idle", "applications_clocks", "sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal", "hw_power_brake", "display_clocks")
MAY_BE_UNKNOWN = ("fan_percent", "sm_clock_mhz", "memory_clock_mhz")
GAUGES = ("cpu_permille", "ram_mib", "ram_total_mib", "gpu_permille", "vram_mib", "vram_total_mib", "temperature_c", "power_mw")


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("seed %d" % SEED)
        draw = random.Random(SEED)
        cls.world = World()
        cls.alice = cls.world.person("alice", money=10**10)
        cls.host = cls.world.host(cls.world.person("maria"))
        cls.host_of_many = cls.world.host(cls.world.person("otto"))
        cls.job = cls.alice.queued_job(cls.host)
        cls.host.claim_and_start(cls.job)
        cls.samples = []
        for _ in range(40):  # an hour and more, in steps of 2 to 8 s
            report = []
            for _ in range(20):
                at = (cls.samples[-1]["at_ms"] if cls.samples else 0) + draw.randrange(2000, 8000)
                cls.samples.append({"at_ms": at, **{name: draw.randrange(1000) for name in GAUGES},
                                    **{name: draw.randrange(3) for name in MAY_BE_UNKNOWN if draw.randrange(3) == 0},
                                    **({"throttle_reasons": draw.randrange(1024)} if draw.randrange(4) == 0 else {}),
                                    **({"xid": draw.choice((0, 0, 31, 79))} if draw.randrange(4) == 0 else {})})
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

    def test_a_machine_cannot_fill_the_log_with_samples(self):
        """The log is for ever and everybody's: what one job puts into it has an end, as its output has."""
        job = self.alice.queued_job(self.host_of_many)
        self.host_of_many.claim_and_start(job)
        report = {"metrics": {"samples": [{"at_ms": 1}] * 64}}
        taken = 0
        for _ in range(30):  # which is nearly three times as many
            answer = self.host_of_many.post(self.host_of_many.path(job, "reports"), {"reports": [report] * 64})
            if answer.status != 200:
                break
            taken += 64 * 64
        self.assertEqual((answer.status, answer.json["code"]), (429, "too_many_samples"))
        self.assertGreaterEqual(taken, 43200 - 64 * 64)
        self.host_of_many.output(job, 1, "and the job goes on\n")
        self.host_of_many.end(job)

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
                told = [sample for _, sample in members]
                for name in MAY_BE_UNKNOWN:
                    values = [sample[name] for sample in told if name in sample]
                    self.assertEqual(window[name], {"average": sum(values) // len(values), "most": max(values)} if values else None, name)
                self.assertEqual(window["throttle_reasons"], self.words_of(told))
                xids = [sample["xid"] for sample in told if "xid" in sample]
                self.assertEqual(window["xid"], ([xid for xid in xids if xid != 0] or [0])[-1] if xids else None)

    @staticmethod
    def words_of(samples):
        told = [sample["throttle_reasons"] for sample in samples if "throttle_reasons" in sample]
        return [word for bit, word in enumerate(TROUBLES) if any(bits >> bit & 1 for bits in told)] if told else None

    def test_a_zero_that_was_said_is_not_an_unknown_one(self):
        page, after = [], 0
        while after is not None:
            got = self.get("after=%d" % after)
            page, after = page + got["items"], got["next"]
        self.assertEqual(len(page), len(self.samples))
        for item, sample in zip(page, self.samples):
            for name in MAY_BE_UNKNOWN + ("xid",):
                self.assertEqual(item[name], sample.get(name), name)
            self.assertEqual(item["throttle_reasons"], self.words_of([sample]))

    def test_samples_are_recorded_as_version_2(self):
        events = self.alice.ok("GET", "/v1/jobs/%s/events?limit=200" % self.job["id"])["items"]
        sampled = [event for event in events if event["type"] == "metric.sampled"]
        self.assertEqual({event["typeversion"] for event in sampled}, {2})
        first = sampled[0]["data"]["samples"]
        for said, sample in zip(first, self.samples):
            known = sum(bit for bit, name in ((1, "fan_percent"), (2, "sm_clock_mhz"), (4, "memory_clock_mhz"), (8, "throttle_reasons"), (16, "xid"))
                        if name in sample)
            self.assertEqual((said["known"], said["throttle_reasons"], said["fan_percent"]),
                             (known, sample.get("throttle_reasons", 0), sample.get("fan_percent", 0)))

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
