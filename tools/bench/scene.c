// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/scene.h"

#include "core/base/arena.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/market/terms.h"
#include "projections/all.h"

#include <string.h>

#define HOUR_MS (UINT64_C(3600) * 1000)

struct command scene_command(enum command_type type, enum actor_kind actor, struct id16 actor_id)
{
    return (struct command){.type = type,
                            .actor_kind = actor,
                            .actor_id = actor_id,
                            .command_id = id_new(time_wall_ns())};
}

static struct id16 new_id(void)
{
    return id_new(time_wall_ns());
}

static struct key32 new_key(void)
{
    struct key32 key;
    rng_bytes(key.b, sizeof key.b);
    return key;
}

static enum err_code submit(struct scene *scene, const struct command *command, struct err *err)
{
    struct ledger_answer answer = ledger_submit_wait(scene->ledger, command, CLASS_CONSUMER);
    if (answer.code != ERR_OK && err != NULL) {
        *err = answer.err;
        err_context(err, "command %d", (int)command->type);
    }
    return answer.code;
}

static struct ev_token_issued new_token(uint64_t scopes)
{
    return (struct ev_token_issued){.token_id = new_id(),
                                    .token_hash = new_key(),
                                    .scopes = scopes,
                                    .expires_at = time_wall_ns() + 86400 * NS_PER_S};
}

static enum err_code sign_in(struct scene *scene, struct id16 *ret, struct err *err)
{
    struct id16 none = {0};
    struct command c = scene_command(COMMAND_SESSION_OPEN, ACTOR_ACCOUNT, none);
    c.u.session = (struct command_session){.identity = new_key(),
                                           .account_id = new_id(),
                                           .token = new_token(SCOPE_CONSUMER | SCOPE_PROVIDER)};
    *ret = c.u.session.account_id;
    return submit(scene, &c, err);
}

static enum err_code init(struct scene *scene, struct arena *arena, struct err *err)
{
    const struct id16 none = {0};
    struct command c = scene_command(COMMAND_LEDGER_OPEN, ACTOR_LEDGER, none);
    c.u.open = (struct ev_ledger_opened){.log_id = new_id(),
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = RECORD_FORMAT,
                                         .checkpoint_key = scene->key.public_key,
                                         .name = bytes_of_text("tally.bench")};
    enum err_code code = submit(scene, &c, err);
    if (code == ERR_OK) {
        c = scene_command(COMMAND_TERMS_SET, ACTOR_OPERATOR, none);
        code = terms_default(NETWORK_LOCAL, arena, &c.u.terms, err);
        c.u.terms.lease_s =
            3600; /* nobody reports while the machine is being measured on something else */
    }
    if (code == ERR_OK) {
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        c = scene_command(COMMAND_KEY_ADD, ACTOR_OPERATOR, none);
        c.u.key = (struct ev_settlement_key_added){.key_id = 1, .check_identity = new_key()};
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        c = scene_command(COMMAND_LEDGER_START, ACTOR_LEDGER, none);
        c.u.start.software = bytes_of_text("bench");
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        code = sign_in(scene, &scene->consumer, err);
    }
    return code == ERR_OK ? sign_in(scene, &scene->provider, err) : code;
}

enum err_code scene_open(struct scene *scene, const char *dir, bool projections, struct err *err)
{
    struct arena arena;
    memset(scene, 0, sizeof *scene);
    note_key_generate(&scene->key);
    struct ledger_options options = {
        .data_dir = dir,
        .projections = PROJECTIONS,
        .projection_count = projections ? PROJECTION_COUNT : 0,
        .checkpoint_key = &scene->key,
    };
    enum err_code code = ledger_open(&options, &scene->ledger, err);
    if (code == ERR_OK) {
        arena_init(&arena, 1 << 16);
        code = init(scene, &arena, err);
        arena_deinit(&arena);
    }
    return code;
}

enum err_code scene_enrol(struct scene *scene, size_t count, struct err *err)
{
    enum err_code code = ERR_OK;
    scene->count = count;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        struct command c = scene_command(COMMAND_HOST_ENROL, ACTOR_ACCOUNT, scene->provider);
        scene->hosts[i] = new_id();
        c.u.host = (struct command_host){.host_id = scene->hosts[i],
                                         .host_name = bytes_of_text("rig"),
                                         .sealing_key = new_key(),
                                         .token = new_token(SCOPE_WORKER)};
        code = submit(scene, &c, err);
    }
    return code;
}

static enum err_code lock(struct scene *scene, struct id16 job_id, struct err *err)
{
    const struct id16 none = {0};
    struct views_snapshot *snapshot;
    struct job_row job = {0};
    struct escrow_row escrow = {0};
    enum err_code code = views_snapshot_open(ledger_views(scene->ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    bool known = state_job(store, job_id, &job) && state_escrow(store, job.escrow_id, &escrow);
    views_snapshot_close(snapshot);
    if (!known) {
        return err_set(err, ERR_INTERNAL, "a job without an escrow");
    }
    struct command c = scene_command(COMMAND_DEPOSIT_OBSERVE, ACTOR_SETTLEMENT, none);
    c.u.deposit = (struct command_deposit){.escrow_id = job.escrow_id,
                                           .tx_id = new_key(),
                                           .source = escrow.consumer_identity,
                                           .amount = escrow.amount,
                                           .tick = escrow.last_tick,
                                           .payload_ours = true,
                                           .job_id = job_id,
                                           .payload_escrow_id = job.escrow_id,
                                           .quote_id = job.quote_id,
                                           .provider = escrow.provider_identity};
    code = submit(scene, &c, err);
    for (uint64_t i = 1; i <= 3 && code == ERR_OK; i++) {
        c = scene_command(COMMAND_ESCROW_CONFIRM, ACTOR_SETTLEMENT, none);
        c.u.confirm = (struct command_confirm){
            .escrow_id = job.escrow_id, .confirmations = i, .processed_tick = escrow.last_tick + i};
        code = submit(scene, &c, err);
    }
    return code;
}

static enum err_code offer(struct scene *scene, struct id16 host, struct id16 *ret, struct err *err)
{
    struct command c = scene_command(COMMAND_HOST_ONLINE, ACTOR_HOST, host);
    c.u.host.host_id = host;
    c.u.host.software = bytes_of_text("bench");
    enum err_code code = submit(scene, &c, err);
    if (code == ERR_OK) {
        c = scene_command(COMMAND_OFFER_PUBLISH, ACTOR_HOST, host);
        *ret = c.u.offer.offer_id = new_id();
        c.u.offer.offer = (struct ev_offer_published){.host_id = host,
                                                      .device = DEVICE_CPU,
                                                      .model = bytes_of_text("bench processor"),
                                                      .ram_mib = 65536,
                                                      .storage_mib = 1 << 20,
                                                      .cpu_cores = 8,
                                                      .speed_permille = 1000,
                                                      .rate = 3600000};
        code = submit(scene, &c, err);
    }
    return code;
}

static enum err_code upload(struct scene *scene, struct id16 *ret, struct err *err)
{
    struct command c = scene_command(COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, scene->consumer);
    *ret = c.u.upload.upload_id = new_id();
    c.u.upload.upload = (struct ev_upload_received){
        .size = 1000, .file_name = bytes_of_text("train.py"), .digest = new_key()};
    enum err_code code = submit(scene, &c, err);
    if (code == ERR_OK) {
        c = scene_command(COMMAND_ANALYSIS_COMPLETE, ACTOR_LEDGER, (struct id16){0});
        c.u.analysis.upload_id = *ret;
        c.u.analysis.analysis = (struct ev_analysis_completed){.analyser_version = 1,
                                                               .kind = UPLOAD_PYTHON,
                                                               .job_type = JOB_TYPE_CUSTOM,
                                                               .framework = FRAMEWORK_SKLEARN,
                                                               .device = DEVICE_CPU,
                                                               .ram_mib = 512,
                                                               .storage_mib = 100,
                                                               .reference_p50_ms = HOUR_MS,
                                                               .reference_p90_ms = HOUR_MS};
        code = submit(scene, &c, err);
    }
    return code;
}

static enum err_code run_job(struct scene *scene, size_t index, struct err *err)
{
    struct id16 host = scene->hosts[index];
    struct id16 offer_id;
    struct id16 upload_id;
    struct id16 quote_id = new_id();
    enum err_code code = offer(scene, host, &offer_id, err);
    if (code == ERR_OK) {
        code = upload(scene, &upload_id, err);
    }
    if (code == ERR_OK) {
        struct command c = scene_command(COMMAND_QUOTE_ISSUE, ACTOR_ACCOUNT, scene->consumer);
        c.u.quote = (struct command_quote){
            .quote_id = quote_id, .upload_id = upload_id, .offer_id = offer_id};
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        struct command c = scene_command(COMMAND_JOB_CREATE, ACTOR_ACCOUNT, scene->consumer);
        scene->jobs[index] = c.u.job_create.job_id = new_id();
        c.u.job_create.escrow_id = new_id();
        c.u.job_create.quote_id = quote_id;
        c.u.job_create.escrow_identity = new_key();
        c.u.job_create.key_id = 1;
        c.u.job_create.requested_tick = 1000;
        c.u.job_create.last_tick = 2000;
        c.u.job_create.file_name = bytes_of_text("train.py");
        c.u.job_create.settings = bytes_of_text("{}");
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        code = lock(scene, scene->jobs[index], err);
    }
    if (code == ERR_OK) {
        struct command c = scene_command(COMMAND_JOB_CLAIM, ACTOR_HOST, host);
        c.u.job.host_id = host;
        code = submit(scene, &c, err);
    }
    if (code == ERR_OK) {
        struct command c = scene_command(COMMAND_JOB_START, ACTOR_HOST, host);
        c.u.job = (struct command_job){.job_id = scene->jobs[index], .host_id = host};
        code = submit(scene, &c, err);
    }
    return code;
}

enum err_code scene_run_jobs(struct scene *scene, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < scene->count && code == ERR_OK; i++) {
        code = run_job(scene, i, err);
    }
    return code;
}

void scene_close(struct scene *scene)
{
    ledger_close(scene->ledger);
    scene->ledger = NULL;
}
