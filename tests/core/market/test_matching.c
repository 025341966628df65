/* R3.1 – R3.4, R3.6, R3.7, P7, P9: one offer against requirements. The thresholds are written once more here, from docs/matching.md and not from the
 * code, and held against it on generated jobs and machines. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "core/market/matching.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/matching_random.h"

#include <string.h>

#define CASES 20000
#define DAY_NS (INT64_C(24) * 3600 * NS_PER_S)

/* ── the rules, from the page ──────────────────────────────────────────────────────────────────── */

static enum fit worse(enum fit a, enum fit b)
{
    return a > b ? a : b;
}

static enum fit room(uint64_t has, uint64_t needs)
{
    long double share = needs == 0 ? 9 : (long double)has / (long double)needs;
    return share < 1      ? FIT_INSUFFICIENT
           : share < 1.1L ? FIT_BORDERLINE
           : share < 1.2L ? FIT_COMPATIBLE
                          : FIT_RECOMMENDED;
}

static enum fit expected_gpu_fit(const struct requirements *needs, const struct offer_row *offer)
{
    enum fit fit = offer->gpus < needs->gpus ? FIT_INSUFFICIENT : FIT_RECOMMENDED;
    if (needs->vram_mib > 0) {
        fit = worse(fit,
                    offer->vram_mib == 0 ? FIT_BORDERLINE : room(offer->vram_mib, needs->vram_mib));
    }
    if (needs->compute_capability > 0 && offer->compute_capability < needs->compute_capability) {
        fit = worse(fit, offer->compute_capability == 0 ? FIT_BORDERLINE : FIT_INSUFFICIENT);
    }
    if (needs->driver > 0 && offer->driver < needs->driver) {
        fit = worse(fit, offer->driver == 0 ? FIT_BORDERLINE : FIT_INSUFFICIENT);
    }
    if (needs->tflops_milli > 0 && offer->tflops_milli < needs->tflops_milli) {
        fit = worse(fit, offer->tflops_milli == 0 || offer->tflops_milli >= needs->tflops_milli / 2
                             ? FIT_COMPATIBLE
                             : FIT_BORDERLINE);
    }
    return fit;
}

static enum fit expected_fit(const struct requirements *needs, const struct candidate *c,
                             int64_t now, int64_t cost)
{
    const struct offer_row *offer = &c->offer;
    uint64_t permille = (c->done + 9) * 1000 / (c->done + c->lost + 10);
    uint64_t ahead = c->queued + c->busy;
    enum fit fit =
        worse(room(offer->ram_mib, needs->ram_mib), room(offer->storage_mib, needs->storage_mib));
    bool const lacks_package =
        offer->tells_packages != 0 && (needs->packages & ~offer->packages) != 0;
    if (c->online == 0 || cost == INT64_MAX || (needs->network != 0 && offer->network == 0) ||
        lacks_package || (needs->item_kind != 0 && c->has_item == 0)) {
        return FIT_INSUFFICIENT;
    }
    if (needs->packages != 0 && offer->tells_packages == 0) {
        fit = worse(fit, FIT_BORDERLINE);
    }
    if (needs->device == DEVICE_GPU) {
        fit = worse(fit, offer->device == DEVICE_GPU ? expected_gpu_fit(needs, offer)
                                                     : FIT_INSUFFICIENT);
    } else {
        fit = worse(fit, offer->device == DEVICE_GPU ? FIT_COMPATIBLE : FIT_RECOMMENDED);
        fit = worse(fit, offer->speed_permille < 250   ? FIT_BORDERLINE
                         : offer->speed_permille < 500 ? FIT_COMPATIBLE
                                                       : FIT_RECOMMENDED);
    }
    fit = worse(fit, permille < 700   ? FIT_BORDERLINE
                     : permille < 850 ? FIT_COMPATIBLE
                                      : FIT_RECOMMENDED);
    fit = worse(fit, c->measured_at == 0 || now - c->measured_at > 90 * DAY_NS ? FIT_COMPATIBLE
                                                                               : FIT_RECOMMENDED);
    return worse(fit, ahead >= 3 ? FIT_BORDERLINE : ahead > 0 ? FIT_COMPATIBLE : FIT_RECOMMENDED);
}

/* ── properties ────────────────────────────────────────────────────────────────────────────────── */

/* P7, R3.1 */
static void every_offer_has_the_class_that_its_thresholds_give(void **state)
{
    (void)state;
    size_t seen[FIT_INSUFFICIENT + 1] = {0};
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct random r = {seed};
        struct requirements needs = random_needs(&r);
        struct candidate candidate = random_candidate(&r, &needs);
        struct match match;
        match_candidate(&needs, &candidate, RANDOM_NOW, &match);
        enum fit expected = expected_fit(&needs, &candidate, RANDOM_NOW, match.cost);
        if (match.fit != expected || (match.failed != 0) != (match.fit == FIT_INSUFFICIENT)) {
            fail_msg("seed %llu: fit %d, expected %d, failed %x", (unsigned long long)seed,
                     match.fit, (int)expected, match.failed);
        }
        seen[match.fit]++;
    }
    for (int fit = FIT_RECOMMENDED; fit <= FIT_INSUFFICIENT; fit++) {
        assert_true(seen[fit] > CASES / 200); /* the generator makes all of them */
    }
}

static void improve(struct random *r, const struct requirements *needs, struct candidate *c)
{
    struct offer_row *offer = &c->offer;
    switch (below(r, 11)) {
    case 0:
        offer->ram_mib += below(r, 4096);
        break;
    case 1:
        offer->storage_mib += below(r, 65536);
        break;
    case 2: /* told, and more; from "not told" to too little is no improvement */
        offer->vram_mib += offer->vram_mib == 0 ? needs->vram_mib : below(r, 4096);
        break;
    case 3:
        offer->compute_capability += offer->compute_capability == 0 ? needs->compute_capability : 5;
        break;
    case 4:
        offer->tflops_milli += offer->tflops_milli == 0 ? needs->tflops_milli : below(r, 9000);
        break;
    case 5:
        c->online = 1;
        break;
    case 6:
        c->queued = c->busy = 0;
        break;
    case 7:
        c->done += 1 + below(r, 20);
        break;
    case 8:
        c->measured_at = RANDOM_NOW;
        break;
    case 9:
        offer->driver += offer->driver == 0 ? needs->driver : 1000;
        break;
    default:
        offer->gpus += offer->device == DEVICE_GPU ? 1 : 0;
        break;
    }
}

/* P7 */
static void a_better_machine_is_never_in_a_worse_class(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct random r = {seed};
        struct requirements needs = random_needs(&r);
        struct candidate candidate = random_candidate(&r, &needs);
        struct match before;
        struct match after;
        match_candidate(&needs, &candidate, RANDOM_NOW, &before);
        improve(&r, &needs, &candidate);
        match_candidate(&needs, &candidate, RANDOM_NOW, &after);
        if (after.fit > before.fit) {
            fail_msg("seed %llu: %d became %d", (unsigned long long)seed, before.fit, after.fit);
        }
    }
}

static size_t parts_of(const char *text)
{
    size_t parts = *text == '\0' ? 0 : 1;
    for (const char *at = text; (at = strstr(at, "; ")) != NULL; at += 2) {
        parts++;
    }
    return parts;
}

/* R3.3, R3.4: a reason for every class, and every failed constraint, not only the first. */
static void why_tells_every_failed_check_and_never_nothing(void **state)
{
    (void)state;
    size_t several = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct random r = {seed};
        struct requirements needs = random_needs(&r);
        struct candidate candidate = random_candidate(&r, &needs);
        struct match match;
        struct buf why;
        struct buf one;
        buf_init(&why, 4096);
        buf_init(&one, 4096);
        match_candidate(&needs, &candidate, RANDOM_NOW, &match);
        match_why(&needs, &candidate, RANDOM_NOW, &why);
        size_t failed = (size_t)__builtin_popcount(match.failed);
        if (why.failed || parts_of(buf_text(&why)) == 0 ||
            (match.fit == FIT_INSUFFICIENT && parts_of(buf_text(&why)) != failed)) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, buf_text(&why));
        }
        several += failed > 1 ? 1 : 0;
        for (int check = 0; check < MATCH_CHECKS; check++) {
            enum fit fit = match_check(&needs, &candidate, RANDOM_NOW, (enum match_check)check);
            bool told =
                match.fit == FIT_INSUFFICIENT ? fit == FIT_INSUFFICIENT : fit > FIT_RECOMMENDED;
            buf_clear(&one);
            if (told) {
                match_reason(&needs, &candidate, RANDOM_NOW, (enum match_check)check, &one);
            }
            if (strstr(buf_text(&why), buf_text(&one)) == NULL) {
                fail_msg("seed %llu: '%s' is not in '%s'", (unsigned long long)seed, buf_text(&one),
                         buf_text(&why));
            }
        }
        buf_deinit(&why);
        buf_deinit(&one);
    }
    assert_true(several > CASES / 100);
}

/* What an offer does not tell is told as that, and never makes it insufficient. */
static void unknown_is_not_has_none(void **state)
{
    (void)state;
    static const enum match_check CHECKS[] = {MATCH_VRAM, MATCH_COMPUTE_CAPABILITY, MATCH_DRIVER,
                                              MATCH_SPEED};
    size_t borderline = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct random r = {seed};
        struct requirements needs = random_needs(&r);
        struct candidate candidate = random_candidate(&r, &needs);
        candidate.offer.vram_mib = 0;
        candidate.offer.compute_capability = 0;
        candidate.offer.driver = 0;
        candidate.offer.tflops_milli = 0;
        for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
            enum fit fit = match_check(&needs, &candidate, RANDOM_NOW, CHECKS[i]);
            assert_int_not_equal(fit, FIT_INSUFFICIENT);
            if (fit == FIT_BORDERLINE && needs.device == DEVICE_GPU) {
                struct buf text;
                buf_init(&text, 1024);
                match_reason(&needs, &candidate, RANDOM_NOW, CHECKS[i], &text);
                assert_non_null(strstr(buf_text(&text), "does not say"));
                buf_deinit(&text);
                borderline++;
            }
        }
    }
    assert_true(borderline > CASES / 100);
}

/* P9, R3.6, R3.7: the cost shown is what billing makes of the time shown. */
static void the_cost_is_billings_for_the_likely_time(void **state)
{
    (void)state;
    size_t dear = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct random r = {seed};
        struct requirements needs = random_needs(&r);
        struct candidate candidate = random_candidate(&r, &needs);
        if (below(&r, 4) == 0) { /* around every limit */
            candidate.offer.rate = (int64_t)(next(&r) >> below(&r, 63)) + 1;
            candidate.offer.speed_permille = below(&r, 3);
            needs.reference_p50_ms = next(&r) >> below(&r, 64);
            needs.reference_p90_ms = UINT64_MAX;
        }
        struct match match;
        int64_t expected = INT64_MAX;
        match_candidate(&needs, &candidate, RANDOM_NOW, &match);
        if (candidate.offer.rate < 0 ||
            !billing_cap(match.p50_ms, candidate.offer.rate, 0, 1, &expected)) {
            expected = INT64_MAX;
        }
        u128 ms = (u128)needs.reference_p50_ms * 1000;
        u128 speed = candidate.offer.speed_permille == 0 ? 1 : candidate.offer.speed_permille;
        bool time_is_right =
            match.p50_ms * speed >= ms && (match.p50_ms == 0 || (match.p50_ms - 1) * speed < ms);
        if (match.cost != expected || match.cost < 1 ||
            (!time_is_right && match.p50_ms != (uint64_t)INT64_MAX)) {
            fail_msg("seed %llu: %lld is not %lld", (unsigned long long)seed, (long long)match.cost,
                     (long long)expected);
        }
        assert_true(((match.failed >> MATCH_COST) & 1) == (expected == INT64_MAX));
        dear += expected == INT64_MAX ? 1 : 0;
    }
    assert_true(dear > CASES / 100);
}

/* ── the words ─────────────────────────────────────────────────────────────────────────────────── */

static void assert_why(const struct requirements *needs, const struct candidate *candidate,
                       const char *expected)
{
    struct buf why;
    buf_init(&why, 4096);
    match_why(needs, candidate, RANDOM_NOW, &why);
    assert_string_equal(buf_text(&why), expected);
    buf_deinit(&why);
}

static void reasons_are_in_numbers(void **state)
{
    (void)state;
    struct requirements const needs = {.device = DEVICE_GPU,
                                       .gpus = 1,
                                       .vram_mib = 10240,
                                       .ram_mib = 8192,
                                       .storage_mib = 512,
                                       .tflops_milli = 18000,
                                       .compute_capability = 70,
                                       .reference_p50_ms = 60000,
                                       .reference_p90_ms = 90000};
    struct candidate const good = {.offer = {.device = DEVICE_GPU,
                                             .gpus = 1,
                                             .vram_mib = 12288,
                                             .ram_mib = 16384,
                                             .storage_mib = 102400,
                                             .tflops_milli = 82600,
                                             .compute_capability = 89,
                                             .speed_permille = 2000,
                                             .rate = 1000},
                                   .online = 1,
                                   .measured_at = RANDOM_NOW};
    assert_why(&needs, &good,
               "needs 10 GiB of GPU memory, has 12 GiB: 20 % to spare; needs 8 GiB of memory, has "
               "16 GiB: 100 % to spare");
    struct candidate other = good;
    other.offer.vram_mib = 10752;
    other.busy = 1;
    other.queued = 2;
    other.lost = 2;
    other.measured_at = RANDOM_NOW - 100 * DAY_NS;
    assert_why(&needs, &other,
               "needs 10 GiB of GPU memory, has 10.5 GiB: 5 % to spare; lost 2 of 2 jobs; its "
               "speed was measured 100 days ago; the machine has a job, 2 wait for it");
    other = good;
    other.offer.vram_mib = 0;
    other.offer.compute_capability = 0;
    other.offer.tflops_milli = 9000;
    assert_why(&needs, &other,
               "needs 10 GiB of GPU memory, the offer does not say how much it has; needs compute "
               "capability 7.0, the offer does not say its own; asks for 18.0 TFLOPS, has 9.0");
    other = good;
    other.online = 0;
    other.offer.vram_mib = 10239;
    other.offer.compute_capability = 61;
    other.offer.storage_mib = 100;
    assert_why(&needs, &other,
               "the machine is offline; needs 10 GiB of GPU memory, has 9.9 GiB; needs compute "
               "capability 7.0, has 6.1; needs 512 MiB of disk, has 100 MiB");
    other = good;
    other.offer.device = DEVICE_CPU;
    other.offer.gpus = 0;
    assert_why(&needs, &other, "needs 1 GPU, has none");
    struct requirements newer =
        needs; /* R3.4: an environment for a CUDA that this driver does not know */
    newer.driver = 525060013;
    other = good;
    other.offer.driver = 470057002;
    assert_why(&newer, &other, "needs driver 525.60.13, has 470.57.02");
    other.offer.driver = 0;
    assert_why(&newer, &other, "needs driver 525.60.13, the offer does not say its own");
    other.offer.driver = 525060013;
    assert_why(&newer, &other,
               "needs 10 GiB of GPU memory, has 12 GiB: 20 % to spare; needs 8 GiB of memory, has "
               "16 GiB: 100 % to spare");
    struct requirements online = needs; /* R11: a job that asks for a network */
    online.network = 1;
    other = good;
    assert_why(&online, &other, "needs a network, gives jobs none");
    other.offer.network = 1;
    assert_why(&online, &other,
               "needs 10 GiB of GPU memory, has 12 GiB: 20 % to spare; needs 8 GiB of memory, has "
               "16 GiB: 100 % to spare");
    struct requirements scripted =
        needs; /* R11: what its Python lacks is named, before it is bought */
    scripted.packages = software_packages_of(bytes_of_text("torch diffusers"));
    other = good;
    assert_why(&scripted, &other,
               "needs torch, diffusers: the offer does not say what its Python has");
    other.offer.tells_packages = 1;
    other.offer.packages = software_packages_of(bytes_of_text("torch numpy"));
    assert_why(&scripted, &other, "needs torch, diffusers: has no diffusers");
    struct requirements loading = needs;
    loading.item_kind = STOCK_MODEL;
    assert_why(&loading, &good, "the model that it needs is not on this machine");
    loading.item_kind = STOCK_IMAGE;
    assert_why(&loading, &good, "the container image that it needs is not on this machine");
    struct requirements cpu = needs;
    cpu.device = DEVICE_CPU;
    assert_why(&cpu, &good, "the job has no use for its GPU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offer_has_the_class_that_its_thresholds_give),
        cmocka_unit_test(a_better_machine_is_never_in_a_worse_class),
        cmocka_unit_test(why_tells_every_failed_check_and_never_nothing),
        cmocka_unit_test(unknown_is_not_has_none),
        cmocka_unit_test(the_cost_is_billings_for_the_likely_time),
        cmocka_unit_test(reasons_are_in_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
