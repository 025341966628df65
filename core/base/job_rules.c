// SPDX-License-Identifier: Apache-2.0
#include "core/base/job_rules.h"

#include "core/base/text.h"

#include <string.h>
#include <strings.h>

bool job_variable_name_is_good(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= JOB_VARIABLE_NAME_MAX && !(name[0] >= '0' && name[0] <= '9') &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

bool job_result_name_is_good(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > JOB_RESULT_NAME_MAX || !utf8_is_valid(bytes_of(name, size))) {
        return false;
    }
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        for (size_t i = 0; i < length; i++) {
            if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f || part[i] == '\\') {
                return false;
            }
        }
        part += length;
        if (*part == '\0') {
            return true;
        }
    }
}

bool job_image_name_is_good(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= JOB_IMAGE_NAME_MAX && name[0] != '-' &&
           strcasecmp(name, "scratch") != 0 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:@") ==
               size;
}
