// SPDX-License-Identifier: Apache-2.0
#include "worker/gpu.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "worker/nvidia_smi.h"
#include "worker/nvml.h"
#include "worker/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)
#define XIDS_AT_ONCE 16
#define SMI_TEXT_MAX (1U << 20)

struct gpu_source {
    bool is_left; /* to a call that may never end */
    struct gpu_source *next_left;
    struct nvml nvml;     /* library NULL: nvidia-smi */
    char smi[PATH_MAX];   /* the program */
    char nodes[PATH_MAX]; /* the folder of the device nodes */
    struct gpu gpus[GPU_MAX];
    size_t count;
};

/* ── by NVML ───────────────────────────────────────────────────────────────────────────────────── */

/* Xid errors come as events; without them a loss is seen by the next reading all the same. */
static void *watch_events(const struct nvml *nvml, void *device)
{
    void *set = NULL;
    if (nvml->event_set_create == NULL || nvml->event_set_free == NULL ||
        nvml->event_set_wait == NULL || nvml->device_register_events == NULL ||
        nvml->event_set_create(&set) != NVML_OK) {
        return NULL;
    }
    if (nvml->device_register_events(device, NVML_EVENT_XID, set) != NVML_OK) {
        (void)nvml->event_set_free(set);
        return NULL;
    }
    return set;
}

static bool describe(const struct nvml *nvml, void *device, struct gpu *ret)
{
    struct gpu gpu = {.handle = device};
    struct nvml_memory memory = {0};
    int major = 0;
    int minor = 0;
    unsigned node = 0;
    unsigned cores = 0;
    unsigned mhz = 0;
    char name[NVML_TEXT_SIZE] = "";
    if (nvml->device_uuid(device, gpu.uuid, sizeof gpu.uuid) != NVML_OK ||
        nvml->device_name(device, name, sizeof name) != NVML_OK ||
        nvml->device_minor(device, &node) != NVML_OK ||
        nvml->device_memory(device, &memory) != NVML_OK ||
        nvml->device_capability(device, &major, &minor) != NVML_OK || major < 0 || minor < 0 ||
        !utf8_is_valid(bytes_of_text(name))) {
        return false;
    }
    (void)nvml->driver_version(gpu.driver, sizeof gpu.driver);
    (void)snprintf(gpu.model, sizeof gpu.model, "%s", name);
    gpu.minor = node;
    gpu.vram_mib = memory.total / MIB;
    gpu.compute_capability = (uint64_t)major * 10 + (uint64_t)minor;
    if (nvml->device_cores != NULL && nvml->device_clock_max != NULL &&
        nvml->device_cores(device, &cores) == NVML_OK &&
        nvml->device_clock_max(device, NVML_CLOCK_SM, &mhz) == NVML_OK) {
        gpu.tflops_milli = (uint64_t)cores * 2 * mhz / 1000;
    }
    gpu.events = watch_events(nvml, device);
    *ret = gpu;
    return gpu.vram_mib > 0;
}

static void list_by_nvml(struct gpu_source *source)
{
    unsigned count = 0;
    if (source->nvml.device_count(&count) != NVML_OK) {
        return;
    }
    for (unsigned i = 0; i < count && source->count < GPU_MAX; i++) {
        void *device = NULL;
        if (source->nvml.device_by_index(i, &device) == NVML_OK &&
            describe(&source->nvml, device, &source->gpus[source->count])) {
            source->count++;
        }
    }
}

/* What a part does not say stays zero; only the loss of the GPU matters. */
static bool is_lost(int rc)
{
    return rc == NVML_GPU_IS_LOST || rc == NVML_NOT_FOUND;
}

/* Of those that wait; the one after which there is no GPU counts more than any behind it. */
static uint64_t newest_xid(const struct nvml *nvml, const struct gpu *gpu)
{
    struct nvml_event event = {0};
    uint64_t xid = 0;
    for (int i = 0; i < XIDS_AT_ONCE && xid != NVML_XID_FELL_OFF &&
                    nvml->event_set_wait(gpu->events, &event, 0) == NVML_OK;
         i++) {
        xid = event.data;
    }
    return xid;
}

static enum gpu_state read_by_nvml(const struct nvml *nvml, const struct gpu *gpu,
                                   struct gpu_sample *ret, struct err *why)
{
    struct nvml_memory memory = {0};
    struct nvml_utilization utilization = {0};
    unsigned value = 0;
    unsigned long long reasons = 0;
    if (gpu->events != NULL) {
        ret->known |= GPU_KNOWN_XID;
        ret->xid = newest_xid(nvml, gpu);
    }
    int rc = nvml->device_memory(gpu->handle, &memory);
    if (rc == NVML_OK) {
        int const used = nvml->device_utilization(gpu->handle, &utilization);
        rc = is_lost(used) ? used : NVML_OK;
    }
    if (is_lost(rc) || ret->xid == NVML_XID_FELL_OFF) {
        (void)err_set(why, ERR_IO, "%s %s is lost: it has fallen off the bus%s", gpu->model,
                      gpu->uuid, ret->xid == NVML_XID_FELL_OFF ? " (Xid 79)" : "");
        return GPU_IS_LOST;
    }
    if (rc != NVML_OK) {
        (void)err_set(why, ERR_IO, "%s %s cannot be read: %s", gpu->model, gpu->uuid,
                      nvml->error_string(rc));
        return GPU_UNREADABLE;
    }
    ret->vram_mib = memory.used / MIB;
    ret->vram_total_mib = memory.total / MIB;
    ret->permille = utilization.gpu <= 100 ? utilization.gpu * 10 : 0;
    if (nvml->device_temperature != NULL &&
        nvml->device_temperature(gpu->handle, NVML_TEMPERATURE_GPU, &value) == NVML_OK) {
        ret->temperature_c = value;
    }
    if (nvml->device_power != NULL && nvml->device_power(gpu->handle, &value) == NVML_OK) {
        ret->power_mw = value;
    }
    if (nvml->device_fan != NULL && nvml->device_fan(gpu->handle, &value) == NVML_OK) {
        ret->known |= GPU_KNOWN_FAN;
        ret->fan_percent = value;
    }
    if (nvml->device_clock != NULL &&
        nvml->device_clock(gpu->handle, NVML_CLOCK_SM, &value) == NVML_OK) {
        ret->known |= GPU_KNOWN_SM_CLOCK;
        ret->sm_mhz = value;
    }
    if (nvml->device_clock != NULL &&
        nvml->device_clock(gpu->handle, NVML_CLOCK_MEMORY, &value) == NVML_OK) {
        ret->known |= GPU_KNOWN_MEMORY_CLOCK;
        ret->memory_mhz = value;
    }
    if (nvml->device_throttle != NULL && nvml->device_throttle(gpu->handle, &reasons) == NVML_OK) {
        ret->known |= GPU_KNOWN_THROTTLE;
        ret->throttle = reasons;
    }
    return GPU_WORKS;
}

/* ── by nvidia-smi ─────────────────────────────────────────────────────────────────────────────── */

/* nvidia-smi does not tell the number of the node; the driver does. */
static bool find_minor(const char *bus, uint64_t *ret)
{
    char path[96];
    struct buf text;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/driver/nvidia/gpus/%s/information", bus);
    buf_init(&text, 1U << 16);
    if (file_read(path, &text, NULL) == ERR_OK) {
        const char *at = strstr(buf_text(&text), "Device Minor:");
        if (at != NULL) {
            at += strlen("Device Minor:");
            at += strspn(at, " \t");
            found = u64_parse(bytes_of(at, strspn(at, "0123456789")), ret, NULL) == ERR_OK;
        }
    }
    buf_deinit(&text);
    return found;
}

static enum err_code list_by_smi(struct gpu_source *source, struct err *err)
{
    static const char *const arguments[] = {"--query-gpu=" NVIDIA_SMI_GPU_FIELDS,
                                            "--format=csv,noheader,nounits", NULL};
    struct buf text;
    int status = 0;
    buf_init(&text, SMI_TEXT_MAX);
    enum err_code const code =
        tool_run(source->smi, arguments, NVIDIA_SMI_TIMEOUT_MS, &text, &status, err);
    struct bytes rest = code == ERR_OK ? buf_bytes(&text) : (struct bytes){0};
    for (size_t row = 0; rest.size > 0 && source->count < GPU_MAX; row++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t const size = end == NULL ? rest.size : (size_t)(end - rest.data);
        struct gpu *gpu = &source->gpus[source->count];
        char bus[32];
        if (nvidia_smi_parse_gpu(bytes_of(rest.data, size), gpu, bus)) {
            gpu->minor = row; /* nearly always; the driver's word counts */
            (void)find_minor(bus, &gpu->minor);
            source->count++;
        }
        rest = bytes_from(rest, end == NULL ? size : size + 1);
    }
    buf_deinit(&text);
    return code;
}

static enum gpu_state read_by_smi(const struct gpu_source *source, const struct gpu *gpu,
                                  struct gpu_sample *ret, struct err *why)
{
    static const char query[] =
        "--query-gpu=" NVIDIA_SMI_SAMPLE_FIELDS "," NVIDIA_SMI_THROTTLE_FIELD;
    const char *const arguments[] = {query, "--format=csv,noheader,nounits", "-i", gpu->uuid, NULL};
    struct buf text;
    int status = 0;
    enum gpu_state state = GPU_UNREADABLE;
    buf_init(&text, SMI_TEXT_MAX);
    enum err_code const code =
        tool_run(source->smi, arguments, NVIDIA_SMI_TIMEOUT_MS, &text, &status, why);
    size_t const size = strcspn(buf_text(&text), "\n");
    if (code == ERR_OK && status == NVIDIA_SMI_LOST) {
        (void)err_set(why, ERR_IO, "%s %s is lost: it has fallen off the bus", gpu->model,
                      gpu->uuid);
        state = GPU_IS_LOST;
    } else if (code == ERR_OK && status == 0 &&
               nvidia_smi_parse_sample(bytes_of(text.data, size), ret)) {
        state = GPU_WORKS;
    } else if (code == ERR_OK) {
        (void)err_set(why, ERR_IO, "%s %s cannot be read: nvidia-smi ended with %d", gpu->model,
                      gpu->uuid, status);
    }
    buf_deinit(&text);
    return state;
}

/* ── both ──────────────────────────────────────────────────────────────────────────────────────── */

enum err_code gpu_source_open(const struct gpu_options *options, struct gpu_source **ret_source,
                              struct err *err)
{
    struct err why = {0};
    struct gpu_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to look for GPUs");
    }
    (void)snprintf(source->smi, sizeof source->smi, "%s",
                   options->smi_path != NULL ? options->smi_path : "/usr/bin/nvidia-smi");
    (void)snprintf(source->nodes, sizeof source->nodes, "%s",
                   options->device_folder != NULL ? options->device_folder : "/dev");
    enum err_code code = nvml_open(
        options->nvml_path != NULL ? options->nvml_path : "libnvidia-ml.so.1", &source->nvml, &why);
    if (code == ERR_OK) {
        list_by_nvml(source);
    } else {
        struct err second = {0};
        code = list_by_smi(source, &second);
        if (code != ERR_OK) {
            code = err_set(err, ERR_NOT_FOUND, "no NVIDIA GPU: %.100s; %.100s", why.message,
                           second.message);
        }
    }
    if (code == ERR_OK && source->count == 0) {
        code = err_set(err, ERR_NOT_FOUND, "the NVIDIA driver knows of no GPU");
    }
    if (code != ERR_OK) {
        gpu_source_close(source);
        return code;
    }
    *ret_source = source;
    return ERR_OK;
}

/* In use until the process ends. */
static struct gpu_source *left;

void gpu_source_leave(struct gpu_source *source)
{
    if (!source->is_left) {
        source->is_left = true;
        source->next_left = left;
        left = source;
    }
}

void gpu_source_close(struct gpu_source *source)
{
    if (source == NULL || source->is_left) {
        return;
    }
    for (size_t i = 0; i < source->count; i++) {
        if (source->gpus[i].events != NULL) {
            (void)source->nvml.event_set_free(source->gpus[i].events);
        }
    }
    nvml_close(&source->nvml);
    free(source);
}

const struct gpu *gpu_list(const struct gpu_source *source, size_t *ret_count)
{
    *ret_count = source->count;
    return source->gpus;
}

const struct gpu *gpu_find(const struct gpu_source *source, const char *uuid)
{
    for (size_t i = 0; source != NULL && i < source->count; i++) {
        if (strcmp(source->gpus[i].uuid, uuid) == 0) {
            return &source->gpus[i];
        }
    }
    return NULL;
}

enum gpu_state gpu_read(struct gpu_source *source, const struct gpu *gpu, struct gpu_sample *ret,
                        struct err *why)
{
    *ret = (struct gpu_sample){0};
    return source->nvml.library != NULL ? read_by_nvml(&source->nvml, gpu, ret, why)
                                        : read_by_smi(source, gpu, ret, why);
}

static enum err_code add_node(const struct gpu_source *source, const char *name,
                              struct sandbox_gpu *gpu, struct err *err)
{
    struct sandbox_device *device = &gpu->devices[gpu->device_count];
    struct stat about;
    int const size = snprintf(device->source, sizeof device->source, "%s/%s", source->nodes, name);
    (void)snprintf(device->shown, sizeof device->shown, "/dev/%s", name);
    if (size < 0 || (size_t)size >= sizeof device->source || stat(device->source, &about) != 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "%s is not there; `nvidia-modprobe -c 0 -u` (package nvidia-modprobe) "
                       "makes the driver's nodes",
                       device->source);
    }
    gpu->device_count++;
    return ERR_OK;
}

enum err_code gpu_for_sandbox(const struct gpu_source *source, const struct gpu *gpu,
                              struct sandbox_gpu *ret, struct err *err)
{
    struct sandbox_gpu found = {0};
    char node[32];
    (void)snprintf(node, sizeof node, "nvidia%llu", (unsigned long long)gpu->minor);
    enum err_code code = add_node(source, node, &found, err);
    if (code == ERR_OK) {
        code = add_node(source, "nvidiactl", &found, err);
    }
    if (code == ERR_OK) {
        code = add_node(source, "nvidia-uvm", &found, err);
    }
    /* A driver outside /usr (its own installer with another prefix, /opt): CUDA's library lies beside NVML's. */
    const char *path = source->nvml.path;
    const char *slash = strrchr(path, '/');
    if (slash != NULL && slash != path && strncmp(path, "/usr/", 5) != 0 &&
        strncmp(path, "/lib", 4) != 0) {
        (void)snprintf(found.libraries, sizeof found.libraries, "%.*s", (int)(slash - path), path);
    }
    if (code == ERR_OK) {
        *ret = found;
    }
    return code;
}
