/* Records of former versions. Method: bytes as the program that knew no newer version wrote them, spelled out here for ever; read,
 * written again, evolved and projected. Proves: R16.3 for a log that is older than its program. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/event/render.h"
#include "projections/metrics.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <string.h>

struct old_record {
    uint8_t bytes[1024];
    size_t size;
    struct arena arena;
    struct event event;
};

/* Reads it, and sees that it is still spelled as it was. */
static void read_old(const char *hex, uint16_t version, struct old_record *ret)
{
    struct err err = {0};
    struct buf again;
    ret->size = strlen(hex) / 2;
    assert_int_equal(hex_decode(bytes_of_text(hex), ret->bytes, ret->size, &err), ERR_OK);
    arena_init(&ret->arena, 1 << 16);
    if (record_decode(bytes_of(ret->bytes, ret->size), &ret->arena, &ret->event, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ret->event.type->version, version);
    buf_init(&again, RECORD_SIZE_MAX);
    assert_int_equal(record_encode(&ret->event, &again, &err), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&again), bytes_of(ret->bytes, ret->size)));
    buf_deinit(&again);
}

static void no_name(struct key32 key, char ret_text[QUBIC_TEXT_SIZE])
{
    (void)key;
    ret_text[0] = '\0';
}

static void assert_shown(const struct event *event, const char *said, const char *not_said)
{
    const struct render_names names = {.identity = no_name, .transaction = no_name};
    struct buf text;
    buf_init(&text, 1 << 16);
    event_render(&text, event, 1, "test/0/1", &names);
    assert_non_null(strstr(buf_text(&text), said));
    assert_null(strstr(buf_text(&text), not_said));
    buf_deinit(&text);
}

/* Two samples: one of a GPU, one that says only the CPU. */
static const char METRIC_SAMPLED_V1[] =
    "0100003000010803187afca7a364ca0000000000000000006666666666666666"
    "6666666666666666222222222222222222222222222222223434343434343434"
    "3434343434343434000000000000000000000000000000000000000000000000"
    "00000000000000008201c4102222222222222222222222222222222202928901"
    "cd07d002cd03e303cd080004cdfa0005cd03ca06cd2af807cd5ff4084709ce00"
    "04c2c08201cd0fa0020c";

static void samples_of_version_1_say_nothing_of_clocks_and_fans(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record old;
    struct metric_sample got[4];
    struct ev_sample newer = {.at_ms = 6000,
                              .fan_percent = 0,
                              .sm_clock_mhz = 2520,
                              .throttle_reasons = 0x44,
                              .known = SAMPLE_FAN | SAMPLE_SM_CLOCK | SAMPLE_THROTTLE};
    struct event event = {.type = event_type_newest(EVENT_METRIC_SAMPLED)};
    uint64_t first;
    read_old(METRIC_SAMPLED_V1, 1, &old);
    assert_int_equal(old.event.u.metric_sampled.samples.count, 2);
    assert_shown(&old.event, "\"typeversion\":1", "known");

    /* Of one job, an old record and then a new one. */
    event.stream_id = old.event.stream_id;
    event.u.metric_sampled.samples = (struct event_list){&newer, 1};
    assert_shown(&event, "\"known\":11", "\"typeversion\":1");
    PROJECTION_METRICS.apply(store, 1, &old.event);
    PROJECTION_METRICS.apply(store, 2, &event);
    assert_int_equal(metrics_newest(store, event.stream_id, got, 4, &first), 3);
    assert_int_equal(got[0].at_ms, 2000);
    assert_int_equal(got[0].power_mw, 312000);
    assert_int_equal(got[0].known, 0);
    assert_int_equal(got[1].cpu_permille, 12);
    assert_int_equal(got[1].known, 0);
    assert_int_equal(got[2].sm_clock_mhz, 2520);
    assert_int_equal(got[2].throttle_reasons, 0x44);
    assert_int_equal(got[2].known, SAMPLE_FAN | SAMPLE_SM_CLOCK | SAMPLE_THROTTLE);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&old.arena);
    memory_store_destroy(store);
}

/* The views do not depend on the version that a fact was written in. */
static void the_same_samples_in_either_version_give_the_same_rows(void **state)
{
    (void)state;
    struct store *as_it_was = memory_store_create();
    struct store *as_it_is = memory_store_create();
    struct old_record old;
    char where[200];
    read_old(METRIC_SAMPLED_V1, 1, &old);
    PROJECTION_METRICS.apply(as_it_was, 1, &old.event);
    old.event.type = event_type_newest(EVENT_METRIC_SAMPLED);
    PROJECTION_METRICS.apply(as_it_is, 1, &old.event);
    assert_true(memory_store_equal(as_it_was, as_it_is, where, sizeof where));
    arena_deinit(&old.arena);
    memory_store_destroy(as_it_was);
    memory_store_destroy(as_it_is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_version_1_say_nothing_of_clocks_and_fans),
        cmocka_unit_test(the_same_samples_in_either_version_give_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
