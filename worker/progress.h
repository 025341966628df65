/* worker/progress.h: how far a job is, by whatever it lets us know.
 *
 *     the protocol (job_protocol.h) ─▶ counts, and from then on alone
 *     tqdm, Keras, Lightning        ─▶ read from what they show, as long as the protocol is not spoken
 *     neither                       ─▶ the time, of what is paid for
 *
 * tqdm:      `name:  45%|████▌     | 45/100 [00:05<00:06,  8.91it/s]`. A bar that begins anew is one within another, whose end is not the job's:
 *            from then on bars count only within epochs.
 * Keras:     `Epoch 3/10`, then `45/469 [==>...] - ETA: 5s` or, from version 3 on, `45/469 ━━━━ 1s`.
 * Lightning: `Epoch 3:  45%|████▌     | 45/100 [...]`, whose number of epochs it does not show: the operation alone.
 * Lines `Epoch 3/10`, `Epoch [3/10]`, `epoch 3 of 10` of anybody's own are taken as Keras's.
 * Thread:    loop; pure.
 * Source:    what tqdm 4.64, Keras 2 and 3 and Lightning 2 print. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_PROGRESS_H
#define WORKER_PROGRESS_H

#include "worker/job_protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_told;    /* the protocol was spoken */
    bool is_guessed; /* something was read */
    uint64_t epoch;  /* 1-based; 0: none seen */
    uint64_t epochs; /* 0: not shown */
    uint64_t bar_total;
    uint64_t bar_done;
    bool bars_repeat;
    uint64_t permille;
    char operation[JOB_OPERATION_MAX + 1];
};

enum progress_news {
    PROGRESS_NOTHING,
    PROGRESS_READ, /* permille and operation are new; the line is output all the same */
    PROGRESS_TOLD, /* likewise, by the protocol: the line was meant for us */
};

/* A line without its end, of either stream (bars are on standard error; the protocol on output alone). */
enum progress_news progress_take(struct progress *progress, bool is_stdout, struct bytes line);
/* Where nothing else is known: the part of the paid time that is used, at most 990; false when something is. */
bool progress_by_time(struct progress *progress, uint64_t used_ms, uint64_t limit_ms);

#endif
