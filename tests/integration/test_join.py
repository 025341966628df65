#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine joins its owner's account by a one-time code, through the real server: neither wallet nor token of the owner's comes near it, and what it earns is
the owner's. R11, R16."""
import json
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from tally_harness import BIN, World, wait_until  # noqa: E402

CODE = r"^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}$"


class Join(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Limits that were given count for this machine too.
        cls.world = World(options=("--rate-per-address", "5000"))
        cls.maria, cls.alice = cls.world.person("maria"), cls.world.person("alice", 10**9)
        cls.url = "http://127.0.0.1:%d" % cls.world.server.port

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def code(self, who=None, **body):
        return (who or self.maria).ok("POST", "/v1/workers/codes", body)

    def join(self, code, **body):
        """Repeated while it is too soon after the others of this test."""
        answer = None

        def tried():
            nonlocal answer
            answer = self.world.client().post("/v1/workers/join", {"code": code, **body})
            return answer.status != 429
        wait_until(tried, "a try is let through", 60)
        return answer

    def enrol(self, name, *flags, stdin=b""):
        return subprocess.run([BIN + "/tally-worker", "enrol", "--server", self.url, "--state", "%s/%s" % (self.world.folder, name), "--no-gpus", *flags],
                              input=stdin, capture_output=True, timeout=60)

    def assert_refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)

    def test_a_machine_with_a_code_works_for_its_owner(self):
        made = self.code(label="for the rig")
        self.assertRegex(made["code"], CODE)
        done = self.enrol("rig", "--code", made["code"].lower(), "--name", "rig")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.maria.identity.encode(), done.stdout)
        state = self.world.folder + "/rig"
        kept = b""
        for folder, _, names in os.walk(state):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    kept += file.read()
        for secret in (made["code"], made["code"].replace("-", ""), self.maria.seed, self.maria.token):
            self.assertNotIn(secret.encode(), kept)
        # it works, and its owner is paid
        with open(self.world.folder + "/trace", "w") as trace:
            worker = subprocess.Popen([BIN + "/tally-worker", "run", "--state", state, "--rate", "3600000", "--no-gpus"], stdout=trace, stderr=trace)
        try:
            offer = wait_until(lambda: next((item for item in self.alice.ok("GET", "/v1/offers")["items"] if item["online"]), None), "its offer", 60)
            job = self.alice.job(offer["id"], content=b"print('up')\n")
            self.alice.lock(job)
            ended = self.alice.wait_for(job, lambda now: now["settled"], 120)
        finally:
            worker.terminate()
            worker.wait(30)
        self.assertEqual((ended["ending"], self.world.chain.balance(self.maria.identity)), ("completed", ended["payout"]))
        self.assertGreater(ended["payout"], 0)
        # the log has it all, and no secret
        tokens = self.maria.ok("GET", "/v1/auth/tokens")["items"]
        self.assertEqual([(token["label"], token["scopes"]) for token in tokens[:3]], [("rig", ["worker"]), ("rig", ["enrol"]), ("for the rig", ["enrol"])])
        self.assertEqual(tokens[2]["token_id"], made["token_id"])
        self.assertIsNotNone(tokens[2]["revoked_at"])
        types = [event["type"] for event in self.maria.ok("GET", "/v1/events?limit=500")["items"]]
        self.assertEqual([kind for kind in types if kind.startswith(("token.", "provider.enrolled"))][-5:],
                         ["token.issued", "token.revoked", "token.issued", "provider.enrolled", "token.issued"])
        for folder, _, names in os.walk(self.world.data):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(made["code"].encode(), file.read(), name)

    def test_a_code_may_be_typed_or_come_from_a_file(self):
        for stdin, flags in ((self.code()["code"].encode() + b"\n", ()), (b"", ("--token-file", self.world.folder + "/code"))):
            if flags:
                with open(flags[1], "w") as file:
                    file.write(self.code()["code"].replace("-", "") + "\n")
            done = self.enrol("typed%d" % len(flags), *flags, stdin=stdin)
            self.assertEqual(done.returncode, 0, done.stderr)
        names = [machine["name"] for machine in self.maria.ok("GET", "/v1/workers")["items"]]
        self.assertIn(os.uname().nodename, names)

    def test_used_expired_withdrawn_and_unknown_codes_say_so(self):
        used, withdrawn = self.code(), self.code()
        self.assertEqual(self.join(used["code"]).status, 201)
        self.assert_refused(self.join(used["code"]), 409, "code_used")
        self.maria.ok("POST", "/v1/auth/tokens/%s/revoke" % withdrawn["token_id"], {})
        self.assert_refused(self.join(withdrawn["code"]), 409, "code_used")
        self.assert_refused(self.join("0000-0000-0000-0000-0000"), 404, "code_unknown")
        for wrong in ("", "hello", used["code"] + "0", "U" * 20, 7):
            self.assertEqual(self.join(wrong).status, 422, wrong)
        # from the machine's own mouth, and nothing is left behind there that could be mistaken for an enrolment
        done = self.enrol("late", "--code", used["code"])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"make a new one", done.stderr)
        done = self.enrol("late", "--code", "K7QM")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"20 letters and digits", done.stderr)
        self.assertFalse(os.path.exists(self.world.folder + "/late/worker.json"))
        self.assertIn(b"not both", self.enrol("late", "--code", used["code"], "--token-file", "/dev/null").stderr)

    def test_of_two_machines_with_one_code_one_joins(self):
        for _ in range(3):
            made = self.code()
            statuses = []
            threads = [threading.Thread(target=lambda: statuses.append(self.join(made["code"]).status)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(statuses), [201, 409, 409, 409])

    def test_a_request_that_is_repeated_is_shown_the_same_code(self):
        first = self.maria.post("/v1/workers/codes", {}, headers={"Idempotency-Key": "again"})
        second = self.maria.post("/v1/workers/codes", {}, headers={"Idempotency-Key": "again"})
        self.assertEqual((first.status, first.json), (201, second.json))
        self.assertEqual(second.headers["Idempotent-Replayed"], "true")
        self.assertNotEqual(self.code()["code"], first.json["code"])
        self.assertEqual(self.maria.post("/v1/workers/codes", {"valid_s": 60}, headers={"Idempotency-Key": "again"}).json["code"], "idempotency_mismatch")
        for valid in (59, 901):
            answer = self.maria.post("/v1/workers/codes", {"valid_s": valid})
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "/valid_s"))

    def test_what_a_code_is_worth_enrols_and_does_nothing_else(self):
        made = self.code()
        bearer = self.world.client(made["code"].replace("-", ""))  # a code is no token
        self.assert_refused(bearer.post("/v1/workers/enrol", {"host_name": "x"}), 401, "token_unknown")
        joined = self.join(made["code"], host_name="box").json
        self.assertEqual((joined["identity"], joined["account_id"]), (self.maria.identity, self.maria.account_id))
        machine = self.world.client(joined["token"])
        hosts = {machine.ok("POST", "/v1/workers/enrol", {"host_name": "slot %d" % i})["host_id"] for i in range(2)}
        self.assertEqual(hosts - {each["host_id"] for each in self.maria.ok("GET", "/v1/workers")["items"]}, set())
        for method, path in (("GET", "/v1/auth/whoami"), ("GET", "/v1/events"), ("GET", "/v1/feed"), ("GET", "/v1/auth/tokens"), ("GET", "/v1/workers"),
                             ("GET", "/v1/earnings"), ("POST", "/v1/workers/codes"), ("POST", "/v1/workers/claim"), ("POST", "/v1/offers")):
            answer = machine.request(method, path, {} if method == "POST" else None)
            self.assert_refused(answer, 403, "scope_missing")
        self.assert_refused(self.join(joined["token"][:20].replace("u", "v")), 404, "code_unknown")
        self.assertEqual(self.world.person("bob", scopes=["consumer"]).post("/v1/workers/codes", {}).status, 403)

    def test_guesses_are_few(self):
        statuses = []

        def guess():
            statuses.append(self.world.client().post("/v1/workers/join", {"code": "0000-0000-0000-0000-%04d" % len(statuses)}).status)
            return 429 in statuses
        wait_until(guess, "too many guesses", 60)
        self.assertEqual(set(statuses), {404, 429})
        answer = None
        while answer is None or answer.status != 429:
            answer = self.world.client().post("/v1/workers/join", {"code": "0" * 20})
        self.assertEqual((answer.json["code"], answer.headers["Retry-After"]), ("rate_limited", "1"))

    def test_the_command_line_makes_one(self):
        with open(self.world.folder + "/maria.token", "w") as file:
            file.write(self.maria.token + "\n")
        tally = [BIN + "/tally", "enrol", "--token-file", self.world.folder + "/maria.token", "--server", self.url]
        shown = subprocess.run(tally, capture_output=True, text=True, timeout=60)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        code = shown.stdout.split()[0]
        self.assertRegex(code, CODE)
        command = next(line for line in shown.stdout.splitlines() if "tally-worker enrol" in line)
        done = subprocess.run([BIN + "/" + command.split()[0], *command.split()[1:], "--no-gpus"], capture_output=True, timeout=60, cwd=self.world.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(subprocess.run([*tally, "--json", "--label", "attic"], capture_output=True, text=True, timeout=60).stdout)
        self.assertEqual(set(made), {"code", "token_id", "expires_at"})
        self.assertEqual(self.maria.ok("GET", "/v1/auth/tokens?limit=1")["items"][0]["label"], "attic")


if __name__ == "__main__":
    unittest.main(verbosity=2)
