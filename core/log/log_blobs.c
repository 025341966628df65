// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_blobs.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/event/codec.h"

#include <dirent.h>
#include <errno.h>
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

static enum err_code unnamed_in(struct event_log *log, const char *folder, log_blob_cb *found,
                                void *ctx, struct err *err)
{
    enum err_code code = ERR_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return errno == ENOENT ? ERR_OK : err_set_errno(err, errno, "open %s", folder);
    }
    struct dirent *entry = NULL;
    /* Only one thread has this stream. */
    while (code == ERR_OK && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        struct key32 digest;
        bool is_named = true;
        struct bytes const name = bytes_of_text(entry->d_name);
        if (name.size != 2 * sizeof digest.b ||
            hex_decode(name, digest.b, sizeof digest.b, NULL) != ERR_OK) {
            continue; /* not a blob's */
        }
        code = log_is_named(log, digest, &is_named, err);
        if (code == ERR_OK && !is_named) {
            found(ctx, digest);
        }
    }
    (void)closedir(dir);
    return code;
}

enum err_code log_unnamed_blobs(struct event_log *log, const char *store, log_blob_cb *found,
                                void *ctx, struct err *err)
{
    char folder[PATH_MAX];
    enum err_code code = ERR_OK;
    for (unsigned first = 0; first < 256 && code == ERR_OK; first++) {
        int size = snprintf(folder, sizeof folder, "%s/%02x", store, first);
        INVARIANT(size > 0 && size < PATH_MAX);
        code = unnamed_in(log, folder, found, ctx, err);
    }
    return code;
}
