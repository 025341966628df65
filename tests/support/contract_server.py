# SPDX-License-Identifier: Apache-2.0
"""The worker's side of docs/api.md as a small HTTP server, for tests: it keeps the rules of the contract, remembers what it
was told, and can be stopped, started again and told to lose interest in a job."""
import hashlib
import json
import sys
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROVIDER_TOKEN = "provider-token"
HEARTBEAT_S = 1
LEASE_S = 4
BATCH_MAX = 2048


class Job:
    def __init__(self, name, content, limit_ms, settings, kind):
        self.kind = kind
        self.id = str(uuid.uuid4())
        self.name = name
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        self.limit_ms = limit_ms
        self.settings = settings
        self.state = "queued"  # assigned, running, ended
        self.host = None  # token of the machine that has it
        self.claims = 0
        self.output = []  # (source, line)
        self.progress = []
        self.samples = []
        self.results = {}
        self.end = None
        self.heard = []  # monotonic times of accepted reports
        self.started_at = self.ended_at = None

    def text(self, source):
        return "".join(line + "\n" for stream, line in self.output if stream == source)


class Problem(Exception):
    def __init__(self, status, code, detail, **members):
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail, **members}


class ContractServer:
    def __init__(self):
        self.lock = threading.Condition()
        self.jobs = []
        self.hosts = {}  # token → host id
        self.offers = {}
        self.benchmarks = []
        self.broken = []  # what the worker did against the contract
        self.answers = {}  # idempotency key → (body, status, answer)
        self.http = None
        self.port = 0
        self.lease_s = LEASE_S
        self.batch_max = BATCH_MAX
        self.claim_s = 2  # so long a claim waits for a job, whatever it asks for
        self.kinds = None  # as the last claim said
        self.network = None  # likewise
        self.takes_offers = True
        self.forces_kinds = False  # gives out jobs whatever the claim said
        self.slow_uploads = False  # a second for each file
        self.is_old = False  # knows no route for several reports at once
        self.several = []  # of such requests, how many reports were in it
        self.swallow = set()  # routes whose next answer is lost after it was acted on
        self.start()

    # ── from the test's side ──

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        for _ in range(200):
            try:
                self.http = Server(("127.0.0.1", self.port), Handler)
                break
            except OSError:  # the port is still held by a dying connection
                time.sleep(0.05)
        self.http.contract = self
        self.port = self.http.server_address[1]
        self.stopping = False
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        self.http.shutdown()
        self.http.close_all()

    def add(self, name, content, limit_ms=60000, kind=None, **settings):
        kind = kind or ("notebook" if name.endswith(".ipynb") else "bundle" if name.endswith((".tar", ".gz", ".zip")) else "python")
        job = Job(name, content.encode() if isinstance(content, str) else content, limit_ms, settings, kind)
        with self.lock:
            self.jobs.append(job)
            self.lock.notify_all()
        return job

    def end(self, job):
        """As if it were cancelled."""
        with self.lock:
            job.state = "ended"

    def wait(self, condition, timeout=120):
        until = time.monotonic() + timeout
        with self.lock:
            while not condition():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self.lock.wait(min(left, 0.1))
        return True

    # ── the routes ──

    def answer(self, handler, method, path, body):
        parts = [urllib.parse.unquote(part) for part in path.split("/")[2:]]
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        if parts == ["workers", "enrol"]:
            return self.enrol(token, json.loads(body))
        if token not in self.hosts:
            raise Problem(401, "unauthorised", "no such token")
        if parts == ["offers"]:
            return self.offer(token, json.loads(body))
        if parts[0] == "offers" and parts[2:] == ["withdraw"]:
            if self.offers.pop(parts[1], None) is None:
                raise Problem(409, "offer_withdrawn", "it was withdrawn before")
            return 200, {}
        if parts == ["workers", "claim"]:
            return self.claim(token, json.loads(body))
        if parts == ["auth", "whoami"]:
            return 200, {"scopes": ["worker"]}
        if parts == ["workers", "benchmark"]:
            self.benchmarks.append(json.loads(body))
            return 200, {}
        if parts[:2] == ["workers", "jobs"]:
            job = next((job for job in self.jobs if job.id == parts[2]), None)
            if job is None or job.state == "queued":
                raise Problem(404, "no_such_job", "this machine has no such job")
            return self.job(job, method, parts[3:], body, handler)
        raise Problem(404, "not_found", path)

    def enrol(self, token, body):
        if token != PROVIDER_TOKEN:
            raise Problem(401, "unauthorised", "a provider's token is needed")
        if set(body) != {"host_name", "software", "sealing_key"} or len(bytes.fromhex(body["sealing_key"])) != 32:
            raise Problem(400, "unknown_field", "host_name, software and sealing_key")
        host, token = str(uuid.uuid4()), uuid.uuid4().hex
        self.hosts[token] = host
        return 201, {"host_id": host, "token": token, "token_id": str(uuid.uuid4())}

    def offer(self, token, body):
        fields = {"host_id", "device", "model", "gpus", "vram_mib", "tflops_milli", "ram_mib", "storage_mib",
                  "compute_capability", "cpu_cores", "speed_permille", "rate", "network_allowed"}
        if set(body) - {"driver", "packages"} != fields | {"models", "images"} or body["host_id"] != self.hosts[token]:
            raise Problem(400, "unknown_field", f"expected {fields}")
        if not self.takes_offers:
            raise Problem(409, "too_many_offers", "a provider may have at most so many here")
        offer = str(uuid.uuid4())
        self.offers[offer] = body
        return 201, {"id": offer, **body}

    def claim(self, token, body):
        until = time.monotonic() + self.claim_s
        self.kinds = body["kinds"]
        self.network = body["network"]
        while not self.stopping:
            for job in self.jobs:
                if job.state == "running" and job.host == token:
                    raise Problem(409, "host_busy", "this machine has a job")
            for job in self.jobs:
                mine = job.state == "queued" or (job.state == "assigned" and job.host == token)
                fits = job.kind in body["kinds"] and (body["network"] or not job.settings.get("network"))
                if mine and (fits or self.forces_kinds):
                    job.state, job.host = "assigned", token
                    job.claims += 1
                    return 200, {
                        "job": {"id": job.id, "kind": job.kind, "file_name": job.name, "input_size": len(job.content),
                                "input_digest": job.digest, "settings": job.settings, "limit_ms": job.limit_ms,
                                "attempt": 1, "start_by": "2100-01-01T00:00:00Z"},
                        "terms": {"heartbeat_s": HEARTBEAT_S, "lease_s": self.lease_s, "batch_max": self.batch_max}}
            if time.monotonic() > until:
                break
            self.lock.wait(0.1)
        return 204, None

    def job(self, job, method, route, body, handler):
        if route == ["input"]:
            return 200, job.content
        if route == ["start"]:
            if job.state != "assigned":
                raise Problem(409, "not_assigned", "the job is not waiting to be started")
            job.state = "running"
            job.started_at = time.monotonic()
            job.heard.append(job.started_at)
            return 200, {"limit_ms": job.limit_ms}
        if job.state == "ended":
            raise Problem(409, "job_ended", "the job ended")
        if job.state != "running":
            raise Problem(409, "not_running", "the job has not been started")
        job.heard.append(time.monotonic())
        if route[0] == "results" and method == "PUT":
            name = "/".join(route[1:])
            if ".." in route or len(name.encode()) > 200:
                self.broken.append(f"result name {name}")
            job.results[name] = body
            return 200, {"size": len(body), "digest": hashlib.sha256(body).hexdigest()}
        return self.report(job, route[0], json.loads(body))

    def report(self, job, route, body):
        if route == "progress":
            job.progress.append(body)
            return 200, {}
        if route == "metrics":
            if not 1 <= len(body["samples"]) <= 64:
                self.broken.append("number of samples")
            job.samples += body["samples"]
            return 200, {}
        if route == "output":
            text = body["text"]
            if not 1 <= len(text.encode()) <= self.batch_max:
                self.broken.append(f"batch of {len(text.encode())} bytes")
            if body["first_line"] != len(job.output) + 1:
                raise Problem(409, "output_gap", f"the next line is {len(job.output) + 1}")
            lines = text.split("\n")
            if lines[-1] != "":
                self.broken.append("a batch that does not end with a line's end")
            job.output += [(body["source"], line) for line in lines[:-1]]
            return 200, {"next_line": len(job.output) + 1}
        if route == "reports" and not self.is_old:
            if not 1 <= len(body["reports"]) <= 64:
                self.broken.append("number of reports")
            next_line = len(job.output) + 1
            for report in body["reports"]:
                ((name, said),) = report.items()
                if name == "output" and said["first_line"] != next_line:
                    raise Problem(409, "output_gap", f"the next line is {len(job.output) + 1}")
                next_line += said["text"].count("\n") if name == "output" else 0
            for report in body["reports"]:
                ((name, said),) = report.items()
                self.report(job, name, said)
            self.several.append(len(body["reports"]))
            return 200, {"taken": len(body["reports"]), "next_line": len(job.output) + 1, "quota_reached": False}
        if route == "end":
            job.end = body
            job.state = "ended"
            job.ended_at = time.monotonic()
            return 200, {"used_ms": body["worker_ms"]}
        raise Problem(404, "no_such_route", route)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *args):
        self.open = set()
        super().__init__(*args)

    def get_request(self):
        connection, address = super().get_request()
        self.open.add(connection)
        return connection, address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):  # not merely cut off
            super().handle_error(request, client_address)

    def close_all(self):
        self.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(2)
            except OSError:
                pass
            connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):  # cut off
            pass

    def handle_expect_100(self):
        good = super().handle_expect_100()
        if not self.server.contract.slow_uploads:  # which wait for it, a second long
            self.wfile.flush()
        return good

    def respond(self):
        contract = self.server.contract
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.command == "POST" and size > 256 << 10:
            self.server.contract.broken.append("a body of %d bytes" % size)
        if len(body) < size:
            raise ValueError("cut off")
        key = self.headers.get("Idempotency-Key")
        path = urllib.parse.urlsplit(self.path).path
        with contract.lock:
            known = contract.answers.get(key) if key else None
            if known is not None:
                if known[0] != body:
                    contract.broken.append(f"{path}: the same key with another body")
                status, answer = known[1:]
            else:
                try:
                    status, answer = contract.answer(self, self.command, path, body)
                    if key:
                        contract.answers[key] = (body, status, answer)
                except Problem as problem:
                    status, answer = problem.status, problem.body
            contract.lock.notify_all()
            route = path.rsplit("/", 1)[-1]
            lost = route in contract.swallow
            contract.swallow.discard(route)
        if lost:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = respond
