/* Commands in flight, each sent again when it is answered. host.benchmarked by one machine after the other is an event of 256 bytes (record
 * and private part) that changes one row of 64 bytes (16 of key, 48 of value) of the write model, plus the id of the command. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/log/log_reader.h"
#include "tools/bench/scene.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DETAIL                                                                                     \
    "driver 550.54.14, cuda 12.4, resnet50 forward 2 741 images/s, memory 912 GB/s, power limit "  \
    "450 W, ecc off"

struct run {
    struct scene scene;
    struct flight *flights;
    int64_t end;
    /* sent by the main thread at first, then by the writer's as answers come */
    atomic_uint_fast64_t sent;
    atomic_uint_fast64_t answered;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t open;
};

struct flight {
    struct run *run;
    struct command command;
};

static void answer_cb(void *ctx, const struct ledger_answer *answer);

/* In the order of time, as id_new gives them, but without a system call: this runs on the writer's thread, and those who make
 * commands do not. */
static struct id16 next_id(uint64_t number)
{
    struct id16 id;
    put_be64(id.b, UINT64_C(0x019a000000007000));
    put_be64(id.b + 8, number);
    return id;
}

static void send(struct flight *flight)
{
    struct run *run = flight->run;
    uint64_t number = run->sent++;
    struct id16 host = run->scene.hosts[number % BENCH_STREAMS];
    flight->command = (struct command){
        .type = COMMAND_HOST_BENCHMARK, .actor_kind = ACTOR_HOST, .actor_id = host};
    flight->command.command_id = next_id(number);
    flight->command.u.benchmark =
        (struct command_benchmark){.host_id = host,
                                   .benchmark = {.benchmark_version = 1,
                                                 .speed_permille = 1000 + number % 7,
                                                 .detail = bytes_of_text(DETAIL)}};
    if (ledger_submit(run->scene.ledger, &flight->command, CLASS_REPORT, answer_cb, flight, NULL) !=
        ERR_OK) {
        run->failed++;
        run->open--;
    }
}

static void answer_cb(void *ctx, const struct ledger_answer *answer)
{
    struct flight *flight = ctx;
    struct run *run = flight->run;
    run->answered++;
    run->failed += answer->code != ERR_OK ? 1 : 0;
    if (time_mono_ns() < run->end) {
        send(flight);
    } else {
        run->open--;
    }
}

/* The size of the last event, as a check that it is what it should be. */
static void last_sizes(struct ledger *ledger, size_t *ret_record, size_t *ret_private)
{
    struct log_reader *reader;
    struct bytes record = {0};
    struct bytes part = {0};
    if (log_reader_open(ledger_log(ledger), &reader, NULL) == ERR_OK) {
        uint64_t size = log_reader_size(reader);
        if (log_reader_record(reader, size, &record, NULL) == ERR_OK) {
            (void)log_reader_private(reader, size, &part);
        }
        log_reader_close(reader);
    }
    *ret_record = record.size;
    *ret_private = part.size;
}

static void report(struct run *run, double seconds, const struct ledger_stats *before)
{
    struct ledger_stats after;
    size_t record_size;
    size_t private_size;
    ledger_stats(run->scene.ledger, &after);
    last_sizes(run->scene.ledger, &record_size, &private_size);
    printf("{\"rate\":%.0f,\"events\":%" PRIuFAST64 ",\"failed\":%" PRIuFAST64
           ",\"per_batch\":%.1f,\"record\":%zu,\"private\":%zu}\n",
           (double)run->answered / seconds, run->answered, run->failed,
           (double)run->answered / (double)(after.batches - before->batches), record_size,
           private_size);
}

enum err_code bench_append(const struct bench_options *options, struct err *err)
{
    struct run *run = calloc(1, sizeof *run);
    struct flight *flights = calloc(options->in_flight, sizeof *flights);
    if (run == NULL || flights == NULL) {
        free(flights);
        free(run);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    enum err_code code = scene_open(&run->scene, options->dir, options->projections, err);
    if (code == ERR_OK) {
        code = scene_enrol(&run->scene, BENCH_STREAMS, err);
    }
    if (code == ERR_OK) {
        struct ledger_stats before;
        ledger_stats(run->scene.ledger, &before);
        int64_t start = time_mono_ns();
        run->end = start + (int64_t)options->seconds * NS_PER_S;
        run->open = options->in_flight;
        for (uint64_t i = 0; i < options->in_flight; i++) {
            flights[i].run = run;
        }
        for (uint64_t i = 0; i < options->in_flight; i++) {
            send(&flights[i]);
        }
        while (run->open > 0) {
            (void)usleep(1000);
        }
        report(run, (double)(time_mono_ns() - start) / (double)NS_PER_S, &before);
    }
    scene_close(&run->scene);
    free(flights);
    free(run);
    return code;
}
