/* The state file: header, files, pending changes of folders, pages with their last synced content. Everything is found again by
 * scanning it; what makes finding fast (the page tables below) is in memory alone. An entry is filled first and marked as used last. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096U
#define SECTOR 512U
#define FILES_MAX 4096
#define CHANGES_MAX 8192
#define PAGES_MAX 65536
#define PATH_ROOM 320

struct kept_file {
    uint32_t used;
    uint32_t link; /* number of its hard link */
    uint64_t dev;
    uint64_t ino;
    uint64_t synced_size;
};

enum change_kind { CHANGE_CREATE = 1, CHANGE_FOLDER, CHANGE_RENAME, CHANGE_UNLINK };

struct kept_change {
    uint32_t used;
    uint32_t kind;
    uint32_t kept; /* link to what was there before, 0: nothing */
    uint32_t unused;
    char path[PATH_ROOM];
    char to[PATH_ROOM];
};

struct kept_page {
    uint32_t used;
    uint32_t file;
    uint64_t index;
    uint8_t synced[PAGE];
};

struct state {
    uint32_t links; /* the last number given */
    uint32_t change_count;
    uint32_t page_top; /* pages at and above were never used */
    uint32_t unused;
    struct kept_file files[FILES_MAX];
    struct kept_change changes[CHANGES_MAX];
    struct kept_page pages[PAGES_MAX];
};

/* Of one file, in memory. */
struct open_file {
    int fd;          /* while something is unsynced; -1 */
    uint32_t *slots; /* page index → slot + 1 */
    size_t slot_count;
    uint32_t *dirty;
    size_t dirty_count;
    size_t dirty_capacity;
};

static struct disk_options options;
static size_t root_size;
static char links_folder[PATH_MAX];
static struct state *state;
static struct open_file open_files[FILES_MAX];
static uint32_t free_slots[PAGES_MAX];
static size_t free_count;

static _Noreturn void give_up(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)syscall(SYS_write, STDERR_FILENO, "power: ", (size_t)7);
    (void)syscall(SYS_write, STDERR_FILENO, text, (size_t)size);
    (void)syscall(SYS_write, STDERR_FILENO, "\n", (size_t)1);
    abort();
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            give_up(#condition);                                                                   \
        }                                                                                          \
    } while (0)

static void *grow(void *from, size_t count, size_t size)
{
    void *to = reallocarray(from, count, size);
    if (to == NULL) {
        give_up("out of memory");
    }
    return to;
}

static void link_path(uint32_t number, char ret[PATH_MAX])
{
    (void)snprintf(ret, PATH_MAX, "%.3900s/%u", links_folder, number);
}

static uint64_t size_of(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        give_up("fstat: %s", strerrordesc_np(errno));
    }
    return (uint64_t)info.st_size;
}

static void read_page(int fd, uint64_t index, uint8_t ret[PAGE])
{
    size_t done = 0;
    while (done < PAGE) {
        ssize_t got = pread(fd, ret + done, PAGE - done, (off_t)(index * PAGE + done));
        if (got < 0 && errno != EINTR) {
            give_up("pread: %s", strerrordesc_np(errno));
        }
        if (got == 0) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    memset(ret + done, 0, PAGE - done);
}

/* ── finding pages ─────────────────────────────────────────────────────────────────────────────── */

static void enter_slot(uint32_t file, uint64_t index, uint32_t slot)
{
    struct open_file *open = &open_files[file];
    if (index >= open->slot_count) {
        size_t count = (size_t)index * 2 + 64;
        open->slots = grow(open->slots, count, sizeof *open->slots);
        memset(open->slots + open->slot_count, 0, (count - open->slot_count) * sizeof *open->slots);
        open->slot_count = count;
    }
    if (open->dirty_count == open->dirty_capacity) {
        open->dirty_capacity = open->dirty_capacity * 2 + 64;
        open->dirty = grow(open->dirty, open->dirty_capacity, sizeof *open->dirty);
    }
    open->slots[index] = slot + 1;
    open->dirty[open->dirty_count++] = slot;
}

static struct kept_page *find_page(int file, uint64_t index)
{
    struct open_file *open = &open_files[file];
    uint32_t slot = index < open->slot_count ? open->slots[index] : 0;
    return slot == 0 ? NULL : &state->pages[slot - 1];
}

static int fd_of(int file)
{
    struct open_file *open = &open_files[file];
    if (open->fd < 0) {
        char path[PATH_MAX];
        link_path(state->files[file].link, path);
        open->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
        if (open->fd < 0) {
            give_up("open %s: %s", path, strerrordesc_np(errno));
        }
    }
    return open->fd;
}

static void keep_page(int file, uint64_t index)
{
    MUST(state != NULL);
    if (find_page(file, index) != NULL) {
        return;
    }
    uint32_t slot;
    if (free_count > 0) {
        slot = free_slots[--free_count];
    } else if (state->page_top < PAGES_MAX) {
        slot = state->page_top++;
    } else {
        give_up("more than %d unsynced pages", PAGES_MAX);
    }
    struct kept_page *page = &state->pages[slot];
    page->file = (uint32_t)file;
    page->index = index;
    read_page(fd_of(file), index, page->synced);
    __atomic_store_n(&page->used, 1, __ATOMIC_RELEASE);
    enter_slot((uint32_t)file, index, slot);
}

/* ── files ─────────────────────────────────────────────────────────────────────────────────────── */

bool disk_covers(const char *path)
{
    return strncmp(path, options.root, root_size) == 0 &&
           (path[root_size] == '/' || path[root_size] == '\0') && strstr(path, "/lock.mdb") == NULL;
}

static bool path_of(int fd, char *ret, size_t size)
{
    char name[40];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(name, ret, size - 1);
    if (got <= 0) {
        return false;
    }
    ret[got] = '\0';
    return disk_covers(ret) && strstr(ret, " (deleted)") == NULL;
}

static bool is_clean(int file)
{
    return open_files[file].dirty_count == 0 && open_files[file].fd < 0;
}

static void forget_file(int file)
{
    char path[PATH_MAX];
    link_path(state->files[file].link, path);
    state->files[file].used = 0;
    (void)syscall(SYS_unlink, path);
}

static int new_file(void)
{
    for (int i = 0; i < FILES_MAX; i++) {
        if (!state->files[i].used) {
            return i;
        }
    }
    for (int i = 0; i < FILES_MAX; i++) {
        if (is_clean(i)) {
            forget_file(i);
        }
    }
    if (state->files[0].used && state->files[FILES_MAX - 1].used) {
        give_up("more than %d unsynced files", FILES_MAX);
    }
    return new_file();
}

int disk_file_of(int fd)
{
    struct stat info;
    char path[PATH_MAX];
    char from[40];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return DISK_NONE;
    }
    for (int i = 0; i < FILES_MAX; i++) {
        const struct kept_file *file = &state->files[i];
        if (file->used && file->ino == info.st_ino && file->dev == info.st_dev) {
            return i;
        }
    }
    if (!path_of(fd, path, sizeof path)) {
        return DISK_NONE;
    }
    int at = new_file();
    struct kept_file *file = &state->files[at];
    file->link = ++state->links;
    file->dev = info.st_dev;
    file->ino = info.st_ino;
    file->synced_size = (uint64_t)info.st_size;
    link_path(file->link, path);
    (void)snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    if (syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0) {
        return DISK_NONE; /* it has no name any more: nobody will find it after the power is back */
    }
    __atomic_store_n(&file->used, 1, __ATOMIC_RELEASE);
    return at;
}

bool disk_folder_of(int fd, char *ret_path, size_t size)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) && path_of(fd, ret_path, size);
}

void disk_will_write(int file, uint64_t offset, uint64_t size)
{
    if (size == 0) {
        return;
    }
    for (uint64_t i = offset / PAGE; i <= (offset + size - 1) / PAGE; i++) {
        keep_page(file, i);
    }
}

void disk_will_truncate(int file, uint64_t size)
{
    uint64_t now = size_of(fd_of(file));
    if (size < now) {
        disk_will_write(file, size, now - size);
    }
}

void disk_synced(int file)
{
    struct open_file *open = &open_files[file];
    for (size_t i = 0; i < open->dirty_count; i++) {
        uint32_t slot = open->dirty[i];
        open->slots[state->pages[slot].index] = 0;
        state->pages[slot].used = 0;
        free_slots[free_count++] = slot;
    }
    open->dirty_count = 0;
    state->files[file].synced_size = size_of(fd_of(file));
    (void)close(open->fd);
    open->fd = -1;
}

void disk_synced_range(int file, uint64_t offset, uint64_t size)
{
    MUST(state != NULL);
    uint8_t now[PAGE];
    struct kept_file *kept = &state->files[file];
    for (uint64_t i = offset / PAGE; size > 0 && i <= (offset + size - 1) / PAGE; i++) {
        struct kept_page *page = find_page(file, i);
        uint64_t from = i * PAGE < offset ? offset - i * PAGE : 0;
        uint64_t to = (i + 1) * PAGE > offset + size ? offset + size - i * PAGE : PAGE;
        if (page != NULL) {
            read_page(fd_of(file), i, now);
            memcpy(page->synced + from, now + from, to - from);
        }
    }
    if (offset + size > kept->synced_size) {
        kept->synced_size = offset + size;
    }
}

/* ── folders ───────────────────────────────────────────────────────────────────────────────────── */

static void add_change(enum change_kind kind, const char *path, const char *to, uint32_t kept)
{
    while (state->change_count > 0 && !state->changes[state->change_count - 1].used) {
        state->change_count--;
    }
    if (state->change_count == CHANGES_MAX) {
        give_up("more than %d unsynced changes of folders", CHANGES_MAX);
    }
    struct kept_change *change = &state->changes[state->change_count];
    if (strlen(path) >= PATH_ROOM || strlen(to) >= PATH_ROOM) {
        give_up("path too long: %s", path);
    }
    change->kind = kind;
    change->kept = kept;
    (void)snprintf(change->path, PATH_ROOM, "%s", path);
    (void)snprintf(change->to, PATH_ROOM, "%s", to);
    change->used = 1;
    __atomic_store_n(&state->change_count, state->change_count + 1, __ATOMIC_RELEASE);
}

void disk_created(const char *path)
{
    add_change(CHANGE_CREATE, path, "", 0);
}

void disk_made_folder(const char *path)
{
    add_change(CHANGE_FOLDER, path, "", 0);
}

uint32_t disk_keep(const char *path)
{
    char to[PATH_MAX];
    uint32_t number = state->links + 1;
    link_path(number, to);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, to, 0) != 0) {
        return 0;
    }
    state->links = number;
    return number;
}

void disk_drop(uint32_t kept)
{
    char path[PATH_MAX];
    if (kept != 0) {
        link_path(kept, path);
        (void)syscall(SYS_unlink, path);
    }
}

void disk_renamed(const char *from, const char *to, uint32_t kept)
{
    add_change(CHANGE_RENAME, from, to, kept);
}

void disk_unlinked(const char *path, uint32_t kept)
{
    add_change(CHANGE_UNLINK, path, "", kept);
}

static bool is_in(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/' &&
           strchr(path + size + 1, '/') == NULL;
}

/* A rename reaches the disk whole: with either of its two folders. */
void disk_folder_synced(const char *folder)
{
    for (uint32_t i = 0; i < state->change_count; i++) {
        struct kept_change *change = &state->changes[i];
        if (!change->used || !(is_in(folder, change->path) || is_in(folder, change->to))) {
            continue;
        }
        for (uint32_t j = 0; j < i && change->kind == CHANGE_RENAME; j++) {
            if (state->changes[j].kind == CHANGE_CREATE &&
                strcmp(state->changes[j].path, change->path) == 0) {
                state->changes[j].used = 0; /* it has another name now */
            }
        }
        change->used = 0;
        disk_drop(change->kept);
    }
}

/* ── the power fails ───────────────────────────────────────────────────────────────────────────── */

static uint64_t random_state;

static uint64_t random_below(uint64_t limit) /* splitmix64 */
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % limit;
}

struct losses {
    unsigned kept;
    unsigned reverted;
    unsigned torn;
    unsigned sizes;
    unsigned undone;
    unsigned changes;
};

/* How much of this failure's writes reached the disk: nothing, all, or some. */
enum luck { LUCK_NONE, LUCK_ALL, LUCK_SOME, LUCK_TORN, LUCK_COUNT };

static uint64_t lost_size(uint64_t synced, uint64_t now, enum luck luck)
{
    if (now == synced || luck == LUCK_ALL) {
        return now;
    }
    switch (luck == LUCK_NONE ? 0 : random_below(3)) {
    case 0:
        return synced;
    case 1:
        return now;
    default: /* part of the growth; a file that became shorter did so at once */
        return now < synced ? now : synced + random_below(now - synced) / SECTOR * SECTOR;
    }
}

static void lose_page(int fd, const struct kept_page *page, uint64_t now_size, uint64_t size,
                      enum luck luck, struct losses *losses)
{
    uint8_t content[PAGE];
    uint64_t start = page->index * PAGE;
    uint64_t what = luck == LUCK_NONE ? 0 : luck == LUCK_ALL ? 1 : random_below(3);
    what = luck == LUCK_TORN ? 2 : what;
    if (start >= now_size) {
        what = 0; /* cut off since, and the cut is undone: as it was */
    }
    read_page(fd, page->index, content);
    if (what == 0) {
        memcpy(content, page->synced, PAGE);
        losses->reverted++;
    } else if (what == 2) {
        size_t sectors = (size_t)random_below(PAGE / SECTOR + 1);
        memcpy(content + sectors * SECTOR, page->synced + sectors * SECTOR,
               PAGE - sectors * SECTOR);
        losses->torn++;
    } else {
        losses->kept++;
    }
    if (start < size) {
        size_t part = size - start < PAGE ? (size_t)(size - start) : PAGE;
        if (syscall(SYS_pwrite64, fd, content, part, (off_t)start) != (long)part) {
            give_up("pwrite: %s", strerrordesc_np(errno));
        }
    }
}

static void lose_file(int file, struct losses *losses)
{
    struct open_file *open = &open_files[file];
    int fd = fd_of(file);
    uint64_t now = size_of(fd);
    uint64_t synced = state->files[file].synced_size;
    enum luck luck = (enum luck)random_below(LUCK_COUNT);
    uint64_t size = lost_size(synced, now, luck);
    losses->sizes += size != now ? 1 : 0;
    for (size_t i = 0; i < open->dirty_count; i++) {
        lose_page(fd, &state->pages[open->dirty[i]], now, size, luck, losses);
    }
    if (syscall(SYS_ftruncate, fd, (off_t)size) != 0) {
        give_up("ftruncate: %s", strerrordesc_np(errno));
    }
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL &&
           (entry = readdir(folder)) != NULL) { /* NOLINT(concurrency-mt-unsafe): one thread */
        char inner[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(inner, sizeof inner, "%.3700s/%s", path, entry->d_name);
        if (syscall(SYS_unlink, inner) != 0) {
            remove_tree(inner);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    (void)syscall(SYS_rmdir, path);
}

static void undo(const struct kept_change *change)
{
    char kept[PATH_MAX];
    const char *back = change->path;
    switch ((enum change_kind)change->kind) {
    case CHANGE_CREATE:
        (void)syscall(SYS_unlink, change->path);
        return;
    case CHANGE_FOLDER:
        remove_tree(change->path);
        return;
    case CHANGE_RENAME:
        (void)syscall(SYS_rename, change->to, change->path);
        back = change->to;
        break;
    case CHANGE_UNLINK:
        break;
    }
    if (change->kept != 0) {
        link_path(change->kept, kept);
        (void)syscall(SYS_linkat, AT_FDCWD, kept, AT_FDCWD, back, 0);
    }
}

/* A folder whose later changes are lost. */
static char cut[CHANGES_MAX][PATH_ROOM];
static size_t cut_count;

static void cut_folder(const char *path, bool itself)
{
    const char *slash = strrchr(path, '/');
    size_t size = itself || slash == NULL ? strlen(path) : (size_t)(slash - path);
    if (cut_count < CHANGES_MAX && size > 0) {
        (void)snprintf(cut[cut_count++], PATH_ROOM, "%.*s", (int)size, path);
    }
}

static bool is_cut(const char *path)
{
    for (size_t i = 0; i < cut_count; i++) {
        if (is_in(cut[i], path)) {
            return true;
        }
    }
    return false;
}

/* The disk has a prefix of each folder's changes. What is undone takes with it whatever stands on it. */
static void lose_changes(struct losses *losses)
{
    static bool undone[CHANGES_MAX];
    enum luck luck = (enum luck)random_below(LUCK_COUNT);
    for (uint32_t i = 0; i < state->change_count; i++) {
        const struct kept_change *change = &state->changes[i];
        if (!change->used) {
            continue;
        }
        losses->changes++;
        undone[i] = luck == LUCK_NONE || is_cut(change->path) || is_cut(change->to) ||
                    (luck != LUCK_ALL && random_below(3) == 0);
        if (undone[i]) {
            losses->undone++;
            cut_folder(change->path, false);
            cut_folder(change->to, false);
            if (change->kind == CHANGE_FOLDER) {
                cut_folder(change->path, true);
            }
        }
    }
    for (uint32_t i = state->change_count; i-- > 0;) {
        if (undone[i]) {
            undo(&state->changes[i]);
        }
    }
}

static void report(uint64_t operation, const char *name, const struct losses *losses)
{
    char line[256];
    int size = snprintf(line, sizeof line,
                        "lost operation=%llu name=%s kept=%u reverted=%u torn=%u sizes=%u "
                        "changes=%u undone=%u\n",
                        (unsigned long long)operation, name, losses->kept, losses->reverted,
                        losses->torn, losses->sizes, losses->changes, losses->undone);
    if (options.report != NULL) {
        long fd = syscall(SYS_openat, AT_FDCWD, options.report,
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void)syscall(SYS_write, (int)fd, line, (size_t)size);
        (void)close((int)fd);
    }
}

/* A child does it after the process is dead, so that no thread sees the disk change under it. Whoever waits for the process waits
 * until `<state>.losing` is gone, too. */
void disk_lose(uint64_t operation, const char *name)
{
    struct losses losses = {0};
    char losing[PATH_MAX];
    (void)snprintf(losing, sizeof losing, "%.3900s.losing", options.state);
    (void)close((int)syscall(SYS_openat, AT_FDCWD, losing, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) {
        (void)kill(parent, SIGKILL);
        for (;;) {
            (void)pause();
        }
    }
    for (int i = 0; i < 20000 && getppid() == parent; i++) {
        (void)usleep(100);
    }
    random_state = options.seed ^ (operation << 20);
    for (int i = 0; i < FILES_MAX; i++) {
        if (state->files[i].used) {
            lose_file(i, &losses);
        }
    }
    lose_changes(&losses);
    remove_tree(links_folder);
    (void)syscall(SYS_unlink, options.state);
    report(operation, name, &losses);
    (void)syscall(SYS_unlink, losing);
    _exit(0);
}

/* ── starting ──────────────────────────────────────────────────────────────────────────────────── */

void disk_start(const struct disk_options *given)
{
    options = *given;
    root_size = strlen(options.root);
    (void)snprintf(links_folder, sizeof links_folder, "%s.links", options.state);
    (void)syscall(SYS_mkdir, links_folder, 0700);
    long fd = syscall(SYS_openat, AT_FDCWD, options.state, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_ftruncate, (int)fd, (off_t)sizeof *state) != 0) {
        give_up("state file %s: %s", options.state, strerrordesc_np(errno));
    }
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    if (state == MAP_FAILED) {
        give_up("map %s: %s", options.state, strerrordesc_np(errno));
    }
    (void)close((int)fd);
    for (int i = 0; i < FILES_MAX; i++) {
        open_files[i].fd = -1;
    }
    for (uint32_t i = 0; i < state->page_top; i++) {
        const struct kept_page *page = &state->pages[i];
        if (page->used && state->files[page->file].used) {
            enter_slot(page->file, page->index, i);
        } else {
            state->pages[i].used = 0;
            free_slots[free_count++] = i;
        }
    }
}
