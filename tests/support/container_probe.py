# SPDX-License-Identifier: Apache-2.0
"""The files of an image, made from nothing, with a program that says where it is and tries what it must not be able to do; the same for podman's images
and docker's."""
import os
import subprocess

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
# What it says at its walls when it has no network, and what it sees of the GPUs that the test gives the machine.
WALLS = ["a file of the machine ENOENT", "host secrets ENOENT", "change the image EROFS", "new in the image EROFS", "network ENETUNREACH", "mount EPERM",
         "ptrace EPERM", "become root EINVAL", "CapEff:\t0000000000000000", "Seccomp:\t2"]
DEVICES = ["node nvidia-uvm", "node nvidia0", "node nvidiactl"]


def make_models(folder, words):
    os.mkdir(folder)
    with open(folder + "/m", "w") as file:
        file.write(words + "\n")


def make_root(root):
    os.makedirs(root + "/work")
    os.makedirs(root + "/run")
    os.symlink("/root/../etc", root + "/etc")  # nowhere in the image; whoever followed it outside would show the machine's
    os.mkdir(root + "/closed", 0o700)
    make_models(root + "/models", "of the image")
    with open(root + "/note", "w") as file:
        file.write("from the image\n")
    os.chmod(root + "/note", 0o666)  # its mode is not what keeps it as it is
    subprocess.run(["cc", "-static", "-o", root + "/probe", "-xc", "-"], input=PROBE.encode(), check=True, timeout=120)
