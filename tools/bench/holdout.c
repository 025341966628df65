/* How far the estimates' rule is off where nothing was measured: each GPU of each task is hidden in turn and estimated from the others.
 *
 *     tally-holdout          what it is with the exponents of core/market/scale.c
 *     tally-holdout --blind  the same with exponents chosen anew for each hidden GPU, from the other GPUs' rows alone
 *     tally-holdout --rows   also every row, worst first
 *
 * Rows: of tasks with five or more comparable measured GPUs. A row's prediction uses its own task's other rows only, so hiding the GPU in one task or in
 * all is the same. Errors are |estimate ÷ measured − 1| in percent: median and 90th percentile. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/market/scale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 512
#define GPUS_MIN 5
#define GRID 11 /* exponents 0, 0.1 … 1 */

struct hidden {
    const struct benchmark_row *row;
    const char *group;
    enum task_class class_;
    uint64_t estimate_us;
    uint64_t off_permyriad; /* of the measured time, hundredths of a percent */
};

static const char *const GROUPS[] = {"train_fp16", "train_fp32", "generate", "prompt", "diffusion"};

static const char *group_of(enum task_class class_)
{
    static const char *const WORDS[TASK_CLASS_COUNT] = {
        [TASK_TRAIN] = "train_fp16", [TASK_TRAIN_FP32] = "train_fp32", [TASK_GENERATE] = "generate",
        [TASK_PROMPT] = "prompt",    [TASK_DIFFUSION] = "diffusion",   [TASK_LOADER] = "loader"};
    return WORDS[class_];
}

static bool counts(const struct benchmark_row *row)
{
    return row->status == ROW_MEASURED && !row->is_apart;
}

static size_t rows_to_hide(struct hidden *ret)
{
    size_t count = 0;
    for (size_t t = 1; t < ESTIMATE_TASK_COUNT; t++) {
        const struct task_row *task = &ESTIMATE_TASKS[t];
        const struct benchmark_row *rows = ESTIMATE_BENCHMARKS + task->first;
        size_t good = 0;
        for (size_t i = 0; i < task->count; i++) {
            good += counts(&rows[i]);
        }
        for (size_t i = 0; i < task->count && good >= GPUS_MIN; i++) {
            if (counts(&rows[i])) {
                INVARIANT(count < ROWS_MAX);
                ret[count++] = (struct hidden){
                    .row = &rows[i], .class_ = task->class_, .group = group_of(task->class_)};
            }
        }
    }
    return count;
}

/* Octaves × 2^16 that the others of a class are off, when nothing of `gpu` is known. */
static int64_t off_without(const struct hidden *rows, size_t count, enum task_class class_,
                           size_t gpu, const struct scale_exponents *exponents)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct benchmark_row *row = rows[i].row;
        if (rows[i].class_ == class_ && row->gpu != gpu) {
            uint64_t us = scale_unit_hidden(row->task, row->gpu, gpu, exponents).us;
            sum += llabs(scale_log2(us) - row->log_us);
        }
    }
    return sum;
}

static struct scale_exponents chosen_without(const struct hidden *rows, size_t count,
                                             enum task_class class_, size_t gpu)
{
    struct scale_exponents best = {0};
    int64_t best_off = INT64_MAX;
    for (int32_t i = 0; i < GRID * GRID; i++) {
        struct scale_exponents tried = {i / GRID * 100, i % GRID * 100};
        int64_t off = off_without(rows, count, class_, gpu, &tried);
        if (off < best_off) {
            best_off = off;
            best = tried;
        }
    }
    return best;
}

static void estimate(struct hidden *rows, size_t count, bool blind)
{
    struct scale_exponents chosen[TASK_CLASS_COUNT][ESTIMATE_GPUS_MAX];
    bool is_chosen[TASK_CLASS_COUNT][ESTIMATE_GPUS_MAX] = {{false}};
    for (size_t i = 0; i < count; i++) {
        const struct benchmark_row *row = rows[i].row;
        enum task_class class_ = rows[i].class_;
        const struct scale_exponents *exponents = &SCALE_EXPONENTS[class_];
        if (blind) {
            if (!is_chosen[class_][row->gpu]) {
                chosen[class_][row->gpu] = chosen_without(rows, count, class_, row->gpu);
                is_chosen[class_][row->gpu] = true;
            }
            exponents = &chosen[class_][row->gpu];
        }
        uint64_t us = scale_unit_hidden(row->task, row->gpu, 0, exponents).us;
        uint64_t off = us > row->us ? us - row->us : row->us - us;
        rows[i].estimate_us = us;
        rows[i].off_permyriad = off * 10000 / row->us;
    }
}

static int by_error(const void *a, const void *b)
{
    uint64_t x = ((const struct hidden *)a)->off_permyriad;
    uint64_t y = ((const struct hidden *)b)->off_permyriad;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* `rows` descend. */
static void say(const char *group, const struct hidden *rows, size_t count)
{
    uint64_t own[ROWS_MAX];
    size_t n = 0;
    for (size_t i = count; i-- > 0;) {
        if (group == NULL || strcmp(rows[i].group, group) == 0) {
            own[n++] = rows[i].off_permyriad;
        }
    }
    INVARIANT(n > 0);
    uint64_t median = n % 2 == 1 ? own[n / 2] : (own[n / 2 - 1] + own[n / 2]) / 2;
    uint64_t p90 = own[n * 9 / 10];
    (void)printf("%-11s %4zu rows   median %3" PRIu64 ".%02" PRIu64 " %%   p90 %3" PRIu64
                 ".%02" PRIu64 " %%\n",
                 group == NULL ? "all" : group, n, median / 100, median % 100, p90 / 100,
                 p90 % 100);
}

int main(int argc, char **argv)
{
    static struct hidden rows[ROWS_MAX];
    bool blind = argc == 2 && strcmp(argv[1], "--blind") == 0;
    bool show = argc == 2 && strcmp(argv[1], "--rows") == 0;
    if (argc > 1 && !blind && !show) {
        (void)fprintf(stderr, "usage: tally-holdout [--blind | --rows]\n");
        return 2;
    }
    size_t count = rows_to_hide(rows);
    estimate(rows, count, blind);
    qsort(rows, count, sizeof *rows, by_error);
    for (size_t i = 0; i < sizeof GROUPS / sizeof *GROUPS; i++) {
        say(GROUPS[i], rows, count);
    }
    say(NULL, rows, count);
    for (size_t i = 0; show && i < count; i++) {
        (void)printf("%3" PRIu64 " %%  %s on %s: %" PRIu64 " us, measured %" PRIu64 "\n",
                     rows[i].off_permyriad / 100, ESTIMATE_TASKS[rows[i].row->task].name,
                     ESTIMATE_GPUS[rows[i].row->gpu].name, rows[i].estimate_us, rows[i].row->us);
    }
    return 0;
}
