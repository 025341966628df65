/* tests/support/qubic_vectors.h: reading tests/data/qubic-vectors.json, and counting what was checked.
 *
 * A test takes one array with `vectors_open`, goes through it, and ends with `vectors_close(checked)`, which
 * prints the count and fails unless it equals what the file itself says it holds. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_QUBIC_VECTORS_H
#define TESTS_SUPPORT_QUBIC_VECTORS_H

#include "core/base/bytes.h"
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vectors {
    json_t *root;
    json_t *array; /* borrowed from root */
    const char *name;
    size_t checked;
};

static inline struct vectors vectors_open_file(const char *path, const char *name)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    json_t *array = json_object_get(root, name);
    assert_true(json_is_array(array));
    return (struct vectors){.root = root, .array = array, .name = name};
}

static inline struct vectors vectors_open(const char *name)
{
    return vectors_open_file(TALLY_SOURCE_DIR "/tests/data/qubic-vectors.json", name);
}

/* tests/data/qubic-mixed-order.json: keys with a low-order part. `validInQubicCore` is what the network's own verification
 * said, qubic/core at 45f5d6d9, compiled and run on each. */
static inline struct vectors vectors_open_mixed_order(void)
{
    return vectors_open_file(TALLY_SOURCE_DIR "/tests/data/qubic-mixed-order.json", "mixedOrder");
}

static inline void vectors_close(struct vectors *vectors)
{
    json_t *counts = json_object_get(vectors->root, "counts");
    json_int_t expected = json_integer_value(json_object_get(counts, vectors->name));
    printf("vectors %s: %zu checked of %lld\n", vectors->name, vectors->checked,
           (long long)expected);
    assert_int_equal(vectors->checked, expected);
    assert_true(vectors->checked > 0);
    json_decref(vectors->root);
}

static inline const char *vector_text(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));
    if (text == NULL) {
        fail_msg("vector lacks the text field %s", field);
    }
    return text;
}

/* Exactly `size` bytes of hex. */
static inline void vector_hex(const json_t *row, const char *field, uint8_t *ret, size_t size)
{
    assert_int_equal(hex_decode(bytes_of_text(vector_text(row, field)), ret, size, NULL), ERR_OK);
}

/* Hex of any length into fresh memory; the caller frees. */
static inline uint8_t *vector_blob(const json_t *row, const char *field, size_t *ret_size)
{
    const char *text = vector_text(row, field);
    *ret_size = strlen(text) / 2;
    uint8_t *blob = malloc(*ret_size + 1);
    assert_non_null(blob);
    vector_hex(row, field, blob, *ret_size);
    return blob;
}

#endif
