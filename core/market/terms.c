// SPDX-License-Identifier: Apache-2.0
#include "core/market/terms.h"

#include "core/market/billing.h"
#include "core/market/state.h"

/* What each ending pays: the provider for the time used, or nobody. */
static const struct {
    enum ending ending;
    bool provider_paid;
} FAILURE_TERMS[] = {
    {ENDING_COMPLETED, true},         {ENDING_CAP_REACHED, true},
    {ENDING_CANCELLED_RUNNING, true}, {ENDING_CANCELLED_BEFORE_START, false},
    {ENDING_NO_WORKER, false},        {ENDING_WORKER_LOST, false},
    {ENDING_HOST_FAULT, false},       {ENDING_PROGRAM_FAILED, false},
    {ENDING_PLATFORM_FAULT, false},   {ENDING_NEVER_FUNDED, false},
};
#define FAILURE_TERM_COUNT (sizeof FAILURE_TERMS / sizeof *FAILURE_TERMS)

enum err_code terms_default(enum network network, struct arena *arena, struct ev_terms_set *ret,
                            struct err *err)
{
    struct ev_failure_term *items = arena_alloc_array(arena, FAILURE_TERM_COUNT, sizeof *items);
    if (items == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the terms");
    }
    for (size_t i = 0; i < FAILURE_TERM_COUNT; i++) {
        items[i].ending = FAILURE_TERMS[i].ending;
        items[i].provider_paid = FAILURE_TERMS[i].provider_paid;
    }
    *ret = (struct ev_terms_set){
        .fee_bps = 0,
        .margin_bps = 2500,
        .lock_min = 1000,
        .quote_valid_s = 600,
        .lock_wait_s = 900,
        .heartbeat_s = 5,
        .lease_s = 30,
        .start_within_s = 60,
        .queue_max_s = 86400,
        .confirmations = 3,
        .tick_offset = network == NETWORK_LOCAL ? 5 : 10,
        .output_max = 64 << 20,
        .upload_max = 500000000,
        .batch_max = 16384,
        .billing_version = BILLING_VERSION,
        .failure_terms = {.items = items, .count = FAILURE_TERM_COUNT},
    };
    return ERR_OK;
}

/* Each ending, once: one that is left out would pay nobody, one that is said twice could be read both ways. */
static enum err_code check_failure_terms(const struct ev_terms_set *terms, struct err *err)
{
    const struct ev_failure_term *items = terms->failure_terms.items;
    uint64_t named = 0;
    for (size_t i = 0; i < terms->failure_terms.count; i++) {
        const char *word = enum_word(&ending_words, (uint32_t)items[i].ending);
        if (word == NULL) {
            return err_set(err, ERR_INVALID, "terms_invalid: failure_terms names no ending");
        }
        if ((named >> items[i].ending & 1) != 0) {
            return err_set(err, ERR_INVALID, "terms_invalid: failure_terms names %s twice", word);
        }
        named |= UINT64_C(1) << items[i].ending;
    }
    for (uint32_t ending = ENDING_COMPLETED; ending <= ENDING_NEVER_FUNDED; ending++) {
        if ((named >> ending & 1) == 0) {
            return err_set(err, ERR_INVALID, "terms_invalid: failure_terms does not name %s",
                           enum_word(&ending_words, ending));
        }
    }
    return ERR_OK;
}

enum err_code terms_check(const struct ev_terms_set *terms, struct err *err)
{
    const struct {
        const char *name;
        uint64_t value;
        uint64_t min;
        uint64_t max;
    } limits[] = {
        {"fee_bps", terms->fee_bps, 0, 5000},
        {"margin_bps", terms->margin_bps, 0, 100000},
        {"lock_min", (uint64_t)terms->lock_min, 1, (uint64_t)AMOUNT_MAX},
        {"quote_valid_s", terms->quote_valid_s, 10, 86400},
        {"lock_wait_s", terms->lock_wait_s, 10, 86400},
        {"heartbeat_s", terms->heartbeat_s, 1, 60},
        {"lease_s", terms->lease_s, 3, 3600},
        {"start_within_s", terms->start_within_s, 5, 3600},
        {"queue_max_s", terms->queue_max_s, 10, 2592000},
        {"confirmations", terms->confirmations, EVIDENCE_TICKS, 100},
        {"tick_offset", terms->tick_offset, 3, 1000},
        {"output_max", terms->output_max, 1024, UINT64_C(1) << 40},
        {"upload_max", terms->upload_max, 1024, UINT64_C(1) << 40},
        {"batch_max", terms->batch_max, 1024, 32768},
        {"billing_version", terms->billing_version, BILLING_VERSION, BILLING_VERSION},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max) {
            return err_set(err, ERR_INVALID,
                           "terms_invalid: %s is %llu, but lies between %llu and %llu",
                           limits[i].name, (unsigned long long)limits[i].value,
                           (unsigned long long)limits[i].min, (unsigned long long)limits[i].max);
        }
    }
    enum err_code code = check_failure_terms(terms, err);
    if (code != ERR_OK) {
        return code;
    }
    if (terms->lease_s < 2 * terms->heartbeat_s) {
        return err_set(err, ERR_INVALID, "terms_invalid: lease_s is at least twice heartbeat_s");
    }
    if (terms->fee_bps > 0 && key_is_zero(terms->fee_identity)) {
        return err_set(err, ERR_INVALID, "terms_invalid: a fee needs a fee_identity to be paid to");
    }
    return ERR_OK;
}
