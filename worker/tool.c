// SPDX-License-Identifier: Apache-2.0
#include "worker/tool.h"

#include "core/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static enum err_code spawn(const char *program, const char *const *arguments, pid_t *ret_pid,
                           int *ret_fd, struct err *err)
{
    char *argv[TOOL_ARGUMENTS_MAX + 2] = {(char *)(uintptr_t)program};
    char path[] = "PATH=/usr/bin:/bin";
    char *environment[] = {path, NULL};
    int fds[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    for (size_t i = 0; arguments[i] != NULL && i < TOOL_ARGUMENTS_MAX; i++) {
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_set_errno(err, errno, "pipe");
    }
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int const rc = posix_spawn(ret_pid, program, &actions, &attributes, argv, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    (void)close(fds[1]);
    if (rc != 0) {
        (void)close(fds[0]);
        return rc == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no %s", program)
                            : err_set_errno(err, rc, "start %s", program);
    }
    *ret_fd = fds[0];
    return ERR_OK;
}

/* What is there to read now. False: nothing more will come. */
static bool take(int fd, struct buf *ret)
{
    char chunk[4096];
    ssize_t const size = read(fd, chunk, sizeof chunk);
    if (size > 0) {
        buf_append(ret, chunk, (size_t)size);
    }
    return size > 0;
}

/* Until the program has ended: its output may end long before, and be held open by something that it started for long after. */
static bool follow(int fd, int pid_fd, int64_t until, struct buf *ret)
{
    struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int64_t left;
    while ((left = until - time_mono_ns()) > 0) {
        if (poll(fds, 2, (int)(left / NS_PER_MS) + 1) < 0 && errno != EINTR) {
            return false;
        }
        if (fds[1].revents != 0 && !take(fd, ret)) {
            fds[1].fd = -1; /* poll passes it over */
        } else if (fds[0].revents != 0 && fds[1].revents == 0) {
            return true; /* and nothing that it wrote is left */
        }
        fds[1].revents = 0;
        fds[0].revents = 0;
    }
    return false;
}

enum err_code tool_start(const char *program, const char *const *arguments, struct tool *ret,
                         struct err *err)
{
    struct tool tool = {.pid = -1, .pid_fd = -1, .fd = -1};
    enum err_code const code = spawn(program, arguments, &tool.pid, &tool.fd, err);
    if (code == ERR_OK) {
        tool.pid_fd = (int)syscall(SYS_pidfd_open, tool.pid, 0);
        *ret = tool;
    }
    return code;
}

/* Until it has ended by itself; false: it has not. */
static bool wait_for(const struct tool *tool, int64_t until)
{
    struct pollfd fd = {.fd = tool->pid_fd, .events = POLLIN};
    int64_t left;
    while (tool->pid_fd >= 0 && (left = until - time_mono_ns()) > 0) {
        int const ready = poll(&fd, 1, (int)(left / NS_PER_MS) + 1);
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            break;
        }
    }
    return false;
}

/* Ends it unless it `ended`; its exit status. */
static int reap(struct tool *tool, bool ended)
{
    int status = 0;
    if (!ended) { /* a driver in trouble can hold it for good */
        (void)kill(tool->pid, SIGKILL);
    }
    (void)close(tool->fd);
    if (tool->pid_fd >= 0) {
        (void)close(tool->pid_fd);
    }
    while (waitpid(tool->pid, &status, 0) < 0 && errno == EINTR) {
    }
    *tool = (struct tool){.pid = -1, .pid_fd = -1, .fd = -1};
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int tool_end(struct tool *tool, int64_t timeout_ms)
{
    return reap(tool, wait_for(tool, time_mono_ns() + timeout_ms * NS_PER_MS));
}

enum err_code tool_run(const char *program, const char *const *arguments, int64_t timeout_ms,
                       struct buf *ret, int *ret_status, struct err *err)
{
    int64_t const until = time_mono_ns() + timeout_ms * NS_PER_MS;
    struct tool tool;
    enum err_code const code = tool_start(program, arguments, &tool, err);
    if (code != ERR_OK) {
        return code;
    }
    *ret_status = reap(&tool, tool.pid_fd >= 0 && follow(tool.fd, tool.pid_fd, until, ret));
    return buf_check(ret, err);
}
