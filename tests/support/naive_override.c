/* When an analysis may be overridden: by the upload's owner, with figures that can be. Every machine here meets the requirements. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include <stdio.h>

bool naive_override(struct naive_ledger *n, const struct command *c)
{
    const struct ev_analysis_overridden *said = &c->u.override.override;
    bool has_gpus = said->gpus > 0;
    for (size_t i = 0; i < n->upload_count; i++) {
        struct naive_upload *upload = &n->uploads[i];
        if (!id_equal(upload->id, c->u.override.upload_id)) {
            continue;
        }
        if (c->actor_kind != ACTOR_ACCOUNT || !id_equal(c->actor_id, upload->account_id) ||
            upload->p90_ms == 0 || upload->erased || said->reference_p50_ms == 0 ||
            said->ram_mib == 0 || said->reference_p50_ms > said->reference_p90_ms ||
            has_gpus != (said->device == DEVICE_GPU)) {
            return false;
        }
        upload->p90_ms = said->reference_p90_ms;
        (void)snprintf(upload->packages, sizeof upload->packages, "%.*s", (int)said->packages.size,
                       (const char *)said->packages.data);
        upload->changes++;
        return true;
    }
    return false;
}
