/* api/offer_json.h: an offer as the API shows it (docs/api.md). Owner: the caller has the reference. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_OFFER_JSON_H
#define API_OFFER_JSON_H

#include "projections/marketplace.h"

#include <jansson.h>

json_t *json_of_offer(const struct market_entry *entry);

#endif
