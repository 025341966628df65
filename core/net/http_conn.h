/* core/net/http_conn.h: the inside of the HTTP server; included by http_*.c of this folder only.
 *
 * One connection is a state machine around one request at a time:
 *
 *     HEAD ──▶ HELD ──▶ BODY ──▶ ANSWER ──▶ HEAD …           LINGER ──▶ CLOSED
 *       │       └──── no body ────┘ ▲  │                        ▲
 *       │  (on_request returned,    └──┘ answered               │ any state, when the connection ends after
 *       │   body not asked for yet)                             │ the answer that was just written
 *       └─ end of file, idle ─▶ CLOSED                          │
 *
 * All user callbacks are called from http_conn_pump, which never nests: functions of the public header only
 * change state, write, and wake the pump through a zero timer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_CONN_H
#define CORE_NET_HTTP_CONN_H

#include "core/base/buf.h"
#include "core/net/http_server.h"
#include "core/net/peer.h"
#include "core/net/request_parser.h"
#include "core/net/stream.h"

#define HTTP_REQUEST_ID_SIZE 65
#define HTTP_ID_PREFIX_SIZE 9 /* eight hex digits and a hyphen */
#define HTTP_EXTRA_HEADERS_MAX 4
#define HTTP_DATE_SIZE 30

enum conn_phase { CONN_HEAD, CONN_HELD, CONN_BODY, CONN_ANSWER, CONN_LINGER, CONN_CLOSED };
enum body_mode { BODY_UNASKED, BODY_BUFFERED, BODY_STREAMED, BODY_DISCARDED };
enum answer_state { ANSWER_NONE, ANSWER_STREAMING, ANSWER_DONE };

struct http_request {
    uint32_t magic;
    struct http_conn *conn;
    http_abort_cb on_abort;
    void *abort_ctx;

    char id[HTTP_REQUEST_ID_SIZE];
    struct http_field extra[HTTP_EXTRA_HEADERS_MAX];
    size_t extra_count;
    int status;        /* of the answer; 0: none yet */
    uint64_t answered; /* bytes of its body */
    uint64_t since_ms; /* when its head was whole */
    bool is_traced;

    enum body_mode body_mode;
    http_body_cb on_body; /* BODY_BUFFERED */
    void *body_ctx;
    struct http_body_stream body_stream; /* BODY_STREAMED */
    struct buf body;
    uint64_t body_size_max;
    uint64_t body_received;
    bool body_ended;     /* the parser has seen the end of the request */
    bool body_delivered; /* on_body or on_end was called */
    bool body_is_paused; /* by the handler */
    uint64_t paused_since_ms;
    uint64_t paused_total_ms;
    bool continue_sent;

    enum answer_state answer;
    bool drops_body;  /* HEAD, 204, 304: pieces are accepted and not sent */
    bool is_chunked;  /* the answer */
    int64_t promised; /* bytes still to come, or HTTP_LENGTH_NONE */
    http_writable_cb on_writable;
    void *writable_ctx;
    bool wants_writable;
};

struct http_conn {
    uint32_t magic;
    struct http_server *server;
    struct stream *stream; /* NULL once taken over */
    uv_timer_t timer;
    struct request_parser *parser;

    enum conn_phase phase;
    struct http_request request; /* meaningful in HELD, BODY, ANSWER */
    char peer[PEER_TEXT_SIZE];
    uint64_t peer_key;
    bool peer_is_local;
    struct buf pending; /* read in earlier turns, not parsed by their end */
    struct bytes
        input; /* not parsed yet: the rest of `pending`, or, if that is empty, of what is just being read */
    bool close_after; /* this answer is the last */
    bool peer_ended;
    bool is_broken; /* a write failed: no more use in talking */
    bool is_pumping;
    bool is_woken;
    bool stream_closed;
    bool timer_closed;

    uint64_t armed_ms;    /* when the timer fires; 0: not armed */
    uint64_t phase_ms;    /* when the phase began (HEAD: idle since) */
    uint64_t head_ms;     /* first byte of a head; 0: none yet */
    uint64_t progress_ms; /* last time the peer took bytes, while something is unsent */
    uint64_t progress_sent;
};

/* One per accepted connection, also when it was taken over. */
struct http_slot {
    struct http_server *server;
    struct http_slot *previous;
    struct http_slot *next;
    struct stream *stream;
    struct http_conn *conn; /* NULL once taken over */
    uint64_t peer_key;
};

struct http_server {
    uint32_t magic;
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_timer_t grace_timer;
    uv_tcp_t spare;    /* for a connection that cannot be served: needs no memory */
    bool spare_in_use; /* until it is closed */
    bool accept_waits; /* libuv holds another one, for when it is */
    int reserve_fd;    /* given up when there are no descriptors; -1: given up */
    struct http_server_options options;
    http_request_cb on_request;
    void *ctx;
    struct http_slot *slots;
    size_t connection_count; /* slots */
    struct peer_counts *peer_counts;
    char id_prefix
        [HTTP_ID_PREFIX_SIZE]; /* of request ids: another for every start; no zero behind it */
    uint64_t id_count;
    char date[HTTP_DATE_SIZE]; /* of answers made in the second date_s */
    int64_t date_s;
    size_t conn_count; /* struct http_conn not freed yet */
    uint16_t port;
    bool is_closing;
    bool listener_closed;
    bool grace_timer_closed;
    http_server_closed_cb on_closed;
    void *closed_ctx;
};

/* ---- http_conn.c ---- */

/* A request begins: its id is the peer's own, if it has one that can be shown, else a new one. `head` may be NULL. */
void http_conn_begin_request(struct http_conn *conn, const struct http_head *head);

/* Takes the accepted `stream`. NULL: out of memory (the stream is closed). */
struct http_conn *http_conn_create(struct http_server *server, struct stream *stream,
                                   const struct peer *peer);
/* Let the pump run soon, from the loop. */
void http_conn_wake(struct http_conn *conn);
/* Abort what is in flight and close. Only from the loop, never from inside a public function. */
void http_conn_fail(struct http_conn *conn, enum err_code why);
/* Close without telling anybody. */
void http_conn_close(struct http_conn *conn);
/* Between requests with nothing unsent: may be closed without harm. */
bool http_conn_is_idle(const struct http_conn *conn);
void http_conn_write(struct http_conn *conn, struct bytes data);
struct http_conn *http_conn_of_request(const struct http_request *request);
/* The connection's stream has a new owner: let go of everything else. */
void http_conn_detach(struct http_conn *conn);

/* ---- http_respond.c ---- */

/* Answer with a problem on behalf of the server; the connection ends after it. */
void http_respond_fault(struct http_request *request, int status, const char *code,
                        const char *detail);

/* ---- http_server.c ---- */

/* X-Request-Id and what http_request_add_header was told. */
void http_respond_append_extra(const struct http_request *request, struct buf *buf);
void http_server_conn_freed(struct http_server *server);
void http_server_slot_detach(struct http_server *server, struct stream *stream);

#endif
