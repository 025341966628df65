/* core/crypto/hmac.h: HMAC-SHA256 over parts that lie apart.
 *
 * Source:  RFC 2104, FIPS 198-1; the tests' vectors are RFC 4231's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_HMAC_H
#define CORE_CRYPTO_HMAC_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/id.h"

/* Of parts[0] ‖ parts[1] ‖ …, with a key of any length. ERR_NOMEM. */
MUST_CHECK enum err_code hmac_sha256(struct bytes key, const struct bytes *parts, size_t count,
                                     struct key32 *ret, struct err *err);

#endif
