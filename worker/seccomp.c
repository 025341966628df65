/* worker/seccomp.c: the list, compiled by libseccomp. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Names, so that a call this architecture does not have is left out. */
static const char *const refused[] = {
    "acct",
    "add_key",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "vhangup",
    "vm86",
    "vm86old",
};

static const char *const unknown[] = {"clone3", "io_uring_enter", "io_uring_register",
                                      "io_uring_setup"};

static const unsigned namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,     CLONE_NEWPID, CLONE_NEWNET,
                                      CLONE_NEWIPC,  CLONE_NEWCGROUP, CLONE_NEWUTS};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int refuse_names(scmp_filter_ctx filter, const char *const *names, size_t count, int error)
{
    for (size_t i = 0; i < count; i++) {
        int const number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR) {
            continue;
        }
        int const rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error), number, 0);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int refuse_namespaces(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++) {
        int const rc = seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
            SCMP_A0(SCMP_CMP_MASKED_EQ, (scmp_datum_t)namespaces[i], (scmp_datum_t)namespaces[i]));
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int refuse_families(scmp_filter_ctx filter)
{
    int const last = AF_NETLINK;
    for (int family = 0; family < last; family++) {
        bool allowed = false;
        for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
            allowed = allowed || families[i] == family;
        }
        if (allowed) {
            continue;
        }
        int const rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
        if (rc < 0) {
            return rc;
        }
    }
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_GT, (scmp_datum_t)last, 0));
}

enum err_code seccomp_filter_open(int *ret_fd, struct err *err)
{
    enum err_code code = ERR_OK;
    int rc = 0;
    int const fd = memfd_create("tally-seccomp", MFD_CLOEXEC);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (fd < 0 || filter == NULL) {
        code = err_set_errno(err, errno, "seccomp filter");
        goto out;
    }
    rc = refuse_names(filter, refused, sizeof refused / sizeof refused[0], EPERM);
    if (rc == 0) {
        rc = refuse_names(filter, unknown, sizeof unknown / sizeof unknown[0], ENOSYS);
    }
    if (rc == 0) {
        rc = refuse_namespaces(filter);
    }
    if (rc == 0) {
        rc = refuse_families(filter);
    }
    if (rc == 0) { /* typing into the terminal of whoever started the worker */
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFU, TIOCSTI));
    }
    if (rc == 0) {
        rc = seccomp_export_bpf(filter, fd);
    }
    if (rc != 0) {
        code = err_set_errno(err, -rc, "seccomp filter");
    } else if (lseek(fd, 0, SEEK_SET) != 0) {
        code = err_set_errno(err, errno, "seccomp filter");
    }
out:
    seccomp_release(filter);
    if (code == ERR_OK) {
        *ret_fd = fd;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}
