/* Records and private parts. What decodes must encode to the same bytes, have a rendering that is JSON, and leave the result alone when it
 * does not decode. The first byte says what follows: 0 a record; otherwise the private part of that type of the catalogue. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/event/codec.h"
#include "core/event/render.h"
#include "core/qubic/identity.h"
#include "tests/fuzz/fuzz_target.h"

#include <jansson.h>
#include <string.h>

static void identity_name(struct key32 key, char ret[QUBIC_TEXT_SIZE])
{
    qubic_identity_format(&key, ret);
}

static void transaction_name(struct key32 hash, char ret[QUBIC_TEXT_SIZE])
{
    qubic_hash_format(&hash, ret);
}

static const struct render_names NAMES = {identity_name, transaction_name};

static void check_rendering(const struct event *event)
{
    struct buf text;
    buf_init(&text, 64U << 20);
    event_render(&text, event, 1, "name/log/1", &NAMES);
    INVARIANT(!text.failed);
    /* Numbers as real: a foreign log may hold a count past what jansson's integers take. */
    json_t *json =
        json_loadb(buf_text(&text), text.size,
                   JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    INVARIANT(json_is_object(json));
    INVARIANT(json_is_object(json_object_get(json, "data")));
    json_decref(json);
    buf_deinit(&text);
}

static void check_record(struct bytes record, struct arena *arena)
{
    struct event event;
    struct event before;
    struct buf again;
    struct err err = {0};
    memset(&event, 0x5a, sizeof event);
    memcpy(&before, &event, sizeof event);
    if (record_decode(record, arena, &event, &err) != ERR_OK) {
        INVARIANT(err.code == ERR_CORRUPT);
        INVARIANT(memcmp(&event, &before, sizeof event) == 0);
        return;
    }
    struct record_header header;
    INVARIANT(record_header_decode(record, &header, NULL) == ERR_OK);
    INVARIANT(header.type == event.type->number && header.version == event.type->version);
    buf_init(&again, RECORD_SIZE_MAX);
    INVARIANT(record_encode(&event, &again, NULL) == ERR_OK);
    INVARIANT(bytes_equal(buf_bytes(&again), record));
    buf_deinit(&again);
    check_rendering(&event);
}

static void check_private(const struct event_type *type, struct bytes part, struct arena *arena)
{
    struct event event = {.type = type, .actor_kind = ACTOR_LEDGER};
    struct buf again;
    struct err err = {0};
    if (private_decode(part, arena, &event, &err) != ERR_OK) {
        INVARIANT(err.code == ERR_CORRUPT);
        return;
    }
    buf_init(&again, PRIVATE_SIZE_MAX);
    INVARIANT(private_encode(&event, &again, NULL) == ERR_OK);
    INVARIANT(bytes_equal(buf_bytes(&again), part));
    buf_clear(&again); /* nothing private got into the public part */
    INVARIANT(record_encode(&event, &again, NULL) == ERR_OK);
    INVARIANT(again.size == RECORD_HEADER_SIZE + 1);
    buf_deinit(&again);
    check_rendering(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    arena_init(&arena, 64U << 20);
    struct bytes const rest = bytes_from(bytes_of(data, size), 1);
    const struct event_type *type = data[0] == 0 ? NULL : event_type_find(data[0], 1);
    if (data[0] == 0) {
        check_record(rest, &arena);
    } else if (type != NULL) {
        check_private(type, rest, &arena);
    }
    arena_deinit(&arena);
    return 0;
}
