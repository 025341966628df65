/* worker/sandbox_child.c: join the group, set the limits, become nobody, become bwrap. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox_child.h"

#include "core/base/invariant.h"
#include "worker/sandbox_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FILES_MAX 4096
/* An ordinary user's other processes count against the same limit. */
#define OTHER_PROCESSES 4096

/* A folder everyone may pass, over which another is shown in the child's own view of the mounts: the path
 * to the real one may lead through folders that only root may enter. /tmp is bwrap's. `nth`: from 0. */
static const char *shown_folder(size_t nth)
{
    static const char *const places[] = {"/mnt", "/media", "/srv", "/opt", "/home"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stat about;
        if (lstat(places[i], &about) == 0 && S_ISDIR(about.st_mode) &&
            (about.st_mode & S_IXOTH) != 0 && nth-- == 0) {
            return places[i];
        }
    }
    return NULL;
}

static void add_limit(struct sandbox_child *child, int resource, uint64_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < value) {
        value = now.rlim_max;
    }
    child->limits[child->limit_count++] =
        (struct sandbox_limit){resource, {.rlim_cur = value, .rlim_max = value}};
}

enum err_code sandbox_child_init(const struct sandbox_options *options, struct sandbox_child *ret,
                                 struct err *err)
{
    const struct cgroup *group = options->cgroup;
    *ret =
        (struct sandbox_child){.input_fd = -1,
                               .stdout_fd = -1,
                               .stderr_fd = -1,
                               .status_fd = -1,
                               .arguments_fd = -1,
                               .passwd_fd = -1,
                               .group_fd = -1,
                               .seccomp_fd = -1,
                               .runner_fd = -1,
                               .go_fd = -1,
                               .resolver_fd = -1,
                               .hosts_fd = -1,
                               .models_fd = -1,
                               .failure_fd = -1,
                               .folder = options->folder,
                               .source_folder = options->folder,
                               .root = options->root,
                               .source_root = options->root,
                               .models = options->models == NULL ? NULL : options->models->folder};
    ret->source_models = ret->models;
    ret->user = SANDBOX_USER_SAME;
    if (geteuid() == 0) {
        struct stat folder;
        if (lstat(options->folder, &folder) != 0) {
            return err_set_errno(err, errno, "stat %s", options->folder);
        }
        INVARIANT(folder.st_uid != 0);
        ret->user = folder.st_uid;
        ret->source_folder = shown_folder(0);
        ret->source_root = options->root == NULL ? NULL : shown_folder(1);
        ret->source_models = options->models == NULL ? NULL : shown_folder(2);
        if (ret->source_folder == NULL || (options->root != NULL && ret->source_root == NULL) ||
            (options->models != NULL && ret->source_models == NULL)) {
            return err_set(err, ERR_NOT_FOUND, "none of /mnt /media /srv /opt /home is a folder");
        }
    }
    add_limit(ret, RLIMIT_CORE, 0);
    add_limit(ret, RLIMIT_FSIZE, options->file_max);
    add_limit(ret, RLIMIT_NOFILE, OPEN_FILES_MAX);
    /* Counted by user: one that is the sandbox's alone has no other process. */
    add_limit(ret, RLIMIT_NPROC,
              options->pids_max + (ret->user != SANDBOX_USER_SAME ? 0 : OTHER_PROCESSES));
    if (group == NULL || group->memory_folder[0] == 0) {
        add_limit(ret, options->gpu != NULL ? RLIMIT_DATA : RLIMIT_AS, options->memory_max);
    }
    for (int i = 0; group != NULL && i < group->join_count; i++) {
        ret->join_fds[ret->join_count++] = group->join_fds[i];
    }
    ret->input_fd = options->input_fd > 0 ? fcntl(options->input_fd, F_DUPFD_CLOEXEC, 3)
                                          : open("/dev/null", O_RDONLY | O_CLOEXEC);
    return ret->input_fd < 0 ? err_set_errno(err, errno, "open the standard input") : ERR_OK;
}

void sandbox_child_deinit(struct sandbox_child *child)
{
    int const fds[] = {child->input_fd,   child->stdout_fd, child->stderr_fd,    child->status_fd,
                       child->passwd_fd,  child->group_fd,  child->arguments_fd, child->seccomp_fd,
                       child->failure_fd, child->runner_fd, child->go_fd,        child->resolver_fd,
                       child->hosts_fd,   child->models_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

const char *sandbox_stage_name(int stage)
{
    static const char *const names[] = {
        "open files",          "join the control group",
        "set resource limits", "show the job's folders",
        "change the user",     "/usr/bin/bwrap (package bubblewrap)"};
    return stage >= 0 && stage <= STAGE_EXEC ? names[stage] : "?";
}

/* ── in the child: system calls only ───────────────────────────────────────────────────────────── */

_Noreturn static void fail(const struct sandbox_child *child, enum sandbox_stage stage)
{
    struct sandbox_failure const failure = {.stage = (int)stage, .error = errno};
    ssize_t const ignored = write(child->failure_fd, &failure, sizeof failure);
    (void)ignored;
    _exit(1);
}

/* Everything but the standard three and what bwrap is given closes at the exec. */
static bool arrange_files(const struct sandbox_child *child)
{
    int const given[] = {child->status_fd, child->arguments_fd, child->passwd_fd,
                         child->group_fd,  child->seccomp_fd,   child->runner_fd,
                         child->go_fd,     child->resolver_fd,  child->hosts_fd,
                         child->models_fd};
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (given[i] >= 0 && fcntl(given[i], F_SETFD, 0) != 0) {
            return false;
        }
    }
    return dup2(child->input_fd, 0) == 0 && dup2(child->stdout_fd, 1) == 1 &&
           dup2(child->stderr_fd, 2) == 2;
}

static void reset_signals(void)
{
    struct sigaction const usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &usual, NULL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* With raw calls: the C library's own would talk to threads that are not here any more. */
static bool become(uid_t user)
{
    return syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_setresgid, user, user, user) == 0 &&
           syscall(SYS_setresuid, user, user, user) == 0;
}

/* One's place may be above where another really is (models are often below /mnt): all are held on to before the first gets its place. */
static bool show_folders(const struct sandbox_child *child)
{
    const struct {
        const char *folder;
        const char *place;
        unsigned long too; /* disks that are mounted below it */
    } shown[] = {{child->root, child->source_root, 0},
                 {child->models, child->source_models, MS_REC},
                 {child->folder, child->source_folder, 0}};
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] =
            shown[i].folder == NULL ? -1 : open(shown[i].folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (shown[i].folder != NULL && fds[i] < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0 && (fchdir(fds[i]) != 0 ||
                            mount(".", shown[i].place, NULL, MS_BIND | shown[i].too, NULL) != 0)) {
            return false;
        }
    }
    return chdir("/") == 0;
}

_Noreturn void sandbox_child_exec(const struct sandbox_child *child)
{
    static char *const no_environment[] = {NULL};
    if (!arrange_files(child)) {
        fail(child, STAGE_FILES);
    }
    reset_signals();
    (void)setsid(); /* a Ctrl-C at the worker's terminal is the worker's */
    for (int i = 0; i < child->join_count; i++) {
        if (write(child->join_fds[i], "0", 1) != 1) {
            fail(child, STAGE_GROUP);
        }
    }
    for (size_t i = 0; i < child->limit_count; i++) {
        if (setrlimit((__rlimit_resource_t)child->limits[i].resource, &child->limits[i].limit) !=
            0) {
            fail(child, STAGE_LIMITS);
        }
    }
    if (child->user != SANDBOX_USER_SAME) {
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
            !show_folders(child)) {
            fail(child, STAGE_MOUNT);
        }
        if (!become(child->user)) {
            fail(child, STAGE_UID);
        }
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != child->parent) {
        fail(child, STAGE_UID);
    }
    char *const *argv = (char *const *)(uintptr_t)child->argv;
    (void)execve(child->argv[0], argv, no_environment);
    fail(child, STAGE_EXEC);
}
