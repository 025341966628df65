# SPDX-License-Identifier: Apache-2.0
"""A whole Tallystick on free ports in a temporary folder: chain, server, people and machines, for integration tests.

    with World() as world:                      # tally-devchain and tallyd, both fresh
        alice = world.person("alice", money=10**9)
        host = world.host(world.person("maria"))  # an enrolled machine with a CPU offer
        job = alice.queued_job(host)             # uploaded, quoted, locked on the chain, confirmed
        host.claim(); host.start(job)

Everything a test says is public API; wallets are `tally qubic` in a child process. Needs TALLY_BIN_DIR."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse

from contract import Contract

# With the address sanitizer freed memory is kept in quarantine; keep little, so that memory can be measured at all.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=1")

BIN = os.environ["TALLY_BIN_DIR"]
SOURCE = os.environ.get("TALLY_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SCRIPT = b"print('hello')\n"
LOCAL = "127.0.0.1"


def tally_qubic(operation, line):
    done = subprocess.run([BIN + "/tally", "qubic", operation], input=json.dumps(line).encode() + b"\n",
                          capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer


def wait_until(condition, what, seconds=120, pause=0.02):
    """The condition's first true value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "waited %d s for: %s" % (seconds, what)
        time.sleep(pause)


class Answer:
    """An HTTP answer: status, headers, body; `json` if it has one."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:500])


class Process:
    """A program that says `<name> listening on http://…` when it is ready."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.errors)
        line = self.child.stdout.readline().decode()
        match = re.search(r"listening on https?://[0-9.]+:(\d+)\n", line)
        if not match:
            self.child.kill()
            self.child.wait()
            raise AssertionError("%s said %r and on stderr: %s" % (arguments[0], line, self.trace()))
        self.port = int(match.group(1))

    def trace(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=20):
        """The exit status."""
        if self.child.poll() is None:
            self.child.send_signal(number)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError("%s did not stop: %s" % (self.arguments[0], self.trace()))
        self.child.stdout.close()
        return self.child.returncode


class Client:
    """Requests to one server, with a token if there is one. Every answer of tallyd is held to its contract (contract.py)."""

    def __init__(self, port, token=None, contract=True):
        self.port = port
        self.token = token
        self.contract = Contract.built() if contract else None

    def request(self, method, path, body=None, headers=None, token=True, timeout=70):
        """`body`: bytes as they are, anything else as JSON."""
        headers = dict(headers or {})
        if token and self.token is not None:
            headers.setdefault("Authorization", "Bearer " + self.token)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(LOCAL, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        if self.contract is not None:
            self.contract.check(method, path, answer)
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, {} if body is None else body, **more)

    def ok(self, method, path, body=None, **more):
        answer = self.request(method, path, body, **more)
        assert 200 <= answer.status < 300, (method, path, answer)
        return answer.json if answer.body else None


class Person(Client):
    """A wallet that signed in."""

    def __init__(self, world, name, scopes=("consumer", "provider")):
        super().__init__(world.server.port)
        self.world = world
        self.seed = re.sub("[^a-z]", "x", name.lower())[:40].ljust(55, "q")
        shown = tally_qubic("identity", {"seed": self.seed})
        self.identity = shown["identity"]
        self.sign_in(scopes)

    def sign_in(self, scopes=("consumer", "provider")):
        challenge = self.ok("POST", "/v1/auth/challenge", {}, token=False)
        session = self.ok("POST", "/v1/auth/session", {
            "identity": self.identity, "nonce": challenge["nonce"], "scopes": list(scopes),
            "signature": self.sign(self.sign_in_text(challenge))}, token=False)
        self.token = session["token"]
        self.token_id = session["token_id"]
        self.account_id = session["account_id"]

    def sign_in_text(self, challenge):
        return ("Tallystick sign-in v1\norigin: %s\nlog: %s\nidentity: %s\nnonce: %s\nexpires: %s\n" % (
            challenge["origin"], challenge["log_id"], self.identity, challenge["nonce"],
            challenge["expires_at"])).encode()

    def sign(self, text):
        digest = tally_qubic("k12", {"input": text.hex(), "length": 32})["output"]
        return tally_qubic("sign", {"seed": self.seed, "digest": digest})["signature"]

    # ── consuming ──

    def upload(self, content=SCRIPT, name="hello.py", **headers):
        answer = self.request("POST", "/v1/uploads?name=" + urllib.parse.quote(name), content,
                              {"Content-Type": "application/octet-stream",
                               **{key.replace("_", "-"): value for key, value in headers.items()}})
        assert answer.status == 201, answer
        return answer.json

    def job(self, offer_id, content=SCRIPT, name="hello.py", settings=None, quote_settings=None):
        """A job that awaits its lock."""
        upload = self.upload(content, name)
        asked = {} if quote_settings is None else {"settings": quote_settings}
        quote = self.ok("POST", "/v1/quotes", {"upload_id": upload["id"], "offer_id": offer_id, **asked})
        body = {"quote_id": quote["id"]}
        if settings is not None:
            body["settings"] = settings
        return self.ok("POST", "/v1/jobs", body)

    def lock(self, job, amount=None, offset=30):
        """Sign and broadcast the lock; its tick."""
        escrow = job["escrow"]
        order = {"seed": self.seed, "destination": escrow["identity"],
                 "amount": str(escrow["amount"] if amount is None else amount),
                 "inputType": escrow["input_type"], "input": escrow["input"]}
        return self.world.chain.in_time(
            order, offset, lambda hexadecimal: self.post("/v1/broadcast", {"transaction": hexadecimal}))["tick"]

    def queued_job(self, host, **more):
        job = self.job(host.offer["id"], **more)
        self.lock(job)
        return self.wait_for(job, lambda now: now["status"] == "queued")

    def wait_for(self, job, condition, seconds=180):
        def look():
            now = self.ok("GET", "/v1/jobs/" + job["id"])
            return now if condition(now) else None
        return wait_until(look, "a change of job " + job["id"], seconds)


class Host(Client):
    """An enrolled machine with an offer; the test plays its worker."""

    OFFER = {"device": "cpu", "model": "test CPU", "ram_mib": 65536, "storage_mib": 1000000, "cpu_cores": 8,
             "speed_permille": 1000, "tflops_milli": 400, "rate": 3600000}

    def __init__(self, provider, name="rig", **offer):
        super().__init__(provider.port)
        self.provider = provider
        enrolled = provider.ok("POST", "/v1/workers/enrol", {"host_name": name, "software": "harness"})
        self.host_id = enrolled["host_id"]
        self.token = enrolled["token"]
        self.claim(wait_s=0)  # marks it online
        self.offer = provider.ok("POST", "/v1/offers", {"host_id": self.host_id, **self.OFFER, **offer})

    def claim(self, wait_s=25):
        """The job, or None."""
        answer = self.post("/v1/workers/claim", {"wait_s": wait_s, "software": "harness"})
        assert answer.status in (200, 204), answer
        return answer.json["job"] if answer.status == 200 else None

    def path(self, job, what):
        return "/v1/workers/jobs/%s/%s" % (job["id"], what)

    def start(self, job):
        return self.ok("POST", self.path(job, "start"), {})

    def claim_and_start(self, job):
        claimed = self.claim()
        assert claimed is not None and claimed["id"] == job["id"], (claimed, job)
        self.start(job)

    def output(self, job, first_line, text, source="stdout"):
        return self.ok("POST", self.path(job, "output"), {"source": source, "first_line": first_line, "text": text})

    def result(self, job, name, content):
        return self.ok("PUT", self.path(job, "results/" + urllib.parse.quote(name)), content)

    def end(self, job, ending="completed", reason="exited_zero", worker_ms=1000, exit_status=0):
        return self.ok("POST", self.path(job, "end"), {
            "ending": ending, "reason": reason, "worker_ms": worker_ms, "exit_status": exit_status})


class Chain(Process):
    def __init__(self, folder, tick_ms=20):
        super().__init__([BIN + "/tally-devchain", "--data", folder, "--tick-ms", str(tick_ms)])
        self.client = Client(self.port, contract=False)
        self.url = "http://%s:%d" % (LOCAL, self.port)

    def tick(self):
        return self.client.ok("GET", "/live/v1/tick-info")["tickInfo"]["tick"]

    def balance(self, identity):
        return int(self.client.ok("GET", "/live/v1/balances/" + identity)["balance"]["balance"])

    def fund(self, identity, amount):
        self.client.ok("POST", "/dev/v1/faucet", {"identity": identity, "amount": str(amount)})

    def broadcast(self, transaction_hex):
        encoded = base64.b64encode(bytes.fromhex(transaction_hex)).decode()
        return self.client.post("/live/v1/broadcast-transaction", {"encodedTransaction": encoded})

    def in_time(self, order, offset, send):
        """Sign the order and send(hex) it; again for a later tick, as a wallet would, if its own had passed meanwhile."""
        for attempt in range(1, 20):
            tick = self.tick() + offset * attempt
            signed = tally_qubic("tx", {**order, "tick": tick})
            answer = send(signed["hex"])
            if 200 <= answer.status < 300:
                return {**signed, "tick": tick}
            assert b"Target tick" in answer.body, answer
        raise AssertionError("no tick was far enough ahead")


class World:
    """Chain and server. `terms`: set at init, e.g. {"upload_max": 65536}. `options`: of tallyd run."""

    def __init__(self, terms=None, tick_ms=20, page=None, poll_ms=20, options=(), faucet=False, port=0, network="local"):
        self.folder = tempfile.mkdtemp(prefix="tally-test-")
        self.data = self.folder + "/data"
        self.tick_ms = tick_ms
        self.page = page
        self.poll_ms = poll_ms
        self.options = options
        self.port = port  # of the server, and after a restart again
        self.faucet = faucet  # /v1/faucet gives the chain's money
        self.chain = None
        self.server = None
        try:
            self.passphrase = self.folder + "/passphrase"
            with open(os.open(self.passphrase, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write("a passphrase for tests\n")
            self.chain = Chain(self.folder + "/chain", tick_ms)
            sets = [text for name, value in (terms or {}).items() for text in ("--set", "%s=%s" % (name, value))]
            done = subprocess.run([BIN + "/tallyd", "init", *self.common(), "--network", network, *sets],
                                  capture_output=True, timeout=60)
            assert done.returncode == 0, done.stderr
            self.start()
        except BaseException:
            self.close()
            raise

    def common(self):
        return ["--data", self.data, "--passphrase-file", self.passphrase]

    def start(self):
        if self.server is not None:
            self.server.errors.close()
        page = [] if self.page is None else ["--page", self.page]
        page += ["--faucet-url", self.chain.url + "/dev/v1/faucet", "--explorer-url", self.chain.url + "/explorer/tx/"] if self.faucet else []
        self.server = Process([BIN + "/tallyd", "run", *self.common(), "--port", str(self.port), "--poll-ms", str(self.poll_ms),
                               "--qubic-live-url", self.chain.url + "/live/v1",
                               "--qubic-query-url", self.chain.url + "/query/v1", *page, *self.options])
        wait_until(lambda: self.client().get("/readyz").status == 200, "the server takes writes")

    def client(self, token=None):
        return Client(self.server.port, token)

    def operator(self):
        with open(self.data + "/operator.token") as file:
            return self.client(file.read().strip())

    def person(self, name, money=0, scopes=("consumer", "provider")):
        person = Person(self, name, scopes)
        if money > 0:
            self.chain.fund(person.identity, money)
        return person

    def host(self, provider, name="rig", **offer):
        return Host(provider, name, **offer)

    def head(self):
        """Records in the log."""
        return self.client().get("/readyz").json["ledger"]["head"]

    def blobs(self, folder=None):
        """Digests of the files in the store; with "tmp" or "new", the names in that folder."""
        store = self.data + "/blobs"
        folders = [name for name in os.listdir(store) if name == folder or (folder is None and len(name) == 2)]
        return sorted(name for folder in folders for name in os.listdir("%s/%s" % (store, folder)))

    def close(self):
        for process in (self.server, self.chain):
            if process is not None and process.child.poll() is None:
                process.stop(signal.SIGKILL)
            elif process is not None and process.child.returncode != 0:
                print("%s died: %d\n%s" % (process.arguments[0], process.child.returncode, process.trace()[-6000:]))
            if process is not None:
                process.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and self.server is not None:
            print("── tallyd's trace ──\n" + self.server.trace()[-6000:])
        self.close()


class WebSocket:
    """RFC 6455, client side, text only."""

    def __init__(self, port, path, protocol="tally.v1", headers=None, timeout=20):
        self.socket = socket.create_connection((LOCAL, port), timeout=timeout)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET %s HTTP/1.1" % path, "Host: %s:%d" % (LOCAL, port), "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key]
        if protocol is not None:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        lines += ["%s: %s" % pair for pair in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self.read_until(b"\r\n\r\n").decode()
        self.status = int(head.split(" ", 2)[1])
        self.head = head

    def read_until(self, end):
        while end not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.buffer)
            self.buffer += piece
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def read(self, size):
        while len(self.buffer) < size:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError()
            self.buffer += piece
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def send_frame(self, opcode, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + body)

    def send(self, value):
        self.send_frame(1, value if isinstance(value, bytes) else json.dumps(value).encode())

    def receive(self):
        """The next message, or (status, reason) when the server closes."""
        while True:
            first, second = self.read(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.read(8))[0]
            payload = self.read(size)
            opcode = first & 0x0F
            if opcode == 1:
                message = json.loads(payload)
                Contract.built().check_message(message)
                return message
            if opcode == 9:
                self.send_frame(10, payload)
            elif opcode == 8:
                return (struct.unpack(">H", payload[:2])[0] if payload else 1005, payload[2:].decode())

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class EventStream:
    """text/event-stream, client side: `receive` gives each event's data as JSON; `last_id` is what to resume after."""

    def __init__(self, port, path, headers=None, timeout=20):
        self.socket = socket.create_connection((LOCAL, port), timeout=timeout)
        self.buffer = b""
        self.last_id = None
        self.pings = 0
        lines = ["GET %s HTTP/1.1" % path, "Host: %s:%d" % (LOCAL, port), "Accept: text/event-stream"]
        lines += ["%s: %s" % item for item in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.head = self.read_until(b"\r\n\r\n").decode()
        self.status = int(self.head.split(" ", 2)[1])

    def read_until(self, end):
        while end not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.buffer)
            self.buffer += piece
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def receive(self):
        while True:
            data = None
            for line in self.read_until(b"\n\n").decode().split("\n"):
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = int(value)
                elif name == "data":
                    assert data is None, "every event is one line"
                    data = json.loads(value)
                elif line.startswith(":"):
                    self.pings += 1
                else:
                    assert name == "retry", line
            if data is not None:
                Contract.built().check_message(data)
                return data

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
