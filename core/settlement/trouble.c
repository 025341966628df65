/* What the last round has to tell an operator. Memory only: a restart looks again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/settlement_internal.h"

#include <stdio.h>
#include <string.h>

void trouble_note(struct settlement *s, struct id16 escrow_id, const struct err *err)
{
    struct trouble_list *list = &s->troubles_now;
    if (list->count < SETTLEMENT_TROUBLES_MAX) {
        struct trouble *trouble = &list->items[list->count++];
        trouble->escrow_id = escrow_id;
        (void)snprintf(trouble->message, sizeof trouble->message, "%s", err->message);
    }
}

void trouble_publish(struct settlement *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    s->troubles = s->troubles_now;
    (void)pthread_mutex_unlock(&s->mutex);
    s->troubles_now.count = 0;
}

bool settlement_trouble(struct settlement *settlement, struct id16 escrow_id,
                        char ret[ERR_MESSAGE_MAX])
{
    bool found = false;
    (void)pthread_mutex_lock(&settlement->mutex);
    for (size_t i = 0; i < settlement->troubles.count && !found; i++) {
        const struct trouble *trouble = &settlement->troubles.items[i];
        found = id_equal(trouble->escrow_id, escrow_id);
        if (found) {
            memcpy(ret, trouble->message, sizeof trouble->message);
        }
    }
    (void)pthread_mutex_unlock(&settlement->mutex);
    return found;
}

void surplus_note(struct settlement *s, struct id16 escrow_id, int64_t amount, uint32_t tick)
{
    size_t kept = 0;
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->surplus_count; i++) {
        bool full = amount != 0 && s->surplus_count == SETTLEMENT_SURPLUS_MAX && i == 0;
        if (!full && !id_equal(s->surplus[i].escrow_id, escrow_id)) {
            s->surplus[kept++] = s->surplus[i];
        }
    }
    s->surplus_count = kept;
    if (amount != 0) {
        s->surplus[s->surplus_count++] =
            (struct settlement_surplus){.escrow_id = escrow_id, .amount = amount, .tick = tick};
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

size_t settlement_surplus(struct settlement *settlement,
                          struct settlement_surplus ret[SETTLEMENT_SURPLUS_MAX])
{
    (void)pthread_mutex_lock(&settlement->mutex);
    size_t count = settlement->surplus_count;
    memcpy(ret, settlement->surplus, count * sizeof *ret);
    (void)pthread_mutex_unlock(&settlement->mutex);
    return count;
}
