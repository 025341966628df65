// SPDX-License-Identifier: Apache-2.0
#include "worker/claim.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "worker/cgroup.h"
#include "worker/enrol.h"
#include "worker/errand.h"
#include "worker/job.h"
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_S 25
#define CLAIM_TIMEOUT_MS ((WAIT_S + 15) * 1000)
#define PAUSE_MS 1000 /* after an answer that should not repeat at once */
#define DENIED_MAX 3

struct claim {
    const struct claim_options *options;
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t timer;
    struct server *server;
    struct cgroup_place cgroup_place;
    char scratch[PATH_MAX];
    struct errand *errand;
    struct job *job;
    uint64_t jobs_done;
    int denied;
    bool stopping;
    bool closed;
    enum err_code code;
    struct err err;
};

static void send_claim(struct claim *claim);

/* Close what keeps the loop alive, once there is neither errand nor job. */
static void close_all(struct claim *claim)
{
    if (claim->closed) {
        return;
    }
    claim->closed = true;
    errand_cancel(claim->errand);
    claim->errand = NULL;
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&claim->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&claim->timer, NULL);
    server_close(claim->server);
    claim->server = NULL;
}

static void on_timer(uv_timer_t *timer)
{
    send_claim(timer->data);
}

static void claim_later(struct claim *claim, uint64_t pause_ms)
{
    if (claim->stopping) {
        close_all(claim);
    } else {
        (void)uv_timer_start(&claim->timer, on_timer, pause_ms, 0);
    }
}

static void on_job_done(void *ctx, bool started)
{
    struct claim *claim = ctx;
    claim->job = NULL;
    claim->jobs_done++;
    if (claim->options->jobs_max != 0 && claim->jobs_done >= claim->options->jobs_max) {
        claim->stopping = true;
    }
    claim_later(claim, started ? 0 : PAUSE_MS); /* the same one may come again at once */
}

static enum err_code begin_job(struct claim *claim, json_t *body, struct err *err)
{
    struct job_options options = {
        .loop = &claim->loop,
        .server = claim->server,
        .scratch_parent = claim->scratch,
        .cgroup_place = &claim->cgroup_place,
        .cpu_cores = claim->options->machine->cpu_cores,
        .ram_mib = claim->options->machine->ram_mib,
        .storage_mib = claim->options->machine->storage_mib,
        .on_done = on_job_done,
        .ctx = claim,
    };
    struct err why = {0};
    enum err_code code = job_order_read(body, &options.order, &why);
    if (code != ERR_OK) {
        trace_err(TRACE_ERROR, "job.bad_order", &why);
        err_context(&why, "this worker cannot run the job");
        options.unrunnable = why.message;
        options.unrunnable_reason = "sandbox_failed";
    } else if (!options.order.kind_is_known || !claim->options->kinds->runs[options.order.kind]) {
        options.unrunnable = "this machine does not run files of this kind";
        options.unrunnable_reason = "kind_not_runnable";
    }
    if (options.order.id[0] == 0) { /* there is nothing to end */
        *err = why;
        return code;
    }
    trace(TRACE_INFO, "job.claimed", "job=%s input_size=%llu limit_ms=%llu", options.order.id,
          (unsigned long long)options.order.input_size, (unsigned long long)options.order.limit_ms);
    code = job_start(&options, &claim->job, err);
    if (code != ERR_OK) {
        job_order_deinit(&options.order);
    }
    return code;
}

static void on_claim(void *ctx, const struct server_reply *reply)
{
    struct claim *claim = ctx;
    struct err err = {0};
    claim->errand = NULL;
    claim->denied = reply->outcome == SERVER_DENIED ? claim->denied + 1 : 0;
    if (reply->outcome == SERVER_OK && reply->status == 204) {
        claim_later(claim, 0);
    } else if (reply->outcome == SERVER_OK) {
        if (begin_job(claim, reply->body, &err) != ERR_OK) {
            trace_err(TRACE_ERROR, "job.not_begun", &err);
            claim_later(claim, PAUSE_MS);
        }
    } else if (claim->denied >= DENIED_MAX) {
        claim->code =
            err_set(&claim->err, ERR_DENIED, "the server does not accept this worker's token: %s",
                    reply->detail[0] != 0 ? reply->detail : "enrol again");
        close_all(claim);
    } else {
        trace(TRACE_WARN, "claim.refused", "status=%d code=%s detail=\"%s\"", reply->status,
              reply->code, reply->detail);
        claim_later(claim, PAUSE_MS);
    }
}

static void send_claim(struct claim *claim)
{
    struct buf body;
    buf_init(&body, 1024);
    buf_append_text(&body, "{\"wait_s\":25,\"software\":\"" WORKER_SOFTWARE "\",\"kinds\":");
    job_kinds_json(claim->options->kinds, &body);
    buf_append_text(&body, "}");
    struct errand_options const options = {
        .loop = &claim->loop,
        .server = claim->server,
        .request = {.method = "POST",
                    .path = "/v1/workers/claim",
                    .body = buf_bytes(&body),
                    .timeout_ms = CLAIM_TIMEOUT_MS},
        .on_done = on_claim,
        .ctx = claim,
    };
    struct err err = {0};
    _Static_assert(WAIT_S == 25, "the body says it too");
    if (claim->stopping) {
        close_all(claim);
    } else if (errand_start(&options, &claim->errand, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "claim.no_memory", &err);
        claim_later(claim, PAUSE_MS);
    }
    buf_deinit(&body);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct claim *claim = handle->data;
    trace(TRACE_INFO, "worker.stopping", "signal=%d", number);
    claim->stopping = true;
    if (claim->job != NULL) {
        job_stop(claim->job);
    } else {
        close_all(claim);
    }
}

/* ── what an earlier run left ──────────────────────────────────────────────────────────────────── */

static void give_back(struct claim *claim, const char *job_id)
{
    static const char body[] =
        "{\"ending\":\"host_fault\",\"reason\":\"worker_stopped\",\"worker_ms\":0,"
        "\"exit_status\":0,\"signal\":0,\"detail\":\"the worker was started again\"}";
    char path[128];
    char detail[ERR_MESSAGE_MAX] = "";
    char key[SERVER_KEY_SIZE];
    json_t *answer = NULL;
    int status = 0;
    (void)snprintf(path, sizeof path, "/v1/workers/jobs/%s/end", job_id);
    server_new_key(key);
    struct server_request const request = {.method = "POST",
                                           .path = path,
                                           .body = bytes_of_text(body),
                                           .idempotency_key = key,
                                           .timeout_ms = 5000};
    enum server_outcome const outcome =
        server_ask_now(claim->options->identity->server, claim->options->identity->token, &request,
                       &answer, &status, detail);
    trace(TRACE_INFO, "job.given_back", "job=%s outcome=%d status=%d detail=\"%s\"", job_id,
          (int)outcome, status, detail);
    json_decref(answer);
}

static enum err_code sweep(struct claim *claim, struct err *err)
{
    enum err_code code =
        path_join(claim->scratch, sizeof claim->scratch, claim->options->folder, "scratch", err);
    if (code == ERR_OK) {
        code = dir_create(claim->scratch, 0700, err);
    }
    DIR *folder = code == ERR_OK ? opendir(claim->scratch) : NULL;
    if (folder == NULL) {
        return code == ERR_OK ? err_set_errno(err, errno, "open %s", claim->scratch) : code;
    }
    for (const struct dirent *entry;
         code == ERR_OK && (entry = readdir(folder)) != NULL;) { // NOLINT
        struct id16 id;
        char job_id[ID_TEXT_SIZE];
        char group[ID_TEXT_SIZE + 16];
        char path[PATH_MAX];
        if (id_parse(bytes_of_text(entry->d_name), &id, NULL) != ERR_OK) {
            continue; /* not ours */
        }
        id_format(id, job_id);
        (void)snprintf(group, sizeof group, CGROUP_JOB_NAME, job_id);
        cgroup_remove_named(&claim->cgroup_place, group);
        code = path_join(path, sizeof path, claim->scratch, entry->d_name, err);
        if (code == ERR_OK) {
            code = scratch_remove(path, err);
        }
        if (code == ERR_OK) {
            give_back(claim, job_id);
        }
    }
    (void)closedir(folder);
    return code;
}

enum err_code claim_run(const struct claim_options *options, struct err *err)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    struct claim *claim = calloc(1, sizeof *claim);
    if (claim == NULL || uv_loop_init(&claim->loop) != 0) {
        free(claim);
        return err_set(err, ERR_IO, "the event loop could not be made");
    }
    claim->options = options;
    cgroup_find(&claim->cgroup_place);
    trace(TRACE_INFO, "worker.limits", "memory=%s pids=%s",
          claim->cgroup_place.memory_parent[0] != 0 ? "cgroup" : "address space",
          claim->cgroup_place.pids_parent[0] != 0 ? "cgroup" : "rlimit");
    enum err_code code = sweep(claim, err);
    if (code == ERR_OK) {
        code = server_create(&claim->loop, options->identity->server, options->identity->token,
                             &claim->server, err);
    }
    if (code == ERR_OK) {
        for (size_t i = 0; i < 2; i++) {
            (void)uv_signal_init(&claim->loop, &claim->signals[i]);
            claim->signals[i].data = claim;
            (void)uv_signal_start(&claim->signals[i], on_signal, numbers[i]);
        }
        (void)uv_timer_init(&claim->loop, &claim->timer);
        claim->timer.data = claim;
        trace(TRACE_INFO, "worker.ready", "server=%s host=%s", options->identity->server,
              options->identity->host_id);
        send_claim(claim);
        (void)uv_run(&claim->loop, UV_RUN_DEFAULT);
        code = claim->code;
        if (code != ERR_OK && err != NULL) {
            *err = claim->err;
        }
    }
    int const rc = uv_loop_close(&claim->loop);
    if (rc != 0) {
        trace(TRACE_ERROR, "worker.handles_left", "rc=%d", rc);
    }
    free(claim);
    return code;
}
