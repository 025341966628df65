/* worker/command_state.c: status, and what a running worker is told: pause, resume, drain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/text.h"
#include "worker/command.h"
#include "worker/server.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_running(const char *folder)
{
    int fd = -1;
    enum err_code const code = state_lock(folder, &fd, NULL);
    if (fd >= 0) {
        (void)close(fd);
    }
    return code == ERR_BUSY;
}

enum err_code command_mode(const struct settings *settings, enum worker_mode mode, struct err *err)
{
    struct state_slots *slots = NULL;
    enum err_code code = state_load_slots(settings->state, &slots, err); /* that it is a worker's */
    free(slots);
    bool const running = code == ERR_OK && is_running(settings->state);
    if (code == ERR_OK && mode == WORKER_DRAINS && !running) {
        code =
            err_set(err, ERR_CONFLICT, "no worker runs with --state %s; there is nothing to drain",
                    settings->state);
    }
    if (code == ERR_OK) {
        code = state_save_mode(settings->state, mode, err);
    }
    if (code == ERR_OK) {
        printf("%s%s\n",
               mode == WORKER_PAUSES
                   ? "paused: no job is taken until `tally-worker resume`, one that runs goes on"
               : mode == WORKER_DRAINS ? "draining: the worker stops when its jobs are done"
                                       : "resumed: jobs are taken",
               running || mode == WORKER_DRAINS ? "" : ", from the next start on");
    }
    return code;
}

/* The job a slot has now, by its folder. */
static void show_job(const char *folder)
{
    char path[PATH_MAX];
    DIR *scratch =
        path_join(path, sizeof path, folder, "scratch", NULL) == ERR_OK ? opendir(path) : NULL;
    const struct dirent *entry;
    bool any = false;
    while (scratch != NULL &&
           (entry = readdir(scratch)) != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        struct id16 id;
        if (id_parse(bytes_of_text(entry->d_name), &id, NULL) == ERR_OK) {
            printf("  job       %s\n", entry->d_name);
            any = true;
        }
    }
    if (!any) {
        printf("  job       none\n");
    }
    if (scratch != NULL) {
        (void)closedir(scratch);
    }
}

static void show_slot(const struct worker_identity *identity, const char *folder,
                      const struct gpu_source *gpus)
{
    struct worker_offer offer;
    const struct gpu *gpu = gpu_find(gpus, identity->gpu);
    printf("host %s\n", identity->host_id);
    if (identity->gpu[0] == 0) {
        printf("  device    processor\n");
    } else {
        printf("  device    %s %s\n", identity->gpu, gpu == NULL ? "(not found)" : gpu->model);
    }
    if (state_load_offer(folder, &offer, NULL) == ERR_OK) {
        printf("  offer     %s, %lld QUBIC per hour\n", offer.offer_id, (long long)offer.rate);
    } else {
        printf("  offer     none\n");
    }
    show_job(folder);
}

static void show_server(const struct worker_identity *identity)
{
    struct server_request const request = {
        .method = "GET", .path = "/v1/auth/whoami", .timeout_ms = 5000};
    char detail[ERR_MESSAGE_MAX] = "";
    json_t *body = NULL;
    int status = 0;
    enum server_outcome const outcome =
        server_ask_now(identity->server, identity->token, &request, &body, &status, detail);
    json_decref(body);
    printf("server      %s, %s\n", identity->server,
           outcome == SERVER_OK ? "answers"
           : outcome == SERVER_DENIED
               ? "answers, but does not accept the machine's token: enrol again"
           : status == 0 ? "does not answer"
                         : "answers with an error");
}

enum err_code command_status(const struct settings *settings, struct err *err)
{
    static const char *const words[] = {
        [WORKER_RUNS] = "", [WORKER_PAUSES] = ", paused", [WORKER_DRAINS] = ", draining"};
    struct state_slots *slots = NULL;
    struct gpu_source *gpus = NULL;
    enum err_code const code = state_load_slots(settings->state, &slots, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!settings->no_gpus) { /* none is fine */
        enum err_code const found = gpu_source_open(&settings->gpus, &gpus, NULL);
        (void)found;
    }
    printf("worker      %s%s\n", is_running(settings->state) ? "runs" : "does not run",
           words[state_load_mode(settings->state)]);
    show_server(&slots->identities[0]);
    for (size_t i = 0; i < slots->count; i++) {
        show_slot(&slots->identities[i], slots->folders[i], gpus);
    }
    gpu_source_close(gpus);
    free(slots);
    return ERR_OK;
}
