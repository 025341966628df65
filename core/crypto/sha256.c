// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/sha256.h"

#include "core/base/invariant.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *context;
};

/* Fetched once: EVP_sha256() looks the algorithm up again at each init. */
static EVP_MD *algorithm;
static pthread_once_t algorithm_once = PTHREAD_ONCE_INIT;

static void fetch_algorithm(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    INVARIANT(algorithm != NULL);
}

struct sha256 *sha256_create(void)
{
    (void)pthread_once(&algorithm_once, fetch_algorithm);
    struct sha256 *hash = calloc(1, sizeof *hash);
    if (hash == NULL) {
        return NULL;
    }
    hash->context = EVP_MD_CTX_new();
    if (hash->context == NULL) {
        free(hash);
        return NULL;
    }
    sha256_reset(hash);
    return hash;
}

void sha256_destroy(struct sha256 *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->context);
        free(hash);
    }
}

void sha256_reset(struct sha256 *hash)
{
    INVARIANT(EVP_DigestInit_ex2(hash->context, algorithm, NULL) == 1);
}

void sha256_update(struct sha256 *hash, struct bytes bytes)
{
    INVARIANT(EVP_DigestUpdate(hash->context, bytes.data, bytes.size) == 1);
}

struct key32 sha256_final(struct sha256 *hash)
{
    struct key32 digest;
    INVARIANT(EVP_DigestFinal_ex(hash->context, digest.b, NULL) == 1);
    sha256_reset(hash);
    return digest;
}

/* One context a thread, for the one-shot forms. */
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void destroy_cb(void *hash)
{
    sha256_destroy(hash);
}

static void create_key(void)
{
    INVARIANT(pthread_key_create(&thread_key, destroy_cb) == 0);
}

/* NULL: out of memory. */
static struct sha256 *thread_hash(void)
{
    (void)pthread_once(&thread_once, create_key);
    struct sha256 *hash = pthread_getspecific(thread_key);
    if (hash == NULL) {
        hash = sha256_create();
        if (hash != NULL && pthread_setspecific(thread_key, hash) != 0) {
            sha256_destroy(hash);
            hash = NULL;
        }
    }
    return hash;
}

/* Slower, on the stack: the one-shot forms have no way to fail, and must not end a process that is short of memory. */
static struct key32 without_memory(struct bytes a, struct bytes b)
{
    crypto_hash_sha256_state state;
    struct key32 digest;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, a.data, a.size);
    (void)crypto_hash_sha256_update(&state, b.data, b.size);
    (void)crypto_hash_sha256_final(&state, digest.b);
    return digest;
}

struct key32 sha256_of(struct bytes bytes)
{
    return sha256_of_two(bytes, (struct bytes){0});
}

struct key32 sha256_of_two(struct bytes a, struct bytes b)
{
    struct sha256 *hash = thread_hash();
    if (hash == NULL) {
        return without_memory(a, b);
    }
    sha256_update(hash, a);
    sha256_update(hash, b);
    return sha256_final(hash);
}
