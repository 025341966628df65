// SPDX-License-Identifier: Apache-2.0
#include "api/encoding.h"

#include "core/base/text.h"
#include "core/crypto/sha256.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define LEVEL 1 /* three quarters of what the best gives, in a fifth of the time */
#define GZIP_WINDOW (15 + 16)
#define TAG_BYTES 16
#define PIECE 16384

void encoding_tag(struct bytes body, char ret[ENCODING_TAG_SIZE])
{
    struct key32 digest = sha256_of(body);
    char hex[2 * TAG_BYTES + 1];
    hex_encode(bytes_of(digest.b, TAG_BYTES), hex);
    (void)snprintf(ret, ENCODING_TAG_SIZE, "W/\"%s\"", hex);
}

bool encoding_tag_matches(const char *if_none_match, const char *tag)
{
    if (if_none_match == NULL) {
        return false;
    }
    if (strcmp(if_none_match, "*") == 0) {
        return true;
    }
    const char *opaque = strchr(tag, '"'); /* the comparison is weak: "x" is as good as W/"x" */
    size_t size = strlen(opaque);
    for (const char *at = strstr(if_none_match, opaque); at != NULL; at = strstr(at + 1, opaque)) {
        char behind = at[size];
        if (behind == '\0' || behind == ',' || behind == ' ' || behind == '\t') {
            return true;
        }
    }
    return false;
}

/* `q=0`, `q=0.0` … : not wanted. */
static bool is_refused(const char *params, size_t size)
{
    const char *q = memmem(params, size, "q=", 2);
    if (q == NULL) {
        return false;
    }
    size_t digits = strspn(q + 2, "0.");
    return q[2] == '0' && strspn(q + 2 + digits, "123456789") == 0;
}

bool encoding_takes_gzip(const char *accept_encoding)
{
    const char *at = accept_encoding;
    while (at != NULL && *at != '\0') {
        at += strspn(at, " \t,");
        size_t size = strcspn(at, ",");
        size_t name = strcspn(at, ",; \t");
        if (name == 4 && strncasecmp(at, "gzip", 4) == 0) {
            return !is_refused(at + name, size - name);
        }
        at += size;
    }
    return false;
}

bool encoding_gzip(struct bytes body, struct buf *ret)
{
    unsigned char piece[PIECE];
    z_stream stream = {0};
    int rc = deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK) {
        return false;
    }
    union { /* zlib's input is not const, and is not written to */
        const uint8_t *in;
        Bytef *out;
    } input = {.in = body.data};
    stream.next_in = input.out;
    stream.avail_in = (uInt)body.size;
    do {
        stream.next_out = piece;
        stream.avail_out = sizeof piece;
        rc = deflate(&stream, Z_FINISH);
        buf_append(ret, piece, sizeof piece - stream.avail_out);
    } while (rc == Z_OK && !ret->failed);
    (void)deflateEnd(&stream);
    return rc == Z_STREAM_END && !ret->failed && ret->size < body.size - body.size / 10;
}
