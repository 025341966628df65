/* tests/faults/power_disk.h: what a disk still has after the power failed, for the files below one folder.
 *
 * Model:   a write is in the page cache, and on the disk only when its file was synced (fsync, fdatasync, or a descriptor
 *          with O_DSYNC for what is written through it). Of each page of 4 KiB written since, the last synced content is kept;
 *          of each file the last synced size; of each folder what was made, renamed or removed since the folder was synced.
 *          Syncing a file does not sync its name. When the power fails, each unsynced page is as it was, as it
 *          was written, or torn at a sector of 512 bytes; sizes likewise; of each folder's changes only a prefix is there.
 * State:   in a file that is mapped, so that it outlives the process: what was not synced before a kill -9 or an
 *          orderly end is still not synced afterwards. Beside it, in `<state>.links`, a hard link to every file that is watched.
 * Not:     writes through a mapping (LMDB's lock.mdb alone is written so here, and is made anew when it is opened),
 *          fallocate, copy_file_range, O_TRUNC, symbolic links. Data and metadata of the file system itself stay whole.
 * Thread:  the caller holds one lock around everything here. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FAULTS_POWER_DISK_H
#define TESTS_FAULTS_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_NONE (-1)

struct disk_options {
    const char *root;   /* absolute, no link in it: files below it are watched */
    const char *state;  /* file, outside of root, on the same file system */
    const char *report; /* file: one line is appended when the power fails; may be NULL */
    uint64_t seed;
};

/* Ends the process with a message when something cannot work. */
void disk_start(const struct disk_options *options);

/* The file behind a descriptor, or DISK_NONE if it is not watched. */
int disk_file_of(int fd);
/* The path of a folder's descriptor if it lies in root (or is it). */
bool disk_folder_of(int fd, char *ret_path, size_t size);
bool disk_covers(const char *path);

/* Before the bytes are changed. */
void disk_will_write(int file, uint64_t offset, uint64_t size);
void disk_will_truncate(int file, uint64_t size);

void disk_synced(int file);
void disk_synced_range(int file, uint64_t offset, uint64_t size);
void disk_folder_synced(const char *path);

/* Changes of folders, after they were made; paths absolute. */
void disk_created(const char *path);
void disk_made_folder(const char *path);
/* Before: keeps what would be removed. 0: nothing was there. */
uint32_t disk_keep(const char *path);
void disk_renamed(const char *from, const char *to, uint32_t kept);
void disk_unlinked(const char *path, uint32_t kept);
/* The change that `kept` was for was not made. */
void disk_drop(uint32_t kept);

/* The power fails: this process is killed, then the files are made what the disk had. */
_Noreturn void disk_lose(uint64_t operation, const char *name);

#endif
