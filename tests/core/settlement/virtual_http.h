/* tests/core/settlement/virtual_http.h: core/net's HTTP client without sockets: a request is answered at once, by a call. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H

#include "tools/devchain/service.h"

/* Whoever links virtual_http.c has this. false: no answer will ever come. */
bool virtual_http_ask(bool post, const char *path, struct bytes body, struct service_reply *ret);

#endif
