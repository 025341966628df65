/* core/base/driver_version.h: the version of an NVIDIA driver as one number that compares: "525.60.13" is 525,060,013.
 *
 * Shape:   major × 10^6 + minor × 10^3 + patch; 0: not known, or none asked for. Two and three parts are told: "384.81" has patch 0. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_DRIVER_VERSION_H
#define CORE_BASE_DRIVER_VERSION_H

#include "core/base/bytes.h"

#include <stdbool.h>

#define DRIVER_VERSION_MAX UINT64_C(999999999)
#define DRIVER_VERSION_TEXT_SIZE 16

/* One to three numbers of up to three digits with dots between them, the first above 0; `ret` changes only then. */
bool driver_version_parse(struct bytes text, uint64_t *ret);
/* "535.183.01", "384.81", "580.0"; of at most DRIVER_VERSION_MAX. */
void driver_version_format(uint64_t version, char ret_text[DRIVER_VERSION_TEXT_SIZE]);

#endif
