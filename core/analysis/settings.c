// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/settings.h"

#include "core/base/job_rules.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* os.environ["X"], which fails where there is none. */
static bool is_needed(const struct fact_name *name)
{
    return ends_with(name->callee, "environ[]");
}

static bool is_variable(const struct fact_name *name)
{
    return name->kind == FACT_ARGUMENT && name->position == 0 &&
           (ends_with(name->callee, "environ.get") || ends_with(name->callee, "getenv") ||
            is_needed(name));
}

static bool is_listed(const struct analysis *found, const char *as, bool variable)
{
    for (size_t i = 0; i < found->setting_count; i++) {
        if (found->settings[i].is_variable == variable && strcmp(found->settings[i].as, as) == 0) {
            return true;
        }
    }
    return false;
}

/* What the system, a shell or a launcher of several processes sets: nobody is to give it. */
static bool is_ambient(const char *name)
{
    static const char *const NAMES[] = {
        "PATH",
        "HOME",
        "USER",
        "USERNAME",
        "PWD",
        "SHELL",
        "LANG",
        "TMPDIR",
        "TEMP",
        "HOSTNAME",
        "DISPLAY",
        "RANK",
        "LOCAL_RANK",
        "WORLD_SIZE",
        "NODE_RANK",
        "GROUP_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
        "LOCAL_WORLD_SIZE",
        "CUDA_VISIBLE_DEVICES",
        "LOCALAPPDATA",
        "APPDATA",
    };
    static const char *const FRONTS[] = {"TALLY_", "SLURM_", "OMPI_",  "PMI_",
                                         "XDG_",   "COLAB_", "KAGGLE_"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(FRONTS) / sizeof(FRONTS[0]); i++) {
        if (strncmp(name, FRONTS[i], strlen(FRONTS[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The first place of each name; needed, if it is anywhere. */
static void add_variable(struct analysis_variable *variables, const struct fact_name *name,
                         const struct evidence_list *list, struct analysis *ret)
{
    for (size_t i = 0; i < ret->variable_count; i++) {
        if (strcmp(variables[i].name, name->text) == 0) {
            variables[i].is_needed = variables[i].is_needed || is_needed(name);
            return;
        }
    }
    if (ret->variable_count < ANALYSIS_VARIABLES_MAX && !is_ambient(name->text) &&
        job_variable_name_is_good(name->text)) {
        variables[ret->variable_count++] =
            (struct analysis_variable){.name = name->text,
                                       .is_needed = is_needed(name),
                                       .file = evidence_file_name(list, name->line),
                                       .line = evidence_file_line(list, name->line)};
    }
}

enum err_code settings_find(const struct facts *facts, const struct evidence_list *list,
                            struct arena *arena, struct analysis *ret, struct err *err)
{
    struct analysis_setting *settings =
        arena_alloc_array(arena, ANALYSIS_SETTINGS_MAX, sizeof *settings);
    struct analysis_variable *variables =
        arena_alloc_array(arena, ANALYSIS_VARIABLES_MAX, sizeof *variables);
    if (settings == NULL || variables == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    ret->settings = settings;
    ret->variables = variables;
    for (const struct fact_name *name = facts->names; name != NULL; name = name->next) {
        bool is_number;
        bool variable = is_variable(name);
        const char *parameter = variable || name->kind == FACT_OPTION
                                    ? analysis_parameter_named(name->text, &is_number)
                                    : NULL;
        if (parameter != NULL && ret->setting_count < ANALYSIS_SETTINGS_MAX &&
            !is_listed(ret, name->text, variable)) {
            settings[ret->setting_count++] =
                (struct analysis_setting){.parameter = parameter,
                                          .as = name->text,
                                          .is_variable = variable,
                                          .file = evidence_file_name(list, name->line),
                                          .line = evidence_file_line(list, name->line)};
        }
        if (variable) {
            add_variable(variables, name, list, ret);
        }
    }
    return ERR_OK;
}
