/* tests/fuzz/replay.c: runs a fuzz target over the files of a folder, for builds without libFuzzer. Each
 * file is given whole, then cut short at every length up to 4 KiB, so that a seed also tests truncation. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/fuzz/fuzz_target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replay(struct bytes content)
{
    size_t const cuts = content.size < 4096 ? content.size : 4096;
    LLVMFuzzerTestOneInput(content.data, content.size);
    for (size_t size = 0; size < cuts; size++) {
        uint8_t *copy =
            malloc(size > 0 ? size : 1); /* exact, so that a sanitizer sees a read past it */
        if (copy == NULL) {
            abort();
        }
        if (size > 0) {
            memcpy(copy, content.data, size);
        }
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 1;
    }
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        char path[4096];
        struct buf content;
        struct err err;
        if (entry->d_name[0] == '.') {
            continue;
        }
        buf_init(&content, 16U << 20);
        if (path_join(path, sizeof path, argv[1], entry->d_name, &err) != ERR_OK ||
            file_read(path, &content, &err) != ERR_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        replay(buf_bytes(&content));
        buf_deinit(&content);
        count++;
    }
    closedir(folder);
    printf("%d corpus files replayed\n", count);
    return count > 0 ? 0 : 1;
}
