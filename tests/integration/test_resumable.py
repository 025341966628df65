# SPDX-License-Identifier: Apache-2.0
"""Uploads in pieces: broken off by the peer, by kill -9 and by a full quota, they go on from the offset that was said, and become what the same file is in one
request (R1.4, R16.2, R17)."""
import hashlib
import os
import random
import shutil
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, World, wait_until  # noqa: E402

MIB = 1 << 20
UPLOAD_MAX = 12 * MIB
PIECE = {"Content-Type": "application/partial-upload"}
BASE = "/v1/uploads/resumable"


def table(size, seed):
    """A data set of that many bytes."""
    row = b"%d,0.25,0.5\n" % seed
    return (b"a,b,c\n" + row * (size // len(row) + 1))[:size]


def script(size, seed=1):
    """A Python file of that many bytes."""
    head = b"import torch\nfor epoch in range(5):\n    print(epoch)\n#"
    return head + random.Random(seed).randbytes(size).hex().encode()[:size - len(head)]


class Resumable(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"upload_max": UPLOAD_MAX}, options=("--unfinished-mib", "16"))
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice", scopes=["consumer"])
        cls.bob = cls.world.person("bob", scopes=["consumer"])

    def tearDown(self):
        wait_until(self.is_clean, "what a test left is removed")

    def is_clean(self):
        for name in {name[:36] for name in self.world.blobs("partial")}:
            for who in (self.alice, self.bob):
                who.request("DELETE", "%s/%s" % (BASE, name))
        return self.world.blobs("partial") == []

    def place(self, path):
        return self.world.data + "/blobs/partial/" + path[-36:]

    def restart(self, number=signal.SIGKILL):
        self.world.server.stop(number)
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port

    def begin(self, size, name="train.py", who=None, **more):
        answer = (who or self.alice).post(BASE, {"file_name": name, "size": size, **more})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.headers["Location"], "%s/%s" % (BASE, answer.json["id"]))
        return answer.headers["Location"]

    def send(self, path, offset, content, who=None, **headers):
        return (who or self.alice).request("PATCH", path, content, {**PIECE, "Upload-Offset": str(offset), **headers})

    def offset(self, path):
        answer = self.alice.request("HEAD", path)
        self.assertEqual((answer.status, answer.headers["Cache-Control"], answer.body), (200, "no-store", b""))
        return int(answer.headers["Upload-Offset"])

    def refused(self, answer, status, code, *words, offset=None):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        for word in words:
            self.assertIn(word, answer.json["detail"])
        if offset is not None:
            self.assertEqual(answer.headers["Upload-Offset"], str(offset))

    def test_ones_own_uploads_are_listed_by_pages_and_filters_with_what_is_not_whole(self):
        carla = self.world.person("carla", scopes=["consumer"])

        def listed(query="", who=carla):
            return who.ok("GET", "/v1/uploads" + query)
        self.assertEqual(listed(), {"items": [], "unfinished": [], "next": None})
        paths = [self.begin(900, "part %d.csv" % i, carla) for i in range(2)]
        self.assertEqual(self.send(paths[0], 0, b"a,b\n", carla).status, 200)
        made = [carla.upload(script(300, i), "train %d.py" % i) for i in range(5)]
        made.append(carla.upload(table(500, 1), "data.csv"))
        self.assertEqual(carla.request("POST", "/v1/uploads?name=x.exe", b"MZ" + bytes(60), {"Content-Type": "application/octet-stream"}).status, 422)
        carla.ok("POST", "/v1/analyses/%s/override" % made[0]["id"], {"job_type": "tabular"})
        page, items = listed("?limit=3"), []
        while True:
            self.assertEqual({part["id"]: part["offset"] for part in page["unfinished"]}, {paths[0][-36:]: 4, paths[1][-36:]: 0})
            items += page["items"]
            if page["next"] is None:
                break
            self.assertEqual(len(page["items"]), 3)
            page = listed("?limit=3&before=%d" % page["next"])
        self.assertEqual([item["id"] for item in items[1:]], [upload["id"] for upload in reversed(made)])
        self.assertEqual([(item["status"], item["reason"], item["file_name"]) for item in items[:1]], [("rejected", "unsupported", "x.exe")])
        for query, names in (("status=rejected", ["x.exe"]), ("kind=dataset", ["data.csv"]), ("job_type=tabular&kind=python", ["train 0.py"]),
                             ("status=received", []), ("status=analysed&limit=2", ["data.csv", "train 4.py"]),
                             ("until=" + made[1]["received_at"], ["train 0.py"]), ("from=" + made[5]["received_at"], ["x.exe", "data.csv"])):
            self.assertEqual([item["file_name"] for item in listed("?" + query)["items"]], names, query)
        self.assertEqual([item["overridden"] for item in items], [False] * 6 + [True])
        for query, code in (("status=good", "filter_invalid"), ("kind=zebra", "filter_invalid"), ("from=yesterday", "filter_invalid"), ("before=x", "cursor_invalid"),
                            ("limit=0", "limit_invalid")):
            self.refused(carla.get("/v1/uploads?" + query), 422, code)
        self.assertEqual(listed(who=self.bob)["unfinished"], [])
        for path in paths:
            self.assertEqual(carla.request("DELETE", path).status, 204)
        self.assertEqual(listed()["unfinished"], [])

    def whole(self, path, content):
        """Send what is missing and complete it."""
        at = self.offset(path)
        if at < len(content):
            self.assertEqual(self.send(path, at, content[at:]).status, 200)
        answer = self.alice.post(path + "/complete", {"digest": hashlib.sha256(content).hexdigest()})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["digest"], hashlib.sha256(content).hexdigest())
        return answer

    def open_piece(self, path, offset, length):
        """A request whose body is still to come."""
        peer = socket.create_connection((LOCAL, self.world.server.port), timeout=60)
        peer.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/partial-upload\r\n"
                      "Upload-Offset: %d\r\nContent-Length: %d\r\n\r\n" % (path, self.alice.token, offset, length)).encode())
        return peer

    def test_in_pieces_it_becomes_what_it_is_in_one_request(self):
        content = script(30000)
        same = self.alice.upload(content, "train.py")
        path = self.begin(len(content))
        at = 0
        for size in (1, 0, 6553, 10000, len(content)):
            answer = self.send(path, at, content[at:at + size])
            at = min(at + size, len(content))
            self.assertEqual((answer.status, answer.json["offset"], answer.headers["Upload-Offset"]), (200, at, str(at)))
            self.assertEqual(answer.headers["Upload-Complete"], "?0")
            self.assertEqual(self.offset(path), at)
        head = self.world.head()
        made = self.whole(path, content).json
        self.assertGreater(self.world.head(), head)
        for name in set(same) - {"id", "received_at", "sequence"}:
            self.assertEqual(made[name], same[name], name)
        # said again, it is the same upload, and nothing is written
        head = self.world.head()
        for headers in ({}, {"Idempotency-Key": "again"}):
            again = self.alice.request("POST", path + "/complete", b"{}", {"Content-Type": "application/json", **headers})
            self.assertEqual((again.status, again.json, again.headers["Idempotent-Replayed"]), (201, made, "true"))
        shown = self.alice.get(path)
        self.assertEqual((shown.json["upload_id"], shown.json["offset"], shown.headers["Upload-Complete"]), (made["id"], len(content), "?1"))
        self.assertEqual(self.world.head(), head)
        self.refused(self.send(path, 0, b"x"), 404, "no_such_upload")
        wait_until(lambda: self.world.blobs("partial") + self.world.blobs("tmp") + self.world.blobs("new") == [], "nothing is left beside the blob")

    def test_a_file_that_is_not_taken_is_rejected_once_and_for_all(self):
        content = b"\x7fELF" + bytes(1000)
        path = self.begin(len(content), "program.bin")
        self.assertEqual(self.send(path, 0, content).status, 200)
        first = self.alice.post(path + "/complete")
        self.refused(first, 422, "unsupported")
        head = self.world.head()
        again = self.alice.post(path + "/complete")
        self.refused(again, 422, "unsupported")
        self.assertEqual((again.json["detail"], self.world.head()), (first.json["detail"], head))

    def test_after_kill_9_in_the_middle_of_a_piece_it_goes_on_where_it_was_said_to_be(self):
        content = table(UPLOAD_MAX, 2)
        path = self.begin(len(content), "table.csv")
        self.assertEqual(self.send(path, 0, content[:1000]).json["offset"], 1000)
        with self.open_piece(path, 1000, len(content) - 1000) as peer:
            peer.sendall(content[1000:11 * MIB])
            said = wait_until(lambda: (self.offset(path) > 1000) and self.offset(path), "some of the piece is on the disk")
            self.world.server.stop(signal.SIGKILL)
        place = self.place(path)
        self.assertGreaterEqual(os.path.getsize(place), said)
        with open(place, "ab") as file:
            file.write(b"what the disk had more of")
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port
        self.assertGreaterEqual(self.offset(path), said)
        self.assertEqual(os.path.getsize(place), self.offset(path))
        self.whole(path, content)

    def test_what_came_of_a_piece_whose_sender_went_is_kept(self):
        content = table(2 * MIB, 3)
        path = self.begin(len(content), "table.csv")
        for end in (700000, 1500000):
            at = self.offset(path)
            with self.open_piece(path, at, len(content) - at) as peer:
                peer.sendall(content[at:end])
            wait_until(lambda: self.offset(path) == end, "the piece is kept")
        wait_until(lambda: self.send(path, end, b"").status == 200, "nobody else sends")
        self.whole(path, content)

    def test_two_senders_never_mix(self):
        content = table(MIB, 4)
        path = self.begin(len(content), "table.csv")
        with self.open_piece(path, 0, 600000) as peer:
            peer.sendall(content[:500000])
            wait_until(lambda: os.path.getsize(self.place(path)) > 0, "the first one sends")
            self.refused(self.send(path, 0, content), 409, "upload_busy")
            self.refused(self.alice.post(path + "/complete"), 409, "upload_busy")
            self.refused(self.alice.request("DELETE", path), 409, "upload_busy")
            peer.sendall(content[500000:600000])
            self.assertIn(b" 200 ", peer.recv(65536).split(b"\r\n")[0])
        self.refused(self.send(path, 0, content), 409, "upload_offset", "600000", offset=600000)
        self.refused(self.send(path, 600001, b"x"), 409, "upload_offset", offset=600000)
        self.refused(self.alice.post(path + "/complete"), 409, "upload_incomplete", "600000 of 1048576", offset=600000)
        self.whole(path, content)

    def test_more_than_was_announced_is_refused_and_what_fits_stays(self):
        content = script(1000, 5)
        path = self.begin(len(content))
        self.refused(self.send(path, 0, content + b"x"), 413, "piece_too_long", "1000", offset=0)
        with socket.create_connection((LOCAL, self.world.server.port), timeout=60) as peer:
            peer.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\n"
                          "Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n\r\n" % (path, self.alice.token)).encode())
            peer.sendall(b"%x\r\n%s\r\n" % (600, content[:600]))
            wait_until(lambda: os.path.getsize(self.place(path)) == 600, "it has begun")
            peer.sendall(b"%x\r\n%s\r\n" % (500, content[:500]))
            self.assertIn(b" 413 ", peer.recv(65536).split(b"\r\n")[0])
        self.assertEqual(self.offset(path), 600)
        self.whole(path, content)

    def test_another_digest_completes_nothing(self):
        content = script(1000, 6)
        path = self.begin(len(content))
        self.assertEqual(self.send(path, 0, content).status, 200)
        head = self.world.head()
        self.refused(self.alice.post(path + "/complete", {"digest": "0" * 64}), 422, "digest_mismatch", hashlib.sha256(content).hexdigest())
        self.assertEqual(self.world.head(), head)
        self.assertEqual(self.alice.request("DELETE", path).status, 204)
        self.refused(self.alice.get(path), 404, "no_such_upload")
        self.refused(self.alice.post(path + "/complete"), 404, "no_such_upload")

    def test_a_crash_between_the_event_and_its_removal_completes_it_once(self):
        content = script(5000, 7)
        path = self.begin(len(content))
        self.assertEqual(self.send(path, 0, content).status, 200)
        folder = self.world.data + "/blobs/partial/"
        names = self.world.blobs("partial")
        for name in names:
            shutil.copy(folder + name, self.world.folder)
        self.restart()  # and a whole one that was not completed is still there
        made = self.whole(path, content).json
        wait_until(lambda: self.world.blobs("partial") == [], "it is removed")
        self.world.server.stop(signal.SIGKILL)
        for name in names:
            shutil.move(self.world.folder + "/" + name, folder)
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port
        head = self.world.head()
        self.assertEqual(self.alice.ok("POST", path + "/complete", {}), made)
        self.assertEqual((self.alice.ok("GET", path)["upload_id"], self.world.head()), (made["id"], head))

    def test_one_s_own_alone_are_seen(self):
        path = self.begin(10)
        for answer in (self.bob.get(path), self.send(path, 0, b"x", who=self.bob), self.bob.post(path + "/complete"),
                       self.bob.request("DELETE", path)):
            self.refused(answer, 404, "no_such_upload")
        self.assertEqual(self.offset(path), 0)

    def test_beginning_again_with_the_same_key_begins_nothing_new(self):
        begin = lambda **fields: self.alice.request(
            "POST", BASE, __import__("json").dumps({"file_name": "k.py", "size": 20, **fields}).encode(),
            {"Content-Type": "application/json", "Idempotency-Key": "k"})
        first = begin()
        again = begin()
        self.assertEqual((again.status, again.json["id"], again.headers["Idempotent-Replayed"]), (201, first.json["id"], "true"))
        self.refused(begin(size=21), 422, "idempotency_mismatch")
        self.refused(begin(file_name="l.py"), 422, "idempotency_mismatch")
        made = self.whole("%s/%s" % (BASE, first.json["id"]), b"print('twenty chars')"[:20]).json
        self.assertEqual(begin().json["upload_id"], made["id"])
        self.refused(begin(size=21), 422, "idempotency_mismatch")

    def test_one_that_was_removed_can_be_begun_anew_at_once_with_its_key(self):
        content = script(100)
        for i in range(40):
            made = {"file_name": "train.py", "size": len(content)}
            paths = set()
            for _ in range(2):
                answer = self.alice.post(BASE, made, headers={"Idempotency-Key": "again %d" % i})
                self.assertEqual(answer.status, 201, answer)
                paths.add(answer.headers["Location"])
                self.assertEqual(self.send(answer.headers["Location"], 0, content).status, 200)
                self.assertEqual(self.alice.request("DELETE", answer.headers["Location"]).status, 204)
            self.assertEqual(len(paths), 1)

    def test_an_account_has_so_many_and_all_have_so_much(self):
        paths = [self.begin(1000 + i) for i in range(8)]
        self.refused(self.alice.post(BASE, {"file_name": "a.py", "size": 1}), 429, "too_many_unfinished", "8")
        for path in paths:
            self.assertEqual(self.alice.request("DELETE", path).status, 204)
        large, other = self.begin(11 * MIB), self.begin(6 * MIB, who=self.bob)
        content = table(11 * MIB, 8)
        with self.open_piece(large, 0, len(content)) as peer:
            peer.sendall(content[:1000])
            wait_until(lambda: os.path.getsize(self.place(large)) > 0, "the first one sends")
            self.refused(self.send(other, 0, b"x" * 100, who=self.bob), 503, "uploads_full", str(6 * MIB))
        wait_until(lambda: self.send(other, 0, b"x" * 100, who=self.bob).status == 200, "the room is free again")
        self.assertEqual(self.offset(large), 1000)

    def test_one_that_nothing_came_of_for_a_day_is_removed(self):
        old, young = self.begin(100), self.begin(100)
        for path in (old, young):
            self.assertEqual(self.send(path, 0, b"12345").status, 200)
        self.world.server.stop()
        with open("%s/blobs/partial/%s.meta" % (self.world.data, old[-36:]), "r+b") as file:
            line = file.readline()
            file.seek(0)
            file.write(b"%s %016x\n" % (line.split()[0], int(line.split()[1], 16) - 25 * 3600 * 10**9))
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port
        wait_until(lambda: self.alice.get(old).status == 404, "it is swept")
        wait_until(lambda: sorted(self.world.blobs("partial")) == [young[-36:], young[-36:] + ".meta"], "so are its files")
        self.assertEqual(self.offset(young), 5)

    def test_files_that_are_damaged_are_passed_over_at_the_start(self):
        good, torn, short, odd = (self.begin(100) for _ in range(4))
        self.assertEqual(self.send(good, 0, b"12345").status, 200)
        self.assertEqual(self.send(short, 0, b"12345").status, 200)
        self.world.server.stop()
        folder = self.world.data + "/blobs/partial/"
        open(folder + torn[-36:] + ".meta", "wb").close()
        os.truncate(folder + short[-36:], 4)
        with open(folder + odd[-36:] + ".meta", "r+b") as file:
            file.write(b"f" * 16)
        for name in ("left over", "0" * 36, odd[-36:] + ".meta.tmp"):
            open(folder + name, "wb").close()
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port
        self.assertEqual(self.offset(good), 5)
        for path in (torn, short, odd):
            self.refused(self.alice.get(path), 404, "no_such_upload")
        self.assertEqual(sorted(self.world.blobs("partial")), [good[-36:], good[-36:] + ".meta"])

    def test_what_cannot_be_is_refused_by_name(self):
        begin = lambda **fields: self.alice.post(BASE, {"file_name": "a.py", "size": 1, **fields})
        self.refused(begin(size=UPLOAD_MAX + 1), 413, "upload_too_large", str(UPLOAD_MAX))
        for field, value in (("size", 0), ("size", -1), ("size", "1"), ("file_name", ""), ("file_name", "x" * 201), ("dance", 1),
                             ("media_type", "x" * 101), ("entry", "x" * 201)):
            answer = begin(**{field: value})
            self.refused(answer, 422, "invalid_fields")
            self.assertEqual([error["pointer"] for error in answer.json["errors"]], ["/" + field])
        self.refused(begin(file_name="a\n.py"), 422, "file_name")
        path = self.begin(10)
        self.refused(self.alice.request("PATCH", path, b"x", PIECE), 422, "upload_offset_missing")
        for offset in ("-1", "", "x", "1.0"):
            self.refused(self.alice.request("PATCH", path, b"x", {**PIECE, "Upload-Offset": offset}), 422, "upload_offset_missing")
        self.refused(self.send(path, 0, b"x", **{"Content-Type": "text/plain"}), 415, "media_type")
        for digest in ("x" * 64, "0" * 63):
            self.refused(self.alice.post(path + "/complete", {"digest": digest}), 422, "parameter_invalid", "SHA-256")
        self.refused(self.alice.get(BASE + "/0192f3a0-5d2c-7c41-9a3e-000000000000"), 404, "no_such_upload")


if __name__ == "__main__":
    unittest.main()
