/* api/token_rows.h: the rows of tokens that were looked up since the last commit, so that most requests open no snapshot to know who asks.
 *
 * Fresh:   a row is given only while nothing was committed to the views since it was read (views_changes): a revoked token is refused by the first
 *          request behind the answer to its revocation. Expiry is the caller's to look at.
 * Kept:    TOKEN_ROWS_MAX at most, by the token's hash; never a token.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_TOKEN_ROWS_H
#define API_TOKEN_ROWS_H

#include "core/log/views.h"
#include "core/market/state.h"

#define TOKEN_ROWS_MAX 512

struct token_rows;

struct token_rows *token_rows_create(void);
void token_rows_destroy(struct token_rows *rows);

/* The row of the token with this hash, as it is now. ERR_NOT_FOUND: there is none; else the views could not be read. */
MUST_CHECK enum err_code token_rows_get(struct token_rows *rows, struct views *views,
                                        struct key32 hash, struct token_row *ret, struct err *err);

#endif
