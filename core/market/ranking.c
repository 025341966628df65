// SPDX-License-Identifier: Apache-2.0
#include "core/market/ranking.h"

#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD_MAX ((UINT64_C(1) << 19) - 1) /* more are as bad as so many */

static const char *const ORDER_WORDS[] = {NULL, "value", "price", "performance", "availability"};
const struct enum_words match_order_words = {"order", ORDER_WORDS,
                                             sizeof ORDER_WORDS / sizeof *ORDER_WORDS};

/* What is sorted: a whole match would be moved about thirteen times. */
struct place {
    u128 key;
    uint32_t at; /* in ranking.matches */
};

/* Smaller comes first. What can be had is below 2^127: cost < 2^50, time < 2^39, burden < 2^107. */
static u128 key_of(const struct ranking *ranking, const struct match *match, enum match_order order)
{
    if (match->fit == FIT_INSUFFICIENT) {
        return (u128)1 << 127 | (u128)(unsigned)__builtin_popcount(match->failed) << 64 |
               (uint64_t)match->cost;
    }
    const struct candidate *candidate = &ranking->candidates[match->index];
    uint64_t ahead = candidate->queued + (candidate->busy != 0 ? 1 : 0);
    switch (order) {
    case MATCH_BY_VALUE:
        return match->burden;
    case MATCH_BY_PRICE:
        return (u128)(uint64_t)match->cost << 64 | match->p50_ms;
    case MATCH_BY_PERFORMANCE:
        return (u128)match->p50_ms << 64 | (uint64_t)match->cost;
    case MATCH_BY_AVAILABILITY:
        return (u128)(ahead < AHEAD_MAX ? ahead : AHEAD_MAX) << 106 |
               (u128)(1000 - match_reliability(candidate)) << 96 | (u128)match->p50_ms << 56 |
               (uint64_t)match->cost;
    }
    IMPOSSIBLE("not an order");
}

static bool comes_before(const struct ranking *ranking, const struct place *a,
                         const struct place *b)
{
    if (__builtin_expect(a->key == b->key, 0)) {
        const struct match *matches = ranking->matches;
        return memcmp(ranking->candidates[matches[a->at].index].offer_id.b,
                      ranking->candidates[matches[b->at].index].offer_id.b, 16) < 0;
    }
    return a->key < b->key;
}

#define RUN 8

static void sort_run(const struct ranking *ranking, struct place *places, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct place one = places[i];
        size_t j = i;
        for (; j > 0 && comes_before(ranking, &one, &places[j - 1]); j--) {
            places[j] = places[j - 1];
        }
        places[j] = one;
    }
}

/* Which of two heads is smaller is as good as random: it is computed and not branched on, which takes a quarter off a sort. */
static void merge(const struct ranking *ranking, const struct place *from, size_t middle,
                  size_t count, struct place *to)
{
    size_t a = 0;
    size_t b = middle;
    while (a < middle && b < count) {
        size_t second = from[b].key < from[a].key;
        if (__builtin_expect(from[b].key == from[a].key, 0)) {
            second = comes_before(ranking, &from[b], &from[a]);
        }
        *to++ = from[a + second * (b - a)];
        b += second;
        a += 1 - second;
    }
    memcpy(to, from + a, (middle - a) * sizeof *to);
    memcpy(to + (middle - a), from + b, (count - b) * sizeof *to);
}

/* Merge sort, bottom up: the same number of steps whatever providers publish. The result is in `places` or `other`. */
static struct place *sort(const struct ranking *ranking, struct place *places, struct place *other)
{
    size_t count = ranking->count;
    for (size_t i = 0; i < count; i += RUN) {
        sort_run(ranking, places + i, count - i < RUN ? count - i : RUN);
    }
    for (size_t width = RUN; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t all = count - i < 2 * width ? count - i : 2 * width;
            merge(ranking, places + i, all < width ? all : width, all, other + i);
        }
        struct place *sorted = other;
        other = places;
        places = sorted;
    }
    return places;
}

/* matches, as many again to sort into, and two rows of places */
static size_t block_size(size_t count)
{
    return 2 * count * sizeof(struct match) + 2 * count * sizeof(struct place);
}

void ranking_sort(struct ranking *ranking, enum match_order order)
{
    size_t count = ranking->count;
    struct match *all = ranking->memory;
    struct match *sorted = ranking->matches == all ? all + count : all;
    struct place *places = (struct place *)(void *)(all + 2 * count);
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){key_of(ranking, &ranking->matches[i], order), (uint32_t)i};
    }
    places = sort(ranking, places, places + count);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = ranking->matches[places[i].at];
    }
    ranking->matches = sorted;
}

static void count_failure(struct ranking *ranking, const struct match *match)
{
    if (match->failed == 0) {
        return;
    }
    int first = __builtin_ctz(match->failed);
    struct match_failures *failures = &ranking->failures[first];
    uint64_t has = match_has(&ranking->candidates[match->index].offer, (enum match_check)first);
    failures->has_min = failures->count == 0 || has < failures->has_min ? has : failures->has_min;
    failures->has_max = has > failures->has_max ? has : failures->has_max;
    failures->count++;
}

static uint8_t score_of(u128 burden, u128 best)
{
    INVARIANT(burden > 0);            /* a cost is at least 1, and so is a time here */
    if (burden <= UINT64_MAX / 100) { /* then so is the best, and a division of 64 bits is enough */
        return (uint8_t)((uint64_t)best * 100 / (uint64_t)burden);
    }
    return (uint8_t)(best * 100 / burden);
}

/* The matches stand by value, so that the first of equals is the better value, and then has the smaller id. */
static void pick(struct ranking *ranking)
{
    static const enum match_order ORDERS[MATCH_PICKS] = {MATCH_BY_VALUE, MATCH_BY_PERFORMANCE,
                                                         MATCH_BY_PRICE};
    size_t selectable = ranking->count - ranking->classes[FIT_INSUFFICIENT];
    size_t first[MATCH_PICKS] = {0};
    ranking->pick_count = selectable < MATCH_PICKS ? selectable : MATCH_PICKS;
    for (size_t title = 0; title < MATCH_PICKS; title++) {
        u128 least = ~(u128)0;
        u128 least_of_all = least;
        for (size_t i = 0; i < selectable; i++) {
            u128 key = key_of(ranking, &ranking->matches[i], ORDERS[title]);
            bool taken = (title > 0 && ranking->picks[0].at == i) ||
                         (title > 1 && ranking->picks[1].at == i);
            if (key < least_of_all) {
                least_of_all = key;
                first[title] = i;
            }
            if (!taken && key < least) {
                least = key;
                ranking->picks[title].at = (uint32_t)i;
            }
        }
    }
    for (size_t i = 0; i < ranking->pick_count; i++) {
        struct match_pick *one = &ranking->picks[i];
        one->best_value = one->at == first[0];
        one->fastest = one->at == first[1];
        one->cheapest = one->at == first[2];
    }
}

enum err_code ranking_create(const struct requirements *needs, const struct candidate *candidates,
                             size_t count, int64_t now, struct ranking *ret, struct err *err)
{
    struct ranking ranking = {.needs = needs, .candidates = candidates, .count = count, .now = now};
    INVARIANT(count < UINT32_MAX);
    ranking.memory = malloc(count == 0 ? 1 : block_size(count));
    if (ranking.memory == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to rank %zu offers", count);
    }
    ranking.matches = ranking.memory;
    for (size_t i = 0; i < count; i++) {
        struct match *match = &ranking.matches[i];
        match_candidate(needs, &candidates[i], now, match);
        match->index = (uint32_t)i;
        ranking.classes[match->fit]++;
        count_failure(&ranking, match);
    }
    ranking_sort(&ranking, MATCH_BY_VALUE);
    size_t selectable = count - ranking.classes[FIT_INSUFFICIENT];
    for (size_t i = 0; i < selectable; i++) {
        ranking.matches[i].score = score_of(ranking.matches[i].burden, ranking.matches[0].burden);
    }
    pick(&ranking);
    *ret = ranking;
    return ERR_OK;
}

void ranking_destroy(struct ranking *ranking)
{
    free(ranking->memory);
    *ranking = (struct ranking){0};
}

void ranking_row(const struct ranking *ranking, size_t at, uint8_t ret[RANKING_ROW_SIZE])
{
    const struct match *match = &ranking->matches[at];
    memcpy(ret, ranking->candidates[match->index].offer_id.b, 16);
    ret[16] = match->fit;
    put_be64(ret + 17, match->score);
    put_be64(ret + 25, match->p50_ms);
    put_be64(ret + 33, match->p90_ms);
    put_be64(ret + 41, (uint64_t)match->cost);
}
