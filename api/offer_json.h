/* api/offer_json.h: an offer as the API shows it (docs/api.md). Owner: the caller has the reference. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_OFFER_JSON_H
#define API_OFFER_JSON_H

#include "api/call.h"
#include "projections/marketplace.h"

/* What it has for jobs is read from its event. */
json_t *json_of_offer(struct reading *reading, const struct market_entry *entry);

#endif
