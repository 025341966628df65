/* tally override: what an analysis found, said otherwise by the upload's owner, as POST /v1/analyses/{id}/override takes it. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/online_commands.h"
#include "tools/tally/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: tally override UPLOAD --wallet W [--passphrase-file P] [--server URL] [--json]\n"
    "                      [--reason TEXT]\n"
    "                      [--job-type TYPE] [--device gpu|cpu] [--gpus N] [--vram-mib N]\n"
    "                      [--tflops-milli N] [--ram-mib N] [--storage-mib N]\n"
    "                      [--compute-capability N] [--driver VERSION] [--p50-ms N] [--p90-ms N]\n"
    "                      [--packages A,B] [--model NAME]\n"
    "Says of an upload of one's own what its analysis did not find, or found otherwise; the rest "
    "stays as it "
    "counts now.\n"
    "What was said last counts for matches, quotes and machines; a quote stands as it was given. "
    "Without a "
    "figure it\n"
    "only shows what was found and what counts. --driver '' is any driver, --packages '' and "
    "--model '' ask for none on\n"
    "the machine. The upload's id is what `tally submit` says where no machine fits, `tally "
    "erase` and the page show;\n"
    "`tally submit --upload UPLOAD` then makes a job of it.\n";

static struct figure {
    const char *flag;
    const char *name;
    enum { AS_TEXT, AS_NUMBER, AS_LIST } as;
    const char *said;
} FIGURES[] = {
    {"job-type", "job_type", AS_TEXT, NULL},
    {"device", "device", AS_TEXT, NULL},
    {"gpus", "gpus", AS_NUMBER, NULL},
    {"vram-mib", "vram_mib", AS_NUMBER, NULL},
    {"tflops-milli", "tflops_milli", AS_NUMBER, NULL},
    {"ram-mib", "ram_mib", AS_NUMBER, NULL},
    {"storage-mib", "storage_mib", AS_NUMBER, NULL},
    {"compute-capability", "compute_capability", AS_NUMBER, NULL},
    {"driver", "driver", AS_TEXT, NULL},
    {"p50-ms", "p50_ms", AS_NUMBER, NULL},
    {"p90-ms", "p90_ms", AS_NUMBER, NULL},
    {"packages", "packages", AS_LIST, NULL},
    {"model", "model", AS_TEXT, NULL},
    {"reason", "reason", AS_TEXT, NULL},
};
#define FIGURE_COUNT (sizeof FIGURES / sizeof *FIGURES)

/* "torch,diffusers" */
static json_t *list_of(const char *said)
{
    json_t *list = json_array();
    for (size_t size; *said != '\0'; said += size + (said[size] == ',' ? 1 : 0)) {
        size = strcspn(said, ",");
        (void)json_array_append_new(list, json_stringn(said, size));
    }
    return list;
}

/* What was said, as the route takes it; the server knows what can be. */
static enum err_code body_of(json_t *body, struct err *err)
{
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        const struct figure *figure = &FIGURES[i];
        char *end = NULL;
        if (figure->said == NULL) {
            continue;
        }
        errno = 0;
        long long number = figure->as == AS_NUMBER ? strtoll(figure->said, &end, 10) : 0;
        if (figure->as == AS_NUMBER && (errno != 0 || end == figure->said || *end != '\0')) {
            return err_set(err, ERR_INVALID, "--%s %s: a whole number is needed", figure->flag,
                           figure->said);
        }
        (void)json_object_set_new(body, figure->name,
                                  figure->as == AS_NUMBER ? json_integer(number)
                                  : figure->as == AS_TEXT ? json_string(figure->said)
                                                          : list_of(figure->said));
    }
    return ERR_OK;
}

static void print_figure(json_t *from, const char *name)
{
    const json_t *value = json_object_get(from, name);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        printf("%s%s", i == 0 ? "" : ",", text == NULL ? "" : text);
    }
    if (json_is_string(value)) {
        cli_put(bytes_of_text(json_string_value(value)), stdout);
    } else if (json_is_integer(value)) {
        printf("%lld", (long long)json_integer_value(value));
    }
}

static void print_answer(json_t *answer)
{
    json_t *effective = json_object_get(answer, "effective");
    json_t *said = json_object_get(answer, "override");
    for (size_t i = 0; i + 1 < FIGURE_COUNT; i++) { /* all but the reason */
        printf("  %-20s ", FIGURES[i].name);
        print_figure(effective, FIGURES[i].name);
        printf("\n");
    }
    printf("  %s\n", json_is_null(said) ? "as the analysis found it"
                                        : "as its owner said; what was found stays beside it");
}

int override_command(int argc, char **argv)
{
    struct cli cli;
    struct remote remote = {0};
    struct err err = {0};
    struct cli_flag flags[FIGURE_COUNT];
    char path[120];
    char tag[32];
    json_t *answer = NULL;
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        flags[i] = (struct cli_flag){.name = FIGURES[i].flag, .value = &FIGURES[i].said};
    }
    if (cli_parse(argc, argv, flags, FIGURE_COUNT, &cli, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (cli.help || cli.rest_count != 1) {
        (void)fputs(USAGE, cli.help ? stdout : stderr);
        return cli.help ? 0 : 2;
    }
    json_t *body = json_object();
    enum err_code code = body_of(body, &err);
    if (code == ERR_OK) {
        code = remote_open(&cli, "[\"consumer\"]", &remote, NULL, &err);
    }
    if (code == ERR_OK) {
        (void)snprintf(path, sizeof path, "/v1/analyses/%.60s", cli.rest[0]);
        code = remote_call(&remote, "GET", path, NULL, &answer, &err);
    }
    if (code == ERR_OK && json_object_size(body) > 0) { /* over that and nothing newer */
        (void)snprintf(tag, sizeof tag, "\"%lld\"", (long long)json_number(answer, "sequence"));
        (void)snprintf(path, sizeof path, "/v1/analyses/%.60s/override", cli.rest[0]);
        json_decref(answer);
        answer = NULL;
        remote.if_match = tag;
        code = remote_call(&remote, "POST", path, json_incref(body), &answer, &err);
    }
    json_decref(body);
    if (code != ERR_OK) {
        return cli_fail(&err);
    }
    if (cli.json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        print_answer(answer);
    }
    json_decref(answer);
    return fflush(stdout) == 0 ? 0 : 1;
}
