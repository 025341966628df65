// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_blobs.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/event/codec.h"

#include <stdio.h>

enum err_code log_named_blob(struct log_reader *reader, uint64_t sequence, struct arena *arena,
                             struct key32 *ret, struct err *err)
{
    struct bytes record;
    struct bytes part;
    struct record_header header;
    *ret = (struct key32){0};
    enum err_code code = log_reader_record(reader, sequence, &record, err);
    if (code == ERR_OK) {
        code = record_header_decode(record, &header, err);
    }
    if (code != ERR_OK || !log_type_names_blob(header.type) ||
        !log_reader_private(reader, sequence, &part)) {
        return code;
    }
    return log_blob_of(record, part, arena, ret, err);
}

void blob_place(const char *store, struct key32 digest, char ret_folder[PATH_MAX],
                char ret_path[PATH_MAX])
{
    char hex[2 * sizeof digest.b + 1];
    hex_encode(bytes_of(digest.b, sizeof digest.b), hex);
    int size = snprintf(ret_folder, PATH_MAX, "%s/%.2s", store, hex);
    INVARIANT(size > 0 && size < PATH_MAX);
    size = snprintf(ret_path, PATH_MAX, "%s/%.2s/%s", store, hex, hex);
    INVARIANT(size > 0 && size < PATH_MAX);
}
