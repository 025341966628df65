/* What is private of an upload or of a job, gone: api/erasure.h. Whose it is may; the operator may, too, without seeing what it was. */
// SPDX-License-Identifier: Apache-2.0
#include "api/erasure.h"
#include "api/job_access.h"
#include "api/route.h"
#include "core/market/storage.h"

#define ERASERS (SCOPE_CONSUMER | SCOPE_OPERATOR)

static bool may_erase(const struct call *call, struct id16 account_id)
{
    return id_equal(account_id, call->principal.account_id) ||
           ((call->principal.scopes & SCOPE_OPERATOR) != 0 &&
            id_is_zero(call->principal.account_id));
}

/* Asked for again, it is answered as it was. Takes call and reading. */
static void begin(struct call *call, struct reading *reading, enum stream_kind kind)
{
    json_t *before = json_of_erasure(reading, kind, call->id);
    reading_close(reading);
    if (!json_is_null(before)) {
        call_reply(call, 200, before);
        return;
    }
    json_decref(before);
    erasure_begin(call, kind);
}

static void delete_upload(struct call *call)
{
    struct reading reading;
    struct upload_row upload;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (!state_upload(reading.store, call->id, &upload) || !may_erase(call, upload.account_id)) {
        reading_close(&reading);
        call_problem(call, 404, "no_such_upload", "you have no such upload");
        return;
    }
    begin(call, &reading, STREAM_UPLOAD);
}

static void delete_job_data(struct call *call)
{
    struct reading reading;
    struct job_row job;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (!state_job(reading.store, call->id, &job) || !may_erase(call, job.account_id)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    begin(call, &reading, STREAM_JOB);
}

static const struct route ROUTES[] = {
    {HTTP_DELETE, "/v1/uploads/{id}", ERASERS, BODY_NONE, delete_upload},
    {HTTP_DELETE, "/v1/jobs/{id}/data", ERASERS, BODY_NONE, delete_job_data},
};
const struct route_table ROUTES_ERASE = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
