// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/remote.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/net/http_client.h"
#include "core/qubic/sign_in.h"
#include "tools/tally/wallet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)

const char *json_text(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

int64_t json_number(json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name));
}

void url_append(struct buf *buf, const char *text, bool keep_slash)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL || (keep_slash && c == '/');
        if (plain) {
            buf_append_byte(buf, c);
        } else {
            buf_printf(buf, "%%%02X", c);
        }
    }
}

/* ── calls ─────────────────────────────────────────────────────────────────────────────────────── */

static enum err_code problem(int status, struct bytes body, struct err *err)
{
    enum err_code code = status == 404                    ? ERR_NOT_FOUND
                         : status == 409                  ? ERR_CONFLICT
                         : status == 401 || status == 403 ? ERR_DENIED
                         : status >= 500                  ? ERR_UNAVAILABLE
                                                          : ERR_INVALID;
    json_t *json = json_loadb((const char *)body.data, body.size, 0, NULL);
    if (json_is_object(json)) {
        json_t *first = json_array_get(json_object_get(json, "errors"), 0);
        code =
            err_set(err, code, "%s: %s%s%s%s%s", json_text(json, "code"), json_text(json, "detail"),
                    first == NULL ? "" : " (", json_text(first, "pointer"),
                    first == NULL ? "" : " ", first == NULL ? "" : json_text(first, "detail"));
    } else {
        code = err_set(err, code, "the server answered %d", status);
    }
    json_decref(json);
    return code;
}

static enum err_code fetch(const struct remote *remote, struct http_call_options *options,
                           const char *path, const char *content_type, struct buf *ret,
                           struct err *err)
{
    struct buf url;
    char bearer[220];
    int status = 0;
    struct http_field headers[3];
    size_t count = 0;
    buf_init(&url, 8192);
    buf_printf(&url, "%s%s", remote->url, path);
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", remote->token);
    if (remote->token[0] != '\0') {
        headers[count++] = (struct http_field){"Authorization", bearer};
    }
    if (content_type != NULL) {
        headers[count++] = (struct http_field){"Content-Type", content_type};
    }
    if (remote->if_match != NULL) {
        headers[count++] = (struct http_field){"If-Match", remote->if_match};
    }
    options->url = buf_text(&url);
    options->headers = headers;
    options->header_count = count;
    options->response_size_max = ANSWER_MAX;
    enum err_code code = http_fetch(options, NULL, &status, ret, err);
    if (code == ERR_OK && (status < 200 || status > 299)) {
        code = problem(status, buf_bytes(ret), err);
    }
    buf_deinit(&url);
    return code;
}

static enum err_code parse(const struct buf *text, json_t **ret, struct err *err)
{
    *ret = NULL;
    if (text->size == 0) {
        return ERR_OK;
    }
    *ret = json_loadb((const char *)text->data, text->size, 0, NULL);
    return *ret == NULL ? err_set(err, ERR_UNAVAILABLE, "the server's answer is not JSON") : ERR_OK;
}

enum err_code remote_call(const struct remote *remote, const char *method, const char *path,
                          json_t *body, json_t **ret, struct err *err)
{
    struct buf answer;
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    struct http_call_options options = {.method = method};
    if (text != NULL) {
        options.body = bytes_of_text(text);
    }
    buf_init(&answer, ANSWER_MAX);
    enum err_code code =
        fetch(remote, &options, path, text == NULL ? NULL : "application/json", &answer, err);
    if (code == ERR_OK) {
        code = parse(&answer, ret, err);
    }
    free(text);
    buf_deinit(&answer);
    return code;
}

enum err_code remote_upload(const struct remote *remote, const char *path, int fd, uint64_t size,
                            json_t **ret, struct err *err)
{
    struct buf answer;
    struct http_call_options options = {
        .method = "POST",
        .upload = true,
        .upload_fd = fd,
        .upload_size = size,
        .total_timeout_ms = UINT64_MAX,
    };
    buf_init(&answer, ANSWER_MAX);
    enum err_code code = fetch(remote, &options, path, "application/octet-stream", &answer, err);
    if (code == ERR_OK) {
        code = parse(&answer, ret, err);
    }
    buf_deinit(&answer);
    return code;
}

enum err_code remote_download(const struct remote *remote, const char *path, int fd,
                              struct err *err)
{
    struct buf answer;
    struct http_call_options options = {
        .download = true, .download_fd = fd, .total_timeout_ms = UINT64_MAX};
    buf_init(&answer, ANSWER_MAX);
    enum err_code code = fetch(remote, &options, path, NULL, &answer, err);
    buf_deinit(&answer);
    return code;
}

/* ── signing in ────────────────────────────────────────────────────────────────────────────────── */

/* The origin is what we think we talk to: a challenge for another place is not signed. */
static enum err_code sign_in(struct remote *remote, const char *scopes_json,
                             const struct qubic_keys *keys, struct err *err)
{
    json_t *challenge = NULL;
    json_t *session = NULL;
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    char signature_hex[SCHNORRQ_SIGNATURE_SIZE * 2 + 1];
    enum err_code code =
        remote_call(remote, "POST", "/v1/auth/challenge", json_object(), &challenge, err);
    if (code != ERR_OK) {
        return code;
    }
    if (strcmp(json_text(challenge, "origin"), remote->url) != 0) {
        code = err_set(err, ERR_DENIED, "this server calls itself %s, not %s: not signed",
                       json_text(challenge, "origin"), remote->url);
        goto out;
    }
    qubic_identity_format(&keys->public_key, identity);
    struct qubic_sign_in const parts = {
        .origin = bytes_of_text(remote->url),
        .log_id = bytes_of_text(json_text(challenge, "log_id")),
        .nonce = bytes_of_text(json_text(challenge, "nonce")),
        .expires_at = bytes_of_text(json_text(challenge, "expires_at")),
    };
    code = qubic_sign_in_sign(&parts, keys, signature, err);
    if (code != ERR_OK) {
        err_context(err, "this server's challenge is not signed");
        goto out;
    }
    hex_encode(bytes_of(signature, sizeof signature), signature_hex);
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:o}", "identity", identity, "nonce", json_text(challenge, "nonce"),
                  "signature", signature_hex, "scopes", json_loads(scopes_json, 0, NULL));
    code = remote_call(remote, "POST", "/v1/auth/session", body, &session, err);
    if (code == ERR_OK) {
        (void)snprintf(remote->token, sizeof remote->token, "%s", json_text(session, "token"));
        (void)snprintf(remote->account_id, sizeof remote->account_id, "%s",
                       json_text(session, "account_id"));
    }
out:
    json_decref(challenge);
    json_decref(session);
    return code;
}

static enum err_code read_token(const char *path, struct remote *remote, struct err *err)
{
    struct buf text;
    buf_init(&text, sizeof remote->token - 1);
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_OK) {
        size_t size = strcspn(buf_text(&text), "\r\n");
        memcpy(remote->token, buf_text(&text), size);
        remote->token[size] = '\0';
    }
    buf_deinit(&text);
    return code;
}

enum err_code remote_open(const struct cli *cli, const char *scopes_json, struct remote *ret,
                          struct qubic_keys *keys, struct err *err)
{
    *ret = (struct remote){.url = cli->server};
    size_t size = strlen(cli->server);
    if (size > 0 && cli->server[size - 1] == '/') {
        return err_set(err, ERR_INVALID,
                       "--server is like http://127.0.0.1:8420, without a final /");
    }
    if (cli->token_file != NULL) {
        return read_token(cli->token_file, ret, err);
    }
    struct qubic_keys own;
    struct qubic_keys *opened = keys == NULL ? &own : keys;
    enum err_code code =
        cli->wallet == NULL
            ? err_set(err, ERR_INVALID, "give --wallet FILE (tally wallet new makes one)")
            : wallet_open(cli->wallet, cli->passphrase_file, opened, err);
    if (code == ERR_OK) {
        code = sign_in(ret, scopes_json, opened, err);
        if (keys == NULL || code != ERR_OK) {
            qubic_keys_wipe(opened);
        }
    }
    return code;
}
