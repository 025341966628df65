/* core/settlement/chain_internal.h: what chain.c and chain_ahead.c share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_CHAIN_INTERNAL_H
#define CORE_SETTLEMENT_CHAIN_INTERNAL_H

#include "core/settlement/settlement_internal.h"

#define LISTENER(waiting) ((struct qubic_listener){.on_answer = chain_answered, .ctx = &(waiting)})

void chain_answered(void *ctx, const struct qubic_answer *answer);
/* `asked`: what the asking function returned. */
enum err_code chain_wait(struct settlement *s, struct waiting *waiting, struct qubic_call *call,
                         enum err_code asked, struct err *err);

struct qubic_identity_query chain_first_page(const struct key32 *identity, uint32_t tick_from,
                                             uint32_t tick_to);
void chain_list_begin(struct waiting *w, const struct qubic_identity_query *query,
                      chain_transaction_cb *each, void *ctx);

/* What was asked ahead; NULL: it was not. */
struct ahead *chain_ahead_find(struct settlement *s, enum ahead_kind kind, const struct key32 *key);

#endif
