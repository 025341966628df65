/* worker/container_engine.h: who has the images of this machine: podman, which shows their files, or docker, from which they were taken over (container_docker.h).
 *
 *     podman  every image it has, because the owner said so; shown while a job runs
 *     docker  those that the owner named; their files lie in the worker's own folder, since docker shows them to nobody
 *
 * Neither is asked to start anything: what runs, runs in our sandbox (container.h).
 * Thread:  any; each may wait for the program, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CONTAINER_ENGINE_H
#define WORKER_CONTAINER_ENGINE_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "worker/name_list.h"

#include <jansson.h>
#include <limits.h>

#define CONTAINER_TEXT_MAX ((size_t)1 << 20) /* of what podman or docker says */

struct docker_images;

struct container_engine {
    const struct container_engine_kind *kind;
    const char *program;          /* borrowed */
    struct docker_images *images; /* docker's; of whoever made them */
};

struct container_engine_kind {
    /* Whether jobs in containers can be run. ERR_UNAVAILABLE says why not. */
    enum err_code (*check)(const struct container_engine *engine, struct err *err);
    /* The one name of each image; errors as above. */
    enum err_code (*list)(const struct container_engine *engine, struct name_list *ret,
                          struct err *err);
    /* The image's own settings, as docker's and podman's Config have them. ERR_NOT_FOUND: there is no such image. */
    enum err_code (*inspect)(const struct container_engine *engine, const char *image, json_t **ret,
                             struct err *err);
    /* The folder with its files, until it is hidden as often as it was shown. */
    enum err_code (*show)(const struct container_engine *engine, const char *image,
                          char ret[PATH_MAX], struct err *err);
    void (*hide)(const struct container_engine *engine, const char *image);
};

extern const struct container_engine_kind container_podman;
extern const struct container_engine_kind container_docker;

/* What podman or docker wrote. ERR_UNAVAILABLE unless it ended with 0. */
MUST_CHECK enum err_code container_ask(const char *program, const char *const *arguments,
                                       int64_t timeout_ms, struct buf *ret, struct err *err);

#endif
