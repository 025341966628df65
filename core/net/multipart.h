/* core/net/multipart.h: a push parser for multipart/form-data.
 *
 * Shape:   feed bytes as they come; part_begin, part_data…, part_end for each part, in constant memory. A file of any
 *          size passes through part_data in slices of what was fed.
 * Errors:  ERR_INVALID with what was wrong, ERR_TOO_LARGE for a limit, or what a callback returned: final, every later
 *          call gives it again. multipart_finish must be called: only it can tell that the end is missing.
 * Strict:  lines end in CR LF; each part has Content-Disposition: form-data with a name; nothing but blanks may stand
 *          before the first or behind a boundary. File names are given as sent: never a path to open.
 * Pure:    no I/O, no clock.
 * Source:  RFC 7578, RFC 2046 §5.1; quoted strings as browsers send them (%22 stays as it is). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_MULTIPART_H
#define CORE_NET_MULTIPART_H

#include "core/base/bytes.h"
#include "core/base/err.h"

struct multipart;

/* Borrowed for the call of part_begin. */
struct multipart_part {
    const char *name;         /* UTF-8, never empty */
    const char *file_name;    /* UTF-8; NULL: a plain field */
    const char *content_type; /* NULL: none said */
};

struct multipart_callbacks {
    void *ctx;
    /* Each returns ERR_OK to go on, or an error (and fills `err`) to stop. */
    enum err_code (*part_begin)(void *ctx, const struct multipart_part *part, struct err *err);
    enum err_code (*part_data)(void *ctx, struct bytes data, struct err *err); /* never empty */
    enum err_code (*part_end)(void *ctx, struct err *err);
};

/* Zero means the default in brackets. */
struct multipart_limits {
    size_t part_count_max;       /* [64] */
    size_t part_header_size_max; /* [8 KiB] all header lines of one part */
};

/* `content_type`: the request's header with its boundary, e.g. "multipart/form-data; boundary=x".
 * Errors: ERR_INVALID (another type, no or bad boundary), ERR_NOMEM. */
MUST_CHECK enum err_code multipart_create(const char *content_type,
                                          const struct multipart_limits *limits,
                                          const struct multipart_callbacks *callbacks,
                                          struct multipart **ret_parser, struct err *err);
void multipart_destroy(struct multipart *parser);
MUST_CHECK enum err_code multipart_feed(struct multipart *parser, struct bytes data,
                                        struct err *err);
/* The body is over. ERR_INVALID if the closing boundary has not come, or there was no part. */
MUST_CHECK enum err_code multipart_finish(struct multipart *parser, struct err *err);

#endif
