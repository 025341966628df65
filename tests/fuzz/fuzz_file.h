/* tests/fuzz/fuzz_file.h: bytes as a file, for parsers that take a path. The file is one in memory, written anew each time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FUZZ_FUZZ_FILE_H
#define TESTS_FUZZ_FUZZ_FILE_H

#include "core/base/bytes.h"
#include "core/base/invariant.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fuzz_file {
    char path[64]; /* "" before the first write */
    int fd;
};

static inline void fuzz_file_write(struct fuzz_file *file, struct bytes content)
{
    if (file->path[0] == '\0') {
        file->fd = memfd_create("input", 0);
        INVARIANT(file->fd >= 0);
        (void)snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    }
    INVARIANT(ftruncate(file->fd, 0) == 0);
    INVARIANT(pwrite(file->fd, content.data, content.size, 0) == (ssize_t)content.size);
}

/* A folder of this process, removed when it ends well. `ret` of 64 bytes. */
static inline void fuzz_folder_create(char *ret)
{
    (void)snprintf(ret, 64, "/tmp/tally-fuzz-XXXXXX");
    INVARIANT(mkdtemp(ret) != NULL);
}

static inline void fuzz_folder_remove(const char *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    (void)!system(command); /* NOLINT(cert-env33-c): our own folder */
}

#endif
