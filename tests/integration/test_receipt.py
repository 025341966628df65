# SPDX-License-Identifier: Apache-2.0
"""A job's receipt: anybody checks the bill with the file alone, and whatever is changed in it is found (R16.4)."""
import copy
import hashlib
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, World, tally_qubic, wait_until  # noqa: E402


def root_of(record, sequence, hashes, size):
    """RFC 6962, 2.1.1, written here once more."""
    node, last = sequence - 1, size - 1
    value = hashlib.sha256(b"\0" + record).digest()
    for text in hashes:
        other = bytes.fromhex(text)
        if node % 2 == 1 or node == last:
            value = hashlib.sha256(b"\1" + other + value).digest()
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            value = hashlib.sha256(b"\1" + value + other).digest()
        node, last = node // 2, last // 2
    return value


class Receipt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        operator = tally_qubic("identity", {"seed": "o" * 55})["identity"]
        cls.world = World(terms={"fee_bps": 250, "fee_identity": operator})
        cls.alice = cls.world.person("alice", money=10**10)
        cls.host = cls.world.host(cls.world.person("maria"))
        cls.jobs = {ending: cls.run_job(ending, reason) for ending, reason in (
            ("completed", "exited_zero"), ("program_failed", "exited_nonzero"))}

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    @classmethod
    def run_job(cls, ending, reason):
        job = cls.alice.queued_job(cls.host, name="secret.py")
        cls.host.claim_and_start(job)
        cls.host.output(job, 1, "secret\n")
        cls.host.end(job, ending, reason, worker_ms=1)
        cls.alice.wait_for(job, lambda now: now["settled"])
        return cls.alice.ok("GET", "/v1/jobs/" + job["id"])

    def receipt(self, job):
        def whole():
            answer = self.alice.get("/v1/jobs/%s/receipt" % job["id"])
            return answer.json if answer.status == 200 and answer.json["complete"] else None
        return wait_until(whole, "the checkpoint is over all of the job")

    def verify(self, receipt):
        path = self.world.folder + "/receipt.json"
        with open(path, "w") as file:
            file.write(receipt if isinstance(receipt, str) else json.dumps(receipt))
        return subprocess.run([BIN + "/tally", "verify", "--receipt", path], capture_output=True, text=True, timeout=60)

    def test_the_bill_is_verified_from_the_file_alone(self):
        for ending, job in self.jobs.items():
            done = self.verify(self.receipt(job))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("%s, %d ms" % (ending, job["used_ms"]), done.stdout)
            self.assertIn("used %d, fee %d, provider %d, back %d" % (job["gross"], job["fee"], job["payout"], job["refund"]), done.stdout)
            self.assertIn("on chain    %d of %d" % (job["cap"], job["cap"]), done.stdout)
            self.assertTrue(done.stdout.endswith("verified\n"))
        self.assertEqual(self.jobs["program_failed"]["gross"], 0)

    def test_every_proof_leads_to_the_signed_root_by_another_computation(self):
        receipt = self.receipt(self.jobs["completed"])
        self.assertEqual(receipt["checkpoint"].split("\n")[0], receipt["origin"])
        size, root = receipt["checkpoint"].split("\n")[1:3]
        import base64
        for record in receipt["records"]:
            got = root_of(bytes.fromhex(record["record"]), record["sequence"], record["hashes"], int(size))
            self.assertEqual(got, base64.b64decode(root), record["sequence"])

    def test_it_holds_nothing_private(self):
        text = json.dumps(self.receipt(self.jobs["completed"]))
        self.assertNotIn("secret", text)
        self.assertNotIn(b"secret".hex(), text)

    def test_whatever_is_changed_is_found(self):
        good = self.receipt(self.jobs["completed"])
        other = self.receipt(self.jobs["program_failed"])
        self.assertEqual(self.verify(good).returncode, 0)

        def flipped(receipt, index, at):
            text = receipt["records"][index]["record"]
            receipt["records"][index]["record"] = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]

        for index in range(len(good["records"])):
            for at in (9, 150, len(good["records"][index]["record"]) - 1):
                bad = copy.deepcopy(good)
                flipped(bad, index, at)
                self.assertEqual(self.verify(bad).returncode, 1, (index, at))
        changes = {
            "a proof's hash": lambda bad: bad["records"][2]["hashes"].__setitem__(0, "00" * 32),
            "another place": lambda bad: bad["records"][2].__setitem__("sequence", bad["records"][2]["sequence"] + 1),
            "the root": lambda bad: bad.__setitem__("checkpoint", other["checkpoint"].replace("\n", "\n1", 1)),
            "the signature": lambda bad: bad.__setitem__("checkpoint", bad["checkpoint"][:-8] + "AAAAAA=\n"),
            "another job": lambda bad: bad.__setitem__("job_id", other["job_id"]),
            "records of another job": lambda bad: bad.__setitem__("records", bad["records"][:-1] + other["records"][-1:]),
            "the origin": lambda bad: bad.__setitem__("origin", bad["origin"] + "0"),
            "no quote": lambda bad: bad["records"].pop(2),
            "the order": lambda bad: bad["records"].reverse(),
            "nothing": lambda bad: bad.__setitem__("records", []),
            "the version": lambda bad: bad.__setitem__("version", 2),
        }
        for name, change in changes.items():
            bad = copy.deepcopy(good)
            change(bad)
            done = self.verify(bad)
            self.assertEqual((done.returncode, done.stdout), (1, ""), name)
            self.assertTrue(done.stderr.startswith("tally verify: "), name)

    def test_what_is_no_receipt_is_said(self):
        for text in ("", "{", "[]", "{}", "null", json.dumps({"version": 1, "job_id": self.jobs["completed"]["id"]})):
            done = self.verify(text)
            self.assertEqual(done.returncode, 1, text)
            self.assertIn("receipt", done.stderr)


if __name__ == "__main__":
    unittest.main()
