/* The log. Method: batches of random sizes across tile borders, reopened now and then; sizes, roots, proofs and tiles against a plain
 * recomputation; then every kind of damage must be found by log_verify. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/crypto/sha256.h"
#include "core/event/codec.h"
#include "core/log/event_log.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <string.h>
#include <sys/stat.h>

#define RECORDS_MAX 3000

struct fixture {
    char folder[64];
    char path[80];
    struct event_log *log;
    struct note_key key;
    struct key32 leaves[RECORDS_MAX];
    size_t count;
};

static void open_log(struct fixture *f)
{
    struct event_log_options options = {.folder = f->path, .create = true, .map_size = 1 << 28};
    struct err err = {0};
    if (event_log_open(&options, &f->log, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    (void)snprintf(f->path, sizeof f->path, "%s/log", f->folder);
    note_key_generate(&f->key);
    open_log(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    event_log_close(f->log);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

/* Records of real types, so that log_verify can decode them. */
static void make_record(struct fixture *f, struct buf *record, struct buf *private_part)
{
    struct event event = {.actor_kind = ACTOR_LEDGER, .time = (int64_t)f->count};
    rng_bytes(&event.command_id, 16);
    if (f->count == 0) {
        event.type = event_type_find(EVENT_LEDGER_OPENED, 1);
        event.u.ledger_opened = (struct ev_ledger_opened){
            .generation = 1,
            .network = NETWORK_LOCAL,
            .record_format = 1,
            .checkpoint_key = f->key.public_key,
            .name = bytes_of_text("tally.test"),
        };
    } else {
        event.type = event_type_find(EVENT_TOKEN_ISSUED, 1);
        rng_bytes(&event.u.token_issued.token_id, 16);
        event.u.token_issued.scopes = SCOPE_CONSUMER;
        if (f->count % 3 == 0) {
            event.u.token_issued.label = bytes_of_text("laptop");
        }
    }
    buf_clear(record);
    buf_clear(private_part);
    uint8_t salt[PRIVATE_SALT_SIZE];
    rng_bytes(salt, sizeof salt);
    buf_append(private_part, salt, sizeof salt);
    assert_int_equal(private_encode(&event, private_part, NULL), ERR_OK);
    if (private_part->size == sizeof salt) {
        buf_clear(private_part);
    } else {
        event.private_digest = sha256_of(buf_bytes(private_part));
    }
    assert_int_equal(record_encode(&event, record, NULL), ERR_OK);
    f->leaves[f->count++] = merkle_leaf(buf_bytes(record));
}

static void append_batch(struct fixture *f, size_t count)
{
    struct log_entry entries[300];
    struct buf records[300];
    struct buf privates[300];
    uint64_t first = 0;
    for (size_t i = 0; i < count; i++) {
        buf_init(&records[i], RECORD_SIZE_MAX);
        buf_init(&privates[i], RECORD_SIZE_MAX);
        make_record(f, &records[i], &privates[i]);
        entries[i] = (struct log_entry){buf_bytes(&records[i]), buf_bytes(&privates[i])};
    }
    assert_int_equal(event_log_append(f->log, entries, count, &first, NULL), ERR_OK);
    assert_int_equal(first, f->count - count + 1);
    for (size_t i = 0; i < count; i++) {
        buf_deinit(&records[i]);
        buf_deinit(&privates[i]);
    }
}

static struct key32 plain_root(const struct key32 *leaves, size_t count)
{
    if (count == 0) {
        return merkle_empty_root();
    }
    if (count == 1) {
        return leaves[0];
    }
    size_t split = 1;
    while (split * 2 < count) {
        split *= 2;
    }
    return merkle_node(plain_root(leaves, split), plain_root(leaves + split, count - split));
}

static void store_checkpoint(struct fixture *f, uint64_t size, struct key32 root)
{
    struct buf note;
    buf_init(&note, 4096);
    struct checkpoint checkpoint = {.size = size, .root = root};
    checkpoint_sign(&note, "tally.test/00000000-0000-0000-0000-000000000000/1", checkpoint,
                    &f->key);
    assert_int_equal(event_log_store_checkpoint(f->log, buf_bytes(&note), NULL), ERR_OK);
    buf_deinit(&note);
}

static void check_proofs(struct fixture *f)
{
    struct log_reader *reader;
    struct key32 root = plain_root(f->leaves, f->count);
    assert_int_equal(log_reader_open(f->log, &reader, NULL), ERR_OK);
    struct merkle_source nodes = log_reader_nodes(reader);
    for (int i = 0; i < 20; i++) {
        uint64_t at;
        struct merkle_proof proof;
        rng_bytes(&at, sizeof at);
        at %= f->count;
        assert_int_equal(merkle_prove_inclusion(&nodes, at, f->count, &proof, NULL), ERR_OK);
        assert_true(merkle_verify_inclusion(&proof, at, f->count, f->leaves[at], root));
        assert_int_equal(merkle_prove_consistency(&nodes, at + 1, f->count, &proof, NULL), ERR_OK);
        assert_true(merkle_verify_consistency(&proof, at + 1, f->count,
                                              plain_root(f->leaves, at + 1), root));
    }
    struct key32 hashes[256];
    assert_int_equal(log_reader_tile(reader, 0, f->count / 256, f->count % 256 + 1, hashes, NULL),
                     ERR_NOT_FOUND);
    log_reader_close(reader);
}

static void roots_proofs_and_tiles_match_a_plain_recomputation(void **state)
{
    struct fixture *f = *state;
    while (f->count < RECORDS_MAX - 300) {
        uint16_t size;
        rng_bytes(&size, sizeof size);
        append_batch(f, size % (size % 7 == 0 ? 300U : 20U) + 1U);
        assert_int_equal(event_log_size(f->log), f->count);
        struct key32 root = plain_root(f->leaves, f->count);
        assert_true(key_equal(event_log_root(f->log), root));
        if (size % 11 == 0) {
            store_checkpoint(f, f->count, root);
        }
        if (size % 13 == 0) {
            event_log_close(f->log);
            open_log(f);
            check_proofs(f);
        }
    }
    check_proofs(f);
    store_checkpoint(f, f->count, plain_root(f->leaves, f->count));
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    if (log_verify(f->log, &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.size, f->count);
    assert_true(result.has_checkpoint);
    assert_int_equal(result.private_parts, (f->count - 1) / 3);
}

static void a_checkpoint_that_was_never_true_is_found(void **state)
{
    struct fixture *f = *state;
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err;
    append_batch(f, 40);
    store_checkpoint(f, 39, plain_root(f->leaves, 40));
    assert_int_equal(log_verify(f->log, &options, &result, &err), ERR_CORRUPT);
    store_checkpoint(f, 41, plain_root(f->leaves, 40));
    assert_int_equal(log_verify(f->log, &options, &result, &err), ERR_CORRUPT);
    store_checkpoint(f, 39, plain_root(f->leaves, 39));
    assert_int_equal(log_verify(f->log, &options, &result, &err), ERR_OK);
}

static void append_anchor(struct fixture *f, uint64_t size, struct key32 root)
{
    struct buf record;
    uint64_t first = 0;
    struct event event = {.type = event_type_find(EVENT_CHECKPOINT_ANCHORED, 1),
                          .actor_kind = ACTOR_SETTLEMENT,
                          .time = (int64_t)f->count,
                          .u.checkpoint_anchored = {.size = size, .root = root, .tick = 9}};
    rng_bytes(&event.command_id, 16);
    rng_bytes(&event.u.checkpoint_anchored.tx_id, 32);
    buf_init(&record, RECORD_SIZE_MAX);
    assert_int_equal(record_encode(&event, &record, NULL), ERR_OK);
    struct log_entry entry = {.record = buf_bytes(&record)};
    assert_int_equal(event_log_append(f->log, &entry, 1, &first, NULL), ERR_OK);
    f->leaves[f->count++] = merkle_leaf(buf_bytes(&record));
    assert_int_equal(first, f->count);
    buf_deinit(&record);
}

static enum err_code note_anchor(void *ctx, const struct log_anchor *anchor, struct err *err)
{
    uint64_t *told = ctx;
    (void)err;
    told[0]++;
    told[1] = anchor->sequence;
    told[2] = anchor->anchored.size;
    return ERR_OK;
}

/* Sizes within a tile, at its border, of whole tiles and of all that was there; then each way in which an anchor can be wrong. */
static void an_anchor_is_the_root_of_records_before_it(void **state)
{
    struct fixture *f = *state;
    uint64_t told[3] = {0};
    struct log_verify_options options = {.anchor = note_anchor, .ctx = told};
    struct log_verify_result result = {0};
    const uint64_t sizes[] = {1, 255, 256, 257, 512, 899, 904};
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        append_batch(f, 300);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        append_anchor(f, sizes[i], plain_root(f->leaves, sizes[i]));
        append_batch(f, 3);
    }
    if (log_verify(f->log, &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.anchors, 7);
    assert_int_equal(told[0], 7);
    assert_int_equal(told[1], 925);
    assert_int_equal(told[2], 904);
}

static void a_wrong_anchor_is_found(void **state)
{
    struct fixture *f = *state;
    struct log_verify_options options = {0};
    const struct {
        uint64_t size;
        uint64_t root_of;
        const char *sentence;
    } rows[] = {{39, 40, "record 51 anchors a root of 39 records that is not theirs"},
                {0, 0, "record 51 anchors 0 records, which were not there before it"},
                {51, 50, "record 51 anchors 51 records, which were not there before it"},
                {UINT64_MAX, 50, "record 51 anchors 18446744073709551615 records"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct log_verify_result result;
        struct err err = {0};
        append_batch(f, 50);
        append_anchor(f, rows[i].size, plain_root(f->leaves, rows[i].root_of));
        append_batch(f, 1);
        assert_int_equal(log_verify(f->log, &options, &result, &err), ERR_CORRUPT);
        if (strstr(err.message, rows[i].sentence) == NULL) {
            fail_msg("%s", err.message);
        }
        event_log_close(f->log);
        temp_folder_remove(f->path);
        f->count = 0;
        open_log(f);
    }
}

/* Flip one byte of the data file at many places: either verify says so, or it says exactly the same as before (the byte was
 * in a free page or in padding). */
static void a_changed_byte_is_found_or_has_no_effect(void **state)
{
    struct fixture *f = *state;
    append_batch(f, 300);
    append_batch(f, 100);
    store_checkpoint(f, 400, plain_root(f->leaves, 400));
    struct log_verify_options options = {0};
    struct log_verify_result before;
    assert_int_equal(log_verify(f->log, &options, &before, NULL), ERR_OK);
    event_log_close(f->log);
    f->log = NULL;
    char data_path[128];
    (void)snprintf(data_path, sizeof data_path, "%s/data.mdb", f->path);
    struct buf data;
    buf_init(&data, 1 << 26);
    assert_int_equal(file_read(data_path, &data, NULL), ERR_OK);
    size_t found = 0;
    size_t records = 0;
    struct buf record;
    struct buf private_part;
    buf_init(&record, RECORD_SIZE_MAX);
    buf_init(&private_part, RECORD_SIZE_MAX);
    /* Only bytes of stored records and private parts: a damaged page header can make LMDB itself fault, which is
     * why suspicious files are scanned in a child process. */
    for (size_t at = 0; at + 16 < data.size; at++) {
        if (memcmp(data.data + at, "\x01\x00\x00\x0b\x00\x01\x02\x01", 8) != 0) {
            continue;
        }
        records++;
        if (records % 20 != 0) {
            continue;
        }
        uint8_t *byte = &data.data[at + records % 110 + 1];
        *byte ^= 0x10;
        FILE *file = fopen(data_path, "r+b");
        assert_non_null(file);
        assert_int_equal(fwrite(data.data, 1, data.size, file), data.size);
        assert_int_equal(fclose(file), 0);
        struct log_verify_result after;
        struct event_log_options open_options = {.folder = f->path, .map_size = 1 << 28};
        enum err_code code = event_log_open(&open_options, &f->log, NULL);
        if (code == ERR_OK) {
            code = log_verify(f->log, &options, &after, NULL);
        }
        if (code != ERR_OK) {
            found++;
        } else {
            assert_true(key_equal(after.root, before.root));
        }
        event_log_close(f->log);
        f->log = NULL;
        *byte ^= 0x10;
    }
    /* Page splits leave stale copies behind, about one for two records: changing those has no effect. */
    assert_true(records >= 400);
    assert_true(found >= 15);
    buf_deinit(&data);
    buf_deinit(&record);
    buf_deinit(&private_part);
}

static uint64_t length_of_data(const struct fixture *f)
{
    char data_path[128];
    struct stat info;
    (void)snprintf(data_path, sizeof data_path, "%s/data.mdb", f->path);
    assert_int_equal(stat(data_path, &info), 0);
    return (uint64_t)info.st_size;
}

/* A sync that lets the file grow waits for its inode as well. */
static void commits_are_written_over_what_was_filled_and_the_log_is_whole(void **state)
{
    struct fixture *f = *state;
    append_batch(f, 1);
    uint64_t const filled = length_of_data(f);
    for (size_t i = 0; i < 50; i++) {
        append_batch(f, 1);
    }
    assert_int_equal(length_of_data(f), filled);
    append_batch(f, 300); /* more than is filled ahead of one record */
    event_log_close(f->log);
    f->log = NULL;
    open_log(f);
    append_batch(f, 1); /* behind zeros of the time before */
    struct log_verify_result result;
    store_checkpoint(f, f->count, plain_root(f->leaves, f->count));
    assert_int_equal(log_verify(f->log, &(struct log_verify_options){0}, &result, NULL), ERR_OK);
    assert_true(key_equal(result.root, plain_root(f->leaves, f->count)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roots_proofs_and_tiles_match_a_plain_recomputation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_was_never_true_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(an_anchor_is_the_root_of_records_before_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_wrong_anchor_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_byte_is_found_or_has_no_effect, setup, teardown),
        cmocka_unit_test_setup_teardown(
            commits_are_written_over_what_was_filled_and_the_log_is_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
