/* What a machine has for jobs: found as a job finds it, told in an offer, remembered beside it. R11 */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/frameworks.h"
#include "worker/state.h"
#include "worker/stock.h"
#include "worker/tool.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct machine machine = {.ram_mib = 1024};

/* The package that `list` has by this name: its version, or NULL. */
static const char *version_in(const char *list, const char *name, char ret[128])
{
    struct bytes rest = bytes_of_text(list);
    struct bytes found;
    struct bytes version;
    while (software_next(&rest, &found, &version)) {
        if (bytes_equal(found, bytes_of_text(name))) {
            (void)snprintf(ret, 128, "%.*s", (int)version.size, (const char *)version.data);
            return ret;
        }
    }
    return NULL;
}

/* numpy is installed wherever these tests are (tools/packages.txt); vllm is put where root's own Python would find it and no job's. */
static void packages_are_those_that_a_job_can_import_and_no_others(void **state)
{
    static const char outside[] =
        "cd \"$0\" && d=.local/lib/$(/usr/bin/python3 -c 'import sys; "
        "print(\"python%d.%d\" % sys.version_info[:2])')/site-packages/vllm && mkdir -p $d && "
        "echo 'open(\"ran\", \"w\")' > $d/__init__.py && HOME=$PWD /usr/bin/python3 -c 'import "
        "vllm' && test -f ran && rm ran && /usr/bin/python3 -c 'import numpy, platform; "
        "print(platform.python_version(), numpy.__version__)'";
    char folder[64];
    char trial[96];
    char python[128];
    char numpy[128];
    char both[260];
    struct buf told;
    struct buf list;
    struct err err = {0};
    int status = -1;
    (void)state;
    temp_folder_create(folder);
    (void)snprintf(trial, sizeof trial, "%s/state", folder);
    assert_int_equal(dir_create(trial, 0700, NULL), ERR_OK);
    const char *const arguments[] = {"-c", outside, folder, NULL};
    buf_init(&told, 4096);
    buf_init(&list, SOFTWARE_LIST_MAX);
    assert_int_equal(tool_run("/bin/sh", arguments, 60000, &told, &status, NULL), ERR_OK);
    assert_int_equal(status, 0);
    assert_int_equal(setenv("HOME", folder, 1), 0); // NOLINT(concurrency-mt-unsafe): one thread
    if (frameworks_find(trial, &machine, &list, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    const char *said = buf_text(&list);
    assert_int_equal(strncmp(said, "python=", 7), 0); /* the first, which every list has */
    assert_non_null(version_in(said, "python", python));
    assert_non_null(version_in(said, "numpy", numpy));
    (void)snprintf(both, sizeof both, "%s %s\n", python, numpy);
    assert_string_equal(both, buf_text(&told));
    assert_null(version_in(said, "vllm", numpy));
    assert_null(version_in(said, "setuptools", numpy)); /* is there, and nobody asks */
    buf_deinit(&told);
    buf_deinit(&list);
    temp_folder_remove(folder);
}

/* In a view of the mounts of its own, where `packages` is all that root's pip put: 0, or the line that failed. */
static int find_with(const char *packages, const char *trial)
{
    static const char expected[] = " trl=1.2+x vllm ";
    const char *const arguments[] = {"-c", "import site; print(site.getsitepackages()[0], end='')",
                                     NULL};
    struct buf place;
    struct buf list;
    struct err err = {0};
    int status = -1;
    buf_init(&place, 4096);
    buf_init(&list, SOFTWARE_LIST_MAX);
    if (tool_run("/usr/bin/python3", arguments, 60000, &place, &status, &err) != ERR_OK ||
        unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(packages, buf_text(&place), NULL, MS_BIND, NULL) != 0 ||
        frameworks_find(trial, &machine, &list, &err) != ERR_OK) {
        print_error("%s: %s\n", buf_text(&place), err.message);
        return __LINE__;
    }
    buf_append_text(&list, " ");
    return strstr(buf_text(&list), expected) != NULL && strstr(buf_text(&list), "peft") == NULL
               ? 0
               : __LINE__;
}

/* trl has metadata, vllm has none and would not survive its import, and of peft a removal left the folder. */
static void a_package_is_told_without_being_run_and_a_leftover_is_not(void **state)
{
    static const char make[] =
        "cd \"$0\" && mkdir -p state packages/trl packages/vllm packages/peft/__pycache__ "
        "packages/TRL-1.2.dist-info && touch packages/trl/__init__.py && "
        "echo 'raise SystemExit(1)' > packages/vllm/__init__.py && "
        "printf 'Metadata-Version: 2.1\\nName: TRL\\nVersion: 1.2+x\\n' > "
        "packages/TRL-1.2.dist-info/METADATA && echo trl > "
        "packages/TRL-1.2.dist-info/top_level.txt";
    char folder[64];
    char packages[96];
    char trial[96];
    struct buf none;
    int status = -1;
    (void)state;
    if (geteuid() != 0) {
        skip(); /* only root has a view of the mounts for the asking */
    }
    temp_folder_create(folder);
    (void)snprintf(packages, sizeof packages, "%s/packages", folder);
    (void)snprintf(trial, sizeof trial, "%s/state", folder);
    const char *const arguments[] = {"-c", make, folder, NULL};
    buf_init(&none, 16);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(tool_run("/bin/sh", arguments, 60000, &none, &status, NULL), ERR_OK);
    assert_int_equal(status, 0);
    pid_t const pid = fork();
    if (pid == 0) {
        _exit(find_with(packages, trial) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    buf_deinit(&none);
    temp_folder_remove(folder);
}

static void packages_are_words_for_people_and_an_object_in_an_offer(void **state)
{
    static const char list[] = "python=3.11.2 torch=1.13.1+cu117 cv2";
    struct buf text;
    (void)state;
    buf_init(&text, 1U << 16);
    frameworks_words(bytes_of_text(list), &text);
    assert_string_equal(buf_text(&text), "3.11.2 with torch 1.13.1+cu117, cv2");
    buf_clear(&text);
    frameworks_words(bytes_of_text("python=3.12.3"), &text);
    assert_string_equal(buf_text(&text), "3.12.3 with no framework");
    buf_clear(&text);
    frameworks_json(bytes_of_text(list), &text);
    assert_string_equal(buf_text(&text),
                        "{\"python\":\"3.11.2\",\"torch\":\"1.13.1+cu117\",\"cv2\":\"\"}");
    buf_deinit(&text);
}

/* Packages that could not be looked for are not told, which is not that there are none; no models and no images are none. */
static void an_offer_tells_what_is_there(void **state)
{
    static const struct stock some = {.packages = "python=3.11.2",
                                      .models = "org/name sd-turbo",
                                      .images = "alpine:3 python:3.11-slim"};
    static const struct stock none = {.packages = ""};
    struct buf text;
    (void)state;
    buf_init(&text, 1U << 16);
    stock_json(&some, &text);
    assert_string_equal(buf_text(&text),
                        ",\"packages\":{\"python\":\"3.11.2\"},\"models\":[\"org/"
                        "name\",\"sd-turbo\"],\"images\":[\"alpine:3\",\"python:3.11-slim\"]");
    buf_clear(&text);
    stock_json(&none, &text);
    assert_string_equal(buf_text(&text), ",\"models\":[],\"images\":[]");
    buf_clear(&text);
    stock_words(some.models, &text);
    assert_string_equal(buf_text(&text), "org/name, sd-turbo");
    buf_deinit(&text);
}

static void what_was_offered_is_remembered_and_an_older_workers_offer_told_nothing(void **state)
{
    static const char old[] =
        "{\"offer_id\":\"0190e8f0-1111-7222-8333-444455556666\",\"rate\":7,\"network\":true}";
    char folder[64];
    char path[96];
    struct worker_offer offer = {.offer_id = "0190e8f0-1111-7222-8333-444455556666", .rate = 7};
    struct worker_offer loaded = {0};
    (void)state;
    memset(offer.stock.packages, 'p', SOFTWARE_LIST_MAX); /* the longest */
    memset(offer.stock.models, 'm', SOFTWARE_LIST_MAX);
    memset(offer.stock.images, 'i', SOFTWARE_LIST_MAX);
    temp_folder_create(folder);
    assert_int_equal(state_save_offer(folder, &offer, NULL), ERR_OK);
    assert_int_equal(state_load_offer(folder, &loaded, NULL), ERR_OK);
    assert_true(stock_equal(&offer.stock, &loaded.stock));
    assert_int_equal(loaded.rate, 7);
    offer.stock = (struct stock){.packages = "python=3.11.2"};
    assert_false(stock_equal(&offer.stock, &loaded.stock));
    assert_int_equal(state_save_offer(folder, &offer, NULL), ERR_OK);
    assert_int_equal(state_load_offer(folder, &loaded, NULL), ERR_OK);
    assert_true(stock_equal(&offer.stock, &loaded.stock));
    (void)snprintf(path, sizeof path, "%s/offer.json", folder);
    assert_int_equal(file_write_atomic(path, bytes_of_text(old), 0600, NULL), ERR_OK);
    assert_int_equal(state_load_offer(folder, &loaded, NULL), ERR_OK);
    assert_true(loaded.network);
    assert_false(stock_equal(&offer.stock, &loaded.stock));
    assert_string_equal(loaded.stock.packages, "");
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_are_those_that_a_job_can_import_and_no_others),
        cmocka_unit_test(a_package_is_told_without_being_run_and_a_leftover_is_not),
        cmocka_unit_test(packages_are_words_for_people_and_an_object_in_an_offer),
        cmocka_unit_test(an_offer_tells_what_is_there),
        cmocka_unit_test(what_was_offered_is_remembered_and_an_older_workers_offer_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
