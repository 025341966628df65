/* Any bytes as data: the first chooses the format by its name. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_analysis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.csv", "a.tsv",     "a.jsonl", "a.json",
                                        "a.npy", "a.parquet", "a.png",   "a.jpg"};
    if (size == 0) {
        return 0;
    }
    return fuzz_analyse(data + 1, size - 1, names[data[0] % (sizeof(names) / sizeof(names[0]))]);
}
