/* core/event/shapes.h: what the tables of catalogue.h become: a struct for each, and rows that say where in it each field is. Included there. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_SHAPES_H
#define CORE_EVENT_SHAPES_H

#include "core/base/bytes.h"
#include "core/base/id.h"
#include "core/event/catalogue.h"

struct event_list { /* items of one ITEM_x, borrowed from the arena the event was decoded into */
    void *items;
    size_t count;
};

#define CTYPE_U64(aux) uint64_t
#define CTYPE_AMOUNT(aux) int64_t
#define CTYPE_TIME(aux) int64_t
#define CTYPE_BOOL(aux) bool
#define CTYPE_ENUM(aux) enum aux
#define CTYPE_ID(aux) struct id16
#define CTYPE_HASH(aux) struct key32
#define CTYPE_IDENTITY(aux) struct key32
#define CTYPE_TXID(aux) struct key32
#define CTYPE_TEXT(aux) struct bytes
#define CTYPE_BYTES(aux) struct bytes
#define CTYPE_LIST(aux) struct event_list

#define DEFINE_FIELD(S, number, kind, name, visibility, aux) CTYPE_##kind(aux) name;
#define DEFINE_SHAPE(shape)                                                                        \
    struct ev_##shape {                                                                            \
        FIELDS_##shape(DEFINE_FIELD, _)                                                            \
    };
#define DEFINE_ITEM(item)                                                                          \
    struct ev_##item {                                                                             \
        ITEM_##item(DEFINE_FIELD, _)                                                               \
    };

#define NO_STRUCT(shape, newest)
EVENT_ITEMS(DEFINE_ITEM, NO_STRUCT)
EVENT_SHAPES(DEFINE_SHAPE, NO_STRUCT)

#define DEFINE_TYPE_CONSTANT(number, version, constant, name, shape, wire, stream)                 \
    EVENT_##constant = number,
#define NO_TYPE(number, version, shape, wire, stream)
enum event_type_number { EVENT_TYPES(DEFINE_TYPE_CONSTANT, NO_TYPE) };

enum field_kind {
    FIELD_U64,
    FIELD_AMOUNT,
    FIELD_TIME,
    FIELD_BOOL,
    FIELD_ENUM,
    FIELD_ID,
    FIELD_HASH,
    FIELD_IDENTITY,
    FIELD_TXID,
    FIELD_TEXT,
    FIELD_BYTES,
    FIELD_LIST,
};

struct event_shape;

struct event_field {
    uint8_t
        number; /* ascending within a shape; 0 is taken by the fingerprint of the private part */
    enum field_kind kind;
    bool is_private;
    size_t offset;
    const char *name;
    const struct enum_words *words; /* ENUM */
    const struct event_shape *item; /* LIST */
};

struct event_shape {
    const char *name;
    size_t size; /* of the C struct */
    size_t field_count;
    const struct event_field *fields;
};

struct event_type {
    uint16_t number;
    uint16_t version;
    const char *name; /* "job.completed" */
    enum stream_kind stream_kind;
    const struct event_shape *shape;
};

/* NULL when there is no such type or version: from a newer program, never a guess. */
const struct event_type *event_type_find(uint16_t number, uint16_t version);
/* The version that is written: the only one with all fields of the struct. */
const struct event_type *event_type_newest(enum event_type_number number);
/* All rows, ascending by number and version. */
const struct event_type *event_types(size_t *ret_count);

/* The catalogue as text, one line per field; its SHA-256 is `catalogue_digest` in ledger.opened. */
struct buf;
void catalogue_append_text(struct buf *buf);

#endif
