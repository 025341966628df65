// SPDX-License-Identifier: Apache-2.0
#include "core/base/err.h"

#include "core/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct err *err, enum err_code code, int origin, const char *file, int line)
{
    err->code = code;
    err->origin = origin;
    err->file = file;
    err->line = line;
    err->retry_after_s = 0;
}

enum err_code err_set_at(struct err *err, enum err_code code, int origin, const char *file,
                         int line, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, origin, file, line);
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        text_make_printable(err->message);
    }
    return code;
}

enum err_code err_set_errno_at(struct err *err, int errno_value, const char *file, int line,
                               const char *format, ...)
{
    enum err_code code = ERR_IO;
    if (errno_value == ENOSPC || errno_value == EDQUOT) {
        code = ERR_FULL;
    } else if (errno_value == ENOMEM) {
        code = ERR_NOMEM;
    } else if (errno_value == ENOENT) {
        code = ERR_NOT_FOUND;
    }
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, errno_value, file, line);
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        size_t used = strlen(err->message);
        char text[96];
        (void)snprintf(err->message + used, sizeof err->message - used, ": %s",
                       strerror_r(errno_value, text, sizeof text));
        text_make_printable(err->message);
    }
    return code;
}

void err_context(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char before[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(before, sizeof before, format, args);
    va_end(args);
    char whole[2 * ERR_MESSAGE_MAX + 2];
    (void)snprintf(whole, sizeof whole, "%s: %s", before, err->message);
    memcpy(err->message, whole, sizeof err->message - 1);
    err->message[sizeof err->message - 1] = '\0';
    text_make_printable(err->message);
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_INVALID:
        return "invalid";
    case ERR_TOO_LARGE:
        return "too_large";
    case ERR_OVERFLOW:
        return "overflow";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_DENIED:
        return "denied";
    case ERR_BUSY:
        return "busy";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_IO:
        return "io";
    case ERR_FULL:
        return "full";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_NOMEM:
        return "no_memory";
    case ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}
