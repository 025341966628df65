// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/verify_command.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/log/log_verify.h"
#include "core/qubic/identity.h"
#include "tools/tally/anchors.h"
#include "tools/tally/arguments.h"
#include "tools/tally/guarded.h"
#include "tools/tally/progress.h"
#include "tools/tally/receipt.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] = "usage: tally verify --data DIR [--qubic-query-url URL] [--json]\n"
                                 "       tally verify --receipt FILE\n\n"
                                 "Compute every hash of the log in DIR again: sequence without "
                                 "gaps, records in canonical form,\n"
                                 "private parts against their digests, the Merkle tree with its "
                                 "tiles, the checkpoint's signature\n"
                                 "and root, the root in every anchor. Reads only; works beside a "
                                 "running server and on a copy.\n"
                                 "--qubic-query-url (of the real network: "
                                 "https://rpc.qubic.org/query/v1) also looks for every anchor's\n"
                                 "transaction on the chain. Exit status 0: all holds.\n";

struct input {
    const char *data;
    const char *query_url; /* NULL: the chain is not asked */
    bool quiet;
};

struct result { /* plain data: it comes out of another process */
    struct log_verify_result log;
    struct log_anchor newest;
    struct anchors_found chain;
    uint64_t done; /* records that hold, from the first on */
};

struct reading {
    struct result *result;
    struct progress progress;
    struct anchors anchors;
};

static void on_progress(void *ctx, uint64_t done, uint64_t size)
{
    struct reading *reading = ctx;
    reading->result->done = done;
    progress_records(&reading->progress, done, size);
}

static enum err_code on_anchor(void *ctx, const struct log_anchor *anchor, struct err *err)
{
    return anchors_take(&((struct reading *)ctx)->anchors, anchor, err);
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    const struct input *input = in;
    struct result *result = out;
    struct event_log *log = NULL;
    char folder[PATH_MAX];
    struct reading reading = {.result = result,
                              .progress = progress_start("checking", input->quiet)};
    struct log_verify_options options = {
        .progress = on_progress, .anchor = on_anchor, .ctx = &reading};
    enum err_code code = path_join(folder, sizeof folder, input->data, "log", err);
    struct event_log_options log_options = {.folder = folder, .read_only = true};
    if (code == ERR_OK) {
        code = event_log_open(&log_options, &log, err);
    }
    if (code == ERR_OK) {
        code = log_verify(log, &options, &result->log, err);
    }
    progress_end(&reading.progress);
    if (code == ERR_OK && reading.anchors.count > 0) {
        result->newest = reading.anchors.list[reading.anchors.count - 1].said;
        if (input->query_url != NULL) {
            code = anchors_ask_chain(&reading.anchors, log, input->query_url, input->quiet,
                                     &result->chain, err);
        }
    }
    anchors_deinit(&reading.anchors);
    event_log_close(log);
    return code;
}

static void print_json_anchors(const struct result *r, bool asked)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    printf(",\"anchors\":{\"count\":%" PRIu64, r->log.anchors);
    if (r->log.anchors > 0) {
        qubic_hash_format(&r->newest.anchored.tx_id, text);
        printf(",\"newest\":{\"sequence\":%" PRIu64 ",\"size\":%" PRIu64 ",\"tick\":%" PRIu64
               ",\"transaction\":\"%s\"}",
               r->newest.sequence, r->newest.anchored.size, r->newest.anchored.tick, text);
    }
    if (asked) {
        printf(",\"on_chain\":%" PRIu64 ",\"identities\":[", r->chain.on_chain);
        for (size_t i = 0; i < r->chain.identity_count; i++) {
            qubic_identity_format(&r->chain.identities[i], text);
            printf("%s\"%s\"", i > 0 ? "," : "", text);
        }
        printf("]");
    }
    printf("}");
}

static void print_json(const struct result *result, bool asked, uint64_t ms)
{
    const struct log_verify_result *r = &result->log;
    char root[65];
    char checkpoint[65] = "";
    hex_encode(bytes_of(r->root.b, 32), root);
    printf("{\"ok\":true,\"size\":%" PRIu64 ",\"root\":\"%s\",\"private_parts\":%" PRIu64
           ",\"erased\":%" PRIu64 ",\"origin\":\"%s\"",
           r->size, root, r->private_parts, r->erased, r->origin);
    if (r->has_checkpoint) {
        hex_encode(bytes_of(r->checkpoint.root.b, 32), checkpoint);
        printf(",\"checkpoint\":{\"size\":%" PRIu64 ",\"root\":\"%s\"}", r->checkpoint.size,
               checkpoint);
    }
    print_json_anchors(result, asked);
    printf(",\"ms\":%" PRIu64 "}\n", ms);
}

static void print_anchors(const struct result *r, bool asked)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    if (r->log.anchors == 0) {
        printf("anchors     none: no checkpoint was put on the chain\n");
        return;
    }
    qubic_hash_format(&r->newest.anchored.tx_id, text);
    printf("anchors     %" PRIu64
           ", each the root of the records before it; the newest is over %" PRIu64
           " records, in tick %" PRIu64 "\n            %s\n",
           r->log.anchors, r->newest.anchored.size, r->newest.anchored.tick, text);
    if (!asked) {
        printf("            not looked for on the chain: --qubic-query-url does that\n");
        return;
    }
    printf("            all %" PRIu64 " are on the chain, from\n", r->chain.on_chain);
    for (size_t i = 0; i < r->chain.identity_count; i++) {
        qubic_identity_format(&r->chain.identities[i], text);
        printf("            %s\n", text);
    }
    printf("            (compare with the server's /readyz; not checked: whether the chain has "
           "anchors "
           "from there that this log has not)\n");
}

static void print_text(const struct result *result, bool asked, uint64_t ms)
{
    const struct log_verify_result *r = &result->log;
    char root[65];
    hex_encode(bytes_of(r->root.b, 32), root);
    printf("log         %s\nrecords     %" PRIu64 ", every hash computed again in %" PRIu64
           ".%03" PRIu64 " s\nroot        %s\nprivate     %" PRIu64
           " parts match their digest, %" PRIu64 " erased\n",
           r->origin, r->size, ms / 1000, ms % 1000, root, r->private_parts, r->erased);
    if (r->has_checkpoint) {
        printf("checkpoint  signature and root hold at %" PRIu64 " records\n", r->checkpoint.size);
    } else {
        printf("checkpoint  none was signed yet\n");
    }
    print_anchors(result, asked);
    printf("verified\n");
}

int verify_command(int argc, char **argv)
{
    struct input input = {0};
    struct result result = {0};
    struct err err = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--receipt") == 0) {
            return receipt_command(argc, argv);
        }
    }
    const struct argument table[] = {{"--data", &input.data, NULL, true},
                                     {"--qubic-query-url", &input.query_url, NULL, false},
                                     {"--json", NULL, &input.quiet, false}};
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    int64_t started = time_mono_ns();
    enum err_code code = guarded_run(work, &input, &result, sizeof result, &err);
    uint64_t ms = (uint64_t)((time_mono_ns() - started) / NS_PER_MS);
    if (code == ERR_CORRUPT && result.done > 0) {
        err_context(&err, "records 1 to %" PRIu64 " hold, but", result.done);
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
    if (input.quiet) {
        print_json(&result, input.query_url != NULL, ms);
    } else {
        print_text(&result, input.query_url != NULL, ms);
    }
    return 0;
}
