/* tests/fuzz/fuzz_http.h: one HTTP request to a server of this process, from the bytes of a fuzz input.
 *
 * Input:   "METHOD target\n" header lines, an empty line, the body; line ends are "\n" alone. Length, Host and "Connection: close" are added.
 * Result:  the whole answer; empty if the server keeps the request waiting (a long poll): then the peer goes away, as clients do. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FUZZ_FUZZ_HTTP_H
#define TESTS_FUZZ_FUZZ_HTTP_H

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define FUZZ_HTTP_PATIENCE_NS (30 * NS_PER_MS)

static inline struct bytes fuzz_http_line(struct bytes *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '\n') {
        size++;
    }
    struct bytes const line = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, size < rest->size ? size + 1 : size);
    return line;
}

/* `more`: header lines with CR LF, or "". */
static inline void fuzz_http_write(struct bytes input, const char *more, struct buf *ret)
{
    buf_append_bytes(ret, fuzz_http_line(&input));
    buf_printf(ret, " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n%s", more);
    for (struct bytes line = fuzz_http_line(&input); line.size > 0; line = fuzz_http_line(&input)) {
        buf_append_bytes(ret, line);
        buf_append_text(ret, "\r\n");
    }
    buf_printf(ret, "Content-Length: %zu\r\n\r\n", input.size);
    buf_append_bytes(ret, input);
}

static inline void fuzz_http_ask(uv_loop_t *loop, uint16_t port, struct bytes request,
                                 struct buf *ret)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(fd >= 0);
    /* The ports of one address are used up within a minute: each waits a while after its end. */
    static uint32_t turn;
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % 200);
    int const late = 1; /* the port is chosen for the pair of addresses, not before */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
    INVARIANT(bind(fd, (const struct sockaddr *)&own, sizeof own) == 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        INVARIANT(errno == EADDRNOTAVAIL); /* used up all the same: this input is left out */
        (void)close(fd);
        return;
    }
    int64_t until = time_mono_ns() + FUZZ_HTTP_PATIENCE_NS;
    for (bool done = false; !done && time_mono_ns() < until;) {
        char taken[16384];
        if (request.size > 0) {
            ssize_t const sent = send(fd, request.data, request.size, MSG_DONTWAIT | MSG_NOSIGNAL);
            request = sent > 0 ? bytes_from(request, (size_t)sent) : request;
        }
        (void)uv_run(loop, UV_RUN_NOWAIT);
        ssize_t const got = recv(fd, taken, sizeof taken, MSG_DONTWAIT);
        if (got > 0) {
            buf_append(ret, taken, (size_t)got);
            until = time_mono_ns() + FUZZ_HTTP_PATIENCE_NS;
        }
        done = got == 0 || (got < 0 && errno != EAGAIN);
    }
    /* Closed hard, so that a long run does not use up the ports. */
    const struct linger hard = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    (void)close(fd);
    for (int i = 0; i < 4; i++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
}

/* The answer has a status that is no fault of the server's, and a JSON body is JSON. Returns the status; 0: no answer. */
static inline int fuzz_http_check(const struct buf *answer)
{
    if (answer->size == 0) {
        return 0;
    }
    INVARIANT(answer->size > 12 && memcmp(answer->data, "HTTP/1.1 ", 9) == 0);
    int const status =
        (answer->data[9] - '0') * 100 + (answer->data[10] - '0') * 10 + (answer->data[11] - '0');
    const char *head_end = strstr(buf_text(answer), "\r\n\r\n");
    INVARIANT(head_end != NULL);
    size_t const head_size = (size_t)(head_end - buf_text(answer)) + 4;
    struct bytes const body = bytes_from(buf_bytes(answer), head_size);
    const char *type = strcasestr(buf_text(answer), "\r\nContent-Type: application/");
    if (body.size > 0 && type != NULL && type < head_end &&
        (strncmp(type + 28, "json", 4) == 0 || strncmp(type + 28, "problem+json", 12) == 0) &&
        strcasestr(buf_text(answer), "\r\nTransfer-Encoding:") == NULL) {
        json_t *json = json_loadb((const char *)body.data, body.size,
                                  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        INVARIANT(json != NULL);
        json_decref(json);
    }
    return status;
}

#endif
