/* Secrets at rest. Method: round trip; a wrong passphrase and every changed byte are refused. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/sealed.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void a_sealed_secret_opens_with_its_passphrase_alone(void **state)
{
    (void)state;
    struct buf sealed;
    struct buf opened;
    buf_init(&sealed, 8192);
    buf_init(&opened, 8192);
    struct bytes secret = bytes_of_text("fifty-five letters, more or less");
    assert_int_equal(sealed_create(secret, bytes_of_text("correct horse"), &sealed, NULL), ERR_OK);
    assert_null(memmem(sealed.data, sealed.size, "fifty", 5));
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text("correct horse"), &opened, NULL),
                     ERR_OK);
    assert_true(bytes_equal(buf_bytes(&opened), secret));
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text("correct hors"), &opened, NULL),
                     ERR_DENIED);
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text(""), &opened, NULL),
                     ERR_INVALID);
    const size_t places[] = {0, 4, 23, 24, 40, 64, 80, sealed.size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        sealed.data[places[i]] ^= 1;
        assert_int_not_equal(
            sealed_open(buf_bytes(&sealed), bytes_of_text("correct horse"), &opened, NULL), ERR_OK);
        sealed.data[places[i]] ^= 1;
    }
    for (size_t size = 0; size < 70; size++) {
        assert_int_equal(
            sealed_open(bytes_of(sealed.data, size), bytes_of_text("x"), &opened, NULL),
            ERR_CORRUPT);
    }
    sealed_wipe(&opened);
    buf_deinit(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_secret_opens_with_its_passphrase_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
