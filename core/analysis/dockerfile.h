/* core/analysis/dockerfile.h: base images, what RUN installs, and what is started, of a Dockerfile.
 *
 * Reads:   comments, continuation (and `# escape=`), multi-stage (FROM … AS name, whose name is no image), ARG and ENV with ${x},
 *          $x and ${x:-default}, shell and exec form, heredocs.
 * Errors:  ERR_INVALID when there is no FROM instruction. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_DOCKERFILE_H
#define CORE_ANALYSIS_DOCKERFILE_H

#include "core/analysis/facts.h"

MUST_CHECK enum err_code dockerfile_read(struct facts_writer *writer, struct bytes text,
                                         struct err *err);

#endif
