/* A webhook from what the log says of it and what its file says. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks_internal.h"
#include "core/base/trace.h"
#include "projections/streams.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT_ARENA_MAX ((size_t)1 << 18)

enum err_code webhook_types_parse(struct bytes text, uint16_t ret[WEBHOOK_TYPES_MAX],
                                  size_t *ret_count, struct err *err)
{
    size_t all;
    size_t count = 0;
    const struct event_type *types = event_types(&all);
    while (text.size > 0) {
        const void *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)((const uint8_t *)comma - text.data);
        const struct event_type *found = NULL;
        for (size_t i = 0; i < all && found == NULL; i++) {
            bool same =
                strlen(types[i].name) == size && memcmp(types[i].name, text.data, size) == 0;
            found = same ? &types[i] : NULL;
        }
        if (found == NULL) {
            return err_set(err, ERR_INVALID, "'%.*s' is no type of event, like job.completed",
                           (int)(size < 60 ? size : 60), (const char *)text.data);
        }
        if (count == WEBHOOK_TYPES_MAX) {
            return err_set(err, ERR_INVALID, "there are at most %d types; leave them out for all",
                           WEBHOOK_TYPES_MAX);
        }
        ret[count++] = found->number;
        text = bytes_from(text, comma == NULL ? size : size + 1);
    }
    *ret_count = count;
    return ERR_OK;
}

/* What its webhook.created says, the private part with it. */
static enum err_code read_created(struct feed_snapshot *snapshot, struct arena *arena,
                                  struct webhook *webhook, struct err *err)
{
    struct event event;
    struct bytes record;
    struct bytes part;
    char topics[FEED_MESSAGE_MAX];
    enum err_code code =
        log_reader_record(snapshot->log, webhook->row.created_sequence, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, arena, &event, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (!log_reader_private(snapshot->log, webhook->row.created_sequence, &part) ||
        part.size <= PRIVATE_SALT_SIZE) {
        return err_set(err, ERR_NOT_FOUND, "the webhook's address was erased");
    }
    code = private_decode(bytes_from(part, PRIVATE_SALT_SIZE), arena, &event, err);
    const struct ev_webhook_created *created = &event.u.webhook_created;
    if (code == ERR_OK &&
        (created->url.size > WEBHOOK_URL_MAX || created->topics.size >= sizeof topics)) {
        code = err_set(err, ERR_CORRUPT, "a webhook's address or topics are too long");
    }
    if (code != ERR_OK) {
        return code;
    }
    memcpy(webhook->url, created->url.data, created->url.size);
    (void)snprintf(topics, sizeof topics, "%.*s", (int)created->topics.size,
                   (const char *)created->topics.data);
    code = feed_subscription_from_query(topics, NULL, NULL, NULL, &webhook->subscription, err);
    return code == ERR_OK
               ? webhook_types_parse(created->types, webhook->types, &webhook->type_count, err)
               : code;
}

/* The last ledger.restored: what comes behind it is of this generation. */
static uint64_t restored_at(struct feed_snapshot *snapshot)
{
    uint64_t sequences[64];
    uint64_t after = 0;
    uint64_t found = 0;
    size_t count;
    while ((count = streams_after(snapshot->store, STREAM_LEDGER, (struct id16){0}, after,
                                  sequences, 64)) > 0) {
        for (size_t i = 0; i < count; i++) {
            struct bytes record;
            struct record_header header;
            if (log_reader_record(snapshot->log, sequences[i], &record, NULL) == ERR_OK &&
                record_header_decode(record, &header, NULL) == ERR_OK &&
                header.type == EVENT_LEDGER_RESTORED) {
                found = sequences[i];
            }
        }
        after = sequences[count - 1];
    }
    return found;
}

/* A cursor in a part of the log that was lost goes back to what there is: other events have those places now. */
static void adjust(const struct webhooks *webhooks, struct feed_snapshot *snapshot,
                   struct webhook_progress *progress)
{
    if (progress->generation != webhooks->generation) {
        uint64_t restored = restored_at(snapshot);
        if (restored > 0 && progress->cursor >= restored) {
            progress->cursor = restored - 1;
        }
        progress->generation = webhooks->generation;
    }
    if (progress->cursor > snapshot->head) {
        progress->cursor = snapshot->head;
    }
}

static enum err_code read_progress(const struct webhooks *webhooks, struct feed_snapshot *snapshot,
                                   struct webhook *webhook, struct err *err)
{
    char path[PATH_MAX];
    struct err why = {0};
    enum err_code code = webhook_path(webhooks, webhook->id, path, err);
    if (code != ERR_OK) {
        return code;
    }
    code = webhook_progress_load(path, &webhook->progress, &why);
    if (code != ERR_OK) {
        if (code != ERR_NOT_FOUND) { /* once more is better than not at all */
            trace_err(TRACE_ERROR, "webhook.progress_lost", &why);
        }
        webhook->progress = (struct webhook_progress){.generation = webhooks->generation,
                                                      .cursor = webhook->row.after};
    }
    adjust(webhooks, snapshot, &webhook->progress);
    return ERR_OK;
}

enum err_code webhook_load(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                           struct id16 webhook_id, struct webhook **ret, struct err *err)
{
    struct arena arena;
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (webhook == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a webhook");
    }
    webhook->id = webhook_id;
    enum err_code code = state_webhook(snapshot->store, webhook_id, &webhook->row)
                             ? ERR_OK
                             : err_set(err, ERR_NOT_FOUND, "there is no such webhook");
    arena_init(&arena, EVENT_ARENA_MAX);
    if (code == ERR_OK) {
        code = read_created(snapshot, &arena, webhook, err);
    }
    arena_deinit(&arena);
    if (code == ERR_OK) {
        code = read_progress(webhooks, snapshot, webhook, err);
    }
    if (code != ERR_OK) {
        free(webhook);
        return code;
    }
    webhook->principal = (struct principal){
        .known = true, .account_id = webhook->row.account_id, .scopes = webhook->row.scopes};
    webhook->saved_cursor = webhook->progress.cursor;
    webhook->place = webhook_place_after(&webhook->progress);
    webhook->pending = true;
    *ret = webhook;
    return ERR_OK;
}

/* Whose webhook is gone: deleted while it was written, or in a part of the log that is lost; and what a crash left half written. */
static bool is_left_over(struct feed_snapshot *snapshot, const char *name)
{
    struct webhook_row row;
    struct id16 id;
    size_t const size = ID_TEXT_SIZE - 1;
    bool const is_ours =
        strlen(name) >= size && id_parse(bytes_of(name, size), &id, NULL) == ERR_OK;
    return is_ours &&
           (name[size] == '.' || (name[size] == '\0' && !state_webhook(snapshot->store, id, &row) &&
                                  store_check(snapshot->store, NULL) == ERR_OK));
}

void webhooks_clean(struct feed_snapshot *snapshot, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    /* Only this thread reads the folder. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (is_left_over(snapshot, entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) == 0) {
            trace(TRACE_INFO, "webhook.left_over", "file=%s", entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
