/* worker/job_protocol.c: a hand-written reader; the grammar is in the header. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/job_protocol.h"

#include "core/base/text.h"

#include <string.h>

#define PREFIX "::tally "
#define PROGRESS "progress="
#define OPERATION "operation=\""

/* A decimal from 0 to 1 at the start of `text`: its size, or 0. */
static size_t read_fraction(struct bytes text, uint64_t *ret_permille)
{
    uint64_t permille = 0;
    uint64_t weight = 100;
    size_t at = 1;
    if (text.size == 0 || (text.data[0] != '0' && text.data[0] != '1')) {
        return 0;
    }
    bool const one = text.data[0] == '1';
    if (at < text.size && text.data[at] == '.') {
        at++;
        size_t const digits = at;
        for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            if (one && text.data[at] != '0') {
                return 0; /* above 1 */
            }
            permille += weight * (uint64_t)(text.data[at] - '0');
            weight /= 10;
        }
        if (at == digits) {
            return 0;
        }
    }
    *ret_permille = one ? 1000 : permille;
    return at;
}

/* The text up to the closing quote, and its size with that quote; or 0. */
static size_t read_operation(struct bytes text, struct bytes *ret)
{
    size_t at = 0;
    while (at < text.size && text.data[at] != '"') {
        if (text.data[at] < 0x20 || text.data[at] == 0x7f) {
            return 0;
        }
        at++;
    }
    if (at == text.size || at > JOB_OPERATION_MAX || !utf8_is_valid(bytes_of(text.data, at))) {
        return 0;
    }
    *ret = bytes_of(text.data, at);
    return at + 1;
}

bool job_protocol_parse(struct bytes line, struct job_protocol_line *ret)
{
    struct job_protocol_line found = {0};
    if (!bytes_starts_with(line, PREFIX)) {
        return false;
    }
    struct bytes rest = bytes_from(line, strlen(PREFIX));
    while (rest.size > 0) {
        size_t used = 0;
        if (rest.data[0] == ' ') {
            rest = bytes_from(rest, 1);
            continue;
        }
        if (!found.has_progress && bytes_starts_with(rest, PROGRESS)) {
            rest = bytes_from(rest, strlen(PROGRESS));
            used = read_fraction(rest, &found.permille);
            found.has_progress = true;
        } else if (!found.has_operation && bytes_starts_with(rest, OPERATION)) {
            rest = bytes_from(rest, strlen(OPERATION));
            used = read_operation(rest, &found.operation);
            found.has_operation = true;
        }
        if (used == 0) {
            return false;
        }
        rest = bytes_from(rest, used);
        if (rest.size > 0 && rest.data[0] != ' ') {
            return false;
        }
    }
    if (!found.has_progress && !found.has_operation) {
        return false;
    }
    *ret = found;
    return true;
}
