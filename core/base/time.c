// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t time_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t time_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void time_format(int64_t wall_ns, char ret_text[TIME_TEXT_SIZE])
{
    int64_t fraction = wall_ns % NS_PER_S;
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds -= 1;
    }
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    /* Years of an int64 of nanoseconds are 1677 to 2262, so this is always 19 characters. */
    size_t day = strftime(ret_text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(ret_text + day, TIME_TEXT_SIZE - day, ".%09uZ", (unsigned)fraction);
}

static bool digits(const char *at, size_t count, int *ret)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return false;
        }
        value = value * 10 + (at[i] - '0');
    }
    *ret = value;
    return true;
}

enum err_code time_parse(struct bytes text, int64_t *ret_wall_ns, struct err *err)
{
    char copy[TIME_TEXT_SIZE];
    struct tm parts = {0};
    if (text.size < 20 || text.size >= sizeof copy) {
        goto invalid;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (!digits(copy, 4, &parts.tm_year) || copy[4] != '-' || !digits(copy + 5, 2, &parts.tm_mon) ||
        copy[7] != '-' || !digits(copy + 8, 2, &parts.tm_mday) || copy[10] != 'T' ||
        !digits(copy + 11, 2, &parts.tm_hour) || copy[13] != ':' ||
        !digits(copy + 14, 2, &parts.tm_min) || copy[16] != ':' ||
        !digits(copy + 17, 2, &parts.tm_sec)) {
        goto invalid;
    }
    int64_t fraction = 0;
    const char *at = copy + 19;
    if (*at == '.') {
        at++;
        int64_t scale = NS_PER_S / 10;
        if (*at < '0' || *at > '9') {
            goto invalid;
        }
        while (*at >= '0' && *at <= '9') {
            fraction += (*at - '0') * scale;
            scale /= 10;
            at++;
        }
    }
    if (strcmp(at, "Z") != 0 || parts.tm_year < 1678 || parts.tm_year > 2261) {
        goto invalid;
    }
    struct tm asked = parts;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    time_t seconds = timegm(&parts);
    /* timegm normalises 31 February to March and month 31 to July; a date that moves was not a date. */
    if (parts.tm_mon + 1 != asked.tm_mon || parts.tm_mday != asked.tm_mday ||
        parts.tm_hour != asked.tm_hour || parts.tm_min != asked.tm_min ||
        parts.tm_sec != asked.tm_sec) {
        goto invalid;
    }
    *ret_wall_ns = (int64_t)seconds * NS_PER_S + fraction;
    return ERR_OK;
invalid:
    return err_set(err, ERR_INVALID, "not a time in UTC like 2026-11-24T02:55:46Z");
}
