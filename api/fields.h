/* api/fields.h: reading a JSON object strictly: every problem found is told at once, unknown fields are problems.
 *
 *     struct fields fields = fields_of(call);
 *     struct id16 offer_id = fields_id(&fields, "offer_id");
 *     if (!fields_good(&fields)) { return; }          // the problem was sent, the call is gone */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include "api/call.h"

#define FIELDS_MAX 32

struct fields {
    struct call *call;
    json_t *object;
    json_t *errors; /* [{"pointer","detail"}] */
    bool bad;       /* there was an error, whether or not there was memory to list it */
    const char *known[FIELDS_MAX];
    size_t known_count;
    char prefix[64]; /* JSON pointer of `object` within the body */
};

struct fields fields_of(struct call *call);
/* Of an object in the body: an item of its array `name`, or its member. What is wrong with it is told with the rest, and makes the whole bad. */
struct fields fields_within(const struct fields *whole, json_t *object, const char *name,
                            size_t index);
struct fields fields_below(const struct fields *whole, json_t *object, const char *name);
/* Required unless said otherwise; a zero value after an error. */
struct id16 fields_id(struct fields *fields, const char *name);
struct id16 fields_optional_id(struct fields *fields, const char *name);
uint64_t fields_u64(struct fields *fields, const char *name, uint64_t min, uint64_t max);
uint64_t fields_optional_u64(struct fields *fields, const char *name, uint64_t min, uint64_t max,
                             uint64_t otherwise);
bool fields_optional_bool(struct fields *fields, const char *name); /* false if absent */
int64_t fields_amount(struct fields *fields, const char *name, int64_t min);
/* UTF-8 of min to max bytes; borrowed from the body. */
struct bytes fields_text(struct fields *fields, const char *name, size_t min, size_t max);
struct bytes fields_optional_text(struct fields *fields, const char *name, size_t max);
struct key32 fields_identity(struct fields *fields, const char *name);
/* Exactly `size` bytes as hex. */
void fields_hex(struct fields *fields, const char *name, uint8_t *ret, size_t size);
/* One of the words; the number. */
uint32_t fields_word(struct fields *fields, const char *name, const struct enum_words *words);
/* NULL if absent or not of that type (an error then). */
json_t *fields_array(struct fields *fields, const char *name);
json_t *fields_optional_array(struct fields *fields, const char *name);
json_t *fields_optional_object(struct fields *fields, const char *name);
/* `name` may be a JSON pointer below `object`; a part of it that comes from outside is escaped first. */
void fields_error(struct fields *fields, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* As one part of a JSON pointer (RFC 6901): '~' and '/' are escaped; a long name is cut. */
void fields_escape(const char *name, char *ret, size_t ret_size);
/* Unknown fields of a nested object are problems too; fields_good does it for the body. */
void fields_only_known(struct fields *fields);
MUST_CHECK bool fields_good(struct fields *fields);

#endif
