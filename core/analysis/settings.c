// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/settings.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_variable(const struct fact_name *name)
{
    return name->kind == FACT_ARGUMENT && name->position == 0 &&
           (ends_with(name->callee, "environ.get") || ends_with(name->callee, "getenv"));
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

enum err_code settings_find(const struct facts *facts, const struct evidence_list *list,
                            struct arena *arena, struct analysis *ret, struct err *err)
{
    struct analysis_setting *settings =
        arena_alloc_array(arena, ANALYSIS_SETTINGS_MAX, sizeof *settings);
    if (settings == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    ret->settings = settings;
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
    }
    return ERR_OK;
}
