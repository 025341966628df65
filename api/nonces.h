/* api/nonces.h: sign-in challenges: single use, five minutes, of this process (a restart only makes people ask again).
 *
 * Thread:  one. */
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
void nonces_issue(struct nonces *nonces, uint8_t ret[NONCE_SIZE], int64_t *ret_expires_at);
/* Whether it is one of ours, neither used nor expired; gives back when it will be. */
bool nonces_check(const struct nonces *nonces, const uint8_t nonce[NONCE_SIZE],
                  int64_t *ret_expires_at);
/* Use up one that was just checked, by whoever signed it. ERR_BUSY: too many were used lately. */
MUST_CHECK enum err_code nonces_use(struct nonces *nonces, const uint8_t nonce[NONCE_SIZE],
                                    struct err *err);
void nonces_expire(struct nonces *nonces);

#endif
