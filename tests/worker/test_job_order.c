// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/crypto/box.h"
#include "tests/support/cmocka_all.h"
#include "worker/cgroup.h"
#include "worker/job_order.h"
#include "worker/job_verdict.h"
#include "worker/machine.h"
#include "worker/server.h"

#include <string.h>

#define ID "0190e8f0-1111-7222-8333-444455556666"
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define JOB_HEAD                                                                                   \
    "{\"job\":{\"id\":\"" ID                                                                       \
    "\",\"file_name\":\"a b.py\",\"input_size\":5,\"input_digest\":\"" DIGEST                      \
    "\",\"limit_ms\":61500,\"attempt\":1,\"start_by\":\"x\",\"settings\":"
#define TERMS "},\"terms\":{\"heartbeat_s\":5,\"lease_s\":30,\"batch_max\":16384}}"

static enum err_code read_order(const char *text, struct job_order *ret, struct err *err)
{
    json_t *claim = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(claim);
    enum err_code const code = job_order_read(claim, ret, err);
    json_decref(claim);
    return code;
}

static void an_order_is_read(void **state)
{
    struct job_order order;
    const char *command[SANDBOX_COMMAND_MAX];
    char program[SCRATCH_FILE_NAME_SIZE + 5];
    struct err err = {0};
    (void)state;
    assert_int_equal(read_order(JOB_HEAD
                                "{\"arguments\":[\"--epochs\",\"5\"],\"environment\":{\"K\":\"v\","
                                "\"TALLY_RESULTS\":\"/etc\"}}" TERMS,
                                &order, &err),
                     ERR_OK);
    assert_string_equal(order.id, ID);
    assert_string_equal(order.file_name, "a_b.py");
    assert_int_equal(order.limit_ms, 61500);
    assert_int_equal(order.heartbeat_ms, 5000);
    assert_int_equal(order.batch_max, 16384);
    assert_int_equal(order.environment_count, 1); /* TALLY_ names are the worker's */
    assert_string_equal(order.environment[0].name, "K");
    job_order_command(&order, program, command);
    assert_string_equal(command[0], "/usr/bin/python3");
    assert_string_equal(command[1], "-u");
    assert_string_equal(command[2], "/job/a_b.py");
    assert_string_equal(command[4], "5");
    assert_null(command[5]);
    job_order_deinit(&order);
}

/* R11: off unless it is asked for, in so many words. */
static void a_network_is_asked_for_with_true_and_with_nothing_else(void **state)
{
    static const struct {
        const char *settings;
        bool asks;
    } rows[] = {{"{\"network\":true}", true},
                {"{\"network\":false}", false},
                {"{\"network\":null}", false},
                {"{}", false},
                {"null", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_order order;
        struct err err = {0};
        char text[2048];
        (void)snprintf(text, sizeof text, JOB_HEAD "%s" TERMS, rows[i].settings);
        assert_int_equal(read_order(text, &order, &err), ERR_OK);
        assert_int_equal(order.network, rows[i].asks);
        job_order_deinit(&order);
    }
}

/* R4.4: the worker trusts no server with a path. */
static void the_folder_of_results_is_inside_the_jobs(void **state)
{
    static const struct {
        const char *settings;
        const char *results; /* NULL: refused */
    } rows[] = {{"{}", "results"},
                {"null", "results"},
                {"{\"results\":null}", "results"},
                {"{\"results\":\"out/model\"}", "out/model"},
                {"{\"results\":\"a_b.py\"}", "a_b.py"},
                {"{\"results\":\"\"}", NULL},
                {"{\"results\":7}", NULL},
                {"{\"results\":\"/etc\"}", NULL},
                {"{\"results\":\"out/../../x\"}", NULL},
                {"{\"results\":\"..\"}", NULL},
                {"{\"results\":\"a//b\"}", NULL},
                {"{\"results\":\"a\\nb\"}", NULL},
                {"{\"results\":\"out\\u0000/..\"}", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_order order;
        struct err err = {0};
        char text[2048];
        (void)snprintf(text, sizeof text, JOB_HEAD "%s" TERMS, rows[i].settings);
        if (rows[i].results == NULL) {
            assert_int_equal(read_order(text, &order, &err), ERR_INVALID);
            assert_non_null(strstr(err.message, "results"));
            continue;
        }
        assert_int_equal(read_order(text, &order, &err), ERR_OK);
        assert_string_equal(order.results, rows[i].results);
        assert_string_not_equal(order.file_name, order.results);
        job_order_deinit(&order);
    }
}

/* R4.4. */
static void an_image_is_named_as_in_a_dockerfile_and_for_one_alone(void **state)
{
    static const struct {
        const char *settings;
        const char *kind;
        const char *image;
        bool good;
    } rows[] = {{"{}", "dockerfile", NULL, true},
                {"{\"image\":null}", "python", NULL, true},
                {"{\"image\":\"a/b:1@sha256:00\"}", "dockerfile", "a/b:1@sha256:00", true},
                {"{\"image\":\"a\"}", "python", NULL, false},
                {"{\"image\":\"a\"}", "bundle", NULL, false},
                {"{\"image\":\"\"}", "dockerfile", NULL, false},
                {"{\"image\":\"--root=/etc\"}", "dockerfile", NULL, false},
                {"{\"image\":\"a b\"}", "dockerfile", NULL, false},
                {"{\"image\":\"Scratch\"}", "dockerfile", NULL, false},
                {"{\"image\":\"a\\u0000b\"}", "dockerfile", NULL, false},
                {"{\"image\":7}", "dockerfile", NULL, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_order order;
        struct err err = {0};
        char text[2048];
        (void)snprintf(text, sizeof text, JOB_HEAD "%s,\"kind\":\"%s\"" TERMS, rows[i].settings,
                       rows[i].kind);
        assert_int_equal(read_order(text, &order, &err), rows[i].good ? ERR_OK : ERR_INVALID);
        if (!rows[i].good) {
            assert_non_null(strstr(err.message, "image"));
            continue;
        }
        assert_true(rows[i].image == NULL ? order.image == NULL
                                          : strcmp(order.image, rows[i].image) == 0);
        job_order_deinit(&order);
    }
}

static void a_bundle_is_run_by_the_runner_and_its_entry_is_named(void **state)
{
    struct job_order order;
    const char *command[SANDBOX_COMMAND_MAX];
    char program[SCRATCH_FILE_NAME_SIZE + 5];
    char line[200] = "";
    struct err err = {0};
    (void)state;
    assert_int_equal(read_order(JOB_HEAD "{\"entry\":\"src/a.py\",\"arguments\":[\"-x\"]},"
                                         "\"kind\":\"bundle\"" TERMS,
                                &order, &err),
                     ERR_OK);
    assert_true(order.kind_is_known);
    job_order_command(&order, program, command);
    for (size_t i = 0; command[i] != NULL; i++) {
        size_t const used = strlen(line);
        (void)snprintf(line + used, sizeof line - used, "%s ", command[i]);
    }
    assert_string_equal(line, "/usr/bin/python3 -u /tally/run.py bundle /job/a_b.py --entry "
                              "src/a.py -- -x ");
    job_order_deinit(&order);
    assert_int_equal(read_order(JOB_HEAD "{},\"kind\":\"dataset\"" TERMS, &order, &err), ERR_OK);
    assert_false(order.kind_is_known);
    job_order_deinit(&order);
}

static void sealed_variables_are_opened_with_the_right_key_alone(void **state)
{
    struct box_key key;
    struct box_key other;
    struct buf sealed;
    char hex[256];
    char text[1024];
    struct job_order order;
    struct err err = {0};
    (void)state;
    box_key_create(&key);
    box_key_create(&other);
    buf_init(&sealed, 100);
    assert_int_equal(box_seal(key.public_key, bytes_of("hunter2", 7), &sealed, NULL), ERR_OK);
    hex_encode(buf_bytes(&sealed), hex);
    buf_deinit(&sealed);
    (void)snprintf(
        text, sizeof text,
        JOB_HEAD
        "{\"environment\":{\"K\":\"v\"},\"sealed\":{\"API\":\"%s\",\"TALLY_X\":\"%s\"}}" TERMS,
        hex, hex);
    assert_int_equal(read_order(text, &order, &err), ERR_OK);
    assert_int_equal(job_order_unseal(&order, &key, &err), ERR_OK);
    assert_int_equal(order.environment_count, 2);
    assert_string_equal(order.environment[1].name, "API");
    assert_string_equal(order.environment[1].value, "hunter2");
    assert_true(order.environment[1].is_secret);
    job_order_deinit(&order);
    assert_int_equal(read_order(text, &order, &err), ERR_OK);
    assert_int_equal(job_order_unseal(&order, &other, &err), ERR_DENIED);
    assert_non_null(strstr(err.message, "another key"));
    job_order_deinit(&order);
    assert_int_equal(read_order(text, &order, &err), ERR_OK);
    assert_int_equal(job_order_unseal(&order, NULL, &err), ERR_DENIED);
    job_order_deinit(&order);
    static const char *const wrong[] = {
        "7", "[]", "{\"A\":\"xx\"}", "{\"A\":\"00\"}", "{\"A=B\":\"00\"}", "{\"A\":1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, JOB_HEAD "{\"sealed\":%s}" TERMS, wrong[i]);
        assert_int_equal(read_order(text, &order, &err), ERR_OK);
        assert_int_not_equal(job_order_unseal(&order, &key, &err), ERR_OK);
        job_order_deinit(&order);
    }
}

static void what_cannot_be_run_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"{}", "no id"},
        {"{\"job\":{\"id\":\"x\"}}", "no id"},
        {"{\"job\":{\"id\":\"" ID "\"}}", "file_name"},
        {JOB_HEAD "{\"arguments\":[5]}" TERMS, "arguments"},
        {JOB_HEAD "{\"network\":\"true\"}" TERMS, "network"},
        {JOB_HEAD "{\"arguments\":\"x\"}" TERMS, "arguments"},
        {JOB_HEAD "{\"arguments\":[\"a\\u0000b\"]}" TERMS, "zero"},
        {JOB_HEAD "{\"environment\":{\"A=B\":\"x\"}}" TERMS, "environment"},
        {JOB_HEAD "{\"environment\":{\"A-B\":\"x\"}}" TERMS, "environment"},
        {JOB_HEAD "{\"environment\":{\"A\":1}}" TERMS, "environment"},
        {JOB_HEAD "{\"entry\":\"../x\"}" TERMS, "entry"},
        {JOB_HEAD "{\"entry\":7}" TERMS, "entry"},
        {JOB_HEAD "{}},\"terms\":{}}", "heartbeat_s"},
        {JOB_HEAD "{}},\"terms\":{\"heartbeat_s\":5,\"lease_s\":30,\"batch_max\":1}}", "batch_max"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_order order;
        struct err err = {0};
        if (read_order(cases[i].text, &order, &err) == ERR_OK) {
            fail_msg("was taken: %s", cases[i].text);
        }
        if (strstr(err.message, cases[i].says) == NULL) {
            fail_msg("%s: said %s", cases[i].text, err.message);
        }
        /* Whatever else is wrong: with its id the job can be ended. */
        assert_string_equal(order.id, strstr(cases[i].text, ID) != NULL ? ID : "");
        assert_in_range(order.lease_ms, 1000, 86400000);
        assert_null(order.json);
    }
}

static void answers_are_sorted_by_what_to_do_next(void **state)
{
    (void)state;
    assert_int_equal(server_outcome_of(200, ""), SERVER_OK);
    assert_int_equal(server_outcome_of(204, ""), SERVER_OK);
    assert_int_equal(server_outcome_of(409, "job_ended"), SERVER_GONE);
    assert_int_equal(server_outcome_of(409, "lease_expired"), SERVER_GONE);
    assert_int_equal(server_outcome_of(409, "idempotency_in_flight"), SERVER_RETRY);
    assert_int_equal(server_outcome_of(404, "no_such_job"), SERVER_GONE);
    assert_int_equal(server_outcome_of(409, "output_gap"), SERVER_REFUSED);
    assert_int_equal(server_outcome_of(404, "not_found"), SERVER_REFUSED);
    assert_int_equal(server_outcome_of(413, ""), SERVER_REFUSED);
    assert_int_equal(server_outcome_of(401, ""), SERVER_DENIED);
    assert_int_equal(server_outcome_of(429, ""), SERVER_RETRY);
    assert_int_equal(server_outcome_of(503, "full"), SERVER_RETRY);
    assert_int_equal(server_outcome_of(301, ""), SERVER_RETRY);
}

static void server_addresses_are_checked(void **state)
{
    char base[64];
    (void)state;
    assert_int_equal(server_check_base("http://127.0.0.1:80//", base, sizeof base, NULL), ERR_OK);
    assert_string_equal(base, "http://127.0.0.1:80");
    assert_int_equal(server_check_base("https://x", base, sizeof base, NULL), ERR_OK);
    assert_int_not_equal(server_check_base("ftp://x", base, sizeof base, NULL), ERR_OK);
    assert_int_not_equal(server_check_base("http://", base, sizeof base, NULL), ERR_OK);
    assert_int_not_equal(server_check_base("http://u:p@x", base, sizeof base, NULL), ERR_OK);
    assert_int_not_equal(server_check_base("http://x?y", base, sizeof base, NULL), ERR_OK);
}

static void groups_are_found_in_both_versions(void **state)
{
    static const char mounts[] =
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:5 - cgroup cgroup rw,memory\n"
        "36 31 0:33 /outer /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    static const char self[] =
        "9:cpu,cpuacct:/outer/inner\n4:memory:/a/b\n1:pids:/p\n0::/user.slice/x\n";
    char folder[PATH_MAX];
    (void)state;
    assert_true(cgroup_own_folder(self, mounts, "memory", folder));
    assert_string_equal(folder, "/sys/fs/cgroup/memory/a/b");
    assert_true(cgroup_own_folder(self, mounts, "cpuacct", folder));
    assert_string_equal(folder, "/sys/fs/cgroup/cpu/inner");
    assert_true(cgroup_own_folder(self, mounts, NULL, folder));
    assert_string_equal(folder, "/sys/fs/cgroup/unified/user.slice/x");
    assert_false(cgroup_own_folder(self, mounts, "pids", folder)); /* not mounted */
    assert_false(cgroup_own_folder("0::/\n", mounts, "memory", folder));
    assert_true(cgroup_own_folder("0::/\n", mounts, NULL, folder));
    assert_string_equal(folder, "/sys/fs/cgroup/unified");
    assert_false(cgroup_own_folder("", "", NULL, folder));
}

static void the_processors_name_is_read(void **state)
{
    char model[MACHINE_MODEL_SIZE];
    (void)state;
    assert_true(machine_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags: x\n", model));
    assert_string_equal(model, "Some CPU @ 2 GHz");
    assert_false(machine_model("processor\t: 0\nBogoMIPS\t: 50\n", model));
    assert_false(machine_model("model name", model));
}

static void verdict_of(const struct program_end *end, bool out_of_memory, const char *ending,
                       const char *reason, const char *says)
{
    struct job_verdict verdict;
    struct job_verdict_facts const facts = {.end = end, .out_of_memory = out_of_memory};
    job_verdict_init(&verdict);
    job_verdict_line(&verdict, STREAM_STDOUT, bytes_of("said", 4));
    for (int i = 0; i < 3000; i++) {
        job_verdict_line(&verdict, STREAM_STDERR, bytes_of("some \xff line of a traceback", 25));
    }
    job_verdict_line(&verdict, STREAM_STDERR, bytes_of("KeyError: 'x'", 13));
    job_verdict_decide(&verdict, &facts);
    assert_string_equal(verdict.ending, ending);
    assert_string_equal(verdict.reason, reason);
    assert_non_null(strstr(buf_text(&verdict.detail), says));
    assert_in_range(verdict.detail.size, 0, 4000);
    struct buf body;
    buf_init(&body, 1U << 16);
    job_verdict_body(&verdict, 5, &end->sandbox, &body);
    json_t *json = json_loads(buf_text(&body), 0, NULL);
    assert_non_null(json);
    json_decref(json);
    buf_deinit(&body);
    job_verdict_deinit(&verdict);
}

static void every_end_has_its_words(void **state)
{
    struct program_end const good = {.sandbox = {.started = true}};
    struct program_end const bad = {.sandbox = {.started = true, .exit_status = 1}};
    struct program_end const killed = {.sandbox = {true, 139, 11}};
    struct program_end const limit = {.sandbox = {true, 143, 15}, .limit_reached = true};
    struct program_end const none = {.sandbox = {.exit_status = 1}};
    (void)state;
    verdict_of(&good, false, "completed", "exited_zero", "");
    verdict_of(&good, true, "completed", "exited_zero", ""); /* it coped */
    verdict_of(&bad, false, "program_failed", "exited_nonzero", "KeyError: 'x'");
    verdict_of(&bad, true, "program_failed", "out_of_memory", "memory");
    verdict_of(&killed, false, "program_failed", "killed_by_signal", "Segmentation");
    verdict_of(&limit, false, "cap_reached", "paid_limit", "paid");
    verdict_of(&none, false, "host_fault", "sandbox_failed", "KeyError");
}

static void disk_verdict_of(const struct program_end *end, const char *over, bool low,
                            const char *ending, const char *reason, const char *says)
{
    struct job_verdict verdict;
    struct job_verdict_facts const facts = {.end = end, .over_disk = over, .disk_low = low};
    job_verdict_init(&verdict);
    job_verdict_decide(&verdict, &facts);
    assert_string_equal(verdict.ending, ending);
    assert_string_equal(verdict.reason, reason);
    assert_non_null(strstr(buf_text(&verdict.detail), says));
    job_verdict_deinit(&verdict);
}

static void a_full_disk_is_the_hosts_fault_only_when_the_job_kept_to_its_limit(void **state)
{
    static const char over[] = "its files took 9 MiB of disk, the limit is 8 MiB";
    struct program_end const good = {.sandbox = {.started = true}};
    struct program_end const bad = {.sandbox = {.started = true, .exit_status = 1}};
    struct program_end const killed = {.sandbox = {true, 137, 9}, .stopped = true};
    struct program_end const limit = {.sandbox = {true, 137, 9}, .limit_reached = true};
    (void)state;
    disk_verdict_of(&killed, over, false, "program_failed", "disk_limit", over);
    disk_verdict_of(&bad, over, false, "program_failed", "disk_limit", over);
    disk_verdict_of(&killed, NULL, true, "host_fault", "sandbox_failed", "disk is nearly full");
    disk_verdict_of(&bad, NULL, true, "host_fault", "sandbox_failed", "disk is nearly full");
    disk_verdict_of(&good, over, false, "completed", "exited_zero", "");
    disk_verdict_of(&good, NULL, true, "completed", "exited_zero", "");
    disk_verdict_of(&limit, over, false, "cap_reached", "paid_limit", "paid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_read),
        cmocka_unit_test(the_folder_of_results_is_inside_the_jobs),
        cmocka_unit_test(an_image_is_named_as_in_a_dockerfile_and_for_one_alone),
        cmocka_unit_test(a_network_is_asked_for_with_true_and_with_nothing_else),
        cmocka_unit_test(a_bundle_is_run_by_the_runner_and_its_entry_is_named),
        cmocka_unit_test(sealed_variables_are_opened_with_the_right_key_alone),
        cmocka_unit_test(what_cannot_be_run_is_refused_with_a_reason),
        cmocka_unit_test(answers_are_sorted_by_what_to_do_next),
        cmocka_unit_test(server_addresses_are_checked),
        cmocka_unit_test(groups_are_found_in_both_versions),
        cmocka_unit_test(the_processors_name_is_read),
        cmocka_unit_test(every_end_has_its_words),
        cmocka_unit_test(a_full_disk_is_the_hosts_fault_only_when_the_job_kept_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
