#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tallystick from a program, written from the server's /docs: sign in, upload, match, quote, order, lock, follow, fetch, rate.

    client.py --server http://127.0.0.1:8420 --seed-file SEED --to RESULTS mine.py

Python's standard library alone. Signing is left to a wallet: here `tally qubic`, which is given the seed on its standard input (--wallet names
another program that answers the same lines)."""
import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Problem(Exception):
    """What the server would not do: its code, and its sentence."""


class Wallet:
    def __init__(self, program, seed):
        self.program = program
        self.seed = seed
        self.identity = self.ask("identity", seed=seed)["identity"]

    def ask(self, operation, **line):
        done = subprocess.run([self.program, "qubic", operation], input=json.dumps(line).encode() + b"\n", capture_output=True, check=True)
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise SystemExit("the wallet refuses: %s" % answer["error"])
        return answer

    def sign_text(self, text):
        digest = self.ask("k12", input=text.encode().hex(), length=32)["output"]
        return self.ask("sign", seed=self.seed, digest=digest)["signature"]

    def sign_lock(self, escrow, tick):
        return self.ask("tx", seed=self.seed, destination=escrow["identity"], amount=str(escrow["amount"]), tick=tick,
                        inputType=escrow["input_type"], input=escrow["input"])["hex"]


class Server:
    def __init__(self, url):
        self.url = url.rstrip("/")
        self.token = None

    def send(self, method, path, body=None, content_type="application/json"):
        """The answer's bytes. A write carries a key of its own, so that it may be sent again if the answer is lost."""
        headers = {"Authorization": "Bearer " + self.token} if self.token else {}
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(3):
            try:
                request = urllib.request.Request(self.url + path, body, headers, method=method)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                problem = json.load(error)
                raise Problem(problem["code"], problem["detail"]) from None
            except (urllib.error.URLError, TimeoutError):
                if attempt == 2:
                    raise
                time.sleep(1)

    def ask(self, method, path, body=None, **more):
        return json.loads(self.send(method, path, body, **more))

    def pages(self, path):
        """Every item of a list, page after page."""
        after = 0
        while after is not None:
            page = self.ask("GET", "%s?after=%d" % (path, after))
            yield from page["items"]
            after = page["next"]


def sign_in(server, wallet):
    challenge = server.ask("POST", "/v1/auth/challenge", {})
    if challenge["origin"] != server.url:
        raise SystemExit("this server says that it is %s; sign in there" % challenge["origin"])
    text = "Tallystick sign-in v1\norigin: %s\nlog: %s\nidentity: %s\nnonce: %s\nexpires: %s\n" % (
        server.url, challenge["log_id"], wallet.identity, challenge["nonce"], challenge["expires_at"])
    session = server.ask("POST", "/v1/auth/session", {
        "identity": wallet.identity, "nonce": challenge["nonce"], "signature": wallet.sign_text(text), "scopes": ["consumer"]})
    server.token = session["token"]


def order(server, wallet, path):
    with open(path, "rb") as file:
        upload = server.ask("POST", "/v1/uploads?name=" + urllib.parse.quote(os.path.basename(path)), file.read(),
                            content_type="application/octet-stream")
    print("uploaded: %s" % upload["analysis"]["job_type"])
    best = [pick["match"] for pick in server.ask("GET", "/v1/matches?upload_id=" + upload["id"])["best"]]
    if not best:
        raise SystemExit("no machine fits")
    quote = server.ask("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": best[0]["offer_id"]})
    job = server.ask("POST", "/v1/jobs", {"quote_id": quote["id"]})
    print("at most %d QUBIC on %s" % (quote["cap"], best[0]["offer"]["model"]))
    tick = server.ask("GET", "/v1/terms")["chain"]["tick"]
    server.ask("POST", "/v1/broadcast", {"transaction": wallet.sign_lock(job["escrow"], min(tick + 30, job["escrow"]["last_tick"]))})
    return job["id"]


def follow(server, job_id):
    """The job once every payment is confirmed; its lines are printed as they come."""
    line = 0
    status = None
    while True:
        job = server.ask("GET", "/v1/jobs/" + job_id)
        if job["status"] != status:
            status = job["status"]
            print("job: " + status)
        for batch in server.ask("GET", "/v1/jobs/%s/output?after=%d" % (job_id, line))["items"]:
            sys.stdout.write(batch["text"])
            line = batch["first_line"] + batch["lines"] - 1
        if job["settled"]:
            return job
        time.sleep(0.2)


def fetch(server, job_id, folder):
    for result in server.ask("GET", "/v1/jobs/%s/results" % job_id)["items"]:
        path = os.path.join(folder, result["name"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(server.send("GET", "/v1/jobs/%s/results/%s" % (job_id, urllib.parse.quote(result["name"]))))
        print("fetched: " + result["name"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--seed-file", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--wallet", default="tally")
    parser.add_argument("file")
    options = parser.parse_args()
    with open(options.seed_file) as file:
        wallet = Wallet(options.wallet, file.read().strip())
    server = Server(options.server)
    try:
        sign_in(server, wallet)
        job = follow(server, order(server, wallet, options.file))
        print("paid %d, back %d" % (job["gross"], job["refund"]))
        if job["status"] != "completed":
            raise SystemExit("the job ended as %s: %s" % (job["ending"], job.get("detail", "")))
        fetch(server, job["id"], options.to)
        server.ask("POST", "/v1/jobs/%s/rating" % job["id"], {"stars": 5})
        print("events: " + " ".join(event["type"] for event in server.pages("/v1/jobs/%s/events" % job["id"])))
    except Problem as problem:
        raise SystemExit("%s: %s" % problem.args) from None


if __name__ == "__main__":
    main()
