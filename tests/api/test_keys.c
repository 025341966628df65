// SPDX-License-Identifier: Apache-2.0
#include "api/keys.h"

#include "core/base/file.h"
#include "core/crypto/sealed.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static char path[96];
static struct bytes passphrase;

static int setup(void **state)
{
    (void)state;
    (void)temp_folder_create(folder);
    (void)snprintf(path, sizeof path, "%s/keys.sealed", folder);
    passphrase = bytes_of_text("a passphrase for tests");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

/* The file that holds `secret`, whatever it is. */
static void seal(struct bytes secret)
{
    struct buf sealed;
    buf_init(&sealed, 8192);
    assert_int_equal(sealed_create(secret, passphrase, &sealed, NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, buf_bytes(&sealed), 0600, NULL), ERR_OK);
    buf_deinit(&sealed);
}

static void a_file_with_one_seed_is_read_as_ever(void **state)
{
    (void)state;
    uint8_t secret[32 + QUBIC_SEED_SIZE];
    struct server_keys keys;
    memset(secret, 7, 32);
    memset(secret + 32, 's', QUBIC_SEED_SIZE);
    seal(bytes_of(secret, sizeof secret));
    assert_int_equal(server_keys_load(path, passphrase, &keys, NULL), ERR_OK);
    assert_int_equal(keys.seed_count, 1);
    assert_memory_equal(keys.checkpoint_seed, secret, 32);
    assert_memory_equal(keys.operator_seeds[0], secret + 32, QUBIC_SEED_SIZE);
}

static void seeds_are_added_behind_those_that_are_there(void **state)
{
    (void)state;
    struct server_keys first;
    struct server_keys keys;
    struct server_keys loaded;
    server_keys_generate(&first);
    assert_int_equal(server_keys_save(&first, path, passphrase, NULL), ERR_OK);
    assert_int_equal(server_keys_save(&first, path, passphrase, NULL), ERR_CONFLICT);
    keys = first;
    assert_int_equal(server_keys_add_seed(&keys, path, passphrase, NULL), ERR_OK);
    assert_int_equal(server_keys_add_seed(&keys, path, passphrase, NULL), ERR_OK);
    assert_int_equal(server_keys_load(path, passphrase, &loaded, NULL), ERR_OK);
    assert_int_equal(loaded.seed_count, 3);
    assert_memory_equal(&loaded, &keys, sizeof keys);
    assert_memory_equal(loaded.checkpoint_seed, first.checkpoint_seed, 32);
    assert_memory_equal(loaded.operator_seeds[0], first.operator_seeds[0], QUBIC_SEED_SIZE);
    for (size_t i = 1; i < 3; i++) {
        assert_memory_not_equal(loaded.operator_seeds[i], loaded.operator_seeds[i - 1],
                                QUBIC_SEED_SIZE);
        for (size_t at = 0; at < QUBIC_SEED_SIZE; at++) {
            assert_in_range(loaded.operator_seeds[i][at], 'a', 'z');
        }
    }
    /* Whoever has other keys in hand than the file's would take seeds away. */
    keys = first;
    assert_int_equal(server_keys_add_seed(&keys, path, passphrase, NULL), ERR_CONFLICT);
    assert_int_equal(keys.seed_count, 1);
    assert_int_equal(server_keys_add_seed(&keys, path, bytes_of_text("another"), NULL), ERR_DENIED);
    assert_int_equal(server_keys_load(path, passphrase, &loaded, NULL), ERR_OK);
    assert_int_equal(loaded.seed_count, 3);
}

static void a_full_file_stays_as_it_is(void **state)
{
    (void)state;
    static uint8_t secret[32 + OPERATOR_KEYS_MAX * QUBIC_SEED_SIZE];
    struct server_keys keys;
    memset(secret, 's', sizeof secret);
    seal(bytes_of(secret, sizeof secret));
    assert_int_equal(server_keys_load(path, passphrase, &keys, NULL), ERR_OK);
    assert_int_equal(keys.seed_count, OPERATOR_KEYS_MAX);
    assert_int_equal(server_keys_add_seed(&keys, path, passphrase, NULL), ERR_FULL);
    assert_int_equal(server_keys_load(path, passphrase, &keys, NULL), ERR_OK);
    assert_int_equal(keys.seed_count, OPERATOR_KEYS_MAX);
}

static void what_holds_no_keys_is_refused(void **state)
{
    (void)state;
    static uint8_t secret[32 + (OPERATOR_KEYS_MAX + 1) * QUBIC_SEED_SIZE];
    static const size_t SIZES[] = {1,
                                   31,
                                   32,
                                   33,
                                   32 + QUBIC_SEED_SIZE - 1,
                                   32 + QUBIC_SEED_SIZE + 1,
                                   32 + (OPERATOR_KEYS_MAX + 1) * QUBIC_SEED_SIZE};
    struct server_keys keys;
    memset(secret, 's', sizeof secret);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        seal(bytes_of(secret, SIZES[i]));
        assert_int_equal(server_keys_load(path, passphrase, &keys, NULL), ERR_CORRUPT);
    }
    secret[40] = 'S';
    seal(bytes_of(secret, 32 + QUBIC_SEED_SIZE));
    assert_int_equal(server_keys_load(path, passphrase, &keys, NULL), ERR_CORRUPT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_with_one_seed_is_read_as_ever),
        TEST(seeds_are_added_behind_those_that_are_there),
        TEST(a_full_file_stays_as_it_is),
        TEST(what_holds_no_keys_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
