// SPDX-License-Identifier: Apache-2.0
#include "api/new_token.h"

#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"

#include <string.h>

static const char *const WORDS[] = {"consumer", "provider", "worker",
                                    "operator", "auditor",  "enrol"};
#define WORD_COUNT (sizeof WORDS / sizeof *WORDS)

void new_token(char ret_text[TOKEN_TEXT_SIZE], struct ev_token_issued *ret_issued, uint64_t scopes,
               int64_t expires_at)
{
    uint8_t secret[TOKEN_BYTES];
    rng_bytes(secret, sizeof secret);
    hex_encode(bytes_of(secret, sizeof secret), ret_text);
    *ret_issued = (struct ev_token_issued){
        .token_id = id_new(time_wall_ns()),
        .token_hash = sha256_of(bytes_of_text(ret_text)),
        .scopes = scopes,
        .expires_at = expires_at,
    };
}

json_t *json_of_scopes(uint64_t scopes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if ((scopes >> i & 1) != 0) {
            (void)json_array_append_new(list, json_string(WORDS[i]));
        }
    }
    return list;
}

static void scopes_error(struct fields *fields, const char *name, uint64_t allowed)
{
    struct buf known;
    buf_init(&known, 256);
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if ((allowed >> i & 1) != 0) {
            buf_printf(&known, "%s%s", known.size == 0 ? "" : ", ", WORDS[i]);
        }
    }
    fields_error(fields, name, "holds one or more of: %s", buf_text(&known));
    buf_deinit(&known);
}

uint64_t fields_scopes(struct fields *fields, const char *name, uint64_t allowed)
{
    json_t *list = fields_array(fields, name);
    uint64_t scopes = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        uint64_t bit = 0;
        for (size_t w = 0; word != NULL && w < WORD_COUNT; w++) {
            bit |= strcmp(word, WORDS[w]) == 0 ? UINT64_C(1) << w : 0;
        }
        if ((bit & allowed) == 0) {
            scopes_error(fields, name, allowed);
            return 0;
        }
        scopes |= bit;
    }
    if (list != NULL && scopes == 0) {
        scopes_error(fields, name, allowed);
    }
    return scopes;
}
