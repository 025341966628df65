// SPDX-License-Identifier: Apache-2.0
#include "core/event/render.h"

#include "core/base/text.h"
#include "core/base/time.h"

#include <inttypes.h>
#include <string.h>

static void append_quoted(struct buf *buf, const char *text)
{
    buf_append_byte(buf, '"');
    buf_append_text(buf, text);
    buf_append_byte(buf, '"');
}

static void append_hex(struct buf *buf, struct bytes bytes)
{
    buf_append_byte(buf, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        char digits[3];
        hex_encode(bytes_of(bytes.data + i, 1), digits);
        buf_append(buf, digits, 2);
    }
    buf_append_byte(buf, '"');
}

static void append_fields(struct buf *buf, const struct event_shape *shape, const uint8_t *base,
                          const struct render_names *names);

static void append_list(struct buf *buf, const struct event_field *field,
                        const struct event_list *list, const struct render_names *names)
{
    buf_append_byte(buf, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_append_byte(buf, ',');
        }
        append_fields(buf, field->item, (const uint8_t *)list->items + i * field->item->size,
                      names);
    }
    buf_append_byte(buf, ']');
}

/* Whether the field says something: zero ids, keys and enumerations, and empty private text, are left out. */
static bool is_said(const struct event_field *field, const uint8_t *at)
{
    static const uint8_t ZERO[32];
    switch (field->kind) {
    case FIELD_ENUM:
        return memcmp(at, ZERO, sizeof(int)) != 0;
    case FIELD_ID:
        return memcmp(at, ZERO, 16) != 0;
    case FIELD_HASH:
    case FIELD_IDENTITY:
    case FIELD_TXID:
        return memcmp(at, ZERO, 32) != 0;
    case FIELD_TIME:
        return memcmp(at, ZERO, 8) != 0;
    case FIELD_TEXT:
    case FIELD_BYTES:
        return ((const struct bytes *)(const void *)at)->size != 0 || !field->is_private;
    case FIELD_U64:
    case FIELD_AMOUNT:
    case FIELD_BOOL:
    case FIELD_LIST:
        break;
    }
    return true;
}

static void append_value(struct buf *buf, const struct event_field *field, const uint8_t *at,
                         const struct render_names *names)
{
    uint64_t u64 = 0;
    int64_t i64 = 0;
    uint32_t number = 0;
    struct id16 id;
    struct key32 key;
    char text[QUBIC_TEXT_SIZE];
    switch (field->kind) {
    case FIELD_U64:
        memcpy(&u64, at, sizeof u64);
        buf_printf(buf, "%" PRIu64, u64);
        break;
    case FIELD_AMOUNT:
        memcpy(&i64, at, sizeof i64);
        buf_printf(buf, "%" PRId64, i64);
        break;
    case FIELD_TIME:
        memcpy(&i64, at, sizeof i64);
        time_format(i64, text);
        append_quoted(buf, text);
        break;
    case FIELD_BOOL:
        buf_append_text(buf, *(const bool *)at ? "true" : "false");
        break;
    case FIELD_ENUM:
        memcpy(&number, at, sizeof number);
        append_quoted(buf, enum_word(field->words, number));
        break;
    case FIELD_ID:
        memcpy(&id, at, sizeof id);
        id_format(id, text);
        append_quoted(buf, text);
        break;
    case FIELD_HASH:
        append_hex(buf, bytes_of(at, sizeof key.b));
        break;
    case FIELD_IDENTITY:
        memcpy(&key, at, sizeof key);
        names->identity(key, text);
        append_quoted(buf, text);
        break;
    case FIELD_TXID:
        memcpy(&key, at, sizeof key);
        names->transaction(key, text);
        append_quoted(buf, text);
        break;
    case FIELD_TEXT:
        json_append_string(buf, *(const struct bytes *)(const void *)at);
        break;
    case FIELD_BYTES:
        append_hex(buf, *(const struct bytes *)(const void *)at);
        break;
    case FIELD_LIST:
        append_list(buf, field, (const void *)at, names);
        break;
    }
}

static void append_fields(struct buf *buf, const struct event_shape *shape, const uint8_t *base,
                          const struct render_names *names)
{
    bool first = true;
    buf_append_byte(buf, '{');
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct event_field *field = &shape->fields[i];
        if (!is_said(field, base + field->offset)) {
            continue;
        }
        if (!first) {
            buf_append_byte(buf, ',');
        }
        first = false;
        append_quoted(buf, field->name);
        buf_append_byte(buf, ':');
        append_value(buf, field, base + field->offset, names);
    }
    buf_append_byte(buf, '}');
}

void event_render_data(struct buf *buf, const struct event *event, const struct render_names *names)
{
    append_fields(buf, event->type->shape, (const uint8_t *)&event->u, names);
}

void event_render(struct buf *buf, const struct event *event, uint64_t sequence, const char *source,
                  const struct render_names *names)
{
    char id[ID_TEXT_SIZE];
    char time[TIME_TEXT_SIZE];
    time_format(event->time, time);
    id_format(event->stream_id, id);
    buf_printf(buf,
               "{\"specversion\":\"1.0\",\"id\":\"%" PRIu64 "\",\"source\":\"%s\",\"type\":\"%s\","
               "\"typeversion\":%u,\"subject\":\"%s:%s\",\"time\":\"%s\","
               "\"datacontenttype\":\"application/json\"",
               sequence, source, event->type->name, event->type->version,
               enum_word(&stream_kind_words, event->type->stream_kind), id, time);
    const char *actor = enum_word(&actor_kind_words, event->actor_kind);
    if (id_is_zero(event->actor_id)) {
        buf_printf(buf, ",\"actor\":\"%s\"", actor);
    } else {
        id_format(event->actor_id, id);
        buf_printf(buf, ",\"actor\":\"%s:%s\"", actor, id);
    }
    id_format(event->command_id, id);
    buf_printf(buf, ",\"commandid\":\"%s\"", id);
    if (event->causation != 0) {
        buf_printf(buf, ",\"causation\":\"%" PRIu64 "\"", event->causation);
    }
    buf_append_text(buf, ",\"data\":");
    event_render_data(buf, event, names);
    buf_append_byte(buf, '}');
}
