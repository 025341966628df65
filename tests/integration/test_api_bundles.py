#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R1.3, R1.4, R1.7, R1.8, R15.5, R15.6, P1 to P6, P51, P57: every kind that is understood can be uploaded, several files are one job, bad ones are told why."""
import collections
import hashlib
import io
import json
import os
import random
import sys
import tarfile
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import SCRIPT, World, wait_until  # noqa: E402

UPLOAD_MAX = 5 << 20
RAW = {"Content-Type": "application/octet-stream"}
NOTEBOOK = json.dumps({"cells": [{"cell_type": "code", "source": ["import torch\n", "EPOCHS = 3\n"]}]}).encode()
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0"
SUPPORTED = ("Python source (.py)", ".ipynb", "Dockerfile", ".yml", "requirements.txt", ".sh", ".csv", ".parquet", ".zip", ".tar.gz")


def form(files, entry=None, boundary="b0undary"):
    body = b""
    for name, content in files:
        body += ("--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
                 "Content-Type: application/octet-stream\r\n\r\n" % (boundary, name)).encode() + content + b"\r\n"
    if entry is not None:
        body += ("--%s\r\nContent-Disposition: form-data; name=\"entry\"\r\n\r\n%s\r\n" % (boundary, entry)).encode()
    return body + ("--%s--\r\n" % boundary).encode(), {"Content-Type": "multipart/form-data; boundary=" + boundary}


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


class Bundles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"upload_max": UPLOAD_MAX})
        cls.alice = cls.world.person("alice")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def raw(self, name, content, more="", key=None):
        headers = RAW if key is None else {**RAW, "Idempotency-Key": key}
        return self.alice.request("POST", "/v1/uploads?name=%s%s" % (name, more), content, headers)

    def drop(self, files, entry=None, key=None):
        body, headers = form(files, entry)
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.alice.request("POST", "/v1/uploads", body, headers)

    def stored(self, digest):
        with open("%s/blobs/%s/%s" % (self.world.data, digest[:2], digest), "rb") as file:
            content = file.read()
        self.assertEqual(hashlib.sha256(content).hexdigest(), digest)
        return content

    def test_every_kind_that_is_understood_is_accepted(self):
        for name, content, kind in (("a.py", SCRIPT, "python"), ("a.ipynb", NOTEBOOK, "notebook"),
                                    ("Dockerfile", b"FROM pytorch/pytorch\n", "dockerfile"),
                                    ("docker-compose.yml", b"services:\n  a:\n    image: pytorch/pytorch\n", "compose"),
                                    ("requirements.txt", b"torch\n", "requirements"), ("run.sh", b"python a.py\n", "shell"),
                                    ("rows.csv", b"a,b\n1,2\n", "dataset"), ("one.png", PNG, "dataset"),
                                    ("images.zip", zipped([("%d.png" % i, PNG) for i in range(9)]), "dataset"),
                                    ("job.zip", zipped([("main.py", b"import torch\n"), ("rows.csv", b"a\n1\n")]), "bundle")):
            answer = self.raw(name, content)
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(answer.json["analysis"]["kind"], kind)
            self.assertEqual(self.stored(answer.json["digest"]), content)
            self.assertEqual(self.alice.ok("GET", "/v1/uploads/" + answer.json["id"]), answer.json)
        self.assertEqual(answer.json["analysis"]["entry"], "main.py")

    def test_a_kind_no_worker_runs_has_a_match_and_no_quote(self):
        upload = self.raw("docker-compose.yml", b"services:\n  a:\n    image: pytorch/pytorch\n").json
        self.assertEqual(self.alice.request("POST", "/v1/matches", {"upload_id": upload["id"]}).status, 201)
        answer = self.alice.request("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": upload["id"]})
        self.assertEqual((answer.status, answer.json["code"]), (409, "kind_not_runnable"), answer)
        self.assertIn("compose", answer.json["detail"])
        self.assertIn("today they run: python, notebook, bundle, dockerfile", answer.json["detail"])

    def test_several_files_are_one_job_in_one_blob_that_depends_on_nothing_else(self):
        files = [("job/train.py", b"from net import Net\nEPOCHS = 4\n"), ("job/net.py", b"import torch\n"),
                 ("job/requirements.txt", b"torch\n"), ("job/data/rows.csv", b"a,b\n1,2\n3,4\n")]
        answer = self.drop(files)
        self.assertEqual(answer.status, 201, answer)
        upload = answer.json
        analysis = upload["analysis"]
        self.assertEqual((analysis["kind"], analysis["entry"], analysis["primary"]), ("bundle", "job/train.py", "pytorch"))
        self.assertEqual((analysis["parameters"]["epochs"], analysis["parameters"]["rows"]), (4, 2))
        self.assertEqual({item["file"] for item in analysis["evidence"]},
                         {"job/train.py", "job/net.py", "job/data/rows.csv"})
        self.assertEqual({item["path"]: item["error"] for item in analysis["files"]}, {name: None for name, _ in files})
        self.assertEqual((upload["file_name"], upload["media_type"]), ("bundle.tar", "application/x-tar"))
        content = self.stored(upload["digest"])
        self.assertEqual(len(content), upload["size"])
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            members = archive.getmembers()
            self.assertEqual([(m.name, archive.extractfile(m).read()) for m in members], sorted(files))
            self.assertEqual({(m.mtime, m.uid, m.gid, m.mode) for m in members}, {(0, 0, 0, 0o644)})
        again = self.drop(list(reversed(files)))
        self.assertEqual(again.json["digest"], upload["digest"])
        # and the archive that we made is itself a bundle, with the same job in it
        packed = self.raw("bundle.tar", content).json["analysis"]
        for name in ("kind", "entry", "primary", "job_type", "parameters"):
            self.assertEqual(packed[name], analysis[name])

    def test_P1_P2_P3_P4_P51_what_is_said_of_generated_uploads(self):
        """Each answer repeats name and size, names kind and a type of the list, and figures above zero; or it is a refusal with its reason."""
        seed = 20260119
        print("seed", seed)
        dice = random.Random(seed)
        types = {"mnist", "stable_diffusion", "video_generation", "image_generation", "object_detection", "segmentation",
                 "image_classification", "llm_training", "llm_inference", "multimodal", "speech", "nlp", "reinforcement_learning",
                 "graph", "recommendation", "timeseries", "tabular", "scientific", "data_processing", "custom"}
        lines = ["import torch", "import jax", "from datasets import load_dataset", "EPOCHS = 3", "model.fit(x)", "x = [", "def f(:",
                 "# import tensorflow", "torchvision.datasets.MNIST('d')", "pipe = StableDiffusionPipeline.from_pretrained('a/b')"]
        makers = {"python": (".py", lambda text: text), "notebook": (".ipynb", lambda text: json.dumps(
                      {"cells": [{"cell_type": "code", "source": text.decode()}]}).encode()),
                  "shell": (".sh", lambda text: b"python a.py\n" + text), "dataset": (".csv", lambda text: b"a,b\n1,2\n"),
                  "bundle": (".zip", lambda text: zipped([("main.py", text), ("rows.csv", b"a\n1\n")])),
                  "dockerfile": (".dockerfile", lambda text: b"FROM pytorch/pytorch\n"), None: (".exe", lambda text: b"MZ" + text)}
        counts = collections.Counter()
        for i in range(120):
            kind = dice.choice(list(makers))
            suffix, make = makers[kind]
            content = make("\n".join(dice.choices(lines, k=dice.randint(1, 12))).encode())
            name = "u%d%s" % (i, suffix)
            answer = self.raw(name, content)
            counts[kind] += 1
            if kind is None:
                self.assertEqual((answer.status, answer.json["code"]), (422, "unsupported"), answer)
                self.assertIn(name, answer.json["detail"])
                continue
            self.assertEqual(answer.status, 201, answer)
            said = answer.json["analysis"]
            self.assertEqual((answer.json["file_name"], answer.json["size"], said["kind"]), (name, len(content), kind))
            self.assertIn(said["job_type"], types)
            self.assertIn(said["job_class"], {"training", "inference", "image_generation", "data_processing", "custom"})
            for figure in ("vram_mib", "tflops", "ram_mib", "storage_mib"):
                self.assertGreater(said["requirements"][figure], 0)
            self.assertGreaterEqual(said["estimate"]["p90_seconds"], said["estimate"]["p50_seconds"])
            self.assertGreater(said["estimate"]["p50_seconds"], 0)
        self.assertEqual(set(counts), set(makers))

    def test_P6_each_bad_file_has_its_reason_and_the_good_ones_stay(self):
        good = [("train.py", b"import torch\n"), ("rows.csv", b"a,b\n1,2\n")]
        bad = [("tool.exe", b"MZ"), ("renamed.py", b"\x01\x02\x03\x04"), ("empty.sh", b" \n"), ("broken.ipynb", b"{\"cells\""),
               ("notes.md", b"# words\n"), ("not.png", b"words"), ("huge.py", b"x = 1\n" * (710 << 10))]
        answer = self.drop([bad[0], good[0], *bad[1:], good[1]])
        self.assertEqual(answer.status, 201, answer)
        reasons = {item["path"]: item["error"] for item in answer.json["analysis"]["files"]}
        self.assertEqual(set(reasons), {name for name, _ in good + bad})
        for name, _ in good:
            self.assertIsNone(reasons[name])
        for name, _ in bad:
            self.assertIn(name, reasons[name])
        self.assertIn("at most 4194304", reasons["huge.py"])
        for word in SUPPORTED:
            self.assertIn(word, reasons["notes.md"])
        with tarfile.open(fileobj=io.BytesIO(self.stored(answer.json["digest"]))) as archive:
            self.assertEqual(archive.getnames(), ["rows.csv", "train.py"])

    def test_one_good_file_among_bad_ones_is_that_file(self):
        answer = self.drop([("a.exe", b"MZ"), ("job/mine.py", SCRIPT), ("b.md", b"words")])
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual((answer.json["file_name"], answer.json["analysis"]["kind"]), ("mine.py", "python"))
        self.assertEqual(self.stored(answer.json["digest"]), SCRIPT)
        self.assertEqual({item["path"] for item in answer.json["analysis"]["files"] if item["error"] is not None},
                         {"a.exe", "b.md"})

    def test_P5_nothing_good_says_why_for_each_and_what_is_supported(self):
        answer = self.drop([("a.exe", b"MZ"), ("b.png", b"words")], key="nothing good")
        self.assertEqual((answer.status, answer.json["code"]), (422, "unsupported"), answer)
        self.assertIn("a.exe", answer.json["detail"])
        self.assertIn("named like a PNG", answer.json["detail"])
        again = self.drop([("a.exe", b"MZ"), ("b.png", b"words")], key="nothing good")
        self.assertEqual(again.json["detail"], answer.json["detail"])
        for name, content in (("a.exe", b"MZ"), ("a.rar", b"Rar!"), ("a.txt", b"just words\n"), ("a.py", b"\x01\x02\x03")):
            answer = self.raw(name, content)
            self.assertEqual((answer.status, answer.json["code"]), (422, "unsupported"), answer)
            for word in SUPPORTED:
                self.assertIn(word, answer.json["detail"])

    def test_an_open_question_is_answered_with_the_entry(self):
        files = [("sweep.py", b"import torch\n"), ("evaluate.py", b"import jax\n")]
        answer = self.drop(files)
        self.assertEqual((answer.status, answer.json["code"]), (422, "unsupported"), answer)
        self.assertIn("It could be sweep.py, evaluate.py; name one as the entry", answer.json["detail"])
        answer = self.drop(files, entry="evaluate.py")
        self.assertEqual((answer.status, answer.json["analysis"]["entry"]), (201, "evaluate.py"), answer)
        answer = self.raw("a.zip", zipped(files), "&entry=sweep.py", key="named")
        self.assertEqual((answer.status, answer.json["analysis"]["entry"]), (201, "sweep.py"), answer)
        other = self.raw("a.zip", zipped(files), "&entry=evaluate.py", key="named")
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_mismatch"))

    def test_P57_too_large_names_the_limit(self):
        answer = self.drop([("a.py", SCRIPT), ("b.csv", b"1,2\n" * (UPLOAD_MAX // 4))])
        self.assertEqual((answer.status, answer.json["code"]), (413, "upload_too_large"), answer)
        self.assertIn(str(UPLOAD_MAX), answer.json["detail"])
        answer = self.raw("a.py", b"x = 1\n" * (710 << 10))
        self.assertEqual((answer.status, answer.json["code"]), (422, "too_large"), answer)
        self.assertIn("at most 4194304 are read", answer.json["detail"])
        answer = self.raw("bomb.zip", zipped([("zeros.npy", bytes(20 << 20))]))
        self.assertEqual((answer.status, answer.json["code"]), (422, "too_large"), answer)
        self.assertIn("more than 200 times its size", answer.json["detail"])

    def test_an_operator_sets_what_reading_an_upload_may_cost(self):
        world = World(options=("--analysis-ms", "1", "--analysis-mib", "2"))
        self.addCleanup(world.close)
        paula = world.person("paula")
        def refused(name, content):
            answer = paula.request("POST", "/v1/uploads?name=" + name, content, RAW)
            self.assertEqual(answer.status, 422, answer)
            return answer.json["detail"]
        deep = b"x = " + b"(" * 400000
        self.assertRegex(refused("a.py", deep), "takes (longer than 1 ms|more than 2 MiB)")
        self.assertRegex(refused("a.zip", zipped([("main.py", deep), ("b.py", b"import torch\n" * 40000)])), "1 ms|2 MiB")
        self.assertEqual(self.raw("a.py", deep).status, 201)  # the limits are that server's

    def test_bad_archives_and_forms_leave_nothing(self):
        blobs = self.world.blobs()
        for name, content, words in (("out.zip", zipped([("../a.py", b"x = 1\n")]), "leads out of it"),
                                     ("cut.zip", zipped([("a.py", b"x = 1\n")])[:60], "cut short"),
                                     ("not.tar.gz", b"words", "named like a tar.gz archive")):
            answer = self.raw(name, content)
            self.assertEqual((answer.status, answer.json["code"]), (422, "unsupported"), answer)
            self.assertIn(words, answer.json["detail"])
        for files, entry, code, words in (([("../a.py", b"1"), ("b.py", b"2")], None, "file_name", ".."),
                                          ([("a/../b.py", b"1")], None, "file_name", ".."),
                                          ([("%d.py" % i, b"1") for i in range(65)], None, "form_field", "at most 64"),
                                          ([], "a.py", "form_field", "no part named file"),
                                          ([("a.py", SCRIPT)], "a" * 300, "form_field", "at most 200")):
            answer = self.drop(files, entry)
            self.assertEqual((answer.status, answer.json["code"]), (422, code), answer)
            self.assertIn(words, answer.json["detail"])
        self.assertEqual(self.world.blobs(), blobs)
        wait_until(lambda: self.world.blobs("tmp") == [], "the last temporary file is removed behind its answer")


if __name__ == "__main__":
    unittest.main(verbosity=2)
