// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/verify_command.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/log/log_verify.h"
#include "tools/tally/arguments.h"
#include "tools/tally/guarded.h"
#include "tools/tally/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

static const char usage_text[] = "usage: tally verify --data DIR [--json]\n\n"
                                 "Compute every hash of the log in DIR again: sequence without "
                                 "gaps, records in canonical form,\n"
                                 "private parts against their digests, the Merkle tree with its "
                                 "tiles, the checkpoint's signature\n"
                                 "and root. Reads only; works beside a running server and on a "
                                 "copy. Exit status 0: all holds.\n";

struct input {
    const char *data;
    bool quiet;
};

struct output {
    struct log_verify_result result;
    uint64_t done; /* records that hold, from the first on */
    struct progress progress;
};

static void progress_cb(void *ctx, uint64_t done, uint64_t size)
{
    struct output *output = ctx;
    output->done = done;
    progress_records(&output->progress, done, size);
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    struct output *output = out;
    struct event_log *log = NULL;
    char folder[PATH_MAX];
    output->progress = progress_start("checking", input->quiet);
    struct log_verify_options options = {.progress = progress_cb, .ctx = output};
    enum err_code code = path_join(folder, sizeof folder, input->data, "log", err);
    struct event_log_options log_options = {.folder = folder, .read_only = true};
    if (code == ERR_OK) {
        code = event_log_open(&log_options, &log, err);
    }
    if (code == ERR_OK) {
        code = log_verify(log, &options, &output->result, err);
    }
    progress_end(&output->progress);
    event_log_close(log);
    return code;
}

static void print_json(const struct log_verify_result *r, const char *root, uint64_t ms)
{
    char checkpoint[65] = "";
    printf("{\"ok\":true,\"size\":%" PRIu64 ",\"root\":\"%s\",\"private_parts\":%" PRIu64
           ",\"erased\":%" PRIu64 ",\"origin\":\"%s\"",
           r->size, root, r->private_parts, r->erased, r->origin);
    if (r->has_checkpoint) {
        hex_encode(bytes_of(r->checkpoint.root.b, 32), checkpoint);
        printf(",\"checkpoint\":{\"size\":%" PRIu64 ",\"root\":\"%s\"}", r->checkpoint.size,
               checkpoint);
    }
    printf(",\"ms\":%" PRIu64 "}\n", ms);
}

static void print_text(const struct log_verify_result *r, const char *root, uint64_t ms)
{
    printf("log         %s\nrecords     %" PRIu64 ", every hash computed again in %" PRIu64
           ".%03" PRIu64 " s\nroot        %s\nprivate     %" PRIu64
           " parts match their digest, %" PRIu64 " erased\n",
           r->origin, r->size, ms / 1000, ms % 1000, root, r->private_parts, r->erased);
    if (r->has_checkpoint) {
        printf("checkpoint  signature and root hold at %" PRIu64 " records\n", r->checkpoint.size);
    } else {
        printf("checkpoint  none was signed yet\n");
    }
    printf("verified\n");
}

int verify_command(int argc, char **argv)
{
    struct input input = {0};
    struct output output = {0};
    struct err err = {0};
    const struct argument table[] = {{"--data", &input.data, NULL, true},
                                     {"--json", NULL, &input.quiet, false}};
    char root[65];
    int status = arguments_parse(usage_text, table, 2, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    int64_t started = time_mono_ns();
    enum err_code code = guarded_run(work, &input, &output, sizeof output, &err);
    uint64_t ms = (uint64_t)((time_mono_ns() - started) / NS_PER_MS);
    if (code == ERR_CORRUPT && output.done > 0) {
        err_context(&err, "records 1 to %" PRIu64 " hold, but", output.done);
    }
    if (code != ERR_OK) {
        if (input.quiet) {
            struct buf text;
            buf_init(&text, 4096);
            json_append_string(&text, bytes_of_text(err.message));
            printf("{\"ok\":false,\"code\":\"%s\",\"detail\":%s}\n", err_code_name(code),
                   buf_text(&text));
            buf_deinit(&text);
        } else {
            fprintf(stderr, "tally verify: NOT verified: %s\n", err.message);
        }
        return 1;
    }
    hex_encode(bytes_of(output.result.root.b, 32), root);
    if (input.quiet) {
        print_json(&output.result, root, ms);
    } else {
        print_text(&output.result, root, ms);
    }
    return 0;
}
