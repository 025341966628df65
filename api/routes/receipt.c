/* A job's receipt: the public records that its bill follows from, each with the proof that it is under a signed checkpoint, so that anybody can check
 * it without a server (`tally verify --receipt`). They are: who the log is (record 1), the terms and the quote, the job and its end, and all that its
 * escrow saw. What was measured and written meanwhile is not among them: the end says what is paid for. */
// SPDX-License-Identifier: Apache-2.0
#include "api/job_access.h"
#include "api/route.h"
#include "core/base/text.h"
#include "core/crypto/merkle.h"
#include "projections/jobs.h"
#include "projections/streams.h"

#include <stdlib.h>
#include <string.h>

#define RECEIPT_VERSION 1
#define ESCROW_RECORDS_MAX 512 /* strangers may send an escrow as much dust as they like */
#define RECORDS_MAX (5 + ESCROW_RECORDS_MAX)

struct receipt {
    struct reading *reading;
    uint64_t size; /* records under the checkpoint */
    uint64_t sequences[RECORDS_MAX];
    size_t count;
    bool complete;
    struct err err;
};

static void add(struct receipt *receipt, uint64_t sequence)
{
    if (sequence > receipt->size) {
        receipt->complete = false; /* younger than the checkpoint */
    } else if (sequence != 0) {
        receipt->sequences[receipt->count++] = sequence;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t left;
    uint64_t right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right ? 1 : 0;
}

static void collect(struct receipt *receipt, struct id16 job_id)
{
    uint64_t escrow[ESCROW_RECORDS_MAX + 1];
    uint64_t quote = 0;
    struct event event;
    struct job_view view;
    struct store *store = receipt->reading->store;
    add(receipt, 1);
    if (!jobs_get(store, job_id, &view)) {
        return;
    }
    if (streams_after(store, STREAM_QUOTE, view.quote_id, 0, &quote, 1) == 1 &&
        reading_event(receipt->reading, quote, &event)) {
        add(receipt, event.u.quote_issued.terms_sequence);
        add(receipt, quote);
    }
    add(receipt, view.created_sequence);
    add(receipt, view.end_sequence);
    size_t count = streams_after(store, STREAM_ESCROW, view.escrow_id, 0, escrow,
                                 sizeof escrow / sizeof *escrow);
    for (size_t i = 0; i < count && i < ESCROW_RECORDS_MAX; i++) {
        add(receipt, escrow[i]);
    }
    receipt->complete = receipt->complete && count <= ESCROW_RECORDS_MAX &&
                        view.end_sequence != 0 && jobs_is_settled(&view);
    qsort(receipt->sequences, receipt->count, sizeof *receipt->sequences, by_number);
}

/* NULL with receipt->err. */
static json_t *json_of_record(struct receipt *receipt, uint64_t sequence)
{
    struct bytes record;
    struct merkle_proof proof;
    struct log_reader *log = receipt->reading->log;
    struct merkle_source nodes = log_reader_nodes(log);
    if (log_reader_record(log, sequence, &record, &receipt->err) != ERR_OK ||
        merkle_prove_inclusion(&nodes, sequence - 1, receipt->size, &proof, &receipt->err) !=
            ERR_OK) {
        return NULL;
    }
    char *hex = arena_alloc(receipt->reading->arena, record.size * 2 + 1);
    if (hex == NULL) {
        (void)err_set(&receipt->err, ERR_NOMEM, "no memory for a receipt");
        return NULL;
    }
    hex_encode(record, hex);
    json_t *hashes = json_array();
    for (size_t i = 0; i < proof.count; i++) {
        char text[65];
        hex_encode(bytes_of(proof.hashes[i].b, sizeof proof.hashes[i].b), text);
        (void)json_array_append_new(hashes, json_string(text));
    }
    return json_pack("{s:I,s:s,s:o}", "sequence", (json_int_t)sequence, "record", hex, "hashes",
                     hashes);
}

/* The second line of the note. */
static uint64_t size_of(struct bytes note)
{
    const char *line = memchr(note.data, '\n', note.size);
    return line == NULL ? 0 : strtoull(line + 1, NULL, 10);
}

static json_t *json_of_receipt(struct receipt *receipt, struct bytes note, const struct call *call)
{
    json_t *records = json_array();
    for (size_t i = 0; i < receipt->count; i++) {
        json_t *record = json_of_record(receipt, receipt->sequences[i]);
        if (record == NULL) {
            json_decref(records);
            return NULL;
        }
        (void)json_array_append_new(records, record);
    }
    return json_pack("{s:i,s:o,s:s,s:o,s:b,s:o}", "version", RECEIPT_VERSION, "job_id",
                     json_of_id(call->id), "origin", ledger_origin(call->api->ledger), "checkpoint",
                     json_of_text(note), "complete", (int)receipt->complete, "records", records);
}

static void get_receipt(struct call *call)
{
    struct reading reading;
    struct job_row job;
    struct bytes note = {0};
    struct receipt receipt = {.reading = &reading, .complete = true};
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    bool visible = job_is_visible(call, &reading, &job);
    bool is_signed = visible && log_reader_checkpoint(reading.log, &note);
    if (is_signed) {
        receipt.size = size_of(note);
        collect(&receipt, call->id);
        json = json_of_receipt(&receipt, note, call);
    }
    reading_close(&reading);
    if (!visible) {
        job_is_missing(call);
    } else if (!is_signed) {
        call_problem(call, 404, "no_checkpoint",
                     "no checkpoint was signed yet; ask again in a second");
    } else if (json == NULL && receipt.err.code != ERR_OK) {
        call_refuse(call, &receipt.err);
    } else {
        call_reply(call, 200, json);
    }
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/jobs/{id}/receipt", JOB_READERS, BODY_NONE, get_receipt},
};
const struct route_table ROUTES_RECEIPT = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
