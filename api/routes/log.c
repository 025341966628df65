/* The log for anyone who wants to check it: checkpoint, tiles, entries, proofs. Public: records hold no private parts. */
// SPDX-License-Identifier: Apache-2.0
#include "api/log_path.h"
#include "api/route.h"
#include "core/base/text.h"
#include "core/crypto/merkle.h"

#include <inttypes.h>
#include <string.h>

#define ENTRIES_SIZE_MAX ((size_t)TILE_WIDTH_MAX * (RECORD_SIZE_MAX + 2))

static bool log_open(struct call *call, struct log_reader **ret)
{
    struct err err = {0};
    if (log_reader_open(ledger_log(call->api->ledger), ret, &err) != ERR_OK) {
        call_refuse(call, &err);
        return false;
    }
    return true;
}

static void respond(struct call *call, const char *type, const char *cache, struct bytes body)
{
    const struct http_field headers[] = {{"Cache-Control", cache},
                                         {"Access-Control-Allow-Origin", "*"},
                                         {"X-Content-Type-Options", "nosniff"}};
    const struct http_response response = {
        .status = 200,
        .content_type = type,
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
        .body = body,
    };
    call_respond(call, &response);
}

static void get_checkpoint(struct call *call)
{
    struct log_reader *log;
    struct bytes note;
    struct bytes copy = {0};
    if (!log_open(call, &log)) {
        return;
    }
    bool found = log_reader_checkpoint(log, &note);
    if (found) {
        copy = arena_copy(&call->arena, note);
    }
    log_reader_close(log);
    if (!found) {
        call_problem(call, 404, "no_checkpoint",
                     "no checkpoint was signed yet; ask again in a second");
        return;
    }
    respond(call, "text/plain; charset=utf-8", "no-cache", copy);
}

/* ── tiles ─────────────────────────────────────────────────────────────────────────────────────── */

static enum err_code append_hashes(struct log_reader *log, const struct tile_path *path,
                                   struct buf *body, struct err *err)
{
    struct key32 hashes[TILE_WIDTH_MAX];
    enum err_code code = log_reader_tile(log, path->level, path->index, path->width, hashes, err);
    if (code == ERR_OK) {
        buf_append(body, hashes, path->width * sizeof *hashes);
    }
    return code;
}

/* Each record with its length in two bytes in front. */
static enum err_code append_entries(struct log_reader *log, const struct tile_path *path,
                                    struct buf *body, struct err *err)
{
    uint64_t first = path->index * TILE_WIDTH_MAX;
    if (path->index > log_reader_size(log) || first + path->width > log_reader_size(log)) {
        return err_set(err, ERR_NOT_FOUND, "no_such_tile: the log has %" PRIu64 " records",
                       log_reader_size(log));
    }
    for (size_t i = 0; i < path->width; i++) {
        struct bytes record;
        uint8_t size[2];
        enum err_code code = log_reader_record(log, first + i + 1, &record, err);
        if (code != ERR_OK) {
            return code;
        }
        put_be16(size, (uint16_t)record.size);
        buf_append(body, size, sizeof size);
        buf_append_bytes(body, record);
    }
    return ERR_OK;
}

static void get_tile(struct call *call)
{
    struct log_reader *log;
    struct tile_path path;
    struct buf body;
    struct err err = {0};
    if (tile_path_parse(call->rest, &path, &err) != ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    if (!log_open(call, &log)) {
        return;
    }
    buf_init(&body, ENTRIES_SIZE_MAX);
    enum err_code code = path.is_entries ? append_entries(log, &path, &body, &err)
                                         : append_hashes(log, &path, &body, &err);
    log_reader_close(log);
    if (code == ERR_OK) {
        code = buf_check(&body, &err);
    }
    if (code == ERR_OK) { /* a tile of a given width never changes */
        respond(call, "application/octet-stream", "public, max-age=31536000, immutable",
                buf_bytes(&body));
    } else if (code == ERR_NOT_FOUND) {
        call_problem(call, 404, "no_such_tile", "the log is not that long");
    } else {
        call_refuse(call, &err);
    }
    buf_deinit(&body);
}

/* ── proofs ────────────────────────────────────────────────────────────────────────────────────── */

static bool number_param(struct call *call, const char *name, uint64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    if (text == NULL || u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK) {
        call_problem(call, 422, "parameter_invalid", "%s= is needed, a number of records", name);
        return false;
    }
    return true;
}

static json_t *json_of_proof(const struct merkle_proof *proof)
{
    json_t *hashes = json_array();
    for (size_t i = 0; i < proof->count; i++) {
        char hex[65];
        hex_encode(bytes_of(proof->hashes[i].b, sizeof proof->hashes[i].b), hex);
        (void)json_array_append_new(hashes, json_string(hex));
    }
    return hashes;
}

/* Either proof: `index` of a leaf or an older size, within a tree of `size`. */
static void prove(struct call *call, bool is_inclusion, uint64_t index, uint64_t size)
{
    struct log_reader *log;
    struct merkle_proof proof;
    struct err err = {0};
    if (!log_open(call, &log)) {
        return;
    }
    uint64_t head = log_reader_size(log);
    enum err_code code = ERR_NOT_FOUND;
    if (size <= head && (is_inclusion ? index < size : index <= size)) {
        struct merkle_source nodes = log_reader_nodes(log);
        code = is_inclusion ? merkle_prove_inclusion(&nodes, index, size, &proof, &err)
                            : merkle_prove_consistency(&nodes, index, size, &proof, &err);
    }
    log_reader_close(log);
    if (code == ERR_NOT_FOUND) {
        call_problem(call, 404, "no_such_proof",
                     is_inclusion ? "1 ≤ sequence ≤ size ≤ %" PRIu64 " (the log's size) must hold"
                                  : "from ≤ to ≤ %" PRIu64 " (the log's size) must hold",
                     head);
    } else if (code != ERR_OK) {
        call_refuse(call, &err);
    } else {
        call_reply(call, 200,
                   json_pack("{s:I,s:I,s:o}", is_inclusion ? "index" : "from", (json_int_t)index,
                             "size", (json_int_t)size, "hashes", json_of_proof(&proof)));
    }
}

static void get_inclusion(struct call *call)
{
    uint64_t sequence;
    uint64_t size;
    if (number_param(call, "sequence", &sequence) && number_param(call, "size", &size)) {
        prove(call, true, sequence - 1, size); /* 0 − 1 is beyond every size */
    }
}

static void get_consistency(struct call *call)
{
    uint64_t from;
    uint64_t to;
    if (number_param(call, "from", &from) && number_param(call, "to", &to)) {
        prove(call, false, from, to);
    }
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/log/checkpoint", ROUTE_PUBLIC, BODY_NONE, get_checkpoint},
    {HTTP_GET, "/v1/log/tile/{tail}", ROUTE_PUBLIC, BODY_NONE, get_tile},
    {HTTP_GET, "/v1/log/proof/inclusion", ROUTE_PUBLIC, BODY_NONE, get_inclusion},
    {HTTP_GET, "/v1/log/proof/consistency", ROUTE_PUBLIC, BODY_NONE, get_consistency},
};
const struct route_table ROUTES_LOG = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
