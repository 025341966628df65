/* core/net/http_url.h: what a URL says, before it is asked; and what kind of place an address is.
 *
 * Pure:    no name is looked up. Where a name leads is seen when it is connected to: http_call_options.may_connect.
 * Source:  RFC 3986 by libcurl; IANA's special-purpose address registries (RFC 6890). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_URL_H
#define CORE_NET_HTTP_URL_H

#include "core/base/err.h"

#include <stdbool.h>

#define HTTP_URL_HOST_MAX 256

struct http_url {
    bool is_https;
    bool has_user;                /* a name or a password is in it */
    bool has_fragment;            /* which no server gets */
    char host[HTTP_URL_HOST_MAX]; /* an IPv6 address has its brackets */
};

/* ERR_INVALID: no http or https URL with a host. */
MUST_CHECK enum err_code http_url_parse(const char *url, struct http_url *ret, struct err *err);

enum address_kind {
    ADDRESS_PUBLIC = 1,
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, /* everything else that is no public host: of a home or a company, link-local, shared, reserved, multicast; the addresses at which
                        clouds tell machines their secrets are among them */
};

struct sockaddr;
enum address_kind address_kind_of(const struct sockaddr *address);
/* Of a host that is an address, or localhost; 0: a name. What a resolver takes for an address beside (127.1) is a name here. */
enum address_kind http_url_kind(const struct http_url *url);

#endif
