/* Progress goes to disk behind the deliveries, one file at a time, and none more often than SAVE_EVERY_NS. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks_internal.h"
#include "core/base/file.h"
#include "core/base/trace.h"

#include <stdlib.h>

#define SAVE_EVERY_NS (250 * NS_PER_MS)
#define SAVE_RETRY_NS (5 * NS_PER_S)

enum err_code webhook_path(const struct webhooks *webhooks, struct id16 webhook_id,
                           char ret[PATH_MAX], struct err *err)
{
    char folder[PATH_MAX];
    char name[ID_TEXT_SIZE];
    id_format(webhook_id, name);
    enum err_code code =
        path_join(folder, sizeof folder, webhooks->api->options.data_dir, "webhooks", err);
    return code == ERR_OK ? path_join(ret, PATH_MAX, folder, name, err) : code;
}

void webhook_changed(struct webhook *webhook)
{
    webhook->changes++;
}

static bool is_saved(const struct webhook *webhook)
{
    return webhook->changes == webhook->saved_changes;
}

static enum err_code encode(const struct webhook *webhook, struct buf *ret, struct err *err)
{
    json_t *json = webhook_progress_json(&webhook->progress);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    buf_clear(ret);
    if (text == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a webhook's progress");
    }
    buf_append_text(ret, text);
    free(text);
    return buf_check(ret, err);
}

static void work_cb(uv_work_t *work)
{
    struct webhooks *webhooks = work->data;
    webhooks->save_code = file_write_atomic(webhooks->save_path, buf_bytes(&webhooks->save_text),
                                            0600, &webhooks->save_err);
}

static void answer_moved(struct webhook *webhook)
{
    struct call *call = webhook->moved;
    if (call != NULL && webhook->saved_changes >= webhook->moved_changes) {
        webhook->moved = NULL;
        call->awaiting = false;
        call_reply(call, 200, json_pack("{s:o}", "cursor", json_of_u64(webhook->moved_after)));
    }
}

static void refuse_moved(struct webhook *webhook, const struct err *err)
{
    struct call *call = webhook->moved;
    if (call != NULL) {
        webhook->moved = NULL;
        call->awaiting = false;
        call_refuse(call, err);
    }
}

static void saved_cb(uv_work_t *work, int status)
{
    struct webhooks *webhooks = work->data;
    struct webhook *webhook = webhooks_find(webhooks, webhooks->save_id);
    webhooks->saving = false;
    if (webhook == NULL) { /* deleted meanwhile */
        (void)remove(webhooks->save_path);
        return;
    }
    webhook->save_after = time_mono_ns() + SAVE_EVERY_NS;
    if (status == 0 && webhooks->save_code == ERR_OK) {
        webhook->saved_changes = webhooks->save_changes;
        webhook->saved_cursor = webhooks->save_cursor;
        answer_moved(webhook);
    } else {
        trace_err(TRACE_ERROR, "webhook.not_saved", &webhooks->save_err);
        webhook->save_after += SAVE_RETRY_NS;
        refuse_moved(webhook, &webhooks->save_err);
    }
    webhooks_wake(webhooks, 0);
}

static void save_one(struct webhooks *webhooks, struct webhook *webhook)
{
    struct err err = {0};
    webhooks->save_code = ERR_OK;
    webhooks->save_id = webhook->id;
    webhooks->save_changes = webhook->changes;
    webhooks->save_cursor = webhook->progress.cursor;
    webhooks->save_work.data = webhooks;
    if (webhook_path(webhooks, webhook->id, webhooks->save_path, &err) == ERR_OK &&
        encode(webhook, &webhooks->save_text, &err) == ERR_OK &&
        uv_queue_work(webhooks->api->loop, &webhooks->save_work, work_cb, saved_cb) == 0) {
        webhooks->saving = true;
        return;
    }
    if (err.code == ERR_OK) {
        (void)err_set(&err, ERR_UNAVAILABLE, "no thread to write with; try again");
    }
    webhook->save_after = time_mono_ns() + SAVE_RETRY_NS;
    refuse_moved(webhook, &err);
}

/* Whoever waits longest; whoever is waited for goes before. */
void webhooks_save(struct webhooks *webhooks, int64_t now, int64_t *ret_at)
{
    struct webhook *chosen = NULL;
    if (webhooks->saving ||
        webhooks->released) { /* then the end of that, or the end of all, saves the others */
        return;
    }
    for (struct webhook *webhook = webhooks->first; webhook != NULL; webhook = webhook->next) {
        if (!is_saved(webhook) &&
            (chosen == NULL || webhook->moved != NULL ||
             (chosen->moved == NULL && webhook->save_after < chosen->save_after))) {
            chosen = webhook;
        }
    }
    if (chosen == NULL) {
        return;
    }
    if (chosen->moved != NULL || chosen->save_after <= now) {
        save_one(webhooks, chosen);
    } else if (chosen->save_after < *ret_at) {
        *ret_at = chosen->save_after;
    }
}

void webhooks_save_all(struct webhooks *webhooks)
{
    for (struct webhook *webhook = webhooks->first; webhook != NULL; webhook = webhook->next) {
        struct err err = {0};
        if (is_saved(webhook)) {
            continue;
        }
        enum err_code code = webhook_path(webhooks, webhook->id, webhooks->save_path, &err);
        if (code == ERR_OK) {
            code = encode(webhook, &webhooks->save_text, &err);
        }
        if (code == ERR_OK) {
            code =
                file_write_atomic(webhooks->save_path, buf_bytes(&webhooks->save_text), 0600, &err);
        }
        if (code != ERR_OK) {
            trace_err(TRACE_ERROR, "webhook.not_saved", &err);
        }
    }
}
