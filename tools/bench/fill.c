/* A log to replay: a running job on each of many machines, all reporting at once: of ten events seven are metrics, two output, one progress. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"
#include "core/base/time.h"
#include "tools/bench/scene.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SAMPLES 1

struct reporter;

struct fill {
    struct scene scene;
    uint64_t events;
    struct reporter *reporters;
    size_t count;
    atomic_uint_fast64_t sent;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t open;
};

struct reporter { /* one job; one report in flight */
    struct fill *fill;
    struct command command;
    struct ev_sample sample;
    struct id16 host;
    struct id16 job;
    uint64_t reports;
    uint64_t next_line;
};

static void answer_cb(void *ctx, const struct ledger_answer *answer);

static void send(struct reporter *r)
{
    uint64_t step = r->reports++ % 10;
    enum command_type type = step == 0  ? COMMAND_JOB_PROGRESS
                             : step < 3 ? COMMAND_JOB_OUTPUT
                                        : COMMAND_JOB_METRICS;
    r->command = scene_command(type, ACTOR_HOST, r->host);
    if (type == COMMAND_JOB_PROGRESS) {
        r->command.u.progress.job_id = r->job;
        r->command.u.progress.progress =
            (struct ev_job_progressed){.permille = r->reports % 1000,
                                       .used_ms = r->reports * 100,
                                       .operation = bytes_of_text("epoch 3 of 5")};
    } else if (type == COMMAND_JOB_OUTPUT) {
        r->command.u.output.job_id = r->job;
        r->command.u.output.output = (struct ev_job_output){
            .source = OUTPUT_STDOUT,
            .first_line = r->next_line++,
            .text = bytes_of_text("epoch 3/5  loss 0.2124  accuracy 0.9371  0.61 s\n")};
    } else {
        r->sample = (struct ev_sample){.at_ms = r->reports * 100,
                                       .cpu_permille = 870,
                                       .ram_mib = 14200,
                                       .ram_total_mib = 65536};
        r->command.u.metrics.job_id = r->job;
        r->command.u.metrics.metrics.samples =
            (struct event_list){.items = &r->sample, .count = SAMPLES};
    }
    if (ledger_submit(r->fill->scene.ledger, &r->command, CLASS_BULK, answer_cb, r, NULL) !=
        ERR_OK) {
        r->fill->failed++;
        r->fill->open--;
    }
}

static void answer_cb(void *ctx, const struct ledger_answer *answer)
{
    struct reporter *r = ctx;
    r->fill->failed += answer->code != ERR_OK ? 1 : 0;
    /* The next job that reports is the one that has waited longest: as many are in flight as before. */
    uint64_t number = r->fill->sent++;
    if (number < r->fill->events) {
        send(&r->fill->reporters[number % r->fill->count]);
    } else {
        r->fill->open--;
    }
}

enum err_code bench_fill(const struct bench_options *options, struct err *err)
{
    struct fill *fill = calloc(1, sizeof *fill);
    struct reporter *reporters = calloc(options->jobs, sizeof *reporters);
    struct ledger_stats stats;
    if (fill == NULL || reporters == NULL) {
        free(reporters);
        free(fill);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    enum err_code code = scene_open(&fill->scene, options->dir, true, err);
    if (code == ERR_OK) {
        code = scene_enrol(&fill->scene, options->jobs, err);
    }
    if (code == ERR_OK) {
        code = scene_run_jobs(&fill->scene, err);
    }
    if (code == ERR_OK) {
        ledger_stats(fill->scene.ledger, &stats);
        fill->events = options->events > stats.head ? options->events - stats.head : 0;
        size_t in_flight = options->jobs < 1000 ? options->jobs : 1000;
        fill->open = in_flight;
        int64_t start = time_mono_ns();
        for (size_t i = 0; i < options->jobs; i++) {
            reporters[i] = (struct reporter){.fill = fill,
                                             .host = fill->scene.hosts[i],
                                             .job = fill->scene.jobs[i],
                                             .next_line = 1};
        }
        fill->reporters = reporters;
        fill->count = options->jobs;
        for (size_t i = 0; i < in_flight; i++) {
            fill->sent++;
            send(&reporters[i]);
        }
        while (fill->open > 0) {
            (void)usleep(1000);
        }
        double seconds = (double)(time_mono_ns() - start) / (double)NS_PER_S;
        ledger_stats(fill->scene.ledger, &stats);
        printf("{\"events\":%" PRIu64 ",\"failed\":%" PRIuFAST64 ",\"rate\":%.0f}\n", stats.head,
               fill->failed, (double)fill->events / seconds);
    }
    scene_close(&fill->scene);
    free(reporters);
    free(fill);
    return code;
}
