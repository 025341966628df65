/* api/job_json.h: jobs as JSON, for the routes of consumers, providers and workers. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOB_JSON_H
#define API_JOB_JSON_H

#include "api/call.h"

/* What a worker needs to run the job it was given: {"job":{…},"terms":{…}}. */
json_t *json_of_assignment(struct reading *reading, struct id16 job_id, const struct job_row *job);
/* "refund" … of an enum leg_kind. */
const char *leg_kind_word(uint64_t kind);
/* {"id","identity","amount","last_tick","input_type","input","status","confirmations","required",…}; null if there is none */
json_t *json_of_escrow(struct reading *reading, struct id16 escrow_id);
/* [{"kind","amount","status","tx_id",…}] */
json_t *json_of_legs(struct reading *reading, struct id16 job_id);
/* GET /v1/jobs/{id}; NULL if there is none. File name, operation and detail only `with_private`. */
json_t *json_of_job(struct reading *reading, struct id16 job_id, bool with_private);

#endif
