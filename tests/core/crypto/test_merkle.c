/* The tree and its proofs. Method: the public test leaves and roots of RFC 6962 implementations; then every proof of every
 * tree up to 70 leaves accepted, and every one-bit change of it refused. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/crypto/merkle.h"
#include "core/crypto/note.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

#define LEAVES 70

struct tree {
    struct key32 nodes[8][LEAVES]; /* perfect subtrees by height and index */
    struct merkle_frontier frontier;
};

static void record_cb(void *ctx, unsigned height, uint64_t index, struct key32 hash)
{
    struct tree *tree = ctx;
    tree->nodes[height][index] = hash;
}

static enum err_code node_cb(void *ctx, unsigned height, uint64_t index, struct key32 *ret,
                             struct err *err)
{
    (void)err;
    *ret = ((struct tree *)ctx)->nodes[height][index];
    return ERR_OK;
}

static void the_public_test_vectors_hold(void **state)
{
    (void)state;
    static const char *const LEAF_HEX[] = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
    static const char *const ROOT_HEX[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    struct tree tree = {0};
    char hex[65];
    hex_encode(bytes_of(merkle_root(&tree.frontier).b, 32), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        uint8_t leaf[16];
        size_t size = strlen(LEAF_HEX[i]) / 2;
        assert_int_equal(hex_decode(bytes_of_text(LEAF_HEX[i]), leaf, size, NULL), ERR_OK);
        merkle_append(&tree.frontier, merkle_leaf(bytes_of(leaf, size)), record_cb, &tree);
        hex_encode(bytes_of(merkle_root(&tree.frontier).b, 32), hex);
        assert_string_equal(hex, ROOT_HEX[i]);
    }
    struct merkle_source source = {node_cb, &tree};
    struct merkle_proof proof;
    assert_int_equal(merkle_prove_inclusion(&source, 5, 8, &proof, NULL), ERR_OK);
    assert_int_equal(proof.count, 3);
    hex_encode(bytes_of(proof.hashes[0].b, 32), hex);
    assert_string_equal(hex, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
    assert_int_equal(merkle_prove_consistency(&source, 6, 8, &proof, NULL), ERR_OK);
    assert_int_equal(proof.count, 3);
    hex_encode(bytes_of(proof.hashes[0].b, 32), hex);
    assert_string_equal(hex, "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a");
}

static void flip_and_refuse(struct merkle_proof *proof, uint64_t a, uint64_t b, struct key32 first,
                            struct key32 second,
                            bool (*verify)(const struct merkle_proof *, uint64_t, uint64_t,
                                           struct key32, struct key32))
{
    for (size_t i = 0; i < proof->count; i++) {
        uint8_t *byte = &proof->hashes[i].b[(a + b + i) % 32];
        *byte ^= 4;
        assert_false(verify(proof, a, b, first, second));
        *byte ^= 4;
    }
    if (proof->count > 0) {
        proof->count--;
        assert_false(verify(proof, a, b, first, second));
        proof->count++;
    }
    struct merkle_proof longer = *proof;
    longer.hashes[longer.count++] = first;
    assert_false(verify(&longer, a, b, first, second));
}

static void honest_proofs_hold_and_changed_ones_do_not(void **state)
{
    (void)state;
    struct tree tree = {0};
    struct key32 leaves[LEAVES];
    struct key32 roots[LEAVES + 1];
    roots[0] = merkle_empty_root();
    struct merkle_source source = {node_cb, &tree};
    for (uint64_t size = 1; size <= LEAVES; size++) {
        uint8_t entry[8];
        put_be64(entry, size * 77);
        leaves[size - 1] = merkle_leaf(bytes_of(entry, sizeof entry));
        merkle_append(&tree.frontier, leaves[size - 1], record_cb, &tree);
        roots[size] = merkle_root(&tree.frontier);
        struct key32 again;
        assert_int_equal(merkle_source_root(&source, size, &again, NULL), ERR_OK);
        assert_true(key_equal(again, roots[size]));
        for (uint64_t i = 0; i < size; i++) {
            struct merkle_proof proof;
            assert_int_equal(merkle_prove_inclusion(&source, i, size, &proof, NULL), ERR_OK);
            assert_true(merkle_verify_inclusion(&proof, i, size, leaves[i], roots[size]));
            flip_and_refuse(&proof, i, size, leaves[i], roots[size], merkle_verify_inclusion);
            struct key32 wrong = merkle_node(leaves[i], leaves[i]);
            assert_false(merkle_verify_inclusion(&proof, i, size, wrong, roots[size]));
        }
        for (uint64_t old = 0; old <= size; old++) {
            struct merkle_proof proof;
            assert_int_equal(merkle_prove_consistency(&source, old, size, &proof, NULL), ERR_OK);
            assert_true(merkle_verify_consistency(&proof, old, size, roots[old], roots[size]));
            if (old > 0) {
                flip_and_refuse(&proof, old, size, roots[old], roots[size],
                                merkle_verify_consistency);
            }
        }
    }
}

static void a_note_opens_only_as_it_was_signed(void **state)
{
    (void)state;
    struct note_key key;
    struct note_key other;
    note_key_generate(&key);
    note_key_generate(&other);
    struct checkpoint checkpoint = {.size = 70000};
    rng_bytes(checkpoint.root.b, 32);
    struct buf note;
    buf_init(&note, 4096);
    checkpoint_sign(&note, "tally.example/log", checkpoint, &key);
    struct checkpoint back;
    struct err err;
    assert_int_equal(
        checkpoint_open(buf_bytes(&note), "tally.example/log", key.public_key, &back, &err),
        ERR_OK);
    assert_int_equal(back.size, 70000);
    assert_true(key_equal(back.root, checkpoint.root));
    assert_int_not_equal(
        checkpoint_open(buf_bytes(&note), "tally.example/log", other.public_key, &back, &err),
        ERR_OK);
    assert_int_not_equal(
        checkpoint_open(buf_bytes(&note), "tally.example/other", key.public_key, &back, &err),
        ERR_OK);
    for (size_t i = 0; i < note.size; i++) {
        note.data[i] ^= 1;
        assert_int_not_equal(
            checkpoint_open(buf_bytes(&note), "tally.example/log", key.public_key, &back, NULL),
            ERR_OK);
        note.data[i] ^= 1;
        assert_int_not_equal(checkpoint_open(bytes_of(note.data, i), "tally.example/log",
                                             key.public_key, &back, NULL),
                             ERR_OK);
    }
    buf_deinit(&note);
}

static void a_published_verifier_key_has_our_key_id(void **state)
{
    (void)state;
    /* The example of the signed-note specification. */
    static const char TEXT[] =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    struct buf typed;
    buf_init(&typed, 33);
    assert_int_equal(base64_decode(bytes_of_text(strrchr(TEXT, '+') + 1), &typed, NULL), ERR_OK);
    struct key32 public_key;
    memcpy(public_key.b, typed.data + 1, 32);
    struct buf text;
    buf_init(&text, 200);
    note_append_verifier_key(&text, "example.com/foo", public_key);
    assert_string_equal(buf_text(&text), TEXT);
    buf_deinit(&text);
    buf_deinit(&typed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_test_vectors_hold),
        cmocka_unit_test(honest_proofs_hold_and_changed_ones_do_not),
        cmocka_unit_test(a_note_opens_only_as_it_was_signed),
        cmocka_unit_test(a_published_verifier_key_has_our_key_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
