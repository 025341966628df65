/* tests/fuzz/fuzz_target.h: what every fuzz_<parser>.c defines. Return 0; a finding is an abort. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FUZZ_FUZZ_TARGET_H
#define TESTS_FUZZ_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
