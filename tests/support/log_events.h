/* tests/support/log_events.h: events straight into a log, without a ledger. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_LOG_EVENTS_H
#define TESTS_SUPPORT_LOG_EVENTS_H

#include "core/base/rng.h"
#include "core/crypto/sha256.h"
#include "core/event/codec.h"
#include "core/log/event_log.h"
#include "tests/support/cmocka_all.h"

/* Its sequence. Command id, actor and private digest are filled. */
static inline uint64_t log_events_append(struct event_log *log, struct event *event)
{
    struct buf record;
    struct buf part;
    uint8_t salt[PRIVATE_SALT_SIZE];
    uint64_t sequence = 0;
    struct err err = {0};
    buf_init(&record, RECORD_SIZE_MAX);
    buf_init(&part, RECORD_SIZE_MAX);
    rng_bytes(salt, sizeof salt);
    rng_bytes(&event->command_id, sizeof event->command_id);
    event->actor_kind = ACTOR_LEDGER;
    buf_append(&part, salt, sizeof salt);
    assert_int_equal(private_encode(event, &part, NULL), ERR_OK);
    if (part.size == sizeof salt) {
        buf_clear(&part);
    } else {
        event->private_digest = sha256_of(buf_bytes(&part));
    }
    assert_int_equal(record_encode(event, &record, NULL), ERR_OK);
    struct log_entry entry = {buf_bytes(&record), buf_bytes(&part)};
    if (event_log_append(log, &entry, 1, &sequence, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    buf_deinit(&record);
    buf_deinit(&part);
    return sequence;
}

static inline void log_events_open_ledger(struct event_log *log)
{
    struct event event = {.type = event_type_newest(EVENT_LEDGER_OPENED)};
    event.u.ledger_opened = (struct ev_ledger_opened){
        .generation = 1, .network = NETWORK_LOCAL, .record_format = 1, .name = bytes_of_text("t")};
    rng_bytes(&event.u.ledger_opened.checkpoint_key, 32);
    (void)log_events_append(log, &event);
}

static inline uint64_t log_events_upload(struct event_log *log, struct key32 digest)
{
    struct event event = {.type = event_type_newest(EVENT_UPLOAD_RECEIVED)};
    event.u.upload_received = (struct ev_upload_received){
        .size = 5, .file_name = bytes_of_text("secret-name.py"), .digest = digest};
    return log_events_append(log, &event);
}

/* `second` 0: only the first. */
static inline void log_events_erase(struct event_log *log, uint64_t first, uint64_t second)
{
    struct ev_erased items[] = {{.sequence = first}, {.sequence = second}};
    struct event event = {.type = event_type_newest(EVENT_PRIVATE_ERASED)};
    event.u.private_erased.sequences =
        (struct event_list){.items = items, .count = second == 0 ? 1 : 2};
    (void)log_events_append(log, &event);
}

#endif
