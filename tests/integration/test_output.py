# SPDX-License-Identifier: Apache-2.0
"""A job's output by pages of as many batches as were asked for, from a line on or backwards from the end; both ways give the same (R7.4)."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402

LINES = (3, 1, 10, 1, 1, 2, 5, 1, 40, 1, 7, 1)  # of each batch
LARGE = 16000


class Output(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.alice = cls.world.person("alice", money=10**10)
        maria = cls.world.person("maria")
        cls.host, cls.other = cls.world.host(maria), cls.world.host(maria, "other")
        cls.job = cls.started(cls.host)
        cls.batches, line = [], 1
        for count in LINES:
            text = "".join("line %d\n" % (line + i) for i in range(count))
            cls.host.output(cls.job, line, text, "stderr" if count == 1 else "stdout")
            cls.batches.append((line, count, text))
            line += count
        cls.last = line - 1

    @classmethod
    def started(cls, host):
        job = cls.alice.queued_job(host)
        host.claim_and_start(job)
        return job

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def page(self, query, job=None):
        return self.alice.ok("GET", "/v1/jobs/%s/output?%s" % ((job or self.job)["id"], query))

    def assert_is(self, page, first, past):
        self.assertEqual([(i["first_line"], i["lines"], i["text"]) for i in page["items"]], self.batches[first:past])
        self.assertEqual(page["last_line"], self.last)
        self.assertEqual(page["previous"], self.batches[first][0] if first > 0 else None)
        self.assertEqual(page["next"], self.batches[past][0] - 1 if past < len(self.batches) else None)

    def test_several_reports_are_one_write_of_all_or_none(self):
        host = self.world.host(self.world.person("zoe"), "several")
        job = self.started(host)

        def line(number, text="x\n"):
            return {"output": {"source": "stdout", "first_line": number, "text": text}}
        sample = {"metrics": {"samples": [{"at_ms": 5, "cpu_permille": 100}, {"at_ms": 6, "cpu_permille": 200}]}}

        def send(*reports, key=None, status=200):
            headers = {} if key is None else {"Idempotency-Key": key}
            answer = host.post(host.path(job, "reports"), {"reports": list(reports)}, headers=headers)
            self.assertEqual(answer.status, status, answer)
            return answer
        before = self.world.head()
        first = send(line(1, "a\nb\n"), sample, line(3), sample, key="once")
        self.assertEqual(first.json, {"taken": 4, "next_line": 4, "quota_reached": False})
        self.assertEqual(self.world.head(), before + 4)
        events = self.alice.ok("GET", "/v1/events?after=%d" % before)["items"]
        self.assertEqual([e["type"] for e in events], ["job.output", "metric.sampled", "job.output", "metric.sampled"])
        again = send(line(1, "a\nb\n"), sample, line(3), sample, key="once")
        self.assertEqual((again.json, again.headers["Idempotent-Replayed"], self.world.head()), (first.json, "true", before + 4))
        self.assertEqual(send(line(1), key="once", status=422).json["code"], "idempotency_mismatch")
        gap = send(sample, line(4), line(6), status=409).json
        self.assertEqual(gap["code"], "output_gap")
        self.assertRegex(gap["detail"], "^the next line is 4 .*/reports/2")  # of what is kept: line 4 of this request is not
        large = send(line(4), line(5, "y" * 16385), status=413).json
        self.assertEqual(large["code"], "output_size")
        for wrong, pointer in (([], "/reports"), ([line(4)] * 65, "/reports"), ([{}], "/reports/0"), ([line(4), {**line(5), **sample}], "/reports/1"), ([7], "/reports/0"),
                               ([{"output": {"source": "paper", "first_line": 4, "text": "x"}}], "/reports/0/output/source"),
                               ([{"metrics": {"samples": [{"at_ms": 1}, {"at_ms": -1}]}}], "/reports/0/metrics/samples/1/at_ms"),
                               ([{"progress": {"permille": 1, "used_ms": 1}}], "/reports/0/progress")):
            told = send(*wrong, status=422).json["errors"]
            self.assertIn(pointer, [error["pointer"] for error in told], wrong)
        self.assertEqual(self.world.head(), before + 4)  # nothing of what was refused
        self.assertEqual(send(sample).json, {"taken": 1, "next_line": None, "quota_reached": False})
        self.assertEqual(send(*[line(4 + i) for i in range(64)]).json["next_line"], 68)
        self.assertEqual(self.page("after=0&limit=500", job)["last_line"], 67)

    def test_a_page_has_as_many_batches_as_were_asked_for(self):
        self.assert_is(self.page("limit=1"), 0, 1)
        self.assert_is(self.page("limit=5&after=3"), 1, 6)
        self.assert_is(self.page("limit=2&after=6"), 2, 4)  # line 7 is in the middle of the third
        self.assert_is(self.page("limit=12"), 0, 12)
        self.assert_is(self.page(""), 0, 12)

    def test_the_end_comes_first_and_then_what_is_before_it(self):
        for limit in (1, 2, 5, 11, 12, 500):
            past, before = len(self.batches), "end"
            while past > 0:
                page = self.page("before=%s&limit=%d" % (before, limit))
                self.assert_is(page, max(0, past - limit), past)
                past, before = past - len(page["items"]), page["previous"]
            self.assertIsNone(before)
        self.assert_is(self.page("before=6&limit=1"), 2, 3)  # line 5 is in the middle of the third

    def test_forward_goes_through_all_of_it(self):
        for limit in (1, 3, 12):
            items, after = [], 0
            while after is not None:
                page = self.page("after=%d&limit=%d" % (after, limit))
                items, after = items + page["items"], page["next"]
            self.assertEqual([i["first_line"] for i in items], [b[0] for b in self.batches])
        nothing = self.page("after=%d" % self.last)
        self.assertEqual((nothing["items"], nothing["next"], nothing["last_line"]), ([], None, self.last))
        nothing = self.page("before=1")
        self.assertEqual((nothing["items"], nothing["next"], nothing["previous"]), ([], None, None))

    def test_a_large_page_ends_before_its_limit(self):
        job = self.started(self.other)
        for line in range(1, 81):
            self.other.output(job, line, "x" * (LARGE - 1) + "\n")
        forward, after = [], 0
        while after is not None:
            page = self.page("limit=500&after=%d" % after, job)
            self.assertLessEqual(len(page["items"]), (1 << 20) // LARGE)
            forward, after = forward + page["items"], page["next"]
        backward, before = [], "end"
        while before is not None:
            page = self.page("limit=500&before=%s" % before, job)
            self.assertLessEqual(len(page["items"]), (1 << 20) // LARGE)
            backward, before = page["items"] + backward, page["previous"]
        self.assertEqual([i["first_line"] for i in forward], list(range(1, 81)))
        self.assertEqual(forward, backward)

    def test_what_cannot_be_asked_is_refused_by_name(self):
        for query, code, word in (("limit=0", "limit_invalid", "limit"), ("limit=501", "limit_invalid", "limit"),
                                  ("before=x", "cursor_invalid", "before"), ("after=end", "cursor_invalid", "after"),
                                  ("before=5&after=2", "parameter_invalid", "before")):
            answer = self.alice.get("/v1/jobs/%s/output?%s" % (self.job["id"], query))
            self.assertEqual((answer.status, answer.json["code"]), (422, code), query)
            self.assertIn(word, answer.json["detail"])


if __name__ == "__main__":
    unittest.main()
