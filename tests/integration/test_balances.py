# SPDX-License-Identifier: Apache-2.0
"""P12, R5.2: the balance that is shown is the chain's, for generated identities and amounts; the largest there is included."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import World, tally_qubic, wait_until  # noqa: E402

SEED = int(os.environ.get("TALLY_TEST_SEED", "20261125"))
CASES = 100
AMOUNT_MAX = 10**12  # of the faucet


class Balances(unittest.TestCase):
    def test_P12_every_balance_is_the_chains(self):
        print("seed %d" % SEED)
        draw = random.Random(SEED)
        with World() as world:
            alice = world.person("alice")
            funded = {}
            for number in range(CASES):
                seed = "".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(55))
                identity = tally_qubic("identity", {"seed": seed})["identity"]
                amount = draw.choice((0, 1, AMOUNT_MAX, draw.randrange(1, AMOUNT_MAX), draw.randrange(1, 1000)))
                if amount > 0:
                    world.chain.fund(identity, amount)
                funded[identity] = amount
            for identity, amount in funded.items():
                wait_until(lambda: world.chain.balance(identity) == amount, "the money is on the chain")
                answer = alice.ok("GET", "/v1/balances/" + identity)
                self.assertEqual((answer["identity"], answer["balance"], answer["stale"]), (identity, amount, False))
                self.assertLess(answer["age_ms"], 30000)


if __name__ == "__main__":
    unittest.main()
