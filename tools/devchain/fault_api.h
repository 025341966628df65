/* tools/devchain/fault_api.h: the faults' settings and counts as JSON. Pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_FAULT_API_H
#define TOOLS_DEVCHAIN_FAULT_API_H

#include "tools/devchain/network.h"

/* {"empty_tick":50,"seed":"7"}: change those of `plan` that are named, all or none. Numbers are integers or texts of them.
 * ERR_INVALID: no such object, name or number; the message says what would be accepted. */
MUST_CHECK enum err_code fault_api_parse(struct bytes body, struct fault_plan *plan,
                                         struct err *err);
/* {"seed":"1","settings":{…},"hits":{…},"lost":{…}} */
void fault_api_build(const struct devnet *network, struct buf *body);

#endif
