// SPDX-License-Identifier: Apache-2.0
#include "worker/state.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "worker/server.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 16384

static enum err_code load(const char *folder, const char *name, json_t **ret, struct err *err)
{
    char path[PATH_MAX];
    struct buf text;
    json_error_t why;
    buf_init(&text, FILE_MAX);
    enum err_code code = path_join(path, sizeof path, folder, name, err);
    if (code == ERR_OK) {
        code = file_read(path, &text, err);
    }
    if (code == ERR_OK) {
        *ret = json_loadb(buf_text(&text), text.size, JSON_REJECT_DUPLICATES, &why);
        if (*ret == NULL) {
            code = err_set(err, ERR_CORRUPT, "%s: %s", path, why.text);
        }
    }
    buf_deinit(&text);
    return code;
}

/* Takes over `value`. */
static enum err_code save(const char *folder, const char *name, json_t *value, struct err *err)
{
    char path[PATH_MAX];
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    json_decref(value);
    if (text == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to write %s", name);
    }
    enum err_code code = path_join(path, sizeof path, folder, name, err);
    if (code == ERR_OK) {
        code = file_write_atomic(path, bytes_of_text(text), 0600, err);
    }
    free(text);
    return code;
}

static bool copy_text(const json_t *value, char *ret, size_t ret_size)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == 0 || strlen(text) >= ret_size) {
        return false;
    }
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* An id, spelled as we spell it: it becomes part of request paths. */
static bool copy_id(const json_t *value, char ret[ID_TEXT_SIZE])
{
    struct id16 id;
    const char *text = json_string_value(value);
    if (text == NULL || id_parse(bytes_of_text(text), &id, NULL) != ERR_OK) {
        return false;
    }
    id_format(id, ret);
    return true;
}

/* What a header can carry. */
static bool is_token(const char *text)
{
    for (; *text > 0x20 && *text < 0x7F; text++) {
    }
    return *text == '\0';
}

enum err_code state_load_identity(const char *folder, struct worker_identity *ret, struct err *err)
{
    json_t *value = NULL;
    struct worker_identity loaded = {0};
    enum err_code code = load(folder, "worker.json", &value, err);
    if (code == ERR_NOT_FOUND) {
        return err_set(err, code, "%s has no worker.json: run `tally-worker enrol` first", folder);
    }
    if (code == ERR_OK &&
        (server_check_base(text_of(value, "server"), loaded.server, sizeof loaded.server, NULL) !=
             ERR_OK ||
         !copy_id(json_object_get(value, "host_id"), loaded.host_id) ||
         !copy_text(json_object_get(value, "token"), loaded.token, sizeof loaded.token) ||
         !is_token(loaded.token))) {
        code =
            err_set(err, ERR_CORRUPT, "%s/worker.json: expected server, host_id and token", folder);
    }
    if (code == ERR_OK && json_object_get(value, "gpu") != NULL &&
        !copy_text(json_object_get(value, "gpu"), loaded.gpu, sizeof loaded.gpu)) {
        code = err_set(err, ERR_CORRUPT, "%s/worker.json: expected a GPU's uuid", folder);
    }
    if (code == ERR_OK) {
        *ret = loaded;
    }
    json_decref(value);
    return code;
}

enum err_code state_slot(const char *folder, size_t slot, char *ret, size_t ret_size,
                         struct err *err)
{
    char name[32];
    (void)snprintf(name, sizeof name, "slot-%zu", slot);
    if (slot > 0) {
        return path_join(ret, ret_size, folder, name, err);
    }
    int const size = snprintf(ret, ret_size, "%s", folder);
    return size >= 0 && (size_t)size < ret_size
               ? ERR_OK
               : err_set(err, ERR_TOO_LARGE, "the path of --state is too long");
}

enum err_code state_load_slots(const char *folder, struct state_slots **ret, struct err *err)
{
    struct state_slots *slots = calloc(1, sizeof *slots);
    enum err_code code = ERR_OK;
    if (slots == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for slots");
    }
    for (size_t i = 0; code == ERR_OK && i < STATE_SLOTS_MAX; i++) {
        struct err why = {0};
        code = state_slot(folder, i, slots->folders[i], sizeof slots->folders[i], &why);
        if (code == ERR_OK) {
            code = state_load_identity(slots->folders[i], &slots->identities[i], &why);
        }
        if (code == ERR_NOT_FOUND && i > 0) { /* the first that is missing ends them */
            code = ERR_OK;
            break;
        }
        slots->count += code == ERR_OK ? 1 : 0;
        if (code != ERR_OK && err != NULL) {
            *err = why;
        }
    }
    if (code != ERR_OK) {
        free(slots);
        return code;
    }
    *ret = slots;
    return ERR_OK;
}

void state_forget_offer(const char *folder)
{
    char path[PATH_MAX];
    if (path_join(path, sizeof path, folder, "offer.json", NULL) == ERR_OK) {
        (void)unlink(path);
    }
}

enum err_code state_check_unused(const char *folder, struct err *err)
{
    char path[PATH_MAX];
    enum err_code const code = path_join(path, sizeof path, folder, "worker.json", err);
    if (code != ERR_OK) {
        return code;
    }
    return access(path, F_OK) == 0
               ? err_set(err, ERR_CONFLICT,
                         "%s is enrolled already; choose another --state, or remove it", folder)
               : ERR_OK;
}

enum err_code state_save_identity(const char *folder, const struct worker_identity *it,
                                  struct err *err)
{
    enum err_code code = dir_create(folder, 0700, err);
    if (code == ERR_OK) {
        code = state_check_unused(folder, err);
    }
    if (code == ERR_OK) {
        json_t *value =
            json_pack("{ssssss}", "server", it->server, "host_id", it->host_id, "token", it->token);
        if (it->gpu[0] != 0 && value != NULL) {
            (void)json_object_set_new(value, "gpu", json_string(it->gpu));
        }
        code = save(folder, "worker.json", value, err);
    }
    return code;
}

enum err_code state_load_offer(const char *folder, struct worker_offer *ret, struct err *err)
{
    json_t *value = NULL;
    struct worker_offer loaded = {0}; /* an older worker's offer told none of the lists */
    enum err_code code = load(folder, "offer.json", &value, err);
    if (code == ERR_OK) {
        loaded.rate = json_integer_value(json_object_get(value, "rate"));
        loaded.network = json_is_true(json_object_get(value, "network"));
        loaded.replaced = json_is_true(json_object_get(value, "replaced"));
        (void)copy_text(json_object_get(value, "packages"), loaded.stock.packages,
                        sizeof loaded.stock.packages);
        (void)copy_text(json_object_get(value, "models"), loaded.stock.models,
                        sizeof loaded.stock.models);
        (void)copy_text(json_object_get(value, "images"), loaded.stock.images,
                        sizeof loaded.stock.images);
        if (!copy_id(json_object_get(value, "offer_id"), loaded.offer_id) || loaded.rate < 1) {
            code = err_set(err, ERR_CORRUPT, "%s/offer.json: expected offer_id and rate", folder);
        }
    }
    if (code == ERR_OK) {
        *ret = loaded;
    }
    json_decref(value);
    return code;
}

enum err_code state_save_offer(const char *folder, const struct worker_offer *offer,
                               struct err *err)
{
    return save(folder, "offer.json",
                json_pack("{sssIsbsbssssss}", "offer_id", offer->offer_id, "rate",
                          (json_int_t)offer->rate, "network", (int)offer->network, "replaced",
                          (int)offer->replaced, "packages", offer->stock.packages, "models",
                          offer->stock.models, "images", offer->stock.images),
                err);
}

enum err_code state_lock(const char *folder, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = path_join(path, sizeof path, folder, "lock", err);
    return code == ERR_OK
               ? file_lock(path, 0600, "another worker runs with it as its --state", ret_fd, err)
               : code;
}

uint64_t state_load_rate(const char *folder)
{
    char path[PATH_MAX];
    struct buf text;
    uint64_t rate = 0;
    buf_init(&text, STATE_TEXT_MAX);
    if (path_join(path, sizeof path, folder, "rate", NULL) == ERR_OK &&
        file_read(path, &text, NULL) == ERR_OK &&
        u64_parse(bytes_of(text.data, strcspn(buf_text(&text), "\n")), &rate, NULL) != ERR_OK) {
        rate = 0;
    }
    buf_deinit(&text);
    return rate;
}

enum err_code state_save_rate(const char *folder, uint64_t rate, struct err *err)
{
    char path[PATH_MAX];
    char text[24];
    (void)snprintf(text, sizeof text, "%llu\n", (unsigned long long)rate);
    enum err_code const code = path_join(path, sizeof path, folder, "rate", err);
    return code == ERR_OK ? file_write_atomic(path, bytes_of_text(text), 0600, err) : code;
}

static const char *const mode_words[] = {
    [WORKER_RUNS] = "", [WORKER_PAUSES] = "pause\n", [WORKER_DRAINS] = "drain\n"};

enum worker_mode state_load_mode(const char *folder)
{
    char path[PATH_MAX];
    struct buf text;
    enum worker_mode mode = WORKER_RUNS;
    buf_init(&text, 64);
    if (path_join(path, sizeof path, folder, STATE_MODE, NULL) == ERR_OK &&
        file_read(path, &text, NULL) == ERR_OK) {
        mode = strcmp(buf_text(&text), mode_words[WORKER_PAUSES]) == 0   ? WORKER_PAUSES
               : strcmp(buf_text(&text), mode_words[WORKER_DRAINS]) == 0 ? WORKER_DRAINS
                                                                         : WORKER_RUNS;
    }
    buf_deinit(&text);
    return mode;
}

enum err_code state_save_mode(const char *folder, enum worker_mode mode, struct err *err)
{
    char path[PATH_MAX];
    enum err_code const code = path_join(path, sizeof path, folder, STATE_MODE, err);
    return code == ERR_OK ? file_write_atomic(path, bytes_of_text(mode_words[mode]), 0600, err)
                          : code;
}
