/* core/analysis/yaml.h: the scalars of a YAML file, each with the keys that lead to it, in the order of the file.
 *
 * Bounds:  size, depth, number of scalars and of %TAG directives (YAML_*_MAX), and with these the time, which grows with the size alone;
 *          anchors are not expanded: an alias is the scalar "*name".
 * Source:  libyaml's event parser. Only yaml.c includes yaml.h. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_YAML_H
#define CORE_ANALYSIS_YAML_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#define YAML_SIZE_MAX ((size_t)1 << 20)
#define YAML_DEPTH_MAX 32
#define YAML_KEY_MAX 64
#define YAML_SCALARS_MAX 20000
#define YAML_TAGS_MAX 64 /* libyaml compares each with all before it */

struct yaml_path {
    size_t depth; /* levels of the innermost collection: 1 is the top level */
    char keys[YAML_DEPTH_MAX][YAML_KEY_MAX]; /* cut; "" where the level is a list */
};

/* `value`: borrowed, zero-terminated; of a key that opens a collection the key is only in later paths. */
typedef void (*yaml_cb)(const struct yaml_path *path, struct bytes value, uint32_t line,
                        void *user);

/* Errors: ERR_INVALID (no YAML; the line is named), ERR_TOO_LARGE, ERR_NOMEM. What stood before was called back. */
MUST_CHECK enum err_code yaml_read(struct bytes text, yaml_cb callback, void *user,
                                   struct err *err);

/* The keys from the top are `keys`, a NULL-terminated list; "*" stands for any one key or list. The path may go on. */
bool yaml_under(const struct yaml_path *path, const char *const *keys);
/* Some key of the path is `key`. */
bool yaml_has_key(const struct yaml_path *path, const char *key);

#endif
