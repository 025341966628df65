// SPDX-License-Identifier: Apache-2.0
#include "tests/support/command_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[] = {
    [COMMAND_LEDGER_OPEN] = "ledger.open",
    [COMMAND_LEDGER_START] = "ledger.start",
    [COMMAND_TERMS_SET] = "terms.set",
    [COMMAND_KEY_ADD] = "key.add",
    [COMMAND_KEY_RETIRE] = "key.retire",
    [COMMAND_LEDGER_RESTORE] = "ledger.restore",
    [COMMAND_SETTLEMENT_RESUME] = "settlement.resume",
    [COMMAND_SWEEP] = "sweep",
    [COMMAND_SESSION_OPEN] = "session.open",
    [COMMAND_TOKEN_ISSUE] = "token.issue",
    [COMMAND_TOKEN_REVOKE] = "token.revoke",
    [COMMAND_CODE_EXCHANGE] = "code.exchange",
    [COMMAND_WEBHOOK_CREATE] = "webhook.create",
    [COMMAND_WEBHOOK_DELETE] = "webhook.delete",
    [COMMAND_WEBHOOK_ROTATE] = "webhook.rotate",
    [COMMAND_WEBHOOK_PAUSE] = "webhook.pause",
    [COMMAND_WEBHOOK_RESUME] = "webhook.resume",
    [COMMAND_UPLOAD_RECEIVE] = "upload.receive",
    [COMMAND_UPLOAD_REJECT] = "upload.reject",
    [COMMAND_ANALYSIS_COMPLETE] = "analysis.complete",
    [COMMAND_ANALYSIS_OVERRIDE] = "analysis.override",
    [COMMAND_UPLOAD_ERASE] = "upload.erase",
    [COMMAND_JOB_ERASE] = "job.erase",
    [COMMAND_HOST_ENROL] = "host.enrol",
    [COMMAND_HOST_ONLINE] = "host.online",
    [COMMAND_HOST_OFFLINE] = "host.offline",
    [COMMAND_HOST_BENCHMARK] = "host.benchmark",
    [COMMAND_OFFER_PUBLISH] = "offer.publish",
    [COMMAND_OFFER_WITHDRAW] = "offer.withdraw",
    [COMMAND_MATCH_RECORD] = "match.record",
    [COMMAND_QUOTE_ISSUE] = "quote.issue",
    [COMMAND_JOB_CREATE] = "job.create",
    [COMMAND_JOB_CANCEL] = "job.cancel",
    [COMMAND_JOB_RATE] = "job.rate",
    [COMMAND_JOB_CLAIM] = "job.claim",
    [COMMAND_JOB_START] = "job.start",
    [COMMAND_JOB_PROGRESS] = "job.progress",
    [COMMAND_JOB_OUTPUT] = "job.output",
    [COMMAND_JOB_METRICS] = "job.metrics",
    [COMMAND_JOB_REPORTS] = "job.reports",
    [COMMAND_RESULT_STORE] = "result.store",
    [COMMAND_JOB_END] = "job.end",
    [COMMAND_DEPOSIT_OBSERVE] = "deposit.observe",
    [COMMAND_ESCROW_CONFIRM] = "escrow.confirm",
    [COMMAND_ESCROW_EXPIRE] = "escrow.expire",
    [COMMAND_ESCROW_SHORTFALL] = "escrow.shortfall",
    [COMMAND_LEG_SIGN] = "leg.sign",
    [COMMAND_LEG_LOSE] = "leg.lose",
    [COMMAND_LEG_CONFIRM] = "leg.confirm",
    [COMMAND_ESCROW_REREAD] = "escrow.reread",
    [COMMAND_RECONCILIATION_RECORD] = "reconciliation.record",
    [COMMAND_CHECKPOINT_ANCHOR] = "checkpoint.anchor",
};

const char *command_type_name(enum command_type type)
{
    return (size_t)type < sizeof NAMES / sizeof *NAMES && NAMES[type] != NULL ? NAMES[type] : "?";
}

struct line {
    char *text;
    size_t size;
};

static void __attribute__((format(printf, 2, 3))) say(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted =
        vsnprintf(line->text + line->size, COMMAND_TEXT_SIZE - line->size, format, arguments);
    va_end(arguments);
    if (wanted > 0) {
        size_t room = COMMAND_TEXT_SIZE - 1 - line->size;
        line->size += (size_t)wanted < room ? (size_t)wanted : room;
    }
}

static void say_id(struct line *line, const char *what, struct id16 id)
{
    say(line, " %s %02x%02x", what, id.b[14], id.b[15]);
}

static void say_key(struct line *line, const char *what, struct key32 key)
{
    say(line, " %s %02x%02x", what, key.b[30], key.b[31]);
}

static void say_number(struct line *line, const char *what, uint64_t number)
{
    say(line, " %s %llu", what, (unsigned long long)number);
}

static void say_text(struct line *line, const char *what, struct bytes text)
{
    say(line, " %s '%.*s'", what, (int)text.size, (const char *)text.data);
}

static void say_amount(struct line *line, int64_t amount)
{
    say(line, " %lld QUBIC", (long long)amount);
}

static void say_before_the_job(struct line *line, const struct command *c)
{
    switch ((int)c->type) {
    case COMMAND_TERMS_SET:
        say_number(line, "fee_bps", c->u.terms.fee_bps);
        say_number(line, "margin_bps", c->u.terms.margin_bps);
        say_number(line, "confirmations", c->u.terms.confirmations);
        break;
    case COMMAND_SESSION_OPEN:
        say_id(line, "account", c->u.session.account_id);
        say_key(line, "identity", c->u.session.identity);
        break;
    case COMMAND_TOKEN_ISSUE:
        say_id(line, "token", c->u.token.token.token_id);
        say_id(line, "account", c->u.token.account_id);
        break;
    case COMMAND_TOKEN_REVOKE:
        say_id(line, "token", c->u.token_revoke.token_id);
        break;
    case COMMAND_CODE_EXCHANGE:
        say_key(line, "code", c->u.exchange.code_hash);
        say_id(line, "token", c->u.exchange.token.token_id);
        break;
    case COMMAND_WEBHOOK_CREATE:
    case COMMAND_WEBHOOK_DELETE:
    case COMMAND_WEBHOOK_ROTATE:
    case COMMAND_WEBHOOK_PAUSE:
    case COMMAND_WEBHOOK_RESUME:
        say_id(line, "webhook", c->u.webhook.webhook_id);
        say_id(line, "account", c->u.webhook.account_id);
        break;
    case COMMAND_UPLOAD_RECEIVE:
        say_id(line, "upload", c->u.upload.upload_id);
        say_number(line, "p90_ms",
                   c->u.upload.analysed ? c->u.upload.analysis.reference_p90_ms : 0);
        break;
    case COMMAND_UPLOAD_REJECT:
        say_id(line, "upload", c->u.upload_reject.upload_id);
        break;
    case COMMAND_ANALYSIS_COMPLETE:
        say_id(line, "upload", c->u.analysis.upload_id);
        say_number(line, "p90_ms", c->u.analysis.analysis.reference_p90_ms);
        break;
    case COMMAND_ANALYSIS_OVERRIDE:
        say_id(line, "upload", c->u.override.upload_id);
        say_number(line, "p90_ms", c->u.override.override.reference_p90_ms);
        break;
    case COMMAND_UPLOAD_ERASE:
    case COMMAND_JOB_ERASE:
        say_id(line, c->type == COMMAND_JOB_ERASE ? "job" : "upload", c->u.erase.id);
        say_number(line, "parts", c->u.erase.sequences.count);
        break;
    case COMMAND_LEDGER_RESTORE:
        say_number(line, "generation", c->u.restore.generation);
        break;
    case COMMAND_SETTLEMENT_RESUME:
        say_number(line, "generation", c->u.resume.generation);
        say_number(line, "unread", c->u.resume.unread_max);
        break;
    case COMMAND_HOST_ENROL:
    case COMMAND_HOST_ONLINE:
    case COMMAND_HOST_OFFLINE:
        say_id(line, "host", c->u.host.host_id);
        break;
    case COMMAND_HOST_BENCHMARK:
        say_id(line, "host", c->u.benchmark.host_id);
        break;
    case COMMAND_OFFER_PUBLISH:
        say_id(line, "offer", c->u.offer.offer_id);
        say_id(line, "host", c->u.offer.offer.host_id);
        say_number(line, "rate", (uint64_t)c->u.offer.offer.rate);
        say_number(line, "speed", c->u.offer.offer.speed_permille);
        say_number(line, "network", c->u.offer.offer.network_allowed ? 1 : 0);
        say_text(line, "packages", c->u.offer.offer.packages);
        say_text(line, "models", c->u.offer.offer.models);
        break;
    case COMMAND_OFFER_WITHDRAW:
        say_id(line, "offer", c->u.offer_withdraw.offer_id);
        break;
    case COMMAND_MATCH_RECORD:
        say_id(line, "upload", c->u.match.match.upload_id);
        break;
    case COMMAND_QUOTE_ISSUE:
        say_id(line, "quote", c->u.quote.quote_id);
        say_id(line, "upload", c->u.quote.upload_id);
        say_id(line, "offer", c->u.quote.offer_id);
        say_number(line, "network", c->u.quote.network ? 1 : 0);
        say_id(line, "item", c->u.quote.item);
        say_number(line, "limit_ms", c->u.quote.limit_ms);
        break;
    default:
        break;
    }
}

static void say_job(struct line *line, const struct command *c)
{
    switch ((int)c->type) {
    case COMMAND_JOB_CREATE:
        say_id(line, "job", c->u.job_create.job_id);
        say_id(line, "escrow", c->u.job_create.escrow_id);
        say_id(line, "quote", c->u.job_create.quote_id);
        say_number(line, "network", c->u.job_create.network ? 1 : 0);
        say_id(line, "item", c->u.job_create.item);
        break;
    case COMMAND_JOB_CANCEL:
    case COMMAND_JOB_START:
        say_id(line, "job", c->u.job.job_id);
        break;
    case COMMAND_JOB_RATE:
        say_id(line, "job", c->u.rate.job_id);
        say_number(line, "stars", c->u.rate.stars);
        break;
    case COMMAND_JOB_PROGRESS:
        say_id(line, "job", c->u.progress.job_id);
        say_number(line, "used_ms", c->u.progress.progress.used_ms);
        break;
    case COMMAND_JOB_OUTPUT:
        say_id(line, "job", c->u.output.job_id);
        say_number(line, "first_line", c->u.output.output.first_line);
        say_number(line, "bytes", c->u.output.output.text.size);
        break;
    case COMMAND_JOB_METRICS:
        say_id(line, "job", c->u.metrics.job_id);
        say_number(line, "samples", c->u.metrics.metrics.samples.count);
        break;
    case COMMAND_JOB_REPORTS:
        say_id(line, "job", c->u.reports.job_id);
        say_number(line, "reports", c->u.reports.reports.count);
        break;
    case COMMAND_RESULT_STORE:
        say_id(line, "job", c->u.result.job_id);
        break;
    case COMMAND_JOB_END: {
        const char *ending = enum_word(&ending_words, (uint32_t)c->u.end.end.ending);
        say_id(line, "job", c->u.end.job_id);
        say(line, " as %s", ending == NULL ? "?" : ending);
        say_number(line, "worker_ms", c->u.end.end.worker_ms);
        break;
    }
    default:
        break;
    }
}

static void say_leg(struct line *line, const struct command *c)
{
    static const char *const KINDS[] = {[LEG_REFUND] = "refund",
                                        [LEG_PAYOUT] = "payout",
                                        [LEG_FEE] = "fee",
                                        [LEG_RETURN] = "return"};
    bool known = c->u.leg.kind >= LEG_REFUND && c->u.leg.kind <= LEG_RETURN;
    say_id(line, "escrow", c->u.leg.escrow_id);
    say(line, " %s", known ? KINDS[c->u.leg.kind] : "?");
    if (!key_is_zero(c->u.leg.deposit_tx)) {
        say_key(line, "of deposit", c->u.leg.deposit_tx);
    }
    if (c->type == COMMAND_LEG_SIGN) {
        say_number(line, "attempt", c->u.leg.u.signing.attempt);
        say_amount(line, c->u.leg.u.signing.amount);
    } else if (c->type == COMMAND_LEG_LOSE) {
        say_number(line, "attempt", c->u.leg.u.lost.attempt);
        say_number(line, "processed_tick", c->u.leg.u.lost.processed_tick);
    } else {
        say_number(line, "attempt", c->u.leg.u.confirmed.attempt);
        say_amount(line, c->u.leg.u.confirmed.amount);
        say_number(line, "processed_tick", c->u.leg.u.confirmed.processed_tick);
    }
}

static void say_chain(struct line *line, const struct command *c)
{
    switch ((int)c->type) {
    case COMMAND_DEPOSIT_OBSERVE:
        say_id(line, "escrow", c->u.deposit.escrow_id);
        say_key(line, "tx", c->u.deposit.tx_id);
        say_key(line, "from", c->u.deposit.source);
        say_amount(line, c->u.deposit.amount);
        say_number(line, "tick", c->u.deposit.tick);
        say(line, "%s", c->u.deposit.payload_ours ? "" : " no payload");
        break;
    case COMMAND_ESCROW_CONFIRM:
        say_id(line, "escrow", c->u.confirm.escrow_id);
        say_number(line, "confirmations", c->u.confirm.confirmations);
        say_number(line, "processed_tick", c->u.confirm.processed_tick);
        break;
    case COMMAND_ESCROW_EXPIRE:
        say_id(line, "escrow", c->u.confirm.escrow_id);
        say_number(line, "processed_tick", c->u.confirm.processed_tick);
        break;
    case COMMAND_ESCROW_SHORTFALL:
        say_id(line, "escrow", c->u.shortfall.escrow_id);
        say_amount(line, c->u.shortfall.shortfall.balance);
        say(line, " of");
        say_amount(line, c->u.shortfall.shortfall.expected);
        break;
    case COMMAND_CHECKPOINT_ANCHOR:
        say_number(line, "size", c->u.anchored.size);
        say_number(line, "tick", c->u.anchored.tick);
        break;
    case COMMAND_ESCROW_REREAD:
        say_id(line, "escrow", c->u.reread.escrow_id);
        say_number(line, "generation", c->u.reread.generation);
        say_number(line, "payments", c->u.reread.outgoing.count);
        break;
    default:
        say_leg(line, c);
        break;
    }
}

void command_text(const struct command *c, char ret[COMMAND_TEXT_SIZE])
{
    struct line line = {.text = ret};
    const char *actor = enum_word(&actor_kind_words, (uint32_t)c->actor_kind);
    ret[0] = '\0';
    say(&line, "%s", actor == NULL ? "nobody" : actor);
    if (!id_is_zero(c->actor_id)) {
        say_id(&line, "", c->actor_id);
    }
    say(&line, ": %s", command_type_name(c->type));
    if (c->type < COMMAND_JOB_CREATE) {
        say_before_the_job(&line, c);
    } else if (c->type < COMMAND_DEPOSIT_OBSERVE) {
        say_job(&line, c);
    } else {
        say_chain(&line, c);
    }
}
