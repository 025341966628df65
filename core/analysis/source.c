// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/source.h"

#include "core/analysis/compose.h"
#include "core/analysis/dockerfile.h"
#include "core/analysis/python.h"
#include "core/analysis/requirements.h"
#include "core/analysis/shell.h"

#include <string.h>

struct bytes source_without_mark(struct bytes content)
{
    return bytes_starts_with(content, "\xEF\xBB\xBF") ? bytes_from(content, 3) : content;
}

void source_init(struct source *source, const char *name, enum analysis_kind kind,
                 struct bytes content, const struct analysis_limits *limits)
{
    *source = (struct source){.name = name, .kind = kind, .text = content};
    notebook_init(&source->notebook, limits);
}

void source_deinit(struct source *source)
{
    notebook_deinit(&source->notebook);
}

static enum err_code read_by_kind(struct source *source, const struct analysis_limits *limits,
                                  struct facts_writer *writer, struct err *err)
{
    struct bytes content = source->text;
    switch (source->kind) {
    case ANALYSIS_KIND_PYTHON:
        return python_read((struct python_piece){.source = content, .line = 1, .is_file = true},
                           limits, writer, err);
    case ANALYSIS_KIND_NOTEBOOK: {
        enum err_code code = notebook_read(&source->notebook, content, limits, writer, err);
        source->text = buf_bytes(&source->notebook.text);
        return code;
    }
    case ANALYSIS_KIND_DOCKERFILE:
        return dockerfile_read(writer, content, err);
    case ANALYSIS_KIND_COMPOSE:
        return compose_read(writer, content, &source->kind, err);
    case ANALYSIS_KIND_REQUIREMENTS:
        requirements_read(writer, content);
        return ERR_OK;
    case ANALYSIS_KIND_SHELL:
        shell_read_file(writer, content);
        return ERR_OK;
    case ANALYSIS_KIND_DATASET: /* data have readers of their own, and bundles are of files */
    case ANALYSIS_KIND_BUNDLE:
    case ANALYSIS_KIND_UNKNOWN:
        break;
    }
    return err_set(err, ERR_INTERNAL, "a kind of file without a reader");
}

static uint32_t line_ends(struct bytes text)
{
    uint32_t count = 0;
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        if (end == NULL) {
            break;
        }
        text = bytes_from(text, (size_t)(end - text.data) + 1);
        count++;
    }
    return count;
}

enum err_code source_read(struct source *source, const struct analysis_limits *limits,
                          struct facts_writer *writer, struct err *err)
{
    source->base = writer->base;
    enum err_code code = read_by_kind(source, limits, writer, err);
    if (code == ERR_OK && writer->out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for what the file says");
    }
    if (code != ERR_OK) {
        err_context(err, "%.80s", source->name);
        return code;
    }
    writer->base.offset += (uint32_t)source->text.size;
    writer->base.line += line_ends(source->text) + 1;
    return ERR_OK;
}
