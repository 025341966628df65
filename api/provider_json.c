// SPDX-License-Identifier: Apache-2.0
#include "api/provider_json.h"

json_t *json_of_uptime(const struct uptime *uptime)
{
    return json_pack("{s:i,s:I,s:I,s:I,s:o}", "days", UPTIME_DAYS, "hosts",
                     (json_int_t)uptime->hosts, "online_ms", (json_int_t)uptime->online_ms,
                     "possible_ms", (json_int_t)uptime->possible_ms, "permille",
                     uptime->possible_ms == 0 ? json_null()
                                              : json_integer((json_int_t)(uptime->online_ms * 1000 /
                                                                          uptime->possible_ms)));
}
