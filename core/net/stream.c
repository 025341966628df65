/* A stream is open, then closing, then freed. uv_write requests point at the stream; libuv calls all of them back
 * before the close callback, so the memory outlives them. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/stream.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/net/tls.h"

#include <stdlib.h>

#define STREAM_MAGIC 0x73747265u
#define STREAM_UNSENT_MAX (UINT64_C(1) << 30)
#define STREAM_READ_SIZE 65536
/* A drained buffer larger than this is given back: thousands of connections are idle at any time, after each was sent a lot. */
#define STREAM_SPARE_MAX 2048

struct stream {
    uint32_t magic;
    uv_tcp_t tcp;
    uv_write_t write_request;
    uv_shutdown_t shutdown_request;
    struct stream_owner owner;
    void (*on_free)(void *ctx, struct stream *stream);
    void *on_free_ctx;
    struct tls_session *tls; /* NULL: plain; else `collecting` is plaintext and `writing` is not */
    bool tls_ended;          /* that nothing follows was said */
    struct buf collecting;
    struct buf writing;
    uint64_t written; /* bytes of finished writes */
    bool is_writing;
    bool is_corked;
    bool is_reading;
    bool is_ended;
    bool is_closing;
    bool wants_shutdown;
};

static struct stream *stream_of(void *data)
{
    struct stream *stream = data;
    INVARIANT(stream != NULL && stream->magic == STREAM_MAGIC);
    return stream;
}

struct stream *stream_create(uv_loop_t *loop, struct stream_owner owner)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    if (uv_tcp_init(loop, &stream->tcp) != 0) {
        free(stream);
        return NULL;
    }
    stream->magic = STREAM_MAGIC;
    stream->owner = owner;
    stream->tcp.data = stream;
    stream->write_request.data = stream;
    stream->shutdown_request.data = stream;
    buf_init(&stream->collecting, STREAM_UNSENT_MAX);
    buf_init(&stream->writing, STREAM_UNSENT_MAX);
    return stream;
}

uv_tcp_t *stream_tcp(struct stream *stream)
{
    return &stream->tcp;
}

void stream_set_owner(struct stream *stream, struct stream_owner owner)
{
    stream->owner = owner;
}

void stream_on_free(struct stream *stream, void (*on_free)(void *ctx, struct stream *stream),
                    void *ctx)
{
    stream->on_free = on_free;
    stream->on_free_ctx = ctx;
}

/* One buffer a loop would do, but read callbacks of two loops in two threads must not share it. */
static void allocate_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    (void)handle;
    static _Thread_local char chunk[STREAM_READ_SIZE];
    *ret = uv_buf_init(chunk, sizeof chunk);
}

static void end(struct stream *stream, enum err_code why)
{
    if (stream->is_ended || stream->is_closing) {
        return;
    }
    stream->is_ended = true;
    stream_read(stream, false);
    stream->owner.on_end(stream->owner.ctx, why);
}

static bool flush(struct stream *stream);

void stream_set_tls(struct stream *stream, struct tls_session *session)
{
    stream->tls = session;
}

bool stream_is_handshaking(const struct stream *stream)
{
    return stream->tls != NULL && !tls_session_is_open(stream->tls);
}

/* One read of the socket is one piece of plaintext, as it would be without TLS: an owner that stops reading in the middle sees no more of it. */
static void read_tls(struct stream *stream, struct bytes cipher)
{
    static _Thread_local uint8_t plain[TLS_PLAIN_MAX];
    size_t size;
    enum tls_state state = tls_session_read(stream->tls, cipher, plain, &size);
    bool sent = flush(stream); /* of the handshake, or an alert */
    if (size > 0) {
        stream->owner.on_data(stream->owner.ctx, bytes_of(plain, size));
    }
    if (state == TLS_BROKEN || !sent) {
        end(stream, ERR_UNAVAILABLE);
    } else if (state == TLS_ENDED) {
        end(stream, ERR_OK);
    }
}

static void read_cb(uv_stream_t *handle, ssize_t size, const uv_buf_t *buf)
{
    struct stream *stream = stream_of(handle->data);
    if (size > 0 && stream->tls != NULL) {
        read_tls(stream, bytes_of(buf->base, (size_t)size));
    } else if (size > 0) {
        stream->owner.on_data(stream->owner.ctx, bytes_of(buf->base, (size_t)size));
    } else if (size < 0) {
        end(stream, size == UV_EOF ? ERR_OK : ERR_UNAVAILABLE);
    }
}

void stream_read(struct stream *stream, bool on)
{
    if (on == stream->is_reading || stream->is_closing || (on && stream->is_ended)) {
        return;
    }
    stream->is_reading = on;
    if (on) {
        (void)uv_read_start((uv_stream_t *)&stream->tcp, allocate_cb, read_cb);
    } else {
        (void)uv_read_stop((uv_stream_t *)&stream->tcp);
    }
}

static void shutdown_cb(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status; /* a peer that is gone shows in reading or writing */
}

static void give_back(struct buf *drained)
{
    if (drained->capacity > STREAM_SPARE_MAX) {
        buf_deinit(drained);
        buf_init(drained, STREAM_UNSENT_MAX);
    }
    buf_clear(drained);
}

static void write_cb(uv_write_t *request, int status)
{
    struct stream *stream = stream_of(request->data);
    stream->is_writing = false;
    stream->written += stream->writing.size;
    give_back(&stream->writing);
    if (stream->is_closing) {
        return;
    }
    if (status < 0) {
        end(stream, ERR_UNAVAILABLE);
        return;
    }
    if (!flush(stream)) {
        end(stream, ERR_UNAVAILABLE);
        return;
    }
    stream->owner.on_sent(stream->owner.ctx);
}

/* Fill `writing`, which is empty. false: the session is of no use any more. */
static bool fill(struct stream *stream)
{
    if (stream->tls != NULL) {
        if (stream->wants_shutdown && stream->collecting.size == 0 && !stream->tls_ended) {
            stream->tls_ended = true;
            tls_session_end(stream->tls);
        }
        bool good = tls_session_write(stream->tls, &stream->collecting, &stream->writing);
        if (stream->collecting.size == 0) {
            give_back(&stream->collecting);
        }
        return good;
    }
    struct buf swap = stream->writing;
    stream->writing = stream->collecting;
    stream->collecting = swap;
    return true;
}

static bool start_write(struct stream *stream)
{
    uv_buf_t piece;
    piece.base = (char *)stream->writing.data;
    piece.len = stream->writing.size;
    stream->is_writing = true;
    int rc = uv_write(&stream->write_request, (uv_stream_t *)&stream->tcp, &piece, 1, write_cb);
    if (rc != 0) {
        stream->is_writing = false;
        return false;
    }
    return true;
}

/* Write what there is, unless a write is under way. */
static bool flush(struct stream *stream)
{
    if (stream->is_writing || stream->is_closing || stream->is_corked) {
        return true;
    }
    if (stream->writing.size > 0 || !fill(stream)) { /* what could not be written stays: broken */
        return false;
    }
    if (stream->writing.size == 0) {
        if (stream->wants_shutdown && stream->collecting.size == 0) {
            stream->wants_shutdown = false;
            (void)uv_shutdown(&stream->shutdown_request, (uv_stream_t *)&stream->tcp, shutdown_cb);
        }
        return true;
    }
    return start_write(stream);
}

bool stream_write(struct stream *stream, struct bytes data)
{
    if (stream->is_closing || stream->wants_shutdown) {
        return false;
    }
    buf_append_bytes(&stream->collecting, data);
    return !stream->collecting.failed && flush(stream);
}

bool stream_cork(struct stream *stream, bool on)
{
    stream->is_corked = on;
    return on || flush(stream);
}

bool stream_uncork_quietly(struct stream *stream)
{
    stream->is_corked = false;
    if (stream->is_writing || stream->is_closing || stream->wants_shutdown) {
        return flush(stream);
    }
    if (stream->writing.size > 0 || !fill(stream)) {
        return false;
    }
    if (stream->writing.size > 0) {
        uv_buf_t piece;
        piece.base = (char *)stream->writing.data;
        piece.len = stream->writing.size;
        int taken = uv_try_write((uv_stream_t *)&stream->tcp, &piece, 1);
        if (taken < 0 && taken != UV_EAGAIN) {
            return false;
        }
        if (taken > 0) {
            stream->written += (uint64_t)taken;
            buf_consume(&stream->writing, (size_t)taken);
        }
    }
    if (stream->writing.size > 0) {
        return start_write(stream);
    }
    give_back(&stream->writing);
    return true;
}

size_t stream_unsent(const struct stream *stream)
{
    size_t under_way =
        stream->is_writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp) : 0;
    return stream->collecting.size + under_way;
}

uint64_t stream_sent(struct stream *stream)
{
    if (!stream->is_writing) {
        return stream->written;
    }
    size_t left = uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp);
    return stream->written + (stream->writing.size - left);
}

void stream_shutdown(struct stream *stream)
{
    if (stream->is_closing) {
        return;
    }
    stream->wants_shutdown = true;
    (void)flush(stream);
}

static void close_cb(uv_handle_t *handle)
{
    struct stream *stream = stream_of(handle->data);
    if (stream->on_free != NULL) {
        stream->on_free(stream->on_free_ctx, stream);
    }
    stream->owner.on_closed(stream->owner.ctx);
    buf_deinit(&stream->collecting);
    buf_deinit(&stream->writing);
    tls_session_destroy(stream->tls);
    stream->magic = 0;
    free(stream);
}

void stream_close(struct stream *stream)
{
    if (stream->is_closing) {
        return;
    }
    stream->is_closing = true;
    uv_close((uv_handle_t *)&stream->tcp, close_cb);
}

void stream_cut(struct stream *stream, enum err_code why)
{
    end(stream, why);
    stream_close(stream);
}
