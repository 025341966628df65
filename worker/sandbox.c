/* worker/sandbox.c: the fork that starts bwrap, and its end; sandbox_arguments.c says what it is told.
 *
 *     worker ──fork──▶ child: group, limits, own mount view, uid ──exec──▶ bwrap ──▶ first process inside ──▶ program
 *
 * The arguments travel in a memfd (--args), because a command line can be read by everyone on the machine and a job's
 * environment may be secret. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "worker/network_rules.h"
#include "worker/process_tree.h"
#include "worker/sandbox_arguments.h"
#include "worker/sandbox_child.h"
#include "worker/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BWRAP "/usr/bin/bwrap"
#define ARGUMENTS_MAX (4U << 20)
#define STATUS_MAX 4096
#define LEFTOVERS_MS 5000 /* usually a few */

static const char passwd_text[] = "root:x:0:0:root:/:/usr/sbin/nologin\n"
                                  "job:x:65534:65534:job:/home/job:/bin/sh\n";
static const char resolver_text[] = "nameserver " NETWORK_RESOLVER "\n";
static const char hosts_text[] = "127.0.0.1 localhost tally-job\n";
static const char group_text[] = "root:x:0:\njob:x:65534:\n";

/* ── starting ──────────────────────────────────────────────────────────────────────────────────── */

static enum err_code open_memory(const char *name, struct bytes content, int *ret_fd,
                                 struct err *err)
{
    int const fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "memfd %s", name);
    }
    if (write(fd, content.data, content.size) != (ssize_t)content.size ||
        lseek(fd, 0, SEEK_SET) != 0) {
        enum err_code const code = err_set_errno(err, errno, "memfd %s", name);
        (void)close(fd);
        return code;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static enum err_code open_pipe(int *ret_read, int *ret_write, struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_set_errno(err, errno, "pipe");
    }
    *ret_read = fds[0];
    *ret_write = fds[1];
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) {
        return err_set_errno(err, errno, "pipe");
    }
    return ERR_OK;
}

static enum err_code open_network_files(struct sandbox *sandbox, struct sandbox_child *child,
                                        struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_set_errno(err, errno, "pipe");
    }
    child->go_fd = fds[0];
    sandbox->go_fd = fds[1];
    enum err_code code =
        open_memory("tally-resolver", bytes_of_text(resolver_text), &child->resolver_fd, err);
    if (code == ERR_OK) {
        code = open_memory("tally-hosts", bytes_of_text(hosts_text), &child->hosts_fd, err);
    }
    return code;
}

/* The files the child needs; the sandbox keeps the reading ends of the pipes. */
static enum err_code open_files(const struct sandbox_options *options, struct sandbox *sandbox,
                                struct sandbox_child *child, struct err *err)
{
    struct buf arguments;
    buf_init(&arguments, ARGUMENTS_MAX);
    enum err_code code = open_pipe(&sandbox->stdout_fd, &child->stdout_fd, err);
    if (code == ERR_OK) {
        code = open_pipe(&sandbox->stderr_fd, &child->stderr_fd, err);
    }
    if (code == ERR_OK) {
        code = open_pipe(&sandbox->status_fd, &child->status_fd, err);
    }
    if (code == ERR_OK) {
        code = open_memory("tally-passwd", bytes_of_text(passwd_text), &child->passwd_fd, err);
    }
    if (code == ERR_OK) {
        code = open_memory("tally-group", bytes_of_text(group_text), &child->group_fd, err);
    }
    if (code == ERR_OK) {
        code = seccomp_filter_open(&child->seccomp_fd, err);
    }
    if (code == ERR_OK && options->runner.size > 0) {
        code = open_memory("tally-runner", options->runner, &child->runner_fd, err);
    }
    if (code == ERR_OK && options->network) {
        code = open_network_files(sandbox, child, err);
    }
    if (code == ERR_OK && options->models != NULL) {
        code = open_memory("tally-revision", bytes_of_text(SANDBOX_MODELS_REVISION),
                           &child->models_fd, err);
    }
    if (code == ERR_OK) {
        struct sandbox_fds const fds = {.passwd = child->passwd_fd,
                                        .group = child->group_fd,
                                        .seccomp = child->seccomp_fd,
                                        .runner = child->runner_fd,
                                        .go = child->go_fd,
                                        .resolver = child->resolver_fd,
                                        .hosts = child->hosts_fd,
                                        .models = child->models_fd};
        struct sandbox_sources const sources = {.folder = child->source_folder,
                                                .root = child->source_root,
                                                .models = child->source_models};
        code = sandbox_arguments(options, &sources, &fds, &arguments, err);
    }
    if (code == ERR_OK) {
        code = open_memory("tally-arguments", buf_bytes(&arguments), &child->arguments_fd, err);
    }
    buf_deinit(&arguments);
    return code;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* bwrap --args 9 --json-status-fd 8 -- command… */
static enum err_code build_argv(const struct sandbox_options *options, struct sandbox_child *child,
                                struct err *err)
{
    size_t count = 0;
    (void)snprintf(child->numbers[0], sizeof child->numbers[0], "%d", child->arguments_fd);
    (void)snprintf(child->numbers[1], sizeof child->numbers[1], "%d", child->status_fd);
    const char *const head[] = {
        BWRAP, "--args", child->numbers[0], "--json-status-fd", child->numbers[1], "--"};
    for (; count < sizeof head / sizeof head[0]; count++) {
        child->argv[count] = head[count];
    }
    for (const char *const *word = options->command; *word != NULL; word++) {
        if (count == sizeof child->argv / sizeof child->argv[0] - 1) {
            return err_set(err, ERR_TOO_LARGE, "a command has at most %d words",
                           SANDBOX_COMMAND_MAX);
        }
        child->argv[count++] = *word;
    }
    child->argv[count] = NULL;
    return ERR_OK;
}

/* Signals are held back around the fork: a handler of the worker must not run in the child. */
static enum err_code fork_child(struct sandbox_child *child, struct sandbox *ret, struct err *err)
{
    sigset_t all;
    sigset_t before;
    int failure_fd = -1;
    struct sandbox_failure failure = {0};
    enum err_code code = open_pipe(&failure_fd, &child->failure_fd, err);
    if (code != ERR_OK) {
        goto out;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    child->parent = getpid();
    pid_t const pid = fork();
    if (pid == 0) {
        sandbox_child_exec(child); /* does not return */
    }
    int const fork_errno = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        code = err_set_errno(err, fork_errno, "fork");
        goto out;
    }
    ret->pid = pid;
    ret->pidfd = pidfd_open(pid, 0);
    if (ret->pidfd < 0) {
        code = err_set_errno(err, errno, "pidfd_open");
        goto out;
    }
    close_fd(&child->failure_fd);
    (void)fcntl(failure_fd, F_SETFL, 0); /* closed by the exec, or told why there was none */
    if (read(failure_fd, &failure, sizeof failure) == (ssize_t)sizeof failure) {
        code = err_set_errno(err, failure.error, "%s", sandbox_stage_name(failure.stage));
    }
out:
    close_fd(&failure_fd);
    close_fd(&child->failure_fd);
    return code;
}

/* The program waits until everything near is closed to it and the rest is there. */
static enum err_code add_network(const struct sandbox_options *options, struct sandbox *sandbox,
                                 uid_t user, struct err *err)
{
    int64_t const until = time_mono_ns() + NETWORK_PATIENCE_MS * NS_PER_MS;
    bool ended = false;
    while (!sandbox_poll_status(sandbox) && !ended && time_mono_ns() < until) {
        struct pollfd fds[2] = {{.fd = sandbox->status_fd, .events = POLLIN},
                                {.fd = sandbox->pidfd, .events = POLLIN}};
        (void)poll(fds, 2, 100);
        ended = fds[1].revents != 0;
    }
    if (sandbox->init_pid == 0) {
        return err_set(err, ended ? ERR_UNAVAILABLE : ERR_TIMEOUT,
                       "the sandbox was not made%s, so it got no network", ended ? "" : " in time");
    }
    enum err_code code =
        network_start(sandbox->init_pid, user, options->cgroup, &sandbox->network, err);
    if (code == ERR_OK && write(sandbox->go_fd, "1", 1) != 1) {
        code = err_set_errno(err, errno, "let the program begin");
    }
    return code;
}

enum err_code sandbox_spawn(const struct sandbox_options *options, struct sandbox *ret,
                            struct err *err)
{
    struct sandbox_child child;
    *ret = (struct sandbox){.pidfd = -1,
                            .stdout_fd = -1,
                            .stderr_fd = -1,
                            .status_fd = -1,
                            .init_pidfd = -1,
                            .go_fd = -1};
    buf_init(&ret->status, STATUS_MAX);
    INVARIANT(options->command[0] != NULL);
    enum err_code code = sandbox_child_init(options, &child, err);
    if (code == ERR_OK) {
        code = open_files(options, ret, &child, err);
    }
    if (code == ERR_OK) {
        code = build_argv(options, &child, err);
    }
    if (code == ERR_OK) {
        code = fork_child(&child, ret, err);
    }
    if (code == ERR_OK && options->network) {
        code = add_network(options, ret, child.user, err);
    }
    if (code != ERR_OK) {
        err_context(err, "start the sandbox");
    }
    sandbox_child_deinit(&child);
    return code;
}

/* ── while it runs ─────────────────────────────────────────────────────────────────────────────── */

static void read_status(struct sandbox *sandbox)
{
    char chunk[1024];
    ssize_t size;
    while (sandbox->status_fd >= 0 && (size = read(sandbox->status_fd, chunk, sizeof chunk)) > 0) {
        buf_append(&sandbox->status, chunk, (size_t)size);
    }
}

/* The number behind `"name": ` in bwrap's lines. */
static bool status_number(const struct sandbox *sandbox, const char *name, uint64_t *ret)
{
    const char *at = strstr(buf_text(&sandbox->status), name);
    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    return u64_parse(bytes_of(at, strspn(at, "0123456789")), ret, NULL) == ERR_OK;
}

bool sandbox_poll_status(struct sandbox *sandbox)
{
    uint64_t pid;
    if (sandbox->init_pid != 0) {
        return true;
    }
    read_status(sandbox);
    if (!status_number(sandbox, "\"child-pid\": ", &pid) || pid < 2 || pid > INT32_MAX) {
        return false;
    }
    sandbox->init_pidfd = pidfd_open((pid_t)pid, 0);
    if (sandbox->init_pidfd >= 0) {
        sandbox->init_pid = (pid_t)pid;
    }
    return sandbox->init_pid != 0;
}

void sandbox_terminate(struct sandbox *sandbox)
{
    if (sandbox_poll_status(sandbox)) {
        process_tree_signal(sandbox->init_pid, SIGTERM);
    } else {
        sandbox_kill(sandbox);
    }
}

void sandbox_kill(struct sandbox *sandbox)
{
    if (sandbox->pid == 0) {
        return;
    }
    /* bwrap outside ends when the first process inside has, and that one when all are gone: so the pidfd tells that. */
    if (sandbox_poll_status(sandbox)) {
        (void)pidfd_send_signal(sandbox->init_pidfd, SIGKILL, NULL, 0);
    } else if (sandbox->pidfd >= 0) {
        (void)pidfd_send_signal(sandbox->pidfd, SIGKILL, NULL, 0);
    } else {
        (void)kill(sandbox->pid, SIGKILL);
    }
}

/* bwrap outside ends with the program, a moment before what the program left behind is killed. Nobody may write while
 * results are looked at: a first process that has ended means that its whole namespace has. */
static void end_leftovers(const struct sandbox *sandbox)
{
    struct pollfd fd = {.fd = sandbox->init_pidfd, .events = POLLIN};
    if (sandbox->init_pidfd >= 0) {
        (void)pidfd_send_signal(sandbox->init_pidfd, SIGKILL, NULL, 0);
        (void)poll(&fd, 1, LEFTOVERS_MS);
    }
}

void sandbox_reap(struct sandbox *sandbox, struct sandbox_end *ret)
{
    int status = 0;
    uint64_t code = 0;
    *ret = (struct sandbox_end){0};
    INVARIANT(sandbox->pid != 0);
    (void)sandbox_poll_status(sandbox);
    while (waitpid(sandbox->pid, &status, 0) < 0 && errno == EINTR) {
    }
    sandbox->pid = 0;
    end_leftovers(sandbox);
    network_stop(&sandbox->network);
    read_status(sandbox);
    if (status_number(sandbox, "\"exit-code\": ", &code) && code <= 255) {
        ret->started = true;
        ret->exit_status = (int)code;
        ret->signal = code > 128 && code <= 128 + 64 ? (int)code - 128 : 0;
    } else if (WIFSIGNALED(status)) {
        ret->started = sandbox->init_pid != 0;
        ret->signal = WTERMSIG(status);
        ret->exit_status = 128 + ret->signal;
    } else {
        ret->exit_status = WEXITSTATUS(status);
    }
}

void sandbox_deinit(struct sandbox *sandbox)
{
    struct sandbox_end end;
    if (sandbox->pid != 0) {
        sandbox_kill(sandbox);
        sandbox_reap(sandbox, &end);
    }
    if (sandbox->status.size_max != 0) { /* not a zeroed one, whose descriptors would be 0 */
        close_fd(&sandbox->pidfd);
        close_fd(&sandbox->stdout_fd);
        close_fd(&sandbox->stderr_fd);
        close_fd(&sandbox->status_fd);
        close_fd(&sandbox->init_pidfd);
        close_fd(&sandbox->go_fd); /* not before the sandbox is gone: it would begin */
        buf_deinit(&sandbox->status);
    }
    *sandbox = (struct sandbox){0};
}

/* ── trying ────────────────────────────────────────────────────────────────────────────────────── */

/* Keep the end of what a stream says. */
static void read_tail(int fd, char *tail, size_t tail_size)
{
    char chunk[4096];
    ssize_t size;
    while ((size = read(fd, chunk, sizeof chunk)) > 0) {
        size_t const keep = (size_t)size < tail_size - 1 ? (size_t)size : tail_size - 1;
        memcpy(tail, chunk + size - keep, keep);
        tail[keep] = 0;
    }
}

static void read_all(int fd, struct buf *ret)
{
    char chunk[4096];
    ssize_t size;
    while ((size = read(fd, chunk, sizeof chunk)) > 0) {
        buf_append(ret, chunk, (size_t)size);
    }
}

enum err_code sandbox_try(const struct sandbox_options *options, int timeout_ms,
                          struct buf *ret_said, struct err *err)
{
    struct sandbox sandbox;
    struct sandbox_end end = {0};
    char said[160] = "";
    struct buf ignored = {0}; /* takes nothing */
    int64_t const until = time_mono_ns() + (int64_t)timeout_ms * NS_PER_MS;
    enum err_code code = sandbox_spawn(options, &sandbox, err);
    bool running = code == ERR_OK;
    while (running && time_mono_ns() < until) {
        struct pollfd fd = {.fd = sandbox.pidfd, .events = POLLIN};
        running = poll(&fd, 1, 50) <= 0;
        read_all(sandbox.stdout_fd, ret_said != NULL ? ret_said : &ignored);
        read_tail(sandbox.stderr_fd, said, sizeof said);
    }
    if (code == ERR_OK && running) {
        code = err_set(err, ERR_TIMEOUT, "%s did not end within %d ms in the sandbox",
                       options->command[0], timeout_ms);
    } else if (code == ERR_OK) {
        sandbox_reap(&sandbox, &end);
        said[strcspn(said, "\n")] = 0;
        if (!end.started || end.exit_status != 0) {
            code = err_set(err, ERR_UNAVAILABLE, "%s in the sandbox: status %d%s%s",
                           options->command[0], end.exit_status, said[0] != 0 ? ", " : "", said);
        }
    }
    sandbox_deinit(&sandbox);
    return code == ERR_OK && ret_said != NULL ? buf_check(ret_said, err) : code;
}
