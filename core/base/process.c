// SPDX-License-Identifier: Apache-2.0
#include "core/base/process.h"

#include <errno.h>
#include <inttypes.h>
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

enum err_code process_want_descriptors(uint64_t wanted, struct err *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return err_set_errno(err, errno, "read the limit on open files");
    }
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            return err_set_errno(err, errno, "raise the limit on open files");
        }
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) {
        return ERR_OK;
    }
    return err_set(err, ERR_CONFLICT,
                   "at most %" PRIu64 " files and connections may be open here, %" PRIu64
                   " are wanted: raise the hard limit (ulimit -Hn, LimitNOFILE of systemd)",
                   (uint64_t)limit.rlim_cur, wanted);
}
