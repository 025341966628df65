/* What the names of all files of a bundle say, those of what is only carried along, too: none of them is kept but for the folders of models. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/bundle.h"

#include "core/analysis/packages.h"
#include "core/base/software.h"

#include <string.h>

static bool is(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_text(word));
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t const size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* The part of the path up to its next slash, and what follows that; false when there is no slash. */
static bool next_folder(struct bytes *rest, struct bytes *ret)
{
    const uint8_t *slash = rest->size == 0 ? NULL : memchr(rest->data, '/', rest->size);
    if (slash == NULL) {
        return false;
    }
    size_t const size = (size_t)(slash - rest->data);
    *ret = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, size + 1);
    return true;
}

static uint64_t bit_of(struct bytes package)
{
    int const place = software_package(package);
    return place < 0 ? 0 : UINT64_C(1) << (unsigned)place;
}

/* "cv2" of "cv2.py" and of "cv2.cpython-311-x86_64-linux-gnu.so". */
static struct bytes stem_of(struct bytes base)
{
    size_t size = 0;
    while (size < base.size && base.data[size] != '.') {
        size++;
    }
    return bytes_of(base.data, size);
}

static void note_modules(struct bundle_paths *paths, struct bytes path)
{
    struct bytes rest = path;
    struct bytes part = {0};
    bool const is_python = ends_with(path, ".py") || ends_with(path, ".so");
    bool in_wheels = false;
    while (next_folder(&rest, &part)) {
        bool const is_module = is(rest, "__init__.py") || ends_with(rest, ".so");
        paths->modules |= is_module ? bit_of(part) : 0;
        paths->folders |= is_python ? bit_of(part) : 0;
        in_wheels = is(part, "wheels");
    }
    paths->modules |= is_python ? bit_of(stem_of(rest)) : 0;
    if (in_wheels && ends_with(rest, "-any.whl")) {
        char room[PACKAGES_NAME_SIZE];
        const uint8_t *dash = memchr(rest.data, '-', rest.size);
        struct bytes const package = bytes_of(rest.data, (size_t)(dash - rest.data));
        paths->modules |= bit_of(bytes_of_text(packages_module(package, room)));
    }
}

static bool note_model(struct bundle *bundle, struct bytes path)
{
    struct bundle_paths *paths = &bundle->paths;
    struct bytes folder = path;
    while (folder.size > 0 && folder.data[folder.size - 1] != '/') {
        folder.size--;
    }
    struct bytes const base = bytes_from(path, folder.size);
    if (folder.size == 0 || !(is(base, "config.json") || is(base, "model_index.json"))) {
        return true;
    }
    if (paths->model_count == BUNDLE_MODELS_MAX) {
        paths->has_more_models = true;
        return true;
    }
    const char *kept =
        arena_text(bundle->contents, bytes_of(folder.data, folder.size - 1 /* its slash */));
    paths->models[paths->model_count] = kept;
    paths->model_count += kept == NULL ? 0 : 1;
    return kept != NULL;
}

bool bundle_paths_add(struct bundle *bundle, const char *name)
{
    struct bundle_paths *paths = &bundle->paths;
    struct bytes const path = bytes_of_text(name);
    struct bytes rest = path;
    struct bytes top = {0};
    (void)next_folder(&rest, &top);
    if (paths->top == NULL) {
        paths->top = arena_text(bundle->contents, top);
    } else if (!is(top, paths->top)) {
        paths->top = "";
    }
    note_modules(paths, path);
    return note_model(bundle, path) && paths->top != NULL;
}

bool bundle_brings(const struct bundle *bundle, const char *entry, unsigned package)
{
    const struct bundle_paths *paths = &bundle->paths;
    uint64_t const bit = UINT64_C(1) << package;
    struct bytes rest = bytes_of_text(entry);
    struct bytes part = {0};
    bool is_folder = (paths->folders & bit) != 0;
    while (is_folder && next_folder(&rest, &part)) {
        is_folder = bit_of(part) != bit; /* a script's own folder is where it looks from */
    }
    return (paths->modules & bit) != 0 || is_folder;
}

bool bundle_has_model(const struct bundle *bundle, const char *name)
{
    const struct bundle_paths *paths = &bundle->paths;
    size_t const size = strlen(name);
    for (size_t i = 0; i < paths->model_count; i++) {
        struct bytes const folder = bytes_of_text(paths->models[i]);
        bool const is_part = folder.size == size ||
                             (folder.size > size && folder.data[folder.size - size - 1] == '/');
        if (is_part && ends_with(folder, name)) {
            return true;
        }
    }
    return paths->has_more_models;
}

bool bundle_is_at_top(const struct bundle *bundle, const char *path)
{
    struct bytes rest = bytes_of_text(path);
    struct bytes top = {0};
    (void)next_folder(&rest, &top);
    return bundle->paths.top != NULL && is(top, bundle->paths.top) &&
           memchr(rest.data, '/', rest.size) == NULL;
}
