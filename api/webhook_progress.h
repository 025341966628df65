/* api/webhook_progress.h: how far a webhook's deliveries have come, kept in <data>/webhooks/<id> beside the log (docs/decisions/0022).
 *
 * Shape:   one JSON object, written whole and synced. It may be behind what was delivered, never ahead: after a crash some is delivered again.
 *          Without the file a webhook begins again where it was made to begin.
 * Time:    wall time in nanoseconds. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBHOOK_PROGRESS_H
#define API_WEBHOOK_PROGRESS_H

#include "core/base/buf.h"
#include "core/base/id.h"

#include <jansson.h>

#define WEBHOOK_ATTEMPTS_MAX 32
#define WEBHOOK_ERROR_MAX 100
#define WEBHOOK_FILE_MAX ((size_t)64 << 10)

enum webhook_attempt_kind { ATTEMPT_DELIVERY = 1, ATTEMPT_RESEND = 2, ATTEMPT_TEST = 3 };

struct webhook_attempt {
    int64_t at;
    enum webhook_attempt_kind kind;
    uint64_t sequence;             /* 0: of a test */
    uint64_t number;               /* 1: the first try of that event */
    uint64_t ms;                   /* how long it took */
    int status;                    /* 0: there was no answer */
    bool good;                     /* it was taken */
    char error[WEBHOOK_ERROR_MAX]; /* "": none */
};

struct webhook_progress {
    uint64_t generation; /* of the log that `cursor` is of */
    uint64_t cursor;     /* up to here everything was taken, or was not for it */
    uint64_t failures;   /* in a row */
    int64_t failing_since;
    uint64_t attempt_count; /* ever; the newest WEBHOOK_ATTEMPTS_MAX are kept */
    struct webhook_attempt attempts[WEBHOOK_ATTEMPTS_MAX]; /* n-th, from 0: at n % MAX */
};

void webhook_progress_add(struct webhook_progress *progress, const struct webhook_attempt *attempt);
json_t *webhook_progress_json(const struct webhook_progress *progress);
/* ERR_NOT_FOUND: there is no file; ERR_CORRUPT: it is none of ours. */
MUST_CHECK enum err_code webhook_progress_load(const char *path, struct webhook_progress *ret,
                                               struct err *err);

/* For answers, with the message's id left to the caller. */
json_t *webhook_attempt_json(const struct webhook_attempt *attempt);

#endif
