/* api/list.h: the parameters that every list has. Each function false or 0: the problem was sent and the call is gone. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_LIST_H
#define API_LIST_H

#include "api/call.h"

#define LIST_DEFAULT 50
#define LIST_MAX 500

/* `limit`, 1 to LIST_MAX. */
MUST_CHECK size_t list_limit(struct call *call);
/* A number that a list gave as `next`; `ret` stays as it is without the parameter. */
MUST_CHECK bool list_cursor(struct call *call, const char *name, uint64_t *ret);
/* `after`, an id that a list gave as `next`; zero without the parameter. */
MUST_CHECK bool list_after_id(struct call *call, struct id16 *ret);
/* One of the words, as its number; 0 without the parameter. */
MUST_CHECK bool list_word(struct call *call, const char *name, const struct enum_words *words,
                          uint32_t *ret);
/* A time in RFC 3339; 0 without the parameter. */
MUST_CHECK bool list_time(struct call *call, const char *name, int64_t *ret);

#endif
