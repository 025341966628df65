/* worker/sandbox_arguments.h: what bubblewrap is told, for sandbox.c only.
 *
 * Thread:  any; looks at the machine's /bin and its like, otherwise pure.
 * Source:  bwrap(1), version 0.8. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SANDBOX_ARGUMENTS_H
#define WORKER_SANDBOX_ARGUMENTS_H

#include "worker/sandbox.h"

/* Numbers of open files in the child; -1 leaves the part out. */
struct sandbox_fds {
    int passwd;
    int group;
    int seccomp;
    int runner;
    int go;       /* the program begins when this can be read */
    int resolver; /* /etc/resolv.conf of a sandbox with a network */
    int hosts;
    int models; /* names the snapshot of a model that lies as a folder */
};

/* Where bwrap finds the folders of the options, which is not where they are if it could not get there. */
struct sandbox_sources {
    const char *folder;
    const char *root;
    const char *models;
};

/* The arguments for bwrap --args, each with a zero behind it. */
MUST_CHECK enum err_code sandbox_arguments(const struct sandbox_options *options,
                                           const struct sandbox_sources *sources,
                                           const struct sandbox_fds *fds, struct buf *ret,
                                           struct err *err);

#endif
