/* core/analysis/archive_late.h: libarchive, opened when the first archive is seen (core/base/late.h). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_ARCHIVE_LATE_H
#define CORE_ANALYSIS_ARCHIVE_LATE_H

#include "core/base/err.h"

/* Before anything else of libarchive's is called. ERR_UNAVAILABLE. */
MUST_CHECK enum err_code archive_late_open(struct err *err);

#endif
