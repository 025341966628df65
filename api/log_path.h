/* api/log_path.h: which tile a path names, as C2SP tlog-tiles writes them.
 *
 *     <level>/<index>[.p/<width>]     entries/<index>[.p/<width>]
 *
 * An index is written in groups of three digits, all but the last with an x in front: 1234067 is x001/x234/067. A width is 1 to
 * 255; without one the tile is full, 256 wide. Every tile has one spelling.
 * Pure:    no I/O.
 * Source:  C2SP tlog-tiles. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_LOG_PATH_H
#define API_LOG_PATH_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TILE_WIDTH_MAX 256
#define TILE_LEVEL_MAX 7

struct tile_path {
    bool is_entries;
    unsigned level;
    uint64_t index;
    size_t width;
};

MUST_CHECK enum err_code tile_path_parse(const char *text, struct tile_path *ret, struct err *err);

#endif
