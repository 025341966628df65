/* core/base/software.h: what a job may need to find on a machine, by name: Python packages, models, container images.
 *
 * Package: by the name it is imported under ("sklearn", "cv2"). The list has those that jobs are known to end for want of; a set is a mask of places in
 *          it. Places are of this program alone: what is stored or sent are names, and a name that is not in the list is passed over.
 * List:    items with one space between, each a name or name=version: "python=3.11.2 torch=1.13.1+cu117", "diffusers torch".
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_SOFTWARE_H
#define CORE_BASE_SOFTWARE_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/job_rules.h"

#define SOFTWARE_NAME_MAX 64   /* bytes of a package's name, and of its version */
#define SOFTWARE_MODEL_MAX 128 /* bytes of a model's name */
#define SOFTWARE_LIST_MAX 4000 /* bytes of a whole list, of packages, models or images */
#define SOFTWARE_PYTHON                                                                            \
    "python" /* an item of every list of what a machine has: such a list is never empty */

/* The item at the start of `rest`, which goes on behind it; `ret_version` is empty where there is none. False: no more. */
bool software_next(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_version);

/* Its place, of 0 to 62; -1: not in the list. */
int software_package(struct bytes name);
/* NULL: no such place. */
const char *software_package_name(unsigned place);
/* Those of the list that are named in `list`. */
uint64_t software_packages_of(struct bytes list);
/* Append their names, `between` between. */
void software_packages_append(uint64_t packages, const char *between, struct buf *ret);

/* Of 1 to 64 letters, digits and "_"; of a version "._+!-" too. */
bool software_package_name_is_good(struct bytes name);
bool software_version_is_good(struct bytes version);
/* As a hub or a folder has it: "stabilityai/sd-turbo", "sd-turbo"; one or two parts of letters, digits and "._-", none of which begins with a dot. */
bool software_model_name_is_good(struct bytes name);

/* An image by the one name that all its spellings have: without the registry that is meant where none is named ("docker.io/", "docker.io/library/", "localhost/"),
 * with the tag that is meant where none is ("latest"). False: a name that is none, or one by digest, which names no tag to compare. */
bool software_image_name(const char *image, char ret[JOB_IMAGE_NAME_MAX + 8]);

#endif
