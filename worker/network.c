/* worker/network.c: the rules are in the namespace before anything else, then the helper, then the program may begin. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/network.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/time.h"
#include "worker/network_child.h"
#include "worker/network_rules.h"
#include "worker/sandbox_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER "/usr/bin/slirp4netns"
#define RULES "/usr/sbin/nft"
#define DEVICE "/dev/net/tun"
#define RESOLVERS_MAX 4096

enum err_code network_check_tools(struct err *err)
{
    static const struct {
        const char *path;
        int access;
        const char *from;
    } needed[] = {{HELPER, X_OK, "package slirp4netns"},
                  {RULES, X_OK, "package nftables"},
                  {DEVICE, F_OK, "kernel module tun"}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (access(needed[i].path, needed[i].access) != 0) {
            return err_set(err, ERR_NOT_FOUND, "there is no %s (%s)", needed[i].path,
                           needed[i].from);
        }
    }
    return ERR_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* ── what both programs are given ──────────────────────────────────────────────────────────────── */

/* The sandbox's namespaces, which must not be ours: the rules would be this machine's. */
static enum err_code open_namespaces(pid_t inside, struct network_child *child, struct err *err)
{
    char path[64];
    struct stat theirs;
    struct stat ours;
    (void)snprintf(path, sizeof path, "/proc/%ld/ns/net", (long)inside);
    child->net_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (child->net_fd < 0 || fstat(child->net_fd, &theirs) != 0 ||
        stat("/proc/self/ns/net", &ours) != 0) {
        return err_set_errno(err, errno, "open %s", path);
    }
    if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
        return err_set(err, ERR_INTERNAL, "the sandbox has no network namespace of its own");
    }
    child->user_fd = ioctl(child->net_fd, NS_GET_USERNS);
    if (child->user_fd < 0 || fcntl(child->user_fd, F_SETFD, FD_CLOEXEC) != 0) {
        return err_set_errno(err, errno, "the user namespace of %s", path);
    }
    (void)snprintf(child->paths[0], sizeof child->paths[0], "/proc/self/fd/%d", child->net_fd);
    (void)snprintf(child->paths[1], sizeof child->paths[1], "/proc/self/fd/%d", child->user_fd);
    return ERR_OK;
}

static void read_links(struct network_child *child)
{
    static const char *const paths[NETWORK_LINKS] = {"/lib", "/lib64"};
    for (size_t i = 0; i < NETWORK_LINKS; i++) {
        struct network_link *link = &child->links[i];
        link->path = paths[i];
        ssize_t const size = readlink(paths[i], link->target, sizeof link->target - 1);
        link->target[size > 0 ? size : 0] = 0;
    }
}

static enum err_code open_text(struct bytes text, int *ret_fd, struct err *err)
{
    *ret_fd = memfd_create("tally-network", MFD_CLOEXEC);
    if (*ret_fd < 0 || write(*ret_fd, text.data, text.size) != (ssize_t)text.size ||
        lseek(*ret_fd, 0, SEEK_SET) != 0) {
        return err_set_errno(err, errno, "memfd");
    }
    return ERR_OK;
}

/* The last line that says something: what went wrong comes last. */
static void read_said(int fd, char ret[160])
{
    char text[2048];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    ret[0] = 0;
    for (char *rest = NULL, *line = text; size > 0; line = NULL) {
        text[size] = 0;
        line = strtok_r(line, "\n", &rest);
        if (line == NULL) {
            break;
        }
        (void)snprintf(ret, 160, "%.150s", line);
    }
}

/* ── starting one, and waiting for it ──────────────────────────────────────────────────────────── */

static enum err_code start(struct network_child *child, void (*act)(const struct network_child *),
                           pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    child->parent = getpid();
    pid_t const pid = fork();
    if (pid == 0) {
        act(child); /* does not return */
    }
    int const fork_errno = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        return err_set_errno(err, fork_errno, "fork");
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd_open(pid, 0);
    return *ret_pidfd < 0 ? err_set_errno(err, errno, "pidfd_open") : ERR_OK;
}

static int reap(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Wait for one of two to be readable; -1: neither was in time. */
static int wait_for(int first, int second)
{
    int64_t const until = time_mono_ns() + NETWORK_PATIENCE_MS * NS_PER_MS;
    struct pollfd fds[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    while (time_mono_ns() < until) {
        if (poll(fds, 2, 100) > 0) {
            return fds[0].revents != 0 ? 0 : 1;
        }
    }
    return -1;
}

static enum err_code not_done(const struct network_child *child, const char *program, bool in_time,
                              const char *what, struct err *err)
{
    char said[160];
    read_said(child->said_fd, said);
    return err_set(err, in_time ? ERR_UNAVAILABLE : ERR_TIMEOUT, "%s did not %s%s%s%s", program,
                   what, in_time ? "" : " in time", said[0] != 0 ? ": " : "", said);
}

static enum err_code put_rules(struct network_child *child, struct err *err)
{
    struct network_near near;
    struct buf text;
    pid_t pid = 0;
    int pidfd = -1;
    buf_init(&text, NETWORK_RULES_MAX);
    child->argv[0] = RULES;
    child->argv[1] = "-f";
    child->argv[2] = "-";
    child->argv[3] = NULL;
    enum err_code code = network_near_read(&near, err);
    if (code == ERR_OK) {
        network_rules(&near, &text);
        code = buf_check(&text, err);
    }
    if (code == ERR_OK) {
        code = open_text(buf_bytes(&text), &child->input_fd, err);
    }
    if (code == ERR_OK) {
        code = start(child, network_child_rules, &pid, &pidfd, err);
    }
    if (pid != 0) {
        bool const ended = code == ERR_OK && wait_for(pidfd, -1) == 0;
        if (!ended) {
            (void)kill(pid, SIGKILL);
        }
        int const status = reap(pid);
        if (code == ERR_OK && (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
            code = not_done(child, RULES, ended, "close what is near", err);
        }
    }
    close_fd(&pidfd);
    close_fd(&child->input_fd);
    buf_deinit(&text);
    return code;
}

static void helper_argv(struct network_child *child, char numbers[2][32], char user[64])
{
    bool const narrow = child->user != SANDBOX_USER_SAME;
    (void)snprintf(numbers[0], 32, "--ready-fd=%d", child->ready_fd);
    (void)snprintf(numbers[1], 32, "--exit-fd=%d", child->exit_fd);
    (void)snprintf(user, 64, "--userns-path=%s", narrow ? NETWORK_VIEW_USER : child->paths[1]);
    const char *const words[] = {HELPER,
                                 "--configure",
                                 "--mtu=65520",
                                 "--disable-host-loopback",
                                 "--enable-seccomp",
                                 "--netns-type=path",
                                 user,
                                 numbers[0],
                                 numbers[1],
                                 narrow ? NETWORK_VIEW_NET : child->paths[0],
                                 NETWORK_DEVICE,
                                 NULL};
    _Static_assert(sizeof words <= sizeof child->argv, "they fit");
    memcpy(child->argv, words, sizeof words);
}

static enum err_code start_helper(struct network_child *child, struct network *network,
                                  struct err *err)
{
    char numbers[2][32];
    char user[64];
    int ready[2] = {-1, -1};
    int exit_pipe[2] = {-1, -1};
    enum err_code code = ERR_OK;
    if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(exit_pipe, O_CLOEXEC) != 0) {
        code = err_set_errno(err, errno, "pipe");
        goto out;
    }
    child->ready_fd = ready[1];
    child->exit_fd = exit_pipe[0];
    helper_argv(child, numbers, user);
    code = start(child, network_child_helper, &network->pid, &network->pidfd, err);
    network->exit_fd = exit_pipe[1];
    exit_pipe[1] = -1;
    close_fd(&ready[1]); /* or its end would not be seen */
    if (code == ERR_OK) {
        char one;
        int const first = wait_for(ready[0], network->pidfd);
        if (first != 0 || read(ready[0], &one, 1) != 1) {
            code = not_done(child, HELPER, first >= 0, "bring up the job's network", err);
        }
    }
out:
    for (size_t i = 0; i < 2; i++) {
        close_fd(&ready[i]);
        close_fd(&exit_pipe[i]);
    }
    return code;
}

/* ── a job's network ───────────────────────────────────────────────────────────────────────────── */

enum err_code network_start(pid_t inside, uid_t user, const struct cgroup *group,
                            struct network *ret, struct err *err)
{
    struct network_child child = {.user = user,
                                  .net_fd = -1,
                                  .user_fd = -1,
                                  .null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                                  .input_fd = -1,
                                  .said_fd = memfd_create("tally-said", MFD_CLOEXEC)};
    struct buf file;
    struct buf resolvers;
    *ret = (struct network){.pidfd = -1, .exit_fd = -1};
    buf_init(&file, 1U << 16);
    buf_init(&resolvers, RESOLVERS_MAX);
    for (int i = 0; group != NULL && i < group->join_count; i++) {
        child.join_fds[child.join_count++] = group->join_fds[i];
    }
    read_links(&child);
    enum err_code code = network_check_tools(err);
    if (code == ERR_OK && (child.null_fd < 0 || child.said_fd < 0)) {
        code = err_set_errno(err, errno, "open what its network needs");
    }
    if (code == ERR_OK) {
        code = file_read("/etc/resolv.conf", &file, err);
    }
    if (code == ERR_OK) {
        code = network_resolvers(buf_bytes(&file), &resolvers, err);
        child.resolvers = buf_bytes(&resolvers);
    }
    if (code == ERR_OK) {
        code = open_namespaces(inside, &child, err);
    }
    if (code == ERR_OK) {
        code = put_rules(&child, err);
    }
    if (code == ERR_OK) {
        code = start_helper(&child, ret, err);
    }
    if (code != ERR_OK) {
        network_stop(ret);
        err_context(err, "give the job a network");
    }
    int *const fds[] = {&child.net_fd, &child.user_fd, &child.null_fd, &child.said_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        close_fd(fds[i]);
    }
    buf_deinit(&resolvers);
    buf_deinit(&file);
    return code;
}

void network_stop(struct network *network)
{
    if (network->pid != 0) {
        (void)kill(network->pid, SIGKILL); /* ours until it is reaped */
        (void)reap(network->pid);
        close_fd(&network->pidfd);
        close_fd(&network->exit_fd);
    }
    *network = (struct network){0};
}
