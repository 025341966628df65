// SPDX-License-Identifier: Apache-2.0
#include "core/net/event_stream.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/net/http_conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_STREAM_MAGIC 0x65767374u

struct event_stream {
    uint32_t magic;
    bool is_ending;
    bool wants_writable;
    struct stream *stream;
    size_t buffered_max;
    struct event_stream_callbacks callbacks;
};

static struct event_stream *events_of(void *ctx)
{
    struct event_stream *events = ctx;
    INVARIANT(events != NULL && events->magic == EVENT_STREAM_MAGIC);
    return events;
}

static void on_data(void *ctx, struct bytes data)
{
    (void)events_of(ctx);
    (void)data; /* there is nothing to say on this connection any more */
}

static void on_sent(void *ctx)
{
    struct event_stream *events = events_of(ctx);
    if (events->is_ending && stream_unsent(events->stream) == 0) {
        stream_close(events->stream);
    } else if (!events->is_ending && events->wants_writable &&
               stream_unsent(events->stream) <= events->buffered_max / 2) {
        events->wants_writable = false;
        events->callbacks.on_writable(events->callbacks.ctx);
    }
}

static void on_end(void *ctx, enum err_code why)
{
    (void)why; /* a peer that has ended its side is gone: an EventSource never does and stays */
    event_stream_cut(events_of(ctx));
}

static void on_closed(void *ctx)
{
    struct event_stream *events = events_of(ctx);
    events->callbacks.on_close(events->callbacks.ctx);
    events->magic = 0;
    free(events);
}

enum err_code event_stream_accept(struct http_request *request,
                                  const struct event_stream_options *options,
                                  const struct event_stream_callbacks *callbacks,
                                  struct event_stream **ret, struct err *err)
{
    struct event_stream *events = calloc(1, sizeof *events);
    struct buf head;
    buf_init(&head, 8192);
    buf_append_text(&head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                           "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
    http_respond_append_extra(request, &head);
    buf_printf(&head, "Connection: close\r\n\r\nretry: %u\n\n",
               options->retry_ms == 0 ? 1000 : options->retry_ms);
    if (events == NULL || head.failed) {
        buf_deinit(&head);
        free(events);
        http_respond_problem(request, 503, "no_memory", "out of memory; try again");
        return err_set(err, ERR_NOMEM, "no memory for an event stream");
    }
    struct bytes early;
    struct stream *stream;
    request->status = 200;
    http_request_take_over(request, &stream, &early);
    *events = (struct event_stream){
        .magic = EVENT_STREAM_MAGIC,
        .stream = stream,
        .buffered_max = options->buffered_max == 0 ? 262144 : options->buffered_max,
        .callbacks = *callbacks,
    };
    stream_set_owner(stream, (struct stream_owner){.ctx = events,
                                                   .on_data = on_data,
                                                   .on_sent = on_sent,
                                                   .on_end = on_end,
                                                   .on_closed = on_closed});
    stream_read(stream, true);
    (void)stream_write(stream, buf_bytes(&head)); /* a broken stream shows in reading */
    buf_deinit(&head);
    *ret = events;
    return ERR_OK;
}

enum err_code event_stream_send(struct event_stream *events, uint64_t id, struct bytes text,
                                struct err *err)
{
    char begin[40] = "data: ";
    if (events->is_ending) {
        return err_set(err, ERR_UNAVAILABLE, "the event stream is ending");
    }
    if (stream_unsent(events->stream) >= events->buffered_max) {
        events->wants_writable = true;
        return err_set(err, ERR_BUSY, "the peer has not taken what was sent before");
    }
    if (id != 0) {
        (void)snprintf(begin, sizeof begin, "id: %" PRIu64 "\ndata: ", id);
    }
    if (!stream_write(events->stream, bytes_of_text(begin)) ||
        !stream_write(events->stream, text) ||
        !stream_write(events->stream, bytes_of_text("\n\n"))) {
        event_stream_cut(events);
        return err_set(err, ERR_UNAVAILABLE, "the connection is broken");
    }
    return ERR_OK;
}

void event_stream_ping(struct event_stream *events)
{
    if (!events->is_ending && stream_unsent(events->stream) == 0 &&
        !stream_write(events->stream, bytes_of_text(":\n\n"))) {
        event_stream_cut(events);
    }
}

void event_stream_cork(struct event_stream *events, bool on)
{
    bool waits = on || events->wants_writable || events->is_ending;
    if (!(waits ? stream_cork(events->stream, on) : stream_uncork_quietly(events->stream))) {
        event_stream_cut(events);
    }
}

size_t event_stream_buffered(const struct event_stream *events)
{
    return stream_unsent(events->stream);
}

uint64_t event_stream_taken(struct event_stream *events)
{
    return stream_sent(events->stream);
}

void event_stream_end(struct event_stream *events)
{
    if (events->is_ending) {
        return;
    }
    events->is_ending = true;
    if (stream_unsent(events->stream) == 0) {
        stream_close(events->stream);
    } else {
        stream_shutdown(events->stream); /* closed by on_sent, or cut by who waited long enough */
    }
}

void event_stream_cut(struct event_stream *events)
{
    events->is_ending = true;
    stream_close(events->stream);
}
