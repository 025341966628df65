/* tests/support/market_driver.h: a market in memory: commands go through decide and evolve as the writer would take them, and a seeded
 * generator keeps a random market running.
 *
 * Use:     market_open, then either the scripted steps (market_upload, market_quote, …) or market_random_step in a loop. `on_event` is called after each
 *          event was evolved: tests put projections and oracles there.
 *          `on_answer` is called after each command, accepted or refused.
 * Checks:  made at every command: a refusal writes nothing and names a word; an accepted command leaves the store without failure; every event encodes
 *          and decodes to the same bytes. A failure prints the seed.
 * Owner:   the caller's `struct market`; market_close frees what it holds.
 * Time:    `now` and `tick` are the market's own: the same seed gives the same bytes. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MARKET_DRIVER_H
#define TESTS_SUPPORT_MARKET_DRIVER_H

#include "core/base/buf.h"
#include "core/market/decide.h"
#include "core/market/evolve.h"
#include "core/market/posting.h"

#define MARKET_THINGS_MAX 512
#define MARKET_WORDS_MAX 128
#define MARKET_TYPES_MAX 96 /* event type numbers are below */

struct market_ids {
    struct id16 ids[MARKET_THINGS_MAX];
    size_t count;
};

struct market_stats { /* summed over markets by who wants */
    size_t events[MARKET_TYPES_MAX];
    size_t endings[ENDING_NEVER_FUNDED + 1];
    size_t classes[DEPOSIT_MALFORMED + 1];
    struct {
        char word[40];
        size_t count;
    } refusals[MARKET_WORDS_MAX];
};

struct market {
    struct store *store;
    uint64_t host_offers_max; /* of what is published; 0: no limit */
    uint64_t account_offers_max;
    uint64_t storage_max;       /* of accounts, for uploads and jobs; 0: no limit */
    bool other_work;            /* of jobs that are created */
    bool network_allowed;       /* of offers */
    bool wants_network;         /* of quotes and jobs */
    uint64_t limit_ms;          /* of quotes; 0: by the estimate */
    const char *needs_packages; /* of uploads; NULL: none */
    const char *packages;       /* of offers; NULL: not told */
    const char *models;         /* of offers; NULL: none */
    struct id16 item;           /* of quotes and jobs */
    bool gives_network;         /* of claims */
    uint64_t seed;
    uint64_t random;
    int64_t now;
    uint64_t tick;
    uint64_t sequence; /* of the last event */
    struct arena arena;
    struct err err;      /* of the last command; ERR_OK if it was accepted */
    char word[40];       /* its refusal's */
    uint64_t first;      /* sequences of the last accepted command */
    struct buf *records; /* records[sequence - 1] */
    size_t record_capacity;
    void (*on_event)(void *context, uint64_t sequence, const struct event *event);
    void (*on_answer)(void *context, const struct command *command, bool accepted);
    void (*on_command)(void *context, const struct command *command); /* before it is decided */
    void *context;
    struct market_stats stats;
    struct ev_terms_set terms;
    struct arena terms_arena;
    struct id16 log_id;
    uint64_t key_id;             /* the newest settlement key's */
    struct key32 checkpoint_key; /* of ledger.opened; zero: none */
    /* what there is, in order of birth */
    struct market_ids accounts;
    struct market_ids hosts;
    struct market_ids offers;
    enum upload_kind upload_kind; /* of the next uploads; 0: Python */
    struct market_ids uploads;
    struct market_ids quotes;
    struct market_ids jobs;
    struct market_ids tokens; /* token ids, paired with their accounts */
    struct market_ids token_accounts;
};

/* Opened, with terms, a settlement key and a start. `fee_bps` 0: no fee. */
void market_open(struct market *market, uint64_t seed, struct store *store, uint64_t fee_bps);
void market_close(struct market *market);
/* The stored bytes of a record, borrowed until the next command. */
struct bytes market_record(const struct market *market, uint64_t sequence);

/* ── randomness: splitmix64 ── */

uint64_t market_random(struct market *market);
uint64_t market_below(struct market *market, uint64_t limit); /* 0 … limit − 1; limit > 0 */
bool market_chance(struct market *market, unsigned percent);
struct id16 market_new_id(struct market *market);
struct key32 market_new_key(struct market *market);

/* ── commands ── */

struct command market_command(struct market *market, enum command_type type, enum actor_kind actor,
                              struct id16 actor_id);
/* Decide at `now`; evolve and report each event. The refusal is in `err` and `word`. */
enum err_code market_submit(struct market *market, const struct command *command);

/* ── scripted steps. They give the new id, zero if refused (see `word`) ── */

struct id16 market_sign_in(struct market *market, struct key32 identity);
struct id16 market_enrol(struct market *market, struct id16 account_id);
/* A new code of the account's, and what is asked with it. */
struct command_exchange market_code(struct market *market, struct id16 account_id);
enum err_code market_host_online(struct market *market, struct id16 host_id);
enum err_code market_host_offline(struct market *market, struct id16 host_id);
/* A CPU offer of the given speed with plenty of everything. */
struct id16 market_publish(struct market *market, struct id16 host_id, int64_t rate,
                           uint64_t speed_permille);
/* Received and analysed: a CPU job. */
struct id16 market_upload(struct market *market, struct id16 account_id, uint64_t p50_ms,
                          uint64_t p90_ms);
struct id16 market_quote(struct market *market, struct id16 account_id, struct id16 upload_id,
                         struct id16 offer_id);
struct id16 market_create_job(struct market *market, struct id16 account_id, struct id16 quote_id);
/* What the consumer should send: source, amount, payload and tick all right. */
struct command market_lock_of(struct market *market, struct id16 job_id);
enum err_code market_confirm(struct market *market, struct id16 job_id); /* the next one */
enum err_code market_claim(struct market *market, struct id16 host_id);
enum err_code market_start(struct market *market, struct id16 host_id, struct id16 job_id);
enum err_code market_progress(struct market *market, struct id16 host_id, struct id16 job_id,
                              uint64_t permille, uint64_t used_ms);
enum err_code market_end(struct market *market, struct id16 host_id, struct id16 job_id,
                         enum ending ending, enum end_reason reason, uint64_t worker_ms);
enum err_code market_cancel(struct market *market, struct id16 account_id, struct id16 job_id);
enum err_code market_sweep(struct market *market);
/* A leg command as an honest settlement would give it for the leg's row: the next attempt, evidence enough. */
struct command market_leg_command(struct market *market, enum command_type type,
                                  struct id16 escrow_id, const struct leg_row *leg);

/* A payment of the escrow's that was found after a restore and is this leg's. */
bool market_found(struct market *market, struct id16 escrow_id, const struct leg_row *leg,
                  struct key32 *ret_tx, struct found_row *ret);

/* A whole job up to a state: locked and queued; or running on `host_id`. */
struct id16 market_queued_job(struct market *market, struct id16 consumer, struct id16 offer_id,
                              uint64_t p50_ms);
struct id16 market_running_job(struct market *market, struct id16 consumer, struct id16 host_id,
                               struct id16 offer_id, uint64_t p50_ms);

/* ── the random market ── */

void market_random_step(struct market *market);
/* End every job, return every deposit, pay every leg: afterwards nothing is open. */
void market_drain(struct market *market);
void market_add_stats(struct market_stats *sum, const struct market_stats *stats);

#endif
