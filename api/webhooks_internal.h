/* api/webhooks_internal.h: what the files of webhooks share.
 *
 * webhooks.c: the list and whose turn it is; webhook_load.c: what log and disk say of one; webhook_send.c: a POST; webhook_save.c: its file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBHOOKS_INTERNAL_H
#define API_WEBHOOKS_INTERNAL_H

#include "api/feed_read.h"
#include "api/webhook_secret.h"
#include "api/webhooks.h"
#include "core/net/http_client.h"

#include <limits.h>

struct webhook {
    struct id16 id;
    struct webhook_row row;
    struct principal principal; /* whose eyes it has */
    char url[WEBHOOK_URL_MAX + 1];
    struct feed_subscription subscription;
    size_t type_count; /* 0: all */
    uint16_t types[WEBHOOK_TYPES_MAX];
    struct webhook_progress progress;
    bool pending;          /* there may be something for it */
    bool is_slow;          /* the last attempt failed or took long */
    int64_t next_try;      /* monotonic */
    int64_t pause_asked;   /* monotonic; 0: not */
    struct delivery *main; /* the event behind the cursor, on its way */
    struct delivery *side; /* a test or a resend */
    /* its file */
    uint64_t changes;
    uint64_t saved_changes;
    uint64_t saved_cursor;
    int64_t save_after; /* monotonic: not before */
    struct call *moved; /* answered when its change is on disk … */
    uint64_t moved_after;
    uint64_t moved_changes; /* … which is when so many are */
    struct webhook *next;
};

struct delivery {
    struct webhooks *webhooks;
    struct webhook *webhook;
    struct http_call *http;
    struct call *call; /* of a test or a resend */
    bool is_https;
    bool is_slow;  /* counted among the slow ones */
    int64_t began; /* monotonic */
    struct webhook_attempt attempt;
};

struct webhooks {
    struct api *api;
    bool released;
    bool is_local; /* the chain */
    uint64_t generation;
    struct webhook_key key;
    struct http_client *http;
    struct webhook *first;
    size_t quick; /* deliveries on their way */
    size_t slow;
    uv_timer_t timer;
    int64_t timer_at; /* monotonic; 0: it does not run */
    struct buf body;
    struct webhooks_stats stats;
    /* one file at a time */
    uv_work_t save_work;
    bool saving;
    struct id16 save_id;
    uint64_t save_changes;
    uint64_t save_cursor;
    enum err_code save_code;
    struct err save_err;
    char save_path[PATH_MAX];
    struct buf save_text;
};

struct webhook *webhooks_find(const struct webhooks *webhooks, struct id16 webhook_id);
/* Look at everybody in so many nanoseconds at the latest. */
void webhooks_wake(struct webhooks *webhooks, int64_t in_ns);

/* webhook_load.c */
/* From the log, and from its file if there is one. ERR_NOT_FOUND: deleted, or its private part was erased. */
MUST_CHECK enum err_code webhook_load(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                                      struct id16 webhook_id, struct webhook **ret,
                                      struct err *err);

/* webhook_send.c */
/* Start a POST; ERR_NOT_FOUND: this event is not one of the webhook's. */
MUST_CHECK enum err_code webhook_send(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                                      struct webhook *webhook, const struct feed_view *view,
                                      enum webhook_attempt_kind kind, uint64_t sequence,
                                      struct call *call, struct err *err);
/* Give up what is on its way. */
void webhook_cancel(struct webhook *webhook);

/* webhook_save.c */
MUST_CHECK enum err_code webhook_path(const struct webhooks *webhooks, struct id16 webhook_id,
                                      char ret[PATH_MAX], struct err *err);
void webhook_changed(struct webhook *webhook);
/* Write the next file whose time has come, unless one is being written. `ret_at`: when to ask again, if something waits. */
void webhooks_save(struct webhooks *webhooks, int64_t now, int64_t *ret_at);
/* Those that are left, on this thread. */
void webhooks_save_all(struct webhooks *webhooks);

/* webhooks.c, for webhook_send.c: the attempt is over; frees the delivery. */
void webhooks_over(struct delivery *delivery);

#endif
