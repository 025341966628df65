// SPDX-License-Identifier: Apache-2.0
#include "tests/support/command_list.h"

#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>

void command_list_init(struct command_list *list)
{
    memset(list, 0, sizeof *list);
    arena_init(&list->arena, 64 << 20);
}

void command_list_clear(struct command_list *list)
{
    free(list->items);
    arena_deinit(&list->arena);
    memset(list, 0, sizeof *list);
}

static void keep_text(struct command_list *list, struct bytes *text)
{
    if (text->size > 0) {
        *text = arena_copy(&list->arena, *text);
        INVARIANT(text->data != NULL);
    }
}

static void keep_items(struct command_list *list, struct event_list *items, size_t size)
{
    if (items->count > 0) {
        void *copy = arena_alloc_array(&list->arena, items->count, size);
        INVARIANT(copy != NULL);
        memcpy(copy, items->items, items->count * size);
        items->items = copy;
    }
}

/* What a command borrows and a rule looks at. */
static void keep(struct command_list *list, struct command *c)
{
    switch ((int)c->type) {
    case COMMAND_TERMS_SET:
        keep_items(list, &c->u.terms.failure_terms, sizeof(struct ev_failure_term));
        break;
    case COMMAND_MATCH_RECORD:
        keep_items(list, &c->u.match.match.ranking, sizeof(struct ev_rank));
        break;
    case COMMAND_JOB_METRICS:
        keep_items(list, &c->u.metrics.metrics.samples, sizeof(struct ev_sample));
        break;
    case COMMAND_JOB_OUTPUT:
        keep_text(list, &c->u.output.output.text);
        break;
    case COMMAND_JOB_REPORTS: {
        keep_items(list, &c->u.reports.reports, sizeof(struct command_report));
        struct command_report *reports = c->u.reports.reports.items;
        for (size_t i = 0; i < c->u.reports.reports.count; i++) {
            keep_items(list, &reports[i].metrics.samples, sizeof(struct ev_sample));
            keep_text(list, &reports[i].output.text);
        }
        break;
    }
    case COMMAND_ESCROW_REREAD:
        keep_items(list, &c->u.reread.outgoing, sizeof(struct ev_found_payment));
        break;
    case COMMAND_UPLOAD_ERASE:
    case COMMAND_JOB_ERASE:
        keep_items(list, &c->u.erase.sequences, sizeof(struct ev_erased));
        break;
    case COMMAND_LEG_SIGN:
        keep_text(list, &c->u.leg.u.signing.transaction);
        break;
    default: /* the other texts are the driver's literals */
        break;
    }
}

void command_list_add(struct command_list *list, int64_t now, const struct command *command)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 256 : 2 * list->capacity;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        INVARIANT(list->items != NULL);
    }
    struct timed_command *item = &list->items[list->count++];
    item->now = now;
    item->command = *command;
    keep(list, &item->command);
}

/* The list without `size` commands from `at`; what they borrow stays the list's. */
static struct command_list without(const struct command_list *list, size_t at, size_t size)
{
    struct command_list less = {.count = list->count - size};
    less.items = malloc((less.count + 1) * sizeof *less.items);
    INVARIANT(less.items != NULL);
    memcpy(less.items, list->items, at * sizeof *list->items);
    memcpy(less.items + at, list->items + at + size,
           (list->count - at - size) * sizeof *list->items);
    return less;
}

static bool leave_out(struct command_list *list, size_t at, size_t size, command_list_fails *fails,
                      void *context)
{
    size_t enough = 0;
    struct command_list less = without(list, at, size);
    bool still = fails(context, &less, &enough);
    if (still) {
        INVARIANT(enough <= less.count);
        memcpy(list->items, less.items, enough * sizeof *less.items);
        list->count = enough;
    }
    free(less.items);
    return still;
}

/* One pass with pieces of a size, from the end of the list, on which least depends. */
static bool pass(struct command_list *list, size_t size, command_list_fails *fails, void *context)
{
    bool changed = false;
    size_t end = list->count;
    while (end > 0) {
        size_t piece = end < size ? end : size;
        end -= piece;
        if (leave_out(list, end, piece, fails, context)) {
            changed = true;
            end = end < list->count ? end : list->count;
        }
    }
    return changed;
}

void command_list_shrink(struct command_list *list, command_list_fails *fails, void *context)
{
    for (size_t size = list->count / 2; size > 1; size /= 2) {
        (void)pass(list, size, fails, context);
    }
    while (pass(list, 1, fails, context)) {
        /* what could not go before may go now */
    }
}
