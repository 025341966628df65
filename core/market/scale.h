/* core/market/scale.h: the time of one unit of a benchmark's task on a GPU, measured or from the GPUs it was measured on.
 *
 * Rule:    a measured row is the answer. Otherwise each GPU k with a row says: what it took, × X(k) ÷ X(new), where
 *          X = rate^a × bandwidth^b with one pair (a, b) per class of task. They are averaged (of logarithms), near ones more:
 *          weight 1 ÷ (1 + d²/2 + 12 if of another architecture), d the distance in octaves of rate and bandwidth; no weight above all others together. What is more than half an
 *          octave from the weighted median counts as half an octave, so one odd row moves little.
 * Numbers: whole ones throughout (2^16 per octave), so every machine has the same answer.
 * How good: `tally-bench holdout` hides one GPU after the other, as docs/estimates.md tells. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_SCALE_H
#define CORE_MARKET_SCALE_H

#include "core/market/estimate_tables.h"

#define SCALE_OCTAVE 65536

/* floor(2^16 × log2(value)); value > 0. */
int64_t scale_log2(uint64_t value);
/* 2^(log ÷ 2^16), rounded to nearest; 0 when below a half, UINT64_MAX when too large. */
uint64_t scale_exp2(int64_t log);

enum scale_basis {
    SCALE_NONE = 0,   /* no row at all */
    SCALE_MEASURED,   /* a measured row of this GPU */
    SCALE_CLAIMED,    /* a row of this GPU that nobody measured: coarse or the baseline */
    SCALE_NEIGHBOURS, /* four or more measured rows of others */
    SCALE_FEW,        /* from fewer, or from rows that nobody measured */
};

struct scale_exponents { /* thousandths */
    int32_t rate;
    int32_t bandwidth;
};
extern const struct scale_exponents SCALE_EXPONENTS[TASK_CLASS_COUNT];

struct scale_answer {
    uint64_t us; /* of one unit, at least 1; 0 with SCALE_NONE */
    enum scale_basis basis;
};

/* `task` and `gpu` are numbers of the tables, above 0. */
struct scale_answer scale_unit(size_t task, size_t gpu);
/* The same by other exponents and as if the rows of `gpu` and of `hidden` (0: none) did not exist. For holdouts. */
struct scale_answer scale_unit_hidden(size_t task, size_t gpu, size_t hidden,
                                      const struct scale_exponents *exponents);
/* 2^16 × log2 of X(reference) ÷ X(gpu): how much longer `gpu` takes, when nothing of the task is known but that it trains. */
int64_t scale_unknown_task(size_t gpu, size_t reference);

/* The number of the model that an offer names, 0 when it is in no table. Case, punctuation and the makers' words (NVIDIA, GeForce,
 * Quadro, Tesla, AMD) do not matter; everything else does: an "RTX 4090 D" is not an "RTX 4090". */
size_t scale_gpu(const char *name, size_t size);
/* 0 when there is none of that name. */
size_t scale_task(const char *name, size_t size);

#endif
