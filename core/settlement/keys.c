/* Which settlement keys are loaded, which are the log's, and which are over. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>

const struct operator_key *settlement_any_key(const struct settlement *s)
{
    return &s->keys[0];
}

const struct operator_key *settlement_key(const struct settlement *s, uint64_t key_id)
{
    for (size_t i = 0; i < s->key_count; i++) {
        if (s->keys[i].key_id == key_id && s->key_good[i]) {
            return &s->keys[i];
        }
    }
    return NULL;
}

bool settlement_has_key(const struct settlement *settlement, uint64_t key_id)
{
    return settlement_key(settlement, key_id) != NULL;
}

static bool is_loaded(const struct settlement *s, uint64_t key_id)
{
    bool loaded = false;
    for (size_t i = 0; i < s->key_count; i++) {
        loaded = loaded || s->keys[i].key_id == key_id;
    }
    return loaded;
}

/* A seed of a key that the log does not have is no trouble: `tallyd rotate` writes it down before the log names it. */
enum err_code settlement_check_keys(struct settlement *s, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    struct settlement_key_row row;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    uint64_t newest = state_ledger(store, &ledger) ? ledger.settlement_key_id : 0;
    for (size_t i = 0; i < s->key_count; i++) {
        s->key_good[i] = state_settlement_key(store, s->keys[i].key_id, &row) &&
                         key_equal(row.check_identity, operator_check_identity(&s->keys[i]));
    }
    for (uint64_t id = 1; id < newest; id++) {
        if (state_settlement_key(store, id, &row) && row.escrows_open > 0 &&
            settlement_key(s, id) == NULL) {
            trace(TRACE_ERROR, "settlement.key_missing",
                  "key=%" PRIu64 " escrows=%" PRIu64 " seed=%s", id, row.escrows_open,
                  is_loaded(s, id) ? "wrong" : "none");
        }
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    if (code != ERR_OK) {
        return code;
    }
    if (newest == 0 || settlement_key(s, newest) == NULL) {
        s->newest_key_id = 0;
        return err_set(err, ERR_CONFLICT,
                       is_loaded(s, newest)
                           ? "the loaded operator seed of settlement key %" PRIu64
                             " does not give the check identity in the log"
                           : "the operator seed of settlement key %" PRIu64
                             ", the log's newest, is not loaded: is keys.sealed an older copy?",
                       newest);
    }
    s->newest_key_id = newest;
    return ERR_OK;
}

/* ── the end of a key ──────────────────────────────────────────────────────────────────────────── */

/* The first key before the newest that is not retired and has nothing open; 0: none, or the log was restored and only observes. */
static enum err_code find_over(struct settlement *s, uint64_t *ret, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger = {0};
    uint64_t found = 0;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    bool observing = state_ledger(store, &ledger) && ledger.observing != 0;
    for (uint64_t id = 1; !observing && id < s->newest_key_id && found == 0; id++) {
        struct settlement_key_row row;
        if (state_settlement_key(store, id, &row) && row.retired_sequence == 0 &&
            row.escrows_open == 0) {
            found = id;
        }
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    if (code == ERR_OK) {
        *ret = found;
    }
    return code;
}

/* Its seed stays loaded all the same: what comes late to an escrow of it must go back. */
enum err_code settle_keys(struct settlement *s, struct err *err)
{
    uint64_t key_id = 0;
    struct ledger_answer answer;
    enum err_code code = find_over(s, &key_id, err);
    if (code != ERR_OK || key_id == 0) {
        return code;
    }
    struct id16 no_escrow = {0};
    struct key32 no_transaction = {0};
    struct command command = {
        .type = COMMAND_KEY_RETIRE,
        .u.key_retire = {.key_id = key_id},
        .command_id = settlement_command_id(STEP_KEY_RETIRE, no_escrow, no_transaction, key_id)};
    code = settlement_submit(s, &command, &answer, err);
    if (code == ERR_OK && answer.code == ERR_OK) {
        trace(TRACE_INFO, "settlement.key_retired", "key=%" PRIu64, key_id);
    }
    return code;
}
