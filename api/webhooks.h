/* api/webhooks.h: followers of the feed that are called instead of calling.
 *
 *     created ─▶ waiting for an event ─▶ one POST ─┬─ 2xx ─▶ cursor on, the next
 *                                                  └─ else ─▶ pause with backoff, the same event again ─(for give_up_s)─▶ paused
 *
 * What:    the events that a follower with the same scopes and topics gets (api/feed_read.h), of the types asked for, in order, one a request, the next
 *          when the last was taken. At least once: the cursor is written behind the deliveries, and an event has one message id for ever.
 * Where:   https to public addresses, looked at after the name's lookup; http to this machine on a local chain. No redirects.
 * Fair:    there are places for receivers whose last answer was quick and good, others for those that failed or took long at their last one, others for
 *          those that never answered yet, and others for what people ask for by hand: none of these hold up another. An account has a few of each. What is passed
 *          over, because it is not for a webhook, is bounded in each turn and shared among those that look.
 * Memory:  a webhook is a position in the log, as a follower is, and its last attempts.
 * Thread:  the loop's; its file is written on the pool. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBHOOKS_H
#define API_WEBHOOKS_H

#include "api/call.h"
#include "api/feed_message.h"
#include "api/webhook_progress.h"

#define WEBHOOK_TYPES_MAX 32
#define WEBHOOK_URL_MAX 2048

struct webhooks;

/* Reads the webhooks of the log. After a bad file: ERR_CORRUPT. */
MUST_CHECK enum err_code webhooks_create(struct api *api, struct webhooks **ret, struct err *err);
/* The log has grown. */
void webhooks_commit(struct webhooks *webhooks);
/* Something was decided about this webhook. */
void webhooks_refresh(struct webhooks *webhooks, struct id16 webhook_id);
/* The server stops: what is on its way is given up, and goes out again after the next start. */
void webhooks_release(struct webhooks *webhooks);
/* After the loop has ended; what is not written yet is. */
void webhooks_destroy(struct webhooks *webhooks);

/* Whether deliveries to this URL would be tried at all. ERR_INVALID with what would be accepted. A name is looked up only when it is called. */
MUST_CHECK enum err_code webhooks_check_url(const struct webhooks *webhooks, const char *url,
                                            struct err *err);
/* Names of event types with commas between, ERR_INVALID with what is wrong; nothing: all of them. */
MUST_CHECK enum err_code webhook_types_parse(struct bytes text, uint16_t ret[WEBHOOK_TYPES_MAX],
                                             size_t *ret_count, struct err *err);

struct webhook_status {
    const struct webhook_progress *progress; /* borrowed until the loop turns */
    int64_t next_try_at;                     /* wall; 0: at once, or when there is something */
    bool delivering;
};
/* false: it is not known (yet). */
MUST_CHECK bool webhooks_status(const struct webhooks *webhooks, struct id16 webhook_id,
                                struct webhook_status *ret);
/* Give a call a webhook's secret of that version. */
MUST_CHECK enum err_code webhooks_secret(const struct webhooks *webhooks, struct id16 webhook_id,
                                         uint64_t version, struct key32 *ret, struct err *err);

/* Each takes the call and answers it when it is done. */
/* One POST, now and once: of an event, or of a test for sequence 0. The answer is the attempt. */
void webhooks_try(struct webhooks *webhooks, struct call *call, struct id16 webhook_id,
                  uint64_t sequence);
/* Go on behind `after`. Answered when that is on disk. */
void webhooks_move(struct webhooks *webhooks, struct call *call, struct id16 webhook_id,
                   uint64_t after);

struct webhooks_stats {
    uint64_t live;
    uint64_t paused;
    uint64_t failing;  /* of those that are not paused */
    uint64_t attempts; /* since the start */
    uint64_t failures;
    uint64_t looked_at; /* events, for webhooks that wanted none of them */
};
struct webhooks_stats webhooks_stats(const struct webhooks *webhooks);

#endif
