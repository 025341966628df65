// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

void invariant_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "level=fatal event=invariant.failed at=%s:%d what=\"%s\"\n", file, line,
                  what);
    abort();
}
