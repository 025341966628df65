/* What a job wrote, from any line on, or backwards from its end. */
// SPDX-License-Identifier: Apache-2.0
#include "api/job_access.h"
#include "api/list.h"
#include "api/route.h"
#include "projections/job_output.h"

#include <string.h>

/* Bytes of text in a page, but for its first batch: a page of 500 full batches would be 8 MB, on the loop. */
#define PAGE_SIZE_MAX ((uint64_t)1 << 20)

struct page {
    size_t begin; /* of `batches`, those that are shown */
    size_t end;
    bool earlier; /* there are batches before them */
    bool later;
    struct output_batch batches[LIST_MAX + 1];
};

static void read_after(struct store *store, struct id16 job_id, uint64_t after, size_t limit,
                       struct page *page)
{
    struct output_batch before;
    uint64_t size = 0;
    size_t count = job_output_list(store, job_id, after, page->batches, limit + 1);
    while (page->end < count && page->end < limit &&
           (page->end == 0 || size + page->batches[page->end].size <= PAGE_SIZE_MAX)) {
        size += page->batches[page->end++].size;
    }
    page->later = page->end < count;
    page->earlier =
        count > 0 && job_output_before(store, job_id, page->batches[0].first_line, &before, 1) > 0;
}

static void read_before(struct store *store, struct id16 job_id, uint64_t before, size_t limit,
                        struct page *page)
{
    struct output_batch after;
    uint64_t size = 0;
    size_t count = job_output_before(store, job_id, before, page->batches, limit + 1);
    page->begin = page->end = count;
    while (page->begin > 0 && count - page->begin < limit &&
           (page->begin == count || size + page->batches[page->begin - 1].size <= PAGE_SIZE_MAX)) {
        size += page->batches[--page->begin].size;
    }
    page->earlier = page->begin > 0;
    if (count > 0) {
        const struct output_batch *last = &page->batches[count - 1];
        /* A batch without lines is the one that says the quota is reached, the last one. */
        page->later =
            last->lines > 0 &&
            job_output_list(store, job_id, last->first_line + last->lines - 1, &after, 1) > 0;
    }
}

static json_t *json_of_batch(struct reading *reading, const struct output_batch *batch)
{
    struct event event;
    struct bytes text = {0};
    if (reading_event(reading, batch->sequence, &event)) {
        text = event.u.job_output.text;
    }
    return json_pack("{s:I,s:s,s:I,s:I,s:b,s:o}", "sequence", (json_int_t)batch->sequence, "source",
                     enum_word(&output_source_words, (uint32_t)batch->source), "first_line",
                     (json_int_t)batch->first_line, "lines", (json_int_t)batch->lines,
                     "quota_reached", batch->quota_reached != 0, "text", json_of_text(text));
}

static json_t *json_of_page(struct reading *reading, const struct page *page, uint64_t last_line)
{
    json_t *items = json_array();
    json_t *next = NULL;
    json_t *previous = NULL;
    for (size_t i = page->begin; i < page->end; i++) {
        (void)json_array_append_new(items, json_of_batch(reading, &page->batches[i]));
    }
    if (page->earlier) {
        previous = json_of_u64(page->batches[page->begin].first_line);
    }
    if (page->later) {
        const struct output_batch *last = &page->batches[page->end - 1];
        next = json_of_u64(last->first_line + last->lines - 1);
    }
    return json_pack("{s:o,s:o,s:o,s:I}", "items", items, "next", next == NULL ? json_null() : next,
                     "previous", previous == NULL ? json_null() : previous, "last_line",
                     (json_int_t)last_line);
}

/* `before` is a line, or "end". */
static bool read_cursors(struct call *call, uint64_t *ret_after, uint64_t *ret_before)
{
    const struct http_head *head = http_request_head(call->request);
    const char *before = http_head_param(head, "before");
    if (before == NULL) {
        return list_cursor(call, "after", ret_after);
    }
    if (http_head_param(head, "after") != NULL) {
        call_problem(call, 422, "parameter_invalid", "after and before do not go together");
        return false;
    }
    *ret_before = UINT64_MAX;
    return strcmp(before, "end") == 0 || list_cursor(call, "before", ret_before);
}

static void get_output(struct call *call)
{
    struct reading reading;
    struct job_row job;
    uint64_t after = 0;
    uint64_t before = 0;
    size_t limit = list_limit(call);
    if (limit == 0 || !read_cursors(call, &after, &before) || !reading_open(&reading, call)) {
        return;
    }
    if (!job_is_visible(call, &reading, &job)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    struct page page = {0};
    if (http_head_param(http_request_head(call->request), "before") != NULL) {
        read_before(reading.store, call->id, before, limit, &page);
    } else {
        read_after(reading.store, call->id, after, limit, &page);
    }
    json_t *json = json_of_page(&reading, &page, job_output_last_line(reading.store, call->id));
    reading_close(&reading);
    call_reply(call, 200, json);
}

static const struct route ROUTES[] = {
    /* Lines are private: not for operators and auditors. */
    {HTTP_GET, "/v1/jobs/{id}/output", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_NONE, get_output},
};
const struct route_table ROUTES_OUTPUT = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
