/* core/settlement/payload.h: what our chain transactions carry: which log, job and escrow they belong to. Forever.
 *
 * Source:  docs/record-format.md, section 8. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_PAYLOAD_H
#define CORE_SETTLEMENT_PAYLOAD_H

#include "core/base/id.h"

#define PAYLOAD_INPUT_TYPE 21587
#define PAYLOAD_SIZE 104

enum payload_kind {
    PAYLOAD_LOCK = 1,
    PAYLOAD_PAYOUT = 2,
    PAYLOAD_REFUND = 3,
    PAYLOAD_FEE = 4,
    PAYLOAD_RETURN = 5,
    PAYLOAD_ANCHOR = 6,
};

struct payload {
    enum payload_kind kind;
    struct id16 log_id;
    struct id16 job_id;
    struct id16 escrow_id;
    struct id16 quote_id; /* lock only */
    struct key32 subject; /* lock: the provider's key; return: the deposit's hash; anchor: a root */
};

void payload_encode(const struct payload *payload, uint8_t ret[PAYLOAD_SIZE]);
/* false for bytes that are not ours. */
bool payload_decode(struct bytes input, struct payload *ret);

#endif
