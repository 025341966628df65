// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_url.h"

#include "core/net/curl_late.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ── URLs ──────────────────────────────────────────────────────────────────────────────────────── */

static bool has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return found;
}

static bool read_parts(CURLU *parsed, const char *url, struct http_url *ret)
{
    char *scheme = NULL;
    char *host = NULL;
    bool ok = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '\0' &&
              strlen(host) < sizeof ret->host;
    bool is_https = ok && strcasecmp(scheme, "https") == 0;
    ok = ok && (is_https || strcasecmp(scheme, "http") == 0);
    if (ok) {
        *ret = (struct http_url){.is_https = is_https,
                                 .has_user =
                                     has(parsed, CURLUPART_USER) || has(parsed, CURLUPART_PASSWORD),
                                 .has_fragment = has(parsed, CURLUPART_FRAGMENT)};
        (void)snprintf(ret->host, sizeof ret->host, "%s", host);
    }
    curl_free(scheme);
    curl_free(host);
    return ok;
}

enum err_code http_url_parse(const char *url, struct http_url *ret, struct err *err)
{
    enum err_code code = curl_late_open(err);
    if (code != ERR_OK) {
        return code;
    }
    CURLU *parsed = curl_url();
    bool ok = parsed != NULL && read_parts(parsed, url, ret);
    curl_url_cleanup(parsed);
    return ok ? ERR_OK
              : err_set(err, ERR_INVALID, "'%.150s' is not an http:// or https:// URL", url);
}

/* ── addresses ─────────────────────────────────────────────────────────────────────────────────── */

struct range {
    uint32_t first;
    unsigned bits;
};

static enum address_kind kind_of_v4(uint32_t address)
{
    static const struct range PRIVATE[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0xa9fe0000, 16}, {0xac100000, 12},
        {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15},
        {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3},
    };
    if (address >> 24 == 127) {
        return ADDRESS_LOOPBACK;
    }
    for (size_t i = 0; i < sizeof PRIVATE / sizeof *PRIVATE; i++) {
        if ((address ^ PRIVATE[i].first) >> (32 - PRIVATE[i].bits) == 0) {
            return ADDRESS_PRIVATE;
        }
    }
    return ADDRESS_PUBLIC;
}

static uint32_t v4_in(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Public is 2000::/3 but for what is documentation, a tunnel to an IPv4 address of somebody's choice, or set apart. */
static enum address_kind kind_of_v6(const uint8_t b[16])
{
    static const uint8_t LOOPBACK[16] = {[15] = 1};
    static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t TRANSLATED[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(b, LOOPBACK, sizeof LOOPBACK) == 0) {
        return ADDRESS_LOOPBACK;
    }
    if (memcmp(b, MAPPED, sizeof MAPPED) == 0 || memcmp(b, TRANSLATED, sizeof TRANSLATED) == 0) {
        return kind_of_v4(v4_in(b + 12));
    }
    uint16_t first = (uint16_t)(b[0] << 8 | b[1]);
    uint16_t second = (uint16_t)(b[2] << 8 | b[3]);
    bool apart = first == 0x2002 || (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) ||
                 (first == 0x3fff && second < 0x1000);
    return b[0] >> 5 == 1 && !apart ? ADDRESS_PUBLIC : ADDRESS_PRIVATE;
}

enum address_kind address_kind_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return kind_of_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return kind_of_v6(v6.sin6_addr.s6_addr);
    }
    return ADDRESS_PRIVATE;
}

enum address_kind http_url_kind(const struct http_url *url)
{
    char host[HTTP_URL_HOST_MAX];
    struct in_addr v4;
    struct in6_addr v6;
    size_t size = strlen(url->host);
    bool in_brackets = size >= 2 && url->host[0] == '[' && url->host[size - 1] == ']';
    (void)snprintf(host, sizeof host, "%.*s", (int)(in_brackets ? size - 2 : size),
                   url->host + (in_brackets ? 1 : 0));
    if (strcasecmp(host, "localhost") == 0) {
        return ADDRESS_LOOPBACK;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return kind_of_v4(ntohl(v4.s_addr));
    }
    return inet_pton(AF_INET6, host, &v6) == 1 ? kind_of_v6(v6.s6_addr) : 0;
}
