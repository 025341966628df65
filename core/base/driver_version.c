// SPDX-License-Identifier: Apache-2.0
#include "core/base/driver_version.h"

#include "core/base/invariant.h"

#include <stdio.h>

bool driver_version_parse(struct bytes text, uint64_t *ret)
{
    uint64_t parts[3] = {0};
    size_t part = 0;
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9' && digits < 3) {
            parts[part] = parts[part] * 10 + (uint64_t)(c - '0');
            digits++;
        } else if (c == '.' && digits > 0 && part < 2) {
            part++;
            digits = 0;
        } else {
            return false;
        }
    }
    if (digits == 0 || parts[0] == 0) {
        return false;
    }
    *ret = parts[0] * 1000000 + parts[1] * 1000 + parts[2];
    return true;
}

void driver_version_format(uint64_t version, char ret_text[DRIVER_VERSION_TEXT_SIZE])
{
    INVARIANT(version <= DRIVER_VERSION_MAX);
    unsigned major = (unsigned)(version / 1000000);
    unsigned minor = (unsigned)(version / 1000 % 1000);
    unsigned patch = (unsigned)(version % 1000);
    if (patch == 0) {
        (void)snprintf(ret_text, DRIVER_VERSION_TEXT_SIZE, "%u.%02u", major, minor);
    } else { /* NVIDIA writes the last part with two digits */
        (void)snprintf(ret_text, DRIVER_VERSION_TEXT_SIZE, "%u.%u.%02u", major, minor, patch);
    }
}
