/* Times and prices of estimates: generated workloads, GPUs and rates against plain arithmetic done another way here. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/event/kinds.h"
#include "core/market/billing.h"
#include "core/market/duration.h"
#include "core/market/estimate.h"
#include "tests/support/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 20000
#define SEED 20261125

static uint64_t random_state;

static uint64_t below(uint64_t limit)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = random_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % limit;
}

static int seed(void **state)
{
    (void)state;
    random_state = SEED;
    return 0;
}

static size_t gpu(const char *name)
{
    size_t number = scale_gpu(name, strlen(name));
    assert_int_not_equal(number, 0);
    return number;
}

static struct work work_of(enum job_type type, bool trains)
{
    return (struct work){.job_type = type,
                         .on_gpu = true,
                         .trains = trains,
                         .infers = !trains,
                         .default_p50_ms = 300000,
                         .default_p90_ms = 3600000};
}

static struct work any_work(void)
{
    struct work work = work_of((enum job_type)(1 + below(JOB_TYPE_CUSTOM)), below(2) == 0);
    work.quantised = below(4) == 0;
    work.is_large = below(4) == 0;
    uint64_t *amounts[] = {&work.epochs_milli, &work.items,  &work.resolution,
                           &work.steps,        &work.images, &work.iterations,
                           &work.batch,        &work.tokens, &work.model_millions};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        *amounts[i] = below(2) == 0 ? 0 : 1 + below(UINT64_C(1) << below(45));
    }
    return work;
}

static struct requirements needs_of(const struct workload *workload)
{
    return (struct requirements){.device = DEVICE_GPU,
                                 .gpus = 1,
                                 .reference_p50_ms = workload->p50_ms,
                                 .reference_p90_ms = workload->p90_ms,
                                 .task = workload->task,
                                 .start_ms = workload->start_ms};
}

static const struct benchmark_row *row_of(size_t task, size_t on)
{
    for (size_t i = 0; i < ESTIMATE_BENCHMARK_COUNT; i++) {
        if (ESTIMATE_BENCHMARKS[i].task == task && ESTIMATE_BENCHMARKS[i].gpu == on) {
            return &ESTIMATE_BENCHMARKS[i];
        }
    }
    return NULL;
}

/* ── numbers ───────────────────────────────────────────────────────────────────────────────────── */

static void logarithms_are_those_of_the_library_and_of_the_tables(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        uint64_t value = 1 + below(UINT64_C(1) << (1 + below(62)));
        int64_t log = scale_log2(value);
        assert_true(fabs((double)log / 65536 - log2((double)value)) < 2.0 / 65536);
        double back = (double)scale_exp2(log);
        assert_true(fabs(back - (double)value) <= (double)value / 30000 + 1);
    }
    for (size_t i = 0; i < ESTIMATE_BENCHMARK_COUNT; i++) {
        assert_int_equal(ESTIMATE_BENCHMARKS[i].log_us, scale_log2(ESTIMATE_BENCHMARKS[i].us));
    }
    assert_int_equal(scale_exp2(-3 * 65536), 0);
    assert_true(scale_exp2(INT64_C(64) * 65536) == UINT64_MAX);
}

/* On any machine, with any compiler: else a match of one server is not that of the next. */
static void every_unit_on_every_gpu_is_the_number_it_was(void **state)
{
    (void)state;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t task = 1; task < ESTIMATE_TASK_COUNT; task++) {
        for (size_t on = 1; on < ESTIMATE_GPU_COUNT; on++) {
            struct scale_answer answer = scale_unit(task, on);
            assert_true(answer.us > 0 && answer.basis != SCALE_NONE);
            hash = (hash ^ answer.us ^ ((uint64_t)answer.basis << 60)) * UINT64_C(1099511628211);
        }
    }
    assert_true(ESTIMATE_TABLE_VERSION ==
                2); /* another table: another version, and another number here */
    if (hash != UINT64_C(17546872869314496799)) {
        fail_msg("tables or rule changed: %llu", (unsigned long long)hash);
    }
}

static void a_gpu_is_found_by_the_names_it_goes_by(void **state)
{
    (void)state;
    for (size_t i = 1; i < ESTIMATE_GPU_COUNT; i++) {
        assert_int_equal(gpu(ESTIMATE_GPUS[i].name), i);
    }
    assert_int_equal(gpu("RTX 4090"), gpu("NVIDIA GeForce RTX 4090"));
    assert_int_equal(gpu("rtx4090"), gpu("NVIDIA GeForce RTX 4090"));
    assert_int_equal(gpu("Tesla T4"), gpu("NVIDIA T4"));
    static const char *const NONE[] = {"", "NVIDIA", "RTX 4090 D", "RTX", "4090", "é"};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        assert_int_equal(scale_gpu(NONE[i], strlen(NONE[i])), 0);
    }
    char junk[300];
    for (int i = 0; i < CASES; i++) {
        size_t size = below(sizeof junk);
        for (size_t k = 0; k < size; k++) {
            junk[k] = (char)below(256);
        }
        assert_true(scale_gpu(junk, size) < ESTIMATE_GPU_COUNT);
    }
}

/* ── time ──────────────────────────────────────────────────────────────────────────────────────── */

/* P41, R12.1: whatever the workload and the GPU, there is a time; where there is a benchmark it is the benchmark's, × the units. */
static void p41_durations_come_from_benchmarks(void **state)
{
    (void)state;
    size_t measured = 0;
    for (int i = 0; i < CASES; i++) {
        struct work work = any_work();
        struct workload workload = workload_size(&work);
        struct requirements needs = needs_of(&workload);
        size_t on = 1 + below(ESTIMATE_GPU_COUNT - 1);
        struct estimate_time time = estimate_untaught(&needs, on, 1000);
        assert_true(time.p50_ms > 0 && time.p50_ms <= time.p90_ms);
        assert_true(time.p90_ms <= WORKLOAD_MS_MAX);
        const struct benchmark_row *row = row_of(workload.task, on);
        if (workload.task == 0 || row == NULL || workload.p50_ms == WORKLOAD_MS_MAX ||
            time.p50_ms == WORKLOAD_MS_MAX) {
            continue;
        }
        double expected =
            (double)workload.start_ms + (double)workload.work_micro * (double)row->us / 1e9;
        double slack =
            2 + 2 * (double)row->us / (double)scale_unit(workload.task, ESTIMATE_REFERENCE).us;
        assert_true(fabs((double)time.p50_ms - expected) <= slack + expected / 1e9);
        measured++;
    }
    assert_true(measured > 100);
}

/* P52, R14.2, R14's baseline: by job type and GPU model. */
static void p52_benchmarks_are_by_job_type_and_gpu(void **state)
{
    (void)state;
    struct work work = work_of(JOB_TYPE_MNIST, true);
    work.epochs_milli = 5000;
    struct workload workload = workload_size(&work);
    struct requirements needs = needs_of(&workload);
    assert_int_equal(estimate_untaught(&needs, gpu("RTX 4090"), 1000).p50_ms, 120000);
    assert_int_equal(estimate_untaught(&needs, gpu("RTX 3090"), 1000).p50_ms, 180000);
    /* Bound by the loader: a card with four times the TFLOPS is not four times as fast. */
    uint64_t h100 = estimate_untaught(&needs, gpu("NVIDIA H100 80GB HBM3"), 1000).p50_ms;
    assert_in_range(h100, 100000, 200000);
    assert_int_equal(
        estimate_level_of(&workload, 1, &(struct estimate_time){.basis = SCALE_CLAIMED}),
        ESTIMATE_MEDIUM); /* nobody measured the baseline */
    for (size_t i = 0; i < ESTIMATE_BENCHMARK_COUNT; i++) {
        const struct benchmark_row *row = &ESTIMATE_BENCHMARKS[i];
        assert_int_equal(scale_unit(row->task, row->gpu).us, row->us);
        assert_true(row->source[0] != '\0' && row->status_word[0] != '\0');
    }
}

/* P53, R14.3, P45: n times the epochs, items, steps … are n times the work, n times the side of an image n². */
static void p53_work_scales_with_its_parameters(void **state)
{
    (void)state;
    static const struct {
        enum job_type type;
        bool trains;
        size_t offset;
        int power;
    } GROWS[] = {
        {JOB_TYPE_MNIST, true, offsetof(struct work, epochs_milli), 1},
        {JOB_TYPE_MNIST, true, offsetof(struct work, items), 1},
        {JOB_TYPE_IMAGE_CLASSIFICATION, true, offsetof(struct work, epochs_milli), 1},
        {JOB_TYPE_IMAGE_CLASSIFICATION, true, offsetof(struct work, items), 1},
        {JOB_TYPE_IMAGE_CLASSIFICATION, true, offsetof(struct work, resolution), 2},
        {JOB_TYPE_STABLE_DIFFUSION, false, offsetof(struct work, resolution), 2},
        {JOB_TYPE_STABLE_DIFFUSION, false, offsetof(struct work, steps), 1},
        {JOB_TYPE_STABLE_DIFFUSION, false, offsetof(struct work, images), 1},
        {JOB_TYPE_NLP, true, offsetof(struct work, items), 1},
        {JOB_TYPE_OBJECT_DETECTION, true, offsetof(struct work, resolution), 2},
        {JOB_TYPE_LLM_INFERENCE, false, offsetof(struct work, tokens), 1},
        {JOB_TYPE_LLM_TRAINING, true, offsetof(struct work, iterations), 1},
        {JOB_TYPE_LLM_TRAINING, true, offsetof(struct work, batch), 1},
    };
    for (int i = 0; i < CASES; i++) {
        size_t which = below(sizeof GROWS / sizeof *GROWS);
        struct work work = work_of(GROWS[which].type, GROWS[which].trains);
        work.epochs_milli = 1000 * (1 + below(100));
        work.items = 1000 + below(100000);
        work.iterations = GROWS[which].type == JOB_TYPE_LLM_TRAINING ? 1 + below(10000) : 0;
        work.resolution = 32 + below(1000);
        work.steps = 1 + below(100);
        work.images = 1 + below(100);
        work.batch = 1 + below(64);
        work.tokens = 1 + below(5000);
        uint64_t factor = 2 + below(9);
        double once = (double)workload_size(&work).work_micro;
        uint64_t *amount = (uint64_t *)(void *)((char *)&work + GROWS[which].offset);
        *amount *= factor;
        double more = (double)workload_size(&work).work_micro;
        double expected = once * pow((double)factor, GROWS[which].power);
        /* Both were rounded up to a millionth. */
        assert_true(more <= expected + 1 && more >= (once - 1) * expected / once - 1);
    }
    /* Against the benchmark's own base: an epoch of ImageNet at 224² is one unit; R14's 5 epochs of 10,000 items are assumed. */
    struct work work = work_of(JOB_TYPE_IMAGE_CLASSIFICATION, true);
    work.epochs_milli = 1000;
    work.items = 1281167;
    work.resolution = 224;
    assert_int_equal(workload_size(&work).work_micro, WORKLOAD_ONE);
    work.epochs_milli = work.items = 0;
    struct workload assumed = workload_size(&work);
    assert_int_equal(assumed.assumed, WORKLOAD_EPOCHS | WORKLOAD_ITEMS);
    assert_int_equal(assumed.work_micro, (5 * UINT64_C(10000) * WORKLOAD_ONE + 1281166) / 1281167);
}

/* R14.4: the less directly a GPU is known, the wider; and the less is known of the job. */
static void r14_4_without_a_benchmark_the_range_is_wider(void **state)
{
    (void)state;
    size_t seen[SCALE_FEW + 1] = {0};
    for (int i = 0; i < CASES; i++) {
        struct work work = any_work();
        struct workload workload = workload_size(&work);
        struct requirements needs = needs_of(&workload);
        if (workload.task == 0 || workload.p50_ms <= 10000 ||
            workload.p90_ms >= WORKLOAD_MS_MAX / 100) { /* where rounding and bounds show */
            continue;
        }
        double own = (double)workload.p90_ms / (double)workload.p50_ms;
        struct estimate_time time =
            estimate_untaught(&needs, 1 + below(ESTIMATE_GPU_COUNT - 1), 1000);
        double ratio = (double)time.p90_ms / (double)time.p50_ms;
        static const double WIDER[] = {[SCALE_MEASURED] = 1,
                                       [SCALE_CLAIMED] = 1,
                                       [SCALE_NEIGHBOURS] = 1.25,
                                       [SCALE_FEW] = 1.5};
        if (time.p50_ms > 10000 && time.p90_ms < WORKLOAD_MS_MAX) {
            assert_true(fabs(ratio / own - WIDER[time.basis]) < 0.001);
            seen[time.basis]++;
        }
        struct estimate_time unknown = estimate_untaught(&needs, 0, 1 + below(3000));
        assert_true((double)unknown.p90_ms / (double)unknown.p50_ms > 1.9 * own);
        struct work vaguer = work;
        vaguer.epochs_milli = vaguer.iterations = vaguer.items = vaguer.tokens = 0;
        struct workload vague = workload_size(&vaguer);
        if (vague.assumed != workload.assumed && vague.p50_ms > 10000 &&
            vague.p90_ms < WORKLOAD_MS_MAX) {
            assert_true((double)vague.p90_ms / (double)vague.p50_ms > own * 1.4);
        }
    }
    assert_true(seen[SCALE_MEASURED] > 50 && seen[SCALE_NEIGHBOURS] > 50 && seen[SCALE_FEW] > 50);
    struct work nothing_like = work_of(JOB_TYPE_CUSTOM, true);
    struct workload workload = workload_size(&nothing_like);
    assert_int_equal(workload.task, 0);
    assert_true(workload.p90_ms >= 8 * workload.p50_ms);
    assert_non_null(strstr(estimate_basis_text(SCALE_NONE, false), "unknown"));
}

/* R14.5: high is measured with nothing assumed; doubt only lowers it; finished jobs raise it. */
static void r14_5_confidence_is_high_medium_or_low(void **state)
{
    (void)state;
    size_t seen[ESTIMATE_HIGH + 1] = {0};
    for (int i = 0; i < CASES; i++) {
        struct work work = any_work();
        struct workload workload = workload_size(&work);
        struct estimate_time time = {.p50_ms = below(10000000),
                                     .basis = (enum scale_basis)below(SCALE_FEW + 1),
                                     .observed = below(20)};
        enum estimate_level level = estimate_level_of(&workload, 1, &time);
        assert_in_range(level, ESTIMATE_LOW, ESTIMATE_HIGH);
        seen[level]++;
        if (workload.task == 0) {
            assert_int_equal(level, ESTIMATE_LOW);
        }
        struct workload vaguer = workload;
        vaguer.assumed |= WORKLOAD_EPOCHS | WORKLOAD_ITEMS;
        assert_true(estimate_level_of(&vaguer, 1, &time) <= level);
        vaguer.is_like = true;
        assert_true(estimate_level_of(&vaguer, 1, &time) <= level);
        struct estimate_time taught = time;
        taught.observed = 1000;
        assert_true(estimate_level_of(&workload, 1, &taught) >= level);
        /* Of several GPUs nothing is known, however well one is. */
        assert_int_equal(estimate_level_of(&workload, 2, &taught), ESTIMATE_LOW);
    }
    assert_true(seen[ESTIMATE_LOW] > 0 && seen[ESTIMATE_MEDIUM] > 0 && seen[ESTIMATE_HIGH] > 0);
    struct work diffusion = work_of(JOB_TYPE_STABLE_DIFFUSION, false);
    diffusion.images = 100;
    struct workload workload = workload_size(&diffusion);
    struct requirements needs = needs_of(&workload);
    struct estimate_time time = estimate_untaught(&needs, gpu("NVIDIA A10"), 1000);
    assert_int_equal(estimate_level_of(&workload, 1, &time), ESTIMATE_HIGH);
    time = estimate_untaught(&needs, gpu("NVIDIA GeForce RTX 3060"), 1000);
    assert_int_equal(estimate_level_of(&workload, 1, &time), ESTIMATE_MEDIUM);
    assert_null(estimate_note(0));
    assert_null(estimate_note(1));
    assert_non_null(strstr(estimate_note(2), "that on one"));
    diffusion.images = 1; /* two seconds after a minute of start, which nobody measured */
    workload = workload_size(&diffusion);
    needs = needs_of(&workload);
    time = estimate_untaught(&needs, gpu("NVIDIA A10"), 1000);
    assert_int_equal(estimate_level_of(&workload, 1, &time), ESTIMATE_MEDIUM);
}

/* ── words ─────────────────────────────────────────────────────────────────────────────────────── */

static uint64_t unit_ms(const char *word)
{
    return strncmp(word, "second", 6) == 0   ? 1000
           : strncmp(word, "minute", 6) == 0 ? 60000
           : strncmp(word, "hour", 4) == 0   ? 3600000
           : strncmp(word, "day", 3) == 0    ? 86400000
                                             : 0;
}

/* "5 minutes 30 seconds": the number at `*at` and the milliseconds of the unit behind it; moves behind both. */
static bool read_part(const char **at, uint64_t *ret_count, uint64_t *ret_unit)
{
    char *end;
    *ret_count = strtoull(*at, &end, 10);
    if (end == *at || *end != ' ') {
        return false;
    }
    const char *word = end + 1;
    size_t size = strcspn(word, " ");
    assert_int_equal(word[size - 1] == 's', *ret_count != 1);
    *ret_unit = unit_ms(word);
    assert_int_not_equal(*ret_unit, 0);
    *at = word + size + (word[size] == ' ' ? 1 : 0);
    return true;
}

/* P42, R12.2: what is said, read back, is the time within half of the smallest unit said. */
static void p42_times_are_said_as_people_say_them(void **state)
{
    (void)state;
    char text[DURATION_TEXT_MAX];
    assert_string_equal(duration_text(330000, text), "5 minutes 30 seconds");
    assert_string_equal(duration_text(59600, text), "1 minute");
    assert_string_equal(duration_text(1000, text), "1 second");
    assert_string_equal(duration_text(3661000, text), "1 hour 1 minute");
    assert_string_equal(duration_text(86399999, text), "1 day");
    assert_string_equal(duration_text(90000000, text), "1 day 1 hour");
    assert_string_equal(duration_text(0, text), "less than a second");
    for (int i = 0; i < CASES; i++) {
        uint64_t ms = 500 + below(UINT64_C(1) << (1 + below(36)));
        uint64_t said = 0;
        uint64_t count;
        uint64_t unit;
        int parts = 0;
        for (const char *at = duration_text(ms, text); read_part(&at, &count, &unit); parts++) {
            assert_true(count > 0);
            said += count * unit;
        }
        assert_in_range(parts, 1, 2);
        uint64_t finest = ms < 3600000 - 500 ? 1000 : ms < 86400000 - 30000 ? 60000 : 3600000;
        uint64_t off = said > ms ? said - ms : ms - said;
        assert_true(off * 2 <= finest);
    }
}

/* R12.6: `5–8 minutes`; the range said holds the range meant. */
static void r12_6_what_is_uncertain_is_a_range(void **state)
{
    (void)state;
    char text[DURATION_TEXT_MAX];
    assert_string_equal(duration_range(300000, 480000, text), "5–8 minutes");
    assert_string_equal(duration_range(299000, 475000, text), "4–8 minutes");
    assert_string_equal(duration_range(20000, 45000, text), "20–45 seconds");
    assert_string_equal(duration_range(2400000, 5400000, text), "40–90 minutes");
    assert_string_equal(duration_range(120000, 120000, text), "2 minutes");
    assert_string_equal(duration_range(100, 900, text), "up to 1 second");
    for (int i = 0; i < CASES; i++) {
        uint64_t from = below(UINT64_C(1) << (1 + below(36)));
        uint64_t to = from + below(UINT64_C(1) << (1 + below(36)));
        uint64_t low = 0;
        uint64_t high;
        uint64_t unit;
        const char *at = duration_range(from, to, text);
        if (strncmp(at, "up to ", 6) == 0) {
            at += 6;
        } else {
            char *end;
            low = strtoull(at, &end, 10);
            at = strncmp(end, "–", 3) == 0 ? end + 3 : at;
        }
        if (!read_part(&at, &high, &unit)) {
            assert_int_equal(to, 0);
            continue;
        }
        assert_true(low <= high && low * unit <= from && to <= high * unit);
        assert_true(high <= 120 || unit == 86400000); /* in a unit that says something */
    }
}

/* ── money ─────────────────────────────────────────────────────────────────────────────────────── */

/* P43, P44, R12.3, R12.4: cost = time × rate, rounded up; a minute is a sixtieth of an hour's rate; the cap is the one that is locked. */
static void p43_p44_prices_are_time_times_rate(void **state)
{
    (void)state;
    size_t refused = 0;
    for (int i = 0; i < CASES; i++) {
        struct estimate_time time = {.p50_ms = 1 + below(UINT64_C(1) << (1 + below(34)))};
        time.p90_ms = time.p50_ms + below(UINT64_C(1) << (1 + below(34)));
        int64_t rate = (int64_t)(1 + below(UINT64_C(1) << (1 + below(50))));
        uint64_t margin = below(10001);
        int64_t lock_min = (int64_t)below(2000);
        struct estimate_price price;
        int64_t cap = 0;
        bool fits = billing_cap(time.p90_ms, rate, margin, lock_min, &cap);
        assert_int_equal(estimate_price(&time, rate, margin, lock_min, &price), fits);
        if (!fits) {
            refused++;
            continue;
        }
        assert_int_equal(price.cap, cap);
        u128 product = (u128)time.p50_ms * (uint64_t)rate;
        assert_true((u128)(uint64_t)price.total * 3600000 >= product);
        assert_true((u128)(uint64_t)(price.total - 1) * 3600000 < product);
        int64_t off = (int64_t)price.per_minute_milli * 60 - rate * 1000;
        assert_true(off <= 30 && off >= -30);
        assert_true(price.total <= price.cap);
    }
    assert_in_range(refused, 1, CASES / 2);
}

int main(void)
{
    (void)printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(logarithms_are_those_of_the_library_and_of_the_tables, seed),
        cmocka_unit_test_setup(every_unit_on_every_gpu_is_the_number_it_was, seed),
        cmocka_unit_test_setup(a_gpu_is_found_by_the_names_it_goes_by, seed),
        cmocka_unit_test_setup(p41_durations_come_from_benchmarks, seed),
        cmocka_unit_test_setup(p52_benchmarks_are_by_job_type_and_gpu, seed),
        cmocka_unit_test_setup(p53_work_scales_with_its_parameters, seed),
        cmocka_unit_test_setup(r14_4_without_a_benchmark_the_range_is_wider, seed),
        cmocka_unit_test_setup(r14_5_confidence_is_high_medium_or_low, seed),
        cmocka_unit_test_setup(p42_times_are_said_as_people_say_them, seed),
        cmocka_unit_test_setup(r12_6_what_is_uncertain_is_a_range, seed),
        cmocka_unit_test_setup(p43_p44_prices_are_time_times_rate, seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
