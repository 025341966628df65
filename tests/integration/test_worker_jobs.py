#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of every sort through the real chain, server and worker, each with its right payment: R11, R6.4, R6.5. Two machines: one with a
GPU, by the test's library (what runs on it runs on the processor), one with a processor and a GiB of memory."""
import ctypes
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
import unittest
from datetime import datetime

SOURCE = os.environ["TALLY_SOURCE_DIR"]
sys.path.insert(0, SOURCE + "/tests/support")
from tally_harness import BIN, World, wait_until  # noqa: E402

MONEY = 10**9
RATE = 3600000  # a QUBIC a millisecond
ESCAPE = r"""
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
print("MARK before", flush=True)
def refused(what, act):
    try:
        got = act()
    except OSError as error:
        print(what, errno.errorcode[error.errno], flush=True)
    else:
        print("ESCAPED", what, got, flush=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "syscall")
refused("host files", lambda: open("/etc/shadow").read())
refused("host memory", lambda: open("/dev/mem", "rb").read(1))
refused("a gpu", lambda: open("/dev/nvidia0"))
refused("network", lambda: socket.create_connection(("10.0.0.1", 80), 2))
refused("kill the worker", lambda: os.kill(%d, 0))
refused("ptrace", lambda: call(101, 16, 1, 0, 0))
refused("mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, None))
refused("keyring", lambda: call(250, 0, -3, 1))
for line in open("/proc/self/status"):
    if line.startswith("CapEff"):
        print("CapEff", int(line.split()[1], 16))
print("MARK after", flush=True)
"""


def seconds_of(event):
    whole, _, fraction = event["time"].rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float("0." + (fraction or "0"))


def notebook(*cells):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": "c%d" % i, "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(cells)]}).encode()


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def mnist(folder):
    spec = importlib.util.spec_from_file_location("pack", SOURCE + "/examples/mnist/pack.py")
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    pack.pack(folder + "/mnist.tar.gz")
    with open(folder + "/mnist.tar.gz", "rb") as file:
        return file.read()


class Jobs(unittest.TestCase):
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
        cls.maria = cls.world.person("maria")
        cls.alice = cls.world.person("alice", MONEY)
        os.chmod(folder, 0o755)
        os.mkdir(folder + "/dev")
        for name in ("nvidia0", "nvidiactl", "nvidia-uvm"):
            with open(folder + "/dev/" + name, "w"):
                pass
        os.environ["TALLY_TEST_NVML"] = folder + "/gpus"
        with open(folder + "/gpus", "w") as file:
            file.write("GPU-0 0 89 16384 2520 ok 42 100 24564 61 250500 40 2400 4 0 NVIDIA GeForce RTX 4090\n")
        cls.trace = open(folder + "/trace", "w+")
        cls.start("rig", "4096", "--nvml", BIN + "/../lib/libtally_test_nvml.so", "--device-folder", folder + "/dev")
        cls.start("box", "1024", "--no-gpus")
        found = wait_until(lambda: (lambda items: items if len(items) == 2 and all(offer["online"] for offer in items) else None)(
            cls.alice.ok("GET", "/v1/offers?limit=500")["items"]), "two machines on offer", 60)
        cls.gpu, cls.cpu = sorted(found, key=lambda offer: -offer["gpus"])
        # The same machine again, said to be so fast that what is paid for is over soon.
        fast = {name: cls.cpu[name] for name in ("host_id", "device", "model", "gpus", "vram_mib", "tflops_milli", "ram_mib", "storage_mib",
                                                       "compute_capability", "cpu_cores", "rate")}
        cls.fast = cls.maria.ok("POST", "/v1/offers", {**fast, "speed_permille": 150000})

    @classmethod
    def start(cls, name, ram_mib, *flags):
        flags = ["--state", cls.world.folder + "/" + name, *flags]
        server = "http://127.0.0.1:%d" % cls.world.server.port
        done = subprocess.run([BIN + "/tally-worker", "enrol", "--server", server, "--name", name, *flags], input=cls.maria.token.encode(),
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        cls.workers.append(subprocess.Popen([BIN + "/tally-worker", "run", "--rate", str(RATE), "--ram-mib", ram_mib, *flags],
                                            stderr=cls.trace, stdout=cls.trace))

    @classmethod
    def tearDownClass(cls):
        for worker in cls.workers:
            worker.terminate()
            worker.wait(30)
        if cls.trace is not None:
            cls.trace.close()
        cls.world.close()

    def submit(self, content, name, offer, **settings):
        job = self.alice.job(offer["id"], content=content, name=name, settings=settings or None)
        self.alice.lock(job)
        return job

    def seal(self, key, value):
        """crypto_box_seal, by the library itself."""
        sodium = ctypes.CDLL("libsodium.so.23")
        assert sodium.sodium_init() >= 0
        box = ctypes.create_string_buffer(len(value) + 48)
        assert sodium.crypto_box_seal(box, value, ctypes.c_ulonglong(len(value)), bytes.fromhex(key)) == 0
        return box.raw.hex()

    def test_a_sealed_secret_reaches_the_job_and_is_written_nowhere(self):
        secret = b"correct-horse-%d" % os.getpid()
        upload = self.alice.upload(b"import hashlib, os\nvalue = os.environ['WORDS']\n"
                                   b"print(value, hashlib.sha256(value.encode()).hexdigest())\n", "secret.py")
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.cpu["id"]})
        sealed = self.seal(quote["sealing_key"], secret)
        for wrong in ("", "00" * 47, sealed.upper(), sealed[1:], 7):
            answer = self.alice.post("/v1/jobs", {"quote_id": quote["id"], "settings": {"sealed": {"WORDS": wrong}}})
            self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"), wrong)
        job = self.alice.ok("POST", "/v1/jobs", {"quote_id": quote["id"], "settings": {"sealed": {"WORDS": sealed}}})
        self.alice.lock(job)
        ended = self.alice.wait_for(job, lambda now: now["settled"], 500)
        self.assertEqual(ended["ending"], "completed", ended)
        self.assertEqual(self.fetch(ended, "output.log").decode(), "*** %s\n" % hashlib.sha256(secret).hexdigest())
        looked = 0
        for folder, _, names in os.walk(self.world.data):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(secret, file.read())
                looked += 1
        self.assertGreater(looked, 3)
        # the command line does the same, from a file that others may not read
        folder = self.world.folder
        wallet = ["--wallet", folder + "/bob.wallet", "--passphrase-file", self.world.passphrase]
        subprocess.run([BIN + "/tally", "wallet", "new", *wallet], capture_output=True, check=True, timeout=60)
        shown = subprocess.run([BIN + "/tally", "wallet", "show", *wallet], capture_output=True, text=True, check=True, timeout=60)
        self.world.chain.fund(shown.stdout.split()[0], MONEY)
        with open(folder + "/secret.py", "wb") as file:
            file.write(b"import os\nprint('words', len(os.environ['WORDS']), os.environ['MORE'])\n")
        with open(folder + "/secrets", "wb") as file:
            file.write(b"# mine\n\nWORDS=%s\nMORE=a=b c\n" % secret)
        submit = [BIN + "/tally", "submit", folder + "/secret.py", *wallet, "--server", "http://127.0.0.1:%d" % self.world.server.port, "--offer",
                  self.cpu["id"], "--secrets", folder + "/secrets", "--save", folder + "/bobs"]
        os.chmod(folder + "/secrets", 0o644)
        self.assertIn("chmod 600", subprocess.run(submit, capture_output=True, text=True, timeout=120).stderr)
        os.chmod(folder + "/secrets", 0o600)
        refused = subprocess.run([*submit, "--network"], capture_output=True, text=True, timeout=120)  # R11: this provider allows none
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("needs a network, gives jobs none", refused.stdout)
        self.assertIn("gives jobs no network", refused.stderr)
        refused = subprocess.run([*submit, "--image", "a:1"], capture_output=True, text=True, timeout=120)  # R4.4: of a Dockerfile alone
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("leave settings.image out", refused.stderr)
        refused = subprocess.run([*submit, "--max-minutes", "0"], capture_output=True, text=True, timeout=120)
        self.assertEqual((refused.returncode, "1 to 43200" in refused.stderr), (2, True), refused.stderr)
        # where no machine fits it says what to do, before anything is paid, and goes on with the upload that is there (R4.4)
        with open(folder + "/lacking.py", "wb") as file:
            file.write(b"import polars_of_nowhere\nimport xgboost\nfrom transformers import AutoModel\nAutoModel.from_pretrained('nobody/has-it')\n")
        lacking = [BIN + "/tally", "submit", *wallet, *submit[submit.index("--server"):submit.index("--offer")]]
        refused = subprocess.run([*lacking, folder + "/lacking.py"], capture_output=True, text=True, timeout=120)
        self.assertEqual((refused.returncode, "no machine fits now" in refused.stderr), (1, True), refused.stdout)
        self.assertIn("the model that it needs: nobody/has-it", refused.stdout)
        left = refused.stdout.split("tally submit --upload ")[1].split()[0]
        again = subprocess.run([*lacking, "--upload", left], capture_output=True, text=True, timeout=120)
        self.assertIn("tally override %s" % left, again.stdout)
        self.assertEqual(subprocess.run([*lacking, "--upload", left, "x.py"], capture_output=True, timeout=120).returncode, 2)
        done = subprocess.run([*submit, "--results", "out/of", "--max-minutes", "7"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(folder + "/bobs") as file:
            bobs = json.load(file)
        self.assertEqual(bobs["results_folder"], "out/of")
        self.assertTrue(420000 <= bobs["limit_ms"] < 421000, bobs["limit_ms"])
        self.assertIn("words %d ***" % len(secret), done.stdout)
        # another machine of the provider, with a key of its own, gives it back
        answer = self.alice.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": self.gpu["id"]})
        self.assertNotEqual(answer["sealing_key"], quote["sealing_key"])
        job = self.alice.ok("POST", "/v1/jobs", {"quote_id": answer["id"], "settings": {"sealed": {"WORDS": sealed}}})
        self.alice.lock(job)
        ended = self.alice.wait_for(job, lambda now: now["settled"], 500)
        self.assertEqual((ended["ending"], ended["refund"]), ("host_fault", ended["cap"]), ended)
        self.assertIn("another key", ended["detail"])

    def balances(self):
        return [self.world.chain.balance(person.identity) for person in (self.maria, self.alice)]

    def results(self, job):
        return {item["name"]: item for item in self.alice.ok("GET", "/v1/jobs/%s/results" % job["id"])["items"]}

    def fetch(self, job, name):
        answer = self.alice.get("/v1/jobs/%s/results/%s" % (job["id"], name))
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def check_reports(self, name, job):
        """By the ledger's clock: started within 5 s of its assignment (R11.1), never silent for more than 10 s (R11.2), every result stored before the
        end was reported (R11.4)."""
        events, after = [], 0
        while after is not None:
            page = self.alice.ok("GET", "/v1/jobs/%s/events?limit=500&after=%d" % (job["id"], after))
            events += page["items"]
            after = page["next"]
        said = [event for event in events if event["type"] in ("job.started", "job.progressed", "job.output", "metric.sampled",
                                                               "job.completed", "job.failed")]
        assigned = next(event for event in events if event["type"] == "job.assigned")
        self.assertLess(seconds_of(said[0]) - seconds_of(assigned), 5, name)
        for before, event in zip(said, said[1:]):
            self.assertLess(seconds_of(event) - seconds_of(before), 10, (name, before["id"], event["id"]))
        stored = [int(event["id"]) for event in events if event["type"] == "result.stored"]
        self.assertLess(max(stored, default=0), int(said[-1]["id"]), name)

    def test_each_ends_as_it_should_and_is_paid_for_what_it_is_worth(self):
        before = self.balances()
        jobs = {
            "mnist": self.submit(mnist(self.world.folder), "mnist.tar.gz", self.gpu, arguments=["--epochs", "15"]),
            "failing": self.submit(b"rows = {}\nprint(rows['price'])\n", "failing.py", self.cpu),
            "memory": self.submit(b"held = []\nwhile True:\n    held.append(b'1' * (64 << 20))\n", "memory.py", self.cpu),
            "escape": self.submit(ESCAPE.encode() % self.workers[0].pid, "escape.py", self.cpu),
            "notebook": self.submit(notebook("print('from a cell')", "6 * 7"), "study.ipynb", self.cpu),
            "bundle": self.submit(tar({"job/train.py": b"import numpy, helper\nprint(helper.sum_of('data.csv'), numpy.__name__)\n",
                                       "job/helper.py": b"def sum_of(name):\n    return sum(map(int, open(name)))\n",
                                       "job/data.csv": b"40\n2\n", "job/requirements.txt": b"numpy\n"}), "job.tar", self.cpu),
            "hanging": self.submit(b"import time\nprint('up', flush=True)\nwhile True:\n    time.sleep(60)\n", "hanging.py", self.fast),
        }
        ended = {name: self.alice.wait_for(job, lambda now: now["settled"], 500) for name, job in jobs.items()}
        says = {name: (job["status"], job["ending"], job["reason"]) for name, job in ended.items()}
        good = ("completed", "completed", "exited_zero")
        self.assertEqual(says, {"mnist": good, "escape": good, "notebook": good, "bundle": good,
                                "failing": ("failed", "program_failed", "exited_nonzero"),
                                "memory": ("failed", "program_failed", "out_of_memory"),
                                "hanging": ("completed", "cap_reached", "paid_limit")}, ended)
        for name, job in ended.items():  # to the last QUBIC, and on the chain
            paid = 0 if job["ending"] == "program_failed" else min(job["used_ms"] * job["rate"] // 3600000, job["cap"])
            self.assertEqual((job["gross"], job["payout"], job["refund"]), (paid, paid, job["cap"] - paid), name)
            self.assertEqual(self.world.chain.balance(job["escrow"]["identity"]), 0, name)
            self.assertTrue(0 < job["used_ms"] <= job["limit_ms"], job)
            self.check_reports(name, job)
        self.assertEqual(ended["hanging"]["payout"], ended["hanging"]["cap"])
        paid = sum(job["payout"] for job in ended.values())
        self.assertEqual([now - then for now, then in zip(self.balances(), before)], [paid, -paid])

        self.assertGreaterEqual(json.loads(self.fetch(ended["mnist"], "metrics.json"))["accuracy"], 0.8)
        self.assertIn("model.pt", self.results(ended["mnist"]))
        cells = json.loads(self.fetch(ended["notebook"], "study.ipynb"))["cells"]
        self.assertEqual(cells[1]["outputs"][0]["data"]["text/plain"], ["42"])
        self.assertEqual(self.fetch(ended["bundle"], "output.log"), b"42 numpy\n")
        self.assertIn("KeyError: 'price'", ended["failing"]["detail"])
        self.assertIn("more memory", ended["memory"]["detail"])
        self.assertEqual(self.fetch(ended["escape"], "output.log").decode().splitlines(), [
            "MARK before", "host files ENOENT", "host memory ENOENT", "a gpu ENOENT", "network ENETUNREACH", "kill the worker ESRCH",
            "ptrace EPERM", "mount EPERM", "keyring EPERM", "CapEff 0", "MARK after"])
        metrics = self.alice.ok("GET", "/v1/jobs/%s/metrics" % ended["mnist"]["id"])["items"]
        sample = next(sample for sample in metrics if sample["vram_total_mib"] == 24564)
        self.assertEqual([sample[name] for name in ("fan_percent", "sm_clock_mhz", "memory_clock_mhz", "throttle_reasons", "xid")],
                         [40, 2400, 12000, ["sw_power_cap"], 0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
