/* What a machine must have for a job, said once more: word by word, from the lists as they were sent. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"
#include "core/market/stock.h"
#include "tests/support/naive_ledger.h"

#include <stdio.h>
#include <string.h>

static void copy(struct bytes text, char ret[NAIVE_LIST_SIZE])
{
    (void)snprintf(ret, NAIVE_LIST_SIZE, "%.*s", (int)text.size, (const char *)text.data);
}

void naive_analysed(struct naive_upload *upload, const struct ev_analysis_completed *analysis)
{
    upload->p90_ms = analysis->reference_p90_ms;
    upload->kind = analysis->kind;
    upload->changes++;
    copy(analysis->packages, upload->packages);
}

void naive_published(struct naive_offer *offer, const struct naive_host *host,
                     const struct ev_offer_published *said)
{
    offer->host_id = host->id;
    offer->account_id = host->account_id;
    offer->rate = said->rate;
    offer->network = said->network_allowed;
    offer->speed_permille = said->speed_permille;
    copy(said->packages, offer->packages);
    copy(said->models, offer->models);
}

i128 naive_p90(const struct naive_upload *upload, const struct naive_offer *offer)
{
    i128 speed = (int64_t)offer->speed_permille;
    return ((i128)upload->p90_ms * 1000 + speed - 1) / speed;
}

/* The list's words, each with what ends it: "python=3 torch=2 " has " torch=" and " torch " in it or not. */
static bool has_word(const char *list, const char *word, size_t size)
{
    char text[NAIVE_LIST_SIZE + 2];
    char with_version[NAIVE_LIST_SIZE];
    char alone[NAIVE_LIST_SIZE];
    (void)snprintf(text, sizeof text, " %s ", list);
    (void)snprintf(with_version, sizeof with_version, " %.*s=", (int)size, word);
    (void)snprintf(alone, sizeof alone, " %.*s ", (int)size, word);
    return strstr(text, with_version) != NULL || strstr(text, alone) != NULL;
}

bool naive_has_item(const struct naive_offer *offer, struct id16 item)
{
    bool has = id_is_zero(item);
    for (const char *at = offer->models; *at != 0;) {
        size_t const size = strcspn(at, " ");
        has = has || id_equal(stock_item(STOCK_MODEL, bytes_of(at, size)), item);
        at += size + (at[size] == ' ' ? 1 : 0);
    }
    return has;
}

bool naive_fits(const struct naive_offer *offer, const char *packages, struct id16 item)
{
    bool fits = naive_has_item(offer, item);
    for (const char *at = packages; *at != 0;) {
        size_t const size = strcspn(at, " ");
        fits = fits && (offer->packages[0] == 0 || has_word(offer->packages, at, size));
        at += size + (at[size] == ' ' ? 1 : 0);
    }
    return fits;
}

bool naive_host_fits(const struct naive_ledger *n, struct id16 host_id, const struct naive_job *job)
{
    const char *packages = n->quotes[job->quote].packages;
    bool fits = packages[0] == 0 && id_is_zero(job->item);
    bool sells = false;
    for (size_t i = 0; i < n->offer_count; i++) {
        const struct naive_offer *offer = &n->offers[i];
        bool const is_its = id_equal(offer->host_id, host_id) && !offer->withdrawn;
        sells = sells || is_its;
        fits = fits || (is_its && naive_fits(offer, packages, job->item));
    }
    return fits || (!sells && id_equal(job->host_id, host_id));
}
