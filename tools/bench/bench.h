/* tools/bench/bench.h: what the measuring program does. Each command prints one line of JSON; tools/bench/run starts them in turn, ours and
 * a peer, and compares pair by pair.
 *
 *     tally-bench append --dir D --in-flight N --seconds S [--projections]   the ledger: commands in, durable events out
 *     tally-bench bare   --dir D --in-flight N --seconds S                   the same keys and bytes into LMDB alone, same flags and batches
 *     tally-bench constant --dir D --port P                                  answers the file D/body to every request, until it is killed
 *     tally-bench fill   --dir D --events N [--jobs N]                       a log of N events: running jobs that report
 *     tally-bench follow --dir D --in-flight N --events R --seconds S --port P --publish-port Q
 *                                                                            N subscribers at P that say the files D/hello and D/subscribe, and a publisher at Q that says
 *                                                                            D/publish R times a second
 *     tally-bench look   --dir D                                             a job's page, read from that log's views
 *     tally-bench match  [--seconds S]                                       10,000 offers ranked, in turn with a qsort of their rows
 *     tally-bench qubic  [--threads N]                                       signatures and K12, in turn with libsodium's
 *     tally-bench replay --dir D                                             rebuild every view of that log
 *     tally-bench verify --dir D [--threads N]                               recompute every hash of that log */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct bench_options {
    const char *dir; /* must not exist for append, bare and fill; match and qubic have none */
    uint64_t in_flight;
    uint64_t seconds;
    uint64_t events;
    uint64_t jobs;    /* of fill; at most BENCH_JOBS_MAX */
    uint64_t threads; /* of verify and qubic; 0: one a processor */
    uint64_t port;    /* of follow and constant */
    uint64_t publish_port;
    bool projections; /* all of the product's; else the write model alone */
};

#define BENCH_STREAMS 1000
#define BENCH_JOBS_MAX 20000
#define BENCH_IN_FLIGHT_MAX 20000

/* Each prints its line and returns ERR_OK. */
MUST_CHECK enum err_code bench_append(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_bare(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_constant(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_fill(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_follow(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_look(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_match(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_qubic(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_replay(const struct bench_options *options, struct err *err);
MUST_CHECK enum err_code bench_verify(const struct bench_options *options, struct err *err);

#endif
