/* Which event a webhook is told next. What it is not told costs too: a filter that never fits would read the whole log, and each new event once for each such
 * filter. So the looks of a turn are counted and shared, and what was of which type last is looked up once for all. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks_internal.h"

#include <string.h>

#define CHUNK 64
#define LOOKS_A_TURN 2048
#define LOOKS_MIN 128
#define LOOKS_OF_A_CALL 512 /* feed_view_next's, when it finds little */
#define SAVE_SKIPPED 100000 /* so many that were not for it, and the cursor is worth writing */

/* The type of a record; false: whoever renders it will tell. */
static bool type_of(struct feed_snapshot *snapshot, uint64_t sequence, uint16_t *ret)
{
    struct bytes record;
    struct record_header header;
    if (log_reader_record(snapshot->log, sequence, &record, NULL) != ERR_OK ||
        record_header_decode(record, &header, NULL) != ERR_OK) {
        return false;
    }
    *ret = header.type;
    return true;
}

/* ── what was when ─────────────────────────────────────────────────────────────────────────────── */

static bool any_has_types(const struct webhooks *webhooks)
{
    const struct webhook *webhook = webhooks->first;
    while (webhook != NULL && webhook->type_count == 0) {
        webhook = webhook->next;
    }
    return webhook != NULL;
}

static void begin_anew(struct webhook_types *types, uint64_t after)
{
    memset(types, 0, sizeof *types);
    types->after = after;
    types->upto = after;
}

static void look_at_types(struct webhooks *webhooks, struct feed_snapshot *snapshot)
{
    struct webhook_types *types = &webhooks->types;
    if (!any_has_types(webhooks) || types->upto > snapshot->head) {
        begin_anew(types, snapshot->head);
        return;
    }
    while (types->upto < snapshot->head && webhooks->looks_left > 0) {
        uint16_t type;
        webhooks->looks_left--;
        if (!type_of(snapshot, types->upto + 1, &type) || type >= EVENT_TYPE_NUMBERS) {
            begin_anew(types, types->upto + 1); /* nothing is known of it */
            continue;
        }
        types->upto++;
        types->last[type] = types->upto;
    }
}

/* Up to where there is certainly nothing for it. */
static uint64_t nothing_before(const struct webhook_types *types, const struct webhook *webhook)
{
    uint64_t cursor = webhook->progress.cursor;
    if (webhook->type_count == 0 || cursor < types->after || cursor >= types->upto) {
        return cursor;
    }
    for (size_t i = 0; i < webhook->type_count; i++) {
        if (webhook->types[i] >= EVENT_TYPE_NUMBERS || types->last[webhook->types[i]] > cursor) {
            return cursor;
        }
    }
    return types->upto;
}

void webhook_turn(struct webhooks *webhooks, struct feed_snapshot *snapshot)
{
    size_t const share = LOOKS_A_TURN / (webhooks->lookers == 0 ? 1 : webhooks->lookers);
    webhooks->share = share < LOOKS_MIN ? LOOKS_MIN : share;
    webhooks->lookers = 0;
    webhooks->looks_left = LOOKS_A_TURN;
    look_at_types(webhooks, snapshot);
}

/* ── the next one ──────────────────────────────────────────────────────────────────────────────── */

static bool wants(const struct webhook *webhook, struct feed_snapshot *snapshot, uint64_t sequence)
{
    uint16_t type;
    bool wanted = webhook->type_count == 0 || !type_of(snapshot, sequence, &type);
    for (size_t i = 0; i < webhook->type_count && !wanted; i++) {
        wanted = webhook->types[i] == type;
    }
    return wanted;
}

static void charge(struct webhooks *webhooks, size_t looks, size_t *left)
{
    *left -= looks < *left ? looks : *left;
    webhooks->looks_left -= looks < webhooks->looks_left ? looks : webhooks->looks_left;
    webhooks->stats.looked_at += looks;
}

/* 0: none was found within its share. */
static uint64_t find(struct webhooks *webhooks, struct webhook *webhook,
                     struct feed_snapshot *snapshot, const struct feed_view *view)
{
    uint64_t *cursor = &webhook->progress.cursor;
    size_t left = webhooks->share;
    while (*cursor < snapshot->head && left > 0) {
        uint64_t sequences[CHUNK];
        uint64_t reached;
        size_t count = feed_view_next(view, snapshot, *cursor, sequences, CHUNK, &reached);
        for (size_t i = 0; i < count; i++) {
            if (wants(webhook, snapshot, sequences[i])) {
                return sequences[i];
            }
            charge(webhooks, 1, &left);
            *cursor = sequences[i];
        }
        if (count < CHUNK && reached < snapshot->head) {
            charge(webhooks, LOOKS_OF_A_CALL, &left);
        }
        *cursor = reached > *cursor ? reached : *cursor;
    }
    webhooks->lookers += left == 0 ? 1 : 0;
    return 0;
}

uint64_t webhook_next(struct webhooks *webhooks, struct webhook *webhook,
                      struct feed_snapshot *snapshot, const struct feed_view *view)
{
    uint64_t *cursor = &webhook->progress.cursor;
    *cursor = nothing_before(&webhooks->types, webhook);
    uint64_t const next = find(webhooks, webhook, snapshot, view);
    if (next != 0) {
        return next;
    }
    webhook->pending = *cursor < snapshot->head;
    if (*cursor - webhook->saved_cursor > SAVE_SKIPPED && *cursor > webhook->saved_cursor) {
        webhook->saved_cursor = *cursor; /* once for each so many */
        webhook_changed(webhook);
    }
    return 0;
}
