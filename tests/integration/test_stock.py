#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What jobs find on a machine (R11): offers tell it, uploads need it, and who lacks it is not sold: packages, models and container images; and
who knows better says so."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/support")
from tally_harness import BIN, LOCAL, Host, World  # noqa: E402

TURBO = "stabilityai/sd-turbo"
HAS = {"packages": {"python": "3.11.2", "torch": "1.13.1+cu117", "diffusers": "0.25.0", "cv2": ""},
       "models": [TURBO, "sd-turbo"], "images": ["docker.io/library/python:3.11-slim", "localhost/mine"]}
DIFFUSION = b"""import torch
from diffusers import StableDiffusionPipeline
pipeline = StableDiffusionPipeline.from_pretrained("stabilityai/sd-turbo")
pipeline("a lighthouse").images[0].save("results/lighthouse.png")
"""
ASKING = b"""import argparse
import torch
from diffusers import DiffusionPipeline
parser = argparse.ArgumentParser()
parser.add_argument("--model", default="stabilityai/sd-turbo")
settings = parser.parse_args()
DiffusionPipeline.from_pretrained(settings.model)
"""
DOCKERFILE = b'FROM python:3.11-slim\nCMD ["python3", "-c", "print(1)"]\n'


class Stock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"lease_s": 600})
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice")
        cls.maria = cls.world.person("maria")
        gpu = {"device": "gpu", "gpus": 1, "vram_mib": 24576, "compute_capability": 86}
        cls.full = Host(cls.maria, "full", **gpu, **HAS)
        cls.bare = Host(cls.maria, "bare", **gpu, packages={"python": "3.11.2", "numpy": "1.24.2"})
        cls.silent = Host(cls.maria, "silent", **gpu)
        for host in (cls.full, cls.bare, cls.silent):
            host.post("/v1/workers/claim", {"wait_s": 0, "kinds": ["python", "dockerfile"]})
        cls.world.chain.fund(cls.alice.identity, 10 ** 9)

    def look(self, upload, more=""):
        return self.alice.ok("GET", "/v1/matches?upload_id=%s%s" % (upload["id"], more))

    def fits(self, upload, more=""):
        """By machine: its class, and the reasons of what it has."""
        ranking = self.look(upload, more)["ranking"]
        offers = {host.offer["id"]: name for name, host in (("full", self.full), ("bare", self.bare), ("silent", self.silent))}
        return {offers[entry["offer_id"]]: (entry["fit"], {reason["check"]: reason["text"] for reason in entry["reasons"]})
                for entry in ranking}

    def quote(self, upload, host, settings=None):
        body = {"upload_id": upload["id"], "offer_id": host.offer["id"]}
        return self.alice.post("/v1/quotes", {**body, **({} if settings is None else {"settings": settings})})

    def test_an_offer_says_what_it_has_and_one_that_says_nothing_is_not_known_to_have_none(self):
        self.assertEqual({name: self.full.offer[name] for name in HAS},
                         {**HAS, "images": ["python:3.11-slim", "mine:latest"]})
        self.assertEqual([self.silent.offer[name] for name in HAS], [None, [], []])
        offers = {offer["id"]: offer for offer in self.alice.ok("GET", "/v1/offers")["items"]}
        self.assertEqual(offers[self.full.offer["id"]]["models"], HAS["models"])
        standing = self.maria.ok("GET", "/v1/offers/standing")["items"]
        self.assertIn(HAS["packages"], [item["offer"]["packages"] for item in standing])

    def test_what_cannot_be_is_refused_with_what_could(self):
        for field, value in (("packages", {"torch": "2.1"}), ("packages", {"python": "3.11", "scikit-learn": "1"}),
                             ("packages", {"python": "3 11"}), ("packages", {"python": 3}), ("packages", ["python"]),
                             ("packages", {"python": "3.11", **{"p%d" % i: "1" for i in range(64)}}),
                             ("packages", {"python": "3.11", **{"p%d_%s" % (i, "x" * 59): "1" * 64 for i in range(60)}}),
                             ("models", ["../etc"]), ("models", ["a/b/c"]), ("models", [""]), ("models", [1]), ("models", "gpt2"),
                             ("models", ["gpt2"] * 65), ("images", ["scratch"]), ("images", ["python@sha256:00"]),
                             ("images", ["py thon"]), ("images", ["x/%0250d" % 1] * 20)):
            answer = self.maria.post("/v1/offers", {"host_id": self.bare.host_id, **Host.OFFER, field: value})
            self.assertEqual(answer.status, 422, (field, value, answer))
            self.assertEqual(answer.json["errors"][0]["pointer"].split("/")[1], field, answer)

    def test_a_program_is_sold_on_no_machine_that_is_known_to_lack_its_packages_or_model(self):
        upload = self.alice.upload(DIFFUSION, "turbo.py")
        needs = self.look(upload)["needs"]
        self.assertEqual((set(needs["packages"]) >= {"torch", "diffusers"}, needs["item"]), (True, "model"))
        fits = self.fits(upload)
        self.assertNotEqual(fits["full"][0], "insufficient", fits["full"])
        self.assertEqual(fits["bare"][0], "insufficient")
        self.assertIn("has no torch, diffusers", fits["bare"][1]["packages"])
        self.assertEqual(fits["bare"][1]["model_or_image"], "the model that it needs is not on this machine")
        self.assertEqual(fits["silent"][0], "insufficient", "a model it must tell")
        self.assertIn("does not say", fits["silent"][1]["packages"])
        refused = self.quote(upload, self.bare)
        self.assertEqual((refused.status, refused.json["code"]), (409, "offer_insufficient"))
        self.assertIn("has no torch, diffusers", refused.json["detail"])
        self.assertEqual(self.quote(upload, self.full).status, 201)
        checks = {reason["check"] for reason in self.look(upload)["not_suitable"]}
        self.assertLessEqual({"packages", "model_or_image"}, checks)

    def test_a_model_that_an_argument_names_goes_before_the_programs_own(self):
        upload = self.alice.upload(ASKING, "turbo.py")
        self.assertEqual(self.alice.ok("GET", "/v1/analyses/" + upload["id"])["effective"]["model"], TURBO)
        for model, status in ((TURBO, 201), ("runwayml/stable-diffusion-v1-5", 409), ("/models/sd-turbo", 201), ("/models/sdxl", 409), ("./mine", 201)):
            answer = self.quote(upload, self.full, {"arguments": ["--model", model]})
            self.assertEqual(answer.status, status, (model, answer))
            if status == 409:
                self.assertEqual((answer.json["code"], "the model that it needs is not on this machine" in answer.json["detail"]), ("offer_insufficient", True))

    def test_a_match_is_for_what_the_job_is_to_be_started_with(self):
        upload = self.alice.upload(ASKING, "turbo.py")
        for model, fit in (("/models/sd-turbo", "borderline"), ("runwayml/stable-diffusion-v1-5", "insufficient")):
            made = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"], "settings": {"arguments": ["--model", model]}})
            self.assertEqual([entry["fit"] for entry in made["ranking"] if entry["offer_id"] == self.full.offer["id"]], [fit], model)
        online = self.alice.ok("POST", "/v1/matches", {"upload_id": upload["id"], "settings": {"network": True}})
        self.assertEqual((online["needs"]["network"], online["needs"]["item"]), (True, None))
        bad = self.alice.post("/v1/matches", {"upload_id": upload["id"], "network": True, "settings": {}})
        self.assertEqual((bad.status, bad.json["errors"][0]["pointer"]), (422, "/settings"))
        wrong = self.alice.post("/v1/matches", {"upload_id": upload["id"], "settings": {"network": 1}})
        self.assertEqual((wrong.status, wrong.json["errors"][0]["pointer"]), (422, "/settings/network"))

    def test_with_a_network_a_model_may_be_fetched(self):
        upload = self.alice.upload(DIFFUSION, "turbo.py")
        self.assertNotIn("model_or_image", self.fits(upload, "&network=true")["silent"][1])
        self.assertEqual(self.look(upload, "&network=true")["needs"]["item"], None)

    def test_who_knows_better_says_so_and_takes_it_back(self):
        upload = self.alice.upload(DIFFUSION, "turbo.py")
        path = "/v1/analyses/" + upload["id"]
        found = self.alice.ok("GET", path)
        self.assertEqual(found["effective"]["model"], TURBO)
        said = self.alice.ok("POST", path + "/override", {"packages": [], "model": ""})
        self.assertEqual([said["effective"][name] for name in ("packages", "model", "image")], [[], None, None])
        self.assertNotEqual(self.fits(upload)["silent"][0], "insufficient")
        self.assertEqual(self.quote(upload, self.bare).status, 201)
        etag = self.alice.get(path).headers["ETag"]
        again = self.alice.request("POST", path + "/override", {"packages": ["numpy"], "model": "sd-turbo"}, {"If-Match": etag})
        self.assertEqual((again.json["override"]["packages"], again.json["effective"]["model"]), (["numpy"], "sd-turbo"))
        kept = self.alice.request("POST", path + "/override", {"ram_mib": 1000}, {"If-Match": "*"})
        self.assertEqual((kept.json["effective"]["packages"], kept.json["effective"]["model"]), (["numpy"], "sd-turbo"), "what is not sent stays")
        for figures in ({"packages": ["scikit-learn"]}, {"packages": [1]}, {"packages": "torch"}, {"model": "a/b/c"}):
            bad = self.alice.request("POST", path + "/override", figures, {"If-Match": "*"})
            self.assertEqual((bad.status, bad.json["errors"][0]["pointer"]), (422, "/" + next(iter(figures))))
        token = self.world.folder + "/alice.token"
        with open(token, "w", encoding="ascii") as file:
            file.write(self.alice.token)
        done = subprocess.run([BIN + "/tally", "override", upload["id"], "--packages", "torch,numpy", "--model", "", "--token-file", token,
                               "--server", "http://%s:%d" % (LOCAL, self.alice.port), "--json"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        effective = json.loads(done.stdout)["effective"]
        self.assertEqual((sorted(effective["packages"]), effective["model"]), (["numpy", "torch"], None))

    def test_a_container_is_sold_where_its_image_is_by_whatever_name(self):
        upload = self.alice.upload(DOCKERFILE, "Dockerfile")
        fits = self.fits(upload)
        self.assertEqual((fits["bare"][1]["model_or_image"], fits["bare"][0]), ("the container image that it needs is not on this machine", "insufficient"))
        self.assertNotEqual(fits["full"][0], "insufficient", fits["full"])
        self.assertEqual(self.fits(upload, "&image=docker.io/library/mine")["full"][0], fits["full"][0])
        self.assertEqual(self.fits(upload, "&image=pytorch/pytorch:2.1.0")["full"][0], "insufficient")
        bad = self.alice.get("/v1/matches?upload_id=%s&image=scratch" % upload["id"])
        self.assertEqual((bad.status, bad.json["code"]), (422, "image_invalid"))
        other = self.alice.get("/v1/matches?upload_id=%s&image=python:3.11" % self.alice.upload(DIFFUSION, "turbo.py")["id"])
        self.assertEqual((other.status, other.json["code"]), (409, "image_not_used"))
        self.assertEqual(self.quote(upload, self.full, {"image": "pytorch/pytorch"}).json["code"], "offer_insufficient")
        quote = self.quote(upload, self.full)
        self.assertEqual(quote.status, 201, quote)
        refused = self.alice.post("/v1/jobs", {"quote_id": quote.json["id"], "settings": {"image": "pytorch/pytorch"}})
        self.assertEqual((refused.status, refused.json["code"]), (409, "not_on_machine"))
        job = self.alice.ok("POST", "/v1/jobs", {"quote_id": quote.json["id"], "settings": {"image": "mine"}})
        self.assertEqual(job["status"], "awaiting_lock")

    def test_what_was_matched_is_explained_from_the_log(self):
        upload = self.alice.upload(DIFFUSION, "turbo.py")
        recorded = self.alice.ok("POST", "/v1/matches?limit=1", {"upload_id": upload["id"]})
        done = subprocess.run([BIN + "/tally", "replay", "--explain", recorded["id"], "--data", self.world.data], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "torch, .*diffusers.*, a model\n")
        self.assertIn("\nequal: ", done.stdout)


if __name__ == "__main__":
    unittest.main()
