/* worker/command.h: what tally-worker can be told on its command line; main.c reads it, command_*.c and selftest.c do it.
 *
 * Thread:  main. Results for a person go to standard output, errors to the caller. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_COMMAND_H
#define WORKER_COMMAND_H

#include "core/base/err.h"
#include "worker/container_docker.h"
#include "worker/gpu.h"
#include "worker/state.h"

struct settings {
    const char *server;
    const char *name;
    const char *state;
    const char *token_file;
    const char *code;     /* NULL: the token file, or standard input, has one or a token */
    const char *seal_key; /* a file; NULL: one of its own */
    uint64_t rate;        /* 0: not said */
    uint64_t jobs_max;
    uint64_t disk_mib; /* 0: not limited */
    uint64_t ram_mib;  /* likewise */
    bool no_gpus;
    bool systemd;
    struct gpu_options gpus;
    const char *podman; /* NULL, as docker: no containers */
    const char *docker;
    const char *images[DOCKER_IMAGES_MAX]; /* docker's that jobs may use */
    size_t image_count;
    const char *models; /* a folder; NULL: jobs are shown none */
    bool network;       /* jobs that ask for a network get one */
};

MUST_CHECK enum err_code command_enrol(const struct settings *settings, struct err *err);
MUST_CHECK enum err_code command_run(const struct settings *settings, struct err *err);
MUST_CHECK enum err_code command_status(const struct settings *settings, struct err *err);
MUST_CHECK enum err_code command_mode(const struct settings *settings, enum worker_mode mode,
                                      struct err *err);
MUST_CHECK enum err_code command_selftest(const struct settings *settings, struct err *err);

/* Who has the images of jobs in containers; its `kind` is NULL when nobody may be asked. Docker's are taken over first, which may take minutes. */
MUST_CHECK enum err_code command_engine_open(const struct settings *settings,
                                             struct container_engine *ret, struct err *err);
void command_engine_close(struct container_engine *engine); /* accepts a zeroed one */

/* What this machine gives to one of `slots` slots. */
MUST_CHECK enum err_code command_share(const struct settings *settings, size_t slots,
                                       struct machine *ret, struct err *err);

#endif
