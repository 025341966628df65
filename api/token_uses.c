// SPDX-License-Identifier: Apache-2.0
#include "api/token_uses.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8 /* slots that a token may be in */

struct use {
    struct id16 token_id;
    int64_t at; /* 0: a free slot */
};

struct token_uses {
    struct use slots[TOKEN_USES_MAX];
};

struct token_uses *token_uses_create(void)
{
    return calloc(1, sizeof(struct token_uses));
}

void token_uses_destroy(struct token_uses *uses)
{
    free(uses);
}

/* The ways of a token begin here: ids end in random bytes. */
static size_t first_of(struct id16 token_id)
{
    uint32_t random;
    memcpy(&random, token_id.b + 12, sizeof random);
    return random % (TOKEN_USES_MAX / WAYS) * WAYS;
}

void token_uses_note(struct token_uses *uses, struct id16 token_id, int64_t now)
{
    struct use *slots = &uses->slots[first_of(token_id)];
    struct use *chosen = slots;
    for (size_t i = 0; i < WAYS; i++) {
        if (id_equal(slots[i].token_id, token_id)) {
            chosen = &slots[i];
            break;
        }
        chosen = slots[i].at < chosen->at ? &slots[i] : chosen;
    }
    *chosen = (struct use){.token_id = token_id, .at = now};
}

int64_t token_uses_last(const struct token_uses *uses, struct id16 token_id)
{
    const struct use *slots = &uses->slots[first_of(token_id)];
    for (size_t i = 0; i < WAYS; i++) {
        if (id_equal(slots[i].token_id, token_id)) {
            return slots[i].at;
        }
    }
    return 0;
}
