/* tools/tally/receipt.h: a job's receipt (GET /v1/jobs/{id}/receipt), checked without a server: the checkpoint is signed by the key that record 1
 * names, every record is under it, they are of one job, and the bill follows from terms, quote and end to the last unit. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_RECEIPT_H
#define TOOLS_TALLY_RECEIPT_H

#include "core/base/err.h"
#include "core/log/log_verify.h"
#include "core/market/billing.h"

struct receipt_facts {
    char origin[NOTE_NAME_MAX];
    char key[65]; /* that signed: compare it with one from elsewhere */
    struct checkpoint checkpoint;
    struct id16 job_id;
    const char *ending; /* NULL: the job had not ended */
    uint64_t used_ms;
    int64_t rate;
    int64_t cap;
    struct bill bill;
    bool has_bill; /* escrow.settled is among the records, and is what terms, quote and end give */
    int64_t confirmed; /* of it, on the chain */
    size_t records;
};

/* Errors: ERR_CORRUPT with what does not hold, ERR_INVALID for what is no receipt. */
MUST_CHECK enum err_code receipt_check(struct bytes text, struct receipt_facts *ret,
                                       struct err *err);
/* The whole command `tally verify --receipt FILE`; its exit status. */
int receipt_command(int argc, char **argv);

#endif
