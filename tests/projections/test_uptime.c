/* R9.7: uptime, against a count of every minute of generated lives of machines. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/uptime.h"

#include "core/base/time.h"
#include "core/event/catalogue.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_NS (INT64_C(60) * NS_PER_S)
#define DAY_MINUTES 1440
#define LIFE_MINUTES (50 * DAY_MINUTES)
#define HOSTS 3
#define START (INT64_C(20000) * DAY_MINUTES) /* a midnight */

static const struct id16 ACCOUNT = {{1}};
static const struct id16 OTHER = {{2}};

static struct id16 host_of(uint8_t number)
{
    struct id16 id = {{9}};
    id.b[15] = number;
    return id;
}

static struct event event_of(enum event_type_number type, uint8_t host, int64_t minute)
{
    struct event event;
    memset(&event, 0, sizeof event);
    event.type = event_type_newest(type);
    event.stream_id = host_of(host);
    event.time = minute * MINUTE_NS;
    return event;
}

static void enrol(struct store *store, struct id16 account, uint8_t host, int64_t minute)
{
    struct event event = event_of(EVENT_PROVIDER_ENROLLED, host, minute);
    event.u.provider_enrolled.account_id = account;
    PROJECTION_UPTIME.apply(store, 1, &event);
}

static void online(struct store *store, struct id16 account, uint8_t host, int64_t minute)
{
    struct event event = event_of(EVENT_PROVIDER_ONLINE, host, minute);
    event.u.provider_online.account_id = account;
    PROJECTION_UPTIME.apply(store, 1, &event);
}

/* Noticed a minute after it was last heard of. */
static void offline(struct store *store, struct id16 account, uint8_t host, int64_t heard)
{
    struct event event = event_of(EVENT_PROVIDER_OFFLINE, host, heard + 1);
    event.u.provider_offline.account_id = account;
    event.u.provider_offline.last_report_at = heard * MINUTE_NS;
    PROJECTION_UPTIME.apply(store, 1, &event);
}

struct life {
    int64_t enrolled;
    bool on[LIFE_MINUTES]; /* by minute since START */
};

/* Goes on and off until `now`; may be on then. */
static void live(struct store *store, struct life *life, uint8_t host, int64_t now)
{
    int64_t at = START + rand() % (LIFE_MINUTES / 2);
    memset(life, 0, sizeof *life);
    life->enrolled = at;
    enrol(store, ACCOUNT, host, at);
    bool often = rand() % 4 != 0;
    while (often) {
        at += 1 + rand() % (rand() % 2 == 0 ? 100 : 20 * DAY_MINUTES);
        int64_t until = at + 1 + rand() % (rand() % 2 == 0 ? 300 : 5 * DAY_MINUTES);
        if (at >= now) {
            return;
        }
        online(store, ACCOUNT, host, at);
        for (int64_t minute = at; minute < until && minute < now; minute++) {
            life->on[minute - START] = true;
        }
        if (until >= now) {
            return;
        }
        offline(store, ACCOUNT, host, until);
        at = until + 1;
    }
}

static void uptime_is_what_a_count_of_every_minute_gives(void **state)
{
    (void)state;
    static struct life lives[HOSTS];
    const char *given = getenv("TALLY_TEST_SEED");
    unsigned seed = given == NULL ? 20261125 : (unsigned)strtoul(given, NULL, 10);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 120; round++) {
        struct store *store = memory_store_create();
        int64_t now = START + LIFE_MINUTES - 1 - rand() % (5 * DAY_MINUTES);
        int64_t border = (now / DAY_MINUTES - (UPTIME_DAYS - 1)) * DAY_MINUTES;
        struct uptime expected = {0};
        struct uptime got;
        for (uint8_t host = 0; host < HOSTS; host++) {
            live(store, &lives[host], host, now);
            uint64_t minutes = 0;
            for (int64_t minute = border; minute < now; minute++) {
                minutes += minute >= START && lives[host].on[minute - START] ? 1 : 0;
            }
            int64_t from = lives[host].enrolled > border ? lives[host].enrolled : border;
            if (minutes > 0) {
                expected.hosts++;
                expected.online_ms += minutes * 60000;
                expected.possible_ms += (uint64_t)(now - from) * 60000;
            }
        }
        uptime_get(store, ACCOUNT, now * MINUTE_NS, &got);
        if (memcmp(&got, &expected, sizeof got) != 0) {
            fail_msg("round %d: %llu of %llu ms on %llu hosts, counted %llu of %llu on %llu", round,
                     (unsigned long long)got.online_ms, (unsigned long long)got.possible_ms,
                     (unsigned long long)got.hosts, (unsigned long long)expected.online_ms,
                     (unsigned long long)expected.possible_ms, (unsigned long long)expected.hosts);
        }
        struct uptime summed = {0};
        struct uptime_host one = {0};
        uint8_t hosts = 0;
        while (uptime_hosts(store, ACCOUNT, one.host_id, now * MINUTE_NS, &one, 1) == 1) {
            assert_memory_equal(&one.host_id, &(struct id16[]){host_of(hosts)}, sizeof one.host_id);
            assert_int_equal(one.enrolled_at, lives[hosts].enrolled * MINUTE_NS);
            hosts++;
            summed.hosts += one.online_ms > 0 ? 1 : 0;
            summed.online_ms += one.online_ms;
            summed.possible_ms += one.online_ms > 0 ? one.possible_ms : 0;
        }
        assert_int_equal(hosts, HOSTS); /* also those that were never online */
        assert_memory_equal(&summed, &expected, sizeof summed);
        memory_store_destroy(store);
    }
}

static void anothers_machines_are_not_ones_own(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct uptime got;
    enrol(store, OTHER, 1, START);
    online(store, OTHER, 1, START);
    uptime_get(store, ACCOUNT, (START + 10) * MINUTE_NS, &got);
    assert_int_equal(got.hosts, 0);
    assert_int_equal(got.possible_ms, 0);
    uptime_get(store, OTHER, (START + 10) * MINUTE_NS, &got);
    assert_int_equal(got.online_ms, 600000);
    assert_int_equal(got.possible_ms, 600000);
    memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uptime_is_what_a_count_of_every_minute_gives),
        cmocka_unit_test(anothers_machines_are_not_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
