/* Commands of settlement's, each with an id that only depends on what it is about. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/settlement/settlement_internal.h"

#include <string.h>

struct id16 settlement_command_id(enum settlement_step step, struct id16 escrow_id,
                                  struct key32 tx_id, uint64_t number)
{
    static const char LABEL[] = "tallystick settlement v1";
    uint8_t tail[1 + 16 + 32 + 8] = {(uint8_t)step};
    memcpy(tail + 1, escrow_id.b, 16);
    memcpy(tail + 17, tx_id.b, 32);
    put_be64(tail + 49, number);
    struct key32 digest = sha256_of_two(bytes_of_text(LABEL), bytes_of(tail, sizeof tail));
    struct id16 id;
    memcpy(id.b, digest.b, sizeof id.b);
    return id;
}

enum err_code settlement_submit(struct settlement *s, struct command *command,
                                struct ledger_answer *ret, struct err *err)
{
    command->actor_kind = ACTOR_SETTLEMENT;
    *ret = ledger_submit_wait(s->options.ledger, command, CLASS_SETTLEMENT);
    if (ret->code == ERR_OK || ret->code == ERR_CONFLICT) {
        if (ret->code != ERR_OK) {
            trace(TRACE_DEBUG, "settlement.refused", "message=\"%s\"", ret->err.message);
        }
        return ERR_OK;
    }
    *err = ret->err;
    return ret->code;
}
