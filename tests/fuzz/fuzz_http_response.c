/* What a stranger's server may answer to our HTTP client: the bytes are sent as they are to a real connection, which then ends. Both callers of one request are held
 * to their headers: http_fetch (first byte even) and a worker's server_ask_now (odd). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/http_client.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int listener;
    char url[64];
    pthread_mutex_t mutex;
    struct buf answer; /* under mutex: set before a request, copied when it comes */
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void copy_answer(struct buf *ret)
{
    (void)pthread_mutex_lock(&server.mutex);
    buf_append_bytes(ret, buf_bytes(&server.answer));
    (void)pthread_mutex_unlock(&server.mutex);
}

static void answer_one(int fd)
{
    char request[4096];
    size_t size = 0;
    while (size < sizeof request - 1) { /* the head; bodies here fit in what follows it */
        ssize_t const got = recv(fd, request + size, sizeof request - 1 - size, 0);
        if (got <= 0) {
            return;
        }
        size += (size_t)got;
        request[size] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) {
            break;
        }
    }
    struct buf answer;
    buf_init(&answer, 1U << 20);
    copy_answer(&answer);
    ssize_t sent = 1;
    for (struct bytes rest = buf_bytes(&answer); rest.size > 0 && sent > 0;) {
        sent = send(fd, rest.data, rest.size, MSG_NOSIGNAL);
        rest = sent > 0 ? bytes_from(rest, (size_t)sent) : rest;
    }
    buf_deinit(&answer);
}

static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        int const fd = accept(server.listener, NULL, NULL);
        if (fd >= 0) {
            answer_one(fd);
            (void)shutdown(fd, SHUT_WR);
            (void)close(fd);
        }
    }
    return NULL;
}

static void start(void)
{
    pthread_t thread;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&server.answer, 1U << 20);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(bind(server.listener, (struct sockaddr *)&address, size) == 0);
    INVARIANT(listen(server.listener, 16) == 0);
    INVARIANT(getsockname(server.listener, (struct sockaddr *)&address, &size) == 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    INVARIANT(pthread_create(&thread, NULL, serve, NULL) == 0);
    (void)pthread_detach(thread);
}

static void fetch(void)
{
    struct buf body;
    struct err err = {0};
    int status = -1;
    const struct http_call_options options = {
        .url = server.url, .response_size_max = 2048, .total_timeout_ms = 5000};
    buf_init(&body, 4096);
    enum err_code const code = http_fetch(&options, NULL, &status, &body, &err);
    if (code == ERR_OK) {
        INVARIANT(status >= 100 && status <= 999 && body.size <= 2048);
    } else {
        INVARIANT(code == ERR_UNAVAILABLE || code == ERR_TOO_LARGE || code == ERR_TIMEOUT);
        INVARIANT(status == -1 && utf8_is_valid(bytes_of_text(err.message)));
    }
    buf_deinit(&body);
}

static void ask(void)
{
    json_t *body = NULL;
    int status = -1;
    char detail[ERR_MESSAGE_MAX] = "";
    const struct server_request request = {
        .method = "POST", .path = "/v1/x", .body = bytes_of_text("{}"), .timeout_ms = 5000};
    enum server_outcome const outcome =
        server_ask_now(server.url, "t", &request, &body, &status, detail);
    INVARIANT(memchr(detail, 0, sizeof detail) != NULL);
    INVARIANT(outcome == SERVER_OK ? status >= 200 && status <= 299 : status < 200 || status > 299);
    INVARIANT(utf8_is_valid(bytes_of_text(detail)));
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (server.url[0] == '\0') {
        start();
    }
    (void)pthread_mutex_lock(&server.mutex);
    buf_clear(&server.answer);
    buf_append(&server.answer, data + 1, size - 1);
    (void)pthread_mutex_unlock(&server.mutex);
    if (data[0] % 2 == 0) {
        fetch();
    } else {
        ask();
    }
    return 0;
}
