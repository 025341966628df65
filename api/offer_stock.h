/* api/offer_stock.h: what jobs find on a machine, between JSON and the lists of core/base/software.h that offers keep.
 *
 *     "packages": {"python": "3.11.2", "torch": "1.13.1"}, "models": ["stabilityai/sd-turbo"], "images": ["python:3.11-slim"]
 *
 * Packages are null where the offer does not tell; models and images it must tell, and there an empty list says as much. A version that nobody knows is "". */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_OFFER_STOCK_H
#define API_OFFER_STOCK_H

#include "api/fields.h"

#define OFFER_STOCK_ITEMS_MAX 64 /* of each of the three */

/* All three, checked; texts in the call's arena. What is wrong is told with the other fields. */
void offer_stock_read(struct fields *fields, struct ev_offer_published *ret);
/* Add the three to an offer's JSON. */
void offer_stock_show(const struct ev_offer_published *offer, json_t *json);

/* The names of packages, of core/base/software.h alone: ["torch","diffusers"]. */
json_t *json_of_packages(uint64_t packages);

#endif
