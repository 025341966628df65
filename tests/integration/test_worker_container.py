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
from worker_fixture import WorkerFixture  # noqa: E402

IMAGE = "localhost/tally-probe:1"
PROBE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>
static void said(const char *what, int rc) { printf("%s %s\n", what, rc < 0 ? strerrorname_np(errno) : "ESCAPED"); }
int main(int argc, char **argv)
{
    char text[4096] = "";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(0x0a000001)}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) printf("argument %s\n", argv[i]);
    printf("uid %d cwd %s\n", (int)getuid(), getcwd(text, sizeof text));
    for (const char *const *name = (const char *const[]){"FROM_IMAGE", "FROM_FILE", "FROM_JOB", "HOME", "HF_HUB_CACHE", NULL}; *name != NULL; name++)
        printf("%s=%s\n", *name, getenv(*name) ? getenv(*name) : "");
    FILE *file = fopen("/note", "r");
    printf("note %s", fgets(text, sizeof text, file));
    file = fopen("/models/m", "r");
    printf("models %s", file != NULL ? fgets(text, sizeof text, file) : "none");
    said("a file of the machine", open("/usr/bin/python3", O_RDONLY));
    said("host secrets", open("/etc/shadow", O_RDONLY));
    said("change the image", open("/note", O_WRONLY));
    said("new in the image", open("/new", O_WRONLY | O_CREAT, 0600));
    said("network", connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to));
    said("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
    said("ptrace", (int)ptrace(PTRACE_SEIZE, 1, 0, 0));
    said("become root", setuid(0));
    file = fopen("/proc/self/status", "r");
    while (fgets(text, sizeof text, file)) if (strncmp(text, "CapEff", 6) == 0 || strncmp(text, "Seccomp:", 8) == 0) fputs(text, stdout);
    DIR *folder = opendir("/dev");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) if (strncmp(entry->d_name, "nvidia", 6) == 0) printf("node %s\n", entry->d_name);
    file = fopen("/job/results/from-the-container", "w");
    fputs("kept\n", file);
    fclose(file);
    if (argc > 1 && strcmp(argv[1], "hang") == 0) for (;;) pause();
    if (argc > 1 && strcmp(argv[1], "eat") == 0) for (;;) memset(malloc(16 << 20), 1, 16 << 20);
    return 0;
}
"""
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
        os.makedirs(root + "/work")
        os.makedirs(root + "/run")
        os.symlink("/root/../etc", root + "/etc")  # nowhere in the image; whoever followed it outside would show the machine's
        os.mkdir(root + "/closed", 0o700)
        for folder, words in ((root + "/models", "of the image"), (self.folder + "/models", "of the machine")):
            os.mkdir(folder)
            with open(folder + "/m", "w") as file:
                file.write(words + "\n")
        with open(root + "/note", "w") as file:
            file.write("from the image\n")
        os.chmod(root + "/note", 0o666)  # its mode is not what keeps it as it is
        subprocess.run(["cc", "-static", "-o", root + "/probe", "-xc", "-"], input=PROBE.encode(), check=True, timeout=120)
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
        walls = ["a file of the machine ENOENT", "host secrets ENOENT", "change the image EROFS", "new in the image EROFS", "network ENETUNREACH",
                 "mount EPERM", "ptrace EPERM", "become root EINVAL", "CapEff:\t0000000000000000", "Seccomp:\t2"]
        for name, cwd, value in (("image", "/work", "i"), ("file", "/job", "the file"), ("job", "/work", "i"), ("named", "/work", "i"), ("online", "/work", "i")):
            lines = jobs[name].text("stdout").splitlines()
            self.assertEqual(lines[:10], ["argument by", "argument " + name, "uid 65534 cwd " + cwd, "FROM_IMAGE=i", "FROM_FILE=" + value,
                                         "FROM_JOB=j", "HOME=/tmp",
                                          "HF_HUB_CACHE=" + ("" if name in ("file", "online") else "/models"), "note from the image", "models of the machine"])
            self.assertEqual(lines[10:20], [line.replace("ENETUNREACH", "EHOSTUNREACH") for line in walls] if name == "online" else walls)
            self.assertEqual(sorted(lines[20:]), ["node nvidia-uvm", "node nvidia0", "node nvidiactl"])
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
