/* worker/spool.c: offsets into one file.
 *
 *     output_at ◀─ start of the output      start_at ◀─ what is before it was given back to the disk
 *     read_at ◀─ of the batch behind the one in `front`      end_at ◀─ behind the last whole batch
 */
// SPDX-License-Identifier: Apache-2.0
#include "worker/spool.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define STATE_MAX ((size_t)1 << 20)
#define BATCH_MAX ((size_t)4 << 20)
#define SHRINK_AT                                                                                  \
    (UINT64_C(1) << 20) /* a file that grew larger gives its room back when it is empty */

struct state_head {
    uint64_t sum; /* of all that follows, the state too */
    uint64_t turn;
    uint64_t next_line;
    uint64_t lost;
    uint64_t start_at;
    uint32_t format;
    uint32_t size;
    uint32_t flags;
    uint32_t reserved;
};
#define LAYOUT (2U << 16) /* of this file; the state's own format is below */
#define GIVE_BACK_AT                                                                               \
    (UINT64_C(1) << 20) /* what was read is given back when it is so much, or an eighth of all */
#define FLAG_DISCARDING 1U
#define FLAG_LOST_TO_DISK 2U
_Static_assert(sizeof(struct state_head) == 56, "no padding: it is summed");

struct batch_head {
    uint64_t sum;        /* of all that follows, the text too */
    uint64_t first_line; /* as counted here: the batches of a file follow one another */
    uint32_t size;
    uint32_t lines;
    uint32_t stream;
    uint32_t reserved;
};
_Static_assert(sizeof(struct batch_head) == 32, "no padding: it is summed");

struct spool {
    int fd;
    uint32_t format;
    size_t state_size;
    size_t slot_size;
    uint8_t *slot; /* a copy of the state as it is written */
    uint64_t turn;
    uint64_t output_at;
    uint64_t start_at;
    uint64_t read_at;
    uint64_t end_at;
    uint64_t output_max;
    uint64_t own_line;  /* of the next batch that is appended */
    uint64_t next_line; /* of the front, as the server counts */
    bool has_front;
    enum worker_stream front_stream;
    uint64_t front_lines;
    size_t front_start; /* lines before it are with the server */
    struct buf front;
    uint64_t lost; /* lines, behind everything that is in the file */
    bool lost_to_disk;
    bool discarding;
};

/* In the manner of FNV-1a, a word at a time: it finds what was cut off or never written, nobody wants to deceive. */
static uint64_t sum_of(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        uint64_t word = size;
        size_t const part = size < sizeof word ? size : sizeof word;
        memcpy(&word, bytes, part);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 32;
        bytes += part;
        size -= part;
    }
    return sum;
}

static uint64_t sum_state(const uint8_t *slot, size_t state_size)
{
    return sum_of(UINT64_C(0xcbf29ce484222325), slot + sizeof(uint64_t),
                  sizeof(struct state_head) - sizeof(uint64_t) + state_size);
}

static uint64_t sum_batch(const struct batch_head *head, struct bytes text)
{
    uint64_t const sum =
        sum_of(UINT64_C(0xcbf29ce484222325), &head->first_line, sizeof *head - sizeof head->sum);
    return sum_of(sum, text.data, text.size);
}

/* ── the state ─────────────────────────────────────────────────────────────────────────────────── */

static void write_slot(struct spool *spool)
{
    struct state_head const head = {
        .turn = ++spool->turn,
        .next_line = spool->next_line,
        .lost = spool->lost,
        .start_at = spool->start_at,
        .format = spool->format,
        .size = (uint32_t)spool->state_size,
        .flags = (spool->discarding ? FLAG_DISCARDING : 0) |
                 (spool->lost_to_disk ? FLAG_LOST_TO_DISK : 0),
    };
    memcpy(spool->slot, &head, sizeof head);
    uint64_t const sum = sum_state(spool->slot, spool->state_size);
    memcpy(spool->slot, &sum, sizeof sum);
    size_t const size = sizeof head + spool->state_size;
    off_t const at = (off_t)(spool->turn % 2 * spool->slot_size);
    if (pwrite(spool->fd, spool->slot, size, at) != (ssize_t)size) {
        trace(TRACE_WARN, "spool.state_not_written", "errno=%d", errno);
    }
}

void spool_save(struct spool *spool, const void *state)
{
    memcpy(spool->slot + sizeof(struct state_head), state, spool->state_size);
    write_slot(spool);
}

static bool read_slot(struct spool *spool, unsigned turn, uint8_t *slot, struct state_head *ret)
{
    size_t const size = sizeof *ret + spool->state_size;
    if (pread(spool->fd, slot, size, (off_t)(turn * spool->slot_size)) != (ssize_t)size) {
        return false;
    }
    memcpy(ret, slot, sizeof *ret);
    return ret->format == spool->format && ret->size == spool->state_size &&
           ret->sum == sum_state(slot, spool->state_size);
}

static enum err_code read_state(struct spool *spool, void *ret_state, struct err *err)
{
    struct state_head newest = {0};
    uint8_t *slot = malloc(spool->slot_size);
    if (slot == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the reports of a job");
    }
    for (unsigned i = 0; i < 2; i++) {
        struct state_head head;
        if (read_slot(spool, i, slot, &head) && head.turn > newest.turn) {
            newest = head;
            memcpy(spool->slot, slot, spool->slot_size);
        }
    }
    free(slot);
    if (newest.turn == 0) {
        return err_set(err, ERR_CORRUPT, "the reports of a job were not written whole");
    }
    memcpy(ret_state, spool->slot + sizeof newest, spool->state_size);
    spool->turn = newest.turn;
    spool->next_line = newest.next_line;
    spool->lost = newest.lost;
    spool->start_at = newest.start_at;
    spool->discarding = (newest.flags & FLAG_DISCARDING) != 0;
    spool->lost_to_disk = (newest.flags & FLAG_LOST_TO_DISK) != 0;
    return ERR_OK;
}

/* ── batches ───────────────────────────────────────────────────────────────────────────────────── */

static bool read_batch(const struct spool *spool, uint64_t at, struct batch_head *ret,
                       struct buf *text)
{
    if (pread(spool->fd, ret, sizeof *ret, (off_t)at) != (ssize_t)sizeof *ret ||
        ret->size > BATCH_MAX || ret->stream >= STREAM_COUNT || ret->lines == 0) {
        return false;
    }
    buf_clear(text);
    buf_reserve(text, ret->size);
    if (text->failed ||
        pread(spool->fd, text->data, ret->size, (off_t)(at + sizeof *ret)) != (ssize_t)ret->size) {
        return false;
    }
    text->size = ret->size;
    return ret->sum == sum_batch(ret, buf_bytes(text));
}

static struct batch_head head_of(uint64_t first_line, enum worker_stream stream, uint64_t lines,
                                 struct bytes text)
{
    struct batch_head head = {.first_line = first_line,
                              .size = (uint32_t)text.size,
                              .lines = (uint32_t)lines,
                              .stream = (uint32_t)stream};
    head.sum = sum_batch(&head, text);
    return head;
}

static struct bytes marker(const struct spool *spool, char ret[OUTPUT_BATCH_MIN])
{
    int const size = snprintf(ret, OUTPUT_BATCH_MIN, "[%" PRIu64 " lines missing: %s full]\n",
                              spool->lost, spool->lost_to_disk ? "disk" : "queue");
    INVARIANT(size > 0 && size < OUTPUT_BATCH_MIN);
    return bytes_of(ret, (size_t)size);
}

/* A batch, behind the line that says what is missing before it; or neither. */
static bool put(struct spool *spool, enum worker_stream stream, uint64_t lines, struct bytes text)
{
    char line[OUTPUT_BATCH_MIN];
    bool const is_gap = spool->lost > 0;
    struct bytes const gap = is_gap ? marker(spool, line) : bytes_of("", 0);
    struct batch_head gap_head = head_of(spool->own_line, STREAM_STDERR, 1, gap);
    struct batch_head head = head_of(spool->own_line + (is_gap ? 1 : 0), stream, lines, text);
    struct iovec const parts[4] = {{&gap_head, is_gap ? sizeof gap_head : 0},
                                   {(void *)(uintptr_t)gap.data, gap.size},
                                   {&head, sizeof head},
                                   {(void *)(uintptr_t)text.data, text.size}};
    size_t size = 0;
    for (size_t i = 0; i < 4; i++) {
        size += parts[i].iov_len;
    }
    if (spool->end_at - spool->start_at + size > spool->output_max) {
        return false;
    }
    if (pwritev(spool->fd, parts, 4, (off_t)spool->end_at) != (ssize_t)size) {
        static const struct batch_head none; /* whoever opens the file must not find half of it */
        spool->lost_to_disk = true;
        if (pwrite(spool->fd, &none, sizeof none, (off_t)spool->end_at) < 0) {
            trace(TRACE_DEBUG, "spool.nothing_written", "errno=%d", errno);
        }
        return false;
    }
    spool->end_at += size;
    spool->own_line += lines + (is_gap ? 1 : 0);
    return true;
}

void spool_append(struct spool *spool, enum worker_stream stream, uint64_t lines, struct bytes text)
{
    INVARIANT(lines > 0 && text.size <= BATCH_MAX);
    if (spool->discarding) {
        return;
    }
    bool const was_whole = spool->lost == 0;
    if (was_whole) {
        spool->lost_to_disk = false;
    }
    if (put(spool, stream, lines, text)) {
        spool->lost = 0;
        return;
    }
    spool->lost += lines;
    if (was_whole) {
        trace(TRACE_WARN, "spool.full", "bytes=%" PRIu64 " disk=%d",
              spool->end_at - spool->start_at, spool->lost_to_disk);
        write_slot(spool);
    }
}

static void start_over(struct spool *spool)
{
    if (spool->start_at != spool->output_at) { /* whoever opens the file must look there again */
        spool->start_at = spool->output_at;
        write_slot(spool);
    }
    if (spool->end_at - spool->output_at > SHRINK_AT &&
        ftruncate(spool->fd, (off_t)spool->output_at) != 0) {
        trace(TRACE_WARN, "spool.not_shrunk", "errno=%d", errno);
    }
    spool->read_at = spool->end_at = spool->output_at;
}

/* Batches that cannot be read again are lines that are missing. */
static void lose_the_rest(struct spool *spool, uint64_t from_line)
{
    trace(TRACE_ERROR, "spool.unreadable", "at=%" PRIu64, spool->read_at);
    spool->lost += spool->own_line > from_line ? spool->own_line - from_line : 1;
    spool->lost_to_disk = true;
    start_over(spool);
}

static bool load_front(struct spool *spool)
{
    char line[OUTPUT_BATCH_MIN];
    struct batch_head head;
    if (spool->has_front) {
        return true;
    }
    if (spool->read_at < spool->end_at) {
        if (read_batch(spool, spool->read_at, &head, &spool->front)) {
            spool->read_at += sizeof head + head.size;
            spool->front_stream = (enum worker_stream)head.stream;
            spool->front_lines = head.lines;
            spool->front_start = 0;
            spool->has_front = true;
            return true;
        }
        lose_the_rest(spool, spool->next_line);
    }
    if (spool->lost == 0) {
        return false;
    }
    buf_clear(&spool->front);
    buf_append_bytes(&spool->front, marker(spool, line));
    spool->lost = 0;
    spool->own_line++;
    spool->front_stream = STREAM_STDERR;
    spool->front_lines = 1;
    spool->front_start = 0;
    spool->has_front = !spool->front.failed;
    return spool->has_front;
}

bool spool_front(struct spool *spool, struct spool_batch *ret)
{
    if (spool->discarding || !load_front(spool)) {
        return false;
    }
    *ret = (struct spool_batch){.stream = spool->front_stream,
                                .first_line = spool->next_line,
                                .lines = spool->front_lines,
                                .text = bytes_from(buf_bytes(&spool->front), spool->front_start)};
    return true;
}

bool spool_ahead(const struct spool *spool, struct spool_ahead *ahead, struct spool_batch *ret)
{
    struct batch_head head;
    if (spool->discarding || !spool->has_front) {
        return false;
    }
    if (ahead->at == 0) {
        ahead->at = spool->read_at;
        ahead->next_line = spool->next_line + spool->front_lines;
    }
    if (ahead->at >= spool->end_at || !read_batch(spool, ahead->at, &head, &ahead->text)) {
        return false;
    }
    *ret = (struct spool_batch){.stream = (enum worker_stream)head.stream,
                                .first_line = ahead->next_line,
                                .lines = head.lines,
                                .text = buf_bytes(&ahead->text)};
    ahead->at += sizeof head + head.size;
    ahead->next_line += head.lines;
    return true;
}

/* The room of what was read: a program that always writes a little more than is sent would never see the file empty. Where the file system cannot make holes, what
 * was read counts until it is. */
static void give_back(struct spool *spool)
{
    uint64_t const before = spool->start_at;
    uint64_t const from = before / PAGE * PAGE; /* whole pages go: the one that was half read too */
    spool->start_at = spool->read_at;
    write_slot(spool); /* first: who opens the file must not begin in the hole */
    if (fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                  (off_t)(spool->read_at - from)) != 0) {
        trace(TRACE_DEBUG, "spool.no_hole", "errno=%d", errno);
        spool->start_at = before;
    }
}

static void drop_front(struct spool *spool)
{
    uint64_t const part = spool->output_max / 8;
    spool->has_front = false;
    if (spool->read_at == spool->end_at) {
        start_over(spool);
    } else if (spool->read_at - spool->start_at >= (part < GIVE_BACK_AT ? part : GIVE_BACK_AT)) {
        give_back(spool);
    }
}

void spool_resync(struct spool *spool, uint64_t next_line)
{
    while (next_line > spool->next_line && load_front(spool)) {
        uint64_t const skip = next_line - spool->next_line;
        if (skip >= spool->front_lines) {
            spool->next_line += spool->front_lines;
            drop_front(spool);
            continue;
        }
        for (uint64_t i = 0; i < skip; i++) {
            struct bytes const rest = bytes_from(buf_bytes(&spool->front), spool->front_start);
            const uint8_t *end = memchr(rest.data, '\n', rest.size);
            INVARIANT(end != NULL);
            spool->front_start += (size_t)(end - rest.data) + 1;
        }
        spool->front_lines -= skip;
        spool->next_line = next_line;
    }
    spool->next_line = next_line;
}

void spool_discard(struct spool *spool)
{
    spool->discarding = true;
    spool->has_front = false;
    spool->lost = 0;
    start_over(spool);
    write_slot(spool);
}

bool spool_is_empty(const struct spool *spool)
{
    return spool->discarding ||
           (!spool->has_front && spool->read_at == spool->end_at && spool->lost == 0);
}

/* ── the file ──────────────────────────────────────────────────────────────────────────────────── */

static struct spool *make(const struct spool_options *options)
{
    INVARIANT(options->state_size <= STATE_MAX);
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL) {
        return NULL;
    }
    size_t const size = sizeof(struct state_head) + options->state_size;
    spool->fd = -1;
    spool->format = LAYOUT | options->format;
    spool->state_size = options->state_size;
    spool->slot_size = (size + PAGE - 1) / PAGE * PAGE;
    spool->slot = calloc(1, spool->slot_size);
    spool->output_max = options->output_max;
    spool->output_at = spool->start_at = spool->read_at = spool->end_at = 2 * spool->slot_size;
    spool->own_line = spool->next_line = 1;
    buf_init(&spool->front, BATCH_MAX);
    if (spool->slot == NULL) {
        spool_close(spool);
        return NULL;
    }
    return spool;
}

enum err_code spool_create(const struct spool_options *options, struct spool **ret_spool,
                           struct err *err)
{
    struct spool *spool = make(options);
    if (spool == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the reports of a job");
    }
    spool->fd = open(options->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = spool->fd < 0 ? errno : 0;
    if (rc == 0) {
        rc = posix_fallocate(spool->fd, 0, (off_t)spool->output_at);
    }
    if (rc != 0) {
        spool_close(spool);
        return err_set_errno(err, rc, "make %s", options->path);
    }
    *ret_spool = spool;
    return ERR_OK;
}

/* Up to the first batch that is not whole, or not the next one. */
static void find_end(struct spool *spool)
{
    struct batch_head head;
    while (read_batch(spool, spool->end_at, &head, &spool->front) &&
           (spool->end_at == spool->start_at || head.first_line == spool->own_line)) {
        if (spool->end_at == spool->start_at) {
            spool->next_line = head.first_line;
        }
        spool->own_line = head.first_line + head.lines;
        spool->end_at += sizeof head + head.size;
    }
}

enum err_code spool_open(const struct spool_options *options, void *ret_state,
                         struct spool **ret_spool, struct err *err)
{
    struct spool *spool = make(options);
    if (spool == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the reports of a job");
    }
    spool->fd = open(options->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    enum err_code code =
        spool->fd < 0 ? err_set_errno(err, errno, "open %s", options->path) : ERR_OK;
    if (code == ERR_OK) {
        code = read_state(spool, ret_state, err);
    }
    if (code != ERR_OK) {
        spool_close(spool);
        return code;
    }
    spool->own_line = spool->next_line;
    spool->read_at = spool->end_at = spool->start_at;
    if (!spool->discarding) {
        find_end(spool);
    }
    *ret_spool = spool;
    return ERR_OK;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    if (spool->fd >= 0) {
        (void)close(spool->fd);
    }
    buf_deinit(&spool->front);
    free(spool->slot);
    free(spool);
}
