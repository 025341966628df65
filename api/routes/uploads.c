/* Uploads in one request (api/upload_receive.h), and looking at them. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/uploads.h"
#include "api/list.h"
#include "api/partials.h"
#include "api/route.h"
#include "api/storage_limit.h"
#include "api/upload_json.h"
#include "api/upload_receive.h"

#include <string.h>

#define FORM_MAX                                                                                   \
    65536 /* of a form, around its files: what it may be too much by here is found when its size is known */
#define LOOKED_AT_MAX 1000 /* of a page that filters; `next` goes on from there */

static void get_upload(struct call *call)
{
    upload_reply(call, 200);
}

/* Under its Idempotency-Key, if it has one: then it takes no room, however full it is since. */
static bool is_repeated(struct reading *reading)
{
    uint64_t first;
    uint64_t count;
    call_command(reading->call, COMMAND_UPLOAD_RECEIVE); /* for its id */
    return state_command(reading->store, reading->call->command.command_id, &first, &count);
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
    int64_t const length = http_request_head(call->request)->content_length;
    if (!is_repeated(&reading) &&
        !storage_has_room(&reading, length > FORM_MAX ? (uint64_t)length - FORM_MAX : 0)) {
        return;
    }
    reading_close(&reading);
    struct upload_receive *receive = arena_alloc(&call->arena, sizeof *receive);
    if (receive == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    upload_receive_init(receive, call, ledger.upload_max);
    blob_body_read(&receive->body);
}

/* ── one's own ─────────────────────────────────────────────────────────────────────────────────── */

enum upload_status { STATUS_ANY, STATUS_RECEIVED, STATUS_ANALYSED, STATUS_REJECTED, STATUS_ERASED };
static const char *const STATUS_WORDS[] = {NULL, "received", "analysed", "rejected", "erased"};
static const struct enum_words status_words = {"upload_status", STATUS_WORDS, 5};

struct wanted {
    size_t limit;
    uint64_t before;
    int64_t from;
    int64_t until;
    uint32_t status;
    uint32_t kind;
    uint32_t job_type;
};

static bool is_wanted(const struct wanted *wanted, const struct upload_facts *facts)
{
    enum upload_status const status = facts->erased_at != 0 ? STATUS_ERASED
                                      : facts->is_rejected  ? STATUS_REJECTED
                                      : facts->is_analysed  ? STATUS_ANALYSED
                                                            : STATUS_RECEIVED;
    /* Who erased it wants it out of sight: it is shown to who asks for what was erased. */
    return (wanted->status == STATUS_ANY ? status != STATUS_ERASED : wanted->status == status) &&
           (wanted->kind == 0 || (facts->is_analysed && facts->row.kind == wanted->kind)) &&
           (wanted->job_type == 0 ||
            (facts->is_analysed && upload_job_type(&facts->row) == wanted->job_type)) &&
           (wanted->until == 0 || facts->received.time < wanted->until);
}

/* Where the next page begins; 0: that was all. */
static uint64_t append_uploads(struct reading *reading, const struct wanted *wanted, json_t *items)
{
    struct upload_entry entry;
    uint64_t before = wanted->before;
    size_t looked_at = 0;
    while (uploads_list(reading->store, reading->call->principal.account_id, before, &entry, 1) >
           0) {
        struct upload_facts facts;
        if (json_array_size(items) == wanted->limit || looked_at++ == LOOKED_AT_MAX) {
            return before;
        }
        before = entry.sequence;
        if (!upload_read(reading, entry.upload_id, &facts)) {
            return 0; /* it cannot be read now: the whole is not answered */
        }
        if (wanted->from != 0 && facts.received.time < wanted->from) {
            return 0; /* all others are older */
        }
        if (is_wanted(wanted, &facts)) {
            (void)json_array_append_new(items, upload_json_of_item(&facts, entry.upload_id));
        }
    }
    return 0;
}

/* Those in pieces that are not whole yet: a few, and they have no place in the log. */
static json_t *unfinished_of(const struct call *call)
{
    json_t *list = json_array();
    for (const struct partial *at = partials_first(call->api->partials); at != NULL;
         at = at->next) {
        if (id_equal(at->account_id, call->principal.account_id)) {
            (void)json_array_append_new(list, upload_json_of_partial(at));
        }
    }
    return list;
}

static void list_uploads(struct call *call)
{
    struct reading reading;
    struct wanted wanted = {.limit = list_limit(call)};
    if (wanted.limit == 0 || !list_cursor(call, "before", &wanted.before) ||
        !list_time(call, "from", &wanted.from) || !list_time(call, "until", &wanted.until) ||
        !list_word(call, "status", &status_words, &wanted.status) ||
        !list_word(call, "kind", &upload_kind_words, &wanted.kind) ||
        !list_word(call, "job_type", &job_type_words, &wanted.job_type) ||
        !reading_open(&reading, call)) {
        return;
    }
    json_t *items = json_array();
    uint64_t const next = append_uploads(&reading, &wanted, items);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o,s:o}", "items", items, "unfinished", unfinished_of(call), "next",
                         next == 0 ? json_null() : json_of_u64(next)));
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/uploads", SCOPE_CONSUMER, BODY_STREAM, post_upload},
    {HTTP_GET, "/v1/uploads", SCOPE_CONSUMER, BODY_NONE, list_uploads},
    {HTTP_GET, "/v1/uploads/{id}", SCOPE_CONSUMER, BODY_NONE, get_upload},
};
const struct route_table ROUTES_UPLOADS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
