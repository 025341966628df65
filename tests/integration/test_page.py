#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's files: which are served and how; and the faucet that a page on a local chain can ask. What people see is in test_page_flow.py."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World  # noqa: E402


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tally-page-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.page = cls.folder + "/page"
        os.makedirs(cls.page + "/assets/deep")
        for name, content in (("index.html", "<p>home"), ("page.js", "1"), ("assets/deep/a.css", "p{}"),
                              ("assets/b.js", "plain"), ("assets/b.js.gz", "squeezed"), (".hidden", "x")):
            with open(cls.page + "/" + name, "w") as file:
                file.write(content)
        with open(cls.folder + "/secret.txt", "w") as file:
            file.write("secret")
        os.symlink(cls.folder + "/secret.txt", cls.page + "/link.txt")
        os.symlink(cls.folder, cls.page + "/out")
        os.mkfifo(cls.page + "/pipe.txt")
        cls.world = World(page=cls.page)
        cls.addClassCleanup(cls.world.close)
        cls.client = cls.world.client()

    def test_files_come_with_their_type_and_a_policy(self):
        for path, kind, body in (("/", "text/html; charset=utf-8", b"<p>home"), ("/page.js", "text/javascript; charset=utf-8", b"1"),
                                 ("/assets/deep/a.css", "text/css; charset=utf-8", b"p{}")):
            answer = self.client.get(path)
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (200, kind, body))
            self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
            self.assertNotIn("unsafe-inline", answer.headers["Content-Security-Policy"])
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        head = self.client.request("HEAD", "/page.js")
        self.assertEqual((head.status, head.headers["Content-Length"], head.body), (200, "1", b""))

    def test_what_has_not_changed_is_not_sent_again(self):
        answer = self.client.get("/page.js")
        self.assertEqual(answer.headers["Cache-Control"], "no-cache")
        again = self.client.get("/page.js", headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(self.client.get("/page.js", headers={"If-None-Match": '"x"'}).status, 200)
        self.assertIn("immutable", self.client.get("/assets/deep/a.css").headers["Cache-Control"])

    def test_whoever_takes_gzip_gets_what_was_compressed_when_the_page_was_built(self):
        for accepted, squeezed in ((None, False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=1.0, *;q=0", True), ("br,gzip", True),
                                   ("gzip;q=0", False), ("br, gzip;q=0.000", False), ("identity", False), ("x-gzip, gzipped", False)):
            answer = self.client.get("/assets/b.js", headers={} if accepted is None else {"Accept-Encoding": accepted})
            self.assertEqual((answer.body, answer.headers["Content-Encoding"]),
                             (b"squeezed", "gzip") if squeezed else (b"plain", None), accepted)
            self.assertEqual(answer.headers["Content-Type"], "text/javascript; charset=utf-8")
            self.assertEqual(answer.headers["Vary"], "Accept-Encoding")
            self.assertIn("immutable", answer.headers["Cache-Control"])
            again = self.client.get("/assets/b.js", headers={"If-None-Match": answer.headers["ETag"], "Accept-Encoding": accepted or "br"})
            self.assertEqual(again.status, 304)
        plain = self.client.get("/assets/b.js").headers["ETag"]
        self.assertEqual(self.client.get("/assets/b.js", headers={"If-None-Match": plain, "Accept-Encoding": "gzip"}).status, 200)
        self.assertEqual(self.client.get("/page.js", headers={"Accept-Encoding": "gzip"}).body, b"1")  # has no compressed one

    def test_places_inside_the_page_get_the_page(self):
        for path in ("/jobs", "/jobs/01a20bd9-adf5-7db6-8d56-d07e88fec5a4", "/deep/er/"):
            self.assertEqual(self.client.get(path).body, b"<p>home", path)

    def test_nothing_else_is_reachable(self):
        for path in ("/link.txt", "/out/secret.txt", "/pipe.txt", "/.hidden", "/missing.js", "/page.js/x.js", "/assets/deep/.",
                     "/..%2fsecret.txt", "/../secret.txt", "//secret.txt", "/%2e%2e/secret.txt", "/v1/nothing", "/v1"):
            answer = self.client.get(path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertEqual(answer.headers["Content-Type"], "application/problem+json", path)
            self.assertNotIn(b"secret\n", answer.body)
        self.assertEqual(self.client.post("/page.js", {}).status, 404)
        self.assertEqual(self.client.request("DELETE", "/").status, 404)


class Faucet(unittest.TestCase):
    """A browser speaks to its own server alone; so that one passes on what the local chain gives away."""

    def test_money_of_the_local_chain_comes_through_the_server(self):
        with World(faucet=True) as world:
            alice = world.person("alice")
            self.assertTrue(alice.ok("GET", "/v1/terms")["chain"]["faucet"])
            self.assertEqual(alice.ok("GET", "/v1/terms")["chain"]["explorer_url"], world.chain.url + "/explorer/tx/")
            balance = lambda: alice.ok("GET", "/v1/balances/" + alice.identity)["balance"]
            self.assertEqual(balance(), 0)
            self.assertEqual(alice.ok("POST", "/v1/faucet", {"identity": alice.identity, "amount": 12345}),
                             {"identity": alice.identity, "amount": 12345})
            self.assertEqual(world.chain.balance(alice.identity), 12345)
            self.assertEqual(balance(), 12345)  # not what was remembered from before
            for body, pointer in (({"identity": alice.identity, "amount": 10**12 + 1}, "/amount"), ({"identity": "A", "amount": 1}, "/identity"),
                                  ({"amount": 1}, "/identity")):
                answer = alice.post("/v1/faucet", body)
                self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer))
            wrong = alice.post("/v1/faucet", {"identity": "A" * 59 + "B", "amount": 1})
            self.assertEqual((wrong.status, wrong.json["code"]), (422, "identity_invalid"))
            self.assertEqual(world.client().post("/v1/faucet", {"identity": alice.identity, "amount": 1}).status, 401)
            world.chain.stop()
            gone = alice.post("/v1/faucet", {"identity": alice.identity, "amount": 1})
            self.assertEqual((gone.status, gone.json["code"]), (503, "faucet_unavailable"))

    def test_without_the_flag_there_is_none(self):
        with World() as world:
            alice = world.person("alice")
            self.assertFalse(alice.ok("GET", "/v1/terms")["chain"]["faucet"])
            self.assertIsNone(alice.ok("GET", "/v1/terms")["chain"]["explorer_url"])
            answer = alice.post("/v1/faucet", {"identity": alice.identity, "amount": 1})
            self.assertEqual((answer.status, answer.json["code"]), (404, "no_faucet"))


if __name__ == "__main__":
    unittest.main()
