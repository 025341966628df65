#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's wallet against a server and the local chain: what it signs is what they accept, and nothing else is; in Node.js, and in a
page and a worker of a real browser, where the seed is in no request."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from browser import browser  # noqa: E402
from tally_harness import BIN, SOURCE, World, tally_qubic  # noqa: E402

WALLET = os.path.join(os.path.dirname(BIN), "web/wallet")
SEED = "thiswalletlivesinapageandnoserverhaseverseenitsseedzzzz"

PAGE = """<!doctype html><title>wallet</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>"""
# What both do: sign in with a wallet of their own.
SIGN_IN = """
import { createWallet } from "./wallet.js";

const ask = async (path, body) => {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
export async function signIn(seed) {
  const wallet = await createWallet(await WebAssembly.compileStreaming(fetch("wallet.wasm")));
  const challenge = await ask("/v1/auth/challenge", {});
  const { identity, signature } = wallet.signIn(seed ?? wallet.newSeed(), { origin: location.origin, challenge });
  const session = await ask("/v1/auth/session", { identity, nonce: challenge.nonce, signature, scopes: ["consumer"] });
  return { identity, token: session.token };
}
"""
WORKER = """
import { signIn } from "./sign_in.js";
onmessage = ({ data }) => signIn(data.seed).then((answer) => postMessage(answer), (error) => postMessage({ error: String(error) }));
"""
PAGE_SCRIPT = """
import { signIn } from "./sign_in.js";
window.inPage = (seed, done) => signIn(seed).then(done, (error) => done({ error: String(error) }));
window.inWorker = (seed, done) => {
  const worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => done(data);
  worker.onerror = (error) => done({ error: error.message ?? "the worker did not start" });
  worker.postMessage({ seed });
};
"""


class Wallet:
    """The wallet in a child process."""

    def __init__(self):
        self.child = subprocess.Popen(["node", SOURCE + "/tests/support/wallet_lines.mjs", WALLET], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def ask(self, call, *given):
        self.child.stdin.write(json.dumps({"call": call, "with": given}) + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def __call__(self, call, *given):
        answer = self.ask(call, *given)
        assert "error" not in answer, answer
        return answer["answer"]

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


@unittest.skipUnless(os.path.exists(WALLET + "/wallet.wasm"), "the wallet is not built (TALLY_WALLET)")
class WithWallet(unittest.TestCase):
    page = None

    @classmethod
    def setUpClass(cls):
        cls.world = World(page=cls.page)
        cls.addClassCleanup(cls.world.close)
        cls.client = cls.world.client()

    def challenge(self):
        return self.client.ok("POST", "/v1/auth/challenge", {})

    def session(self, identity, challenge, signature):
        return self.client.post("/v1/auth/session", {"identity": identity, "nonce": challenge["nonce"], "scopes": ["consumer"],
                                                     "signature": signature})


class InNode(WithWallet):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wallet = Wallet()
        cls.addClassCleanup(cls.wallet.close)
        cls.origin = "http://127.0.0.1:%d" % cls.world.server.port

    def sign(self, challenge, seed=SEED):
        return self.wallet("signIn", seed, {"origin": self.origin, "challenge": challenge})

    def test_its_signature_opens_a_session_once(self):
        challenge = self.challenge()
        signed = self.sign(challenge)
        answer = self.session(signed["identity"], challenge, signed["signature"])
        self.assertEqual(answer.status, 201, answer)
        who = self.world.client(answer.json["token"]).ok("GET", "/v1/auth/whoami")
        self.assertEqual(who["identity"], self.wallet("identityOf", SEED)["identity"])
        again = self.session(signed["identity"], challenge, signed["signature"])
        self.assertEqual((again.status, again.json["code"]), (401, "nonce_unknown"))

    def test_the_text_and_the_signature_are_the_command_lines_own(self):
        alice = self.world.person("alice")
        challenge = self.challenge()
        signed = self.sign(challenge, alice.seed)
        self.assertEqual(signed["identity"], alice.identity)
        self.assertEqual(signed["text"].encode(), alice.sign_in_text(challenge))
        self.assertEqual(signed["signature"], alice.sign(alice.sign_in_text(challenge)))

    def test_the_server_takes_a_signature_for_its_challenge_and_identity_alone(self):
        challenge = self.challenge()
        signed = self.sign(challenge)
        changed = signed["signature"][:-128] + "%02x" % (int(signed["signature"][:2], 16) ^ 1) + signed["signature"][2:]
        stranger = self.wallet("identityOf", "a" * 55)["identity"]
        for identity, asked, signature in ((signed["identity"], self.challenge(), signed["signature"]),
                                           (signed["identity"], challenge, changed),
                                           (stranger, challenge, signed["signature"])):
            answer = self.session(identity, asked, signature)
            self.assertEqual((answer.status, answer.json["code"]), (401, "signature_wrong"))
        self.assertEqual(self.session(signed["identity"], challenge, signed["signature"]).status, 201)

    def test_a_challenge_for_another_origin_is_not_signed(self):
        for origin in ("http://localhost:%d" % self.world.server.port, self.origin + "/", "https://evil.example"):
            answer = self.wallet.ask("signIn", SEED, {"origin": origin, "challenge": self.challenge()})
            self.assertEqual(answer["error"]["name"], "OriginDiffers", answer)

    def test_its_lock_is_taken_by_the_chain_and_funds_a_job(self):
        host = self.world.host(self.world.person("maria"))
        alice = self.world.person("alice locks", money=10**9)
        job = alice.job(host.offer["id"])
        escrow = job["escrow"]
        payment = {"destination": escrow["identity"], "amount": str(escrow["amount"]), "tick": self.world.chain.tick() + 150,
                   "inputType": escrow["input_type"], "input": escrow["input"]}
        signed = self.wallet("signTransaction", alice.seed, payment)
        self.assertEqual(signed, tally_qubic("tx", {"seed": alice.seed, **payment}))
        read = self.wallet("readTransaction", signed["hex"])
        self.assertEqual((read["source"], read["amount"], read["signatureValid"]), (alice.identity, payment["amount"], True))
        sent = alice.ok("POST", "/v1/broadcast", {"transaction": signed["hex"]})
        self.assertEqual(sent["transaction_id"], signed["id"])
        alice.wait_for(job, lambda now: now["status"] == "queued")
        paid = self.world.chain.balance(alice.identity)
        self.assertEqual(paid, 10**9 - escrow["amount"])


class InBrowser(WithWallet):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tally-wallet-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.page = cls.folder + "/page"
        os.makedirs(cls.page)
        for name in ("wallet.js", "wallet.wasm"):
            shutil.copy(WALLET + "/" + name, cls.page)
        for name, text in (("index.html", PAGE), ("page.js", PAGE_SCRIPT), ("sign_in.js", SIGN_IN), ("worker.js", WORKER)):
            with open(cls.page + "/" + name, "w") as file:
                file.write(text)
        super().setUpClass()
        cls.driver = browser(cls.folder + "/profile", logs=("browser", "performance"))
        cls.addClassCleanup(cls.driver.quit)
        cls.url = "http://127.0.0.1:%d/" % cls.world.server.port

    def signed_in(self, where, seed):
        self.driver.get(self.url)
        answer = self.driver.execute_async_script("window[arguments[0]](arguments[1], arguments[2])", where, seed)
        self.assertNotIn("error", answer)
        who = self.world.client(answer["token"]).ok("GET", "/v1/auth/whoami")
        self.assertEqual(who["identity"], answer["identity"])
        self.assertEqual(self.driver.get_log("browser"), [])
        return answer["identity"]

    def test_a_page_signs_in_under_the_servers_own_policy_and_its_seed_is_in_no_request(self):
        self.assertEqual(self.signed_in("inPage", SEED), tally_qubic("identity", {"seed": SEED})["identity"])
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        requests = [json.dumps(m["params"]) for m in messages if m["method"] == "Network.requestWillBeSent"]
        self.assertTrue(any("/v1/auth/session" in request and "signature" in request for request in requests), requests)
        self.assertFalse(any(SEED in request for request in requests))

    def test_a_worker_signs_in_with_a_seed_of_its_own(self):
        first, second = self.signed_in("inWorker", None), self.signed_in("inWorker", None)
        self.assertNotEqual(first, second)
        self.assertEqual(self.signed_in("inWorker", SEED), tally_qubic("identity", {"seed": SEED})["identity"])


if __name__ == "__main__":
    unittest.main()
