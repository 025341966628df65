// SPDX-License-Identifier: Apache-2.0
#include "worker/machine.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "worker/scratch.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CPUINFO_MAX (4U << 20)
#define MIB (UINT64_C(1) << 20)

bool machine_model(const char *cpuinfo, char ret[MACHINE_MODEL_SIZE])
{
    for (const char *line = cpuinfo; line != NULL && *line != 0;) {
        size_t const size = strcspn(line, "\n");
        if (strncmp(line, "model name", 10) == 0) {
            const char *value = memchr(line, ':', size);
            value = value == NULL ? line + size : value + 1;
            while (*value == ' ' || *value == '\t') {
                value++;
            }
            size_t length = (size_t)(line + size - value);
            length = length < MACHINE_MODEL_SIZE - 1 ? length : MACHINE_MODEL_SIZE - 1;
            memcpy(ret, value, length);
            ret[length] = 0;
            return length > 0 && utf8_is_valid(bytes_of(ret, length));
        }
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    return false;
}

enum err_code machine_read(const char *folder, struct machine *ret, struct err *err)
{
    struct buf text;
    struct utsname system;
    cpu_set_t cores;
    struct machine found = {0};
    buf_init(&text, CPUINFO_MAX);
    if (file_read("/proc/cpuinfo", &text, NULL) != ERR_OK ||
        !machine_model(buf_text(&text), found.model)) {
        (void)snprintf(found.model, sizeof found.model, "%s processor",
                       uname(&system) == 0 ? system.machine : "unknown");
    }
    buf_deinit(&text);
    long const pages = sysconf(_SC_PHYS_PAGES);
    long const page = sysconf(_SC_PAGESIZE);
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
        found.cpu_cores = (uint64_t)CPU_COUNT(&cores);
    }
    if (pages <= 0 || page <= 0 || found.cpu_cores == 0) {
        return err_set(err, ERR_IO, "the system does not say how much memory and processor it has");
    }
    /* A tenth, at least 256 MiB, stays with the system and the worker. */
    uint64_t const ram = (uint64_t)pages * (uint64_t)page / MIB;
    uint64_t const reserve = ram / 10 > 256 ? ram / 10 : 256;
    if (ram <= 2 * reserve) {
        return err_set(err, ERR_FULL, "%llu MiB of memory are too little for jobs",
                       (unsigned long long)ram);
    }
    found.ram_mib = ram - reserve;
    uint64_t const storage = scratch_free_bytes(folder) / MIB;
    if (storage <= 2 * (uint64_t)MACHINE_STORAGE_RESERVE_MIB) {
        return err_set(err, ERR_FULL, "%llu MiB are free in %s; a worker needs at least %d",
                       (unsigned long long)storage, folder, 2 * MACHINE_STORAGE_RESERVE_MIB);
    }
    found.storage_mib = storage - MACHINE_STORAGE_RESERVE_MIB;
    *ret = found;
    return ERR_OK;
}
