/* worker/code_pages.h: the program's code, out of its memory.
 *
 * Why:     two thirds of what an idle worker has in memory is code of libraries that only its start ran: TLS, the parsers of a certificate store, a benchmark.
 * Shape:   pages that are as they are in their files are forgotten; those that are run come back from there (from the page cache, mostly).
 * Thread:  any, while others run. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CODE_PAGES_H
#define WORKER_CODE_PAGES_H

void code_pages_forget(void);

#endif
