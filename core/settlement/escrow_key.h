/* core/settlement/escrow_key.h: each escrow's own Qubic identity, and the one that anchors, from the operator's seed. Forever.
 *
 *     stream = K12(operator seed (55 letters) ‖ "tallystick escrow v1" ‖ network u8 ‖ log id (16) ‖ key id u64 BE ‖ escrow id (16))
 *              for anchoring: the same with "tallystick anchor v1" and without an escrow id
 *     seed   = the first 55 letters 'a' + byte mod 26 over the stream's bytes below 234
 *
 * The seed is 55 letters, so the operator can import any escrow into any wallet if all else fails.
 * Secrets: wipe keys and seeds after use.
 * Source:  docs/record-format.md, section 7. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_ESCROW_KEY_H
#define CORE_SETTLEMENT_ESCROW_KEY_H

#include "core/qubic/identity.h"

#include "core/event/kinds.h"

/* A log's keys are numbered 1, 2, 3, … as they are added; each is of a seed of its own. */
#define OPERATOR_KEYS_MAX 64

struct operator_key {
    char seed[QUBIC_SEED_SIZE]; /* secret */
    enum network network;
    struct id16 log_id;
    uint64_t key_id;
};

void escrow_seed_derive(const struct operator_key *operator_key, struct id16 escrow_id,
                        char ret_seed[QUBIC_SEED_SIZE]);
void escrow_keys_derive(const struct operator_key *operator_key, struct id16 escrow_id,
                        struct qubic_keys *ret);
/* Of the identity that puts checkpoints on the chain: no escrow's, so that it can neither pay nor lose what is held for others. */
void anchor_keys_derive(const struct operator_key *operator_key, struct qubic_keys *ret);
/* The identity of escrow id zero: published in settlement.key_added, so that a wrong seed is noticed before it is used. */
struct key32 operator_check_identity(const struct operator_key *operator_key);

#endif
