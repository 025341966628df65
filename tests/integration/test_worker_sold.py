#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A job that needs what a machine has not is refused before it is bought, through the real chain, server and workers: R3.4, R6, R11. Two machines: "stocked"
shows jobs a folder of models and images of a podman's, "bare" nothing. Neither has polars or diffusers."""
import importlib.util
import json
import os
import subprocess
import sys
import unittest

SOURCE = os.environ["TALLY_SOURCE_DIR"]
sys.path.insert(0, SOURCE + "/tests/support")
from tally_harness import BIN, World, wait_until  # noqa: E402

# What huggingface_hub does for a model's name without a network, in a class of the script's own: the library is not among Debian's packages.
LOADS = b"""
import os

class Model:
    @staticmethod
    def from_pretrained(name):
        folder = os.path.join(os.environ["HF_HUB_CACHE"], "models--" + name.replace("/", "--"))
        with open(folder + "/refs/main") as ref:
            snapshot = ref.read()
        with open(os.path.join(folder, "snapshots", snapshot, "config.json")) as file:
            return file.read()

print("read", Model.from_pretrained("tallystick/tiny"), flush=True)
"""
PODMAN = """#!/bin/sh
[ "$1 $2 $3" = "image list --format" ] && { echo docker.io/library/python:3.11-slim; exit 0; }
[ "$1 $2 $3" = "image list --quiet" ]
"""


class Sold(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.workers = []
        cls.trace = None
        try:
            cls.set_up()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def set_up(cls):
        folder = cls.world.folder
        os.chmod(folder, 0o755)
        cls.maria = cls.world.person("maria")
        cls.alice = cls.world.person("alice", 10**9)
        cls.trace = open(folder + "/trace", "w+")
        cached = folder + "/models/models--tallystick--tiny"
        for name, text in (("/refs/main", "abc"), ("/blobs/1", "weights of tiny"), ("/snapshots/abc/README.md", "tiny")):
            os.makedirs(os.path.dirname(cached + name), exist_ok=True)
            with open(cached + name, "w") as file:
                file.write(text)
        os.symlink("../../blobs/1", cached + "/snapshots/abc/config.json")
        with open(os.open(folder + "/podman", os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
            file.write(PODMAN)
        cls.start("bare")
        cls.start("stocked", "--models", folder + "/models", "--podman", folder + "/podman")
        offers = wait_until(lambda: (lambda items: items if len(items) == 2 and all(offer["online"] for offer in items) else None)(
            cls.alice.ok("GET", "/v1/offers?limit=500")["items"]), "two machines on offer", 120)
        cls.bare, cls.stocked = sorted(offers, key=lambda offer: len(offer["models"]))

    @classmethod
    def start(cls, name, *flags):
        state = ["--state", cls.world.folder + "/" + name, "--no-gpus"]
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", "http://127.0.0.1:%d" % cls.world.server.port, "--name", name, *state],
                              input=cls.maria.token.encode(), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        cls.workers.append(subprocess.Popen([BIN + "/tally-worker", "run", "--rate", "3600000", "--ram-mib", "1024", *state, *flags],
                                            stderr=cls.trace, stdout=cls.trace))

    @classmethod
    def tearDownClass(cls):
        for worker in cls.workers:
            worker.terminate()
            worker.wait(30)
        if cls.trace is not None:
            cls.trace.close()
        cls.world.close()

    def refused(self, upload, offer, words, **more):
        """At the quote, and in the ranking, in the same words."""
        answer = self.alice.post("/v1/quotes", {"upload_id": upload["id"], "offer_id": offer["id"], **more})
        self.assertEqual((answer.status, answer.json["code"]), (409, "offer_insufficient"), answer)
        self.assertIn(words, answer.json["detail"])
        image = "".join("&image=" + value for value in more.get("settings", {}).values())
        page = self.alice.ok("GET", "/v1/matches?limit=500&upload_id=" + upload["id"] + image)
        entry = next(entry for entry in page["ranking"] if entry["offer_id"] == offer["id"])
        self.assertEqual(entry["fit"], "insufficient")
        self.assertIn(words, entry["why"])

    def test_the_offers_tell_what_is_there(self):
        self.assertEqual((self.bare["models"], self.bare["images"]), ([], []))
        self.assertEqual(self.stocked["models"], ["tallystick/tiny"])
        self.assertEqual(self.stocked["images"], ["python:3.11-slim"] if os.geteuid() == 0 else [])
        self.assertEqual(self.stocked["packages"], self.bare["packages"])
        self.assertRegex(self.bare["packages"]["python"], r"^3\.\d+\.\d+")
        self.assertIn("numpy", self.bare["packages"])

    @unittest.skipIf(importlib.util.find_spec("polars") or importlib.util.find_spec("diffusers"), "this machine has them")
    def test_a_package_that_no_machine_has_is_named(self):
        upload = self.alice.upload(b"import numpy\nimport polars\nprint(numpy, polars)\n", "table.py")
        self.refused(upload, self.bare, "has no polars")
        with open(SOURCE + "/examples/stable-diffusion.py", "rb") as file:
            pictures = self.alice.upload(file.read(), "stable-diffusion.py")
        self.assertEqual(pictures["analysis"]["requirements"]["model"], "stabilityai/sd-turbo")
        self.refused(pictures, self.stocked, "diffusers")
        self.refused(pictures, self.stocked, "the model that it needs is not on this machine")
        # who knows better says so
        self.alice.ok("POST", "/v1/analyses/%s/override" % upload["id"], {"packages": []})
        self.assertEqual(self.alice.post("/v1/quotes", {"upload_id": upload["id"], "offer_id": self.bare["id"]}).status, 201)

    def test_a_model_is_sold_where_it_lies_and_is_read_there(self):
        upload = self.alice.upload(LOADS, "loads.py")
        self.assertEqual(upload["analysis"]["requirements"]["model"], "tallystick/tiny")
        self.refused(upload, self.bare, "the model that it needs is not on this machine")
        job = self.alice.job(self.stocked["id"], content=LOADS, name="loads.py")
        self.alice.lock(job)
        ended = self.alice.wait_for(job, lambda now: now["settled"], 120)
        self.assertEqual((ended["ending"], ended["reason"]), ("completed", "exited_zero"), ended)
        output = self.alice.get("/v1/jobs/%s/results/output.log" % job["id"])
        self.assertEqual(output.body, b"read weights of tiny\n")

    @unittest.skipUnless(os.geteuid() == 0, "podman shows an image's files to root alone")
    def test_an_image_that_podman_lacks_is_refused(self):
        absent = self.alice.upload(b"FROM python:3.12-slim\nCMD [\"python3\", \"-c\", \"print(1)\"]\n", "Dockerfile")
        self.refused(absent, self.stocked, "the container image that it needs is not on this machine")
        named = {"settings": {"image": "docker.io/library/python:3.11-slim"}}  # another spelling of the one that is there
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": absent["id"], "offer_id": self.stocked["id"], **named})
        answer = self.alice.post("/v1/jobs", {"quote_id": quote["id"], "settings": {"image": "alpine:3"}})
        self.assertEqual((answer.status, answer.json["code"]), (409, "not_on_machine"), answer)
        self.assertEqual(self.alice.post("/v1/jobs", {"quote_id": quote["id"], **named}).status, 201)


if __name__ == "__main__":
    unittest.main(verbosity=2)
