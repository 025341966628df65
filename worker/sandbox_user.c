/* worker/sandbox_user.c: the process number makes it this worker's, a count makes it this sandbox's. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox_user.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define SANDBOXES 64U /* of one worker at once, at most; a process number is less than 2^22 */

/* Whether the kernel knows all those numbers in this user namespace. */
static bool all_mapped(void)
{
    unsigned long inside;
    unsigned long outside;
    unsigned long count;
    bool found = false;
    FILE *map = fopen("/proc/self/uid_map", "re");
    while (map != NULL && !found && /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
           fscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3) {
        found = inside <= SANDBOX_USER_FIRST && count > SANDBOX_USER_LAST - inside;
    }
    if (map != NULL) {
        (void)fclose(map);
    }
    return found;
}

uid_t sandbox_user_new(void)
{
    static atomic_uint made;
    if (geteuid() != 0) {
        return SANDBOX_USER_SAME;
    }
    if (!all_mapped()) {
        return SANDBOX_USER_SHARED;
    }
    return SANDBOX_USER_FIRST |
           (((unsigned)getpid() * SANDBOXES + atomic_fetch_add(&made, 1U) % SANDBOXES) &
            (SANDBOX_USER_LAST - SANDBOX_USER_FIRST));
}
