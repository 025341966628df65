// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/receipt.h"

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/merkle.h"
#include "core/crypto/note.h"
#include "core/event/codec.h"
#include "tools/tally/arguments.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIPT_VERSION 1

struct checking {
    json_t *json;
    struct arena arena;
    struct receipt_facts *facts;
    const struct ev_terms_set *terms;
    const struct ev_quote_issued *quote;
    const struct ev_job_created *job;
    const struct ev_job_end *end;
    const struct ev_escrow_settled *settled;
    struct id16 quote_id;
    uint64_t terms_sequence;
};

static struct bytes text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
                                 : (struct bytes){0};
}

static enum err_code bad(struct err *err, uint64_t sequence, const char *sentence)
{
    return err_set(err, ERR_CORRUPT, "record %" PRIu64 ": %s", sequence, sentence);
}

/* ── one record ────────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_record(struct checking *c, const json_t *item, uint64_t *ret_sequence,
                                 struct bytes *ret, struct err *err)
{
    json_int_t sequence = json_integer_value(json_object_get(item, "sequence"));
    struct bytes hex = text_of(item, "record");
    uint8_t *bytes = arena_alloc(&c->arena, hex.size / 2 + 1);
    if (sequence <= 0 || hex.size == 0 || hex.size % 2 != 0 || bytes == NULL ||
        hex_decode(hex, bytes, hex.size / 2, err) != ERR_OK) {
        return err_set(err, ERR_INVALID, "a receipt's records are {sequence, record, hashes}");
    }
    *ret_sequence = (uint64_t)sequence;
    *ret = bytes_of(bytes, hex.size / 2);
    return ERR_OK;
}

static enum err_code check_proof(const struct checking *c, const json_t *item, uint64_t sequence,
                                 struct bytes record, struct err *err)
{
    const struct checkpoint *checkpoint = &c->facts->checkpoint;
    const json_t *hashes = json_object_get(item, "hashes");
    struct merkle_proof proof = {.count = json_array_size(hashes)};
    if (proof.count > MERKLE_PROOF_MAX) {
        return bad(err, sequence, "its proof is too long");
    }
    for (size_t i = 0; i < proof.count; i++) {
        const json_t *hash = json_array_get(hashes, i);
        if (!json_is_string(hash) ||
            hex_decode(bytes_of(json_string_value(hash), json_string_length(hash)),
                       proof.hashes[i].b, sizeof proof.hashes[i].b, NULL) != ERR_OK) {
            return bad(err, sequence, "a hash of its proof is not 64 hex digits");
        }
    }
    if (sequence > checkpoint->size ||
        !merkle_verify_inclusion(&proof, sequence - 1, checkpoint->size, merkle_leaf(record),
                                 checkpoint->root)) {
        return bad(err, sequence, "it is not under the signed checkpoint");
    }
    return ERR_OK;
}

/* Who the log is; the checkpoint's signature hangs on it. */
static enum err_code open_checkpoint(struct checking *c, struct err *err)
{
    uint64_t sequence = 0;
    struct bytes record = {0};
    struct event event;
    char origin[NOTE_NAME_MAX];
    struct bytes said = text_of(c->json, "origin");
    enum err_code code = read_record(c, json_array_get(json_object_get(c->json, "records"), 0),
                                     &sequence, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, &c->arena, &event, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (sequence != 1 || event.type->number != EVENT_LEDGER_OPENED || said.size == 0) {
        return err_set(err, ERR_INVALID, "a receipt begins with record 1, ledger.opened");
    }
    const char *slash = strrchr((const char *)said.data, '/');
    uint64_t generation = slash == NULL ? 0 : strtoull(slash + 1, NULL, 10);
    code = log_origin(&event.u.ledger_opened, generation, origin, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!bytes_equal(bytes_of_text(origin), said) ||
        generation < event.u.ledger_opened.generation) {
        return err_set(err, ERR_CORRUPT, "the origin is not that of record 1");
    }
    memcpy(c->facts->origin, origin, sizeof origin);
    hex_encode(bytes_of(event.u.ledger_opened.checkpoint_key.b, 32), c->facts->key);
    return checkpoint_open(text_of(c->json, "checkpoint"), origin,
                           event.u.ledger_opened.checkpoint_key, &c->facts->checkpoint, err);
}

/* ── the job ───────────────────────────────────────────────────────────────────────────────────── */

static const void *kept(struct checking *c, const void *part, size_t size)
{
    void *copy = arena_alloc(&c->arena, size);
    if (copy != NULL) {
        memcpy(copy, part, size);
    }
    return copy;
}

static int64_t confirmed_of(const struct event *event)
{
    switch (event->type->number) {
    case EVENT_PAYOUT_CONFIRMED:
    case EVENT_REFUND_CONFIRMED:
    case EVENT_FEE_CONFIRMED: {
        bool returns = !key_is_zero(event->u.payout_confirmed.deposit_tx);
        return returns ? 0 : event->u.payout_confirmed.amount;
    }
    default:
        return 0;
    }
}

/* Records of another job would prove nothing of this one. */
static enum err_code take(struct checking *c, uint64_t sequence, const struct event *event,
                          struct err *err)
{
    bool ours = true;
    switch (event->type->number) {
    case EVENT_TERMS_SET:
        c->terms = kept(c, &event->u.terms_set, sizeof *c->terms);
        c->terms_sequence = sequence;
        break;
    case EVENT_QUOTE_ISSUED:
        c->quote = kept(c, &event->u.quote_issued, sizeof *c->quote);
        c->quote_id = event->stream_id;
        break;
    case EVENT_JOB_CREATED:
        ours = id_equal(event->stream_id, c->facts->job_id);
        c->job = kept(c, &event->u.job_created, sizeof *c->job);
        break;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        ours = id_equal(event->stream_id, c->facts->job_id);
        c->end = kept(c, &event->u.job_completed, sizeof *c->end);
        break;
    case EVENT_ESCROW_SETTLED:
        ours = id_equal(event->u.escrow_settled.job_id, c->facts->job_id);
        c->settled = kept(c, &event->u.escrow_settled, sizeof *c->settled);
        break;
    default:
        if (event->type->stream_kind == STREAM_ESCROW) {
            ours = c->job != NULL && id_equal(event->stream_id, c->job->escrow_id);
        }
        break;
    }
    c->facts->confirmed += ours ? confirmed_of(event) : 0;
    return ours ? ERR_OK : bad(err, sequence, "it is of another job");
}

static bool is_paid(const struct ev_terms_set *terms, enum ending ending)
{
    const struct ev_failure_term *items = terms->failure_terms.items;
    for (size_t i = 0; i < terms->failure_terms.count; i++) {
        if (items[i].ending == ending) {
            return items[i].provider_paid;
        }
    }
    return false;
}

/* Computed again, by the rules everybody can read, and compared. */
static enum err_code check_bill(struct checking *c, struct err *err)
{
    struct receipt_facts *facts = c->facts;
    if (c->job == NULL || c->quote == NULL || c->terms == NULL ||
        !id_equal(c->job->quote_id, c->quote_id) || c->quote->terms_sequence != c->terms_sequence ||
        c->job->rate != c->quote->rate || c->job->cap != c->quote->cap) {
        return err_set(err, ERR_CORRUPT, "the job, its quote and the quote's terms do not fit");
    }
    facts->rate = c->job->rate;
    facts->cap = c->job->cap;
    if (c->end == NULL) {
        return ERR_OK;
    }
    facts->ending = enum_word(&ending_words, (uint32_t)c->end->ending);
    facts->used_ms = c->end->used_ms;
    if (c->settled == NULL) {
        return ERR_OK;
    }
    if (!billing_compute(facts->used_ms, facts->rate, facts->cap, c->quote->fee_bps,
                         is_paid(c->terms, c->end->ending), &facts->bill) ||
        c->settled->locked != facts->cap || c->settled->gross != facts->bill.gross ||
        c->settled->fee != facts->bill.fee || c->settled->payout != facts->bill.payout ||
        c->settled->refund != facts->bill.refund) {
        return err_set(err, ERR_CORRUPT,
                       "escrow.settled is not what terms, quote and the job's end give");
    }
    if (facts->confirmed > facts->cap) {
        return err_set(err, ERR_CORRUPT, "more was paid than was locked");
    }
    facts->has_bill = true;
    return ERR_OK;
}

static enum err_code check_records(struct checking *c, struct err *err)
{
    uint64_t before = 0;
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(c->json, "records"), index, item)
    {
        uint64_t sequence = 0;
        struct bytes record = {0};
        struct event event;
        enum err_code code = read_record(c, item, &sequence, &record, err);
        if (code == ERR_OK) {
            code = sequence <= before ? bad(err, sequence, "it does not come after the one before")
                                      : check_proof(c, item, sequence, record, err);
        }
        if (code == ERR_OK) {
            code = record_decode(record, &c->arena, &event, err);
        }
        if (code == ERR_OK) {
            code = take(c, sequence, &event, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        before = sequence;
        c->facts->records++;
    }
    return ERR_OK;
}

enum err_code receipt_check(struct bytes text, struct receipt_facts *ret, struct err *err)
{
    struct receipt_facts facts = {0};
    struct checking c = {.facts = &facts};
    enum err_code code = ERR_OK;
    c.json = json_loadb(text.size == 0 ? "" : (const char *)text.data, text.size,
                        JSON_REJECT_DUPLICATES, NULL);
    arena_init(&c.arena, (size_t)64 << 20);
    if (json_integer_value(json_object_get(c.json, "version")) != RECEIPT_VERSION ||
        id_parse(text_of(c.json, "job_id"), &facts.job_id, NULL) != ERR_OK) {
        code = err_set(err, ERR_INVALID,
                       "this is no receipt of version %d, as GET /v1/jobs/{id}/receipt gives it",
                       RECEIPT_VERSION);
    }
    if (code == ERR_OK) {
        code = open_checkpoint(&c, err);
    }
    if (code == ERR_OK) {
        code = check_records(&c, err);
    }
    if (code == ERR_OK) {
        code = check_bill(&c, err);
    }
    if (code == ERR_OK) {
        *ret = facts;
    }
    arena_deinit(&c.arena);
    json_decref(c.json);
    return code;
}

/* ── the command ───────────────────────────────────────────────────────────────────────────────── */

static const char usage_text[] =
    "usage: tally verify --receipt FILE\n\n"
    "Check a job's receipt (GET /v1/jobs/{id}/receipt) without a server: the checkpoint is signed "
    "by the "
    "key that\nrecord 1 names, every record is under it, and the bill follows from terms, quote "
    "and end. "
    "Compare log and key with\nwhat you have from elsewhere. Exit status 0: all holds.\n";

static void print_facts(const struct receipt_facts *facts)
{
    char job[ID_TEXT_SIZE];
    id_format(facts->job_id, job);
    printf("log         %s\nkey         %s\ncheckpoint  signature holds at %" PRIu64
           " records\nrecords     %zu, all under it\njob         %s\n",
           facts->origin, facts->key, facts->checkpoint.size, facts->records, job);
    if (facts->ending == NULL) {
        printf("bill        none yet: the job had not ended\n");
    } else if (!facts->has_bill) {
        printf("bill        none: ended as %s, and nothing was settled\n", facts->ending);
    } else {
        printf("bill        %s, %" PRIu64 " ms at %" PRId64 " an hour, at most %" PRId64
               ": used %" PRId64 ", fee %" PRId64 ", provider %" PRId64 ", back %" PRId64
               "\non chain    %" PRId64 " of %" PRId64 "\n",
               facts->ending, facts->used_ms, facts->rate, facts->cap, facts->bill.gross,
               facts->bill.fee, facts->bill.payout, facts->bill.refund, facts->confirmed,
               facts->cap);
    }
    printf("verified\n");
}

int receipt_command(int argc, char **argv)
{
    const char *path = NULL;
    struct receipt_facts facts;
    struct err err = {0};
    struct buf text;
    const struct argument table[] = {{"--receipt", &path, NULL, true}};
    int status = arguments_parse(usage_text, table, 1, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    buf_init(&text, (size_t)64 << 20);
    enum err_code code = file_read(path, &text, &err);
    if (code == ERR_OK) {
        code = receipt_check(buf_bytes(&text), &facts, &err);
    }
    buf_deinit(&text);
    if (code != ERR_OK) {
        (void)fprintf(stderr, "tally verify: %s\n", err.message);
        return 1;
    }
    print_facts(&facts);
    return 0;
}
