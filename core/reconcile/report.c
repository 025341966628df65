// SPDX-License-Identifier: Apache-2.0
#include "core/reconcile/report.h"

#include "core/base/checked.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/qubic/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPORT_MAX ((size_t)1 << 30)
#define REASONS_TEXT 96

struct item_text { /* "" for what is not known */
    char at[TIME_TEXT_SIZE];
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    char job_id[ID_TEXT_SIZE];
    char escrow_id[ID_TEXT_SIZE];
    char reasons[REASONS_TEXT];
    char difference[24];
};

/* "amount+date" */
static void reasons_text(unsigned reasons, char ret[REASONS_TEXT])
{
    size_t size = 0;
    ret[0] = '\0';
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if ((reasons & 1u << i) != 0) {
            size += (size_t)snprintf(ret + size, REASONS_TEXT - size, "%s%s", size == 0 ? "" : "+",
                                     reason_word(i));
        }
    }
}

static void id_text(struct id16 id, char ret[ID_TEXT_SIZE])
{
    ret[0] = '\0';
    if (!id_is_zero(id)) {
        id_format(id, ret);
    }
}

static struct item_text text_of(const struct reconcile_item *item)
{
    struct item_text text;
    int64_t difference = 0;
    time_format(item->at, text.at);
    qubic_hash_format(&item->tx_id, text.tx_id);
    id_text(item->job_id, text.job_id);
    id_text(item->escrow_id, text.escrow_id);
    reasons_text(item->reasons, text.reasons);
    text.difference[0] = '\0';
    if (checked_sub_i64(item->other_amount, item->ledger_amount, &difference)) {
        (void)snprintf(text.difference, sizeof text.difference, "%" PRId64, difference);
    }
    return text;
}

/* ── JSON ──────────────────────────────────────────────────────────────────────────────────────── */

static void json_item(struct buf *buf, const struct reconcile_item *item)
{
    struct item_text text = text_of(item);
    buf_printf(buf, "{\"type\":\"payment\",\"against\":\"%s\",\"finding\":\"%s\",\"reasons\":[",
               witness_word(item->witness), finding_word(item->finding));
    bool first = true;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if ((item->reasons & 1u << i) != 0) {
            buf_printf(buf, "%s\"%s\"", first ? "" : ",", reason_word(i));
            first = false;
        }
    }
    buf_printf(buf,
               "],\"kind\":\"%s\",\"at\":\"%s\",\"sequence\":%" PRIu64 ",\"line\":%" PRIu64
               ",\"tick\":%" PRIu64 ",\"transaction_id\":\"%s\",\"job_id\":\"%s\","
               "\"escrow_id\":\"%s\",\"ledger_amount\":%" PRId64 ",\"other_amount\":%" PRId64 "}\n",
               payment_kind_word(item->kind), text.at, item->sequence, item->line, item->tick,
               text.tx_id, text.job_id, text.escrow_id, item->ledger_amount, item->other_amount);
}

static void json_totals(struct buf *buf, const char *name, const struct reconcile_totals *t)
{
    buf_printf(buf,
               ",\"%s\":{\"matched\":%" PRIu64 ",\"pending\":%" PRIu64 ",\"missing\":%" PRIu64
               ",\"extra\":%" PRIu64 ",\"differing\":%" PRIu64 ",\"ledger_amount\":%" PRId64
               ",\"other_amount\":%" PRId64 "}",
               name, t->matched, t->pending, t->missing, t->extra, t->differing, t->ledger_amount,
               t->other_amount);
}

void report_json(struct buf *buf, const struct report_head *head,
                 const struct reconcile_result *result)
{
    char log_id[ID_TEXT_SIZE];
    char provider_id[ID_TEXT_SIZE];
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    char from[TIME_TEXT_SIZE];
    char until[TIME_TEXT_SIZE];
    for (size_t i = 0; i < result->count; i++) {
        json_item(buf, &result->items[i]);
    }
    id_format(head->log_id, log_id);
    id_format(head->provider_id, provider_id);
    qubic_identity_format(&head->provider_identity, identity);
    time_format(head->from, from);
    time_format(head->until, until);
    buf_printf(buf,
               "{\"type\":\"summary\",\"log_id\":\"%s\",\"provider_id\":\"%s\",\"identity\":\"%s\","
               "\"from\":\"%s\",\"until\":\"%s\"",
               log_id, provider_id, identity, from, until);
    json_totals(buf, "chain", &result->chain);
    if (head->has_statement) {
        json_totals(buf, "statement", &result->statement);
    }
    buf_printf(buf, ",\"differences\":%" PRIu64 "}\n", reconcile_differences(result));
}

enum err_code report_digest(const struct report_head *head, const struct reconcile_result *result,
                            struct key32 *ret, struct err *err)
{
    struct buf buf;
    buf_init(&buf, REPORT_MAX);
    report_json(&buf, head, result);
    enum err_code code = buf_check(&buf, err);
    if (code == ERR_OK) {
        *ret = sha256_of(buf_bytes(&buf));
    }
    buf_deinit(&buf);
    return code;
}

/* ── CSV ───────────────────────────────────────────────────────────────────────────────────────── */

void csv_append(struct buf *buf, const char *text)
{
    bool formula = *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    bool quote = formula || strpbrk(text, ",\"\r\n") != NULL;
    if (!quote) {
        buf_append_text(buf, text);
        return;
    }
    buf_append_text(buf, formula ? "\"'" : "\"");
    for (; *text != '\0'; text++) {
        buf_append_text(buf, *text == '"' ? "\"" : "");
        buf_append_byte(buf, (uint8_t)*text);
    }
    buf_append_text(buf, "\"");
}

void report_csv(struct buf *buf, const struct reconcile_result *result)
{
    buf_append_text(buf, "against,finding,reasons,kind,at,sequence,line,tick,transaction_id,job_id,"
                         "escrow_id,ledger_amount,other_amount,difference\r\n");
    for (size_t i = 0; i < result->count; i++) {
        const struct reconcile_item *item = &result->items[i];
        struct item_text text = text_of(item);
        const char *front[] = {witness_word(item->witness), finding_word(item->finding),
                               text.reasons, payment_kind_word(item->kind), text.at};
        for (size_t f = 0; f < sizeof front / sizeof *front; f++) {
            csv_append(buf, front[f]);
            buf_append_byte(buf, ',');
        }
        buf_printf(buf, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", item->sequence, item->line,
                   item->tick);
        csv_append(buf, text.tx_id);
        buf_append_byte(buf, ',');
        csv_append(buf, text.job_id);
        buf_append_byte(buf, ',');
        csv_append(buf, text.escrow_id);
        /* Numbers stay numbers: a minus before digits is no formula. */
        buf_printf(buf, ",%" PRId64 ",%" PRId64 ",%s\r\n", item->ledger_amount, item->other_amount,
                   text.difference);
    }
}

/* ── a table ───────────────────────────────────────────────────────────────────────────────────── */

static void table_totals(struct buf *buf, const char *name, const struct reconcile_totals *t)
{
    int64_t difference = 0;
    buf_printf(buf,
               "%-10s %6" PRIu64 " matched  %6" PRIu64 " pending  %6" PRIu64 " missing  %6" PRIu64
               " extra  %6" PRIu64 " differ\n",
               name, t->matched, t->pending, t->missing, t->extra, t->differing);
    buf_printf(buf, "%10s ledger %" PRId64 " QUBIC, %s %" PRId64 " QUBIC", "", t->ledger_amount,
               name, t->other_amount);
    if (checked_sub_i64(t->other_amount, t->ledger_amount, &difference)) {
        buf_printf(buf, ", difference %" PRId64, difference);
    }
    buf_append_text(buf, "\n");
}

void report_table(struct buf *buf, const struct report_head *head,
                  const struct reconcile_result *result, bool all)
{
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    char provider_id[ID_TEXT_SIZE];
    char from[TIME_TEXT_SIZE];
    char until[TIME_TEXT_SIZE];
    bool shown = false;
    qubic_identity_format(&head->provider_identity, identity);
    id_format(head->provider_id, provider_id);
    time_format(head->from, from);
    time_format(head->until, until);
    buf_printf(buf, "provider   %s\nidentity   %s\nperiod     %s up to %s\n\n", provider_id,
               identity, from, until);
    for (size_t i = 0; i < result->count; i++) {
        const struct reconcile_item *item = &result->items[i];
        if (item->finding == FINDING_MATCHED && !all) {
            continue;
        }
        struct item_text text = text_of(item);
        if (!shown) {
            buf_printf(buf, "%-9s %-8s %-16s %-8s %9s %6s %18s %18s  %-60s %s\n", "against",
                       "finding", "reasons", "kind", "sequence", "line", "ledger QUBIC",
                       "other QUBIC", "transaction", "job");
            shown = true;
        }
        buf_printf(buf,
                   "%-9s %-8s %-16s %-8s %9" PRIu64 " %6" PRIu64 " %18" PRId64 " %18" PRId64
                   "  %-60s %s\n",
                   witness_word(item->witness), finding_word(item->finding), text.reasons,
                   payment_kind_word(item->kind), item->sequence, item->line, item->ledger_amount,
                   item->other_amount, text.tx_id, text.job_id);
    }
    buf_append_text(buf, shown ? "\n" : "");
    table_totals(buf, "chain", &result->chain);
    if (head->has_statement) {
        table_totals(buf, "statement", &result->statement);
    }
    uint64_t differences = reconcile_differences(result);
    buf_printf(buf, "%" PRIu64 " difference%s\n", differences, differences == 1 ? "" : "s");
}
