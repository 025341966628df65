/* core/reconcile/report.h: what was found, for a person, a spreadsheet or a program.
 *
 * Formats: table   aligned columns, totals at the end
 *          csv     RFC 4180, CRLF; a text that a spreadsheet would take for a formula gets an apostrophe in front
 *          json    one object a line, the last one the summary; docs/reconciliation.md lists the fields
 * Digest:  SHA-256 of the JSON form: the same input gives the same bytes, so anybody can compute it again. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_RECONCILE_REPORT_H
#define CORE_RECONCILE_REPORT_H

#include "core/base/buf.h"
#include "core/reconcile/reconcile.h"

struct report_head {
    struct id16 log_id;
    struct id16 provider_id;
    struct key32 provider_identity;
    int64_t from;
    int64_t until;
    bool has_statement;
};

void report_json(struct buf *buf, const struct report_head *head,
                 const struct reconcile_result *result);
void report_csv(struct buf *buf, const struct reconcile_result *result);
/* `all`: matched ones too; otherwise they are only counted. */
void report_table(struct buf *buf, const struct report_head *head,
                  const struct reconcile_result *result, bool all);
/* ERR_TOO_LARGE, ERR_NOMEM. */
MUST_CHECK enum err_code report_digest(const struct report_head *head,
                                       const struct reconcile_result *result, struct key32 *ret,
                                       struct err *err);

/* One CSV field, with what it needs around it. */
void csv_append(struct buf *buf, const char *text);

#endif
