// SPDX-License-Identifier: Apache-2.0
#include "core/net/header_param.h"

#include <string.h>
#include <strings.h>

static const char BLANKS[] = " \t";
static const char TOKEN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "!#$%&'*+-.^_`|~";

bool header_value_is(const char *header, const char *value)
{
    header += strspn(header, BLANKS);
    size_t size = strcspn(header, ";");
    while (size > 0 && strchr(BLANKS, header[size - 1]) != NULL) {
        size--;
    }
    return size == strlen(value) && strncasecmp(header, value, size) == 0;
}

/* One value at `*at`, quoted or a token, appended to `ret` (NULL: skipped). False: malformed. */
static bool take_value(const char **at, struct buf *ret)
{
    const char *here = *at;
    if (*here != '"') {
        size_t size = strspn(here, TOKEN);
        if (ret != NULL) {
            buf_append(ret, here, size);
        }
        *at = here + size;
        return size > 0;
    }
    here++;
    while (*here != '"') {
        if (*here == '\\' && (here[1] == '"' || here[1] == '\\')) {
            here++;
        }
        if (*here == '\0') {
            return false;
        }
        if (ret != NULL) {
            buf_append_byte(ret, (uint8_t)*here);
        }
        here++;
    }
    *at = here + 1;
    return true;
}

enum err_code header_param(const char *header, const char *name, struct buf *ret, struct err *err)
{
    size_t found = 0;
    buf_clear(ret);
    const char *at = header + strcspn(header, ";");
    while (*at == ';') {
        at++;
        at += strspn(at, BLANKS);
        if (*at == '\0') {
            break; /* a ';' at the end does no harm */
        }
        const char *param = at;
        size_t param_size = strspn(param, TOKEN);
        at += param_size;
        if (param_size == 0 || *at != '=') {
            return err_set(err, ERR_INVALID, "a parameter is not of the form name=value");
        }
        at++;
        bool wanted = param_size == strlen(name) && strncasecmp(param, name, param_size) == 0;
        found += wanted;
        if (found > 1) {
            return err_set(err, ERR_INVALID, "parameter '%s' is given twice", name);
        }
        if (!take_value(&at, wanted ? ret : NULL)) {
            return err_set(err, ERR_INVALID, "the value of a parameter is malformed");
        }
        at += strspn(at, BLANKS);
    }
    if (*at != '\0') {
        return err_set(err, ERR_INVALID, "something stands behind a parameter that is not ';'");
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no parameter '%s'", name);
    }
    return buf_check(ret, err);
}
