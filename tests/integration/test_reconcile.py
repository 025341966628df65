# SPDX-License-Identifier: Apache-2.0
"""tally reconcile against a real server and a real chain (R16.7): paid jobs match to the last unit, everything tampered with is found."""
import base64
import csv
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, Chain, World, tally_qubic, wait_until  # noqa: E402

MONEY = 10**9


class Proxy(http.server.ThreadingHTTPServer):
    """Passes on, with `change(path, body)` applied to what comes back."""

    def __init__(self, port, change):
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                size = int(self.headers.get("Content-Length", 0))
                request = urllib.request.Request("http://127.0.0.1:%d%s" % (port, self.path),
                                                 self.rfile.read(size) if size else None,
                                                 {"Content-Type": "application/json"} if size else {})
                with urllib.request.urlopen(request) as answer:
                    body = bytes(change(self.path, bytearray(answer.read())))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server_port
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *what):
        self.shutdown()
        super().__exit__(*what)


class Market(unittest.TestCase):
    """Two paid jobs of maria's, one of ivan's."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", MONEY)
        cls.maria = cls.world.person("maria")
        cls.ivan = cls.world.person("ivan")
        cls.rig = cls.world.host(cls.maria, "maria's rig")
        cls.box = cls.world.host(cls.ivan, "box")
        wait_until(lambda: cls.world.chain.balance(cls.alice.identity) == MONEY, "the faucet's money")
        cls.jobs = [cls.paid_job(cls.rig) for _ in range(2)]
        cls.other = cls.paid_job(cls.box)

    @classmethod
    def paid_job(cls, host):
        job = cls.alice.queued_job(host)
        host.claim_and_start(job)
        time.sleep(0.1)
        host.end(job, worker_ms=100)
        return cls.alice.wait_for(job, lambda now: now["settled"])

    def tally(self, *arguments, chain=None, log=None):
        chain = chain or self.world.chain
        return subprocess.run(
            [BIN + "/tally", *arguments, *(log or ["--data", self.world.data]),
             "--qubic-live-url", chain.url + "/live/v1", "--qubic-query-url", chain.url + "/query/v1"],
            capture_output=True, text=True, timeout=60)

    def reconcile(self, *more, provider=None, period=("2020-01-01", "2100-01-01"), **how):
        return self.tally("reconcile", "--provider", provider or self.maria.account_id, "--from", period[0],
                          "--to", period[1], *more, **how)

    def report(self, status, *more, **how):
        """Payments of the JSON report, and its summary."""
        done = self.reconcile("--format", "json", *more, **how)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[:-1], lines[-1]

    def statement(self, change=lambda rows: rows):
        rows = [{"date": job["ended_at"][:10], "amount": leg["amount"], "transaction_id": leg["tx_id"], "job_id": job["id"]}
                for job in self.jobs for leg in job["legs"] if leg["kind"] == "payout"]
        self.assertEqual(len(rows), 2)
        path = self.world.folder + "/statement.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["date", "amount", "transaction_id", "job_id"])
            writer.writeheader()
            writer.writerows(change(rows))
        return ["--statement", path]

    def differing(self, payments):
        return [(p["against"], p["finding"], p["reasons"], p["transaction_id"]) for p in payments
                if p["finding"] not in ("matched", "pending")]


class Agreement(Market):
    def test_paid_jobs_match_on_every_side(self):
        payments, summary = self.report(0, *self.statement())
        self.assertEqual(summary["differences"], 0)
        self.assertEqual(summary["chain"]["matched"], 6)  # lock, refund and payout of two jobs
        self.assertEqual(summary["statement"]["matched"], 2)
        self.assertEqual(summary["chain"]["ledger_amount"], 2 * sum(job["cap"] for job in self.jobs))
        self.assertEqual(summary["statement"]["other_amount"], sum(job["payout"] for job in self.jobs))
        self.assertEqual({p["job_id"] for p in payments}, {job["id"] for job in self.jobs})
        events = {int(e["id"]): e for e in self.world.operator().ok("GET", "/v1/events?limit=500")["items"]}
        for payment in payments:  # each with the sequence of its event
            event = events[payment["sequence"]]
            self.assertEqual(event["data"]["tx_id"], payment["transaction_id"])
            self.assertEqual(event["data"]["amount"], payment["ledger_amount"])

    def test_each_name_of_a_provider_gives_the_same_report(self):
        want = self.reconcile("--format", "json").stdout
        for name in (self.maria.identity, "maria's rig"):
            self.assertEqual(self.reconcile("--format", "json", provider=name).stdout, want)
        self.assertNotEqual(self.reconcile("--format", "json", provider="box").stdout, want)

    def test_a_servers_public_records_give_the_same_report(self):
        want = self.reconcile("--format", "json", *self.statement()).stdout
        server = ["--server", "http://127.0.0.1:%d" % self.world.server.port]

        def signed():  # a checkpoint comes at most once a second
            got = self.reconcile("--format", "json", *self.statement(), log=server)
            return got if got.stdout == want else None
        self.assertEqual(wait_until(signed, "the checkpoint over the last record").returncode, 0)

    def test_a_server_that_shows_other_records_than_it_signed_is_found_out(self):
        """One byte of record 2 is changed: in its command id, so that it can still be read."""
        def change(path, body):
            if "entries" in path and len(body) > 2000:
                second = 2 + int.from_bytes(body[:2], "big")
                body[second + 2 + 71] ^= 1
            return body

        with Proxy(self.world.server.port, change) as proxy:
            done = self.reconcile(log=["--server", proxy.url])
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("records the server gave are not those it has signed", done.stderr)

    def test_what_a_provider_gets_back_as_a_consumer_is_another_matter(self):
        """A refund to maria's identity from an escrow of ivan's: in the ledger, and no payment for her machines."""
        self.world.chain.fund(self.maria.identity, MONEY)
        wait_until(lambda: self.world.chain.balance(self.maria.identity) >= MONEY, "the faucet's money")
        job = self.maria.queued_job(self.box)
        self.maria.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})
        self.maria.wait_for(job, lambda now: now["settled"])
        payments, summary = self.report(0)
        self.assertEqual((len(payments), summary["chain"]["matched"]), (6, 6))

    def test_an_archive_cannot_invent_a_payment(self):
        """It adds a transaction out of an escrow, right in everything but the signature."""
        escrow = self.jobs[0]["escrow"]["identity"]
        real = tally_qubic("tx", {"seed": self.alice.seed, "destination": self.ivan.identity, "amount": "5",
                                  "tick": 1100, "inputType": 0, "input": ""})["hex"]
        source = tally_qubic("identity", {"identity": escrow})["publicKey"]
        made_up = tally_qubic("tx", {"hex": source + real[64:]})
        self.assertFalse(made_up["signatureValid"])
        invented = {"hash": made_up["id"], "amount": "5", "source": escrow, "destination": self.ivan.identity,
                    "tickNumber": 1100, "timestamp": str(int(time.time() * 1000)), "inputType": 0, "inputSize": 0,
                    "inputData": "", "moneyFlew": True,
                    "signature": base64.b64encode(bytes.fromhex(made_up["signature"])).decode()}

        def change(path, body):
            answer = json.loads(body) if path.endswith("getTransactionsForIdentity") else {}
            if any(escrow in (tx["source"], tx["destination"]) for tx in answer.get("transactions", [])):
                answer["transactions"].append(invented)
                return bytearray(json.dumps(answer).encode())
            return body

        with Proxy(self.world.chain.port, change) as proxy:
            done = self.reconcile(chain=proxy)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("signature", done.stderr)

    def test_a_tampered_statement_is_found(self):
        first, second = (leg["tx_id"] for job in self.jobs for leg in job["legs"] if leg["kind"] == "payout")

        def amount(rows):
            rows[0]["amount"] += 1
            return rows

        def swapped(rows):
            rows[0]["transaction_id"], rows[1]["transaction_id"] = rows[1]["transaction_id"], rows[0]["transaction_id"]
            rows[0]["amount"], rows[1]["amount"] = rows[1]["amount"], rows[0]["amount"]
            return rows

        def dated(rows):
            rows[1]["date"] = "2099-01-01"
            return rows

        def of_ivan(rows):
            rows.append(dict(rows[0], transaction_id=ivans))
            return rows

        ivans = next(leg["tx_id"] for leg in self.other["legs"] if leg["kind"] == "payout")
        cases = [
            (amount, [("differs", ["amount"], first)]),
            (swapped, [("differs", ["job"], first), ("differs", ["job"], second)]),
            (dated, [("differs", ["date"], second)]),
            (lambda rows: rows[1:], [("missing", [], first)]),
            (lambda rows: rows + rows[:1], [("extra", ["twice"], first)]),
            (of_ivan, [("extra", [], ivans)]),
        ]
        for change, expected in cases:
            payments, summary = self.report(1, *self.statement(change))
            self.assertCountEqual(self.differing(payments), [("statement", *one) for one in expected])
            self.assertEqual(summary["differences"], len(expected))

    def test_a_chain_that_has_none_of_it_misses_all(self):
        """The wrong network, or an archive that hides everything."""
        other = Chain(self.world.folder + "/other-chain")
        try:
            payments, summary = self.report(1, chain=other)
        finally:
            other.stop()
            other.errors.close()
        self.assertEqual(summary["chain"]["missing"], 6)
        self.assertEqual({p["finding"] for p in payments}, {"missing"})

    def test_the_table_and_the_csv_tell_the_same(self):
        done = self.reconcile(*self.statement(lambda rows: rows[1:]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("statement missing", done.stdout)
        self.assertIn("1 difference\n", done.stdout)
        done = self.reconcile("--format", "csv", *self.statement(lambda rows: rows[1:]))
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual([row["finding"] for row in rows if row["against"] == "statement"].count("missing"), 1)

    def test_an_empty_period_has_nothing(self):
        payments, summary = self.report(0, period=("2020-01-01", "2020-02-01"))
        self.assertEqual((payments, summary["differences"]), ([], 0))

    def test_a_report_is_recorded_with_its_digest(self):
        report = self.reconcile("--format", "json", *self.statement())
        token = self.world.data + "/operator.token"
        url = "http://127.0.0.1:%d" % self.world.server.port
        done = self.reconcile(*self.statement(), "--record", "--record-to", url, "--token-file", token)
        self.assertEqual(done.returncode, 0, done.stderr)
        events = self.world.operator().ok("GET", "/v1/events?stream=account:%s&limit=500" % self.maria.account_id)["items"]
        event = [e for e in events if e["type"].endswith("reconciliation.recorded")][-1]
        self.assertEqual(event["data"]["report_digest"], hashlib.sha256(report.stdout.encode()).hexdigest())
        self.assertEqual(event["data"]["matched"], 8)
        self.assertEqual(event["data"]["provider_id"], self.maria.account_id)

    def test_only_an_auditor_records(self):
        url = "http://127.0.0.1:%d" % self.world.server.port
        token = self.world.folder + "/maria.token"
        with open(token, "w", encoding="utf-8") as file:
            file.write(self.maria.token + "\n")
        head = self.world.head()
        done = self.reconcile("--record", "--record-to", url, "--token-file", token)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.world.head(), head)
        body = {"provider_id": self.maria.account_id, "from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z",
                "matched": 0, "missing": 0, "extra": 0, "differing": 0, "report_digest": "11" * 32}
        operator = self.world.operator()
        self.assertEqual(operator.post("/v1/reconciliations", body).json["code"], "reconciliation_invalid")
        self.assertEqual(operator.post("/v1/reconciliations", dict(body, until="soon")).status, 422)
        self.assertEqual(self.maria.post("/v1/reconciliations", body).status, 403)

    def test_what_cannot_be_found_out_is_status_2(self):
        bad = self.world.folder + "/bad.csv"
        with open(bad, "w", encoding="utf-8") as file:
            file.write("date,amount,transaction_id\n2026-11-24,0,x\n\nyesterday,1,x\n")
        cases = [
            (["--provider", "nobody", "--from", "2026-01-01", "--to", "2026-02-01"], "no provider 'nobody'"),
            (["--provider", "x", "--from", "2026-02-01", "--to", "2026-02-01"], "--from must be before --to"),
            (["--provider", "x", "--from", "1.2.2026", "--to", "2026-02-01"], "a day is like 2026-11-24"),
            (["--provider", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--format", "xml"], "table, csv or json"),
            (["--provider", "x", "--from", "2026-01-01"], "--to is missing"),
            (["--provider", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--record"], "--record needs --token-file"),
            (["--provider", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--statement", bad],
             "bad.csv:2: amount '0': whole QUBIC"),
            (["--provider", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--statement", bad],
             "bad.csv:4: date 'yesterday'"),
            (["--provider", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--statement", bad + "x"], "bad.csvx"),
        ]
        for arguments, words in cases:
            done = self.tally("reconcile", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(words, done.stderr)
        away = subprocess.run([BIN + "/tally", "reconcile", "--provider", "box", "--from", "2026-01-01", "--to", "2100-01-01",
                               "--data", self.world.data], capture_output=True, text=True, timeout=60)
        self.assertEqual(away.returncode, 2)
        self.assertIn("this log is of the network local", away.stderr)


class Late(Market):
    def test_what_the_ledger_has_not_read_is_pending(self):
        world = self.world
        self.assertEqual(world.server.stop(), 0)
        world.server.errors.close()
        try:
            escrow = self.jobs[0]["escrow"]
            sent = world.chain.in_time({"seed": self.alice.seed, "destination": escrow["identity"], "amount": "77",
                                        "inputType": 0, "input": ""}, 30, world.chain.broadcast)
            wait_until(lambda: world.chain.balance(escrow["identity"]) == 77, "the late deposit")
            found = wait_until(lambda: [p for p in self.report(0)[0] if p["finding"] == "pending"], "it in the archive")
            self.assertEqual([(p["transaction_id"], p["reasons"], p["other_amount"], p["job_id"]) for p in found],
                             [(sent["id"], ["newer"], 77, self.jobs[0]["id"])])
        finally:
            world.start()
        # The server reads on and gives it back; then both are in the ledger, and both match.
        wait_until(lambda: world.chain.balance(escrow["identity"]) == 0, "the return")
        wait_until(lambda: self.report(0)[1]["chain"]["matched"] == 8, "the return in the ledger")


if __name__ == "__main__":
    unittest.main()
