/* api/storage_limit.h: what an account holds in files, and may (core/market/storage.h, --account-storage-mib). */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_STORAGE_LIMIT_H
#define API_STORAGE_LIMIT_H

#include "api/call.h"

/* Bytes; 0: no limit. */
uint64_t storage_limit(const struct api *api);
/* Before anything of a file of `size` bytes is received; 0: not known yet. False: the problem was sent, and `reading` is closed. What is decided with the
 * command is what counts: others may be on their way. */
MUST_CHECK bool storage_has_room(struct reading *reading, uint64_t size);
json_t *json_of_storage(struct reading *reading, struct id16 account_id);

#endif
