/* Static files of a folder, for paths that are no route: the page and what it loads.
 *
 * Beneath: every segment of a path is opened from its folder without following a link, so nothing outside is reachable. A segment
 *          that begins with '.' is not served.
 * Names:   a path without an extension that is no file is a place inside the page: it gets index.html. Not under /v1/, where the
 *          API's own 404 is the answer.
 * Cache:   everything is revalidated by ETag, but what lies in assets/, whose names carry a hash of the content.
 * Gzip:    a file NAME.gz beside NAME is NAME compressed, made when the page was built; whoever accepts gzip gets it as NAME. */
// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"
#include "core/base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only files of our own, and requests to our own server. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' "  \
    "data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "            \
    "frame-ancestors 'none'"
#define ETAG_SIZE 64

static const struct {
    const char *ending;
    const char *type;
} TYPES[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
    {".woff2", "font/woff2"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(ending, TYPES[i].ending) == 0) {
            return TYPES[i].type;
        }
    }
    return "application/octet-stream";
}

/* A regular file beneath `folder`, its name with `ending` behind it; -1: there is none. */
static int open_beneath(const char *folder, const char *const *segments, size_t count,
                        const char *ending, struct stat *ret)
{
    char name[NAME_MAX + 1];
    int size = snprintf(name, sizeof name, "%s%s", segments[count - 1], ending);
    if (size < 0 || (size_t)size >= sizeof name) {
        return -1;
    }
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < count && at >= 0; i++) {
        int flags = i + 1 < count ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int next =
            segments[i][0] == '.' || segments[i][0] == '\0'
                ? -1
                : openat(at, i + 1 < count ? segments[i] : name, flags | O_NOFOLLOW | O_CLOEXEC);
        (void)close(at);
        at = next;
    }
    if (at >= 0 && (fstat(at, ret) != 0 || !S_ISREG(ret->st_mode))) {
        (void)close(at);
        return -1;
    }
    return at;
}

/* Whether Accept-Encoding names gzip, and not with a weight of nothing. NULL: nothing was said, so as it is. */
static bool accepts_gzip(const char *accepted)
{
    while (accepted != NULL && *accepted != '\0') {
        size_t size = strcspn(accepted, ",");
        size_t blank = strspn(accepted, " \t");
        const char *name = accepted + blank;
        if (blank < size && strncasecmp(name, "gzip", 4) == 0 && strchr(" \t;,", name[4]) != NULL) {
            size_t left = size - blank - 4;
            const char *weight = memmem(name + 4, left, "q=", 2);
            size_t from = weight == NULL ? 0 : (size_t)(weight + 2 - accepted);
            return weight == NULL || strspn(accepted + from, "0.") < size - from;
        }
        accepted += accepted[size] == ',' ? size + 1 : size;
    }
    return false;
}

/* The file at these segments, or, for whoever takes it, the compressed one in its place. */
static int open_served(const char *folder, const char *const *segments, size_t count,
                       struct stat *ret, bool *gzip)
{
    int fd = *gzip ? open_beneath(folder, segments, count, ".gz", ret) : -1;
    *gzip = fd >= 0;
    return fd >= 0 ? fd : open_beneath(folder, segments, count, "", ret);
}

static void respond(struct http_request *request, const char *name, bool immutable, bool gzip,
                    int fd, const struct stat *file)
{
    char etag[ETAG_SIZE];
    (void)snprintf(etag, sizeof etag, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "%s\"",
                   (uint64_t)file->st_mtim.tv_sec, (uint64_t)file->st_mtim.tv_nsec,
                   (uint64_t)file->st_size, gzip ? "-gz" : "");
    const struct http_field headers[] = {
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", immutable ? "public, max-age=31536000, immutable" : "no-cache"},
        {"ETag", etag},
        {"Vary", "Accept-Encoding"},
        {"Content-Encoding", "gzip"}, /* last: left out for what is not */
    };
    struct http_response response = {
        .status = 200,
        .content_type = type_of(name),
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers - (gzip ? 0 : 1),
    };
    const char *known = http_head_header(http_request_head(request), "if-none-match");
    if (known != NULL && strcmp(known, etag) == 0) {
        (void)close(fd);
        response.status = 304;
        response.content_type = NULL;
        http_respond(request, &response);
        return;
    }
    http_respond_file(request, &response, fd, 0, (uint64_t)file->st_size);
}

bool page_serve(struct api *api, struct http_request *request)
{
    static const char *const INDEX[] = {"index.html"};
    const struct http_head *head = http_request_head(request);
    const char *folder = api->options.page_dir;
    struct stat file;
    if (folder == NULL || (head->method != HTTP_GET && head->method != HTTP_HEAD)) {
        return false;
    }
    const char *last = head->segment_count == 0 ? "" : head->segments[head->segment_count - 1];
    const char *first = head->segment_count == 0 ? "" : head->segments[0];
    bool const takes_gzip = accepts_gzip(http_head_header(head, "accept-encoding"));
    bool gzip = takes_gzip;
    int fd = head->segment_count == 0
                 ? -1
                 : open_served(folder, head->segments, head->segment_count, &file, &gzip);
    if (fd < 0 && strchr(last, '.') == NULL && strcmp(first, "v1") != 0) {
        last = INDEX[0];
        gzip = takes_gzip;
        fd = open_served(folder, INDEX, 1, &file, &gzip);
    }
    if (fd < 0) {
        return false;
    }
    respond(request, last, strcmp(first, "assets") == 0, gzip, fd, &file);
    return true;
}
