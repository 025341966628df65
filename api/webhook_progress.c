// SPDX-License-Identifier: Apache-2.0
#include "api/webhook_progress.h"

#include "core/base/file.h"

#include <stdio.h>
#include <string.h>

static const char *const KINDS[] = {
    [ATTEMPT_DELIVERY] = "delivery", [ATTEMPT_RESEND] = "resend", [ATTEMPT_TEST] = "test"};

void webhook_progress_add(struct webhook_progress *progress, const struct webhook_attempt *attempt)
{
    progress->attempts[progress->attempt_count++ % WEBHOOK_ATTEMPTS_MAX] = *attempt;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *webhook_attempt_json(const struct webhook_attempt *attempt)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:i,s:b,s:s}", "kind", KINDS[attempt->kind], "sequence",
                     number(attempt->sequence), "number", number(attempt->number), "ms",
                     number(attempt->ms), "status", attempt->status, "good", (int)attempt->good,
                     "error", attempt->error);
}

json_t *webhook_progress_json(const struct webhook_progress *progress)
{
    json_t *attempts = json_array();
    uint64_t count = progress->attempt_count;
    uint64_t first = count > WEBHOOK_ATTEMPTS_MAX ? count - WEBHOOK_ATTEMPTS_MAX : 0;
    for (uint64_t i = first; i < count; i++) {
        const struct webhook_attempt *attempt = &progress->attempts[i % WEBHOOK_ATTEMPTS_MAX];
        json_t *json = webhook_attempt_json(attempt);
        (void)json_object_set_new(json, "at", json_integer((json_int_t)attempt->at));
        (void)json_array_append_new(attempts, json);
    }
    return json_pack("{s:i,s:o,s:o,s:o,s:I,s:o}", "format", 1, "generation",
                     number(progress->generation), "cursor", number(progress->cursor), "failures",
                     number(progress->failures), "failing_since",
                     (json_int_t)progress->failing_since, "attempts", attempts);
}

static bool read_attempt(json_t *json, struct webhook_attempt *ret)
{
    const char *kind;
    const char *error;
    json_int_t at;
    json_int_t sequence;
    json_int_t nth;
    json_int_t ms;
    int good;
    struct webhook_attempt attempt = {0};
    if (json_unpack(json, "{s:s,s:I,s:I,s:I,s:i,s:b,s:s,s:I}", "kind", &kind, "sequence", &sequence,
                    "number", &nth, "ms", &ms, "status", &attempt.status, "good", &good, "error",
                    &error, "at", &at) != 0) {
        return false;
    }
    for (size_t i = ATTEMPT_DELIVERY; i <= ATTEMPT_TEST; i++) {
        attempt.kind = strcmp(kind, KINDS[i]) == 0 ? (enum webhook_attempt_kind)i : attempt.kind;
    }
    attempt.at = at;
    attempt.sequence = (uint64_t)sequence;
    attempt.number = (uint64_t)nth;
    attempt.ms = (uint64_t)ms;
    attempt.good = good != 0;
    (void)snprintf(attempt.error, sizeof attempt.error, "%.*s", WEBHOOK_ERROR_MAX - 1, error);
    *ret = attempt;
    return attempt.kind != 0;
}

static bool read_progress(json_t *json, struct webhook_progress *ret)
{
    json_int_t generation;
    json_int_t cursor;
    json_int_t failures;
    json_int_t since;
    int format;
    json_t *attempts;
    if (json_unpack(json, "{s:i,s:I,s:I,s:I,s:I,s:o}", "format", &format, "generation", &generation,
                    "cursor", &cursor, "failures", &failures, "failing_since", &since, "attempts",
                    &attempts) != 0 ||
        format != 1 || cursor < 0 || !json_is_array(attempts)) {
        return false;
    }
    *ret = (struct webhook_progress){.generation = (uint64_t)generation,
                                     .cursor = (uint64_t)cursor,
                                     .failures = (uint64_t)failures,
                                     .failing_since = since};
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        struct webhook_attempt attempt;
        if (!read_attempt(json_array_get(attempts, i), &attempt)) {
            return false;
        }
        webhook_progress_add(ret, &attempt);
    }
    return true;
}

enum err_code webhook_progress_load(const char *path, struct webhook_progress *ret, struct err *err)
{
    struct buf text;
    struct webhook_progress progress;
    buf_init(&text, WEBHOOK_FILE_MAX);
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_OK) {
        json_t *json = json_loadb(buf_text(&text), text.size, JSON_REJECT_DUPLICATES, NULL);
        if (json == NULL || !read_progress(json, &progress)) {
            code = err_set(err, ERR_CORRUPT, "%.150s holds no webhook's progress", path);
        }
        json_decref(json);
    }
    buf_deinit(&text);
    if (code == ERR_OK) {
        *ret = progress;
    }
    return code;
}
