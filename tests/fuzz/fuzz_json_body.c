/* Any text as a request's body: it is read as jansson reads it, or refused with jansson's own words. */
// SPDX-License-Identifier: Apache-2.0
#include "api/json_body.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t ours_error = {0};
    json_error_t error = {0};
    struct bytes text = bytes_of(data, size);
    if (size == 0 || !utf8_is_valid(text)) {
        return 0;
    }
    json_t *ours = json_body_load(text, &ours_error);
    json_t *theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error);
    INVARIANT((ours == NULL) == (theirs == NULL));
    INVARIANT(ours == NULL ? strcmp(ours_error.text, error.text) == 0 : json_equal(ours, theirs));
    json_decref(ours);
    json_decref(theirs);
    return 0;
}
