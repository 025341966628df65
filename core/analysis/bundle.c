/* What comes with a bundle: files of code are kept whole, of data a few are looked into, the rest is counted. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/bundle.h"

#include "core/analysis/kind.h"
#include "core/analysis/source.h"

#include <string.h>

#define LOOKED_INTO_MAX 16 /* files of one class of data */

enum err_code bundle_init(struct bundle *bundle, const struct analysis_limits *limits,
                          struct arena *arena, struct arena *contents, bool loose, struct err *err)
{
    *bundle =
        (struct bundle){.limits = limits, .arena = arena, .contents = contents, .loose = loose};
    bundle->deadline = deadline_in(limits->together_time_max_ms);
    bundle->files = arena_alloc_array(contents, BUNDLE_SOURCES_MAX, sizeof(*bundle->files));
    return bundle->files == NULL ? err_set(err, ERR_NOMEM, "no memory left for the bundle")
                                 : ERR_OK;
}

bool bundle_has_time(const struct bundle *bundle, struct err *err)
{
    bool const has = deadline_left_ms(bundle->deadline) > 0;
    if (!has) {
        (void)err_set(err, ERR_TIMEOUT, "reading the files takes longer than %u ms",
                      bundle->limits->together_time_max_ms);
    }
    return has;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Folders and files that systems leave in archives. */
static bool is_noise(const char *path)
{
    const char *base = base_of(path);
    return strncmp(path, "__MACOSX/", 9) == 0 || strstr(path, "/__MACOSX/") != NULL ||
           strcmp(base, ".DS_Store") == 0 || strcmp(base, "Thumbs.db") == 0 ||
           strstr(path, "__pycache__/") != NULL || strncmp(path, ".git/", 5) == 0 ||
           strstr(path, "/.git/") != NULL;
}

/* A YAML file in a bundle is as a rule the program's settings. */
static bool is_known_yaml(const char *base)
{
    return strstr(base, "compose") != NULL || strncmp(base, "environment", 11) == 0 ||
           strncmp(base, "conda", 5) == 0;
}

static enum analysis_kind kind_in_bundle(const struct bundle *bundle, const char *path)
{
    const char *base = base_of(path);
    enum analysis_kind kind = kind_of_name(base);
    if (kind == ANALYSIS_KIND_COMPOSE && !is_known_yaml(base)) {
        return ANALYSIS_KIND_UNKNOWN;
    }
    if (kind == ANALYSIS_KIND_BUNDLE) {
        return ANALYSIS_KIND_UNKNOWN; /* an archive in it stays closed */
    }
    (void)bundle;
    return kind;
}

static size_t size_max_of(const struct bundle *bundle, enum analysis_kind kind)
{
    return kind == ANALYSIS_KIND_NOTEBOOK ? bundle->limits->file_size_max
                                          : bundle->limits->source_size_max;
}

static bool is_source(enum analysis_kind kind)
{
    return kind != ANALYSIS_KIND_DATASET && kind != ANALYSIS_KIND_UNKNOWN;
}

size_t bundle_wants(const struct bundle *bundle, const char *path, uint64_t size)
{
    enum analysis_kind kind = kind_in_bundle(bundle, path);
    if (is_noise(path)) {
        return 0;
    }
    if (is_source(kind)) {
        size_t left = bundle->contents->size_max - bundle->contents->size;
        bool fits = size <= size_max_of(bundle, kind) && size < left;
        return fits && bundle->count < BUNDLE_SOURCES_MAX ? (size_t)size : 0;
    }
    enum data_class class = dataset_class(base_of(path));
    return bundle->data.looked_into[class] < LOOKED_INTO_MAX || bundle->loose
               ? dataset_sample(base_of(path), size)
               : 0;
}

/* ── adding ────────────────────────────────────────────────────────────────────────────────────── */

static bool is_listed(const struct bundle *bundle, const char *path)
{
    for (size_t i = 0; i < bundle->count; i++) {
        if (strcmp(bundle->files[i].shown.path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL: no memory, or no room in the list. */
static struct bundle_file *list_file(struct bundle *bundle, const char *path,
                                     enum analysis_kind kind, uint64_t size)
{
    if (bundle->count == BUNDLE_SOURCES_MAX) {
        bundle->cut = true;
        bundle->others++;
        return NULL;
    }
    struct bundle_file *file = &bundle->files[bundle->count];
    *file = (struct bundle_file){.shown = {.path = arena_text(bundle->arena, bytes_of_text(path)),
                                           .kind = kind,
                                           .size = size,
                                           .role = ANALYSIS_ROLE_UNUSED}};
    if (file->shown.path == NULL) {
        return NULL;
    }
    bundle->count++;
    return file;
}

static enum err_code listed(const struct bundle *bundle, const struct bundle_file *file,
                            struct err *err)
{
    return file != NULL || bundle->count == BUNDLE_SOURCES_MAX
               ? ERR_OK
               : err_set(err, ERR_NOMEM, "no memory left for the bundle");
}

static enum err_code reject(struct bundle *bundle, struct bundle_file *file,
                            const struct err *reason, struct err *err)
{
    file->shown.role = ANALYSIS_ROLE_REJECTED;
    file->shown.error = arena_text(bundle->arena, bytes_of_text(reason->message));
    return file->shown.error != NULL ? ERR_OK
                                     : err_set(err, ERR_NOMEM, "no memory left for the bundle");
}

static enum err_code add_source(struct bundle *bundle, const char *path, enum analysis_kind kind,
                                uint64_t size, struct bytes content, struct err *err)
{
    struct err reason = {0};
    struct bundle_file *file = list_file(bundle, path, kind, size);
    if (file == NULL) {
        return listed(bundle, file, err);
    }
    if (size > size_max_of(bundle, kind)) {
        (void)err_set(&reason, ERR_TOO_LARGE, "%.80s: %llu bytes; at most %zu are read",
                      base_of(path), (unsigned long long)size, size_max_of(bundle, kind));
        return reject(bundle, file, &reason, err);
    }
    if (content.size < size) { /* there was no room for all of it */
        bundle->cut = true;
        (void)err_set(&reason, ERR_TOO_LARGE,
                      "%.80s: the files of code together have more than %zu bytes", base_of(path),
                      bundle->limits->bundle_size_max);
        return reject(bundle, file, &reason, err);
    }
    bool is_package = size == 0 && strcmp(base_of(path), "__init__.py") == 0;
    content = source_without_mark(content);
    if (!is_package &&
        kind_find(content, base_of(path), bundle->limits, &file->shown.kind, &reason) != ERR_OK) {
        return reject(bundle, file, &reason, err);
    }
    file->content = arena_copy(bundle->contents, content);
    return file->content.data != NULL || content.size == 0
               ? ERR_OK
               : err_set(err, ERR_NOMEM, "no memory left for the bundle");
}

static void count_rows(struct bundle_data *data, const struct parameters *found, uint64_t size)
{
    double rows = 0;
    if (parameter_number(found, "rows", &rows)) {
        data->rows += rows < 9e18 ? (uint64_t)rows : 0;
        data->bytes_with_rows += size;
    }
}

static enum err_code add_data(struct bundle *bundle, const char *path, uint64_t size,
                              struct bytes content, struct err *err)
{
    struct bundle_data *data = &bundle->data;
    enum data_class class = dataset_class(base_of(path));
    struct parameters found = {0};
    struct err reason = {0};
    bool sampled = false;
    struct bundle_file *file = NULL;
    if (bundle->loose) {
        file = list_file(bundle, path, ANALYSIS_KIND_DATASET, size);
        if (file == NULL) {
            return listed(bundle, file, err);
        }
        file->shown.role = ANALYSIS_ROLE_DATA;
    }
    if (content.size > 0) {
        enum err_code code =
            dataset_read(content, size, base_of(path), bundle->arena, &found, &sampled, &reason);
        if (code == ERR_NOMEM) {
            return err_set(err, code, "%s", reason.message);
        }
        if (code != ERR_OK && file != NULL) {
            err_context(&reason, "%.80s", base_of(path));
            return reject(bundle, file, &reason, err);
        }
        data->looked_into[class] += code == ERR_OK ? 1 : 0;
        data->sampled = data->sampled || sampled;
        count_rows(data, &found, size);
        bool first =
            data->example.count == 0 ||
            (class != data->example_class && data->bytes[class] > data->bytes[data->example_class]);
        if (code == ERR_OK && first) {
            data->example = found;
            data->example_class = class;
            data->example_path = arena_text(bundle->arena, bytes_of_text(path));
        }
    }
    data->files[class]++;
    data->bytes[class] += size;
    return ERR_OK;
}

enum err_code bundle_add(struct bundle *bundle, const char *path, uint64_t size,
                         struct bytes content, struct err *err)
{
    enum analysis_kind kind = kind_in_bundle(bundle, path);
    if (!bundle_paths_add(bundle, path)) {
        return err_set(err, ERR_NOMEM, "no memory left for the bundle");
    }
    if (is_noise(path)) {
        return ERR_OK;
    }
    bundle->bytes += size;
    if ((bundle->loose || is_source(kind)) && is_listed(bundle, path)) {
        /* Unpacked, one of them would lie over the other. */
        return err_set(err, ERR_INVALID,
                       "`%.160s` is there twice; each file of a job has a name of its own", path);
    }
    if (is_source(kind)) {
        return add_source(bundle, path, kind, size, content, err);
    }
    bool is_text = dataset_class(base_of(path)) == DATA_TEXT;
    if (bundle->loose && kind == ANALYSIS_KIND_UNKNOWN && !is_text) {
        struct err reason = {0};
        struct bundle_file *file = list_file(bundle, path, kind, size);
        if (file == NULL) {
            return listed(bundle, file, err);
        }
        if (kind_find(bytes_of("\1", 1), base_of(path), bundle->limits, &kind, &reason) == ERR_OK) {
            (void)err_set(&reason, ERR_INVALID,
                          "%.40s: an archive among other files; send it alone, or what is in it",
                          base_of(path));
        }
        return reject(bundle, file, &reason, err);
    }
    if (dataset_class(base_of(path)) != DATA_OTHER) {
        return add_data(bundle, path, size, content, err);
    }
    bundle->others++;
    return ERR_OK;
}

size_t bundle_source_count(const struct bundle *bundle)
{
    size_t count = 0;
    for (size_t i = 0; i < bundle->count; i++) {
        const struct analysis_file *file = &bundle->files[i].shown;
        count += file->error == NULL && is_source(file->kind) ? 1 : 0;
    }
    return count;
}

bool bundle_main_data(const struct bundle *bundle, enum data_class *ret)
{
    enum data_class best = DATA_IMAGES;
    for (int i = 0; i < DATA_CLASSES; i++) {
        best = bundle->data.bytes[i] > bundle->data.bytes[best] ? (enum data_class)i : best;
    }
    *ret = best;
    return bundle->data.files[best] > 0;
}
