/* The random market: mostly what honest people, machines and a chain do, now and then what they should not. At most one random draw in an argument
 * list or expression: compilers evaluate them in different orders, and a seed shall mean the same market everywhere. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/market/stock.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"

#include <stdio.h>
#include <string.h>

static struct id16 any_of(struct market *m, const struct market_ids *things)
{
    return things->count == 0 ? market_new_id(m) : things->ids[market_below(m, things->count)];
}

static struct key32 identity_of(struct market *m, struct id16 account_id)
{
    struct account_row account;
    return state_account(m->store, account_id, &account) ? account.identity : market_new_key(m);
}

static uint64_t between(struct market *m, uint64_t least, uint64_t most)
{
    return least + market_below(m, most - least + 1);
}

static uint64_t any_magnitude(struct market *m)
{
    uint64_t shift = market_below(m, 64);
    return market_random(m) >> shift;
}

/* ── people, machines, offers ──────────────────────────────────────────────────────────────────── */

static void webhook_command(struct market *m, enum command_type type, struct id16 owner,
                            struct id16 webhook_id)
{
    enum actor_kind by = id_is_zero(owner) || market_chance(m, 10) ? ACTOR_OPERATOR : ACTOR_ACCOUNT;
    struct command command =
        market_command(m, type, by, market_chance(m, 90) ? owner : any_of(m, &m->accounts));
    command.u.webhook = (struct command_webhook){
        .account_id = owner,
        .webhook_id = webhook_id,
        .created = {.scopes = market_chance(m, 90) ? SCOPE_CONSUMER : SCOPE_WORKER,
                    .url = bytes_of_text(market_chance(m, 95) ? "https://example.org/hook" : ""),
                    .topics = bytes_of_text("all")},
        .paused = {.failures = 3}};
    (void)market_submit(m, &command);
}

/* One is made, and a few things happen to it or to another of the account's. By draws of its own: what happens to jobs stays rare in the way it was. */
static void webhook_step(struct market *m)
{
    static const enum command_type TYPES[] = {COMMAND_WEBHOOK_ROTATE, COMMAND_WEBHOOK_PAUSE,
                                              COMMAND_WEBHOOK_RESUME, COMMAND_WEBHOOK_DELETE};
    uint64_t random = m->random;
    m->random ^= m->sequence;
    struct id16 owner = market_chance(m, 10) ? (struct id16){0} : any_of(m, &m->accounts);
    webhook_command(m, COMMAND_WEBHOOK_CREATE, owner, market_new_id(m));
    for (int i = 0; i < 4; i++) {
        struct id16 own[WEBHOOKS_PER_ACCOUNT_MAX];
        size_t count = state_account_webhooks(m->store, owner, own, WEBHOOKS_PER_ACCOUNT_MAX);
        webhook_command(m, TYPES[market_below(m, sizeof TYPES / sizeof *TYPES)], owner,
                        count == 0 ? market_new_id(m) : own[market_below(m, count)]);
    }
    m->random = random;
}

/* A code is exchanged, rarely for too much or with a slip of the pen, and now and then twice. */
static void code_step(struct market *m)
{
    uint64_t random = m->random;
    m->random ^= m->sequence;
    struct command command =
        market_command(m, COMMAND_CODE_EXCHANGE, ACTOR_ACCOUNT, (struct id16){0});
    command.u.exchange = market_code(m, any_of(m, &m->accounts));
    command.u.exchange.code_hash.b[0] ^= market_chance(m, 10) ? 1 : 0;
    command.u.exchange.token.scopes |= market_chance(m, 10) ? SCOPE_PROVIDER : 0;
    (void)market_submit(m, &command);
    if (market_chance(m, 30)) {
        command.command_id = market_new_id(m);
        command.u.exchange.token.token_id = market_new_id(m);
        command.u.exchange.token.token_hash = market_new_key(m);
        (void)market_submit(m, &command);
    }
    m->random = random;
}

static void people_step(struct market *m)
{
    struct id16 account = any_of(m, &m->accounts);
    struct command command;
    if (m->sequence % 7 == 0) {
        code_step(m);
    }
    if (m->sequence % 5 == 0) {
        webhook_step(m);
    }
    switch (market_below(m, 4)) {
    case 0:
        (void)market_sign_in(m,
                             m->accounts.count < 6 ? market_new_key(m) : identity_of(m, account));
        break;
    case 1:
        command = market_command(m, COMMAND_TOKEN_ISSUE, ACTOR_ACCOUNT, any_of(m, &m->accounts));
        command.u.token =
            (struct command_token){.account_id = market_chance(m, 80) ? command.actor_id : account,
                                   .token = {.token_id = market_new_id(m),
                                             .token_hash = market_new_key(m),
                                             .scopes = market_chance(m, 90) ? SCOPE_CONSUMER : 0,
                                             .label = bytes_of_text("laptop")}};
        (void)market_submit(m, &command);
        break;
    case 2:
        if (m->tokens.count > 0) {
            size_t at = market_below(m, m->tokens.count);
            command =
                market_command(m, COMMAND_TOKEN_REVOKE, ACTOR_ACCOUNT, m->token_accounts.ids[at]);
            command.u.token_revoke = (struct command_token_revoke){.account_id = command.actor_id,
                                                                   .token_id = m->tokens.ids[at]};
            (void)market_submit(m, &command);
        }
        break;
    default:
        if (m->hosts.count < 5) {
            (void)market_enrol(m, account);
        }
        break;
    }
}

/* Of offers: most say nothing, or have what is needed. */
static const char *const PACKAGES[] = {NULL, "python=3", "python=3 torch=2.1",
                                       "python=3.11 numpy torch=2 diffusers=0.25",
                                       "python=3.11 torch diffusers=0.30 torchvision=0.1"};
static const char *const MODELS[] = {NULL, "a/b", "c a/b d.e"};

static const char *const NEEDS[8] = {"torch", "torch diffusers"}; /* of uploads: most none */

static void machine_step(struct market *m)
{
    struct id16 host = any_of(m, &m->hosts);
    struct command command;
    uint64_t roll = market_below(m, 100);
    if (roll < 50) {
        (void)market_host_online(m, host);
    } else if (roll < 60) {
        (void)market_host_offline(m, host);
    } else if (roll < 70) {
        command = market_command(m, COMMAND_HOST_BENCHMARK, ACTOR_HOST, host);
        command.u.benchmark.host_id = host;
        command.u.benchmark.benchmark = (struct ev_host_benchmarked){
            .benchmark_version = 1, .speed_permille = between(m, 100, 9000)};
        (void)market_submit(m, &command);
    } else if (roll < 92) {
        if (m->offers.count < 40) {
            uint64_t rate = between(m, 1, market_chance(m, 50) ? 5000 : 5000000);
            uint64_t speed = between(m, 100, 20000);
            m->host_offers_max = market_below(m, 8);
            m->account_offers_max = market_below(m, 12);
            m->network_allowed = market_chance(m, 75);
            m->packages = PACKAGES[market_below(m, 5)];
            m->models = MODELS[market_below(m, 3)];
            (void)market_publish(m, host, (int64_t)rate, speed);
        }
    } else {
        command = market_command(m, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, host);
        command.u.offer_withdraw.offer_id = any_of(m, &m->offers);
        (void)market_submit(m, &command);
    }
}

/* ── a consumer looks for a machine ────────────────────────────────────────────────────────────── */

static void reject_upload(struct market *m, struct id16 account)
{
    struct command command = market_command(m, COMMAND_UPLOAD_REJECT, ACTOR_ACCOUNT, account);
    command.u.upload_reject.upload_id = market_new_id(m);
    command.u.upload_reject.rejected =
        (struct ev_upload_rejected){.size = 7,
                                    .reason = REJECT_UNSUPPORTED,
                                    .file_name = bytes_of_text("a.exe"),
                                    .detail = bytes_of_text("supported: …")};
    (void)market_submit(m, &command);
}

static void override_analysis(struct market *m, struct id16 account, struct id16 upload)
{
    struct command command = market_command(m, COMMAND_ANALYSIS_OVERRIDE, ACTOR_ACCOUNT, account);
    uint64_t p50 = between(m, 1000, 600000);
    bool const needs_more = market_chance(m, 20);
    command.u.override = (struct command_override){
        .upload_id = upload,
        .override = {.job_type = JOB_TYPE_MNIST,
                     .device = DEVICE_CPU,
                     .gpus = market_chance(m, 5) ? 1 : 0, /* which needs the device gpu */
                     .vram_mib = 256,
                     .tflops_milli = 50,
                     .ram_mib = 512,
                     .storage_mib = 100,
                     .reference_p50_ms = p50,
                     .reference_p90_ms = p50 - 500 + between(m, 0, 2 * p50),
                     .packages = bytes_of_text(needs_more ? "diffusers" : ""),
                     .detail = bytes_of_text("I know it")}};
    (void)market_submit(m, &command);
}

static void record_match(struct market *m, struct id16 account, struct id16 upload)
{
    struct ev_rank ranking[2] = {
        {.offer_id = any_of(m, &m->offers), .fit = FIT_RECOMMENDED, .score = 1000, .cost = 5},
        {.offer_id = any_of(m, &m->offers), .fit = FIT_BORDERLINE, .score = 10, .cost = 50}};
    struct command command = market_command(m, COMMAND_MATCH_RECORD, ACTOR_ACCOUNT, account);
    command.u.match.match_id = market_new_id(m);
    command.u.match.match = (struct ev_match_computed){.upload_id = upload,
                                                       .computed_at = m->sequence,
                                                       .algorithm_version = 1,
                                                       .offer_count = 2,
                                                       .ranking_digest = market_new_key(m),
                                                       .ranking = {.items = ranking, .count = 2}};
    (void)market_submit(m, &command);
}

/* Somebody wants an upload or a job to be gone: mostly who may, in one or two commands of what the server would list; now and then too early, or when
 * more has come. By draws of its own. */
static void erase_step(struct market *m)
{
    uint64_t random = m->random;
    m->random ^= m->sequence;
    bool const of_job = market_chance(m, 60);
    struct id16 const id = any_of(m, of_job ? &m->jobs : &m->uploads);
    struct job_row job = {0};
    struct upload_row upload = {0};
    struct ev_erased parts[3];
    if (of_job ? state_job(m->store, id, &job) : state_upload(m->store, id, &upload)) {
        struct id16 const owner = of_job ? job.account_id : upload.account_id;
        enum actor_kind by = market_chance(m, 10) ? ACTOR_OPERATOR : ACTOR_ACCOUNT;
        struct command command =
            market_command(m, of_job ? COMMAND_JOB_ERASE : COMMAND_UPLOAD_ERASE, by,
                           market_chance(m, 95) ? owner : any_of(m, &m->accounts));
        for (size_t i = 0; i < 3; i++) {
            parts[i].sequence = (of_job ? job.created_sequence : upload.received_sequence) + i;
        }
        command.u.erase = (struct command_erase){
            .id = id,
            .sequences = {.items = parts, .count = market_below(m, 4)},
            .changes = state_storage(m->store, of_job ? STREAM_JOB : STREAM_UPLOAD, id).changes};
        command.u.erase.is_last = command.u.erase.sequences.count == 0 || market_chance(m, 80);
        (void)market_submit(m, &command);
    }
    m->random = random;
}

static void consumer_step(struct market *m)
{
    struct id16 account = any_of(m, &m->accounts);
    if (m->sequence % 4 == 0) {
        erase_step(m);
    }
    m->storage_max = m->sequence % 5 == 0 ? 4000 + m->sequence % 4096 : 0;
    uint64_t roll = market_below(m, 100);
    if (roll < 5) {
        reject_upload(m, account);
        return;
    }
    if ((roll < 25 && m->uploads.count < MARKET_THINGS_MAX) || m->uploads.count == 0) {
        uint64_t p50 = between(m, 1000, market_chance(m, 80) ? 600000 : 36000000);
        m->upload_kind = m->uploads.count % 8 == 7   ? UPLOAD_DATASET
                         : m->uploads.count % 8 == 6 ? UPLOAD_BUNDLE
                                                     : UPLOAD_PYTHON;
        m->needs_packages = NEEDS[market_below(m, 8)];
        (void)market_upload(m, account, p50, p50 + between(m, 0, p50));
        m->upload_kind = 0;
        return;
    }
    struct id16 upload = any_of(m, &m->uploads);
    struct upload_row row;
    if (state_upload(m->store, upload, &row) && market_chance(m, 95)) {
        account = row.account_id;
    }
    if (roll < 32) {
        record_match(m, account, upload);
        return;
    }
    if (roll < 35) {
        override_analysis(m, account, upload);
        return;
    }
    if (m->quotes.count == MARKET_THINGS_MAX) {
        return; /* enough */
    }
    m->wants_network = market_chance(m, 4);
    m->item =
        market_chance(m, 90) ? (struct id16){0} : stock_item(STOCK_MODEL, bytes_of_text("a/b"));
    m->limit_ms = m->quotes.count % 8 == 5 ? 60000 + 7919 * m->quotes.count : 0;
    struct id16 quote = market_quote(m, account, upload, any_of(m, &m->offers));
    if (market_chance(m, 10)) {
        quote = any_of(m, &m->quotes); /* used, expired, another's, … */
    }
    if (market_chance(m, 90) && m->jobs.count < MARKET_THINGS_MAX) {
        (void)market_create_job(m, account, quote);
    }
}

/* ── deposits ──────────────────────────────────────────────────────────────────────────────────── */

static void deposit_step(struct market *m, struct id16 job_id, bool honest)
{
    struct command command = market_lock_of(m, job_id);
    struct command_deposit *deposit = &command.u.deposit;
    if (!honest) {
        switch (market_below(m, 8)) {
        case 0:
            deposit->amount += (int64_t)between(m, 1, 1000);
            break;
        case 1:
            deposit->amount = (int64_t)between(m, 1, (uint64_t)deposit->amount);
            break;
        case 2:
            deposit->tick += 1000;
            break;
        case 3:
            deposit->source = market_new_key(m);
            break;
        case 4:
            deposit->source = identity_of(m, any_of(m, &m->accounts));
            break;
        case 5:
            deposit->payload_ours = false;
            break;
        case 6:
            deposit->provider = market_new_key(m);
            break;
        default:
            break; /* the right one, perhaps once more */
        }
    }
    bool again = market_chance(m, 5);
    (void)market_submit(m, &command);
    if (again) { /* settlement saw the same transaction twice */
        (void)market_submit(m, &command);
    }
}

static void await_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    struct escrow_row escrow;
    uint64_t roll = market_below(m, 100);
    if (!state_escrow(m->store, job->escrow_id, &escrow)) {
        fail_msg("seed %llu: a job without its escrow", (unsigned long long)m->seed);
    }
    if (roll < 4) {
        (void)market_cancel(m, job->account_id, job_id);
    } else if (roll < 14) {
        deposit_step(m, job_id, false);
    } else if (escrow.status == ESCROW_OBSERVED) {
        (void)market_confirm(m, job_id);
    } else if (roll < 24) {
        struct command command =
            market_command(m, COMMAND_ESCROW_EXPIRE, ACTOR_SETTLEMENT, (struct id16){0});
        command.u.confirm.escrow_id = job->escrow_id;
        command.u.confirm.processed_tick = m->tick;
        (void)market_submit(m, &command);
    } else {
        deposit_step(m, job_id, true);
    }
}

/* ── the run ───────────────────────────────────────────────────────────────────────────────────── */

static void output_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    static const char TEXT[] = "epoch 1\nepoch 2\nepoch 3\nno newline at the end";
    static char long_text[2048];
    struct command command = market_command(m, COMMAND_JOB_OUTPUT, ACTOR_HOST, job->host_id);
    struct ev_job_output *output = &command.u.output.output;
    command.u.output.job_id = job_id;
    output->source = market_chance(m, 80) ? OUTPUT_STDOUT : OUTPUT_STDERR;
    output->first_line = market_chance(m, 95) ? job->next_line : job->next_line + 1;
    output->text = bytes_of(TEXT, between(m, market_chance(m, 5) ? 0 : 1, sizeof TEXT - 1));
    if (market_chance(m, 10)) { /* with the small quota some terms have, this reaches it */
        memset(long_text, '\n', sizeof long_text);
        output->text = bytes_of(long_text, market_chance(m, 50) ? 700 : sizeof long_text);
    }
    (void)market_submit(m, &command);
}

static void metrics_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    struct ev_sample samples[64];
    size_t count = market_below(m, 20) == 0 ? 64 : between(m, 0, 4);
    memset(samples, 0, sizeof samples);
    for (size_t i = 0; i < count; i++) {
        samples[i].at_ms = market_below(m, 100000);
        samples[i].cpu_permille = market_below(m, 1001);
        samples[i].ram_mib = any_magnitude(m);
        samples[i].power_mw = market_below(m, 400000);
    }
    struct command command = market_command(m, COMMAND_JOB_METRICS, ACTOR_HOST, job->host_id);
    command.u.metrics.job_id = job_id;
    command.u.metrics.metrics.samples = (struct event_list){.items = samples, .count = count};
    (void)market_submit(m, &command);
}

/* Several at once: now and then one of them cannot be, and then none is. */
static void reports_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    static struct ev_sample sample = {.at_ms = 1};
    static char long_text[700];
    struct command_report reports[4];
    struct command command = market_command(m, COMMAND_JOB_REPORTS, ACTOR_HOST, job->host_id);
    size_t const count = between(m, market_chance(m, 5) ? 0 : 1, 4);
    uint64_t line = job->next_line;
    memset(reports, 0, sizeof reports);
    memset(long_text, '\n', sizeof long_text);
    for (size_t i = 0; i < count; i++) {
        reports[i].is_output = market_chance(m, 70);
        if (!reports[i].is_output) {
            reports[i].metrics.samples =
                (struct event_list){.items = &sample, .count = market_chance(m, 95) ? 1 : 0};
            continue;
        }
        struct ev_job_output *output = &reports[i].output;
        output->source = OUTPUT_STDOUT;
        output->first_line = market_chance(m, 95) ? line : line + 1;
        output->text =
            market_chance(m, 20) ? bytes_of(long_text, sizeof long_text) : bytes_of_text("a\nb");
        line += output->text.size == sizeof long_text ? sizeof long_text : 2;
    }
    command.u.reports =
        (struct command_reports){.job_id = job_id, .reports = {.items = reports, .count = count}};
    (void)market_submit(m, &command);
}

static void result_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    struct command command = market_command(m, COMMAND_RESULT_STORE, ACTOR_HOST, job->host_id);
    command.u.result.job_id = job_id;
    command.u.result.result = (struct ev_result_stored){.size = market_below(m, 1 << 20),
                                                        .file_name = bytes_of_text("model.pkl"),
                                                        .digest = market_new_key(m)};
    (void)market_submit(m, &command);
}

static uint64_t claimed_ms(struct market *m, const struct job_row *job)
{
    uint64_t elapsed = (uint64_t)((m->now - job->started_at) / NS_PER_MS);
    switch (market_below(m, 6)) {
    case 0:
        return any_magnitude(m); /* a liar */
    case 1:
        return elapsed / 2;
    default:
        return elapsed;
    }
}

static void end_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    static const struct {
        enum ending ending;
        enum end_reason reason;
    } ENDS[] = {
        {ENDING_COMPLETED, REASON_EXITED_ZERO},         {ENDING_COMPLETED, REASON_EXITED_ZERO},
        {ENDING_COMPLETED, REASON_EXITED_ZERO},         {ENDING_CAP_REACHED, REASON_PAID_LIMIT},
        {ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO}, {ENDING_HOST_FAULT, REASON_SANDBOX_FAILED},
        {ENDING_PLATFORM_FAULT, REASON_WORKER_STOPPED}};
    size_t at = market_below(m, sizeof ENDS / sizeof *ENDS);
    (void)market_end(m, job->host_id, job_id, ENDS[at].ending, ENDS[at].reason, claimed_ms(m, job));
}

static void run_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    uint64_t roll = market_below(m, 100);
    if (roll < 35) {
        uint64_t permille = market_below(m, 1010);
        (void)market_progress(m, job->host_id, job_id, permille, claimed_ms(m, job));
    } else if (roll < 46) {
        output_step(m, job_id, job);
    } else if (roll < 50) {
        reports_step(m, job_id, job);
    } else if (roll < 65) {
        metrics_step(m, job_id, job);
    } else if (roll < 72) {
        result_step(m, job_id, job);
    } else if (roll < 90) {
        end_step(m, job_id, job);
    } else if (roll < 95) {
        (void)market_cancel(m, job->account_id, job_id);
    } else {
        deposit_step(m, job_id, false);
    }
}

static void ended_step(struct market *m, struct id16 job_id, const struct job_row *job)
{
    struct command command;
    switch (market_below(m, 4)) {
    case 0:
        command = market_command(m, COMMAND_JOB_RATE, ACTOR_ACCOUNT, job->account_id);
        command.u.rate = (struct command_rate){
            .job_id = job_id, .stars = between(m, 0, 6), .comment = bytes_of_text("fine")};
        (void)market_submit(m, &command);
        break;
    case 1:
        if (market_chance(m, 20)) {
            deposit_step(m, job_id, false);
        }
        break;
    default:
        if (market_chance(m, 20)) {
            run_step(m, job_id, job); /* a worker that did not hear of the end */
        }
        break;
    }
}

static void job_step(struct market *m)
{
    struct job_row job;
    /* The young ones most: the old have ended. */
    size_t back = market_below(m, market_chance(m, 85) ? 6 : MARKET_THINGS_MAX);
    if (m->jobs.count == 0) {
        return;
    }
    struct id16 job_id = m->jobs.ids[back < m->jobs.count ? m->jobs.count - 1 - back : 0];
    if (!state_job(m->store, job_id, &job)) {
        fail_msg("seed %llu: a job is gone", (unsigned long long)m->seed);
    }
    if (market_chance(m, 4)) { /* someone else's machine, or someone else */
        job.host_id = any_of(m, &m->hosts);
        job.account_id = any_of(m, &m->accounts);
    }
    switch ((enum job_status)job.status) {
    case JOB_AWAITING_LOCK:
        await_step(m, job_id, &job);
        break;
    case JOB_QUEUED:
        if (market_chance(m, 6)) {
            (void)market_cancel(m, job.account_id, job_id);
        } else {
            m->gives_network = market_chance(m, 95);
            (void)market_claim(m, job.host_id);
        }
        break;
    case JOB_ASSIGNED:
        if (market_chance(m, 6)) {
            (void)market_cancel(m, job.account_id, job_id);
        } else if (market_chance(m, 80)) {
            (void)market_start(m, job.host_id, job_id);
        } else {
            run_step(m, job_id, &job);
        }
        break;
    case JOB_RUNNING:
        run_step(m, job_id, &job);
        break;
    case JOB_ENDED:
        ended_step(m, job_id, &job);
        break;
    }
}

/* ── settlement ────────────────────────────────────────────────────────────────────────────────── */

static bool open_leg_from(struct market *m, const uint8_t *from, struct id16 *ret_escrow,
                          struct leg_row *ret_leg)
{
    uint8_t at[LEG_ORDER_SIZE] = {0};
    memcpy(at, from, 16);
    return state_next_open_leg(m->store, at, ret_escrow, ret_leg);
}

static void spoil_leg(struct market *m, struct command *command)
{
    switch (market_below(m, 4)) {
    case 0:
        command->u.leg.u.confirmed.attempt++;
        break;
    case 1:
        if (command->type == COMMAND_LEG_LOSE) {
            command->u.leg.u.lost.outgoing_count++;
        } else if (command->type == COMMAND_LEG_CONFIRM) {
            command->u.leg.u.confirmed.processed_tick--;
        } else {
            command->u.leg.u.signing.amount++;
        }
        break;
    case 2:
        command->u.leg.kind = (enum leg_kind)between(m, LEG_REFUND, LEG_RETURN);
        break;
    default:
        command->actor_kind = ACTOR_ACCOUNT;
        break;
    }
}

static void settlement_step(struct market *m)
{
    struct id16 from = market_new_id(m);
    struct id16 escrow_id;
    struct leg_row leg;
    static const uint8_t ZERO[16] = {0};
    if (!open_leg_from(m, from.b, &escrow_id, &leg) && !open_leg_from(m, ZERO, &escrow_id, &leg)) {
        return;
    }
    enum command_type type = leg.status == LEG_DUE  ? COMMAND_LEG_SIGN
                             : market_chance(m, 70) ? COMMAND_LEG_CONFIRM
                                                    : COMMAND_LEG_LOSE;
    if (market_chance(m, 5)) { /* a settlement that forgot what it did */
        type = (enum command_type)between(m, COMMAND_LEG_SIGN, COMMAND_LEG_CONFIRM);
    }
    struct command command = market_leg_command(m, type, escrow_id, &leg);
    if (market_chance(m, 10)) {
        spoil_leg(m, &command);
    }
    enum err_code code = market_submit(m, &command);
    if (code == ERR_OK && market_chance(m, 10)) {
        assert_int_not_equal(market_submit(m, &command), ERR_OK); /* the same once more */
    }
}

static void shortfall_step(struct market *m)
{
    struct job_row job;
    struct id16 job_id = any_of(m, &m->jobs);
    if (!state_job(m->store, job_id, &job)) {
        return;
    }
    struct command command =
        market_command(m, COMMAND_ESCROW_SHORTFALL, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.shortfall.escrow_id = job.escrow_id;
    command.u.shortfall.shortfall =
        (struct ev_escrow_shortfall){.expected = job.cap,
                                     .balance = market_chance(m, 20) ? job.cap - 1 : job.cap,
                                     .balance_tick = m->tick};
    (void)market_submit(m, &command);
}

/* ── the operator ──────────────────────────────────────────────────────────────────────────────── */

/* By the operator, by somebody with a token of theirs (an auditor's or not), or by somebody with another's. */
static void reconcile_step(struct market *m)
{
    size_t which = market_below(m, m->tokens.count);
    bool own = market_chance(m, 70);
    struct id16 actor =
        own ? m->token_accounts.ids[which] : m->accounts.ids[market_below(m, m->accounts.count)];
    struct command command =
        market_chance(m, 30)
            ? market_command(m, COMMAND_RECONCILIATION_RECORD, ACTOR_OPERATOR, (struct id16){0})
            : market_command(m, COMMAND_RECONCILIATION_RECORD, ACTOR_ACCOUNT, actor);
    command.u.reconciliation = (struct command_reconciliation){
        .token_id = m->tokens.ids[which],
        .recorded = {.provider_id = market_chance(m, 90)
                                        ? m->accounts.ids[market_below(m, m->accounts.count)]
                                        : market_new_id(m),
                     .from = market_chance(m, 90) ? m->now - 1 : m->now,
                     .until = m->now,
                     .report_digest =
                         market_chance(m, 90) ? market_new_key(m) : (struct key32){{0}}}};
    (void)market_submit(m, &command);
}

/* A checkpoint that settlement found on the chain: mostly a newer one, now and then an older, or one of which a field is missing. */
static void anchor_step(struct market *m)
{
    struct command command =
        market_chance(m, 90)
            ? market_command(m, COMMAND_CHECKPOINT_ANCHOR, ACTOR_SETTLEMENT, (struct id16){0})
            : market_command(m, COMMAND_CHECKPOINT_ANCHOR, ACTOR_OPERATOR, (struct id16){0});
    command.u.anchored = (struct ev_checkpoint_anchored){
        .size = market_below(m, m->sequence + 1),
        .root = market_chance(m, 95) ? market_new_key(m) : (struct key32){{0}},
        .tx_id = market_chance(m, 95) ? market_new_key(m) : (struct key32){{0}},
        .tick = market_chance(m, 95) ? m->tick : 0};
    (void)market_submit(m, &command);
}

#define KEYS_MAX 40 /* of settlement, in one market */

/* A new key, or the end of one that may be over. */
static void key_step(struct market *m)
{
    struct id16 none = {0};
    if (m->key_id < KEYS_MAX && market_chance(m, 40)) {
        struct command command = market_command(m, COMMAND_KEY_ADD, ACTOR_OPERATOR, none);
        command.u.key = (struct ev_settlement_key_added){.key_id = m->key_id + 1,
                                                         .check_identity = market_new_key(m)};
        if (market_submit(m, &command) == ERR_OK) {
            m->key_id++;
        }
        if (market_chance(m, 70)) {
            return;
        }
    }
    enum actor_kind actor = market_chance(m, 80) ? ACTOR_SETTLEMENT : ACTOR_ACCOUNT;
    struct command command = market_command(m, COMMAND_KEY_RETIRE, actor, none);
    command.u.key_retire.key_id = market_below(m, m->key_id + 2);
    struct settlement_key_row row = {0};
    for (uint64_t id = 1; id < m->key_id && market_chance(m, 90); id++) { /* one that can go */
        if (state_settlement_key(m->store, id, &row) && row.escrows_open == 0) {
            command.u.key_retire.key_id = id;
        }
    }
    (void)market_submit(m, &command);
}

/* At the end nothing is owed under any key: all but the newest can go. */
static void retire_keys(struct market *m)
{
    for (uint64_t id = 1; id < m->key_id; id++) {
        struct settlement_key_row row;
        struct command command =
            market_command(m, COMMAND_KEY_RETIRE, ACTOR_SETTLEMENT, (struct id16){0});
        command.u.key_retire.key_id = id;
        assert_true(state_settlement_key(m->store, id, &row));
        assert_int_equal(row.escrows_open, 0);
        assert_int_equal(market_submit(m, &command),
                         row.retired_sequence == 0 ? ERR_OK : ERR_CONFLICT);
    }
}

/* ── a restore, the chain read again, and the operator's word ── */

/* What an honest settlement finds: mostly nothing, now and then the very payment of a leg that is due. */
static void reread(struct market *m, struct id16 escrow_id, uint64_t generation)
{
    struct id16 first;
    struct leg_row leg;
    struct ev_found_payment payment = {0};
    struct key32 known;
    struct found_row row;
    struct command command =
        market_command(m, COMMAND_ESCROW_REREAD, ACTOR_SETTLEMENT, (struct id16){0});
    command.u.reread = (struct command_reread){
        .escrow_id = escrow_id, .generation = generation, .processed_tick = m->tick};
    if (open_leg_from(m, escrow_id.b, &first, &leg) && id_equal(first, escrow_id) &&
        !market_found(m, escrow_id, &leg, &known, &row) && market_chance(m, 50)) {
        payment = (struct ev_found_payment){.paid_as = (enum paid_as)leg.kind,
                                            .deposit_tx = leg.deposit_tx,
                                            .tx_id = leg.status == LEG_DUE ? market_new_key(m)
                                                                           : leg.tx_id,
                                            .destination = leg.destination,
                                            .amount = leg.amount,
                                            .tick = m->tick};
        command.u.reread.outgoing = (struct event_list){.items = &payment, .count = 1};
    }
    (void)market_submit(m, &command);
}

static void reread_all(struct market *m, unsigned percent)
{
    struct ledger_row ledger;
    assert_true(state_ledger(m->store, &ledger));
    for (size_t i = 0; i < m->jobs.count; i++) {
        struct job_row job;
        assert_true(state_job(m->store, m->jobs.ids[i], &job));
        if (market_chance(m, percent)) {
            reread(m, job.escrow_id, ledger.generation);
        }
    }
    struct command command =
        market_command(m, COMMAND_SETTLEMENT_RESUME, ACTOR_OPERATOR, (struct id16){0});
    command.u.resume.generation = ledger.generation;
    command.u.resume.unread_max = market_chance(m, 30) ? market_below(m, 20) : 0;
    (void)market_submit(m, &command);
}

static void restore_step(struct market *m)
{
    struct ledger_row ledger;
    struct command command =
        market_command(m, COMMAND_LEDGER_RESTORE, ACTOR_OPERATOR, (struct id16){0});
    assert_true(state_ledger(m->store, &ledger));
    command.u.restore =
        (struct ev_ledger_restored){.generation = ledger.generation + market_below(m, 3),
                                    .parent_size = m->sequence,
                                    .parent_root = market_new_key(m)};
    (void)market_submit(m, &command);
    reread_all(m, (unsigned)between(m, 70, 100));
}

static void operator_step(struct market *m)
{
    struct id16 none = {0};
    struct command command;
    if (market_chance(m, 15)) {
        anchor_step(m);
        return;
    }
    if (m->tokens.count > 0 && m->accounts.count > 0 && market_chance(m, 20)) {
        reconcile_step(m);
        return;
    }
    if (market_chance(m, 30)) {
        key_step(m);
        return;
    }
    struct ledger_row ledger = {0};
    (void)state_ledger(m->store, &ledger);
    if (ledger.observing != 0 || market_chance(m, 15)) {
        ledger.observing != 0 ? reread_all(m, 100) : restore_step(m);
        return;
    }
    if (market_chance(m, 40)) {
        command = market_command(m, COMMAND_LEDGER_START, ACTOR_LEDGER, none);
        m->now += (int64_t)between(m, 0, 7200) * NS_PER_S; /* we were down */
    } else {
        command = market_command(m, COMMAND_TERMS_SET, ACTOR_OPERATOR, none);
        m->terms.margin_bps = market_below(m, 5000);
        m->terms.confirmations = between(m, 3, 8);
        m->terms.output_max = market_chance(m, 50) ? 1024 : 64 << 20;
        m->terms.lock_min = (int64_t)between(m, 1, 2000);
        m->terms.fee_bps = market_chance(m, 50) ? 0 : between(m, 1, 5000);
        /* An operator that asks for no fee need not name where to. */
        m->terms.fee_identity = m->terms.fee_bps == 0 ? (struct key32){{0}} : market_new_key(m);
        command.u.terms = m->terms;
    }
    (void)market_submit(m, &command);
}

static void advance(struct market *m)
{
    uint64_t roll = market_below(m, 1000);
    uint64_t ms = roll < 700   ? market_below(m, 300)
                  : roll < 970 ? market_below(m, 2500)
                  : roll < 998 ? market_below(m, 60000)
                               : market_below(m, 30 * 3600000);
    m->now += (int64_t)ms * NS_PER_MS;
    m->tick += roll < 970 ? market_below(m, 3) : market_below(m, 40);
}

void market_random_step(struct market *m)
{
    advance(m);
    if (m->accounts.count < 3) {
        (void)market_sign_in(m, market_new_key(m));
        return;
    }
    if (m->hosts.count < 2) {
        struct id16 host = market_enrol(m, any_of(m, &m->accounts));
        (void)market_host_online(m, host);
        (void)market_publish(m, host, (int64_t)between(m, 100, 100000), 1000);
        return;
    }
    uint64_t roll = market_below(m, 1000);
    if (roll < 30) {
        people_step(m);
    } else if (roll < 100) {
        machine_step(m);
    } else if (roll < 160) {
        consumer_step(m);
    } else if (roll < 720) {
        job_step(m);
    } else if (roll < 930) {
        settlement_step(m);
    } else if (roll < 975) {
        (void)market_sweep(m);
    } else if (roll < 985) {
        shortfall_step(m);
    } else if (roll < 992) {
        operator_step(m);
    } else if (m->jobs.count > 0) {
        deposit_step(m, any_of(m, &m->jobs), false);
    }
}

/* ── the end of the market ─────────────────────────────────────────────────────────────────────── */

static void heal_shortfalls(struct market *m)
{
    for (size_t i = 0; i < m->jobs.count; i++) {
        struct job_row job;
        struct escrow_row escrow;
        assert_true(state_job(m->store, m->jobs.ids[i], &job));
        assert_true(state_escrow(m->store, job.escrow_id, &escrow));
        if (escrow.shortfall == 0) {
            continue;
        }
        struct command command =
            market_command(m, COMMAND_ESCROW_SHORTFALL, ACTOR_SETTLEMENT, (struct id16){0});
        command.u.shortfall.escrow_id = job.escrow_id;
        command.u.shortfall.shortfall =
            (struct ev_escrow_shortfall){.expected = job.cap, .balance = job.cap};
        assert_int_equal(market_submit(m, &command), ERR_OK);
    }
}

/* The leg of an escrow that can move now: the signed one if there is one, otherwise the first. */
static bool movable_leg(struct market *m, struct id16 *ret_escrow, struct leg_row *ret_leg)
{
    uint8_t at[LEG_ORDER_SIZE] = {0};
    struct id16 of;
    struct leg_row leg;
    if (!open_leg_from(m, at, ret_escrow, ret_leg)) {
        return false;
    }
    memcpy(at, ret_escrow->b, sizeof ret_escrow->b);
    while (state_next_open_leg(m->store, at, &of, &leg) && id_equal(of, *ret_escrow)) {
        struct key32 tx_id;
        struct found_row found;
        if (leg.status == LEG_SIGNED ||
            (ret_leg->status != LEG_SIGNED && market_found(m, *ret_escrow, &leg, &tx_id, &found))) {
            *ret_leg = leg;
        }
    }
    return true;
}

void market_drain(struct market *m)
{
    struct id16 escrow_id;
    struct leg_row leg;
    heal_shortfalls(m);
    reread_all(m, 100);
    for (size_t i = 0; i < m->jobs.count; i++) {
        struct job_row job;
        assert_true(state_job(m->store, m->jobs.ids[i], &job));
        if (job.status != JOB_ENDED) {
            assert_int_equal(market_cancel(m, job.account_id, m->jobs.ids[i]), ERR_OK);
        }
    }
    while (movable_leg(m, &escrow_id, &leg)) {
        struct command command = market_leg_command(
            m, leg.status == LEG_DUE ? COMMAND_LEG_SIGN : COMMAND_LEG_CONFIRM, escrow_id, &leg);
        if (market_submit(m, &command) != ERR_OK) {
            fail_msg("seed %llu: a leg cannot be paid: %s", (unsigned long long)m->seed,
                     m->err.message);
        }
    }
    retire_keys(m);
}
