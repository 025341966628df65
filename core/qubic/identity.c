// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/identity.h"

#include "core/crypto/k12.h"
#include "core/crypto/wipe.h"

#include <string.h>

#define GROUP_LETTERS 14
#define CHECKSUM_AT 56

/* The letters as numbers from 0 to 25; nonzero if one is none. Always whole, so that time does not tell where; a function of its
 * own, so that the constant-time test can allow the one branch on its result and nothing in here. */
__attribute__((noinline)) static unsigned seed_letters(const uint8_t *seed,
                                                       uint8_t ret[QUBIC_SEED_SIZE])
{
    unsigned bad = 0;
    for (size_t i = 0; i < QUBIC_SEED_SIZE; i++) {
        ret[i] = (uint8_t)(seed[i] - 'a');
        bad |= (25U - ret[i]) >> 31;
    }
    return bad;
}

enum err_code qubic_keys_from_seed(struct bytes seed, struct qubic_keys *ret, struct err *err)
{
    uint8_t letters[QUBIC_SEED_SIZE];
    if (seed.size != QUBIC_SEED_SIZE || seed_letters(seed.data, letters) != 0) {
        wipe(letters, sizeof letters);
        return err_set(err, ERR_INVALID, "a seed is exactly 55 letters from a to z");
    }
    k12_hash(bytes_of(letters, sizeof letters), ret->subseed.b, sizeof ret->subseed.b);
    ret->public_key = schnorrq_public_key(&ret->subseed);
    wipe(letters, sizeof letters);
    wipe_stack();
    return ERR_OK;
}

void qubic_keys_wipe(struct qubic_keys *keys)
{
    wipe(keys, sizeof *keys);
}

static void format(const struct key32 *key, char first_letter, char *ret_text)
{
    for (size_t group = 0; group < 4; group++) {
        uint64_t value = get_le64(key->b + 8 * group);
        for (size_t i = 0; i < GROUP_LETTERS; i++) {
            ret_text[GROUP_LETTERS * group + i] = (char)(first_letter + (char)(value % 26));
            value /= 26;
        }
    }
    uint8_t sum[3];
    k12_hash(bytes_of(key->b, sizeof key->b), sum, sizeof sum);
    uint32_t checksum = (sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16) & 0x3FFFF;
    for (size_t i = CHECKSUM_AT; i < QUBIC_IDENTITY_SIZE; i++) {
        ret_text[i] = (char)(first_letter + (char)(checksum % 26));
        checksum /= 26;
    }
    ret_text[QUBIC_IDENTITY_SIZE] = '\0';
}

/* Decode without care for overflow, encode again, compare: only the one right text survives. */
static bool parse(struct bytes text, char first_letter, struct key32 *ret)
{
    struct key32 key;
    char again[QUBIC_IDENTITY_TEXT_SIZE];
    if (text.size != QUBIC_IDENTITY_SIZE) {
        return false;
    }
    for (size_t i = 0; i < QUBIC_IDENTITY_SIZE; i++) {
        if (text.data[i] < first_letter || text.data[i] > first_letter + 25) {
            return false;
        }
    }
    for (size_t group = 0; group < 4; group++) {
        uint64_t value = 0;
        for (size_t i = GROUP_LETTERS; i-- > 0;) {
            value = value * 26 + (uint64_t)(text.data[GROUP_LETTERS * group + i] - first_letter);
        }
        put_le64(key.b + 8 * group, value);
    }
    format(&key, first_letter, again);
    if (memcmp(again, text.data, QUBIC_IDENTITY_SIZE) != 0) {
        return false;
    }
    *ret = key;
    return true;
}

void qubic_identity_format(const struct key32 *public_key, char ret_text[QUBIC_IDENTITY_TEXT_SIZE])
{
    format(public_key, 'A', ret_text);
}

enum err_code qubic_identity_parse(struct bytes text, struct key32 *ret_public_key, struct err *err)
{
    if (!parse(text, 'A', ret_public_key)) {
        return err_set(err, ERR_INVALID,
                       "not a Qubic identity: expected 60 capital letters, the last four their "
                       "checksum");
    }
    return ERR_OK;
}

void qubic_hash_format(const struct key32 *hash, char ret_text[QUBIC_IDENTITY_TEXT_SIZE])
{
    format(hash, 'a', ret_text);
}

enum err_code qubic_hash_parse(struct bytes text, struct key32 *ret_hash, struct err *err)
{
    if (!parse(text, 'a', ret_hash)) {
        return err_set(err, ERR_INVALID,
                       "not a Qubic transaction id: expected 60 small letters, the last four their "
                       "checksum");
    }
    return ERR_OK;
}
