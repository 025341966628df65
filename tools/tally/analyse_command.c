/* One file after the other; an error is that file's alone. Large ones are mapped, so that they cost no memory of their own; others
 * are read, because a mapped file that somebody cuts short kills the program. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/analyse_command.h"

#include "core/analysis/analysis.h"
#include "core/base/driver_version.h"
#include "core/base/text.h"
#include "tools/tally/analyse_folder.h"
#include "tools/tally/cli.h"
#include "tools/tally/estimate_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_MAX ((size_t)16 << 20)
#define READ_MAX ((size_t)64 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20)

static const char usage_text[] =
    "usage: tally analyse [--json] [--bundle] [--entry PATH] FILE…\n\n"
    "Say what each file is, needs and why. Only its bytes and base name count; nothing is "
    "executed\n"
    "and no server is asked. A folder, or an archive with a program in it, is one job. Status 1 "
    "if\n"
    "a file could not be read; the others are still answered.\n\n"
    "  --json         one JSON object a line: path, kind, frameworks, primary, job_type, mode,\n"
    "                 parameters, confidence, requirements, evidence …; of a file that could not "
    "be\n"
    "                 read: path, error\n"
    "  --bundle       all the files together are one job\n"
    "  --entry PATH   the file that starts the job, as it is called in the folder, archive or "
    "bundle;\n"
    "                 needed only when the analysis asks which one it is\n";

/* What of the file `fd` there is, up to `size` bytes, into `to`. */
static size_t read_up_to(int fd, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, to + done, size - done, (off_t)done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

static enum err_code map_file(const char *path, struct bytes *ret, size_t *ret_mapped,
                              struct err *err)
{
    struct stat about;
    enum err_code code = ERR_OK;
    /* Not blocking: a FIFO nobody writes to would wait forever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        code = err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot be opened: %s",
                       strerrordesc_np(errno));
        goto out;
    }
    if (!S_ISREG(about.st_mode)) {
        code = err_set(err, ERR_INVALID, "not a file but a %s",
                       S_ISDIR(about.st_mode) ? "folder" : "device, pipe or socket");
        goto out;
    }
    *ret = bytes_of("", 0);
    if (about.st_size > 0) {
        size_t size = (size_t)about.st_size;
        bool is_large = size > READ_MAX;
        void *start = mmap(NULL, size, is_large ? PROT_READ : PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | (is_large ? 0 : MAP_ANONYMOUS), is_large ? fd : -1, 0);
        if (start == MAP_FAILED) {
            code = err_set(err, ERR_IO, "cannot be read: %s", strerrordesc_np(errno));
            goto out;
        }
        *ret_mapped = size;
        *ret = bytes_of(start, is_large ? size : read_up_to(fd, start, size));
    }
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

/* What must lie on the machine. */
static void say_software(const struct analysis_requirements *needs, struct buf *out)
{
    const char *before = "  software    ";
    if (needs->packages != 0) {
        buf_append_text(out, before);
        software_packages_append(needs->packages, ", ", out);
        before = "; ";
    }
    if (needs->model != NULL) {
        buf_printf(out, "%sthe model %s", before, needs->model);
        before = "; ";
    }
    if (needs->image != NULL) {
        buf_printf(out, "%sthe image %s", before, needs->image);
        before = "; ";
    }
    buf_append_text(out, strcmp(before, "; ") == 0 ? "\n" : "");
}

static void say_needs(const struct analysis *a, struct buf *out)
{
    const struct analysis_requirements *needs = &a->requirements;
    if (needs->device == ANALYSIS_DEVICE_GPU) {
        buf_printf(out,
                   "  needs       %" PRIu32 " GPU with %" PRIu64 " MiB and %" PRIu64 ".%03" PRIu64
                   " TFLOPS",
                   needs->gpus, needs->vram_mib, needs->tflops_milli / 1000,
                   needs->tflops_milli % 1000);
        if (needs->compute_capability != 0) {
            buf_printf(out, ", compute capability %" PRIu32 ".%" PRIu32,
                       needs->compute_capability / 10, needs->compute_capability % 10);
        }
        if (needs->driver != 0) {
            char driver[DRIVER_VERSION_TEXT_SIZE];
            driver_version_format(needs->driver, driver);
            buf_printf(out, ", driver %s for CUDA %" PRIu32 ".%" PRIu32, driver, needs->cuda / 10,
                       needs->cuda % 10);
        }
    } else {
        buf_append_text(out, "  needs       no GPU");
    }
    buf_printf(out, "; RAM %" PRIu64 " MiB, disk %" PRIu64 " MiB\n", needs->ram_mib,
               needs->storage_mib);
    say_software(needs, out);
    char p50[32];
    char p90[32];
    buf_printf(out, "  takes       %s to %s (%s confidence): %s\n",
               cli_duration((int64_t)a->estimate.p50_ms, p50),
               cli_duration((int64_t)a->estimate.p90_ms, p90),
               analysis_level_word(a->estimate.level), a->estimate.basis);
}

static void say_to_a_person(const char *path, const struct analysis *a, struct buf *out)
{
    bool first = true;
    utf8_append_lossy(out, bytes_of_text(path));
    buf_printf(out, "\n  is          %s, %s (%s)\n", analysis_kind_word(a->kind),
               analysis_job_word(a->job), analysis_mode_word(a->mode));
    buf_printf(out, "  framework   %s", analysis_framework_word(a->primary));
    for (uint32_t i = 1; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        if ((a->frameworks & (1u << i)) != 0 && i != (uint32_t)a->primary) {
            buf_printf(out, "%s%s", first ? ", also " : ", ",
                       analysis_framework_word((enum analysis_framework)i));
            first = false;
        }
    }
    buf_printf(out, "\n  confidence  %s (0.%03" PRIu32 ")\n",
               analysis_level_word(analysis_level_of(a->confidence_permille)),
               a->confidence_permille);
    say_needs(a, out);
    for (size_t i = 0; i < a->parameter_count; i++) {
        buf_printf(out, "  %-11s %s = %s\n", i == 0 ? "parameters" : "", a->parameters[i].name,
                   a->parameters[i].value);
    }
    for (size_t i = 0; i < a->variable_count; i++) {
        buf_printf(out, "  %-11s %s%s\n", i == 0 ? "environment" : "", a->variables[i].name,
                   a->variables[i].is_needed ? ", without a default" : "");
    }
    buf_append_text(out, "  because\n");
    for (size_t i = 0; i < a->evidence_count; i++) {
        const struct analysis_evidence *e = &a->evidence[i];
        /* Of several files each claim says which one it is about. */
        const char *file = a->entry == NULL ? "" : e->file;
        const char *gap = a->entry == NULL ? "" : e->line == 0 ? ": " : " ";
        if (e->line == 0) {
            buf_printf(out, "    %s%s%s\n", file, gap, e->claim);
        } else {
            buf_printf(out, "    %s%sline %" PRIu32 ": %s\n      %s\n", file, gap, e->line,
                       e->claim, e->words);
        }
    }
}

struct asked {
    bool json;
    bool bundle;
    const char *entry; /* NULL: by the rules */
};

static enum err_code analyse_one(const char *path, const char *entry, struct arena *arena,
                                 struct analysis *ret, struct err *err)
{
    static const struct analysis_limits limits = ANALYSIS_LIMITS;
    struct bytes content = {0};
    size_t mapped = 0;
    enum err_code code = map_file(path, &content, &mapped, err);
    if (code == ERR_OK) {
        code = analysis_run_entry(content, path, entry, &limits, arena, ret, err);
    }
    if (mapped > 0) { /* what was found lies in the arena */
        (void)munmap((void *)(uintptr_t)content.data, mapped);
    }
    return code;
}

/* `paths`: one, or several that are one job. */
static enum err_code answer(char *const *paths, size_t count, const struct asked *asked,
                            struct err *err)
{
    struct arena arena;
    struct analysis found;
    struct buf line;
    struct buf shown;
    arena_init(&arena, ARENA_MAX);
    buf_init(&line, LINE_MAX_BYTES);
    buf_init(&shown, LINE_MAX_BYTES);

    bool together = asked->bundle || analyse_is_folder(paths[0]);
    enum err_code code = together ? analyse_several(paths, count, asked->entry, &arena, &found, err)
                                  : analyse_one(paths[0], asked->entry, &arena, &found, err);
    if (code == ERR_OK) {
        estimate_analysis(&found, &arena);
    }
    if (code == ERR_OK && asked->json) {
        utf8_append_lossy(&shown, bytes_of_text(paths[0]));
        code = analysis_json(&found, buf_text(&shown), &line, err);
        buf_append_text(&line, "\n");
    } else if (code == ERR_OK) {
        say_to_a_person(paths[0], &found, &line);
        code = buf_check(&line, err);
    }
    if (code == ERR_OK && asked->json) {
        (void)fwrite(buf_text(&line), 1, line.size, stdout);
    } else if (code == ERR_OK) {
        cli_put(buf_bytes(&line), stdout);
    }
    buf_deinit(&shown);
    buf_deinit(&line);
    arena_deinit(&arena);
    return code;
}

int analyse_command(int argc, char **argv)
{
    struct asked asked = {0};
    bool only_files = false; /* behind "--" */
    int files = 0;
    int status = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_files && strcmp(argv[i], "--help") == 0) {
            (void)fputs(usage_text, stdout);
            return 0;
        }
        if (!only_files && strcmp(argv[i], "--") == 0) {
            only_files = true;
        } else if (!only_files && strcmp(argv[i], "--json") == 0) {
            asked.json = true;
        } else if (!only_files && strcmp(argv[i], "--bundle") == 0) {
            asked.bundle = true;
        } else if (!only_files && strcmp(argv[i], "--entry") == 0 && i + 1 < argc) {
            asked.entry = argv[++i];
        } else if (!only_files && argv[i][0] == '-') {
            (void)fprintf(stderr, "tally analyse: no flag %s\n\n%s", argv[i], usage_text);
            return 2;
        } else {
            argv[++files] = argv[i]; /* moved to the front: argv[1] … argv[files] */
        }
    }
    if (files == 0) {
        (void)fprintf(stderr, "tally analyse: no file given\n\n%s", usage_text);
        return 2;
    }
    size_t together = asked.bundle ? (size_t)files : 1;
    for (int i = 1; i <= files; i += (int)together) {
        struct err err = {0};
        if (answer(&argv[i], together, &asked, &err) != ERR_OK) {
            cli_fail_file("analyse", argv[i], asked.json, &err);
            status = 1;
        }
    }
    return fflush(stdout) == 0 ? status : 1;
}
