/* HMAC-SHA256 against the vectors of RFC 4231, in one part and in many. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/hmac.h"

#include "core/base/text.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void check(struct bytes key, struct bytes data, const char *wanted)
{
    struct bytes parts[256];
    char hex[65];
    struct key32 mac;
    assert_int_equal(hmac_sha256(key, &data, 1, &mac, NULL), ERR_OK);
    hex_encode(bytes_of(mac.b, sizeof mac.b), hex);
    assert_string_equal(hex, wanted);
    assert_true(data.size <= 256);
    for (size_t i = 0; i < data.size; i++) {
        parts[i] = bytes_of(data.data + i, 1);
    }
    struct key32 apart;
    assert_int_equal(hmac_sha256(key, parts, data.size, &apart, NULL), ERR_OK);
    assert_memory_equal(apart.b, mac.b, sizeof mac.b);
}

static void hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t key[131];
    uint8_t data[50];
    memset(key, 0x0b, 20);
    check(bytes_of(key, 20), bytes_of_text("Hi There"),
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check(bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"),
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    check(bytes_of(key, 20), bytes_of(data, sizeof data),
          "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    check(bytes_of(key, sizeof key),
          bytes_of_text("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_of_nothing_with_no_key_is_known(void **state)
{
    (void)state;
    check(bytes_of("", 0), bytes_of("", 0),
          "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_gives_the_vectors_of_rfc_4231),
        cmocka_unit_test(hmac_of_nothing_with_no_key_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
