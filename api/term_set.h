/* api/term_set.h: one term from the command line: "lease_s=6". Whether the value is allowed is for terms_check to say. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_TERM_SET_H
#define API_TERM_SET_H

#include "core/event/catalogue.h"

/* Errors: ERR_INVALID; `terms` stays as it is. */
MUST_CHECK enum err_code term_set(struct ev_terms_set *terms, const char *text, struct err *err);

#endif
