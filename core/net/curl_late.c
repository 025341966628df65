/* The functions of libcurl that this folder calls, a row each, passed on to the library that curl_late_open found. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/curl_late.h"

#include "core/base/late.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>

#define FUNCTIONS(F)                                                                               \
    F(CURL *, easy_init, (void), ())                                                               \
    F(const char *, easy_strerror, (CURLcode code), (code))                                        \
    F(curl_mime *, mime_init, (CURL * easy), (easy))                                               \
    F(curl_mimepart *, mime_addpart, (curl_mime * mime), (mime))                                   \
    F(CURLcode, mime_name, (curl_mimepart * part, const char *name), (part, name))                 \
    F(CURLcode, mime_filename, (curl_mimepart * part, const char *name), (part, name))             \
    F(CURLcode, mime_type, (curl_mimepart * part, const char *type), (part, type))                 \
    F(CURLcode, mime_data, (curl_mimepart * part, const char *data, size_t size),                  \
      (part, data, size))                                                                          \
    F(CURLcode, mime_filedata, (curl_mimepart * part, const char *path), (part, path))             \
    F(CURLM *, multi_init, (void), ())                                                             \
    F(CURLMcode, multi_cleanup, (CURLM * multi), (multi))                                          \
    F(CURLMcode, multi_add_handle, (CURLM * multi, CURL * easy), (multi, easy))                    \
    F(CURLMcode, multi_remove_handle, (CURLM * multi, CURL * easy), (multi, easy))                 \
    F(CURLMcode, multi_assign, (CURLM * multi, curl_socket_t fd, void *data), (multi, fd, data))   \
    F(CURLMsg *, multi_info_read, (CURLM * multi, int *ret_left), (multi, ret_left))               \
    F(CURLMcode, multi_socket_action,                                                              \
      (CURLM * multi, curl_socket_t fd, int events, int *ret_running),                             \
      (multi, fd, events, ret_running))                                                            \
    F(const char *, multi_strerror, (CURLMcode code), (code))                                      \
    F(struct curl_slist *, slist_append, (struct curl_slist * list, const char *text),             \
      (list, text))                                                                                \
    F(CURLU *, url, (void), ())                                                                    \
    F(CURLUcode, url_get, (CURLU * url, CURLUPart part, char **ret, unsigned flags),               \
      (url, part, ret, flags))                                                                     \
    F(CURLUcode, url_set, (CURLU * url, CURLUPart part, const char *text, unsigned flags),         \
      (url, part, text, flags))
#define VOID_FUNCTIONS(F)                                                                          \
    F(void, easy_cleanup, (CURL * easy), (easy))                                                   \
    F(void, free, (void *memory), (memory))                                                        \
    F(void, mime_free, (curl_mime * mime), (mime))                                                 \
    F(void, slist_free_all, (struct curl_slist * list), (list))                                    \
    F(void, url_cleanup, (CURLU * url), (url))
#define VARIADIC(F) F(, easy_setopt, , ) F(, easy_getinfo, , ) F(, multi_setopt, , )

#define POINTER(type, name, parameters, arguments) __typeof__(curl_##name) *name;
#define FIND(type, name, parameters, arguments) {"curl_" #name, &late.name},
#define PASS_ON(type, name, parameters, arguments)                                                 \
    LATE_PRIVATE type curl_##name parameters                                                       \
    {                                                                                              \
        return late.name arguments;                                                                \
    }
#define PASS_ON_VOID(type, name, parameters, arguments)                                            \
    LATE_PRIVATE type curl_##name parameters                                                       \
    {                                                                                              \
        late.name arguments;                                                                       \
    }

static struct {
    FUNCTIONS(POINTER)
    VOID_FUNCTIONS(POINTER)
    VARIADIC(POINTER)
    POINTER(CURLcode, global_init, (long flags), (flags))
} late;

static pthread_once_t started = PTHREAD_ONCE_INIT;
static CURLcode start_code;

static void start(void)
{
    start_code = late.global_init(CURL_GLOBAL_DEFAULT);
}

enum err_code curl_late_open(struct err *err)
{
    static struct late_library library = LATE_LIBRARY("libcurl.so.4", "libcurl4");
    static const struct late_function functions[] = {FUNCTIONS(FIND) VOID_FUNCTIONS(FIND)
                                                         VARIADIC(FIND) FIND(, global_init, , )};
    enum err_code code = late_open(&library, functions, sizeof functions / sizeof *functions, err);
    if (code == ERR_OK) {
        (void)pthread_once(&started, start);
        if (start_code != CURLE_OK) {
            code = err_set_origin(err, ERR_INTERNAL, (int)start_code, "curl does not start");
        }
    }
    return code;
}

FUNCTIONS(PASS_ON)
VOID_FUNCTIONS(PASS_ON_VOID)

/* ── those whose last argument has the type that the option says: the thousands of its number tell which ──── */

LATE_PRIVATE CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...)
{
    CURLcode code;
    va_list rest;
    va_start(rest, option);
    switch ((int)option / 10000 * 10000) { // NOLINTNEXTLINE(bugprone-branch-clone): types differ
    case CURLOPTTYPE_LONG:
        code = late.easy_setopt(easy, option, va_arg(rest, long));
        break;
    case CURLOPTTYPE_OFF_T:
        code = late.easy_setopt(easy, option, va_arg(rest, curl_off_t));
        break;
    default:
        code = late.easy_setopt(easy, option, va_arg(rest, void *));
        break;
    }
    va_end(rest);
    return code;
}

/* Only callbacks and what they are given: of numbers nothing is set. */
LATE_PRIVATE CURLMcode(curl_multi_setopt)(CURLM *multi, CURLMoption option, ...)
{
    va_list rest;
    va_start(rest, option);
    CURLMcode const code = late.multi_setopt(multi, option, va_arg(rest, void *));
    va_end(rest);
    return code;
}

/* Where to: a pointer, whatever to. */
LATE_PRIVATE CURLcode(curl_easy_getinfo)(CURL *easy, CURLINFO info, ...)
{
    va_list rest;
    va_start(rest, info);
    CURLcode const code = late.easy_getinfo(easy, info, va_arg(rest, void *));
    va_end(rest);
    return code;
}
