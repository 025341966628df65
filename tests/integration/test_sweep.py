# SPDX-License-Identifier: Apache-2.0
"""tally escrow show and tally sweep: what an escrow holds on both sides, and money that nothing explains. The sweep moves that and nothing else."""
import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, World, tally_qubic, wait_until  # noqa: E402

MONEY = 10**9


@contextlib.contextmanager
def forgetful_archive(world, forgotten, no_money=False):
    """An archive that does not know one transaction, or says that it moved nothing."""
    class Forget(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            self.relay(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self):  # noqa: N802
            self.relay(None)

        def relay(self, body):
            request = urllib.request.Request(world.chain.url + self.path, data=body, headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                found = json.load(answer)
            rows = found.get("transactions", []) if isinstance(found, dict) else []
            if no_money:
                for row in rows:
                    row["moneyFlew"] = row["moneyFlew"] and row["hash"] != forgotten
            elif rows:
                found["transactions"] = [row for row in rows if row["hash"] != forgotten]
            text = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forget)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield "http://127.0.0.1:%d/query/v1" % server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Escrows(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.alice = self.world.person("alice", MONEY)
        self.host = self.world.host(self.world.person("maria"))
        self.operator = tally_qubic("identity", {"seed": "o" * 55})["identity"]
        wait_until(lambda: self.world.chain.balance(self.alice.identity) == MONEY, "the faucet's money")

    def paid_job(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        time.sleep(0.1)
        self.host.end(job, worker_ms=100)
        return self.alice.wait_for(job, lambda now: now["settled"])

    def tally(self, *arguments, log=None, text=None, archive=None):
        chain = self.world.chain.url
        return subprocess.run(
            [BIN + "/tally", *arguments, *(log or ["--data", self.world.data]),
             "--qubic-live-url", chain + "/live/v1", "--qubic-query-url", archive or chain + "/query/v1"],
            capture_output=True, text=True, timeout=120, input=text)

    def show(self, job, **how):
        """Once the archive has what the balance has."""
        def look():
            done = self.tally("escrow", "show", job["escrow"]["id"], "--json", **how)
            self.assertTrue(done.returncode == 0 or "ask again" in done.stderr, done.stderr)
            return json.loads(done.stdout) if done.returncode == 0 else None
        return wait_until(look, "the archive")

    def sweep(self, *more, passphrase=None, archive=None):
        return self.tally("sweep", "--to", self.operator, "--yes", "--passphrase-file",
                          passphrase or self.world.passphrase, *more, archive=archive)

    def stop(self):
        self.assertEqual(self.world.server.stop(), 0)
        self.world.server.errors.close()

    def gift(self, job, amount):
        """Money without a transaction, as a contract sends it."""
        before = self.world.chain.balance(job["escrow"]["identity"])
        self.world.chain.fund(job["escrow"]["identity"], amount)
        wait_until(lambda: self.world.chain.balance(job["escrow"]["identity"]) == before + amount, "the gift")

    def deposit(self, job, amount):
        before = self.world.chain.balance(job["escrow"]["identity"])
        self.world.chain.in_time({"seed": self.alice.seed, "destination": job["escrow"]["identity"], "amount": str(amount),
                                  "inputType": 0, "input": ""}, 30, self.world.chain.broadcast)
        wait_until(lambda: self.world.chain.balance(job["escrow"]["identity"]) == before + amount, "the deposit")

    def balance(self, job):
        return self.world.chain.balance(job["escrow"]["identity"])

    def test_an_escrow_is_shown_from_lock_to_last_payment(self):
        job = self.alice.queued_job(self.host)
        shown = self.show(job)
        self.assertEqual((shown["status"], shown["holds"], shown["balance"], shown["spare"], shown["done"]),
                         ("locked", job["cap"], job["cap"], 0, False))
        self.host.claim_and_start(job)
        time.sleep(0.1)
        self.host.end(job, worker_ms=100)
        job = self.alice.wait_for(job, lambda now: now["settled"])
        shown = self.show(job)
        self.assertEqual((shown["status"], shown["holds"], shown["balance"], shown["spare"], shown["done"]),
                         ("settled", 0, 0, 0, True))
        self.assertEqual((shown["refund"], shown["payout"], shown["fee"]), (job["refund"], job["payout"], job["fee"]))
        self.assertEqual([(p["kind"], p["state"], p["chain"]) for p in shown["payments"]],
                         [("deposit", "final", "moved"), ("refund", "final", "moved"), ("payout", "final", "moved")])
        self.assertEqual([p["transaction_id"] for p in shown["payments"][1:]], [leg["tx_id"] for leg in job["legs"]])
        for payment in shown["payments"][1:]:
            self.assertGreaterEqual(payment["processed_tick"], payment["tick"] + 3)
        done = self.tally("escrow", "show", job["id"])  # by its job, for a person
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the chain shows what the ledger holds\n", done.stdout)
        self.assertIn("owed        refund %d (paid), payout %d (paid)" % (job["refund"], job["payout"]), done.stdout)
        for words, arguments in (("no escrow", ["show", self.alice.account_id]), ("not an id like", ["show", "x"]),
                                 ("only `tally escrow show ID`", ["hide", job["id"]])):
            done = self.tally("escrow", *arguments)
            self.assertIn(words, done.stderr)
            self.assertNotEqual(done.returncode, 0)

    def test_only_what_nothing_explains_is_swept(self):
        done_job, also_done, late_job = self.paid_job(), self.paid_job(), self.paid_job()
        open_job = self.alice.queued_job(self.host)
        self.gift(done_job, 500)
        self.gift(also_done, 70)
        self.gift(open_job, 30)
        wait_until(lambda: self.show(done_job)["spare"] == 500, "the gift in the archive")
        self.assertEqual(self.show(open_job)["spare"], 30)
        listed = self.tally("sweep")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("4 escrows, 3 differ; unexplained 570 QUBIC\n", listed.stdout)
        self.assertIn("open: it still owes", listed.stdout)
        self.assertEqual((self.balance(done_job), self.balance(also_done)), (500, 70))  # nothing moved

        running = self.sweep()
        self.assertEqual(running.returncode, 1)
        self.assertIn("stop it first", running.stderr)
        self.stop()
        self.deposit(late_job, 77)
        wait_until(lambda: self.show(late_job)["unread"] == 77, "the late deposit in the archive")
        self.assertEqual(self.show(late_job)["spare"], 0)  # it is somebody's
        wrong = self.world.folder + "/wrong"
        with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("not it\n")
        refused = self.sweep(passphrase=wrong)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertEqual(self.balance(done_job), 500)

        swept = self.sweep()
        self.assertEqual(swept.returncode, 0, swept.stderr + swept.stdout)
        self.assertIn("moved 570 QUBIC\n", swept.stdout)
        self.assertIn("the server has a deposit to read and return", swept.stdout)
        self.assertEqual(self.world.chain.balance(self.operator), 570)
        self.assertEqual([self.balance(job) for job in (done_job, also_done, late_job, open_job)],
                         [0, 0, 77, open_job["cap"] + 30])
        self.assertFalse(os.path.exists(self.world.data + "/sweep.transaction"))
        self.assertEqual(self.show(done_job)["unknown"], 500)  # gone by what the ledger does not know
        again = self.sweep()
        self.assertIn("moved 0 QUBIC\n", again.stdout)

        self.world.start()  # what was owed is still paid
        for person in (self.alice, self.host):
            person.port = self.world.server.port
        wait_until(lambda: self.balance(late_job) == 0, "the late deposit's return")
        self.host.claim_and_start(open_job)
        self.host.end(open_job, worker_ms=1)
        self.alice.wait_for(open_job, lambda now: now["settled"])
        self.assertEqual(self.balance(open_job), 30)

    def test_a_run_that_died_is_finished_first(self):
        """Its transaction is in the file; here one whose tick has passed without it."""
        job = self.paid_job()
        self.gift(job, 40)
        wait_until(lambda: self.show(job)["spare"] == 40, "the gift in the archive")
        self.stop()
        stale = tally_qubic("tx", {"seed": self.alice.seed, "destination": self.operator, "amount": "9",
                                   "tick": self.world.chain.tick() - 1, "inputType": 0, "input": ""})
        note = self.world.data + "/sweep.transaction"
        with open(note, "w", encoding="utf-8") as file:
            file.write(stale["hex"])
        swept = self.sweep()
        self.assertEqual(swept.returncode, 0, swept.stderr)
        self.assertIn("left by an earlier run:\n  NOT moved: 9 QUBIC", swept.stdout)
        self.assertIn(stale["id"], swept.stdout)
        self.assertIn("moved 40 QUBIC\n", swept.stdout)
        self.assertEqual(self.world.chain.balance(self.operator), 40)
        # One that the archive does not know, of somebody who paid in that tick or later: it may have been that one.
        doubtful = tally_qubic("tx", {"seed": self.alice.seed, "destination": self.operator, "amount": "9", "tick": 1,
                                      "inputType": 0, "input": ""})
        with open(note, "w", encoding="utf-8") as file:
            file.write(doubtful["hex"])
        doubt = self.sweep()
        self.assertEqual(doubt.returncode, 1)
        self.assertIn("run it again later", doubt.stderr)
        self.assertTrue(os.path.exists(note))
        with open(note, "w", encoding="utf-8") as file:
            file.write("not a transaction")
        broken = self.sweep()
        self.assertEqual(broken.returncode, 1)
        self.assertIn("look at the chain before removing it", broken.stderr)
        self.assertTrue(os.path.exists(note))

    def test_money_is_not_unexplained_while_a_confirmed_payment_is_missing_on_the_chain(self):
        """What lies there may be that very payment, which then is somebody's."""
        job, other = self.paid_job(), self.paid_job()
        refund = job["legs"][0]["tx_id"]
        self.gift(job, 500)
        self.gift(other, 7)
        wait_until(lambda: self.show(job)["spare"] == 500 and self.show(other)["spare"] == 7, "the gifts in the archive")
        self.assertEqual(self.show(job)["missing"], 0)
        self.stop()
        for no_money in (False, True):
            with forgetful_archive(self.world, refund, no_money) as archive:
                self.assertEqual(self.show(job, archive=archive)["missing"], 1)
                listed = self.tally("sweep", archive=archive)
                self.assertEqual(listed.returncode, 1, listed.stderr)
                self.assertIn("refused: a refund of %d QUBIC" % job["refund"], listed.stdout)
                self.assertIn(refund, listed.stdout)
                self.assertIn("2 escrows, 2 differ; unexplained 7 QUBIC\n", listed.stdout)
                swept = self.sweep(archive=archive)
                self.assertEqual(swept.returncode, 1, swept.stdout)
                self.assertIn(refund, swept.stdout)
                self.assertEqual((self.balance(job), self.balance(other)), (500, 0))
                self.gift(other, 7)
                wait_until(lambda: self.show(other)["spare"] == 7, "another gift in the archive")
        swept = self.sweep()  # with the archive that has it
        self.assertEqual(swept.returncode, 0, swept.stdout)
        self.assertIn("moved 507 QUBIC\n", swept.stdout)

    def test_a_wrong_folder_or_url_is_named(self):
        job = self.paid_job()
        up = self.tally("escrow", "show", job["id"], log=["--data", self.world.folder])
        self.assertEqual(up.returncode, 1)
        self.assertIn("there is no %s/log: --data is the folder with log/ in it" % self.world.folder, up.stderr)
        url = self.world.chain.url
        bare = subprocess.run([BIN + "/tally", "escrow", "show", job["id"], "--data", self.world.data, "--qubic-live-url", url,
                               "--qubic-query-url", url], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(bare.returncode, 0)
        self.assertIn(url, bare.stderr)
        self.assertIn("its URL ends in /live/v1 or /query/v1", bare.stderr)
        rotated = subprocess.run([BIN + "/tallyd", "rotate", *self.world.common()], capture_output=True, text=True, timeout=60)
        self.assertIn("stop that server first", rotated.stderr)

    def test_another_operators_seed_signs_nothing(self):
        job = self.paid_job()
        self.gift(job, 40)
        wait_until(lambda: self.show(job)["spare"] == 40, "the gift in the archive")
        self.stop()
        other = self.world.folder + "/other"
        made = subprocess.run([BIN + "/tallyd", "init", "--data", other, "--passphrase-file", self.world.passphrase],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        os.replace(other + "/keys.sealed", self.world.data + "/keys.sealed")
        swept = self.sweep()
        self.assertEqual(swept.returncode, 1)
        self.assertIn("another operator seed", swept.stderr)
        self.assertEqual(self.balance(job), 40)

    def test_a_sweep_says_where_to_and_means_it(self):
        job = self.paid_job()
        self.stop()
        server = ["--server", "http://127.0.0.1:1"]
        for words, arguments, log in (
                ("go together", ["--to", self.operator], None),
                ("go together", ["--yes"], None),
                ("--yes needs --data", ["--to", self.operator, "--yes"], server),
                ("--to", ["--to", "somewhere", "--yes"], None),
                ("burns", ["--to", "A" * 56 + "FXIB", "--yes"], None),
                ("is an escrow's identity", ["--to", job["escrow"]["identity"], "--yes"], None)):
            done = self.tally("sweep", *arguments, log=log)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
