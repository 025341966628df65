/* `tally replay --explain`: a match that was recorded in a random market is computed again from the log, and what is not as it was is named. The log is
 * written by the test, so that it can say what no server would. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/explain.h"

#include "core/base/time.h"
#include "core/log/event_log.h"
#include "core/market/stock.h"
#include "core/market/storage.h"
#include "projections/all.h"
#include "projections/matchmaking.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"
#include "tests/support/temp_folder.h"

#include <string.h>

#define SEEDS 100
#define STEPS 120

struct fixture {
    char folder[64];
    struct market market;
    struct id16 consumer;
    struct id16 upload;
    bool network;     /* the job is to have one */
    struct id16 item; /* and this model */
    struct ev_rank items[EXPLAIN_ROWS];
};

static void project(void *context, uint64_t sequence, const struct event *event)
{
    projections_apply(((struct market *)context)->store, sequence, event);
}

static struct fixture *open_market(uint64_t seed, size_t offers)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->market.on_event = project;
    f->market.context = &f->market;
    market_open(&f->market, seed, memory_store_create(), 0);
    struct id16 provider = market_sign_in(&f->market, market_new_key(&f->market));
    f->consumer = market_sign_in(&f->market, market_new_key(&f->market));
    f->upload = market_upload(&f->market, f->consumer, 60000, 90000);
    for (size_t i = 0; i < offers; i++) {
        struct id16 host = market_enrol(&f->market, provider);
        assert_int_equal(market_host_online(&f->market, host), ERR_OK);
        (void)market_publish(&f->market, host, 1000 + (int64_t)market_below(&f->market, 50) * 100,
                             500 + market_below(&f->market, 5) * 100);
    }
    return f;
}

static void close_market(struct fixture *f)
{
    struct store *store = f->market.store;
    market_close(&f->market);
    memory_store_destroy(store);
    free(f);
}

static int64_t last_time(struct market *m)
{
    struct record_header header;
    assert_int_equal(record_header_decode(market_record(m, m->sequence), &header, NULL), ERR_OK);
    return header.time;
}

/* The command that a server would give now. */
static struct command compute(struct fixture *f)
{
    struct market *m = &f->market;
    struct upload_row upload;
    struct matchmaking made = {0};
    struct command c = market_command(m, COMMAND_MATCH_RECORD, ACTOR_ACCOUNT, f->consumer);
    struct ev_match_computed *match = &c.u.match.match;
    assert_true(state_upload(m->store, f->upload, &upload));
    struct requirements const needs = upload_needs_as(&upload, f->item, f->network);
    assert_int_equal(matchmaking_create(m->store, &upload, &needs, last_time(m), &made, NULL),
                     ERR_OK);
    c.u.match.match_id = market_new_id(m);
    *match = (struct ev_match_computed){.upload_id = f->upload,
                                        .wants_network = f->network,
                                        .item = f->item,
                                        .computed_at = m->sequence,
                                        .algorithm_version = MATCHING_VERSION,
                                        .table_version = MATCHING_TABLE_VERSION,
                                        .offer_count = made.ranking.count};
    for (size_t i = 0; i < made.ranking.count && i < EXPLAIN_ROWS; i++) {
        const struct match *one = &made.ranking.matches[i];
        f->items[i] = (struct ev_rank){.offer_id = made.candidates[one->index].offer_id,
                                       .fit = (enum fit)one->fit,
                                       .score = one->score,
                                       .p50_ms = one->p50_ms,
                                       .p90_ms = one->p90_ms,
                                       .cost = one->cost};
        match->ranking = (struct event_list){f->items, i + 1};
    }
    assert_int_equal(matchmaking_digest(&made.ranking, &match->ranking_digest, NULL), ERR_OK);
    matchmaking_destroy(&made);
    return c;
}

/* The market's records as a log on the disk, and what is said of one of its matches. */
static enum err_code explain(struct fixture *f, struct id16 match_id, struct explained *ret,
                             struct err *err)
{
    char folder[100];
    char scratch[100];
    struct event_log *log = NULL;
    uint64_t first;
    temp_folder_create(f->folder);
    (void)snprintf(folder, sizeof folder, "%s/log", f->folder);
    (void)snprintf(scratch, sizeof scratch, "%s/views", f->folder);
    struct event_log_options options = {
        .folder = folder, .create = true, .map_size = UINT64_C(1) << 28};
    assert_int_equal(event_log_open(&options, &log, NULL), ERR_OK);
    struct log_entry *entries = calloc(f->market.sequence, sizeof *entries);
    assert_non_null(entries);
    for (uint64_t i = 0; i < f->market.sequence; i++) {
        entries[i].record = market_record(&f->market, i + 1);
    }
    assert_int_equal(event_log_append(log, entries, f->market.sequence, &first, NULL), ERR_OK);
    free(entries);
    event_log_close(log);
    struct explain_input input = {
        .data = f->folder, .scratch = scratch, .match_id = match_id, .quiet = true};
    memset(ret, 0, sizeof *ret);
    enum err_code code = explain_work(&input, ret, err);
    temp_folder_remove(f->folder);
    return code;
}

/* R16.1, R16.3 for matches */
static void a_match_in_a_random_market_follows_from_the_log(void **state)
{
    (void)state;
    static struct explained explained;
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture *f = open_market(seed, seed % 20);
        struct err err = {0};
        for (size_t i = 0; i < STEPS; i++) {
            market_random_step(&f->market);
        }
        if (state_storage(f->market.store, STREAM_UPLOAD, f->upload).erased != 0) {
            close_market(f); /* nobody asks for a machine for it any more */
            continue;
        }
        compared++;
        f->network = seed % 4 == 0;
        f->item = seed % 3 == 0 ? stock_item(STOCK_MODEL, bytes_of_text("a/b")) : (struct id16){0};
        struct command c = compute(f);
        assert_int_equal(market_submit(&f->market, &c), ERR_OK);
        uint64_t sequence = f->market.sequence;
        for (size_t i = 0; i < STEPS / 4; i++) { /* the market goes on */
            market_random_step(&f->market);
        }
        enum err_code code = explain(f, c.u.match.match_id, &explained, &err);
        if (code != ERR_OK || !explained.compared || !explained.equal) {
            fail_msg("seed %llu: %s%s", (unsigned long long)seed, err.message,
                     explained.difference);
        }
        assert_int_equal(explained.sequence, sequence);
        assert_int_equal(explained.offer_count, c.u.match.match.offer_count);
        assert_true(key_equal(explained.computed, explained.recorded));
        close_market(f);
    }
    assert_true(compared > SEEDS / 2);
}

/* Each alteration of what is recorded is told for what it is, and where. */
static void what_is_not_as_it_was_is_named(void **state)
{
    (void)state;
    static struct explained explained;
    static const char *const TOLD[] = {
        "the record counts 21 offers, the log had 20",
        "rank 3: the record has",
        "rank 16: the record has",
        "the record shows 15 offers, computed are 16 to show",
        "the first 16 are the same; the difference is behind them",
    };
    for (size_t i = 0; i < sizeof TOLD / sizeof *TOLD; i++) {
        struct fixture *f = open_market(i + 1, 20);
        struct command c = compute(f);
        struct ev_match_computed *match = &c.u.match.match;
        match->offer_count += i == 0 ? 1 : 0;
        f->items[2].score ^= i == 1 ? 1 : 0;
        f->items[15].offer_id.b[15] ^= i == 2 ? 1 : 0;
        match->ranking.count -= i == 3 ? 1 : 0;
        match->ranking_digest.b[0] ^= i == 4 ? 1 : 0;
        assert_int_equal(market_submit(&f->market, &c), ERR_OK);
        assert_int_equal(explain(f, (struct id16){0}, &explained, NULL), ERR_OK);
        assert_true(explained.compared && !explained.equal);
        assert_non_null(strstr(explained.difference, TOLD[i]));
        close_market(f);
    }
}

static void an_older_algorithms_match_is_not_called_different(void **state)
{
    (void)state;
    static struct explained explained;
    struct fixture *f = open_market(1, 3);
    struct command c = compute(f);
    c.u.match.match.algorithm_version = MATCHING_VERSION - 1;
    c.u.match.match.ranking_digest.b[0] ^= 1;
    assert_int_equal(market_submit(&f->market, &c), ERR_OK);
    assert_int_equal(explain(f, c.u.match.match_id, &explained, NULL), ERR_OK);
    assert_false(explained.compared || explained.equal);
    assert_string_equal(explained.difference, "");
    assert_int_equal(explained.algorithm_version, MATCHING_VERSION - 1);
    close_market(f);
}

static void a_match_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static struct explained explained;
    struct err err = {0};
    struct fixture *f = open_market(1, 3);
    assert_int_equal(explain(f, (struct id16){0}, &explained, &err), ERR_NOT_FOUND);
    assert_string_equal(err.message, "the log has no match yet");
    struct command c = compute(f);
    c.u.match.match.computed_at = 1000000; /* of the future */
    assert_int_equal(market_submit(&f->market, &c), ERR_OK);
    assert_int_equal(explain(f, (struct id16){0}, &explained, &err), ERR_CORRUPT);
    assert_int_equal(explain(f, f->upload, &explained, &err), ERR_NOT_FOUND);
    c = compute(f);
    c.u.match.match.computed_at = 2; /* before there was an upload */
    assert_int_equal(market_submit(&f->market, &c), ERR_OK);
    assert_int_equal(explain(f, c.u.match.match_id, &explained, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "did not have then"));
    close_market(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_in_a_random_market_follows_from_the_log),
        cmocka_unit_test(what_is_not_as_it_was_is_named),
        cmocka_unit_test(an_older_algorithms_match_is_not_called_different),
        cmocka_unit_test(a_match_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
