// SPDX-License-Identifier: Apache-2.0
#include "core/net/peer.h"
#include "tests/support/cmocka_all.h"

#include <netinet/in.h>
#include <uv.h>

static struct peer peer_of(const struct peer_counts *counts, const char *text)
{
    struct sockaddr_storage address = {0};
    struct peer peer;
    if (uv_ip4_addr(text, 1, (struct sockaddr_in *)&address) != 0) {
        assert_int_equal(uv_ip6_addr(text, 1, (struct sockaddr_in6 *)&address), 0);
    }
    peer_read(counts, (const struct sockaddr *)&address, &peer);
    return peer;
}

static void one_network_of_ipv6_is_one_peer_and_ipv4_addresses_are_each_their_own(void **state)
{
    (void)state;
    struct peer_counts *counts = peer_counts_create();
    assert_true(peer_of(counts, "2001:db8:1:2::1").key ==
                peer_of(counts, "2001:db8:1:2:3:4:5:6").key);
    assert_true(peer_of(counts, "2001:db8:1:2::1").key != peer_of(counts, "2001:db8:1:3::1").key);
    assert_true(peer_of(counts, "192.0.2.1").key != peer_of(counts, "192.0.2.2").key);
    assert_true(peer_of(counts, "::ffff:192.0.2.1").key == peer_of(counts, "192.0.2.1").key);
    assert_string_equal(peer_of(counts, "192.0.2.1").text, "192.0.2.1");
    peer_counts_destroy(counts);
}

static void addresses_of_this_machine_are_told_apart(void **state)
{
    (void)state;
    struct peer_counts *counts = peer_counts_create();
    static const char *const OURS[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
    static const char *const OTHERS[] = {"10.0.0.1", "128.0.0.1", "::2", "fe80::1",
                                         "::ffff:10.0.0.1"};
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        assert_true(peer_of(counts, OURS[i]).is_local);
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        assert_false(peer_of(counts, OTHERS[i]).is_local);
    }
    struct peer unknown;
    peer_read(counts, NULL, &unknown);
    assert_false(unknown.is_local);
    assert_string_equal(unknown.text, "");
    peer_counts_destroy(counts);
}

static void counts_go_up_and_down(void **state)
{
    (void)state;
    struct peer_counts *counts = peer_counts_create();
    uint64_t key = peer_of(counts, "192.0.2.1").key;
    peer_counts_add(counts, key);
    peer_counts_add(counts, key);
    assert_int_equal(peer_counts_of(counts, key), 2);
    peer_counts_remove(counts, key);
    assert_int_equal(peer_counts_of(counts, key), 1);
    peer_counts_destroy(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_network_of_ipv6_is_one_peer_and_ipv4_addresses_are_each_their_own),
        cmocka_unit_test(addresses_of_this_machine_are_told_apart),
        cmocka_unit_test(counts_go_up_and_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
