/* The sentences of matching.h. They are made for what is shown, never for a whole ranking. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/driver_version.h"
#include "core/base/software.h"
#include "core/base/time.h"
#include "core/market/matching.h"

#include <inttypes.h>

const char *match_check_name(enum match_check check)
{
    static const char *const NAMES[MATCH_CHECKS] = {
        [MATCH_ONLINE] = "online",
        [MATCH_DEVICE] = "device",
        [MATCH_GPUS] = "gpus",
        [MATCH_VRAM] = "vram",
        [MATCH_COMPUTE_CAPABILITY] = "compute_capability",
        [MATCH_DRIVER] = "driver",
        [MATCH_RAM] = "ram",
        [MATCH_DISK] = "disk",
        [MATCH_NETWORK] = "network",
        [MATCH_PACKAGES] = "packages",
        [MATCH_ITEM] = "model_or_image",
        [MATCH_COST] = "cost",
        [MATCH_SPEED] = "speed",
        [MATCH_RELIABILITY] = "reliability",
        [MATCH_MEASURED] = "measured",
        [MATCH_QUEUE] = "queue",
        [MATCH_IDLE_GPU] = "idle_gpu",
    };
    return NAMES[check];
}

/* In tenths, so that what differs looks different: a need is rounded up, what there is down. */
static void append_mib(struct buf *ret, uint64_t mib, bool up)
{
    if (mib < 1024) {
        buf_printf(ret, "%" PRIu64 " MiB", mib);
        return;
    }
    uint64_t tenths = mib % 1024 * 10 / 1024 + (up && mib % 1024 * 10 % 1024 != 0 ? 1 : 0);
    uint64_t whole = mib / 1024 + tenths / 10;
    tenths %= 10;
    if (tenths == 0) {
        buf_printf(ret, "%" PRIu64 " GiB", whole);
    } else {
        buf_printf(ret, "%" PRIu64 ".%" PRIu64 " GiB", whole, tenths);
    }
}

static void append_capability(struct buf *ret, uint64_t tenfold)
{
    buf_printf(ret, "%" PRIu64 ".%" PRIu64, tenfold / 10, tenfold % 10);
}

static void append_driver(struct buf *ret, uint64_t version)
{
    char text[DRIVER_VERSION_TEXT_SIZE];
    driver_version_format(version > DRIVER_VERSION_MAX ? DRIVER_VERSION_MAX : version, text);
    buf_append_text(ret, text);
}

static const char *memory_of(enum match_check check)
{
    return check == MATCH_VRAM ? "GPU memory" : check == MATCH_RAM ? "memory" : "disk";
}

static uint64_t needs_of(const struct requirements *needs, enum match_check check)
{
    return check == MATCH_VRAM  ? needs->vram_mib
           : check == MATCH_RAM ? needs->ram_mib
                                : needs->storage_mib;
}

static void append_memory(const struct requirements *needs, const struct offer_row *offer,
                          enum match_check check, struct buf *ret)
{
    uint64_t has = match_has(offer, check);
    uint64_t need = needs_of(needs, check);
    buf_append_text(ret, "needs ");
    append_mib(ret, need, true);
    if (check == MATCH_VRAM && has == 0) {
        buf_append_text(ret, " of GPU memory, the offer does not say how much it has");
        return;
    }
    buf_printf(ret, " of %s, has ", memory_of(check));
    append_mib(ret, has, false);
    if (has >= need && need > 0) {
        u128 percent = (u128)(has - need) * 100 / need;
        if (percent < 200) {
            buf_printf(ret, ": %u %% to spare", (unsigned)percent);
        } else {
            buf_printf(ret, ": %" PRIu64 " times as much", has / need);
        }
    }
}

static void append_packages(const struct requirements *needs, const struct offer_row *offer,
                            struct buf *ret)
{
    uint64_t const missing = needs->packages & ~offer->packages;
    buf_append_text(ret, "needs ");
    software_packages_append(needs->packages, ", ", ret);
    if (offer->tells_packages == 0) {
        buf_append_text(ret, ": the offer does not say what its Python has");
    } else if (missing == 0) {
        buf_append_text(ret, ", has all of it");
    } else {
        buf_append_text(ret, ": has no ");
        software_packages_append(missing, ", ", ret);
    }
}

static const char *item_of(const struct requirements *needs)
{
    return needs->item_kind == STOCK_IMAGE ? "container image" : "model";
}

static void append_speed(const struct requirements *needs, const struct offer_row *offer,
                         struct buf *ret)
{
    if (needs->device != DEVICE_GPU) {
        buf_printf(ret, "%" PRIu64 ".%02" PRIu64 " times as fast as the reference machine",
                   offer->speed_permille / 1000, offer->speed_permille % 1000 / 10);
    } else if (offer->tflops_milli == 0) {
        buf_printf(ret, "asks for %" PRIu64 ".%" PRIu64 " TFLOPS, the offer does not say its own",
                   needs->tflops_milli / 1000, needs->tflops_milli % 1000 / 100);
    } else {
        buf_printf(ret, "asks for %" PRIu64 ".%" PRIu64 " TFLOPS, has %" PRIu64 ".%" PRIu64,
                   needs->tflops_milli / 1000, needs->tflops_milli % 1000 / 100,
                   offer->tflops_milli / 1000, offer->tflops_milli % 1000 / 100);
    }
}

static void append_reliability(const struct candidate *candidate, struct buf *ret)
{
    uint64_t ended = candidate->done + candidate->lost;
    if (ended == 0) {
        buf_append_text(ret, "no job has ended on this machine yet");
    } else {
        buf_printf(ret, "lost %" PRIu64 " of %" PRIu64 " job%s", candidate->lost, ended,
                   ended == 1 ? "" : "s");
    }
}

static void append_measured(const struct candidate *candidate, int64_t now, struct buf *ret)
{
    int64_t days = (now - candidate->measured_at) / (24 * 3600 * NS_PER_S);
    if (candidate->measured_at <= 0) {
        buf_append_text(ret, "its speed was never measured");
    } else if (days <= 0) {
        buf_append_text(ret, "its speed was measured less than a day ago");
    } else {
        buf_printf(ret, "its speed was measured %" PRId64 " day%s ago", days, days == 1 ? "" : "s");
    }
}

static void append_queue(const struct candidate *candidate, struct buf *ret)
{
    if (candidate->busy == 0 && candidate->queued == 0) {
        buf_append_text(ret, "the machine is free");
        return;
    }
    buf_append_text(ret, candidate->busy != 0 ? "the machine has a job" : "the machine is free");
    if (candidate->queued > 0) {
        buf_printf(ret, ", %" PRIu64 " wait%s for it", candidate->queued,
                   candidate->queued == 1 ? "s" : "");
    }
}

void match_reason(const struct requirements *needs, const struct candidate *candidate, int64_t now,
                  enum match_check check, struct buf *ret)
{
    const struct offer_row *offer = &candidate->offer;
    switch (check) {
    case MATCH_ONLINE:
        buf_append_text(ret, candidate->online != 0 ? "the machine is online"
                                                    : "the machine is offline");
        break;
    case MATCH_DEVICE:
        buf_printf(ret, "needs %" PRIu64 " GPU%s, has %s", needs->gpus, needs->gpus == 1 ? "" : "s",
                   offer->device == DEVICE_GPU ? "that kind" : "none");
        break;
    case MATCH_GPUS:
        buf_printf(ret, "needs %" PRIu64 " GPU%s, has %" PRIu64 "%s", needs->gpus,
                   needs->gpus == 1 ? "" : "s", offer->gpus,
                   needs->gpus > 1 && offer->gpus >= needs->gpus ? ", and its time is that on one"
                                                                 : "");
        break;
    case MATCH_VRAM:
    case MATCH_RAM:
    case MATCH_DISK:
        append_memory(needs, offer, check, ret);
        break;
    case MATCH_COMPUTE_CAPABILITY:
        buf_append_text(ret, "needs compute capability ");
        append_capability(ret, needs->compute_capability);
        if (offer->compute_capability == 0) {
            buf_append_text(ret, ", the offer does not say its own");
        } else {
            buf_append_text(ret, ", has ");
            append_capability(ret, offer->compute_capability);
        }
        break;
    case MATCH_DRIVER:
        buf_append_text(ret, "needs driver ");
        append_driver(ret, needs->driver);
        if (offer->driver == 0) {
            buf_append_text(ret, ", the offer does not say its own");
        } else {
            buf_append_text(ret, ", has ");
            append_driver(ret, offer->driver);
        }
        break;
    case MATCH_NETWORK:
        buf_append_text(ret, offer->network != 0 ? "jobs that ask for a network get one"
                                                 : "needs a network, gives jobs none");
        break;
    case MATCH_PACKAGES:
        append_packages(needs, offer, ret);
        break;
    case MATCH_ITEM:
        buf_printf(ret, "the %s that it needs is %son this machine", item_of(needs),
                   candidate->has_item != 0 ? "" : "not ");
        break;
    case MATCH_COST:
        buf_append_text(ret, match_check(needs, candidate, now, check) == FIT_INSUFFICIENT
                                 ? "would take or cost more than one lock can pay for"
                                 : "can be paid for with one lock");
        break;
    case MATCH_SPEED:
        append_speed(needs, offer, ret);
        break;
    case MATCH_RELIABILITY:
        append_reliability(candidate, ret);
        break;
    case MATCH_MEASURED:
        append_measured(candidate, now, ret);
        break;
    case MATCH_QUEUE:
        append_queue(candidate, ret);
        break;
    case MATCH_IDLE_GPU:
        buf_append_text(ret, "the job has no use for its GPU");
        break;
    }
}

void match_why(const struct requirements *needs, const struct candidate *candidate, int64_t now,
               struct buf *ret)
{
    enum fit fits[MATCH_CHECKS];
    enum fit class = FIT_RECOMMENDED;
    for (int i = 0; i < MATCH_CHECKS; i++) {
        fits[i] = match_check(needs, candidate, now, (enum match_check)i);
        class = fits[i] > class ? fits[i] : class;
    }
    const char *between = "";
    for (int i = 0; i < MATCH_CHECKS; i++) {
        bool told = class == FIT_INSUFFICIENT  ? fits[i] == FIT_INSUFFICIENT
                    : class == FIT_RECOMMENDED ? fits[i] != 0 && (i == MATCH_VRAM || i == MATCH_RAM)
                                               : fits[i] > FIT_RECOMMENDED;
        if (told) {
            buf_append_text(ret, between);
            match_reason(needs, candidate, now, (enum match_check)i, ret);
            between = "; ";
        }
    }
}

/* ── the same of many offers ───────────────────────────────────────────────────────────────────── */

void match_why_not(const struct requirements *needs, enum match_check check, uint64_t has_min,
                   uint64_t has_max, struct buf *ret)
{
    switch ((int)check) {
    case MATCH_VRAM:
    case MATCH_RAM:
    case MATCH_DISK:
        buf_append_text(ret, "needs ");
        append_mib(ret, needs_of(needs, check), true);
        buf_printf(ret, " of %s, has ", memory_of(check));
        append_mib(ret, has_min, false);
        if (has_max != has_min) {
            buf_append_text(ret, " to ");
            append_mib(ret, has_max, false);
        }
        break;
    case MATCH_COMPUTE_CAPABILITY:
        buf_append_text(ret, "needs compute capability ");
        append_capability(ret, needs->compute_capability);
        buf_append_text(ret, ", has ");
        append_capability(ret, has_min);
        if (has_max != has_min) {
            buf_append_text(ret, " to ");
            append_capability(ret, has_max);
        }
        break;
    case MATCH_DRIVER:
        buf_append_text(ret, "needs driver ");
        append_driver(ret, needs->driver);
        buf_append_text(ret, ", has ");
        append_driver(ret, has_min);
        if (has_max != has_min) {
            buf_append_text(ret, " to ");
            append_driver(ret, has_max);
        }
        break;
    case MATCH_GPUS:
        buf_printf(ret, "needs %" PRIu64 " GPUs, has %" PRIu64, needs->gpus, has_min);
        if (has_max != has_min) {
            buf_printf(ret, " to %" PRIu64, has_max);
        }
        break;
    case MATCH_DEVICE:
        buf_append_text(ret, "needs a GPU, has none");
        break;
    case MATCH_NETWORK:
        buf_append_text(ret, "needs a network, gives jobs none");
        break;
    case MATCH_PACKAGES:
        buf_append_text(ret, "needs ");
        software_packages_append(needs->packages, ", ", ret);
        buf_append_text(ret, ": not all of it is there");
        break;
    case MATCH_ITEM:
        buf_printf(ret, "the %s that it needs is not there", item_of(needs));
        break;
    case MATCH_COST:
        buf_append_text(ret, "more than one lock can pay for");
        break;
    default:
        buf_append_text(ret, "offline");
        break;
    }
}
