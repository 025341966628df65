// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/merkle.h"

#include "core/base/invariant.h"
#include "core/crypto/sha256.h"

#include <string.h>

struct key32 merkle_leaf(struct bytes entry)
{
    static const uint8_t PREFIX = 0x00;
    return sha256_of_two(bytes_of(&PREFIX, 1), entry);
}

struct key32 merkle_node(struct key32 left, struct key32 right)
{
    uint8_t input[65] = {0x01};
    memcpy(input + 1, left.b, 32);
    memcpy(input + 33, right.b, 32);
    return sha256_of(bytes_of(input, sizeof input));
}

struct key32 merkle_empty_root(void)
{
    return sha256_of((struct bytes){0});
}

void merkle_append(struct merkle_frontier *frontier, struct key32 leaf,
                   merkle_complete_cb *complete, void *ctx)
{
    INVARIANT(frontier->size < UINT64_C(1) << (MERKLE_HEIGHT_MAX - 1));
    struct key32 hash = leaf;
    unsigned height = 0;
    uint64_t index = frontier->size;
    for (;;) {
        if (complete != NULL) {
            complete(ctx, height, index, hash);
        }
        if ((frontier->size >> height & 1) == 0) {
            break;
        }
        hash = merkle_node(frontier->hashes[height], hash);
        height++;
        index >>= 1;
    }
    frontier->hashes[height] = hash;
    frontier->size++;
}

struct key32 merkle_root(const struct merkle_frontier *frontier)
{
    if (frontier->size == 0) {
        return merkle_empty_root();
    }
    unsigned height = (unsigned)__builtin_ctzll(frontier->size);
    struct key32 root = frontier->hashes[height];
    for (height++; height < MERKLE_HEIGHT_MAX; height++) {
        if (frontier->size >> height & 1) {
            root = merkle_node(frontier->hashes[height], root);
        }
    }
    return root;
}

/* Root of leaves [start, end), where start is a multiple of the largest power of two ≤ end − start. */
static enum err_code range_root(const struct merkle_source *source, uint64_t start, uint64_t end,
                                struct key32 *ret, struct err *err)
{
    INVARIANT(start < end);
    /* The perfect subtrees from the right: fold them together from the smallest. */
    bool have = false;
    struct key32 root = {0};
    uint64_t at = end;
    while (at > start) {
        unsigned height = (unsigned)__builtin_ctzll(at - start);
        uint64_t width = UINT64_C(1) << height;
        struct key32 hash;
        enum err_code code = source->node(source->ctx, height, (at - width) >> height, &hash, err);
        if (code != ERR_OK) {
            return code;
        }
        root = have ? merkle_node(hash, root) : hash;
        have = true;
        at -= width;
    }
    *ret = root;
    return ERR_OK;
}

enum err_code merkle_source_root(const struct merkle_source *source, uint64_t size,
                                 struct key32 *ret, struct err *err)
{
    if (size == 0) {
        *ret = merkle_empty_root();
        return ERR_OK;
    }
    return range_root(source, 0, size, ret, err);
}

static uint64_t split(uint64_t size)
{
    return UINT64_C(1) << (63 - (unsigned)__builtin_clzll(size - 1));
}

/* From the root down, siblings are found farthest first; the proof wants them nearest first. */
static void reverse(struct merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct key32 kept = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = kept;
    }
}

static enum err_code push(const struct merkle_source *source, uint64_t start, uint64_t end,
                          struct merkle_proof *proof, struct err *err)
{
    INVARIANT(proof->count < MERKLE_PROOF_MAX);
    struct key32 hash;
    enum err_code code = range_root(source, start, end, &hash, err);
    if (code == ERR_OK) {
        proof->hashes[proof->count++] = hash;
    }
    return code;
}

enum err_code merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
                                     uint64_t size, struct merkle_proof *ret, struct err *err)
{
    if (index >= size) {
        return err_set(err, ERR_INVALID, "leaf %llu is not in a tree of %llu",
                       (unsigned long long)index, (unsigned long long)size);
    }
    struct merkle_proof proof = {0};
    uint64_t start = 0;
    uint64_t end = size;
    while (end - start > 1) {
        uint64_t middle = start + split(end - start);
        enum err_code code = index < middle ? push(source, middle, end, &proof, err)
                                            : push(source, start, middle, &proof, err);
        if (code != ERR_OK) {
            return code;
        }
        if (index < middle) {
            end = middle;
        } else {
            start = middle;
        }
    }
    reverse(&proof);
    *ret = proof;
    return ERR_OK;
}

enum err_code merkle_prove_consistency(const struct merkle_source *source, uint64_t old_size,
                                       uint64_t size, struct merkle_proof *ret, struct err *err)
{
    if (old_size > size) {
        return err_set(err, ERR_INVALID, "a tree of %llu has no past of %llu",
                       (unsigned long long)size, (unsigned long long)old_size);
    }
    struct merkle_proof proof = {0};
    uint64_t start = 0;
    uint64_t end = size;
    bool whole = true; /* [start, end) ∩ old is a whole subtree whose root the verifier knows */
    if (old_size == 0 || old_size == size) {
        *ret = proof;
        return ERR_OK;
    }
    while (old_size != end) {
        uint64_t middle = start + split(end - start);
        enum err_code code = ERR_OK;
        if (old_size <= middle) {
            code = push(source, middle, end, &proof, err);
            end = middle;
        } else {
            code = push(source, start, middle, &proof, err);
            start = middle;
            whole = false;
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    if (!whole) {
        enum err_code code = push(source, start, end, &proof, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    reverse(&proof);
    *ret = proof;
    return ERR_OK;
}

bool merkle_verify_inclusion(const struct merkle_proof *proof, uint64_t index, uint64_t size,
                             struct key32 leaf, struct key32 root)
{
    if (index >= size || proof->count > MERKLE_PROOF_MAX) {
        return false;
    }
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct key32 hash = leaf;
    for (size_t i = 0; i < proof->count; i++) {
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) != 0 || fn == sn) {
            hash = merkle_node(proof->hashes[i], hash);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            hash = merkle_node(hash, proof->hashes[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && key_equal(hash, root);
}

bool merkle_verify_consistency(const struct merkle_proof *proof, uint64_t old_size, uint64_t size,
                               struct key32 old_root, struct key32 root)
{
    if (old_size > size || proof->count > MERKLE_PROOF_MAX) {
        return false;
    }
    if (old_size == size) {
        return proof->count == 0 && key_equal(old_root, root);
    }
    if (old_size == 0) {
        return proof->count == 0 && key_equal(old_root, merkle_empty_root());
    }
    size_t next = 0;
    struct key32 first = old_root;
    if ((old_size & (old_size - 1)) != 0) { /* not a power of two: its root is not in the proof */
        if (proof->count == 0) {
            return false;
        }
        first = proof->hashes[next++];
    }
    uint64_t fn = old_size - 1;
    uint64_t sn = size - 1;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    struct key32 old_hash = first;
    struct key32 hash = first;
    for (; next < proof->count; next++) {
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) != 0 || fn == sn) {
            old_hash = merkle_node(proof->hashes[next], old_hash);
            hash = merkle_node(proof->hashes[next], hash);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            hash = merkle_node(hash, proof->hashes[next]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && key_equal(old_hash, old_root) && key_equal(hash, root);
}
