#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A job in a container image, in the same sandbox as any other: R11. The image is made here, from nothing, by podman where it is installed; elsewhere a
script that answers the five questions the worker asks of podman."""
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from container_probe import DEVICES, WALLS, make_models, make_root  # noqa: E402
from worker_fixture import WorkerFixture  # noqa: E402

IMAGE = "localhost/tally-probe:1"
CONFIG = {"Env": ["PATH=/usr/bin", "FROM_IMAGE=i", "FROM_FILE=i"], "Entrypoint": ["/probe"], "Cmd": ["by", "image"], "WorkingDir": "/work"}
STAND_IN = """#!/bin/sh
case "$2 $3" in
"list --quiet") exit 0;;
"list --format") echo %(image)s;;
"inspect --format") [ "$5" = %(image)s ] && echo '%(config)s';;
"mount %(image)s") echo %(root)s;;
"unmount %(image)s") echo done >> %(folder)s/unmounted;;
*) exit 125;;
esac
"""
REAL = """#!/bin/sh
[ "$2" != unmount ] || echo done >> %(folder)s/unmounted
exec /usr/bin/podman --root %(folder)s/store --runroot %(folder)s/run --storage-driver vfs "$@"
"""
CONTAINERFILE = "FROM scratch\nCOPY . /\nENV PATH=/usr/bin FROM_IMAGE=i FROM_FILE=i\nWORKDIR /work\nENTRYPOINT [\"/probe\"]\nCMD [\"by\", \"image\"]\n"


@unittest.skipUnless(os.geteuid() == 0, "podman shows an image's files to root alone")
class Containers(WorkerFixture):
    def prepare(self):
        os.chmod(self.folder, 0o755)
        self.podman = self.folder + "/podman"
        os.mkdir(self.folder + "/dev")
        for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
            with open(self.folder + "/dev/" + name, "w"):
                pass
        os.environ["TALLY_TEST_NVML"] = self.folder + "/gpus"
        with open(self.folder + "/gpus", "w") as file:
            file.write("GPU-0 0 89 16384 2520 ok 42 100 24564 61 250500 40 2400 4 0 NVIDIA GeForce RTX 4090\n")
        self.flags = ["--nvml", os.environ["TALLY_BIN_DIR"] + "/../lib/libtally_test_nvml.so", "--device-folder", self.folder + "/dev",
                      "--podman", self.podman]

    def make_image(self):
        root = self.folder + "/image"
        make_root(root)
        make_models(self.folder + "/models", "of the machine")
        names = {"folder": self.folder, "image": IMAGE, "config": json.dumps(CONFIG), "root": root}
        with open(os.open(self.podman, os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
            file.write((REAL if shutil.which("podman") else STAND_IN) % names)
        if shutil.which("podman"):
            with open(self.folder + "/Containerfile", "w") as file:
                file.write(CONTAINERFILE)
            subprocess.run([self.podman, "build", "--isolation", "chroot", "-t", IMAGE, "-f", self.folder + "/Containerfile", root],
                           check=True, capture_output=True, timeout=120)

    def container(self, text, **more):
        settings = {"arguments": more.pop("arguments", []), "environment": {"FROM_JOB": "j"}, **more.pop("settings", {})}
        return self.server.add("Dockerfile", text, more.pop("limit_ms", 60000), "dockerfile", **settings)

    def test_what_an_image_starts_runs_in_the_sandbox_and_within_the_limits(self):
        self.make_image()
        jobs = {
            "image": self.container("FROM %s\n" % IMAGE),
            "file": self.container("FROM %s\nENV FROM_FILE=\"the file\" HF_HOME=/job/own\nWORKDIR /job\nCMD [\"by\", \"file\"]\n" % IMAGE),
            "job": self.container("FROM %s\n" % IMAGE, arguments=["by", "job"]),
            "named": self.container("FROM localhost/tally-none:1\nCMD [\"by\", \"named\"]\n", settings={"image": IMAGE}),  # R4.4
            "online": self.container("FROM %s\nCMD [\"by\", \"online\"]\n" % IMAGE, settings={"network": True}),
            "hang": self.container("FROM %s\nCMD [\"hang\"]\n" % IMAGE, limit_ms=1500),
            "eat": self.container("FROM %s\nCMD [\"eat\"]\n" % IMAGE),
            "run": self.container("FROM %s\nRUN pip install x\n" % IMAGE),
            "folder": self.container("FROM %s\nWORKDIR /none\n" % IMAGE),
            "made anew": self.container("FROM %s\nWORKDIR /run\n" % IMAGE),
            "closed": self.container("FROM %s\nWORKDIR /closed\n" % IMAGE),
            "absent": self.container("FROM %s\nENTRYPOINT [\"/absent\"]\n" % IMAGE),
            "no program": self.container("FROM %s\nENTRYPOINT [\"/note\"]\n" % IMAGE),
            "long": self.container("FROM %s\nENTRYPOINT [\"/%s\"]\n" % (IMAGE, "x" * 3000)),
            "unknown": self.container("FROM localhost/tally-none:1\n"),
            "unknown named": self.container("FROM %s\n" % IMAGE, settings={"image": "localhost/tally-none:2"}),
        }
        self.run_worker("--ram-mib", "256", "--network", "--models", self.folder + "/models")
        said = {name: self.ended(job, 120) for name, job in jobs.items()}
        self.assertEqual(self.server.kinds[-1], "dockerfile")
        (offer,) = self.server.offers.values()
        self.assertEqual(offer["images"], ["tally-probe:1"])
        self.assertEqual({name: (end["ending"], end["reason"]) for name, end in said.items()}, {
            "image": ("completed", "exited_zero"), "file": ("completed", "exited_zero"), "job": ("completed", "exited_zero"),
            "named": ("completed", "exited_zero"), "online": ("completed", "exited_zero"), "hang": ("cap_reached", "paid_limit"), "eat": ("program_failed", "out_of_memory"), "run": ("program_failed", "entry_missing"),
            "folder": ("program_failed", "entry_missing"), "made anew": ("program_failed", "entry_missing"),
            "closed": ("program_failed", "entry_missing"), "absent": ("program_failed", "entry_missing"),
            "no program": ("program_failed", "entry_missing"), "long": ("program_failed", "entry_missing"), "unknown": ("host_fault", "kind_not_runnable"),
            "unknown named": ("host_fault", "kind_not_runnable")}, said)
        for name, cwd, value in (("image", "/work", "i"), ("file", "/job", "the file"), ("job", "/work", "i"), ("named", "/work", "i"), ("online", "/work", "i")):
            lines = jobs[name].text("stdout").splitlines()
            self.assertEqual(lines[:10], ["argument by", "argument " + name, "uid 65534 cwd " + cwd, "FROM_IMAGE=i", "FROM_FILE=" + value,
                                         "FROM_JOB=j", "HOME=/tmp",
                                          "HF_HUB_CACHE=" + ("" if name in ("file", "online") else "/models"), "note from the image", "models of the machine"])
            self.assertEqual(lines[10:20], [line.replace("ENETUNREACH", "EHOSTUNREACH") for line in WALLS] if name == "online" else WALLS)
            self.assertEqual(sorted(lines[20:]), DEVICES)
            self.assertEqual(jobs[name].results["from-the-container"], b"kept\n")
        self.assertEqual(jobs["hang"].results["from-the-container"], b"kept\n")
        self.assertIn("line 2: no image is built here", said["run"]["detail"])
        self.assertIn("no folder /none", said["folder"]["detail"])
        self.assertIn("Can't chdir to /closed: Permission denied", said["closed"]["detail"])
        self.assertIn("execvp /absent: No such file or directory", said["absent"]["detail"])
        self.assertIn("localhost/tally-none:1 is not on this machine", said["unknown"]["detail"])
        self.assertIn("localhost/tally-none:2 is not on this machine", said["unknown named"]["detail"])
        self.assert_clean()
        with open(self.folder + "/unmounted") as file:
            self.assertEqual(file.read().split(), ["done"] * 12)

    def test_without_podman_no_container_is_claimed(self):
        self.flags[-1] = self.folder + "/no-podman"
        job = self.container("FROM %s\n" % IMAGE)
        other = self.add("print('next')")
        self.run_worker()
        self.assertEqual(self.ended(other)["ending"], "completed")
        self.assertEqual((job.state, job.claims), ("queued", 0))
        self.assertNotIn("dockerfile", self.server.kinds)
        with open(self.folder + "/trace") as trace:
            self.assertRegex(trace.read(), "dockerfile=0 .*there is no %s/no-podman" % self.folder)


if __name__ == "__main__":
    unittest.main(verbosity=2)
