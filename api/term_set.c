// SPDX-License-Identifier: Apache-2.0
#include "api/term_set.h"

#include "core/base/text.h"
#include "core/qubic/identity.h"

#include <string.h>

enum err_code term_set(struct ev_terms_set *terms, const char *text, struct err *err)
{
    const struct {
        const char *name;
        uint64_t *value;
    } names[] = {
        {"fee_bps", &terms->fee_bps},
        {"margin_bps", &terms->margin_bps},
        {"quote_valid_s", &terms->quote_valid_s},
        {"lock_wait_s", &terms->lock_wait_s},
        {"heartbeat_s", &terms->heartbeat_s},
        {"lease_s", &terms->lease_s},
        {"start_within_s", &terms->start_within_s},
        {"queue_max_s", &terms->queue_max_s},
        {"confirmations", &terms->confirmations},
        {"tick_offset", &terms->tick_offset},
        {"output_max", &terms->output_max},
        {"upload_max", &terms->upload_max},
        {"batch_max", &terms->batch_max},
    };
    const char *equals = strchr(text, '=');
    size_t size = equals == NULL ? 0 : (size_t)(equals - text);
    if (size == 8 && memcmp(text, "lock_min", 8) == 0) {
        return i64_parse(bytes_of_text(equals + 1), &terms->lock_min, err);
    }
    if (size == 12 && memcmp(text, "fee_identity", 12) == 0) {
        return qubic_identity_parse(bytes_of_text(equals + 1), &terms->fee_identity, err);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (size == strlen(names[i].name) && memcmp(text, names[i].name, size) == 0) {
            return u64_parse(bytes_of_text(equals + 1), names[i].value, err);
        }
    }
    return err_set(err, ERR_INVALID, "--set %s: no such term, or no '='", text);
}
