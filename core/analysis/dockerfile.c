/* Line by line: an instruction and its continuation lines are one text, with line ends kept so that lines can be counted. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/dockerfile.h"

#include "core/analysis/packages.h"
#include "core/analysis/shell.h"

#include <string.h>

#define VARIABLES_MAX 128
#define STAGES_MAX 32
#define INSTRUCTION_MAX ((size_t)256 << 10)
#define EXPANDED_MAX ((size_t)2048)
#define DELIMITER_MAX 64

struct variable {
    const char *name;
    const char *value;
};

struct docker {
    struct facts_writer *facts;
    struct bytes text;
    size_t at;          /* of the next line */
    uint32_t next_line; /* 1-based number of the line at `at` */
    uint8_t escape;
    struct variable variables[VARIABLES_MAX];
    size_t variable_count;
    const char *stages[STAGES_MAX];
    size_t stage_count;
    size_t from_count;
    struct buf instruction;
    struct buf expanded;
    struct fact_place place; /* of the instruction */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = bytes_from(text, 1);
    }
    while (text.size > 0 &&
           (is_blank(text.data[text.size - 1]) || text.data[text.size - 1] == '\n')) {
        text.size--;
    }
    return text;
}

static bool take_line(struct docker *docker, struct bytes *ret)
{
    if (docker->at >= docker->text.size) {
        return false;
    }
    size_t end = docker->at;
    while (end < docker->text.size && docker->text.data[end] != '\n') {
        end++;
    }
    *ret = bytes_of(docker->text.data + docker->at, end - docker->at);
    docker->at = end + 1;
    docker->next_line++;
    return true;
}

static struct bytes first_word(struct bytes text)
{
    size_t size = 0;
    while (size < text.size && !is_blank(text.data[size]) && text.data[size] != '\n') {
        size++;
    }
    return bytes_of(text.data, size);
}

static bool same_word(struct bytes text, const char *word)
{
    size_t size = strlen(word);
    if (text.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'a' && c <= 'z' ? c - 32 : c) != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *value_of(const struct docker *docker, struct bytes name)
{
    for (size_t i = docker->variable_count; i > 0; i--) {
        if (bytes_equal(bytes_of_text(docker->variables[i - 1].name), name)) {
            return docker->variables[i - 1].value;
        }
    }
    return NULL;
}

/* `text` with its variables replaced, once: a value is not looked into again. Borrowed until the next call. */
static struct bytes expand(struct docker *docker, struct bytes text)
{
    struct buf *out = &docker->expanded;
    buf_clear(out);
    for (size_t i = 0; i < text.size && out->size < EXPANDED_MAX;) {
        if (text.data[i] != '$' || i + 1 >= text.size) {
            buf_append_byte(out, text.data[i++]);
            continue;
        }
        bool braces = text.data[i + 1] == '{';
        size_t start = i + (braces ? 2 : 1);
        size_t end = start;
        while (end < text.size && is_name(text.data[end])) {
            end++;
        }
        const char *value = value_of(docker, bytes_of(text.data + start, end - start));
        size_t rest = end;
        while (braces && rest < text.size && text.data[rest] != '}') {
            rest++;
        }
        if (value != NULL) {
            buf_append_text(out, value);
        } else if (braces && end + 2 <= rest && text.data[end] == ':' &&
                   text.data[end + 1] == '-') {
            buf_append(out, text.data + end + 2, rest - end - 2);
        }
        i = braces && rest < text.size ? rest + 1 : end;
        i = end == start && !braces ? start : i; /* a lone '$' */
    }
    return buf_bytes(out);
}

static void set_variable(struct docker *docker, struct bytes name, struct bytes value)
{
    value = trim(value);
    if (value.size >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
        value.data[value.size - 1] == value.data[0]) {
        value = bytes_of(value.data + 1, value.size - 2);
    }
    if (docker->variable_count < VARIABLES_MAX && name.size > 0) {
        struct variable *variable = &docker->variables[docker->variable_count++];
        variable->name = facts_keep(docker->facts, name);
        variable->value = facts_keep(docker->facts, expand(docker, value));
    }
}

/* `ARG name=value`, `ENV a=1 b=2`, `ENV name value` */
static void assign(struct docker *docker, struct bytes rest, bool is_env)
{
    struct bytes first = first_word(rest);
    size_t equals = 0;
    while (equals < first.size && first.data[equals] != '=') {
        equals++;
    }
    if (equals == first.size) {
        if (is_env && first.size < rest.size) {
            set_variable(docker, first, bytes_from(rest, first.size));
        }
        return;
    }
    while (rest.size > 0) {
        struct bytes word = first_word(rest);
        equals = 0;
        while (equals < word.size && word.data[equals] != '=') {
            equals++;
        }
        if (equals < word.size) {
            struct bytes name = bytes_of(word.data, equals);
            set_variable(docker, name, bytes_from(word, equals + 1));
            if (same_word(name, "NVIDIA_VISIBLE_DEVICES")) {
                packages_add_gpus(docker->facts, docker->place, 1);
            }
            shell_literal(docker->facts, docker->place, name,
                          bytes_of_text(docker->variable_count == 0
                                            ? ""
                                            : docker->variables[docker->variable_count - 1].value),
                          ANALYSIS_SOURCE_ENV);
        }
        rest = bytes_from(rest, word.size);
        while (rest.size > 0 && (is_blank(rest.data[0]) || rest.data[0] == '\n')) {
            rest = bytes_from(rest, 1);
        }
    }
}

static void from(struct docker *docker, struct bytes rest)
{
    struct bytes word = first_word(rest);
    while (bytes_starts_with(word, "--")) { /* --platform=… */
        rest = trim(bytes_from(rest, word.size));
        word = first_word(rest);
    }
    struct bytes image = expand(docker, word);
    bool is_stage = same_word(image, "SCRATCH");
    for (size_t i = 0; i < docker->stage_count; i++) {
        is_stage = is_stage || bytes_equal(bytes_of_text(docker->stages[i]), image);
    }
    struct facts *facts = &docker->facts->facts;
    docker->from_count++;
    facts->image = NULL;
    if (!is_stage) {
        const char *kept = facts_keep(docker->facts, image);
        packages_add_image(docker->facts, docker->place, bytes_of_text(kept));
        bool const is_said = docker->from_count == 1 && word.size > 0 &&
                             image.size <= FACT_TEXT_MAX &&
                             memchr(word.data, '$', word.size) == NULL;
        facts->image = is_said ? kept : NULL;
        facts->image_offset = docker->facts->base.offset + docker->place.offset;
        facts->image_line = docker->facts->base.line + docker->place.line;
    }
    rest = trim(bytes_from(rest, word.size));
    if (same_word(first_word(rest), "AS") && docker->stage_count < STAGES_MAX) {
        struct bytes name = first_word(trim(bytes_from(rest, 2)));
        docker->stages[docker->stage_count++] = facts_keep(docker->facts, name);
        facts_name(docker->facts, docker->place, FACT_COMMAND, name, bytes_of_text("stage"), 0);
    }
}

/* An address that is only fetched says little about the job. */
static bool has_scheme(struct bytes word)
{
    return bytes_starts_with(word, "http://") || bytes_starts_with(word, "https://");
}

static void words(struct docker *docker, struct bytes rest, const char *what)
{
    while (rest.size > 0) {
        struct bytes word = first_word(rest);
        if (word.size > 0 && word.data[0] != '-' && !has_scheme(word)) {
            facts_name(docker->facts, docker->place, FACT_COMMAND, expand(docker, word),
                       bytes_of_text(what), 0);
        }
        rest = bytes_from(rest, word.size);
        while (rest.size > 0 && (is_blank(rest.data[0]) || rest.data[0] == '\n')) {
            rest = bytes_from(rest, 1);
        }
    }
}

/* `["python", "serve.py"]` as a shell line; the brackets and commas become blanks. */
static void start(struct docker *docker, struct bytes rest)
{
    bool exec_form = rest.size > 0 && rest.data[0] == '[';
    buf_clear(&docker->expanded);
    bool quoted = false;
    for (size_t i = 0; i < rest.size && docker->expanded.size < EXPANDED_MAX; i++) {
        uint8_t c = rest.data[i];
        quoted = c == '"' ? !quoted : quoted;
        buf_append_byte(&docker->expanded,
                        exec_form && !quoted && (c == '[' || c == ']' || c == ',') ? ' ' : c);
    }
    struct bytes line = buf_bytes(&docker->expanded);
    shell_read(docker->facts, docker->place, line);
}

/* Lines of `RUN <<EOF` up to EOF. Returns their text as it stands in the file. */
static struct bytes heredoc(struct docker *docker, struct bytes rest)
{
    size_t at = 0;
    while (at + 2 < rest.size && !(rest.data[at] == '<' && rest.data[at + 1] == '<')) {
        at++;
    }
    if (at + 2 >= rest.size) {
        return bytes_of("", 0);
    }
    struct bytes word = bytes_from(rest, at + 2);
    while (word.size > 0 && (word.data[0] == '-' || word.data[0] == '"' || word.data[0] == '\'')) {
        word = bytes_from(word, 1);
    }
    size_t size = 0;
    while (size < word.size && size < DELIMITER_MAX && is_name(word.data[size])) {
        size++;
    }
    word.size = size;
    if (size == 0) {
        return bytes_of("", 0);
    }
    size_t first = docker->at < docker->text.size ? docker->at : docker->text.size;
    size_t end = first;
    struct bytes line;
    while (take_line(docker, &line)) {
        if (bytes_equal(trim(line), word)) {
            break;
        }
        end = docker->at < docker->text.size ? docker->at : docker->text.size;
    }
    return bytes_of(docker->text.data + first, end - first);
}

static void run(struct docker *docker, struct bytes rest)
{
    while (bytes_starts_with(rest, "--")) { /* --mount=…, --network=… */
        rest = trim(bytes_from(rest, first_word(rest).size));
    }
    if (rest.size > 0 && rest.data[0] == '[') {
        start(docker, rest);
        return;
    }
    uint32_t line = docker->next_line;
    size_t offset = docker->at;
    struct bytes script = heredoc(docker, rest);
    if (script.size > 0) {
        shell_read(docker->facts, (struct fact_place){.offset = (uint32_t)offset, .line = line},
                   script);
    } else {
        shell_read(docker->facts, docker->place, rest);
    }
}

static void instruction(struct docker *docker, struct bytes text)
{
    text = trim(text);
    struct bytes name = first_word(text);
    struct bytes rest = trim(bytes_from(text, name.size));
    if (same_word(name, "ONBUILD")) {
        name = first_word(rest);
        rest = trim(bytes_from(rest, name.size));
    }
    if (same_word(name, "FROM")) {
        from(docker, rest);
    } else if (same_word(name, "ARG") || same_word(name, "ENV")) {
        assign(docker, rest, same_word(name, "ENV"));
    } else if (same_word(name, "RUN")) {
        run(docker, rest);
    } else if (same_word(name, "CMD") || same_word(name, "ENTRYPOINT")) {
        facts_name(docker->facts, docker->place, FACT_COMMAND, name, bytes_of_text("starts"), 0);
        start(docker, rest);
    } else if (same_word(name, "WORKDIR") || same_word(name, "COPY") || same_word(name, "ADD") ||
               same_word(name, "LABEL")) {
        words(docker, rest, "path");
        (void)heredoc(docker, rest);
    } else if (same_word(name, "EXPOSE")) {
        facts_name(docker->facts, docker->place, FACT_COMMAND, name, bytes_of_text("starts"), 0);
    }
}

static bool is_comment(struct bytes line)
{
    line = trim(line);
    return line.size > 0 && line.data[0] == '#';
}

enum err_code dockerfile_read(struct facts_writer *writer, struct bytes text, struct err *err)
{
    struct docker docker = {.facts = writer, .text = text, .next_line = 1, .escape = '\\'};
    struct bytes line = {0};
    bool open = false;
    buf_init(&docker.instruction, INSTRUCTION_MAX);
    buf_init(&docker.expanded, 2 * EXPANDED_MAX);
    for (;;) {
        size_t offset = docker.at;
        uint32_t number = docker.next_line;
        bool more = take_line(&docker, &line);
        if (more && is_comment(line)) { /* also between the lines of one instruction */
            struct bytes said = trim(bytes_from(trim(line), 1));
            if (docker.from_count == 0 && bytes_starts_with(said, "escape=`")) {
                docker.escape = '`';
            }
            if (open) {
                buf_append_text(&docker.instruction, "\\\n");
            }
            continue;
        }
        struct bytes trimmed = more ? trim(line) : bytes_of("", 0);
        if (!open && more) {
            docker.place = (struct fact_place){.offset = (uint32_t)offset, .line = number};
        }
        bool goes_on = trimmed.size > 0 && trimmed.data[trimmed.size - 1] == docker.escape;
        struct bytes kept =
            goes_on ? bytes_of(line.data, (size_t)(trimmed.data - line.data) + trimmed.size - 1)
                    : (more ? line : trimmed);
        buf_append_bytes(&docker.instruction, kept);
        open = more && (goes_on || (open && trimmed.size == 0));
        if (open) {
            /* As the shell continues a line, so that it can count lines. */
            buf_append_text(&docker.instruction, "\\\n");
            continue;
        }
        if (docker.instruction.failed) {
            writer->facts.cut = true;
        }
        instruction(&docker, buf_bytes(&docker.instruction));
        buf_clear(&docker.instruction);
        if (!more) {
            break;
        }
    }
    enum err_code code = ERR_OK;
    if (docker.from_count == 0) {
        code = err_set(err, ERR_INVALID, "named like a Dockerfile, but it has no FROM instruction");
    }
    buf_deinit(&docker.instruction);
    buf_deinit(&docker.expanded);
    return code;
}
