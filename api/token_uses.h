/* api/token_uses.h: when each token was last used, as far as this process remembers.
 *
 * Not in the log: a write for each read would be dearer than what is read. So it begins anew with the server, and of very many tokens those
 * that were not used for longest are forgotten.
 * Shape:   TOKEN_USES_MAX slots, pages of memory only once touched.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_TOKEN_USES_H
#define API_TOKEN_USES_H

#include "core/base/id.h"

#define TOKEN_USES_MAX 65536

struct token_uses;

struct token_uses *token_uses_create(void); /* NULL: no memory */
void token_uses_destroy(struct token_uses *uses);
void token_uses_note(struct token_uses *uses, struct id16 token_id, int64_t now);
/* 0: not since the process began, or forgotten. */
int64_t token_uses_last(const struct token_uses *uses, struct id16 token_id);

#endif
