// SPDX-License-Identifier: Apache-2.0
#include "worker/slot.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/enrol.h"
#include "worker/errand.h"
#include "worker/gpu_watch.h"
#include "worker/job.h"
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WAIT_S 25
#define CLAIM_TIMEOUT_MS ((WAIT_S + 15) * 1000)
#define PAUSE_MS 1000 /* after an answer that should not repeat at once */
#define WITHDRAW_PATIENCE_MS 60000
#define DENIED_MAX 3
#define LEFT_OVER_MAX 16

/* A job of an earlier run. There is more than one when an end was told and its files could not be removed, or not yet; which of them runs for the server
 * the server alone can tell, so each says what it has to say. */
struct left_over {
    char job_id[ID_TEXT_SIZE];
    int64_t written_ns; /* its reports, last */
};

struct slot {
    struct slot_options options;
    uv_timer_t timer;
    struct server *server;
    struct sandbox_gpu sandbox_gpu;
    struct gpu_watch *watch;
    char scratch[PATH_MAX];
    struct errand *errand; /* the claim, or the withdrawal of a lost GPU's offer */
    struct job *job;
    int denied;
    struct left_over
        left_over[LEFT_OVER_MAX]; /* to be adopted before the first claim, newest first */
    size_t left_over_count;
    size_t left_over_at; /* the one that is being adopted */
    bool stopping;       /* no more claims, then the end */
    bool paused;
    bool lost;
    bool ending;    /* the timer closes it: a server is not closed within its own callback */
    bool withdrawn; /* or tried */
    bool closed;
    enum err_code code;
    struct err err;
};

static void send_claim(struct slot *slot);

static void on_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;
    slot->options.on_end(slot->options.ctx, slot->code, &slot->err);
    free(slot);
}

/* Once there is neither errand nor job. */
static void close_slot(struct slot *slot)
{
    if (slot->closed) {
        return;
    }
    slot->closed = true;
    errand_cancel(slot->errand);
    slot->errand = NULL;
    gpu_watch_close(slot->watch);
    slot->watch = NULL;
    server_close(slot->server);
    slot->server = NULL;
    uv_close((uv_handle_t *)&slot->timer, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
    struct slot *slot = timer->data;
    if (slot->ending) {
        close_slot(slot);
    } else {
        send_claim(slot);
    }
}

static void claim_later(struct slot *slot, uint64_t pause_ms)
{
    (void)uv_timer_start(&slot->timer, on_timer, slot->stopping ? 0 : pause_ms, 0);
}

static void end_soon(struct slot *slot)
{
    slot->ending = true;
    (void)uv_timer_start(&slot->timer, on_timer, 0, 0);
}

/* ── a job ─────────────────────────────────────────────────────────────────────────────────────── */

static void on_job_done(void *ctx, bool started)
{
    struct slot *slot = ctx;
    bool const was_left_over = slot->left_over_at < slot->left_over_count;
    slot->job = NULL;
    slot->left_over_at += was_left_over ? 1 : 0;
    gpu_watch_pace(slot->watch, false);
    claim_later(slot, started ? 0 : PAUSE_MS); /* the same one may come again at once */
    if (!was_left_over) {
        slot->options.on_job_done(slot->options.ctx);
    }
}

static struct job_options options_of(struct slot *slot)
{
    const struct machine *machine = slot->options.machine;
    return (struct job_options){
        .loop = slot->options.loop,
        .server = slot->server,
        .scratch_parent = slot->scratch,
        .cgroup_place = slot->options.cgroup_place,
        .cpu_cores = machine->cpu_cores,
        .ram_mib = machine->ram_mib,
        .storage_mib = machine->storage_mib,
        .gpu = slot->options.gpu != NULL ? &slot->sandbox_gpu : NULL,
        .gpu_watch = slot->watch,
        .engine = slot->options.kinds->engine,
        .models = slot->options.kinds->models.folder != NULL ? &slot->options.kinds->models : NULL,
        .on_done = on_job_done,
        .ctx = slot,
    };
}

static enum err_code begin_job(struct slot *slot, json_t *body, struct err *err)
{
    struct job_options options = options_of(slot);
    struct err why = {0};
    enum err_code code = job_order_read(body, &options.order, &why);
    if (code == ERR_OK) {
        code = job_order_unseal(&options.order, slot->options.seal_key, &why);
    }
    if (code != ERR_OK) {
        trace_err(TRACE_ERROR, "job.bad_order", &why);
        err_context(&why, "this worker cannot run the job");
        options.unrunnable = why.message;
        options.unrunnable_reason = "sandbox_failed";
    } else if (!options.order.kind_is_known || !slot->options.kinds->runs[options.order.kind]) {
        options.unrunnable = "this machine does not run files of this kind";
        options.unrunnable_reason = "kind_not_runnable";
    } else if (options.order.network && !slot->options.kinds->network) {
        options.unrunnable = "this machine gives jobs no network";
        options.unrunnable_reason = "sandbox_failed";
    }
    if (options.order.id[0] == 0) { /* there is nothing to end */
        *err = why;
        return code;
    }
    trace(TRACE_INFO, "job.claimed", "job=%s input_size=%llu limit_ms=%llu", options.order.id,
          (unsigned long long)options.order.input_size, (unsigned long long)options.order.limit_ms);
    gpu_watch_pace(slot->watch, true);
    code = job_start(&options, &slot->job, err);
    if (code != ERR_OK) {
        job_order_deinit(&options.order);
    }
    return code;
}

/* ── claiming ──────────────────────────────────────────────────────────────────────────────────── */

static void on_claim(void *ctx, const struct server_reply *reply)
{
    struct slot *slot = ctx;
    struct err err = {0};
    slot->errand = NULL;
    slot->denied = reply->outcome == SERVER_DENIED ? slot->denied + 1 : 0;
    if (reply->outcome == SERVER_OK && reply->status == 204) {
        claim_later(slot, 0);
    } else if (reply->outcome == SERVER_OK) {
        if (begin_job(slot, reply->body, &err) != ERR_OK) {
            trace_err(TRACE_ERROR, "job.not_begun", &err);
            claim_later(slot, PAUSE_MS);
        }
    } else if (slot->denied >= DENIED_MAX) {
        slot->code =
            err_set(&slot->err, ERR_DENIED, "the server does not accept this worker's token: %s",
                    reply->detail[0] != 0 ? reply->detail : "enrol again");
        end_soon(slot);
    } else {
        trace(TRACE_WARN, "claim.refused", "status=%d code=%s detail=\"%s\"", reply->status,
              reply->code, reply->detail);
        claim_later(slot, PAUSE_MS);
    }
}

static void send_withdrawal(struct slot *slot);
static bool adopt_next(struct slot *slot);

static void send_claim(struct slot *slot)
{
    struct buf body;
    struct err err = {0};
    if (slot->lost) {
        send_withdrawal(slot);
        return;
    }
    if (slot->stopping) {
        close_slot(slot);
        return;
    }
    if (adopt_next(slot) || slot->paused) {
        return;
    }
    buf_init(&body, 1024);
    buf_printf(&body, "{\"wait_s\":%d,\"software\":\"" WORKER_SOFTWARE "\",\"kinds\":", WAIT_S);
    job_kinds_json(slot->options.kinds, &body);
    buf_printf(&body, ",\"network\":%s}", slot->options.kinds->network ? "true" : "false");
    struct errand_options const options = {
        .loop = slot->options.loop,
        .server = slot->server,
        .request = {.method = "POST",
                    .path = "/v1/workers/claim",
                    .body = buf_bytes(&body),
                    .timeout_ms = CLAIM_TIMEOUT_MS},
        .on_done = on_claim,
        .ctx = slot,
    };
    if (errand_start(&options, &slot->errand, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "claim.no_memory", &err);
        claim_later(slot, PAUSE_MS);
    }
    buf_deinit(&body);
}

/* ── a lost GPU ────────────────────────────────────────────────────────────────────────────────── */

static void on_withdrawn(void *ctx, const struct server_reply *reply)
{
    struct slot *slot = ctx;
    slot->errand = NULL;
    trace(TRACE_INFO, "offer.withdrawn", "host=%s status=%d detail=\"%s\"",
          slot->options.identity->host_id, reply->status, reply->detail);
    if (reply->outcome == SERVER_OK || reply->outcome == SERVER_REFUSED) {
        state_forget_offer(slot->options.folder); /* so that a later start makes a new one */
    }
    end_soon(slot);
}

/* What cannot be run any more is not to be rented. */
static void send_withdrawal(struct slot *slot)
{
    static const char body[] = "{\"reason\":\"its GPU is lost\"}";
    struct worker_offer offer;
    struct err err = {0};
    char path[128];
    if (slot->withdrawn) {
        close_slot(slot);
        return;
    }
    slot->withdrawn = true;
    if (state_load_offer(slot->options.folder, &offer, NULL) != ERR_OK) {
        close_slot(slot);
        return;
    }
    (void)snprintf(path, sizeof path, "/v1/offers/%s/withdraw", offer.offer_id);
    struct errand_options const options = {
        .loop = slot->options.loop,
        .server = slot->server,
        .request = {.method = "POST", .path = path, .body = bytes_of_text(body)},
        .keyed = true,
        .patience_ms = WITHDRAW_PATIENCE_MS,
        .on_done = on_withdrawn,
        .ctx = slot,
    };
    if (errand_start(&options, &slot->errand, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "offer.no_memory", &err);
        close_slot(slot);
    }
}

static void on_gpu_lost(void *ctx, const char *why)
{
    struct slot *slot = ctx;
    slot->lost = true;
    slot->code = err_set(&slot->err, ERR_UNAVAILABLE, "%s; its offer is taken away", why);
    if (slot->job != NULL) {
        job_gpu_lost(slot->job, why); /* its end leads on */
        return;
    }
    errand_cancel(slot->errand);
    slot->errand = NULL;
    send_withdrawal(slot);
}

/* ── what an earlier run left ──────────────────────────────────────────────────────────────────── */

static void give_back(struct slot *slot, const char *job_id)
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
        server_ask_now(slot->options.identity->server, slot->options.identity->token, &request,
                       &answer, &status, detail);
    trace(TRACE_INFO, "job.given_back", "job=%s outcome=%d status=%d detail=\"%s\"", job_id,
          (int)outcome, status, detail);
    json_decref(answer);
}

static enum err_code remove_left_over(struct slot *slot, const char *job_id, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = path_join(path, sizeof path, slot->scratch, job_id, err);
    if (code == ERR_OK) {
        code = scratch_remove(path, err);
    }
    if (code == ERR_OK) {
        give_back(slot, job_id);
    }
    return code;
}

/* The next that can be read. False: there is none. */
static bool adopt_next(struct slot *slot)
{
    for (; slot->left_over_at < slot->left_over_count; slot->left_over_at++) {
        struct job_options options = options_of(slot);
        const char *job_id = slot->left_over[slot->left_over_at].job_id;
        struct err err = {0};
        (void)snprintf(options.order.id, sizeof options.order.id, "%s", job_id);
        if (job_adopt(&options, &slot->job, &err) == ERR_OK) {
            return true;
        }
        trace_err(TRACE_WARN, "job.not_adopted", &err);
        if (remove_left_over(slot, job_id, &err) != ERR_OK) {
            trace_err(TRACE_ERROR, "job.scratch_left", &err);
        }
    }
    return false;
}

static int newest_first(const void *a, const void *b)
{
    const struct left_over *left = a;
    const struct left_over *right = b;
    return left->written_ns < right->written_ns   ? 1
           : left->written_ns > right->written_ns ? -1
                                                  : strcmp(left->job_id, right->job_id);
}

/* Of too many the oldest goes, as it always did with all but one. */
static enum err_code note_left_over(struct slot *slot, const char *job_id, struct err *err)
{
    struct stat about = {0};
    char path[PATH_MAX];
    struct left_over found = {.written_ns = 0};
    enum err_code code = ERR_OK;
    (void)snprintf(found.job_id, sizeof found.job_id, "%s", job_id);
    int const size = snprintf(path, sizeof path, "%s/%s/reports", slot->scratch, job_id);
    if (size > 0 && (size_t)size < sizeof path && stat(path, &about) == 0) {
        found.written_ns = about.st_mtim.tv_sec * NS_PER_S + about.st_mtim.tv_nsec;
    }
    struct left_over *last = &slot->left_over[LEFT_OVER_MAX - 1];
    if (slot->left_over_count < LEFT_OVER_MAX) {
        slot->left_over[slot->left_over_count++] = found;
    } else if (newest_first(&found, last) < 0) {
        code = remove_left_over(slot, last->job_id, err);
        *last = found;
    } else {
        code = remove_left_over(slot, job_id, err);
    }
    qsort(slot->left_over, slot->left_over_count, sizeof *slot->left_over, newest_first);
    return code;
}

static enum err_code sweep(struct slot *slot, struct err *err)
{
    enum err_code code =
        path_join(slot->scratch, sizeof slot->scratch, slot->options.folder, "scratch", err);
    if (code == ERR_OK) {
        code = dir_create(slot->scratch, 0700, err);
    }
    DIR *folder = code == ERR_OK ? opendir(slot->scratch) : NULL;
    if (folder == NULL) {
        return code == ERR_OK ? err_set_errno(err, errno, "open %s", slot->scratch) : code;
    }
    for (const struct dirent *entry;
         code == ERR_OK && (entry = readdir(folder)) != NULL;) { // NOLINT
        struct id16 id;
        char job_id[ID_TEXT_SIZE];
        char group[ID_TEXT_SIZE + 16];
        if (id_parse(bytes_of_text(entry->d_name), &id, NULL) != ERR_OK) {
            continue; /* not ours */
        }
        id_format(id, job_id);
        (void)snprintf(group, sizeof group, CGROUP_JOB_NAME, job_id);
        cgroup_remove_named(slot->options.cgroup_place, group);
        code = note_left_over(slot, job_id, err);
    }
    (void)closedir(folder);
    return code;
}

/* ── from outside ──────────────────────────────────────────────────────────────────────────────── */

static enum err_code watch_gpu(struct slot *slot, struct err *err)
{
    const struct slot_options *options = &slot->options;
    if (options->gpu == NULL) {
        return ERR_OK;
    }
    enum err_code const code =
        gpu_for_sandbox(options->gpus, options->gpu, &slot->sandbox_gpu, err);
    struct gpu_watch_options const watch = {.loop = options->loop,
                                            .source = options->gpus,
                                            .gpu = options->gpu,
                                            .on_lost = on_gpu_lost,
                                            .ctx = slot};
    return code == ERR_OK ? gpu_watch_start(&watch, &slot->watch, err) : code;
}

enum err_code slot_start(const struct slot_options *options, struct slot **ret_slot,
                         struct err *err)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a slot");
    }
    slot->options = *options;
    slot->paused = options->paused;
    enum err_code code = sweep(slot, err);
    if (code == ERR_OK) {
        code = server_create(options->loop, options->identity->server, options->identity->token,
                             &slot->server, err);
    }
    if (code == ERR_OK) {
        code = watch_gpu(slot, err);
    }
    if (code == ERR_OK && uv_timer_init(options->loop, &slot->timer) != 0) {
        code = err_set(err, ERR_NOMEM, "no memory for a slot");
    }
    if (code != ERR_OK) {
        gpu_watch_close(slot->watch);
        server_close(slot->server);
        free(slot);
        return code;
    }
    slot->timer.data = slot;
    trace(TRACE_INFO, "worker.ready", "server=%s host=%s gpu=%s", options->identity->server,
          options->identity->host_id, options->gpu != NULL ? options->gpu->uuid : "none");
    *ret_slot = slot;
    send_claim(slot); /* what is left over first */
    return ERR_OK;
}

void slot_drain(struct slot *slot)
{
    slot->stopping = true;
    if (slot->job == NULL && !slot->withdrawn) {
        close_slot(slot);
    }
}

void slot_stop(struct slot *slot)
{
    slot->stopping = true;
    if (slot->job != NULL) {
        job_stop(slot->job);
    } else {
        close_slot(slot);
    }
}

void slot_pause(struct slot *slot, bool pause)
{
    if (slot->paused == pause || slot->lost) {
        return;
    }
    slot->paused = pause;
    trace(TRACE_INFO, "worker.paused", "host=%s paused=%d", slot->options.identity->host_id, pause);
    if (slot->job != NULL) {
        return;
    }
    errand_cancel(slot->errand);
    slot->errand = NULL;
    (void)uv_timer_stop(&slot->timer);
    if (!pause) {
        send_claim(slot);
    }
}
