// SPDX-License-Identifier: Apache-2.0
#include "worker/result_upload.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/background.h"
#include "worker/errand.h"
#include "worker/job_input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 5000

struct result_upload {
    struct result_upload_options options;
    char *path;
    struct errand *errand; /* NULL: the pool has the file */
    bool cancelled;
    enum err_code hash_code;
    struct err hash_err;
    struct key32 digest;
    uint64_t offset; /* that the server had when it was asked last */
    uint64_t pause_ms;
    int64_t give_up_ns;
};

static void ask(struct result_upload *upload, uint64_t after_ms);

static void destroy(struct result_upload *upload)
{
    errand_cancel(upload->errand);
    (void)close(upload->options.fd);
    free(upload->path);
    free(upload);
}

static void finish(struct result_upload *upload, const struct server_reply *reply)
{
    server_cb const on_done = upload->options.on_done;
    void *ctx = upload->options.ctx;
    destroy(upload);
    on_done(ctx, reply);
}

static void give_up(struct result_upload *upload, const char *why)
{
    struct server_reply const reply = {.outcome = SERVER_RETRY, .code = "", .detail = why};
    finish(upload, &reply);
}

static void send_request(struct result_upload *upload, struct errand_options *options)
{
    struct err err = {0};
    options->loop = upload->options.loop;
    options->server = upload->options.server;
    options->request.path = upload->path;
    options->ctx = upload;
    if (errand_start(options, &upload->errand, &err) != ERR_OK) {
        upload->errand = NULL;
        give_up(upload, "out of memory");
    }
}

/* ── whole ─────────────────────────────────────────────────────────────────────────────────────── */

static void on_put(void *ctx, const struct server_reply *reply)
{
    struct result_upload *upload = ctx;
    upload->errand = NULL;
    finish(upload, reply);
}

static struct errand_options whole(const struct result_upload *upload)
{
    return (struct errand_options){
        .request = {.method = "PUT",
                    .upload = true,
                    .upload_fd = upload->options.fd,
                    .upload_size = upload->options.size},
        .keyed = true, /* an answer that is lost must not store the file twice */
        .patience_ms = upload->options.patience_ms,
        .on_done = on_put,
    };
}

static void put_whole(struct result_upload *upload)
{
    struct errand_options options = whole(upload);
    send_request(upload, &options);
}

/* ── in pieces ─────────────────────────────────────────────────────────────────────────────────── */

/* What became of it is asked for: a piece whose answer was lost may be there all the same. */
static void on_piece(void *ctx, const struct server_reply *reply)
{
    struct result_upload *upload = ctx;
    upload->errand = NULL;
    if (reply->outcome == SERVER_GONE || reply->outcome == SERVER_DENIED) {
        finish(upload, reply);
    } else if (reply->outcome == SERVER_OK) {
        ask(upload, 0);
    } else {
        trace(TRACE_INFO, "job.result_cut", "path=\"%s\" status=%d code=%s detail=\"%s\"",
              upload->path, reply->status, reply->code, reply->detail);
        ask(upload, upload->pause_ms);
        return;
    }
}

static void send_rest(struct result_upload *upload)
{
    struct errand_options options = {
        .request = {.method = "PATCH",
                    .upload = true,
                    .is_piece = true,
                    .upload_fd = upload->options.fd,
                    .upload_offset = upload->offset,
                    .upload_size = upload->options.size - upload->offset},
        .once = true, /* the same piece again would not do */
        .on_done = on_piece,
    };
    send_request(upload, &options);
}

/* The server has that much: more than before, and all patience begins anew. */
static void note_progress(struct result_upload *upload, uint64_t offset)
{
    if (offset != upload->offset) {
        upload->pause_ms = PAUSE_FIRST_MS;
        upload->give_up_ns = time_mono_ns() + (int64_t)upload->options.patience_ms * NS_PER_MS;
    } else {
        upload->pause_ms =
            upload->pause_ms * 2 < PAUSE_MAX_MS ? upload->pause_ms * 2 : PAUSE_MAX_MS;
    }
    upload->offset = offset;
}

static void on_asked(void *ctx, const struct server_reply *reply)
{
    struct result_upload *upload = ctx;
    upload->errand = NULL;
    if (reply->outcome == SERVER_REFUSED) { /* by a server that knows no pieces, or has no room */
        trace(TRACE_INFO, "job.result_whole", "path=\"%s\" status=%d code=%s", upload->path,
              reply->status, reply->code);
        put_whole(upload);
        return;
    }
    if (reply->outcome != SERVER_OK || json_is_true(json_object_get(reply->body, "stored"))) {
        finish(upload, reply);
        return;
    }
    json_int_t const offset = json_integer_value(json_object_get(reply->body, "offset"));
    if (offset < 0 || (uint64_t)offset >= upload->options.size) {
        put_whole(upload);
        return;
    }
    note_progress(upload, (uint64_t)offset);
    if (time_mono_ns() > upload->give_up_ns) {
        give_up(upload, "no byte more came to the server");
    } else {
        send_rest(upload);
    }
}

static void ask(struct result_upload *upload, uint64_t after_ms)
{
    char hex[sizeof upload->digest.b * 2 + 1];
    struct buf body;
    hex_encode(bytes_of(upload->digest.b, sizeof upload->digest.b), hex);
    buf_init(&body, 256);
    buf_printf(&body, "{\"size\":%llu,\"digest\":\"%s\"}", (unsigned long long)upload->options.size,
               hex);
    struct errand_options options = {
        .request = {.method = "POST", .body = buf_bytes(&body)},
        .after_ms = after_ms,
        .patience_ms = upload->options.patience_ms,
        .on_done = on_asked,
    };
    send_request(upload, &options);
    buf_deinit(&body);
}

static void hash_work(void *ctx)
{
    struct result_upload *upload = ctx;
    upload->hash_code = job_input_digest(upload->options.fd, upload->options.size, &upload->digest,
                                         &upload->hash_err);
}

static void hash_done(void *ctx)
{
    struct result_upload *upload = ctx;
    if (upload->cancelled) {
        destroy(upload);
    } else if (upload->hash_code != ERR_OK) {
        trace_err(TRACE_WARN, "job.result_unread", &upload->hash_err);
        put_whole(upload);
    } else {
        ask(upload, 0);
    }
}

/* ── from outside ──────────────────────────────────────────────────────────────────────────────── */

enum err_code result_upload_start(const struct result_upload_options *options,
                                  struct result_upload **ret, struct err *err)
{
    struct result_upload *upload = calloc(1, sizeof *upload);
    char *path = strdup(options->path);
    enum err_code code = ERR_OK;
    if (upload == NULL || path == NULL) {
        free(upload);
        free(path);
        return err_set(err, ERR_NOMEM, "no memory for a result");
    }
    upload->options = *options;
    upload->path = path;
    upload->offset = UINT64_MAX; /* what is said first is progress */
    upload->pause_ms = PAUSE_FIRST_MS;
    if (options->size < RESULT_PIECES_FROM) {
        struct errand_options put = whole(upload);
        put.loop = options->loop;
        put.server = options->server;
        put.request.path = path;
        put.ctx = upload;
        code = errand_start(&put, &upload->errand, err);
    } else if (!background_run(options->loop, hash_work, hash_done, upload)) {
        code = err_set(err, ERR_NOMEM, "no memory for a result");
    }
    if (code != ERR_OK) {
        free(upload);
        free(path);
        return code;
    }
    *ret = upload;
    return ERR_OK;
}

void result_upload_cancel(struct result_upload *upload)
{
    if (upload != NULL && upload->errand == NULL) { /* on the pool, which looks at it again */
        upload->cancelled = true;
    } else if (upload != NULL) {
        destroy(upload);
    }
}
