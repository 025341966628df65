/* api/nonces.h: sign-in challenges: single use, five minutes, in memory (a restart only makes people ask again). */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_NONCES_H
#define API_NONCES_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define NONCE_SIZE 16
#define NONCE_VALID_S 300

struct nonces;

struct nonces *nonces_create(void);
void nonces_destroy(struct nonces *nonces);
/* ERR_BUSY when too many are outstanding. */
MUST_CHECK enum err_code nonces_issue(struct nonces *nonces, uint8_t ret[NONCE_SIZE],
                                      int64_t *ret_expires_at, struct err *err);
/* true once for each issued nonce, until it expires; gives back when it would have. */
bool nonces_take(struct nonces *nonces, const uint8_t nonce[NONCE_SIZE], int64_t *ret_expires_at);
void nonces_expire(struct nonces *nonces);

#endif
