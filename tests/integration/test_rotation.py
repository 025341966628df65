# SPDX-License-Identifier: Apache-2.0
"""tallyd rotate on a real server: jobs of both keys are paid, a rotation that was cut goes on, what is stuck is shown."""
import ctypes
import json
import os
import shutil
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, World, tally_qubic, wait_until  # noqa: E402

MONEY = 10**9


def with_another_first_seed(sealed, passphrase):
    """keys.sealed (core/crypto/sealed.h), its first operator seed replaced; by libsodium itself, which tallyd is linked with."""
    sodium = ctypes.CDLL("libsodium.so.23")
    assert sodium.sodium_init() >= 0
    salt, nonce, box = sealed[24:40], sealed[40:64], sealed[64:]
    key = ctypes.create_string_buffer(32)
    assert sodium.crypto_pwhash(key, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)), salt,
                                ctypes.c_ulonglong(int.from_bytes(sealed[8:16], "big")),
                                ctypes.c_size_t(int.from_bytes(sealed[16:24], "big")), 2) == 0
    secret = ctypes.create_string_buffer(len(box) - 16)
    assert sodium.crypto_secretbox_open_easy(secret, box, ctypes.c_ulonglong(len(box)), nonce, key) == 0
    other = secret.raw[:32] + b"x" * 55 + secret.raw[87:]
    again = ctypes.create_string_buffer(len(box))
    assert sodium.crypto_secretbox_easy(again, other, ctypes.c_ulonglong(len(other)), nonce, key) == 0
    return sealed[:64] + again.raw


class Rotation(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.alice = self.world.person("alice", MONEY)
        self.host = self.world.host(self.world.person("maria"))
        self.keys = self.world.data + "/keys.sealed"
        wait_until(lambda: self.world.chain.balance(self.alice.identity) == MONEY, "the faucet's money")

    def stop(self):
        self.assertEqual(self.world.server.stop(), 0)
        self.world.server.errors.close()

    def start(self):
        self.world.start()
        for person in (self.alice, self.host, self.host.provider):
            person.port = self.world.server.port

    def rotate(self, *more, passphrase=None):
        return subprocess.run([BIN + "/tallyd", "rotate", "--data", self.world.data, "--passphrase-file",
                               passphrase or self.world.passphrase, *more],
                              capture_output=True, text=True, timeout=60)

    def rotated(self):
        done = self.rotate()
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def run_job(self, job):
        self.host.claim_and_start(job)
        time.sleep(0.1)
        self.host.end(job, worker_ms=100)
        return self.alice.wait_for(job, lambda now: now["settled"])

    def status(self):
        return self.world.operator().ok("GET", "/v1/settlement")

    def read_keys(self):
        with open(self.keys, "rb") as file:
            return file.read()

    def tally(self, *arguments):
        chain = self.world.chain.url
        return subprocess.run([BIN + "/tally", *arguments, "--data", self.world.data, "--qubic-live-url", chain + "/live/v1",
                               "--qubic-query-url", chain + "/query/v1"], capture_output=True, text=True, timeout=120)

    def test_a_job_that_is_open_meanwhile_is_paid_with_its_own_key(self):
        old = self.alice.queued_job(self.host)
        self.host.claim_and_start(old)
        self.assertEqual(old["escrow"]["key_id"], 1)
        before = self.read_keys()
        running = self.rotate()
        self.assertEqual(running.returncode, 1)
        self.assertIn("another process has the ledger", running.stderr)
        self.assertEqual(self.read_keys(), before)
        self.stop()
        wrong = self.world.folder + "/wrong"
        with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write("not it\n")
        self.assertEqual(self.rotate(passphrase=wrong).returncode, 1)
        self.assertEqual(self.read_keys(), before)
        said = self.rotated()
        self.assertIn("new escrows are of settlement key 2", said)
        self.assertIn("keys.sealed has changed", said)
        self.assertNotEqual(self.read_keys(), before)
        self.assertEqual(stat.S_IMODE(os.stat(self.keys).st_mode), 0o600)
        self.start()

        new = self.alice.queued_job(self.host)
        self.assertEqual(new["escrow"]["key_id"], 2)
        self.assertEqual([(key["key_id"], key["loaded"], key["newest"], key["retired"], key["escrows_open"])
                          for key in self.status()["keys"]], [(1, True, False, False, 1), (2, True, True, False, 1)])
        self.host.end(old, worker_ms=100)
        old = self.alice.wait_for(old, lambda now: now["settled"])
        self.assertEqual(old["escrow"]["key_id"], 1)
        wait_until(lambda: self.status()["keys"][0]["retired"], "the old key's end")
        new = self.run_job(new)
        for job in (old, new):
            self.assertEqual(self.world.chain.balance(job["escrow"]["identity"]), 0)
        events = [event["type"] for event in self.world.operator().ok("GET", "/v1/events?limit=500")["items"]]
        self.assertEqual([word for word in events if word.startswith("settlement.")],
                         ["settlement.key_added", "settlement.key_added", "settlement.key_retired"])
        ready = self.world.client().get("/readyz").json["settlement"]
        self.assertEqual((ready["legs_stuck"], ready["oldest_stuck_since"], ready["keys_missing"]), (0, None, []))
        self.assertEqual(self.alice.get("/v1/settlement").status, 403)

        # What arrives at the old escrow without a transaction can still be taken from there.
        self.world.chain.fund(old["escrow"]["identity"], 40)
        wait_until(lambda: "+40 QUBIC" in self.tally("escrow", "show", old["id"]).stdout, "the gift in the archive")
        self.assertIn("settlement key 1, retired\n", self.tally("escrow", "show", old["id"]).stdout)
        self.stop()
        operator = tally_qubic("identity", {"seed": "o" * 55})["identity"]
        swept = self.tally("sweep", "--to", operator, "--yes", "--passphrase-file", self.world.passphrase)
        self.assertEqual(swept.returncode, 0, swept.stderr)
        self.assertIn("moved 40 QUBIC\n", swept.stdout)
        for command in ("verify", "replay"):
            checked = subprocess.run([BIN + "/tally", command, "--data", self.world.data], capture_output=True, text=True,
                                     timeout=120)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_a_rotation_that_was_cut_goes_on(self):
        """The file is written, the event is not: what a kill between the two leaves. Then the other way round, as by a lost file."""
        self.stop()
        copy = self.world.folder + "/copy"
        for path in (self.world.data, self.world.data + ".checkpoint"):
            (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, path.replace(self.world.data, copy))
        old = self.read_keys()
        self.rotated()
        new = self.read_keys()
        full = self.world.folder + "/full"
        os.rename(self.world.data, full)
        os.rename(self.world.data + ".checkpoint", full + ".checkpoint")
        os.rename(copy, self.world.data)
        os.rename(copy + ".checkpoint", self.world.data + ".checkpoint")
        with open(self.keys, "wb") as file:
            file.write(new)
        self.start()
        job = self.alice.queued_job(self.host)
        self.assertEqual(job["escrow"]["key_id"], 1)
        self.stop()
        self.rotated()
        self.assertEqual(self.read_keys(), new)  # the seed that was there
        self.start()
        second = self.alice.queued_job(self.host)
        self.assertEqual(second["escrow"]["key_id"], 2)
        self.run_job(job)
        self.run_job(second)
        self.stop()

        with open(full + "/keys.sealed", "wb") as file:
            file.write(old)
        self.world.data = full
        self.keys = full + "/keys.sealed"
        refused = self.rotate()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("put back the newest keys.sealed", refused.stderr)
        with self.assertRaises(AssertionError):  # it is up, and not ready
            self.world.start()
        answer = self.world.client().get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("settlement key 2", answer.json["settlement"]["reason"])
        self.assertEqual(answer.json["settlement"]["keys_missing"], [2])
        self.assertEqual([key["loaded"] for key in self.status()["keys"]], [True, False])

    def test_escrows_of_a_key_whose_seed_is_another_wait_alone_and_are_named(self):
        old = self.alice.queued_job(self.host)
        self.stop()
        self.rotated()
        right = self.read_keys()
        with open(self.keys, "wb") as file:
            file.write(with_another_first_seed(right, b"a passphrase for tests"))
        self.start()
        self.host.claim_and_start(old)
        time.sleep(0.1)
        self.host.end(old, worker_ms=100)

        def waits():
            ready = self.world.client().get("/readyz")
            self.assertEqual(ready.status, 200)
            settlement = ready.json["settlement"]
            return settlement if old["escrow"]["id"] in settlement["reason"] else None
        ready = wait_until(waits, "the escrow's name")
        self.assertIn("settlement key 1", ready["reason"])
        self.assertEqual(ready["keys_missing"], [1])
        status = self.status()
        self.assertEqual([key["loaded"] for key in status["keys"]], [False, True])
        self.assertEqual([(leg["escrow_id"], leg["waits_for"]) for leg in status["legs"][:1]], [(old["escrow"]["id"], "key")])
        self.assertIn("settlement key 1", status["legs"][0]["detail"])
        chain = self.world.chain.url

        def shown():  # once a checkpoint has the job's end
            done = subprocess.run([BIN + "/tally", "escrow", "show", old["id"], "--server",
                                   "http://127.0.0.1:%d" % self.world.server.port, "--qubic-live-url", chain + "/live/v1",
                                   "--qubic-query-url", chain + "/query/v1"], capture_output=True, text=True, timeout=60)
            return done.stdout if "waits       refund, since" in done.stdout else None
        self.assertIn("its seed is not loaded at the server", wait_until(shown, "the leg that waits"))
        self.run_job(self.alice.queued_job(self.host))  # of the new key: paid
        self.assertEqual(self.world.chain.balance(old["escrow"]["identity"]), old["cap"])
        self.stop()
        with open(self.keys, "wb") as file:
            file.write(right)
        self.start()
        old = self.alice.wait_for(old, lambda now: now["settled"])
        self.assertEqual(self.world.chain.balance(old["escrow"]["identity"]), 0)

    def test_what_is_lost_again_and_again_is_shown_and_paid_in_the_end(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        time.sleep(0.1)
        faults = ("empty_tick", "no_money", "zero_balance", "too_soon")  # together: hardly anything gets through
        self.world.chain.client.ok("POST", "/dev/v1/faults", {fault: 900 for fault in faults})
        self.host.end(job, worker_ms=100)

        def stuck():
            legs = self.status()["legs"]
            return legs[0] if legs and legs[0]["waits_for"] == "backoff" else None
        leg = wait_until(stuck, "the pause after three losses")
        self.assertEqual((leg["job_id"], leg["escrow_id"], leg["status"], leg["stuck"], leg["key_id"]),
                         (job["id"], job["escrow"]["id"], "due", True, 1))
        self.assertGreaterEqual(leg["attempts"], 3)
        self.assertGreater(leg["next_tick"], 0)
        self.assertIsNotNone(leg["since"])
        counted = wait_until(lambda: self.world.client().get("/readyz").json["settlement"]["legs_stuck"], "the count")
        self.assertEqual(counted, 1)
        metrics = self.world.client().get("/metrics").body.decode()
        self.assertIn("\ntally_legs_stuck 1\n", metrics)
        self.assertIn("\ntally_settlement_keys_missing 0\n", metrics)

        def waiting():
            shown = self.tally("escrow", "show", job["id"], "--json")
            found = json.loads(shown.stdout)["waiting"] if shown.returncode == 0 else []
            return found if found and found[0]["next_tick"] > 0 else None
        shown = wait_until(waiting, "the archive")
        self.assertEqual((shown[0]["kind"], shown[0]["state"]), (leg["kind"], "due"))
        self.assertGreaterEqual(shown[0]["attempts"], 3)
        self.world.chain.client.ok("POST", "/dev/v1/faults", {fault: 0 for fault in faults})
        done = self.alice.wait_for(job, lambda now: now["settled"])
        self.assertEqual(self.world.chain.balance(done["escrow"]["identity"]), 0)
        self.assertGreater([paid["attempt"] for paid in done["legs"] if paid["kind"] == leg["kind"]][0], 3)
        self.assertEqual(self.status()["legs_open"], 0)

    def test_money_that_no_transaction_brought_is_shown(self):
        job = self.alice.queued_job(self.host)
        self.world.chain.fund(job["escrow"]["identity"], 33)
        tick = self.world.chain.tick()
        wait_until(lambda: self.status()["cursor"] > tick, "the cursor")
        self.run_job(job)
        self.assertEqual([(item["escrow_id"], item["amount"]) for item in self.status()["unexplained"]],
                         [(job["escrow"]["id"], 33)])
        self.assertIn("\ntally_unexplained_qubic 33\n", self.world.client().get("/metrics").body.decode())
        self.assertEqual(self.world.chain.balance(job["escrow"]["identity"]), 33)


class Waiting(unittest.TestCase):
    def test_a_job_says_how_many_confirmations_it_has_and_how_long_the_rest_takes(self):
        with World(terms={"confirmations": 60}, tick_ms=40) as world:
            alice = world.person("alice", MONEY)
            host = world.host(world.person("maria"))
            wait_until(lambda: world.chain.balance(alice.identity) == MONEY, "the faucet's money")
            wait_until(lambda: world.operator().ok("GET", "/v1/settlement")["tick_ms"] > 0, "a tick's length")
            job = alice.job(host.offer["id"])
            self.assertIsNone(job["escrow"]["expected_ms"])
            self.assertEqual((job["escrow"]["confirmations"], job["escrow"]["required"]), (0, 60))
            alice.lock(job)
            seen = [alice.wait_for(job, lambda now: now["escrow"]["status"] == "observed")["escrow"]]
            while seen[-1]["status"] == "observed":
                seen.append(alice.ok("GET", "/v1/jobs/" + job["id"])["escrow"])
            numbers = [escrow["confirmations"] for escrow in seen]
            self.assertEqual(numbers, sorted(numbers))
            self.assertEqual(numbers[-1], 60)
            self.assertGreater(len(set(numbers)), 3)
            self.assertGreater(seen[0]["expected_ms"], 0)
            self.assertLessEqual(seen[-2]["expected_ms"], seen[0]["expected_ms"])
            self.assertIsNone(seen[-1]["expected_ms"])


if __name__ == "__main__":
    unittest.main()
