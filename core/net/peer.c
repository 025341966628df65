// SPDX-License-Identifier: Apache-2.0
#include "core/net/peer.h"

#include "core/base/invariant.h"
#include "core/base/rng.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BUCKETS 8192

struct peer_counts {
    uint64_t seed;
    uint32_t counts[BUCKETS];
};

struct peer_counts *peer_counts_create(void)
{
    struct peer_counts *counts = calloc(1, sizeof *counts);
    if (counts != NULL) {
        rng_bytes((uint8_t *)&counts->seed, sizeof counts->seed);
    }
    return counts;
}

void peer_counts_destroy(struct peer_counts *counts)
{
    free(counts);
}

/* FNV-1a, then mixed as in splitmix64, so that the low bits depend on all. */
static uint64_t hash(uint64_t seed, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    }
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

static bool is_mapped(const struct in6_addr *address)
{
    return IN6_IS_ADDR_V4MAPPED(address) != 0;
}

void peer_read(const struct peer_counts *counts, const struct sockaddr *address, struct peer *ret)
{
    *ret = (struct peer){.key = hash(counts->seed, "", 0)};
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        (void)uv_ip4_name(&in, ret->text, sizeof ret->text);
        ret->key = hash(counts->seed, &in.sin_addr, 4);
        ret->is_local = ntohl(in.sin_addr.s_addr) >> 24 == 127;
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        (void)uv_ip6_name(&in6, ret->text, sizeof ret->text);
        const uint8_t *bytes = in6.sin6_addr.s6_addr;
        bool mapped = is_mapped(&in6.sin6_addr); /* an IPv4 address on a socket for both */
        ret->key = mapped ? hash(counts->seed, bytes + 12, 4) : hash(counts->seed, bytes, 8);
        ret->is_local = mapped ? bytes[12] == 127 : IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) != 0;
    }
}

void peer_counts_add(struct peer_counts *counts, uint64_t key)
{
    counts->counts[key % BUCKETS]++;
}

void peer_counts_remove(struct peer_counts *counts, uint64_t key)
{
    INVARIANT(counts->counts[key % BUCKETS] > 0);
    counts->counts[key % BUCKETS]--;
}

size_t peer_counts_of(const struct peer_counts *counts, uint64_t key)
{
    return counts->counts[key % BUCKETS];
}
