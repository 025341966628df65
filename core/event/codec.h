/* core/event/codec.h: an event in memory, and as the bytes that are stored, hashed and proved.
 *
 * Shape:   record = header (104 bytes, big-endian) ‖ public fields (msgpack map, number → value).
 *          private part = msgpack map of the private fields; key 0 is the request's fingerprint.
 *          Byte by byte: docs/record-format.md.
 * Canon:   fields ascend, absent when zero or empty, integers in their shortest form. Decoding refuses what encoding
 *          would not have written, so a record has one spelling.
 * Version: `type` says which one the record is of, and encoding writes that one; `u` is always the newest version's struct.
 * Owner:   encoding appends to the caller's buf. Decoding borrows TEXT and BYTES from the given bytes, and lists from
 *          the arena: both must outlive the event.
 * Errors:  ERR_TOO_LARGE past RECORD_SIZE_MAX; ERR_CORRUPT for bytes that are no record of ours.
 * Source:  msgpack specification; RFC 9562 for ids. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_CODEC_H
#define CORE_EVENT_CODEC_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/event/catalogue.h"

#define RECORD_FORMAT 1
#define RECORD_HEADER_SIZE 104
#define RECORD_SIZE_MAX 65535 /* a C2SP tlog-tiles entry */
#define PRIVATE_SIZE_MAX 65535
#define PRIVATE_SALT_SIZE 16

#define UNION_MEMBER(number, version, constant, name, shape, wire, stream) struct ev_##shape name;

struct event {
    const struct event_type *type; /* in the version it is stored as */
    struct id16 stream_id;
    enum actor_kind actor_kind;
    struct id16 actor_id; /* zero: the ledger itself */
    int64_t time;         /* ns UTC, stamped by the writer */
    uint64_t causation;   /* sequence of the event that led to this one, 0: none */
    struct id16 command_id;
    struct key32 private_digest; /* zero: no private part */
    struct key32 fingerprint;    /* private part only; zero: none */
    union {
        EVENT_TYPES(UNION_MEMBER, NO_TYPE)
    } u;
};

/* The header as it stands in front of each record; read without the catalogue. */
struct record_header {
    uint8_t format;
    uint8_t flags;
    uint16_t type;
    uint16_t version;
    uint8_t stream_kind;
    uint8_t actor_kind;
    int64_t time;
    uint64_t causation;
    struct id16 stream_id;
    struct id16 actor_id;
    struct id16 command_id;
    struct key32 private_digest;
};

/* Append the record. `event->private_digest` must be set already if there is a private part. */
MUST_CHECK enum err_code record_encode(const struct event *event, struct buf *ret, struct err *err);
/* Append the private part (without salt); nothing is appended when there is nothing private. */
MUST_CHECK enum err_code private_encode(const struct event *event, struct buf *ret,
                                        struct err *err);

MUST_CHECK enum err_code record_header_decode(struct bytes record, struct record_header *ret,
                                              struct err *err);
MUST_CHECK enum err_code record_decode(struct bytes record, struct arena *arena, struct event *ret,
                                       struct err *err);
/* Add the private fields to an event that record_decode filled. */
MUST_CHECK enum err_code private_decode(struct bytes private_part, struct arena *arena,
                                        struct event *event, struct err *err);

#endif
