# SPDX-License-Identifier: Apache-2.0
"""tally catalogue, wallet, verify and replay: the commands that need no server."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ["TALLY_BIN_DIR"]
SOURCE = os.environ["TALLY_SOURCE_DIR"]
SEED = "a" * 55
SEED_IDENTITY = "BZBQFLLBNCXEMGLOBHUVFTLUPLVCPQUASSILFABOFFBCADQSSUPNWLZBQEXK"


class Offline(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tally-offline-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.passphrase = self.file("passphrase", "correct horse\nnot this line\n")
        self.wallet = os.path.join(self.folder, "wallet.json")
        self.data = os.path.join(self.folder, "data")

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def tally(self, *arguments, text="", program="tally"):
        return subprocess.run([os.path.join(BIN, program), *arguments], input=text, capture_output=True, text=True,
                              timeout=60, start_new_session=True)

    def good(self, *arguments, **how):
        done = self.tally(*arguments, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, status, words, *arguments, **how):
        done = self.tally(*arguments, **how)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(words, done.stdout + done.stderr)
        return done

    def test_a_command_that_asks_no_server_waits_for_no_library_of_the_network(self):
        """R12.5: they took three quarters of the time in which `tally estimate` answers (tools/bench/run estimate)."""
        script = self.file("train.py", "import torch\n")
        done = subprocess.run([os.path.join(BIN, "tally"), "estimate", script], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LD_DEBUG": "files"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("libcrypto.so", done.stderr)  # the loader does tell
        for library in ("libcurl", "libarchive", "libgnutls", "libxml2", "libicu"):
            self.assertNotIn(library, done.stderr)

    # ── catalogue ──

    def test_the_page_of_the_catalogue_is_what_the_program_prints(self):
        with open(os.path.join(SOURCE, "docs/event-catalogue.md"), encoding="utf-8") as file:
            page = file.read()
        self.assertEqual(page, self.good("catalogue", "--markdown"),
                         "write it anew: tally catalogue --markdown > docs/event-catalogue.md")

    # ── wallet ──

    def new_wallet(self, *more, text=""):
        return self.good("wallet", "new", "--wallet", self.wallet, "--passphrase-file", self.passphrase, *more, text=text)

    def test_a_wallet_opens_with_its_passphrase_alone(self):
        identity = self.new_wallet().strip()
        self.assertRegex(identity, "^[A-Z]{60}$")
        self.assertEqual(os.stat(self.wallet).st_mode & 0o777, 0o600)
        self.assertEqual(self.good("wallet", "show", "--wallet", self.wallet).strip(), identity)
        shown = json.loads(self.good("wallet", "show", "--wallet", self.wallet, "--reveal-seed", "--json",
                                     "--passphrase-file", self.passphrase))
        self.assertEqual(shown["identity"], identity)
        self.assertRegex(shown["seed"], "^[a-z]{55}$")
        wrong = self.file("wrong", "incorrect horse\n")
        refused = self.refused(1, "wrong passphrase", "wallet", "show", "--wallet", self.wallet, "--reveal-seed",
                               "--passphrase-file", wrong)
        self.assertNotIn(shown["seed"], refused.stdout + refused.stderr)
        with open(self.wallet, encoding="utf-8") as file:
            self.assertNotIn(shown["seed"], file.read())

    def test_a_seed_is_imported_from_standard_input(self):
        self.assertEqual(self.new_wallet("--import", text=SEED + "\n").strip(), SEED_IDENTITY)

    def test_a_bad_seed_is_refused_without_repeating_it(self):
        done = self.refused(1, "55", "wallet", "new", "--import", "--wallet", self.wallet, "--passphrase-file",
                            self.passphrase, text="secretseed\n")
        self.assertNotIn("secretseed", done.stderr)
        self.assertFalse(os.path.exists(self.wallet))

    def test_a_wallet_is_never_written_over(self):
        self.new_wallet()
        self.refused(1, "never written over", "wallet", "new", "--wallet", self.wallet, "--passphrase-file", self.passphrase)

    def test_a_passphrase_others_can_read_is_refused(self):
        open_file = self.file("open", "correct horse\n", mode=0o644)
        self.refused(1, "chmod 600", "wallet", "new", "--wallet", self.wallet, "--passphrase-file", open_file)

    def test_without_terminal_or_file_there_is_no_passphrase(self):
        self.refused(1, "--passphrase-file", "wallet", "new", "--wallet", self.wallet)

    def test_a_wallet_whose_seed_is_anothers_is_refused(self):
        self.new_wallet()
        with open(self.wallet, encoding="utf-8") as file:
            wallet = json.load(file)
        wallet["identity"] = SEED_IDENTITY
        with open(self.wallet, "w", encoding="utf-8") as file:
            json.dump(wallet, file)
        self.refused(1, "but its seed is of", "wallet", "show", "--wallet", self.wallet, "--reveal-seed",
                     "--passphrase-file", self.passphrase)

    def test_unknown_words_are_refused_with_the_usage(self):
        self.refused(2, "usage: tally wallet", "wallet", "steal", "--wallet", self.wallet)
        self.refused(2, "usage: tally verify", "verify", "--data", self.data, "--quick")
        self.refused(2, "--data is missing", "verify")

    # ── verify, replay ──

    def init(self):
        self.good("init", "--data", self.data, "--passphrase-file", self.passphrase, program="tallyd")

    def test_a_new_log_verifies_and_its_views_follow_from_it(self):
        self.init()
        verified = json.loads(self.good("verify", "--data", self.data, "--json"))
        self.assertTrue(verified["ok"])
        self.assertGreater(verified["size"], 2)
        self.assertEqual(verified["checkpoint"]["size"], verified["size"])
        replayed = json.loads(self.good("replay", "--data", self.data, "--json"))
        self.assertIs(replayed["equal"], True)
        self.assertEqual(replayed["sequence"], verified["size"])
        shutil.rmtree(os.path.join(self.data, "views"))
        alone = json.loads(self.good("replay", "--data", self.data, "--json"))
        self.assertIsNone(alone["equal"])
        self.assertEqual(alone["rebuilt"], replayed["rebuilt"])

    def test_a_local_log_is_not_served_on_the_real_network(self):
        self.init()
        size = json.loads(self.good("verify", "--data", self.data, "--json"))["size"]
        run = ("run", "--data", self.data, "--passphrase-file", self.passphrase, "--port", "0")
        self.refused(1, "--qubic-live-url", *run, program="tallyd")
        self.refused(1, "'local'", *run, "--qubic-live-url", "http://127.0.0.1:1/live/v1", program="tallyd")
        self.assertEqual(json.loads(self.good("verify", "--data", self.data, "--json"))["size"], size, "nothing is written")

    def test_a_flipped_bit_in_a_record_is_found(self):
        self.init()
        path = os.path.join(self.data, "log", "data.mdb")
        with open(path, "rb") as file:
            content = bytearray(file.read())
        places = [i for i in range(len(content)) if content.startswith(b"tally.local", i)]
        self.assertTrue(places, "the log's name is in record 1")
        for place in places:
            content[place] ^= 1
        with open(path, "r+b") as file:
            file.write(content)
        done = self.refused(1, '"ok":false', "verify", "--data", self.data, "--json")
        self.assertEqual(json.loads(done.stdout)["code"], "corrupt")

    def test_a_log_cut_short_is_an_error_and_not_a_crash(self):
        self.init()
        os.truncate(os.path.join(self.data, "log", "data.mdb"), 8192)
        self.refused(1, "NOT verified", "verify", "--data", self.data)
        self.refused(1, "tally replay:", "replay", "--data", self.data)

    def test_no_log_is_said_plainly(self):
        self.refused(1, "No such file", "verify", "--data", self.data)


if __name__ == "__main__":
    unittest.main(verbosity=2)
