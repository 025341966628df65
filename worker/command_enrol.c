/* worker/command_enrol.c: a slot for each GPU, or one for the processor; a unit for systemd, if wanted. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/software.h"
#include "worker/command.h"
#include "worker/enrol.h"
#include "worker/frameworks.h"
#include "worker/models.h"
#include "worker/seal_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 256

static enum err_code ask_person(struct buf *ret, struct err *err)
{
    char line[STATE_TEXT_MAX];
    (void)fputs("One-time code (from the page's Machines, or from `tally enrol`): ", stderr);
    if (fgets(line, sizeof line, stdin) == NULL) {
        return err_set(err, ERR_INVALID, "no code was given");
    }
    buf_append_text(ret, line);
    explicit_bzero(line, sizeof line);
    return ERR_OK;
}

/* A code or a token: one line without blanks, from the command line, a file, a person or standard input. */
static enum err_code read_secret(const struct settings *settings, struct buf *ret, struct err *err)
{
    const char *path = settings->token_file;
    enum err_code code = ERR_OK;
    if (settings->code != NULL) {
        buf_append_text(ret, settings->code);
    } else if (path == NULL && isatty(STDIN_FILENO) != 0) {
        code = ask_person(ret, err);
    } else {
        code = file_read(path == NULL ? "/dev/stdin" : path, ret, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    while (ret->size > 0 && strchr(" \t\r\n", ret->data[ret->size - 1]) != NULL) {
        ret->data[--ret->size] = 0;
    }
    if (ret->size == 0 || strcspn(buf_text(ret), " \t\r\n") != ret->size) {
        return err_set(err, ERR_INVALID, "%s must be one code or token and nothing else",
                       settings->code != NULL ? "--code"
                       : path != NULL         ? path
                                              : "standard input");
    }
    return ERR_OK;
}

/* What is not enrolled yet: GPUs by uuid, or "" for the processor of a machine without. */
static size_t find_wanted(const struct gpu_source *gpus, const struct state_slots *slots,
                          const struct gpu *ret[GPU_MAX])
{
    size_t gpu_count = 0;
    size_t count = 0;
    const struct gpu *list = gpus == NULL ? NULL : gpu_list(gpus, &gpu_count);
    for (size_t i = 0; i < gpu_count; i++) {
        bool known = false;
        for (size_t j = 0; slots != NULL && j < slots->count; j++) {
            known = known || strcmp(slots->identities[j].gpu, list[i].uuid) == 0;
        }
        if (!known) {
            ret[count++] = &list[i];
        }
    }
    if (gpu_count == 0 && slots == NULL) {
        ret[count++] = NULL;
    }
    return count;
}

static void show(const struct worker_identity *identity, const struct gpu *gpu,
                 const struct machine *share)
{
    printf("enrolled as host %s\n", identity->host_id);
    if (gpu != NULL) {
        printf("  offers %s, %llu MiB, compute capability %llu.%llu, %llu.%llu TFLOPS, driver %s\n",
               gpu->model, (unsigned long long)gpu->vram_mib,
               (unsigned long long)gpu->compute_capability / 10,
               (unsigned long long)gpu->compute_capability % 10,
               (unsigned long long)gpu->tflops_milli / 1000,
               (unsigned long long)gpu->tflops_milli % 1000 / 100, gpu->driver);
    } else {
        printf("  offers %s\n", share->model);
    }
    printf("  with %llu cores, %llu MiB of memory, %llu MiB of disk\n",
           (unsigned long long)share->cpu_cores, (unsigned long long)share->ram_mib,
           (unsigned long long)share->storage_mib);
}

static void show_offer(const struct settings *settings)
{
    struct machine machine;
    struct buf list;
    struct buf words;
    struct err err = {0};
    buf_init(&list, SOFTWARE_LIST_MAX);
    buf_init(&words, 2 * SOFTWARE_LIST_MAX);
    enum err_code code = machine_read(settings->state, &machine, &err);
    if (code == ERR_OK) {
        code = frameworks_find(settings->state, &machine, &list, &err);
    }
    frameworks_words(buf_bytes(&list), &words);
    printf("jobs find Python %s; no network, no container and no model unless `run` is told so\n",
           code == ERR_OK ? buf_text(&words) : err.message);
    buf_deinit(&list);
    buf_deinit(&words);
    if (settings->rate != 0) {
        printf("offered at %llu QUBIC an hour%s\n", (unsigned long long)settings->rate,
               settings->no_gpus ? "" : ", each slot");
    }
}

/* A word of a unit's command line: in quotes, and '%' doubled. False: it has what cannot be quoted. */
static bool add_word(struct buf *unit, const char *word)
{
    buf_append_text(unit, "\"");
    for (; *word != 0; word++) {
        if ((unsigned char)*word < 0x20 || *word == '"' || *word == '\\' || *word == '$') {
            return false;
        }
        buf_append_text(unit, *word == '%' ? "%" : "");
        buf_append_byte(unit, (uint8_t)*word);
    }
    buf_append_text(unit, "\"");
    return true;
}

/* Paths are those from anywhere. `state` and `models` are by now; ERR_NOT_FOUND: a program is not there; ERR_INVALID: what cannot be quoted. */
static enum err_code add_run(const struct settings *settings, const char *state, const char *models,
                             struct buf *unit, struct err *err)
{
    char engine[PATH_MAX] = "";
    const char *program = settings->podman != NULL ? settings->podman : settings->docker;
    if (program != NULL && realpath(program, engine) == NULL) {
        return err_set_errno(err, errno, "%s", program);
    }
    buf_append_text(unit, " run --state ");
    bool good = add_word(unit, state);
    if (settings->rate != 0) {
        buf_printf(unit, " --rate %llu", (unsigned long long)settings->rate);
    }
    buf_append_text(unit, settings->network ? " --network" : "");
    if (settings->models != NULL) {
        buf_append_text(unit, " --models ");
        good = add_word(unit, models) && good;
    }
    if (program != NULL) {
        buf_append_text(unit, settings->podman != NULL ? " --podman " : " --docker ");
        good = add_word(unit, engine) && good;
    }
    for (size_t i = 0; i < settings->image_count; i++) { /* nothing in their names needs quotes */
        buf_printf(unit, " --image %s", settings->images[i]);
    }
    buf_append_text(unit, settings->no_gpus ? " --no-gpus\n" : "\n");
    return good ? ERR_OK
                : err_set(err, ERR_INVALID,
                          "%s %s %s: a unit's paths have no quotes, backslashes, dollars or line "
                          "ends",
                          state, models, engine);
}

static enum err_code write_unit(const struct settings *settings, struct err *err)
{
    char program[PATH_MAX] = "";
    char state[PATH_MAX];
    char models[PATH_MAX] = "";
    char path[PATH_MAX];
    struct buf unit;
    ssize_t const size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0 || realpath(settings->state, state) == NULL) {
        return err_set_errno(err, errno, "find the paths for the unit");
    }
    if (settings->models != NULL &&
        models_resolve(settings->models, state, models, err) != ERR_OK) {
        return err->code;
    }
    buf_init(&unit, 1U << 16);
    buf_append_text(&unit, "[Unit]\n"
                           "Description=Tallystick worker: runs paid jobs in sandboxes\n"
                           "Wants=network-online.target\n"
                           "After=network-online.target");
    buf_append_text(&unit, settings->docker != NULL ? " docker.service\n\n" : "\n\n");
    buf_append_text(&unit, "[Service]\n"
                           "ExecStart=");
    bool const good = add_word(&unit, program);
    enum err_code code = add_run(settings, state, models, &unit, err);
    buf_append_text(
        &unit, "# Control groups of its own: without them memory is limited by address space.\n"
               "Delegate=yes\n"
               "# The worker ends its job by itself and says so.\n"
               "KillMode=mixed\n"
               "TimeoutStopSec=30\n"
               "# Not always: a drained worker is to stay away.\n"
               "Restart=on-failure\n"
               "RestartSec=10\n"
               "\n"
               "[Install]\n"
               "WantedBy=multi-user.target\n");
    if (code == ERR_OK && !good) {
        code = err_set(err, ERR_INVALID,
                       "%s: a unit's paths have no quotes, backslashes, dollars or line ends",
                       program);
    }
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, state, "tally-worker.service", err);
    }
    if (code == ERR_OK) {
        code = file_write_atomic(path, buf_bytes(&unit), 0644, err);
    }
    if (code == ERR_OK) {
        printf("wrote %s; to start it now and at each boot: systemctl enable --now %s\n", path,
               path);
    }
    buf_deinit(&unit);
    return code;
}

static void machine_name(const struct settings *settings, char ret[NAME_SIZE])
{
    char own[HOST_NAME_MAX + 1] = "";
    if (settings->name == NULL && (gethostname(own, sizeof own - 1) != 0 || own[0] == 0)) {
        (void)snprintf(own, sizeof own, "machine");
    }
    (void)snprintf(ret, NAME_SIZE, "%s", settings->name != NULL ? settings->name : own);
}

/* What enrols: the token itself, or what the code is worth. */
static enum err_code redeem(const struct settings *settings, const char *secret, const char *name,
                            char ret_token[STATE_TEXT_MAX], struct err *err)
{
    struct enrol_joined joined;
    if (settings->code == NULL && !enrol_is_code(secret)) {
        (void)snprintf(ret_token, STATE_TEXT_MAX, "%s", secret);
        return ERR_OK;
    }
    enum err_code const code = enrol_join(settings->server, secret, name, &joined, err);
    if (code == ERR_OK) {
        (void)snprintf(ret_token, STATE_TEXT_MAX, "%s", joined.token);
        printf("joined: what this machine earns is paid to %s\n", joined.identity);
        explicit_bzero(&joined, sizeof joined);
    }
    return code;
}

static enum err_code enrol_slots(const struct settings *settings, const char *secret,
                                 const struct gpu_source *gpus, const struct state_slots *slots,
                                 struct err *err)
{
    const struct gpu *wanted[GPU_MAX];
    struct machine share;
    struct box_key seal_key = {0};
    char token[STATE_TEXT_MAX] = "";
    char host_name[NAME_SIZE];
    size_t const before = slots == NULL ? 0 : slots->count;
    size_t const count = find_wanted(gpus, slots, wanted);
    if (count == 0 || before + count > STATE_SLOTS_MAX) {
        return err_set(err, ERR_CONFLICT,
                       "%s is enrolled already%s; choose another --state, or remove it",
                       settings->state, gpus != NULL ? ", with each of its GPUs" : "");
    }
    enum err_code code = dir_create(settings->state, 0700, err);
    if (code == ERR_OK) {
        code = command_share(settings, before + count, &share, err);
    }
    if (code == ERR_OK) {
        code = seal_key_ensure(settings->state, settings->seal_key, &seal_key, err);
    }
    if (code == ERR_OK) { /* last: a code that is used up for nothing is one too few */
        machine_name(settings, host_name);
        code = redeem(settings, secret, host_name, token, err);
    }
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        char folder[PATH_MAX];
        char name[NAME_SIZE + 32];
        struct worker_identity identity;
        if (before + count == 1) {
            (void)snprintf(name, sizeof name, "%s", host_name);
        } else {
            (void)snprintf(name, sizeof name, "%s gpu %zu", host_name, before + i);
        }
        code = state_slot(settings->state, before + i, folder, sizeof folder, err);
        if (code == ERR_OK) {
            code = enrol(settings->server, token, name, folder,
                         wanted[i] == NULL ? "" : wanted[i]->uuid, seal_key.public_key, &identity,
                         err);
        }
        if (code == ERR_OK) {
            show(&identity, wanted[i], &share);
        }
    }
    explicit_bzero(token, sizeof token);
    box_key_wipe(&seal_key);
    return code;
}

/* Before the code is used up; only a path that is there can be compared with the state's. */
static enum err_code check_models(const struct settings *settings, struct err *err)
{
    char models[PATH_MAX];
    char state[PATH_MAX];
    if (realpath(settings->state, state) == NULL) {
        if (realpath(settings->models, models) == NULL) {
            return err_set_errno(err, errno, "--models %s", settings->models);
        }
        return ERR_OK;
    }
    return models_resolve(settings->models, state, models, err);
}

/* The two commands that come next, the second with what this one was told. */
static void show_next(const struct settings *settings)
{
    printf("next: tally-worker selftest --state %s, then tally-worker run --state %s%s%s",
           settings->state, settings->state, settings->rate != 0 ? "" : " --rate QUBIC_PER_HOUR",
           settings->network ? " --network" : "");
    if (settings->models != NULL) {
        printf(" --models %s", settings->models);
    }
    if (settings->podman != NULL) {
        printf(" --podman %s", settings->podman);
    }
    if (settings->docker != NULL) {
        printf(" --docker %s", settings->docker);
    }
    for (size_t i = 0; i < settings->image_count; i++) {
        printf(" --image %s", settings->images[i]);
    }
    printf("%s\n", settings->no_gpus ? " --no-gpus" : "");
}

enum err_code command_enrol(const struct settings *settings, struct err *err)
{
    struct buf secret;
    struct err why = {0};
    struct gpu_source *gpus = NULL;
    struct state_slots *slots = NULL;
    if (settings->server == NULL) {
        return err_set(err, ERR_INVALID, "enrol needs --server URL");
    }
    if (settings->code != NULL && settings->token_file != NULL) {
        return err_set(err, ERR_INVALID, "enrol takes --code or --token-file, not both");
    }
    if (settings->systemd && settings->rate == 0) {
        return err_set(err, ERR_INVALID, "--systemd needs --rate, which the unit is started with");
    }
    const char *engine = settings->podman != NULL ? settings->podman : settings->docker;
    if (settings->systemd && engine != NULL &&
        access(engine, X_OK) != 0) { /* before the code is used up */
        return err_set_errno(err, errno, "%s", engine);
    }
    buf_init(&secret, STATE_TEXT_MAX);
    enum err_code code = settings->models == NULL ? ERR_OK : check_models(settings, err);
    if (code == ERR_OK) {
        code = read_secret(settings, &secret, err);
    }
    if (code == ERR_OK) {
        code = state_load_slots(settings->state, &slots, err);
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code == ERR_OK && !settings->no_gpus &&
        gpu_source_open(&settings->gpus, &gpus, &why) != ERR_OK) {
        printf("%s\n", why.message);
    }
    if (code == ERR_OK) {
        code = enrol_slots(settings, buf_text(&secret), gpus, slots, err);
    }
    if (code == ERR_OK) {
        show_offer(settings);
    }
    if (code == ERR_OK && settings->rate != 0) {
        code = state_save_rate(settings->state, settings->rate, err);
    }
    if (code == ERR_OK && settings->systemd) {
        code = write_unit(settings, err);
    }
    if (code == ERR_OK) {
        show_next(settings);
    }
    gpu_source_close(gpus);
    free(slots);
    if (secret.size > 0) { /* it was read */
        explicit_bzero(secret.data, secret.size);
    }
    buf_deinit(&secret);
    return code;
}
