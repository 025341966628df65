/* core/base/rng.h: random bytes from the kernel. Ends the process if the kernel has none: every id, salt and
 * key stands on it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_RNG_H
#define CORE_BASE_RNG_H

#include <stddef.h>

void rng_bytes(void *ret, size_t size);

#endif
