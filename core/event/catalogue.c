// SPDX-License-Identifier: Apache-2.0
#include "core/event/catalogue.h"

#include "core/base/buf.h"

#include <string.h>

#define WORDS_U64(aux) NULL
#define WORDS_AMOUNT(aux) NULL
#define WORDS_TIME(aux) NULL
#define WORDS_BOOL(aux) NULL
#define WORDS_ENUM(aux) &aux##_words
#define WORDS_ID(aux) NULL
#define WORDS_HASH(aux) NULL
#define WORDS_IDENTITY(aux) NULL
#define WORDS_TXID(aux) NULL
#define WORDS_TEXT(aux) NULL
#define WORDS_BYTES(aux) NULL
#define WORDS_LIST(aux) NULL

#define ITEM_OF_U64(aux) NULL
#define ITEM_OF_AMOUNT(aux) NULL
#define ITEM_OF_TIME(aux) NULL
#define ITEM_OF_BOOL(aux) NULL
#define ITEM_OF_ENUM(aux) NULL
#define ITEM_OF_ID(aux) NULL
#define ITEM_OF_HASH(aux) NULL
#define ITEM_OF_IDENTITY(aux) NULL
#define ITEM_OF_TXID(aux) NULL
#define ITEM_OF_TEXT(aux) NULL
#define ITEM_OF_BYTES(aux) NULL
#define ITEM_OF_LIST(aux) &shape_##aux

#define IS_PRIVATE_PUBLIC false
#define IS_PRIVATE_PRIVATE true

#define FIELD_ROW(S, number, kind, name, visibility, aux)                                          \
    {number, FIELD_##kind,      IS_PRIVATE_##visibility, offsetof(struct ev_##S, name),            \
     #name,  WORDS_##kind(aux), ITEM_OF_##kind(aux)},
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SHAPE(name, newest)                                                                        \
    {                                                                                              \
#name, sizeof(struct ev_##newest), COUNT_OF(fields_##name), fields_##name                  \
    }

#define DEFINE_TABLE(table, name, newest)                                                          \
    static const struct event_field fields_##name[] = {table(FIELD_ROW, newest)};                  \
    static const struct event_shape shape_##name = SHAPE(name, newest);
#define OLD_ITEM_TABLE(name, newest) DEFINE_TABLE(ITEM_##name, name, newest)
#define ITEM_TABLE(name) OLD_ITEM_TABLE(name, name)
#define OLD_SHAPE_TABLE(name, newest) DEFINE_TABLE(FIELDS_##name, name, newest)
#define SHAPE_TABLE(name) OLD_SHAPE_TABLE(name, name)

EVENT_ITEMS(ITEM_TABLE, OLD_ITEM_TABLE)
EVENT_SHAPES(SHAPE_TABLE, OLD_SHAPE_TABLE)

#define TYPE_ROW(number, version, constant, name, shape, wire, stream)                             \
    {number, version, wire, stream, &shape_##shape},
#define OLD_TYPE_ROW(number, version, shape, wire, stream)                                         \
    {number, version, wire, stream, &shape_##shape},

static const struct event_type TYPES[] = {EVENT_TYPES(TYPE_ROW, OLD_TYPE_ROW)};

const struct event_type *event_types(size_t *ret_count)
{
    *ret_count = COUNT_OF(TYPES);
    return TYPES;
}

const struct event_type *event_type_find(uint16_t number, uint16_t version)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        if (TYPES[i].number == number && TYPES[i].version == version) {
            return &TYPES[i];
        }
    }
    return NULL;
}

const struct event_type *event_type_newest(enum event_type_number number)
{
    const struct event_type *newest = NULL;
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        if (TYPES[i].number == (uint16_t)number) {
            newest = &TYPES[i]; /* versions ascend */
        }
    }
    return newest;
}

static const char *const KIND_WORDS[] = {
    [FIELD_U64] = "u64",   [FIELD_AMOUNT] = "amount",     [FIELD_TIME] = "time",
    [FIELD_BOOL] = "bool", [FIELD_ENUM] = "enum",         [FIELD_ID] = "id",
    [FIELD_HASH] = "hash", [FIELD_IDENTITY] = "identity", [FIELD_TXID] = "txid",
    [FIELD_TEXT] = "text", [FIELD_BYTES] = "bytes",       [FIELD_LIST] = "list",
};

static void append_shape(struct buf *buf, const struct event_shape *shape, const char *indent)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct event_field *field = &shape->fields[i];
        buf_printf(buf, "%s%u %s %s %s", indent, field->number, field->name,
                   KIND_WORDS[field->kind], field->is_private ? "private" : "public");
        for (uint32_t w = 1; field->words != NULL && w < field->words->count; w++) {
            buf_printf(buf, " %u=%s", w, field->words->words[w]);
        }
        buf_append_text(buf, "\n");
        if (field->item != NULL) {
            append_shape(buf, field->item, "      ");
        }
    }
}

void catalogue_append_text(struct buf *buf)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        const struct event_type *type = &TYPES[i];
        buf_printf(buf, "%u v%u %s stream=%s\n", type->number, type->version, type->name,
                   enum_word(&stream_kind_words, type->stream_kind));
        append_shape(buf, type->shape, "   ");
    }
}
