/* What settlement reads: payloads of chain transactions, the line of its cursor file, and the text an escrow's identity comes from. What is taken, written
 * anew, is the same bytes. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/settlement/escrow_key.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>
#include <strings.h>

static void check_payload(struct bytes input)
{
    struct payload payload;
    uint8_t again[PAYLOAD_SIZE];
    if (payload_decode(input, &payload)) {
        payload_encode(&payload, again);
        INVARIANT(bytes_equal(input, bytes_of(again, sizeof again)));
    }
}

static void check_cursor(struct bytes text)
{
    struct cursor_line line;
    char again[CURSOR_LINE_SIZE];
    if (cursor_line_parse(text, &line)) {
        cursor_line_format(&line, again);
        INVARIANT(text.size == strlen(again)); /* hex digits in either case */
        INVARIANT(strncasecmp(again, (const char *)text.data, text.size) == 0);
    }
}

/* Any operator's seed and ids give 55 letters; another escrow has others. */
static void check_escrow(struct bytes input)
{
    struct operator_key key = {.network = NETWORK_LOCAL, .key_id = 1};
    struct id16 escrow = {0};
    char seed[QUBIC_SEED_SIZE];
    char other[QUBIC_SEED_SIZE];
    if (input.size < QUBIC_SEED_SIZE + sizeof escrow) {
        return;
    }
    for (size_t i = 0; i < QUBIC_SEED_SIZE; i++) {
        key.seed[i] = (char)('a' + input.data[i] % 26);
    }
    memcpy(escrow.b, input.data + QUBIC_SEED_SIZE, sizeof escrow);
    escrow_seed_derive(&key, escrow, seed);
    for (size_t i = 0; i < sizeof seed; i++) {
        INVARIANT(seed[i] >= 'a' && seed[i] <= 'z');
    }
    escrow.b[0] ^= 1;
    escrow_seed_derive(&key, escrow, other);
    INVARIANT(memcmp(seed, other, sizeof seed) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes const input = bytes_of(data, size);
    check_payload(input);
    check_cursor(input);
    check_escrow(input);
    return 0;
}
