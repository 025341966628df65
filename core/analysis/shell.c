/* Splits into simple commands of at most WORDS_MAX words; what stands beyond in one command is not looked at. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/shell.h"

#include "core/analysis/cuda.h"
#include "core/analysis/packages.h"
#include "core/analysis/python.h"
#include "core/base/text.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 256
#define WORD_MAX 512 /* bytes of a word that are kept */

struct word {
    const char *text;
    size_t size;
    struct fact_place at;
    bool quoted;
};

struct command {
    struct facts_writer *facts;
    struct word words[WORDS_MAX];
    size_t count;
    char text[WORDS_MAX *
              64]; /* the words, one behind the other; a full buffer ends the command's words */
    size_t size;
};

static bool word_is(const struct word *word, const char *text)
{
    return strcmp(word->text, text) == 0;
}

static struct bytes bytes_of_word(const struct word *word)
{
    return bytes_of(word->text, word->size);
}

/* "python3.10" of "/usr/bin/python3.10" */
static const char *program_of(const struct word *word)
{
    const char *slash = strrchr(word->text, '/');
    return slash == NULL ? word->text : slash + 1;
}

/* In a notebook's `!` line also `{sys.executable}`. */
static bool is_python(const char *program)
{
    return strcmp(program, "{sys.executable}") == 0 ||
           (strncmp(program, "python", 6) == 0 &&
            strspn(program + 6, "0123456789.") == strlen(program + 6));
}

static bool is_pip(const char *program)
{
    return strncmp(program, "pip", 3) == 0 &&
           strspn(program + 3, "0123456789.") == strlen(program + 3);
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, text) == 0) {
            return true;
        }
    }
    return false;
}

void shell_literal(struct facts_writer *writer, struct fact_place at, struct bytes name,
                   struct bytes value, enum analysis_source source)
{
    char number[48];
    bool negative = value.size > 1 && value.data[0] == '-';
    bool is_number = python_number(bytes_from(value, negative ? 1 : 0), negative, number);
    if (value.size == 0 || value.size > FACT_TEXT_MAX || name.size == 0) {
        return;
    }
    facts_literal(writer, at, name, facts_keep(writer, is_number ? bytes_of_text(number) : value),
                  is_number, source);
}

/* A folder, a file or a variable: what it installs is not said. */
static void add_unnamed(struct command *command, const struct word *word)
{
    facts_name(command->facts, word->at, FACT_COMMAND, bytes_of_text("."), bytes_of_text("-r"), 0);
}

/* `-r` alone or behind other letters: `-qr requirements.txt`. */
static bool is_file_option(const struct word *word)
{
    return word->size >= 2 && word->text[0] == '-' && word->text[1] != '-' &&
           word->text[word->size - 1] == 'r' && strchr(word->text, '=') == NULL;
}

/* Packages named behind `install`: what is no option and no value of one. */
static void add_packages(struct command *command, size_t from)
{
    static const char *const with_value[] = {"--requirement",
                                             "-c",
                                             "--constraint",
                                             "-f",
                                             "--find-links",
                                             "-i",
                                             "--index-url",
                                             "--extra-index-url",
                                             "-t",
                                             "--target",
                                             "--channel",
                                             "-n",
                                             "--name",
                                             "--prefix",
                                             "-p",
                                             "--python",
                                             "--trusted-host",
                                             "--root",
                                             NULL};
    for (size_t i = from; i < command->count; i++) {
        const struct word *word = &command->words[i];
        if (is_one_of(word->text, with_value) || is_file_option(word)) {
            i++;
            if (i < command->count) {
                facts_name(command->facts, command->words[i].at, FACT_COMMAND,
                           bytes_of_word(&command->words[i]), bytes_of_text("-r"), 0);
                cuda_add(command->facts, command->words[i].at, bytes_of_word(&command->words[i]));
            }
        } else if (word->text[0] == '.' || word->text[0] == '/' || word->text[0] == '$') {
            add_unnamed(command, word);
        } else if (word->text[0] != '-') {
            packages_add(command->facts, word->at, bytes_of_word(word));
        }
    }
}

/* `--name value`, `--name=value` and Hydra's `name=value` of a program that is started. */
static void add_arguments(struct command *command, size_t from)
{
    for (size_t i = from; i < command->count; i++) {
        const struct word *word = &command->words[i];
        const char *equals = strchr(word->text, '=');
        if (word->text[0] == '-' && equals == NULL && i + 1 < command->count &&
            command->words[i + 1].text[0] != '$') {
            const struct word *value = &command->words[i + 1];
            shell_literal(command->facts, word->at, bytes_of_word(word), bytes_of_word(value),
                          ANALYSIS_SOURCE_COMMAND);
        } else if (equals != NULL && equals[1] != '$') {
            size_t size = (size_t)(equals - word->text);
            shell_literal(command->facts, word->at, bytes_of(word->text, size),
                          bytes_of(equals + 1, word->size - size - 1), ANALYSIS_SOURCE_COMMAND);
        }
        if (word->text[0] != '$' && strstr(word->text, "://") == NULL) {
            facts_name(command->facts, word->at, FACT_COMMAND, bytes_of_word(word),
                       bytes_of_text("run"), 0);
        }
    }
}

static void add_gpus_option(struct command *command, size_t from)
{
    static const char *const options[] = {"--gpus",          "--nproc_per_node", "--nproc-per-node",
                                          "--num_processes", "--num_gpus",       NULL};
    for (size_t i = from; i < command->count; i++) {
        const struct word *word = &command->words[i];
        const char *value = word_is(word, "--runtime=nvidia") ? "1" : NULL;
        for (size_t k = 0; options[k] != NULL; k++) {
            size_t size = strlen(options[k]);
            if (strncmp(word->text, options[k], size) != 0) {
                continue;
            }
            if (word->text[size] == '=') {
                value = word->text + size + 1;
            } else if (word->text[size] == '\0' && i + 1 < command->count) {
                value = command->words[i + 1].text;
            }
        }
        if (value != NULL) {
            unsigned long count = strtoul(value, NULL, 10);
            packages_add_gpus(command->facts, word->at, count < 1024 ? (uint32_t)count : 1024);
        }
    }
}

static void run_command(struct command *command)
{
    static const char *const before[] = {"sudo",  "env", "time", "nohup",  "exec", "command",
                                         "then",  "do",  "else", "if",     "{",    "(",
                                         "while", "!",   "srun", "mpirun", NULL};
    static const char *const fetchers[] = {"curl", "wget", "aria2c", "gdown", NULL};
    static const char *const quiet[] = {"apt-get",
                                        "apt",
                                        "apk",
                                        "yum",
                                        "dnf",
                                        "rm",
                                        "mkdir",
                                        "chmod",
                                        "chown",
                                        "ln",
                                        "export",
                                        "set",
                                        "cd",
                                        "ls",
                                        "find",
                                        "sed",
                                        "tar",
                                        "unzip",
                                        "update-alternatives",
                                        NULL};
    static const char *const launchers[] = {"torchrun", "accelerate", "deepspeed", "horovodrun",
                                            "vllm",     "streamlit",  "uvicorn",   "gunicorn",
                                            "jupyter",  "mlflow",     "docker",    "bash",
                                            "sh",       "composer",   NULL};
    size_t at = 0;
    while (at < command->count) {
        const struct word *word = &command->words[at];
        const char *equals = strchr(word->text, '=');
        if (equals != NULL && equals > word->text && word->text[0] != '-' && !word->quoted &&
            strchr(word->text, '/') != word->text) {
            size_t size = (size_t)(equals - word->text);
            shell_literal(command->facts, word->at, bytes_of(word->text, size),
                          bytes_of(equals + 1, word->size - size - 1), ANALYSIS_SOURCE_ENV);
        } else if (!is_one_of(word->text, before)) {
            break;
        }
        at++;
    }
    if (at >= command->count) {
        return;
    }
    const char *program = program_of(&command->words[at]);
    size_t rest = command->count - at - 1;
    const struct word *words = &command->words[at];
    /* `python -m pip install`, `uv pip install`, `python -m uv pip install` */
    size_t skip = 0;
    while (skip < rest && (is_python(program_of(&words[skip])) || word_is(&words[skip], "-m") ||
                           word_is(&words[skip], "uv"))) {
        skip++;
    }
    if (is_pip(program_of(&words[skip]))) {
        at += skip;
        rest -= skip;
        words += skip;
        program = "pip";
    }
    if (is_pip(program)) {
        if (rest >= 1 && word_is(&words[1], "install")) {
            add_packages(command, at + 2);
        }
    } else if (strcmp(program, "conda") == 0 || strcmp(program, "mamba") == 0 ||
               strcmp(program, "micromamba") == 0) {
        if (rest >= 1 && (word_is(&words[1], "install") || word_is(&words[1], "create"))) {
            add_packages(command, at + 2);
        } else if (rest >= 1 && word_is(&words[1], "env")) {
            add_unnamed(command, &words[1]);
        }
    } else if (strcmp(program, "git") == 0) {
        for (size_t i = 1; i <= rest; i++) {
            if (strstr(words[i].text, "://") != NULL) {
                facts_name(command->facts, words[i].at, FACT_COMMAND, bytes_of_word(&words[i]),
                           bytes_of_text("clone"), 0);
            }
        }
    } else if (is_one_of(program, fetchers)) {
        facts_name(command->facts, words[0].at, FACT_COMMAND, bytes_of_text(program),
                   bytes_of_text("fetch"), 0);
        add_arguments(command, at);
    } else if (is_python(program) || is_one_of(program, launchers)) {
        add_gpus_option(command, at + 1);
        add_arguments(command, at);
    } else if (!is_one_of(program, quiet)) {
        add_arguments(command, at);
    }
}

static void end_word(struct command *command, size_t start, struct fact_place at, bool quoted)
{
    if (command->size >= sizeof(command->text)) {
        command->size = start;
        return;
    }
    command->text[command->size++] = '\0';
    if (command->count < WORDS_MAX) {
        command->words[command->count++] = (struct word){.text = command->text + start,
                                                         .size = command->size - 1 - start,
                                                         .at = at,
                                                         .quoted = quoted};
    }
}

void shell_read(struct facts_writer *writer, struct fact_place at, struct bytes text)
{
    struct command command = {.facts = writer};
    struct fact_place here = at;
    struct fact_place word_at = at;
    size_t start = 0;
    uint8_t quote = 0;
    bool in_word = false;
    bool quoted = false;
    for (size_t i = 0; i <= text.size; i++) {
        uint8_t c = i < text.size ? text.data[i] : '\n';
        here.offset = at.offset + (uint32_t)i;
        bool last = i == text.size;
        bool line_end = c == '\n' || c == '\r';
        if (!last && c == '\\' && quote != '\'' && i + 1 < text.size) {
            uint8_t next = text.data[i + 1];
            if (next == '\n' || next == '\r') { /* goes on in the next line */
                bool two = next == '\r' && i + 2 < text.size && text.data[i + 2] == '\n';
                here.line++;
                i += two ? 2 : 1;
                continue;
            }
            c = next;
            i++;
        } else if (quote != 0 && c == quote) {
            quote = 0;
            continue;
        } else if (quote == 0 && (c == '"' || c == '\'')) {
            if (!in_word) {
                in_word = true;
                start = command.size;
                word_at = here;
            }
            quote = c;
            quoted = true;
            continue;
        } else if (quote == 0 || last) {
            bool comment = c == '#' && !in_word;
            bool separator = c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || line_end;
            if (comment || separator || c == ' ' || c == '\t') {
                if (in_word) {
                    end_word(&command, start, word_at, quoted);
                    in_word = false;
                    quoted = false;
                }
                while (comment && i + 1 < text.size && text.data[i + 1] != '\n') {
                    i++;
                }
                if (separator) {
                    run_command(&command);
                    command.count = 0;
                    command.size = 0;
                }
                here.line += c == '\n' && !last ? 1 : 0;
                continue;
            }
        }
        if (!in_word) {
            in_word = true;
            start = command.size;
            word_at = here;
        }
        here.line += c == '\n' ? 1 : 0;
        if (command.size - start < WORD_MAX && command.size + 1 < sizeof(command.text)) {
            command.text[command.size++] = (char)c;
        }
    }
}

/* "#SBATCH --gres=gpu:4", "#PBS -l ngpus=2", "#SBATCH --gpus-per-node=8" */
static void batch_line(struct facts_writer *writer, struct fact_place at, struct bytes line)
{
    static const char *const keys[] = {
        "gpu:", "gpus=", "gpus-per-node=", "gpus-per-task=", "ngpus="};
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        size_t size = strlen(keys[k]);
        for (size_t i = 0; i + size < line.size; i++) {
            if (memcmp(line.data + i, keys[k], size) != 0) {
                continue;
            }
            /* "gpu:a100:4": the number is behind the last colon. */
            uint32_t count = 0;
            for (size_t j = i + size; j < line.size && line.data[j] > ' '; j++) {
                uint8_t c = line.data[j];
                count = c >= '0' && c <= '9' && count < 1000 ? count * 10 + (uint32_t)(c - '0') : 0;
            }
            packages_add_gpus(writer, at, count == 0 ? 1 : count);
        }
    }
}

void shell_read_file(struct facts_writer *writer, struct bytes text)
{
    struct fact_place at = {.line = 1};
    for (size_t i = 0; i < text.size;) {
        size_t end = i;
        while (end < text.size && text.data[end] != '\n') {
            end++;
        }
        struct bytes line = bytes_of(text.data + i, end - i);
        at.offset = (uint32_t)i;
        if (bytes_starts_with(line, "#SBATCH") || bytes_starts_with(line, "#PBS")) {
            batch_line(writer, at, line);
        }
        at.line++;
        i = end + 1;
    }
    shell_read(writer, (struct fact_place){.line = 1}, text);
}
