/* core/net/request_target.h: "/v1/jobs/a%20b?limit=5" → path, segments, parameters. Pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_REQUEST_TARGET_H
#define CORE_NET_REQUEST_TARGET_H

#include "core/base/arena.h"
#include "core/net/http_head.h"

#define REQUEST_PARAM_COUNT_MAX 64

/* Fill target, path, segments and params of `head` from arena memory. NULL when it worked, otherwise a static
 * sentence saying what was wrong. */
const char *request_target_parse(struct arena *arena, struct bytes target, struct http_head *head);

#endif
