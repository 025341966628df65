// SPDX-License-Identifier: Apache-2.0
#include "api/nonces.h"

#include "core/base/rng.h"
#include "core/base/time.h"

#include <stdlib.h>
#include <string.h>

#define NONCES_MAX 4096

struct nonce {
    uint8_t bytes[NONCE_SIZE];
    int64_t expires_at; /* 0: free */
};

struct nonces {
    struct nonce list[NONCES_MAX];
};

struct nonces *nonces_create(void)
{
    return calloc(1, sizeof(struct nonces));
}

void nonces_destroy(struct nonces *nonces)
{
    free(nonces);
}

enum err_code nonces_issue(struct nonces *nonces, uint8_t ret[NONCE_SIZE], int64_t *ret_expires_at,
                           struct err *err)
{
    for (size_t i = 0; i < NONCES_MAX; i++) {
        struct nonce *nonce = &nonces->list[i];
        if (nonce->expires_at == 0) {
            rng_bytes(nonce->bytes, sizeof nonce->bytes);
            /* Whole seconds: the text that is signed has no fraction. */
            nonce->expires_at = (time_wall_ns() / NS_PER_S + NONCE_VALID_S) * NS_PER_S;
            memcpy(ret, nonce->bytes, sizeof nonce->bytes);
            *ret_expires_at = nonce->expires_at;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_BUSY,
                   "too_many_challenges: too many sign-ins are open; try again soon");
}

bool nonces_take(struct nonces *nonces, const uint8_t nonce[NONCE_SIZE], int64_t *ret_expires_at)
{
    int64_t now = time_wall_ns();
    for (size_t i = 0; i < NONCES_MAX; i++) {
        struct nonce *own = &nonces->list[i];
        if (own->expires_at > now && memcmp(own->bytes, nonce, NONCE_SIZE) == 0) {
            *ret_expires_at = own->expires_at;
            own->expires_at = 0;
            return true;
        }
    }
    return false;
}

void nonces_expire(struct nonces *nonces)
{
    int64_t now = time_wall_ns();
    for (size_t i = 0; i < NONCES_MAX; i++) {
        if (nonces->list[i].expires_at <= now) {
            nonces->list[i].expires_at = 0;
        }
    }
}
