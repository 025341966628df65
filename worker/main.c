/* worker/main.c: tally-worker, the program on a provider's machine. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "worker/command.h"
#include "worker/job_disk.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define RATE_MAX UINT64_C(1000000000000000)
#define DISK_MIN_MIB (JOB_DISK_MIN >> 20)
#define RAM_MIN_MIB 256
#define DISK_MAX_MIB (UINT64_C(1) << 40)

static const char usage_text[] =
    "usage: tally-worker enrol --server URL --state DIR [--code CODE | --token-file FILE]\n"
    "                    [--name NAME] [--seal-key FILE] [--systemd --rate N] [--no-gpus]\n"
    "                    [--network] [--models DIR] [--podman FILE | --docker FILE --image NAME "
    "...]\n"
    "       tally-worker run --state DIR [--server URL] [--rate N] [--disk-mib N] [--ram-mib N]\n"
    "                    [--once-jobs N] [--no-gpus] [--network] [--models DIR]\n"
    "                    [--podman FILE | --docker FILE --image NAME ...]\n"
    "       tally-worker selftest --state DIR [--no-gpus] [--network] [--models DIR]\n"
    "                    [--podman FILE | --docker FILE --image NAME ...]\n"
    "       tally-worker status | pause | resume | drain --state DIR\n"
    "\n"
    "enrol makes this machine known by a code that its owner got from the page (Machines) or from "
    "`tally\n"
    "enrol`; a code works once, for fifteen minutes, and what the machine earns goes to its "
    "owner. Without\n"
    "--code it is asked for, or read from FILE or standard input, where a provider's token will do "
    "as well.\n"
    "The machine's own token is kept in DIR/worker.json. Each NVIDIA GPU is a slot of its own; a "
    "machine\n"
    "without is one slot of its processor. Once more, with another code, for GPUs that came "
    "later.\n"
    "\n"
    "run offers each slot and runs the jobs it is given, one at a time in each, in a sandbox "
    "without\n"
    "network (see --network).\n"
    "--rate is needed the first time, there or with enrol; another rate later replaces the "
    "offers.\n"
    "SIGTERM ends it: running jobs are given back.\n"
    "\n"
    "selftest tries sandbox, GPUs, memory, disk and network, lists packages and models, and "
    "publishes "
    "it all.\n"
    "status says what runs. pause: no more jobs are taken until resume. drain: no more jobs, and "
    "the worker\n"
    "stops when those that run are done.\n"
    "\n"
    "  --server URL       http://host:port or https://host; run takes it instead of the one of "
    "enrol, for this\n"
    "                     time (the same server elsewhere: the machine's token goes there)\n"
    "  --name NAME        how the machine is called, 1 to 100 bytes (otherwise its host name)\n"
    "  --state DIR        the worker's own folder (made if missing)\n"
    "  --code CODE        as K7QM-2VXA-9RTD-H4NZ-0B3C; --token-file FILE: one in a file, or a "
    "token\n"
    "  --seal-key FILE    seal.key of another machine of the same provider, so that each opens "
    "what "
    "consumers\n"
    "                     seal to one of them (otherwise a key of its own, DIR/seal.key)\n"
    "  --systemd          also write DIR/tally-worker.service\n"
    "  --rate N           1 to 10^15 QUBIC per hour, for each slot\n"
    "  --disk-mib N       a job's files take at most N MiB, at least 16 (otherwise all that is "
    "free "
    "but for a\n"
    "                     reserve, shared by the slots); a new offer says so\n"
    "  --ram-mib N        likewise its memory, at least 256 (otherwise nine tenths of the "
    "machine's)\n"
    "  --once-jobs N      stop after N jobs\n"
    "  --no-gpus          as if there were none\n"
    "  --nvml FILE        NVIDIA's library (otherwise libnvidia-ml.so.1), --nvidia-smi FILE: its "
    "program, the\n"
    "                     second choice; --device-folder DIR: where nvidia0 lies (otherwise "
    "/dev)\n"
    "  --podman FILE      take jobs in containers, from any image that this podman has as root\n"
    "                     (/usr/bin/podman); otherwise none is taken\n"
    "  --docker FILE      take jobs in containers, from the images of docker (/usr/bin/docker) "
    "that --image NAME\n"
    "                     names, which may be said more than once; run and selftest copy each "
    "once, into\n"
    "                     DIR/images\n"
    "  --models DIR       jobs read this folder as /models, and its models are offered by name: "
    "what is kept as\n"
    "                     Hugging Face's hub caches it (…/huggingface/hub), or folders with a "
    "model_index.json\n"
    "                     or config.json. All in it is for every job to read. enrol --systemd "
    "keeps it in the unit\n"
    "  --network          jobs that ask for it reach the Internet, by slirp4netns, but nothing of "
    "this machine\n"
    "                     or its neighbours; otherwise none does. enrol --systemd keeps it in the "
    "unit\n";

static enum err_code pause_worker(const struct settings *settings, struct err *err)
{
    return command_mode(settings, WORKER_PAUSES, err);
}

static enum err_code resume_worker(const struct settings *settings, struct err *err)
{
    return command_mode(settings, WORKER_RUNS, err);
}

static enum err_code drain_worker(const struct settings *settings, struct err *err)
{
    return command_mode(settings, WORKER_DRAINS, err);
}

static bool number_option(const char *name, const char *text, uint64_t min, uint64_t max,
                          uint64_t *ret)
{
    if (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret < min || *ret > max) {
        fprintf(stderr, "tally-worker: --%s: expected %llu to %llu, got '%s'\n", name,
                (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    return true;
}

static bool image_option(const char *text, struct settings *ret)
{
    if (!job_image_name_is_good(text)) {
        fprintf(stderr,
                "tally-worker: --image: expected an image's name, as python:3.11-slim, got '%s'\n",
                text);
        return false;
    }
    if (ret->image_count == DOCKER_IMAGES_MAX) {
        fprintf(stderr, "tally-worker: --image: at most %d can be named\n", DOCKER_IMAGES_MAX);
        return false;
    }
    ret->images[ret->image_count++] = text;
    return true;
}

static bool images_are_good(const struct settings *settings)
{
    const char *wrong = settings->podman != NULL && settings->docker != NULL
                            ? "--podman and --docker: only one of them can have the images"
                        : settings->docker != NULL && settings->image_count == 0
                            ? "--docker: name the images that jobs may use, each with --image NAME"
                        : settings->docker == NULL && settings->image_count > 0
                            ? "--image goes with --docker"
                            : NULL;
    if (wrong != NULL) {
        fprintf(stderr, "tally-worker: %s\n", wrong);
    }
    return wrong == NULL;
}

/* 0: go on; otherwise the exit status + 1. */
static int read_settings(int argc, char **argv, struct settings *ret)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"name", required_argument, NULL, 'n'},
        {"state", required_argument, NULL, 'd'},
        {"token-file", required_argument, NULL, 't'},
        {"code", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},
        {"once-jobs", required_argument, NULL, 'j'},
        {"disk-mib", required_argument, NULL, 'k'},
        {"ram-mib", required_argument, NULL, 'm'},
        {"seal-key", required_argument, NULL, 'l'},
        {"no-gpus", no_argument, NULL, 'g'},
        {"systemd", no_argument, NULL, 'y'},
        {"nvml", required_argument, NULL, 'v'},
        {"nvidia-smi", required_argument, NULL, 'i'},
        {"device-folder", required_argument, NULL, 'f'},
        {"podman", required_argument, NULL, 'p'},
        {"models", required_argument, NULL, 'o'},
        {"docker", required_argument, NULL, 'q'},
        {"image", required_argument, NULL, 'e'},
        {"network", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool good = true;
    int option;
    *ret = (struct settings){0};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) { // NOLINT: one thread
        switch (option) {
        case 's':
            ret->server = optarg;
            break;
        case 'n':
            ret->name = optarg;
            break;
        case 'd':
            ret->state = optarg;
            break;
        case 't':
            ret->token_file = optarg;
            break;
        case 'c':
            ret->code = optarg;
            break;
        case 'r':
            good = number_option("rate", optarg, 1, RATE_MAX, &ret->rate) && good;
            break;
        case 'j':
            good = number_option("once-jobs", optarg, 1, INT64_MAX, &ret->jobs_max) && good;
            break;
        case 'k':
            good = number_option("disk-mib", optarg, DISK_MIN_MIB, DISK_MAX_MIB, &ret->disk_mib) &&
                   good;
            break;
        case 'm':
            good =
                number_option("ram-mib", optarg, RAM_MIN_MIB, DISK_MAX_MIB, &ret->ram_mib) && good;
            break;
        case 'l':
            ret->seal_key = optarg;
            break;
        case 'g':
            ret->no_gpus = true;
            break;
        case 'y':
            ret->systemd = true;
            break;
        case 'v':
            ret->gpus.nvml_path = optarg;
            break;
        case 'i':
            ret->gpus.smi_path = optarg;
            break;
        case 'f':
            ret->gpus.device_folder = optarg;
            break;
        case 'p':
            ret->podman = optarg;
            break;
        case 'o':
            ret->models = optarg;
            break;
        case 'q':
            ret->docker = optarg;
            break;
        case 'e':
            good = image_option(optarg, ret) && good;
            break;
        case 'w':
            ret->network = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 1;
        default:
            good = false;
        }
    }
    good = good && images_are_good(ret);
    if (good && ret->state == NULL) {
        fprintf(stderr, "tally-worker: --state DIR is needed\n");
        good = false;
    }
    if (!good) {
        fprintf(stderr, "\n%s", usage_text);
        return 3;
    }
    return 0;
}

static const struct {
    const char *name;
    enum err_code (*act)(const struct settings *settings, struct err *err);
} commands[] = {
    {"enrol", command_enrol},   {"run", command_run},    {"selftest", command_selftest},
    {"status", command_status}, {"pause", pause_worker}, {"resume", resume_worker},
    {"drain", drain_worker},
};

int main(int argc, char **argv)
{
    struct settings settings;
    struct err err = {0};
    enum err_code (*act)(const struct settings *, struct err *) = NULL;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        perror("tally-worker");
        return 1;
    }
    if (argc < 2 || argv[1][0] == '-') {
        bool const asked = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(usage_text, asked ? stdout : stderr);
        return asked ? 0 : 2;
    }
    int const early = read_settings(argc - 1, argv + 1, &settings);
    if (early != 0) {
        return early - 1;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            act = commands[i].act;
        }
    }
    if (act == NULL) {
        fprintf(stderr, "tally-worker: '%s' is no command\n\n%s", argv[1], usage_text);
        return 2;
    }
    enum err_code const code = act(&settings, &err);
    if (code != ERR_OK) {
        fprintf(stderr, "tally-worker: %s\n", err.message);
        return code == ERR_INVALID ? 2 : 1;
    }
    return 0;
}
