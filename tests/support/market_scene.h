/* tests/support/market_scene.h: a small market to begin a test with, and tables of refusals. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MARKET_SCENE_H
#define TESTS_SUPPORT_MARKET_SCENE_H

#include "tests/support/market_driver.h"

/* A consumer, and a provider with one machine that is online and one offer. */
struct scene {
    struct market market;
    struct id16 consumer;
    struct id16 provider;
    struct id16 host;
    struct id16 offer;
};

struct scene_options {
    uint64_t fee_bps;
    struct key32 checkpoint_key; /* of ledger.opened; zero: none */
    int64_t rate;                /* of the offer, QUBIC per hour; 0: 100,000 */
    void (*on_event)(void *market, uint64_t sequence, const struct event *event); /* may be NULL */
    void (*on_command)(void *market, const struct command *command);              /* may be NULL */
};

struct scene *scene_open(const struct scene_options *options); /* NULL: none of them */
void scene_close(struct scene *scene);

struct refusal {
    const char *word;
    enum err_code code;
    void (*provoke)(struct scene *scene); /* its last command is refused with the word */
};

void refusals_provoke(const struct refusal *rows, size_t count);
/* Each word in the source file's `refuse(…)` has a row. */
void refusals_compare(const struct refusal *rows, size_t count, const char *source);

#endif
