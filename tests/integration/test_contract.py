# SPDX-License-Identifier: Apache-2.0
"""The contract as it is served, and that the harness's check of every answer can fail."""
import copy
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from contract import Contract  # noqa: E402
from tally_harness import BIN, World  # noqa: E402


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.alice = cls.world.person("alice")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_the_document_is_served_as_it_was_built(self):
        answer = self.world.client().get("/openapi.json")
        with open(BIN + "/../api/openapi.json", "rb") as file:
            self.assertEqual(answer.body, file.read())
        self.assertEqual(answer.json["openapi"], "3.1.0")

    def test_the_page_needs_nothing_but_itself(self):
        page = self.world.client().get("/docs")
        self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'; style-src 'self'", page.headers["Content-Security-Policy"])
        self.assertIn(b'<link rel="stylesheet" href="/docs/style.css">', page.body)
        self.assertIn(b"/v1/jobs/{id}/cancel", page.body)
        style = self.world.client().get("/docs/style.css")
        self.assertEqual((style.status, style.headers["Content-Type"]), (200, "text/css; charset=utf-8"))

    def broken(self, change):
        """A contract that describes the answers otherwise than they are."""
        document = copy.deepcopy(Contract.built().document)
        change(document["components"]["schemas"])
        return Contract(document)

    def test_a_field_dropped_renamed_or_of_another_type_fails_the_check(self):
        answer = self.alice.get("/v1/auth/whoami")
        Contract.built().check("GET", "/v1/auth/whoami", answer)

        def renamed(schemas):
            whoami = schemas["Whoami"]
            whoami["properties"]["account"] = whoami["properties"].pop("account_id")
            whoami["required"] = list(whoami["properties"])

        def undescribed(schemas):
            del schemas["Whoami"]["properties"]["scopes"]

        def retyped(schemas):
            schemas["Whoami"]["properties"]["identity"] = {"type": "integer", "description": "."}

        for change in (renamed, undescribed, retyped):
            with self.subTest(change.__name__), self.assertRaises(AssertionError):
                self.broken(change).check("GET", "/v1/auth/whoami", answer)

    def test_a_problem_with_an_unknown_code_or_another_status_fails_the_check(self):
        answer = self.alice.get("/v1/jobs/0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60")
        self.assertEqual((answer.status, answer.json["code"]), (404, "no_such_job"))
        other = copy.deepcopy(Contract.built().document)
        other["x-error-codes"]["no_such_job"]["status"] = [409]
        with self.assertRaises(AssertionError):
            Contract(other).check("GET", "/v1/jobs/x", answer)
        with self.assertRaises(AssertionError):
            self.broken(lambda schemas: schemas["Problem"]["properties"]["code"]["enum"].remove("no_such_job")).check(
                "GET", "/v1/jobs/x", answer)

    def test_every_wrong_field_is_named_by_a_pointer(self):
        answer = self.alice.post("/v1/quotes", {"upload_id": 7, "offer/~id": "x"})
        self.assertEqual((answer.status, answer.json["code"]), (422, "invalid_fields"))
        self.assertEqual(sorted(error["pointer"] for error in answer.json["errors"]), ["/offer_id", "/offer~1~0id", "/upload_id"])


if __name__ == "__main__":
    unittest.main()
