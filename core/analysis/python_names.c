// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/python_names.h"

#include "core/analysis/facts.h"

#include <string.h>

#define CALL_LOOKED_AT_MAX 512 /* bytes of a call to a process that are looked through */

static bool is(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_text(word));
}

static bool is_one_of(struct bytes text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (is(text, *list)) {
            return true;
        }
    }
    return false;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c >= 0x80;
}

struct bytes python_name_tail(struct bytes callee)
{
    size_t start = callee.size;
    while (start > 0 && callee.size - start < FACT_TEXT_MAX &&
           is_name_byte(callee.data[start - 1])) {
        start--;
    }
    return bytes_from(callee, start);
}

struct bytes python_last_part(struct bytes dotted)
{
    size_t start = dotted.size;
    while (start > 0 && dotted.data[start - 1] != '.') {
        start--;
    }
    return bytes_from(dotted, start);
}

enum analysis_source python_option_source(struct bytes callee)
{
    struct bytes last = python_last_part(callee);
    if (is(last, "add_argument")) {
        return ANALYSIS_SOURCE_ARGPARSE;
    }
    if (bytes_starts_with(last, "DEFINE_")) {
        return ANALYSIS_SOURCE_FLAG;
    }
    if (is(callee, "click.option") || is(callee, "option")) {
        return ANALYSIS_SOURCE_CLICK;
    }
    return ANALYSIS_SOURCE_KWARG;
}

bool python_loads_model(struct bytes callee, int index, struct bytes key)
{
    static const char *const pretrained[] = {"pretrained_model_name_or_path",
                                             "pretrained_model_or_path", "model_name", NULL};
    static const char *const model[] = {"model", NULL};
    static const char *const sentences[] = {"model_name_or_path", NULL};
    static const struct {
        const char *callee;
        const char *const *keys;
        int index;
    } loaders[] = {{"from_pretrained", pretrained, 0},
                   {"pipeline", model, 1}, /* the first is the task */
                   {"LLM", model, 0},
                   {"SentenceTransformer", sentences, 0}};
    struct bytes const last = python_last_part(callee);
    for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++) {
        if (is(last, loaders[i].callee)) {
            return index >= 0 ? index == loaders[i].index : is_one_of(key, loaders[i].keys);
        }
    }
    return false;
}

static bool has(struct bytes text, const char *word)
{
    return text.size > 0 && memmem(text.data, text.size, word, strlen(word)) != NULL;
}

bool python_installs(struct bytes callee, struct bytes call)
{
    static const char *const processes[] = {"system",       "run",       "call",
                                            "check_call",   "Popen",     "popen",
                                            "check_output", "getoutput", "getstatusoutput",
                                            "main",         NULL};
    call.size = call.size < CALL_LOOKED_AT_MAX ? call.size : CALL_LOOKED_AT_MAX;
    return is_one_of(python_last_part(callee), processes) && has(call, "install") &&
           (has(call, "pip") || has(call, "conda"));
}
