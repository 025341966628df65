/* core/market/command.h: everything that can be asked of the ledger.
 *
 * Shape:   a header and one body per type. Ids of new things come in with the command; time is stamped by the writer.
 * Owner:   slices and lists are borrowed until the command is answered.
 * Refusal: decide answers with an error whose message is "word: sentence"; the word is the stable code of the API's problem. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_COMMAND_H
#define CORE_MARKET_COMMAND_H

#include "core/event/catalogue.h"
#include "core/market/state.h"
#include "core/market/storage.h"

enum command_type {
    /* the ledger */
    COMMAND_LEDGER_OPEN = 1,
    COMMAND_LEDGER_START,
    COMMAND_TERMS_SET,
    COMMAND_KEY_ADD,
    COMMAND_KEY_RETIRE,
    COMMAND_LEDGER_RESTORE, /* a log that was put back from a copy goes on as another generation */
    COMMAND_SETTLEMENT_RESUME, /* … and may pay again */
    COMMAND_SWEEP,             /* act on deadlines that have passed */
    /* people */
    COMMAND_SESSION_OPEN, /* register the identity if it is new, issue a token */
    COMMAND_TOKEN_ISSUE,
    COMMAND_TOKEN_REVOKE,
    COMMAND_CODE_EXCHANGE, /* a code for a machine becomes a token that enrols it: once */
    COMMAND_WEBHOOK_CREATE,
    COMMAND_WEBHOOK_DELETE,
    COMMAND_WEBHOOK_ROTATE,
    COMMAND_WEBHOOK_PAUSE,
    COMMAND_WEBHOOK_RESUME,
    /* uploads */
    COMMAND_UPLOAD_RECEIVE,
    COMMAND_UPLOAD_REJECT,
    COMMAND_ANALYSIS_COMPLETE,
    COMMAND_ANALYSIS_OVERRIDE, /* its owner says otherwise; the analysis itself stays */
    COMMAND_UPLOAD_ERASE,
    /* machines and offers */
    COMMAND_HOST_ENROL,
    COMMAND_HOST_ONLINE,
    COMMAND_HOST_OFFLINE,
    COMMAND_HOST_BENCHMARK,
    COMMAND_OFFER_PUBLISH,
    COMMAND_OFFER_WITHDRAW,
    /* consumers */
    COMMAND_MATCH_RECORD,
    COMMAND_QUOTE_ISSUE,
    COMMAND_JOB_CREATE,
    COMMAND_JOB_CANCEL,
    COMMAND_JOB_RATE,
    COMMAND_JOB_ERASE,
    /* workers */
    COMMAND_JOB_CLAIM,
    COMMAND_JOB_START,
    COMMAND_JOB_PROGRESS,
    COMMAND_JOB_OUTPUT,
    COMMAND_JOB_METRICS,
    COMMAND_JOB_REPORTS, /* of output and metrics several, all of them or none */
    COMMAND_RESULT_STORE,
    COMMAND_JOB_END,
    /* settlement */
    COMMAND_DEPOSIT_OBSERVE,
    COMMAND_ESCROW_CONFIRM,
    COMMAND_ESCROW_EXPIRE,
    COMMAND_ESCROW_SHORTFALL,
    COMMAND_LEG_SIGN,
    COMMAND_LEG_LOSE,
    COMMAND_LEG_CONFIRM,
    COMMAND_ESCROW_REREAD,
    /* auditors */
    COMMAND_RECONCILIATION_RECORD,
    /* settlement, for auditors */
    COMMAND_CHECKPOINT_ANCHOR,
};

struct command_session {
    struct key32 identity;
    struct id16 account_id; /* used if the identity is new */
    struct ev_token_issued token;
};

struct command_token {
    struct id16 account_id;
    struct ev_token_issued token;
};

struct command_token_revoke {
    struct id16 account_id;
    struct id16 token_id;
};

struct command_exchange {
    struct key32 code_hash; /* as token.issued has it */
    struct ev_token_issued token;
};

struct command_webhook {
    struct id16 account_id; /* zero: the operator's own */
    struct id16 webhook_id;
    uint64_t if_version; /* rotate: only this version of the secret; 0: whichever there is */
    struct ev_webhook_created created; /* create; webhook_id is filled by decide */
    struct ev_webhook_paused paused;   /* pause; likewise */
};

struct command_analysis {
    struct id16 upload_id;
    struct ev_analysis_completed analysis;
    struct ev_workload_sized workload; /* no task: no benchmark is like it */
};

struct command_override {
    struct id16 upload_id;
    uint64_t
        if_sequence; /* only over what that event said, the analysis or an override; 0: over whatever there is */
    struct ev_analysis_overridden override; /* every figure: what is left as it was is said again */
};

struct command_host {
    struct id16 host_id;
    struct bytes host_name; /* private */
    struct bytes software;  /* private */
    struct key32 sealing_key;
    struct ev_token_issued token; /* enrolment issues the host's worker token */
};

struct command_benchmark {
    struct id16 host_id;
    struct ev_host_benchmarked benchmark;
};

struct command_offer {
    struct id16 offer_id;
    struct ev_offer_published offer; /* account_id is filled by decide */
    /* How many live ones there may be, of the machine and of its provider: the operator's choice, which no record depends on. 0: no limit. */
    uint64_t host_offers_max;
    uint64_t account_offers_max;
};

struct command_offer_withdraw {
    struct id16 offer_id;
    struct bytes detail;
};

struct command_upload {
    struct id16 upload_id;
    struct ev_upload_received upload; /* account_id is filled by decide */
    bool analysed;                    /* together with what it is: neither without the other */
    struct ev_analysis_completed analysis;
    struct ev_workload_sized workload; /* no task: no benchmark is like it */
    uint64_t
        storage_max; /* bytes an account may hold: the operator's choice, which no record depends on; 0: no limit */
};

/* Private parts of an upload's or a job's stream, listed by the server: as many commands as they take, the last one says so. */
struct command_erase {
    struct id16 id;
    struct event_list sequences; /* struct ev_erased, at most ERASE_PARTS_MAX */
    uint64_t changes; /* of its storage_row when they were listed: more now, more to list */
    bool is_last;
};

struct command_upload_reject {
    struct id16 upload_id;
    struct ev_upload_rejected rejected;
};

struct command_match {
    struct id16 match_id;
    struct ev_match_computed match;
};

struct command_quote {
    struct id16 quote_id;
    struct id16 upload_id;
    struct id16 offer_id;
    struct id16 match_id; /* zero: chosen without one */
    /* As the job's settings make it, with its reference times; no task: as the upload was sized. */
    struct ev_workload_sized workload;
    uint64_t reference_p50_ms;
    uint64_t reference_p90_ms;
    struct bytes settings; /* private JSON: what they say, and why it counts */
    bool network;          /* they ask for one */
    struct id16 item;      /* that it needs as they have it, core/market/stock.h; zero: none */
    uint64_t limit_ms;     /* the longest it may run, as the consumer says; 0: by the estimate */
};

struct command_job_create {
    struct id16 job_id;
    struct id16 escrow_id;
    struct id16 quote_id;
    struct key32 escrow_identity; /* derived from the operator's seed by settlement */
    uint64_t key_id;
    uint64_t
        requested_tick; /* the chain's, when asked; 0 refuses: without it no lock could be judged */
    uint64_t last_tick; /* a lock's tick may not be later */
    struct bytes file_name; /* private, from the upload */
    struct key32 input_digest;
    struct bytes settings; /* private JSON */
    bool network;          /* they ask for one */
    struct id16 item;      /* that it needs as they have it, core/market/stock.h; zero: none */
    bool other_work;       /* they ask for something else than the quote was for */
    uint64_t storage_max;  /* as command_upload's */
};

struct command_job { /* cancel, claim (job_id unused), start */
    struct id16 job_id;
    struct id16 host_id;
    uint64_t kinds; /* claim: bit n for each upload_kind n the host can run; 0: it did not say */
    bool network;   /* claim: the host gives one to jobs that ask */
};

struct command_rate {
    struct id16 job_id;
    uint64_t stars;
    struct bytes comment;
};

struct command_progress {
    struct id16 job_id;
    struct ev_job_progressed progress;
};

struct command_output {
    struct id16 job_id;
    struct ev_job_output output;
};

struct command_metrics {
    struct id16 job_id;
    struct ev_metric_sampled metrics;
};

struct command_report { /* one of them; the other is zero */
    bool is_output;
    struct ev_job_output output;
    struct ev_metric_sampled metrics;
};

struct command_reports {
    struct id16 job_id;
    struct event_list reports; /* struct command_report, 1 to JOB_REPORTS_MAX */
};

struct command_result {
    struct id16 job_id;
    struct ev_result_stored result;
};

struct command_end {
    struct id16 job_id;
    struct ev_job_end end; /* ending, fault, reason, worker_ms, exit_status, signal, detail */
};

struct command_deposit {
    struct id16 escrow_id;
    struct key32 tx_id;
    struct key32 source;
    int64_t amount;
    uint64_t tick;
    bool payload_ours;  /* inputType and the 104 bytes parse as a lock of this log */
    struct id16 job_id; /* from the payload */
    struct id16 payload_escrow_id;
    struct id16 quote_id;
    struct key32 provider;
};

struct command_confirm {
    struct id16 escrow_id;
    uint64_t confirmations;
    uint64_t processed_tick;
};

struct command_shortfall {
    struct id16 escrow_id;
    struct ev_escrow_shortfall shortfall;
};

struct command_leg {
    struct id16 escrow_id;
    enum leg_kind kind;
    struct key32 deposit_tx; /* of a return */
    union {
        struct ev_leg_signed signing;
        struct ev_leg_lost lost;
        struct ev_leg_confirmed confirmed;
    } u;
};

/* All that went out of an escrow's identity, with money, up to a tick; decide leaves out what the log knows. */
struct command_reread {
    struct id16 escrow_id;
    uint64_t generation;
    uint64_t processed_tick;
    struct event_list outgoing; /* struct ev_found_payment */
};

struct command_resume {
    uint64_t generation;
    uint64_t unread_max; /* open escrows that may stay unread, and held, so that the others go on */
};

struct command_reconciliation {
    struct id16 token_id; /* an account's: whether it may is the token's scope */
    struct ev_reconciliation_recorded recorded;
};

struct command {
    enum command_type type;
    struct id16 command_id;
    struct key32 fingerprint; /* zero: not idempotent by request */
    enum actor_kind actor_kind;
    struct id16 actor_id; /* account or host */
    uint64_t causation;
    union {
        struct ev_ledger_opened open;
        struct ev_ledger_started start;
        struct ev_terms_set terms;
        struct ev_settlement_key_added key;
        struct ev_settlement_key_retired key_retire;
        struct ev_ledger_restored restore;
        struct command_resume resume;
        struct command_session session;
        struct command_token token;
        struct command_token_revoke token_revoke;
        struct command_exchange exchange;
        struct command_webhook webhook;
        struct command_upload upload;
        struct command_upload_reject upload_reject;
        struct command_erase erase;
        struct command_analysis analysis;
        struct command_override override;
        struct command_host host;
        struct command_benchmark benchmark;
        struct command_offer offer;
        struct command_offer_withdraw offer_withdraw;
        struct command_match match;
        struct command_quote quote;
        struct command_job_create job_create;
        struct command_job job;
        struct command_rate rate;
        struct command_progress progress;
        struct command_output output;
        struct command_metrics metrics;
        struct command_reports reports;
        struct command_result result;
        struct command_end end;
        struct command_deposit deposit;
        struct command_confirm confirm; /* confirm, expire */
        struct command_shortfall shortfall;
        struct command_leg leg;
        struct command_reread reread;
        struct command_reconciliation reconciliation;
        struct ev_checkpoint_anchored anchored;
    } u;
};

#endif
