/* projections/tokens.h: which tokens an account was given, newest first. What they are worth now is in the write model.
 *
 * Shape:   account (16) ‖ sequence of token.issued (8) → hash of the token. The operator's own tokens are those of account zero. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_TOKENS_H
#define PROJECTIONS_TOKENS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_TOKENS;

struct token_entry {
    uint64_t issued_sequence;
    struct key32 token_hash;
};

/* Up to `max` tokens issued before `before` (0: from the newest), descending. */
size_t tokens_list(struct store *store, struct id16 account_id, uint64_t before,
                   struct token_entry *ret, size_t max);

#endif
