// SPDX-License-Identifier: Apache-2.0
#include "api/feed_follower.h"

#include <stdlib.h>

enum err_code follower_send_event(struct follower *follower, uint64_t sequence,
                                  const struct websocket_frame *frame)
{
    return follower->websocket != NULL
               ? websocket_send_frame(follower->websocket, frame, NULL)
               : event_stream_send(follower->events, sequence, websocket_frame_text(frame), NULL);
}

enum err_code follower_send_text(struct follower *follower, uint64_t id, struct bytes text)
{
    return follower->websocket != NULL ? websocket_send(follower->websocket, text, NULL)
                                       : event_stream_send(follower->events, id, text, NULL);
}

void follower_cork(struct follower *follower, bool on)
{
    if (follower->websocket != NULL) {
        websocket_cork(follower->websocket, on);
    } else {
        event_stream_cork(follower->events, on);
    }
}

void follower_close(struct follower *follower, int status, const char *reason)
{
    if (follower->closing) {
        return;
    }
    follower->closing = true;
    follower->pending = false;
    if (follower->websocket != NULL) {
        websocket_close(follower->websocket, status, reason);
        return;
    }
    json_t *message = json_pack("{s:{s:i,s:s}}", "close", "status", status, "reason", reason);
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    json_decref(message);
    enum err_code code = text == NULL
                             ? ERR_NOMEM
                             : event_stream_send(follower->events, 0, bytes_of_text(text), NULL);
    (void)code; /* where there is no room it ends without having said why */
    free(text);
    event_stream_end(follower->events);
}

bool follower_is_stuck(struct follower *follower, int64_t now, int64_t limit_ns)
{
    size_t waits = follower->websocket != NULL ? websocket_buffered(follower->websocket)
                                               : event_stream_buffered(follower->events);
    uint64_t taken = follower->websocket != NULL ? websocket_taken(follower->websocket)
                                                 : event_stream_taken(follower->events);
    if (waits == 0 || taken != follower->taken) {
        follower->stuck_since = 0;
    } else if (follower->stuck_since == 0) {
        follower->stuck_since = now;
    }
    follower->taken = taken;
    return follower->stuck_since != 0 && now - follower->stuck_since >= limit_ns;
}

void follower_ping(struct follower *follower)
{
    if (follower->events != NULL) {
        event_stream_ping(follower->events);
    }
}
