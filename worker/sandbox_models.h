/* worker/sandbox_models.h: what a program sees at /models.
 *
 *     /models/.folder              the provider's folder, read-only
 *     /models/ENTRY             -> .folder/ENTRY, for each that is in it
 *     and for each model that an offer tells, so that its one name does for both ways in which a script names it:
 *     /models/org/name          -> the snapshot, of one that lies in a hub's cache
 *     /models/models--org--name    refs/main, snapshots/main -> /models/org/name, of one that lies there as a folder
 *
 * Rule:    what is in the provider's folder has its own name: nothing is put in the place of an entry.
 * Thread:  any; looks at the folder.
 * Source:  huggingface_hub, src/huggingface_hub/file_download.py and _snapshot_download.py: without a network the file refs/main names the folder in snapshots. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SANDBOX_MODELS_H
#define WORKER_SANDBOX_MODELS_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define SANDBOX_MODELS "/models"
#define SANDBOX_MODELS_FOLDER SANDBOX_MODELS "/.folder"
#define SANDBOX_MODELS_REVISION "main" /* what the file of `revision_fd` holds */

/* That are shown by their own names; each is three of the 9,000 words that bwrap takes. */
#define SANDBOX_MODELS_ENTRIES_MAX 2000

struct sandbox_models {
    const char *folder;
    const char *told; /* the models of it that offers tell, a list of software.h; NULL: none */
};

/* Append arguments for bwrap, which finds the folder at `source`; for sandbox_arguments.c. */
MUST_CHECK enum err_code sandbox_models_arguments(const struct sandbox_models *models,
                                                  const char *source, int revision_fd,
                                                  struct buf *ret, struct err *err);

#endif
