// SPDX-License-Identifier: Apache-2.0
#include "worker/job_disk.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/background.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 200
#define PAUSE_FACTOR 9       /* a look takes at most a tenth of a processor */
#define INODES_RESERVE 10000 /* of the file system, for the machine */
#define MIB (UINT64_C(1) << 20)

struct job_disk {
    struct job_disk_options options;
    char folder[PATH_MAX];
    uv_timer_t timer;
    int64_t next_ns; /* no look before */
    bool looking;
    bool ending; /* the program is over */
    bool closed;
    bool timer_closed;
    struct job_disk_facts facts;
    /* the pool's while it looks */
    bool last; /* begun after the program was over */
    struct scratch_usage usage;
    uint64_t free_bytes;
    int64_t took_ns;
};

/* ── what is too much ──────────────────────────────────────────────────────────────────────────── */

static bool is_over(const struct job_disk_limit *limit, const struct scratch_usage *usage)
{
    return usage->bytes > limit->bytes || usage->inodes > limit->inodes || usage->is_too_deep;
}

static uint64_t in_mib(uint64_t bytes)
{
    return bytes / MIB + (bytes % MIB != 0 ? 1 : 0);
}

void job_disk_judge(const struct job_disk_facts *facts, struct job_disk_verdict *ret)
{
    const struct job_disk_limit *limit = &facts->limit;
    struct scratch_usage usage = facts->at_end;
    *ret = (struct job_disk_verdict){0};
    if (facts->stopped) {
        uint64_t const hidden =
            facts->free_at_end > facts->free_at_stop ? facts->free_at_end - facts->free_at_stop : 0;
        uint64_t const then = facts->at_stop.bytes;
        usage.bytes = usage.bytes + hidden > then ? usage.bytes + hidden : then;
        usage.inodes = usage.inodes > facts->at_stop.inodes ? usage.inodes : facts->at_stop.inodes;
        usage.is_too_deep = usage.is_too_deep || facts->at_stop.is_too_deep;
    }
    if (usage.bytes > limit->bytes) {
        (void)snprintf(ret->over, sizeof ret->over,
                       "its files took %" PRIu64 " MiB of disk, the limit is %" PRIu64 " MiB",
                       in_mib(usage.bytes), in_mib(limit->bytes));
    } else if (usage.inodes > limit->inodes) {
        (void)snprintf(ret->over, sizeof ret->over,
                       "it made more than %" PRIu64 " files and folders", limit->inodes);
    } else if (usage.is_too_deep) {
        (void)snprintf(ret->over, sizeof ret->over, "its folders were more than %d deep",
                       SCRATCH_USAGE_DEPTH_MAX);
    } else {
        ret->is_low = facts->free_at_end < JOB_DISK_RESERVE ||
                      (facts->stopped && facts->free_at_stop < JOB_DISK_RESERVE);
    }
}

enum err_code job_disk_limit(const char *folder, uint64_t bytes_max, struct job_disk_limit *ret,
                             struct err *err)
{
    uint64_t const bytes = scratch_free_bytes(folder);
    uint64_t const inodes = scratch_free_inodes(folder);
    if (bytes < JOB_DISK_RESERVE + JOB_DISK_MIN || inodes < 2 * INODES_RESERVE) {
        return err_set(err, ERR_FULL, "the machine's disk is nearly full");
    }
    *ret = (struct job_disk_limit){.bytes = bytes - JOB_DISK_RESERVE,
                                   .inodes = inodes - INODES_RESERVE};
    ret->bytes = ret->bytes < bytes_max ? ret->bytes : bytes_max;
    ret->inodes = ret->inodes < JOB_DISK_INODES_MAX ? ret->inodes : JOB_DISK_INODES_MAX;
    return ERR_OK;
}

/* ── looking ───────────────────────────────────────────────────────────────────────────────────── */

static void look(void *ctx)
{
    struct job_disk *disk = ctx;
    int64_t const before = time_mono_ns();
    /* Twice before it is believed: a folder that is moved while we walk may be counted twice. */
    for (int turn = 0; turn < 2; turn++) {
        scratch_measure(disk->folder, disk->options.limit.inodes, &disk->usage);
        if (disk->last || !is_over(&disk->options.limit, &disk->usage)) {
            break;
        }
    }
    disk->free_bytes = scratch_free_bytes(disk->folder);
    disk->took_ns = time_mono_ns() - before;
}

static void free_if_unused(struct job_disk *disk)
{
    if (disk->closed && disk->timer_closed && !disk->looking) {
        free(disk);
    }
}

static void begin_look(struct job_disk *disk);

static void found(struct job_disk *disk)
{
    struct job_disk_facts *facts = &disk->facts;
    struct job_disk_verdict verdict;
    if (disk->last) {
        facts->at_end = disk->usage;
        facts->free_at_end = disk->free_bytes;
        job_disk_judge(facts, &verdict);
        disk->options.on_end(disk->options.ctx, &verdict);
        return; /* it may be closed by now */
    }
    if (!disk->ending && !facts->stopped &&
        (is_over(&disk->options.limit, &disk->usage) || disk->free_bytes < JOB_DISK_RESERVE)) {
        facts->stopped = true;
        facts->at_stop = disk->usage;
        facts->free_at_stop = disk->free_bytes;
        trace(TRACE_INFO, "job.disk", "bytes=%" PRIu64 " inodes=%" PRIu64 " free=%" PRIu64,
              disk->usage.bytes, disk->usage.inodes, disk->free_bytes);
        disk->options.on_stop(disk->options.ctx);
    }
    if (disk->ending) {
        begin_look(disk);
    }
}

static void looked(void *ctx)
{
    struct job_disk *disk = ctx;
    disk->looking = false;
    disk->next_ns = time_mono_ns() + PAUSE_FACTOR * disk->took_ns;
    if (disk->closed) {
        free_if_unused(disk);
    } else {
        found(disk);
    }
}

static void begin_look(struct job_disk *disk)
{
    INVARIANT(!disk->looking);
    disk->looking = true;
    disk->last = disk->ending;
    if (!background_run(disk->options.loop, look, looked, disk)) {
        look(disk);
        looked(disk);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct job_disk *disk = timer->data;
    if (!disk->looking && !disk->ending && !disk->facts.stopped &&
        time_mono_ns() >= disk->next_ns) {
        begin_look(disk);
    }
}

/* ── from outside ──────────────────────────────────────────────────────────────────────────────── */

enum err_code job_disk_start(const struct job_disk_options *options, struct job_disk **ret_disk,
                             struct err *err)
{
    struct job_disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL || uv_timer_init(options->loop, &disk->timer) != 0) {
        free(disk);
        return err_set(err, ERR_NOMEM, "no memory to watch the disk");
    }
    disk->options = *options;
    disk->facts.limit = options->limit;
    (void)snprintf(disk->folder, sizeof disk->folder, "%s", options->folder);
    disk->options.folder = disk->folder;
    disk->timer.data = disk;
    (void)uv_timer_start(&disk->timer, on_timer, TICK_MS, TICK_MS);
    *ret_disk = disk;
    return ERR_OK;
}

void job_disk_finish(struct job_disk *disk)
{
    INVARIANT(!disk->ending);
    disk->ending = true;
    if (!disk->looking) { /* otherwise when that look is over */
        begin_look(disk);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct job_disk *disk = handle->data;
    disk->timer_closed = true;
    free_if_unused(disk);
}

void job_disk_close(struct job_disk *disk)
{
    if (disk != NULL) {
        INVARIANT(!disk->closed);
        disk->closed = true;
        uv_close((uv_handle_t *)&disk->timer, on_timer_closed);
    }
}
