/* tools/tally/explain.h: a recorded match computed again, from the log as it was then.
 *
 * Method:  the record names the sequence it was computed at and the versions of algorithm and tables; the write model and the market are
 *          replayed up to that sequence, ranked, and held against the record: the number of offers, the first 16 and the digest of all.
 * Shape:   plain data, for guarded_run. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_EXPLAIN_H
#define TOOLS_TALLY_EXPLAIN_H

#include "core/base/id.h"
#include "core/event/kinds.h"
#include "core/market/state.h"

#define EXPLAIN_ROWS 16
#define EXPLAIN_TEXT 512

struct explain_input {
    const char *data;
    const char *scratch;  /* folder for the replayed views */
    struct id16 match_id; /* zero: the newest */
    bool quiet;           /* no progress */
};

struct explain_row {
    struct id16 offer_id;
    uint64_t fit;
    uint64_t score;
    uint64_t p50_ms;
    uint64_t p90_ms;
    int64_t cost;
    char why[EXPLAIN_TEXT];
};

struct explained {
    struct id16 match_id;
    struct id16 upload_id;
    uint64_t sequence;
    uint64_t computed_at;
    uint64_t algorithm_version;
    uint64_t table_version;
    bool compared; /* false: of other versions; nothing below was computed then */
    bool equal;
    uint64_t offer_count;
    uint64_t classes[FIT_INSUFFICIENT + 1];
    bool network;     /* the job was to have one */
    struct id16 item; /* and this model or image; zero: none */
    struct requirements needs;
    struct explain_row rows[EXPLAIN_ROWS]; /* as computed now */
    size_t row_count;
    struct key32 recorded; /* digests */
    struct key32 computed;
    char difference[EXPLAIN_TEXT]; /* the first one found */
};

/* A guarded_work of a struct explain_input and a struct explained. ERR_NOT_FOUND: no such match. */
enum err_code explain_work(const void *input, void *result, struct err *err);
void explain_print(const struct explained *explained, bool json);

#endif
