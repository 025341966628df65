/* core/crypto/merkle.h: the Merkle tree of RFC 6962/9162 over SHA-256, as arithmetic on hashes.
 *
 * Shape:   leaf = SHA-256(0x00 ‖ entry), node = SHA-256(0x01 ‖ left ‖ right); a tree of n leaves splits at the largest
 *          power of two below n; the empty tree's root is SHA-256 of nothing.
 * Frontier: one hash per set bit of the size: the roots of the perfect subtrees that make up the tree, largest first.
 *          Appending costs two hashes on average, the root at most 63.
 * Thread:  any; nothing here keeps state of its own.
 * Source:  RFC 9162 §2.1. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_MERKLE_H
#define CORE_CRYPTO_MERKLE_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/id.h"

#define MERKLE_HEIGHT_MAX 63
#define MERKLE_PROOF_MAX 64

struct merkle_frontier {
    uint64_t size;
    struct key32 hashes
        [MERKLE_HEIGHT_MAX]; /* hashes[h]: root of the perfect subtree of 2^h leaves, if bit h of size is set */
};

struct merkle_proof {
    size_t count;
    struct key32 hashes[MERKLE_PROOF_MAX]; /* nearest the leaf first */
};

struct key32 merkle_leaf(struct bytes entry);
struct key32 merkle_node(struct key32 left, struct key32 right);
struct key32 merkle_empty_root(void);

/* Told of every perfect subtree that the append completed: height 0 is the leaf itself. */
typedef void merkle_complete_cb(void *ctx, unsigned height, uint64_t index, struct key32 hash);
void merkle_append(struct merkle_frontier *frontier, struct key32 leaf,
                   merkle_complete_cb *complete, void *ctx);
struct key32 merkle_root(const struct merkle_frontier *frontier);

/* Where proofs get the roots of perfect subtrees: 2^height leaves from index × 2^height on. */
struct merkle_source {
    enum err_code (*node)(void *ctx, unsigned height, uint64_t index, struct key32 *ret,
                          struct err *err);
    void *ctx;
};

/* Root of the first `size` leaves. */
MUST_CHECK enum err_code merkle_source_root(const struct merkle_source *source, uint64_t size,
                                            struct key32 *ret, struct err *err);
/* index < size. */
MUST_CHECK enum err_code merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
                                                uint64_t size, struct merkle_proof *ret,
                                                struct err *err);
/* old_size ≤ size; 0 and equal sizes have the empty proof. */
MUST_CHECK enum err_code merkle_prove_consistency(const struct merkle_source *source,
                                                  uint64_t old_size, uint64_t size,
                                                  struct merkle_proof *ret, struct err *err);

bool merkle_verify_inclusion(const struct merkle_proof *proof, uint64_t index, uint64_t size,
                             struct key32 leaf, struct key32 root);
bool merkle_verify_consistency(const struct merkle_proof *proof, uint64_t old_size, uint64_t size,
                               struct key32 old_root, struct key32 root);

#endif
