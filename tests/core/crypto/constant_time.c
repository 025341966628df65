/* Goal: no branch and no address depends on a secret, in the code as it was compiled. Method: valgrind's memcheck follows memory that
 * was never set and reports every branch and address that depends on it; so the secrets are declared never set
 * (A. Langley, ctgrind). What is published, the key and the signature, is declared set again.
 *
 * One secret-dependent branch is allowed, in constant_time.supp: whether a seed is 55 letters at all.
 * constant_time_planted.c puts a branch and a table index into the signing path; memcheck must report both. */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "constant_time: %s\n", what);
        abort();
    }
}

/* Were it not so, a branch on these bytes would go unnoticed and the test would prove nothing. */
static void must_be_followed(const void *at, size_t size, const char *what)
{
    uint8_t bits[64] = {0};
    uint8_t every = 0xFF;
    must(size <= sizeof bits && VALGRIND_GET_VBITS(at, bits, size) == 1, "memcheck gives no bits");
    for (size_t i = 0; i < size; i++) {
        every &= bits[i];
    }
    must(every == 0xFF, what);
}

int main(void)
{
    static const char letters[] = "wasitasecretwhatevergavethesefiftyfivelettersitsorderxx";
    static const struct key32 digest = {{1, 2, 3}};
    uint8_t seed[QUBIC_SEED_SIZE];
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    struct qubic_keys keys;
    must(RUNNING_ON_VALGRIND != 0, "run me under valgrind");
    must(sizeof letters == sizeof seed + 1, "the seed is not of 55 letters");
    memcpy(seed, letters, sizeof seed);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof seed);

    enum err_code code = qubic_keys_from_seed(bytes_of(seed, sizeof seed), &keys, NULL);
    (void)VALGRIND_MAKE_MEM_DEFINED(&code, sizeof code);
    must(code == ERR_OK, "the seed was refused");
    must_be_followed(keys.subseed.b, sizeof keys.subseed.b, "the subseed is not followed");
    must_be_followed(keys.public_key.b, 15, "the public key does not come from the seed");
    (void)VALGRIND_MAKE_MEM_DEFINED(&keys.public_key, sizeof keys.public_key);

    schnorrq_sign(&keys.subseed, &keys.public_key, &digest, signature);
    must_be_followed(signature, 15, "R does not come from the subseed");
    must_be_followed(signature + 32, 30, "S does not come from the subseed");
    (void)VALGRIND_MAKE_MEM_DEFINED(signature, sizeof signature);
    must(schnorrq_verify(&keys.public_key, &digest, signature), "the signature is not valid");
    qubic_keys_wipe(&keys);
    puts("constant_time: a key was derived and a digest signed");
    return 0;
}
