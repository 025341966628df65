#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs in docker's images: R11, R11.4. A real docker keeps them (tests/support/docker_daemon.py); what the worker is told is docker is a script before it, which
notes what it was asked, and goes wrong where a test wants it to."""
import contextlib
import glob
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = [os.environ["TALLY_SOURCE_DIR"] + "/tests/support", os.path.dirname(os.path.abspath(__file__))]
import test_worker_escape as escape  # noqa: E402
from container_probe import WALLS, make_models, make_root  # noqa: E402
from docker_daemon import DockerDaemon  # noqa: E402
from worker_fixture import WORKER, WorkerFixture  # noqa: E402

IMAGE = "tally-probe:1"
SETTINGS = ("ENV PATH=/usr/bin FROM_IMAGE=i FROM_FILE=i", "WORKDIR /work", 'ENTRYPOINT ["/probe"]', 'CMD ["by", "image"]', "VOLUME /kept")
ASKED_FIRST = ["version", "image inspect", "rm", "create", "export", "rm"]
ASKED_LATER = ["version", "image inspect", "rm"]
USER = 4242  # an ordinary one


def add_python(root):
    """This machine's, with what the attempts import."""
    said = subprocess.run(["/usr/bin/python3", "-I", "-c", "import ctypes, encodings.idna, errno, os, signal, socket, sys, time\n"
                           "print(*{getattr(m, '__file__', None) or '' for m in sys.modules.values()}, os.path.realpath(sys.executable), sep='\\n')"],
                          check=True, capture_output=True, text=True, timeout=60).stdout.split()
    needed = set(said)
    for path in said:
        if path.endswith(".so") or "/bin/" in path:
            libraries = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60).stdout
            needed.update(re.findall(r"(/\S+) \(0x", libraries))
    for path in needed:
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    return next(path for path in said if "/bin/" in path)


@unittest.skipUnless(os.geteuid() == 0, "only root can start a docker")
class Docker(WorkerFixture):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="tally-docker-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        root = cls.place + "/image"
        make_root(root)
        cls.python = add_python(root)
        with open(root + "/attempts.py", "w") as file:
            file.write(escape.ATTEMPTS)
        os.mkdir(root + "/kept")
        with open(root + "/kept/file", "w") as file:
            file.write("in a volume")
        shutil.copy("/bin/true", root + "/closed/su")
        os.chmod(root + "/closed/su", 0o4711)
        os.link(root + "/closed/su", root + "/again")
        os.mkfifo(root + "/pipe")
        cls.daemon = DockerDaemon(cls.place + "/d")
        cls.addClassCleanup(cls.daemon.stop)
        cls.id = cls.daemon.load(IMAGE, root, *SETTINGS)[len("sha256:"):]
        small = cls.place + "/small"
        os.mkdir(small)
        shutil.copy(root + "/probe", small + "/probe")
        shutil.copy(root + "/note", small + "/note")
        cls.small = small

    def prepare(self):
        os.chmod(self.folder, 0o755)
        self.docker = self.daemon.program(self.folder + "/docker")
        self.flags = []
        self.images = self.state + "/images"
        self.addCleanup(self.assert_docker_is_as_it_was)

    def assert_docker_is_as_it_was(self):
        self.assertEqual(self.daemon.ask("ps", "--all", "--quiet").stdout, b"")
        self.assertEqual(self.daemon.ask("volume", "ls", "--quiet").stdout, b"")

    def asked(self):
        with open(self.docker + ".calls") as file:
            lines = file.read().split("\n")[:-1]
        os.unlink(self.docker + ".calls")
        return [" ".join(line.split()[:2]) if line.startswith("image") else line.split()[0] for line in lines]

    def run_docker(self, *flags, images=(IMAGE,)):
        return self.run_worker("--docker", self.docker, *(word for name in images for word in ("--image", name)), *flags)

    def stop_worker(self):
        self.workers[-1].terminate()
        self.assertEqual(self.workers[-1].wait(300), 0)

    def container(self, text, arguments=(), **settings):
        return self.server.add("Dockerfile", text, 60000, "dockerfile", arguments=list(arguments), environment={"FROM_JOB": "j"}, **settings)

    def said(self, what):
        self.trace.seek(0)
        self.assertRegex(self.trace.read(), what)

    def assert_completed(self, *jobs):
        for job in jobs:
            end = self.ended(job, 500)
            self.assertEqual((end["ending"], end["reason"]), ("completed", "exited_zero"), (end, job.text("stderr")))

    def test_what_an_image_starts_runs_in_the_sandbox(self):
        jobs = {
            "image": self.container("FROM docker.io/library/%s\n" % IMAGE),
            "file": self.container("FROM %s\nENV FROM_FILE=\"the file\"\nWORKDIR /job\nCMD [\"by\", \"file\"]\n" % IMAGE),
            "named": self.container("FROM localhost/tally-none:1\n", ["by", "named"], image="localhost/" + IMAGE),  # R4.4
            "closed": self.container("FROM %s\nWORKDIR /closed\nCMD [\"by\", \"closed\"]\n" % IMAGE),  # root's alone there, and it would be root's here
            "online": self.container("FROM %s\nCMD [\"by\", \"online\"]\n" % IMAGE, network=True),
        }
        others = {
            "folder": self.container("FROM %s\nWORKDIR /none\n" % IMAGE),
            "unknown": self.container("FROM tally-probe:2\n"),
        }
        make_models(self.folder + "/models", "of the machine")
        with self.attempts() as attempts:  # what works outside is refused in an image as in any sandbox
            self.run_docker("--network", "--models", self.folder + "/models", "--disk-mib", "64", "--ram-mib", "1024")
            self.assert_completed(*jobs.values(), attempts)
        for name, cwd, value in (("image", "/work", "i"), ("file", "/job", "the file"), ("named", "/work", "i"), ("closed", "/closed", "i"), ("online", "/work", "i")):
            lines = jobs[name].text("stdout").splitlines()
            self.assertEqual(lines[:10], ["argument by", "argument " + name, "uid 65534 cwd " + cwd, "FROM_IMAGE=i", "FROM_FILE=" + value,
                                         "FROM_JOB=j", "HOME=/tmp", "HF_HUB_CACHE=" + ("" if name == "online" else "/models"), "note from the image", "models of the machine"])
            walls = [line.replace("change the image EROFS", "change the image EACCES") for line in WALLS]  # nobody else's to write, whatever its mode was
            self.assertEqual(lines[10:], [line.replace("ENETUNREACH", "EHOSTUNREACH") for line in walls] if name == "online" else walls)
            self.assertEqual(jobs[name].results["from-the-container"], b"kept\n")
        self.assertEqual(escape.Escape.found(self, attempts.text("stdout")), escape.INSIDE)
        ends = {name: self.ended(job) for name, job in others.items()}
        self.assertEqual({name: (end["ending"], end["reason"]) for name, end in ends.items()},
                         {"folder": ("program_failed", "entry_missing"), "unknown": ("host_fault", "kind_not_runnable")}, ends)
        self.assertIn("tally-probe:2 is not on this machine", ends["unknown"]["detail"])
        self.assert_clean()
        self.assertEqual(self.server.kinds[-1], "dockerfile")
        self.assertEqual(self.asked(), ASKED_FIRST)  # and no more while jobs ran
        self.look_at_the_files()
        self.stop_worker()
        again = self.container("FROM %s\n" % IMAGE)
        self.run_docker()
        self.assert_completed(again)
        self.assertEqual(self.asked(), ASKED_LATER)  # it was there
        self.stop_worker()
        self.run_worker("--once-jobs", "1")
        self.assert_completed(self.add("print('no docker')"))
        self.assert_clean()
        self.assertFalse(os.path.exists(self.images))  # nobody wants them any more

    @contextlib.contextmanager
    def attempts(self):
        """A job that tries what test_worker_escape.py tries, while there is something to be reached."""
        name = "tally-test-docker-%d" % os.getpid()
        secret = self.folder + "/secret"
        with open(secret, "w") as file:
            file.write("secret")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("\0" + name)
            listening.listen()
            yield self.container('FROM %s\nWORKDIR /job\nENTRYPOINT ["%s", "-I", "-u", "/attempts.py"]\n' % (IMAGE, self.python),
                                 [secret, str(os.getpid()), str(self.server.port), name])

    def look_at_the_files(self):
        """Nobody gets more by them than to read them; what docker shows in a volume is there as well."""
        folder = "%s/1-%s" % (self.images, self.id)
        self.assertEqual(os.listdir(self.images), ["1-" + self.id])
        self.assertEqual(stat.S_IMODE(os.stat(self.images).st_mode), 0o700)
        root = folder + "/root"
        for above, folders, names in os.walk(root):
            for name in folders + names:
                about = os.lstat(os.path.join(above, name))
                self.assertTrue(stat.S_ISLNK(about.st_mode) or stat.S_IMODE(about.st_mode) in (0o644, 0o755), (above, name, oct(about.st_mode)))
                self.assertTrue(stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode) or stat.S_ISLNK(about.st_mode), (above, name))
                self.assertNotEqual(about.st_uid, 0)
        self.assertEqual(os.stat(root + "/again").st_ino, os.stat(root + "/closed/su").st_ino)
        self.assertFalse(os.path.lexists(root + "/pipe"))
        with open(root + "/kept/file") as file:
            self.assertEqual(file.read(), "in a volume")

    def test_a_worker_killed_while_it_takes_one_over_leaves_nothing_that_is_used(self):
        held = self.folder + "/held"
        self.daemon.program(self.docker, '[ "$1" != export ] || { docker "$@" | head -c 200000; touch %(held)s; while [ -e %(held)s ]; do sleep 0.1; done; exit 1; }' % {"held": held})
        job = self.container("FROM %s\n" % IMAGE)
        worker = self.run_docker()
        until = time.monotonic() + 500
        while not os.path.exists(held) and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        self.assertTrue(os.path.exists(held))
        worker.kill()
        worker.wait()
        self.workers.pop()
        os.unlink(held)
        self.assertEqual(os.listdir(self.images), ["1-%s.part" % self.id])
        self.assertEqual(len(self.daemon.ask("ps", "--all", "--quiet").stdout.split()), 1)
        self.assertEqual(job.claims, 0)
        self.daemon.program(self.docker)
        self.run_docker()
        self.assert_completed(job)
        self.assertEqual(os.listdir(self.images), ["1-" + self.id])
        self.assert_clean()

    def refused(self, images, *said):
        """How selftest says, of each in turn, why it cannot be offered; and that no other can."""
        done = self.command("selftest", "--docker", self.docker, *(word for name in images for word in ("--image", name)), timeout=500)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("dockerfile", done.stdout)
        lines = [line for line in done.stdout.split("\n") if line.startswith("FAIL")]
        self.assertEqual(len(lines), len(said), done.stdout)
        for line, why in zip(lines, said):
            self.assertRegex(line, why)

    def test_an_image_that_cannot_be_taken_over_is_not_offered_and_says_why(self):
        names = ["cut", "late", "zeros", "fails", "silent", "leads-out", "none"]
        ids = {name: self.daemon.load("tally-%s:1" % name, self.small, "ENV A=" + name) for name in names[:-1]}
        self.daemon.program(self.docker, """case $1 in
image) case $5 in tally-silent:1) echo {}; exit;; tally-leads-out:1) echo '{"Id":"sha256:../../etc","Config":{}}'; exit;; esac;;
create) echo $5 > %(made)s; [ $5 != %(fails)s ] || exit 1;;
export) case $(cat %(made)s) in
  %(cut)s) docker "$@" | head -c 100000; exit;;
  %(late)s) docker "$@"; exit 3;;
  %(zeros)s) exec head -c 3000000 /dev/zero;;
  esac;;
esac""" % {"made": self.folder + "/made", **ids})
        self.refused(["tally-%s:1" % name for name in names],
                     "the image tally-cut:1 is not offered: .*(not whole|unexpected end)", "export ended with 3", "nothing in it", "create --pull=never ended with 1",
                     "not understood", "not understood", "the image tally-none:1 is not offered: docker has no such image")
        self.assertEqual(os.listdir(self.images), [])
        self.assert_docker_is_as_it_was()
        job = self.container("FROM tally-cut:1\n")
        other = self.add("print('next')")
        self.run_docker("--once-jobs", "1", images=["tally-cut:1"])
        self.assertEqual(self.ended(other, 500)["ending"], "completed")
        self.assertEqual((job.state, job.claims), ("queued", 0))
        self.said("event=image.left_out .*tally-cut:1 is not offered")
        self.said("event=worker.kinds .*dockerfile=0")
        self.assert_clean()

    def test_a_silent_docker_costs_no_image_and_another_image_of_the_name_replaces_it(self):
        name = "tally-small:1"
        ids = [self.daemon.load(name, self.small, 'ENTRYPOINT ["/probe"]', change)[len("sha256:"):] for change in ("ENV A=1", "ENV FROM_IMAGE=new")]
        self.daemon.ask("tag", "sha256:" + ids[0], name)
        words = ("--docker", self.docker, "--image", name)
        self.assertIn("ok    image        tally-small:1\n", self.command("selftest", *words, timeout=300).stdout)
        self.assertEqual(os.listdir(self.images), ["1-" + ids[0]])
        self.daemon.program(self.docker, "exit 1")
        self.refused([name], "docker does not answer")
        self.assertEqual(os.listdir(self.images), ["1-" + ids[0]])
        self.daemon.program(self.docker)
        self.daemon.ask("tag", "sha256:" + ids[1], name)
        job = self.container("FROM %s\n" % name)
        self.run_docker(images=[name, "tally-none:1"])
        self.assert_completed(job)
        self.assertIn("FROM_IMAGE=new", job.text("stdout"))
        self.assertEqual(os.listdir(self.images), ["1-" + ids[1]])
        self.said("event=image.left_out .*tally-none:1 is not offered")
        self.assert_clean()

    def test_on_a_disk_that_jobs_need_no_image_is_taken_over(self):
        os.mkdir(self.images)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2900m", "none", self.images], check=True, timeout=30)
        self.addCleanup(subprocess.run, ["umount", self.images], check=True, timeout=30)
        try:
            self.refused([IMAGE], "not offered: it takes [0-9]+ MiB; [0-9]+ MiB are free in .*/images, of which 3072 are left to jobs")
            self.assertNotIn("create", self.asked())
        finally:
            self.doCleanups()

    def test_a_worker_that_is_not_root_runs_them_too(self):
        program = self.folder + "/tally-worker"
        shutil.copy(WORKER, program)
        os.chmod(self.daemon.folder, 0o755)
        os.chmod(self.place, 0o755)
        os.chmod(self.daemon.folder + "/socket", 0o666)
        for path in [self.state, *glob.glob(self.state + "/**", recursive=True), self.folder]:
            os.chown(path, USER, USER)
        with open(self.docker + ".calls", "w"):
            os.chown(self.docker + ".calls", USER, USER)
        job = self.container("FROM %s\n" % IMAGE)
        worker = subprocess.Popen(["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--", program, "run", "--state", self.state,
                                   "--rate", "1000", "--docker", self.docker, "--image", IMAGE], stderr=self.trace, stdout=self.trace)
        self.workers.append(worker)
        self.assert_completed(job)
        self.assertEqual(job.text("stdout").splitlines()[10:], WALLS)
        self.assert_clean()

    def test_what_is_said_on_the_command_line_is_checked(self):
        for flags, said in ((["--docker", self.docker], "--docker: name the images that jobs may use, each with --image NAME"),
                            (["--image", IMAGE], "--image goes with --docker"),
                            (["--docker", self.docker, "--podman", "/usr/bin/podman", "--image", IMAGE], "only one of them"),
                            (["--docker", self.docker, "--image", "--rm"], "expected an image's name, as python:3.11-slim, got '--rm'"),
                            (["--docker", self.docker, *["--image", "a"] * 65], "at most 64 can be named")):
            done = self.command("run", *flags)
            self.assertEqual(done.returncode, 2)
            self.assertIn("tally-worker: " + said if said[0] == "-" else said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
