// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

bool page_serve(struct api *api, struct http_request *request)
{
    (void)api;
    (void)request;
    return false; /* NEEDSWORK: the page comes with its own commit */
}
