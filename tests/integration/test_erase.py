# SPDX-License-Identifier: Apache-2.0
"""Erasing an upload, and the data of a job: what is private is gone from log, disk and backup, what is public and the money stay, whatever dies
meanwhile. And what an account may hold: a full one is told how full, and what makes room."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import BIN, World, wait_until  # noqa: E402

MONEY = 10**9
MIB = 1 << 20
SECRET = "quagga"  # in everything private that is erased here
OUTPUTS = 1200  # more than one command erases
SCRIPT = b"# quagga\nprint('quagga')\n"


def command(*arguments, status=0):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def holds(path, word=SECRET):
    """Whether the bytes of a file have the word."""
    with open(path, "rb") as file:
        return word.encode() in file.read()


class Erase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world = World(options=("--account-storage-mib", "1"))
        cls.addClassCleanup(world.close)
        cls.alice = world.person("alice", MONEY, scopes=("consumer",))
        cls.bob = world.person("bob", scopes=("consumer",))
        cls.maria = world.person("maria", scopes=("provider",))
        cls.rig = world.host(cls.maria)
        wait_until(lambda: world.chain.balance(cls.alice.identity) == MONEY, "the faucet's money")

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        return answer.json["detail"]

    def audit(self):
        """By everybody who can: `verify`'s answer."""
        self.assertIn("equal: every view", command(BIN + "/tally", "replay", "--data", self.world.data))
        checked = json.loads(command(sys.executable, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tools/checker.py"), "--json", self.world.data))
        verified = json.loads(command(BIN + "/tally", "verify", "--json", "--data", self.world.data))
        self.assertEqual((checked["root"], checked["counts"]["erased"]), (verified["root"], verified["erased"]))
        return verified

    def paid_job(self, name="quagga.py"):
        job = self.alice.queued_job(self.rig, content=SCRIPT, name=name, settings={"arguments": [SECRET]}, quote_settings={"arguments": [SECRET]})
        self.refused(self.alice.request("DELETE", "/v1/jobs/%s/data" % job["id"]), 409, "job_not_ended")
        self.assertIn("1 of its jobs", self.refused(self.alice.request("DELETE", "/v1/uploads/" + job["upload_id"]), 409, "upload_in_use"))
        self.rig.claim_and_start(job)
        self.rig.ok("POST", self.rig.path(job, "progress"), {"permille": 500, "used_ms": 1, "operation": SECRET})
        self.rig.output(job, 1, SECRET + "\nand more\n")
        self.rig.output(job, 3, "the end\n")
        for first in range(4, 4 + OUTPUTS, 60):
            reports = [{"output": {"source": "stdout", "first_line": first + i, "text": SECRET + "\n"}} for i in range(60)]
            self.rig.ok("POST", self.rig.path(job, "reports"), {"reports": reports})
        self.rig.ok("POST", self.rig.path(job, "metrics"), {"samples": [{"at_ms": 1, "cpu_permille": 10}]})
        self.rig.result(job, "quagga.txt", b"quagga, found")
        self.rig.ok("POST", self.rig.path(job, "end"), {"ending": "completed", "reason": "exited_zero", "worker_ms": 1, "detail": SECRET})
        return self.alice.wait_for(job, lambda now: now["settled"])

    def whole_receipt(self, job):
        answer = self.alice.get("/v1/jobs/%s/receipt" % job)
        return answer.json if answer.status == 200 and answer.json["complete"] else None

    def public(self, job):
        """What must not change: the job but for what is private, the records that its receipt proves, the books, what was measured."""
        seen = self.alice.ok("GET", "/v1/jobs/" + job)
        receipt = wait_until(lambda: self.whole_receipt(job), "a checkpoint of all that the receipt has")
        return {
            "job": {key: value for key, value in seen.items() if key not in ("file_name", "arguments", "operation", "detail", "erased_at", "sequence")},
            "receipt": [(record["sequence"], record["record"]) for record in receipt["records"]],
            "books": [self.alice.ok("GET", "/v1/accounts/" + self.alice.account_id)["balance"], self.maria.ok("GET", "/v1/earnings")["total"]],
            "metrics": self.alice.ok("GET", "/v1/jobs/%s/metrics" % job)["items"],
        }

    def test_a_jobs_data_is_gone_for_everybody_and_no_money_moves(self):
        world, alice = self.world, self.alice
        job = self.paid_job()
        path = "/v1/jobs/%s" % job["id"]
        older = world.folder + "/older"
        command(BIN + "/tally", "backup", "--data", world.data, "--to", older)
        self.assertTrue(holds(older + "/log/data.mdb"))
        self.assertIn(SECRET, alice.get(path).body.decode())  # and it is kept by those who answer
        before, rows = self.public(job["id"]), self.audit()["erased"]
        used = alice.ok("GET", "/v1/accounts/" + alice.account_id)["storage"]["used"]

        for stranger, status in ((self.bob, 404), (self.maria, 403), (world.client(), 401)):
            self.assertEqual(stranger.request("DELETE", path + "/data").status, status)
        first = alice.ok("DELETE", path + "/data")
        self.assertEqual(first["freed"], len(b"quagga, found"))
        self.assertEqual(alice.ok("DELETE", path + "/data"), first)
        self.assertEqual(alice.ok("GET", path)["erased_at"], first["erased_at"])
        self.assertNotIn("file_name", alice.ok("GET", path))
        self.assertEqual(alice.ok("GET", "/v1/accounts/" + alice.account_id)["storage"], {"used": used - first["freed"], "limit": MIB})

        for who in (alice, self.maria, world.operator()):
            for what in ("", "/events", "/output", "/results", "/receipt"):
                self.assertNotIn(SECRET, who.get(path + what).body.decode(), what)
            self.assertNotIn(SECRET, who.get("/v1/events?limit=500&stream=job:" + job["id"]).body.decode())
        self.assertEqual(alice.ok("GET", path + "/results")["items"], [])
        self.assertEqual(alice.get(path + "/results/quagga.txt").status, 404)
        self.assertNotIn(digest_of(b"quagga, found"), world.blobs())
        output = alice.ok("GET", path + "/output?limit=500")["items"] + alice.ok("GET", path + "/output?before=end&limit=500")["items"]
        self.assertEqual([(batch["first_line"], batch["lines"], batch["text"]) for batch in output[:3]], [(1, 2, ""), (3, 1, ""), (4, 1, "")])
        self.assertEqual({batch["text"] for batch in output}, {""})
        erased = alice.ok("GET", "/v1/events?limit=500&after=%d&stream=job:%s" % (first["sequence"] - 1, job["id"]))["items"][-1]
        self.assertEqual((erased["type"], erased["actor"], erased["data"]["freed"]), ("job.erased", "account:" + alice.account_id, first["freed"]))
        self.refused(alice.request("POST", path + "/rating", {"stars": 5, "comment": SECRET}), 409, "job_erased")

        after, verified = self.public(job["id"]), self.audit()  # replay: views of before the erasure, against those that are built now
        self.assertEqual(after, before)
        self.assertGreater(verified["erased"], rows + OUTPUTS)
        # Its upload is another thing: it is there, and goes by itself.
        upload = "/v1/uploads/" + job["upload_id"]
        self.assertIn(SECRET, alice.get(upload).body.decode())
        alice.ok("DELETE", upload)

        # A copy has no free pages with what was there; whoever keeps an older copy has it still.
        newer = world.folder + "/newer"
        command(BIN + "/tally", "backup", "--data", world.data, "--to", newer)
        self.assertFalse(holds(newer + "/log/data.mdb"))
        self.assertTrue(holds(older + "/log/data.mdb"))
        again = json.loads(command(BIN + "/tally", "backup", "--json", "--data", world.data, "--to", older))
        self.assertEqual((again["ok"], again["missing"], again["removed"]), (True, 0, 2))  # the result, and the file
        self.assertFalse(holds(older + "/log/data.mdb"))
        self.assertEqual(world.blobs(), sorted(name for _, _, names in os.walk(older + "/blobs") for name in names))

        # The served log without its free pages, as docs/operations.md says it is made.
        world.server.stop()
        world.port = world.server.port
        command(BIN + "/tally", "backup", "--data", world.data, "--to", newer)
        shutil.copy(newer + "/log/data.mdb", world.data + "/log/data.mdb")
        os.remove(world.data + "/log/lock.mdb")
        self.restart_stopped()
        self.assertFalse(holds(world.data + "/log/data.mdb"))

        # Views that are built with nothing private there are those that were built with it.
        world.server.stop()
        for name in ("views", "views.copy"):
            shutil.rmtree(world.data + "/" + name, ignore_errors=True)
        os.remove(world.data + "/views.state")
        self.restart_stopped()
        self.assertEqual(self.public(job["id"]), before)
        self.audit()

    def restart_stopped(self):
        """At the port where everybody looks for it: `world.port` was set."""
        self.world.start()

    def test_an_upload_goes_and_a_file_that_others_have_stays_with_them(self):
        alice, bob, world = self.alice, self.bob, self.world
        content = b"print('quagga, twice')\n"
        mine, theirs = alice.upload(content, "quagga-a.py"), bob.upload(content, "quagga-b.py")
        quote = alice.ok("POST", "/v1/quotes", {"upload_id": mine["id"], "offer_id": self.rig.offer["id"]})
        self.assertEqual(bob.request("DELETE", "/v1/uploads/" + mine["id"]).status, 404)
        first = alice.ok("DELETE", "/v1/uploads/" + mine["id"])
        self.assertEqual(alice.ok("DELETE", "/v1/uploads/" + mine["id"]), first)
        self.assertIn(digest_of(content), world.blobs())
        seen = alice.ok("GET", "/v1/uploads/" + mine["id"])
        self.assertEqual((seen["file_name"], seen["digest"], seen["erased_at"], seen["size"]), ("", None, first["erased_at"], len(content)))
        self.assertNotIn(SECRET, alice.get("/v1/analyses/" + mine["id"]).body.decode())
        listed = [item["id"] for item in alice.ok("GET", "/v1/uploads?limit=100")["items"]]
        self.assertNotIn(mine["id"], listed)
        self.assertEqual([item["status"] for item in alice.ok("GET", "/v1/uploads?limit=100&status=erased")["items"] if item["id"] == mine["id"]], ["erased"])
        for what, body in (("/v1/jobs", {"quote_id": quote["id"]}), ("/v1/quotes", {"upload_id": mine["id"], "offer_id": self.rig.offer["id"]}),
                           ("/v1/matches", {"upload_id": mine["id"]}), ("/v1/analyses/%s/override" % mine["id"], {"ram_mib": 64})):
            self.refused(alice.request("POST", what, body), 409, "upload_erased")
        operator = world.operator()
        self.assertEqual(operator.get("/v1/uploads/" + theirs["id"]).status, 403)  # it cannot look, but it can erase
        operator.ok("DELETE", "/v1/uploads/" + theirs["id"])
        self.assertNotIn(digest_of(content), world.blobs())
        event = bob.ok("GET", "/v1/events?stream=upload:" + theirs["id"])["items"][-1]
        self.assertEqual((event["type"], event["actor"]), ("upload.erased", "operator"))
        self.assertEqual(alice.upload(content, "again.py")["digest"], digest_of(content))  # as if it had never been
        self.assertIn(digest_of(content), world.blobs())
        rejected = alice.request("POST", "/v1/uploads?name=quagga.exe", b"MZ\x00\x01", {"Content-Type": "application/octet-stream"})
        self.assertEqual(rejected.status, 422)
        rejected = alice.ok("GET", "/v1/uploads?status=rejected")["items"][0]["id"]
        alice.ok("DELETE", "/v1/uploads/" + rejected)
        self.assertNotIn(SECRET, alice.get("/v1/uploads/" + rejected).body.decode())
        self.audit()

    def test_what_a_killed_server_had_erased_from_the_log_is_removed_from_the_disk_by_the_next(self):
        world, alice = self.world, self.alice
        content, kept = b"print('quagga, killed')\n", b"print('kept')\n"
        gone, stays = alice.upload(content, "gone.py"), alice.upload(kept, "kept.py")
        name = digest_of(content)
        aside = world.folder + "/aside"
        place = "%s/blobs/%s/%s" % (world.data, name[:2], name)
        shutil.copy(place, aside)
        alice.ok("DELETE", "/v1/uploads/" + gone["id"])
        self.assertEqual([entry for entry in world.blobs("new") if entry == "erasing"], [])
        # As it is on the disk between the log's commit and the file's removal.
        world.server.stop(signal.SIGKILL)
        shutil.copy(aside, place)
        with open(world.data + "/blobs/new/erasing", "w"):
            pass
        world.port = world.server.port
        self.restart_stopped()
        self.assertNotIn(name, world.blobs())
        self.assertIn(stays["digest"], world.blobs())
        self.assertEqual(world.blobs("new"), [])
        self.assertIn("blobs.erased", world.server.trace())
        self.audit()

    def tally(self, *arguments, status=0):
        token = self.world.folder + "/token"
        with open(os.open(token, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(self.alice.token)
        done = subprocess.run([BIN + "/tally", "erase", *arguments, "--server", "http://127.0.0.1:%d" % self.world.server.port, "--token-file", token],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_from_the_command_line(self):
        upload = self.alice.upload(b"print('quagga, by hand')\n", "by-hand.py")
        held = self.tally()
        self.assertIn("by-hand.py", held)
        self.assertIn("bytes of %d" % MIB, held)
        self.assertIn("erased 20", self.tally("upload", upload["id"]))
        self.assertNotIn(upload["id"], self.tally())
        self.assertEqual(json.loads(self.tally("upload", upload["id"], "--json"))["freed"], upload["size"])  # once more
        self.assertIn("no_such_job", self.tally("job", upload["id"], status=1))
        self.assertIn("usage:", self.tally("offer", upload["id"], status=2))

    def test_a_full_account_is_told_how_full_and_what_makes_room(self):
        carol = self.world.person("carol", scopes=("consumer",))
        storage = lambda: carol.ok("GET", "/v1/accounts/" + carol.account_id)["storage"]  # noqa: E731
        half = b"# " + b"x" * (600 << 10) + b"\nprint(1)\n"
        self.assertEqual(storage(), {"used": 0, "limit": MIB})
        self.assertEqual(self.world.client().ok("GET", "/v1/terms")["terms"]["account_storage_max"], MIB)
        first = carol.upload(half, "half.py", Idempotency_Key="half")
        self.assertEqual(storage()["used"], len(half))
        other = half.replace(b"print(1)", b"print(2)")
        headers = {"Content-Type": "application/octet-stream"}
        detail = self.refused(carol.request("POST", "/v1/uploads?name=other.py", other, headers), 409, "storage_full")
        self.assertIn("hold %d of at most %d bytes" % (len(half), MIB), detail)
        self.assertIn("delete uploads", detail)
        self.refused(carol.request("POST", "/v1/uploads/resumable", {"file_name": "other.py", "size": len(other)}), 409, "storage_full")
        self.assertNotIn(digest_of(other), self.world.blobs())
        # A length that is not said is found out when it has come.
        chunked = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
        self.refused(carol.request("POST", "/v1/uploads?name=other.py", b"%x\r\n%s\r\n0\r\n\r\n" % (len(other), other), chunked), 409, "storage_full")
        wait_until(lambda: digest_of(other) not in self.world.blobs(), "what was refused is removed")
        self.assertEqual(carol.upload(half, "half.py", Idempotency_Key="half"), first)  # what was taken is answered again, full or not
        carol.ok("DELETE", "/v1/uploads/" + first["id"])
        self.assertEqual(storage()["used"], 0)
        carol.upload(other, "other.py")
        self.assertEqual(storage()["used"], len(other))
        self.assertEqual(self.bob.get("/v1/accounts/" + carol.account_id).status, 404)


class Restored(unittest.TestCase):
    def test_an_older_backup_brings_it_back_without_its_file_and_it_is_erased_again(self):
        world = World()
        self.addCleanup(world.close)
        alice, older = world.person("alice", scopes=("consumer",)), world.folder + "/older"
        upload = alice.upload(SCRIPT, "quagga.py")
        command(BIN + "/tally", "backup", "--data", world.data, "--to", older)
        alice.ok("DELETE", "/v1/uploads/" + upload["id"])
        self.assertEqual(world.server.stop(), 0)  # and it signs what it has
        world.port = world.server.port
        shutil.rmtree(world.data + "/log")
        shutil.copytree(older + "/log", world.data + "/log")
        command(BIN + "/tallyd", "restore", *world.common(), "--yes")
        world.start()
        self.assertEqual(alice.ok("GET", "/v1/uploads/" + upload["id"]), upload)
        self.assertNotIn(upload["digest"], world.blobs())
        command(BIN + "/tally", "backup", "--data", world.data, "--to", world.folder + "/newer", status=1)  # which says that the file is missing
        alice.ok("DELETE", "/v1/uploads/" + upload["id"])
        self.assertNotIn(SECRET, alice.get("/v1/uploads/" + upload["id"]).body.decode())
        command(BIN + "/tally", "backup", "--data", world.data, "--to", world.folder + "/newer")
        self.assertIn("equal: every view", command(BIN + "/tally", "replay", "--data", world.data))
        self.assertGreaterEqual(json.loads(command(BIN + "/tally", "verify", "--json", "--data", world.data))["erased"], 1)


if __name__ == "__main__":
    unittest.main()
