// SPDX-License-Identifier: Apache-2.0
#include "worker/network_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define LINK_PREFIX_MIN 8 /* nobody has a shorter one on a link: it would close half the world */

static const char *const closed[] = {
    "0.0.0.0/8",                 /* this network: on Linux, this machine */
    "10.0.0.0/8",                /* private */
    "100.64.0.0/10",             /* providers' own; some clouds' metadata */
    "127.0.0.0/8",               /* loopback */
    "168.63.129.16",             /* Azure's agent, which answers every machine there */
    "169.254.0.0/16",            /* link-local; the clouds' metadata */
    "172.16.0.0/12",             /* private */
    "192.0.0.0/24",              /* protocol assignments; some clouds' metadata */
    "192.168.0.0/16",            /* private */
    "198.18.0.0/15",             /* laboratories */
    "224.0.0.0-255.255.255.255", /* multicast, reserved, broadcast */
};

/* ── what is near ──────────────────────────────────────────────────────────────────────────────── */

static bool add_range(struct network_near *near, uint32_t address, unsigned prefix)
{
    uint32_t const mask = prefix == 0 ? 0 : ~UINT32_C(0) << (32 - prefix);
    for (size_t i = 0; i < near->count; i++) {
        if (near->ranges[i].address == (address & mask) && near->ranges[i].prefix == prefix) {
            return true;
        }
    }
    if (near->count == NETWORK_NEAR_MAX) {
        return false;
    }
    near->ranges[near->count++] =
        (struct network_range){.address = address & mask, .prefix = prefix};
    return true;
}

bool network_near_add(struct network_near *near, uint32_t address, unsigned prefix)
{
    return add_range(near, address, 32) &&
           (prefix < LINK_PREFIX_MIN || prefix >= 32 || add_range(near, address, prefix));
}

static uint32_t address_in(const struct sockaddr *address)
{
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in); /* aligned for it */
    return ntohl(in.sin_addr.s_addr);
}

static bool is_ipv4(const struct sockaddr *address)
{
    return address != NULL && address->sa_family == AF_INET;
}

enum err_code network_near_read(struct network_near *ret, struct err *err)
{
    struct ifaddrs *list = NULL;
    bool fits = true;
    *ret = (struct network_near){0};
    if (getifaddrs(&list) != 0) {
        return err_set_errno(err, errno, "read this machine's addresses");
    }
    for (const struct ifaddrs *at = list; at != NULL && fits; at = at->ifa_next) {
        if (!is_ipv4(at->ifa_addr)) {
            continue;
        }
        unsigned const prefix = at->ifa_netmask == NULL
                                    ? 32
                                    : (unsigned)__builtin_popcount(address_in(at->ifa_netmask));
        fits = network_near_add(ret, address_in(at->ifa_addr), prefix);
        if (fits && is_ipv4(at->ifa_dstaddr)) { /* the other end of the link, or its broadcast */
            fits = network_near_add(ret, address_in(at->ifa_dstaddr), 32);
        }
    }
    freeifaddrs(list);
    return fits ? ERR_OK
                : err_set(err, ERR_TOO_LARGE,
                          "this machine has more than %d addresses and networks of its own, which "
                          "cannot all be closed",
                          NETWORK_NEAR_MAX);
}

/* ── the text ──────────────────────────────────────────────────────────────────────────────────── */

static void append_near(const struct network_near *near, struct buf *ret)
{
    for (size_t i = 0; i < near->count; i++) {
        const struct network_range *range = &near->ranges[i];
        buf_printf(ret, ", %u.%u.%u.%u/%u", range->address >> 24, range->address >> 16 & 255U,
                   range->address >> 8 & 255U, range->address & 255U, range->prefix);
    }
}

void network_rules(const struct network_near *near, struct buf *ret)
{
    buf_append_text(ret, "table inet tally_job {\n"
                         "  set near { type ipv4_addr; flags interval; auto-merge; elements = { ");
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        buf_printf(ret, "%s%s", i == 0 ? "" : ", ", closed[i]);
    }
    append_near(near, ret);
    buf_append_text(
        ret,
        " } }\n"
        "  chain outgoing {\n"
        "    type filter hook output priority 0; policy drop;\n"
        "    oifname \"lo\" accept\n"
        "    oifname != \"" NETWORK_DEVICE "\" drop\n"
        "    ip daddr " NETWORK_RESOLVER " udp dport 53 accept\n"
        "    ip daddr " NETWORK_RESOLVER " tcp dport 53 accept\n"
        "    ip daddr @near reject with icmpx type admin-prohibited\n"
        "    tcp dport 25 reject with icmpx type admin-prohibited\n"
        "    tcp flags & (syn | ack) == syn limit rate over 200/second burst 1000 packets drop\n"
        "    ip protocol { tcp, udp, icmp } accept\n"
        "  }\n"
        "  chain incoming {\n"
        "    type filter hook input priority 0; policy drop;\n"
        "    iifname \"lo\" accept\n"
        "    meta nfproto ipv4 ct state established,related accept\n"
        "  }\n"
        "}\n");
}

/* ── resolvers ─────────────────────────────────────────────────────────────────────────────────── */

enum err_code network_resolvers(struct bytes text, struct buf *ret, struct err *err)
{
    static const char word[] = "nameserver";
    size_t found = 0;
    for (size_t at = 0; at < text.size;) {
        const char *line = (const char *)text.data + at;
        const char *end = memchr(line, '\n', text.size - at);
        size_t const size = end == NULL ? text.size - at : (size_t)(end - line);
        at += size + 1;
        if (size <= sizeof word || memcmp(line, word, sizeof word - 1) != 0) {
            continue;
        }
        char address[INET_ADDRSTRLEN] = "";
        struct in_addr parsed;
        size_t from = sizeof word - 1;
        while (from < size && (line[from] == ' ' || line[from] == '\t')) {
            from++;
        }
        for (size_t i = from; i < size && i - from < sizeof address - 1 && line[i] > ' '; i++) {
            address[i - from] = line[i];
        }
        if (from > sizeof word - 1 && inet_pton(AF_INET, address, &parsed) == 1) {
            buf_printf(ret, "nameserver %s\n", address);
            found++;
        }
    }
    return found > 0 ? ERR_OK
                     : err_set(err, ERR_UNAVAILABLE,
                               "/etc/resolv.conf names no resolver with an IPv4 address, which a "
                               "job's names are asked of");
}
