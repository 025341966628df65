/* tools/tally/secrets.h: variables that only the machine is to know: read from a file, sealed here, sent as settings.sealed.
 *
 * Shape:   a file of lines NAME=VALUE, owner only; empty lines and lines with # in front are left out. The value is the rest of the line as it is.
 * Rule:    values are on no command line and in no message of ours.
 * Thread:  main. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_SECRETS_H
#define TOOLS_TALLY_SECRETS_H

#include "core/base/err.h"

#include <jansson.h>

/* {"NAME":"<hex of the sealed value>"}. `key`: hex, as the quote has it; NULL: the machine has none. Errors: ERR_DENIED (others may read the file),
 * ERR_INVALID, ERR_UNAVAILABLE (no key). */
MUST_CHECK enum err_code secrets_seal(const char *path, const char *key, json_t **ret,
                                      struct err *err);

#endif
