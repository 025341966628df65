/* worker/nvml.h: NVIDIA's management library, as far as gpu.c uses it, found at run time.
 *
 * Shape:   function pointers of the C interface that NVIDIA documents and keeps; a part that an older driver does not have is NULL.
 * Source:  NVML API Reference Guide (return codes, nvmlMemory_t, nvmlUtilization_t, nvmlEventData_t). */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NVML_H
#define WORKER_NVML_H

#include "core/base/err.h"

#include <limits.h>

enum {
    NVML_OK = 0,
    NVML_NOT_FOUND = 6,
    NVML_GPU_IS_LOST = 15,
    NVML_CLOCK_SM = 1,
    NVML_CLOCK_MEMORY = 2,
    NVML_TEMPERATURE_GPU = 0,
    NVML_XID_FELL_OFF = 79,
};
#define NVML_EVENT_XID 8ULL /* a critical error */
#define NVML_TEXT_SIZE 96

struct nvml_memory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
};

struct nvml_utilization {
    unsigned gpu; /* percent */
    unsigned memory;
};

struct nvml_event {
    void *device;
    unsigned long long type;
    unsigned long long data; /* the Xid */
    unsigned gpu_instance;
    unsigned compute_instance;
};

struct nvml {
    void *library;
    char path[PATH_MAX]; /* where it was found; "" if the system does not say */
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int rc);
    int (*driver_version)(char *ret, unsigned size);
    int (*device_count)(unsigned *ret);
    int (*device_by_index)(unsigned index, void **ret);
    int (*device_name)(void *device, char *ret, unsigned size);
    int (*device_uuid)(void *device, char *ret, unsigned size);
    int (*device_minor)(void *device, unsigned *ret);
    int (*device_memory)(void *device, struct nvml_memory *ret);
    int (*device_capability)(void *device, int *ret_major, int *ret_minor);
    int (*device_utilization)(void *device, struct nvml_utilization *ret);
    /* From here on NULL where the driver is older. */
    int (*device_temperature)(void *device, int sensor, unsigned *ret);
    int (*device_power)(void *device, unsigned *ret_mw);
    int (*device_fan)(void *device, unsigned *ret_percent);
    int (*device_clock)(void *device, int clock, unsigned *ret_mhz);
    int (*device_clock_max)(void *device, int clock, unsigned *ret_mhz);
    int (*device_cores)(void *device, unsigned *ret);
    int (*device_throttle)(void *device, unsigned long long *ret);
    int (*event_set_create)(void **ret);
    int (*event_set_free)(void *set);
    int (*event_set_wait)(void *set, struct nvml_event *ret, unsigned timeout_ms);
    int (*device_register_events)(void *device, unsigned long long types, void *set);
};

/* ERR_NOT_FOUND: no such library, or not this one; ERR_UNAVAILABLE: it says no (the driver is not loaded). */
MUST_CHECK enum err_code nvml_open(const char *path, struct nvml *ret, struct err *err);
void nvml_close(struct nvml *nvml);

#endif
