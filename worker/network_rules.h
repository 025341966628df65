/* worker/network_rules.h: how far a job's network reaches, as rules for nft(8).
 *
 * Open:    public IPv4 addresses by TCP, UDP and ping, and names by the one resolver (its port 53 and no other: behind the address stands
 *          the machine's own resolver, which may be on its loopback).
 * Closed:  whatever is near: loopback, private and link-local ranges, with the clouds' metadata among them, multicast, this machine's own
 *          addresses and the networks on its links, whatever their numbers; mail (port 25); IPv6 altogether; all that comes in unasked.
 * Scans:   a job opens 200 connections a second, after the first 1000.
 * Source:  IANA's registry of special-purpose addresses (RFC 6890); nft(8). */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NETWORK_RULES_H
#define WORKER_NETWORK_RULES_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define NETWORK_DEVICE "tap0"
#define NETWORK_RESOLVER "10.0.2.3" /* slirp4netns answers there */
#define NETWORK_NEAR_MAX 256
#define NETWORK_RULES_MAX 16384 /* bytes of the text */

/* A range of addresses; in host order, the bits behind the prefix zero. */
struct network_range {
    uint32_t address;
    unsigned prefix;
};

struct network_near {
    size_t count;
    struct network_range ranges[NETWORK_NEAR_MAX];
};

/* This machine's own addresses and the networks on its links. ERR_TOO_LARGE: there are more than can be closed. Any thread. */
MUST_CHECK enum err_code network_near_read(struct network_near *ret, struct err *err);
/* One address with its prefix: the network, if it is one that could be on a link, and the address by itself. False: no room. */
MUST_CHECK bool network_near_add(struct network_near *near, uint32_t address, unsigned prefix);
/* Append the rules. Pure. */
void network_rules(const struct network_near *near, struct buf *ret);
/* Append the IPv4 resolvers of a resolv.conf, as one; ERR_UNAVAILABLE: it names none. Pure. */
MUST_CHECK enum err_code network_resolvers(struct bytes text, struct buf *ret, struct err *err);

#endif
