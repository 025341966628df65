/* worker/sandbox_arguments.c: bwrap does them in their order, so mounts come before what is put into them, and read-only last. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox_arguments.h"

#include "worker/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GPU_LIBRARIES "/dev/gpu-libraries"

/* What Python and Debian's libraries look up; nothing that tells about the machine's users or network. */
static const char *const etc_files[] = {
    "/etc/alternatives", "/etc/fonts",      "/etc/ld.so.cache", "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime",  "/etc/mime.types",  "/etc/matplotlibrc",
    "/etc/python3",      "/etc/python3.11",
};

static const char *const usr_links[] = {"/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"};

static void add(struct buf *buf, const char *argument)
{
    buf_append(buf, argument, strlen(argument) + 1);
}

static void add_all(struct buf *buf, const char *const *arguments)
{
    for (; *arguments != NULL; arguments++) {
        add(buf, *arguments);
    }
}

static void add_number(struct buf *buf, const char *option, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add(buf, option);
    add(buf, text);
}

static void add_tmpfs(struct buf *buf, uint64_t size, const char *mode, const char *path)
{
    add(buf, "--perms");
    add(buf, mode);
    add_number(buf, "--size", size);
    add(buf, "--tmpfs");
    add(buf, path);
}

/* /bin and its like are links into /usr, or folders on a machine that has not merged them. */
static void add_usr(struct buf *buf)
{
    add_all(buf, (const char *const[]){"--ro-bind", "/usr", "/usr", NULL});
    for (size_t i = 0; i < sizeof usr_links / sizeof usr_links[0]; i++) {
        struct stat about;
        char target[256];
        if (lstat(usr_links[i], &about) != 0) {
            continue;
        }
        ssize_t const size = readlink(usr_links[i], target, sizeof target - 1);
        if (size > 0) {
            target[size] = 0;
            add_all(buf, (const char *const[]){"--symlink", target, usr_links[i], NULL});
        } else {
            add_all(buf, (const char *const[]){"--ro-bind", usr_links[i], usr_links[i], NULL});
        }
    }
}

/* What is in another system's folder, each thing by itself, but for what is made anew here. */
static enum err_code add_entries(struct buf *buf, const char *root, const char *source,
                                 const char *shown_in, const char *const *ours, struct err *err)
{
    DIR *folder = opendir(root);
    if (folder == NULL) {
        return err_set_errno(err, errno, "open %s", root);
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) { // NOLINT: its own
        struct stat about;
        char target[PATH_MAX];
        bool is_ours = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        for (size_t i = 0; ours[i] != NULL; i++) {
            is_ours = is_ours || strcmp(entry->d_name, ours[i]) == 0;
        }
        if (is_ours || fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        ssize_t const size = S_ISLNK(about.st_mode) ? readlinkat(dirfd(folder), entry->d_name,
                                                                 target, sizeof target - 1)
                                                    : -1;
        char shown[300];
        char from[PATH_MAX];
        (void)snprintf(shown, sizeof shown, "%s/%s", shown_in, entry->d_name);
        (void)snprintf(from, sizeof from, "%s/%s", source, entry->d_name);
        if (size > 0) {
            target[size] = 0;
            add_all(buf, (const char *const[]){"--symlink", target, shown, NULL});
        } else if (S_ISDIR(about.st_mode) || S_ISREG(about.st_mode)) {
            add_all(buf, (const char *const[]){"--ro-bind", from, shown, NULL});
        }
    }
    (void)closedir(folder);
    return ERR_OK;
}

/* What is made here lies on a root of bwrap's own, the models' folder too. With a network so do two files in /etc, which an image may have or not, and as
 * links. An /etc that is a link itself is left out: it would be followed here, to this machine's files. */
static enum err_code add_root(struct buf *buf, const char *root, const char *source,
                              bool with_network, bool with_models, struct err *err)
{
    const char *ours[] = {"dev", "job", "proc", "run", "sys", "tmp", NULL, NULL, NULL};
    size_t count = 6;
    static const char *const in_etc[] = {"hosts", "resolv.conf", NULL};
    char etc[PATH_MAX];
    char etc_source[PATH_MAX];
    struct stat about;
    (void)snprintf(etc, sizeof etc, "%s/etc", root);
    if (with_network) {
        ours[count++] = "etc";
    }
    if (with_models) {
        ours[count++] = &SANDBOX_MODELS[1];
    }
    enum err_code code = add_entries(buf, root, source, "", ours, err);
    if (code == ERR_OK && with_network && lstat(etc, &about) == 0 && S_ISDIR(about.st_mode)) {
        (void)snprintf(etc_source, sizeof etc_source, "%s/etc", source);
        code = add_entries(buf, etc, etc_source, "/etc", in_etc, err);
    }
    return code;
}

/* To know whom one speaks with: the certificates of the machine, or of the image. */
static const char *const network_files[] = {"/etc/ssl/certs", "/etc/ssl/openssl.cnf"};

static void add_network(struct buf *buf, const struct sandbox_fds *fds, bool is_image)
{
    for (size_t i = 0; !is_image && i < sizeof network_files / sizeof network_files[0]; i++) {
        add_all(buf,
                (const char *const[]){"--ro-bind-try", network_files[i], network_files[i], NULL});
    }
    add_number(buf, "--ro-bind-data", (uint64_t)fds->resolver);
    add(buf, "/etc/resolv.conf");
    add_number(buf, "--ro-bind-data", (uint64_t)fds->hosts);
    add(buf, "/etc/hosts");
    add_number(buf, "--block-fd", (uint64_t)fds->go);
}

static void add_etc(struct buf *buf, int passwd_fd, int group_fd)
{
    for (size_t i = 0; i < sizeof etc_files / sizeof etc_files[0]; i++) {
        add_all(buf, (const char *const[]){"--ro-bind-try", etc_files[i], etc_files[i], NULL});
    }
    if (passwd_fd >= 0) {
        add_number(buf, "--ro-bind-data", (uint64_t)passwd_fd);
        add(buf, "/etc/passwd");
    }
    if (group_fd >= 0) {
        add_number(buf, "--ro-bind-data", (uint64_t)group_fd);
        add(buf, "/etc/group");
    }
}

static void add_environment(struct buf *buf, const struct sandbox_options *options)
{
    const struct sandbox_variable fixed[] = {
        {.name = "PATH", .value = "/usr/local/bin:/usr/bin:/bin"},
        {.name = "HOME", .value = options->root == NULL ? "/home/job" : "/tmp"},
        {.name = "USER", .value = "job"},
        {.name = "LANG", .value = "C.UTF-8"},
        {.name = "TMPDIR", .value = "/tmp"},
    };
    add(buf, "--clearenv");
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        add_all(buf, (const char *const[]){"--setenv", fixed[i].name, fixed[i].value, NULL});
    }
    for (size_t i = 0; i < options->environment_count; i++) {
        const struct sandbox_variable *variable = &options->environment[i];
        add_all(buf, (const char *const[]){"--setenv", variable->name, variable->value, NULL});
    }
}

static void add_gpu(struct buf *buf, const struct sandbox_gpu *gpu)
{
    for (size_t i = 0; i < gpu->device_count; i++) {
        add_all(buf, (const char *const[]){"--dev-bind", gpu->devices[i].source,
                                           gpu->devices[i].shown, NULL});
    }
    if (gpu->libraries[0] != 0) { /* in /dev, which is ours: an image's root cannot be written */
        add_all(buf, (const char *const[]){"--ro-bind", gpu->libraries, GPU_LIBRARIES, "--setenv",
                                           "LD_LIBRARY_PATH", GPU_LIBRARIES, NULL});
    }
}

enum err_code sandbox_arguments(const struct sandbox_options *options,
                                const struct sandbox_sources *sources,
                                const struct sandbox_fds *fds, struct buf *ret, struct err *err)
{
    static const char *const namespaces[] = {"--unshare-all",
                                             "--unshare-user",
                                             "--uid",
                                             "65534",
                                             "--gid",
                                             "65534",
                                             "--hostname",
                                             "tally-job",
                                             "--cap-drop",
                                             "ALL",
                                             "--disable-userns",
                                             "--new-session",
                                             "--die-with-parent",
                                             NULL};
    add_all(ret, namespaces);
    if (options->root == NULL) {
        add_usr(ret);
        add_etc(ret, fds->passwd, fds->group);
    } else {
        enum err_code const code =
            add_root(ret, options->root, sources->root, fds->go >= 0, options->models != NULL, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (fds->go >= 0) {
        add_network(ret, fds, options->root != NULL);
    }
    add_all(ret, (const char *const[]){"--proc", "/proc", "--dev", "/dev", NULL});
    add_tmpfs(ret, options->tmp_max, "1777", "/dev/shm");
    add_tmpfs(ret, options->tmp_max, "1777", "/tmp");
    if (options->root == NULL) {
        add_tmpfs(ret, options->tmp_max, "0700", "/home/job");
    }
    if (options->models != NULL) {
        enum err_code const code =
            sandbox_models_arguments(options->models, sources->models, fds->models, ret, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    add_all(ret, (const char *const[]){"--bind", sources->folder, "/job", NULL});
    add_environment(ret, options);
    if (options->gpu != NULL) {
        add_gpu(ret, options->gpu);
    }
    if (fds->runner >= 0) {
        add_number(ret, "--ro-bind-data", (uint64_t)fds->runner);
        add(ret, RUNNER_PATH);
    }
    add_all(ret, (const char *const[]){"--remount-ro", "/dev", "--remount-ro", "/proc",
                                       "--remount-ro", "/", "--chdir",
                                       options->workdir != NULL ? options->workdir : "/job", NULL});
    if (fds->seccomp >= 0) {
        add_number(ret, "--seccomp", (uint64_t)fds->seccomp);
    }
    return buf_check(ret, err);
}
