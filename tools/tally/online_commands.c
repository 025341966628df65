/* tally watch, job, results, earnings, login, enrol. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/online_commands.h"

#include "core/base/file.h"
#include "tools/tally/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCOPES "[\"consumer\",\"provider\"]"

struct online {
    struct cli cli;
    struct remote remote;
};

/* Parse, help, open. 0: go on; otherwise the exit status plus one. */
static int begin(int argc, char **argv, const struct cli_flag *flags, size_t count, size_t rest,
                 const char *usage, struct online *ret)
{
    struct err err = {0};
    if (cli_parse(argc, argv, flags, count, &ret->cli, &err) != ERR_OK) {
        return cli_fail(&err) + 1;
    }
    if (ret->cli.help || ret->cli.rest_count != rest) {
        (void)fputs(usage, ret->cli.help ? stdout : stderr);
        return ret->cli.help ? 1 : 3;
    }
    if (remote_open(&ret->cli, SCOPES, &ret->remote, NULL, &err) != ERR_OK) {
        return cli_fail(&err) + 1;
    }
    return 0;
}

static void print_json(json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)putchar('\n');
}

int watch_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    int status =
        begin(argc, argv, NULL, 0, 1,
              "usage: tally watch JOB --wallet W [--passphrase-file P] [--server URL] [--json]\n"
              "Shows a job's events from its first on, until its money is where it belongs.\n",
              &online);
    if (status != 0) {
        return status - 1;
    }
    json_t *job = NULL;
    struct follower follower = {
        .remote = &online.remote, .json = online.cli.json, .terminal = isatty(STDOUT_FILENO) != 0};
    (void)snprintf(follower.job_id, sizeof follower.job_id, "%s", online.cli.rest[0]);
    if (follow_to_end(&follower, &job, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (!online.cli.json) {
        follow_print_bill(job);
    }
    json_decref(job);
    return 0;
}

int job_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    char path[120];
    json_t *job = NULL;
    int status = begin(
        argc, argv, NULL, 0, 1,
        "usage: tally job ID --wallet W [--passphrase-file P] [--server URL] [--json]\n", &online);
    if (status != 0) {
        return status - 1;
    }
    (void)snprintf(path, sizeof path, "/v1/jobs/%.60s", online.cli.rest[0]);
    if (remote_call(&online.remote, "GET", path, NULL, &job, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (online.cli.json) {
        print_json(job);
    } else {
        printf("  %s  ", json_text(job, "id"));
        cli_put(bytes_of_text(json_text(job, "file_name")), stdout);
        printf("  %s%s\n", json_text(job, "status"),
               json_is_string(json_object_get(job, "erased_at")) ? "; what was private is erased"
                                                                 : "");
        follow_print_bill(job);
    }
    json_decref(job);
    return 0;
}

/* ── results ───────────────────────────────────────────────────────────────────────────────────── */

/* A name from the server is a relative path without dots; anything else is not written. */
static bool is_safe_name(const char *name)
{
    return *name != '\0' && *name != '/' && strstr(name, "..") == NULL && strlen(name) < 512;
}

static enum err_code download(const struct remote *remote, const char *job_id, const char *name,
                              const char *folder, struct err *err)
{
    char path[PATH_MAX];
    struct buf url;
    if (!is_safe_name(name)) {
        return err_set(err, ERR_INVALID, "the server names a result '%s': not written", name);
    }
    enum err_code code = path_join(path, sizeof path, folder, name, err);
    if (code != ERR_OK) {
        return code;
    }
    char *slash = strrchr(path, '/');
    *slash = '\0';
    code = dir_create(path, 0777, err);
    *slash = '/';
    int fd = code != ERR_OK ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return code != ERR_OK ? code : err_set_errno(err, errno, "write %s", path);
    }
    buf_init(&url, 4096);
    buf_printf(&url, "/v1/jobs/%s/results/", job_id);
    url_append(&url, name, true);
    code = remote_download(remote, buf_text(&url), fd, err);
    buf_deinit(&url);
    if (close(fd) != 0 && code == ERR_OK) {
        code = err_set_errno(err, errno, "write %s", path);
    }
    return code;
}

int results_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    const char *to = "results";
    char path[120];
    json_t *list = NULL;
    const struct cli_flag flags[] = {{"to", &to, NULL}};
    int status = begin(argc, argv, flags, 1, 1,
                       "usage: tally results JOB --wallet W [--passphrase-file P] [--to DIR] "
                       "[--server URL] [--json]\n",
                       &online);
    if (status != 0) {
        return status - 1;
    }
    (void)snprintf(path, sizeof path, "/v1/jobs/%.60s/results", online.cli.rest[0]);
    enum err_code code = remote_call(&online.remote, "GET", path, NULL, &list, &err);
    json_t *items = json_object_get(list, "items");
    for (size_t i = 0; i < json_array_size(items) && code == ERR_OK; i++) {
        json_t *item = json_array_get(items, i);
        code = download(&online.remote, online.cli.rest[0], json_text(item, "name"), to, &err);
        if (code == ERR_OK && online.cli.json) {
            print_json(item);
        } else if (code == ERR_OK) {
            printf("  %s/%s  %" PRId64 " bytes\n", to, json_text(item, "name"),
                   json_number(item, "size"));
        }
    }
    if (code == ERR_OK && json_array_size(items) == 0 && !online.cli.json) {
        printf("  no results: the job left none, or they were erased\n");
    }
    json_decref(list);
    return code == ERR_OK ? 0 : cli_fail(&err);
}

int earnings_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    json_t *earnings = NULL;
    char amount[32];
    int status =
        begin(argc, argv, NULL, 0, 0,
              "usage: tally earnings --wallet W [--passphrase-file P] [--server URL] [--json]\n",
              &online);
    if (status != 0) {
        return status - 1;
    }
    if (remote_call(&online.remote, "GET", "/v1/earnings", NULL, &earnings, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (online.cli.json) {
        print_json(earnings);
    } else {
        static const char *const NAMES[] = {"total", "today", "week", "month", "pending"};
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
            printf("  %-10s %16s QUBIC\n", NAMES[i],
                   cli_amount(json_number(earnings, NAMES[i]), amount));
        }
    }
    json_decref(earnings);
    return 0;
}

int login_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    const char *to = NULL;
    const struct cli_flag flags[] = {{"to", &to, NULL}};
    int status =
        begin(argc, argv, flags, 1, 0,
              "usage: tally login --wallet W [--passphrase-file P] [--to FILE] [--server URL]\n"
              "Signs in and prints a token, or writes it to FILE (readable by its owner alone).\n",
              &online);
    if (status != 0) {
        return status - 1;
    }
    if (to == NULL) {
        printf("%s\n", online.remote.token);
        return 0;
    }
    char line[sizeof online.remote.token + 1];
    (void)snprintf(line, sizeof line, "%s\n", online.remote.token);
    if (file_write_atomic(to, bytes_of_text(line), 0600, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    return 0;
}

/* The code goes to whoever stands at the machine; wallet and token stay here. */
int enrol_command(int argc, char **argv)
{
    struct online online = {0};
    struct err err = {0};
    const char *label = NULL;
    json_t *made = NULL;
    const struct cli_flag flags[] = {{"label", &label, NULL}};
    int status =
        begin(argc, argv, flags, 1, 0,
              "usage: tally enrol --wallet W [--passphrase-file P] | --token-file FILE [--label "
              "TEXT] [--server URL] "
              "[--json]\n"
              "Prints a code, and the command for the machine that is to join your account. It "
              "works once, for\n"
              "fifteen minutes; neither your wallet nor a token goes to that machine.\n",
              &online);
    if (status != 0) {
        return status - 1;
    }
    json_t *body = label == NULL ? json_object() : json_pack("{s:s}", "label", label);
    if (remote_call(&online.remote, "POST", "/v1/workers/codes", body, &made, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (online.cli.json) {
        print_json(made);
    } else {
        printf("  %s   once, until %s\n\n"
               "  tally-worker enrol --server %s --state tally-worker --code %s\n",
               json_text(made, "code"), json_text(made, "expires_at"), online.remote.url,
               json_text(made, "code"));
    }
    json_decref(made);
    return 0;
}
