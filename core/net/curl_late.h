/* core/net/curl_late.h: libcurl, opened when the first client or URL needs it (core/base/late.h). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_CURL_LATE_H
#define CORE_NET_CURL_LATE_H

#include "core/base/err.h"

/* Before anything else of libcurl's is called; starts it, the first time. ERR_UNAVAILABLE, ERR_INTERNAL. */
MUST_CHECK enum err_code curl_late_open(struct err *err);

#endif
