// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/sweep_command.h"

#include "core/base/checked.h"
#include "tools/tally/arguments.h"
#include "tools/tally/guarded.h"
#include "tools/tally/sweep_send.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 3

static const char usage_text[] =
    "usage: tally sweep (--data DIR | --server URL) [--qubic-live-url URL] [--qubic-query-url "
    "URL]\n"
    "       tally sweep --data DIR --to IDENTITY --yes [--passphrase-file FILE] [--qubic-…]\n\n"
    "Escrow identities whose balance on the chain is not what the ledger holds there, with the "
    "reason.\n"
    "Nothing is moved without --yes. With it, money that nothing explains (arrived without a\n"
    "transaction) goes to IDENTITY, from escrows that are done: ended, everything paid, no "
    "deposit\n"
    "to be returned. An escrow that still owes anything, or of which the chain does not show a\n"
    "payment that the ledger calls final, is never touched. The server must be stopped;\n"
    "the passphrase opens DIR/keys.sealed and comes from a file (/dev/stdin, too) or the "
    "terminal.\n";

struct input {
    struct audit audit;
    const char *to_text;
    const char *passphrase_file;
    bool yes;
    struct key32 to;
};

struct result {
    uint64_t listed;
    uint64_t failed;  /* escrows whose sweep moved nothing, however often it was tried */
    uint64_t refused; /* escrows of which the chain does not show what the ledger calls final */
};

struct sweep {
    const struct input *input;
    const struct book *book;
    struct chain_reader *chain;
    struct operator_keys keys; /* with --yes */
    struct result *result;
    int64_t spare;
    int64_t moved;
};

/* Without --yes nobody has asked for a seed. */
static bool can_sign(const struct sweep *s, const struct book_escrow *escrow)
{
    return !s->input->yes || operator_keys_find(&s->keys, escrow->key_id) != NULL;
}

static const char *verdict(const struct sweep *s, const struct book_escrow *escrow,
                           const struct escrow_look *look)
{
    if (!book_escrow_is_done(escrow)) {
        return escrow->in_flight != 0 ? "open: a leg is in flight" : "open: it still owes";
    }
    if (look->missing != NULL) {
        return "refused";
    }
    if (look->unread != 0) {
        return "the server has a deposit to read and return";
    }
    if (look->spare < 0) {
        return "less than the ledger holds";
    }
    return can_sign(s, escrow) ? "unexplained" : "unexplained, and its key's seed is not here";
}

static bool is_sweepable(const struct sweep *s, const struct book_escrow *escrow,
                         const struct escrow_look *look)
{
    return book_escrow_is_done(escrow) && look->missing == NULL && can_sign(s, escrow) &&
           look->unread == 0 && look->spare > 0;
}

static void print_missing(const struct escrow_look *look)
{
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&look->missing->tx_id, tx_id);
    printf("  refused: a %s of %" PRId64 " QUBIC is final for the ledger (record %" PRIu64
           "), and the chain does not show that it moved:\n"
           "  %s (tick %" PRIu64 "), %zu such in all. The money may be that one: ask another "
           "archive\n",
           payment_kind_word(look->missing->kind), look->missing->amount, look->missing->sequence,
           tx_id, look->missing->tick, look->missing_count);
}

static void print_outcome(const struct sweep_outcome *outcome)
{
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&outcome->tx_id, tx_id);
    printf("  %s %" PRId64 " QUBIC in tick %" PRIu32 " by %s\n",
           outcome->moved ? "moved" : "NOT moved:", outcome->amount, outcome->tick, tx_id);
}

/* A transaction that missed its tick can never run any more, so another one is safe. */
static enum err_code take(struct sweep *s, const struct book_escrow *escrow,
                          const struct escrow_look *look, struct err *err)
{
    struct sweep_outcome outcome = {0};
    enum err_code code = ERR_OK;
    for (int attempt = 0; attempt < ATTEMPTS && code == ERR_OK && !outcome.moved; attempt++) {
        code = sweep_send(s->input->audit.data, operator_keys_find(&s->keys, escrow->key_id),
                          s->book, escrow, &s->input->to, look->spare, s->chain, &outcome, err);
        if (code == ERR_OK) {
            print_outcome(&outcome);
        }
    }
    s->result->failed += code == ERR_OK && !outcome.moved ? 1 : 0;
    if (outcome.moved && !checked_add_i64(s->moved, outcome.amount, &s->moved)) {
        code = err_set(err, ERR_OVERFLOW, "the sum of what was moved leaves int64");
    }
    return code;
}

static enum err_code look_at(struct sweep *s, const struct book_escrow *escrow, struct err *err)
{
    struct qubic_balance balance;
    struct escrow_look look = {0};
    char id[ID_TEXT_SIZE];
    enum err_code code = chain_reader_balance(s->chain, &escrow->identity, &balance, err);
    if (code != ERR_OK || balance.balance == escrow->holds) {
        return code;
    }
    code = escrow_look(s->book, escrow, s->chain, &look, err);
    if (code == ERR_OK && look.balance.balance != escrow->holds) {
        if (s->result->listed++ == 0) {
            printf("%-36s  %-9s %16s %16s %16s %16s  %s\n", "escrow", "status", "ledger QUBIC",
                   "chain QUBIC", "to be read", "spare", "");
        }
        id_format(escrow->id, id);
        printf("%-36s  %-9s %16" PRId64 " %16" PRId64 " %16" PRId64 " %16" PRId64 "  %s\n", id,
               book_status_word(escrow->status), escrow->holds, look.balance.balance, look.unread,
               look.spare, verdict(s, escrow, &look));
        if (look.missing != NULL) {
            print_missing(&look);
            s->result->refused++;
        }
        if (is_sweepable(s, escrow, &look)) {
            code = !checked_add_i64(s->spare, look.spare, &s->spare)
                       ? err_set(err, ERR_OVERFLOW, "the sum of what is unexplained leaves int64")
                   : s->input->yes ? take(s, escrow, &look, err)
                                   : ERR_OK;
        }
    }
    escrow_look_deinit(&look);
    return code;
}

/* Before anything is signed: where it may go. */
static enum err_code check_destination(const struct book *book, const struct key32 *to,
                                       struct err *err)
{
    if (key_is_zero(*to)) {
        return err_set(err, ERR_INVALID, "--to: the zero identity burns what is sent to it");
    }
    if (book_escrow_by_identity(book, to) != NULL) {
        return err_set(err, ERR_INVALID,
                       "--to is an escrow's identity: there the money would be unexplained again");
    }
    return ERR_OK;
}

static enum err_code prepare(struct sweep *s, struct err *err)
{
    struct sweep_outcome outcome = {0};
    bool found = false;
    const char *data = s->input->audit.data;
    enum err_code code = check_destination(s->book, &s->input->to, err);
    if (code == ERR_OK) {
        code = sweep_keys_load(data, s->input->passphrase_file, s->book, &s->keys, err);
    }
    if (code == ERR_OK) {
        code = sweep_finish_earlier(data, s->chain, &found, &outcome, err);
    }
    if (code == ERR_OK && found) {
        printf("left by an earlier run:\n");
        print_outcome(&outcome);
    }
    return code;
}

static enum err_code run(struct sweep *s, struct err *err)
{
    enum err_code code = s->input->yes ? prepare(s, err) : ERR_OK;
    for (size_t i = 0; i < s->book->escrow_count && code == ERR_OK; i++) {
        code = look_at(s, &s->book->escrows[i], err);
        (void)fflush(stdout);
    }
    operator_keys_wipe(&s->keys);
    if (code == ERR_OK) {
        printf("%zu escrows, %" PRIu64 " differ; unexplained %" PRId64 " QUBIC",
               s->book->escrow_count, s->result->listed, s->spare);
        printf(s->input->yes ? ", moved %" PRId64 " QUBIC\n" : "\n", s->moved);
    }
    return code == ERR_OK && fflush(stdout) != 0 ? err_set(err, ERR_IO, "standard output") : code;
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    struct audit audit = input->audit;
    struct book book = {0};
    struct sweep sweep = {.input = input, .book = &book, .result = out};
    int lock = -1;
    enum err_code code = input->yes ? sweep_lock(audit.data, &lock, err) : ERR_OK;
    if (code == ERR_OK) {
        code = audit_read_book(&audit, false, &book, err);
    }
    if (code == ERR_OK && input->yes && book.observing) {
        code =
            err_set(err, ERR_CONFLICT,
                    "the log was restored and settlement only observes: what looks unexplained may "
                    "be somebody's; resume it first");
    }
    if (code == ERR_OK) {
        code = audit_urls(&audit, book.network, err);
    }
    if (code == ERR_OK) {
        code = chain_reader_open(audit.live_url, audit.query_url, &sweep.chain, err);
    }
    if (code == ERR_OK) {
        code = run(&sweep, err);
    }
    (void)fflush(stdout);
    chain_reader_close(sweep.chain);
    book_deinit(&book);
    if (lock >= 0) {
        (void)close(lock);
    }
    return code;
}

static enum err_code read_input(struct input *input, struct err *err)
{
    enum err_code code = audit_check(&input->audit, err);
    if (code == ERR_OK && input->yes != (input->to_text != NULL)) {
        code = err_set(err, ERR_INVALID,
                       "--to IDENTITY and --yes go together; without both, nothing is moved");
    }
    if (code == ERR_OK && input->yes && input->audit.data == NULL) {
        code = err_set(err, ERR_INVALID,
                       "--yes needs --data DIR, where keys.sealed lies, with its server stopped");
    }
    if (code == ERR_OK && input->to_text != NULL) {
        code = qubic_identity_parse(bytes_of_text(input->to_text), &input->to, err);
        if (code != ERR_OK) {
            err_context(err, "--to");
        }
    }
    return code;
}

int sweep_command(int argc, char **argv)
{
    struct input input = {0};
    struct result result = {0};
    struct err err = {0};
    const struct argument table[] = {AUDIT_ARGUMENTS(input.audit),
                                     {"--to", &input.to_text, NULL, false},
                                     {"--passphrase-file", &input.passphrase_file, NULL, false},
                                     {"--yes", NULL, &input.yes, false}};
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    enum err_code code = read_input(&input, &err);
    if (code == ERR_OK) {
        code = guarded_run(work, &input, &result, sizeof result, &err);
    }
    if (code != ERR_OK) {
        fprintf(stderr, "tally sweep: %s\n", err.message);
        return code == ERR_INVALID ? 2 : 1;
    }
    return result.failed == 0 && result.refused == 0 ? 0 : 1;
}
