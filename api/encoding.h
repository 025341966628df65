/* api/encoding.h: what makes an answer smaller on its way: a tag that says it has not changed, and gzip.
 *
 * Tag:     W/"<32 hex digits>" of the answer's bytes before compression, so that both forms share it: an equal tag means equal content. For GET and HEAD.
 * gzip:    of JSON from ENCODING_GZIP_MIN to ENCODING_GZIP_MAX bytes, if the client takes it and it comes out smaller: less does not pay, more
 *          would hold up the loop. Answers to writes are left alone; a token is never beside what somebody else chose.
 * Source:  RFC 9110 §8.8.3, §12.5.3, §13.1.2; RFC 1952. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_ENCODING_H
#define API_ENCODING_H

#include "core/base/buf.h"
#include "core/net/http_head.h"

#define ENCODING_TAG_SIZE 37
#define ENCODING_GZIP_MIN ((size_t)4 << 10)
#define ENCODING_GZIP_MAX ((size_t)1 << 20)

void encoding_tag(struct bytes body, char ret[ENCODING_TAG_SIZE]);
/* Whether an If-None-Match names the tag, or any. NULL: there is none. */
bool encoding_tag_matches(const char *if_none_match, const char *tag);
/* Whether an Accept-Encoding takes gzip. NULL: there is none. */
bool encoding_takes_gzip(const char *accept_encoding);
/* Append the compressed body. false: it is not smaller by a tenth, or out of memory; `ret` is then of no use. */
bool encoding_gzip(struct bytes body, struct buf *ret);

#endif
