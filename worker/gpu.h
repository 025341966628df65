/* worker/gpu.h: the NVIDIA GPUs of this machine: what they are, how they are, what a sandbox needs of one.
 *
 * Sources: NVML, opened when the program runs (nvml.h): a machine without a GPU needs no driver and the program no NVIDIA header. Where it cannot be
 *          opened, the nvidia-smi program (nvidia_smi.h), which says less: no cores and so no TFLOPS, no Xid errors.
 * Scope:   whole GPUs. One that is split (MIG) is offered as the whole it says it is; other makers' are not looked for.
 * Thread:  gpu_read on a thread of its own, since a driver in trouble takes seconds to answer, or never does; one at a time for each GPU. Others: main.
 * Source:  NVML API Reference, nvidia-smi(1), NVIDIA driver README ("nvidia" device nodes). */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_GPU_H
#define WORKER_GPU_H

#include "core/base/err.h"
#include "worker/machine.h"
#include "worker/sandbox.h"

#define GPU_MAX 16
#define GPU_UUID_SIZE 96

struct gpu {
    char uuid[GPU_UUID_SIZE];       /* "GPU-…": the same in another slot and after a reboot */
    char model[MACHINE_MODEL_SIZE]; /* valid UTF-8 */
    char driver[32];
    uint64_t minor; /* of /dev/nvidia<minor> */
    uint64_t vram_mib;
    uint64_t compute_capability; /* major × 10 + minor */
    uint64_t tflops_milli; /* single precision, cores × 2 × the highest clock; 0: not known */
    void *handle;          /* NVML's; NULL with nvidia-smi */
    void *events;          /* NVML's, of Xid errors; may be NULL */
};

/* What it said of those that many GPUs do not have (a fan) or a source does not tell (nvidia-smi: Xid). */
enum gpu_known {
    GPU_KNOWN_FAN = 1,
    GPU_KNOWN_SM_CLOCK = 2,
    GPU_KNOWN_MEMORY_CLOCK = 4,
    GPU_KNOWN_THROTTLE = 8,
    GPU_KNOWN_XID = 16,
};

/* Zero where the GPU does not say. */
struct gpu_sample {
    uint64_t permille; /* of the time some kernel ran */
    uint64_t vram_mib;
    uint64_t vram_total_mib;
    uint64_t temperature_c;
    uint64_t power_mw;
    uint64_t known; /* of the rest: bits of enum gpu_known */
    uint64_t fan_percent;
    uint64_t sm_mhz;
    uint64_t memory_mhz;
    uint64_t throttle; /* NVML's bits of reasons for lower clocks */
    uint64_t xid;      /* of the newest error since the last reading; 0: none */
};

enum gpu_state {
    GPU_WORKS,
    GPU_IS_LOST, /* fallen off the bus: nothing but a restart brings it back */
    GPU_UNREADABLE,
};

struct gpu_options {
    const char *nvml_path;     /* NULL: libnvidia-ml.so.1, wherever the system has it */
    const char *smi_path;      /* NULL: /usr/bin/nvidia-smi */
    const char *device_folder; /* NULL: /dev */
};

struct gpu_source;

/* ERR_NOT_FOUND: neither library nor program, or no GPU. */
MUST_CHECK enum err_code gpu_source_open(const struct gpu_options *options,
                                         struct gpu_source **ret_source, struct err *err);
void gpu_source_close(struct gpu_source *source); /* accepts NULL */
/* A gpu_read is under way that may never end: gpu_source_close does nothing from now on, as any other call could hang as well. */
void gpu_source_leave(struct gpu_source *source);
const struct gpu *gpu_list(const struct gpu_source *source, size_t *ret_count);
/* NULL: this machine has no such GPU now. */
const struct gpu *gpu_find(const struct gpu_source *source, const char *uuid);
/* `why`: a sentence when it does not work. */
enum gpu_state gpu_read(struct gpu_source *source, const struct gpu *gpu, struct gpu_sample *ret,
                        struct err *why);
/* Its nodes and libraries. ERR_NOT_FOUND names the node that is not there, and how it comes to be. */
MUST_CHECK enum err_code gpu_for_sandbox(const struct gpu_source *source, const struct gpu *gpu,
                                         struct sandbox_gpu *ret, struct err *err);

#endif
