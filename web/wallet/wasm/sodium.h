/* web/wallet/wasm/sodium.h: what the core takes from libsodium, for the module, which has none. In platform.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WEB_WALLET_WASM_SODIUM_H
#define WEB_WALLET_WASM_SODIUM_H

#include <stddef.h>

void sodium_memzero(void *at, size_t size);

#endif
