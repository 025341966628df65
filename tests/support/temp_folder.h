/* A folder of a test's own under /tmp, removed at the end. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_TEMP_FOLDER_H
#define TESTS_SUPPORT_TEMP_FOLDER_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const char *temp_folder_create(char ret[64])
{
    (void)strcpy(ret, "/tmp/tally-test-XXXXXX"); /* NOLINT: fits */
    if (mkdtemp(ret) == NULL) {
        abort();
    }
    return ret;
}

static inline void temp_folder_remove(const char *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) { /* NOLINT(cert-env33-c): our own folder */
        abort();
    }
}

#endif
