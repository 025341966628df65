/* The states that tests/support/market_stage.h can bring a market to are all there are. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "tests/support/market_stage.h"

/* Every status of a job, an escrow and a leg of each kind, and every ending that some command gives. */
static void no_status_lacks_its_state(void **test)
{
    (void)test;
    bool jobs[JOB_ENDED + 1] = {false};
    bool endings[ENDING_NEVER_FUNDED + 1] = {false};
    bool escrows[ESCROW_CLOSED + 1] = {false};
    bool legs[LEG_RETURN + 1][LEG_CONFIRMED + 1] = {{false}};
    assert_in_range(STAGE_STATE_COUNT, 1, 64); /* one bit each in a cell's set */
    for (unsigned state = 0; state < STAGE_STATE_COUNT; state++) {
        struct stage *stage = stage_open((enum stage_state)state);
        struct job_row job_row = {0};
        struct escrow_row escrow = {0};
        (void)state_job(stage->market.store, stage->job, &job_row);
        (void)state_escrow(stage->market.store, stage->escrow, &escrow);
        jobs[job_row.status] = endings[job_row.ending] = escrows[escrow.status] = true;
        for (int kind = LEG_REFUND; kind <= LEG_RETURN; kind++) {
            struct leg_row leg = {0};
            (void)stage_leg(stage, (enum leg_kind)kind, &leg);
            legs[kind][leg.status] = true;
        }
        stage_close(stage);
    }
    for (int i = 0; i <= JOB_ENDED; i++) {
        assert_true(jobs[i]);
    }
    for (int i = 0; i <= ENDING_NEVER_FUNDED; i++) {
        assert_true(endings[i] || i == ENDING_PLATFORM_FAULT); /* which nothing gives yet */
    }
    for (int i = 0; i <= ESCROW_CLOSED; i++) {
        assert_true(escrows[i]);
    }
    for (int kind = LEG_REFUND; kind <= LEG_RETURN; kind++) {
        for (int i = 0; i <= LEG_CONFIRMED; i++) {
            assert_true(legs[kind][i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_status_lacks_its_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
