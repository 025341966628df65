// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/prerequisites.h"

#include "core/analysis/model.h"

#include <string.h>

#define PLACES 64 /* of a mask of packages */
#define FUNCTIONS_MAX 128
#define ROUNDS_MAX 8 /* of calls behind calls */

enum installs {
    INSTALLS_NOTHING,
    INSTALLS_NAMED,  /* `!pip install wandb` */
    INSTALLS_UNNAMED /* `-r requirements.txt`, `.`, or by a call of Python */
};

struct finding {
    const struct prerequisites_question *asked;
    struct evidence_list *list;
    enum installs installs;
    uint64_t installed; /* those that it installs, and the frameworks that they stand on */
    uint64_t own;       /* what the job is about */
    const char *functions[FUNCTIONS_MAX]; /* that are called */
    size_t function_count;
    const struct fact_import *first[PLACES];
};

/* ── what is certain ───────────────────────────────────────────────────────────────────────────── */

static bool is_script(const struct source *source)
{
    return source->kind == ANALYSIS_KIND_PYTHON || source->kind == ANALYSIS_KIND_NOTEBOOK;
}

/* Of the file that starts the job; its text is the first. */
static bool is_of_entry(const struct finding *f, uint32_t line)
{
    return f->list->source_count == 1 || line <= f->list->sources[1].base.line;
}

/* Executed at the top level of a file that is executed. */
static bool is_certain(const struct finding *f, uint32_t scope, uint32_t line)
{
    if (is_of_entry(f, line)) {
        return scope == 0 || scope == (FACT_IN_IF | FACT_IN_MAIN);
    }
    const struct source *source = evidence_source(f->list, line);
    return scope == 0 && is_script(source) && source->runs;
}

static bool is_among(const char *const *functions, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(functions[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The same, or in a function of the entry that is called from there. */
static bool is_started(const void *user, uint32_t scope, const char *function, uint32_t line)
{
    const struct finding *f = user;
    return is_certain(f, scope, line) ||
           (scope == FACT_IN_FUNCTION && function[0] != '\0' && is_of_entry(f, line) &&
            is_among(f->functions, f->function_count, function));
}

/* One round: those called by what is known to be executed. Names stand in the order of the texts. */
static void add_called(struct finding *f)
{
    for (const struct fact_name *i = f->asked->facts->names;
         i != NULL && is_of_entry(f, i->line) && f->function_count < FUNCTIONS_MAX; i = i->next) {
        if (i->kind == FACT_CALL && strchr(i->text, '.') == NULL &&
            is_started(f, i->scope, i->function, i->line) &&
            !is_among(f->functions, f->function_count, i->text)) {
            f->functions[f->function_count++] = i->text;
        }
    }
}

/* The functions that the entry's top level calls, and that those call, unconditionally. `main` is also called by what it is handed to: app.run(main),
 * fire.Fire(main). A bound met means that fewer are known. */
static void look_at_calls(struct finding *f)
{
    size_t before = 0;
    f->functions[f->function_count++] = "main";
    for (int round = 0; round < ROUNDS_MAX && before < f->function_count; round++) {
        before = f->function_count;
        add_called(f);
    }
}

/* ── packages ──────────────────────────────────────────────────────────────────────────────────── */

/* Of the package that a module is in; 0: none of the list. */
static uint64_t bit_of(const char *module)
{
    int const place = software_package(bytes_of(module, strcspn(module, ".")));
    return place < 0 ? 0 : UINT64_C(1) << (unsigned)place;
}

/* What a program that is about a framework imports of it. */
static uint64_t packages_of_frameworks(uint32_t frameworks)
{
    static const char *const names[ANALYSIS_FRAMEWORK_COUNT] = {
        [ANALYSIS_FRAMEWORK_PYTORCH] = "torch",
        [ANALYSIS_FRAMEWORK_TENSORFLOW] = "tensorflow",
        [ANALYSIS_FRAMEWORK_KERAS] = "keras tensorflow",
        [ANALYSIS_FRAMEWORK_JAX] = "jax",
        [ANALYSIS_FRAMEWORK_MXNET] = "mxnet",
        [ANALYSIS_FRAMEWORK_PADDLE] = "paddle",
        [ANALYSIS_FRAMEWORK_SKLEARN] = "sklearn",
        [ANALYSIS_FRAMEWORK_XGBOOST] = "xgboost",
        [ANALYSIS_FRAMEWORK_RAPIDS] = "cudf cuml",
        [ANALYSIS_FRAMEWORK_CUPY] = "cupy",
        [ANALYSIS_FRAMEWORK_NUMBA] = "numba",
        [ANALYSIS_FRAMEWORK_ONNX] = "onnx onnxruntime",
        [ANALYSIS_FRAMEWORK_TENSORRT] = "tensorrt",
    };
    uint64_t packages = 0;
    for (size_t i = 0; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        if ((frameworks >> i & 1) != 0 && names[i] != NULL) {
            packages |= software_packages_of(bytes_of_text(names[i]));
        }
    }
    return packages;
}

/* And of the library that such a job is written with. */
static uint64_t packages_of_job(enum analysis_job job)
{
    bool const is_diffusion = job == ANALYSIS_JOB_STABLE_DIFFUSION ||
                              job == ANALYSIS_JOB_IMAGE_GENERATION ||
                              job == ANALYSIS_JOB_VIDEO_GENERATION;
    bool const is_language = job == ANALYSIS_JOB_LLM_INFERENCE ||
                             job == ANALYSIS_JOB_LLM_TRAINING || job == ANALYSIS_JOB_NLP ||
                             job == ANALYSIS_JOB_MULTIMODAL;
    return is_diffusion ? bit_of("diffusers") : is_language ? bit_of("transformers") : 0;
}

/* `python setup.py install`, `bash install_deps.sh` */
static bool is_installer(const struct fact_name *name)
{
    return strcmp(name->callee, "-r") == 0 ||
           (strcmp(name->callee, "run") == 0 &&
            (strstr(name->text, "install") != NULL || strstr(name->text, "setup.py") != NULL));
}

static void look_at_installed(struct finding *f)
{
    for (const struct fact_import *i = f->asked->facts->imports; i != NULL; i = i->next) {
        if ((i->scope & FACT_INSTALLED) != 0 && is_script(evidence_source(f->list, i->line))) {
            uint32_t const frameworks = framework_mask_of(i->module);
            f->installs = INSTALLS_NAMED;
            f->installed |= bit_of(i->module) | packages_of_frameworks(frameworks);
            f->installed |= frameworks == 0 ? 0 : bit_of("transformers") | bit_of("diffusers");
        }
    }
    for (const struct fact_name *i = f->asked->facts->names; i != NULL; i = i->next) {
        if (i->kind == FACT_COMMAND && is_script(evidence_source(f->list, i->line)) &&
            is_installer(i)) {
            f->installs = INSTALLS_UNNAMED;
        }
    }
}

/* A line that the worker checks before it starts anything. */
static bool is_checked(const struct finding *f, const struct fact_import *import)
{
    const struct source *source = evidence_source(f->list, import->line);
    const struct bundle *bundle = f->asked->bundle;
    const char *slash = strrchr(source->name, '/');
    const char *base = slash == NULL ? source->name : slash + 1;
    return bundle != NULL && source->kind == ANALYSIS_KIND_REQUIREMENTS &&
           strcmp(base, "requirements.txt") == 0 && bundle_is_at_top(bundle, source->name) &&
           import->scope == FACT_INSTALLED;
}

static bool is_needed(const struct finding *f, const struct fact_import *import, uint64_t package)
{
    if ((import->scope & (FACT_INSTALLED | FACT_IMAGE)) != 0) {
        return is_checked(f, import);
    }
    bool const is_own = (f->own & package) != 0;
    if (f->installs != INSTALLS_NOTHING &&
        (f->installs == INSTALLS_UNNAMED || !is_own || (f->installed & package) != 0)) {
        return false;
    }
    return is_own ? is_started(f, import->scope, import->function, import->line)
                  : is_certain(f, import->scope, import->line);
}

static uint64_t find_packages(struct finding *f)
{
    uint64_t found = 0;
    for (const struct fact_import *i = f->asked->facts->imports; i != NULL; i = i->next) {
        uint64_t const bit = bit_of(i->module);
        if (bit == 0 || (found & bit) != 0 || !is_needed(f, i, bit)) {
            continue;
        }
        unsigned const place = (unsigned)__builtin_ctzll(bit);
        if (f->asked->bundle == NULL ||
            !bundle_brings(f->asked->bundle, f->list->sources[0].name, place)) {
            f->first[place] = i;
            found |= bit;
        }
    }
    return found;
}

static void say_packages(const struct finding *f)
{
    for (unsigned place = 0; place < PLACES; place++) {
        const struct fact_import *import = f->first[place];
        if (import != NULL) {
            evidence_say(f->list, import->line, import->offset, "requirements: needs %s",
                         software_package_name(place));
        }
    }
}

/* ── all ───────────────────────────────────────────────────────────────────────────────────────── */

/* NULL of NULL, and where there is no room for it. */
static const char *keep(struct evidence_list *list, const char *text)
{
    const char *kept = arena_text(list->arena, bytes_of_text(text));
    list->out_of_memory = list->out_of_memory || kept == NULL;
    return kept;
}

static void find_image(const struct facts *facts, struct evidence_list *list,
                       struct analysis_requirements *ret)
{
    char image[JOB_IMAGE_NAME_MAX + 8];
    if (facts->image != NULL && software_image_name(facts->image, image) &&
        job_image_name_is_good(image)) {
        ret->image = keep(list, image);
        evidence_say(list, facts->image_line, facts->image_offset,
                     "requirements: needs the image %s", image);
    }
}

static void find_model(const struct finding *f, struct analysis_requirements *ret)
{
    struct model_found model;
    const struct model_question question = {.facts = f->asked->facts,
                                            .list = f->list,
                                            .bundle = f->asked->bundle,
                                            .is_started = is_started,
                                            .user = f};
    if (model_find(&question, &model)) {
        ret->model = keep(f->list, model.name);
        evidence_say(f->list, model.line, model.offset, "requirements: needs the model %s",
                     model.name);
    }
}

void prerequisites_find(const struct prerequisites_question *question, struct evidence_list *list,
                        struct analysis_requirements *ret)
{
    struct finding f = {.asked = question,
                        .list = list,
                        .own = packages_of_frameworks(1u << question->frameworks->primary) |
                               packages_of_job(question->jobtype->job)};
    const struct source *entry = &list->sources[0];
    if (entry->kind == ANALYSIS_KIND_DOCKERFILE) {
        find_image(question->facts, list, ret);
    }
    if (!is_script(entry)) {
        return;
    }
    look_at_calls(&f);
    if (question->bundle == NULL || !question->bundle->cut) { /* what was not seen may bring them */
        look_at_installed(&f);
        ret->packages = find_packages(&f);
        say_packages(&f);
    }
    if (entry->kind == ANALYSIS_KIND_NOTEBOOK) {
        ret->packages |= bit_of("nbclient");
        evidence_say(list, 0, 0, "requirements: needs nbclient, which executes notebooks");
    }
    find_model(&f, ret);
}
