// SPDX-License-Identifier: Apache-2.0
#include "core/market/estimate.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/market/billing.h"
#include "core/market/observed.h"

#include <string.h>

#define OBSERVED_ENOUGH 8 /* jobs that make up for not having a benchmark of this GPU */

/* By how much the range grows with the way this GPU's time is known, in permille. The rule of scale.c is off by a third at the 90th percentile. */
static uint64_t widening(enum scale_basis basis)
{
    switch (basis) {
    case SCALE_MEASURED:
    case SCALE_CLAIMED:
        return 1000;
    case SCALE_NEIGHBOURS:
        return 1250;
    case SCALE_FEW:
        return 1500;
    case SCALE_NONE:
        break;
    }
    return 2000;
}

static uint64_t bounded(u128 ms)
{
    return ms > WORKLOAD_MS_MAX ? WORKLOAD_MS_MAX : (uint64_t)ms;
}

/* ceil(value × numerator ÷ denominator); all below 2^63. */
static u128 ratio_of(uint64_t value, uint64_t numerator, uint64_t denominator)
{
    return ((u128)value * numerator + denominator - 1) / denominator;
}

/* A machine of which no more is known than its speed. */
static struct estimate_time by_speed(const struct requirements *needs, uint64_t speed_permille)
{
    uint64_t speed = speed_permille == 0 ? 1 : speed_permille;
    u128 p90 = ratio_of(needs->reference_p90_ms, 1000, speed);
    if (needs->device == DEVICE_GPU &&
        needs->task != 0) { /* whose range is that of a program measured on such a card */
        p90 = p90 * widening(SCALE_NONE) / 1000;
    }
    u128 p50 = ratio_of(needs->reference_p50_ms, 1000, speed);
    return (struct estimate_time){
        .p50_ms = p50 > (u128)INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)p50,
        .p90_ms = p90 > (u128)INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)p90,
    };
}

static uint64_t with_log(uint64_t ms, int64_t log)
{
    return bounded((u128)ms * scale_exp2(log + 32 * SCALE_OCTAVE) >> 32);
}

struct estimate_time estimate_untaught(const struct requirements *needs, uint64_t gpu,
                                       uint64_t speed_permille)
{
    if (needs->device != DEVICE_GPU || gpu == 0 || needs->reference_p50_ms == 0) {
        return by_speed(needs, speed_permille);
    }
    struct estimate_time time = {0};
    uint64_t start = needs->start_ms;
    if (needs->task == 0) {
        time.p50_ms =
            with_log(needs->reference_p50_ms, scale_unknown_task(gpu, ESTIMATE_REFERENCE));
    } else {
        struct scale_answer here = scale_unit(needs->task, gpu);
        struct scale_answer there = scale_unit(needs->task, ESTIMATE_REFERENCE);
        start = start < needs->reference_p50_ms ? start : needs->reference_p50_ms;
        time.basis = here.basis;
        time.p50_ms = bounded(start + ratio_of(needs->reference_p50_ms - start, here.us, there.us));
    }
    if (time.p50_ms == 0) {
        time.p50_ms = 1;
    }
    uint64_t wide = needs->task == 0 ? 1000 : widening(time.basis);
    u128 p90 = ratio_of(time.p50_ms, needs->reference_p90_ms, needs->reference_p50_ms);
    p90 = (p90 * wide + 999) / 1000;
    time.p90_ms = bounded(p90 < time.p50_ms ? time.p50_ms : p90);
    return time;
}

static void teach(struct store *state, uint64_t job_type, uint64_t gpu, struct estimate_time *time)
{
    int64_t spread = scale_log2(time->p90_ms) - scale_log2(time->p50_ms);
    struct observed_shift shift = observed_shift(state, job_type, gpu, spread);
    if (shift.p50 == 0 && shift.spread == spread) {
        time->observed = shift.count;
        return; /* nothing is known better: to the millisecond what it was */
    }
    uint64_t p50 = with_log(time->p50_ms, shift.p50);
    time->p50_ms = p50 == 0 ? 1 : p50;
    uint64_t p90 = with_log(time->p50_ms, shift.spread);
    time->p90_ms = p90 < time->p50_ms ? time->p50_ms : p90;
    time->observed = shift.count;
}

static void load(struct store *state, const struct upload_row *upload, size_t gpu,
                 struct estimate_times *ret)
{
    const struct requirements *needs = upload_needs(upload);
    ret->on_gpu[gpu] = estimate_untaught(needs, gpu, 0);
    if (needs->task != 0) { /* how long unlike programs took says nothing about the next */
        teach(state, upload_job_type(upload), gpu, &ret->on_gpu[gpu]);
    }
}

void estimate_load(struct store *state, const struct upload_row *upload, struct estimate_times *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->needs = *upload_needs(upload);
    for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT && ret->needs.device == DEVICE_GPU; gpu++) {
        load(state, upload, gpu, ret);
    }
}

void estimate_load_one(struct store *state, const struct upload_row *upload,
                       const struct offer_row *offer, struct estimate_times *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->needs = *upload_needs(upload);
    if (ret->needs.device == DEVICE_GPU && offer->gpu_model != 0) {
        INVARIANT(offer->gpu_model < ESTIMATE_GPU_COUNT);
        load(state, upload, offer->gpu_model, ret);
    }
}

void estimate_offline(const struct requirements *needs, struct estimate_times *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->needs = *needs;
    for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT && needs->device == DEVICE_GPU; gpu++) {
        ret->on_gpu[gpu] = estimate_untaught(needs, gpu, 0);
    }
}

struct estimate_time estimate_on(const struct estimate_times *times, const struct offer_row *offer)
{
    if (times->needs.device != DEVICE_GPU || offer->device != DEVICE_GPU || offer->gpu_model == 0) {
        return by_speed(&times->needs, offer->speed_permille);
    }
    INVARIANT(offer->gpu_model < ESTIMATE_GPU_COUNT);
    return times->on_gpu[offer->gpu_model];
}

struct workload estimate_workload_of(const struct upload_row *upload)
{
    const struct requirements *needs = upload_needs(upload);
    return (struct workload){.task = needs->task,
                             .work_micro = upload->work_micro,
                             .start_ms = needs->start_ms,
                             .p50_ms = needs->reference_p50_ms,
                             .p90_ms = needs->reference_p90_ms,
                             .assumed = (uint32_t)upload->assumed,
                             .is_like = upload->is_like != 0};
}

void estimate_resize(struct upload_row *upload, const struct workload *workload)
{
    struct requirements needs = *upload_needs(upload);
    upload->job_type = upload_job_type(upload);
    upload->needs = needs;
    upload->overridden_sequence = 0; /* it is in the needs now */
    upload->needs.task = workload->task;
    upload->needs.start_ms = workload->start_ms;
    upload->needs.reference_p50_ms = workload->p50_ms;
    upload->needs.reference_p90_ms = workload->p90_ms;
    upload->work_micro = workload->work_micro;
    upload->assumed = workload->assumed;
    upload->is_like = workload->is_like ? 1 : 0;
}

bool estimate_workload_quoted(const struct ev_quote_issued *quote, struct workload *ret)
{
    size_t task =
        quote->task.size == 0 ? 0 : scale_task((const char *)quote->task.data, quote->task.size);
    if (task == 0 || quote->reference_p50_ms == 0 ||
        quote->reference_p50_ms > quote->reference_p90_ms ||
        quote->reference_p90_ms > WORKLOAD_MS_MAX) {
        return false;
    }
    *ret = (struct workload){.task = task,
                             .work_micro = quote->work_micro,
                             .start_ms = quote->start_ms,
                             .p50_ms = quote->reference_p50_ms,
                             .p90_ms = quote->reference_p90_ms,
                             .assumed = (uint32_t)quote->assumed,
                             .is_like = quote->is_like};
    return true;
}

bool estimate_reference(const struct work *work, uint64_t gpus, struct workload *ret,
                        enum estimate_level *ret_level, struct buf *ret_basis)
{
    struct workload workload = workload_size(work);
    /* A row of the reference may be anybody's: no more is claimed than of a GPU that has none. */
    struct estimate_time reference = {.p50_ms = workload.p50_ms, .basis = SCALE_NEIGHBOURS};
    if (workload.task == 0) {
        return false;
    }
    workload_text(&workload, ret_basis);
    *ret_level = estimate_level_of(&workload, gpus, &reference);
    *ret = workload;
    return true;
}

const char *estimate_note(uint64_t gpus)
{
    return gpus > 1 ? "the job asks for several GPUs, and its time is that on one: there are no "
                      "figures on how such jobs scale, so it may end sooner"
                    : NULL;
}

enum estimate_level estimate_level_of(const struct workload *workload, uint64_t gpus,
                                      const struct estimate_time *time)
{
    static const int DOUBT[] = {[SCALE_NONE] = 3,
                                [SCALE_MEASURED] = 0,
                                [SCALE_CLAIMED] = 1,
                                [SCALE_NEIGHBOURS] = 1,
                                [SCALE_FEW] = 2};
    if (workload->task == 0 || gpus > 1) {
        return ESTIMATE_LOW;
    }
    int doubt = DOUBT[time->basis] + (workload->is_like ? 1 : 0);
    for (uint32_t bits = workload->assumed; bits != 0; bits &= bits - 1) {
        doubt++;
    }
    doubt += 2 * workload->start_ms > time->p50_ms ? 1 : 0; /* which was measured nowhere */
    doubt -= time->observed >= OBSERVED_ENOUGH ? 2 : 0;
    return doubt <= 0 ? ESTIMATE_HIGH : doubt <= 2 ? ESTIMATE_MEDIUM : ESTIMATE_LOW;
}

const char *estimate_level_word(enum estimate_level level)
{
    return level == ESTIMATE_HIGH ? "high" : level == ESTIMATE_MEDIUM ? "medium" : "low";
}

const char *estimate_basis_text(enum scale_basis basis, bool has_task)
{
    if (!has_task) {
        return "unknown: no benchmark is like this job; a wide default range";
    }
    switch (basis) {
    case SCALE_MEASURED:
        return "measured on this GPU";
    case SCALE_CLAIMED:
        return "claimed or published for this GPU, measured by nobody we know of";
    case SCALE_NEIGHBOURS:
        return "not measured on this GPU: from the GPUs nearest to it that were";
    case SCALE_FEW:
        return "not measured on this GPU: from the few figures there are for others";
    case SCALE_NONE:
        break;
    }
    return "this GPU is in no table: from its speed alone";
}

uint64_t estimate_gpu_of(enum device device, struct bytes model)
{
    return device == DEVICE_GPU ? scale_gpu((const char *)model.data, model.size) : 0;
}

bool estimate_price(const struct estimate_time *time, int64_t rate, uint64_t margin_bps,
                    int64_t lock_min, struct estimate_price *ret)
{
    struct estimate_price price = {0};
    if (!billing_cap(time->p50_ms, rate, 0, 1, &price.total) ||
        !billing_cap(time->p90_ms, rate, margin_bps, lock_min, &price.cap)) {
        return false;
    }
    price.per_minute_milli = (uint64_t)(((u128)(uint64_t)rate * 1000 + 30) / 60);
    *ret = price;
    return true;
}
