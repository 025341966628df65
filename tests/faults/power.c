/* tests/faults/power.c: preloaded into a program (LD_PRELOAD), stands between it and its files, and lets the power fail.
 *
 *   TALLY_POWER_ROOT     folder whose files are watched; without it nothing is done
 *   TALLY_POWER_STATE    file that remembers what is not synced (power_disk.h)
 *   TALLY_POWER_REPORT   file to which a failure appends one line
 *   TALLY_POWER_AT       the power fails at this operation (1: the first); 0 or missing: never
 *   TALLY_POWER_SEED     decides what the disk then has
 *   TALLY_POWER_BOOT_ID  file that is read in place of /proc/sys/kernel/random/boot_id
 *   TALLY_POWER_LIE      "1": fsync, fdatasync and O_DSYNC say yes and do nothing
 *
 * Operation: a call that changes or syncs a watched file or folder. A write that the power fails in is done, and not synced. A sync is
 * counted, not done: a kill -9 loses no page cache, and a simulated failure does not need the platter.
 * Thread:    one lock around every operation, so a failure comes between two of them. */
// SPDX-License-Identifier: Apache-2.0
#undef _FORTIFY_SOURCE /* its headers would define what is defined here */
#include "tests/faults/power_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char BOOT_ID[] = "/proc/sys/kernel/random/boot_id";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool on;
static bool lies;
static const char *boot_id;
static uint64_t fails_at;
static uint64_t operations;

static const char *setting(const char *name)
{
    return getenv(name); /* NOLINT(concurrency-mt-unsafe): before main */
}

static uint64_t number_of(const char *name)
{
    const char *text = setting(name);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

__attribute__((constructor)) static void start(void)
{
    const char *lie = setting("TALLY_POWER_LIE");
    struct disk_options options = {
        .root = setting("TALLY_POWER_ROOT"),
        .state = setting("TALLY_POWER_STATE"),
        .report = setting("TALLY_POWER_REPORT"),
        .seed = number_of("TALLY_POWER_SEED"),
    };
    boot_id = setting("TALLY_POWER_BOOT_ID");
    lies = lie != NULL && strcmp(lie, "1") == 0;
    fails_at = number_of("TALLY_POWER_AT");
    if (options.root != NULL && options.state != NULL) {
        disk_start(&options);
        on = true;
    }
}

/* ── an operation ──────────────────────────────────────────────────────────────────────────────── */

/* Takes the lock. True: the power fails with this one. */
static bool begin(void)
{
    operations++;
    return operations == fails_at;
}

static void finish(bool fails, const char *name)
{
    if (fails) {
        disk_lose(operations, name);
    }
    int kept = errno;
    (void)pthread_mutex_unlock(&lock);
    errno = kept;
}

/* The file behind `fd`, with the lock taken; DISK_NONE without it. */
static int take_file(int fd)
{
    struct stat info;
    if (!on || fd <= STDERR_FILENO || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return DISK_NONE;
    }
    (void)pthread_mutex_lock(&lock);
    int file = disk_file_of(fd);
    if (file == DISK_NONE) {
        (void)pthread_mutex_unlock(&lock);
    }
    return file;
}

static bool is_synced_write(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_DSYNC) != 0 && !lies;
}

/* Where write() will write. */
static uint64_t place_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    off_t at = lseek(fd, 0, flags >= 0 && (flags & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
    return at < 0 ? 0 : (uint64_t)at;
}

static ssize_t end_write(int fd, int file, bool fails, uint64_t at, ssize_t put)
{
    if (put > 0 && !fails && is_synced_write(fd)) {
        disk_synced_range(file, at, (uint64_t)put);
    }
    finish(fails, "write");
    return put;
}

static uint64_t size_of_parts(const struct iovec *parts, int count)
{
    uint64_t size = 0;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size;
}

/* ── writing ───────────────────────────────────────────────────────────────────────────────────── */

ssize_t write(int fd, const void *data, size_t size)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return syscall(SYS_write, fd, data, size);
    }
    bool fails = begin();
    uint64_t at = place_of(fd);
    disk_will_write(file, at, size);
    return end_write(fd, file, fails, at, syscall(SYS_write, fd, data, size));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return syscall(SYS_writev, fd, parts, count);
    }
    bool fails = begin();
    uint64_t at = place_of(fd);
    disk_will_write(file, at, size_of_parts(parts, count));
    return end_write(fd, file, fails, at, syscall(SYS_writev, fd, parts, count));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return syscall(SYS_pwrite64, fd, data, size, at);
    }
    bool fails = begin();
    disk_will_write(file, (uint64_t)at, size);
    return end_write(fd, file, fails, (uint64_t)at, syscall(SYS_pwrite64, fd, data, size, at));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return syscall(SYS_pwritev, fd, parts, count, at, at >> 32);
    }
    bool fails = begin();
    disk_will_write(file, (uint64_t)at, size_of_parts(parts, count));
    return end_write(fd, file, fails, (uint64_t)at,
                     syscall(SYS_pwritev, fd, parts, count, at, at >> 32));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return pwritev64(fd, parts, count, at);
}

int ftruncate64(int fd, off64_t size)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return (int)syscall(SYS_ftruncate, fd, size);
    }
    bool fails = begin();
    disk_will_truncate(file, (uint64_t)size);
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    finish(fails, "ftruncate");
    return rc;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

/* ── syncing ───────────────────────────────────────────────────────────────────────────────────── */

/* The power fails before or after the sync, by the parity of the operation's number. */
static int sync_fd(int fd)
{
    char path[PATH_MAX];
    int file = take_file(fd);
    if (file != DISK_NONE) {
        bool fails = begin();
        if (!lies && (!fails || operations % 2 == 0)) {
            disk_synced(file);
        }
        finish(fails, "sync");
        return 0;
    }
    if (on && disk_folder_of(fd, path, sizeof path)) {
        (void)pthread_mutex_lock(&lock);
        bool fails = begin();
        if (!lies && (!fails || operations % 2 == 0)) {
            disk_folder_synced(path);
        }
        finish(fails, "sync_folder");
        return 0;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fsync(int fd)
{
    return sync_fd(fd);
}

int fdatasync(int fd)
{
    return sync_fd(fd);
}

/* Promises nothing about a power failure. */
int sync_file_range(int fd, off64_t from, off64_t to, unsigned flags)
{
    int file = take_file(fd);
    if (file == DISK_NONE) {
        return (int)syscall(SYS_sync_file_range, fd, from, to, flags);
    }
    finish(begin(), "sync_file_range");
    return 0;
}

/* What is written through a mapping is not watched, so it is never called synced either. */
int msync(void *at, size_t size, int flags)
{
    return (int)syscall(SYS_msync, at, size, flags);
}

/* ── names ─────────────────────────────────────────────────────────────────────────────────────── */

/* `path` made absolute; false: not watched. */
static bool resolve(int folder, const char *path, char ret[PATH_MAX])
{
    char base[PATH_MAX] = "";
    if (!on) {
        return false;
    }
    if (path[0] != '/') {
        char name[40];
        if (folder == AT_FDCWD) {
            (void)snprintf(name, sizeof name, "/proc/self/cwd");
        } else {
            (void)snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
        }
        ssize_t got = readlink(name, base, sizeof base - 2);
        if (got <= 0) {
            return false;
        }
        base[got] = '/';
        base[got + 1] = '\0';
    }
    int size = snprintf(ret, PATH_MAX, "%s%s", base, path);
    return size > 0 && size < PATH_MAX && disk_covers(ret);
}

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    char whole[PATH_MAX];
    if (boot_id != NULL && strcmp(path, BOOT_ID) == 0) {
        return (int)syscall(SYS_openat, AT_FDCWD, boot_id, flags, mode);
    }
    if ((flags & O_CREAT) == 0 || !resolve(folder, path, whole)) {
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    }
    (void)pthread_mutex_lock(&lock);
    bool is_new = !exists(whole);
    bool fails = is_new && begin();
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && is_new) {
        disk_created(whole);
    }
    finish(fails, "create");
    return fd;
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                                  \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = va_arg(args, mode_t);                                                               \
        va_end(args);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(folder, path, flags, mode);
}

/* What the compiler calls in place of open when there is no mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int folder, const char *path, int flags)
{
    return open_at(folder, path, flags, 0);
}

/* The C library's own would call its open, which nobody can stand in front of. */
int mkostemp(char *name, int flags)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz012345";
    size_t size = strlen(name);
    uint8_t bytes[6];
    if (size < sizeof bytes || strcmp(name + size - sizeof bytes, "XXXXX"
                                                                  "X") != 0) {
        errno = EINVAL;
        return -1;
    }
    for (int tries = 0; tries < 100; tries++) {
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
            return -1;
        }
        for (size_t i = 0; i < sizeof bytes; i++) {
            name[size - sizeof bytes + i] = LETTERS[bytes[i] % 32];
        }
        int fd = open_at(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

int mkostemp64(char *name, int flags)
{
    return mkostemp(name, flags);
}

int mkstemp(char *name)
{
    return mkostemp(name, 0);
}

int mkstemp64(char *name)
{
    return mkostemp(name, 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    char whole_from[PATH_MAX];
    char whole_to[PATH_MAX];
    if (!resolve(from_folder, from, whole_from) || !resolve(to_folder, to, whole_to)) {
        return (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
    }
    (void)pthread_mutex_lock(&lock);
    bool fails = begin();
    uint32_t kept = disk_keep(whole_to);
    int rc = (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
    if (rc == 0) {
        disk_renamed(whole_from, whole_to, kept);
    } else {
        disk_drop(kept);
    }
    finish(fails, "rename");
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char whole[PATH_MAX];
    if (!resolve(to_folder, to, whole)) {
        return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    }
    (void)pthread_mutex_lock(&lock);
    bool fails = begin();
    int rc = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (rc == 0) {
        disk_created(whole);
    }
    finish(fails, "link");
    return rc;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    char whole[PATH_MAX];
    if ((flags & AT_REMOVEDIR) != 0 || !resolve(folder, path, whole)) {
        return (int)syscall(SYS_unlinkat, folder, path, flags);
    }
    (void)pthread_mutex_lock(&lock);
    uint32_t kept = disk_keep(whole);
    bool fails = kept != 0 && begin();
    int rc = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (rc == 0 && kept != 0) {
        disk_unlinked(whole, kept);
    } else {
        disk_drop(kept);
    }
    finish(fails, "unlink");
    return rc;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    if (!resolve(folder, path, whole)) {
        return (int)syscall(SYS_mkdirat, folder, path, mode);
    }
    (void)pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_mkdirat, folder, path, mode);
    bool fails = rc == 0 && begin();
    if (rc == 0) {
        disk_made_folder(whole);
    }
    finish(fails, "mkdir");
    return rc;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
