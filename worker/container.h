/* worker/container.h: an image of this machine's podman or docker, to be run in our own sandbox.
 *
 * Shape:   the engine (container_engine.h) gives an image's settings and a folder with its files; it starts nothing. What runs, runs under bubblewrap with
 *          these files, read-only, in the place of the machine's: the same namespaces, filter, limits, group and GPU nodes as any job.
 * Images:  those that the provider pulled. None is fetched, built or changed.
 * Thread:  any; waits for the engine, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CONTAINER_H
#define WORKER_CONTAINER_H

#include "core/base/err.h"
#include "worker/container_engine.h"
#include "worker/container_file.h"
#include "worker/sandbox.h"

#define CONTAINER_VARIABLES_MAX 64
#define CONTAINER_WORDS_MAX 128
#define CONTAINER_NAME_MAX                                                                         \
    512 /* of a program and of a folder: so that what is said of it can be kept */

struct container {
    const struct container_engine *engine; /* borrowed */
    char image[CONTAINER_IMAGE_SIZE];      /* "" if none is shown */
    char root[PATH_MAX];
    char workdir[CONTAINER_NAME_MAX + 1];
    json_t *command; /* array of strings; may be empty */
    size_t
        fixed_words; /* the entry point's: a job's own arguments come in the place of what is behind them */
    json_t *environment; /* object of strings */
};

/* Its images by the one name of each (software_image_name), sorted, with one space between; none has no name. ERR_UNAVAILABLE: they are not told. */
MUST_CHECK enum err_code container_images(const struct container_engine *engine,
                                          struct buf *ret_list, struct err *err);
/* Read the Dockerfile and have its image shown, or `wanted` in its place unless that is NULL. `argument`: the first of those that the job brings in the place of CMD, or NULL. ERR_INVALID: the Dockerfile;
 * ERR_NOT_FOUND: this machine has no such image; ERR_UNAVAILABLE: the engine failed. To be released in each case. */
MUST_CHECK enum err_code container_open(const struct container_engine *engine, const char *folder,
                                        const char *file_name, const char *wanted,
                                        const char *argument, struct container *ret,
                                        struct err *err);
void container_release(struct container *container); /* accepts a zeroed one */

#endif
