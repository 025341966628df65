/* worker/models.h: the folder of models that the provider shows to jobs.
 *
 * Shape:   as Hugging Face's hub keeps its cache, "models--org--name" with the snapshot that refs/main names: the model "org/name"; and folders as diffusers and
 *          transformers save them, with a model_index.json or a config.json in them: "name" of DIR/name, "org/name" of DIR/org/name. How a job sees them: sandbox_models.h.
 * Looked:  at in a sandbox, so a model is told when a job can read each file of it, and links that lead out of DIR lead nowhere.
 * Thread:  main, before the loop; waits for the sandbox, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_MODELS_H
#define WORKER_MODELS_H

#include "core/base/buf.h"
#include "worker/machine.h"

#include <limits.h>

#define MODELS_CLOSED_MAX ((size_t)1 << 20) /* bytes of what is said of those that are not told */

/* The folder by its one path. Jobs read what is in it, so it must not have the worker's own folder in it, nor be in that, nor have a
 * hub's token in it, nor more than jobs can be shown. ERR_INVALID says what is wrong. */
MUST_CHECK enum err_code models_resolve(const char *models, const char *state, char ret[PATH_MAX],
                                        struct err *err);
/* Append the names as a list of software.h, sorted; `ret_closed`: a line for each model that is not told, with why. */
MUST_CHECK enum err_code models_find(const char *models, const char *state,
                                     const struct machine *machine, struct buf *ret_list,
                                     struct buf *ret_closed, struct err *err);

#endif
