// SPDX-License-Identifier: Apache-2.0
#include "worker/nvml.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MEMBERS(M)                                                                                 \
    M(init, "nvmlInit_v2", true)                                                                   \
    M(shutdown, "nvmlShutdown", true)                                                              \
    M(error_string, "nvmlErrorString", true)                                                       \
    M(driver_version, "nvmlSystemGetDriverVersion", true)                                          \
    M(device_count, "nvmlDeviceGetCount_v2", true)                                                 \
    M(device_by_index, "nvmlDeviceGetHandleByIndex_v2", true)                                      \
    M(device_name, "nvmlDeviceGetName", true)                                                      \
    M(device_uuid, "nvmlDeviceGetUUID", true)                                                      \
    M(device_minor, "nvmlDeviceGetMinorNumber", true)                                              \
    M(device_memory, "nvmlDeviceGetMemoryInfo", true)                                              \
    M(device_capability, "nvmlDeviceGetCudaComputeCapability", true)                               \
    M(device_utilization, "nvmlDeviceGetUtilizationRates", true)                                   \
    M(device_temperature, "nvmlDeviceGetTemperature", false)                                       \
    M(device_power, "nvmlDeviceGetPowerUsage", false)                                              \
    M(device_fan, "nvmlDeviceGetFanSpeed", false)                                                  \
    M(device_clock, "nvmlDeviceGetClockInfo", false)                                               \
    M(device_clock_max, "nvmlDeviceGetMaxClockInfo", false)                                        \
    M(device_cores, "nvmlDeviceGetNumGpuCores", false)                                             \
    M(device_throttle, "nvmlDeviceGetCurrentClocksThrottleReasons", false)                         \
    M(event_set_create, "nvmlEventSetCreate", false)                                               \
    M(event_set_free, "nvmlEventSetFree", false)                                                   \
    M(event_set_wait, "nvmlEventSetWait_v2", false)                                                \
    M(device_register_events, "nvmlDeviceRegisterEvents", false)

/* A data pointer becomes a function pointer, which POSIX allows for dlsym and C does not say. */
static bool find(void *library, const char *name, void *ret_function)
{
    void *const found = dlsym(library, name);
    memcpy(ret_function, &found, sizeof found);
    return found != NULL;
}

enum err_code nvml_open(const char *path, struct nvml *ret, struct err *err)
{
    struct nvml nvml = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    struct link_map *map = NULL;
    const char *missing = NULL;
    if (nvml.library == NULL) {
        const char *why = dlerror(); // NOLINT(concurrency-mt-unsafe): one thread yet
        return err_set(err, ERR_NOT_FOUND, "%s", why != NULL ? why : path);
    }
#define FIND(member, name, needed)                                                                 \
    if (!find(nvml.library, name, (void *)&nvml.member) && (needed)) {                             \
        missing = name;                                                                            \
    }
    MEMBERS(FIND)
    enum err_code code = ERR_OK;
    if (missing != NULL) {
        code = err_set(err, ERR_NOT_FOUND, "%s has no %s", path, missing);
    } else {
        int const rc = nvml.init();
        code = rc == NVML_OK ? ERR_OK
                             : err_set(err, ERR_UNAVAILABLE, "NVML does not start: %s",
                                       nvml.error_string(rc));
    }
    if (code != ERR_OK) {
        (void)dlclose(nvml.library);
        return code;
    }
    if (dlinfo(nvml.library, RTLD_DI_LINKMAP, (void *)&map) == 0 && map != NULL) {
        (void)snprintf(nvml.path, sizeof nvml.path, "%s", map->l_name);
    }
    *ret = nvml;
    return ERR_OK;
}

void nvml_close(struct nvml *nvml)
{
    if (nvml->library != NULL) {
        (void)nvml->shutdown();
        (void)dlclose(nvml->library);
    }
    *nvml = (struct nvml){0};
}
