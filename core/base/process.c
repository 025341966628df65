// SPDX-License-Identifier: Apache-2.0
#include "core/base/process.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Its search for leaks looks into the program from outside. */
#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SEARCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SEARCHED 1
#endif
#endif
#ifndef LEAKS_ARE_SEARCHED
#define LEAKS_ARE_SEARCHED 0
#endif

enum err_code process_keep_secrets(struct err *err)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) != 0) {
        return err_set_errno(err, errno, "refuse core files");
    }
    /* also where cores go to a program (core_pattern with a pipe), which no limit stops */
    if (!LEAKS_ARE_SEARCHED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return err_set_errno(err, errno, "hide the memory from other processes");
    }
    return ERR_OK;
}
