/* A file is analysed, and its workload held against the tables of benchmarks. No server is asked, so nothing that finished jobs taught counts. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/estimate_command.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/market/billing.h"
#include "core/market/estimate_json.h"
#include "core/market/terms.h"
#include "tools/tally/analyse_folder.h"
#include "tools/tally/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)16 << 20)
#define TEXT_MAX ((size_t)1 << 20)

static const char usage_text[] =
    "usage: tally estimate FILE… [--gpu MODEL] [--rate QUBIC] [--epochs N] [--rows N] "
    "[--resolution N]\n"
    "                      [--inference-steps N] [--images N] [--max-steps N] [--batch-size N]\n"
    "                      [--tokens N] [--model NAME] [--json]\n\n"
    "How long each file takes, on one model of GPU or on every one there are figures for, what it "
    "costs, and where the\n"
    "numbers come from. A folder, or an archive with a program in it, is one job. The other flags "
    "stand for what the\n"
    "file says, or does not.\n\n"
    "  --gpu MODEL    as nvidia-smi names it: \"NVIDIA GeForce RTX 4090\", or \"RTX 4090\"\n"
    "  --rate QUBIC   an hour; the cap is with the default margin and minimum lock\n"
    "  --json         one JSON object a file, as the API answers\n";

struct setting {
    const char *flag;
    const char *name; /* of the parameter */
    const char *value;
};

struct options {
    const char *gpu;
    const char *rate;
    struct setting settings[9];
};
#define SETTING_COUNT (sizeof((struct options *)NULL)->settings / sizeof(struct setting))

/* ── one file ──────────────────────────────────────────────────────────────────────────────────── */

/* What the file says, but for what was said instead. */
static struct work work_of(const struct analysis *analysis, const char *base_name,
                           const struct options *options)
{
    struct analysis_parameter parameters[64];
    size_t count = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &options->settings[i];
        if (setting->value != NULL) {
            parameters[count++] =
                (struct analysis_parameter){.name = setting->name,
                                            .value = setting->value,
                                            .is_number = strcmp(setting->name, "model") != 0};
        }
    }
    size_t said = count;
    for (size_t i = 0; i < analysis->parameter_count; i++) {
        bool over = count == sizeof parameters / sizeof *parameters;
        for (size_t k = 0; k < said && !over; k++) {
            over = strcmp(parameters[k].name, analysis->parameters[i].name) == 0;
        }
        if (!over) {
            parameters[count++] = analysis->parameters[i];
        }
    }
    return analysis_work(analysis->job, analysis->mode, analysis->requirements.device, base_name,
                         parameters, count);
}

static void say_time(const struct estimate_question *question, size_t gpu,
                     const struct estimate_time *time, struct buf *out)
{
    char text[DURATION_TEXT_MAX];
    char likely[DURATION_TEXT_MAX];
    char total[32];
    char cap[32];
    struct estimate_price price;
    struct workload workload = estimate_workload_of(&question->job);
    enum estimate_level level = estimate_level_of(&workload, question->job.needs.gpus, time);
    buf_printf(out, "  %-44s %s (likely %s), %s confidence: %s\n",
               gpu == 0 ? "one CPU core" : ESTIMATE_GPUS[gpu].name,
               estimate_time_text(time, level, text), duration_text(time->p50_ms, likely),
               estimate_level_word(level), estimate_basis_text(time->basis, workload.task != 0));
    if (question->rate == 0) {
        return;
    }
    if (!estimate_price(time, question->rate, question->margin_bps, question->lock_min, &price)) {
        buf_printf(out, "  %-44s more than one lock can hold\n", "");
        return;
    }
    buf_printf(
        out, "  %-44s %s QUBIC likely, at %" PRIu64 ".%03" PRIu64 " a minute; %s locked at most\n",
        "", cli_amount(price.total, total), price.per_minute_milli / 1000,
        price.per_minute_milli % 1000, cli_amount(price.cap, cap));
}

static void say_to_a_person(const char *path, const struct estimate_question *question,
                            const struct estimate_times *times, struct buf *out)
{
    struct workload workload = estimate_workload_of(&question->job);
    const struct task_row *task = &ESTIMATE_TASKS[workload.task];
    char start[DURATION_TEXT_MAX];
    utf8_append_lossy(out, bytes_of_text(path));
    buf_printf(out, "\n  %s: ", enum_word(&job_type_words, (uint32_t)question->job.job_type));
    workload_text(&workload, out);
    if (workload.start_ms > 0) {
        buf_printf(out, "; and %s to start", duration_text(workload.start_ms, start));
    }
    buf_append_text(out, "\n");
    if (estimate_note(question->job.needs.gpus) != NULL) {
        buf_printf(out, "  note: %s\n", estimate_note(question->job.needs.gpus));
    }
    for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT && question->job.needs.device == DEVICE_GPU;
         gpu++) {
        if (question->gpu == 0 || question->gpu == gpu) {
            say_time(question, gpu, &times->on_gpu[gpu], out);
        }
    }
    if (question->job.needs.device != DEVICE_GPU) {
        struct estimate_time time = estimate_on(times, &question->offer);
        say_time(question, 0, &time, out);
    }
    for (size_t i = 0; i < task->count; i++) {
        const struct benchmark_row *row = &ESTIMATE_BENCHMARKS[task->first + i];
        buf_printf(out, "  %s %-35s %6" PRIu64 ".%03" PRIu64 " s  %s: %s\n",
                   i == 0 ? "sources" : "       ", ESTIMATE_GPUS[row->gpu].name, row->us / 1000000,
                   row->us % 1000000 / 1000, row->status_word, row->source);
    }
}

static enum err_code estimate_file(const char *path, const struct options *options,
                                   struct estimate_question *question, bool json, struct err *err)
{
    struct buf content;
    struct buf out;
    struct buf shown;
    struct arena arena;
    struct analysis found;
    const char *slash = strrchr(path, '/');
    const char *base_name = slash == NULL ? path : slash + 1;
    buf_init(&content, ANALYSIS_FILE_SIZE_MAX);
    buf_init(&out, TEXT_MAX);
    buf_init(&shown, TEXT_MAX);
    arena_init(&arena, ARENA_MAX);
    char *folder[] = {(char *)(uintptr_t)path};
    bool is_folder = analyse_is_folder(path);
    enum err_code code = is_folder ? analyse_several(folder, 1, NULL, &arena, &found, err)
                                   : file_read(path, &content, err);
    if (code == ERR_OK && !is_folder) {
        code = analysis_run(buf_bytes(&content), base_name, &arena, &found, err);
    }
    if (code == ERR_OK) {
        struct estimate_times times;
        const char *program = found.entry == NULL ? base_name : found.entry;
        struct work work = work_of(&found, program, options);
        struct workload workload = workload_size(&work);
        question->job = (struct upload_row){.job_type = found.job,
                                            .needs = {.device = (uint64_t)found.requirements.device,
                                                      .gpus = found.requirements.gpus}};
        estimate_resize(&question->job, &workload);
        estimate_offline(&question->job.needs, &times);
        utf8_append_lossy(&shown, bytes_of_text(path));
        if (json) {
            estimate_json(question, &times, buf_text(&shown), &out);
            buf_append_text(&out, "\n");
        } else {
            say_to_a_person(path, question, &times, &out);
        }
        code = buf_check(&out, err);
    }
    if (code == ERR_OK && json) {
        (void)fwrite(buf_text(&out), 1, out.size, stdout);
    } else if (code == ERR_OK) {
        cli_put(buf_bytes(&out), stdout);
    }
    arena_deinit(&arena);
    buf_deinit(&shown);
    buf_deinit(&out);
    buf_deinit(&content);
    return code;
}

void estimate_analysis(struct analysis *analysis, struct arena *arena)
{
    struct workload workload;
    enum estimate_level level;
    struct buf basis;
    buf_init(&basis, TEXT_MAX);
    if (estimate_reference(&analysis->work, analysis->requirements.gpus, &workload, &level,
                           &basis)) {
        analysis_retime(analysis, workload.p50_ms, workload.p90_ms, (enum analysis_level)level,
                        buf_bytes(&basis), arena);
    }
    buf_deinit(&basis);
}

/* ── what is asked ─────────────────────────────────────────────────────────────────────────────── */

static enum err_code check(const struct options *options, struct estimate_question *ret,
                           struct err *err)
{
    uint64_t rate = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &options->settings[i];
        char *end = NULL;
        bool is_number = setting->value != NULL && strcmp(setting->name, "model") != 0;
        double value = is_number ? strtod(setting->value, &end) : 1;
        if (!(value > 0 && value <= 1e12) || (end != NULL && *end != '\0')) {
            return err_set(err, ERR_INVALID, "--%s %s: a number from above 0 to 10^12 is needed",
                           setting->flag, setting->value);
        }
    }
    if (options->rate != NULL && (u64_parse(bytes_of_text(options->rate), &rate, NULL) != ERR_OK ||
                                  rate == 0 || rate > (uint64_t)AMOUNT_MAX)) {
        return err_set(err, ERR_INVALID, "--rate %s: 1 to %lld QUBIC an hour", options->rate,
                       (long long)AMOUNT_MAX);
    }
    ret->rate = (int64_t)rate;
    ret->gpu = options->gpu == NULL ? 0 : scale_gpu(options->gpu, strlen(options->gpu));
    if (options->gpu != NULL && ret->gpu == 0) {
        return err_set(err, ERR_INVALID,
                       "--gpu %s: in no table; without --gpu the models that are get listed",
                       options->gpu);
    }
    return ERR_OK;
}

int estimate_command(int argc, char **argv)
{
    struct options options = {.settings = {{"epochs", "epochs", NULL},
                                           {"rows", "rows", NULL},
                                           {"resolution", "resolution", NULL},
                                           {"inference-steps", "inference_steps", NULL},
                                           {"images", "images", NULL},
                                           {"max-steps", "max_steps", NULL},
                                           {"batch-size", "batch_size", NULL},
                                           {"tokens", "tokens", NULL},
                                           {"model", "model", NULL}}};
    struct cli_flag flags[2 + SETTING_COUNT] = {{"gpu", &options.gpu, NULL},
                                                {"rate", &options.rate, NULL}};
    struct estimate_question question = {.offer = {.device = DEVICE_CPU, .speed_permille = 1000}};
    struct ev_terms_set terms;
    struct arena arena;
    struct cli cli;
    struct err err = {0};
    int status = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        flags[2 + i] =
            (struct cli_flag){options.settings[i].flag, &options.settings[i].value, NULL};
    }
    enum err_code code = cli_parse(argc, argv, flags, sizeof flags / sizeof *flags, &cli, &err);
    if (code == ERR_OK && cli.help) {
        (void)fputs(usage_text, stdout);
        return 0;
    }
    if (code == ERR_OK && cli.rest_count == 0) {
        code = err_set(&err, ERR_INVALID, "no file given; see tally estimate --help");
    }
    if (code == ERR_OK) {
        code = check(&options, &question, &err);
    }
    if (code == ERR_OK) {
        arena_init(&arena, ARENA_MAX);
        code = terms_default(NETWORK_MAINNET, &arena, &terms, &err);
        arena_deinit(&arena); /* their lists are not asked for */
    }
    if (code != ERR_OK) {
        return cli_fail(&err);
    }
    question.margin_bps = terms.margin_bps;
    question.lock_min = terms.lock_min;
    for (size_t i = 0; i < cli.rest_count; i++) {
        if (estimate_file(cli.rest[i], &options, &question, cli.json, &err) != ERR_OK) {
            cli_fail_file("estimate", cli.rest[i], cli.json, &err);
            status = 1;
        }
    }
    return fflush(stdout) == 0 ? status : 1;
}
