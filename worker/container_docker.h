/* worker/container_docker.h: docker's images, taken over into the worker's own folder.
 *
 * Docker shows nobody an image's files, and would start it within its own walls. So those that the owner named are copied once, when the worker starts and no
 * job waits: `docker create` (never started) and `docker export` write a tar, which a program in a sandbox of its own unpacks (runner/unpack.py).
 *
 *     DIR/images/1-<image id>/root   the files, of nobody, readable to everybody; what a job's sandbox has as its root, read-only
 *     DIR/images/1-<image id>.part   being made; not used, and removed at the next start. Renamed when it is whole and on the disk
 *
 * An image whose name is not said any more, or means another image by now, is removed. What a name means is looked up at the start alone; docker is not asked
 * while jobs run. The 1 is the way they are unpacked.
 * Bounds:  DOCKER_DISK_LEFT of the disk stays free, for jobs; DOCKER_FILES_MAX files and folders, and a tenth of those that the disk can have stay free.
 * Errors:  an image that cannot be taken over has its reason in `why`; the others can be used.
 * Thread:  main, before the loop, where it may take minutes; afterwards any, and it is not changed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CONTAINER_DOCKER_H
#define WORKER_CONTAINER_DOCKER_H

#include "core/base/err.h"
#include "worker/container_engine.h"

#define DOCKER_IMAGES_MAX 64
#define DOCKER_ID_SIZE 65
#define DOCKER_DISK_LEFT (UINT64_C(3) << 30)
#define DOCKER_FILES_MAX UINT64_C(1000000)

struct docker_image {
    const char *name;        /* as the owner said it; borrowed */
    char id[DOCKER_ID_SIZE]; /* "": docker did not say */
    json_t *config;          /* NULL: it cannot be used */
    struct err why;
};

struct docker_images {
    const char *program; /* borrowed */
    char folder[PATH_MAX];
    size_t count;
    struct docker_image items[DOCKER_IMAGES_MAX];
};

/* Of `count` names, DOCKER_IMAGES_MAX at most. `state` is DIR. ERR_NOMEM, ERR_IO, ERR_FULL: nothing is there. */
MUST_CHECK enum err_code docker_images_take(const char *program, const char *state,
                                            const char *const *names, size_t count,
                                            struct docker_images **ret, struct err *err);
void docker_images_free(struct docker_images *images); /* the files stay */

/* Remove what an earlier worker had taken over. */
void docker_images_forget(const char *state);

#endif
