// SPDX-License-Identifier: Apache-2.0
#include "api/log_path.h"

#include "core/base/bytes.h"
#include "core/base/text.h"

#include <string.h>

static enum err_code bad(struct err *err)
{
    return err_set(
        err, ERR_INVALID,
        "tile_path: a tile is <level>/<index>[.p/<width>] or entries/<index>[.p/<width>], "
        "an index in groups of three digits like x001/067");
}

static bool three_digits(const char *text, uint64_t *ret)
{
    if (strspn(text, "0123456789") < 3) {
        return false;
    }
    uint64_t value = 0;
    for (int i = 0; i < 3; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret = value;
    return true;
}

/* Past the index; NULL if there is none. */
static const char *read_index(const char *at, uint64_t *ret)
{
    uint64_t index = 0;
    for (int groups = 0; groups < 6; groups++) {
        uint64_t group;
        bool more = *at == 'x';
        at += more ? 1 : 0;
        if (!three_digits(at, &group) || (groups == 0 && more && group == 0)) {
            return NULL;
        }
        index = index * 1000 + group;
        at += 3;
        if (!more) {
            *ret = index;
            return at;
        }
        if (*at++ != '/') {
            return NULL;
        }
    }
    return NULL;
}

enum err_code tile_path_parse(const char *text, struct tile_path *ret, struct err *err)
{
    struct tile_path path = {.width = TILE_WIDTH_MAX};
    const char *at = text;
    uint64_t number;
    if (strncmp(at, "entries/", 8) == 0) {
        path.is_entries = true;
        at += 8;
    } else if (at[0] >= '0' && at[0] <= '0' + TILE_LEVEL_MAX && at[1] == '/') {
        path.level = (unsigned)(at[0] - '0');
        at += 2;
    } else {
        return bad(err);
    }
    at = read_index(at, &path.index);
    if (at == NULL) {
        return bad(err);
    }
    if (strncmp(at, ".p/", 3) == 0) {
        if (u64_parse(bytes_of_text(at + 3), &number, NULL) != ERR_OK || number == 0 ||
            number >= TILE_WIDTH_MAX) {
            return bad(err);
        }
        path.width = (size_t)number;
    } else if (*at != '\0') {
        return bad(err);
    }
    *ret = path;
    return ERR_OK;
}
