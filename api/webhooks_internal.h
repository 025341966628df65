/* api/webhooks_internal.h: what the files of webhooks share.
 *
 * webhooks.c: the list and whose turn it is; webhook_load.c: what log and disk say of one; webhook_next.c: which event is next; webhook_send.c: a POST and
 * the places for them; webhook_save.c: its file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBHOOKS_INTERNAL_H
#define API_WEBHOOKS_INTERNAL_H

#include "api/feed_read.h"
#include "api/webhook_secret.h"
#include "api/webhooks.h"
#include "core/net/http_client.h"

#include <limits.h>

/* Which kind of place a delivery takes. */
enum webhook_place {
    PLACE_NEW,   /* it never answered */
    PLACE_QUICK, /* its last answer was good and came soon */
    PLACE_SLOW,  /* it was not, or did not */
    PLACE_ASKED, /* a test or a resend */
};
#define WEBHOOK_PLACES 4
#define WEBHOOK_SLOW_MS 2000
#define EVENT_TYPE_NUMBERS 256

struct webhook {
    struct id16 id;
    struct webhook_row row;
    struct principal principal; /* whose eyes it has */
    char url[WEBHOOK_URL_MAX + 1];
    struct feed_subscription subscription;
    size_t type_count; /* 0: all */
    uint16_t types[WEBHOOK_TYPES_MAX];
    struct webhook_progress progress;
    bool pending; /* there may be something for it */
    enum webhook_place place;
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
    enum webhook_place place;
    int64_t began; /* monotonic */
    struct webhook_attempt attempt;
    struct delivery *next; /* on its way */
};

/* When each type of event was last, of those from `after` on that were looked at: whoever waits for a rare one need not look at all the others. */
struct webhook_types {
    uint64_t after;
    uint64_t upto;
    uint64_t last[EVENT_TYPE_NUMBERS];
};

struct webhooks {
    struct api *api;
    bool released;
    bool is_local; /* the chain */
    uint64_t generation;
    struct webhook_key key;
    struct http_client *http;
    struct webhook *first;
    struct delivery *on_the_way;
    struct webhook_types types;
    size_t looks_left; /* of this turn */
    size_t lookers;    /* webhooks that used up their share of the turn's looks */
    size_t share;
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

/* Remove files of webhooks that are gone. */
void webhooks_clean(struct feed_snapshot *snapshot, const char *folder);

/* webhook_next.c */
/* A turn begins. */
void webhook_turn(struct webhooks *webhooks, struct feed_snapshot *snapshot);
/* The event behind the cursor that it is to be told of; 0: none yet, or not found yet: it is then pending still. What is passed over moves the cursor. */
uint64_t webhook_next(struct webhooks *webhooks, struct webhook *webhook,
                      struct feed_snapshot *snapshot, const struct feed_view *view);

/* webhook_send.c */
/* Whether one more may go out to a receiver of this account. */
bool webhook_has_place(const struct webhooks *webhooks, struct id16 account_id,
                       enum webhook_place place);
/* After its last attempt; of a webhook that has none: new. */
enum webhook_place webhook_place_after(const struct webhook_progress *progress);
/* It is over, one way or another: frees it and its place. */
void webhook_delivery_free(struct delivery *delivery);
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
