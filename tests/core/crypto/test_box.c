/* Sealed boxes; that they are libsodium's own is shown by tests/integration/test_worker_jobs.py, which seals with the library. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/box.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void what_is_sealed_opens_with_its_key_alone(void **state)
{
    struct box_key key;
    struct box_key other;
    struct box_key same;
    struct err err = {0};
    (void)state;
    box_key_create(&key);
    box_key_create(&other);
    box_key_from_secret(key.secret, &same);
    assert_true(key_equal(key.public_key, same.public_key));
    for (size_t size = 0; size < 300; size++) {
        uint8_t message[300];
        struct buf sealed;
        struct buf opened;
        memset(message, (int)size, sizeof message);
        buf_init(&sealed, 1000);
        buf_init(&opened, 1000);
        assert_int_equal(box_seal(key.public_key, bytes_of(message, size), &sealed, &err), ERR_OK);
        assert_int_equal(sealed.size, size + BOX_OVERHEAD);
        assert_int_equal(box_open(&same, buf_bytes(&sealed), &opened, &err), ERR_OK);
        assert_true(bytes_equal(buf_bytes(&opened), bytes_of(message, size)));
        assert_int_equal(box_open(&other, buf_bytes(&sealed), &opened, &err), ERR_DENIED);
        sealed.data[size % sealed.size] ^= 1;
        assert_int_equal(box_open(&key, buf_bytes(&sealed), &opened, &err), ERR_DENIED);
        assert_int_equal(box_open(&key, bytes_of(sealed.data, BOX_OVERHEAD - 1), &opened, &err),
                         ERR_DENIED);
        buf_deinit(&sealed);
        buf_deinit(&opened);
    }
    box_key_wipe(&key);
    uint8_t const zeros[BOX_SECRET_SIZE] = {0};
    assert_memory_equal(key.secret, zeros, sizeof zeros);
}

static void nothing_is_sealed_to_a_key_that_is_none(void **state)
{
    struct buf sealed;
    struct err err = {0};
    (void)state;
    buf_init(&sealed, 100);
    assert_int_equal(box_seal((struct key32){{0}}, bytes_of("x", 1), &sealed, &err), ERR_INVALID);
    buf_deinit(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_with_its_key_alone),
        cmocka_unit_test(nothing_is_sealed_to_a_key_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
