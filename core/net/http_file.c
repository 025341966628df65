/* A file as an answer: a chunk is read on the thread pool, sent, and the next one read when there is room. At most one
 * read is under way; it may outlive the request, so the sender is freed by whichever ends last. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "core/net/http_conn.h"

#include <stdlib.h>
#include <unistd.h>

#define CHUNK_SIZE 65536

struct file_sender {
    struct http_request *request; /* NULL once it was answered or aborted */
    uv_loop_t *loop;
    uv_fs_t fs;
    int fd;
    uint64_t offset;
    uint64_t left;
    bool is_reading;
    size_t held; /* bytes in `chunk` that were refused */
    char chunk[CHUNK_SIZE];
};

static void sender_free(struct file_sender *sender)
{
    INVARIANT(!sender->is_reading);
    (void)close(sender->fd);
    free(sender);
}

static void on_abort(void *ctx, struct http_request *request, enum err_code why)
{
    (void)request;
    (void)why;
    struct file_sender *sender = ctx;
    sender->request = NULL;
    if (!sender->is_reading) {
        sender_free(sender);
    }
}

static void sender_finish(struct file_sender *sender, bool is_whole)
{
    struct http_request *request = sender->request;
    sender->request = NULL;
    sender_free(sender);
    if (is_whole) {
        http_respond_end(request);
    } else {
        http_respond_cut(request);
    }
}

static void read_next(struct file_sender *sender);

static void send_held(struct file_sender *sender)
{
    enum err_code code =
        http_respond_write(sender->request, bytes_of(sender->chunk, sender->held), NULL);
    if (code == ERR_BUSY) {
        return; /* on_writable comes */
    }
    INVARIANT(code == ERR_OK);
    sender->held = 0;
    read_next(sender);
}

static void read_cb(uv_fs_t *fs)
{
    struct file_sender *sender = fs->data;
    ssize_t result = fs->result;
    uv_fs_req_cleanup(fs);
    sender->is_reading = false;
    if (sender->request == NULL) {
        sender_free(sender);
        return;
    }
    if (result <= 0) {
        trace(TRACE_ERROR, "http.file_short", "missing_bytes=%llu result=%lld",
              (unsigned long long)sender->left, (long long)result);
        sender_finish(sender, false);
        return;
    }
    sender->held = (size_t)result;
    sender->offset += (uint64_t)result;
    sender->left -= (uint64_t)result;
    send_held(sender);
}

static void read_next(struct file_sender *sender)
{
    if (sender->left == 0) {
        sender_finish(sender, true);
        return;
    }
    size_t size = sender->left < CHUNK_SIZE ? (size_t)sender->left : CHUNK_SIZE;
    uv_buf_t buf = uv_buf_init(sender->chunk, (unsigned)size);
    sender->fs.data = sender;
    int rc = uv_fs_read(sender->loop, &sender->fs, sender->fd, &buf, 1, (int64_t)sender->offset,
                        read_cb);
    if (rc != 0) {
        sender_finish(sender, false);
        return;
    }
    sender->is_reading = true;
}

static void on_writable(void *ctx, struct http_request *request)
{
    (void)request;
    struct file_sender *sender = ctx;
    if (sender->is_reading) {
        return;
    }
    if (sender->held > 0) {
        send_held(sender);
    } else {
        read_next(sender);
    }
}

void http_respond_file(struct http_request *request, const struct http_response *head, int fd,
                       uint64_t offset, uint64_t length)
{
    INVARIANT(length <= INT64_MAX);
    struct file_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL) {
        (void)close(fd);
        http_respond_problem(request, 503, "out_of_memory", "the server is out of memory");
        return;
    }
    *sender = (struct file_sender){.request = request,
                                   .loop = http_conn_of_request(request)->server->loop,
                                   .fd = fd,
                                   .offset = offset,
                                   .left = length};
    http_request_on_abort(request, on_abort, sender);
    http_respond_begin(request, head, (int64_t)length, on_writable, sender);
    if (request->drops_body) {
        sender->left = 0; /* HEAD: on_writable ends it at once */
    }
}
