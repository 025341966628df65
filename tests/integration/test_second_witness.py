#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whom settlement believes: when live service and archive hide a payment together, it is signed anew and paid twice. A second live
service that says otherwise holds it back. The liar is a proxy before the local chain."""
import http.server
import json
import os
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import World, wait_until  # noqa: E402

MONEY = 10**9


class Liar:
    """Once it lies, it hides the first transaction that is asked for and ran: no archive answer has it, no count of a balance, and no last tick."""

    def __init__(self):
        self.target = None
        self.lying = False
        self.hidden = None
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_GET(self):  # noqa: N802
                self.relay(None)

            def do_POST(self):  # noqa: N802
                self.relay(self.rfile.read(int(self.headers["Content-Length"])))

            def relay(self, body):
                request = urllib.request.Request(liar.target + self.path, data=body, headers={"Content-Type": "application/json"})
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        status, found = answer.status, json.load(answer)
                except urllib.error.HTTPError as error:
                    status, found = error.code, json.load(error)
                if liar.lying:
                    status, found = liar.twist(self.path, status, found)
                text = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def twist(self, path, status, found):
        if path.endswith("/getTransactionByHash") and status == 200 and self.hidden is None:
            self.hidden = found["hash"]
        if self.hidden is None or status != 200:
            return status, found
        if isinstance(found, dict) and found.get("hash") == self.hidden:
            return 404, {"code": 5, "message": "transaction not found", "details": []}
        if isinstance(found, list):
            found = [row for row in found if row.get("hash") != self.hidden]
        elif (found.get("tickData") or {}).get("transactionHashes"):
            hashes = found["tickData"]["transactionHashes"]
            found["tickData"]["transactionHashes"] = [one for one in hashes if one != self.hidden]
        elif "balance" in found and found["balance"].get("numberOfOutgoingTransfers", 0) > 0:
            found["balance"]["numberOfOutgoingTransfers"] -= 1
            if found["balance"]["numberOfOutgoingTransfers"] == 0:
                found["balance"]["latestOutgoingTransferTick"] = 0
        elif "transactions" in found:
            found["transactions"] = [row for row in found["transactions"] if row["hash"] != self.hidden]
        return status, found

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Lied(World):
    def __init__(self, liar, second):
        self.liar, self.second = liar, second
        super().__init__(tick_ms=50)  # time enough for a transaction to pass through the proxy

    def start(self):
        self.liar.target = self.chain.url
        self.options = ["--qubic-live-url", self.liar.url + "/live/v1", "--qubic-query-url", self.liar.url + "/query/v1"]
        self.options += ["--qubic-second-live-url", self.chain.url + "/live/v1"] if self.second else []
        super().start()


class SecondWitness(unittest.TestCase):
    def lied_to(self, second):
        """A job whose refund ran and is hidden; money enough to pay it again lies at its escrow."""
        liar = Liar()
        self.addCleanup(liar.close)
        self.world = Lied(liar, second)
        self.addCleanup(self.world.close)
        self.alice = self.world.person("alice", MONEY)
        host = self.world.host(self.world.person("maria"))
        wait_until(lambda: self.world.chain.balance(self.alice.identity) == MONEY, "the faucet's money")
        job = self.alice.queued_job(host)
        self.world.chain.fund(job["escrow"]["identity"], job["cap"])
        liar.lying = True
        host.claim_and_start(job)
        time.sleep(0.1)
        host.end(job, worker_ms=100)
        self.paid_once = MONEY - job["cap"] + self.alice.ok("GET", "/v1/jobs/" + job["id"])["refund"]
        wait_until(lambda: self.world.chain.balance(self.alice.identity) >= self.paid_once, "the refund")
        wait_until(lambda: liar.hidden, "settlement asks for the refund")
        return liar, job

    def balance(self):
        return self.world.chain.balance(self.alice.identity)

    def test_two_that_lie_together_are_believed(self):
        liar, job = self.lied_to(second=False)
        settled = self.alice.wait_for(job, lambda now: now["settled"])
        self.assertEqual(self.balance(), self.paid_once + settled["refund"])  # twice
        self.assertNotEqual(settled["legs"][0]["tx_id"], liar.hidden)

    def test_a_second_witness_holds_the_payment_back(self):
        liar, job = self.lied_to(second=True)
        reason = wait_until(lambda: (lambda text: text if "second live service" in text else None)(
            self.world.client().get("/readyz").body.decode()), "the doubt in /readyz")
        self.assertIn("something has left since it was signed", reason)
        for _ in range(5):
            time.sleep(0.1)
            self.assertEqual(self.balance(), self.paid_once)
        self.assertFalse(self.alice.ok("GET", "/v1/jobs/" + job["id"])["settled"])
        liar.lying = False
        settled = self.alice.wait_for(job, lambda now: now["settled"])
        self.assertEqual(settled["legs"][0]["tx_id"], liar.hidden)
        self.assertEqual(self.balance(), self.paid_once)


if __name__ == "__main__":
    unittest.main(verbosity=2)
