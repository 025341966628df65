#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A job's network (R11): off, or to the Internet and to nothing nearer. The machine of this test is a network namespace with a link to another one,
which is everything else: a server at a public address, a neighbour, a private network, a cloud's metadata. Each attempt succeeds from the machine
itself, and inside a job gets the error that it should."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import MARK, WORKER, WorkerFixture, programs  # noqa: E402

TESTED = "TALLY_NETWORK_TEST"  # set where the machine of the test is
PUBLIC, NEIGHBOUR, OWN = "198.51.100.7", "203.0.113.9", "203.0.113.5"
PRIVATE = ["10.99.0.2", "172.16.0.1", "192.168.50.1", "100.64.0.1", "192.0.0.192", "198.18.0.1", "168.63.129.16"]
METADATA = "169.254.169.254"
OPEN, HOLD, UDP, HOST = 7000, 7001, 7002, 7003

# A server for whatever it is asked at, which says by whom.
SERVER = r"""
import socket, socketserver, sys, threading
class Greet(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"hello\n")
class Hold(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"held\n"); self.request.recv(1)
class Echo(socketserver.BaseRequestHandler):
    def handle(self): self.request[1].sendto(b"hello\n", self.client_address)
NAMES = {b"public.test": "198.51.100.7", b"rebound.test": "10.99.0.2"}
def name_of(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    return b".".join(labels), query[12:at + 5]
class Names(socketserver.BaseRequestHandler):
    def handle(self):
        query, out = self.request
        name, question = name_of(query)
        address = NAMES.get(name) if question[-4:-2] == b"\0\1" else None
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address) if address else b""
        known = name in NAMES
        out.sendto(query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1\0" + bytes([bool(answer)]) + b"\0\0\0\0" + question + answer, self.client_address)
class Tcp6(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True
class Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
servers = []
for word in sys.argv[1:]:
    kind, port = word.split(":")
    if kind == "names": servers.append(Udp(("127.0.0.1", int(port)), Names))
    elif kind == "udp":  # each answers from where it was asked
        servers += [Udp((address, int(port)), Echo) for address in ("198.51.100.7", "192.168.50.1")]
    else: servers.append(Tcp6(("::", int(port)), Hold if kind == "hold" else Greet))
for server in servers: threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

ATTEMPTS = r"""
import errno, fcntl, json, socket, struct, subprocess, sys
WORLD = json.loads(sys.argv[1])
DEVICE = sys.argv[2]

def connect(address, port, family=socket.AF_INET, option=None):
    with socket.socket(family) as s:
        s.settimeout(20)
        if option:
            s.setsockopt(socket.SOL_SOCKET, *option)
        s.connect((address, port))
        if s.recv(6) != b"hello\n":
            raise OSError(errno.EPROTO, "no greeting")

def ask(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(3):  # the first of a connection waits for the device
            s.settimeout(10)
            s.sendto(b"x", (address, port))
            try:
                return s.recv(6)
            except TimeoutError:
                pass
        raise OSError(errno.ETIMEDOUT, "no answer")

def by_name(name):
    try:
        address = socket.getaddrinfo(name, 1, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror as error:
        raise OSError(errno.ENONET, str(error))
    connect(address, WORLD["open"])

def bring_down():
    with socket.socket() as s:  # and up again: what it is; only whether one may
        flags = fcntl.ioctl(s, 0x8913, struct.pack("16sh22x", b"lo", 0))
        fcntl.ioctl(s, 0x8914, flags)

def open_device():
    with open("/dev/net/tun", "rb", buffering=0): pass

def drop_rules():
    if subprocess.run(["/usr/sbin/nft", "flush", "ruleset"], capture_output=True).returncode:
        raise OSError(errno.EPERM, "nft")

TRIES = [("public", lambda: connect(WORLD["public"], WORLD["open"])),
         ("public by name", lambda: by_name("public.test")),
         ("public by udp", lambda: ask(WORLD["public"], WORLD["udp"])),
         ("mail", lambda: connect(WORLD["public"], 25)),
         ("host loopback", lambda: connect("127.0.0.1", WORLD["host"])),
         ("host by the gateway", lambda: connect("10.0.2.2", WORLD["host"])),
         ("host by the resolver", lambda: connect("10.0.2.3", WORLD["host"])),
         ("host by its own address", lambda: connect(WORLD["own"], WORLD["host"])),
         ("neighbour", lambda: connect(WORLD["neighbour"], WORLD["open"])),
         ("metadata", lambda: connect(WORLD["metadata"], 80)),
         ("private by udp", lambda: ask("192.168.50.1", WORLD["udp"])),
         ("private by the device", lambda: connect("192.168.50.1", WORLD["open"], option=(25, DEVICE.encode()))),
         ("private by a public name", lambda: by_name("rebound.test")),
         ("IPv6", lambda: connect("2001:db8::7", WORLD["open"], socket.AF_INET6)),
         ("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()),
         ("packet socket", lambda: socket.socket(17, socket.SOCK_RAW).close()),
         ("device settings", bring_down), ("another device", open_device), ("rules", drop_rules)]
TRIES += [("private " + address, lambda address=address: connect(address, WORLD["open"])) for address in WORLD["private"]]
for name, act in TRIES:
    print("MARK before", name, flush=True)
    try:
        act()
        print(name, "done", flush=True)
    except OSError as error:
        print(name, errno.errorcode.get(error.errno, str(error)), flush=True)
    print("MARK after", name, flush=True)
"""
WORLD = {"public": PUBLIC, "own": OWN, "neighbour": NEIGHBOUR, "private": PRIVATE, "metadata": METADATA, "open": OPEN, "udp": UDP, "host": HOST}
CLOSED = "EHOSTUNREACH"
WITH = {"public": "done", "public by name": "done", "public by udp": "done", "mail": CLOSED, "host loopback": "ECONNREFUSED",
        "host by the gateway": CLOSED, "host by the resolver": CLOSED, "host by its own address": CLOSED, "neighbour": CLOSED, "metadata": CLOSED,
        "private by udp": "EPERM", "private by the device": CLOSED, "private by a public name": CLOSED, "IPv6": "ENETUNREACH", "raw socket": "EPERM",
        "packet socket": "EAFNOSUPPORT", "device settings": "EPERM", "another device": "ENOENT", "rules": "EPERM",
        **{"private " + address: CLOSED for address in PRIVATE}}
NOWHERE = "ENETUNREACH"
WITHOUT = {**WITH, "public": NOWHERE, "public by name": "ENONET", "public by udp": NOWHERE, "mail": NOWHERE, "host by the gateway": NOWHERE,
           "host by the resolver": NOWHERE, "host by its own address": NOWHERE, "neighbour": NOWHERE, "metadata": NOWHERE, "private by udp": NOWHERE,
           "private by the device": "ENODEV", "private by a public name": "ENONET", **{"private " + address: NOWHERE for address in PRIVATE}}
WAITING = f"import socket\ns = socket.create_connection(('{PUBLIC}', {HOLD}))\nprint(s.recv(9), flush=True)\ns.recv(1)\nprint('cut', flush=True)\n"


MORTAL = ["setpriv", "--pdeathsig", "KILL", "--"]  # with the test, however that ends


def run(*words):
    subprocess.run(words, check=True, capture_output=True, timeout=30)


def make_world():
    """The machine is this process's namespace; the rest of the world is another's. Returned: who keeps it."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("nameserver 127.0.0.1\n")
        file.flush()
        os.chmod(file.name, 0o644)
        run("mount", "--bind", file.name, os.path.realpath("/etc/resolv.conf"))
    far = subprocess.Popen([*MORTAL, "unshare", "--net", "sleep", "infinity"])
    until = time.monotonic() + 60
    while os.readlink(f"/proc/{far.pid}/ns/net") == os.readlink("/proc/self/ns/net") and time.monotonic() < until:
        time.sleep(0.01)
    there = ["nsenter", f"--net=/proc/{far.pid}/ns/net", "--"]
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
    run("ip", "link", "set", "far", "netns", str(far.pid))
    for address in "10.99.0.1/30", OWN + "/24":
        run("ip", "address", "add", address, "dev", "near")
    for address in "10.0.2.2/32", "10.0.2.3/32":  # so that there is something behind what a job takes for its gateway and its resolver
        run("ip", "address", "add", address, "dev", "lo")
    run("ip", "address", "add", "2001:db8::1/64", "dev", "near", "nodad")
    run("ip", "link", "set", "near", "up")
    run(*there, "ip", "link", "set", "lo", "up")
    for address in [PUBLIC, METADATA, *PRIVATE[1:]]:
        run(*there, "ip", "address", "add", address + "/32", "dev", "lo")
    for address in "10.99.0.2/30", NEIGHBOUR + "/24":
        run(*there, "ip", "address", "add", address, "dev", "far")
    run(*there, "ip", "address", "add", "2001:db8::7/64", "dev", "far", "nodad")
    run(*there, "ip", "link", "set", "far", "up")
    run("ip", "route", "add", "default", "via", "10.99.0.2")
    servers = [far]
    for words in ([*there, sys.executable, "-c", SERVER, f"tcp:{OPEN}", f"hold:{HOLD}", f"udp:{UDP}", "tcp:25", "tcp:80"],
                  [sys.executable, "-c", SERVER, f"tcp:{HOST}", "names:53"]):
        servers.append(subprocess.Popen([*MORTAL, *words], stdout=subprocess.PIPE))
        assert servers[-1].stdout.readline() == b"ready\n"
    return servers


def helpers(parent):
    """The network helpers that a worker started."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                before, _, after = file.read().rpartition(")")
        except OSError:
            continue
        if before.endswith("(slirp4netns") and int(after.split()[1]) == parent:
            found.append(int(path.split("/")[2]))
    return found


def is_gone(pid, timeout=60):
    until = time.monotonic() + timeout
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < until:
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{pid}")


class Network(WorkerFixture):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.world = make_world()

    @classmethod
    def tearDownClass(cls):
        for process in reversed(cls.world):
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def found(self, text):
        lines = text.splitlines()
        found = {}
        for name in WITH:
            self.assertIn("MARK before " + name, lines)
            self.assertIn("MARK after " + name, lines)  # it lived on
            between = lines[lines.index("MARK before " + name) + 1:lines.index("MARK after " + name)]
            self.assertEqual(len(between), 1, lines)
            found[name] = between[0][len(name) + 1:]
        return found

    def test_a_job_reaches_what_is_public_and_nothing_that_is_near(self):
        outside = subprocess.run(["/usr/bin/python3", "-c", ATTEMPTS, json.dumps(WORLD), "near"], capture_output=True, text=True, timeout=120)
        weak = {name: error for name, error in self.found(outside.stdout).items() if error != "done"}
        self.assertEqual(weak, {}, outside.stderr)
        without = self.add(ATTEMPTS, arguments=[json.dumps(WORLD), "tap0"])
        job = self.add(ATTEMPTS, arguments=[json.dumps(WORLD), "tap0"], network=True)
        worker = self.run_worker("--network")
        self.assertEqual(self.ended(job)["ending"], "completed", job.end)
        self.assertEqual(self.found(job.text("stdout")), WITH)
        self.assertEqual(self.ended(without)["ending"], "completed", without.end)
        self.assertEqual(self.found(without.text("stdout")), WITHOUT)
        self.assertTrue(self.server.network)
        self.assertEqual([offer["network_allowed"] for offer in self.server.offers.values()], [True])
        self.assert_clean()
        self.assertEqual(helpers(worker.pid), [])

    def waiting(self, worker):
        job = self.add(WAITING, network=True)
        self.assertTrue(self.server.wait(lambda: ("stdout", "b'held\\n'") in job.output, 120), job.__dict__)
        found = helpers(worker.pid)
        self.assertEqual(len(found), 1)
        return job, found[0]

    def test_the_helper_is_nobody_sees_little_and_dies_with_the_job(self):
        worker = self.run_worker("--network")
        job, helper = self.waiting(worker)
        with open(f"/proc/{helper}/status") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual((int(status["CapEff"], 16), status["NoNewPrivs"], status["Seccomp"]), (0, "1", "2"))
        self.assertLessEqual(set(os.listdir(f"/proc/{helper}/root")), {"usr", "lib", "lib64", "etc", "dev", "net", "user"})
        self.assertEqual(os.listdir(f"/proc/{helper}/root/etc"), ["resolv.conf"])
        with open("/proc/net/tcp") as file:  # nothing that anybody could connect to is open because of it
            ports = {int(line.split()[1].split(":")[1], 16) for line in file.readlines()[1:] if line.split()[3] == "0A"}
        self.assertLessEqual(ports, {self.server.port, HOST})
        self.server.end(job)  # cancelled
        self.assertTrue(is_gone(helper))
        self.assert_clean()
        after = self.add("print('next', flush=True)")
        self.assertEqual(self.ended(after)["ending"], "completed")

    def test_a_killed_worker_leaves_no_helper_and_its_job_is_told_as_it_was(self):
        worker = self.run_worker("--network")
        job, helper = self.waiting(worker)
        worker.kill()
        worker.wait()
        self.assertTrue(is_gone(helper))
        until = time.monotonic() + 60
        while programs() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(programs(), [])
        self.run_worker("--network", rate=None)
        self.assertEqual((self.ended(job)["ending"], job.end["reason"]), ("host_fault", "worker_stopped"))
        self.assert_clean()

    def test_without_its_helper_a_job_has_no_network_and_the_worker_goes_on(self):
        worker = self.run_worker("--network")
        job, helper = self.waiting(worker)
        os.kill(helper, signal.SIGKILL)
        self.server.end(job)
        after = self.add(f"import socket\nsocket.create_connection(('{PUBLIC}', {OPEN}), 20)\n", network=True)
        self.assertEqual(self.ended(after)["ending"], "completed", after.end)
        self.assert_clean()

    def test_a_job_that_asks_is_not_run_where_none_is_given(self):
        self.server.forces_kinds = True  # a server that gives it out nevertheless
        job = self.add("print('ran', flush=True)", network=True)
        self.run_worker()
        self.assertEqual((self.ended(job)["ending"], job.end["reason"], job.output), ("host_fault", "sandbox_failed", []))
        self.assertIn("gives jobs no network", job.end["detail"])
        self.assertIs(self.server.network, False)
        self.assertEqual([offer["network_allowed"] for offer in self.server.offers.values()], [False])

    def test_a_machine_without_the_helper_says_so_and_offers_none(self):
        hidden = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /usr/bin/slirp4netns && exec "$@"', "-"]
        bad = subprocess.run([*hidden, WORKER, "selftest", "--state", self.state, "--network", "--no-gpus"], capture_output=True, text=True, timeout=120)
        self.assertRegex(bad.stdout, r"FAIL +job-network +there is no /usr/bin/slirp4netns \(package slirp4netns\)")
        self.workers.append(subprocess.Popen([*hidden, WORKER, "run", "--state", self.state, "--rate", "1000", "--network"], stderr=self.trace, stdout=self.trace))
        self.traced("worker.no_network")
        self.assertTrue(self.server.wait(lambda: self.server.network is not None, 60))  # it claims: the offer is on its disk
        self.assertEqual([offer["network_allowed"] for offer in self.server.offers.values()], [False])
        self.workers[-1].terminate()
        self.workers[-1].wait(30)
        self.run_worker("--network", rate=None)  # and with it again: a new offer at the rate there was
        self.assertTrue(self.server.wait(lambda: [o["network_allowed"] for o in self.server.offers.values()] == [True], 60), self.server.offers)
        self.assertEqual([offer["rate"] for offer in self.server.offers.values()], [1000])


def main():
    if os.geteuid() != 0:
        print("not tried: only root can make the networks that these tests need")
        return 0
    if TESTED not in os.environ:  # once more, as a machine of its own
        os.environ[TESTED] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--", sys.executable, *sys.argv])
    unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
