/* tools/tally/chain_reader.h: questions to the Qubic network from the command line, each waited for.
 *
 * Retries: what may pass by itself (no answer, overloaded, not understood) is asked again a few times, ever later.
 * Trust:   as core/qubic/client.h; and every transaction of an identity must bear its source's signature, so that an archive can hide a
 *          payment but not invent one.
 * Thread:  one at a time, any; each reader has a loop of its own. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_CHAIN_READER_H
#define TOOLS_TALLY_CHAIN_READER_H

#include "core/qubic/client.h"

struct chain_reader;

/* The URLs must live as long as the reader. */
MUST_CHECK enum err_code chain_reader_open(const char *live_url, const char *query_url,
                                           struct chain_reader **ret, struct err *err);
void chain_reader_close(struct chain_reader *reader);

MUST_CHECK enum err_code chain_reader_tick(struct chain_reader *reader, uint32_t *ret,
                                           struct err *err);
/* The last tick the archive has. */
MUST_CHECK enum err_code chain_reader_processed(struct chain_reader *reader, uint32_t *ret,
                                                struct err *err);
MUST_CHECK enum err_code chain_reader_balance(struct chain_reader *reader,
                                              const struct key32 *identity,
                                              struct qubic_balance *ret, struct err *err);
/* ERR_NOT_FOUND: the archive says that it does not know it. */
MUST_CHECK enum err_code chain_reader_transaction(struct chain_reader *reader,
                                                  const struct key32 *hash,
                                                  struct qubic_archived_transaction *ret,
                                                  struct err *err);
/* Sent once and never again by itself. ERR_TIMEOUT: unknown whether it was sent. */
MUST_CHECK enum err_code chain_reader_broadcast(struct chain_reader *reader,
                                                const struct qubic_transaction *tx,
                                                struct err *err);

typedef enum err_code chain_reader_each(void *ctx, const struct qubic_archived_transaction *tx,
                                        struct err *err);
/* Every transaction from or to `identity` up to and with tick `until`, newest first; one may come twice. ERR_UNAVAILABLE when the archive's
 * list does not reach that tick. */
MUST_CHECK enum err_code chain_reader_identity(struct chain_reader *reader,
                                               const struct key32 *identity, uint32_t until,
                                               chain_reader_each *each, void *ctx, struct err *err);

#endif
