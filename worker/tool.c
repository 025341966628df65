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

enum err_code tool_run(const char *program, const char *const *arguments, int64_t timeout_ms,
                       struct buf *ret, int *ret_status, struct err *err)
{
    int64_t const until = time_mono_ns() + timeout_ms * NS_PER_MS;
    pid_t pid = -1;
    int fd = -1;
    int status = 0;
    enum err_code const code = spawn(program, arguments, &pid, &fd, err);
    if (code != ERR_OK) {
        return code;
    }
    int const pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool const ended = pid_fd >= 0 && follow(fd, pid_fd, until, ret);
    if (!ended) { /* a driver in trouble can hold it for good */
        (void)kill(pid, SIGKILL);
    }
    (void)close(fd);
    if (pid_fd >= 0) {
        (void)close(pid_fd);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *ret_status = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return buf_check(ret, err);
}
