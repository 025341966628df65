/* api/upload_json.h: an upload, what was found out about it and what its owner said instead, as JSON. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_UPLOAD_JSON_H
#define API_UPLOAD_JSON_H

#include "api/call.h"
#include "api/partials.h"

struct upload_facts { /* borrowed from the reading and the call's arena */
    struct upload_row row;
    struct event received; /* or rejected */
    struct event analysis;
    struct event override; /* the last one */
    bool is_rejected;
    bool is_analysed;
    bool is_overridden;
    int64_t erased_at; /* 0: it was not */
    uint64_t sequence; /* of the last of these events */
};

/* False: the caller has no such upload, or an event of it cannot be read. */
MUST_CHECK bool upload_read(struct reading *reading, struct id16 id, struct upload_facts *ret);
/* null when it was not analysed. */
json_t *upload_json_of_analysis(const struct upload_facts *facts);
/* null when nothing was overridden. */
json_t *upload_json_of_override(const struct upload_facts *facts);
/* What counts for matches and quotes. */
json_t *upload_json_of_effective(const struct upload_facts *facts);
/* The name of the model or image that it needs, as counts; null: none, or the name was erased. */
json_t *upload_json_of_needed(const struct upload_facts *facts);
/* One in pieces. */
json_t *upload_json_of_partial(const struct partial *partial);
/* What a list says of one: without the analysis. */
json_t *upload_json_of_item(const struct upload_facts *facts, struct id16 id);
json_t *upload_json(const struct upload_facts *facts, struct id16 id);

#endif
