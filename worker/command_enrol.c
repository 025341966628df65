/* worker/command_enrol.c: a slot for each GPU, or one for the processor; a unit for systemd, if wanted. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "worker/command.h"
#include "worker/enrol.h"
#include "worker/seal_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 256

/* One line without blanks, from a file or standard input. */
static enum err_code read_token(const char *path, struct buf *ret, struct err *err)
{
    enum err_code const code = file_read(path == NULL ? "/dev/stdin" : path, ret, err);
    if (code != ERR_OK) {
        return code;
    }
    while (ret->size > 0 && strchr(" \t\r\n", ret->data[ret->size - 1]) != NULL) {
        ret->data[--ret->size] = 0;
    }
    if (ret->size == 0 || strcspn(buf_text(ret), " \t\r\n") != ret->size) {
        return err_set(err, ERR_INVALID, "the token file must hold one token and nothing else");
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

static enum err_code write_unit(const struct settings *settings, struct err *err)
{
    char program[PATH_MAX] = "";
    char state[PATH_MAX];
    char path[PATH_MAX];
    struct buf unit;
    ssize_t const size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0 || realpath(settings->state, state) == NULL) {
        return err_set_errno(err, errno, "find the paths for the unit");
    }
    buf_init(&unit, 1U << 16);
    buf_append_text(&unit, "[Unit]\n"
                           "Description=Tallystick worker: runs paid jobs in sandboxes\n"
                           "Wants=network-online.target\n"
                           "After=network-online.target\n"
                           "\n"
                           "[Service]\n"
                           "ExecStart=");
    bool good = add_word(&unit, program);
    buf_append_text(&unit, " run --state ");
    good = add_word(&unit, state) && good;
    if (settings->rate != 0) {
        buf_printf(&unit, " --rate %llu", (unsigned long long)settings->rate);
    }
    buf_append_text(&unit, settings->no_gpus ? " --no-gpus\n" : "\n");
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
    enum err_code code = path_join(path, sizeof path, state, "tally-worker.service", err);
    if (code == ERR_OK && !good) {
        code =
            err_set(err, ERR_INVALID,
                    "%s: a unit's paths have no quotes, backslashes, dollars or line ends", state);
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

static enum err_code enrol_slots(const struct settings *settings, const char *token,
                                 const struct gpu_source *gpus, const struct state_slots *slots,
                                 struct err *err)
{
    const struct gpu *wanted[GPU_MAX];
    struct machine share;
    struct box_key seal_key = {0};
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
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        char folder[PATH_MAX];
        char name[NAME_SIZE];
        struct worker_identity identity;
        if (before + count == 1) {
            (void)snprintf(name, sizeof name, "%s", settings->name);
        } else {
            (void)snprintf(name, sizeof name, "%s gpu %zu", settings->name, before + i);
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
    box_key_wipe(&seal_key);
    return code;
}

enum err_code command_enrol(const struct settings *settings, struct err *err)
{
    struct buf token;
    struct err why = {0};
    struct gpu_source *gpus = NULL;
    struct state_slots *slots = NULL;
    if (settings->server == NULL || settings->name == NULL) {
        return err_set(err, ERR_INVALID, "enrol needs --server URL and --name NAME");
    }
    if (settings->systemd && settings->rate == 0) {
        return err_set(err, ERR_INVALID, "--systemd needs --rate, which the unit is started with");
    }
    buf_init(&token, STATE_TEXT_MAX);
    enum err_code code = read_token(settings->token_file, &token, err);
    if (code == ERR_OK) {
        code = state_load_slots(settings->state, &slots, err);
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code == ERR_OK && !settings->no_gpus &&
        gpu_source_open(&settings->gpus, &gpus, &why) != ERR_OK) {
        printf("%s\n", why.message);
    }
    if (code == ERR_OK) {
        code = enrol_slots(settings, buf_text(&token), gpus, slots, err);
    }
    if (code == ERR_OK && settings->systemd) {
        code = write_unit(settings, err);
    }
    if (code == ERR_OK) {
        printf("next: tally-worker selftest --state %s, then tally-worker run --state %s --rate "
               "QUBIC_PER_HOUR\n",
               settings->state, settings->state);
    }
    gpu_source_close(gpus);
    free(slots);
    explicit_bzero(token.data, token.size);
    buf_deinit(&token);
    return code;
}
