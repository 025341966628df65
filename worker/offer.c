// SPDX-License-Identifier: Apache-2.0
#include "worker/offer.h"

#include "core/base/buf.h"
#include "core/base/driver_version.h"
#include "core/base/id.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/benchmark.h"
#include "worker/server.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BENCHMARK_NS (INT64_C(1500) * NS_PER_MS)
#define TRIES 10

/* Ask until there is an answer, for a while: server and worker are often started together. */
static enum server_outcome ask(const struct worker_identity *identity, const char *path,
                               const struct buf *body, json_t **ret_body, int *ret_status,
                               char ret_detail[ERR_MESSAGE_MAX])
{
    char key[SERVER_KEY_SIZE];
    enum server_outcome outcome = SERVER_RETRY;
    struct timespec const pause = {.tv_sec = 1};
    server_new_key(key);
    for (int i = 0; i < TRIES && outcome == SERVER_RETRY; i++) {
        struct server_request const request = {
            .method = "POST", .path = path, .body = buf_bytes(body), .idempotency_key = key};
        if (i > 0) {
            trace(TRACE_WARN, "offer.retry", "status=%d detail=\"%s\"", *ret_status, ret_detail);
            json_decref(*ret_body);
            (void)nanosleep(&pause, NULL);
        }
        outcome = server_ask_now(identity->server, identity->token, &request, ret_body, ret_status,
                                 ret_detail);
    }
    return outcome;
}

static enum err_code outcome_error(enum server_outcome outcome, int status, const char *detail,
                                   const char *what, struct err *err)
{
    enum err_code const code = outcome == SERVER_RETRY    ? ERR_UNAVAILABLE
                               : outcome == SERVER_DENIED ? ERR_DENIED
                                                          : ERR_INVALID;
    return err_set(err, code, "%s: %s (status %d)", what,
                   detail[0] != 0 ? detail : "the server did not say why", status);
}

/* Only what the server takes for a version: what nobody can compare is not told. */
static const char *driver_to_tell(const struct gpu *gpu)
{
    uint64_t version;
    return driver_version_parse(bytes_of_text(gpu->driver), &version) ? gpu->driver : "";
}

void offer_json(const struct worker_identity *identity, const struct machine *machine,
                const struct gpu *gpu, uint64_t speed_permille, const struct worker_offer *terms,
                struct buf *ret)
{
    buf_printf(ret, "{\"host_id\":\"%s\",\"device\":\"%s\",\"model\":", identity->host_id,
               gpu != NULL ? "gpu" : "cpu");
    json_append_string(ret, bytes_of_text(gpu != NULL ? gpu->model : machine->model));
    if (gpu != NULL) {
        buf_printf(ret,
                   ",\"driver\":\"%s\",\"gpus\":1,\"vram_mib\":%llu,\"tflops_milli\":%llu,"
                   "\"compute_capability\":%llu",
                   driver_to_tell(gpu), (unsigned long long)gpu->vram_mib,
                   (unsigned long long)gpu->tflops_milli,
                   (unsigned long long)gpu->compute_capability);
    } else {
        buf_append_text(ret, ",\"gpus\":0,\"vram_mib\":0,\"tflops_milli\":0,"
                             "\"compute_capability\":0");
    }
    buf_printf(ret,
               ",\"ram_mib\":%llu,\"storage_mib\":%llu,\"cpu_cores\":%llu,"
               "\"speed_permille\":%llu,\"rate\":%lld,\"network_allowed\":%s",
               (unsigned long long)machine->ram_mib, (unsigned long long)machine->storage_mib,
               (unsigned long long)machine->cpu_cores, (unsigned long long)speed_permille,
               (long long)terms->rate, terms->network ? "true" : "false");
    stock_json(&terms->stock, ret);
    buf_append_text(ret, "}");
}

static enum err_code publish(const struct worker_identity *identity, const struct machine *machine,
                             const struct gpu *gpu, uint64_t speed,
                             const struct worker_offer *terms, char ret_id[ID_TEXT_SIZE],
                             struct err *err)
{
    struct buf body;
    json_t *answer = NULL;
    int status = 0;
    char detail[ERR_MESSAGE_MAX] = "";
    struct id16 id;
    buf_init(&body, 1U << 16);
    offer_json(identity, machine, gpu, speed, terms, &body);
    enum server_outcome const outcome =
        ask(identity, "/v1/offers", &body, &answer, &status, detail);
    enum err_code code = ERR_OK;
    const char *text = json_string_value(json_object_get(answer, "id"));
    if (outcome != SERVER_OK) {
        code = outcome_error(outcome, status, detail, "publish the offer", err);
    } else if (text == NULL || id_parse(bytes_of_text(text), &id, NULL) != ERR_OK) {
        code = err_set(err, ERR_INVALID, "publish the offer: the answer has no id");
    } else {
        id_format(id, ret_id);
    }
    json_decref(answer);
    buf_deinit(&body);
    return code;
}

static enum err_code withdraw(const struct worker_identity *identity,
                              const struct worker_offer *offer, struct err *err)
{
    char path[96];
    char detail[ERR_MESSAGE_MAX] = "";
    struct buf body;
    json_t *answer = NULL;
    int status = 0;
    buf_init(&body, 16);
    buf_append_text(&body, "{}");
    (void)snprintf(path, sizeof path, "/v1/offers/%s/withdraw", offer->offer_id);
    enum server_outcome const outcome = ask(identity, path, &body, &answer, &status, detail);
    json_decref(answer);
    buf_deinit(&body);
    /* Gone or withdrawn already is what we want. */
    return outcome == SERVER_OK || status == 404 || status == 409
               ? ERR_OK
               : outcome_error(outcome, status, detail, "withdraw the old offer", err);
}

enum err_code offer_ensure(const char *folder, const struct worker_identity *identity,
                           const struct machine *machine, const struct gpu *gpu,
                           const struct worker_offer *terms, struct err *err)
{
    struct worker_offer before = {0};
    struct worker_offer now = *terms;
    enum err_code code = state_load_offer(folder, &before, err);
    if (code == ERR_OK && !before.replaced && (now.rate == 0 || now.rate == before.rate) &&
        now.network == before.network && stock_equal(&now.stock, &before.stock)) {
        return ERR_OK;
    }
    if (code == ERR_NOT_FOUND && now.rate == 0) {
        return err_set(err, ERR_INVALID,
                       "this machine is not offered yet: give --rate QUBIC_PER_HOUR");
    }
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        return code;
    }
    if (code ==
        ERR_OK) { /* kept first: who ends in between and is started as before would take it for live */
        before.replaced = true;
        code = state_save_offer(folder, &before, err);
        if (code == ERR_OK) {
            code = withdraw(identity, &before, err);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    now.rate = now.rate != 0 ? now.rate : before.rate;
    uint64_t const speed = benchmark_speed_permille(benchmark_measure(BENCHMARK_NS));
    code = publish(identity, machine, gpu, speed, &now, now.offer_id, err);
    if (code == ERR_OK) {
        code = state_save_offer(folder, &now, err);
    }
    if (code == ERR_OK) {
        trace(TRACE_INFO, "offer.published",
              "offer=%s device=%s model=\"%s\" cores=%llu ram_mib=%llu storage_mib=%llu "
              "speed_permille=%llu rate=%lld network=%d",
              now.offer_id, gpu != NULL ? "gpu" : "cpu", gpu != NULL ? gpu->model : machine->model,
              (unsigned long long)machine->cpu_cores, (unsigned long long)machine->ram_mib,
              (unsigned long long)machine->storage_mib, (unsigned long long)speed,
              (long long)now.rate, (int)now.network);
    }
    return code;
}

enum err_code offer_take_away(const char *folder, const struct worker_identity *identity,
                              struct err *err)
{
    struct worker_offer offer = {0};
    enum err_code code = state_load_offer(folder, &offer, err);
    if (code != ERR_OK) {
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    code = withdraw(identity, &offer, err);
    if (code == ERR_OK) {
        state_forget_offer(folder);
    }
    return code;
}
