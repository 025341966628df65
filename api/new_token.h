/* api/new_token.h: tokens as they are made and shown: a secret that only its answer has, and scopes as words. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_NEW_TOKEN_H
#define API_NEW_TOKEN_H

#include "api/fields.h"

#define TOKEN_VALID_S (INT64_C(30) * 24 * 3600) /* the longest */
#define TOKEN_BYTES 32
#define TOKEN_TEXT_SIZE (TOKEN_BYTES * 2 + 1)

/* A random secret, and the event that knows its hash alone. */
void new_token(char ret_text[TOKEN_TEXT_SIZE], struct ev_token_issued *ret_issued, uint64_t scopes,
               int64_t expires_at);
json_t *json_of_scopes(uint64_t scopes);
/* A list of words, all of them of `allowed`; 0 with the error noted. */
uint64_t fields_scopes(struct fields *fields, const char *name, uint64_t allowed);

#endif
