/* core/reconcile/statement.h: a provider's own statement of what it was paid, as CSV.
 *
 *     date,amount,transaction_id,job_id
 *     2026-11-24,1500,<60 small letters>,<uuid>
 *     2026-11-24T14:03:07Z,"250",<60 small letters>,
 *
 * Columns: `date` (a day, or a time in UTC), `amount` (whole QUBIC, digits only, above 0), `transaction_id`; `job_id` may be empty or left out
 *          altogether. Any order; no others: a column nobody compares would look as if it had been.
 * Lines:   RFC 4180, UTF-8, with or without a byte-order mark, LF or CRLF. A quoted field ends on its line, so that one forgotten quote spoils
 *          one line and not the file.
 * Trust:   none; nothing of it is executed, shown unquoted or guessed. Every line that cannot be taken is a problem with its number, what is wrong
 *          and what would be accepted; then nothing of the file is used.
 * Owner:   the caller (statement_deinit, also after an error: the problems are in it).
 * Errors:  ERR_INVALID with the first problem, ERR_TOO_LARGE, ERR_NOMEM. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_RECONCILE_STATEMENT_H
#define CORE_RECONCILE_STATEMENT_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/reconcile/payment.h"

#define STATEMENT_SIZE_MAX ((size_t)64 << 20)
#define STATEMENT_PROBLEMS_MAX 20 /* told one by one; the others are counted */

struct statement_problem {
    uint64_t line;
    char message[ERR_MESSAGE_MAX]; /* printable */
};

struct statement {
    struct statement_line *lines;
    size_t count;
    struct statement_problem problems[STATEMENT_PROBLEMS_MAX];
    uint64_t problem_count; /* may be more than are told */
};

MUST_CHECK enum err_code statement_parse(struct bytes text, struct statement *ret, struct err *err);
void statement_deinit(struct statement *statement);

#endif
