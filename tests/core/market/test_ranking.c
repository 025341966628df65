/* R3.5, R3.8, P8, R17's floor of a thousand offers in a match: whole rankings of generated markets. */
// SPDX-License-Identifier: Apache-2.0
#include "core/market/ranking.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/matching_random.h"

#include <stdlib.h>
#include <string.h>

#define MARKETS 200
#define OFFERS_MAX 1500

#define check(market, condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, %zu offers: %s", (unsigned long long)(market)->seed,              \
                     (market)->count, #condition);                                                 \
        }                                                                                          \
    } while (0)

struct offers {
    uint64_t seed;
    struct random random;
    struct requirements needs;
    struct candidate *candidates;
    size_t count;
    struct ranking ranking;
};

/* Some markets have no offer, some few, every tenth more than a thousand; many offers are alike but for their id. */
static void open_offers(struct offers *m, uint64_t seed)
{
    *m = (struct offers){.seed = seed, .random = {seed}};
    m->needs = random_needs(&m->random);
    m->count = seed % 10 == 0  ? 1000 + below(&m->random, OFFERS_MAX - 1000)
               : seed % 3 == 0 ? below(&m->random, 6)
                               : below(&m->random, 120);
    m->candidates = calloc(m->count + 1, sizeof *m->candidates);
    assert_non_null(m->candidates);
    for (size_t i = 0; i < m->count; i++) {
        bool twin = i > 0 && below(&m->random, 5) == 0;
        m->candidates[i] = random_candidate(&m->random, &m->needs);
        if (twin) {
            struct id16 id = m->candidates[i].offer_id;
            m->candidates[i] = m->candidates[below(&m->random, i)];
            m->candidates[i].offer_id = id;
        }
    }
    assert_int_equal(
        ranking_create(&m->needs, m->candidates, m->count, RANDOM_NOW, &m->ranking, NULL), ERR_OK);
}

static void close_offers(struct offers *m)
{
    ranking_destroy(&m->ranking);
    free(m->candidates);
}

static const struct candidate *candidate_at(const struct offers *m, size_t at)
{
    return &m->candidates[m->ranking.matches[at].index];
}

static bool fits(const struct offers *m, size_t at)
{
    return m->ranking.matches[at].fit != FIT_INSUFFICIENT;
}

/* What cannot be had stands by how little is missing, in every order. */
static bool stands_before(const struct offers *m, size_t a, size_t b)
{
    const struct match *x = &m->ranking.matches[a];
    const struct match *y = &m->ranking.matches[b];
    int less = __builtin_popcount(x->failed) - __builtin_popcount(y->failed);
    if (less != 0 || x->cost != y->cost) {
        return less < 0 || (less == 0 && x->cost < y->cost);
    }
    return memcmp(candidate_at(m, a)->offer_id.b, candidate_at(m, b)->offer_id.b, 16) < 0;
}

/* Every candidate once, with the same match as alone, and what cannot be had last. */
static void check_whole(const struct offers *m)
{
    bool *seen = calloc(m->count + 1, sizeof *seen);
    assert_non_null(seen);
    check(m, m->ranking.count == m->count);
    for (size_t i = 0; i < m->count; i++) {
        const struct match *match = &m->ranking.matches[i];
        struct match alone;
        check(m, match->index < m->count && !seen[match->index]);
        seen[match->index] = true;
        match_candidate(&m->needs, candidate_at(m, i), RANDOM_NOW, &alone);
        check(m, alone.fit == match->fit && alone.cost == match->cost);
        check(m, alone.p50_ms == match->p50_ms && alone.p90_ms == match->p90_ms);
        check(m, i == 0 || fits(m, i - 1) || (!fits(m, i) && stands_before(m, i - 1, i)));
    }
    free(seen);
}

/* The page's formula in doubles, which are exact enough to tell scores apart but at their edges. */
static double burden_of(const struct offers *m, size_t at)
{
    static const double RISK[] = {0, 1, 1.25, 2};
    const struct candidate *c = candidate_at(m, at);
    double reliability = ((double)c->done + 9) / ((double)(c->done + c->lost) + 10);
    return (double)m->ranking.matches[at].cost * (double)m->ranking.matches[at].p50_ms /
           reliability * RISK[m->ranking.matches[at].fit];
}

/* P8, R3.5 */
static void the_default_order_is_cost_benefit_best_first(void **state)
{
    (void)state;
    size_t large = 0;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct offers m;
        open_offers(&m, seed);
        check_whole(&m);
        for (size_t i = 0; i < m.count && fits(&m, i); i++) {
            const struct match *match = &m.ranking.matches[i];
            double share = 100 * burden_of(&m, 0) / burden_of(&m, i);
            check(&m, i > 0 || match->score == 100);
            check(&m, match->score <= 100 && match->score <= share + 0.2);
            check(&m, match->score >= share - 1.2);
            check(&m, i == 0 || match->score <= m.ranking.matches[i - 1].score);
            check(&m, i == 0 || match->burden > m.ranking.matches[i - 1].burden ||
                          (match->burden == m.ranking.matches[i - 1].burden &&
                           memcmp(candidate_at(&m, i - 1)->offer_id.b,
                                  candidate_at(&m, i)->offer_id.b, 16) < 0));
        }
        for (size_t i = m.count; i > 0 && !fits(&m, i - 1); i--) {
            check(&m, m.ranking.matches[i - 1].score == 0);
        }
        large += m.count >= 1000 ? 1 : 0;
        close_offers(&m);
    }
    assert_true(large >= 10);
}

/* −1, 0 or 1 */
static int sign(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int expected_order(const struct offers *m, enum match_order order, size_t a, size_t b)
{
    const struct match *x = &m->ranking.matches[a];
    const struct match *y = &m->ranking.matches[b];
    int price = sign((uint64_t)x->cost, (uint64_t)y->cost);
    int time = sign(x->p50_ms, y->p50_ms);
    if (order == MATCH_BY_PRICE) {
        return price != 0 ? price : time;
    }
    if (order == MATCH_BY_PERFORMANCE) {
        return time != 0 ? time : price;
    }
    const struct candidate *c = candidate_at(m, a);
    const struct candidate *d = candidate_at(m, b);
    int ahead = sign(c->busy + c->queued, d->busy + d->queued);
    int reliable = sign(match_reliability(d), match_reliability(c));
    return ahead != 0 ? ahead : reliable != 0 ? reliable : time != 0 ? time : price;
}

/* R3.5 */
static void the_other_orders_are_by_price_performance_and_availability(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct offers m;
        open_offers(&m, seed);
        for (enum match_order order = MATCH_BY_PRICE; order <= MATCH_BY_AVAILABILITY; order++) {
            ranking_sort(&m.ranking, order);
            check_whole(&m);
            for (size_t i = 1; i < m.count && fits(&m, i); i++) {
                int sorted = expected_order(&m, order, i - 1, i);
                check(&m, sorted < 0 ||
                              (sorted == 0 && memcmp(candidate_at(&m, i - 1)->offer_id.b,
                                                     candidate_at(&m, i)->offer_id.b, 16) < 0));
            }
        }
        close_offers(&m);
    }
}

/* The same offers handed in another order, and sorted to and fro, give the same bytes under the digest. */
static void a_ranking_is_a_function_of_the_offers_not_of_their_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct offers m;
        struct ranking again;
        open_offers(&m, seed);
        struct candidate *shuffled = calloc(m.count + 1, sizeof *shuffled);
        assert_non_null(shuffled);
        memcpy(shuffled, m.candidates, m.count * sizeof *shuffled);
        for (size_t i = m.count; i > 1; i--) {
            size_t j = below(&m.random, i);
            struct candidate kept = shuffled[i - 1];
            shuffled[i - 1] = shuffled[j];
            shuffled[j] = kept;
        }
        assert_int_equal(ranking_create(&m.needs, shuffled, m.count, RANDOM_NOW, &again, NULL),
                         ERR_OK);
        ranking_sort(&m.ranking, MATCH_BY_AVAILABILITY);
        ranking_sort(&m.ranking, MATCH_BY_VALUE);
        for (size_t i = 0; i < m.count; i++) {
            uint8_t one[RANKING_ROW_SIZE];
            uint8_t other[RANKING_ROW_SIZE];
            ranking_row(&m.ranking, i, one);
            ranking_row(&again, i, other);
            check(&m, memcmp(one, other, sizeof one) == 0);
            check(&m, memcmp(one, candidate_at(&m, i)->offer_id.b, 16) == 0);
        }
        ranking_destroy(&again);
        free(shuffled);
        close_offers(&m);
    }
}

/* R3.8 */
static void the_best_three_are_different_offers_each_the_best_at_something(void **state)
{
    (void)state;
    size_t full = 0;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct offers m;
        open_offers(&m, seed);
        const struct ranking *r = &m.ranking;
        size_t selectable = r->count - (size_t)r->classes[FIT_INSUFFICIENT];
        check(&m, r->pick_count == (selectable < 3 ? selectable : 3));
        for (size_t i = 0; i < r->pick_count; i++) {
            const struct match *own = &r->matches[r->picks[i].at];
            bool fastest = true;
            bool cheapest = true;
            for (size_t j = 0; j < selectable; j++) {
                const struct match *other = &r->matches[j];
                fastest &= own->p50_ms < other->p50_ms ||
                           (own->p50_ms == other->p50_ms && own->cost <= other->cost);
                cheapest &= own->cost < other->cost ||
                            (own->cost == other->cost && own->p50_ms <= other->p50_ms);
                bool picked = j == r->picks[0].at || (i == 2 && j == r->picks[1].at);
                if (i > 0 && !picked) { /* the best of those that have no title yet */
                    check(&m, i == 1 ? own->p50_ms <= other->p50_ms : own->cost <= other->cost);
                }
            }
            check(&m, r->picks[i].best_value == (r->picks[i].at == 0));
            check(&m, !r->picks[i].fastest || fastest);
            check(&m, !r->picks[i].cheapest || cheapest);
            for (size_t j = 0; j < i; j++) {
                check(&m, r->picks[i].at != r->picks[j].at);
            }
        }
        for (int title = 0; title < 3 && r->pick_count == 3; title++) { /* each title is given */
            size_t given = 0;
            for (size_t i = 0; i < 3; i++) {
                given += title == 0   ? r->picks[i].best_value
                         : title == 1 ? r->picks[i].fastest
                                      : r->picks[i].cheapest;
            }
            check(&m, given == 1);
            full += title == 2 ? 1 : 0;
        }
        close_offers(&m);
    }
    assert_true(full > MARKETS / 2);
}

/* R3.4: what a page says of the offers that it does not list. */
static void why_nots_are_counted_once_for_each_offer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct offers m;
        open_offers(&m, seed);
        uint64_t classes[FIT_INSUFFICIENT + 1] = {0};
        uint64_t failures[MATCH_HARD] = {0};
        for (size_t i = 0; i < m.count; i++) {
            classes[m.ranking.matches[i].fit]++;
            for (int c = 0; c < MATCH_HARD; c++) {
                if (match_check(&m.needs, candidate_at(&m, i), RANDOM_NOW, (enum match_check)c) ==
                    FIT_INSUFFICIENT) {
                    uint64_t has = match_has(&candidate_at(&m, i)->offer, (enum match_check)c);
                    failures[c]++;
                    check(&m, has >= m.ranking.failures[c].has_min);
                    check(&m, has <= m.ranking.failures[c].has_max);
                    break;
                }
            }
        }
        uint64_t sum = 0;
        for (int c = 0; c < MATCH_HARD; c++) {
            check(&m, failures[c] == m.ranking.failures[c].count);
            sum += failures[c];
        }
        check(&m, memcmp(classes, m.ranking.classes, sizeof classes) == 0);
        check(&m, sum == classes[FIT_INSUFFICIENT]);
        close_offers(&m);
    }
}

static void why_nots_say_what_there_is(void **state)
{
    (void)state;
    struct requirements const needs = {
        .device = DEVICE_GPU, .gpus = 2, .vram_mib = 10240, .compute_capability = 80};
    static const struct {
        enum match_check check;
        uint64_t has_min;
        uint64_t has_max;
        const char *text;
    } CASES[] = {
        {MATCH_VRAM, 8192, 8192, "needs 10 GiB of GPU memory, has 8 GiB"},
        {MATCH_VRAM, 512, 8192, "needs 10 GiB of GPU memory, has 512 MiB to 8 GiB"},
        {MATCH_COMPUTE_CAPABILITY, 61, 75, "needs compute capability 8.0, has 6.1 to 7.5"},
        {MATCH_GPUS, 1, 1, "needs 2 GPUs, has 1"},
        {MATCH_DEVICE, 0, 0, "needs a GPU, has none"},
        {MATCH_ONLINE, 0, 0, "offline"},
        {MATCH_COST, 0, 0, "more than one lock can pay for"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct buf text;
        buf_init(&text, 1024);
        match_why_not(&needs, CASES[i].check, CASES[i].has_min, CASES[i].has_max, &text);
        assert_string_equal(buf_text(&text), CASES[i].text);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_order_is_cost_benefit_best_first),
        cmocka_unit_test(the_other_orders_are_by_price_performance_and_availability),
        cmocka_unit_test(a_ranking_is_a_function_of_the_offers_not_of_their_order),
        cmocka_unit_test(the_best_three_are_different_offers_each_the_best_at_something),
        cmocka_unit_test(why_nots_are_counted_once_for_each_offer),
        cmocka_unit_test(why_nots_say_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
