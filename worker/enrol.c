// SPDX-License-Identifier: Apache-2.0
#include "worker/enrol.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "worker/server.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 100

static enum err_code read_answer(const json_t *answer, const char *server,
                                 struct worker_identity *ret, struct err *err)
{
    const char *host = json_string_value(json_object_get(answer, "host_id"));
    const char *token = json_string_value(json_object_get(answer, "token"));
    struct id16 id;
    if (host == NULL || token == NULL || strlen(token) >= sizeof ret->token || token[0] == 0 ||
        id_parse(bytes_of_text(host), &id, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "enrol: the answer has no host_id and token");
    }
    *ret = (struct worker_identity){0};
    id_format(id, ret->host_id);
    (void)snprintf(ret->token, sizeof ret->token, "%s", token);
    (void)snprintf(ret->server, sizeof ret->server, "%s", server);
    return ERR_OK;
}

enum err_code enrol(const char *server, const char *provider_token, const char *name,
                    const char *folder, const char *gpu, struct key32 sealing_key,
                    struct worker_identity *ret, struct err *err)
{
    char base[STATE_TEXT_MAX];
    char key[SERVER_KEY_SIZE];
    char key_text[sizeof sealing_key.b * 2 + 1];
    char detail[ERR_MESSAGE_MAX] = "";
    struct buf body;
    json_t *answer = NULL;
    int status = 0;
    struct bytes const name_text = bytes_of_text(name);
    if (name_text.size == 0 || name_text.size > NAME_MAX_BYTES || !utf8_is_valid(name_text)) {
        return err_set(err, ERR_INVALID, "a machine's name has 1 to %d bytes of UTF-8",
                       NAME_MAX_BYTES);
    }
    enum err_code code = server_check_base(server, base, sizeof base, err);
    if (code == ERR_OK) {
        code = state_check_unused(folder, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    buf_init(&body, 4096);
    buf_append_text(&body, "{\"host_name\":");
    json_append_string(&body, name_text);
    hex_encode(bytes_of(sealing_key.b, sizeof sealing_key.b), key_text);
    buf_printf(&body, ",\"software\":\"" WORKER_SOFTWARE "\",\"sealing_key\":\"%s\"}", key_text);
    server_new_key(key);
    struct server_request const request = {.method = "POST",
                                           .path = "/v1/workers/enrol",
                                           .body = buf_bytes(&body),
                                           .idempotency_key = key};
    enum server_outcome const outcome =
        server_ask_now(base, provider_token, &request, &answer, &status, detail);
    if (outcome != SERVER_OK) {
        code = err_set(err, outcome == SERVER_DENIED ? ERR_DENIED : ERR_UNAVAILABLE,
                       "enrol: %s (status %d)",
                       detail[0] != 0 ? detail : "the server did not say why", status);
    } else {
        code = read_answer(answer, base, ret, err);
    }
    if (code == ERR_OK) {
        (void)snprintf(ret->gpu, sizeof ret->gpu, "%s", gpu);
        code = state_save_identity(folder, ret, err);
    }
    json_decref(answer);
    buf_deinit(&body);
    return code;
}
