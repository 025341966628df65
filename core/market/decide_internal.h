/* core/market/decide_internal.h: what the files of decide share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_DECIDE_INTERNAL_H
#define CORE_MARKET_DECIDE_INTERNAL_H

#include "core/market/decide.h"
#include "core/market/matching.h"

struct deciding {
    struct store *state;
    const struct command *command;
    int64_t now;
    struct ledger_row ledger;
    struct decision *decision;
    struct err *err;
    bool out_of_memory; /* an event could not be made */
};

#define refuse(d, code, word, ...) err_set((d)->err, (code), word ": " __VA_ARGS__)

/* A new event of the command's actor on a stream, already in the decision. Never NULL: out of memory ends in a refusal
 * that market_decide gives (`decision->count` past the maximum). */
struct event *decide_event(struct deciding *d, enum event_type_number type, struct id16 stream_id);

/* The command is given by this account, and not by something else with its id. */
bool decide_by_account(const struct deciding *d, struct id16 account_id);
/* By that account, or for it by the operator or the server. */
bool decide_may_act_for(const struct deciding *d, struct id16 account_id);
/* The operator, or the server by itself. */
enum err_code decide_need_operator(struct deciding *d);
/* Whether its hash or its id was issued before. */
bool decide_knows_token(struct deciding *d, const struct ev_token_issued *token);
/* End a job: job.completed, .failed or .cancelled by `end->ending`, and escrow.settled if its lock is held. */
enum err_code decide_job_end(struct deciding *d, struct id16 job_id, const struct job_row *job,
                             const struct ev_job_end *end);
/* Nothing was heard of a running job for a lease, counted from our own start if that is later: its worker is lost. */
bool decide_is_silent(const struct deciding *d, const struct job_row *job);
/* The upload, analysed and the actor's own. */
enum err_code decide_own_upload(struct deciding *d, struct id16 upload_id, struct upload_row *ret);
/* The job of a report, checked to be this host's and running. */
enum err_code decide_reported_job(struct deciding *d, struct id16 job_id, struct job_row *ret);

/* `upload_erased`. */
enum err_code decide_not_erased(struct deciding *d, struct id16 upload_id);
/* `job_erased`. */
enum err_code decide_job_not_erased(struct deciding *d, struct id16 job_id);
/* `storage_full`, where an account that holds its limit is to hold `more`, or will once a job has results. */
enum err_code decide_storage(struct deciding *d, struct id16 account_id, uint64_t more,
                             uint64_t max);

enum err_code decide_ledger(struct deciding *d);
enum err_code decide_account(struct deciding *d);
enum err_code decide_webhook(struct deciding *d);
enum err_code decide_erase(struct deciding *d);
enum err_code decide_market(struct deciding *d);
enum err_code decide_job(struct deciding *d);
enum err_code decide_report(struct deciding *d);
enum err_code decide_escrow(struct deciding *d);
enum err_code decide_sweep(struct deciding *d);
enum err_code decide_audit(struct deciding *d);
enum err_code decide_restore(struct deciding *d);
/* ERR_CONFLICT for an escrow that was not read again from the chain since the last restore. */
enum err_code decide_reread(struct deciding *d, const struct escrow_row *escrow);
/* The candidate's times for the upload, as estimated now. */
/* `not_on_machine`, where the offer does not have the model or image. */
enum err_code decide_item(struct deciding *d, struct id16 item, struct id16 offer_id);
/* `network_not_allowed`, where the job is to have one and the offer gives none. */
enum err_code decide_network(struct deciding *d, bool wanted, const struct offer_row *offer);
void decide_time(struct deciding *d, const struct upload_row *upload, struct candidate *candidate);
/* After ledger.restored, until settlement.resumed. */
enum err_code decide_not_observing(struct deciding *d);
/* What a restored log must know of an escrow before a leg of it is signed. `ret_has_left`: the transaction was found on the chain, as this leg. */
enum err_code decide_may_sign(struct deciding *d, const struct escrow_row *escrow,
                              const struct leg_row *leg, bool *ret_has_left);
/* Transfers of the escrow's that were found after a restore: they left since a leg in flight was signed, and are accounted for. */
uint64_t decide_left_since(const struct deciding *d, struct id16 escrow_id,
                           const struct leg_row *leg);

#endif
