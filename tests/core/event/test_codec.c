/* Records. Method: every type filled at random by its own table, encoded, decoded, compared; every flipped byte either
 * refused or a different event; and one record spelled out byte by byte, which must never change. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/event/render.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static uint32_t below(uint32_t limit)
{
    uint32_t value;
    rng_bytes(&value, sizeof value);
    return value % limit;
}

static void fill(const struct event_shape *shape, uint8_t *base, struct arena *arena);

static void fill_field(const struct event_field *field, uint8_t *at, struct arena *arena)
{
    uint64_t u64;
    uint32_t number;
    rng_bytes(&u64, sizeof u64);
    u64 >>= below(64);
    switch (field->kind) {
    case FIELD_U64:
        memcpy(at, &u64, 8);
        return;
    case FIELD_AMOUNT:
    case FIELD_TIME:
        u64 >>= 1;
        u64 = below(2) == 0 ? u64 : 0 - u64;
        memcpy(at, &u64, 8);
        return;
    case FIELD_BOOL:
        *(bool *)at = below(2) == 0;
        return;
    case FIELD_ENUM:
        number = below(field->words->count);
        memcpy(at, &number, sizeof number);
        return;
    case FIELD_ID:
        rng_bytes(at, 16);
        return;
    case FIELD_HASH:
    case FIELD_IDENTITY:
    case FIELD_TXID:
        rng_bytes(at, 32);
        return;
    case FIELD_TEXT: {
        struct bytes text =
            arena_copy(arena, bytes_of("notch \xE2\x82\xAC \"\n", below(2) ? 12 : 0));
        memcpy(at, &text, sizeof text);
        return;
    }
    case FIELD_BYTES: {
        struct bytes bytes = arena_copy(arena, bytes_of(&u64, below(9)));
        memcpy(at, &bytes, sizeof bytes);
        return;
    }
    case FIELD_LIST: {
        struct event_list list = {.count = below(5)};
        list.items = arena_alloc_array(arena, list.count, field->item->size);
        for (size_t i = 0; i < list.count; i++) {
            fill(field->item, (uint8_t *)list.items + i * field->item->size, arena);
        }
        memcpy(at, &list, sizeof list);
        return;
    }
    }
}

static void fill(const struct event_shape *shape, uint8_t *base, struct arena *arena)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        if (below(4) != 0) {
            fill_field(&shape->fields[i], base + shape->fields[i].offset, arena);
        }
    }
}

static void random_event(const struct event_type *type, struct event *event, struct arena *arena)
{
    *event = (struct event){.type = type, .actor_kind = ACTOR_HOST, .time = below(1000000)};
    rng_bytes(&event->stream_id, 16);
    rng_bytes(&event->command_id, 16);
    rng_bytes(&event->private_digest, 32);
    if (below(2) == 0) {
        rng_bytes(&event->fingerprint, 32);
    }
    fill(type->shape, (uint8_t *)&event->u, arena);
}

static void fake_name(struct key32 key, char ret_text[QUBIC_TEXT_SIZE])
{
    (void)key;
    memset(ret_text, 'A', QUBIC_TEXT_SIZE - 1);
    ret_text[QUBIC_TEXT_SIZE - 1] = '\0';
}

static const struct render_names NAMES = {.identity = fake_name, .transaction = fake_name};

static void every_type_round_trips(void **state)
{
    (void)state;
    size_t count;
    const struct event_type *types = event_types(&count);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct buf first;
    struct buf second;
    struct buf private_part;
    struct buf again;
    buf_init(&first, 1 << 17);
    buf_init(&second, 1 << 17);
    buf_init(&private_part, 1 << 17);
    buf_init(&again, 1 << 17);
    for (size_t i = 0; i < count * 20; i++) {
        struct event event;
        struct event back;
        struct err err;
        arena_clear(&arena);
        buf_clear(&first);
        buf_clear(&second);
        buf_clear(&private_part);
        buf_clear(&again);
        random_event(&types[i % count], &event, &arena);
        assert_int_equal(record_encode(&event, &first, &err), ERR_OK);
        assert_int_equal(private_encode(&event, &private_part, &err), ERR_OK);
        assert_int_equal(record_decode(buf_bytes(&first), &arena, &back, &err), ERR_OK);
        if (private_part.size > 0) {
            assert_int_equal(private_decode(buf_bytes(&private_part), &arena, &back, &err), ERR_OK);
        }
        assert_int_equal(record_encode(&back, &second, &err), ERR_OK);
        assert_int_equal(private_encode(&back, &again, &err), ERR_OK);
        assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        assert_true(bytes_equal(buf_bytes(&private_part), buf_bytes(&again)));

        buf_clear(&again);
        event_render(&again, &back, 7, "test/0/1", &NAMES);
        json_error_t problem;
        json_t *json = json_loads(buf_text(&again),
                                  JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &problem);
        if (json == NULL) {
            fail_msg("%s: %s", problem.text, buf_text(&again));
        }
        assert_string_equal(json_string_value(json_object_get(json, "type")),
                            types[i % count].name);
        json_decref(json);
    }
    buf_deinit(&first);
    buf_deinit(&second);
    buf_deinit(&private_part);
    buf_deinit(&again);
    arena_deinit(&arena);
}

static void damaged_records_are_refused_or_differ(void **state)
{
    (void)state;
    size_t count;
    const struct event_type *types = event_types(&count);
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct buf record;
    struct buf again;
    buf_init(&record, 1 << 17);
    buf_init(&again, 1 << 17);
    for (size_t i = 0; i < count; i++) {
        struct event event;
        struct event back;
        arena_clear(&arena);
        buf_clear(&record);
        random_event(&types[i], &event, &arena);
        assert_int_equal(record_encode(&event, &record, NULL), ERR_OK);
        for (size_t at = 0; at < record.size; at++) {
            arena_clear(&arena);
            record.data[at] ^= (uint8_t)(1U << below(8));
            if (record_decode(buf_bytes(&record), &arena, &back, NULL) == ERR_OK) {
                buf_clear(&again); /* accepted, so it must be another event, in its one spelling */
                assert_int_equal(record_encode(&back, &again, NULL), ERR_OK);
                assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&record)));
            }
            record.data[at] = (uint8_t)below(256);
        }
        for (size_t size = 0; size < record.size; size++) {
            arena_clear(&arena);
            assert_int_not_equal(record_decode(bytes_of(record.data, size), &arena, &back, NULL),
                                 ERR_OK);
        }
    }
    buf_deinit(&record);
    buf_deinit(&again);
    arena_deinit(&arena);
}

static void this_record_never_changes(void **state)
{
    (void)state;
    struct event event = {
        .type = event_type_find(EVENT_JOB_STARTED, 1),
        .actor_kind = ACTOR_HOST,
        .time = 0x0102030405060708,
        .causation = 41,
        .u.job_started = {.attempt = 1, .limit_ms = 3600000},
    };
    memset(&event.stream_id, 0x11, 16);
    memset(&event.actor_id, 0x22, 16);
    memset(&event.command_id, 0x33, 16);
    memset(&event.u.job_started.host_id, 0x22, 16);
    struct buf record;
    buf_init(&record, 1000);
    assert_int_equal(record_encode(&event, &record, NULL), ERR_OK);
    char hex[1000];
    hex_encode(buf_bytes(&record), hex);
    assert_string_equal(hex, "0100002d000108030102030405060708"
                             "0000000000000029"
                             "11111111111111111111111111111111"
                             "22222222222222222222222222222222"
                             "33333333333333333333333333333333"
                             "0000000000000000000000000000000000000000000000000000000000000000"
                             "8301c410222222222222222222222222222222220201"
                             "03ce0036ee80");
    buf_deinit(&record);
}

static void a_longer_integer_than_needed_is_refused(void **state)
{
    (void)state;
    struct event event = {.type = event_type_find(EVENT_TOKEN_REVOKED, 1),
                          .actor_kind = ACTOR_LEDGER};
    struct buf record;
    buf_init(&record, 1000);
    assert_int_equal(record_encode(&event, &record, NULL), ERR_OK);
    assert_int_equal(record.data[RECORD_HEADER_SIZE], 0x80);
    record.data[RECORD_HEADER_SIZE] =
        0xde; /* map16 with no entries: the same map, spelled longer */
    buf_append(&record, "\0\0", 2);
    struct arena arena;
    arena_init(&arena, 10000);
    assert_int_equal(record_decode(buf_bytes(&record), &arena, &event, NULL), ERR_CORRUPT);
    arena_deinit(&arena);
    buf_deinit(&record);
}

static void numbers_ascend_and_are_unique(void **state)
{
    (void)state;
    size_t count;
    const struct event_type *types = event_types(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(
            i == 0 || types[i].number > types[i - 1].number ||
            (types[i].number == types[i - 1].number && types[i].version > types[i - 1].version));
        for (size_t f = 0; f < types[i].shape->field_count; f++) {
            assert_true(types[i].shape->fields[f].number >
                        (f == 0 ? 0 : types[i].shape->fields[f - 1].number));
        }
    }
}

static void assert_begins_with(const struct event_shape *newer, const struct event_shape *older)
{
    assert_true(newer->field_count >= older->field_count);
    assert_int_equal(newer->size, older->size); /* one struct */
    for (size_t f = 0; f < older->field_count; f++) {
        const struct event_field *is = &newer->fields[f];
        const struct event_field *was = &older->fields[f];
        assert_string_equal(is->name, was->name);
        assert_int_equal(is->number, was->number);
        assert_int_equal(is->kind, was->kind);
        assert_int_equal(is->is_private, was->is_private);
        assert_int_equal(is->offset, was->offset);
        assert_ptr_equal(is->words, was->words);
        if (was->item != NULL) {
            assert_begins_with(is->item, was->item);
        }
    }
}

/* What decision 0019 promises, and what reading old records into the newest struct stands on. */
static void a_newer_version_has_the_fields_of_the_older_one_first(void **state)
{
    (void)state;
    size_t count;
    size_t older = 0;
    const struct event_type *types = event_types(&count);
    for (size_t i = 1; i < count; i++) {
        if (types[i].number == types[i - 1].number) {
            assert_int_equal(types[i].version, types[i - 1].version + 1);
            assert_string_equal(types[i].name, types[i - 1].name);
            assert_int_equal(types[i].stream_kind, types[i - 1].stream_kind);
            assert_begins_with(types[i].shape, types[i - 1].shape);
            older++;
        } else {
            assert_int_equal(types[i].version, 1);
        }
    }
    assert_true(older > 0);
    assert_int_equal(event_type_newest(EVENT_METRIC_SAMPLED)->version, 2);
    assert_int_equal(event_type_newest(EVENT_JOB_STARTED)->version, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_round_trips),
        cmocka_unit_test(damaged_records_are_refused_or_differ),
        cmocka_unit_test(this_record_never_changes),
        cmocka_unit_test(a_longer_integer_than_needed_is_refused),
        cmocka_unit_test(numbers_ascend_and_are_unique),
        cmocka_unit_test(a_newer_version_has_the_fields_of_the_older_one_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
