/* Machines, offers, matches and quotes. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/driver_version.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "core/market/decide_internal.h"
#include "core/market/matching.h"
#include "core/market/stock.h"

/* The host, if the command's actor is the host itself or the provider it belongs to. */
static enum err_code own_host(struct deciding *d, struct id16 host_id, struct host_row *ret)
{
    const struct command *c = d->command;
    if (!state_host(d->state, host_id, ret) ||
        !(c->actor_kind == ACTOR_HOST ? id_equal(c->actor_id, host_id)
                                      : decide_by_account(d, ret->account_id))) {
        return refuse(d, ERR_NOT_FOUND, "no_such_host", "you have no such machine");
    }
    return ERR_OK;
}

static enum err_code enrol_host(struct deciding *d)
{
    const struct command_host *c = &d->command->u.host;
    struct host_row host;
    struct account_row account;
    if (d->command->actor_kind != ACTOR_ACCOUNT ||
        !state_account(d->state, d->command->actor_id, &account)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_account", "sign in before enrolling a machine");
    }
    if (state_host(d->state, c->host_id, &host) || decide_knows_token(d, &c->token)) {
        return refuse(d, ERR_CONFLICT, "host_exists", "this machine was enrolled before");
    }
    struct event *event = decide_event(d, EVENT_PROVIDER_ENROLLED, c->host_id);
    event->u.provider_enrolled = (struct ev_provider_enrolled){
        .account_id = d->command->actor_id,
        .sealing_key = c->sealing_key,
        .host_name = c->host_name,
    };
    event = decide_event(d, EVENT_TOKEN_ISSUED, d->command->actor_id);
    event->u.token_issued = c->token;
    event->u.token_issued.host_id = c->host_id;
    event->u.token_issued.scopes = SCOPE_WORKER;
    return ERR_OK;
}

static enum err_code host_online(struct deciding *d)
{
    const struct command_host *c = &d->command->u.host;
    struct host_row host;
    enum err_code code = own_host(d, c->host_id, &host);
    if (code != ERR_OK) {
        return code;
    }
    struct event *event = decide_event(d, EVENT_PROVIDER_ONLINE, c->host_id);
    event->u.provider_online.account_id = host.account_id;
    event->u.provider_online.software = c->software;
    return ERR_OK;
}

/* Said by the server, which has not heard of the host for a lease, or by whose it is. */
static enum err_code host_offline(struct deciding *d)
{
    const struct command_host *c = &d->command->u.host;
    struct host_row host;
    bool ours = d->command->actor_kind == ACTOR_LEDGER || d->command->actor_kind == ACTOR_OPERATOR;
    if (ours && !state_host(d->state, c->host_id, &host)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_host", "there is no such machine");
    }
    if (!ours) {
        enum err_code code = own_host(d, c->host_id, &host);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (host.online == 0) {
        return refuse(d, ERR_CONFLICT, "host_offline", "the machine is offline already");
    }
    struct event *event = decide_event(d, EVENT_PROVIDER_OFFLINE, c->host_id);
    event->u.provider_offline.account_id = host.account_id;
    event->u.provider_offline.last_report_at = host.last_report_at;
    return ERR_OK;
}

/* Every match, and whoever looks at the market, goes through all offers that are live. */
static enum err_code check_live_offers(struct deciding *d, const struct host_row *host)
{
    const struct command_offer *c = &d->command->u.offer;
    struct account_row account;
    if (c->host_offers_max != 0 && host->offers_live >= c->host_offers_max) {
        return refuse(d, ERR_CONFLICT, "too_many_offers",
                      "this machine has %llu live offers, and one may have at most %llu here: "
                      "withdraw one first",
                      (unsigned long long)host->offers_live,
                      (unsigned long long)c->host_offers_max);
    }
    if (c->account_offers_max != 0 && state_account(d->state, host->account_id, &account) &&
        account.offers_live >= c->account_offers_max) {
        return refuse(d, ERR_CONFLICT, "too_many_offers",
                      "your machines have %llu live offers together, and a provider may have at "
                      "most %llu here: withdraw one first",
                      (unsigned long long)account.offers_live,
                      (unsigned long long)c->account_offers_max);
    }
    return ERR_OK;
}

static enum err_code publish_offer(struct deciding *d)
{
    const struct command_offer *c = &d->command->u.offer;
    struct host_row host;
    struct offer_row existing;
    enum err_code code = own_host(d, c->offer.host_id, &host);
    if (code != ERR_OK) {
        return code;
    }
    if (state_offer(d->state, c->offer_id, &existing)) {
        return refuse(d, ERR_CONFLICT, "offer_exists", "this offer was published before");
    }
    if (c->offer.rate < 1 || c->offer.rate > AMOUNT_MAX) {
        return refuse(d, ERR_INVALID, "rate_invalid", "a rate is 1 to %lld QUBIC per hour",
                      (long long)AMOUNT_MAX);
    }
    if (c->offer.device == 0 || c->offer.ram_mib == 0 || c->offer.cpu_cores == 0 ||
        c->offer.speed_permille == 0 || c->offer.speed_permille > 1000000 ||
        (c->offer.device == DEVICE_GPU) != (c->offer.gpus > 0)) {
        return refuse(d, ERR_INVALID, "offer_invalid",
                      "an offer says its device, memory, cores and speed; gpus only for a GPU");
    }
    if (c->offer.model.size > OFFER_MODEL_MAX) {
        return refuse(d, ERR_INVALID, "model_invalid", "a model's name has at most %d bytes",
                      OFFER_MODEL_MAX);
    }
    uint64_t driver = 0;
    if (c->offer.driver.size > 0 && !driver_version_parse(c->offer.driver, &driver)) {
        return refuse(d, ERR_INVALID, "driver_invalid",
                      "a driver is told as NVIDIA numbers it, like 535.183.01");
    }
    code = check_live_offers(d, &host);
    if (code != ERR_OK) {
        return code;
    }
    struct event *event = decide_event(d, EVENT_OFFER_PUBLISHED, c->offer_id);
    event->u.offer_published = c->offer;
    event->u.offer_published.account_id = host.account_id;
    return ERR_OK;
}

static enum err_code withdraw_offer(struct deciding *d)
{
    const struct command_offer_withdraw *c = &d->command->u.offer_withdraw;
    struct offer_row offer;
    struct host_row host;
    if (!state_offer(d->state, c->offer_id, &offer)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_offer", "you have no such offer");
    }
    enum err_code code = own_host(d, offer.host_id, &host);
    if (code != ERR_OK) {
        return code;
    }
    if (offer.withdrawn != 0) {
        return refuse(d, ERR_CONFLICT, "offer_withdrawn", "this offer was withdrawn before");
    }
    struct event *event = decide_event(d, EVENT_OFFER_WITHDRAWN, c->offer_id);
    event->u.offer_withdrawn = (struct ev_offer_withdrawn){
        .account_id = offer.account_id, .host_id = offer.host_id, .detail = c->detail};
    return ERR_OK;
}

enum err_code decide_own_upload(struct deciding *d, struct id16 upload_id, struct upload_row *ret)
{
    if (!state_upload(d->state, upload_id, ret) || ret->rejected != 0 ||
        !decide_by_account(d, ret->account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_upload", "you have no such upload");
    }
    if (ret->analysis_sequence == 0) {
        return refuse(d, ERR_CONFLICT, "not_analysed", "the upload has not been analysed yet");
    }
    return decide_not_erased(d, upload_id);
}

static enum err_code record_match(struct deciding *d)
{
    const struct command_match *c = &d->command->u.match;
    struct upload_row upload;
    enum err_code code = decide_own_upload(d, c->match.upload_id, &upload);
    if (code != ERR_OK) {
        return code;
    }
    struct event *event = decide_event(d, EVENT_MATCH_COMPUTED, c->match_id);
    event->u.match_computed = c->match;
    event->u.match_computed.account_id = d->command->actor_id;
    return ERR_OK;
}

static enum err_code refuse_insufficient(struct deciding *d, const struct requirements *needs,
                                         const struct candidate *candidate)
{
    struct buf why;
    buf_init(&why, ERR_MESSAGE_MAX);
    match_why(needs, candidate, d->now, &why);
    enum err_code code = refuse(d, ERR_CONFLICT, "offer_insufficient",
                                "this machine does not fit: %s", buf_text(&why));
    buf_deinit(&why);
    return code;
}

/* What workers run (worker/job_kind.h): whoever could pay for another kind would pay for a failure. A single machine may run less, and is then not
 * given the job (find_claimable). */
static enum err_code check_runnable(struct deciding *d, const struct upload_row *upload)
{
    return upload->kind == UPLOAD_PYTHON || upload->kind == UPLOAD_NOTEBOOK ||
                   upload->kind == UPLOAD_BUNDLE || upload->kind == UPLOAD_DOCKERFILE
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "kind_not_runnable",
                        "no worker can run a job of kind %s yet; today they run: %s, %s, %s, %s",
                        enum_word(&upload_kind_words, (uint32_t)upload->kind),
                        enum_word(&upload_kind_words, UPLOAD_PYTHON),
                        enum_word(&upload_kind_words, UPLOAD_NOTEBOOK),
                        enum_word(&upload_kind_words, UPLOAD_BUNDLE),
                        enum_word(&upload_kind_words, UPLOAD_DOCKERFILE));
}

void decide_time(struct deciding *d, const struct upload_row *upload, struct candidate *candidate)
{
    struct estimate_times times;
    estimate_load_one(d->state, upload, &candidate->offer, &times);
    struct estimate_time time = estimate_on(&times, &candidate->offer);
    candidate->p50_ms = time.p50_ms;
    candidate->p90_ms = time.p90_ms;
}

enum err_code decide_network(struct deciding *d, bool wanted, const struct offer_row *offer)
{
    return !wanted || offer->network != 0
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "network_not_allowed",
                        "the provider of this machine gives jobs no network: take one whose offer "
                        "says network_allowed, or ask for none");
}

enum err_code decide_item(struct deciding *d, struct id16 item, struct id16 offer_id)
{
    return stock_has(d->state, offer_id, item)
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "not_on_machine",
                        "the model or container image that this job needs is not on this machine: "
                        "take one whose offer lists it");
}

static enum err_code issue_quote(struct deciding *d)
{
    const struct command_quote *c = &d->command->u.quote;
    struct upload_row upload;
    struct offer_row offer;
    struct host_row host;
    enum err_code code = decide_own_upload(d, c->upload_id, &upload);
    if (code == ERR_OK) {
        code = check_runnable(d, &upload);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (!state_offer(d->state, c->offer_id, &offer) || offer.withdrawn != 0 ||
        !state_host(d->state, offer.host_id, &host)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_offer", "this offer is not there any more");
    }
    if (host.online == 0) {
        return refuse(d, ERR_CONFLICT, "host_offline", "the machine of this offer is offline");
    }
    code = decide_network(d, c->network, &offer);
    if (code != ERR_OK) {
        return code;
    }
    struct quote_row existing;
    if (state_quote(d->state, c->quote_id, &existing)) { /* which may have its job */
        return refuse(d, ERR_CONFLICT, "quote_exists", "this quote was issued before");
    }
    /* How well it fits is the consumer's to judge; a price beyond all locks is refused below. */
    struct candidate candidate = {.offer = offer,
                                  .online = host.online,
                                  .has_item = stock_has(d->state, c->offer_id, c->item) ? 1 : 0};
    struct match match;
    struct ev_quote_issued quote = {
        .task = c->workload.task,
        .work_micro = c->workload.work_micro,
        .start_ms = c->workload.start_ms,
        .assumed = c->workload.assumed,
        .is_like = c->workload.is_like,
        .reference_p50_ms = c->reference_p50_ms,
        .reference_p90_ms = c->reference_p90_ms,
        .settings = c->settings,
    };
    struct workload workload;
    if (estimate_workload_quoted(&quote, &workload)) {
        estimate_resize(&upload, &workload);
    }
    decide_time(d, &upload, &candidate);
    struct requirements const needs = upload_needs_as(&upload, c->item, c->network);
    match_candidate(&needs, &candidate, d->now, &match);
    if ((match.failed & ~(1U << MATCH_COST)) != 0) {
        return refuse_insufficient(d, &needs, &candidate);
    }
    quote.account_id = d->command->actor_id;
    quote.upload_id = c->upload_id;
    quote.offer_id = c->offer_id;
    quote.provider_id = offer.account_id;
    quote.host_id = offer.host_id;
    quote.rate = offer.rate;
    quote.p50_ms = match.p50_ms;
    quote.p90_ms = match.p90_ms;
    quote.margin_bps = c->limit_ms == 0 ? d->ledger.margin_bps : 0;
    quote.fee_bps = d->ledger.fee_bps;
    quote.terms_sequence = d->ledger.terms_sequence;
    quote.expires_at = d->now + (int64_t)d->ledger.quote_valid_s * NS_PER_S;
    quote.match_id = c->match_id;
    uint64_t const paid_ms = c->limit_ms == 0 ? quote.p90_ms : c->limit_ms;
    if (!billing_cap(paid_ms, quote.rate, quote.margin_bps, d->ledger.lock_min, &quote.cap) ||
        !billing_limit_ms(quote.cap, quote.rate, &quote.limit_ms)) {
        return refuse(d, ERR_OVERFLOW, "price_too_large",
                      "this job would cost more than %lld QUBIC, the most one lock can hold",
                      (long long)AMOUNT_MAX);
    }
    decide_event(d, EVENT_QUOTE_ISSUED, c->quote_id)->u.quote_issued = quote;
    return ERR_OK;
}

enum err_code decide_market(struct deciding *d)
{
    struct host_row host;
    enum err_code code;
    switch ((int)d->command->type) {
    case COMMAND_HOST_ENROL:
        return enrol_host(d);
    case COMMAND_HOST_ONLINE:
        return host_online(d);
    case COMMAND_HOST_OFFLINE:
        return host_offline(d);
    case COMMAND_HOST_BENCHMARK:
        code = own_host(d, d->command->u.benchmark.host_id, &host);
        if (code == ERR_OK) {
            struct event *event =
                decide_event(d, EVENT_HOST_BENCHMARKED, d->command->u.benchmark.host_id);
            event->u.host_benchmarked = d->command->u.benchmark.benchmark;
            event->u.host_benchmarked.account_id = host.account_id;
        }
        return code;
    case COMMAND_OFFER_PUBLISH:
        return publish_offer(d);
    case COMMAND_OFFER_WITHDRAW:
        return withdraw_offer(d);
    case COMMAND_MATCH_RECORD:
        return record_match(d);
    case COMMAND_QUOTE_ISSUE:
        return issue_quote(d);
    default:
        IMPOSSIBLE("not a command of the market");
    }
}
