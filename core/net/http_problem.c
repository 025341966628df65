// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_problem.h"

#include "core/base/text.h"

#include <string.h>

static const struct {
    int status;
    const char *text;
} STATUS_TEXTS[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < sizeof STATUS_TEXTS / sizeof *STATUS_TEXTS; i++) {
        if (STATUS_TEXTS[i].status == status) {
            return STATUS_TEXTS[i].text;
        }
    }
    return "Unknown";
}

static void append_string(struct buf *buf, const char *text)
{
    struct bytes bytes = bytes_of_text(text);
    if (utf8_is_valid(bytes)) {
        json_append_string(buf, bytes);
        return;
    }
    struct buf clean;
    buf_init(&clean, 4 * bytes.size);
    utf8_append_lossy(&clean, bytes);
    json_append_string(buf, buf_bytes(&clean));
    buf_deinit(&clean);
}

void http_problem_append(struct buf *buf, int status, const char *code, const char *detail,
                         const char *request_id)
{
    buf_append_text(buf, "{\"type\":\"about:blank\",\"title\":");
    append_string(buf, http_status_text(status));
    buf_printf(buf, ",\"status\":%d,\"code\":", status);
    append_string(buf, code);
    buf_append_text(buf, ",\"detail\":");
    append_string(buf, detail);
    if (request_id != NULL) {
        buf_append_text(buf, ",\"request_id\":");
        append_string(buf, request_id);
    }
    buf_append_text(buf, "}");
}
