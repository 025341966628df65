/* worker/frameworks.h: what a job may import on this machine: its Python, and of the packages of software.h those that are there.
 *
 * Asked:   in a sandbox, since that is what a job sees: /usr and nothing of anybody's home. Nothing of theirs is imported: Python finds them
 *          (importlib's find_spec), and their metadata says which version they are.
 * Thread:  main, before the loop; waits for the sandbox, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_FRAMEWORKS_H
#define WORKER_FRAMEWORKS_H

#include "core/base/buf.h"
#include "worker/machine.h"

/* Append them as a list of software.h, Python first: "python=3.11.2 torch=1.13.1 cv2"; one without metadata has no version. ERR_UNAVAILABLE: jobs find no Python. */
MUST_CHECK enum err_code frameworks_find(const char *state, const struct machine *machine,
                                         struct buf *ret_list, struct err *err);
/* Such a list for people: "3.11.2 with torch 1.13.1, cv2". */
void frameworks_words(struct bytes list, struct buf *ret);
/* As an offer has it: {"python":"3.11.2","torch":"1.13.1","cv2":""}. */
void frameworks_json(struct bytes list, struct buf *ret);

#endif
