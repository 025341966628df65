/* projections/jobs.h: a job as people look at it: its facts, its progress, its escrow, the legs of its money, and lists of jobs.
 *
 * Shape:   one row per job, one for its progress (the only one that reports change), one for its escrow, one per leg; an index
 *          role (1) ‖ party (16) ‖ status (1) ‖ created sequence (8) → job id, status 0 holding all.
 * Private: rows hold public fields only; the sequences name the records whose private parts hold the rest: created_sequence (file name, settings),
 *          progress.sequence (operation), end_sequence (detail).
 * Order:   lists are newest first, by the job.created event. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_JOBS_H
#define PROJECTIONS_JOBS_H

#include "core/ledger/projection.h"
#include "core/market/state.h"

extern const struct projection PROJECTION_JOBS;

enum job_view_status {
    JOB_VIEW_ANY = 0, /* in filters */
    JOB_VIEW_AWAITING_LOCK = 1,
    JOB_VIEW_QUEUED = 2,
    JOB_VIEW_ASSIGNED = 3,
    JOB_VIEW_RUNNING = 4,
    JOB_VIEW_COMPLETED = 5,
    JOB_VIEW_FAILED = 6,
    JOB_VIEW_CANCELLED = 7,
};
extern const struct enum_words job_view_status_words;

struct job_view {
    struct id16 account_id; /* the consumer's */
    struct id16 provider_id;
    struct id16 host_id; /* asked for; once assigned, the one that has it */
    struct id16 upload_id;
    struct id16 offer_id;
    struct id16 quote_id;
    struct id16 escrow_id;
    int64_t rate; /* QUBIC per hour */
    int64_t cap;
    uint64_t limit_ms;
    uint64_t network; /* 1: it asked for one */
    uint64_t status;  /* enum job_view_status */
    uint64_t ending;  /* enum ending; like reason and fault 0 until the end */
    uint64_t reason;
    uint64_t fault;
    uint64_t attempt;
    uint64_t exit_status;
    uint64_t signal;
    uint64_t used_ms;
    int64_t gross; /* like fee, payout and refund 0 until settled */
    int64_t fee;
    int64_t payout;
    int64_t refund;
    int64_t created_at; /* times are of the events; 0: has not happened */
    int64_t queued_at;
    int64_t assigned_at;
    int64_t started_at;
    int64_t ended_at;
    int64_t settled_at; /* when the last leg was confirmed, or the job ended without one */
    uint64_t stars;     /* 0: not rated */
    uint64_t results;   /* files */
    uint64_t decided;   /* 1: escrow.settled or escrow.expired was said, so its legs are known */
    uint64_t legs_open;
    uint64_t created_sequence;
    uint64_t started_sequence;
    uint64_t end_sequence;
    uint64_t sequence; /* last event that changed this row */
};

struct job_progress_view {
    uint64_t permille;
    uint64_t used_ms;  /* as the worker said; the bill takes the smaller of it and ledger time */
    uint64_t sequence; /* of the last job.progressed; 0: none */
    int64_t at;
};

struct job_escrow_view {
    struct key32 identity;
    struct key32 lock_tx; /* zero until one was observed */
    int64_t amount;
    uint64_t requested_tick;
    uint64_t last_tick;
    uint64_t lock_tick;
    uint64_t status; /* enum escrow_status */
    uint64_t confirmations;
    uint64_t required;       /* confirmations that the terms ask for */
    uint64_t processed_tick; /* the chain's, when last heard of */
    uint64_t shortfall;      /* 1: the chain holds less than the ledger says */
};

enum job_leg_status {
    JOB_LEG_DUE = 1,
    JOB_LEG_SIGNED = 2,
    JOB_LEG_LOST = 3, /* due again: the next attempt follows */
    JOB_LEG_CONFIRMED = 4,
};
extern const struct enum_words job_leg_status_words;

struct job_leg_view {
    struct key32 destination;
    struct key32 deposit_tx; /* of a return */
    struct key32 tx_id;      /* of the last attempt; zero before the first */
    int64_t amount;
    uint64_t kind;   /* enum leg_kind */
    uint64_t status; /* enum job_leg_status */
    uint64_t attempt;
    uint64_t tick;
    uint64_t sequence; /* last event about it */
};

bool jobs_get(struct store *store, struct id16 job_id, struct job_view *ret);
/* All zero while the worker has said nothing. */
void jobs_get_progress(struct store *store, struct id16 job_id, struct job_progress_view *ret);
bool jobs_get_escrow(struct store *store, struct id16 job_id, struct job_escrow_view *ret);
/* Up to `max` legs: refund, payout, fee, then returned deposits. `skip` leaves out the first ones. */
size_t jobs_get_legs(struct store *store, struct id16 job_id, size_t skip, struct job_leg_view *ret,
                     size_t max);
/* Ended, and all its money is where it belongs, confirmed on the chain. */
bool jobs_is_settled(const struct job_view *job);

enum jobs_role { JOBS_OF_CONSUMER = 1, JOBS_OF_PROVIDER = 2, JOBS_OF_ALL = 3 };

struct jobs_filter {
    enum jobs_role role;
    struct id16 party; /* the account; not read for JOBS_OF_ALL */
    enum job_view_status status;
    uint64_t before; /* created sequence, the last entry's to go on; 0: from the newest */
};

struct jobs_entry {
    uint64_t created_sequence;
    struct id16 job_id;
};

size_t jobs_list(struct store *store, const struct jobs_filter *filter, struct jobs_entry *ret,
                 size_t max);

#endif
