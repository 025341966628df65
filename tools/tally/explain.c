// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/explain.h"

#include "core/base/arena.h"
#include "core/base/driver_version.h"
#include "core/base/file.h"
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "projections/marketplace.h"
#include "projections/matchmaking.h"
#include "tools/tally/cli.h"
#include "tools/tally/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ── what was recorded ─────────────────────────────────────────────────────────────────────────── */

static enum err_code read_event(struct log_reader *reader, uint64_t sequence, struct arena *arena,
                                struct event *ret, struct err *err)
{
    struct bytes record = {0};
    enum err_code code = log_reader_record(reader, sequence, &record, err);
    return code == ERR_OK ? record_decode(record, arena, ret, err) : code;
}

/* The match asked for, or the newest, from the end of the log backwards. `ret` borrows from reader and arena. */
static enum err_code find_match(struct log_reader *reader, struct id16 wanted, struct arena *arena,
                                uint64_t *ret_sequence, struct event *ret, struct err *err)
{
    char text[ID_TEXT_SIZE];
    for (uint64_t sequence = log_reader_size(reader); sequence > 0; sequence--) {
        struct bytes record = {0};
        struct record_header header;
        enum err_code code = log_reader_record(reader, sequence, &record, err);
        if (code == ERR_OK) {
            code = record_header_decode(record, &header, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        if (header.type == EVENT_MATCH_COMPUTED &&
            (id_is_zero(wanted) || id_equal(wanted, header.stream_id))) {
            *ret_sequence = sequence;
            return read_event(reader, sequence, arena, ret, err);
        }
    }
    id_format(wanted, text);
    return id_is_zero(wanted) ? err_set(err, ERR_NOT_FOUND, "the log has no match yet")
                              : err_set(err, ERR_NOT_FOUND, "the log has no match %s", text);
}

/* ── what is computed now ──────────────────────────────────────────────────────────────────────── */

static void copy_rows(const struct ranking *ranking, struct explained *ret)
{
    ret->row_count = ranking->count < EXPLAIN_ROWS ? ranking->count : EXPLAIN_ROWS;
    for (size_t i = 0; i < ret->row_count; i++) {
        const struct match *match = &ranking->matches[i];
        const struct candidate *candidate = &ranking->candidates[match->index];
        struct explain_row *row = &ret->rows[i];
        struct buf why;
        *row = (struct explain_row){.offer_id = candidate->offer_id,
                                    .fit = match->fit,
                                    .score = match->score,
                                    .p50_ms = match->p50_ms,
                                    .p90_ms = match->p90_ms,
                                    .cost = match->cost};
        buf_init(&why, 4096);
        match_why(ranking->needs, candidate, ranking->now, &why);
        (void)snprintf(row->why, sizeof row->why, "%s", buf_text(&why));
        buf_deinit(&why);
    }
    ret->offer_count = ranking->count;
    memcpy(ret->classes, ranking->classes, sizeof ret->classes);
}

static enum err_code compute(struct store *store, int64_t now, struct explained *ret,
                             struct err *err)
{
    struct upload_row upload;
    struct matchmaking made = {0};
    if (!state_upload(store, ret->upload_id, &upload)) {
        return err_set(err, ERR_CORRUPT,
                       "the match is of an upload that the log did not have then");
    }
    ret->needs = upload_needs_as(&upload, ret->item, ret->network);
    enum err_code code = matchmaking_create(store, &upload, &ret->needs, now, &made, err);
    if (code == ERR_OK) {
        copy_rows(&made.ranking, ret);
        code = matchmaking_digest(&made.ranking, &ret->computed, err);
    }
    matchmaking_destroy(&made);
    return code;
}

/* Views of the log's first `to` records, with the one projection that matching reads. */
static enum err_code replay_to(const struct explain_input *input, struct event_log *log,
                               uint64_t to, struct views **ret, struct err *err)
{
    static const struct projection *const MARKET[] = {&PROJECTION_MARKETPLACE};
    struct progress progress = progress_start("replaying", input->quiet);
    struct replay replay = {.log = log,
                            .projections = {MARKET, 1},
                            .to = to,
                            .progress = progress_records,
                            .ctx = &progress};
    struct views_options options = {.folder = input->scratch};
    enum err_code code = replay_open_views(&options, &replay.projections, &replay.views, err);
    if (code == ERR_OK) {
        code = replay_run(&replay, 0, err);
    }
    progress_end(&progress);
    *ret = replay.views;
    return code;
}

/* ── one against the other ─────────────────────────────────────────────────────────────────────── */

static void print_row(const struct explain_row *row, char *ret, size_t size)
{
    char id[ID_TEXT_SIZE];
    const char *fit = enum_word(&fit_words, (uint32_t)row->fit);
    id_format(row->offer_id, id);
    (void)snprintf(ret, size,
                   "%s %s, score %" PRIu64 ", %" PRIu64 " to %" PRIu64 " ms, cost %" PRId64, id,
                   fit == NULL ? "?" : fit, row->score, row->p50_ms, row->p90_ms, row->cost);
}

static void compare(const struct ev_match_computed *recorded, struct explained *ret)
{
    size_t kept = recorded->ranking.count;
    size_t both = kept < ret->row_count ? kept : ret->row_count;
    ret->compared = true;
    if (recorded->offer_count != ret->offer_count) {
        (void)snprintf(ret->difference, sizeof ret->difference,
                       "the record counts %" PRIu64 " offers, the log had %" PRIu64,
                       recorded->offer_count, ret->offer_count);
        return;
    }
    for (size_t i = 0; i < both; i++) {
        const struct ev_rank *rank = (const struct ev_rank *)recorded->ranking.items + i;
        struct explain_row said = {.offer_id = rank->offer_id,
                                   .fit = rank->fit,
                                   .score = rank->score,
                                   .p50_ms = rank->p50_ms,
                                   .p90_ms = rank->p90_ms,
                                   .cost = rank->cost};
        char one[200];
        char other[200];
        print_row(&said, one, sizeof one);
        print_row(&ret->rows[i], other, sizeof other);
        if (strcmp(one, other) != 0) {
            (void)snprintf(ret->difference, sizeof ret->difference,
                           "rank %zu: the record has %s; computed is %s", i + 1, one, other);
            return;
        }
    }
    if (kept != ret->row_count) {
        (void)snprintf(ret->difference, sizeof ret->difference,
                       "the record shows %zu offers, computed are %zu to show", kept,
                       ret->row_count);
        return;
    }
    if (!key_equal(recorded->ranking_digest, ret->computed)) {
        (void)snprintf(ret->difference, sizeof ret->difference,
                       "the first %zu are the same; the difference is behind them", kept);
        return;
    }
    ret->equal = true;
}

static enum err_code explain(const struct explain_input *input, struct event_log *log,
                             struct log_reader *reader, struct arena *arena, struct explained *ret,
                             struct err *err)
{
    struct event event = {0};
    struct event last = {0};
    struct views *views = NULL;
    struct views_snapshot *snapshot = NULL;
    enum err_code code = find_match(reader, input->match_id, arena, &ret->sequence, &event, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct ev_match_computed *match = &event.u.match_computed;
    ret->match_id = event.stream_id;
    ret->upload_id = match->upload_id;
    ret->network = match->wants_network;
    ret->item = match->item;
    ret->computed_at = match->computed_at;
    ret->algorithm_version = match->algorithm_version;
    ret->table_version = match->table_version;
    ret->offer_count = match->offer_count;
    ret->recorded = match->ranking_digest;
    if (match->algorithm_version != MATCHING_VERSION ||
        match->table_version != MATCHING_TABLE_VERSION) {
        return ERR_OK;
    }
    if (match->computed_at == 0 || match->computed_at >= ret->sequence) {
        return err_set(err, ERR_CORRUPT, "record %" PRIu64 " says it was computed at %" PRIu64,
                       ret->sequence, match->computed_at);
    }
    code = read_event(reader, match->computed_at, arena, &last, err);
    if (code == ERR_OK) {
        code = replay_to(input, log, match->computed_at, &views, err);
    }
    if (code == ERR_OK) {
        code = views_snapshot_open(views, &snapshot, err);
    }
    if (code == ERR_OK) {
        code = compute(views_snapshot_store(snapshot), last.time, ret, err);
    }
    if (code == ERR_OK) {
        compare(match, ret);
    }
    views_snapshot_close(snapshot);
    views_close(views);
    return code;
}

enum err_code explain_work(const void *input, void *result, struct err *err)
{
    const struct explain_input *in = input;
    char folder[PATH_MAX];
    struct event_log *log = NULL;
    struct log_reader *reader = NULL;
    struct arena arena;
    struct event_log_options options = {.folder = folder, .read_only = true};
    arena_init(&arena, 1 << 22);
    enum err_code code = path_join(folder, sizeof folder, in->data, "log", err);
    if (code == ERR_OK) {
        code = event_log_open(&options, &log, err);
    }
    if (code == ERR_OK) {
        code = log_reader_open(log, &reader, err);
    }
    if (code == ERR_OK) {
        code = explain(in, log, reader, &arena, result, err);
    }
    log_reader_close(reader);
    event_log_close(log);
    arena_deinit(&arena);
    return code;
}

/* ── for people and for programs ───────────────────────────────────────────────────────────────── */

static void print_json(const struct explained *e)
{
    char match[ID_TEXT_SIZE];
    char upload[ID_TEXT_SIZE];
    char recorded[65];
    char computed[65];
    id_format(e->match_id, match);
    id_format(e->upload_id, upload);
    hex_encode(bytes_of(e->recorded.b, 32), recorded);
    hex_encode(bytes_of(e->computed.b, 32), computed);
    printf("{\"match\":\"%s\",\"upload\":\"%s\",\"sequence\":%" PRIu64 ",\"computed_at\":%" PRIu64
           ",\"algorithm_version\":%" PRIu64 ",\"table_version\":%" PRIu64
           ",\"offer_count\":%" PRIu64 ",\"equal\":%s,\"recorded\":\"%s\",\"computed\":%s%s%s",
           match, upload, e->sequence, e->computed_at, e->algorithm_version, e->table_version,
           e->offer_count,
           !e->compared ? "null"
           : e->equal   ? "true"
                        : "false",
           recorded, e->compared ? "\"" : "", e->compared ? computed : "null",
           e->compared ? "\"" : "");
    printf(",\"difference\":%s%s%s}\n", e->difference[0] != '\0' ? "\"" : "",
           e->difference[0] != '\0' ? e->difference : "null", e->difference[0] != '\0' ? "\"" : "");
}

static void print_stock(const struct requirements *n)
{
    struct buf packages;
    buf_init(&packages, SOFTWARE_LIST_MAX);
    software_packages_append(n->packages, ", ", &packages);
    if (packages.size > 0) {
        printf(", %s", buf_text(&packages));
    }
    if (n->item_kind != 0) {
        printf(", a %s", n->item_kind == STOCK_IMAGE ? "container image" : "model");
    }
    buf_deinit(&packages);
}

static void print_ranking(const struct explained *e)
{
    const struct requirements *n = &e->needs;
    const char *device = enum_word(&device_words, (uint32_t)n->device);
    char driver[DRIVER_VERSION_TEXT_SIZE] = "";
    if (n->driver != 0) {
        driver_version_format(n->driver, driver);
    }
    printf("needs       %s, %" PRIu64 " GPUs, %" PRIu64 " MiB of GPU memory, %" PRIu64
           " MiB of memory, %" PRIu64 " MiB of disk, compute capability %" PRIu64 ".%" PRIu64
           "%s%s%s",
           device == NULL ? "?" : device, n->gpus, n->vram_mib, n->ram_mib, n->storage_mib,
           n->compute_capability / 10, n->compute_capability % 10,
           n->driver != 0 ? ", driver " : "", driver, e->network ? ", a network" : "");
    print_stock(n);
    printf("\noffers      %" PRIu64, e->offer_count);
    for (uint32_t fit = FIT_RECOMMENDED; fit <= FIT_INSUFFICIENT; fit++) {
        printf(" · %" PRIu64 " %s", e->classes[fit], enum_word(&fit_words, fit));
    }
    printf("\n");
    for (size_t i = 0; i < e->row_count; i++) {
        const struct explain_row *row = &e->rows[i];
        char id[ID_TEXT_SIZE];
        char time[32];
        char cost[32];
        id_format(row->offer_id, id);
        printf("  %2zu  %s  %-12s %3" PRIu64 "  %10s %14s  %s\n", i + 1, id,
               enum_word(&fit_words, (uint32_t)row->fit), row->score,
               cli_duration((int64_t)row->p50_ms, time),
               row->cost == INT64_MAX ? "—" : cli_amount(row->cost, cost), row->why);
    }
}

void explain_print(const struct explained *e, bool json)
{
    char match[ID_TEXT_SIZE];
    char upload[ID_TEXT_SIZE];
    char recorded[65];
    char computed[65];
    if (json) {
        print_json(e);
        return;
    }
    id_format(e->match_id, match);
    id_format(e->upload_id, upload);
    hex_encode(bytes_of(e->recorded.b, 32), recorded);
    hex_encode(bytes_of(e->computed.b, 32), computed);
    printf("match       %s, record %" PRIu64 ", of upload %s\ncomputed    at record %" PRIu64
           ", by algorithm %" PRIu64 " with tables %" PRIu64 "\n",
           match, e->sequence, upload, e->computed_at, e->algorithm_version, e->table_version);
    if (!e->compared) {
        printf("not compared: this program has algorithm %d and tables %d; a program of the "
               "match's own version can\n",
               MATCHING_VERSION, MATCHING_TABLE_VERSION);
        return;
    }
    print_ranking(e);
    printf("recorded    %s\nagain       %s\n", recorded, computed);
    if (e->equal) {
        printf("equal: the ranking follows from the log\n");
    } else {
        printf("DIFFERENT: %s\n", e->difference);
    }
}
