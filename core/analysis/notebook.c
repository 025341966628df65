/* Two passes over the top level, because the kernel's language stands behind the cells; each cell is parsed by itself, so
 * that a broken one spoils no other. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/notebook.h"

#include "core/analysis/deadline.h"
#include "core/analysis/json_scan.h"
#include "core/analysis/python.h"
#include "core/analysis/shell.h"

#include <string.h>

#define TITLES_MAX 12
#define KEY_SIZE 32

struct cells {
    struct notebook *notebook;
    struct facts_writer *facts;
    const struct analysis_limits *limits;
    struct deadline deadline;
    struct buf code; /* of one cell, its magics taken out */
    uint32_t titles;
    size_t count;
};

void notebook_init(struct notebook *notebook, const struct analysis_limits *limits)
{
    *notebook = (struct notebook){0};
    buf_init(&notebook->text, limits->source_size_max);
    buf_init(&notebook->lines, limits->source_size_max * sizeof(uint32_t) + 64);
}

void notebook_deinit(struct notebook *notebook)
{
    buf_deinit(&notebook->text);
    buf_deinit(&notebook->lines);
}

static uint32_t line_count(const struct notebook *notebook)
{
    return (uint32_t)(notebook->lines.size / sizeof(uint32_t));
}

uint32_t notebook_file_line(const struct notebook *notebook, uint32_t line)
{
    uint32_t file_line = 0;
    if (line == 0 || line > line_count(notebook)) {
        return 0;
    }
    memcpy(&file_line, notebook->lines.data + (line - 1) * sizeof(file_line), sizeof(file_line));
    return file_line;
}

/* ── the text of a cell ────────────────────────────────────────────────────────────────────────── */

static void begin_line(struct notebook *notebook, uint32_t file_line)
{
    buf_append(&notebook->lines, &file_line, sizeof(file_line));
}

/* A string of `source`, to the end of the text. Every line of it stands in the file's line of the string. */
static void append_string(struct cells *cells, struct json_scan *scan, bool begins)
{
    struct notebook *notebook = cells->notebook;
    size_t start = notebook->text.size;
    (void)json_scan_peek(scan);
    uint32_t file_line = scan->line;
    if (!json_scan_string(scan, &notebook->text)) {
        return;
    }
    if (begins) {
        begin_line(notebook, file_line);
    } else if (start > 0 && notebook->text.data[start - 1] == '\n') {
        /* The line before ended the last string: it was begun with that one's number. */
        uint32_t at = line_count(notebook) - 1;
        memcpy(notebook->lines.data + at * sizeof(file_line), &file_line, sizeof(file_line));
    }
    for (size_t i = start; i < notebook->text.size; i++) {
        if (notebook->text.data[i] == '\n') {
            begin_line(notebook, file_line);
        }
    }
}

/* `source`: a string, or a list of strings. The text always ends with a line end. */
static void append_source(struct cells *cells, struct json_scan *scan)
{
    bool first = true;
    if (json_scan_peek(scan) == '"') {
        append_string(cells, scan, true);
        first = false;
    } else if (json_scan_take(scan, '[')) {
        bool begins = true;
        while (json_scan_item(scan, &first)) {
            append_string(cells, scan, begins);
            begins = false;
        }
        first = begins;
    }
    if (!first) {
        buf_append_byte(&cells->notebook->text, '\n');
    }
}

/* ── magics ────────────────────────────────────────────────────────────────────────────────────── */

static size_t blanks(struct bytes text)
{
    size_t size = 0;
    while (size < text.size && (text.data[size] == ' ' || text.data[size] == '\t')) {
        size++;
    }
    return size;
}

static bool is_letter(struct bytes text, size_t at)
{
    return at < text.size && ((text.data[at] | 0x20) >= 'a' && (text.data[at] | 0x20) <= 'z');
}

static bool begins_with_word(struct bytes text, const char *word)
{
    return bytes_starts_with(text, word) && !is_letter(text, strlen(word));
}

static bool is_one_of(struct bytes text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (begins_with_word(text, *list)) {
            return true;
        }
    }
    return false;
}

static size_t line_size(struct bytes text)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '\n') {
        size++;
    }
    return size;
}

/* The same number of bytes in which nothing happens. */
static void idle(struct bytes line, size_t from)
{
    uint8_t *at = (uint8_t *)(uintptr_t)line.data + from;
    size_t size = line.size - from;
    memset(at, ' ', size);
    static const char pass[4] = {'p', 'a', 's', 's'};
    if (size >= sizeof(pass)) {
        memcpy(at, pass, sizeof(pass));
    } else if (size > 0) {
        at[0] = '0';
    }
}

/* The part of `line` that is shell, when it is a magic or shell line; its position in it. */
static bool is_magic(struct bytes line, size_t *ret_from, bool *ret_is_shell)
{
    size_t from = blanks(line);
    struct bytes said = bytes_from(line, from);
    static const char *const shell[] = {"%pip", "%conda", "%mamba", "%sx", "%sh", NULL};
    if (said.size == 0) {
        return false;
    }
    *ret_from = from;
    *ret_is_shell = said.data[0] == '!' || is_one_of(said, shell);
    return said.data[0] == '!' || said.data[0] == '?' ||
           (said.data[0] == '%' && (is_letter(said, 1) || said.size == 1));
}

/* `files = !ls` and `x = %magic`: the value becomes 0. */
static void idle_value(struct bytes line)
{
    for (size_t i = 0; i + 3 < line.size; i++) {
        if (line.data[i] == '#' || line.data[i] == '"' || line.data[i] == '\'') {
            return;
        }
        bool magic = line.data[i + 2] == '!' || (line.data[i + 2] == '%' && is_letter(line, i + 3));
        if (line.data[i] == '=' && line.data[i + 1] == ' ' && magic) {
            uint8_t *at = (uint8_t *)(uintptr_t)line.data + i + 2;
            memset(at, ' ', line.size - i - 2);
            at[0] = '0';
            return;
        }
    }
}

/* Python behind the magics; what they run is read as shell. `code` is changed in place, its size is not. */
static void take_magics_out(struct cells *cells, struct bytes code, struct fact_place at)
{
    for (size_t i = 0; i < code.size;) {
        struct bytes line = bytes_of(code.data + i, line_size(bytes_from(code, i)));
        size_t from = 0;
        bool is_shell = false;
        struct fact_place here = {.offset = at.offset + (uint32_t)i, .line = at.line};
        at.line++;
        i += line.size + 1;
        if (!is_magic(line, &from, &is_shell)) {
            idle_value(line);
            continue;
        }
        while (line.size > 0 && line.data[line.size - 1] == '\\' && i < code.size) {
            size_t more = line_size(bytes_from(code, i));
            line.size += 1 + more;
            i += more + 1;
            at.line++;
        }
        if (is_shell) {
            here.offset += (uint32_t)from + 1;
            shell_read(cells->facts, here, bytes_from(line, from + 1));
        }
        for (size_t done = 0; done < line.size;) { /* line ends stay */
            struct bytes part = bytes_from(line, done);
            part.size = line_size(part);
            idle(part, done == 0 ? from : 0);
            if (done > 0) { /* the next lines of it stand where they stand: no indented `pass` */
                memset((uint8_t *)(uintptr_t)part.data, ' ', part.size);
            }
            done += part.size + 1;
        }
    }
}

/* ── cells ─────────────────────────────────────────────────────────────────────────────────────── */

/* All cells have the time of one file; a cell alone has what the others left. */
static enum err_code too_late(const struct cells *cells, struct err *err)
{
    return err_set(err, ERR_TIMEOUT, "reading the notebook's cells takes longer than %u ms",
                   cells->limits->parse_time_max_ms);
}

static enum err_code read_python(struct cells *cells, struct bytes code, struct fact_place at,
                                 struct err *err)
{
    struct analysis_limits limits = *cells->limits;
    limits.parse_time_max_ms = deadline_left_ms(cells->deadline);
    if (limits.parse_time_max_ms == 0) {
        return too_late(cells, err);
    }
    struct python_piece piece = {.source = code, .offset = at.offset, .line = at.line};
    enum err_code read = python_read(piece, &limits, cells->facts, err);
    return read == ERR_TIMEOUT ? too_late(cells, err) : read;
}

static enum err_code code_cell(struct cells *cells, struct bytes text, struct fact_place at,
                               struct err *err)
{
    static const char *const python[] = {"%%time",     "%%timeit", "%%capture", "%%prun",
                                         "%%python",   "%%px",     "%%memit",   "%%debug",
                                         "%%snapshot", "%%skip",   NULL};
    static const char *const shell[] = {"%%bash", "%%sh",  "%%shell", "%%script bash",
                                        "%%!",    "%%cmd", NULL};
    size_t lead = blanks(text);
    while (lead < text.size && text.data[lead] == '\n') {
        lead++;
        lead += blanks(bytes_from(text, lead));
    }
    struct bytes said = bytes_from(text, lead);
    buf_clear(&cells->code);
    buf_append_bytes(&cells->code, text);
    struct bytes code = buf_bytes(&cells->code);
    if (bytes_starts_with(said, "%%")) {
        size_t first = line_size(said);
        struct bytes head = bytes_of(said.data, first);
        bool is_python_file = begins_with_word(said, "%%writefile") && first >= 3 &&
                              memcmp(head.data + first - 3, ".py", 3) == 0;
        if (is_one_of(said, shell)) {
            size_t skip = lead + first;
            shell_read(cells->facts,
                       (struct fact_place){.offset = at.offset + (uint32_t)skip, .line = at.line},
                       bytes_from(text, skip));
            return ERR_OK;
        }
        if (!is_one_of(said, python) && !is_python_file) {
            return ERR_OK; /* HTML, JavaScript, another language */
        }
        memset((uint8_t *)(uintptr_t)code.data + lead, ' ', first);
    }
    take_magics_out(cells, code, at);
    return read_python(cells, code, at, err);
}

static void markdown_cell(struct cells *cells, struct bytes text, struct fact_place at)
{
    bool fenced = false;
    for (size_t i = 0; i < text.size && cells->titles < TITLES_MAX;) {
        struct bytes line = bytes_of(text.data + i, line_size(bytes_from(text, i)));
        fenced = fenced != bytes_starts_with(line, "```");
        size_t hashes = 0;
        while (hashes < line.size && line.data[hashes] == '#') {
            hashes++;
        }
        if (!fenced && hashes > 0 && hashes < 4 && hashes < line.size) {
            facts_name(cells->facts,
                       (struct fact_place){.offset = at.offset + (uint32_t)i, .line = at.line},
                       FACT_TITLE, bytes_from(line, hashes), bytes_of_text(""),
                       cells->titles == 0 ? 1 : 2);
            cells->titles++;
        }
        i += line.size + 1;
        at.line++;
    }
}

static enum err_code read_cell(struct cells *cells, struct json_scan *scan, struct err *err)
{
    char key[KEY_SIZE];
    char type[KEY_SIZE] = "";
    char language[KEY_SIZE] = "python";
    struct json_scan source = {0};
    bool has_source = false;
    bool first = true;
    struct buf word;
    if (!json_scan_take(scan, '{')) {
        return ERR_OK; /* told by the caller */
    }
    buf_init(&word, 4096);
    while (json_scan_key(scan, &first, key, sizeof(key))) {
        bool is_type = strcmp(key, "cell_type") == 0;
        if ((is_type || strcmp(key, "language") == 0) && json_scan_peek(scan) == '"') {
            buf_clear(&word);
            if (json_scan_string(scan, &word)) {
                char *to = is_type ? type : language;
                size_t size = word.size < KEY_SIZE - 1 ? word.size : KEY_SIZE - 1;
                memcpy(to, buf_text(&word), size);
                to[size] = '\0';
            }
            continue;
        }
        if (strcmp(key, "source") == 0 || strcmp(key, "input") == 0) {
            (void)json_scan_peek(scan);
            source = *scan;
            has_source = true;
        }
        json_scan_skip(scan);
    }
    buf_deinit(&word);
    bool is_code = strcmp(type, "code") == 0 && strcmp(language, "python") == 0;
    bool is_heading = strcmp(type, "heading") == 0;
    if (scan->failed != NULL || !has_source ||
        (!is_code && !is_heading && strcmp(type, "markdown") != 0)) {
        return ERR_OK;
    }
    cells->count++;
    struct fact_place at = {.offset = (uint32_t)cells->notebook->text.size,
                            .line = line_count(cells->notebook) + 1};
    append_source(cells, &source);
    if (source.failed != NULL) {
        scan->failed = source.failed;
        return ERR_OK;
    }
    if (cells->notebook->text.failed) {
        return err_set(err, ERR_TOO_LARGE, "more than %zu bytes of code and text in a notebook",
                       cells->limits->source_size_max);
    }
    struct bytes text = bytes_from(buf_bytes(&cells->notebook->text), at.offset);
    if (is_code && cells->notebook->language[0] == '\0') {
        return code_cell(cells, text, at, err);
    }
    if (is_heading && cells->titles < TITLES_MAX) {
        facts_name(cells->facts, at, FACT_TITLE, bytes_of(text.data, line_size(text)),
                   bytes_of_text(""), cells->titles == 0 ? 1 : 2);
        cells->titles++;
    } else if (!is_code) {
        markdown_cell(cells, text, at);
    }
    return ERR_OK;
}

static enum err_code read_cells(struct cells *cells, struct json_scan *scan, struct err *err)
{
    bool first = true;
    enum err_code code = ERR_OK;
    if (!json_scan_take(scan, '[')) {
        return ERR_OK;
    }
    while (code == ERR_OK && json_scan_item(scan, &first)) {
        code = read_cell(cells, scan, err);
    }
    return code;
}

/* nbformat 3: {"worksheets": [{"cells": […]}]} */
static enum err_code read_worksheets(struct cells *cells, struct json_scan *scan, struct err *err)
{
    bool first = true;
    enum err_code code = ERR_OK;
    if (!json_scan_take(scan, '[')) {
        return ERR_OK;
    }
    while (code == ERR_OK && json_scan_item(scan, &first)) {
        char key[KEY_SIZE];
        bool first_key = true;
        if (!json_scan_take(scan, '{')) {
            break;
        }
        while (code == ERR_OK && json_scan_key(scan, &first_key, key, sizeof(key))) {
            if (strcmp(key, "cells") == 0) {
                code = read_cells(cells, scan, err);
            } else {
                json_scan_skip(scan);
            }
        }
    }
    return code;
}

/* metadata.kernelspec.language, metadata.language_info.name */
static void read_language(struct notebook *notebook, struct json_scan *scan)
{
    char key[KEY_SIZE];
    bool first = true;
    if (json_scan_peek(scan) != '{' || !json_scan_take(scan, '{')) {
        json_scan_skip(scan);
        return;
    }
    while (json_scan_key(scan, &first, key, sizeof(key))) {
        const char *wanted = strcmp(key, "kernelspec") == 0      ? "language"
                             : strcmp(key, "language_info") == 0 ? "name"
                                                                 : NULL;
        if (wanted == NULL || json_scan_peek(scan) != '{' || !json_scan_take(scan, '{')) {
            json_scan_skip(scan);
            continue;
        }
        bool first_inner = true;
        while (json_scan_key(scan, &first_inner, key, sizeof(key))) {
            if (strcmp(key, wanted) != 0 || json_scan_peek(scan) != '"') {
                json_scan_skip(scan);
                continue;
            }
            struct buf word;
            buf_init(&word, 4096);
            if (json_scan_string(scan, &word) && word.size > 0 &&
                strstr(buf_text(&word), "ython") == NULL) {
                size_t size = word.size < sizeof(notebook->language) - 1
                                  ? word.size
                                  : sizeof(notebook->language) - 1;
                for (size_t i = 0; i < size; i++) {
                    char c = buf_text(&word)[i];
                    notebook->language[i] = (char)(c > ' ' && c <= '~' ? c : '?');
                }
                notebook->language[size] = '\0';
            }
            buf_deinit(&word);
        }
    }
}

enum err_code notebook_read(struct notebook *notebook, struct bytes file,
                            const struct analysis_limits *limits, struct facts_writer *writer,
                            struct err *err)
{
    struct json_scan scan;
    struct json_scan cells_at = {0};
    struct json_scan sheets_at = {0};
    char key[KEY_SIZE];
    bool first = true;
    enum err_code code = ERR_OK;

    json_scan_init(&scan, file);
    if (json_scan_take(&scan, '{')) {
        while (json_scan_key(&scan, &first, key, sizeof(key))) {
            if (strcmp(key, "metadata") == 0) {
                read_language(notebook, &scan);
                continue;
            }
            (void)json_scan_peek(&scan);
            cells_at = strcmp(key, "cells") == 0 ? scan : cells_at;
            sheets_at = strcmp(key, "worksheets") == 0 ? scan : sheets_at;
            json_scan_skip(&scan);
        }
    }
    struct cells cells = {.notebook = notebook, .facts = writer, .limits = limits};
    cells.deadline = deadline_in(limits->parse_time_max_ms);
    buf_init(&cells.code, limits->source_size_max);
    if (scan.failed == NULL && cells_at.text.data != NULL) {
        scan = cells_at;
        code = read_cells(&cells, &scan, err);
    } else if (scan.failed == NULL && sheets_at.text.data != NULL) {
        scan = sheets_at;
        code = read_worksheets(&cells, &scan, err);
    } else if (scan.failed == NULL) {
        code = err_set(err, ERR_INVALID, "JSON, but no notebook: it has no `cells`");
    }
    if (code == ERR_OK && scan.failed != NULL) {
        code = err_set(err, ERR_INVALID, "no notebook: not JSON at line %u, byte %zu: %s",
                       scan.line, scan.at, scan.failed);
    }
    if (code == ERR_OK && writer->out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for what the notebook says");
    }
    buf_deinit(&cells.code);
    return code;
}
