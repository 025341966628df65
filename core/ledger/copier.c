/* Now and then a copy of the views, on a thread of its own: after a power failure they begin there and not at record 1. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"
#include "core/ledger/ledger_internal.h"

#define COPY_EVERY_DEFAULT UINT64_C(4000000)

static void *copy(void *arg)
{
    struct ledger *ledger = arg;
    struct err err;
    if (views_copy(ledger->views, &err) == ERR_OK) {
        trace(TRACE_INFO, "views.copied", "head=%llu", (unsigned long long)ledger->copied_at);
    } else { /* the copy before it stays; again after as many events */
        trace_err(TRACE_WARN, "views.not_copied", &err);
    }
    atomic_store(&ledger->copied, true);
    return NULL;
}

void ledger_end_copy(struct ledger *ledger)
{
    if (ledger->copying) {
        (void)pthread_join(ledger->copier, NULL);
        ledger->copying = false;
    }
}

void ledger_copy_views(struct ledger *ledger)
{
    uint64_t every =
        ledger->options.copy_every != 0 ? ledger->options.copy_every : COPY_EVERY_DEFAULT;
    uint64_t head = atomic_load(&ledger->head);
    if (ledger->copying && atomic_load(&ledger->copied)) {
        ledger_end_copy(ledger);
    }
    /* A copy ahead of the log is another log's. */
    bool due = head < ledger->copied_at || head - ledger->copied_at >= every;
    if (!due || ledger->copying || ledger->views_behind) {
        return;
    }
    ledger->copied_at = head;
    if (ledger_free_room(ledger) < views_size(ledger->views)) {
        trace(TRACE_WARN, "views.not_copied", "reason=\"no room\"");
        return;
    }
    atomic_store(&ledger->copied, false);
    int const rc = pthread_create(&ledger->copier, NULL, copy, ledger);
    ledger->copying = rc == 0;
    if (rc != 0) { /* again after as many events */
        trace(TRACE_WARN, "views.not_copied", "reason=\"no thread\" errno=%d", rc);
    }
}
