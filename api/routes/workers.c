/* What machines do: enrol, claim, start, report, end. Inputs and results, which stream, are in results.c. */
// SPDX-License-Identifier: Apache-2.0
#include "api/claims.h"
#include "api/fields.h"
#include "api/job_json.h"
#include "api/presence.h"
#include "api/report_fields.h"
#include "api/route.h"
#include "core/base/job_rules.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "projections/metrics.h"

#include <stdio.h>
#include <string.h>

#define CLAIM_WAIT_MAX_S 55
#define BENCHMARK_DETAIL_MAX 16000
#define SAMPLES_PER_S 10 /* a worker takes one every two seconds */

/* ── enrolment ─────────────────────────────────────────────────────────────────────────────────── */

static void enrolled(struct call *call)
{
    const struct command_host *host = &call->command.u.host;
    call_reply(call, 201,
               json_pack("{s:o,s:s,s:o}", "host_id", json_of_id(host->host_id), "token",
                         (const char *)call->state, "token_id", json_of_id(host->token.token_id)));
}

static void enrol(struct call *call)
{
    uint8_t secret[32];
    struct fields fields = fields_of(call);
    struct bytes host_name = fields_text(&fields, "host_name", 1, 100);
    struct bytes software = fields_optional_text(&fields, "software", 100);
    struct key32 sealing_key = {{0}};
    if (json_object_get(fields.object, "sealing_key") != NULL) {
        fields_hex(&fields, "sealing_key", sealing_key.b, sizeof sealing_key.b);
    }
    if (!fields_good(&fields)) {
        return;
    }
    char *token = arena_alloc(&call->arena, sizeof secret * 2 + 1);
    if (token == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    rng_bytes(secret, sizeof secret);
    hex_encode(bytes_of(secret, sizeof secret), token);
    call->state = token;
    /* The token is shown once, so this answer cannot be given again: no idempotency here. */
    call->command = (struct command){.type = COMMAND_HOST_ENROL,
                                     .command_id = id_new(time_wall_ns()),
                                     .actor_kind = ACTOR_ACCOUNT,
                                     .actor_id = call->principal.account_id};
    call->command.u.host = (struct command_host){
        .host_id = id_new(time_wall_ns()),
        .host_name = host_name,
        .software = software,
        .sealing_key = sealing_key,
        .token = {.token_id = id_new(time_wall_ns()),
                  .token_hash = sha256_of(bytes_of_text(token)),
                  .scopes = SCOPE_WORKER,
                  .label = host_name},
    };
    call_submit(call, CLASS_CONSUMER, enrolled);
}

/* ── claiming ──────────────────────────────────────────────────────────────────────────────────── */

struct wish { /* call->state */
    int64_t wait_s;
    uint64_t kinds;
    bool network;
};

static void wait_for_job(struct call *call)
{
    const struct wish *wish = call->state;
    claims_wait(call->api->claims, call, time_mono_ns() + wish->wait_s * NS_PER_S, wish->kinds,
                wish->network);
}

/* What the machine can run, as bits; a worker that does not say so is one that runs Python source. A word of a later version is one we have no job
 * of. */
static uint64_t read_kinds(struct fields *fields)
{
    const json_t *list;
    uint64_t kinds = 0;
    if (json_object_get(fields->object, "kinds") == NULL) {
        return UINT64_C(1) << UPLOAD_PYTHON;
    }
    list = fields_array(fields, "kinds");
    if (list != NULL && (json_array_size(list) == 0 || json_array_size(list) > 32)) {
        fields_error(fields, "kinds", "holds 1 to 32 words");
    }
    for (size_t i = 0; i < json_array_size(list) && i < 32; i++) {
        const json_t *word = json_array_get(list, i);
        if (!json_is_string(word)) {
            fields_error(fields, "kinds", "holds words, as python, notebook, bundle");
            break;
        }
        kinds |= UINT64_C(1) << enum_number(&upload_kind_words, json_string_value(word),
                                            json_string_length(word));
    }
    return kinds;
}

static bool is_online(struct call *call)
{
    struct views_snapshot *snapshot;
    struct host_row host;
    bool online = false;
    if (views_snapshot_open(ledger_views(call->api->ledger), &snapshot, NULL) == ERR_OK) {
        online = state_host(views_snapshot_store(snapshot), call->principal.host_id, &host) &&
                 host.online != 0;
        views_snapshot_close(snapshot);
    }
    return online;
}

static void claim(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t wait_s = fields_optional_u64(&fields, "wait_s", 0, CLAIM_WAIT_MAX_S, 25);
    struct bytes software = fields_optional_text(&fields, "software", 100);
    uint64_t kinds = read_kinds(&fields);
    bool network = fields_optional_bool(&fields, "network");
    if (!fields_good(&fields)) {
        return;
    }
    struct wish *state = arena_alloc(&call->arena, sizeof *state);
    if (state == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *state = (struct wish){.wait_s = (int64_t)wait_s, .kinds = kinds, .network = network};
    call->state = state;
    presence_heard(call->api->presence, call->principal.host_id);
    presence_runs(call->api->presence, call->principal.host_id, kinds);
    if (is_online(call)) {
        wait_for_job(call);
        return;
    }
    call_command(call, COMMAND_HOST_ONLINE);
    call->command.u.host.host_id = call->principal.host_id;
    call->command.u.host.software = software;
    call_submit(call, CLASS_REPORT, wait_for_job);
}

/* ── what it measured of itself ────────────────────────────────────────────────────────────────── */

static void accepted(struct call *call)
{
    call_reply_text(call, 200, "application/json", bytes_of_text("{}"));
}

static void benchmark(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_host_benchmarked measured = {
        .benchmark_version = fields_u64(&fields, "benchmark_version", 1, 1000000),
        .speed_permille = fields_u64(&fields, "speed_permille", 1, 1000000),
        .detail = fields_optional_text(&fields, "detail", BENCHMARK_DETAIL_MAX),
    };
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_HOST_BENCHMARK);
    call->command.u.benchmark =
        (struct command_benchmark){.host_id = call->principal.host_id, .benchmark = measured};
    /* No job waits for it, and it may be long: not into the room that is kept for jobs to end in. */
    call_submit(call, CLASS_CONSUMER, accepted);
}

/* ── reports ───────────────────────────────────────────────────────────────────────────────────── */

static void started(struct call *call)
{
    struct reading reading;
    struct job_row job = {0};
    if (!reading_open(&reading, call)) {
        return;
    }
    (void)state_job(reading.store, call->id, &job);
    reading_close(&reading);
    call_reply(call, 200, json_pack("{s:I}", "limit_ms", (json_int_t)job.limit_ms));
}

static void start(struct call *call)
{
    struct fields fields = fields_of(call);
    if (!fields_good(&fields)) {
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_START);
    call->command.u.job.job_id = call->id;
    call_submit(call, CLASS_REPORT, started);
}

static void progress(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_job_progressed progressed = {
        .permille = fields_u64(&fields, "permille", 0, 1000),
        .used_ms = fields_u64(&fields, "used_ms", 0, UINT64_C(1) << 50),
        .operation = fields_optional_text(&fields, "operation", 200),
    };
    if (!fields_good(&fields)) {
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_PROGRESS);
    call->command.u.progress.job_id = call->id;
    call->command.u.progress.progress = progressed;
    call_submit(call, CLASS_REPORT, accepted);
}

static void output_stored(struct call *call)
{
    struct reading reading;
    struct event event;
    if (!reading_open(&reading, call)) {
        return;
    }
    bool found = reading_event(&reading, call->answer.first, &event);
    uint64_t next = found ? event.u.job_output.first_line + event.u.job_output.lines : 0;
    bool quota = found && event.u.job_output.quota_reached;
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:I,s:b}", "next_line", (json_int_t)next, "quota_reached", quota));
}

static void output(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_job_output written = report_output_of(&fields);
    if (!fields_good(&fields)) {
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_OUTPUT);
    call->command.u.output.job_id = call->id;
    call->command.u.output.output = written;
    call_submit(call, CLASS_BULK, output_stored);
}

/* Of output the terms say how much the log takes of a job. Of samples it is as many as are kept, and more as the job runs: whoever has a machine could fill the
 * log with them, for everybody and for good. False: the problem was sent. */
static bool takes_samples(struct call *call, uint64_t count)
{
    struct reading reading;
    struct job_row job = {0};
    struct metrics_range range;
    if (count == 0) {
        return true;
    }
    if (!reading_open(&reading, call)) {
        return false;
    }
    bool const is_own = state_job(reading.store, call->id, &job) &&
                        id_equal(job.host_id, call->principal.host_id) && job.started_at != 0;
    metrics_kept(reading.store, call->id, &range);
    reading_close(&reading);
    int64_t const ran_ns = time_wall_ns() - job.started_at;
    uint64_t const ran_s = ran_ns > 0 ? (uint64_t)(ran_ns / NS_PER_S) : 0;
    if (!is_own || range.last + count <= METRICS_KEPT_MAX + SAMPLES_PER_S * ran_s) {
        return true;
    }
    call->retry_after_s = (unsigned)(count / SAMPLES_PER_S + 1);
    call_problem(call, 429, "too_many_samples",
                 "a job has at most %d samples, and %d more for each second that it runs",
                 METRICS_KEPT_MAX, SAMPLES_PER_S);
    return false;
}

static void metrics(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_metric_sampled measured = report_metrics_of(&fields);
    if (!fields_good(&fields) || !takes_samples(call, measured.samples.count)) {
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_METRICS);
    call->command.u.metrics.job_id = call->id;
    call->command.u.metrics.metrics = measured;
    call_submit(call, CLASS_BULK, accepted);
}

/* ── several at once ───────────────────────────────────────────────────────────────────────────── */

/* As its events say, the first time and when it is repeated. */
static void several_stored(struct call *call)
{
    struct reading reading;
    json_t *next_line = json_null();
    bool quota = false;
    if (!reading_open(&reading, call)) {
        json_decref(next_line);
        return;
    }
    for (uint64_t at = call->answer.last; at >= call->answer.first; at--) {
        struct event event;
        if (reading_event(&reading, at, &event) && event.type->number == EVENT_JOB_OUTPUT) {
            const struct ev_job_output *output = &event.u.job_output;
            next_line = json_of_u64(output->first_line + output->lines);
            quota = output->quota_reached;
            break;
        }
    }
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o,s:b}", "taken",
                         json_of_u64(call->answer.last - call->answer.first + 1), "next_line",
                         next_line, "quota_reached", quota));
}

static struct command_report report_of(struct fields *whole, json_t *object, size_t index)
{
    struct command_report report = {0};
    char name[32];
    struct fields fields = fields_within(whole, object, "/reports", index);
    json_t *output = fields_optional_object(&fields, "output");
    json_t *metrics = fields_optional_object(&fields, "metrics");
    if ((output == NULL) == (metrics == NULL)) {
        (void)snprintf(name, sizeof name, "reports/%zu", index);
        fields_error(whole, name, "holds either output or metrics");
    }
    struct fields inner = fields_below(&fields, output != NULL ? output : metrics,
                                       output != NULL ? "output" : "metrics");
    if (output != NULL) {
        report.is_output = true;
        report.output = report_output_of(&inner);
    } else if (metrics != NULL) {
        report.metrics = report_metrics_of(&inner);
    }
    fields_only_known(&inner);
    fields_only_known(&fields);
    whole->bad = whole->bad || fields.bad || inner.bad;
    return report;
}

static void several(struct call *call)
{
    struct fields fields = fields_of(call);
    json_t *list = fields_array(&fields, "reports");
    size_t count = json_array_size(list);
    if (list != NULL && (count == 0 || count > JOB_REPORTS_MAX)) {
        fields_error(&fields, "reports", "holds 1 to %d reports", JOB_REPORTS_MAX);
        count = 0;
    }
    struct command_report *reports = arena_alloc_array(&call->arena, count, sizeof *reports);
    uint64_t samples = 0;
    for (size_t i = 0; reports != NULL && i < count; i++) {
        reports[i] = report_of(&fields, json_array_get(list, i), i);
        samples += reports[i].is_output ? 0 : reports[i].metrics.samples.count;
    }
    if (!fields_good(&fields) || !takes_samples(call, samples)) {
        return;
    }
    if (reports == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_REPORTS);
    call->command.u.reports =
        (struct command_reports){.job_id = call->id, .reports = {.items = reports, .count = count}};
    call_submit(call, CLASS_BULK, several_stored);
}

/* ── the end ───────────────────────────────────────────────────────────────────────────────────── */

static void ended(struct call *call)
{
    struct reading reading;
    struct event event;
    if (!reading_open(&reading, call)) {
        return;
    }
    bool found = reading_event(&reading, call->answer.first, &event);
    uint64_t used_ms = found ? event.u.job_completed.used_ms : 0;
    reading_close(&reading);
    call_reply(call, 200, json_pack("{s:I}", "used_ms", (json_int_t)used_ms));
}

static void end(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ev_job_end reported = {
        .ending = (enum ending)fields_word(&fields, "ending", &ending_words),
        .reason = (enum end_reason)fields_word(&fields, "reason", &end_reason_words),
        .worker_ms = fields_u64(&fields, "worker_ms", 0, UINT64_C(1) << 50),
        .exit_status = fields_optional_u64(&fields, "exit_status", 0, 255, 0),
        .signal = fields_optional_u64(&fields, "signal", 0, 64, 0),
        .detail = fields_optional_text(&fields, "detail", 4000),
    };
    if (!fields_good(&fields)) {
        return;
    }
    presence_heard(call->api->presence, call->principal.host_id);
    call_command(call, COMMAND_JOB_END);
    call->command.u.end.job_id = call->id;
    call->command.u.end.end = reported;
    call_submit(call, CLASS_SETTLEMENT, ended);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/workers/jobs/{id}/output", SCOPE_WORKER, BODY_JSON, output},
    {HTTP_POST, "/v1/workers/jobs/{id}/metrics", SCOPE_WORKER, BODY_JSON, metrics},
    {HTTP_POST, "/v1/workers/jobs/{id}/reports", SCOPE_WORKER, BODY_JSON, several},
    {HTTP_POST, "/v1/workers/jobs/{id}/progress", SCOPE_WORKER, BODY_JSON, progress},
    {HTTP_POST, "/v1/workers/benchmark", SCOPE_WORKER, BODY_JSON, benchmark},
    {HTTP_POST, "/v1/workers/claim", SCOPE_WORKER, BODY_JSON, claim},
    {HTTP_POST, "/v1/workers/jobs/{id}/start", SCOPE_WORKER, BODY_JSON, start},
    {HTTP_POST, "/v1/workers/jobs/{id}/end", SCOPE_WORKER, BODY_JSON, end},
    {HTTP_POST, "/v1/workers/enrol", SCOPE_PROVIDER | SCOPE_ENROL, BODY_JSON, enrol},
};
const struct route_table ROUTES_WORKERS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
