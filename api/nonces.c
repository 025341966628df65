/* A challenge is not remembered until it is used: nobody can use up the room for those of others by asking for many.
 *
 *     nonce = expiry in seconds since 1970 (u32) ‖ random (4) ‖ first 8 bytes of SHA-256(secret (32) ‖ the 8 before)
 *
 * The secret is this process's. */
// SPDX-License-Identifier: Apache-2.0
#include "api/nonces.h"

#include "core/base/bytes.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"

#include <stdlib.h>
#include <string.h>

#define USED_MAX 65536 /* sign-ins in five minutes: each has a good signature, and is in the log */
#define NAMED_SIZE 8

struct nonces {
    uint8_t secret[32];
    size_t used_count;
    uint8_t used[USED_MAX][NONCE_SIZE];
};

struct nonces *nonces_create(void)
{
    struct nonces *nonces = calloc(1, sizeof *nonces);
    if (nonces != NULL) {
        rng_bytes(nonces->secret, sizeof nonces->secret);
    }
    return nonces;
}

void nonces_destroy(struct nonces *nonces)
{
    if (nonces != NULL) {
        explicit_bzero(nonces->secret, sizeof nonces->secret);
    }
    free(nonces);
}

static void authenticate(const struct nonces *nonces, uint8_t nonce[NONCE_SIZE])
{
    struct key32 digest =
        sha256_of_two(bytes_of(nonces->secret, sizeof nonces->secret), bytes_of(nonce, NAMED_SIZE));
    memcpy(nonce + NAMED_SIZE, digest.b, NONCE_SIZE - NAMED_SIZE);
}

static int64_t expiry_of(const uint8_t nonce[NONCE_SIZE])
{
    return (int64_t)get_be32(nonce) * NS_PER_S;
}

void nonces_issue(struct nonces *nonces, uint8_t ret[NONCE_SIZE], int64_t *ret_expires_at)
{
    /* Whole seconds: the text that is signed has no fraction. */
    put_be32(ret, (uint32_t)(time_wall_ns() / NS_PER_S + NONCE_VALID_S));
    rng_bytes(ret + 4, NAMED_SIZE - 4);
    authenticate(nonces, ret);
    *ret_expires_at = expiry_of(ret);
}

bool nonces_check(const struct nonces *nonces, const uint8_t nonce[NONCE_SIZE],
                  int64_t *ret_expires_at)
{
    uint8_t ours[NONCE_SIZE];
    memcpy(ours, nonce, NONCE_SIZE);
    authenticate(nonces, ours);
    if (memcmp(ours, nonce, NONCE_SIZE) != 0 || expiry_of(nonce) <= time_wall_ns()) {
        return false;
    }
    for (size_t i = 0; i < nonces->used_count; i++) {
        if (memcmp(nonces->used[i], nonce, NONCE_SIZE) == 0) {
            return false;
        }
    }
    *ret_expires_at = expiry_of(nonce);
    return true;
}

enum err_code nonces_use(struct nonces *nonces, const uint8_t nonce[NONCE_SIZE], struct err *err)
{
    if (nonces->used_count == USED_MAX) {
        return err_set(err, ERR_BUSY,
                       "too_many_sign_ins: too many people sign in just now; try again soon");
    }
    memcpy(nonces->used[nonces->used_count++], nonce, NONCE_SIZE);
    return ERR_OK;
}

void nonces_expire(struct nonces *nonces)
{
    int64_t now = time_wall_ns();
    size_t kept = 0;
    for (size_t i = 0; i < nonces->used_count; i++) {
        if (expiry_of(nonces->used[i]) > now) {
            memmove(nonces->used[kept++], nonces->used[i], NONCE_SIZE);
        }
    }
    nonces->used_count = kept;
}
