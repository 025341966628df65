// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/reconcile_command.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/reconcile/report.h"
#include "core/reconcile/statement.h"
#include "tools/tally/arguments.h"
#include "tools/tally/chain_payments.h"
#include "tools/tally/guarded.h"
#include "tools/tally/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_MAX ((size_t)1 << 30)

static const char usage_text[] =
    "usage: tally reconcile --provider WHO --from T --to T (--data DIR | --server URL)\n"
    "                       [--statement FILE.csv] [--format table|csv|json] [--all]\n"
    "                       [--record --record-to URL --token-file FILE]\n"
    "                       [--qubic-live-url URL] [--qubic-query-url URL]\n\n"
    "Hold a provider's payments in a period, as the ledger has them, against the chain and "
    "against\n"
    "the provider's own statement.\n\n"
    "  --provider WHO      account id, Qubic identity, or (with --data) the name of a machine\n"
    "  --from T, --to T    a day (2026-11-01: its first moment, UTC) or a time "
    "(2026-11-01T08:00:00Z);\n"
    "                      T of --to is the first moment that is not in the period any more\n"
    "  --data DIR          a data directory, or a copy of its log; beside a running server, too\n"
    "  --server URL        the public records of a server, checked against its signed checkpoint\n"
    "  --statement FILE    columns date,amount,transaction_id and, if there is one, job_id\n"
    "  --format F          table [default], csv, or json (one object a line, the last the "
    "summary)\n"
    "  --all               matched payments in the table, too\n"
    "  --record            write the counts and the SHA-256 of the JSON report into the log of "
    "the\n"
    "                      server at --record-to [--server], with an operator's or auditor's "
    "token\n\n"
    "Exit status 0: all matched. 1: differences. 2: it could not be found out.\n";

enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON };

struct input {
    struct audit audit;
    const char *provider;
    int64_t from;
    int64_t until;
    enum format format;
    bool all;
    bool has_statement;
    struct statement statement; /* shared with the child as it is */
};

struct result {
    struct report_head head;
    struct reconcile_totals chain;
    struct reconcile_totals statement;
    uint64_t differences;
    struct key32 digest;
};

/* ── in the child: read, compare, print ────────────────────────────────────────────────────────── */

static enum err_code print_report(const struct input *input, const struct report_head *head,
                                  const struct reconcile_result *result, struct err *err)
{
    struct buf text;
    buf_init(&text, REPORT_MAX);
    switch (input->format) {
    case FORMAT_TABLE:
        report_table(&text, head, result, input->all);
        break;
    case FORMAT_CSV:
        report_csv(&text, result);
        break;
    case FORMAT_JSON:
        report_json(&text, head, result);
        break;
    }
    enum err_code code = buf_check(&text, err);
    if (code == ERR_OK &&
        (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0)) {
        code = err_set(err, ERR_IO, "the report could not be written to standard output");
    }
    buf_deinit(&text);
    return code;
}

static enum err_code compare(const struct input *input, const struct book *book,
                             uint32_t chain_tick, const struct book_account *provider,
                             const struct payments *payments, struct result *ret, struct err *err)
{
    struct reconcile_result found = {0};
    struct reconcile_input in = {
        .from = input->from,
        .until = input->until,
        .ledger_tick = book->tick,
        .chain_tick = chain_tick,
        .ledger = payments->ledger,
        .ledger_count = payments->ledger_count,
        .chain = payments->chain,
        .chain_count = payments->chain_count,
        .has_statement = input->has_statement,
        .statement = input->statement.lines,
        .statement_count = input->statement.count,
    };
    ret->head = (struct report_head){
        .log_id = book->log_id,
        .provider_id = provider->id,
        .provider_identity = provider->identity,
        .from = input->from,
        .until = input->until,
        .has_statement = input->has_statement,
    };
    enum err_code code = reconcile(&in, &found, err);
    if (code == ERR_OK) {
        ret->chain = found.chain;
        ret->statement = found.statement;
        ret->differences = reconcile_differences(&found);
        code = report_digest(&ret->head, &found, &ret->digest, err);
    }
    if (code == ERR_OK) {
        code = print_report(input, &ret->head, &found, err);
    }
    reconcile_result_deinit(&found);
    return code;
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    struct audit audit = input->audit;
    struct book book = {0};
    struct book_account provider = {0};
    struct payments payments = {0};
    struct chain_reader *chain = NULL;
    enum network network = NETWORK_MAINNET;
    uint32_t before = 0;
    enum err_code code = audit_network(&audit, &network, err);
    if (code == ERR_OK) {
        code = audit_urls(&audit, network, err);
    }
    if (code == ERR_OK) {
        code = chain_reader_open(audit.live_url, audit.query_url, &chain, err);
    }
    /* In this order: a leg of a tick that was processed by now was in the log before now. */
    if (code == ERR_OK) {
        code = chain_reader_processed(chain, &before, err);
    }
    if (code == ERR_OK) {
        code = audit_read_book(&audit, input->format != FORMAT_TABLE, &book, err);
    }
    if (code == ERR_OK) {
        code = book_provider(&book, input->provider, &provider, err);
    }
    if (code == ERR_OK) {
        code = payments_of_provider(&book, &provider, input->until, chain, &payments, err);
    }
    if (code == ERR_OK) {
        code = compare(input, &book, before, &provider, &payments, out, err);
    }
    payments_deinit(&payments);
    chain_reader_close(chain);
    book_deinit(&book);
    return code;
}

/* ── arguments ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_time(const char *name, const char *text, int64_t *ret, struct err *err)
{
    char time[64];
    bool is_day = strlen(text) == 10;
    (void)snprintf(time, sizeof time, "%.40s%s", text, is_day ? "T00:00:00Z" : "");
    if (time_parse(bytes_of_text(time), ret, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID,
                       "%s '%.40s': a day is like 2026-11-24, a time like 2026-11-24T14:03:07Z",
                       name, text);
    }
    return ERR_OK;
}

static enum err_code read_format(const char *text, enum format *ret, struct err *err)
{
    static const char *const WORDS[] = {"table", "csv", "json"};
    for (enum format f = FORMAT_TABLE; f <= FORMAT_JSON; f++) {
        if (strcmp(text, WORDS[f]) == 0) {
            *ret = f;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "--format '%.40s': table, csv or json", text);
}

/* Every line that cannot be taken is said, then that nothing was done. */
static enum err_code read_statement(const char *path, struct statement *ret, struct err *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_SIZE_MAX);
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_OK) {
        code = statement_parse(buf_bytes(&text), ret, err);
    }
    buf_deinit(&text);
    uint64_t told = 0;
    for (; told < ret->problem_count && told < STATEMENT_PROBLEMS_MAX; told++) {
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", path, ret->problems[told].line,
                ret->problems[told].message);
    }
    if (told > 0) {
        code = err_set(err, ERR_INVALID, "%" PRIu64 " lines of %.150s cannot be taken%s",
                       ret->problem_count, path,
                       ret->problem_count > told ? " (the first are above)" : "");
    }
    return code;
}

struct words { /* as given */
    const char *from;
    const char *to;
    const char *statement;
    const char *format;
    bool record;
    const char *record_to;
    const char *token_file;
};

static enum err_code read_input(const struct words *words, struct input *ret, struct err *err)
{
    enum err_code code = audit_check(&ret->audit, err);
    if (code == ERR_OK) {
        code = read_time("--from", words->from, &ret->from, err);
    }
    if (code == ERR_OK) {
        code = read_time("--to", words->to, &ret->until, err);
    }
    if (code == ERR_OK && ret->from >= ret->until) {
        code = err_set(err, ERR_INVALID, "--from must be before --to");
    }
    if (code == ERR_OK && words->format != NULL) {
        code = read_format(words->format, &ret->format, err);
    }
    if (code == ERR_OK && words->record &&
        (words->token_file == NULL || (words->record_to == NULL && ret->audit.server == NULL))) {
        code = err_set(err, ERR_INVALID,
                       "--record needs --token-file FILE (an operator's or auditor's) and, with "
                       "--data, --record-to URL");
    }
    if (code == ERR_OK && words->statement != NULL) {
        ret->has_statement = true;
        code = read_statement(words->statement, &ret->statement, err);
    }
    return code;
}

/* ── recording ─────────────────────────────────────────────────────────────────────────────────── */

static json_t *json_of_sum(uint64_t of_chain, uint64_t of_statement)
{
    uint64_t sum = of_chain + of_statement; /* numbers of things in memory */
    return json_integer((json_int_t)sum);
}

static json_t *record_body(const struct result *r)
{
    char provider_id[ID_TEXT_SIZE];
    char from[TIME_TEXT_SIZE];
    char until[TIME_TEXT_SIZE];
    char digest[65];
    id_format(r->head.provider_id, provider_id);
    time_format(r->head.from, from);
    time_format(r->head.until, until);
    hex_encode(bytes_of(r->digest.b, 32), digest);
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:s}", "provider_id", provider_id, "from", from,
                     "until", until, "matched", json_of_sum(r->chain.matched, r->statement.matched),
                     "missing", json_of_sum(r->chain.missing, r->statement.missing), "extra",
                     json_of_sum(r->chain.extra, r->statement.extra), "differing",
                     json_of_sum(r->chain.differing, r->statement.differing), "report_digest",
                     digest);
}

static enum err_code record(const struct words *words, const struct audit *audit,
                            const struct result *result, struct err *err)
{
    struct remote remote;
    json_t *answer = NULL;
    char log_id[ID_TEXT_SIZE];
    struct cli cli = {.server = words->record_to != NULL ? words->record_to : audit->server,
                      .token_file = words->token_file};
    enum err_code code = remote_open(&cli, "[]", &remote, NULL, err);
    if (code == ERR_OK) {
        code = remote_call(&remote, "GET", "/v1/terms", NULL, &answer, err);
    }
    id_format(result->head.log_id, log_id);
    if (code == ERR_OK && strcmp(json_text(answer, "log_id"), log_id) != 0) {
        code = err_set(err, ERR_CONFLICT,
                       "the server keeps log %.40s, the report is about %s: not recorded",
                       json_text(answer, "log_id"), log_id);
    }
    json_decref(answer);
    answer = NULL;
    if (code == ERR_OK) {
        code =
            remote_call(&remote, "POST", "/v1/reconciliations", record_body(result), &answer, err);
    }
    if (code == ERR_OK) {
        fprintf(stderr, "recorded as event %" PRId64 ", digest of the JSON report %s\n",
                json_number(answer, "sequence"), json_text(answer, "report_digest"));
    }
    json_decref(answer);
    return code;
}

int reconcile_command(int argc, char **argv)
{
    struct input input = {0};
    struct words words = {0};
    struct result result = {0};
    struct err err = {0};
    const struct argument table[] = {AUDIT_ARGUMENTS(input.audit),
                                     {"--provider", &input.provider, NULL, true},
                                     {"--from", &words.from, NULL, true},
                                     {"--to", &words.to, NULL, true},
                                     {"--statement", &words.statement, NULL, false},
                                     {"--format", &words.format, NULL, false},
                                     {"--all", NULL, &input.all, false},
                                     {"--record", NULL, &words.record, false},
                                     {"--record-to", &words.record_to, NULL, false},
                                     {"--token-file", &words.token_file, NULL, false}};
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    enum err_code code = read_input(&words, &input, &err);
    if (code == ERR_OK) {
        code = guarded_run(work, &input, &result, sizeof result, &err);
    }
    if (code == ERR_OK && words.record) {
        code = record(&words, &input.audit, &result, &err);
    }
    statement_deinit(&input.statement);
    if (code != ERR_OK) {
        fprintf(stderr, "tally reconcile: %s\n", err.message);
        return 2;
    }
    return result.differences == 0 ? 0 : 1;
}
