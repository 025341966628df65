/* core/market/matching.h: one offer against requirements: does it fit, how long, what does it cost, and why (not).
 *
 * Classes: every check gives a fit of its own, and the worst of them is the offer's. Thresholds and formulas, in words: docs/matching.md.
 * Unknown: what an offer does not tell (zero, for a GPU's memory, compute capability, driver or TFLOPS; its packages) is not "has none": it is never
 *          insufficient. A network, a model and an image it must tell.
 * Time:    the candidate's, as estimate.h has it for the job. One that says none takes the reference's time × 1000 ÷ its speed in permille.
 * Pure:    no clock, no store, integers only; the same inputs give the same answer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_MATCHING_H
#define CORE_MARKET_MATCHING_H

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/market/estimate.h"

/* Of everything that a ranking (ranking.h) depends on: classes, times, order, score, bytes under the digest. It is in match.computed. */
#define MATCHING_VERSION 5
/* Of the tables that times come from. In match.computed too. */
#define MATCHING_TABLE_VERSION ESTIMATE_TABLE_VERSION

/* In the order in which they are told. The first MATCH_HARD can make an offer insufficient, the others at most borderline. */
enum match_check {
    MATCH_ONLINE,
    MATCH_DEVICE,
    MATCH_GPUS,
    MATCH_VRAM,
    MATCH_COMPUTE_CAPABILITY,
    MATCH_DRIVER,
    MATCH_RAM,
    MATCH_DISK,
    MATCH_NETWORK,
    MATCH_PACKAGES,
    MATCH_ITEM,
    MATCH_COST, /* whether it can be bought at all: a lock holds so much and no more */
    MATCH_SPEED,
    MATCH_RELIABILITY,
    MATCH_MEASURED,
    MATCH_QUEUE,
    MATCH_IDLE_GPU,
};
#define MATCH_HARD 12
#define MATCH_CHECKS 17

/* An offer and its machine, as far as matching asks. */
struct candidate {
    struct id16 offer_id;
    struct offer_row offer;
    uint64_t p50_ms; /* of this job on it; 0: by its speed alone */
    uint64_t p90_ms;
    int64_t measured_at; /* when its speed was last measured; 0: never */
    uint64_t has_item;   /* what the job needs lies on its machine; of no need no matter */
    uint64_t online;
    uint64_t busy;   /* its machine has a job */
    uint64_t queued; /* and so many wait for it */
    uint64_t done;   /* jobs that ended there by themselves */
    uint64_t lost;   /* jobs that the machine let lie, lost or broke */
};

struct match {
    u128 burden; /* what cost-benefit weighs: cost × time to a result × risk; smaller is better */
    uint64_t p50_ms;
    uint64_t p90_ms;
    int64_t
        cost; /* of the p50 at the offer's rate, rounded up; INT64_MAX: more than can be locked */
    uint32_t index;  /* of the candidate, in what is ranked */
    uint16_t failed; /* bit n: hard check n failed */
    uint8_t fit;     /* enum fit */
    uint8_t score;   /* 0 … 100, set by ranking.h */
};

/* `now`: the ledger's time, for the age of measurements. `index` and `score` are left zero. */
void match_candidate(const struct requirements *needs, const struct candidate *candidate,
                     int64_t now, struct match *ret);

/* One check's fit; 0: it does not apply to such a job or machine. */
enum fit match_check(const struct requirements *needs, const struct candidate *candidate,
                     int64_t now, enum match_check check);
/* "vram", "compute_capability", … */
const char *match_check_name(enum match_check check);
/* Append a check's reason in numbers: "needs 10 GiB of GPU memory, has 12 GiB: 20 % to spare". The check must apply. */
void match_reason(const struct requirements *needs, const struct candidate *candidate, int64_t now,
                  enum match_check check, struct buf *ret);
/* Append what decided the class, joined by "; ": every failed check of an insufficient offer, what is tight or worse than asked of the
 * others, and for a recommended one how much memory it has to spare. */
void match_why(const struct requirements *needs, const struct candidate *candidate, int64_t now,
               struct buf *ret);

/* Of the jobs that such a machine takes, the share it is expected to bring to an end: (done + 9) ÷ (done + lost + 10) in permille, so that a
 * machine that nobody has tried counts 900. */
uint64_t match_reliability(const struct candidate *candidate);
/* What the offer has of a hard check's measure; 0 for those without one. */
uint64_t match_has(const struct offer_row *offer, enum match_check check);
/* Append "needs 10 GiB of GPU memory, has 4 GiB to 8 GiB": of offers that failed a hard check, from the least to the most they have. */
void match_why_not(const struct requirements *needs, enum match_check check, uint64_t has_min,
                   uint64_t has_max, struct buf *ret);

#endif
