#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 and WebSocket as bytes against the whole server: forms that two readers could read in two ways, limits, pieces of any size. What the parsers
alone refuse is in tests/core/net; here it must also end the connection, and what was hidden behind it must not be done."""
import os
import random
import re
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, World  # noqa: E402

HIDDEN = b"GET /v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/auth/challenge HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"

# Each is answered once, with this status, and the connection ends: HIDDEN behind it is never looked at.
REFUSED = [
    (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    (POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", 400),
    (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    (POST + b"Content-Length: +2\r\n\r\n{}", 400),
    (POST + b"Content-Length: 2 \x0b\r\n\r\n{}", 400),
    (POST + b"Content-Length : 2\r\n\r\n{}", 400),
    (POST + b"Content-Length:\r\n 2\r\n\r\n{}", 400),
    (POST + b"Content-Length: 0x2\r\n\r\n{}", 400),
    (POST + b"Content-Length: 1e0\r\n\r\n{}", 400),
    (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", None),
    (POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    (POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: x\r\n chunked\r\n\r\n0\r\n\r\n", None),
    (POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n", 400),
    (POST + b"X: y\nContent-Length: 2\r\n\r\n{}", 400),
    (POST + b"X: \x00\r\n\r\n", 400),
    (POST.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}", 400),
    (CHUNKED + b"\r\n2\r\n{}0\r\n\r\n", 400),           # no line break behind the data
    (CHUNKED + b"\r\n2\r\n{}x\r\n0\r\n\r\n", 400),      # more than was said
    (CHUNKED + b"\r\n2\n{}\r\n0\r\n\r\n", 400),         # a bare line feed behind the size
    (CHUNKED + b"\r\n2\r\n{}\n0\r\n\r\n", 400),
    (CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"\r\n \r\n", 400),
    (CHUNKED + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"\r\n80000000000000000\r\n", 400),
    (CHUNKED + b"\r\nfffffffffffffffe\r\n" + b"x" * 300000, 413),
    (CHUNKED + b"\r\n2;" + b"e" * 5000 + b"\r\n{}\r\n0\r\n\r\n", None),
    (CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX: " + b"t" * 20000 + b"\r\n\r\n", 431),
    (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /healthz  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n", None),
    (b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", None),
    (b"GET /healthz HTTP/1.10\r\nHost: x\r\n\r\n", None),
    (b"GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    (b"GET /%c0%ae%c0%ae/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1/%2e%2e/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1%2fjobs HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /healthz?\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET http://other/healthz#x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"\x00\x00\x00\x00\r\n\r\n", 400),
    (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
]

JSON = b"Content-Type: application/json\r\n"
# Each gives these statuses, however it is cut.
TAKEN = [
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3, [200, 200, 200]),
    (b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
    (b"GET /healthz HTTP/1.1\r\nhOsT:x\r\nX:\r\n\r\n", [200]),
    (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n", [200, 404]),
    (POST + JSON + b"Content-Length: 2\r\n\r\n{}" + HIDDEN, [200, 404]),
    (CHUNKED + JSON + b"\r\n1\r\n{\r\n1;a=\"b\"\r\n}\r\n0\r\nTrailer: x\r\n\r\n" + HIDDEN, [200, 404]),
    (CHUNKED + JSON + b"\r\n00000002\r\n{}\r\n000\r\n\r\n" + HIDDEN, [200, 404]),
    (CHUNKED.replace(b"chunked", b"Chunked") + JSON + b"\r\nA\r\n{        }\r\n0\r\n\r\n" + HIDDEN, [200, 404]),
    (POST + JSON + b"Content-Length: 3\r\n\r\n{\xff}" + HIDDEN, [400, 404]),
    (POST + JSON + b"Content-Length: 1\r\n\r\n[" + HIDDEN, [400, 404]),
    (b"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde" + HIDDEN, [404, 404]),
    (POST + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN, [415, 404]),
]


def statuses(text):
    return [int(match) for match in re.findall(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n", text)]


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice")
        cls.port = cls.world.server.port

    def connect(self):
        peer = socket.create_connection((LOCAL, self.port), timeout=20)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def exchange(self, pieces, end=True):
        with self.connect() as peer:
            try:
                for piece in pieces:
                    peer.sendall(piece)
                if end:
                    peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # hung up on already
            text = b""
            try:
                while True:
                    piece = peer.recv(65536)
                    if not piece:
                        return text
                    text += piece
            except ConnectionResetError:
                return text

    # ── HTTP ──

    def test_what_two_readers_could_read_in_two_ways_is_refused_and_ends_the_connection(self):
        for text, status in REFUSED:
            with self.subTest(text=text[:200]):
                answer = self.exchange([text + HIDDEN], end=False)  # the server hangs up by itself
            got = statuses(answer)
            self.assertEqual(len(got), 1, (text[:200], answer))
            self.assertGreaterEqual(got[0], 400, text)
            if status is not None:
                self.assertEqual(got, [status], (text[:200], answer))
            self.assertIn(b"application/problem+json", answer)
            self.assertIn(b"Connection: close", answer)
            self.assertNotIn(b"hidden", answer)

    def test_the_same_bytes_mean_the_same_in_any_pieces(self):
        dice = random.Random(11)
        last = b"GET /v1/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for text, wanted in TAKEN:
            text += last
            cuts = [[text]] + [[text[:i], text[i:]] for i in sorted(dice.sample(range(1, len(text)), 12))]
            cuts.append([text[i:i + 1] for i in range(len(text))])
            for pieces in cuts:
                self.assertEqual(statuses(self.exchange(pieces, end=False)), wanted + [404], (text, [len(piece) for piece in pieces]))

    def test_limits_are_named_and_exact(self):
        def ask(target=b"/healthz", headers=b""):
            answer = self.exchange([b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n"])
            code = re.search(rb'"code":"([a-z_]+)"', answer)
            return statuses(answer)[0], code.group(1).decode() if code else None
        self.assertEqual(ask(headers=b"X-A: b\r\n" * 98), (200, None))
        self.assertEqual(ask(headers=b"X-A: b\r\n" * 99), (431, "too_many_headers"))
        self.assertEqual(ask(headers=b"X-A: " + b"b" * 15000 + b"\r\n"), (200, None))
        self.assertEqual(ask(headers=b"X-A: " + b"b" * 16384 + b"\r\n"), (431, "head_too_large"))
        self.assertEqual(ask(b"/healthz?" + b"a" * (8192 - 9)), (200, None))
        self.assertEqual(ask(b"/healthz?" + b"a" * (8192 - 8)), (414, "target_too_long"))
        self.assertEqual(ask(b"/healthz?" + b"&".join(b"a" for _ in range(64))), (200, None))
        self.assertEqual(ask(b"/healthz?" + b"&".join(b"a" for _ in range(65)))[0], 400)
        big = self.exchange([POST + JSON + b"Content-Length: 262145\r\n\r\n"], end=False)
        self.assertEqual(statuses(big), [413])
        self.assertIn(b'"code":"body_too_large"', big)
        chunks = b"".join(b"4000\r\n" + b" " * 0x4000 + b"\r\n" for _ in range(17))
        self.assertEqual(statuses(self.exchange([CHUNKED + JSON + b"\r\n" + chunks], end=False)), [413])

    def test_expect_continue_is_answered_before_the_body_and_only_when_it_is_wanted(self):
        with self.connect() as peer:
            peer.sendall(POST + JSON + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            self.assertTrue(peer.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
            peer.sendall(b"{}")
            self.assertEqual(statuses(peer.recv(65536)), [200])
        answer = self.exchange([POST + JSON + b"Expect: 100-continue\r\nContent-Length: 300000\r\n\r\n"], end=False)
        self.assertEqual(statuses(answer), [413])

    def test_a_thousand_connections_that_say_half_a_thing_leave_the_server_as_it_was(self):
        dice = random.Random(3)
        texts = [text for text, _ in REFUSED + TAKEN]
        for _ in range(1000):
            text = dice.choice(texts)
            peer = self.connect()
            peer.sendall(text[:dice.randrange(len(text))])
            if dice.random() < 0.5:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        self.assertEqual(self.world.client().get("/healthz").status, 200)

    # ── WebSocket ──

    def upgrade(self, extra=b"", key=b"dGhlIHNhbXBsZSBub25jZQ=="):
        peer = self.connect()
        peer.sendall(b"GET /v1/feed?token=" + self.alice.token.encode() + b" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                     b"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                     b"\r\nSec-WebSocket-Protocol: other, tally.v1\r\n" + extra + b"\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(1)
            self.assertNotEqual(piece, b"", head)
            head += piece
        return peer, head

    @staticmethod
    def frame(first, payload=b"", masked=True, length=None):
        size = len(payload) if length is None else length
        head = bytes([first])
        bit = 0x80 if masked else 0
        if size < 126 and length is None:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", size)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", size)
        if not masked:
            return head + payload
        mask = b"\x11\x22\x33\x44"
        return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def frames(self, peer, until=None):
        """All frames up to one, or to the server's close."""
        frames = []

        def read(size):
            data = b""
            while len(data) < size:
                piece = peer.recv(size - len(data))
                if not piece:
                    raise EOFError
                data += piece
            return data
        try:
            while frames[-1:] != [until] and not (frames and frames[-1][0] == 0x88):
                first, second = read(2)
                self.assertEqual(second & 0x80, 0, "a server does not mask")
                size = second
                if size == 126:
                    size = struct.unpack(">H", read(2))[0]
                elif size == 127:
                    size = struct.unpack(">Q", read(8))[0]
                frames.append((first, read(size)))
        except EOFError:
            pass
        return frames

    def close_status(self, peer):
        frames = self.frames(peer)
        self.assertEqual(frames[-1][0], 0x88, frames[-3:])
        return struct.unpack(">H", frames[-1][1][:2])[0]

    def test_the_handshake_is_the_one_of_the_rfc(self):
        peer, head = self.upgrade(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
        peer.close()
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "))
        self.assertIn(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head)
        self.assertIn(b"Sec-WebSocket-Protocol: tally.v1\r\n", head)
        self.assertNotIn(b"Extensions", head)
        for extra, key in ((b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"", b"c2hvcnQ="), (b"", b"%%%"),
                           (b"Content-Length: 2\r\n", b"dGhlIHNhbXBsZSBub25jZQ==")):
            peer, head = self.upgrade(extra, key)
            peer.close()
            self.assertIn(b" 400 ", head.split(b"\r\n")[0], (extra, key))

    def test_wrong_frames_close_with_their_status_whole_and_byte_by_byte(self):
        say = b'{"subscribe":{"topics":["all"],"after":0}}'
        rows = [
            ([self.frame(0x81, say, masked=False)], 1002),
            ([self.frame(0xC1, say)], 1002),                        # a reserved bit
            ([self.frame(0x83, b"x")], 1002),                       # a reserved opcode
            ([self.frame(0x8B, b"x")], 1002),
            ([self.frame(0x80, b"x")], 1002),                       # continues nothing
            ([self.frame(0x01, b"x"), self.frame(0x81, b"y")], 1002),  # a new one inside another
            ([self.frame(0x09, b"x")], 1002),                       # a ping in pieces
            ([self.frame(0x89, b"x" * 126)], 1002),                 # a ping over 125 bytes
            ([self.frame(0x88, b"x")], 1002),                       # half a status
            ([self.frame(0x88, struct.pack(">H", 1005))], 1002),
            ([self.frame(0x88, struct.pack(">H", 999))], 1002),
            ([self.frame(0x88, struct.pack(">H", 1000) + b"\xff")], 1007),
            ([self.frame(0x82, b"x")], 1003),
            ([self.frame(0x81, b"\xff")], 1007),
            ([self.frame(0x81, b"\xed\xa0\x80")], 1007),
            ([self.frame(0x01, b"\xe2\x82"), self.frame(0x80, b"\x28")], 1007),  # a character broken across pieces
            ([self.frame(0x81, b"x" * 4097)], 1009),
            ([self.frame(0x01, b"x" * 4000), self.frame(0x00, b"x" * 90), self.frame(0x80, b"x" * 90)], 1009),
            ([b"\x81\xff" + struct.pack(">Q", 2**40) + b"\0\0\0\0x"], 1009),
            ([b"\x81\xff" + struct.pack(">Q", 2**63) + b"\0\0\0\0"], 1002),
            ([self.frame(0x81, b"nonsense")], 1008),
            ([self.frame(0x81, b"")], 1008),
            ([self.frame(0x88, struct.pack(">H", 1000) + b"bye")], 1000),
            ([self.frame(0x88, struct.pack(">H", 4321))], 4321),
        ]
        for frames, status in rows:
            torn = frames[0][0] == 0x88 and status == 1007  # its echo may go out before the reason is whole
            for by_byte in (False,) if torn else (False, True):
                peer, head = self.upgrade()
                self.assertIn(b" 101 ", head)
                try:
                    for frame in frames:
                        for piece in [frame[i:i + 1] for i in range(len(frame))] if by_byte and len(frame) < 200 else [frame]:
                            peer.sendall(piece)
                except OSError:
                    pass
                self.assertEqual(self.close_status(peer), status, (frames[0][:20], by_byte))
                peer.close()

    def test_pieces_pings_and_messages_may_be_mixed_and_cut_anywhere(self):
        """What an idle connection gives back between messages must not lose a byte."""
        dice = random.Random(23)
        say = b'{"subscribe":{"topics":["all"],"after":0}}'
        for _ in range(40):
            stream, pings = b"", []
            for _ in range(dice.randrange(1, 6)):
                cut = sorted(dice.sample(range(1, len(say)), 2))
                parts = [say[:cut[0]], say[cut[0]:cut[1]], say[cut[1]:]]
                for i, part in enumerate(parts):
                    if dice.random() < 0.5:
                        pings.append(bytes([dice.randrange(256)]) * dice.choice((0, 1, 125)))
                        stream += self.frame(0x89, pings[-1])
                    if dice.random() < 0.2:
                        stream += self.frame(0x8A, b"unasked")  # a pong nobody asked for
                    stream += self.frame((0x80 if i == 2 else 0) | (0 if i else 1), part)
            pings.append(b"last")
            stream += self.frame(0x89, b"last")
            peer, _ = self.upgrade()
            while stream:
                size = dice.choice((1, 2, 3, 7, 50, 4000))
                peer.sendall(stream[:size])
                stream = stream[size:]
            frames = self.frames(peer, until=(0x8A, b"last"))
            peer.sendall(self.frame(0x88, struct.pack(">H", 1000)))
            frames += self.frames(peer)
            peer.close()
            self.assertEqual([payload for first, payload in frames if first == 0x8A], pings)
            self.assertEqual(frames[-1], (0x88, struct.pack(">H", 1000)))
            self.assertTrue(all(first in (0x81, 0x8A, 0x88) for first, _ in frames))


if __name__ == "__main__":
    unittest.main()
