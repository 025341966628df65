/* core/net/header_param.h: `form-data; name="a b"; filename=x` → value and parameters. Pure.
 *
 * Source:  RFC 9110 §5.6.6. In quoted strings `\"` and `\\` are escapes and any other backslash stands for itself, as
 *          browsers send Windows paths. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HEADER_PARAM_H
#define CORE_NET_HEADER_PARAM_H

#include "core/base/buf.h"

/* The value before the first ';' equals `value`, case aside. */
bool header_value_is(const char *header, const char *value);
/* Append parameter `name` (any case) to `ret`, which is cleared first.
 * ERR_NOT_FOUND; ERR_INVALID: given twice, or the header is malformed; ERR_TOO_LARGE: past ret's limit. */
MUST_CHECK enum err_code header_param(const char *header, const char *name, struct buf *ret,
                                      struct err *err);

#endif
