/* api/report_fields.h: what a machine reports, read from JSON: alone in a request, or as one of several. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_REPORT_FIELDS_H
#define API_REPORT_FIELDS_H

#include "api/fields.h"

/* Borrowed from the body. */
struct ev_job_output report_output_of(struct fields *fields);
/* The samples are in the call's arena; without memory for them there is an error. */
struct ev_metric_sampled report_metrics_of(struct fields *fields);

#endif
