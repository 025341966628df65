// SPDX-License-Identifier: Apache-2.0
#include "core/reconcile/statement.h"

#include "core/base/text.h"
#include "core/base/time.h"
#include "core/qubic/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_MAX 256
#define DAY_NS (86400 * NS_PER_S)
#define SHOWN_MAX 40 /* bytes of a bad value that are repeated to its author */

enum column { COLUMN_DATE, COLUMN_AMOUNT, COLUMN_TRANSACTION, COLUMN_JOB, COLUMN_COUNT };
static const char *const COLUMNS[COLUMN_COUNT] = {"date", "amount", "transaction_id", "job_id"};

struct field {
    char text[FIELD_MAX];
    size_t size;
};

struct parser {
    struct statement *statement;
    size_t capacity;
    uint64_t line;
    size_t column_count;
    enum column columns[COLUMN_COUNT]; /* of each place in a line */
};

static bool problem(struct parser *p, const struct err *what)
{
    struct statement *s = p->statement;
    if (s->problem_count < STATEMENT_PROBLEMS_MAX) {
        struct statement_problem *new = &s->problems[s->problem_count];
        new->line = p->line;
        memcpy(new->message, what->message, sizeof new->message);
    }
    s->problem_count++;
    return false;
}

#define PROBLEM(p, ...)                                                                            \
    do {                                                                                           \
        struct err problem_err_ = {0};                                                             \
        (void)err_set(&problem_err_, ERR_INVALID, __VA_ARGS__);                                    \
        return problem((p), &problem_err_);                                                        \
    } while (false)

/* ── a line into fields ────────────────────────────────────────────────────────────────────────── */

/* One field from `*at` on; false for bad quotes. `*at` is then behind the field, at the comma or the end. */
static bool read_field(struct parser *p, struct bytes line, size_t *at, struct field *ret)
{
    size_t i = *at;
    bool quoted = i < line.size && line.data[i] == '"';
    ret->size = 0;
    for (i += quoted ? 1 : 0;; i++) {
        if (i == line.size) {
            if (quoted) {
                PROBLEM(p, "a quoted field does not end on its line; close it with \"");
            }
            break;
        }
        char c = (char)line.data[i];
        if (quoted && c == '"') {
            i++;
            if (i == line.size || line.data[i] == ',') {
                break;
            }
            if (line.data[i] != '"') {
                PROBLEM(p, "text behind a closing quote; a quote inside a field is written twice");
            }
        } else if (!quoted && c == ',') {
            break;
        } else if (!quoted && c == '"') {
            PROBLEM(p, "a quote inside an unquoted field; put the whole field in quotes");
        }
        if (ret->size == FIELD_MAX - 1) {
            PROBLEM(p, "a field is longer than %d bytes", FIELD_MAX - 1);
        }
        ret->text[ret->size++] = c;
    }
    ret->text[ret->size] = '\0';
    *at = i;
    return true;
}

/* false: the problem was noted. */
static bool read_fields(struct parser *p, struct bytes line, struct field ret[COLUMN_COUNT],
                        size_t *ret_count)
{
    size_t at = 0;
    size_t count = 0;
    if (memchr(line.data, 0, line.size) != NULL || !utf8_is_valid(line)) {
        PROBLEM(p, "the line is not UTF-8 text");
    }
    for (;;) {
        if (count == COLUMN_COUNT) {
            PROBLEM(p, "more than %d fields; a line has date, amount, transaction_id and job_id",
                    COLUMN_COUNT);
        }
        if (!read_field(p, line, &at, &ret[count++])) {
            return false;
        }
        if (at == line.size) {
            *ret_count = count;
            return true;
        }
        at++; /* the comma */
    }
}

/* ── fields into values ────────────────────────────────────────────────────────────────────────── */

static struct bytes bytes_of_field(const struct field *field)
{
    return bytes_of(field->text, field->size);
}

static bool read_date(struct parser *p, const struct field *field, struct statement_line *ret)
{
    char time[FIELD_MAX + 16];
    bool is_day = field->size == 10;
    int size = snprintf(time, sizeof time, "%s%s", field->text, is_day ? "T00:00:00Z" : "");
    if (size < 0 || time_parse(bytes_of(time, (size_t)size), &ret->from, NULL) != ERR_OK ||
        ret->from > INT64_MAX - DAY_NS) {
        PROBLEM(p, "date '%.*s': a day is like 2026-11-24, a time like 2026-11-24T14:03:07Z",
                SHOWN_MAX, field->text);
    }
    ret->until = is_day ? ret->from + DAY_NS - 1 : ret->from;
    return true;
}

static bool read_value(struct parser *p, enum column column, const struct field *field,
                       struct statement_line *ret)
{
    switch (column) {
    case COLUMN_DATE:
        return read_date(p, field, ret);
    case COLUMN_AMOUNT:
        if (i64_parse(bytes_of_field(field), &ret->amount, NULL) != ERR_OK || ret->amount < 1 ||
            ret->amount > QUBIC_AMOUNT_MAX) {
            PROBLEM(p, "amount '%.*s': whole QUBIC from 1 to %" PRId64 ", digits only", SHOWN_MAX,
                    field->text, QUBIC_AMOUNT_MAX);
        }
        return true;
    case COLUMN_TRANSACTION:
        if (qubic_hash_parse(bytes_of_field(field), &ret->tx_id, NULL) != ERR_OK) {
            PROBLEM(p,
                    "transaction_id '%.*s': a transaction id is 60 small letters, the last four "
                    "their checksum",
                    SHOWN_MAX, field->text);
        }
        return true;
    case COLUMN_JOB:
        if (field->size > 0 && id_parse(bytes_of_field(field), &ret->job_id, NULL) != ERR_OK) {
            PROBLEM(p, "job_id '%.*s': a job's id is a UUID of 36 characters, or nothing",
                    SHOWN_MAX, field->text);
        }
        return true;
    case COLUMN_COUNT:
        break;
    }
    return false;
}

static bool read_header(struct parser *p, struct bytes line)
{
    struct field fields[COLUMN_COUNT];
    size_t count = 0;
    bool seen[COLUMN_COUNT] = {false};
    if (!read_fields(p, line, fields, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        enum column column = COLUMN_DATE;
        while (column < COLUMN_COUNT && strcmp(COLUMNS[column], fields[i].text) != 0) {
            column++;
        }
        if (column == COLUMN_COUNT || strlen(fields[i].text) != fields[i].size) {
            PROBLEM(p,
                    "column '%.*s': the first line names the columns date, amount, transaction_id "
                    "and, if there is one, job_id",
                    SHOWN_MAX, fields[i].text);
        }
        if (seen[column]) {
            PROBLEM(p, "column %s comes twice", COLUMNS[column]);
        }
        seen[column] = true;
        p->columns[i] = column;
    }
    for (enum column column = COLUMN_DATE; column < COLUMN_JOB; column++) {
        if (!seen[column]) {
            PROBLEM(p,
                    "column %s is missing; the first line names date, amount, transaction_id "
                    "and, if there is one, job_id",
                    COLUMNS[column]);
        }
    }
    p->column_count = count;
    return true;
}

/* ERR_NOMEM only; what is wrong with the line is a problem. */
static enum err_code take_line(struct parser *p, struct bytes text, struct err *err)
{
    struct field fields[COLUMN_COUNT];
    struct statement_line line = {.line = p->line};
    struct statement *s = p->statement;
    size_t count = 0;
    bool good = text.size > 0 && read_fields(p, text, fields, &count);
    if (text.size == 0 || (good && count != p->column_count)) {
        struct err what = {0};
        (void)err_set(&what, ERR_INVALID, "%zu fields where the first line names %zu columns",
                      count, p->column_count);
        good = problem(p, &what);
    }
    for (size_t i = 0; good && i < count; i++) {
        good = read_value(p, p->columns[i], &fields[i], &line);
    }
    if (!good) {
        return ERR_OK;
    }
    if (s->count == p->capacity) {
        size_t capacity = p->capacity == 0 ? 256 : p->capacity * 2;
        struct statement_line *lines = realloc(s->lines, capacity * sizeof *lines);
        if (lines == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a statement of %zu lines", capacity);
        }
        s->lines = lines;
        p->capacity = capacity;
    }
    s->lines[s->count++] = line;
    return ERR_OK;
}

/* The next line of `*rest`, without its end. */
static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct bytes line = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, end == NULL ? size : size + 1);
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

enum err_code statement_parse(struct bytes text, struct statement *ret, struct err *err)
{
    struct parser p = {.statement = ret, .line = 1};
    *ret = (struct statement){0};
    if (text.size > STATEMENT_SIZE_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a statement has at most %zu MiB",
                       STATEMENT_SIZE_MAX >> 20);
    }
    if (bytes_starts_with(text, "\xEF\xBB\xBF")) {
        text = bytes_from(text, 3);
    }
    if (text.size == 0) {
        return err_set(err, ERR_INVALID,
                       "the statement is empty; its first line names the columns "
                       "date, amount, transaction_id and, if there is one, "
                       "job_id");
    }
    enum err_code code = ERR_OK;
    bool go_on = read_header(&p, next_line(&text));
    while (go_on && text.size > 0 && code == ERR_OK) {
        p.line++;
        code = take_line(&p, next_line(&text), err);
    }
    if (code == ERR_OK && ret->problem_count > 0) {
        code = err_set(err, ERR_INVALID, "line %" PRIu64 ": %s", ret->problems[0].line,
                       ret->problems[0].message);
    }
    return code;
}

void statement_deinit(struct statement *statement)
{
    free(statement->lines);
    *statement = (struct statement){0};
}
