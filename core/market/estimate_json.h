/* core/market/estimate_json.h: an estimate as one JSON object, the same from the API and from `tally estimate`.
 *
 * Shape:   {"job_type", "table_version", "workload": {"task", "unit", "units_micro", "start_ms", "same_program", "assumed", "text",
 *          "sources": [{"gpu", "seconds", "status", "source"}]}, "estimates": [{"gpu", "p50_ms", "p90_ms", "text", "likely", "level", "basis", "note",
 *          "observed", "price": {"rate", "per_minute_milli", "total", "cap", "margin_bps"}, "reference_price": {…}}]} */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_ESTIMATE_JSON_H
#define CORE_MARKET_ESTIMATE_JSON_H

#include "core/base/buf.h"
#include "core/market/duration.h"
#include "core/market/estimate.h"

struct estimate_question {
    struct upload_row job;
    struct offer_row offer;
    bool has_offer; /* else a GPU, */
    size_t gpu;     /* number of the tables; 0: all of them */
    int64_t rate;   /* QUBIC per hour; 0: no price */
    uint64_t margin_bps;
    int64_t lock_min;
};

/* `path`: its first member when not NULL, valid UTF-8. */
void estimate_json(const struct estimate_question *question, const struct estimate_times *times,
                   const char *path, struct buf *ret);
/* What a big cloud asks for such a card; "null" when nobody says so with a date. */
void estimate_json_reference_price(size_t gpu, struct buf *ret);
/* A range unless the confidence is high. */
const char *estimate_time_text(const struct estimate_time *time, enum estimate_level level,
                               char ret[DURATION_TEXT_MAX]);

#endif
