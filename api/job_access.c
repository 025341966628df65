// SPDX-License-Identifier: Apache-2.0
#include "api/job_access.h"

bool job_concerns(const struct call *call, const struct job_row *job)
{
    const struct principal *who = &call->principal;
    return (who->scopes & (SCOPE_OPERATOR | SCOPE_AUDITOR)) != 0 ||
           id_equal(job->account_id, who->account_id) ||
           id_equal(job->provider_id, who->account_id);
}

bool job_is_visible(struct call *call, struct reading *reading, struct job_row *ret)
{
    return state_job(reading->store, call->id, ret) && job_concerns(call, ret);
}

bool job_shows_private(const struct call *call, const struct job_row *job)
{
    return id_equal(job->account_id, call->principal.account_id) ||
           id_equal(job->provider_id, call->principal.account_id);
}

void job_is_missing(struct call *call)
{
    call_problem(call, 404, "no_such_job", "you have no such job");
}
