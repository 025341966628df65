/* The newest checkpoint that was signed: when it is signed is a matter of real time, so tests in virtual time replace this file's
 * one function. */
// SPDX-License-Identifier: Apache-2.0
#include "core/event/codec.h"
#include "core/settlement/settlement_internal.h"

enum err_code settlement_checkpoint(struct settlement *s, struct log_reader *reader,
                                    struct checkpoint *ret, struct err *err)
{
    struct bytes note;
    struct bytes record;
    struct arena arena;
    struct event event;
    *ret = (struct checkpoint){0};
    if (!log_reader_checkpoint(reader, &note)) {
        return ERR_OK;
    }
    arena_init(&arena, 1 << 20);
    enum err_code code = log_reader_record(reader, 1, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, err);
    }
    if (code == ERR_OK) {
        code = checkpoint_open(note, ledger_origin(s->options.ledger),
                               event.u.ledger_opened.checkpoint_key, ret, err);
    }
    arena_deinit(&arena);
    return code;
}
