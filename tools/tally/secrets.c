// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/secrets.h"

#include "core/base/file.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "core/crypto/box.h"
#include "core/crypto/sealed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX 65536
#define BOX_MAX 8192

static enum err_code seal_line(char *line, size_t number, struct key32 key, json_t *sealed,
                               struct err *err)
{
    struct buf box;
    char *equals = strchr(line, '=');
    if (equals != NULL) {
        *equals = '\0';
    }
    if (equals == NULL || !job_variable_name_is_good(line)) {
        return err_set(err, ERR_INVALID, "--secrets: line %zu is not NAME=VALUE", number);
    }
    buf_init(&box, BOX_MAX);
    enum err_code code = box_seal(key, bytes_of_text(equals + 1), &box, err);
    char *hex = code == ERR_OK ? malloc(box.size * 2 + 1) : NULL;
    if (code == ERR_OK && hex == NULL) {
        code = err_set(err, ERR_NOMEM, "no memory for secrets");
    }
    if (code == ERR_OK) {
        hex_encode(buf_bytes(&box), hex);
        (void)json_object_set_new(sealed, line, json_string(hex));
    }
    free(hex);
    buf_deinit(&box);
    return code;
}

enum err_code secrets_seal(const char *path, const char *key, json_t **ret, struct err *err)
{
    struct buf text;
    struct stat info;
    struct key32 public_key;
    char *rest = NULL;
    size_t number = 0;
    if (key == NULL ||
        hex_decode(bytes_of_text(key), public_key.b, sizeof public_key.b, NULL) != ERR_OK) {
        return err_set(err, ERR_UNAVAILABLE,
                       "this machine has no key to seal secrets to; choose another (--offer)");
    }
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        return err_set(err, ERR_DENIED, "%s may be read by others: chmod 600 %s", path, path);
    }
    buf_init(&text, FILE_MAX);
    json_t *sealed = json_object();
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_OK && text.size > 0) {
        rest = (char *)text.data;
        for (char *line; code == ERR_OK && (line = strsep(&rest, "\n")) != NULL;) {
            number++;
            if (line[0] != '#' && line[0] != '\0') {
                code = seal_line(line, number, public_key, sealed, err);
            }
        }
    }
    sealed_wipe(&text);
    if (code != ERR_OK) {
        json_decref(sealed);
        return code;
    }
    *ret = sealed;
    return ERR_OK;
}
