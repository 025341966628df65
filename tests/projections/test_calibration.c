/* How often estimates were right is counted from finished jobs, and from nothing else. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/all.h"
#include "projections/calibration.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"

#include <string.h>

static struct market market;

static void apply(void *context, uint64_t sequence, const struct event *event)
{
    projections_apply(context, sequence, event);
}

/* A job estimated at 10 s, nine of ten within 15, that runs for `used_ms`. */
static void run(struct id16 consumer, struct id16 host, struct id16 offer, uint64_t used_ms,
                enum ending ending, enum end_reason reason)
{
    struct id16 upload = market_upload(&market, consumer, 10000, 15000);
    struct id16 job =
        market_create_job(&market, consumer, market_quote(&market, consumer, upload, offer));
    struct command lock = market_lock_of(&market, job);
    assert_int_equal(market_submit(&market, &lock), ERR_OK);
    for (uint64_t i = 0; i < market.terms.confirmations; i++) {
        assert_int_equal(market_confirm(&market, job), ERR_OK);
    }
    assert_int_equal(market_claim(&market, host), ERR_OK);
    assert_int_equal(market_start(&market, host, job), ERR_OK);
    market.now += (int64_t)used_ms * 1000000;
    assert_int_equal(market_progress(&market, host, job, 500, used_ms), ERR_OK);
    assert_int_equal(market_end(&market, host, job, ending, reason, used_ms), ERR_OK);
}

static void finished_jobs_are_counted_within_and_beyond(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct calibration_entry entries[4];
    assert_non_null(store);
    memset(&market, 0, sizeof market);
    market.on_event = apply;
    market.context = store;
    market_open(&market, 3, store, 0);
    struct id16 consumer = market_sign_in(&market, market_new_key(&market));
    struct id16 host = market_enrol(&market, market_sign_in(&market, market_new_key(&market)));
    assert_int_equal(market_host_online(&market, host), ERR_OK);
    struct id16 offer = market_publish(&market, host, 3600000, 1000);
    assert_int_equal(calibration_list(store, entries, 4), 0);
    run(consumer, host, offer, 9000, ENDING_COMPLETED, REASON_EXITED_ZERO);
    run(consumer, host, offer, 10000, ENDING_COMPLETED, REASON_EXITED_ZERO);
    run(consumer, host, offer, 11000, ENDING_COMPLETED, REASON_EXITED_ZERO);
    run(consumer, host, offer, 18750, ENDING_CAP_REACHED, REASON_PAID_LIMIT);
    run(consumer, host, offer, 5000, ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO);
    market.limit_ms =
        12000; /* stopped where its consumer said, before the long estimate was over: it says nothing */
    run(consumer, host, offer, 12000, ENDING_CAP_REACHED, REASON_PAID_LIMIT);
    market.limit_ms = 0;
    assert_int_equal(calibration_list(store, entries, 4), 1);
    assert_int_equal(entries[0].job_type, JOB_TYPE_CUSTOM);
    assert_true(entries[0].ran_on == CALIBRATION_CPU);
    assert_int_equal(entries[0].finished, 4);
    assert_int_equal(entries[0].within_p50, 2);
    assert_int_equal(entries[0].within_p90, 3);
    market_close(&market);
    memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_jobs_are_counted_within_and_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
