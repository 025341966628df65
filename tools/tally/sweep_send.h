/* tools/tally/sweep_send.h: one sweep transaction, from its signature to its end.
 *
 *     sign ─▶ write to <data>/sweep.transaction, synced ─▶ send those bytes ─▶ wait until its tick has passed ─▶ remove the file
 *
 * So no second one is signed while a first may still run, whenever this program dies: the next run first waits for the one in the file. The data
 * directory's lock is held throughout: no server signs for the same identity meanwhile.
 * Secrets: wipe the keys with operator_keys_wipe. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_SWEEP_SEND_H
#define TOOLS_TALLY_SWEEP_SEND_H

#include "core/settlement/escrow_key.h"
#include "tools/tally/escrow_look.h"

/* ERR_BUSY while a server has the directory. Close the descriptor to give it back. */
MUST_CHECK enum err_code sweep_lock(const char *data, int *ret_fd, struct err *err);

struct operator_keys { /* of one log, in the order of their ids */
    struct operator_key list[OPERATOR_KEYS_MAX];
    size_t count;
};
/* From <data>/keys.sealed: the seeds that give what the log published, among them the newest key's. */
MUST_CHECK enum err_code sweep_keys_load(const char *data, const char *passphrase_file,
                                         const struct book *book, struct operator_keys *ret,
                                         struct err *err);
void operator_keys_wipe(struct operator_keys *keys);
/* NULL: its seed is not there. */
const struct operator_key *operator_keys_find(const struct operator_keys *keys, uint64_t key_id);

struct sweep_outcome {
    struct key32 tx_id;
    uint32_t tick;
    int64_t amount;
    bool moved; /* false: it was not included, or moved nothing; it can never run any more */
};

/* Wait for a transaction that an earlier run left; `*ret_found` false: there is none. */
MUST_CHECK enum err_code sweep_finish_earlier(const char *data, struct chain_reader *chain,
                                              bool *ret_found, struct sweep_outcome *ret,
                                              struct err *err);
/* `amount` from a done escrow's identity to `to`. */
MUST_CHECK enum err_code sweep_send(const char *data, const struct operator_key *key,
                                    const struct book *book, const struct book_escrow *escrow,
                                    const struct key32 *to, int64_t amount,
                                    struct chain_reader *chain, struct sweep_outcome *ret,
                                    struct err *err);

#endif
