/* Options → curl easy handle; curl's callbacks; curl's codes → ours. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_call.h"

#include "core/base/invariant.h"
#include "core/net/http_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BODY_MAX ((size_t)1 << 30)
#define RESPONSE_HEADERS_MAX 65536
#define RESPONSE_SIZE_MAX ((size_t)4 << 20)

static bool is_2xx(const struct http_call *call)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status / 100 == 2;
}

/* ---- curl's callbacks ---- */

static bool write_file(struct http_call *call, struct bytes piece)
{
    while (piece.size > 0) {
        ssize_t size = write(call->download_fd, piece.data, piece.size);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            call->write_errno = errno;
            return false;
        }
        piece = bytes_from(piece, (size_t)size);
    }
    return true;
}

static bool take_piece(struct http_call *call, struct bytes piece)
{
    call->transferred += piece.size;
    if ((call->on_data != NULL || call->downloads) && is_2xx(call)) {
        if (call->transfer_size_max != 0 && call->transferred > call->transfer_size_max) {
            call->is_too_large = true;
            return false;
        }
        if (call->downloads && !write_file(call, piece)) {
            return false;
        }
        if (call->on_data != NULL && !call->on_data(call->ctx, piece)) {
            call->has_refused = true;
            return false;
        }
        return true;
    }
    buf_append_bytes(&call->body, piece);
    call->is_too_large = call->body.failed;
    return !call->body.failed;
}

static size_t write_cb(char *data, size_t one, size_t size, void *ctx)
{
    (void)one; /* always 1 */
    struct http_call *call = ctx;
    if (call->is_cancelled || !take_piece(call, bytes_of(data, size)) || call->is_cancelled) {
        return size == 0 ? 1 : 0; /* anything but `size` stops the transfer */
    }
    return size;
}

static size_t read_cb(char *ret, size_t one, size_t size, void *ctx)
{
    (void)one;
    struct http_call *call = ctx;
    uint64_t left = call->upload_size - call->upload_done;
    if (left == 0) {
        return 0;
    }
    size_t wanted = left < size ? (size_t)left : size;
    ssize_t got =
        pread(call->upload_fd, ret, wanted, (off_t)(call->upload_offset + call->upload_done));
    if (got <= 0) {
        call->read_errno = got < 0 ? errno : EIO; /* shorter than promised */
        return CURL_READFUNC_ABORT;
    }
    call->upload_done += (uint64_t)got;
    return (size_t)got;
}

static int seek_cb(void *ctx, curl_off_t offset, int origin)
{
    struct http_call *call = ctx;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->upload_size) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    call->upload_done = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* One whole header line with its CR LF. A status line begins a new set: what came before was a 100 Continue. */
static size_t header_cb(char *data, size_t one, size_t size, void *ctx)
{
    (void)one;
    struct http_call *call = ctx;
    struct bytes line = bytes_of(data, size);
    if (bytes_starts_with(line, "HTTP/")) {
        call->header_count = 0;
        return size;
    }
    const char *colon = memchr(data, ':', size);
    if (colon == NULL) {
        return size;
    }
    size_t name_size = (size_t)(colon - data);
    size_t at = name_size + 1;
    size_t end = size;
    while (at < end && (data[at] == ' ' || data[at] == '\t')) {
        at++;
    }
    while (end > at && strchr(" \t\r\n", data[end - 1]) != NULL) {
        end--;
    }
    char *name = arena_text(&call->arena, bytes_of(data, name_size));
    char *value = arena_text(&call->arena, bytes_of(data + at, end - at));
    if (name == NULL || value == NULL || call->header_count == HTTP_CALL_HEADER_COUNT_MAX) {
        call->is_too_large = true;
        return 0;
    }
    for (char *byte = name; *byte != '\0'; byte++) {
        if (*byte >= 'A' && *byte <= 'Z') {
            *byte = (char)(*byte - 'A' + 'a');
        }
    }
    call->headers[call->header_count++] = (struct http_field){name, value};
    return size;
}

/* After the name was looked up, for each of its addresses in turn. */
static curl_socket_t socket_cb(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = ctx;
    (void)purpose;
    call->was_denied = !call->may_connect(call->ctx, &address->addr);
    return call->was_denied
               ? CURL_SOCKET_BAD
               : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- setting up ---- */

static bool add_header(struct http_call *call, const char *name, const char *value)
{
    struct buf line;
    buf_init(&line, RESPONSE_HEADERS_MAX);
    /* curl reads "Name:" as "do not send", "Name;" sends an empty one. */
    buf_printf(&line, value[0] == '\0' ? "%s;" : "%s: %s", name, value);
    struct curl_slist *longer = NULL;
    if (!line.failed) {
        longer = curl_slist_append(call->header_list, buf_text(&line));
    }
    buf_deinit(&line);
    if (longer == NULL) {
        return false;
    }
    call->header_list = longer;
    return true;
}

static enum err_code set_headers(struct http_call *call, const struct http_call_options *options,
                                 struct err *err)
{
    bool has_type = false;
    for (size_t i = 0; i < options->header_count; i++) {
        const struct http_field *field = &options->headers[i];
        if (field->name[0] == '\0' || strpbrk(field->name, " \t\r\n:;") != NULL ||
            strpbrk(field->value, "\r\n") != NULL) {
            return err_set(err, ERR_INVALID, "header '%s' has a line break or no name",
                           field->name);
        }
        has_type = has_type || strcasecmp(field->name, "content-type") == 0;
        if (!add_header(call, field->name, field->value)) {
            return err_set(err, ERR_NOMEM, "no memory for a header");
        }
    }
    /* curl would call a body a form by itself. */
    if (options->form_count == 0 && !has_type) {
        struct curl_slist *longer = curl_slist_append(call->header_list, "Content-Type:");
        if (longer == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a header");
        }
        call->header_list = longer;
    }
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->header_list);
    return ERR_OK;
}

static enum err_code set_form(struct http_call *call, const struct http_call_options *options,
                              struct err *err)
{
    call->mime = curl_mime_init(call->easy);
    bool ok = call->mime != NULL;
    for (size_t i = 0; ok && i < options->form_count; i++) {
        const struct http_form_part *from = &options->form[i];
        curl_mimepart *part = curl_mime_addpart(call->mime);
        ok = part != NULL && curl_mime_name(part, from->name) == CURLE_OK;
        if (ok && from->path != NULL) {
            if (curl_mime_filedata(part, from->path) != CURLE_OK) {
                return err_set(err, ERR_IO, "cannot read %s", from->path);
            }
        } else if (ok) {
            const char *content = from->content.size == 0 ? "" : (const char *)from->content.data;
            ok = curl_mime_data(part, content, from->content.size) == CURLE_OK;
        }
        ok = ok &&
             (from->file_name == NULL || curl_mime_filename(part, from->file_name) == CURLE_OK);
        ok = ok &&
             (from->content_type == NULL || curl_mime_type(part, from->content_type) == CURLE_OK);
    }
    if (!ok) {
        return err_set(err, ERR_NOMEM, "no memory for a form");
    }
    (void)curl_easy_setopt(call->easy, CURLOPT_MIMEPOST, call->mime);
    return ERR_OK;
}

static enum err_code set_body(struct http_call *call, const struct http_call_options *options,
                              struct err *err)
{
    const char *method = options->method == NULL ? "GET" : options->method;
    int bodies = (options->body.data != NULL) + options->upload + (options->form_count > 0);
    if (bodies > 1) {
        return err_set(err, ERR_INVALID, "a request has one body: bytes, a file or a form");
    }
    if (options->form_count > 0) {
        enum err_code code = set_form(call, options, err);
        if (code != ERR_OK) {
            return code;
        }
    } else if (options->upload) {
        call->upload_fd = options->upload_fd;
        call->upload_size = options->upload_size;
        call->upload_offset = options->upload_offset;
        (void)curl_easy_setopt(call->easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_INFILESIZE_LARGE,
                               (curl_off_t)options->upload_size);
        (void)curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, read_cb);
        (void)curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
        (void)curl_easy_setopt(call->easy, CURLOPT_SEEKFUNCTION, seek_cb);
        (void)curl_easy_setopt(call->easy, CURLOPT_SEEKDATA, call);
    } else if (options->body.data != NULL || strcmp(method, "POST") == 0) {
        buf_append_bytes(&call->request_body, options->body);
        if (call->request_body.failed) {
            return err_set(err, ERR_NOMEM, "no memory for a body of %zu bytes", options->body.size);
        }
        (void)curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)call->request_body.size);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buf_text(&call->request_body));
    }
    if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    } else {
        (void)curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method);
    }
    return ERR_OK;
}

static long timeout_or(uint64_t given, uint64_t fallback)
{
    if (given == UINT64_MAX) {
        return 0; /* none */
    }
    uint64_t value = given == 0 ? fallback : given;
    return value > INT32_MAX ? INT32_MAX : (long)value;
}

static void set_rules(struct http_call *call, const struct http_call_options *options)
{
    CURL *easy = call->easy;
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name is looked up on a thread of its own. Without this a call that ends before the answer waits for it, and the loop with it. */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (options->ca_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    if (options->may_connect != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_cb);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           timeout_or(options->connect_timeout_ms, 10000));
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_or(options->total_timeout_ms, 60000));
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, timeout_or(options->idle_timeout_s, 30));
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_cb);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_cb);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->message);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "tallystick");
}

enum err_code http_call_create(const struct http_call_options *options, http_call_cb on_done,
                               void *ctx, struct http_call **ret_call, struct err *err)
{
    struct http_url url;
    enum err_code code = http_url_parse(options->url, &url, err);
    if (code != ERR_OK) {
        return code;
    }
    struct http_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a request");
    }
    call->easy = curl_easy_init();
    call->on_done = on_done;
    call->ctx = ctx;
    call->on_data = options->on_data;
    call->may_connect = options->may_connect;
    call->downloads = options->download;
    call->download_fd = options->download_fd;
    call->transfer_size_max = options->transfer_size_max;
    buf_init(&call->request_body, REQUEST_BODY_MAX);
    buf_init(&call->body,
             options->response_size_max == 0 ? RESPONSE_SIZE_MAX : options->response_size_max);
    arena_init(&call->arena, RESPONSE_HEADERS_MAX);
    if (call->easy == NULL) {
        code = err_set(err, ERR_NOMEM, "no memory for a request");
        goto out;
    }
    set_rules(call, options);
    if (curl_easy_setopt(call->easy, CURLOPT_URL, options->url) != CURLE_OK) {
        code = err_set(err, ERR_NOMEM, "no memory for a URL");
        goto out;
    }
    code = set_headers(call, options, err);
    if (code == ERR_OK) {
        code = set_body(call, options, err);
    }
out:
    if (code != ERR_OK) {
        http_call_destroy(call);
        return code;
    }
    *ret_call = call;
    return ERR_OK;
}

void http_call_destroy(struct http_call *call)
{
    if (call == NULL) {
        return;
    }
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->header_list);
    curl_mime_free(call->mime);
    buf_deinit(&call->request_body);
    buf_deinit(&call->body);
    arena_deinit(&call->arena);
    free(call);
}

/* ---- the end ---- */

static enum err_code own_failure(const struct http_call *call, struct err *err)
{
    if (call->is_too_large) {
        return err_set(err, ERR_TOO_LARGE, "the answer is larger than is accepted");
    }
    if (call->was_denied) {
        return err_set(err, ERR_DENIED, "its address is not one that may be connected to");
    }
    if (call->write_errno != 0) {
        return err_set_errno(err, call->write_errno, "write the answer to its file");
    }
    if (call->read_errno != 0) {
        return err_set_errno(err, call->read_errno, "read the file to upload");
    }
    if (call->has_refused) {
        return err_set(err, ERR_IO, "the receiver of the answer gave up");
    }
    return ERR_OK;
}

static bool has_peer(const struct http_call *call)
{
    const char *address = NULL;
    return curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK &&
           address != NULL && address[0] != '\0';
}

static enum err_code translate(const struct http_call *call, CURLcode curl, struct err *err)
{
    if (curl == CURLE_OK) {
        return ERR_OK;
    }
    enum err_code own = own_failure(call, err);
    if (own != ERR_OK) {
        return own;
    }
    enum err_code code = ERR_UNAVAILABLE;
    switch ((int)curl) {
    case CURLE_OPERATION_TIMEDOUT:
        code = ERR_TIMEOUT;
        break;
    case CURLE_OUT_OF_MEMORY:
        code = ERR_NOMEM;
        break;
    case CURLE_URL_MALFORMAT:
        code = ERR_INVALID;
        break;
    case CURLE_UNSUPPORTED_PROTOCOL: /* the URL's; or what a peer said is no HTTP */
        code = has_peer(call) ? ERR_UNAVAILABLE : ERR_INVALID;
        break;
    case CURLE_READ_ERROR:
    case CURLE_FILE_COULDNT_READ_FILE:
    case CURLE_ABORTED_BY_CALLBACK: /* a form's file */
        code = ERR_IO;
        break;
    default:
        break;
    }
    return err_set_origin(err, code, (int)curl, "%.200s",
                          call->message[0] != '\0' ? call->message : curl_easy_strerror(curl));
}

void http_call_finish(struct http_call *call, CURLcode code)
{
    struct http_call_result result = {
        .headers = call->headers,
        .header_count = call->header_count,
        .body = buf_bytes(&call->body),
        .transferred = call->transferred,
    };
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    result.status = (int)status;
    if (result.body.data == NULL) {
        result.body = bytes_of("", 0);
    }
    result.code = translate(call, code, &result.err);
    if (result.code == ERR_OK && (result.status < 100 || result.status > 999)) {
        /* curl reads "HTTP/21. 100" and "HTTP/210666" as answers */
        result.code = err_set(&result.err, ERR_UNAVAILABLE, "the answer has no status");
    }
    if (!call->is_cancelled) {
        call->on_done(call->ctx, &result);
    }
}

const char *http_call_header(const struct http_call_result *result, const char *name)
{
    for (size_t i = 0; i < result->header_count; i++) {
        if (strcasecmp(result->headers[i].name, name) == 0) {
            return result->headers[i].value;
        }
    }
    return NULL;
}
