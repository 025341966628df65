/* What a worker reads of a stranger's Dockerfile. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/container_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container_file file;
    struct err err = {0};
    if (container_file_read(bytes_of(data, size), &file, &err) != ERR_OK) {
        INVARIANT(err.message[0] != 0);
        return 0;
    }
    INVARIANT(file.image[0] != 0 && file.image[0] != '-' &&
              strlen(file.image) < CONTAINER_IMAGE_SIZE);
    INVARIANT(file.workdir == NULL || json_string_value(file.workdir)[0] == '/');
    INVARIANT(file.command == NULL || json_array_size(file.command) > 0);
    container_file_deinit(&file);
    return 0;
}
