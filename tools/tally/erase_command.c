/* tally erase: what is private of an upload, or of a job that is over, gone from the server; and how much an account holds there. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/online_commands.h"
#include "tools/tally/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
    "usage: tally erase upload ID --wallet W [--passphrase-file P] [--server URL] [--json]\n"
    "       tally erase job ID    --wallet W [--passphrase-file P] [--server URL] [--json]\n"
    "       tally erase           --wallet W [--passphrase-file P] [--server URL] [--json]\n"
    "Erases an upload of one's own: its file, its name, the evidence of what was found in it; its "
    "kind and\n"
    "figures stay public. No job can be made of it any more;\n"
    "one that has not ended keeps it. Or a job's output, settings, words and results, once it has "
    "ended and all its\n"
    "money has come: what it cost, and the receipt, stay. There is no way back. Without either it "
    "shows how much\n"
    "is held, and the uploads that can be erased (the newest 100; `--json`: as the server says "
    "it).\n";

static enum err_code print_held(const struct cli *cli, const struct remote *remote, struct err *err)
{
    json_t *who = NULL;
    json_t *account = NULL;
    json_t *uploads = NULL;
    char path[120];
    enum err_code code = remote_call(remote, "GET", "/v1/auth/whoami", NULL, &who, err);
    if (code == ERR_OK) {
        (void)snprintf(path, sizeof path, "/v1/accounts/%.60s", json_text(who, "account_id"));
        code = remote_call(remote, "GET", path, NULL, &account, err);
    }
    if (code == ERR_OK) {
        code = remote_call(remote, "GET", "/v1/uploads?limit=100", NULL, &uploads, err);
    }
    json_t *storage = json_object_get(account, "storage");
    json_t *items = json_object_get(uploads, "items");
    if (code == ERR_OK && cli->json) {
        json_t *both = json_pack("{s:O,s:O}", "storage", storage, "uploads", items);
        (void)json_dumpf(both, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(both);
    } else if (code == ERR_OK) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            json_t *item = json_array_get(items, i);
            printf("%s %12" PRId64 "  ", json_text(item, "id"), json_number(item, "size"));
            cli_put(bytes_of_text(json_text(item, "file_name")), stdout);
            (void)putchar('\n');
        }
        printf("uploads and results hold %" PRId64 " bytes", json_number(storage, "used"));
        if (json_is_integer(json_object_get(storage, "limit"))) {
            printf(" of %" PRId64, json_number(storage, "limit"));
        }
        (void)putchar('\n');
    }
    json_decref(who);
    json_decref(account);
    json_decref(uploads);
    return code;
}

static enum err_code erase(const struct cli *cli, const struct remote *remote, bool is_job,
                           struct err *err)
{
    json_t *answer = NULL;
    char path[120];
    (void)snprintf(path, sizeof path, is_job ? "/v1/jobs/%.60s/data" : "/v1/uploads/%.60s",
                   cli->rest[1]);
    enum err_code code = remote_call(remote, "DELETE", path, NULL, &answer, err);
    if (code == ERR_OK && cli->json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else if (code == ERR_OK) {
        printf("erased %s; %" PRId64 " bytes are free again\n", json_text(answer, "erased_at"),
               json_number(answer, "freed"));
    }
    json_decref(answer);
    return code;
}

int erase_command(int argc, char **argv)
{
    struct cli cli;
    struct remote remote = {0};
    struct err err = {0};
    if (cli_parse(argc, argv, NULL, 0, &cli, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    bool const is_job = cli.rest_count == 2 && strcmp(cli.rest[0], "job") == 0;
    bool const is_upload = cli.rest_count == 2 && strcmp(cli.rest[0], "upload") == 0;
    if (cli.help || (cli.rest_count != 0 && !is_job && !is_upload)) {
        (void)fputs(USAGE, cli.help ? stdout : stderr);
        return cli.help ? 0 : 2;
    }
    enum err_code code = remote_open(&cli, "[\"consumer\"]", &remote, NULL, &err);
    if (code == ERR_OK) {
        code = cli.rest_count == 0 ? print_held(&cli, &remote, &err)
                                   : erase(&cli, &remote, is_job, &err);
    }
    return code != ERR_OK ? cli_fail(&err) : fflush(stdout) == 0 ? 0 : 1;
}
