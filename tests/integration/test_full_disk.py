# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up under tallyd.

Goal:    writes are refused clearly, reads go on, what was answered is kept, a running job gets its end and its payout on the room that is kept for them, even
         without a free byte on the disk, and
         with room again everything goes on without a restart.
Method:  the data lies on a tmpfs of 48 MiB of this test's own; a file of ballast takes the rest of it. Needs to be allowed to mount (root, or a user namespace:
         then the test runs itself again in one); skipped otherwise, and says so.
Reserve: at most a tenth of a small disk, so 4.8 MiB here."""
import hashlib
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tally_harness import LOCAL, SCRIPT, World, wait_until  # noqa: E402

SIZE = 48 << 20
INNER = "TALLY_FULL_DISK_INNER"


def may_mount():
    folder = "/tmp/tally-mount-%d" % os.getpid()
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0
    except OSError:
        return False
    finally:
        os.rmdir(folder)


class SmallWorld(World):
    """Its data on a disk of its own."""

    def __init__(self):
        self.mounted = None
        super().__init__(terms={"heartbeat_s": 30, "lease_s": 120})

    def common(self):
        if self.mounted is None:
            os.mkdir(self.data, 0o700)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % SIZE, "tmpfs", self.data], check=True)
            self.mounted = self.data
        return super().common()

    def close(self):
        if self.server is not None and self.server.child.poll() is None:
            self.server.stop()
        if self.mounted:
            subprocess.run(["umount", "-l", self.mounted], check=True)
            self.mounted = None
        super().close()

    def free(self):
        disk = os.statvfs(self.data)
        return disk.f_bavail * disk.f_frsize

    def ballast(self, leave):
        """Fill the disk until about `leave` bytes are free."""
        with open(self.data + "/ballast", "ab", buffering=0) as file:
            try:
                while self.free() > leave:
                    file.write(b"\0" * min(1 << 16, max(self.free() - leave, 1)))
            except OSError:
                pass

    def drop_ballast(self):
        os.unlink(self.data + "/ballast")

    def metric(self, name):
        for line in self.client().get("/metrics").body.decode().splitlines():
            if line.split(" ")[0].endswith(name):
                return float(line.split(" ")[1])
        raise AssertionError("no metric " + name)


@unittest.skipUnless(may_mount(), "not allowed to mount a small disk: neither root nor a user namespace")
class FullDisk(unittest.TestCase):
    def refused(self, answer, *codes):
        self.assertEqual(answer.status, 507, answer)
        self.assertIn(answer.json["code"], codes)

    def reads_go_on(self, world, person, job):
        self.assertEqual(world.client().get("/readyz").status, 200)
        self.assertEqual(person.get("/v1/jobs/" + job["id"]).status, 200)
        self.assertEqual(person.get("/v1/jobs/%s/events" % job["id"]).status, 200)
        self.assertEqual(world.client().get("/v1/offers").status, 200)

    def test_a_nearly_full_disk_refuses_consumers_and_settles_jobs(self):
        with SmallWorld() as world:
            alice = world.person("alice", money=10**9)
            maria = world.person("maria")
            host = world.host(maria)
            job = alice.queued_job(host)
            host.claim_and_start(job)
            world.ballast(leave=2 << 20)
            wait_until(lambda: world.metric("disk_nearly_full") == 1, "the server sees that the disk is nearly full")
            self.refused(alice.post("/v1/auth/tokens/%s/revoke" % alice.token_id), "disk_full")
            self.refused(alice.request("POST", "/v1/uploads?name=late.py", SCRIPT,
                                       {"Content-Type": "application/octet-stream"}), "disk_full")
            self.refused(host.post(host.path(job, "output"),
                                   {"source": "stdout", "first_line": 1, "text": "hello\n"}), "disk_full")
            self.refused(host.post("/v1/workers/benchmark", {"benchmark_version": 1, "speed_permille": 1000, "detail": "x" * 15000}), "disk_full")
            self.reads_go_on(world, alice, job)
            host.end(job)  # on the reserve: the end, the refund and the payout
            settled = alice.wait_for(job, lambda j: j["settled"])
            self.assertEqual(settled["status"], "completed")
            self.assertTrue(all(leg["status"] == "confirmed" for leg in settled["legs"]), settled["legs"])
            head = world.head()
            world.drop_ballast()
            wait_until(lambda: world.metric("disk_nearly_full") == 0, "the server sees that there is room")
            alice.queued_job(host)  # a whole order, without a restart
            self.assertGreater(world.head(), head)

    def sent_until_refused(self, world, person, request, wanted_free):
        """The status line of the answer to a file that is sent only so far that `wanted_free` bytes were left, and never ended."""
        with socket.create_connection((LOCAL, world.server.port), timeout=60) as peer:
            try:
                peer.sendall(("%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\n"
                              "Content-Length: %d\r\n\r\n" % (request, person.token, SIZE)).encode())
                peer.sendall(b"1,2\n" * ((world.free() - wanted_free) // 4))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it did not wait for the rest
            return peer.recv(65536).split(b"\r\n")[0].decode()

    def test_no_file_that_comes_takes_the_room_that_jobs_need_to_end(self):
        """Whoever sends a file and does not end it would hold everybody's refunds and payouts up for as long as he likes."""
        with SmallWorld() as world:
            alice = world.person("alice", money=10**9)
            host = world.host(world.person("maria"))
            job = alice.queued_job(host)
            host.claim_and_start(job)
            for person, request in ((alice, "POST /v1/uploads?name=large.csv"), (host, "PUT " + host.path(job, "results/large.csv"))):
                with self.subTest(request=request):
                    self.assertIn(" 507 ", self.sent_until_refused(world, person, request, wanted_free=1 << 20))
                    wait_until(lambda: world.free() > 8 << 20, "what came of it is removed")
            host.end(job)
            self.assertEqual(alice.wait_for(job, lambda j: j["settled"])["status"], "completed")

    def test_pieces_of_an_upload_leave_the_room_that_jobs_need_to_end(self):
        with SmallWorld() as world:
            alice = world.person("alice", money=10**9)
            maria = world.person("maria")
            host = world.host(maria)
            job = alice.queued_job(host)
            host.claim_and_start(job)
            path = "/v1/uploads/resumable/" + alice.ok("POST", "/v1/uploads/resumable", {"file_name": "large.csv", "size": SIZE})["id"]
            offset = 0
            for piece in [SIZE] + [SIZE >> 7] * 128:  # all at once, and then as much as fits
                answer = alice.request("PATCH", path, b"1,2\n" * (min(piece, SIZE - offset) // 4),
                                       {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)})
                if answer.status == 507 and piece != SIZE:
                    break
                offset = int(answer.json["offset"] if answer.status == 200 else answer.headers["Upload-Offset"])
            self.refused(answer, "disk_full")
            self.assertGreater(offset, 0)
            self.assertGreater(world.free(), 1 << 20)
            host.end(job)  # on the reserve, while what came is kept
            self.assertEqual(alice.wait_for(job, lambda j: j["settled"])["status"], "completed")
            self.assertEqual(alice.request("DELETE", path).status, 204)
            wait_until(lambda: world.metric("disk_nearly_full") == 0, "the server sees that there is room")

    def test_a_disk_without_a_byte_loses_nothing_and_recovers(self):
        with SmallWorld() as world:
            alice = world.person("alice", money=10**9)
            maria = world.person("maria")
            host = world.host(maria)
            job = alice.queued_job(host)
            host.claim_and_start(job)
            world.ballast(leave=0)
            wait_until(lambda: world.metric("disk_nearly_full") == 1, "the server sees that the disk is full")
            self.assertEqual(world.free(), 0)
            accepted = []
            for permille in range(1, 100):  # what lies ahead in the log's and the views' files was theirs before
                answer = host.post(host.path(job, "progress"), {"permille": permille, "used_ms": permille})
                self.assertEqual(answer.status, 200, answer)
                accepted.append(int(answer.headers["Tally-Sequence"]))
            self.refused(alice.post("/v1/auth/tokens/%s/revoke" % alice.token_id), "disk_full")
            self.reads_go_on(world, alice, job)
            self.assertLessEqual(max(accepted), world.head())
            host.end(job)
            settled = alice.wait_for(job, lambda j: j["settled"])
            self.assertTrue(all(leg["status"] == "confirmed" for leg in settled["legs"]), settled["legs"])
            self.assertEqual(world.free(), 0)
            world.drop_ballast()
            wait_until(lambda: world.metric("disk_nearly_full") == 0, "the server sees that there is room")
            alice.queued_job(host)
            self.assertEqual(world.server.stop(), 0)
            done = subprocess.run([os.environ["TALLY_BIN_DIR"] + "/tally", "verify", "--data", world.data],
                                  capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            world.server.errors.close()
            world.start()
            alice.port = world.server.port
            self.assertTrue(alice.ok("GET", "/v1/jobs/" + job["id"])["settled"])

    def test_an_upload_in_pieces_outlives_a_full_disk(self):
        with SmallWorld() as world:
            alice = world.person("alice")
            content = b"a,b\n" + b"1,2\n" * (3 << 20)
            path = alice.post("/v1/uploads/resumable", {"file_name": "t.csv", "size": len(content)}).headers["Location"]
            offset = lambda: int(alice.request("HEAD", path).headers["Upload-Offset"])
            with socket.create_connection((LOCAL, world.server.port), timeout=60) as peer:
                peer.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/partial-upload\r\n"
                              "Upload-Offset: 0\r\nContent-Length: %d\r\n\r\n" % (path, alice.token, len(content))).encode() + content[:9 << 20])
                place = world.data + "/blobs/partial/" + path[-36:]
                wait_until(lambda: os.path.getsize(place) == 9 << 20, "what was sent is written")
                said = offset()
                self.assertGreaterEqual(said, 8 << 20)
                world.ballast(leave=0)
                peer.sendall(content[9 << 20:(9 << 20) + 65536])
                answer = peer.recv(65536)
            self.assertIn(b" 507 ", answer.split(b"\r\n")[0])
            self.assertIn(b'"disk_full"', answer)
            before, said = said, offset()  # what was written and not yet synced then may be by now
            self.assertTrue(before <= said <= 9 << 20, (before, said))
            wait_until(lambda: world.metric("disk_nearly_full") == 1, "the server sees that the disk is full")
            headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(said)}
            self.refused(alice.request("PATCH", path, content[said:], headers), "disk_full")
            self.refused(alice.post("/v1/uploads/resumable", {"file_name": "u.csv", "size": 1}), "disk_full")
            world.drop_ballast()
            wait_until(lambda: world.metric("disk_nearly_full") == 0, "the server sees that there is room")
            self.assertEqual(alice.request("PATCH", path, content[said:], headers).status, 200)
            made = alice.ok("POST", path + "/complete", {})
            self.assertEqual(made["digest"], hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    if not may_mount() and INNER not in os.environ:
        os.environ[INNER] = "1"
        try:
            if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0:
                os.execvp("unshare", ["unshare", "-rm", sys.executable] + sys.argv)
        except OSError:
            pass
    unittest.main(verbosity=2)
