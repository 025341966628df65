// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "tools/bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum err_code (*run)(const struct bench_options *options, struct err *err);
} COMMANDS[] = {
    {"append", bench_append}, {"bare", bench_bare},     {"constant", bench_constant},
    {"fill", bench_fill},     {"follow", bench_follow}, {"look", bench_look},
    {"match", bench_match},   {"qubic", bench_qubic},   {"replay", bench_replay},
    {"verify", bench_verify},
};

static enum err_code take(int id, struct bench_options *options, struct err *err)
{
    uint64_t *number = id == 'n'   ? &options->in_flight
                       : id == 's' ? &options->seconds
                       : id == 'e' ? &options->events
                       : id == 't' ? &options->threads
                       : id == 'j' ? &options->jobs
                       : id == 'P' ? &options->port
                       : id == 'Q' ? &options->publish_port
                                   : NULL;
    if (id == 'd') {
        options->dir = optarg;
    } else if (id == 'p') {
        options->projections = true;
    } else if (number == NULL || u64_parse(bytes_of_text(optarg), number, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "options and their numbers are at the top of bench.h");
    }
    return ERR_OK;
}

int main(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"dir", required_argument, NULL, 'd'},     {"in-flight", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'}, {"events", required_argument, NULL, 'e'},
        {"threads", required_argument, NULL, 't'}, {"jobs", required_argument, NULL, 'j'},
        {"port", required_argument, NULL, 'P'},    {"publish-port", required_argument, NULL, 'Q'},
        {"projections", no_argument, NULL, 'p'},   {NULL, 0, NULL, 0},
    };
    struct bench_options options = {.in_flight = 64, .seconds = 3, .events = 1000000, .jobs = 1000};
    struct err err = {0};
    enum err_code code = ERR_OK;
    int id;
    optind = 2;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while (code == ERR_OK && argc > 1 && (id = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        code = take(id, &options, &err);
    }
    bool const needs_dir =
        argc < 2 || (strcmp(argv[1], "qubic") != 0 && strcmp(argv[1], "match") != 0);
    if (code == ERR_OK && ((needs_dir && options.dir == NULL) || options.in_flight == 0 ||
                           options.in_flight > BENCH_IN_FLIGHT_MAX || options.jobs == 0 ||
                           options.jobs > BENCH_JOBS_MAX)) {
        code = err_set(
            &err, ERR_INVALID,
            "usage: tally-bench append|bare|constant|fill|follow|look|replay|verify --dir DIR, or "
            "tally-bench match|qubic (see tools/bench/bench.h)");
    }
    bool known = code != ERR_OK;
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS && !known; i++) {
        known = strcmp(COMMANDS[i].name, argv[1]) == 0;
        code = known ? COMMANDS[i].run(&options, &err) : ERR_OK;
    }
    if (!known) {
        code = err_set(&err, ERR_INVALID, "'%s' is no benchmark", argv[1]);
    }
    if (code != ERR_OK) {
        (void)fprintf(stderr, "tally-bench: %s\n", err.message);
        return 1;
    }
    return 0;
}
