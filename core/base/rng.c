// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"

#include "core/base/invariant.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

void rng_bytes(void *ret, size_t size)
{
    uint8_t *at = ret;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            INVARIANT(errno == EINTR);
            continue;
        }
        at += got;
        size -= (size_t)got;
    }
}
