/* One POST: what is in it, where it may go, and how it ended. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks_internal.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/net/http_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000
#define ANSWER_SIZE_MAX ((size_t)16 << 10) /* of an answer; nobody reads it */
#define MESSAGE_ID_SIZE (ID_TEXT_SIZE + 44)

/* ── where ─────────────────────────────────────────────────────────────────────────────────────── */

static bool may_reach(const struct webhooks *webhooks, bool is_https, enum address_kind kind)
{
    bool allows = webhooks->api->options.webhook_allow_private;
    switch (kind) {
    case ADDRESS_PUBLIC:
        return is_https;
    case ADDRESS_LOOPBACK:
        return webhooks->is_local || (is_https && allows);
    case ADDRESS_PRIVATE:
        return is_https && allows;
    }
    return false;
}

/* Of each address that the name led to, whatever it leads to the next time. */
static bool may_connect(void *ctx, const struct sockaddr *address)
{
    const struct delivery *delivery = ctx;
    return may_reach(delivery->webhooks, delivery->is_https, address_kind_of(address));
}

enum err_code webhooks_check_url(const struct webhooks *webhooks, const char *url, struct err *err)
{
    struct http_url parts;
    if (strlen(url) > WEBHOOK_URL_MAX) {
        return err_set(err, ERR_INVALID, "a URL has at most %d characters", WEBHOOK_URL_MAX);
    }
    enum err_code code = http_url_parse(url, &parts, err);
    if (code != ERR_OK) {
        return code;
    }
    if (parts.has_user || parts.has_fragment) {
        return err_set(err, ERR_INVALID,
                       "a URL has no user, password or fragment here: what shows that a delivery "
                       "is ours is its signature");
    }
    enum address_kind kind = http_url_kind(&parts);
    bool refused = kind == 0 ? !parts.is_https : !may_reach(webhooks, parts.is_https, kind);
    return !refused
               ? ERR_OK
               : err_set(err, ERR_INVALID, "a webhook is an https:// URL of a public host%s%s",
                         webhooks->is_local ? ", or one of this machine, with http:// too" : "",
                         webhooks->api->options.webhook_allow_private ? ", or of a private network"
                                                                      : "");
}

/* ── how it ended ──────────────────────────────────────────────────────────────────────────────── */

static void say_why(struct webhook_attempt *attempt, const struct http_call_result *result)
{
    const char *why = "";
    if (result->status == 0) {
        why = result->err.message;
    } else if (!attempt->good) {
        why = result->status / 100 == 3 ? "redirects are not followed"
                                        : "an answer of 200 to 299 means taken";
    }
    (void)snprintf(attempt->error, sizeof attempt->error, "%.*s", WEBHOOK_ERROR_MAX - 1, why);
    for (char *at = attempt->error; *at != '\0'; at++) { /* it may have been cut within a letter */
        if ((unsigned char)*at >= 0x80) {
            *at = '?';
        }
    }
}

static void done_cb(void *ctx, const struct http_call_result *result)
{
    struct delivery *delivery = ctx;
    struct webhook_attempt *attempt = &delivery->attempt;
    delivery->http = NULL;
    attempt->status = result->status;
    /* The status was read: what follows it does not matter, nor whether it comes. */
    attempt->good = result->status / 100 == 2;
    attempt->ms = (uint64_t)((time_mono_ns() - delivery->began) / NS_PER_MS);
    say_why(attempt, result);
    webhooks_over(delivery);
}

void webhook_cancel(struct webhook *webhook)
{
    struct delivery *deliveries[] = {webhook->main, webhook->side};
    for (size_t i = 0; i < sizeof deliveries / sizeof *deliveries; i++) {
        struct delivery *delivery = deliveries[i];
        if (delivery == NULL) {
            continue;
        }
        if (delivery->http != NULL) {
            http_call_cancel(delivery->http);
        }
        if (delivery->call != NULL) {
            delivery->call->awaiting = false;
            call_problem(delivery->call, 503, "unavailable",
                         "the delivery was given up: the server stops, or the webhook was deleted");
        }
        webhook_delivery_free(delivery);
    }
    webhook->main = NULL;
    webhook->side = NULL;
}

/* ── places ────────────────────────────────────────────────────────────────────────────────────── */

/* A few of each for one account, so that it takes many to fill them. */
static const struct {
    size_t all;
    size_t of_account;
} PLACES[WEBHOOK_PLACES] = {[PLACE_NEW] = {32, 4},
                            [PLACE_QUICK] = {48, 4},
                            [PLACE_SLOW] = {16, 2},
                            [PLACE_ASKED] = {16, 2}};

bool webhook_has_place(const struct webhooks *webhooks, struct id16 account_id,
                       enum webhook_place place)
{
    size_t all = 0;
    size_t own = 0;
    for (const struct delivery *at = webhooks->on_the_way; at != NULL; at = at->next) {
        if (at->place == place) {
            all++;
            own += id_equal(at->webhook->row.account_id, account_id) ? 1 : 0;
        }
    }
    return all < PLACES[place].all && own < PLACES[place].of_account;
}

enum webhook_place webhook_place_after(const struct webhook_progress *progress)
{
    uint64_t const count = progress->attempt_count;
    const struct webhook_attempt *last = &progress->attempts[(count - 1) % WEBHOOK_ATTEMPTS_MAX];
    return count == 0                                  ? PLACE_NEW
           : last->good && last->ms <= WEBHOOK_SLOW_MS ? PLACE_QUICK
                                                       : PLACE_SLOW;
}

void webhook_delivery_free(struct delivery *delivery)
{
    struct delivery **link = &delivery->webhooks->on_the_way;
    while (*link != delivery) {
        link = &(*link)->next;
    }
    *link = delivery->next;
    free(delivery);
}

/* ── what ──────────────────────────────────────────────────────────────────────────────────────── */

static void append_test(struct webhooks *webhooks, const struct webhook *webhook, struct buf *ret)
{
    char id[ID_TEXT_SIZE];
    char time[TIME_TEXT_SIZE];
    id_format(webhook->id, id);
    time_format(time_wall_ns(), time);
    buf_printf(
        ret,
        "{\"specversion\":\"1.0\",\"id\":\"test\",\"source\":\"%s\",\"type\":\"webhook.test\","
        "\"time\":\"%s\",\"datacontenttype\":\"application/json\",\"data\":{\"webhook_id\":"
        "\"%s\"}}",
        ledger_origin(webhooks->api->ledger), time, id);
}

/* As the feed gives it, without a word around it. */
static enum err_code append_body(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                                 const struct webhook *webhook, const struct feed_view *view,
                                 uint64_t sequence, struct err *err)
{
    struct buf *body = &webhooks->body;
    buf_clear(body);
    if (sequence == 0) {
        append_test(webhooks, webhook, body);
    } else if (!feed_render(webhooks->api, snapshot, sequence,
                            feed_view_has_private(view, snapshot, sequence), body)) {
        return err_set(err, ERR_INTERNAL, "an event could not be read");
    }
    return buf_check(body, err);
}

static void format_message_id(const struct webhooks *webhooks, const struct webhook *webhook,
                              uint64_t sequence, char ret[MESSAGE_ID_SIZE])
{
    char id[ID_TEXT_SIZE];
    id_format(sequence == 0 ? id_new(time_wall_ns()) : webhook->id, id);
    if (sequence == 0) {
        (void)snprintf(ret, MESSAGE_ID_SIZE, "test.%s", id);
    } else { /* the same for ever: sequences begin again in another generation of the log */
        (void)snprintf(ret, MESSAGE_ID_SIZE, "%s.%" PRIu64 ".%" PRIu64, id, webhooks->generation,
                       sequence);
    }
}

static enum err_code post(struct webhooks *webhooks, const struct webhook *webhook,
                          struct delivery *delivery, struct err *err)
{
    char message_id[MESSAGE_ID_SIZE];
    char timestamp[24];
    char number[24];
    struct buf signature;
    int64_t now = time_wall_ns();
    bool overlaps =
        webhook->row.rotated_at != 0 && now - webhook->row.rotated_at < WEBHOOK_OVERLAP_NS;
    format_message_id(webhooks, webhook, delivery->attempt.sequence, message_id);
    (void)snprintf(timestamp, sizeof timestamp, "%" PRId64, now / NS_PER_S);
    (void)snprintf(number, sizeof number, "%" PRIu64, delivery->attempt.number);
    buf_init(&signature, 256);
    enum err_code code =
        webhook_sign(&webhooks->key, webhook->id, webhook->row.secret_version, overlaps, message_id,
                     now / NS_PER_S, buf_bytes(&webhooks->body), &signature, err);
    if (code == ERR_OK) {
        code = buf_check(&signature, err);
    }
    if (code == ERR_OK) {
        const struct http_field headers[] = {
            {"Content-Type", "application/cloudevents+json; charset=utf-8"},
            {"webhook-id", message_id},
            {"webhook-timestamp", timestamp},
            {"webhook-signature", buf_text(&signature)},
            {"webhook-attempt", number},
        };
        const struct http_call_options options = {
            .method = "POST",
            .url = webhook->url,
            .headers = headers,
            .header_count = sizeof headers / sizeof *headers,
            .body = buf_bytes(&webhooks->body),
            .connect_timeout_ms = CONNECT_MS,
            .total_timeout_ms = webhooks->api->options.webhook_timeout_ms,
            .idle_timeout_s = UINT64_MAX, /* a receiver may think for as long as it has */
            .response_size_max = ANSWER_SIZE_MAX,
            .may_connect = may_connect,
        };
        code = http_client_send(webhooks->http, &options, done_cb, delivery, &delivery->http, err);
    }
    buf_deinit(&signature);
    return code;
}

enum err_code webhook_send(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                           struct webhook *webhook, const struct feed_view *view,
                           enum webhook_attempt_kind kind, uint64_t sequence, struct call *call,
                           struct err *err)
{
    struct http_url parts;
    struct delivery **place = kind == ATTEMPT_DELIVERY ? &webhook->main : &webhook->side;
    INVARIANT(*place == NULL);
    enum err_code code = append_body(webhooks, snapshot, webhook, view, sequence, err);
    if (code == ERR_OK) {
        code = http_url_parse(webhook->url, &parts, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a delivery");
    }
    *delivery = (struct delivery){
        .webhooks = webhooks,
        .webhook = webhook,
        .is_https = parts.is_https,
        .place = kind == ATTEMPT_DELIVERY ? webhook->place : PLACE_ASKED,
        .began = time_mono_ns(),
        .attempt = {.at = time_wall_ns(),
                    .kind = kind,
                    .sequence = sequence,
                    .number = kind == ATTEMPT_DELIVERY ? webhook->progress.failures + 1 : 1},
    };
    code = post(webhooks, webhook, delivery, err);
    if (code != ERR_OK) {
        free(delivery);
        return code;
    }
    delivery->call = call;
    delivery->next = webhooks->on_the_way;
    webhooks->on_the_way = delivery;
    *place = delivery;
    return ERR_OK;
}
