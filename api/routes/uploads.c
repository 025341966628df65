/* Uploads in one request (api/upload_receive.h), and looking at them. */
// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"
#include "api/upload_receive.h"

static void get_upload(struct call *call)
{
    upload_reply(call, 200);
}

static void post_upload(struct call *call)
{
    struct reading reading;
    struct ledger_row ledger = {0};
    const char *read_only = ledger_read_only_reason(call->api->ledger);
    if (read_only != NULL) { /* said before the body is read */
        call_problem(call, 503, "read_only", "nothing can be written now: %s", read_only);
        return;
    }
    if (!reading_open(&reading, call)) {
        return;
    }
    (void)state_ledger(reading.store, &ledger);
    reading_close(&reading);
    struct upload_receive *receive = arena_alloc(&call->arena, sizeof *receive);
    if (receive == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    upload_receive_init(receive, call, ledger.upload_max);
    blob_body_read(&receive->body);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/uploads", SCOPE_CONSUMER, BODY_STREAM, post_upload},
    {HTTP_GET, "/v1/uploads/{id}", SCOPE_CONSUMER, BODY_NONE, get_upload},
};
const struct route_table ROUTES_UPLOADS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
