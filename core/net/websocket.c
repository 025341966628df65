/* wslay reads frames and answers control frames. Its context is some 9 KB, so it is there only from the first byte of a frame until the message is
 * whole and nothing waits to be sent: an idle connection has none. Text going out is framed here, because one rendering must serve many
 * receivers: an unmasked frame is the same bytes for all of them. Both kinds of output are whole frames when they reach
 * the stream, so they cannot mix. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/websocket.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/net/websocket_core.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#define WEBSOCKET_MAGIC 0x77736f63u
#define REASON_SIZE_MAX 123
#define HEADER_SIZE_MAX 14

enum websocket_state {
    WS_OPEN,
    WS_CLOSING, /* a close frame was sent or received */
    WS_SHUT,    /* nothing more to say: waiting for the peer's end */
    WS_CUT,     /* the stream is closing */
};

struct websocket {
    uint32_t magic;
    enum websocket_state state;
    bool is_server;
    struct stream *stream;
    uv_timer_t timer;
    wslay_event_context_ptr wslay; /* NULL while nothing is going on */
    uint64_t unframed;   /* bytes that it was given and that no whole frame accounts for */
    uint64_t frame_size; /* of the frame it is in */
    bool in_message;     /* between fragments */
    struct websocket_options options;
    struct websocket_callbacks callbacks;

    struct buf early;      /* read with the handshake, not handled yet */
    struct bytes incoming; /* what wslay has not read of the current data */
    bool in_receive;
    bool wants_writable;
    bool heard; /* anything, since the last tick */
    int silent_ticks;
    uint64_t sent_at_tick;
    int stuck_ticks;

    int peer_status; /* 0: it sent no close */
    char reason[REASON_SIZE_MAX];
    size_t reason_size;

    int own_status; /* 0: wslay knows */

    bool stream_closed;
    bool timer_closed;
};

static struct websocket *websocket_of(void *data)
{
    struct websocket *websocket = data;
    INVARIANT(websocket != NULL && websocket->magic == WEBSOCKET_MAGIC);
    return websocket;
}

/* ---- the end ---- */

static int final_status(const struct websocket *websocket)
{
    if (websocket->peer_status != 0) {
        return websocket->peer_status;
    }
    if (websocket->wslay != NULL && wslay_event_get_close_sent(websocket->wslay)) {
        return wslay_event_get_status_code_sent(websocket->wslay);
    }
    return websocket->own_status != 0 ? websocket->own_status : WEBSOCKET_LOST;
}

static void maybe_free(struct websocket *websocket)
{
    if (!websocket->stream_closed || !websocket->timer_closed) {
        return;
    }
    websocket->callbacks.on_close(websocket->callbacks.ctx, websocket, final_status(websocket),
                                  bytes_of(websocket->reason, websocket->reason_size));
    if (websocket->wslay != NULL) {
        wslay_event_context_free(websocket->wslay);
    }
    buf_deinit(&websocket->early);
    websocket->magic = 0;
    free(websocket);
}

static void timer_closed_cb(uv_handle_t *handle)
{
    struct websocket *websocket = websocket_of(handle->data);
    websocket->timer_closed = true;
    maybe_free(websocket);
}

static void on_stream_closed(void *ctx)
{
    struct websocket *websocket = websocket_of(ctx);
    websocket->stream_closed = true;
    maybe_free(websocket);
}

void websocket_cut(struct websocket *websocket)
{
    if (websocket->state == WS_CUT) {
        return;
    }
    websocket->state = WS_CUT;
    stream_close(websocket->stream);
    uv_close((uv_handle_t *)&websocket->timer, timer_closed_cb);
}

static void close_timeout_cb(uv_timer_t *timer)
{
    websocket_cut(websocket_of(timer->data));
}

/* From here on the deadline of the closing handshake runs. */
static void begin_closing(struct websocket *websocket)
{
    if (websocket->state == WS_OPEN) {
        websocket->state = WS_CLOSING;
        (void)uv_timer_start(&websocket->timer, close_timeout_cb,
                             websocket->options.close_timeout_ms, 0);
    }
}

/* ---- wslay's callbacks ---- */

static ssize_t recv_cb(wslay_event_context_ptr wslay, uint8_t *ret, size_t size, int flags,
                       void *ctx)
{
    (void)flags;
    struct websocket *websocket = websocket_of(ctx);
    struct bytes *incoming = &websocket->incoming;
    if (incoming->size == 0 || websocket->state == WS_CUT) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t taken = incoming->size < size ? incoming->size : size;
    memcpy(ret, incoming->data, taken);
    *incoming = bytes_from(*incoming, taken);
    websocket->unframed += taken;
    return (ssize_t)taken;
}

static ssize_t send_cb(wslay_event_context_ptr wslay, const uint8_t *data, size_t size, int flags,
                       void *ctx)
{
    (void)flags;
    const struct websocket *websocket = websocket_of(ctx);
    if (!stream_write(websocket->stream, bytes_of(data, size))) {
        wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)size;
}

static int genmask_cb(wslay_event_context_ptr wslay, uint8_t *ret, size_t size, void *ctx)
{
    (void)wslay;
    (void)ctx;
    rng_bytes(ret, size);
    return 0;
}

static void take_close(struct websocket *websocket, const struct wslay_event_on_msg_recv_arg *arg)
{
    websocket->peer_status = arg->status_code == 0 ? WEBSOCKET_NO_STATUS : arg->status_code;
    if (arg->msg_length <= 2) {
        return;
    }
    /* Behind the status. wslay checks it when the frame comes in one piece only. */
    struct bytes const reason = bytes_of(arg->msg + 2, arg->msg_length - 2);
    if (reason.size <= REASON_SIZE_MAX && utf8_is_valid(reason)) {
        memcpy(websocket->reason, reason.data, reason.size);
        websocket->reason_size = reason.size;
    } else {
        websocket->peer_status = WEBSOCKET_BAD_TEXT;
    }
}

static void frame_end_cb(wslay_event_context_ptr wslay, void *ctx)
{
    struct websocket *websocket = websocket_of(ctx);
    (void)wslay;
    websocket->unframed -= websocket->frame_size;
}

/* A close frame with half a status: wslay would let it pass. */
static void frame_start_cb(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *ctx)
{
    struct websocket *websocket = websocket_of(ctx);
    uint64_t size = arg->payload_length;
    websocket->frame_size = 2 +
                            (size < 126           ? 0U
                             : size <= UINT16_MAX ? 2U
                                                  : 8U) +
                            (websocket->is_server ? 4U : 0U) + size;
    if (!wslay_is_ctrl_frame(arg->opcode)) {
        websocket->in_message = arg->fin == 0;
    }
    if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->payload_length == 1) {
        (void)wslay_event_queue_close(wslay, WEBSOCKET_PROTOCOL_ERROR, NULL, 0);
        begin_closing(websocket);
    }
}

static void msg_cb(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
                   void *ctx)
{
    struct websocket *websocket = websocket_of(ctx);
    if (arg->opcode == WSLAY_CONNECTION_CLOSE) {
        take_close(websocket, arg);
    } else if (arg->opcode == WSLAY_BINARY_FRAME) {
        static const char REASON[] = "only text messages are accepted";
        (void)wslay_event_queue_close(wslay, WEBSOCKET_UNSUPPORTED, (const uint8_t *)REASON,
                                      sizeof REASON - 1);
        begin_closing(websocket); /* what follows in the same packet is not heard either */
    } else if (arg->opcode == WSLAY_TEXT_FRAME && websocket->state == WS_OPEN) {
        websocket->callbacks.on_text(websocket->callbacks.ctx, websocket,
                                     bytes_of(arg->msg, arg->msg_length));
    }
}

/* ---- reading and writing ---- */

/* Opcode, length and room for the mask; returns the size without the mask. */
static size_t frame_header(uint8_t opcode, size_t size, bool is_masked,
                           uint8_t ret[HEADER_SIZE_MAX])
{
    uint8_t mask_bit = is_masked ? 0x80 : 0;
    ret[0] = 0x80 | opcode;
    if (size < 126) {
        ret[1] = (uint8_t)(mask_bit | size);
        return 2;
    }
    if (size <= UINT16_MAX) {
        ret[1] = mask_bit | 126;
        put_be16(ret + 2, (uint16_t)size);
        return 4;
    }
    ret[1] = mask_bit | 127;
    put_be64(ret + 2, size);
    return 10;
}

/* Frames that wslay gives up on without a word (a fragmented ping, a length with its top bit set). */
static void protocol_error(struct websocket *websocket)
{
    uint8_t frame[HEADER_SIZE_MAX + 2];
    size_t size = frame_header(WSLAY_CONNECTION_CLOSE, 2, !websocket->is_server, frame);
    if (!websocket->is_server) {
        memset(frame + size, 0, 4); /* a mask that changes nothing */
        size += 4;
    }
    put_be16(frame + size, WEBSOCKET_PROTOCOL_ERROR);
    websocket->own_status = WEBSOCKET_PROTOCOL_ERROR;
    begin_closing(websocket);
    websocket->state = WS_SHUT;
    (void)stream_write(websocket->stream, bytes_of(frame, size + 2));
    stream_shutdown(websocket->stream);
}

static int init_wslay(struct websocket *websocket)
{
    static const struct wslay_event_callbacks CALLBACKS = {
        .recv_callback = recv_cb,
        .send_callback = send_cb,
        .genmask_callback = genmask_cb,
        .on_frame_recv_start_callback = frame_start_cb,
        .on_frame_recv_end_callback = frame_end_cb,
        .on_msg_recv_callback = msg_cb,
    };
    if (websocket->wslay != NULL) {
        return 0;
    }
    int rc = websocket->is_server
                 ? wslay_event_context_server_init(&websocket->wslay, &CALLBACKS, websocket)
                 : wslay_event_context_client_init(&websocket->wslay, &CALLBACKS, websocket);
    if (rc == 0) {
        wslay_event_config_set_max_recv_msg_length(websocket->wslay,
                                                   websocket->options.message_size_max);
    } else {
        websocket->wslay = NULL;
    }
    return rc;
}

/* Between messages, with nothing to say, and nothing of the closing handshake to remember. */
static void rest_wslay(struct websocket *websocket)
{
    if (websocket->state == WS_OPEN && websocket->unframed == 0 && !websocket->in_message &&
        !wslay_event_want_write(websocket->wslay) &&
        wslay_event_get_queued_msg_count(websocket->wslay) == 0) {
        wslay_event_context_free(websocket->wslay);
        websocket->wslay = NULL;
    }
}

/* Let wslay send its control frames and see how far the closing handshake is. */
static void settle(struct websocket *websocket)
{
    if (websocket->state == WS_CUT || websocket->in_receive) {
        return;
    }
    if (websocket->wslay == NULL) { /* nothing but a look at the flood below */
        stream_read(websocket->stream,
                    stream_unsent(websocket->stream) < 2 * websocket->options.buffered_max);
        return;
    }
    if (websocket->state != WS_SHUT && wslay_event_want_write(websocket->wslay) &&
        wslay_event_send(websocket->wslay) != 0) {
        websocket_cut(websocket);
        return;
    }
    bool sent = wslay_event_get_close_sent(websocket->wslay) != 0;
    bool received = wslay_event_get_close_received(websocket->wslay) != 0;
    if (sent || received) {
        begin_closing(websocket);
    }
    if (sent && !wslay_event_want_read(websocket->wslay) && websocket->state == WS_CLOSING) {
        websocket->state = WS_SHUT; /* both have closed, or the peer broke the protocol */
        stream_shutdown(websocket->stream);
    }
    /* A peer that floods us with pings and reads no pongs has to wait. */
    stream_read(websocket->stream,
                stream_unsent(websocket->stream) < 2 * websocket->options.buffered_max);
    rest_wslay(websocket);
}

static void receive(struct websocket *websocket, struct bytes data)
{
    websocket->heard = true;
    if (websocket->state == WS_SHUT || websocket->state == WS_CUT) {
        return;
    }
    if (data.size > 0 && init_wslay(websocket) != 0) {
        websocket_cut(websocket);
        return;
    }
    if (websocket->wslay == NULL) {
        settle(websocket);
        return;
    }
    websocket->incoming = data;
    websocket->in_receive = true;
    int rc = wslay_event_recv(websocket->wslay);
    websocket->in_receive = false;
    websocket->incoming = bytes_of(NULL, 0);
    if (rc == 0) {
        settle(websocket);
    } else if (rc == WSLAY_ERR_CALLBACK_FAILURE && websocket->state == WS_OPEN) {
        protocol_error(websocket);
    } else {
        websocket_cut(websocket);
    }
}

static void on_stream_data(void *ctx, struct bytes data)
{
    receive(websocket_of(ctx), data);
}

static void on_stream_sent(void *ctx)
{
    struct websocket *websocket = websocket_of(ctx);
    settle(websocket);
    if (websocket->state == WS_OPEN && websocket->wants_writable &&
        stream_unsent(websocket->stream) <= websocket->options.buffered_max / 2) {
        websocket->wants_writable = false;
        if (websocket->callbacks.on_writable != NULL) {
            websocket->callbacks.on_writable(websocket->callbacks.ctx, websocket);
        }
    }
}

static void on_stream_end(void *ctx, enum err_code why)
{
    (void)why;
    websocket_cut(websocket_of(ctx));
}

/* A tick: has the peer been heard, does it take what we send? */
static void tick_cb(uv_timer_t *timer)
{
    struct websocket *websocket = websocket_of(timer->data);
    uint64_t sent = stream_sent(websocket->stream);
    bool stuck = stream_unsent(websocket->stream) > 0 && sent == websocket->sent_at_tick;
    websocket->sent_at_tick = sent;
    websocket->stuck_ticks = stuck ? websocket->stuck_ticks + 1 : 0;
    websocket->silent_ticks = websocket->heard ? 0 : websocket->silent_ticks + 1;
    websocket->heard = false;
    if (websocket->silent_ticks > 2 || websocket->stuck_ticks > 2) {
        websocket_cut(websocket);
        return;
    }
    if (websocket->silent_ticks > 0) {
        const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
        if (init_wslay(websocket) == 0) { /* else the next tick */
            (void)wslay_event_queue_msg(websocket->wslay, &ping);
            settle(websocket);
        }
    }
}

static void start_cb(uv_timer_t *timer)
{
    struct websocket *websocket = websocket_of(timer->data);
    (void)uv_timer_start(&websocket->timer, tick_cb, websocket->options.ping_interval_ms,
                         websocket->options.ping_interval_ms);
    receive(websocket, buf_bytes(&websocket->early));
    buf_deinit(&websocket->early);
}

/* ---- attaching ---- */

static struct websocket_options with_defaults(const struct websocket_options *given)
{
    struct websocket_options options = *given;
    options.message_size_max = options.message_size_max == 0 ? 65536 : options.message_size_max;
    options.buffered_max = options.buffered_max == 0 ? 262144 : options.buffered_max;
    options.ping_interval_ms = options.ping_interval_ms == 0 ? 20000 : options.ping_interval_ms;
    options.close_timeout_ms = options.close_timeout_ms == 0 ? 3000 : options.close_timeout_ms;
    return options;
}

struct websocket *websocket_attach(uv_loop_t *loop, struct stream *stream, bool is_server,
                                   const struct websocket_options *options,
                                   const struct websocket_callbacks *callbacks, struct bytes early)
{
    struct websocket *websocket = calloc(1, sizeof *websocket);
    if (websocket == NULL) {
        return NULL;
    }
    websocket->magic = WEBSOCKET_MAGIC;
    websocket->is_server = is_server;
    websocket->stream = stream;
    websocket->options = with_defaults(options);
    websocket->callbacks = *callbacks;
    buf_init(&websocket->early, early.size);
    buf_append_bytes(&websocket->early, early);
    if (websocket->early.failed) {
        buf_deinit(&websocket->early);
        free(websocket);
        return NULL;
    }
    (void)uv_timer_init(loop, &websocket->timer);
    websocket->timer.data = websocket;
    (void)uv_timer_start(&websocket->timer, start_cb, 0, 0);
    stream_set_owner(stream, (struct stream_owner){
                                 .ctx = websocket,
                                 .on_data = on_stream_data,
                                 .on_sent = on_stream_sent,
                                 .on_end = on_stream_end,
                                 .on_closed = on_stream_closed,
                             });
    return websocket; /* start_cb begins to read, through settle */
}

/* ---- public ---- */

static enum err_code check_room(struct websocket *websocket, struct err *err)
{
    if (websocket->state != WS_OPEN) {
        return err_set(err, ERR_UNAVAILABLE, "the WebSocket is closing");
    }
    if (stream_unsent(websocket->stream) >= websocket->options.buffered_max) {
        websocket->wants_writable = true;
        return err_set(err, ERR_BUSY, "the peer has not taken what was sent before");
    }
    return ERR_OK;
}

static enum err_code written(struct websocket *websocket, bool ok, struct err *err)
{
    if (!ok) {
        websocket_cut(websocket);
        return err_set(err, ERR_UNAVAILABLE, "the connection is broken");
    }
    return ERR_OK;
}

enum err_code websocket_send(struct websocket *websocket, struct bytes text, struct err *err)
{
    enum err_code code = check_room(websocket, err);
    if (code != ERR_OK) {
        return code;
    }
    uint8_t header[HEADER_SIZE_MAX];
    size_t header_size = frame_header(WSLAY_TEXT_FRAME, text.size, !websocket->is_server, header);
    if (websocket->is_server) {
        return written(websocket,
                       stream_write(websocket->stream, bytes_of(header, header_size)) &&
                           stream_write(websocket->stream, text),
                       err);
    }
    uint8_t *mask = header + header_size;
    rng_bytes(mask, 4);
    uint8_t *masked = malloc(text.size + 1);
    if (masked == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a message of %zu bytes", text.size);
    }
    for (size_t i = 0; i < text.size; i++) {
        masked[i] = text.data[i] ^ mask[i % 4];
    }
    bool ok = stream_write(websocket->stream, bytes_of(header, header_size + 4)) &&
              stream_write(websocket->stream, bytes_of(masked, text.size));
    free(masked);
    return written(websocket, ok, err);
}

void websocket_cork(struct websocket *websocket, bool on)
{
    bool waits = on || websocket->wants_writable || websocket->state != WS_OPEN;
    if (websocket->state != WS_CUT &&
        !(waits ? stream_cork(websocket->stream, on) : stream_uncork_quietly(websocket->stream))) {
        websocket_cut(websocket);
    }
}

uint64_t websocket_taken(struct websocket *websocket)
{
    return websocket->state == WS_CUT ? 0 : stream_sent(websocket->stream);
}

size_t websocket_buffered(const struct websocket *websocket)
{
    return websocket->state == WS_CUT ? 0 : stream_unsent(websocket->stream);
}

void websocket_close(struct websocket *websocket, int status, const char *reason)
{
    INVARIANT(status >= 1000 && status < 5000);
    if (websocket->state != WS_OPEN) {
        return;
    }
    struct bytes text = bytes_of_text(reason == NULL ? "" : reason);
    text.size = text.size < REASON_SIZE_MAX ? text.size : REASON_SIZE_MAX;
    while (text.size > 0 && !utf8_is_valid(text)) { /* cut at a character */
        text.size--;
    }
    if (init_wslay(websocket) != 0) {
        websocket_cut(websocket);
        return;
    }
    begin_closing(websocket);
    if (wslay_event_queue_close(websocket->wslay, (uint16_t)status, text.data, text.size) != 0) {
        websocket_cut(websocket);
        return;
    }
    settle(websocket);
}

bool websocket_is_closing(const struct websocket *websocket)
{
    return websocket->state != WS_OPEN;
}

/* ---- frames for many ---- */

struct websocket_frame {
    size_t references;
    size_t size;
    size_t text_at;
    uint8_t data[];
};

struct websocket_frame *websocket_frame_create(struct bytes text)
{
    uint8_t header[HEADER_SIZE_MAX];
    size_t header_size = frame_header(WSLAY_TEXT_FRAME, text.size, false, header);
    struct websocket_frame *frame = malloc(sizeof *frame + header_size + text.size);
    if (frame == NULL) {
        return NULL;
    }
    frame->references = 1;
    frame->size = header_size + text.size;
    frame->text_at = header_size;
    memcpy(frame->data, header, header_size);
    if (text.size > 0) {
        memcpy(frame->data + header_size, text.data, text.size);
    }
    return frame;
}

struct websocket_frame *websocket_frame_ref(struct websocket_frame *frame)
{
    INVARIANT(frame->references > 0);
    frame->references++;
    return frame;
}

void websocket_frame_unref(struct websocket_frame *frame)
{
    if (frame == NULL) {
        return;
    }
    INVARIANT(frame->references > 0);
    if (--frame->references == 0) {
        free(frame);
    }
}

struct bytes websocket_frame_text(const struct websocket_frame *frame)
{
    return bytes_of(frame->data + frame->text_at, frame->size - frame->text_at);
}

enum err_code websocket_send_frame(struct websocket *websocket, const struct websocket_frame *frame,
                                   struct err *err)
{
    INVARIANT(websocket->is_server);
    enum err_code code = check_room(websocket, err);
    if (code != ERR_OK) {
        return code;
    }
    return written(websocket, stream_write(websocket->stream, bytes_of(frame->data, frame->size)),
                   err);
}

void websocket_accept_value(const char *key, char ret[WEBSOCKET_ACCEPT_SIZE])
{
    struct buf text;
    struct buf encoded;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    buf_init(&text, 1024);
    buf_init(&encoded, 64);
    buf_printf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    INVARIANT(!text.failed);
    INVARIANT(EVP_Digest(text.data, text.size, digest, &digest_size, EVP_sha1(), NULL) == 1);
    base64_append(&encoded, bytes_of(digest, digest_size));
    INVARIANT(encoded.size == WEBSOCKET_ACCEPT_SIZE - 1);
    memcpy(ret, buf_text(&encoded), WEBSOCKET_ACCEPT_SIZE);
    buf_deinit(&text);
    buf_deinit(&encoded);
}
