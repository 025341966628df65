/* Any bytes as the headers that choose an answer's form and what is written over: one tag is found where it is and nowhere else, and what was compressed is
 * smaller. */
// SPDX-License-Identifier: Apache-2.0
#include "api/encoding.h"
#include "api/if_match.h"
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char tag[ENCODING_TAG_SIZE];
    char strong[ENCODING_TAG_SIZE];
    struct buf packed;
    char *text = malloc(size + ENCODING_TAG_SIZE + 2);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    encoding_tag(bytes_of(data, size), tag);
    INVARIANT(!encoding_tag_matches(text, tag) || strcmp(text, "*") == 0);
    (void)encoding_takes_gzip(text);
    INVARIANT(!encoding_takes_gzip(NULL));
    size_t end = strlen(text);
    text[end] = ',';
    memcpy(text + end + 1, tag, sizeof tag);
    INVARIANT(encoding_tag_matches(text, tag));
    text[end] = '\0';
    if_match_tag(UINT64_MAX, bytes_of(data, size), strong);
    INVARIANT(!if_match_names(text, strong) || strstr(text, "\"18446744073709551615") != NULL);
    text[end] = ',';
    memcpy(text + end + 1, strong, strlen(strong) + 1);
    INVARIANT(if_match_names(text, strong));
    buf_init(&packed, ENCODING_GZIP_MAX);
    if (size > 0 && encoding_gzip(bytes_of(data, size), &packed)) {
        INVARIANT(packed.size < size);
    }
    buf_deinit(&packed);
    free(text);
    return 0;
}
