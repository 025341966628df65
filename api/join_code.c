// SPDX-License-Identifier: Apache-2.0
#include "api/join_code.h"

#include "core/crypto/hmac.h"
#include "core/crypto/sha256.h"

#include <string.h>

#define LABEL "tallystick code for a machine v1"
#define GROUP 4
static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum err_code join_code_make(const struct key32 *root, struct id16 log_id, struct id16 token_id,
                             char ret[JOIN_CODE_TEXT_SIZE], struct err *err)
{
    struct key32 mac;
    const struct bytes parts[] = {bytes_of_text(LABEL), bytes_of(log_id.b, sizeof log_id.b),
                                  bytes_of(token_id.b, sizeof token_id.b)};
    enum err_code const code = hmac_sha256(bytes_of(root->b, sizeof root->b), parts,
                                           sizeof parts / sizeof *parts, &mac, err);
    size_t at = 0;
    for (size_t i = 0; code == ERR_OK && i < JOIN_CODE_SIZE; i++) {
        size_t const bit = i * 5;
        unsigned const two = (unsigned)mac.b[bit / 8] << 8 | mac.b[bit / 8 + 1];
        if (i > 0 && i % GROUP == 0) {
            ret[at++] = '-';
        }
        ret[at++] = DIGITS[two >> (11 - bit % 8) & 31];
        ret[at] = '\0';
    }
    explicit_bzero(&mac, sizeof mac);
    return code;
}

/* The digit that is meant; '\0': none. */
static char digit_of(uint8_t c)
{
    const char *digit;
    int const upper = c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
    if (upper == 'O') {
        return '0';
    }
    if (upper == 'I' || upper == 'L') {
        return '1';
    }
    digit = upper == '\0' ? NULL : strchr(DIGITS, upper);
    if (digit == NULL) {
        return '\0';
    }
    return *digit;
}

bool join_code_hash(struct bytes text, struct key32 *ret)
{
    char named[sizeof LABEL + JOIN_CODE_SIZE] = LABEL "\n";
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-' || text.data[i] == ' ') {
            continue;
        }
        char const digit = digit_of(text.data[i]);
        if (digit == '\0' || count == JOIN_CODE_SIZE) {
            return false;
        }
        named[sizeof LABEL + count++] = digit;
    }
    if (count == JOIN_CODE_SIZE) {
        *ret = sha256_of(bytes_of(named, sizeof named));
    }
    explicit_bzero(named, sizeof named);
    return count == JOIN_CODE_SIZE;
}
