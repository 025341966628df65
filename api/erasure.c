// SPDX-License-Identifier: Apache-2.0
#include "api/erasure.h"

#include "api/blobs.h"
#include "api/job_answers.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/log/log_blobs.h"
#include "core/market/storage.h"
#include "projections/streams.h"

#include <stdlib.h>
#include <string.h>

#define LOOKED_AT_ONCE 4096 /* of a stream's events on one snapshot */
#define SEQUENCES 64

struct erasure {
    struct api *api;
    struct call *call; /* NULL: it is gone, and only the store is to be put right */
    enum stream_kind kind;
    struct id16 id;
    uint64_t after; /* of the stream, looked at */
    uv_work_t work;
    void (*run)(struct erasure *erasure);    /* on the pool */
    void (*worked)(struct erasure *erasure); /* on the loop, while there is the call */
    struct erasure *next;                    /* waiting for its turn */
    /* the pool's while it works */
    enum err_code code;
    struct err err;
    uint64_t changes; /* of its storage_row, before its parts were listed */
    struct ev_erased parts[ERASE_PARTS_MAX];
    size_t part_count;
    struct key32 digests[ERASE_PARTS_MAX];
    size_t digest_count;
    bool is_last;
    bool is_marked; /* the store, for these digests */
};

/* ── on the pool ───────────────────────────────────────────────────────────────────────────────── */

struct looking { /* one snapshot */
    struct erasure *erasure;
    struct log_reader *log;
    struct arena *arena;
};

static void take(struct looking *looking, uint64_t sequence)
{
    struct erasure *e = looking->erasure;
    struct key32 digest;
    struct bytes part;
    if (!log_reader_private(looking->log, sequence, &part)) {
        e->code = log_reader_check(looking->log, &e->err);
        return;
    }
    INVARIANT(e->part_count < ERASE_PARTS_MAX);
    e->parts[e->part_count++].sequence = sequence;
    e->code = log_named_blob(looking->log, sequence, looking->arena, &digest, &e->err);
    if (e->code == ERR_OK && !key_is_zero(digest)) {
        e->digests[e->digest_count++] = digest;
    }
}

/* A job's settings are also in the quote that it took. */
static void take_quote(struct looking *looking, struct store *store)
{
    struct job_row job;
    struct quote_row quote;
    if (looking->erasure->kind == STREAM_JOB && looking->erasure->after == 0 &&
        state_job(store, looking->erasure->id, &job) && state_quote(store, job.quote_id, &quote)) {
        take(looking, quote.issued_sequence);
    }
}

static void look(struct looking *looking, struct store *store)
{
    struct erasure *e = looking->erasure;
    uint64_t sequences[SEQUENCES];
    take_quote(looking, store);
    for (size_t looked_at = 0; looked_at < LOOKED_AT_ONCE && e->code == ERR_OK;
         looked_at += SEQUENCES) {
        size_t const count = streams_after(store, e->kind, e->id, e->after, sequences, SEQUENCES);
        e->is_last = count == 0;
        for (size_t i = 0; i < count && e->code == ERR_OK; i++) {
            if (e->part_count == ERASE_PARTS_MAX) {
                return;
            }
            e->after = sequences[i];
            take(looking, sequences[i]);
        }
        if (count == 0) {
            return;
        }
    }
}

/* Some of the stream's events, on a snapshot that is not kept open long. */
static void look_on(struct erasure *e, struct arena *arena)
{
    struct views_snapshot *views = NULL;
    struct looking looking = {.erasure = e, .arena = arena};
    e->code = views_snapshot_open(ledger_views(e->api->ledger), &views, &e->err);
    if (e->code == ERR_OK) {
        e->code = log_reader_open(ledger_log(e->api->ledger), &looking.log, &e->err);
    }
    if (e->code == ERR_OK) {
        struct store *store = views_snapshot_store(views);
        if (e->part_count == 0) {
            e->changes = state_storage(store, e->kind, e->id).changes;
        }
        look(&looking, store);
        e->code = e->code == ERR_OK ? store_check(store, &e->err) : e->code;
    }
    log_reader_close(looking.log);
    views_snapshot_close(views);
}

static void list_parts(struct erasure *e)
{
    struct arena arena;
    e->part_count = 0;
    e->digest_count = 0;
    e->is_last = false;
    arena_init(&arena, LOG_BLOB_ARENA_MAX);
    while (e->code == ERR_OK && !e->is_last && e->part_count < ERASE_PARTS_MAX) {
        look_on(e, &arena);
    }
    arena_deinit(&arena);
    if (e->code == ERR_OK && e->digest_count > 0) {
        e->code = blob_holds_begin_removal(blobs_holds(e->api->blobs), &e->err);
        e->is_marked = e->code == ERR_OK;
    }
}

/* Of what the log does not name any more, whatever became of the command. */
static void remove_files(struct erasure *e)
{
    struct blob_holds *holds = blobs_holds(e->api->blobs);
    bool all_gone = true;
    for (size_t i = 0; i < e->digest_count; i++) {
        bool const gone = blob_holds_remove(holds, ledger_log(e->api->ledger), e->digests[i]);
        all_gone = all_gone && gone;
    }
    blob_holds_end_removal(holds, all_gone);
    e->is_marked = false;
}

/* ── on the loop ───────────────────────────────────────────────────────────────────────────────── */

static void list_next(struct erasure *e);

static void start_waiting(struct api *api)
{
    while (api->erasures.first != NULL && api->erasures.running < ERASURES_RUNNING_MAX) {
        struct erasure *e = api->erasures.first;
        api->erasures.first = e->next;
        api->erasures.running++;
        e->call->awaiting = false;
        if (e->call->request == NULL) { /* gone while it waited */
            call_free(e->call);
        } else {
            list_next(e);
        }
    }
}

static void work_cb(uv_work_t *work)
{
    struct erasure *e = work->data;
    e->run(e);
}

static void end(struct erasure *e)
{
    struct api *api = e->api;
    free(e);
    api->erasures.running--;
    start_waiting(api);
}

static void worked_cb(uv_work_t *work, int status)
{
    struct erasure *e = work->data;
    (void)status; /* never cancelled */
    if (e->call == NULL) {
        end(e);
        return;
    }
    e->call->awaiting = false;
    if (e->call->request == NULL) {
        call_free(e->call);
    } else {
        e->worked(e);
    }
}

static void work(struct erasure *e, void (*run)(struct erasure *e),
                 void (*worked)(struct erasure *e))
{
    e->run = run;
    e->worked = worked;
    e->work.data = e;
    if (e->call != NULL) {
        e->call->awaiting = true;
    }
    int rc = uv_queue_work(e->api->loop, &e->work, work_cb, worked_cb);
    INVARIANT(rc == 0);
}

/* However the call ends: what is kept of its job is not shown again, and the store is as the log has it. */
static void give_back(struct call *call)
{
    struct erasure *e = call->state;
    e->call = NULL;
    job_answers_forget(e->api->job_answers, e->id);
    if (e->is_marked) {
        work(e, remove_files, NULL);
    } else {
        end(e);
    }
}

static void reply(struct erasure *e)
{
    struct call *call = e->call;
    struct reading reading;
    if (reading_open(&reading, call)) {
        json_t *json = json_of_erasure(&reading, e->kind, e->id);
        reading_close(&reading);
        call_reply(call, 200, json);
    }
}

static void removed(struct erasure *e)
{
    if (e->is_last) {
        reply(e);
    } else {
        list_next(e);
    }
}

static void erased(struct call *call)
{
    struct erasure *e = call->state;
    job_answers_forget(e->api->job_answers, e->id);
    if (e->is_marked) {
        work(e, remove_files, removed);
    } else {
        removed(e);
    }
}

/* An id of its own for each: the request is one that can be repeated, whatever its key. Not as a consumer's: it makes room where there is none. */
static void listed(struct erasure *e)
{
    struct call *call = e->call;
    if (e->code != ERR_OK) {
        call_refuse(call, &e->err);
        return;
    }
    call_command(call, e->kind == STREAM_JOB ? COMMAND_JOB_ERASE : COMMAND_UPLOAD_ERASE);
    call->command.command_id = id_new(time_wall_ns());
    call->command.fingerprint = (struct key32){0};
    call->command.u.erase =
        (struct command_erase){.id = e->id,
                               .sequences = {.items = e->parts, .count = e->part_count},
                               .changes = e->changes,
                               .is_last = e->is_last};
    call_submit(call, CLASS_REPORT, erased);
}

static void list_next(struct erasure *e)
{
    work(e, list_parts, listed);
}

void erasure_begin(struct call *call, enum stream_kind kind)
{
    struct api *api = call->api;
    struct erasure **at = &api->erasures.first;
    struct erasure *e = calloc(1, sizeof *e);
    if (e == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    e->api = api;
    e->call = call;
    e->kind = kind;
    e->id = call->id;
    call->state = e;
    call->on_free = give_back;
    call->awaiting = true;
    while (*at != NULL) { /* as many as there are requests at most */
        at = &(*at)->next;
    }
    *at = e;
    start_waiting(api);
}

json_t *json_of_erasure(struct reading *reading, enum stream_kind kind, struct id16 id)
{
    struct event event;
    uint64_t const sequence = state_storage(reading->store, kind, id).erased;
    if (sequence == 0 || !reading_event(reading, sequence, &event)) {
        return json_null();
    }
    return json_pack("{s:o,s:I,s:o}", "erased_at", json_of_time(event.time), "freed",
                     (json_int_t)event.u.upload_erased.freed, "sequence", json_of_u64(sequence));
}
