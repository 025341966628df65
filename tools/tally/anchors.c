// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/anchors.h"

#include "core/base/arena.h"
#include "core/event/codec.h"
#include "core/log/log_reader.h"
#include "core/settlement/payload.h"
#include "tools/tally/chain_reader.h"
#include "tools/tally/progress.h"

#include <inttypes.h>
#include <stdlib.h>

enum err_code anchors_take(struct anchors *anchors, const struct log_anchor *anchor,
                           struct err *err)
{
    if (anchors->count == anchors->capacity) {
        size_t capacity = anchors->capacity == 0 ? 64 : anchors->capacity * 2;
        struct known_anchor *list = realloc(anchors->list, capacity * sizeof *list);
        if (list == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for the list of anchors");
        }
        anchors->list = list;
        anchors->capacity = capacity;
    }
    anchors->list[anchors->count++] = (struct known_anchor){.said = *anchor};
    return ERR_OK;
}

void anchors_deinit(struct anchors *anchors)
{
    free(anchors->list);
    *anchors = (struct anchors){0};
}

/* ── what the log says ─────────────────────────────────────────────────────────────────────────── */

static enum err_code read_log_id(struct log_reader *reader, struct id16 *ret, struct err *err)
{
    struct arena arena;
    struct bytes record;
    struct event event;
    arena_init(&arena, 1 << 20);
    enum err_code code = log_reader_record(reader, 1, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, err);
    }
    if (code == ERR_OK) {
        *ret = event.u.ledger_opened.log_id;
    }
    arena_deinit(&arena);
    return code;
}

static enum err_code read_keys(struct log_reader *reader, struct anchors *anchors, struct err *err)
{
    enum err_code code = ERR_OK;
    uint64_t keys = 0;
    uint64_t sequence = 0;
    for (size_t i = 0; i < anchors->count; i++) {
        while (sequence < anchors->list[i].said.sequence && code == ERR_OK) {
            struct bytes record;
            struct record_header header = {0};
            code = log_reader_record(reader, ++sequence, &record, err);
            if (code == ERR_OK) {
                code = record_header_decode(record, &header, err);
            }
            keys += header.type == EVENT_SETTLEMENT_KEY_ADDED ? 1 : 0;
        }
        anchors->list[i].keys = keys;
    }
    return code;
}

/* Before the chain is asked: that takes long, and no snapshot should stay open so long. */
static enum err_code read_log(struct anchors *anchors, struct event_log *log, struct id16 *ret_id,
                              struct err *err)
{
    struct log_reader *reader;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    code = read_log_id(reader, ret_id, err);
    if (code == ERR_OK) {
        code = read_keys(reader, anchors, err);
    }
    log_reader_close(reader);
    return code;
}

/* ── what the chain says ───────────────────────────────────────────────────────────────────────── */

/* NULL, or what is wrong with it; its signature is good. */
static const char *fault_of(const struct qubic_transaction *tx, const struct log_anchor *anchor,
                            struct id16 log_id)
{
    struct payload payload;
    if (tx->tick != anchor->anchored.tick) {
        return "ran in another tick";
    }
    if (!key_equal(tx->source, tx->destination) || tx->amount != 0) {
        return "is a payment";
    }
    if (tx->input_type != PAYLOAD_INPUT_TYPE ||
        !payload_decode(bytes_of(tx->input, tx->input_size), &payload) ||
        payload.kind != PAYLOAD_ANCHOR) {
        return "does not carry an anchor";
    }
    if (!id_equal(payload.log_id, log_id)) {
        return "anchors another log";
    }
    if (!key_equal(payload.subject, anchor->anchored.root)) {
        return "carries another root";
    }
    return NULL;
}

static enum err_code not_found(struct chain_reader *chain, const struct log_anchor *anchor,
                               const char *tx_text, struct err *err)
{
    uint32_t processed = 0;
    enum err_code code = chain_reader_processed(chain, &processed, err);
    if (code != ERR_OK) {
        return code;
    }
    if (processed < anchor->anchored.tick) {
        return err_set(err, ERR_UNAVAILABLE,
                       "the archive ends at tick %" PRIu32 ", before tick %" PRIu64
                       " of the anchor in record %" PRIu64,
                       processed, anchor->anchored.tick, anchor->sequence);
    }
    return err_set(err, ERR_CORRUPT,
                   "the anchor in record %" PRIu64 " is not on this chain: no transaction %s",
                   anchor->sequence, tx_text);
}

/* A new one only if the log has named a key for it by then. */
static enum err_code take_source(struct anchors_found *found, struct key32 source,
                                 const struct known_anchor *anchor, struct err *err)
{
    for (size_t i = 0; i < found->identity_count; i++) {
        if (key_equal(found->identities[i], source)) {
            return ERR_OK;
        }
    }
    if (found->identity_count >= anchor->keys || found->identity_count == ANCHOR_IDENTITIES_MAX) {
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        qubic_identity_format(&source, text);
        return err_set(err, ERR_CORRUPT,
                       "the anchor in record %" PRIu64 " comes from %s: one identity more than the "
                       "%" PRIu64 " that the log has named keys for",
                       anchor->said.sequence, text, anchor->keys);
    }
    found->identities[found->identity_count++] = source;
    return ERR_OK;
}

static enum err_code ask_one(struct chain_reader *chain, const struct known_anchor *known,
                             struct id16 log_id, struct anchors_found *found, struct err *err)
{
    const struct log_anchor *anchor = &known->said;
    struct qubic_archived_transaction tx;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&anchor->anchored.tx_id, text);
    enum err_code code = chain_reader_transaction(chain, &anchor->anchored.tx_id, &tx, err);
    if (code == ERR_NOT_FOUND) {
        return not_found(chain, anchor, text, err);
    }
    if (code != ERR_OK) {
        err_context(err, "the log holds; the chain was asked for the anchor in record %" PRIu64,
                    anchor->sequence);
        return code;
    }
    const char *fault = fault_of(&tx.transaction, anchor, log_id);
    if (fault != NULL) {
        return err_set(err, ERR_CORRUPT,
                       "the anchor in record %" PRIu64 " is wrong: transaction %s %s",
                       anchor->sequence, text, fault);
    }
    found->on_chain++;
    return take_source(found, tx.transaction.source, known, err);
}

enum err_code anchors_ask_chain(struct anchors *anchors, struct event_log *log,
                                const char *query_url, bool quiet, struct anchors_found *ret,
                                struct err *err)
{
    struct chain_reader *chain = NULL;
    struct anchors_found found = {0};
    struct id16 log_id;
    enum err_code code = read_log(anchors, log, &log_id, err);
    if (code == ERR_OK) { /* the archive alone is asked */
        code = chain_reader_open(query_url, query_url, &chain, err);
    }
    struct progress progress = progress_start("asking the chain", quiet);
    for (size_t i = 0; i < anchors->count && code == ERR_OK; i++) {
        code = ask_one(chain, &anchors->list[i], log_id, &found, err);
        progress_records(&progress, i + 1, anchors->count);
    }
    progress_end(&progress);
    chain_reader_close(chain);
    if (code == ERR_OK) {
        *ret = found;
    }
    return code;
}
