/* worker/job_order.h: what the server asks a worker to run, read without trust.
 *
 * Shape:   one answer of POST /v1/workers/claim: `job` with its settings, and `terms`.
 * Owner:   job_order_deinit frees it; texts live as long.
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_ORDER_H
#define WORKER_JOB_ORDER_H

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/base/job_rules.h"
#include "core/crypto/box.h"
#include "worker/job_kind.h"
#include "worker/sandbox.h"
#include "worker/scratch.h"

#include <jansson.h>

#define JOB_INPUT_MAX (UINT64_C(4) << 30)

struct job_order {
    json_t *json; /* owns the texts */
    char id[ID_TEXT_SIZE];
    char file_name[SCRATCH_FILE_NAME_SIZE]; /* made harmless */
    enum job_kind kind;
    bool kind_is_known;  /* false: a kind that no worker of this version runs */
    const char *entry;   /* of a bundle; "" if none was named */
    const char *image;   /* of a container, in place of its file's; NULL if none was named */
    const char *results; /* the folder of what it leaves, in the job's folder */
    uint64_t input_size;
    struct key32 input_digest; /* SHA-256 */
    bool network;              /* it asks for one */
    uint64_t limit_ms;
    uint64_t heartbeat_ms;
    uint64_t lease_ms;
    size_t batch_max;
    size_t argument_count;
    const char *arguments[JOB_ARGUMENTS_MAX];
    size_t environment_count;
    struct sandbox_variable environment[SANDBOX_ENVIRONMENT_MAX];
    struct buf
        opened; /* the values that came sealed, each with a zero behind it; wiped with the order */
};

/* Takes its own reference to `claim`. Errors: ERR_INVALID, ERR_TOO_LARGE; nothing to deinit then. `ret->id` is then the job's if it could be
 * read, "" if not, and the rest of `ret` is zero but for lease_ms: enough to tell the server that the job cannot be run here. */
MUST_CHECK enum err_code job_order_read(json_t *claim, struct job_order *ret, struct err *err);
void job_order_deinit(struct job_order *order);
/* Open what the consumer sealed to the provider's machines (settings.sealed) and add it to the environment. Once. `key` NULL: the machine has none.
 * ERR_DENIED: to another key; ERR_INVALID. The order is good for nothing but its id then. */
MUST_CHECK enum err_code job_order_unseal(struct job_order *order, const struct box_key *key,
                                          struct err *err);

/* "/usr/bin/python3 -u /job/<file> arguments…", or for a bundle or notebook "… -u /tally/run.py bundle /job/<file> --entry <entry> --
 * arguments…", into `ret`, NULL-terminated; texts are borrowed from `order` and
 * `program_path` (of SCRATCH_FILE_NAME_SIZE + 5 bytes). */
void job_order_command(const struct job_order *order, char *program_path,
                       const char *ret[SANDBOX_COMMAND_MAX]);

#endif
