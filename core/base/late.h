/* core/base/late.h: a shared library that is opened when something is first asked of it, and not when the program starts.
 *
 * Why:    libcurl and libarchive bring some thirty libraries with them. To bind those took three quarters of the time in which `tally estimate` answers, and it
 *         asks nothing of either.
 * Use:    the folder that owns a library has one file that defines the few functions it calls, under their own names, over pointers found here. So callers
 *         include the library's header and call it as ever, after that file's *_late_open.
 * Thread: any; who comes while it is being opened waits. What is open stays open.
 * Errors: ERR_UNAVAILABLE: it is not installed, or lacks a function; the next call tries again. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_LATE_H
#define CORE_BASE_LATE_H

#include "core/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct late_library {
    const char *file;    /* "libcurl.so.4" */
    const char *package; /* where it is found, for whoever does not have it */
    pthread_mutex_t mutex;
    bool is_open;
};
#define LATE_LIBRARY(file_, package_)                                                              \
    {                                                                                              \
        .file = (file_), .package = (package_), .mutex = PTHREAD_MUTEX_INITIALIZER                 \
    }

/* In front of such a definition: a program that is linked to the library all the same, as a test that makes archives, must not hand ours to it. */
#define LATE_PRIVATE __attribute__((visibility("hidden")))

struct late_function {
    const char *name;
    void *at; /* the function pointer to fill */
};

MUST_CHECK enum err_code late_open(struct late_library *library,
                                   const struct late_function *functions, size_t count,
                                   struct err *err);

#endif
