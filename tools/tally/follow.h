/* tools/tally/follow.h: a job's life on the terminal, or as JSON lines, until it ended and its money is where it belongs. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_FOLLOW_H
#define TOOLS_TALLY_FOLLOW_H

#include "tools/tally/remote.h"

struct follower {
    const struct remote *remote;
    bool json;
    bool terminal; /* a bar that moves may be drawn */
    char job_id[40];
    int64_t after; /* last sequence shown */
    bool bar;      /* a bar stands on the current line */
    int64_t confirmations;
};

/* Show what is new. `*ret_job` is the job as it is now (the caller's reference). */
MUST_CHECK enum err_code follow_step(struct follower *follower, json_t **ret_job, struct err *err);
/* Until it is settled. */
MUST_CHECK enum err_code follow_to_end(struct follower *follower, json_t **ret_job,
                                       struct err *err);
/* Price, used, paid, refunded, with transaction ids. */
void follow_print_bill(json_t *job);

#endif
