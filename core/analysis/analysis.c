/* The steps of one analysis: is it a file we read, what does it say, what follows from it, and the evidence for each. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"

#include "core/analysis/archive.h"
#include "core/analysis/bundle.h"
#include "core/analysis/cuda.h"
#include "core/analysis/dataset.h"
#include "core/analysis/evidence.h"
#include "core/analysis/frameworks.h"
#include "core/analysis/jobtype.h"
#include "core/analysis/kind.h"
#include "core/analysis/needs.h"
#include "core/analysis/parameters.h"
#include "core/analysis/prerequisites.h"
#include "core/analysis/settings.h"
#include "core/analysis/source.h"
#include "core/base/driver_version.h"
#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

static const struct analysis_limits DEFAULTS = ANALYSIS_LIMITS;

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* ── what follows ─────────────────────────────────────────────────────────────────────────────────── */

/* How often the framework is right when it was found so. */
static uint32_t framework_permille(const struct frameworks *frameworks)
{
    if (frameworks->primary == ANALYSIS_FRAMEWORK_NONE) {
        return 970; /* a program may use one through its own repository's modules */
    }
    switch (frameworks->rank[frameworks->primary]) {
    case FRAMEWORK_DIRECT:
        return 990;
    case FRAMEWORK_IMPLIED:
        return 970;
    case FRAMEWORK_ABSENT:
    case FRAMEWORK_IMPLIED_CONDITIONAL:
    case FRAMEWORK_CONDITIONAL:
        break;
    }
    return 900;
}

/* How often the type is right, of files with as much evidence and as clear a lead: seven classes, rounded from what
 * tools/corpus counts and a little below it, because new files are stranger than those the rules were written on. */
static uint32_t job_permille(enum analysis_kind kind, const struct jobtype *jobtype)
{
    if (jobtype->job == ANALYSIS_JOB_CUSTOM) {
        bool program = kind == ANALYSIS_KIND_PYTHON || kind == ANALYSIS_KIND_NOTEBOOK ||
                       kind == ANALYSIS_KIND_SHELL;
        return program ? 700 : 940; /* nothing found in a program, or nothing to find */
    }
    uint32_t score = jobtype->score;
    uint32_t lead = score > jobtype->runner_up ? (score - jobtype->runner_up) * 100 / score : 0;
    if (lead < 25) {
        return 720;
    }
    if (lead < 50) {
        return 830;
    }
    return score < 10 ? 850 : score < 20 ? 920 : 970;
}

static uint32_t confidence(const struct facts *facts, enum analysis_kind kind,
                           const struct frameworks *frameworks, const struct jobtype *jobtype)
{
    uint32_t both = framework_permille(frameworks) * job_permille(kind, jobtype) / 1000;
    return facts->syntax_errors || facts->cut ? both * 95 / 100 : both;
}

/* What was read, on its way to an answer. */
struct job {
    const struct source *sources; /* the entry first */
    size_t source_count;
    const struct facts *facts;
    struct bundle *bundle; /* NULL: one file alone */
    const char *why;       /* of a bundle: why the first source starts the job */
};

/* What a bundle's requirements install counts where no import says more: the program may use it through a package of its own. */
static void look_at_installed(const struct job *job, struct frameworks *frameworks)
{
    struct frameworks installed = {0};
    bool any = false;
    for (size_t i = 1; i < job->source_count; i++) {
        any = any || job->sources[i].kind == ANALYSIS_KIND_REQUIREMENTS;
    }
    if (!any || frameworks->primary != ANALYSIS_FRAMEWORK_NONE) {
        return;
    }
    frameworks_find(job->facts, ANALYSIS_KIND_REQUIREMENTS, "", &installed);
    for (size_t i = 0; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        installed.rank[i] = installed.rank[i] == FRAMEWORK_ABSENT ? FRAMEWORK_ABSENT
                                                                  : FRAMEWORK_IMPLIED_CONDITIONAL;
    }
    *frameworks = installed;
}

static bool put_number(struct parameters *parameters, struct arena *arena, const char *name,
                       uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    const char *kept = arena_text(arena, bytes_of_text(text));
    if (kept != NULL && parameters->count < PARAMETERS_MAX) {
        parameters->offsets[parameters->count] = 0;
        parameters->items[parameters->count++] =
            (struct analysis_parameter){.name = name,
                                        .value = kept,
                                        .origin = "the data",
                                        .is_number = true,
                                        .source = ANALYSIS_SOURCE_DATA};
    }
    return kept != NULL;
}

static void put_word(struct parameters *parameters, const char *name, const char *value)
{
    if (parameters->count < PARAMETERS_MAX) {
        parameters->offsets[parameters->count] = 0;
        parameters->items[parameters->count++] = (struct analysis_parameter){
            .name = name, .value = value, .origin = "the data", .source = ANALYSIS_SOURCE_DATA};
    }
}

/* What a bundle's data are: the largest class, how many, and what an example of it says. */
static bool put_data(const struct bundle *bundle, struct arena *arena,
                     struct parameters *parameters)
{
    static const char *const shown[] = {"columns", "width", "height", "shape", "dtype"};
    const struct bundle_data *data = &bundle->data;
    enum data_class class;
    bool kept = true;
    if (!bundle_main_data(bundle, &class)) {
        return true;
    }
    put_word(parameters, "data", dataset_class_word(class));
    kept = put_number(parameters, arena, "items", data->files[class]);
    if (class == DATA_TABULAR && data->bytes_with_rows > 0) {
        double all = (double)data->bytes[class] / (double)data->bytes_with_rows;
        double rows = (double)data->rows * all;
        kept = put_number(parameters, arena, "rows", rows < 9e18 ? (uint64_t)rows : 0) && kept;
    }
    for (size_t i = 0; i < data->example.count && data->example_class == class; i++) {
        for (size_t j = 0; j < sizeof(shown) / sizeof(shown[0]); j++) {
            if (strcmp(data->example.items[i].name, shown[j]) == 0 &&
                parameters->count < PARAMETERS_MAX) {
                parameters->offsets[parameters->count] = 0;
                parameters->items[parameters->count++] = data->example.items[i];
            }
        }
    }
    return kept;
}

static void say_bundle(struct evidence_list *list, const struct job *job)
{
    const struct bundle *bundle = job->bundle;
    size_t unused = 0;
    evidence_say(list, 0, 0, "entry point: %s", job->why);
    for (size_t i = 0; i < bundle->count; i++) {
        const struct analysis_file *file = &bundle->files[i].shown;
        unused += file->role == ANALYSIS_ROLE_UNUSED ? 1 : 0;
        if (file->role == ANALYSIS_ROLE_REJECTED) {
            evidence_say_of_file(list, file->path, "not used: %s", file->error);
        }
    }
    if (unused > 0) {
        evidence_say(list, 0, 0, "%zu more files are not reached from here and were not used",
                     unused);
    }
}

/* Counts are of all data; the rest is what one file says, and which. */
static void say_data(struct evidence_list *list, const struct bundle *bundle,
                     const struct parameters *parameters)
{
    for (size_t i = 0; bundle != NULL && i < parameters->count; i++) {
        const struct analysis_parameter *item = &parameters->items[i];
        const char *path = bundle->data.example_path;
        if (item->source != ANALYSIS_SOURCE_DATA) {
            continue;
        }
        evidence_say_of_file(list, path == NULL ? list->sources[0].name : path,
                             "parameter %s = %s (of the data that come with it)", item->name,
                             item->value);
    }
}

/* The files that are shown of a bundle: the entry, what was rejected, then the others. */
static enum err_code list_files(const struct bundle *bundle, struct arena *arena,
                                struct analysis *found, struct err *err)
{
    struct analysis_file *files = arena_alloc_array(arena, ANALYSIS_FILES_MAX, sizeof(*files));
    if (files == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    size_t count = 0;
    static const enum analysis_role order[] = {ANALYSIS_ROLE_ENTRY, ANALYSIS_ROLE_REJECTED,
                                               ANALYSIS_ROLE_USED, ANALYSIS_ROLE_DATA,
                                               ANALYSIS_ROLE_UNUSED};
    found->file_count_all = bundle->others;
    for (size_t i = 0; i < DATA_CLASSES && !bundle->loose; i++) {
        found->file_count_all += bundle->data.files[i];
    }
    found->file_count_all += bundle->count;
    for (size_t r = 0; r < sizeof(order) / sizeof(order[0]); r++) {
        for (size_t i = 0; i < bundle->count && count < ANALYSIS_FILES_MAX; i++) {
            if (bundle->files[i].shown.role == order[r]) {
                files[count++] = bundle->files[i].shown;
            }
        }
    }
    found->files = files;
    found->file_count = count;
    return ERR_OK;
}

static enum err_code keep_parameters(const struct parameters *parameters, struct arena *arena,
                                     const struct evidence_list *list, struct analysis *found,
                                     struct err *err)
{
    struct analysis_parameter *kept = arena_alloc_array(arena, PARAMETERS_MAX, sizeof(*kept));
    if (kept == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    for (size_t i = 0; i < parameters->count; i++) { /* their lines are those of their files */
        kept[i] = parameters->items[i];
        kept[i].line = evidence_file_line(list, kept[i].line);
    }
    found->parameters = kept;
    found->parameter_count = parameters->count;
    return ERR_OK;
}

/* An environment for a newer CUDA than a machine's driver knows does not start there. */
static void need_driver(const struct facts *facts, struct analysis_requirements *needs)
{
    if (needs->device == ANALYSIS_DEVICE_GPU) {
        needs->cuda = facts->cuda;
        needs->driver = cuda_driver(facts->cuda);
    }
}

static void say_driver(struct evidence_list *list, const struct facts *facts,
                       const struct analysis_requirements *needs)
{
    char driver[DRIVER_VERSION_TEXT_SIZE];
    if (needs->driver != 0) {
        driver_version_format(needs->driver, driver);
        evidence_say(list, facts->cuda_line, facts->cuda_offset,
                     "requirements: CUDA %u.%u, for which the driver is %s or newer",
                     needs->cuda / 10, needs->cuda % 10, driver);
    }
}

static enum err_code conclude(const struct job *job, struct arena *arena, struct analysis *ret,
                              struct err *err)
{
    const struct facts *facts = job->facts;
    const struct source *entry = &job->sources[0];
    const char *name = base_of(entry->name);
    struct frameworks frameworks = {0};
    struct jobtype jobtype = {0};
    struct parameters parameters = {0};
    char needs_claim[VRAM_CLAIM_MAX];
    struct evidence_list list;

    frameworks_find(facts, entry->kind, name, &frameworks);
    look_at_installed(job, &frameworks);
    jobtype_find(facts, &frameworks, entry->kind, name, &jobtype);
    parameters_find(facts, &parameters);
    if (job->bundle != NULL && !put_data(job->bundle, arena, &parameters)) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    struct analysis found = {.kind = job->bundle != NULL ? ANALYSIS_KIND_BUNDLE : entry->kind,
                             .frameworks = frameworks.mask,
                             .primary = frameworks.primary,
                             .job = jobtype.job,
                             .mode = jobtype.mode,
                             .confidence_permille =
                                 confidence(facts, entry->kind, &frameworks, &jobtype),
                             .syntax_errors = facts->syntax_errors,
                             .cut = facts->cut || (job->bundle != NULL && job->bundle->cut)};
    needs_find(&frameworks, &jobtype, &parameters, facts->gpus, name, &found.requirements,
               &found.estimate, needs_claim);
    need_driver(facts, &found.requirements);
    found.work = analysis_work(found.job, found.mode, found.requirements.device, name,
                               parameters.items, parameters.count);

    enum err_code code = evidence_init(&list, job->sources, job->source_count, arena, err);
    if (code == ERR_OK && job->bundle != NULL) {
        found.entry = entry->name;
        found.requirements.storage_mib += job->bundle->bytes / MIB;
        say_bundle(&list, job);
        code = list_files(job->bundle, arena, &found, err);
    }
    if (code == ERR_OK) {
        evidence_say_all(&list, facts, &frameworks, &jobtype, &parameters, needs_claim);
        say_driver(&list, facts, &found.requirements);
        prerequisites_find(&(struct prerequisites_question){.facts = facts,
                                                            .frameworks = &frameworks,
                                                            .jobtype = &jobtype,
                                                            .bundle = job->bundle},
                           &list, &found.requirements);
        say_data(&list, job->bundle, &parameters);
        code = keep_parameters(&parameters, arena, &list, &found, err);
    }
    if (code == ERR_OK) {
        code = settings_find(facts, &list, arena, &found, err);
    }
    if (code == ERR_OK && list.out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for the evidence");
    }
    if (code != ERR_OK) {
        return code;
    }
    found.evidence = list.items;
    found.evidence_count = list.count;
    *ret = found;
    return ERR_OK;
}

/* ── data ──────────────────────────────────────────────────────────────────────────────────────── */

/* Data are no job: what they hold, and room for them. `size`: of the file; `unpacked`: of what is in it. */
static enum err_code describe_data(const char *name, uint64_t size, uint64_t unpacked, bool sampled,
                                   const struct parameters *parameters, struct arena *arena,
                                   struct analysis *ret, struct err *err)
{
    struct frameworks none = {.primary = ANALYSIS_FRAMEWORK_NONE};
    struct jobtype jobtype = {.job = ANALYSIS_JOB_CUSTOM, .mode = ANALYSIS_MODE_NA};
    struct source source = {.name = name, .kind = ANALYSIS_KIND_DATASET};
    struct evidence_list list;
    char claim[VRAM_CLAIM_MAX];
    struct analysis found = {.kind = ANALYSIS_KIND_DATASET,
                             .primary = none.primary,
                             .job = jobtype.job,
                             .mode = jobtype.mode,
                             .confidence_permille = job_permille(ANALYSIS_KIND_DATASET, &jobtype),
                             .cut = sampled};
    needs_find(&none, &jobtype, parameters, 0, name, &found.requirements, &found.estimate, claim);
    found.requirements.storage_mib += size / MIB + unpacked / MIB;
    found.work = analysis_work(found.job, found.mode, found.requirements.device, name,
                               parameters->items, parameters->count);

    enum err_code code = evidence_init(&list, &source, 1, arena, err);
    if (code == ERR_OK) {
        code = keep_parameters(parameters, arena, &list, &found, err);
    }
    for (size_t i = 0; code == ERR_OK && i < parameters->count; i++) {
        const struct analysis_parameter *item = &parameters->items[i];
        bool is_count = strcmp(item->name, "rows") == 0 ||
                        (unpacked > 0 && (strcmp(item->name, "items") == 0 ||
                                          strcmp(item->name, "unpacked_mib") == 0));
        evidence_say(&list, 0, 0, "parameter %s = %s (%s)", item->name, item->value,
                     sampled && is_count ? "scaled from the first part" : "read");
    }
    if (code == ERR_OK) {
        evidence_say(&list, 0, 0, "requirements: room for the data");
    }
    if (code == ERR_OK && list.out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for the evidence");
    }
    if (code != ERR_OK) {
        return code;
    }
    found.evidence = list.items;
    found.evidence_count = list.count;
    *ret = found;
    return ERR_OK;
}

static enum err_code run_data(struct bytes content, const char *name, struct arena *arena,
                              struct analysis *ret, struct err *err)
{
    struct parameters parameters = {0};
    bool sampled = false;
    enum err_code code =
        dataset_read(content, content.size, name, arena, &parameters, &sampled, err);
    if (code != ERR_OK) {
        err_context(err, "%.80s", name);
        return code;
    }
    return describe_data(name, content.size, 0, sampled, &parameters, arena, ret, err);
}

static uint64_t scaled(uint64_t value, const struct archive_summary *summary)
{
    double all =
        summary->parts_seen == 0 ? 1 : (double)summary->parts_all / (double)summary->parts_seen;
    double result = summary->sampled ? (double)value * all : (double)value;
    return result < 9e18 ? (uint64_t)result : UINT64_MAX / 2;
}

/* An archive, or a bundle, without any program. `summary`: NULL for a bundle. */
static enum err_code describe_collection(struct bundle *bundle, enum data_class class,
                                         const char *name, uint64_t size,
                                         const struct archive_summary *summary, struct arena *arena,
                                         struct analysis *ret, struct err *err)
{
    static const struct archive_summary whole = {.format = "files"};
    struct parameters parameters = {0};
    summary = summary == NULL ? &whole : summary;
    bundle->data.files[class] = scaled(bundle->data.files[class], summary);
    bundle->data.bytes[class] = scaled(bundle->data.bytes[class], summary);
    put_word(&parameters, "format", summary->format);
    if (!put_data(bundle, arena, &parameters) ||
        !put_number(&parameters, arena, "size_mib", (size + MIB - 1) / MIB) ||
        !put_number(&parameters, arena, "unpacked_mib",
                    (scaled(bundle->bytes, summary) + MIB - 1) / MIB)) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    return describe_data(name, size, scaled(bundle->bytes, summary),
                         summary->sampled || bundle->data.sampled, &parameters, arena, ret, err);
}

/* ── several files ─────────────────────────────────────────────────────────────────────────────── */

/* The chosen files one after the other, and what follows. A file is read again that was looked through for its imports: facts of
 * hundreds of files at once would not fit. */
static enum err_code run_chosen(struct bundle *bundle, const uint16_t *order, size_t count,
                                const char *why, struct arena *arena, struct analysis *ret,
                                struct err *err)
{
    struct facts_writer facts = {0};
    enum err_code code = ERR_OK;
    size_t done = 0;
    struct source *sources = calloc(count, sizeof(*sources));
    if (sources == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the bundle");
    }
    facts_writer_init(&facts, arena);
    for (; code == ERR_OK && done < count; done++) {
        const struct bundle_file *file = &bundle->files[order[done]];
        source_init(&sources[done], file->shown.path, file->shown.kind, file->content,
                    bundle->limits);
        sources[done].runs = file->runs;
        code = bundle_has_time(bundle, err)
                   ? source_read(&sources[done], bundle->limits, &facts, err)
                   : ERR_TIMEOUT;
    }
    if (code == ERR_OK) {
        struct job job = {.sources = sources,
                          .source_count = count,
                          .facts = &facts.facts,
                          .bundle = bundle,
                          .why = why};
        code = conclude(&job, arena, ret, err);
    }
    while (done > 0) {
        source_deinit(&sources[--done]);
    }
    facts_writer_deinit(&facts);
    free(sources);
    return code;
}

static enum err_code run_bundle(struct bundle *bundle, const char *name, uint64_t size,
                                const struct archive_summary *summary, const char *entry,
                                struct arena *arena, struct analysis *ret, struct err *err)
{
    uint16_t order[BUNDLE_SOURCES_MAX];
    size_t count = 0;
    const char *why = "";
    enum data_class class;
    if (bundle_source_count(bundle) == 0 && bundle_main_data(bundle, &class) && entry == NULL) {
        return describe_collection(bundle, class, name, size, summary, arena, ret, err);
    }
    enum err_code code = bundle_choose(bundle, entry, order, &count, &why, err);
    return code == ERR_OK ? run_chosen(bundle, order, count, why, arena, ret, err) : code;
}

static size_t wants_cb(void *user, const char *path, uint64_t size)
{
    return bundle_wants(user, path, size);
}

static enum err_code file_cb(void *user, const char *path, uint64_t size, struct bytes content,
                             struct err *err)
{
    return bundle_add(user, path, size, content, err);
}

static enum err_code run_archive(struct bytes content, const char *name, const char *entry,
                                 const struct analysis_limits *limits, struct arena *arena,
                                 struct analysis *ret, struct err *err)
{
    char plain[256];
    struct arena contents;
    struct archive_summary summary = {0};
    struct bundle *bundle = calloc(1, sizeof(*bundle));
    if (bundle == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the archive");
    }
    size_t length = strlen(name);
    size_t from = length < sizeof(plain) ? 0 : length - sizeof(plain) + 1; /* the end decides */
    for (size_t i = from; i <= length; i++) {
        char c = name[i];
        plain[i - from] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    arena_init(&contents, limits->bundle_size_max);
    enum err_code code = bundle_init(bundle, limits, arena, &contents, false, err);
    if (code == ERR_OK) {
        struct archive_visitor visitor = {.user = bundle, .wants = wants_cb, .file = file_cb};
        code = archive_walk(content, plain, limits, &visitor, &summary, err);
    }
    if (code == ERR_OK) {
        bundle->cut = bundle->cut || summary.sampled;
        code = run_bundle(bundle, name, content.size, &summary, entry, arena, ret, err);
    }
    if (code != ERR_OK) {
        err_context(err, "%.60s", name);
    }
    arena_deinit(&contents);
    free(bundle);
    return code;
}

static enum err_code add_input(struct bundle *bundle, const struct analysis_files *files, size_t i,
                               struct buf *room, struct err *err)
{
    const struct analysis_input *input = &files->inputs[i];
    size_t wanted = bundle_wants(bundle, input->path, input->size);
    struct bytes content = input->content;
    if (content.data == NULL && wanted > 0) {
        buf_clear(room);
        while (room->size < wanted && !room->failed) { /* room for what is read in place */
            static const uint8_t zeros[4096];
            buf_append(room, zeros, wanted - room->size < 4096 ? wanted - room->size : 4096);
        }
        if (room->failed) {
            return err_set(err, ERR_NOMEM, "no memory left for the bundle");
        }
        if (!files->read(files->user, i, room->data, wanted)) {
            return err_set(err, ERR_IO, "%.100s cannot be read", input->path);
        }
        content = buf_bytes(room);
    }
    content.size = content.size < wanted ? content.size : wanted;
    return bundle_add(bundle, input->path, input->size, content, err);
}

enum err_code analysis_run_files(const struct analysis_files *files,
                                 const struct analysis_limits *limits, struct arena *arena,
                                 struct analysis *ret, struct err *err)
{
    struct arena contents;
    struct buf room;
    struct bundle *bundle = calloc(1, sizeof(*bundle));
    if (bundle == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the bundle");
    }
    arena_init(&contents, limits->bundle_size_max);
    buf_init(&room, limits->file_size_max + 4096);
    enum err_code code = bundle_init(bundle, limits, arena, &contents, files->loose, err);
    uint64_t size = 0;
    for (size_t i = 0; code == ERR_OK && i < files->count; i++) {
        code = add_input(bundle, files, i, &room, err);
        size += files->inputs[i].size;
    }
    if (code == ERR_OK) {
        code = run_bundle(bundle, "the files", size, NULL, files->entry, arena, ret, err);
    }
    buf_deinit(&room);
    arena_deinit(&contents);
    free(bundle);
    return code;
}

/* ── one file ──────────────────────────────────────────────────────────────────────────────────── */

static enum err_code run_source(struct bytes content, const char *name, enum analysis_kind kind,
                                const struct analysis_limits *limits, struct arena *arena,
                                struct analysis *ret, struct err *err)
{
    struct facts_writer facts = {0};
    struct source source;
    facts_writer_init(&facts, arena);
    source_init(&source, name, kind, content, limits);
    source.runs = true;
    enum err_code code = source_read(&source, limits, &facts, err);
    if (code == ERR_OK) {
        struct job job = {.sources = &source, .source_count = 1, .facts = &facts.facts};
        code = conclude(&job, arena, ret, err);
    }
    source_deinit(&source);
    facts_writer_deinit(&facts);
    return code;
}

enum err_code analysis_run_entry(struct bytes content, const char *base_name, const char *entry,
                                 const struct analysis_limits *limits, struct arena *arena,
                                 struct analysis *ret, struct err *err)
{
    enum analysis_kind kind;
    struct buf shown;

    /* File names are bytes; what is shown of them is UTF-8. */
    buf_init(&shown, (size_t)4 * 256);
    struct bytes base = bytes_of_text(base_of(base_name));
    base.size = base.size < 255 ? base.size : 255;
    utf8_append_lossy(&shown, base);
    const char *name = arena_text(arena, buf_bytes(&shown));
    buf_deinit(&shown);
    if (name == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    content = source_without_mark(content);
    enum err_code code = kind_find(content, name, limits, &kind, err);
    if (code != ERR_OK) {
        return code;
    }
    if (kind == ANALYSIS_KIND_BUNDLE) {
        return run_archive(content, name, entry, limits, arena, ret, err);
    }
    if (entry != NULL) {
        return err_set(err, ERR_INVALID,
                       "%.80s: an entry can be named in an archive or among several files, not in "
                       "one file",
                       name);
    }
    return kind == ANALYSIS_KIND_DATASET ? run_data(content, name, arena, ret, err)
                                         : run_source(content, name, kind, limits, arena, ret, err);
}

enum err_code analysis_run_limited(struct bytes content, const char *base_name,
                                   const struct analysis_limits *limits, struct arena *arena,
                                   struct analysis *ret, struct err *err)
{
    return analysis_run_entry(content, base_name, NULL, limits, arena, ret, err);
}

enum err_code analysis_run(struct bytes content, const char *base_name, struct arena *arena,
                           struct analysis *ret, struct err *err)
{
    return analysis_run_entry(content, base_name, NULL, &DEFAULTS, arena, ret, err);
}
