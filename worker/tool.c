// SPDX-License-Identifier: Apache-2.0
#include "worker/tool.h"

#include "core/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
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

enum err_code tool_run(const char *program, const char *const *arguments, int64_t timeout_ms,
                       struct buf *ret, int *ret_status, struct err *err)
{
    int64_t const until = time_mono_ns() + timeout_ms * NS_PER_MS;
    pid_t pid = -1;
    int fd = -1;
    int status = 0;
    bool ended = false;
    enum err_code const code = spawn(program, arguments, &pid, &fd, err);
    if (code != ERR_OK) {
        return code;
    }
    while (!ended && time_mono_ns() < until) {
        char chunk[4096];
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 100) <= 0) {
            continue;
        }
        ssize_t const size = read(fd, chunk, sizeof chunk);
        ended = size <= 0;
        buf_append(ret, chunk, size > 0 ? (size_t)size : 0);
    }
    if (!ended) { /* a driver in trouble can hold it for good */
        (void)kill(pid, SIGKILL);
    }
    (void)close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *ret_status = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return buf_check(ret, err);
}
