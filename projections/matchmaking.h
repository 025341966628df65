/* projections/matchmaking.h: the market as one snapshot has it, ranked; by the server for an answer, by `tally replay --explain` once more.
 *
 * Inputs:  the upload's requirements and workload, whether the job is to have a network and which model or image, what jobs taught, every offer with its machine, and the time of the last record: all of them are in the log up to the
 *          snapshot's sequence, which match.computed names. So whoever has the log has the ranking. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_MATCHMAKING_H
#define PROJECTIONS_MATCHMAKING_H

#include "core/market/ranking.h"

struct matchmaking {
    struct requirements needs;
    struct candidate *candidates;
    struct ranking ranking; /* by value */
};

/* `needs`: of upload_needs_as. `now`: the time of the record the store stands at. `ret` is not moved afterwards: the ranking points into it. */
MUST_CHECK enum err_code matchmaking_create(struct store *store, const struct upload_row *upload,
                                            const struct requirements *needs, int64_t now,
                                            struct matchmaking *ret, struct err *err);
/* Zeroed is fine. */
void matchmaking_destroy(struct matchmaking *matchmaking);
/* SHA-256 over the rows (ranking_row) of a ranking by value. */
MUST_CHECK enum err_code matchmaking_digest(const struct ranking *ranking, struct key32 *ret,
                                            struct err *err);

#endif
