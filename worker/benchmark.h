/* worker/benchmark.h: how fast one core of this machine is, in thousandths of the reference core.
 *
 * Method:  a fixed piece of work, repeated for about a second and a half after a warm-up: multiplying two 96 × 96 matrices of
 *          doubles (floating point in cache) and walking a 32 KiB table by xorshift numbers (integers, branches). The
 *          fastest of the repetitions counts, because disturbances only ever slow one down.
 * Reference: 1000 is one virtual core of an AMD EPYC 9005 (Zen 5) at 2.6 GHz, gcc 12 -O2: BENCHMARK_REFERENCE_NS for one
 *          piece of work, measured.
 * Thread:  any; blocks for about two seconds. The file is built with -O2 in every preset. Under a sanitizer the numbers are
 *          of the sanitizer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_BENCHMARK_H
#define WORKER_BENCHMARK_H

#include <stdint.h>

#define BENCHMARK_REFERENCE_NS INT64_C(2200000)

/* Nanoseconds of the fastest piece of work. */
int64_t benchmark_measure(int64_t duration_ns);
/* Megabytes a second that one core copies from memory to memory, the fastest of some rounds over twice 64 MiB; 0: no memory. */
uint64_t benchmark_memory_mbps(int rounds);
/* 1 to 1,000,000. */
uint64_t benchmark_speed_permille(int64_t piece_ns);

#endif
