/* RPC bodies: what is built reads back the same, both shapes are read, lies are refused. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/crypto/k12.h"
#include "core/qubic/rpc.h"
#include "tests/support/qubic_vectors.h"

#define BODY_MAX (64 << 20)

struct fixture {
    struct buf body;
    struct arena arena;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    buf_init(&f->body, BODY_MAX);
    arena_init(&f->arena, BODY_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_deinit(&f->body);
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

/* A signed transaction of the main network, as an archive tells of it. */
static struct qubic_archived_transaction real_transaction(size_t index)
{
    struct vectors v = vectors_open("realTransactions");
    size_t size;
    uint8_t *wire = vector_blob(json_array_get(v.array, index), "txHex", &size);
    struct qubic_archived_transaction archived = {.timestamp_ms = 1763950000123,
                                                  .money_flew = true};
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &archived.transaction, NULL),
                     ERR_OK);
    archived.hash = qubic_transaction_hash(&archived.transaction);
    free(wire);
    json_decref(v.root);
    return archived;
}

static void tick_info_is_read_in_every_shape(void **state)
{
    struct fixture *f = *state;
    struct qubic_tick_info const info = {1234, 1, 227, 1000};
    struct qubic_tick_info read = {0};
    qubic_rpc_build_tick_info(&f->body, &info);
    assert_string_equal(
        buf_text(&f->body),
        "{\"tickInfo\":{\"tick\":1234,\"duration\":1,\"epoch\":227,\"initialTick\":1000}}");
    assert_int_equal(qubic_rpc_parse_tick_info(buf_bytes(&f->body), &read, NULL), ERR_OK);
    assert_memory_equal(&read, &info, sizeof info);
    assert_int_equal(qubic_rpc_parse_tick_info(
                         bytes_of_text("{\"blockHeight\":{\"tick\":7,\"new\":[1]}}"), &read, NULL),
                     ERR_OK);
    assert_int_equal(read.tick, 7);
    assert_int_equal(read.epoch, 0);
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "{\"tickInfo\":{}}",
                                      "{\"tickInfo\":null}",
                                      "{\"tickInfo\":{\"tick\":-1}}",
                                      "{\"tickInfo\":{\"tick\":4294967296}}",
                                      "{\"tickInfo\":{\"tick\":1.5}}",
                                      "{\"tickInfo\":{\"tick\":\"x\"}}",
                                      "{\"tickInfo\":{\"tick\":1}",
                                      "<html>502</html>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(qubic_rpc_parse_tick_info(bytes_of_text(bad[i]), &read, NULL),
                         ERR_INVALID);
    }
    assert_int_equal(read.tick, 7); /* untouched on failure */
}

static void balance_reads_64_bit_texts(void **state)
{
    struct fixture *f = *state;
    struct qubic_balance balance = {.balance = INT64_MAX,
                                    .valid_for_tick = 10,
                                    .latest_incoming_tick = 9,
                                    .latest_outgoing_tick = 8,
                                    .incoming_amount = INT64_MAX,
                                    .outgoing_amount = 0,
                                    .incoming_count = 7,
                                    .outgoing_count = UINT32_MAX};
    struct qubic_balance read = {0};
    balance.identity = real_transaction(0).transaction.source;
    qubic_rpc_build_balance(&f->body, &balance);
    assert_non_null(strstr(buf_text(&f->body), "\"balance\":\"9223372036854775807\""));
    assert_int_equal(qubic_rpc_parse_balance(buf_bytes(&f->body), &read, NULL), ERR_OK);
    struct buf again; /* compared as text: the struct has padding */
    buf_init(&again, BODY_MAX);
    qubic_rpc_build_balance(&again, &read);
    assert_string_equal(buf_text(&again), buf_text(&f->body));
    buf_deinit(&again);
    /* the inner object alone */
    assert_int_equal(qubic_rpc_parse_balance(bytes_of(f->body.data + strlen("{\"balance\":"),
                                                      f->body.size - strlen("{\"balance\":}")),
                                             &read, NULL),
                     ERR_OK);
    char *digits = strstr((char *)f->body.data, "9223372036854775807");
    digits[18] = '8';
    assert_int_equal(qubic_rpc_parse_balance(buf_bytes(&f->body), &read, NULL), ERR_INVALID);
}

static void broadcast_and_processed_tick_read_back(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction tx = real_transaction(0);
    struct qubic_broadcast answer;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    size_t size = qubic_transaction_encode(&tx.transaction, wire);
    qubic_rpc_build_broadcast(&f->body, 3, bytes_of(wire, size), &tx.hash);
    assert_int_equal(qubic_rpc_parse_broadcast(buf_bytes(&f->body), &answer, NULL), ERR_OK);
    assert_int_equal(answer.peers, 3);
    assert_true(key_equal(answer.hash, tx.hash));

    struct qubic_processed_tick const tick = {500, 227, 100, 499};
    struct qubic_processed_tick tick_read;
    buf_clear(&f->body);
    qubic_rpc_build_processed_tick(&f->body, &tick);
    assert_int_equal(qubic_rpc_parse_processed_tick(buf_bytes(&f->body), &tick_read, NULL), ERR_OK);
    assert_memory_equal(&tick_read, &tick, sizeof tick);

    struct qubic_tick_interval const interval = {227, 100, 500};
    struct qubic_tick_interval_list const list = {&interval, 1};
    struct qubic_tick_interval_list list_read;
    buf_clear(&f->body);
    qubic_rpc_build_tick_intervals(&f->body, &list);
    assert_int_equal(
        qubic_rpc_parse_tick_intervals(buf_bytes(&f->body), &f->arena, &list_read, NULL), ERR_OK);
    assert_int_equal(list_read.count, 1);
    assert_memory_equal(list_read.items, &interval, sizeof interval);
}

static void transactions_read_back_wrapped_and_not(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction items[4];
    for (size_t i = 0; i < 4; i++) {
        items[i] = real_transaction(i);
    }
    struct qubic_archived_transaction one;
    qubic_rpc_build_transaction(&f->body, &items[2]);
    assert_int_equal(qubic_rpc_parse_transaction(buf_bytes(&f->body), &one, NULL), ERR_OK);
    assert_memory_equal(&one.transaction, &items[2].transaction, sizeof one.transaction);
    assert_true(one.money_flew);
    assert_int_equal(one.timestamp_ms, items[2].timestamp_ms);
    assert_int_equal(qubic_rpc_transaction_check(&one, &items[2].hash, NULL), ERR_OK);
    assert_int_equal(qubic_rpc_transaction_check(&one, &items[1].hash, NULL), ERR_CORRUPT);

    struct buf wrapped;
    buf_init(&wrapped, BODY_MAX);
    buf_printf(&wrapped, "{\"transaction\":%s}", buf_text(&f->body));
    assert_int_equal(qubic_rpc_parse_transaction(buf_bytes(&wrapped), &one, NULL), ERR_OK);

    struct qubic_archived_list const list = {items, 4};
    struct qubic_archived_list read;
    buf_clear(&f->body);
    qubic_rpc_build_transactions(&f->body, &list);
    assert_int_equal(qubic_rpc_parse_transactions(buf_bytes(&f->body), &f->arena, &read, NULL),
                     ERR_OK);
    assert_int_equal(read.count, 4);
    assert_true(key_equal(read.items[3].hash, items[3].hash));
    buf_clear(&wrapped);
    buf_printf(&wrapped, "{\"transactions\":%s}", buf_text(&f->body));
    assert_int_equal(qubic_rpc_parse_transactions(buf_bytes(&wrapped), &f->arena, &read, NULL),
                     ERR_OK);
    assert_int_equal(read.count, 4);
    assert_int_equal(qubic_rpc_parse_transactions(bytes_of_text("[]"), &f->arena, &read, NULL),
                     ERR_OK);
    assert_int_equal(read.count, 0);

    struct qubic_identity_transactions const answer = {77, 40, 10, 4, list};
    struct qubic_identity_transactions answer_read;
    buf_clear(&f->body);
    qubic_rpc_build_identity_transactions(&f->body, &answer);
    assert_int_equal(
        qubic_rpc_parse_identity_transactions(buf_bytes(&f->body), &f->arena, &answer_read, NULL),
        ERR_OK);
    assert_int_equal(answer_read.valid_for_tick, 77);
    assert_int_equal(answer_read.hits_total, 40);
    assert_int_equal(answer_read.transactions.count, 4);
    buf_deinit(&wrapped);
}

/* Goal: a service cannot pass one transaction off as another. Method: change each field it shows; the body must
 * be refused. Changing what the hash does not cover is seen by nobody, and the header says so. */
static void a_changed_field_is_refused(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction const archived = real_transaction(1);
    static const char *const covered[] = {"amount",      "tickNumber", "inputType", "source",
                                          "destination", "signature",  "hash",      "inputSize"};
    qubic_rpc_build_transaction(&f->body, &archived);
    struct qubic_archived_transaction read;
    assert_int_equal(qubic_rpc_parse_transaction(buf_bytes(&f->body), &read, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof covered / sizeof *covered; i++) {
        json_t *object = json_loads(buf_text(&f->body), 0, NULL);
        json_t *value = json_object_get(object, covered[i]);
        if (json_is_integer(value)) {
            json_integer_set(value, json_integer_value(value) + 1);
        } else if (strcmp(covered[i], "amount") == 0) {
            json_string_set(value, "1");
        } else if (strcmp(covered[i], "signature") == 0) {
            char *text = strdup(json_string_value(value));
            assert_non_null(text);
            text[5] = text[5] == 'A' ? 'B' : 'A';
            json_string_set(value, text);
            free(text);
        } else {
            struct qubic_archived_transaction other = real_transaction(0);
            char text[QUBIC_IDENTITY_TEXT_SIZE];
            if (strcmp(covered[i], "hash") == 0) {
                qubic_hash_format(&other.hash, text);
            } else {
                struct key32 const key = k12_digest(bytes_of_text(covered[i]));
                qubic_identity_format(&key, text);
            }
            json_string_set(value, text);
        }
        char *changed = json_dumps(object, 0);
        struct err err = {0};
        if (qubic_rpc_parse_transaction(bytes_of_text(changed), &read, &err) != ERR_INVALID) {
            fail_msg("changed %s and still accepted", covered[i]);
        }
        free(changed);
        json_object_del(object, covered[i]);
        changed = json_dumps(object, 0);
        enum err_code code = qubic_rpc_parse_transaction(bytes_of_text(changed), &read, &err);
        bool zero_anyway = strncmp(covered[i], "input", 5) == 0; /* may be left out */
        assert_true(code == ERR_INVALID || (zero_anyway && code == ERR_OK));
        free(changed);
        json_decref(object);
    }
}

static void tick_data_tells_empty_from_full(void **state)
{
    struct fixture *f = *state;
    struct key32 const hashes[2] = {real_transaction(0).hash, real_transaction(1).hash};
    struct qubic_tick_data const data = {.tick = 5,
                                         .epoch = 2,
                                         .computor_index = 9,
                                         .timestamp_ms = 77,
                                         .hashes = hashes,
                                         .hash_count = 2};
    struct qubic_tick_data read;
    qubic_rpc_build_tick_data(&f->body, &data);
    assert_int_equal(qubic_rpc_parse_tick_data(buf_bytes(&f->body), &f->arena, &read, NULL),
                     ERR_OK);
    assert_false(read.empty);
    assert_int_equal(read.tick, 5);
    assert_int_equal(read.hash_count, 2);
    assert_memory_equal(read.hashes, hashes, sizeof hashes);
    assert_int_equal(
        qubic_rpc_parse_tick_data(bytes_of_text("{\"tickData\":null}"), &f->arena, &read, NULL),
        ERR_OK);
    assert_true(read.empty);
    /* no data at all is not an empty tick */
    assert_int_equal(qubic_rpc_parse_tick_data(bytes_of_text("{}"), &f->arena, &read, NULL),
                     ERR_INVALID);
    /* nor is null itself: {"tickData":null} says it, a bare null is somebody else's */
    assert_int_equal(qubic_rpc_parse_tick_data(bytes_of_text("null"), &f->arena, &read, NULL),
                     ERR_INVALID);
}

static void errors_are_mapped_by_their_body(void **state)
{
    struct fixture *f = *state;
    struct err err;
    qubic_rpc_build_error(&f->body, QUBIC_RPC_NOT_FOUND, "transaction not found");
    assert_string_equal(buf_text(&f->body),
                        "{\"code\":5,\"message\":\"transaction not found\",\"details\":[]}");
    struct qubic_rpc_error error = qubic_rpc_parse_error(404, buf_bytes(&f->body));
    assert_int_equal(qubic_rpc_error_code(&error, &err), ERR_NOT_FOUND);
    assert_int_equal(qubic_rpc_http_status(5), 404);

    error = qubic_rpc_parse_error(404, bytes_of_text("<html>not here</html>"));
    assert_int_equal(qubic_rpc_error_code(&error, &err), ERR_UNAVAILABLE);
    error = qubic_rpc_parse_error(404, bytes_of_text("{\"error\":\"no route\"}"));
    assert_int_equal(qubic_rpc_error_code(&error, &err), ERR_UNAVAILABLE);
    static const int retry[] = {429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof retry / sizeof *retry; i++) {
        error = qubic_rpc_parse_error(retry[i], bytes_of_text(""));
        assert_int_equal(qubic_rpc_error_code(&error, &err), ERR_UNAVAILABLE);
        assert_int_equal(err.origin, retry[i]);
    }
    error = qubic_rpc_parse_error(
        400, bytes_of_text("{\"code\":3,\"message\":\"invalid tick number: requested tick number "
                           "900 is greater than last processed tick 850\",\"details\":[]}"));
    assert_int_equal(qubic_rpc_error_code(&error, &err), ERR_INVALID);
    assert_true(error.tick_is_not_yet);
    assert_false(error.tick_is_skipped);
    assert_int_equal(error.last_processed, 850);
    error = qubic_rpc_parse_error(
        400, bytes_of_text("{\"code\":3,\"message\":\"invalid tick number: provided tick number 7 "
                           "was skipped by the system, next available tick is 20\\u001b[31m\"}"));
    assert_true(error.tick_is_skipped);
    assert_int_equal(error.next_tick, 20);
    assert_null(strchr(error.message, '\x1b'));
}

/* Every answer of section 6 of the facts about the services, as they word it. */
static void every_known_error_has_its_name(void **state)
{
    static const struct {
        int http;
        int code;
        const char *message;
        const char *name;
        enum err_code err;
        bool may_pass;
    } rows[] = {
        {400, 3, "illegal base64 data at input byte 4", "encoding_bad", ERR_INVALID, false},
        {400, 3, "Signature does not verify!", "signature_bad", ERR_INVALID, false},
        {400, 3, "Non-canonical signature scalar.", "signature_twin", ERR_INVALID, false},
        {400, 3, "Bad public key or signature.", "key_bad", ERR_INVALID, false},
        {400, 3, "Target tick: 7 for the transaction should be greater than max tick: 9",
         "tick_passed", ERR_INVALID, false},
        {400, 3, "invalid id format: checksum", "id_bad", ERR_INVALID, false},
        {400, 3,
         "invalid tick number: requested tick number 9 is greater than last processed tick 7",
         "tick_not_yet", ERR_INVALID, false},
        {400, 3, "tick 9 was skipped by the system, next available tick is 12", "tick_skipped",
         ERR_INVALID, false},
        {400, 3, "something else", "argument_bad", ERR_INVALID, false},
        {400, 9, "requestData is not base64", "precondition", ERR_INVALID, false},
        {400, 11, "out", "out_of_range", ERR_INVALID, false},
        {404, 5, "transaction not found", "transaction_unknown", ERR_NOT_FOUND, false},
        {404, 5, "Not Found", "path_unknown", ERR_NOT_FOUND, false},
        {501, 12, "Method Not Allowed", "unimplemented", ERR_UNAVAILABLE, false},
        {500, 13, "cannot unmarshal transaction", "transaction_broken", ERR_UNAVAILABLE, false},
        {500, 13, "tx wasn't broadcast to any peers, please retry", "no_peers", ERR_UNAVAILABLE,
         true},
        {500, 13, "getting tick info from node", "node_failed", ERR_UNAVAILABLE, true},
        {429, 8, "too many", "busy", ERR_UNAVAILABLE, true},
        {504, 4, "context deadline exceeded", "deadline", ERR_UNAVAILABLE, true},
        {503, 14, "connection refused", "unavailable", ERR_UNAVAILABLE, true},
        {500, 2, "unknown", "other", ERR_UNAVAILABLE, true},
    };
    struct fixture *f = *state;
    unsigned seen = 1U << QUBIC_REASON_UNREADABLE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&f->body);
        qubic_rpc_build_error(&f->body, rows[i].code, rows[i].message);
        struct qubic_rpc_error const error =
            qubic_rpc_parse_error(rows[i].http, buf_bytes(&f->body));
        assert_string_equal(qubic_rpc_reason_name(error.reason), rows[i].name);
        assert_int_equal(qubic_rpc_error_code(&error, NULL), rows[i].err);
        assert_int_equal(qubic_rpc_may_pass(&error), rows[i].may_pass);
        assert_int_equal(error.max_tick, error.reason == QUBIC_REASON_TICK_PASSED ? 9 : 0);
        assert_int_equal(error.next_tick, error.reason == QUBIC_REASON_TICK_SKIPPED ? 12 : 0);
        assert_int_equal(error.last_processed, error.reason == QUBIC_REASON_TICK_NOT_YET ? 7 : 0);
        seen |= 1U << error.reason;
    }
    assert_int_equal(seen, (1U << QUBIC_REASON_COUNT) - 1); /* none is without a row */
    /* what no service wrote */
    struct qubic_rpc_error error = qubic_rpc_parse_error(502, bytes_of_text("<html>"));
    assert_string_equal(qubic_rpc_reason_name(error.reason), "unreadable");
    assert_true(qubic_rpc_may_pass(&error));
    error = qubic_rpc_parse_error(429, bytes_of_text("slow down"));
    assert_string_equal(qubic_rpc_reason_name(error.reason), "busy");
}

static void requests_are_what_the_services_expect(void **state)
{
    struct fixture *f = *state;
    static const uint8_t wire[3] = {1, 2, 3};
    qubic_rpc_build_broadcast_request(&f->body, bytes_of(wire, 3));
    assert_string_equal(buf_text(&f->body), "{\"encodedTransaction\":\"AQID\"}");
    buf_clear(&f->body);
    qubic_rpc_build_tick_request(&f->body, 4294967295);
    assert_string_equal(buf_text(&f->body), "{\"tickNumber\":4294967295}");
    buf_clear(&f->body);
    struct qubic_identity_query const query = {.tick_from = 1, .tick_to = 9, .size = 10};
    qubic_rpc_build_identity_request(&f->body, &query);
    json_t *json = json_loads(buf_text(&f->body), 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(json_object_get(json, "ranges"), "tickNumber"), "lte")),
                        "9");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tick_info_is_read_in_every_shape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(balance_reads_64_bit_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broadcast_and_processed_tick_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_read_back_wrapped_and_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_field_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tick_data_tells_empty_from_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_mapped_by_their_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_known_error_has_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_are_what_the_services_expect, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
