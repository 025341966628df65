// SPDX-License-Identifier: Apache-2.0
#include "api/feed_frames.h"

#include "core/base/invariant.h"

#include <stdlib.h>

#define MESSAGE_MAX ((size_t)1 << 20)
#define KEPT 128 /* of each kind */

enum { FOR_ALL, FOR_CONCERNED, KINDS };

struct kept {
    uint64_t sequence; /* 0: none */
    bool has_private;
    struct websocket_frame *frames[KINDS];
};

struct feed_frames {
    struct api *api;
    struct buf text;
    uint64_t made;
    struct kept newest[KEPT]; /* by sequence modulo KEPT: the last ones of the log */
    struct kept older[KEPT];
};

struct feed_frames *feed_frames_create(struct api *api)
{
    struct feed_frames *frames = calloc(1, sizeof *frames);
    if (frames != NULL) {
        frames->api = api;
        buf_init(&frames->text, MESSAGE_MAX);
    }
    return frames;
}

static void forget(struct kept *kept)
{
    for (size_t i = 0; i < KINDS; i++) {
        websocket_frame_unref(kept->frames[i]);
    }
    *kept = (struct kept){0};
}

void feed_frames_destroy(struct feed_frames *frames)
{
    if (frames == NULL) {
        return;
    }
    for (size_t i = 0; i < KEPT; i++) {
        forget(&frames->newest[i]);
        forget(&frames->older[i]);
    }
    buf_deinit(&frames->text);
    free(frames);
}

static bool has_private(struct feed_snapshot *snapshot, uint64_t sequence)
{
    struct bytes record;
    struct record_header header;
    return log_reader_record(snapshot->log, sequence, &record, NULL) == ERR_OK &&
           record_header_decode(record, &header, NULL) == ERR_OK &&
           !key_is_zero(header.private_digest);
}

/* {"event":…} */
static struct websocket_frame *render(struct feed_frames *frames, struct feed_snapshot *snapshot,
                                      uint64_t sequence, bool with_private)
{
    buf_clear(&frames->text);
    buf_append_text(&frames->text, "{\"event\":");
    bool good = feed_render(frames->api, snapshot, sequence, with_private, &frames->text);
    buf_append_byte(&frames->text, '}');
    frames->made++;
    return good && !frames->text.failed ? websocket_frame_create(buf_bytes(&frames->text)) : NULL;
}

const struct websocket_frame *feed_frames_get(struct feed_frames *frames,
                                              struct feed_snapshot *snapshot,
                                              const struct feed_view *view, uint64_t sequence)
{
    INVARIANT(sequence > 0);
    INVARIANT(sequence <= snapshot->head);
    bool is_new = snapshot->head - sequence < KEPT;
    struct kept *kept = &(is_new ? frames->newest : frames->older)[sequence % KEPT];
    if (kept->sequence != sequence) {
        forget(kept);
        kept->sequence = sequence;
        kept->has_private = has_private(snapshot, sequence);
    }
    struct bytes part; /* may have been erased since it was rendered */
    bool with_private = kept->has_private && feed_view_has_private(view, snapshot, sequence) &&
                        log_reader_private(snapshot->log, sequence, &part);
    struct websocket_frame **frame = &kept->frames[with_private ? FOR_CONCERNED : FOR_ALL];
    if (*frame == NULL) {
        *frame = render(frames, snapshot, sequence, with_private);
    }
    return *frame;
}

uint64_t feed_frames_made(const struct feed_frames *frames)
{
    return frames->made;
}
