// SPDX-License-Identifier: Apache-2.0
#include "core/base/trace.h"

#include "core/base/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRACE_LINE_MAX 1024

static enum trace_level level_min = TRACE_INFO;

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

void trace_level_set(enum trace_level level)
{
    level_min = level;
}

void trace(enum trace_level level, const char *event, const char *format, ...)
{
    if (level < level_min) {
        return;
    }
    char line[TRACE_LINE_MAX];
    char now[TIME_TEXT_SIZE];
    time_format(time_wall_ns(), now);
    now[23] = '\0'; /* milliseconds are enough for a person */
    int size =
        snprintf(line, sizeof line, "time=%sZ level=%s event=%s ", now, LEVELS[level], event);
    va_list args;
    va_start(args, format);
    size += vsnprintf(line + size, sizeof line - (size_t)size, format, args);
    va_end(args);
    if (size >= (int)sizeof line) {
        size = (int)sizeof line - 1;
    }
    for (int i = 0; i < size; i++) {
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';
        }
    }
    line[size] = '\n';
    (void)!write(STDERR_FILENO, line, (size_t)size + 1);
}

void trace_err(enum trace_level level, const char *event, const struct err *err)
{
    trace(level, event, "code=%s origin=%d at=%s:%d message=\"%s\"", err_code_name(err->code),
          err->origin, err->file == NULL ? "?" : err->file, err->line, err->message);
}
