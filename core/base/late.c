// SPDX-License-Identifier: Apache-2.0
#include "core/base/late.h"

#include <dlfcn.h>
#include <string.h>

static enum err_code open_now(const struct late_library *library,
                              const struct late_function *functions, size_t count, struct err *err)
{
    void *const handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "%s cannot be opened: it comes with the package %s",
                       library->file, library->package);
    }
    for (size_t i = 0; i < count; i++) {
        void *const found = dlsym(handle, functions[i].name);
        if (found == NULL) {
            (void)dlclose(handle);
            return err_set(err, ERR_UNAVAILABLE, "%s has no %s: it is too old or too new",
                           library->file, functions[i].name);
        }
        /* A data pointer becomes a function pointer, which POSIX allows for dlsym and C does not say. */
        memcpy(functions[i].at, &found, sizeof found);
    }
    return ERR_OK;
}

enum err_code late_open(struct late_library *library, const struct late_function *functions,
                        size_t count, struct err *err)
{
    (void)pthread_mutex_lock(&library->mutex);
    enum err_code const code = library->is_open ? ERR_OK : open_now(library, functions, count, err);
    library->is_open = code == ERR_OK;
    (void)pthread_mutex_unlock(&library->mutex);
    return code;
}
