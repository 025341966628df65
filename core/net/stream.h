/* core/net/stream.h: one TCP connection, plain or with TLS, with a bounded, coalescing output queue.
 *
 * Shape:   owner callbacks for bytes read, output sent, the peer's end, and closed. The owner can be exchanged
 *          while the connection lives: that is how a WebSocket takes over from HTTP.
 * Output:  two buffers: one is being written, the other collects. Everything is copied. An idle connection keeps at most 2 KiB of each.
 * Life:    stream_close is final: after it only `closed` is called, from the loop, then the stream is freed. A
 *          libuv handle is embedded, so the memory lives until then.
 * Thread:  the loop's. No callback is called from inside these functions, stream_cut apart. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_STREAM_H
#define CORE_NET_STREAM_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <uv.h>

struct stream;
struct tls_session;

struct stream_owner {
    void *ctx;
    void (*on_data)(void *ctx, struct bytes data); /* borrowed for the call */
    void (*on_sent)(void *ctx);                    /* a write has finished: look at stream_unsent */
    /* ERR_OK: the peer has ended its side; else the connection is broken. Nothing is read after it. */
    void (*on_end)(void *ctx, enum err_code why);
    void (*on_closed)(void *ctx); /* the stream is freed after this returns */
};

/* A stream whose handle is initialised on `loop`, ready for uv_accept or uv_tcp_connect. NULL: out of memory. */
struct stream *stream_create(uv_loop_t *loop, struct stream_owner owner);
uv_tcp_t *stream_tcp(struct stream *stream);
/* Speak TLS from now on, before anything was read or written; takes the session. The owner sees and writes plaintext. */
void stream_set_tls(struct stream *stream, struct tls_session *session);
/* TLS whose handshake is not done: nothing can be said yet, what is written waits. */
bool stream_is_handshaking(const struct stream *stream);
void stream_set_owner(struct stream *stream, struct stream_owner owner);
/* A second party that counts or cuts connections: called before the owner's on_closed. */
void stream_on_free(struct stream *stream, void (*on_free)(void *ctx, struct stream *stream),
                    void *ctx);

/* Read until stopped. Idempotent both ways. */
void stream_read(struct stream *stream, bool on);
/* Queue and send. False: out of memory or past 1 GiB unsent; the connection is of no use any more. */
bool stream_write(struct stream *stream, struct bytes data);
/* While corked, what is written only collects; uncorking sends it in one piece. For many small messages at once. False: as of
 * stream_write. */
bool stream_cork(struct stream *stream, bool on);
/* As uncorking, for an owner who waits for nothing: what the kernel takes at once is not told by on_sent, which saves the loop a round and a
 * system call. */
bool stream_uncork_quietly(struct stream *stream);
size_t stream_unsent(const struct stream *stream);
/* Counts up whenever the kernel has taken bytes: for timeouts. */
uint64_t stream_sent(struct stream *stream);
/* Send what is queued, then end our side (FIN). */
void stream_shutdown(struct stream *stream);
/* Drop what is unsent and close. Idempotent. */
void stream_close(struct stream *stream);
/* on_end with `why`, then stream_close. Only from a callback of the loop. */
void stream_cut(struct stream *stream, enum err_code why);

#endif
