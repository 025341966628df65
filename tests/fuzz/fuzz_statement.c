/* A provider's statement: any bytes. What is taken keeps its ranges, and written anew as plain CSV is read as the same lines; what is not is told in
 * printable words, with line numbers that are in the file. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/qubic/transaction.h"
#include "core/reconcile/statement.h"
#include "tests/fuzz/fuzz_target.h"

#include <inttypes.h>
#include <string.h>

static void write_line(struct buf *buf, const struct statement_line *line)
{
    char date[TIME_TEXT_SIZE];
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    char job_id[ID_TEXT_SIZE] = "";
    time_format(line->from, date);
    if (line->until != line->from) {
        date[10] = '\0'; /* a day */
    }
    qubic_hash_format(&line->tx_id, tx_id);
    if (!id_is_zero(line->job_id)) {
        id_format(line->job_id, job_id);
    }
    buf_printf(buf, "%s,%" PRId64 ",%s,%s\n", date, line->amount, tx_id, job_id);
}

static void check_again(const struct statement *first)
{
    struct buf buf;
    struct statement again;
    buf_init(&buf, STATEMENT_SIZE_MAX);
    buf_append_text(&buf, "date,amount,transaction_id,job_id\n");
    for (size_t i = 0; i < first->count; i++) {
        write_line(&buf, &first->lines[i]);
    }
    INVARIANT(!buf.failed && statement_parse(buf_bytes(&buf), &again, NULL) == ERR_OK);
    INVARIANT(again.count == first->count);
    for (size_t i = 0; i < first->count; i++) {
        const struct statement_line *a = &first->lines[i];
        const struct statement_line *b = &again.lines[i];
        INVARIANT(a->from == b->from && a->until == b->until && a->amount == b->amount);
        INVARIANT(key_equal(a->tx_id, b->tx_id) && id_equal(a->job_id, b->job_id));
    }
    statement_deinit(&again);
    buf_deinit(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct statement statement;
    struct err err = {0};
    enum err_code code = statement_parse(bytes_of(data, size), &statement, &err);
    uint64_t newlines = 0;
    for (size_t i = 0; i < size; i++) {
        newlines += data[i] == '\n';
    }
    for (size_t i = 0; i < statement.count; i++) {
        const struct statement_line *line = &statement.lines[i];
        INVARIANT(line->amount >= 1 && line->amount <= QUBIC_AMOUNT_MAX);
        INVARIANT(line->from <= line->until);
        INVARIANT(line->line >= 2 && line->line <= newlines + 1);
    }
    if (code == ERR_OK) {
        INVARIANT(statement.problem_count == 0);
        check_again(&statement);
    } else {
        INVARIANT(code == ERR_INVALID);
        INVARIANT(statement.problem_count > 0 || size == 0 || err.message[0] != '\0');
        for (uint64_t i = 0; i < statement.problem_count && i < STATEMENT_PROBLEMS_MAX; i++) {
            INVARIANT(statement.problems[i].line <= newlines + 1);
            INVARIANT(utf8_is_valid(bytes_of_text(statement.problems[i].message)));
            INVARIANT(strchr(statement.problems[i].message, '\n') == NULL);
        }
    }
    statement_deinit(&statement);
    return 0;
}
