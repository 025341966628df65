/* worker/stock.h: what a job may need to find on a machine, and this one has: Python packages, models, container images.
 *
 * Shape:   lists of software.h, as state.h keeps them and an offer tells them. What could not be found out is "": of packages that says "not told", of the others
 *          "none".
 * Thread:  main, before the loop; waits for sandboxes and whoever has the images, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_STOCK_H
#define WORKER_STOCK_H

#include "core/base/software.h"

#include <stdbool.h>

struct job_kinds;
struct machine;

struct stock {
    char packages[SOFTWARE_LIST_MAX + 1];
    char models[SOFTWARE_LIST_MAX + 1];
    char images[SOFTWARE_LIST_MAX + 1];
};

/* Look; the trace says what was found, and why not. */
void stock_find(const char *state, const struct machine *machine, const struct job_kinds *kinds,
                struct stock *ret);
bool stock_equal(const struct stock *a, const struct stock *b);
/* Append the members of an offer: ,"packages":{"python":"3.11.2"},"models":["org/name"],"images":["python:3.11-slim"] */
void stock_json(const struct stock *stock, struct buf *ret);
/* The names of a list for people, with ", " between. */
void stock_words(const char *list, struct buf *ret);

#endif
