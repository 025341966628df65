/* Each export is an operation on the two areas, run by `run`, which checks the size before and wipes after. */
// SPDX-License-Identifier: Apache-2.0
#include "web/wallet/exports.h"

#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "core/crypto/wipe.h"
#include "core/qubic/identity.h"
#include "core/qubic/sign_in.h"
#include "core/qubic/transaction.h"

#include <string.h>

#define KEY_SIZE 32
#define SIGN_IN_PARTS_SIZE                                                                         \
    (QUBIC_SIGN_IN_LOG_ID_SIZE + QUBIC_SIGN_IN_NONCE_SIZE + QUBIC_SIGN_IN_EXPIRES_SIZE)
#define TRANSACTION_PARTS_SIZE (QUBIC_SEED_SIZE + KEY_SIZE + 8 + 4 + 2)

static uint8_t input[WALLET_AREA_SIZE];
static uint8_t output[WALLET_AREA_SIZE];

/* ── what a call does ──────────────────────────────────────────────────────────────────────────── */

typedef int32_t operation_fn(uint32_t size);

static int32_t identity_of_seed(uint32_t size)
{
    struct qubic_keys keys;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    if (qubic_keys_from_seed(bytes_of(input, size), &keys, NULL) != ERR_OK) {
        return WALLET_REFUSED_SEED;
    }
    qubic_identity_format(&keys.public_key, text);
    memcpy(output, keys.public_key.b, KEY_SIZE);
    memcpy(output + KEY_SIZE, text, QUBIC_IDENTITY_SIZE);
    return KEY_SIZE + QUBIC_IDENTITY_SIZE;
}

static int32_t identity_of_key(uint32_t size)
{
    (void)size;
    struct key32 key;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    memcpy(key.b, input, KEY_SIZE);
    qubic_identity_format(&key, text);
    memcpy(output, text, QUBIC_IDENTITY_SIZE);
    return QUBIC_IDENTITY_SIZE;
}

static int32_t key_of_identity(uint32_t size)
{
    struct key32 key;
    if (qubic_identity_parse(bytes_of(input, size), &key, NULL) != ERR_OK) {
        return WALLET_REFUSED_IDENTITY;
    }
    memcpy(output, key.b, KEY_SIZE);
    return KEY_SIZE;
}

static int32_t ret_transaction_id(const struct qubic_transaction *tx, uint32_t at)
{
    struct key32 const hash = qubic_transaction_hash(tx);
    char id[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&hash, id);
    memcpy(output + at, id, QUBIC_IDENTITY_SIZE);
    return (int32_t)(at + QUBIC_IDENTITY_SIZE);
}

static int32_t sign_transaction(uint32_t size)
{
    struct qubic_keys keys;
    const uint8_t *at = input + QUBIC_SEED_SIZE;
    struct qubic_transaction tx = {
        .amount = (int64_t)get_le64(at + KEY_SIZE),
        .tick = get_le32(at + KEY_SIZE + 8),
        .input_type = get_le16(at + KEY_SIZE + 12),
        .input_size = (uint16_t)(size - TRANSACTION_PARTS_SIZE),
    };
    memcpy(tx.destination.b, at, KEY_SIZE);
    memcpy(tx.input, input + TRANSACTION_PARTS_SIZE, tx.input_size);
    if (qubic_keys_from_seed(bytes_of(input, QUBIC_SEED_SIZE), &keys, NULL) != ERR_OK) {
        return WALLET_REFUSED_SEED;
    }
    if (qubic_transaction_sign(&tx, &keys, NULL) != ERR_OK) {
        return WALLET_REFUSED_TRANSACTION;
    }
    return ret_transaction_id(&tx, (uint32_t)qubic_transaction_encode(&tx, output));
}

static int32_t read_transaction(uint32_t size)
{
    struct qubic_transaction tx;
    char source[QUBIC_IDENTITY_TEXT_SIZE];
    char destination[QUBIC_IDENTITY_TEXT_SIZE];
    if (qubic_transaction_parse(bytes_of(input, size), &tx, NULL) != ERR_OK) {
        return WALLET_REFUSED_TRANSACTION;
    }
    qubic_identity_format(&tx.source, source);
    qubic_identity_format(&tx.destination, destination);
    output[0] = qubic_transaction_signature_is_valid(&tx) ? 1 : 0;
    memcpy(output + 1, source, QUBIC_IDENTITY_SIZE);
    memcpy(output + 1 + QUBIC_IDENTITY_SIZE, destination, QUBIC_IDENTITY_SIZE);
    return ret_transaction_id(&tx, 1 + 2 * QUBIC_IDENTITY_SIZE);
}

/* log id 36, nonce 32, expiry 20, the origin */
static struct qubic_sign_in sign_in_parts(const uint8_t *at, uint32_t size)
{
    const uint8_t *const nonce = at + QUBIC_SIGN_IN_LOG_ID_SIZE;
    const uint8_t *const expires = nonce + QUBIC_SIGN_IN_NONCE_SIZE;
    return (struct qubic_sign_in){
        .log_id = bytes_of(at, QUBIC_SIGN_IN_LOG_ID_SIZE),
        .nonce = bytes_of(nonce, QUBIC_SIGN_IN_NONCE_SIZE),
        .expires_at = bytes_of(expires, QUBIC_SIGN_IN_EXPIRES_SIZE),
        .origin = bytes_of(at + SIGN_IN_PARTS_SIZE, size - SIGN_IN_PARTS_SIZE),
    };
}

static int32_t sign_in(uint32_t size)
{
    struct qubic_keys keys;
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    struct qubic_sign_in const parts =
        sign_in_parts(input + QUBIC_SEED_SIZE, size - QUBIC_SEED_SIZE);
    if (qubic_keys_from_seed(bytes_of(input, QUBIC_SEED_SIZE), &keys, NULL) != ERR_OK) {
        return WALLET_REFUSED_SEED;
    }
    if (qubic_sign_in_sign(&parts, &keys, output, NULL) != ERR_OK ||
        qubic_sign_in_text(&parts, &keys.public_key, text, NULL) != ERR_OK) {
        return WALLET_REFUSED_SIGN_IN;
    }
    struct bytes const made = bytes_of_text(text);
    memcpy(output + SCHNORRQ_SIGNATURE_SIZE, made.data, made.size);
    return (int32_t)(SCHNORRQ_SIGNATURE_SIZE + made.size);
}

static int32_t verify_sign_in(uint32_t size)
{
    struct key32 identity;
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    uint32_t const before = KEY_SIZE + SCHNORRQ_SIGNATURE_SIZE;
    struct qubic_sign_in const parts = sign_in_parts(input + before, size - before);
    memcpy(identity.b, input, KEY_SIZE);
    if (qubic_sign_in_text(&parts, &identity, text, NULL) != ERR_OK) {
        return WALLET_REFUSED_SIGN_IN; /* said, and not taken for a wrong signature */
    }
    output[0] = qubic_sign_in_is_signed(&parts, &identity, input + KEY_SIZE) ? 1 : 0;
    return 1;
}

static int32_t verify(uint32_t size)
{
    (void)size;
    struct key32 key;
    struct key32 digest;
    memcpy(key.b, input, KEY_SIZE);
    memcpy(digest.b, input + KEY_SIZE, KEY_SIZE);
    output[0] = schnorrq_verify(&key, &digest, input + 2 * KEY_SIZE) ? 1 : 0;
    return 1;
}

/* ── around it ─────────────────────────────────────────────────────────────────────────────────── */

/* Zero everything below the caller's frame, where the frames of what it called were. The stack is at the bottom of memory (the
 * linker's --stack-first) and grows down; the last bytes stay out, for address 0 is no address in C. */
static __attribute__((noinline)) void wipe_whole_stack(void)
{
    volatile uint8_t here[16];
    for (uintptr_t at = (uintptr_t)here + sizeof here; at > sizeof here; at--) {
        *(volatile uint8_t *)(at - 1) = 0;
    }
}

/* Its own frame holds no secret: the operation's does, and lies below. */
static int32_t run(operation_fn *operation, uint32_t size, uint32_t size_min, uint32_t size_max)
{
    int32_t result = WALLET_REFUSED_SIZE;
    wipe(output, sizeof output);
    if (size >= size_min && size <= size_max) {
        operation_fn *volatile called = operation; /* never inlined into this frame */
        result = called(size);
        called = NULL; /* then not even its address is left */
    }
    wipe(input, sizeof input);
    wipe_whole_stack();
    return result;
}

uint8_t *wallet_input(void)
{
    return input;
}

uint8_t *wallet_output(void)
{
    return output;
}

uint32_t wallet_area_size(void)
{
    return sizeof input;
}

int32_t wallet_identity_of_seed(uint32_t size)
{
    return run(identity_of_seed, size, QUBIC_SEED_SIZE, QUBIC_SEED_SIZE);
}

int32_t wallet_identity_of_key(uint32_t size)
{
    return run(identity_of_key, size, KEY_SIZE, KEY_SIZE);
}

int32_t wallet_key_of_identity(uint32_t size)
{
    return run(key_of_identity, size, QUBIC_IDENTITY_SIZE, QUBIC_IDENTITY_SIZE);
}

int32_t wallet_sign_transaction(uint32_t size)
{
    return run(sign_transaction, size, TRANSACTION_PARTS_SIZE,
               TRANSACTION_PARTS_SIZE + QUBIC_INPUT_SIZE_MAX);
}

int32_t wallet_read_transaction(uint32_t size)
{
    return run(read_transaction, size, QUBIC_TRANSACTION_SIZE_MIN, QUBIC_TRANSACTION_SIZE_MAX);
}

int32_t wallet_sign_in(uint32_t size)
{
    uint32_t const fixed = QUBIC_SEED_SIZE + SIGN_IN_PARTS_SIZE;
    return run(sign_in, size, fixed, fixed + QUBIC_SIGN_IN_ORIGIN_MAX);
}

int32_t wallet_verify_sign_in(uint32_t size)
{
    uint32_t const fixed = KEY_SIZE + SCHNORRQ_SIGNATURE_SIZE + SIGN_IN_PARTS_SIZE;
    return run(verify_sign_in, size, fixed, fixed + QUBIC_SIGN_IN_ORIGIN_MAX);
}

int32_t wallet_verify(uint32_t size)
{
    uint32_t const exact = 2 * KEY_SIZE + SCHNORRQ_SIGNATURE_SIZE;
    return run(verify, size, exact, exact);
}

_Static_assert(sizeof input >= TRANSACTION_PARTS_SIZE + QUBIC_INPUT_SIZE_MAX, "every input fits");
_Static_assert(sizeof input >= QUBIC_TRANSACTION_SIZE_MAX, "every input fits");
_Static_assert(sizeof output >= QUBIC_TRANSACTION_SIZE_MAX + QUBIC_IDENTITY_SIZE,
               "as every output");
_Static_assert(sizeof output >= SCHNORRQ_SIGNATURE_SIZE + QUBIC_SIGN_IN_TEXT_SIZE,
               "as every output");
