/* An auditor's findings about a provider's payments, recorded in the log; `tally reconcile --record` sends them. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/route.h"
#include "core/base/time.h"

static int64_t read_time(struct fields *fields, const char *name)
{
    struct bytes text = fields_text(fields, name, 1, TIME_TEXT_SIZE);
    int64_t time = 0;
    if (text.size > 0 && time_parse(text, &time, NULL) != ERR_OK) {
        fields_error(fields, name, "a time in UTC like 2026-11-24T14:03:07Z");
    }
    return time;
}

static void recorded(struct call *call)
{
    const struct ev_reconciliation_recorded *r = &call->command.u.reconciliation.recorded;
    call_reply(call, 201,
               json_pack("{s:I,s:o,s:o}", "sequence", (json_int_t)call->answer.first, "provider_id",
                         json_of_id(r->provider_id), "report_digest",
                         json_of_hash(r->report_digest)));
}

static void record(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_reconciliation_recorded r = {
        .provider_id = fields_id(&fields, "provider_id"),
        .from = read_time(&fields, "from"),
        .until = read_time(&fields, "until"),
        .matched = fields_u64(&fields, "matched", 0, INT64_MAX),
        .missing = fields_u64(&fields, "missing", 0, INT64_MAX),
        .extra = fields_u64(&fields, "extra", 0, INT64_MAX),
        .differing = fields_u64(&fields, "differing", 0, INT64_MAX),
    };
    fields_hex(&fields, "report_digest", r.report_digest.b, sizeof r.report_digest.b);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_RECONCILIATION_RECORD);
    call->command.u.reconciliation =
        (struct command_reconciliation){.token_id = call->principal.token_id, .recorded = r};
    call_submit(call, CLASS_CONSUMER, recorded);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/reconciliations", SCOPE_OPERATOR | SCOPE_AUDITOR, BODY_JSON, record},
};
const struct route_table ROUTES_RECONCILIATIONS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
