# SPDX-License-Identifier: Apache-2.0
"""/v1/estimates over HTTP: described jobs and uploads, prices as a quote has them, what finished jobs teach, calibration."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests", "support"))
from tally_harness import World  # noqa: E402

MNIST = b"""import torch
from torchvision import datasets
EPOCHS = 5
train = datasets.MNIST("data", train=True, download=True)
for epoch in range(EPOCHS):
    loss = model(train).backward()
"""
DIFFUSION = b"""import torch
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained("someone/stable-diffusion-v1-5").to("cuda")
images = pipe("a tree", num_inference_steps=50, height=512, width=512).images
"""
GPU = {"device": "gpu", "model": "NVIDIA GeForce RTX 4090", "gpus": 1, "vram_mib": 24564, "compute_capability": 89,
       "tflops_milli": 82600}


class Estimates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", money=10 ** 9)
        cls.maria = cls.world.person("maria")
        cls.host = cls.world.host(cls.maria, **GPU, models=["someone/stable-diffusion-v1-5"])

    def ask(self, who=None, **body):
        return (who or self.world.client()).ok("POST", "/v1/estimates", body)

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)

    def test_anybody_may_ask_for_a_described_job(self):
        found = self.ask(job_type="mnist", parameters={"epochs": 5}, gpu="RTX 4090", rate=600000)
        one, = found["estimates"]
        self.assertEqual((one["p50_ms"], one["likely"], one["level"]), (120000, "2 minutes", "medium"))  # R14's baseline
        self.assertEqual(one["price"]["total"], 20000)  # 2 minutes of 600,000 an hour
        self.assertEqual(one["price"]["per_minute_milli"], 10000 * 1000)
        self.assertEqual({row["status"] for row in found["workload"]["sources"]}, {"seed-claim"})  # never shown as measured
        self.assertEqual(found["workload"]["assumed"], [])
        again = self.world.client().ok("GET", "/v1/estimates?job_type=mnist&epochs=5&gpu=RTX%204090&rate=600000")
        self.assertEqual(again, found)

    def test_p45_a_changed_setting_is_estimated_again(self):
        def time_of(**parameters):
            found = self.ask(job_type="nlp", parameters=parameters, gpu="RTX 3090")
            return found["estimates"][0]["p50_ms"] - found["workload"]["start_ms"]
        one = time_of(epochs=1, rows=88000)
        self.assertEqual(one, 1035000)  # as measured
        for epochs in range(2, 102):
            self.assertEqual(time_of(epochs=epochs, rows=88000), epochs * one)
        self.assertEqual(time_of(epochs=1, rows=44000), one // 2)

    def test_all_gpus_are_answered_with_what_is_known_of_them(self):
        found = self.ask(job_type="stable_diffusion", parameters={"images": 100})
        by_gpu = {one["gpu"]: one for one in found["estimates"]}
        self.assertEqual(set(by_gpu), set(self.world.client().ok("GET", "/v1/estimates/gpus")["items"]))
        self.assertEqual(by_gpu["NVIDIA A10"]["level"], "high")
        self.assertEqual(by_gpu["NVIDIA GeForce RTX 3060"]["level"], "medium")
        self.assertIn("–", by_gpu["NVIDIA GeForce RTX 3060"]["text"])  # R12.6: uncertain, so a range
        self.assertNotIn("–", by_gpu["NVIDIA A10"]["text"])
        for one in by_gpu.values():
            self.assertLessEqual(one["p50_ms"], one["p90_ms"])
            self.assertIsNone(one["price"])
        unknown = self.ask(job_type="custom", gpu="RTX 4090")
        self.assertEqual(unknown["estimates"][0]["level"], "low")
        self.assertIn("unknown", unknown["estimates"][0]["basis"])
        self.assertIsNone(unknown["workload"]["task"])

    def test_an_upload_is_estimated_as_it_is_quoted(self):
        upload = self.alice.upload(DIFFUSION, "draw.py")
        found = self.ask(self.alice, upload_id=upload["id"], offer_id=self.host.offer["id"])["estimates"][0]
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.host.offer["id"]})
        self.assertEqual((found["p50_ms"], found["p90_ms"], found["price"]["cap"]),
                         (quote["p50_ms"], quote["p90_ms"], quote["cap"]))
        match = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"]})
        ranked = next(row for row in match["ranking"] if row["offer_id"] == self.host.offer["id"])
        self.assertEqual((ranked["p50_ms"], ranked["cost"]), (found["p50_ms"], found["price"]["total"]))
        event = next(event for event in self.alice.ok("GET", "/v1/events?limit=500")["items"]
                     if event["type"] == "workload.sized" and upload["id"] in event["subject"])
        self.assertEqual(event["data"]["task"], "sd15_512_50steps_fp16_b1")
        larger = self.ask(self.alice, upload_id=upload["id"], offer_id=self.host.offer["id"],
                          parameters={"resolution": 1024})
        start = larger["workload"]["start_ms"]
        self.assertAlmostEqual((larger["estimates"][0]["p50_ms"] - start) / (found["p50_ms"] - start), 4, delta=0.01)
        self.refused(self.maria.post("/v1/estimates", {"upload_id": upload["id"]}), 404, "no_such_upload")
        self.refused(self.world.client().post("/v1/estimates", {"upload_id": upload["id"]}), 404, "no_such_upload")

    def test_what_a_job_is_started_with_changes_its_estimate_and_its_quote(self):
        """R12.5, R14.3, P45: where the program asks for it by name; each with the line that does."""
        source = b"""import argparse, os
import torch
from torchvision import datasets
parser = argparse.ArgumentParser()
parser.add_argument("-e", "--n-epochs", type=int, default=10)
parser.add_argument("--batch-size", type=int)
args = parser.parse_args()
lr = float(os.environ.get("LEARNING_RATE", "0.1"))
resolution = 28
train = datasets.MNIST("data", train=True, download=True)
model = torch.nn.Linear(784, 10).cuda()
for epoch in range(args.n_epochs):
    loss = model(train).backward()
"""
        upload = self.alice.upload(source, "train.py")
        self.assertEqual(upload["analysis"]["settings"], [
            {"parameter": "epochs", "kind": "argument", "as": "--n-epochs", "file": "train.py", "line": 5},
            {"parameter": "batch_size", "kind": "argument", "as": "--batch-size", "file": "train.py", "line": 6},
            {"parameter": "learning_rate", "kind": "variable", "as": "LEARNING_RATE", "file": "train.py", "line": 8}])
        on = {"upload_id": upload["id"], "offer_id": self.host.offer["id"]}
        plain = self.ask(self.alice, **on)
        self.assertEqual((plain["settings"], plain["workload"]["units_micro"]), ([], 2000000))  # 10 epochs, of 5
        usual = plain["estimates"][0]["p50_ms"]
        self.assertEqual(self.alice.ok("POST", "/v1/quotes", on)["settings"], [])

        settings = {"arguments": ["--n-epochs", "5", "--batch-size=64", "--resolution", "512", "--verbose"],
                    "environment": {"EPOCHS": "100", "LEARNING_RATE": "0.01", "OTHER": "x"}}
        found = self.ask(self.alice, settings=settings, **on)
        self.assertEqual(found["workload"]["units_micro"], 1000000)
        self.assertAlmostEqual(found["estimates"][0]["p50_ms"] / usual, 1 / 2, places=3)
        said = {one["said"]: one for one in found["settings"]}
        self.assertEqual(said["--n-epochs 5"], {
            "said": "--n-epochs 5", "parameter": "epochs", "value": 5, "counts": True, "instead_of": 10,
            "asked_for": {"file": "train.py", "line": 5}, "why": "the program asks for it by this name"})
        self.assertEqual({text: one["counts"] for text, one in said.items()},
                         {"--n-epochs 5": True, "--batch-size 64": True, "--resolution 512": False,  # the file says 28 itself
                          "EPOCHS=100": False, "LEARNING_RATE=0.01": True})
        quote = self.alice.ok("POST", "/v1/quotes", {**on, "settings": settings})
        self.assertEqual((quote["p50_ms"], quote["p90_ms"], quote["cap"], quote["settings"]),
                         (found["estimates"][0]["p50_ms"], found["estimates"][0]["p90_ms"], found["estimates"][0]["price"]["cap"],
                          found["settings"]))
        longer = self.alice.ok("POST", "/v1/quotes", {**on, "settings": {"arguments": ["--n-epochs=50"]}})
        self.assertAlmostEqual(longer["p50_ms"] / usual, 5, places=3)
        self.assertGreater(longer["cap"], quote["cap"])
        issued = [event for event in self.alice.ok("GET", "/v1/events?limit=500")["items"]
                  if event["type"] == "quote.issued" and event["data"]["upload_id"] == upload["id"]]
        self.assertEqual([(event["typeversion"], event["data"]["task"], event["data"]["work_micro"]) for event in issued],
                         [(2, "", 0), (2, "mnist_5ep", 1000000), (2, "mnist_5ep", 10000000)])
        # What is said twice: the explicit parameter; of arguments the last.
        over = self.ask(self.alice, settings=settings, parameters={"epochs": 20}, **on)
        self.assertEqual(over["workload"]["units_micro"], 4000000)
        twice = self.ask(self.alice, settings={"arguments": ["--n-epochs", "5", "--n-epochs", "15"]}, **on)
        self.assertEqual(twice["workload"]["units_micro"], 3000000)
        # Neither values that are none, nor a time that the owner has said.
        for bad in ("0", "-1", "many", "", "1e300", "5x", "nan"):
            self.assertEqual(self.ask(self.alice, settings={"arguments": ["--n-epochs", bad]}, **on)["settings"], [], bad)
        self.refused(self.alice.post("/v1/quotes", {**on, "settings": {"arguments": [5]}}), 422, "invalid_fields")
        self.refused(self.alice.post("/v1/estimates", {"job_type": "mnist", "settings": {}}), 422, "invalid_fields")
        self.refused(self.maria.post("/v1/quotes", {**on, "settings": settings}), 404, "no_such_upload")
        self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"p50_ms": 60000, "p90_ms": 90000})
        said_time = self.alice.ok("POST", "/v1/quotes", on)["p50_ms"]
        self.assertEqual(self.alice.ok("POST", "/v1/quotes", {**on, "settings": settings})["p50_ms"], said_time)

    def test_a_job_for_several_gpus_says_that_its_time_is_that_on_one(self):
        upload = self.alice.upload(DIFFUSION, "draw.py")
        one = self.ask(self.alice, upload_id=upload["id"], gpu="NVIDIA A10", parameters={"images": 100})["estimates"][0]
        self.assertEqual((one["note"], one["level"]), (None, "high"))
        self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"gpus": 2})
        two = self.ask(self.alice, upload_id=upload["id"], gpu="NVIDIA A10", parameters={"images": 100})["estimates"][0]
        self.assertEqual((two["p50_ms"], two["level"]), (one["p50_ms"], "low"))
        self.assertIn("that on one", two["note"])

    def test_what_an_owner_overrides_is_what_is_estimated(self):
        """R12.1: not the time on a GPU of a job that its owner took from the GPU, which was none at all."""
        upload = self.alice.upload(MNIST, "mnist.py")
        self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"],
                      {"device": "cpu", "job_type": "tabular", "p50_ms": 60000, "p90_ms": 90000})
        for more in ({}, {"gpu": "RTX 4090"}):
            found = self.ask(self.alice, upload_id=upload["id"], **more)
            one, = found["estimates"]
            self.assertEqual((found["job_type"], one["gpu"], one["p50_ms"], one["p90_ms"]), ("tabular", None, 60000, 90000))

    def test_a_changed_setting_keeps_the_method_the_name_tells(self):
        """P45, R12.5: asked with the setting it has anyway, an upload is estimated as without."""
        source = b"""from transformers import AutoModelForCausalLM, Trainer
model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf')
num_train_epochs = 3
Trainer(model).train()
"""
        plain = self.alice.upload(source, "train.py")
        quantised = self.alice.upload(source, "train_qlora.py")
        def sized(upload, **parameters):
            return self.ask(self.alice, upload_id=upload["id"], parameters=parameters)["workload"]
        self.assertNotEqual(sized(plain)["task"], sized(quantised)["task"])
        for upload in (plain, quantised):
            self.assertEqual(sized(upload, epochs=3), sized(upload))

    def test_finished_jobs_teach_and_are_counted(self):
        def mnist():
            return self.ask(job_type="mnist", parameters={"epochs": 5}, gpu="RTX 4090")["estimates"][0]
        self.assertEqual(mnist()["observed"], 0)
        for _ in range(2):  # far less than two minutes: counted as an eighth at the least
            job = self.alice.queued_job(self.host, content=MNIST, name="mnist.py")
            self.host.claim_and_start(job)
            time.sleep(0.05)  # a job of no time at all teaches nothing
            self.host.end(job, worker_ms=200)
            self.alice.wait_for(job, lambda now: now["settled"])
        learnt = mnist()
        self.assertEqual(learnt["observed"], 2)
        self.assertLess(learnt["p50_ms"], 120000)
        self.assertGreater(learnt["p50_ms"], 15000)
        def calibration():
            return self.world.client().ok("GET", "/v1/estimates/calibration")["items"]
        counted = [{"job_type": "mnist", "ran_on": "NVIDIA GeForce RTX 4090", "finished": 2, "within_p50": 2, "within_p90": 2}]
        self.assertEqual(calibration(), counted)
        # R12.1: one that was started with other settings than it was quoted for says nothing of the quote's time.
        asks = MNIST.replace(b"EPOCHS = 5", b"import os\nEPOCHS = int(os.environ.get('EPOCHS', 5))")
        self.assertNotEqual(asks, MNIST)
        five, one = {"environment": {"EPOCHS": "5"}}, {"environment": {"EPOCHS": "1"}}
        harmless = {"arguments": ["--verbose", "yes"], "environment": {"NAME": "x"}}
        sealed = {"sealed": {"EPOCHS": "ab" * 48}}
        for quoted, started, teaches in ((None, one, False), (five, one, False), (five, None, False), (None, sealed, False),
                                         (None, {"entry": "other.py"}, False), (one, one, True), (None, harmless, True)):
            before = mnist()["observed"], calibration()[0]["finished"]
            job = self.alice.queued_job(self.host, content=asks, name="mnist.py", quote_settings=quoted, settings=started)
            self.host.claim_and_start(job)
            time.sleep(0.05)
            self.host.end(job, worker_ms=200)
            self.alice.wait_for(job, lambda now: now["settled"])
            self.assertEqual((mnist()["observed"], calibration()[0]["finished"]),
                             (before[0] + teaches, before[1] + teaches), (quoted, started))
            created = next(event for event in self.alice.ok("GET", "/v1/jobs/%s/events" % job["id"])["items"]
                           if event["type"] == "job.created")
            self.assertEqual(created["data"]["other_work"], not teaches)

    def test_reference_prices_have_a_date_and_a_source(self):
        items = self.world.client().ok("GET", "/v1/estimates/reference-prices")["items"]
        self.assertGreater(len(items), 5)
        for item in items:
            self.assertRegex(item["date"], r"^Q[1-4] 20\d\d$")
            self.assertTrue(item["source"] and item["usd_per_hour"] > 0)
        self.assertNotIn("NVIDIA A10G", [item["gpu"] for item in items])  # its row was recalled

    def test_a_bad_question_is_told_what_would_be_good(self):
        client = self.world.client()
        for body, word in (({}, "job_type"), ({"job_type": "painting"}, "job_type"),
                           ({"job_type": "mnist", "gpu": "RTX 9999"}, "in no table"),
                           ({"job_type": "mnist", "mode": "sing"}, "a mode is"),
                           ({"job_type": "mnist", "rate": -1}, "rate"),
                           ({"job_type": "mnist", "parameters": {"epochs": 0}}, "above 0"),
                           ({"job_type": "mnist", "parameters": {"epochs": "five"}}, "a number"),
                           ({"job_type": "mnist", "parameters": {"speed": 5}}, "accepted"),
                           ({"job_type": "mnist", "upload_id": self.host.host_id}, "either")):
            answer = client.post("/v1/estimates", body)
            self.assertIn(answer.status, (400, 422), (body, answer))
            self.assertIn(word, str(answer.json))
        self.assertIn("rate", str(client.get("/v1/estimates?job_type=mnist&rate=much").json))
        self.refused(client.post("/v1/estimates", {"job_type": "mnist", "offer_id": self.host.host_id}), 404,
                     "no_such_offer")


class Offline(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tally-estimate-")
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def tally(self, *arguments, status=0):
        done = subprocess.run([os.path.join(os.environ["TALLY_BIN_DIR"], "tally"), *arguments], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_file_is_estimated_without_a_server(self):
        path = self.file("mnist.py", MNIST)
        said = self.tally("estimate", path, "--gpu", "rtx 4090", "--rate", "600000")
        for words in ("2–3 minutes", "likely 2 minutes", "medium confidence", "20 000 QUBIC", "10000.000 a minute",
                      "seed-claim"):
            self.assertIn(words, said)
        self.assertIn("120.000 s", said)
        everywhere = self.tally("estimate", path)
        self.assertIn("Tesla T4", everywhere)
        found = json.loads(self.tally("estimate", "--json", path, "--gpu", "RTX 3090", "--epochs", "50"))
        self.assertEqual(found["estimates"][0]["p50_ms"], 1800000)
        analysed = json.loads(self.tally("analyse", "--json", path))
        self.assertEqual(analysed["estimate"]["p50_seconds"], 180)
        self.assertIn("mnist_5ep", analysed["estimate"]["basis"])

    def test_a_folder_is_one_job_as_it_is_for_analyse(self):
        self.file("train.py", MNIST)
        self.file("readme.md", b"# digits")
        found = json.loads(self.tally("estimate", "--json", self.folder, "--gpu", "RTX 3090", "--epochs", "50"))
        self.assertEqual((found["path"], found["job_type"], found["estimates"][0]["p50_ms"]),
                         (self.folder, "mnist", 1800000))
        os.remove(os.path.join(self.folder, "train.py"))
        self.assertIn("no program and no data", self.tally("estimate", self.folder, status=1))

    def test_what_cannot_be_estimated_is_said_and_the_rest_goes_on(self):
        good = self.file("mnist.py", MNIST)
        lines = self.tally("estimate", "--json", good, os.path.join(self.folder, "none.py"), good, status=1).splitlines()
        self.assertEqual([("error" in json.loads(line)) for line in lines], [False, True, False])
        self.assertIn("in no table", self.tally("estimate", good, "--gpu", "RTX 9999", status=2))
        self.assertIn("above 0", self.tally("estimate", good, "--epochs", "-1", status=2))
        self.assertIn("1 to", self.tally("estimate", good, "--rate", "0", status=2))
        self.assertIn("no file", self.tally("estimate", status=2))
        plain = self.file("hello.py", b"print(1)\n")
        self.assertIn("one CPU core", self.tally("estimate", plain))


if __name__ == "__main__":
    unittest.main()
