/* core/event/kinds.h: the enumerations that events carry. Their numbers are in stored records: forever.
 *
 * Shape:   `ENUM_x(V)` lists number, C constant and wire word; from it come `enum x` and the table `x_words`.
 *          Zero is "not said" in each of them and is never stored. New values get new numbers at the end. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_EVENT_KINDS_H
#define CORE_EVENT_KINDS_H

#include <stddef.h>
#include <stdint.h>

#define ENUM_stream_kind(V)                                                                        \
    V(1, STREAM_LEDGER, "ledger")                                                                  \
    V(2, STREAM_ACCOUNT, "account")                                                                \
    V(3, STREAM_UPLOAD, "upload")                                                                  \
    V(4, STREAM_HOST, "host")                                                                      \
    V(5, STREAM_OFFER, "offer")                                                                    \
    V(6, STREAM_MATCH, "match")                                                                    \
    V(7, STREAM_QUOTE, "quote")                                                                    \
    V(8, STREAM_JOB, "job")                                                                        \
    V(9, STREAM_ESCROW, "escrow")

#define ENUM_actor_kind(V)                                                                         \
    V(1, ACTOR_LEDGER, "ledger")                                                                   \
    V(2, ACTOR_ACCOUNT, "account")                                                                 \
    V(3, ACTOR_HOST, "host")                                                                       \
    V(4, ACTOR_SETTLEMENT, "settlement")                                                           \
    V(5, ACTOR_OPERATOR, "operator")

#define ENUM_network(V)                                                                            \
    V(1, NETWORK_MAINNET, "mainnet")                                                               \
    V(2, NETWORK_TESTNET, "testnet")                                                               \
    V(3, NETWORK_LOCAL, "local")

#define ENUM_upload_kind(V)                                                                        \
    V(1, UPLOAD_PYTHON, "python")                                                                  \
    V(2, UPLOAD_NOTEBOOK, "notebook")                                                              \
    V(3, UPLOAD_DOCKERFILE, "dockerfile")                                                          \
    V(4, UPLOAD_COMPOSE, "compose")                                                                \
    V(5, UPLOAD_REQUIREMENTS, "requirements")                                                      \
    V(6, UPLOAD_SHELL, "shell")                                                                    \
    V(7, UPLOAD_DATASET, "dataset")                                                                \
    V(8, UPLOAD_BUNDLE, "bundle")                                                                  \
    V(9, UPLOAD_UNKNOWN, "unknown")

#define ENUM_reject_reason(V)                                                                      \
    V(1, REJECT_TOO_LARGE, "too_large")                                                            \
    V(2, REJECT_UNSUPPORTED, "unsupported")                                                        \
    V(3, REJECT_EMPTY, "empty")                                                                    \
    V(4, REJECT_UNREADABLE, "unreadable")

#define ENUM_job_type(V)                                                                           \
    V(1, JOB_TYPE_MNIST, "mnist")                                                                  \
    V(2, JOB_TYPE_STABLE_DIFFUSION, "stable_diffusion")                                            \
    V(3, JOB_TYPE_VIDEO_GENERATION, "video_generation")                                            \
    V(4, JOB_TYPE_IMAGE_GENERATION, "image_generation")                                            \
    V(5, JOB_TYPE_OBJECT_DETECTION, "object_detection")                                            \
    V(6, JOB_TYPE_SEGMENTATION, "segmentation")                                                    \
    V(7, JOB_TYPE_IMAGE_CLASSIFICATION, "image_classification")                                    \
    V(8, JOB_TYPE_LLM_TRAINING, "llm_training")                                                    \
    V(9, JOB_TYPE_LLM_INFERENCE, "llm_inference")                                                  \
    V(10, JOB_TYPE_MULTIMODAL, "multimodal")                                                       \
    V(11, JOB_TYPE_SPEECH, "speech")                                                               \
    V(12, JOB_TYPE_NLP, "nlp")                                                                     \
    V(13, JOB_TYPE_REINFORCEMENT_LEARNING, "reinforcement_learning")                               \
    V(14, JOB_TYPE_GRAPH, "graph")                                                                 \
    V(15, JOB_TYPE_RECOMMENDATION, "recommendation")                                               \
    V(16, JOB_TYPE_TIMESERIES, "timeseries")                                                       \
    V(17, JOB_TYPE_TABULAR, "tabular")                                                             \
    V(18, JOB_TYPE_SCIENTIFIC, "scientific")                                                       \
    V(19, JOB_TYPE_DATA_PROCESSING, "data_processing")                                             \
    V(20, JOB_TYPE_CUSTOM, "custom")

#define ENUM_framework(V)                                                                          \
    V(1, FRAMEWORK_NONE, "none")                                                                   \
    V(2, FRAMEWORK_PYTORCH, "pytorch")                                                             \
    V(3, FRAMEWORK_TENSORFLOW, "tensorflow")                                                       \
    V(4, FRAMEWORK_KERAS, "keras")                                                                 \
    V(5, FRAMEWORK_JAX, "jax")                                                                     \
    V(6, FRAMEWORK_MXNET, "mxnet")                                                                 \
    V(7, FRAMEWORK_PADDLE, "paddle")                                                               \
    V(8, FRAMEWORK_CAFFE, "caffe")                                                                 \
    V(9, FRAMEWORK_THEANO, "theano")                                                               \
    V(10, FRAMEWORK_SKLEARN, "sklearn")                                                            \
    V(11, FRAMEWORK_XGBOOST, "xgboost")                                                            \
    V(12, FRAMEWORK_RAPIDS, "rapids")                                                              \
    V(13, FRAMEWORK_CUPY, "cupy")                                                                  \
    V(14, FRAMEWORK_NUMBA, "numba")                                                                \
    V(15, FRAMEWORK_ONNX, "onnx")                                                                  \
    V(16, FRAMEWORK_TENSORRT, "tensorrt")                                                          \
    V(17, FRAMEWORK_KALDI, "kaldi")

#define ENUM_device(V)                                                                             \
    V(1, DEVICE_GPU, "gpu")                                                                        \
    V(2, DEVICE_CPU, "cpu")

#define ENUM_fit(V)                                                                                \
    V(1, FIT_RECOMMENDED, "recommended")                                                           \
    V(2, FIT_COMPATIBLE, "compatible")                                                             \
    V(3, FIT_BORDERLINE, "borderline")                                                             \
    V(4, FIT_INSUFFICIENT, "insufficient")

#define ENUM_deposit_class(V)                                                                      \
    V(1, DEPOSIT_LOCK, "lock")                                                                     \
    V(2, DEPOSIT_SHORT, "short")                                                                   \
    V(3, DEPOSIT_OVER, "over")                                                                     \
    V(4, DEPOSIT_LATE, "late")                                                                     \
    V(5, DEPOSIT_DUPLICATE, "duplicate")                                                           \
    V(6, DEPOSIT_FOREIGN, "foreign")                                                               \
    V(7, DEPOSIT_MALFORMED, "malformed")

#define ENUM_ending(V)                                                                             \
    V(1, ENDING_COMPLETED, "completed")                                                            \
    V(2, ENDING_CAP_REACHED, "cap_reached")                                                        \
    V(3, ENDING_CANCELLED_RUNNING, "cancelled_running")                                            \
    V(4, ENDING_CANCELLED_BEFORE_START, "cancelled_before_start")                                  \
    V(5, ENDING_NO_WORKER, "no_worker")                                                            \
    V(6, ENDING_WORKER_LOST, "worker_lost")                                                        \
    V(7, ENDING_HOST_FAULT, "host_fault")                                                          \
    V(8, ENDING_PROGRAM_FAILED, "program_failed")                                                  \
    V(9, ENDING_PLATFORM_FAULT, "platform_fault")                                                  \
    V(10, ENDING_NEVER_FUNDED, "never_funded")

#define ENUM_fault(V)                                                                              \
    V(1, FAULT_NONE, "none")                                                                       \
    V(2, FAULT_PROGRAM, "program")                                                                 \
    V(3, FAULT_CONSUMER, "consumer")                                                               \
    V(4, FAULT_PROVIDER, "provider")                                                               \
    V(5, FAULT_PLATFORM, "platform")

#define ENUM_end_reason(V)                                                                         \
    V(1, REASON_EXITED_ZERO, "exited_zero")                                                        \
    V(2, REASON_EXITED_NONZERO, "exited_nonzero")                                                  \
    V(3, REASON_KILLED_BY_SIGNAL, "killed_by_signal")                                              \
    V(4, REASON_OUT_OF_MEMORY, "out_of_memory")                                                    \
    V(5, REASON_PAID_LIMIT, "paid_limit")                                                          \
    V(6, REASON_CANCELLED, "cancelled_by_consumer")                                                \
    V(7, REASON_LEASE_EXPIRED, "lease_expired")                                                    \
    V(8, REASON_START_TIMEOUT, "start_timeout")                                                    \
    V(9, REASON_QUEUE_TIMEOUT, "queue_timeout")                                                    \
    V(10, REASON_SANDBOX_FAILED, "sandbox_failed")                                                 \
    V(11, REASON_WORKER_STOPPED, "worker_stopped")                                                 \
    V(12, REASON_LOCK_EXPIRED, "lock_expired")                                                     \
    V(13, REASON_INPUT_MISSING, "input_missing")                                                   \
    V(14, REASON_MODULE_MISSING, "module_missing")                                                 \
    V(15, REASON_GPU_OUT_OF_MEMORY, "gpu_out_of_memory")                                           \
    V(16, REASON_ENTRY_MISSING, "entry_missing")                                                   \
    V(17, REASON_PROCESS_LIMIT, "process_limit")                                                   \
    V(18, REASON_DISK_LIMIT, "disk_limit")                                                         \
    V(19, REASON_GPU_LOST, "gpu_lost")                                                             \
    V(20, REASON_KIND_NOT_RUNNABLE, "kind_not_runnable")

#define ENUM_lost_reason(V)                                                                        \
    V(1, LOST_NOT_INCLUDED, "not_included")                                                        \
    V(2, LOST_NO_MONEY_MOVED, "no_money_moved")

/* What a payment out of an escrow says of itself, by its payload. */
#define ENUM_paid_as(V)                                                                            \
    V(1, PAID_REFUND, "refund")                                                                    \
    V(2, PAID_PAYOUT, "payout")                                                                    \
    V(3, PAID_FEE, "fee")                                                                          \
    V(4, PAID_RETURN, "return")                                                                    \
    V(5, PAID_OTHERWISE, "otherwise")

#define ENUM_output_source(V)                                                                      \
    V(1, OUTPUT_STDOUT, "stdout")                                                                  \
    V(2, OUTPUT_STDERR, "stderr")

/* Why a GPU's clocks are lower than they could be (`throttle_reasons`): bit n is word n + 1. The bits are NVML's, which NVIDIA keeps (NVML API
 * Reference Guide, "NvmlClocksThrottleReasons"); what a newer driver adds is stored, and has no word yet. */
#define ENUM_throttle_reason(V)                                                                    \
    V(1, THROTTLE_GPU_IDLE, "gpu_idle")                                                            \
    V(2, THROTTLE_APPLICATIONS_CLOCKS, "applications_clocks")                                      \
    V(3, THROTTLE_SW_POWER_CAP, "sw_power_cap")                                                    \
    V(4, THROTTLE_HW_SLOWDOWN, "hw_slowdown")                                                      \
    V(5, THROTTLE_SYNC_BOOST, "sync_boost")                                                        \
    V(6, THROTTLE_SW_THERMAL, "sw_thermal")                                                        \
    V(7, THROTTLE_HW_THERMAL, "hw_thermal")                                                        \
    V(8, THROTTLE_HW_POWER_BRAKE, "hw_power_brake")                                                \
    V(9, THROTTLE_DISPLAY_CLOCKS, "display_clocks")

#define DEFINE_ENUM_VALUE(number, constant, word) constant = number,
#define DEFINE_ENUM(name)                                                                          \
    enum name { ENUM_##name(DEFINE_ENUM_VALUE) };                                                  \
    extern const struct enum_words name##_words;

struct enum_words {
    const char *name;
    const char *const *words; /* words[number]; words[0] is NULL */
    uint32_t count;           /* numbers are 1 … count − 1 */
};

/* NULL for a number the table does not have. */
const char *enum_word(const struct enum_words *words, uint32_t number);
/* 0 for a word the table does not have. */
uint32_t enum_number(const struct enum_words *words, const char *word, size_t size);

#define EVENT_ENUMS(E)                                                                             \
    E(stream_kind)                                                                                 \
    E(actor_kind)                                                                                  \
    E(network)                                                                                     \
    E(upload_kind)                                                                                 \
    E(reject_reason)                                                                               \
    E(job_type)                                                                                    \
    E(framework)                                                                                   \
    E(device)                                                                                      \
    E(fit)                                                                                         \
    E(deposit_class)                                                                               \
    E(ending)                                                                                      \
    E(fault)                                                                                       \
    E(end_reason)                                                                                  \
    E(lost_reason)                                                                                 \
    E(paid_as)                                                                                     \
    E(output_source)                                                                               \
    E(throttle_reason)

EVENT_ENUMS(DEFINE_ENUM)

/* What was told of a GPU's sample (metric.sampled version 2, `known`); bits. */
#define SAMPLE_FAN UINT64_C(1)
#define SAMPLE_SM_CLOCK UINT64_C(2)
#define SAMPLE_MEMORY_CLOCK UINT64_C(4)
#define SAMPLE_THROTTLE UINT64_C(8)
#define SAMPLE_XID UINT64_C(16)
#define SAMPLE_ALL UINT64_C(31)

/* What a token may do; bits, stored in token.issued. */
#define SCOPE_CONSUMER UINT64_C(1)
#define SCOPE_PROVIDER UINT64_C(2)
#define SCOPE_WORKER UINT64_C(4)
#define SCOPE_OPERATOR UINT64_C(8)
#define SCOPE_AUDITOR UINT64_C(16)
#define SCOPE_ENROL                                                                                \
    UINT64_C(                                                                                      \
        32) /* a code for a machine, or what it was exchanged for: makes machines known, and nothing else */
#define SCOPE_ALL UINT64_C(63)

#endif
