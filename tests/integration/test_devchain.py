#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally-devchain from outside: fund, send, see money move; kill it at any moment and find the same history; and
the network's answers to what is wrong."""
import base64
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import World, tally_qubic, wait_until  # noqa: E402

BIN = os.environ["TALLY_BIN_DIR"]
ALICE = "alice" + "a" * 50
BOB = "bob" + "b" * 52
SEED = int(os.environ.get("TALLY_TEST_SEED", "0")) or random.randrange(1, 2**32)


def tally(operation, line):
    done = subprocess.run([BIN + "/tally", "qubic", operation], input=json.dumps(line).encode() + b"\n",
                          capture_output=True, check=True, timeout=30)
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer


def identity(seed):
    return tally("identity", {"seed": seed})["identity"]


def make(seed, to, amount, tick, data=""):
    return tally("tx", {"seed": seed, "destination": to, "amount": str(amount), "tick": tick, "inputType": 0,
                        "input": data})


class Chain:
    """One tally-devchain process at a time on one data folder."""

    def __init__(self, *flags, tick_ms=20):
        self.folder = tempfile.mkdtemp(prefix="tally-devchain-")
        self.flags = ["--tick-ms", str(tick_ms), *flags]
        self.child = None
        self.start()

    def start(self):
        self.child = subprocess.Popen([BIN + "/tally-devchain", "--data", self.folder, *self.flags],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.child.stdout.readline().decode()
        match = re.fullmatch(r"tally-devchain listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            raise AssertionError("%r %s" % (line, self.child.stderr.read().decode()))
        self.port = int(match.group(1))

    def stop(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        _, errors = self.child.communicate(timeout=20)
        return self.child.returncode, errors.decode()

    def close(self):
        if self.child.poll() is None:
            self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def call(self, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            if body is None:
                connection.request("GET", path)
            else:
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                connection.request("POST", path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ok(self, path, body=None):
        status, answer = self.call(path, body)
        assert status == 200, (path, status, answer)
        return answer

    def tick(self):
        return self.ok("/live/v1/tick-info")["tickInfo"]["tick"]

    def processed(self):
        return self.ok("/query/v1/getLastProcessedTick")["tickNumber"]

    def wait(self, tick):
        end = time.monotonic() + 120
        while self.processed() < tick:
            assert time.monotonic() < end, "tick %d does not come" % tick
            time.sleep(0.005)

    def balance(self, who):
        return int(self.ok("/live/v1/balances/" + who)["balance"]["balance"])

    def fund(self, who, amount):
        return self.ok("/dev/v1/faucet", {"identity": who, "amount": str(amount)})

    def broadcast(self, transaction):
        encoded = base64.b64encode(bytes.fromhex(transaction["hex"])).decode()
        return self.call("/live/v1/broadcast-transaction", {"encodedTransaction": encoded})

    def send(self, seed, to, amount, offset=50):
        """Broadcast with room to spare and wait until the tick has passed."""
        tick, transaction = self.sign_in_time(seed, to, amount, offset)
        self.wait(tick)
        return tick, transaction

    def sign_in_time(self, seed, to, amount, offset):
        """Broadcast, and again for a later tick if its own had passed before it was there."""
        for attempt in range(1, 20):
            tick = self.tick() + offset * attempt
            transaction = make(seed, to, amount, tick)
            status, answer = self.broadcast(transaction)
            if status == 200:
                assert answer["transactionId"] == transaction["id"]
                return tick, transaction
            assert "Target tick" in str(answer), answer
        raise AssertionError("no tick was far enough ahead")

    def history(self):
        """Everything the archive says about every tick."""
        last = self.processed()
        first = self.ok("/query/v1/getProcessedTickIntervals")[0]["firstTick"]
        return {tick: (self.ok("/query/v1/getTickData", {"tickNumber": tick}),
                       self.ok("/query/v1/getTransactionsForTick", {"tickNumber": tick}))
                for tick in range(first, last + 1)}


class DevchainTest(unittest.TestCase):
    def setUp(self):
        self.alice = identity(ALICE)
        self.bob = identity(BOB)

    def chain(self, *flags, **options):
        chain = Chain(*flags, **options)
        self.addCleanup(chain.close)
        return chain

    def test_money_moves_and_the_archive_tells(self):
        chain = self.chain("--start-tick", "5000", "--epoch", "227")
        funded = chain.fund(self.alice, 1000)
        self.assertEqual(chain.balance(self.alice), 1000)  # answered when it is there
        self.assertLess(funded["tick"], chain.tick())
        tick, transaction = chain.send(ALICE, self.bob, 300)
        self.assertEqual((chain.balance(self.alice), chain.balance(self.bob)), (700, 300))

        one = chain.ok("/query/v1/getTransactionByHash", {"hash": transaction["id"]})
        self.assertEqual(set(one), {"hash", "amount", "source", "destination", "tickNumber", "timestamp", "inputType",
                                    "inputSize", "inputData", "signature", "moneyFlew"})
        self.assertEqual((one["hash"], one["amount"], one["source"], one["destination"], one["tickNumber"],
                          one["moneyFlew"]), (transaction["id"], "300", self.alice, self.bob, tick, True))
        self.assertAlmostEqual(int(one["timestamp"]) / 1000, time.time(), delta=60)
        self.assertEqual(chain.ok("/explorer/tx/" + transaction["id"]), one)  # as a link has it
        self.assertEqual(chain.ok("/query/v1/getTransactionsForTick", {"tickNumber": tick}), [one])
        data = chain.ok("/query/v1/getTickData", {"tickNumber": tick})["tickData"]
        self.assertEqual((data["tickNumber"], data["epoch"], data["transactionHashes"]), (tick, 227, [transaction["id"]]))
        self.assertEqual(chain.ok("/query/v1/getTickData", {"tickNumber": tick - 1}), {"tickData": None})
        self.assertEqual(chain.ok("/query/v1/getTransactionsForTick", {"tickNumber": tick - 1}), [])

        balance = chain.ok("/live/v1/balances/" + self.bob)["balance"]
        self.assertEqual((balance["id"], balance["incomingAmount"], balance["outgoingAmount"],
                          balance["numberOfIncomingTransfers"], balance["latestIncomingTransferTick"]),
                         (self.bob, "300", "0", 1, tick))
        self.assertGreaterEqual(balance["validForTick"], tick)
        info = chain.ok("/live/v1/tick-info")["tickInfo"]
        self.assertEqual((info["epoch"], info["initialTick"]), (227, 5000))
        self.assertIn("tick", chain.ok("/live/v1/block-height")["blockHeight"])

    def test_the_history_of_an_identity(self):
        chain = self.chain()
        chain.fund(self.alice, 1000)
        tick = chain.tick() + 80
        sent = [make(ALICE, self.bob, amount, tick + amount) for amount in range(1, 6)]
        for transaction in sent:
            self.assertEqual(chain.broadcast(transaction)[0], 200)
        chain.wait(tick + 6)

        def ask(**body):
            return chain.ok("/query/v1/getTransactionsForIdentity", {"identity": self.bob, **body})
        page = ask(pagination={"offset": 0, "size": 2})
        self.assertEqual(page["hits"], {"total": 5, "from": 0, "size": 2})
        self.assertEqual([t["amount"] for t in page["transactions"]], ["5", "4"])  # newest first
        self.assertEqual([t["amount"] for t in ask(pagination={"offset": 2, "size": 10})["transactions"]],
                         ["3", "2", "1"])
        some = ask(ranges={"tickNumber": {"gte": str(tick + 2), "lte": str(tick + 3)}})
        self.assertEqual([t["amount"] for t in some["transactions"]], ["3", "2"])
        self.assertEqual(ask(filters={"source": self.bob})["hits"]["total"], 0)
        self.assertEqual(ask(filters={"amount": "4"})["hits"]["total"], 1)
        self.assertEqual(ask(exclude={"amount": "4"})["hits"]["total"], 4)
        for bad in ({"identity": "A"}, {"pagination": {"size": 1001}}, {"pagination": {"size": 1000, "offset": 9001}},
                    {"filters": {"unknown": "1"}}, {"ranges": {"amount": {"gte": "x"}}}):
            status, answer = chain.call("/query/v1/getTransactionsForIdentity", {"identity": self.bob, **bad})
            self.assertEqual((status, answer["code"]), (400, 3), bad)

    def test_what_is_wrong_gets_the_networks_answers(self):
        chain = self.chain(tick_ms=200)
        chain.fund(self.alice, 1000)

        def refused(transaction, status, code, text):
            got, answer = chain.broadcast(transaction)
            self.assertEqual((got, answer["code"], answer["details"]), (status, code, []), answer)
            self.assertIn(text, answer["message"])
        tick = chain.tick()
        good = make(ALICE, self.bob, 1, tick + 50)
        tampered = bytearray.fromhex(good["hex"])
        tampered[64] ^= 1
        refused({"hex": tampered.hex()}, 400, 3, "Signature does not verify!")
        tampered = bytearray.fromhex(good["hex"])
        tampered[-1] = 0xff
        refused({"hex": tampered.hex()}, 400, 3, "Non-canonical signature scalar.")
        tampered = bytearray.fromhex(good["hex"])
        tampered[0:32] = bytes(32)
        refused({"hex": tampered.hex()}, 400, 3, "Bad public key or signature.")
        refused({"hex": good["hex"][:-2]}, 500, 13, "unmarshal")
        refused({"hex": ""}, 500, 13, "unmarshal")
        refused(make(ALICE, self.bob, 1, tick - 1), 400, 3, "should be greater than max tick")
        for body in (b"", b"{", b"[]", {"encodedTransaction": "!"}, {"encodedTransaction": 5}, {}):
            status, answer = chain.call("/live/v1/broadcast-transaction", body)
            self.assertEqual((status, answer["code"]), (400, 3), body)

        # sent to the nodes, and never heard of again: too soon, without any balance, too far ahead
        for _ in range(50):  # the next tick may be there before the transaction is
            early = make(ALICE, self.bob, 1, chain.tick() + 1)
            if chain.broadcast(early)[0] == 200:
                break
        poor = make(BOB, self.alice, 1, chain.tick() + 15)
        far = make(ALICE, self.bob, 1, chain.tick() + 3000)
        for transaction in (early, poor, far):
            self.assertIn(chain.broadcast(transaction)[0], (200, 400) if transaction is early else (200,))
        # an overdrawn payment is included, and moves nothing; the same bytes again change nothing
        overdrawn = make(ALICE, self.bob, 1001, chain.tick() + 15)
        for _ in range(3):
            self.assertEqual(chain.broadcast(overdrawn)[0], 200)
        chain.wait(chain.tick() + 17)
        for transaction in (early, poor, far):
            self.assertEqual(chain.call("/query/v1/getTransactionByHash", {"hash": transaction["id"]}),
                             (404, {"code": 5, "message": "transaction not found", "details": []}))
        one = chain.ok("/query/v1/getTransactionByHash", {"hash": overdrawn["id"]})
        self.assertFalse(one["moneyFlew"])
        self.assertEqual(len(chain.ok("/query/v1/getTransactionsForTick", {"tickNumber": one["tickNumber"]})), 1)
        self.assertEqual((chain.balance(self.alice), chain.balance(self.bob)), (1000, 0))

        for path, body, status, code in (
                ("/query/v1/getTransactionByHash", {"hash": "x"}, 400, 3),
                ("/query/v1/getTransactionByHash", {"hash": self.alice}, 400, 3),
                ("/explorer/tx/x%22", None, 400, 3),
                ("/explorer/tx/" + "a" * 60, None, 400, 3),
                ("/query/v1/getTickData", {"tickNumber": 10**6}, 400, 3),
                ("/query/v1/getTickData", {"tickNumber": -1}, 400, 3),
                ("/query/v1/getTickData", {"tickNumber": 5}, 400, 3),
                ("/query/v1/getTickData", b"nonsense", 400, 3),
                ("/live/v1/balances/NOBODY", None, 500, 13),
                ("/live/v1/querySmartContract", {}, 501, 12),
                ("/nowhere", None, 404, 5),
                ("/dev/v1/faucet", {"identity": "A", "amount": "1"}, 400, 3),
                ("/dev/v1/faucet", {"identity": self.bob, "amount": "0"}, 400, 3),
                ("/dev/v1/faucet", {"identity": self.bob, "amount": "1.5"}, 400, 3),
                ("/dev/v1/faucet", {"identity": self.bob, "amount": str(2 * 10**14)}, 400, 3)):
            got, answer = chain.call(path, body)
            self.assertEqual((got, answer["code"]), (status, code), (path, body, answer))
        self.assertIn("is greater than last processed tick",
                      chain.call("/query/v1/getTickData", {"tickNumber": 10**6})[1]["message"])
        self.assertIn("next available tick is 1000",
                      chain.call("/query/v1/getTickData", {"tickNumber": 5})[1]["message"])

    def test_killed_at_any_moment_it_finds_its_history_again(self):
        print("TALLY_TEST_SEED=%d" % SEED)
        rng = random.Random(SEED)
        chain = self.chain()
        chain.fund(self.alice, 10**9)
        seen = {}
        for round_number in range(5):
            chain.send(ALICE, self.bob, 1000 + round_number)
            # traffic while it dies, so that a tick with content can be the one that is cut
            waiting = [make(ALICE, self.bob, 10**6 + 10 * round_number + i, chain.tick() + 4 + i) for i in range(8)]
            for transaction in waiting:
                chain.broadcast(transaction)
            before = chain.history()
            sums = chain.balance(self.alice) + chain.balance(self.bob)
            self.assertEqual(sums, 10**9)
            last = max(before)
            time.sleep(rng.random() * 0.15)
            chain.stop(signal.SIGKILL)
            if round_number % 2 == 1:  # what a crash in the middle of a write leaves
                with open(chain.folder + "/journal", "ab") as journal:
                    journal.write(rng.randbytes(rng.randrange(1, 60)))
            chain.start()
            self.assertGreaterEqual(chain.processed(), last)
            after = chain.history()
            for tick, content in {**seen, **before}.items():
                self.assertEqual(after[tick], content, tick)
            self.assertEqual(chain.balance(self.alice) + chain.balance(self.bob), 10**9)
            seen = after
        paid = sum(int(t["amount"]) for _, listed in chain.history().values() for t in listed if t["moneyFlew"])
        self.assertEqual(chain.balance(self.bob), paid)

    def test_it_stops_gracefully_and_tells_what_it_cut(self):
        chain = self.chain(tick_ms=20)
        chain.fund(self.alice, 5)
        status, _ = chain.stop()
        self.assertEqual(status, 0)
        with open(chain.folder + "/journal", "ab") as journal:
            journal.write(b"\x10\0\0\0half")
        chain.start()
        self.assertEqual(chain.balance(self.alice), 5)
        status, errors = chain.stop()
        self.assertEqual(status, 0)
        self.assertIn("journal.tail_cut", errors)
        self.assertIn("cut=8", errors)
        chain.start()

    def test_a_faucet_request_is_answered_though_it_is_stopping(self):
        chain = self.chain(tick_ms=400)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(chain.fund(self.alice, 7)))
        thread.start()
        time.sleep(0.1)
        status, _ = chain.stop()
        thread.join()
        self.assertEqual((status, answers[0]["amount"]), (0, "7"))

    def test_one_folder_one_process_and_clear_refusals(self):
        chain = self.chain()
        chain.fund(self.alice, 1)  # there is a tick on disk now
        second = subprocess.run([BIN + "/tally-devchain", "--data", chain.folder], capture_output=True, timeout=20)
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"in use by another process", second.stderr)
        chain.stop()
        other = subprocess.run([BIN + "/tally-devchain", "--data", chain.folder, "--start-tick", "7"],
                               capture_output=True, timeout=20)
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"start tick and epoch of an existing chain", other.stderr)
        chain.start()
        for flags in ([], ["--data"], ["--data", "/tmp/x", "--port", "65536"], ["--data", "/tmp/x", "--tick-ms", "0"],
                      ["--data", "/tmp/x", "--tick-ms", "1e3"], ["--data", "/tmp/x", "extra"], ["--what"]):
            done = subprocess.run([BIN + "/tally-devchain", *flags], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIn(b"usage:", done.stderr)

    def test_the_archive_can_lag(self):
        chain = self.chain("--archive-lag", "15")
        chain.fund(self.alice, 100)
        tick, transaction = chain.sign_in_time(ALICE, self.bob, 60, 10)
        end = time.monotonic() + 120
        while chain.balance(self.bob) == 0:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        if chain.processed() < tick:  # paid, and the archive does not know yet
            self.assertEqual(chain.call("/query/v1/getTransactionByHash", {"hash": transaction["id"]})[0], 404)
        chain.wait(tick)
        self.assertTrue(chain.ok("/query/v1/getTransactionByHash", {"hash": transaction["id"]})["moneyFlew"])


class FaultsTest(unittest.TestCase):
    """Each fault is switched on by the admin call, seen from outside, counted, and switched off."""

    def setUp(self):
        self.alice = identity(ALICE)
        self.bob = identity(BOB)
        self.chain = Chain("--seed", "11")
        self.addCleanup(self.chain.close)
        self.chain.fund(self.alice, 10**6)

    def set(self, **settings):
        return self.chain.ok("/dev/v1/faults", settings)

    def hits(self, name):
        return self.chain.ok("/dev/v1/faults")["hits"][name]

    def until(self, condition):
        end = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)

    def found(self, transaction):
        return self.chain.call("/query/v1/getTransactionByHash", {"hash": transaction["id"]})[0] == 200

    def test_empty_ticks(self):
        self.set(empty_tick=900)
        for amount in range(1, 50):
            tick, transaction = self.chain.send(ALICE, self.bob, amount)
            if not self.found(transaction):
                break
        self.assertEqual(self.chain.ok("/query/v1/getTickData", {"tickNumber": tick}), {"tickData": None})
        self.assertGreaterEqual(self.hits("empty_tick"), 1)

    def test_skipped_ticks(self):
        before = self.chain.tick()
        self.set(skipped_tick=500)
        self.until(lambda: self.chain.processed() > before + 30)
        self.set(skipped_tick=0)
        intervals = self.chain.ok("/query/v1/getProcessedTickIntervals")
        self.assertGreater(len(intervals), 1)
        gap, after = intervals[0]["lastTick"] + 1, intervals[1]["firstTick"]
        status, answer = self.chain.call("/query/v1/getTickData", {"tickNumber": gap})
        self.assertEqual((status, answer["code"]), (400, 3))
        self.assertIn("was skipped by the system, next available tick is %d" % after, answer["message"])
        # the history with its gaps is there after a restart
        self.chain.stop(signal.SIGKILL)
        self.chain.start()
        self.assertEqual(self.chain.ok("/query/v1/getProcessedTickIntervals")[:len(intervals) - 1], intervals[:-1])

    def test_the_end_of_an_epoch(self):
        epoch = self.chain.ok("/live/v1/tick-info")["tickInfo"]["epoch"]
        waiting = make(ALICE, self.bob, 5, self.chain.tick() + 2000)
        self.assertEqual(self.chain.broadcast(waiting)[0], 200)
        self.set(epoch_pause=900, pause_ticks=50)
        self.until(lambda: self.hits("epoch_pause") == 1)
        stands = self.chain.tick()
        self.set(epoch_pause=0)
        self.assertEqual(self.chain.tick(), stands)  # a pause is fifty ticks of 20 ms
        self.until(lambda: self.chain.ok("/live/v1/tick-info")["tickInfo"]["epoch"] == epoch + 1)
        self.assertGreater(self.chain.tick(), stands)
        self.assertEqual(self.chain.ok("/dev/v1/faults")["lost"]["epoch_pause"], 1)
        self.chain.fund(self.alice, 1)  # ticks go on

    def test_transactions_that_come_to_nothing(self):
        for name in ("zero_balance", "too_soon"):
            self.set(**{name: 1000})
            _, transaction = self.chain.send(ALICE, self.bob, 7)
            self.assertFalse(self.found(transaction), name)
            self.assertEqual(self.hits(name), 1)
            self.set(**{name: 0})
        self.set(no_money=1000)
        _, transaction = self.chain.send(ALICE, self.bob, 8)
        self.assertIs(self.chain.ok("/query/v1/getTransactionByHash", {"hash": transaction["id"]})["moneyFlew"], False)
        self.assertEqual((self.hits("no_money"), self.chain.balance(self.bob)), (1, 0))
        self.set(no_money=0, duplicate=1000)
        self.chain.send(ALICE, self.bob, 9)
        self.assertEqual((self.hits("duplicate"), self.chain.balance(self.bob)), (1, 9))
        self.set(duplicate=0, min_offset=60)
        _, transaction = self.chain.send(ALICE, self.bob, 10, offset=30)
        self.assertFalse(self.found(transaction))
        self.assertEqual(self.hits("too_soon"), 2)

    def test_an_archive_that_is_behind_or_denies(self):
        tick, transaction = self.chain.send(ALICE, self.bob, 3)
        self.set(not_found=1000)
        self.assertEqual(self.chain.call("/query/v1/getTransactionByHash", {"hash": transaction["id"]}),
                         (404, {"code": 5, "message": "transaction not found", "details": []}))
        self.assertEqual(self.hits("not_found"), 1)
        self.set(not_found=0, archive_lag_ticks=1000)
        shown = self.chain.processed()
        self.chain.fund(self.alice, 1)
        self.chain.fund(self.alice, 1)
        self.assertEqual(self.chain.processed(), shown)
        self.assertGreater(self.hits("archive_lag"), 1)
        self.set(archive_lag_ticks=0, archive_lag=900)
        self.chain.wait(shown + 1)  # it catches up now and then

    def test_questions_that_fail(self):
        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", self.chain.port, timeout=20)
            try:
                connection.request("GET", "/live/v1/tick-info")
                response = connection.getresponse()
                text = response.read()
            except (http.client.HTTPException, ConnectionError):
                return "cut", None
            finally:
                connection.close()
            try:
                return response.status, json.loads(text)
            except ValueError:
                return response.status, None
        seen = {}
        for name in ("busy", "server_error", "not_json", "cut", "slow"):
            self.set(**{name: 1000, "slow_ms": 300})
            began = time.monotonic()
            seen[name] = [ask() for _ in range(1 if name == "slow" else 40)]
            took = time.monotonic() - began
            self.assertEqual(self.hits(name), len(seen[name]))
            self.set(**{name: 0})
        self.assertEqual({status for status, _ in seen["busy"]}, {429})
        self.assertEqual({status for status, _ in seen["server_error"]}, {500, 503, 504})
        self.assertEqual({status for status, _ in seen["not_json"]}, {200, 404, 502})
        self.assertTrue(all(value is None for _, value in seen["not_json"]))
        self.assertEqual({status for status, _ in seen["cut"]}, {"cut"})
        self.assertEqual(seen["slow"][0][0], 200)
        self.assertGreaterEqual(took, 0.29)  # timers count whole milliseconds
        self.assertEqual(ask()[0], 200)

    def test_settings_by_flag_and_call_are_strict(self):
        told = self.chain.ok("/dev/v1/faults")
        self.assertEqual((told["seed"], set(told["hits"]), set(told["settings"]) >= set(told["hits"])),
                         ("11", set(told["lost"]), True))
        for body, text in ((b"", "JSON object"), (b'{"cut":1,"cut":2}', "duplicate"), ({"cut": 1, "no": 1}, "'no'"),
                           ({"cut": 1001}, "cut: expected 0 to 1000"), ({"cut": "x"}, "whole number")):
            status, answer = self.chain.call("/dev/v1/faults", body)
            self.assertEqual((status, answer["code"]), (400, 3), body)
            self.assertIn(text, answer["message"])
        self.assertEqual(self.chain.ok("/dev/v1/faults")["settings"], told["settings"])
        other = Chain("--seed", "5", "--fault", "slow=3", "--fault", "slow_ms=9", "--min-offset", "7", "--archive-lag", "2")
        self.addCleanup(other.close)
        told = other.ok("/dev/v1/faults")
        self.assertEqual((told["seed"], told["settings"]["slow"], told["settings"]["slow_ms"],
                          told["settings"]["min_offset"], told["settings"]["archive_lag_ticks"]), ("5", 3, 9, 7, 2))
        for flags, text in ((("--fault", "no=1"), b"no setting 'no'"), (("--fault", "cut"), b"NAME=NUMBER"),
                            (("--fault", "cut=1001"), b"cut: expected 0 to 1000"), (("--seed", "-1"), b"--seed"),
                            (("--min-offset", "0"), b"min_offset: expected 1 to 100")):
            done = subprocess.run([BIN + "/tally-devchain", "--data", self.chain.folder, *flags], capture_output=True,
                                  timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)


class PaidJobTest(unittest.TestCase):
    """A job is paid from end to end while the chain does everything it can."""

    MONEY = 10**9
    FAULTS = {"seed": "3", "empty_tick": 150, "skipped_tick": 30, "archive_lag": 400, "no_money": 150, "zero_balance": 150,
              "too_soon": 150, "duplicate": 300, "not_found": 150, "busy": 50, "server_error": 50, "not_json": 50,
              "slow": 30, "slow_ms": 40, "cut": 50}

    def insist(self, ask):
        """Until it is answered."""
        def attempt():
            try:
                return (ask(),)
            except (AssertionError, OSError, ValueError, TypeError, http.client.HTTPException):  # TypeError: an empty answer
                return None
        return wait_until(attempt, "an answer", 60)[0]

    def locked(self, alice, job):
        """Send locks until one is in a tick and its money moved: whoever pays must look whether it was."""
        chain = self.world.chain
        while True:
            tick = self.insist(chain.tick) + 40
            lock = tally_qubic("tx", {
                "seed": alice.seed, "destination": job["escrow"]["identity"], "amount": str(job["escrow"]["amount"]),
                "tick": tick, "inputType": job["escrow"]["input_type"], "input": job["escrow"]["input"]})
            while self.insist(chain.tick) < tick - 10:
                alice.post("/v1/broadcast", {"transaction": lock["hex"]})  # the same bytes count once
            while self.insist(lambda: chain.client.ok("GET", "/query/v1/getLastProcessedTick"))["tickNumber"] < tick:
                time.sleep(0.02)
            for _ in range(20):  # the archive may deny it
                found = self.insist(lambda: chain.client.post("/query/v1/getTransactionByHash", {"hash": lock["id"]}))
                if found.status == 200 and self.money_flew(found):
                    return

    @staticmethod
    def money_flew(answer):
        try:
            return answer.json["moneyFlew"]
        except (ValueError, TypeError):  # a page, or half an answer
            return False

    def test_a_job_is_paid_on_a_bad_day(self):
        self.world = World()
        self.addCleanup(self.world.close)
        alice = self.world.person("alice", self.MONEY)
        maria = self.world.person("maria")
        host = self.world.host(maria)
        chain = self.world.chain
        chain.client.ok("POST", "/dev/v1/faults", self.FAULTS)
        job = alice.job(host.offer["id"])
        self.locked(alice, job)
        alice.wait_for(job, lambda now: now["status"] == "queued", 120)
        host.claim_and_start(job)
        time.sleep(0.3)
        host.end(job, worker_ms=300)
        done = alice.wait_for(job, lambda now: now["settled"], 180)
        told = chain.client.ok("GET", "/dev/v1/faults")
        chain.client.ok("POST", "/dev/v1/faults", {name: 0 for name in told["hits"]})
        paid = {name: chain.balance(who) for name, who in (
            ("alice", alice.identity), ("maria", maria.identity), ("escrow", job["escrow"]["identity"]))}
        self.assertEqual(paid["escrow"], 0, (paid, done))
        self.assertGreater(paid["maria"], 0)
        self.assertEqual(paid["alice"] + paid["maria"], self.MONEY)
        print("faults hit: " + " ".join("%s=%d" % pair for pair in sorted(told["hits"].items())))
        for name in ("empty_tick", "archive_lag", "duplicate", "busy", "server_error", "not_json", "slow", "cut"):
            self.assertGreater(told["hits"][name], 0, name)

    def test_a_balance_is_told_with_its_age(self):
        self.world = World()
        self.addCleanup(self.world.close)
        alice = self.world.person("alice", self.MONEY)

        def ask():
            return alice.ok("GET", "/v1/balances/" + alice.identity)
        first = ask()
        self.assertEqual((first["balance"], first["age_ms"], first["stale"]), (self.MONEY, 0, False))
        self.world.chain.fund(alice.identity, 1)
        later = wait_until(lambda: (lambda now: now if now["age_ms"] > 0 else None)(ask()), "a balance with an age", 10)
        self.assertEqual((later["balance"], later["tick"], later["stale"]), (self.MONEY, first["tick"], False))
        self.world.chain.stop(signal.SIGKILL)  # what is known is told, though nobody can be asked
        self.assertEqual(ask()["balance"], self.MONEY)
        status = alice.get("/v1/balances/" + identity(BOB)).status
        self.assertEqual(status, 503)  # nothing is known of him


if __name__ == "__main__":
    unittest.main(verbosity=2)
