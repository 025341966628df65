/* Which chain tallyd talks to, and how often; and that only a restore is told yes. */
// SPDX-License-Identifier: Apache-2.0
#include "api/options.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static enum err_code parse(struct tallyd_options *ret, const char *name, const char *value,
                           struct err *err)
{
    char words[6][20] = {"tallyd", "run", "--data", "d", "--passphrase-file", "p"};
    char *argv[9];
    int argc = 6;
    bool help;
    for (int i = 0; i < argc; i++) {
        argv[i] = words[i];
    }
    char flag[32];
    char text[64];
    if (name != NULL) {
        (void)snprintf(flag, sizeof flag, "%s", name);
        (void)snprintf(text, sizeof text, "%s", value);
        argv[argc++] = flag;
        argv[argc++] = text;
    }
    argv[argc] = NULL;
    return options_parse(argc, argv, ret, &help, err);
}

static void the_chain_is_that_of_the_logs_network(void **state)
{
    static const struct {
        enum network network;
        const char *live;
        const char *query;
    } rows[] = {
        {NETWORK_MAINNET, "https://rpc.qubic.org/live/v1", "https://rpc.qubic.org/query/v1"},
        {NETWORK_TESTNET, "https://testnet-rpc.qubic.org/live/v1",
         "https://testnet-rpc.qubic.org/query/v1"},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tallyd_options options;
        assert_int_equal(parse(&options, NULL, NULL, NULL), ERR_OK);
        assert_int_equal(options_choose_chain(&options, rows[i].network, NULL), ERR_OK);
        assert_string_equal(options.api.qubic_live_url, rows[i].live);
        assert_string_equal(options.api.qubic_query_url, rows[i].query);
        assert_int_equal(options.api.qubic_requests_per_s, 20);
    }
    struct tallyd_options options;
    struct err err = {0};
    assert_int_equal(parse(&options, "--qubic-live-url", "http://here/live/v1", NULL), ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_LOCAL, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--qubic-query-url"));
}

/* A witness that is asked twice is not two. */
static void the_second_live_service_is_another_one(void **state)
{
    struct tallyd_options options;
    struct err err = {0};
    (void)state;
    assert_int_equal(parse(&options, "--qubic-second-live-url", "https://else.where/live/v1", NULL),
                     ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_MAINNET, NULL), ERR_OK);
    assert_string_equal(options.second_live_url, "https://else.where/live/v1");
    assert_int_equal(
        parse(&options, "--qubic-second-live-url", "https://rpc.qubic.org/live/v1", NULL), ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_MAINNET, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--qubic-second-live-url"));
}

static void the_rate_is_the_one_given_or_the_networks(void **state)
{
    static const struct {
        const char *given;
        enum network network;
        unsigned rate;
    } rows[] = {{"100", NETWORK_MAINNET, 100}, {"0", NETWORK_MAINNET, 0}, {"7", NETWORK_LOCAL, 7}};
    struct tallyd_options options;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(&options, "--qubic-rate", rows[i].given, NULL), ERR_OK);
        options.api.qubic_live_url = options.api.qubic_query_url = "http://here";
        assert_int_equal(options_choose_chain(&options, rows[i].network, NULL), ERR_OK);
        assert_int_equal(options.api.qubic_requests_per_s, rows[i].rate);
    }
    assert_int_equal(parse(&options, NULL, NULL, NULL), ERR_OK);
    options.api.qubic_live_url = options.api.qubic_query_url = "http://here";
    assert_int_equal(options_choose_chain(&options, NETWORK_LOCAL, NULL), ERR_OK);
    assert_int_equal(options.api.qubic_requests_per_s, 0);
    assert_int_equal(parse(&options, "--qubic-rate", "1001", &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--qubic-rate is a number from 0 to 1000"));
    assert_int_equal(parse(&options, "--qubic-rate", "many", NULL), ERR_INVALID);
}

static void a_faucet_is_a_local_chains_alone(void **state)
{
    (void)state;
    struct tallyd_options options;
    struct err err = {0};
    assert_int_equal(parse(&options, "--faucet-url", "http://here/dev/v1/faucet", NULL), ERR_OK);
    options.api.qubic_live_url = options.api.qubic_query_url = "http://here";
    assert_int_equal(options_choose_chain(&options, NETWORK_LOCAL, NULL), ERR_OK);
    assert_string_equal(options.api.faucet_url, "http://here/dev/v1/faucet");
    assert_int_equal(options_choose_chain(&options, NETWORK_TESTNET, NULL), ERR_INVALID);
    assert_int_equal(options_choose_chain(&options, NETWORK_MAINNET, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--faucet-url"));
}

static void transactions_are_looked_at_where_the_network_shows_them(void **state)
{
    (void)state;
    struct tallyd_options options;
    struct err err = {0};
    assert_int_equal(parse(&options, NULL, NULL, NULL), ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_TESTNET, NULL), ERR_OK);
    assert_null(options.api.explorer_url);
    assert_int_equal(parse(&options, NULL, NULL, NULL), ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_MAINNET, NULL), ERR_OK);
    assert_string_equal(options.api.explorer_url, "https://explorer.qubic.org/network/tx/");
    assert_int_equal(parse(&options, "--explorer-url", "http://here/tx/", NULL), ERR_OK);
    assert_int_equal(options_choose_chain(&options, NETWORK_MAINNET, NULL), ERR_OK);
    assert_string_equal(options.api.explorer_url, "http://here/tx/");
    assert_int_equal(parse(&options, "--explorer-url", "javascript:alert(1)//", &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--explorer-url begins with https://"));
}

static void only_a_restore_is_told_yes(void **state)
{
    struct tallyd_options options;
    struct err err = {0};
    bool help;
    char texts[7][20] = {"tallyd", "restore", "--data", "d", "--passphrase-file", "p", "--yes"};
    char *words[8] = {NULL};
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        words[i] = texts[i];
    }
    assert_int_equal(options_parse(6, words, &options, &help, NULL), ERR_OK);
    assert_int_equal(options.task, TALLYD_RESTORE);
    assert_false(options.yes);
    assert_int_equal(options_parse(7, words, &options, &help, NULL), ERR_OK);
    assert_true(options.task == TALLYD_RESTORE && options.yes);
    (void)strcpy(texts[1], "run"); /* NOLINT: it fits */
    assert_int_equal(options_parse(7, words, &options, &help, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--yes is for tallyd restore"));
}

static void what_an_account_may_hold_is_limited_unless_said_otherwise(void **state)
{
    struct tallyd_options options;
    struct err err;
    (void)state;
    assert_int_equal(parse(&options, "--port", "0", NULL), ERR_OK);
    assert_int_equal(options.api.account_storage_mib, API_ACCOUNT_STORAGE_MIB);
    assert_int_equal(parse(&options, "--account-storage-mib", "0", NULL), ERR_OK);
    assert_int_equal(options.api.account_storage_mib, 0);
    assert_int_equal(parse(&options, "--account-storage-mib", "much", &err), ERR_INVALID);
    assert_string_equal(err.message, "--account-storage-mib is a number from 0 to 1000000");
}

static void unfinished_uploads_have_some_room(void **state)
{
    (void)state;
    struct tallyd_options options;
    struct err err = {0};
    assert_int_equal(parse(&options, "--unfinished-mib", "16", NULL), ERR_OK);
    assert_int_equal(options.api.unfinished_mib, 16);
    assert_int_equal(parse(&options, "--unfinished-mib", "0", &err), ERR_INVALID);
    assert_string_equal(err.message, "--unfinished-mib is at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_is_that_of_the_logs_network),
        cmocka_unit_test(the_second_live_service_is_another_one),
        cmocka_unit_test(the_rate_is_the_one_given_or_the_networks),
        cmocka_unit_test(a_faucet_is_a_local_chains_alone),
        cmocka_unit_test(transactions_are_looked_at_where_the_network_shows_them),
        cmocka_unit_test(only_a_restore_is_told_yes),
        cmocka_unit_test(unfinished_uploads_have_some_room),
        cmocka_unit_test(what_an_account_may_hold_is_limited_unless_said_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
