/* core/market/state.h: the write model: what decisions need to know, and nothing else. Rows and their tables.
 *
 * Shape:   fixed-size rows without padding, copied in and out whole, so that equal logs give equal bytes. The layout may
 *          change with VIEWS_VERSION (core/ledger): rows are derived, never truth.
 * Thread:  whoever owns the store. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_STATE_H
#define CORE_MARKET_STATE_H

#include "core/base/id.h"
#include "core/base/store.h"
#include "core/event/kinds.h"

/* ── the ledger ── */

struct ledger_row { /* one row, key "l" */
    struct id16 log_id;
    struct key32 fee_identity;
    struct key32 check_identity; /* of the active settlement key */
    uint64_t network;
    uint64_t generation;
    uint64_t settlement_key_id;
    int64_t started_at;     /* time of the last ledger.started */
    uint64_t anchored_size; /* records under the newest checkpoint.anchored … */
    int64_t anchored_at;    /* … and its time */
    uint64_t
        observing; /* restored, and no settlement.resumed since: nothing is signed or expires */
    uint64_t terms_sequence;
    /* terms.set, field by field */
    uint64_t fee_bps;
    uint64_t margin_bps;
    int64_t lock_min;
    uint64_t quote_valid_s;
    uint64_t lock_wait_s;
    uint64_t heartbeat_s;
    uint64_t lease_s;
    uint64_t start_within_s;
    uint64_t queue_max_s;
    uint64_t confirmations;
    uint64_t tick_offset;
    uint64_t output_max;
    uint64_t upload_max;
    uint64_t batch_max;
    uint64_t billing_version;
    uint64_t paid_endings; /* bit n: ending n pays the provider */
    uint64_t webhooks;     /* that were not deleted */
};

struct settlement_key_row { /* key id, u64 big-endian → */
    struct key32 check_identity;
    uint64_t escrows_open; /* of this key: not ended, or with a leg open */
    uint64_t added_sequence;
    uint64_t retired_sequence; /* 0: not retired */
};

/* ── people ── */

struct account_row { /* account id → */
    struct key32 identity;
    uint64_t registered_sequence;
    uint64_t jobs_started;
    uint64_t jobs_refunded; /* of them, those that ended as program_failed */
    uint64_t jobs_unpaid;   /* whose lock was not seen yet */
    uint64_t offers_live;   /* not withdrawn */
    int64_t job_created_at; /* the last one; 0: none */
};

struct token_row { /* SHA-256 of the token → */
    struct id16 token_id;
    struct id16 account_id;
    struct id16 host_id; /* zero unless the token is a worker's */
    uint64_t scopes;
    int64_t expires_at; /* 0: never */
    uint64_t revoked;
};

/* Of one account, or of the operator; and of all. */
#define WEBHOOKS_PER_ACCOUNT_MAX 16
#define WEBHOOKS_MAX 4096

/* webhook id → ; gone when it is deleted. An id gives a secret, so it is used once: only the server makes ids, of 74 random bits. */
struct webhook_row {
    struct id16 account_id; /* zero: the operator's */
    uint64_t scopes;        /* of whoever made it: what it is shown */
    uint64_t after;         /* where it begins */
    uint64_t created_sequence;
    uint64_t secret_version; /* from 1 */
    int64_t rotated_at;      /* 0: never */
    uint64_t paused;         /* sequence of its webhook.paused; 0: it is not */
};

/* ── uploads ── */

enum stock { STOCK_MODEL = 1, STOCK_IMAGE = 2 };

struct requirements {
    struct id16 item;   /* that must lie on the machine, core/market/stock.h; zero: none */
    uint64_t item_kind; /* enum stock, of an item */
    uint64_t packages;  /* that its Python must have, core/base/software.h */
    uint64_t gpus;
    uint64_t vram_mib;
    uint64_t tflops_milli;
    uint64_t ram_mib;
    uint64_t storage_mib;
    uint64_t compute_capability;
    uint64_t driver;           /* the oldest that will do, core/base/driver_version.h; 0: any */
    uint64_t reference_p50_ms; /* on the reference device, core/market/matching.h */
    uint64_t reference_p90_ms;
    uint64_t device;   /* enum device */
    uint64_t task;     /* the benchmark it is like, core/market/estimate_tables.h; 0: none */
    uint64_t start_ms; /* of the reference times, what takes as long on every GPU */
    uint64_t network;  /* 1: the job is to have one; its settings' wish, never an upload's */
};

struct upload_row { /* upload id → */
    struct id16 account_id;
    uint64_t size;
    uint64_t received_sequence;
    uint64_t analysis_sequence; /* 0: not analysed yet */
    uint64_t rejected;
    uint64_t kind;
    uint64_t job_type;
    uint64_t work_micro; /* of its workload, core/market/workload.h; 0: no benchmark is like it */
    uint64_t assumed;
    uint64_t is_like;
    struct requirements needs;    /* as analysed; what counts is upload_needs */
    uint64_t overridden_sequence; /* the last override, 0: none */
    uint64_t overridden_job_type;
    struct requirements overridden;
};

/* ── machines and offers ── */

struct host_row { /* host id → */
    struct id16 account_id;
    struct id16 job_id; /* the job it has, zero: none */
    int64_t last_report_at;
    uint64_t online;
    uint64_t offers_live; /* not withdrawn */
};

#define OFFER_MODEL_MAX 120 /* bytes of an offer's model */

struct offer_row { /* offer id → */
    struct id16 account_id;
    struct id16 host_id;
    int64_t rate; /* QUBIC per hour */
    uint64_t device;
    uint64_t gpus;
    uint64_t vram_mib;
    uint64_t tflops_milli;
    uint64_t ram_mib;
    uint64_t storage_mib;
    uint64_t compute_capability;
    uint64_t driver; /* of its GPU, core/base/driver_version.h; 0: not told */
    uint64_t cpu_cores;
    uint64_t speed_permille; /* of the reference device */
    uint64_t gpu_model;      /* core/market/estimate_tables.h; 0: in no table, or a CPU */
    uint64_t withdrawn;
    uint64_t published_sequence;
    uint64_t network;        /* 1: jobs that ask for one get it */
    uint64_t tells_packages; /* 1: it says which its Python has, and these are … */
    uint64_t packages;       /* … core/base/software.h */
    uint64_t item_bits;      /* of its models and images, stock.h */
};

/* ── quotes and jobs ── */

struct quote_row { /* quote id → */
    struct id16 account_id;
    struct id16 upload_id;
    struct id16 offer_id;
    struct id16 provider_id;
    struct id16 host_id;
    struct id16 job_id;        /* zero: not used yet */
    struct key32 fee_identity; /* of the terms it stands on, like fee_bps and paid_endings */
    int64_t rate;
    int64_t cap;
    uint64_t limit_ms;
    uint64_t fee_bps;
    uint64_t paid_endings;
    int64_t expires_at;
    uint64_t issued_sequence;
    uint64_t p50_ms;
    uint64_t p90_ms;
    uint64_t job_type;
    uint64_t gpu_model;
    uint64_t untaught_ms; /* the p50 without what jobs taught; 0: nothing is to be learnt from it */
    uint64_t packages;    /* that the upload needed when it was quoted */
};

enum job_status {
    JOB_AWAITING_LOCK = 1,
    JOB_QUEUED = 2,
    JOB_ASSIGNED = 3,
    JOB_RUNNING = 4,
    JOB_ENDED = 5,
};

struct job_row {      /* job id → */
    struct id16 item; /* that must lie on the machine, as of requirements */
    struct id16 account_id;
    struct id16 provider_id;
    struct id16 host_id; /* asked for; once assigned, the one that has it */
    struct id16 upload_id;
    struct id16 offer_id;
    struct id16 quote_id;
    struct id16 escrow_id;
    int64_t rate;
    int64_t cap;
    uint64_t limit_ms;
    uint64_t status; /* enum job_status */
    uint64_t ending; /* enum ending, once ended */
    uint64_t attempt;
    int64_t queued_at;
    int64_t start_by;
    int64_t started_at;
    int64_t last_report_at;
    int64_t deadline_at;  /* 0: none; when to look at it: the key of the row in DEADLINES */
    uint64_t reported_ms; /* highest used time the worker told */
    uint64_t permille;
    uint64_t output_size;
    uint64_t next_line; /* of output, 1-based */
    uint64_t quota_reached;
    uint64_t other_work; /* than its quote was for: what it took teaches nothing */
    uint64_t results;
    uint64_t created_sequence;
    uint64_t end_sequence;
    uint64_t rated;
    uint64_t network;  /* 1: it asks for one */
    uint64_t packages; /* that it needs, as of its quote */
};

/* ── escrows ── */

/* Nothing is final for us before this many ticks were processed on top: terms ask for as many confirmations or more. */
#define EVIDENCE_TICKS 3

enum escrow_status {
    ESCROW_REQUESTED = 1,
    ESCROW_OBSERVED = 2, /* the lock is on the chain, confirmations still to come */
    ESCROW_LOCKED = 3,
    ESCROW_SETTLED = 4, /* legs decided */
    ESCROW_CLOSED = 5,  /* expired or cancelled without a lock */
};

struct escrow_row { /* escrow id → */
    struct id16 job_id;
    struct id16 quote_id;
    struct id16 account_id;
    struct id16 provider_id;
    struct key32 identity;
    struct key32 consumer_identity;
    struct key32 provider_identity;
    struct key32 lock_tx;
    int64_t amount;
    uint64_t key_id;
    uint64_t requested_tick;
    uint64_t last_tick;
    uint64_t lock_tick;
    uint64_t confirmations;
    uint64_t status;             /* enum escrow_status */
    uint64_t in_flight;          /* a leg is signed and neither confirmed nor lost: … */
    uint64_t flight_kind;        /* … enum leg_kind of the newest that was signed */
    struct key32 flight_deposit; /* … and its deposit */
    uint64_t
        moved_tick; /* the last tick in which something is known to have moved what is there, or may have: deposits, signed legs */
    uint64_t legs_open;
    uint64_t shortfall;
    uint64_t generation; /* in which it was asked for, or last re-read from the chain */
    uint64_t found_open; /* found payments that are no leg of this log's (yet) */
};

/* escrow id ‖ transaction hash → what went out of an escrow in a part of the log that was lost */
struct found_row {
    struct key32 deposit_tx;
    struct key32 destination;
    int64_t amount;
    uint64_t tick;
    uint64_t paid_as;  /* enum paid_as */
    uint64_t sequence; /* of its escrow.reread */
    uint64_t taken;    /* sequence of the *.signed that took it for its leg's payment; 0: none */
};

#define FOUND_KEY_SIZE (16 + 32)

enum deposit_state { DEPOSIT_HELD = 1, DEPOSIT_LOCKED = 2, DEPOSIT_RETURNED = 3 };

struct deposit_row { /* transaction hash → */
    struct id16 escrow_id;
    struct key32 source;
    int64_t amount;
    uint64_t tick;
    uint64_t class; /* enum deposit_class */
    uint64_t state; /* enum deposit_state */
    uint64_t sequence;
};

/* In the order they are paid. */
enum leg_kind { LEG_REFUND = 1, LEG_PAYOUT = 2, LEG_FEE = 3, LEG_RETURN = 4 };
enum leg_status { LEG_DUE = 1, LEG_SIGNED = 2, LEG_CONFIRMED = 3 };

struct leg_row { /* escrow id ‖ kind ‖ deposit hash (zero but for returns) → */
    struct id16 job_id;
    struct key32 destination;
    struct key32 deposit_tx;
    struct key32 tx_id;
    int64_t amount;
    int64_t due_at; /* when it became due; the same through all attempts */
    uint64_t tick;  /* of the last attempt, also of one that was lost */
    uint64_t attempt;
    uint64_t outgoing_count; /* of the escrow identity when it was signed */
    uint64_t signed_sequence;
    uint64_t kind;     /* enum leg_kind */
    uint64_t status;   /* enum leg_status */
    uint64_t sequence; /* of the deposit that goes back, or of escrow.settled */
    uint64_t dust;     /* a deposit of less than the terms' minimum lock */
};

#define LEG_KEY_SIZE (16 + 1 + 32)

/* escrow id ‖ kind ‖ dust ‖ sequence: the order in which the open legs of an escrow are paid. Nothing that a payer chooses freely has a say, as
 * the hash of a deposit would: it can be ground until it comes before everybody else's. */
#define LEG_ORDER_SIZE (16 + 1 + 1 + 8)

/* ── tables ── */

extern const struct store_table STATE_LEDGER;
extern const struct store_table STATE_SETTLEMENT_KEYS;
extern const struct store_table STATE_COMMANDS; /* command id → first sequence u64 ‖ count u64 */
extern const struct store_table STATE_ACCOUNTS;
extern const struct store_table STATE_IDENTITIES; /* Qubic key → account id */
extern const struct store_table STATE_TOKENS;
extern const struct store_table STATE_TOKEN_IDS; /* token id → token hash */
extern const struct store_table STATE_WEBHOOKS;
extern const struct store_table
    STATE_ACCOUNT_WEBHOOKS; /* account id ‖ webhook id → nothing: not deleted */
extern const struct store_table STATE_UPLOADS;
extern const struct store_table STATE_HOSTS;
extern const struct store_table STATE_OFFERS;
extern const struct store_table STATE_HOST_OFFERS; /* host id ‖ offer id → nothing: not withdrawn */
extern const struct store_table STATE_STOCK;       /* offer id ‖ item → nothing, see stock.h */
extern const struct store_table STATE_QUOTES;
extern const struct store_table STATE_JOBS;
extern const struct store_table STATE_QUEUE;     /* provider id ‖ sequence → job id */
extern const struct store_table STATE_DEADLINES; /* time ‖ job id → nothing */
extern const struct store_table STATE_ESCROWS;
extern const struct store_table STATE_ESCROW_IDENTITIES; /* Qubic key → escrow id */
extern const struct store_table STATE_ESCROWS_OPEN; /* escrow id → nothing: requested or observed */
extern const struct store_table STATE_DEPOSITS;
extern const struct store_table STATE_LEGS;
extern const struct store_table STATE_LEGS_OPEN; /* leg order → leg key: due or signed */
extern const struct store_table STATE_FOUND;     /* see struct found_row */
extern const struct store_table STATE_BALANCES;  /* account key (posting.h) → amount i64 */

extern const struct store_table *const STATE_TABLES[];
extern const size_t STATE_TABLE_COUNT;

/* ── access ── */

bool state_ledger(struct store *store, struct ledger_row *ret);
/* What is known under `key_id`, or zeros. */
bool state_settlement_key(struct store *store, uint64_t key_id, struct settlement_key_row *ret);
bool state_account(struct store *store, struct id16 id, struct account_row *ret);
bool state_account_by_identity(struct store *store, struct key32 identity, struct id16 *ret);
bool state_token(struct store *store, struct key32 hash, struct token_row *ret);
bool state_webhook(struct store *store, struct id16 id, struct webhook_row *ret);
/* Up to `max` ids of an account's webhooks, oldest first, without those that are deleted. */
size_t state_account_webhooks(struct store *store, struct id16 account_id, struct id16 *ret,
                              size_t max);
bool state_upload(struct store *store, struct id16 id, struct upload_row *ret);
/* What counts, for matching, quotes and hosts: what its owner said last, else what the analysis found. */
const struct requirements *upload_needs(const struct upload_row *upload);
/* enum stock of such an upload's item; 0 of none: what a container runs in is an image, what a program loads a model. */
uint64_t upload_item_kind(uint64_t upload_kind, struct id16 item);
/* Its needs as a job that needs this item and may ask for a network. */
struct requirements upload_needs_as(const struct upload_row *upload, struct id16 item,
                                    bool network);
uint64_t upload_job_type(const struct upload_row *upload);
bool state_host(struct store *store, struct id16 id, struct host_row *ret);
bool state_offer(struct store *store, struct id16 id, struct offer_row *ret);
bool state_quote(struct store *store, struct id16 id, struct quote_row *ret);
bool state_job(struct store *store, struct id16 id, struct job_row *ret);
bool state_escrow(struct store *store, struct id16 id, struct escrow_row *ret);
bool state_escrow_by_identity(struct store *store, struct key32 identity, struct id16 *ret);
bool state_deposit(struct store *store, struct key32 tx_id, struct deposit_row *ret);
void leg_key(struct id16 escrow_id, enum leg_kind kind, struct key32 deposit_tx,
             uint8_t ret[LEG_KEY_SIZE]);
/* Whether something is still to be signed for this escrow, or may be: its key is needed, and a restored log holds it against the chain first. */
bool escrow_is_open(const struct escrow_row *escrow);
bool state_leg(struct store *store, const uint8_t key[LEG_KEY_SIZE], struct leg_row *ret);
void leg_order(struct id16 escrow_id, const struct leg_row *leg, uint8_t ret[LEG_ORDER_SIZE]);
/* The next open leg behind `at`, which becomes its order; zeros are before the first of all, an escrow's id and zeros before its first. */
bool state_next_open_leg(struct store *store, uint8_t at[LEG_ORDER_SIZE], struct id16 *ret_escrow,
                         struct leg_row *ret);
void found_key(struct id16 escrow_id, struct key32 tx_id, uint8_t ret[FOUND_KEY_SIZE]);
bool state_found(struct store *store, struct id16 escrow_id, struct key32 tx_id,
                 struct found_row *ret);
/* How many payments of an escrow were found after a sequence, taken or not. */
uint64_t state_found_count(struct store *store, struct id16 escrow_id, uint64_t after);
/* Whether a payment is of the leg: the same kind, deposit, destination and amount. */
bool found_is_leg(const struct found_row *found, const struct leg_row *leg);
/* The leg of a found payment; 0: of none. */
enum leg_kind leg_kind_of_found(uint64_t paid_as);
/* First sequence and number of records of a command; false if it was never accepted. */
bool state_command(struct store *store, struct id16 command_id, uint64_t *ret_first,
                   uint64_t *ret_count);

struct bytes id_key(const struct id16 *id);
struct bytes hash_key(const struct key32 *key);

#endif
