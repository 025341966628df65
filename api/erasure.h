/* api/erasure.h: what is private of an upload or a job, and the files that only it names, gone from the log and from the disk.
 *
 *     pool: list private parts (ERASE_PARTS_MAX), mark the store ─▶ command ─▶ log: event and deletion, at once ─▶ pool: remove files ─┬▶ the next parts
 *                                                                                                                                     └▶ answer
 *
 * Once:    whoever asks again gets the first answer. Who was not answered asks again: what has gone stays gone, and the rest follows.
 * Crash:   the mark is in the store before the command, so the next start looks for files that no record names any more (blob_holds.h).
 * Cost:    ERASURES_RUNNING_MAX on the thread pool at a time, the others wait for their turn.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_ERASURE_H
#define API_ERASURE_H

#include "api/call.h"

#define ERASURES_RUNNING_MAX 2

/* Erase the upload or job (`kind`) of the call's path, which the caller may have erased and which was not. Takes the call. */
void erasure_begin(struct call *call, enum stream_kind kind);
/* What is there to say of one that was: {"erased_at","freed","sequence"}; null if it was not. */
json_t *json_of_erasure(struct reading *reading, enum stream_kind kind, struct id16 id);

#endif
