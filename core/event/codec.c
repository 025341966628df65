// SPDX-License-Identifier: Apache-2.0
#include "core/event/codec.h"

#include "core/base/invariant.h"
#include "core/base/text.h"

#include <msgpack.h>
#include <string.h>

#define FINGERPRINT_NUMBER 0
#define LIST_COUNT_MAX 4096

/* ── encoding ──────────────────────────────────────────────────────────────────────────────────── */

static int write_cb(void *buf, const char *data, size_t size)
{
    buf_append(buf, data, size); /* a failure stays in the buf and is checked at the end */
    return 0;
}

static bool field_is_zero(const struct event_field *field, const uint8_t *at)
{
    static const uint8_t ZERO[32];
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_AMOUNT:
    case FIELD_TIME:
        return memcmp(at, ZERO, 8) == 0;
    case FIELD_BOOL:
        return !*(const bool *)at;
    case FIELD_ENUM:
        return memcmp(at, ZERO, sizeof(int)) == 0;
    case FIELD_ID:
        return memcmp(at, ZERO, 16) == 0;
    case FIELD_HASH:
    case FIELD_IDENTITY:
    case FIELD_TXID:
        return memcmp(at, ZERO, 32) == 0;
    case FIELD_TEXT:
    case FIELD_BYTES:
        return ((const struct bytes *)(const void *)at)->size == 0;
    case FIELD_LIST:
        return ((const struct event_list *)(const void *)at)->count == 0;
    }
    return true;
}

static void pack_bin(msgpack_packer *packer, const void *data, size_t size)
{
    (void)msgpack_pack_bin(packer, size);
    (void)msgpack_pack_bin_body(packer, data, size);
}

static enum err_code pack_fields(msgpack_packer *packer, const struct event_shape *shape,
                                 const uint8_t *base, bool is_private,
                                 const struct key32 *fingerprint, struct err *err);

static enum err_code pack_list(msgpack_packer *packer, const struct event_field *field,
                               const struct event_list *list, struct err *err)
{
    if (list->count > LIST_COUNT_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s has %zu items, at most %d fit", field->name,
                       list->count, LIST_COUNT_MAX);
    }
    (void)msgpack_pack_array(packer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const uint8_t *item = (const uint8_t *)list->items + i * field->item->size;
        enum err_code code = pack_fields(packer, field->item, item, false, NULL, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code pack_value(msgpack_packer *packer, const struct event_field *field,
                                const uint8_t *at, struct err *err)
{
    uint64_t u64;
    int64_t i64;
    uint32_t number;
    const struct bytes *bytes = (const void *)at;
    switch (field->kind) {
    case FIELD_U64:
        memcpy(&u64, at, sizeof u64);
        (void)msgpack_pack_uint64(packer, u64);
        return ERR_OK;
    case FIELD_AMOUNT:
    case FIELD_TIME:
        memcpy(&i64, at, sizeof i64);
        (void)msgpack_pack_int64(packer, i64);
        return ERR_OK;
    case FIELD_BOOL:
        (void)msgpack_pack_true(packer);
        return ERR_OK;
    case FIELD_ENUM:
        memcpy(&number, at, sizeof number);
        if (enum_word(field->words, number) == NULL) {
            return err_set(err, ERR_INVALID, "%s: %u is no %s", field->name, number,
                           field->words->name);
        }
        (void)msgpack_pack_uint32(packer, number);
        return ERR_OK;
    case FIELD_ID:
        pack_bin(packer, at, 16);
        return ERR_OK;
    case FIELD_HASH:
    case FIELD_IDENTITY:
    case FIELD_TXID:
        pack_bin(packer, at, 32);
        return ERR_OK;
    case FIELD_TEXT:
        if (!utf8_is_valid(*bytes)) {
            return err_set(err, ERR_INVALID, "%s is not UTF-8 text", field->name);
        }
        (void)msgpack_pack_str(packer, bytes->size);
        (void)msgpack_pack_str_body(packer, bytes->data, bytes->size);
        return ERR_OK;
    case FIELD_BYTES:
        pack_bin(packer, bytes->data, bytes->size);
        return ERR_OK;
    case FIELD_LIST:
        return pack_list(packer, field, (const void *)at, err);
    }
    IMPOSSIBLE("field kind");
}

static enum err_code pack_fields(msgpack_packer *packer, const struct event_shape *shape,
                                 const uint8_t *base, bool is_private,
                                 const struct key32 *fingerprint, struct err *err)
{
    size_t count = fingerprint != NULL ? 1 : 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct event_field *field = &shape->fields[i];
        if (field->is_private == is_private && !field_is_zero(field, base + field->offset)) {
            count++;
        }
    }
    (void)msgpack_pack_map(packer, count);
    if (fingerprint != NULL) {
        (void)msgpack_pack_uint8(packer, FINGERPRINT_NUMBER);
        pack_bin(packer, fingerprint->b, sizeof fingerprint->b);
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct event_field *field = &shape->fields[i];
        if (field->is_private != is_private || field_is_zero(field, base + field->offset)) {
            continue;
        }
        (void)msgpack_pack_uint8(packer, field->number);
        enum err_code code = pack_value(packer, field, base + field->offset, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static bool has_private(const struct event *event)
{
    if (!key_is_zero(event->fingerprint)) {
        return true;
    }
    const uint8_t *base = (const uint8_t *)&event->u;
    for (size_t i = 0; i < event->type->shape->field_count; i++) {
        const struct event_field *field = &event->type->shape->fields[i];
        if (field->is_private && !field_is_zero(field, base + field->offset)) {
            return true;
        }
    }
    return false;
}

static void put_header(const struct event *event, uint8_t header[RECORD_HEADER_SIZE])
{
    header[0] = RECORD_FORMAT;
    header[1] = 0;
    put_be16(header + 2, event->type->number);
    put_be16(header + 4, event->type->version);
    header[6] = (uint8_t)event->type->stream_kind;
    header[7] = (uint8_t)event->actor_kind;
    put_be64(header + 8, (uint64_t)event->time);
    put_be64(header + 16, event->causation);
    memcpy(header + 24, event->stream_id.b, 16);
    memcpy(header + 40, event->actor_id.b, 16);
    memcpy(header + 56, event->command_id.b, 16);
    memcpy(header + 72, event->private_digest.b, 32);
}

static enum err_code check_size(const struct buf *buf, size_t start, size_t size_max,
                                const char *what, struct err *err)
{
    enum err_code code = buf_check(buf, err);
    if (code == ERR_OK && buf->size - start > size_max) {
        code = err_set(err, ERR_TOO_LARGE, "%s of %zu bytes, at most %zu fit", what,
                       buf->size - start, size_max);
    }
    return code;
}

enum err_code record_encode(const struct event *event, struct buf *ret, struct err *err)
{
    INVARIANT(event->type != NULL);
    if (enum_word(&actor_kind_words, event->actor_kind) == NULL) {
        return err_set(err, ERR_INVALID, "%u is no actor kind", (unsigned)event->actor_kind);
    }
    size_t start = ret->size;
    uint8_t header[RECORD_HEADER_SIZE];
    put_header(event, header);
    buf_append(ret, header, sizeof header);
    msgpack_packer packer;
    msgpack_packer_init(&packer, ret, write_cb);
    enum err_code code =
        pack_fields(&packer, event->type->shape, (const uint8_t *)&event->u, false, NULL, err);
    if (code == ERR_OK) {
        code = check_size(ret, start, RECORD_SIZE_MAX, event->type->name, err);
    }
    return code;
}

enum err_code private_encode(const struct event *event, struct buf *ret, struct err *err)
{
    if (!has_private(event)) {
        return ERR_OK;
    }
    size_t start = ret->size;
    msgpack_packer packer;
    msgpack_packer_init(&packer, ret, write_cb);
    enum err_code code =
        pack_fields(&packer, event->type->shape, (const uint8_t *)&event->u, true,
                    key_is_zero(event->fingerprint) ? NULL : &event->fingerprint, err);
    if (code == ERR_OK) {
        code = check_size(ret, start, PRIVATE_SIZE_MAX, "private part", err);
    }
    return code;
}

/* ── decoding ──────────────────────────────────────────────────────────────────────────────────── */

enum err_code record_header_decode(struct bytes record, struct record_header *ret, struct err *err)
{
    if (record.size <= RECORD_HEADER_SIZE || record.size > RECORD_SIZE_MAX) {
        return err_set(err, ERR_CORRUPT, "a record of %zu bytes", record.size);
    }
    const uint8_t *at = record.data;
    struct record_header header = {
        .format = at[0],
        .flags = at[1],
        .type = get_be16(at + 2),
        .version = get_be16(at + 4),
        .stream_kind = at[6],
        .actor_kind = at[7],
        .time = (int64_t)get_be64(at + 8),
        .causation = get_be64(at + 16),
    };
    memcpy(header.stream_id.b, at + 24, 16);
    memcpy(header.actor_id.b, at + 40, 16);
    memcpy(header.command_id.b, at + 56, 16);
    memcpy(header.private_digest.b, at + 72, 32);
    if (header.format != RECORD_FORMAT || header.flags != 0) {
        return err_set(err, ERR_CORRUPT, "record format %u flags %u: written by a newer program?",
                       header.format, header.flags);
    }
    *ret = header;
    return ERR_OK;
}

static bool take_bin(const msgpack_object *object, uint8_t *at, size_t size)
{
    if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size != size) {
        return false;
    }
    memcpy(at, object->via.bin.ptr, size);
    return true;
}

static bool unpack_fields(const msgpack_object *map, const struct event_shape *shape, uint8_t *base,
                          bool is_private, struct key32 *fingerprint, struct arena *arena);

static bool unpack_list(const msgpack_object *object, const struct event_field *field,
                        struct event_list *list, struct arena *arena)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size > LIST_COUNT_MAX) {
        return false;
    }
    size_t count = object->via.array.size;
    uint8_t *items = arena_alloc_array(arena, count, field->item->size);
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!unpack_fields(&object->via.array.ptr[i], field->item, items + i * field->item->size,
                           false, NULL, arena)) {
            return false;
        }
    }
    *list = (struct event_list){.items = items, .count = count};
    return true;
}

static bool unpack_value(const msgpack_object *object, const struct event_field *field, uint8_t *at,
                         struct arena *arena)
{
    switch (field->kind) {
    case FIELD_U64:
        if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
            return false;
        }
        memcpy(at, &object->via.u64, sizeof object->via.u64);
        return true;
    case FIELD_AMOUNT:
    case FIELD_TIME: {
        int64_t value = object->via.i64;
        if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
            if (object->via.u64 > INT64_MAX) {
                return false;
            }
        } else if (object->type != MSGPACK_OBJECT_NEGATIVE_INTEGER) {
            return false;
        }
        memcpy(at, &value, sizeof value);
        return true;
    }
    case FIELD_BOOL:
        if (object->type != MSGPACK_OBJECT_BOOLEAN || !object->via.boolean) {
            return false;
        }
        *(bool *)at = true;
        return true;
    case FIELD_ENUM: {
        if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > UINT32_MAX) {
            return false;
        }
        uint32_t number = (uint32_t)object->via.u64;
        memcpy(at, &number, sizeof number);
        return enum_word(field->words, number) != NULL;
    }
    case FIELD_ID:
        return take_bin(object, at, 16);
    case FIELD_HASH:
    case FIELD_IDENTITY:
    case FIELD_TXID:
        return take_bin(object, at, 32);
    case FIELD_TEXT: {
        struct bytes text = bytes_of(object->via.str.ptr, object->via.str.size);
        if (object->type != MSGPACK_OBJECT_STR || !utf8_is_valid(text)) {
            return false;
        }
        memcpy(at, &text, sizeof text);
        return true;
    }
    case FIELD_BYTES: {
        struct bytes bytes = bytes_of(object->via.bin.ptr, object->via.bin.size);
        if (object->type != MSGPACK_OBJECT_BIN) {
            return false;
        }
        memcpy(at, &bytes, sizeof bytes);
        return true;
    }
    case FIELD_LIST:
        return unpack_list(object, field, (struct event_list *)(void *)at, arena);
    }
    return false;
}

/* Keys must ascend and be known: walk the map and the table side by side. */
static bool unpack_fields(const msgpack_object *map, const struct event_shape *shape, uint8_t *base,
                          bool is_private, struct key32 *fingerprint, struct arena *arena)
{
    if (map->type != MSGPACK_OBJECT_MAP) {
        return false;
    }
    size_t next = 0;
    for (size_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
            return false;
        }
        uint64_t number = pair->key.via.u64;
        if (number == FINGERPRINT_NUMBER) {
            if (i != 0 || fingerprint == NULL ||
                !take_bin(&pair->val, fingerprint->b, sizeof fingerprint->b)) {
                return false;
            }
            continue;
        }
        while (next < shape->field_count && shape->fields[next].number < number) {
            next++;
        }
        if (next == shape->field_count || shape->fields[next].number != number) {
            return false;
        }
        const struct event_field *field = &shape->fields[next++];
        if (field->is_private != is_private ||
            !unpack_value(&pair->val, field, base + field->offset, arena) ||
            field_is_zero(field, base + field->offset)) {
            return false;
        }
    }
    return true;
}

/* How many bytes behind its first one a value's size or count takes, and what it counts. */
struct token {
    size_t length_size; /* 0, 1, 2 or 4 bytes of a number */
    uint64_t fixed;     /* added to that number */
    enum { TOKEN_BYTES, TOKEN_ITEMS, TOKEN_PAIRS } counts;
};

static struct token token_of(uint8_t first)
{
    static const size_t NUMBERS[] = {1, 2, 4, 8}; /* 0xcc … 0xcf unsigned, 0xd0 … 0xd3 signed */
    if (first <= 0x7f || first >= 0xe0 || (first >= 0xc0 && first <= 0xc3)) {
        return (struct token){0, 0, TOKEN_BYTES};
    }
    if (first <= 0x8f) {
        return (struct token){0, first & 0x0fU, TOKEN_PAIRS};
    }
    if (first <= 0x9f) {
        return (struct token){0, first & 0x0fU, TOKEN_ITEMS};
    }
    if (first <= 0xbf) {
        return (struct token){0, first & 0x1fU, TOKEN_BYTES};
    }
    if (first >= 0xcc && first <= 0xd3) {
        return (struct token){0, NUMBERS[(first - 0xcc) % 4], TOKEN_BYTES};
    }
    switch (first) {
    case 0xc4: /* bin, str */
    case 0xd9:
        return (struct token){1, 0, TOKEN_BYTES};
    case 0xc5:
    case 0xda:
        return (struct token){2, 0, TOKEN_BYTES};
    case 0xc6:
    case 0xdb:
        return (struct token){4, 0, TOKEN_BYTES};
    case 0xdc: /* array */
        return (struct token){2, 0, TOKEN_ITEMS};
    case 0xdd:
        return (struct token){4, 0, TOKEN_ITEMS};
    case 0xde: /* map */
        return (struct token){2, 0, TOKEN_PAIRS};
    case 0xdf:
        return (struct token){4, 0, TOKEN_PAIRS};
    default: /* floats and extensions, which no field is: more bytes than there ever are */
        return (struct token){0, UINT64_MAX, TOKEN_BYTES};
    }
}

/* Whether the values are as many and as long as they say. msgpack makes room for what a map or list says it holds before it looks: nine bytes could ask for
 * 200 GB. Afterwards at most one object a byte is made. */
static bool is_whole(struct bytes bytes)
{
    uint64_t expected = 1; /* values still to come */
    while (expected > 0) {
        if (bytes.size == 0 || expected > bytes.size) { /* each has a byte at least */
            return false;
        }
        struct token const token = token_of(bytes.data[0]);
        uint64_t number = token.fixed;
        bytes = bytes_from(bytes, 1);
        if (token.length_size > bytes.size) {
            return false;
        }
        for (size_t i = 0; i < token.length_size; i++) {
            number = number << 8 | bytes.data[i];
        }
        bytes = bytes_from(bytes, token.length_size);
        expected--;
        if (token.counts == TOKEN_BYTES) {
            if (number > bytes.size) {
                return false;
            }
            bytes = bytes_from(bytes, (size_t)number);
        } else {
            expected += token.counts == TOKEN_PAIRS ? 2 * number : number;
        }
    }
    return bytes.size == 0;
}

static enum err_code unpack_map(struct bytes bytes, struct event *event, bool is_private,
                                struct arena *arena, struct err *err)
{
    enum err_code code = ERR_OK;
    size_t offset = 0;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    msgpack_unpack_return got =
        is_whole(bytes)
            ? msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset)
            : MSGPACK_UNPACK_PARSE_ERROR;
    if (got != MSGPACK_UNPACK_SUCCESS || offset != bytes.size ||
        !unpack_fields(&unpacked.data, event->type->shape, (uint8_t *)&event->u, is_private,
                       is_private ? &event->fingerprint : NULL, arena)) {
        code = err_set(err, ERR_CORRUPT, "the %s part of a %s is not in its form",
                       is_private ? "private" : "public", event->type->name);
    }
    msgpack_unpacked_destroy(&unpacked);
    return code;
}

/* One spelling: what was decoded must encode to the same bytes (shortest integers, nothing left out). */
static enum err_code check_canonical(const struct event *event, struct bytes bytes, bool is_private,
                                     struct err *err)
{
    struct buf again;
    buf_init(&again, RECORD_SIZE_MAX);
    enum err_code code =
        is_private ? private_encode(event, &again, err) : record_encode(event, &again, err);
    if (code != ERR_OK || !bytes_equal(buf_bytes(&again), bytes)) {
        code = err_set(err, ERR_CORRUPT, "a %s is not in canonical form", event->type->name);
    }
    buf_deinit(&again);
    return code;
}

enum err_code record_decode(struct bytes record, struct arena *arena, struct event *ret,
                            struct err *err)
{
    struct record_header header = {0};
    enum err_code code = record_header_decode(record, &header, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct event_type *type = event_type_find(header.type, header.version);
    if (type == NULL) {
        return err_set(err, ERR_CORRUPT, "event type %u version %u: written by a newer program?",
                       header.type, header.version);
    }
    if (header.stream_kind != type->stream_kind) {
        return err_set(err, ERR_CORRUPT, "a %s on a stream of kind %u", type->name,
                       header.stream_kind);
    }
    struct event event = {
        .type = type,
        .stream_id = header.stream_id,
        .actor_kind = (enum actor_kind)header.actor_kind,
        .actor_id = header.actor_id,
        .time = header.time,
        .causation = header.causation,
        .command_id = header.command_id,
        .private_digest = header.private_digest,
    };
    code = unpack_map(bytes_from(record, RECORD_HEADER_SIZE), &event, false, arena, err);
    if (code == ERR_OK) {
        code = check_canonical(&event, record, false, err);
    }
    if (code == ERR_OK) {
        *ret = event;
    }
    return code;
}

enum err_code private_decode(struct bytes private_part, struct arena *arena, struct event *event,
                             struct err *err)
{
    struct event whole = *event;
    enum err_code code = unpack_map(private_part, &whole, true, arena, err);
    if (code == ERR_OK) {
        code = check_canonical(&whole, private_part, true, err);
    }
    if (code == ERR_OK) {
        *event = whole;
    }
    return code;
}
