/* tools/bench/scene.h: a ledger with one consumer, one provider and many machines, made by the commands that the product uses.
 *
 * Thread:  one; every function waits for its answers. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_BENCH_SCENE_H
#define TOOLS_BENCH_SCENE_H

#include "core/ledger/ledger.h"
#include "tools/bench/bench.h"

struct scene {
    struct ledger *ledger;
    struct note_key key;
    struct id16 consumer;
    struct id16 provider;
    size_t count; /* of machines and jobs, at most BENCH_JOBS_MAX */
    struct id16 hosts[BENCH_JOBS_MAX];
    struct id16 jobs[BENCH_JOBS_MAX];
};

/* A new ledger in `dir`: opened, terms set, a settlement key, two accounts. */
MUST_CHECK enum err_code scene_open(struct scene *scene, const char *dir, bool projections,
                                    struct err *err);
/* `count` machines of the provider. */
MUST_CHECK enum err_code scene_enrol(struct scene *scene, size_t count, struct err *err);
/* A running job on each machine. */
MUST_CHECK enum err_code scene_run_jobs(struct scene *scene, struct err *err);
void scene_close(struct scene *scene);

/* A command with a new id. */
struct command scene_command(enum command_type type, enum actor_kind actor, struct id16 actor_id);

#endif
