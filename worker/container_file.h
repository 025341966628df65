/* worker/container_file.h: what of a Dockerfile can be run here: an image that is on the machine, and what to start in it.
 *
 * Taken:   FROM (one), ENV, WORKDIR, CMD, ENTRYPOINT. LABEL, EXPOSE, MAINTAINER, STOPSIGNAL, HEALTHCHECK, VOLUME and USER change nothing here: there is no port, and
 *          the user is nobody.
 * Refused: whatever would build another image (RUN, COPY, ADD, ARG, ONBUILD, SHELL, a second FROM) and variables ($), with line and reason.
 * Thread:  any; pure.
 * Source:  Dockerfile reference, docs.docker.com/reference/dockerfile. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CONTAINER_FILE_H
#define WORKER_CONTAINER_FILE_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/job_rules.h"

#include <jansson.h>

#define CONTAINER_FILE_MAX 65536
#define CONTAINER_IMAGE_SIZE (JOB_IMAGE_NAME_MAX + 1)
#define CONTAINER_FILE_WORDS_MAX 64

struct container_file {
    char image[CONTAINER_IMAGE_SIZE]; /* job_image_name_is_good */
    json_t *environment;              /* object of strings */
    json_t *entrypoint;               /* array of strings; NULL: the image's */
    json_t *command;                  /* likewise */
    json_t *workdir;                  /* string, absolute; NULL: the image's */
};

/* ERR_INVALID says in which line and what would be taken. */
MUST_CHECK enum err_code container_file_read(struct bytes text, struct container_file *ret,
                                             struct err *err);
void container_file_deinit(struct container_file *file);

#endif
