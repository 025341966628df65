/* worker/selftest.c: what a provider wants to know before a renter finds out: line by line, then published as host.benchmarked. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "worker/benchmark.h"
#include "worker/cgroup.h"
#include "worker/command.h"
#include "worker/frameworks.h"
#include "worker/models.h"
#include "worker/server.h"
#include "worker/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BENCHMARK_VERSION 1
#define REPORT_MAX 16000
#define SPEED_NS (INT64_C(1500) * NS_PER_MS)
#define MEMORY_ROUNDS 6
#define DISK_BYTES ((size_t)64 << 20)
#define ROUND_TRIPS 5

struct selftest {
    const struct settings *settings;
    const struct state_slots *slots;
    struct machine machine; /* all of it */
    struct gpu_source *gpus;
    struct buf report;
    int failed;
    uint64_t speed_permille;
};

/* "ok    memory      12000 MB/s" */
PRINTF_LIKE(4, 5)
static void say(struct selftest *test, bool good, const char *what, const char *format, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    test->failed += good ? 0 : 1;
    printf("%-5s %-12s %s\n", good ? "ok" : "FAIL", what, text);
    (void)fflush(stdout);
    buf_printf(&test->report, "%s %s: ", good ? "ok" : "FAIL", what);
    utf8_append_lossy(&test->report, bytes_of_text(text));
    buf_append_text(&test->report, "\n");
}

/* A machine that gives none has nothing to test; one that is to give it and cannot is not offered with it. */
static void test_job_network(struct selftest *test)
{
    struct err err = {0};
    if (!test->settings->network) {
        say(test, true, "job-network", "not given to jobs (--network, with run too)");
        return;
    }
    bool const good = trial_network(test->settings->state, &test->machine, &err) == ERR_OK;
    say(test, good, "job-network", "%s",
        good ? "to the Internet, and not to this machine or its neighbours" : err.message);
}

/* Docker's are taken over here as `run` does, so that the first `run` need not. */
static void test_images(struct selftest *test, struct container_engine *ret)
{
    struct err err = {0};
    if (command_engine_open(test->settings, ret, &err) != ERR_OK) {
        say(test, false, "images", "%s", err.message);
        *ret = (struct container_engine){0};
    }
    for (size_t i = 0; ret->images != NULL && i < ret->images->count; i++) {
        const struct docker_image *image = &ret->images->items[i];
        say(test, image->config != NULL, "image", "%s",
            image->config != NULL ? image->name : image->why.message);
    }
}

static void test_sandbox(struct selftest *test)
{
    struct err err = {0};
    struct cgroup_place place;
    struct job_kinds kinds;
    struct container_engine engine = {0};
    struct buf words;
    bool const good = trial_sandbox(test->settings->state, &test->machine, &err) == ERR_OK;
    say(test, good, "sandbox", "%s", good ? "a program runs in it" : err.message);
    cgroup_find(&place);
    say(test, true, "limits", "memory by %s, processes by %s",
        place.memory_parent[0] != 0 ? "control group" : "address space (systemd: Delegate=yes)",
        place.pids_parent[0] != 0 ? "control group" : "rlimit");
    test_job_network(test);
    test_images(test, &engine);
    trial_kinds(test->settings->state, &test->machine, engine.kind != NULL ? &engine : NULL,
                &kinds);
    buf_init(&words, 256);
    job_kinds_json(&kinds, &words);
    say(test, true, "kinds", "%s", buf_text(&words));
    buf_deinit(&words);
    command_engine_close(&engine);
}

static void test_python(struct selftest *test)
{
    struct buf list;
    struct buf words;
    struct err err = {0};
    buf_init(&list, SOFTWARE_LIST_MAX);
    buf_init(&words, 2 * SOFTWARE_LIST_MAX);
    bool const good = frameworks_find(test->settings->state, &test->machine, &list, &err) == ERR_OK;
    frameworks_words(buf_bytes(&list), &words);
    say(test, good, "python", "%s", good ? buf_text(&words) : err.message);
    buf_deinit(&list);
    buf_deinit(&words);
}

/* One that jobs cannot read is not told of, which its owner is to hear before a renter misses it. */
static void test_models(struct selftest *test)
{
    const struct settings *settings = test->settings;
    char folder[PATH_MAX];
    struct buf list;
    struct buf words;
    struct buf closed;
    struct err err = {0};
    if (settings->models == NULL) {
        say(test, true, "models", "none are shown to jobs (--models DIR, with run too)");
        return;
    }
    buf_init(&list, SOFTWARE_LIST_MAX);
    buf_init(&words, 2 * SOFTWARE_LIST_MAX);
    buf_init(&closed, MODELS_CLOSED_MAX);
    enum err_code code = models_resolve(settings->models, settings->state, folder, &err);
    if (code == ERR_OK) {
        code = models_find(folder, settings->state, &test->machine, &list, &closed, &err);
    }
    stock_words(buf_text(&list), &words);
    bool const good = code == ERR_OK && list.size > 0;
    say(test, good, "models", "%s",
        good             ? buf_text(&words)
        : code == ERR_OK ? "none: expected a hub's cache, with folders like models--org--name, or "
                           "folders with a model_index.json or config.json in them"
                         : err.message);
    for (const char *at = buf_text(&closed); *at != 0; at += strcspn(at, "\n") + 1) {
        say(test, false, "models", "%.*s: jobs cannot read it, so it is not offered",
            (int)strcspn(at, "\n"), at);
    }
    buf_deinit(&list);
    buf_deinit(&words);
    buf_deinit(&closed);
}

static void test_gpus(struct selftest *test)
{
    for (size_t i = 0; i < test->slots->count; i++) {
        const char *uuid = test->slots->identities[i].gpu;
        const struct gpu *gpu = gpu_find(test->gpus, uuid);
        struct gpu_sample sample;
        struct sandbox_gpu nodes;
        struct err why = {0};
        if (uuid[0] == 0) {
            continue;
        }
        if (gpu == NULL) {
            say(test, false, "gpu", "%s is not in this machine", uuid);
        } else if (gpu_read(test->gpus, gpu, &sample, &why) != GPU_WORKS ||
                   gpu_for_sandbox(test->gpus, gpu, &nodes, &why) != ERR_OK) {
            say(test, false, "gpu", "%s", why.message);
        } else {
            say(test, true, "gpu", "%s, %llu of %llu MiB in use, %llu C, %llu W, driver %s",
                gpu->model, (unsigned long long)sample.vram_mib,
                (unsigned long long)sample.vram_total_mib, (unsigned long long)sample.temperature_c,
                (unsigned long long)sample.power_mw / 1000, gpu->driver);
        }
    }
}

static void test_speed(struct selftest *test)
{
    test->speed_permille = benchmark_speed_permille(benchmark_measure(SPEED_NS));
    say(test, true, "processor", "%s, %llu cores, each %llu.%03llu of the reference",
        test->machine.model, (unsigned long long)test->machine.cpu_cores,
        (unsigned long long)test->speed_permille / 1000,
        (unsigned long long)test->speed_permille % 1000);
    uint64_t const mbps = benchmark_memory_mbps(MEMORY_ROUNDS);
    say(test, mbps > 0, "memory", "%llu MiB for jobs, one core copies %llu MB/s",
        (unsigned long long)test->machine.ram_mib, (unsigned long long)mbps);
}

/* Written and synced, because what stays in memory says nothing of a disk. */
static void test_disk(struct selftest *test)
{
    char path[PATH_MAX];
    struct err err = {0};
    uint8_t *block = malloc(1U << 20);
    int fd = -1;
    size_t written = 0;
    if (block == NULL ||
        path_join(path, sizeof path, test->settings->state, "try-disk", &err) != ERR_OK) {
        say(test, false, "disk", "no memory to try it");
        free(block);
        return;
    }
    for (size_t i = 0; i < 1U << 20; i++) { /* nothing a file system could squeeze */
        block[i] = (uint8_t)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
    }
    int64_t const before = time_mono_ns();
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (fd >= 0 && written < DISK_BYTES && write(fd, block, 1U << 20) == 1 << 20) {
        written += 1U << 20;
    }
    bool const good = fd >= 0 && written == DISK_BYTES && fdatasync(fd) == 0;
    int const error = errno;
    int64_t const took = time_mono_ns() - before;
    if (good) {
        say(test, true, "disk", "%llu MiB for jobs, written with %llu MB/s",
            (unsigned long long)test->machine.storage_mib,
            (unsigned long long)(DISK_BYTES * 1000 / (uint64_t)(took > 0 ? took : 1)));
    } else {
        (void)err_set_errno(&err, error, "write %s", path);
        say(test, false, "disk", "%s", err.message);
    }
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(path);
    }
    free(block);
}

static void test_network(struct selftest *test)
{
    const struct worker_identity *identity = &test->slots->identities[0];
    struct server_request const request = {
        .method = "GET", .path = "/v1/auth/whoami", .timeout_ms = 10000};
    int64_t best = INT64_MAX;
    enum server_outcome outcome = SERVER_OK;
    char detail[ERR_MESSAGE_MAX] = "";
    for (int i = 0; i < ROUND_TRIPS && outcome == SERVER_OK; i++) {
        json_t *body = NULL;
        int status = 0;
        int64_t const before = time_mono_ns();
        outcome =
            server_ask_now(identity->server, identity->token, &request, &body, &status, detail);
        int64_t const took = time_mono_ns() - before;
        json_decref(body);
        best = took < best ? took : best;
    }
    if (outcome == SERVER_OK) {
        say(test, true, "network", "%s answers within %lld ms", identity->server,
            (long long)(best / NS_PER_MS) + 1);
    } else {
        say(test, false, "network", "%s: %s", identity->server,
            detail[0] != 0 ? detail : "no answer");
    }
}

/* For each slot: renters look at a host, and each slot is one. */
static void publish(struct selftest *test)
{
    for (size_t i = 0; i < test->slots->count; i++) {
        const struct worker_identity *identity = &test->slots->identities[i];
        struct buf body;
        char key[SERVER_KEY_SIZE];
        char detail[ERR_MESSAGE_MAX] = "";
        json_t *answer = NULL;
        int status = 0;
        buf_init(&body, 8 * REPORT_MAX);
        buf_printf(&body, "{\"benchmark_version\":%d,\"speed_permille\":%llu,\"detail\":",
                   BENCHMARK_VERSION, (unsigned long long)test->speed_permille);
        json_append_string(&body, buf_bytes(&test->report));
        buf_append_text(&body, "}");
        server_new_key(key);
        struct server_request const request = {.method = "POST",
                                               .path = "/v1/workers/benchmark",
                                               .body = buf_bytes(&body),
                                               .idempotency_key = key};
        enum server_outcome const outcome =
            server_ask_now(identity->server, identity->token, &request, &answer, &status, detail);
        if (outcome == SERVER_OK) {
            printf("published for host %s\n", identity->host_id);
        } else {
            printf("not published for host %s: %s (status %d)\n", identity->host_id,
                   detail[0] != 0 ? detail : "no answer", status);
        }
        json_decref(answer);
        buf_deinit(&body);
    }
}

enum err_code command_selftest(const struct settings *settings, struct err *err)
{
    struct selftest test = {.settings = settings};
    struct state_slots *slots = NULL;
    struct err none = {0};
    int lock_fd = -1;
    enum err_code code = state_load_slots(settings->state, &slots, err);
    if (code == ERR_OK) {
        code = state_lock(settings->state, &lock_fd, err);
        if (code == ERR_BUSY) {
            err_context(err, "a test would disturb its jobs and they the test; drain it first");
        }
    }
    if (code == ERR_OK) {
        code = machine_read(settings->state, &test.machine, err);
    }
    if (code == ERR_OK) {
        buf_init(&test.report, REPORT_MAX);
        test.slots = slots;
        if (!settings->no_gpus && gpu_source_open(&settings->gpus, &test.gpus, &none) != ERR_OK) {
            test.gpus = NULL;
        }
        test_sandbox(&test);
        test_python(&test);
        test_models(&test);
        test_gpus(&test);
        test_speed(&test);
        test_disk(&test);
        test_network(&test);
        publish(&test);
        code = test.failed == 0
                   ? ERR_OK
                   : err_set(err, ERR_UNAVAILABLE, "%d of the tests failed", test.failed);
        gpu_source_close(test.gpus);
        buf_deinit(&test.report);
    }
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    free(slots);
    return code;
}
