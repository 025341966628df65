/* Ten thousand offers against one job: classified, weighed and sorted by our ranking; and beside it what the C library needs to sort the same rows
 * alone (qsort), already weighed. The digest of match.computed and a page's sentences are measured for themselves. One core, no store. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/event/kinds.h"
#include "projections/matchmaking.h"
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFERS 10000
#define PAGE 50
#define NOW (INT64_C(1800000000) * NS_PER_S)

/* splitmix64: the same offers in every run */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct candidate one_offer(uint64_t *r)
{
    struct candidate c = {.offer = {.device = DEVICE_GPU,
                                    .gpus = 1 + next(r) % 2,
                                    .vram_mib = 4096 * (1 + next(r) % 12),
                                    .tflops_milli = next(r) % 90000,
                                    .ram_mib = 8192 + next(r) % 65536,
                                    .storage_mib = 10000 + next(r) % 500000,
                                    .compute_capability = 60 + next(r) % 4 * 10,
                                    .cpu_cores = 8,
                                    .speed_permille = 100 + next(r) % 3000,
                                    .rate = 1 + (int64_t)(next(r) % 5000000)},
                          .measured_at = NOW - (int64_t)(next(r) % 120) * 86400 * NS_PER_S,
                          .online = next(r) % 10 != 0,
                          .busy = next(r) % 4 == 0,
                          .done = next(r) % 50,
                          .lost = next(r) % 3};
    put_be64(c.offer_id.b, next(r));
    put_be64(c.offer_id.b + 8, next(r));
    return c;
}

/* A row of the peer's: what a sort needs of a match, with the id for equals. */
struct row {
    u128 key;
    struct id16 offer_id;
    uint64_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    return x->key != y->key ? x->key < y->key ? -1 : 1
                            : memcmp(x->offer_id.b, y->offer_id.b, sizeof x->offer_id.b);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct times {
    int64_t rank_ns;
    int64_t qsort_ns;
    int64_t digest_ns;
    int64_t page_ns;
};

static enum err_code measure(const struct requirements *needs, const struct candidate *offers,
                             struct row *rows, struct times *best, struct err *err)
{
    struct ranking ranking;
    struct key32 digest;
    int64_t start = time_mono_ns();
    enum err_code code = ranking_create(needs, offers, OFFERS, NOW, &ranking, err);
    if (code != ERR_OK) {
        return code;
    }
    best->rank_ns = least(best->rank_ns, time_mono_ns() - start);
    start = time_mono_ns();
    code = matchmaking_digest(&ranking, &digest, err);
    best->digest_ns = least(best->digest_ns, time_mono_ns() - start);
    start = time_mono_ns();
    for (size_t i = 0; i < PAGE; i++) {
        struct buf why;
        buf_init(&why, 4096);
        match_why(needs, &offers[ranking.matches[i].index], NOW, &why);
        buf_deinit(&why);
    }
    best->page_ns = least(best->page_ns, time_mono_ns() - start);
    for (size_t i = 0; i < OFFERS; i++) { /* as the offers came, not sorted already */
        const struct match *match = &ranking.matches[i];
        bool had = match->fit != FIT_INSUFFICIENT;
        rows[match->index] =
            (struct row){had ? match->burden : (u128)1 << 127 | (uint64_t)match->cost,
                         offers[match->index].offer_id, match->index};
    }
    start = time_mono_ns();
    qsort(rows, OFFERS, sizeof *rows, by_key);
    best->qsort_ns = least(best->qsort_ns, time_mono_ns() - start);
    if (rows[0].index != ranking.matches[0].index) {
        code = err_set(err, ERR_INTERNAL, "ranking and qsort do not agree on the best");
    }
    ranking_destroy(&ranking);
    return code;
}

enum err_code bench_match(const struct bench_options *options, struct err *err)
{
    static const struct requirements NEEDS = {.device = DEVICE_GPU,
                                              .gpus = 1,
                                              .vram_mib = 10240,
                                              .tflops_milli = 18000,
                                              .ram_mib = 16384,
                                              .storage_mib = 20480,
                                              .compute_capability = 70,
                                              .reference_p50_ms = 300000,
                                              .reference_p90_ms = 480000};
    struct candidate *offers = calloc(OFFERS, sizeof *offers);
    struct row *rows = calloc(OFFERS, sizeof *rows);
    struct times best = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    uint64_t random = 1;
    enum err_code code = ERR_OK;
    if (offers == NULL || rows == NULL) {
        free(offers);
        free(rows);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < OFFERS; i++) {
        offers[i] = one_offer(&random);
    }
    int64_t end = time_mono_ns() + (int64_t)options->seconds * NS_PER_S;
    while (code == ERR_OK && (time_mono_ns() < end || best.rank_ns == INT64_MAX)) {
        code = measure(&NEEDS, offers, rows, &best, err);
    }
    if (code == ERR_OK) {
        printf("{\"offers\":%d,\"rank\":%" PRId64 ",\"qsort\":%" PRId64 ",\"digest\":%" PRId64
               ",\"page\":%" PRId64 "}\n",
               OFFERS, best.rank_ns, best.qsort_ns, best.digest_ns, best.page_ns);
    }
    free(offers);
    free(rows);
    return code;
}
