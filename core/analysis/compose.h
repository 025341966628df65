/* core/analysis/compose.h: the YAML files that are read: a compose file (services, images, GPU reservations) and a conda
 * environment (dependencies, pip). Which of the two it is, its top-level keys say. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_COMPOSE_H
#define CORE_ANALYSIS_COMPOSE_H

#include "core/analysis/facts.h"

/* `ret_kind`: COMPOSE or REQUIREMENTS. Errors: those of yaml_read; ERR_INVALID for other YAML. */
MUST_CHECK enum err_code compose_read(struct facts_writer *writer, struct bytes text,
                                      enum analysis_kind *ret_kind, struct err *err);

#endif
