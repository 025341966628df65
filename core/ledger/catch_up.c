/* The views brought up to the log: at start, after a lost views environment, and after a failed views commit. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"
#include "core/ledger/ledger_internal.h"
#include "core/ledger/replay.h"

static struct projection_list projections_of(const struct ledger *ledger)
{
    return (struct projection_list){ledger->options.projections, ledger->options.projection_count};
}

void ledger_apply(struct ledger *ledger, struct store *store, uint64_t sequence,
                  const struct event *event)
{
    struct projection_list projections = projections_of(ledger);
    replay_apply(&projections, store, sequence, event);
}

/* Whether the views stand on this log; if not they are thrown away. */
static enum err_code check_position(struct ledger *ledger, struct views_position *ret,
                                    struct err *err)
{
    enum err_code code = views_read_position(ledger->views, ret, err);
    if (code != ERR_OK || ret->sequence == 0) {
        return code;
    }
    struct key32 root = {0};
    bool ours = ret->version == VIEWS_VERSION && ret->sequence <= event_log_size(ledger->log);
    if (ours) {
        code = replay_root_at(ledger->log, ret->sequence, &root, err);
        ours = code == ERR_OK && key_equal(root, ret->root);
    }
    if (code == ERR_OK && !ours) {
        trace(TRACE_WARN, "views.discarded", "reason=\"other log or layout\" position=%llu",
              (unsigned long long)ret->sequence);
        *ret = (struct views_position){0};
        code = views_reset(ledger->views, err);
    }
    return code;
}

enum err_code ledger_catch_up(struct ledger *ledger, struct err *err)
{
    struct views_position position = {0};
    struct replay replay = {.log = ledger->log,
                            .views = ledger->views,
                            .projections = projections_of(ledger),
                            .log_id = ledger->log_id,
                            .to = event_log_size(ledger->log)};
    enum err_code code = check_position(ledger, &position, err);
    if (!ledger->running) {
        ledger->views_from = position.sequence;
    }
    if (code != ERR_OK || position.sequence >= replay.to) {
        return code;
    }
    trace(TRACE_INFO, "views.catching_up", "from=%llu to=%llu",
          (unsigned long long)position.sequence, (unsigned long long)replay.to);
    return replay_run(&replay, position.sequence, err);
}
