/* Every command by every actor in every state of a job and its escrow, against a table written from the design and not from the rules.
 *
 * Goal:    no command does something in a state that nobody thought of, and none is accepted from somebody who may not give it.
 * Method:  tests/support/market_stage.h brings a market to each state; there each command is given by each actor, and the events or the word of the refusal
 *          are compared with the table's cell. The whole market is checked after each command, the books after each event.
 * Reading: a row is a command and who gives it; its first exception that has the state counts, otherwise what comes in all other states. Words with a dot
 *          are events. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "tests/support/market_stage.h"
#include "tests/support/stage_commands.h"

#include <stdio.h>
#include <string.h>

/* ── sets of states ────────────────────────────────────────────────────────────────────────────── */

#define IN(state) (UINT64_C(1) << STATE_##state)
#define FROM_TO(first, last) ((IN(last) << 1) - IN(first))

#define ASKED FROM_TO(ASKED, ASKED_OVERDUE)
#define SEEN FROM_TO(SEEN_0, SEEN_TWICE)
#define QUEUED FROM_TO(QUEUED, QUEUED_AGAIN)
#define ASSIGNED FROM_TO(ASSIGNED, ASSIGNED_DOWN)
#define RUNNING FROM_TO(RUNNING, RUNNING_RETURNING)
#define ENDED FROM_TO(COMPLETED, CANCELLED_RETURNED)
#define RAN FROM_TO(COMPLETED, CANCELLED_RUNNING)
#define CLOSED FROM_TO(NEVER_FUNDED, CANCELLED_RETURNED)
#define SETTLED (ENDED & ~CLOSED)
/* Ended, and a machine had it at some time. */
#define HAD (RAN | IN(CANCELLED_ASSIGNED) | IN(NO_WORKER_STARTED))
#define SHORTFALL                                                                                  \
    (IN(ASKED_SHORTFALL) | IN(QUEUED_SHORTFALL) | IN(RUNNING_SHORTFALL) | IN(DONE_SHORTFALL) |     \
     IN(SIGNED_SHORTFALL))
/* Where some transaction of the escrow is signed and neither confirmed nor lost. */
#define RETURNING                                                                                  \
    (IN(ASKED_RETURNING) | IN(QUEUED_RETURNING) | IN(RUNNING_RETURNING) | IN(DONE_RETURNING) |     \
     IN(CANCELLED_RETURNING))
#define REFUNDING (IN(REFUND_SIGNED) | IN(SIGNED_SHORTFALL))
/* Where nothing was used, so that the refund is all there is. */
#define REFUND_ONLY                                                                                \
    (FROM_TO(PROGRAM_FAILED, WORKER_LOST) | FROM_TO(CANCELLED_QUEUED, NO_WORKER_STARTED))
#define PAYOUT_ONLY (IN(CAP_REACHED) | IN(CAP_BY_SWEEPER)) /* where all was used: no refund */
#define REFUND_DUE                                                                                 \
    (IN(COMPLETED) | IN(RATED) | IN(REFUND_LOST) | IN(DONE_DUPLICATE) | IN(HEALED) |               \
     IN(CANCELLED_RUNNING) | REFUND_ONLY)
#define REFUND_PAID FROM_TO(PAYOUT_DUE, ALL_PAID_DUPLICATE)
#define PAYOUT_PAID FROM_TO(FEE_DUE, ALL_PAID_DUPLICATE)
#define FEE_PAID FROM_TO(ALL_PAID, ALL_PAID_DUPLICATE)
#define RETURN_DUE                                                                                 \
    (IN(ASKED_SHORT) | IN(ASKED_RETURN_LOST) | IN(SEEN_TWICE) | IN(QUEUED_DUPLICATE) |             \
     IN(ALL_PAID_DUPLICATE) | IN(NEVER_FUNDED_SHORT) | IN(NEVER_FUNDED_LATE) | IN(CANCELLED_SEEN))
#define RETURN_PAID (IN(ASKED_RETURNED) | IN(CANCELLED_RETURNED))
/* All states that have a leg of the kind, in whatever status. */
#define HAS_REFUND (SETTLED & ~PAYOUT_ONLY)
#define HAS_PAYOUT (SETTLED & ~REFUND_ONLY)
#define HAS_FEE HAS_PAYOUT
#define HAS_RETURN (RETURN_DUE | RETURNING | RETURN_PAID | IN(ASKED_SHORTFALL) | IN(DONE_DUPLICATE))
/* Where something of the escrow is owed, or may still be. */
#define KEY_IN_USE                                                                                 \
    (~(IN(NO_JOB) | IN(ALL_PAID) | IN(NEVER_FUNDED) | IN(CANCELLED_ASKED) | IN(CANCELLED_RETURNED)))
#define NO_LOCK_CAME (ASKED | IN(NEVER_FUNDED) | IN(NEVER_FUNDED_SHORT) | IN(CANCELLED_ASKED))

/* ── sets of actors ────────────────────────────────────────────────────────────────────────────── */

#define BY(actor) (1u << BY_##actor)
#define ANYBODY ((1u << STAGE_ACTOR_COUNT) - 1)
#define ACCOUNTS (BY(OWNER) | BY(OTHER) | BY(PROVIDER))
#define HOSTS (BY(HOST) | BY(SIBLING) | BY(RIVAL))
#define OPERATORS (BY(LEDGER) | BY(OPERATOR))
#define BUT(actors) (ANYBODY & ~(actors))

/* ── the table ─────────────────────────────────────────────────────────────────────────────────── */

#define CELLS_MAX 9

struct row {
    const char *name;
    enum command_type type;
    stage_give *make;
    unsigned actors;
    const char *otherwise;
    struct {
        uint64_t states;
        const char *outcome;
    } cells[CELLS_MAX];
};

/* clang-format off */
#define END_ROWS(name, make, accepted)                                                             \
    {name, COMMAND_JOB_END, make, BY(HOST), "no_such_job",                                         \
     {{IN(RUNNING_SILENT), "lease_expired"}, {RUNNING, accepted},                                  \
      {ASSIGNED | IN(QUEUED_AGAIN), "not_running"}, {HAD, "job_ended"}}},                          \
    {name, COMMAND_JOB_END, make, BY(SIBLING) | BY(RIVAL), "no_such_job", {{0}}},                  \
    {name, COMMAND_JOB_END, make, BUT(HOSTS), "not_a_host", {{0}}}
#define REPORT_ROWS(name, type, accepted, at_quota)                                                \
    {name, type, give_report, BY(HOST), "no_such_job",                                                  \
     {{IN(RUNNING_SILENT), "lease_expired"}, {IN(RUNNING_QUOTA), at_quota}, {RUNNING, accepted},   \
      {ASSIGNED | IN(QUEUED_AGAIN), "not_running"}, {HAD, "job_ended"}}},                          \
    {name, type, give_report, BY(SIBLING) | BY(RIVAL), "no_such_job", {{0}}},                           \
    {name, type, give_report, BUT(HOSTS), "not_a_host", {{0}}}
#define BUT_SETTLEMENT(name, type, make)                                                           \
    {name, type, make, BUT(BY(SETTLEMENT)), "not_settlement", {{0}}}
#define WEBHOOK_ROWS(name, type, accepted, refused)                                                \
    {name, type, give_webhook, BY(OWNER) | OPERATORS, accepted, {{0}}},                                 \
    {name, type, give_webhook, BUT(BY(OWNER) | OPERATORS), refused, {{0}}}

static const struct row TABLE[] = {
    /* the ledger */
    {"open the ledger", COMMAND_LEDGER_OPEN, give_plain, OPERATORS, "already_open", {{0}}},
    {"open the ledger", COMMAND_LEDGER_OPEN, give_plain, BUT(OPERATORS), "not_operator", {{0}}},
    {"start the ledger", COMMAND_LEDGER_START, give_plain, OPERATORS, "ledger.started", {{0}}},
    {"start the ledger", COMMAND_LEDGER_START, give_plain, BUT(OPERATORS), "not_operator", {{0}}},
    {"set terms", COMMAND_TERMS_SET, give_plain, OPERATORS, "terms.set", {{0}}},
    {"set terms", COMMAND_TERMS_SET, give_plain, BUT(OPERATORS), "not_operator", {{0}}},
    {"add a key", COMMAND_KEY_ADD, give_plain, OPERATORS, "settlement.key_added", {{0}}},
    {"add a key", COMMAND_KEY_ADD, give_plain, BUT(OPERATORS), "not_operator", {{0}}},
    {"retire the newest key", COMMAND_KEY_RETIRE, give_plain, OPERATORS | BY(SETTLEMENT), "key_newest", {{0}}},
    {"retire the newest key", COMMAND_KEY_RETIRE, give_plain, BUT(OPERATORS | BY(SETTLEMENT)), "not_operator", {{0}}},
    {"restore", COMMAND_LEDGER_RESTORE, give_restore, OPERATORS, "ledger.restored", {{0}}},
    {"restore", COMMAND_LEDGER_RESTORE, give_restore, BUT(OPERATORS), "not_operator", {{0}}},
    {"resume", COMMAND_SETTLEMENT_RESUME, give_resume, OPERATORS, "not_observing", {{0}}},
    {"resume", COMMAND_SETTLEMENT_RESUME, give_resume, BUT(OPERATORS), "not_operator", {{0}}},
    {"re-read the escrow", COMMAND_ESCROW_REREAD, give_reread, BY(SETTLEMENT), "nothing_new", {{IN(NO_JOB), "no_such_escrow"}}},
    BUT_SETTLEMENT("re-read the escrow", COMMAND_ESCROW_REREAD, give_reread),
    {"sweep", COMMAND_SWEEP, give_plain, OPERATORS, "nothing_due", {
        {IN(QUEUED_OVERDUE), "job.failed:no_worker escrow.settled"},
        {IN(ASSIGNED_OVERDUE), "job.released"},
        {IN(ASSIGNED_THIRD), "job.failed:no_worker escrow.settled"},
        {IN(RUNNING_SILENT), "job.failed:worker_lost escrow.settled"},
        {IN(RUNNING_OVER), "job.completed:cap_reached escrow.settled"}}},
    {"sweep", COMMAND_SWEEP, give_plain, BUT(OPERATORS), "not_operator", {{0}}},

    /* auditors */
    {"record a reconciliation", COMMAND_RECONCILIATION_RECORD, give_reconciliation, OPERATORS, "reconciliation.recorded", {{0}}},
    {"record a reconciliation", COMMAND_RECONCILIATION_RECORD, give_reconciliation, BUT(OPERATORS), "not_auditor", {{0}}},
    {"anchor a checkpoint", COMMAND_CHECKPOINT_ANCHOR, give_anchor, BY(SETTLEMENT), "checkpoint.anchored", {{0}}},
    BUT_SETTLEMENT("anchor a checkpoint", COMMAND_CHECKPOINT_ANCHOR, give_anchor),

    /* people */
    {"sign in", COMMAND_SESSION_OPEN, give_sign_in, ANYBODY, "identity.registered token.issued", {{0}}},
    {"issue a token", COMMAND_TOKEN_ISSUE, give_token, BY(OWNER) | OPERATORS, "token.issued", {{0}}},
    {"issue a token", COMMAND_TOKEN_ISSUE, give_token, BUT(BY(OWNER) | OPERATORS), "not_yours", {{0}}},
    {"revoke a token", COMMAND_TOKEN_REVOKE, give_token, BY(OWNER) | OPERATORS, "token.revoked", {{0}}},
    {"revoke a token", COMMAND_TOKEN_REVOKE, give_token, BUT(BY(OWNER) | OPERATORS), "no_such_token", {{0}}},
    {"exchange a code", COMMAND_CODE_EXCHANGE, give_token, ANYBODY, "token.revoked token.issued", {{0}}},

    WEBHOOK_ROWS("make a webhook", COMMAND_WEBHOOK_CREATE, "webhook.created", "not_yours"),
    WEBHOOK_ROWS("delete a webhook", COMMAND_WEBHOOK_DELETE, "webhook.deleted", "no_such_webhook"),
    WEBHOOK_ROWS("rotate its secret", COMMAND_WEBHOOK_ROTATE, "webhook.rotated", "no_such_webhook"),
    WEBHOOK_ROWS("pause a webhook", COMMAND_WEBHOOK_PAUSE, "webhook.paused", "no_such_webhook"),
    WEBHOOK_ROWS("resume a webhook", COMMAND_WEBHOOK_RESUME, "webhook.resumed", "no_such_webhook"),

    /* uploads */
    {"upload what is analysed", COMMAND_UPLOAD_RECEIVE, give_analysed_upload, ACCOUNTS, "upload.received analysis.completed", {{0}}},
    {"upload what is analysed", COMMAND_UPLOAD_RECEIVE, give_analysed_upload, BUT(ACCOUNTS), "no_such_account", {{0}}},
    {"upload", COMMAND_UPLOAD_RECEIVE, give_upload, ACCOUNTS, "upload.received", {{0}}},
    {"upload", COMMAND_UPLOAD_RECEIVE, give_upload, BUT(ACCOUNTS), "no_such_account", {{0}}},
    {"reject an upload", COMMAND_UPLOAD_REJECT, give_upload, ACCOUNTS, "upload.rejected", {{0}}},
    {"reject an upload", COMMAND_UPLOAD_REJECT, give_upload, BUT(ACCOUNTS), "no_such_account", {{0}}},
    {"analyse", COMMAND_ANALYSIS_COMPLETE, give_analysis, OPERATORS, "analysis.completed", {{0}}},
    {"analyse", COMMAND_ANALYSIS_COMPLETE, give_analysis, BUT(OPERATORS), "not_operator", {{0}}},
    {"override an analysis", COMMAND_ANALYSIS_OVERRIDE, give_override, BY(OWNER), "analysis.overridden", {{0}}},
    {"override an analysis", COMMAND_ANALYSIS_OVERRIDE, give_override, BUT(BY(OWNER)), "no_such_upload", {{0}}},
    {"erase an upload", COMMAND_UPLOAD_ERASE, give_erase, BY(OWNER) | OPERATORS, "upload_in_use", {
        {IN(NO_JOB) | ENDED, "upload.erased private.erased"}}},
    {"erase an upload", COMMAND_UPLOAD_ERASE, give_erase, BUT(BY(OWNER) | OPERATORS), "no_such_upload", {{0}}},

    /* machines and offers: of the machine itself and of the account it belongs to */
    {"enrol", COMMAND_HOST_ENROL, give_enrol, ACCOUNTS, "provider.enrolled token.issued", {{0}}},
    {"enrol", COMMAND_HOST_ENROL, give_enrol, BUT(ACCOUNTS), "no_such_account", {{0}}},
    {"come online", COMMAND_HOST_ONLINE, give_host, BY(HOST) | BY(PROVIDER), "provider.online", {{0}}},
    {"come online", COMMAND_HOST_ONLINE, give_host, BUT(BY(HOST) | BY(PROVIDER)), "no_such_host", {{0}}},
    {"go offline", COMMAND_HOST_OFFLINE, give_host, BY(HOST) | BY(PROVIDER) | OPERATORS, "provider.offline", {{0}}},
    {"go offline", COMMAND_HOST_OFFLINE, give_host, BUT(BY(HOST) | BY(PROVIDER) | OPERATORS), "no_such_host", {{0}}},
    {"benchmark", COMMAND_HOST_BENCHMARK, give_host, BY(HOST) | BY(PROVIDER), "host.benchmarked", {{0}}},
    {"benchmark", COMMAND_HOST_BENCHMARK, give_host, BUT(BY(HOST) | BY(PROVIDER)), "no_such_host", {{0}}},
    {"publish", COMMAND_OFFER_PUBLISH, give_offer, BY(HOST) | BY(PROVIDER), "offer.published", {{0}}},
    {"publish", COMMAND_OFFER_PUBLISH, give_offer, BUT(BY(HOST) | BY(PROVIDER)), "no_such_host", {{0}}},
    {"withdraw", COMMAND_OFFER_WITHDRAW, give_offer, BY(HOST) | BY(PROVIDER), "offer.withdrawn", {{0}}},
    {"withdraw", COMMAND_OFFER_WITHDRAW, give_offer, BUT(BY(HOST) | BY(PROVIDER)), "no_such_host", {{0}}},

    /* consumers */
    {"match", COMMAND_MATCH_RECORD, give_match, BY(OWNER), "match.computed", {{0}}},
    {"match", COMMAND_MATCH_RECORD, give_match, BUT(BY(OWNER)), "no_such_upload", {{0}}},
    {"ask for a quote", COMMAND_QUOTE_ISSUE, give_quote, BY(OWNER), "quote.issued", {{0}}},
    {"ask for a quote", COMMAND_QUOTE_ISSUE, give_quote, BUT(BY(OWNER)), "no_such_upload", {{0}}},
    {"create", COMMAND_JOB_CREATE, give_create, BY(OWNER), "quote_used", {
        {IN(NO_JOB), "job.created escrow.requested"}}},
    {"create", COMMAND_JOB_CREATE, give_create, BUT(BY(OWNER)), "no_such_quote", {{0}}},
    {"cancel", COMMAND_JOB_CANCEL, give_job, BY(OWNER), "job_ended", {
        {IN(NO_JOB), "no_such_job"},
        {ASKED | SEEN, "job.cancelled:cancelled_before_start escrow.expired"},
        {QUEUED | ASSIGNED, "job.cancelled:cancelled_before_start escrow.settled"},
        /* Silent for a lease is lost, whether or not the sweeper came by. */
        {IN(RUNNING_SILENT), "job.failed:worker_lost escrow.settled"},
        {RUNNING, "job.cancelled:cancelled_running escrow.settled"}}},
    {"cancel", COMMAND_JOB_CANCEL, give_job, BUT(BY(OWNER)), "no_such_job", {{0}}},
    {"rate", COMMAND_JOB_RATE, give_job, BY(OWNER), "not_ratable", {
        {IN(NO_JOB), "no_such_job"},
        {IN(RATED), "already_rated"},
        {RAN, "job.rated"}}},
    {"rate", COMMAND_JOB_RATE, give_job, BUT(BY(OWNER)), "no_such_job", {{0}}},
    {"erase a job's data", COMMAND_JOB_ERASE, give_erase, BY(OWNER) | OPERATORS, "job_not_ended", {
        {IN(NO_JOB), "no_such_job"},
        {ENDED & ~KEY_IN_USE, "job.erased private.erased"},
        {ENDED, "job_not_settled"}}},
    {"erase a job's data", COMMAND_JOB_ERASE, give_erase, BUT(BY(OWNER) | OPERATORS), "no_such_job", {{0}}},

    /* workers */
    {"claim", COMMAND_JOB_CLAIM, give_job, BY(HOST), "no_job", {
        {QUEUED, "job.assigned"},
        {ASSIGNED | RUNNING, "host_busy"}}},
    {"claim", COMMAND_JOB_CLAIM, give_job, BY(SIBLING), "no_job", {
        {IN(QUEUED_AGAIN), "job.assigned"}}}, /* which the first machine let lie */
    {"claim", COMMAND_JOB_CLAIM, give_job, BY(RIVAL), "no_job", {{0}}},
    {"claim", COMMAND_JOB_CLAIM, give_job, BUT(HOSTS), "not_a_host", {{0}}},
    {"start", COMMAND_JOB_START, give_job, BY(HOST), "no_such_job", {
        {ASSIGNED, "job.started"},
        {RUNNING, "not_assigned"},
        {HAD, "job_ended"}}},
    {"start", COMMAND_JOB_START, give_job, BY(SIBLING) | BY(RIVAL), "no_such_job", {{0}}},
    {"start", COMMAND_JOB_START, give_job, BUT(HOSTS), "not_a_host", {{0}}},
    REPORT_ROWS("progress", COMMAND_JOB_PROGRESS, "job.progressed", "job.progressed"),
    REPORT_ROWS("output", COMMAND_JOB_OUTPUT, "job.output", "output_quota"),
    REPORT_ROWS("metrics", COMMAND_JOB_METRICS, "metric.sampled", "metric.sampled"),
    REPORT_ROWS("several", COMMAND_JOB_REPORTS, "metric.sampled", "metric.sampled"),
    REPORT_ROWS("result", COMMAND_RESULT_STORE, "result.stored", "result.stored"),
    END_ROWS("end as completed", give_completed, "job.completed:completed escrow.settled"),
    END_ROWS("end at the paid limit", give_capped, "job.completed:cap_reached escrow.settled"),
    END_ROWS("end as crashed", give_crashed, "job.failed:program_failed escrow.settled"),
    END_ROWS("end by the machine's fault", give_faulted, "job.failed:host_fault escrow.settled"),
    END_ROWS("end as only others may", give_cancelled, "ending_invalid"),

    /* deposits */
    {"the lock comes", COMMAND_DEPOSIT_OBSERVE, give_lock, BY(SETTLEMENT), "deposit.observed:duplicate", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED, "deposit.observed:lock"}, /* overdue too: its tick counts, not when we saw it */
        {CLOSED, "deposit.observed:late"}}},
    BUT_SETTLEMENT("the lock comes", COMMAND_DEPOSIT_OBSERVE, give_lock),
    {"too little comes", COMMAND_DEPOSIT_OBSERVE, give_one_less, BY(SETTLEMENT), "deposit.observed:duplicate", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED, "deposit.observed:short"},
        {CLOSED, "deposit.observed:late"}}},
    BUT_SETTLEMENT("too little comes", COMMAND_DEPOSIT_OBSERVE, give_one_less),
    {"too much comes", COMMAND_DEPOSIT_OBSERVE, give_one_more, BY(SETTLEMENT), "deposit.observed:duplicate", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED, "deposit.observed:over"},
        {CLOSED, "deposit.observed:late"}}},
    BUT_SETTLEMENT("too much comes", COMMAND_DEPOSIT_OBSERVE, give_one_more),
    {"the lock comes late", COMMAND_DEPOSIT_OBSERVE, give_too_late, BY(SETTLEMENT), "deposit.observed:duplicate", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED | CLOSED, "deposit.observed:late"}}},
    BUT_SETTLEMENT("the lock comes late", COMMAND_DEPOSIT_OBSERVE, give_too_late),
    {"a stranger pays", COMMAND_DEPOSIT_OBSERVE, give_by_stranger, BY(SETTLEMENT), "deposit.observed:foreign", {
        {IN(NO_JOB), "no_such_escrow"}}},
    BUT_SETTLEMENT("a stranger pays", COMMAND_DEPOSIT_OBSERVE, give_by_stranger),
    {"a lock for another comes", COMMAND_DEPOSIT_OBSERVE, give_to_another, BY(SETTLEMENT), "deposit.observed:malformed", {
        {IN(NO_JOB), "no_such_escrow"}}},
    BUT_SETTLEMENT("a lock for another comes", COMMAND_DEPOSIT_OBSERVE, give_to_another),
    {"the lock is seen again", COMMAND_DEPOSIT_OBSERVE, give_once_more, BY(SETTLEMENT), "deposit_seen", {
        {IN(NO_JOB), "no_such_escrow"},
        {NO_LOCK_CAME, "deposit_invalid"}}}, /* its hash is zero there */
    BUT_SETTLEMENT("the lock is seen again", COMMAND_DEPOSIT_OBSERVE, give_once_more),

    /* the escrow */
    {"confirm", COMMAND_ESCROW_CONFIRM, give_next_confirmation, BY(SETTLEMENT), "not_next", {
        {IN(NO_JOB), "no_such_escrow"},
        {IN(SEEN_2), "escrow.confirmed escrow.locked"},
        {SEEN, "escrow.confirmed"}}},
    BUT_SETTLEMENT("confirm", COMMAND_ESCROW_CONFIRM, give_next_confirmation),
    {"confirm early", COMMAND_ESCROW_CONFIRM, give_a_tick_early, BY(SETTLEMENT), "not_next", {
        {IN(NO_JOB), "no_such_escrow"},
        {SEEN, "too_early"}}},
    BUT_SETTLEMENT("confirm early", COMMAND_ESCROW_CONFIRM, give_a_tick_early),
    {"confirm two at once", COMMAND_ESCROW_CONFIRM, give_skipping_one, BY(SETTLEMENT), "not_next", {
        {IN(NO_JOB), "no_such_escrow"}}},
    BUT_SETTLEMENT("confirm two at once", COMMAND_ESCROW_CONFIRM, give_skipping_one),
    {"expire", COMMAND_ESCROW_EXPIRE, give_expiry, BY(SETTLEMENT), "not_waiting", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED, "job.cancelled:never_funded escrow.expired"}}},
    BUT_SETTLEMENT("expire", COMMAND_ESCROW_EXPIRE, give_expiry),
    {"expire early", COMMAND_ESCROW_EXPIRE, give_early_expiry, BY(SETTLEMENT), "not_waiting", {
        {IN(NO_JOB), "no_such_escrow"},
        {ASKED, "too_early"}}},
    BUT_SETTLEMENT("expire early", COMMAND_ESCROW_EXPIRE, give_early_expiry),
    {"less is there", COMMAND_ESCROW_SHORTFALL, give_less_there, BY(SETTLEMENT), "escrow.shortfall", {
        {IN(NO_JOB), "no_such_escrow"},
        {SHORTFALL, "nothing_new"}}},
    BUT_SETTLEMENT("less is there", COMMAND_ESCROW_SHORTFALL, give_less_there),
    {"all is there", COMMAND_ESCROW_SHORTFALL, give_all_there, BY(SETTLEMENT), "nothing_new", {
        {IN(NO_JOB), "no_such_escrow"},
        {SHORTFALL, "escrow.shortfall"}}},
    BUT_SETTLEMENT("all is there", COMMAND_ESCROW_SHORTFALL, give_all_there),

    /* legs: one at a time, refund first, nothing signed while less is there, nothing signed that is paid */
    {"sign the refund", COMMAND_LEG_SIGN, give_refund, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUND_PAID, "leg_paid"},
        {REFUNDING | IN(DONE_RETURNING), "in_flight"},
        {IN(DONE_SHORTFALL), "shortfall"},
        {REFUND_DUE, "refund.signed"}}},
    BUT_SETTLEMENT("sign the refund", COMMAND_LEG_SIGN, give_refund),
    {"sign the payout", COMMAND_LEG_SIGN, give_payout, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {PAYOUT_PAID, "leg_paid"},
        {REFUNDING | IN(PAYOUT_SIGNED) | IN(DONE_RETURNING), "in_flight"},
        {IN(DONE_SHORTFALL), "shortfall"},
        {IN(PAYOUT_DUE) | IN(PAYOUT_LOST) | PAYOUT_ONLY, "payout.signed"},
        {HAS_PAYOUT, "not_next"}}},
    BUT_SETTLEMENT("sign the payout", COMMAND_LEG_SIGN, give_payout),
    {"sign the fee", COMMAND_LEG_SIGN, give_fee, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {FEE_PAID, "leg_paid"},
        {REFUNDING | IN(PAYOUT_SIGNED) | IN(FEE_SIGNED) | IN(DONE_RETURNING), "in_flight"},
        {IN(DONE_SHORTFALL), "shortfall"},
        {IN(FEE_DUE) | IN(FEE_LOST), "fee.signed"},
        {HAS_FEE, "not_next"}}},
    BUT_SETTLEMENT("sign the fee", COMMAND_LEG_SIGN, give_fee),
    {"sign a return", COMMAND_LEG_SIGN, give_giving_back, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {RETURN_PAID, "leg_paid"},
        {RETURNING, "in_flight"},
        {IN(ASKED_SHORTFALL), "shortfall"},
        {IN(DONE_DUPLICATE), "not_next"},
        {RETURN_DUE, "refund.signed:return"}}},
    BUT_SETTLEMENT("sign a return", COMMAND_LEG_SIGN, give_giving_back),
    {"sign another amount", COMMAND_LEG_SIGN, give_wrong_amount, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUND_PAID, "leg_paid"},
        {REFUNDING | IN(DONE_RETURNING), "in_flight"},
        {IN(DONE_SHORTFALL), "shortfall"},
        {REFUND_DUE, "leg_differs"}}},
    BUT_SETTLEMENT("sign another amount", COMMAND_LEG_SIGN, give_wrong_amount),
    {"sign two attempts on", COMMAND_LEG_SIGN, give_wrong_attempt, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUND_PAID, "leg_paid"},
        {REFUNDING | IN(DONE_RETURNING), "in_flight"},
        {IN(DONE_SHORTFALL), "shortfall"},
        {REFUND_DUE, "leg_differs"}}},
    BUT_SETTLEMENT("sign two attempts on", COMMAND_LEG_SIGN, give_wrong_attempt),

    {"lose the refund", COMMAND_LEG_LOSE, give_refund, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUNDING, "refund.lost"},
        {HAS_REFUND, "not_in_flight"}}},
    BUT_SETTLEMENT("lose the refund", COMMAND_LEG_LOSE, give_refund),
    {"lose the payout", COMMAND_LEG_LOSE, give_payout, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {IN(PAYOUT_SIGNED), "payout.lost"},
        {HAS_PAYOUT, "not_in_flight"}}},
    BUT_SETTLEMENT("lose the payout", COMMAND_LEG_LOSE, give_payout),
    {"lose the fee", COMMAND_LEG_LOSE, give_fee, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {IN(FEE_SIGNED), "fee.lost"},
        {HAS_FEE, "not_in_flight"}}},
    BUT_SETTLEMENT("lose the fee", COMMAND_LEG_LOSE, give_fee),
    {"lose a return", COMMAND_LEG_LOSE, give_giving_back, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {RETURNING, "refund.lost:return"},
        {HAS_RETURN, "not_in_flight"}}},
    BUT_SETTLEMENT("lose a return", COMMAND_LEG_LOSE, give_giving_back),
    {"lose what moved money", COMMAND_LEG_LOSE, give_money_left, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUNDING, "no_evidence"},
        {HAS_REFUND, "not_in_flight"}}},
    BUT_SETTLEMENT("lose what moved money", COMMAND_LEG_LOSE, give_money_left),
    {"lose too early", COMMAND_LEG_LOSE, give_two_on_top, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUNDING, "no_evidence"},
        {HAS_REFUND, "not_in_flight"}}},
    BUT_SETTLEMENT("lose too early", COMMAND_LEG_LOSE, give_two_on_top),

    {"pay the refund", COMMAND_LEG_CONFIRM, give_refund, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUNDING, "refund.confirmed"},
        {HAS_REFUND, "not_in_flight"}}},
    BUT_SETTLEMENT("pay the refund", COMMAND_LEG_CONFIRM, give_refund),
    {"pay the payout", COMMAND_LEG_CONFIRM, give_payout, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {IN(PAYOUT_SIGNED), "payout.confirmed"},
        {HAS_PAYOUT, "not_in_flight"}}},
    BUT_SETTLEMENT("pay the payout", COMMAND_LEG_CONFIRM, give_payout),
    {"pay the fee", COMMAND_LEG_CONFIRM, give_fee, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {IN(FEE_SIGNED), "fee.confirmed"},
        {HAS_FEE, "not_in_flight"}}},
    BUT_SETTLEMENT("pay the fee", COMMAND_LEG_CONFIRM, give_fee),
    {"pay a return", COMMAND_LEG_CONFIRM, give_giving_back, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {RETURNING, "refund.confirmed:return"},
        {HAS_RETURN, "not_in_flight"}}},
    BUT_SETTLEMENT("pay a return", COMMAND_LEG_CONFIRM, give_giving_back),
    {"pay too early", COMMAND_LEG_CONFIRM, give_two_on_top, BY(SETTLEMENT), "no_such_leg", {
        {IN(NO_JOB), "no_such_escrow"},
        {REFUNDING, "too_early"},
        {HAS_REFUND, "not_in_flight"}}},
    BUT_SETTLEMENT("pay too early", COMMAND_LEG_CONFIRM, give_two_on_top),

    /* last: from here on the newest key is another */
    {"retire a key", COMMAND_KEY_RETIRE, give_retire_key, OPERATORS | BY(SETTLEMENT), "settlement.key_retired", {
        {KEY_IN_USE, "key_in_use"}}},
    {"retire a key", COMMAND_KEY_RETIRE, give_retire_key, BUT(OPERATORS | BY(SETTLEMENT)), "not_operator", {{0}}},
};
/* clang-format on */
#define ROW_COUNT (sizeof TABLE / sizeof *TABLE)

static const char *expected(const struct row *row, enum stage_state state)
{
    for (size_t i = 0; i < CELLS_MAX && row->cells[i].outcome != NULL; i++) {
        if ((row->cells[i].states >> state & 1) != 0) {
            return row->cells[i].outcome;
        }
    }
    return row->otherwise;
}

/* ── the tests ─────────────────────────────────────────────────────────────────────────────────── */

/* The cells of one state that differ. A refusal changes nothing, so the market is built anew only after what was accepted. */
static size_t compare_state(enum stage_state state, size_t *cells)
{
    struct stage *stage = NULL;
    size_t wrong = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &TABLE[i];
        for (unsigned actor = 0; actor < STAGE_ACTOR_COUNT; actor++) {
            if ((row->actors >> actor & 1) == 0) {
                continue;
            }
            stage = stage == NULL ? stage_open(state) : stage;
            const char *want = expected(row, state);
            struct command command = row->make(stage, row->type, (enum stage_actor)actor);
            const char *got = stage_submit(stage, &command);
            ++*cells;
            if (strcmp(got, want) != 0) {
                (void)fprintf(stderr, "\"%s\" by %s in state \"%s\" gives %s, not %s\n", row->name,
                              stage_actor_name((enum stage_actor)actor), stage_state_name(state),
                              got, want);
                wrong++;
            }
            if (stage->market.err.code == ERR_OK) {
                stage_close(stage);
                stage = NULL;
            }
        }
    }
    if (stage != NULL) {
        stage_close(stage);
    }
    return wrong;
}

static void every_command_in_every_state_does_what_the_table_says(void **test)
{
    (void)test;
    size_t wrong = 0;
    size_t cells = 0;
    for (unsigned state = 0; state < STAGE_STATE_COUNT; state++) {
        wrong += compare_state((enum stage_state)state, &cells);
    }
    printf("%d states, %zu rows, %zu cells\n", STAGE_STATE_COUNT, ROW_COUNT, cells);
    assert_int_equal(wrong, 0);
}

/* Each command is there, and each variant of it is said once for each actor. */
static void no_command_and_no_actor_lacks_its_row(void **test)
{
    (void)test;
    for (int type = COMMAND_LEDGER_OPEN; type <= COMMAND_CHECKPOINT_ANCHOR; type++) {
        bool found = false;
        for (size_t i = 0; i < ROW_COUNT; i++) {
            found |= TABLE[i].type == (enum command_type)type;
        }
        if (!found) {
            fail_msg("command type %d has no row", type);
        }
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        unsigned actors = 0;
        for (size_t k = 0; k < ROW_COUNT; k++) {
            if (strcmp(TABLE[k].name, TABLE[i].name) == 0) {
                assert_int_equal(TABLE[k].type, TABLE[i].type);
                if ((actors & TABLE[k].actors) != 0) {
                    fail_msg("\"%s\" says the same actor twice", TABLE[i].name);
                }
                actors |= TABLE[k].actors;
            }
        }
        if (actors != ANYBODY) {
            fail_msg("\"%s\" does not say what all actors get", TABLE[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_command_and_no_actor_lacks_its_row),
        cmocka_unit_test(every_command_in_every_state_does_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
