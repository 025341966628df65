#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R11: what a machine has for jobs beside itself: its models, shown to them and offered by name; and its offer follows what is there."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import WorkerFixture, enrol  # noqa: E402

LOOKS = r"""
import errno, json, os
said = {name: os.environ.get(name) for name in ("TALLY_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE")}
said["models"] = [name for name in sorted(os.listdir("/models")) if name[0] != "."] if os.path.exists("/models") else None
try:
    open("/models/new", "w")
    said["new"] = "written"
except OSError as error:
    said["new"] = errno.errorcode[error.errno]
cache = os.environ.get("HF_HUB_CACHE", "/none") + "/models--org--name"
if os.path.isdir(cache):  # as huggingface_hub finds a file of a model by name
    with open(cache + "/refs/main") as ref, open(cache + "/snapshots/" + ref.read() + "/config.json") as file:
        said["config"] = json.load(file)
print(json.dumps(said), flush=True)
"""


def put(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


class Stock(WorkerFixture):
    def prepare(self):
        self.models = self.folder + "/models"
        put(self.models + "/models--org--name/blobs/1", '{"layers": 7}')
        put(self.models + "/models--org--name/refs/main", "abc")
        os.makedirs(self.models + "/models--org--name/snapshots/abc")
        os.symlink("../../blobs/1", self.models + "/models--org--name/snapshots/abc/config.json")
        put(self.models + "/sd-turbo/model_index.json", "{}")

    def said(self, job):
        self.assertEqual(self.ended(job)["ending"], "completed", job.__dict__)
        return json.loads(job.text("stdout"))

    def offered(self):
        (number, offer), = self.server.offers.items()
        return number, offer

    def test_a_job_reads_the_models_and_changes_nothing(self):
        own = self.add(LOOKS, environment={"HF_HOME": "/job/own"})
        wants = self.add(LOOKS, environment={"HF_HUB_OFFLINE": "0", "TALLY_MODELS": "/etc"})
        online = self.add(LOOKS, network=True)
        plain = self.add(LOOKS)
        self.run_worker("--network", "--models", self.models)
        there = {"TALLY_MODELS": "/models", "models": ["models--org--name", "models--sd-turbo", "org", "sd-turbo"], "new": "EROFS"}
        cache = {"HF_HUB_CACHE": "/models", "HUGGINGFACE_HUB_CACHE": "/models", "config": {"layers": 7}}
        self.assertEqual(self.said(plain), {**there, **cache, "HF_HUB_OFFLINE": "1"})
        self.assertEqual(self.said(wants), {**there, **cache, "HF_HUB_OFFLINE": "0"})  # a job knows better
        unset = {"HF_HUB_CACHE": None, "HUGGINGFACE_HUB_CACHE": None, "HF_HUB_OFFLINE": None}
        self.assertEqual(self.said(own), {**there, **unset})
        self.assertEqual(self.said(online), {**there, **unset})  # to fetch, it must write
        self.workers[0].terminate()
        self.workers[0].wait(20)
        none = self.add(LOOKS)
        self.run_worker()
        self.assertEqual(self.said(none), {"TALLY_MODELS": None, **unset, "models": None, "new": "ENOENT"})

    def start_once(self, *flags, rate=None):
        """Its offer, after a job was run."""
        self.add("pass")
        self.assertEqual(self.run_worker("--once-jobs", "1", *flags, rate=rate).wait(60), 0)
        return self.offered()

    def test_an_offer_tells_what_is_there_and_is_replaced_when_that_changes(self):
        first, offer = self.start_once("--models", self.models, rate="1000")
        self.assertEqual((offer["models"], offer["images"]), (["org/name", "sd-turbo"], []))
        self.assertRegex(offer["packages"]["python"], r"^3\.\d+\.\d+")
        self.assertIn("numpy", offer["packages"])  # tools/packages.txt has it
        self.assertEqual(self.start_once("--models", self.models)[0], first)
        put(self.models + "/another/config.json", "{}")
        second, offer = self.start_once("--models", self.models)
        self.assertNotEqual(second, first)
        self.assertEqual((offer["models"], offer["rate"]), (["another", "org/name", "sd-turbo"], 1000))
        with open(self.state + "/offer.json") as file:
            kept = json.load(file)
        self.assertEqual(kept["models"], "another org/name sd-turbo")
        with open(self.state + "/offer.json", "w") as file:  # as an older worker kept it
            json.dump({name: kept[name] for name in ("offer_id", "rate", "network")}, file)
        third, offer = self.start_once("--models", self.models)
        self.assertNotEqual(third, second)
        self.assertEqual(self.start_once("--models", self.models)[0], third)

    def test_who_could_not_replace_its_offer_is_offered_at_its_next_start(self):
        first, _ = self.start_once(rate="1000")
        self.server.takes_offers = False
        self.assertNotEqual(self.run_worker("--models", self.models).wait(60), 0)
        self.assertEqual(self.server.offers, {})
        self.server.takes_offers = True
        second, offer = self.start_once()  # as it was, so nothing on the machine says that its offer is gone
        self.assertNotEqual(second, first)
        self.assertEqual((offer["models"], offer["rate"]), ([], 1000))
        self.assertEqual(self.start_once()[0], second)

    def test_an_owner_hears_of_a_model_that_jobs_cannot_read_and_of_a_folder_that_they_must_not(self):
        if os.geteuid() == 0:
            put(self.models + "/private/config.json", "{}", 0o600)
        done = self.command("selftest", "--models", self.models)
        self.assertIn("ok    models       org/name, sd-turbo\n", done.stdout)
        if os.geteuid() == 0:
            self.assertIn("FAIL  models       private: private/config.json: Permission denied: jobs cannot read it, so it is not offered\n", done.stdout)
            self.assertEqual(done.returncode, 1)
        for folder in (self.state, self.folder):
            worker = self.command("run", "--rate", "1000", "--models", folder)
            self.assertEqual(worker.returncode, 2, worker.stderr)
            self.assertIn("a folder of its own", worker.stderr)
        self.assertEqual(self.server.offers, {})
        refused = enrol(self.server.url, self.folder + "/unit", "--systemd", "--rate", "1", "--models", self.folder)
        self.assertIn(b"a folder of its own", refused.stderr)
        done = enrol(self.server.url, self.folder + "/unit2", "--systemd", "--rate", "1", "--models", self.folder + "/./models")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.folder + "/unit2/tally-worker.service") as file:
            self.assertIn(' --rate 1 --models "%s"\n' % os.path.realpath(self.models), file.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
