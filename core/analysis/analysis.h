/* core/analysis/analysis.h: what an uploaded file is, what it needs, how long it may take, and why we think so.
 *
 * Shape:   bytes and a base name in, or several files that are one job; one `struct analysis` out. Nothing else may influence the answer: no folder above
 *          the file, no digest, no network. The same bytes and name give the same answer (or the error of a time limit).
 * Reads:   Python source (tree-sitter), notebooks, Dockerfiles, compose files, requirements (pip's and conda's) and shell
 *          launchers; data sets (csv, tsv, json, jsonl, npy, parquet, png, jpeg): their format, rows and columns. Archives
 *          (zip, npz, tar, tar.gz, tar.bz2, tar.xz, tar.zst): a data set, or a bundle when there is a program in it.
 * Bounds:  size, parse time and memory, number of facts and of evidence lines (struct analysis_limits). Nothing recurses on input.
 * Owner:   every pointer in `struct analysis` is static or in the caller's arena; it lives as long as the arena.
 * Thread:  any; calls share nothing.
 * Errors:  ERR_INVALID: empty, not text, or a format without a reader (the message lists the readable ones).
 *          ERR_TOO_LARGE: over `source_size_max` or `file_size_max`, or a syntax tree over `parse_memory_max`.
 *          ERR_TIMEOUT: more processor time than `parse_time_max_ms`, or for several files `together_time_max_ms`.
 *          ERR_NOMEM: the arena is full (16 MiB always suffice).
 * Source:  enumerations have the numbers and words of core/event/kinds.h, which stored events use (a test compares). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_ANALYSIS_H
#define CORE_ANALYSIS_ANALYSIS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/software.h"
#include "core/base/work.h"

/* Raised whenever the same file may get another answer; `analysis.completed` carries it. */
#define ANALYSIS_VERSION 7

#define ANALYSIS_KINDS(V)                                                                          \
    V(1, ANALYSIS_KIND_PYTHON, "python")                                                           \
    V(2, ANALYSIS_KIND_NOTEBOOK, "notebook")                                                       \
    V(3, ANALYSIS_KIND_DOCKERFILE, "dockerfile")                                                   \
    V(4, ANALYSIS_KIND_COMPOSE, "compose")                                                         \
    V(5, ANALYSIS_KIND_REQUIREMENTS, "requirements")                                               \
    V(6, ANALYSIS_KIND_SHELL, "shell")                                                             \
    V(7, ANALYSIS_KIND_DATASET, "dataset")                                                         \
    V(8, ANALYSIS_KIND_BUNDLE, "bundle")                                                           \
    V(9, ANALYSIS_KIND_UNKNOWN, "unknown")

#define ANALYSIS_FRAMEWORKS(V)                                                                     \
    V(1, ANALYSIS_FRAMEWORK_NONE, "none")                                                          \
    V(2, ANALYSIS_FRAMEWORK_PYTORCH, "pytorch")                                                    \
    V(3, ANALYSIS_FRAMEWORK_TENSORFLOW, "tensorflow")                                              \
    V(4, ANALYSIS_FRAMEWORK_KERAS, "keras")                                                        \
    V(5, ANALYSIS_FRAMEWORK_JAX, "jax")                                                            \
    V(6, ANALYSIS_FRAMEWORK_MXNET, "mxnet")                                                        \
    V(7, ANALYSIS_FRAMEWORK_PADDLE, "paddle")                                                      \
    V(8, ANALYSIS_FRAMEWORK_CAFFE, "caffe")                                                        \
    V(9, ANALYSIS_FRAMEWORK_THEANO, "theano")                                                      \
    V(10, ANALYSIS_FRAMEWORK_SKLEARN, "sklearn")                                                   \
    V(11, ANALYSIS_FRAMEWORK_XGBOOST, "xgboost")                                                   \
    V(12, ANALYSIS_FRAMEWORK_RAPIDS, "rapids")                                                     \
    V(13, ANALYSIS_FRAMEWORK_CUPY, "cupy")                                                         \
    V(14, ANALYSIS_FRAMEWORK_NUMBA, "numba")                                                       \
    V(15, ANALYSIS_FRAMEWORK_ONNX, "onnx")                                                         \
    V(16, ANALYSIS_FRAMEWORK_TENSORRT, "tensorrt")                                                 \
    V(17, ANALYSIS_FRAMEWORK_KALDI, "kaldi")

/* In order of precedence: of two types with equal evidence the earlier one is named. */
#define ANALYSIS_JOBS(V)                                                                           \
    V(1, ANALYSIS_JOB_MNIST, "mnist")                                                              \
    V(2, ANALYSIS_JOB_STABLE_DIFFUSION, "stable_diffusion")                                        \
    V(3, ANALYSIS_JOB_VIDEO_GENERATION, "video_generation")                                        \
    V(4, ANALYSIS_JOB_IMAGE_GENERATION, "image_generation")                                        \
    V(5, ANALYSIS_JOB_OBJECT_DETECTION, "object_detection")                                        \
    V(6, ANALYSIS_JOB_SEGMENTATION, "segmentation")                                                \
    V(7, ANALYSIS_JOB_IMAGE_CLASSIFICATION, "image_classification")                                \
    V(8, ANALYSIS_JOB_LLM_TRAINING, "llm_training")                                                \
    V(9, ANALYSIS_JOB_LLM_INFERENCE, "llm_inference")                                              \
    V(10, ANALYSIS_JOB_MULTIMODAL, "multimodal")                                                   \
    V(11, ANALYSIS_JOB_SPEECH, "speech")                                                           \
    V(12, ANALYSIS_JOB_NLP, "nlp")                                                                 \
    V(13, ANALYSIS_JOB_REINFORCEMENT_LEARNING, "reinforcement_learning")                           \
    V(14, ANALYSIS_JOB_GRAPH, "graph")                                                             \
    V(15, ANALYSIS_JOB_RECOMMENDATION, "recommendation")                                           \
    V(16, ANALYSIS_JOB_TIMESERIES, "timeseries")                                                   \
    V(17, ANALYSIS_JOB_TABULAR, "tabular")                                                         \
    V(18, ANALYSIS_JOB_SCIENTIFIC, "scientific")                                                   \
    V(19, ANALYSIS_JOB_DATA_PROCESSING, "data_processing")                                         \
    V(20, ANALYSIS_JOB_CUSTOM, "custom")

/* What the file does with it. `na`: a program that neither trains nor infers. */
#define ANALYSIS_MODES(V)                                                                          \
    V(1, ANALYSIS_MODE_TRAIN, "train")                                                             \
    V(2, ANALYSIS_MODE_PRETRAIN, "pretrain")                                                       \
    V(3, ANALYSIS_MODE_FINETUNE, "finetune")                                                       \
    V(4, ANALYSIS_MODE_INFERENCE, "inference")                                                     \
    V(5, ANALYSIS_MODE_SERVE, "serve")                                                             \
    V(6, ANALYSIS_MODE_PREP, "prep")                                                               \
    V(7, ANALYSIS_MODE_ENV, "env")                                                                 \
    V(8, ANALYSIS_MODE_SERVICE, "service")                                                         \
    V(9, ANALYSIS_MODE_NA, "na")

/* The five names people see first (R1.5). */
#define ANALYSIS_CLASSES(V)                                                                        \
    V(1, ANALYSIS_CLASS_TRAINING, "training")                                                      \
    V(2, ANALYSIS_CLASS_INFERENCE, "inference")                                                    \
    V(3, ANALYSIS_CLASS_IMAGE_GENERATION, "image_generation")                                      \
    V(4, ANALYSIS_CLASS_DATA_PROCESSING, "data_processing")                                        \
    V(5, ANALYSIS_CLASS_CUSTOM, "custom")

#define ANALYSIS_DEVICES(V)                                                                        \
    V(1, ANALYSIS_DEVICE_GPU, "gpu")                                                               \
    V(2, ANALYSIS_DEVICE_CPU, "cpu")

/* Where a parameter's value stands in the file; the first in this order is reported. `assign`: of the module or a class;
 * `local`: in a function. */
#define ANALYSIS_SOURCES(V)                                                                        \
    V(1, ANALYSIS_SOURCE_ARGPARSE, "argparse")                                                     \
    V(2, ANALYSIS_SOURCE_FLAG, "flag")                                                             \
    V(3, ANALYSIS_SOURCE_CLICK, "click")                                                           \
    V(4, ANALYSIS_SOURCE_ASSIGN, "assign")                                                         \
    V(5, ANALYSIS_SOURCE_KWARG, "kwarg")                                                           \
    V(6, ANALYSIS_SOURCE_COMMAND, "command")                                                       \
    V(7, ANALYSIS_SOURCE_YAML, "yaml")                                                             \
    V(8, ANALYSIS_SOURCE_ENV, "env")                                                               \
    V(9, ANALYSIS_SOURCE_LOCAL, "local")                                                           \
    V(10, ANALYSIS_SOURCE_DATA, "data")

/* What a file of a bundle is to the job. */
#define ANALYSIS_ROLES(V)                                                                          \
    V(1, ANALYSIS_ROLE_ENTRY, "entry") /* starts it */                                             \
    V(2, ANALYSIS_ROLE_USED, "used")   /* reached from the entry, or installed for it */           \
    V(3, ANALYSIS_ROLE_DATA, "data")                                                               \
    V(4, ANALYSIS_ROLE_UNUSED, "unused")     /* readable, and nothing leads to it */               \
    V(5, ANALYSIS_ROLE_REJECTED, "rejected") /* `error` says why */

#define ANALYSIS_ENUM_VALUE(number, constant, word) constant = (number),
enum analysis_kind { ANALYSIS_KINDS(ANALYSIS_ENUM_VALUE) };
enum analysis_framework { ANALYSIS_FRAMEWORKS(ANALYSIS_ENUM_VALUE) };
enum analysis_job { ANALYSIS_JOBS(ANALYSIS_ENUM_VALUE) };
enum analysis_mode { ANALYSIS_MODES(ANALYSIS_ENUM_VALUE) };
enum analysis_class { ANALYSIS_CLASSES(ANALYSIS_ENUM_VALUE) };
enum analysis_device { ANALYSIS_DEVICES(ANALYSIS_ENUM_VALUE) };
enum analysis_source { ANALYSIS_SOURCES(ANALYSIS_ENUM_VALUE) };
enum analysis_role { ANALYSIS_ROLES(ANALYSIS_ENUM_VALUE) };
enum analysis_level { ANALYSIS_LOW = 1, ANALYSIS_MEDIUM, ANALYSIS_HIGH };

#define ANALYSIS_FRAMEWORK_COUNT 18 /* numbers are 1 … 17; the mask's bit is 1u << number */
#define ANALYSIS_JOB_COUNT 21

/* One value written literally in the file, under the name we give it everywhere: epochs, batch_size, learning_rate,
 * resolution, max_steps, inference_steps, images, model, gpu, gpu_count, device_ids; of data: format, data (images, tabular, text …), items,
 * size_mib, unpacked_mib, rows, columns, width, height, shape, dtype. */
struct analysis_parameter {
    const char *name;
    const char *value;  /* a JSON number when `is_number`, text otherwise */
    const char *origin; /* the name it has in the file: `--n_epochs`, `EPOCHS` */
    bool is_number;
    enum analysis_source source;
    uint32_t line; /* 1-based */
};

/* Why a claim is made: the words in the file that led to it, and where they stand. */
struct analysis_evidence {
    const char *file;  /* base name; of a file in a bundle its path there */
    uint32_t line;     /* 1-based; 0: the file as a whole */
    const char *words; /* valid UTF-8, at most 120 bytes, "" when line is 0 */
    const char *claim; /* "framework pytorch", "job type mnist", "parameter epochs = 5" */
};

/* What a machine must have, as far as the file shows it. Every figure is above zero but `gpus`, which is 0 for a job
 * that uses no GPU. With gpus 0, `vram_mib` and `tflops_milli` are no demand on a GPU: vram_mib is the 256 MiB that
 * any GPU has to spare, and tflops_milli the FP32 speed of the one reference CPU core that the estimate is for. */
struct analysis_requirements {
    enum analysis_device device;
    uint32_t gpus;
    uint64_t vram_mib;     /* on each GPU */
    uint64_t tflops_milli; /* FP32, thousandths of a TFLOPS */
    uint64_t ram_mib;
    uint64_t storage_mib;
    uint32_t compute_capability; /* major × 10 + minor: 70 is 7.0; 0: any */
    uint32_t cuda;               /* that its environment names, likewise; 0: none */
    uint64_t driver;   /* the oldest that runs it, as core/base/driver_version.h has it; 0: any */
    uint64_t packages; /* that it cannot start without: a mask of core/base/software.h */
    const char *
        model; /* that it loads by name, in good spelling (software_model_name_is_good); NULL: none */
    const char *
        image; /* that it is built on, as software_image_name spells it; NULL: none, or none that can be said */
};

/* How long it takes on the reference: an RTX 3090 when the device is gpu, one core of 2020s server CPU (50 GFLOPS FP32)
 * when it is cpu. Half of such jobs are expected to end within p50, nine of ten within p90. */
struct analysis_estimate {
    uint64_t p50_ms;
    uint64_t p90_ms;   /* ≥ p50_ms */
    const char *basis; /* one sentence: where the numbers come from */
    enum analysis_level level;
};

/* One file of a bundle. */
struct analysis_file {
    const char *path; /* in the bundle */
    enum analysis_kind kind;
    enum analysis_role role;
    uint64_t size;
    const char *
        error; /* of a REJECTED one: what was wrong with it and what would be accepted; NULL otherwise */
};
#define ANALYSIS_FILES_MAX 64 /* listed of a bundle; `file_count_all` counts on */

/* An argument or variable that its program asks for, and that would be one of the parameters. */
struct analysis_setting {
    const char *parameter; /* "epochs" */
    const char *as;        /* "--n-epochs", "EPOCHS" */
    bool is_variable;      /* of the environment; else an argument */
    const char *file;
    uint32_t line;
};
#define ANALYSIS_SETTINGS_MAX 32

/* A variable of the environment that its program reads, whatever for: a token, where data lie. */
struct analysis_variable {
    const char *name;
    bool is_needed; /* read without a default: os.environ["HF_TOKEN"] fails where there is none */
    const char *file;
    uint32_t line;
};
#define ANALYSIS_VARIABLES_MAX 32

struct analysis {
    enum analysis_kind kind;
    uint32_t frameworks; /* mask of 1u << framework; 0 when the file uses none */
    enum analysis_framework primary;
    enum analysis_job job;
    enum analysis_mode mode;
    uint32_t confidence_permille; /* that `primary` and `job` are both right */
    bool syntax_errors;           /* the source does not parse whole; what could be read was used */
    bool cut;                     /* a bound on facts was met; what stands beyond it was not used */
    struct analysis_requirements requirements;
    struct analysis_estimate estimate;
    struct work work;
    const struct analysis_parameter *parameters;
    size_t parameter_count;
    const struct analysis_setting *settings;
    size_t setting_count;
    const struct analysis_variable *variables;
    size_t variable_count;
    const struct analysis_evidence *evidence; /* in order of line within each claim */
    size_t evidence_count;
    const char *entry; /* of a bundle the path of the file that starts the job; NULL otherwise */
    const struct analysis_file *files; /* of a bundle: code, environments and what was rejected */
    size_t file_count;
    uint64_t file_count_all; /* with what is only carried along */
};

struct analysis_limits {
    size_t source_size_max; /* of code: a file of it, or all cells of a notebook */
    size_t file_size_max;   /* of a notebook, whose outputs are skipped */
    size_t
        parse_memory_max; /* bytes of the syntax tree; ordinary source takes about 25 times its size */
    uint32_t parse_time_max_ms;    /* processor time of one file */
    uint32_t together_time_max_ms; /* … of all files of an archive or bundle */
    size_t bundle_size_max;        /* bytes of code in a bundle */
    uint32_t archive_entries_max;  /* files and folders; of a zip also those in zips in it */
    uint64_t archive_total_max;    /* bytes of all its files, unpacked */
    uint32_t archive_ratio_max;    /* those to the archive's own bytes; from 16 MiB on */
    uint64_t
        archive_walk_max; /* bytes of a compressed tar that are unpacked to look at; what follows is a sample's rest */
};
#define ANALYSIS_SOURCE_SIZE_MAX ((size_t)4 * 1024 * 1024)
#define ANALYSIS_FILE_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define ANALYSIS_PARSE_MEMORY_MAX ((size_t)384 * 1024 * 1024)
/* Taking down what was built comes on top, a third of it: a second in all. */
#define ANALYSIS_PARSE_TIME_MAX_MS 750
#define ANALYSIS_TOGETHER_TIME_MAX_MS 5000
#define ANALYSIS_BUNDLE_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define ANALYSIS_ARCHIVE_ENTRIES_MAX 200000
#define ANALYSIS_ARCHIVE_TOTAL_MAX ((uint64_t)128 << 30)
#define ANALYSIS_ARCHIVE_RATIO_MAX 200
#define ANALYSIS_ARCHIVE_WALK_MAX ((uint64_t)64 << 20)
#define ANALYSIS_LIMITS                                                                            \
    {                                                                                              \
        .source_size_max = ANALYSIS_SOURCE_SIZE_MAX, .file_size_max = ANALYSIS_FILE_SIZE_MAX,      \
        .parse_memory_max = ANALYSIS_PARSE_MEMORY_MAX,                                             \
        .parse_time_max_ms = ANALYSIS_PARSE_TIME_MAX_MS,                                           \
        .together_time_max_ms = ANALYSIS_TOGETHER_TIME_MAX_MS,                                     \
        .bundle_size_max = ANALYSIS_BUNDLE_SIZE_MAX,                                               \
        .archive_entries_max = ANALYSIS_ARCHIVE_ENTRIES_MAX,                                       \
        .archive_total_max = ANALYSIS_ARCHIVE_TOTAL_MAX,                                           \
        .archive_ratio_max = ANALYSIS_ARCHIVE_RATIO_MAX,                                           \
        .archive_walk_max = ANALYSIS_ARCHIVE_WALK_MAX                                              \
    }

/* Several files that are one job. */
struct analysis_input {
    const char *path; /* relative, folders with '/' */
    uint64_t size;
    struct bytes content; /* all of it; none when it is read by `read` */
};
struct analysis_files {
    const struct analysis_input *inputs;
    size_t count;
    const char
        *entry; /* the path of the file that starts the job; NULL: by the rules of bundle.h */
    bool
        loose; /* picked one by one: a file that nobody reads is rejected. Otherwise a folder: it is carried along */
    /* The first `size` bytes of an input. False: it cannot be read. */
    bool (*read)(void *user, size_t index, uint8_t *ret, size_t size);
    void *user;
};

/* `base_name`: the file's name; only what follows its last '/' is looked at. `ret` changes only on success. */
MUST_CHECK enum err_code analysis_run(struct bytes content, const char *base_name,
                                      struct arena *arena, struct analysis *ret, struct err *err);
/* The same with other limits than the defaults. */
MUST_CHECK enum err_code analysis_run_limited(struct bytes content, const char *base_name,
                                              const struct analysis_limits *limits,
                                              struct arena *arena, struct analysis *ret,
                                              struct err *err);

/* A file that cannot be read is listed with its reason and the others go on. Errors also: ERR_INVALID when no file is left, or none or
 * several could be the entry. */
MUST_CHECK enum err_code analysis_run_files(const struct analysis_files *files,
                                            const struct analysis_limits *limits,
                                            struct arena *arena, struct analysis *ret,
                                            struct err *err);
/* An archive with the path of the file in it that starts the job; NULL: by the rules. Of another file `entry` is an error. */
MUST_CHECK enum err_code analysis_run_entry(struct bytes content, const char *base_name,
                                            const char *entry, const struct analysis_limits *limits,
                                            struct arena *arena, struct analysis *ret,
                                            struct err *err);

/* "Python source (.py)": what analysis_run reads, for messages. */
const char *analysis_supported_formats(void);

/* A better time than its default, of who knows the benchmarks. `basis` is kept in the arena; "" when that is full. */
void analysis_retime(struct analysis *analysis, uint64_t p50_ms, uint64_t p90_ms,
                     enum analysis_level level, struct bytes basis, struct arena *arena);

/* What `parameters` say of the amount of work. `base_name` may name a method (train_qlora.py). A value that is no number above zero is
 * as if it were not there. */
struct work analysis_work(enum analysis_job job, enum analysis_mode mode,
                          enum analysis_device device, const char *base_name,
                          const struct analysis_parameter *parameters, size_t count);

/* The parameter that "--n-epochs", "EPOCHS" … spells, and whether its values are numbers; NULL: none. */
const char *analysis_parameter_named(const char *spelled, bool *ret_is_number);

/* Which model of the machine's a value of the parameter `model` means: the one that "org/name" is called on the hub, or the one in whose folder
 * "/models/NAME" or "/models/org/NAME" is. False: none, the value is a folder or file of the job's own, a size ("resnet50") or no name at all. */
bool analysis_model_of(const char *value, char ret[SOFTWARE_MODEL_MAX + 1]);

enum analysis_class analysis_class_of(enum analysis_job job, enum analysis_mode mode);
/* high from 800, medium from 500, low below. */
enum analysis_level analysis_level_of(uint32_t confidence_permille);

/* Wire words; "" for a number the list does not have. */
const char *analysis_kind_word(enum analysis_kind kind);
const char *analysis_framework_word(enum analysis_framework framework);
const char *analysis_job_word(enum analysis_job job);
const char *analysis_mode_word(enum analysis_mode mode);
const char *analysis_class_word(enum analysis_class class_);
const char *analysis_device_word(enum analysis_device device);
const char *analysis_source_word(enum analysis_source source);
const char *analysis_role_word(enum analysis_role role);
const char *analysis_level_word(enum analysis_level level);

/* Append one JSON object, as the API and `tally analyse --json` show it. `path` is its first member when not NULL (it
 * must be valid UTF-8). Errors: ERR_TOO_LARGE when `buf` is full. */
MUST_CHECK enum err_code analysis_json(const struct analysis *analysis, const char *path,
                                       struct buf *buf, struct err *err);

#endif
