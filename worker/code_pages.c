// SPDX-License-Identifier: Apache-2.0
#include "worker/code_pages.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A segment that may not be written has nothing that its file has not. One that the loader had to change is left. */
static int forget_library(struct dl_phdr_info *library, size_t size, void *ctx)
{
    uintptr_t const page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)ctx;
    for (size_t i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_DYNAMIC) {
            const ElfW(Dyn) *entry =
                (const ElfW(Dyn) *)(library->dlpi_addr + part->p_vaddr); // NOLINT
            for (; entry->d_tag != DT_NULL; entry++) {
                if (entry->d_tag == DT_TEXTREL) {
                    return 0;
                }
            }
        }
    }
    for (size_t i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0 || (part->p_flags & PF_W) != 0 ||
            library->dlpi_name == NULL || strstr(library->dlpi_name, "vdso") != NULL) {
            continue;
        }
        uintptr_t const start = (library->dlpi_addr + part->p_vaddr) / page * page;
        uintptr_t const end =
            (library->dlpi_addr + part->p_vaddr + part->p_memsz + page - 1) / page * page;
        (void)madvise((void *)start, end - start, MADV_DONTNEED); // NOLINT: an address
    }
    return 0;
}

void code_pages_forget(void)
{
    (void)dl_iterate_phdr(forget_library, NULL);
}
