/* projections/uploads.h: which files an account has sent, newest first. What they are is in the write model and in their events.
 *
 * Shape:   account (16) ‖ sequence of upload.received or upload.rejected (8) → upload id (16). */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_UPLOADS_H
#define PROJECTIONS_UPLOADS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_UPLOADS;

struct upload_entry {
    uint64_t sequence;
    struct id16 upload_id;
};

/* Up to `max` that came before `before` (0: from the newest), descending. */
size_t uploads_list(struct store *store, struct id16 account_id, uint64_t before,
                    struct upload_entry *ret, size_t max);

#endif
