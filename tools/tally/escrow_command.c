// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/escrow_command.h"

#include "core/base/time.h"
#include "core/settlement/stuck.h"
#include "tools/tally/arguments.h"
#include "tools/tally/escrow_look.h"
#include "tools/tally/guarded.h"
#include "tools/tally/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] =
    "usage: tally escrow show ID (--data DIR | --server URL) [--json]\n"
    "                             [--qubic-live-url URL] [--qubic-query-url URL]\n\n"
    "One escrow, by its own id or its job's: what the ledger says is owed, every leg with its\n"
    "attempts and their evidence, and beside it what the chain shows of its identity.\n";

struct input {
    struct audit audit;
    const char *verb;
    const char *id;
    bool json;
};

static const struct book_escrow *find(const struct book *book, struct id16 id)
{
    const struct book_escrow *found = book_escrow(book, id);
    for (size_t i = 0; i < book->escrow_count && found == NULL; i++) {
        found = id_equal(book->escrows[i].job_id, id) ? &book->escrows[i] : NULL;
    }
    return found;
}

/* ── what is owed ──────────────────────────────────────────────────────────────────────────────── */

struct owed {
    const char *kind;
    int64_t amount;
    const char *state; /* "paid", "in flight", "due", "nothing" */
    uint64_t attempts;
    uint64_t next_tick; /* when it is due: not before this one; 0: as soon as it can be */
};

static struct owed leg(const struct escrow_look *look, enum payment_kind kind, int64_t amount)
{
    struct owed owed = {.kind = payment_kind_word(kind),
                        .amount = amount,
                        .state = amount == 0 ? "nothing" : "due"};
    for (size_t i = 0; i < look->payments.ledger_count; i++) {
        const struct ledger_payment *payment = &look->payments.ledger[i];
        if (payment->kind != kind) {
            continue;
        }
        owed.attempts = payment->attempt;
        owed.next_tick = leg_backoff_tick(payment->attempt, payment->tick);
        if (payment->state != PAYMENT_LOST) {
            owed.state = payment->state == PAYMENT_FINAL ? "paid" : "in flight";
            owed.next_tick = 0;
        }
    }
    return owed;
}

static const char *verdict(const struct book *book, const struct book_escrow *escrow,
                           const struct escrow_look *look)
{
    if (book_found_open(book, escrow->id) > 0) {
        return "a part of the log that was lost paid from it: it is not paid from again";
    }
    if (look->missing != NULL) {
        return "the chain does not show what the ledger calls final: ask another archive";
    }
    if (look->spare == 0) {
        return "the chain shows what the ledger holds";
    }
    if (escrow->in_flight != 0) {
        return "a leg is in flight: it may have left already";
    }
    return look->spare < 0 ? "the chain shows less than the ledger holds"
                           : "there is more than the ledger knows of (tally sweep)";
}

static bool is_open(const struct owed *owed)
{
    return owed->amount != 0 && strcmp(owed->state, "paid") != 0;
}

/* Whether the server that was asked lacks the seed of a settlement key. What it cannot tell is not said. */
static bool lacks_key(const char *server, uint64_t key_id)
{
    json_t *ready = NULL;
    struct err unsaid = {0};
    const struct remote remote = {.url = server};
    bool lacks = false;
    if (server == NULL || remote_call(&remote, "GET", "/readyz", NULL, &ready, &unsaid) != ERR_OK) {
        return false;
    }
    const json_t *missing = json_object_get(json_object_get(ready, "settlement"), "keys_missing");
    for (size_t i = 0; i < json_array_size(missing); i++) {
        lacks = lacks || json_integer_value(json_array_get(missing, i)) == (json_int_t)key_id;
    }
    json_decref(ready);
    return lacks;
}

/* ── for a person ──────────────────────────────────────────────────────────────────────────────── */

static void print_ledger(const struct ledger_payment *p, const struct escrow_look *look)
{
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    const struct chain_payment *chain = escrow_look_chain(look, &p->tx_id);
    qubic_hash_format(&p->tx_id, tx_id);
    printf("  %9" PRIu64 "  %-8s %-7s %7" PRIu64 " %10" PRIu64 " %16" PRId64 "  %-9s %s\n",
           p->sequence, payment_kind_word(p->kind), payment_state_word(p->state), p->attempt,
           p->tick, p->amount,
           chain == NULL  ? "absent"
           : chain->moved ? "moved"
                          : "no money",
           tx_id);
    if (p->state == PAYMENT_LOST) {
        printf("             evidence: tick %" PRIu64
               " was processed, %s, a balance of tick %" PRIu64 " had not moved\n",
               p->processed_tick,
               p->no_money         ? "included without money"
               : p->tick_was_empty ? "its tick was empty"
                                   : "its tick does not have it",
               p->balance_tick);
    } else if (p->state == PAYMENT_FINAL && p->processed_tick != 0) {
        printf("             evidence: on the chain when tick %" PRIu64 " was processed\n",
               p->processed_tick);
    }
}

/* A transaction that the ledger has not done: found again after a restore, or unknown. */
static void outside_words(const struct book *book, const struct chain_payment *tx,
                          const char **ret_kind, const char **ret_state)
{
    const struct book_found *found = book_found(book, &tx->tx_id);
    *ret_kind = found == NULL ? NULL : enum_word(&paid_as_words, (uint32_t)found->paid_as);
    *ret_state = found == NULL ? "unknown" : "found";
}

static void print_unknown(const struct book *book, const struct escrow_look *look)
{
    const char *kind = NULL;
    const char *state = NULL;
    for (size_t i = 0; i < look->payments.chain_count; i++) {
        const struct chain_payment *tx = &look->payments.chain[i];
        char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
        if (escrow_look_ledger(look, &tx->tx_id) == NULL) {
            qubic_hash_format(&tx->tx_id, tx_id);
            outside_words(book, tx, &kind, &state);
            printf("  %9s  %-8s %-7s %7s %10" PRIu64 " %16" PRId64 "  %-9s %s\n", "-",
                   kind != NULL  ? kind
                   : tx->deposit ? "in"
                                 : "out",
                   state, "-", tx->tick, tx->amount, tx->moved ? "moved" : "no money", tx_id);
        }
    }
}

static void print_waiting(const struct owed *owed, int64_t since)
{
    char time[TIME_TEXT_SIZE];
    time_format(since, time);
    printf("waits       %s, since %s: %" PRIu64 " attempts", owed->kind, time, owed->attempts);
    if (owed->next_tick != 0) {
        printf(" were lost, the next one is signed in tick %" PRIu64 " or later", owed->next_tick);
    }
    printf("\n");
}

static void print_text(const struct book *book, const struct book_escrow *e,
                       const struct escrow_look *look, bool key_missing)
{
    const struct book_key *key = book_key(book, e->key_id);
    char id[ID_TEXT_SIZE];
    char job_id[ID_TEXT_SIZE];
    char identity[3][QUBIC_IDENTITY_TEXT_SIZE];
    const struct owed owed[] = {leg(look, PAYMENT_REFUND, e->refund),
                                leg(look, PAYMENT_PAYOUT, e->payout),
                                leg(look, PAYMENT_FEE, e->fee)};
    id_format(e->id, id);
    id_format(e->job_id, job_id);
    qubic_identity_format(&e->identity, identity[0]);
    qubic_identity_format(&e->consumer_identity, identity[1]);
    qubic_identity_format(&e->provider_identity, identity[2]);
    printf("escrow      %s\njob         %s\nidentity    %s\nconsumer    %s\nprovider    %s\n"
           "status      %s, asked for in record %" PRIu64 ", %" PRIu64 " confirmations\n"
           "lock        %" PRId64 " QUBIC, up to tick %" PRIu64 "\n",
           id, job_id, identity[0], identity[1], identity[2], book_status_word(e->status),
           e->sequence, e->confirmations, e->amount, e->last_tick);
    printf("key         settlement key %" PRIu64 "%s\n", e->key_id,
           key == NULL                 ? ", which the log does not have"
           : key->retired              ? ", retired"
           : e->key_id != book->key_id ? ", not the newest"
                                       : "");
    if (key_missing) {
        printf(
            "            its seed is not loaded at the server: nothing is signed for this escrow "
            "until it is\n");
    }
    if (e->short_by > 0) {
        printf("shortfall   %" PRId64 " QUBIC: settlement of this escrow stands still\n",
               e->short_by);
    }
    if (book->observing) {
        printf(
            "restored    settlement observes until an operator resumes it (docs/operations.md)\n");
    }
    printf("ledger      holds %" PRId64 " QUBIC\n", e->holds);
    if (e->status == BOOK_SETTLED) {
        printf("owed        ");
        for (size_t i = 0; i < sizeof owed / sizeof *owed; i++) {
            printf("%s%s %" PRId64 " (%s)", i == 0 ? "" : ", ", owed[i].kind, owed[i].amount,
                   owed[i].state);
        }
        printf(", decided in record %" PRIu64 "\n", e->settled_sequence);
        for (size_t i = 0; i < sizeof owed / sizeof *owed; i++) {
            if (is_open(&owed[i])) {
                print_waiting(&owed[i], e->settled_at);
            }
        }
    }
    printf("chain       %" PRId64 " QUBIC at tick %" PRIu32 ", %" PRIu32 " transfers in, %" PRIu32
           " out\n",
           look->balance.balance, look->balance.valid_for_tick, look->balance.incoming_count,
           look->balance.outgoing_count);
    printf("            %s", verdict(book, e, look));
    printf(look->spare != 0 ? ": %+" PRId64 " QUBIC\n" : "\n", look->spare);
    if (look->unread != 0) {
        printf("            %" PRId64 " QUBIC of deposits the server has not read yet\n",
               look->unread);
    }
    if (look->unknown != 0) {
        printf("            %" PRId64 " QUBIC left by transactions that the ledger does not know\n",
               look->unknown);
    }
    printf("\n  %9s  %-8s %-7s %7s %10s %16s  %-9s %s\n", "sequence", "kind", "state", "attempt",
           "tick", "QUBIC", "chain", "transaction");
    for (size_t i = 0; i < look->payments.ledger_count; i++) {
        print_ledger(&look->payments.ledger[i], look);
    }
    print_unknown(book, look);
}

/* ── for a program ─────────────────────────────────────────────────────────────────────────────── */

static void print_json_payments(const struct book *book, const struct escrow_look *look)
{
    const char *kind = NULL;
    const char *state = NULL;
    char tx_id[QUBIC_IDENTITY_TEXT_SIZE];
    bool first = true;
    for (size_t i = 0; i < look->payments.ledger_count; i++) {
        const struct ledger_payment *p = &look->payments.ledger[i];
        const struct chain_payment *chain = escrow_look_chain(look, &p->tx_id);
        qubic_hash_format(&p->tx_id, tx_id);
        printf("%s{\"sequence\":%" PRIu64 ",\"kind\":\"%s\",\"state\":\"%s\",\"attempt\":%" PRIu64
               ",\"tick\":%" PRIu64 ",\"amount\":%" PRId64 ",\"processed_tick\":%" PRIu64
               ",\"balance_tick\":%" PRIu64 ",\"chain\":\"%s\",\"transaction_id\":\"%s\"}",
               first ? "" : ",", p->sequence, payment_kind_word(p->kind),
               payment_state_word(p->state), p->attempt, p->tick, p->amount, p->processed_tick,
               p->balance_tick,
               chain == NULL  ? "absent"
               : chain->moved ? "moved"
                              : "no_money",
               tx_id);
        first = false;
    }
    for (size_t i = 0; i < look->payments.chain_count; i++) {
        const struct chain_payment *tx = &look->payments.chain[i];
        if (escrow_look_ledger(look, &tx->tx_id) == NULL) {
            qubic_hash_format(&tx->tx_id, tx_id);
            outside_words(book, tx, &kind, &state);
            printf("%s{\"sequence\":0,\"kind\":\"%s\",\"state\":\"%s\",\"attempt\":0,"
                   "\"tick\":%" PRIu64 ",\"amount\":%" PRId64 ",\"processed_tick\":0,"
                   "\"balance_tick\":0,\"chain\":\"%s\",\"transaction_id\":\"%s\"}",
                   first ? "" : ",",
                   kind != NULL  ? kind
                   : tx->deposit ? "deposit"
                                 : "unknown",
                   state, tx->tick, tx->amount, tx->moved ? "moved" : "no_money", tx_id);
            first = false;
        }
    }
}

static void print_json_owed(const struct book_escrow *e, const struct escrow_look *look)
{
    const struct owed owed[] = {leg(look, PAYMENT_REFUND, e->refund),
                                leg(look, PAYMENT_PAYOUT, e->payout),
                                leg(look, PAYMENT_FEE, e->fee)};
    char since[TIME_TEXT_SIZE];
    bool first = true;
    time_format(e->settled_at, since);
    for (size_t i = 0; i < sizeof owed / sizeof *owed && e->status == BOOK_SETTLED; i++) {
        if (is_open(&owed[i])) {
            printf("%s{\"kind\":\"%s\",\"amount\":%" PRId64
                   ",\"state\":\"%s\",\"since\":\"%s\",\"attempts\":%" PRIu64
                   ",\"next_tick\":%" PRIu64 "}",
                   first ? "" : ",", owed[i].kind, owed[i].amount, owed[i].state, since,
                   owed[i].attempts, owed[i].next_tick);
            first = false;
        }
    }
}

static void print_json(const struct book *book, const struct book_escrow *e,
                       const struct escrow_look *look)
{
    char id[ID_TEXT_SIZE];
    char job_id[ID_TEXT_SIZE];
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    id_format(e->id, id);
    id_format(e->job_id, job_id);
    qubic_identity_format(&e->identity, identity);
    printf("{\"id\":\"%s\",\"job_id\":\"%s\",\"identity\":\"%s\",\"status\":\"%s\",\"sequence\":"
           "%" PRIu64 ",\"amount\":%" PRId64 ",\"last_tick\":%" PRIu64 ",\"confirmations\":%" PRIu64
           ",\"holds\":%" PRId64 ",\"refund\":%" PRId64 ",\"payout\":%" PRId64 ",\"fee\":%" PRId64
           ",\"shortfall\":%" PRId64 ",\"found_open\":%zu,\"done\":%s,\"balance\":%" PRId64
           ",\"balance_tick\":%" PRIu32 ",\"unread\":%" PRId64 ",\"unknown\":%" PRId64
           ",\"missing\":%zu,\"spare\":%" PRId64 ",\"key_id\":%" PRIu64 ",\"payments\":[",
           id, job_id, identity, book_status_word(e->status), e->sequence, e->amount, e->last_tick,
           e->confirmations, e->holds, e->refund, e->payout, e->fee, e->short_by,
           book_found_open(book, e->id), book_escrow_is_done(e) ? "true" : "false",
           look->balance.balance, look->balance.valid_for_tick, look->unread, look->unknown,
           look->missing_count, look->spare, e->key_id);
    print_json_payments(book, look);
    printf("],\"waiting\":[");
    print_json_owed(e, look);
    printf("]}\n");
}

/* ── the command ───────────────────────────────────────────────────────────────────────────────── */

static enum err_code show(const struct input *input, const struct book *book, struct id16 id,
                          struct chain_reader *chain, struct err *err)
{
    struct escrow_look look = {0};
    const struct book_escrow *escrow = find(book, id);
    if (escrow == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "the log has no escrow, and no job with one, of the id %s", input->id);
    }
    enum err_code code = escrow_look(book, escrow, chain, &look, err);
    if (code == ERR_OK && input->json) {
        print_json(book, escrow, &look);
    } else if (code == ERR_OK) {
        print_text(book, escrow, &look, lacks_key(input->audit.server, escrow->key_id));
    }
    escrow_look_deinit(&look);
    return code == ERR_OK && fflush(stdout) != 0 ? err_set(err, ERR_IO, "standard output") : code;
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    struct audit audit = input->audit;
    struct book book = {0};
    struct chain_reader *chain = NULL;
    struct id16 id = {0};
    (void)out;
    enum err_code code = id_parse(bytes_of_text(input->id), &id, err);
    if (code == ERR_OK) {
        code = audit_read_book(&audit, input->json, &book, err);
    }
    if (code == ERR_OK) {
        code = audit_urls(&audit, book.network, err);
    }
    if (code == ERR_OK) {
        code = chain_reader_open(audit.live_url, audit.query_url, &chain, err);
    }
    if (code == ERR_OK) {
        code = show(input, &book, id, chain, err);
    }
    chain_reader_close(chain);
    book_deinit(&book);
    return code;
}

int escrow_command(int argc, char **argv)
{
    struct input input = {0};
    struct err err = {0};
    char nothing = 0;
    const struct argument table[] = {{"show", &input.verb, NULL, true},
                                     {"ID", &input.id, NULL, true},
                                     AUDIT_ARGUMENTS(input.audit),
                                     {"--json", NULL, &input.json, false}};
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    enum err_code code = audit_check(&input.audit, &err);
    if (code == ERR_OK && strcmp(input.verb, "show") != 0) {
        code =
            err_set(&err, ERR_INVALID, "'%.40s': there is only `tally escrow show ID`", input.verb);
    }
    if (code == ERR_OK) {
        code = guarded_run(work, &input, &nothing, sizeof nothing, &err);
    }
    if (code != ERR_OK) {
        fprintf(stderr, "tally escrow: %s\n", err.message);
        return code == ERR_INVALID ? 2 : 1;
    }
    return 0;
}
