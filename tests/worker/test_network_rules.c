/* R11: what is closed to a job's network, as text; that nft and the kernel make walls of it, integration/test_worker_network.py shows. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/network_rules.h"

#include <string.h>

static void assert_says(const struct buf *rules, const char *what)
{
    if (strstr(buf_text(rules), what) == NULL) {
        fail_msg("nothing of \"%s\" in:\n%s", what, buf_text(rules));
    }
}

static void everything_private_is_closed_and_what_else_is_on_the_machines_links(void **state)
{
    (void)state;
    static const char *const CLOSED[] = {
        "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "100.64.0.0/10",  "127.0.0.0/8",   "0.0.0.0/8",      "224.0.0.0-255.255.255.255",
        "203.0.113.7/32", "203.0.113.0/26"};
    struct network_near near = {0};
    struct buf rules;
    buf_init(&rules, NETWORK_RULES_MAX);
    assert_true(network_near_add(&near, 0xcb007107U, 26)); /* 203.0.113.7/26 */
    assert_true(network_near_add(&near, 0xcb007107U, 26)); /* said once is enough */
    assert_int_equal(near.count, 2);
    network_rules(&near, &rules);
    assert_int_equal(buf_check(&rules, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof CLOSED / sizeof *CLOSED; i++) {
        assert_says(&rules, CLOSED[i]);
    }
    assert_says(&rules, "hook output priority 0; policy drop;");
    assert_says(&rules, "hook input priority 0; policy drop;");
    assert_says(&rules, "ip daddr 10.0.2.3 udp dport 53 accept");
    /* The resolver's address lies in a closed range: its port comes before, all else of it behind. */
    assert_true(strstr(buf_text(&rules), "dport 53 accept") <
                strstr(buf_text(&rules), "@near reject"));
    assert_true(strstr(buf_text(&rules), "@near reject") <
                strstr(buf_text(&rules), "icmp } accept"));
    buf_deinit(&rules);
}

/* A tunnel's address with a netmask of nothing must not close the world, nor open anything. */
static void a_network_too_large_for_a_link_closes_its_address_alone(void **state)
{
    (void)state;
    struct network_near near = {0};
    assert_true(network_near_add(&near, 0xcb007107U, 0));
    assert_true(network_near_add(&near, 0xc6336407U, 7));
    assert_true(network_near_add(&near, 0xc6336408U, 32));
    assert_int_equal(near.count, 3);
    for (size_t i = 0; i < near.count; i++) {
        assert_int_equal(near.ranges[i].prefix, 32);
    }
}

static void more_than_can_be_closed_is_told(void **state)
{
    (void)state;
    struct network_near near = {0};
    struct buf rules;
    for (uint32_t i = 0; i < NETWORK_NEAR_MAX; i++) {
        assert_true(network_near_add(&near, 0xdededede ^ (i << 8), 32));
    }
    assert_false(network_near_add(&near, 1, 32));
    buf_init(&rules, NETWORK_RULES_MAX); /* and as many as there can be have room */
    network_rules(&near, &rules);
    assert_int_equal(buf_check(&rules, NULL), ERR_OK);
    buf_deinit(&rules);
}

static void this_machines_own_addresses_are_near(void **state)
{
    (void)state;
    struct network_near near;
    bool loopback = false;
    assert_int_equal(network_near_read(&near, NULL), ERR_OK);
    for (size_t i = 0; i < near.count; i++) {
        loopback =
            loopback || (near.ranges[i].address == 0x7f000001U && near.ranges[i].prefix == 32);
    }
    assert_true(loopback);
}

static void the_resolvers_are_those_with_an_ipv4_address(void **state)
{
    (void)state;
    static const char TEXT[] = "# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.0.2.1\n"
                               "nameserver\t127.0.0.53  # local\nnameserver 2001:db8::1\n"
                               "nameserver\nnameservers 192.0.2.9\nnameserver 192.0.2.300\n"
                               "nameserver 192.0.2.3";
    struct buf ret;
    struct err err = {0};
    buf_init(&ret, 4096);
    assert_int_equal(network_resolvers(bytes_of_text(TEXT), &ret, &err), ERR_OK);
    assert_string_equal(buf_text(&ret), "nameserver 192.0.2.1\nnameserver 127.0.0.53\n"
                                        "nameserver 192.0.2.3\n");
    buf_clear(&ret);
    assert_int_equal(network_resolvers(bytes_of_text("nameserver ::1\n"), &ret, &err),
                     ERR_UNAVAILABLE);
    assert_int_equal(ret.size, 0);
    assert_int_equal(network_resolvers(bytes_of("", 0), &ret, &err), ERR_UNAVAILABLE);
    buf_deinit(&ret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_private_is_closed_and_what_else_is_on_the_machines_links),
        cmocka_unit_test(a_network_too_large_for_a_link_closes_its_address_alone),
        cmocka_unit_test(more_than_can_be_closed_is_told),
        cmocka_unit_test(this_machines_own_addresses_are_near),
        cmocka_unit_test(the_resolvers_are_those_with_an_ipv4_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
