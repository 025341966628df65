/* core/net/http_call.h: one request of the HTTP client as a curl easy handle; for http_client.c only. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_CALL_H
#define CORE_NET_HTTP_CALL_H

#include "core/base/arena.h"
#include "core/net/http_client.h"

#include <curl/curl.h>

#define HTTP_CALL_HEADER_COUNT_MAX 128

struct http_call {
    struct http_call *next; /* of its client */
    struct http_client *client;
    CURL *easy;
    struct curl_slist *header_list;
    curl_mime *mime;
    bool is_cancelled;
    bool is_too_large; /* why a write callback gave up */
    bool has_refused;  /* on_data did */
    int write_errno;   /* the file did */
    int read_errno;

    http_call_cb on_done;
    void *ctx;
    bool (*on_data)(void *ctx, struct bytes piece);
    bool (*may_connect)(void *ctx, const struct sockaddr *address);
    bool was_denied; /* it said no, and nothing else was connected to */
    bool downloads;
    int download_fd;
    uint64_t transfer_size_max;

    struct buf request_body;
    int upload_fd;
    uint64_t upload_size;
    uint64_t upload_offset;
    uint64_t upload_done;

    struct arena arena; /* response headers */
    struct http_field headers[HTTP_CALL_HEADER_COUNT_MAX];
    size_t header_count;
    struct buf body;
    uint64_t transferred;
    char message[CURL_ERROR_SIZE];
};

MUST_CHECK enum err_code http_call_create(const struct http_call_options *options,
                                          http_call_cb on_done, void *ctx,
                                          struct http_call **ret_call, struct err *err);
void http_call_destroy(struct http_call *call);
/* Call on_done with what curl's `code` means. */
void http_call_finish(struct http_call *call, CURLcode code);

#endif
