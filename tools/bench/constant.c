/* The peer of a GET: libuv and llhttp, one thread, the same answer to whatever is asked. Nothing is looked at, checked or limited. It ends when it
 * is killed. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "tools/bench/bench.h"

#include <limits.h>
#include <llhttp.h>
#include <stdlib.h>
#include <uv.h>

#define READ_SIZE 65536

static struct buf answer; /* head and body */

struct client {
    uv_tcp_t tcp;
    llhttp_t parser;
};

static void closed_cb(uv_handle_t *handle)
{
    free(handle->data);
}

static void sent_cb(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static int asked_cb(llhttp_t *parser)
{
    struct client *client = parser->data;
    uv_buf_t piece = uv_buf_init((char *)answer.data, (unsigned)answer.size);
    int taken = uv_try_write((uv_stream_t *)&client->tcp, &piece, 1);
    if (taken < 0 || (size_t)taken < answer.size) {
        uv_write_t *request = malloc(sizeof *request);
        size_t from = taken < 0 ? 0 : (size_t)taken;
        piece = uv_buf_init((char *)answer.data + from, (unsigned)(answer.size - from));
        return request == NULL ||
               uv_write(request, (uv_stream_t *)&client->tcp, &piece, 1, sent_cb) != 0;
    }
    return 0;
}

static const llhttp_settings_t SETTINGS = {.on_message_complete = asked_cb};

static void allocate_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    static char chunk[READ_SIZE];
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(chunk, sizeof chunk);
}

static void read_cb(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct client *client = stream->data;
    if (size < 0 ||
        (size > 0 && llhttp_execute(&client->parser, buf->base, (size_t)size) != HPE_OK)) {
        uv_close((uv_handle_t *)stream, closed_cb);
    }
}

static void accept_cb(uv_stream_t *listener, int status)
{
    struct client *client = calloc(1, sizeof *client);
    if (status < 0 || client == NULL) {
        free(client);
        return;
    }
    client->tcp.data = client;
    llhttp_init(&client->parser, HTTP_REQUEST, &SETTINGS);
    client->parser.data = client;
    (void)uv_tcp_init(listener->loop, &client->tcp);
    (void)uv_accept(listener, (uv_stream_t *)&client->tcp);
    (void)uv_read_start((uv_stream_t *)&client->tcp, allocate_cb, read_cb);
}

enum err_code bench_constant(const struct bench_options *options, struct err *err)
{
    char path[PATH_MAX];
    struct sockaddr_in address;
    struct buf body;
    uv_tcp_t listener;
    buf_init(&body, 1 << 20);
    buf_init(&answer, 2 << 20);
    enum err_code code = path_join(path, sizeof path, options->dir, "body", err);
    if (code == ERR_OK) {
        code = file_read(path, &body, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    buf_printf(&answer,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               body.size);
    buf_append_bytes(&answer, buf_bytes(&body));
    buf_deinit(&body);
    int rc = uv_ip4_addr("127.0.0.1", (int)options->port, &address);
    rc = rc == 0 ? uv_tcp_init(uv_default_loop(), &listener) : rc;
    rc = rc == 0 ? uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) : rc;
    rc = rc == 0 ? uv_listen((uv_stream_t *)&listener, 4096, accept_cb) : rc;
    if (rc != 0) {
        return err_set(err, ERR_IO, "listen at port %u: %s", (unsigned)options->port,
                       uv_strerror(rc));
    }
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return ERR_OK;
}
