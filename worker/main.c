/* worker/main.c: tally-worker, the program on a provider's machine. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "worker/claim.h"
#include "worker/enrol.h"
#include "worker/job_disk.h"
#include "worker/offer.h"
#include "worker/server.h"
#include "worker/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RATE_MAX UINT64_C(1000000000000000)
#define DISK_MIN_MIB (JOB_DISK_MIN >> 20)
#define DISK_MAX_MIB (UINT64_C(1) << 40)

static const char usage_text[] =
    "usage: tally-worker enrol --server URL --name NAME --state DIR [--token-file FILE]\n"
    "       tally-worker run --state DIR [--server URL] [--rate QUBIC_PER_HOUR] [--disk-mib N] "
    "[--once-jobs N]\n"
    "\n"
    "enrol makes this machine known: it takes a provider's token (from FILE, or standard input "
    "without\n"
    "--token-file) and keeps the machine's own in DIR/worker.json.\n"
    "\n"
    "run offers the machine's processor (GPUs are not detected yet: the offer says device cpu) and "
    "runs the\n"
    "jobs it is given, one at a time, in a sandbox without network. --rate is needed the first "
    "time; another\n"
    "rate later replaces the offer. SIGTERM ends it: a running job is given back.\n"
    "\n"
    "  --server URL       http://host:port or https://host; run takes it instead of the one of "
    "enrol, for this\n"
    "                     time (the same server elsewhere: the machine's token goes there)\n"
    "  --name NAME        how the machine is called, 1 to 100 bytes\n"
    "  --state DIR        the worker's own folder (made if missing)\n"
    "  --token-file FILE  the provider's token\n"
    "  --rate N           1 to 10^15 QUBIC per hour\n"
    "  --disk-mib N       a job's files take at most N MiB, at least 16 (otherwise all that is "
    "free "
    "but for a\n"
    "                     reserve); a new offer says so\n"
    "  --once-jobs N      stop after N jobs\n";

struct settings {
    const char *server;
    const char *name;
    const char *state;
    const char *token_file;
    uint64_t rate;
    uint64_t jobs_max;
    uint64_t disk_mib; /* 0: not limited */
};

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

/* 0: go on; otherwise the exit status + 1. */
static int read_settings(int argc, char **argv, struct settings *ret)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"name", required_argument, NULL, 'n'},
        {"state", required_argument, NULL, 'd'},
        {"token-file", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'r'},
        {"once-jobs", required_argument, NULL, 'j'},
        {"disk-mib", required_argument, NULL, 'k'},
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
        case 'h':
            fputs(usage_text, stdout);
            return 1;
        default:
            good = false;
        }
    }
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

/* One line without blanks, from a file or standard input. */
static enum err_code read_token(const char *path, struct buf *ret, struct err *err)
{
    enum err_code const code = file_read(path == NULL ? "/dev/stdin" : path, ret, err);
    if (code != ERR_OK) {
        return code;
    }
    while (ret->size > 0 && strchr(" \t\r\n", ret->data[ret->size - 1]) != NULL) {
        ret->data[--ret->size] = 0;
    }
    if (ret->size == 0 || strcspn(buf_text(ret), " \t\r\n") != ret->size) {
        return err_set(err, ERR_INVALID, "the token file must hold one token and nothing else");
    }
    return ERR_OK;
}

static enum err_code command_enrol(const struct settings *settings, struct err *err)
{
    struct buf token;
    struct worker_identity identity;
    if (settings->server == NULL || settings->name == NULL) {
        return err_set(err, ERR_INVALID, "enrol needs --server URL and --name NAME");
    }
    buf_init(&token, STATE_TEXT_MAX);
    enum err_code code = read_token(settings->token_file, &token, err);
    if (code == ERR_OK) {
        code = enrol(settings->server, buf_text(&token), settings->name, settings->state, &identity,
                     err);
    }
    if (code == ERR_OK) {
        printf("enrolled as host %s\n", identity.host_id);
    }
    explicit_bzero(token.data, token.size);
    buf_deinit(&token);
    return code;
}

static enum err_code command_run(const struct settings *settings, struct err *err)
{
    struct worker_identity identity;
    struct machine machine;
    struct job_kinds kinds;
    int lock_fd = -1;
    enum err_code code = state_load_identity(settings->state, &identity, err);
    if (code == ERR_OK && settings->server != NULL) {
        code = server_check_base(settings->server, identity.server, sizeof identity.server, err);
    }
    if (code == ERR_OK) {
        code = state_lock(settings->state, &lock_fd, err);
    }
    if (code == ERR_OK) {
        code = machine_read(settings->state, &machine, err);
    }
    if (code == ERR_OK && settings->disk_mib != 0 && settings->disk_mib < machine.storage_mib) {
        machine.storage_mib = settings->disk_mib;
    }
    if (code == ERR_OK) {
        code = trial_sandbox(settings->state, &machine, err);
    }
    if (code == ERR_OK) {
        trial_kinds(settings->state, &machine, &kinds);
        code = offer_ensure(settings->state, &identity, &machine, (int64_t)settings->rate, err);
    }
    if (code == ERR_OK) {
        struct claim_options const options = {.folder = settings->state,
                                              .identity = &identity,
                                              .machine = &machine,
                                              .kinds = &kinds,
                                              .jobs_max = settings->jobs_max};
        code = claim_run(&options, err);
    }
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct err err = {0};
    enum err_code code;
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
    if (strcmp(argv[1], "enrol") == 0) {
        code = command_enrol(&settings, &err);
    } else if (strcmp(argv[1], "run") == 0) {
        code = command_run(&settings, &err);
    } else {
        fprintf(stderr, "tally-worker: '%s' is neither enrol nor run\n\n%s", argv[1], usage_text);
        return 2;
    }
    if (code != ERR_OK) {
        fprintf(stderr, "tally-worker: %s\n", err.message);
        return code == ERR_INVALID ? 2 : 1;
    }
    return 0;
}
