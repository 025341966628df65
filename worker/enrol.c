// SPDX-License-Identifier: Apache-2.0
#include "worker/enrol.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "worker/server.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 100
#define CODE_SIZE 20 /* letters and digits */
#define TOO_MANY_REQUESTS 429
#define TRIES 10

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

bool enrol_is_code(const char *text)
{
    size_t count = 0;
    for (; *text != 0; text++) {
        bool const is_plain = (*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'Z') ||
                              (*text >= 'a' && *text <= 'z');
        if (!is_plain && *text != '-') {
            return false;
        }
        count += is_plain ? 1 : 0;
    }
    return count == CODE_SIZE;
}

static enum err_code check_name(const char *name, struct err *err)
{
    struct bytes const text = bytes_of_text(name);
    if (text.size == 0 || text.size > NAME_MAX_BYTES || !utf8_is_valid(text)) {
        return err_set(err, ERR_INVALID, "a machine's name has 1 to %d bytes of UTF-8",
                       NAME_MAX_BYTES);
    }
    return ERR_OK;
}

/* The caller decrefs the answer. Somebody else behind the same address may have tried too many codes: that is waited for. */
static enum err_code ask(const char *base, const char *token, const char *path,
                         const struct buf *body, json_t **ret_answer, struct err *err)
{
    char detail[ERR_MESSAGE_MAX] = "";
    int status = 0;
    struct server_request const request = {.method = "POST", .path = path, .body = buf_bytes(body)};
    enum server_outcome outcome = SERVER_RETRY;
    for (int i = 0; i < TRIES && outcome == SERVER_RETRY; i++) {
        json_decref(*ret_answer);
        outcome = server_ask_now(base, token, &request, ret_answer, &status, detail);
        if (status != TOO_MANY_REQUESTS) {
            break;
        }
        uv_sleep(1000);
    }
    if (outcome == SERVER_OK) {
        return ERR_OK;
    }
    return err_set(err, outcome == SERVER_DENIED ? ERR_DENIED : ERR_UNAVAILABLE,
                   "enrol: %s (status %d)", detail[0] != 0 ? detail : "the server did not say why",
                   status);
}

enum err_code enrol_join(const char *server, const char *code, const char *name,
                         struct enrol_joined *ret, struct err *err)
{
    char base[STATE_TEXT_MAX];
    struct buf body;
    json_t *answer = NULL;
    enum err_code result = server_check_base(server, base, sizeof base, err);
    if (result == ERR_OK && !enrol_is_code(code)) {
        result = err_set(err, ERR_INVALID,
                         "a code is %d letters and digits, as K7QM-2VXA-9RTD-H4NZ-0B3C; its owner "
                         "gets one from the page (Machines) or from `tally enrol`",
                         CODE_SIZE);
    }
    if (result == ERR_OK) {
        result = check_name(name, err);
    }
    if (result != ERR_OK) {
        return result;
    }
    buf_init(&body, 4096);
    buf_printf(&body, "{\"code\":\"%s\",\"host_name\":", code);
    json_append_string(&body, bytes_of_text(name));
    buf_append_text(&body, "}");
    result = ask(base, "", "/v1/workers/join", &body, &answer, err);
    const char *token = json_string_value(json_object_get(answer, "token"));
    const char *identity = json_string_value(json_object_get(answer, "identity"));
    if (result == ERR_OK &&
        (token == NULL || identity == NULL || token[0] == 0 || strlen(token) >= sizeof ret->token ||
         strlen(identity) >= sizeof ret->identity)) {
        result = err_set(err, ERR_INVALID, "join: the answer has no token and identity");
    }
    if (result == ERR_OK) {
        (void)snprintf(ret->token, sizeof ret->token, "%s", token);
        (void)snprintf(ret->identity, sizeof ret->identity, "%s", identity);
        text_make_printable(ret->identity);
    }
    json_decref(answer);
    explicit_bzero(body.data, body.size);
    buf_deinit(&body);
    return result;
}

enum err_code enrol(const char *server, const char *token, const char *name, const char *folder,
                    const char *gpu, struct key32 sealing_key, struct worker_identity *ret,
                    struct err *err)
{
    char base[STATE_TEXT_MAX];
    char key_text[sizeof sealing_key.b * 2 + 1];
    struct buf body;
    json_t *answer = NULL;
    enum err_code code = check_name(name, err);
    if (code == ERR_OK) {
        code = server_check_base(server, base, sizeof base, err);
    }
    if (code == ERR_OK) {
        code = state_check_unused(folder, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    buf_init(&body, 4096);
    buf_append_text(&body, "{\"host_name\":");
    json_append_string(&body, bytes_of_text(name));
    hex_encode(bytes_of(sealing_key.b, sizeof sealing_key.b), key_text);
    buf_printf(&body, ",\"software\":\"" WORKER_SOFTWARE "\",\"sealing_key\":\"%s\"}", key_text);
    code = ask(base, token, "/v1/workers/enrol", &body, &answer, err);
    if (code == ERR_OK) {
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
