/* worker/network_child.c: into the sandbox's namespace to be nft; into a narrow view of this machine to be slirp4netns. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/network_child.h"

#include "core/base/time.h"
#include "worker/sandbox_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define VIEW "/tmp" /* in a mount namespace of its own, whatever is there otherwise */
#define TUN_MAJOR 10
#define TUN_MINOR 200
#define MEMORY_MAX (UINT64_C(1) << 30) /* address space; resident it is some MiB */
#define CONNECTIONS_MAX 1024
#define LOOPBACK_WAIT_MS 5000
#define SAID_MAX (64U << 10)

static void say(const char *text)
{
    size_t size = 0;
    while (text[size] != 0) {
        size++;
    }
    ssize_t const ignored = write(2, text, size);
    (void)ignored;
}

/* What it was doing, on its standard error, for whoever started it; the C library's words for a number need its locks. */
_Noreturn static void fail(const char *what)
{
    int number = errno;
    char digits[12] = "";
    size_t at = sizeof digits - 1;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 && at > 0);
    say(what);
    say(": errno ");
    say(digits + at);
    say("\n");
    _exit(127);
}

static void begin(const struct network_child *child)
{
    struct sigaction const usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &usual, NULL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0 ||
        dup2(child->input_fd >= 0 ? child->input_fd : child->null_fd, 0) != 0 ||
        dup2(child->said_fd, 1) != 1 || dup2(child->said_fd, 2) != 2) {
        _exit(127);
    }
}

/* After whatever may change who we are, which forgets it. */
static void die_with_parent(const struct network_child *child)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != child->parent) {
        _exit(127);
    }
}

static void limit(int resource, uint64_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < value) {
        value = now.rlim_max;
    }
    struct rlimit const wanted = {.rlim_cur = value, .rlim_max = value};
    if (setrlimit((__rlimit_resource_t)resource, &wanted) != 0) {
        fail("limits");
    }
}

_Noreturn static void become_program(const struct network_child *child)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin";
    static char *const environment[] = {path, NULL};
    (void)execve(child->argv[0], (char *const *)(uintptr_t)child->argv, environment);
    fail(child->argv[0]);
}

/* ── nft ───────────────────────────────────────────────────────────────────────────────────────── */

/* An ordinary user is nobody special in the user namespace, and would lose with the exec what its owner has there. */
static bool keep_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) != 0) {
        return false;
    }
    data[0].inheritable |= 1U << CAP_NET_ADMIN;
    return syscall(SYS_capset, &header, data) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0;
}

/* bwrap gives lo its address, then raises it. Where lo is raised before, as slirp4netns does, the kernel gives it that address: bwrap finds it taken, and
 * makes no sandbox. So nobody goes on before bwrap has. */
static bool wait_for_loopback(void)
{
    struct ifreq lo = {.ifr_name = "lo"};
    const struct timespec pause = {.tv_nsec = NS_PER_MS};
    int const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = false;
    for (int looks = 0; fd >= 0 && !up && looks < LOOPBACK_WAIT_MS; looks++) {
        up = ioctl(fd, SIOCGIFFLAGS, &lo) == 0 && (lo.ifr_flags & IFF_UP) != 0;
        if (!up) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return up; /* what is open closes with the exec */
}

_Noreturn void network_child_rules(const struct network_child *child)
{
    begin(child);
    if (child->user == SANDBOX_USER_SAME &&
        (setns(child->user_fd, CLONE_NEWUSER) != 0 || !keep_capability())) {
        fail("enter the sandbox's user namespace");
    }
    if (setns(child->net_fd, CLONE_NEWNET) != 0) {
        fail("enter the sandbox's network namespace");
    }
    die_with_parent(child);
    if (!wait_for_loopback()) {
        errno = ETIMEDOUT;
        fail("wait for the sandbox's loopback");
    }
    become_program(child);
}

/* ── slirp4netns ───────────────────────────────────────────────────────────────────────────────── */

static bool make_file(const char *path, struct bytes content)
{
    int const fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool const good = fd >= 0 && fchmod(fd, 0644) == 0 &&
                      write(fd, content.data, content.size) == (ssize_t)content.size;
    return good && close(fd) == 0;
}

static bool show_namespace(const char *from, const char *to)
{
    return make_file(to, (struct bytes){0}) && mount(from, to, NULL, MS_BIND, NULL) == 0;
}

static bool show_usr(const struct network_child *child)
{
    if (mkdir("usr", 0755) != 0 || mount("/usr", "usr", NULL, MS_BIND | MS_REC, NULL) != 0 ||
        mount(NULL, "usr", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) !=
            0) {
        return false;
    }
    for (size_t i = 0; i < NETWORK_LINKS; i++) {
        const struct network_link *link = &child->links[i];
        const char *name = link->path + 1;
        if (link->target[0] != 0
                ? symlink(link->target, name) != 0
                : mkdir(name, 0755) != 0 || mount(link->path, name, NULL, MS_BIND, NULL) != 0) {
            return false;
        }
    }
    return true;
}

/* A device node of our own, because the machine's may be root's alone; the one device that is there. */
static bool show_device(void)
{
    return mkdir("dev", 0755) == 0 && mkdir("dev/net", 0755) == 0 &&
           mknod("dev/net/tun", S_IFCHR | 0666, makedev(TUN_MAJOR, TUN_MINOR)) == 0 &&
           chmod("dev/net/tun", 0666) == 0;
}

/* Its root is a folder in memory, and what is not put there is not there. */
static void narrow_view(const struct network_child *child)
{
    (void)umask(0022);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
        mount("tmpfs", VIEW, "tmpfs", MS_NOSUID, "size=256k,mode=755") != 0 || chdir(VIEW) != 0) {
        fail("make its own view of the files");
    }
    if (!show_usr(child)) {
        fail("show it /usr");
    }
    if (mkdir("etc", 0755) != 0 || !make_file("etc/resolv.conf", child->resolvers)) {
        fail("show it the resolvers");
    }
    if (!show_device()) {
        fail("show it /dev/net/tun");
    }
    if (!show_namespace(child->paths[0], VIEW NETWORK_VIEW_NET) ||
        !show_namespace(child->paths[1], VIEW NETWORK_VIEW_USER)) {
        fail("show it the sandbox");
    }
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
        chdir("/") != 0 ||
        mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) != 0) {
        fail("leave the machine's files");
    }
}

/* With raw calls: the C library's own would talk to threads that are not here any more. */
static void become_user(uid_t user)
{
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, user, user, user) != 0 ||
        syscall(SYS_setresuid, user, user, user) != 0) {
        fail("change the user");
    }
}

_Noreturn void network_child_helper(const struct network_child *child)
{
    struct sigaction const ignore = {.sa_handler = SIG_IGN};
    begin(child);
    for (int i = 0; i < child->join_count; i++) {
        if (write(child->join_fds[i], "0", 1) != 1) {
            fail("join the control group");
        }
    }
    if (child->user != SANDBOX_USER_SAME) {
        narrow_view(child);
        become_user(child->user);
    }
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, CONNECTIONS_MAX);
    limit(RLIMIT_AS, MEMORY_MAX);
    limit(RLIMIT_FSIZE, SAID_MAX); /* what it says is kept in memory, and a job may make it talk */
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        fail("no new privileges");
    }
    die_with_parent(child);
    int const given[] = {child->net_fd, child->user_fd, child->ready_fd, child->exit_fd};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (fcntl(given[i], F_SETFD, 0) != 0) {
            fail("give it its files");
        }
    }
    become_program(child);
}
