/* tests/support/naive_ledger.h: the ledger once more, as simply as it can be said: an oracle for the rules.
 *
 * Shape:   arrays of structs, searched from the front; a job and its escrow are one row. Written from docs and design, apart from core/market: of it only the
 *          shapes of commands and the words for states (command.h) are used, no rule, no bill, no posting.
 * Use:     naive_give tells what a command must come to and does it. Who compares clears the `changed` flags.
 * Not:     private parts, command ids, bytes of records, terms out of range, offers that do not fit. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_NAIVE_LEDGER_H
#define TESTS_SUPPORT_NAIVE_LEDGER_H

#include "core/base/checked.h"
#include "core/market/command.h"

#define NAIVE_THINGS_MAX 1200
#define NAIVE_ROWS_MAX 8000

/* Errors to plant, to see that they are found and how small. */
enum naive_error {
    NAIVE_NO_ERROR,
    NAIVE_BILLS_ONE_MORE,     /* a unit more than floor(used × rate), if something was used */
    NAIVE_FEE_ROUNDED_UP,     /* in the provider's disfavour */
    NAIVE_PAYOUT_FIRST,       /* before the refund */
    NAIVE_DUPLICATE_IS_LOCK,  /* a second lock counts as one more */
    NAIVE_LEASE_A_MILLI_LATE, /* a worker is lost a millisecond later */
};

struct naive_account {
    struct id16 id;
    struct key32 identity;
    uint64_t started;
    uint64_t refunded;
};

struct naive_token {
    struct id16 id;
    struct key32 hash;
    struct id16 account_id;
    uint64_t scopes;
    int64_t expires_at;
    bool revoked;
};

struct naive_webhook {
    struct id16 id;
    struct id16 account_id; /* zero: the operator's */
    uint64_t secret_version;
    bool paused;
};

struct naive_host {
    struct id16 id;
    struct id16 account_id;
    struct id16 job_id;
    bool online;
};

#define NAIVE_LIST_SIZE 64 /* of the lists that the generator makes */

struct naive_upload {
    struct id16 id;
    struct id16 account_id;
    bool rejected;
    bool erased;
    uint64_t changes; /* analysed, overridden */
    uint64_t size;
    uint64_t p90_ms; /* 0: not analysed */
    uint64_t kind;   /* enum upload_kind; 0: not analysed */
    char packages[NAIVE_LIST_SIZE];
};

struct naive_offer {
    struct id16 id;
    struct id16 host_id;
    struct id16 account_id;
    int64_t rate;
    uint64_t speed_permille;
    bool withdrawn;
    bool network;
    char packages[NAIVE_LIST_SIZE]; /* "": not told */
    char models[NAIVE_LIST_SIZE];
};

struct naive_quote {
    struct id16 id;
    struct id16 account_id;
    struct id16 offer_id;
    struct id16 provider_id;
    struct id16 host_id;
    struct id16 upload_id;
    int64_t rate;
    int64_t cap;
    uint64_t limit_ms;
    uint64_t fee_bps;
    struct key32 fee_identity;
    bool paid[ENDING_NEVER_FUNDED + 1];
    int64_t expires_at;
    bool used;
    char packages[NAIVE_LIST_SIZE]; /* as the upload's were when it was quoted */
};

struct naive_job {
    bool changed;
    struct id16 id;
    size_t quote; /* index */
    struct id16 account_id;
    struct id16 host_id;
    enum job_status status;
    enum ending ending;
    uint64_t attempt;
    int64_t created_at;
    int64_t queued_at;
    int64_t start_by;
    int64_t started_at;
    int64_t heard_at;
    uint64_t reported_ms;
    uint64_t output_size;
    uint64_t next_line;
    bool quota_reached;
    uint64_t results;
    uint64_t results_size;
    bool erased;
    uint64_t stars;
    bool network; /* asked for */
    struct id16 item;
    /* the end */
    uint64_t used_ms;
    int64_t gross;
    int64_t fee;
    int64_t payout;
    int64_t refund;
    /* its escrow */
    struct id16 escrow_id;
    struct key32 escrow_identity;
    struct key32 consumer_identity;
    struct key32 provider_identity;
    enum escrow_status escrow_status;
    uint64_t last_tick;
    struct key32 lock_tx;
    uint64_t lock_tick;
    uint64_t confirmations;
    bool shortfall;
    uint64_t key_id;
    uint64_t generation; /* asked for in it, or last read again in it */
};

struct naive_found { /* after a restore: it left, and the log did not know */
    size_t job;      /* index */
    bool taken;      /* by a leg */
    struct ev_found_payment payment;
};

struct naive_leg {
    size_t job; /* index */
    enum leg_kind kind;
    enum leg_status status;
    struct key32 deposit_tx; /* of a return */
    bool dust;               /* a return of less than the minimum lock, as that was then */
    struct key32 destination;
    int64_t amount;
    uint64_t attempt;
    struct key32 tx_id;
    uint64_t tick;
    uint64_t outgoing_count;
    uint64_t found_since; /* payments found while it was in flight */
};

struct naive_deposit {
    struct key32 tx_id;
    enum deposit_class class;
};

enum naive_place { NAIVE_WALLET = 1, NAIVE_HELD, NAIVE_ESCROW, NAIVE_PAYABLE, NAIVE_FEES };

struct naive_balance {
    bool changed;
    enum naive_place place;
    struct key32 subject; /* an identity, or an escrow id and zeros; zero for fees */
    enum leg_kind leg;    /* of a payable */
    int64_t amount;
};

struct naive_ledger {
    enum naive_error error;
    bool open;
    int64_t started_at;
    uint64_t anchored; /* records under the newest anchor */
    uint64_t key_id;   /* the newest */
    uint64_t keys;     /* bit n: key n was added */
    uint64_t retired;  /* bit n: and retired */
    uint64_t generation;
    bool observing;            /* restored, and not resumed since */
    struct ev_terms_set terms; /* its list is not kept */
    bool paid[ENDING_NEVER_FUNDED + 1];
    char word[32]; /* of the last refusal */
    size_t account_count;
    size_t token_count;
    size_t webhook_count;
    size_t host_count;
    size_t upload_count;
    size_t offer_count;
    size_t quote_count;
    size_t job_count;
    size_t leg_count;
    size_t deposit_count;
    size_t balance_count;
    size_t found_count;
    struct naive_account accounts[NAIVE_THINGS_MAX];
    struct naive_token tokens[NAIVE_THINGS_MAX];
    struct naive_webhook webhooks[NAIVE_THINGS_MAX];
    struct naive_host hosts[NAIVE_THINGS_MAX];
    struct naive_upload uploads[NAIVE_THINGS_MAX];
    struct naive_offer offers[NAIVE_THINGS_MAX];
    struct naive_quote quotes[NAIVE_THINGS_MAX];
    struct naive_job jobs[NAIVE_THINGS_MAX]; /* in the order they were created */
    struct naive_leg legs[NAIVE_ROWS_MAX];
    struct naive_deposit deposits[NAIVE_ROWS_MAX];
    struct naive_balance balances[NAIVE_ROWS_MAX];
    struct naive_found found[NAIVE_THINGS_MAX];
};

struct naive_ledger *naive_create(enum naive_error error);
void naive_destroy(struct naive_ledger *naive);
/* Whether the command is accepted; if so it is done. Otherwise `word` says why in a word of ours, not the API's. */
bool naive_give(struct naive_ledger *naive, const struct command *command, int64_t now);

static inline uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* naive_keys.c */
/* By an auditor, of a provider that there is. */
bool naive_audit(const struct naive_ledger *n, const struct command *c, int64_t now);
bool naive_anchor(struct naive_ledger *n, const struct command *c);
bool naive_retire(struct naive_ledger *n, const struct command *c);
/* What the owner says of an upload counts from then on; naive_override.c. */
bool naive_override(struct naive_ledger *n, const struct command *c);

/* naive_erase.c */
bool naive_erase(struct naive_ledger *n, const struct command *c);
uint64_t naive_bytes_of(const struct naive_ledger *n, struct id16 account_id);
bool naive_is_full(const struct naive_ledger *n, struct id16 account_id, uint64_t more,
                   uint64_t max);

/* naive_code.c */
bool naive_code(struct naive_ledger *n, const struct command_exchange *c, int64_t now);

/* naive_stock.c */
void naive_analysed(struct naive_upload *upload, const struct ev_analysis_completed *analysis);
void naive_published(struct naive_offer *offer, const struct naive_host *host,
                     const struct ev_offer_published *said);
/* How long it takes on that machine, nine times in ten. */
i128 naive_p90(const struct naive_upload *upload, const struct naive_offer *offer);
bool naive_has_item(const struct naive_offer *offer, struct id16 item);
bool naive_fits(const struct naive_offer *offer, const char *packages, struct id16 item);
/* Whether a live offer of the host has what the job needs, or there is none and it was bought there. */
bool naive_host_fits(const struct naive_ledger *n, struct id16 host_id,
                     const struct naive_job *job);

/* naive_reports.c */
bool naive_output(const struct naive_ledger *n, struct naive_job *job,
                  const struct ev_job_output *o);
bool naive_reports(const struct naive_ledger *n, struct naive_job *job,
                   const struct command_reports *c);

/* naive_webhook.c */
bool naive_webhook(struct naive_ledger *n, const struct command *c);
size_t naive_webhooks_of(const struct naive_ledger *n, struct id16 account_id);

/* naive_legs.c. NULL: accepted and done, else the word. */
const char *naive_restore(struct naive_ledger *naive, const struct command *command);
const char *naive_sign(struct naive_ledger *naive, struct naive_leg *leg,
                       const struct ev_leg_signed *signing);
const char *naive_lose(struct naive_ledger *naive, struct naive_leg *leg,
                       const struct ev_leg_lost *lost);
/* How many payments were found after a restore. */
uint64_t naive_found_of(const struct naive_ledger *naive, size_t job);
/* Its jobs whose lock was not seen yet. */
/* Offers of a machine, or of all of an account's, that were not withdrawn. */
uint64_t naive_live_offers(const struct naive_ledger *n, struct id16 host_or_account);
bool naive_offers_full(const struct naive_ledger *n, const struct naive_host *host,
                       const struct command_offer *said);
size_t naive_unpaid(const struct naive_ledger *naive, struct id16 account_id);

#endif
