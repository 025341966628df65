/* core/event/catalogue.h: every event there is, one table per type. Numbers and meanings are forever.
 *
 * Shape:   FIELDS_x(F, S) lists a type's fields: number, kind, name, visibility, auxiliary name (the enumeration of an
 *          ENUM, the item of a LIST, _ otherwise). From the same line come the field of `struct ev_x`, the codec's
 *          row and the JSON name, so they cannot drift apart.
 *          `S` only travels through: it is the struct's name where a row needs offsetof.
 * Kinds:   U64 · AMOUNT (int64, QUBIC) · TIME (int64, ns UTC) · BOOL · ENUM · ID (16 bytes) · HASH (32 bytes) ·
 *          IDENTITY (32-byte Qubic public key) · TXID (32-byte Qubic transaction hash) · TEXT (UTF-8) · BYTES · LIST
 * Absence: a field that is zero or empty is not stored; it reads back as zero or empty.
 * Private: PRIVATE fields are in the private part, PUBLIC ones in the record. Numbers are shared by both.
 * Change:  a version adds fields, behind those it had; a table that is there is never edited (docs/decisions/0019). The newest
 *          version's table has the plain name and the struct; an older one has its number in its name (FIELDS_x_v1, ITEM_x_v1), a
 *          row OLD in EVENT_TYPES, and is read into the newest struct, where what it did not have is zero: not said. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_CATALOGUE_H
#define CORE_EVENT_CATALOGUE_H

#include "core/event/kinds.h"

/* A former version's fields, in front of those that a newer one added. */
#define AS_IN(TABLE, F, S) TABLE(F, S)

/* ── the ledger itself ─────────────────────────────────────────────────────────────────────────── */

#define FIELDS_ledger_opened(F, S)                                                                 \
    F(S, 1, ID, log_id, PUBLIC, _)                                                                 \
    F(S, 2, U64, generation, PUBLIC, _)                                                            \
    F(S, 3, ENUM, network, PUBLIC, network)                                                        \
    F(S, 4, U64, record_format, PUBLIC, _)                                                         \
    F(S, 5, HASH, catalogue_digest, PUBLIC, _)                                                     \
    F(S, 6, HASH, checkpoint_key, PUBLIC, _)                                                       \
    F(S, 7, U64, settlement_key_id, PUBLIC, _)                                                     \
    F(S, 8, TEXT, name, PUBLIC, _)

#define FIELDS_ledger_started(F, S)                                                                \
    F(S, 1, TEXT, software, PUBLIC, _)                                                             \
    F(S, 2, HASH, catalogue_digest, PUBLIC, _)

#define FIELDS_ledger_restored(F, S)                                                               \
    F(S, 1, U64, generation, PUBLIC, _)                                                            \
    F(S, 2, U64, parent_size, PUBLIC, _)                                                           \
    F(S, 3, HASH, parent_root, PUBLIC, _)

#define ITEM_failure_term(F, S)                                                                    \
    F(S, 1, ENUM, ending, PUBLIC, ending)                                                          \
    F(S, 2, BOOL, provider_paid, PUBLIC, _)

#define FIELDS_terms_set(F, S)                                                                     \
    F(S, 1, U64, fee_bps, PUBLIC, _)                                                               \
    F(S, 2, U64, margin_bps, PUBLIC, _)                                                            \
    F(S, 3, AMOUNT, lock_min, PUBLIC, _)                                                           \
    F(S, 4, U64, quote_valid_s, PUBLIC, _)                                                         \
    F(S, 5, U64, lock_wait_s, PUBLIC, _)                                                           \
    F(S, 6, U64, heartbeat_s, PUBLIC, _)                                                           \
    F(S, 7, U64, lease_s, PUBLIC, _)                                                               \
    F(S, 8, U64, start_within_s, PUBLIC, _)                                                        \
    F(S, 9, U64, queue_max_s, PUBLIC, _)                                                           \
    F(S, 10, U64, confirmations, PUBLIC, _)                                                        \
    F(S, 11, U64, tick_offset, PUBLIC, _)                                                          \
    F(S, 12, U64, output_max, PUBLIC, _)                                                           \
    F(S, 13, U64, upload_max, PUBLIC, _)                                                           \
    F(S, 14, U64, batch_max, PUBLIC, _)                                                            \
    F(S, 15, U64, billing_version, PUBLIC, _)                                                      \
    F(S, 16, IDENTITY, fee_identity, PUBLIC, _)                                                    \
    F(S, 17, LIST, failure_terms, PUBLIC, failure_term)

#define FIELDS_settlement_key_added(F, S)                                                          \
    F(S, 1, U64, key_id, PUBLIC, _)                                                                \
    F(S, 2, IDENTITY, check_identity, PUBLIC, _)

#define FIELDS_settlement_key_retired(F, S) F(S, 1, U64, key_id, PUBLIC, _)

#define FIELDS_settlement_resumed(F, S)                                                            \
    F(S, 1, U64, generation, PUBLIC, _)                                                            \
    F(S, 2, U64, escrows_read, PUBLIC, _)                                                          \
    F(S, 3, U64, payments_found, PUBLIC, _)

/* ── people and tokens (stream: account) ───────────────────────────────────────────────────────── */

#define FIELDS_identity_registered(F, S) F(S, 1, IDENTITY, identity, PUBLIC, _)

#define FIELDS_token_issued(F, S)                                                                  \
    F(S, 1, ID, token_id, PUBLIC, _)                                                               \
    F(S, 2, HASH, token_hash, PUBLIC, _)                                                           \
    F(S, 3, U64, scopes, PUBLIC, _)                                                                \
    F(S, 4, TIME, expires_at, PUBLIC, _)                                                           \
    F(S, 5, ID, host_id, PUBLIC, _)                                                                \
    F(S, 6, TEXT, label, PRIVATE, _)

#define FIELDS_token_revoked(F, S) F(S, 1, ID, token_id, PUBLIC, _)

/* A webhook's secret is in no event: it follows from a key of the server, the webhook's id and secret_version (api/webhook_secret.h).
 * Deliveries are no events either: docs/decisions/0022. */
#define FIELDS_webhook_created(F, S)                                                               \
    F(S, 1, ID, webhook_id, PUBLIC, _)                                                             \
    F(S, 2, U64, scopes, PUBLIC, _)                                                                \
    F(S, 3, U64, after, PUBLIC, _)                                                                 \
    F(S, 4, TEXT, url, PRIVATE, _)                                                                 \
    F(S, 5, TEXT, topics, PRIVATE, _)                                                              \
    F(S, 6, TEXT, types, PRIVATE, _)                                                               \
    F(S, 7, TEXT, label, PRIVATE, _)

#define FIELDS_webhook_deleted(F, S) F(S, 1, ID, webhook_id, PUBLIC, _)

#define FIELDS_webhook_rotated(F, S)                                                               \
    F(S, 1, ID, webhook_id, PUBLIC, _)                                                             \
    F(S, 2, U64, secret_version, PUBLIC, _)

#define FIELDS_webhook_paused(F, S)                                                                \
    F(S, 1, ID, webhook_id, PUBLIC, _)                                                             \
    F(S, 2, U64, after, PUBLIC, _)                                                                 \
    F(S, 3, U64, failures, PUBLIC, _)                                                              \
    F(S, 4, TIME, failing_since, PUBLIC, _)                                                        \
    F(S, 5, TEXT, detail, PRIVATE, _)

#define FIELDS_webhook_resumed(F, S) F(S, 1, ID, webhook_id, PUBLIC, _)

/* ── uploads and what they are (stream: upload) ────────────────────────────────────────────────── */

#define FIELDS_upload_received(F, S)                                                               \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, U64, size, PUBLIC, _)                                                                  \
    F(S, 3, TEXT, file_name, PRIVATE, _)                                                           \
    F(S, 4, HASH, digest, PRIVATE, _)                                                              \
    F(S, 5, TEXT, media_type, PRIVATE, _)

#define FIELDS_upload_rejected(F, S)                                                               \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, U64, size, PUBLIC, _)                                                                  \
    F(S, 3, ENUM, reason, PUBLIC, reject_reason)                                                   \
    F(S, 4, TEXT, file_name, PRIVATE, _)                                                           \
    F(S, 5, TEXT, detail, PRIVATE, _)

#define FIELDS_analysis_completed_v1(F, S)                                                         \
    F(S, 1, U64, analyser_version, PUBLIC, _)                                                      \
    F(S, 2, ENUM, kind, PUBLIC, upload_kind)                                                       \
    F(S, 3, ENUM, job_type, PUBLIC, job_type)                                                      \
    F(S, 4, ENUM, framework, PUBLIC, framework)                                                    \
    F(S, 5, U64, confidence_permille, PUBLIC, _)                                                   \
    F(S, 6, ENUM, device, PUBLIC, device)                                                          \
    F(S, 7, U64, gpus, PUBLIC, _)                                                                  \
    F(S, 8, U64, vram_mib, PUBLIC, _)                                                              \
    F(S, 9, U64, tflops_milli, PUBLIC, _)                                                          \
    F(S, 10, U64, ram_mib, PUBLIC, _)                                                              \
    F(S, 11, U64, storage_mib, PUBLIC, _)                                                          \
    F(S, 12, U64, compute_capability, PUBLIC, _)                                                   \
    F(S, 13, U64, reference_p50_ms, PUBLIC, _)                                                     \
    F(S, 14, U64, reference_p90_ms, PUBLIC, _)                                                     \
    F(S, 15, TEXT, detail, PRIVATE, _)

#define FIELDS_analysis_completed_v2(F, S)                                                         \
    FIELDS_analysis_completed_v1(F, S) F(S, 16, U64, driver, PUBLIC, _)

/* What version 3 added: what must lie on the machine. Packages by name (core/base/software.h); `item`: a model or an image (core/market/stock.h). */
#define FIELDS_analysis_completed(F, S)                                                            \
    AS_IN(FIELDS_analysis_completed_v2, F, S)                                                      \
    F(S, 17, TEXT, packages, PUBLIC, _)                                                            \
    F(S, 18, ID, item, PUBLIC, _)

/* What the estimate of an analysed upload stands on. Without it nothing is known but the reference times. */
#define FIELDS_workload_sized(F, S)                                                                \
    F(S, 1, TEXT, task, PUBLIC, _)                                                                 \
    F(S, 2, U64, work_micro, PUBLIC, _)                                                            \
    F(S, 3, U64, start_ms, PUBLIC, _)                                                              \
    F(S, 4, U64, assumed, PUBLIC, _)                                                               \
    F(S, 5, BOOL, is_like, PUBLIC, _)                                                              \
    F(S, 6, U64, table_version, PUBLIC, _)

#define FIELDS_analysis_overridden_v1(F, S)                                                        \
    F(S, 1, ENUM, job_type, PUBLIC, job_type)                                                      \
    F(S, 2, ENUM, device, PUBLIC, device)                                                          \
    F(S, 3, U64, gpus, PUBLIC, _)                                                                  \
    F(S, 4, U64, vram_mib, PUBLIC, _)                                                              \
    F(S, 5, U64, tflops_milli, PUBLIC, _)                                                          \
    F(S, 6, U64, ram_mib, PUBLIC, _)                                                               \
    F(S, 7, U64, storage_mib, PUBLIC, _)                                                           \
    F(S, 8, U64, compute_capability, PUBLIC, _)                                                    \
    F(S, 9, U64, reference_p50_ms, PUBLIC, _)                                                      \
    F(S, 10, U64, reference_p90_ms, PUBLIC, _)                                                     \
    F(S, 11, TEXT, detail, PRIVATE, _)

#define FIELDS_analysis_overridden_v2(F, S)                                                        \
    FIELDS_analysis_overridden_v1(F, S) F(S, 12, U64, driver, PUBLIC, _)

/* What version 3 added: as analysis.completed has it, and what the item is called. */
#define FIELDS_analysis_overridden(F, S)                                                           \
    AS_IN(FIELDS_analysis_overridden_v2, F, S)                                                     \
    F(S, 13, TEXT, packages, PUBLIC, _)                                                            \
    F(S, 14, ID, item, PUBLIC, _)                                                                  \
    F(S, 15, TEXT, item_name, PRIVATE, _)

/* Whoever it was of wanted it gone: private parts of this stream, named by the private.erased that come in the same command and in those before it, and
 * the files that only they named. One shape for upload.erased and job.erased; the actor says who. */
#define FIELDS_data_erased(F, S)                                                                   \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, U64, freed, PUBLIC, _)

/* ── machines (stream: host) and what they offer (stream: offer) ───────────────────────────────── */

#define FIELDS_provider_enrolled(F, S)                                                             \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, HASH, sealing_key, PUBLIC, _)                                                          \
    F(S, 3, TEXT, host_name, PRIVATE, _)

#define FIELDS_provider_online(F, S)                                                               \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, TEXT, software, PRIVATE, _)

#define FIELDS_provider_offline(F, S)                                                              \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, TIME, last_report_at, PUBLIC, _)

#define FIELDS_host_benchmarked(F, S)                                                              \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, U64, benchmark_version, PUBLIC, _)                                                     \
    F(S, 3, U64, speed_permille, PUBLIC, _)                                                        \
    F(S, 4, TEXT, detail, PRIVATE, _)

#define FIELDS_offer_published_v1(F, S)                                                            \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, ID, host_id, PUBLIC, _)                                                                \
    F(S, 3, ENUM, device, PUBLIC, device)                                                          \
    F(S, 4, TEXT, model, PUBLIC, _)                                                                \
    F(S, 5, U64, gpus, PUBLIC, _)                                                                  \
    F(S, 6, U64, vram_mib, PUBLIC, _)                                                              \
    F(S, 7, U64, tflops_milli, PUBLIC, _)                                                          \
    F(S, 8, U64, ram_mib, PUBLIC, _)                                                               \
    F(S, 9, U64, storage_mib, PUBLIC, _)                                                           \
    F(S, 10, U64, compute_capability, PUBLIC, _)                                                   \
    F(S, 11, U64, cpu_cores, PUBLIC, _)                                                            \
    F(S, 12, U64, speed_permille, PUBLIC, _)                                                       \
    F(S, 13, AMOUNT, rate, PUBLIC, _)

#define FIELDS_offer_published_v2(F, S)                                                            \
    FIELDS_offer_published_v1(F, S) F(S, 14, TEXT, driver, PUBLIC, _)

#define FIELDS_offer_published_v3(F, S)                                                            \
    FIELDS_offer_published_v2(F, S) F(S, 15, BOOL, network_allowed, PUBLIC, _)

/* What version 4 added: what jobs find on the machine, as lists of core/base/software.h. No packages: it does not tell. */
#define FIELDS_offer_published(F, S)                                                               \
    AS_IN(FIELDS_offer_published_v3, F, S)                                                         \
    F(S, 16, TEXT, packages, PUBLIC, _)                                                            \
    F(S, 17, TEXT, models, PUBLIC, _)                                                              \
    F(S, 18, TEXT, images, PUBLIC, _)

#define FIELDS_offer_withdrawn(F, S)                                                               \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, ID, host_id, PUBLIC, _)                                                                \
    F(S, 3, TEXT, detail, PRIVATE, _)

/* ── from match to quote ───────────────────────────────────────────────────────────────────────── */

#define ITEM_rank(F, S)                                                                            \
    F(S, 1, ID, offer_id, PUBLIC, _)                                                               \
    F(S, 2, ENUM, fit, PUBLIC, fit)                                                                \
    F(S, 3, U64, score, PUBLIC, _)                                                                 \
    F(S, 4, U64, p50_ms, PUBLIC, _)                                                                \
    F(S, 5, U64, p90_ms, PUBLIC, _)                                                                \
    F(S, 6, AMOUNT, cost, PUBLIC, _)

#define FIELDS_match_computed_v1(F, S)                                                             \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, ID, upload_id, PUBLIC, _)                                                              \
    F(S, 3, U64, computed_at, PUBLIC, _)                                                           \
    F(S, 4, U64, algorithm_version, PUBLIC, _)                                                     \
    F(S, 5, U64, table_version, PUBLIC, _)                                                         \
    F(S, 6, U64, offer_count, PUBLIC, _)                                                           \
    F(S, 7, HASH, ranking_digest, PUBLIC, _)                                                       \
    F(S, 8, LIST, ranking, PUBLIC, rank)

/* What version 2 added: the job is to ask for a network. */
#define FIELDS_match_computed_v2(F, S)                                                             \
    FIELDS_match_computed_v1(F, S) F(S, 9, BOOL, wants_network, PUBLIC, _)

/* What version 3 added: the model or image that it needs as it is to be started. */
#define FIELDS_match_computed(F, S)                                                                \
    AS_IN(FIELDS_match_computed_v2, F, S)                                                          \
    F(S, 10, ID, item, PUBLIC, _)

#define FIELDS_quote_issued_v1(F, S)                                                               \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, ID, upload_id, PUBLIC, _)                                                              \
    F(S, 3, ID, offer_id, PUBLIC, _)                                                               \
    F(S, 4, ID, provider_id, PUBLIC, _)                                                            \
    F(S, 5, ID, host_id, PUBLIC, _)                                                                \
    F(S, 6, AMOUNT, rate, PUBLIC, _)                                                               \
    F(S, 7, U64, p50_ms, PUBLIC, _)                                                                \
    F(S, 8, U64, p90_ms, PUBLIC, _)                                                                \
    F(S, 9, U64, margin_bps, PUBLIC, _)                                                            \
    F(S, 10, U64, fee_bps, PUBLIC, _)                                                              \
    F(S, 11, AMOUNT, cap, PUBLIC, _)                                                               \
    F(S, 12, U64, limit_ms, PUBLIC, _)                                                             \
    F(S, 13, U64, terms_sequence, PUBLIC, _)                                                       \
    F(S, 14, TIME, expires_at, PUBLIC, _)                                                          \
    F(S, 15, ID, match_id, PUBLIC, _)

/* What version 2 added is the workload as the job's settings make it, and what they say of it; no task: as the upload was sized. */
#define FIELDS_quote_issued(F, S)                                                                  \
    AS_IN(FIELDS_quote_issued_v1, F, S)                                                            \
    F(S, 16, TEXT, task, PUBLIC, _)                                                                \
    F(S, 17, U64, work_micro, PUBLIC, _)                                                           \
    F(S, 18, U64, start_ms, PUBLIC, _)                                                             \
    F(S, 19, U64, assumed, PUBLIC, _)                                                              \
    F(S, 20, BOOL, is_like, PUBLIC, _)                                                             \
    F(S, 21, U64, reference_p50_ms, PUBLIC, _)                                                     \
    F(S, 22, U64, reference_p90_ms, PUBLIC, _)                                                     \
    F(S, 23, TEXT, settings, PRIVATE, _)

/* ── the job (stream: job) ─────────────────────────────────────────────────────────────────────── */

#define FIELDS_job_created_v1(F, S)                                                                \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, ID, provider_id, PUBLIC, _)                                                            \
    F(S, 3, ID, host_id, PUBLIC, _)                                                                \
    F(S, 4, ID, upload_id, PUBLIC, _)                                                              \
    F(S, 5, ID, offer_id, PUBLIC, _)                                                               \
    F(S, 6, ID, quote_id, PUBLIC, _)                                                               \
    F(S, 7, ID, escrow_id, PUBLIC, _)                                                              \
    F(S, 8, AMOUNT, rate, PUBLIC, _)                                                               \
    F(S, 9, AMOUNT, cap, PUBLIC, _)                                                                \
    F(S, 10, U64, limit_ms, PUBLIC, _)                                                             \
    F(S, 11, TEXT, file_name, PRIVATE, _)                                                          \
    F(S, 12, HASH, input_digest, PRIVATE, _)                                                       \
    F(S, 13, TEXT, settings, PRIVATE, _)

/* What version 2 added: the settings ask for something else than the quote was for, so that nothing can be learnt from its time. */
#define FIELDS_job_created_v2(F, S)                                                                \
    FIELDS_job_created_v1(F, S) F(S, 14, BOOL, other_work, PUBLIC, _)

/* What version 3 added: the job asks for a network, which its offer allows. */
#define FIELDS_job_created_v3(F, S)                                                                \
    FIELDS_job_created_v2(F, S) F(S, 15, BOOL, wants_network, PUBLIC, _)

/* What version 4 added: the model or image that it needs as it is started. */
#define FIELDS_job_created(F, S)                                                                   \
    AS_IN(FIELDS_job_created_v3, F, S)                                                             \
    F(S, 16, ID, item, PUBLIC, _)

#define FIELDS_job_assigned(F, S)                                                                  \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, U64, attempt, PUBLIC, _)                                                               \
    F(S, 3, TIME, start_by, PUBLIC, _)

#define FIELDS_job_released(F, S)                                                                  \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, U64, attempt, PUBLIC, _)                                                               \
    F(S, 3, ENUM, reason, PUBLIC, end_reason)

#define FIELDS_job_started(F, S)                                                                   \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, U64, attempt, PUBLIC, _)                                                               \
    F(S, 3, U64, limit_ms, PUBLIC, _)

#define FIELDS_job_progressed(F, S)                                                                \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, U64, permille, PUBLIC, _)                                                              \
    F(S, 3, U64, used_ms, PUBLIC, _)                                                               \
    F(S, 4, TEXT, operation, PRIVATE, _)

#define FIELDS_job_output(F, S)                                                                    \
    F(S, 1, ENUM, source, PUBLIC, output_source)                                                   \
    F(S, 2, U64, first_line, PUBLIC, _)                                                            \
    F(S, 3, U64, lines, PUBLIC, _)                                                                 \
    F(S, 4, U64, size, PUBLIC, _)                                                                  \
    F(S, 5, BOOL, quota_reached, PUBLIC, _)                                                        \
    F(S, 6, TEXT, text, PRIVATE, _)

#define ITEM_sample_v1(F, S)                                                                       \
    F(S, 1, U64, at_ms, PUBLIC, _)                                                                 \
    F(S, 2, U64, cpu_permille, PUBLIC, _)                                                          \
    F(S, 3, U64, ram_mib, PUBLIC, _)                                                               \
    F(S, 4, U64, ram_total_mib, PUBLIC, _)                                                         \
    F(S, 5, U64, gpu_permille, PUBLIC, _)                                                          \
    F(S, 6, U64, vram_mib, PUBLIC, _)                                                              \
    F(S, 7, U64, vram_total_mib, PUBLIC, _)                                                        \
    F(S, 8, U64, temperature_c, PUBLIC, _)                                                         \
    F(S, 9, U64, power_mw, PUBLIC, _)

/* Of what version 2 added a 0 is a value like others: `known` says which of them were told (SAMPLE_FAN … in kinds.h). */
#define ITEM_sample(F, S)                                                                          \
    AS_IN(ITEM_sample_v1, F, S)                                                                    \
    F(S, 10, U64, fan_percent, PUBLIC, _)                                                          \
    F(S, 11, U64, sm_clock_mhz, PUBLIC, _)                                                         \
    F(S, 12, U64, memory_clock_mhz, PUBLIC, _)                                                     \
    F(S, 13, U64, throttle_reasons, PUBLIC, _)                                                     \
    F(S, 14, U64, xid, PUBLIC, _)                                                                  \
    F(S, 15, U64, known, PUBLIC, _)

#define FIELDS_metric_sampled_v1(F, S)                                                             \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, LIST, samples, PUBLIC, sample_v1)

#define FIELDS_metric_sampled(F, S)                                                                \
    F(S, 1, ID, host_id, PUBLIC, _)                                                                \
    F(S, 2, LIST, samples, PUBLIC, sample)

#define FIELDS_result_stored(F, S)                                                                 \
    F(S, 1, U64, size, PUBLIC, _)                                                                  \
    F(S, 2, TEXT, file_name, PRIVATE, _)                                                           \
    F(S, 3, HASH, digest, PRIVATE, _)

/* One shape for the three ways a job ends. */
#define FIELDS_job_end(F, S)                                                                       \
    F(S, 1, ENUM, ending, PUBLIC, ending)                                                          \
    F(S, 2, ENUM, fault, PUBLIC, fault)                                                            \
    F(S, 3, ENUM, reason, PUBLIC, end_reason)                                                      \
    F(S, 4, U64, used_ms, PUBLIC, _)                                                               \
    F(S, 5, U64, worker_ms, PUBLIC, _)                                                             \
    F(S, 6, U64, ledger_ms, PUBLIC, _)                                                             \
    F(S, 7, U64, exit_status, PUBLIC, _)                                                           \
    F(S, 8, U64, signal, PUBLIC, _)                                                                \
    F(S, 9, ID, host_id, PUBLIC, _)                                                                \
    F(S, 10, TEXT, detail, PRIVATE, _)

#define FIELDS_job_rated(F, S)                                                                     \
    F(S, 1, ID, account_id, PUBLIC, _)                                                             \
    F(S, 2, U64, stars, PUBLIC, _)                                                                 \
    F(S, 3, TEXT, comment, PRIVATE, _)

/* ── the money (stream: escrow) ────────────────────────────────────────────────────────────────── */

#define FIELDS_escrow_requested(F, S)                                                              \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, ID, quote_id, PUBLIC, _)                                                               \
    F(S, 3, IDENTITY, identity, PUBLIC, _)                                                         \
    F(S, 4, U64, key_id, PUBLIC, _)                                                                \
    F(S, 5, AMOUNT, amount, PUBLIC, _)                                                             \
    F(S, 6, IDENTITY, consumer_identity, PUBLIC, _)                                                \
    F(S, 7, IDENTITY, provider_identity, PUBLIC, _)                                                \
    F(S, 8, U64, requested_tick, PUBLIC, _)                                                        \
    F(S, 9, U64, last_tick, PUBLIC, _)

#define FIELDS_deposit_observed(F, S)                                                              \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 3, IDENTITY, source, PUBLIC, _)                                                           \
    F(S, 4, AMOUNT, amount, PUBLIC, _)                                                             \
    F(S, 5, U64, tick, PUBLIC, _)                                                                  \
    F(S, 6, ENUM, class, PUBLIC, deposit_class)

#define FIELDS_escrow_confirmed(F, S)                                                              \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 3, U64, confirmations, PUBLIC, _)                                                         \
    F(S, 4, U64, required, PUBLIC, _)                                                              \
    F(S, 5, U64, processed_tick, PUBLIC, _)

#define FIELDS_escrow_locked(F, S)                                                                 \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 3, AMOUNT, amount, PUBLIC, _)

#define FIELDS_escrow_expired(F, S)                                                                \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, U64, processed_tick, PUBLIC, _)

#define FIELDS_escrow_settled(F, S)                                                                \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, AMOUNT, locked, PUBLIC, _)                                                             \
    F(S, 3, U64, used_ms, PUBLIC, _)                                                               \
    F(S, 4, AMOUNT, rate, PUBLIC, _)                                                               \
    F(S, 5, AMOUNT, gross, PUBLIC, _)                                                              \
    F(S, 6, AMOUNT, fee, PUBLIC, _)                                                                \
    F(S, 7, AMOUNT, payout, PUBLIC, _)                                                             \
    F(S, 8, AMOUNT, refund, PUBLIC, _)                                                             \
    F(S, 9, IDENTITY, provider_identity, PUBLIC, _)                                                \
    F(S, 10, IDENTITY, consumer_identity, PUBLIC, _)                                               \
    F(S, 11, IDENTITY, fee_identity, PUBLIC, _)

#define FIELDS_escrow_shortfall(F, S)                                                              \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, AMOUNT, expected, PUBLIC, _)                                                           \
    F(S, 3, AMOUNT, balance, PUBLIC, _)                                                            \
    F(S, 4, U64, balance_tick, PUBLIC, _)

/* One shape for payout.signed, refund.signed and fee.signed; likewise lost and confirmed. A refund with a
 * `deposit_tx` returns that deposit whole; without, it is the job's remainder. */
#define FIELDS_leg_signed(F, S)                                                                    \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, deposit_tx, PUBLIC, _)                                                           \
    F(S, 3, U64, attempt, PUBLIC, _)                                                               \
    F(S, 4, IDENTITY, destination, PUBLIC, _)                                                      \
    F(S, 5, AMOUNT, amount, PUBLIC, _)                                                             \
    F(S, 6, U64, tick, PUBLIC, _)                                                                  \
    F(S, 7, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 8, BYTES, transaction, PUBLIC, _)                                                         \
    F(S, 9, U64, outgoing_count, PUBLIC, _)

#define FIELDS_leg_lost(F, S)                                                                      \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, deposit_tx, PUBLIC, _)                                                           \
    F(S, 3, U64, attempt, PUBLIC, _)                                                               \
    F(S, 4, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 5, ENUM, reason, PUBLIC, lost_reason)                                                     \
    F(S, 6, U64, tick, PUBLIC, _)                                                                  \
    F(S, 7, U64, processed_tick, PUBLIC, _)                                                        \
    F(S, 8, BOOL, tick_empty, PUBLIC, _)                                                           \
    F(S, 9, U64, balance_tick, PUBLIC, _)                                                          \
    F(S, 10, U64, outgoing_count, PUBLIC, _)

#define FIELDS_leg_confirmed(F, S)                                                                 \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, TXID, deposit_tx, PUBLIC, _)                                                           \
    F(S, 3, U64, attempt, PUBLIC, _)                                                               \
    F(S, 4, IDENTITY, destination, PUBLIC, _)                                                      \
    F(S, 5, AMOUNT, amount, PUBLIC, _)                                                             \
    F(S, 6, U64, tick, PUBLIC, _)                                                                  \
    F(S, 7, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 8, U64, processed_tick, PUBLIC, _)

/* After a restore: what went out of an escrow's identity that this log does not know. */
#define ITEM_found_payment(F, S)                                                                   \
    F(S, 1, ENUM, paid_as, PUBLIC, paid_as)                                                        \
    F(S, 2, TXID, deposit_tx, PUBLIC, _)                                                           \
    F(S, 3, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 4, IDENTITY, destination, PUBLIC, _)                                                      \
    F(S, 5, AMOUNT, amount, PUBLIC, _)                                                             \
    F(S, 6, U64, tick, PUBLIC, _)

#define FIELDS_escrow_reread(F, S)                                                                 \
    F(S, 1, ID, job_id, PUBLIC, _)                                                                 \
    F(S, 2, U64, generation, PUBLIC, _)                                                            \
    F(S, 3, U64, processed_tick, PUBLIC, _)                                                        \
    F(S, 4, LIST, found, PUBLIC, found_payment)

/* ── audit ─────────────────────────────────────────────────────────────────────────────────────── */

#define FIELDS_checkpoint_anchored(F, S)                                                           \
    F(S, 1, U64, size, PUBLIC, _)                                                                  \
    F(S, 2, HASH, root, PUBLIC, _)                                                                 \
    F(S, 3, TXID, tx_id, PUBLIC, _)                                                                \
    F(S, 4, U64, tick, PUBLIC, _)

#define FIELDS_reconciliation_recorded(F, S)                                                       \
    F(S, 1, ID, provider_id, PUBLIC, _)                                                            \
    F(S, 2, TIME, from, PUBLIC, _)                                                                 \
    F(S, 3, TIME, until, PUBLIC, _)                                                                \
    F(S, 4, U64, matched, PUBLIC, _)                                                               \
    F(S, 5, U64, missing, PUBLIC, _)                                                               \
    F(S, 6, U64, extra, PUBLIC, _)                                                                 \
    F(S, 7, U64, differing, PUBLIC, _)                                                             \
    F(S, 8, HASH, report_digest, PUBLIC, _)

#define ITEM_erased(F, S) F(S, 1, U64, sequence, PUBLIC, _)

#define FIELDS_private_erased(F, S) F(S, 1, LIST, sequences, PUBLIC, erased)

#include "core/event/event_types.h"

#include "core/event/shapes.h" /* what the tables become */

#endif
