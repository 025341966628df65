/* worker/name_list.h: names as an offer tells them: sorted, each once, no more than an offer takes.
 *
 * Shape:   of more than NAME_LIST_MAX the last are left out, and of a text that would be longer than SOFTWARE_LIST_MAX likewise.
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NAME_LIST_H
#define WORKER_NAME_LIST_H

#include "core/base/software.h"

#define NAME_LIST_MAX 64
#define NAME_LIST_NAME_SIZE (JOB_IMAGE_NAME_MAX + 8)

/* Zeroed, it is empty. */
struct name_list {
    size_t count;
    size_t left_out; /* names that there was no place for */
    char names[NAME_LIST_MAX][NAME_LIST_NAME_SIZE];
};

/* A name that is longer than NAME_LIST_NAME_SIZE has no place. */
void name_list_add(struct name_list *list, struct bytes name);
/* Append them, with one space between; what does not fit is counted in `left_out`. */
void name_list_text(struct name_list *list, struct buf *ret);

#endif
