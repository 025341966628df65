// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/journal.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "core/crypto/k12.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE 36

struct journal {
    int fd;
    uint64_t end; /* offset behind the last good record */
    bool failed;
};

static enum err_code write_all(struct journal *journal, const uint8_t *data, size_t size,
                               uint64_t offset, struct err *err)
{
    while (size > 0) {
        ssize_t const written = pwrite(journal->fd, data, size, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return err_set_errno(err, errno, "write the journal");
        }
        data += written;
        size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return ERR_OK;
}

/* Exactly `size` bytes, or ERR_IO. */
static enum err_code read_all(struct journal *journal, uint8_t *ret, size_t size, uint64_t offset,
                              struct err *err)
{
    while (size > 0) {
        ssize_t const got = pread(journal->fd, ret, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return err_set_errno(err, got < 0 ? errno : EIO, "read the journal");
        }
        ret += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return ERR_OK;
}

/* Whether a whole record begins anywhere behind the broken one at journal->end. */
static enum err_code look_behind(struct journal *journal, uint64_t left, bool *ret_found,
                                 struct err *err)
{
    struct key32 const nothing = k12_digest(bytes_of(NULL, 0)); /* what was never written is zero */
    uint8_t *rest = malloc(left);
    *ret_found = false;
    if (rest == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory to look at the journal's end");
    }
    enum err_code code = read_all(journal, rest, left, journal->end, err);
    for (uint64_t at = 1; code == ERR_OK && !*ret_found && at + HEAD_SIZE <= left; at++) {
        size_t const size = get_le32(rest + at);
        if (size > JOURNAL_PAYLOAD_MAX || size > left - at - HEAD_SIZE) {
            continue;
        }
        struct key32 const sum =
            size == 0 ? nothing : k12_digest(bytes_of(rest + at + HEAD_SIZE, size));
        *ret_found = memcmp(sum.b, rest + at + 4, sizeof sum.b) == 0;
    }
    free(rest);
    return code;
}

/* A record that is not whole: the unfinished last one, whose bytes may have reached the disk in any order, or a broken one in
 * the middle. */
static enum err_code broken_record(struct journal *journal, uint64_t left, struct err *err)
{
    bool found = left > HEAD_SIZE + JOURNAL_PAYLOAD_MAX;
    enum err_code code = found ? ERR_OK : look_behind(journal, left, &found, err);
    return code == ERR_OK && found
               ? err_set(err, ERR_CORRUPT,
                         "journal broken at byte %" PRIu64 ", with more behind it", journal->end)
               : code;
}

/* The record at journal->end into `payload`; `*ret_good` tells if it is whole. */
static enum err_code read_record(struct journal *journal, uint64_t file_size, struct buf *payload,
                                 bool *ret_good, struct err *err)
{
    uint8_t head[HEAD_SIZE];
    uint64_t const left = file_size - journal->end;
    *ret_good = false;
    if (left < HEAD_SIZE) {
        return ERR_OK;
    }
    enum err_code code = read_all(journal, head, sizeof head, journal->end, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t const size = get_le32(head);
    if (size > JOURNAL_PAYLOAD_MAX || size > left - HEAD_SIZE) {
        return broken_record(journal, left, err);
    }
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory for a record of %zu bytes", size);
    }
    code = read_all(journal, data, size, journal->end + HEAD_SIZE, err);
    if (code == ERR_OK) {
        struct key32 const sum = k12_digest(bytes_of(data, size));
        *ret_good = memcmp(sum.b, head + 4, sizeof sum.b) == 0;
        if (!*ret_good) {
            code = broken_record(journal, left, err);
        }
    }
    buf_clear(payload);
    buf_append(payload, data, size);
    free(data);
    return code == ERR_OK ? buf_check(payload, err) : code;
}

static enum err_code replay(struct journal *journal, journal_replay_cb on_record, void *ctx,
                            struct err *err)
{
    struct stat status;
    struct buf payload;
    enum err_code code = ERR_OK;
    if (fstat(journal->fd, &status) != 0) {
        return err_set_errno(err, errno, "stat the journal");
    }
    uint64_t const file_size = (uint64_t)status.st_size;
    buf_init(&payload, JOURNAL_PAYLOAD_MAX);
    while (code == ERR_OK && journal->end < file_size) {
        bool good = false;
        code = read_record(journal, file_size, &payload, &good, err);
        if (code != ERR_OK || !good) {
            break;
        }
        code = on_record(ctx, buf_bytes(&payload), err);
        journal->end += HEAD_SIZE + payload.size;
    }
    buf_deinit(&payload);
    if (code == ERR_OK && journal->end < file_size) {
        trace(TRACE_WARN, "journal.tail_cut", "kept=%" PRIu64 " cut=%" PRIu64, journal->end,
              file_size - journal->end);
        if (ftruncate(journal->fd, (off_t)journal->end) != 0 || fsync(journal->fd) != 0) {
            code = err_set_errno(err, errno, "cut the journal's torn tail");
        }
    }
    return code;
}

enum err_code journal_open(const char *path, journal_replay_cb on_record, void *ctx,
                           struct journal **ret, struct err *err)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    journal->fd = -1;
    enum err_code code = file_lock(path, 0644, "in use by another process", &journal->fd, err);
    if (code == ERR_OK) {
        code = dir_sync_of(path, err);
    }
    if (code == ERR_OK) {
        code = replay(journal, on_record, ctx, err);
    }
    if (code != ERR_OK) {
        journal_close(journal);
        return code;
    }
    *ret = journal;
    return ERR_OK;
}

void journal_close(struct journal *journal)
{
    if (journal != NULL) {
        if (journal->fd >= 0) {
            close(journal->fd);
        }
        free(journal);
    }
}

enum err_code journal_append(struct journal *journal, struct bytes payload, struct err *err)
{
    INVARIANT(payload.size <= JOURNAL_PAYLOAD_MAX);
    INVARIANT(!journal->failed);
    uint8_t head[HEAD_SIZE];
    struct key32 const sum = k12_digest(payload);
    put_le32(head, (uint32_t)payload.size);
    memcpy(head + 4, sum.b, sizeof sum.b);
    enum err_code code = write_all(journal, head, sizeof head, journal->end, err);
    if (code == ERR_OK) {
        code = write_all(journal, payload.data, payload.size, journal->end + HEAD_SIZE, err);
    }
    if (code == ERR_OK && fdatasync(journal->fd) != 0) {
        code = err_set_errno(err, errno, "sync the journal");
    }
    if (code != ERR_OK) {
        journal->failed = true;
        return code;
    }
    journal->end += HEAD_SIZE + payload.size;
    return ERR_OK;
}
