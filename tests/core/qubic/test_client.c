/* The RPC client against a server in the same loop that answers whatever the test wants, truth or not. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.h"
#include "core/qubic/client.h"
#include "tests/support/qubic_vectors.h"

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    struct http_client *http;
    struct qubic_client *client;
    /* what the server will do */
    int status;
    struct buf reply;
    bool cut;
    bool silent;
    struct http_request *held;
    /* what it saw */
    char path[256];
    struct buf request;
    /* what came back */
    int answers;
    struct qubic_answer answer;
    struct qubic_archived_transaction first; /* of a list: lists are borrowed */
    size_t count;
};

static void on_body(void *ctx, struct http_request *request, struct bytes body)
{
    struct fixture *f = ctx;
    buf_clear(&f->request);
    buf_append_bytes(&f->request, body);
    if (f->cut) {
        http_respond_cut(request);
    } else if (f->silent) {
        f->held = request;
    } else {
        http_respond_json(request, f->status, buf_bytes(&f->reply));
    }
}

static void on_abort(void *ctx, struct http_request *request, enum err_code why)
{
    struct fixture *f = ctx;
    (void)request;
    (void)why;
    f->held = NULL;
}

static void on_request(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    snprintf(f->path, sizeof f->path, "%s", http_request_head(request)->path);
    http_request_on_abort(request, on_abort, f);
    http_request_read_body(request, 1 << 20, on_body, f);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->status = 200;
    buf_init(&f->reply, 16U << 20);
    buf_init(&f->request, 16U << 20);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(http_server_create(&f->loop, NULL, on_request, f, &f->server, NULL), ERR_OK);
    assert_int_equal(http_client_create(&f->loop, &f->http, NULL), ERR_OK);
    char live[64];
    char query[64];
    snprintf(live, sizeof live, "http://127.0.0.1:%u/live/v1/", http_server_port(f->server));
    snprintf(query, sizeof query, "http://127.0.0.1:%u/query/v1", http_server_port(f->server));
    struct qubic_client_options const options = {
        .live_url = live, .query_url = query, .timeout_ms = 500, .attempts_max = 1};
    assert_int_equal(qubic_client_create(f->http, &options, &f->client, NULL), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    qubic_client_destroy(f->client);
    http_client_close(f->http, NULL, NULL);
    http_server_close(f->server, 0, NULL, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buf_deinit(&f->reply);
    buf_deinit(&f->request);
    free(f);
    return 0;
}

static void on_answer(void *ctx, const struct qubic_answer *answer)
{
    struct fixture *f = ctx;
    f->answers++;
    f->answer = *answer;
}

static void on_list(void *ctx, const struct qubic_answer *answer)
{
    struct fixture *f = ctx;
    on_answer(ctx, answer);
    if (answer->code == ERR_OK) {
        f->count = answer->transactions.count;
        if (f->count > 0) {
            f->first = answer->transactions.items[0];
        }
    }
}

static struct qubic_listener listener(struct fixture *f)
{
    return (struct qubic_listener){.on_answer = on_answer, .ctx = f};
}

static void reply(struct fixture *f, int status, const char *body)
{
    f->status = status;
    buf_clear(&f->reply);
    buf_append_text(&f->reply, body);
}

/* Turn the loop until one more answer is there. */
static enum err_code wait(struct fixture *f, enum err_code started)
{
    int const before = f->answers;
    assert_int_equal(started, ERR_OK);
    while (f->answers == before) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->answers, before + 1);
    return f->answer.code;
}

static struct qubic_archived_transaction real_transaction(size_t index)
{
    struct vectors v = vectors_open("realTransactions");
    size_t size;
    uint8_t *wire = vector_blob(json_array_get(v.array, index), "txHex", &size);
    struct qubic_archived_transaction archived = {.timestamp_ms = 5, .money_flew = true};
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &archived.transaction, NULL),
                     ERR_OK);
    archived.hash = qubic_transaction_hash(&archived.transaction);
    free(wire);
    json_decref(v.root);
    return archived;
}

static void each_question_goes_to_its_path_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction const tx = real_transaction(0);
    reply(f, 200, "{\"tickInfo\":{\"tick\":77,\"duration\":1,\"epoch\":2,\"initialTick\":3}}");
    assert_int_equal(wait(f, qubic_client_tick_info(f->client, listener(f), NULL, NULL)), ERR_OK);
    assert_string_equal(f->path, "/live/v1/tick-info");
    assert_int_equal(f->answer.tick_info.tick, 77);

    reply(f, 200, "{\"tickNumber\":70,\"epoch\":2}");
    assert_int_equal(wait(f, qubic_client_processed_tick(f->client, listener(f), NULL, NULL)),
                     ERR_OK);
    assert_string_equal(f->path, "/query/v1/getLastProcessedTick");
    assert_int_equal(f->answer.processed_tick.tick, 70);

    struct qubic_balance const balance = {.identity = tx.transaction.source, .balance = 9};
    reply(f, 200, "");
    qubic_rpc_build_balance(&f->reply, &balance);
    assert_int_equal(
        wait(f, qubic_client_balance(f->client, &balance.identity, listener(f), NULL, NULL)),
        ERR_OK);
    assert_int_equal(f->answer.balance.balance, 9);
    assert_non_null(strstr(f->path, "/live/v1/balances/IIJHZSNP"));

    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct bytes const bytes = bytes_of(wire, qubic_transaction_encode(&tx.transaction, wire));
    reply(f, 200, "");
    qubic_rpc_build_broadcast(&f->reply, 2, bytes, &tx.hash);
    assert_int_equal(
        wait(f, qubic_client_broadcast(f->client, &tx.transaction, listener(f), NULL, NULL)),
        ERR_OK);
    assert_string_equal(f->path, "/live/v1/broadcast-transaction");
    assert_non_null(strstr(buf_text(&f->request), "{\"encodedTransaction\":\"xBhXbJuz"));
    assert_int_equal(f->answer.broadcast.peers, 2);

    reply(f, 200, "");
    qubic_rpc_build_transaction(&f->reply, &tx);
    assert_int_equal(
        wait(f, qubic_client_transaction(f->client, &tx.hash, listener(f), NULL, NULL)), ERR_OK);
    assert_string_equal(f->path, "/query/v1/getTransactionByHash");
    assert_true(f->answer.transaction.money_flew);

    struct qubic_archived_list const list = {&tx, 1};
    struct qubic_listener const lists = {on_list, f};
    reply(f, 200, "");
    qubic_rpc_build_transactions(&f->reply, &list);
    assert_int_equal(wait(f, qubic_client_transactions_for_tick(f->client, tx.transaction.tick,
                                                                lists, NULL, NULL)),
                     ERR_OK);
    assert_int_equal(f->count, 1);
    assert_true(key_equal(f->first.hash, tx.hash));

    reply(f, 200, "{\"tickData\":null}");
    assert_int_equal(wait(f, qubic_client_tick_data(f->client, 5, listener(f), NULL, NULL)),
                     ERR_OK);
    assert_string_equal(buf_text(&f->request), "{\"tickNumber\":5}");
    assert_true(f->answer.tick_data.empty);

    struct qubic_identity_query const query = {
        .identity = tx.transaction.source, .tick_to = UINT32_MAX, .size = 5};
    struct qubic_identity_transactions const found = {9, 1, 0, 1, list};
    reply(f, 200, "");
    qubic_rpc_build_identity_transactions(&f->reply, &found);
    assert_int_equal(
        wait(f, qubic_client_identity_transactions(f->client, &query, listener(f), NULL, NULL)),
        ERR_OK);
    assert_int_equal(f->answer.identity_transactions.hits_total, 1);
}

static void an_answer_to_something_else_is_no_answer(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction const tx = real_transaction(0);
    struct qubic_archived_transaction const other = real_transaction(1);
    struct qubic_archived_list const list = {&other, 1};

    qubic_rpc_build_transaction(&f->reply, &other);
    assert_int_equal(
        wait(f, qubic_client_transaction(f->client, &tx.hash, listener(f), NULL, NULL)),
        ERR_UNAVAILABLE);
    struct qubic_balance const balance = {.identity = {{3}}, .balance = 9};
    reply(f, 200, "");
    qubic_rpc_build_balance(&f->reply, &balance);
    assert_int_equal(
        wait(f, qubic_client_balance(f->client, &tx.transaction.source, listener(f), NULL, NULL)),
        ERR_UNAVAILABLE);
    assert_non_null(strstr(f->answer.err.message, "another identity"));
    reply(f, 200, "");
    qubic_rpc_build_broadcast(&f->reply, 2, bytes_of("x", 1), &other.hash);
    assert_int_equal(
        wait(f, qubic_client_broadcast(f->client, &tx.transaction, listener(f), NULL, NULL)),
        ERR_UNAVAILABLE);
    reply(f, 200, "");
    qubic_rpc_build_transactions(&f->reply, &list);
    assert_int_equal(wait(f, qubic_client_transactions_for_tick(
                                 f->client, other.transaction.tick + 1, listener(f), NULL, NULL)),
                     ERR_UNAVAILABLE);
    struct qubic_tick_data const data = {.tick = 8};
    reply(f, 200, "");
    qubic_rpc_build_tick_data(&f->reply, &data);
    assert_int_equal(wait(f, qubic_client_tick_data(f->client, 9, listener(f), NULL, NULL)),
                     ERR_UNAVAILABLE);
    struct qubic_identity_query const query = {.identity = {{7}}, .tick_to = UINT32_MAX, .size = 5};
    struct qubic_identity_transactions const found = {9, 1, 0, 1, list};
    reply(f, 200, "");
    qubic_rpc_build_identity_transactions(&f->reply, &found);
    assert_int_equal(
        wait(f, qubic_client_identity_transactions(f->client, &query, listener(f), NULL, NULL)),
        ERR_UNAVAILABLE);
}

/* Goal: a service cannot invent a payment. Method: a transaction whose hash is right for its bytes, and whose
 * signature is not the source's. */
static void an_unsigned_transaction_is_no_answer(void **state)
{
    struct fixture *f = *state;
    struct qubic_archived_transaction forged = real_transaction(0);
    forged.transaction.amount++;
    forged.hash = qubic_transaction_hash(&forged.transaction);
    qubic_rpc_build_transaction(&f->reply, &forged);
    assert_int_equal(
        wait(f, qubic_client_transaction(f->client, &forged.hash, listener(f), NULL, NULL)),
        ERR_UNAVAILABLE);
    assert_non_null(strstr(f->answer.err.message, "signature"));
}

static void only_the_services_own_word_means_not_found(void **state)
{
    struct fixture *f = *state;
    struct key32 const hash = {{1}};
    reply(f, 404, "{\"code\":5,\"message\":\"transaction not found\",\"details\":[]}");
    assert_int_equal(wait(f, qubic_client_transaction(f->client, &hash, listener(f), NULL, NULL)),
                     ERR_NOT_FOUND);
    static const char *const others[] = {"{\"code\":5,\"message\":\"Not Found\",\"details\":[]}",
                                         "<html>404</html>", ""};
    for (size_t i = 0; i < 3; i++) {
        reply(f, 404, others[i]);
        assert_int_equal(
            wait(f, qubic_client_transaction(f->client, &hash, listener(f), NULL, NULL)),
            ERR_UNAVAILABLE);
    }
    reply(f, 400,
          "{\"code\":3,\"message\":\"invalid tick number: requested tick number 9 is greater than "
          "last processed tick 7\",\"details\":[]}");
    assert_int_equal(wait(f, qubic_client_tick_data(f->client, 9, listener(f), NULL, NULL)),
                     ERR_INVALID);
    assert_true(f->answer.rpc.tick_is_not_yet);
    assert_int_equal(f->answer.rpc.last_processed, 7);
    static const int busy[] = {429, 500, 502, 503, 504};
    for (size_t i = 0; i < 5; i++) {
        reply(f, busy[i], "busy");
        assert_int_equal(wait(f, qubic_client_tick_info(f->client, listener(f), NULL, NULL)),
                         ERR_UNAVAILABLE);
        assert_int_equal(f->answer.rpc.http_status, busy[i]);
    }
    reply(f, 200, "not json");
    assert_int_equal(wait(f, qubic_client_tick_info(f->client, listener(f), NULL, NULL)),
                     ERR_UNAVAILABLE);
}

static void cut_silent_and_absent_services_are_told_apart(void **state)
{
    struct fixture *f = *state;
    f->cut = true;
    assert_int_equal(wait(f, qubic_client_tick_info(f->client, listener(f), NULL, NULL)),
                     ERR_UNAVAILABLE);
    f->cut = false;
    f->silent = true;
    assert_int_equal(wait(f, qubic_client_tick_info(f->client, listener(f), NULL, NULL)),
                     ERR_TIMEOUT);
    f->silent = false;
    struct qubic_client *nobody = NULL;
    struct qubic_client_options const options = {.live_url = "http://127.0.0.1:1/live/v1",
                                                 .query_url = "http://127.0.0.1:1",
                                                 .timeout_ms = 500};
    assert_int_equal(qubic_client_create(f->http, &options, &nobody, NULL), ERR_OK);
    assert_int_equal(wait(f, qubic_client_tick_info(nobody, listener(f), NULL, NULL)),
                     ERR_UNAVAILABLE);
    qubic_client_destroy(nobody);
    struct qubic_client_options bad = options;
    bad.query_url = "rpc.qubic.org";
    assert_int_equal(qubic_client_create(f->http, &bad, &nobody, NULL), ERR_INVALID);
}

static void a_cancelled_call_is_never_answered(void **state)
{
    struct fixture *f = *state;
    struct qubic_call *call = NULL;
    reply(f, 200, "{\"tickInfo\":{\"tick\":1}}");
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), &call, NULL), ERR_OK);
    qubic_call_cancel(call);
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), NULL, NULL), ERR_OK);
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), &call, NULL), ERR_OK);
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), NULL, NULL), ERR_OK);
    qubic_call_cancel(call);
    while (f->answers < 2) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->answers, 2);
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), NULL, NULL), ERR_OK);
    /* tear_down destroys the client with that one in flight */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_question_goes_to_its_path_and_comes_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_to_something_else_is_no_answer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_unsigned_transaction_is_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_services_own_word_means_not_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cut_silent_and_absent_services_are_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_call_is_never_answered, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
