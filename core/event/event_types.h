/* core/event/event_types.h: which types of events there are, with which versions, and the shapes they are made of. Included by catalogue.h alone, which has the
 * fields of each shape and says what may change here: nothing that is there. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_EVENT_TYPES_H
#define CORE_EVENT_EVENT_TYPES_H

/* ── the types: number, version, constant, struct name, fields, wire name, stream ──────────────── */

/* OLD: number, version, shape, wire name, stream of a version that is read and not written any more. */
#define EVENT_TYPES(T, OLD)                                                                        \
    T(1, 1, LEDGER_OPENED, ledger_opened, ledger_opened, "ledger.opened", STREAM_LEDGER)           \
    T(2, 1, LEDGER_STARTED, ledger_started, ledger_started, "ledger.started", STREAM_LEDGER)       \
    T(3, 1, LEDGER_RESTORED, ledger_restored, ledger_restored, "ledger.restored", STREAM_LEDGER)   \
    T(4, 1, TERMS_SET, terms_set, terms_set, "terms.set", STREAM_LEDGER)                           \
    T(5, 1, SETTLEMENT_KEY_ADDED, settlement_key_added, settlement_key_added,                      \
      "settlement.key_added", STREAM_LEDGER)                                                       \
    T(6, 1, SETTLEMENT_KEY_RETIRED, settlement_key_retired, settlement_key_retired,                \
      "settlement.key_retired", STREAM_LEDGER)                                                     \
    T(9, 1, SETTLEMENT_RESUMED, settlement_resumed, settlement_resumed, "settlement.resumed",      \
      STREAM_LEDGER)                                                                               \
    T(10, 1, IDENTITY_REGISTERED, identity_registered, identity_registered, "identity.registered", \
      STREAM_ACCOUNT)                                                                              \
    T(11, 1, TOKEN_ISSUED, token_issued, token_issued, "token.issued", STREAM_ACCOUNT)             \
    T(12, 1, TOKEN_REVOKED, token_revoked, token_revoked, "token.revoked", STREAM_ACCOUNT)         \
    T(13, 1, WEBHOOK_CREATED, webhook_created, webhook_created, "webhook.created", STREAM_ACCOUNT) \
    T(14, 1, WEBHOOK_DELETED, webhook_deleted, webhook_deleted, "webhook.deleted", STREAM_ACCOUNT) \
    T(15, 1, WEBHOOK_ROTATED, webhook_rotated, webhook_rotated, "webhook.rotated", STREAM_ACCOUNT) \
    T(16, 1, WEBHOOK_PAUSED, webhook_paused, webhook_paused, "webhook.paused", STREAM_ACCOUNT)     \
    T(17, 1, WEBHOOK_RESUMED, webhook_resumed, webhook_resumed, "webhook.resumed", STREAM_ACCOUNT) \
    T(20, 1, UPLOAD_RECEIVED, upload_received, upload_received, "upload.received", STREAM_UPLOAD)  \
    T(21, 1, UPLOAD_REJECTED, upload_rejected, upload_rejected, "upload.rejected", STREAM_UPLOAD)  \
    OLD(22, 1, analysis_completed_v1, "analysis.completed", STREAM_UPLOAD)                         \
    OLD(22, 2, analysis_completed_v2, "analysis.completed", STREAM_UPLOAD)                         \
    T(22, 3, ANALYSIS_COMPLETED, analysis_completed, analysis_completed, "analysis.completed",     \
      STREAM_UPLOAD)                                                                               \
    OLD(23, 1, analysis_overridden_v1, "analysis.overridden", STREAM_UPLOAD)                       \
    OLD(23, 2, analysis_overridden_v2, "analysis.overridden", STREAM_UPLOAD)                       \
    T(23, 3, ANALYSIS_OVERRIDDEN, analysis_overridden, analysis_overridden, "analysis.overridden", \
      STREAM_UPLOAD)                                                                               \
    T(24, 1, WORKLOAD_SIZED, workload_sized, workload_sized, "workload.sized", STREAM_UPLOAD)      \
    T(25, 1, UPLOAD_ERASED, upload_erased, data_erased, "upload.erased", STREAM_UPLOAD)            \
    T(30, 1, PROVIDER_ENROLLED, provider_enrolled, provider_enrolled, "provider.enrolled",         \
      STREAM_HOST)                                                                                 \
    T(31, 1, PROVIDER_ONLINE, provider_online, provider_online, "provider.online", STREAM_HOST)    \
    T(32, 1, PROVIDER_OFFLINE, provider_offline, provider_offline, "provider.offline",             \
      STREAM_HOST)                                                                                 \
    T(33, 1, HOST_BENCHMARKED, host_benchmarked, host_benchmarked, "host.benchmarked",             \
      STREAM_HOST)                                                                                 \
    OLD(35, 1, offer_published_v1, "offer.published", STREAM_OFFER)                                \
    OLD(35, 2, offer_published_v2, "offer.published", STREAM_OFFER)                                \
    OLD(35, 3, offer_published_v3, "offer.published", STREAM_OFFER)                                \
    T(35, 4, OFFER_PUBLISHED, offer_published, offer_published, "offer.published", STREAM_OFFER)   \
    T(36, 1, OFFER_WITHDRAWN, offer_withdrawn, offer_withdrawn, "offer.withdrawn", STREAM_OFFER)   \
    OLD(40, 1, match_computed_v1, "match.computed", STREAM_MATCH)                                  \
    OLD(40, 2, match_computed_v2, "match.computed", STREAM_MATCH)                                  \
    T(40, 3, MATCH_COMPUTED, match_computed, match_computed, "match.computed", STREAM_MATCH)       \
    OLD(41, 1, quote_issued_v1, "quote.issued", STREAM_QUOTE)                                      \
    T(41, 2, QUOTE_ISSUED, quote_issued, quote_issued, "quote.issued", STREAM_QUOTE)               \
    OLD(42, 1, job_created_v1, "job.created", STREAM_JOB)                                          \
    OLD(42, 2, job_created_v2, "job.created", STREAM_JOB)                                          \
    OLD(42, 3, job_created_v3, "job.created", STREAM_JOB)                                          \
    T(42, 4, JOB_CREATED, job_created, job_created, "job.created", STREAM_JOB)                     \
    T(43, 1, JOB_ASSIGNED, job_assigned, job_assigned, "job.assigned", STREAM_JOB)                 \
    T(44, 1, JOB_RELEASED, job_released, job_released, "job.released", STREAM_JOB)                 \
    T(45, 1, JOB_STARTED, job_started, job_started, "job.started", STREAM_JOB)                     \
    T(46, 1, JOB_PROGRESSED, job_progressed, job_progressed, "job.progressed", STREAM_JOB)         \
    T(47, 1, JOB_OUTPUT, job_output, job_output, "job.output", STREAM_JOB)                         \
    OLD(48, 1, metric_sampled_v1, "metric.sampled", STREAM_JOB)                                    \
    T(48, 2, METRIC_SAMPLED, metric_sampled, metric_sampled, "metric.sampled", STREAM_JOB)         \
    T(49, 1, RESULT_STORED, result_stored, result_stored, "result.stored", STREAM_JOB)             \
    T(50, 1, JOB_COMPLETED, job_completed, job_end, "job.completed", STREAM_JOB)                   \
    T(51, 1, JOB_FAILED, job_failed, job_end, "job.failed", STREAM_JOB)                            \
    T(52, 1, JOB_CANCELLED, job_cancelled, job_end, "job.cancelled", STREAM_JOB)                   \
    T(53, 1, JOB_RATED, job_rated, job_rated, "job.rated", STREAM_JOB)                             \
    T(54, 1, JOB_ERASED, job_erased, data_erased, "job.erased", STREAM_JOB)                        \
    T(60, 1, ESCROW_REQUESTED, escrow_requested, escrow_requested, "escrow.requested",             \
      STREAM_ESCROW)                                                                               \
    T(61, 1, DEPOSIT_OBSERVED, deposit_observed, deposit_observed, "deposit.observed",             \
      STREAM_ESCROW)                                                                               \
    T(62, 1, ESCROW_CONFIRMED, escrow_confirmed, escrow_confirmed, "escrow.confirmed",             \
      STREAM_ESCROW)                                                                               \
    T(63, 1, ESCROW_LOCKED, escrow_locked, escrow_locked, "escrow.locked", STREAM_ESCROW)          \
    T(64, 1, ESCROW_EXPIRED, escrow_expired, escrow_expired, "escrow.expired", STREAM_ESCROW)      \
    T(65, 1, ESCROW_SETTLED, escrow_settled, escrow_settled, "escrow.settled", STREAM_ESCROW)      \
    T(66, 1, ESCROW_SHORTFALL, escrow_shortfall, escrow_shortfall, "escrow.shortfall",             \
      STREAM_ESCROW)                                                                               \
    T(67, 1, ESCROW_REREAD, escrow_reread, escrow_reread, "escrow.reread", STREAM_ESCROW)          \
    T(70, 1, PAYOUT_SIGNED, payout_signed, leg_signed, "payout.signed", STREAM_ESCROW)             \
    T(71, 1, PAYOUT_LOST, payout_lost, leg_lost, "payout.lost", STREAM_ESCROW)                     \
    T(72, 1, PAYOUT_CONFIRMED, payout_confirmed, leg_confirmed, "payout.confirmed", STREAM_ESCROW) \
    T(73, 1, REFUND_SIGNED, refund_signed, leg_signed, "refund.signed", STREAM_ESCROW)             \
    T(74, 1, REFUND_LOST, refund_lost, leg_lost, "refund.lost", STREAM_ESCROW)                     \
    T(75, 1, REFUND_CONFIRMED, refund_confirmed, leg_confirmed, "refund.confirmed", STREAM_ESCROW) \
    T(76, 1, FEE_SIGNED, fee_signed, leg_signed, "fee.signed", STREAM_ESCROW)                      \
    T(77, 1, FEE_LOST, fee_lost, leg_lost, "fee.lost", STREAM_ESCROW)                              \
    T(78, 1, FEE_CONFIRMED, fee_confirmed, leg_confirmed, "fee.confirmed", STREAM_ESCROW)          \
    T(80, 1, CHECKPOINT_ANCHORED, checkpoint_anchored, checkpoint_anchored, "checkpoint.anchored", \
      STREAM_LEDGER)                                                                               \
    T(81, 1, RECONCILIATION_RECORDED, reconciliation_recorded, reconciliation_recorded,            \
      "reconciliation.recorded", STREAM_LEDGER)                                                    \
    T(82, 1, PRIVATE_ERASED, private_erased, private_erased, "private.erased", STREAM_LEDGER)

/* The shapes named above (each FIELDS_x once) and the items of their lists; OLD: of a former version, with whose struct it is read into. */
#define EVENT_SHAPES(S, OLD)                                                                       \
    S(ledger_opened)                                                                               \
    S(ledger_started)                                                                              \
    S(ledger_restored)                                                                             \
    S(terms_set)                                                                                   \
    S(settlement_key_added)                                                                        \
    S(settlement_key_retired)                                                                      \
    S(settlement_resumed)                                                                          \
    S(identity_registered)                                                                         \
    S(token_issued)                                                                                \
    S(token_revoked)                                                                               \
    S(webhook_created)                                                                             \
    S(webhook_deleted)                                                                             \
    S(webhook_rotated)                                                                             \
    S(webhook_paused)                                                                              \
    S(webhook_resumed)                                                                             \
    S(upload_received)                                                                             \
    S(upload_rejected)                                                                             \
    OLD(analysis_completed_v1, analysis_completed)                                                 \
    OLD(analysis_completed_v2, analysis_completed)                                                 \
    S(analysis_completed)                                                                          \
    S(workload_sized)                                                                              \
    OLD(analysis_overridden_v1, analysis_overridden)                                               \
    OLD(analysis_overridden_v2, analysis_overridden)                                               \
    S(analysis_overridden)                                                                         \
    S(data_erased)                                                                                 \
    S(provider_enrolled)                                                                           \
    S(provider_online)                                                                             \
    S(provider_offline)                                                                            \
    S(host_benchmarked)                                                                            \
    OLD(offer_published_v1, offer_published)                                                       \
    OLD(offer_published_v2, offer_published)                                                       \
    OLD(offer_published_v3, offer_published)                                                       \
    S(offer_published)                                                                             \
    S(offer_withdrawn)                                                                             \
    OLD(match_computed_v1, match_computed)                                                         \
    OLD(match_computed_v2, match_computed)                                                         \
    S(match_computed)                                                                              \
    OLD(quote_issued_v1, quote_issued)                                                             \
    S(quote_issued)                                                                                \
    OLD(job_created_v1, job_created)                                                               \
    OLD(job_created_v2, job_created)                                                               \
    OLD(job_created_v3, job_created)                                                               \
    S(job_created)                                                                                 \
    S(job_assigned)                                                                                \
    S(job_released)                                                                                \
    S(job_started)                                                                                 \
    S(job_progressed)                                                                              \
    S(job_output)                                                                                  \
    OLD(metric_sampled_v1, metric_sampled)                                                         \
    S(metric_sampled)                                                                              \
    S(result_stored)                                                                               \
    S(job_end)                                                                                     \
    S(job_rated)                                                                                   \
    S(escrow_requested)                                                                            \
    S(deposit_observed)                                                                            \
    S(escrow_confirmed)                                                                            \
    S(escrow_locked)                                                                               \
    S(escrow_expired)                                                                              \
    S(escrow_settled)                                                                              \
    S(escrow_shortfall)                                                                            \
    S(escrow_reread)                                                                               \
    S(leg_signed)                                                                                  \
    S(leg_lost)                                                                                    \
    S(leg_confirmed)                                                                               \
    S(checkpoint_anchored)                                                                         \
    S(reconciliation_recorded)                                                                     \
    S(private_erased)

#define EVENT_ITEMS(I, OLD)                                                                        \
    I(failure_term)                                                                                \
    I(rank)                                                                                        \
    I(found_payment)                                                                               \
    OLD(sample_v1, sample)                                                                         \
    I(sample)                                                                                      \
    I(erased)

#endif
