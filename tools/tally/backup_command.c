// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/backup_command.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "tools/tally/arguments.h"
#include "tools/tally/backup.h"
#include "tools/tally/guarded.h"

#include <inttypes.h>
#include <stdio.h>

static const char usage_text[] =
    "usage: tally backup --data DIR --to FOLDER [--json]\n\n"
    "Copy the log in DIR as it is now, and every file it names, to FOLDER: beside a running "
    "server, "
    "or without one.\n"
    "Every hash is computed again on the way. A FOLDER with an older backup of the same log gets "
    "what is new, and\n"
    "is a whole backup at every moment, before, between and after; one that has more than DIR is "
    "left as it is.\n"
    "What was erased since the older one is removed from it. With it come keys.sealed and how far "
    "webhooks are. Not in it, to be kept elsewhere: the "
    "passphrase,\n"
    "operator.token, and DIR.checkpoint, which says how much was signed. Exit status 0: all is "
    "there.\n";

struct input {
    const char *data;
    const char *to;
    bool quiet;
};

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    return backup_write(input->data, input->to, input->quiet, out, err);
}

static void print_failure(bool json, const struct err *err)
{
    if (!json) {
        fprintf(stderr, "tally backup: %s\n", err->message);
        return;
    }
    struct buf text;
    buf_init(&text, 4096);
    json_append_string(&text, bytes_of_text(err->message));
    printf("{\"ok\":false,\"code\":\"%s\",\"detail\":%s}\n", err_code_name(err->code),
           buf_text(&text));
    buf_deinit(&text);
}

static void print_json(const struct backup_result *r)
{
    char root[65];
    hex_encode(bytes_of(r->log.root.b, 32), root);
    printf("{\"ok\":%s,\"size\":%" PRIu64 ",\"root\":\"%s\",\"origin\":\"%s\",\"before\":%" PRIu64
           ",\"files\":%" PRIu64 ",\"copied\":%" PRIu64 ",\"copied_bytes\":%" PRIu64
           ",\"removed\":%" PRIu64 ",\"missing\":%" PRIu64 "}\n",
           r->missing == 0 ? "true" : "false", r->log.size, root, r->log.origin, r->old_size,
           r->blobs, r->copied, r->copied_bytes, r->removed, r->missing);
}

static void print_text(const struct backup_result *r, const char *to)
{
    char root[65];
    hex_encode(bytes_of(r->log.root.b, 32), root);
    printf("log         %s\nrecords     %" PRIu64 ", %" PRIu64
           " of them new, every hash computed again\nroot        %s\nfiles       %" PRIu64
           " are named, %" PRIu64 " were copied now (%" PRIu64 " bytes)\n",
           r->log.origin, r->log.size, r->log.size - r->old_size, root, r->blobs + r->missing,
           r->copied, r->copied_bytes);
    if (r->removed > 0) {
        printf("erased      %" PRIu64
               " files that the backup had, and that no record names any more\n",
               r->removed);
    }
    if (r->missing == 0) {
        printf("whole: %s\n", to);
    }
}

int backup_command(int argc, char **argv)
{
    struct input input = {0};
    struct backup_result result = {0};
    struct err err = {0};
    const struct argument table[] = {{"--data", &input.data, NULL, true},
                                     {"--to", &input.to, NULL, true},
                                     {"--json", NULL, &input.quiet, false}};
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    if (guarded_run(work, &input, &result, sizeof result, &err) != ERR_OK) {
        print_failure(input.quiet, &err);
        return 1;
    }
    if (input.quiet) {
        print_json(&result);
    } else {
        print_text(&result, input.to);
    }
    if (result.missing > 0) {
        char digest[65];
        hex_encode(bytes_of(result.first_missing.b, 32), digest);
        fprintf(stderr,
                "tally backup: NOT whole: %" PRIu64
                " files that the log names are not in %s/blobs, "
                "the first is %s\n",
                result.missing, input.data, digest);
    }
    return result.missing == 0 ? 0 : 1;
}
