// SPDX-License-Identifier: Apache-2.0
#include "core/market/observed.h"

#include "core/base/invariant.h"
#include "core/market/scale.h"

#include <assert.h>
#include <string.h>

#define RATIO_MAX (3 * SCALE_OCTAVE)
#define PRIOR_JOBS 4
#define PRIOR_JOBS_OF_SPREAD 8 /* how far apart jobs lie takes more of them to know */

static_assert(sizeof(struct observed_row) == 8 + OBSERVED_KEPT * 8, "no padding");

const struct store_table STATE_OBSERVED = {"observed"};

bool observed_time_is_known(const struct job_row *job, const struct quote_row *quote,
                            enum ending ending)
{
    return ending == ENDING_COMPLETED ||
           (ending == ENDING_CAP_REACHED && job->limit_ms >= quote->p90_ms);
}

static void make_key(uint64_t type, uint64_t gpu, uint8_t ret[16])
{
    put_be64(ret, type);
    put_be64(ret + 8, gpu);
}

static void get(struct store *state, uint64_t type, uint64_t gpu, struct observed_row *ret)
{
    uint8_t key[16];
    make_key(type, gpu, key);
    if (!store_get_row(state, &STATE_OBSERVED, bytes_of(key, sizeof key), ret, sizeof *ret)) {
        memset(ret, 0, sizeof *ret);
    }
}

static void add(struct store *state, uint64_t type, uint64_t gpu, int64_t log)
{
    struct observed_row row;
    uint8_t key[16];
    get(state, type, gpu, &row);
    row.logs[row.count++ % OBSERVED_KEPT] = log;
    make_key(type, gpu, key);
    store_put(state, &STATE_OBSERVED, bytes_of(key, sizeof key), bytes_of(&row, sizeof row));
}

void observed_add(struct store *state, uint64_t type, uint64_t gpu, uint64_t estimated_ms,
                  uint64_t used_ms)
{
    INVARIANT(gpu != OBSERVED_ALL_GPUS);
    int64_t log = scale_log2(used_ms) - scale_log2(estimated_ms);
    log = log > RATIO_MAX ? RATIO_MAX : log < -RATIO_MAX ? -RATIO_MAX : log;
    add(state, type, gpu, log);
    add(state, type, OBSERVED_ALL_GPUS, log);
}

/* The kept ones, ascending; returns how many. */
static int64_t sorted(const struct observed_row *row, int64_t ret[OBSERVED_KEPT])
{
    int64_t count = row->count < OBSERVED_KEPT ? (int64_t)row->count : OBSERVED_KEPT;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i;
        for (; at > 0 && ret[at - 1] > row->logs[i]; at--) {
            ret[at] = ret[at - 1];
        }
        ret[at] = row->logs[i];
    }
    return count;
}

static int64_t median(const int64_t *logs, int64_t count)
{
    return count == 0 ? 0 : (logs[(count - 1) / 2] + logs[count / 2]) / 2;
}

struct observed_shift observed_shift(struct store *state, uint64_t type, uint64_t gpu,
                                     int64_t spread)
{
    struct observed_row row;
    int64_t logs[OBSERVED_KEPT];
    get(state, type, OBSERVED_ALL_GPUS, &row);
    int64_t count = sorted(&row, logs);
    int64_t of_type = count * median(logs, count) / (count + PRIOR_JOBS);
    get(state, type, gpu, &row);
    count = sorted(&row, logs);
    int64_t middle = median(logs, count);
    struct observed_shift shift = {
        .p50 = (count * middle + PRIOR_JOBS * of_type) / (count + PRIOR_JOBS),
        .spread = spread,
        .count = row.count,
    };
    if (count > 0) {
        int64_t above = logs[(count * 9 + 9) / 10 - 1] - middle; /* nine of ten are below */
        shift.spread =
            (count * above + PRIOR_JOBS_OF_SPREAD * spread) / (count + PRIOR_JOBS_OF_SPREAD);
    }
    return shift;
}
