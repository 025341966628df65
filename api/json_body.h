/* api/json_body.h: the JSON that a request came with.
 *
 * Shape:   as json_loadb with JSON_REJECT_DUPLICATES, for texts that are UTF-8. What requests are made of nearly always (objects and lists of texts without
 *          escapes, of whole numbers and of literals) is read here, in a fifth of the time; everything else, and every error, is jansson's.
 * Pure:    no I/O. tests/fuzz/fuzz_json_body.c holds it to jansson. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_BODY_H
#define API_JSON_BODY_H

#include "core/base/bytes.h"

#include <jansson.h>

/* The caller's; NULL: `ret_error` says why. `text` is valid UTF-8. */
json_t *json_body_load(struct bytes text, json_error_t *ret_error);

#endif
