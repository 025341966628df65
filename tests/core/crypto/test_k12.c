/* KangarooTwelve against the project's vectors and the RFC's, in one piece and in many. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "tests/support/qubic_vectors.h"

static uint8_t *affine(const json_t *gen, size_t size)
{
    uint64_t mul = (uint64_t)json_integer_value(json_object_get(gen, "mul"));
    uint64_t add = (uint64_t)json_integer_value(json_object_get(gen, "add"));
    uint64_t mod = (uint64_t)json_integer_value(json_object_get(gen, "mod"));
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)((i * mul + add) % mod);
    }
    return data;
}

static void project_vectors_match(void **state)
{
    (void)state;
    struct vectors v = vectors_open("k12");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        size_t size = (size_t)json_integer_value(json_object_get(row, "len"));
        size_t out_size = (size_t)json_integer_value(json_object_get(row, "outLen"));
        uint8_t *input = affine(json_object_get(row, "gen"), size);
        if (json_object_get(row, "inputHex") != NULL) {
            size_t given;
            uint8_t *blob = vector_blob(row, "inputHex", &given);
            assert_int_equal(given, size);
            assert_memory_equal(blob, input, size);
            free(blob);
        }
        size_t expected_size;
        uint8_t *expected = vector_blob(row, "outputHex", &expected_size);
        assert_int_equal(expected_size, out_size);
        uint8_t *output = malloc(out_size + 1);
        assert_non_null(output);
        k12_hash(bytes_of(input, size), output, out_size);
        assert_memory_equal(output, expected, out_size);
        free(output);
        free(expected);
        free(input);
        v.checked++;
    }
    vectors_close(&v);
}

static void rfc_9861_vectors_match(void **state)
{
    (void)state;
    struct vectors v = vectors_open("k12Rfc9861");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        size_t size = (size_t)json_integer_value(json_object_get(row, "len"));
        size_t custom_size = (size_t)json_integer_value(json_object_get(row, "customLen"));
        size_t skip = (size_t)json_integer_value(json_object_get(row, "skip"));
        size_t out_size = (size_t)json_integer_value(json_object_get(row, "outLen"));
        bool ones = strcmp(vector_text(row, "inputKind"), "ff") == 0;
        uint8_t *input = malloc(size + 1);
        uint8_t *custom = malloc(custom_size + 1);
        uint8_t *output = malloc(skip + out_size + 1);
        assert_true(input != NULL && custom != NULL && output != NULL);
        for (size_t at = 0; at < size; at++) {
            input[at] = ones ? 0xFF : (uint8_t)(at % 251);
        }
        for (size_t at = 0; at < custom_size; at++) {
            custom[at] = (uint8_t)(at % 251);
        }
        struct k12 k12;
        k12_init(&k12);
        k12_update(&k12, bytes_of(input, size));
        k12_finish(&k12, bytes_of(custom, custom_size));
        k12_squeeze(&k12, output, skip);
        k12_squeeze(&k12, output + skip, out_size);
        size_t expected_size;
        uint8_t *expected = vector_blob(row, "outputHex", &expected_size);
        assert_int_equal(expected_size, out_size);
        assert_memory_equal(output + skip, expected, out_size);
        free(expected);
        free(output);
        free(custom);
        free(input);
        v.checked++;
    }
    vectors_close(&v);
}

/* Goal: how the input is cut must not matter. Method: lengths around every boundary, cut at odd sizes. */
static void pieces_hash_as_the_whole_does(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,    1,    167,   168,   169,   8190,  8191,
                                   8192, 8193, 16383, 16384, 16385, 40000, 300000};
    static const size_t steps[] = {1, 7, 167, 8191, 8192, 8193};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint8_t *input = malloc(sizes[s] + 1);
        assert_non_null(input);
        for (size_t i = 0; i < sizes[s]; i++) {
            input[i] = (uint8_t)(i * 31 + i / 256);
        }
        uint8_t whole[300];
        k12_hash(bytes_of(input, sizes[s]), whole, sizeof whole);
        for (size_t t = 0; t < sizeof steps / sizeof *steps; t++) {
            struct k12 k12;
            uint8_t parts[300];
            k12_init(&k12);
            for (size_t at = 0; at < sizes[s]; at += steps[t]) {
                size_t left = sizes[s] - at;
                k12_update(&k12, bytes_of(input + at, left < steps[t] ? left : steps[t]));
            }
            k12_final(&k12, parts, sizeof parts);
            assert_memory_equal(whole, parts, sizeof whole);
        }
        free(input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(project_vectors_match),
        cmocka_unit_test(rfc_9861_vectors_match),
        cmocka_unit_test(pieces_hash_as_the_whole_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
