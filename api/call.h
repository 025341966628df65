/* api/call.h: one request from its head to its answer.
 *
 *     create ─ authenticate ─ [read body] ─ route's handler ─┬─ reply
 *                                                            └─ submit ─ (writer) ─ answered ─ reply
 *
 * Life:    freed by the reply functions, or when the peer has gone and nothing is awaited any more. After a reply the call must not
 *          be touched. A call whose peer is gone while the ledger decides lives until the answer; replying to it only frees it.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "api/in_flight.h"
#include "core/base/arena.h"
#include "core/log/log_reader.h"

#include <jansson.h>

struct principal {
    bool known;
    struct id16 account_id; /* zero for the operator's own tokens */
    struct id16 host_id;    /* zero unless a worker */
    struct id16 token_id;
    uint64_t scopes;
    int64_t expires_at; /* 0: never */
};

struct route;
struct blob_hold;

#define CALL_SEGMENTS_MAX 8
#define CALL_KEY_MAX 128 /* bytes of an Idempotency-Key */

struct call {
    uint32_t magic;
    struct api *api;
    struct http_request *request; /* NULL once the peer has gone */
    const struct route *route;
    struct principal principal;
    struct arena arena;
    struct id16 id;   /* {id} of the pattern */
    const char *rest; /* {name} or {tail} of the pattern, decoded; in the arena */
    json_t *body;     /* object, of routes that read JSON */
    struct command command;
    struct ledger_answer answer;
    struct err
        read_err; /* views or log could not be read: what was made of them is not sent, but 503 */
    void (*on_answered)(struct call *call); /* after an accepted command */
    void (*on_refused)(struct call *call);  /* NULL: a refusal is answered with its problem */
    unsigned retry_after_s;                 /* for the answer, with 429 and 503; 0: not known */
    bool awaiting;                          /* the ledger's answer is still to come */
    struct bytes raw_body;                  /* as it came, for the fingerprint */
    void *state;                            /* the route's own, in the arena */
    void (*on_abort)(
        struct call *
            call); /* peer gone while nothing is awaited; must end with call_free. NULL: call_free */
    /* NULL, or gives back what the route took beside the arena. */
    void (*on_free)(struct call *call);
    /* On the blob that the command names: settled with its answer, or refused when the call is freed before. */
    struct blob_hold *hold;
    struct in_flight_entry in_flight; /* its Idempotency-Key, until the call is freed */
    struct call *next;                /* list of answered calls, or of the route's waiting ones */
};

struct call *call_create(struct api *api, struct http_request *request, const struct route *route);
void call_free(struct call *call);

/* The request, for who answers it in another way; the call is freed. */
struct http_request *call_take_request(struct call *call);

/* ── replies; each frees the call ── */

/* Takes the reference to `json`. */
void call_reply(struct call *call, int status, json_t *json);
void call_reply_text(struct call *call, int status, const char *content_type, struct bytes text);
/* 200 with JSON whose tag (api/encoding.h, or a strong one of api/if_match.h) is known already. */
void call_reply_tagged(struct call *call, struct bytes json, const char *tag);
/* As it is given, without a tag and uncompressed; the call ends. */
void call_respond(struct call *call, const struct http_response *response);
void call_problem(struct call *call, int status, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* From an error: status by its code, problem code by the word in front of its message, if any. */
void call_refuse(struct call *call, const struct err *err);
/* HTTP status of an error code. */
int call_status_of(enum err_code code);

/* ── writing ── */

/* There is no Idempotency-Key, or one that can be used. One that cannot must be refused: whoever sends it will repeat the request. */
bool call_key_is_good(const struct http_head *head);
/* Take the request's Idempotency-Key, if there is one. false: the same one is in flight. */
bool call_key_take(struct call *call);
/* Prepare call->command: type, actor from the principal, and the command id: from the Idempotency-Key if there is one
 * (then raw_body is fingerprinted), else new. */
void call_command(struct call *call, enum command_type type);
/* Hand call->command to the ledger; a refusal is answered by itself. */
void call_submit(struct call *call, enum command_class class, void (*on_answered)(struct call *));
/* As call_submit, but a refusal (404 or 409) calls `on_refused` instead of being answered. */
void call_submit_or(struct call *call, enum command_class class, void (*on_answered)(struct call *),
                    void (*on_refused)(struct call *));
/* Stream id of the first event of the accepted command: the id of what it made, now or when it was first asked. */
MUST_CHECK bool call_made_id(struct call *call, struct id16 *ret);

/* ── reading ── */

struct
    reading { /* one consistent snapshot; closed before the reply and before returning to the loop */
    struct api *api;
    struct call *call;
    struct views_snapshot *snapshot;
    struct store *store;
    struct log_reader *log;
    struct arena *arena;
    bool
        is_past; /* `store` is what as_of.h made: what is measured outside the log is not known of then */
};

/* false: the problem was sent and the call is gone. */
MUST_CHECK bool reading_open(struct reading *reading, struct call *call);
void reading_close(struct reading *reading);
/* The event at a sequence, with its private part if it is still there. */
MUST_CHECK bool reading_event(struct reading *reading, uint64_t sequence, struct event *ret);

/* ── JSON ── */

/* As answers are written; takes the reference. To be freed; NULL: it could not be rendered. */
char *call_json_text(json_t *json);
json_t *json_of_id(struct id16 id);             /* null when zero */
json_t *json_of_identity(struct key32 key);     /* null when zero */
json_t *json_of_transaction(struct key32 hash); /* null when zero */
json_t *json_of_hash(struct key32 hash);        /* null when zero */
json_t *json_of_time(int64_t wall_ns);          /* null when zero */
json_t *json_of_text(struct bytes text);        /* must be UTF-8 */
json_t *json_of_u64(uint64_t value);
json_t *json_of_driver(uint64_t version); /* "535.183.01"; "" when zero */

#endif
