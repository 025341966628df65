/* worker/progress.c: hand-written readers over one line, of which the first LINE_MAX_BYTES count. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/progress.h"

#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 512
#define NUMBER_MAX UINT64_C(1000000000000)
#define BY_TIME_MAX 990

/* ── words of a line ───────────────────────────────────────────────────────────────────────────── */

/* Without colours and other escapes; a zero byte ends it. */
static size_t plain(struct bytes line, char ret[LINE_MAX_BYTES + 1])
{
    size_t size = 0;
    for (size_t i = 0; i < line.size && size < LINE_MAX_BYTES && line.data[i] != 0; i++) {
        if (line.data[i] != 0x1b) {
            ret[size++] = (char)line.data[i];
            continue;
        }
        if (i + 1 < line.size && line.data[i + 1] == '[') { /* up to its letter */
            for (i += 2; i < line.size && (line.data[i] < 0x40 || line.data[i] > 0x7e); i++) {
            }
        }
    }
    ret[size] = 0;
    return size;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A whole number at `*at`, which moves past it. */
static bool number(const char **at, uint64_t *ret)
{
    size_t const size = strspn(*at, "0123456789");
    if (u64_parse(bytes_of(*at, size), ret, NULL) != ERR_OK || *ret > NUMBER_MAX) {
        return false;
    }
    *at += size;
    return true;
}

/* "45/469", with the first not larger than the second. */
static bool ratio(const char **at, uint64_t *ret_done, uint64_t *ret_total)
{
    const char *next = *at;
    if (!number(&next, ret_done) || *next != '/') {
        return false;
    }
    next++;
    if (!number(&next, ret_total) || *ret_total == 0 || *ret_done > *ret_total) {
        return false;
    }
    *at = next;
    return true;
}

/* "Epoch 3/10", "epoch [3/10]", "Epoch 3 of 10", "Epoch 3:" (no total). Where it ends, or NULL. */
static const char *read_epoch(const char *at, uint64_t *ret_epoch, uint64_t *ret_epochs)
{
    uint64_t epoch;
    uint64_t epochs = 0;
    if (strncmp(at, "Epoch", 5) != 0 && strncmp(at, "epoch", 5) != 0) {
        return NULL;
    }
    at = skip_blanks(at + 5);
    at += *at == '[' ? 1 : 0;
    if (!number(&at, &epoch)) {
        return NULL;
    }
    const char *next = skip_blanks(at);
    if (*at == '/') {
        at++;
        if (!number(&at, &epochs) || epoch == 0 || epochs < epoch) {
            return NULL;
        }
    } else if (strncmp(next, "of ", 3) == 0) {
        at = next + 3;
        if (!number(&at, &epochs) || epoch == 0 || epochs < epoch) {
            return NULL;
        }
    } else if (*at != ':') {
        return NULL;
    }
    *ret_epoch = epoch;
    *ret_epochs = epochs;
    return at;
}

/* "45%|████▌     | 45/100 [": the counts. */
static bool read_bar(const char *at, uint64_t *ret_done, uint64_t *ret_total)
{
    const char *bar = strstr(at, "%|");
    if (bar == NULL || bar == at || bar[-1] < '0' || bar[-1] > '9') {
        return false;
    }
    const char *end = strchr(bar + 2, '|');
    if (end == NULL) {
        return false;
    }
    end = skip_blanks(end + 1);
    return ratio(&end, ret_done, ret_total) && strncmp(end, " [", 2) == 0;
}

/* "45/469 [====>" or "45/469 ━━━": at the beginning of the line. */
static bool read_steps(const char *at, uint64_t *ret_done, uint64_t *ret_total)
{
    at = skip_blanks(at);
    return ratio(&at, ret_done, ret_total) &&
           ((strncmp(at, " [", 2) == 0 && at[2] != 0 && strchr("=>.", at[2]) != NULL) ||
            strncmp(at, " \xe2\x94\x81", 4) == 0);
}

/* ── what they mean ────────────────────────────────────────────────────────────────────────────── */

/* (epoch − 1 + done / total) / epochs, in thousandths. */
static uint64_t within_epochs(const struct progress *progress, uint64_t done, uint64_t total)
{
    uint64_t const part = total == 0 ? 0 : (uint64_t)((double)done / (double)total * 1000.0);
    return ((progress->epoch - 1) * 1000 + part) / progress->epochs;
}

/* A bar that falls back is not the job's whole. */
static void follow_bar(struct progress *progress, uint64_t done, uint64_t total)
{
    if (progress->bar_total != 0 && (done < progress->bar_done || total != progress->bar_total)) {
        progress->bars_repeat = true;
    }
    progress->bar_done = done;
    progress->bar_total = total;
}

static void say(struct progress *progress, uint64_t done, uint64_t total)
{
    int size = 0;
    char *at = progress->operation;
    if (progress->epochs != 0) {
        size = snprintf(at, JOB_OPERATION_MAX, "epoch %llu of %llu",
                        (unsigned long long)progress->epoch, (unsigned long long)progress->epochs);
    } else if (progress->epoch != 0) {
        size = snprintf(at, JOB_OPERATION_MAX, "epoch %llu", (unsigned long long)progress->epoch);
    }
    if (total != 0) {
        (void)snprintf(at + size, JOB_OPERATION_MAX - (size_t)size, "%s%llu of %llu",
                       size > 0 ? ", " : "", (unsigned long long)done, (unsigned long long)total);
    }
}

/* Cheap, for a program that writes a million lines of which none is about progress. */
static bool may_show_progress(struct bytes line)
{
    return line.size > 0 && (memchr(line.data, '/', line.size) != NULL ||
                             memchr(line.data, '%', line.size) != NULL ||
                             memmem(line.data, line.size, "poch", 4) != NULL);
}

static bool guess(struct progress *progress, struct bytes line)
{
    char text[LINE_MAX_BYTES + 1];
    uint64_t done = 0;
    uint64_t total = 0;
    uint64_t epoch;
    uint64_t epochs;
    if (!may_show_progress(line) || plain(line, text) == 0) {
        return false;
    }
    const char *at = skip_blanks(text);
    const char *after = read_epoch(at, &epoch, &epochs);
    bool const is_bar = read_bar(at, &done, &total);
    if (after != NULL && (epochs != 0 || is_bar)) {
        /* Lightning counts from 0 and shows no total. */
        progress->epoch = epochs != 0 ? epoch : epoch + 1;
        progress->epochs = epochs;
    } else if (after != NULL) {
        return false;
    }
    if (!is_bar && after == NULL && !read_steps(at, &done, &total)) {
        return false;
    }
    if (is_bar && after == NULL) {
        follow_bar(progress, done, total);
    }
    if (progress->epochs != 0) {
        progress->permille = within_epochs(progress, done, total);
    } else if (is_bar && after == NULL && !progress->bars_repeat) {
        progress->permille = (uint64_t)((double)done / (double)total * 1000.0);
    }
    say(progress, done, total);
    progress->is_guessed = true;
    return true;
}

enum progress_news progress_take(struct progress *progress, bool is_stdout, struct bytes line)
{
    struct job_protocol_line said;
    if (is_stdout && job_protocol_parse(line, &said)) {
        progress->is_told = true;
        progress->permille = said.has_progress ? said.permille : progress->permille;
        if (said.has_operation) {
            memcpy(progress->operation, said.operation.data, said.operation.size);
            progress->operation[said.operation.size] = 0;
        }
        return PROGRESS_TOLD;
    }
    return !progress->is_told && guess(progress, line) ? PROGRESS_READ : PROGRESS_NOTHING;
}

bool progress_by_time(struct progress *progress, uint64_t used_ms, uint64_t limit_ms)
{
    if (progress->is_told || progress->is_guessed || limit_ms == 0) {
        return false;
    }
    uint64_t const part = used_ms >= limit_ms ? 1000 : used_ms * 1000 / limit_ms;
    progress->permille = part < BY_TIME_MAX ? part : BY_TIME_MAX;
    (void)snprintf(progress->operation, sizeof progress->operation, "by the paid time");
    return true;
}
