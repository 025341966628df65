// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/payload.h"

#include <string.h>

static const uint8_t MAGIC[4] = {'T', 'L', 'Y', '1'};

void payload_encode(const struct payload *payload, uint8_t ret[PAYLOAD_SIZE])
{
    memset(ret, 0, PAYLOAD_SIZE);
    memcpy(ret, MAGIC, sizeof MAGIC);
    ret[4] = (uint8_t)payload->kind;
    memcpy(ret + 8, payload->log_id.b, 16);
    memcpy(ret + 24, payload->job_id.b, 16);
    memcpy(ret + 40, payload->escrow_id.b, 16);
    memcpy(ret + 56, payload->quote_id.b, 16);
    memcpy(ret + 72, payload->subject.b, 32);
}

bool payload_decode(struct bytes input, struct payload *ret)
{
    if (input.size != PAYLOAD_SIZE || memcmp(input.data, MAGIC, sizeof MAGIC) != 0 ||
        input.data[4] < PAYLOAD_LOCK || input.data[4] > PAYLOAD_ANCHOR || input.data[5] != 0 ||
        input.data[6] != 0 || input.data[7] != 0) {
        return false;
    }
    struct payload payload = {.kind = (enum payload_kind)input.data[4]};
    memcpy(payload.log_id.b, input.data + 8, 16);
    memcpy(payload.job_id.b, input.data + 24, 16);
    memcpy(payload.escrow_id.b, input.data + 40, 16);
    memcpy(payload.quote_id.b, input.data + 56, 16);
    memcpy(payload.subject.b, input.data + 72, 32);
    *ret = payload;
    return true;
}
