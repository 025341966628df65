#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads: good ones in both forms, every bad one, and what is left on disk and in the log after each."""
import hashlib
import http.client
import os
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, SCRIPT, World, wait_until  # noqa: E402

UPLOAD_MAX = 5 << 20
RAW = {"Content-Type": "application/octet-stream"}


def form(name, content, field="file", boundary="b0undary"):
    """A browser's form and its content type."""
    body = ("--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
            "Content-Type: text/x-python\r\n\r\n" % (boundary, field, name)).encode() + content
    return body + ("\r\n--%s--\r\n" % boundary).encode(), {
        "Content-Type": "multipart/form-data; boundary=" + boundary}


class Uploads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(terms={"upload_max": UPLOAD_MAX})
        cls.alice = cls.world.person("alice")
        cls.bob = cls.world.person("bob")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def blobs(self):
        """Those in the store and those that are being received."""
        return self.world.blobs() + self.world.blobs("tmp")

    def refused(self, answer, status, code, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json["code"], code, answer)
        for word in words:
            self.assertIn(word, answer.json["detail"])

    def nothing_changed(self, head, blobs):
        self.assertEqual(self.world.head(), head)
        wait_until(lambda: self.blobs() == blobs, "the leftovers are removed")

    def test_a_raw_body_is_stored_analysed_and_shown_to_its_owner_alone(self):
        content = b"import torch\nfor epoch in range(5):\n    print(epoch)\n"
        answer = self.alice.request("POST", "/v1/uploads?name=train.py", content, RAW)
        self.assertEqual(answer.status, 201, answer)
        upload = answer.json
        digest = hashlib.sha256(content).hexdigest()
        self.assertEqual((upload["file_name"], upload["size"], upload["digest"]), ("train.py", len(content), digest))
        self.assertEqual(upload["analysis"]["kind"], "python")
        self.assertIn("pytorch", str(upload["analysis"]))
        self.assertRegex(answer.body.decode(), r'"confidence":\{"value":0\.\d{1,3},', "as it was written, not as a double has it")
        self.assertEqual(int(answer.headers["Tally-Sequence"]), upload["sequence"])
        with open("%s/blobs/%s/%s" % (self.world.data, digest[:2], digest), "rb") as file:
            self.assertEqual(file.read(), content)
        self.assertEqual(self.alice.ok("GET", "/v1/uploads/" + upload["id"]), upload)
        self.refused(self.bob.get("/v1/uploads/" + upload["id"]), 404, "no_such_upload")
        self.refused(self.alice.get("/v1/uploads/" + upload["id"], token=False), 401, "token_missing")
        events = self.world.operator().ok("GET", "/v1/events?stream=upload:" + upload["id"])["items"]
        self.assertEqual([event["type"] for event in events], ["upload.received", "analysis.completed"])
        self.assertEqual(events[0]["commandid"], events[1]["commandid"], "one command: no crash comes between them")
        self.assertNotIn("file_name", events[0]["data"], "a name is private")

    def test_a_form_is_stored_and_its_path_cut_to_a_name(self):
        body, headers = form("C:\\\\projects\\\\my job.py", SCRIPT)
        answer = self.alice.request("POST", "/v1/uploads", body, headers)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["file_name"], "my job.py")
        self.assertEqual(answer.json["media_type"], "text/x-python")
        self.assertEqual(answer.json["digest"], hashlib.sha256(SCRIPT).hexdigest())

    def test_a_repeated_key_gives_the_first_answer_and_another_content_is_a_mismatch(self):
        key = {**RAW, "Idempotency-Key": "upload-1"}
        first = self.alice.request("POST", "/v1/uploads?name=a.py", b"print(1)\n", key)
        head = self.world.head()
        again = self.alice.request("POST", "/v1/uploads?name=a.py", b"print(1)\n", key)
        self.assertEqual((first.status, again.status), (201, 201), again)
        self.assertEqual(again.json["id"], first.json["id"])
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        body, headers = form("a.py", b"print(1)\n")
        same = self.alice.request("POST", "/v1/uploads", body, {**headers, "Idempotency-Key": "upload-1"})
        self.assertEqual((same.status, same.json["id"]), (201, first.json["id"]), "the form around it does not count")
        for name, content in (("a.py", b"print(2)\n"), ("b.py", b"print(1)\n")):
            other = self.alice.request("POST", "/v1/uploads?name=" + name, content, key)
            self.refused(other, 422, "idempotency_mismatch")
        self.assertEqual(self.world.head(), head)
        mine = self.bob.request("POST", "/v1/uploads?name=b.py", b"print(1)\n", key)
        self.assertEqual(mine.status, 201, "a key is its account's own")

    def test_what_the_analysis_refuses_is_an_event_and_no_blob(self):
        blobs = self.blobs()
        for name, content, code in (("model.bin", b"\x00\x01\x02\xff" * 100, "unsupported"),
                                    ("notes.txt", b"just words\n", "unsupported"),
                                    ("big.py", b"x = 1\n" * (720 << 10), "too_large")):
            head = self.world.head()
            answer = self.alice.request("POST", "/v1/uploads?name=" + name, content,
                                        {**RAW, "Idempotency-Key": "bad-" + name})
            self.refused(answer, 422, code, "Python" if code == "unsupported" else "bytes")
            self.assertEqual(self.world.head(), head + 1)
            last = self.world.operator().ok("GET", "/v1/events?after=%d" % head)["items"][0]
            self.assertEqual((last["type"], last["data"]["reason"]), ("upload.rejected", code))
            again = self.alice.request("POST", "/v1/uploads?name=" + name, content,
                                       {**RAW, "Idempotency-Key": "bad-" + name})
            self.refused(again, 422, code)
            self.assertEqual(again.headers["Idempotent-Replayed"], "true")
            self.assertEqual(self.world.head(), head + 1)
        self.assertEqual(self.blobs(), blobs)

    def test_bad_requests_leave_nothing(self):
        head, blobs = self.world.head(), self.blobs()
        post = lambda body, headers, path="/v1/uploads?name=a.py": self.alice.request("POST", path, body, headers)
        good, headers = form("a.py", SCRIPT)
        self.refused(post(b"", RAW), 422, "upload_empty")
        self.refused(post(*form("a.py", b"")), 422, "upload_empty")
        self.refused(post(SCRIPT, RAW, "/v1/uploads"), 422, "file_name", "name")
        self.refused(post(SCRIPT, RAW, "/v1/uploads?name=" + "a" * 201), 422, "file_name", "200")
        self.refused(post(SCRIPT, RAW, "/v1/uploads?name=.."), 422, "file_name")
        self.refused(post(SCRIPT, RAW, "/v1/uploads?name=a%0Ab.py"), 422, "file_name")
        self.refused(post(SCRIPT, {"Content-Type": "text/plain"}), 415, "media_type", "octet-stream")
        self.refused(post(SCRIPT, {"Content-Type": "application/json"}), 415, "media_type")
        self.refused(post(*form("a.py", SCRIPT, field="other")), 422, "form_field", "file")
        self.refused(post(*form("", SCRIPT)), 422, "file_name")
        self.refused(post(good[:-12], headers), 400, "form_invalid")
        self.refused(post(b"", headers), 400, "form_invalid")
        self.refused(post(good, {"Content-Type": "multipart/form-data"}), 400, "form_invalid")
        plain = good.replace(b'; filename="a.py"', b"")
        self.refused(post(plain, headers), 422, "file_name")
        two = good.replace(b"--b0undary--\r\n", b"") + good
        self.refused(post(two, headers), 422, "file_name", "two files are called a.py")
        self.refused(self.alice.request("POST", "/v1/uploads?name=a.py", SCRIPT, RAW, token=False), 401,
                     "token_missing")
        self.nothing_changed(head, blobs)

    def test_too_large_is_refused_before_the_body_and_on_the_way(self):
        head, blobs = self.world.head(), self.blobs()
        connection = http.client.HTTPConnection(LOCAL, self.world.server.port, timeout=20)
        connection.putrequest("POST", "/v1/uploads?name=a.py")
        for name, value in {**RAW, "Authorization": "Bearer " + self.alice.token,
                            "Content-Length": str(UPLOAD_MAX + 1)}.items():
            connection.putheader(name, value)
        connection.endheaders()  # and no body: the answer must not wait for it
        response = connection.getresponse()
        self.assertEqual(response.status, 413)
        self.assertIn(str(UPLOAD_MAX).encode(), response.read())
        connection.close()
        self.assertEqual(self.chunked(UPLOAD_MAX + 1)[0], 413)
        body, headers = form("a.py", b"#" * (UPLOAD_MAX + 1))
        self.refused(self.alice.request("POST", "/v1/uploads", body, headers), 413, "upload_too_large",
                     str(UPLOAD_MAX))
        self.nothing_changed(head, blobs)

    def chunked(self, size, piece=65536):
        """A body without a length; what was answered (the peer may cut while we still send)."""
        with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
            peer.sendall(("POST /v1/uploads?name=a.py HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                          % self.alice.token).encode())
            try:
                while size > 0:
                    now = min(size, piece)
                    peer.sendall(b"%x\r\n" % now + b"#" * now + b"\r\n")
                    size -= now
                peer.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = peer.recv(65536)
            return int(answer.split(b" ")[1]), answer

    def test_truncated_bodies_leave_nothing(self):
        head, blobs = self.world.head(), self.blobs()
        for _ in range(3):
            with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
                peer.sendall(("POST /v1/uploads?name=a.py HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                              "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
                              % self.alice.token).encode() + b"#" * 300000)
                wait_until(lambda: len(self.blobs()) > len(blobs), "it has begun")
            wait_until(lambda: self.blobs() == blobs, "the torn file is removed")
        self.nothing_changed(head, blobs)

    def assert_exactly_the_named_blobs(self):
        """What the log names is in the store, and nothing else, once everything is settled."""
        wait_until(lambda: self.world.blobs("new") == [], "every blob is settled")
        events = self.world.operator().ok("GET", "/v1/events?limit=500")
        while events["next"] is not None:
            more = self.world.operator().ok("GET", "/v1/events?limit=500&after=%d" % events["next"])
            events = {"items": events["items"] + more["items"], "next": more["next"]}
        named = set()
        for event in events["items"]:
            if event["type"] == "upload.received":
                path = "/v1/uploads/" + event["subject"].split(":")[-1].split("/")[-1]
                answers = [who.get(path) for who in (self.alice, self.bob)]
                named |= {answer.json["digest"] for answer in answers if answer.status == 200}
        self.assertEqual(set(self.world.blobs()), named)
        return named

    def restart(self, number=signal.SIGTERM):
        self.world.server.stop(number)
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port

    def test_a_refused_upload_leaves_no_blob_and_an_accepted_one_stays(self):
        key = {**RAW, "Idempotency-Key": "orphans"}
        post = lambda content, headers=RAW: self.alice.request("POST", "/v1/uploads?name=o.py", content, headers)
        self.assertEqual(post(b"print('first')\n", key).status, 201)
        before = self.assert_exactly_the_named_blobs()
        for i in range(10):
            self.refused(post(b"print('other %d')\n" % i, key), 422, "idempotency_mismatch")
        self.assertEqual(self.assert_exactly_the_named_blobs(), before)
        # a refused one with the content of an accepted one takes nothing away
        self.assertEqual(post(b"print('second')\n").status, 201)
        self.refused(post(b"print('second')\n", key), 422, "idempotency_mismatch")
        self.assertEqual(len(self.assert_exactly_the_named_blobs()), len(before) + 1)

    def test_the_same_content_refused_and_accepted_at_once_stays(self):
        keys = [{**RAW, "Idempotency-Key": "at once %d" % i} for i in range(4)]
        for key in keys:
            self.assertEqual(self.alice.request("POST", "/v1/uploads?name=k.py", b"print('k')\n", key).status, 201)
        for turn in range(4):
            content = b"print('at once %d')\n" % turn + b"# filler\n" * 20000
            answers = []

            def send(headers):
                answers.append(self.alice.request("POST", "/v1/uploads?name=k.py", content, headers).status)

            threads = [threading.Thread(target=send, args=(headers,)) for headers in (keys[0], RAW, *keys[1:3], RAW, keys[3])]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(answers), [201, 201, 422, 422, 422, 422])
            self.assertIn(hashlib.sha256(content).hexdigest(), self.assert_exactly_the_named_blobs())

    def test_after_kill_9_exactly_the_named_blobs_are_there(self):
        for turn in range(3):
            dead = threading.Event()

            def send(thread):
                for i in range(200):
                    if dead.is_set():
                        return
                    try:
                        self.alice.request("POST", "/v1/uploads?name=x.py", b"print(%d, %d, %d)\n" % (turn, thread, i), RAW)
                    except (OSError, http.client.HTTPException):
                        return

            threads = [threading.Thread(target=send, args=(thread,)) for thread in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.4 + 0.13 * turn)
            dead.set()
            self.restart(signal.SIGKILL)
            for thread in threads:
                thread.join()
            self.assert_exactly_the_named_blobs()

    def test_a_crash_between_name_and_event_is_mended_at_the_start_by_what_the_log_says(self):
        head = self.world.head()
        upload = self.alice.upload(b"print('in time')\n")
        self.assert_exactly_the_named_blobs()
        self.world.server.stop(signal.SIGKILL)
        store = self.world.data + "/blobs"
        orphan = hashlib.sha256(b"never an event").hexdigest()
        os.makedirs("%s/%s" % (store, orphan[:2]), exist_ok=True)
        with open("%s/%s/%s" % (store, orphan[:2], orphan), "wb") as file:
            file.write(b"never an event")
        for name in ("%s.%d" % (orphan, head), "%s.%d" % (upload["digest"], head), "%s.%d" % ("0" * 64, head), "not ours"):
            open("%s/new/%s" % (store, name), "w").close()
        self.restart()
        self.assertEqual(self.world.blobs("new"), ["not ours"])
        os.remove(store + "/new/not ours")
        self.assertIn(upload["digest"], self.assert_exactly_the_named_blobs())

    def test_peers_that_leave_before_the_answer_leave_no_orphan(self):
        for i in range(30):
            content = b"print('gone %d')\n" % i
            with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
                peer.sendall(("POST /v1/uploads?name=a.py HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                              "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                              % (self.alice.token, len(content))).encode() + content)
                time.sleep(0.001 * (i % 6))
        wait_until(lambda: self.world.blobs("tmp") == [], "they are done")
        self.assert_exactly_the_named_blobs()

    def test_many_at_once_are_whole(self):
        contents = [("# %d\n" % i).encode() * 20000 + b"print(%d)\n" % i for i in range(12)]
        answers = [None] * len(contents)

        def send(i):
            answers[i] = self.alice.request("POST", "/v1/uploads?name=u%d.py" % i, contents[i], RAW)

        threads = [threading.Thread(target=send, args=(i,)) for i in range(len(contents))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for content, answer in zip(contents, answers):
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(answer.json["digest"], hashlib.sha256(content).hexdigest())

    def test_a_slow_body_is_received_and_leftovers_are_cleaned_at_start(self):
        leftover = self.world.data + "/blobs/tmp/0192-leftover"
        with open(leftover, "w") as file:
            file.write("torn by a crash")
        self.assertEqual(self.world.server.stop(), 0, self.world.server.trace())
        self.world.start()
        self.alice.port = self.bob.port = self.world.server.port
        self.assertFalse(os.path.exists(leftover))
        with socket.create_connection((LOCAL, self.world.server.port), timeout=20) as peer:
            peer.sendall(("POST /v1/uploads?name=a.py HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                          % (self.alice.token, len(SCRIPT))).encode())
            for byte in SCRIPT:
                peer.sendall(bytes([byte]))
                time.sleep(0.01)
            self.assertIn(b" 201 ", peer.recv(65536).split(b"\r\n")[0])


if __name__ == "__main__":
    unittest.main()
