/* core/net/peer.h: where a connection comes from, and how many there are from one place. No allocation but the table of counts itself.
 *
 * Key:     a hash of the address, of IPv6 of its first 64 bits: whoever has one address of such a network has all. The seed is random, so that nobody
 *          can choose addresses that are counted together.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_PEER_H
#define CORE_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_TEXT_SIZE 64

struct peer {
    char text[PEER_TEXT_SIZE]; /* without the port; "" if it is gone already */
    uint64_t key;
    bool is_local; /* of this machine */
};

struct sockaddr;
struct peer_counts;

struct peer_counts *peer_counts_create(void); /* NULL: out of memory */
void peer_counts_destroy(struct peer_counts *counts);
/* Fill in what `address` (NULL: unknown) says. */
void peer_read(const struct peer_counts *counts, const struct sockaddr *address, struct peer *ret);
void peer_counts_add(struct peer_counts *counts, uint64_t key);
void peer_counts_remove(struct peer_counts *counts, uint64_t key);
/* Two places in some thousands are counted as one: never too few. */
size_t peer_counts_of(const struct peer_counts *counts, uint64_t key);

#endif
