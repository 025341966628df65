/* tools/devchain/journal.h: the chain's file: records one after another, each on disk before the next.
 *
 *   record = payload size u32 LE | K12(payload) 32 | payload
 *
 * Torn:    a crash can leave one unfinished record at the end; opening cuts it off and says so in the trace.
 *          A broken record with others behind it is ERR_CORRUPT, never cut.
 * Thread:  journal_append from one thread at a time, any thread. One process: the file is locked. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_JOURNAL_H
#define TOOLS_DEVCHAIN_JOURNAL_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#define JOURNAL_PAYLOAD_MAX ((size_t)16 << 20)

struct journal;

/* Called for each record in order while opening; an error ends the opening. */
typedef enum err_code (*journal_replay_cb)(void *ctx, struct bytes payload, struct err *err);

/* Create the file if it is missing, replay it, cut a torn tail.
 * Errors: ERR_CONFLICT (locked by another process), ERR_CORRUPT, ERR_IO, ERR_FULL, ERR_NOMEM. */
MUST_CHECK enum err_code journal_open(const char *path, journal_replay_cb on_record, void *ctx,
                                      struct journal **ret, struct err *err);
void journal_close(struct journal *journal);
/* Synced to disk when this returns ERR_OK. After an error nothing more may be appended: what is on disk is
 * unknown until the file is opened again. */
MUST_CHECK enum err_code journal_append(struct journal *journal, struct bytes payload,
                                        struct err *err);

#endif
