// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/requirements.h"

#include "core/analysis/cuda.h"
#include "core/analysis/packages.h"

#include <string.h>

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\\';
}

/* The line without its comment and blanks. A '#' begins one at the line's start or behind a blank (an address may hold one). */
static struct bytes trimmed(struct bytes line)
{
    size_t end = 0;
    while (end < line.size &&
           !(line.data[end] == '#' && (end == 0 || is_blank(line.data[end - 1])))) {
        end++;
    }
    size_t start = 0;
    while (start < end && is_blank(line.data[start])) {
        start++;
    }
    while (end > start && is_blank(line.data[end - 1])) {
        end--;
    }
    return bytes_of(line.data + start, end - start);
}

static struct bytes next_line(struct bytes text, size_t *at)
{
    size_t start = *at;
    size_t end = start;
    while (end < text.size && text.data[end] != '\n') {
        end++;
    }
    *at = end + 1;
    return trimmed(bytes_of(text.data + start, end - start));
}

/* What stands behind an option's name, blank or '='. */
static struct bytes value_of(struct bytes line)
{
    size_t at = 0;
    while (at < line.size && !is_blank(line.data[at]) && line.data[at] != '=') {
        at++;
    }
    while (at < line.size && (is_blank(line.data[at]) || line.data[at] == '=')) {
        at++;
    }
    return bytes_from(line, at);
}

void requirements_read(struct facts_writer *writer, struct bytes text)
{
    struct fact_place at = {.line = 0};
    for (size_t i = 0; i < text.size;) {
        size_t start = i;
        struct bytes line = next_line(text, &i);
        at.line++;
        at.offset = (uint32_t)(line.size > 0 ? (size_t)(line.data - text.data) : start);
        if (line.size == 0) {
            continue;
        }
        if (line.data[0] != '-') {
            packages_add(writer, at, line);
        } else if (bytes_starts_with(line, "-e") || bytes_starts_with(line, "--editable")) {
            writer->scope = FACT_MARKED; /* as the worker, which passes over lines with options */
            packages_add(writer, at, value_of(line));
            writer->scope = 0;
        } else if (bytes_starts_with(line, "-r") || bytes_starts_with(line, "--requirement")) {
            facts_name(writer, at, FACT_COMMAND, value_of(line), bytes_of_text("-r"), 0);
        } else { /* an index of packages may be one for a CUDA version */
            cuda_add(writer, at, value_of(line));
        }
    }
}

static bool is_requirement(struct bytes line)
{
    size_t size = 0;
    while (size < line.size &&
           (line.data[size] == '-' || line.data[size] == '_' || line.data[size] == '.' ||
            (line.data[size] >= '0' && line.data[size] <= '9') ||
            ((line.data[size] | 0x20) >= 'a' && (line.data[size] | 0x20) <= 'z'))) {
        size++;
    }
    if (size == line.size) {
        return size > 0;
    }
    while (size < line.size && is_blank(line.data[size])) {
        size++;
    }
    return size > 0 && size < line.size && strchr("=<>~![;@", line.data[size]) != NULL;
}

bool requirements_are_likely(struct bytes text)
{
    size_t said = 0;
    size_t good = 0;
    for (size_t i = 0; i < text.size && said < 1000;) {
        struct bytes line = next_line(text, &i);
        said += line.size > 0 ? 1 : 0;
        good += line.size > 0 && line.data[0] != '-' && is_requirement(line) ? 1 : 0;
    }
    return good >= 2 && good * 10 >= said * 8;
}
