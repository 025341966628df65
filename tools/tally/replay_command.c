/* Order matters beside a running server: first the live views' position and digest in one snapshot, then the log, which
 * by then has at least that many records; the rebuilt views stop exactly there. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/replay_command.h"

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/ledger/ledger.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "projections/all.h"
#include "tools/tally/arguments.h"
#include "tools/tally/explain.h"
#include "tools/tally/guarded.h"
#include "tools/tally/progress.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: tally replay --data DIR [--explain [MATCH]] [--json]\n\n"
    "Compute every view again from the log alone, in a temporary "
    "folder, and compare with the views\n"
    "of DIR at the sequence they stand at: equal means that nothing "
    "they show comes from elsewhere.\n"
    "Without views in DIR (a copy of the log alone), only the digest "
    "is printed. Exit status 0: equal.\n\n"
    "  --explain   compute a match again instead: the ranking of MATCH "
    "(its id; without, the newest) from the log\n"
    "              as it was then. One of another version of the "
    "algorithm is not compared, and says so.\n";

struct input {
    const char *data;
    const char *scratch; /* temporary folder */
    bool quiet;
};

struct options {
    struct input input;
    bool explain;
    const char *match;
};

struct result {
    bool compared;
    uint64_t sequence;
    uint64_t size; /* of the log */
    struct key32 live;
    struct key32 rebuilt;
    uint64_t replay_ms;
};

static const struct projection_list *all_projections(void)
{
    static struct projection_list list;
    list = (struct projection_list){PROJECTIONS, PROJECTION_COUNT};
    return &list;
}

static enum err_code digest_of(struct views *views, uint64_t *ret_sequence, struct key32 *ret,
                               struct err *err)
{
    struct views_snapshot *snapshot = NULL;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code == ERR_OK) {
        const struct views_position *position = views_snapshot_position(snapshot);
        *ret_sequence = position->sequence;
        code = views_snapshot_digest(snapshot, ret, err);
        if (code == ERR_OK && position->version != VIEWS_VERSION) {
            code = err_set(err, ERR_CONFLICT,
                           "the views have layout %" PRIu64 ", this program writes %d; start the "
                           "server of this version once",
                           position->version, VIEWS_VERSION);
        }
    }
    views_snapshot_close(snapshot);
    return code;
}

static enum err_code read_live(const struct input *input, struct result *result, struct err *err)
{
    char folder[PATH_MAX];
    char file[PATH_MAX];
    struct stat info;
    struct views *views = NULL;
    enum err_code code = path_join(folder, sizeof folder, input->data, "views", err);
    if (code == ERR_OK) {
        code = path_join(file, sizeof file, folder, "data.mdb", err);
    }
    if (code != ERR_OK || (stat(file, &info) != 0 && errno == ENOENT)) {
        return code;
    }
    struct views_options options = {.folder = folder, .read_only = true};
    code = replay_open_views(&options, all_projections(), &views, err);
    if (code == ERR_OK) {
        code = digest_of(views, &result->sequence, &result->live, err);
        result->compared = code == ERR_OK && result->sequence > 0;
        views_close(views);
    }
    return code;
}

static enum err_code read_log_id(struct event_log *log, struct id16 *ret, struct err *err)
{
    struct log_reader *reader = NULL;
    struct bytes record = {0};
    struct event opened;
    struct arena arena;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    arena_init(&arena, 1 << 20);
    if (log_reader_size(reader) == 0) {
        code = err_set(err, ERR_NOT_FOUND, "the log has no record yet");
    }
    if (code == ERR_OK) {
        code = log_reader_record(reader, 1, &record, err);
    }
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &opened, err);
    }
    if (code == ERR_OK && opened.type->number != EVENT_LEDGER_OPENED) {
        code = err_set(err, ERR_CORRUPT, "record 1 is not ledger.opened");
    }
    if (code == ERR_OK) {
        *ret = opened.u.ledger_opened.log_id;
    }
    arena_deinit(&arena);
    log_reader_close(reader);
    return code;
}

static enum err_code rebuild(const struct input *input, struct result *result, struct err *err)
{
    char folder[PATH_MAX];
    struct event_log *log = NULL;
    struct views *views = NULL;
    struct progress progress = progress_start("replaying", input->quiet);
    struct replay replay = {
        .projections = *all_projections(), .progress = progress_records, .ctx = &progress};
    struct event_log_options log_options = {.folder = folder, .read_only = true};
    struct views_options options = {.folder = input->scratch};
    enum err_code code = path_join(folder, sizeof folder, input->data, "log", err);
    if (code == ERR_OK) {
        code = event_log_open(&log_options, &log, err);
    }
    if (code == ERR_OK) {
        code = read_log_id(log, &replay.log_id, err);
    }
    if (code == ERR_OK) {
        result->size = event_log_size(log);
        result->sequence = result->compared ? result->sequence : result->size;
        code = result->sequence <= result->size
                   ? replay_open_views(&options, all_projections(), &views, err)
                   : err_set(err, ERR_CORRUPT,
                             "the views stand at %" PRIu64 ", the log ends at %" PRIu64,
                             result->sequence, result->size);
    }
    if (code == ERR_OK) {
        uint64_t sequence;
        replay.log = log;
        replay.views = views;
        replay.to = result->sequence;
        code = replay_run(&replay, 0, err);
        result->replay_ms = (uint64_t)(time_mono_ns() - progress.started_ns) / 1000000;
        if (code == ERR_OK) {
            code = digest_of(views, &sequence, &result->rebuilt, err);
        }
    }
    progress_end(&progress);
    views_close(views);
    event_log_close(log);
    return code;
}

static enum err_code work(const void *in, void *out, struct err *err)
{
    enum err_code code = read_live(in, out, err);
    return code == ERR_OK ? rebuild(in, out, err) : code;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void print_result(const struct input *input, const struct result *r, bool equal)
{
    char live[65];
    char rebuilt[65];
    hex_encode(bytes_of(r->live.b, 32), live);
    hex_encode(bytes_of(r->rebuilt.b, 32), rebuilt);
    if (input->quiet) {
        printf("{\"equal\":%s,\"sequence\":%" PRIu64 ",\"size\":%" PRIu64
               ",\"rebuilt\":\"%s\",\"live\":%s%s%s,\"ms\":%" PRIu64 "}\n",
               r->compared ? equal ? "true" : "false" : "null", r->sequence, r->size, rebuilt,
               r->compared ? "\"" : "", r->compared ? live : "null", r->compared ? "\"" : "",
               r->replay_ms);
        return;
    }
    printf("replayed    %" PRIu64 " of %" PRIu64 " records in %" PRIu64 ".%03" PRIu64
           " s\nrebuilt     %s\n",
           r->sequence, r->size, r->replay_ms / 1000, r->replay_ms % 1000, rebuilt);
    if (r->compared) {
        printf("live        %s\n%s\n", live,
               equal ? "equal: every view follows from the log"
                     : "DIFFERENT: a live view holds what the log does not say");
    } else {
        printf("live        no views to compare with\n");
    }
}

static int explain_match(const struct options *options, const char *scratch, struct err *err)
{
    static struct explained explained;
    struct explain_input input = {
        .data = options->input.data, .scratch = scratch, .quiet = options->input.quiet};
    if (options->match != NULL &&
        id_parse(bytes_of_text(options->match), &input.match_id, err) != ERR_OK) {
        return 2;
    }
    if (guarded_run(explain_work, &input, &explained, sizeof explained, err) != ERR_OK) {
        return 1;
    }
    explain_print(&explained, options->input.quiet);
    return !explained.compared || explained.equal ? 0 : 1;
}

static int compare_views(struct options *options, const char *scratch, struct err *err)
{
    struct result result = {0};
    options->input.scratch = scratch;
    if (guarded_run(work, &options->input, &result, sizeof result, err) != ERR_OK) {
        return 1;
    }
    bool equal = !result.compared || key_equal(result.live, result.rebuilt);
    print_result(&options->input, &result, equal);
    return equal ? 0 : 1;
}

int replay_command(int argc, char **argv)
{
    struct options options = {0};
    struct err err = {0};
    char scratch[PATH_MAX];
    char views[PATH_MAX];
    const struct argument table[] = {{"--data", &options.input.data, NULL, true},
                                     {"--explain", NULL, &options.explain, false},
                                     {"--json", NULL, &options.input.quiet, false},
                                     {"MATCH", &options.match, NULL, false}};
    int status = arguments_parse(usage_text, table, 4, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    if (options.match != NULL && !options.explain) {
        fprintf(stderr, "tally replay: '%s' is only expected after --explain\n\n%s", options.match,
                usage_text);
        return 2;
    }
    const char *temporary = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): one thread */
    (void)snprintf(scratch, sizeof scratch, "%s/tally-replay-XXXXXX",
                   temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(scratch) == NULL) {
        fprintf(stderr, "tally replay: no temporary folder (%s); set TMPDIR\n", scratch);
        return 1;
    }
    status = path_join(views, sizeof views, scratch, "views", &err) != ERR_OK ? 1
             : options.explain ? explain_match(&options, views, &err)
                               : compare_views(&options, views, &err);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread */
    (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (err.code != ERR_OK) {
        fprintf(stderr, "tally replay: %s\n", err.message);
    }
    return status;
}
