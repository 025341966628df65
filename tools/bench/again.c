/* Reading a whole log again: every view rebuilt, every hash recomputed. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/ledger/replay.h"
#include "core/log/log_verify.h"
#include "projections/all.h"
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum err_code open_log(const char *dir, struct event_log **ret, struct err *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/log", dir);
    struct event_log_options options = {.folder = path, .read_only = true};
    return event_log_open(&options, ret, err);
}

/* KiB of this process's own memory, without what is mapped from files; the peak of it is not kept by the kernel. */
static uint64_t own_memory_kib(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtoull(line + 8, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

static double cpu_seconds(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

struct watch {
    uint64_t early_kib; /* after the first transaction */
    uint64_t most_kib;
};

static void progress_cb(void *ctx, uint64_t done, uint64_t to)
{
    struct watch *watch = ctx;
    uint64_t now = own_memory_kib();
    (void)done;
    (void)to;
    if (watch->early_kib == 0) {
        watch->early_kib = now;
    }
    watch->most_kib = now > watch->most_kib ? now : watch->most_kib;
}

enum err_code bench_replay(const struct bench_options *options, struct err *err)
{
    char folder[4096];
    struct watch watch = {0};
    (void)snprintf(folder, sizeof folder, "%s/views-again-%d", options->dir, (int)getpid());
    struct replay replay = {
        .projections = {PROJECTIONS, PROJECTION_COUNT}, .progress = progress_cb, .ctx = &watch};
    struct views_options views_options = {.folder = folder};
    enum err_code code = open_log(options->dir, &replay.log, err);
    if (code == ERR_OK) {
        code = replay_open_views(&views_options, &replay.projections, &replay.views, err);
    }
    if (code == ERR_OK) {
        replay.to = event_log_size(replay.log);
        int64_t start = time_mono_ns();
        double cpu = cpu_seconds();
        code = replay_run(&replay, 0, err);
        double seconds = (double)(time_mono_ns() - start) / (double)NS_PER_S;
        if (code == ERR_OK) {
            printf("{\"rate\":%.0f,\"cpu_rate\":%.0f,\"events\":%" PRIu64 ",\"early_kib\":%" PRIu64
                   ",\"most_kib\":%" PRIu64 "}\n",
                   (double)replay.to / seconds, (double)replay.to / (cpu_seconds() - cpu),
                   replay.to, watch.early_kib, watch.most_kib);
        }
    }
    views_close(replay.views);
    event_log_close(replay.log);
    return code;
}

enum err_code bench_verify(const struct bench_options *options, struct err *err)
{
    struct event_log *log = NULL;
    struct log_verify_result result = {0};
    const struct log_verify_options how = {.threads = (unsigned)options->threads};
    enum err_code code = open_log(options->dir, &log, err);
    if (code == ERR_OK) {
        int64_t start = time_mono_ns();
        double cpu = cpu_seconds();
        code = log_verify(log, &how, &result, err);
        double seconds = (double)(time_mono_ns() - start) / (double)NS_PER_S;
        if (code == ERR_OK) {
            printf("{\"rate\":%.0f,\"cpu_rate\":%.0f,\"events\":%" PRIu64 "}\n",
                   (double)result.size / seconds, (double)result.size / (cpu_seconds() - cpu),
                   result.size);
        }
    }
    event_log_close(log);
    return code;
}
