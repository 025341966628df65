// SPDX-License-Identifier: Apache-2.0
#include "worker/benchmark.h"

#include "core/base/time.h"

#include <stdlib.h>
#include <string.h>

#define SIDE 96
#define TABLE 4096
#define STEPS 400000

struct work {
    double a[SIDE][SIDE];
    double b[SIDE][SIDE];
    double c[SIDE][SIDE];
    uint64_t table[TABLE];
    uint64_t sum;
};

static void prepare(struct work *work)
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            work->a[i][j] = 1.0 / (1 + i + j);
            work->b[i][j] = (double)((i * 7 + j * 3) % 11) / 11.0;
        }
    }
    for (uint64_t i = 0; i < TABLE; i++) {
        work->table[i] = i * UINT64_C(0x9E3779B97F4A7C15);
    }
    work->sum = 1;
}

static void multiply(struct work *work)
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            double sum = 0;
            for (int k = 0; k < SIDE; k++) {
                sum += work->a[i][k] * work->b[k][j];
            }
            work->c[i][j] = sum;
        }
    }
    work->a[0][0] =
        work->c[SIDE - 1][SIDE - 1] > 1.0 ? 1.0 : 0.5; /* the next piece needs this one */
}

static void walk(struct work *work)
{
    uint64_t x = work->sum | 1;
    uint64_t sum = 0;
    for (int i = 0; i < STEPS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint64_t *slot = &work->table[(x ^ sum) % TABLE];
        if ((*slot & 1) != 0) {
            sum += *slot;
        } else {
            *slot = sum ^ x;
        }
    }
    work->sum = sum;
}

int64_t benchmark_measure(int64_t duration_ns)
{
    static struct work work;
    int64_t best = INT64_MAX;
    prepare(&work);
    int64_t const until = time_mono_ns() + duration_ns;
    for (int64_t now = time_mono_ns(); now < until;) {
        multiply(&work);
        walk(&work);
        int64_t const end = time_mono_ns();
        best = end - now < best ? end - now : best;
        now = end;
    }
    return best > 0 ? best : 1;
}

uint64_t benchmark_speed_permille(int64_t piece_ns)
{
    int64_t const permille = BENCHMARK_REFERENCE_NS * 1000 / piece_ns;
    return (uint64_t)(permille < 1 ? 1 : permille > 1000000 ? 1000000 : permille);
}

#define COPIED ((size_t)64 << 20)

uint64_t benchmark_memory_mbps(int rounds)
{
    uint8_t *memory = malloc(2 * COPIED);
    int64_t best = INT64_MAX;
    if (memory == NULL) {
        return 0;
    }
    memset(memory, 1, 2 * COPIED); /* so that it is there */
    for (int i = 0; i < rounds; i++) {
        int64_t const before = time_mono_ns();
        memcpy(memory + (i % 2 == 0 ? COPIED : 0), memory + (i % 2 == 0 ? 0 : COPIED), COPIED);
        __asm__ volatile("" : : "r"(memory) : "memory"); /* it is wanted */
        int64_t const took = time_mono_ns() - before;
        best = took < best ? took : best;
    }
    free(memory);
    return best > 0 ? COPIED * 1000 / (uint64_t)best : 0;
}
