// SPDX-License-Identifier: Apache-2.0
#include "core/market/scale.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"

#include <string.h>

#define ARCHITECTURE_WEIGHT 12
#define CLIP (SCALE_OCTAVE / 2)
#define NEIGHBOURS_MIN 4 /* fewer are no neighbourhood */
#define WEIGHT_ONE (INT64_C(1) << 40)

/* Chosen by looking at the very rows they are judged by; docs/estimates.md says what remains when they are chosen without. Tokens one by
 * one wait for memory, and for an overhead that no faster card shortens: together below 1. */
const struct scale_exponents SCALE_EXPONENTS[TASK_CLASS_COUNT] = {
    [TASK_TRAIN] = {200, 800},  [TASK_TRAIN_FP32] = {300, 700}, [TASK_GENERATE] = {100, 400},
    [TASK_PROMPT] = {100, 600}, [TASK_DIFFUSION] = {800, 0},    [TASK_LOADER] = {0, 0},
};

int64_t scale_log2(uint64_t value)
{
    INVARIANT(value > 0);
    int whole = 63 - __builtin_clzll(value);
    u128 mantissa = whole <= 62 ? (u128)value << (62 - whole) : (u128)value >> 1;
    int64_t result = whole;
    for (int i = 0; i < 16; i++) {
        mantissa = mantissa * mantissa >> 62;
        result *= 2;
        if (mantissa >> 63) {
            mantissa >>= 1;
            result += 1;
        }
    }
    return result;
}

uint64_t scale_exp2(int64_t log)
{
    /* floor(2^62 × 2^(2^-k)) for k = 1 … 16. */
    static const uint64_t ROOTS[16] = {
        6521908912666391106U, 5484249825272419511U, 5029079263719320435U, 4815862801830788490U,
        4712668792719003883U, 4661903986662671289U, 4636727017470743990U, 4624189567668517720U,
        4617933561212708776U, 4614808732577250068U, 4613247111281068008U, 4612466498810092974U,
        4612076242109103707U, 4611881126141011236U, 4611783571252412753U, 4611734794581956353U,
    };
    int64_t whole = log >> 16; /* floor */
    uint64_t fraction = (uint64_t)log & 0xffff;
    if (whole < -1) {
        return 0;
    }
    if (whole > 62) {
        return UINT64_MAX;
    }
    u128 mantissa = (u128)1 << 62;
    for (int k = 0; k < 16; k++) {
        if ((fraction >> (15 - k) & 1) != 0) {
            mantissa = mantissa * ROOTS[k] >> 62;
        }
    }
    int shift = (int)(62 - whole); /* 0 … 63 */
    u128 half = shift == 0 ? 0 : (u128)1 << (shift - 1);
    return (uint64_t)((mantissa + half) >> shift);
}

static int64_t rate_of(const struct gpu_row *gpu, enum task_class class_)
{
    return class_ == TASK_TRAIN_FP32 ? gpu->log_fp32 : gpu->log_tensor;
}

/* 2^16 × log2 of X(a) ÷ X(b). */
static int64_t faster_by(const struct gpu_row *a, const struct gpu_row *b, enum task_class class_,
                         const struct scale_exponents *exponents)
{
    return ((rate_of(a, class_) - rate_of(b, class_)) * exponents->rate +
            (int64_t)(a->log_bandwidth - b->log_bandwidth) * exponents->bandwidth) /
           1000;
}

static int64_t weight_of(const struct gpu_row *a, const struct gpu_row *b, enum task_class class_)
{
    int64_t rate = rate_of(a, class_) - rate_of(b, class_);
    int64_t bandwidth = a->log_bandwidth - b->log_bandwidth;
    int64_t square = (rate * rate + bandwidth * bandwidth) / SCALE_OCTAVE;
    int64_t apart = a->generation == b->generation ? 0 : ARCHITECTURE_WEIGHT * SCALE_OCTAVE;
    return WEIGHT_ONE / (SCALE_OCTAVE + square / 2 + apart);
}

struct vote {
    int64_t log_us;
    int64_t weight;
};

/* By insertion: a task has some fifteen rows. */
static void insert(struct vote *votes, size_t count, struct vote vote)
{
    while (count > 0 && votes[count - 1].log_us > vote.log_us) {
        votes[count] = votes[count - 1];
        count--;
    }
    votes[count] = vote;
}

/* The sum of all weights, once no vote outweighs all others together: one odd row of the only GPU that is near would decide alone. */
static int64_t hold_down(struct vote *votes, size_t count)
{
    int64_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all += votes[i].weight;
    }
    for (size_t i = 0; i < count && count > 1; i++) {
        int64_t others = all - votes[i].weight;
        if (votes[i].weight > others) {
            votes[i].weight = others;
            return 2 * others;
        }
    }
    return all;
}

/* The mean around the weighted median, with what is far from it drawn near. `votes` ascend. */
static int64_t agree(struct vote *votes, size_t count)
{
    int64_t below = 0;
    int64_t sum = 0;
    size_t middle = 0;
    int64_t all = hold_down(votes, count);
    INVARIANT(count > 0);
    while (middle + 1 < count && 2 * (below + votes[middle].weight) < all) {
        below += votes[middle++].weight;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t off = votes[i].log_us - votes[middle].log_us;
        off = off > CLIP ? CLIP : off < -CLIP ? -CLIP : off;
        sum += votes[i].weight * off;
    }
    return votes[middle].log_us + sum / all;
}

struct scale_answer scale_unit_hidden(size_t task_number, size_t gpu_number, size_t hidden,
                                      const struct scale_exponents *exponents)
{
    INVARIANT(task_number > 0 && task_number < ESTIMATE_TASK_COUNT);
    INVARIANT(gpu_number > 0 && gpu_number < ESTIMATE_GPU_COUNT);
    const struct task_row *task = &ESTIMATE_TASKS[task_number];
    const struct gpu_row *gpu = &ESTIMATE_GPUS[gpu_number];
    struct vote votes[ESTIMATE_GPUS_MAX];
    size_t count = 0;
    size_t measured = 0;
    for (size_t i = 0; i < task->count; i++) {
        const struct benchmark_row *row = &ESTIMATE_BENCHMARKS[task->first + i];
        if (row->gpu == gpu_number || row->gpu == hidden || row->is_apart) {
            continue;
        }
        const struct gpu_row *other = &ESTIMATE_GPUS[row->gpu];
        insert(votes, count++,
               (struct vote){row->log_us + faster_by(other, gpu, task->class_, exponents),
                             weight_of(other, gpu, task->class_)});
        measured += row->status == ROW_MEASURED;
    }
    if (count == 0) {
        return (struct scale_answer){0};
    }
    uint64_t us = scale_exp2(agree(votes, count));
    return (struct scale_answer){
        .us = us == 0 ? 1 : us, .basis = measured >= NEIGHBOURS_MIN ? SCALE_NEIGHBOURS : SCALE_FEW};
}

struct scale_answer scale_unit(size_t task_number, size_t gpu_number)
{
    INVARIANT(task_number > 0 && task_number < ESTIMATE_TASK_COUNT);
    const struct task_row *task = &ESTIMATE_TASKS[task_number];
    for (size_t i = 0; i < task->count; i++) {
        const struct benchmark_row *row = &ESTIMATE_BENCHMARKS[task->first + i];
        if (row->gpu == gpu_number) {
            return (struct scale_answer){.us = row->us,
                                         .basis = row->status == ROW_MEASURED ? SCALE_MEASURED
                                                                              : SCALE_CLAIMED};
        }
    }
    return scale_unit_hidden(task_number, gpu_number, 0, &SCALE_EXPONENTS[task->class_]);
}

int64_t scale_unknown_task(size_t gpu, size_t reference)
{
    INVARIANT(gpu > 0 && gpu < ESTIMATE_GPU_COUNT);
    INVARIANT(reference > 0 && reference < ESTIMATE_GPU_COUNT);
    return faster_by(&ESTIMATE_GPUS[reference], &ESTIMATE_GPUS[gpu], TASK_TRAIN_FP32,
                     &SCALE_EXPONENTS[TASK_TRAIN_FP32]);
}

/* ── names ─────────────────────────────────────────────────────────────────────────────────────── */

#define NAME_MAX_SIZE 120

/* Lower-case letters and digits of the words that tell models apart. */
static size_t plain(const char *name, size_t size, char ret[NAME_MAX_SIZE])
{
    static const char *const IGNORED[] = {"nvidia", "geforce", "quadro", "tesla", "amd"};
    size_t used = 0;
    size_t at = 0;
    while (at < size) {
        size_t start = used;
        for (; at < size; at++) {
            unsigned c = (unsigned char)name[at];
            c += c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0;
            bool is_part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
            if (!is_part || used == NAME_MAX_SIZE) {
                break;
            }
            ret[used++] = (char)c;
        }
        for (size_t i = 0; i < sizeof IGNORED / sizeof *IGNORED; i++) {
            size_t length = strlen(IGNORED[i]);
            if (used - start == length && memcmp(ret + start, IGNORED[i], length) == 0) {
                used = start;
            }
        }
        at++;
    }
    return used;
}

size_t scale_gpu(const char *name, size_t size)
{
    char asked[NAME_MAX_SIZE];
    char known[NAME_MAX_SIZE];
    size_t asked_size = plain(name, size, asked);
    for (size_t i = 1; i < ESTIMATE_GPU_COUNT && asked_size > 0; i++) {
        size_t known_size = plain(ESTIMATE_GPUS[i].name, strlen(ESTIMATE_GPUS[i].name), known);
        if (known_size == asked_size && memcmp(known, asked, known_size) == 0) {
            return i;
        }
    }
    return 0;
}

size_t scale_task(const char *name, size_t size)
{
    for (size_t i = 1; i < ESTIMATE_TASK_COUNT; i++) {
        if (strlen(ESTIMATE_TASKS[i].name) == size &&
            memcmp(ESTIMATE_TASKS[i].name, name, size) == 0) {
            return i;
        }
    }
    return 0;
}
