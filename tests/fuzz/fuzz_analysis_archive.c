/* Any bytes as an archive: the first chooses the format by its name. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_analysis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.zip",    "a.tar",     "a.tar.gz", "a.tar.bz2",
                                        "a.tar.xz", "a.tar.zst", "a.npz"};
    if (size == 0) {
        return 0;
    }
    return fuzz_analyse(data + 1, size - 1, names[data[0] % (sizeof(names) / sizeof(names[0]))]);
}
