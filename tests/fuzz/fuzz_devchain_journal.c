/* The local network's journal, as a crash or a bad disk may leave it. The input is the file. What opens, opens again to the same chain; a torn end is cut once, and
 * nothing that was good is cut. The first byte 1: the records' checksums are made good first, so that the ticks themselves are read. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"
#include "core/crypto/k12.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/devchain/chain.h"
#include "tools/devchain/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_SIZE 36

static char folder[64];

static void remove_folder(void)
{
    fuzz_folder_remove(folder);
}

static enum err_code apply(void *ctx, struct bytes payload, struct err *err)
{
    return chain_apply(ctx, payload, err);
}

/* The tick after the journal; 0 if it was refused. */
static uint32_t open_it(const char *path, int fd, uint64_t *ret_size)
{
    const struct chain_options options = {.start_tick = 1000, .epoch = 200, .min_offset = 3};
    struct chain *chain = NULL;
    struct journal *journal = NULL;
    struct err err = {0};
    struct stat info;
    uint32_t tick = 0;
    INVARIANT(chain_create(&options, &chain, NULL) == ERR_OK);
    enum err_code const code = journal_open(path, apply, chain, &journal, &err);
    INVARIANT(code == ERR_OK || code == ERR_CORRUPT);
    if (code == ERR_OK) {
        tick = chain_current_tick(chain);
        INVARIANT(tick >= options.start_tick);
    }
    INVARIANT(fstat(fd, &info) == 0);
    *ret_size = (uint64_t)info.st_size;
    journal_close(journal);
    chain_destroy(chain);
    return tick;
}

static void make_good(struct buf *file)
{
    size_t at = 0;
    while (file->size - at >= HEAD_SIZE) {
        size_t const left = file->size - at - HEAD_SIZE;
        size_t size = get_le32(file->data + at);
        size = size < left ? size : left;
        put_le32(file->data + at, (uint32_t)size);
        struct key32 const sum = k12_digest(bytes_of(file->data + at + HEAD_SIZE, size));
        memcpy(file->data + at + 4, sum.b, sizeof sum.b);
        at += HEAD_SIZE + size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[96];
    static int fd = -1;
    struct buf file;
    uint64_t first_size = 0;
    uint64_t second_size = 0;
    if (size == 0) {
        return 0;
    }
    if (fd < 0) { /* a real file: the journal syncs its folder */
        trace_level_set(TRACE_ERROR);
        fuzz_folder_create(folder);
        (void)atexit(remove_folder);
        (void)snprintf(path, sizeof path, "%s/journal", folder);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        INVARIANT(fd >= 0);
    }
    buf_init(&file, 1U << 24);
    buf_append_bytes(&file, bytes_from(bytes_of(data, size), 1));
    if ((data[0] & 1) != 0) {
        make_good(&file);
    }
    INVARIANT(ftruncate(fd, 0) == 0);
    INVARIANT(pwrite(fd, file.data, file.size, 0) == (ssize_t)file.size);
    uint32_t const first = open_it(path, fd, &first_size);
    INVARIANT(first != 0 || first_size == file.size); /* what is refused is not changed */
    if (first != 0) {
        INVARIANT(open_it(path, fd, &second_size) == first);
        INVARIANT(first_size == second_size && first_size <= file.size);
    }
    buf_deinit(&file);
    return 0;
}
