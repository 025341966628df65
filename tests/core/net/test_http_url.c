/* Which URLs are taken apart how, and which addresses are nobody else's business. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_url.h"

#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <string.h>

static enum address_kind kind(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_storage any = {0};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&any, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&any, &v6, sizeof v6);
    }
    return address_kind_of((const struct sockaddr *)&any);
}

static void all_are(const char *const *texts, enum address_kind wanted)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (kind(texts[i]) != wanted) {
            fail_msg("%s is kind %d, not %d", texts[i], (int)kind(texts[i]), (int)wanted);
        }
    }
}

static void addresses_of_this_machine_are_loopback(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"127.0.0.1",        "127.255.0.9",     "::1",
                                        "::ffff:127.0.0.1", "64:ff9b::7f00:1", NULL};
    all_are(TEXTS, ADDRESS_LOOPBACK);
}

/* The first and the last of each range, and where clouds keep a machine's secrets. */
static void addresses_of_no_public_host_are_private(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"0.0.0.0",
                                        "0.255.255.255",
                                        "10.0.0.0",
                                        "10.255.255.255",
                                        "100.64.0.0",
                                        "100.127.255.255",
                                        "169.254.0.0",
                                        "169.254.169.254",
                                        "169.254.255.255",
                                        "172.16.0.0",
                                        "172.31.255.255",
                                        "192.0.0.0",
                                        "192.0.0.255",
                                        "192.0.2.1",
                                        "192.88.99.1",
                                        "192.168.0.0",
                                        "192.168.255.255",
                                        "198.18.0.0",
                                        "198.19.255.255",
                                        "198.51.100.7",
                                        "203.0.113.7",
                                        "224.0.0.1",
                                        "239.255.255.255",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "fc00::",
                                        "fd00:ec2::254",
                                        "fdff::1",
                                        "fe80::1",
                                        "febf::1",
                                        "fec0::1",
                                        "ff02::1",
                                        "2001::1",
                                        "2001:1ff::1",
                                        "2001:db8::1",
                                        "2002:7f00:1::",
                                        "2002:5db8:d822::",
                                        "3fff:fff::1",
                                        "100::1",
                                        "::ffff:10.0.0.1",
                                        "::ffff:169.254.169.254",
                                        "64:ff9b::a9fe:a9fe",
                                        "64:ff9b:1::1",
                                        "::7f00:1",
                                        "4000::1",
                                        NULL};
    all_are(TEXTS, ADDRESS_PRIVATE);
}

static void addresses_beside_those_ranges_are_public(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "1.0.0.0",        "9.255.255.255",    "11.0.0.0",      "100.63.255.255",
        "100.128.0.0",    "126.0.0.1",        "128.0.0.1",     "169.253.0.1",
        "169.255.0.1",    "172.15.255.255",   "172.32.0.0",    "192.0.1.0",
        "192.0.3.0",      "192.167.0.1",      "192.169.0.1",   "198.17.0.1",
        "198.20.0.1",     "223.255.255.255",  "93.184.216.34", "2606:2800:220:1::1",
        "2001:200::1",    "2001:dba::1",      "2003::1",       "3ffe::1",
        "::ffff:8.8.8.8", "64:ff9b::808:808", "3fff:1000::1",  NULL};
    all_are(TEXTS, ADDRESS_PUBLIC);
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    struct http_url url;
    assert_int_equal(http_url_parse("https://Example.org:8443/a?b#c", &url, NULL), ERR_OK);
    assert_true(url.is_https && !url.has_user && url.has_fragment);
    assert_string_equal(url.host, "Example.org");
    assert_int_equal(http_url_parse("http://u:p@[::1]:80/", &url, NULL), ERR_OK);
    assert_true(!url.is_https && url.has_user && !url.has_fragment);
    assert_string_equal(url.host, "[::1]");
    assert_int_equal(http_url_kind(&url), ADDRESS_LOOPBACK);
    static const struct {
        const char *url;
        int kind;
    } KINDS[] = {{"https://LocalHost/", ADDRESS_LOOPBACK},
                 {"https://127.9.9.9:1/", ADDRESS_LOOPBACK},
                 {"https://10.1.2.3/", ADDRESS_PRIVATE},
                 {"https://[fe80::1]/", ADDRESS_PRIVATE},
                 {"https://8.8.8.8/", ADDRESS_PUBLIC},
                 {"https://[2606:2800::1]/", ADDRESS_PUBLIC},
                 {"https://example.org/", 0}};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        assert_int_equal(http_url_parse(KINDS[i].url, &url, NULL), ERR_OK);
        assert_int_equal(http_url_kind(&url), KINDS[i].kind);
    }
    static const char *const BAD[] = {
        "",           "example.org/x", "ftp://example.org/", "https://", "file:///etc/passwd",
        "gopher://a", "https://a b/",  "https://a:99999/"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (http_url_parse(BAD[i], &url, NULL) != ERR_INVALID) {
            fail_msg("%s is taken", BAD[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_this_machine_are_loopback),
        cmocka_unit_test(addresses_of_no_public_host_are_private),
        cmocka_unit_test(addresses_beside_those_ranges_are_public),
        cmocka_unit_test(urls_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
