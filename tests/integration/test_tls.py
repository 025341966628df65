#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTPS and wss by tallyd itself, with clients that are not ours: curl, Python's ssl, the websockets library."""
import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import websockets

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import BIN, LOCAL, Person, World, tally_qubic, wait_until  # noqa: E402


def make_certificate(folder, name):
    """A self-signed one; its SHA-256 as the handshake shows it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder + "/" + name + ".key", "-out", folder + "/" + name + ".crt"],
                   check=True, capture_output=True, timeout=60)
    with open(folder + "/" + name + ".crt") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).digest()


class TlsWorld(World):
    def start(self):
        """As any, but readiness is asked for by curl."""
        self.server = None
        from tally_harness import Process
        self.server = Process([BIN + "/tallyd", "run", *self.common(), "--port", "0", "--poll-ms", "20",
                               "--qubic-live-url", self.chain.url + "/live/v1", "--qubic-query-url", self.chain.url + "/query/v1",
                               *self.options])


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tally-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.first = make_certificate(cls.folder, "first")
        cls.second = make_certificate(cls.folder, "second")
        cls.install("first")
        cls.world = TlsWorld(options=("--tls-cert", cls.folder + "/used.crt", "--tls-key", cls.folder + "/used.key"))
        cls.addClassCleanup(cls.world.close)
        cls.port = cls.world.server.port
        cls.silent = socket.create_connection((LOCAL, cls.port), timeout=30)  # begins no handshake: see the last test
        cls.silent_since = time.monotonic()
        cls.addClassCleanup(cls.silent.close)
        with open(cls.world.data + "/operator.token") as file:
            cls.token = file.read().strip()
        wait_until(lambda: cls.curl("/readyz")[0] == 200, "the server takes writes")

    @classmethod
    def install(cls, name, key=None):
        for kind in ("key", "crt"):
            shutil.copy(cls.folder + "/%s.%s" % (key if kind == "key" and key else name, kind), cls.folder + "/used." + kind)

    @classmethod
    def curl(cls, path, *arguments, body=None):
        """Status and body; curl checks the certificate and the name."""
        done = subprocess.run(["curl", "-sS", "--cacert", cls.folder + "/used.crt",
                               "-w", "\n%{http_code} %{http_version}", *arguments, "https://localhost:%d%s" % (cls.port, path)],
                              input=body, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise OSError(done.returncode, done.stderr.decode())
        body, _, last = done.stdout.rpartition(b"\n")
        assert last.split()[1] == b"1.1", last
        return int(last.split()[0]), body

    def context(self):
        return ssl.create_default_context(cafile=self.folder + "/used.crt")

    def connect(self, context=None):
        plain = socket.create_connection((LOCAL, self.port), timeout=30)
        return (context or self.context()).wrap_socket(plain, server_hostname="localhost")

    def shown(self, context=None):
        """The certificate of a new connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with self.connect(context) as peer:
            return hashlib.sha256(peer.getpeercert(True)).digest()

    def test_curl_reads_writes_and_uploads(self):
        self.assertEqual(self.curl("/healthz")[0], 200)
        status, body = self.curl("/v1/events?limit=500", "-H", "Authorization: Bearer " + self.token)
        self.assertEqual((status, json.loads(body)["items"][0]["type"]), (200, "ledger.opened"))
        content = random.Random(5).randbytes(6 * 10**6)
        status, body = self.curl("/v1/uploads?name=big.csv", "-H", "Authorization: Bearer " + self.token, "-H",
                                 "Content-Type: application/octet-stream", "--data-binary", "@-", body=content)
        self.assertIn(status, (403, 422), body)  # an operator has no account: refused after it came, or before

    def test_an_upload_and_a_long_answer_come_through_whole(self):
        seed = "tls" + "q" * 52
        identity = tally_qubic("identity", {"seed": seed})["identity"]
        challenge = json.loads(self.curl("/v1/auth/challenge", "-H", "Content-Type: application/json", "-d", "{}")[1])
        self.assertTrue(challenge["origin"].startswith("https://"))
        who = Person.__new__(Person)
        who.seed, who.identity = seed, identity
        session = json.loads(self.curl("/v1/auth/session", "-H", "Content-Type: application/json", "-d", json.dumps({
            "identity": identity, "nonce": challenge["nonce"], "scopes": ["consumer"],
            "signature": who.sign(who.sign_in_text(challenge))}))[1])
        content = b"print(1)\n" + b"# %s\n" % (b"filler " * 500) * 1000
        status, body = self.curl("/v1/uploads?name=big.py", "-H", "Authorization: Bearer " + session["token"], "-H",
                                 "Content-Type: application/octet-stream", "--data-binary", "@-", body=content)
        self.assertEqual(status, 201, body)
        self.assertEqual(json.loads(body)["digest"], hashlib.sha256(content).hexdigest())
        with self.connect() as peer:  # a thousand requests at once, answered in order
            request = b"GET /v1/terms HTTP/1.1\r\nHost: x\r\nX-Request-Id: n-%d\r\n\r\n"
            peer.sendall(b"".join(request % i for i in range(999)) + b"GET /v1/terms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: n-999\r\n\r\n")
            text = b"".join(iter(lambda: peer.recv(65536), b""))
        self.assertEqual([line for line in text.split(b"\r\n") if line.startswith(b"X-Request-Id")],
                         [b"X-Request-Id: n-%d" % i for i in range(1000)])

    def test_one_byte_records_and_a_polite_end(self):
        with self.connect() as peer:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
                peer.sendall(bytes([byte]))
            text = b"".join(iter(lambda: peer.recv(65536), b""))  # an end without close_notify would raise
            self.assertIn(b"200 OK", text)

    def test_a_websocket_of_another_library_follows_the_feed(self):
        async def follow():
            address = "wss://localhost:%d/v1/feed?token=%s" % (self.port, self.token)
            async with websockets.connect(address, ssl=self.context(), subprotocols=["tally.v1"], compression=None) as feed:
                self.assertEqual(feed.subprotocol, "tally.v1")
                await feed.send(json.dumps({"subscribe": {"topics": ["all"], "after": 0}}))
                ids = []
                while True:
                    message = json.loads(await asyncio.wait_for(feed.recv(), 20))
                    if "live" in message:
                        self.assertEqual(ids, list(range(1, message["live"] + 1)))
                        break
                    ids.append(int(message["event"]["id"]))
                waiter = await feed.ping()
                await asyncio.wait_for(waiter, 20)
                await feed.send("nonsense")
                with self.assertRaises(websockets.ConnectionClosed) as closed:
                    await asyncio.wait_for(feed.recv(), 20)
                self.assertEqual(closed.exception.code, 1008)
        asyncio.run(follow())

    def test_an_event_stream_over_tls(self):
        child = subprocess.Popen(["curl", "-sSN", "--cacert", self.folder + "/used.crt", "-H", "Accept: text/event-stream",
                                  "https://localhost:%d/v1/feed?token=%s" % (self.port, self.token)], stdout=subprocess.PIPE)
        line = b""
        while b'"live"' not in line:
            line = child.stdout.readline()
            self.assertNotEqual(line, b"")
        child.terminate()
        child.wait()
        child.stdout.close()

    def test_old_versions_and_weak_suites_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            with self.connect(context) as peer:
                self.assertEqual(peer.version(), "TLSv1." + str(version.value - 0x301))
        for arguments in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
                          ["-alpn", "h2"]):
            done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.port, *arguments],
                                  input=b"", capture_output=True, timeout=30)
            self.assertNotEqual(done.returncode, 0, (arguments, done.stdout[-300:]))
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.port, "-alpn", "http/1.1"],
                              input=b"", capture_output=True, timeout=30)
        self.assertIn(b"ALPN protocol: http/1.1", done.stdout)

    def test_plain_http_and_noise_are_hung_up_on_and_harm_nobody(self):
        dice = random.Random(7)
        hello = bytes.fromhex("16030100c8010000c40303") + dice.randbytes(192)
        for text in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 70000, hello, hello[:20]] + \
                [dice.randbytes(dice.randrange(1, 5000)) for _ in range(60)]:
            with socket.create_connection((LOCAL, self.port), timeout=30) as peer:
                try:
                    peer.sendall(text)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(65536):
                        pass
                except (ConnectionResetError, BrokenPipeError, OSError):
                    pass
        with self.connect() as peer:  # torn in the middle of a request's record
            raw = socket.socket(fileno=os.dup(peer.fileno()))
            raw.sendall(b"\x17\x03\x03\x00\x40" + b"\x01" * 30)
            raw.close()
        self.assertEqual(self.curl("/healthz")[0], 200)

    def test_sighup_shows_another_certificate_and_a_bad_one_changes_nothing(self):
        self.assertEqual(self.shown(), self.first)
        with self.connect() as old:
            self.install("second")
            self.world.server.child.send_signal(signal.SIGHUP)
            wait_until(lambda: self.shown() == self.second, "the second certificate")
            old.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # who began with the first goes on
            self.assertIn(b"200 OK", old.recv(65536))
        for break_it in (lambda: self.install("first", key="second"),
                         lambda: open(self.folder + "/used.crt", "w").close(),
                         lambda: os.unlink(self.folder + "/used.key")):
            refused = self.world.server.trace().count("event=tls.not_reloaded")
            break_it()
            self.world.server.child.send_signal(signal.SIGHUP)
            wait_until(lambda: self.world.server.trace().count("event=tls.not_reloaded") == refused + 1, "a line in the trace")
            self.assertEqual(self.shown(), self.second)
        self.install("first")
        self.world.server.child.send_signal(signal.SIGHUP)
        wait_until(lambda: self.shown() == self.first, "the first certificate again")

    def test_who_begins_no_handshake_is_hung_up_on(self):
        self.assertEqual(self.silent.recv(1), b"")
        self.assertLess(time.monotonic() - self.silent_since, 25)

    def test_a_start_with_a_bad_certificate_says_which_file(self):
        done = subprocess.run([BIN + "/tallyd", "run", "--data", self.folder + "/none", "--passphrase-file", "x", "--tls-cert", "y"],
                              capture_output=True, timeout=30)
        self.assertIn(b"--tls-cert and --tls-key go together", done.stderr)
        with World() as world:
            self.assertEqual(world.server.stop(), 0)
            done = subprocess.run([BIN + "/tallyd", "run", *world.common(), "--port", "0", "--qubic-live-url", world.chain.url + "/live/v1",
                                   "--qubic-query-url", world.chain.url + "/query/v1", "--tls-cert", self.folder + "/absent.crt",
                                   "--tls-key", self.folder + "/first.key"], capture_output=True, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"absent.crt", done.stderr)


if __name__ == "__main__":
    unittest.main()
