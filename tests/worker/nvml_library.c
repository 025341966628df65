/* The entry points of NVML that worker/nvml.h uses, as NVIDIA documents them, over a table in a text file: what a test writes there is what the
 * machine's GPUs are from then on. A line for each GPU, in the order of their indices:
 *
 *     <uuid> <minor> <capability> <cores> <max MHz> <ok|lost|slow> <util %> <used MiB> <total MiB> <C> <mW> <fan %> <MHz> <throttle> <xid> <name…>
 *
 * The file is named by TALLY_TEST_NVML and read at each call. Without it the driver is not loaded. */
// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define GPUS_MAX 16
#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7
#define DRIVER_NOT_LOADED 9
#define TIMEOUT 10
#define GPU_IS_LOST 15

struct gpu {
    char uuid[96];
    unsigned minor;
    unsigned capability;
    unsigned cores;
    unsigned max_mhz;
    char state[16];
    unsigned utilization;
    unsigned long long used;
    unsigned long long total;
    unsigned temperature;
    unsigned power;
    unsigned fan;
    unsigned mhz;
    unsigned long long throttle;
    unsigned long long xid;
    char name[96];
};

static size_t read_table(struct gpu gpus[GPUS_MAX])
{
    const char *path = getenv("TALLY_TEST_NVML"); // NOLINT
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    size_t count = 0;
    char line[512];
    while (file != NULL && count < GPUS_MAX && fgets(line, sizeof line, file) != NULL) {
        struct gpu *gpu = &gpus[count];
        if (sscanf(line,
                   "%95s %u %u %u %u %15s %u %llu %llu %u %u %u %u %llu %llu %95[^\n]", // NOLINT
                   gpu->uuid, &gpu->minor, &gpu->capability, &gpu->cores, &gpu->max_mhz, gpu->state,
                   &gpu->utilization, &gpu->used, &gpu->total, &gpu->temperature, &gpu->power,
                   &gpu->fan, &gpu->mhz, &gpu->throttle, &gpu->xid, gpu->name) == 16) {
            count++;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return count;
}

/* A handle is the index plus one: it stays good when the table changes. */
static int find(const void *device, struct gpu *ret)
{
    struct gpu gpus[GPUS_MAX];
    size_t const index = (size_t)device - 1;
    if (index >= read_table(gpus)) {
        return INVALID_ARGUMENT;
    }
    *ret = gpus[index];
    return strcmp(ret->state, "lost") == 0 ? GPU_IS_LOST : SUCCESS;
}

static int copy(const char *text, char *ret, unsigned size)
{
    if (strlen(text) >= size) {
        return INSUFFICIENT_SIZE;
    }
    memcpy(ret, text, strlen(text) + 1);
    return SUCCESS;
}

EXPORT int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
    return getenv("TALLY_TEST_NVML") == NULL ? DRIVER_NOT_LOADED : SUCCESS; // NOLINT
}

EXPORT int nvmlShutdown(void);
int nvmlShutdown(void)
{
    return SUCCESS;
}

EXPORT const char *nvmlErrorString(int rc);
const char *nvmlErrorString(int rc)
{
    return rc == GPU_IS_LOST         ? "GPU is lost"
           : rc == DRIVER_NOT_LOADED ? "Driver Not Loaded"
                                     : "Unknown Error";
}

EXPORT int nvmlSystemGetDriverVersion(char *ret, unsigned size);
int nvmlSystemGetDriverVersion(char *ret, unsigned size)
{
    return copy("550.54.14", ret, size);
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetCount_v2(unsigned *ret)
{
    struct gpu gpus[GPUS_MAX];
    *ret = (unsigned)read_table(gpus);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret)
{
    struct gpu gpu;
    *ret = (void *)((size_t)index + 1); // NOLINT: a handle
    return find(*ret, &gpu);
}

#define GETTER(name, type, member)                                                                 \
    EXPORT int name(void *device, type *ret);                                                      \
    int name(void *device, type *ret)                                                              \
    {                                                                                              \
        struct gpu gpu;                                                                            \
        int const rc = find(device, &gpu);                                                         \
        if (rc == SUCCESS) {                                                                       \
            *ret = gpu.member;                                                                     \
        }                                                                                          \
        return rc;                                                                                 \
    }
GETTER(nvmlDeviceGetMinorNumber, unsigned, minor)
GETTER(nvmlDeviceGetNumGpuCores, unsigned, cores)
GETTER(nvmlDeviceGetPowerUsage, unsigned, power)
GETTER(nvmlDeviceGetFanSpeed, unsigned, fan)
GETTER(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, throttle)

EXPORT int nvmlDeviceGetName(void *device, char *ret, unsigned size);
int nvmlDeviceGetName(void *device, char *ret, unsigned size)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    return rc == SUCCESS ? copy(gpu.name, ret, size) : rc;
}

EXPORT int nvmlDeviceGetUUID(void *device, char *ret, unsigned size);
int nvmlDeviceGetUUID(void *device, char *ret, unsigned size)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    return rc == SUCCESS ? copy(gpu.uuid, ret, size) : rc;
}

EXPORT int nvmlDeviceGetMemoryInfo(void *device, unsigned long long ret[3]);
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long ret[3])
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        ret[0] = gpu.total << 20;
        ret[1] = (gpu.total - gpu.used) << 20;
        ret[2] = gpu.used << 20;
    }
    return rc;
}

EXPORT int nvmlDeviceGetCudaComputeCapability(void *device, int *ret_major, int *ret_minor);
int nvmlDeviceGetCudaComputeCapability(void *device, int *ret_major, int *ret_minor)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        *ret_major = (int)gpu.capability / 10;
        *ret_minor = (int)gpu.capability % 10;
    }
    return rc;
}

EXPORT int nvmlDeviceGetUtilizationRates(void *device, unsigned ret[2]);
int nvmlDeviceGetUtilizationRates(void *device, unsigned ret[2])
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        ret[0] = gpu.utilization;
        ret[1] = 0;
    }
    return rc;
}

EXPORT int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *ret);
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *ret)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        *ret = gpu.temperature;
    }
    return sensor == 0 ? rc : NOT_SUPPORTED;
}

EXPORT int nvmlDeviceGetClockInfo(void *device, int clock, unsigned *ret);
int nvmlDeviceGetClockInfo(void *device, int clock, unsigned *ret)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        *ret = clock == 1 ? gpu.mhz : gpu.mhz * 5;
    }
    return rc;
}

EXPORT int nvmlDeviceGetMaxClockInfo(void *device, int clock, unsigned *ret);
int nvmlDeviceGetMaxClockInfo(void *device, int clock, unsigned *ret)
{
    struct gpu gpu;
    int const rc = find(device, &gpu);
    if (rc == SUCCESS) {
        *ret = clock == 1 ? gpu.max_mhz : 0;
    }
    return rc;
}

/* An event set is the handle of the one device that is registered in it, as our worker uses them. */
EXPORT int nvmlEventSetCreate(void **ret);
int nvmlEventSetCreate(void **ret)
{
    *ret = calloc(1, sizeof(void *));
    return *ret == NULL ? INVALID_ARGUMENT : SUCCESS;
}

EXPORT int nvmlEventSetFree(void *set);
int nvmlEventSetFree(void *set)
{
    free(set);
    return SUCCESS;
}

EXPORT int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set);
int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set)
{
    *(void **)set = device;
    return types == 8 ? SUCCESS : NOT_SUPPORTED;
}

struct event {
    void *device;
    unsigned long long type;
    unsigned long long data;
    unsigned gpu_instance;
    unsigned compute_instance;
};

EXPORT int nvmlEventSetWait_v2(void *set, struct event *ret, unsigned timeout_ms);
int nvmlEventSetWait_v2(void *set, struct event *ret, unsigned timeout_ms)
{
    static _Atomic unsigned long long
        told[16]; /* by minor: an error comes once, when it is written there */
    struct gpu gpu = {0};
    (void)timeout_ms;
    (void)find(*(void **)set, &gpu);
    bool const is_new = gpu.xid != 0 && gpu.xid != told[gpu.minor % 16];
    told[gpu.minor % 16] = gpu.xid;
    if (!is_new) {
        return TIMEOUT;
    }
    *ret = (struct event){.device = *(void **)set, .type = 8, .data = gpu.xid};
    return SUCCESS;
}
