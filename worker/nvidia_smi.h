/* worker/nvidia_smi.h: the nvidia-smi program as a second source about GPUs: its CSV, read without trust.
 *
 * Shape:   a line for each GPU, fields between ", ", a unit never (nounits); a field that the GPU does not have is in brackets and read as 0.
 * Thread:  any; pure.
 * Source:  nvidia-smi(1): --query-gpu, --format=csv,noheader,nounits; exit status 15: the GPU has fallen off the bus. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NVIDIA_SMI_H
#define WORKER_NVIDIA_SMI_H

#include "worker/gpu.h"

#define NVIDIA_SMI_TIMEOUT_MS 15000
#define NVIDIA_SMI_LOST 15

/* `ret_bus`: "0000:01:00.0", as the folder in /proc/driver/nvidia/gpus is called. False: not such a line. */
bool nvidia_smi_parse_gpu(struct bytes line, struct gpu *ret, char ret_bus[32]);
bool nvidia_smi_parse_sample(struct bytes line, struct gpu_sample *ret);

#define NVIDIA_SMI_GPU_FIELDS "uuid,name,driver_version,memory.total,compute_cap,pci.bus_id"
/* The last one by the name that every driver since 2016 knows; its newer one is unknown to the older. */
#define NVIDIA_SMI_THROTTLE_FIELD "clocks_throttle_reasons.active"
#define NVIDIA_SMI_SAMPLE_FIELDS                                                                   \
    "utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,fan.speed,clocks.sm,"     \
    "clocks.mem"

#endif
