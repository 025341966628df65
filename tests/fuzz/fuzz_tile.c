/* What names and stores the tree: tile paths as anybody may ask for them (first byte 0), the stored frontier (1), and proofs (2): what parses has one
 * spelling and reads back; a proof that does not belong to its root does not verify. */
// SPDX-License-Identifier: Apache-2.0
#include "api/log_path.h"
#include "core/base/invariant.h"
#include "core/log/event_log_internal.h"
#include "tests/fuzz/fuzz_target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void check_path(struct bytes input)
{
    char text[256];
    char again[256];
    char index[64] = "";
    struct tile_path path;
    if (input.size >= sizeof text ||
        (input.size > 0 && memchr(input.data, 0, input.size) != NULL)) {
        return;
    }
    memcpy(text, input.size > 0 ? (const char *)input.data : "", input.size);
    text[input.size] = '\0';
    if (tile_path_parse(text, &path, NULL) != ERR_OK) {
        return;
    }
    INVARIANT(path.level <= TILE_LEVEL_MAX && path.width >= 1 && path.width <= TILE_WIDTH_MAX);
    INVARIANT(!path.is_entries || path.level == 0);
    uint64_t scale = 1;
    while (path.index / scale >= 1000) {
        scale *= 1000;
    }
    for (; scale > 0; scale /= 1000) {
        size_t const used = strlen(index);
        (void)snprintf(index + used, sizeof index - used, "%s%03" PRIu64 "%s", scale > 1 ? "x" : "",
                       path.index / scale % 1000, scale > 1 ? "/" : "");
    }
    int size = path.is_entries ? snprintf(again, sizeof again, "entries/%s", index)
                               : snprintf(again, sizeof again, "%u/%s", path.level, index);
    if (path.width < TILE_WIDTH_MAX) {
        (void)snprintf(again + size, sizeof again - (size_t)size, ".p/%zu", path.width);
    }
    INVARIANT(strcmp(text, again) == 0);
}

static void check_frontier(struct bytes stored)
{
    struct merkle_frontier frontier;
    if (!frontier_decode(stored, &frontier)) {
        return;
    }
    INVARIANT(stored.size >= 8 && get_be64(stored.data) == frontier.size);
    size_t at = 8;
    for (unsigned h = 0; h < MERKLE_HEIGHT_MAX; h++) {
        if (frontier.size >> h & 1) {
            INVARIANT(memcmp(stored.data + at, frontier.hashes[h].b, 32) == 0);
            at += 32;
        }
    }
    INVARIANT(at == stored.size);
    struct key32 const root = merkle_root(&frontier);
    INVARIANT(frontier.size != 0 || key_equal(root, merkle_empty_root()));
}

/* index u64, size u64, then hashes: leaf, root, proof. */
static void check_proof(struct bytes input)
{
    struct merkle_proof proof = {0};
    if (input.size < 16 + 64) {
        return;
    }
    uint64_t const index = get_be64(input.data);
    uint64_t const tree_size = get_be64(input.data + 8);
    struct key32 leaf;
    struct key32 root;
    memcpy(leaf.b, input.data + 16, 32);
    memcpy(root.b, input.data + 48, 32);
    struct bytes rest = bytes_from(input, 80);
    while (rest.size >= 32 && proof.count < MERKLE_PROOF_MAX) {
        memcpy(proof.hashes[proof.count++].b, rest.data, 32);
        rest = bytes_from(rest, 32);
    }
    bool const holds = merkle_verify_inclusion(&proof, index, tree_size, leaf, root);
    INVARIANT(!holds || index < tree_size);
    INVARIANT(!holds || proof.count > 0 || (tree_size == 1 && key_equal(leaf, root)));
    bool const grows = merkle_verify_consistency(&proof, index, tree_size, leaf, root);
    INVARIANT(!grows || index <= tree_size);
    root.b[0] ^= 1;
    INVARIANT(!holds || !merkle_verify_inclusion(&proof, index, tree_size, leaf, root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct bytes const rest = bytes_from(bytes_of(data, size), 1);
    if (data[0] % 3 == 0) {
        check_path(rest);
    } else if (data[0] % 3 == 1) {
        check_frontier(rest);
    } else {
        check_proof(rest);
    }
    return 0;
}
