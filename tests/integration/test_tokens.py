# SPDX-License-Identifier: Apache-2.0
"""Tokens: listed with their last use, narrower ones for programs, revoked; a token is never worth more than the one that asked for it."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def tokens(self, who):
        return who.ok("GET", "/v1/auth/tokens")["items"]

    def test_every_token_is_listed_with_its_last_use_and_no_secret(self):
        alice = self.world.person("alice")
        first = alice.token_id
        alice.sign_in(["consumer"])
        listed = self.tokens(alice)
        self.assertEqual([token["token_id"] for token in listed], [alice.token_id, first])
        self.assertEqual([token["current"] for token in listed], [True, False])
        self.assertEqual(listed[0]["scopes"], ["consumer"])
        self.assertIsNotNone(listed[0]["last_used_at"])
        self.assertIsNone(listed[1]["last_used_at"])  # it was never used
        self.assertNotIn(alice.token, str(listed))

    def test_a_machines_token_is_its_providers(self):
        maria = self.world.person("maria")
        host = self.world.host(maria)
        mine = {token["host_id"]: token for token in self.tokens(maria)}
        self.assertEqual(mine[host.host_id]["scopes"], ["worker"])
        self.assertEqual(mine[host.host_id]["label"], "rig")
        self.assertIsNotNone(mine[host.host_id]["last_used_at"])

    def test_pages_hold_each_once(self):
        carol = self.world.person("carol")
        for number in range(4):
            carol.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"], "label": "number %d" % number})
        seen, before = [], ""
        while True:
            page = carol.ok("GET", "/v1/auth/tokens?limit=2" + before)
            seen += [token["label"] for token in page["items"]]
            if page["next"] is None:
                break
            before = "&before=%d" % page["next"]
        self.assertEqual(seen, ["number 3", "number 2", "number 1", "number 0", ""])

    def test_a_narrower_token_does_what_it_says_and_no_more(self):
        dora = self.world.person("dora")
        made = dora.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"], "label": "a program", "valid_s": 3600})
        program = self.world.client(made["token"])
        self.assertEqual(program.ok("GET", "/v1/auth/whoami")["scopes"], ["consumer"])
        self.assertEqual(program.get("/v1/jobs").status, 200)
        self.assertEqual(program.get("/v1/earnings").status, 403)
        wider = program.post("/v1/auth/tokens", {"scopes": ["consumer", "provider"]})
        self.assertEqual((wider.status, wider.json["errors"][0]["pointer"]), (422, "/scopes"))
        self.assertIn("consumer", wider.json["errors"][0]["detail"])
        child = program.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"]})
        self.assertLessEqual(child["expires_at"], made["expires_at"])

    def test_what_is_revoked_is_worth_nothing_and_says_when(self):
        emil = self.world.person("emil")
        made = emil.ok("POST", "/v1/auth/tokens", {"scopes": ["provider"]})
        program = self.world.client(made["token"])
        self.assertEqual(program.get("/v1/earnings").status, 200)
        emil.ok("POST", "/v1/auth/tokens/%s/revoke" % made["token_id"], {})
        self.assertEqual((program.get("/v1/earnings").status, program.get("/v1/earnings").json["code"]), (401, "token_unknown"))
        self.assertIsNotNone(self.tokens(emil)[0]["revoked_at"])

    def test_nobody_sees_or_revokes_anothers(self):
        fritz, greta = self.world.person("fritz"), self.world.person("greta")
        ids = {token["token_id"] for token in self.tokens(greta)}
        self.assertNotIn(fritz.token_id, ids)
        refused = greta.post("/v1/auth/tokens/%s/revoke" % fritz.token_id, {})
        self.assertEqual((refused.status, refused.json["code"]), (404, "no_such_token"))
        self.assertEqual(fritz.get("/v1/auth/whoami").status, 200)

    def test_the_operator_gives_out_what_only_looks(self):
        operator = self.world.operator()
        made = operator.ok("POST", "/v1/auth/tokens", {"scopes": ["auditor"], "label": "the auditor"})
        auditor = self.world.client(made["token"])
        self.assertEqual(auditor.get("/v1/settlement").status, 200)
        self.assertEqual(auditor.post("/v1/settlement/resume", {"generation": 2}).status, 403)
        self.assertEqual(auditor.get("/v1/auth/tokens").status, 403)
        self.assertIn("the auditor", [token["label"] for token in self.tokens(operator)])

    def test_bad_requests_say_what_would_do(self):
        hans = self.world.person("hans")
        for body, pointer in (({"scopes": []}, "/scopes"), ({"scopes": ["worker"]}, "/scopes"), ({}, "/scopes"),
                              ({"scopes": ["consumer"], "valid_s": 1}, "/valid_s"), ({"scopes": ["consumer"], "x": 1}, "/x")):
            answer = hans.post("/v1/auth/tokens", body)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer), body)


if __name__ == "__main__":
    unittest.main()
