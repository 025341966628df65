/* Identities, tokens, uploads and their analysis. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/driver_version.h"
#include "core/base/invariant.h"
#include "core/market/decide_internal.h"

bool decide_knows_token(struct deciding *d, const struct ev_token_issued *token)
{
    return store_has(d->state, &STATE_TOKENS, hash_key(&token->token_hash)) ||
           store_has(d->state, &STATE_TOKEN_IDS, id_key(&token->token_id));
}

static enum err_code check_token(struct deciding *d, const struct ev_token_issued *token)
{
    if (key_is_zero(token->token_hash) || id_is_zero(token->token_id) || token->scopes == 0 ||
        (token->scopes & ~SCOPE_ALL) != 0) {
        return refuse(d, ERR_INVALID, "token_invalid", "a token needs an id, a hash and scopes");
    }
    if (token->expires_at != 0 && token->expires_at <= d->now) {
        return refuse(d, ERR_INVALID, "token_expired", "the token would be expired already");
    }
    if (decide_knows_token(d, token)) {
        return refuse(d, ERR_CONFLICT, "token_exists", "this token was issued before");
    }
    return ERR_OK;
}

bool decide_may_act_for(const struct deciding *d, struct id16 account_id)
{
    const struct command *c = d->command;
    return c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER ||
           decide_by_account(d, account_id);
}

static enum err_code open_session(struct deciding *d)
{
    const struct command_session *c = &d->command->u.session;
    struct id16 account_id = c->account_id;
    enum err_code code = check_token(d, &c->token);
    if (code != ERR_OK) {
        return code;
    }
    if (key_is_zero(c->identity)) {
        return refuse(d, ERR_INVALID, "identity_invalid", "an identity is 60 letters A to Z");
    }
    if (!state_account_by_identity(d->state, c->identity, &account_id)) {
        struct account_row account;
        if (state_account(d->state, account_id, &account)) {
            return refuse(d, ERR_CONFLICT, "account_exists", "this account id was given before");
        }
        struct event *event = decide_event(d, EVENT_IDENTITY_REGISTERED, account_id);
        event->actor_id = account_id;
        event->u.identity_registered.identity = c->identity;
    }
    struct event *event = decide_event(d, EVENT_TOKEN_ISSUED, account_id);
    event->actor_id = account_id;
    event->u.token_issued = c->token;
    return ERR_OK;
}

static enum err_code issue_token(struct deciding *d)
{
    const struct command_token *c = &d->command->u.token;
    struct account_row account;
    enum err_code code = check_token(d, &c->token);
    if (code != ERR_OK) {
        return code;
    }
    /* The operator's own tokens belong to no account. */
    if (!id_is_zero(c->account_id) && !state_account(d->state, c->account_id, &account)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_account", "there is no such account");
    }
    if (!decide_may_act_for(d, c->account_id)) {
        return refuse(d, ERR_DENIED, "not_yours",
                      "a token can only be issued for your own account");
    }
    decide_event(d, EVENT_TOKEN_ISSUED, c->account_id)->u.token_issued = c->token;
    return ERR_OK;
}

static enum err_code revoke_token(struct deciding *d)
{
    const struct command_token_revoke *c = &d->command->u.token_revoke;
    struct key32 hash;
    struct token_row token;
    if (!store_get_row(d->state, &STATE_TOKEN_IDS, id_key(&c->token_id), &hash, sizeof hash) ||
        !state_token(d->state, hash, &token) || !id_equal(token.account_id, c->account_id) ||
        !decide_may_act_for(d, c->account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_token", "you have no such token");
    }
    if (token.revoked != 0) {
        return refuse(d, ERR_CONFLICT, "token_revoked", "this token was revoked before");
    }
    decide_event(d, EVENT_TOKEN_REVOKED, c->account_id)->u.token_revoked.token_id = c->token_id;
    return ERR_OK;
}

/* Who has the code acts for its account, as who has a token does; of the two who have it, the first. */
static enum err_code exchange_code(struct deciding *d)
{
    const struct command_exchange *c = &d->command->u.exchange;
    struct token_row code_row;
    if (!state_token(d->state, c->code_hash, &code_row) || code_row.scopes != SCOPE_ENROL) {
        return refuse(d, ERR_NOT_FOUND, "code_unknown",
                      "there is no such code; copy it whole, or make a new one");
    }
    if (code_row.revoked != 0) {
        return refuse(d, ERR_CONFLICT, "code_used",
                      "this code was used or withdrawn before, and each is good for one machine; "
                      "make a new one");
    }
    if (code_row.expires_at <= d->now) {
        return refuse(d, ERR_CONFLICT, "code_expired", "this code has expired; make a new one");
    }
    enum err_code code = check_token(d, &c->token);
    if (code != ERR_OK) {
        return code;
    }
    if (c->token.scopes != SCOPE_ENROL) {
        return refuse(d, ERR_DENIED, "code_too_wide",
                      "a code gives a token that enrols, and no other");
    }
    struct event *event = decide_event(d, EVENT_TOKEN_REVOKED, code_row.account_id);
    event->actor_id = code_row.account_id;
    event->u.token_revoked.token_id = code_row.token_id;
    event = decide_event(d, EVENT_TOKEN_ISSUED, code_row.account_id);
    event->actor_id = code_row.account_id;
    event->u.token_issued = c->token;
    return ERR_OK;
}

/* From an account, under a new id: an upload that came before stays what and whose it is. */
static enum err_code check_upload(struct deciding *d, struct id16 upload_id)
{
    struct account_row account;
    struct upload_row upload;
    if (d->command->actor_kind != ACTOR_ACCOUNT ||
        !state_account(d->state, d->command->actor_id, &account)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_account", "sign in before uploading a file");
    }
    if (state_upload(d->state, upload_id, &upload)) {
        return refuse(d, ERR_CONFLICT, "upload_exists", "this upload came before");
    }
    return ERR_OK;
}

static enum err_code check_analysis(struct deciding *d,
                                    const struct ev_analysis_completed *analysis)
{
    if (analysis->reference_p50_ms == 0 ||
        analysis->reference_p90_ms < analysis->reference_p50_ms || analysis->device == 0) {
        return refuse(d, ERR_INTERNAL, "analysis_invalid", "an analysis without an estimate");
    }
    return ERR_OK;
}

/* Both said by us, not by the account. */
static void say_analysis(struct deciding *d, struct id16 upload_id,
                         const struct ev_analysis_completed *analysis,
                         const struct ev_workload_sized *workload)
{
    struct event *event = decide_event(d, EVENT_ANALYSIS_COMPLETED, upload_id);
    event->actor_kind = ACTOR_LEDGER;
    event->actor_id = (struct id16){0};
    event->u.analysis_completed = *analysis;
    if (workload->task.size > 0) {
        event = decide_event(d, EVENT_WORKLOAD_SIZED, upload_id);
        event->actor_kind = ACTOR_LEDGER;
        event->actor_id = (struct id16){0};
        event->u.workload_sized = *workload;
    }
}

static enum err_code receive_upload(struct deciding *d)
{
    const struct command_upload *c = &d->command->u.upload;
    enum err_code code = check_upload(d, c->upload_id);
    if (code != ERR_OK) {
        return code;
    }
    if (c->upload.size == 0) {
        return refuse(d, ERR_INVALID, "upload_empty", "the file is empty");
    }
    if (c->upload.size > d->ledger.upload_max) {
        return refuse(d, ERR_TOO_LARGE, "upload_too_large", "a file has at most %llu bytes",
                      (unsigned long long)d->ledger.upload_max);
    }
    code = decide_storage(d, d->command->actor_id, c->upload.size, c->storage_max);
    if (code == ERR_OK && c->analysed) {
        code = check_analysis(d, &c->analysis);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct event *event = decide_event(d, EVENT_UPLOAD_RECEIVED, c->upload_id);
    event->u.upload_received = c->upload;
    event->u.upload_received.account_id = d->command->actor_id;
    if (c->analysed) {
        say_analysis(d, c->upload_id, &c->analysis, &c->workload);
    }
    return ERR_OK;
}

static enum err_code complete_analysis(struct deciding *d)
{
    const struct command_analysis *c = &d->command->u.analysis;
    struct upload_row upload;
    enum err_code code = decide_need_operator(d);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_upload(d->state, c->upload_id, &upload) || upload.rejected != 0) {
        return refuse(d, ERR_NOT_FOUND, "no_such_upload", "there is no such upload");
    }
    if (upload.analysis_sequence != 0) {
        return refuse(d, ERR_CONFLICT, "already_analysed", "this upload was analysed before");
    }
    code = decide_not_erased(d, c->upload_id);
    if (code != ERR_OK) {
        return code;
    }
    code = check_analysis(d, &c->analysis);
    if (code != ERR_OK) {
        return code;
    }
    say_analysis(d, c->upload_id, &c->analysis, &c->workload);
    return ERR_OK;
}

#define OVERRIDE_GPUS_MAX 1024
#define OVERRIDE_SIZE_MAX (UINT64_C(1) << 40)
#define OVERRIDE_MS_MAX (UINT64_C(365) * 24 * 3600 * 1000)

/* The first figure that cannot be, and what could. NULL: all can. A job without a GPU asks for none, and of the other figures what any
 * machine has. */
static const char *bad_figure(const struct ev_analysis_overridden *o)
{
    bool gpu = o->device == DEVICE_GPU;
    const struct {
        const char *what;
        bool good;
    } rules[] = {
        {"job_type is one of the types", enum_word(&job_type_words, o->job_type) != NULL},
        {"device is gpu or cpu", gpu || o->device == DEVICE_CPU},
        {"gpus is 1 to 1024 for the device gpu, 0 for cpu",
         gpu ? o->gpus >= 1 && o->gpus <= OVERRIDE_GPUS_MAX : o->gpus == 0},
        {"vram_mib is 1 to 2^40", o->vram_mib >= 1 && o->vram_mib <= OVERRIDE_SIZE_MAX},
        {"tflops_milli is 1 to 2^40", o->tflops_milli >= 1 && o->tflops_milli <= OVERRIDE_SIZE_MAX},
        {"ram_mib is 1 to 2^40", o->ram_mib >= 1 && o->ram_mib <= OVERRIDE_SIZE_MAX},
        {"storage_mib is 1 to 2^40", o->storage_mib >= 1 && o->storage_mib <= OVERRIDE_SIZE_MAX},
        {"compute_capability is major x 10 + minor, at most 1000, 0 for any",
         o->compute_capability <= 1000},
        {"driver is a version like 535.183.01, none for any", o->driver <= DRIVER_VERSION_MAX},
        {"p50_ms is 1 to p90_ms",
         o->reference_p50_ms >= 1 && o->reference_p50_ms <= o->reference_p90_ms},
        {"p90_ms is at most a year", o->reference_p90_ms <= OVERRIDE_MS_MAX},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!rules[i].good) {
            return rules[i].what;
        }
    }
    return NULL;
}

/* As often as its owner likes: the last one counts, and what was quoted before stands as it was quoted. */
static enum err_code override_analysis(struct deciding *d)
{
    const struct command_override *c = &d->command->u.override;
    struct upload_row upload;
    enum err_code code = decide_own_upload(d, c->upload_id, &upload);
    if (code != ERR_OK) {
        return code;
    }
    uint64_t const stands =
        upload.overridden_sequence != 0 ? upload.overridden_sequence : upload.analysis_sequence;
    if (c->if_sequence != 0 && c->if_sequence != stands) {
        return refuse(d, ERR_CONFLICT, "precondition_failed",
                      "event %llu said it anew meanwhile; get it again",
                      (unsigned long long)stands);
    }
    const char *bad = bad_figure(&c->override);
    if (bad != NULL) {
        return refuse(d, ERR_INVALID, "override_invalid", "%s", bad);
    }
    decide_event(d, EVENT_ANALYSIS_OVERRIDDEN, c->upload_id)->u.analysis_overridden = c->override;
    return ERR_OK;
}

static enum err_code reject_upload(struct deciding *d)
{
    const struct command_upload_reject *c = &d->command->u.upload_reject;
    enum err_code code = check_upload(d, c->upload_id);
    if (code == ERR_OK) {
        struct event *event = decide_event(d, EVENT_UPLOAD_REJECTED, c->upload_id);
        event->u.upload_rejected = c->rejected;
        event->u.upload_rejected.account_id = d->command->actor_id;
    }
    return code;
}

enum err_code decide_account(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_SESSION_OPEN:
        return open_session(d);
    case COMMAND_TOKEN_ISSUE:
        return issue_token(d);
    case COMMAND_TOKEN_REVOKE:
        return revoke_token(d);
    case COMMAND_CODE_EXCHANGE:
        return exchange_code(d);
    case COMMAND_UPLOAD_RECEIVE:
        return receive_upload(d);
    case COMMAND_UPLOAD_REJECT:
        return reject_upload(d);
    case COMMAND_ANALYSIS_COMPLETE:
        return complete_analysis(d);
    case COMMAND_ANALYSIS_OVERRIDE:
        return override_analysis(d);
    default:
        IMPOSSIBLE("not a command of an account");
    }
}
