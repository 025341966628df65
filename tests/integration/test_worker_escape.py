#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Escapes: each attempt is a real one, since it succeeds outside the sandbox, and inside it gets the error that it should. R11"""
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import MARK, WorkerFixture, programs  # noqa: E402

ATTEMPTS = r"""
import ctypes, errno, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
SECRET, PID, PORT, ABSTRACT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
X86 = os.uname().machine == "x86_64"

def call(number, *arguments):
    got = libc.syscall(number, *arguments)
    if got == -1:
        raise OSError(ctypes.get_errno(), "syscall %d" % number)
    return got

def in_child(act):
    "What is done to the whole process is done to a child."
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            os.write(writer, b"0")
        except OSError as error:
            os.write(writer, b"%d" % error.errno)
        os._exit(0)
    os.close(writer)
    number = int(os.read(reader, 16) or b"0")
    os.close(reader)
    os.waitpid(child, 0)
    if number:
        raise OSError(number, "in a child")

def trace_somebody():
    child = os.fork()
    if child == 0:
        time.sleep(60)
    try:
        call(101 if X86 else 117, 16, child, 0, 0)
        os.waitpid(child, 0)
        call(101 if X86 else 117, 17, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

def mount_something():
    call(272 if X86 else 97, 0x00020000)
    call(165 if X86 else 40, b"none", b"/mnt", b"tmpfs", 0, None)

def abstract_socket():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + ABSTRACT)

def many_processes():
    made = []
    try:
        for _ in range(1200):
            child = os.fork()
            if child == 0:
                signal.pause()
            made.append(child)
    finally:
        for child in made:
            os.kill(child, signal.SIGKILL)
        for child in made:
            os.waitpid(child, 0)

def fill(path, mib):
    try:
        with open(path, "wb") as out:
            for _ in range(mib):
                out.write(bytes(1 << 20))
                out.flush()
    finally:
        if os.path.exists(path):
            os.unlink(path)

def fill_in_parts(folder, parts):
    made = ["%s/tally-%s-%d" % (folder, ABSTRACT, i) for i in range(parts)]
    try:
        for path in made:
            with open(path, "wb") as out:
                for _ in range(40):
                    out.write(bytes(1 << 20))
                    out.flush()
    finally:
        for path in made:
            if os.path.exists(path):
                os.unlink(path)

def capabilities():
    for line in open("/proc/self/status"):
        if line.startswith("CapEff") and int(line.split()[1], 16) == 0:
            raise OSError(errno.EPERM, "none")

for name, act in (
        ("host files", lambda: open(SECRET).read()),
        ("host processes", lambda: os.kill(PID, 0)),
        ("host network", lambda: socket.create_connection(("127.0.0.1", PORT), 5).close()),
        ("abstract socket", abstract_socket),
        ("ptrace", trace_somebody),
        ("user namespace", lambda: in_child(lambda: call(272 if X86 else 97, 0x10000000))),
        ("mount", lambda: in_child(mount_something)),
        ("keyring", lambda: in_child(lambda: call(248 if X86 else 217, b"user", b"tally-test", b"x", 1, -2))),
        ("hostname", lambda: in_child(lambda: (call(272 if X86 else 97, 0x04000000), socket.sethostname("x")))),
        ("many processes", many_processes),
        ("a large file", lambda: fill(os.getcwd() + "/large", 80)),
        ("memory disk", lambda: fill_in_parts("/tmp", 8)),
        ("capabilities", capabilities)):
    print("MARK before", name, flush=True)
    try:
        act()
        print(name, "done", flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
    print("MARK after", name, flush=True)
"""
INSIDE = {"host files": "ENOENT", "host processes": "ESRCH", "host network": "ECONNREFUSED", "abstract socket": "ECONNREFUSED", "ptrace": "EPERM",
          "user namespace": "EPERM", "mount": "EPERM", "keyring": "EPERM", "hostname": "EPERM", "many processes": "EAGAIN",
          "a large file": "EFBIG", "memory disk": "ENOSPC", "capabilities": "EPERM"}


class Escape(WorkerFixture):
    def found(self, text):
        lines = text.splitlines()
        found = {}
        for name in INSIDE:
            self.assertIn("MARK before " + name, lines)
            self.assertIn("MARK after " + name, lines)  # it lived on
            between = lines[lines.index("MARK before " + name) + 1:lines.index("MARK after " + name)]
            self.assertEqual(len(between), 1, lines)
            found[name] = between[0][len(name) + 1:]
        return found

    def test_what_works_outside_is_refused_inside_with_its_own_error(self):
        secret = self.folder + "/secret"
        with open(secret, "w") as file:
            file.write("secret")
        name = "tally-test-%d" % os.getpid()
        with socket.socket(socket.AF_UNIX) as listening, tempfile.TemporaryDirectory() as folder:
            listening.bind("\0" + name)
            listening.listen()
            arguments = [secret, str(os.getpid()), str(self.server.port), name]
            outside = subprocess.run(["/usr/bin/python3", "-c", ATTEMPTS, *arguments], capture_output=True, text=True, timeout=60, cwd=folder)
            job = self.add(ATTEMPTS, arguments=arguments)
            self.run_worker("--disk-mib", "64", "--ram-mib", "1024")
            self.assertEqual(self.ended(job)["ending"], "completed", job.end)
        before = self.found(outside.stdout)
        weak = {attempt: error for attempt, error in before.items() if error != "done"}
        if os.geteuid() != 0:  # what an ordinary user may not do outside either proves nothing here
            for attempt in ("mount", "hostname", "capabilities"):
                weak.pop(attempt, None)
        for attempt in ("ptrace", "user namespace", "keyring"):  # of which a container around the tests may say the same
            if weak.get(attempt) in ("EPERM", "ENOSYS"):
                print("not tried, refused outside too: " + attempt)
                weak.pop(attempt)
        self.assertEqual(weak, {}, outside.stderr)
        self.assertEqual(self.found(job.text("stdout")), INSIDE)
        self.assert_clean()

    def test_memory_is_filled_outside_and_ends_the_job_inside(self):
        source = "held = b'1' * (600 << 20)\nprint('held', len(held) >> 20)\n"
        outside = subprocess.run(["/usr/bin/python3", "-c", source], capture_output=True, text=True, timeout=60)
        self.assertEqual(outside.stdout, "held 600\n", outside.stderr)
        job = self.add("print('MARK before', flush=True)\n" + source)
        self.run_worker("--ram-mib", "256")
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"]), ("program_failed", "out_of_memory"), end)
        self.assertEqual(job.text("stdout"), "MARK before\n")
        self.assert_clean()

    def test_a_daemon_outlives_its_parent_outside_and_not_inside(self):
        source = ("import os, sys, time\n"
                  "if os.fork() == 0:\n"
                  "    os.setsid()\n"
                  "    if os.fork() == 0:\n"
                  "        for fd in 0, 1, 2: os.close(fd)\n"
                  "        time.sleep(30)\n"
                  "    os._exit(0)\n"
                  "time.sleep(0.3)\n")
        subprocess.run(["/usr/bin/python3", "-c", source, MARK], timeout=20)
        left = programs()
        self.assertEqual(len(left), 1)
        os.kill(left[0], 9)
        until = time.monotonic() + 10
        while programs() and time.monotonic() < until:
            time.sleep(0.02)
        job = self.add(source)
        self.run_worker()
        self.assertEqual(self.ended(job)["ending"], "completed")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main(verbosity=2)
