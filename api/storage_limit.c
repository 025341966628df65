// SPDX-License-Identifier: Apache-2.0
#include "api/storage_limit.h"

#include "core/market/storage.h"

#include <inttypes.h>

uint64_t storage_limit(const struct api *api)
{
    return (uint64_t)api->options.account_storage_mib << 20;
}

bool storage_has_room(struct reading *reading, uint64_t size)
{
    struct call *call = reading->call;
    uint64_t const max = storage_limit(call->api);
    uint64_t const held =
        state_storage(reading->store, STREAM_ACCOUNT, call->principal.account_id).bytes;
    if (max == 0 || (held < max && size <= max - held)) {
        return true;
    }
    reading_close(reading);
    call_problem(call, 409, "storage_full",
                 "your uploads and results hold %" PRIu64 " of at most %" PRIu64
                 " bytes, and this needs %" PRIu64
                 " more: delete uploads, or the data of jobs that have ended",
                 held, max, size == 0 ? 1 : size);
    return false;
}

json_t *json_of_storage(struct reading *reading, struct id16 account_id)
{
    uint64_t const max = storage_limit(reading->api);
    return json_pack("{s:o,s:o}", "used",
                     json_of_u64(state_storage(reading->store, STREAM_ACCOUNT, account_id).bytes),
                     "limit", max == 0 ? json_null() : json_of_u64(max));
}
