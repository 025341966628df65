// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/ledger_clock.h"

#include "core/base/invariant.h"

void ledger_clock_start(struct ledger_clock *clock, int64_t newest_record, int64_t wall,
                        int64_t mono)
{
    *clock = (struct ledger_clock){
        .now = wall > newest_record ? wall : newest_record, .wall = wall, .mono = mono};
}

int64_t ledger_clock_read(struct ledger_clock *clock, int64_t wall, int64_t mono)
{
    int64_t const passed = mono > clock->mono ? mono - clock->mono : 0;
    int64_t const slow = passed / CLOCK_SLOW;
    int64_t const behind = wall - (clock->now + passed);
    int64_t const set = wall - clock->wall - passed;
    int64_t drawn = behind;
    if (behind > CLOCK_STEP_NS && behind > slow) {
        drawn = slow;
    } else if (behind < -slow) {
        drawn = -slow;
    }
    int64_t const before = clock->now;
    clock->now += passed + drawn;
    clock->wall = wall;
    clock->mono = mono;
    INVARIANT(clock->now >= before);
    return set > CLOCK_STEP_NS || set < -CLOCK_STEP_NS ? set : 0;
}
