// SPDX-License-Identifier: Apache-2.0
#include "core/market/evolve.h"

#include "core/base/checked.h"
#include "core/base/driver_version.h"
#include "core/base/invariant.h"
#include "core/base/software.h"
#include "core/market/estimate.h"
#include "core/market/evolve_internal.h"
#include "core/market/posting.h"
#include "core/market/stock.h"

#include <stdio.h>
#include <string.h>

void evolve_missing(struct store *state, const char *what)
{
    char message[80];
    (void)snprintf(message, sizeof message, "the log speaks of an unknown %s", what);
    store_fail(state, ERR_CORRUPT, message);
}

void put_host(struct store *state, struct id16 id, const struct host_row *row)
{
    store_put(state, &STATE_HOSTS, id_key(&id), bytes_of(row, sizeof *row));
}

static void put_settlement_key(struct store *state, uint64_t key_id,
                               const struct settlement_key_row *row)
{
    uint8_t key[8];
    put_be64(key, key_id);
    store_put(state, &STATE_SETTLEMENT_KEYS, bytes_of(key, sizeof key), bytes_of(row, sizeof *row));
}

void evolve_key_escrows(struct store *state, uint64_t key_id, int64_t more)
{
    struct settlement_key_row row;
    if (more == 0) {
        return;
    }
    if (!state_settlement_key(state, key_id, &row) ||
        (more < 0 && row.escrows_open < (uint64_t)-more)) {
        evolve_missing(state, "settlement key");
        return;
    }
    row.escrows_open += (uint64_t)more; /* modulo 2^64: less, if it is negative */
    put_settlement_key(state, key_id, &row);
}

static void evolve_settlement_key(struct store *state, uint64_t sequence, const struct event *event)
{
    struct settlement_key_row row;
    if (event->type->number == EVENT_SETTLEMENT_KEY_ADDED) {
        const struct ev_settlement_key_added *added = &event->u.settlement_key_added;
        memset(&row, 0, sizeof row);
        row.check_identity = added->check_identity;
        row.added_sequence = sequence;
        put_settlement_key(state, added->key_id, &row);
    } else if (event->type->number == EVENT_SETTLEMENT_KEY_RETIRED) {
        uint64_t key_id = event->u.settlement_key_retired.key_id;
        if (!state_settlement_key(state, key_id, &row)) {
            evolve_missing(state, "settlement key");
            return;
        }
        row.retired_sequence = sequence;
        put_settlement_key(state, key_id, &row);
    }
}

static void evolve_ledger(struct store *state, uint64_t sequence, const struct event *event)
{
    struct ledger_row row;
    if (!state_ledger(state, &row)) {
        memset(&row, 0, sizeof row);
    }
    const struct ev_terms_set *terms = &event->u.terms_set;
    switch (event->type->number) {
    case EVENT_LEDGER_OPENED:
        row.log_id = event->u.ledger_opened.log_id;
        row.network = event->u.ledger_opened.network;
        row.generation = event->u.ledger_opened.generation;
        break;
    case EVENT_LEDGER_RESTORED:
        row.generation = event->u.ledger_restored.generation;
        row.observing = 1;
        break;
    case EVENT_SETTLEMENT_RESUMED:
        row.observing = 0;
        break;
    case EVENT_LEDGER_STARTED:
        row.started_at = event->time;
        break;
    case EVENT_SETTLEMENT_KEY_ADDED:
        row.settlement_key_id = event->u.settlement_key_added.key_id;
        row.check_identity = event->u.settlement_key_added.check_identity;
        break;
    case EVENT_CHECKPOINT_ANCHORED:
        row.anchored_size = event->u.checkpoint_anchored.size;
        row.anchored_at = event->time;
        break;
    case EVENT_TERMS_SET:
        row.terms_sequence = sequence;
        row.fee_bps = terms->fee_bps;
        row.margin_bps = terms->margin_bps;
        row.lock_min = terms->lock_min;
        row.quote_valid_s = terms->quote_valid_s;
        row.lock_wait_s = terms->lock_wait_s;
        row.heartbeat_s = terms->heartbeat_s;
        row.lease_s = terms->lease_s;
        row.start_within_s = terms->start_within_s;
        row.queue_max_s = terms->queue_max_s;
        row.confirmations = terms->confirmations;
        row.tick_offset = terms->tick_offset;
        row.output_max = terms->output_max;
        row.upload_max = terms->upload_max;
        row.batch_max = terms->batch_max;
        row.billing_version = terms->billing_version;
        row.fee_identity = terms->fee_identity;
        row.paid_endings = 0;
        for (size_t i = 0; i < terms->failure_terms.count; i++) {
            const struct ev_failure_term *term =
                (const struct ev_failure_term *)terms->failure_terms.items + i;
            row.paid_endings |= term->provider_paid ? UINT64_C(1) << term->ending : 0;
        }
        break;
    default:
        break;
    }
    store_put(state, &STATE_LEDGER, bytes_of_text("l"), bytes_of(&row, sizeof row));
}

static void evolve_account(struct store *state, uint64_t sequence, const struct event *event)
{
    switch (event->type->number) {
    case EVENT_WEBHOOK_CREATED:
    case EVENT_WEBHOOK_DELETED:
    case EVENT_WEBHOOK_ROTATED:
    case EVENT_WEBHOOK_PAUSED:
    case EVENT_WEBHOOK_RESUMED:
        evolve_webhook(state, sequence, event);
        return;
    default:
        break;
    }
    if (event->type->number == EVENT_IDENTITY_REGISTERED) {
        struct account_row row;
        memset(&row, 0, sizeof row);
        row.identity = event->u.identity_registered.identity;
        row.registered_sequence = sequence;
        store_put(state, &STATE_ACCOUNTS, id_key(&event->stream_id), bytes_of(&row, sizeof row));
        store_put(state, &STATE_IDENTITIES, hash_key(&row.identity), id_key(&event->stream_id));
    } else if (event->type->number == EVENT_TOKEN_ISSUED) {
        const struct ev_token_issued *token = &event->u.token_issued;
        struct token_row row;
        memset(&row, 0, sizeof row);
        row.token_id = token->token_id;
        row.account_id = event->stream_id;
        row.host_id = token->host_id;
        row.scopes = token->scopes;
        row.expires_at = token->expires_at;
        store_put(state, &STATE_TOKENS, hash_key(&token->token_hash), bytes_of(&row, sizeof row));
        store_put(state, &STATE_TOKEN_IDS, id_key(&token->token_id), hash_key(&token->token_hash));
    } else {
        struct key32 hash;
        struct token_row row;
        if (!store_get_row(state, &STATE_TOKEN_IDS, id_key(&event->u.token_revoked.token_id), &hash,
                           sizeof hash) ||
            !state_token(state, hash, &row)) {
            evolve_missing(state, "token");
            return;
        }
        row.revoked = sequence;
        store_put(state, &STATE_TOKENS, hash_key(&hash), bytes_of(&row, sizeof row));
    }
}

static void evolve_upload(struct store *state, uint64_t sequence, const struct event *event)
{
    struct upload_row row;
    if (!state_upload(state, event->stream_id, &row)) {
        memset(&row, 0, sizeof row);
    }
    const struct ev_analysis_completed *analysis = &event->u.analysis_completed;
    const struct ev_analysis_overridden *override = &event->u.analysis_overridden;
    switch (event->type->number) {
    case EVENT_UPLOAD_RECEIVED:
        row.account_id = event->u.upload_received.account_id;
        row.size = event->u.upload_received.size;
        row.received_sequence = sequence;
        break;
    case EVENT_UPLOAD_REJECTED:
        row.account_id = event->u.upload_rejected.account_id;
        row.size = event->u.upload_rejected.size;
        row.rejected = event->u.upload_rejected.reason;
        break;
    case EVENT_ANALYSIS_COMPLETED:
        row.analysis_sequence = sequence;
        row.kind = analysis->kind;
        row.job_type = analysis->job_type;
        row.needs = (struct requirements){
            .gpus = analysis->gpus,
            .vram_mib = analysis->vram_mib,
            .tflops_milli = analysis->tflops_milli,
            .ram_mib = analysis->ram_mib,
            .storage_mib = analysis->storage_mib,
            .compute_capability = analysis->compute_capability,
            .driver = analysis->driver,
            .packages = software_packages_of(analysis->packages),
            .item = analysis->item,
            .item_kind = upload_item_kind(analysis->kind, analysis->item),
            .reference_p50_ms = analysis->reference_p50_ms,
            .reference_p90_ms = analysis->reference_p90_ms,
            .device = analysis->device,
        };
        break;
    case EVENT_WORKLOAD_SIZED: /* a task of a newer table is none here */
        row.needs.task = scale_task((const char *)event->u.workload_sized.task.data,
                                    event->u.workload_sized.task.size);
        row.needs.start_ms = event->u.workload_sized.start_ms;
        row.work_micro = event->u.workload_sized.work_micro;
        row.assumed = event->u.workload_sized.assumed;
        row.is_like = event->u.workload_sized.is_like ? 1 : 0;
        break;
    case EVENT_ANALYSIS_OVERRIDDEN:
        row.overridden_sequence = sequence;
        row.overridden_job_type = override->job_type;
        row.overridden = (struct requirements){
            .gpus = override->gpus,
            .vram_mib = override->vram_mib,
            .tflops_milli = override->tflops_milli,
            .ram_mib = override->ram_mib,
            .storage_mib = override->storage_mib,
            .compute_capability = override->compute_capability,
            .driver = override->driver,
            .packages = software_packages_of(override->packages),
            .item = override->item,
            .item_kind = upload_item_kind(row.kind, override->item),
            .reference_p50_ms = override->reference_p50_ms,
            .reference_p90_ms = override->reference_p90_ms,
            .device = override->device,
        };
        if (override->job_type == row.job_type && override->device == row.needs.device &&
            override->reference_p50_ms == row.needs.reference_p50_ms &&
            override->reference_p90_ms == row.needs.reference_p90_ms) {
            row.overridden.task = row.needs.task; /* still a job that this benchmark is like */
            row.overridden.start_ms = row.needs.start_ms;
        }
        break;
    default:
        break;
    }
    store_put(state, &STATE_UPLOADS, id_key(&event->stream_id), bytes_of(&row, sizeof row));
}

static void evolve_host(struct store *state, const struct event *event)
{
    struct host_row row;
    if (event->type->number == EVENT_PROVIDER_ENROLLED) {
        memset(&row, 0, sizeof row);
        row.account_id = event->u.provider_enrolled.account_id;
    } else if (!state_host(state, event->stream_id, &row)) {
        evolve_missing(state, "host");
        return;
    }
    if (event->type->number == EVENT_PROVIDER_ONLINE) {
        row.online = 1;
        row.last_report_at = event->time;
    } else if (event->type->number == EVENT_PROVIDER_OFFLINE) {
        row.online = 0;
    }
    put_host(state, event->stream_id, &row);
}

static void count_offers(struct store *state, const struct offer_row *offer, uint64_t more)
{
    struct account_row account;
    struct host_row host;
    if (state_host(state, offer->host_id, &host)) {
        host.offers_live += more; /* modulo 2^64: one less, if it is all ones */
        put_host(state, offer->host_id, &host);
    }
    if (state_account(state, offer->account_id, &account)) {
        account.offers_live += more;
        store_put(state, &STATE_ACCOUNTS, id_key(&offer->account_id),
                  bytes_of(&account, sizeof account));
    }
}

static void evolve_offer(struct store *state, uint64_t sequence, const struct event *event)
{
    struct offer_row row;
    uint8_t key[32]; /* of the host's live offers */
    memcpy(key + 16, event->stream_id.b, 16);
    if (event->type->number == EVENT_OFFER_PUBLISHED) {
        const struct ev_offer_published *offer = &event->u.offer_published;
        memset(&row, 0, sizeof row);
        row.account_id = offer->account_id;
        row.host_id = offer->host_id;
        row.rate = offer->rate;
        row.device = offer->device;
        row.gpus = offer->gpus;
        row.vram_mib = offer->vram_mib;
        row.tflops_milli = offer->tflops_milli;
        row.ram_mib = offer->ram_mib;
        row.storage_mib = offer->storage_mib;
        row.compute_capability = offer->compute_capability;
        (void)driver_version_parse(offer->driver, &row.driver); /* not a version: not told */
        row.cpu_cores = offer->cpu_cores;
        row.speed_permille = offer->speed_permille;
        row.gpu_model = estimate_gpu_of(offer->device, offer->model);
        row.published_sequence = sequence;
        row.network = offer->network_allowed ? 1 : 0;
        row.tells_packages = offer->packages.size > 0 ? 1 : 0;
        row.packages = software_packages_of(offer->packages);
        row.item_bits = stock_publish(state, event->stream_id, offer->models, offer->images);
        memcpy(key, row.host_id.b, 16);
        store_put(state, &STATE_HOST_OFFERS, bytes_of(key, sizeof key), bytes_of("", 0));
        count_offers(state, &row, 1);
    } else {
        if (!state_offer(state, event->stream_id, &row)) {
            evolve_missing(state, "offer");
            return;
        }
        row.withdrawn = sequence;
        stock_withdraw(state, event->stream_id);
        memcpy(key, row.host_id.b, 16);
        store_delete(state, &STATE_HOST_OFFERS, bytes_of(key, sizeof key));
        count_offers(state, &row, UINT64_MAX);
    }
    store_put(state, &STATE_OFFERS, id_key(&event->stream_id), bytes_of(&row, sizeof row));
}

/* What the job's end will be held against. */
static void remember_estimate(struct store *state, const struct ev_quote_issued *quote,
                              struct quote_row *row)
{
    struct upload_row upload;
    struct offer_row offer;
    if (!state_upload(state, row->upload_id, &upload) ||
        !state_offer(state, row->offer_id, &offer)) {
        evolve_missing(state, "upload or offer");
        return;
    }
    row->job_type = upload_job_type(&upload);
    row->gpu_model = offer.gpu_model;
    /* An owner who may write the time must not write what others are estimated by. What a job took on several GPUs says nothing of one. */
    if (upload.overridden_sequence == 0 && upload.needs.device == DEVICE_GPU &&
        upload.needs.task != 0 && offer.gpu_model != 0 && offer.gpus == 1 &&
        !id_equal(row->account_id, row->provider_id)) {
        struct workload workload;
        if (estimate_workload_quoted(quote, &workload)) {
            estimate_resize(&upload, &workload);
        }
        row->untaught_ms =
            estimate_untaught(&upload.needs, offer.gpu_model, offer.speed_permille).p50_ms;
    }
}

static void evolve_quote(struct store *state, uint64_t sequence, const struct event *event)
{
    const struct ev_quote_issued *quote = &event->u.quote_issued;
    struct ledger_row ledger;
    struct upload_row upload;
    struct quote_row row;
    if (!state_ledger(state, &ledger)) {
        evolve_missing(state, "ledger");
        return;
    }
    memset(&row, 0, sizeof row);
    row.account_id = quote->account_id;
    row.upload_id = quote->upload_id;
    row.offer_id = quote->offer_id;
    row.provider_id = quote->provider_id;
    row.host_id = quote->host_id;
    row.rate = quote->rate;
    row.cap = quote->cap;
    row.limit_ms = quote->limit_ms;
    row.fee_bps = quote->fee_bps;
    row.paid_endings = ledger.paid_endings;
    row.fee_identity = ledger.fee_identity;
    row.expires_at = quote->expires_at;
    row.issued_sequence = sequence;
    row.p50_ms = quote->p50_ms;
    row.p90_ms = quote->p90_ms;
    remember_estimate(state, quote, &row);
    if (state_upload(state, quote->upload_id, &upload)) {
        row.packages = upload_needs(&upload)->packages;
    }
    store_put(state, &STATE_QUOTES, id_key(&event->stream_id), bytes_of(&row, sizeof row));
}

static void evolve_command(struct store *state, uint64_t sequence, const struct event *event)
{
    uint64_t row[2] = {sequence, 0};
    (void)state_command(state, event->command_id, &row[0], &row[1]);
    row[1]++;
    store_put(state, &STATE_COMMANDS, id_key(&event->command_id), bytes_of(row, sizeof row));
}

static void evolve_balances(struct store *state, const struct event *event)
{
    struct posting postings[POSTINGS_MAX];
    size_t count = postings_of(event, postings);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t balance = state_balance(state, postings[i].account);
        if (!checked_add_i64(sum, postings[i].amount, &sum) ||
            !checked_add_i64(balance, postings[i].amount, &balance)) {
            store_fail(state, ERR_CORRUPT, "a balance leaves its range");
            return;
        }
        if (balance < 0 && !account_may_be_negative(postings[i].account)) {
            store_fail(state, ERR_CORRUPT, "a balance that cannot be negative would be");
            return;
        }
        store_put(state, &STATE_BALANCES, bytes_of(postings[i].account, ACCOUNT_KEY_SIZE),
                  bytes_of(&balance, sizeof balance));
    }
    INVARIANT(sum == 0); /* debits equal credits; the accounts view checks it again */
}

void market_evolve(struct store *state, uint64_t sequence, const struct event *event)
{
    switch (event->type->stream_kind) {
    case STREAM_LEDGER:
        break;
    case STREAM_ACCOUNT:
        evolve_account(state, sequence, event);
        break;
    case STREAM_UPLOAD:
        evolve_upload(state, sequence, event);
        break;
    case STREAM_HOST:
        evolve_host(state, event);
        break;
    case STREAM_OFFER:
        evolve_offer(state, sequence, event);
        break;
    case STREAM_QUOTE:
        evolve_quote(state, sequence, event);
        break;
    case STREAM_JOB:
        evolve_job(state, sequence, event);
        break;
    case STREAM_ESCROW:
        evolve_escrow(state, sequence, event);
        break;
    case STREAM_MATCH:
        break;
    }
    if (event->type->stream_kind == STREAM_LEDGER) {
        evolve_ledger(state, sequence, event);
        evolve_settlement_key(state, sequence, event);
    }
    evolve_storage(state, sequence, event);
    evolve_command(state, sequence, event);
    evolve_balances(state, event);
}
