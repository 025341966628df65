# SPDX-License-Identifier: Apache-2.0
"""A docker of a test's own: Debian's daemon (tools/docker), everything that it keeps in one folder, no bridge, no firewall rules, mounts of its own. It has no shim,
without which docker starts no container: what a test makes of it is made without one."""
import os
import subprocess
import time
import unittest

TOOL = os.environ["TALLY_SOURCE_DIR"] + "/tools/docker"
PATIENCE_S = 120
NOT_FETCHED = 3  # what tools/docker ends with when the archive cannot be reached
# What a daemon says on a machine that gives root less than it needs.
NOT_ALLOWED = ("permission denied", "operation not permitted", "cgroup isn't mounted", "read-only file system")


def programs():
    """The folder with docker's. Away from the archive there is none, and a test says so."""
    done = subprocess.run([TOOL], capture_output=True, text=True, timeout=600)
    if done.returncode == NOT_FETCHED:
        raise unittest.SkipTest("no docker: " + done.stderr.strip()[-300:])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


class DockerDaemon:
    def __init__(self, folder):
        """`folder` is new, and its name short: sockets are in it."""
        self.folder = folder
        self.programs = programs()
        self.host = "unix://" + folder + "/socket"
        os.mkdir(folder)
        with open(folder + "/config", "w") as file:
            file.write('{"deprecated-key-path": "%s/key"}' % folder)
        self.trace = open(folder + "/trace", "w")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" "$@"',
             self.programs + "/dockerd", "--config-file", folder + "/config",
             "--data-root", folder + "/data", "--exec-root", folder + "/run", "--pidfile", folder + "/pid", "--host", self.host, "--storage-driver", "vfs",
             "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
            stdout=self.trace, stderr=self.trace, env={"PATH": self.programs + ":/usr/sbin:/usr/bin:/sbin:/bin"})
        until = time.monotonic() + PATIENCE_S
        while self.ask("version", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                with open(folder + "/trace") as file:
                    said = file.read()[-4000:]
                if any(words in said.lower() for words in NOT_ALLOWED):
                    raise unittest.SkipTest("no docker can be started here: " + said[-300:])
                raise AssertionError("no docker: " + said)
            time.sleep(0.05)

    def ask(self, *words, check=True, **more):
        return subprocess.run([self.programs + "/docker", "--host", self.host, *words], check=check, capture_output=True, timeout=PATIENCE_S,
                              env={"PATH": "/usr/bin:/bin", "HOME": self.folder}, **more)

    def load(self, name, root, *changes):
        """An image with the files of `root`; each change is a line as of a Dockerfile. Its id."""
        tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
        said = self.ask("import", *(word for change in changes for word in ("--change", change)), "-", name, stdin=tar.stdout, text=True)
        tar.stdout.close()
        if tar.wait(PATIENCE_S) != 0:
            raise AssertionError("tar failed")
        return said.stdout.strip()

    def program(self, path, before=""):
        """What the worker is told is docker: `before` is shell, with the words in $@."""
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755), "w") as file:
            file.write("#!/bin/sh\ndocker() { %s/docker --host %s \"$@\"; }\necho \"$*\" >> %s.calls\n%s\nexec %s/docker --host %s \"$@\"\n" %
                       (self.programs, self.host, path, before, self.programs, self.host))
        return path

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        self.trace.close()
