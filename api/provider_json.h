/* api/provider_json.h: what is told of a provider, to itself and to others. Owner: the caller has the reference. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_PROVIDER_JSON_H
#define API_PROVIDER_JSON_H

#include "projections/uptime.h"

#include <jansson.h>

/* {"days","hosts","online_ms","possible_ms","permille"} */
json_t *json_of_uptime(const struct uptime *uptime);

#endif
