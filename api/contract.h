/* api/contract.h: the OpenAPI document and the page that shows it, as api/contract/build.py made them of the *.yaml there.
 *
 * Life:    the program's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_CONTRACT_H
#define API_CONTRACT_H

#include "core/base/bytes.h"

extern const struct bytes contract_openapi; /* JSON */
extern const struct bytes contract_docs;    /* HTML without scripts */
extern const struct bytes contract_style;   /* its CSS */

#endif
