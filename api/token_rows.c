// SPDX-License-Identifier: Apache-2.0
#include "api/token_rows.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    struct key32 hash;
    uint64_t changes; /* 0: an empty slot */
    struct token_row row;
};

struct token_rows {
    struct slot slots[TOKEN_ROWS_MAX];
};

struct token_rows *token_rows_create(void)
{
    return calloc(1, sizeof(struct token_rows));
}

void token_rows_destroy(struct token_rows *rows)
{
    free(rows);
}

static enum err_code read_row(struct views *views, struct key32 hash, struct token_row *ret,
                              struct err *err)
{
    struct views_snapshot *snapshot;
    enum err_code code = views_snapshot_open(views, &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    bool found = state_token(views_snapshot_store(snapshot), hash, ret);
    code = store_check(views_snapshot_store(snapshot), err);
    views_snapshot_close(snapshot);
    return code == ERR_OK && !found ? err_set(err, ERR_NOT_FOUND, "there is no such token") : code;
}

enum err_code token_rows_get(struct token_rows *rows, struct views *views, struct key32 hash,
                             struct token_row *ret, struct err *err)
{
    uint32_t first;
    memcpy(&first, hash.b, sizeof first);
    struct slot *slot = &rows->slots[first % TOKEN_ROWS_MAX];
    uint64_t changes = views_changes(views);
    if (changes != 0 && slot->changes == changes && key_equal(slot->hash, hash)) {
        *ret = slot->row;
        return ERR_OK;
    }
    enum err_code code = read_row(views, hash, ret, err);
    if (code == ERR_OK && views_changes(views) == changes) {
        *slot = (struct slot){.hash = hash, .changes = changes, .row = *ret};
    }
    return code;
}
