// SPDX-License-Identifier: Apache-2.0
#include "projections/matchmaking.h"

#include "core/crypto/sha256.h"
#include "core/market/stock.h"
#include "projections/marketplace.h"

#include <stdlib.h>

static bool has_item(struct store *store, const struct candidate *candidate,
                     const struct requirements *needs)
{
    return needs->item_kind != 0 && stock_may_have(&candidate->offer, needs->item) &&
           stock_has(store, candidate->offer_id, needs->item);
}

enum err_code matchmaking_create(struct store *store, const struct upload_row *upload,
                                 const struct requirements *needs, int64_t now,
                                 struct matchmaking *ret, struct err *err)
{
    struct candidate *candidates = NULL;
    size_t count = 0;
    enum err_code code = marketplace_candidates(store, &candidates, &count, err);
    if (code == ERR_OK) {
        struct estimate_times times;
        estimate_load(store, upload, &times);
        for (size_t i = 0; i < count; i++) {
            struct estimate_time time = estimate_on(&times, &candidates[i].offer);
            candidates[i].p50_ms = time.p50_ms;
            candidates[i].p90_ms = time.p90_ms;
            candidates[i].has_item = has_item(store, &candidates[i], needs) ? 1 : 0;
        }
        ret->needs = *needs;
        code = ranking_create(&ret->needs, candidates, count, now, &ret->ranking, err);
    }
    if (code != ERR_OK) {
        free(candidates);
        return code;
    }
    ret->candidates = candidates;
    return ERR_OK;
}

void matchmaking_destroy(struct matchmaking *matchmaking)
{
    ranking_destroy(&matchmaking->ranking);
    free(matchmaking->candidates);
    *matchmaking = (struct matchmaking){0};
}

enum err_code matchmaking_digest(const struct ranking *ranking, struct key32 *ret, struct err *err)
{
    enum { ROWS = 64 };
    uint8_t rows[ROWS * RANKING_ROW_SIZE];
    struct sha256 *hash = sha256_create();
    if (hash == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to hash");
    }
    size_t held = 0;
    for (size_t i = 0; i < ranking->count; i++) {
        ranking_row(ranking, i, rows + held++ * RANKING_ROW_SIZE);
        if (held == ROWS || i + 1 == ranking->count) {
            sha256_update(hash, bytes_of(rows, held * RANKING_ROW_SIZE));
            held = 0;
        }
    }
    *ret = sha256_final(hash);
    sha256_destroy(hash);
    return ERR_OK;
}
