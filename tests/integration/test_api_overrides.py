#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R1.5, R1.6, P4, P51: what the analysis found can be overridden by the owner; both are shown, and what the owner said counts."""
import json
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, LOCAL, Host, World  # noqa: E402

SCRIPT = b"import torch\nfrom torchvision import datasets\ndatasets.MNIST('d')\nloss.backward()\nEPOCHS = 5\n"


class Overrides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.alice = cls.world.person("alice")
        cls.token_file = cls.world.data + ".token"
        with open(os.open(cls.token_file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(cls.alice.token + "\n")
        cls.bob = cls.world.person("bob")
        cls.host = Host(cls.bob, ram_mib=8192)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def upload(self):
        return self.alice.upload(SCRIPT)

    def say(self, upload, key=None, over=None, **figures):
        headers = {} if key is None else {"Idempotency-Key": key}
        headers.update({} if over is None else {"If-Match": over})
        return self.alice.request("POST", "/v1/analyses/%s/override" % upload["id"], figures, headers)

    def tally(self, *arguments):
        done = subprocess.run([BIN + "/tally", "override", *arguments, "--server", "http://%s:%d" % (LOCAL, self.alice.port),
                               "--token-file", self.token_file], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_from_a_terminal_it_is_the_same(self):
        upload = self.upload()
        path = "/v1/analyses/" + upload["id"]
        code, shown, _ = self.tally(upload["id"])
        self.assertEqual((code, "as the analysis found it" in shown), (0, True), shown)
        self.assertIsNone(self.alice.ok("GET", path)["override"], "it was only looked at")
        code, said, trouble = self.tally(upload["id"], "--device", "cpu", "--job-type", "tabular", "--ram-mib", "4096", "--reason", "a small one", "--json")
        self.assertEqual((code, trouble), (0, ""))
        after = self.alice.ok("GET", path)
        self.assertEqual(json.loads(said), after)
        self.assertEqual([after["override"][name] for name in ("device", "job_type", "gpus", "ram_mib", "reason")], ["cpu", "tabular", 0, 4096, "a small one"])
        code, shown, _ = self.tally(upload["id"], "--driver", "535.183.01", "--p90-ms", "90000", "--p50-ms", "60000")
        self.assertEqual((code, "535.183.01" in shown, "as its owner said" in shown), (0, True, True), shown)
        effective = self.alice.ok("GET", path)["effective"]
        self.assertEqual([effective[name] for name in ("ram_mib", "driver", "p50_ms", "p90_ms")], [4096, "535.183.01", 60000, 90000])
        for wrong, status, words in ((["--ram-mib", "many"], 2, "--ram-mib many: a whole number is needed"), (["--device", "abacus"], None, "device"),
                                     (["--vram", "1"], 2, "--vram"), (["--p90-ms", "59999"], None, "p50_ms is 1 to p90_ms")):
            code, _, trouble = self.tally(upload["id"], *wrong)
            self.assertIn(words, trouble)
            self.assertIn(code, (1, 2) if status is None else (status,), trouble)
        self.assertEqual(self.alice.ok("GET", path)["effective"], effective, "what is refused changes nothing")
        self.assertEqual(self.tally()[0], 2)

    def best(self, upload):
        return self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"]})["ranking"][0]

    def quote(self, upload):
        return self.alice.request("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.host.offer["id"]})

    def test_both_are_shown_and_what_the_owner_said_counts(self):
        upload = self.upload()
        path = "/v1/analyses/" + upload["id"]
        before = self.alice.ok("GET", path)
        self.assertEqual(before["analysis"], upload["analysis"])
        self.assertIsNone(before["override"])
        self.assertEqual((before["effective"]["job_type"], before["effective"]["device"]), ("mnist", "gpu"))
        self.assertEqual(self.best(upload)["fit"], "insufficient")
        self.assertEqual(self.quote(upload).json["code"], "offer_insufficient")

        answer = self.say(upload, device="cpu", job_type="tabular", ram_mib=4096, p50_ms=60000, reason="it is a small one")
        self.assertEqual(answer.status, 201, answer)
        after = self.alice.ok("GET", path)
        self.assertEqual(answer.json, after)
        self.assertEqual(after["analysis"], before["analysis"], "what was found stays")
        said = after["override"]
        self.assertEqual((said["device"], said["gpus"], said["ram_mib"], said["p50_ms"], said["reason"]),
                         ("cpu", 0, 4096, 60000, "it is a small one"))
        for name in ("vram_mib", "tflops_milli", "storage_mib", "compute_capability", "p90_ms"):
            self.assertEqual(said[name], before["effective"][name], "what was not said stays as it counted")
        self.assertEqual(after["effective"], {name: said[name] for name in before["effective"]})
        shown = self.alice.ok("GET", "/v1/uploads/" + upload["id"])
        self.assertEqual((shown["analysis"], shown["override"]), (upload["analysis"], said))
        self.assertNotEqual(self.best(upload)["fit"], "insufficient")
        quote = self.quote(upload)
        self.assertEqual((quote.status, quote.json["p50_ms"]), (201, self.best(upload)["p50_ms"]), quote)

        self.assertEqual(self.say(upload, over="*", ram_mib=16384).status, 201)
        self.assertEqual(self.best(upload)["fit"], "insufficient", "the last one counts")
        self.assertEqual(self.alice.ok("GET", path)["effective"]["job_type"], "tabular")
        events = self.world.operator().ok("GET", "/v1/events?stream=upload:" + upload["id"])["items"]
        self.assertEqual([event["type"] for event in events],
                         ["upload.received", "analysis.completed", "workload.sized", "analysis.overridden", "analysis.overridden"])
        self.assertNotIn("detail", events[3]["data"], "why is private")

    def test_a_key_makes_it_once(self):
        upload = self.upload()
        first = self.say(upload, key="once", ram_mib=512)
        head = self.world.head()
        again = self.say(upload, key="once", ram_mib=512)
        self.assertEqual((first.status, again.status, again.json), (201, 201, first.json))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        other = self.say(upload, key="once", ram_mib=513)
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_mismatch"))
        self.assertEqual(self.world.head(), head)

    def test_what_was_said_before_is_written_over_only_by_who_has_seen_it(self):
        upload = self.upload()
        path = "/v1/analyses/" + upload["id"]
        found = self.alice.get(path).headers["ETag"]
        self.assertRegex(found, '^"[0-9]+[.][0-9a-f]{12}"$')  # strong, or If-Match could not have it
        packed = self.alice.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": found})
        self.assertEqual((packed.status, packed.body), (304, b""))
        wrong = self.say(upload, over='"1.000000000000"', ram_mib=1000)
        self.assertEqual((wrong.status, wrong.json["code"], wrong.headers["ETag"]), (412, "precondition_failed", found))
        first = self.say(upload, key="first", ram_mib=1000)  # nothing is lost by it, so nothing need be known
        self.assertEqual(first.status, 201, first)
        self.assertEqual(first.headers["ETag"], self.alice.get(path).headers["ETag"])
        head = self.world.head()
        for over, status, code in ((None, 428, "precondition_required"), (found, 412, "precondition_failed"), ("W/" + first.headers["ETag"], 412, "precondition_failed"),
                                   ('"%d' % first.json["sequence"], 412, "precondition_failed"), ("", 412, "precondition_failed")):
            answer = self.say(upload, over=over, ram_mib=2000)
            self.assertEqual((answer.status, answer.json["code"], answer.headers["ETag"]), (status, code, first.headers["ETag"]), over)
        self.assertEqual(self.world.head(), head)
        second = self.say(upload, key="second", over='%s , %s' % (found, first.headers["ETag"]), ram_mib=2000)
        self.assertEqual(second.status, 201)
        third = self.say(upload, over='"%d"' % second.json["sequence"], ram_mib=3000)  # as its answer says it
        self.assertEqual((third.status, third.json["override"]["ram_mib"]), (201, 3000))
        for key, over, figure in (("first", None, 1000), ("second", '%s , %s' % (found, first.headers["ETag"]), 2000)):
            again = self.say(upload, key=key, over=over, ram_mib=figure)  # repeated, it is what it was, whatever was said since
            self.assertEqual((again.status, again.headers["Idempotent-Replayed"]), (201, "true"))
        self.assertEqual(self.alice.ok("GET", path)["override"]["ram_mib"], 3000)

    def test_of_many_at_once_who_have_seen_the_same_one_is_taken(self):
        upload = self.upload()
        seen = self.alice.get("/v1/analyses/" + upload["id"]).headers["ETag"]
        answers = [None] * 8

        def say(i):
            answers[i] = self.say(upload, over=seen if i % 2 else None, ram_mib=1000 + i)
        threads = [threading.Thread(target=say, args=(i,)) for i in range(len(answers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([answer.status for answer in answers].count(201), 1, answers)
        self.assertLessEqual({answer.status for answer in answers}, {201, 412, 428})

    def test_bad_figures_are_told_with_what_would_do(self):
        upload = self.upload()
        head = self.world.head()
        for figures, words in (({}, "at least one of job_type"), ({"reason": "none"}, "at least one of job_type"),
                               ({"job_type": "poetry"}, "is one of: mnist"), ({"device": "tpu"}, "gpu, cpu"),
                               ({"vram_mib": 0}, "/vram_mib"), ({"ram_mib": -1}, "/ram_mib"), ({"gpus": 1.5}, "/gpus"),
                               ({"vram": 1}, "/vram"), ({"reason": "x" * 501, "gpus": 1}, "/reason"),
                               ({"device": "gpu", "gpus": 0}, "gpus is 1 to 1024"), ({"device": "cpu", "gpus": 2}, "0 for cpu"),
                               ({"p50_ms": 5000, "p90_ms": 4999}, "p50_ms is 1 to p90_ms"), ({"compute_capability": 1001}, "/compute")):
            answer = self.say(upload, **figures)
            self.assertEqual(answer.status, 422, answer)
            self.assertIn(words, answer.body.decode())
        self.assertEqual(self.world.head(), head)

    def test_another_may_neither_see_nor_say(self):
        upload = self.upload()
        for answer in (self.bob.get("/v1/analyses/" + upload["id"]),
                       self.bob.request("POST", "/v1/analyses/%s/override" % upload["id"], {"gpus": 1})):
            self.assertEqual((answer.status, answer.json["code"]), (404, "no_such_upload"), answer)
        rejected = self.alice.request("POST", "/v1/uploads?name=a.exe", b"MZ", {"Content-Type": "application/octet-stream"})
        self.assertEqual(rejected.status, 422)

    def test_it_survives_a_restart_with_rebuilt_views(self):
        upload = self.upload()
        self.say(upload, ram_mib=777)
        before = self.alice.ok("GET", "/v1/analyses/" + upload["id"])
        self.world.server.stop()
        for name in os.listdir(self.world.data):
            if name.startswith("views"):
                path = os.path.join(self.world.data, name)
                if os.path.isdir(path):
                    for file in os.listdir(path):
                        os.unlink(os.path.join(path, file))
        self.world.start()
        self.alice.port = self.bob.port = self.host.port = self.world.server.port
        self.assertEqual(self.alice.ok("GET", "/v1/analyses/" + upload["id"]), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
