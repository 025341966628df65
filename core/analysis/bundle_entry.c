/* Which file starts the job, and what it reaches: every file of code is parsed once for its imports, before the reached ones are read
 * for what they say. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/bundle.h"

#include "core/analysis/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_MAX ((size_t)16 << 20) /* of the facts of one file */
#define MODULE_PATH_MAX 1024

struct choosing {
    struct bundle *bundle;
    uint16_t sorted[BUNDLE_SOURCES_MAX]; /* by path */
    bool is_sure;                        /* the import that is followed is always executed */
    struct arena scratch;
};

static bool is_script(const struct bundle_file *file)
{
    return file->shown.error == NULL &&
           (file->shown.kind == ANALYSIS_KIND_PYTHON || file->shown.kind == ANALYSIS_KIND_NOTEBOOK);
}

static bool is_launcher(const struct bundle_file *file)
{
    enum analysis_kind kind = file->shown.kind;
    return file->shown.error == NULL &&
           (kind == ANALYSIS_KIND_SHELL || kind == ANALYSIS_KIND_DOCKERFILE ||
            kind == ANALYSIS_KIND_COMPOSE);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static size_t depth_of(const char *path)
{
    size_t depth = 0;
    for (; *path != '\0'; path++) {
        depth += *path == '/' ? 1 : 0;
    }
    return depth;
}

static bool has_edge(const struct bundle *bundle, size_t from, size_t to)
{
    return ((bundle->edges[from][to / 64] >> (to % 64)) & 1) != 0;
}

/* ── modules ───────────────────────────────────────────────────────────────────────────────────── */

static int by_path(const void *left, const void *right, void *user)
{
    const struct bundle *bundle = user;
    return strcmp(bundle->files[*(const uint16_t *)left].shown.path,
                  bundle->files[*(const uint16_t *)right].shown.path);
}

/* The file at exactly this path; -1: none. */
static int find_path(const struct choosing *choosing, const char *path)
{
    size_t low = 0;
    size_t high = choosing->bundle->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(choosing->bundle->files[choosing->sorted[middle]].shown.path, path);
        if (order == 0) {
            return choosing->sorted[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

static void connect(struct choosing *choosing, size_t from, const char *path)
{
    int to = find_path(choosing, path);
    struct bundle *bundle = choosing->bundle;
    if (to >= 0 && (size_t)to != from && bundle->files[to].shown.error == NULL) {
        uint64_t const bit = UINT64_C(1) << (to % 64);
        bundle->edges[from][to / 64] |= bit;
        bundle->sure_edges[from][to / 64] |= choosing->is_sure ? bit : 0;
        bundle->files[to].is_imported = true;
    }
}

static char slashed(char c)
{
    return (char)(c == '.' ? '/' : c);
}

/* `folder` of `folder_size` bytes, a slash behind it unless it is the top; `module` with dots between its parts. False: there is no
 * such module there. */
static bool try_module(struct choosing *choosing, size_t from, const char *folder,
                       size_t folder_size, const char *module)
{
    static const char *const ends[] = {".py", "/__init__.py"};
    char path[MODULE_PATH_MAX];
    size_t size = folder_size;
    size_t module_size = strlen(module);
    if (module_size == 0 || folder_size + module_size + 16 > sizeof(path)) {
        return false;
    }
    memcpy(path, folder, folder_size);
    for (size_t i = 0; i < module_size; i++) {
        path[size++] = slashed(module[i]);
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        memcpy(path + size, ends[i], strlen(ends[i]) + 1);
        if (find_path(choosing, path) >= 0) {
            connect(choosing, from, path);
            return true;
        }
    }
    return false;
}

/* `module`, and `name` of it, which may be a module of the package. */
static bool try_import(struct choosing *choosing, size_t from, const char *folder,
                       size_t folder_size, const char *module, const char *name)
{
    char both[2 * FACT_TEXT_MAX + 2];
    (void)snprintf(both, sizeof(both), "%s%s%s", module, module[0] == '\0' ? "" : ".", name);
    bool inner = name[0] != '\0' && try_module(choosing, from, folder, folder_size, both);
    return try_module(choosing, from, folder, folder_size, module) || inner;
}

static size_t parent(const char *path, size_t size)
{
    size -= size > 0 ? 1 : 0; /* its slash */
    while (size > 0 && path[size - 1] != '/') {
        size--;
    }
    return size;
}

static void follow_import(struct choosing *choosing, size_t from, const struct fact_import *import)
{
    const char *path = choosing->bundle->files[from].shown.path;
    size_t folder = (size_t)(base_of(path) - path);
    const char *module = import->module;
    choosing->is_sure = import->scope == 0;
    if (module[0] == '.') {
        for (module++; module[0] == '.'; module++) {
            folder = parent(path, folder);
        }
        (void)try_import(choosing, from, path, folder, module, import->name);
        return;
    }
    while (!try_import(choosing, from, path, folder, module, import->name) && folder > 0) {
        folder = parent(path, folder);
    }
}

static void launch(struct choosing *choosing, size_t from, size_t to)
{
    struct bundle *bundle = choosing->bundle;
    if (is_script(&bundle->files[to])) {
        bundle->edges[from][to / 64] |= UINT64_C(1) << (to % 64);
        bundle->files[to].is_launched = true;
    }
}

/* A word of a launcher that names a file (`python src/train.py`, `python /app/train.py`) or a module (`python -m src.train`). */
static void follow_word(struct choosing *choosing, size_t from, const char *word)
{
    const struct bundle *bundle = choosing->bundle;
    char module[FACT_TEXT_MAX + 4];
    size_t size = strlen(word);
    for (size_t i = 0; i < bundle->count; i++) {
        const char *path = bundle->files[i].shown.path;
        size_t path_size = strlen(path);
        bool ends = size >= 3 && path_size >= size && strcmp(path + path_size - size, word) == 0 &&
                    (path_size == size || path[path_size - size - 1] == '/');
        bool begins = size > path_size && word[size - path_size - 1] == '/' &&
                      strcmp(word + size - path_size, path) == 0;
        if (ends || begins) {
            launch(choosing, from, i);
        }
    }
    for (size_t i = 0; i < size; i++) {
        module[i] = slashed(word[i]);
    }
    memcpy(module + size, ".py", 4);
    int to = find_path(choosing, module);
    if (to >= 0) {
        launch(choosing, from, (size_t)to);
    }
}

/* Its imports, or the words of a launcher. A file that cannot be read is rejected with its reason. */
static enum err_code look_into(struct choosing *choosing, size_t index, struct err *err)
{
    struct bundle_file *file = &choosing->bundle->files[index];
    const struct analysis_limits *limits = choosing->bundle->limits;
    struct facts_writer facts = {0};
    struct source source;
    struct err reason = {0};
    if (!is_script(file) && !is_launcher(file)) {
        return ERR_OK;
    }
    if (!bundle_has_time(choosing->bundle, err)) {
        return ERR_TIMEOUT;
    }
    arena_clear(&choosing->scratch);
    facts_writer_init(&facts, &choosing->scratch);
    source_init(&source, base_of(file->shown.path), file->shown.kind, file->content, limits);
    enum err_code code = source_read(&source, limits, &facts, &reason);
    file->starts = facts.facts.starts;
    for (const struct fact_import *i = facts.facts.imports;
         code == ERR_OK && is_script(file) && i != NULL; i = i->next) {
        follow_import(choosing, index, i);
    }
    for (const struct fact_name *i = facts.facts.names;
         code == ERR_OK && is_launcher(file) && i != NULL; i = i->next) {
        if (i->kind == FACT_COMMAND) {
            follow_word(choosing, index, i->text);
        }
    }
    source_deinit(&source);
    facts_writer_deinit(&facts);
    if (code == ERR_OK || code == ERR_NOMEM) {
        return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", reason.message);
    }
    file->shown.role = ANALYSIS_ROLE_REJECTED;
    file->shown.error = arena_text(choosing->bundle->arena, bytes_of_text(reason.message));
    return file->shown.error != NULL ? ERR_OK
                                     : err_set(err, ERR_NOMEM, "no memory left for the bundle");
}

/* ── the entry ─────────────────────────────────────────────────────────────────────────────────── */

/* Files that a project has beside its program. */
static bool is_aside(const char *path)
{
    const char *base = base_of(path);
    size_t size = strlen(base);
    return strcmp(base, "__init__.py") == 0 || strcmp(base, "setup.py") == 0 ||
           strcmp(base, "conftest.py") == 0 || strncmp(base, "test_", 5) == 0 ||
           (size > 8 && strcmp(base + size - 8, "_test.py") == 0) ||
           strncmp(path, "tests/", 6) == 0 || strstr(path, "/tests/") != NULL;
}

static bool is_called_main(const struct bundle_file *file)
{
    const char *base = base_of(file->shown.path);
    return strcmp(base, "main.py") == 0 || strcmp(base, "train.py") == 0 ||
           strcmp(base, "run.py") == 0;
}

struct candidates {
    uint16_t items[BUNDLE_SOURCES_MAX];
    size_t count;
};

/* `ret` may be `of`. */
static void keep(const struct candidates *of, const struct bundle *bundle,
                 bool (*good)(const struct bundle_file *file), struct candidates *ret)
{
    size_t kept = 0;
    size_t count = of->count;
    for (size_t i = 0; i < count; i++) {
        if (good(&bundle->files[of->items[i]])) {
            ret->items[kept++] = of->items[i];
        }
    }
    ret->count = kept;
}

static bool is_free(const struct bundle_file *file)
{
    return !file->is_imported;
}

static bool is_free_start(const struct bundle_file *file)
{
    return !file->is_imported && file->starts;
}

static bool is_launched(const struct bundle_file *file)
{
    return file->is_launched;
}

static bool is_program(const struct bundle_file *file)
{
    return is_script(file) && !is_aside(file->shown.path);
}

static bool is_shell(const struct bundle_file *file)
{
    return file->shown.error == NULL && file->shown.kind == ANALYSIS_KIND_SHELL;
}

static bool is_environment(const struct bundle_file *file)
{
    return file->shown.error == NULL && file->shown.kind == ANALYSIS_KIND_REQUIREMENTS;
}

/* Of main.py, train.py and run.py those in the fewest folders. */
static void keep_highest_main(const struct candidates *of, const struct bundle *bundle,
                              struct candidates *ret)
{
    size_t least = SIZE_MAX;
    keep(of, bundle, is_called_main, ret);
    for (size_t i = 0; i < ret->count; i++) {
        size_t depth = depth_of(bundle->files[ret->items[i]].shown.path);
        least = depth < least ? depth : least;
    }
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++) {
        if (depth_of(bundle->files[ret->items[i]].shown.path) == least) {
            ret->items[kept++] = ret->items[i];
        }
    }
    ret->count = kept;
    keep(ret, bundle, is_free, ret);
}

static enum err_code ask(const struct bundle *bundle, const struct candidates *of, struct err *err)
{
    char list[120] = "";
    size_t size = 0;
    size_t shown = 0;
    for (; shown < of->count; shown++) {
        const char *path = bundle->files[of->items[shown]].shown.path;
        size_t more = strlen(path) + (shown > 0 ? 2 : 0);
        if (size + more >= sizeof(list)) {
            break;
        }
        memcpy(list + size, ", ", shown > 0 ? 2 : 0);
        memcpy(list + size + (shown > 0 ? 2 : 0), path, strlen(path) + 1);
        size += more;
    }
    return shown == of->count
               ? err_set(err, ERR_INVALID,
                         "which file starts the job? It could be %s; name one as the entry", list)
               : err_set(err, ERR_INVALID,
                         "which file starts the job? It could be %s or one of %zu more; name one "
                         "as the entry",
                         list, of->count - shown);
}

static bool decided(const struct candidates *of, const char *why, int *ret, const char **ret_why)
{
    if (of->count == 1) {
        *ret = of->items[0];
        *ret_why = why;
    }
    return of->count == 1;
}

static enum err_code choose_among_scripts(const struct bundle *bundle, struct candidates *scripts,
                                          int *ret, const char **ret_why, struct err *err)
{
    struct candidates some = {.count = 0};
    if (decided(scripts, "the only script", ret, ret_why)) {
        return ERR_OK;
    }
    keep_highest_main(scripts, bundle, &some);
    if (decided(&some, "by its name", ret, ret_why)) {
        return ERR_OK;
    }
    struct candidates *asked = some.count > 1 ? &some : scripts;
    struct candidates starts = {.count = 0};
    keep(asked, bundle, is_free_start, &starts);
    if (decided(&starts, "it says `if __name__ == \"__main__\":` and no other file imports it", ret,
                ret_why)) {
        return ERR_OK;
    }
    asked = starts.count > 1 ? &starts : asked;
    struct candidates launched = {.count = 0};
    keep(asked, bundle, is_launched, &launched);
    if (decided(&launched, "a launcher names it", ret, ret_why)) {
        return ERR_OK;
    }
    asked = launched.count > 1 ? &launched : asked;
    struct candidates tops = {.count = 0};
    keep(asked, bundle, is_free, &tops);
    if (decided(&tops, "every other script is imported by some file", ret, ret_why)) {
        return ERR_OK;
    }
    return ask(bundle, tops.count > 1 ? &tops : asked, err);
}

static enum err_code choose_entry(struct choosing *choosing, const char *entry, int *ret,
                                  const char **ret_why, struct err *err)
{
    const struct bundle *bundle = choosing->bundle;
    struct candidates all = {.count = bundle->count};
    struct candidates some = {.count = 0};
    for (size_t i = 0; i < bundle->count; i++) {
        all.items[i] = (uint16_t)i;
    }
    if (entry != NULL) {
        *ret = find_path(choosing, entry);
        *ret_why = "it was named";
        if (*ret < 0) {
            return err_set(err, ERR_INVALID, "the entry `%.120s` is not among the files", entry);
        }
        const struct bundle_file *file = &bundle->files[*ret];
        if (file->shown.error != NULL) {
            return err_set(err, ERR_INVALID, "the entry: %s", file->shown.error);
        }
        return is_script(file) || is_launcher(file)
                   ? ERR_OK
                   : err_set(err, ERR_INVALID, "the entry `%.120s` is no program", entry);
    }
    keep(&all, bundle, is_program, &some);
    if (some.count == 0) {
        keep(&all, bundle, is_script, &some);
    }
    if (some.count > 0) {
        return choose_among_scripts(bundle, &some, ret, ret_why, err);
    }
    static const struct {
        bool (*good)(const struct bundle_file *file);
        const char *why;
    } rules[] = {{is_shell, "the only launcher"},
                 {is_launcher, "the only file that starts something"},
                 {is_environment, "it says what is installed"}};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        keep(&all, bundle, rules[i].good, &some);
        bool environment = rules[i].good == is_environment;
        some.count = environment && some.count > 1 ? 1 : some.count; /* all of them are read */
        if (decided(&some, rules[i].why, ret, ret_why)) {
            return ERR_OK;
        }
        if (some.count > 1) {
            return ask(bundle, &some, err);
        }
    }
    return bundle->count > 0 && bundle->files[0].shown.error != NULL
               ? err_set(err, ERR_INVALID, "no file that could be read: %s",
                         bundle->files[0].shown.error)
               : err_set(err, ERR_INVALID, "no program and no data in it; supported: %s",
                         analysis_supported_formats());
}

/* ── what it reaches ───────────────────────────────────────────────────────────────────────────── */

/* The files whose top level is executed with the entry's. */
static void mark_runs(struct bundle *bundle, size_t entry)
{
    uint16_t order[BUNDLE_SOURCES_MAX] = {(uint16_t)entry};
    size_t count = 1;
    bundle->files[entry].runs = true;
    for (size_t i = 0; i < count; i++) {
        for (size_t to = 0; to < bundle->count; to++) {
            bool const is_sure = ((bundle->sure_edges[order[i]][to / 64] >> (to % 64)) & 1) != 0;
            if (is_sure && !bundle->files[to].runs) {
                bundle->files[to].runs = true;
                order[count++] = (uint16_t)to;
            }
        }
    }
}

static void reach(struct bundle *bundle, size_t entry, uint16_t *ret_order, size_t *ret_count)
{
    size_t count = 0;
    ret_order[count++] = (uint16_t)entry;
    bundle->files[entry].shown.role = ANALYSIS_ROLE_ENTRY;
    for (size_t i = 0; i < count; i++) {
        for (size_t to = 0; to < bundle->count; to++) {
            struct analysis_file *file = &bundle->files[to].shown;
            if (has_edge(bundle, ret_order[i], to) && file->role == ANALYSIS_ROLE_UNUSED) {
                file->role = ANALYSIS_ROLE_USED;
                ret_order[count++] = (uint16_t)to;
            }
        }
    }
    mark_runs(bundle, entry);
    for (size_t i = 0; i < bundle->count; i++) {
        struct bundle_file *file = &bundle->files[i];
        bool launches = is_shell(file) && has_edge(bundle, i, entry);
        if (file->shown.role == ANALYSIS_ROLE_UNUSED && (is_environment(file) || launches)) {
            file->shown.role = ANALYSIS_ROLE_USED;
            ret_order[count++] = (uint16_t)i;
        }
    }
    *ret_count = count;
}

enum err_code bundle_choose(struct bundle *bundle, const char *entry, uint16_t *ret_order,
                            size_t *ret_count, const char **ret_why, struct err *err)
{
    struct choosing choosing = {.bundle = bundle};
    enum err_code code = ERR_OK;
    int index = -1;
    arena_init(&choosing.scratch, SCRATCH_MAX);
    for (size_t i = 0; i < bundle->count; i++) {
        choosing.sorted[i] = (uint16_t)i;
    }
    qsort_r(choosing.sorted, bundle->count, sizeof(choosing.sorted[0]), by_path, bundle);
    for (size_t i = 0; code == ERR_OK && i < bundle->count; i++) {
        code = look_into(&choosing, i, err);
    }
    if (code == ERR_OK) {
        code = choose_entry(&choosing, entry, &index, ret_why, err);
    }
    if (code == ERR_OK) {
        reach(bundle, (size_t)index, ret_order, ret_count);
    }
    arena_deinit(&choosing.scratch);
    return code;
}
