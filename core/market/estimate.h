/* core/market/estimate.h: how long an analysed upload takes on an offer, from its workload, the benchmarks and what finished jobs taught.
 *
 * Rule:    p50 = start + (p50 on the reference − start) × time of one unit on this GPU ÷ on the reference (scale.h), then × what jobs of this
 *          type took more or less than that (observed.h). p90 = p50 × the workload's own range × how indirectly this GPU is known.
 *          A CPU, and a GPU that is in no table, take the reference's time × 1000 ÷ speed_permille.
 * Pure:    whole numbers, no clock; equal state and tables give equal times, so a match or a quote replays to the same integers. Which tables:
 *          ESTIMATE_TABLE_VERSION, recorded in match.computed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_ESTIMATE_H
#define CORE_MARKET_ESTIMATE_H

#include "core/event/catalogue.h"
#include "core/market/state.h"
#include "core/market/workload.h"

enum estimate_level { ESTIMATE_LOW = 1, ESTIMATE_MEDIUM, ESTIMATE_HIGH };

struct estimate_time {
    uint64_t p50_ms; /* half of such jobs end within it … */
    uint64_t p90_ms; /* … and nine of ten within this; ≥ p50_ms */
    enum scale_basis basis;
    uint64_t observed; /* jobs of this type on this GPU that it has learnt from */
};

struct estimate_times { /* of one upload, on every GPU of the tables */
    struct requirements needs;
    struct estimate_time on_gpu[ESTIMATE_GPUS_MAX]; /* [0]: not used */
};

/* Once for each upload that is held against many offers: two reads of state for each GPU of the tables. */
void estimate_load(struct store *state, const struct upload_row *upload,
                   struct estimate_times *ret);
/* For this offer alone. */
void estimate_load_one(struct store *state, const struct upload_row *upload,
                       const struct offer_row *offer, struct estimate_times *ret);
/* As if no job had finished yet: without a ledger. */
void estimate_offline(const struct requirements *needs, struct estimate_times *ret);
/* For each offer, in constant time. */
struct estimate_time estimate_on(const struct estimate_times *times, const struct offer_row *offer);

/* Without what jobs taught. `gpu`: number of the tables, 0: in none, or a CPU. */
struct estimate_time estimate_untaught(const struct requirements *needs, uint64_t gpu,
                                       uint64_t speed_permille);
/* As it was recorded of an upload. */
struct workload estimate_workload_of(const struct upload_row *upload);
/* As if this workload were recorded of it: to ask with other settings. */
void estimate_resize(struct upload_row *upload, const struct workload *workload);
/* As a quote's settings make it (quote.issued 2). False: they change nothing, or it is of a task that this program's tables do not have. */
MUST_CHECK bool estimate_workload_quoted(const struct ev_quote_issued *quote, struct workload *ret);
/* Of a job that a benchmark is like: its workload, how far to trust its time on the reference, and in one sentence where that comes from. False: none is. */
MUST_CHECK bool estimate_reference(const struct work *work, uint64_t gpus, struct workload *ret,
                                   enum estimate_level *ret_level, struct buf *ret_basis);
/* How far to trust it: whether the workload is known, the benchmark the program's own, and this GPU measured; finished jobs make up for it. A job
 * that asks for several GPUs is estimated as on one of them, and trusted little. */
enum estimate_level estimate_level_of(const struct workload *workload, uint64_t gpus,
                                      const struct estimate_time *time);
/* What has to be said beside the time of a job that asks for so many GPUs; NULL: nothing. */
const char *estimate_note(uint64_t gpus);
const char *estimate_level_word(enum estimate_level level);
/* One sentence on where the time comes from. */
const char *estimate_basis_text(enum scale_basis basis, bool has_task);
/* What an offer's row calls `gpu_model`. */
uint64_t estimate_gpu_of(enum device device, struct bytes model);

struct estimate_price {
    uint64_t
        per_minute_milli; /* thousandths of a QUBIC; a rate, to nearest: nothing is charged by it */
    int64_t total;        /* of the p50: what it is likely to cost, rounded up */
    int64_t cap;          /* of the p90 with margin: what is locked */
};
/* As the bill computes; false when no lock can hold it. `rate`: QUBIC per hour. */
MUST_CHECK bool estimate_price(const struct estimate_time *time, int64_t rate, uint64_t margin_bps,
                               int64_t lock_min, struct estimate_price *ret);

#endif
