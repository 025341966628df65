/* core/crypto/wipe.h: clear a secret so that the compiler cannot leave it out as a store nobody reads.
 *
 * As libsodium's sodium_memzero, but without a library: what computes with secrets is also built as WebAssembly, and a
 * call for a few words costs more than the words. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_WIPE_H
#define CORE_CRYPTO_WIPE_H

#include <string.h>

static inline void wipe(void *at, size_t size)
{
    memset(at, 0, size);
    __asm__ volatile("" : : "r"(at) : "memory"); /* for all the compiler knows, this reads it */
}

/* Clear what finished calls have left below the caller's frame: the compiler's own copies are in no variable that could be
 * wiped. The deepest call of a signature takes less; tests/core/crypto/test_schnorrq.c looks. */
#define WIPE_STACK_SIZE 8192
__attribute__((noinline, unused)) static void wipe_stack(void)
{
    unsigned char below[WIPE_STACK_SIZE];
    wipe(below, sizeof below);
}

#endif
