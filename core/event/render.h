/* core/event/render.h: an event as JSON: CloudEvents 1.0, structured mode. One rendering for REST, feed and exports.
 *
 *     {"specversion":"1.0","id":"42","source":"<name>/<log id>/<generation>","type":"job.created","typeversion":1,
 *      "subject":"job:0192…","time":"2026-…Z","datacontenttype":"application/json","actor":"account:0192…",
 *      "commandid":"…","causation":"41","data":{…}}
 *
 * Numbers: u64 and amounts are JSON integers. The supply of QUBIC (2·10^14) and every count here stay below 2^53,
 *          so a double holds them exactly. Times are RFC 3339; ids are UUIDs; hashes are hex.
 * Private: private fields are rendered only when the caller decoded them into the event, after authorisation. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_RENDER_H
#define CORE_EVENT_RENDER_H

#include "core/event/codec.h"

#define QUBIC_TEXT_SIZE 61 /* 60 letters and the zero */

/* How a Qubic key and a transaction hash are spelled needs K12, which lives above this folder: the composition root
 * hands it in. */
struct render_names {
    void (*identity)(struct key32 public_key, char ret_text[QUBIC_TEXT_SIZE]);
    void (*transaction)(struct key32 hash, char ret_text[QUBIC_TEXT_SIZE]);
};

void event_render(struct buf *buf, const struct event *event, uint64_t sequence, const char *source,
                  const struct render_names *names);
/* Only the `data` object. */
void event_render_data(struct buf *buf, const struct event *event,
                       const struct render_names *names);

#endif
