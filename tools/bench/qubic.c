/* Our SchnorrQ beside libsodium's Ed25519 over the same 32-byte digests, our K12 beside its BLAKE2b. Both take turns every few milliseconds, so that a
 * neighbour on the machine slows both; a phase's time is the median of its turns. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEYS 32
#define TURNS 41
#define THREADS_MAX 64
#define MANY 4096

struct pair {
    struct schnorrq_subseed subseed;
    struct key32 public_key;
    struct key32 digest;
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    uint8_t peer_public[crypto_sign_PUBLICKEYBYTES];
    uint8_t peer_secret[crypto_sign_SECRETKEYBYTES];
    uint8_t peer_signature[crypto_sign_BYTES];
};

static struct pair pairs[KEYS];
static uint8_t hashed[1 << 20];

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sign_ours(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct pair *p = &pairs[i];
        schnorrq_sign(&p->subseed, &p->public_key, &p->digest, p->signature);
    }
}

static void sign_peer(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct pair *p = &pairs[i];
        (void)crypto_sign_detached(p->peer_signature, NULL, p->digest.b, 32, p->peer_secret);
    }
}

static bool verify_ours(const struct pair *p)
{
    return schnorrq_verify(&p->public_key, &p->digest, p->signature);
}

static bool verify_peer(const struct pair *p)
{
    return crypto_sign_verify_detached(p->peer_signature, p->digest.b, 32, p->peer_public) == 0;
}

static void must(bool holds)
{
    if (!holds) {
        (void)fprintf(stderr, "tally-bench: a good signature was refused\n");
        abort();
    }
}

static void verify_all_ours(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        must(verify_ours(&pairs[i]));
    }
}

static void verify_all_peer(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        must(verify_peer(&pairs[i]));
    }
}

static void derive_ours(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        pairs[i].public_key = schnorrq_public_key(&pairs[i].subseed);
    }
}

static void derive_peer(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        (void)crypto_sign_seed_keypair(pairs[i].peer_public, pairs[i].peer_secret,
                                       pairs[i].subseed.b);
    }
}

static void hash_ours(void)
{
    struct key32 const digest = k12_digest(bytes_of(hashed, sizeof hashed));
    hashed[0] ^= digest.b[0];
}

static void hash_peer(void)
{
    uint8_t digest[32];
    (void)crypto_generichash(digest, sizeof digest, hashed, sizeof hashed, NULL, 0);
    hashed[0] ^= digest[0];
}

static int compare(const void *a, const void *b)
{
    int64_t const left = *(const int64_t *)a;
    int64_t const right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Prints "name":ns of one call of ours, "name_peer":ns of the peer's. */
static void take_turns(const char *name, void (*ours)(void), void (*peer)(void), int64_t calls)
{
    int64_t mine[TURNS];
    int64_t theirs[TURNS];
    for (size_t turn = 0; turn < TURNS; turn++) {
        int64_t const start = now_ns();
        ours();
        int64_t const middle = now_ns();
        peer();
        mine[turn] = middle - start;
        theirs[turn] = now_ns() - middle;
    }
    qsort(mine, TURNS, sizeof *mine, compare);
    qsort(theirs, TURNS, sizeof *theirs, compare);
    printf("\"%s\":%" PRId64 ",\"%s_peer\":%" PRId64 ",", name, mine[TURNS / 2] / calls, name,
           theirs[TURNS / 2] / calls);
}

static void *verify_share(void *count)
{
    for (size_t i = 0; i < *(const size_t *)count; i++) {
        must(verify_ours(&pairs[i % KEYS]));
    }
    return NULL;
}

/* Nanoseconds for MANY signatures, spread over so many threads. */
static int64_t verify_many(size_t threads)
{
    pthread_t started[THREADS_MAX];
    size_t share = MANY / threads;
    int64_t const start = now_ns();
    for (size_t i = 1; i < threads; i++) {
        must(pthread_create(&started[i], NULL, verify_share, &share) == 0);
    }
    (void)verify_share(&share);
    for (size_t i = 1; i < threads; i++) {
        (void)pthread_join(started[i], NULL);
    }
    return now_ns() - start;
}

enum err_code bench_qubic(const struct bench_options *options, struct err *err)
{
    long const there = sysconf(_SC_NPROCESSORS_ONLN);
    size_t const threads =
        options->threads != 0 ? options->threads : (size_t)(there > 0 ? there : 1);
    if (threads > THREADS_MAX) {
        return err_set(err, ERR_INVALID, "--threads is at most %d", THREADS_MAX);
    }
    if (sodium_init() < 0) {
        return err_set(err, ERR_IO, "libsodium does not start");
    }
    for (size_t i = 0; i < KEYS; i++) {
        uint8_t const number = (uint8_t)i;
        uint8_t random[64];
        k12_hash(bytes_of(&number, 1), random, sizeof random);
        memcpy(pairs[i].subseed.b, random, 32);
        memcpy(pairs[i].digest.b, random + 32, 32);
    }
    printf("{");
    take_turns("derive", derive_ours, derive_peer, KEYS);
    take_turns("sign", sign_ours, sign_peer, KEYS);
    take_turns("verify", verify_all_ours, verify_all_peer, KEYS);
    take_turns("hash", hash_ours, hash_peer, 1);
    int64_t const alone = verify_many(1);
    int64_t const together = verify_many(threads);
    printf("\"threads\":%zu,\"alone\":%" PRId64 ",\"together\":%" PRId64 "}\n", threads, alone,
           together);
    return ERR_OK;
}
