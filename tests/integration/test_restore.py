# SPDX-License-Identifier: Apache-2.0
"""A data folder put back from an older backup, after jobs were paid that it does not know: read-only, tallyd restore, observing, resumed.
Nothing is paid twice, also where there would be money for it."""
import json
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, Process, WebSocket, World, wait_until  # noqa: E402

MONEY = 10**9
SOURCE = os.environ["TALLY_SOURCE_DIR"]


class Restore(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.alice = self.world.person("alice", MONEY)
        self.maria = self.world.person("maria")
        self.rig = self.world.host(self.maria)
        self.box = self.world.host(self.maria, "box")
        wait_until(lambda: self.world.chain.balance(self.alice.identity) == MONEY, "the faucet's money")

    def stop(self):
        self.assertEqual(self.world.server.stop(), 0)
        self.world.server.errors.close()

    def start(self, ready=True):
        if ready:
            self.world.start()
        else:
            self.world.server = Process([BIN + "/tallyd", "run", *self.world.common(), "--port", "0", "--qubic-live-url",
                                         self.world.chain.url + "/live/v1", "--qubic-query-url", self.world.chain.url + "/query/v1"])
        for client in (self.alice, self.maria, self.rig, self.box):
            client.port = self.world.server.port

    def restore(self, *more):
        return subprocess.run([BIN + "/tallyd", "restore", *self.world.common(), *more], capture_output=True, text=True, timeout=60)

    def tally(self, *arguments):
        chain = self.world.chain.url
        return subprocess.run([BIN + "/tally", *arguments, "--data", self.world.data,
                               "--qubic-live-url", chain + "/live/v1", "--qubic-query-url", chain + "/query/v1"],
                              capture_output=True, text=True, timeout=120)

    def show(self, job):
        def look():
            done = self.tally("escrow", "show", job["id"], "--json")
            self.assertTrue(done.returncode == 0 or "ask again" in done.stderr, done.stderr)
            return json.loads(done.stdout) if done.returncode == 0 else None
        return wait_until(look, "the archive")

    def settlement(self):
        return self.world.client().get("/readyz").json["settlement"]

    def resume(self, generation):
        return self.world.operator().post("/v1/settlement/resume", {"generation": generation})

    def balance(self, job):
        return self.world.chain.balance(job["escrow"]["identity"])

    def end(self, host, job, worker_ms):
        host.end(job, worker_ms=worker_ms)
        return self.alice.wait_for(job, lambda now: now["settled"])

    def running_job(self, host):
        job = self.alice.queued_job(host)
        host.claim_and_start(job)
        return job

    def cursors_of_the_lost_part(self, head):
        """What a client sees that was further than the log is now."""
        page = self.world.operator().get("/v1/events?after=%d" % head).json
        self.assertEqual(page["items"], [])
        self.assertLess(page["head"], head)
        with WebSocket(self.world.server.port, "/v1/feed?token=" + self.world.operator().token) as feed:
            feed.send({"subscribe": {"topics": ["all"], "after": head}})
            self.assertIn("beyond the head, %d" % page["head"], json.dumps(feed.receive()))

    def test_what_the_lost_part_paid_is_not_paid_again(self):
        data, backup = self.world.data, self.world.folder + "/backup"
        same, other = self.running_job(self.rig), self.running_job(self.box)
        later = self.alice.queued_job(self.rig)
        time.sleep(0.3)
        self.stop()
        shutil.copytree(data, backup)

        self.start()  # it goes on: two jobs end and are paid
        paid = [self.end(self.rig, same, 100), self.end(self.box, other, 100)]
        self.assertEqual([self.balance(job) for job in paid], [0, 0])
        legs = {leg["tx_id"] for job in paid for leg in job["legs"]}
        self.assertEqual(len(legs), 4)
        self.world.chain.fund(other["escrow"]["identity"], 2 * other["cap"])  # money enough to pay it once more
        wait_until(lambda: self.balance(other) == 2 * other["cap"], "the extra money")
        maria = self.world.chain.balance(self.maria.identity)
        head = self.world.head()
        self.stop()
        with open(data + ".checkpoint", "rb") as file:
            signed_last = file.read()

        shutil.rmtree(data)
        shutil.copytree(backup, data)
        self.start(ready=False)  # reads go on, writes are refused
        answer = self.world.client().get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("were signed", answer.json["ledger"]["reason"])
        self.assertEqual(self.alice.get("/v1/jobs/" + later["id"]).status, 200)
        self.assertEqual(self.rig.post(self.rig.path(same, "end"), {"ending": "completed", "reason": "exited_zero", "worker_ms": 100,
                                                                     "exit_status": 0}).status, 503)
        running = self.restore("--yes")
        self.assertEqual(running.returncode, 1)
        self.assertIn("another process", running.stderr)
        self.stop()

        looked = self.restore()
        self.assertEqual(looked.returncode, 0, looked.stderr)
        self.assertIn("last signed  %d records, generation 1" % head, looked.stdout)
        for job in (same, other, later):
            self.assertIn("of job %s, %d QUBIC: locked" % (job["id"], job["cap"]), looked.stdout)
        self.assertIn("Nothing was written", looked.stdout)
        self.assertFalse(os.path.exists(data + ".checkpoint.generation-1"))
        done = self.restore("--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("/2 begins", done.stdout)
        with open(data + ".checkpoint.generation-1", "rb") as file:
            self.assertEqual(file.read(), signed_last)
        again = self.restore("--yes")
        self.assertEqual(again.returncode, 1)
        self.assertIn("nothing to restore", again.stderr)

        self.start()  # settlement only observes
        self.cursors_of_the_lost_part(head)
        wait_until(lambda: self.settlement()["observing"], "the first round")
        self.assertIn(self.resume(2).status, (201, 409))  # too early, or already not
        self.rig.end(same, worker_ms=100)
        self.box.end(other, worker_ms=250)
        wait_until(lambda: "resume" in self.settlement()["waits_for"], "every open escrow read again")
        found = self.settlement()["found"]
        self.assertEqual({payment["transaction_id"] for payment in found}, legs)
        self.assertEqual({payment["escrow_id"] for payment in found}, {job["escrow"]["id"] for job in paid})
        self.assertEqual(sorted(payment["paid_as"] for payment in found), ["payout", "payout", "refund", "refund"])
        self.assertEqual(self.resume(1).status, 422)
        self.assertEqual(self.resume(3).status, 409)
        self.assertEqual(self.maria.post("/v1/settlement/resume", {"generation": 2}).status, 403)
        shown = self.show(other)
        self.assertEqual({p["transaction_id"] for p in shown["payments"] if p["state"] == "found"},
                         {leg["tx_id"] for leg in paid[1]["legs"]})
        self.assertEqual(shown["found_open"], 2)
        self.assertEqual(self.world.chain.balance(self.maria.identity), maria)
        self.assertEqual(self.balance(other), 2 * other["cap"])
        self.stop()
        swept = self.tally("sweep", "--to", self.maria.identity, "--yes", "--passphrase-file", self.world.passphrase)
        self.assertEqual(swept.returncode, 1, swept.stdout)
        self.assertIn("settlement only observes", swept.stderr)
        self.start()  # and it still does
        wait_until(lambda: "resume" in self.settlement()["waits_for"], "what was read is in the log")

        answer = self.resume(2)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(self.resume(2).status, 409)
        now = self.alice.wait_for(same, lambda now: now["settled"])  # with the payments that were found
        self.assertEqual({leg["tx_id"] for leg in now["legs"]}, {leg["tx_id"] for leg in paid[0]["legs"]})
        self.rig.claim_and_start(later)
        time.sleep(0.2)
        last = self.end(self.rig, later, 100)
        wait_until(lambda: "shortfall" in self.settlement()["reason"], "the status tells what is held")
        self.assertIn(other["escrow"]["id"], self.settlement()["reason"])
        self.assertEqual({payment["escrow_id"] for payment in self.settlement()["found"]}, {other["escrow"]["id"]})
        self.assertEqual(self.world.chain.balance(self.maria.identity), maria + last["payout"])
        self.assertEqual(self.balance(other), 2 * other["cap"])
        self.assertEqual(self.balance(later), 0)
        self.stop()

        wrong = self.tally("sweep", "--to", self.maria.identity, "--yes", "--passphrase-file", self.world.passphrase)
        self.assertIn("moved 0 QUBIC", wrong.stdout, wrong.stderr)  # what is held is not swept
        verified = subprocess.run([BIN + "/tally", "verify", "--data", data], capture_output=True, text=True, timeout=60)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        checked = subprocess.run([sys.executable, SOURCE + "/tools/checker.py", data], capture_output=True, text=True, timeout=120)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("/2", checked.stdout)
        report = self.tally("reconcile", "--provider", self.maria.account_id, "--from", "2020-01-01", "--to", "2100-01-01",
                            "--format", "json")
        self.assertEqual(report.returncode, 1, report.stderr)
        lines = [json.loads(line) for line in report.stdout.splitlines()][:-1]
        findings = {line["transaction_id"]: line["finding"] for line in lines if line["transaction_id"]}
        for leg in paid[0]["legs"] + last["legs"]:
            self.assertEqual(findings[leg["tx_id"]], "matched")
        self.assertEqual({tx: finding for tx, finding in findings.items() if finding != "matched"},
                         {leg["tx_id"]: "extra" for leg in paid[1]["legs"]}, report.stdout)
        self.assertIn("it is not paid from again", self.tally("escrow", "show", other["id"]).stdout)


if __name__ == "__main__":
    unittest.main()
