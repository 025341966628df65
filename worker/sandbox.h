/* worker/sandbox.h: one program under bubblewrap, with nothing but its own folder.
 *
 * Inside:  own user, pid, network, ipc, uts and cgroup namespaces; no network but a loopback of its own, unless `network` asks for one (network.h); /usr read-only, a
 *          minimal /etc, /dev and /proc, private /tmp, /dev/shm and /home/job in memory, everything else absent; the job's
 *          folder at /job, the only place on disk it can write; the machine's models at /models, read-only, where `models` names their folder. Uid and gid 65534, no capability, no new privileges, no
 *          further user namespace, a seccomp filter (seccomp.h), resource limits, the group of cgroup.h if there is one.
 * GPU:     the device nodes of one, and the driver's libraries, where `gpu` names them; no other node of /dev/nvidia* is there. CUDA reserves
 *          far more addresses than there is memory: without a group, RLIMIT_DATA then stands for RLIMIT_AS.
 * As root: the sandbox is started as the owner of the folder (sandbox_user.h), who owns nothing else. There is no other way on purpose: a process that is
 *          root outside may write /proc/sys even from a user namespace and without a capability, and with it take over the
 *          machine. So user namespaces must be open to ordinary users.
 * Life:    sandbox_spawn … sandbox_terminate / sandbox_kill … pidfd readable → sandbox_reap. Everything in it is gone after
 *          sandbox_reap: the kernel ends a pid namespace with its first process. It dies with the worker too.
 * Thread:  the one that spawned it must live as long (PR_SET_PDEATHSIG).
 * Source:  bwrap(1), version 0.8. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "worker/cgroup.h"
#include "worker/network.h"
#include "worker/sandbox_models.h"

#include <sys/types.h>

#define SANDBOX_PYTHON "/usr/bin/python3"
#define SANDBOX_COMMAND_MAX 512
#define SANDBOX_ENVIRONMENT_MAX 330
#define SANDBOX_DEVICES_MAX 8

struct sandbox_variable {
    const char *name;
    const char *value;
    bool is_secret; /* whatever its name */
};

/* A device node of the machine, and where the program sees it. */
struct sandbox_device {
    char source[64];
    char shown[64];
};

/* What a program may have of one GPU; a zeroed one is nothing. */
struct sandbox_gpu {
    struct sandbox_device devices[SANDBOX_DEVICES_MAX];
    size_t device_count;
    char libraries
        [PATH_MAX]; /* a folder outside /usr that the driver's libraries are in; "" if none */
};

struct sandbox_options {
    const struct sandbox_gpu *gpu; /* NULL: none */
    struct bytes runner; /* shown at RUNNER_PATH, not to be changed; {NULL, 0}: not there */
    const char *
        root; /* a folder with the files of another system, shown read-only in the place of this one's; NULL: this one's */
    const char *workdir; /* NULL: /job */
    const struct sandbox_models
        *models; /* a folder shown read-only at SANDBOX_MODELS; NULL: none */
    const char
        *folder; /* bound at /job; as root, its owner is who the program runs as, and not root */
    const char *const
        *command; /* absolute path first; NULL-terminated, at most SANDBOX_COMMAND_MAX */
    const struct sandbox_variable *environment; /* beside PATH, HOME and the like */
    size_t environment_count;
    uint64_t memory_max;         /* bytes; the address space, where no cgroup limits memory */
    uint64_t tmp_max;            /* bytes, each of /tmp, /home/job and /dev/shm */
    uint64_t file_max;           /* bytes, the largest file */
    uint64_t pids_max;           /* processes and threads */
    const struct cgroup *cgroup; /* NULL: none */
    bool network;                /* to the Internet, and nowhere else */
    int input_fd; /* borrowed: what the program reads on its standard input; 0: nothing */
};

struct sandbox {
    pid_t pid;     /* bwrap's; 0: none */
    int pidfd;     /* readable when it has ended; for poll */
    int stdout_fd; /* reading ends, not blocking; whoever takes one sets it to -1 */
    int stderr_fd;
    int status_fd;  /* bwrap's report */
    pid_t init_pid; /* the first process inside, as seen from here; 0 until known */
    int init_pidfd;
    struct buf status;
    int go_fd; /* the program begins when something comes; -1: at once */
    struct network network;
};

struct sandbox_end {
    bool started;    /* the program was run; otherwise the sandbox could not be made */
    int exit_status; /* 0 to 255 */
    int signal; /* not 0: the program was killed by it (a shell's 128 + n is taken for it as well) */
};

/* Errors: ERR_NOT_FOUND (no bwrap), ERR_INVALID, ERR_IO, ERR_NOMEM; with a network, also those of network_start. `ret` must be deinited in any case. */
MUST_CHECK enum err_code sandbox_spawn(const struct sandbox_options *options, struct sandbox *ret,
                                       struct err *err);
/* SIGTERM to every process inside (to the sandbox as a whole while it is being made). */
void sandbox_terminate(struct sandbox *sandbox);
/* SIGKILL to the first process, and with it to all. */
void sandbox_kill(struct sandbox *sandbox);
/* Learn init_pid when bwrap has told it; call now and then. True when it is known. */
bool sandbox_poll_status(struct sandbox *sandbox);
/* After the pidfd is readable: how it ended. */
void sandbox_reap(struct sandbox *sandbox, struct sandbox_end *ret);
/* Kills and reaps what still runs, closes everything. Accepts a zeroed object. */
void sandbox_deinit(struct sandbox *sandbox);

/* Run a command to its end, of its output kept what is wanted and the last line on stderr: a look around at a worker's start. `ret_said`: what it wrote to
 * standard output; NULL: nobody's business. ERR_UNAVAILABLE with the reason when it does not end with status 0 within `timeout_ms`. Blocks. */
MUST_CHECK enum err_code sandbox_try(const struct sandbox_options *options, int timeout_ms,
                                     struct buf *ret_said, struct err *err);

#endif
