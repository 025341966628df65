/* api/webhook_secret.h: what a webhook's deliveries are signed with. It is stored nowhere, so it cannot leak from the log or a backup of it: it follows from a
 * key of the server.
 *
 * Forever: root   = HMAC-SHA256(seed of the checkpoint key, "tallystick webhook root v1")
 *          secret = HMAC-SHA256(root, "tallystick webhook v1" ‖ log id (16) ‖ webhook id (16) ‖ version u64 big-endian)
 * Shown:   "whsec_" ‖ base64(secret), once. A rotated secret is the next version; the one before signs as well for WEBHOOK_OVERLAP_NS.
 * Signed:  webhook-signature: v1,base64(HMAC-SHA256(secret, id ‖ "." ‖ timestamp ‖ "." ‖ body)), for each secret, with a blank between.
 * Source:  Standard Webhooks, symmetric signatures. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBHOOK_SECRET_H
#define API_WEBHOOK_SECRET_H

#include "core/base/buf.h"
#include "core/base/id.h"
#include "core/base/time.h"

#define WEBHOOK_OVERLAP_NS (24 * 3600 * NS_PER_S)
#define WEBHOOK_SECRET_TEXT_SIZE 51 /* "whsec_", 44 and the zero */

struct webhook_key {
    struct key32 root;
    struct id16 log_id;
};

/* The root of a server whose checkpoint key has this seed. */
MUST_CHECK enum err_code webhook_root(const uint8_t seed[32], struct key32 *ret, struct err *err);
MUST_CHECK enum err_code webhook_secret(const struct webhook_key *key, struct id16 webhook_id,
                                        uint64_t version, struct key32 *ret, struct err *err);
/* Wipe it when it was shown. */
void webhook_secret_format(const struct key32 *secret, char ret[WEBHOOK_SECRET_TEXT_SIZE]);
/* Append the header's value, with the version before as well if there is one and `with_previous`. */
MUST_CHECK enum err_code webhook_sign(const struct webhook_key *key, struct id16 webhook_id,
                                      uint64_t version, bool with_previous, const char *message_id,
                                      int64_t timestamp_s, struct bytes body, struct buf *ret,
                                      struct err *err);

#endif
