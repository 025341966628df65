# SPDX-License-Identifier: Apache-2.0
"""A market that never stops: consumers whose jobs go through every state, machines that run them, all of it by the public API and
with requests that are repeated, under the same Idempotency-Key, until they are answered.

Money is checked at the end on the chain itself: what went into and out of each escrow, and what everybody has."""
import http.client
import random
import threading
import time
import urllib.parse

from oracle import Follower, check_blobs, check_feeds, must, sha256
from tally_harness import Host, Person, tally_qubic, wait_until

MONEY = 10**12
PLANS = (("complete", 50), ("fail", 5), ("host_fault", 4), ("cancel_awaiting", 8), ("cancel_queued", 8), ("cancel_assigned", 3),
         ("cancel_running", 9), ("wrong_lock", 5), ("double_lock", 4), ("never_lock", 4))
FEE_SEED = "faults".ljust(55, "f")


class Stopped(Exception):
    """The market closes."""


class Caller:
    """One token. Requests are repeated until there is an answer; accepted writes go to the oracle."""

    def __init__(self, market, client, who):
        self.market, self.client, self.who = market, client, who

    def until_answered(self, method, path, body=None, headers=None):
        while True:
            if self.market.closing:
                raise Stopped()
            try:
                answer = self.client.request(method, path, body, headers, timeout=10)
            except (OSError, http.client.HTTPException):
                self.market.lost_answers += 1
                time.sleep(0.01)
                continue
            if answer.status in (503, 504):  # starting, or the chain is away
                time.sleep(0.02)
                continue
            must(answer.status < 500, "%s %s: %s", method, path, answer)
            return answer

    def get(self, path):
        return self.until_answered("GET", path)

    def write(self, kind, method, path, body, facts, key, add=None):
        """The answer. `facts`: what is written; `add(json)`: more of it, from the answer."""
        headers = {"Idempotency-Key": '"%s"' % key}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
        answer = self.until_answered(method, path, body, headers)
        if 200 <= answer.status < 300:
            sequence = answer.headers.get("Tally-Sequence")
            must(sequence is not None, "%s %s was accepted without a sequence: %s", method, path, answer)
            facts = dict(facts, who=self.who, **(add(answer.json) if add else {}))
            self.market.oracle.accept(kind, int(sequence), facts, key, answer.headers.get("Idempotent-Replayed") == "true")
        return answer


class Market:
    def __init__(self, machines, oracle, seed, shoppers=6, hosts=4, worker=True, jobs_max=14):
        self.machines, self.oracle = machines, oracle
        self.rng = random.Random(seed)
        self.world = self  # what tally_harness asks of a World: server, chain
        self.closing = False
        self.draining = False
        self.lost_answers = 0
        self.trouble = []
        self.plans = {}  # job id → plan
        self.jobs_max = jobs_max
        self.threads = []
        self.callers = {}
        self.blobs = 0
        self.house = tally_qubic("identity", {"seed": FEE_SEED})["identity"]
        self.consumers = [self.person("alice"), self.person("bob")]
        self.providers = [self.person("maria"), self.person("rita")]
        for person in self.consumers:
            machines.chain.fund(person.identity, MONEY)
        wait_until(lambda: all(self.balance(person.identity) == MONEY for person in self.consumers), "the faucet's money")
        self.hosts = [Host(self.providers[0], "rig %d" % i) for i in range(hosts)]
        self.offers = [(host.offer["id"], False) for host in self.hosts]
        if worker:
            machines.start_worker("http://127.0.0.1:%d" % machines.ports[0], self.providers[1].token)
            wait_until(self.worker_offer, "the worker's offer", 60)
        for person in self.consumers + self.providers:
            self.callers[person.account_id] = Caller(self, person, person.account_id)
        consumer, provider = self.consumers[0], self.providers[0]
        self.followers = [Follower(oracle, name, client, name == "operator", self.rng, self.on_trouble) for name, client in (
            ("operator", machines.operator()), ("consumer", consumer), ("provider", provider))]
        self.shoppers = shoppers

    @property
    def server(self):
        return self.machines.server

    @property
    def chain(self):
        return self.machines.chain

    def person(self, name):
        return Person(self, name)

    def worker_offer(self):
        mine = [offer for offer in self.providers[1].ok("GET", "/v1/offers")["items"]
                if offer["provider_id"] == self.providers[1].account_id]
        if mine:
            self.offers.append((mine[0]["id"], True))
        return mine

    def on_trouble(self, error):
        self.trouble.append(error)
        with self.oracle.changed:
            self.oracle.changed.notify_all()

    def check_trouble(self):
        if self.trouble:
            raise self.trouble[0]

    # ── running ──

    def open(self):
        for follower in self.followers:
            follower.start()
        for i in range(self.shoppers):
            self.spawn(self.shop, self.consumers[i % 2], "shopper%d" % i, random.Random(self.rng.random()))
        for host in self.hosts:
            self.spawn(self.host_jobs, host, random.Random(self.rng.random()))

    def spawn(self, target, *arguments):
        def run():
            try:
                target(*arguments)
            except Stopped:
                pass
            except BaseException as error:
                if not self.closing:
                    self.on_trouble(error)
        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def stop(self):
        self.closing = True
        for follower in self.followers:
            follower.stop()
        for thread in self.threads:
            thread.join(35)

    def wait(self, condition, seconds):
        """Until the oracle's knowledge fulfils it; its value."""
        end = time.monotonic() + seconds
        while True:
            if self.closing:
                raise Stopped()
            value = self.oracle.wait(condition, min(0.5, max(0, end - time.monotonic())))
            if value or time.monotonic() >= end:
                return value

    def pause(self, rng, most):
        time.sleep(rng.random() * most)

    # ── consumers ──

    def shop(self, person, name, rng):
        caller = self.callers[person.account_id]
        number = 0
        while not self.draining and not self.closing:
            if len(self.oracle.live()) >= self.jobs_max:
                time.sleep(0.02)
                continue
            number += 1
            self.one_job(caller, person, "%s-%d" % (name, number), rng)

    def script(self, name, rng, real):
        if real:
            text = "import os, time\nprint('%s', flush=True)\ntime.sleep(%.2f)\nopen(os.environ['TALLY_RESULTS'] + '/r', 'w')" \
                ".write('%s')\n" % (name, rng.random() * 0.6, name)
        else:
            text = "print('%s')\n# %s\n" % (name, "".join(rng.choices("abcdefgh ", k=rng.randrange(20000))))
        return text.encode()

    def one_job(self, caller, person, name, rng):
        offer_id, real = rng.choice(self.offers)
        if real and self.live_of(self.providers[1]) >= 2:  # it pauses for a second whenever the server was away
            offer_id, real = self.offers[0]
        plan = "worker" if real else rng.choices([p for p, _ in PLANS], [weight for _, weight in PLANS])[0]
        content = self.script(name, rng, real)
        upload = caller.write("upload", "POST", "/v1/uploads?name=%s.py" % name, content, {"digest": sha256(content),
                              "size": len(content)}, "upload-" + name, lambda json: {"id": json["id"]})
        must(upload.status == 201 and upload.json["digest"] == sha256(content), "upload: %s", upload)
        asked = {"upload_id": upload.json["id"], "offer_id": offer_id}
        quote = caller.write("quote", "POST", "/v1/quotes", asked, {"upload_id": upload.json["id"]}, "quote-" + name,
                             lambda json: {"id": json["id"], "cap": json["cap"]})
        if quote.status != 201:
            must(quote.json["code"] in ("host_offline", "too_many_refunds"), "quote: %s", quote)
            return time.sleep(0.1)
        self.pause(rng, 0.05)
        answer = caller.write("job", "POST", "/v1/jobs", {"quote_id": quote.json["id"]}, {"quote_id": quote.json["id"]},
                              "job-" + name, lambda json: {"id": json["id"], "escrow_id": json["escrow"]["id"], "identity":
                                                           json["escrow"]["identity"], "amount": json["escrow"]["amount"]})
        if answer.status != 201:
            must(answer.json["code"] in ("host_offline", "too_many_refunds", "too_many_unpaid", "no_chain"), "job: %s", answer)
            return time.sleep(0.1)
        job = answer.json
        self.plans[job["id"]] = plan
        self.wait(lambda: job["id"] in self.oracle.jobs, 60)
        self.follow_plan(caller, person, self.oracle.jobs[job["id"]], job["escrow"], plan, name, rng)

    def live_of(self, provider):
        with self.oracle.lock:
            return sum(1 for job in self.oracle.jobs.values()
                       if job.created["provider_id"] == provider.account_id and job.ends == 0)

    def follow_plan(self, caller, person, known, escrow, plan, name, rng):
        self.pause(rng, 0.1)
        if plan == "cancel_awaiting":
            self.cancel(caller, known.id, name)
            if rng.random() < 0.3:
                self.lock(caller, person, escrow, rng)  # comes back whole
            return
        if plan == "never_lock":
            return
        if plan == "wrong_lock":
            self.lock(caller, person, escrow, rng, escrow["amount"] + rng.choice((-1, 1)))
            self.pause(rng, 0.4)
            self.cancel(caller, known.id, name)
            return
        if not self.lock(caller, person, escrow, rng):
            return
        if plan == "double_lock":
            self.lock(caller, person, escrow, rng)
        state = {"cancel_queued": "queued", "cancel_assigned": "assigned", "cancel_running": "running"}.get(plan)
        if state is not None:
            self.wait(lambda: known.state == state or known.ends > 0, 60)
            self.pause(rng, 0.1)
            self.cancel(caller, known.id, name)
        elif plan == "complete":
            self.wait(lambda: known.ends > 0, 90)
            if known.state == "completed" and rng.random() < 0.5:
                rated = caller.write("rating", "POST", "/v1/jobs/%s/rating" % known.id, {"stars": 4, "comment": name},
                                     {"id": known.id, "stars": 4}, "rating-" + name)
                must(rated.status == 200, "rating: %s", rated)

    def cancel(self, caller, job_id, name):
        answer = caller.write("cancel", "POST", "/v1/jobs/%s/cancel" % job_id, {}, {
            "id": job_id, "escrow_id": self.oracle.jobs[job_id].escrow_id}, "cancel-" + name)
        must(answer.status == 200 or answer.json["code"] == "job_ended", "cancel: %s", answer)

    def lock(self, caller, person, escrow, rng, amount=None):
        """Signed anew for a later tick until one is on the chain; False: its time was over."""
        while not self.closing:
            tick = self.chain_says(lambda: self.chain.tick()) + rng.randrange(12, 25)
            if tick > escrow["last_tick"]:
                return False
            signed = tally_qubic("tx", {
                "seed": person.seed, "destination": escrow["identity"],
                "amount": str(escrow["amount"] if amount is None else amount), "tick": tick,
                "inputType": escrow["input_type"], "input": escrow["input"]})
            while self.chain_says(lambda: self.chain.tick()) < tick:
                if rng.random() < 0.5:
                    caller.until_answered("POST", "/v1/broadcast", {"transaction": signed["hex"]})
                else:
                    self.chain_says(lambda: self.chain.broadcast(signed["hex"]))
                time.sleep(0.1)
            wait_until(lambda: self.closing or self.chain_says(lambda: self.chain.tick()) > tick + 1, "the lock's tick", 60)
            if self.chain_says(lambda: self.chain.client.post("/query/v1/getTransactionByHash",
                                                              {"hash": signed["id"]}).status) == 200:
                return True
        raise Stopped()

    def chain_says(self, question):
        while True:
            try:
                return question()
            except (OSError, http.client.HTTPException, AssertionError):
                if self.closing:
                    raise Stopped() from None
                time.sleep(0.01)

    # ── machines ──

    def host_jobs(self, host, rng):
        caller = Caller(self, host, host.host_id)
        while not self.closing:
            answer = caller.until_answered("POST", "/v1/workers/claim", {"wait_s": 1, "software": "faults"})
            if answer.status == 409:
                continue
            must(answer.status in (200, 204), "claim: %s", answer)
            if answer.status == 200:
                job = answer.json["job"]
                sequence = answer.headers.get("Tally-Sequence")
                if sequence is not None:
                    self.oracle.accept("claim", int(sequence), {"id": job["id"], "who": host.host_id})
                self.run_job(caller, job, rng)

    def run_job(self, caller, job, rng):
        """As a worker would. Whatever is refused means that the job was taken away."""
        known = self.oracle.jobs.get(job["id"])
        plan = self.plans.get(job["id"], "complete")
        path, key = "/v1/workers/jobs/%s/" % job["id"], "%s-%d-" % (job["id"], job["attempt"])
        facts = {"id": job["id"]}
        content = caller.get(path + "input")
        if content.status == 200:
            must(sha256(content.body) == job["input_digest"], "the input of job %s is not what was uploaded", job["id"])
            self.blobs += 1
        else:
            must(content.status in (404, 409), "input: %s", content)
        self.pause(rng, 0.5 if plan == "cancel_assigned" else 0.15)
        if caller.write("start", "POST", path + "start", {}, facts, key + "start").status != 200:
            return
        line = 1
        for step in range(rng.randrange(1, 4)):
            text = "".join("%s line %d\n" % (job["id"], line + i) for i in range(3))
            output = caller.write("output", "POST", path + "output", {"source": "stdout", "first_line": line, "text": text},
                                  dict(facts, first_line=line, text=text, size=len(text)), key + "output%d" % step)
            if output.status != 200:
                return self.refused(output)
            line += 3
            progress = caller.write("progress", "POST", path + "progress", {
                "permille": 200 + step, "used_ms": 1 + step, "operation": "step %d" % step}, dict(facts, permille=200 + step),
                key + "progress%d" % step)
            if progress.status != 200:
                return self.refused(progress)
            self.pause(rng, 0.25)
        metrics = {"samples": [{"at_ms": rng.randrange(10**6), "cpu_permille": 500, "ram_mib": 10}]}
        caller.write("metrics", "POST", path + "metrics", metrics, facts, key + "metrics")
        if plan == "cancel_running" and known is not None:
            self.wait(lambda: known.ends > 0, 2)
        result = rng.randbytes(rng.randrange(1, 60000))
        stored = caller.write("result", "PUT", path + "results/" + urllib.parse.quote("out/%d.bin" % len(result)), result,
                              dict(facts, name="out/%d.bin" % len(result), digest=sha256(result), size=len(result)),
                              key + "result")
        if stored.status != 200:
            return self.refused(stored)
        must(stored.json["digest"] == sha256(result), "result: %s", stored)
        ending, reason = {"fail": ("program_failed", "exited_nonzero"), "host_fault": ("host_fault", "sandbox_failed")}.get(
            plan, ("completed", "exited_zero"))
        end = {"ending": ending, "reason": reason, "worker_ms": rng.randrange(1, 900), "exit_status": int(plan == "fail")}
        self.refused(caller.write("end", "POST", path + "end", end, facts, key + "end", lambda json: {
            "used_ms": json["used_ms"], "escrow_id": known.escrow_id if known else None}))

    @staticmethod
    def refused(answer):
        must(answer.status == 200 or answer.status in (404, 409), "a report: %s", answer)

    # ── after a restart, and at the end ──

    def check(self, everything=False, most=12):
        """What was accepted since the last check is there: every event, and some of the things themselves."""
        self.check_trouble()
        writes = self.oracle.check_acknowledged(self.machines.operator(), everything)
        if not everything and len(writes) > most:
            writes = self.rng.sample(writes, most)
        owners = {person.account_id: person for person in self.consumers}
        for kind, _, facts in writes:
            if facts["who"] in owners:
                self.oracle.check_thing(owners[facts["who"]], kind, facts)
            elif facts["id"] in self.oracle.jobs:
                account = self.oracle.jobs[facts["id"]].created["account_id"]
                self.oracle.check_thing(owners[account], kind, facts)

    def drain(self, seconds=90):
        """No new jobs; until every job has ended and every escrow is empty."""
        self.draining = True
        consumers = {person.account_id: self.callers[person.account_id] for person in self.consumers}

        def unfinished():
            return [job for job in list(self.oracle.jobs.values()) if job.is_live()]
        for job in unfinished():
            if self.plans.get(job.id) == "never_lock" and job.ends == 0:
                self.cancel(consumers[job.created["account_id"]], job.id, "drain-" + job.id)
        end = time.monotonic() + seconds
        while True:
            self.check_trouble()
            left = unfinished()
            if not left and all(self.balance(job.escrow["identity"]) == 0 for job in list(self.oracle.jobs.values())):
                return
            must(time.monotonic() < end, "jobs that do not come to their end: %s; %s", [
                (job.id, job.state, len(job.confirmed), job.legs_due(), self.plans.get(job.id)) for job in left][:10],
                self.machines.server.trace()[-2000:])
            time.sleep(0.1)

    def balance(self, identity):
        return self.chain_says(lambda: self.chain.balance(identity))

    def transfers(self, identity):
        """Transactions of an identity in which money flew, as the chain's own archive lists them."""
        items, at = [], 0
        while True:
            page = self.chain.client.ok("POST", "/query/v1/getTransactionsForIdentity", {
                "identity": identity, "pagination": {"offset": at, "size": 1000}})
            items += page["transactions"]
            at += 1000
            if len(items) >= page["hits"]["total"] or not page["transactions"]:
                return [item for item in items if item["moneyFlew"] and int(item["amount"]) > 0]

    def check_money(self):
        """Each job on the chain: paid and refunded exactly once; each identity: what it should have, to the unit."""
        owed = {person.identity: MONEY if person in self.consumers else 0 for person in self.consumers + self.providers}
        owed[self.house] = 0
        totals = {"in": 0, "payout": 0, "refund": 0, "fee": 0, "returned": 0}
        for job in self.oracle.jobs.values():
            identity, consumer = job.escrow["identity"], job.escrow["consumer_identity"]
            transfers = self.transfers(identity)
            ins = sorted(t["hash"] for t in transfers if t["destination"] == identity)
            must(ins == sorted(d["tx_id"] for d in job.deposits), "deposits of job %s: chain %s, log %s", job.id, ins,
                 job.deposits)
            outs = sorted((t["hash"], t["destination"], int(t["amount"])) for t in transfers if t["source"] == identity)
            must(outs == sorted((d["tx_id"], d["destination"], d["amount"]) for _, d in job.confirmed),
                 "payments of job %s: chain %s, log %s", job.id, outs, job.confirmed)
            locked = [d for d in job.deposits if d["class"] == "lock"]
            back = [d["amount"] for d in job.deposits if d["class"] != "lock"]
            settled = job.settled or {"refund": 0, "payout": 0, "fee": 0, "locked": 0}
            must(len(locked) <= 1 and settled["locked"] == sum(d["amount"] for d in locked), "lock of job %s: %s, settled %s",
                 job.id, locked, settled)
            must(settled["refund"] + settled["payout"] + settled["fee"] == settled["locked"], "job %s: %s", job.id, settled)
            due = [(consumer, amount) for amount in back + [settled["refund"]]] + [
                (job.escrow["provider_identity"], settled["payout"]), (self.house, settled["fee"])]
            must(sorted((to, amount) for _, to, amount in outs) == sorted(pair for pair in due if pair[1] > 0),
                 "job %s was paid %s, due was %s", job.id, outs, due)
            must(self.balance(identity) == 0, "the escrow of job %s is not empty", job.id)
            for transfer in transfers:
                sign = 1 if transfer["source"] == identity else -1
                owed[transfer["destination" if sign == 1 else "source"]] += sign * int(transfer["amount"])
            totals["in"] += sum(d["amount"] for d in job.deposits)
            totals["returned"] += sum(back)
            for part in ("payout", "refund", "fee"):
                totals[part] += settled[part]
        for identity, amount in owed.items():
            must(self.balance(identity) == amount, "%s has %d on the chain, should have %d", identity, self.balance(identity),
                 amount)
        must(totals["in"] == totals["payout"] + totals["refund"] + totals["fee"] + totals["returned"], "totals: %s", totals)
        return totals

    def check_end(self):
        """Everything, once nothing happens any more. What was found, for a person."""
        self.check(everything=True)
        head = self.machines.client().get("/readyz").json["ledger"]["head"]
        wait_until(lambda: self.trouble or self.followers[0].order[-1] >= head, "the operator's feed to come to the end")
        self.check_trouble()
        feeds = check_feeds(self.followers)
        counts = self.oracle.check_file(feeds)
        once = self.oracle.check_once(feeds)
        totals = self.check_money()
        blobs = check_blobs(self.machines.data, self.oracle.acknowledged)
        self.machines.audit()
        return ("%d jobs; %d accepted writes (%d answers lost, %d repeated and answered again), %d events seen, %d distinct "
                "effects each once; %d files whole, %d inputs served; records %d; feeds resumed over %d events; money: %s" % (
                    len(self.oracle.jobs), counts["ack"], self.lost_answers, self.oracle.retried, counts["seen"], once, blobs,
                    self.blobs, len(feeds["operator"]), sum(f.resumed for f in self.followers), totals))
