// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/kind.h"

#include "core/analysis/archive.h"
#include "core/analysis/dataset.h"
#include "core/analysis/requirements.h"

#include <stdio.h>
#include <string.h>

const char *analysis_supported_formats(void)
{
    return "Python source (.py), .ipynb, Dockerfile, .yml, requirements.txt, .sh, data (.csv .tsv "
           ".json "
           ".jsonl .npy .npz .parquet .png .jpg), archives (.zip .tar .tar.gz)";
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static void to_lower(const char *name, char *ret, size_t size)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < size; i++) {
        ret[i] = lower(name[i]);
    }
    ret[i] = '\0';
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t name_size = strlen(name);
    size_t size = strlen(suffix);
    return name_size >= size && strcmp(name + name_size - size, suffix) == 0;
}

/* The rest of the first line, when it is `#!`. */
static bool first_line_names(struct bytes content, const char *word)
{
    if (!bytes_starts_with(content, "#!")) {
        return false;
    }
    for (size_t i = 2; i < content.size && i < 128 && content.data[i] != '\n'; i++) {
        if (bytes_starts_with(bytes_from(content, i), word)) {
            return true;
        }
    }
    return false;
}

/* Formats that are known by name and have no reader yet, so that the refusal can say what it saw. */
static const struct {
    const char *suffix;
    const char *what;
} unread[] = {
    {".txt", "a text file"},
    {".toml", "a TOML file"},
    {".7z", "an archive of this format"},
    {".rar", "an archive of this format"},
    {".gz", "a compressed file that is no tar"},
};

static const struct {
    const char *end;
    enum analysis_kind kind;
} suffixes[] = {
    {".py", ANALYSIS_KIND_PYTHON},      {".pyw", ANALYSIS_KIND_PYTHON},
    {".ipynb", ANALYSIS_KIND_NOTEBOOK}, {".dockerfile", ANALYSIS_KIND_DOCKERFILE},
    {".yml", ANALYSIS_KIND_COMPOSE},    {".yaml", ANALYSIS_KIND_COMPOSE},
    {".sh", ANALYSIS_KIND_SHELL},       {".bash", ANALYSIS_KIND_SHELL},
    {".slurm", ANALYSIS_KIND_SHELL},    {".sbatch", ANALYSIS_KIND_SHELL},
};

static enum analysis_kind by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (ends_with(name, suffixes[i].end)) {
            return suffixes[i].kind;
        }
    }
    if (strncmp(name, "dockerfile", 10) == 0 || strncmp(name, "containerfile", 13) == 0 ||
        ends_with(name, "dockerfile")) {
        return ANALYSIS_KIND_DOCKERFILE;
    }
    bool listed = strstr(name, "requirement") != NULL || strstr(name, "constraints") != NULL ||
                  strncmp(name, "reqs", 4) == 0;
    if (listed &&
        (ends_with(name, ".txt") || ends_with(name, ".in") || strchr(name, '.') == NULL)) {
        return ANALYSIS_KIND_REQUIREMENTS;
    }
    return archive_format_of(name) != NULL ? ANALYSIS_KIND_BUNDLE
           : dataset_is_named(name)        ? ANALYSIS_KIND_DATASET
                                           : ANALYSIS_KIND_UNKNOWN;
}

enum analysis_kind kind_of_name(const char *name)
{
    char plain[1024];
    to_lower(name, plain, sizeof(plain));
    return by_name(plain);
}

static enum err_code refuse(const char *name, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "%.40s: %s; supported: %s", name, what,
                   analysis_supported_formats());
}

/* Text has no NUL byte and next to no other control bytes. Any encoding that keeps ASCII is fine. */
static bool is_text(struct bytes content)
{
    size_t controls = 0;
    for (size_t i = 0; i < content.size; i++) {
        uint8_t c = content.data[i];
        if (c == 0) {
            return false;
        }
        controls += c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' ? 1 : 0;
    }
    return controls <= content.size / 64;
}

static bool is_blank(struct bytes content)
{
    for (size_t i = 0; i < content.size; i++) {
        if (strchr(" \t\r\n\f", content.data[i]) == NULL || content.data[i] == 0) {
            return false;
        }
    }
    return true;
}

static const char *what_is(enum analysis_kind kind)
{
    return kind == ANALYSIS_KIND_PYTHON       ? "Python source"
           : kind == ANALYSIS_KIND_NOTEBOOK   ? "a notebook"
           : kind == ANALYSIS_KIND_DOCKERFILE ? "a Dockerfile"
           : kind == ANALYSIS_KIND_COMPOSE    ? "YAML"
           : kind == ANALYSIS_KIND_SHELL      ? "a shell script"
                                              : "requirements";
}

enum err_code kind_find(struct bytes content, const char *name,
                        const struct analysis_limits *limits, enum analysis_kind *ret,
                        struct err *err)
{
    char plain[1024];
    char what[96];
    to_lower(name, plain, sizeof(plain));
    if (content.size == 0 || (content.size < 4096 && is_blank(content))) {
        return refuse(name, "the file is empty", err);
    }
    enum analysis_kind kind = by_name(plain);
    if (kind == ANALYSIS_KIND_DATASET || kind == ANALYSIS_KIND_BUNDLE) {
        *ret = kind; /* of any size: its reader samples */
        return ERR_OK;
    }
    if (kind == ANALYSIS_KIND_UNKNOWN && first_line_names(content, "python")) {
        kind = ANALYSIS_KIND_PYTHON;
    } else if (kind == ANALYSIS_KIND_UNKNOWN && first_line_names(content, "sh")) {
        kind = ANALYSIS_KIND_SHELL;
    }
    size_t size_max =
        kind == ANALYSIS_KIND_NOTEBOOK ? limits->file_size_max : limits->source_size_max;
    if (kind != ANALYSIS_KIND_UNKNOWN && content.size > size_max) {
        return err_set(err, ERR_TOO_LARGE, "%.80s: %zu bytes of %s; at most %zu are read", name,
                       content.size, what_is(kind), size_max);
    }
    if (kind == ANALYSIS_KIND_UNKNOWN && ends_with(plain, ".txt") &&
        content.size <= limits->source_size_max && is_text(content) &&
        requirements_are_likely(content)) {
        kind = ANALYSIS_KIND_REQUIREMENTS;
    }
    if (kind == ANALYSIS_KIND_UNKNOWN) {
        for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
            if (ends_with(plain, unread[i].suffix)) {
                (void)snprintf(what, sizeof(what), "%s cannot be analysed yet", unread[i].what);
                return refuse(name, what, err);
            }
        }
        return refuse(name, "the format is not known", err);
    }
    /* A notebook's JSON is read strictly anyway. */
    if (kind != ANALYSIS_KIND_NOTEBOOK && !is_text(content)) {
        (void)snprintf(what, sizeof(what), "named like %s, but it is not text", what_is(kind));
        return refuse(name, what, err);
    }
    *ret = kind;
    return ERR_OK;
}
