# SPDX-License-Identifier: Apache-2.0
"""GET /v1/jobs/{id} gives kept answers: each is what would be made anew now, and each is for who asks (R7.2, P22). A list makes its items anew each
time, so it is what a job's answer is held against."""
import http.client
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, World  # noqa: E402

STEPS = 300


class Line:
    """One kept connection."""
    made = []

    def __init__(self, client):
        self.token, self.line = client.token, http.client.HTTPConnection(LOCAL, client.port, timeout=120)
        self.made.append(self.line)

    def get(self, path):
        self.line.request("GET", path, headers={"Authorization": "Bearer " + self.token})
        answer = self.line.getresponse()
        return answer.status, answer.read()

    def job(self, job_id):
        status, body = self.get("/v1/jobs/" + job_id)
        assert status == 200, (status, body)
        return json.loads(body)

    def listed(self, job_id, role):
        items = json.loads(self.get("/v1/jobs?limit=100&role=" + role)[1])["items"]
        return next(item for item in items if item["id"] == job_id)


def untimed(job):
    """Without what depends on the chain's clock."""
    return {**job, "escrow": {**job["escrow"], "expected_ms": None}, "legs": [{**leg, "expected_ms": None} for leg in job["legs"]]}


class JobAnswers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"lease_s": 3600})
        cls.alice, cls.maria, cls.bob = cls.world.person("alice", money=10**12), cls.world.person("maria"), cls.world.person("bob")
        cls.host = cls.world.host(cls.maria, rate=1)
        operator = cls.world.operator()
        cls.auditor = cls.world.client(operator.ok("POST", "/v1/auth/tokens", {"scopes": ["auditor"]})["token"])
        cls.viewers = {"alice": (cls.alice, "consumer"), "maria": (cls.maria, "provider"), "operator": (operator, "consumer"),
                       "auditor": (cls.auditor, "consumer")}

    @classmethod
    def tearDownClass(cls):
        for line in Line.made:
            line.close()
        cls.world.close()

    def running(self):
        job = self.alice.queued_job(self.host)
        self.host.claim_and_start(job)
        return job

    def hold(self, job_id, line, name, role):
        """One answer against the list before and behind it. False: something happened in between."""
        before, got, behind = line.listed(job_id, role), line.job(job_id), line.listed(job_id, role)
        if before != behind:
            return False
        self.assertEqual(untimed(got), untimed(before), name)
        self.assertEqual("file_name" in got, name in ("alice", "maria"), name)
        return True

    def test_a_hammered_job_is_never_answered_as_it_was_before(self):
        job = self.running()
        path = self.host.path(job, "progress")
        told, failures = [0], []  # told: the permille of the last report that was answered

        def write():
            for step in range(1, STEPS + 1):
                self.host.ok("POST", path, {"permille": step, "used_ms": step, "operation": "zebra %d" % step})
                told[0] = step

        def read(name, client, role):
            line, held, rounds = Line(client), 0, 0
            try:
                while told[0] < STEPS or held == 0:
                    at_least = told[0]
                    status, body = line.get("/v1/jobs/" + job["id"])
                    now = json.loads(body)
                    self.assertEqual(status, 200)
                    self.assertGreaterEqual(now["permille"], at_least, name)
                    if name in ("alice", "maria"):
                        self.assertEqual(now.get("operation", "zebra 0"), "zebra %d" % now["permille"])
                    else:
                        self.assertNotIn(b"zebra", body)
                    rounds += 1
                    if rounds % 10 == 0 or told[0] == STEPS:
                        held += self.hold(job["id"], line, name, role)
            except Exception as failure:  # shown by the main thread
                failures.append((name, failure))

        def stranger():
            line = Line(self.bob)
            while told[0] < STEPS and not failures:
                status, body = line.get("/v1/jobs/" + job["id"])
                if status != 404 or b"zebra" in body:
                    failures.append(("bob", status, body))
        threads = [threading.Thread(target=read, args=(name, *viewer)) for name, viewer in self.viewers.items()]
        threads.append(threading.Thread(target=stranger))
        for thread in threads:
            thread.start()
        try:
            write()
        finally:
            told[0] = STEPS
            for thread in threads:
                thread.join()
        self.host.end(job)
        self.assertEqual(failures, [])

    def test_every_state_from_lock_to_payout_is_answered_as_a_list_has_it(self):
        lines = {name: (Line(client), role) for name, (client, role) in self.viewers.items()}
        job = self.alice.job(self.host.offer["id"])
        seen = set()

        def look(until):
            """Keep looking, twice at each state, until it is reached."""
            while True:
                for name, (line, role) in lines.items():
                    self.hold(job["id"], line, name, role)
                    self.hold(job["id"], line, name, role)
                now = lines["alice"][0].job(job["id"])
                seen.add(now["status"])
                if until(now):
                    break
            for name, (line, role) in lines.items():
                while not self.hold(job["id"], line, name, role):
                    pass
        look(lambda now: now["status"] == "awaiting_lock")
        self.alice.lock(job)
        look(lambda now: now["status"] == "queued")
        self.host.claim()
        look(lambda now: now["status"] == "assigned")
        self.host.start(job)
        look(lambda now: now["status"] == "running")
        self.host.end(job)
        look(lambda now: now["status"] == "completed" and now["settled"])
        self.alice.ok("POST", "/v1/jobs/%s/rating" % job["id"], {"stars": 4})
        look(lambda now: now["stars"] == 4)
        self.assertEqual(seen, {"awaiting_lock", "queued", "assigned", "running", "completed"})

    def test_a_token_is_refused_by_the_first_request_behind_its_revocation(self):
        for _ in range(20):
            made = self.alice.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"]})
            line = Line(self.world.client(made["token"]))
            self.assertEqual([line.get("/v1/jobs")[0] for _ in range(2)], [200, 200])
            self.alice.ok("POST", "/v1/auth/tokens/%s/revoke" % made["token_id"], {})
            self.assertEqual(line.get("/v1/jobs")[0], 401)


if __name__ == "__main__":
    unittest.main()
