// SPDX-License-Identifier: Apache-2.0
#include "api/restore.h"

#include "core/base/text.h"
#include "core/ledger/restore.h"
#include "core/market/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_head(const char *what, uint64_t size, uint64_t generation, struct key32 root)
{
    char hex[65];
    hex_encode(bytes_of(root.b, sizeof root.b), hex);
    printf("%-12s %" PRIu64 " records, generation %" PRIu64 ", root %s\n", what, size, generation,
           hex);
}

static void print_finding(const struct restore_report *r)
{
    switch (r->finding) {
    case RESTORE_BEHIND:
        if (r->copy.size > r->size) {
            printf("missing      %" PRIu64 " records at least: what was written after the last "
                   "signature is not counted\n",
                   r->copy.size - r->size);
        } else {
            printf("missing      generation %" PRIu64 " of this log\n", r->copy_generation);
        }
        break;
    case RESTORE_OTHER:
        printf("differs      these are not the records that were signed: another copy of this log "
               "went on\n");
        break;
    case RESTORE_UNFINISHED:
        printf("unfinished   generation %" PRIu64 " has begun and has not signed anything yet\n",
               r->next_generation);
        break;
    case RESTORE_NOTHING:
        break;
    }
}

static const char *status_word(uint64_t status)
{
    static const char *const WORDS[] = {
        "",       "waits for its lock", "its lock is being confirmed",
        "locked", "settled, legs open", "closed, returns open"};
    return status < sizeof WORDS / sizeof *WORDS ? WORDS[status] : "";
}

static enum err_code print_open(struct ledger *ledger, struct err *err)
{
    struct views_snapshot *snapshot;
    struct bytes key;
    struct bytes value;
    struct id16 at = {0};
    uint64_t count = 0;
    enum err_code code = views_snapshot_open(ledger_views(ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    while (store_seek(store, &STATE_ESCROWS, id_key(&at), true, &key, &value)) {
        struct escrow_row row;
        char id[ID_TEXT_SIZE];
        char job[ID_TEXT_SIZE];
        memcpy(at.b, key.data, sizeof at.b);
        if (!state_escrow(store, at, &row) || !escrow_is_open(&row)) {
            continue;
        }
        id_format(at, id);
        id_format(row.job_id, job);
        printf("%-12s %s of job %s, %" PRId64 " QUBIC: %s\n", count++ == 0 ? "open escrows" : "",
               id, job, row.amount, status_word(row.status));
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    if (count == 0 && code == ERR_OK) {
        printf("%-12s none\n", "open escrows");
    }
    return code;
}

enum err_code restore_ledger(struct ledger *ledger, bool write, struct err *err)
{
    struct restore_report report = {0};
    enum err_code code = restore_look(ledger, &report, err);
    if (code != ERR_OK) {
        return code;
    }
    print_head("log", report.size, report.generation, report.root);
    print_head("last signed", report.copy.size, report.copy_generation, report.copy.root);
    print_finding(&report);
    code = print_open(ledger, err);
    if (code == ERR_OK && report.finding == RESTORE_NOTHING) {
        code = err_set(err, ERR_CONFLICT,
                       "the log has all that was signed: there is nothing to restore");
    }
    if (code == ERR_OK && !write) {
        printf(
            "\nNothing was written. If there is no newer copy of this log, --yes begins generation "
            "%" PRIu64 "\nfrom these records, and keeps the last signed checkpoint as %s.\n",
            report.next_generation, report.kept);
        return ERR_OK;
    }
    if (code == ERR_OK) {
        code = restore_run(ledger, &report, err);
    }
    if (code == ERR_OK) {
        printf(
            "\n%s begins. What was lost is proved by %s: keep it.\nAfter `tallyd run` settlement "
            "only observes until every open escrow was read again from the chain and an "
            "operator resumes it\n(docs/operations.md, \"Restoring a backup\").\n",
            ledger_origin(ledger), report.kept);
    }
    return code;
}
