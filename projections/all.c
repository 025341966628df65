// SPDX-License-Identifier: Apache-2.0
#include "projections/all.h"

#include "projections/accounts.h"
#include "projections/calibration.h"
#include "projections/earnings.h"
#include "projections/job_output.h"
#include "projections/jobs.h"
#include "projections/marketplace.h"
#include "projections/metrics.h"
#include "projections/streams.h"
#include "projections/tokens.h"
#include "projections/transactions.h"
#include "projections/uploads.h"
#include "projections/uptime.h"

/* The books first: when they do not balance, nothing else is written. */
const struct projection *const PROJECTIONS[] = {
    &PROJECTION_ACCOUNTS,    &PROJECTION_STREAMS,  &PROJECTION_JOBS,         &PROJECTION_JOB_OUTPUT,
    &PROJECTION_MARKETPLACE, &PROJECTION_EARNINGS, &PROJECTION_TRANSACTIONS, &PROJECTION_METRICS,
    &PROJECTION_CALIBRATION, &PROJECTION_TOKENS,   &PROJECTION_UPTIME,       &PROJECTION_UPLOADS,
};
const size_t PROJECTION_COUNT = sizeof PROJECTIONS / sizeof *PROJECTIONS;

void projections_apply(struct store *store, uint64_t sequence, const struct event *event)
{
    for (size_t i = 0; i < PROJECTION_COUNT; i++) {
        PROJECTIONS[i]->apply(store, sequence, event);
    }
}
