# SPDX-License-Identifier: Apache-2.0
"""The network benchmarks of tools/bench/run: our server and a peer, both started here, one after the other in each pair. A peer that is not installed is
said so and left out. CPU is of the server's process; wrk's and redis-benchmark's are not part of it."""
import concurrent.futures
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

LOCAL = "127.0.0.1"
TICK = os.sysconf("SC_CLK_TCK")
SAMPLES_OF_A_JOB = 43200  # are taken at once (projections/metrics.h); then ten a second
SAMPLES_PER_S = {1: 150000, 64: 400000}  # by connections: more than any machine here writes, so that enough jobs are running


def free_port():
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        return probe.getsockname()[1]


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wait_for_port(port):
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((LOCAL, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                sys.exit("nothing listens on port %d" % port)
            time.sleep(0.05)


class Peer:
    """A program in a folder of its own, ended and removed at the end."""

    def __init__(self, arguments, port, folder, pid=None):
        self.port, self.folder = port, folder
        self.child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(port)
        self.pid = pid() if pid else self.child.pid

    def close(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def nginx(body):
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        return print("  nginx is not installed: no peer") or None
    folder, port = tempfile.mkdtemp(prefix="bench-nginx-"), free_port()
    with open(folder + "/nginx.conf", "w") as file:
        file.write("""daemon off; worker_processes 1; pid %s/pid; error_log /dev/null; user root;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %s/body; client_max_body_size 0; default_type application/json;
  server { listen 127.0.0.1:%d; location /constant { return 200 '%s'; }
           location /put { client_body_in_file_only on; client_body_buffer_size 64k; proxy_pass http://127.0.0.1:%d/constant; } } }
""" % (folder, folder, port, body, port))

    def worker():
        with open(folder + "/pid") as file:
            master = file.read().strip()
        return int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", master]).split()[0])
    return Peer([program, "-c", folder + "/nginx.conf", "-p", folder], port, folder, worker)


def constant(options, body):
    """libuv and llhttp alone."""
    folder, port = tempfile.mkdtemp(prefix="constant-", dir=options.dir), free_port()
    with open(folder + "/body", "wb") as file:
        file.write(body)
    return Peer([options.bin + "/tally-bench", "constant", "--dir", folder, "--port", str(port)], port, folder)


class Postgres:
    """A cluster of its own; its server does not run as root."""
    INSERT = "INSERT INTO events VALUES (DEFAULT, repeat('x', 256));\n"

    def __init__(self, folder_parent):
        self.bin = max(glob.glob("/usr/lib/postgresql/*/bin"), default=None)
        if self.bin is None or shutil.which("pgbench") is None:
            self.bin = None
            return print("  postgresql is not installed: no peer")
        self.folder, self.port = tempfile.mkdtemp(prefix="bench-postgres-", dir=folder_parent), free_port()
        shutil.chown(self.folder, "postgres")
        self.run(self.bin + "/initdb", "-D", self.folder + "/data", "-A", "trust")
        with open(self.folder + "/insert.sql", "w") as file:
            file.write(self.INSERT)
        self.child = subprocess.Popen(["runuser", "-u", "postgres", "--", self.bin + "/postgres", "-D", self.folder + "/data", "-p", str(self.port),
                                       "-k", self.folder, "-c", "max_connections=300", "-c", "synchronous_commit=on"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)
        while subprocess.run(["runuser", "-u", "postgres", "--", self.bin + "/pg_isready", "-q", "-h", self.folder, "-p", str(self.port)]).returncode:
            time.sleep(0.1)
        with open(self.folder + "/data/postmaster.pid") as file:
            self.pid = int(file.readline())
        self.run("psql", "-q", "-h", self.folder, "-p", str(self.port), "-c", "CREATE TABLE events (id bigserial PRIMARY KEY, text text)")

    def run(self, *arguments):
        return subprocess.run(["runuser", "-u", "postgres", "--", *arguments], capture_output=True, text=True, check=True).stdout

    def cpu_s(self):
        """Of the server, and of the processes of connections that have ended."""
        with open("/proc/%d/stat" % self.pid) as file:
            return sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:15]) / TICK

    def insert(self, connections, seconds):
        before = self.cpu_s()
        text = self.run("pgbench", "-n", "-h", self.folder, "-p", str(self.port), "-U", "postgres", "-c", str(connections), "-j", "1", "-M", "prepared",
                        "-T", str(seconds), "-f", self.folder + "/insert.sql", "postgres")
        rate = float(re.search(r"tps = ([0-9.]+)", text).group(1))
        count = int(re.search(r"actually processed: (\d+)", text).group(1))
        time.sleep(0.2)  # its connections' processes are gone
        return {"rate": rate, "cpu_us": (self.cpu_s() - before) / count * 1e6}

    def close(self):
        if self.bin is not None:
            os.kill(self.pid, signal.SIGINT)
            self.child.wait(20)
            shutil.rmtree(self.folder, ignore_errors=True)


def redis(folder_parent):
    if shutil.which("redis-server") is None or shutil.which("redis-benchmark") is None:
        return print("  redis is not installed: no peer") or None
    folder, port = tempfile.mkdtemp(prefix="redis-", dir=folder_parent), free_port()
    return Peer(["redis-server", "--port", str(port), "--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
                port, folder)


def nats():
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        return print("  nats-server is not installed: no peer") or None
    folder, port, ws = tempfile.mkdtemp(prefix="bench-nats-"), free_port(), free_port()
    with open(folder + "/conf", "w") as file:
        file.write("host: 127.0.0.1\nport: %d\nmax_connections: 20000\nwebsocket { host: 127.0.0.1\n port: %d\n no_tls: true\n }\n" % (port, ws))
    peer = Peer([program, "-c", folder + "/conf"], port, folder)
    peer.ws = ws
    return peer


def masked_frame(text, first=0x81):
    size = len(text)
    head = bytes([first]) + (bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size))
    return head + b"\0\0\0\0" + text


def upgrade(path, *lines):
    return ("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n" % (path, "".join(line + "\r\n" for line in lines))).encode()


IN_TURN = """function init()
  for i, job in ipairs(jobs) do
    requests[i] = wrk.format("POST", job[1], {["Content-Type"] = "application/json", Authorization = "Bearer " .. job[2]}, [[%s]])
  end
end
function request()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


def spread(values):
    return "median %.2f  (%.2f to %.2f, %d pairs)" % (statistics.median(values), min(values), max(values), len(values))


def ratios(what, pairs, key, better):
    """`pairs`: ours and the peer's results."""
    values = [ours[key] / peer[key] for ours, peer in pairs if peer[key]]
    if values:
        print("    %-34s %s   e.g. %.4g against %.4g   (%s is better)" % (
            what, spread(values), statistics.median(o[key] for o, _ in pairs), statistics.median(p[key] for _, p in pairs), better))


class NetBench:
    def __init__(self, options):
        self.options = options
        os.environ["TALLY_BIN_DIR"] = options.bin
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/tests/support")
        import tally_harness
        tempfile.tempdir = options.dir  # on the disk that is measured
        self.world = tally_harness.World(terms={"upload_max": 600 * 10**6}, options=("--connections-max", "8192"))
        self.alice = self.world.person("alice", money=10**12)
        self.maria = self.world.person("maria")
        self.host = self.world.host(self.maria, rate=1)
        self.job = self.alice.queued_job(self.host)
        self.host.claim_and_start(self.job)
        self.port, self.pid = self.world.server.port, self.world.server.child.pid

    def close(self):
        self.world.close()

    def keep_alive(self):
        """The machine reports, or its lease runs out."""
        self.host.ok("POST", self.host.path(self.job, "progress"), {"permille": 1, "used_ms": 1, "operation": "x"})

    # ── http ──

    def wrk(self, port, path, pid, connections, script=None, header=None):
        before = cpu_s(pid)
        arguments = ["wrk", "-t1", "-c%d" % connections, "-d%ds" % self.options.seconds, "--latency"]
        arguments += ["-s", script] if script else []
        arguments += ["-H", header] if header else []
        text = subprocess.run(arguments + ["http://127.0.0.1:%d%s" % (port, path)], capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text:
            sys.exit("some answers were not 200: " + text)
        p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", text)
        count = int(re.search(r"(\d+) requests in", text).group(1))
        return {"rate": float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1)),
                "p99_ms": float(p99.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3}[p99.group(2)],
                "cpu_us": (cpu_s(pid) - before) / count * 1e6}

    def redis_add(self, peer, connections, pipeline=1):
        count = {1: 4000, 64: 60000, 256: 100000}[connections] * self.options.seconds // 3
        before = cpu_s(peer.pid)
        text = subprocess.run(["redis-benchmark", "-p", str(peer.port), "-c", str(connections), "-n", str(count), "-P", str(pipeline), "--csv",
                               "XADD", "s", "*", "f", "x" * 256], capture_output=True, text=True, check=True).stdout
        last = text.strip().splitlines()[-1].split(",")
        return {"rate": float(last[1].strip('"')), "p99_ms": float(last[6].strip('"')) if len(last) > 6 else 0,
                "cpu_us": (cpu_s(peer.pid) - before) / count * 1e6}

    def http(self):
        if shutil.which("wrk") is None:
            return print("http: wrk is not installed")
        path = "/v1/jobs/" + self.job["id"]
        body = self.alice.get(path).body
        print("http: GET of a job's view, %d bytes, with a token, 64 connections; against nginx `return` of as many" % len(body))
        peer = nginx(body.decode().replace("'", " "))
        if peer:
            pairs = []
            for _ in range(self.options.pairs):
                self.keep_alive()
                ours = self.wrk(self.port, path, self.pid, 64, header="Authorization: Bearer " + self.alice.token)
                pairs.append((ours, self.wrk(peer.port, "/constant", peer.pid, 64)))
            peer.close()
            ratios("requests/s", pairs, "rate", "more")
            ratios("p99 ms", pairs, "p99_ms", "less")
            ratios("server CPU us/request", pairs, "cpu_us", "less")
        print("http: the same against libuv and llhttp alone with a constant answer of as many bytes")
        peer, pairs = constant(self.options, body), []
        for _ in range(self.options.pairs):
            self.keep_alive()
            ours = self.wrk(self.port, path, self.pid, 64, header="Authorization: Bearer " + self.alice.token)
            pairs.append((ours, self.wrk(peer.port, "/", peer.pid, 64)))
        peer.close()
        ratios("requests/s", pairs, "rate", "more")
        ratios("p99 ms", pairs, "p99_ms", "less")
        ratios("server CPU us/request", pairs, "cpu_us", "less")
        script = self.options.dir + "/post.lua"
        with open(script, "w") as file:
            file.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer %s"\n'
                       'wrk.body = [[{"permille":1,"used_ms":1,"operation":"%s"}]]\n' % (self.host.token, "x" * 100))
        print("http: durable POST of one event; against Redis XADD, appendfsync always")
        peer = redis(self.options.dir)
        for connections in (1, 64, 256):
            pairs = []
            for _ in range(self.options.pairs if peer else 0):
                head = self.world.head()
                ours = self.wrk(self.port, self.host.path(self.job, "progress"), self.pid, connections, script)
                if self.world.head() - head < ours["rate"] * self.options.seconds * 0.8:
                    sys.exit("not every request wrote an event")
                pairs.append((ours, self.redis_add(peer, connections)))
            if pairs:
                print("  %d connections" % connections)
                ratios("writes/s", pairs, "rate", "more")
                ratios("p99 ms", pairs, "p99_ms", "less")
                ratios("server CPU us/write", pairs, "cpu_us", "less")
        self.several(peer)
        if peer:
            peer.close()
        print("http: the same against PostgreSQL, an INSERT each, synchronous_commit on")
        peer = Postgres(self.options.dir)
        for connections in (1, 64) if peer.bin else ():
            pairs = [(self.wrk(self.port, self.host.path(self.job, "progress"), self.pid, connections, script),
                      peer.insert(connections, self.options.seconds)) for _ in range(self.options.pairs)]
            print("  %d connections" % connections)
            ratios("writes/s", pairs, "rate", "more")
            ratios("server CPU us/write", pairs, "cpu_us", "less")
        peer.close()

    def running(self, count):
        """Jobs that run, each on a machine of its own: what may be reported at once, and where."""
        def run(number):
            host = self.world.host(self.maria, "rig-%d" % number, rate=1)
            job = self.alice.queued_job(host)
            host.claim_and_start(job)
            return host.path(job, "reports"), host.token
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            return list(pool.map(run, range(count)))

    def several(self, peer, count=16):
        """So many events a request, against as many commands in a pipeline. A job takes only so many samples, so each run has jobs of its own, in turn."""
        sample = {"at_ms": 1, "cpu_permille": 500, "ram_mib": 1000, "ram_total_mib": 64000, "gpu_permille": 900, "vram_mib": 8000,
                  "vram_total_mib": 24000, "temperature_c": 70, "power_mw": 300000}
        body, script = json.dumps({"reports": [{"metrics": {"samples": [sample]}}] * count}), self.options.dir + "/several.lua"
        print("http: durable POST of %d reports at once; against Redis XADD with pipelines of as many" % count)
        for connections in (1, 64):
            pairs = []
            for _ in range(self.options.pairs if peer else 0):
                self.keep_alive()
                jobs = self.running(self.options.seconds * SAMPLES_PER_S[connections] // SAMPLES_OF_A_JOB + 1)
                with open(script, "w") as file:
                    file.write("local jobs, requests, turn = {%s}, {}, 0\n" % ",".join('{"%s", "%s"}' % job for job in jobs))
                    file.write(IN_TURN % body)
                head = self.world.head()
                ours = self.wrk(self.port, "/", self.pid, connections, script)
                if self.world.head() - head < ours["rate"] * count * self.options.seconds * 0.8:
                    sys.exit("not every report became an event")
                pairs.append(({**ours, "rate": ours["rate"] * count, "cpu_us": ours["cpu_us"] / count}, self.redis_add(peer, connections, count)))
            if pairs:
                print("  %d connections" % connections)
                ratios("events/s", pairs, "rate", "more")
                ratios("server CPU us/event", pairs, "cpu_us", "less")

    # ── feed ──

    def follow(self, port, publish_port, pid, count, rate, hello, subscribe, publish):
        folder = self.options.dir + "/follow"
        os.makedirs(folder, exist_ok=True)
        for name, text in (("hello", hello), ("subscribe", subscribe), ("publish", publish)):
            with open(folder + "/" + name, "wb") as file:
                file.write(text)
        child = subprocess.Popen([self.options.bin + "/tally-bench", "follow", "--dir", folder, "--in-flight", str(count), "--events", str(rate),
                                  "--seconds", str(self.options.seconds), "--port", str(port), "--publish-port", str(publish_port)],
                                 stdout=subprocess.PIPE, text=True)
        if child.stdout.readline() != "ready\n":
            sys.exit("the subscribers did not come up")
        before = cpu_s(pid)
        result = json.loads(child.stdout.readline())
        child.wait()
        result["cpu_server_s"] = cpu_s(pid) - before
        result["share"] = result["delivered"] / (count * rate * self.options.seconds)
        return result

    def feed(self):
        operator = self.world.operator()
        body = json.dumps({"permille": 1, "used_ms": 1, "operation": ""}).encode()
        publish = ("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
            self.host.path(self.job, "progress"), self.host.token, len(body))).encode() + body
        self.keep_alive()
        last = operator.ok("GET", "/v1/events?limit=1&after=%d" % (self.world.head() - 1))["items"][0]
        event = json.dumps({"event": last}, separators=(",", ":")).encode()
        if b'"time":"' not in event:
            sys.exit("events have no time")
        print("feed: events of %d bytes, durable before they are sent; against NATS' WebSocket listener with the same bytes" % len(event))
        peer = nats()
        if peer is None:
            return
        for count, rate in ((100, 1000), (1000, 1000), (5000, 20)):
            pairs = []
            for _ in range(self.options.pairs):
                self.keep_alive()
                head = self.world.head()
                hello = upgrade("/v1/feed?token=" + operator.token, "Sec-WebSocket-Protocol: tally.v1")
                subscribe = masked_frame(json.dumps({"subscribe": {"topics": ["all"], "after": head}}).encode())
                ours = self.follow(self.port, self.port, self.pid, count, rate, hello, subscribe, publish)
                subscribe = masked_frame(b'CONNECT {"verbose":false}\r\nSUB x 1\r\n', 0x82)
                message = b"PUB x %d\r\n%s\r\n" % (len(event), event)
                pairs.append((ours, self.follow(peer.ws, peer.port, peer.pid, count, rate, upgrade("/"), subscribe, message)))
            print("  %d subscribers x %d events/s: delivered %.3f against %.3f of all" % (
                count, rate, statistics.median(o["share"] for o, _ in pairs), statistics.median(p["share"] for _, p in pairs)))
            ratios("p50 ms", pairs, "p50_ms", "less")
            ratios("p99 ms", pairs, "p99_ms", "less")
            ratios("server CPU s", pairs, "cpu_server_s", "less")
            ratios("subscribers' CPU s", pairs, "cpu_s", "less")
        peer.close()

    # ── upload ──

    def put(self, port, path, pid, headers, size, method="POST"):
        before, begin = cpu_s(pid), time.monotonic()
        connection = http.client.HTTPConnection(LOCAL, port, timeout=120)
        connection.putrequest(method, path)
        for name, value in {**headers, "Content-Length": str(size)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        piece = b"1,2,3\n" * 174762
        left = size
        while left > 0:
            connection.sock.sendall(piece[:left])
            left -= min(left, len(piece))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return {"rate": size / 1e6 / (time.monotonic() - begin), "cpu_s": cpu_s(pid) - before, "status": answer.status}

    def upload(self):
        size = 500 * 10**6
        peer = nginx("{}")
        print("upload: %d MB, ours parsed as multipart, hashed and analysed; against nginx that writes it to a file unparsed" % (size // 10**6))
        if peer is None:
            return
        pairs, in_pieces = [], []
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        for _ in range(self.options.pairs):
            ours = self.put_form(size, head)
            in_pieces.append((self.put_piece(size), ours))
            theirs = self.put(peer.port, "/put", peer.pid, {"Content-Type": "application/octet-stream"}, size)
            for name in os.listdir(peer.folder + "/body"):
                os.unlink(peer.folder + "/body/" + name)
            pairs.append((ours, theirs))
        peer.close()
        print("  answers %s against %s" % ({o["status"] for o, _ in pairs}, {p["status"] for _, p in pairs}))
        ratios("MB/s", pairs, "rate", "more")
        ratios("server CPU s", pairs, "cpu_s", "less")
        print("  the same as a resumable upload, synced every 8 MiB on the way and hashed at its end; against ours in one request")
        ratios("MB/s", in_pieces, "rate", "more")
        ratios("server CPU s", in_pieces, "cpu_s", "less")

    def put_piece(self, size):
        before, begin = cpu_s(self.pid), time.monotonic()
        path = "/v1/uploads/resumable"
        path += "/" + self.alice.ok("POST", path, {"file_name": "x.csv", "size": size})["id"]
        self.put(self.port, path, self.pid, {"Authorization": "Bearer " + self.alice.token, "Upload-Offset": "0",
                                             "Content-Type": "application/partial-upload"}, size, "PATCH")
        self.alice.ok("POST", path + "/complete", {})
        return {"rate": size / 1e6 / (time.monotonic() - begin), "cpu_s": cpu_s(self.pid) - before}

    def put_form(self, size, head):
        tail = b"\r\n--b--\r\n"
        before, begin = cpu_s(self.pid), time.monotonic()
        connection = http.client.HTTPConnection(LOCAL, self.port, timeout=120)
        connection.putrequest("POST", "/v1/uploads")
        for name, value in (("Authorization", "Bearer " + self.alice.token), ("Content-Type", "multipart/form-data; boundary=b"),
                            ("Content-Length", str(len(head) + size + len(tail)))):
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendall(head)
        piece = b"1,2,3\n" * 174762
        left = size
        while left > 0:
            connection.sock.sendall(piece[:left])
            left -= min(left, len(piece))
        connection.sock.sendall(tail)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return {"rate": size / 1e6 / (time.monotonic() - begin), "cpu_s": cpu_s(self.pid) - before, "status": answer.status}
